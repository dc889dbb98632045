//! The graph over HTTP (GraphQL over HTTP, draft of the GraphQL Foundation).

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Answer, ServerError, Variables};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::Code;
use super::known::KnownDocuments;
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

const RESPONSE_JSON: &str = "application/graphql-response+json";

/// Why the caller may not ask for anything.
#[derive(Clone)]
pub(super) struct Refused(pub(super) Code, pub(super) String);

/// The routes of the graph.
pub fn router(settings: GraphSettings) -> Router<ApiState> {
    let graph =
        Arc::new(Graph { schema: schema(settings.introspection), known: KnownDocuments::new(), settings });
    let handler = move |State(api): State<ApiState>, request: Request| {
        let graph = Arc::clone(&graph);
        async move { graph.answer(&api, request).await }
    };
    let methods = MethodRouter::new().get(handler.clone()).post(handler);
    let router = Router::new().route("/graphql", methods.clone()).route("/graphql/{*anything}", methods);
    if settings.page { router.route("/graphql/assets/{name}", get(page::asset)) } else { router }
}

struct Graph {
    schema: Schema,
    known: KnownDocuments,
    settings: GraphSettings,
}

/// What is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    #[expect(dead_code, reason = "clients may send it; that it is an object is all that is asked of it")]
    extensions: Option<Map<String, Value>>,
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
        let has_query = parameters.first("query").is_some();
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
        let asked = match asked {
            Ok(asked) => asked,
            // What is no request of GraphQL is an error in the older form, too.
            Err((code, message)) => return render(code.response(message), Form::Response, form, &trace),
        };
        let answer = self.carry_out(api, asked, &claims, &headers, is_get).await;
        render(answer, form, form, &trace)
    }

    async fn carry_out(
        &self,
        api: &ApiState,
        asked: Asked,
        claims: &Claims,
        headers: &HeaderMap,
        is_get: bool,
    ) -> Answer {
        let Asked { query, operation_name, variables, .. } = asked;
        let document = match self.known.document(&query).await {
            Ok(document) => document,
            Err(error) => return Answer::from_errors(vec![ServerError::from(error)]),
        };
        let variables = Variables::from_json(Value::Object(variables.unwrap_or_default()));
        let operation_name = operation_name.filter(|name| !name.is_empty());
        let operation = match cost::operation(document.all(), operation_name.as_deref()) {
            Ok(operation) => operation,
            Err(message) => return Code::BadRequest.response(message),
        };
        if let Err((code, message)) =
            cost::check(document.all(), operation, &variables, self.settings.introspection)
        {
            return code.response(message);
        }
        if is_get && operation.ty != OperationType::Query {
            return Code::Method.response("With GET only queries are possible; send others with POST.");
        }
        let languages = match accept_language::read(headers) {
            Ok(languages) => languages,
            Err(message) => return Code::BadRequest.response(message),
        };
        let mut request = document.request(&query).variables(variables);
        if let Some(name) = operation_name {
            request = request.operation_name(name);
        }
        request = request.data(ApiState::clone(api)).data(languages);
        request = match admit(claims) {
            Ok(caller) => request.data(caller),
            Err(refused) => request.data(refused),
        };
        let answer = self.schema.execute(request).await;
        if answer.errors.is_empty() {
            self.known.remember(&query, document).await;
        }
        answer
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
        return Err((Code::BadRequest, super::error::sentences(&failures).join(" ")));
    }
    let query = query.ok_or_else(|| (Code::BadRequest, "The parameter query is required.".to_owned()))?;
    Ok(Asked { query, operation_name, variables, extensions })
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
fn document(answer: Answer, form: Form, trace: &TraceId) -> (StatusCode, Told) {
    let codes: Vec<Code> = answer.errors.iter().map(Code::of).collect();
    let has_data = answer.data != async_graphql::Value::Null;
    let status = match codes.first() {
        Some(code) if !has_data && form == Form::Response => code.status(),
        _ => StatusCode::OK,
    };
    let errors = answer.errors.iter().zip(&codes).map(|(error, code)| {
        let mut error = json!(error);
        error["extensions"]["code"] = code.name().into();
        error["extensions"]["traceId"] = trace.0.as_str().into();
        error
    });
    // Where the request is wrong there is none; where something else is, data is told even as null.
    let is_wrong = codes.iter().any(|code| code.status() == StatusCode::BAD_REQUEST);
    let told = Told { errors: errors.collect(), data: (!is_wrong || has_data).then_some(answer.data) };
    (status, told)
}

/// The body of an answer; what was asked for is as large as it is, and written without a detour.
#[derive(Serialize)]
struct Told {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<async_graphql::Value>,
}
