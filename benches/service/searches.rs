//! What searches cost the database, on data as skewed as real data is (`dialogporten seed`): how many
//! pages (shared buffers) the service's own statements touch, which no other work on the machine changes.
//!
//! The statements are taken from the server's log while the service answers, and explained with the
//! same values on a connection with the same settings.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dialogporten::sandbox::postgres::{EmbeddedOptions, EmbeddedPostgres};
use dialogporten::seed::{COMMON_WORD, Profile, RARE_LABEL, RARE_STATUS, User};
use dialogporten::store::{Effort, Store};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use tokio::runtime::Handle;

use crate::floor::{self, Statement};
use crate::http::{Client, Connection, Request};
use crate::process::{self, Service};
use crate::report::as_float;
use crate::{Database, Result, WRITES_ONLY};

/// The number that makes the data what it is.
const SEED: u64 = 1;
/// Services that the users with many parties ask for: as many as one search may name.
const SERVICES: usize = 20;
/// The page that is to cost what the first one does, and rows of each.
const FAR: usize = 1_000;
const WALKED: usize = 10;

/// A PostgreSQL server with seeded data.
pub struct Seeded {
    postgres: EmbeddedPostgres,
    directory: PathBuf,
    pub profile: Profile,
    pub database: Database,
}

impl Seeded {
    /// Makes the data set with so many dialogs in a directory.
    pub fn make(handle: &Handle, directory: PathBuf, dialogs: usize) -> Result<Self> {
        let postgres = start(handle, &directory)?;
        let output = Command::new(env!("CARGO_BIN_EXE_dialogporten"))
            .env_clear()
            .args(["seed", "--dialogs", &dialogs.to_string(), "--seed", &SEED.to_string(), "--data-dir"])
            .arg(&directory)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Self::of(handle, directory, postgres)
    }

    /// Takes what `dialogporten seed` has made there before.
    pub fn reuse(handle: &Handle, directory: PathBuf) -> Result<Self> {
        if !directory.join("seed.toml").exists() {
            return Err(format!("nothing was seeded in {}", directory.display()).into());
        }
        let postgres = start(handle, &directory)?;
        Self::of(handle, directory, postgres)
    }

    fn of(handle: &Handle, directory: PathBuf, postgres: EmbeddedPostgres) -> Result<Self> {
        let database = Database { handle: handle.clone(), options: postgres.connect_options() };
        handle.block_on(async { Store::open(database.options.clone(), 1).migrate().await })?;
        let dialogs: i64 = database.with(async |connection| {
            sqlx::query_scalar("select count(*) from dialog").fetch_one(connection).await
        })?;
        let profile = Profile::new(SEED, usize::try_from(dialogs)?);
        let biggest = profile.dialog_id(profile.biggest());
        let is_there: bool = database.with(async |connection| {
            let sql = "select exists (select from dialog where id = $1)";
            sqlx::query_scalar(sql).bind(biggest).fetch_one(connection).await
        })?;
        if !is_there {
            let text = format!("{} has not the data of seed {SEED} alone", directory.display());
            return Err(text.into());
        }
        Ok(Self { postgres, directory, profile, database })
    }

    pub fn data_dir(&self) -> &Path {
        &self.directory
    }

    /// The process of its server.
    pub fn pid(&self) -> Result<u32> {
        process::postgres_pid(&self.directory)
    }

    /// Ends this use of the server.
    pub fn stop(self) -> Result<()> {
        Ok(self.database.handle.block_on(self.postgres.stop())?)
    }

    /// Starts the service on it, which knows the users of the data set.
    pub fn start_service(&self, log: &Path, settings: &[(&str, &str)]) -> Result<Service> {
        let url = self.database.url(settings)?;
        let catalogue = self.directory.join("seed.toml");
        let catalogue = catalogue.to_str().ok_or("the directory's name is not text")?;
        Service::start(&url, log, &[&WRITES_ONLY[..], &["--catalogue", catalogue]].concat())
    }

