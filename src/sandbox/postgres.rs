//! The sandbox's own PostgreSQL server, made from the PostgreSQL programs of this machine.
//!
//! The state directory holds:
//!
//! | Name | Content |
//! |---|---|
//! | `data/` | the PostgreSQL data directory |
//! | `s/` | the Unix socket, unless its path would be too long (see [`running_connect_options`]) |
//! | `postgres.log` | what the server says |
//! | `postgres.start.lock` | locked by the process that starts or stops the server right now |
//! | `postgres.in-use.lock` | locked in shared mode by every process that uses the server |
//!
//! The server outlives the process that started it as long as another one uses it; the last to stop
//! shuts it down. A server left behind by a killed process is found through its socket and used again.
//!
//! There is no password and no TCP port: the socket lies in a directory that only the server's user
//! can enter. PostgreSQL refuses to run as root, so a root process runs it as the user that owns
//! `data/`, at first `postgres` or else `nobody`. The state directory itself stays root's then, passable
//! but not readable for others: the server's user has no business with the other files in it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use postgresql_commands::CommandBuilder as _;
use postgresql_commands::initdb::InitDbBuilder;
use postgresql_commands::postgres::PostgresBuilder;
use rustix::process::{Pid, Signal};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection as _, Executor as _};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The user and the database of the sandbox.
const NAME: &str = "dialogporten";
/// Only names the socket file; nothing listens on TCP.
const PORT: u16 = 5432;
/// The oldest major version whose SQL the service uses.
const OLDEST_VERSION: u32 = 15;
/// macOS has no `C.UTF-8` in all its versions.
const LOCALE: &str = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };
/// A Unix socket address holds 104 bytes on macOS and the BSDs, 108 on Linux.
const LONGEST_SOCKET_PATH: usize = 99;
/// Pause between two looks at the server.
const POLL: Duration = Duration::from_millis(10);
/// Pause before a new attempt while another server still has the data directory.
const RETRY: Duration = Duration::from_millis(100);
/// Long enough for the recovery of a large sandbox after a crash.
const START_LIMIT: Duration = Duration::from_mins(2);
/// Long enough for the checkpoint of a fast shutdown.
const STOP_LIMIT: Duration = Duration::from_mins(1);
/// The log is put aside at a start when it has grown beyond this many bytes.
const LARGE_LOG: u64 = 16 << 20;
/// At most this many bytes of the log's end go into an error.
const LOG_TAIL: u64 = 4096;

/// How to run the sandbox's server.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The state directory, for example `./.dialogporten`; made if absent.
    pub data_dir: PathBuf,
    /// Where `initdb` and `postgres` are; `None` to look in the usual places.
    pub bin_dir: Option<PathBuf>,
    /// `false` gives up the safety of data in a crash of the machine for speed: for tests.
    pub durable: bool,
    /// The number of connections that can be open at the same time.
    pub max_connections: u16,
}

/// Why the sandbox's server cannot be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedFailure {
    /// The PostgreSQL programs are not on this machine.
    #[error(
        "no PostgreSQL found{}: set DATABASE_URL to a PostgreSQL server, or run `docker compose up`, \
         or install one with `apt install postgresql`",
        .looked_in.as_ref().map(|place| format!(" in {}", place.display())).unwrap_or_default()
    )]
    NotInstalled {
        /// The only place searched, when one was asked for.
        looked_in: Option<PathBuf>,
    },
    /// The PostgreSQL programs are too old.
    #[error(
        "PostgreSQL {version} in {} is too old: version {OLDEST_VERSION} or later is needed; or set \
         DATABASE_URL to another PostgreSQL server",
        .bin_dir.display()
    )]
    TooOld {
        /// Where the programs are.
        bin_dir: PathBuf,
        /// Their major version.
        version: u32,
    },
    /// The PostgreSQL programs cannot read the data directory.
    #[error(
        "PostgreSQL {version} in {} cannot read {}, which PostgreSQL {made_by} made: install that version \
         (`apt install postgresql-{made_by}`), or give up the data by removing the directory",
        .bin_dir.display(), .data.display()
    )]
    OtherVersion {
        /// Where the programs are.
        bin_dir: PathBuf,
        /// Their major version.
        version: u32,
        /// The data directory.
        data: PathBuf,
        /// The major version that made it.
        made_by: u32,
    },
    /// The process is root's, and there is nobody else to run the server as.
    #[error(
        "PostgreSQL cannot run as root, and the user table has neither `postgres` nor `nobody`: run \
         this as an ordinary user, or set DATABASE_URL to a PostgreSQL server"
    )]
    NoAccount,
    /// The server's user cannot reach the state directory.
    #[error(
        "PostgreSQL cannot run as root, and the user `{account}`, as whom it runs instead, may not pass \
         through {} to {}: choose another place with --data-dir, for example `--data-dir \
         /var/tmp/dialogporten`",
        .directory.display(), .state_dir.display()
    )]
    NotTraversable {
        /// The directory in the way.
        directory: PathBuf,
        /// The state directory.
        state_dir: PathBuf,
        /// The name of the server's user.
        account: String,
    },
    /// The directory for the socket is in somebody else's hands.
    #[error(
        "{} is not a directory for the server's user alone, so PostgreSQL's socket would not be safe \
         in it: remove it, or choose a shorter --data-dir",
        .0.display()
    )]
    UnsafeSocketDirectory(PathBuf),
    /// A file or directory of the state directory cannot be used.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// What was tried, such as `create`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// One of the PostgreSQL programs cannot be run.
    #[error("cannot run {}{}: {source}", .program.display(), as_user(.account.as_deref()))]
    Program {
        /// The program.
        program: PathBuf,
        /// The user it should run as, when that is another one.
        account: Option<String>,
        /// What the operating system said.
        source: io::Error,
    },
    /// The data directory cannot be made.
    #[error("initdb failed: {0}")]
    InitDb(String),
    /// The server ended before it was ready.
    #[error("PostgreSQL ended early; the end of {} is:\n{tail}", .log.display())]
    EndedEarly {
        /// The server's log.
        log: PathBuf,
        /// The end of what the server said in this start.
        tail: String,
    },
    /// The server is not ready in time.
    #[error(
        "PostgreSQL is not ready after {} seconds; the end of {} is:\n{tail}",
        START_LIMIT.as_secs(), .log.display()
    )]
    StartTimedOut {
        /// The server's log.
        log: PathBuf,
        /// Its end.
        tail: String,
    },
    /// The server answers, but with a refusal.
    #[error("cannot connect to the sandbox's PostgreSQL: {0}")]
    Refused(#[source] sqlx::Error),
    /// The server still runs.
    #[error(
        "PostgreSQL (process {pid}) has not stopped within {} seconds; see {}",
        STOP_LIMIT.as_secs(), .log.display()
    )]
    StopTimedOut {
        /// The server's process.
        pid: i32,
        /// The server's log.
        log: PathBuf,
    },
}

