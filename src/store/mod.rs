//! All SQL. One file per group of tables; statements return domain types.

mod children;
mod connections;
mod deliveries;
mod dialogs;
mod end_user_context;
mod issuers;
mod labels;
mod outbox;
mod referred;
mod registry;
mod reindex;
mod repetition;
mod rows;
mod search;
mod seeding;
mod seen;
mod usage;
mod words;

use std::sync::Arc;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{MigrateError, Migration};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::Notify;

pub use children::{Children, LabelLogEntry};
use connections::{Connections, PATIENCE};
pub use deliveries::{
    Backlog, Claim, DeadEvent, EventPlace, Lane, LaneEnd, Parked, Pause, Retried, SinkState, Span,
};
pub use dialogs::{DetailParts, DialogDetail, Loaded, References};
pub use end_user_context::{EndUserContext, LabelFilter};
pub use labels::Labelled;
pub use outbox::{ChangedDialog, LogEntry, Position};
pub use referred::Referred;
pub use registry::{Registry, RegistryLease, RegistryNews};
pub(crate) use repetition::KEY_IN_USE;
pub use rows::key_of;
pub use search::{DialogCounts, Effort, ListParts, ListedDialog, Listing};
pub use seeding::{Batch, Relabelled, SeededDialog, Seeding};
pub use seen::{SeenEntry, Viewing};

/// The database.
#[derive(Clone)]
pub struct Store {
    connections: Arc<Connections>,
    /// Whether nothing is told of a dialog before it is visible.
    hold_events: bool,
    /// Rings when something was told.
    told: Arc<Notify>,
    /// How much a page of a search may cost.
    effort: Effort,
}

/// How long a statement may take, unless the settings say otherwise.
const STATEMENT_TIMEOUT: &str = "20s";

/// How long a migration waits for a lock at a time, and how long others go on before it tries again.
const LOCK_TIMEOUT: &str = "1s";
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// The database did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// No connection could be had in time.
    #[error("no database connection is free")]
    Busy,
    /// A unique value is taken.
    #[error("{constraint} is violated")]
    Taken {
        /// Name of the constraint.
        constraint: String,
        /// What PostgreSQL says about the value.
        detail: String,
    },
    /// Another transaction was in the way; trying again helps.
    #[error("the database could not serialise concurrent writes")]
    Conflict,
    /// A statement took longer than it may.
    #[error("a statement took too long")]
    TimedOut,
    /// Something stored is not as it must be.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// Anything else.
    #[error("the database failed")]
    Other(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(database) => {
                let postgres = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
                match postgres.map(|e| (e.code(), e)) {
                    Some(("23505", e)) => Self::Taken {
                        constraint: e.constraint().unwrap_or_default().to_owned(),
                        detail: e.detail().unwrap_or_default().to_owned(),
                    },
                    Some(("40001" | "40P01", _)) => Self::Conflict,
                    Some(("57014", _)) => Self::TimedOut,
                    _ => Self::Other(error),
                }
            }
            _ => Self::Other(error),
        }
    }
}

