//! What happens to a dialog, as the graph tells it: server-sent events, and by WebSocket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dialogporten::clock::Clock;
use dialogporten::timestamp::Timestamp;
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use uuid::Uuid;

use crate::harness::statements;
use crate::harness::*;

const LONG: Duration = Duration::from_mins(1);
const STREAM: &str = "text/event-stream";
const UPDATED: &str = "DIALOG_UPDATED";
const DELETED: &str = "DIALOG_DELETED";

fn progress(value: i32) -> Value {
    json!([{ "op": "replace", "path": "/progress", "value": value }])
}

fn subscription(id: Uuid) -> Value {
    json!({ "query": format!("subscription sub {{ dialogEvents(dialogId: \"{id}\") {{ id type }} }}") })
}

/// A new dialog, which the person has opened, and its token.
async fn dialog_with_token(service: &Service) -> (Uuid, String) {
    let id = service.owner().created(&dialog()).await;
    let token = token_of(service, id).await;
    (id, token)
}

async fn token_of(service: &Service, id: Uuid) -> String {
    let token = service.person().opened(id).await["dialogToken"].clone();
    // That it was opened is told, too, and not to those who follow it only from now on.
    service.database.settle().await;
    token.as_str().expect("a dialog token").to_owned()
}

fn asking(client: &Client, request: &Value) -> Call {
    client.call(Method::POST, "/graphql/stream?dialogId=any").header("accept", STREAM).json(request)
}

/// Opens a stream, which must succeed.
async fn follow(call: Call) -> Events {
    let response = call.stream().await;
    let status = response.status().as_u16();
    let is_stream = status == 200 && response.headers()["content-type"] == STREAM;
    if !is_stream {
        let text = response.text().await.unwrap_or_default();
        unreachable!("{status} {text}");
    }
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("no-store"));
    Events { response, text: String::new(), frames: VecDeque::new() }
}

/// Status and code of a stream that is not opened.
async fn refusal(call: Call) -> (u16, String) {
    let answer = call.await;
    let code = answer.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or("none").to_owned();
    assert!(answer.header("content-type").unwrap().starts_with("application/graphql-response+json"));
    (answer.status.as_u16(), code)
}

/// Server-sent events.
struct Events {
    response: reqwest::Response,
    text: String,
    frames: VecDeque<Frame>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Frame {
    event: String,
    id: String,
    data: String,
}

impl Frame {
    /// What has happened, and to which dialog.
    fn news(&self) -> (String, String) {
        assert_eq!(self.event, "next", "{self:?}");
        let body: Value = serde_json::from_str(&self.data).expect("JSON");
        assert_eq!(body["extensions"]["lastEventId"], self.id, "{body}");
        let event = &body["data"]["dialogEvents"];
        let text = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
        (text("id"), text("type"))
    }
}

impl Events {
    /// The next event, or the end of the answer.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            let chunk = tokio::time::timeout(LONG, self.response.chunk()).await.expect("something comes");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).expect("text"));
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let mut read = Frame::default();
                let mut has_data = false;
                for line in frame.lines() {
                    let (name, value) = line.split_once(':').expect("a field");
                    let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
                    match name {
                        "event" => read.event = value,
                        "id" => read.id = value,
                        "data" => (read.data, has_data) = (value, true),
                        "" | "retry" => {}
                        name => panic!("{name} is no field"),
                    }
                }
                let rest = rest.to_owned();
                // Browsers tell of no event without data.
                if has_data {
                    self.frames.push_back(read);
                }
                self.text = rest;
            }
        }
    }

    /// The next event must be this, about this dialog. Gives its id.
    async fn expect(&mut self, id: Uuid, kind: &str) -> String {
        let frame = self.next().await.expect("an event");
        assert_eq!(frame.news(), (id.to_string(), kind.to_owned()));
        frame.id
    }

    async fn expect_end(&mut self) {
        let frame = self.next().await.expect("an event");
        assert_eq!(frame, Frame { event: "complete".into(), ..Frame::default() });
        assert_eq!(self.next().await, None);
    }
}

mod server_sent_events {
    use super::*;

