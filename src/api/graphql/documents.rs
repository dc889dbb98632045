//! Documents that clients may name by their hash: those that clients have brought (automatic persisted
//! queries), or, where the settings list some, those and no others.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_graphql::ServerError;
use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use serde_json::{Map, Value};

use super::cost;
use super::error::Code;
use super::validation::Read;

/// What a document takes beside its text, in bytes.
const OVERHEAD: usize = 256;

/// Which documents are carried out.
#[derive(Clone)]
pub enum Documents {
    /// All. Those that were brought with their hash are remembered by it.
    Any(Cache<String, Arc<str>>),
    /// These, by their hash.
    Listed(Arc<HashMap<String, Arc<str>>>),
}

/// A document that a request asks for.
pub(super) struct Document {
    pub text: String,
    /// Its hash, where it was brought with it and is to be remembered.
    pub hash: Option<String>,
}

impl Documents {
    /// All documents; those that were brought are remembered as long as they have at most so many
    /// `bytes` together.
    #[must_use]
    pub fn any(bytes: u64) -> Self {
        let weigher = |_: &String, text: &Arc<str>| u32::try_from(text.len() + OVERHEAD).unwrap_or(u32::MAX);
        Self::Any(Cache::builder().max_capacity(bytes).weigher(weigher).build())
    }

    /// Those in a directory, one for each file whose name ends in `.graphql`, or in a file with a JSON
    /// object of texts.
    ///
    /// # Errors
    /// They cannot be read, or one of them is no document.
    pub fn listed(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}.", path.display());
        let mut texts: Vec<(String, String)> = Vec::new();
        if path.is_dir() {
            for entry in fs::read_dir(path).map_err(unreadable)? {
                let file = entry.map_err(unreadable)?.path();
                if file.extension().is_some_and(|extension| extension == "graphql") {
                    let text = fs::read_to_string(&file).map_err(unreadable)?;
                    texts.push((file.display().to_string(), text));
                }
            }
        } else {
            let text = fs::read_to_string(path).map_err(unreadable)?;
            let members: HashMap<String, String> = serde_json::from_str(&text)
                .map_err(|error| format!("{} is no JSON object of texts: {error}.", path.display()))?;
            texts.extend(members);
        }
        if texts.is_empty() {
            return Err(format!("{} has no documents.", path.display()));
        }
        let mut listed = HashMap::new();
        for (name, text) in texts {
            check(&text).map_err(|error| format!("{name} is no document of the graph: {error}"))?;
            // Files end with a line break, which clients may not send.
            for text in [text.as_str(), text.trim()] {
                listed.insert(hash_of(text), Arc::from(text));
            }
        }
        Ok(Self::Listed(Arc::new(listed)))
    }

    /// The document that a request brings or names.
    ///
    /// # Errors
    /// There is none, it is not known, it is not allowed, or it has another hash.
    pub(super) fn find(
        &self,
        text: Option<String>,
        extensions: Option<&Map<String, Value>>,
    ) -> Result<Document, (Code, String)> {
        let named = extensions.and_then(|extensions| extensions.get("persistedQuery"));
        let named = named.filter(|named| !named.is_null()).map(read_hash).transpose()?;
        // It takes time.
        let is_needed = named.is_some() || matches!(self, Self::Listed(_));
        let computed = text.as_deref().filter(|_| is_needed).map(hash_of);
        if let (Some(named), Some(computed)) = (&named, &computed)
            && named != computed
        {
            let text = "extensions.persistedQuery.sha256Hash is not the hash of the query.";
            return Err((Code::BadRequest, text.to_owned()));
        }
        let missing = || (Code::BadRequest, "The member query is required.".to_owned());
        match self {
            Self::Listed(listed) => {
                let hash = computed.or(named).ok_or_else(missing)?;
                let text = listed.get(&hash).ok_or_else(|| {
                    let text = "Only the documents that were agreed on are carried out here.";
                    (Code::DocumentNotAllowed, text.to_owned())
                })?;
                Ok(Document { text: text.to_string(), hash: None })
            }
            Self::Any(brought) => match text {
                Some(text) => Ok(Document { text, hash: named }),
                None => match brought.get(&named.ok_or_else(missing)?) {
                    Some(text) => Ok(Document { text: text.to_string(), hash: None }),
                    // The text that clients look for.
                    None => Err((Code::UnknownDocument, "PersistedQueryNotFound".to_owned())),
                },
            },
        }
    }

    /// Remembers a document that has turned out to be one.
    pub(super) fn remember(&self, hash: String, text: &str) {
        if let Self::Any(brought) = self {
            brought.insert(hash, Arc::from(text));
        }
    }
}

/// Looks whether a document could be carried out with some variables.
fn check(text: &str) -> Result<(), String> {
    let joined = |errors: Vec<ServerError>| {
        errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")
    };
    cost::check_text(text).map_err(|(_, message)| message)?;
    let read = Read::new(text).map_err(joined)?;
    cost::check_document(&read.document()).map_err(|(_, message)| message)?;
    read.check().map_err(joined)
}

/// Reads `{ "version": 1, "sha256Hash": "…" }`.
fn read_hash(named: &Value) -> Result<String, (Code, String)> {
    let refused = |text: &str| Err((Code::BadRequest, format!("extensions.persistedQuery.{text}")));
    if named["version"] != 1 {
        return refused("version must be 1.");
    }
    match named["sha256Hash"].as_str() {
        Some(hash) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(hash.to_ascii_lowercase())
        }
        _ => refused("sha256Hash must be the SHA-256 of the query in 64 hexadecimal digits."),
    }
}

/// SHA-256 in hexadecimal digits.
fn hash_of(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::with_capacity(64), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_cannot_be_used_says_why() {
        let folder = std::env::temp_dir().join(format!("graphql-documents-{}", std::process::id()));
        let (empty, wrong) = (folder.join("empty"), folder.join("wrong"));
        for folder in [&empty, &wrong] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(wrong.join("a.graphql"), "query {").unwrap();
        fs::write(folder.join("a.json"), "[]").unwrap();
        fs::write(folder.join("c.json"), r#"{ "c": "{ nothing limits { nothing } }" }"#).unwrap();
        fs::write(folder.join("b.json"), r#"{ "b": "{ a" }"#).unwrap();
        for (path, expected) in [
            (folder.join("none"), "cannot be read"),
            (empty, "has no documents"),
            (wrong, "a.graphql is no document of the graph"),
            (folder.join("a.json"), "is no JSON object of texts"),
            (folder.join("b.json"), "b is no document of the graph"),
            (
                folder.join("c.json"),
                "c is no document of the graph: Field `nothing` does not exist on type `Queries`; ",
            ),
        ] {
            let error = Documents::listed(&path).err().unwrap();
            assert!(error.contains(expected), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
