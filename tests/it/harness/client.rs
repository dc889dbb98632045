//! Clients, and what can be said about answers.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bytes::Bytes;
use dialogporten::json::{self, Json};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

const OWNER_DIALOGS: &str = "/api/v1/serviceowner/dialogs";
const USER_DIALOGS: &str = "/api/v1/enduser/dialogs";

/// Somebody who calls the service.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    /// A client of the service at `url`.
    pub fn new(url: &str, token: Option<String>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, url: url.to_owned(), token }
    }

    /// The same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A call to a path, which may have a query.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let call = Call {
            http: self.http.clone(),
            method,
            url: format!("{}{path}", self.url),
            headers: HeaderMap::new(),
            body: None,
        };
        match &self.token {
            Some(token) => call.header("authorization", &format!("Bearer {token}")),
            None => call,
        }
    }

    /// GET
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// Creates a dialog.
    pub fn create(&self, dialog: &Value) -> Call {
        self.call(Method::POST, OWNER_DIALOGS).json(dialog)
    }

    /// Creates a dialog, which must succeed, and gives its id.
    pub async fn created(&self, dialog: &Value) -> Uuid {
        self.create(dialog).await.expect(201).id()
    }

    /// The dialog as its service owner sees it.
    pub fn read(&self, id: Uuid) -> Call {
        self.get(&format!("{OWNER_DIALOGS}/{id}"))
    }

    /// The dialog as its service owner sees it, which must succeed.
    pub async fn dialog(&self, id: Uuid) -> Value {
        self.read(id).await.expect(200).json()
    }

    /// The service owner opens the dialog for a person.
    pub fn read_for(&self, id: Uuid, end_user: &str) -> Call {
        self.get(&format!("{OWNER_DIALOGS}/{id}?endUserId={end_user}"))
    }

    /// Replaces a dialog.
    pub fn put(&self, id: Uuid, dialog: &Value) -> Call {
        self.call(Method::PUT, &format!("{OWNER_DIALOGS}/{id}")).json(dialog)
    }

    /// Patches a dialog.
    pub fn patch(&self, id: Uuid, operations: &Value) -> Call {
        self.call(Method::PATCH, &format!("{OWNER_DIALOGS}/{id}"))
            .content_type("application/json-patch+json")
            .body(operations.to_string())
    }

    /// Any call below a dialog, as its service owner.
    pub fn below(&self, method: Method, id: Uuid, path: &str) -> Call {
        self.call(method, &format!("{OWNER_DIALOGS}/{id}/{path}"))
    }

    /// Deletes a dialog.
    pub fn delete(&self, id: Uuid) -> Call {
        self.call(Method::DELETE, &format!("{OWNER_DIALOGS}/{id}"))
    }

    /// Restores, purges or freezes a dialog.
    pub fn act(&self, id: Uuid, action: &str) -> Call {
        self.below(Method::POST, id, &format!("actions/{action}"))
    }

    /// Adds a child to one of the lists below a dialog.
    pub fn append(&self, id: Uuid, list: &str, child: &Value) -> Call {
        self.below(Method::POST, id, list).json(child)
    }

    /// Corrects a transmission, silently.
    pub fn correct(&self, id: Uuid, transmission: Uuid, body: &Value) -> Call {
        self.below(Method::PUT, id, &format!("transmissions/{transmission}?isSilentUpdate=true")).json(body)
    }

    /// What is below a dialog, which must be there.
    pub async fn list_below(&self, id: Uuid, path: &str) -> Value {
        self.below(Method::GET, id, path).await.expect(200).json()
    }

    /// The end user opens a dialog.
    pub fn open(&self, id: Uuid) -> Call {
        self.get(&format!("{USER_DIALOGS}/{id}"))
    }

    /// The end user opens a dialog, which must succeed.
    pub async fn opened(&self, id: Uuid) -> Value {
        self.open(id).await.expect(200).json()
    }

    /// The end user lists dialogs.
    pub fn list(&self, query: &[(&str, &str)]) -> Call {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("{USER_DIALOGS}?{query}"))
    }

    /// The service owner lists dialogs.
    pub fn owned(&self, query: &[(&str, &str)]) -> Call {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("{OWNER_DIALOGS}?{query}"))
    }

    /// Opens a stream of server-sent events, after the one with this id.
    pub async fn follow(&self, path: &str, after: Option<&str>) -> Following {
        let mut request = self.http.get(format!("{}/api/v1/enduser/{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("the service answers");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Following { response, text: String::new() }
    }

    /// The end user lists dialogs, which must succeed; gives their ids.
    pub async fn listed(&self, query: &[(&str, &str)]) -> Vec<Uuid> {
        self.list(query).await.expect(200).item_ids()
    }
}

/// A call that is made when awaited.
#[must_use = "a call is made when it is awaited"]
pub struct Call {
    http: reqwest::Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<reqwest::Body>,
}

impl Call {
    /// Adds a header, beside others of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the name of a header");
        self.headers.append(name, HeaderValue::try_from(value).expect("the value of a header"));
        self
    }

    /// Says what the body is.
    pub fn content_type(self, media_type: &str) -> Self {
        self.header("content-type", media_type)
    }

    /// A body without a media type of its own.
    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A body of `application/json`.
    pub fn json(self, body: &Value) -> Self {
        self.content_type("application/json").body(body.to_string())
    }

    /// Only if the dialog has this revision.
    pub fn if_match(self, revision: Uuid) -> Self {
        self.header("if-match", &format!("\"{revision}\""))
    }

    /// As a silent update.
    pub fn silently(mut self) -> Self {
        self.url.push_str("?isSilentUpdate=true");
        self
    }
}

