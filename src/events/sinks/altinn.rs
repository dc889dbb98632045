//! Altinn Events: the national bus, which authorises each subscriber by itself.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, Response, StatusCode, Url};

use super::{NotTaken, Sink, http};
use crate::altinn::PlatformFailure;
use crate::altinn::production::ServiceTokens;
use crate::events::cloud_event::CloudEvent;

/// Gives the Altinn token that events are published with: one of Maskinporten, exchanged.
#[async_trait]
pub trait PublishingToken: Send + Sync {
    /// The token. With `renew` the one given before is of no use any more.
    async fn token(&self, renew: bool) -> Result<String, PlatformFailure>;
}

/// Always the same token.
pub struct FixedToken(pub String);

#[async_trait]
impl PublishingToken for FixedToken {
    async fn token(&self, _renew: bool) -> Result<String, PlatformFailure> {
        Ok(self.0.clone())
    }
}

/// Got from Maskinporten and exchanged, like those of every other call.
#[async_trait]
impl PublishingToken for ServiceTokens {
    async fn token(&self, renew: bool) -> Result<String, PlatformFailure> {
        Self::token(self, renew).await
    }
}

/// Publishes on Altinn Events.
pub struct AltinnEvents {
    client: Client,
    url: String,
    token: Arc<dyn PublishingToken>,
}

impl AltinnEvents {
    /// On the bus below this base URL. `None` when that is no URL, or no HTTP client can be made.
    #[must_use]
    pub fn new(base_url: &str, token: Arc<dyn PublishingToken>) -> Option<Self> {
        let client = Client::builder().timeout(http::PATIENCE).build().ok()?;
        Url::parse(base_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let url = format!("{}/events/api/v1/events", base_url.trim_end_matches('/'));
        Some(Self { client, url, token })
    }

    /// What the bus answers, with the token that it was asked with.
    async fn post(
        &self,
        body: Vec<u8>,
        renew: bool,
    ) -> Result<(reqwest::Result<Response>, String), NotTaken> {
        let token =
            self.token.token(renew).await.map_err(|failure| NotTaken::for_now(failure.to_string()))?;
        let request = self.client.post(&self.url).bearer_auth(&token);
        let request = request.header("content-type", "application/cloudevents+json");
        Ok((request.body(body).send().await, token))
    }
}

#[async_trait]
impl Sink for AltinnEvents {
    async fn deliver(&self, event: &CloudEvent) -> Result<(), NotTaken> {
        let body = serde_json::to_vec(event).map_err(|error| NotTaken::Ever { reason: error.to_string() })?;
        let (mut answer, mut token) = self.post(body.clone(), false).await?;
        if answer.as_ref().is_ok_and(|response| response.status() == StatusCode::UNAUTHORIZED) {
            (answer, token) = self.post(body, true).await?;
        }
        // Here "gone" is said of the event: the bus as such stays.
        http::taken(answer, &[&token]).await.map_err(|not_taken| match not_taken {
            NotTaken::Gone { reason } => NotTaken::Ever { reason },
            other => other,
        })
    }
}
