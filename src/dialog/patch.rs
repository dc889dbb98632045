//! JSON Patch (RFC 6902) on the document that PUT takes.

use serde_json::{Map, Value, json};

use super::input;
use super::limits;
use super::model::{Attachment, ContentValue, Dialog, Localizations};
use super::refusal::Refusal;
use crate::json::{Absent, Failures, Json, camel_case};

/// Deepest nesting of the patched document.
const MAX_DEPTH: usize = 64;

/// Lists to which a patch can only add.
const APPEND_ONLY: [&str; 2] = ["transmissions", "activities"];

/// Applies a patch to the dialog as PUT would take it, all operations or none.
///
/// The document has every member of [`input::UpdateDialog`], `null` and empty ones too, texts in
/// order of their language, and no transmissions and activities: those can only be added.
///
/// # Errors
/// [`Refusal::Invalid`] naming each operation that is wrong, as its position and its path.
pub fn apply(patch: &Json, stored: &Dialog) -> Result<Json, Refusal> {
    let operations = read_operations(patch)?;
    let mut document = document(stored);
    let mut size = size_of(&document);
    for operation in operations {
        if let Err(text) = operation.apply(&mut document, &mut size) {
            // What follows may depend on what this one should have done.
            return Err(Refusal::Invalid(Failures::one(&operation.key(), text)));
        }
    }
    Ok(Json::from(document))
}

/// Says of each operation what is wrong with it whatever the dialog is.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn check(patch: &Json) -> Result<(), Refusal> {
    read_operations(patch).map(drop)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

impl Verb {
    const ALL: [(Verb, &'static str); 6] = [
        (Verb::Add, "add"),
        (Verb::Remove, "remove"),
        (Verb::Replace, "replace"),
        (Verb::Move, "move"),
        (Verb::Copy, "copy"),
        (Verb::Test, "test"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(verb, _)| *verb == self).map_or("", |(_, name)| name)
    }
}

struct Operation {
    index: usize,
    verb: Verb,
    path: String,
    from: String,
    value: Value,
}

/// All operations. Says of each what is wrong with it whatever the document is.
fn read_operations(patch: &Json) -> Result<Vec<Operation>, Refusal> {
    let refused = |text: String| Err(Refusal::Invalid(Failures::one("SerializerErrors", text)));
    let Json::List(items) = patch else {
        return refused("The body must be a JSON Patch document, a list of operations (RFC 6902).".into());
    };
    if items.len() > limits::PATCH_OPERATIONS {
        let most = limits::PATCH_OPERATIONS;
        return refused(format!("A patch must have at most {most} operations; got {}.", items.len()));
    }
    let mut failures = Failures::new();
    let text = |item: &Json, name: &str| match item.member(name) {
        Some(Json::String(text)) => Some(text.clone()),
        _ => None,
    };
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = text(item, "path");
        let key = format!("[{index}]{}", path.as_deref().unwrap_or_default());
        let verb = text(item, "op").and_then(|op| {
            Verb::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(&op)).map(|(verb, _)| *verb)
        });
        let (Some(verb), Some(path)) = (verb, path) else {
            failures.add_key(
                &key,
                "must be an object with op (add, remove, replace, move, copy or test) and path.",
            );
            continue;
        };
        let from = text(item, "from");
        if matches!(verb, Verb::Move | Verb::Copy) && from.is_none() {
            failures.add_key(&key, format!("{} needs from.", verb.name()));
        }
        let value = item.member("value");
        if matches!(verb, Verb::Add | Verb::Replace | Verb::Test) && value.is_none() {
            failures.add_key(&key, format!("{} needs value.", verb.name()));
        }
        let operation = Operation {
            index,
            verb,
            path,
            from: from.unwrap_or_default(),
            value: value.map_or(Value::Null, to_value),
        };
        for text in operation.refused() {
            failures.add_key(&key, text);
        }
        operations.push(operation);
    }
    failures.into_result().map_err(Refusal::Invalid)?;
    Ok(operations)
}

impl Operation {
    fn key(&self) -> String {
        format!("[{}]{}", self.index, self.path)
    }

