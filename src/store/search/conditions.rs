//! What dialogs must be like to be listed, as SQL over `dialog d`.

use std::collections::BTreeSet;

use sqlx::postgres::Postgres;
use sqlx::{Encode, QueryBuilder, Type};

use super::Shown;
use crate::access::{SearchScope, StreamsBy};
use crate::dialog::model::SystemLabels;
use crate::dialog::vocabulary::DeletedFilter;
use crate::search::text::{AllOf, Term, TextQuery};
use crate::search::words::plain;
use crate::search::{Column, Cursor, Direction, Filters, LabelPattern, OrderBy};
use crate::timestamp::Timestamp;

/// By how many seconds the clocks of two instances may differ.
const CLOCKS_DIFFER: i64 = 600;

/// Whether the content of `d` has been seen and nobody has marked it as unopened: what
/// [`Dialog::is_content_seen`](crate::dialog::model::Dialog::is_content_seen) says of one.
pub(super) const CONTENT_IS_SEEN: &str = "d.is_seen and d.system_labels & 8 = 0";

/// A statement in the making.
pub(super) type Sql = QueryBuilder<Postgres>;

/// Pushes a template. `push` is called for each part in braces.
pub(super) fn fill(sql: &mut Sql, template: &str, push: impl Fn(&str, &mut Sql)) {
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        sql.push(text);
        let (part, after) = after.split_once('}').unwrap_or((after, ""));
        push(part, sql);
        rest = after;
    }
    sql.push(rest);
}

/// A search without its page.
pub(super) struct Search<'a> {
    pub scope: &'a SearchScope,
    pub filters: &'a Filters,
    /// What is shown of the dialogs.
    pub shown: Shown,
    /// Whether the streams are those of the resources, although the scope is one of parties.
    pub crosswise: bool,
    pub now: Timestamp,
}

/// Which words of a dialog are looked at.
#[derive(Clone, Copy)]
enum Among {
    All,
    /// Those that lists show to everybody.
    Open,
}

