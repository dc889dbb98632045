//! What sinks are told, and what operators do when one does not take it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use clap::Parser;
use dialogporten::cli::events::events;
use dialogporten::clock::Clock;
use dialogporten::config::{Command, CommandLine, ServeSettings};
use dialogporten::events::cloud_event::{CloudEvent, CloudEvents};
use dialogporten::events::sinks::{Filter, NotTaken, Outlet, Sink, WebhookKey};
use dialogporten::events::{Dispatcher, Patience};
use dialogporten::store::{EventPlace, Position, Span};
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::event_sinks::{Receiver, SECRET, to_webhook, until};
use crate::harness::*;

/// Something that tests open and close.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Gate {
    fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn status(&self, closed: StatusCode) -> StatusCode {
        if self.0.load(Ordering::SeqCst) { StatusCode::OK } else { closed }
    }
}

/// Settings with a file that names these sinks.
fn to_sinks(file: String) -> impl Fn(&mut ServeSettings) {
    let directory = temporary_directory();
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("sinks.toml");
    std::fs::write(&path, file).unwrap();
    move |settings| settings.events.events_sinks = Some(path.clone())
}

/// A webhook of such a file.
fn webhook(name: &str, receiver: &Receiver, more: &str) -> String {
    let url = format!("{}/hook", receiver.url);
    format!(
        "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecrets = \"{SECRET}\"\nallow_private = true\n{more}\n"
    )
}

/// What `dialogporten events` answers.
async fn command(service: &Service, arguments: &[&str]) -> Result<String, String> {
    let url = service.database.url();
    let all = [&["dialogporten", "events"], arguments, &["--database-url", &url]].concat();
    let command = CommandLine::try_parse_from(all).map_err(|error| error.to_string())?.command;
    let Some(Command::Events(settings)) = command else { panic!("a command of events") };
    events(&settings).await.map_err(|error| error.to_string())
}

async fn json_of(service: &Service, arguments: &[&str]) -> Vec<Value> {
    let text = command(service, arguments).await.unwrap();
    serde_json::from_str(&text).unwrap()
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap().trim_start_matches("dialogporten.dialog.").trim_end_matches(".v1")
}

fn dialog_of(event: &Value) -> Uuid {
    event["resourceinstance"].as_str().unwrap().parse().unwrap()
}

/// Ids of the events of a dialog, in the order in which it was changed.
async fn log_of(service: &Service, id: Uuid) -> Vec<String> {
    let sql =
        "select e ->> 'id' from outbox, jsonb_array_elements(payload -> 'events') with ordinality x (e, n)
        where dialog_id = $1 order by xid, sequence, n";
    service.database.column(sql, id).await
}

/// Changes a dialog so many times, each time in another way.
async fn change(owner: &Client, id: Uuid, times: u8) {
    for value in 1..=times {
        let operations = json!([{ "op": "replace", "path": "/progress", "value": value }]);
        owner.patch(id, &operations).await.expect(204);
    }
}

/// From now on the sink is told everything, although nothing is given to it yet.
async fn register(service: &Service, sink: &str) {
    let store = service.database.store();
    store.register_sinks(&[sink.to_owned()]).await.unwrap();
    store.close().await;
}

