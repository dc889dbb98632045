//! The wire.

pub mod end_user;
pub mod http;
pub mod public;
pub mod service_owner;

use std::sync::Arc;

use crate::access::token::TokenVerifier;
use crate::app::App;
use crate::timestamp::Timestamp;

/// What every handler can reach.
pub struct Api {
    /// The use cases.
    pub app: App,
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