    /// Reads from and writes to members that this operation may not touch.
    fn refused(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let moves = self.verb == Verb::Move;
        let reads_from = matches!(self.verb, Verb::Move | Verb::Copy);
        let pointers = [(true, Some(&self.path)), (false, reads_from.then_some(&self.from))];
        for (target, pointer) in pointers {
            let Some(pointer) = pointer else { continue };
            match tokens(pointer).as_deref() {
                None => texts.push(format!("{pointer} is not a JSON Pointer (RFC 6901).")),
                Some([]) => texts.push("The document as a whole cannot be patched; name a member.".into()),
                Some([root, ..]) => {
                    let Some((root, _)) = known(root, &[input::UpdateDialog::MEMBERS]) else {
                        texts.push(format!("{root} is not a member that can be patched."));
                        continue;
                    };
                    let changes = match self.verb {
                        Verb::Replace | Verb::Remove => target,
                        Verb::Move => moves,
                        Verb::Add | Verb::Copy | Verb::Test => false,
                    };
                    if changes && APPEND_ONLY.contains(&root.as_str()) {
                        texts.push(format!(
                            "{root} never change: {} is not possible; add new ones to /{root}/-.",
                            self.verb.name()
                        ));
                    }
                }
            }
        }
        texts
    }

    fn apply(&self, document: &mut Value, size: &mut usize) -> Result<(), String> {
        let (path, exists) = resolve(document, &self.path)?;
        let value = match self.verb {
            Verb::Copy | Verb::Move => {
                let (from, _) = resolve(document, &self.from)?;
                let found = document.pointer(&from).ok_or_else(|| format!("There is nothing at {from}."))?;
                bound(&path, found, size)?;
                let name = self.verb.name();
                json!({ "op": name, "path": path, "from": from })
            }
            Verb::Remove if !exists => return Ok(()),
            Verb::Remove => json!({ "op": "remove", "path": path }),
            // A member that is absent is one that has no value; giving it one is no mistake.
            verb => {
                bound(&path, &self.value, size)?;
                let name = if verb == Verb::Replace && !exists { "add" } else { verb.name() };
                json!({ "op": name, "path": path, "value": self.value })
            }
        };
        let operation: json_patch::PatchOperation =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        json_patch::patch(document, &[operation]).map_err(|error| sentence(&error.kind))?;
        let emptied = match self.verb {
            Verb::Remove => &self.path,
            Verb::Move => &self.from,
            Verb::Add | Verb::Replace | Verb::Copy | Verb::Test => return Ok(()),
        };
        // A member that is taken away is empty from then on. A move may have put something else there.
        let _ = resolve(document, emptied);
        Ok(())
    }
}

fn sentence(kind: &json_patch::PatchErrorKind) -> String {
    use json_patch::PatchErrorKind as Kind;
    match kind {
        Kind::TestFailed => "The value is another than the one tested for.".into(),
        Kind::InvalidPointer => "There is nothing at this path.".into(),
        Kind::InvalidFromPointer => "There is nothing at from.".into(),
        Kind::CannotMoveInsideItself => "A value cannot be moved inside itself.".into(),
        other => format!("The operation cannot be applied: {other}."),
    }
}

/// Keeps the document from growing without bound: copies can double it again and again.
fn bound(path: &str, value: &Value, size: &mut usize) -> Result<(), String> {
    *size += size_of(value);
    if *size > limits::BODY_BYTES {
        return Err(format!("The patched document would be larger than {} bytes.", limits::BODY_BYTES));
    }
    if path.matches('/').count() + depth_of(value) > MAX_DEPTH {
        return Err(format!("The patched document would be nested deeper than {MAX_DEPTH} levels."));
    }
    Ok(())
}

/// About the length of `value` as JSON.
fn size_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size_of(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(name, v)| name.len() + 4 + size_of(v)).sum::<usize>()
        }
        _ => 8,
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth_of).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The tokens of a JSON Pointer.
fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let token = |text: &str| {
        let valid = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        valid.then(|| text.replace("~1", "/").replace("~0", "~"))
    };
    pointer.strip_prefix('/')?.split('/').map(token).collect()
}

