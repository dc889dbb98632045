//! Lists of dialogs.

mod conditions;
mod counts;
mod lookup;
mod streams;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use self::conditions::{Search, Sql};
pub use self::counts::DialogCounts;
use self::counts::push_counts;
use self::lookup::{Estimate, Source};
pub use self::streams::Effort;
use self::streams::StreamPage;
use super::rows::{ActivityRow, activity, activity_row, document_columns, listed_dialog, row_columns};
use super::seen::{SeenEntry, SeenRow, seen_entry, seen_row};
use super::{Store, StoreFailure};
use crate::access::{SearchScope, StreamsBy};
use crate::dialog::model::{Activity, Dialog};
use crate::search::text::{Term, TextQuery};
use crate::search::{Column, Cursor, Direction, Filters, OrderBy, Page, SortKeys};
use crate::timestamp::Timestamp;

/// Most pairs of party and resource that are looked up for every row of a stream.
const MOST_PAIRS: usize = 50_000;

/// A dialog as lists show it: of the documents only the content that lists show.
#[derive(Debug)]
pub struct ListedDialog {
    /// The dialog.
    pub dialog: Dialog,
    /// Attachments with a link for people.
    pub gui_attachment_count: i32,
    /// The newest activity.
    pub latest_activity: Option<Activity>,
    /// Seen-log entries since the content last changed, oldest first.
    pub seen: Vec<SeenEntry>,
    /// Labels of the service owner, in byte order.
    pub service_owner_labels: Vec<String>,
}

/// What is wanted of listed dialogs beside their own rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListParts {
    /// What lies in their documents: party, service and texts. Without them a dialog's party is
    /// [`PartyUrn::unread`], and what else is there is empty.
    pub documents: bool,
    /// The newest activity.
    pub latest_activity: bool,
    /// Who has seen them.
    pub seen: bool,
}

impl ListParts {
    /// Everything.
    pub const ALL: Self = Self { documents: true, latest_activity: true, seen: true };
}

/// What a search shows of the dialogs that it finds.
#[derive(Clone, Copy)]
enum Shown {
    /// Each of them.
    Dialogs {
        parts: ListParts,
        /// Whether the service owner's labels are shown.
        for_owner: bool,
    },
    /// How many there are.
    Counts,
}

/// What the database has answered to a search.
#[derive(Default)]
struct Answer {
    rows: Vec<PgRow>,
    /// Where the page ends, if the rows do not tell.
    end: Option<End>,
}

/// The end of a page.
#[derive(Default)]
struct End {
    has_next_page: bool,
    next: Option<Cursor>,
}

/// One page.
#[derive(Debug)]
pub struct Listing {
    /// At most as many as asked for. Fewer, also where there are more, when filters let so few dialogs
    /// pass that the page would take too long.
    pub dialogs: Vec<ListedDialog>,
    /// Whether there may be more.
    pub has_next_page: bool,
    /// Where the next page goes on; `None` where nothing was found.
    pub next: Option<Cursor>,
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

/// A place in the order of the content's last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    at: DateTime<Utc>,
    id: Uuid,
}

impl Position {
    fn of(row: &PgRow) -> Result<Self, StoreFailure> {
        Ok(Self { at: row.try_get("content_updated_at")?, id: row.try_get("id")? })
    }

    fn cursor(self) -> Cursor {
        let value = Some(Timestamp::new(self.at));
        Cursor { values: vec![(Column::ContentUpdatedAt, value)], id: self.id }
    }
}

/// In place of the columns of a document that is not read.
const NO_DOCUMENT: &str = "null::text as party, null::text as service_resource, \
    null::text as service_resource_type, null::text as preceding_process, null::jsonb as list";

/// Joins the document of `d`. Without it nothing is read: the planner leaves out what nobody asks for
/// only where there is nothing to join.
fn push_document(sql: &mut Sql, parts: ListParts) {
    if parts.documents {
        sql.push(" left join lateral (select * from dialog_document doc where doc.dialog_id = d.id limit 1) doc on true");
    }
}

