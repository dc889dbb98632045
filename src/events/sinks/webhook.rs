//! A plain webhook: `CloudEvents` over HTTP, signed as Standard Webhooks says.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::private::{PublicOnly, is_private};
use super::{NotTaken, Sink, http};
use crate::clock::Clock;
use crate::config::sinks::Mode;
use crate::events::cloud_event::CloudEvent;

/// Sends events to one address.
pub struct Webhook {
    client: Client,
    url: Url,
    keys: Vec<WebhookKey>,
    mode: Mode,
    batch_size: usize,
    /// Who we are for receivers that are asked first.
    origin: Option<String>,
    /// The receiver wants events.
    is_allowed: OnceCell<()>,
    clock: Clock,
}

/// How a webhook is used.
#[derive(Clone)]
pub struct WebhookOptions {
    /// Where events are sent.
    pub url: String,
    /// What requests are signed with, separated by white space: the receiver may know any of them, so that
    /// they can be changed.
    pub secrets: String,
    /// Whether the address may be private.
    pub allow_private: bool,
    /// How events are put into requests.
    pub mode: Mode,
    /// Most events in a request, in batches.
    pub batch_size: usize,
    /// Name of this service, if the receiver is to be asked first whether it wants events of it.
    pub origin: Option<String>,
}

/// A key that requests are signed with.
pub enum WebhookKey {
    /// One that receiver and sender share.
    Shared(Box<hmac::Key>),
    /// One of which the receiver knows the public part.
    Private(Ed25519KeyPair),
}

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

/// What is encoded in headers (HTTP binding of `CloudEvents`, section 3.1.3.2); besides all that is not
/// ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

impl WebhookKey {
    /// Reads a secret: `whsec_` and base64, or any text, 24 bytes at least; or `whsk_` and the base64 of
    /// a private Ed25519 key, with or without the public one after it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(encoded) = text.strip_prefix("whsk_") {
            let bytes = STANDARD.decode(encoded).ok()?;
            let pair = match bytes.split_at_checked(32)? {
                (seed, []) => Ed25519KeyPair::from_seed_unchecked(seed),
                (seed, public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            };
            return pair.ok().map(Self::Private);
        }
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).ok()?,
            None => text.as_bytes().to_vec(),
        };
        (bytes.len() >= 24).then(|| Self::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    /// The signature of a message (Standard Webhooks 1.0): of id, time in seconds since 1970, and body.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let message = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        match self {
            Self::Shared(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, &message))),
            Self::Private(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(&message))),
        }
    }
}

impl Webhook {
    /// A webhook.
    ///
    /// # Errors
    /// Which settings are wrong, and how.
    pub fn new(options: WebhookOptions, clock: Clock) -> Result<Self, Vec<WebhookFault>> {
        let WebhookOptions { url, secrets, allow_private, mode, batch_size, origin } = options;
        let url = address(&url, allow_private);
        let keys: Option<Vec<_>> = secrets.split_whitespace().map(WebhookKey::parse).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or(WebhookFault::Secret);
        let (url, keys) = match (url, keys) {
            (Ok(url), Ok(keys)) => (url, keys),
            (url, keys) => return Err(url.err().into_iter().chain(keys.err()).collect()),
        };
        // A redirect or a proxy of the environment could lead anywhere.
        let client = Client::builder().timeout(http::PATIENCE).redirect(redirect::Policy::none()).no_proxy();
        let client = if allow_private { client } else { client.dns_resolver(Arc::new(PublicOnly)) };
        let client = client.build().map_err(|_| vec![WebhookFault::Client])?;
        Ok(Self { client, url, keys, mode, batch_size, origin, is_allowed: OnceCell::new(), clock })
    }

    /// Asks the receiver once whether it wants events ("HTTP 1.1 Web Hooks for Event Delivery" of
    /// `CloudEvents`, section 4).
    async fn ask_first(&self) -> Result<(), NotTaken> {
        let Some(origin) = self.origin.as_deref() else { return Ok(()) };
        let ask = async || {
            let request = self.client.request(Method::OPTIONS, self.url.clone());
            let answer = request.header("webhook-request-origin", origin).send().await;
            let allowed =
                answer.as_ref().ok().and_then(|answer| answer.headers().get("webhook-allowed-origin"));
            let allows = |value: &str| value == "*" || value.eq_ignore_ascii_case(origin);
            let is_allowed = allowed.and_then(|value| value.to_str().ok()).is_some_and(allows);
            let refusal = match http::taken(answer, &self.secrets_of_url()).await {
                Ok(()) if is_allowed => return Ok(()),
                Ok(()) => "no permission in the header WebHook-Allowed-Origin".to_owned(),
                Err(gone @ NotTaken::Gone { .. }) => return Err(gone),
                Err(not_taken) => not_taken.to_string(),
            };
            Err(NotTaken::for_now(format!("asked whether it wants events: {refusal}")))
        };
        self.is_allowed.get_or_try_init(ask).await.map(drop)
    }

    /// What the receiver may repeat and nobody else need know.
    fn secrets_of_url(&self) -> Vec<&str> {
        [Some(self.url.path()), self.url.query()].into_iter().flatten().collect()
    }

    /// Signs and sends.
    async fn send(&self, id: &str, request: RequestBuilder, body: Vec<u8>) -> Result<(), NotTaken> {
        self.ask_first().await?;
        let timestamp = self.clock.now().unix_seconds();
        let signatures: Vec<_> = self.keys.iter().map(|key| key.sign(id, timestamp, &body)).collect();
        let request = request
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        http::taken(request.send().await, &self.secrets_of_url()).await
    }

