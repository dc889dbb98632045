//! The graph over HTTP (GraphQL over HTTP, draft of the GraphQL Foundation).

use std::sync::Arc;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Answer, ServerError, Variables};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use super::documents::{Document, Documents};
use super::error::Code;
use super::{GraphSettings, Schema, cost, definition, page, schema};
use crate::access::caller::Caller;
use crate::access::claims::Claims;
use crate::access::policy::{Policy, PolicyRefusal};
use crate::api::ApiState;
use crate::api::http::accept_language;
use crate::api::http::body::{self, Unread};
use crate::api::http::context::TraceId;
use crate::api::http::operation::{claims, read_media_type, turned_away};
use crate::api::http::query::Query;
use crate::json::Failures;

/// Most bytes of a body.
const BODY_BYTES: usize = 1_000_000;

/// Fewest bytes of an answer that are worth to be compressed.
const COMPRESSED_BYTES: u64 = 1_024;

const RESPONSE_JSON: &str = "application/graphql-response+json";

/// Why the caller may not ask for anything.
#[derive(Clone)]
pub(super) struct Refused(pub(super) Code, pub(super) String);

/// The routes of the graph.
pub fn router(settings: GraphSettings) -> Router<ApiState> {
    let has_page = settings.page;
    let graph = Arc::new(Graph { schema: schema(settings.introspection), settings });
    let handler = move |State(api): State<ApiState>, request: Request| {
        let graph = Arc::clone(&graph);
        async move { graph.answer(&api, request).await }
    };
    let methods = MethodRouter::new().get(handler.clone()).post(handler).layer(compression());
    let router = Router::new().route("/graphql", methods.clone()).route("/graphql/{*anything}", methods);
    if has_page { router.route("/graphql/assets/{name}", get(page::asset)) } else { router }
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

struct Graph {
    schema: Schema,
    settings: GraphSettings,
}

/// What is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
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
    fn with_document(mut self, documents: &Documents) -> Result<Self, Unreadable> {
        let Document { text, hash } = documents.find(self.query.take(), self.extensions.as_ref())?;
        Ok(Self { query: Some(text), hash, ..self })
    }
}

/// The media type of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `application/graphql-response+json`: the status tells how it went.
    Response,
    /// `application/json`: the status is 200 for whatever is a request of GraphQL.
    Legacy,
}

impl Form {
    fn wanted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let names =
            |name: &str| accept.split(',').any(|item| item.split(';').next().map(str::trim) == Some(name));
        if !names(RESPONSE_JSON) && names("application/json") { Self::Legacy } else { Self::Response }
    }
}

impl Graph {
    async fn answer(&self, api: &ApiState, request: Request) -> Response {
        if let Some(maintenance) = api.maintenance {
            return turned_away(maintenance, request.headers());
        }
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        let parameters = Query::parse(request.uri().query());
        let has_query = ["query", "extensions"].iter().any(|name| parameters.first(name).is_some());
        if is_get && self.settings.page && !has_query && wants_page(request.headers()) {
            return page::page();
        }
        let claims = match claims(api, request.headers()).await {
            Ok(claims) => claims,
            Err(problem) => return problem.into_response(),
        };
        if is_get && !has_query && parameters.first("sdl").is_some() {
            let mut response = definition().into_response();
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
            return response;
        }
        let form = Form::wanted(request.headers());
        let trace = request.extensions().get::<TraceId>().cloned().unwrap_or_default();
        let headers = request.headers().clone();
        let asked = if is_get { of_parameters(&parameters) } else { of_body(request).await };
        let asked = match asked.and_then(|asked| asked.with_document(&self.settings.documents)) {
            Ok(asked) => asked,
            // What is no request of GraphQL is an error in the older form, too.
            Err((code, message)) => return render(code.response(message), Form::Response, form, &trace),
        };
        let has_token = asked.query.as_ref().is_some_and(|query| query.contains("dialogToken"));
        let answer = self.carry_out(api, asked, &claims, &headers, is_get).await;
        let mut response = render(answer, form, form, &trace);
        if has_token {
            response.extensions_mut().insert(WithToken);
        }
        response
    }

    async fn carry_out(
        &self,
        api: &ApiState,
        asked: Asked,
        claims: &Claims,
        headers: &HeaderMap,
        is_get: bool,
    ) -> Answer {
        let Asked { query, operation_name, variables, hash, .. } = asked;
        let query = query.unwrap_or_default();
        if let Err((code, message)) = cost::check_tokens(&query) {
            return code.response(message);
        }
        let document = match parse_query(&query) {
            Ok(document) => document,
            Err(error) => return Answer::from_errors(vec![ServerError::from(error)]),
        };
        let variables = Variables::from_json(Value::Object(variables.unwrap_or_default()));
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let operation = match cost::operation(&document, operation_name.as_deref()) {
            Ok(operation) => operation,
            Err(message) => return Code::BadRequest.response(message),
        };
        if let Err((code, message)) =
            cost::check(&document, operation, &variables, self.settings.introspection)
        {
            return code.response(message);
        }
        if let Some(hash) = hash {
            self.settings.documents.remember(hash, &query);
        }
        if is_get && operation.ty != OperationType::Query {
            return Code::Method.response("With GET only queries are possible; send others with POST.");
        }
        let languages = match accept_language::read(headers) {
            Ok(languages) => languages,
            Err(message) => return Code::BadRequest.response(message),
        };
        let mut request = async_graphql::Request::new(query).variables(variables);
        request.set_parsed_query(document);
        if let Some(name) = operation_name {
            request = request.operation_name(name);
        }
        request = request.data(ApiState::clone(api)).data(languages);
        request = match admit(claims) {
            Ok(caller) => request.data(caller),
            Err(refused) => request.data(refused),
        };
        self.schema.execute(request).await
    }
}

/// The caller, if the token opens the graph.
fn admit(claims: &Claims) -> Result<Caller, Refused> {
    Policy::EndUser.admit(claims).map_err(|refusal| {
        let is_unknown =
            matches!(refusal, PolicyRefusal::WrongKind { .. }) && Caller::from_claims(claims).is_none();
        let code = if is_unknown { Code::UserTypeUnknown } else { Code::NotAuthorized };
        let mut message = refusal.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Refused(code, message + ".")
    })
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
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
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
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

/// Status and body: errors have a code and the trace, and a request that was not carried out has no
/// data.
fn document(answer: Answer, form: Form, trace: &TraceId) -> (StatusCode, Value) {
    let codes: Vec<Code> = answer.errors.iter().map(Code::of).collect();
    let data = answer.data.into_json().unwrap_or_default();
    let status = match codes.first() {
        Some(code) if data.is_null() && form == Form::Response => code.status(),
        _ => StatusCode::OK,
    };
    let mut body = Map::new();
    if !codes.is_empty() {
        let errors = answer.errors.iter().zip(&codes).map(|(error, code)| {
            let mut error = json!(error);
            error["extensions"]["code"] = code.name().into();
            error["extensions"]["traceId"] = trace.0.as_str().into();
            error
        });
        body.insert("errors".to_owned(), errors.collect());
    }
    // Where the request is wrong there is none; where something else is, data is told even as null.
    let is_about_the_request =
        |code: &Code| code.status() == StatusCode::BAD_REQUEST || *code == Code::UnknownDocument;
    let is_wrong = codes.iter().any(is_about_the_request);
    if !is_wrong || !data.is_null() {
        body.insert("data".to_owned(), data);
    }
    (status, Value::Object(body))
}
