//! The log as it grows, for streams that are open on this instance.
//!
//! One reader follows the log for all of them and gives each entry to those streams alone that want it:
//! a stream that nothing happens to costs nothing. What a stream has not taken waits for it, up to a
//! bound; one that lags behind that reads the log by itself until it has caught up.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::POLL;
use crate::store::{LogEntry, Position, Store, key_of};

/// How many entries may wait for a stream before it reads the log by itself again.
const BUFFER: usize = 256;

/// How many entries are read at once.
const BATCH: i64 = 500;

/// How many entries of a party are searched for one dialog at once.
const SEARCHED: i64 = 1_000;

/// One reader of the log for all streams of this instance.
pub struct Live {
    store: Store,
    streams: Arc<Streams>,
    closing: watch::Sender<bool>,
}

/// Which entries a stream gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    Everything,
    /// Those of these parties (keys).
    Parties(Arc<HashSet<i64>>),
    /// Those of one dialog of this party (key).
    Dialog(i64, Uuid),
}

impl Live {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, streams: Arc::default(), closing: watch::Sender::new(false) }
    }

    /// Ends all streams, and lets no new one begin.
    pub fn close(&self) {
        let mut open = self.streams.lock();
        open.is_closed = true;
        open.inboxes.values().for_each(|inbox| inbox.close());
        drop(open);
        self.closing.send_replace(true);
    }

    /// Tells whether all streams have ended and no new one begins.
    #[must_use]
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    /// The entries after a position, those that are there first and then those that come.
    #[must_use]
    pub fn stream(&self, after: Position, wanted: Wanted) -> Stream {
        let (number, inbox) = self.streams.open(&wanted);
        Stream {
            store: self.store.clone(),
            streams: Arc::clone(&self.streams),
            number,
            inbox,
            wanted,
            after,
            searched: Position::default(),
            read: VecDeque::new(),
            is_live: false,
        }
    }

    /// Reads what comes while there are streams.
    pub async fn follow(self: Arc<Self>, mut bell: watch::Receiver<u64>) {
        let mut position = None;
        loop {
            if self.streams.lock().inboxes.is_empty() {
                position = None;
                // Whoever begins a stream reads the log first, and so needs nobody for a while.
                tokio::time::sleep(POLL / 20).await;
                continue;
            }
            match self.read(&mut position).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "the log is not followed"),
            }
            let _ = tokio::time::timeout(POLL, bell.changed()).await;
        }
    }

    /// Tells whether there may be more.
    async fn read(&self, position: &mut Option<Position>) -> Result<bool, crate::store::StoreFailure> {
        let after = match *position {
            Some(after) => after,
            None => {
                let end = self.store.log_end().await?;
                // What streams have read before may end before this.
                self.streams.lock().inboxes.values().for_each(|inbox| inbox.lag());
                end
            }
        };
        let entries = self.store.log_after(after, BATCH).await?;
        *position = Some(entries.last().map_or(after, |entry| entry.position));
        let is_full = i64::try_from(entries.len()).is_ok_and(|count| count == BATCH);
        self.streams.give(entries);
        Ok(is_full)
    }
}

/// The streams that are open, by what they want.
#[derive(Default)]
struct Streams(Mutex<Open>);

#[derive(Default)]
struct Open {
    is_closed: bool,
    /// Number of the last stream.
    last: u64,
    inboxes: HashMap<u64, Arc<Inbox>>,
    everything: BTreeSet<u64>,
    parties: BTreeSet<(i64, u64)>,
    dialogs: BTreeSet<(Uuid, u64)>,
}

impl Streams {
    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing that is done under the lock can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, wanted: &Wanted) -> (u64, Arc<Inbox>) {
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        let inbox = Arc::new(Inbox::default());
        if open.is_closed {
            inbox.close();
        }
        open.inboxes.insert(number, Arc::clone(&inbox));
        open.want(number, wanted);
        (number, inbox)
    }

    fn give(&self, entries: Vec<LogEntry>) {
        let open = self.lock();
        for entry in entries {
            let entry = Arc::new(entry);
            let party = key_of(&entry.batch.party);
            let of_party = open.parties.range((party, 0)..=(party, u64::MAX)).map(|(_, number)| number);
            let of_dialog = open.dialogs.range((entry.dialog, 0)..=(entry.dialog, u64::MAX));
            let of_dialog = of_dialog.map(|(_, number)| number);
            for number in open.everything.iter().chain(of_party).chain(of_dialog) {
                if let Some(inbox) = open.inboxes.get(number) {
                    inbox.put(&entry);
                }
            }
        }
    }
}

