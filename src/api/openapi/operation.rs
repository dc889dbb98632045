//! An operation as the documents show it.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::shapes::{JsonPatchOperation, ProblemDetails};
use crate::access::policy::Policy;
use crate::api::http::operation::{BodyKind, Operation, Verb};
use crate::api::http::parameter::{IF_NONE_MATCH, Parameter, Place};
use crate::api::http::problem;
use crate::json::{Describe, Schemas};

/// Members of answers that the published contract lets be `null` everywhere but here: the end of the
/// operation's namespace, and the member.
const NEVER_NULL: &[(&str, &str)] = &[
    ("DialogsQueriesSearchActivities", "createdAt"),
    ("EndUserDialogsQueriesGetSeenLog", "isViaServiceOwner"),
    ("EndUserDialogsQueriesSearchSeenLogs", "isViaServiceOwner"),
];

/// The object that describes an operation; its shapes end up in `schemas`.
pub fn operation_object(operation: &Operation, id: &str, schemas: &mut Schemas) -> Value {
    let mut object = json!({
        "operationId": id,
        "tags": [operation.group().tag()],
        "summary": operation.summary,
        "security": security(operation.policy),
    });
    let parameters: Vec<Value> = operation
        .path_parameters()
        .map(path_parameter)
        .chain(operation.parameters().map(|parameter| self::parameter(parameter, schemas)))
        .collect();
    if !parameters.is_empty() {
        object["parameters"] = parameters.into();
    }
    if let Some(body) = request_body(operation.body, schemas) {
        object["requestBody"] = body;
    }
    object["responses"] = responses(operation, schemas).into();
    object
}

/// One requirement for each alternative of scopes and each issuer of such tokens.
fn security(policy: Policy) -> Value {
    let schemes: &[&str] = match policy {
        Policy::EndUser => &["maskinporten", "idporten"],
        _ => &["maskinporten"],
    };
    let alternatives = policy.scopes().iter();
    alternatives.flat_map(|scopes| schemes.iter().map(move |scheme| json!({ *scheme: scopes }))).collect()
}

fn path_parameter(name: &str) -> Value {
    let (about, schema) = match name.strip_suffix("Id") {
        Some("dialog") => ("The dialog.", json!({ "type": "string", "format": "uuid" })),
        Some("transmission") => ("The transmission.", json!({ "type": "string", "format": "uuid" })),
        Some("activity") => ("The activity.", json!({ "type": "string", "format": "uuid" })),
        Some("seenLog") => ("The entry of the seen log.", json!({ "type": "string", "format": "uuid" })),
        Some(_) => ("The id.", json!({ "type": "string", "format": "uuid" })),
        None => ("The value.", json!({ "type": "string" })),
    };
    json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
}

