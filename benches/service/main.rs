//! The service over HTTP against its floor: the same statements sent by pgbench, to the same server,
//! from as many connections, in the same run.
//!
//! `make bench`, or `cargo bench --bench service`.

mod events;
mod floor;
mod http;
mod process;
mod report;
mod samples;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use dialogporten::sandbox::postgres::{EmbeddedOptions, EmbeddedPostgres, find_bin_dir};
use dialogporten::store::key_of;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::runtime::Handle;

use events::{EventFigures, Receiver};
use floor::{Extent, Pgbench, Script, Varying};
use http::{Answer, Client, Request};
use process::{Processor, Service};
use report::{Facts, Figures, Memory, Report};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the service over HTTP against its floor: the same statements sent by pgbench.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Seconds of each measurement.
    #[arg(long, env = "BENCH_SECONDS", value_name = "SECONDS", default_value_t = 5,
        value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Connections of pgbench, and of clients to the service.
    #[arg(long, env = "BENCH_CONNECTIONS", value_name = "COUNT", default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    connections: u32,
    /// Measure these only.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Operation>,
    /// Measure events as well: the cost of the outbox, and deliveries to a webhook.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    events: bool,
    /// What `cargo bench` says. Without it everything is done, but too short to measure anything.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    Create,
    Get,
    Patch,
    AppendTransmission,
    AppendActivity,
}

impl Operation {
    const ALL: [Self; 5] =
        [Self::Create, Self::Get, Self::Patch, Self::AppendTransmission, Self::AppendActivity];

    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Patch => "patch status",
            Self::AppendTransmission => "append transmission",
            Self::AppendActivity => "append activity",
        }
    }

    /// The least part of the floor's rate that we are content with.
    fn aim(self) -> f64 {
        match self {
            Self::Create => 0.6,
            Self::Get => 0.4,
            Self::Patch | Self::AppendTransmission | Self::AppendActivity => 0.5,
        }
    }
}

/// Events are left to others.
const WRITES_ONLY: [&str; 2] = ["--events-dispatch", "false"];

const DIALOGS: &str = "/api/v1/serviceowner/dialogs";
/// Dialogs that are created each second while it is measured how soon they are told of.
const CREATES_WHILE_TOLD: f64 = 200.0;
const STATUSES: [&str; 2] = ["InProgress", "RequiresAttention"];

/// Makes the requests of all operations.
struct Requests {
    /// Bodies of new dialogs, one for each party.
    dialogs: Vec<String>,
    transmission: String,
    activity: String,
    statuses: [String; 2],
    /// Dialogs that are there, and which of the two statuses each is given next.
    targets: Vec<(String, AtomicBool)>,
    turn: AtomicUsize,
}

impl Requests {
    fn new() -> Self {
        Self {
            dialogs: samples::parties().iter().map(|party| samples::dialog(party).to_string()).collect(),
            transmission: samples::transmission("Information").to_string(),
            activity: samples::activity().to_string(),
            statuses: STATUSES.map(|status| samples::status(status).to_string()),
            targets: Vec::new(),
            turn: AtomicUsize::new(0),
        }
    }

    fn next(&self, operation: Operation) -> Request {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let json = "application/json";
        if operation == Operation::Create {
            let body = Some((json, self.dialogs[turn % self.dialogs.len()].clone()));
            return Request { method: "POST", path: DIALOGS.into(), body, expected: 201 };
        }
        // A step that has no divisor in common with the number of dialogs meets all, in no order that
        // the database could have.
        let (id, flip) = &self.targets[turn.wrapping_mul(104_729) % self.targets.len()];
        let path = format!("{DIALOGS}/{id}");
        match operation {
            Operation::Create | Operation::Get => Request { method: "GET", path, body: None, expected: 200 },
            Operation::Patch => {
                let status = usize::from(flip.fetch_xor(true, Ordering::Relaxed));
                let body = Some(("application/json-patch+json", self.statuses[status].clone()));
                Request { method: "PATCH", path, body, expected: 204 }
            }
            Operation::AppendTransmission => {
                let path = format!("{path}/transmissions");
                Request { method: "POST", path, body: Some((json, self.transmission.clone())), expected: 201 }
            }
            Operation::AppendActivity => {
                let path = format!("{path}/activities");
                Request { method: "POST", path, body: Some((json, self.activity.clone())), expected: 201 }
            }
        }
    }
}

