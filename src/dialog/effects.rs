//! What a change of each member does to a dialog: the table behind `docs/effects-of-updates.md`,
//! and the test that holds the rules against it.

use std::fmt::Write;

/// What follows from a change of one member by PUT or PATCH.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// The member.
    pub member: &'static str,
    /// A patch that changes it, in the dialog of the test.
    pub example: &'static str,
    /// Whether it is content: then `contentUpdatedAt` moves and the dialog counts as unseen.
    pub is_content: bool,
    /// The events besides the one that the dialog was updated.
    pub event: Option<&'static str>,
}

const fn content(member: &'static str, example: &'static str) -> Effect {
    Effect { member, example, is_content: true, event: None }
}

const fn other(member: &'static str, example: &'static str) -> Effect {
    Effect { member, example, is_content: false, event: None }
}

/// Every member of the body of PUT.
pub const EFFECTS: &[Effect] = &[
    content("status", r#"[{"op":"replace","path":"/status","value":"Completed"}]"#),
    content("extendedStatus", r#"[{"op":"replace","path":"/extendedStatus","value":"new"}]"#),
    content("content.title", r#"[{"op":"replace","path":"/content/title/value/0/value","value":"new"}]"#),
    content("content.nonSensitiveTitle", r#"[{"op":"remove","path":"/content/nonSensitiveTitle"}]"#),
    content(
        "content.summary",
        r#"[{"op":"replace","path":"/content/summary/value/0/languageCode","value":"nn"}]"#,
    ),
    content(
        "content.nonSensitiveSummary",
        r#"[{"op":"copy","from":"/content/title","path":"/content/nonSensitiveSummary"}]"#,
    ),
    content("content.senderName", r#"[{"op":"copy","from":"/content/title","path":"/content/senderName"}]"#),
    content(
        "content.additionalInfo",
        r#"[{"op":"replace","path":"/content/additionalInfo/mediaType","value":"text/plain"}]"#,
    ),
    content(
        "content.extendedStatus",
        r#"[{"op":"copy","from":"/content/title","path":"/content/extendedStatus"}]"#,
    ),
    content(
        "content.mainContentReference",
        r#"[{"op":"add","path":"/content/mainContentReference","value":{"mediaType":"application/vnd.dialogporten.frontchannelembed-url;type=text/markdown","value":[{"languageCode":"nb","value":"https://example.com/embed"}]}}]"#,
    ),
    content(
        "attachments",
        r#"[{"op":"replace","path":"/attachments/0/urls/0/url","value":"https://example.com/new"}]"#,
    ),
    content("guiActions", r#"[{"op":"replace","path":"/guiActions/0/title/0/value","value":"new"}]"#),
    content("apiActions", r#"[{"op":"replace","path":"/apiActions/0/endpoints/0/deprecated","value":true}]"#),
    Effect {
        member: "transmissions",
        example: r#"[{"op":"add","path":"/transmissions/-","value":{"type":"Information","sender":{"actorType":"ServiceOwner"},"content":{"title":{"value":[{"languageCode":"nb","value":"new"}]}}}}]"#,
        is_content: true,
        event: Some("one for each transmission"),
    },
    Effect {
        member: "activities",
        example: r#"[{"op":"add","path":"/activities/-","value":{"type":"DialogOpened","performedBy":{"actorType":"ServiceOwner"}}}]"#,
        is_content: false,
        event: Some("one for each activity"),
    },
    other("progress", r#"[{"op":"replace","path":"/progress","value":70}]"#),
    other("externalReference", r#"[{"op":"replace","path":"/externalReference","value":"new"}]"#),
    other("dueAt", r#"[{"op":"replace","path":"/dueAt","value":"2041-01-01T00:00:00Z"}]"#),
    other("expiresAt", r#"[{"op":"remove","path":"/expiresAt"}]"#),
    other("process", r#"[{"op":"replace","path":"/process","value":"urn:process:new"}]"#),
    other("precedingProcess", r#"[{"op":"add","path":"/precedingProcess","value":"urn:process:0"}]"#),
    other("isApiOnly", r#"[{"op":"replace","path":"/isApiOnly","value":true}]"#),
    other("searchTags", r#"[{"op":"add","path":"/searchTags/-","value":{"value":"new tag"}}]"#),
];

/// The table as documentation, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Effects of updates\n\n\
         What a change of each member by `PUT` or `PATCH` does, as long as the dialog is visible. A request \
         that changes nothing changes none of these and tells nothing. With `isSilentUpdate=true` only the \
         revision is renewed.\n\n\
         | member | revision | updatedAt | contentUpdatedAt, unseen | events | back to the inbox |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for effect in EFFECTS {
        let content = if effect.is_content { "yes" } else { "no" };
        let events = effect.event.map_or_else(String::new, |event| format!(", {event}"));
        let _ =
            writeln!(out, "| `{}` | yes | yes | {content} | dialog updated{events} | yes |", effect.member);
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::clock::Clock;
    use crate::dialog::create::{self, ResourceFacts, SeenElsewhere};
    use crate::dialog::events::Event;
    use crate::dialog::model::Dialog;
    use crate::dialog::update::{self, Mode};
    use crate::dialog::validate::Writer;
    use crate::dialog::vocabulary::SystemLabel;
    use crate::dialog::write::{Change, Known, Outside};
    use crate::dialog::{input, patch};
    use crate::json::{camel_case, parse};
    use crate::timestamp::Timestamp;

    const CREATED: &str = r#"{
        "serviceResource": "urn:altinn:resource:some-service",
        "party": "urn:altinn:person:identifier-no:08844397713",
        "status": "InProgress", "extendedStatus": "old", "externalReference": "old", "progress": 50,
        "process": "urn:process:1", "dueAt": "2040-01-01T00:00:00Z", "expiresAt": "2042-01-01T00:00:00Z",
        "systemLabel": "Bin", "searchTags": [{"value": "old tag"}],
        "content": {
            "title": {"value": [{"languageCode": "nb", "value": "t"}]},
            "nonSensitiveTitle": {"value": [{"languageCode": "nb", "value": "t"}]},
            "summary": {"value": [{"languageCode": "nb", "value": "s"}]},
            "additionalInfo": {"mediaType": "text/markdown", "value": [{"languageCode": "nb", "value": "i"}]}
        },
        "attachments": [{"urls": [{"url": "https://example.com/a", "consumerType": "Gui"}]}],
        "guiActions": [{"action": "read", "url": "https://example.com/g", "priority": "Primary",
            "title": [{"languageCode": "nb", "value": "g"}]}],
        "apiActions": [{"action": "read", "endpoints": [{"url": "https://example.com/e", "httpMethod": "GET"}]}]
    }"#;

    /// A dialog that has something of everything that can be changed.
    pub fn stored(now: Timestamp) -> Dialog {
        let mut ids = Clock::fixed(now).ids(now);
        let body = parse(CREATED.as_bytes()).unwrap();
        let draft = create::read(&body, false, Writer::default(), now, &mut ids).unwrap();
        let resource =
            ResourceFacts { resource_type: "genericaccessresource".into(), owner_code: "ttd".into() };
        let mut dialog = draft
            .decide(Some(resource), &Outside::default(), SeenElsewhere::default(), &mut ids)
            .unwrap()
            .dialog;
        dialog.is_seen = true;
        dialog
    }

    fn change(stored: &Dialog, operations: &str, silent: bool, now: Timestamp) -> Option<Change> {
        let mut ids = Clock::fixed(now).ids(now);
        let body = patch::apply(&parse(operations.as_bytes()).unwrap(), stored).unwrap();
        let mode = Mode { silent, writer: Writer::default(), now };
        let outside = Outside { unowned: Vec::new(), names: HashMap::new() };
        update::read(&body, stored, mode, &mut ids)
            .unwrap()
            .decide(&Known::default(), &outside, &mut ids)
            .unwrap()
    }

    #[test]
    fn every_member_has_exactly_its_effect() {
        let created = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let now = created.plus_seconds(60);
        let stored = stored(created);
        for Effect { member, example, is_content, event } in EFFECTS.iter().copied() {
            let change = change(&stored, example, false, now).expect(member);
            assert_ne!(change.dialog.revision, stored.revision, "{member}");
            assert_eq!(change.dialog.updated_at, now, "{member}");
            assert_eq!(change.dialog.content_updated_at, if is_content { now } else { created }, "{member}");
            assert_eq!(change.reset_seen, is_content, "{member}");
            assert!(change.labels.apply(stored.system_labels).contains(SystemLabel::Default), "{member}");
            let events = change.events.expect(member);
            assert!(!events.silent && matches!(events.events[0], Event::DialogUpdated { .. }), "{member}");
            assert_eq!(events.events.len(), 1 + usize::from(event.is_some()), "{member}");

            let silent = super::tests::change(&stored, example, true, now).expect(member);
            assert_ne!(silent.dialog.revision, stored.revision, "{member}");
            assert_eq!(silent.dialog.updated_at, created, "{member}");
            assert_eq!(silent.dialog.content_updated_at, created, "{member}");
            assert!(!silent.reset_seen, "{member}");
            assert!(silent.labels.apply(stored.system_labels).contains(SystemLabel::Bin), "{member}");
            let events = silent.events.expect(member);
            assert!(events.silent && events.events.len() == 1, "{member}");
        }
    }

    #[test]
    fn changing_nothing_does_nothing_but_empty_the_bin() {
        let now = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let stored = stored(now);
        assert!(change(&stored, "[]", true, now.plus_seconds(1)).is_none());
        let relabelled = change(&stored, "[]", false, now.plus_seconds(1)).unwrap();
        assert_eq!(relabelled.dialog.revision, stored.revision);
        assert!(relabelled.events.is_some_and(|told| told.silent && told.events.is_empty()));
        let mut in_inbox = stored;
        in_inbox.system_labels = relabelled.labels.apply(in_inbox.system_labels);
        assert!(change(&in_inbox, "[]", false, now.plus_seconds(1)).is_none());
    }

    #[test]
    fn the_table_is_complete() {
        let members = input::UpdateDialog::MEMBERS.iter().filter(|(member, _)| *member != "content");
        let texts =
            input::ContentInput::MEMBERS.iter().map(|(member, _)| format!("content.{}", camel_case(member)));
        for member in members.map(|(member, _)| camel_case(member)).chain(texts) {
            assert!(EFFECTS.iter().any(|effect| effect.member == member), "{member}");
        }
    }

    #[test]
    fn the_documentation_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/effects-of-updates.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(written, reference(), "write it anew: dialogporten docs");
    }
}
