//! Faults that can be put into the sandbox's platform, to see what the service makes of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};

/// What goes wrong below a path.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fault {
    /// Start of the paths, without the prefix of the sandbox's platform: `/authorization`.
    path: String,
    /// Seconds to wait before the answer.
    #[serde(default)]
    delay: f64,
    /// Status instead of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Whether the answer is something else than what was asked for.
    #[serde(default)]
    garbage: bool,
    /// Whether the last one of several results is missing.
    #[serde(default)]
    fewer: bool,
    /// How often; until removed, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
}

/// The faults there are.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// `POST` adds one fault, or a list of them; `GET` shows all, `DELETE` removes all.
    pub fn router(&self) -> Router {
        let methods = get(show).post(add).delete(clear);
        Router::new().route("/sandbox/faults", methods).with_state(self.clone())
    }

    fn all(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first fault for this path, which is used up by it.
    fn take(&self, path: &str) -> Option<Fault> {
        let mut all = self.all();
        let place = all.iter().position(|fault| path.starts_with(&fault.path))?;
        let fault = all[place].clone();
        if let Some(times) = &mut all[place].times {
            *times -= 1;
            if *times == 0 {
                all.remove(place);
            }
        }
        Some(fault)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Fault),
    Many(Vec<Fault>),
}

async fn show(State(faults): State<Faults>) -> Response {
    as_json(&faults.all())
}

async fn add(State(faults): State<Faults>, body: Bytes) -> Response {
    let added = match serde_json::from_slice(&body) {
        Ok(OneOrMany::One(fault)) => vec![fault],
        Ok(OneOrMany::Many(added)) => added,
        Err(_) => Vec::new(),
    };
    let is_sound = |fault: &Fault| {
        (0.0..=300.0).contains(&fault.delay)
            && fault.times != Some(0)
            && fault.status.is_none_or(|status| StatusCode::from_u16(status).is_ok())
    };
    if added.is_empty() || !added.iter().all(is_sound) {
        let usage = r#"Expected {"path": "/authorization", "delay": 30, "status": 503, "garbage": true, "fewer": true, "times": 1}, of which only path is needed, or a list of these. The delay is in seconds, 300 at most."#;
        return (StatusCode::BAD_REQUEST, usage).into_response();
    }
    faults.all().extend(added);
    as_json(&faults.all())
}

async fn clear(State(faults): State<Faults>) -> StatusCode {
    faults.all().clear();
    StatusCode::NO_CONTENT
}

fn as_json(faults: &[Fault]) -> Response {
    let body = serde_json::to_vec(faults).unwrap_or_default();
    ([(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Lets happen what is meant to go wrong with a request to the platform, which is below `prefix`.
pub(super) async fn interfere(
    faults: Faults,
    prefix: &'static str,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let path = uri.path().strip_prefix(prefix).unwrap_or(uri.path());
    let Some(fault) = faults.take(path) else { return next.run(request).await };
    tokio::time::sleep(Duration::from_secs_f64(fault.delay)).await;
    if let Some(status) = fault.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        return (status, "a fault of the sandbox").into_response();
    }
    if fault.garbage {
        return (StatusCode::OK, "<html>what you did not expect</html>").into_response();
    }
    let response = next.run(request).await;
    if fault.fewer { without_last_result(response).await } else { response }
}

async fn without_last_result(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let results = match &mut value {
        serde_json::Value::Object(object) => object.values_mut().find_map(serde_json::Value::as_array_mut),
        other => other.as_array_mut(),
    };
    let Some(results) = results else { return Response::from_parts(parts, Body::from(body)) };
    results.pop();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}
