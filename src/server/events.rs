//! What is done about events: the sinks that the settings name, and the work on the log.

use std::sync::Arc;
use std::time::Duration;

use super::StartFailure;
use crate::clock::Clock;
use crate::config::EventSettings;
use crate::config::sinks::{Mode, Only, SinksFile};
use crate::events::cloud_event::CloudEvents;
use crate::events::sinks::{
    AltinnEvents, Filter, FixedToken, Log, Memory, Nats, NatsFault, NatsSettings, Outlet, PublishingToken,
    Sink, Webhook, WebhookFault, WebhookOptions,
};
use crate::events::{EventWork, Patience};
use crate::store::Store;

/// Connections for the work on events.
const EVENT_CONNECTIONS: u32 = 8;

/// What the instance does about events besides telling its own streams; `None` when others do it.
pub(super) fn work(
    settings: &EventSettings,
    public_url: &str,
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
        outlets: outlets(settings, public_url, clock, publishing)?,
        memory: Some(Arc::clone(memory)),
        patience: Patience {
            concurrency: settings.events_concurrency as usize,
            retry_after: Duration::from_millis(settings.events_retry_after),
            give_up_after: Duration::from_secs(settings.events_give_up_after),
        },
        retention: Duration::from_hours(24 * u64::from(settings.events_retention)),
    }))
}

