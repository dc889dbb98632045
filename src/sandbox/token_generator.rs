//! Mints access tokens for whoever is asked for, like the platform's generator of test tokens.
//!
//! Names and rules of the parameters are those of that generator, so that test suites written
//! against it run unchanged.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::catalogue::derived_number;
use super::issuers::Environment;
use super::keys::SandboxKeys;
use crate::access::jws;
use crate::clock::Ids;
use crate::dialog::party::{PartyKind, PartyUrn, is_organization_number, is_person_number};
use crate::timestamp::Timestamp;

/// What kind of holder a token is for. Each has an endpoint of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An organisation.
    Enterprise,
    /// A person with a national identity number.
    Personal,
    /// A system user.
    SystemUser,
    /// A person who registered with an e-mail address.
    SelfRegisteredEmailUser,
    /// A person who registered with a user name.
    SelfIdentifiedUser,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Enterprise,
        Self::Personal,
        Self::SystemUser,
        Self::SelfRegisteredEmailUser,
        Self::SelfIdentifiedUser,
    ];

    /// The last segment of the endpoint's path.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Enterprise => "GetEnterpriseToken",
            Self::Personal => "GetPersonalToken",
            Self::SystemUser => "GetSystemUserToken",
            Self::SelfRegisteredEmailUser => "GetSelfRegisteredEmailUserToken",
            Self::SelfIdentifiedUser => "GetSelfIdentifiedUserToken",
        }
    }
}

/// What is wrong with parameters, by name.
pub type Problems = BTreeMap<&'static str, &'static str>;

/// The organisation that tokens are for when the caller names none.
const DEFAULT_ORGANIZATION: &str = "991825827";

/// Time to live, either way from now, is at most a year.
const MAX_TTL_SECONDS: i64 = 31_536_000;

const MAX_BULK_COUNT: u32 = 5_000;

/// A token that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    environment: Environment,
    /// Separated by single spaces.
    scopes: String,
    ttl_seconds: i64,
    /// Whether to show what is in the token instead of the token.
    dump: bool,
    /// How many tokens for as many random holders are wanted, instead of one.
    bulk_count: Option<u32>,
    holder: Holder,
}

