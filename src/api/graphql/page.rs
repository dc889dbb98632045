//! The page on which browsers write queries: `GraphiQL`, from inside the binary. Only the sandbox has it.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::http::problem::Problem;

const PAGE: &str = include_str!("../../../assets/graphiql/index.html");
const OWN_SCRIPT: &str = include_str!("../../../assets/graphiql/page.js");
const SCRIPT: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.js.gz");
const STYLE: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.css.gz");

/// Whatever the page loads, or is made to load, comes from this service. The editor sets styles by script.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page.
pub(super) fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, PAGE).into_response()
}

/// What the page loads.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "page.js" => {
            let headers = [
                (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, OWN_SCRIPT).into_response()
        }
        "graphiql.js" => packed("text/javascript; charset=utf-8", SCRIPT),
        "graphiql.css" => packed("text/css; charset=utf-8", STYLE),
        _ => Problem::new(StatusCode::NOT_FOUND).into_response(),
    }
}

/// Of `GraphiQL` itself, whose version is in the link. All browsers read gzip.
fn packed(media_type: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, bytes).into_response()
}
