//! JSON Schema (2020-12, as OpenAPI 3.1 uses it) of the wire's shapes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Required, UriReference, camel_case};
use crate::timestamp::Timestamp;

/// The API in which a member exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Only the service owner's.
    ServiceOwner,
    /// Only the end user's.
    EndUser,
}

/// One member of an object.
pub struct Property {
    /// The API that alone has it; `None` for both.
    pub audience: Option<Audience>,
    /// Field name in `snake_case`.
    pub field: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Makes its schema.
    pub schema: fn(&mut Schemas) -> Value,
}

/// A type with a JSON Schema.
pub trait Describe {
    /// The schema, as a reference where the type has a name; the named ones end up in `schemas`.
    fn describe(schemas: &mut Schemas) -> Value;
}

/// The named schemas of one document.
///
/// One Rust type can have several names: the published contract names a shape after the operation
/// that uses it. `rename` gives the name in the present context.
pub struct Schemas {
    /// The API being described.
    pub audience: Audience,
    /// From the Rust type's name to the published one.
    pub rename: Box<dyn Fn(&str) -> String>,
    /// Finished schemas by published name.
    pub components: BTreeMap<String, Value>,
}

impl Schemas {
    /// No schemas yet.
    #[must_use]
    pub fn new(audience: Audience) -> Self {
        Self { audience, rename: Box::new(str::to_owned), components: BTreeMap::new() }
    }

    fn named(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        let name = (self.rename)(name);
        if !self.components.contains_key(&name) {
            // Holds the place, so that a shape may contain itself.
            self.components.insert(name.clone(), Value::Null);
            let schema = make(self);
            self.components.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// An object with these members.
    pub fn object(&mut self, name: &str, about: &str, properties: &[Property]) -> Value {
        self.named(name, |schemas| {
            let mut members = serde_json::Map::new();
            for property in properties {
                if property.audience.is_some_and(|audience| audience != schemas.audience) {
                    continue;
                }
                let mut schema = (property.schema)(schemas);
                if let Value::Object(schema) = &mut schema {
                    schema.insert("description".into(), property.doc.trim().into());
                }
                members.insert(camel_case(property.field), schema);
            }
            json!({ "type": "object", "description": about.trim(), "properties": members })
        })
    }

    /// A string that is one of `values`.
    pub fn enumeration(&mut self, name: &str, about: &str, values: &[&str]) -> Value {
        self.named(name, |_| json!({ "type": "string", "description": about.trim(), "enum": values }))
    }
}

/// Implements [`Describe`] for an object shape.
macro_rules! described {
    ($name:ident, $about:expr, [$(($audience:expr, $field:expr, $doc:expr, $ty:ty),)*]) => {
        impl $crate::json::Describe for $name {
            fn describe(schemas: &mut $crate::json::Schemas) -> serde_json::Value {
                schemas.object(stringify!($name), $about, &[$($crate::json::Property {
                    audience: $audience,
                    field: $field,
                    doc: $doc,
                    schema: <$ty as $crate::json::Describe>::describe,
                }),*])
            }
        }
    };
}
pub(crate) use described;

/// The audience that an output shape's mark names.
macro_rules! audience {
    () => {
        None
    };
    (service_owner) => {
        Some($crate::json::Audience::ServiceOwner)
    };
    (end_user) => {
        Some($crate::json::Audience::EndUser)
    };
}
pub(crate) use audience;

fn nullable(schema: Value) -> Value {
    match schema {
        Value::Object(mut object) if object.contains_key("type") => {
            let kind = object.remove("type").unwrap_or_default();
            let kinds = match kind {
                Value::Array(kinds) => kinds,
                kind => vec![kind, "null".into()],
            };
            object.insert("type".into(), kinds.into());
            Value::Object(object)
        }
        schema => json!({ "oneOf": [{ "type": "null" }, schema] }),
    }
}

impl<T: Describe> Describe for Option<T> {
    fn describe(schemas: &mut Schemas) -> Value {
        nullable(T::describe(schemas))
    }
}

/// The published contract marks every list nullable; we read `null` as the empty list.
impl<T: Describe> Describe for Vec<T> {
    fn describe(schemas: &mut Schemas) -> Value {
        json!({ "type": ["array", "null"], "items": T::describe(schemas) })
    }
}

impl<T: Describe> Describe for Required<T> {
    fn describe(schemas: &mut Schemas) -> Value {
        T::describe(schemas)
    }
}

macro_rules! scalar {
    ($($ty:ty => $schema:tt,)+) => {
        $(impl Describe for $ty {
            fn describe(_: &mut Schemas) -> Value {
                json!($schema)
            }
        })+
    };
}

scalar! {
    String => { "type": "string" },
    bool => { "type": "boolean" },
    i32 => { "type": "integer", "format": "int32" },
    Uuid => { "type": "string", "format": "uuid" },
    Timestamp => { "type": "string", "format": "date-time" },
    UriReference => { "type": "string", "format": "uri" },
}
