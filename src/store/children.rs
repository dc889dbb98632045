//! Transmissions and activities by themselves.

use sqlx::Row;
use sqlx::types::Json;
use uuid::Uuid;

use super::rows::{
    ActivityRow, TransmissionRow, activity, activity_row, optional_moment, transmission, transmission_row,
};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::model::{Activity, Transmission};
use crate::dialog::vocabulary::DialogActivityType;
use crate::timestamp::Timestamp;

/// Children of a dialog.
#[derive(Debug)]
pub struct Children<T> {
    /// When the dialog was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Those that were asked for, in order of creation.
    pub items: Vec<T>,
}

const TRANSMISSIONS: &str = concat!(
    "select d.deleted_at,
        (select json_agg(json_build_array(",
    transmission_row!(),
    ", exists (select 1 from activity o where o.transmission_id = t.id and o.type = 4)) order by t.created_at, t.id)
            from transmission t where t.dialog_id = d.id and ($5::uuid is null or t.id = $5)) as items
    from dialog d where d.id = $1 and ($2 or d.org = $3 or d.resource_key = any($4))",
);

const ACTIVITIES: &str = concat!(
    "select d.deleted_at,
        (select json_agg(",
    activity_row!(),
    " order by a.created_at, a.id)
            from activity a where a.dialog_id = d.id and ($5::uuid is null or a.id = $5)) as items
    from dialog d where d.id = $1 and ($2 or d.org = $3 or d.resource_key = any($4))",
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
        let Some(row) = self.children(TRANSMISSIONS, scope, dialog, only).await? else { return Ok(None) };
        let items: Option<Json<Vec<(TransmissionRow, bool)>>> = row.try_get("items")?;
        let items = items.map_or_else(Vec::new, |Json(items)| items).into_iter();
        Ok(Some(Children {
            deleted_at: optional_moment(&row, "deleted_at")?,
            items: items
                .map(|(row, opened)| Ok((transmission(row)?, opened)))
                .collect::<Result<_, StoreFailure>>()?,
        }))
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
        let Some(row) = self.children(ACTIVITIES, scope, dialog, only).await? else { return Ok(None) };
        let items: Option<Json<Vec<ActivityRow>>> = row.try_get("items")?;
        let items = items.map_or_else(Vec::new, |Json(items)| items).into_iter();
        Ok(Some(Children {
            deleted_at: optional_moment(&row, "deleted_at")?,
            items: items.map(activity).collect::<Result<_, _>>()?,
        }))
    }

    async fn children(
        &self,
        sql: &'static str,
        scope: &DialogScope,
        dialog: Uuid,
        only: Option<Uuid>,
    ) -> Result<Option<sqlx::postgres::PgRow>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(sql).bind(dialog).bind(all).bind(org).bind(resources).bind(only);
        Ok(self.connections.fetch_optional(query).await?)
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
