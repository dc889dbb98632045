//! How end users have sorted the dialogs of some parties.

use sqlx::Row;
use uuid::Uuid;

use super::rows::{key_of, moment};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::model::SystemLabels;
use crate::dialog::party::PartyUrn;
use crate::search::{Page, SortKeys};
use crate::timestamp::Timestamp;

/// Which dialogs.
#[derive(Clone, Debug)]
pub struct LabelFilter {
    /// Whose.
    pub parties: Vec<PartyUrn>,
    /// Content changed then or later.
    pub content_updated_after: Option<Timestamp>,
    /// Labels of which they have at least one; no labels: all dialogs.
    pub labels: SystemLabels,
}

/// The end user's side of a dialog.
#[derive(Clone, Copy, Debug)]
pub struct EndUserContext {
    /// The dialog, and where it is among others.
    pub keys: SortKeys,
    /// Revision of the context.
    pub revision: Uuid,
    /// Labels.
    pub labels: SystemLabels,
}

// The newest of each party, so that a page costs no more than itself for each of at most twenty.
const CONTEXTS: &str = "\
select d.* from unnest($4::bigint[]) as p (key) cross join lateral (
    select d.id, d.created_at, d.updated_at, d.content_updated_at, d.end_user_context_revision, d.system_labels
    from dialog d
    where d.party_key = p.key and ($1 or d.org = $2 or d.resource_key = any($3))
        and ($5::timestamptz is null or d.content_updated_at >= $5)
        and ($6::smallint = 0 or d.system_labels & $6 <> 0)
        and ($7::timestamptz is null or (d.content_updated_at, d.id) < ($7, $8::uuid))
    order by d.content_updated_at desc, d.id desc limit $9
) d
order by d.content_updated_at desc, d.id desc limit $9";

impl Store {
    /// One page of contexts, newest content first whatever the order of `page`, and whether there are
    /// more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_user_contexts(
        &self,
        scope: &DialogScope,
        filter: &LabelFilter,
        page: &Page,
    ) -> Result<(Vec<EndUserContext>, bool), StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let mut parties: Vec<i64> = filter.parties.iter().map(|party| key_of(party.as_str())).collect();
        parties.sort_unstable();
        parties.dedup();
        let after = page.after.as_ref();
        let content_updated_at = after.and_then(|after| after.value(crate::search::Column::ContentUpdatedAt));
        let query = sqlx::query(CONTEXTS)
            .bind(all)
            .bind(org)
            .bind(resources)
            .bind(parties)
            .bind(filter.content_updated_after.map(Timestamp::utc))
            .bind(filter.labels.0)
            .bind(content_updated_at.map(Timestamp::utc))
            .bind(after.map(|after| after.id))
            .bind(i64::from(page.limit) + 1);
        let rows = self.connections.fetch_all(query).await?;
        let contexts = rows.iter().take(usize::from(page.limit)).map(|row| {
            Ok(EndUserContext {
                keys: SortKeys {
                    id: row.try_get("id")?,
                    created_at: moment(row, "created_at")?,
                    updated_at: moment(row, "updated_at")?,
                    content_updated_at: moment(row, "content_updated_at")?,
                    due_at: None,
                },
                revision: row.try_get("end_user_context_revision")?,
                labels: SystemLabels(row.try_get("system_labels")?),
            })
        });
        Ok((contexts.collect::<Result<_, StoreFailure>>()?, rows.len() > usize::from(page.limit)))
    }
}
