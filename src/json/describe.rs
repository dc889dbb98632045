//! JSON Schema (2020-12, as OpenAPI 3.1 uses it) of the wire's shapes.

use std::collections::{BTreeMap, BTreeSet};

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

/// Makes the schema of a type: [`Describe::describe`].
pub type Shape = fn(&mut Schemas) -> Value;

/// One member of an object.
pub struct Property {
    /// The API that alone has it; `None` for both.
    pub audience: Option<Audience>,
    /// Field name in `snake_case`.
    pub field: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Makes its schema.
    pub schema: Shape,
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
    /// From the Rust type's name, and the names of the types around it, to the published name.
    pub rename: Rename,
    /// Finished schemas by published name.
    pub components: BTreeMap<String, Value>,
    /// Published names that shapes with different members have claimed.
    pub clashes: BTreeSet<String>,
    /// Names of the types that are being described, the outermost first.
    within: Vec<String>,
}

/// Gives the published name of a Rust type within others.
pub type Rename = Box<dyn Fn(&str, &[String]) -> String>;

impl Schemas {
    /// No schemas yet.
    #[must_use]
    pub fn new(audience: Audience) -> Self {
        Self {
            audience,
            rename: Box::new(|name, _| name.to_owned()),
            components: BTreeMap::new(),
            clashes: BTreeSet::new(),
            within: Vec::new(),
        }
    }

    /// A reference to the schema of the Rust type `name`, which `make` makes.
    pub fn named(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        let published = (self.rename)(name, &self.within);
        let reference = json!({ "$ref": format!("#/components/schemas/{published}") });
        // A shape may contain itself.
        if self.within.iter().any(|outer| outer == name) {
            return reference;
        }
        self.within.push(name.to_owned());
        let schema = make(self);
        self.within.pop();
        match self.components.get(&published) {
            None => {
                self.components.insert(published, schema);
            }
            Some(other) if without_descriptions(other) == without_descriptions(&schema) => {}
            Some(_) => {
                self.clashes.insert(published);
            }
        }
        reference
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

fn without_descriptions(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => members
            .iter()
            .filter(|(name, value)| *name != "description" || !value.is_string())
            .map(|(name, value)| (name.clone(), without_descriptions(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_descriptions).collect(),
        other => other.clone(),
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

/// The type as which a member is described: its own, unless another one is named.
macro_rules! described_as {
    ($ty:ty) => {
        $ty
    };
    ($ty:ty, $described:ty) => {
        $described
    };
}
pub(crate) use described_as;

/// Describes a member that may be `null` in the API of service owners alone.
pub struct NullForServiceOwner<T>(std::marker::PhantomData<T>);

impl<T: Describe> Describe for NullForServiceOwner<T> {
    fn describe(schemas: &mut Schemas) -> Value {
        let schema = T::describe(schemas);
        if schemas.audience == Audience::ServiceOwner { nullable(schema) } else { schema }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_for_shapes_with_the_same_members_alone() {
        let property = |field, doc, schema| Property { audience: None, field, doc, schema };
        let mut schemas = Schemas::new(Audience::EndUser);
        schemas.rename = Box::new(|_, _| "Published".to_owned());
        schemas.object("First", "One.", &[property("description", "One.", String::describe)]);
        schemas.object("Second", "Another.", &[property("description", "Another.", String::describe)]);
        assert_eq!(schemas.clashes.len(), 0, "texts do not count");
        schemas.object("Third", "One.", &[property("description", "One.", bool::describe)]);
        assert_eq!(schemas.clashes, ["Published".to_owned()].into());
        assert_eq!(schemas.components["Published"]["properties"]["description"]["type"], "string");
    }
}