    #[tokio::test]
    async fn tell_what_happens_to_the_dialog() {
        let service = Service::shared().await;
        let (owner, (id, token)) = (service.owner(), dialog_with_token(service).await);
        let mut events = follow(asking(&service.with_token(&token), &subscription(id))).await;
        owner.patch(id, &progress(1)).await.expect(204);
        let begun = Instant::now();
        events.expect(id, UPDATED).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "this late: {:?}", begun.elapsed());
        owner.patch(id, &progress(2)).silently().await.expect(204);
        events.expect(id, UPDATED).await;
        owner.append(id, "transmissions", &one_of_each()["transmissions"][0]).await.expect(201);
        events.expect(id, UPDATED).await;
        owner.append(id, "activities", &one_of_each()["activities"][0]).await.expect(201);
        events.expect(id, UPDATED).await;
        // The content is new to the person.
        service.person().opened(id).await;
        events.expect(id, UPDATED).await;
        service.person().opened(id).await;
        // Labels, other dialogs and what is opened again say nothing.
        let label = json!({ "query": format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{id}\", addLabels: [ARCHIVE], removeLabels: [] }}) {{ success }} }}"
        ) });
        let labelled = service.person().call(Method::POST, "/graphql").json(&label).await.expect(200).json();
        assert_eq!(labelled["data"]["setSystemLabel"]["success"], true, "{labelled}");
        owner.created(&dialog()).await;
        owner.delete(id).silently().await.expect(204);
        events.expect(id, DELETED).await;
        owner.act(id, "restore").await.expect(204);
        events.expect(id, UPDATED).await;
        service.owner_with(ADMIN).act(id, "freeze").await.expect(204);
        events.expect(id, UPDATED).await;
        service.owner_with(ADMIN).act(id, "purge").await.expect(204);
        events.expect(id, DELETED).await;
        events.expect_end().await;
        // Who comes later hears the same.
        let mut late = follow(asking(&service.with_token(&token), &subscription(id))).await;
        late.expect(id, DELETED).await;
        late.expect_end().await;
    }

    #[tokio::test]
    async fn end_when_a_deleted_dialog_is_purged() {
        let service = Service::shared().await;
        let (owner, (id, token)) = (service.owner(), dialog_with_token(service).await);
        let mut events = follow(asking(&service.with_token(&token), &subscription(id))).await;
        owner.delete(id).await.expect(204);
        events.expect(id, DELETED).await;
        owner.act(id, "purge").await.expect(204);
        events.expect_end().await;
    }

    #[tokio::test]
    async fn are_taken_up_again() {
        let service = Service::shared().await;
        let (owner, (id, token)) = (service.owner(), dialog_with_token(service).await);
        let client = service.with_token(&token);
        let mut events = follow(asking(&client, &subscription(id))).await;
        owner.patch(id, &progress(1)).await.expect(204);
        let first = events.expect(id, UPDATED).await;
        owner.delete(id).await.expect(204);
        let second = events.expect(id, DELETED).await;
        drop(events);

        let mut again = follow(asking(&client, &subscription(id)).header("last-event-id", &first)).await;
        assert_eq!(again.expect(id, DELETED).await, second);
        let mut request = subscription(id);
        request["extensions"] = json!({ "lastEventId": first });
        let mut again = follow(asking(&client, &request)).await;
        assert_eq!(again.expect(id, DELETED).await, second);
        // Nothing comes twice.
        request["extensions"] = json!({ "lastEventId": second });
        let mut again = follow(asking(&client, &request)).await;
        owner.act(id, "restore").await.expect(204);
        again.expect(id, UPDATED).await;
        // Of another database, or of the future.
        let lost = asking(&client, &subscription(id)).header("last-event-id", "9000000000000000-1");
        let mut lost = follow(lost).await;
        lost.expect(id, UPDATED).await;
        owner.delete(id).await.expect(204);
        lost.expect(id, DELETED).await;
        for wrong in [json!("x"), json!(1), json!("1-2-3")] {
            request["extensions"] = json!({ "lastEventId": wrong });
            assert_eq!(refusal(asking(&client, &request)).await, (400, "BAD_REQUEST".into()), "{wrong}");
        }
    }

    #[tokio::test]
    async fn end_with_the_token() {
        let clock = Clock::fixed(Timestamp::parse("2031-05-17T12:00:00Z").unwrap());
        let service = Service::telling(clock, |_| {}).await;
        let (id, token) = dialog_with_token(&service).await;
        let client = service.with_token(&token);
        let mut events = follow(asking(&client, &subscription(id))).await;
        service.clock.advance_seconds(600);
        service.owner().patch(id, &progress(1)).await.expect(204);
        events.expect_end().await;
        service.clock.advance_seconds(3);
        asking(&client, &subscription(id)).await.assert_problem_document(401);
    }

    #[tokio::test]
    async fn tell_that_a_dialog_becomes_visible() {
        let clock = Clock::fixed(Timestamp::parse("2031-05-17T12:00:00Z").unwrap());
        let service = Service::telling(clock, |_| {}).await;
        let (id, token) = dialog_with_token(&service).await;
        let mut events = follow(asking(&service.with_token(&token), &subscription(id))).await;
        let hide = "update dialog set visible_from = timestamptz '2031-05-17 12:01:00Z' where id = $1";
        service.database.execute(hide, id).await;
        service.owner().patch(id, &progress(1)).await.expect(204);
        service.clock.advance_seconds(61);
        let told = events.expect(id, UPDATED).await;
        // And not before.
        let when =
            "select occurred_at from outbox where dialog_id = $1 order by xid desc, sequence desc limit 1";
        let when: Vec<chrono::DateTime<chrono::Utc>> = service.database.column(when, id).await;
        assert_eq!(when[0].to_rfc3339(), "2031-05-17T12:01:00+00:00", "{told}");
    }

    #[tokio::test]
    async fn end_when_the_service_stops() {
        let service = Service::another().await;
        let (id, token) = dialog_with_token(&service).await;
        let mut events = follow(asking(&service.with_token(&token), &subscription(id))).await;
        drop(service);
        events.expect_end().await;
    }

    #[tokio::test]
    async fn tell_of_what_happens_in_short_succession_at_most_five_times_a_second() {
        let service = Service::shared().await;
        let (owner, (id, token)) = (service.owner(), dialog_with_token(service).await);
        let client = service.with_token(&token);
        let mut events = follow(asking(&client, &subscription(id))).await;
        let begun = Instant::now();
        let changes = async {
            for value in 1..=40 {
                owner.patch(id, &progress(value)).await.expect(204);
            }
            owner.delete(id).await.expect(204);
        };
        let told = async {
            let mut told = 0_u32;
            loop {
                let frame = events.next().await.expect("an event");
                match frame.news().1.as_str() {
                    UPDATED => told += 1,
                    _ => return (told, frame.id),
                }
            }
        };
        let ((), (updates, last)) = tokio::join!(changes, told);
        // Each but the first comes a fifth of a second after the one before.
        let most = begun.elapsed().as_millis() / 200;
        assert!(updates >= 1 && u128::from(updates) <= most, "{updates} of at most {most}");
        // The last one counts for all.
        let mut again = follow(asking(&client, &subscription(id)).header("last-event-id", &last)).await;
        owner.act(id, "restore").await.expect(204);
        again.expect(id, UPDATED).await;
    }

    #[tokio::test]
    async fn answer_queries_and_mutations_too() {
        let service = Service::shared().await;
        let person = service.person();
        let query = json!({ "query": "{ limits { endUserSearch { maxPartyFilterValues } } }" });
        let answer = person.call(Method::POST, "/graphql").header("accept", STREAM).json(&query).await;
        let text = answer.expect(200).text();
        let expected = "event: next\ndata: {\"data\":{\"limits\":{\"endUserSearch\":{\"maxPartyFilterValues\":100}}}}\n\n\
                        event: complete\ndata:\n\n";
        assert_eq!(text, expected);
        let path = "/graphql?query=%7Blimits%7BendUserSearch%7BmaxPartyFilterValues%7D%7D%7D";
        assert_eq!(person.get(path).header("accept", STREAM).await.expect(200).text(), expected);
        // Who takes JSON as well gets it.
        let both =
            person.call(Method::POST, "/graphql").header("accept", &format!("application/json, {STREAM}"));
        assert!(both.json(&query).await.expect(200).json()["data"].is_object());
        // What is wrong with the request is no stream.
        let wrong = asking(&person, &json!({ "query": "{ nothing }" }));
        assert_eq!(refusal(wrong).await, (400, "BAD_REQUEST".into()));
        let id = service.owner().created(&dialog()).await;
        let label = json!({ "query": format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{id}\", addLabels: [BIN], removeLabels: [] }}) {{ success }} }}"
        ) });
        let answer = asking(&person, &label).await.expect(200);
        assert!(answer.header("etag").is_some());
        assert!(
            answer
                .text()
                .starts_with("event: next\ndata: {\"data\":{\"setSystemLabel\":{\"success\":true}}}")
        );
    }

    #[tokio::test]
    async fn are_asked_for() {
        let service = Service::shared().await;
        let (id, token) = dialog_with_token(service).await;
        let client = service.with_token(&token);
        let plain = client.call(Method::POST, "/graphql").json(&subscription(id)).await.expect(400).json();
        assert!(plain["errors"][0]["message"].as_str().unwrap().contains(STREAM), "{plain}");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("query", "subscription ($id: UUID!) { dialogEvents(dialogId: $id) { id type } }")
            .append_pair("variables", &json!({ "id": id }).to_string())
            .finish();
        let mut events =
            follow(client.get(&format!("/graphql/stream?{query}")).header("accept", STREAM)).await;
        service.owner().patch(id, &progress(1)).await.expect(204);
        events.expect(id, UPDATED).await;
        // All that is selected of the field in several places.
        let field = |of: &str| format!("dialogEvents(dialogId: \"{id}\") {{ {of} }}");
        let query = format!(
            "subscription {{ {} ...type }} fragment type on Subscriptions {{ {} }}",
            field("id"),
            field("type")
        );
        let mut events = follow(asking(&client, &json!({ "query": query }))).await;
        service.owner().patch(id, &progress(2)).await.expect(204);
        events.expect(id, UPDATED).await;
    }
}