/// What the search shows of the first `limit` rows of `page`, and how many there are. `beside` is a query
/// for one row, which every row of the answer has beside it: whether the page is the one that is looked
/// for, `is_page`, and what else is to be known.
fn push_shown(
    sql: &mut Sql,
    search: &Search<'_>,
    limit: u16,
    beside: impl Fn(&mut Sql),
    order: impl Fn(&mut Sql),
) {
    match search.shown {
        Shown::Dialogs { parts, for_owner } => {
            push_content(sql, parts, for_owner);
            sql.push(", b.* from (");
            beside(sql);
            sql.push(") b left join page d on b.is_page");
            push_document(sql, parts);
            sql.push(" ");
            order(sql);
        }
        Shown::Counts => {
            sql.push("select c.*, (select count(*) from page) > ").push_bind(i64::from(limit));
            sql.push(" as capped, b.* from (");
            beside(sql);
            sql.push(") b cross join (select ");
            push_counts(sql);
            sql.push(" from (select d.* from page d ");
            order(sql);
            sql.push(" limit ").push_bind(i64::from(limit)).push(") d) c");
        }
    }
}

/// What lists show of the dialogs `d` with the documents `doc`. An entry of the seen log since the
/// content last changed can only be where the dialog has been seen since, or where an update before its
/// time has reset that.
fn push_content(sql: &mut Sql, parts: ListParts, for_owner: bool) {
    sql.push("select ").push(row_columns!()).push(", ");
    sql.push(if parts.documents { document_columns!() } else { NO_DOCUMENT });
    sql.push(if parts.latest_activity {
        concat!(
            ", (select ",
            activity_row!(),
            " from activity a where a.dialog_id = d.id order by a.created_at desc, a.id desc limit 1)"
        )
    } else {
        ", null::json"
    });
    sql.push(" as latest_activity, ");
    sql.push(if parts.seen {
        concat!(
            "case when d.is_seen or d.visible_from is not null then (select json_agg(",
            seen_row!(),
            " order by s.seen_at, s.id)
            from seen_log s where s.dialog_id = d.id and s.seen_at >= d.content_updated_at) end"
        )
    } else {
        "null::json"
    });
    sql.push(" as seen, ");
    if for_owner {
        sql.push("array(select value from service_owner_label l where l.dialog_id = d.id order by value) as labels");
    } else {
        sql.push("null::text[] as labels");
    }
}

impl Store {
    /// The dialogs of the scope that pass the filters; `for_owner` with the service owner's labels.
    ///
    /// # Errors
    /// When the database fails; [`StoreFailure::TimedOut`] when the search takes too long.
    pub async fn search(
        &self,
        scope: &SearchScope,
        filters: &Filters,
        page: &Page,
        parts: ListParts,
        for_owner: bool,
        now: Timestamp,
    ) -> Result<Listing, StoreFailure> {
        let shown = Shown::Dialogs { parts, for_owner };
        let search = Search { scope, filters, shown, crosswise: false, now };
        listing(&self.find(&search, page).await?, page)
    }

    /// Counts the dialogs that [`search`](Self::search) would list on a page.
    ///
    /// # Errors
    /// When the database fails; [`StoreFailure::TimedOut`] when the search takes too long.
    pub async fn count(
        &self,
        scope: &SearchScope,
        filters: &Filters,
        page: &Page,
        now: Timestamp,
    ) -> Result<DialogCounts, StoreFailure> {
        let search = Search { scope, filters, shown: Shown::Counts, crosswise: false, now };
        let Answer { rows, end } = self.find(&search, page).await?;
        let Some(row) = rows.first() else {
            let capped = end.is_some_and(|end| end.has_next_page);
            return Ok(DialogCounts { capped, ..DialogCounts::none() });
        };
        DialogCounts::of(row, end.map_or_else(|| row.try_get("capped"), |end| Ok(end.has_next_page))?)
    }

