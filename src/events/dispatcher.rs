//! Gives the events of the log to the sinks.
//!
//! Instances share the lanes of each sink: one that has something to do is taken by whoever comes first,
//! for one batch, and held with a lease that is renewed, so that a lane whose holder dies is free again
//! after seconds. Within a lane the events of one dialog go one after the other, dialogs side by side.
//! What is not taken is parked with what follows of the same dialog, and the lane goes on; when a sink
//! takes nothing at all, the lane waits where it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::POLL;
use super::cloud_event::{CloudEvent, CloudEvents};
use super::metrics::{self, Outcome};
use super::sinks::{NotTaken, Sink};
use crate::clock::Clock;
use crate::store::{Claim, Lane, LaneEnd, LogEntry, Parked, Position, Store, StoreFailure};

/// For how long a lane stays taken after its holder has died.
const LEASE: Duration = Duration::from_secs(5);

/// How many lanes an instance works on at a time.
const WORKERS: usize = 4;

/// How many rows of the log are read at once; few while a sink fails.
const WINDOW: i64 = 1_000;
const PROBE: i64 = 8;

/// How many dialogs with parked events are looked at at once, and how many events.
const DUE_DIALOGS: i64 = 64;
const DUE_EVENTS: i64 = 500;

/// From how many dialogs on, all of which fail, the sink as a whole is taken to fail.
const OUTAGE: usize = 3;

/// Longest time between two tries, of one event and of a sink that fails as a whole.
const LONGEST_RETRY: Duration = Duration::from_mins(15);
const LONGEST_OUTAGE: Duration = Duration::from_secs(30);

/// How deliveries are made.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Deliveries to a sink at a time, for each lane.
    pub concurrency: usize,
    /// First pause before an event is tried again; each one after it is twice as long.
    pub retry_after: Duration,
    /// For how long an event is tried.
    pub give_up_after: Duration,
}

/// Gives the events of the log to the sinks.
pub struct Dispatcher {
    store: Store,
    clock: Clock,
    events: CloudEvents,
    sinks: HashMap<&'static str, Arc<dyn Sink>>,
    names: Vec<String>,
    patience: Patience,
}

/// An event to be delivered.
struct Delivery {
    row: Position,
    index: i16,
    dialog: Uuid,
    /// How often it was tried.
    attempts: i32,
    /// For how long.
    age: Duration,
    /// Whether it waits behind what is parked, and so is not tried.
    is_queued: bool,
    /// `None`: it is not told any more.
    event: Option<CloudEvent>,
    occurred_at: Option<crate::timestamp::Timestamp>,
}

/// How the deliveries of one dialog went.
#[derive(Default)]
struct Went {
    delivered: Vec<Parked>,
    not_delivered: Vec<Parked>,
    /// How many the sink took.
    taken: usize,
    /// Whether the sink failed in a way that may pass.
    failed: bool,
    /// How long it wants to be left alone.
    retry_after: Option<Duration>,
}