fn as_user(account: Option<&str>) -> String {
    account.map(|name| format!(" as the user `{name}`")).unwrap_or_default()
}

/// Turns an error of the operating system into one that names the file.
fn file_failure(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedFailure {
    move |source| EmbeddedFailure::File { action, path: path.to_owned(), source }
}

/// A use of the sandbox's server: started by this process, or found running.
///
/// Dropping it without [`stop`](Self::stop) asks the server to shut down, if nobody else uses it, but
/// does not wait for that.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    layout: Layout,
    /// Held while this process starts or stops the server.
    turn: Option<Lock>,
    /// Shared with every other user of the server; `None` once this use is over.
    in_use: Option<Lock>,
    /// The server, if this process started it.
    child: Option<Server>,
}

/// A server that this process started.
#[derive(Debug)]
struct Server {
    pid: Option<Pid>,
    /// Waits for the end of the process from its begin: as long as nobody has looked, an ended process
    /// keeps its number, and PostgreSQL takes it for a running server.
    end: JoinHandle<()>,
}

impl Server {
    fn new(mut child: Child) -> Self {
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let end = tokio::spawn(async move {
            let status = child.wait().await;
            tracing::debug!(?status, "PostgreSQL ended");
        });
        Self { pid, end }
    }

    fn is_running(&self) -> bool {
        !self.end.is_finished()
    }
}

impl EmbeddedPostgres {
    /// Makes sure that the server runs: makes the data directory at the first start, starts the server,
    /// or uses the one that already runs on this state directory (with the settings it was started with).
    /// Returns when it accepts connections.
    pub async fn start(options: EmbeddedOptions) -> Result<Self, EmbeddedFailure> {
        let bin_dir = choose_bin_dir(options.bin_dir.as_deref(), &options.data_dir.join("data")).await?;
        let layout = Layout::prepare(&options.data_dir)?;
        let server = Self { layout: layout.clone(), turn: None, in_use: None, child: None };
        tokio::time::timeout(START_LIMIT, server.bring_up(&bin_dir, &options)).await.unwrap_or_else(|_| {
            Err(EmbeddedFailure::StartTimedOut { log: layout.log(), tail: layout.log_tail(0) })
        })
    }

    /// How to connect: the superuser `dialogporten` and the database `dialogporten`, over the Unix socket.
    pub fn connect_options(&self) -> PgConnectOptions {
        connect_options(&self.layout.sockets)
    }

    /// Ends this use. The last one to end shuts the server down (the "fast" way: open connections are
    /// closed, everything is written to disk) and waits for it.
    pub async fn stop(mut self) -> Result<(), EmbeddedFailure> {
        self.turn = Some(self.layout.lock_start().await?);
        let Some(pid) = self.interrupt_if_last() else { return Ok(()) };
        if tokio::time::timeout(STOP_LIMIT, self.ended(pid)).await.is_err() {
            return Err(EmbeddedFailure::StopTimedOut { pid: pid.as_raw_pid(), log: self.layout.log() });
        }
        self.layout.remove_short_socket_dir();
        Ok(())
    }

    async fn bring_up(mut self, bin_dir: &Path, options: &EmbeddedOptions) -> Result<Self, EmbeddedFailure> {
        self.turn = Some(self.layout.lock_start().await?);
        self.layout.make_socket_dir()?;
        self.in_use = Some(self.layout.lock_in_use().await?);
        let connect = self.connect_options();
        let mut log_start = 0;
        loop {
            match ask(&connect).await? {
                Answer::Ready => break,
                Answer::NotYet => tokio::time::sleep(POLL).await,
                Answer::None => match &self.child {
                    None => {
                        self.layout.make_data_dir(bin_dir).await?;
                        let (child, offset) = self.layout.spawn(bin_dir, options)?;
                        (self.child, log_start) = (Some(child), offset);
                    }
                    Some(child) => {
                        if child.is_running() {
                            tokio::time::sleep(POLL).await;
                            continue;
                        }
                        let tail = self.layout.log_tail(log_start);
                        if !says_data_dir_is_taken(&tail) {
                            return Err(EmbeddedFailure::EndedEarly { log: self.layout.log(), tail });
                        }
                        // A server that does not answer has the data directory: one that is about to
                        // open its socket or to end, or the remains of one that was killed.
                        self.child = None;
                        tokio::time::sleep(RETRY).await;
                    }
                },
            }
        }
        self.turn = None;
        tracing::debug!(
            log = %self.layout.log().display(),
            started_here = self.child.is_some(),
            "PostgreSQL is ready"
        );
        Ok(self)
    }