/// Query, name of the operation, variable `id`, status. `<a>` is the field with the id of the own dialog,
/// `<b>` that with the id of another one, `<v>` that with the variable.
const ATTEMPTS: &[(&str, &str, &str, u16)] = &[
    ("subscription { <a> }", "", "", 200),
    ("subscription { <b> }", "", "", 403),
    ("subscription { alias: <b> }", "", "", 403),
    // However the id is written.
    ("subscription { dialogEvents(dialogId: \"<OWN>\") { id } }", "", "", 200),
    ("subscription { dialogEvents(dialogId: \"<OTHER>\") { id } }", "", "", 403),
    ("subscription { dialogEvents(dialogId: \"<own digits>\") { id } }", "", "", 200),
    ("subscription { dialogEvents(dialogId: \"<other digits>\") { id } }", "", "", 403),
    ("subscription { dialogEvents(dialogId: \"<other escaped>\") { id } }", "", "", 403),
    ("subscription { dialogEvents(dialogId: \"\"\"<other>\"\"\") { id } }", "", "", 403),
    ("subscription { dialogEvents(dialogId: \"{<own>}\") { id } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: \"{<other>}\") { id } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: \"urn:uuid:<other>\") { id } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: \" <other>\") { id } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: [\"<own>\"]) { id } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: null) { id } }", "", "", 400),
    ("subscription { dialogEvents { id } }", "", "", 400),
    // Variables and their defaults.
    ("subscription ($id: UUID!) { <v> }", "", "own", 200),
    ("subscription ($id: UUID!) { <v> }", "", "other", 403),
    ("subscription ($id: UUID!) { <v> }", "", "", 400),
    ("subscription ($id: UUID! = \"<own>\") { <v> }", "", "", 200),
    ("subscription ($id: UUID! = \"<other>\") { <v> }", "", "", 403),
    ("subscription ($id: UUID! = \"<own>\") { <v> }", "", "other", 403),
    ("subscription ($id: UUID! = \"<other>\") { <v> }", "", "own", 200),
    // Another operation than the first.
    ("subscription A { <a> } subscription B { <b> }", "B", "", 403),
    ("subscription A { <a> } subscription B { <b> }", "A", "", 200),
    ("query A { limits { __typename } } subscription B { <b> }", "B", "", 403),
    ("query A { limits { __typename } } subscription B { <a> }", "B", "", 200),
    ("subscription A { <a> } subscription B { <b> }", "C", "", 400),
    ("subscription A { <a> } subscription B { <b> }", "", "", 400),
    ("subscription A { <a> } subscription A { <b> }", "A", "", 400),
    // Fragments.
    ("subscription { ...F } fragment F on Subscriptions { <a> }", "", "", 200),
    ("subscription { ...F } fragment F on Subscriptions { <b> }", "", "", 403),
    ("fragment F on Subscriptions { <a> } subscription B { <b> }", "", "", 400),
    ("fragment F on Subscriptions { <a> } subscription A { ...F } subscription B { <b> }", "B", "", 403),
    (
        "fragment G on Subscriptions { ...F } fragment F on Subscriptions { <b> } subscription { ...G }",
        "",
        "",
        403,
    ),
    ("subscription { ... on Subscriptions { <a> } }", "", "", 200),
    ("subscription { ... { <a> } }", "", "", 200),
    ("subscription { ... { ... on Subscriptions { <b> } } }", "", "", 403),
    ("subscription { ... on Queries { <b> } }", "", "", 400),
    ("subscription { ...F } fragment F on Subscriptions { ...F }", "", "", 400),
    ("subscription { ...F }", "", "", 400),
    ("subscription ($id: UUID!) { ...F } fragment F on Subscriptions { <v> }", "", "other", 403),
    (
        "subscription { dialogEvents(dialogId: \"<own>\") { ...P } } fragment P on DialogEventPayload { id }",
        "",
        "",
        200,
    ),
    // One field that is written in several places.
    ("subscription { <a> <a> }", "", "", 200),
    (
        "subscription { <a> ...F } fragment F on Subscriptions { dialogEvents(dialogId: \"<own>\") { id } }",
        "",
        "",
        200,
    ),
    (
        "subscription ($id: UUID!) { x: <v> ... { ...F } } fragment F on Subscriptions { x: <v> }",
        "",
        "own",
        200,
    ),
    ("subscription { <b> <b> }", "", "", 403),
    ("subscription { <a> <b> }", "", "", 400),
    ("subscription { <b> <a> }", "", "", 400),
    ("subscription ($id: UUID!) { <a> <v> }", "", "other", 400),
    ("subscription { <a> x: <a> }", "", "", 400),
    ("subscription { <a> dialogEvents: __typename }", "", "", 400),
    ("subscription { __typename __typename }", "", "", 400),
    ("subscription { <a> dialogEvents(dialogId: \"<own>\") }", "", "", 400),
    ("subscription { <a> dialogEvents(dialogId: \"<own>\") { other } }", "", "", 400),
    // More than one field, and fields that may not be there.
    ("subscription { <a> other: <b> }", "", "", 400),
    ("subscription { <b> other: <a> }", "", "", 400),
    ("subscription { <a> ...F } fragment F on Subscriptions { other: <b> }", "", "", 400),
    ("subscription { ... @skip(if: true) { <a> } other: <b> }", "", "", 400),
    ("subscription { ... @include(if: true) { <b> } }", "", "", 400),
    ("subscription { dialogEvents(dialogId: \"<other>\") @include(if: true) { id } }", "", "", 400),
    ("subscription { __typename }", "", "", 400),
    ("subscription { __schema { queryType { name } } }", "", "", 400),
];