impl Open {
    fn want(&mut self, number: u64, wanted: &Wanted) {
        match wanted {
            Wanted::Everything => drop(self.everything.insert(number)),
            Wanted::Parties(keys) => self.parties.extend(keys.iter().map(|key| (*key, number))),
            Wanted::Dialog(_, dialog) => drop(self.dialogs.insert((*dialog, number))),
        }
    }

    fn forget(&mut self, number: u64, wanted: &Wanted) {
        match wanted {
            Wanted::Everything => drop(self.everything.remove(&number)),
            Wanted::Parties(keys) => {
                for key in keys.iter() {
                    self.parties.remove(&(*key, number));
                }
            }
            Wanted::Dialog(_, dialog) => drop(self.dialogs.remove(&(*dialog, number))),
        }
    }
}

/// What waits for a stream.
#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Arc<LogEntry>>,
    /// Something was not kept: the stream has to read on by itself.
    has_lagged: bool,
    is_closed: bool,
}

impl Inbox {
    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.arrived.notify_one();
    }

    fn put(&self, entry: &Arc<LogEntry>) {
        self.change(|waiting| {
            if waiting.entries.len() == BUFFER {
                waiting.has_lagged = true;
            }
            if waiting.has_lagged {
                waiting.entries = VecDeque::new();
            } else {
                waiting.entries.push_back(Arc::clone(entry));
            }
        });
    }

    fn lag(&self) {
        self.change(|waiting| {
            waiting.has_lagged = true;
            waiting.entries = VecDeque::new();
        });
    }

    fn close(&self) {
        self.change(|waiting| waiting.is_closed = true);
    }

    /// All that waits.
    fn take(&self) -> Taken {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_closed {
            Taken::Closed
        } else if std::mem::take(&mut waiting.has_lagged) {
            Taken::Lagged
        } else {
            Taken::Entries(std::mem::take(&mut waiting.entries))
        }
    }

    fn is_closed(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_closed
    }
}

enum Taken {
    Entries(VecDeque<Arc<LogEntry>>),
    Lagged,
    Closed,
}

/// The entries of the log that somebody wants, one after the other.
pub struct Stream {
    store: Store,
    streams: Arc<Streams>,
    number: u64,
    inbox: Arc<Inbox>,
    wanted: Wanted,
    after: Position,
    /// Up to where the log was searched for a dialog; what was found is in `read`, or was given.
    searched: Position,
    read: VecDeque<Arc<LogEntry>>,
    /// Whether everything was read that had been there before, so that the rest comes live.
    is_live: bool,
}

/// What a stream gives.
#[derive(Clone, Debug)]
pub enum Next {
    /// An entry.
    Entry(Arc<LogEntry>),
    /// Nothing comes any more.
    End,
}

impl Stream {
    /// Wants other entries from now on.
    pub fn want(&mut self, wanted: Wanted) {
        if wanted == self.wanted {
            return;
        }
        let mut open = self.streams.lock();
        open.forget(self.number, &self.wanted);
        open.want(self.number, &wanted);
        drop(open);
        self.wanted = wanted;
    }

