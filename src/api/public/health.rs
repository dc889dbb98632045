//! Whether the service is alive, and whether it should get traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::api::ApiState;
use crate::api::http::respond;

/// Whether the instance wants traffic; it no longer does once it is being stopped.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// From now on readiness answers 503.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

struct Check {
    name: &'static str,
    tags: &'static [&'static str],
    is_healthy: bool,
    duration: Duration,
}

/// The process is alive; nothing else is asked.
pub(super) async fn liveness() -> Response {
    report(&[Check { name: "self", tags: &["self"], is_healthy: true, duration: Duration::ZERO }])
}

/// The database answers, and the instance is not being stopped.
pub(super) async fn readiness(State(api): State<ApiState>) -> Response {
    let started = Instant::now();
    let answer = tokio::time::timeout(Duration::from_secs(2), api.app.store.ping()).await;
    let postgres = Check {
        name: "postgres",
        tags: &["dependencies", "critical"],
        is_healthy: matches!(answer, Ok(Ok(()))),
        duration: started.elapsed(),
    };
    let serving = Check {
        name: "serving",
        tags: &["self"],
        is_healthy: !api.readiness.is_stopping(),
        duration: Duration::ZERO,
    };
    report(&[postgres, serving])
}

fn report(checks: &[Check]) -> Response {
    let text = |is_healthy| if is_healthy { "Healthy" } else { "Unhealthy" };
    let entries: Map<String, Value> = checks
        .iter()
        .map(|check| {
            let entry = json!({
                "data": {},
                "duration": clock_face(check.duration),
                "status": text(check.is_healthy),
                "tags": check.tags,
            });
            (check.name.to_owned(), entry)
        })
        .collect();
    let is_healthy = checks.iter().all(|check| check.is_healthy);
    let total = checks.iter().map(|check| check.duration).sum();
    let body = json!({ "status": text(is_healthy), "totalDuration": clock_face(total), "entries": entries });
    let mut response = respond::json(&body);
    if !is_healthy {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// `hh:mm:ss.fffffff`
fn clock_face(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let ticks = duration.subsec_nanos() / 100;
    format!("{:02}:{:02}:{:02}.{ticks:07}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
