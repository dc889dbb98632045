//! Access tokens: from the `Authorization` header to [`Claims`].
//!
//! The rules are those of RFC 7519, RFC 8725 (best practices) and RFC 6750. Each issuer has keys of
//! its own, each key one algorithm. Clients send a token many times before it expires: one that has
//! been found good is known again, as long as the keys of its issuer stay the same. Nothing here locks
//! or asks the time, and nothing waits but for a key that is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};

use super::claims::Claims;
use crate::timestamp::Timestamp;

/// Longer tokens are refused unread.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Larger key sets are refused.
pub const MAX_KEYS: usize = 32;

/// How many good tokens are known again, at most.
const KNOWN_TOKENS: usize = 4096;

/// Keys are fetched again for the sake of one that is missing at most once in so many seconds.
const RENEWAL_SECONDS: i64 = 60;

/// How long a request waits for that.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(2);

/// How far the clocks of an issuer and ours may differ.
pub(crate) const LEEWAY_SECONDS: i64 = 2;

/// Why a request does not come with a usable access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// There is none.
    #[error("an access token is needed")]
    Missing,
    /// There is one, with this fault.
    #[error("the access token is invalid: {0}")]
    Invalid(&'static str),
    /// There is one, signed with a key that its issuer does not have, as far as we know.
    #[error("the access token is invalid: the signing key is unknown")]
    UnknownKey,
    /// It was issued by somebody whom we do not trust.
    #[error("the issuer of the access token is not trusted")]
    UnknownIssuer,
    /// The keys of its issuer have not been fetched yet. A fault on our side: try again.
    #[error("the keys of the issuer are not known yet")]
    IssuerNotReady,
}

impl TokenRefusal {
    /// The header `WWW-Authenticate` (RFC 6750 section 3) of the refusal; `None` where sending
    /// another token would not help.
    #[must_use]
    pub fn www_authenticate(self) -> Option<String> {
        match self {
            Self::Missing | Self::UnknownIssuer => Some("Bearer".into()),
            Self::Invalid(fault) => Some(invalid_token(fault)),
            Self::UnknownKey => Some(invalid_token("the signing key is unknown")),
            Self::IssuerNotReady => None,
        }
    }
}

fn invalid_token(fault: &str) -> String {
    format!(r#"Bearer error="invalid_token", error_description="{fault}""#)
}

/// Somebody whose tokens we trust.
pub struct Issuer {
    /// Our name for it.
    pub name: String,
    /// Its identifier, equal to the claim `iss` to the last character; none until it has told.
    identifier: ArcSwapOption<String>,
    /// What its identifier will be, but for a slash at the end.
    expected: Option<String>,
    /// The audiences (claim `aud`) of which a token must name one; none: the claim is not looked at.
    pub audiences: Vec<String>,
    keys: ArcSwap<IssuerKeys>,
    renewal: Renewal,
}

/// How those who check tokens ask for newer keys.
#[derive(Default)]
struct Renewal {
    wanted: Notify,
    /// Whether keys are being fetched because somebody missed one.
    is_under_way: AtomicBool,
    /// How often keys have been asked for, with success or not.
    done: watch::Sender<u64>,
    /// When a missing key last made us ask, in seconds since 1970.
    last: AtomicI64,
}

impl Issuer {
    /// An issuer whose keys are known, and whose tokens may be for any audience.
    #[must_use]
    pub fn new(name: &str, issuer: &str, keys: IssuerKeys) -> Self {
        Self {
            identifier: ArcSwapOption::from_pointee(issuer.to_owned()),
            keys: ArcSwap::from_pointee(keys),
            ..Self::unknown(name, None)
        }
    }

    /// An issuer that tells its identifier and its keys in the metadata at `url`.
    #[must_use]
    pub fn discovered(name: &str, url: &str) -> Self {
        // OpenID Connect Discovery 1.0 section 4 puts the well-known path after that of the issuer,
        // RFC 8414 section 3.1 before it.
        let (start, end) = url.split_once("/.well-known/").unwrap_or((url, ""));
        let path = end.split_once('/').map_or("", |(_, path)| path);
        let expected = format!("{start}/{path}");
        Self::unknown(name, Some(expected.trim_end_matches('/').to_owned()))
    }

    fn unknown(name: &str, expected: Option<String>) -> Self {
        Self {
            name: name.into(),
            identifier: ArcSwapOption::empty(),
            expected,
            audiences: Vec::new(),
            keys: ArcSwap::default(),
            renewal: Renewal::default(),
        }
    }

    /// From now on it has this identifier and these keys.
    pub fn learn(&self, identifier: &str, keys: IssuerKeys) {
        let is_known = self.identifier.load().as_ref().is_some_and(|known| known.as_str() == identifier);
        if !is_known {
            self.identifier.store(Some(Arc::new(identifier.to_owned())));
        }
        // Who was let in with the keys before is asked for a signature once more.
        if **self.keys.load() != keys {
            self.keys.store(Arc::new(keys));
        }
    }

    /// Waits until somebody misses a key, or for so long.
    pub async fn renewal_wanted(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.renewal.wanted.notified()).await;
    }

    /// The issuer has been asked for its keys, and what it said was learnt.
    pub fn renewal_done(&self) {
        self.renewal.is_under_way.store(false, Ordering::SeqCst);
        self.renewal.done.send_modify(|count| *count += 1);
    }

    /// Has the keys fetched again, at most once a minute, and waits for them a little. Says whether it
    /// did.
    async fn renew(&self, now: Timestamp) -> bool {
        if self.expected.is_none() {
            return false;
        }
        let mut done = self.renewal.done.subscribe();
        let before = *done.borrow();
        let now = now.unix_seconds();
        let last = self.renewal.last.load(Ordering::SeqCst);
        let is_time = now >= last.saturating_add(RENEWAL_SECONDS)
            && self.renewal.last.compare_exchange(last, now, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if is_time {
            self.renewal.is_under_way.store(true, Ordering::SeqCst);
            self.renewal.wanted.notify_one();
        } else if !self.renewal.is_under_way.load(Ordering::SeqCst) {
            return *done.borrow() > before;
        }
        tokio::time::timeout(RENEWAL_PATIENCE, done.wait_for(|count| *count > before)).await.is_ok()
    }

    /// The same issuer, but a token must name one of these audiences.
    #[must_use]
    pub fn for_audiences(self, audiences: Vec<String>) -> Self {
        Self { audiences, ..self }
    }

    fn check_audience(&self, payload: &Map<String, Value>) -> Result<(), TokenRefusal> {
        let expected = |audience: &Value| {
            audience.as_str().is_some_and(|audience| self.audiences.iter().any(|known| known == audience))
        };
        let named = match payload.get("aud") {
            _ if self.audiences.is_empty() => true,
            Some(Value::Array(audiences)) => audiences.iter().any(expected),
            Some(audience) => expected(audience),
            None => false,
        };
        if named { Ok(()) } else { Err(TokenRefusal::Invalid("the audience is wrong")) }
    }
}

/// The public keys of one issuer. The default has none, which means: not fetched yet.
#[derive(Default)]
pub struct IssuerKeys(Vec<IssuerKey>);

/// Whether they are the same keys in the same order.
impl PartialEq for IssuerKeys {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| one.source == other.source)
    }
}

