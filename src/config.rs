//! Every setting: name, meaning, default. Nothing else reads the environment.

pub mod sinks;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Dialogporten: the hub through which public agencies keep a digital dialog with every person and
/// company of a country. Without a command it serves, and without settings it serves as the sandbox.
#[derive(Debug, Parser)]
#[command(name = "dialogporten", version, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `serve`, for a start without the name of the command.
    #[command(flatten)]
    pub serve: ServeSettings,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer requests. Without `DATABASE_URL`: as sandbox, on a PostgreSQL of its own.
    Serve(Box<ServeSettings>),
    /// Bring the database schema up to date, and end.
    Migrate(DatabaseSettings),
    /// Print an access token of the sandbox.
    Token(TokenSettings),
    /// Do something with events.
    Events(EventsSettings),
    /// Fill the database with made-up dialogs, as skewed as real ones are.
    Seed(SeedSettings),
    /// Make anew what searches for words look up, of all dialogs, while the service goes on: after an
    /// update that says so.
    Reindex(DatabaseSettings),
    /// Ask the service on this machine whether it is ready: ends with 0 when it is, with 1 when not.
    Health(HealthSettings),
    /// Write the OpenAPI documents to a directory.
    Openapi(OpenapiSettings),
    /// Write the generated pages of the documentation to a directory.
    Docs(DocsSettings),
    /// Print a new key for `--dialog-token-key`, as JWK.
    Key,
    /// Print the reference of all settings, in Markdown.
    Settings,
}

/// Settings of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeSettings {
    /// Address and port to listen on.
    #[arg(long, env = "DIALOGPORTEN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7214")]
    pub listen: SocketAddr,
    /// Base URL under which clients reach the service, without `/api/v1`; made of the listening address
    /// when left out.
    #[arg(long, env = "DIALOGPORTEN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Seconds to go on serving after SIGTERM, with readiness at 503, before new connections are
    /// refused: time for a load balancer to notice. 10 when left out, 0 in the sandbox.
    #[arg(long, env = "DIALOGPORTEN_SHUTDOWN_DELAY", value_name = "SECONDS")]
    pub shutdown_delay: Option<u64>,
    /// Answer every API request with 503, for the time of maintenance. Health is answered as ever.
    #[arg(long, env = "DIALOGPORTEN_MAINTENANCE", value_parser = BoolishValueParser::new())]
    pub maintenance: bool,
    /// When maintenance will be over (RFC 3339), for the header `Retry-After`.
    #[arg(long, env = "DIALOGPORTEN_MAINTENANCE_RETRY_AT", value_name = "TIME")]
    pub maintenance_retry_at: Option<String>,
    /// Seconds that a request may take before it is answered with 503.
    #[arg(long, env = "DIALOGPORTEN_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 30)]
    pub request_timeout: u64,
    /// Whether the graph at `/graphql` tells callers with a token what it consists of.
    #[arg(
        long,
        env = "DIALOGPORTEN_GRAPHQL_INTROSPECTION",
        value_name = "BOOLEAN",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub graphql_introspection: bool,
    /// Origins of web pages that may ask the graph from browsers, such as `https://portal.example`, with
    /// commas between them. Pages of other origins may not.
    #[arg(long, env = "DIALOGPORTEN_GRAPHQL_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',')]
    pub graphql_origins: Vec<String>,
    /// The only documents that `/graphql` carries out: a directory with `.graphql` files of one document
    /// each, or a file with a JSON object of them. Clients send the text or its SHA-256. All documents when
    /// left out.
    #[arg(long, env = "DIALOGPORTEN_GRAPHQL_DOCUMENTS", value_name = "PATH")]
    pub graphql_documents: Option<PathBuf>,
    /// How many bytes of documents an instance remembers that clients brought to `/graphql` with their
    /// SHA-256, by which they can ask again (automatic persisted queries).
    #[arg(
        long,
        env = "DIALOGPORTEN_GRAPHQL_PERSISTED_BYTES",
        value_name = "BYTES",
        default_value_t = 10_000_000
    )]
    pub graphql_persisted_bytes: u64,
    /// The database.
    #[command(flatten, next_help_heading = "Database")]
    pub database: DatabaseSettings,
    /// Events.
    #[command(flatten, next_help_heading = "Events")]
    pub events: EventSettings,
    /// Dialogs that come from elsewhere.
    #[command(flatten, next_help_heading = "Migrated dialogs")]
    pub migrated: MigratedSettings,
    /// The national platform.
    #[command(flatten, next_help_heading = "Platform")]
    pub platform: PlatformSettings,
    /// The sandbox.
    #[command(flatten, next_help_heading = "Sandbox")]
    pub sandbox: SandboxSettings,
    /// Logs.
    #[command(flatten, next_help_heading = "Logs")]
    pub log: LogSettings,
}

