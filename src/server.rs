//! Composition: settings -> database -> use cases -> router; start and shutdown.

mod dialog_token_keys;
mod events;
mod production;
mod sandbox;

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Layer;
use tower::util::{MapRequest, MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::access::Access;
use crate::access::dialog_token::DialogTokenSigner;
use crate::access::token::{Issuer, IssuerKeys, TokenVerifier};
use crate::altinn::{Platform, PlatformFailure};
use crate::api::graphql::{Documents, GraphSettings};
use crate::api::http::context;
use crate::api::http::problem::Problem;
use crate::api::public::Readiness;
use crate::api::{self, Api, ApiState, Maintenance};
use crate::app::{App, Failure, Pseudonyms, Turns};
use crate::clock::Clock;
use crate::config::{DatabaseSettings, MigratedSettings, Mode, ServeSettings};
use crate::dialog::create::SeenElsewhere;
use crate::events::cloud_event::CloudEvents;
use crate::events::places::Places;
use crate::events::sinks::{Memory, PublishingToken};
use crate::events::{Events, Live};
use crate::sandbox::catalogue::{CatalogueError, LiveCatalogue};
use crate::sandbox::keys::SandboxKeysFailure;
use crate::sandbox::postgres::{EmbeddedFailure, EmbeddedOptions, EmbeddedPostgres, running_connect_options};
use crate::search::Seal;
use crate::store::{Store, StoreFailure};
use crate::telemetry;
use crate::timestamp::Timestamp;

/// Most connections at a time beside those of event streams; more wait to be accepted.
const MOST_CONNECTIONS: u32 = 10_000;

/// How long a connection may take to send the head of a request, and stay without one. Longer than
/// load balancers keep unused connections, so that they and not we close them.
const HEADER_PATIENCE: Duration = Duration::from_secs(75);

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFailure {
    /// A setting is missing or wrong.
    #[error("{0}")]
    Setting(String),
    /// The sandbox's own PostgreSQL did not start.
    #[error(transparent)]
    Postgres(#[from] EmbeddedFailure),
    /// The database cannot be reached.
    #[error("the database cannot be reached: {0}")]
    Database(#[source] sqlx::Error),
    /// The database did not answer, or has a schema that is not ours.
    #[error("the database schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The sandbox's keys could not be had.
    #[error(transparent)]
    Keys(#[from] SandboxKeysFailure),
    /// The sandbox's catalogue is wrong.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The platform did not answer.
    #[error(transparent)]
    Platform(#[from] PlatformFailure),
    /// The registry of resources cannot be had.
    #[error("the registry of resources cannot be read: {0}")]
    Registry(#[from] Failure),
    /// The database failed.
    #[error("the database failed: {0}")]
    Store(#[from] StoreFailure),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A database that is up, with the sandbox's own server where there is one.
pub struct Database {
    /// The store.
    pub store: Store,
    embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// The database of the settings, or the sandbox's own, with its schema up to date.
    ///
    /// # Errors
    /// When it cannot be reached, started or migrated.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, StartFailure> {
        let (options, embedded) = match settings.url() {
            Some(url) => (connect_options(url)?, None),
            None => {
                let embedded = EmbeddedPostgres::start(EmbeddedOptions {
                    data_dir: settings.data_dir.clone(),
                    bin_dir: settings.postgres_bin.clone(),
                    durable: true,
                    max_connections: 200,
                })
                .await?;
                (embedded.connect_options(), Some(embedded))
            }
        };
        reach(&options).await?;
        let store = store(options, settings.database_connections, settings);
        store.migrate().await?;
        Ok(Self { store, embedded })
    }

    /// Closes all connections and stops the sandbox's own server.
    pub async fn close(self) {
        self.store.close().await;
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::error!(%error, "PostgreSQL did not stop");
        }
    }
}

fn store(options: PgConnectOptions, connections: u32, settings: &DatabaseSettings) -> Store {
    Store::open(options, connections).with_statement_timeout(settings.database_statement_timeout)
}

/// The database of the settings, or that of the sandbox that runs, as it is, for a command.
///
/// # Errors
/// When the URL is not one of PostgreSQL.
pub fn running_store(settings: &DatabaseSettings) -> Result<Store, StartFailure> {
    let options = match settings.url() {
        Some(url) => connect_options(url)?,
        None => running_connect_options(&settings.data_dir),
    };
    Ok(store(options, 1, settings))
}

/// Tells why the database cannot be reached, where a pool would only say that it waited in vain.
async fn reach(options: &PgConnectOptions) -> Result<(), StartFailure> {
    match PgConnection::connect_with(options).await {
        Ok(connection) => {
            let _ = connection.close().await;
            Ok(())
        }
        Err(source) => Err(StartFailure::Database(source)),
    }
}

/// Reads the URL of a database.
///
/// # Errors
/// When it is not one of PostgreSQL.
pub fn connect_options(url: &str) -> Result<PgConnectOptions, StartFailure> {
    // The error may repeat the URL and so the password: it is not shown.
    PgConnectOptions::from_str(url)
        .map_err(|_| StartFailure::Setting("DATABASE_URL is not a PostgreSQL URL.".into()))
}

/// Whether these settings can be started with. To be asked before the database is touched.
///
/// # Errors
/// When a setting is missing or wrong.
pub fn check(settings: &ServeSettings) -> Result<(), StartFailure> {
    match settings.mode() {
        Mode::Production => production::check(settings),
        Mode::Sandbox => sandbox::check(settings),
    }
}

/// A running service.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Base URL for clients.
    pub public_url: String,
    readiness: Readiness,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    reloader: Reloader,
    /// What goes on beside the requests; ends with the service.
    background: JoinSet<()>,
    events: Events,
    live: Arc<Live>,
    /// A permit for each WebSocket that is not open.
    sockets: Arc<Semaphore>,
    most_sockets: u32,
    measuring: tokio::task::JoinHandle<()>,
}

/// Makes a running service read anew what it is made from.
#[derive(Clone)]
pub struct Reloader {
    app: Arc<App>,
    clock: Clock,
    /// The sandbox's catalogue, where it is one.
    catalogue: Option<Arc<LiveCatalogue>>,
}

impl Reloader {
    /// Reads the sandbox's catalogue; in production, the platform's registry.
    ///
    /// # Errors
    /// When it cannot be used; what is known stays.
    pub async fn reload(&self) -> Result<(), StartFailure> {
        if let Some(catalogue) = &self.catalogue {
            catalogue.reload(self.clock.now())?;
        }
        self.app.renew_registry(0, true).await?;
        self.app.follow_registry().await?;
        Ok(())
    }
}

/// What a service stands on: the sandbox's, or that of production.
struct Backing {
    platform: Platform,
    tokens: TokenVerifier,
    dialog_tokens: DialogTokenSigner,
    pseudonym_secret: Vec<u8>,
    /// What has to go on in the background.
    background: JoinSet<()>,
    /// The sandbox's own routes.
    routes: Router,
    /// The sandbox's catalogue, where it is one.
    catalogue: Option<Arc<LiveCatalogue>>,
    /// What events are published on the platform with.
    publishing_token: Option<Arc<dyn PublishingToken>>,
}

impl Server {
    /// Starts the service on a store.
    ///
    /// # Errors
    /// When a setting is missing or wrong, or something that is needed cannot be had.
    pub async fn start(settings: &ServeSettings, store: Store, clock: Clock) -> Result<Self, StartFailure> {
        check(settings)?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|source| StartFailure::Listen { address: settings.listen, source })?;
        let address = listener
            .local_addr()
            .map_err(|source| StartFailure::Listen { address: settings.listen, source })?;
        let public_url = match &settings.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let maintenance = maintenance(settings)?;
        telemetry::metrics();
        let memory = Arc::new(Memory::default());
        let backing = match settings.mode() {
            Mode::Production => production::backing(settings, &store, &clock, &public_url).await?,
            Mode::Sandbox => {
                sandbox::backing(settings, &store, &clock, address, &public_url, &memory).await?
            }
        };
        let readiness = Readiness::default();
        let store = store.holding_events(settings.events.events_hold_until_visible);
        let live = Arc::new(Live::new(store.clone()));
        let cloud_events = CloudEvents::new(
            &public_url,
            settings.events.events_publish_updated_on_seen,
            settings.events.events_publish_expired,
        );
        let streams = settings.events.events_streams as usize;
        let sockets = Arc::new(Semaphore::new(streams));
        let dialog_tokens = own_tokens(&backing.dialog_tokens)?;
        let publishing = backing.publishing_token.as_ref();
        let work =
            events::work(&settings.events, &public_url, &store, &clock, &cloud_events, &memory, publishing)?;
        let app = Arc::new(App {
            store: store.clone(),
            access: Access::new(backing.platform),
            clock: clock.clone(),
            dialog_tokens: backing.dialog_tokens,
            turns: Turns::default(),
            seen_elsewhere: seen_elsewhere(&settings.migrated)?,
            pseudonyms: Pseudonyms::new(&backing.pseudonym_secret),
            live: Arc::clone(&live),
            places: Places::new(streams),
            cloud_events,
            seal: Seal::new(&backing.pseudonym_secret),
        });
        // The sandbox's catalogue may have been changed while nothing ran.
        app.begin_registry(backing.catalogue.is_some()).await?;
        let api = Arc::new(Api {
            app: Arc::clone(&app),
            tokens: backing.tokens,
            dialog_tokens,
            maintenance,
            readiness: readiness.clone(),
            sockets: Arc::clone(&sockets),
        });
        let mut background = backing.background;
        let every = settings.platform.registry_refresh;
        let keeper = Arc::clone(&app);
        background.spawn(async move { keeper.keep_registry(every).await });
        let timeout = Duration::from_secs(settings.request_timeout);
        let own_routes = match &backing.catalogue {
            Some(_) => Some(backing.routes.merge(sandbox::explain(&api))),
            None => None,
        };
        let graph = GraphSettings {
            introspection: settings.graphql_introspection,
            page: own_routes.is_some(),
            origins: origins(&settings.graphql_origins)?,
            timeout,
            documents: documents(settings)?,
        };
        let router = router(&api, &public_url, &graph, clock.clone(), timeout, own_routes);

        let (stop, stopped) = watch::channel(false);
        let service = MapRequestLayer::new(
            context::normalize::<Incoming> as fn(Request<Incoming>) -> Request<Incoming>,
        )
        .layer(router);
        let connections = MOST_CONNECTIONS + settings.events.events_streams;
        let serving = tokio::spawn(serve(listener, service, connections, stopped));
        let events = Events::start(&store, &live, work);
        let measuring = tokio::spawn(telemetry::keep_metrics());
        let reloader = Reloader { app, clock, catalogue: backing.catalogue };
        Ok(Self {
            address,
            public_url,
            readiness,
            stop,
            serving,
            reloader,
            background,
            events,
            live,
            sockets,
            most_sockets: settings.events.events_streams,
            measuring,
        })
    }

    /// What makes the service read anew what it is made from.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }

    /// Serves until `signal`, then goes on for `delay` with readiness at 503, lets requests end (for
    /// at most 25 seconds), and returns.
    pub async fn run_until(self, signal: impl Future<Output = ()>, delay: Duration) {
        signal.await;
        self.readiness.stop();
        tracing::info!(delay_seconds = delay.as_secs(), "stopping");
        tokio::time::sleep(delay).await;
        self.stop().await;
    }

    /// Stops: requests that have begun come to their end.
    pub async fn stop(mut self) {
        self.readiness.stop();
        self.background.shutdown().await;
        let _ = self.stop.send(true);
        // Streams would go on for ever.
        self.live.close();
        if tokio::time::timeout(Duration::from_secs(25), &mut self.serving).await.is_err() {
            tracing::warn!("some requests did not end in time");
            self.serving.abort();
        }
        // WebSockets have left the connections that are waited for.
        let closed = self.sockets.acquire_many(self.most_sockets);
        if tokio::time::timeout(Duration::from_secs(5), closed).await.is_err() {
            tracing::warn!("some WebSockets did not close in time");
        }
        self.events.stop(Duration::from_secs(5)).await;
        self.measuring.abort();
    }
}

type Service = MapRequest<Router, fn(Request<Incoming>) -> Request<Incoming>>;

/// Answers connections until told to stop; then lets those come to their end that have begun a
/// request. A connection on which no request arrives in time is closed.
async fn serve(
    listener: TcpListener,
    service: Service,
    connections: u32,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(connections as usize));
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((connection, place)) = accepted else {
            // Out of file descriptors, say: others have to end first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .serve_connection(TokioIo::new(connection), TowerToHyperService::new(service.clone()))
            .with_upgrades();
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let stop = async { drop(stopped.wait_for(|stopped| *stopped).await) };
            let outcome = tokio::select! {
                outcome = connection.as_mut() => Some(outcome),
                () = stop => None,
            };
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection failed");
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = places.acquire_many(connections).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((connection, _)) => {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps Nagle's algorithm");
            }
            Some((connection, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            None
        }
    }
}

fn maintenance(settings: &ServeSettings) -> Result<Option<Maintenance>, StartFailure> {
    let retry_at = moment(settings.maintenance_retry_at.as_ref(), "DIALOGPORTEN_MAINTENANCE_RETRY_AT")?;
    Ok(settings.maintenance.then_some(Maintenance { retry_at }))
}

/// The documents that the graph carries out.
fn documents(settings: &ServeSettings) -> Result<Documents, StartFailure> {
    match &settings.graphql_documents {
        Some(path) => Documents::listed(path)
            .map_err(|error| StartFailure::Setting(format!("DIALOGPORTEN_GRAPHQL_DOCUMENTS: {error}"))),
        None => Ok(Documents::any(settings.graphql_persisted_bytes)),
    }
}

fn seen_elsewhere(settings: &MigratedSettings) -> Result<SeenElsewhere, StartFailure> {
    let created_before = moment(settings.seen_before.as_ref(), "DIALOGPORTEN_SEEN_BEFORE")?;
    Ok(SeenElsewhere { created_before, of_altinn2: settings.seen_altinn2 })
}

/// Checks the tokens that we sign ourselves.
fn own_tokens(signer: &DialogTokenSigner) -> Result<TokenVerifier, StartFailure> {
    let keys = IssuerKeys::from_jwks(&signer.jwks()).map_err(|fault| {
        StartFailure::Setting(format!("The keys of dialog tokens cannot be used: {fault}."))
    })?;
    Ok(TokenVerifier::new(vec![Arc::new(Issuer::new("Dialogporten", signer.issuer(), keys))]))
}

/// The origins of a setting, as browsers send them (RFC 6454, section 7).
fn origins(setting: &[String]) -> Result<Vec<HeaderValue>, StartFailure> {
    let given = setting.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    let read = |text: &str| {
        let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let origin = url.origin().ascii_serialization();
        (origin == text.trim_end_matches('/')).then(|| HeaderValue::from_str(&origin).ok())?
    };
    let origins = given.map(|text| {
        read(text).ok_or_else(|| {
            let text = format!(
                "DIALOGPORTEN_GRAPHQL_ORIGINS must have origins, such as https://portal.example; {text:?} is none."
            );
            StartFailure::Setting(text)
        })
    });
    origins.collect()
}

/// The moment that the setting `name` tells; an empty setting is none.
fn moment(setting: Option<&String>, name: &str) -> Result<Option<Timestamp>, StartFailure> {
    let setting = setting.filter(|text| !text.is_empty());
    let moment = setting.map(|text| {
        Timestamp::parse(text).ok_or_else(|| {
            let text = format!("{name} must be a timestamp, such as 2030-01-31T12:00:00Z.");
            StartFailure::Setting(text)
        })
    });
    moment.transpose()
}

/// All routes, behind the layers that all requests pass.
fn router(
    api: &ApiState,
    public_url: &str,
    graph: &GraphSettings,
    clock: Clock,
    timeout: Duration,
    sandbox: Option<Router>,
) -> Router {
    let is_sandbox = sandbox.is_some();
    let routes = Router::new()
        .merge(api::router(api, public_url, graph))
        .merge(sandbox.unwrap_or_default().with_state(()))
        .route_layer(from_fn(context::remember_route))
        .fallback(context::not_found)
        .method_not_allowed_fallback(context::method_not_allowed)
        .with_state(ApiState::clone(api));
    routes
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(move |request, next| context::surround(clock.clone(), request, next)))
        .layer(map_response(move |mut response: Response| async move {
            if is_sandbox {
                response.headers_mut().insert("x-dialogporten-sandbox", HeaderValue::from_static("1"));
            }
            response
        }))
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("unknown"), "a request panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_send_them() {
        let read = |text: &str| origins(&[text.to_owned()]).ok();
        for (text, origin) in [
            ("https://portal.example", "https://portal.example"),
            (" https://portal.example/ ", "https://portal.example"),
            ("http://localhost:3000", "http://localhost:3000"),
        ] {
            assert_eq!(read(text), Some(vec![HeaderValue::from_static(origin)]), "{text}");
        }
        assert_eq!(read(""), Some(Vec::new()));
        for text in ["*", "null", "portal.example", "https://portal.example/path", "ftp://portal.example"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
