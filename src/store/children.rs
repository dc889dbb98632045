//! Transmissions, activities and logs of a dialog by themselves.

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;

use super::rows::{
    TransmissionRow, activity, activity_row, damaged, dialog, dialog_columns, transmission, transmission_row,
};
use super::seen::{SeenEntry, seen_entry, seen_row};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::model::{Activity, Actor, Dialog, Transmission};
use crate::dialog::vocabulary::{DialogActivityType, SystemLabel};
use crate::timestamp::Timestamp;

/// A dialog and some of what belongs to it.
#[derive(Debug)]
pub struct Children<T> {
    /// The dialog.
    pub dialog: Dialog,
    /// In byte order.
    pub service_owner_labels: Vec<String>,
    /// Those that were asked for, oldest first.
    pub items: Vec<T>,
}

/// An entry of the label log.
#[derive(Debug)]
pub struct LabelLogEntry {
    /// When the label was set or removed.
    pub created_at: Timestamp,
    /// The label.
    pub label: SystemLabel,
    /// Whether it was set.
    pub is_set: bool,
    /// Who did it.
    pub performed_by: Actor,
}

/// An entry of the label log as it is selected.
type LabelLogRow = (Timestamp, i16, bool, Actor);

/// Selects the dialog `d` with the items that a subquery makes a JSON list of.
macro_rules! with_items {
    ($($items:tt)*) => {
        concat!(
            "select ",
            dialog_columns!(),
            ", doc.detail,
            array(select value from service_owner_label l where l.dialog_id = d.id order by value) as labels,
            (",
            $($items)*
            ") as items
            from dialog d join dialog_document doc on doc.dialog_id = d.id
            where d.id = $1 and ($2 or d.org = $3 or d.resource_key = any($4))"
        )
    };
}

const TRANSMISSIONS: &str = with_items!(
    "select json_agg(json_build_array(",
    transmission_row!(),
    ", exists (select 1 from activity o where o.transmission_id = t.id and o.type = 4)) order by t.created_at, t.id)
        from transmission t where t.dialog_id = d.id and ($5::uuid is null or t.id = $5)",
);

const ACTIVITIES: &str = with_items!(
    "select json_agg(",
    activity_row!(),
    " order by a.created_at, a.id)
        from activity a where a.dialog_id = d.id and ($5::uuid is null or a.id = $5)",
);

const SEEN_LOG: &str = with_items!(
    "select json_agg(",
    seen_row!(),
    " order by s.seen_at, s.id)
        from seen_log s where s.dialog_id = d.id and ($5::uuid is null or s.id = $5)",
);

const LABEL_LOG: &str = with_items!(
    "select json_agg(json_build_array(e.created_at, e.label, e.is_set, e.performed_by) order by e.created_at, e.id)
        from label_log e where e.dialog_id = d.id and $5::uuid is null",
);

const HAS_ACTIVITY: &str = "\
select exists (
    select 1 from activity a
    where a.dialog_id = d.id and a.type = $2 and ($3::uuid is null or a.transmission_id = $3))
from dialog d where d.id = $1";

impl Store {
    /// The transmissions of a dialog, or the one with this id, each with whether it has been opened.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn transmissions(
        &self,
        scope: &DialogScope,
        dialog: Uuid,
        only: Option<Uuid>,
    ) -> Result<Option<Children<(Transmission, bool)>>, StoreFailure> {
        self.children(TRANSMISSIONS, scope, dialog, only, |(row, opened): (TransmissionRow, bool)| {
            Ok((transmission(row)?, opened))
        })
        .await
    }

    /// The activities of a dialog, or the one with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn activities(
        &self,
        scope: &DialogScope,
        dialog: Uuid,
        only: Option<Uuid>,
    ) -> Result<Option<Children<Activity>>, StoreFailure> {
        self.children(ACTIVITIES, scope, dialog, only, activity).await
    }

    /// The seen log of a dialog, or its entry with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seen_log(
        &self,
        scope: &DialogScope,
        dialog: Uuid,
        only: Option<Uuid>,
    ) -> Result<Option<Children<SeenEntry>>, StoreFailure> {
        self.children(SEEN_LOG, scope, dialog, only, |row| Ok(seen_entry(row))).await
    }

    /// The label log of a dialog.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn label_log(
        &self,
        scope: &DialogScope,
        dialog: Uuid,
    ) -> Result<Option<Children<LabelLogEntry>>, StoreFailure> {
        let read = |(created_at, label, is_set, performed_by): LabelLogRow| {
            let label = SystemLabel::from_code(label).ok_or_else(|| damaged("label log", dialog))?;
            Ok(LabelLogEntry { created_at, label, is_set, performed_by })
        };
        self.children(LABEL_LOG, scope, dialog, None, read).await
    }

    async fn children<R: DeserializeOwned, T>(
        &self,
        sql: &'static str,
        scope: &DialogScope,
        id: Uuid,
        only: Option<Uuid>,
        read: impl Fn(R) -> Result<T, StoreFailure>,
    ) -> Result<Option<Children<T>>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(sql).bind(id).bind(all).bind(org).bind(resources).bind(only);
        let Some(row) = self.connections.fetch_optional(query).await? else { return Ok(None) };
        let items: Option<Json<Vec<R>>> = row.try_get("items")?;
        let items = items.map_or_else(Vec::new, |Json(items)| items).into_iter();
        Ok(Some(Children {
            dialog: dialog(&row)?,
            service_owner_labels: row.try_get("labels")?,
            items: items.map(read).collect::<Result<_, StoreFailure>>()?,
        }))
    }

    /// Whether a dialog, of any service owner, has an activity of this type about this transmission;
    /// `None` when there is no such dialog.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_activity(
        &self,
        dialog: Uuid,
        kind: DialogActivityType,
        transmission: Option<Uuid>,
    ) -> Result<Option<bool>, StoreFailure> {
        let query = sqlx::query(HAS_ACTIVITY).bind(dialog).bind(kind.code()).bind(transmission);
        let row = self.connections.fetch_optional(query).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}
