//! Bodies of requests.

use std::fmt::Write;

use dialogporten::clock::Ids;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service::Service;

/// The service of most dialogs.
pub const RESOURCE: &str = "urn:altinn:resource:ttd-dialogporten-automated-tests";
/// Another service of the same owner.
pub const RESOURCE_2: &str = "urn:altinn:resource:ttd-dialogporten-automated-tests-2";
/// A service for Altinn Correspondence.
pub const CORRESPONDENCE: &str = "urn:altinn:resource:ttd-dialogporten-automated-tests-correspondence";
/// A service that demands login at level 4.
pub const LEVEL_FOUR: &str = "urn:altinn:resource:ttd-dialogporten-transmissions-test";
/// A service to which nobody has access.
pub const EVENTS: &str = "urn:altinn:resource:ttd-altinn-events-automated-tests";
/// A service that demands no level.
pub const DEMO_NOTICE: &str = "urn:altinn:resource:ttd-demo-notice";
/// A service of the owner `brg`.
pub const OTHER_OWNERS: &str = "urn:altinn:resource:brg-dialogporten-automated-tests";
/// Number of the person to whom most dialogs belong.
pub const PERSON_NUMBER: &str = "08844397713";
/// The person to whom most dialogs belong.
pub const PERSON: &str = "urn:altinn:person:identifier-no:08844397713";
/// A person who has nothing to do with that one.
pub const OTHER_PERSON: &str = "urn:altinn:person:identifier-no:13838599936";

const MARKDOWN_EMBED: &str = "application/vnd.dialogporten.frontchannelembed-url;type=text/markdown";

/// Changes of a body, by JSON Pointer.
pub trait Edit {
    /// With this value at `pointer`; what is missing on the way is made, `-` is the end of a list.
    #[must_use]
    fn with(self, pointer: &str, value: impl Into<Value>) -> Value;

    /// Without what is at `pointer`.
    #[must_use]
    fn without(self, pointer: &str) -> Value;
}

impl Edit for Value {
    fn with(mut self, pointer: &str, value: impl Into<Value>) -> Value {
        let mut at = &mut self;
        for token in pointer.split('/').skip(1) {
            if at.is_null() {
                *at = if token == "-" || token == "0" { json!([]) } else { json!({}) };
            }
            at = match at {
                Value::Array(items) => {
                    let index = token.parse().unwrap_or(items.len());
                    if index == items.len() {
                        items.push(Value::Null);
                    }
                    &mut items[index]
                }
                other => &mut other[token],
            };
        }
        *at = value.into();
        self
    }

    fn without(mut self, pointer: &str) -> Value {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        match self.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.remove(name).expect("the member to remove")),
            Some(Value::Array(items)) => drop(items.remove(name.parse().expect("an index"))),
            _ => panic!("there is nothing at {parent}"),
        }
        self
    }
}

/// Texts by language.
pub fn localized(texts: &[(&str, &str)]) -> Value {
    texts.iter().map(|(code, value)| json!({ "languageCode": code, "value": value })).collect()
}

/// A text in one language.
pub fn text(value: &str) -> Value {
    localized(&[("nb", value)])
}

/// Content in one language.
pub fn texts(value: &str) -> Value {
    json!({ "value": text(value) })
}

/// Content that is a link to an embed.
pub fn embed(url: &str) -> Value {
    json!({ "mediaType": MARKDOWN_EMBED, "value": text(url) })
}

/// The least that makes a dialog.
pub fn dialog() -> Value {
    json!({ "serviceResource": RESOURCE, "party": PERSON, "content": { "title": texts("Søknad om støtte") } })
}

