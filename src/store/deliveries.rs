//! How far each sink has come in the log, and what it did not take.

use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::outbox::{LogEntry, Position, entry, horizon, window};
use super::rows::{moment, optional_moment};
use super::{Store, StoreFailure};
use crate::timestamp::Timestamp;

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

/// How long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// About so long: half of it at least, the rest is chance.
    pub about: Duration,
    /// As long in any case, as the sink has asked for; a little more by chance.
    pub at_least: Duration,
}

/// How work on a lane has ended.
#[derive(Clone, Debug)]
pub struct LaneEnd {
    /// Up to where everything was given to the sink, or is parked now.
    pub reached: Position,
    /// How often in a row the sink as a whole has failed.
    pub failures: i32,
    /// How long to leave the sink alone.
    pub pause: Pause,
    /// What was not taken.
    pub parked: Vec<Parked>,
    /// Why the sink as a whole has failed.
    pub reason: Option<String>,
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
    /// How long to wait. `None` for what waits for an event before it.
    pub retry_in: Option<Pause>,
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
    /// Since when nothing is sent to it.
    pub disabled_since: Option<Timestamp>,
    /// How often in a row it has failed as a whole.
    pub failures: i32,
    /// Why it is disabled, or else why it does not take what waits.
    pub reason: Option<String>,
}

/// How the log stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Backlog {
    /// Each sink.
    pub sinks: Vec<SinkState>,
    /// Rows that are held until their dialog is visible.
    pub held: i64,
}

/// One event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPlace {
    /// The row that it is in.
    pub row: Position,
    /// Which of its events.
    pub index: i16,
}

/// An event that was given up.
#[derive(Clone, Debug)]
pub struct DeadEvent {
    /// The sink that has not taken it.
    pub sink: String,
    /// The row of the log that it is in.
    pub entry: LogEntry,
    /// Which of its events.
    pub index: i16,
    /// When it was first not taken.
    pub since: Timestamp,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it was not taken.
    pub reason: String,
}

/// Rows of the log that are looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Those of what happened then or later.
    pub since: Option<Timestamp>,
    /// Those of what happened before then.
    pub until: Option<Timestamp>,
    /// Those of the dialog, or with the event, that has this id.
    pub id: Option<Uuid>,
}

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
        where l.sink = any($3) and l.lease_until <= now() and l.not_before <= now()
            and not exists (select from disabled_sink s where s.sink = l.sink)
            and (exists (select from outbox o where (o.xid, o.sequence) > (l.xid, l.sequence) and o.xid < ",
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
    update event_lane set xid = $4, sequence = $5, failures = $6, holder = null, lease_until = now(), reason = $16,
        not_before = now() + make_interval(secs => greatest($7 * (0.5 + random() / 2), $17 * (1 + random() / 10)))
    where sink = $1 and lane = $2 and holder = $3 returning 1
), parked as (
    insert into event_delivery (sink, lane, xid, sequence, position, dialog_id, attempts, next_attempt_at, dead, reason)
    select $1, $2, p.xid, p.sequence, p.position, p.dialog_id, p.attempts,
        now() + make_interval(secs => greatest(p.retry_in * (0.5 + random() / 2), p.at_least * (1 + random() / 10))),
        p.dead, p.reason
    from ended, unnest($8::bigint[], $9::bigint[], $10::smallint[], $11::uuid[], $12::integer[], $13::float8[],
        $14::boolean[], $15::text[], $18::float8[])
        as p (xid, sequence, position, dialog_id, attempts, retry_in, dead, reason, at_least)
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
        next_attempt_at = now() + make_interval(
            secs => greatest(p.retry_in * (0.5 + random() / 2), p.at_least * (1 + random() / 10)))
    from held, unnest($7::bigint[], $8::bigint[], $9::smallint[], $10::integer[], $11::float8[], $12::boolean[],
        $13::text[], $14::float8[]) as p (xid, sequence, position, attempts, retry_in, dead, reason, at_least)
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

/// Whether the row `o` of the log is within a [`Span`].
macro_rules! is_within {
    ($since:literal, $until:literal, $id:literal) => {
        concat!(
            "((",
            $since,
            "::timestamptz is null or o.occurred_at >= ",
            $since,
            ") and (",
            $until,
            "::timestamptz is null or o.occurred_at < ",
            $until,
            ") and (",
            $id,
            "::uuid is null or o.dialog_id = ",
            $id,
            " or o.payload -> 'events' @> jsonb_build_array(jsonb_build_object('id', ",
            $id,
            "))))"
        )
    };
}

// Rows that are not looked for come without what they tell.
const LOG_WITHIN: &str = concat!(
    "select o.xid, o.sequence, o.dialog_id, o.occurred_at, case when ",
    is_within!("$4", "$5", "$6"),
    " then o.payload end as payload
    from outbox o where (o.xid, o.sequence) > ($1, $2) order by o.xid, o.sequence limit $3"
);

// What a lane has not reached comes anyway, and must not overtake what is before it.
const AGAIN: &str = concat!(
    "with again as (
    insert into event_delivery (sink, lane, xid, sequence, position, dialog_id)
    select l.sink, l.lane, o.xid, o.sequence, c.position, o.dialog_id
    from unnest($2::bigint[], $3::bigint[], $4::smallint[]) as c (xid, sequence, position)
    join outbox o on o.xid = c.xid and o.sequence = c.sequence
    join event_lane l on l.sink = any($1) and l.lane = ",
    lane_of!("o.dialog_id"),
    " and (o.xid, o.sequence) <= (l.xid, l.sequence)
    on conflict (sink, xid, sequence, position) do update
        set dead = false, attempts = 0, next_attempt_at = null, since = now(), reason = null where event_delivery.dead
    returning 1
)
select count(*) from again"
);

const DEAD: &str = concat!(
    "select d.sink, d.xid, d.sequence, d.position, d.dialog_id, d.since, d.attempts, coalesce(d.reason, '') as reason,
        o.occurred_at, o.payload
    from event_delivery d join outbox o on o.xid = d.xid and o.sequence = d.sequence
    where d.dead and d.sink = any($1) and (d.sink, d.xid, d.sequence, d.position) > ($2, $3, $4, $5) and ",
    is_within!("$6", "$7", "$8"),
    " order by d.sink, d.xid, d.sequence, d.position limit $9"
);

const RETRY_DEAD: &str = "\
update event_delivery d set dead = false, attempts = 0, next_attempt_at = null, since = now()
from unnest($1::text[], $2::bigint[], $3::bigint[], $4::smallint[]) as c (sink, xid, sequence, position)
where d.sink = c.sink and d.xid = c.xid and d.sequence = c.sequence and d.position = c.position and d.dead";

const DROP_DEAD: &str = "\
delete from event_delivery d
using unnest($1::text[], $2::bigint[], $3::bigint[], $4::smallint[]) as c (sink, xid, sequence, position)
where d.sink = c.sink and d.xid = c.xid and d.sequence = c.sequence and d.position = c.position and d.dead";

const DISABLE: &str = "insert into disabled_sink (sink, reason) values ($1, $2) on conflict do nothing";

const ENABLE: &str = "\
with enabled as (
    delete from disabled_sink where sink = $1 returning 1
), woken as (
    update event_lane set not_before = now(), failures = 0, reason = null where sink = $1 and holder is null
)
select count(*) from enabled";