/// Until nothing is left to be tried.
async fn until_all_is_delivered(service: &Service) {
    until("nothing is left", async || {
        let sql = "select count(*) from event_delivery where $1 is not null and not dead";
        service.database.column::<i64>(sql, Uuid::nil()).await == [0]
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_is_shown_tried_again_and_forgotten() {
    let is_open = Gate::default();
    let gate = is_open.clone();
    let receiver = Receiver::answering(move |_, event| {
        let status = gate.status(StatusCode::UNPROCESSABLE_ENTITY);
        (status, format!("{} {} of 088443 97713 at /hook: no {}", "x".repeat(20), PERSON, kind(event)))
    })
    .await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let id = service.owner().created(&one_of_each()).await;
    let other = service.owner().created(&dialog().with("/serviceResource", RESOURCE_2)).await;
    until("all are given up", async || json_of(&service, &["dead", "--json"]).await.len() == 4).await;

    let dead = json_of(&service, &["dead", "--json", "--id", &id.to_string()]).await;
    assert_eq!(
        dead.iter().map(kind).collect::<Vec<_>>(),
        ["created", "transmission.created", "activity.information"]
    );
    let names: Vec<&str> = dead[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["attempts", "dialogId", "id", "org", "reason", "resource", "since", "sink", "time", "type"]
    );
    assert_eq!((&dead[0]["sink"], &dead[0]["attempts"]), (&json!("webhook"), &json!(1)));
    let reason = dead[0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("422 Unprocessable Entity: xxx") && reason.ends_with("no created"),
        "{reason}"
    );
    assert!(!reason.contains("97713") && !reason.contains("hook"), "{reason}");

    let event = dead[1]["id"].as_str().unwrap();
    for (arguments, count) in [
        (&["--id", event][..], 1),
        (&["--type", "created,activity.*"], 3),
        (&["--resource", "ttd-dialogporten-automated-tests-2"], 1),
        (&["--resource", RESOURCE, "--type", "created"], 1),
        (&["--since", "2020-01-01T00:00:00Z"], 4),
        (&["--until", "2020-01-01T00:00:00Z"], 0),
        (&["--sink", "webhook"], 4),
        (&["--limit", "2"], 2),
    ] {
        let found = json_of(&service, &[&["dead", "--json"], arguments].concat()).await;
        assert_eq!(found.len(), count, "{arguments:?}");
    }
    let text = command(&service, &["dead", "--limit", "3"]).await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("SINK     EVENT ") && lines[1].contains(dead[0]["id"].as_str().unwrap()));
    assert_eq!(lines.len(), 5, "{text}");
    assert!(!text.contains("97713"), "{text}");

    // Something has to be said about which; and only what there is.
    for arguments in [
        &["retry"][..],
        &["drop"],
        &["replay"],
        &["replay", "--sink", "webhook"],
        &["retry", "--all", "--id", event],
        &["drop", "--sink", "none"],
        &["dead", "--type", "nothing"],
        &["dead", "--since", "yesterday"],
        &["dead", "--since", "2026-11-21T12:00:00Z", "--until", "2026-11-21T11:59:59Z"],
        &["replay", "--since", "2026-11-21T12:00:00+01:00", "--until", "2026-11-21T11:00:00Z"],
        &["enable", "--sink", "none"],
    ] {
        assert!(command(&service, arguments).await.is_err(), "{arguments:?}");
    }
    assert_eq!(json_of(&service, &["dead", "--json"]).await.len(), 4);

    is_open.open();
    let before = receiver.count();
    let done = command(&service, &["retry", "--type", "created"]).await.unwrap();
    assert_eq!(done, "Will be tried again, of webhook: 2.");
    let again = receiver.wait_for(before + 2).await;
    assert!(again[before..].iter().all(|event| kind(event) == "created"));
    until_all_is_delivered(&service).await;
    let done = command(&service, &["drop", "--id", event]).await.unwrap();
    assert_eq!(done, "Forgotten, of webhook: 1.");
    let left = json_of(&service, &["dead", "--json"]).await;
    assert_eq!(left.iter().map(kind).collect::<Vec<_>>(), ["activity.information"]);
    command(&service, &["drop", "--all"]).await.unwrap();
    assert_eq!(json_of(&service, &["dead", "--json"]).await.len(), 0);

    // Told once more: of what is asked for, that alone.
    let before = receiver.count();
    let done = command(&service, &["replay", "--type", "created", "--resource", RESOURCE_2]).await.unwrap();
    assert_eq!(done, "Deliveries to webhook that will be made again: 1.");
    assert_eq!(dialog_of(&receiver.wait_for(before + 1).await[before]), other);
    let done = command(&service, &["replay", "--until", "2020-01-01T00:00:00Z"]).await.unwrap();
    assert_eq!(done, "Deliveries to webhook that will be made again: 0.");
}

#[tokio::test]
async fn each_sink_of_the_file_gets_what_it_is_for() {
    let (one, other) =
        (Receiver::answering(|_, _| StatusCode::OK).await, Receiver::answering(|_, _| StatusCode::OK).await);
    let adjust = to_sinks(
        webhook("letters", &one, "only = { types = [\"created\", \"transmission.*\"], orgs = [\"ttd\"] }")
            + &webhook(
                "second",
                &other,
                "sequence = true\nonly = { resources = [\"ttd-dialogporten-automated-tests-2\"] }",
            ),
    );
    let service = Service::telling(Clock::system(), adjust).await;
    let owner = service.owner();
    let id = owner.created(&one_of_each()).await;
    let second = owner.created(&dialog().with("/serviceResource", RESOURCE_2)).await;
    let others = service.other_owner().created(&dialog().with("/serviceResource", OTHER_OWNERS)).await;
    change(&owner, second, 3).await;
    let told: Vec<(Uuid, String)> =
        one.wait_for(3).await.iter().map(|event| (dialog_of(event), kind(event).to_owned())).collect();
    let mut of_first: Vec<&str> =
        told.iter().filter(|(dialog, _)| *dialog == id).map(|(_, kind)| kind.as_str()).collect();
    of_first.sort_unstable();
    assert_eq!(of_first, ["created", "transmission.created"]);
    let events = other.wait_for(4).await;
    assert!(events.iter().all(|event| dialog_of(event) == second));
    let places: Vec<&str> = events.iter().map(|event| event["sequence"].as_str().unwrap()).collect();
    assert!(places.is_sorted() && places.iter().all(|place| place.len() == 45), "{places:?}");

    // All has been looked at, and nothing more was sent. What is asked for once more is filtered too.
    until("both have come to the end", async || {
        let states = json_of(&service, &["sinks", "--json"]).await;
        states.len() == 2 && states.iter().all(|state| state["waiting"] == 0 && state["state"] == "working")
    })
    .await;
    command(&service, &["replay", "--id", &others.to_string()]).await.unwrap();
    until_all_is_delivered(&service).await;
    assert_eq!((one.count(), other.count()), (3, 4));
    assert!(one.received().iter().all(|(_, event)| event["sequence"].is_null()));
}

#[tokio::test]
async fn what_is_wrong_with_the_file_is_said_at_the_start() {
    let hook = |name: &str, more: &str| {
        format!(
            "[[webhook]]\nname = \"{name}\"\nurl = \"https://example.com/secret\"\nsecrets = \"{SECRET}\"\n{more}\n"
        )
    };
    let service = Service::alone().await;
    for (file, said) in [
        (hook("a", "") + &hook("a", ""), "more than one sink named a"),
        (hook("A B", ""), "name"),
        (hook("a", "only = { types = [\"create\"] }"), "no type of event \"create\""),
        (hook("a", "mode = \"loud\""), "in line 5"),
        (hook("a", "batch_size = 0"), "batch_size must be 1 to 1000"),
        (hook("a", "colour = 1"), "unknown field `colour`"),
        (hook("a", "").replace(SECRET, "short"), "secrets must have"),
        (hook("a", "").replace("https://example.com", "http://10.0.0.1"), "private address"),
        ("[[altinn-events]]\nname = \"a\"\nurl = \"https://example.com\"".into(), "a token is needed"),
        // All at once.
        (
            hook("A B", "batch_size = 0\nonly = { types = [\"create\"] }").replace(SECRET, "short"),
            "is wrong about A B: name must be made of up to 60 of a-z, 0-9 and -; it is wrong about A B: there is no type of event \"create\"",
        ),
        (
            hook("a", "batch_size = 0").replace(SECRET, "short").replace("https:", "ftp:")
                + "[[altinn-events]]\nname = \"b\"\nurl = \"x\"\n[[nats]]\nname = \"c\"\nurl = \"\"\nstream = \"\"\nprefix = \"p\"",
            "a: batch_size must be 1 to 1000; it is wrong about a: url must be an absolute http or https URL; it is wrong \
             about a: secrets must have at least one secret, each of at least 24 bytes; it is wrong about c: url must be \
             nats://host:port, several separated by commas; it is wrong about c: stream must be a name without spaces and \
             . * > / \\; it is wrong about b: a token is needed in the sandbox; it is wrong about b: url must be",
        ),
    ] {
        let adjust = to_sinks(file);
        let mut settings =
            CommandLine::parse_from(["dialogporten", "--sandbox", "--listen", "127.0.0.1:0"]).serve;
        adjust(&mut settings);
        let store = service.database.store();
        let failure = dialogporten::server::Server::start(&settings, store.clone(), Clock::system()).await;
        let failure = failure.err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(failure.contains("DIALOGPORTEN_EVENTS_SINKS") && failure.contains(said), "{said}: {failure}");
        assert!(!failure.contains("whsec_"), "{failure}");
        store.close().await;
    }
}

#[tokio::test]
async fn events_say_which_request_they_come_from_and_headers_say_all_in_binary_mode() {
    let structured = Receiver::answering(|_, _| StatusCode::OK).await;
    let binary = Receiver::answering(|_, _| StatusCode::OK).await;
    let adjust = to_sinks(
        webhook("structured", &structured, "")
            + &webhook("binary", &binary, "mode = \"binary\"\nsequence = true"),
    );
    let service = Service::telling(Clock::system(), adjust).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = one_of_each().with("/process", "urn:process:1");
    service.owner().create(&body).header("traceparent", trace).await.expect(201);
    let events = structured.wait_for(3).await;
    for event in &events {
        // The same trace, in which the request of the service is a span of its own.
        let parent = event["traceparent"].as_str().unwrap();
        assert!(parent.starts_with(&trace[..36]) && parent.ends_with("-01") && parent != trace, "{parent}");
    }
    binary.wait_for(3).await;
    for ((headers, body), event) in binary.requests().iter().zip(&events) {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        for name in [
            "specversion",
            "id",
            "type",
            "time",
            "resource",
            "resourceinstance",
            "subject",
            "source",
            "traceparent",
        ] {
            assert_eq!(header(&format!("ce-{name}")), event[name].as_str().unwrap(), "{name}");
        }
        assert_eq!(header("ce-sequence").len(), 45);
        assert!(headers.get("ce-data").is_none());
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), event["data"]);
        let signature = WebhookKey::parse(SECRET).unwrap();
        let time = header("webhook-timestamp").parse().unwrap();
        assert_eq!(header("webhook-signature"), signature.sign(&header("webhook-id"), time, body));
    }
}

