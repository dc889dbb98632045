//! A plain webhook: `CloudEvents` over HTTP in structured mode, signed as Standard Webhooks says.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Url, redirect};

use super::private::{PublicOnly, is_private};
use super::{NotTaken, Sink, http};
use crate::clock::Clock;
use crate::events::cloud_event::CloudEvent;

/// Sends each event to one address.
pub struct Webhook {
    client: Client,
    url: Url,
    secrets: Vec<WebhookSecret>,
    clock: Clock,
}

/// A key that receiver and sender share.
pub struct WebhookSecret(hmac::Key);

/// What is wrong with the settings of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookFault {
    /// The address is none.
    #[error("must be an absolute http or https URL")]
    Url,
    /// The address is private.
    #[error("must not name a private address, unless that is allowed")]
    PrivateAddress,
    /// There is no key, or one that is too short.
    #[error("must have at least one secret, each of at least 24 bytes")]
    Secret,
    /// The HTTP client cannot be made.
    #[error("cannot be used: TLS does not work")]
    Client,
}

impl WebhookSecret {
    /// Reads a secret: `whsec_` and base64, or any text; 24 bytes at least.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => text.as_bytes().to_vec(),
        };
        (bytes.len() >= 24).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The signature of a message (Standard Webhooks 1.0): of id, time in seconds since 1970, and body.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl Webhook {
    /// A webhook at `url`. `secrets` are separated by white space; the receiver may know any of them,
    /// so that they can be changed.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn new(url: &str, secrets: &str, allow_private: bool, clock: Clock) -> Result<Self, WebhookFault> {
        let url = Url::parse(url).map_err(|_| WebhookFault::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WebhookFault::Url);
        }
        // Addresses are not looked up, so they have to be judged here.
        let host = url.host_str().ok_or(WebhookFault::Url)?.trim_matches(['[', ']']);
        if !allow_private && host.parse::<IpAddr>().is_ok_and(is_private) {
            return Err(WebhookFault::PrivateAddress);
        }
        let secrets: Option<Vec<_>> = secrets.split_whitespace().map(WebhookSecret::parse).collect();
        let secrets = secrets.filter(|secrets| !secrets.is_empty()).ok_or(WebhookFault::Secret)?;
        // A redirect or a proxy of the environment could lead anywhere.
        let client = Client::builder().timeout(http::PATIENCE).redirect(redirect::Policy::none()).no_proxy();
        let client = if allow_private { client } else { client.dns_resolver(Arc::new(PublicOnly)) };
        let client = client.build().map_err(|_| WebhookFault::Client)?;
        Ok(Self { client, url, secrets, clock })
    }
}

#[async_trait]
impl Sink for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        let body = serde_json::to_vec(event).map_err(|error| NotTaken::Ever { reason: error.to_string() })?;
        let (id, timestamp) = (event.id.to_string(), self.clock.now().unix_seconds());
        let signatures: Vec<_> = self.secrets.iter().map(|s| s.sign(&id, timestamp, &body)).collect();
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        http::taken(request.send().await).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the specification's own libraries.
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn settings_are_checked() {
        let made = |url: &str, secrets: &str, allow_private| {
            Webhook::new(url, secrets, allow_private, Clock::system()).err()
        };
        assert_eq!(made("https://example.com/hook", SECRET, false), None);
        assert_eq!(made("http://127.0.0.1:1/", &format!("{SECRET} {SECRET}"), true), None);
        for url in ["", "example.com", "ftp://example.com", "file:///etc/passwd"] {
            assert_eq!(made(url, SECRET, true), Some(WebhookFault::Url), "{url}");
        }
        for url in ["http://10.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"] {
            assert_eq!(made(url, SECRET, false), Some(WebhookFault::PrivateAddress), "{url}");
        }
        for secrets in ["", "short", "whsec_AAAA", "whsec_%"] {
            assert_eq!(made("https://example.com", secrets, false), Some(WebhookFault::Secret), "{secrets}");
        }
    }
}
