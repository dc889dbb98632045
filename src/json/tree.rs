use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// Deepest nesting of objects and lists that is read.
const MAX_DEPTH: usize = 64;

/// A JSON value with its members in the order and number in which they came.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exact for integers of up to 64 bits.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Json>),
    /// An object; several members may have the same name.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The value of the last member whose name is `field` in camelCase, compared without case.
    #[must_use]
    pub fn member(&self, field: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().rev().find(|(name, _)| same_name(name, field)).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

/// Compares a member name of the wire (`dueAt`) with a field name (`due_at`, `r#type`).
pub(super) fn same_name(wire: &str, field: &str) -> bool {
    let field = field.strip_prefix("r#").unwrap_or(field);
    let mut letters = field.bytes().filter(|b| *b != b'_');
    wire.bytes().all(|b| letters.next().is_some_and(|l| l.eq_ignore_ascii_case(&b)))
        && letters.next().is_none()
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(b),
            Value::Number(n) => Json::Number(n),
            Value::String(s) => Json::String(s),
            Value::Array(items) => Json::List(items.into_iter().map(Json::from).collect()),
            Value::Object(members) => {
                Json::Object(members.into_iter().map(|(k, v)| (k, Json::from(v))).collect())
            }
        }
    }
}

/// Why a text is not a JSON document that we read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxFailure {
    /// Members and positions that had been reached, such as `content.title`; empty at the root.
    pub path: String,
    /// What is wrong there.
    pub text: String,
}

/// Reads a document; a byte order mark at its start is skipped.
///
/// # Errors
/// When the text is not JSON (RFC 8259), is empty, or is nested deeper than 64 levels.
pub fn parse(text: &[u8]) -> Result<Json, SyntaxFailure> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed =
        Node { depth: 0 }.deserialize(&mut deserializer).and_then(|json| deserializer.end().map(|()| json));
    parsed.map_err(|_| locate(text))
}

/// Reads once more, slowly, to learn where it broke.
fn locate(text: &[u8]) -> SyntaxFailure {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let error = match (Node { depth: 0 }).deserialize(tracked) {
        Ok(_) => deserializer.end().err(),
        Err(error) => Some(error),
    };
    let path = track.path().to_string();
    SyntaxFailure {
        // The tracker writes "." for the root and "?" for a member whose name was not read.
        path: path.trim_end_matches(['.', '?']).to_owned(),
        text: error.map_or_else(|| "The body is not valid JSON.".to_owned(), |e| sentence(&e)),
    }
}

fn sentence(error: &serde_json::Error) -> String {
    if error.is_eof() && error.line() <= 1 && error.column() == 0 {
        return "A JSON body is required.".to_owned();
    }
    format!("The body is not valid JSON: {error}.")
}

#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn inner<E: serde::de::Error>(self) -> Result<Node, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Node { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let node = self.inner::<A::Error>()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(node)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let node = self.inner::<A::Error>()?;
        let mut members = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            members.push((name, access.next_value_seed(node)?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_member_wins_whatever_its_case() {
        let json = parse(br#"{"title":1,"Title":2,"due_at":4,"TITLE":3}"#).unwrap();
        assert_eq!(json.member("title"), Some(&Json::Number(3.into())));
        assert_eq!(json.member("dueAt"), None);
        let json = parse(br#"{"DUEAT":"x"}"#).unwrap();
        assert_eq!(json.member("due_at"), Some(&Json::String("x".into())));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(64).as_bytes()).is_ok());
        assert!(parse(deep(65).as_bytes()).is_err());
        assert!(parse(deep(100_000).as_bytes()).is_err());
    }

    #[test]
    fn broken_documents_name_the_place() {
        for (text, path) in [
            ("", ""),
            ("{", ""),
            (r#"{"content":{"title":}}"#, "content.title"),
            (r#"{"a":[1,2,}"#, "a[2]"),
            (r#"{"a":1} x"#, ""),
            ("{'a':1}", ""),
            ("[1,]", "[1]"),
            ("// x\n{}", ""),
            ("NaN", ""),
        ] {
            let failure = parse(text.as_bytes()).unwrap_err();
            assert!(failure.path == path || failure.path.is_empty(), "{text}: {failure:?}");
        }
        assert_eq!(parse(b"").unwrap_err().text, "A JSON body is required.");
        assert_eq!(parse("\u{feff}{}".as_bytes()).unwrap(), Json::Object(vec![]));
    }
}