/// Settings of events.
#[derive(Clone, Args)]
pub struct EventSettings {
    /// Whether this instance gives events to the sinks, tells what has become visible and what has
    /// expired, and cleans up. One instance
    /// on a database has to; several share the work.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_DISPATCH",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub events_dispatch: bool,
    /// Whether nothing is told of a dialog before it is visible. `false`: everything is told at once.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_HOLD_UNTIL_VISIBLE",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub events_hold_until_visible: bool,
    /// Whether sinks are told that a dialog was updated when a user has opened it, beside that it was
    /// seen.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_PUBLISH_UPDATED_ON_SEEN",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub events_publish_updated_on_seen: bool,
    /// Whether sinks are told that a dialog has expired. Streams and change feeds of end users always are.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_PUBLISH_EXPIRED",
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub events_publish_expired: bool,
    /// Event streams of end users that may be open on this instance at a time, and as many connections by
    /// WebSocket. Each needs a file descriptor.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_STREAMS",
        value_name = "COUNT",
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub events_streams: u32,
    /// Days for which events are kept at least: streams and change feeds can be taken up again, and
    /// events be told again, for as long. Events that a sink has not got yet are kept longer.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_RETENTION",
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u32).range(1..=3650)
    )]
    pub events_retention: u32,
    /// Deliveries to a sink at a time, for each of its four lanes.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_CONCURRENCY",
        value_name = "COUNT",
        default_value_t = 32,
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub events_concurrency: u32,
    /// Milliseconds until an event that a sink has not taken is tried again; each pause is twice as long
    /// as the one before, up to 15 minutes, less up to a half by chance.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_RETRY_AFTER",
        value_name = "MILLISECONDS",
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u64).range(1..=900_000)
    )]
    pub events_retry_after: u64,
    /// Seconds for which an event is tried before it is given up.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_GIVE_UP_AFTER", value_name = "SECONDS", default_value_t = 86_400)]
    pub events_give_up_after: u64,
    /// File that names any number of sinks, as TOML or JSON: see [Events](events.md). Those that settings of
    /// their own name are there besides.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_SINKS", value_name = "FILE")]
    pub events_sinks: Option<PathBuf>,
    /// Write a log line for each event.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_LOG", value_parser = BoolishValueParser::new())]
    pub events_log: bool,
    /// Webhook to send events to, as `CloudEvents` in structured mode.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_WEBHOOK_URL", value_name = "URL", hide_env_values = true)]
    pub events_webhook_url: Option<String>,
    /// Secrets that the webhook's requests are signed with, separated by spaces: `whsec_` and base64, text
    /// of at least 24 bytes, or `whsk_` and the base64 of a private Ed25519 key.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_WEBHOOK_SECRETS", value_name = "SECRETS", hide_env_values = true)]
    pub events_webhook_secrets: Option<String>,
    /// Let the webhook be at a private address, such as one of this machine.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_WEBHOOK_ALLOW_PRIVATE",
        value_parser = BoolishValueParser::new()
    )]
    pub events_webhook_allow_private: bool,
    /// NATS server to publish events on (`JetStream`), as `nats://user:password@host:port`; several are
    /// separated by commas.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_NATS_URL", value_name = "URL", hide_env_values = true)]
    pub events_nats_url: Option<String>,
    /// Name of the `JetStream` stream; it is made if there is none.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_NATS_STREAM",
        value_name = "NAME",
        default_value = "DIALOGPORTEN"
    )]
    pub events_nats_stream: String,
    /// What subjects start with; service owner, resource and kind of event follow.
    #[arg(
        long,
        env = "DIALOGPORTEN_EVENTS_NATS_PREFIX",
        value_name = "SUBJECT",
        default_value = "dialogporten"
    )]
    pub events_nats_prefix: String,
    /// Base URL of Altinn Events to publish on.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_ALTINN_URL", value_name = "URL")]
    pub events_altinn_url: Option<String>,
    /// Altinn token to publish with; in production one is got with the settings of Maskinporten when left
    /// out.
    #[arg(long, env = "DIALOGPORTEN_EVENTS_ALTINN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub events_altinn_token: Option<String>,
}

