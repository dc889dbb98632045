//! Logs: readable messages, queryable fields, never identity numbers or secrets. And metrics, and the
//! trace that a request belongs to.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

/// Starts writing logs to standard error. Later calls have no effect.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // Colours are for people at a terminal.
    let lines = lines.with_ansi(std::io::stderr().is_terminal());
    let _ = match settings.log_format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        // The list of spans would only repeat the current one, the request.
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
    };
}

/// Upper ends of what durations are counted in, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// What was measured in this process, as Prometheus reads it. `None` when something else collects it.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS).ok()?;
        let handle = builder.install_recorder().ok()?;
        crate::events::metrics::describe();
        Some(handle)
    };
    HANDLE.get_or_init(install).as_ref()
}

tokio::task_local! {
    static TRACEPARENT: String;
}

/// Does the work of a request that belongs to a trace (W3C Trace Context).
pub async fn traced<T>(traceparent: String, work: impl Future<Output = T>) -> T {
    TRACEPARENT.scope(traceparent, work).await
}

/// The trace that the request which is being worked on belongs to.
#[must_use]
pub fn traceparent() -> Option<String> {
    TRACEPARENT.try_with(Clone::clone).ok()
}

/// Keeps what was measured in little space, as long as the process lives.
pub async fn keep_metrics() {
    loop {
        if let Some(handle) = metrics() {
            handle.run_upkeep();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
