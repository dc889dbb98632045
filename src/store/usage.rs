//! Which services there are dialogs about. Indexes tell: they are jumped through from one service to
//! the next, so that the cost follows the services and not the dialogs.

use sqlx::Row;

use super::{Store, StoreFailure};
use crate::access::SearchScope;

const USED: &str = "\
with recursive used as (
    select min(resource_key) as resource_key from dialog
    union all
    select (select min(d.resource_key) from dialog d where d.resource_key > u.resource_key)
    from used u where u.resource_key is not null
)
select resource_key from used where resource_key is not null";

const USED_BY_PARTIES: &str = "\
with recursive used as (
    select p.key as party_key, (select min(d.resource_key) from dialog d where d.party_key = p.key) as resource_key
    from (select distinct key from unnest($1::bigint[]) as p (key)) p
    union all
    select u.party_key, (select min(d.resource_key) from dialog d
        where d.party_key = u.party_key and d.resource_key > u.resource_key)
    from used u where u.resource_key is not null
)
select distinct u.resource_key
from used u
    join unnest($1::bigint[], $2::integer[]) as s (party_key, set) using (party_key)
    join unnest($3::integer[], $4::bigint[]) as r (set, resource_key) using (set, resource_key)";

impl Store {
    /// Keys of the resources that any dialog is about.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn used_resources(&self) -> Result<Vec<i64>, StoreFailure> {
        let rows = self.connections.fetch_all(sqlx::query(USED)).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Keys of the resources that dialogs in the streams of a user's `scope` are about.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn used_resources_of(&self, scope: &SearchScope) -> Result<Vec<i64>, StoreFailure> {
        let (parties, sets) = scope.streams();
        let (mut numbers, mut resources) = (Vec::new(), Vec::new());
        for (number, set) in (1_i32..).zip(scope.resource_sets()) {
            for resource in set.iter().flatten() {
                numbers.push(number);
                resources.push(*resource);
            }
        }
        let query = sqlx::query(USED_BY_PARTIES).bind(parties).bind(sets).bind(numbers).bind(resources);
        let rows = self.connections.fetch_all(query).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
