//! What a verified token says about its holder, in types.
//!
//! A claim of the wrong shape counts as absent; nothing in a token can make reading it fail.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::scope::Scopes;
use crate::altinn::PlatformIds;
use crate::dialog::party::{PartyKind, PartyUrn, is_organization_number};
use crate::timestamp::Timestamp;

/// The claims of a token whose signature and times have been checked.
///
/// Its `Debug` output shows no identity numbers and no addresses.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Who issued the token (`iss`).
    pub issuer: String,
    /// When it ends (`exp`).
    pub expires_at: Timestamp,
    /// `scope`, as text or as an array.
    pub scopes: Scopes,
    /// Number of the organisation that holds the client (`consumer`).
    pub consumer: Option<String>,
    /// Number of the organisation that acts for the consumer (`supplier`).
    pub supplier: Option<String>,
    /// Short code of the consumer (`urn:altinn:org`), such as `ttd`.
    pub organization_code: Option<String>,
    /// The person (`pid`).
    pub person: Option<PartyUrn>,
    /// The system user (`authorization_details`, RFC 9396).
    pub system_user: Option<SystemUser>,
    /// The user that registered with an e-mail address alone (`email`, `amr`).
    pub email_user: Option<PartyUrn>,
    /// How surely the holder was identified, 0 and up; 0 also when the token does not tell.
    pub authentication_level: u32,
    /// The holder in the platform's own registers.
    pub platform_ids: PlatformIds,
    /// The dialog that one of our own dialog tokens is about (`i`).
    pub dialog_id: Option<Uuid>,
    /// The party of that dialog (`p`).
    pub dialog_party: Option<PartyUrn>,
}

/// A system that acts in its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUser {
    /// The system user.
    pub urn: PartyUrn,
    /// Number of the organisation that it belongs to.
    pub owner: Option<String>,
}

impl Claims {
    /// Reads the claims set of a token that ends at `expires_at`.
    #[must_use]
    pub fn read(payload: &Map<String, Value>, expires_at: Timestamp) -> Self {
        let system_user = payload.get("authorization_details").and_then(system_user);
        Self {
            issuer: text(payload, "iss").unwrap_or_default().to_owned(),
            expires_at,
            scopes: payload.get("scope").map(texts).unwrap_or_default().into_iter().flatten().collect(),
            consumer: payload.get("consumer").and_then(organization),
            supplier: payload.get("supplier").and_then(organization),
            organization_code: text(payload, "urn:altinn:org")
                .filter(|code| !code.trim().is_empty())
                .map(Into::into),
            person: text(payload, "pid")
                .and_then(|number| PartyUrn::parse(&format!("{}:{number}", PartyKind::Person.prefix()))),
            email_user: email_user(payload),
            authentication_level: authentication_level(payload, system_user.is_some()),
            system_user,
            platform_ids: PlatformIds {
                user_id: integer(payload, "urn:altinn:userid"),
                party_id: integer(payload, "urn:altinn:partyid"),
                party_uuid: text(payload, "urn:altinn:party:uuid").and_then(|id| Uuid::try_parse(id).ok()),
            },
            dialog_id: text(payload, "i").and_then(|id| Uuid::try_parse(id).ok()),
            dialog_party: text(payload, "p").and_then(PartyUrn::parse),
        }
    }
}

fn text<'a>(payload: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    payload.get(name)?.as_str()
}

/// The values of a claim that is a text or an array; `None` for members that are no texts.
fn texts(claim: &Value) -> Vec<Option<&str>> {
    match claim {
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        value => vec![value.as_str()],
    }
}

fn integer(payload: &Map<String, Value>, name: &str) -> Option<i64> {
    match payload.get(name)? {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    }
}

/// A structured claim, which some issuers write as a text of JSON.
fn structured(claim: &Value) -> Option<Value> {
    match claim {
        Value::String(text) => serde_json::from_str(text).ok(),
        value => Some(value.clone()),
    }
}

/// The number in `{"authority":"iso6523-actorid-upis","ID":"0192:<number>"}` (ISO 6523; 0192 is
/// the Norwegian register of organisations).
fn organization(claim: &Value) -> Option<String> {
    let claim = structured(claim)?;
    let authority = claim.get("authority")?.as_str()?;
    let number = claim.get("ID")?.as_str()?.strip_prefix("0192:")?;
    (authority.eq_ignore_ascii_case("iso6523-actorid-upis") && is_organization_number(number))
        .then(|| number.to_owned())
}

/// The first usable system user among the authorization details.
fn system_user(claim: &Value) -> Option<SystemUser> {
    let read = |detail: &Value| {
        (detail.get("type")?.as_str()? == "urn:altinn:systemuser").then_some(())?;
        let id = Uuid::try_parse(detail.get("systemuser_id")?.get(0)?.as_str()?).ok()?;
        Some(SystemUser {
            urn: PartyUrn::of(PartyKind::SystemUser, &id.to_string()),
            owner: detail.get("systemuser_org").and_then(organization),
        })
    };
    match structured(claim)? {
        Value::Array(details) => details.iter().find_map(read),
        detail => read(&detail),
    }
}

/// What a URN cannot hold as it is, and `:`, which ends its prefix (RFC 3986, RFC 8141).
const NOT_IN_URN: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The holder of an e-mail address that nothing but the address identifies.
fn email_user(payload: &Map<String, Value>) -> Option<PartyUrn> {
    let methods = texts(payload.get("amr")?);
    let only_email = !methods.is_empty()
        && methods.iter().all(|m| m.is_some_and(|m| m.eq_ignore_ascii_case("Selfregistered-email")));
    let email = text(payload, "email").filter(|_| only_email)?.to_lowercase();
    let id = utf8_percent_encode(&email, NOT_IN_URN);
    PartyUrn::parse(&format!("{}:{id}", PartyKind::Email.prefix()))
}

fn authentication_level(payload: &Map<String, Value>, is_system_user: bool) -> u32 {
    if let Some(level) = integer(payload, "urn:altinn:authlevel").and_then(|level| level.try_into().ok()) {
        return level;
    }
    match payload.get("acr") {
        Some(acr) if acr == "idporten-loa-high" => 4,
        Some(acr) if acr == "idporten-loa-substantial" => 3,
        None if is_system_user => 3,
        _ => 0,
    }
}