    /// The end of the server's log, from this place.
    fn log_from(&self, place: u64) -> Result<String> {
        let mut file = File::open(self.directory.join("postgres.log"))?;
        file.seek(SeekFrom::Start(place))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn log_length(&self) -> Result<u64> {
        Ok(self.directory.join("postgres.log").metadata()?.len())
    }

    /// Sends a request and gives its answer with the statements that it took. The service must have
    /// been started so that the server logs all of them.
    pub fn watch(
        &self,
        connection: &mut Connection<'_>,
        request: &Request,
    ) -> Result<(Value, Vec<Statement>)> {
        let before = self.log_length()?;
        let answer = connection.send(request)?;
        let statements = floor::statements(&self.log_from(before)?)?;
        Ok((serde_json::from_str(&answer.body)?, statements))
    }

    /// The pages of tables and indexes that a statement touches, whether they are in memory or not.
    fn buffers(&self, statement: &Statement) -> Result<u64> {
        // The service asks the planner before it searches for words; that reads nothing.
        if statement.sql.starts_with("explain") {
            return Ok(0);
        }
        let prepare = format!("prepare search as {}", statement.sql);
        let values: Vec<String> = statement.values.iter().map(|value| literal(value.as_ref())).collect();
        let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        let explain = format!("explain (analyze, buffers, timing off, format json) execute search {values}");
        let Json(plan): Json<Value> = self.database.as_service().with(async |connection| {
            sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await?;
            sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(connection).await
        })?;
        let of = |name: &str| plan[0]["Plan"][name].as_u64().ok_or("the plan tells no buffers");
        Ok(of("Shared Hit Blocks")? + of("Shared Read Blocks")?)
    }
}

fn start(handle: &Handle, directory: &Path) -> Result<EmbeddedPostgres> {
    let options = EmbeddedOptions {
        data_dir: directory.to_owned(),
        bin_dir: None,
        durable: true,
        max_connections: 200,
    };
    Ok(handle.block_on(EmbeddedPostgres::start(options))?)
}

fn literal(value: Option<&String>) -> String {
    value.map_or_else(|| "null".into(), |value| format!("'{}'", value.replace('\'', "''")))
}

/// A token with which an end user reads.
pub fn person(service: &Service, number: &str) -> Result<Client> {
    service
        .client_with(&format!("GetPersonalToken?env=at23&pid={number}&authLvl=4&scopes=digdir:dialogporten"))
}

/// The list of the benchmark's table: 25 dialogs of an ordinary party. Gives who asks, and for what.
pub fn ordinary_list(seeded: &Seeded, service: &Service) -> Result<(Client, String)> {
    let party = &seeded.profile.parties[seeded.profile.ordinary];
    Ok((person(service, party.id())?, list_path("enduser", &[("party", party.as_str()), ("limit", "25")])))
}

/// GET of a list.
pub fn get(path: &str) -> Request {
    Request { method: "GET", path: path.into(), body: None, expected: 200 }
}

/// Path of a list.
pub fn list_path(api: &str, query: &[(&str, &str)]) -> String {
    let mut path = form_urlencoded::Serializer::new(String::new());
    path.extend_pairs(query);
    format!("/api/v1/{api}/dialogs?{}", path.finish())
}

/// How many buffers a search may touch.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// Nothing is asked of it: others are compared with it.
    Basis,
    /// So many at all, for each party and for each row.
    Formula { fixed: usize, per_party: usize, per_row: usize },
    /// So many times those of the search before.
    OfTheOneBefore(f64),
}

/// A search and what it may cost.
struct Search {
    name: &'static str,
    client: Client,
    path: String,
    /// For how many parties the caller asks.
    parties: usize,
    /// Which page.
    page: usize,
    budget: Budget,
    /// How many times as much it may cost where there are ten times as many dialogs.
    growth: Option<f64>,
}

/// What a search cost.
pub struct Cost {
    pub name: &'static str,
    pub statements: usize,
    pub rows: usize,
    pub buffers: u64,
    /// The most that it was to cost.
    pub budget: Option<f64>,
    pub growth: Option<f64>,
}

/// What all searches cost on one data set.
pub struct Costs {
    pub dialogs: usize,
    pub costs: Vec<Cost>,
}

/// Measures all searches.
pub fn measure(seeded: &Seeded, log: &Path) -> Result<Costs> {
    let service = seeded.start_service(log, &[("log_statement", "all")])?;
    let mut costs: Vec<Cost> = Vec::new();
    for search in searches(&seeded.profile, &service)? {
        let cost = search.measure(seeded, costs.last())?;
        costs.push(cost);
    }
    service.stop()?;
    Ok(Costs { dialogs: seeded.profile.dialogs, costs })
}

impl Search {
    fn measure(&self, seeded: &Seeded, before: Option<&Cost>) -> Result<Cost> {
        let mut connection = self.client.connect()?;
        let mut path = self.path.clone();
        for _ in 1..self.page {
            let page: Value = serde_json::from_str(&connection.send(&get(&path))?.body)?;
            let token = page["continuationToken"].as_str().ok_or("the pages come to an end")?;
            let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            path = format!("{}&continuationToken={token}", self.path);
        }
        let (page, statements) = seeded.watch(&mut connection, &get(&path))?;
        let rows = page["items"].as_array().map_or(0, Vec::len);
        let mut buffers = 0;
        for statement in &statements {
            buffers += seeded.buffers(statement)?;
        }
        let budget = match self.budget {
            Budget::Basis => None,
            Budget::Formula { fixed, per_party, per_row } => {
                Some(as_float(fixed + per_party * self.parties + per_row * rows))
            }
            Budget::OfTheOneBefore(times) => before.map(|cost| times * as_float(cost.buffers)),
        };
        let (name, growth) = (self.name, self.growth);
        Ok(Cost { name, statements: statements.len(), rows, buffers, budget, growth })
    }
}

