//! Who calls, as the rest of the service sees it.

use super::claims::Claims;
use super::scope::{SERVICE_PROVIDER, Scopes};
use crate::altinn::PlatformIds;
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::json::wire_enum;

wire_enum! {
    /// What kind of user calls. The number is kept with what the user has seen and done.
    pub enum UserKind {
        /// None of the others.
        Unknown = 0,
        /// A person, by national identity number.
        Person = 1,
        /// A system that acts in its own name.
        SystemUser = 2,
        /// A service owner.
        ServiceOwner = 3,
        /// A service owner on behalf of a person.
        ServiceOwnerOnBehalfOfPerson = 4,
        /// A person, by e-mail address.
        IdportenEmailIdentifiedUser = 5,
        /// A person, by a user name of their own choice. Not given out today.
        AltinnSelfIdentifiedUser = 6,
        /// A pupil, student or employee of a school. Not given out today.
        FeideUser = 7,
    }
}

/// The caller of a request that a [policy](super::policy::Policy) has admitted.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What kind of user this is.
    pub kind: UserKind,
    /// The user: whose access counts, and who has seen or done what this request does. For
    /// [`UserKind::Unknown`] the organisation that holds the client.
    pub user: PartyUrn,
    /// The user in the platform's registers, as far as the user's own token tells.
    pub platform_ids: PlatformIds,
    /// Scopes of the token.
    pub scopes: Scopes,
    /// Number of the organisation that holds the client, such as the service owner's.
    pub organization_number: Option<String>,
    /// Short code of that organisation, as far as the token tells.
    pub organization_code: Option<String>,
    /// How surely the holder of the token was identified.
    pub authentication_level: u32,
    /// Number of the organisation that acts for the one that holds the client.
    pub supplier_number: Option<String>,
    /// For a system user the number of the organisation that it belongs to.
    pub system_user_owner: Option<String>,
    /// Whether `user` comes from a query parameter of a service owner, not from the token.
    pub impersonated: bool,
}

impl Caller {
    /// The caller that these claims describe; `None` when they name nobody.
    #[must_use]
    pub fn from_claims(claims: &Claims) -> Option<Self> {
        let is_service_owner = claims.scopes.contains(SERVICE_PROVIDER);
        let organization =
            || claims.consumer.as_ref().map(|number| PartyUrn::of(PartyKind::Organization, number));
        let (kind, user) = if let Some(person) = &claims.person {
            let kind =
                if is_service_owner { UserKind::ServiceOwnerOnBehalfOfPerson } else { UserKind::Person };
            (kind, person.clone())
        } else if let Some(system_user) = &claims.system_user {
            (UserKind::SystemUser, system_user.urn.clone())
        } else if let Some(organization) = organization().filter(|_| is_service_owner) {
            (UserKind::ServiceOwner, organization)
        } else if let Some(email_user) = &claims.email_user {
            (UserKind::IdportenEmailIdentifiedUser, email_user.clone())
        } else {
            (UserKind::Unknown, organization()?)
        };
        Some(Self {
            kind,
            user,
            platform_ids: claims.platform_ids.clone(),
            scopes: claims.scopes.clone(),
            organization_number: claims.consumer.clone(),
            organization_code: claims.organization_code.clone(),
            authentication_level: claims.authentication_level,
            supplier_number: claims.supplier.clone(),
            system_user_owner: claims.system_user.as_ref().and_then(|user| user.owner.clone()),
            impersonated: false,
        })
    }

    /// This service owner on behalf of `person`, at the level of the service owner's own token.
    ///
    /// The policy's [kinds](super::policy::Policy::check_kind) are to be checked again.
    #[must_use]
    pub fn impersonating(&self, person: PartyUrn) -> Self {
        Self {
            kind: UserKind::ServiceOwnerOnBehalfOfPerson,
            user: person,
            // Those of the token are the service owner's.
            platform_ids: PlatformIds::default(),
            system_user_owner: None,
            impersonated: true,
            ..self.clone()
        }
    }
}

