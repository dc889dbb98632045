//! How we prove to the platform who we are: a grant that we sign (RFC 7523) brings a token of
//! Maskinporten, and that one brings a token of the platform itself.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::PlatformFailure;
use super::client::Connection;
use super::rsa::private_key_der;
use crate::access::jws;
use crate::clock::Clock;
use crate::timestamp::Timestamp;

const SERVICE: &str = "maskinporten";
const EXCHANGE: &str = "the token exchange";

/// How long a grant is valid, in seconds. Maskinporten takes none of more than 120.
const GRANT_SECONDS: i64 = 100;

/// A token is renewed when less than this is left of it, in seconds.
const RESERVE_SECONDS: i64 = 60;

/// Our client at Maskinporten.
pub(super) struct MaskinportenClient {
    /// Its issuer, with a slash at its end; the endpoint for tokens is `token` below it.
    pub issuer: String,
    pub client_id: String,
    pub scope: String,
    key: ClientKey,
}

struct ClientKey {
    kid: String,
    pair: KeyPair,
}

impl MaskinportenClient {
    /// `jwk` is the private key: RSA, with a `kid`. `None` if it is not.
    pub fn new(issuer: &str, client_id: &str, scope: &str, jwk: &Value) -> Option<Self> {
        let kid = jwk.get("kid")?.as_str()?.to_owned();
        let pair = KeyPair::from_der(&private_key_der(jwk)?).ok()?;
        Some(Self {
            issuer: format!("{}/", issuer.trim_end_matches('/')),
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            key: ClientKey { kid, pair },
        })
    }

    fn grant(&self, now: Timestamp, jti: &str) -> Option<String> {
        let issued_at = now.unix_seconds();
        let claims = json!({
            "iss": self.client_id,
            "aud": self.issuer,
            "scope": self.scope,
            "iat": issued_at,
            "exp": issued_at + GRANT_SECONDS,
            "jti": jti,
        });
        let sign = |message: &[u8]| {
            let mut signature = vec![0; self.key.pair.public_modulus_len()];
            let random = SystemRandom::new();
            self.key.pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
        };
        jws::compact(&jws::header("RS256", &self.key.kid), &claims, sign).ok()
    }
}

/// The proof that every call to the platform carries.
pub(super) struct Credentials {
    client: MaskinportenClient,
    connection: Connection,
    exchange: Url,
    subscription_key: String,
    clock: Clock,
    token: ArcSwapOption<Token>,
    /// Held by the one who renews the token.
    renewal: Mutex<()>,
}

struct Token {
    text: Arc<str>,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

impl Credentials {
    /// `exchange` is where a token of Maskinporten brings one of the platform.
    pub fn new(
        client: MaskinportenClient,
        connection: Connection,
        exchange: Url,
        subscription_key: String,
        clock: Clock,
    ) -> Self {
        let (token, renewal) = (ArcSwapOption::empty(), Mutex::new(()));
        Self { client, connection, exchange, subscription_key, clock, token, renewal }
    }

    pub fn subscription_key(&self) -> &str {
        &self.subscription_key
    }

    /// A token of the platform that is valid for a while.
    ///
    /// # Errors
    /// When Maskinporten or the platform gives none.
    pub async fn token(&self) -> Result<Arc<str>, PlatformFailure> {
        if let Some(token) = self.kept() {
            return Ok(token);
        }
        let _renewal = self.renewal.lock().await;
        // Somebody else may have renewed it meanwhile.
        if let Some(token) = self.kept() {
            return Ok(token);
        }
        let token = self.renewed().await?;
        let text = Arc::clone(&token.text);
        self.token.store(Some(Arc::new(token)));
        Ok(text)
    }

    fn kept(&self) -> Option<Arc<str>> {
        let soon = self.clock.now().plus_seconds(RESERVE_SECONDS);
        self.token
            .load()
            .as_ref()
            .filter(|token| token.expires_at > soon)
            .map(|token| Arc::clone(&token.text))
    }

    /// Does not use this token again, which the platform has refused.
    pub fn forget(&self, refused: &str) {
        let is_kept = self.token.load().as_ref().is_some_and(|token| *token.text == *refused);
        if is_kept {
            self.token.store(None);
        }
    }

    async fn renewed(&self) -> Result<Token, PlatformFailure> {
        let now = self.clock.now();
        let jti = self.clock.ids(now).revision().to_string();
        let grant = self
            .client
            .grant(now, &jti)
            .ok_or_else(|| PlatformFailure::unusable(SERVICE, "the grant could not be signed"))?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &grant)
            .finish();
        let request = self
            .connection
            .http()
            .post(format!("{}token", self.client.issuer))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let (status, body) = self.connection.once(SERVICE, request).await?;
        if !status.is_success() {
            let reason = format!("the status is {}", status.as_u16());
            return Err(PlatformFailure::unusable(SERVICE, reason));
        }
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| PlatformFailure::unusable(SERVICE, "the answer has no token"))?;

        let request = self.connection.http().get(self.exchange.clone()).bearer_auth(&answer.access_token);
        let (status, body) = self.connection.once(EXCHANGE, request).await?;
        let text = str::from_utf8(&body).ok().map(|text| text.trim().trim_matches('"'));
        match text.filter(|text| status.is_success() && text.split('.').count() == 3) {
            Some(text) => {
                let expires_at = now.plus_seconds(answer.expires_in);
                Ok(Token { text: text.into(), expires_at })
            }
            None => {
                let reason = format!("the status is {}, or the answer no token", status.as_u16());
                Err(PlatformFailure::unusable(EXCHANGE, reason))
            }
        }
    }
}

/// Shows no secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.client.client_id)
    }
}