    /// Ends this use and, if it was the last one, asks the server to shut down. `turn` must be held, so
    /// that nobody begins a use meanwhile. Returns the process that is about to end.
    fn interrupt_if_last(&mut self) -> Option<Pid> {
        let in_use = self.in_use.take()?;
        in_use.release();
        if in_use.0.try_lock().is_err() {
            return None;
        }
        let pid = self.running_pid()?;
        rustix::process::kill_process(pid, Signal::INT).ok()?;
        Some(pid)
    }

    /// The process of the server, if it runs.
    fn running_pid(&self) -> Option<Pid> {
        if let Some(child) = self.child.as_ref().filter(|child| child.is_running()) {
            return child.pid;
        }
        // The file may be left over and its number belong to another process by now, but not while a
        // server listens here.
        UnixStream::connect(self.layout.sockets.join(socket_file())).ok()?;
        self.layout.pid_in_file()
    }

    /// Waits until the server has ended.
    async fn ended(&mut self, pid: Pid) {
        match &mut self.child {
            Some(child) if child.pid == Some(pid) => {
                let _ = (&mut child.end).await;
            }
            // Removing the file is the last act of a server. Its process can stay in the table for
            // longer, until its parent looks.
            _ => {
                while self.layout.pid_in_file() == Some(pid)
                    && rustix::process::test_kill_process(pid).is_ok()
                {
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        if self.in_use.is_none() {
            return;
        }
        if self.turn.is_none() {
            // Whoever has the turn uses the server right now.
            self.turn = self.layout.open_start_lock().ok().filter(|lock| lock.0.try_lock().is_ok());
        }
        if self.turn.is_some() {
            self.interrupt_if_last();
        }
    }
}

/// What the server said to an attempt to connect.
enum Answer {
    /// It accepts connections (though it can be busy), and the database is there.
    Ready,
    /// It is starting up or shutting down.
    NotYet,
    /// Nothing: it is not there, or not yet or no longer listening.
    None,
}

async fn ask(connect: &PgConnectOptions) -> Result<Answer, EmbeddedFailure> {
    match PgConnection::connect_with(connect).await {
        Ok(connection) => {
            let _ = connection.close().await;
            Ok(Answer::Ready)
        }
        // PostgreSQL error codes, appendix A of its manual.
        Err(sqlx::Error::Database(error)) => match error.code().as_deref() {
            // cannot_connect_now
            Some("57P03") => Ok(Answer::NotYet),
            // too_many_connections
            Some("53300") => Ok(Answer::Ready),
            // invalid_catalog_name: the very first start
            Some("3D000") => create_database(connect).await,
            _ => Err(EmbeddedFailure::Refused(sqlx::Error::Database(error))),
        },
        Err(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => Ok(Answer::None),
        Err(error) => Err(EmbeddedFailure::Refused(error)),
    }
}

async fn create_database(connect: &PgConnectOptions) -> Result<Answer, EmbeddedFailure> {
    let create = async {
        let mut connection = PgConnection::connect_with(&connect.clone().database("postgres")).await?;
        connection.execute("create database dialogporten").await?;
        connection.close().await
    };
    create.await.map(|()| Answer::Ready).map_err(EmbeddedFailure::Refused)
}

/// Whether the server ended because another one has the data directory (messages of PostgreSQL's
/// `CreateLockFile` and `PGSharedMemoryCreate`, in English because the server runs in locale `C`).
fn says_data_dir_is_taken(log: &str) -> bool {
    ["postmaster.pid\" already exists", "is still in use"].iter().any(|message| log.contains(message))
}

/// How to connect to the sandbox's server on this state directory, from a process that does not run it.
///
/// The socket is in `s` below the state directory. If that path is too long for a socket, it is in a
/// directory below `/tmp` that is named by a hash of the state directory; `/tmp` and not what the
/// environment says, because every process has to find it.
pub fn running_connect_options(data_dir: &Path) -> PgConnectOptions {
    let state = data_dir.canonicalize().or_else(|_| std::path::absolute(data_dir));
    connect_options(&socket_dir(state.as_deref().unwrap_or(data_dir)))
}

fn connect_options(sockets: &Path) -> PgConnectOptions {
    // What PGPORT, PGSSLMODE and their like say about another server has no meaning here.
    PgConnectOptions::new_without_pgpass()
        .socket(sockets)
        .port(PORT)
        .username(NAME)
        .database(NAME)
        .ssl_mode(PgSslMode::Disable)
        // Keeps the values of rows out of the server's log.
        .options([("log_error_verbosity", "terse")])
}

fn socket_file() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// The directory of the socket for the state directory `state`, an absolute path without links.
fn socket_dir(state: &Path) -> PathBuf {
    let inside = state.join("s");
    // The client needs the path as text.
    let usable =
        inside.to_str().is_some_and(|text| text.len() + 1 + socket_file().len() <= LONGEST_SOCKET_PATH);
    if usable {
        inside
    } else {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, state.as_os_str().as_bytes());
        Path::new("/tmp").join(format!("{NAME}-{}", hash.simple()))
    }
}

// --- the programs ---------------------------------------------------------------------------------

/// Finds the directory with `initdb` and `postgres`: `explicit` or nothing, if given (the directory
/// itself or the one above its `bin`); otherwise the first of `PATH`, `pg_config --bindir`, the places
/// where the packages of Debian and Red Hat put them, `/usr/local/pgsql/bin` and Homebrew's.
pub fn find_bin_dir(explicit: Option<&Path>) -> Option<PathBuf> {
    match explicit {
        Some(place) => [place.to_owned(), place.join("bin")].into_iter().find(|dir| has_programs(dir)),
        None => usual_bin_dirs(std::env::var_os("PATH").as_deref()).find(|dir| has_programs(dir)),
    }
}

/// [`find_bin_dir`], but the programs must be new enough and of the version that made the data directory:
/// no other can read it.
async fn choose_bin_dir(explicit: Option<&Path>, data: &Path) -> Result<PathBuf, EmbeddedFailure> {
    let found = find_bin_dir(explicit)
        .ok_or_else(|| EmbeddedFailure::NotInstalled { looked_in: explicit.map(Path::to_owned) })?;
    let bin_dir = std::path::absolute(&found).map_err(file_failure("resolve", &found))?;
    // A build that tells its version in another way is taken as it is.
    let Some(version) = version_of(&bin_dir).await? else { return Ok(bin_dir) };
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
    if let Some(made_by) = made_by.filter(|made_by| *made_by != version) {
        if explicit.is_none() {
            for other in usual_bin_dirs(None).filter(|dir| has_programs(dir)) {
                if version_of(&other).await? == Some(made_by) {
                    return Ok(other);
                }
            }
        }
        return Err(EmbeddedFailure::OtherVersion { bin_dir, version, data: data.to_owned(), made_by });
    }
    if version < OLDEST_VERSION {
        return Err(EmbeddedFailure::TooOld { bin_dir, version });
    }
    Ok(bin_dir)
}

/// The major version of the programs in a directory.
async fn version_of(bin_dir: &Path) -> Result<Option<u32>, EmbeddedFailure> {
    let mut ask = InitDbBuilder::new().program_dir(bin_dir).version().build_tokio();
    let output = ask.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|source| {
        EmbeddedFailure::Program { program: bin_dir.join("initdb"), account: None, source }
    })?;
    Ok(major_version(&String::from_utf8_lossy(&output.stdout)))
}

fn has_programs(dir: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| {
        fs::metadata(dir.join(program)).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
    })
}

fn usual_bin_dirs(search_path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    let searched: Vec<PathBuf> = search_path
        .map(|path| std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect())
        .unwrap_or_default();
    searched
        .into_iter()
        .chain(std::iter::once_with(pg_config_bin_dir).flatten())
        .chain(versions("/usr/lib/postgresql", ""))
        .chain(versions("/usr", "pgsql-"))
        .chain([PathBuf::from("/usr/local/pgsql/bin")])
        .chain(
            ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"]
                .into_iter()
                .flat_map(|place| versions(place, "postgresql@")),
        )
}

fn pg_config_bin_dir() -> Option<PathBuf> {
    let output =
        std::process::Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output().ok()?;
    let dir = PathBuf::from(OsStr::from_bytes(output.stdout.trim_ascii()));
    (output.status.success() && dir.is_absolute()).then_some(dir)
}

/// The `bin` directories of `<parent>/<prefix><version>`, the highest version first.
fn versions(parent: &'static str, prefix: &'static str) -> impl Iterator<Item = PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, dir)| dir)
}

