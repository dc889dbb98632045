//! Problem documents (RFC 9457), the only form in which errors leave the service.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::app::Failure;
use crate::dialog::limits;
use crate::dialog::refusal::{Existing, Refusal};
use crate::json::Failures;
use crate::store::StoreFailure;

/// Media type of problem documents.
pub const PROBLEM_JSON: &str = "application/problem+json; charset=utf-8";

/// An error answer before it is put into the context of its request.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    detail: Option<Cow<'static, str>>,
    errors: Option<Failures>,
    /// What already exists, where that is in the way.
    existing: Option<Existing>,
    headers: HeaderMap,
}

impl Problem {
    /// A problem with this status and nothing more to say.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Parts {
            status,
            detail: None,
            errors: None,
            existing: None,
            headers: HeaderMap::new(),
        }))
    }

    /// A request that is wrong by itself.
    #[must_use]
    pub fn invalid(failures: Failures) -> Self {
        Self::new(StatusCode::BAD_REQUEST).errors(failures)
    }

    /// Adds what is wrong, by key.
    #[must_use]
    pub fn errors(mut self, failures: Failures) -> Self {
        self.0.errors = Some(failures);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// Its headers alone, for an answer of another form.
    #[must_use]
    pub fn into_headers(self) -> HeaderMap {
        self.0.headers
    }

    /// What is in the way, and where.
    #[must_use]
    fn existing(mut self, existing: Existing) -> Self {
        self.0.existing = Some(existing);
        let path = match existing {
            Existing::Dialog(id) => id.to_string(),
            Existing::Transmission { dialog, id } => format!("{dialog}/transmissions/{id}"),
        };
        self.header(header::LOCATION, &format!("/api/v1/serviceowner/dialogs/{path}"))
    }

    /// The answer to a request for `instance` under this trace.
    #[must_use]
    pub fn render(self, instance: &str, trace_id: &str) -> Response {
        let document = Document { problem: &self.0, instance, trace_id };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        *response.headers_mut() = self.0.headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}

/// Leaves the problem for [`super::context`] to render: only there path and trace are known.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// The title of problems with this status.
#[must_use]
pub fn title(status: StatusCode) -> &'static str {
    kind(status).1
}

/// `type` and `title` of a status.
fn kind(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => ("rfc7231#section-6.5.1", "The request is not valid."),
        StatusCode::UNAUTHORIZED => ("rfc7235#section-3.1", "A valid access token is required."),
        StatusCode::FORBIDDEN => ("rfc7231#section-6.5.3", "Forbidden."),
        StatusCode::NOT_FOUND => ("rfc7231#section-6.5.4", "Nothing was found."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("rfc7231#section-6.5.5", "This method is not possible here; see the header Allow.")
        }
        StatusCode::NOT_ACCEPTABLE => ("rfc7231#section-6.5.6", "Only JSON can be given."),
        StatusCode::REQUEST_TIMEOUT => ("rfc7231#section-6.5.7", "The request took too long to arrive."),
        StatusCode::CONFLICT => ("rfc7231#section-6.5.8", "The request conflicts with what is there."),
        StatusCode::GONE => ("rfc7231#section-6.5.9", "It has been deleted."),
        StatusCode::PRECONDITION_FAILED => {
            ("rfc7232#section-4.2", "It has changed since the revision in If-Match.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("rfc7231#section-6.5.11", "The body is larger than the limit of 20000000 bytes.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ("rfc7231#section-6.5.13", "The body has a media type that is not possible here.")
        }
        StatusCode::UNPROCESSABLE_ENTITY => ("rfc4918#section-11.2", "The request cannot be carried out."),
        StatusCode::BAD_GATEWAY => {
            ("rfc7231#section-6.6.3", "A service that this one depends on did not answer.")
        }
        StatusCode::SERVICE_UNAVAILABLE => ("rfc7231#section-6.6.4", "The service cannot answer right now."),
        _ => ("rfc7231#section-6.6.1", "Something went wrong."),
    }
}

// The title of 413 states the limit.
const _: () = assert!(limits::BODY_BYTES == 20_000_000);