/// The events of a batch, and its headers.
fn batches(receiver: &Receiver) -> Vec<(HeaderMap, Vec<Value>)> {
    let batch = |(headers, body): (HeaderMap, Value)| (headers, body.as_array().unwrap().clone());
    receiver.received().into_iter().map(batch).collect()
}

#[tokio::test]
async fn batches_keep_the_order_and_one_bad_event_spoils_none_of_the_others() {
    let is_open = Gate::default();
    let gate = is_open.clone();
    let poisoned = Arc::new(std::sync::Mutex::new(Uuid::nil()));
    let bad = Arc::clone(&poisoned);
    let receiver = Receiver::answering(move |_, batch| {
        let bad = bad.lock().unwrap().to_string();
        let is_bad = batch.as_array().unwrap().iter().any(|event| event["resourceinstance"] == bad);
        if is_bad { StatusCode::BAD_REQUEST } else { gate.status(StatusCode::SERVICE_UNAVAILABLE) }
    })
    .await;
    let quiet = Service::alone().await;
    // Everything is there before the sink is, and it is down at first.
    register(&quiet, "bulk").await;
    let owner = quiet.owner();
    let ids: Vec<Uuid> = stream::iter(0..24)
        .map(|_| async {
            let id = owner.created(&one_of_each()).await;
            change(&owner, id, 4).await;
            id
        })
        .buffer_unordered(8)
        .collect()
        .await;
    *poisoned.lock().unwrap() = ids[5];
    let adjust = to_sinks(webhook("bulk", &receiver, "mode = \"batched\"\nbatch_size = 20"));
    let service = Service::telling_on(&quiet.database, Clock::system(), adjust).await;
    receiver.wait_for(8).await;
    is_open.open();
    until("all but the bad one are told", async || {
        let states = json_of(&service, &["sinks", "--json"]).await;
        states[0]["waiting"] == 0 && states[0]["parked"] == 0 && states[0]["dead"] == 7
    })
    .await;
    let mut told: HashMap<Uuid, Vec<String>> = HashMap::new();
    let mut largest = 0;
    for (headers, batch) in batches(&receiver) {
        assert_eq!(headers["content-type"], "application/cloudevents-batch+json; charset=utf-8");
        largest = largest.max(batch.len());
        for event in batch {
            let ids = told.entry(dialog_of(&event)).or_default();
            let id = event["id"].as_str().unwrap().to_owned();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    assert_eq!(largest, 20);
    for id in &ids {
        assert_eq!(told[id], log_of(&service, *id).await, "{id}");
    }
    let dead = json_of(&service, &["dead", "--json"]).await;
    assert!(dead.iter().all(|event| event["dialogId"] == ids[5].to_string()));
}

#[tokio::test]
async fn a_sink_that_is_gone_gets_nothing_until_it_is_enabled() {
    let is_open = Gate::default();
    let gate = is_open.clone();
    let receiver = Receiver::answering(move |_, _| gate.status(StatusCode::GONE)).await;
    let one = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let other = Service::telling_on(&one.database, Clock::system(), to_webhook(&receiver)).await;
    let first = one.owner().created(&one_of_each()).await;
    until("it is disabled", async || {
        let states = json_of(&one, &["sinks", "--json"]).await;
        states[0]["state"] == "disabled" && states[0]["reason"].as_str().unwrap().starts_with("410 Gone")
    })
    .await;
    // Nobody sends anything more, although it would be taken.
    is_open.open();
    let sent = receiver.count();
    let mut ids = vec![first];
    for index in 0..12 {
        ids.push([&one, &other][index % 2].owner().created(&dialog()).await);
    }
    until("it is measured", async || {
        let text = other.anonymous().get("/metrics").await.expect(200).text();
        text.contains("dialogporten_events_sink_disabled{sink=\"webhook\"} 1")
            && json_of(&one, &["sinks", "--json"]).await[0]["waiting"].as_i64() >= Some(12)
    })
    .await;
    assert_eq!(receiver.count(), sent);
    let text = command(&one, &["sinks"]).await.unwrap();
    assert!(text.starts_with("SINK     STATE ") && text.contains("410 Gone"), "{text}");

    assert_eq!(command(&one, &["enable", "--sink", "webhook"]).await.unwrap(), "webhook gets events again.");
    assert_eq!(command(&one, &["enable", "--sink", "webhook"]).await.unwrap(), "webhook was not disabled.");
    let events = receiver.wait_for(sent + 15).await;
    let after = &events[sent..];
    assert_eq!(after.len(), 15);
    let of_first: Vec<&str> = after
        .iter()
        .filter(|event| dialog_of(event) == first)
        .map(|event| event["id"].as_str().unwrap())
        .collect();
    assert_eq!(of_first, log_of(&one, first).await);
    assert!(ids.iter().all(|id| after.iter().any(|event| dialog_of(event) == *id)));
    assert_eq!(json_of(&one, &["dead", "--json"]).await.len(), 0);
}

#[tokio::test]
async fn a_receiver_that_is_asked_first_gets_events_only_if_it_wants_them() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let adjust = to_sinks(webhook("asked", &receiver, "handshake = true"));
    let service = Service::telling(Clock::system(), |settings| {
        adjust(settings);
        settings.public_url = Some("https://dialoger.example/dialogporten".into());
    })
    .await;
    let id = service.owner().created(&dialog()).await;
    until("it is asked", async || !receiver.asked_by().is_empty()).await;
    receiver.allow("elsewhere.example");
    let asked = receiver.asked_by().len();
    until("it is asked again", async || receiver.asked_by().len() > asked + 1).await;
    let sql = "select reason from event_delivery where dialog_id = $1";
    until("the reason is kept", async || {
        let reasons: Vec<String> = service.database.column(sql, id).await;
        reasons.iter().any(|reason| reason.contains("WebHook-Allowed-Origin"))
    })
    .await;
    assert_eq!(receiver.count(), 0);
    receiver.allow("dialoger.example");
    assert_eq!(dialog_of(&receiver.wait_for(1).await[0]), id);
    let asked = receiver.asked_by();
    assert!(asked.iter().all(|origin| origin == "dialoger.example"), "{asked:?}");
    service.owner().created(&dialog()).await;
    receiver.wait_for(2).await;
    assert_eq!(receiver.asked_by().len(), asked.len());
}

#[tokio::test]
async fn a_dead_sink_costs_a_few_requests_and_loses_nothing() {
    let is_open = Gate::default();
    let gate = is_open.clone();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let receiver = Receiver::answering(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        // It says itself for how long to leave it alone.
        (gate.status(StatusCode::SERVICE_UNAVAILABLE), [("retry-after", "600")])
    })
    .await;
    let quiet = Service::alone().await;
    register(&quiet, "webhook").await;
    let owner = quiet.owner();
    let ids: Vec<Uuid> = stream::iter(0..300)
        .map(|index| {
            let owner = &owner;
            async move {
                let id = owner.created(&dialog()).await;
                change(owner, id, u8::from(index < 60) * 3).await;
                id
            }
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let adjust = to_webhook(&receiver);
    let service = Service::telling_on(&quiet.database, Clock::system(), |settings| {
        adjust(settings);
        settings.events.events_concurrency = 5;
    })
    .await;
    let resting = "select count(*) from event_lane where $1 is not null and failures > 0
        and not_before > now() + interval '5 minutes' and holder is null";
    let all_rest = async || service.database.column::<i64>(resting, Uuid::nil()).await == [4];
    until("all lanes rest", all_rest).await;
    let pauses =
        "select extract(epoch from not_before - lease_until)::float8 from event_lane where $1 is not null";
    let pauses = service.database.column::<f64>(pauses, Uuid::nil()).await;
    assert!(pauses.iter().all(|pause| (600.0..661.0).contains(pause)), "{pauses:?}");
    let first = requests.load(Ordering::SeqCst);
    assert!(first <= 4 * 10, "{first}");
    // Time passes: three requests for each lane find out that nothing has changed.
    let wake = "update event_lane set not_before = now() where $1 is not null returning 1";
    service.database.column::<i32>(wake, Uuid::nil()).await;
    until("all lanes have tried", async || {
        let sql = "select count(*) from event_lane where failures = 2 and holder is null and $1 is not null";
        service.database.column::<i64>(sql, Uuid::nil()).await == [4]
    })
    .await;
    let second = requests.load(Ordering::SeqCst);
    assert!(second - first <= 4 * 3, "{first}, {second}");
    let state = &json_of(&service, &["sinks", "--json"]).await[0];
    assert_eq!((&state["state"], &state["disabledSince"]), (&json!("failing"), &Value::Null));
    assert!(state["reason"].as_str().unwrap().starts_with("503 Service Unavailable"), "{state}");

    is_open.open();
    service.database.column::<i32>(wake, Uuid::nil()).await;
    until("all is told", async || {
        let states = json_of(&service, &["sinks", "--json"]).await;
        states[0]["waiting"] == 0 && states[0]["parked"] == 0 && states[0]["state"] == "working"
    })
    .await;
    let mut told: HashMap<Uuid, Vec<String>> = HashMap::new();
    for (_, event) in &receiver.received()[second..] {
        told.entry(dialog_of(event)).or_default().push(event["id"].as_str().unwrap().to_owned());
    }
    for id in ids {
        assert_eq!(told[&id], log_of(&service, id).await, "{id}");
    }
}

/// A sink that takes some requests and is down then.
#[derive(Default)]
struct Frail {
    /// How many requests it still takes.
    strength: AtomicUsize,
    batch_size: usize,
    asked: AtomicUsize,
    taken: Mutex<Vec<Uuid>>,
}

#[async_trait::async_trait]
impl Sink for Frail {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        self.deliver_all(&[event]).await
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    async fn deliver_all(&self, events: &[&CloudEvent]) -> Result<(), NotTaken> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let less = |strength: usize| strength.checked_sub(1);
        if self.strength.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
            return Err(NotTaken::ForNow { reason: "down".into(), retry_after: Some(Duration::ZERO) });
        }
        self.taken.lock().unwrap().extend(events.iter().map(|event| event.id));
        Ok(())
    }
}

