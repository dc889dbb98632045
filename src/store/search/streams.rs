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

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::conditions::{Search, Sql};
use super::{Position, SearchEffort, Store, push_content};
use crate::search::Direction;
use crate::store::StoreFailure;

/// A page of a search that is ordered by the content's last change.
pub(super) struct StreamPage<'a> {
    pub search: &'a Search<'a>,
    pub effort: SearchEffort,
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
        self.search.scope.streams().0.len() <= self.effort.few_streams
    }

    fn first_look(&self) -> usize {
        let SearchEffort { first_looks, shortest_look, longest_look, .. } = self.effort;
        (first_looks / self.search.scope.streams().0.len().max(1)).clamp(shortest_look, longest_look)
    }

    /// Whether `one` comes before `other`.
    fn precedes(&self, one: Position, other: Position) -> bool {
        match self.direction {
            Direction::Descending => one > other,
            Direction::Ascending => one < other,
        }
    }

    fn order(&self, alias: &str) -> String {
        let direction = self.direction.name();
        format!(" order by {alias}.content_updated_at {direction}, {alias}.id {direction}")
    }

    /// Signs for what comes later, and for what comes no later than a bound.
    fn signs(&self) -> (&'static str, &'static str, &'static str) {
        match self.direction {
            Direction::Descending => ("<", ">=", "'-infinity'"),
            Direction::Ascending => (">", "<=", "'infinity'"),
        }
    }

    /// `from dialog d where` the stream of this key and what an index can tell.
    fn push_stream(&self, sql: &mut Sql, key: &str) {
        sql.push(" from dialog d where ");
        self.search.push_in_stream(sql, key);
        self.search.push_bounds(sql);
        if let Some(after) = self.after {
            self.push_later(sql, after);
        }
    }

    fn push_later(&self, sql: &mut Sql, after: Position) {
        sql.push(" and (d.content_updated_at, d.id) ").push(self.signs().0).push(" (");
        sql.push_bind(after.at).push(", ").push_bind(after.id).push(")");
    }

    /// Whether a row is one of those looked for: false also where a column that is asked for is null.
    fn push_fits(&self, sql: &mut Sql, resources: &str) {
        sql.push("((").push(resources).push(" is null or d.resource_key = any(").push(resources).push("))");
        self.search.push_filters(sql, true);
        sql.push(") is true");
    }

    /// The statement that gives the page at once where the first looks tell enough.
    pub fn statement(&self) -> Sql {
        let mut sql = Sql::new("with ");
        self.search.push_streams(&mut sql);
        sql.push(", ");
        let (_, reaches, last) = self.signs();
        let look = self.first_look();
        if !self.is_few() {
            sql.push("heads as materialized (select s.key, s.resources, h.content_updated_at, h.id, r.content_updated_at as stalled_at, r.id as stalled_id from streams s left join lateral (select d.content_updated_at, d.id from (select d.*");
            self.push_stream(&mut sql, "s.key");
            sql.push(self.order("d")).push(" limit ").push(look).push(") d where ");
            self.push_fits(&mut sql, "s.resources");
            sql.push(self.order("d"))
                .push(" limit 1) h on true left join lateral (select d.content_updated_at, d.id");
            self.push_stream(&mut sql, "s.key");
            sql.push(" and h.id is null").push(self.order("d"));
            sql.push(" offset ").push(look - 1).push(" limit 1) r on true), ");
            // A party may be among the streams twice, with other resources.
            sql.push("bound as materialized (select h.content_updated_at as at from (select distinct content_updated_at, id from heads where id is not null) h");
            sql.push(self.order("h")).push(" offset ").push(self.rows - 1).push(" limit 1), ");
        }
        sql.push("found as materialized (select r.* from ");
        if self.is_few() {
            sql.push("streams s");
        } else {
            sql.push("(select h.key, h.resources from heads h where h.content_updated_at ").push(reaches);
            sql.push(" coalesce((select at from bound), ").push(last).push(")) s");
        }
        sql.push(" cross join lateral (select * from (select d.*, row_number() over (").push(self.order("d"));
        sql.push(") as place, (");
        self.push_fits(&mut sql, "s.resources");
        sql.push(") as fits");
        self.push_stream(&mut sql, "s.key");
        if !self.is_few() {
            sql.push(" and d.content_updated_at ").push(reaches).push(" coalesce((select at from bound), ");
            sql.push(last).push(")");
        }
        let look = if self.is_few() { look } else { self.effort.longest_look };
        sql.push(self.order("d"))
            .push(" limit ")
            .push(look)
            .push(") d where d.fits or d.place = ")
            .push(look);
        sql.push(self.order("d")).push(" limit ").push(self.rows).push(") r), ");
        let singles = self.search.push_singles(&mut sql);
        sql.push("page as materialized (select distinct on (d.content_updated_at, d.id) d.* from (select * from found where fits");
        if singles {
            sql.push(" union all select d.*, 0, true from singles s join dialog d on d.id = s.id and d.party_key = s.party_key and d.resource_key = s.resource_key where true");
            self.search.push_bounds(&mut sql);
            self.search.push_filters(&mut sql, true);
            if let Some(after) = self.after {
                self.push_later(&mut sql, after);
            }
        }
        sql.push(") d").push(self.order("d")).push(" limit ").push(self.rows).push("), ");
        sql.push("known as (select content_updated_at, id from (select content_updated_at, id from found where place = ");
        sql.push(look);
        if !self.is_few() {
            sql.push(" union all select stalled_at, stalled_id from heads where stalled_id is not null");
        }
        sql.push(") k").push(self.order("k")).push(" limit 1) ");
        push_content(&mut sql, self.search.for_owner);
        sql.push(", known.content_updated_at as known_at, known.id as known_id from (select 1) one left join known on true left join page d on true left join lateral (select * from dialog_document doc where doc.dialog_id = d.id limit 1) doc on true");
        sql.push(self.order("d"));
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
            if read >= self.effort.budget {
                let known_to = newest.from;
                found.retain(|row| known_to.is_none_or(|known| !self.precedes(known, *row)));
                return Ok(Gathered { positions: found, known_to });
            }
            let count =
                if read == 0 { open.len() } else { (self.effort.round / look).max(1).min(open.len()) };
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
            look = (look * 4).min(self.effort.round);
        }
    }

    /// Positions of the rows that fit in the next `look` rows of some streams, and of the row where
    /// each look ended.
    fn probe(&self, streams: &[Stream], look: usize, bound: Option<Position>) -> Sql {
        let (_, reaches, _) = self.signs();
        let texts: Vec<Option<String>> =
            self.search.scope.resource_sets().iter().map(super::conditions::array_text).collect();
        let start = match self.direction {
            Direction::Descending => Position { at: DateTime::<Utc>::MAX_UTC, id: Uuid::max() },
            Direction::Ascending => Position { at: DateTime::<Utc>::MIN_UTC, id: Uuid::nil() },
        };
        let mut sql = Sql::new(
            "with streams as materialized (select u.key, r.resources, u.at, u.id, u.place from unnest(",
        );
        let from = |stream: &Stream| stream.from.unwrap_or(start);
        sql.push_bind(streams.iter().map(|s| s.key).collect::<Vec<_>>()).push("::bigint[], ");
        sql.push_bind(streams.iter().map(|s| s.set).collect::<Vec<_>>()).push("::integer[], ");
        // PostgreSQL's times reach less far than ours.
        let times: Vec<Option<DateTime<Utc>>> = streams.iter().map(|s| s.from.map(|from| from.at)).collect();
        sql.push_bind(times).push("::timestamptz[], ");
        sql.push_bind(streams.iter().map(|s| from(s).id).collect::<Vec<_>>());
        sql.push("::uuid[]) with ordinality as u (key, number, at, id, place) join (select t.number, t.ids::bigint[] as resources from unnest(");
        sql.push_bind(texts)
            .push("::text[]) with ordinality as t (ids, number) offset 0) as r on r.number = u.number)");
        sql.push(" select s.place as number, r.content_updated_at, r.id, r.fits, r.place from streams s cross join lateral (select d.content_updated_at, d.id, d.fits, d.place from (select d.content_updated_at, d.id, row_number() over (");
        sql.push(self.order("d")).push(") as place, (");
        self.push_fits(&mut sql, "s.resources");
        sql.push(") as fits");
        self.push_stream(&mut sql, "s.key");
        let (later, ..) = self.signs();
        let beginning = match self.direction {
            Direction::Descending => "'infinity'",
            Direction::Ascending => "'-infinity'",
        };
        sql.push(" and (d.content_updated_at, d.id) ").push(later).push(" (coalesce(s.at, ").push(beginning);
        sql.push("), s.id)");
        if let Some(bound) = bound {
            sql.push(" and d.content_updated_at ").push(reaches).push(" ").push_bind(bound.at);
        }
        sql.push(self.order("d"))
            .push(" limit ")
            .push(look)
            .push(") d where d.fits or d.place = ")
            .push(look);
        sql.push(self.order("d")).push(" limit ").push(self.rows).push(") r");
        sql
    }

    /// Positions of the single dialogs that fit.
    async fn singles(&self, store: &Store) -> Result<Vec<Position>, StoreFailure> {
        let mut sql = Sql::new("with ");
        if !self.search.push_singles(&mut sql) {
            return Ok(Vec::new());
        }
        sql.push("done as (select 1) select distinct d.content_updated_at, d.id from singles s join dialog d on d.id = s.id and d.party_key = s.party_key and d.resource_key = s.resource_key where true");
        self.search.push_bounds(&mut sql);
        self.search.push_filters(&mut sql, true);
        if let Some(after) = self.after {
            self.push_later(&mut sql, after);
        }
        sql.push(" order by 1 ").push(self.direction.name()).push(", 2 ").push(self.direction.name());
        sql.push(" limit ").push(self.rows);
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