/// The sinks that the settings and their file name.
fn outlets(
    settings: &EventSettings,
    public_url: &str,
    clock: &Clock,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Result<Vec<Outlet>, StartFailure> {
    let mut outlets = named_by_settings(settings, clock, publishing)?;
    if let Some(path) = settings.events_sinks.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        let fault = |fault| StartFailure::Setting(format!("DIALOGPORTEN_EVENTS_SINKS: the file {fault}."));
        let file = SinksFile::read(path).map_err(fault)?;
        let origin = url::Url::parse(public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let more = named_by_file(file, origin.as_deref(), clock, publishing).map_err(fault)?;
        outlets.extend(more);
    }
    let mut names: Vec<&str> = outlets.iter().map(|outlet| outlet.name.as_str()).collect();
    names.sort_unstable();
    if let Some([twice, ..]) = names.windows(2).find(|two| two[0] == two[1]) {
        let text = format!("DIALOGPORTEN_EVENTS_SINKS: there is more than one sink named {twice}.");
        return Err(StartFailure::Setting(text));
    }
    Ok(outlets)
}

/// The sinks that have settings of their own: at most one of each kind, named like its kind. They get all
/// events.
fn named_by_settings(
    settings: &EventSettings,
    clock: &Clock,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Result<Vec<Outlet>, StartFailure> {
    fn given(setting: Option<&String>) -> Option<&str> {
        setting.map(String::as_str).filter(|text| !text.is_empty())
    }
    let mut outlets = Vec::new();
    let mut add = |name: &str, traceparent: bool, sink: Arc<dyn Sink>| {
        outlets.push(Outlet {
            name: name.to_owned(),
            filter: Filter::default(),
            sequence: false,
            traceparent,
            sink,
        });
    };
    if settings.events_log {
        add("log", false, Arc::new(Log));
    }
    if let Some(url) = given(settings.events_webhook_url.as_ref()) {
        let options = WebhookOptions {
            url: url.to_owned(),
            secrets: settings.events_webhook_secrets.clone().unwrap_or_default(),
            allow_private: settings.events_webhook_allow_private,
            mode: Mode::Structured,
            batch_size: 1,
            origin: None,
        };
        let setting = |fault: &WebhookFault| match fault {
            WebhookFault::Secret => format!("DIALOGPORTEN_EVENTS_WEBHOOK_SECRETS {fault}."),
            fault => format!("DIALOGPORTEN_EVENTS_WEBHOOK_URL {fault}."),
        };
        let webhook = Webhook::new(options, clock.clone()).map_err(|faults| all_of(&faults, setting));
        add("webhook", true, Arc::new(webhook?));
    }
    if let Some(url) = given(settings.events_nats_url.as_ref()) {
        let nats = NatsSettings {
            url: url.to_owned(),
            stream: settings.events_nats_stream.clone(),
            prefix: settings.events_nats_prefix.clone(),
        };
        let setting = |fault: &NatsFault| {
            format!("DIALOGPORTEN_EVENTS_NATS_{} {fault}.", fault.setting().to_uppercase())
        };
        let nats = Nats::new(nats).map_err(|faults| all_of(&faults, setting));
        add("nats", true, Arc::new(nats?));
    }
    if let Some(url) = given(settings.events_altinn_url.as_ref()) {
        let token = publishing_token(settings.events_altinn_token.as_ref(), publishing).ok_or_else(|| {
            let text = "DIALOGPORTEN_EVENTS_ALTINN_TOKEN is needed with DIALOGPORTEN_EVENTS_ALTINN_URL in the \
                        sandbox.";
            StartFailure::Setting(text.into())
        })?;
        let altinn = AltinnEvents::new(url, token).ok_or_else(|| {
            let text = "DIALOGPORTEN_EVENTS_ALTINN_URL must be an absolute http or https URL.";
            StartFailure::Setting(text.into())
        })?;
        add("altinn-events", false, Arc::new(altinn));
    }
    Ok(outlets)
}

fn all_of<F>(faults: &[F], text: impl Fn(&F) -> String) -> StartFailure {
    StartFailure::Setting(faults.iter().map(text).collect::<Vec<_>>().join(" "))
}

/// The sinks of the file, or all that is wrong with it. `origin` is the name of this service for receivers.
fn named_by_file(
    file: SinksFile,
    origin: Option<&str>,
    clock: &Clock,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Result<Vec<Outlet>, String> {
    let mut outlets: Vec<Outlet> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut add = |name: String, only: &Only, extensions: (bool, bool), sink: Result<_, Vec<String>>| {
        let mut wrong = |fault: String| faults.push(format!("is wrong about {name}: {fault}"));
        if !(1..=60).contains(&name.len()) || !name.chars().all(is_letter) {
            wrong("name must be made of up to 60 of a-z, 0-9 and -".to_owned());
        }
        let filter = Filter::new(&only.types, &only.resources, &only.orgs);
        match (filter, sink) {
            (Ok(filter), Ok(sink)) => {
                let (sequence, traceparent) = extensions;
                outlets.push(Outlet { name, filter, sequence, traceparent, sink });
            }
            (filter, sink) => {
                filter.err().into_iter().for_each(|fault| wrong(fault.to_string()));
                sink.err().into_iter().flatten().for_each(wrong);
            }
        }
    };
    for webhook in file.webhook {
        let (only, sequence, batch_size) = (webhook.only, webhook.sequence, webhook.batch_size);
        let options = WebhookOptions {
            url: webhook.url,
            secrets: webhook.secrets,
            allow_private: webhook.allow_private,
            mode: webhook.mode,
            batch_size,
            origin: if webhook.handshake { origin.map(str::to_owned) } else { None },
        };
        let mut faults = Vec::new();
        if !(1..=1_000).contains(&batch_size) {
            faults.push("batch_size must be 1 to 1000".to_owned());
        }
        let text = |fault: WebhookFault| match fault {
            WebhookFault::Secret => format!("secrets {fault}"),
            fault => format!("url {fault}"),
        };
        let sink = match Webhook::new(options, clock.clone()) {
            Ok(sink) if faults.is_empty() => Ok(Arc::new(sink) as Arc<dyn Sink>),
            made => Err(faults.into_iter().chain(made.err().into_iter().flatten().map(text)).collect()),
        };
        add(webhook.name, &only, (sequence, true), sink);
    }
    for nats in file.nats {
        let sink = Nats::new(NatsSettings { url: nats.url, stream: nats.stream, prefix: nats.prefix });
        let text = |fault: NatsFault| format!("{} {fault}", fault.setting());
        let sink = sink.map(|sink| Arc::new(sink) as Arc<dyn Sink>);
        let sink = sink.map_err(|faults| faults.into_iter().map(text).collect());
        add(nats.name, &nats.only, (nats.sequence, true), sink);
    }
    for altinn in file.altinn_events {
        let token = publishing_token(altinn.token.as_ref(), publishing);
        let lacks_token = token.is_none().then(|| "a token is needed in the sandbox".to_owned());
        // The address is judged in any case.
        let token = token.unwrap_or_else(|| Arc::new(FixedToken(String::new())));
        let sink = match (AltinnEvents::new(&altinn.url, token), lacks_token) {
            (Some(sink), None) => Ok(Arc::new(sink) as Arc<dyn Sink>),
            (sink, lacks_token) => {
                let url = sink.is_none().then(|| "url must be an absolute http or https URL".to_owned());
                Err(lacks_token.into_iter().chain(url).collect())
            }
        };
        add(altinn.name, &altinn.only, (false, false), sink);
    }
    for log in file.log {
        add(log.name, &log.only, (false, false), Ok(Arc::new(Log)));
    }
    if faults.is_empty() { Ok(outlets) } else { Err(faults.join("; it ")) }
}

/// The token of the settings, or else that of the platform.
fn publishing_token(
    fixed: Option<&String>,
    publishing: Option<&Arc<dyn PublishingToken>>,
) -> Option<Arc<dyn PublishingToken>> {
    let fixed = fixed.filter(|token| !token.is_empty());
    let fixed = fixed.map(|token| Arc::new(FixedToken(token.clone())) as Arc<dyn PublishingToken>);
    fixed.or_else(|| publishing.cloned())
}
