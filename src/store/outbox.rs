//! The outbox: what is told about changes, as a log that is only appended to. See
//! `migrations/0020_event_log.sql` for its order.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::{PgListener, PgRow};
use sqlx::types::Json;
use uuid::Uuid;

use super::rows::{moment, optional_moment};
use super::{Store, StoreFailure};
use crate::clock::Ids;
use crate::dialog::events::{Event, EventBatch, Telling};
use crate::dialog::model::{RESOURCE_URN_PREFIX, SystemLabels};
use crate::telemetry;
use crate::timestamp::Timestamp;

/// A place in the log. What comes later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Number of the transaction.
    pub transaction: i64,
    /// Number of the row.
    pub sequence: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.transaction, self.sequence)
    }
}

impl Position {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (transaction, sequence) = text.split_once('-')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
        Some(Self { transaction: number(transaction)?, sequence: number(sequence)? })
    }

    /// The place just before.
    #[must_use]
    pub fn before(self) -> Self {
        Self { sequence: self.sequence - 1, ..self }
    }
}

/// A row of the log: the events of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place.
    pub position: Position,
    /// The dialog.
    pub dialog: Uuid,
    /// What happened; [`EventBatch::occurred_at`] is set.
    pub batch: EventBatch,
}

/// A dialog that the log names, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedDialog {
    /// Its id.
    pub id: Uuid,
    /// Its revision.
    pub revision: Uuid,
    /// Revision of its end-user context.
    pub end_user_context_revision: Uuid,
    /// Its labels.
    pub system_labels: SystemLabels,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// From when end users see it.
    pub visible_from: Option<Timestamp>,
    /// Until when end users see it.
    pub expires_at: Option<Timestamp>,
    /// Labels of the service owner.
    pub service_owner_labels: Vec<String>,
}

/// What is told, as parameters of the statement that makes the change.
pub(super) struct ToldColumns {
    /// Until when it is held.
    pub until: Option<DateTime<Utc>>,
    pub payload: Option<Json<Box<EventBatch>>>,
    /// What is told instead when it is held behind the creation.
    pub after_creation: Option<Json<Box<EventBatch>>>,
}

impl ToldColumns {
    pub fn of(mut batch: Option<EventBatch>, hold: bool) -> Self {
        if let Some(batch) = &mut batch {
            batch.traceparent = telemetry::traceparent();
        }
        match batch.map_or(Telling::Nothing, |batch| batch.telling(hold)) {
            Telling::Nothing => Self { until: None, payload: None, after_creation: None },
            Telling::Now(batch) => Self { until: None, payload: Some(Json(batch)), after_creation: None },
            Telling::Held { until, batch, after_creation } => Self {
                until: Some(until.utc()),
                payload: Some(Json(batch)),
                after_creation: after_creation.map(Json),
            },
        }
    }
}

/// Tells of every row of `deed` for which `is_told` holds, in a statement that starts with `with`; before
/// it, what was held of the dialog until it became visible. `deed` has the dialog's `id`, `party_key`,
/// `visible_from` and `deleted_at`.
macro_rules! tell {
    ($deed:literal, $now:literal, $is_told:literal, $payload:literal) => {
        concat!(
            "), freed as (
    delete from outbox_held h using ",
            $deed,
            " f where h.dialog_id = f.id and f.visible_from <= ",
            $now,
            " and f.deleted_at is null
    returning h.dialog_id, h.party_key, h.available_at, h.payload, h.sequence
), told as (
    insert into outbox (dialog_id, party_key, occurred_at, payload)
    select t.dialog_id, t.party_key, t.occurred_at, t.payload
    from (
        select dialog_id, party_key, available_at as occurred_at, payload, sequence from freed
        union all
        select id, party_key, ",
            $now,
            ", ",
            $payload,
            ", 9223372036854775807 from ",
            $deed,
            " where ",
            $is_told,
            "
    ) t order by t.sequence
"
        )
    };
}
pub(super) use tell;

/// Below this no transaction can add anything to the log any more.
macro_rules! horizon {
    () => {
        "(select pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
    };
}
pub(super) use horizon;

/// Channel on which instances tell each other that there is something new.
const CHANNEL: &str = "dialogporten_events";

