//! Operations: what an endpoint is called, who may call it, and what it takes. The router and the
//! published documents are made from the same values.

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use super::problem::Problem;
use super::query::Query;
use crate::access::caller::{Caller, impersonated_person};
use crate::access::policy::{Policy, PolicyRefusal};
use crate::access::token::TokenRefusal;
use crate::api::{ApiState, Maintenance};
use crate::json::Failures;

/// An HTTP method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// GET, and HEAD with it.
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Verb {
    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    /// Lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// What an operation takes as body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing; whatever comes is ignored.
    None,
    /// `application/json`.
    Json,
    /// `application/json-patch+json` or `application/json`.
    JsonPatch,
}

impl BodyKind {
    /// Media types that are accepted.
    #[must_use]
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Json => &["application/json"],
            Self::JsonPatch => &["application/json-patch+json", "application/json"],
        }
    }
}

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Id in the published documents, unique within its API.
    pub id: &'static str,
    /// Method.
    pub verb: Verb,
    /// Path as published, with `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub policy: Policy,
    /// What it takes.
    pub body: BodyKind,
    /// What it does, in one sentence.
    pub summary: &'static str,
}

/// Adds operations to a router.
pub trait Operations {
    /// Routes an operation to its handler, behind the checks that all operations have.
    #[must_use]
    fn operation<H, T>(self, state: &ApiState, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, ApiState>,
        T: 'static;
}

impl Operations for Router<ApiState> {
    fn operation<H, T>(self, state: &ApiState, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        let guarded = on(operation.verb.filter(), handler)
            .route_layer(from_fn_with_state((ApiState::clone(state), operation), guard));
        self.route(&literals_in_lower_case(operation.path), guarded)
    }
}

/// Requests come with lower-case paths; names of parameters stay.
fn literals_in_lower_case(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') { segment.to_owned() } else { segment.to_ascii_lowercase() }
    });
    segments.collect::<Vec<_>>().join("/")
}

type Guarded = (ApiState, &'static Operation);

/// Media type, token, scopes, kind of user, impersonation: in this order, before anything is read.
async fn guard(State((api, operation)): State<Guarded>, request: Request, next: Next) -> Response {
    if let Err(problem) = check_media_type(operation, &request) {
        return problem.into_response();
    }
    if let Some(maintenance) = api.maintenance {
        return turned_away(maintenance, &request);
    }
    match admit(&api, operation, request) {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// 503 in plain text, or as problem document for those who ask for one.
fn turned_away(maintenance: Maintenance, request: &Request) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
    let problem = match maintenance.retry_at {
        Some(moment) => problem.header(header::RETRY_AFTER, &super::respond::http_date(moment)),
        None => problem,
    };
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/problem+json")) {
        return problem.into_response();
    }
    let mut response = "Service Unavailable".into_response();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().extend(problem.into_headers());
    response
}

fn admit(api: &ApiState, operation: &Operation, mut request: Request) -> Result<Request, Problem> {
    if operation.policy == Policy::Anonymous {
        return Ok(request);
    }
    let authorization = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str());
    let authorization = match authorization {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => {
            return Err(unauthorized(TokenRefusal::Invalid("it has characters other than ASCII")));
        }
    };
    let claims = api.tokens.verify(authorization, api.app.clock.now()).map_err(unauthorized)?;
    let mut caller = operation.policy.admit(&claims).map_err(|refusal| forbidden(&refusal))?;
    if caller.scopes.contains(crate::access::scope::SERVICE_PROVIDER)
        && let Some(user) = Query::parse(request.uri().query()).first("endUserId")
    {
        let person = impersonated_person(user).ok_or_else(|| {
            Problem::invalid(Failures::one(
                "EndUserId",
                "must be urn:altinn:person:identifier-no: and a valid number of 11 digits.",
            ))
        })?;
        caller = caller.impersonating(person);
        operation.policy.check_kind(&caller).map_err(|refusal| forbidden(&refusal))?;
    }
    request.extensions_mut().insert(caller);
    Ok(request)
}

fn check_media_type(operation: &Operation, request: &Request) -> Result<(), Problem> {
    let accepted = operation.body.media_types();
    if accepted.is_empty() {
        return Ok(());
    }
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.parse::<mime::Mime>().ok());
    let is_accepted = given.is_some_and(|given| {
        let is_utf8 = given.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
        is_utf8 && accepted.contains(&given.essence_str())
    });
    if is_accepted {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    if operation.body == BodyKind::JsonPatch {
        let name = header::HeaderName::from_static("accept-patch");
        return Err(problem.header(name, &accepted.join(", ")));
    }
    Err(problem)
}

fn unauthorized(refusal: TokenRefusal) -> Problem {
    match refusal.www_authenticate() {
        Some(challenge) => {
            Problem::new(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, &challenge)
        }
        None => Problem::new(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, "5"),
    }
}

fn forbidden(refusal: &PolicyRefusal) -> Problem {
    let problem = Problem::new(StatusCode::FORBIDDEN);
    let problem = match refusal.www_authenticate() {
        Some(challenge) => problem.header(header::WWW_AUTHENTICATE, &challenge),
        None => problem,
    };
    match refusal {
        PolicyRefusal::MissingScope { .. } => problem,
        PolicyRefusal::WrongKind { .. } | PolicyRefusal::MixedToken => {
            problem.errors(Failures::one("Type", refusal.to_string()))
        }
        PolicyRefusal::MissingConsumer => problem.errors(Failures::one("Forbidden", refusal.to_string())),
    }
}

/// The caller that the guard has admitted.
pub struct Admitted(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only a handler without a guard could miss it; that is a refusal, never a pass.
        let caller = parts.extensions.get::<Caller>().cloned();
        caller.map(Self).ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))
    }
}