/// Who may follow what.
#[tokio::test]
async fn a_dialog_token_opens_its_own_dialog_and_no_other() {
    let service = Service::shared().await;
    let (own, token) = dialog_with_token(service).await;
    let (other, _) = dialog_with_token(service).await;
    let client = service.with_token(&token);
    let escape = |text: String, byte: u8| text + &format!("\\u{byte:04x}");
    let escaped = other.to_string().bytes().fold(String::new(), escape);
    for (query, name, variable, status) in ATTEMPTS {
        let query = query
            .replace("<a>", "dialogEvents(dialogId: \"<own>\") { id type }")
            .replace("<b>", "dialogEvents(dialogId: \"<other>\") { id type }")
            .replace("<v>", "dialogEvents(dialogId: $id) { id type }")
            .replace("<own>", &own.to_string())
            .replace("<other>", &other.to_string())
            .replace("<OWN>", &own.to_string().to_uppercase())
            .replace("<OTHER>", &other.to_string().to_uppercase())
            .replace("<own digits>", &own.simple().to_string())
            .replace("<other digits>", &other.simple().to_string())
            .replace("<other escaped>", &escaped);
        let variables = match *variable {
            "own" => json!({ "id": own }),
            "other" => json!({ "id": other }),
            _ => json!({}),
        };
        let request = json!({ "query": query, "operationName": name, "variables": variables });
        let code = match status {
            400 => "BAD_REQUEST",
            403 => "AUTH_NOT_AUTHORIZED",
            _ => {
                follow(asking(&client, &request)).await;
                continue;
            }
        };
        assert_eq!(refusal(asking(&client, &request)).await, (*status, code.to_owned()), "{request:#}");
    }
}

