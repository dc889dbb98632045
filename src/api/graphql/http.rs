//! The graph over HTTP (GraphQL over HTTP, draft of the GraphQL Foundation).

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, VariableDefinition,
};
use async_graphql::{Name, Response as Answer, ServerError, Variables};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use super::credentials::Credentials;
use super::documents::{Document, Documents};
use super::error::Code;
use super::known::{Known, KnownDocuments, Root};
use super::subscription::{self, Marks};
use super::validation::Read;
use super::{GraphSettings, Schema, cost, definition, event_stream, page, schema, validation, web_socket};
use crate::api::ApiState;
use crate::api::http::accept_language;
use crate::api::http::body::{self, Unread};
use crate::api::http::context::TraceId;
use crate::api::http::operation::{read_media_type, turned_away, unauthorized};
use crate::api::http::query::Query;
use crate::app::Languages;
use crate::json::Failures;
use crate::store::Position;

/// Most bytes of a body.
pub(super) const BODY_BYTES: usize = 1_000_000;

/// Fewest bytes of an answer that are worth to be compressed.
pub(super) const COMPRESSED_BYTES: u64 = 1_024;

/// Most errors that an answer tells.
pub(super) const MOST_ERRORS: usize = 100;

const RESPONSE_JSON: &str = "application/graphql-response+json";
const EVENT_STREAM: &str = "text/event-stream";

/// Name of the place of an event in `extensions`.
const LAST_EVENT_ID: &str = "lastEventId";

/// Why the caller may not ask for anything.
#[derive(Clone)]
pub(super) struct Refused(pub(super) Code, pub(super) String);

/// The routes of the graph.
pub fn router(settings: &GraphSettings) -> Router<ApiState> {
    let graph = Arc::new(Graph {
        schema: schema(settings.introspection),
        known: KnownDocuments::new(),
        settings: settings.clone(),
    });
    let handler = move |State(api): State<ApiState>, request: Request| {
        let graph = Arc::clone(&graph);
        async move { graph.answer(&api, request).await }
    };
    let mut methods = MethodRouter::new().get(handler.clone()).post(handler).layer(compression());
    if !settings.origins.is_empty() {
        // What browsers ask beforehand has no token.
        methods = methods.options(async || StatusCode::NO_CONTENT).layer(cross_origin(&settings.origins));
    }
    let router = Router::new().route("/graphql", methods.clone()).route("/graphql/{*anything}", methods);
    if settings.page { router.route("/graphql/assets/{name}", get(page::asset)) } else { router }
}

/// Answers with a dialog token are left as they are: beside what an attacker can put into an answer, its
/// length would tell about the token.
#[derive(Clone, Copy)]
struct WithToken;

fn compression() -> CompressionLayer<impl Predicate> {
    let without_token = |_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
        extensions.get::<WithToken>().is_none()
    };
    let worth_it = SizeAbove::new(COMPRESSED_BYTES).and(NotForContentType::SSE).and(without_token);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}

/// Lets pages of these origins ask from browsers (Fetch Standard, section 3.2). Tokens are sent by the
/// pages themselves, so nothing that browsers would add is needed.
fn cross_origin(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::ETAG, header::EXPIRES, header::RETRY_AFTER])
        .max_age(Duration::from_hours(1))
}

pub(super) struct Graph {
    pub schema: Schema,
    known: KnownDocuments,
    pub settings: GraphSettings,
}

/// What is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
pub(super) struct Asked {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    /// Of these `lastEventId` and `persistedQuery` mean something.
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
    /// The hash of the document, where it is to be remembered by it.
    #[serde(skip)]
    hash: Option<String>,
}

impl Asked {
    /// The same with the document that it brings or names.
    ///
    /// # Errors
    /// There is none, or none that may be carried out.
    pub(super) fn with_document(mut self, documents: &Documents) -> Result<Self, Unreadable> {
        let Document { text, hash } = documents.find(self.query.take(), self.extensions.as_ref())?;
        Ok(Self { query: Some(text), hash, ..self })
    }
}

/// The media type of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/graphql-response+json`: the status tells how it went.
    Response,
    /// `application/json`: the status is 200 for whatever is a request of GraphQL.
    Legacy,
}

impl Form {
    fn wanted(headers: &HeaderMap) -> Self {
        let names = |name| accepts(headers, name);
        if !names(RESPONSE_JSON) && names("application/json") { Self::Legacy } else { Self::Response }
    }
}