/// All that is measured.
#[expect(clippy::too_many_lines, reason = "a table")]
fn searches(profile: &Profile, service: &Service) -> Result<Vec<Search>> {
    let user = |user: &User| person(service, &user.number);
    let ordinary = &profile.parties[profile.ordinary];
    let (whale, biggest) = (profile.whale().as_str(), &profile.services[0]);
    let resource = |id: &str| format!("urn:altinn:resource:{id}");
    let owner = || {
        let scopes = "digdir:dialogporten.serviceprovider%20digdir:dialogporten.serviceprovider.search";
        let (org, number) = (biggest.owner_code, biggest.owner_number);
        service.client_with(&format!("GetEnterpriseToken?env=at23&org={org}&orgNo={number}&scopes={scopes}"))
    };
    let services: Vec<String> = profile.services.iter().take(SERVICES).map(|s| resource(&s.id)).collect();
    let of_services = |more: &[(&str, &str)]| {
        let services = services.iter().map(|id| ("serviceResource", id.as_str()));
        list_path("enduser", &services.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let of_biggest = |more: &[(&str, &str)]| {
        let id = resource(&biggest.id);
        list_path("serviceowner", &[&[("serviceResource", id.as_str())], more].concat())
    };
    let of_whale = |more: &[(&str, &str)]| list_path("enduser", &[&[("party", whale)], more].concat());
    let (rare_word, _) = profile.rare_word(0);

    let by_row = Budget::Formula { fixed: 0, per_party: 0, per_row: 12 };
    let by_party = Budget::Formula { fixed: 0, per_party: 8, per_row: 12 };
    // What the service allows a search to look through, at a buffer for each dialog.
    let Effort { look: (_, first), round, .. } = Effort::USUAL;
    let effort = Budget::Formula { fixed: first + round, per_party: 0, per_row: 12 };
    let far = FAR.min(profile.dialogs / 10 / WALKED / 2);
    let walked = WALKED.to_string();
    let limit: &[_] = &[("limit", walked.as_str())];
    let search = |name, client, path, parties: usize, budget, growth| Search {
        name,
        client,
        path,
        parties,
        page: 1,
        budget,
        growth,
    };
    let at_page = |page, search| Search { page, ..search };
    Ok(vec![
        search(
            "one ordinary party",
            person(service, ordinary.id())?,
            list_path("enduser", &[("party", ordinary.as_str())]),
            1,
            by_row,
            None,
        ),
        search("1,000 parties", user(&profile.thousand)?, of_services(&[]), 1_000, by_party, Some(1.25)),
        search(
            "10,000 parties",
            user(&profile.ten_thousand)?,
            of_services(&[]),
            10_000,
            by_party,
            Some(1.25),
        ),
        search(
            "party with 10 %, rare status",
            user(&profile.whale_manager)?,
            of_whale(&[("status", RARE_STATUS.name())]),
            1,
            effort,
            Some(1.5),
        ),
        search(
            "party with 10 %, rare label",
            owner()?,
            of_biggest(&[("party", whale), ("serviceOwnerLabels", RARE_LABEL)]),
            1,
            effort,
            Some(1.5),
        ),
        search("service with 30 %, its owner", owner()?, of_biggest(&[]), 0, by_row, None),
        search(
            "rare word, 1,000 parties",
            user(&profile.thousand)?,
            of_services(&[("search", &rare_word)]),
            1_000,
            Budget::Formula { fixed: 50, per_party: 5, per_row: 0 },
            None,
        ),
        search(
            "word in 40 %, 1,000 parties",
            user(&profile.thousand)?,
            of_services(&[("search", COMMON_WORD)]),
            1_000,
            Budget::Formula { fixed: 0, per_party: 20, per_row: 50 },
            None,
        ),
        search(
            "party with 10 %, page 1",
            user(&profile.whale_manager)?,
            of_whale(limit),
            1,
            Budget::Basis,
            None,
        ),
        at_page(
            far,
            search(
                "party with 10 %, page 1,000",
                user(&profile.whale_manager)?,
                of_whale(limit),
                1,
                Budget::OfTheOneBefore(1.2),
                None,
            ),
        ),
        search("service with 30 %, page 1", owner()?, of_biggest(limit), 0, Budget::Basis, None),
        at_page(
            far,
            search(
                "service with 30 %, page 1,000",
                owner()?,
                of_biggest(limit),
                0,
                Budget::OfTheOneBefore(1.2),
                None,
            ),
        ),
    ])
}