struct IssuerKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    /// The JWK as it was read.
    source: Value,
}

/// A document that gives no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetFault {
    /// There is no array `keys`.
    #[error("not a JWK set")]
    NotASet,
    /// There are more than [`MAX_KEYS`] keys.
    #[error("the JWK set has more than {MAX_KEYS} keys")]
    TooMany,
    /// All keys are for other purposes or algorithms.
    #[error("the JWK set has no key for an accepted signing algorithm")]
    NoUsableKey,
}

impl IssuerKeys {
    /// The usable keys of a JWK set (RFC 7517). Keys for encryption and for algorithms that we do
    /// not accept are passed over.
    ///
    /// # Errors
    /// If no key is left, or the document is not a set of at most [`MAX_KEYS`] keys.
    pub fn from_jwks(document: &Value) -> Result<Self, JwkSetFault> {
        let keys = document.get("keys").and_then(Value::as_array).ok_or(JwkSetFault::NotASet)?;
        if keys.len() > MAX_KEYS {
            return Err(JwkSetFault::TooMany);
        }
        let keys: Vec<IssuerKey> = keys.iter().filter_map(IssuerKey::from_jwk).collect();
        if keys.is_empty() { Err(JwkSetFault::NoUsableKey) } else { Ok(Self(keys)) }
    }

    fn check_signature(&self, token: &Token<'_>) -> Result<(), TokenRefusal> {
        if self.0.is_empty() {
            return Err(TokenRefusal::IssuerNotReady);
        }
        let (algorithm, kid) = token.signed_with()?;
        let mut keys = self
            .0
            .iter()
            .filter(|key| kid.is_none() || key.kid.as_deref() == kid)
            .filter(|key| key.algorithm == algorithm)
            .peekable();
        if keys.peek().is_none() {
            return Err(TokenRefusal::UnknownKey);
        }
        let verifies = |key: &IssuerKey| {
            jsonwebtoken::crypto::verify(token.signature, token.message.as_bytes(), &key.key, algorithm)
                .unwrap_or(false)
        };
        if keys.any(verifies) { Ok(()) } else { Err(TokenRefusal::Invalid("the signature is wrong")) }
    }
}

impl IssuerKey {
    fn from_jwk(source: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(source.clone()).ok()?;
        let can_verify =
            jwk.common.key_operations.as_ref().is_none_or(|o| o.contains(&KeyOperations::Verify));
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        if !can_verify || !is_for_signatures {
            return None;
        }
        let algorithm = pinned_algorithm(&jwk)?;
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { kid: jwk.common.key_id, algorithm, key, source: source.clone() })
    }
}

/// The one algorithm for which a key may be used: the one that it names, else the usual one of its
/// type (RFC 8725 section 3.1).
fn pinned_algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let usual = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    match jwk.common.key_algorithm {
        Some(KeyAlgorithm::PS256) if usual == Algorithm::RS256 => Some(Algorithm::PS256),
        Some(named) => (named == usual.into()).then_some(usual),
        None => Some(usual),
    }
}

