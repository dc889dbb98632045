//! Gives the events of the log to the sinks.
//!
//! Instances share the lanes of each sink: one that has something to do is taken by whoever comes first,
//! for one batch, and held with a lease that is renewed, so that a lane whose holder dies is free again
//! after seconds. Within a lane the events of one dialog go one after the other, dialogs side by side.
//! What is not taken is parked with what follows of the same dialog, and the lane goes on; when a sink
//! takes nothing at all, the lane waits where it is, and only a few requests find out whether the sink is
//! back. A sink that takes batches gets those of a lane one after the other; a batch that it does not take
//! is taken apart, unless the sink fails as a whole.

use std::collections::{HashMap, HashSet};
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
use super::sinks::{NotTaken, Outlet};
use crate::clock::Clock;
use crate::dialog::events::Event;
use crate::store::{Claim, Lane, LaneEnd, LogEntry, Parked, Pause, Position, Store, StoreFailure};

/// For how long a lane stays taken after its holder has died.
const LEASE: Duration = Duration::from_secs(5);

/// How many lanes an instance works on at a time.
const WORKERS: usize = 4;

/// How many rows of the log are read at once.
const WINDOW: i64 = 1_000;

/// How many dialogs with parked events are looked at at once, and how many events.
const DUE_DIALOGS: i64 = 64;
const OUTAGE_DIALOGS: i64 = 3;
const DUE_EVENTS: i64 = 500;

/// From how many dialogs on, all of which fail, the sink as a whole is taken to fail: an event that is
/// never taken must not stop others.
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
    outlets: HashMap<String, Outlet>,
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
    event: Told,
    occurred_at: Option<crate::timestamp::Timestamp>,
}

/// What there is to deliver.
enum Told {
    Event(Box<CloudEvent>),
    /// It is not told any more.
    Nothing,
    /// It is left to an instance that knows what it is.
    Unknown,
}

impl Told {
    fn event(&self) -> Option<&CloudEvent> {
        if let Self::Event(event) = self { Some(event) } else { None }
    }
}

/// How the deliveries of one dialog, or of a batch, went.
#[derive(Default)]
struct Went {
    delivered: Vec<Parked>,
    not_delivered: Vec<Parked>,
    /// How many the sink took.
    taken: usize,
    /// Why the sink failed, in a way that may pass.
    failure: Option<String>,
    /// How long it wants to be left alone.
    retry_after: Option<Duration>,
    /// Why the sink takes nothing any more.
    gone: Option<String>,
}

/// How the deliveries of a part of the log went.
#[derive(Default)]
struct Round {
    went: Vec<Went>,
    /// Where the sink failed as a whole: up to there all was delivered or is to be parked, and of what comes
    /// after it nothing was delivered.
    stopped_after: Option<Position>,
}

impl Round {
    /// Whether a sink as a whole took nothing from anybody.
    fn is_outage(&self) -> bool {
        is_outage(&self.went, OUTAGE)
    }

    fn has_taken(&self) -> bool {
        self.went.iter().any(|went| went.taken > 0)
    }

    fn failure(&self) -> Option<&str> {
        self.went.iter().rev().find_map(|went| went.failure.as_deref().or(went.gone.as_deref()))
    }

    fn gone(&self) -> Option<&str> {
        self.went.iter().find_map(|went| went.gone.as_deref())
    }
}

fn is_outage(went: &[Went], enough: usize) -> bool {
    went.iter().all(|went| went.taken == 0)
        && went.iter().filter(|went| went.failure.is_some()).count() >= enough
}

impl Delivery {
    /// It as not delivered, and to be tried again when what is before it was.
    fn parked(&self) -> Parked {
        Parked {
            row: self.row,
            index: self.index,
            dialog: self.dialog,
            attempts: self.attempts,
            retry_in: None,
            is_dead: false,
            reason: None,
        }
    }
}

