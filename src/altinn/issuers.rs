//! The metadata and keys of issuers of access tokens, where they publish them.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde::Deserialize;

use super::client::Connection;
use super::{IssuerDocument, IssuerDocuments, PlatformFailure};

const SERVICE: &str = "an issuer of access tokens";

/// Larger documents are refused.
const MOST_BYTES: usize = 512 * 1024;

/// Fetches over HTTP.
pub struct HttpIssuers {
    connection: Connection,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl HttpIssuers {
    /// Each document has to arrive within `deadline`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(deadline: Duration) -> Result<Self, PlatformFailure> {
        Ok(Self { connection: Connection::new(deadline)? })
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, url: Url) -> Result<T, PlatformFailure> {
        let (status, body) = self.connection.once(SERVICE, self.connection.http().get(url)).await?;
        if !status.is_success() || body.len() > MOST_BYTES {
            let reason = format!("the status is {}, and the answer {} bytes", status.as_u16(), body.len());
            return Err(PlatformFailure::unusable(SERVICE, reason));
        }
        serde_json::from_slice(&body)
            .map_err(|_| PlatformFailure::unusable(SERVICE, "the answer is not the JSON that was expected"))
    }
}

#[async_trait]
impl IssuerDocuments for HttpIssuers {
    async fn fetch(&self, url: &str) -> Result<IssuerDocument, PlatformFailure> {
        let unusable = |reason| PlatformFailure::unusable(SERVICE, reason);
        let url = Url::parse(url).map_err(|_| unusable("its address is no URL"))?;
        let Metadata { issuer, jwks_uri } = self.json(url.clone()).await?;
        let keys = Url::parse(&jwks_uri).map_err(|_| unusable("the address of its keys is no URL"))?;
        // Keys from elsewhere would let elsewhere issue tokens.
        if keys.origin() != url.origin() {
            return Err(unusable("its keys are at another origin than its metadata"));
        }
        Ok(IssuerDocument { issuer, keys: self.json(keys).await? })
    }
}