/// An operation that may be carried out.
pub(super) enum Prepared {
    /// It has one answer.
    Single(Box<Single>),
    /// It has any number of answers.
    Subscription(Box<async_graphql::Request>, Arc<Marks>),
}

/// An operation that has one answer.
pub(super) struct Single {
    request: async_graphql::Request,
    roots: Arc<[Root]>,
}

/// What an operation comes with, beside what it says.
#[derive(Clone)]
pub(super) struct Circumstances {
    pub credentials: Credentials,
    pub languages: Languages,
    /// The place of the last event that the client has had, as a header says.
    pub last_event_id: Option<String>,
    /// Whether it must not change anything.
    pub is_safe: bool,
}

impl Graph {
    async fn answer(self: Arc<Self>, api: &ApiState, request: Request) -> Response {
        if let Some(maintenance) = api.maintenance {
            return turned_away(maintenance, request.headers());
        }
        if is_upgrade(request.headers()) {
            return web_socket::upgrade(self, api, request).await;
        }
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        let parameters = Query::parse(request.uri().query());
        let has_query = ["query", "extensions"].iter().any(|name| parameters.first(name).is_some());
        if is_get && self.settings.page && !has_query && accepts(request.headers(), "text/html") {
            return page::page();
        }
        let credentials = match Credentials::of_headers(api, request.headers()).await {
            Ok(credentials) => credentials,
            Err(refusal) => return unauthorized(refusal).into_response(),
        };
        let tells_schema = self.settings.introspection && parameters.first("sdl").is_some();
        if is_get && !has_query && tells_schema {
            let mut response = definition().into_response();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
            return response;
        }
        let form = Form::wanted(request.headers());
        let trace = request.extensions().get::<TraceId>().cloned().unwrap_or_default();
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let asked = if is_get { of_parameters(&parameters) } else { of_body(request).await };
        let asked = match asked.and_then(|asked| asked.with_document(&self.settings.documents)) {
            Ok(asked) => asked,
            // What is no request of GraphQL is an error in the older form, too.
            Err((code, message)) => return render(code.response(message), Form::Response, form, &trace),
        };
        let has_token = asked.query.as_ref().is_some_and(|query| query.contains("dialogToken"));
        let languages = match accept_language::read(&headers) {
            Ok(languages) => languages,
            Err(message) => return render(Code::BadRequest.response(message), form, form, &trace),
        };
        let last_event_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let last_event_id = last_event_id.map(str::to_owned);
        let circumstances = Circumstances { credentials, languages, last_event_id, is_safe: is_get };
        let takes_events = accepts(&headers, EVENT_STREAM);
        match self.prepare(api, asked, circumstances) {
            Err(refusal) => render(*refusal, form, form, &trace),
            Ok(Prepared::Single(operation)) => {
                let answer = self.execute(*operation).await;
                let takes_json = accepts(&headers, RESPONSE_JSON) || accepts(&headers, "application/json");
                if !takes_events || takes_json {
                    let mut response = render(answer, form, form, &trace);
                    if has_token {
                        response.extensions_mut().insert(WithToken);
                    }
                    return response;
                }
                let answer_headers = answer.http_headers.clone();
                let (status, document) = document(answer, form, &trace);
                match status {
                    StatusCode::OK => event_stream::single(&document, answer_headers),
                    status => json_response(status, &document, form, answer_headers),
                }
            }
            Ok(Prepared::Subscription(..)) if !takes_events => {
                let text = "A subscription is answered with server-sent events (Accept: text/event-stream), or \
                            on a WebSocket (graphql-transport-ws).";
                render(Code::BadRequest.response(text), form, form, &trace)
            }
            Ok(Prepared::Subscription(request, marks)) => {
                match subscription::open(&self.schema, *request, &marks).await {
                    Ok(events) => event_stream::subscription(events, marks, trace, &method),
                    Err(refusal) => render(*refusal, form, form, &trace),
                }
            }
        }
    }