impl Search<'_> {
    /// Keys of the streams, and for each the number of its set of resources.
    pub fn streams(&self) -> (Vec<i64>, Vec<i32>) {
        let (keys, sets) = self.scope.streams();
        if self.crosswise {
            let resources: BTreeSet<i64> =
                self.scope.resource_sets().iter().flatten().flatten().copied().collect();
            (resources.iter().copied().collect(), vec![1; resources.len()])
        } else {
            (keys.to_vec(), sets.to_vec())
        }
    }

    /// The sets of resources `r` and the streams `s`, as table expressions. A stream has the number of
    /// its set: thousands share a set, which may be long.
    pub fn push_streams(&self, sql: &mut Sql) {
        self.push_sets(sql);
        let (keys, sets) = self.streams();
        sql.push("streams as materialized (select * from unnest(").push_bind(keys).push("::bigint[], ");
        sql.push_bind(sets).push("::integer[]) as u (key, number)), ");
    }

    /// The sets of resources, as a table expression; and the pairs of party and resource, where the
    /// streams are those of resources.
    pub fn push_sets(&self, sql: &mut Sql) {
        let texts: Vec<Option<String>> =
            self.scope.resource_sets().iter().map(|set| set.as_deref().map(array_text)).collect();
        sql.push("sets as materialized (select u.number, u.ids::bigint[] as resources from unnest(");
        sql.push_bind(texts).push("::text[]) with ordinality as u (ids, number)), ");
        if self.crosswise {
            let (parties, sets) = self.scope.streams();
            sql.push("pairs as materialized (select u.key as party_key, k.key as resource_key from unnest(");
            sql.push_bind(parties.to_vec()).push("::bigint[], ").push_bind(sets.to_vec());
            sql.push("::integer[]) as u (key, number) join sets r on r.number = u.number cross join unnest(r.resources) as k (key)), ");
        }
    }

    /// That a row `d` of a stream is on a resource of the stream's set `r`, or of a pair.
    pub fn push_in_set(&self, sql: &mut Sql) {
        sql.push(if self.crosswise {
            "(d.party_key, d.resource_key) in (select p.party_key, p.resource_key from pairs p)"
        } else {
            "(r.resources is null or d.resource_key = any(r.resources))"
        });
    }

    /// That `d` is in the stream with this key.
    pub fn push_in_stream(&self, sql: &mut Sql, key: &str) {
        match self.scope.by() {
            _ if self.crosswise => sql.push("d.resource_key = ").push(key),
            StreamsBy::Party => sql.push("d.party_key = ").push(key),
            StreamsBy::Resource => sql.push("d.resource_key = ").push(key),
            StreamsBy::Org => {
                sql.push("d.org = ");
                let org = self.scope.org().unwrap_or_default().to_owned();
                sql.push_bind(org)
            }
        };
    }

    /// What an index can tell: bounds of the stream's time, and what its partial indexes are for.
    pub fn push_bounds(&self, sql: &mut Sql) {
        let times = self.filters.content_updated;
        push_optional(sql, " and d.content_updated_at >= ", times.after.map(Timestamp::utc));
        push_optional(sql, " and d.content_updated_at <= ", times.before.map(Timestamp::utc));
        if self.filters.only_visible {
            // What is not yet visible has the time at which it will be, and lies before all else.
            let soon = self.now.plus_seconds(CLOCKS_DIFFER);
            sql.push(" and d.content_updated_at <= ").push_bind(soon.utc());
        }
        if self.filters.system_labels.is_some_and(|labels| labels.0 & !SystemLabels::DEFAULT.0 != 0) {
            sql.push(" and d.system_labels & 30 <> 0");
        }
        if self.filters.deleted == DeletedFilter::Only {
            sql.push(" and d.deleted_at is not null");
        }
    }

    /// Everything else: each condition after an `and`.
    pub fn push_filters(&self, sql: &mut Sql, with_text: bool) {
        let filters = self.filters;
        if filters.deleted == DeletedFilter::Exclude {
            sql.push(" and d.deleted_at is null");
        }
        if filters.only_visible {
            sql.push(" and (d.visible_from is null or d.visible_from <= ").push_bind(self.now.utc());
            sql.push(") and (d.expires_at is null or d.expires_at > ").push_bind(self.now.utc()).push(")");
        }
        push_optional(sql, " and d.org = ", self.scope.org().map(str::to_owned));
        for (column, values) in [("org", &filters.org), ("extended_status", &filters.extended_status)] {
            if !values.is_empty() {
                sql.push(" and d.").push(column).push(" = any(").push_bind(values.clone()).push(")");
            }
        }
        if !filters.status.is_empty() {
            let codes: Vec<i16> = filters.status.iter().map(|status| status.code()).collect();
            sql.push(" and d.status = any(").push_bind(codes).push(")");
        }
        push_optional(sql, " and d.external_reference = ", filters.external_reference.clone());
        push_optional(sql, " and d.process = ", filters.process.clone());
        if let Some(labels) = filters.system_labels {
            sql.push(" and d.system_labels & ").push_bind(labels.0).push(" = ").push_bind(labels.0);
        }
        if filters.exclude_api_only {
            sql.push(" and not d.is_api_only");
        }
        if let Some(seen) = filters.is_content_seen {
            sql.push(" and (").push(CONTENT_IS_SEEN).push(") = ").push_bind(seen);
        }
        for (column, times) in [
            ("created_at", filters.created),
            ("updated_at", filters.updated),
            ("due_at", filters.due),
            ("visible_from", filters.visible),
        ] {
            if let Some(after) = times.after {
                sql.push(" and d.").push(column).push(" >= ").push_bind(after.utc());
            }
            if let Some(before) = times.before {
                sql.push(" and d.").push(column).push(" <= ").push_bind(before.utc());
            }
        }
        // A value of its own, and not EXISTS: it must not be turned into a join that reads all labels.
        for label in &filters.service_owner_labels {
            sql.push(" and (select true from service_owner_label l where l.dialog_id = d.id and ");
            push_label(sql, label);
            sql.push(" limit 1)");
        }
        if let Some(text) = filters.text.as_ref().filter(|_| with_text) {
            sql.push(" and ");
            self.push_text(sql, text);
        }
    }

    /// That the words of `d` are as the query says.
    fn push_text(&self, sql: &mut Sql, query: &TextQuery) {
        if query.any_of.is_empty() {
            sql.push("false");
            return;
        }
        if let Some(terms) = query.plain_terms() {
            self.push_found(sql, &terms, query);
            return;
        }
        sql.push("(");
        for (index, AllOf { found, absent }) in query.any_of.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { " or (" });
            for (index, term) in found.iter().enumerate() {
                sql.push(if index == 0 { "" } else { " and " });
                self.push_found(sql, &[term], query);
            }
            for term in absent {
                sql.push(" and not ");
                self.push_found(sql, &[term], query);
            }
            sql.push(")");
        }
        sql.push(")");
    }

    /// That one of the terms is among the words of `d`.
    fn push_found(&self, sql: &mut Sql, terms: &[&Term], query: &TextQuery) {
        // `offset 0`: otherwise the planner might look the words up among all dialogs, for each of these.
        sql.push(
            "coalesce((select true from (select t.lexemes from dialog_text t where t.dialog_id = d.id offset 0) t
            where t.lexemes @@ ",
        );
        if self.scope.restricted().is_empty() {
            push_terms_once(sql, terms, query, Among::All);
        } else {
            sql.push("case when d.resource_key = any(").push_bind(self.scope.restricted().to_vec());
            sql.push(") then ");
            push_terms_once(sql, terms, query, Among::Open);
            sql.push(" else ");
            push_terms_once(sql, terms, query, Among::All);
            sql.push(" end");
        }
        sql.push(" limit 1), false)");
    }

    /// The single dialogs that are allowed, as a table expression of ids with the keys they must have.
    /// Gives whether there are any.
    pub fn push_singles(&self, sql: &mut Sql) -> bool {
        let (dialogs, labels) = (self.scope.dialogs(), self.scope.labels());
        if dialogs.is_empty() && labels.is_empty() {
            return false;
        }
        let ids: Vec<_> = dialogs.iter().map(|(id, ..)| *id).collect();
        let parties: Vec<_> = dialogs.iter().map(|(_, party, _)| *party).collect();
        let resources: Vec<_> = dialogs.iter().map(|(.., resource)| *resource).collect();
        sql.push("singles as materialized (select u.id, u.party_key, u.resource_key from unnest(");
        sql.push_bind(ids).push("::uuid[], ").push_bind(parties).push("::bigint[], ").push_bind(resources);
        sql.push("::bigint[]) as u (id, party_key, resource_key)");
        if !labels.is_empty() {
            let values: Vec<_> = labels.iter().map(|(value, ..)| value.clone()).collect();
            let parties: Vec<_> = labels.iter().map(|(_, party, _)| *party).collect();
            let resources: Vec<_> = labels.iter().map(|(.., resource)| *resource).collect();
            sql.push(" union select l.dialog_id, u.party_key, u.resource_key from unnest(").push_bind(values);
            sql.push("::text[], ").push_bind(parties).push("::bigint[], ").push_bind(resources);
            sql.push("::bigint[]) as u (value, party_key, resource_key) join service_owner_label l on l.value = u.value");
        }
        sql.push("), ");
        true
    }
}

