//! The log as it grows, for streams that are open on this instance.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use super::POLL;
use crate::store::{LogEntry, Position, Store, key_of};

/// How many entries a stream may lag behind before it reads the log by itself again.
const BUFFER: usize = 2_048;

/// How many entries are read at once.
const BATCH: i64 = 500;

/// One reader of the log for all streams of this instance.
pub struct Live {
    store: Store,
    /// `None`: the log was not followed for a while; whoever hears it reads on by itself.
    entries: broadcast::Sender<Option<Arc<LogEntry>>>,
    closing: watch::Sender<bool>,
}

/// Which entries a stream gives.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All.
    Everything,
    /// Those of these parties (keys).
    Parties(Arc<HashSet<i64>>),
    /// Those of one dialog of this party (key).
    Dialog(i64, Uuid),
}

impl Wanted {
    fn has(&self, entry: &LogEntry) -> bool {
        match self {
            Self::Everything => true,
            Self::Parties(keys) => keys.contains(&key_of(&entry.batch.party)),
            Self::Dialog(_, dialog) => entry.dialog == *dialog,
        }
    }
}

impl Live {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (entries, _) = broadcast::channel(BUFFER);
        let (closing, _) = watch::channel(false);
        Self { store, entries, closing }
    }

    /// Ends all streams, and lets no new one begin.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// The entries after a position, those that are there first and then those that come.
    #[must_use]
    pub fn stream(&self, after: Position, wanted: Wanted) -> Stream {
        Stream {
            store: self.store.clone(),
            live: self.entries.subscribe(),
            closing: self.closing.subscribe(),
            wanted,
            after,
            read: VecDeque::new(),
            is_live: false,
        }
    }

    /// Reads what comes while there are streams.
    pub async fn follow(self: Arc<Self>, mut bell: watch::Receiver<u64>) {
        let mut position = None;
        loop {
            if self.entries.receiver_count() == 0 {
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
                let _ = self.entries.send(None);
                end
            }
        };
        let entries = self.store.log_after(after, BATCH).await?;
        *position = Some(entries.last().map_or(after, |entry| entry.position));
        let is_full = i64::try_from(entries.len()).is_ok_and(|count| count == BATCH);
        for entry in entries {
            // Nobody may be left to hear it.
            let _ = self.entries.send(Some(Arc::new(entry)));
        }
        Ok(is_full)
    }
}

/// The entries of the log that somebody wants, one after the other.
pub struct Stream {
    store: Store,
    live: broadcast::Receiver<Option<Arc<LogEntry>>>,
    closing: watch::Receiver<bool>,
    wanted: Wanted,
    after: Position,
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
        self.wanted = wanted;
    }

    /// Waits for the next entry. Nothing is lost when this is given up and called again.
    pub async fn next(&mut self) -> Next {
        loop {
            if *self.closing.borrow() {
                return Next::End;
            }
            if let Some(entry) = self.read.pop_front() {
                self.after = entry.position;
                return Next::Entry(entry);
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
            let received = tokio::select! {
                received = self.live.recv() => received,
                _ = self.closing.wait_for(|closing| *closing) => return Next::End,
            };
            match received {
                Ok(Some(entry)) if entry.position > self.after => {
                    self.after = entry.position;
                    if self.wanted.has(&entry) {
                        return Next::Entry(entry);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(broadcast::error::RecvError::Lagged(_)) => self.is_live = false,
                Err(broadcast::error::RecvError::Closed) => return Next::End,
            }
        }
    }

    /// Reads what is in the log already. Live since before it was read: so nothing is missing between.
    async fn catch_up(&mut self) -> Result<(), crate::store::StoreFailure> {
        // Seen first: everything below has been committed, so the read below misses none of it.
        let end = self.store.log_end().await?;
        let entries = match &self.wanted {
            Wanted::Everything => self.store.log_after(self.after, BATCH).await?,
            Wanted::Parties(keys) => {
                let keys: Vec<i64> = keys.iter().copied().collect();
                self.store.log_of_parties(&keys, None, self.after, BATCH).await?
            }
            Wanted::Dialog(party, dialog) => {
                self.store.log_of_parties(&[*party], Some(*dialog), self.after, BATCH).await?
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
