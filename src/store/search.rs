//! Lists of dialogs.

use sqlx::postgres::{PgRow, Postgres};
use sqlx::types::Json;
use sqlx::{QueryBuilder, Row};

use super::rows::{ActivityRow, activity, activity_row, dialog_columns, listed_dialog};
use super::seen::{SeenEntry, SeenRow, seen_entry, seen_row};
use super::{Store, StoreFailure};
use crate::access::SearchScope;
use crate::dialog::model::{Activity, Dialog};
use crate::search::{Between, Column, Cursor, Direction, Filters, OrderBy, Page, SortKeys};
use crate::timestamp::Timestamp;

/// The newest activity of a listed dialog.
pub type ListedActivity = Activity;

/// A dialog as lists show it: of the documents only the content that lists show.
#[derive(Debug)]
pub struct ListedDialog {
    /// The dialog.
    pub dialog: Dialog,
    /// Attachments with a link for people.
    pub gui_attachment_count: i32,
    /// The newest activity.
    pub latest_activity: Option<ListedActivity>,
    /// Seen-log entries since the content last changed, oldest first.
    pub seen: Vec<SeenEntry>,
}

/// One page.
#[derive(Debug)]
pub struct Listing {
    /// At most as many as asked for.
    pub dialogs: Vec<ListedDialog>,
    /// Whether there are more.
    pub has_next_page: bool,
}

impl ListedDialog {
    /// What orders it among others.
    #[must_use]
    pub fn sort_keys(&self) -> SortKeys {
        SortKeys {
            id: self.dialog.id,
            created_at: self.dialog.created_at,
            updated_at: self.dialog.updated_at,
            content_updated_at: self.dialog.content_updated_at,
            due_at: self.dialog.due_at,
        }
    }
}

impl Store {
    /// The dialogs that an end user may list and that pass the filters: visible ones that are neither
    /// expired nor deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(
        &self,
        scope: &SearchScope,
        filters: &Filters,
        page: &Page,
        now: Timestamp,
    ) -> Result<Listing, StoreFailure> {
        let mut sql = QueryBuilder::new("with page as materialized (select d.id from dialog d where (");
        push_scope(&mut sql, scope);
        sql.push(") and d.deleted_at is null and (d.visible_from is null or d.visible_from <= ");
        sql.push_bind(now.utc()).push(") and (d.expires_at is null or d.expires_at > ").push_bind(now.utc());
        sql.push(")");
        push_filters(&mut sql, filters);
        if let Some(cursor) = &page.after {
            push_after(&mut sql, cursor, &page.order);
        }
        push_order(&mut sql, &page.order);
        sql.push(" limit ").push_bind(i64::from(page.limit) + 1);
        sql.push(concat!(
            ") select ",
            dialog_columns!(),
            ", (select ",
            activity_row!(),
            " from activity a where a.dialog_id = d.id order by a.created_at desc, a.id desc limit 1)
                as latest_activity,
            (select json_agg(",
            seen_row!(),
            " order by s.seen_at, s.id)
                from seen_log s where s.dialog_id = d.id and s.seen_at >= d.content_updated_at) as seen
            from page join dialog d on d.id = page.id join dialog_document doc on doc.dialog_id = d.id"
        ));
        push_order(&mut sql, &page.order);
        let rows = self.connections.fetch_all(sql.build().persistent(false)).await?;
        let has_next_page = rows.len() > usize::from(page.limit);
        let dialogs = rows.iter().take(usize::from(page.limit)).map(listed).collect::<Result<_, _>>()?;
        Ok(Listing { dialogs, has_next_page })
    }
}

fn listed(row: &PgRow) -> Result<ListedDialog, StoreFailure> {
    let (dialog, gui_attachment_count) = listed_dialog(row)?;
    let latest: Option<Json<ActivityRow>> = row.try_get("latest_activity")?;
    let seen: Option<Json<Vec<SeenRow>>> = row.try_get("seen")?;
    Ok(ListedDialog {
        dialog,
        gui_attachment_count,
        latest_activity: latest.map(|Json(row)| activity(row)).transpose()?,
        seen: seen.map_or_else(Vec::new, |Json(rows)| rows).into_iter().map(seen_entry).collect(),
    })
}

