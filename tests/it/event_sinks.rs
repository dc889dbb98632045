//! Events on their way to sinks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::Parser;
use dialogporten::cli;
use dialogporten::clock::Clock;
use dialogporten::config::{CommandLine, ServeSettings};
use dialogporten::events::operations::{self, Which};
use dialogporten::events::sinks::WebhookKey;
use dialogporten::store::{Claim, Span};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

type Answering = Box<dyn Fn(usize, &Value) -> Response + Send + Sync>;

/// What a receiver has got.
struct Received {
    answer: Answering,
    events: Mutex<Vec<(HeaderMap, Bytes)>>,
    /// What it was asked before.
    asked: Mutex<Vec<HeaderMap>>,
    /// Who may send events.
    allowed: Mutex<Option<&'static str>>,
}

/// A receiver of events over HTTP.
pub struct Receiver {
    pub url: String,
    state: Arc<Received>,
}

impl Receiver {
    /// One that answers what it is told to: by how many came before, and by what comes.
    pub async fn answering<R: IntoResponse>(
        answer: impl Fn(usize, &Value) -> R + Send + Sync + 'static,
    ) -> Self {
        async fn receive(State(state): State<Arc<Received>>, headers: HeaderMap, body: Bytes) -> Response {
            let event: Value = serde_json::from_slice(&body).unwrap_or_default();
            let mut received = state.events.lock().unwrap();
            let response = (state.answer)(received.len(), &event);
            received.push((headers, body));
            response
        }
        async fn ask(State(state): State<Arc<Received>>, headers: HeaderMap) -> Response {
            state.asked.lock().unwrap().push(headers);
            match *state.allowed.lock().unwrap() {
                Some(origin) => [("webhook-allowed-origin", origin)].into_response(),
                None => StatusCode::NO_CONTENT.into_response(),
            }
        }
        let state = Arc::new(Received {
            answer: Box::new(move |count, event| answer(count, event).into_response()),
            events: Mutex::default(),
            asked: Mutex::default(),
            allowed: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(receive).options(ask))
            .route("/events/api/v1/events", post(receive))
            .with_state(Arc::clone(&state));
        let service = hyper_util::service::TowerToHyperService::new(router);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(connection), service.clone());
                tokio::spawn(serving);
            }
        });
        Self { url, state }
    }

    /// From now on this sender may send events.
    pub fn allow(&self, origin: &'static str) {
        *self.state.allowed.lock().unwrap() = Some(origin);
    }

    /// Who has asked before sending events.
    pub fn asked_by(&self) -> Vec<String> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().map(|headers| headers["webhook-request-origin"].to_str().unwrap().to_owned()).collect()
    }

    /// How many requests have come.
    pub fn count(&self) -> usize {
        self.state.events.lock().unwrap().len()
    }

    /// Headers and bodies as they came.
    pub fn requests(&self) -> Vec<(HeaderMap, Bytes)> {
        self.state.events.lock().unwrap().clone()
    }

    pub fn received(&self) -> Vec<(HeaderMap, Value)> {
        let parsed = |(headers, body): (HeaderMap, Bytes)| {
            (headers, serde_json::from_slice(&body).unwrap_or_default())
        };
        self.requests().into_iter().map(parsed).collect()
    }

    /// Bodies, once there are as many.
    pub async fn wait_for(&self, count: usize) -> Vec<Value> {
        let patience = Instant::now() + Duration::from_secs(30);
        while self.count() < count && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let events: Vec<Value> = self.received().into_iter().map(|(_, event)| event).collect();
        assert!(events.len() >= count, "{} of {count}", events.len());
        events
    }
}