fn parameter(parameter: &Parameter, schemas: &mut Schemas) -> Value {
    let place = match parameter.place {
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut schema = (parameter.shape)(schemas);
    if parameter.is_required {
        schema = never_null(schema);
    }
    let mut object = json!({ "name": parameter.name, "in": place, "description": parameter.about });
    if parameter.is_required {
        object["required"] = true.into();
    }
    if parameter.place == Place::Query && schema.get("items").is_some() {
        object["style"] = "form".into();
        object["explode"] = true.into();
    }
    object["schema"] = schema;
    object
}

fn request_body(body: BodyKind, schemas: &mut Schemas) -> Option<Value> {
    let schema = match body {
        BodyKind::None => return None,
        BodyKind::Json(shape) => never_null(shape(schemas)),
        BodyKind::JsonPatch => never_null(<Vec<JsonPatchOperation>>::describe(schemas)),
    };
    Some(json!({ "required": true, "content": content(body.media_types(), &schema) }))
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let problem = ProblemDetails::describe(schemas);
    let mut responses = Map::new();
    responses.insert(operation.answer.status.as_str().to_owned(), success(operation, schemas));
    if operation.has(&IF_NONE_MATCH) {
        let unchanged = json!({ "description": "It has not changed.", "headers": headers(&["ETag"]) });
        responses.insert(StatusCode::NOT_MODIFIED.as_str().to_owned(), unchanged);
    }
    let media_types: &[&str] = match operation.body {
        BodyKind::JsonPatch => &["application/problem+json", "application/json"],
        _ => &["application/problem+json"],
    };
    for status in operation.refusals() {
        let refusal = response(
            problem::title(status),
            refusal_headers(operation, status),
            Some(content(media_types, &problem)),
        );
        responses.insert(status.as_str().to_owned(), refusal);
    }
    let mut busy = content(&["application/problem+json"], &problem);
    busy["text/plain"] = json!({ "schema": { "type": "string" } });
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let busy = response(problem::title(status), &["Retry-After"], Some(busy));
    responses.insert(status.as_str().to_owned(), busy);
    responses
}

fn success(operation: &Operation, schemas: &mut Schemas) -> Value {
    let answer = operation.answer;
    let (about, names): (_, &[&str]) = match (answer.status, answer.has_etag) {
        (StatusCode::CREATED, _) => ("The id of what was created.", &["ETag", "Location"]),
        (StatusCode::NO_CONTENT, true) => ("Done.", &["ETag"]),
        (StatusCode::NO_CONTENT, false) => ("Done.", &[]),
        (_, true) => ("What was asked for.", &["ETag"]),
        (_, false) => ("What was asked for.", &[]),
    };
    let body = answer.shape.map(|shape| {
        let schema = never_null(shape(schemas));
        for (_, member) in NEVER_NULL.iter().filter(|(of, _)| operation.namespace().ends_with(of)) {
            never_null_member(&schema, member, schemas);
        }
        content(&[answer.media_type], &schema)
    });
    response(about, names, body)
}

/// Takes `null` from a member of the shape, or of the items of the list, that `schema` refers to.
fn never_null_member(schema: &Value, member: &str, schemas: &mut Schemas) {
    let reference = schema.get("items").unwrap_or(schema)["$ref"].as_str().unwrap_or_default();
    let name = reference.rsplit('/').next().unwrap_or_default();
    if let Some(member) =
        schemas.components.get_mut(name).and_then(|shape| shape["properties"].get_mut(member))
    {
        *member = never_null(member.take());
    }
}

fn response(about: &str, names: &[&str], content: Option<Value>) -> Value {
    let mut response = json!({ "description": about });
    if !names.is_empty() {
        response["headers"] = headers(names);
    }
    if let Some(content) = content {
        response["content"] = content;
    }
    response
}

fn refusal_headers(operation: &Operation, status: StatusCode) -> &'static [&'static str] {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => &["WWW-Authenticate"],
        StatusCode::NOT_FOUND if operation.verb == Verb::Get && operation.path.contains("{dialogId}") => {
            &["Expires"]
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE if matches!(operation.body, BodyKind::JsonPatch) => {
            &["Accept-Patch"]
        }
        _ => &[],
    }
}

fn headers(names: &[&str]) -> Value {
    let about = |name| match name {
        "ETag" => "The revision, in quotes; the value for `If-Match`.",
        "Location" => "Path of what was created.",
        "Expires" => "When the dialog becomes visible, where it will.",
        "Retry-After" => "When to try again, in seconds or as a date.",
        "WWW-Authenticate" => "What the token lacks (RFC 6750).",
        "Accept-Patch" => "The media types that are possible (RFC 5789).",
        _ => "",
    };
    let header = |name| json!({ "description": about(name), "schema": { "type": "string" } });
    names.iter().map(|name| ((*name).to_owned(), header(name))).collect::<Map<_, _>>().into()
}

fn content(media_types: &[&str], schema: &Value) -> Value {
    let typed = media_types.iter().map(|name| ((*name).to_owned(), json!({ "schema": schema })));
    typed.collect::<Map<_, _>>().into()
}

/// A schema without `null` among its types.
fn never_null(mut schema: Value) -> Value {
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            schema["type"] = kind.clone();
        }
    }
    schema
}