/// A token that can be read, and is not yet trusted.
struct Token<'a> {
    header: Map<String, Value>,
    payload: Map<String, Value>,
    /// What is signed: header and payload as they were sent.
    message: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Result<Self, TokenRefusal> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::Invalid("it is too long"));
        }
        let parse = || {
            let (message, signature) = text.rsplit_once('.')?;
            let (header, payload) = message.split_once('.')?;
            Some(Self { header: object(header)?, payload: object(payload)?, message, signature })
        };
        parse().ok_or(TokenRefusal::Invalid("it is not a signed JSON Web Token"))
    }

    /// The algorithm and the key that the header names, if the header is one that we accept.
    fn signed_with(&self) -> Result<(Algorithm, Option<&str>), TokenRefusal> {
        for member in ["jku", "jwk", "x5u", "crit"] {
            if self.header.contains_key(member) {
                return Err(TokenRefusal::Invalid("its header has a member that is not accepted"));
            }
        }
        let is_access_token = self.header.get("typ").is_none_or(|typ| {
            let names = ["JWT", "at+jwt", "application/at+jwt"];
            typ.as_str().is_some_and(|typ| names.iter().any(|name| name.eq_ignore_ascii_case(typ)))
        });
        if !is_access_token {
            return Err(TokenRefusal::Invalid("it is not an access token"));
        }
        let algorithm = match self.header.get("alg").and_then(Value::as_str) {
            Some("RS256") => Algorithm::RS256,
            Some("PS256") => Algorithm::PS256,
            Some("ES256") => Algorithm::ES256,
            Some("EdDSA") => Algorithm::EdDSA,
            _ => return Err(TokenRefusal::Invalid("its signing algorithm is not accepted")),
        };
        match self.header.get("kid") {
            None => Ok((algorithm, None)),
            Some(Value::String(kid)) => Ok((algorithm, Some(kid))),
            Some(_) => Err(TokenRefusal::UnknownKey),
        }
    }

    fn times(&self) -> Result<Times, TokenRefusal> {
        let ends = self.payload.get("exp").and_then(numeric_date);
        let ends = ends.ok_or(TokenRefusal::Invalid("it does not tell when it expires"))?;
        let begins = self.payload.get("nbf").map(|begins| {
            numeric_date(begins)
                .ok_or(TokenRefusal::Invalid("the time from which it is valid is not a number"))
        });
        Ok(Times { begins: begins.transpose()?, ends })
    }
}

/// When a token is valid.
#[derive(Clone, Copy)]
struct Times {
    begins: Option<Timestamp>,
    ends: Timestamp,
}

impl Times {
    fn check(self, now: Timestamp) -> Result<(), TokenRefusal> {
        if now > self.ends.plus_seconds(LEEWAY_SECONDS) {
            return Err(TokenRefusal::Invalid("it has expired"));
        }
        if self.begins.is_some_and(|begins| begins > now.plus_seconds(LEEWAY_SECONDS)) {
            return Err(TokenRefusal::Invalid("it is not valid yet"));
        }
        Ok(())
    }
}

fn object(base64url: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(base64url).ok()?).ok()
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, of which fractions count for nothing.
fn numeric_date(value: &Value) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "a float out of range becomes the nearest integer")]
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
    Timestamp::from_unix_seconds(seconds)
}

/// A token that has been found good.
struct KnownToken {
    /// SHA-256 of the token: the token itself is not kept.
    digest: [u8; 32],
    issuer: Arc<Issuer>,
    /// The keys of the issuer at that time.
    keys: Arc<IssuerKeys>,
    times: Times,
    claims: Arc<Claims>,
}

/// Checks access tokens against the issuers that we trust.
pub struct TokenVerifier {
    issuers: Vec<Arc<Issuer>>,
    /// By the first bits of the digest; a token takes the place of the one before it.
    known: Box<[ArcSwapOption<KnownToken>]>,
}

impl TokenVerifier {
    /// Trusts these issuers and no other.
    #[must_use]
    pub fn new(issuers: Vec<Arc<Issuer>>) -> Self {
        Self { issuers, known: (0..KNOWN_TOKENS).map(|_| ArcSwapOption::empty()).collect() }
    }

    /// As [`verify`](Self::verify), but when the token names a key that we do not know, its issuer is
    /// asked for its keys first: at most once a minute.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_or_renew(
        &self,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Claims>, TokenRefusal> {
        let outcome = self.verify(authorization, now);
        if outcome.as_ref().err() != Some(&TokenRefusal::UnknownKey) {
            return outcome;
        }
        let is_renewed = {
            let issuer = self.issuer(&Token::parse(bearer_token(authorization)?)?)?;
            issuer.renew(now).await
        };
        if is_renewed { self.verify(authorization, now) } else { outcome }
    }

