//! The service over HTTP against its floor: the same statements sent by pgbench, to the same server,
//! from as many connections, in the same run.
//!
//! `make bench`, or `cargo bench --bench service`.

mod events;
mod floor;
mod graph;
mod http;
mod process;
mod report;
mod samples;
mod searches;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use dialogporten::sandbox::postgres::{EmbeddedOptions, EmbeddedPostgres};
use dialogporten::store::{Store, key_of};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::runtime::Handle;

use events::{EventFigures, Receiver};
use floor::{Extent, Pgbench, Script, Varying};
use http::{Answer, Client, Request};
use process::{Processor, Service};
use report::{Created, Facts, Figures, Memory, Report};
use searches::Seeded;

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
    /// Measure these only; `list` stands for all searches, `graph` for the graph against REST.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Operation>,
    /// How many dialogs searches have before them; with two numbers also how much more they cost among
    /// more. Throughput is measured among the fewest.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "200000",
        value_parser = clap::value_parser!(u32).range(2_000..))]
    dialogs: Vec<u32>,
    /// Directories with data that `dialogporten seed --data-dir` has made before, instead of new data.
    #[arg(long, value_name = "DIRECTORY", value_delimiter = ',', conflicts_with = "dialogs")]
    seeded: Vec<PathBuf>,
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
    List,
    Graph,
}

impl Operation {
    /// Those on dialogs that the benchmark itself has created.
    const ON_CREATED: [Self; 5] =
        [Self::Create, Self::Get, Self::Patch, Self::AppendTransmission, Self::AppendActivity];

    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Patch => "patch status",
            Self::AppendTransmission => "append transmission",
            Self::AppendActivity => "append activity",
            Self::List => "list of 25",
            Self::Graph => "graph",
        }
    }

    /// The least part of the floor's rate that we are content with; the graph's floor is REST.
    fn aim(self) -> f64 {
        match self {
            Self::Create => 0.6,
            Self::Get | Self::List => 0.4,
            Self::Graph => graph::AIM,
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
            Operation::Create | Operation::Get | Operation::List | Operation::Graph => searches::get(&path),
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

    /// The same database with the settings that the connections of the service have.
    fn as_service(&self) -> Self {
        let _runtime = self.handle.enter();
        let options = Store::open(self.options.clone(), 1).pool().connect_options().as_ref().clone();
        Self { handle: self.handle.clone(), options }
    }

    /// Where it is, as the service is told. `settings` are those of the server, for the connections of
    /// the service.
    fn url(&self, settings: &[(&str, &str)]) -> Result<String> {
        let socket = self.options.get_socket().ok_or("the server has no socket")?;
        let name = self.options.get_database().ok_or("the database has no name")?;
        let mut url = form_urlencoded::Serializer::new(format!("postgres://dialogporten@localhost/{name}?"));
        url.append_pair("host", &socket.to_string_lossy()).append_pair("sslmode", "disable");
        for (name, value) in settings {
            url.append_pair(&format!("options[{name}]"), value);
        }
        Ok(url.finish())
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
    floor: Database,
    service: Database,
    pgbench: Pgbench,
    requests: Requests,
}

impl Bench {
    fn new(options: Options, directory: PathBuf, server: &PgConnectOptions, handle: &Handle) -> Result<Self> {
        let database =
            |name: &str| Database { handle: handle.clone(), options: server.clone().database(name) };
        let (floor, service) = (database("floor"), database("service"));
        let pgbench = Pgbench::new(&floor, &directory, options.connections)?;
        let requests = Requests::new();
        Ok(Self { options, directory, floor, service, pgbench, requests })
    }

    /// `settings` are those of the server, for the connections of the service.
    fn start_service(
        &self,
        database: &Database,
        settings: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Service> {
        Service::start(&database.url(settings)?, &self.directory.join("service.log"), arguments)
    }

    fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.directory.join("postgres.log"))?).into_owned())
    }

    /// Lets the service do everything once, and makes scripts of the statements that it sent.
    fn scripts(&self) -> Result<Vec<(Operation, Script)>> {
        let service = self.start_service(&self.floor, &[("log_statement", "all")], &WRITES_ONLY)?;
        let mut connection = service.client.connect()?;
        let mut requests = Requests::new();
        let mut scripts = Vec::new();
        let (mut dialog, mut revision) = (String::new(), String::new());
        let party_key = key_of(&samples::parties()[0]).to_string();
        for operation in Operation::ON_CREATED {
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
        self.pgbench.run(&self.floor, create, Extent::Transactions(each))?;
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

    fn is_wanted(&self, operation: Operation) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&operation)
    }

    fn run(mut self) -> Result<Report> {
        let mut settings = Vec::new();
        let admin = Database {
            handle: self.service.handle.clone(),
            options: self.service.options.clone().database("dialogporten"),
        };
        for name in ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers"] {
            settings.push((name, admin.setting(name)?));
        }
        let facts =
            Facts { postgres: admin.setting("server_version")?, settings, options: self.options.clone() };
        let mut report = Report {
            facts,
            figures: Vec::new(),
            created: None,
            events: None,
            searches: Vec::new(),
            graph: Vec::new(),
        };
        if Operation::ON_CREATED.iter().any(|operation| self.is_wanted(*operation)) {
            admin.execute("create database floor")?;
            admin.execute("create database service")?;
            self.run_on_created(&mut report)?;
        }
        if self.is_wanted(Operation::List) || self.is_wanted(Operation::Graph) {
            self.run_on_seeded(&mut report)?;
        }
        Ok(report)
    }

    /// What is done with single dialogs.
    fn run_on_created(&mut self, report: &mut Report) -> Result<()> {
        let scripts = self.scripts()?;
        // What the service did once is not to be there when the same rows are expected of both.
        self.floor.execute("truncate dialog, dialog_document, dialog_text, transmission, activity, dialog_part, service_owner_label, seen_log, label_log, outbox, outbox_held")?;
        let service = self.start_service(&self.service, &[], &WRITES_ONLY)?;
        let idle = process::memory(service.pid(), "VmRSS");
        self.fill(&service.client, &scripts[0].1)?;
        let mut sizes = Vec::new();
        for (operation, script) in &scripts {
            if self.is_wanted(*operation) {
                for database in [&self.floor, &self.service] {
                    database.execute("vacuum analyze")?;
                }
                let next = || self.requests.next(*operation);
                let bout = Bout {
                    options: &self.options,
                    floor: &self.floor,
                    script,
                    service: service.pid(),
                    client: &service.client,
                    next: &next,
                };
                report.figures.push(bout.measure(*operation, &mut self.pgbench, &self.directory)?);
            }
            if *operation == Operation::Create {
                sizes = self.service.sizes()?;
            }
        }
        let memory = Memory { idle, peak: process::memory(service.pid(), "VmHWM") };
        report.created = Some(Created { sizes, memory });
        service.stop()?;
        report.events = self.options.events.then(|| self.measure_events(&scripts[0].1)).transpose()?;
        Ok(())
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
                    self.pgbench.run(&self.floor, if tells { create } else { &silent }, extent)?;
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
        let service = self.start_service(&self.service, &[], &arguments)?;
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

    /// Searches, and the graph.
    fn run_on_seeded(&mut self, report: &mut Report) -> Result<()> {
        let handle = self.service.handle.clone();
        let Options { bench, dialogs, seeded, .. } = self.options.clone();
        let sizes = if bench { dialogs } else { vec![2_000] };
        let made = sizes.iter().enumerate().map(|(number, size)| {
            let directory = self.directory.join(format!("seeded-{number}"));
            Seeded::make(&handle, directory, usize::try_from(*size)?)
        });
        let reused = seeded.iter().map(|directory| Seeded::reuse(&handle, directory.clone()));
        // One after the other: a server is started when it is its turn.
        let all: Box<dyn Iterator<Item = Result<Seeded>>> =
            if seeded.is_empty() { Box::new(made) } else { Box::new(reused) };
        for (number, seeded) in all.enumerate() {
            let seeded = seeded?;
            let measured = self.measure_seeded(&seeded, number == 0, report);
            // Its server must have ended before the directory is removed.
            seeded.stop()?;
            measured?;
        }
        report.searches.sort_by_key(|costs| costs.dialogs);
        Ok(())
    }

    /// Of the first data set throughput, too.
    fn measure_seeded(&self, seeded: &Seeded, is_first: bool, report: &mut Report) -> Result<()> {
        let log = self.directory.join("service.log");
        if self.is_wanted(Operation::List) {
            report.searches.push(searches::measure(seeded, &log)?);
            if is_first {
                report.figures.push(self.measure_list(seeded, &log)?);
            }
        }
        if is_first && self.is_wanted(Operation::Graph) {
            report.graph = graph::measure(seeded, &log, &self.options)?;
        }
        Ok(())
    }

    /// A list over HTTP against its floor.
    fn measure_list(&self, seeded: &Seeded, log: &Path) -> Result<Figures> {
        let service = seeded.start_service(log, &[("log_statement", "all")])?;
        let (client, path) = searches::ordinary_list(seeded, &service)?;
        let (_, statements) = seeded.watch(&mut client.connect()?, &searches::get(&path))?;
        service.stop()?;
        let script = Script::new(&seeded.database, &statements, &HashMap::new())?;
        let service = seeded.start_service(log, &[])?;
        let (client, path) = searches::ordinary_list(seeded, &service)?;
        let next = || searches::get(&path);
        let bout = Bout {
            options: &self.options,
            floor: &seeded.database,
            script: &script,
            service: service.pid(),
            client: &client,
            next: &next,
        };
        let mut pgbench = Pgbench::new(&seeded.database, &self.directory, self.options.connections)?;
        let figures = bout.measure(Operation::List, &mut pgbench, seeded.data_dir())?;
        service.stop()?;
        Ok(figures)
    }
}