// Dialogs that somebody changes just now are left to that change, which frees what is due itself; whoever
// comes later waits for the lock and so gets a later transaction number.
const RELEASE: &str = "\
with due as (
    select dialog_id from outbox_held where available_at <= $1 group by dialog_id order by min(available_at) limit 500
), locked as materialized (
    select id, deleted_at from dialog where id in (select dialog_id from due) order by id for update skip locked
), freed as (
    delete from outbox_held h using locked where h.dialog_id = locked.id
    returning h.dialog_id, h.party_key, h.available_at, h.payload, h.sequence, locked.deleted_at
), told as (
    insert into outbox (dialog_id, party_key, occurred_at, payload)
    select dialog_id, party_key, available_at, payload from freed where deleted_at is null
    order by available_at, sequence
)
select count(*) from freed";

/// For how many dialogs that have expired the changes of others are waited for, one dialog after the other.
const WAITED_FOR: usize = 10;

const EXPIRED: &str = "\
select d.id, d.xmin::text::bigint as version, d.expires_at, d.org, d.process,
    doc.party, doc.service_resource, doc.preceding_process
from dialog d join dialog_document doc on doc.dialog_id = d.id
where d.expires_at > (select expiry from outbox_floor) and d.expires_at <= $1 and d.deleted_at is null
    and d.expiry_told_for is distinct from d.expires_at
order by d.expires_at limit 500";

macro_rules! tell_expired {
    ($condition:literal, $lock:literal) => {
        concat!(
            "with locked as materialized (
    select d.id, d.party_key, d.visible_from, d.deleted_at, d.expires_at as told_at, w.payload
    from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::jsonb[]) as w (id, version, expires_at, payload)
        join dialog d on d.id = w.id and ",
            $condition,
            " order by d.id for update of d ",
            $lock,
            "
), marked as (
    update dialog set expiry_told_for = expires_at from locked where dialog.id = locked.id
",
            tell!("locked", "told_at", "true", "payload"),
            ")
select count(*) from locked"
        )
    };
}

// As with what is released: dialogs that somebody changes just now are left out, and so are those that
// somebody has changed since they were read, whose transaction may have the later number.
const TELL_EXPIRED: &str = tell_expired!("d.xmin::text::bigint = w.version", "skip locked");

// For a single dialog, whoever changes it just now can be waited for: the number is given afterwards.
const TELL_ONE_EXPIRED: &str = tell_expired!(
    "d.expires_at = w.expires_at and d.deleted_at is null and d.expiry_told_for is distinct from d.expires_at",
    ""
);

const AFTER: &str = concat!(
    "select xid, sequence, dialog_id, occurred_at, payload from outbox
    where (xid, sequence) > ($1, $2) and xid < ",
    horizon!(),
    " order by xid, sequence limit $3"
);

const AFTER_OF_PARTIES: &str = concat!(
    "select e.* from unnest($1::bigint[]) as p (party_key) cross join lateral (
        select xid, sequence, dialog_id, occurred_at, payload from outbox o
        where o.party_key = p.party_key and (o.xid, o.sequence) > ($2, $3) and o.xid < ",
    horizon!(),
    " order by o.xid, o.sequence limit $4
    ) e order by e.xid, e.sequence limit $4"
);

// There is no index by dialog, which every change would have to pay for. So of a dialog a part of its
// party's log is read at a time, and only the last row of it comes besides.
const AFTER_OF_DIALOG: &str = concat!(
    "select xid, sequence, dialog_id, occurred_at, case when dialog_id = $4 then payload end as payload
    from (
        select w.*, lead(w.sequence) over (order by w.xid, w.sequence) is null as is_last
        from (
            select xid, sequence, dialog_id, occurred_at, payload from outbox
            where party_key = $1 and (xid, sequence) > ($2, $3) and xid < ",
    horizon!(),
    " order by xid, sequence limit $5
        ) w
    ) x where dialog_id = $4 or is_last order by xid, sequence"
);

const CHANGED: &str = "\
select d.id, d.revision, d.end_user_context_revision, d.system_labels, d.updated_at, d.deleted_at, d.visible_from, d.expires_at,
    array(select value from service_owner_label l where l.dialog_id = d.id) as labels
from dialog d where d.id = any($1)";

