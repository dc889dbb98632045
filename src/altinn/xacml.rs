//! Requests and responses of the JSON profile of XACML 3.0, as far as the platform uses it: one user,
//! several actions on several parts of resources, one answer for each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ActionAttribute, DecisionSubject};
use crate::dialog::party::PartyKind;

const RESOURCE: &str = "urn:altinn:resource";
const APP: &str = "urn:altinn:app";
const ORG: &str = "urn:altinn:org";
const INSTANCE: &str = "urn:altinn:resource:instance-id";
const SUBRESOURCE: &str = "urn:altinn:subresource";
const USER_ID: &str = "urn:altinn:userid";
const PARTY_ID: &str = "urn:altinn:partyid";
const ACTION: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";

/// A request as it is sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Envelope {
    pub request: Request,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Request {
    pub access_subject: Vec<Category>,
    pub action: Vec<Category>,
    pub resource: Vec<Category>,
    pub multi_requests: MultiRequests,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Category {
    pub id: String,
    pub attribute: Vec<Attribute>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub attribute_id: String,
    pub value: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MultiRequests {
    pub request_reference: Vec<Reference>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Reference {
    pub reference_id: Vec<String>,
}

/// The answers, in the order of the references.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Response {
    #[serde(rename = "Response", alias = "response")]
    pub results: Vec<Result>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Result {
    #[serde(rename = "Decision", alias = "decision")]
    pub decision: String,
}

impl Category {
    fn of(id: String, attributes: Vec<(String, String)>) -> Self {
        let attribute = |(attribute_id, value)| Attribute { attribute_id, value };
        Self { id, attribute: attributes.into_iter().map(attribute).collect() }
    }

    /// The value of an attribute.
    pub fn value(&self, attribute: &str) -> Option<&str> {
        self.attribute.iter().find(|own| own.attribute_id == attribute).map(|own| own.value.as_str())
    }
}

impl Envelope {
    /// The request that asks `questions` about `about`.
    pub fn new(about: &DecisionSubject, questions: &[ActionAttribute]) -> Self {
        let mut actions: BTreeMap<&str, String> = BTreeMap::new();
        let mut parts: BTreeMap<&str, String> = BTreeMap::new();
        for question in questions {
            let id = format!("a{}", actions.len() + 1);
            actions.entry(&question.action).or_insert(id);
            let id = format!("r{}", parts.len() + 1);
            parts.entry(&question.attribute).or_insert(id);
        }
        let references = questions.iter().map(|question| {
            let ids = [&actions[question.action.as_str()], &parts[question.attribute.as_str()]];
            Reference { reference_id: vec!["s1".to_owned(), ids[1].clone(), ids[0].clone()] }
        });
        let multi_requests = MultiRequests { request_reference: references.collect() };
        let action =
            |(name, id): (&str, String)| Category::of(id, vec![(ACTION.to_owned(), name.to_owned())]);
        Self {
            request: Request {
                access_subject: vec![Category::of("s1".to_owned(), vec![subject(about)])],
                action: actions.into_iter().map(action).collect(),
                resource: parts
                    .into_iter()
                    .map(|(part, id)| Category::of(id, resource(about, part)))
                    .collect(),
                multi_requests,
            },
        }
    }
}

fn subject(about: &DecisionSubject) -> (String, String) {
    match about.platform_ids.user_id {
        Some(id) => (USER_ID.to_owned(), id.to_string()),
        None => (about.user.kind().prefix().to_owned(), about.user.id().to_owned()),
    }
}

/// The attributes of the dialog's resource and of the part of it, or of another resource, that an
/// authorization attribute names.
fn resource(about: &DecisionSubject, part: &str) -> Vec<(String, String)> {
    let owned = |id: &str, value: &str| (id.to_owned(), value.to_owned());
    // At the last colon; what has none, or nothing after it, is a part by its bare name.
    let split = part.rsplit_once(':').filter(|(_, value)| !value.is_empty());
    let mut attributes = Vec::new();
    match split {
        Some((namespace, other)) if namespace.eq_ignore_ascii_case(RESOURCE) => {
            attributes.extend(named(&other.to_lowercase()));
        }
        _ => {
            attributes.extend(named(&about.resource));
            attributes.push(owned(INSTANCE, &about.instance));
            attributes.push(match split {
                Some((namespace, value)) => owned(namespace, value),
                None => owned(SUBRESOURCE, part),
            });
        }
    }
    attributes.push(party(about));
    attributes
}

/// A resource by its id. Apps go by the name of their owner and their own.
fn named(resource: &str) -> Vec<(String, String)> {
    let app = resource.strip_prefix("app_").and_then(|rest| rest.split_once('_'));
    match app {
        Some((org, app)) => {
            vec![(APP.to_owned(), app.to_owned()), (ORG.to_owned(), org.to_owned())]
        }
        None => vec![(RESOURCE.to_owned(), resource.to_owned())],
    }
}

fn party(about: &DecisionSubject) -> (String, String) {
    let is_own = about.user == about.party;
    let has_no_number =
        matches!(about.user.kind(), PartyKind::Email | PartyKind::LegacySelfIdentified | PartyKind::Feide);
    match about.platform_ids.party_id {
        Some(id) if is_own && has_no_number => (PARTY_ID.to_owned(), id.to_string()),
        _ => (about.party.kind().prefix().to_owned(), about.party.id().to_owned()),
    }
}

/// What a reference of a request asks: who, on behalf of whom, what, on what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// Namespace and id of the user.
    pub user: (&'a str, &'a str),
    /// Namespace and id of the party.
    pub party: (&'a str, &'a str),
    pub action: &'a str,
    /// Id of the resource.
    pub resource: String,
    /// Reference of the instance; empty where there is none.
    pub instance: &'a str,
    /// The part, as rules of the sandbox's catalogue name it.
    pub part: String,
}

impl Request {
    /// What each reference asks; `None` for one that asks nothing that can be decided.
    pub fn questions(&self) -> impl Iterator<Item = Option<Question<'_>>> {
        self.multi_requests.request_reference.iter().map(|reference| self.question(reference))
    }

    fn question(&self, reference: &Reference) -> Option<Question<'_>> {
        let among = |categories: &[Category]| {
            categories.iter().position(|own| reference.reference_id.contains(&own.id))
        };
        let subject = &self.access_subject[among(&self.access_subject)?];
        let action = self.action[among(&self.action)?].value(ACTION)?;
        let resource = &self.resource[among(&self.resource)?];
        let user = subject.attribute.first()?;
        let mut question = Question {
            user: (&user.attribute_id, &user.value),
            party: ("", ""),
            action,
            resource: String::new(),
            instance: "",
            part: "main".to_owned(),
        };
        for Attribute { attribute_id, value } in &resource.attribute {
            match attribute_id.as_str() {
                RESOURCE => question.resource.clone_from(value),
                APP => question.resource = format!("app_{}_{value}", resource.value(ORG)?),
                ORG => {}
                INSTANCE => question.instance = value,
                SUBRESOURCE => question.part.clone_from(value),
                PARTY_ID => question.party = (PARTY_ID, value),
                namespace if is_party(namespace) => question.party = (namespace, value),
                namespace => question.part = format!("{namespace}:{value}"),
            }
        }
        Some(question)
    }
}