/// Shows no secrets.
impl std::fmt::Debug for EventSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventSettings")
            .field("events_dispatch", &self.events_dispatch)
            .field("events_sinks", &self.events_sinks)
            .finish_non_exhaustive()
    }
}

/// Settings of `events`.
#[derive(Debug, Args)]
pub struct EventsSettings {
    /// What to do.
    #[command(subcommand)]
    pub command: EventsCommand,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Show how far each sink has come, and what has become of the rest.
    Sinks(SinksSettings),
    /// Show events that were given up, and why.
    Dead(DeadSettings),
    /// Try events that were given up again.
    Retry(ChooseDeadSettings),
    /// Forget events that were given up.
    Drop(ChooseDeadSettings),
    /// Give events to the sinks once more, with the ids that they had, also ones that were given up.
    Replay(ReplaySettings),
    /// Send events again to a sink that has said that it is gone.
    Enable(EnableSettings),
    /// Forget a sink that is no longer among the settings: how far it has come, and what it has not taken.
    Forget(ForgetSettings),
}

/// Settings of `events forget`.
#[derive(Debug, Args)]
pub struct ForgetSettings {
    /// The sink. One that instances still have begins anew, with what is told from then on.
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Settings of `events sinks`.
#[derive(Debug, Args)]
pub struct SinksSettings {
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Which events; all that is said has to hold.
#[derive(Clone, Debug, Default, Args)]
pub struct WhichSettings {
    /// Those that happened then or later (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Those that happened before then (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// The one with this id, or those of the dialog with this id.
    #[arg(long, value_name = "UUID")]
    pub id: Option<uuid::Uuid>,
    /// Those of this type: `created`, `activity.*`, `dialogporten.dialog.seen.v1`; several are separated by
    /// commas.
    #[arg(long = "type", value_name = "TYPE,…", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Those of dialogs of this resource, with or without `urn:altinn:resource:`; several are separated by
    /// commas.
    #[arg(long = "resource", value_name = "RESOURCE,…", value_delimiter = ',')]
    pub resources: Vec<String>,
}

/// Settings of `events dead`.
#[derive(Debug, Args)]
pub struct DeadSettings {
    /// Which.
    #[command(flatten)]
    pub which: WhichSettings,
    /// Only of this sink; of all that there are when left out.
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// Most events to show.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub limit: usize,
    /// Write JSON.
    #[arg(long)]
    pub json: bool,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Settings of `events retry` and `events drop`. Something has to be said about which.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("chosen").args(
    ["all", "sink", "since", "until", "id", "types", "resources"]).required(true).multiple(true))]
pub struct ChooseDeadSettings {
    /// Which.
    #[command(flatten)]
    pub which: WhichSettings,
    /// Only of this sink; of all that there are when left out.
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// All that were given up.
    #[arg(long, conflicts_with_all = ["sink", "since", "until", "id", "types", "resources"])]
    pub all: bool,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Settings of `events replay`. Something has to be said about which.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("chosen").args(["since", "until", "id", "types", "resources"])
    .required(true).multiple(true))]
