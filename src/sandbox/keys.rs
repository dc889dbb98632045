//! The sandbox's own keys: made on first start and kept in its database, so that tokens outlive a
//! restart and several servers share them.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use crate::access::dialog_token::DialogTokenKey;
use crate::access::jws;
use crate::altinn::rsa::private_key_members;

const ALTINN: &str = "sandbox.issuer.altinn";
const MASKINPORTEN: &str = "sandbox.issuer.maskinporten";
const IDPORTEN: &str = "sandbox.issuer.idporten";
const CLIENT: &str = "sandbox.client";
const DIALOG_TOKEN: &str = "sandbox.dialog-token";
const PSEUDONYM: &str = "sandbox.pseudonym";

type Make = fn() -> Result<Vec<u8>, Unspecified>;

/// What is kept, by name, and how it is made.
const SECRETS: [(&str, Make); 6] = [
    (ALTINN, rsa_private_key),
    (MASKINPORTEN, rsa_private_key),
    (IDPORTEN, rsa_private_key),
    (CLIENT, rsa_private_key),
    (DIALOG_TOKEN, random_bytes),
    (PSEUDONYM, random_bytes),
];

/// An RSA key of 2048 bits in PKCS #8 (RFC 5208).
fn rsa_private_key() -> Result<Vec<u8>, Unspecified> {
    let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048)?.as_der()?;
    Ok(der.as_ref().to_vec())
}

fn random_bytes() -> Result<Vec<u8>, Unspecified> {
    let mut bytes = vec![0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum SandboxKeysFailure {
    /// The database did not answer.
    #[error("the sandbox's keys could not be read from the database")]
    Database(#[from] sqlx::Error),
    /// The cryptographic library did not make a key.
    #[error("the key {0} could not be made")]
    Generation(&'static str),
    /// What is stored is missing or damaged.
    #[error("the stored key {0} cannot be used; delete it from the table secret to have it made anew")]
    Unusable(&'static str),
}

/// All keys of a sandbox.
pub struct SandboxKeys {
    /// Signs as the platform, whatever the environment.
    pub altinn: SigningKey,
    /// Signs as the issuer of tokens for systems.
    pub maskinporten: SigningKey,
    /// Signs as the issuer of tokens for people.
    pub idporten: SigningKey,
    /// Signs the grants of the one client that the sandbox's Maskinporten knows.
    pub client: SigningKey,
    /// Signs dialog tokens.
    pub dialog_token: DialogTokenKey,
    /// The secret from which pseudonyms of people are derived.
    pub pseudonym_secret: [u8; 32],
}

impl SandboxKeys {
    /// New keys. Takes some tenths of a second of computation.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn generate() -> Result<Self, SandboxKeysFailure> {
        Self::read(&make(&[])?)
    }

    /// The keys of this database, made now if it has none.
    ///
    /// # Errors
    /// If the database does not answer, or what it holds is damaged.
    pub async fn load_or_create(pool: &sqlx::PgPool) -> Result<Self, SandboxKeysFailure> {
        let stored = stored(pool).await?;
        if stored.len() == SECRETS.len() {
            return Self::read(&stored);
        }
        let made = tokio::task::spawn_blocking(move || {
            let names: Vec<&str> = stored.keys().map(String::as_str).collect();
            make(&names)
        })
        .await
        .map_err(|_| SandboxKeysFailure::Generation("sandbox"))??;
        // Another server may have been faster: then its keys count.
        sqlx::query(
            "insert into secret (name, value) select * from unnest($1::text[], $2::bytea[]) on conflict do nothing",
        )
        .bind(made.keys().cloned().collect::<Vec<String>>())
        .bind(made.into_values().collect::<Vec<Vec<u8>>>())
        .execute(pool)
        .await?;
        Self::read(&self::stored(pool).await?)
    }

    fn read(secrets: &BTreeMap<String, Vec<u8>>) -> Result<Self, SandboxKeysFailure> {
        let bytes = |name| secrets.get(name).map(Vec::as_slice).ok_or(SandboxKeysFailure::Unusable(name));
        let signing_key =
            |name| SigningKey::from_pkcs8(bytes(name)?).ok_or(SandboxKeysFailure::Unusable(name));
        Ok(Self {
            altinn: signing_key(ALTINN)?,
            maskinporten: signing_key(MASKINPORTEN)?,
            idporten: signing_key(IDPORTEN)?,
            client: signing_key(CLIENT)?,
            dialog_token: DialogTokenKey::from_private_component(bytes(DIALOG_TOKEN)?)
                .map_err(|_| SandboxKeysFailure::Unusable(DIALOG_TOKEN))?,
            pseudonym_secret: bytes(PSEUDONYM)?
                .try_into()
                .map_err(|_| SandboxKeysFailure::Unusable(PSEUDONYM))?,
        })
    }
}

/// Makes all secrets but those that are there.
fn make(present: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, SandboxKeysFailure> {
    SECRETS
        .into_iter()
        .filter(|(name, _)| !present.contains(name))
        .map(|(name, make)| {
            make().map(|value| (name.to_owned(), value)).map_err(|_| SandboxKeysFailure::Generation(name))
        })
        .collect()
}

async fn stored(pool: &sqlx::PgPool) -> Result<BTreeMap<String, Vec<u8>>, sqlx::Error> {
    let names: Vec<String> = SECRETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("select name, value from secret where name = any($1)")
        .bind(names)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().collect())
}

/// An RSA key that signs access tokens with RS256.
pub struct SigningKey {
    /// Its thumbprint (RFC 7638).
    pub kid: String,
    modulus: String,
    exponent: String,
    pub(crate) pair: RsaKeyPair,
}

impl SigningKey {
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = RsaKeyPair::from_pkcs8(der).ok()?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let (modulus, exponent) = (jws::base64url(public.n), jws::base64url(public.e));
        let kid = jws::thumbprint(&format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#));
        Some(Self { kid, modulus, exponent, pair })
    }

    /// The public key as a JWK set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": self.modulus, "e": self.exponent,
        }] })
    }

    /// The private key as a JWK (RFC 7518 section 6.3.2); `None` if the cryptographic library does not
    /// give it.
    #[must_use]
    pub fn private_jwk(&self) -> Option<Value> {
        let pkcs8: Pkcs8V1Der<'_> = self.pair.as_der().ok()?;
        let mut jwk = private_key_members(pkcs8.as_ref())?;
        jwk.insert("kty".into(), "RSA".into());
        jwk.insert("kid".into(), self.kid.as_str().into());
        Some(jwk.into())
    }

    /// The header of the tokens that it signs.
    #[must_use]
    pub fn header(&self) -> Value {
        jws::header("RS256", &self.kid)
    }

    /// A token with these claims; `None` if the cryptographic library fails.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let sign = |message: &[u8]| {
            let mut signature = vec![0; self.pair.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            self.pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
        };
        jws::compact(&self.header(), claims, sign).ok()
    }
}

