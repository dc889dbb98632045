//! Connections to the database, for single statements.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, PgQueryResult, PgRow, Postgres};
use sqlx::{Error, Execute, Executor};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a connection stays out of the pool.
const KEEP: Duration = Duration::from_secs(30);

/// How long to wait for a connection before giving up.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// Connections that go from statement to statement.
///
/// A connection that goes back into sqlx's pool is asked whether it still works: one more round trip
/// for every statement. Here it goes back that way only when its statement failed or was given up, and
/// otherwise every now and then, so that what the pool does for its connections (pings after idleness,
/// a longest life) is still done.
pub(super) struct Connections {
    pool: PgPool,
    /// One for each connection that may be open.
    places: Semaphore,
    free: Mutex<Vec<Kept>>,
}

/// A connection and when the pool gave it.
struct Kept {
    connection: PoolConnection<Postgres>,
    since: Instant,
}

/// A connection with a statement to do. Dropped before that is done, it goes back into the pool, which
/// waits for the end of the statement.
struct Lease<'a> {
    kept: Kept,
    _place: SemaphorePermit<'a>,
}

impl Connections {
    /// Those of a pool that has `count` at most and serves nobody else.
    pub fn of(pool: PgPool, count: u32) -> Self {
        Self { pool, places: Semaphore::new(count as usize), free: Mutex::default() }
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub async fn execute<'q>(&self, query: impl Execute<'q, Postgres> + 'q) -> Result<PgQueryResult, Error> {
        let mut lease = self.lease().await?;
        let done = lease.connection().execute(query).await?;
        self.keep(lease);
        Ok(done)
    }

    pub async fn fetch_optional<'q>(
        &self,
        query: impl Execute<'q, Postgres> + 'q,
    ) -> Result<Option<PgRow>, Error> {
        let mut lease = self.lease().await?;
        let row = lease.connection().fetch_optional(query).await?;
        self.keep(lease);
        Ok(row)
    }

    pub async fn fetch_one<'q>(&self, query: impl Execute<'q, Postgres> + 'q) -> Result<PgRow, Error> {
        self.fetch_optional(query).await?.ok_or(Error::RowNotFound)
    }

    pub async fn fetch_all<'q>(&self, query: impl Execute<'q, Postgres> + 'q) -> Result<Vec<PgRow>, Error> {
        let mut lease = self.lease().await?;
        let rows = lease.connection().fetch_all(query).await?;
        self.keep(lease);
        Ok(rows)
    }

    /// Closes all connections, when their statements are done.
    pub async fn close(&self) {
        self.free().clear();
        self.pool.close().await;
    }

    async fn lease(&self) -> Result<Lease<'_>, Error> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => tokio::time::timeout(PATIENCE, self.places.acquire())
                .await
                .map_err(|_| Error::PoolTimedOut)?
                .map_err(|_| Error::PoolClosed)?,
        };
        loop {
            // Not in the condition of the loop: the lock would be held while waiting.
            let kept = self.free().pop();
            match kept {
                Some(kept) if kept.since.elapsed() < KEEP => return Ok(Lease { kept, _place: place }),
                // Goes back into the pool.
                Some(_) => {}
                None => {
                    let kept = Kept { connection: self.pool.acquire().await?, since: Instant::now() };
                    return Ok(Lease { kept, _place: place });
                }
            }
        }
    }

    fn keep(&self, lease: Lease<'_>) {
        let mut free = self.free();
        if !self.pool.is_closed() {
            free.push(lease.kept);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // The way back into the pool needs a runtime, which may be gone.
        for kept in self.free().drain(..) {
            drop(kept.connection.leak());
        }
    }
}
