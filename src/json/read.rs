use std::ops::Deref;

use uuid::Uuid;

use super::{Failures, Json, Path};
use crate::timestamp::Timestamp;

/// A value that can be read from JSON.
pub trait FromJson: Sized {
    /// Reads a value, or says at `path` what is wrong and gives `None`.
    ///
    /// Shapes always give `Some`, with absent members where something could not be read, so that
    /// everything else in the document can still be checked.
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self>;
}

/// What a document that has every member writes for one that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// `null`
    Null,
    /// `[]`
    EmptyList,
    /// `false`
    False,
    /// Nothing: it cannot be `null`.
    Nothing,
}

/// The type of a member: what it is when the member is missing, and how `null` is taken.
pub trait Member: Sized {
    /// What stands for the member where it is missing.
    const ABSENT: Absent;

    /// The value of a missing or unreadable member.
    fn absent() -> Self;

    /// Reads the member's value.
    fn read_member(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Self;
}

/// Reads the member named `field` (in `snake_case`) of the object `json`.
pub(crate) fn read_field<T: Member>(json: &Json, field: &str, path: &Path<'_>, failures: &mut Failures) -> T {
    match json.member(field) {
        Some(value) => T::read_member(value, &path.member(field), failures),
        None => T::absent(),
    }
}

/// Reads a whole document; `prefix` starts every path.
pub fn read_document<T: FromJson + Default>(json: &Json, prefix: &str, failures: &mut Failures) -> T {
    let root = Path::Root(prefix);
    match json {
        Json::Null => {
            let key = if prefix.is_empty() { "body" } else { prefix };
            failures.unreadable(&Path::Root(key), "The body must not be null.");
            T::default()
        }
        Json::Object(_) => T::read(json, &root, failures).unwrap_or_default(),
        _ => {
            failures.add_key("SerializerErrors", "The body must be a JSON object.");
            if !prefix.is_empty() {
                failures.unreadable(&root, "The body must be a JSON object.");
            }
            T::default()
        }
    }
}

/// Nullable: missing and `null` are both `None`.
impl<T: FromJson> Member for Option<T> {
    const ABSENT: Absent = Absent::Null;

    fn absent() -> Self {
        None
    }

    fn read_member(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Self {
        match json {
            Json::Null => None,
            _ => T::read(json, path, failures),
        }
    }
}

/// A list; missing and `null` are both empty. An item that is `null` is a failure.
impl<T: FromJson> Member for Vec<T> {
    const ABSENT: Absent = Absent::EmptyList;

    fn absent() -> Self {
        Vec::new()
    }

    fn read_member(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Self {
        match json {
            Json::Null => Vec::new(),
            Json::List(items) => {
                let mut read = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    if failures.is_full() {
                        break;
                    }
                    read.extend(T::read(item, &path.item(index), failures));
                }
                read
            }
            _ => {
                failures.unreadable(path, "must be a list.");
                Vec::new()
            }
        }
    }
}

/// `false` when missing; `null` and the strings `"true"` and `"false"` are failures.
impl Member for bool {
    const ABSENT: Absent = Absent::False;

    fn absent() -> Self {
        false
    }

    fn read_member(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Self {
        match json {
            Json::Bool(value) => *value,
            _ => {
                failures.unreadable(path, "must be true or false.");
                false
            }
        }
    }
}

/// A member that may be missing on the wire, which validation then refuses or fills in, but may
/// not be `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required<T>(pub Option<T>);

impl<T> Default for Required<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Required<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.0
    }
}

impl<T: FromJson> Member for Required<T> {
    const ABSENT: Absent = Absent::Nothing;

    fn absent() -> Self {
        Self(None)
    }

    fn read_member(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Self {
        if *json == Json::Null {
            failures.unreadable(path, "must not be null.");
            return Self(None);
        }
        Self(T::read(json, path, failures))
    }
}

impl FromJson for String {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let Json::String(text) = json else {
            failures.unreadable(path, "must be a string.");
            return None;
        };
        // PostgreSQL cannot store U+0000 in text.
        if text.contains('\0') {
            failures.unreadable(path, "must not contain the character U+0000.");
            return None;
        }
        Some(text.clone())
    }
}

impl FromJson for bool {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let Json::Bool(value) = json else {
            failures.unreadable(path, "must be true or false.");
            return None;
        };
        Some(*value)
    }
}

impl FromJson for i32 {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let value = match json {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        let value = value.and_then(|v| i32::try_from(v).ok());
        if value.is_none() {
            failures.unreadable(path, "must be an integer of 32 bits.");
        }
        value
    }
}

/// A UUID outside JSON: 36 characters with hyphens, or 32 hexadecimal digits; nothing else.
#[must_use]
pub fn read_uuid(text: &str) -> Option<Uuid> {
    matches!(text.len(), 32 | 36).then(|| Uuid::try_parse(text).ok())?
}

impl FromJson for Uuid {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let value = match json {
            Json::String(text) if text.len() == 36 => Uuid::try_parse(text).ok(),
            _ => None,
        };
        if value.is_none() {
            failures.unreadable(path, "must be a UUID of 36 characters.");
        }
        value
    }
}

impl FromJson for Timestamp {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let value = match json {
            Json::String(text) => Timestamp::parse(text),
            _ => None,
        };
        if value.is_none() {
            failures.unreadable(
                path,
                "must be a timestamp with an offset, such as 2030-01-31T12:00:00Z (RFC 3339).",
            );
        }
        value
    }
}

/// A URI or a relative reference, kept as it was written (RFC 3986, with RFC 3987 characters).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct UriReference(pub String);

/// A link that is refused when it is not even a URI reference; further rules are validation's.
pub type Uri = UriReference;

impl UriReference {
    /// Whether `text` is well-formed.
    #[must_use]
    pub fn is_well_formed(text: &str) -> bool {
        iri_string::types::IriReferenceStr::new(text).is_ok()
    }
}

impl FromJson for UriReference {
    fn read(json: &Json, path: &Path<'_>, failures: &mut Failures) -> Option<Self> {
        let text = String::read(json, path, failures)?;
        if !Self::is_well_formed(&text) {
            failures.unreadable(path, "must be a well-formed URI (RFC 3986).");
            return None;
        }
        Some(Self(text))
    }
}