/// A dialog with one part of each kind and all content, without ids, so that it can be created again
/// and again.
pub fn one_of_each() -> Value {
    dialog()
        .with("/content/nonSensitiveTitle", texts("Brev"))
        .with("/content/summary", texts("Sammendrag"))
        .with("/content/nonSensitiveSummary", texts("Et brev"))
        .with("/content/senderName", texts("Etaten"))
        .with("/content/additionalInfo", texts("Mer om saken"))
        .with("/content/extendedStatus", texts("Venter"))
        .with("/content/mainContentReference", embed("https://example.com/embed"))
        .with("/searchTags", json!([{ "value": "havneavgift" }]))
        .with("/serviceOwnerContext/serviceOwnerLabels", json!([{ "value": "label" }]))
        .with("/attachments", json!([attachment()]))
        .with(
            "/guiActions",
            json!([{
                "action": "read",
                "url": "https://example.com/open",
                "priority": "Primary",
                "title": text("Åpne"),
                "prompt": text("Sikker?"),
            }]),
        )
        .with(
            "/apiActions",
            json!([{
                "action": "write",
                "name": "submit",
                "endpoints": [{ "url": "https://example.com/v1", "httpMethod": "POST", "version": "v1" }],
            }]),
        )
        .with(
            "/transmissions",
            json!([{
                "type": "Information",
                "sender": { "actorType": "ServiceOwner" },
                "content": {
                    "title": texts("Brev fra oss"),
                    "summary": texts("Vi trenger mer"),
                    "contentReference": embed("https://example.com/letter"),
                },
                "attachments": [attachment()],
                "navigationalActions": [{ "title": text("Gå videre"), "url": "https://example.com/next" }],
            }]),
        )
        .with(
            "/activities",
            json!([{
                "type": "Information",
                "performedBy": { "actorType": "PartyRepresentative", "actorName": "Kari Nordmann" },
                "description": text("Ringte oss"),
            }]),
        )
}

fn attachment() -> Value {
    json!({
        "displayName": text("Vedtaksbrev"),
        "name": "decision.pdf",
        "urls": [{ "url": "https://example.com/a.pdf", "mediaType": "application/pdf", "consumerType": "Gui" }],
    })
}

/// The key under which a failure at this JSON Pointer of a dialog is reported.
pub fn key_of(pointer: &str) -> String {
    let mut key = "dto".to_owned();
    for token in pointer.split('/').skip(1) {
        match token.parse::<usize>() {
            Ok(index) => write!(key, "[{index}]"),
            Err(_) => write!(key, ".{token}"),
        }
        .expect("a text can be written to");
    }
    key
}

/// A dialog that has everything, all ids included, which are in the order of the lists.
pub fn full_dialog(service: &Service) -> Value {
    let ids = &mut service.clock.ids(service.now());
    let (id, first) = (ids.next_id(), ids.next_id());
    json!({
        "id": id,
        "idempotentKey": service.unique(),
        "serviceResource": RESOURCE,
        "party": PERSON,
        "progress": 42,
        "extendedStatus": "awaiting-signature",
        "externalReference": service.unique(),
        "dueAt": service.in_seconds(86_400),
        "process": format!("urn:test:{}", service.unique()),
        "precedingProcess": "urn:test:before",
        "expiresAt": service.in_seconds(172_800),
        "isApiOnly": false,
        "createdAt": service.in_seconds(-7_200),
        "updatedAt": service.in_seconds(-3_600),
        "status": "InProgress",
        "systemLabel": "Archive",
        "serviceOwnerContext": { "serviceOwnerLabels": [{ "value": "Zebra" }, { "value": "archive-2031" }] },
        "content": full_content(),
        "searchTags": [{ "value": "Havneavgift" }, { "value": "skip 42" }],
        "attachments": full_attachments(service, ids),
        "transmissions": full_transmissions(service, ids, first),
        "guiActions": full_gui_actions(ids),
        "apiActions": full_api_actions(service, ids),
        "activities": full_activities(service, ids, first),
    })
}

fn full_content() -> Value {
    let plain = |texts: &[(&str, &str)]| json!({ "value": localized(texts), "mediaType": "text/plain" });
    let links = [("nb", "https://example.com/nb"), ("en", "https://example.com/en")];
    json!({
        "title": plain(&[("nn", "Tittel på nynorsk"), ("nb", "Tittel"), ("en", "Title")]),
        "nonSensitiveTitle": plain(&[("nb", "Brev")]),
        "summary": plain(&[("en", "Summary"), ("nb", "Sammendrag")]),
        "nonSensitiveSummary": plain(&[("nb", "Et brev")]),
        "senderName": plain(&[("nb", "Etaten <for> «alt» & mer")]),
        "additionalInfo": { "value": text("**Mer** om saken"), "mediaType": "text/markdown" },
        "extendedStatus": plain(&[("nb", "Venter på signatur")]),
        "mainContentReference": { "value": localized(&links), "mediaType": MARKDOWN_EMBED },
    })
}