    /// A request in binary mode: everything but the data is in headers.
    fn binary(&self, event: &CloudEvent) -> Result<(RequestBuilder, Vec<u8>), serde_json::Error> {
        let mut request = self.client.post(self.url.clone());
        let mut body = Vec::new();
        if let Value::Object(attributes) = serde_json::to_value(event)? {
            for (name, value) in attributes {
                if let Value::String(text) = value {
                    let value = utf8_percent_encode(&text, ENCODED).to_string();
                    request = request.header(format!("ce-{name}"), value);
                } else {
                    request = request.header("content-type", "application/json");
                    body = serde_json::to_vec(&value)?;
                }
            }
        }
        Ok((request, body))
    }
}

#[async_trait]
impl Sink for Webhook {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        let malformed = |error: serde_json::Error| NotTaken::Ever { reason: error.to_string() };
        let (request, body) = match self.mode {
            Mode::Batched => return self.deliver_all(&[event]).await,
            Mode::Binary => self.binary(event).map_err(malformed)?,
            Mode::Structured => {
                let kind = "application/cloudevents+json; charset=utf-8";
                let request = self.client.post(self.url.clone()).header("content-type", kind);
                (request, serde_json::to_vec(event).map_err(malformed)?)
            }
        };
        self.send(&event.id.to_string(), request, body).await
    }

    fn batch_size(&self) -> usize {
        if self.mode == Mode::Batched { self.batch_size } else { 1 }
    }

    async fn deliver_all(&self, events: &[&CloudEvent]) -> Result<(), NotTaken> {
        let body =
            serde_json::to_vec(events).map_err(|error| NotTaken::Ever { reason: error.to_string() })?;
        let kind = "application/cloudevents-batch+json; charset=utf-8";
        let request = self.client.post(self.url.clone()).header("content-type", kind);
        self.send(&batch_id(events).to_string(), request, body).await
    }
}

fn address(url: &str, allow_private: bool) -> Result<Url, WebhookFault> {
    let url = Url::parse(url).map_err(|_| WebhookFault::Url)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(WebhookFault::Url);
    }
    // Addresses are not looked up, so they have to be judged here.
    let host = url.host_str().ok_or(WebhookFault::Url)?.trim_matches(['[', ']']);
    if !allow_private && host.parse::<IpAddr>().is_ok_and(is_private) {
        return Err(WebhookFault::PrivateAddress);
    }
    Ok(url)
}

/// The same for the same events, so that receivers know a batch that comes twice.
fn batch_id(events: &[&CloudEvent]) -> Uuid {
    let ids: Vec<u8> = events.iter().flat_map(|event| event.id.into_bytes()).collect();
    Uuid::new_v5(&Uuid::NAMESPACE_URL, &ids)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, KeyPair, UnparsedPublicKey};

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the specification's own libraries.
        let secret = WebhookKey::parse(SECRET).unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_private_key_signs_for_those_who_know_the_public_one() {
        let seed = [7; 32];
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = pair.public_key().as_ref();
        let long = [&seed[..], public].concat();
        for secret in [&seed[..], &long] {
            let key = WebhookKey::parse(&format!("whsk_{}", STANDARD.encode(secret))).unwrap();
            let signature = key.sign("id", 17, b"body");
            let signature = STANDARD.decode(signature.strip_prefix("v1a,").unwrap()).unwrap();
            UnparsedPublicKey::new(&ED25519, public).verify(b"id.17.body", &signature).unwrap();
        }
        for wrong in [&[7; 31][..], &[7; 33], &[7; 64]] {
            assert!(WebhookKey::parse(&format!("whsk_{}", STANDARD.encode(wrong))).is_none());
        }
    }

    #[test]
    fn attributes_are_encoded_as_headers() {
        let encoded = utf8_percent_encode("urn:x \"100%\" é~\u{7f}", ENCODED).to_string();
        assert_eq!(encoded, "urn:x%20%22100%25%22%20%C3%A9~%7F");
    }

    #[test]
    fn settings_are_checked() {
        let made = |url: &str, secrets: &str, allow_private| {
            let options = WebhookOptions {
                url: url.into(),
                secrets: secrets.into(),
                allow_private,
                mode: Mode::Structured,
                batch_size: 1,
                origin: None,
            };
            Webhook::new(options, Clock::system()).err()
        };
        assert_eq!(made("https://example.com/hook", SECRET, false), None);
        assert_eq!(made("http://127.0.0.1:1/", &format!("{SECRET} {SECRET}"), true), None);
        for url in ["", "example.com", "ftp://example.com", "file:///etc/passwd"] {
            assert_eq!(made(url, SECRET, true), Some(vec![WebhookFault::Url]), "{url}");
        }
        for url in ["http://10.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"] {
            assert_eq!(made(url, SECRET, false), Some(vec![WebhookFault::PrivateAddress]), "{url}");
        }
        for secrets in ["", "short", "whsec_AAAA", "whsec_%", "whsk_AAAA", "whsk_%"] {
            assert_eq!(
                made("https://example.com", secrets, false),
                Some(vec![WebhookFault::Secret]),
                "{secrets}"
            );
        }
        assert_eq!(made("", "", true), Some(vec![WebhookFault::Url, WebhookFault::Secret]));
    }
}
