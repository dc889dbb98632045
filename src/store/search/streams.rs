//! Pages out of streams: runs of an index in order of the content's last change, one for each party.
//!
//! A page is made of the newest rows of all streams. Of most streams only the first fitting row is
//! looked at: the page cannot reach below the newest of these, so many of them as the page has rows
//! give a bound, and only above it is anything else read. The cost follows the page, not the number of
//! dialogs.
//!
//! Filters that few rows pass would make a stream long to look through, so every look ends after so
//! many rows. What lies below the row where a look ended is not known. A page that needs it is gathered
//! in rounds, the newest streams first, and within a budget: then it is shorter, and the next one goes
//! on where the known ends. No row is left out and none comes twice.

use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::conditions::{Search, Sql, fill};
use super::{Position, Store, push_content};
use crate::search::Direction;
use crate::store::StoreFailure;

/// So many streams are read without looking for a bound first.
const FEW: usize = 8;
/// Rows that all first looks together may read.
const FIRST_LOOKS: usize = 32_000;
/// Fewest and most rows of one look.
const LOOK: (usize, usize) = (16, 4_000);
/// Rows that one round may read, and all rounds together.
const ROUND: usize = 16_000;
const BUDGET: usize = 64_000;

/// The first fitting row of each stream, or the row where the look for it ended; and the last row that
/// the page can reach to.
const HEADS: &str = "heads as materialized (
    select s.key, s.number, h.content_updated_at, h.id, e.content_updated_at as stalled_at, e.id as stalled_id
    from streams s join sets r on r.number = s.number
    left join lateral (select d.content_updated_at, d.id
        from (select d.* from dialog d where {stream} {order of d} limit {look}) d
        where {fits} {order of d} limit 1) h on true
    left join lateral (select d.content_updated_at, d.id from dialog d where {stream} and h.id is null
        {order of d} offset {before the end} limit 1) e on true
), bound as materialized (
    select h.content_updated_at as at from heads h where h.id is not null
    {order of h} offset {before the last} limit 1
), ";

/// The rows of the streams that may be on the page, and the row where each look ended.
const FOUND_IN_MANY: &str = "found as materialized (
    select f.* from (select h.key, h.number from heads h
        where h.content_updated_at {at} coalesce((select at from bound), {last})) s
    join sets r on r.number = s.number
    cross join lateral (select *
        from (select d.*, row_number() over ({order of d}) as place, ({fits}) as fits from dialog d
            where {stream} and d.content_updated_at {at} coalesce((select at from bound), {last})
            {order of d} limit {look}) d
        where d.fits or d.place = {look} {order of d} limit {rows}) f
), ";

/// Like [`FOUND_IN_MANY`] where there are so few streams that all are looked into.
const FOUND_IN_FEW: &str = "found as materialized (
    select f.* from streams s join sets r on r.number = s.number
    cross join lateral (select *
        from (select d.*, row_number() over ({order of d}) as place, ({fits}) as fits from dialog d
            where {stream} {order of d} limit {look}) d
        where d.fits or d.place = {look} {order of d} limit {rows}) f
), ";

const SINGLES_TOO: &str = " union all select d.*, 0, true from singles s
    join dialog d on d.id = s.id and d.party_key = s.party_key and d.resource_key = s.resource_key
    where true {bounds} {filters}";

const SINGLE_POSITIONS: &str = "found as (select distinct d.content_updated_at, d.id from singles s
        join dialog d on d.id = s.id and d.party_key = s.party_key and d.resource_key = s.resource_key
        where true {bounds} {filters})
    select * from found d {order of d} limit {rows}";

