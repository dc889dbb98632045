//! Shapes that only the documents need.

use serde_json::{Value, json};

use crate::json::{Describe, Schemas, described};

/// Problem documents, as [`crate::api::http::problem`] writes them.
pub struct ProblemDetails;

impl Describe for ProblemDetails {
    fn describe(schemas: &mut Schemas) -> Value {
        let error = ProblemDetailsError::describe(schemas);
        schemas.named("ProblemDetails", |_| {
            json!({
                "type": "object",
                "description": "What went wrong (RFC 9457).",
                "properties": {
                    "type": nullable_text("URI of the kind of problem."),
                    "title": nullable_text("The kind of problem in words; the same for all of a kind."),
                    "status": {
                        "type": ["integer", "null"], "format": "int32", "description": "The HTTP status.",
                    },
                    "detail": nullable_text("This problem in words."),
                    "instance": nullable_text("Path of the request."),
                    "traceId": nullable_text("Trace of the request (W3C Trace Context); quote it to support."),
                    "dialogId": {
                        "type": ["string", "null"], "format": "uuid",
                        "description": "The dialog that exists already.",
                    },
                    "transmissionId": {
                        "type": ["string", "null"], "format": "uuid",
                        "description": "The transmission that exists already.",
                    },
                    "errors": {
                        "type": "object",
                        "description": "What is wrong, by member, parameter or subject.",
                        "additionalProperties": { "type": "array", "items": { "type": "string" } },
                    },
                    "statusDescription": nullable_text("Reserved."),
                    "code": nullable_text("Reserved."),
                    "validationErrors": {
                        "type": ["array", "null"], "items": error, "description": "Reserved.",
                    },
                },
                "additionalProperties": any_value(),
            })
        })
    }
}

struct ProblemDetailsError;

impl Describe for ProblemDetailsError {
    fn describe(schemas: &mut Schemas) -> Value {
        schemas.named("ProblemDetails_Error", |_| {
            json!({
                "type": "object",
                "description": "One of several problems. Reserved.",
                "properties": {
                    "title": nullable_text("The kind of problem in words."),
                    "code": nullable_text("The kind of problem as a code."),
                    "detail": nullable_text("This problem in words."),
                    "paths": {
                        "type": ["array", "null"], "items": { "type": "string" },
                        "description": "The members that it is about.",
                    },
                },
                "additionalProperties": any_value(),
            })
        })
    }
}

/// One operation of a JSON Patch (RFC 6902).
pub struct JsonPatchOperation;

struct AnyValue;

impl Describe for AnyValue {
    fn describe(_: &mut Schemas) -> Value {
        any_value()
    }
}

described!(JsonPatchOperation, "One operation of a JSON Patch (RFC 6902).", [
    (None, "op", "`add`, `remove`, `replace`, `move`, `copy` or `test`.", Option<String>),
    (None, "path", "What it is about, as a JSON Pointer (RFC 6901).", Option<String>),
    (None, "from", "Where `move` and `copy` take the value from, as a JSON Pointer.", Option<String>),
    (None, "value", "The value of `add`, `replace` and `test`.", AnyValue),
]);

fn nullable_text(about: &str) -> Value {
    json!({ "type": ["string", "null"], "description": about })
}

fn any_value() -> Value {
    json!({ "type": ["array", "boolean", "integer", "null", "number", "object", "string"] })
}