/// The id in the answer to a request that created something.
fn created(answer: &Answer) -> String {
    answer.body.trim_matches('"').to_owned()
}

/// A database of the benchmark's own server.
pub struct Database {
    handle: Handle,
    options: PgConnectOptions,
}

impl Database {
    fn with<T>(&self, work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>) -> Result<T> {
        self.handle.block_on(async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let result = work(&mut connection).await;
            connection.close().await?;
            Ok(result?)
        })
    }

    fn execute(&self, sql: &'static str) -> Result<()> {
        self.with(async |connection| connection.execute(sql).await.map(|_| ()))
    }

    /// The types that the server gives to the parameters of a statement.
    fn parameter_types(&self, sql: &str) -> Result<Vec<String>> {
        let sql = format!("prepare probe as {sql}");
        self.with(async |connection| {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
            sqlx::query_scalar(
                "select unnest(parameter_types)::text from pg_prepared_statements where name = 'probe'",
            )
            .fetch_all(connection)
            .await
        })
    }

    /// How many rows and bytes (with indexes and long values) each table has.
    fn sizes(&self) -> Result<Vec<(String, i64, i64)>> {
        self.execute("analyze")?;
        self.with(async |connection| {
            sqlx::query_as(
                "select relname::text, reltuples::bigint, pg_total_relation_size(oid) from pg_class
                 where relnamespace = 'public'::regnamespace and relkind = 'r' and reltuples > 0 order by 3 desc",
            )
            .fetch_all(connection)
            .await
        })
    }

    fn setting(&self, name: &str) -> Result<String> {
        self.with(async |connection| {
            sqlx::query_scalar("select current_setting($1)").bind(name).fetch_one(connection).await
        })
    }
}

/// The benchmark's server and everything that runs on it.
struct Bench {
    options: Options,
    directory: PathBuf,
    socket: PathBuf,
    floor: Database,
    service: Database,
    pgbench: Pgbench,
    requests: Requests,
}

impl Bench {
    fn new(options: Options, directory: PathBuf, server: &PgConnectOptions, handle: &Handle) -> Result<Self> {
        let bin = find_bin_dir(None).ok_or("there is no PostgreSQL on this machine")?;
        let socket = server.get_socket().ok_or("the server has no socket")?.clone();
        let database =
            |name: &str| Database { handle: handle.clone(), options: server.clone().database(name) };
        let pgbench = Pgbench::new(&bin, &socket, &directory, options.connections)?;
        let (floor, service) = (database("floor"), database("service"));
        let requests = Requests::new();
        Ok(Self { options, directory, socket, floor, service, pgbench, requests })
    }