impl Call {
    /// Makes the call, and gives the answer before its body has come.
    pub async fn stream(self) -> reqwest::Response {
        let mut request = self.http.request(self.method, self.url).headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        request.send().await.expect("the service answers")
    }

    /// Makes the call; `None` when the service does not answer.
    pub async fn attempt(self) -> Option<Answer> {
        let mut request = self.http.request(self.method, self.url).headers(self.headers);
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let path = response.url().path().to_owned();
        let body = response.bytes().await.ok()?;
        Some(Answer { status, headers, body, path })
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.attempt().await.expect("the service answers") })
    }
}

/// What the service answered.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// The path that was called.
    path: String,
}

impl Answer {
    /// The answer itself, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The only value of a header.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().expect("a header in ASCII"));
        assert!(values.next().is_none(), "{name} occurs more than once");
        value
    }

    /// The id that the body of a 201 is.
    #[track_caller]
    pub fn id(&self) -> Uuid {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not an id: {}", self.text()))
    }

    /// The revision in the strong tag of the answer.
    #[track_caller]
    pub fn etag(&self) -> Uuid {
        let tag = self.header("etag").expect("an ETag");
        let revision = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        revision
            .and_then(|revision| revision.parse().ok())
            .unwrap_or_else(|| panic!("not a strong tag: {tag}"))
    }

    /// Ids of the items of a list.
    #[track_caller]
    pub fn item_ids(&self) -> Vec<Uuid> {
        let list = self.json();
        let items = list["items"].as_array().expect("a list has items");
        items.iter().map(|item| item["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")).collect()
    }

    /// The keys of `errors`.
    #[track_caller]
    pub fn error_keys(&self) -> Vec<String> {
        self.json()["errors"].as_object().map(|errors| errors.keys().cloned().collect()).unwrap_or_default()
    }

    /// The answer is a problem document with this status, and with these keys and no others, each
    /// with a text that contains what is given. No keys: there is no member `errors`.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, errors: &[(&str, &str)]) {
        let problem = self.assert_problem_document(status);
        let found = problem["errors"].as_object();
        assert_eq!(found.is_some(), !errors.is_empty(), "{problem:#}");
        for (key, contains) in errors {
            let texts = found.and_then(|found| found.get(*key)).and_then(Value::as_array);
            let texts = texts.unwrap_or_else(|| panic!("no key {key}: {problem:#}"));
            let is_there = texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(contains)));
            assert!(is_there, "{key} does not say {contains:?}: {problem:#}");
        }
        for key in found.into_iter().flat_map(|found| found.keys()) {
            assert!(errors.iter().any(|(expected, _)| expected == key), "{key} is too much: {problem:#}");
        }
    }

    /// The answer is a problem document with this status: media type, members and their order.
    #[track_caller]
    pub fn assert_problem_document(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json; charset=utf-8"));
        let Ok(Json::Object(members)) = json::parse(&self.body) else {
            panic!("not an object: {}", self.text());
        };
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let order = [
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "traceId",
            "dialogId",
            "transmissionId",
            "errors",
        ];
        let expected: Vec<&str> = order.into_iter().filter(|name| names.contains(name)).collect();
        assert_eq!(names, expected, "members or their order");
        for name in ["type", "title", "status", "instance", "traceId"] {
            assert!(names.contains(&name), "{name} is missing: {}", self.text());
        }
        let problem = self.json();
        let kind = format!("https://datatracker.ietf.org/doc/html/{}", section_of(status));
        assert_eq!(problem["type"], kind);
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem:#}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], self.path);
        let trace: Vec<usize> = problem["traceId"].as_str().expect("text").split('-').map(str::len).collect();
        assert_eq!(trace, [2, 32, 16, 2], "{problem:#}");
        problem
    }
}

/// Where the standards describe a status.
fn section_of(status: u16) -> &'static str {
    match status {
        400 => "rfc7231#section-6.5.1",
        401 => "rfc7235#section-3.1",
        403 => "rfc7231#section-6.5.3",
        404 => "rfc7231#section-6.5.4",
        405 => "rfc7231#section-6.5.5",
        406 => "rfc7231#section-6.5.6",
        409 => "rfc7231#section-6.5.8",
        410 => "rfc7231#section-6.5.9",
        412 => "rfc7232#section-4.2",
        413 => "rfc7231#section-6.5.11",
        415 => "rfc7231#section-6.5.13",
        422 => "rfc4918#section-11.2",
        500 => "rfc7231#section-6.6.1",
        502 => "rfc7231#section-6.6.3",
        503 => "rfc7231#section-6.6.4",
        _ => panic!("no problem of status {status} is expected"),
    }
}

/// A stream of server-sent events.
pub struct Following {
    response: reqwest::Response,
    text: String,
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where it is.
    pub id: String,
    /// Its name; empty for what is none.
    pub name: String,
    /// What it says.
    pub data: Value,
}

impl Following {
    /// The next event; `None` when the stream ends.
    pub async fn next(&mut self) -> Option<Sent> {
        loop {
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = frame.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                if let Ok(data) = serde_json::from_str(&field("data")) {
                    return Some(Sent { id: field("id"), name: field("event"), data });
                }
            }
            let chunk = tokio::time::timeout(std::time::Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.expect("something comes").ok().flatten()?;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The next events, by type without what all types have in common.
    pub async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            let sent = self.next().await.expect("an event");
            let kind = sent.data["type"].as_str().unwrap_or_default();
            kinds.push(kind.trim_start_matches("dialogporten.dialog.").trim_end_matches(".v1").to_owned());
        }
        kinds
    }
}
