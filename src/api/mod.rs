//! The wire.

pub mod end_user;
pub mod http;
pub mod openapi;
pub mod public;
mod search;
pub mod service_owner;

use std::sync::Arc;

use axum::Router;

use self::http::operation::Endpoints;
use crate::access::token::TokenVerifier;
use crate::app::App;
use crate::timestamp::Timestamp;

/// What every handler can reach.
pub struct Api {
    /// The use cases.
    pub app: Arc<App>,
    /// Checks access tokens.
    pub tokens: TokenVerifier,
    /// Whether all requests are turned away, and until when.
    pub maintenance: Option<Maintenance>,
    /// Whether this instance wants traffic.
    pub readiness: public::Readiness,
}

/// A time in which requests are turned away.
#[derive(Clone, Copy, Debug)]
pub struct Maintenance {
    /// When to try again.
    pub retry_at: Option<Timestamp>,
}

/// The state of the router.
pub type ApiState = Arc<Api>;

/// All operations with their handlers.
#[must_use]
pub fn endpoints() -> Endpoints {
    service_owner::endpoints().and(end_user::endpoints()).and(public::endpoints())
}

/// All routes of an API that is reached under `public_url`.
pub fn router(state: &ApiState, public_url: &str) -> Router<ApiState> {
    let endpoints = endpoints();
    let documents = openapi::router(&endpoints.operations(), public_url);
    endpoints.into_router(state).merge(documents).merge(public::health())
}
