//! What was measured.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::telemetry;

/// In the text format of Prometheus.
pub(super) async fn metrics() -> Response {
    match telemetry::metrics() {
        Some(handle) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, handle.render()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
