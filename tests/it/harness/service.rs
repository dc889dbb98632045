//! Services in this process.

use clap::Parser;
use dialogporten::clock::Clock;
use dialogporten::config::{CommandLine, ServeSettings};
use dialogporten::sandbox::keys::SandboxKeys;
use dialogporten::sandbox::token_generator::{Minted, TokenKind, TokenRequest};
use dialogporten::server::Server;
use dialogporten::store::{Effort, Store};
use dialogporten::timestamp::Timestamp;
use reqwest::Method;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::client::Client;
use super::cluster::{Database, cluster, in_background, let_run};
use super::dialogs::PERSON_NUMBER;

/// Scopes of an ordinary service owner.
pub const OWNER: &str = "digdir:dialogporten.serviceprovider digdir:dialogporten.serviceprovider.search";
/// Scope of an administrator, beside those of a service owner.
pub const ADMIN: &str = "digdir:dialogporten.serviceprovider.admin";
/// Scope of Altinn Correspondence, beside those of a service owner.
pub const CORRESPONDENCE_SCOPE: &str = "digdir:dialogporten.correspondence";
/// Scope of those who may correct transmissions, beside those of a service owner.
pub const CHANGE_TRANSMISSIONS: &str = "digdir:dialogporten.serviceprovider.changetransmissions";
/// Scope of those who may write HTML, beside those of a service owner.
pub const LEGACY_HTML: &str = "digdir:dialogporten.serviceprovider.legacyhtml";
const END_USER: &str = "digdir:dialogporten";
/// The key of RFC 8037 appendix A, with which services for production sign dialog tokens here.
const DIALOG_TOKEN_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"first","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// A running service. It is stopped when dropped.
pub struct Service {
    /// Its time.
    pub clock: Clock,
    /// Its database.
    pub database: Database,
    url: String,
    keys: Arc<SandboxKeys>,
    running: Option<(Server, Store)>,
}

/// The database that all tests share which need none of their own: every dialog is its test's.
async fn shared_database() -> &'static Database {
    static DATABASE: OnceCell<Database> = OnceCell::const_new();
    DATABASE.get_or_init(async || cluster().await.new_database().await).await
}

/// The settings of a sandbox with this catalogue, and these arguments more.
fn sandbox_settings(catalogue: Option<&Path>, more: &[&str]) -> ServeSettings {
    let arguments = ["dialogporten", "--sandbox", "--listen", "127.0.0.1:0"];
    let mut settings = CommandLine::parse_from(arguments.iter().chain(more)).serve;
    // Whatever the environment says about another service.
    settings.public_url = None;
    settings.sandbox.catalogue = catalogue.map(Path::to_owned);
    // The clocks of the services on one database differ: what one holds another would tell.
    settings.events.events_dispatch = false;
    settings
}

