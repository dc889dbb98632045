//! From the outbox to whoever wants to know: sinks outside, live streams of end users.
//!
//! The statement that makes a change puts its events into the outbox and does no more. After it, the
//! instance rings a bell that all instances hear, some times a second at most; a timer does for bells
//! that were lost. A [`Dispatcher`] then gives what is new to the [sinks], and [`Live`] to the streams
//! that are open on its instance.

pub mod cloud_event;
mod dispatcher;
mod live;
pub mod metrics;
pub mod operations;
pub mod places;
pub mod sinks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::store::Store;
use cloud_event::CloudEvents;
use sinks::{Memory, Outlet, Sink};

pub use dispatcher::{Dispatcher, Patience};
pub use live::{Live, Next, Stream, Wanted};

/// Shortest time between two bells.
const BELL_PAUSE: Duration = Duration::from_millis(25);

/// How often everything is looked at without a bell.
const POLL: Duration = Duration::from_secs(1);

/// How often the log is cleaned up and measured.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

/// Most rows that go at once.
const CLEANED_AT_ONCE: i64 = 5_000;

/// What the work on events needs.
pub struct EventWork {
    /// The database, on connections that requests do not wait for.
    pub store: Store,
    /// Tells when dialogs become visible.
    pub clock: Clock,
    /// Makes what is sent.
    pub events: CloudEvents,
    /// Where events go.
    pub outlets: Vec<Outlet>,
    /// What the sandbox shows.
    pub memory: Option<Arc<Memory>>,
    /// How deliveries are made.
    pub patience: Patience,
    /// How long the log is kept at least.
    pub retention: Duration,
}

/// The work on events of one instance; it ends when told to.
pub struct Events {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Connections of the work alone.
    own: Option<Store>,
}

impl Events {
    /// Starts to ring and to hear the bell, and what `work` there is besides.
    #[must_use]
    pub fn start(store: &Store, live: &Arc<Live>, work: Option<EventWork>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (bell, heard) = watch::channel(0_u64);
        let mut tasks = vec![
            tokio::spawn(until(stopped.clone(), ring(store.clone()))),
            tokio::spawn(until(stopped.clone(), Arc::clone(live).follow(heard.clone()))),
        ];
        tasks.push(tokio::spawn(until(stopped.clone(), hear(store.clone(), bell))));
        let own = work.as_ref().map(|work| work.store.clone());
        if let Some(work) = work {
            tasks.extend(work.start(live, &heard, &stopped));
        }
        Self { stop, tasks, own }
    }

    /// Ends the work; what is being delivered comes to its end, for at most `patience`.
    pub async fn stop(self, patience: Duration) {
        let _ = self.stop.send(true);
        let deadline = tokio::time::Instant::now() + patience;
        for mut task in self.tasks {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        if let Some(own) = self.own {
            own.close().await;
        }
    }
}

impl EventWork {
    fn start(
        self,
        live: &Arc<Live>,
        heard: &watch::Receiver<u64>,
        stopped: &watch::Receiver<bool>,
    ) -> Vec<JoinHandle<()>> {
        let Self { store, clock, events, outlets, memory, patience, retention } = self;
        let mut tasks = Vec::new();
        if let Some(memory) = memory {
            let work = remember(Arc::clone(live), store.clone(), events.clone(), memory);
            tasks.push(tokio::spawn(until(stopped.clone(), work)));
        }
        tasks.push(tokio::spawn(until(stopped.clone(), tell_what_is_due(store.clone(), clock.clone()))));
        let names: Vec<String> = outlets.iter().map(|outlet| outlet.name.clone()).collect();
        tasks.push(tokio::spawn(until(stopped.clone(), keep_house(store.clone(), names, retention))));
        if !outlets.is_empty() {
            let dispatcher = Arc::new(Dispatcher::new(store, clock, events, outlets, patience));
            tasks.extend(dispatcher.start(heard, stopped));
        }
        tasks
    }
}

/// Does work that has no end of its own.
async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = work => {}
    }
}

/// Rings when something was told, not at every single change.
async fn ring(store: Store) {
    loop {
        store.something_told().await;
        if let Err(error) = store.announce().await {
            tracing::debug!(%error, "no bell was rung");
        }
        tokio::time::sleep(BELL_PAUSE).await;
    }
}

/// Counts the bells that are heard; a connection that was lost counts as one.
async fn hear(store: Store, bell: watch::Sender<u64>) {
    loop {
        match store.listen().await {
            Ok(mut listener) => {
                bell.send_modify(|count| *count += 1);
                while listener.try_recv().await.is_ok_and(|bell| bell.is_some()) {
                    bell.send_modify(|count| *count += 1);
                }
            }
            Err(error) => tracing::debug!(%error, "no bell is heard"),
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Tells what was held when its time has come, and that dialogs have expired.
async fn tell_what_is_due(store: Store, clock: Clock) {
    loop {
        let now = clock.now();
        let released = store.release_events(now).await;
        let expired = store.tell_expired(now, &mut clock.ids(now)).await;
        for error in [released.as_ref().err(), expired.as_ref().err()].into_iter().flatten() {
            tracing::warn!(%error, "events of dialogs that became visible or have expired are not told yet");
        }
        if released.unwrap_or(0) == 0 && expired.unwrap_or(0) == 0 {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Removes what is old, and measures what waits.
async fn keep_house(store: Store, sinks: Vec<String>, retention: Duration) {
    loop {
        let cleaned = store.clean_log(retention.as_secs_f64(), &sinks, CLEANED_AT_ONCE).await;
        // Somebody may have ended before they did so themselves; all that follows would wait for ever.
        if let Err(error) = store.wake_again(&sinks).await {
            tracing::warn!(%error, "deliveries that wait for nothing were not begun");
        }
        // One that was forgotten and is here all the same begins anew.
        if let Err(error) = store.register_sinks(&sinks).await {
            tracing::warn!(%error, "sinks were not registered");
        }
        match store.backlog(&sinks).await {
            Ok(backlog) => metrics::backlog(&backlog),
            Err(error) => tracing::warn!(%error, "the backlog of events is not known"),
        }
        match cleaned {
            Ok(CLEANED_AT_ONCE..) => tokio::time::sleep(Duration::from_millis(100)).await,
            Ok(_) => tokio::time::sleep(HOUSEKEEPING).await,
            Err(error) => {
                tracing::warn!(%error, "old events were not removed");
                tokio::time::sleep(HOUSEKEEPING).await;
            }
        }
    }
}

/// Fills the sandbox's memory, from what there is already and from what comes.
async fn remember(live: Arc<Live>, store: Store, events: CloudEvents, memory: Arc<Memory>) {
    let count = i64::try_from(Memory::CAPACITY).unwrap_or(i64::MAX);
    let mut stream = loop {
        // The end is asked first, so that nothing is missed that comes between.
        let end = store.log_end().await;
        match store.log_tail(count).await.and_then(|entries| Ok((entries, end?))) {
            Ok((entries, end)) => {
                let last = entries.last().map_or(end, |entry| entry.position);
                for entry in entries {
                    events.told(&entry).into_iter().for_each(|(_, event)| memory.keep(event));
                }
                break live.stream(last, live::Wanted::Everything);
            }
            Err(error) => tracing::debug!(%error, "the memory of events is not filled yet"),
        }
        tokio::time::sleep(POLL).await;
    };
    loop {
        match stream.next().await {
            Next::Entry(entry) => {
                for (_, event) in events.told(&entry) {
                    let _ = memory.deliver(&event).await;
                }
            }
            Next::End => return,
        }
    }
}