/// Reads the parameter by which a service owner names the person to act for: a national identity
/// number, alone or as URN.
#[must_use]
pub fn impersonated_person(parameter: &str) -> Option<PartyUrn> {
    let prefix = PartyKind::Person.prefix();
    let number = parameter.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':')).unwrap_or(parameter);
    PartyUrn::parse(&format!("{prefix}:{number}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::timestamp::Timestamp;

    fn claims(payload: &Value) -> Claims {
        let empty = Map::new();
        let end = Timestamp::from_unix_seconds(2_000_000_000).unwrap();
        Claims::read(payload.as_object().unwrap_or(&empty), end)
    }

    fn consumer(number: &str) -> Value {
        json!({ "authority": "iso6523-actorid-upis", "ID": format!("0192:{number}") })
    }

    fn system_user(id: &str) -> Value {
        json!({ "type": "urn:altinn:systemuser", "systemuser_id": [id], "systemuser_org": consumer("310057223") })
    }

    const ID: &str = "51551DD0-B9C5-4F4B-A4A2-9B7E3669B364";
    const SYSTEM_USER: &str = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
    const ORGANIZATION: &str = "urn:altinn:organization:identifier-no:991825827";
    const PERSON: &str = "urn:altinn:person:identifier-no:08844397713";

    #[test]
    fn the_first_matching_kind_wins() {
        let provider = "digdir:dialogporten.serviceprovider";
        let cases = [
            (json!({ "pid": "08844397713" }), Some((UserKind::Person, PERSON))),
            (
                json!({ "pid": "08844397713", "scope": format!("a {provider}") }),
                Some((UserKind::ServiceOwnerOnBehalfOfPerson, PERSON)),
            ),
            (
                json!({ "pid": "08844397713", "scope": format!("{provider}.admin") }),
                Some((UserKind::Person, PERSON)),
            ),
            (
                json!({ "authorization_details": [system_user(ID)], "consumer": consumer("991825827"), "scope": provider }),
                Some((UserKind::SystemUser, SYSTEM_USER)),
            ),
            (
                json!({ "scope": [provider], "consumer": consumer("991825827") }),
                Some((UserKind::ServiceOwner, ORGANIZATION)),
            ),
            (
                json!({ "scope": "other", "consumer": consumer("991825827") }),
                Some((UserKind::Unknown, ORGANIZATION)),
            ),
            (
                json!({ "email": "Kari.Nordmann@Example.com", "amr": ["Selfregistered-email"] }),
                Some((
                    UserKind::IdportenEmailIdentifiedUser,
                    "urn:altinn:person:idporten-email:kari.nordmann@example.com",
                )),
            ),
            // An enterprise user and a legacy user.
            (
                json!({ "urn:altinn:userid": 7, "consumer": consumer("991825827") }),
                Some((UserKind::Unknown, ORGANIZATION)),
            ),
            (json!({ "urn:altinn:username": "leif", "amr": ["SelfIdentified"] }), None),
            (json!({ "scope": provider }), None),
            (json!({}), None),
        ];
        for (payload, expected) in cases {
            let caller = Caller::from_claims(&claims(&payload));
            let found = caller.as_ref().map(|caller| (caller.kind, caller.user.as_str()));
            assert_eq!(found, expected, "{payload}");
        }
    }

    #[test]
    fn malformed_claims_count_as_absent() {
        let deep = |levels: usize| (0..levels).fold(json!("x"), |inner, _| json!([inner]));
        let payloads = [
            json!({ "pid": 8_844_397_713_u64 }),
            json!({ "pid": ["08844397713"] }),
            json!({ "pid": "08844397714" }),
            json!({ "pid": "x:08844397713" }),
            json!({ "pid": { "pid": "08844397713" } }),
            json!({ "pid": null, "email": null, "amr": null, "consumer": null, "scope": null }),
            json!({ "consumer": "0192:991825827" }),
            json!({ "consumer": { "authority": "other", "ID": "0192:991825827" } }),
            json!({ "consumer": { "authority": "iso6523-actorid-upis", "ID": "9908:991825827" } }),
            json!({ "consumer": { "authority": "iso6523-actorid-upis", "ID": "0192:991825827:1" } }),
            json!({ "consumer": { "authority": "iso6523-actorid-upis", "ID": "0192:991825828" } }),
            json!({ "consumer": { "authority": "iso6523-actorid-upis", "ID": 991_825_827 } }),
            json!({ "consumer": { "authority": "iso6523-actorid-upis" } }),
            json!({ "consumer": [consumer("991825827")] }),
            json!({ "authorization_details": ["text"] }),
            json!({ "authorization_details": "[{" }),
            json!({ "authorization_details": 5 }),
            json!({ "authorization_details": [[system_user(ID)]] }),
            json!({ "authorization_details": [{ "type": "urn:altinn:systemuser" }] }),
            json!({ "authorization_details": [{ "type": "urn:altinn:systemuser", "systemuser_id": [] }] }),
            json!({ "authorization_details": [{ "type": "urn:altinn:systemuser", "systemuser_id": ID }] }),
            json!({ "authorization_details": [{ "type": "other", "systemuser_id": [ID] }] }),
            json!({ "authorization_details": [system_user("not-a-uuid")] }),
            json!({ "authorization_details": deep(100) }),
            json!({ "email": "a@b.no" }),
            json!({ "email": "a@b.no", "amr": [] }),
            json!({ "email": "a@b.no", "amr": ["Selfregistered-email", "other"] }),
            json!({ "email": "a@b.no", "amr": ["Selfregistered-email", 5] }),
            json!({ "email": "nobody", "amr": ["Selfregistered-email"] }),
            json!({ "email": ["a@b.no"], "amr": ["Selfregistered-email"] }),
        ];
        for payload in payloads {
            assert!(Caller::from_claims(&claims(&payload)).is_none(), "{payload}");
        }
    }

    #[test]
    fn claims_are_read_in_all_their_forms() {
        let organization = consumer("974760673").to_string();
        let read = claims(&json!({
            "iss": "https://issuer.test/",
            "scope": ["a b", "c", 5],
            "consumer": organization,
            "supplier": consumer("889640782"),
            "urn:altinn:org": "ttd",
            "urn:altinn:userid": "20000095",
            "urn:altinn:partyid": 50_364_905,
            "urn:altinn:party:uuid": "e3f80a3f-fef6-4555-a955-6c9ffb2af6ea",
            "authorization_details": [{ "type": "other" }, "text", system_user("bad"), system_user(ID)],
            "i": "0193a0c8-7e2a-7000-8000-000000000001",
        }));
        assert_eq!(read.issuer, "https://issuer.test/");
        assert_eq!(read.scopes.iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(read.consumer.as_deref(), Some("974760673"));
        assert_eq!(read.supplier.as_deref(), Some("889640782"));
        assert_eq!(read.organization_code.as_deref(), Some("ttd"));
        assert!(
            read.platform_ids
                == PlatformIds {
                    user_id: Some(20_000_095),
                    party_id: Some(50_364_905),
                    party_uuid: uuid::Uuid::try_parse("e3f80a3f-fef6-4555-a955-6c9ffb2af6ea").ok(),
                }
        );
        let system = read.system_user.unwrap();
        assert_eq!((system.urn.as_str(), system.owner.as_deref()), (SYSTEM_USER, Some("310057223")));
        assert!(read.dialog_id.is_some());

        for details in [system_user(ID), json!(json!([system_user(ID)]).to_string())] {
            assert!(claims(&json!({ "authorization_details": details })).system_user.is_some(), "{details}");
        }
        assert_eq!(claims(&json!({ "urn:altinn:org": " " })).organization_code, None);
    }

    #[test]
    fn addresses_that_do_not_fit_in_a_urn_are_encoded() {
        for (email, id) in [
            ("a+b@example.com", "a+b@example.com"),
            ("ÅSE@example.com", "%c3%a5se@example.com"),
            ("a%41b@example.com", "a%2541b@example.com"),
            ("x:y@example.com", "x%3ay@example.com"),
            ("{a|b}@example.com", "%7ba%7cb%7d@example.com"),
        ] {
            let user =
                claims(&json!({ "email": email, "amr": ["Selfregistered-email", "selfregistered-EMAIL"] }))
                    .email_user;
            assert_eq!(user.as_ref().map(PartyUrn::id), Some(id), "{email}");
            let user = user.unwrap();
            assert_eq!(PartyUrn::parse(user.as_str()), Some(user));
        }
    }

    #[test]
    fn the_level_never_fails() {
        let details = json!([system_user(ID)]);
        for (payload, level) in [
            (json!({ "urn:altinn:authlevel": 3 }), 3),
            (json!({ "urn:altinn:authlevel": " 4 ", "acr": "idporten-loa-low" }), 4),
            (json!({ "urn:altinn:authlevel": 12 }), 12),
            (json!({ "urn:altinn:authlevel": 0, "acr": "idporten-loa-high" }), 0),
            (json!({ "urn:altinn:authlevel": -1, "acr": "idporten-loa-high" }), 4),
            (json!({ "urn:altinn:authlevel": "x", "acr": "idporten-loa-substantial" }), 3),
            (json!({ "urn:altinn:authlevel": 99_999_999_999_u64, "acr": "idporten-loa-low" }), 0),
            (json!({ "acr": "selfregistered-email" }), 0),
            (json!({ "acr": "something-new" }), 0),
            (json!({ "acr": ["idporten-loa-high"] }), 0),
            (json!({ "acr": "something-new", "authorization_details": details }), 0),
            (json!({ "authorization_details": details }), 3),
            (json!({}), 0),
        ] {
            assert_eq!(claims(&payload).authentication_level, level, "{payload}");
        }
    }

    #[test]
    fn a_service_owner_acts_for_a_person_at_its_own_level() {
        let read = claims(&json!({
            "scope": "digdir:dialogporten.serviceprovider",
            "consumer": consumer("991825827"),
            "urn:altinn:org": "ttd",
            "urn:altinn:authlevel": 3,
        }));
        let owner = Caller::from_claims(&read).unwrap();
        let caller = owner.impersonating(impersonated_person("08844397713").unwrap());
        assert_eq!(caller.kind, UserKind::ServiceOwnerOnBehalfOfPerson);
        assert_eq!(caller.user.as_str(), PERSON);
        assert_eq!(caller.organization_number.as_deref(), Some("991825827"));
        assert_eq!(caller.organization_code.as_deref(), Some("ttd"));
        assert_eq!(caller.authentication_level, 3);
        assert!(caller.impersonated && !owner.impersonated);
    }

    #[test]
    fn the_person_to_act_for_is_a_number_or_its_urn() {
        for parameter in ["08844397713", PERSON] {
            assert_eq!(impersonated_person(parameter).unwrap().as_str(), PERSON);
        }
        for parameter in [
            "",
            "08844397714",
            ":08844397713",
            "urn:other:08844397713",
            "urn:altinn:person:identifier-no08844397713",
            "urn:altinn:person:identifier-no:urn:altinn:person:identifier-no:08844397713",
            SYSTEM_USER,
        ] {
            assert_eq!(impersonated_person(parameter), None, "{parameter}");
        }
    }

    #[test]
    fn debug_output_names_nobody() {
        let read = claims(&json!({
            "pid": "08844397713", "email": "kari@example.com", "amr": "Selfregistered-email",
            "urn:altinn:userid": 20_000_095,
        }));
        let shown = format!("{read:?} {:?}", Caller::from_claims(&read));
        for secret in ["08844397713", "kari", "20000095"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