impl Store {
    /// Opens a pool of at most `connections` connections. Connects when first used.
    #[must_use]
    pub fn open(options: PgConnectOptions, connections: u32) -> Self {
        // The plan of a search takes half a megabyte in the database server, of each connection. Searches
        // of so many shapes as these are rarely asked for; beyond that the least used are planned again.
        let options = options.application_name("dialogporten").statement_cache_capacity(120).options([
            ("timezone", "UTC"),
            // What PostgreSQL says of words that it leaves out of a query.
            ("client_min_messages", "warning"),
            // No statement reads a whole table where there is an index, or sorts what an index has in
            // order, whatever the planner knows or guesses of the parties and services of a request.
            ("enable_seqscan", "off"),
            ("enable_sort", "off"),
            ("jit", "off"),
            // So a statement is planned once for all values, and not anew for each: planning a search takes
            // longer than the search.
            ("plan_cache_mode", "force_generic_plan"),
            // Searches look up tens of thousands of pairs of party and service in a hash table.
            ("work_mem", "16MB"),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
        let connections = Self::connections(options, connections);
        Self { connections, effort: Effort::USUAL, hold_events: true, told: Arc::default() }
    }

    fn connections(options: PgConnectOptions, count: u32) -> Arc<Connections> {
        let pool = PgPoolOptions::new()
            .max_connections(count)
            .acquire_timeout(PATIENCE)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_mins(30))
            // A ping at every acquire would double the round trips; idle connections are pinged.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > Duration::from_secs(30) {
                        sqlx::Connection::ping(connection).await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Arc::new(Connections::of(pool, count))
    }

    /// The same store, which holds what is told of a dialog until the dialog is visible, or does not.
    #[must_use]
    pub fn holding_events(self, hold_events: bool) -> Self {
        Self { hold_events, ..self }
    }

    /// Whether nothing is told of a dialog before it is visible.
    #[must_use]
    pub fn holds_events(&self) -> bool {
        self.hold_events
    }

    /// The same store on connections of its own, at most `connections`.
    #[must_use]
    pub fn with_own_connections(&self, connections: u32) -> Self {
        let options = self.pool().connect_options().as_ref().clone();
        Self { connections: Self::connections(options, connections), ..self.clone() }
    }

    /// The same store, whose statements may take so many seconds, 0 for as long as they take.
    #[must_use]
    pub fn with_statement_timeout(self, seconds: u32) -> Self {
        let options = self.pool().connect_options().as_ref().clone();
        // Of two values the last one counts.
        let options = options.options([("statement_timeout", format!("{seconds}s"))]);
        let count = self.pool().options().get_max_connections();
        Self { connections: Self::connections(options, count), ..self }
    }

    /// Searches with another effort, as tests do that want to see where it ends.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The pool itself, for what is done before requests are served: later all its connections may be
    /// kept for statements.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.connections.pool()
    }

    /// Brings the schema up to date, while others who want the same wait. A migration that waits for
    /// somebody who uses a table gives up after [`LOCK_TIMEOUT`] and is tried again, until it succeeds:
    /// while it waits for its lock, all who come after it would wait as well.
    ///
    /// # Errors
    /// When the database does not answer, or has a schema that is not ours.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        // A change of a large table takes as long as it takes.
        let options = self.pool().connect_options().as_ref().clone().options([("statement_timeout", "0")]);
        // One session, which keeps its locks and settings.
        let session = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let session = session.connect_with(options).await?;
        // Asked for again and again: an index that is made concurrently waits for every statement that
        // runs, also for one that waits for this lock, and both would wait for ever.
        let lock = "select pg_try_advisory_lock(hashtext('dialogporten_migrations'))";
        while !sqlx::query_scalar::<_, bool>(lock).fetch_one(&session).await? {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let migrated = run_migrations(&session).await;
        session.close().await;
        migrated
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreFailure> {
        self.connections.execute(sqlx::query("select 1")).await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

async fn run_migrations(session: &PgPool) -> Result<(), MigrateError> {
    let mut migrations = sqlx::migrate!();
    migrations.set_locking(false);
    let all: Vec<&Migration> = migrations.iter().collect();
    for alike in all.chunk_by(|one, next| one.no_tx == next.no_tx) {
        let Some(last) = alike.last() else { continue };
        // An index that is made concurrently waits for everybody, holds up nobody, and cannot be tried again.
        let timeout = if last.no_tx { "0" } else { LOCK_TIMEOUT };
        let setting = sqlx::query("select set_config('lock_timeout', $1, false)").bind(timeout);
        setting.execute(session).await?;
        while let Err(failure) = migrations.run_to(last.version, session).await {
            if !is_locked(&failure) {
                return Err(failure);
            }
            tracing::warn!("a migration waits until nobody uses its tables");
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }
    // What there is beyond them is not ours.
    migrations.run(session).await
}

/// Whether a lock could not be had in time.
fn is_locked(failure: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = failure else {
        return false;
    };
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "55P03")
}