    fn issuer(&self, token: &Token<'_>) -> Result<&Arc<Issuer>, TokenRefusal> {
        let named = token.payload.get("iss").and_then(Value::as_str).ok_or(TokenRefusal::UnknownIssuer)?;
        let mut is_awaited = false;
        for issuer in &self.issuers {
            match &*issuer.identifier.load() {
                Some(identifier) if identifier.as_str() == named => return Ok(issuer),
                Some(_) => {}
                None => is_awaited |= issuer.expected.as_deref() == Some(named.trim_end_matches('/')),
            }
        }
        Err(if is_awaited { TokenRefusal::IssuerNotReady } else { TokenRefusal::UnknownIssuer })
    }

    /// The claims of the token in an `Authorization` header (`Bearer …`).
    ///
    /// # Errors
    /// If there is no token, or not one that a trusted issuer has signed for this time.
    pub fn verify(&self, authorization: Option<&str>, now: Timestamp) -> Result<Arc<Claims>, TokenRefusal> {
        let text = bearer_token(authorization)?;
        let digest = sha256(text);
        let place = &self.known[usize::from(u16::from_be_bytes([digest[0], digest[1]])) % self.known.len()];
        if let Some(known) = &*place.load()
            && known.digest == digest
            && Arc::ptr_eq(&known.keys, &known.issuer.keys.load())
        {
            known.times.check(now)?;
            return Ok(Arc::clone(&known.claims));
        }
        let token = Token::parse(text)?;
        let issuer = self.issuer(&token)?;
        let keys = issuer.keys.load_full();
        keys.check_signature(&token)?;
        let times = token.times()?;
        times.check(now)?;
        issuer.check_audience(&token.payload)?;
        let claims = Arc::new(Claims::read(&token.payload, times.ends));
        let issuer = Arc::clone(issuer);
        place.store(Some(Arc::new(KnownToken { digest, issuer, keys, times, claims: Arc::clone(&claims) })));
        Ok(claims)
    }
}

/// Digest of a token, by which it is known again without being kept.
#[must_use]
pub fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

/// Digest of the token in an `Authorization` header, if there is one.
#[must_use]
pub fn bearer_digest(authorization: &str) -> Option<[u8; 32]> {
    bearer_token(Some(authorization)).ok().map(sha256)
}