const FORGET: &str = "\
with lanes as (
    delete from event_lane where sink = $1
), disabled as (
    delete from disabled_sink where sink = $1
), deliveries as (
    delete from event_delivery where sink = $1 returning 1
)
select count(*) from deliveries";

const WAKE_REPLAYED: &str = "\
update event_delivery d set next_attempt_at = now()
from (
    select distinct on (sink, dialog_id) sink, xid, sequence, position, next_attempt_at from event_delivery
    where sink = any($1) and not dead order by sink, dialog_id, xid, sequence, position
) first
where d.sink = first.sink and d.xid = first.xid and d.sequence = first.sequence and d.position = first.position
    and first.next_attempt_at is null";

const BACKLOG: &str = "\
select s.sink, w.waiting, p.parked, p.dead, x.since as disabled_since, l.failures,
    coalesce(x.reason, l.reason,
        (select d.reason from event_delivery d where d.sink = s.sink and not d.dead and d.reason is not null limit 1)
    ) as reason,
    greatest(0, extract(epoch from now() - least(w.oldest, p.oldest)))::float8 as oldest_seconds
from unnest($1::text[]) as s (sink)
left join disabled_sink x on x.sink = s.sink
cross join lateral (
    select coalesce(max(failures), 0) as failures, max(reason) as reason from event_lane where sink = s.sink
) l
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
            .bind(end.pause.about.as_secs_f64())
            .bind(p.iter().map(|p| p.row.transaction).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.row.sequence).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.index).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.dialog).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.attempts).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.retry_in.map(|pause| pause.about.as_secs_f64())).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.is_dead).collect::<Vec<_>>())
            .bind(p.iter().map(|p| p.reason.clone()).collect::<Vec<_>>())
            .bind(end.reason)
            .bind(end.pause.at_least.as_secs_f64())
            .bind(p.iter().map(|p| p.retry_in.map(|pause| pause.at_least.as_secs_f64())).collect::<Vec<_>>());
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
            .bind(f.iter().map(|p| p.retry_in.map(|pause| pause.about.as_secs_f64())).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.is_dead).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.reason.clone()).collect::<Vec<_>>())
            .bind(f.iter().map(|p| p.retry_in.map(|pause| pause.at_least.as_secs_f64())).collect::<Vec<_>>());
        let is_held = self.connections.fetch_one(query).await?.try_get::<i64, _>(0)? == 1;
        let dialogs: Vec<Uuid> = d.iter().chain(f).map(|p| p.dialog).collect();
        self.connections.execute(sqlx::query(NEXT).bind(&lane.sink).bind(dialogs)).await?;
        Ok(is_held)
    }

    /// The next `limit` rows of the log: how far they go, and those that are looked for. `None` at the
    /// end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_within(
        &self,
        after: Position,
        span: Span,
        limit: i64,
    ) -> Result<Option<(Position, Vec<LogEntry>)>, StoreFailure> {
        let query = sqlx::query(LOG_WITHIN)
            .bind(after.transaction)
            .bind(after.sequence)
            .bind(limit)
            .bind(span.since.map(Timestamp::utc))
            .bind(span.until.map(Timestamp::utc))
            .bind(span.id);
        window(&self.connections.fetch_all(query).await?)
    }

    /// Gives events to sinks once more, also ones that were given up. Gives how many deliveries that
    /// makes; they begin with [`wake_again`](Self::wake_again). As long as this runs, nothing that comes
    /// after it is told, so it takes few events at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_again(&self, sinks: &[String], events: &[EventPlace]) -> Result<i64, StoreFailure> {
        let query = sqlx::query(AGAIN)
            .bind(sinks)
            .bind(events.iter().map(|e| e.row.transaction).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.row.sequence).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.index).collect::<Vec<_>>());
        Ok(self.connections.fetch_one(query).await?.try_get(0)?)
    }

    /// Makes the deliveries begin that were asked for anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn wake_again(&self, sinks: &[String]) -> Result<(), StoreFailure> {
        self.connections.execute(sqlx::query(WAKE_REPLAYED).bind(sinks)).await?;
        Ok(())
    }

    /// The next `limit` events that these sinks were to get and that were given up, by sink and in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_events(
        &self,
        sinks: &[String],
        span: Span,
        after: Option<&DeadEvent>,
        limit: i64,
    ) -> Result<Vec<DeadEvent>, StoreFailure> {
        let position = after.map(|dead| dead.entry.position).unwrap_or_default();
        let query = sqlx::query(DEAD)
            .bind(sinks)
            .bind(after.map_or("", |dead| dead.sink.as_str()))
            .bind(position.transaction)
            .bind(position.sequence)
            .bind(after.map_or(-1, |dead| dead.index))
            .bind(span.since.map(Timestamp::utc))
            .bind(span.until.map(Timestamp::utc))
            .bind(span.id)
            .bind(limit);
        let rows = self.connections.fetch_all(query).await?;
        let dead = |row: &PgRow| {
            Ok(DeadEvent {
                sink: row.try_get("sink")?,
                entry: entry(row)?,
                index: row.try_get("position")?,
                since: moment(row, "since")?,
                attempts: row.try_get("attempts")?,
                reason: row.try_get("reason")?,
            })
        };
        rows.iter().map(dead).collect()
    }

    /// Has events that were given up tried again; they begin with [`wake_again`](Self::wake_again). Gives
    /// how many of them were still given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_dead(&self, events: &[DeadEvent]) -> Result<u64, StoreFailure> {
        self.change_dead(RETRY_DEAD, events).await
    }

    /// Forgets events that were given up. Gives how many of them were still given up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_dead(&self, events: &[DeadEvent]) -> Result<u64, StoreFailure> {
        self.change_dead(DROP_DEAD, events).await
    }

    async fn change_dead(&self, sql: &'static str, events: &[DeadEvent]) -> Result<u64, StoreFailure> {
        let query = sqlx::query(sql)
            .bind(events.iter().map(|e| e.sink.as_str()).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.entry.position.transaction).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.entry.position.sequence).collect::<Vec<_>>())
            .bind(events.iter().map(|e| e.index).collect::<Vec<_>>());
        Ok(self.connections.execute(query).await?.rows_affected())
    }

    /// Has nothing more sent to a sink, by any instance, until it is enabled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disable_sink(&self, sink: &str, reason: &str) -> Result<(), StoreFailure> {
        self.connections.execute(sqlx::query(DISABLE).bind(sink).bind(reason)).await?;
        Ok(())
    }

    /// Has events sent to a sink again. Tells whether it was disabled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enable_sink(&self, sink: &str) -> Result<bool, StoreFailure> {
        let row = self.connections.fetch_one(sqlx::query(ENABLE).bind(sink)).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// Forgets all about a sink. Gives how many deliveries it had not taken. Instances that still have it
    /// register it again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_sink(&self, sink: &str) -> Result<i64, StoreFailure> {
        Ok(self.connections.fetch_one(sqlx::query(FORGET).bind(sink)).await?.try_get(0)?)
    }

    /// Names of all sinks that there have been and that were not forgotten.
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
                disabled_since: optional_moment(row, "disabled_since")?,
                failures: row.try_get("failures")?,
                reason: row.try_get("reason")?,
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
