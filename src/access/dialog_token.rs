//! Dialog tokens: proof, to the service owner's own endpoints, of what a caller may do on a dialog.
//!
//! A compact JWS (RFC 7515) signed with Ed25519 (RFC 8037). Receivers verify it with the keys that
//! we publish.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::{Caller, UserKind};
use super::jws;
use crate::altinn::ActionAttribute;
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::timestamp::Timestamp;

/// How long a dialog token is valid.
pub const LIFETIME_SECONDS: i64 = 600;

const KEY_BYTES: usize = 32;

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not 32 bytes in base64url.
    #[error("an Ed25519 key component must be {KEY_BYTES} bytes in base64url without padding")]
    Malformed,
    /// The public component belongs to another private component.
    #[error("the public and the private component of the Ed25519 key do not belong together")]
    Mismatch,
}

/// A key with which dialog tokens are signed.
#[derive(Clone)]
pub struct DialogTokenKey {
    published: PublishedKey,
    pair: Arc<Ed25519KeyPair>,
}

impl DialogTokenKey {
    /// The key with these components in base64url, called `kid`.
    ///
    /// # Errors
    /// If a component is malformed, or they do not belong together.
    pub fn new(kid: &str, private_component: &str, public_component: &str) -> Result<Self, KeyFault> {
        let published = PublishedKey::new(kid, public_component)?;
        let public = component(public_component)?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(&component(private_component)?, &public)
            .map_err(|_| KeyFault::Mismatch)?;
        Ok(Self { published, pair: Arc::new(pair) })
    }

    /// The key of a private JWK (RFC 8037): `kid`, `d` and `x`.
    ///
    /// # Errors
    /// If a member is missing or malformed, or the components do not belong together.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyFault> {
        let member = |name| jwk.get(name).and_then(Value::as_str).ok_or(KeyFault::Malformed);
        PublishedKey::from_jwk(jwk)?;
        Self::new(member("kid")?, member("d")?, member("x")?)
    }

    /// The private JWK of the key that has this private component, called by its thumbprint.
    ///
    /// # Errors
    /// If the component is not 32 bytes.
    pub fn private_jwk(bytes: &[u8]) -> Result<Value, KeyFault> {
        let mut jwk = Self::from_private_component(bytes)?.published.jwk();
        jwk["d"] = jws::base64url(bytes).into();
        Ok(jwk)
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.published.kid
    }

    /// The key with this private component, called by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// If the component is not 32 bytes.
    pub fn from_private_component(bytes: &[u8]) -> Result<Self, KeyFault> {
        if bytes.len() != KEY_BYTES {
            return Err(KeyFault::Malformed);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(bytes).map_err(|_| KeyFault::Malformed)?;
        let x = jws::base64url(pair.public_key());
        let kid = jws::thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Ok(Self { published: PublishedKey { kid, x }, pair: Arc::new(pair) })
    }
}

/// Shows the name only.
impl fmt::Debug for DialogTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialogTokenKey({})", self.published.kid)
    }
}

/// A public key that receivers of dialog tokens are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKey {
    kid: String,
    x: String,
}

impl PublishedKey {
    /// The key with this public component in base64url, called `kid`.
    ///
    /// # Errors
    /// If the component is malformed.
    pub fn new(kid: &str, public_component: &str) -> Result<Self, KeyFault> {
        component(public_component)?;
        Ok(Self { kid: kid.into(), x: public_component.into() })
    }

    /// The key of a JWK (RFC 8037), which may have its private component, too.
    ///
    /// # Errors
    /// If a member is missing or malformed, or it is a key for something else.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyFault> {
        let member = |name| jwk.get(name).and_then(Value::as_str).ok_or(KeyFault::Malformed);
        if member("kty")? != "OKP" || member("crv")? != "Ed25519" || member("kid")?.is_empty() {
            return Err(KeyFault::Malformed);
        }
        Self::new(member("kid")?, member("x")?)
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "use": "sig", "kid": self.kid, "crv": "Ed25519", "x": self.x, "alg": "EdDSA" })
    }
}

