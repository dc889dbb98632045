//! Pages out of few candidates, which an index of words or of labels gives; and out of everything, for
//! orders that no index has.

use sqlx::Row;
use sqlx::types::Json;

use super::conditions::{
    Search, Sql, fill, push_after, push_any_of, push_columns, push_label, push_order, push_term,
};
use super::{Store, push_shown};
use crate::access::StreamsBy;
use crate::search::text::{Term, TextQuery};
use crate::search::{LabelPattern, Page};
use crate::store::StoreFailure;

/// How the dialogs are found.
pub(super) enum Source<'a> {
    /// Those with one of these words; every other condition is still to be checked.
    Words(Vec<&'a Term>, &'a TextQuery),
    /// Those with this label.
    Label(&'a LabelPattern),
    /// All of the scope.
    Scope,
}

/// The statement for a page. Its rows tell in `is_page` whether they are: where there were more than `most`
/// candidates they are not.
pub(super) fn statement(search: &Search<'_>, page: &Page, source: &Source<'_>, most: i64) -> Sql {
    // The words of a candidate are known where there is nothing but words to be found.
    let with_text = match source {
        Source::Words(_, query) => query.plain_terms().is_none() || !search.scope.restricted().is_empty(),
        Source::Label(_) | Source::Scope => true,
    };
    let push = |sql: &mut Sql, template: &str| {
        fill(sql, template, |part, sql| match part {
            "entries" => push_entries(sql, source),
            "dialogs" => drop(sql.push(match source {
                Source::Scope => "dialog d",
                _ => "candidates c cross join lateral (select * from dialog d where d.id = c.id limit 1) d",
            })),
            "singles" => {
                sql.push(if matches!(source, Source::Scope) { SINGLES } else { FOUND_SINGLES });
            }
            "stream" => match search.scope.by() {
                StreamsBy::Org => drop(sql.push("true")),
                StreamsBy::Party | StreamsBy::Resource => search.push_in_stream(sql, "s.key"),
            },
            "set" => search.push_in_set(sql),
            "conditions" => {
                search.push_bounds(sql);
                search.push_filters(sql, with_text);
                if let Some(cursor) = &page.after {
                    push_after(sql, cursor, &page.order);
                }
            }
            "columns" => push_columns(sql, &page.order),
            "order" => push_order(sql, "d", &page.order),
            "rows" => drop(sql.push_bind(i64::from(page.limit) + 1)),
            part => drop(sql.push(most.saturating_add(i64::from(part == "too many")))),
        });
    };
    let mut sql = Sql::new("with ");
    search.push_streams(&mut sql);
    let singles = search.push_singles(&mut sql);
    let is_lookup = !matches!(source, Source::Scope);
    if is_lookup {
        push(&mut sql, CANDIDATES);
    }
    push(
        &mut sql,
        "page as materialized (select distinct on ({columns}) d.* from (
        select d.* from {dialogs} join (streams s join sets r on r.number = s.number) on {stream} and {set}
        where true {conditions}",
    );
    if singles {
        push(
            &mut sql,
            " union all select d.* from {singles}
            where d.party_key = s.party_key and d.resource_key = s.resource_key {conditions}",
        );
    }
    push(&mut sql, ") d {order} limit {rows}) ");
    push_shown(
        &mut sql,
        search,
        page.limit,
        |sql| {
            push(
                sql,
                if is_lookup {
                    "select (select count(*) from entries) <= {most} as is_page"
                } else {
                    "select true as is_page"
                },
            );
        },
        |sql| push_order(sql, "d", &page.order),
    );
    sql
}

/// Single dialogs, by id alone: there is an index by party and resource too, of which one pair may have
/// very many dialogs.
const SINGLES: &str = "singles s cross join lateral (select * from dialog d where d.id = s.id limit 1) d";
const FOUND_SINGLES: &str = "singles s join candidates c on c.id = s.id
    cross join lateral (select * from dialog d where d.id = c.id limit 1) d";

const CANDIDATES: &str = "entries as materialized ({entries} limit {too many}),
    candidates as materialized (select distinct dialog_id as id from entries), ";

fn push_entries(sql: &mut Sql, source: &Source<'_>) {
    match source {
        Source::Words(terms, query) => {
            sql.push("select t.dialog_id from dialog_text t where t.lexemes @@ ");
            push_any_of(sql, terms, query);
        }
        Source::Label(pattern) => {
            sql.push("select l.dialog_id from service_owner_label l where ");
            push_label(sql, pattern);
        }
        Source::Scope => {}
    }
}

/// What PostgreSQL estimates for words.
pub(super) struct Estimate {
    /// Rows with words there are.
    pub rows: f64,
    /// Those with each of the terms.
    pub with: Vec<f64>,
}

/// Asks the planner, which knows the common words, how many rows have each of the terms. Nothing is
/// read for that. It may be wrong, which costs time and never a result.
pub(super) async fn estimate(
    store: &Store,
    terms: &[&Term],
    query: &TextQuery,
) -> Result<Estimate, StoreFailure> {
    let mut sql = Sql::new("explain (format json) select from dialog_text t");
    for term in terms {
        sql.push(" union all select from dialog_text t where t.lexemes @@ ");
        push_term(&mut sql, term, query);
    }
    let row = store.connections.fetch_one(sql.build().persistent(false)).await?;
    let Json(plan): Json<serde_json::Value> = row.try_get(0)?;
    let mut rows = Vec::new();
    collect(&plan[0]["Plan"], &mut rows);
    let with = rows.split_off(1.min(rows.len()));
    Ok(Estimate { rows: rows.first().copied().unwrap_or_default(), with })
}

/// The rows of every node that reads a table, in the order of the statement.
fn collect(node: &serde_json::Value, rows: &mut Vec<f64>) {
    if node["Relation Name"] == "dialog_text" || node["Index Name"] == "dialog_text_pkey" {
        rows.extend(node["Plan Rows"].as_f64());
        return;
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        collect(child, rows);
    }
}