// The rows that go are the oldest, so that pages become free as a whole. What a sink has not got yet stays.
const CLEAN_UP: &str = "\
with leader as materialized (
    select pg_try_advisory_xact_lock(hashtext('dialogporten_clean_up')) as is_mine
), reached as materialized (
    select xid, sequence from event_lane where sink = any($2) order by xid, sequence limit 1
), oldest as materialized (
    select xid, sequence, available_at from outbox order by xid, sequence limit $3
), old as materialized (
    select o.xid, o.sequence from oldest o, leader
    where leader.is_mine and o.available_at < now() - make_interval(secs => $1)
        and not exists (select from reached r where (o.xid, o.sequence) > (r.xid, r.sequence))
        and not exists (
            select from event_delivery d
            where d.sink = any($2) and d.xid = o.xid and d.sequence = o.sequence and not d.dead)
), removed as (
    delete from outbox o using old where o.xid = old.xid and o.sequence = old.sequence
), forgotten as (
    delete from event_delivery d using old
    where d.xid = old.xid and d.sequence = old.sequence and (d.dead or d.sink <> all($2))
), floor as (
    update outbox_floor f set xid = last.xid, sequence = last.sequence
    from (select xid, sequence from old order by xid desc, sequence desc limit 1) last
    where (last.xid, last.sequence) > (f.xid, f.sequence)
)
select count(*) from old";

impl Store {
    /// Waits until something was told through this store since it was last waited for.
    pub async fn something_told(&self) {
        self.told.notified().await;
    }

    /// Tells all instances that there is something new. Never called by what writes: while a transaction
    /// that has done it commits, no other one that does can.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn announce(&self) -> Result<(), StoreFailure> {
        self.connections.execute(sqlx::query("select pg_notify($1, '')").bind(CHANNEL)).await?;
        Ok(())
    }

    /// Hears what [`announce`](Self::announce) tells, on a connection of its own.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn listen(&self) -> Result<PgListener, StoreFailure> {
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(self.pool().connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Tells what was held of dialogs that are visible by now, and drops what was held of deleted ones.
    /// Gives how many rows that were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_events(&self, now: Timestamp) -> Result<i64, StoreFailure> {
        let row = self.connections.fetch_one(sqlx::query(RELEASE).bind(now.utc())).await?;
        let released = row.try_get(0)?;
        if released > 0 {
            self.told.notify_one();
        }
        Ok(released)
    }

    /// Tells of dialogs that have expired, each once for each expiry. Gives how many those were; there may
    /// be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tell_expired(&self, now: Timestamp, ids: &mut Ids) -> Result<i64, StoreFailure> {
        let rows = self.connections.fetch_all(sqlx::query(EXPIRED).bind(now.utc())).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut told = self.tell_expired_rows(TELL_EXPIRED, &rows, ids).await?;
        if told == 0 {
            // What is changed all the time would never have its turn.
            for row in rows.chunks(1).take(WAITED_FOR) {
                told += self.tell_expired_rows(TELL_ONE_EXPIRED, row, ids).await?;
            }
        }
        if told > 0 {
            self.told.notify_one();
        }
        Ok(told)
    }

    async fn tell_expired_rows(
        &self,
        sql: &'static str,
        rows: &[PgRow],
        ids: &mut Ids,
    ) -> Result<i64, StoreFailure> {
        let (mut dialogs, mut versions, mut moments, mut payloads) = (vec![], vec![], vec![], vec![]);
        for row in rows {
            dialogs.push(row.try_get::<Uuid, _>("id")?);
            versions.push(row.try_get::<i64, _>("version")?);
            moments.push(row.try_get::<DateTime<Utc>, _>("expires_at")?);
            payloads.push(Json(expiry(row, ids)?));
        }
        let query = sqlx::query(sql).bind(dialogs).bind(versions).bind(moments).bind(payloads);
        Ok(self.connections.fetch_one(query).await?.try_get(0)?)
    }

    /// The end of the log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_end(&self) -> Result<Position, StoreFailure> {
        let row = self.connections.fetch_one(sqlx::query(concat!("select ", horizon!()))).await?;
        Ok(Position { transaction: row.try_get(0)?, sequence: 0 })
    }

    /// Up to where the log has been cleaned up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_floor(&self) -> Result<Position, StoreFailure> {
        position(&self.connections.fetch_one(sqlx::query("select xid, sequence from outbox_floor")).await?)
    }

    /// The next rows of the log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_after(&self, after: Position, limit: i64) -> Result<Vec<LogEntry>, StoreFailure> {
        let query = sqlx::query(AFTER).bind(after.transaction).bind(after.sequence).bind(limit);
        self.connections.fetch_all(query).await?.iter().map(entry).collect()
    }

    /// The next rows of the log about these parties (keys).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_of_parties(
        &self,
        party_keys: &[i64],
        after: Position,
        limit: i64,
    ) -> Result<Vec<LogEntry>, StoreFailure> {
        let query = sqlx::query(AFTER_OF_PARTIES)
            .bind(party_keys)
            .bind(after.transaction)
            .bind(after.sequence)
            .bind(limit);
        self.connections.fetch_all(query).await?.iter().map(entry).collect()
    }

    /// Looks for one dialog among the next `limit` rows of the log about its party (key): how far they go,
    /// and those that are of the dialog. `None` at the end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_of_dialog(
        &self,
        party_key: i64,
        dialog: Uuid,
        after: Position,
        limit: i64,
    ) -> Result<Option<(Position, Vec<LogEntry>)>, StoreFailure> {
        let query = sqlx::query(AFTER_OF_DIALOG)
            .bind(party_key)
            .bind(after.transaction)
            .bind(after.sequence)
            .bind(dialog)
            .bind(limit);
        window(&self.connections.fetch_all(query).await?)
    }

    /// The newest rows of the log, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_tail(&self, limit: i64) -> Result<Vec<LogEntry>, StoreFailure> {
        let sql = concat!(
            "select xid, sequence, dialog_id, occurred_at, payload from outbox where xid < ",
            horizon!(),
            " order by xid desc, sequence desc limit $1"
        );
        let rows = self.connections.fetch_all(sqlx::query(sql).bind(limit)).await?;
        rows.iter().rev().map(entry).collect()
    }

    /// Those of these dialogs that there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changed_dialogs(&self, ids: &[Uuid]) -> Result<Vec<ChangedDialog>, StoreFailure> {
        let rows = self.connections.fetch_all(sqlx::query(CHANGED).bind(ids)).await?;
        let changed = |row: &PgRow| {
            Ok(ChangedDialog {
                id: row.try_get("id")?,
                revision: row.try_get("revision")?,
                end_user_context_revision: row.try_get("end_user_context_revision")?,
                system_labels: SystemLabels(row.try_get("system_labels")?),
                updated_at: moment(row, "updated_at")?,
                deleted_at: optional_moment(row, "deleted_at")?,
                visible_from: optional_moment(row, "visible_from")?,
                expires_at: optional_moment(row, "expires_at")?,
                service_owner_labels: row.try_get("labels")?,
            })
        };
        rows.iter().map(changed).collect()
    }

    /// Removes up to `limit` rows that are older than `seconds` and that all of `sinks` have got. Gives
    /// how many those were; none while another instance does this.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clean_log(&self, seconds: f64, sinks: &[String], limit: i64) -> Result<i64, StoreFailure> {
        let query = sqlx::query(CLEAN_UP).bind(seconds).bind(sinks).bind(limit);
        Ok(self.connections.fetch_one(query).await?.try_get(0)?)
    }
}

