//! What everybody may ask.

mod health;
mod well_known;

use axum::Router;
use axum::routing::get;

use super::ApiState;
use super::http::operation::Operations;

pub use health::Readiness;
pub use well_known::{GET_JWKS, GET_OAUTH_SERVER};

/// All operations.
pub fn router(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .operation(state, &GET_JWKS, well_known::jwks)
        .operation(state, &GET_OAUTH_SERVER, well_known::authorization_server)
        .route("/health", get(health::readiness))
        .route("/health/startup", get(health::readiness))
        .route("/health/readiness", get(health::readiness))
        .route("/health/liveness", get(health::liveness))
}
