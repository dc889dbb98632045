//! The wire.

pub mod end_user;
pub mod graphql;
pub mod http;
pub mod openapi;
pub mod public;
mod search;
pub mod service_owner;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use self::graphql::GraphSettings;
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
    /// Checks dialog tokens, with which dialogs can be followed.
    pub dialog_tokens: TokenVerifier,
    /// Whether all requests are turned away, and until when.
    pub maintenance: Option<Maintenance>,
    /// Whether this instance wants traffic.
    pub readiness: public::Readiness,
    /// A permit for each WebSocket that may be open.
    pub sockets: Arc<Semaphore>,
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
pub fn router(state: &ApiState, public_url: &str, graph: &GraphSettings) -> Router<ApiState> {
    let endpoints = endpoints();
    let documents = openapi::router(&endpoints.operations(), public_url);
    endpoints.into_router(state).merge(documents).merge(graphql::router(graph)).merge(public::health())
}