fn push_scope(sql: &mut QueryBuilder<Postgres>, scope: &SearchScope) {
    let (parties, resources) = scope.pairs();
    sql.push("(d.party_key, d.resource_key) in (select * from unnest(");
    sql.push_bind(parties).push("::bigint[], ").push_bind(resources).push("::bigint[]))");
    if !scope.dialogs().is_empty() {
        let (mut ids, mut parties, mut resources) = (Vec::new(), Vec::new(), Vec::new());
        for (id, party, resource) in scope.dialogs() {
            ids.push(*id);
            parties.push(*party);
            resources.push(*resource);
        }
        sql.push(" or (d.id, d.party_key, d.resource_key) in (select * from unnest(");
        sql.push_bind(ids).push("::uuid[], ").push_bind(parties).push("::bigint[], ");
        sql.push_bind(resources).push("::bigint[]))");
    }
    if !scope.labels().is_empty() {
        let (mut labels, mut parties, mut resources) = (Vec::new(), Vec::new(), Vec::new());
        for (label, party, resource) in scope.labels() {
            labels.push(label.as_str());
            parties.push(*party);
            resources.push(*resource);
        }
        sql.push(" or (d.id, d.party_key, d.resource_key) in (select l.dialog_id, g.party_key, g.resource_key from unnest(");
        sql.push_bind(labels).push("::text[], ").push_bind(parties).push("::bigint[], ").push_bind(resources);
        sql.push("::bigint[]) as g (value, party_key, resource_key) join service_owner_label l on l.value = g.value)");
    }
}

fn push_filters(sql: &mut QueryBuilder<Postgres>, filters: &Filters) {
    for (column, values) in [("org", &filters.org), ("extended_status", &filters.extended_status)] {
        if !values.is_empty() {
            sql.push(" and d.").push(column).push(" = any(").push_bind(values.clone()).push(")");
        }
    }
    if !filters.status.is_empty() {
        let codes: Vec<i16> = filters.status.iter().map(|status| status.code()).collect();
        sql.push(" and d.status = any(").push_bind(codes).push(")");
    }
    for (column, value) in
        [("external_reference", &filters.external_reference), ("process", &filters.process)]
    {
        if let Some(value) = value {
            sql.push(" and d.").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if let Some(labels) = filters.system_labels {
        sql.push(" and d.system_labels & ").push_bind(labels.0).push(" = ").push_bind(labels.0);
    }
    if filters.exclude_api_only {
        sql.push(" and not d.is_api_only");
    }
    if let Some(seen) = filters.is_content_seen {
        sql.push(" and (d.is_seen and d.system_labels & 8 = 0) = ").push_bind(seen);
    }
    for (column, Between { after, before }) in [
        ("created_at", filters.created),
        ("updated_at", filters.updated),
        ("content_updated_at", filters.content_updated),
        ("due_at", filters.due),
    ] {
        if let Some(after) = after {
            sql.push(" and d.").push(column).push(" >= ").push_bind(after.utc());
        }
        if let Some(before) = before {
            sql.push(" and d.").push(column).push(" <= ").push_bind(before.utc());
        }
    }
}

fn sql_name(column: Column) -> &'static str {
    match column {
        Column::ContentUpdatedAt => "d.content_updated_at",
        Column::UpdatedAt => "d.updated_at",
        Column::CreatedAt => "d.created_at",
        Column::DueAt => "d.due_at",
        Column::Id => "d.id",
    }
}

/// Null dates come last ascending and first descending: PostgreSQL's own order.
fn push_order(sql: &mut QueryBuilder<Postgres>, order: &OrderBy) {
    sql.push(" order by ");
    let mut list = sql.separated(", ");
    for (column, direction) in order.columns() {
        list.push(sql_name(*column)).push_unseparated(" ").push_unseparated(direction.name());
    }
}

/// Only what comes after the cursor: equal in the first columns, and after it in the next.
fn push_after(sql: &mut QueryBuilder<Postgres>, cursor: &Cursor, order: &OrderBy) {
    sql.push(" and (");
    for (index, (column, direction)) in order.columns().iter().enumerate() {
        if index > 0 {
            sql.push(" or ");
        }
        sql.push("(");
        for (column, _) in &order.columns()[..index] {
            let name = sql_name(*column);
            match cursor.value(*column) {
                Some(value) => sql.push(name).push(" = ").push_bind(value.utc()),
                None => sql.push(name).push(" is null"),
            };
            sql.push(" and ");
        }
        let name = sql_name(*column);
        let sign = if *direction == Direction::Ascending { " > " } else { " < " };
        match (*column, cursor.value(*column), *direction) {
            (Column::Id, ..) => {
                sql.push(name).push(sign).push_bind(cursor.id);
            }
            (Column::DueAt, Some(value), Direction::Ascending) => {
                sql.push("(").push(name).push(sign).push_bind(value.utc());
                sql.push(" or ").push(name).push(" is null)");
            }
            (_, Some(value), _) => {
                sql.push(name).push(sign).push_bind(value.utc());
            }
            // Nothing comes after null ascending; all dates do descending.
            (_, None, Direction::Ascending) => {
                sql.push("false");
            }
            (_, None, Direction::Descending) => {
                sql.push(name).push(" is not null");
            }
        }
        sql.push(")");
    }
    sql.push(")");
}
