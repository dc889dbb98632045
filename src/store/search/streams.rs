//! Pages out of streams: runs of an index in order of the content's last change, one for each party,
//! for each resource, or for a service owner.
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

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::conditions::{Search, Sql, fill};
use super::{Position, Store, push_shown};
use crate::search::Direction;
use crate::store::StoreFailure;

/// How much is read before another way is taken, or a page is given up as it is. What is found does not
/// depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// So many streams are read without looking for a bound first.
    pub few: usize,
    /// Rows that all first looks together may read.
    pub first_looks: usize,
    /// Fewest and most rows of a first look.
    pub look: (usize, usize),
    /// Rows that one round may read. Streams that are not at their end after so many rows get no
    /// further round.
    pub round: usize,
    /// Rounds of one page.
    pub rounds: usize,
    /// Fewest and most rows of a look into the stream of a service, where those of many parties would
    /// be the others.
    pub crosswise_look: (usize, usize),
    /// More entries than this of an index of words or of labels are not taken for few.
    pub candidates: i64,
}

impl Effort {
    /// What a request may cost.
    pub const USUAL: Self = Self {
        few: 8,
        first_looks: 32_000,
        look: (16, 4_000),
        round: 16_000,
        rounds: 8,
        crosswise_look: (100, 8_000),
        candidates: 20_000,
    };
}

/// The first fitting row of each stream, or the row where the look for it ended; and the last row that
/// the page can reach to. A party may be there twice, with other resources: its row counts once.
const HEADS: &str = "heads as materialized (
    select s.key, s.number, h.content_updated_at, h.id, e.content_updated_at as stalled_at, e.id as stalled_id
    from streams s join sets r on r.number = s.number
    left join lateral (select d.content_updated_at, d.id
        from (select d.* from dialog d where {stream} {order of d} limit {look}) d
        where {fits} {order of d} limit 1) h on true
    left join lateral (select d.content_updated_at, d.id from dialog d where {stream} and h.id is null
        {order of d} offset {before the end} limit 1) e on true
), bound as materialized (
    select h.content_updated_at as at
    from (select distinct content_updated_at, id from heads where id is not null) h
    {order of h} offset {before the last} limit 1
), ";

/// The rows of the streams that may be on the page, and the row where each look ended.
const FOUND_IN_MANY: &str = "found as materialized (
    select f.*, s.key, s.number from (select h.key, h.number from heads h
        where h.content_updated_at {at} coalesce((select at from bound), {last})) s
    join sets r on r.number = s.number
    cross join lateral (select *
        from (select d.*, row_number() over ({order of d}) as place, ({fits}) is true as fits from dialog d
            where {stream} and d.content_updated_at {at} coalesce((select at from bound), {last})
            {order of d} limit {look}) d
        where d.fits or d.place = {look} {order of d} limit {rows}) f
), ";

/// Like [`FOUND_IN_MANY`] where there are so few streams that all are looked into.
const FOUND_IN_FEW: &str = "found as materialized (
    select f.*, s.key, s.number from streams s join sets r on r.number = s.number
    cross join lateral (select *
        from (select d.*, row_number() over ({order of d}) as place, ({fits}) is true as fits from dialog d
            where {stream} {order of d} limit {look}) d
        where d.fits or d.place = {look} {order of d} limit {rows}) f
), ";

/// Single dialogs beside the rows of the streams. By id alone: there is an index by party and resource
/// too, of which one pair may have very many dialogs.
const SINGLES: &str = " union all select d.*, 0, true, null, null from singles s
    cross join lateral (select * from dialog d where d.id = s.id limit 1) d
    where d.party_key = s.party_key and d.resource_key = s.resource_key {bounds} {filters}";

/// The streams that may have more for the page: those whose look ended before its last row.
const OPEN: &str = ") k left join lateral (select p.content_updated_at as at, p.id from page p
        {order of p} offset {before the last} limit 1) l on true
    where l.id is null or (l.at, l.id) {later} (k.content_updated_at, k.id)) ";

/// What is told beside the page: the streams that are open, and the rows so far if there are any.
const BESIDE: &str = "select o.*, f.*, o.open_keys is null as is_page
    from (select array_agg(key) as open_keys, array_agg(number) as open_numbers,
        array_agg(content_updated_at) as open_times, array_agg(id) as open_ids from open) o
    cross join (select array_agg(p.content_updated_at) as found_times, array_agg(p.id) as found_ids
        from page p where exists (select from open)) f";