/// Gives what a database tells to a sink, of which it is made known from now on.
async fn dispatcher(database: &Database, sink: &Arc<Frail>) -> Dispatcher {
    let store = database.store();
    store.register_sinks(&["frail".to_owned()]).await.unwrap();
    let outlet = Outlet {
        name: "frail".into(),
        filter: Filter::default(),
        sequence: false,
        traceparent: false,
        sink: Arc::clone(sink) as Arc<dyn Sink>,
    };
    let minute = Duration::from_mins(1);
    let patience = Patience { concurrency: 8, retry_after: minute, give_up_after: minute * 60 };
    let events = CloudEvents::new("https://x.test", true, true);
    Dispatcher::new(store, Clock::system(), events, vec![outlet], patience)
}

/// All waits are over.
const TIME_PASSES: &str = "with due as (
        update event_delivery set next_attempt_at = now() where $1 is not null and next_attempt_at is not null)
    update event_lane set not_before = now()";

/// A dialog of this lane.
async fn in_lane(service: &Service, lane: u8, body: Value) -> Uuid {
    let mut id = service.id().into_bytes();
    id[15] = id[15] & !3 | lane;
    service.owner().created(&body.with("/id", Uuid::from_bytes(id).to_string())).await
}

#[tokio::test]
async fn three_requests_at_most_find_out_whether_a_sink_is_back_however_few_events_there_are() {
    let quiet = Service::alone().await;
    let database = &quiet.database;
    let sink = Arc::new(Frail { batch_size: 1, ..Frail::default() });
    let dispatcher = dispatcher(database, &sink).await;
    // Requests until every lane has nothing to do, or rests.
    let requests = async || {
        database.settle().await;
        let before = sink.asked.load(Ordering::SeqCst);
        while dispatcher.turn().await.unwrap() {}
        sink.asked.load(Ordering::SeqCst) - before
    };
    let failures = async || database.rows::<i32>("select failures from event_lane order by lane").await;
    let parked = async || database.rows::<i64>("select count(*) from event_delivery").await[0];
    let has_failed = "update event_lane set failures = 1 where $1 is not null";
    let in_lane = async |lane: u8| in_lane(&quiet, lane, dialog()).await;

    // Two do not say that the sink as a whole fails.
    in_lane(0).await;
    in_lane(0).await;
    assert_eq!((requests().await, parked().await), (2, 2));
    assert_eq!(failures().await, [0, 0, 0, 0]);
    // Where it is known to, what was not taken before counts.
    database.execute(has_failed, Uuid::nil()).await;
    database.execute(TIME_PASSES, Uuid::nil()).await;
    for _ in 0..3 {
        in_lane(0).await;
    }
    assert_eq!((requests().await, parked().await), (3, 2));
    assert_eq!(failures().await, [2, 1, 1, 1]);
    // A single one says nothing of the others, but it does not say either that the sink is back.
    in_lane(1).await;
    assert_eq!((requests().await, parked().await), (1, 3));
    assert_eq!(failures().await, [2, 2, 1, 1]);
    in_lane(1).await;
    assert_eq!((requests().await, parked().await), (0, 3));

    sink.strength.store(7, Ordering::SeqCst);
    database.execute(TIME_PASSES, Uuid::nil()).await;
    assert_eq!((requests().await, parked().await), (7, 0));
    assert_eq!(failures().await, [0, 0, 1, 1]);
}