/// `and` something with a value, where there is one.
fn push_optional<'q, T>(sql: &mut Sql, condition: &str, value: Option<T>)
where
    T: 'q + Encode<'q, Postgres> + Type<Postgres>,
{
    if let Some(value) = value {
        sql.push(condition).push_bind(value);
    }
}

/// An array of numbers as PostgreSQL writes it.
fn array_text(keys: &[i64]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!("{{{}}}", keys.join(","))
}

/// That the label `l` is as the pattern says.
pub(super) fn push_label(sql: &mut Sql, pattern: &LabelPattern) {
    match pattern {
        LabelPattern::Exactly(value) => sql.push("l.value = ").push_bind(value.clone()),
        LabelPattern::StartingWith(start) => sql.push("l.value ^@ ").push_bind(start.clone()),
    };
}

/// The query for words of which one is looked for.
pub(super) fn push_any_of(sql: &mut Sql, terms: &[&Term], query: &TextQuery) {
    push_terms_once(sql, terms, query, Among::All);
}

/// The query for a word, as a value of which the planner knows how common it is.
pub(super) fn push_term(sql: &mut Sql, term: &Term, query: &TextQuery) {
    push_terms(sql, &[term], query, Among::All);
}

/// Put together once for the statement, and not again for each row.
fn push_terms_once(sql: &mut Sql, terms: &[&Term], query: &TextQuery, among: Among) {
    sql.push("(select ");
    push_terms(sql, terms, query, among);
    sql.push(")");
}

