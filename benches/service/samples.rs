//! What is sent: a dialog as agencies write them, in three languages.

use dialogporten::dialog::party::{PartyKind, is_person_number};
use serde_json::{Value, json};

/// How many parties the dialogs belong to.
pub const PARTIES: usize = 1_000;

/// Synthetic persons: their numbers have 80 added to the month.
pub fn parties() -> Vec<String> {
    let births = (0..).map(|i: u32| {
        format!("{:02}{:02}{:02}{:03}", 1 + i % 28, 81 + i / 28 % 12, i / 336 % 100, 100 + i / 33_600)
    });
    let numbers = births.filter_map(|birth| {
        (0..100).map(|check| format!("{birth}{check:02}")).find(|number| is_person_number(number))
    });
    numbers.take(PARTIES).map(|number| format!("{}:{number}", PartyKind::Person.prefix())).collect()
}

fn texts(nb: &str, nn: &str, en: &str) -> Value {
    json!([
        { "languageCode": "nb", "value": nb },
        { "languageCode": "nn", "value": nn },
        { "languageCode": "en", "value": en },
    ])
}

fn content(nb: &str, nn: &str, en: &str) -> Value {
    json!({ "mediaType": "text/plain", "value": texts(nb, nn, en) })
}

/// A dialog with 2 transmissions, 2 activities, 3 GUI actions and 1 attachment.
pub fn dialog(party: &str) -> Value {
    json!({
        "serviceResource": "urn:altinn:resource:ttd-dialogporten-automated-tests",
        "party": party,
        "status": "RequiresAttention",
        "externalReference": "2026/004711",
        "content": {
            "title": content(
                "Søknad om serveringsbevilling",
                "Søknad om serveringsløyve",
                "Application for a licence to serve food",
            ),
            "summary": content(
                "Vi trenger flere opplysninger før vi kan behandle søknaden din. Fristen er tre uker.",
                "Vi treng fleire opplysningar før vi kan behandle søknaden din. Fristen er tre veker.",
                "We need more information before we can process your application. You have three weeks.",
            ),
        },
        "attachments": [{
            "displayName": texts("Kopi av søknaden", "Kopi av søknaden", "Copy of the application"),
            "urls": [{
                "url": "https://www.example.com/cases/2026-004711/application.pdf",
                "mediaType": "application/pdf",
                "consumerType": "Gui",
            }],
        }],
        "guiActions": [
            {
                "action": "write",
                "url": "https://www.example.com/cases/2026-004711/continue",
                "priority": "Primary",
                "title": texts("Send opplysninger", "Send opplysningar", "Send information"),
            },
            {
                "action": "read",
                "url": "https://www.example.com/cases/2026-004711",
                "priority": "Secondary",
                "title": texts("Se saken", "Sjå saka", "Show the case"),
            },
            {
                "action": "write",
                "url": "https://www.example.com/cases/2026-004711/withdraw",
                "priority": "Tertiary",
                "httpMethod": "POST",
                "isDeleteDialogAction": true,
                "title": texts("Trekk søknaden", "Trekk søknaden", "Withdraw the application"),
            },
        ],
        "transmissions": [transmission("Information"), transmission("Request")],
        "activities": [
            { "type": "DialogCreated", "performedBy": { "actorType": "ServiceOwner" } },
            activity(),
        ],
    })
}

/// A transmission of this type.
pub fn transmission(kind: &str) -> Value {
    json!({
        "type": kind,
        "sender": { "actorType": "ServiceOwner" },
        "content": {
            "title": content("Opplysninger i saken", "Opplysningar i saka", "Information in the case"),
            "summary": content(
                "Dette gjelder opplysningene om lokalet og om den som er ansvarlig for driften.",
                "Dette gjeld opplysningane om lokalet og om den som er ansvarleg for drifta.",
                "This is about the premises and the person who is responsible for running them.",
            ),
        },
    })
}

/// An activity.
pub fn activity() -> Value {
    json!({
        "type": "Information",
        "performedBy": { "actorType": "ServiceOwner" },
        "description": texts(
            "Søknaden er fordelt til en saksbehandler.",
            "Søknaden er fordelt til ein saksbehandlar.",
            "The application was given to a case worker.",
        ),
    })
}

/// A JSON Patch of the status.
pub fn status(status: &str) -> Value {
    json!([{ "op": "replace", "path": "/status", "value": status }])
}