fn is_party(namespace: &str) -> bool {
    [PartyKind::Person, PartyKind::Organization, PartyKind::Email, PartyKind::LegacySelfIdentified]
        .iter()
        .any(|kind| kind.prefix() == namespace)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::altinn::PlatformIds;
    use crate::dialog::party::PartyUrn;

    const DIALOG: &str = "urn:altinn:dialog-id:019a0000-0000-7000-8000-000000000000";

    fn about(user: &str, party: &str, resource: &str, platform_ids: PlatformIds) -> DecisionSubject {
        DecisionSubject {
            user: PartyUrn::parse(user).unwrap(),
            platform_ids,
            party: PartyUrn::parse(party).unwrap(),
            resource: resource.into(),
            instance: DIALOG.into(),
        }
    }

    fn question(action: &str, attribute: &str) -> ActionAttribute {
        ActionAttribute { action: action.into(), attribute: attribute.into() }
    }

    const PERSON: &str = "urn:altinn:person:identifier-no:08844397713";
    const COMPANY: &str = "urn:altinn:organization:identifier-no:310923044";

    #[test]
    fn a_request_is_that_of_the_profile() {
        let about = about(PERSON, COMPANY, "some-service", PlatformIds::default());
        let questions = [
            question("read", "main"),
            question("read", "urn:altinn:resource:app_ttd_x"),
            question("sign", "main"),
        ];
        let attribute = |id: &str, value: &str| json!({ "AttributeId": id, "Value": value });
        let party = attribute("urn:altinn:organization:identifier-no", "310923044");
        assert_eq!(
            serde_json::to_value(Envelope::new(&about, &questions)).unwrap(),
            json!({ "Request": {
                "AccessSubject": [
                    { "Id": "s1", "Attribute": [attribute("urn:altinn:person:identifier-no", "08844397713")] },
                ],
                "Action": [
                    { "Id": "a1", "Attribute": [attribute(ACTION, "read")] },
                    { "Id": "a2", "Attribute": [attribute(ACTION, "sign")] },
                ],
                "Resource": [
                    { "Id": "r1", "Attribute": [
                        attribute("urn:altinn:resource", "some-service"),
                        attribute("urn:altinn:resource:instance-id", DIALOG),
                        attribute("urn:altinn:subresource", "main"),
                        party.clone(),
                    ] },
                    { "Id": "r2", "Attribute": [
                        attribute("urn:altinn:app", "x"), attribute("urn:altinn:org", "ttd"), party,
                    ] },
                ],
                "MultiRequests": { "RequestReference": [
                    { "ReferenceId": ["s1", "r1", "a1"] },
                    { "ReferenceId": ["s1", "r2", "a1"] },
                    { "ReferenceId": ["s1", "r1", "a2"] },
                ] },
            } })
        );
    }

    #[test]
    fn who_asks_and_for_whom_is_said_as_the_token_said_it() {
        let email = "urn:altinn:person:idporten-email:a@b.no";
        let system = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
        let ids = PlatformIds { user_id: Some(7), party_id: Some(8), party_uuid: None };
        for (user, party, ids, expected_user, expected_party) in [
            (PERSON, PERSON, PlatformIds::default(), PERSON, PERSON),
            (system, COMPANY, PlatformIds::default(), system, COMPANY),
            (PERSON, PERSON, ids.clone(), "urn:altinn:userid:7", PERSON),
            (email, email, ids.clone(), "urn:altinn:userid:7", "urn:altinn:partyid:8"),
            (email, COMPANY, ids, "urn:altinn:userid:7", COMPANY),
        ] {
            let envelope = Envelope::new(&about(user, party, "x", ids), &[question("read", "main")]);
            let question = envelope.request.questions().next().unwrap().unwrap();
            let joined = |(namespace, id)| format!("{namespace}:{id}");
            assert_eq!(joined(question.user), expected_user);
            assert_eq!(joined(question.party), expected_party);
        }
    }

    #[test]
    fn every_form_of_attribute_is_understood_again() {
        for (resource, attribute, expected, instance, part) in [
            ("some-service", "main", "some-service", DIALOG, "main"),
            ("some-service", "element1", "some-service", DIALOG, "element1"),
            ("some-service", "urn:altinn:subresource:x", "some-service", DIALOG, "x"),
            ("some-service", "urn:altinn:task:Task_1", "some-service", DIALOG, "urn:altinn:task:Task_1"),
            ("some-service", "urn:altinn:resource:other", "other", "", "main"),
            ("some-service", "URN:Altinn:Resource:Other", "other", "", "main"),
            ("some-service", "urn:altinn:resource:app_ttd_a_b", "app_ttd_a_b", "", "main"),
            ("app_ttd_x", "main", "app_ttd_x", DIALOG, "main"),
            ("app_x", "main", "app_x", DIALOG, "main"),
            ("some-service", "trailing:", "some-service", DIALOG, "trailing:"),
        ] {
            let about = about(PERSON, COMPANY, resource, PlatformIds::default());
            let envelope = Envelope::new(&about, &[question("read", attribute)]);
            let question = envelope.request.questions().next().unwrap().unwrap();
            assert_eq!(
                (question.resource.as_str(), question.instance, question.part.as_str()),
                (expected, instance, part),
                "{attribute}"
            );
        }
    }
}