/// The answer to a request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Minted {
    /// The token, or what is in it.
    Text(String),
    /// Many tokens, by number of their holder.
    Bulk(BTreeMap<String, String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Enterprise(Enterprise),
    Person(Person),
    SystemUser(SystemUser),
    EmailUser { email: String, ids: PlatformIds },
    SelfIdentifiedUser { username: Option<String>, ids: PlatformIds },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Enterprise {
    code: Option<String>,
    number: Option<String>,
    supplier: Option<String>,
    client_id: Option<String>,
    delegation_source: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    number: Option<String>,
    level: u8,
    ids: PlatformIds,
    username: Option<String>,
    consumer: Option<String>,
    client_amr: String,
    delegation_source: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SystemUser {
    id: Uuid,
    owner: String,
    consumer: String,
    supplier: Option<String>,
    client_id: Option<String>,
}

/// The holder in the platform's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PlatformIds {
    user_id: Option<u32>,
    party_id: Option<u32>,
    party_uuid: Option<Uuid>,
}

impl TokenRequest {
    /// Reads the query parameters of an endpoint. Names are case-sensitive, the first of several
    /// counts, an empty value counts as none, unknown ones are ignored.
    ///
    /// # Errors
    /// All problems at once.
    pub fn read(kind: TokenKind, parameters: &[(String, String)]) -> Result<Self, Problems> {
        let mut reader = Reader { parameters, problems: Problems::new() };
        let request = Self {
            environment: reader.required(
                "env",
                Environment::from_name,
                "must be one of at21, at22, at23, at24, tt02, yt01, none",
            ),
            scopes: match kind {
                TokenKind::Enterprise => reader.required("scopes", scopes, SCOPES_RULE),
                TokenKind::SelfRegisteredEmailUser => reader.scopes_or("altinn:portal/enduser"),
                _ => reader.scopes_or("altinn:enduser"),
            },
            ttl_seconds: reader
                .optional(
                    "ttl",
                    |text| text.parse().ok().filter(|ttl: &i64| ttl.abs() <= MAX_TTL_SECONDS),
                    "must be a whole number of seconds, at most a year",
                )
                .unwrap_or(1_800),
            dump: reader.value("dump").is_some(),
            bulk_count: match kind {
                TokenKind::Enterprise | TokenKind::Personal => reader.optional(
                    "bulkCount",
                    |text| text.parse().ok().filter(|count| (1..=MAX_BULK_COUNT).contains(count)),
                    "must be a whole number from 1 to 5000",
                ),
                _ => None,
            },
            holder: match kind {
                TokenKind::Enterprise => Holder::Enterprise(Enterprise {
                    code: reader.optional("org", code, "must be at most 50 letters, digits, _ or -"),
                    number: reader.organization("orgNo"),
                    supplier: reader.organization("supplierOrgNo"),
                    client_id: reader.text("clientId"),
                    delegation_source: reader.uri("delegationSource"),
                }),
                TokenKind::Personal => Holder::Person(Person {
                    number: reader.optional("pid", |text| digits(text, 11), "must be 11 digits"),
                    level: reader
                        .optional(
                            "authLvl",
                            |text| text.parse().ok().filter(|level| (1..=4).contains(level)),
                            "must be a number from 1 to 4",
                        )
                        .unwrap_or(3),
                    ids: reader.platform_ids(),
                    username: reader.text("userName"),
                    consumer: reader.organization("consumerOrgNo"),
                    client_amr: reader
                        .text("clientAmr")
                        .unwrap_or_else(|| "virksomhetssertifikat".to_owned()),
                    delegation_source: reader.uri("delegationSource"),
                }),
                TokenKind::SystemUser => Holder::SystemUser(SystemUser {
                    id: reader.required("systemUserId", uuid, "must be a UUID"),
                    owner: reader.organization("systemUserOrg").unwrap_or(DEFAULT_ORGANIZATION.to_owned()),
                    consumer: reader.organization("orgNo").unwrap_or(DEFAULT_ORGANIZATION.to_owned()),
                    supplier: reader.organization("supplierOrgNo"),
                    client_id: reader.text("clientId"),
                }),
                TokenKind::SelfRegisteredEmailUser => Holder::EmailUser {
                    email: reader.required(
                        "email",
                        email,
                        "must be an e-mail address of at most 50 characters",
                    ),
                    ids: reader.platform_ids(),
                },
                TokenKind::SelfIdentifiedUser => Holder::SelfIdentifiedUser {
                    username: reader.text("username"),
                    ids: reader.platform_ids(),
                },
            },
        };
        if reader.problems.is_empty() { Ok(request) } else { Err(reader.problems) }
    }

    /// The claims of a token for this request. `base_url` is the sandbox's own.
    #[must_use]
    pub fn claims(&self, base_url: &str, now: Timestamp, ids: &mut Ids) -> Map<String, Value> {
        let now = now.unix_seconds();
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                claims.insert(name.to_owned(), value);
            }
        };
        put("iss", self.environment.issuer(base_url).into());
        put("scope", self.scopes.as_str().into());
        put("iat", now.into());
        put("nbf", now.into());
        put("exp", (now + self.ttl_seconds).into());
        put("actual_iss", "altinn-test-tools".into());
        match &self.holder {
            Holder::Enterprise(enterprise) => enterprise.put_claims(&mut put, ids),
            Holder::Person(person) => person.put_claims(&mut put, ids),
            Holder::SystemUser(system_user) => system_user.put_claims(&mut put, ids),
            Holder::EmailUser { email, ids: known } => {
                put("email", email.as_str().into());
                put("acr", "selfregistered-email".into());
                put("amr", json!(["Selfregistered-email"]));
                let party = PartyUrn::of(PartyKind::Email, email);
                put_self_registered(&mut put, known, &format!("epost:{email}"), &party, now, ids);
            }
            Holder::SelfIdentifiedUser { username, ids: known } => {
                put("acr", "idporten-loa-low".into());
                put("amr", json!(["SelfIdentified"]));
                let username = username.clone().unwrap_or_else(|| format!("user-{}", random_id(ids)));
                let party = PartyUrn::of(PartyKind::LegacySelfIdentified, &username);
                put_self_registered(&mut put, known, &username, &party, now, ids);
            }
        }
        claims
    }

    /// What the generator answers; `None` if the cryptographic library fails. Bulk requests take
    /// up to a millisecond per token.
    #[must_use]
    pub fn mint(&self, keys: &SandboxKeys, base_url: &str, now: Timestamp, ids: &mut Ids) -> Option<Minted> {
        if let Some(count) = self.bulk_count {
            let mut tokens = BTreeMap::new();
            while tokens.len() < count as usize {
                let (number, request) = self.for_random_holder(ids);
                let claims = Value::Object(request.claims(base_url, now, ids));
                tokens.insert(number, keys.altinn.sign(&claims)?);
            }
            return Some(Minted::Bulk(tokens));
        }
        let claims = Value::Object(self.claims(base_url, now, ids));
        let text = if self.dump {
            format!("{:#}\n{claims:#}\n", keys.altinn.header())
        } else {
            keys.altinn.sign(&claims)?
        };
        Some(Minted::Text(text))
    }

    /// The same request for somebody else, and that one's number.
    fn for_random_holder(&self, ids: &mut Ids) -> (String, Self) {
        let mut request = self.clone();
        let number = match &mut request.holder {
            Holder::Person(person) => person.number.insert(random_person(ids)).clone(),
            Holder::Enterprise(enterprise) => enterprise.number.insert(random_organization(ids)).clone(),
            // No other kind has the parameter.
            _ => random_organization(ids),
        };
        (number, request)
    }
}

