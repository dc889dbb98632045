//! NATS `JetStream`.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{ConnectOptions, HeaderMap, header};
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

/// Publishes on a stream. The id of an event is that of the message, so that the server drops what comes
/// twice within its window.
pub struct Nats {
    settings: NatsSettings,
    /// Connected when first used: events wait, the service does not.
    context: OnceCell<jetstream::Context>,
}

impl Nats {
    /// On this stream.
    #[must_use]
    pub fn new(settings: NatsSettings) -> Self {
        Self { settings, context: OnceCell::new() }
    }

    async fn context(&self) -> Result<&jetstream::Context, NotTaken> {
        let failed = |error: &dyn std::error::Error| NotTaken::for_now(without_numbers(&cause(error)));
        let connect = async || {
            let servers: Vec<async_nats::ServerAddr> = self
                .settings
                .url
                .split(',')
                .map(|url| url.trim().parse())
                .collect::<Result<_, _>>()
                .map_err(|_| NotTaken::for_now("the URL of the NATS server is none"))?;
            let options = ConnectOptions::new().name("dialogporten").connection_timeout(PATIENCE);
            let client = options.connect(servers).await.map_err(|error| failed(&error))?;
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
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn subjects_have_no_characters_that_nats_has_a_use_for() {
        let event = |org: &str, resource: &str, kind: &str| CloudEvent {
            specversion: "1.0",
            id: Uuid::nil(),
            r#type: format!("dialogporten.dialog.{kind}.v1"),
            time: String::new(),
            resource: resource.into(),
            resourceinstance: Uuid::nil(),
            subject: String::new(),
            source: String::new(),
            sequence: None,
            traceparent: None,
            data: Map::new(),
            org: org.into(),
        };
        for (org, resource, kind, expected) in [
            ("ttd", "urn:altinn:resource:app_ttd_a-1", "created", "p.ttd.app_ttd_a-1.created"),
            ("ttd", "urn:altinn:resource:a.b*c>d e", "updated", "p.ttd.a_b_c_d_e.updated"),
            ("t.d", "urn:altinn:resource:x\ty\u{0}", "activity.form-saved", "p.t_d.x_y_.activity.form-saved"),
            ("", "", "seen", "p._._.seen"),
        ] {
            assert_eq!(subject("p", &event(org, resource, kind)), expected);
        }
    }
}