    /// Looks whether an operation may be carried out, and makes it ready.
    ///
    /// # Errors
    /// The answer that it is refused with.
    pub(super) fn prepare(
        &self,
        api: &ApiState,
        asked: Asked,
        circumstances: Circumstances,
    ) -> Result<Prepared, Box<Answer>> {
        let refused = |message: String| Box::new(Code::BadRequest.response(message));
        let Asked { query, operation_name, variables, extensions, hash } = asked;
        let query = query.unwrap_or_default();
        let given = variables.unwrap_or_default();
        cost::check_values(&given).map_err(limited)?;
        let mut variables = Variables::from_json(Value::Object(given.clone()));
        let document = self.document(&query, &variables)?;
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let operation = cost::operation(document.all(), operation_name.as_deref()).map_err(refused)?;
        let wrong = |errors| Box::new(Answer::from_errors(errors));
        validation::check_variables(operation, &given).map_err(wrong)?;
        complete(&mut variables, operation);
        check_nulls(&document, operation, &variables).map_err(wrong)?;
        let kind = operation.ty;
        if let Some(hash) = hash {
            self.settings.documents.remember(hash, &query);
        }
        let Circumstances { credentials, languages, last_event_id, is_safe } = circumstances;
        if is_safe && kind == OperationType::Mutation {
            return Err(Box::new(Code::Method.response("Mutations are sent with POST.")));
        }
        let (mut request, roots) = document.request(operation, &variables);
        request = request.variables(variables);
        if kind == OperationType::Subscription {
            let is_right = subscription::check_one_field(document.all(), operation, &roots);
            is_right.map_err(|message| refused(message.to_owned()))?;
        }
        request = request.data(ApiState::clone(api)).data(languages);
        if kind == OperationType::Subscription {
            let marks =
                Marks::after(last_event(extensions.as_ref(), last_event_id.as_deref()).map_err(refused)?);
            if let Some(token) = credentials.dialog {
                request = request.data(token);
            }
            return Ok(Prepared::Subscription(Box::new(request.data(Arc::clone(&marks))), marks));
        }
        request = match credentials.caller(api.app.clock.now()) {
            Ok(caller) => request.data(caller),
            Err(refused) => request.data(refused),
        };
        Ok(Prepared::Single(Box::new(Single { request, roots })))
    }

    /// A document that is right, and asks for no more than it may.
    fn document(&self, text: &str, variables: &Variables) -> Result<Arc<Known>, Box<Answer>> {
        // Operations that are not asked for are looked at, too, when a document is validated.
        let check_cost = |document: &ExecutableDocument| {
            document.operations.iter().try_for_each(|(_, operation)| {
                cost::check(document, &operation.node, variables, self.settings.introspection)
                    .map_err(limited)
            })
        };
        if let Some(known) = self.known.document(text) {
            check_cost(known.all())?;
            return Ok(known);
        }
        let refused = |errors| Box::new(Answer::from_errors(errors));
        cost::check_text(text).map_err(limited)?;
        let read = Read::new(text).map_err(refused)?;
        let document = read.document();
        cost::check_document(&document).map_err(limited)?;
        check_cost(&document)?;
        read.check().map_err(refused)?;
        Ok(self.known.remember(text, document))
    }

    /// Carries out an operation that has one answer.
    pub(super) async fn execute(&self, operation: Single) -> Answer {
        let Single { request, roots } = operation;
        let mut answer = self.schema.execute(request).await;
        if answer.errors.is_empty() {
            answer.data = mended(answer.data, &roots);
        }
        answer
    }
}

/// The answer to a request that asks for more than it may.
fn limited((code, message): (Code, String)) -> Box<Answer> {
    Box::new(code.response(message))
}

/// Gives variables that are left out their defaults, which the library does not do for those that decide
/// whether a field is there.
fn complete(variables: &mut Variables, operation: &OperationDefinition) {
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, default_value: Some(default), .. } = &definition.node else {
            continue;
        };
        variables.entry(name.node.clone()).or_insert_with(|| default.node.clone());
    }
}