/// The service against its floor.
struct Bout<'a> {
    options: &'a Options,
    floor: &'a Database,
    script: &'a Script,
    /// Its process.
    service: u32,
    client: &'a Client,
    next: &'a (dyn Fn() -> Request + Sync),
}

impl Bout<'_> {
    /// By turns, so that both have the same share of what else the machine does. `server` is the
    /// directory of the database server.
    fn measure(&self, operation: Operation, pgbench: &mut Pgbench, server: &Path) -> Result<Figures> {
        let Options { seconds, connections, bench, .. } = *self.options;
        let (rounds, extent, duration) = if bench {
            (2, Extent::Seconds(seconds), Duration::from_secs(seconds.into()))
        } else {
            (1, Extent::Transactions(2), Duration::from_millis(50))
        };
        let postgres = process::postgres_pid(server)?;
        let processor = || Processor::now(self.service, postgres);
        let (mut floor, mut top) = (Rate::default(), Rate::default());
        for _ in 0..rounds {
            let before = processor();
            let (count, time) = pgbench.run(self.floor, self.script, extent)?;
            floor.add(count, time, processor().since(before));

            http::closed_loop(self.client, connections, duration / 10, self.next)?;
            let before = processor();
            let (count, time) = http::closed_loop(self.client, connections, duration, self.next)?;
            #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
            top.add(count as f64, time, processor().since(before));
        }
        let latencies =
            http::open_loop(self.client, connections, duration, 0.7 * top.per_second(), self.next)?;
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
