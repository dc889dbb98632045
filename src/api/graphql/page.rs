//! The page on which browsers write queries: `GraphiQL`, from inside the binary. Only the sandbox has it.

use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::http::problem::Problem;

const PAGE: &str = include_str!("../../../assets/graphiql/index.html");
const SCRIPT: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.js.gz");
const STYLE: &[u8] = include_bytes!("../../../assets/graphiql/graphiql.css.gz");

/// The page.
pub(super) fn page() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], PAGE)
        .into_response()
}

/// What the page loads. All browsers read gzip.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (media_type, bytes) = match name.as_str() {
        "graphiql.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "graphiql.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Problem::new(StatusCode::NOT_FOUND).into_response(),
    };
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, bytes).into_response()
}