#[tokio::test]
async fn what_was_taken_of_a_change_is_not_told_again_when_the_rest_is_not() {
    let quiet = Service::alone().await;
    let sink = Arc::new(Frail { batch_size: 2, strength: 1.into(), ..Frail::default() });
    let dispatcher = dispatcher(&quiet.database, &sink).await;
    let mut expected = Vec::new();
    for _ in 0..4 {
        // Three events each, so that every other batch begins within a change.
        let id = in_lane(&quiet, 0, one_of_each()).await;
        expected.extend(log_of(&quiet, id).await.iter().map(|id| id.parse::<Uuid>().unwrap()));
    }
    let all = async || {
        quiet.database.settle().await;
        while dispatcher.turn().await.unwrap() {}
        sink.taken.lock().unwrap().clone()
    };
    assert_eq!(all().await, expected[..2]);
    sink.strength.store(usize::MAX, Ordering::SeqCst);
    quiet.database.execute(TIME_PASSES, Uuid::nil()).await;
    assert_eq!(all().await, expected);
}

#[tokio::test]
async fn what_a_newer_version_tells_waits_for_it() {
    let quiet = Service::alone().await;
    register(&quiet, "webhook").await;
    let owner = quiet.owner();
    let id = owner.created(&dialog()).await;
    change(&owner, id, 3).await;
    // An instance of a newer version, which knows more kinds of events and of activities, made two of them.
    let newer = "with c as (
            select xid, sequence, row_number() over (order by xid, sequence) as n from outbox where dialog_id = $1)
        update outbox o set payload = jsonb_set(payload, '{events,0}', payload -> 'events' -> 0 ||
            case n when 2 then '{\"kind\": \"dialogMoved\", \"to\": 1}'
                else '{\"kind\": \"activityCreated\", \"activityType\": \"Sung\"}' end::jsonb)
        from c where o.xid = c.xid and o.sequence = c.sequence and c.n in (2, 3)";
    assert_eq!(quiet.database.execute(newer, id).await, 2);
    let other = owner.created(&dialog()).await;
    let log = log_of(&quiet, id).await;

    // Others are told of, and so is what was before; nothing is said of the sink.
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let service = Service::telling_on(&quiet.database, Clock::system(), to_webhook(&receiver)).await;
    until("it is left to others", async || {
        let sql =
            "select attempts from event_delivery where dialog_id = $1 and reason like '%does not know%'";
        let attempts: Vec<i32> = service.database.column(sql, id).await;
        let state = &json_of(&service, &["sinks", "--json"]).await[0];
        attempts.len() == 1 && attempts[0] > 1 && state["parked"] == 3 && state["state"] == "working"
    })
    .await;
    let told: Vec<Uuid> = receiver.wait_for(2).await.iter().map(dialog_of).collect();
    assert!(told.len() == 2 && told.contains(&id) && told.contains(&other), "{told:?}");

    // Who follows it knows that something is missing.
    let first =
        "select xid || '-' || sequence || '-0' from outbox where dialog_id = $1 order by xid, sequence";
    let first: Vec<String> = service.database.column(first, id).await;
    let person = service.person();
    let mut stream = person.follow(&format!("dialogs/{id}/events"), Some(&first[0])).await;
    for expected in ["reset", "reset", ""] {
        let sent = stream.next().await.unwrap();
        assert_eq!(sent.name, expected);
        assert!(expected == "reset" || sent.data["id"] == log[3].as_str(), "{:?}", sent.data);
    }
    let changes =
        format!("/api/v1/enduser/dialogs/changes?party={PERSON}&after={}", &first[0][..first[0].len() - 2]);
    assert!(person.get(&changes).await.expect(200).text().contains(&id.to_string()));

    // The newer version comes.
    let known = "update outbox set payload = jsonb_set(payload, '{events,0,kind}', '\"dialogUpdated\"')
        where dialog_id = $1 and payload #>> '{events,0,kind}' <> 'dialogCreated'";
    service.database.execute(known, id).await;
    until_all_is_delivered(&service).await;
    let events = receiver.wait_for(5).await;
    let told =
        events.iter().filter(|event| dialog_of(event) == id).map(|event| event["id"].as_str().unwrap());
    assert_eq!(told.collect::<Vec<_>>(), log);
}