pub fn to_webhook(receiver: &Receiver) -> impl Fn(&mut ServeSettings) {
    let url = format!("{}/hook", receiver.url);
    move |settings| {
        settings.events.events_webhook_url = Some(url.clone());
        settings.events.events_webhook_secrets = Some(format!("{SECRET} another-secret-that-is-long"));
        settings.events.events_webhook_allow_private = true;
    }
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(Instant::now() < patience, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_webhook_gets_signed_cloud_events() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let id = service.owner().created(&one_of_each()).await;
    receiver.wait_for(3).await;
    let kinds = ["created", "transmission.created", "activity.information"];
    let received = receiver.requests();
    assert_eq!(received.len(), 3);
    for ((headers, body), kind) in received.iter().zip(kinds) {
        let event: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(event["type"], format!("dialogporten.dialog.{kind}.v1"));
        assert_eq!(event["resourceinstance"], id.to_string());
        assert_eq!(headers["content-type"], "application/cloudevents+json; charset=utf-8");
        assert_eq!(headers["webhook-id"].to_str().unwrap(), event["id"]);
        let time: i64 = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
        assert!((time - service.now().unix_seconds()).abs() < 60);
        let secrets = [SECRET, "another-secret-that-is-long"];
        let signatures: Vec<String> = secrets
            .iter()
            .map(|text| WebhookKey::parse(text).unwrap().sign(event["id"].as_str().unwrap(), time, body))
            .collect();
        assert_eq!(headers["webhook-signature"].to_str().unwrap(), signatures.join(" "));
    }
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_in_order() {
    // Every other request is refused for now.
    let receiver =
        Receiver::answering(
            |count, _| {
                if count % 2 == 1 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
            },
        )
        .await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(owner.created(&one_of_each()).await);
    }
    for id in &ids {
        owner.delete(*id).await.expect(204);
    }
    let mut taken: HashMap<Uuid, Vec<String>> = HashMap::new();
    until("all events are taken", async || {
        taken.clear();
        for (count, (_, event)) in receiver.received().into_iter().enumerate() {
            if count % 2 == 1 {
                let id = event["resourceinstance"].as_str().unwrap().parse().unwrap();
                taken.entry(id).or_default().push(event["type"].as_str().unwrap().to_owned());
            }
        }
        taken.values().map(Vec::len).sum::<usize>() >= 24
    })
    .await;
    for id in ids {
        let kinds: Vec<&str> =
            taken[&id].iter().map(|kind| kind.trim_start_matches("dialogporten.dialog.")).collect();
        let expected = ["created.v1", "transmission.created.v1", "activity.information.v1", "deleted.v1"];
        assert_eq!(kinds, expected);
    }
    until("nothing is left", async || {
        let sql = "select count(*) from event_delivery where $1 is not null";
        service.database.column::<i64>(sql, Uuid::nil()).await == [0]
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_given_up_with_its_reason_and_told_again_on_demand() {
    let is_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let receiver = Receiver::answering(move |_, event| {
        let is_created = event["type"] == "dialogporten.dialog.created.v1";
        if is_created && !opened.load(std::sync::atomic::Ordering::SeqCst) {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        }
    })
    .await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let id = owner.created(&one_of_each()).await;
    owner.delete(id).await.expect(204);
    // The rest goes on.
    let first = receiver.wait_for(4).await;
    assert_eq!(first[3]["type"], "dialogporten.dialog.deleted.v1");
    let reasons = "select reason from event_delivery where dialog_id = $1 and dead";
    until("it is given up", async || {
        let reasons: Vec<String> = service.database.column(reasons, id).await;
        reasons.len() == 1 && reasons[0].contains("422")
    })
    .await;

    is_open.store(true, std::sync::atomic::Ordering::SeqCst);
    let replay = async |arguments: &[&str]| {
        let url = service.database.url();
        let command = ["dialogporten", "events", "replay", "--database-url", &url];
        cli::run(CommandLine::parse_from(command.iter().chain(arguments))).await
    };
    let event = first[0]["id"].as_str().unwrap();
    replay(&["--id", event]).await.unwrap();
    let again = receiver.wait_for(5).await;
    assert_eq!(again[4], first[0]);
    assert_eq!(service.database.column::<String>(reasons, id).await, [""; 0]);

    replay(&["--id", &id.to_string(), "--sink", "webhook"]).await.unwrap();
    assert_eq!(receiver.wait_for(9).await[5..9], first[..4]);
    replay(&["--since", "2020-01-01T00:00:00Z"]).await.unwrap();
    assert_eq!(receiver.wait_for(13).await[9..13], first[..4]);
    assert!(replay(&["--since", "yesterday"]).await.is_err());
    assert!(replay(&["--id", event, "--sink", "none"]).await.is_err());
    assert!(CommandLine::try_parse_from(["dialogporten", "events", "replay"]).is_err());
}

#[tokio::test]
async fn events_are_given_up_when_their_time_is_over() {
    let receiver = Receiver::answering(|_, _| StatusCode::INTERNAL_SERVER_ERROR).await;
    let adjust = to_webhook(&receiver);
    let service = Service::telling(Clock::system(), |settings| {
        adjust(settings);
        settings.events.events_give_up_after = 1;
    })
    .await;
    let id = service.owner().created(&dialog()).await;
    until("it is given up", async || {
        let sql = "select reason from event_delivery where dialog_id = $1 and dead and attempts > 1";
        let reasons: Vec<String> = service.database.column(sql, id).await;
        reasons.iter().any(|reason| reason.contains("500"))
    })
    .await;
}

#[tokio::test]
async fn a_sink_that_is_down_troubles_nobody() {
    let is_up = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let receiver = Receiver::answering(move |_, _| {
        if up.load(std::sync::atomic::Ordering::SeqCst) { StatusCode::OK } else { StatusCode::BAD_GATEWAY }
    })
    .await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let ids: Vec<Uuid> =
        futures_util::future::join_all((0..40).map(|_| async { owner.created(&dialog()).await })).await;
    receiver.wait_for(8).await;
    service.anonymous().get("/health/readiness").await.expect(200);
    until("the backlog is measured", async || {
        let text = service.anonymous().get("/metrics").await.expect(200).text();
        [
            "dialogporten_outbox_queue_size",
            "dialogporten_events_oldest_pending_age_seconds{sink=\"webhook\"}",
            "dialogporten_events_pending{sink=\"webhook\",state=\"waiting\"}",
            "dialogporten_events_published_total{sink=\"webhook\",type=\"dialogporten.dialog.created.v1\",outcome=\"failed\"}",
            "dialogporten_events_publish_duration_seconds_bucket",
        ]
        .iter()
        .all(|name| text.contains(name))
    })
    .await;
    is_up.store(true, std::sync::atomic::Ordering::SeqCst);
    let sql = "select count(*) from event_delivery where $1 is not null";
    until("all are taken", async || {
        let received = receiver.received();
        let found: std::collections::HashSet<&str> =
            received.iter().filter_map(|(_, event)| event["resourceinstance"].as_str()).collect();
        ids.iter().all(|id| found.contains(id.to_string().as_str()))
            && service.database.column::<i64>(sql, Uuid::nil()).await == [0]
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_instance_held_is_taken_over() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let quiet = Service::alone().await;
    let store = quiet.database.store();
    let sinks = ["webhook".to_owned()];
    store.register_sinks(&sinks).await.unwrap();
    let id = quiet.owner().created(&dialog()).await;
    // Somebody takes all lanes that have something to do, and is never heard of again.
    let claim = Claim { holder: quiet.id(), lease: Duration::from_secs(2) };
    let mut held = 0;
    until("all lanes are held", async || {
        held += usize::from(store.claim_lane(&sinks, claim).await.unwrap().is_some());
        held == 4
    })
    .await;
    let began = Instant::now();
    let _service = Service::telling_on(&quiet.database, Clock::system(), to_webhook(&receiver)).await;
    let events = receiver.wait_for(1).await;
    assert_eq!(events[0]["resourceinstance"], id.to_string());
    assert!(began.elapsed() < Duration::from_secs(10));
    store.close().await;
}

#[tokio::test]
async fn two_instances_share_the_work_and_nothing_comes_out_of_order() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let one = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let other = Service::telling_on(&one.database, Clock::system(), to_webhook(&receiver)).await;
    let owners = [one.owner(), other.owner()];
    let ids = futures_util::future::join_all((0..12).map(|index| {
        let owners = &owners;
        async move {
            let id = owners[index % 2].created(&dialog()).await;
            for value in 1..6 {
                let operations = json!([{ "op": "replace", "path": "/progress", "value": value }]);
                owners[(index + value) % 2].patch(id, &operations).await.expect(204);
            }
            id
        }
    }))
    .await;
    let events = receiver.wait_for(72).await;
    assert_eq!(events.len(), 72);
    for id in ids {
        let of_it: Vec<&Value> = events.iter().filter(|e| e["resourceinstance"] == id.to_string()).collect();
        assert_eq!(of_it.len(), 6);
        assert_eq!(of_it[0]["type"], "dialogporten.dialog.created.v1");
        let times: Vec<&str> = of_it.iter().map(|event| event["time"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[tokio::test]
async fn altinn_events_gets_what_it_knows() {
    let receiver = Receiver::answering(|count, _| match count {
        // The token is renewed once.
        0 => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    })
    .await;
    let url = receiver.url.clone();
    let service = Service::telling(Clock::system(), |settings| {
        settings.events.events_altinn_url = Some(format!("{url}/"));
        settings.events.events_altinn_token = Some("the-token".into());
    })
    .await;
    let id = service.owner().created(&dialog()).await;
    receiver.wait_for(2).await;
    let received = receiver.received();
    assert_eq!(received[0].1, received[1].1);
    let (headers, event) = &received[1];
    assert_eq!(headers["authorization"], "Bearer the-token");
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["id", "resource", "resourceinstance", "source", "specversion", "subject", "time", "type"];
    assert_eq!(names, expected);
    assert_eq!(event["subject"], PERSON);
    assert_eq!(event["resource"], RESOURCE);
    let source = format!("http://{}/api/v1/enduser/dialogs/{id}", service.address());
    assert_eq!(event["source"], source);
}

/// A NATS server, stopped and removed with all that it keeps when dropped.
struct NatsServer {
    process: std::process::Child,
    directory: PathBuf,
    url: String,
}

impl NatsServer {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        let directory = temporary_directory();
        std::fs::create_dir_all(&directory).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = std::process::Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(&directory)
            .stderr(std::process::Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { process, directory, url: format!("nats://127.0.0.1:{port}") })
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn nats_drops_what_comes_twice() {
    let Some(server) = NatsServer::start() else {
        eprintln!("nats-server is not installed: nothing is tested");
        return;
    };
    let service = Service::telling(Clock::system(), |settings| {
        settings.events.events_nats_url = Some(server.url.clone());
    })
    .await;
    let id = service.owner().created(&one_of_each()).await;
    let client = async {
        loop {
            if let Ok(client) = async_nats::connect(&server.url).await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    .await;
    let context = async_nats::jetstream::new(client);
    let count = async || match context.get_stream("DIALOGPORTEN").await {
        Ok(mut stream) => stream.info().await.map_or(0, |info| info.state.messages),
        Err(_) => 0,
    };
    until("all messages are there", async || count().await == 3).await;
    let stream = context.get_stream("DIALOGPORTEN").await.unwrap();
    let message = stream.get_raw_message(1).await.unwrap();
    let event: Value = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(event["resourceinstance"], id.to_string());
    assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), event["id"]);
    assert_eq!(message.subject.as_str(), "dialogporten.ttd.ttd-dialogporten-automated-tests.created");

    let store = service.database.store();
    until("it has come to the end", async || {
        store.backlog(&["nats".to_owned()]).await.unwrap().sinks[0].waiting == 0
    })
    .await;
    let span = Span { id: Some(id), ..Span::default() };
    let which = Which { sinks: vec!["nats".to_owned()], span, ..Which::default() };
    assert_eq!(operations::replay(&store, &which).await.unwrap(), 3);
    let witness = service.owner().created(&dialog()).await;
    until("what is told again was delivered", async || {
        let sql = "select count(*) from event_delivery where dialog_id = $1";
        service.database.column::<i64>(sql, id).await == [0] && count().await == 4
    })
    .await;
    let last = stream.get_raw_message(4).await.unwrap();
    assert!(String::from_utf8_lossy(&last.payload).contains(&witness.to_string()));
    store.close().await;
}