fn component(base64url: &str) -> Result<[u8; KEY_BYTES], KeyFault> {
    let bytes = URL_SAFE_NO_PAD.decode(base64url).map_err(|_| KeyFault::Malformed)?;
    bytes.try_into().map_err(|_| KeyFault::Malformed)
}

/// What a dialog token says.
#[derive(Clone, Copy, Debug)]
pub struct DialogTokenFacts<'a> {
    /// Who may do it.
    pub caller: &'a Caller,
    /// The dialog's party.
    pub party: &'a PartyUrn,
    /// The dialog's service resource: `urn:altinn:resource:…`.
    pub service_resource: &'a str,
    /// The dialog.
    pub dialog_id: Uuid,
    /// What the caller may do on it.
    pub permitted: &'a [ActionAttribute],
}

/// Signs dialog tokens and tells receivers how to check them.
pub struct DialogTokenSigner {
    primary: DialogTokenKey,
    further: Vec<PublishedKey>,
    issuer: String,
}

impl DialogTokenSigner {
    /// Signs with `primary`, and publishes `further` besides it, for the change of keys.
    ///
    /// `base_uri` is where clients reach the service, without `/api/v1`.
    #[must_use]
    pub fn new(primary: DialogTokenKey, further: Vec<PublishedKey>, base_uri: &str) -> Self {
        Self { primary, further, issuer: format!("{}/api/v1", base_uri.trim_end_matches('/')) }
    }

    /// Who issues the tokens (claim `iss`).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A token with these facts, valid from `now` for [`LIFETIME_SECONDS`]. `jti` must be random.
    #[must_use]
    pub fn sign(&self, facts: &DialogTokenFacts<'_>, now: Timestamp, jti: Uuid) -> String {
        let issued_at = now.unix_seconds();
        let caller = facts.caller;
        let organization = |number: &String| PartyUrn::of(PartyKind::Organization, number).to_string();
        let mut claims = json!({
            "jti": jti,
            "c": caller.user.as_str(),
            "l": caller.authentication_level,
            "p": facts.party.as_str(),
            "s": facts.service_resource,
            "i": facts.dialog_id,
            "a": permitted_actions(facts.permitted),
            "iss": self.issuer,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + LIFETIME_SECONDS,
        });
        if caller.kind == UserKind::SystemUser {
            claims["y"] = caller.user.as_str().into();
            if let Some(owner) = &caller.system_user_owner {
                claims["o"] = organization(owner).into();
                if let Some(consumer) = &caller.organization_number {
                    claims["c"] = organization(consumer).into();
                }
            }
        }
        if let Some(supplier) = &caller.supplier_number {
            claims["u"] = organization(supplier).into();
        }
        let header = jws::header("EdDSA", &self.primary.published.kid);
        let sign = |message: &[u8]| Ok(self.primary.pair.sign(message).as_ref().to_vec());
        let Ok(token) = jws::compact::<Infallible>(&header, &claims, sign);
        token
    }

    /// The published keys as a JWK set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> Value {
        let primary = std::iter::once(&self.primary.published);
        json!({ "keys": primary.chain(&self.further).map(PublishedKey::jwk).collect::<Vec<_>>() })
    }

    /// The metadata of the issuer (RFC 8414), from which receivers find the keys.
    #[must_use]
    pub fn metadata(&self) -> Value {
        json!({ "issuer": self.issuer, "jwks_uri": format!("{}/.well-known/jwks.json", self.issuer) })
    }
}