fn full_attachments(service: &Service, ids: &mut Ids) -> Value {
    json!([
        {
            "id": ids.next_id(),
            "displayName": localized(&[("nb", "Vedtaksbrev"), ("en", "Decision")]),
            "name": "decision.pdf",
            "urls": [
                {
                    "id": ids.next_id(),
                    "url": "https://example.com/decision.pdf",
                    "mediaType": "application/pdf",
                    "consumerType": "Gui",
                },
                { "id": ids.next_id(), "url": "https://example.com/decision.json", "consumerType": "Api" },
            ],
            "expiresAt": service.in_seconds(7_200),
        },
        {
            "id": ids.next_id(),
            "urls": [{ "id": ids.next_id(), "url": "https://example.com/data", "consumerType": "Api" }],
        },
    ])
}

fn full_transmissions(service: &Service, ids: &mut Ids, first: Uuid) -> Value {
    let plain = |value: &str| json!({ "value": text(value), "mediaType": "text/plain" });
    json!([
        {
            "id": first,
            "idempotentKey": "first",
            "createdAt": service.in_seconds(-7_000),
            "authorizationAttribute": "element1",
            "extendedType": "urn:test:letter",
            "externalReference": "letter-1",
            "type": "Information",
            "sender": { "actorType": "ServiceOwner" },
            "content": {
                "title": plain("Brev fra oss"),
                "summary": plain("Vi trenger mer"),
                "contentReference": embed("https://example.com/letter"),
            },
            "attachments": [{
                "id": ids.next_id(),
                "displayName": text("Skjema"),
                "name": "form.pdf",
                "urls": [{ "url": "https://example.com/form.pdf", "mediaType": "application/pdf", "consumerType": "Gui" }],
                "expiresAt": service.in_seconds(7_200),
            }],
            "navigationalActions": [{
                "title": text("Gå videre"),
                "url": "https://example.com/next",
                "expiresAt": service.in_seconds(7_200),
            }],
        },
        {
            "id": ids.next_id(),
            "createdAt": service.in_seconds(-6_000),
            "relatedTransmissionId": first,
            "type": "Submission",
            "sender": { "actorType": "PartyRepresentative", "actorId": PERSON },
            "content": { "title": plain("Svar") },
        },
    ])
}

fn full_gui_actions(ids: &mut Ids) -> Value {
    json!([
        {
            "id": ids.next_id(),
            "action": "read",
            "url": "https://example.com/open",
            "isDeleteDialogAction": false,
            "httpMethod": "GET",
            "priority": "Primary",
            "title": text("Åpne"),
        },
        {
            "id": ids.next_id(),
            "action": "write",
            "url": "https://example.com/delete",
            "authorizationAttribute": "element1",
            "isDeleteDialogAction": true,
            "httpMethod": "DELETE",
            "priority": "Secondary",
            "title": text("Slett"),
            "prompt": localized(&[("nb", "Sikker?"), ("en", "Sure?")]),
        },
    ])
}

fn full_api_actions(service: &Service, ids: &mut Ids) -> Value {
    json!([{
        "id": ids.next_id(),
        "action": "some_unauthorized_action",
        "name": "submit",
        "authorizationAttribute": "urn:altinn:task:Task_1",
        "endpoints": [
            {
                "id": ids.next_id(),
                "version": "v1",
                "url": "https://example.com/v1",
                "httpMethod": "POST",
                "documentationUrl": "https://example.com/docs",
                "requestSchema": "/schemas/request.json",
                "responseSchema": "https://example.com/schemas/response.json",
                "deprecated": true,
                "sunsetAt": service.in_seconds(864_000),
            },
            { "id": ids.next_id(), "url": "https://example.com/v2", "httpMethod": "PUT" },
        ],
    }])
}

fn full_activities(service: &Service, ids: &mut Ids, opened: Uuid) -> Value {
    json!([
        {
            "id": ids.next_id(),
            "createdAt": service.in_seconds(-7_200),
            "extendedType": "urn:test:begun",
            "type": "DialogCreated",
            "performedBy": { "actorType": "ServiceOwner" },
        },
        {
            "id": ids.next_id(),
            "createdAt": service.in_seconds(-7_100),
            "type": "Information",
            "performedBy": { "actorType": "PartyRepresentative", "actorName": "Kari Nordmann" },
            "description": localized(&[("nb", "Ringte oss"), ("en", "Called us")]),
        },
        {
            "id": ids.next_id(),
            "createdAt": service.in_seconds(-6_900),
            "type": "TransmissionOpened",
            "transmissionId": opened,
            "performedBy": { "actorType": "PartyRepresentative", "actorId": PERSON },
        },
    ])
}

/// The body that puts a dialog back as it was read: all of it, but for the lists that only grow.
pub fn put_body(read: &Value) -> Value {
    read.clone().with("/transmissions", json!([])).with("/activities", json!([]))
}
