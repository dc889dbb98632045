//! Everything of a request but its body: path, query and headers, with all failures collected.

use aws_lc_rs::digest;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use uuid::Uuid;

use super::accept_language;
use super::conditional;
use super::problem::Problem;
use super::query::Query;
use crate::access::caller::Caller;
use crate::app::Languages;
use crate::dialog::reference::InstanceReference;
use crate::dialog::repetition::IdempotencyKey;
use crate::dialog::write::Expected;
use crate::json::{Failures, Path, read_uuid};

/// The header that makes a POST be carried out once.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Most characters of an idempotency key.
const MAX_KEY: usize = 255;

/// Reads parameters; ask for all of them, then call [`finish`](Self::finish).
pub struct Params {
    path: Vec<(String, String)>,
    /// The query string.
    pub query: Query,
    headers: HeaderMap,
    /// Method and target of the request.
    target: String,
    /// What is wrong so far.
    pub failures: Failures,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // Fails only for percent-encoded bytes that are not UTF-8.
        let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|_| {
            let mut failures = Failures::new();
            let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
            for name in route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                failures.unreadable(&Path::Root(name), "must be percent-encoded UTF-8.");
            }
            Problem::invalid(failures)
        })?;
        Ok(Self {
            path: raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            query: Query::parse(parts.uri.query()),
            headers: parts.headers.clone(),
            target: format!("{} {}", parts.method, parts.uri),
            failures: Failures::new(),
        })
    }
}

impl Params {
    /// The UUID in the path under this name: 36 characters, or 32 hexadecimal digits.
    pub fn uuid(&mut self, name: &str) -> Uuid {
        let value = self.path.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let id = value.and_then(read_uuid);
        id.unwrap_or_else(|| {
            self.failures.unreadable(&Path::Root(name), "must be a UUID.");
            Uuid::nil()
        })
    }

    /// The text in the path under this name.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let value = self.path.iter().find(|(other, _)| other == name);
        value.map_or_else(String::new, |(_, value)| value.replace('\0', "\u{fffd}"))
    }

    /// The dialog's id in the path.
    pub fn dialog_id(&mut self) -> Uuid {
        self.uuid("dialogId")
    }

    /// `instanceRef`.
    pub fn instance_reference(&mut self) -> InstanceReference {
        let text = self.query.text("instanceRef", &mut self.failures);
        text.as_deref().and_then(InstanceReference::parse).unwrap_or_else(|| {
            let forms = "must be urn:altinn:instance-id:{party id}/{uuid}, urn:altinn:correspondence-id:{uuid} \
                         or urn:altinn:dialog-id:{uuid}.";
            self.failures.add_key("InstanceRef", forms);
            InstanceReference::Dialog(Uuid::nil())
        })
    }

    /// The revision that the caller expects.
    pub fn expected(&mut self) -> Expected {
        conditional::if_match(&self.headers).unwrap_or_else(|text| {
            self.failures.unreadable(&Path::Root("If-Match"), text);
            Expected::Unconditional
        })
    }

    /// `isSilentUpdate`.
    pub fn is_silent(&mut self) -> bool {
        self.query.boolean("isSilentUpdate", &mut self.failures).unwrap_or(false)
    }

    /// Languages that the caller wants texts in.
    pub fn languages(&mut self) -> Languages {
        accept_language::read(&self.headers).unwrap_or_else(|text| {
            self.failures.unreadable(&Path::Root("Accept-Language"), text);
            Languages::default()
        })
    }

    /// Refuses an `endUserId` that is no URN: a number alone will do only where labels are set.
    pub fn check_end_user_urn(&mut self) {
        if self.query.first("endUserId").is_some_and(|user| !user.starts_with("urn:")) {
            let text = "must be urn:altinn:person:identifier-no: and a valid number of 11 digits.";
            self.failures.add_key("EndUserId", text);
        }
    }

    /// Whether the caller has this revision already.
    #[must_use]
    pub fn has_revision(&self, revision: Uuid) -> bool {
        conditional::is_not_modified(&self.headers, revision)
    }

    /// The key under which the request is carried out once. `body` is the digest of its body.
    pub fn idempotency_key(&mut self, caller: &Caller, body: Option<&[u8]>) -> Option<IdempotencyKey> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let first = values.next()?;
        let key = first.to_str().ok().map(|key| key.trim().trim_matches('"')).unwrap_or_default();
        if key.is_empty() || key.len() > MAX_KEY || values.next().is_some() {
            let text = format!("must be given once, with 1 to {MAX_KEY} visible ASCII characters.");
            self.failures.unreadable(&Path::Root("Idempotency-Key"), text);
            return None;
        }
        let mut asked = digest::Context::new(&digest::SHA256);
        asked.update(self.target.as_bytes());
        asked.update(&[0]);
        asked.update(body.unwrap_or_default());
        // Tokens of one client are renewed all the time: the organisation and the user count.
        let organization = caller.organization_number.as_deref().unwrap_or_default();
        Some(IdempotencyKey {
            caller: format!("{organization}/{}", caller.user.as_str()),
            key: key.to_owned(),
            fingerprint: asked.finish().as_ref().to_vec(),
        })
    }

    /// The text of a header; what is no text counts as empty.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| value.to_str().unwrap_or_default().trim().to_owned())
    }

    /// Nothing more is read.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish(&mut self) -> Result<(), Problem> {
        std::mem::take(&mut self.failures).into_result().map_err(Problem::invalid)
    }
}
