//! How far each sink has come in the log, and what it did not take.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::outbox::{LogEntry, Position, entry, horizon};
use super::{Store, StoreFailure};

/// How many lanes a sink has. What is stored depends on it.
const LANES: i16 = 4;

/// The lane of a dialog: the last bits of its id, which are random.
macro_rules! lane_of {
    ($dialog:literal) => {
        concat!("(get_byte(uuid_send(", $dialog, "), 15) & 3)")
    };
}

/// A lane of a sink that is held by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Name of the sink.
    pub sink: String,
    /// Number of the lane.
    pub number: i16,
    /// Up to where everything was given to the sink, or parked.
    pub reached: Position,
    /// How often in a row the sink as a whole has failed.
    pub failures: i32,
    /// Whether there are parked events whose time has come.
    pub has_due: bool,
}

/// Who holds lanes, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// An id that nobody else has.
    pub holder: Uuid,
    /// How long the lane is held if nothing more is heard.
    pub lease: Duration,
}

/// How work on a lane has ended.
#[derive(Clone, Debug)]
pub struct LaneEnd {
    /// Up to where everything was given to the sink, or is parked now.
    pub reached: Position,
    /// How often in a row the sink as a whole has failed.
    pub failures: i32,
    /// How long to leave the sink alone; half of it at least, the rest is chance.
    pub pause: Duration,
    /// What was not taken.
    pub parked: Vec<Parked>,
}

/// An event that a sink has not taken.
#[derive(Clone, Debug)]
pub struct Parked {
    /// The row of the log.
    pub row: Position,
    /// Which of its events.
    pub index: i16,
    /// The dialog.
    pub dialog: Uuid,
    /// How often it was tried.
    pub attempts: i32,
    /// How long to wait; half of it at least, the rest is chance. `None` for what waits for an event
    /// before it.
    pub retry_in: Option<Duration>,
    /// Whether it is given up.
    pub is_dead: bool,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A parked event whose time has come, or that waits behind one.
#[derive(Clone, Debug)]
pub struct Retried {
    /// The row of the log that it is in.
    pub entry: LogEntry,
    /// Which of its events.
    pub index: i16,
    /// How often it was tried.
    pub attempts: i32,
    /// For how long it has been parked.
    pub age: Duration,
}

/// How one sink stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkState {
    /// Its name.
    pub sink: String,
    /// Rows of the log that none of it has been given, as far as they were counted.
    pub waiting: i64,
    /// Parked events.
    pub parked: i64,
    /// Events that were given up.
    pub dead: i64,
    /// Age of the oldest row or event that it has not got, in seconds; 0 when there is none.
    pub oldest_seconds: f64,
}

/// How the log stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// Each sink.
    pub sinks: Vec<SinkState>,
    /// Rows that are held until their dialog is visible.
    pub held: i64,
}

/// How many rows are looked at at once when events are told again.
const REPLAYED_AT_ONCE: i64 = 2_000;

/// Up to how many rows are counted.
const COUNTED: i64 = 100_000;

const REGISTER: &str = concat!(
    "insert into event_lane (sink, lane, xid, sequence)
    select sink, lane, ",
    horizon!(),
    ", 0 from unnest($1::text[]) as s (sink), generate_series(0, $2::smallint - 1) as l (lane)
    on conflict do nothing"
);

// The lane that was left longest ago comes first.
const CLAIM: &str = concat!(
    "update event_lane set holder = $1, lease_until = now() + make_interval(secs => $2)
    from (
        select l.sink, l.lane from event_lane l
        where l.sink = any($3) and l.lease_until <= now() and l.not_before <= now() and (
            exists (select from outbox o where (o.xid, o.sequence) > (l.xid, l.sequence) and o.xid < ",
    horizon!(),
    ") or exists (
                select from event_delivery d
                where d.sink = l.sink and d.lane = l.lane and not d.dead and d.next_attempt_at <= now()))
        order by l.lease_until limit 1 for update skip locked
    ) free
    where event_lane.sink = free.sink and event_lane.lane = free.lane
    returning event_lane.sink, event_lane.lane, event_lane.xid, event_lane.sequence, event_lane.failures,
        exists (
            select from event_delivery d
            where d.sink = event_lane.sink and d.lane = event_lane.lane and not d.dead and d.next_attempt_at <= now()
        ) as has_due"
);

