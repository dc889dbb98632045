//! Which SQL statements a request costs.
//!
//! sqlx tells of every statement as an event; the event lies inside the span of the request, which
//! carries the trace id that the client sent.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use dialogporten::clock::Clock;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Instrument, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::client::{Answer, Call};

/// Statements by trace id, of the traces that are watched.
static STATEMENTS: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

fn statements() -> MutexGuard<'static, Option<HashMap<String, Vec<String>>>> {
    STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plans by trace id, of the traces that are watched.
static PLANS: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

fn plans() -> MutexGuard<'static, Option<HashMap<String, Vec<String>>>> {
    PLANS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the call and gives the statements that it cost.
pub async fn of(call: Call) -> (Answer, Vec<String>) {
    let clock = Clock::system();
    let trace = clock.ids(clock.now()).revision().simple().to_string();
    in_trace(&trace, call.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))).await
}

/// Does the work and gives the statements of this trace.
pub async fn in_trace<T>(trace: &str, work: impl IntoFuture<Output = T>) -> (T, Vec<String>) {
    statements().get_or_insert_default().insert(trace.to_owned(), Vec::new());
    let answer = work.await;
    let cost = statements().get_or_insert_default().remove(trace).unwrap_or_default();
    (answer, cost)
}

/// Makes the call and gives the plans of its statements, as far as the database server explains them
/// (see [`EXPLAIN`]).
pub async fn plans_of(call: Call) -> (Answer, Vec<Value>) {
    watched(|trace| call.header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))).await
}

/// Does what is no call, and gives the plans in the same way.
pub async fn plans_of_work<T>(work: impl Future<Output = T>) -> (T, Vec<Value>) {
    watched(|trace| work.instrument(tracing::info_span!(target: "dialogporten", "work", trace_id = trace)))
        .await
}

async fn watched<W: IntoFuture>(work: impl FnOnce(&str) -> W) -> (W::Output, Vec<Value>) {
    let clock = Clock::system();
    let trace = clock.ids(clock.now()).revision().simple().to_string();
    plans().get_or_insert_default().insert(trace.clone(), Vec::new());
    let done = work(&trace).await;
    let plans = plans().get_or_insert_default().remove(&trace).unwrap_or_default();
    (done, plans.iter().map(|plan| serde_json::from_str(plan).expect("a plan")).collect())
}

/// Lets the server explain all statements on a database, to whoever sends them, after they are done.
pub const EXPLAIN: &str = "do $$ declare setting text; begin
    foreach setting in array array[
        'session_preload_libraries = auto_explain', 'auto_explain.log_min_duration = 0',
        'auto_explain.log_analyze = on', 'auto_explain.log_timing = off', 'auto_explain.log_buffers = on',
        'auto_explain.log_format = json',
        'auto_explain.log_level = warning', 'log_min_messages = error'
    ] loop
        execute format('alter database %I set %s', current_database(), setting);
    end loop;
end $$";

/// Starts to listen. Later calls have no effect.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let heard = Targets::new()
            .with_target("dialogporten", Level::INFO)
            .with_target(SQLX, Level::DEBUG)
            .with_target(NOTICE, Level::WARN);
        tracing_subscriber::registry().with(Listener.with_filter(heard)).init();
    });
}

const SQLX: &str = "sqlx::query";
/// What the server says beside its answers.
const NOTICE: &str = "sqlx::postgres::notice";

struct Listener;

struct TraceId(String);

/// The text of one field.
struct Text {
    field: &'static str,
    value: Option<String>,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.field {
            self.value = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == self.field {
            self.value = Some(format!("{value:?}"));
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut trace = Text { field: "trace_id", value: None };
        attributes.record(&mut trace);
        if let (Some(trace), Some(span)) = (trace.value, context.span(id)) {
            span.extensions_mut().insert(TraceId(trace));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let target = event.metadata().target();
        if target != SQLX && target != NOTICE {
            return;
        }
        let trace = context.event_scope(event).into_iter().flatten().find_map(|span| {
            let extensions = span.extensions();
            extensions.get::<TraceId>().map(|TraceId(trace)| trace.clone())
        });
        let Some(trace) = trace else { return };
        let text_of = |field| {
            let mut text = Text { field, value: None };
            event.record(&mut text);
            text.value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        if target == SQLX {
            // A statement that the summary tells in full is told only there.
            let told = ["db.statement", "summary"].into_iter().find_map(text_of);
            if let Some(cost) = statements().get_or_insert_default().get_mut(&trace) {
                cost.push(told.unwrap_or_default());
            }
        } else if let Some(text) = text_of("message")
            && let Some((_, plan)) = text.split_once("plan:\n")
            && let Some(plans) = plans().get_or_insert_default().get_mut(&trace)
        {
            plans.push(plan.to_owned());
        }
    }
}