#[tokio::test]
async fn other_tokens_open_no_subscription_and_dialog_tokens_nothing_else() {
    let service = Service::shared().await;
    let (own, token) = dialog_with_token(service).await;
    let (other, foreign) = dialog_with_token(service).await;
    let forbidden = (403, "AUTH_NOT_AUTHORIZED".to_owned());
    let person = service.person();
    assert_eq!(refusal(asking(&person, &subscription(own))).await, forbidden);
    assert_eq!(refusal(asking(&service.owner(), &subscription(own))).await, forbidden);
    asking(&service.anonymous(), &subscription(own)).await.assert_problem_document(401);
    asking(&service.with_token("x.y.z"), &subscription(own)).await.assert_problem_document(401);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    asking(&service.with_token(&forged), &subscription(own)).await.assert_problem_document(401);
    // In the older form the status says nothing.
    let legacy =
        person.call(Method::POST, "/graphql").header("accept", &format!("application/json, {STREAM}"));
    let legacy = legacy.json(&subscription(own)).await.expect(200).json();
    assert_eq!(legacy["errors"][0]["extensions"]["code"], "AUTH_NOT_AUTHORIZED");

    // The header of the portal: alone, and beside an access token; a dialog token before it wins.
    let with = |client: &Client, token: &str, id| {
        asking(client, &subscription(id)).header("digdir-dialog-token", token)
    };
    follow(with(&service.anonymous(), &token, own)).await;
    follow(with(&person, &token, own)).await;
    assert_eq!(refusal(with(&person, &token, other)).await, forbidden);
    assert_eq!(refusal(with(&person, "nonsense", own)).await, forbidden);
    assert_eq!(refusal(with(&service.with_token(&foreign), &token, own)).await, forbidden);
    with(&service.anonymous(), "nonsense", own).await.assert_problem_document(401);

    // Nothing else is opened by it.
    for query in [
        "{ limits { __typename } }".to_owned(),
        format!("{{ dialogById(dialogId: \"{own}\") {{ dialog {{ id }} }} }}"),
        format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{own}\", addLabels: [BIN], removeLabels: [] }}) {{ success }} }}"
        ),
    ] {
        let request = json!({ "query": query });
        let client = service.with_token(&token);
        let answer = client.call(Method::POST, "/graphql").json(&request);
        assert_eq!(refusal(answer).await, forbidden, "{query}");
    }
}