const PROBE: &str = "select s.place as number, f.content_updated_at, f.id, f.fits, f.place
    from streams s join sets r on r.number = s.number
    cross join lateral (select d.content_updated_at, d.id, d.fits, d.place
        from (select d.content_updated_at, d.id, row_number() over ({order of d}) as place, ({fits}) as fits
            from dialog d where {stream} and (d.content_updated_at, d.id) {later} (coalesce(s.at, ";

/// A page of a search that is ordered by the content's last change.
pub(super) struct StreamPage<'a> {
    pub search: &'a Search<'a>,
    /// Both of the content's last change and of the id.
    pub direction: Direction,
    /// After this row.
    pub after: Option<Position>,
    /// Rows wanted: one more than the page shows.
    pub rows: usize,
}

/// Rows of a page, by position.
pub(super) struct Gathered {
    pub positions: Vec<Position>,
    /// What lies after this is not known.
    pub known_to: Option<Position>,
}

impl StreamPage<'_> {
    fn is_few(&self) -> bool {
        self.search.scope.streams().0.len() <= FEW
    }

    fn first_look(&self) -> usize {
        (FIRST_LOOKS / self.search.scope.streams().0.len().max(1)).clamp(LOOK.0, LOOK.1)
    }

    /// Whether `one` comes before `other`.
    fn precedes(&self, one: Position, other: Position) -> bool {
        match self.direction {
            Direction::Descending => one > other,
            Direction::Ascending => one < other,
        }
    }

    /// Puts a statement together. In the template stand
    /// - `{stream}`: that `d` is in the stream `s`, and what an index can tell,
    /// - `{fits}`: that it passes the filters,
    /// - `{order of x}`: the order of the rows of `x`,
    /// - `{at}`, `{later}`, `{last}`: signs and the last of all times in this order,
    /// - `{look}`, `{rows}`: how many rows one look reads, and how many are wanted.
    fn push(&self, sql: &mut Sql, look: usize, template: &str) {
        let (at, later, last) = match self.direction {
            Direction::Descending => (">=", "<", "'-infinity'"),
            Direction::Ascending => ("<=", ">", "'infinity'"),
        };
        fill(sql, template, |part, sql| match part {
            "stream" => {
                self.search.push_in_stream(sql, "s.key");
                self.push_bounds(sql);
            }
            "bounds" => self.push_bounds(sql),
            "fits" => {
                Search::push_in_set(sql);
                self.search.push_filters(sql, true);
            }
            "filters" => self.search.push_filters(sql, true),
            "at" => drop(sql.push(at)),
            "later" => drop(sql.push(later)),
            "last" => drop(sql.push(last)),
            "look" => drop(sql.push(look)),
            "before the end" => drop(sql.push(look - 1)),
            "rows" => drop(sql.push(self.rows)),
            "before the last" => drop(sql.push(self.rows - 1)),
            part => {
                let alias = part.strip_prefix("order of ").unwrap_or(part);
                let direction = self.direction.name();
                sql.push(format!("order by {alias}.content_updated_at {direction}, {alias}.id {direction}"));
            }
        });
    }

    /// Conditions on `d`, each after an `and`.
    fn push_bounds(&self, sql: &mut Sql) {
        self.search.push_bounds(sql);
        if let Some(after) = self.after {
            self.push(sql, 1, " and (d.content_updated_at, d.id) {later} (");
            sql.push_bind(after.at).push(", ").push_bind(after.id).push(")");
        }
    }

    /// The statement that gives the page at once where the first looks tell enough.
    pub fn statement(&self) -> Sql {
        let mut sql = Sql::new("with ");
        self.search.push_streams(&mut sql);
        let singles = self.search.push_singles(&mut sql);
        let mut look = self.first_look();
        if self.is_few() {
            self.push(&mut sql, look, FOUND_IN_FEW);
        } else {
            self.push(&mut sql, look, HEADS);
            look = LOOK.1;
            self.push(&mut sql, look, FOUND_IN_MANY);
        }
        sql.push("page as materialized (select distinct on (d.content_updated_at, d.id) d.* from (select * from found where fits");
        if singles {
            self.push(&mut sql, look, SINGLES_TOO);
        }
        self.push(&mut sql, look, ") d {order of d} limit {rows}), known as (select k.content_updated_at, k.id from (select f.content_updated_at, f.id from found f where f.place = {look}");
        if !self.is_few() {
            sql.push(
                " union all select h.stalled_at, h.stalled_id from heads h where h.stalled_id is not null",
            );
        }
        self.push(&mut sql, look, ") k {order of k} limit 1) ");
        push_content(&mut sql, self.search.for_owner);
        self.push(&mut sql, look, ", known.content_updated_at as known_at, known.id as known_id
            from (select 1) one left join known on true left join page d on true
            left join lateral (select * from dialog_document doc where doc.dialog_id = d.id limit 1) doc on true
            {order of d}");
        sql
    }

    /// How far the answer to [`statement`](Self::statement) is known; `None` when it is the page.
    pub fn known_to(&self, rows: &[PgRow]) -> Result<Option<Position>, StoreFailure> {
        let Some(first) = rows.first() else { return Ok(None) };
        let (Some(at), Some(id)) = (first.try_get("known_at")?, first.try_get("known_id")?) else {
            return Ok(None);
        };
        let known = Position { at, id };
        let full = match rows.last().filter(|_| rows.len() == self.rows) {
            Some(last) => !self.precedes(known, Position::of(last)?),
            None => false,
        };
        Ok((!full).then_some(known))
    }

    /// Gathers the page in rounds.
    pub async fn gather(&self, store: &Store) -> Result<Gathered, StoreFailure> {
        let (keys, sets) = self.search.scope.streams();
        let mut open: Vec<Stream> = keys
            .iter()
            .zip(sets)
            .map(|(key, set)| Stream { key: *key, set: *set, from: self.after })
            .collect();
        let mut found: Vec<Position> = self.singles(store).await?;
        let mut look = self.first_look();
        let mut read = 0;
        loop {
            self.sort(&mut found);
            found.dedup();
            found.truncate(self.rows);
            let bound = found.get(self.rows - 1).copied();
            // A stream that goes on below the last row of the page has nothing more for it.
            open.retain(|stream| match (stream.from, bound) {
                (Some(from), Some(bound)) => self.precedes(from, bound),
                _ => true,
            });
            // The newest first: how far everything is known depends on them.
            open.sort_by(|one, other| match (one.from, other.from) {
                (Some(one), Some(other)) if self.precedes(one, other) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Less,
                (one, other) if one == other => std::cmp::Ordering::Equal,
                _ => std::cmp::Ordering::Greater,
            });
            let Some(newest) = open.first() else {
                return Ok(Gathered { positions: found, known_to: None });
            };
            if read >= BUDGET {
                let known_to = newest.from;
                found.retain(|row| known_to.is_none_or(|known| !self.precedes(known, *row)));
                return Ok(Gathered { positions: found, known_to });
            }
            let count = if read == 0 { open.len() } else { (ROUND / look).max(1).min(open.len()) };
            let round: Vec<Stream> = open.drain(..count).collect();
            for row in
                store.connections.fetch_all(self.probe(&round, look, bound).build().persistent(false)).await?
            {
                let position = Position::of(&row)?;
                if row.try_get("fits")? {
                    found.push(position);
                    read += 1;
                }
                if row.try_get::<i64, _>("place")? == as_i64(look) {
                    let number: i64 = row.try_get("number")?;
                    let stream = usize::try_from(number - 1).ok().and_then(|at| round.get(at));
                    open.extend(stream.map(|stream| Stream { from: Some(position), ..*stream }));
                    read += look;
                }
            }
            read += count;
            look = (look * 4).min(ROUND);
        }
    }

    /// Positions of the rows that fit in the next `look` rows of some streams, and of the row where
    /// each look ended.
    fn probe(&self, streams: &[Stream], look: usize, bound: Option<Position>) -> Sql {
        let mut sql = Sql::new("with ");
        self.search.push_sets(&mut sql);
        sql.push("streams as materialized (select * from unnest(");
        sql.push_bind(streams.iter().map(|s| s.key).collect::<Vec<_>>()).push("::bigint[], ");
        sql.push_bind(streams.iter().map(|s| s.set).collect::<Vec<_>>()).push("::integer[], ");
        let first = match self.direction {
            Direction::Descending => Uuid::max(),
            Direction::Ascending => Uuid::nil(),
        };
        sql.push_bind(streams.iter().map(|s| s.from.map(|from| from.at)).collect::<Vec<_>>());
        sql.push("::timestamptz[], ");
        sql.push_bind(streams.iter().map(|s| s.from.map_or(first, |from| from.id)).collect::<Vec<_>>());
        sql.push("::uuid[]) with ordinality as u (key, number, at, id, place)) ");
        let beginning = match self.direction {
            Direction::Descending => "'infinity'",
            Direction::Ascending => "'-infinity'",
        };
        self.push(&mut sql, look, PROBE);
        sql.push(beginning).push("), s.id)");
        if let Some(bound) = bound {
            self.push(&mut sql, look, " and d.content_updated_at {at} ");
            sql.push_bind(bound.at);
        }
        self.push(
            &mut sql,
            look,
            " {order of d} limit {look}) d where d.fits or d.place = {look} {order of d} limit {rows}) f",
        );
        sql
    }

    /// Positions of the single dialogs that fit.
    async fn singles(&self, store: &Store) -> Result<Vec<Position>, StoreFailure> {
        let mut sql = Sql::new("with ");
        if !self.search.push_singles(&mut sql) {
            return Ok(Vec::new());
        }
        self.push(&mut sql, 1, SINGLE_POSITIONS);
        let rows = store.connections.fetch_all(sql.build().persistent(false)).await?;
        rows.iter().map(Position::of).collect()
    }

    fn sort(&self, positions: &mut [Position]) {
        positions.sort_unstable();
        if self.direction == Direction::Descending {
            positions.reverse();
        }
    }
}

/// A stream, and where to go on in it.
#[derive(Clone, Copy)]
struct Stream {
    key: i64,
    set: i32,
    from: Option<Position>,
}

fn as_i64(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
