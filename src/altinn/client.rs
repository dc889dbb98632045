//! Calls to one API of the platform: authorised, with a deadline, tried again where that may help, and
//! not made at all while the API does not answer.
//!
//! All calls that are made here only ask, also those with POST, so any of them may be made twice.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::PlatformFailure;
use super::circuit::CircuitBreaker;
use super::credentials::Credentials;

/// What is encoded in a URI's segment: all but the unreserved characters (RFC 3986, section 2.3).
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longer answers are refused.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What all calls to the platform share.
#[derive(Clone)]
pub(super) struct Connection {
    http: reqwest::Client,
    deadline: Duration,
}

impl Connection {
    /// Connections to servers whose calls end within `deadline`. Redirects are not followed: who has
    /// our credentials is a matter of configuration.
    pub fn new(deadline: Duration) -> Result<Self, PlatformFailure> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(deadline.min(Duration::from_secs(3)))
            .user_agent(concat!("dialogporten/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| PlatformFailure::unavailable("the HTTP client", error.to_string()))?;
        Ok(Self { http, deadline })
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Makes one call and reads the whole answer, within the deadline.
    pub async fn once(
        &self,
        service: &'static str,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Bytes), PlatformFailure> {
        let attempt = async {
            let response = request.send().await.map_err(|error| failure(service, &error))?;
            let status = response.status();
            Ok((status, read(service, response).await?))
        };
        tokio::time::timeout(self.deadline, attempt).await.unwrap_or_else(|_| {
            Err(PlatformFailure::unavailable(service, format!("no answer within {:?}", self.deadline)))
        })
    }
}

/// Says what happened without the URL, which may hold identifiers.
fn failure(service: &'static str, error: &reqwest::Error) -> PlatformFailure {
    let reason = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    PlatformFailure::unavailable(service, reason)
}

async fn read(service: &'static str, mut response: Response) -> Result<Bytes, PlatformFailure> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(service, &error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(PlatformFailure::unusable(service, "the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// One API of the platform.
pub(super) struct PlatformApi {
    service: &'static str,
    connection: Connection,
    base: Url,
    credentials: Option<Arc<Credentials>>,
    circuit: CircuitBreaker,
}

/// A call that was not answered as it should have been, and whether to make it again.
struct Unanswered {
    failure: PlatformFailure,
    may_pass: bool,
}

impl PlatformApi {
    /// The API that error texts call `service`, with paths below `base`.
    pub fn new(
        service: &'static str,
        connection: Connection,
        base: Url,
        credentials: Option<Arc<Credentials>>,
    ) -> Self {
        Self { service, connection, base, credentials, circuit: CircuitBreaker::new() }
    }

    /// A failure of this API whose answer could not be used.
    pub fn unusable(&self, reason: impl Into<String>) -> PlatformFailure {
        PlatformFailure::unusable(self.service, reason)
    }

    /// Where a path (which may have a query) of this API is.
    pub fn url(&self, path: &str) -> Result<Url, PlatformFailure> {
        let base = self.base.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{}", path.trim_start_matches('/')))
            .map_err(|_| self.unusable("the path is not one of a URL"))
    }

    /// Calls and reads JSON.
    pub async fn json<T: DeserializeOwned>(
        &self,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<T, PlatformFailure> {
        let body = self.bytes(request).await?.ok_or_else(|| self.unusable("the status is 404"))?;
        // What serde says of the answer may repeat some of it.
        serde_json::from_slice(&body).map_err(|error| {
            self.unusable(format!(
                "the JSON is not as expected in line {}, column {}",
                error.line(),
                error.column()
            ))
        })
    }

    /// Calls, and gives the body of the answer; `None` if there is nothing (404).
    ///
    /// # Errors
    /// When there is no answer within the deadline, tried again included, or one that is no success;
    /// at once while the circuit is open.
    pub async fn bytes(
        &self,
        request: impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Option<Bytes>, PlatformFailure> {
        if !self.circuit.lets_through() {
            return Err(PlatformFailure::unavailable(self.service, "it has not answered for a while"));
        }
        let retries = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(2)
            .with_jitter();
        let tries = (|| self.attempt(&request)).retry(retries).when(|unanswered| unanswered.may_pass);
        let outcome = tokio::time::timeout(self.connection.deadline, tries).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {:?}", self.connection.deadline);
            let failure = PlatformFailure::unavailable(self.service, reason);
            Err(Unanswered { failure, may_pass: true })
        });
        match outcome {
            Ok(body) => {
                self.circuit.succeeded();
                Ok(body)
            }
            Err(Unanswered { failure, may_pass }) => {
                // A refusal says that the API works.
                if may_pass {
                    self.circuit.failed();
                } else {
                    self.circuit.succeeded();
                }
                Err(failure)
            }
        }
    }

    async fn attempt(
        &self,
        request: &impl Fn(&reqwest::Client) -> RequestBuilder,
    ) -> Result<Option<Bytes>, Unanswered> {
        let transient = |failure| Unanswered { failure, may_pass: true };
        let mut request = request(&self.connection.http);
        let token = match &self.credentials {
            Some(credentials) => Some(credentials.token().await.map_err(transient)?),
            None => None,
        };
        if let (Some(credentials), Some(token)) = (&self.credentials, &token) {
            request = request
                .bearer_auth(token)
                .header("ocp-apim-subscription-key", credentials.subscription_key());
        }
        let (status, body) = self.connection.once(self.service, request).await.map_err(transient)?;
        if status.is_success() {
            return Ok(Some(body));
        }
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if let (Some(credentials), Some(token), StatusCode::UNAUTHORIZED) =
            (&self.credentials, &token, status)
        {
            credentials.forget(token);
        }
        let may_pass = status.is_server_error()
            || matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        let reason = format!("the status is {}", status.as_u16());
        Err(Unanswered { failure: PlatformFailure::unusable(self.service, reason), may_pass })
    }
}