    /// `settings` are those of the server, for the connections of the service.
    fn start_service(
        &self,
        database: &str,
        settings: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Service> {
        let mut url =
            form_urlencoded::Serializer::new(format!("postgres://dialogporten@localhost/{database}?"));
        url.append_pair("host", &self.socket.to_string_lossy()).append_pair("sslmode", "disable");
        for (name, value) in settings {
            url.append_pair(&format!("options[{name}]"), value);
        }
        Service::start(&url.finish(), &self.directory.join(format!("{database}.log")), arguments)
    }

    fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.directory.join("postgres.log"))?).into_owned())
    }

    /// Lets the service do everything once, and makes scripts of the statements that it sent.
    fn scripts(&self) -> Result<Vec<(Operation, Script)>> {
        let service = self.start_service("floor", &[("log_statement", "all")], &WRITES_ONLY)?;
        let mut connection = service.client.connect()?;
        let mut requests = Requests::new();
        let mut scripts = Vec::new();
        let (mut dialog, mut revision) = (String::new(), String::new());
        let party_key = key_of(&samples::parties()[0]).to_string();
        for operation in Operation::ALL {
            let before = self.log()?.len();
            let answer = connection.send(&requests.next(operation))?;
            let statements = floor::statements(&self.log()?[before..])?;
            let varying = if operation == Operation::Create {
                dialog = created(&answer);
                requests.targets = vec![(dialog.clone(), AtomicBool::new(false))];
                HashMap::from([(party_key.clone(), Varying::Party)])
            } else {
                HashMap::from([(dialog.clone(), Varying::Dialog), (revision.clone(), Varying::Revision)])
            };
            revision = answer.etag.unwrap_or_default();
            scripts.push((operation, Script::new(&self.floor, &statements, &varying)?));
        }
        drop(connection);
        service.stop()?;
        Ok(scripts)
    }

    /// As many dialogs in both databases.
    fn fill(&mut self, client: &Client, create: &Script) -> Result<()> {
        let each = if self.options.bench { 250 } else { 2 };
        self.pgbench.run("floor", create, Extent::Transactions(each))?;
        self.pgbench.dialogs = u64::from(each * self.options.connections);
        let mut connection = client.connect()?;
        for _ in 0..self.pgbench.dialogs {
            let answer = connection.send(&self.requests.next(Operation::Create))?;
            self.requests.targets.push((created(&answer), AtomicBool::new(false)));
        }
        self.same_rows()
    }

    /// A floor that writes other rows than the service would be the floor of something else.
    fn same_rows(&self) -> Result<()> {
        let rows = |database: &Database| -> Result<HashMap<String, i64>> {
            let shared = ["secret", "_sqlx_migrations"];
            let sizes = database.sizes()?.into_iter().filter(|(table, ..)| !shared.contains(&table.as_str()));
            Ok(sizes.map(|(table, rows, _)| (table, rows)).collect())
        };
        let (floor, service) = (rows(&self.floor)?, rows(&self.service)?);
        // What `analyze` says of a large table is an estimate.
        let is_near = |table: &String, rows: i64| {
            service.get(table).is_some_and(|other| (other - rows).abs() * 100 <= *other)
        };
        if floor.len() == service.len() && floor.iter().all(|(table, rows)| is_near(table, *rows)) {
            Ok(())
        } else {
            Err(format!("the floor wrote {floor:?}, the service {service:?}").into())
        }
    }

    fn run(mut self) -> Result<Report> {
        self.service.with(async |_| Ok(())).or_else(|_| {
            let admin = Database {
                handle: self.service.handle.clone(),
                options: self.service.options.clone().database("dialogporten"),
            };
            admin.execute("create database floor")?;
            admin.execute("create database service")
        })?;
        let scripts = self.scripts()?;
        // What the service did once is not to be there when the same rows are expected of both.
        self.floor.execute("truncate dialog, dialog_document, transmission, activity, dialog_part, service_owner_label, seen_log, label_log, outbox, outbox_held")?;
        let service = self.start_service("service", &[], &WRITES_ONLY)?;
        let idle = process::memory(service.pid(), "VmRSS");
        self.fill(&service.client, &scripts[0].1)?;
        let mut figures = Vec::new();
        let mut sizes = Vec::new();
        for (operation, script) in &scripts {
            if self.options.only.is_empty() || self.options.only.contains(operation) {
                for database in [&self.floor, &self.service] {
                    database.execute("vacuum analyze")?;
                }
                figures.push(self.measure(&service, *operation, script)?);
            }
            if *operation == Operation::Create {
                sizes = self.service.sizes()?;
            }
        }
        let memory = Memory { idle, peak: process::memory(service.pid(), "VmHWM") };
        let mut settings = Vec::new();
        for name in ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
            settings.push((name, self.service.setting(name)?));
        }
        let facts = Facts {
            postgres: self.service.setting("server_version")?,
            settings,
            options: self.options.clone(),
        };
        service.stop()?;
        let events = self.options.events.then(|| self.measure_events(&scripts[0].1)).transpose()?;
        Ok(Report { facts, figures, sizes, memory, events })
    }

    /// What the outbox costs, and how fast it is emptied.
    fn measure_events(&mut self, create: &Script) -> Result<EventFigures> {
        let Options { seconds, connections, bench, .. } = self.options;
        let (rounds, extent) =
            if bench { (4, Extent::Seconds(seconds.div_ceil(2))) } else { (1, Extent::Transactions(2)) };
        let silent = create.without_outbox()?;
        let (mut with, mut without) = ((0.0, 0.0), (0.0, 0.0));
        self.floor.execute("vacuum analyze")?;
        // By turns, in an order that gives neither an advantage.
        for round in 0..rounds {
            for second in [false, true] {
                let tells = (round % 2 == 0) == second;
                let (count, time) =
                    self.pgbench.run("floor", if tells { create } else { &silent }, extent)?;
                let sum = if tells { &mut with } else { &mut without };
                (sum.0, sum.1) = (sum.0 + count, sum.1 + time);
            }
        }

        // A backlog of everything that was written.
        self.service.execute("vacuum analyze")?;
        self.service.execute(
            "insert into event_lane (sink, lane, xid, sequence)
             select 'webhook', lane, 0, 0 from generate_series(0, 3) l (lane)",
        )?;
        let waiting: i64 = self.service.with(async |connection| {
            sqlx::query_scalar(
                "select coalesce(sum(jsonb_array_length(payload -> 'events')), 0)::bigint from outbox",
            )
            .fetch_one(connection)
            .await
        })?;
        let waiting = usize::try_from(waiting)?;
        let receiver = Receiver::start()?;
        let url = format!("http://{}/", receiver.address);
        let arguments = [
            "--events-webhook-url",
            &url,
            "--events-webhook-secrets",
            "a-secret-that-is-long-enough",
            "--events-webhook-allow-private",
        ];
        let service = self.start_service("service", &[], &arguments)?;
        receiver.wait_for(1)?;
        let before = receiver.count();
        let drained = (waiting - before, receiver.wait_for(waiting)?.as_secs_f64());
        receiver.latencies();

        // While dialogs are created, at a rate that leaves room for the deliveries.
        let duration = if bench { Duration::from_secs(seconds.into()) } else { Duration::from_millis(50) };
        let next = || self.requests.next(Operation::Create);
        let created = http::open_loop(&service.client, connections, duration, CREATES_WHILE_TOLD, &next)?;
        let events_each = 5;
        receiver.wait_for(waiting + created.len() * events_each)?;
        let latencies = receiver.latencies();
        service.stop()?;
        let creates = (with.0 / with.1, without.0 / without.1);
        Ok(EventFigures { creates, drained, latencies, load: CREATES_WHILE_TOLD })
    }

    /// Floor and service by turns, so that both have the same share of what else the machine does.
    fn measure(&mut self, service: &Service, operation: Operation, script: &Script) -> Result<Figures> {
        let Options { seconds, connections, bench, .. } = self.options;
        let (rounds, extent, duration) = if bench {
            (2, Extent::Seconds(seconds), Duration::from_secs(seconds.into()))
        } else {
            (1, Extent::Transactions(2), Duration::from_millis(50))
        };
        let postgres = fs::read_to_string(self.directory.join("data/postmaster.pid"))?;
        let postgres = postgres.lines().next().ok_or("the server has no process")?.trim().parse()?;
        let processor = || Processor::now(service.pid(), postgres);
        let (mut floor, mut top) = (Rate::default(), Rate::default());
        for _ in 0..rounds {
            let before = processor();
            let (count, time) = self.pgbench.run("floor", script, extent)?;
            floor.add(count, time, processor().since(before));

            let next = || self.requests.next(operation);
            http::closed_loop(&service.client, connections, duration / 10, &next)?;
            let before = processor();
            let (count, time) = http::closed_loop(&service.client, connections, duration, &next)?;
            #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
            top.add(count as f64, time, processor().since(before));
        }
        let next = || self.requests.next(operation);
        let latencies =
            http::open_loop(&service.client, connections, duration, 0.7 * top.per_second(), &next)?;
        Ok(Figures { operation, floor, service: top, latencies })
    }
}