impl Enterprise {
    fn put_claims(&self, put: &mut impl FnMut(&str, Value), ids: &mut Ids) {
        let number = self.number.clone().unwrap_or_else(|| random_organization(ids));
        put("jti", token_id(ids).into());
        put("token_type", "Bearer".into());
        put("client_id", self.client_id.clone().unwrap_or_else(|| ids.revision().to_string()).into());
        put("consumer", organization(&number));
        put("supplier", self.supplier.as_deref().map(organization).into());
        put("urn:altinn:org", self.code.clone().into());
        put("urn:altinn:orgNumber", number.into());
        put("urn:altinn:authlevel", 3.into());
        put("urn:altinn:authenticatemethod", "maskinporten".into());
        put("delegation_source", self.delegation_source.clone().into());
    }
}

impl Person {
    fn put_claims(&self, put: &mut impl FnMut(&str, Value), ids: &mut Ids) {
        let acr = match self.level {
            3 => "idporten-loa-substantial",
            4 => "idporten-loa-high",
            _ => "idporten-loa-low",
        };
        put("token_type", "Bearer".into());
        put("client_id", ids.revision().to_string().into());
        put("consumer", self.consumer.as_deref().map(organization).into());
        put("client_orgno", self.consumer.clone().into());
        put("urn:altinn:authlevel", self.level.to_string().into());
        put("urn:altinn:authenticatemethod", "NotDefined".into());
        put("acr", acr.into());
        put("pid", self.number.clone().unwrap_or_else(|| random_person(ids)).into());
        put("client_amr", self.client_amr.as_str().into());
        self.ids.put_claims(put);
        put("urn:altinn:username", self.username.clone().into());
        put("delegation_source", self.delegation_source.clone().into());
    }
}

impl SystemUser {
    fn put_claims(&self, put: &mut impl FnMut(&str, Value), ids: &mut Ids) {
        put("jti", token_id(ids).into());
        put("token_type", "Bearer".into());
        put("client_id", self.client_id.clone().unwrap_or_else(|| ids.revision().to_string()).into());
        put("consumer", organization(&self.consumer));
        put("supplier", self.supplier.as_deref().map(organization).into());
        put("urn:altinn:authlevel", 3.into());
        put("urn:altinn:authenticatemethod", "maskinporten".into());
        put(
            "authorization_details",
            json!([{
                "type": "urn:altinn:systemuser",
                "systemuser_id": [self.id],
                "systemuser_org": organization(&self.owner),
                "system_id": ids.revision(),
            }]),
        );
    }
}

