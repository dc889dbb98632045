//! NATS `JetStream`.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{ConnectOptions, HeaderMap, ServerAddr, header};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::http::{cause, without_numbers};
use super::{NotTaken, Sink};
use crate::events::cloud_event::CloudEvent;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the stream is and what it is called.
#[derive(Clone)]
pub struct NatsSettings {
    /// `nats://user:password@host:port`, several separated by commas.
    pub url: String,
    /// Name of the stream, which is made if there is none.
    pub stream: String,
    /// What subjects start with.
    pub prefix: String,
}

/// What is wrong with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatsFault {
    /// The addresses.
    #[error("must be nats://host:port, several separated by commas")]
    Url,
    /// The stream's name.
    #[error("must be a name without spaces and . * > / \\")]
    Stream,
    /// What subjects start with.
    #[error("must be a subject without spaces, wildcards and empty parts")]
    Prefix,
}

impl NatsFault {
    /// Name of the setting.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Stream => "stream",
            Self::Prefix => "prefix",
        }
    }
}

/// Publishes on a stream. The id of an event is that of the message, so that the server drops what comes
/// twice within its window.
pub struct Nats {
    servers: Vec<ServerAddr>,
    settings: NatsSettings,
    /// Connected when first used: events wait, the service does not.
    context: OnceCell<jetstream::Context>,
}

impl Nats {
    /// On this stream.
    ///
    /// # Errors
    /// Which of the settings are wrong, and how.
    pub fn new(settings: NatsSettings) -> Result<Self, Vec<NatsFault>> {
        let mut faults = Vec::new();
        let servers = settings.url.split(',').map(|url| url.trim().parse::<ServerAddr>().ok());
        let servers: Option<Vec<_>> =
            servers.map(|server| server.filter(|server| !server.host().is_empty())).collect();
        if servers.is_none() {
            faults.push(NatsFault::Url);
        }
        let is_token = |text: &str, others: &[char]| {
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || others.contains(&c))
        };
        if !is_token(&settings.stream, &['.', '*', '>', '/', '\\']) {
            faults.push(NatsFault::Stream);
        }
        if !settings.prefix.split('.').all(|token| is_token(token, &['*', '>'])) {
            faults.push(NatsFault::Prefix);
        }
        match servers {
            Some(servers) if faults.is_empty() => Ok(Self { servers, settings, context: OnceCell::new() }),
            _ => Err(faults),
        }
    }

    async fn context(&self) -> Result<&jetstream::Context, NotTaken> {
        let failed = |error: &dyn std::error::Error| NotTaken::for_now(without_numbers(&cause(error)));
        let connect = async || {
            let options = ConnectOptions::new().name("dialogporten").connection_timeout(PATIENCE);
            let client = options.connect(&self.servers[..]).await.map_err(|error| failed(&error))?;
            let mut context = jetstream::new(client);
            context.set_timeout(PATIENCE);
            let stream = stream::Config {
                name: self.settings.stream.clone(),
                subjects: vec![format!("{}.>", self.settings.prefix)],
                ..stream::Config::default()
            };
            context.get_or_create_stream(stream).await.map_err(|error| failed(&error))?;
            Ok(context)
        };
        self.context.get_or_try_init(connect).await
    }
}

/// `prefix.org.resource.kind`, where only the kind may have several parts.
fn subject(prefix: &str, event: &CloudEvent) -> String {
    let token = |text: &str| -> String {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let token: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        if token.is_empty() { "_".to_owned() } else { token }
    };
    let resource = event.resource.rsplit(':').next().unwrap_or_default();
    format!("{prefix}.{}.{}.{}", token(&event.org), token(resource), event.kind())
}

#[async_trait]
impl Sink for Nats {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        let context = self.context().await?;
        let body = serde_json::to_vec(event).map_err(|error| NotTaken::Ever { reason: error.to_string() })?;
        let mut headers = HeaderMap::new();
        headers.insert(header::NATS_MESSAGE_ID, event.id.to_string());
        headers.insert("Content-Type", "application/cloudevents+json");
        let failed = |error: &dyn std::error::Error| NotTaken::for_now(without_numbers(&cause(error)));
        let subject = subject(&self.settings.prefix, event);
        let published = context.publish_with_headers(subject, headers, body.into()).await;
        published.map_err(|error| failed(&error))?.await.map_err(|error| failed(&error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_no_server_would_take_are_refused() {
        let with = |url: &str, stream: &str, prefix: &str| {
            let settings = NatsSettings { url: url.into(), stream: stream.into(), prefix: prefix.into() };
            Nats::new(settings).err()
        };
        assert_eq!(with("nats://a:4222, nats://user:word@b", "EVENTS", "a.b"), None);
        for url in ["", "nats://", "nats://user:word@", "http://a b"] {
            assert_eq!(with(url, "EVENTS", "a"), Some(vec![NatsFault::Url]), "{url}");
        }
        for stream in ["", "with space", "a.b", "a>", "a/b"] {
            assert_eq!(with("nats://a", stream, "a"), Some(vec![NatsFault::Stream]), "{stream}");
        }
        for prefix in ["", "a..b", "x.>", "a b", "*"] {
            assert_eq!(with("nats://a", "EVENTS", prefix), Some(vec![NatsFault::Prefix]), "{prefix}");
        }
        assert_eq!(with("", "", ""), Some(vec![NatsFault::Url, NatsFault::Stream, NatsFault::Prefix]));
    }

    #[test]
    fn subjects_have_no_characters_that_nats_has_a_use_for() {
        for (org, resource, kind, expected) in [
            ("ttd", "urn:altinn:resource:app_ttd_a-1", "created", "p.ttd.app_ttd_a-1.created"),
            ("ttd", "urn:altinn:resource:a.b*c>d e", "updated", "p.ttd.a_b_c_d_e.updated"),
            ("t.d", "urn:altinn:resource:x\ty\u{0}", "activity.form-saved", "p.t_d.x_y_.activity.form-saved"),
            ("", "", "seen", "p._._.seen"),
        ] {
            assert_eq!(subject("p", &CloudEvent::of_kind(kind, resource, org)), expected);
        }
    }
}