fn push_terms(sql: &mut Sql, terms: &[&Term], query: &TextQuery, among: Among) {
    sql.push("(");
    for (index, term) in terms.iter().enumerate() {
        sql.push(if index == 0 { "" } else { " || " });
        let weights = match among {
            Among::All => "",
            Among::Open => "A",
        };
        let mark = match (term.is_prefix, weights) {
            (true, weights) => format!(":*{weights}"),
            (false, "") => String::new(),
            (false, weights) => format!(":{weights}"),
        };
        let quoted = format!("'{}'{mark}", plain(&term.text));
        sql.push("to_tsquery('simple', ").push_bind(quoted.clone()).push(")");
        // The beginning of a word has no stem.
        for rules in query.rules.iter().filter(|_| !term.is_prefix) {
            sql.push(" || to_tsquery('").push(rules).push("', ").push_bind(quoted.clone()).push(")");
        }
    }
    sql.push(")");
}

fn sql_name(column: Column) -> &'static str {
    match column {
        Column::ContentUpdatedAt => "content_updated_at",
        Column::UpdatedAt => "updated_at",
        Column::CreatedAt => "created_at",
        Column::DueAt => "due_at",
        Column::Id => "id",
    }
}

/// The columns of an order, separated by commas.
pub(super) fn push_columns(sql: &mut Sql, order: &OrderBy) {
    let mut list = sql.separated(", ");
    for (column, _) in order.columns() {
        list.push(sql_name(*column));
    }
}

/// `order by` and the columns of `alias`. Null dates come last ascending and first descending:
/// PostgreSQL's own order.
pub(super) fn push_order(sql: &mut Sql, alias: &str, order: &OrderBy) {
    sql.push(" order by ");
    let mut list = sql.separated(", ");
    for (column, direction) in order.columns() {
        list.push(alias).push_unseparated(".").push_unseparated(sql_name(*column));
        list.push_unseparated(" ").push_unseparated(direction.name());
    }
}

/// Only what comes after the cursor: equal in the first columns, and after it in the next.
pub(super) fn push_after(sql: &mut Sql, cursor: &Cursor, order: &OrderBy) {
    sql.push(" and (");
    for (index, (column, direction)) in order.columns().iter().enumerate() {
        if index > 0 {
            sql.push(" or ");
        }
        sql.push("(");
        for (column, _) in &order.columns()[..index] {
            let name = sql_name(*column);
            match cursor.value(*column) {
                Some(value) => sql.push("d.").push(name).push(" = ").push_bind(value.utc()),
                None => sql.push("d.").push(name).push(" is null"),
            };
            sql.push(" and ");
        }
        let name = sql_name(*column);
        let sign = if *direction == Direction::Ascending { " > " } else { " < " };
        match (*column, cursor.value(*column), *direction) {
            (Column::Id, ..) => {
                sql.push("d.id").push(sign).push_bind(cursor.id);
            }
            (Column::DueAt, Some(value), Direction::Ascending) => {
                sql.push("(d.due_at").push(sign).push_bind(value.utc());
                sql.push(" or d.due_at is null)");
            }
            (_, Some(value), _) => {
                sql.push("d.").push(name).push(sign).push_bind(value.utc());
            }
            // Nothing comes after null ascending; all dates do descending.
            (_, None, Direction::Ascending) => {
                sql.push("false");
            }
            (_, None, Direction::Descending) => {
                sql.push("d.").push(name).push(" is not null");
            }
        }
        sql.push(")");
    }
    sql.push(")");
}