#[tokio::test]
async fn an_event_that_is_never_taken_stops_no_other_after_an_outage() {
    let is_open = Gate::default();
    let gate = is_open.clone();
    let poisoned = Arc::new(std::sync::Mutex::new(Uuid::nil()));
    let bad = Arc::clone(&poisoned);
    let receiver = Receiver::answering(move |_, event| {
        if dialog_of(event) == *bad.lock().unwrap() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            gate.status(StatusCode::BAD_GATEWAY)
        }
    })
    .await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let ids: Vec<Uuid> = stream::iter(0..40)
        .map(|_| async { owner.created(&dialog()).await })
        .buffer_unordered(8)
        .collect()
        .await;
    *poisoned.lock().unwrap() = ids[0];
    until("it has failed as a whole", async || {
        json_of(&service, &["sinks", "--json"]).await[0]["state"] == "failing"
    })
    .await;
    is_open.open();
    until("all others are told", async || {
        let states = json_of(&service, &["sinks", "--json"]).await;
        states[0]["waiting"] == 0 && states[0]["parked"] == 1
    })
    .await;
}

#[tokio::test]
async fn each_of_many_concurrent_updates_is_told_once_and_in_order() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let updates = stream::iter(0..1_000).map(|number| {
        let value = format!("urn:x:{number}");
        let operations = json!([{ "op": "add", "path": "/extendedStatus", "value": value }]);
        let call = owner.patch(id, &operations);
        async move { call.await.status }
    });
    let statuses: Vec<_> = updates.buffer_unordered(64).collect().await;
    let successful = statuses.iter().filter(|status| **status == 204).count();
    assert!(successful > 500, "{successful}");
    let events = receiver.wait_for(successful + 1).await;
    let told: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(told, log_of(&service, id).await);
    assert_eq!(events[1..].iter().filter(|event| kind(event) == "updated").count(), successful);
}

