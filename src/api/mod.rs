//! The wire.

pub mod end_user;
pub mod http;
pub mod public;
pub mod service_owner;

use std::sync::Arc;

use crate::access::token::TokenVerifier;
use crate::app::App;

/// What every handler can reach.
pub struct Api {
    /// The use cases.
    pub app: App,
    /// Checks access tokens.
    pub tokens: TokenVerifier,
    /// Whether this instance wants traffic.
    pub readiness: public::Readiness,
}

/// The state of the router.
pub type ApiState = Arc<Api>;
