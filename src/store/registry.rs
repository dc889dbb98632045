//! What the service keeps of the platform's registry of resources. All instances read it here; one at
//! a time brings it up to date. Times of this coordination are the database's, which all instances
//! share.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{Row, query};

use super::{Store, StoreFailure};
use crate::altinn::{ServiceResource, SubjectResource};
use crate::timestamp::Timestamp;

/// The registry as the database has it.
#[derive(Debug, Default)]
pub struct Registry {
    /// Grows with every change.
    pub version: i64,
    /// All resources.
    pub resources: Vec<ServiceResource>,
    /// Pairs of a role or access package (URN) and a resource (id).
    pub subject_resources: Vec<(String, String)>,
}

/// The right to bring the registry up to date, and what is known so far.
#[derive(Debug)]
pub struct RegistryLease {
    /// Read what has changed after this; everything, if `None`.
    pub since: Option<Timestamp>,
    /// Levels of resources by id, and whether it is time to read their policies again.
    pub levels: HashMap<String, (Option<u8>, bool)>,
}

/// News of the registry.
#[derive(Debug)]
pub struct RegistryNews {
    /// All resources.
    pub resources: Vec<ServiceResource>,
    /// Ids of those whose policy has been read now.
    pub levels_read: Vec<String>,
    /// Whether `changes` is all there is.
    pub is_all: bool,
    /// Who may read what.
    pub changes: Vec<SubjectResource>,
}

/// How long the lease is, in seconds, if the instance that has it goes away.
const LEASE_SECONDS: i32 = 300;

impl Store {
    /// The version of the registry; 0 when it was never read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn registry_version(&self) -> Result<i64, StoreFailure> {
        let row = self.connections.fetch_one(query("select version from registry_state")).await?;
        Ok(row.try_get(0)?)
    }

    /// The registry.
    ///
    /// # Errors
    /// When the database does not answer, or what it has is damaged.
    pub async fn registry(&self) -> Result<Registry, StoreFailure> {
        let statement = "select version,
                (select coalesce(jsonb_agg(document order by id), '[]') from registry_resource) as resources,
                (select coalesce(jsonb_agg(jsonb_build_array(subject, resource)), '[]') from registry_subject)
                    as subject_resources
            from registry_state";
        let row = self.connections.fetch_one(query(statement)).await?;
        let Json(resources) = row.try_get("resources")?;
        let Json(subject_resources) = row.try_get("subject_resources")?;
        Ok(Registry { version: row.try_get("version")?, resources, subject_resources })
    }

    /// The right to bring the registry up to date, if nobody has it, and if it was last done more than
    /// `every` seconds ago. With `all`, or once a day, everything is to be read. Policies are read once
    /// a day.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease_registry(&self, every: u64, all: bool) -> Result<Option<RegistryLease>, StoreFailure> {
        let statement = "with lease as (
                update registry_state set leased_until = now() + make_interval(secs => $2)
                where (leased_until is null or leased_until < now())
                    and (read_at is null or read_at <= now() - make_interval(secs => $1))
                returning changed_until, all_read_at
            )
            select case when not $3 and all_read_at > now() - interval '1 day' then changed_until end as since,
                (select coalesce(jsonb_object_agg(id, jsonb_build_array(
                        document -> 'minimum_level', level_read_at < now() - interval '1 day')), '{}')
                    from registry_resource) as levels
            from lease";
        let every = i32::try_from(every).unwrap_or(i32::MAX);
        let lease = query(statement).bind(f64::from(every)).bind(f64::from(LEASE_SECONDS)).bind(all);
        let Some(row) = self.connections.fetch_optional(lease).await? else { return Ok(None) };
        let since: Option<DateTime<Utc>> = row.try_get("since")?;
        let Json(levels) = row.try_get("levels")?;
        Ok(Some(RegistryLease { since: since.map(Timestamp::new), levels }))
    }

    /// Gives the right back, with nothing new.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_registry(&self) -> Result<(), StoreFailure> {
        self.connections.execute(query("update registry_state set leased_until = null")).await?;
        Ok(())
    }

    /// Keeps what is new, and gives the right back. The version grows if anything has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_registry(&self, news: &RegistryNews) -> Result<(), StoreFailure> {
        // The last word on each pair counts.
        let mut pairs: HashMap<(&str, &str), bool> = HashMap::new();
        for change in &news.changes {
            pairs.insert((&change.subject, &change.resource), !change.is_deleted);
        }
        let chosen = |wanted| {
            let chosen = pairs.iter().filter(move |(_, is_there)| **is_there == wanted);
            chosen.map(|((subject, resource), _)| (*subject, *resource)).unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let there = chosen(true);
        // When all there is was read, all else is gone.
        let gone = if news.is_all { (Vec::new(), Vec::new()) } else { chosen(false) };
        let until = news.changes.iter().map(|change| change.updated_at).max().map(Timestamp::utc);
        let ids: Vec<&str> = news.resources.iter().map(|resource| resource.id.as_str()).collect();
        let documents: Vec<Json<&ServiceResource>> = news.resources.iter().map(Json).collect();
        let statement = "with resource as (
                select * from unnest($1::text[], $2::jsonb[]) as resource (id, document)
            ), pair_there as materialized (
                select * from unnest($4::text[], $5::text[]) as pair (subject, resource)
            ), pair_gone as materialized (
                select * from unnest($6::text[], $7::text[]) as pair (subject, resource)
            ), changed as (
                select id from resource
                where not exists (
                    select from registry_resource known
                    where known.id = resource.id and known.document = resource.document)
            ), kept as (
                insert into registry_resource as old (id, document, level_read_at)
                select id, document, now() from resource
                on conflict (id) do update set document = excluded.document,
                    level_read_at = case when old.id = any($3) then now() else old.level_read_at end
                where old.document <> excluded.document or old.id = any($3)
            ), gone_resource as (
                delete from registry_resource known
                where not exists (select from resource where resource.id = known.id)
                returning id
            ), there as (
                insert into registry_subject (subject, resource)
                select subject, resource from pair_there on conflict do nothing
                returning subject
            ), gone as (
                delete from registry_subject known using pair_gone
                where known.subject = pair_gone.subject and known.resource = pair_gone.resource
                returning known.subject
            ), rest as (
                delete from registry_subject known
                where $8 and not exists (
                    select from pair_there
                    where pair_there.subject = known.subject and pair_there.resource = known.resource)
                returning subject
            )
            update registry_state set leased_until = null, read_at = now(),
                all_read_at = case when $8 then now() else all_read_at end,
                changed_until = greatest(changed_until, $9),
                version = version + case when version = 0
                    or exists (select from changed) or exists (select from gone_resource)
                    or exists (select from there) or exists (select from gone) or exists (select from rest)
                    then 1 else 0 end";
        self.connections
            .execute(
                query(statement)
                    .bind(ids)
                    .bind(documents)
                    .bind(&news.levels_read)
                    .bind(there.0)
                    .bind(there.1)
                    .bind(gone.0)
                    .bind(gone.1)
                    .bind(news.is_all)
                    .bind(until),
            )
            .await?;
        Ok(())
    }
}