/// A service that tells Altinn Events, which has refused the one event that there is.
async fn given_up_by_altinn(receiver: &Receiver) -> Service {
    let url = receiver.url.clone();
    let service = Service::telling(Clock::system(), |settings| {
        settings.events.events_altinn_url = Some(url);
        settings.events.events_altinn_token = Some("the-token".into());
    })
    .await;
    service.owner().created(&dialog()).await;
    until("it is given up", async || json_of(&service, &["dead", "--json"]).await.len() == 1).await;
    service
}

#[tokio::test]
async fn what_altinn_events_refuses_is_kept_with_its_answer_but_not_the_token() {
    let receiver = Receiver::answering(|_, _| {
        (StatusCode::FORBIDDEN, "Not authorized for resource with Bearer the-token")
    })
    .await;
    let service = given_up_by_altinn(&receiver).await;
    let dead = json_of(&service, &["dead", "--json", "--sink", "altinn-events"]).await;
    assert_eq!(dead[0]["reason"], "403 Forbidden: Not authorized for resource with Bearer …");
    // There is no use in asking for another token, or in asking again.
    assert_eq!(receiver.count(), 1);
    assert!(receiver.received()[0].1.get("traceparent").is_none());
    let text = service.anonymous().get("/metrics").await.expect(200).text();
    assert!(text.contains("dialogporten_events_dead_total{sink=\"altinn-events\",reason=\"refused\"}"));
}

