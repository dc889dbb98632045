//! Where events go.

mod altinn;
mod http;
mod log;
mod memory;
mod nats;
mod private;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;

use super::cloud_event::CloudEvent;

pub use altinn::{AltinnEvents, FixedToken, PublishingToken};
pub use log::Log;
pub use memory::Memory;
pub use nats::{Nats, NatsSettings};
pub use webhook::{Webhook, WebhookFault, WebhookSecret};

/// Takes events.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Its name, under which it is stored how far it has come.
    fn name(&self) -> &'static str;

    /// Takes one event; done means that it is safe there.
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken>;
}

/// An event was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It may be taken later.
    #[error("{reason}")]
    ForNow {
        /// Why, without secrets and identity numbers.
        reason: String,
        /// How long to wait at least, as far as the sink tells.
        retry_after: Option<Duration>,
    },
    /// It will never be taken.
    #[error("{reason}")]
    Ever {
        /// Why, without secrets and identity numbers.
        reason: String,
    },
}

impl NotTaken {
    /// It may be taken later.
    pub fn for_now(reason: impl Into<String>) -> Self {
        Self::ForNow { reason: reason.into(), retry_after: None }
    }
}