/// The members of an object, and what stands for each where it is missing.
type Members = &'static [(&'static str, Absent)];

/// Every member name inside the patched document.
const NESTED: [Members; 15] = [
    input::ContentInput::MEMBERS,
    input::ContentValueInput::MEMBERS,
    input::LocalizationInput::MEMBERS,
    input::TagInput::MEMBERS,
    input::AttachmentInput::MEMBERS,
    input::AttachmentUrlInput::MEMBERS,
    input::GuiActionInput::MEMBERS,
    input::ApiActionInput::MEMBERS,
    input::ApiActionEndpointInput::MEMBERS,
    input::TransmissionInput::MEMBERS,
    input::TransmissionContentInput::MEMBERS,
    input::TransmissionAttachmentInput::MEMBERS,
    input::NavigationalActionInput::MEMBERS,
    input::ActivityInput::MEMBERS,
    input::ActorInput::MEMBERS,
];

/// The member that `token` names without regard to case, as the document writes it, and what stands
/// for it where it is missing.
fn known(token: &str, members: &[Members]) -> Option<(String, Absent)> {
    members
        .iter()
        .flat_map(|members| members.iter())
        .map(|(name, absent)| (camel_case(name), *absent))
        .find(|(name, _)| name.eq_ignore_ascii_case(token))
}

/// The members of the object at a path of the document; positions in lists are written `*`.
fn members_at(path: &[&str]) -> Members {
    match path {
        [] => input::UpdateDialog::MEMBERS,
        ["content"] => input::ContentInput::MEMBERS,
        ["content", _] | ["transmissions", "*", "content", _] => input::ContentValueInput::MEMBERS,
        ["content", _, "value", "*"]
        | ["transmissions", "*", "content", _, "value", "*"]
        | ["attachments" | "guiActions" | "activities", "*", _, "*"]
        | ["transmissions", "*", _, "*", "displayName" | "title", "*"]
            if !matches!(path, [.., "urls", "*"]) =>
        {
            input::LocalizationInput::MEMBERS
        }
        ["searchTags", "*"] => input::TagInput::MEMBERS,
        ["attachments", "*"] => input::AttachmentInput::MEMBERS,
        ["attachments", "*", "urls", "*"] => input::AttachmentUrlInput::MEMBERS,
        ["guiActions", "*"] => input::GuiActionInput::MEMBERS,
        ["apiActions", "*"] => input::ApiActionInput::MEMBERS,
        ["apiActions", "*", "endpoints", "*"] => input::ApiActionEndpointInput::MEMBERS,
        ["transmissions", "*"] => input::TransmissionInput::MEMBERS,
        ["transmissions", "*", "content"] => input::TransmissionContentInput::MEMBERS,
        ["transmissions", "*", "sender"] | ["activities", "*", "performedBy"] => input::ActorInput::MEMBERS,
        ["transmissions", "*", "attachments", "*"] => input::TransmissionAttachmentInput::MEMBERS,
        ["transmissions", "*", "attachments", "*", "urls", "*"] => {
            input::TransmissionAttachmentUrlInput::MEMBERS
        }
        ["transmissions", "*", "navigationalActions", "*"] => input::NavigationalActionInput::MEMBERS,
        ["activities", "*"] => input::ActivityInput::MEMBERS,
        _ => &[],
    }
}