    /// Waits for the next entry. Nothing is lost when this is given up and called again.
    pub async fn next(&mut self) -> Next {
        loop {
            if self.inbox.is_closed() {
                return Next::End;
            }
            while let Some(entry) = self.read.pop_front() {
                // What was read from the log may come live, too.
                if entry.position > self.after {
                    self.after = entry.position;
                    return Next::Entry(entry);
                }
            }
            if !self.is_live {
                match self.catch_up().await {
                    Ok(()) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a stream waits for the database");
                        tokio::time::sleep(POLL).await;
                    }
                }
                continue;
            }
            match self.inbox.take() {
                Taken::Closed => return Next::End,
                Taken::Lagged => self.is_live = false,
                Taken::Entries(entries) if entries.is_empty() => self.inbox.arrived.notified().await,
                Taken::Entries(entries) => self.read = entries,
            }
        }
    }

    /// Reads what is in the log already. Open since before it was read: so nothing is missing between.
    async fn catch_up(&mut self) -> Result<(), crate::store::StoreFailure> {
        // Seen first: everything below has been committed, so the read below misses none of it.
        let end = self.store.log_end().await?;
        let entries = match &self.wanted {
            Wanted::Everything => self.store.log_after(self.after, BATCH).await?,
            Wanted::Parties(keys) => {
                let keys: Vec<i64> = keys.iter().copied().collect();
                self.store.log_of_parties(&keys, self.after, BATCH).await?
            }
            Wanted::Dialog(party, dialog) => {
                let after = self.after.max(self.searched);
                if let Some((last, entries)) =
                    self.store.log_of_dialog(*party, *dialog, after, SEARCHED).await?
                {
                    self.searched = last;
                    self.read.extend(entries.into_iter().map(Arc::new));
                    return Ok(());
                }
                Vec::new()
            }
        };
        if entries.is_empty() {
            self.is_live = true;
            self.after = self.after.max(end);
        }
        self.read.extend(entries.into_iter().map(Arc::new));
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.inboxes.remove(&self.number);
        open.forget(self.number, &self.wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::events::EventBatch;

    const PARTY: &str = "urn:altinn:organization:identifier-no:310923044";

    fn entry(sequence: i64, dialog: Uuid, party: &str) -> LogEntry {
        let batch = EventBatch {
            party: party.to_owned(),
            service_resource: String::new(),
            org: String::new(),
            process: None,
            preceding_process: None,
            silent: false,
            events: Vec::new(),
            labels: None,
            occurred_at: None,
            hidden_until: None,
            traceparent: None,
        };
        LogEntry { position: Position { transaction: 1, sequence }, dialog, batch }
    }

    fn taken(inbox: &Inbox) -> Option<Vec<i64>> {
        match inbox.take() {
            Taken::Entries(entries) => Some(entries.iter().map(|entry| entry.position.sequence).collect()),
            Taken::Lagged | Taken::Closed => None,
        }
    }

    #[test]
    fn entries_go_to_those_who_want_them() {
        let streams = Streams::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let elsewhere = "urn:altinn:organization:identifier-no:991825827";
        let parties = Wanted::Parties(Arc::new([key_of(PARTY), 7].into()));
        let (_, everything) = streams.open(&Wanted::Everything);
        let (number, of_party) = streams.open(&parties);
        let (_, of_dialog) = streams.open(&Wanted::Dialog(key_of(PARTY), one));
        let (_, beside) = streams.open(&Wanted::Dialog(key_of(PARTY), one));
        let entries = [(1, one, PARTY), (2, other, PARTY), (3, other, elsewhere)];
        streams.give(entries.iter().map(|(sequence, id, party)| entry(*sequence, *id, party)).collect());
        assert_eq!(taken(&everything), Some(vec![1, 2, 3]));
        assert_eq!(taken(&of_party), Some(vec![1, 2]));
        assert_eq!(taken(&of_dialog), Some(vec![1]));
        assert_eq!(taken(&beside), Some(vec![1]));
        // Nothing comes twice, nor what is no longer wanted.
        streams.lock().forget(number, &parties);
        streams.give(vec![entry(4, one, PARTY)]);
        assert_eq!(taken(&of_party), Some(vec![]));
        assert_eq!(taken(&of_dialog), Some(vec![4]));
        assert!(streams.lock().parties.is_empty());
    }

    #[test]
    fn only_so_much_waits() {
        let inbox = Inbox::default();
        let put = |count: usize| {
            for sequence in 0..count {
                inbox.put(&Arc::new(entry(i64::try_from(sequence).unwrap(), Uuid::nil(), PARTY)));
            }
        };
        put(BUFFER);
        assert_eq!(taken(&inbox).map(|entries| entries.len()), Some(BUFFER));
        put(BUFFER + 2);
        assert!(matches!(inbox.take(), Taken::Lagged));
        // What came after the first that was lost is lost, too; what comes now is not.
        assert_eq!(taken(&inbox), Some(vec![]));
        put(1);
        assert_eq!(taken(&inbox), Some(vec![0]));
        inbox.close();
        assert!(matches!(inbox.take(), Taken::Closed) && inbox.is_closed());
    }
}