/// The major version in the answer of `initdb --version`: `initdb (PostgreSQL) 15.18 (Debian ...)`.
fn major_version(answer: &str) -> Option<u32> {
    let version = answer.split_once("(PostgreSQL) ")?.1;
    version.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

// --- the user ---------------------------------------------------------------------------------------

/// The user that a root process runs the server as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` if the server can run as the user of this process. Otherwise the owner of the data
    /// directory, which can be an ordinary user's; at first `postgres`, or else `nobody`.
    fn choose(data: &Path) -> Result<Option<Self>, EmbeddedFailure> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let accounts: Vec<Self> = table.lines().filter_map(Self::parse).collect();
        let owner = fs::metadata(data).ok().map(|data| data.uid()).filter(|uid| *uid != 0);
        let account = match owner {
            Some(uid) => accounts.iter().find(|account| account.uid == uid),
            None => ["postgres", "nobody"]
                .iter()
                .find_map(|name| accounts.iter().find(|account| account.name == *name && account.uid != 0)),
        };
        account.cloned().map(Some).ok_or(EmbeddedFailure::NoAccount)
    }

    /// A line of passwd(5): `name:password:uid:gid:...`.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { name, uid, gid })
    }

    /// Whether this user, a member of no other group, may pass through the directory.
    fn may_pass(&self, directory: &fs::Metadata) -> bool {
        let bit = if directory.uid() == self.uid {
            0o100
        } else if directory.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        directory.mode() & bit != 0
    }

    /// The first directory on the way to `path` (which exists), itself included, that stops this user.
    fn stopped_at(&self, path: &Path) -> Result<Option<PathBuf>, EmbeddedFailure> {
        let path = path.canonicalize().map_err(file_failure("resolve", path))?;
        for directory in path.ancestors() {
            let found = fs::metadata(directory).map_err(file_failure("look at", directory))?;
            if !self.may_pass(&found) {
                return Ok(Some(directory.to_owned()));
            }
        }
        Ok(None)
    }
}

// --- files ------------------------------------------------------------------------------------------