/// What was done in some time.
#[derive(Clone, Copy, Default)]
struct Rate {
    count: f64,
    seconds: f64,
    processor: Processor,
}

impl Rate {
    fn add(&mut self, count: f64, seconds: f64, processor: Processor) {
        self.count += count;
        self.seconds += seconds;
        self.processor.add(processor);
    }

    fn per_second(&self) -> f64 {
        self.count / self.seconds
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let options = Options::parse();
    let directory = std::env::temp_dir().join(format!("dialogporten-bench-{}", std::process::id()));
    let postgres = EmbeddedPostgres::start(EmbeddedOptions {
        data_dir: directory.clone(),
        bin_dir: None,
        durable: true,
        max_connections: 200,
    })
    .await?;
    let bench = Bench::new(options, directory.clone(), &postgres.connect_options(), &Handle::current())?;
    let report = tokio::select! {
        report = tokio::task::spawn_blocking(|| bench.run()) => report?,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    let stopped = postgres.stop().await;
    fs::remove_dir_all(&directory)?;
    stopped?;
    match report {
        Ok(report) => {
            print!("{report}");
            Ok(())
        }
        // A thread that still measures would keep the process from ending.
        Err(failure) => {
            eprintln!("{failure}");
            std::process::exit(1)
        }
    }
}
