//! Operations: what an endpoint is called, who may call it, what it takes and what it gives. The
//! router and the published documents are made from the same values.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use tower_http::compression::CompressionLayer;

use super::parameter::{IDEMPOTENCY_KEY, IF_MATCH, Parameter};
use super::problem::Problem;
use super::query::Query;
use crate::access::caller::{Caller, impersonated_person};
use crate::access::claims::Claims;
use crate::access::policy::{Policy, PolicyRefusal};
use crate::access::token::{TokenRefusal, bearer_digest};
use crate::api::{ApiState, Maintenance};
use crate::app::FollowToken;
use crate::json::{Describe, Failures, Shape};
use crate::timestamp::Timestamp;

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
#[derive(Clone, Copy, Debug)]
pub enum BodyKind {
    /// Nothing; whatever comes is ignored.
    None,
    /// `application/json` of this shape.
    Json(Shape),
    /// `application/json-patch+json` or `application/json`: a JSON Patch (RFC 6902).
    JsonPatch,
}

impl BodyKind {
    /// Media types that are accepted.
    #[must_use]
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Json(_) => &["application/json"],
            Self::JsonPatch => &["application/json-patch+json", "application/json"],
        }
    }
}

const JSON: &str = "application/json";

/// What an operation gives when all is well.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, where there is one.
    pub shape: Option<Shape>,
    /// Media type of the body.
    pub media_type: &'static str,
    /// Whether the header `ETag` has the revision.
    pub has_etag: bool,
}

/// When the token of a request ends.
#[derive(Clone, Copy, Debug)]
struct TokenEnd(Timestamp);

impl Answer {
    /// 201 with the new id, `Location` and `ETag`.
    pub const CREATED: Self =
        Self { status: StatusCode::CREATED, shape: Some(String::describe), media_type: JSON, has_etag: true };
    /// 204.
    pub const NO_CONTENT: Self =
        Self { status: StatusCode::NO_CONTENT, shape: None, media_type: JSON, has_etag: false };
    /// 200 with server-sent events.
    pub const EVENT_STREAM: Self = Self {
        status: StatusCode::OK,
        shape: Some(String::describe),
        media_type: "text/event-stream",
        has_etag: false,
    };

    /// 200 with JSON of this shape.
    pub const fn json<T: Describe>() -> Self {
        Self { status: StatusCode::OK, shape: Some(T::describe), media_type: JSON, has_etag: false }
    }

    /// The same, with `ETag`.
    #[must_use]
    pub const fn with_etag(mut self) -> Self {
        self.has_etag = true;
        self
    }
}

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Id in the document of its API.
    pub id: &'static str,
    /// Id in the combined document. It also decides how the operation's shapes are called: see
    /// [`crate::api::openapi::names`].
    pub long_id: &'static str,
    /// Method.
    pub verb: Verb,
    /// Path as published, with `{parameters}`.
    pub path: &'static str,
    /// Who may call it.
    pub policy: Policy,
    /// Parameters in the query and in headers, but for those that all operations of a kind have: see
    /// [`Self::parameters`].
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub body: BodyKind,
    /// What it gives.
    pub answer: Answer,
    /// Statuses of refusals that do not follow from the rest: see [`Self::refusals`].
    pub refusals: &'static [StatusCode],
    /// What it does, in one sentence.
    pub summary: &'static str,
}

/// A part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `/api/v1/serviceowner`
    ServiceOwner,
    /// `/api/v1/enduser`
    EndUser,
    /// `/api/v1/metadata`
    Metadata,
    /// `/api/v1/.well-known`, and whatever is not in the other parts.
    WellKnown,
}

impl Group {
    /// Its name in the published documents.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::ServiceOwner => "Serviceowner",
            Self::EndUser => "Enduser",
            Self::Metadata | Self::WellKnown => "Metadata",
        }
    }

    /// What it is.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::ServiceOwner => "Dialogs as their service owners write and read them.",
            Self::EndUser => "Dialogs as end users see them.",
            Self::Metadata | Self::WellKnown => "What everybody may ask.",
        }
    }
}

impl Operation {
    /// The part of the API that it belongs to.
    #[must_use]
    pub fn group(&self) -> Group {
        match self.path.split('/').nth(3) {
            Some("serviceowner") => Group::ServiceOwner,
            Some("enduser") => Group::EndUser,
            Some("metadata") => Group::Metadata,
            _ => Group::WellKnown,
        }
    }