    /// Finds the dialogs of a page, in one of several ways.
    async fn find(&self, search: &Search<'_>, page: &Page) -> Result<Answer, StoreFailure> {
        let filters = search.filters;
        if filters.text.as_ref().is_some_and(|text| text.any_of.is_empty()) {
            return Ok(Answer { end: Some(End::default()), ..Answer::default() });
        }
        if let Some(pattern) = filters.service_owner_labels.first()
            && let Some(answer) = self.look_up(search, page, &Source::Label(pattern)).await?
        {
            return Ok(answer);
        }
        if let Some(text) = &filters.text
            && let Some(terms) = self.rare_terms(search, text, page).await?
            && let Some(answer) = self.look_up(search, page, &Source::Words(terms, text)).await?
        {
            return Ok(answer);
        }
        let Some(direction) = stream_direction(&page.order) else {
            let answer = self.look_up(search, page, &Source::Scope).await?;
            return answer.ok_or_else(|| StoreFailure::Damaged("a list of everything".into()));
        };
        self.search_streams(search, page, direction).await
    }

    /// A page in the order of the content's last change.
    async fn search_streams(
        &self,
        search: &Search<'_>,
        page: &Page,
        direction: Direction,
    ) -> Result<Answer, StoreFailure> {
        let after = page.after.as_ref().and_then(|cursor| {
            cursor.value(Column::ContentUpdatedAt).map(|at| Position { at: at.utc(), id: cursor.id })
        });
        let limit = page.limit;
        // Few services of many parties: the services' own streams may be shorter to go through.
        if let Some(effort) = effort_crosswise(search.scope, self.effort) {
            let search = Search { crosswise: true, ..*search };
            let streams = StreamPage { search: &search, direction, after, limit, effort };
            let rows = self.connections.fetch_all(streams.statement().build()).await?;
            if streams.left(&rows)?.is_none() {
                return Ok(Answer { rows, end: None });
            }
        }
        let streams = StreamPage { search, direction, after, limit, effort: self.effort };
        let rows = self.connections.fetch_all(streams.statement().build()).await?;
        let Some(left) = streams.left(&rows)? else {
            return Ok(Answer { rows, end: None });
        };
        let gathered = streams.gather(self, left).await?;
        let positions: Vec<Position> = gathered.positions.iter().take(limit.into()).copied().collect();
        let ids: Vec<Uuid> = positions.iter().map(|position| position.id).collect();
        let is_full = gathered.positions.len() > positions.len();
        let last = positions.last().copied();
        let last = if is_full { last } else { gathered.known_to.or(last) };
        let end =
            End { has_next_page: is_full || gathered.known_to.is_some(), next: last.map(Position::cursor) };
        Ok(Answer { rows: self.shown(search, ids).await?, end: Some(end) })
    }

    /// Looks up few candidates. `None` when there are many.
    async fn look_up(
        &self,
        search: &Search<'_>,
        page: &Page,
        source: &Source<'_>,
    ) -> Result<Option<Answer>, StoreFailure> {
        let sql = lookup::statement(search, page, source, self.effort.candidates);
        let rows = self.connections.fetch_all({ sql }.build()).await?;
        let is_page = rows.first().map_or(Ok(true), |row| row.try_get("is_page"))?;
        Ok(is_page.then_some(Answer { rows, end: None }))
    }

