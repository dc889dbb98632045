//! One PostgreSQL server for the whole run, and databases on it.
//!
//! libtest has no hook for the end of a run, and leaves without dropping anything. So the server is
//! kept by a process of its own, this program run once more, which ends when its standard input
//! does: however the tests end, even killed, the server is stopped and its directory removed.

use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use dialogporten::clock::Clock;
use dialogporten::sandbox::keys::SandboxKeys;
use dialogporten::sandbox::postgres::{EmbeddedOptions, EmbeddedPostgres, running_connect_options};
use dialogporten::store::Store;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::statements;

/// Tells [`keeper`] where its server lives.
const DIRECTORY: &str = "DIALOGPORTEN_TEST_CLUSTER";
/// What the keeper says when the server accepts connections.
const READY: &str = "the server is ready";
/// A migrated database with keys and nothing else, from which all others are copied.
const BLANK: &str = "blank";

/// Services outlive the test that starts them, and so must what they run on.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("service")
        .enable_all()
        .build()
        .expect("a runtime for the services")
});

/// Runs `work` where services run.
pub async fn in_background<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    RUNTIME.spawn(work).await.expect("work in the background does not panic")
}

/// Lets `work` go on where services run.
pub fn let_run(work: impl Future<Output = ()> + Send + 'static) {
    RUNTIME.spawn(work);
}

/// A new directory name below the directory for temporary files.
pub fn temporary_directory() -> PathBuf {
    let clock = Clock::system();
    let random = clock.ids(clock.now()).revision().simple().to_string();
    std::env::temp_dir().join(format!("dialogporten-it-{}-{}", std::process::id(), &random[..8]))
}

/// The server of this run.
pub struct Cluster {
    options: PgConnectOptions,
    /// The sandbox's keys, the same in every database.
    pub keys: Arc<SandboxKeys>,
    /// The keeper ends when this is closed, which only the end of the process does.
    _keeper: std::process::ChildStdin,
}

/// The server of this run, started when first asked for.
pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER.get_or_init(|| in_background(Cluster::start())).await
}

impl Cluster {
    async fn start() -> Self {
        statements::install();
        let directory = temporary_directory();
        let keeper = start_keeper(&directory);
        let options = running_connect_options(&directory);
        execute(&options, &format!("create database {BLANK}")).await;
        let store = Store::open(options.clone().database(BLANK), 1);
        store.migrate().await.expect("the schema is made");
        let keys = SandboxKeys::load_or_create(store.pool()).await.expect("keys are made");
        store.close().await;
        Self { options, keys: Arc::new(keys), _keeper: keeper }
    }

    /// A new database.
    pub async fn new_database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        execute(&self.options, &format!("create database {name} template {BLANK}")).await;
        Database { options: self.options.clone().database(&name), name }
    }
}

async fn execute(options: &PgConnectOptions, sql: &str) {
    let mut connection = PgConnection::connect_with(options).await.expect("the server answers");
    connection.execute(AssertSqlSafe(sql)).await.expect(sql);
    connection.close().await.expect("a connection is closed");
}

/// Starts the process that keeps the server, and waits until it is there.
#[expect(clippy::zombie_processes, reason = "it ends after this process")]
fn start_keeper(directory: &std::path::Path) -> std::process::ChildStdin {
    let program = std::env::current_exe().expect("this program has a path");
    let mut keeper = Command::new(program)
        .args([concat!(module_path!(), "::keeper").split_once("::").expect("a path").1])
        .args(["--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdin(Stdio::piped())
        // Pipes of our own: whoever waits for the end of our output must not wait for the keeper.
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the tests; the keeper then sees its input end.
        .process_group(0)
        .spawn()
        .expect("the keeper starts");
    let input = keeper.stdin.take().expect("the keeper has an input");
    let output = keeper.stdout.take().expect("the keeper has an output");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    if !lines.any(|line| line == READY) {
        let mut said = String::new();
        let _ = keeper.stderr.take().expect("the keeper has an output").read_to_string(&mut said);
        panic!("PostgreSQL did not start: {said}");
    }
    input
}

/// Not a test: the process that keeps the server.
#[tokio::test]
#[ignore = "the process that keeps the database server of the other tests"]
async fn keeper() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let options = EmbeddedOptions {
        data_dir: directory.clone().into(),
        bin_dir: None,
        durable: false,
        max_connections: 300,
    };
    let server = EmbeddedPostgres::start(options).await.expect("PostgreSQL starts");
    println!("\n{READY}");
    let _ = std::io::stdin().read_line(&mut String::new());
    server.stop().await.expect("PostgreSQL stops");
    let _ = std::fs::remove_dir_all(directory);
}

/// One database.
#[derive(Clone, Debug)]
pub struct Database {
    options: PgConnectOptions,
    name: String,
}

impl Database {
    /// A new database with the schema and nothing else.
    pub async fn new() -> Self {
        cluster().await.new_database().await
    }

    /// Where it is, as settings say it.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// The first column of the rows of a query.
    pub async fn rows<T>(&self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
        (T,): for<'r> sqlx::FromRow<'r, PgRow>,
    {
        let mut connection = PgConnection::connect_with(&self.options).await.expect("the server answers");
        let values = sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect(sql);
        connection.close().await.expect("a connection is closed");
        values
    }

    /// A pool on it.
    pub fn store(&self) -> Store {
        Store::open(self.options.clone(), 20)
    }

    /// A connection of the test's own.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.expect("the server answers")
    }

    /// Runs statements that change how the database works.
    pub async fn configure(&self, sql: &str) {
        execute(&self.options, sql).await;
    }

    /// Runs one statement with `$1` as `id`.
    pub async fn execute(&self, sql: &'static str, id: uuid::Uuid) -> u64 {
        let mut connection = PgConnection::connect_with(&self.options).await.expect("the server answers");
        let done = sqlx::query(sql).bind(id).execute(&mut connection).await.expect(sql);
        connection.close().await.expect("a connection is closed");
        done.rows_affected()
    }

    /// The first column of the rows of one query with `$1` as `id`.
    pub async fn column<T>(&self, sql: &'static str, id: uuid::Uuid) -> Vec<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
        (T,): for<'r> sqlx::FromRow<'r, PgRow>,
    {
        let mut connection = PgConnection::connect_with(&self.options).await.expect("the server answers");
        let values = sqlx::query_scalar(sql).bind(id).fetch_all(&mut connection).await.expect(sql);
        connection.close().await.expect("a connection is closed");
        values
    }

    /// Waits until all of the log can be read that has been written until now: other tests write on the
    /// same server.
    pub async fn settle(&self) {
        let mut connection = PgConnection::connect_with(&self.options).await.expect("the server answers");
        let end = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
        let end: i64 = sqlx::query_scalar(end).fetch_one(&mut connection).await.expect("a number");
        let horizon = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1";
        while !sqlx::query_scalar::<_, bool>(horizon)
            .bind(end)
            .fetch_one(&mut connection)
            .await
            .expect("an answer")
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        connection.close().await.expect("a connection is closed");
    }

    /// Takes the database away from everybody who uses it.
    pub async fn remove(&self) {
        let admin = cluster().await.options.clone();
        execute(&admin, &format!("drop database {} with (force)", self.name)).await;
    }
}