fn bearer_token(authorization: Option<&str>) -> Result<&str, TokenRefusal> {
    let (scheme, token) =
        authorization.and_then(|header| header.trim().split_once(' ')).ok_or(TokenRefusal::Missing)?;
    if scheme.eq_ignore_ascii_case("Bearer") { Ok(token.trim()) } else { Err(TokenRefusal::Missing) }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaEncoding,
    };
    use jsonwebtoken::EncodingKey;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::access::jws::{base64url, compact};
    use crate::sandbox::issuers::{Environment, sandbox_issuers};
    use crate::sandbox::keys::{SandboxKeys, SigningKey, shared};

    const NOW: i64 = 1_767_225_600;

    const TOO_LONG: TokenRefusal = TokenRefusal::Invalid("it is too long");
    const NO_TOKEN: TokenRefusal = TokenRefusal::Invalid("it is not a signed JSON Web Token");
    const HEADER: TokenRefusal = TokenRefusal::Invalid("its header has a member that is not accepted");
    const TYPE: TokenRefusal = TokenRefusal::Invalid("it is not an access token");
    const ALGORITHM: TokenRefusal = TokenRefusal::Invalid("its signing algorithm is not accepted");
    const KEY: TokenRefusal = TokenRefusal::UnknownKey;
    const SIGNATURE: TokenRefusal = TokenRefusal::Invalid("the signature is wrong");
    const NO_EXPIRY: TokenRefusal = TokenRefusal::Invalid("it does not tell when it expires");
    const EXPIRED: TokenRefusal = TokenRefusal::Invalid("it has expired");
    const EARLY: TokenRefusal = TokenRefusal::Invalid("it is not valid yet");
    const AUDIENCE: TokenRefusal = TokenRefusal::Invalid("the audience is wrong");

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(NOW).unwrap()
    }

    fn platform() -> String {
        Environment::At23.issuer("")
    }

    fn verifier() -> TokenVerifier {
        TokenVerifier::new(sandbox_issuers(shared(), Environment::At23, "").unwrap())
    }

    fn verify(authorization: &str) -> Result<Arc<Claims>, TokenRefusal> {
        verifier().verify(Some(authorization), now())
    }

    fn header(key: &SigningKey) -> Value {
        json!({ "alg": "RS256", "typ": "JWT", "kid": key.kid })
    }

    fn payload() -> Value {
        json!({ "iss": platform(), "scope": "digdir:dialogporten", "pid": "08844397713", "nbf": NOW, "exp": NOW + 600 })
    }

    /// `base` with some members replaced; those that are replaced by `"-"` are removed.
    fn with(mut base: Value, changes: &Value) -> Value {
        let members = base.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            if value == "-" {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        base
    }

    fn rsa(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    fn token(header: &Value, payload: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        compact::<()>(header, payload, |message| Ok(sign(message))).unwrap()
    }

    fn signed(key: &SigningKey, header: &Value, payload: &Value) -> String {
        format!("Bearer {}", token(header, payload, |message| rsa(&key.pair, &RSA_PKCS1_SHA256, message)))
    }

    fn with_header(changes: &Value) -> String {
        let key = &shared().altinn;
        signed(key, &with(header(key), changes), &payload())
    }

    fn with_payload(changes: &Value) -> String {
        let key = &shared().altinn;
        signed(key, &header(key), &with(payload(), changes))
    }

    #[test]
    fn good_tokens_are_accepted() {
        let keys = shared();
        for (name, authorization) in [
            ("as issued", with_payload(&json!({}))),
            ("scheme in lower case", with_payload(&json!({})).replace("Bearer", "bearer")),
            ("more spaces", with_payload(&json!({})).replace("Bearer ", " Bearer   ") + " "),
            ("without kid", with_header(&json!({ "kid": "-" }))),
            ("without type", with_header(&json!({ "typ": "-" }))),
            ("type of RFC 9068", with_header(&json!({ "typ": "at+jwt" }))),
            ("full type of RFC 9068", with_header(&json!({ "typ": "application/at+jwt" }))),
            ("type in lower case", with_header(&json!({ "typ": "jwt" }))),
            ("with certificate thumbprint", with_header(&json!({ "x5t": "abc" }))),
            ("expired by a second", with_payload(&json!({ "exp": NOW - 1 }))),
            ("expired by two seconds", with_payload(&json!({ "exp": NOW - 2 }))),
            ("valid in a second", with_payload(&json!({ "nbf": NOW + 1 }))),
            ("without nbf", with_payload(&json!({ "nbf": "-" }))),
            ("fraction of a second", with_payload(&json!({ "exp": 1_767_225_601.5 }))),
            ("any audience", with_payload(&json!({ "aud": "somebody else" }))),
            (
                "other trusted issuer",
                signed(
                    &keys.maskinporten,
                    &header(&keys.maskinporten),
                    &with(payload(), &json!({ "iss": "https://test.maskinporten.no/" })),
                ),
            ),
        ] {
            let claims = verify(&authorization).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            assert_eq!(claims.person.as_ref().unwrap().id(), "08844397713", "{name}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of attacks")]
    fn nothing_else_is() {
        let keys = shared();
        let good = with_payload(&json!({}));
        let parts: Vec<&str> = good.trim_start_matches("Bearer ").split('.').collect();
        let [head, body, signature] = parts[..] else { panic!() };
        let altinn = header(&keys.altinn);
        let hmac = |secret: &[u8], header: &Value| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
            let sign = |message: &[u8]| aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec();
            format!("Bearer {}", token(header, &payload(), sign))
        };
        let hs256 = with(altinn.clone(), &json!({ "alg": "HS256" }));
        let public = keys.altinn.jwks();
        let modulus = URL_SAFE_NO_PAD.decode(public["keys"][0]["n"].as_str().unwrap()).unwrap();
        let unsigned = |algorithm: &Value| {
            let header = with(altinn.clone(), &json!({ "alg": algorithm }));
            format!("Bearer {}", token(&header, &payload(), |_| Vec::new()))
        };
        let raw = |payload: &str| {
            let message = format!("{head}.{}", base64url(payload));
            let signature = base64url(rsa(&keys.altinn.pair, &RSA_PKCS1_SHA256, message.as_bytes()));
            format!("Bearer {message}.{signature}")
        };
        let deep = "[".repeat(200) + &"]".repeat(200);
        let other = SandboxKeys::generate().unwrap().altinn;

        let cases = [
            ("nothing", String::new(), TokenRefusal::Missing),
            ("scheme alone", "Bearer".into(), TokenRefusal::Missing),
            ("scheme and a space", "Bearer ".into(), TokenRefusal::Missing),
            ("other scheme", "Basic c2FuZGJveDpzYW5kYm94".into(), TokenRefusal::Missing),
            ("no scheme", good.replace("Bearer ", ""), TokenRefusal::Missing),
            ("a word", "Bearer thisisnotavalidtoken".into(), NO_TOKEN),
            ("words", "Bearer invalid.jwt.token".into(), NO_TOKEN),
            ("dots", "Bearer ..".into(), NO_TOKEN),
            ("not ASCII", "Bearer ø.æ.å".into(), NO_TOKEN),
            ("two parts", format!("Bearer {head}.{body}"), NO_TOKEN),
            ("four parts", format!("{good}.{signature}"), NO_TOKEN),
            ("scheme twice", format!("Bearer {good}"), NO_TOKEN),
            ("two tokens", format!("{good} {good}"), NO_TOKEN),
            ("padded", format!("Bearer {head}=.{body}.{signature}"), NO_TOKEN),
            ("array as payload", raw("[]"), NO_TOKEN),
            ("text as payload", raw("\"x\""), NO_TOKEN),
            ("no payload", raw(""), NO_TOKEN),
            ("deep payload", raw(&format!(r#"{{"iss":"{}","x":{deep}}}"#, platform())), NO_TOKEN),
            (
                "deep array as issuer",
                raw(&format!(r#"{{"iss":{}}}"#, &deep[100..300])),
                TokenRefusal::UnknownIssuer,
            ),
            ("too long", with_payload(&json!({ "x": "x".repeat(20_000) })), TOO_LONG),
            ("alg none", unsigned(&json!("none")), ALGORITHM),
            ("alg None", unsigned(&json!("None")), ALGORITHM),
            ("alg empty", unsigned(&json!("")), ALGORITHM),
            ("alg null", unsigned(&json!(null)), ALGORITHM),
            ("alg array", unsigned(&json!(["RS256"])), ALGORITHM),
            ("alg absent", with_header(&json!({ "alg": "-" })), ALGORITHM),
            ("alg in lower case", with_header(&json!({ "alg": "rs256" })), ALGORITHM),
            ("alg not on the list", with_header(&json!({ "alg": "RS384" })), ALGORITHM),
            ("HS256 with the modulus", hmac(&modulus, &hs256), ALGORITHM),
            ("HS256 with the JWK set", hmac(public.to_string().as_bytes(), &hs256), ALGORITHM),
            ("HMAC called RS256", hmac(&modulus, &altinn), SIGNATURE),
            ("alg of another key type", with_header(&json!({ "alg": "ES256" })), KEY),
            ("EdDSA with an RSA key", with_header(&json!({ "alg": "EdDSA" })), KEY),
            ("PS256 with a key for RS256", with_header(&json!({ "alg": "PS256" })), KEY),
            ("no signature", format!("Bearer {head}.{body}."), SIGNATURE),
            ("half a signature", format!("Bearer {head}.{body}.{}", &signature[..160]), SIGNATURE),
            (
                "key of another issuer",
                signed(&keys.maskinporten, &header(&keys.maskinporten), &payload()),
                KEY,
            ),
            (
                "key of another issuer under a good kid",
                signed(&keys.maskinporten, &altinn, &payload()),
                SIGNATURE,
            ),
            (
                "key of another issuer without kid",
                signed(&keys.maskinporten, &json!({ "alg": "RS256" }), &payload()),
                SIGNATURE,
            ),
            ("kid of another issuer", signed(&keys.altinn, &header(&keys.idporten), &payload()), KEY),
            ("key of nobody", signed(&other, &header(&other), &payload()), KEY),
            ("key of nobody under a good kid", signed(&other, &altinn, &payload()), SIGNATURE),
            ("empty kid", with_header(&json!({ "kid": "" })), KEY),
            ("kid null", with_header(&json!({ "kid": null })), KEY),
            ("kid array", with_header(&json!({ "kid": [keys.altinn.kid] })), KEY),
            ("kid that is a path", with_header(&json!({ "kid": "../../dev/null" })), KEY),
            ("jku", with_header(&json!({ "jku": "https://evil.test/jwks" })), HEADER),
            ("jku null", with_header(&json!({ "jku": null })), HEADER),
            ("x5u", with_header(&json!({ "x5u": "https://evil.test/x5u" })), HEADER),
            (
                "jwk",
                signed(&other, &with(altinn.clone(), &json!({ "jwk": other.jwks()["keys"][0] })), &payload()),
                HEADER,
            ),
            ("crit", with_header(&json!({ "crit": ["b64"], "b64": false })), HEADER),
            ("crit empty", with_header(&json!({ "crit": [] })), HEADER),
            ("type of a dialog token", with_header(&json!({ "typ": "dialogtoken+jwt" })), TYPE),
            ("type null", with_header(&json!({ "typ": null })), TYPE),
            ("expired by three seconds", with_payload(&json!({ "exp": NOW - 3 })), EXPIRED),
            ("expired in 1969", with_payload(&json!({ "exp": -1 })), EXPIRED),
            ("exp absent", with_payload(&json!({ "exp": "-" })), NO_EXPIRY),
            ("exp null", with_payload(&json!({ "exp": null })), NO_EXPIRY),
            ("exp text", with_payload(&json!({ "exp": (NOW + 600).to_string() })), NO_EXPIRY),
            ("exp array", with_payload(&json!({ "exp": [NOW + 600] })), NO_EXPIRY),
            ("exp without end", with_payload(&json!({ "exp": i64::MAX })), NO_EXPIRY),
            ("exp beyond numbers", with_payload(&json!({ "exp": 1e300 })), NO_EXPIRY),
            ("valid in three seconds", with_payload(&json!({ "nbf": NOW + 3 })), EARLY),
            (
                "nbf text",
                with_payload(&json!({ "nbf": "now" })),
                TokenRefusal::Invalid("the time from which it is valid is not a number"),
            ),
            (
                "other environment",
                with_payload(&json!({ "iss": Environment::Tt02.issuer("") })),
                TokenRefusal::UnknownIssuer,
            ),
            ("issuer of another key", with_payload(&json!({ "iss": "https://test.idporten.no" })), KEY),
            (
                "issuer without slash",
                with_payload(&json!({ "iss": platform().trim_end_matches('/') })),
                TokenRefusal::UnknownIssuer,
            ),
            (
                "issuer in upper case",
                with_payload(&json!({ "iss": platform().to_uppercase() })),
                TokenRefusal::UnknownIssuer,
            ),
            (
                "issuer in an array",
                with_payload(&json!({ "iss": [platform()] })),
                TokenRefusal::UnknownIssuer,
            ),
            ("issuer absent", with_payload(&json!({ "iss": "-" })), TokenRefusal::UnknownIssuer),
            ("issuer null", with_payload(&json!({ "iss": null })), TokenRefusal::UnknownIssuer),
            ("issuer number", with_payload(&json!({ "iss": 5 })), TokenRefusal::UnknownIssuer),
        ];
        for (name, authorization, refusal) in cases {
            assert_eq!(verify(&authorization).map(|_| ()), Err(refusal), "{name}");
        }
        assert_eq!(verifier().verify(None, now()).map(|_| ()), Err(TokenRefusal::Missing));
    }

    #[test]
    fn garbage_in_other_claims_gives_a_caller_that_is_nobody() {
        for garbage in
            [json!(null), json!([]), json!([[[{}]]]), json!({ "a": [1, "b"] }), json!(-1.5), json!("\u{0}")]
        {
            let names = [
                "scope",
                "pid",
                "consumer",
                "supplier",
                "authorization_details",
                "email",
                "amr",
                "acr",
                "aud",
                "i",
                "urn:altinn:org",
                "urn:altinn:authlevel",
                "urn:altinn:userid",
                "urn:altinn:party:uuid",
            ];
            let changes: Map<String, Value> =
                names.into_iter().map(|name| (name.to_owned(), garbage.clone())).collect();
            let claims = verify(&with_payload(&Value::Object(changes))).unwrap();
            assert!(crate::access::caller::Caller::from_claims(&claims).is_none(), "{garbage}");
        }
    }

    #[test]
    fn an_issuer_without_keys_is_our_fault_and_new_keys_count_at_once() {
        let issuer = Arc::new(Issuer::new("Altinn", &platform(), IssuerKeys::default()));
        let verifier = TokenVerifier::new(vec![Arc::clone(&issuer)]);
        let token = with_payload(&json!({}));
        let verify = || verifier.verify(Some(&token), now()).map(|_| ());
        assert_eq!(verify(), Err(TokenRefusal::IssuerNotReady));
        issuer.keys.store(Arc::new(IssuerKeys::from_jwks(&shared().idporten.jwks()).unwrap()));
        assert_eq!(verify(), Err(KEY));
        issuer.keys.store(Arc::new(IssuerKeys::from_jwks(&shared().altinn.jwks()).unwrap()));
        assert_eq!(verify(), Ok(()));
        assert_eq!(verify(), Ok(()));
        issuer.keys.store(Arc::new(IssuerKeys::from_jwks(&shared().idporten.jwks()).unwrap()));
        assert_eq!(verify(), Err(KEY), "a known token is not good for ever");
    }

    #[test]
    fn a_known_token_is_judged_by_its_times_again() {
        let verifier = verifier();
        let token = with_payload(&json!({}));
        for (seconds, expected) in
            [(0, Ok(())), (602, Ok(())), (603, Err(EXPIRED)), (-3, Err(EARLY)), (1, Ok(()))]
        {
            let result = verifier.verify(Some(&token), now().plus_seconds(seconds)).map(|_| ());
            assert_eq!(result, expected, "{seconds}");
        }
        let forged = format!("{}A", &token[..token.len() - 1]);
        assert!(forged == token || verifier.verify(Some(&forged), now()).is_err());
    }

    #[test]
    fn tokens_take_each_others_places() {
        let narrow = TokenVerifier { known: Box::new([ArcSwapOption::empty()]), ..verifier() };
        let token = |org: &str| with_payload(&json!({ "urn:altinn:org": org }));
        let tokens = [("one", token("one")), ("two", token("two"))];
        for (org, token) in tokens.iter().chain(&tokens) {
            let claims = narrow.verify(Some(token), now()).unwrap();
            assert_eq!(claims.organization_code.as_deref(), Some(*org));
        }
    }

    #[test]
    fn audiences_are_checked_where_some_are_expected() {
        let keys = IssuerKeys::from_jwks(&shared().altinn.jwks()).unwrap();
        let issuer = Issuer::new("Altinn", &platform(), keys).for_audiences(vec!["us".into(), "we".into()]);
        let verifier = TokenVerifier::new(vec![Arc::new(issuer)]);
        for (audience, expected) in [
            (json!("us"), Ok(())),
            (json!(["they", "we"]), Ok(())),
            (json!("they"), Err(AUDIENCE)),
            (json!([]), Err(AUDIENCE)),
            (json!([["us"]]), Err(AUDIENCE)),
            (json!({ "us": "us" }), Err(AUDIENCE)),
            (json!("-"), Err(AUDIENCE)),
        ] {
            let token = with_payload(&json!({ "aud": audience }));
            assert_eq!(verifier.verify(Some(&token), now()).map(|_| ()), expected, "{audience}");
        }
    }

    #[test]
    fn every_accepted_algorithm_works() {
        let ec =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        for (key, algorithm) in [
            (EncodingKey::from_ec_der(ec.as_ref()), Algorithm::ES256),
            (EncodingKey::from_ed_der(ed.as_ref()), Algorithm::EdDSA),
        ] {
            let mut jwk = json!(Jwk::from_encoding_key(&key, algorithm).unwrap());
            for named in [true, false] {
                if !named {
                    jwk.as_object_mut().unwrap().remove("alg");
                }
                let keys = IssuerKeys::from_jwks(&json!({ "keys": [jwk] })).unwrap();
                let verifier = TokenVerifier::new(vec![Arc::new(Issuer::new("x", &platform(), keys))]);
                let token =
                    jsonwebtoken::encode(&jsonwebtoken::Header::new(algorithm), &payload(), &key).unwrap();
                let result = verifier.verify(Some(&format!("Bearer {token}")), now());
                assert!(result.is_ok(), "{algorithm:?} {result:?}");
            }
        }

        let key = &shared().altinn;
        let mut jwks = key.jwks();
        jwks["keys"][0]["alg"] = "PS256".into();
        let issuer = Issuer::new("x", &platform(), IssuerKeys::from_jwks(&jwks).unwrap());
        let verifier = TokenVerifier::new(vec![Arc::new(issuer)]);
        let ps256 = with(header(key), &json!({ "alg": "PS256" }));
        let token = token(&ps256, &payload(), |message| rsa(&key.pair, &RSA_PSS_SHA256, message));
        assert!(verifier.verify(Some(&format!("Bearer {token}")), now()).is_ok());
        let refusal = verifier.verify(Some(&with_payload(&json!({}))), now()).map(|_| ());
        assert_eq!(refusal, Err(KEY), "the key is for PS256 alone");
    }

    #[test]
    fn key_sets_give_only_keys_for_accepted_signatures() {
        let key = shared().altinn.jwks()["keys"][0].clone();
        let changed = |changes: &Value| with(key.clone(), changes);
        for (name, jwk) in [
            ("encryption", changed(&json!({ "use": "enc" }))),
            ("only signing", changed(&json!({ "key_ops": ["sign"] }))),
            ("other algorithm", changed(&json!({ "alg": "RS512" }))),
            ("unknown algorithm", changed(&json!({ "alg": "XX" }))),
            ("algorithm of another type", changed(&json!({ "alg": "ES256" }))),
            ("no modulus", changed(&json!({ "n": "-" }))),
            ("modulus not in base64url", changed(&json!({ "n": "!!" }))),
            ("kid number", changed(&json!({ "kid": 5 }))),
            ("symmetric", json!({ "kty": "oct", "alg": "HS256", "k": "c2VjcmV0" })),
            ("other curve", json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" })),
            ("unknown type", json!({ "kty": "AKP", "pub": "AA" })),
            ("text", json!("key")),
        ] {
            let result = IssuerKeys::from_jwks(&json!({ "keys": [jwk] })).map(|_| ());
            assert_eq!(result, Err(JwkSetFault::NoUsableKey), "{name}");
            let result = IssuerKeys::from_jwks(&json!({ "keys": [jwk, key] })).map(|keys| keys.0.len());
            assert_eq!(result, Ok(1), "{name}");
        }
        for usable in [
            changed(&json!({ "use": "-" })),
            changed(&json!({ "alg": "-" })),
            changed(&json!({ "key_ops": ["verify"] })),
        ] {
            assert!(IssuerKeys::from_jwks(&json!({ "keys": [usable] })).is_ok());
        }
        for (document, fault) in [
            (json!({}), JwkSetFault::NotASet),
            (json!([key]), JwkSetFault::NotASet),
            (json!({ "keys": key }), JwkSetFault::NotASet),
            (json!({ "keys": [] }), JwkSetFault::NoUsableKey),
            (json!({ "keys": vec![key.clone(); MAX_KEYS + 1] }), JwkSetFault::TooMany),
        ] {
            assert_eq!(IssuerKeys::from_jwks(&document).map(|_| ()), Err(fault));
        }
    }

    #[test]
    fn the_answer_tells_the_client_what_to_do() {
        for (refusal, header) in [
            (TokenRefusal::Missing, Some("Bearer")),
            (TokenRefusal::UnknownIssuer, Some("Bearer")),
            (EXPIRED, Some(r#"Bearer error="invalid_token", error_description="it has expired""#)),
            (TokenRefusal::IssuerNotReady, None),
        ] {
            assert_eq!(refusal.www_authenticate().as_deref(), header);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token(text in "\\PC{0,80}") {
            prop_assert!(verify(&text).is_err());
            prop_assert!(verify(&["Bearer ", &text].concat()).is_err());
        }

        #[test]
        fn no_character_can_be_changed(position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_.-]") {
            let mut token = with_payload(&json!({}));
            let at = "Bearer ".len() + position.index(token.len() - "Bearer ".len());
            prop_assume!(token[at..=at] != other);
            token.replace_range(at..=at, &other);
            prop_assert!(verify(&token).is_err());
        }
    }
}
