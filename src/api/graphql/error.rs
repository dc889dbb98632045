//! Errors beside the data: what they are called, and which status an answer with them has.

use std::sync::Arc;

use async_graphql::{Error, ErrorExtensions, Response, ServerError};
use axum::http::StatusCode;

use crate::app::Failure;
use crate::dialog::refusal::Refusal;
use crate::json::Failures;
use crate::store::StoreFailure;

/// The values of `extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The caller may not do this.
    NotAuthorized,
    /// Nobody can tell from the token what kind of user the caller is.
    UserTypeUnknown,
    /// The request is wrong.
    BadRequest,
    /// It nests deeper than it may.
    DepthLimit,
    /// It asks for more than one request may.
    ComplexityLimit,
    /// The document with this hash is not known; it is to be sent.
    UnknownDocument,
    /// Only some documents are carried out here, and this is none of them.
    DocumentNotAllowed,
    /// It has more bytes than it may.
    TooLarge,
    /// Its body is of a media type that is not possible.
    MediaType,
    /// Its method is not possible.
    Method,
    /// The service has too much to do.
    Busy,
    /// A service that this one depends on did not answer as it should.
    UpstreamUnavailable,
    /// It gave no answer in time: as above, but for the status.
    UpstreamSilent,
    /// A defect.
    Internal,
}

impl Code {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 14] = [
        Self::NotAuthorized,
        Self::UserTypeUnknown,
        Self::BadRequest,
        Self::DepthLimit,
        Self::ComplexityLimit,
        Self::UnknownDocument,
        Self::DocumentNotAllowed,
        Self::TooLarge,
        Self::MediaType,
        Self::Method,
        Self::Busy,
        Self::UpstreamUnavailable,
        Self::UpstreamSilent,
        Self::Internal,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NotAuthorized => "AUTH_NOT_AUTHORIZED",
            Self::UserTypeUnknown => "AUTH_USER_TYPE_UNKNOWN",
            Self::BadRequest => "BAD_REQUEST",
            Self::DepthLimit => "DEPTH_LIMIT",
            Self::ComplexityLimit => "COMPLEXITY_LIMIT",
            // Named, like its status, as the clients expect that brought them up.
            Self::UnknownDocument => "PERSISTED_QUERY_NOT_FOUND",
            Self::DocumentNotAllowed => "DOCUMENT_NOT_ALLOWED",
            Self::TooLarge => "BODY_LIMIT",
            Self::MediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Method => "METHOD_NOT_ALLOWED",
            Self::Busy => "RATE_LIMITED",
            Self::UpstreamUnavailable | Self::UpstreamSilent => "UPSTREAM_UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// The status of an answer that has nothing but this error.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NotAuthorized | Self::UserTypeUnknown => StatusCode::FORBIDDEN,
            Self::BadRequest | Self::DepthLimit | Self::ComplexityLimit | Self::DocumentNotAllowed => {
                StatusCode::BAD_REQUEST
            }
            Self::UnknownDocument => StatusCode::OK,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy | Self::UpstreamSilent => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamUnavailable => StatusCode::BAD_GATEWAY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// An error with this code.
    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error { source: Some(Arc::new(self)), ..Error::new(message) }
    }

    /// An answer that is nothing but this error.
    pub(super) fn response(self, message: impl Into<String>) -> Response {
        let error = ServerError { source: Some(Arc::new(self)), ..ServerError::new(message, None) };
        Response::from_errors(vec![error])
    }

    /// The code of an error; those that the library finds are about the request.
    pub(super) fn of(error: &ServerError) -> Self {
        error.source().copied().unwrap_or(Self::BadRequest)
    }
}

/// What a field that has no errors of its own makes of a failure.
pub(super) fn top_level(failure: Failure) -> Error {
    match failure {
        Failure::Refused(Refusal::Invalid(failures) | Refusal::Unprocessable(failures)) => {
            let (arguments, messages): (Vec<_>, Vec<_>) = explained(&failures).unzip();
            let arguments: Vec<&str> = arguments.into_iter().filter(|path| !path.is_empty()).collect();
            let error = Code::BadRequest.error(messages.join(" "));
            error.extend_with(|_, extensions| extensions.set("arguments", arguments))
        }
        Failure::Refused(Refusal::Forbidden(texts)) => Code::NotAuthorized.error(texts.join(" ")),
        Failure::Refused(refusal) => Code::BadRequest.error(refusal.to_string()),
        Failure::Platform(failure) => {
            tracing::error!(error = %failure, "the platform failed");
            let code = if failure.is_unavailable { Code::UpstreamSilent } else { Code::UpstreamUnavailable };
            code.error("A service of the platform did not answer; try again later.")
        }
        Failure::NoPlace(refusal) => Code::Busy.error(refusal.to_string()),
        Failure::Store(failure @ (StoreFailure::Busy | StoreFailure::TimedOut | StoreFailure::Conflict)) => {
            tracing::warn!(error = %failure, "the database is too slow");
            Code::Busy.error("The service has too much to do; try again.")
        }
        Failure::Store(failure) => {
            tracing::error!(error = &failure as &dyn std::error::Error, "the database failed");
            Code::Internal.error("An unexpected error has occurred; the trace id leads to its cause.")
        }
    }
}

/// What is wrong, one sentence each, with the path of what it is about.
pub(super) fn explained(failures: &Failures) -> impl Iterator<Item = (&str, String)> {
    // Counts are told twice, for clients of REST that look for the second key.
    let failures = failures.iter().filter(|(key, _)| !key.contains(".count"));
    failures.flat_map(|(key, texts)| {
        // REST names the whole body so.
        let path = key.strip_prefix("dto.").unwrap_or(key);
        texts.iter().map(move |text| (path, sentence(path, text)))
    })
}

/// Like [`explained`], with paths that begin at the argument `input`.
pub(super) fn explained_input(failures: &Failures) -> impl Iterator<Item = (Option<String>, String)> {
    explained(failures).map(|(path, message)| ((!path.is_empty()).then(|| format!("input.{path}")), message))
}

/// Texts of rules on a member have no subject.
pub(super) fn sentence(key: &str, text: &str) -> String {
    let is_whole = key.is_empty() || text.starts_with(|first: char| first.is_uppercase());
    if is_whole { text.to_owned() } else { format!("{key} {text}") }
}
