//! Answers as server-sent events: the protocol GraphQL over SSE, one connection for each operation.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use async_graphql::Response as Event;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream, Stream};

use super::http::{Told, with_mark};
use super::subscription::Marks;
use crate::api::http::context::TraceId;
use crate::api::http::event_stream;

/// Empty data, without which browsers do not tell of an event.
const COMPLETE: &str = "event: complete\ndata:\n\n";

/// Answers a subscription: with its events, until one of the two goes away.
pub(super) fn subscription(
    events: BoxStream<'static, Event>,
    marks: Arc<Marks>,
    trace: TraceId,
    method: &Method,
) -> Response {
    let body =
        if *method == Method::HEAD { Body::empty() } else { Body::from_stream(frames(events, marks, trace)) };
    respond(body)
}

/// Answers with what has one answer.
pub(super) fn single(document: &Told, headers: HeaderMap) -> Response {
    let mut response = respond(Body::from([&next(document, None), COMPLETE.as_bytes()].concat()));
    response.headers_mut().extend(headers);
    response
}

fn respond(body: Body) -> Response {
    let mut response = event_stream::response(body);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Language"));
    response
}

fn frames(
    events: BoxStream<'static, Event>,
    marks: Arc<Marks>,
    trace: TraceId,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut opening = ": open\n\n".to_owned();
    if let Some(start) = marks.reached() {
        // A client that loses the connection before the first event misses nothing either.
        let _ = write!(opening, "id: {start}\n\n");
    }
    let opening = stream::once(async { Ok(Bytes::from(opening)) });
    let frames = stream::unfold(Some((events, marks, trace)), |state| async {
        let (mut events, marks, trace) = state?;
        Some(match tokio::time::timeout(event_stream::HEARTBEAT, events.next()).await {
            Err(_) => (Ok(Bytes::from_static(b": \n\n")), Some((events, marks, trace))),
            Ok(None) => (Ok(Bytes::from_static(COMPLETE.as_bytes())), None),
            Ok(Some(event)) => {
                let mark = marks.reached().map(|mark| mark.to_string());
                let document = with_mark(event, mark.as_deref(), &trace);
                (Ok(next(&document, mark.as_deref()).into()), Some((events, marks, trace)))
            }
        })
    });
    opening.chain(frames)
}

fn next(document: &Told, mark: Option<&str>) -> Vec<u8> {
    // JSON has no line breaks of its own.
    let mark = mark.map(|mark| format!("id: {mark}\n")).unwrap_or_default();
    let begin = format!("event: next\n{mark}data: ");
    [begin.as_bytes(), &document.to_json(), b"\n\n"].concat()
}