struct Document<'a> {
    problem: &'a Parts,
    instance: &'a str,
    trace_id: &'a str,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, title) = kind(self.problem.status);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("https://datatracker.ietf.org/doc/html/{kind}"))?;
        map.serialize_entry("title", title)?;
        map.serialize_entry("status", &self.problem.status.as_u16())?;
        if let Some(detail) = &self.problem.detail {
            map.serialize_entry("detail", detail)?;
        }
        map.serialize_entry("instance", self.instance)?;
        map.serialize_entry("traceId", self.trace_id)?;
        match self.problem.existing {
            Some(Existing::Dialog(id)) => map.serialize_entry("dialogId", &id)?,
            Some(Existing::Transmission { id, .. }) => map.serialize_entry("transmissionId", &id)?,
            None => {}
        }
        if let Some(errors) = &self.problem.errors {
            map.serialize_entry("errors", &Errors(errors))?;
        }
        map.end()
    }
}

struct Errors<'a>(&'a Failures);

impl Serialize for Errors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl From<Failures> for Problem {
    fn from(failures: Failures) -> Self {
        Self::invalid(failures)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let with = |status, key: &str, text: String| Self::new(status).errors(Failures::one(key, text));
        match refusal {
            Refusal::Invalid(failures) => Self::invalid(failures),
            Refusal::Forbidden(texts) => {
                let mut failures = Failures::new();
                for text in texts {
                    failures.add_key("Forbidden", text);
                }
                Self::new(StatusCode::FORBIDDEN).errors(failures)
            }
            Refusal::NotFound { entity, text } => with(StatusCode::NOT_FOUND, entity, text),
            Refusal::NotYetVisible { dialog, visible_from } => {
                let text = format!("The dialog ({dialog}) is not visible before {visible_from}.");
                with(StatusCode::NOT_FOUND, "DialogEntity", text)
                    .header(header::EXPIRES, &super::respond::http_date(visible_from))
            }
            Refusal::Expired { dialog, expired_at } => {
                let text = format!("The dialog ({dialog}) expired at {expired_at}.");
                with(StatusCode::NOT_FOUND, "DialogEntity", text)
            }
            // The text is the one that clients know such a login by.
            Refusal::LevelTooLow => {
                let text = "Altinn authentication level too low.".to_owned();
                with(StatusCode::FORBIDDEN, "Forbidden", text)
            }
            Refusal::Ambiguous { reference } => {
                let text = format!("There is more than one dialog with the reference {reference}.");
                with(StatusCode::CONFLICT, "InstanceRef", text)
            }
            Refusal::Gone(id) => {
                with(StatusCode::GONE, "DialogEntity", format!("The dialog ({id}) has been deleted."))
            }
            Refusal::PositionTooOld => {
                let text = "What has changed since this token is no longer known. Begin anew: ask without \
                            `after` for a token, then list all dialogs, then ask for what has changed since."
                    .to_owned();
                with(StatusCode::GONE, "after", text)
            }
            Refusal::RevisionMismatch => Self::new(StatusCode::PRECONDITION_FAILED),
            Refusal::DialogIdTaken(id) => {
                let text = format!("There is a dialog with the id ({id}) already.");
                with(StatusCode::CONFLICT, "DialogEntity", text).existing(Existing::Dialog(id))
            }
            Refusal::IdempotentKeyTaken { text, holder } => {
                let problem = with(StatusCode::CONFLICT, "IdempotentKey", text);
                match holder {
                    Some(holder) => problem.existing(holder),
                    None => problem,
                }
            }
            Refusal::Contended => {
                let text = "Others change this dialog at the same time; try again.".to_owned();
                with(StatusCode::CONFLICT, "DialogEntity", text)
            }
            Refusal::Unprocessable(failures) => Self::new(StatusCode::UNPROCESSABLE_ENTITY).errors(failures),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Platform(failure) => {
                tracing::error!(error = %failure, "the platform failed");
                let mut problem = if failure.is_unavailable {
                    Self::new(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, "10")
                } else {
                    Self::new(StatusCode::BAD_GATEWAY)
                };
                problem.0.detail = Some("A service of the platform did not answer; try again later.".into());
                problem
            }
            Failure::Store(failure @ (StoreFailure::Busy | StoreFailure::TimedOut)) => {
                tracing::warn!(error = %failure, "the database is too slow");
                Self::new(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, "1")
            }
            Failure::NoPlace(refusal) => {
                let mut problem =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE).header(header::RETRY_AFTER, "10");
                problem.0.detail = Some(refusal.to_string().into());
                problem
            }
            Failure::Store(StoreFailure::Conflict) => Refusal::Contended.into(),
            Failure::Store(failure) => {
                tracing::error!(error = &failure as &dyn std::error::Error, "the database failed");
                let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR);
                let text = "An unexpected error has occurred; the trace id leads to its cause.";
                problem.0.detail = Some(text.into());
                problem
            }
        }
    }
}