/// The pointer with member names as the document writes them, and whether something is there. Members
/// that an object lacks are filled in on the way as far as they may be empty; of the others it counts
/// that there is a place for them.
fn resolve(document: &mut Value, pointer: &str) -> Result<(String, bool), String> {
    let tokens = tokens(pointer).ok_or_else(|| format!("{pointer} is not a JSON Pointer (RFC 6901)."))?;
    let mut resolved = String::with_capacity(pointer.len());
    let mut path: Vec<String> = Vec::with_capacity(tokens.len());
    let mut at = Some(document);
    let mut is_member = false;
    for token in &tokens {
        let name = match at {
            Some(Value::Object(members)) => {
                let shape: Vec<&str> = path.iter().map(String::as_str).collect();
                let (name, absent) = known(token, &[members_at(&shape)])
                    .ok_or_else(|| format!("{token} is not a member that can be patched."))?;
                if let Some(empty) = empty(absent)
                    && !members.contains_key(&name)
                {
                    members.insert(name.clone(), empty);
                }
                is_member = true;
                at = members.get_mut(&name);
                path.push(name.clone());
                name
            }
            Some(Value::Array(items)) => {
                is_member = false;
                at = token.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                path.push("*".to_owned());
                token.clone()
            }
            _ => return Err(format!("There is nothing at {resolved}.")),
        };
        resolved.push('/');
        resolved.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    Ok((resolved, at.is_some() || !is_member))
}

fn empty(absent: Absent) -> Option<Value> {
    match absent {
        Absent::Null => Some(Value::Null),
        Absent::EmptyList => Some(json!([])),
        Absent::False => Some(json!(false)),
        Absent::Nothing => None,
    }
}

fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::List(items) => items.iter().map(to_value).collect(),
        Json::Object(members) => {
            // Members are named as the document names them, so that the last of several that differ
            // only in case wins, as everywhere; others would be ignored anyway.
            let mut object = Map::new();
            for (name, value) in members {
                if let Some((name, _)) = known(name, &NESTED) {
                    object.insert(name, to_value(value));
                }
            }
            Value::Object(object)
        }
    }
}

/// The dialog as PUT takes it, with every member present.
fn document(dialog: &Dialog) -> Value {
    let documents = &dialog.documents;
    let content = &documents.content;
    let content = content.title.is_some().then(|| {
        json!({
            "title": content_value(content.title.as_ref()),
            "nonSensitiveTitle": content_value(content.non_sensitive_title.as_ref()),
            "summary": content_value(content.summary.as_ref()),
            "nonSensitiveSummary": content_value(content.non_sensitive_summary.as_ref()),
            "senderName": content_value(content.sender_name.as_ref()),
            "additionalInfo": content_value(content.additional_info.as_ref()),
            "extendedStatus": content_value(content.extended_status.as_ref()),
            "mainContentReference": content_value(content.main_content_reference.as_ref()),
        })
    });
    let gui_actions = documents.gui_actions.iter().map(|action| {
        json!({
            "id": action.id,
            "action": action.action,
            "url": action.url,
            "authorizationAttribute": action.authorization_attribute,
            "isDeleteDialogAction": action.is_delete_dialog_action,
            "httpMethod": action.http_method,
            "priority": action.priority,
            "title": texts(&action.title),
            "prompt": texts(&action.prompt),
        })
    });
    let api_actions = documents.api_actions.iter().map(|action| {
        let endpoints = action.endpoints.iter().map(|endpoint| {
            json!({
                "id": endpoint.id,
                "version": endpoint.version,
                "url": endpoint.url,
                "httpMethod": endpoint.http_method,
                "documentationUrl": endpoint.documentation_url,
                "requestSchema": endpoint.request_schema,
                "responseSchema": endpoint.response_schema,
                "deprecated": endpoint.deprecated,
                "sunsetAt": endpoint.sunset_at,
            })
        });
        json!({
            "id": action.id,
            "action": action.action,
            "authorizationAttribute": action.authorization_attribute,
            "name": action.name,
            "endpoints": endpoints.collect::<Vec<_>>(),
        })
    });
    json!({
        "progress": dialog.progress,
        "extendedStatus": dialog.extended_status,
        "externalReference": dialog.external_reference,
        "dueAt": dialog.due_at,
        "process": dialog.process,
        "precedingProcess": dialog.preceding_process,
        "expiresAt": dialog.expires_at,
        "isApiOnly": dialog.is_api_only,
        "status": dialog.status,
        "content": content,
        "searchTags": documents.search_tags.iter().map(|tag| json!({ "value": tag })).collect::<Vec<_>>(),
        "attachments": documents.attachments.iter().map(attachment).collect::<Vec<_>>(),
        "transmissions": [],
        "guiActions": gui_actions.collect::<Vec<_>>(),
        "apiActions": api_actions.collect::<Vec<_>>(),
        "activities": [],
    })
}

