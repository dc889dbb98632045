//! Server-sent events (HTML Living Standard, section 9.2).

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use crate::api::ApiState;
use crate::app::{Follow, Followed};

/// How long a stream is silent at most.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Answers with what a follower hears, until one of the two goes away.
pub fn respond(api: ApiState, follow: Follow, method: &Method) -> Response {
    let body = if *method == Method::HEAD { Body::empty() } else { Body::from_stream(frames(api, follow)) };
    response(body)
}

/// An answer with these events.
pub fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    // Some proxies keep back what comes in small pieces.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn frames(api: ApiState, follow: Follow) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    // At once, so that the client knows that it is heard.
    let opening = stream::once(async { Ok(Bytes::from_static(b": open\nretry: 2000\n\n")) });
    let frames = stream::unfold((api, follow), |(api, mut follow)| async move {
        let followed = follow.next(&api.app).await?;
        Some((Ok(frame(&followed)), (api, follow)))
    });
    stream::StreamExt::chain(opening, frames)
}

fn frame(followed: &Followed) -> Bytes {
    let mut text = String::new();
    let _ = match followed {
        Followed::Event(mark, event) => {
            // JSON has no line breaks of its own.
            write!(text, "id: {mark}\ndata: {}\n\n", serde_json::to_string(event).unwrap_or_default())
        }
        Followed::Silence => write!(text, ": \n\n"),
        Followed::Missed => write!(text, "event: reset\ndata: {{}}\n\n"),
        Followed::End(end) => write!(text, "event: end\ndata: {{\"reason\":\"{}\"}}\n\n", end.name()),
    };
    text.into()
}