/// Looks whether variables are null where only their defaults would be right, which may be anywhere.
///
/// # Errors
/// All that are.
fn check_nulls(
    document: &Known,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Vec<ServerError>> {
    let names = operation.variable_definitions.iter().map(|one| &one.node).filter_map(|one| {
        let is_null = variables.get(&one.name.node) == Some(&async_graphql::Value::Null);
        (one.default_value.is_some() && is_null).then_some(&one.name.node)
    });
    let names: Vec<&Name> = names.collect();
    if names.is_empty() {
        return Ok(());
    }
    let conditions = names.iter().filter(|name| document.is_condition(name));
    let errors: Vec<ServerError> =
        conditions.map(|name| ServerError::new(format!("${name} must not be null."), None)).collect();
    if errors.is_empty() {
        validation::check_arguments(document.all(), operation, variables)
    } else {
        Err(errors)
    }
}

/// Puts right what the library does otherwise than the specification says (sections 6.3.2 and 7.1.1): the
/// order of the root's fields, and that an object of which nothing is selected is one. None of the root's
/// fields and of the items of a list can be null, but for what is told about the schema.
fn mended(data: async_graphql::Value, roots: &[Root]) -> async_graphql::Value {
    use async_graphql::Value;
    let or_empty = |value: &mut Value| {
        if *value == Value::Null {
            *value = Value::Object(IndexMap::new());
        }
    };
    let Value::Object(mut fields) = data else { return Value::Object(IndexMap::new()) };
    let place = |key: &Name| roots.iter().position(|root| root.key == *key);
    for (key, field) in &mut fields {
        if place(key).is_some_and(|place| roots[place].is_about_schema) {
            continue;
        }
        or_empty(field);
        if let Value::Object(fields) = field {
            for field in fields.values_mut() {
                if let Value::List(items) = field {
                    items.iter_mut().for_each(or_empty);
                }
            }
        }
    }
    if fields.len() > 1 {
        fields.sort_by_cached_key(|key, _| place(key));
    }
    Value::Object(fields)
}

/// The place of the last event that a client has had.
fn last_event(
    extensions: Option<&Map<String, Value>>,
    header: Option<&str>,
) -> Result<Option<Position>, String> {
    let text = match extensions.and_then(|extensions| extensions.get(LAST_EVENT_ID)) {
        None | Some(Value::Null) => header,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => Some("?"),
    };
    let read = |text| {
        Position::parse(text).ok_or_else(|| "The id of the last event must be one of this stream.".to_owned())
    };
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether `Accept` names a media type, with a weight above 0 (RFC 9110, section 12.4.2).
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let is_refusal = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let is_zero = value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0);
            name.trim().eq_ignore_ascii_case("q") && is_zero
        })
    };
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let mut parts = item.split(';');
        let is_named = parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case(media_type));
        is_named && !parts.any(is_refusal)
    })
}

type Unreadable = (Code, String);

fn of_parameters(parameters: &Query) -> Result<Asked, Unreadable> {
    let mut failures = Failures::new();
    let query = parameters.text("query", &mut failures);
    let operation_name = parameters.text("operationName", &mut failures);
    let mut object = |name: &str| match parameters.text(name, &mut failures) {
        None => Ok(None),
        Some(text) => serde_json::from_str::<Option<Map<String, Value>>>(&text)
            .map_err(|_| (Code::BadRequest, format!("{name} must be a JSON object."))),
    };
    let (variables, extensions) = (object("variables")?, object("extensions")?);
    if let Err(failures) = failures.into_result() {
        return Err((
            Code::BadRequest,
            super::error::explained(&failures).map(|(_, text)| text).collect::<Vec<_>>().join(" "),
        ));
    }
    Ok(Asked { query, operation_name, variables, extensions, hash: None })
}

async fn of_body(request: Request) -> Result<Asked, Unreadable> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(read_media_type);
    if media_type.is_none_or(|media_type| media_type.essence_str() != "application/json") {
        return Err((Code::MediaType, "The body must be application/json.".to_owned()));
    }
    let bytes = body::read(request, BODY_BYTES).await.map_err(|unread| match unread {
        Unread::TooLarge => (Code::TooLarge, format!("A body may have at most {BODY_BYTES} bytes.")),
        Unread::TooSlow => (Code::BadRequest, "The body took too long to arrive.".to_owned()),
        Unread::Broken => (Code::BadRequest, "The body did not arrive as a whole.".to_owned()),
    })?;
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let text = "Several requests in one body are not possible; several fields in one request are.";
        return Err((Code::BadRequest, text.to_owned()));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| (Code::BadRequest, format!("The body is not a request of GraphQL: {error}.")))
}

/// Writes an answer; `accepted` says with which media type.
fn render(answer: Answer, form: Form, accepted: Form, trace: &TraceId) -> Response {
    let headers = answer.http_headers.clone();
    let (status, body) = document(answer, form, trace);
    json_response(status, &body, accepted, headers)
}