#[tokio::test]
async fn there_are_so_many_streams_at_a_time() {
    let service = Service::with_settings(&["--events-streams=2"]).await;
    let (id, token) = dialog_with_token(&service).await;
    let (client, person) = (service.with_token(&token), service.person());
    let rest = format!("dialogs/{id}/events");
    let first = follow(asking(&client, &subscription(id))).await;
    let _second = person.follow(&rest, None).await;
    let full = asking(&client, &subscription(id)).await.expect(503);
    assert_eq!(full.json()["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    assert!(full.header("retry-after").is_some());
    let full = person.get(&format!("/api/v1/enduser/{rest}")).await;
    full.assert_problem_document(503);
    assert!(full.header("retry-after").is_some());
    drop(first);
    // The place becomes free when the service notices.
    let begun = Instant::now();
    while asking(&client, &subscription(id)).stream().await.status() != 200 {
        assert!(begun.elapsed() < LONG, "the place is never free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let service = Service::shared().await;
    let (id, token) = dialog_with_token(service).await;
    let client = service.with_token(&token);
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(follow(asking(&client, &subscription(id))).await);
    }
    let full = asking(&client, &subscription(id)).await.expect(503);
    assert!(full.json()["errors"][0]["message"].as_str().unwrap().contains("20"));
    // Another token of the same dialog has its own.
    follow(asking(&service.with_token(&token_of(service, id).await), &subscription(id))).await;
}

#[tokio::test]
async fn pages_of_allowed_origins_may_ask() {
    let service =
        Service::with_settings(&["--graphql-origins=https://portal.example,http://localhost:3000"]).await;
    let anonymous = service.anonymous();
    let preflight = |path: &str, origin: &str| {
        let call = anonymous.call(Method::OPTIONS, path).header("origin", origin);
        let call = call.header("access-control-request-method", "POST");
        call.header("access-control-request-headers", "authorization,content-type,digdir-dialog-token")
    };
    for (path, origin, is_allowed) in [
        ("/graphql", "https://portal.example", true),
        ("/graphql/stream", "http://localhost:3000", true),
        ("/graphql", "https://elsewhere.example", false),
        ("/graphql", "https://portal.example.elsewhere.example", false),
        ("/api/v1/enduser/dialogs", "https://portal.example", false),
    ] {
        let answer = preflight(path, origin).await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, is_allowed.then_some(origin), "{path} {origin}");
        if is_allowed {
            assert!(answer.status.is_success());
            assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
            let headers = answer.header("access-control-allow-headers").unwrap();
            assert!(headers.contains("digdir-dialog-token"), "{headers}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    let (id, token) = dialog_with_token(&service).await;
    let call =
        asking(&service.with_token(&token), &subscription(id)).header("origin", "https://portal.example");
    let response = call.stream().await;
    assert_eq!(response.headers()["access-control-allow-origin"], "https://portal.example");
    // Nobody is allowed where nothing is set.
    let shared = Service::shared().await.anonymous();
    let answer = shared.call(Method::OPTIONS, "/graphql").header("origin", "https://portal.example");
    let answer = answer.header("access-control-request-method", "POST").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

type Connection =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

const TRANSPORT: &str = "graphql-transport-ws";

/// A connection, and what it has said that was not heard yet.
struct Socket(Connection, VecDeque<Value>);

impl Socket {
    async fn open(service: &Service, token: Option<&str>, protocol: Option<&str>) -> Self {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers = [("authorization", bearer.as_deref()), ("sec-websocket-protocol", protocol)];
        Self::open_with(service, &headers).await
    }

    async fn open_with(service: &Service, headers: &[(&'static str, Option<&str>)]) -> Self {
        let mut request = format!("ws://{}/graphql", service.address()).into_client_request().unwrap();
        for (name, value) in headers {
            if let Some(value) = value {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        let wanted = request.headers().get("sec-websocket-protocol").cloned();
        let (connection, response) = tokio_tungstenite::connect_async(request).await.expect("a WebSocket");
        let chosen = response.headers().get("sec-websocket-protocol");
        assert_eq!(chosen, wanted.as_ref().filter(|protocol| *protocol == TRANSPORT));
        Self(connection, VecDeque::new())
    }

    /// One that has begun, with what is in `connection_init`.
    async fn begun(service: &Service, payload: &Value) -> Self {
        let mut socket = Self::open(service, None, Some(TRANSPORT)).await;
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, json!({ "type": "connection_ack" }));
        socket
    }

    async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text.to_owned())).await.expect("it is sent");
    }

    async fn subscribe(&mut self, id: &str, payload: &Value) {
        self.say(&json!({ "id": id, "type": "subscribe", "payload": payload })).await;
    }

    /// Subscribes, and waits until that has begun.
    async fn follow(&mut self, id: &str, payload: &Value) {
        self.subscribe(id, payload).await;
        self.say(&json!({ "type": "ping", "payload": { "begun": id } })).await;
        let mut unheard = VecDeque::new();
        loop {
            let said = self.hear().await;
            if said["type"] == "pong" && said["payload"]["begun"] == id {
                break;
            }
            unheard.push_back(said);
        }
        self.1 = unheard;
    }

    /// The next message.
    async fn hear(&mut self) -> Value {
        if let Some(said) = self.1.pop_front() {
            return said;
        }
        // Pings keep coming.
        let end = tokio::time::Instant::now() + LONG;
        loop {
            let message = tokio::time::timeout_at(end, self.0.next()).await.expect("something comes");
            match message.expect("a message").expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What has happened, as an operation says next.
    async fn news(&mut self, operation: &str, id: Uuid, kind: &str) -> Value {
        let said = self.hear().await;
        assert_eq!((&said["type"], &said["id"]), (&json!("next"), &json!(operation)), "{said}");
        assert_eq!(said["payload"]["data"]["dialogEvents"], json!({ "id": id, "type": kind }), "{said}");
        said["payload"]["extensions"]["lastEventId"].clone()
    }

    /// The code with which it is closed.
    async fn closed(&mut self) -> u16 {
        loop {
            match tokio::time::timeout(LONG, self.0.next()).await.expect("something comes") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

mod web_sockets {
    use super::*;

    #[tokio::test]
    async fn carry_several_operations() {
        let service = Service::shared().await;
        let owner = service.owner();
        let ((one, one_token), (two, two_token)) =
            (dialog_with_token(service).await, dialog_with_token(service).await);
        let mut socket = Socket::open(service, Some(&one_token), Some(TRANSPORT)).await;
        socket.say(&json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket.say(&json!({ "type": "ping", "payload": { "a": 1 } })).await;
        assert_eq!(socket.hear().await, json!({ "type": "pong", "payload": { "a": 1 } }));
        socket.say(&json!({ "type": "pong" })).await;
        socket.follow("a", &subscription(one)).await;
        socket.subscribe("b", &subscription(two)).await;
        let refused = socket.hear().await;
        assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("b")), "{refused}");
        assert_eq!(refused["payload"][0]["extensions"]["code"], "AUTH_NOT_AUTHORIZED");
        // Its id is free again.
        socket.subscribe("b", &json!({ "query": "{ nothing }" })).await;
        assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "BAD_REQUEST");
        socket.subscribe("b", &json!({ "query": "{ limits { __typename } }" })).await;
        assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "AUTH_NOT_AUTHORIZED");
        let deep = "{ dialogById(dialogId: 1) ".to_owned() + &"{ a ".repeat(13) + &"}".repeat(14);
        socket.subscribe("b", &json!({ "query": deep })).await;
        assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "DEPTH_LIMIT");
        owner.patch(one, &progress(1)).await.expect(204);
        let first = socket.news("a", one, UPDATED).await;
        owner.delete(one).await.expect(204);
        socket.news("a", one, DELETED).await;
        // Once more from the first on, beside the other.
        let mut again = subscription(one);
        again["extensions"] = json!({ "lastEventId": first });
        socket.subscribe("b", &again).await;
        socket.news("b", one, DELETED).await;
        // It says no more.
        socket.say(&json!({ "id": "a", "type": "complete" })).await;
        socket.say(&json!({ "type": "ping" })).await;
        assert_eq!(socket.hear().await, json!({ "type": "pong" }));
        owner.act(one, "restore").await.expect(204);
        socket.news("b", one, UPDATED).await;
        owner.act(one, "purge").await.expect(204);
        socket.news("b", one, DELETED).await;
        assert_eq!(socket.hear().await, json!({ "id": "b", "type": "complete" }));

        let mut other = Socket::begun(service, &json!({ "Digdir-Dialog-Token": two_token })).await;
        other.follow("a", &subscription(two)).await;
        owner.patch(two, &progress(1)).silently().await.expect(204);
        other.news("a", two, UPDATED).await;
    }

    #[tokio::test]
    async fn carry_queries_and_mutations() {
        let service = Service::shared().await;
        let id = service.owner().created(&dialog()).await;
        let token = service.person_token();
        let mut socket = Socket::begun(service, &json!({ "Authorization": format!("Bearer {token}") })).await;
        let query = json!({
            "query": "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { id } errors { __typename } } }",
            "variables": { "id": id },
        });
        socket.subscribe("q", &query).await;
        let data = json!({ "dialogById": { "dialog": { "id": id }, "errors": [] } });
        assert_eq!(socket.hear().await, json!({ "id": "q", "type": "next", "payload": { "data": data } }));
        assert_eq!(socket.hear().await, json!({ "id": "q", "type": "complete" }));
        let label = json!({ "query": format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{id}\", addLabels: [BIN], removeLabels: [] }}) {{ success }} }}"
        ) });
        socket.subscribe("q", &label).await;
        assert_eq!(socket.hear().await["payload"]["data"]["setSystemLabel"]["success"], true);
        assert_eq!(socket.hear().await["type"], "complete");
        socket.subscribe("q", &subscription(id)).await;
        assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "AUTH_NOT_AUTHORIZED");
    }

    /// What a connection does belongs to the trace of the request that has opened it.
    #[tokio::test]
    async fn carry_a_trace() {
        let service = Service::alone().await;
        let id = service.owner().created(&dialog()).await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        // The same trace, in which the request is a span of its own.
        let is_part =
            |other: &str| other.starts_with(&trace[..36]) && other.ends_with("-01") && other != trace;
        let bearer = format!("Bearer {}", service.person_token());
        let headers = [
            ("authorization", Some(bearer.as_str())),
            ("sec-websocket-protocol", Some(TRANSPORT)),
            ("traceparent", Some(trace)),
        ];
        let mut socket = Socket::open_with(&service, &headers).await;
        socket.say(&json!({ "type": "connection_init" })).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        for refused in [json!({ "query": "{ nothing }" }), subscription(id)] {
            socket.subscribe("a", &refused).await;
            let said = socket.hear().await;
            assert_eq!(said["type"], "error", "{said}");
            assert!(is_part(said["payload"][0]["extensions"]["traceId"].as_str().unwrap()), "{said}");
        }
        let query = format!("{{ dialogById(dialogId: \"{id}\") {{ dialog {{ id }} }} }}");
        let opening = async {
            socket.subscribe("b", &json!({ "query": query })).await;
            assert_eq!(socket.hear().await["type"], "next");
        };
        // It is read and, as it is opened for the first time, written.
        let ((), statements) = statements::in_trace(&trace[3..35], opening).await;
        assert_eq!(statements.len(), 2, "{statements:#?}");
        let told = "select coalesce(payload ->> 'traceparent', '') from outbox order by sequence";
        let told: Vec<String> = service.database.rows(told).await;
        let [creation, opening] = &told[..] else { panic!("{told:?}") };
        assert!(is_part(opening) && !is_part(creation), "{told:?}");
    }

    #[tokio::test]
    async fn are_closed_as_the_protocol_says() {
        let service = Service::shared().await;
        let (id, token) = dialog_with_token(service).await;
        let transport = Some(TRANSPORT);
        let init = json!({ "type": "connection_init" });
        let subscribe = json!({ "id": "a", "type": "subscribe", "payload": subscription(id) });
        for (messages, code) in [
            (vec![subscribe.to_string()], 4401),
            (vec![init.to_string(), init.to_string()], 4429),
            (vec![init.to_string(), subscribe.to_string(), subscribe.to_string()], 4409),
            (vec!["{".to_owned()], 4400),
            (vec![init.to_string(), json!({ "type": "start" }).to_string()], 4400),
            (vec![init.to_string(), json!({ "type": "subscribe", "id": "a" }).to_string()], 4400),
            (vec![init.to_string(), json!({ "type": "ping", "x": " ".repeat(1_000_001) }).to_string()], 1009),
        ] {
            let mut socket = Socket::open(service, Some(&token), transport).await;
            for message in &messages {
                // The last one may no longer be wanted.
                let _ = socket.0.send(Message::text(message.clone())).await;
            }
            let has_begun = messages.len() > 1;
            if has_begun {
                assert_eq!(socket.hear().await["type"], "connection_ack");
            }
            let first = messages[0].get(..60).unwrap_or(&messages[0]);
            assert_eq!(socket.closed().await, code, "{} messages: {first}", messages.len());
        }
        let mut binary = Socket::open(service, Some(&token), transport).await;
        binary.0.send(Message::binary(init.to_string().into_bytes())).await.unwrap();
        assert_eq!(binary.closed().await, 4400);
        let mut garbled = Socket::open(service, Some(&token), transport).await;
        let text = frame::Frame::message(&b"{\xff}"[..], OpCode::Data(Data::Text), true);
        garbled.0.send(Message::Frame(text)).await.unwrap();
        assert_eq!(garbled.closed().await, 1007);
        for payload in [json!({}), json!({ "Authorization": "Bearer x" }), json!({ "Authorization": token })]
        {
            let mut socket = Socket::open(service, None, transport).await;
            socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
            assert_eq!(socket.closed().await, 4403, "{payload}");
        }
        for protocol in [None, Some("graphql-ws")] {
            let request = Socket::open_refused(service, protocol).await;
            assert!(request.is_none_or(|code| code == 4406));
        }
        // Who says nothing is waited for only so long.
        let mut silent = Socket::open(service, Some(&token), transport).await;
        assert_eq!(silent.closed().await, 4408);
        // A bad token is no WebSocket at all.
        let bad = service.with_token("x.y.z").get("/graphql");
        bad.header("connection", "upgrade").header("upgrade", "websocket").await.assert_problem_document(401);
        let no_key = service.with_token(&token).get("/graphql");
        no_key
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .await
            .assert_problem_document(400);
    }

    /// RFC 6455, section 5.5.1.
    #[tokio::test]
    async fn answer_who_closes_them() {
        let service = Service::shared().await;
        let (id, token) = dialog_with_token(service).await;
        let done = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
        for (frame, has_begun) in [(Some(done.clone()), true), (None, true), (Some(done), false)] {
            let mut socket = Socket::open(service, Some(&token), Some(TRANSPORT)).await;
            if has_begun {
                socket.say(&json!({ "type": "connection_init" })).await;
                assert_eq!(socket.hear().await["type"], "connection_ack");
                socket.follow("a", &subscription(id)).await;
            }
            socket.0.send(Message::Close(frame.clone())).await.unwrap();
            let mut said = Vec::new();
            while let Some(message) = tokio::time::timeout(LONG, socket.0.next()).await.expect("it ends") {
                match message.expect("no end without an answer") {
                    Message::Ping(_) => {}
                    message => said.push(message),
                }
            }
            assert_eq!(said, [Message::Close(frame)]);
        }
    }

    #[tokio::test]
    async fn keep_nothing_for_who_does_not_read() {
        let service = Service::with_connections(2).await;
        let id = service.owner().created(&dialog()).await;
        let person = service.person();
        let bearer = json!({ "authorization": format!("Bearer {}", service.person_token()) });
        let mut socket = Socket::begun(&service, &bearer).await;
        let dialogs =
            (0..5).map(|number| format!("a{number}: dialogById(dialogId: \"{id}\") {{ dialog {{ id }} }} "));
        let query = json!({ "query": format!("{{ {} }}", dialogs.collect::<String>()) });
        // What is answered to these is as long; nobody reads it.
        let ping = json!({ "type": "ping", "payload": { "a": "x".repeat(900_000) } });
        let mut number = 0;
        while tokio::time::timeout(Duration::from_secs(1), socket.say(&ping)).await.is_ok() {
            number += 1;
            assert!(number < 100, "somebody reads");
            for operation in 0..5 {
                let id = format!("{number}-{operation}");
                let message = json!({ "id": id, "type": "subscribe", "payload": query });
                let said = socket.say(&message);
                if tokio::time::timeout(Duration::from_secs(1), said).await.is_err() {
                    break;
                }
            }
        }
        for _ in 0..4 {
            person.get(&format!("/api/v1/enduser/dialogs/{id}")).await.expect(200);
        }
    }

    #[tokio::test]
    async fn carry_so_many_operations_at_a_time() {
        let service = Service::shared().await;
        let (id, token) = dialog_with_token(service).await;
        let bearer = json!({ "authorization": format!("Bearer {token}") });
        let mut socket = Socket::begun(service, &bearer).await;
        for number in 0..=20 {
            socket.subscribe(&number.to_string(), &subscription(id)).await;
        }
        let refused = socket.hear().await;
        assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("20")), "{refused}");
        assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
        // Those of the token are counted over all connections.
        service.owner().patch(id, &progress(1)).await.expect(204);
        for _ in 0..20 {
            assert_eq!(socket.hear().await["type"], "next");
        }
        let mut other = Socket::begun(service, &bearer).await;
        other.follow("a", &subscription(id)).await;
        let refused = other.hear().await;
        assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{refused}");
    }

    #[tokio::test]
    async fn end_with_the_token_and_with_the_service() {
        let clock = Clock::fixed(Timestamp::parse("2031-05-17T12:00:00Z").unwrap());
        let service = Service::telling(clock, |_| {}).await;
        let (id, token) = dialog_with_token(&service).await;
        let bearer = json!({ "authorization": format!("Bearer {token}") });
        let mut socket = Socket::begun(&service, &bearer).await;
        socket.follow("a", &subscription(id)).await;
        service.owner().patch(id, &progress(1)).await.expect(204);
        socket.news("a", id, UPDATED).await;
        service.clock.advance_seconds(600);
        service.owner().patch(id, &progress(2)).await.expect(204);
        assert_eq!(socket.hear().await, json!({ "id": "a", "type": "complete" }));
        service.clock.advance_seconds(1);
        assert_eq!(socket.closed().await, 4403);

        let token = token_of(&service, id).await;
        let bearer = json!({ "authorization": format!("Bearer {token}") });
        let (mut busy, mut idle) =
            (Socket::begun(&service, &bearer).await, Socket::begun(&service, &bearer).await);
        busy.follow("a", &subscription(id)).await;
        service.owner().patch(id, &progress(3)).await.expect(204);
        busy.news("a", id, UPDATED).await;
        drop(service);
        assert_eq!(busy.hear().await, json!({ "id": "a", "type": "complete" }));
        assert_eq!(busy.closed().await, 1001);
        assert_eq!(idle.closed().await, 1001);
    }
}

impl Socket {
    /// The code with which a WebSocket of another protocol is closed; `None` where there is none.
    async fn open_refused(service: &Service, protocol: Option<&str>) -> Option<u16> {
        let mut request = format!("ws://{}/graphql", service.address()).into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        // The client itself refuses an answer without the protocol that it has asked for.
        let (connection, _) = tokio_tungstenite::connect_async(request).await.ok()?;
        Some(Self(connection, VecDeque::new()).closed().await)
    }
}

/// Documents that would take for ever are refused at once, also in operations that are not asked for.
#[tokio::test]
async fn fragments_that_multiply_are_refused() {
    let service = Service::shared().await;
    let person = service.person();
    let multiply = |index: u32| {
        let next = index + 1;
        format!("fragment F{index} on Queries {{ ...F{next} ...F{next} }}")
    };
    let fragments = (0..40).map(multiply).collect::<Vec<_>>().join(" ");
    for end in ["fragment F40 on Queries { limits { __typename } }", ""] {
        for start in ["{ ...F0 }", "query A { limits { __typename } } query B { ...F0 }"] {
            let request = json!({ "query": format!("{start} {fragments} {end}"), "operationName": "A" });
            let request = if start.starts_with('{') { request.without("/operationName") } else { request };
            let answer = person.call(Method::POST, "/graphql").json(&request).await.expect(400);
            assert_eq!(answer.json()["errors"][0]["extensions"]["code"], "COMPLEXITY_LIMIT", "{start}");
        }
    }
}