pub struct ReplaySettings {
    /// Which.
    #[command(flatten)]
    pub which: WhichSettings,
    /// Only to this sink; to all that there are when left out.
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Settings of `events enable`.
#[derive(Debug, Args)]
pub struct EnableSettings {
    /// Name of the sink.
    #[arg(long, value_name = "NAME")]
    pub sink: String,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// Settings of the database.
#[derive(Clone, Debug, Args)]
pub struct DatabaseSettings {
    /// PostgreSQL to use (15 or newer), as `postgres://user:password@host:port/database`. Without it
    /// the sandbox runs one of its own.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Most connections to the database.
    #[arg(
        long,
        env = "DIALOGPORTEN_DATABASE_CONNECTIONS",
        value_name = "COUNT",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub database_connections: u32,
    /// Seconds that a statement may take, 0 for as long as it takes. A search that takes longer is
    /// answered with 422, as one that asks for too much, everything else with 503.
    #[arg(
        long,
        env = "DIALOGPORTEN_DATABASE_STATEMENT_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 20,
        value_parser = clap::value_parser!(u32).range(0..=600)
    )]
    pub database_statement_timeout: u32,
    /// Directory in which the sandbox's own PostgreSQL keeps its data.
    #[arg(long, env = "DIALOGPORTEN_DATA_DIR", value_name = "DIRECTORY", default_value = ".dialogporten")]
    pub data_dir: PathBuf,
    /// Directory of the PostgreSQL programs, for the sandbox's own; searched for when left out.
    #[arg(long, env = "DIALOGPORTEN_POSTGRES_BIN", value_name = "DIRECTORY")]
    pub postgres_bin: Option<PathBuf>,
}

/// Settings of dialogs that had a life elsewhere before they were created here. Where their users had
/// seen them there, they need not be new to them once more.
#[derive(Clone, Debug, Args)]
pub struct MigratedSettings {
    /// Dialogs whose `createdAt` is earlier count as seen when they are created (RFC 3339).
    #[arg(long, env = "DIALOGPORTEN_SEEN_BEFORE", value_name = "TIME")]
    pub seen_before: Option<String>,
    /// Dialogs of services that come from Altinn 2, `app_<org>_a2…`, count as seen when they are created.
    #[arg(long, env = "DIALOGPORTEN_SEEN_ALTINN2", value_parser = BoolishValueParser::new())]
    pub seen_altinn2: bool,
}