/// The next rows of some streams.
const PROBE: &str =
    "select s.place as stream, f.content_updated_at, f.id, f.fits, f.place = s.look as stalled
    from streams s join sets r on r.number = s.number
    cross join lateral (select d.content_updated_at, d.id, d.fits, d.place
        from (select d.content_updated_at, d.id, row_number() over ({order of d}) as place, ({fits}) is true as fits
            from dialog d where {stream} and (d.content_updated_at, d.id) {later} (s.at, s.id)";

/// A page of a search that is ordered by the content's last change.
pub(super) struct StreamPage<'a> {
    pub search: &'a Search<'a>,
    /// Both of the content's last change and of the id.
    pub direction: Direction,
    /// After this row.
    pub after: Option<Position>,
    /// How many rows the page shows.
    pub limit: u16,
    pub effort: Effort,
}

/// A stream that may have more for a page.
#[derive(Clone, Copy, Debug)]
struct OpenStream {
    key: i64,
    set: i32,
    /// Where the look into it ended.
    from: Position,
    /// How many rows to read next.
    look: usize,
}

/// What the first statement leaves to be done.
pub(super) struct Left {
    /// The rows of the page so far.
    found: Vec<Position>,
    open: Vec<OpenStream>,
}

/// Rows of a page, by position.
pub(super) struct Gathered {
    pub positions: Vec<Position>,
    /// What lies after this is not known.
    pub known_to: Option<Position>,
}

impl StreamPage<'_> {
    fn is_few(&self) -> bool {
        self.search.streams().0.len() <= self.effort.few
    }

    /// Rows wanted: one more than the page shows.
    pub fn rows(&self) -> usize {
        usize::from(self.limit) + 1
    }

    /// How many rows are read of each stream: to find its first row, and to find those of the page.
    fn looks(&self) -> (usize, usize) {
        let (least, most) = self.effort.look;
        let first = (self.effort.first_looks / self.search.streams().0.len().max(1)).clamp(least, most);
        (first, if self.is_few() { first } else { most })
    }

    /// Whether `one` comes before `other`.
    fn precedes(&self, one: Position, other: Position) -> bool {
        self.compare(one, other) == Ordering::Less
    }

    fn compare(&self, one: Position, other: Position) -> Ordering {
        match self.direction {
            Direction::Descending => other.cmp(&one),
            Direction::Ascending => one.cmp(&other),
        }
    }

    /// Puts a statement together. In the template stand
    /// - `{stream}`: that `d` is in the stream `s`, and what an index can tell,
    /// - `{bounds}` and `{filters}`: what an index can tell, and what else `d` must be like,
    /// - `{fits}`: that a row of a stream passes the filters,
    /// - `{order of x}`: the order of the rows of `x`,
    /// - `{at}`, `{later}`, `{last}`: signs and the last of all times in this order,
    /// - `{look}`, `{rows}`: how many rows one look reads, and how many are wanted. Values, as all that
    ///   differs between pages, so that there are few statements and the database keeps their plans.
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
                self.search.push_in_set(sql);
                self.search.push_filters(sql, true);
            }
            "filters" => self.search.push_filters(sql, true),
            "at" => drop(sql.push(at)),
            "later" => drop(sql.push(later)),
            "last" => drop(sql.push(last)),
            "look" => push_count(sql, look),
            "before the end" => push_count(sql, look - 1),
            "rows" => push_count(sql, self.rows()),
            "before the last" => push_count(sql, usize::from(self.limit)),
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
        let (first, look) = self.looks();
        if self.is_few() {
            self.push(&mut sql, look, FOUND_IN_FEW);
        } else {
            self.push(&mut sql, first, HEADS);
            self.push(&mut sql, look, FOUND_IN_MANY);
        }
        sql.push("page as materialized (select distinct on (d.content_updated_at, d.id) d.* from (select * from found where fits");
        if singles {
            self.push(&mut sql, look, SINGLES);
        }
        self.push(&mut sql, look, ") d {order of d} limit {rows}), open as materialized (select k.* from (select f.key, f.number, f.content_updated_at, f.id from found f where f.place = {look}");
        if !self.is_few() {
            sql.push(" union all select h.key, h.number, h.stalled_at, h.stalled_id from heads h where h.stalled_id is not null");
        }
        self.push(&mut sql, look, OPEN);
        push_shown(
            &mut sql,
            self.search,
            self.limit,
            |sql| self.push(sql, look, BESIDE),
            |sql| self.push(sql, look, "{order of d}"),
        );
        sql
    }

    /// What the answer to [`statement`](Self::statement) leaves open: `None` when it is the page.
    pub fn left(&self, rows: &[PgRow]) -> Result<Option<Left>, StoreFailure> {
        let Some(row) = rows.first() else { return Ok(None) };
        if row.try_get("is_page")? {
            return Ok(None);
        }
        let found = positions(row, "found_times", "found_ids")?;
        let froms = positions(row, "open_times", "open_ids")?;
        let keys: Vec<i64> = row.try_get("open_keys")?;
        let sets: Vec<i32> = row.try_get("open_numbers")?;
        let look = self.looks().0 * 4;
        let streams = keys.into_iter().zip(sets).zip(froms);
        let open = streams.map(|((key, set), from)| OpenStream { key, set, from, look }).collect();
        Ok(Some(Left { found, open }))
    }

    /// Goes on in the open streams until the page is known.
    pub async fn gather(&self, store: &Store, left: Left) -> Result<Gathered, StoreFailure> {
        let Left { mut found, mut open } = left;
        let mut read = 0;
        for round in 0.. {
            found.sort_by(|one, other| self.compare(*one, *other));
            found.dedup();
            found.truncate(self.rows());
            let bound = found.get(usize::from(self.limit)).copied();
            // A stream that goes on below the last row of the page has nothing more for it.
            open.retain(|stream| bound.is_none_or(|bound| self.precedes(stream.from, bound)));
            // The newest first: how far everything is known depends on them.
            open.sort_by(|one, other| self.compare(one.from, other.from));
            let Some(newest) = open.first() else { break };
            if round == self.effort.rounds || read >= self.effort.round {
                let known_to = newest.from;
                found.retain(|row| !self.precedes(known_to, *row));
                return Ok(Gathered { positions: found, known_to: Some(known_to) });
            }
            let mut planned = 0;
            let count = open.iter().take_while(|stream| {
                planned += stream.look;
                planned <= self.effort.round
            });
            let count = count.count().max(1);
            let probed: Vec<OpenStream> = open.drain(..count).collect();
            let sql = self.probe(&probed, bound);
            for row in store.connections.fetch_all({ sql }.build()).await? {
                let from = Position::of(&row)?;
                if row.try_get("fits")? {
                    found.push(from);
                }
                let stream = usize::try_from(row.try_get::<i64, _>("stream")? - 1).ok();
                let stream = stream.and_then(|at| probed.get(at)).copied();
                if let Some(stream) = stream.filter(|_| row.try_get("stalled").unwrap_or(true)) {
                    read += stream.look;
                    open.push(OpenStream { from, look: (stream.look * 4).min(self.effort.round), ..stream });
                }
            }
        }
        Ok(Gathered { positions: found, known_to: None })
    }

    /// Positions of the rows that fit in the next rows of some streams, and of the row where each look
    /// ended.
    fn probe(&self, streams: &[OpenStream], bound: Option<Position>) -> Sql {
        let mut sql = Sql::new("with ");
        self.search.push_sets(&mut sql);
        sql.push("streams as materialized (select * from unnest(");
        sql.push_bind(streams.iter().map(|s| s.key).collect::<Vec<_>>()).push("::bigint[], ");
        sql.push_bind(streams.iter().map(|s| s.set).collect::<Vec<_>>()).push("::integer[], ");
        sql.push_bind(streams.iter().map(|s| s.from.at).collect::<Vec<_>>()).push("::timestamptz[], ");
        sql.push_bind(streams.iter().map(|s| s.from.id).collect::<Vec<_>>()).push("::uuid[], ");
        let looks = streams.iter().map(|s| i64::try_from(s.look).unwrap_or(i64::MAX));
        sql.push_bind(looks.collect::<Vec<_>>());
        sql.push("::bigint[]) with ordinality as u (key, number, at, id, look, place)) ");
        self.push(&mut sql, 1, PROBE);
        if let Some(bound) = bound {
            self.push(&mut sql, 1, " and d.content_updated_at {at} ");
            sql.push_bind(bound.at);
        }
        self.push(
            &mut sql,
            1,
            " {order of d} limit s.look) d where d.fits or d.place = s.look {order of d} limit {rows}) f",
        );
        sql
    }
}

/// Positions out of two arrays; none where these are null.
fn positions(row: &PgRow, times: &str, ids: &str) -> Result<Vec<Position>, StoreFailure> {
    let times: Option<Vec<DateTime<Utc>>> = row.try_get(times)?;
    let ids: Option<Vec<Uuid>> = row.try_get(ids)?;
    let positions = times.into_iter().flatten().zip(ids.into_iter().flatten());
    Ok(positions.map(|(at, id)| Position { at, id }).collect())
}

fn push_count(sql: &mut Sql, count: usize) {
    sql.push_bind(i64::try_from(count).unwrap_or(i64::MAX));
}
