//! The national platform, made of its settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::access_management::HttpAccessManagement;
use super::authorization::HttpDecisions;
use super::client::{Connection, PlatformApi};
use super::credentials::{Credentials, MaskinportenClient};
use super::register::HttpNames;
use super::remembering::remembering;
use super::resource_registry::HttpResourceRegistry;
use super::{Platform, PlatformFailure};
use crate::clock::Clock;

/// What we ask Maskinporten for.
const SCOPE: &str = "altinn:events.publish altinn:events.publish.admin \
    altinn:register/partylookup.admin altinn:authorization/authorize.admin \
    altinn:accessmanagement/authorizedparties.admin";

/// Where the platform is, and who we are there.
pub struct PlatformSettings {
    /// Base address of the platform's APIs.
    pub url: Url,
    /// Base address of the public list of service owners.
    pub cdn_url: Url,
    /// The key that the platform's gateway asks for.
    pub subscription_key: String,
    /// Issuer of Maskinporten.
    pub maskinporten: Url,
    /// Id of our client at Maskinporten.
    pub client_id: String,
    /// The private key of that client.
    pub client_key: Value,
    /// How long a call may take, tried again included.
    pub deadline: Duration,
}

/// Shows no secrets.
impl fmt::Debug for PlatformSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformSettings").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Why there are no clients.
#[derive(Debug, thiserror::Error)]
pub enum PlatformFault {
    /// The key is not one.
    #[error("the key of the client is not a private RSA key with a kid, as JWK")]
    Key,
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] PlatformFailure),
}

/// What the service calls the platform with.
pub struct Clients {
    /// Asks, and remembers answers.
    pub platform: Platform,
    /// Proves who we are in calls that are made elsewhere, such as those that publish events.
    pub tokens: ServiceTokens,
}

/// Gives tokens of the platform for this service.
#[derive(Clone, Debug)]
pub struct ServiceTokens(Arc<Credentials>);

impl ServiceTokens {
    /// A token that is valid for a while. With `renew` another than before, which the platform has
    /// refused.
    ///
    /// # Errors
    /// When Maskinporten or the platform gives none.
    pub async fn token(&self, renew: bool) -> Result<String, PlatformFailure> {
        let token = self.0.token().await?;
        if !renew {
            return Ok(token.to_string());
        }
        self.0.forget(&token);
        Ok(self.0.token().await?.to_string())
    }
}

/// Clients of the platform's APIs.
///
/// # Errors
/// When the key is not one.
pub fn clients(settings: &PlatformSettings, clock: &Clock) -> Result<Clients, PlatformFault> {
    let connection = Connection::new(settings.deadline)?;
    let client = MaskinportenClient::new(
        settings.maskinporten.as_str(),
        &settings.client_id,
        SCOPE,
        &settings.client_key,
    )
    .ok_or(PlatformFault::Key)?;
    let api = |service, credentials| {
        PlatformApi::new(service, connection.clone(), settings.url.clone(), credentials)
    };
    let base_url = settings.url.as_str().trim_end_matches('/').to_owned();
    let exchange = api("the token exchange", None).url("authentication/api/v1/exchange/maskinporten")?;
    let credentials = Arc::new(Credentials::new(
        client,
        connection.clone(),
        exchange,
        settings.subscription_key.clone(),
        clock.clone(),
    ));
    let authorised = |service| api(service, Some(Arc::clone(&credentials)));
    let platform = Platform {
        resources: Arc::new(HttpResourceRegistry {
            api: api("the resource registry", None),
            organizations: PlatformApi::new(
                "the list of service owners",
                connection.clone(),
                settings.cdn_url.clone(),
                None,
            ),
            base_url: base_url.clone(),
        }),
        decisions: Arc::new(HttpDecisions { api: authorised("the policy decision point") }),
        access_management: Arc::new(HttpAccessManagement {
            api: authorised("access management"),
            metadata: api("metadata of access management", None),
            base_url,
        }),
        names: Arc::new(HttpNames { api: authorised("the register") }),
    };
    Ok(Clients { platform: remembering(platform, clock), tokens: ServiceTokens(credentials) })
}