/// Settings of the national platform, whose tokens are accepted and who is asked who may do what. In
/// production all are needed but those with a default and those that say otherwise.
#[derive(Clone, Args)]
pub struct PlatformSettings {
    /// Base address of the platform's APIs, such as `https://platform.altinn.no`.
    #[arg(long, env = "DIALOGPORTEN_ALTINN_URL", value_name = "URL")]
    pub altinn_url: Option<String>,
    /// Base address below which the platform publishes the list of service owners.
    #[arg(
        long,
        env = "DIALOGPORTEN_ALTINN_CDN_URL",
        value_name = "URL",
        default_value = "https://altinncdn.no"
    )]
    pub altinn_cdn_url: String,
    /// Key that the platform's gateway asks for.
    #[arg(long, env = "DIALOGPORTEN_ALTINN_SUBSCRIPTION_KEY", value_name = "KEY", hide_env_values = true)]
    pub altinn_subscription_key: Option<String>,
    /// Issuer of Maskinporten, such as `https://maskinporten.no/`.
    #[arg(long, env = "DIALOGPORTEN_MASKINPORTEN_URL", value_name = "URL")]
    pub maskinporten_url: Option<String>,
    /// Id of the client that is registered there for this service.
    #[arg(long, env = "DIALOGPORTEN_MASKINPORTEN_CLIENT_ID", value_name = "ID")]
    pub maskinporten_client_id: Option<String>,
    /// Private RSA key of that client, as JWK with a `kid`, in JSON or in base64 of it.
    #[arg(long, env = "DIALOGPORTEN_MASKINPORTEN_KEY", value_name = "JWK", hide_env_values = true)]
    pub maskinporten_key: Option<String>,
    /// Issuers whose access tokens are accepted: a name and the address of the metadata (OIDC Discovery
    /// or RFC 8414) of each, with commas between them.
    #[arg(long, env = "DIALOGPORTEN_ISSUERS", value_name = "NAME=URL,…", value_delimiter = ',')]
    pub issuers: Vec<String>,
    /// Audiences that tokens must be for, by name of the issuer: `Altinn=https://…`, with commas between
    /// them; one of several for the same issuer will do. Tokens of issuers that are not named here may be
    /// for anybody.
    #[arg(long, env = "DIALOGPORTEN_AUDIENCES", value_name = "NAME=AUDIENCE,…", value_delimiter = ',')]
    pub audiences: Vec<String>,
    /// Seconds that a question to the platform may take, asked again included.
    #[arg(
        long,
        env = "DIALOGPORTEN_PLATFORM_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=25)
    )]
    pub platform_timeout: u64,
    /// Seconds after which the catalogue of services, and who may read them, is brought up to date.
    #[arg(
        long,
        env = "DIALOGPORTEN_REGISTRY_REFRESH",
        value_name = "SECONDS",
        default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub registry_refresh: u64,
    /// Private Ed25519 key with which dialog tokens are signed, as JWK with a `kid`, in JSON or in base64
    /// of it; `dialogporten key` makes one. The sandbox makes its own when it is left out.
    #[arg(long, env = "DIALOGPORTEN_DIALOG_TOKEN_KEY", value_name = "JWK", hide_env_values = true)]
    pub dialog_token_key: Option<String>,
    /// Another key that is published beside it. To change keys: publish the new one here for a day, then
    /// exchange the two, and remove the old one after another day. May be left out.
    #[arg(long, env = "DIALOGPORTEN_DIALOG_TOKEN_OTHER_KEY", value_name = "JWK", hide_env_values = true)]
    pub dialog_token_other_key: Option<String>,
}

/// Shows no secrets.
impl std::fmt::Debug for PlatformSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlatformSettings")
            .field("altinn_url", &self.altinn_url)
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

impl PlatformSettings {
    /// Variables of the settings by which a platform is named that are there.
    #[must_use]
    pub fn named(&self) -> Vec<&'static str> {
        let is_there = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        let mut named = Vec::new();
        for (variable, is_there) in [
            ("DIALOGPORTEN_ALTINN_URL", is_there(&self.altinn_url)),
            ("DIALOGPORTEN_MASKINPORTEN_URL", is_there(&self.maskinporten_url)),
            ("DIALOGPORTEN_MASKINPORTEN_CLIENT_ID", is_there(&self.maskinporten_client_id)),
            ("DIALOGPORTEN_MASKINPORTEN_KEY", is_there(&self.maskinporten_key)),
            ("DIALOGPORTEN_ISSUERS", self.issuers.iter().any(|issuer| !issuer.is_empty())),
        ] {
            if is_there {
                named.push(variable);
            }
        }
        named
    }
}

/// Settings of the sandbox.
#[derive(Clone, Debug, Args)]
pub struct SandboxSettings {
    /// Run as sandbox although `DATABASE_URL` is set: tokens for everybody, decisions from a catalogue.
    #[arg(long, env = "DIALOGPORTEN_SANDBOX", value_parser = BoolishValueParser::new())]
    pub sandbox: bool,
    /// Catalogue of organisations, people, services and rights to use instead of the built-in one, as
    /// TOML or JSON.
    #[arg(long, env = "DIALOGPORTEN_CATALOGUE", value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// Let the sandbox listen on addresses that other machines reach. It gives tokens of any identity
    /// to whoever knows its password: never where real data is.
    #[arg(long, env = "DIALOGPORTEN_SANDBOX_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    pub sandbox_allow_remote: bool,
    /// User name and password of the sandbox's token generator. On a loopback address any will do.
    #[arg(
        long,
        env = "DIALOGPORTEN_SANDBOX_CREDENTIALS",
        value_name = "USER:PASSWORD",
        default_value = "sandbox:sandbox",
        hide_env_values = true
    )]
    pub sandbox_credentials: String,
}

