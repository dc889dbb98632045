//! The newest events, for whoever tries the sandbox.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{NotTaken, Sink};
use crate::events::cloud_event::CloudEvent;

/// How many are kept.
const KEPT: usize = 1_000;

/// Keeps the newest events. Each instance has its own, filled from the log.
#[derive(Debug, Default)]
pub struct Memory {
    events: Mutex<VecDeque<CloudEvent>>,
}

impl Memory {
    /// How many events are kept.
    pub const CAPACITY: usize = KEPT;

    /// The events that are kept, oldest first; of one dialog if so wanted.
    #[must_use]
    pub fn events(&self, dialog: Option<Uuid>) -> Vec<CloudEvent> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |event: &&CloudEvent| dialog.is_none_or(|id| event.resourceinstance == id);
        events.iter().filter(is_wanted).cloned().collect()
    }

    /// Keeps one more.
    pub fn keep(&self, event: CloudEvent) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event);
    }
}

#[async_trait]
impl Sink for Memory {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        self.keep(event.clone());
        Ok(())
    }
}