/// `action` or `action,attribute`, sorted, joined by `;`. What contains a separator is left out, so
/// that no text can pass for a permission that it is not.
fn permitted_actions(permitted: &[ActionAttribute]) -> String {
    let is_plain = |text: &str| !text.contains([';', ',']);
    let mut permitted: Vec<_> =
        permitted.iter().filter(|p| is_plain(&p.action) && is_plain(&p.attribute)).collect();
    permitted.sort();
    permitted.dedup();
    let written: Vec<_> = permitted
        .into_iter()
        .map(|ActionAttribute { action, attribute }| match attribute.as_str() {
            "main" => action.clone(),
            attribute => format!("{action},{attribute}"),
        })
        .collect();
    written.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::claims::Claims;
    use crate::access::token::{Issuer, IssuerKeys, TokenRefusal, TokenVerifier};
    use crate::sandbox::issuers::{Environment, sandbox_issuers};
    use crate::sandbox::keys::shared;

    // The key of RFC 8037 appendix A.
    const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

    const NOW: i64 = 1_767_225_600;
    const DIALOG: &str = "0193a0c8-7e2a-7000-8000-000000000001";
    const JTI: &str = "9b2f0d3e-6c1a-4f7e-8d2b-3a4c5d6e7f80";

    fn signer() -> DialogTokenSigner {
        let primary = DialogTokenKey::new("first", PRIVATE, PUBLIC).unwrap();
        let further = PublishedKey::new("second", &jws::base64url([9; 32])).unwrap();
        DialogTokenSigner::new(primary, vec![further], "https://hub.test/dialogporten/")
    }

    fn caller(payload: &Value) -> Caller {
        let end = Timestamp::from_unix_seconds(NOW).unwrap();
        Caller::from_claims(&Claims::read(payload.as_object().unwrap(), end)).unwrap()
    }

    fn person() -> Caller {
        caller(&json!({ "pid": "08844397713", "acr": "idporten-loa-high" }))
    }

    fn action(action: &str, attribute: &str) -> ActionAttribute {
        ActionAttribute { action: action.into(), attribute: attribute.into() }
    }

    fn sign(caller: &Caller, permitted: &[ActionAttribute]) -> String {
        let party = PartyUrn::of(PartyKind::Organization, "310923044");
        let facts = DialogTokenFacts {
            caller,
            party: &party,
            service_resource: "urn:altinn:resource:some-service",
            dialog_id: DIALOG.parse().unwrap(),
            permitted,
        };
        signer().sign(&facts, Timestamp::from_unix_seconds(NOW).unwrap(), JTI.parse().unwrap())
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn the_token_of_a_person_has_exactly_these_members() {
        let token = sign(&person(), &[action("read", "main")]);
        assert_eq!(part(&token, 0), json!({ "alg": "EdDSA", "typ": "JWT", "kid": "first" }));
        assert_eq!(
            part(&token, 1),
            json!({
                "jti": JTI,
                "c": "urn:altinn:person:identifier-no:08844397713",
                "l": 4,
                "p": "urn:altinn:organization:identifier-no:310923044",
                "s": "urn:altinn:resource:some-service",
                "i": DIALOG,
                "a": "read",
                "iss": "https://hub.test/dialogporten/api/v1",
                "iat": NOW,
                "nbf": NOW,
                "exp": NOW + 600,
            })
        );
    }

    #[test]
    fn system_users_act_for_their_consumer() {
        const SYSTEM: &str = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
        const CONSUMER: &str = "urn:altinn:organization:identifier-no:991825827";
        const OWNER: &str = "urn:altinn:organization:identifier-no:310057223";
        let organization =
            |number: &str| json!({ "authority": "iso6523-actorid-upis", "ID": format!("0192:{number}") });
        let (consumer, owner) = (organization("991825827"), organization("310057223"));
        for (consumer, owner, c, o) in [
            (consumer.clone(), owner.clone(), CONSUMER, json!(OWNER)),
            (json!(null), owner, SYSTEM, json!(OWNER)),
            (consumer, json!(null), SYSTEM, json!(null)),
        ] {
            let caller = caller(&json!({
                "consumer": consumer,
                "supplier": organization("889640782"),
                "authorization_details": [{
                    "type": "urn:altinn:systemuser",
                    "systemuser_id": ["51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"],
                    "systemuser_org": owner,
                }],
            }));
            let claims = part(&sign(&caller, &[]), 1);
            assert_eq!((&claims["c"], &claims["y"], &claims["o"]), (&json!(c), &json!(SYSTEM), &o));
            assert_eq!(claims["u"], "urn:altinn:organization:identifier-no:889640782");
            assert_eq!(claims["l"], 3);
        }
    }

    #[test]
    fn actions_are_sorted_and_cannot_be_forged() {
        for (permitted, expected) in [
            (vec![], ""),
            (
                vec![
                    action("transmissionread", "element1"),
                    action("read", "urn:altinn:resource:x"),
                    action("read", "main"),
                    action("read", "main"),
                ],
                "read;read,urn:altinn:resource:x;transmissionread,element1",
            ),
            (
                vec![
                    action("read;sign", "main"),
                    action("read,x", "main"),
                    action("read", "x;sign"),
                    action("write", "main"),
                ],
                "write",
            ),
        ] {
            assert_eq!(part(&sign(&person(), &permitted), 1)["a"], expected);
        }
    }

    #[test]
    fn receivers_verify_it_with_the_published_keys() {
        let signer = signer();
        let keys = || IssuerKeys::from_jwks(&signer.jwks()).unwrap();
        let verify = |issuers, token: &str, seconds| {
            let now = Timestamp::from_unix_seconds(seconds).unwrap();
            TokenVerifier::new(issuers).verify(Some(&format!("Bearer {token}")), now)
        };
        let own = || vec![Arc::new(Issuer::new("own", signer.issuer(), keys()))];
        let token = sign(&person(), &[]);
        assert_eq!(verify(own(), &token, NOW).unwrap().dialog_id, DIALOG.parse().ok());
        assert!(verify(own(), &token, NOW + 600).is_ok());
        assert!(verify(own(), &token, NOW + 603).is_err());
        let forged = sign(&person(), &[action("sign", "main")]);
        let (message, _) = forged.rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert!(verify(own(), &format!("{message}.{signature}"), NOW).is_err());

        // Never an access token: its issuer is not among those whose access tokens count, and a
        // trusted issuer does not have its key.
        let trusted =
            || sandbox_issuers(shared(), Environment::At23, "https://hub.test/dialogporten").unwrap();
        assert_eq!(verify(trusted(), &token, NOW).map(|_| ()), Err(TokenRefusal::UnknownIssuer));
        let platform = Environment::At23.issuer("");
        let pretending =
            DialogTokenSigner { issuer: platform, primary: signer.primary.clone(), further: Vec::new() };
        let caller = person();
        let facts = DialogTokenFacts {
            caller: &caller,
            party: &caller.user,
            service_resource: "urn:altinn:resource:some-service",
            dialog_id: DIALOG.parse().unwrap(),
            permitted: &[],
        };
        let token = pretending.sign(&facts, Timestamp::from_unix_seconds(NOW).unwrap(), JTI.parse().unwrap());
        assert_eq!(verify(trusted(), &token, NOW).map(|_| ()), Err(TokenRefusal::UnknownKey));
    }

    #[test]
    fn documents_are_those_of_the_standards() {
        let jwk = |kid: &str, x: &str| json!({ "kty": "OKP", "use": "sig", "kid": kid, "crv": "Ed25519", "x": x, "alg": "EdDSA" });
        let second = jws::base64url([9; 32]);
        assert_eq!(signer().jwks(), json!({ "keys": [jwk("first", PUBLIC), jwk("second", &second)] }));
        assert_eq!(
            signer().metadata(),
            json!({
                "issuer": "https://hub.test/dialogporten/api/v1",
                "jwks_uri": "https://hub.test/dialogporten/api/v1/.well-known/jwks.json",
            })
        );
    }

    #[test]
    fn keys_are_checked() {
        let seed = URL_SAFE_NO_PAD.decode(PRIVATE).unwrap();
        let key = DialogTokenKey::from_private_component(&seed).unwrap();
        assert_eq!(key.published, PublishedKey { kid: THUMBPRINT.into(), x: PUBLIC.into() });
        assert!(!format!("{key:?}").contains(PRIVATE));
        for (private, public, fault) in [
            (PRIVATE, THUMBPRINT, KeyFault::Mismatch),
            (PUBLIC, PRIVATE, KeyFault::Mismatch),
            ("", PUBLIC, KeyFault::Malformed),
            (PRIVATE, "", KeyFault::Malformed),
            ("AAAA", PUBLIC, KeyFault::Malformed),
            (PRIVATE, "not base64!", KeyFault::Malformed),
        ] {
            assert_eq!(DialogTokenKey::new("kid", private, public).err(), Some(fault), "{public}");
        }
        assert_eq!(DialogTokenKey::from_private_component(&[1; 33]).err(), Some(KeyFault::Malformed));
    }
}
