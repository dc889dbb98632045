//! The seen log: who opened a dialog.

use sqlx::types::Json;
use uuid::Uuid;

use super::outbox::tell;
use super::{Store, StoreFailure};
use crate::dialog::events::EventBatch;
use crate::dialog::model::Actor;
use crate::telemetry;
use crate::timestamp::Timestamp;

/// An entry of the seen log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEntry {
    /// The same for the same user and state of the dialog.
    pub id: Uuid,
    /// When the dialog was opened.
    pub seen_at: Timestamp,
    /// URN of the user.
    pub user_id: String,
    /// Name of the user, where one was found.
    pub user_name: Option<String>,
    /// Whether the service owner opened it for the user.
    pub via_service_owner: bool,
}

/// An entry as [`seen_row`](macro@seen_row) selects it.
pub(super) type SeenRow = (Uuid, Timestamp, String, Option<String>, bool);

/// One entry `s` as a JSON list.
macro_rules! seen_row {
    () => {
        "json_build_array(s.id, s.seen_at, s.user_id, s.user_name, s.via_service_owner)"
    };
}
pub(super) use seen_row;

pub(super) fn seen_entry(row: SeenRow) -> SeenEntry {
    let (id, seen_at, user_id, user_name, via_service_owner) = row;
    SeenEntry { id, seen_at, user_id, user_name, via_service_owner }
}

/// What follows from a user opening a dialog.
#[derive(Debug)]
pub struct Viewing {
    /// The dialog.
    pub dialog: Uuid,
    /// `contentUpdatedAt` as the user has seen it; a later content counts as unseen.
    pub content_updated_at: Timestamp,
    /// The entry.
    pub entry: SeenEntry,
    /// Number of the user's kind.
    pub user_kind: i16,
    /// The user, as the label log names it.
    pub performed_by: Actor,
    /// What is told when the entry is new.
    pub events: EventBatch,
    /// What is told when only the content no longer counts as unseen.
    pub update: EventBatch,
}

const VIEW: &str = concat!(
    "with previous as (
    select id, party_key, visible_from, deleted_at, system_labels, content_updated_at = $8 as is_current, is_seen
    from dialog where id = $2 for update
), new_entry as (
    insert into seen_log (id, dialog_id, seen_at, user_kind, via_service_owner, user_id, user_name)
    select $1, id, $3, $4, $5, $6, $7 from previous
    on conflict (id) do nothing returning id
), changed as (
    update dialog set is_seen = dialog.is_seen or previous.is_current,
        system_labels = dialog.system_labels & ~8::smallint
    from previous
    where dialog.id = previous.id
        and ((previous.is_current and not previous.is_seen) or (previous.system_labels & 8) <> 0)
    returning dialog.id
), unmarked as (
    insert into label_log (dialog_id, created_at, label, is_set, performed_by)
    select id, $3, 4, false, $9 from previous where (system_labels & 8) <> 0
",
    tell!(
        "previous",
        "$3",
        "(exists (select from new_entry) or exists (select from changed))",
        "case when exists (select from new_entry) then $10::jsonb else $11::jsonb end"
    ),
    ") select 1"
);

impl Store {
    /// Records that a user opened a dialog: one entry for the user and this state of the dialog, the
    /// content counts as seen, and the mark as unopened goes. Doing it again does nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_viewing(&self, viewing: Viewing) -> Result<(), StoreFailure> {
        let Viewing { dialog, content_updated_at, entry, user_kind, performed_by, events, update } = viewing;
        let traced = |batch| EventBatch { traceparent: telemetry::traceparent(), ..batch };
        let query = sqlx::query(VIEW)
            .bind(entry.id)
            .bind(dialog)
            .bind(entry.seen_at.utc())
            .bind(user_kind)
            .bind(entry.via_service_owner)
            .bind(entry.user_id)
            .bind(entry.user_name)
            .bind(content_updated_at.utc())
            .bind(Json(performed_by))
            .bind(Json(traced(events)))
            .bind(Json(traced(update)));
        self.connections.execute(query).await?;
        self.told.notify_one();
        Ok(())
    }
}
