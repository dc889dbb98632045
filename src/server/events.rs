//! What is done about events: the sinks that the settings name, and the work on the log.

use std::sync::Arc;
use std::time::Duration;

use super::StartFailure;
use crate::clock::Clock;
use crate::config::EventSettings;
use crate::events::cloud_event::CloudEvents;
use crate::events::sinks::{
    AltinnEvents, FixedToken, Log, Memory, Nats, NatsSettings, PublishingToken, Sink, Webhook, WebhookFault,
};
use crate::events::{EventWork, Patience};
use crate::store::Store;

/// Connections for the work on events.
const EVENT_CONNECTIONS: u32 = 8;

/// What the instance does about events besides telling its own streams; `None` when others do it.
pub(super) fn work(
    settings: &EventSettings,
    store: &Store,
    clock: &Clock,
    events: &CloudEvents,
    memory: &Arc<Memory>,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Result<Option<EventWork>, StartFailure> {
    if !settings.events_dispatch {
        return Ok(None);
    }
    Ok(Some(EventWork {
        store: store.with_own_connections(EVENT_CONNECTIONS),
        clock: clock.clone(),
        events: events.clone(),
        sinks: sinks(settings, clock, publishing)?,
        memory: Some(Arc::clone(memory)),
        patience: Patience {
            concurrency: settings.events_concurrency as usize,
            retry_after: Duration::from_millis(settings.events_retry_after),
            give_up_after: Duration::from_secs(settings.events_give_up_after),
        },
        retention: Duration::from_hours(24 * u64::from(settings.events_retention)),
    }))
}

/// The sinks that the settings name.
fn sinks(
    settings: &EventSettings,
    clock: &Clock,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Result<Vec<Arc<dyn Sink>>, StartFailure> {
    fn given(setting: Option<&String>) -> Option<&str> {
        setting.map(String::as_str).filter(|text| !text.is_empty())
    }
    let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
    if settings.events_log {
        sinks.push(Arc::new(Log));
    }
    if let Some(url) = given(settings.events_webhook_url.as_ref()) {
        let secrets = settings.events_webhook_secrets.as_deref().unwrap_or_default();
        let webhook = Webhook::new(url, secrets, settings.events_webhook_allow_private, clock.clone());
        let setting = |fault: WebhookFault| match fault {
            WebhookFault::Secret => format!("DIALOGPORTEN_EVENTS_WEBHOOK_SECRETS {fault}."),
            fault => format!("DIALOGPORTEN_EVENTS_WEBHOOK_URL {fault}."),
        };
        sinks.push(Arc::new(webhook.map_err(|fault| StartFailure::Setting(setting(fault)))?));
    }
    if let Some(url) = given(settings.events_nats_url.as_ref()) {
        sinks.push(Arc::new(Nats::new(NatsSettings {
            url: url.to_owned(),
            stream: settings.events_nats_stream.clone(),
            prefix: settings.events_nats_prefix.clone(),
        })));
    }
    if let Some(url) = given(settings.events_altinn_url.as_ref()) {
        let fixed = given(settings.events_altinn_token.as_ref());
        let fixed = fixed.map(|token| Arc::new(FixedToken(token.to_owned())) as Arc<dyn PublishingToken>);
        let token = fixed.or_else(|| publishing.cloned()).ok_or_else(|| {
            let text = "DIALOGPORTEN_EVENTS_ALTINN_TOKEN is needed with DIALOGPORTEN_EVENTS_ALTINN_URL in the \
                        sandbox.";
            StartFailure::Setting(text.into())
        })?;
        let altinn = AltinnEvents::new(url, token).ok_or_else(|| {
            let text = "DIALOGPORTEN_EVENTS_ALTINN_URL must be an absolute http or https URL.";
            StartFailure::Setting(text.into())
        })?;
        sinks.push(Arc::new(altinn));
    }
    Ok(sinks)
}