impl PlatformIds {
    fn put_claims(&self, put: &mut impl FnMut(&str, Value)) {
        put("nameid", self.user_id.map(|id| id.to_string()).into());
        put("urn:altinn:userid", self.user_id.into());
        put("urn:altinn:partyid", self.party_id.into());
        put("urn:altinn:party:uuid", self.party_uuid.map(|id| id.to_string()).into());
    }
}

/// What both kinds of people without a national identity number have. Their numeric ids are those by
/// which the sandbox's platform knows them.
fn put_self_registered(
    put: &mut impl FnMut(&str, Value),
    known: &PlatformIds,
    username: &str,
    party: &PartyUrn,
    now: i64,
    ids: &mut Ids,
) {
    let number = u32::try_from(derived_number(party)).ok();
    let party_uuid = known.party_uuid.unwrap_or_else(|| ids.revision());
    let complete = PlatformIds {
        user_id: known.user_id.or(number),
        party_id: known.party_id.or(number),
        party_uuid: Some(party_uuid),
    };
    complete.put_claims(put);
    put("jti", token_id(ids).into());
    put("sub", format!("urn:altinn:party:uuid:{party_uuid}").into());
    put("sid", ids.revision().to_string().into());
    put("auth_time", now.into());
    put("urn:altinn:username", username.into());
    put("urn:altinn:party:external-identifier", party.as_str().into());
    put("urn:altinn:authlevel", 0.into());
    put("urn:altinn:authenticatemethod", "IdportenEpost".into());
}

/// An organisation as tokens name it (ISO 6523).
fn organization(number: &str) -> Value {
    json!({ "authority": "iso6523-actorid-upis", "ID": format!("0192:{number}") })
}

/// 43 random characters.
fn token_id(ids: &mut Ids) -> String {
    jws::base64url([ids.revision().into_bytes(), ids.revision().into_bytes()].concat())
}

/// A random number below `limit`.
fn random_below(limit: u64, ids: &mut Ids) -> u64 {
    // The low half of a UUIDv4 has 62 random bits under the two of its variant.
    (ids.revision().as_u64_pair().1 & (u64::MAX >> 2)) % limit
}

/// A random id in the range that the platform's registers use for tests.
fn random_id(ids: &mut Ids) -> u32 {
    50_000_000 + u32::try_from(random_below(10_000_000, ids)).unwrap_or_default()
}

/// A random organisation number with a valid check digit, from the range of synthetic ones.
fn random_organization(ids: &mut Ids) -> String {
    loop {
        let number = 300_000_000 + random_below(20_000_000, ids);
        if is_organization_number(&number.to_string()) {
            return number.to_string();
        }
    }
}

/// A random identity number with valid check digits, of a synthetic person (month + 80) born from
/// 1940 to 1999.
fn random_person(ids: &mut Ids) -> String {
    loop {
        let day = 1 + random_below(28, ids);
        let month = 81 + random_below(12, ids);
        let year = 40 + random_below(60, ids);
        let individual = random_below(500, ids);
        let checked = (0..100)
            .map(|checks| format!("{day:02}{month}{year}{individual:03}{checks:02}"))
            .find(|number| is_person_number(number));
        if let Some(number) = checked {
            return number;
        }
    }
}

/// Reads parameters and collects what is wrong with them.
struct Reader<'a> {
    parameters: &'a [(String, String)],
    problems: Problems,
}