// Rows of other lanes come without what they tell: only how far the log goes is of interest.
const WINDOW: &str = concat!(
    "select o.xid, o.sequence, o.dialog_id, o.occurred_at,
        case when ",
    lane_of!("o.dialog_id"),
    " = $3 then o.payload end as payload,
        exists (select from event_delivery d where d.dialog_id = o.dialog_id and d.sink = $4 and not d.dead)
            as is_queued
    from outbox o where (o.xid, o.sequence) > ($1, $2) and o.xid < ",
    horizon!(),
    " order by o.xid, o.sequence limit $5"
);

const FINISH: &str = "\
with ended as (
    update event_lane set xid = $4, sequence = $5, failures = $6, holder = null, lease_until = now(),
        not_before = now() + make_interval(secs => $7 * (0.5 + random() / 2))
    where sink = $1 and lane = $2 and holder = $3 returning 1
), parked as (
    insert into event_delivery (sink, lane, xid, sequence, position, dialog_id, attempts, next_attempt_at, dead, reason)
    select $1, $2, p.xid, p.sequence, p.position, p.dialog_id, p.attempts,
        now() + make_interval(secs => p.retry_in * (0.5 + random() / 2)), p.dead, p.reason
    from ended, unnest($8::bigint[], $9::bigint[], $10::smallint[], $11::uuid[], $12::integer[], $13::float8[],
        $14::boolean[], $15::text[]) as p (xid, sequence, position, dialog_id, attempts, retry_in, dead, reason)
    on conflict (sink, xid, sequence, position) do nothing
)
select count(*) from ended";

const DUE: &str = "\
with heads as (
    select dialog_id from event_delivery
    where sink = $1 and lane = $2 and not dead and next_attempt_at <= now()
    order by next_attempt_at limit $3
)
select d.xid, d.sequence, d.position, d.attempts, d.dialog_id, o.occurred_at, o.payload,
    extract(epoch from now() - d.since)::float8 as age
from event_delivery d join outbox o on o.xid = d.xid and o.sequence = d.sequence
where d.sink = $1 and not d.dead and d.dialog_id in (select dialog_id from heads)
order by d.xid, d.sequence, d.position limit $4";

const RETRIED: &str = "\
with held as materialized (
    select 1 from event_lane where sink = $1 and lane = $2 and holder = $3 for update
), delivered as (
    delete from event_delivery d using held, unnest($4::bigint[], $5::bigint[], $6::smallint[]) as p (xid, sequence, position)
    where d.sink = $1 and d.xid = p.xid and d.sequence = p.sequence and d.position = p.position
), failed as (
    update event_delivery d set attempts = p.attempts, dead = p.dead, reason = p.reason,
        next_attempt_at = now() + make_interval(secs => p.retry_in * (0.5 + random() / 2))
    from held, unnest($7::bigint[], $8::bigint[], $9::smallint[], $10::integer[], $11::float8[], $12::boolean[],
        $13::text[]) as p (xid, sequence, position, attempts, retry_in, dead, reason)
    where d.sink = $1 and d.xid = p.xid and d.sequence = p.sequence and d.position = p.position
)
select count(*) from held";

// The first that is left of each dialog has its turn.
const NEXT: &str = "\
update event_delivery d set next_attempt_at = now()
from (
    select distinct on (dialog_id) sink, xid, sequence, position, next_attempt_at from event_delivery
    where sink = $1 and dialog_id = any($2) and not dead order by dialog_id, xid, sequence, position
) first
where d.sink = first.sink and d.xid = first.xid and d.sequence = first.sequence and d.position = first.position
    and first.next_attempt_at is null";

// A part of the log at a time: as long as a statement writes, nothing that comes after it is told.
const REPLAY: &str = "\
with part as materialized (
    select * from outbox where (xid, sequence) > ($4, $5) order by xid, sequence limit $6
), chosen as (
    select o.xid, o.sequence, o.dialog_id, e.position - 1 as position from part o
    cross join lateral jsonb_array_elements(o.payload -> 'events') with ordinality as e (event, position)
    where ($2::timestamptz is null or o.occurred_at >= $2)
        and ($3::uuid is null or o.dialog_id = $3 or e.event ->> 'id' = $3::text)
        and not coalesce((o.payload ->> 'silent')::boolean, false)
), again as (
    insert into event_delivery (sink, lane, xid, sequence, position, dialog_id)
    select s.sink, get_byte(uuid_send(c.dialog_id), 15) & 3, c.xid, c.sequence, c.position, c.dialog_id
    from chosen c, unnest($1::text[]) as s (sink)
    on conflict (sink, xid, sequence, position) do update
        set dead = false, attempts = 0, next_attempt_at = null, since = now() where event_delivery.dead
    returning 1
)
select xid, sequence, (select count(*) from again) as again from part order by xid desc, sequence desc limit 1";