fn json_response(status: StatusCode, body: &Told, accepted: Form, headers: HeaderMap) -> Response {
    let mut response = Response::new(Body::from(body.to_json()));
    *response.status_mut() = status;
    let media_type = match accepted {
        Form::Response => "application/graphql-response+json; charset=utf-8",
        Form::Legacy => "application/json; charset=utf-8",
    };
    let target = response.headers_mut();
    target.extend(headers);
    target.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    target.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Language"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            target.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            target.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            target.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// The body of an answer of a subscription, with where it is.
pub(super) fn with_mark(mut answer: Answer, mark: Option<&str>, trace: &TraceId) -> Told {
    answer.data = mended(answer.data, &[]);
    let (_, body) = document(answer, Form::Response, trace);
    Told { extensions: mark.map(|mark| json!({ LAST_EVENT_ID: mark })), ..body }
}

/// Status and body: errors have a code and the trace, and a request that was not carried out has no
/// data.
pub(super) fn document(mut answer: Answer, form: Form, trace: &TraceId) -> (StatusCode, Told) {
    answer.errors.truncate(MOST_ERRORS);
    let codes: Vec<Code> = answer.errors.iter().map(Code::of).collect();
    // No field of the roots may be null, so an error leaves no data (GraphQL section 6.4.4). The library
    // would leave out the field alone.
    let data = if codes.is_empty() { answer.data } else { async_graphql::Value::Null };
    let status = match codes.first() {
        Some(code) if form == Form::Response => code.status(),
        _ => StatusCode::OK,
    };
    let errors = answer.errors.iter().zip(&codes).map(|(error, code)| {
        let mut error = json!(error);
        error["extensions"]["code"] = code.name().into();
        error["extensions"]["traceId"] = trace.0.as_str().into();
        error
    });
    // Where the request is wrong there is none; where something else is, data is told even as null.
    let is_about_the_request = |code: &Code| {
        use Code::{MediaType, Method, TooLarge, UnknownDocument};
        code.status() == StatusCode::BAD_REQUEST
            || matches!(code, MediaType | Method | TooLarge | UnknownDocument)
    };
    let data = (!codes.iter().any(is_about_the_request)).then_some(data);
    (status, Told { errors: errors.collect(), data, extensions: None })
}

/// The body of an answer.
pub(super) struct Told {
    pub errors: Vec<Value>,
    data: Option<async_graphql::Value>,
    extensions: Option<Value>,
}

impl Told {
    /// It as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        let begin = |name: &str, json: &mut Vec<u8>| {
            json.push(if json.is_empty() { b'{' } else { b',' });
            let _ = write!(json, "\"{name}\":");
        };
        // Writing into memory does not fail.
        if !self.errors.is_empty() {
            begin("errors", &mut json);
            let _ = serde_json::to_writer(&mut json, &self.errors);
        }
        if let Some(data) = &self.data {
            begin("data", &mut json);
            write_data(data, &mut json);
        }
        if let Some(extensions) = &self.extensions {
            begin("extensions", &mut json);
            let _ = serde_json::to_writer(&mut json, extensions);
        }
        json.push(b'}');
        json
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = String::from_utf8(self.to_json()).map_err(S::Error::custom)?;
        RawValue::from_string(json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Writes what was asked for as JSON, which bytes already are: see [`Shown`](super::selection::Shown).
fn write_data(data: &async_graphql::Value, json: &mut Vec<u8>) {
    use async_graphql::Value;
    match data {
        Value::Binary(shown) => json.extend_from_slice(shown),
        Value::Object(members) => {
            json.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                let _ = write!(json, "{}\"{name}\":", if index > 0 { "," } else { "" });
                write_data(member, json);
            }
            json.push(b'}');
        }
        Value::List(items) => {
            json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write_data(item, json);
            }
            json.push(b']');
        }
        leaf => {
            let _ = serde_json::to_writer(json, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_weight_is_not_accepted() {
        for (accept, expected) in [
            ("application/json", true),
            ("text/html, Application/JSON;q=0.1", true),
            ("application/json ; Q = 0.001", true),
            ("application/json;charset=utf-8", true),
            ("application/json;q=x", true),
            ("application/json;q=0, application/json", true),
            ("text/html;q=0,application/json", true),
            ("application/json;q=0", false),
            ("application/json;q=0.0", false),
            ("application/json ; Q = 0.000 , text/html", false),
            ("application/json;charset=utf-8;q=0.", false),
            ("text/html", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(accepts(&headers, "application/json"), expected, "{accept}");
        }
    }
}