impl Service {
    /// The service that all tests share which need none of their own.
    pub async fn shared() -> &'static Service {
        static SERVICE: OnceCell<Service> = OnceCell::const_new();
        SERVICE.get_or_init(Self::another).await
    }

    /// One more service on the shared database.
    pub async fn another() -> Self {
        Self::start(shared_database().await.clone(), Clock::system()).await
    }

    /// One more service on the shared database, with these settings.
    pub async fn with_settings(settings: &[&str]) -> Self {
        Self::start_with(sandbox_settings(None, settings), shared_database().await.clone(), Clock::system())
            .await
    }

    /// A service on the shared database whose clock stands until it is moved.
    pub async fn at(moment: &str) -> Self {
        let moment = Timestamp::parse(moment).expect("a timestamp");
        Self::start(shared_database().await.clone(), Clock::fixed(moment)).await
    }

    /// A service with a database of its own.
    pub async fn alone() -> Self {
        Self::start(cluster().await.new_database().await, Clock::system()).await
    }

    /// A service with a database of its own, with these settings.
    pub async fn alone_with(settings: &[&str]) -> Self {
        let database = cluster().await.new_database().await;
        Self::start_with(sandbox_settings(None, settings), database, Clock::system()).await
    }

    /// A service with a database of its own whose clock stands until it is moved.
    pub async fn alone_at(moment: &str) -> Self {
        let moment = Timestamp::parse(moment).expect("a timestamp");
        Self::start(cluster().await.new_database().await, Clock::fixed(moment)).await
    }

    /// One more service on a database.
    pub async fn on(database: &Database) -> Self {
        Self::start(database.clone(), Clock::system()).await
    }

    /// One more service on a database, in a country of its own.
    pub async fn in_country(database: &Database, catalogue: &Path) -> Self {
        Self::start_with(sandbox_settings(Some(catalogue), &[]), database.clone(), Clock::system()).await
    }

    /// A sandbox with a database of its own, a clock that stands until it is moved, and this catalogue.
    pub async fn with_catalogue(catalogue: &Path, moment: &str) -> Self {
        let moment = Timestamp::parse(moment).expect("a timestamp");
        let database = cluster().await.new_database().await;
        Self::start_with(sandbox_settings(Some(catalogue), &[]), database, Clock::fixed(moment)).await
    }

    /// One more service on the database and with the clock of this one, with rights from a catalogue
    /// and with its own effort in searches.
    pub async fn beside(&self, catalogue: &Path, effort: Effort) -> Self {
        let (database, clock) = (self.database.clone(), self.clock.clone());
        let store = database.store().with_effort(effort);
        Self::start_as(sandbox_settings(Some(catalogue), &[]), database, store, clock).await
    }

    /// The service started for production that all tests share which need none of their own: it has the
    /// shared sandbox as its platform, reached over HTTP, and a database of its own.
    pub async fn over_http() -> &'static Service {
        static SERVICE: OnceCell<Service> = OnceCell::const_new();
        let start = async || {
            let database = cluster().await.new_database().await;
            Service::shared().await.production(&database).await
        };
        SERVICE.get_or_init(start).await
    }

    /// A service started for production on this database, with the same clock, which has this sandbox as
    /// its platform.
    pub async fn production(&self, database: &Database) -> Self {
        Self::start_with(self.production_settings(), database.clone(), self.clock.clone()).await
    }

    /// The settings of such a service.
    pub fn production_settings(&self) -> ServeSettings {
        let url = &self.url;
        let key = self.keys.client.private_jwk().expect("the key of the client").to_string();
        let issuers: Vec<String> =
            [("Altinn", "at23"), ("Maskinporten", "maskinporten"), ("Idporten", "idporten")]
                .iter()
                .map(|(name, issuer)| {
                    format!("{name}={url}/sandbox/issuers/{issuer}/.well-known/openid-configuration")
                })
                .collect();
        CommandLine::parse_from([
            "dialogporten",
            "--listen=127.0.0.1:0",
            "--database-url=postgres://elsewhere/dialogporten",
            "--public-url=https://dialogporten.example",
            "--altinn-subscription-key=sandbox",
            "--maskinporten-client-id=dialogporten-sandbox",
            "--platform-timeout=2",
            &format!("--altinn-url={url}/sandbox/altinn"),
            &format!("--altinn-cdn-url={url}/sandbox/altinn"),
            &format!("--maskinporten-url={url}/sandbox/altinn/maskinporten/"),
            &format!("--maskinporten-key={key}"),
            &format!("--issuers={}", issuers.join(",")),
            &format!("--dialog-token-key={DIALOG_TOKEN_KEY}"),
        ])
        .serve
    }

    /// A new database.
    pub async fn another_database(&self) -> Database {
        cluster().await.new_database().await
    }

    /// Has the service read anew what it is made from.
    pub async fn reload(&self) {
        let reloader = self.running.as_ref().expect("a running service").0.reloader();
        in_background(async move { reloader.reload().await.expect("it can be read") }).await;
    }

    /// Adds a fault to the sandbox's platform.
    pub async fn fault(&self, fault: &Value) {
        self.anonymous().call(Method::POST, "/sandbox/faults").json(fault).await.expect(200);
    }

    /// Removes all faults from the sandbox's platform.
    pub async fn mend(&self) {
        self.anonymous().call(Method::DELETE, "/sandbox/faults").await.expect(204);
    }

    async fn start(database: Database, clock: Clock) -> Self {
        Self::start_with(sandbox_settings(None, &[]), database, clock).await
    }

    /// A service with a database of its own that gives events to sinks, with these settings.
    pub async fn telling(clock: Clock, adjust: impl FnOnce(&mut ServeSettings)) -> Self {
        let database = cluster().await.new_database().await;
        Self::telling_on(&database, clock, adjust).await
    }

    /// One more service on a database that gives events to sinks.
    pub async fn telling_on(
        database: &Database,
        clock: Clock,
        adjust: impl FnOnce(&mut ServeSettings),
    ) -> Self {
        let mut settings = sandbox_settings(None, &[]);
        settings.events.events_dispatch = true;
        settings.events.events_retry_after = 20;
        adjust(&mut settings);
        Self::start_with(settings, database.clone(), clock).await
    }

    /// A service with these settings, whatever they say about a database.
    pub async fn start_with(settings: ServeSettings, database: Database, clock: Clock) -> Self {
        let store = database.store().with_effort(Effort::USUAL);
        Self::start_as(settings, database, store, clock).await
    }

    /// A service with a database of its own, to which it has so many connections.
    pub async fn with_connections(connections: u32) -> Self {
        let database = cluster().await.new_database().await;
        let store = database.store().with_own_connections(connections);
        Self::start_as(sandbox_settings(None, &[]), database, store, Clock::system()).await
    }

    async fn start_as(settings: ServeSettings, database: Database, store: Store, clock: Clock) -> Self {
        let keys = Arc::clone(&cluster().await.keys);
        let its_clock = clock.clone();
        in_background(async move {
            let timeout = settings.database.database_statement_timeout;
            let store = store.with_statement_timeout(timeout);
            let server =
                Server::start(&settings, store.clone(), its_clock).await.expect("the service starts");
            let url = format!("http://{}", server.address);
            Self { clock, database, url, keys, running: Some((server, store)) }
        })
        .await
    }

    /// Now, on this service's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// So many seconds from now, as text.
    pub fn in_seconds(&self, seconds: i64) -> String {
        self.now().plus_seconds(seconds).to_string()
    }

    /// A new `UUIDv7`.
    pub fn id(&self) -> Uuid {
        self.clock.ids(self.now()).next_id()
    }

    /// Text that occurs nowhere else.
    pub fn unique(&self) -> String {
        self.clock.ids(self.now()).revision().to_string()
    }

    /// Kinds of the events of each change of a dialog, and whether the change was silent.
    pub async fn told(&self, id: Uuid) -> Vec<(Vec<String>, bool)> {
        let sql = "select payload from (
                select dialog_id, xid, sequence, payload from outbox
                union all select dialog_id, 9223372036854775807, sequence, payload from outbox_held
            ) t where dialog_id = $1 and payload -> 'events' <> '[]' order by xid, sequence";
        let rows: Vec<Value> = self.database.column(sql, id).await;
        let kind = |event: &Value| event["kind"].as_str().expect("a kind").to_owned();
        let kinds = |row: &Value| row["events"].as_array().expect("events").iter().map(kind).collect();
        rows.iter().map(|row| (kinds(row), row["silent"] == true)).collect()
    }

    /// How many changes of a dialog only those find who ask what has changed.
    pub async fn noted(&self, id: Uuid) -> i64 {
        let sql = "select count(*) from outbox
            where dialog_id = $1 and payload -> 'events' = '[]' and (payload -> 'silent')::boolean";
        self.database.column(sql, id).await[0]
    }

    /// An access token; parameters as the token generator has them.
    pub fn token(&self, kind: TokenKind, parameters: &[(&str, &str)]) -> String {
        let mut all = vec![("env".to_owned(), "at23".to_owned())];
        all.retain(|_| !parameters.iter().any(|(name, _)| *name == "env"));
        all.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = TokenRequest::read(kind, &all).expect("parameters of a token");
        let now = self.now();
        match request.mint(&self.keys, &self.url, now, &mut self.clock.ids(now)) {
            Some(Minted::Text(token)) => token,
            _ => panic!("no token"),
        }
    }

    /// The keys of the sandbox's issuers.
    pub fn keys(&self) -> &SandboxKeys {
        &self.keys
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// A token of the service owner `ttd`.
    pub fn owner_token(&self) -> String {
        self.token(TokenKind::Enterprise, &[("org", "ttd"), ("orgNo", "991825827"), ("scopes", OWNER)])
    }

    /// Nobody in particular.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// A client with this token.
    pub fn with_token(&self, token: &str) -> Client {
        Client::new(&self.url, Some(token.to_owned()))
    }

    /// The service owner of most resources, `ttd`.
    pub fn owner(&self) -> Client {
        self.organization("ttd", "991825827", OWNER)
    }

    /// The same service owner with more scopes.
    pub fn owner_with(&self, scope: &str) -> Client {
        self.organization("ttd", "991825827", &format!("{OWNER} {scope}"))
    }

    /// An organisation with these scopes.
    pub fn organization(&self, code: &str, number: &str, scopes: &str) -> Client {
        let parameters = [("org", code), ("orgNo", number), ("scopes", scopes)];
        self.with_token(&self.token(TokenKind::Enterprise, &parameters))
    }

    /// The service owner `brg`.
    pub fn other_owner(&self) -> Client {
        self.organization("brg", "974760673", OWNER)
    }

    /// The person to whom most dialogs belong.
    pub fn person(&self) -> Client {
        self.person_with(PERSON_NUMBER, 3)
    }

    /// A token of the person to whom most dialogs belong.
    pub fn person_token(&self) -> String {
        self.token_of_person(PERSON_NUMBER, 3)
    }

    /// A person who has logged in at this level.
    pub fn person_with(&self, number: &str, level: u8) -> Client {
        self.with_token(&self.token_of_person(number, level))
    }

    fn token_of_person(&self, number: &str, level: u8) -> String {
        let level = level.to_string();
        let parameters = [("pid", number), ("authLvl", level.as_str()), ("scopes", END_USER)];
        self.token(TokenKind::Personal, &parameters)
    }

    /// The system user that reads for organisation 310057223.
    pub fn system_user(&self) -> Client {
        let parameters = [
            ("systemUserId", "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"),
            ("systemUserOrg", "310057223"),
            ("scopes", END_USER),
        ];
        self.with_token(&self.token(TokenKind::SystemUser, &parameters))
    }

    /// A system user with this id, of an organisation.
    pub fn system_user_with(&self, id: &str, organization: &str) -> Client {
        let parameters = [("systemUserId", id), ("systemUserOrg", organization), ("scopes", END_USER)];
        self.with_token(&self.token(TokenKind::SystemUser, &parameters))
    }

    /// A person known by an e-mail address only.
    pub fn email_user(&self) -> Client {
        let parameters = [("email", "sandbox.user@example.com"), ("scopes", END_USER)];
        self.with_token(&self.token(TokenKind::SelfRegisteredEmailUser, &parameters))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some((server, store)) = self.running.take() {
            let_run(async move {
                server.stop().await;
                store.close().await;
            });
        }
    }
}