#[tokio::test]
async fn what_altinn_events_calls_gone_is_one_event_only() {
    let receiver =
        Receiver::answering(|before, _| if before == 0 { StatusCode::GONE } else { StatusCode::OK }).await;
    let service = given_up_by_altinn(&receiver).await;
    let second = service.owner().created(&dialog()).await;
    let events = receiver.wait_for(2).await;
    assert!(events[1].to_string().contains(&second.to_string()));
    assert_eq!(json_of(&service, &["sinks", "--json"]).await[0]["disabledSince"], Value::Null);
}

#[tokio::test]
async fn what_an_interrupted_replay_has_left_is_delivered() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let store = service.database.store();
    let sinks = ["webhook".to_owned()];
    until("it is told", async || {
        receiver.count() == 1 && store.backlog(&sinks).await.unwrap().sinks[0].waiting == 0
    })
    .await;
    let span = Span { id: Some(id), ..Span::default() };
    let (row, _) = store.log_within(Position::default(), span, 10).await.unwrap().unwrap();
    // Nobody wakes it, and what comes after it waits.
    assert_eq!(store.give_again(&sinks, &[EventPlace { row, index: 0 }]).await.unwrap(), 1);
    store.close().await;
    change(&owner, id, 1).await;
    let _other = Service::telling_on(&service.database, Clock::system(), to_webhook(&receiver)).await;
    let told: Vec<String> =
        receiver.wait_for(3).await.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    let log = log_of(&service, id).await;
    assert_eq!(told, [log[0].as_str(), &log[0], &log[1]]);
}

#[tokio::test]
async fn a_sink_that_is_no_longer_there_is_forgotten() {
    let receiver = Receiver::answering(|_, _| StatusCode::UNPROCESSABLE_ENTITY).await;
    let service = Service::telling(Clock::system(), to_webhook(&receiver)).await;
    register(&service, "archive").await;
    service.owner().created(&dialog()).await;
    until("it is given up", async || json_of(&service, &["dead", "--json"]).await.len() == 1).await;
    let names = async || {
        let states = json_of(&service, &["sinks", "--json"]).await;
        states.iter().map(|state| state["sink"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["archive", "webhook"]);
    assert!(command(&service, &["forget", "--sink", "archives"]).await.is_err());
    let done = command(&service, &["forget", "--sink", "archive"]).await.unwrap();
    assert_eq!(done, "archive is forgotten, and deliveries that it has not taken: 0.");
    assert_eq!(names().await, ["webhook"]);
    // One that is still there begins anew.
    let done = command(&service, &["forget", "--sink", "webhook"]).await.unwrap();
    assert_eq!(done, "webhook is forgotten, and deliveries that it has not taken: 1.");
    until("it is there again", async || names().await == ["webhook"]).await;
    let id = service.owner().created(&dialog()).await;
    assert_eq!(dialog_of(&receiver.wait_for(2).await[1]), id);
}

#[tokio::test]
async fn a_replay_overtakes_no_sink_that_is_behind() {
    let receiver = Receiver::answering(|_, _| StatusCode::OK).await;
    let quiet = Service::alone().await;
    register(&quiet, "webhook").await;
    let owner = quiet.owner();
    let id = owner.created(&dialog()).await;
    change(&owner, id, 2).await;
    let done = command(&quiet, &["replay", "--id", &id.to_string()]).await.unwrap();
    assert_eq!(done, "Deliveries to webhook that will be made again: 0.");
    let service = Service::telling_on(&quiet.database, Clock::system(), to_webhook(&receiver)).await;
    let told = receiver.wait_for(3).await;
    let ids: Vec<&str> = told.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, log_of(&service, id).await);
    until("all is told", async || json_of(&service, &["sinks", "--json"]).await[0]["waiting"] == 0).await;
    assert_eq!(receiver.count(), 3);
}