const WAKE_REPLAYED: &str = "\
update event_delivery d set next_attempt_at = now()
from (
    select distinct on (sink, dialog_id) sink, xid, sequence, position, next_attempt_at from event_delivery
    where sink = any($1) and not dead order by sink, dialog_id, xid, sequence, position
) first
where d.sink = first.sink and d.xid = first.xid and d.sequence = first.sequence and d.position = first.position
    and first.next_attempt_at is null";

const BACKLOG: &str = "\
select s.sink, w.waiting, p.parked, p.dead,
    greatest(0, extract(epoch from now() - least(w.oldest, p.oldest)))::float8 as oldest_seconds
from unnest($1::text[]) as s (sink)
cross join lateral (
    select count(*) as waiting, min(o.available_at) as oldest from (
        select o.available_at from outbox o,
            (select xid, sequence from event_lane where sink = s.sink order by xid, sequence limit 1) l
        where (o.xid, o.sequence) > (l.xid, l.sequence) order by o.xid, o.sequence limit $2) o
) w
cross join lateral (
    select count(*) filter (where not dead) as parked, count(*) filter (where dead) as dead,
        min(since) filter (where not dead) as oldest
    from event_delivery d where d.sink = s.sink
) p";

impl Store {
    /// Makes lanes for sinks that have none: they get what is told from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register_sinks(&self, sinks: &[String]) -> Result<(), StoreFailure> {
        self.connections.execute(sqlx::query(REGISTER).bind(sinks).bind(LANES)).await?;
        Ok(())
    }

    /// Takes hold of a lane of one of these sinks on which there is something to do.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_lane(&self, sinks: &[String], claim: Claim) -> Result<Option<Lane>, StoreFailure> {
        let query = sqlx::query(CLAIM).bind(claim.holder).bind(claim.lease.as_secs_f64()).bind(sinks);
        let Some(row) = self.connections.fetch_optional(query).await? else { return Ok(None) };
        Ok(Some(Lane {
            sink: row.try_get("sink")?,
            number: row.try_get("lane")?,
            reached: Position { transaction: row.try_get("xid")?, sequence: row.try_get("sequence")? },
            failures: row.try_get("failures")?,
            has_due: row.try_get("has_due")?,
        }))
    }

    /// Holds a lane for longer. Tells whether it was still held.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_lane(&self, lane: &Lane, claim: Claim) -> Result<bool, StoreFailure> {
        let sql = "update event_lane set lease_until = now() + make_interval(secs => $4)
            where sink = $1 and lane = $2 and holder = $3";
        let query = sqlx::query(sql).bind(&lane.sink).bind(lane.number).bind(claim.holder);
        let done = self.connections.execute(query.bind(claim.lease.as_secs_f64())).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The next `limit` rows of the log for a lane: how far they go, and those that are the lane's, with
    /// whether parked events of the same dialog come first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lane_window(
        &self,
        lane: &Lane,
        limit: i64,
    ) -> Result<(Position, Vec<(LogEntry, bool)>), StoreFailure> {
        let query = sqlx::query(WINDOW)
            .bind(lane.reached.transaction)
            .bind(lane.reached.sequence)
            .bind(i32::from(lane.number))
            .bind(&lane.sink)
            .bind(limit);
        let rows = self.connections.fetch_all(query).await?;
        let mut entries = Vec::new();
        for row in &rows {
            if !sqlx::ValueRef::is_null(&row.try_get_raw("payload")?) {
                entries.push((entry(row)?, row.try_get("is_queued")?));
            }
        }
        let last = |row: &PgRow| -> Result<Position, StoreFailure> {
            Ok(Position { transaction: row.try_get("xid")?, sequence: row.try_get("sequence")? })
        };
        Ok((rows.last().map_or(Ok(lane.reached), last)?, entries))
    }

    /// Parks what was not taken, and lets go of the lane. Tells whether it was still held; otherwise
    /// nothing is done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_lane(&self, lane: &Lane, claim: Claim, end: LaneEnd) -> Result<bool, StoreFailure> {
        let p = end.parked;
        let query = sqlx::query(FINISH)
            .bind(&lane.sink)
            .bind(lane.number)
            .bind(claim.holder)
            .bind(end.reached.transaction)
            .bind(end.reached.sequence)
            .bind(end.failures)
            .bind(end.pause.as_secs_f64())
            .bind(p.iter().map(|p| p.row.transaction).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.row.sequence).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.index).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.dialog).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.attempts).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.retry_in.map(|time| time.as_secs_f64())).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.is_dead).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.reason.clone()).collect::<Vec<_>>());
        Ok(self.connections.fetch_one(query).await?.try_get::<i64, _>(0)? == 1)
    }

    /// Parked events of a lane whose time has come, of at most `dialogs` dialogs, with those that wait
    /// behind them; at most `limit`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_events(
        &self,
        lane: &Lane,
        dialogs: i64,
        limit: i64,
    ) -> Result<Vec<Retried>, StoreFailure> {
        let query = sqlx::query(DUE).bind(&lane.sink).bind(lane.number).bind(dialogs).bind(limit);
        let rows = self.connections.fetch_all(query).await?;
        let retried = |row: &PgRow| {
            Ok(Retried {
                entry: entry(row)?,
                index: row.try_get("position")?,
                attempts: row.try_get("attempts")?,
                age: Duration::from_secs_f64(row.try_get::<f64, _>("age")?.max(0.0)),
            })
        };
        rows.iter().map(retried).collect()
    }

    /// Notes how the delivery of parked events went, while the lane is held. Tells whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish_due(
        &self,
        lane: &Lane,
        claim: Claim,
        delivered: &[Parked],
        failed: &[Parked],
    ) -> Result<bool, StoreFailure> {
        let (d, f) = (delivered, failed);
        let query = sqlx::query(RETRIED)
            .bind(&lane.sink)
            .bind(lane.number)
            .bind(claim.holder)
            .bind(d.iter().map(|p| p.row.transaction).collect::<Vec<_>>())
            .bind(d.iter().map(|p| p.row.sequence).collect::<Vec<_>>())
            .bind(d.iter().map(|p| p.index).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.row.transaction).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.row.sequence).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.index).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.attempts).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.retry_in.map(|time| time.as_secs_f64())).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.is_dead).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.reason.clone()).collect::<Vec<_>>());
        let is_held = self.connections.fetch_one(query).await?.try_get::<i64, _>(0)? == 1;
        let dialogs: Vec<Uuid> = d.iter().chain(f).map(|p| p.dialog).collect();
        self.connections.execute(sqlx::query(NEXT).bind(&lane.sink).bind(dialogs)).await?;
        Ok(is_held)
    }

    /// Gives events to sinks once more: all since a time, or those of one dialog or with one id, also
    /// ones that were given up. Gives how many deliveries that makes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay(
        &self,
        sinks: &[String],
        since: Option<crate::timestamp::Timestamp>,
        id: Option<Uuid>,
    ) -> Result<i64, StoreFailure> {
        let since = since.map(crate::timestamp::Timestamp::utc);
        let (mut reached, mut count) = (Position::default(), 0);
        loop {
            let query = sqlx::query(REPLAY).bind(sinks).bind(since).bind(id);
            let query = query.bind(reached.transaction).bind(reached.sequence).bind(REPLAYED_AT_ONCE);
            let Some(row) = self.connections.fetch_optional(query).await? else { break };
            reached = Position { transaction: row.try_get("xid")?, sequence: row.try_get("sequence")? };
            count += row.try_get::<i64, _>("again")?;
        }
        self.connections.execute(sqlx::query(WAKE_REPLAYED).bind(sinks)).await?;
        Ok(count)
    }

    /// Names of all sinks that there have been.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sinks(&self) -> Result<Vec<String>, StoreFailure> {
        let rows = self
            .connections
            .fetch_all(sqlx::query("select distinct sink from event_lane order by sink"))
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// How far these sinks are behind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn backlog(&self, sinks: &[String]) -> Result<Backlog, StoreFailure> {
        let rows = self.connections.fetch_all(sqlx::query(BACKLOG).bind(sinks).bind(COUNTED)).await?;
        let state = |row: &PgRow| {
            Ok::<_, StoreFailure>(SinkState {
                sink: row.try_get("sink")?,
                waiting: row.try_get("waiting")?,
                parked: row.try_get("parked")?,
                dead: row.try_get("dead")?,
                oldest_seconds: row.try_get::<Option<f64>, _>("oldest_seconds")?.unwrap_or(0.0),
            })
        };
        let held = self.connections.fetch_one(sqlx::query("select count(*) from outbox_held")).await?;
        Ok(Backlog { sinks: rows.iter().map(state).collect::<Result<_, _>>()?, held: held.try_get(0)? })
    }
}
