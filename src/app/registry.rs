//! What the platform's registry of resources says is kept in the database, and known to every instance.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use super::{App, Failure};
use crate::altinn::{ListedResource, PlatformFailure, ServiceResource};
use crate::store::{RegistryLease, RegistryNews};

/// How many policies are read at a time.
const AT_A_TIME: usize = 10;

/// How often an instance looks whether another one has news.
const LOOK: Duration = Duration::from_secs(2);

/// After how many looks names are asked for again.
const NAMES: u32 = 1_800;

/// How long to wait at start for another instance that reads the registry.
const PATIENCE: u32 = 100;

impl App {
    /// Makes the registry known to this instance. Where the database has none yet, or with `anew`, it is
    /// read from the platform first.
    ///
    /// # Errors
    /// When there is no registry to be had.
    pub async fn begin_registry(&self, anew: bool) -> Result<(), Failure> {
        if anew {
            self.renew_registry(0, true).await?;
        }
        for _ in 0..PATIENCE {
            if self.store.registry_version().await? > 0 || self.renew_registry(0, true).await? {
                return self.read_registry().await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let reason = "another instance did not come to its end with reading it";
        Err(PlatformFailure::unavailable("the resource registry", reason).into())
    }

    /// From now on brings the registry up to date every so many seconds, unless another instance does,
    /// and learns what any of them has found.
    pub async fn keep_registry(self: &Arc<Self>, every: u64) {
        let mut rounds: u32 = 0;
        loop {
            tokio::time::sleep(LOOK).await;
            // The database tells when it is time; it need not be asked that often.
            if rounds.is_multiple_of(5)
                && let Err(failure) = self.renew_registry(every, false).await
            {
                tracing::warn!(error = %failure, "the registry of resources was not brought up to date");
            }
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(NAMES) {
                self.access.renew_names().await;
            }
            if let Err(failure) = self.follow_registry().await {
                tracing::warn!(error = %failure, "the registry of resources was not looked at");
            }
        }
    }

    /// Learns what is new in the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn follow_registry(&self) -> Result<(), Failure> {
        if self.store.registry_version().await? != self.access.registry_version() {
            self.read_registry().await?;
        }
        Ok(())
    }

    async fn read_registry(&self) -> Result<(), Failure> {
        self.access.learn(self.store.registry().await?).await;
        Ok(())
    }

    /// Brings the registry in the database up to date, if that was last done more than `every` seconds
    /// ago and nobody else is doing it. Says whether it did.
    ///
    /// # Errors
    /// When the platform or the database does not answer; what is known stays.
    pub async fn renew_registry(&self, every: u64, all: bool) -> Result<bool, Failure> {
        let Some(lease) = self.store.lease_registry(every, all).await? else { return Ok(false) };
        let news = match self.registry_news(&lease).await {
            Ok(news) => news,
            Err(failure) => {
                self.store.release_registry().await?;
                return Err(failure.into());
            }
        };
        self.store.keep_registry(&news).await?;
        Ok(true)
    }

    async fn registry_news(&self, lease: &RegistryLease) -> Result<RegistryNews, PlatformFailure> {
        let registry = &self.access.platform().resources;
        let changes = registry.subject_resources(lease.since).await?;
        let listed = registry.resources().await?;
        if listed.is_empty() {
            let reason = "its list of resources is empty";
            return Err(PlatformFailure::unusable("the resource registry", reason));
        }
        let mut resources = Vec::with_capacity(listed.len());
        let mut levels_read = Vec::new();
        let mut reading = stream::iter(listed.into_iter().map(|listed| self.with_level(listed, lease)))
            .buffer_unordered(AT_A_TIME);
        while let Some((resource, is_read)) = reading.next().await {
            // What has no level yet because its policy cannot be read is not there yet either: a level
            // that is too low would show what must not be seen.
            let Some(resource) = resource else { continue };
            if is_read {
                levels_read.push(resource.id.clone());
            }
            resources.push(resource);
        }
        Ok(RegistryNews { resources, levels_read, is_all: lease.since.is_none(), changes })
    }

    /// The resource with its level, and whether that was read now.
    async fn with_level(
        &self,
        listed: ListedResource,
        lease: &RegistryLease,
    ) -> (Option<ServiceResource>, bool) {
        let ListedResource { mut resource, has_level } = listed;
        if has_level {
            return (Some(resource), false);
        }
        let known = lease.levels.get(&resource.id);
        if let Some((level, false)) = known {
            resource.minimum_level = *level;
            return (Some(resource), false);
        }
        match self.access.platform().resources.minimum_level(&resource.id).await {
            Ok(level) => {
                resource.minimum_level = level;
                (Some(resource), true)
            }
            Err(failure) => {
                tracing::warn!(resource = resource.id, error = %failure, "a policy could not be read");
                let Some((level, _)) = known else { return (None, false) };
                resource.minimum_level = *level;
                (Some(resource), false)
            }
        }
    }
}
