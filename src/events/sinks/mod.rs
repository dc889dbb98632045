//! Where events go.

mod altinn;
mod filter;
mod http;
mod log;
mod memory;
mod nats;
mod private;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cloud_event::{CloudEvent, CloudEvents};
use crate::store::{LogEntry, Position};

pub use altinn::{AltinnEvents, FixedToken, PublishingToken};
pub use filter::{Filter, UnknownType};
pub use log::Log;
pub use memory::Memory;
pub use nats::{Nats, NatsFault, NatsSettings};
pub use webhook::{Webhook, WebhookFault, WebhookKey, WebhookOptions};

/// Takes events.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Takes one event; done means that it is safe there.
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken>;

    /// Most events that it takes at once, with [`deliver_all`](Self::deliver_all).
    fn batch_size(&self) -> usize {
        1
    }

    /// Takes events in their order; done means that all of them are safe there.
    async fn deliver_all(&self, events: &[&CloudEvent]) -> Result<(), NotTaken> {
        for event in events {
            self.deliver(event).await?;
        }
        Ok(())
    }
}

/// A sink, and what it gets.
pub struct Outlet {
    /// Its name, under which it is stored how far it has come.
    pub name: String,
    /// Which events it gets.
    pub filter: Filter,
    /// Whether events say their place among those of the dialog.
    pub sequence: bool,
    /// Whether events say which request made the change.
    pub traceparent: bool,
    /// What takes them.
    pub sink: Arc<dyn Sink>,
}

impl Outlet {
    /// What it gets of a change: each event with its place in the change.
    #[must_use]
    pub fn told(&self, events: &CloudEvents, entry: &LogEntry) -> Vec<(usize, CloudEvent)> {
        let mut told = events.told(entry);
        told.retain(|(_, event)| self.filter.admits(event));
        for (index, event) in &mut told {
            let Position { transaction, sequence } = entry.position;
            event.sequence = self.sequence.then(|| format!("{transaction:019}-{sequence:019}-{index:05}"));
            event.traceparent = entry.batch.traceparent.clone().filter(|_| self.traceparent);
        }
        told
    }
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
    /// Nothing will ever be taken any more.
    #[error("{reason}")]
    Gone {
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