    /// The terms that every dialog has one of which the query finds, if looking these up is expected to
    /// read less than going through the streams.
    async fn rare_terms<'a>(
        &self,
        search: &Search<'_>,
        text: &'a TextQuery,
        page: &Page,
    ) -> Result<Option<Vec<&'a Term>>, StoreFailure> {
        let all: Vec<&Term> = text.any_of.iter().flat_map(|all| &all.found).collect();
        let Estimate { rows, with } = lookup::estimate(self, &all, text).await?;
        let mut estimates = all.into_iter().zip(with);
        let mut rare = Vec::new();
        let mut candidates = 0.0;
        for alternative in &text.any_of {
            let rarest = estimates
                .by_ref()
                .take(alternative.found.len())
                .min_by(|(_, one), (_, other)| one.total_cmp(other));
            // Without a term for each alternative something would be missed.
            let Some((term, count)) = rarest else { return Ok(None) };
            rare.push(term);
            candidates += count;
        }
        // So many rows of a stream are read for one that fits.
        let reads = rows / f64::max(candidates, 1.0);
        let streams = f64::from(u32::try_from(search.scope.streams().0.len()).unwrap_or(u32::MAX));
        let of_streams = streams * reads.min(16.0) + f64::from(page.limit) * reads;
        let is_few = candidates <= of_streams || stream_direction(&page.order).is_none();
        Ok(is_few.then_some(rare))
    }

    /// What the search shows of dialogs by id, in this order.
    async fn shown(&self, search: &Search<'_>, ids: Vec<Uuid>) -> Result<Vec<PgRow>, StoreFailure> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("");
        let push_dialogs = |sql: &mut Sql| {
            sql.push(" from unnest(").push_bind(ids);
            sql.push("::uuid[]) with ordinality as u (id, place) join dialog d on d.id = u.id");
        };
        match search.shown {
            Shown::Dialogs { parts, for_owner } => {
                push_content(&mut sql, parts, for_owner);
                push_dialogs(&mut sql);
                push_document(&mut sql, parts);
                sql.push(" order by u.place");
            }
            Shown::Counts => {
                sql.push("select ");
                push_counts(&mut sql);
                push_dialogs(&mut sql);
            }
        }
        Ok(self.connections.fetch_all(sql.build()).await?)
    }
}

/// What to read of the streams of resources before those of the parties are read instead; `None` where
/// that is not worth a try.
fn effort_crosswise(scope: &SearchScope, effort: Effort) -> Option<Effort> {
    let parties = scope.streams().0.len();
    let sets = scope.resource_sets();
    let resources: BTreeSet<i64> = sets.iter().flatten().flatten().copied().collect();
    let is_worth_it = scope.by() == StreamsBy::Party
        // Where all resources are allowed, there is no list of them.
        && sets.iter().all(Option::is_some)
        && parties > 10 * resources.len()
        && resources.len() <= Effort::USUAL.few
        && parties * resources.len() <= MOST_PAIRS;
    is_worth_it.then_some(Effort { first_looks: parties, look: effort.crosswise_look, ..effort })
}

/// The direction of an order that the streams have.
fn stream_direction(order: &OrderBy) -> Option<Direction> {
    match order.columns() {
        [(Column::ContentUpdatedAt, one), (Column::Id, other)] if one == other => Some(*one),
        _ => None,
    }
}

/// The page that an answer is: one row more than it shows if there are more, unless it says how it ends. A
/// single row without an id stands for none.
fn listing(answer: &Answer, page: &Page) -> Result<Listing, StoreFailure> {
    let Answer { rows, end } = answer;
    let limit = usize::from(page.limit);
    let mut dialogs = Vec::with_capacity(rows.len().min(limit));
    for row in rows.iter().take(limit) {
        if row.try_get::<Option<Uuid>, _>("id")?.is_some() {
            dialogs.push(listed(row)?);
        }
    }
    let (has_next_page, next) = match end {
        Some(End { has_next_page, next }) => (*has_next_page, next.clone()),
        None => {
            let last = dialogs.last().map(|dialog| Cursor::of(&dialog.sort_keys(), &page.order));
            (rows.len() > limit, last)
        }
    };
    Ok(Listing { dialogs, has_next_page, next })
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
        service_owner_labels: row.try_get::<Option<_>, _>("labels")?.unwrap_or_default(),
    })
}