/// A lock on a file (`flock`), gone with the process that holds it.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    /// Explicit, because a process being forked off right now shares the lock until it runs its program.
    fn release(&self) {
        let _ = self.0.unlock();
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

/// Where things are, and whose.
#[derive(Clone, Debug)]
struct Layout {
    /// The state directory: absolute, without links.
    state: PathBuf,
    sockets: PathBuf,
    /// The server's user, if that is not the one of this process.
    account: Option<Account>,
}

impl Layout {
    /// Makes the state directory, if absent, and makes sure that the server's user can reach it.
    fn prepare(state_dir: &Path) -> Result<Self, EmbeddedFailure> {
        let wanted = std::path::absolute(state_dir).map_err(file_failure("resolve", state_dir))?;
        let account = Account::choose(&wanted.join("data"))?;
        if let Some(account) = &account {
            let existing = wanted.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
            if existing == wanted {
                open_if_empty(existing)?;
            }
            if let Some(directory) = account.stopped_at(existing)? {
                let account = account.name.clone();
                return Err(EmbeddedFailure::NotTraversable { directory, state_dir: wanted, account });
            }
        }
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&wanted)
            .map_err(file_failure("create", &wanted))?;
        let state = wanted.canonicalize().map_err(file_failure("resolve", &wanted))?;
        let sockets = socket_dir(&state);
        Ok(Self { state, sockets, account })
    }

    fn data(&self) -> PathBuf {
        self.state.join("data")
    }

    fn log(&self) -> PathBuf {
        self.state.join("postgres.log")
    }

    /// Makes the directory of the socket. Below `/tmp` anybody may have made it before.
    fn make_socket_dir(&self) -> Result<(), EmbeddedFailure> {
        let path = &self.sockets;
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::symlink_metadata(path).map_err(file_failure("look at", path))?;
                let is_ours = found.uid() == rustix::process::geteuid().as_raw()
                    || self.account.as_ref().is_some_and(|account| account.uid == found.uid());
                if !found.is_dir() || !is_ours || found.mode() & 0o077 != 0 {
                    return Err(EmbeddedFailure::UnsafeSocketDirectory(path.clone()));
                }
            }
            Err(error) => return Err(file_failure("create", path)(error)),
        }
        self.give_away(path)
    }

    /// Makes the server's user the owner of a directory.
    fn give_away(&self, path: &Path) -> Result<(), EmbeddedFailure> {
        let Some(account) = &self.account else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid))
            .map_err(file_failure("change the owner of", path))
    }

    /// Leaves nothing behind in `/tmp`. The turn to start or stop must be held.
    fn remove_short_socket_dir(&self) {
        if !self.sockets.starts_with(&self.state) {
            let _ = fs::remove_dir(&self.sockets);
        }
    }

    /// Opens a file of the state directory for reading and appending, makes it if absent. It belongs to
    /// the server's user, who may be the one that starts the sandbox the next time.
    fn open(&self, path: &Path) -> Result<File, EmbeddedFailure> {
        let no_links = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(no_links)
            .open(path)
            .map_err(file_failure("open", path))?;
        if let Some(account) = &self.account {
            std::os::unix::fs::fchown(&file, Some(account.uid), Some(account.gid))
                .map_err(file_failure("change the owner of", path))?;
        }
        Ok(file)
    }

    fn open_start_lock(&self) -> Result<Lock, EmbeddedFailure> {
        self.open(&self.state.join("postgres.start.lock")).map(Lock)
    }

    /// Waits for the turn to start or stop the server.
    async fn lock_start(&self) -> Result<Lock, EmbeddedFailure> {
        let lock = self.open_start_lock()?;
        self.until_locked(|| lock.0.try_lock()).await?;
        Ok(lock)
    }

    /// Begins a use of the server.
    async fn lock_in_use(&self) -> Result<Lock, EmbeddedFailure> {
        let lock = Lock(self.open(&self.state.join("postgres.in-use.lock"))?);
        self.until_locked(|| lock.0.try_lock_shared()).await?;
        Ok(lock)
    }

    async fn until_locked(
        &self,
        attempt: impl Fn() -> Result<(), TryLockError>,
    ) -> Result<(), EmbeddedFailure> {
        loop {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
                Err(TryLockError::Error(error)) => return Err(file_failure("lock", &self.state)(error)),
            }
        }
    }

    /// The server's process according to the first line of its `postmaster.pid`.
    fn pid_in_file(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
    }

    /// Makes the data directory at the first start. It is built beside its place and moved there when it
    /// is whole, so an `initdb` cut short leaves no half a directory.
    async fn make_data_dir(&self, bin_dir: &Path) -> Result<(), EmbeddedFailure> {
        let data = self.data();
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        self.remove_unfinished();
        let unfinished = self.state.join(format!("{UNFINISHED}{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(file_failure("create", &unfinished))?;
        self.give_away(&unfinished)?;
        tracing::info!(data = %data.display(), "making the PostgreSQL data directory");
        let mut initdb = InitDbBuilder::new()
            .program_dir(bin_dir)
            .pgdata(&unfinished)
            .username(NAME)
            .auth("trust")
            .encoding("UTF8")
            .locale(LOCALE)
            .no_sync()
            .build_tokio();
        self.run_as_account(&mut initdb);
        let output =
            initdb.kill_on_drop(true).output().await.map_err(self.program_failure(bin_dir.join("initdb")));
        let made = output.and_then(|output| {
            if output.status.success() {
                fs::rename(&unfinished, &data).map_err(file_failure("create", &data))
            } else {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(EmbeddedFailure::InitDb(said))
            }
        });
        if made.is_err() {
            self.remove_unfinished();
        }
        made
    }

    fn remove_unfinished(&self) {
        for entry in fs::read_dir(&self.state).into_iter().flatten().flatten() {
            if entry.file_name().as_bytes().starts_with(UNFINISHED.as_bytes()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Starts the server and says where in the log its words begin.
    ///
    /// It is not killed when the handle is dropped: it may have other users by then.
    fn spawn(&self, bin_dir: &Path, options: &EmbeddedOptions) -> Result<(Server, u64), EmbeddedFailure> {
        let path = self.log();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LARGE_LOG) {
            let _ = fs::rename(&path, path.with_extension("log.old"));
        }
        let log = self.open(&path)?;
        let offset = log.metadata().map_err(file_failure("look at", &path))?.len();
        let errors = log.try_clone().map_err(file_failure("open", &path))?;
        let mut server = PostgresBuilder::new().program_dir(bin_dir).data_dir(self.data());
        for (name, value) in settings(&self.sockets, options) {
            server = server.runtime_param(OsStr::new(name), &value);
        }
        let mut command = server.build_tokio();
        self.run_as_account(&mut command);
        // A process group of its own: Ctrl-C reaches this process alone, which then stops the server.
        let child = command.stdout(log).stderr(errors).process_group(0).spawn();
        let child = child.map_err(self.program_failure(bin_dir.join("postgres")))?;
        Ok((Server::new(child), offset))
    }

    fn run_as_account(&self, command: &mut Command) {
        // The programs return to the directory they were started in, which can be closed to this user.
        command.stdin(Stdio::null()).current_dir("/").env("LC_ALL", "C");
        if let Some(account) = &self.account {
            // This also gives up the groups of root.
            command.uid(account.uid).gid(account.gid);
        }
    }

    fn program_failure(&self, program: PathBuf) -> impl FnOnce(io::Error) -> EmbeddedFailure {
        let account = self.account.as_ref().map(|account| account.name.clone());
        move |source| EmbeddedFailure::Program { program, account, source }
    }

    /// The end of what the server said since it was started, as far as it can be read.
    fn log_tail(&self, start: u64) -> String {
        let read = || {
            let mut log = File::open(self.log())?;
            let end = log.metadata()?.len();
            log.seek(SeekFrom::Start(start.max(end.saturating_sub(LOG_TAIL))))?;
            let mut tail = Vec::new();
            log.take(LOG_TAIL).read_to_end(&mut tail)?;
            io::Result::Ok(String::from_utf8_lossy(&tail).trim().to_owned())
        };
        read().unwrap_or_default()
    }
}

/// The begin of the name of a data directory in the making.
const UNFINISHED: &str = "initdb.";

/// Lets others pass through an empty directory that belongs to this process's user, such as one made by
/// `mktemp -d`. A directory with content keeps its permissions.
fn open_if_empty(directory: &Path) -> Result<(), EmbeddedFailure> {
    let failure = || file_failure("look at", directory);
    let found = fs::metadata(directory).map_err(failure())?;
    let is_empty = fs::read_dir(directory).map_err(failure())?.next().is_none();
    if is_empty && found.uid() == rustix::process::geteuid().as_raw() {
        let permissions = fs::Permissions::from_mode(found.mode() & 0o7777 | 0o011);
        fs::set_permissions(directory, permissions)
            .map_err(file_failure("change the permissions of", directory))?;
    }
    Ok(())
}

/// The server's settings: made for a developer's machine with two cores and short transactions.
fn settings(sockets: &Path, options: &EmbeddedOptions) -> Vec<(&'static str, OsString)> {
    // A list of directories, in which quotes keep commas and blanks from meaning anything.
    let socket_list = format!("\"{}\"", sockets.to_string_lossy().replace('"', "\"\""));
    let mut settings: Vec<(&str, OsString)> = vec![
        ("listen_addresses", "".into()),
        ("unix_socket_directories", socket_list.into()),
        ("unix_socket_permissions", "0700".into()),
        ("port", PORT.to_string().into()),
        ("max_connections", options.max_connections.to_string().into()),
        ("cluster_name", NAME.into()),
        ("timezone", "UTC".into()),
        ("log_timezone", "UTC".into()),
        ("shared_buffers", "192MB".into()),
        ("effective_cache_size", "1GB".into()),
        ("work_mem", "8MB".into()),
        ("random_page_cost", "1.1".into()),
        // Queries are short: compiling them or spreading them over the few cores costs more than it gains.
        ("jit", "off".into()),
        ("max_parallel_workers_per_gather", "0".into()),
        // There is no replica.
        ("wal_level", "minimal".into()),
        ("max_wal_senders", "0".into()),
        ("checkpoint_timeout", "15min".into()),
        ("log_checkpoints", "off".into()),
    ];
    let durability = if options.durable { "on" } else { "off" };
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        settings.push((setting, durability.into()));
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::CommandExt as _;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A directory that goes away with the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("dp-pg-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn options(&self) -> EmbeddedOptions {
            options(self.0.join("state"))
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn options(data_dir: PathBuf) -> EmbeddedOptions {
        EmbeddedOptions { data_dir, bin_dir: None, durable: false, max_connections: 20 }
    }

    async fn value(connect: &PgConnectOptions, sql: &'static str) -> String {
        let mut connection = PgConnection::connect_with(connect).await.unwrap();
        let value = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        value
    }

    async fn execute(connect: &PgConnectOptions, sql: &'static str) {
        let mut connection = PgConnection::connect_with(connect).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn until_gone(pid: Pid) {
        // A process that has ended but whose parent has not looked yet is gone, too.
        let is_there = || {
            let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
            let ended = status.is_ok_and(|text| text.rsplit(')').next().unwrap_or("").starts_with(" Z"));
            rustix::process::test_kill_process(pid).is_ok() && !ended
        };
        let waiting = async {
            while is_there() {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(STOP_LIMIT, waiting).await.expect("the process ends");
    }

    #[tokio::test]
    async fn uses_share_one_server_that_ends_with_the_last_and_keeps_its_data() {
        let directory = Directory::new();
        let first = EmbeddedPostgres::start(directory.options()).await.unwrap();
        let connect = first.connect_options();
        let pid = first.layout.pid_in_file().unwrap();

        assert_eq!(
            value(&connect, "select current_database() || ' ' || current_user").await,
            [NAME; 2].join(" ")
        );
        assert_eq!(value(&connect, "select current_setting('listen_addresses')").await, "");
        let settings = "select string_agg(setting, ' ' order by name) from pg_settings \
                        where name in ('fsync', 'full_page_writes', 'max_connections', 'synchronous_commit')";
        assert_eq!(value(&connect, settings).await, "off off 20 off");
        if let Ok(status) = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid()))
            && rustix::process::geteuid().is_root()
        {
            let account = Account::choose(Path::new("/nonexistent")).unwrap().unwrap();
            let line = |name: &str| {
                let fields = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                fields.split_whitespace().map(|field| field.parse().unwrap()).collect::<Vec<u32>>()
            };
            assert_eq!(line("Uid:"), [account.uid; 4]);
            assert_eq!(line("Gid:"), [account.gid; 4]);
            assert!(line("Groups:").is_empty());
            let state = fs::metadata(&first.layout.state).unwrap();
            assert_eq!((state.uid(), state.mode() & 0o777), (0, 0o711));
        }

        let second = EmbeddedPostgres::start(directory.options()).await.unwrap();
        assert_eq!(second.layout.pid_in_file(), Some(pid));
        assert!(second.child.is_none());
        // The one that started it leaves; the other still has a server.
        first.stop().await.unwrap();
        let running = running_connect_options(&directory.options().data_dir);
        execute(&running, "create table kept as select 'still here' as it").await;
        second.stop().await.unwrap();
        until_gone(pid).await;
        assert!(!directory.0.join("state/data/postmaster.pid").exists());

        // A server killed in the middle of its work leaves its files behind.
        let third = EmbeddedPostgres::start(directory.options()).await.unwrap();
        let killed = third.layout.pid_in_file().unwrap();
        assert_ne!(killed, pid);
        assert_eq!(value(&connect, "select it from kept").await, "still here");
        rustix::process::kill_process(killed, Signal::KILL).unwrap();
        until_gone(killed).await;
        let fourth = EmbeddedPostgres::start(directory.options()).await.unwrap();
        assert_eq!(value(&connect, "select it from kept").await, "still here");
        // The first of them to stop started a server that is no more.
        third.stop().await.unwrap();
        let pid = fourth.layout.pid_in_file().unwrap();
        assert_ne!(pid, killed);

        // Dropped on the way out of an error: the server ends all the same.
        drop(fourth);
        until_gone(pid).await;
    }

    /// Not a test: another process that uses the sandbox, until it is killed or its input ends.
    #[tokio::test]
    #[ignore = "started by the test below"]
    async fn another_process() {
        let Some(data_dir) = std::env::var_os("DIALOGPORTEN_TEST_STATE") else { return };
        let server = EmbeddedPostgres::start(options(data_dir.into())).await.unwrap();
        println!("\nserver {}", server.layout.pid_in_file().unwrap().as_raw_pid());
        let _ = io::stdin().read_line(&mut String::new());
        assert_eq!(value(&server.connect_options(), "select 'answers'").await, "answers");
        server.stop().await.unwrap();
    }

    #[tokio::test]
    async fn processes_that_start_at_once_share_a_server_that_survives_their_death() {
        let directory = Directory::new();
        let state = directory.0.join("state");
        // A root process uses what an ordinary user started.
        let account = Account::choose(&state.join("data")).unwrap();
        let program = directory.0.join("another-process");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        if let Some(account) = &account {
            DirBuilder::new().mode(0o700).create(&state).unwrap();
            std::os::unix::fs::chown(&state, Some(account.uid), Some(account.gid)).unwrap();
        }
        let mut processes: Vec<std::process::Child> = (0..2)
            .map(|_| {
                let mut command = std::process::Command::new(&program);
                let name = "sandbox::postgres::tests::another_process";
                command.args([name, "--exact", "--ignored", "--nocapture"]);
                command.env("DIALOGPORTEN_TEST_STATE", &state).current_dir("/");
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                if let Some(account) = &account {
                    command.uid(account.uid).gid(account.gid);
                }
                command.spawn().unwrap()
            })
            .collect();
        let pids: Vec<i32> = processes
            .iter_mut()
            .map(|process| {
                let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
                lines.find_map(|line| line.strip_prefix("server ")?.parse().ok()).unwrap()
            })
            .collect();
        assert_eq!(pids[0], pids[1]);
        for process in &mut processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }

        let server = EmbeddedPostgres::start(options(state)).await.unwrap();
        let pid = server.layout.pid_in_file().unwrap();
        assert_eq!(pid.as_raw_pid(), pids[0]);
        assert!(server.child.is_none());
        assert_eq!(value(&server.connect_options(), "select 'answers'").await, "answers");
        server.stop().await.unwrap();
        until_gone(pid).await;
    }

    #[tokio::test]
    async fn a_server_that_cannot_start_shows_its_log() {
        let directory = Directory::new();
        let layout = Layout::prepare(&directory.options().data_dir).unwrap();
        fs::create_dir(layout.data()).unwrap();
        let dir = find_bin_dir(None).unwrap();
        let version = version_of(&dir).await.unwrap().unwrap();
        fs::write(layout.data().join("PG_VERSION"), format!("{version}\n")).unwrap();
        fs::set_permissions(layout.data(), fs::Permissions::from_mode(0o700)).unwrap();
        layout.give_away(&layout.data()).unwrap();
        fs::write(layout.log(), "words of an earlier start\n").unwrap();

        let error = EmbeddedPostgres::start(directory.options()).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, EmbeddedFailure::EndedEarly { .. }), "{text}");
        assert!(text.contains("postgres.log is:\n") && text.contains("postgresql.conf"), "{text}");
        assert!(!text.contains("earlier start"), "{text}");

        fs::write(layout.data().join("PG_VERSION"), "9\n").unwrap();
        let text = EmbeddedPostgres::start(directory.options()).await.unwrap_err().to_string();
        assert!(text.contains("which PostgreSQL 9 made: install that version"), "{text}");
    }

    #[tokio::test]
    async fn without_programs_the_error_names_the_three_ways_out() {
        let directory = Directory::new();
        let options = EmbeddedOptions { bin_dir: Some(directory.0.clone()), ..directory.options() };
        let text = EmbeddedPostgres::start(options).await.unwrap_err().to_string();
        for way in
            ["DATABASE_URL", "docker compose up", "apt install postgresql", directory.0.to_str().unwrap()]
        {
            assert!(text.contains(way), "{text}");
        }
        assert!(!directory.0.join("state").exists());
        let general = EmbeddedFailure::NotInstalled { looked_in: None }.to_string();
        assert!(general.starts_with("no PostgreSQL found: set DATABASE_URL"), "{general}");
    }

    #[test]
    fn programs_are_found_in_the_given_place_and_on_the_path() {
        let directory = Directory::new();
        let bin = directory.0.join("bin");
        fs::create_dir(&bin).unwrap();
        for (program, mode) in [("initdb", 0o755), ("postgres", 0o644)] {
            fs::write(bin.join(program), "").unwrap();
            fs::set_permissions(bin.join(program), fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(find_bin_dir(Some(&bin)), None, "postgres cannot be run");
        fs::set_permissions(bin.join("postgres"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_bin_dir(Some(&bin)), Some(bin.clone()));
        assert_eq!(find_bin_dir(Some(&directory.0)), Some(bin.clone()));

        let path = std::env::join_paths([Path::new("here"), Path::new(""), &bin]).unwrap();
        assert_eq!(usual_bin_dirs(Some(&path)).next(), Some(bin));
    }

    #[test]
    fn the_version_is_read_from_what_the_program_says() {
        let table = [
            ("initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("initdb (PostgreSQL) 18beta1", Some(18)),
            ("initdb (PostgreSQL) devel", None),
            ("initdb of another kind 7", None),
            ("", None),
        ];
        for (said, version) in table {
            assert_eq!(major_version(said), version, "{said}");
        }
    }

    #[test]
    fn a_root_process_reads_the_user_table() {
        let account = Account { name: "postgres".into(), uid: 101, gid: 104 };
        let table = [
            ("postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash", Some(account)),
            ("nobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false", None),
            ("# a comment", None),
            ("", None),
        ];
        for (line, account) in table {
            assert_eq!(Account::parse(line), account, "{line}");
        }
    }

    #[test]
    fn a_closed_parent_directory_is_named_together_with_the_way_out() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let directory = Directory::new();
        let closed = directory.0.join("closed");
        DirBuilder::new().mode(0o700).create(&closed).unwrap();
        fs::write(closed.join("something"), "").unwrap();
        for state in [closed.clone(), closed.join("state"), closed.join("deeper/state")] {
            let text = Layout::prepare(&state).unwrap_err().to_string();
            let way = format!("may not pass through {} to {}: choose", closed.display(), state.display());
            assert!(text.contains(&way) && text.contains("--data-dir"), "{text}");
        }
        assert!(!closed.join("state").exists() && !closed.join("deeper").exists());

        fs::remove_file(closed.join("something")).unwrap();
        assert!(Layout::prepare(&closed).is_ok(), "an empty directory of root's is opened");
    }

    #[test]
    fn the_socket_path_is_short_whatever_the_state_directory() {
        let short = Path::new("/home/kari/dialogporten/.dialogporten");
        assert_eq!(socket_dir(short), short.join("s"));

        let limit = LONGEST_SOCKET_PATH - "/s/".len() - socket_file().len();
        let name = |length: usize| PathBuf::from(format!("/{}", "n".repeat(length - 1)));
        assert_eq!(socket_dir(&name(limit)), name(limit).join("s"));
        let long = socket_dir(&name(limit + 1));
        assert!(long.starts_with("/tmp") && long.as_os_str().len() < 60, "{}", long.display());
        assert_eq!(long, socket_dir(&name(limit + 1)));
        assert_ne!(long, socket_dir(&name(limit + 2)));
        assert!(socket_dir(Path::new(OsStr::from_bytes(b"/not\xfftext"))).starts_with("/tmp"));

        let connect = running_connect_options(short);
        assert_eq!(connect.get_socket(), Some(&short.join("s")));
        assert_eq!(
            (connect.get_username(), connect.get_database(), connect.get_port()),
            (NAME, Some(NAME), PORT)
        );
    }

    #[tokio::test]
    async fn a_long_or_odd_state_directory_works() {
        let directory = Directory::new();
        let state = directory.0.join(format!("{}, \"odd\"", "long".repeat(20)));
        let server = EmbeddedPostgres::start(options(state)).await.unwrap();
        let sockets = server.layout.sockets.clone();
        assert!(sockets.starts_with("/tmp"));
        assert_eq!(fs::metadata(&sockets).unwrap().mode() & 0o777, 0o700);
        assert_eq!(value(&server.connect_options(), "select 'answers'").await, "answers");
        server.stop().await.unwrap();
        assert!(!sockets.exists());
    }

    #[test]
    fn a_socket_directory_in_other_hands_is_refused() {
        let directory = Directory::new();
        let mut layout = Layout::prepare(&directory.options().data_dir).unwrap();
        layout.sockets = directory.0.join("sockets");
        fs::create_dir(directory.0.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(directory.0.join("elsewhere"), &layout.sockets).unwrap();
        assert!(matches!(layout.make_socket_dir(), Err(EmbeddedFailure::UnsafeSocketDirectory(_))));
        fs::remove_file(&layout.sockets).unwrap();
        DirBuilder::new().mode(0o755).create(&layout.sockets).unwrap();
        assert!(matches!(layout.make_socket_dir(), Err(EmbeddedFailure::UnsafeSocketDirectory(_))));
        fs::set_permissions(&layout.sockets, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(layout.make_socket_dir().is_ok());
    }

    #[test]
    fn a_durable_server_writes_everything_to_disk() {
        let options = EmbeddedOptions { durable: true, ..options("/state".into()) };
        let settings = settings(Path::new("/a, \"b\"/s"), &options);
        let of = |name: &str| settings.iter().find(|(other, _)| *other == name).unwrap().1.to_str().unwrap();
        assert_eq!([of("fsync"), of("synchronous_commit"), of("full_page_writes")], ["on"; 3]);
        assert_eq!(of("unix_socket_directories"), "\"/a, \"\"b\"\"/s\"");
    }
}