/// Settings of logs.
#[derive(Clone, Debug, Args)]
pub struct LogSettings {
    /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by part of the
    /// program.
    #[arg(long, env = "DIALOGPORTEN_LOG", value_name = "FILTER", default_value = "info,sqlx=warn")]
    pub log: String,
    /// Form of log lines.
    #[arg(long, env = "DIALOGPORTEN_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object for each line.
    Json,
}

/// Settings of `token`.
#[derive(Debug, Args)]
pub struct TokenSettings {
    /// Whose token.
    #[arg(value_enum)]
    pub kind: TokenFor,
    /// Parameters of the token generator, such as `pid=08844397713`, `orgNo=991825827`, `scopes=…`,
    /// `ttl=60`.
    #[arg(value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// The database in which the running sandbox keeps its keys.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Base URL of the sandbox, for tokens of `env=none`.
    #[arg(
        long,
        env = "DIALOGPORTEN_PUBLIC_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:7214"
    )]
    pub public_url: String,
}

/// Whose token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TokenFor {
    /// A service owner: 991825827 (ttd) unless said otherwise.
    So,
    /// A person: 08844397713 unless said otherwise.
    Person,
    /// A system user: 51551dd0-b9c5-4f4b-a4a2-9b7e3669b364 unless said otherwise.
    Systemuser,
    /// A person known by e-mail address.
    Email,
}

/// Settings of `seed`.
#[derive(Debug, Args)]
pub struct SeedSettings {
    /// How many dialogs.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub dialogs: u32,
    /// What the data is like.
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t = SeedProfile::Skewed)]
    pub profile: SeedProfile,
    /// The same number gives the same data; data of different numbers can be in one database.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// Where to write the catalogue with which the sandbox knows those of the data set. In the directory
    /// of the sandbox's own PostgreSQL when left out, and nowhere where that is not used.
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
}

/// What seeded data is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeedProfile {
    /// A few parties, services and words have very much of everything, and most have little.
    Skewed,
}

/// Settings of `health`.
#[derive(Debug, Args)]
pub struct HealthSettings {
    /// Address and port that the service listens on; of an address that stands for all, this machine.
    #[arg(long, env = "DIALOGPORTEN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7214")]
    pub listen: SocketAddr,
}

/// Settings of `openapi`.
#[derive(Debug, Args)]
pub struct OpenapiSettings {
    /// Directory to write to.
    #[arg(long, value_name = "DIRECTORY", default_value = "openapi")]
    pub out: PathBuf,
}

/// Settings of `docs`.
#[derive(Debug, Args)]
pub struct DocsSettings {
    /// Directory to write to.
    #[arg(long, value_name = "DIRECTORY", default_value = "docs")]
    pub out: PathBuf,
}

/// What `serve` starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With identities and decisions of its own.
    Sandbox,
    /// With those of the national platform.
    Production,
}

impl ServeSettings {
    /// What to start as: the sandbox when asked for, or when there is neither a database nor a platform.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let is_bare = self.database.url().is_none() && self.platform.named().is_empty();
        if self.sandbox.sandbox || is_bare { Mode::Sandbox } else { Mode::Production }
    }
}

impl DatabaseSettings {
    /// The database to use; an empty setting is none.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }
}