    /// The part of the long id that the operation's shapes are named after.
    #[must_use]
    pub fn namespace(&self) -> &'static str {
        self.long_id.split('_').next().unwrap_or_default()
    }

    /// Names of the parameters in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Its parameters in the query and in headers.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let of_its_kind = (self.verb == Verb::Post).then_some(&IDEMPOTENCY_KEY);
        self.parameters.iter().chain(of_its_kind)
    }

    /// Whether it has this parameter.
    #[must_use]
    pub fn has(&self, parameter: &Parameter) -> bool {
        self.parameters().any(|other| other.place == parameter.place && other.name == parameter.name)
    }

    /// Statuses of all its refusals, ascending: those that it names, and those that follow from what
    /// it takes. Any operation can answer 500, 502 and 503 besides.
    #[must_use]
    pub fn refusals(&self) -> BTreeSet<StatusCode> {
        let has_body = !matches!(self.body, BodyKind::None);
        let has_id = self.path_parameters().next().is_some();
        let is_guarded = self.policy != Policy::Anonymous;
        let follows = [
            (has_body || has_id || self.parameters().next().is_some(), StatusCode::BAD_REQUEST),
            (is_guarded, StatusCode::UNAUTHORIZED),
            (is_guarded, StatusCode::FORBIDDEN),
            (has_id, StatusCode::NOT_FOUND),
            (self.verb != Verb::Get, StatusCode::CONFLICT),
            (self.has(&IF_MATCH), StatusCode::PRECONDITION_FAILED),
            (has_body, StatusCode::PAYLOAD_TOO_LARGE),
            (has_body, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (self.has(&IDEMPOTENCY_KEY), StatusCode::UNPROCESSABLE_ENTITY),
        ];
        let follows = follows.into_iter().filter_map(|(does, status)| does.then_some(status));
        follows.chain(self.refusals.iter().copied()).collect()
    }
}

/// Operations with their handlers. There is no other way to route an operation, so all that are
/// routed are published.
#[derive(Default)]
pub struct Endpoints(Vec<(&'static Operation, MethodRouter<ApiState>)>);

impl Endpoints {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation and its handler.
    #[must_use]
    pub fn operation<H, T>(mut self, operation: &'static Operation, handler: H) -> Self
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        self.0.push((operation, on(operation.verb.filter(), handler)));
        self
    }

    /// Adds others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The operations.
    #[must_use]
    pub fn operations(&self) -> Vec<&'static Operation> {
        self.0.iter().map(|(operation, _)| *operation).collect()
    }

    /// Routes the operations, behind the checks that all of them have.
    pub fn into_router(self, state: &ApiState) -> Router<ApiState> {
        self.0.into_iter().fold(Router::new(), |router, (operation, handler)| {
            let guard = from_fn_with_state((ApiState::clone(state), operation), guard);
            let handler = handler.route_layer(guard);
            // Only what everybody may see is compressed: elsewhere the length would tell about secrets
            // beside what an attacker can put into the answer.
            let handler = match operation.policy {
                Policy::Anonymous => handler.layer(CompressionLayer::new()),
                _ => handler,
            };
            router.route(&literals_in_lower_case(operation.path), handler)
        })
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
        return turned_away(maintenance, request.headers());
    }
    match admit(&api, operation, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// 503 in plain text, or as problem document for those who ask for one.
pub fn turned_away(maintenance: Maintenance, headers: &HeaderMap) -> Response {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
    let problem = match maintenance.retry_at {
        Some(moment) => problem.header(header::RETRY_AFTER, &super::respond::http_date(moment)),
        None => problem,
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/problem+json")) {
        return problem.into_response();
    }
    let mut response = "Service Unavailable".into_response();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().extend(problem.into_headers());
    response
}

async fn admit(api: &ApiState, operation: &Operation, mut request: Request) -> Result<Request, Problem> {
    if operation.policy == Policy::Anonymous {
        return Ok(request);
    }
    let claims = claims(api, request.headers()).await?;
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
    request.extensions_mut().insert(TokenEnd(claims.expires_at));
    request.extensions_mut().insert(caller);
    Ok(request)
}

/// What the bearer token of a request says.
///
/// # Errors
/// 401, or 503 where it cannot be checked now.
pub async fn claims(api: &ApiState, headers: &HeaderMap) -> Result<std::sync::Arc<Claims>, Problem> {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str()).transpose();
    let authorization = authorization
        .map_err(|_| unauthorized(TokenRefusal::Invalid("it has characters other than ASCII")))?;
    api.tokens.verify_or_renew(authorization, api.app.clock.now()).await.map_err(unauthorized)
}

fn check_media_type(operation: &Operation, request: &Request) -> Result<(), Problem> {
    let accepted = operation.body.media_types();
    if accepted.is_empty() {
        return Ok(());
    }
    let given = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(read_media_type);
    let is_accepted = given.is_some_and(|given| {
        let is_utf8 = given.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
        is_utf8 && accepted.contains(&given.essence_str())
    });
    if is_accepted {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    if matches!(operation.body, BodyKind::JsonPatch) {
        let name = header::HeaderName::from_static("accept-patch");
        return Err(problem.header(name, &accepted.join(", ")));
    }
    Err(problem)
}

/// Reads a media type; white space around `;` does not count (RFC 9110, section 8.3.1).
pub fn read_media_type(text: &str) -> Option<mime::Mime> {
    text.split(';').map(str::trim).collect::<Vec<_>>().join(";").parse().ok()
}

/// 401, or 503 where another token would not help.
pub fn unauthorized(refusal: TokenRefusal) -> Problem {
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

/// The token of a request that the guard has admitted, as streams need it.
pub struct StreamToken(pub FollowToken);

impl<S: Send + Sync> FromRequestParts<S> for StreamToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = parts.extensions.get().zip(authorization.and_then(bearer_digest));
        let token = token.map(|(&TokenEnd(end), digest)| Self(FollowToken { end, digest }));
        token.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))
    }
}