fn content_value(value: Option<&ContentValue>) -> Option<Value> {
    value.map(|v| json!({ "value": texts(&v.value), "mediaType": v.media_type, "isAuthorized": null }))
}

fn texts(texts: &Localizations) -> Value {
    texts.iter().map(|text| json!({ "value": text.value, "languageCode": text.language_code })).collect()
}

fn attachment(attachment: &Attachment) -> Value {
    let urls = attachment.urls.iter().map(|url| {
        json!({
            "id": url.id,
            "url": url.url,
            "mediaType": url.media_type,
            "consumerType": url.consumer_type,
        })
    });
    json!({
        "id": attachment.id,
        "displayName": texts(&attachment.display_name),
        "name": attachment.name,
        "urls": urls.collect::<Vec<_>>(),
        "expiresAt": attachment.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::effects::tests::stored;
    use crate::json::parse;
    use crate::timestamp::Timestamp;

    fn apply(operations: &Value) -> Result<Json, Refusal> {
        let stored = stored(Timestamp::parse("2030-01-01T00:00:00Z").unwrap());
        super::apply(&parse(operations.to_string().as_bytes()).unwrap(), &stored)
    }

    #[test]
    fn what_is_removed_is_empty_from_then_on() {
        let attachment = json!({ "urls": [{ "url": "https://example.com/x", "consumerType": "Gui" }] });
        for (path, empty) in [
            ("/progress", json!(null)),
            ("/extendedStatus", json!(null)),
            ("/externalReference", json!(null)),
            ("/dueAt", json!(null)),
            ("/expiresAt", json!(null)),
            ("/process", json!(null)),
            ("/precedingProcess", json!(null)),
            ("/isApiOnly", json!(false)),
            ("/content", json!(null)),
            ("/content/summary", json!(null)),
            ("/content/title/value", json!([])),
            ("/SearchTags", json!([])),
            ("/attachments", json!([])),
            ("/attachments/0/name", json!(null)),
            ("/attachments/0/displayName", json!([])),
            ("/attachments/0/urls", json!([])),
            ("/guiActions", json!([])),
            ("/guiActions/0/isDeleteDialogAction", json!(false)),
            ("/guiActions/0/prompt", json!([])),
            ("/apiActions", json!([])),
            ("/apiActions/0/endpoints/0/deprecated", json!(false)),
        ] {
            let remove = json!({ "op": "remove", "path": path });
            let test = |value| json!({ "op": "test", "path": path, "value": value });
            assert!(apply(&json!([remove, test(empty.clone())])).is_ok(), "{path}");
            assert!(apply(&json!([remove, remove, test(empty.clone())])).is_ok(), "{path} twice");
            assert!(apply(&json!([remove, test(json!("something"))])).is_err(), "{path}");
        }
        for operations in [
            // What was moved away, and what a new part does not have.
            json!([
                { "op": "move", "from": "/externalReference", "path": "/extendedStatus" },
                { "op": "test", "path": "/externalReference", "value": null },
            ]),
            json!([
                { "op": "remove", "path": "/attachments" },
                { "op": "add", "path": "/attachments/-", "value": attachment },
                { "op": "test", "path": "/attachments/0/expiresAt", "value": null },
                { "op": "add", "path": "/attachments/0/displayName/-", "value": { "value": "x", "languageCode": "nb" } },
            ]),
        ] {
            assert!(apply(&operations).is_ok(), "{operations}");
        }
    }

    #[test]
    fn items_and_required_values_that_are_removed_are_gone() {
        for path in
            ["/status", "/content/title", "/attachments/0", "/guiActions/0/url", "/searchTags/0/value"]
        {
            let remove = json!({ "op": "remove", "path": path });
            let test = json!({ "op": "test", "path": path, "value": null });
            assert!(apply(&json!([remove])).is_ok(), "{path}");
            assert!(apply(&json!([remove, test])).is_err(), "{path}");
        }
    }
}