impl<'a> Reader<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        let first = self.parameters.iter().find(|(given, _)| given == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> Option<T> {
        let value = read(self.value(name)?);
        if value.is_none() {
            self.problems.insert(name, rule);
        }
        value
    }

    /// The value, or after a problem was noted, any.
    fn required<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> T {
        if self.value(name).is_none() {
            self.problems.insert(name, "is required");
        }
        self.optional(name, read, rule).unwrap_or_default()
    }

    fn scopes_or(&mut self, default: &str) -> String {
        self.optional("scopes", scopes, SCOPES_RULE).unwrap_or_else(|| default.to_owned())
    }

    fn organization(&mut self, name: &'static str) -> Option<String> {
        self.optional(name, |text| digits(text, 9), "must be 9 digits")
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let read = |text: &str| (text.chars().count() <= 255).then(|| text.to_owned());
        self.optional(name, read, "must be at most 255 characters")
    }

    fn uri(&mut self, name: &'static str) -> Option<String> {
        let read = |text: &str| iri_string::types::UriStr::new(text).is_ok().then(|| text.to_owned());
        self.optional(name, read, "must be an absolute URI")
    }

    fn platform_ids(&mut self) -> PlatformIds {
        let number = |text: &str| text.parse().ok().filter(|id| i32::try_from(*id).is_ok());
        PlatformIds {
            user_id: self.optional("userId", number, "must be a whole number"),
            party_id: self.optional("partyId", number, "must be a whole number"),
            party_uuid: self.optional("partyuuid", uuid, "must be a UUID"),
        }
    }
}

const SCOPES_RULE: &str =
    "must be at most 500 lower-case letters, digits, :/_-. and separators (space or comma)";

fn scopes(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ":/_-,. ".contains(c);
    let scopes: Vec<&str> = text.split([' ', ',']).filter(|scope| !scope.is_empty()).collect();
    (text.len() <= 500 && text.chars().all(is_allowed)).then(|| scopes.join(" "))
}

fn code(text: &str) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (text.len() <= 50 && text.chars().all(is_allowed)).then(|| text.to_owned())
}

fn digits(text: &str, count: usize) -> Option<String> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

