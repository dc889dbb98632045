//! What everybody may ask.

mod health;
mod metadata;
mod metrics;
mod well_known;

use axum::Router;
use axum::routing::get;

use super::ApiState;
use super::http::operation::Endpoints;

pub use health::Readiness;
pub use metadata::{GET_LIMITS, GET_SERVICE_RESOURCES};
pub use well_known::{GET_JWKS, GET_OAUTH_SERVER};

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&GET_JWKS, well_known::jwks)
        .operation(&GET_OAUTH_SERVER, well_known::authorization_server)
        .operation(&GET_LIMITS, metadata::get_limits)
        .operation(&GET_SERVICE_RESOURCES, metadata::get_service_resources)
}

/// What the surroundings of the service ask; no part of the API.
pub fn health() -> Router<ApiState> {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/health", get(health::readiness))
        .route("/health/startup", get(health::readiness))
        .route("/health/readiness", get(health::readiness))
        .route("/health/liveness", get(health::liveness))
}
