//! What is measured about events.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::store::Backlog;

const QUEUE_SIZE: &str = "dialogporten_outbox_queue_size";
const HELD: &str = "dialogporten_events_held";
const PENDING: &str = "dialogporten_events_pending";
const OLDEST: &str = "dialogporten_events_oldest_pending_age_seconds";
const DISABLED: &str = "dialogporten_events_sink_disabled";
const PUBLISHED: &str = "dialogporten_events_published_total";
const DEAD: &str = "dialogporten_events_dead_total";
const PUBLISH: &str = "dialogporten_events_publish_duration_seconds";
const COMMIT_TO_PUBLISH: &str = "dialogporten_events_commit_to_publish_seconds";

const STREAMS: &str = "dialogporten_event_streams_open";

/// Says what is measured.
pub fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_gauge!(QUEUE_SIZE, "Rows of the outbox that the sink which is furthest behind has not got.");
    describe_gauge!(HELD, "Rows that are held until their dialog is visible.");
    describe_gauge!(
        PENDING,
        "What a sink has not got: rows waiting, events to be tried again, events given up."
    );
    describe_gauge!(OLDEST, "Age of the oldest event that a sink has not got.");
    describe_gauge!(DISABLED, "1 for a sink that has said that it is gone and was not enabled since.");
    describe_counter!(PUBLISHED, "Deliveries, by how they ended: delivered, failed, refused.");
    describe_counter!(DEAD, "Events that were given up: refused by the sink, or tried for too long.");
    describe_gauge!(STREAMS, "Event streams of end users that are open on this instance.");
    describe_histogram!(PUBLISH, "How long a delivery takes.");
    describe_histogram!(COMMIT_TO_PUBLISH, "From the change to the end of the delivery.");
}

/// Notes how the log stands.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
pub fn backlog(backlog: &Backlog) {
    let longest = backlog.sinks.iter().map(|sink| sink.waiting + sink.parked).max().unwrap_or(0);
    gauge!(QUEUE_SIZE).set(longest as f64);
    gauge!(HELD).set(backlog.held as f64);
    for state in &backlog.sinks {
        for (name, count) in [("waiting", state.waiting), ("parked", state.parked), ("dead", state.dead)] {
            gauge!(PENDING, "sink" => state.sink.clone(), "state" => name).set(count as f64);
        }
        gauge!(OLDEST, "sink" => state.sink.clone()).set(state.oldest_seconds);
        gauge!(DISABLED, "sink" => state.sink.clone())
            .set(f64::from(u8::from(state.disabled_since.is_some())));
    }
}

/// Notes that a stream of an end user was opened.
pub(super) fn stream_opened() {
    gauge!(STREAMS).increment(1.0);
}

/// Notes that a stream of an end user came to its end.
pub(super) fn stream_closed() {
    gauge!(STREAMS).decrement(1.0);
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Delivered,
    Failed,
    Refused,
}

/// Notes a delivery.
pub(super) fn delivery(sink: &str, kind: &str, outcome: Outcome, took: Duration, since_commit: f64) {
    let name = match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Failed => "failed",
        Outcome::Refused => "refused",
    };
    counter!(PUBLISHED, "sink" => sink.to_owned(), "type" => kind.to_owned(), "outcome" => name).increment(1);
    histogram!(PUBLISH, "sink" => sink.to_owned()).record(took.as_secs_f64());
    if outcome == Outcome::Delivered {
        histogram!(COMMIT_TO_PUBLISH, "sink" => sink.to_owned()).record(since_commit);
    }
}

/// Notes that an event was given up.
pub(super) fn dead(sink: &str, reason: &'static str) {
    counter!(DEAD, "sink" => sink.to_owned(), "reason" => reason).increment(1);
}