impl Dispatcher {
    /// Between the log of `store` and `outlets`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        events: CloudEvents,
        outlets: Vec<Outlet>,
        patience: Patience,
    ) -> Self {
        let names = outlets.iter().map(|outlet| outlet.name.clone()).collect();
        let outlets = outlets.into_iter().map(|outlet| (outlet.name.clone(), outlet)).collect();
        Self { store, clock, events, outlets, names, patience }
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
        let Some(outlet) = self.outlets.get(&lane.sink) else { return Ok(false) };
        let is_over = AtomicBool::new(false);
        tokio::select! {
            done = self.work_on(&lane, claim, outlet, &is_over) => done?,
            () = self.renew(&lane, claim, &is_over) => {}
        }
        Ok(true)
    }

    /// Keeps the lane until it is lost.
    async fn renew(&self, lane: &Lane, claim: Claim, is_over: &AtomicBool) {
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
        is_over.store(true, Ordering::SeqCst);
        tracing::warn!(sink = lane.sink, lane = lane.number, "somebody else has taken over the lane");
    }

    async fn work_on(
        &self,
        lane: &Lane,
        claim: Claim,
        outlet: &Outlet,
        is_over: &AtomicBool,
    ) -> Result<(), StoreFailure> {
        let mut failures = lane.failures;
        // What was tried in vain already to find out whether the sink is back.
        let mut probes = Vec::new();
        let stay = |failures| LaneEnd {
            reached: lane.reached,
            failures,
            pause: Pause::default(),
            parked: Vec::new(),
            reason: None,
        };
        if lane.has_due {
            let round = self.retry(lane, claim, outlet, is_over).await?;
            self.say_goodbye(lane, &round).await?;
            if round.is_outage() {
                let end = self.leave_alone(lane, failures + 1, &round);
                self.store.finish_lane(lane, claim, end).await?;
                return Ok(());
            }
            if round.has_taken() {
                failures = 0;
            } else if failures > 0 {
                probes = round.went;
            }
            if is_over.load(Ordering::SeqCst) {
                self.store.finish_lane(lane, claim, stay(failures)).await?;
                return Ok(());
            }
        }
        let (reached, entries) = self.store.lane_window(lane, WINDOW).await?;
        let deliveries =
            entries.into_iter().flat_map(|(entry, is_queued)| self.deliveries(outlet, &entry, is_queued));
        // Whether the sink is back, and whether it is one event that it never takes, single ones tell.
        let round = if outlet.sink.batch_size() > 1 && failures == 0 {
            self.deliver_in_batches(outlet, deliveries.collect(), is_over).await
        } else {
            let went = self.deliver(outlet, by_dialog(deliveries), failures, probes, is_over).await;
            Round { went, stopped_after: None }
        };
        self.say_goodbye(lane, &round).await?;
        let has_taken = round.has_taken();
        let end = if round.is_outage() || (round.gone().is_some() && !has_taken) {
            self.leave_alone(lane, failures + 1, &round)
        } else if let Some(reached) = round.stopped_after {
            let end = self.leave_alone(lane, failures + 1, &round);
            let parked = not_delivered(round).filter(|parked| parked.row <= reached).collect();
            LaneEnd { reached, parked, ..end }
        } else if failures > 0 && !has_taken && round.failure().is_some() {
            // Too few to say so of the sink, and they must not stop others; but it is not back either.
            let end = self.leave_alone(lane, failures + 1, &round);
            LaneEnd { reached, parked: not_delivered(round).collect(), ..end }
        } else {
            let failures = if has_taken { 0 } else { failures };
            LaneEnd { reached, parked: not_delivered(round).collect(), ..stay(failures) }
        };
        self.store.finish_lane(lane, claim, end).await?;
        Ok(())
    }

    /// Disables a sink that has said that it is gone.
    async fn say_goodbye(&self, lane: &Lane, round: &Round) -> Result<(), StoreFailure> {
        let Some(reason) = round.gone() else { return Ok(()) };
        tracing::error!(sink = lane.sink, reason, "a sink is gone: it gets nothing until it is enabled");
        self.store.disable_sink(&lane.sink, reason).await
    }

    /// Tries parked events again. All that is not taken is parked as before.
    async fn retry(
        &self,
        lane: &Lane,
        claim: Claim,
        outlet: &Outlet,
        is_over: &AtomicBool,
    ) -> Result<Round, StoreFailure> {
        let dialogs = if lane.failures > 0 { OUTAGE_DIALOGS } else { DUE_DIALOGS };
        let due = self.store.due_events(lane, dialogs, DUE_EVENTS).await?;
        let deliveries = due.into_iter().map(|retried| {
            let event = self.told_of(outlet, &retried.entry);
            let event = event.into_iter().find(|(index, _)| is_index(*index, retried.index));
            Delivery {
                row: retried.entry.position,
                index: retried.index,
                dialog: retried.entry.dialog,
                attempts: retried.attempts,
                age: retried.age,
                is_queued: false,
                event: event.map_or(Told::Nothing, |(_, event)| event),
                occurred_at: retried.entry.batch.occurred_at,
            }
        });
        let mut went = self.deliver(outlet, by_dialog(deliveries), lane.failures, Vec::new(), is_over).await;
        let (mut delivered, mut failed) = (Vec::new(), Vec::new());
        for went in &mut went {
            delivered.append(&mut went.delivered);
            // Those behind it go on waiting as they are.
            failed.extend(went.not_delivered.drain(..).filter(|p| p.reason.is_some()));
        }
        self.store.finish_due(lane, claim, &delivered, &failed).await?;
        Ok(Round { went, stopped_after: None })
    }

    /// The events of an entry, for the first time.
    fn deliveries(&self, outlet: &Outlet, entry: &LogEntry, is_queued: bool) -> Vec<Delivery> {
        let delivery = |(index, event)| Delivery {
            row: entry.position,
            index: i16::try_from(index).unwrap_or(i16::MAX),
            dialog: entry.dialog,
            attempts: 0,
            age: Duration::ZERO,
            is_queued,
            event,
            occurred_at: entry.batch.occurred_at,
        };
        self.told_of(outlet, entry).into_iter().map(delivery).collect()
    }

    /// What a sink gets of an entry, and what may be for it.
    fn told_of(&self, outlet: &Outlet, entry: &LogEntry) -> Vec<(usize, Told)> {
        let told = outlet.told(&self.events, entry).into_iter();
        let told = told.map(|(index, event)| (index, Told::Event(Box::new(event))));
        let is_unknown = |event: &Event| *event == Event::Unknown && !entry.batch.silent;
        let events = entry.batch.events.iter().enumerate();
        let unknown = events.filter(|(_, event)| is_unknown(event)).map(|(index, _)| (index, Told::Unknown));
        let mut all: Vec<_> = told.chain(unknown).collect();
        all.sort_unstable_by_key(|(index, _)| *index);
        all
    }

    /// Delivers to dialogs side by side; after failures one after the other, until the sink takes
    /// something. Leaves the rest alone when it is clear that the sink fails as a whole, which `went`, what
    /// came before, may say as well.
    async fn deliver(
        &self,
        outlet: &Outlet,
        dialogs: Vec<Vec<Delivery>>,
        failures: i32,
        mut went: Vec<Went>,
        is_over: &AtomicBool,
    ) -> Vec<Went> {
        let mut dialogs = dialogs.into_iter();
        if failures > 0 {
            for dialog in dialogs.by_ref() {
                went.push(self.deliver_in_order(outlet, dialog, is_over).await);
                if is_outage(&went, OUTAGE) {
                    return went;
                }
                if went.last().is_some_and(|went| went.taken > 0) {
                    break;
                }
            }
        }
        let concurrency = self.patience.concurrency.max(OUTAGE);
        let deliveries = dialogs.map(|dialog| self.deliver_in_order(outlet, dialog, is_over));
        let mut deliveries = stream::iter(deliveries).buffer_unordered(self.patience.concurrency.max(1));
        while let Some(dialog) = deliveries.next().await {
            went.push(dialog);
            if is_outage(&went, concurrency) {
                is_over.store(true, Ordering::SeqCst);
            }
        }
        went
    }

    /// Delivers events in batches, one after the other.
    async fn deliver_in_batches(
        &self,
        outlet: &Outlet,
        deliveries: Vec<Delivery>,
        is_over: &AtomicBool,
    ) -> Round {
        let mut round = Round::default();
        let mut blocked: HashSet<Uuid> = HashSet::new();
        let mut deliveries = deliveries.into_iter();
        // The last row of the batch before: it may go on in this one.
        let mut begun: Option<Position> = None;
        while round.stopped_after.is_none() {
            let mut batch: Vec<Delivery> = Vec::with_capacity(outlet.sink.batch_size());
            let mut went = Went::default();
            let next: Vec<Delivery> = deliveries.by_ref().take(outlet.sink.batch_size()).collect();
            let (Some(first), Some(last)) = (next.first().map(|one| one.row), next.last().map(|one| one.row))
            else {
                break;
            };
            for delivery in next {
                if delivery.is_queued || blocked.contains(&delivery.dialog) {
                    went.not_delivered.push(delivery.parked());
                } else if matches!(delivery.event, Told::Unknown) {
                    blocked.insert(delivery.dialog);
                    went.not_delivered.push(self.left_to_others(outlet, &delivery));
                } else {
                    batch.push(delivery);
                }
            }
            let dialogs: HashSet<Uuid> = batch.iter().map(|delivery| delivery.dialog).collect();
            let mut is_stopped = is_over.load(Ordering::SeqCst);
            let answer =
                if batch.len() > 1 && !is_stopped { Some(self.attempt(outlet, &batch).await) } else { None };
            match answer {
                _ if is_stopped => {}
                Some(Ok(())) => {
                    went.taken = batch.len();
                    went.delivered = batch.iter().map(Delivery::parked).collect();
                }
                Some(Err(NotTaken::ForNow { retry_after, reason }))
                    if dialogs.len() >= OUTAGE || retry_after.is_some() =>
                {
                    (went.failure, went.retry_after) = (Some(reason), retry_after);
                    is_stopped = true;
                }
                Some(Err(NotTaken::Gone { reason })) => {
                    went.gone = Some(reason);
                    is_stopped = true;
                }
                // Whichever it is about, the others are taken by themselves.
                None | Some(Err(NotTaken::ForNow { .. } | NotTaken::Ever { .. })) => {
                    let batch = by_dialog(std::mem::take(&mut batch).into_iter());
                    let singly = self.deliver(outlet, batch, 0, Vec::new(), is_over).await;
                    let left = singly.iter().flat_map(|went| &went.not_delivered);
                    blocked.extend(left.filter(|parked| !parked.is_dead).map(|parked| parked.dialog));
                    round.went.extend(singly);
                }
            }
            if is_stopped && begun == Some(first) {
                // The start of this row was delivered, so the rest of it is parked.
                let rest = batch.iter().chain(deliveries.as_slice());
                for delivery in rest.filter(|delivery| delivery.row == first) {
                    let is_first = !delivery.is_queued && blocked.insert(delivery.dialog);
                    let retry_in = is_first.then(Pause::default);
                    went.not_delivered.push(Parked { retry_in, ..delivery.parked() });
                }
                round.stopped_after = begun;
            } else if is_stopped {
                round.stopped_after = Some(first.before());
            }
            begun = Some(last);
            round.went.push(went);
        }
        round
    }

    /// Delivers the events of one dialog until one is not taken.
    async fn deliver_in_order(&self, outlet: &Outlet, dialog: Vec<Delivery>, is_over: &AtomicBool) -> Went {
        let mut went = Went::default();
        let mut is_blocked = false;
        for delivery in dialog {
            is_blocked |= delivery.is_queued;
            let mut parked = delivery.parked();
            if matches!(delivery.event, Told::Nothing) {
                went.delivered.push(parked);
                continue;
            }
            if is_blocked || is_over.load(Ordering::SeqCst) {
                // The first of the dialog waits for nothing.
                parked.retry_in = (!is_blocked).then(Pause::default);
                is_blocked = true;
                went.not_delivered.push(parked);
                continue;
            }
            let Told::Event(event) = &delivery.event else {
                let parked = self.left_to_others(outlet, &delivery);
                is_blocked = !parked.is_dead;
                went.not_delivered.push(parked);
                continue;
            };
            let not_taken = match self.attempt(outlet, std::slice::from_ref(&delivery)).await {
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
                NotTaken::Gone { reason } => {
                    is_over.store(true, Ordering::SeqCst);
                    is_blocked = true;
                    parked.retry_in = Some(Pause::default());
                    went.gone = Some(reason);
                }
                NotTaken::Ever { .. } => {
                    // It was answered, so the sink as such works.
                    went.taken += 1;
                    parked.is_dead = true;
                    metrics::dead(&outlet.name, "refused");
                }
                NotTaken::ForNow { .. } if delivery.age >= self.patience.give_up_after => {
                    parked.is_dead = true;
                    metrics::dead(&outlet.name, "too_old");
                }
                NotTaken::ForNow { retry_after, .. } => {
                    is_blocked = true;
                    went.failure.clone_from(&parked.reason);
                    went.retry_after = retry_after;
                    let about = self.backoff(parked.attempts, LONGEST_RETRY);
                    parked.retry_in = Some(Pause { about, at_least: retry_after.unwrap_or_default() });
                }
            }
            if parked.is_dead {
                let (sink, reason) = (outlet.name.as_str(), parked.reason.as_deref());
                tracing::warn!(sink, event = %event.id, reason, "an event was given up");
            }
            went.not_delivered.push(parked);
        }
        went
    }

    /// An event that this version does not know, to be tried again like any other that was not taken:
    /// whoever knows it by then delivers it, and what follows of the dialog waits. Nothing is said of the
    /// sink by that.
    fn left_to_others(&self, outlet: &Outlet, delivery: &Delivery) -> Parked {
        let attempts = delivery.attempts + 1;
        let is_dead = delivery.age >= self.patience.give_up_after;
        if is_dead {
            metrics::dead(&outlet.name, "unknown");
        }
        Parked {
            attempts,
            is_dead,
            retry_in: (!is_dead)
                .then(|| Pause { about: self.backoff(attempts, LONGEST_RETRY), ..Pause::default() }),
            reason: Some("this version of the service does not know the kind of event".to_owned()),
            ..delivery.parked()
        }
    }

    /// Gives the sink events, at once.
    async fn attempt(&self, outlet: &Outlet, deliveries: &[Delivery]) -> Result<(), NotTaken> {
        let events: Vec<&CloudEvent> = deliveries.iter().filter_map(|one| one.event.event()).collect();
        let started = Instant::now();
        let taken = match events.as_slice() {
            [event] => outlet.sink.deliver(event).await,
            events => outlet.sink.deliver_all(events).await,
        };
        let outcome = match &taken {
            Ok(()) => Outcome::Delivered,
            Err(NotTaken::ForNow { .. }) => Outcome::Failed,
            Err(NotTaken::Ever { .. } | NotTaken::Gone { .. }) => Outcome::Refused,
        };
        let (took, now) = (started.elapsed(), self.clock.now().unix_microseconds());
        for Delivery { event, occurred_at, .. } in deliveries {
            let since = occurred_at.map_or(0, |at| now.saturating_sub(at.unix_microseconds())).max(0);
            let since = Duration::from_micros(since.unsigned_abs()).as_secs_f64();
            let kind = event.event().map_or("", |event| event.r#type.as_str());
            metrics::delivery(&outlet.name, kind, outcome, took, since);
        }
        taken
    }

    /// The end of work on a lane whose sink has failed as a whole so often in a row: it goes on from where
    /// it was, later.
    fn leave_alone(&self, lane: &Lane, failures: i32, round: &Round) -> LaneEnd {
        let wished = round.went.iter().filter_map(|went| went.retry_after).max().unwrap_or_default();
        let pause = Pause { about: self.backoff(failures, LONGEST_OUTAGE), at_least: wished };
        let (sink, number, reason) = (lane.sink.as_str(), lane.number, round.failure());
        tracing::warn!(
            sink,
            lane = number,
            failures,
            reason,
            "a sink takes nothing and is left alone for a while"
        );
        let reason = reason.map(str::to_owned);
        LaneEnd { reached: lane.reached, failures, pause, parked: Vec::new(), reason }
    }

    /// Twice as long after each failure.
    fn backoff(&self, failures: i32, longest: Duration) -> Duration {
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(20);
        self.patience.retry_after.saturating_mul(1 << doublings).min(longest)
    }
}

/// What is to be parked.
fn not_delivered(round: Round) -> impl Iterator<Item = Parked> {
    round.went.into_iter().flat_map(|went| went.not_delivered)
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
