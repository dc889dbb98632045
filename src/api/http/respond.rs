//! Successful answers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// Media type of successful bodies.
pub const JSON: &str = "application/json; charset=utf-8";

/// 200 with a JSON body.
pub fn json(body: &impl Serialize) -> Response {
    with_json(StatusCode::OK, body)
}

/// 200 with a JSON body in languages that the caller chose: says which ones the texts are in (RFC
/// 9110, section 8.5), and that another choice gives another answer.
pub fn localized(body: &impl Serialize) -> Response {
    let bytes = match serde_json::to_vec(body) {
        Ok(bytes) => bytes,
        Err(error) => return failed(&error),
    };
    let languages = languages_of(&bytes).join(", ");
    let mut response = of_bytes(StatusCode::OK, bytes);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
    if !languages.is_empty()
        && let Ok(languages) = HeaderValue::from_str(&languages)
    {
        headers.insert(header::CONTENT_LANGUAGE, languages);
    }
    response
}

/// Languages of the texts in a document that this service has written, in order. Quotes within texts
/// are escaped, so that nothing but a member looks like one.
fn languages_of(document: &[u8]) -> Vec<&str> {
    const MEMBER: &str = "\"languageCode\":\"";
    let document = std::str::from_utf8(document).unwrap_or_default();
    let codes = document
        .match_indices(MEMBER)
        .filter_map(|(at, _)| document[at + MEMBER.len()..].split_once('"').map(|(code, _)| code));
    codes.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn with_json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => of_bytes(status, bytes),
        Err(error) => failed(&error),
    }
}

fn of_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

fn failed(error: &serde_json::Error) -> Response {
    tracing::error!(%error, "an answer could not be written");
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// 201 with the new id as body, and where it is.
#[must_use]
pub fn created(id: Uuid, location: &str) -> Response {
    let mut response = with_json(StatusCode::CREATED, &id);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Adds the revision as a strong entity tag (RFC 9110, section 8.8.3).
#[must_use]
pub fn with_etag(mut response: Response, revision: Uuid) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// 304 in place of a `response` that may have been compressed: what the client has is current.
#[must_use]
pub fn not_modified(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Response::from_parts(parts, Body::empty())
}

/// A date as HTTP headers have it (RFC 9110, section 5.6.7).
#[must_use]
pub fn http_date(moment: Timestamp) -> String {
    moment.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn languages_are_those_of_the_texts_and_nothing_that_looks_like_it() {
        let text = |code: &str, value: &str| json!({ "languageCode": code, "value": value });
        let body = json!({
            "title": [text("nb", "a"), text("en", r#""languageCode":"xx""#)],
            "items": [{ "summary": [text("nb", "b")] }],
        });
        let response = localized(&body);
        assert_eq!(response.headers()[header::CONTENT_LANGUAGE], "en, nb");
        assert_eq!(response.headers()[header::VARY], "Accept-Language");
        assert!(!localized(&json!([])).headers().contains_key(header::CONTENT_LANGUAGE));
    }
}