/// Shows the public name only.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// Shows the public names only.
impl fmt::Debug for SandboxKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxKeys")
            .field("altinn", &self.altinn)
            .field("maskinporten", &self.maskinporten)
            .field("idporten", &self.idporten)
            .field("client", &self.client)
            .field("dialog_token", &self.dialog_token)
            .finish_non_exhaustive()
    }
}

/// Keys for tests, made once: making them is slow.
#[cfg(test)]
pub(crate) fn shared() -> &'static std::sync::Arc<SandboxKeys> {
    static KEYS: std::sync::OnceLock<std::sync::Arc<SandboxKeys>> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| SandboxKeys::generate().unwrap().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_survive_storage() {
        let secrets = make(&[]).unwrap();
        let (first, second) = (SandboxKeys::read(&secrets).unwrap(), SandboxKeys::read(&secrets).unwrap());
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(first.pseudonym_secret, second.pseudonym_secret);
        assert_ne!(first.altinn.kid, first.maskinporten.kid);
        assert_ne!(first.altinn.kid, first.idporten.kid);
        assert_ne!(first.maskinporten.kid, first.idporten.kid);
        assert_ne!(first.pseudonym_secret, [0; 32]);
        assert_ne!(secrets[DIALOG_TOKEN], secrets[PSEUDONYM]);
    }

    #[test]
    fn only_missing_secrets_are_made() {
        let made = make(&[ALTINN, MASKINPORTEN, IDPORTEN, CLIENT, PSEUDONYM]).unwrap();
        assert_eq!(made.into_keys().collect::<Vec<_>>(), [DIALOG_TOKEN]);
    }

    #[test]
    fn damaged_secrets_are_named() {
        let keys = shared();
        let der: Pkcs8V1Der<'_> = keys.altinn.pair.as_der().unwrap();
        let good: BTreeMap<String, Vec<u8>> = SECRETS
            .iter()
            .map(|(name, _)| {
                let value = if name.starts_with("sandbox.issuer") || *name == CLIENT {
                    der.as_ref().to_vec()
                } else {
                    vec![7; 32]
                };
                ((*name).to_owned(), value)
            })
            .collect();
        assert!(SandboxKeys::read(&good).is_ok());
        for (name, _) in SECRETS {
            for damage in [None, Some(vec![]), Some(vec![1; 31])] {
                let mut secrets = good.clone();
                secrets.remove(name);
                secrets.extend(damage.map(|bytes| (name.to_owned(), bytes)));
                let failure = SandboxKeys::read(&secrets).err().unwrap();
                assert!(matches!(failure, SandboxKeysFailure::Unusable(named) if named == name), "{name}");
            }
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // The example of RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let canonical = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{n}"}}"#);
        assert_eq!(jws::thumbprint(&canonical), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");

        let jwk: jsonwebtoken::jwk::Jwk =
            serde_json::from_value(shared().altinn.jwks()["keys"][0].clone()).unwrap();
        let expected = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(shared().altinn.kid, expected);
    }
}
