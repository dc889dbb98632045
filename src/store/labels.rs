//! Labels of dialogs, and the two contexts that hold them.

use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;

use super::outbox::ToldColumns;
use super::repetition::{KeptColumns, keep_outcome};
use super::rows::{dialog, dialog_columns};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::labels::{LabelWrite, Relabelling, ServiceOwnerLabels};
use crate::dialog::model::{Actor, Dialog};
use crate::dialog::repetition::Kept;
use crate::timestamp::Timestamp;

const SERVICE_OWNER_LABELS: &str = "\
select d.service_owner_context_revision, d.deleted_at is not null as deleted,
    array(select value from service_owner_label l where l.dialog_id = d.id order by value) as labels
from dialog d where d.id = $1 and ($2 or d.org = $3 or d.resource_key = any($4))";

/// That a label of the service owner has changed, in the log.
macro_rules! told_to_those_who_ask {
    () => {
        "), told as (
    insert into outbox (dialog_id, party_key, occurred_at, payload)
    select id, party_key, $9, $10 from context where $10::jsonb is not null
"
    };
}

const ADD_LABEL: &str = concat!(
    "with context as (
    update dialog set service_owner_context_revision = $3
    where id = $1 and service_owner_context_revision = $2 returning id, party_key
), added as (
    insert into service_owner_label (dialog_id, value) select id, $4 from context
",
    told_to_those_who_ask!(),
    keep_outcome!("context", "$5", "$6", "$7", "$8", "$9"),
    ")
select count(*) from context"
);

const REMOVE_LABEL: &str = concat!(
    "with context as (
    update dialog set service_owner_context_revision = $3
    where id = $1 and service_owner_context_revision = $2 returning id, party_key
), removed as (
    delete from service_owner_label using context where dialog_id = context.id and value = $4
",
    told_to_those_who_ask!(),
    keep_outcome!("context", "$5", "$6", "$7", "$8", "$9"),
    ")
select count(*) from context"
);

const DIALOGS: &str = concat!(
    "select ",
    dialog_columns!(),
    ", doc.detail, array(select value from service_owner_label l where l.dialog_id = d.id) as labels
    from dialog d join dialog_document doc on doc.dialog_id = d.id
    where d.id = any($1) and ($2 or d.org = $3 or d.resource_key = any($4))",
);

// All or none: nothing is written unless every dialog has the revision that was read. Rows are
// locked in the order of their ids, so that two such statements do not wait for each other.
const RELABEL: &str = concat!(
    "with wanted as (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $11::jsonb[])
        as w (id, expected_revision, revision, labels, payload)
), locked as materialized (
    select d.id, d.party_key, d.system_labels, d.end_user_context_revision from dialog d
    where d.id = any($1) order by d.id for update
), matching as (
    select l.id, l.party_key, l.system_labels, w.revision, w.labels, w.payload
    from locked l join wanted w on w.id = l.id and w.expected_revision = l.end_user_context_revision
), complete as (
    select m.* from matching m where (select count(*) from matching) = (select count(*) from wanted)
), changed as (
    update dialog set system_labels = c.labels, end_user_context_revision = c.revision
    from complete c where dialog.id = c.id and c.labels <> c.system_labels
), logged as (
    insert into label_log (dialog_id, created_at, label, is_set, performed_by)
    select c.id, $5, l.label, (c.labels & l.bit) <> 0, $6
    from complete c, (values (2::smallint, 2), (3::smallint, 4), (4::smallint, 8), (5::smallint, 16)) as l (label, bit)
    where ((c.labels # c.system_labels) & l.bit) <> 0
), told as (
    insert into outbox (dialog_id, party_key, occurred_at, payload)
    select id, party_key, $5, payload from complete where labels <> system_labels and payload is not null
",
    keep_outcome!("complete", "$7", "$8", "$9", "$10", "$5"),
    ")
select count(*) from complete"
);

/// A dialog and the labels of its service owner.
pub type Labelled = (Dialog, Vec<String>);

impl Store {
    /// The service owner's labels of a dialog, and whether the dialog was deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn service_owner_labels(
        &self,
        scope: &DialogScope,
        dialog: Uuid,
    ) -> Result<Option<(ServiceOwnerLabels, bool)>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(SERVICE_OWNER_LABELS).bind(dialog).bind(all).bind(org).bind(resources);
        let Some(row) = self.connections.fetch_optional(query).await? else { return Ok(None) };
        let labels = ServiceOwnerLabels {
            revision: row.try_get("service_owner_context_revision")?,
            labels: row.try_get("labels")?,
        };
        Ok(Some((labels, row.try_get("deleted")?)))
    }

    /// Adds or removes a label, if the service owner's context still has the revision that was read.
    /// Tells whether it had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_service_owner_label(&self, write: LabelWrite) -> Result<bool, StoreFailure> {
        let kept = KeptColumns::of(write.kept);
        let told = ToldColumns::of(Some(write.told), self.hold_events);
        let query = sqlx::query(if write.add { ADD_LABEL } else { REMOVE_LABEL });
        let query = query.bind(write.dialog).bind(write.expected_revision).bind(write.revision);
        let query = query.bind(write.label);
        let query = query.bind(kept.caller).bind(kept.key).bind(kept.fingerprint).bind(kept.outcome);
        let query = query.bind(write.now.utc()).bind(told.payload);
        Ok(self.connections.fetch_one(query).await?.try_get::<i64, _>(0)? == 1)
    }

    /// The dialogs with these ids, as far as they are within reach.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dialogs(&self, scope: &DialogScope, ids: &[Uuid]) -> Result<Vec<Labelled>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(DIALOGS).bind(ids).bind(all).bind(org).bind(resources);
        let rows = self.connections.fetch_all(query).await?;
        rows.iter().map(|row| Ok((dialog(row)?, row.try_get("labels")?))).collect()
    }

    /// Sets the labels of several dialogs, of all or of none: of none unless all end-user contexts
    /// still have the revisions that were read. Tells whether they had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn relabel(
        &self,
        relabellings: Vec<Relabelling>,
        performed_by: &Actor,
        kept: Option<Kept>,
        now: Timestamp,
    ) -> Result<bool, StoreFailure> {
        let kept = KeptColumns::of(kept);
        let ids: Vec<Uuid> = relabellings.iter().map(|r| r.dialog).collect();
        let expected: Vec<Uuid> = relabellings.iter().map(|r| r.expected_revision).collect();
        let revisions: Vec<Uuid> = relabellings.iter().map(|r| r.revision).collect();
        let labels: Vec<i16> = relabellings.iter().map(|r| r.labels.0).collect();
        let told = relabellings.into_iter().map(|r| ToldColumns::of(Some(r.told), self.hold_events).payload);
        let told: Vec<_> = told.collect();
        let count = i64::try_from(told.len()).unwrap_or(i64::MAX);
        let query = sqlx::query(RELABEL)
            .bind(ids)
            .bind(expected)
            .bind(revisions)
            .bind(labels)
            .bind(now.utc())
            .bind(Json(performed_by))
            .bind(kept.caller)
            .bind(kept.key)
            .bind(kept.fingerprint)
            .bind(kept.outcome)
            .bind(told);
        let row = self.connections.fetch_one(query).await?;
        Ok(row.try_get::<i64, _>(0)? == count)
    }
}