fn email(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('@').collect();
    (parts.len() == 2 && parts.iter().all(|part| !part.is_empty()) && text.chars().count() <= 50)
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::TokenKind::*;
    use super::*;
    use crate::access::caller::{Caller, UserKind};
    use crate::access::token::TokenVerifier;
    use crate::clock::Clock;
    use crate::sandbox::issuers::sandbox_issuers;
    use crate::sandbox::keys::shared;

    const NOW: i64 = 1_767_225_600;
    const BASE: &str = "http://127.0.0.1:7214";
    const UUID: &str = "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(NOW).unwrap()
    }

    fn read(kind: TokenKind, query: &str) -> Result<TokenRequest, Problems> {
        let parameters: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        TokenRequest::read(kind, &parameters)
    }

    /// The claims, in which what is random is replaced by `?` after its form was checked.
    fn claims(kind: TokenKind, query: &str) -> Value {
        let request = read(kind, query).unwrap();
        let mut ids = Clock::fixed(now()).ids(now());
        let (first, second) = (request.claims(BASE, now(), &mut ids), request.claims(BASE, now(), &mut ids));
        let is_uuid = |value: &Value| value.as_str().is_some_and(|text| uuid(text).is_some());
        let mut claims = first.clone();
        for (name, value) in &first {
            if second[name] == *value {
                continue;
            }
            let text = value.as_str().unwrap_or_default();
            let is_well_formed = match name.as_str() {
                "jti" => text.len() == 43,
                "client_id" | "urn:altinn:party:uuid" | "sid" => is_uuid(value),
                "authorization_details" => is_uuid(&value[0]["system_id"]),
                "pid" => is_person_number(text),
                "urn:altinn:orgNumber" => {
                    assert_eq!(first["consumer"], organization(text));
                    is_organization_number(text)
                }
                "consumer" | "sub" => true,
                "nameid" => text.parse::<u32>().is_ok(),
                "urn:altinn:userid" | "urn:altinn:partyid" => value.as_u64().is_some(),
                "urn:altinn:username" | "urn:altinn:party:external-identifier" => text.contains("user-"),
                _ => false,
            };
            assert!(is_well_formed, "{name}: {value}");
            match name.as_str() {
                "authorization_details" => claims[name][0]["system_id"] = "?".into(),
                _ => claims[name] = "?".into(),
            }
        }
        Value::Object(claims)
    }

    #[test]
    fn claims_are_those_of_the_platform() {
        let organization =
            |number: &str| json!({ "authority": "iso6523-actorid-upis", "ID": format!("0192:{number}") });
        let issuer = "https://platform.at23.altinn.cloud/authentication/api/v1/openid/";
        let cases = [
            (
                Enterprise,
                "env=at23&scopes=digdir:dialogporten.serviceprovider%20a,b&org=ttd&orgNo=991825827&ttl=3600",
                json!({
                    "iss": issuer, "scope": "digdir:dialogporten.serviceprovider a b", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "jti": "?", "token_type": "Bearer", "client_id": "?",
                    "consumer": organization("991825827"), "urn:altinn:org": "ttd", "urn:altinn:orgNumber": "991825827",
                    "urn:altinn:authlevel": 3, "urn:altinn:authenticatemethod": "maskinporten",
                }),
            ),
            (
                Enterprise,
                "env=none&scopes=a&supplierOrgNo=889640782&delegationSource=https://x.test/&clientId=me&ttl=-5&orgNo=",
                json!({
                    "iss": "http://127.0.0.1:7214/sandbox/issuers/none", "scope": "a", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW - 5, "jti": "?", "token_type": "Bearer", "client_id": "me",
                    "consumer": "?", "urn:altinn:orgNumber": "?", "supplier": organization("889640782"),
                    "urn:altinn:authlevel": 3, "urn:altinn:authenticatemethod": "maskinporten",
                    "delegation_source": "https://x.test/",
                }),
            ),
            (
                Personal,
                "env=tt02&scopes=digdir:dialogporten&pid=08844397713&ttl=3600",
                json!({
                    "iss": "https://platform.tt02.altinn.no/authentication/api/v1/openid/",
                    "scope": "digdir:dialogporten", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 3600, "token_type": "Bearer", "client_id": "?",
                    "urn:altinn:authlevel": "3", "urn:altinn:authenticatemethod": "NotDefined",
                    "acr": "idporten-loa-substantial", "pid": "08844397713", "client_amr": "virksomhetssertifikat",
                }),
            ),
            (
                Personal,
                "env=at23&authLvl=4&userId=7&partyId=8&partyuuid=51551DD0-b9c5-4f4b-a4a2-9b7e3669b364&userName=leif\
                 &consumerOrgNo=991825827&clientAmr=other&delegationSource=urn:x:y",
                json!({
                    "iss": issuer, "scope": "altinn:enduser", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 1800, "token_type": "Bearer", "client_id": "?",
                    "consumer": organization("991825827"), "client_orgno": "991825827",
                    "urn:altinn:authlevel": "4", "urn:altinn:authenticatemethod": "NotDefined",
                    "acr": "idporten-loa-high", "pid": "?", "client_amr": "other", "nameid": "7",
                    "urn:altinn:userid": 7, "urn:altinn:partyid": 8, "urn:altinn:party:uuid": UUID,
                    "urn:altinn:username": "leif", "delegation_source": "urn:x:y",
                }),
            ),
            (
                SystemUser,
                "env=at23&scopes=digdir:dialogporten&systemUserId=51551dd0-b9c5-4f4b-a4a2-9b7e3669b364&systemUserOrg=310057223",
                json!({
                    "iss": issuer, "scope": "digdir:dialogporten", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 1800, "jti": "?", "token_type": "Bearer", "client_id": "?",
                    "consumer": organization("991825827"),
                    "urn:altinn:authlevel": 3, "urn:altinn:authenticatemethod": "maskinporten",
                    "authorization_details": [{
                        "type": "urn:altinn:systemuser", "systemuser_id": [UUID],
                        "systemuser_org": organization("310057223"), "system_id": "?",
                    }],
                }),
            ),
            (
                SelfRegisteredEmailUser,
                "env=at23&email=kari@example.com&userId=7&partyId=8&partyuuid=51551dd0-b9c5-4f4b-a4a2-9b7e3669b364",
                json!({
                    "iss": issuer, "scope": "altinn:portal/enduser", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 1800, "auth_time": NOW, "jti": "?", "sid": "?",
                    "urn:altinn:authlevel": 0, "urn:altinn:authenticatemethod": "IdportenEpost",
                    "acr": "selfregistered-email", "amr": ["Selfregistered-email"], "email": "kari@example.com",
                    "nameid": "7", "urn:altinn:userid": 7, "urn:altinn:partyid": 8, "urn:altinn:party:uuid": UUID,
                    "urn:altinn:username": "epost:kari@example.com", "sub": format!("urn:altinn:party:uuid:{UUID}"),
                    "urn:altinn:party:external-identifier": "urn:altinn:person:idporten-email:kari@example.com",
                }),
            ),
            (
                SelfIdentifiedUser,
                "env=at23&scopes=digdir:dialogporten",
                json!({
                    "iss": issuer, "scope": "digdir:dialogporten", "actual_iss": "altinn-test-tools",
                    "iat": NOW, "nbf": NOW, "exp": NOW + 1800, "auth_time": NOW, "jti": "?", "sid": "?",
                    "urn:altinn:authlevel": 0, "urn:altinn:authenticatemethod": "IdportenEpost",
                    "acr": "idporten-loa-low", "amr": ["SelfIdentified"],
                    "nameid": "?", "urn:altinn:userid": "?", "urn:altinn:partyid": "?", "urn:altinn:party:uuid": "?",
                    "urn:altinn:username": "?", "sub": "?", "urn:altinn:party:external-identifier": "?",
                }),
            ),
        ];
        for (kind, query, expected) in cases {
            assert_eq!(claims(kind, query), expected, "{kind:?} {query}");
        }
        assert_eq!(claims(SelfIdentifiedUser, "env=at23&username=leif")["urn:altinn:username"], "leif");
        assert_eq!(claims(Personal, "env=at23&authLvl=2")["acr"], "idporten-loa-low");
    }

    #[test]
    fn the_service_takes_its_tokens_for_the_right_kind_of_user() {
        let verifier = TokenVerifier::new(sandbox_issuers(shared(), Environment::At23, BASE).unwrap());
        let scopes = "scopes=digdir:dialogporten.serviceprovider";
        for (kind, query, expected) in [
            (Enterprise, scopes, Some((UserKind::ServiceOwner, 3))),
            (Personal, "authLvl=4", Some((UserKind::Person, 4))),
            (
                SystemUser,
                "systemUserId=51551dd0-b9c5-4f4b-a4a2-9b7e3669b364",
                Some((UserKind::SystemUser, 3)),
            ),
            (SelfRegisteredEmailUser, "email=a@b.no", Some((UserKind::IdportenEmailIdentifiedUser, 0))),
            (SelfIdentifiedUser, "username=leif", None),
        ] {
            let request = read(kind, &format!("env=at23&{query}")).unwrap();
            let mut ids = Clock::fixed(now()).ids(now());
            let Some(Minted::Text(token)) = request.mint(shared(), BASE, now(), &mut ids) else { panic!() };
            let claims = verifier.verify(Some(&format!("Bearer {token}")), now()).unwrap();
            let caller = Caller::from_claims(&claims);
            assert_eq!(caller.map(|caller| (caller.kind, caller.authentication_level)), expected, "{kind:?}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let long = "a".repeat(501);
        let cases: [(TokenKind, &str, &[&str]); 12] = [
            (Enterprise, "", &["env", "scopes"]),
            (Enterprise, "env=&scopes=", &["env", "scopes"]),
            (Enterprise, "ENV=at23&Scopes=a", &["env", "scopes"]),
            (
                Enterprise,
                "env=AT23&scopes=A&ttl=x&org=a.b&orgNo=1&supplierOrgNo=12345678x&delegationSource=x&bulkCount=0",
                &["bulkCount", "delegationSource", "env", "org", "orgNo", "scopes", "supplierOrgNo", "ttl"],
            ),
            (
                Enterprise,
                "env=prod&scopes=a;b&ttl=1.5&bulkCount=5001",
                &["bulkCount", "env", "scopes", "ttl"],
            ),
            (
                Enterprise,
                &format!("env=at23&scopes={long}&ttl=99999999999&clientId={long}&org={}", &long[..51]),
                &["clientId", "org", "scopes", "ttl"],
            ),
            (
                Personal,
                "env=at25&pid=0884439771&authLvl=5&userId=x&partyId=-1&partyuuid=x&consumerOrgNo=x&clientAmr=",
                &["authLvl", "consumerOrgNo", "env", "partyId", "partyuuid", "pid", "userId"],
            ),
            (Personal, "env=at23&authLvl=0&userId=4294967295", &["authLvl", "userId"]),
            (SystemUser, "env=at23", &["systemUserId"]),
            (
                SystemUser,
                "systemUserId=x&systemUserOrg=1&orgNo=1&supplierOrgNo=1",
                &["env", "orgNo", "supplierOrgNo", "systemUserId", "systemUserOrg"],
            ),
            (SelfRegisteredEmailUser, "env=at23&email=a@b@c", &["email"]),
            (SelfIdentifiedUser, "env=at23&partyuuid=1&ttl=-", &["partyuuid", "ttl"]),
        ];
        for (kind, query, expected) in cases {
            let problems = read(kind, query).expect_err(query);
            assert_eq!(problems.keys().copied().collect::<Vec<_>>(), expected, "{kind:?} {query}");
        }
        let problems = read(SelfRegisteredEmailUser, "env=x").unwrap_err();
        assert_eq!(problems["email"], "is required");
        assert_eq!(problems["env"], "must be one of at21, at22, at23, at24, tt02, yt01, none");
    }

    #[test]
    fn unknown_parameters_and_repeated_ones_do_no_harm() {
        let request =
            read(Personal, "env=tt02&env=nonsense&systemUserId=x&bulkcount=x&pid=08844397713").unwrap();
        assert_eq!(request, read(Personal, "pid=08844397713&env=tt02").unwrap());
    }

    #[test]
    fn tokens_in_bulk_are_for_different_holders() {
        for (kind, query) in [(Personal, "pid=08844397713"), (Enterprise, "scopes=a&orgNo=991825827")] {
            let request = read(kind, &format!("env=at23&bulkCount=3&{query}")).unwrap();
            let Some(Minted::Bulk(tokens)) =
                request.mint(shared(), BASE, now(), &mut Clock::fixed(now()).ids(now()))
            else {
                panic!()
            };
            assert_eq!(tokens.len(), 3);
            let verifier = TokenVerifier::new(sandbox_issuers(shared(), Environment::At23, BASE).unwrap());
            for (number, token) in tokens {
                let claims = verifier.verify(Some(&format!("Bearer {token}")), now()).unwrap();
                let holder = claims
                    .person
                    .as_ref()
                    .map(|person| person.id().to_owned())
                    .or_else(|| claims.consumer.clone());
                assert_eq!(holder, Some(number));
            }
        }
        let single = read(SystemUser, &format!("env=at23&bulkCount=3&systemUserId={UUID}")).unwrap();
        let minted = single.mint(shared(), BASE, now(), &mut Clock::fixed(now()).ids(now()));
        assert!(matches!(minted, Some(Minted::Text(_))));
    }

    #[test]
    fn a_dump_shows_header_and_claims() {
        let request = read(Personal, "env=at23&dump=1&pid=08844397713").unwrap();
        let mut ids = Clock::fixed(now()).ids(now());
        let Some(Minted::Text(dump)) = request.mint(shared(), BASE, now(), &mut ids) else { panic!() };
        let shown: Vec<Value> =
            serde_json::Deserializer::from_str(&dump).into_iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(shown[0], shared().altinn.header());
        assert_eq!(shown[1]["pid"], "08844397713");
        assert_eq!(shown.len(), 2);
    }

    #[test]
    fn random_numbers_are_valid() {
        let mut ids = Clock::fixed(now()).ids(now());
        for _ in 0..200 {
            let (person, organization) = (random_person(&mut ids), random_organization(&mut ids));
            assert!(is_person_number(&person), "{person}");
            assert!(is_organization_number(&organization), "{organization}");
        }
    }
}
