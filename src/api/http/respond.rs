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

fn with_json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
            response
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
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

/// A date as HTTP headers have it (RFC 9110, section 5.6.7).
#[must_use]
pub fn http_date(moment: Timestamp) -> String {
    moment.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
