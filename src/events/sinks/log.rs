//! Events as lines of the log.

use async_trait::async_trait;

use super::{NotTaken, Sink};
use crate::events::cloud_event::CloudEvent;

/// Writes what happened to which dialog, never to whom.
#[derive(Debug)]
pub struct Log;

#[async_trait]
impl Sink for Log {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        let (kind, time) = (event.r#type.as_str(), event.time.as_str());
        tracing::info!(kind, time, id = %event.id, dialog = %event.resourceinstance, "event");
        Ok(())
    }
}