/// The reference of all settings, in Markdown, made of the declarations above.
#[must_use]
pub fn reference() -> String {
    let mut root = CommandLine::command();
    root.build();
    let commands = commands("dialogporten", &root);
    let mut lines = vec![
        "# Settings\n".to_owned(),
        "<!-- Made by `dialogporten docs`; change src/config.rs, not this file. -->\n".to_owned(),
        "Each setting is an option of the command line and, where a variable is named, can be given in the \
         environment instead; the command line wins. A setting without a value, such as `--sandbox`, is \
         `true` or `false` in the environment.\n"
            .to_owned(),
        "| command | what it does |\n| --- | --- |".to_owned(),
    ];
    for (name, command) in &commands {
        let about = command.get_about().map(sentence).unwrap_or_default();
        lines.push(format!("| `{name}` | {about} |"));
    }
    let mut described: Vec<Setting> = Vec::new();
    for (name, command) in commands {
        let settings = command.get_arguments().filter(|argument| argument.get_id() != "help");
        let settings = settings.map(|argument| (argument.get_help_heading(), Setting::of(argument)));
        let (repeated, new): (Vec<_>, Vec<_>) =
            settings.partition(|(_, setting)| described.contains(setting));
        if repeated.is_empty() && new.is_empty() {
            continue;
        }
        lines.push(format!("\n## `{name}`"));
        for under_one_heading in new.chunk_by(|one, next| one.0 == next.0) {
            if let Some(heading) = under_one_heading[0].0 {
                lines.push(format!("\n### {heading}"));
            }
            lines
                .push("\n| option | environment | default | meaning |\n| --- | --- | --- | --- |".to_owned());
            for (_, Setting { name, value, variable, default, meaning }) in under_one_heading {
                lines.push(format!("| `{name}{value}` | {variable} | {default} | {meaning} |"));
            }
        }
        if !repeated.is_empty() {
            let names: Vec<_> = repeated.iter().map(|(_, setting)| format!("`{}`", setting.name)).collect();
            lines.push(format!("\nAs above: {}.", names.join(", ")));
        }
        described.extend(new.into_iter().map(|(_, setting)| setting));
    }
    lines.join("\n") + "\n"
}

/// The commands below `parent` that do something, by their whole names.
fn commands<'a>(path: &str, parent: &'a clap::Command) -> Vec<(String, &'a clap::Command)> {
    let mut found = Vec::new();
    for command in parent.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            found.extend(commands(&name, command));
        } else {
            found.push((name, command));
        }
    }
    found
}

/// A row of the reference.
#[derive(PartialEq)]
struct Setting {
    name: String,
    /// The name of its value, with a space before it; empty where it takes none.
    value: String,
    variable: String,
    default: String,
    meaning: String,
}

impl Setting {
    fn of(argument: &clap::Arg) -> Self {
        let takes_value = argument.get_action().takes_values();
        let code = |text: &std::ffi::OsStr| format!("`{}`", text.to_string_lossy());
        let value = argument.get_value_names().and_then(<[_]>::first).map(ToString::to_string);
        let (name, value) = match (argument.get_long(), value.filter(|_| takes_value)) {
            (Some(long), Some(value)) => (format!("--{long}"), format!(" {value}")),
            (Some(long), None) => (format!("--{long}"), String::new()),
            (None, value) => (value.unwrap_or_default(), String::new()),
        };
        let help = argument.get_long_help().or(argument.get_help()).map(sentence).unwrap_or_default();
        let choices = argument.get_possible_values();
        let shown = |choice: &&clap::builder::PossibleValue| takes_value && !choice.is_hide_set();
        // All spellings of true and false would only be in the way.
        let choices = choices.iter().filter(shown).filter(|_| !is_boolean(argument)).map(|choice| {
            let help = choice.get_help().map(sentence).unwrap_or_default();
            format!("`{}`: {help}", choice.get_name())
        });
        let meaning = std::iter::once(help).chain(choices).collect::<Vec<_>>().join(" ");
        let defaults = argument.get_default_values().iter().filter(|_| takes_value);
        let default = defaults.map(|value| code(value)).collect();
        let variable = argument.get_env().map(code).unwrap_or_default();
        Self { name, value, variable, default, meaning }
    }
}

/// Whether its values are `true` and `false`.
fn is_boolean(argument: &clap::Arg) -> bool {
    argument
        .get_value_parser()
        .possible_values()
        .is_some_and(|mut values| values.any(|value| value.matches("off", true)))
}

/// On one line, with the full stop that clap takes away.
fn sentence(text: &clap::builder::StyledStr) -> String {
    let text = text.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.ends_with('.') { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }
}