/// How far rows go, and the entries of those that come with what they tell; `None` where there are none.
pub(super) fn window(rows: &[PgRow]) -> Result<Option<(Position, Vec<LogEntry>)>, StoreFailure> {
    let Some(last) = rows.last() else { return Ok(None) };
    let mut entries = Vec::new();
    for row in rows {
        if !sqlx::ValueRef::is_null(&row.try_get_raw("payload")?) {
            entries.push(entry(row)?);
        }
    }
    Ok(Some((position(last)?, entries)))
}

fn position(row: &PgRow) -> Result<Position, StoreFailure> {
    Ok(Position { transaction: row.try_get("xid")?, sequence: row.try_get("sequence")? })
}

/// That the dialog of a row has expired.
fn expiry(row: &PgRow, ids: &mut Ids) -> Result<EventBatch, StoreFailure> {
    Ok(EventBatch {
        party: row.try_get("party")?,
        service_resource: format!("{RESOURCE_URN_PREFIX}{}", row.try_get::<&str, _>("service_resource")?),
        org: row.try_get("org")?,
        process: row.try_get("process")?,
        preceding_process: row.try_get("preceding_process")?,
        silent: false,
        events: vec![Event::DialogExpired { id: ids.revision() }],
        labels: None,
        occurred_at: Some(moment(row, "expires_at")?),
        hidden_until: None,
        traceparent: None,
    })
}

pub(super) fn entry(row: &PgRow) -> Result<LogEntry, StoreFailure> {
    let Json(mut batch): Json<EventBatch> = row.try_get("payload")?;
    batch.occurred_at = Some(moment(row, "occurred_at")?);
    Ok(LogEntry { position: position(row)?, dialog: row.try_get("dialog_id")?, batch })
}