impl Dispatcher {
    /// Between the log of `store` and `sinks`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        events: CloudEvents,
        sinks: Vec<Arc<dyn Sink>>,
        patience: Patience,
    ) -> Self {
        let names = sinks.iter().map(|sink| sink.name().to_owned()).collect();
        let sinks = sinks.into_iter().map(|sink| (sink.name(), sink)).collect();
        Self { store, clock, events, sinks, names, patience }
    }

    /// Starts the workers.
    pub fn start(
        self: Arc<Self>,
        bell: &watch::Receiver<u64>,
        stopped: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let work = |_| tokio::spawn(Arc::clone(&self).work(bell.clone(), stopped.clone()));
        (0..WORKERS).map(work).collect()
    }

    async fn work(self: Arc<Self>, mut bell: watch::Receiver<u64>, mut stopped: watch::Receiver<bool>) {
        let mut is_registered = false;
        while !*stopped.borrow() {
            bell.mark_unchanged();
            let turn = async {
                if !is_registered {
                    self.store.register_sinks(&self.names).await?;
                    is_registered = true;
                }
                self.turn().await
            };
            let pause = match turn.await {
                Ok(true) => continue,
                Ok(false) => POLL,
                Err(error) => {
                    tracing::warn!(%error, "events are not delivered");
                    POLL
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                _ = tokio::time::timeout(pause, bell.changed()) => {}
            }
        }
    }

    /// Works on one lane. Tells whether there was one with something to do.
    ///
    /// # Errors
    /// When the database fails; what was delivered is delivered again.
    pub async fn turn(&self) -> Result<bool, StoreFailure> {
        let holder = self.clock.ids(self.clock.now()).revision();
        let claim = Claim { holder, lease: LEASE };
        let Some(lane) = self.store.claim_lane(&self.names, claim).await? else { return Ok(false) };
        let Some(sink) = self.sinks.get(lane.sink.as_str()) else { return Ok(false) };
        let is_lost = AtomicBool::new(false);
        tokio::select! {
            done = self.work_on(&lane, claim, sink.as_ref(), &is_lost) => done?,
            () = self.renew(&lane, claim, &is_lost) => {}
        }
        Ok(true)
    }

    /// Keeps the lane until it is lost.
    async fn renew(&self, lane: &Lane, claim: Claim, is_lost: &AtomicBool) {
        let mut held_until = Instant::now() + LEASE;
        loop {
            tokio::time::sleep(LEASE / 4).await;
            match self.store.renew_lane(lane, claim).await {
                Ok(true) => held_until = Instant::now() + LEASE,
                Ok(false) => break,
                Err(_) if Instant::now() < held_until => {}
                Err(_) => break,
            }
        }
        is_lost.store(true, Ordering::SeqCst);
        tracing::warn!(sink = lane.sink, lane = lane.number, "somebody else has taken over the lane");
    }

    async fn work_on(
        &self,
        lane: &Lane,
        claim: Claim,
        sink: &dyn Sink,
        is_lost: &AtomicBool,
    ) -> Result<(), StoreFailure> {
        let mut end =
            LaneEnd { reached: lane.reached, failures: 0, pause: Duration::ZERO, parked: Vec::new() };
        if lane.has_due {
            let went = self.retry(lane, claim, sink, is_lost).await?;
            if let Some(pause) = self.outage(lane, &went) {
                (end.failures, end.pause) = (lane.failures + 1, pause);
                self.store.finish_lane(lane, claim, end).await?;
                return Ok(());
            }
        }
        let limit = if lane.failures > 0 { PROBE } else { WINDOW };
        let (reached, entries) = self.store.lane_window(lane, limit).await?;
        let entries = entries.into_iter().flat_map(|(entry, is_queued)| self.deliveries(&entry, is_queued));
        let went = self.deliver(sink, by_dialog(entries), is_lost).await;
        if let Some(pause) = self.outage(lane, &went) {
            (end.failures, end.pause) = (lane.failures + 1, pause);
        } else {
            end.reached = reached;
            end.parked = went.into_iter().flat_map(|went| went.not_delivered).collect();
        }
        self.store.finish_lane(lane, claim, end).await?;
        Ok(())
    }

    /// Tries parked events again.
    async fn retry(
        &self,
        lane: &Lane,
        claim: Claim,
        sink: &dyn Sink,
        is_lost: &AtomicBool,
    ) -> Result<Vec<Went>, StoreFailure> {
        let due = self.store.due_events(lane, DUE_DIALOGS, DUE_EVENTS).await?;
        let deliveries = due.into_iter().map(|retried| {
            let told = self.events.told(&retried.entry);
            let event = told.into_iter().find(|(index, _)| is_index(*index, retried.index));
            Delivery {
                row: retried.entry.position,
                index: retried.index,
                dialog: retried.entry.dialog,
                attempts: retried.attempts,
                age: retried.age,
                is_queued: false,
                event: event.map(|(_, event)| event),
                occurred_at: retried.entry.batch.occurred_at,
            }
        });
        let went = self.deliver(sink, by_dialog(deliveries), is_lost).await;
        let (mut delivered, mut failed) = (Vec::new(), Vec::new());
        for went in &went {
            delivered.extend(went.delivered.iter().cloned());
            // Those behind it go on waiting as they are.
            failed.extend(went.not_delivered.iter().filter(|p| p.reason.is_some()).cloned());
        }
        self.store.finish_due(lane, claim, &delivered, &failed).await?;
        Ok(went)
    }

    /// The events of an entry, for the first time.
    fn deliveries(&self, entry: &LogEntry, is_queued: bool) -> Vec<Delivery> {
        let delivery = |(index, event): (usize, CloudEvent)| Delivery {
            row: entry.position,
            index: i16::try_from(index).unwrap_or(i16::MAX),
            dialog: entry.dialog,
            attempts: 0,
            age: Duration::ZERO,
            is_queued,
            event: Some(event),
            occurred_at: entry.batch.occurred_at,
        };
        self.events.told(entry).into_iter().map(delivery).collect()
    }

    /// Delivers to dialogs side by side.
    async fn deliver(&self, sink: &dyn Sink, dialogs: Vec<Vec<Delivery>>, is_lost: &AtomicBool) -> Vec<Went> {
        let deliveries = dialogs.into_iter().map(|dialog| self.deliver_in_order(sink, dialog, is_lost));
        stream::iter(deliveries).buffer_unordered(self.patience.concurrency.max(1)).collect().await
    }

    /// Delivers the events of one dialog until one is not taken.
    async fn deliver_in_order(&self, sink: &dyn Sink, dialog: Vec<Delivery>, is_lost: &AtomicBool) -> Went {
        let mut went = Went::default();
        let mut is_blocked = false;
        for delivery in dialog {
            is_blocked |= delivery.is_queued;
            let mut parked = Parked {
                row: delivery.row,
                index: delivery.index,
                dialog: delivery.dialog,
                attempts: delivery.attempts,
                retry_in: None,
                is_dead: false,
                reason: None,
            };
            let Some(event) = delivery.event.as_ref() else {
                went.delivered.push(parked);
                continue;
            };
            if is_blocked || is_lost.load(Ordering::SeqCst) {
                is_blocked = true;
                went.not_delivered.push(parked);
                continue;
            }
            let not_taken = match self.attempt(sink, event, delivery.occurred_at).await {
                Ok(()) => {
                    went.taken += 1;
                    went.delivered.push(parked);
                    continue;
                }
                Err(not_taken) => not_taken,
            };
            parked.attempts += 1;
            parked.reason = Some(not_taken.to_string());
            match not_taken {
                NotTaken::Ever { .. } => {
                    // It was answered, so the sink as such works.
                    went.taken += 1;
                    parked.is_dead = true;
                    metrics::dead(sink.name(), "refused");
                }
                NotTaken::ForNow { .. } if delivery.age >= self.patience.give_up_after => {
                    parked.is_dead = true;
                    metrics::dead(sink.name(), "given up");
                }
                NotTaken::ForNow { retry_after, .. } => {
                    is_blocked = true;
                    went.failed = true;
                    went.retry_after = retry_after;
                    let wait = self.backoff(parked.attempts, LONGEST_RETRY);
                    // Half of it may be left to chance.
                    parked.retry_in = Some(wait.max(retry_after.unwrap_or_default() * 2));
                }
            }
            if parked.is_dead {
                tracing::warn!(sink = sink.name(), event = %event.id, reason = parked.reason, "an event was given up");
            }
            went.not_delivered.push(parked);
        }
        went
    }

    async fn attempt(
        &self,
        sink: &dyn Sink,
        event: &CloudEvent,
        occurred_at: Option<crate::timestamp::Timestamp>,
    ) -> Result<(), NotTaken> {
        let started = Instant::now();
        let taken = sink.deliver(event).await;
        let outcome = match &taken {
            Ok(()) => Outcome::Delivered,
            Err(NotTaken::ForNow { .. }) => Outcome::Failed,
            Err(NotTaken::Ever { .. }) => Outcome::Refused,
        };
        let now = self.clock.now().unix_microseconds();
        let since = occurred_at.map_or(0, |at| now.saturating_sub(at.unix_microseconds())).max(0);
        let since = Duration::from_micros(since.unsigned_abs()).as_secs_f64();
        metrics::delivery(sink.name(), &event.r#type, outcome, started.elapsed(), since);
        taken
    }

    /// For how long to leave a sink alone that took nothing from anybody.
    fn outage(&self, lane: &Lane, went: &[Went]) -> Option<Duration> {
        let failed = went.iter().filter(|went| went.failed).count();
        let enough = if lane.failures > 0 { 1 } else { OUTAGE };
        if failed < enough || went.iter().any(|went| went.taken > 0) {
            return None;
        }
        let wished = went.iter().filter_map(|went| went.retry_after).max().unwrap_or_default();
        Some(self.backoff(lane.failures + 1, LONGEST_OUTAGE).max(wished * 2))
    }

    /// Twice as long after each failure.
    fn backoff(&self, failures: i32, longest: Duration) -> Duration {
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(20);
        self.patience.retry_after.saturating_mul(1 << doublings).min(longest)
    }
}

fn is_index(index: usize, wanted: i16) -> bool {
    i16::try_from(index).is_ok_and(|index| index == wanted)
}

/// The deliveries of each dialog, in order; dialogs in the order of their first.
fn by_dialog(deliveries: impl Iterator<Item = Delivery>) -> Vec<Vec<Delivery>> {
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut dialogs: Vec<Vec<Delivery>> = Vec::new();
    for delivery in deliveries {
        let place = *places.entry(delivery.dialog).or_insert_with(|| {
            dialogs.push(Vec::new());
            dialogs.len() - 1
        });
        dialogs[place].push(delivery);
    }
    dialogs
}
