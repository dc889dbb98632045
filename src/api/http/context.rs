//! What surrounds every request: its trace, its log line, and the rendering of problems.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::problem::Problem;
use crate::clock::Clock;
use crate::telemetry;

/// Name of the matched route, for log lines: never the path itself, which may hold identifiers.
#[derive(Clone)]
struct Route(String);

/// Literal path segments count without regard to case, and one trailing slash does not count. All
/// that is variable under `/api` is a UUID or a label, for which case does not count either.
#[must_use]
pub fn normalize<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let path = request.uri().path();
    let is_api = path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("/api/"));
    let trailing = path.len() > 1 && path.ends_with('/');
    let original = path.to_owned();
    if trailing || (is_api && path.bytes().any(|b| b.is_ascii_uppercase())) {
        let path = if trailing { &path[..path.len() - 1] } else { path };
        let path = if is_api { path.to_ascii_lowercase() } else { path.to_owned() };
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        if let Ok(uri) = Uri::try_from(format!("{path}{query}")) {
            *request.uri_mut() = uri;
        }
    }
    request.extensions_mut().insert(RequestPath(original));
    request
}

/// The path as the client wrote it.
#[derive(Clone)]
struct RequestPath(String);

/// The request's trace, as errors show it.
#[derive(Clone, Debug, Default)]
pub struct TraceId(pub String);

/// W3C Trace Context: the caller's trace is continued, or a new one begun.
fn trace(headers: &HeaderMap, clock: &Clock) -> String {
    let mut ids = clock.ids(clock.now());
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|value| {
        let mut parts = value.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let zero = |text: &str| text.bytes().all(|b| b == b'0');
        let valid = hex(version, 2)
            && version != "ff"
            && hex(trace, 32)
            && !zero(trace)
            && hex(span, 16)
            && !zero(span)
            && hex(flags, 2);
        valid.then(|| (trace.to_owned(), flags.to_owned()))
    });
    let (trace, flags) = given.unwrap_or_else(|| (ids.revision().simple().to_string(), "00".to_owned()));
    let span = &ids.revision().simple().to_string()[16..];
    format!("00-{trace}-{span}-{flags}")
}

/// Headers of an answer that its problem document has, too.
const KEPT: [HeaderName; 5] = [
    header::ALLOW,
    header::WWW_AUTHENTICATE,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::VARY,
];

/// Gives the request a trace, renders problems, protects answers from caches, and logs one line.
pub async fn surround(clock: Clock, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<RequestPath>().map_or_else(String::new, |path| path.0.clone());
    let method = request.method().clone();
    let trace_id = trace(request.headers(), &clock);
    let span = tracing::info_span!("request", trace_id = trace_id.get(3..35).unwrap_or_default());
    let is_authenticated = request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(TraceId(trace_id.clone()));

    let work = next.run(request).instrument(span.clone());
    let mut response = telemetry::traced(trace_id.clone(), work).await;
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| unrendered(&response));
    let route = response.extensions_mut().remove::<Route>();
    if let Some(problem) = problem {
        let headers = std::mem::take(response.headers_mut());
        response = problem.render(&path, &trace_id);
        for name in KEPT {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().entry(name).or_insert(value.clone());
            }
        }
        if method == Method::HEAD {
            // The length is that of what GET would have given.
            let length = axum::body::HttpBody::size_hint(response.body()).exact();
            *response.body_mut() = axum::body::Body::empty();
            if let Some(length) = length {
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
    }
    let headers = response.headers_mut();
    if is_authenticated || response_is_private(&path) {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    span.in_scope(|| {
        let route = route.as_ref().map_or("", |route| route.0.as_str());
        let status = response.status().as_u16();
        let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
        // Probes come every few seconds and say nothing as long as they are answered.
        if route.starts_with("/health") && response.status().is_success() {
            tracing::debug!(%method, route, status, duration_ms, "request");
        } else {
            tracing::info!(%method, route, status, duration_ms, "request");
        }
    });
    response
}

fn response_is_private(path: &str) -> bool {
    path.starts_with("/api/v1/serviceowner") || path.starts_with("/api/v1/enduser")
}

/// Errors that a layer answered without a problem document.
fn unrendered(response: &Response) -> Option<Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    (is_error && !response.headers().contains_key(header::CONTENT_TYPE)).then(|| Problem::new(status))
}

/// Remembers the route that matched, for the log line.
pub async fn remember_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| Route(path.as_str().to_owned()));
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// The answer to a path that leads nowhere.
pub async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND)
}

/// The answer to a method that a path does not have; `OPTIONS` is answered with the ones it has.
/// The router adds the header `Allow`.
pub async fn method_not_allowed(method: Method) -> Response {
    use axum::response::IntoResponse;
    if method == Method::OPTIONS {
        super::respond::no_content()
    } else {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED).into_response()
    }
}
