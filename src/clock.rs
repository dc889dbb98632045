//! The only place that asks the time or draws an id.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use uuid::{ContextV7, Uuid};

use crate::timestamp::Timestamp;

/// Tells the time: the machine's, or in tests one that moves only when told to.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since 1970; `None` for the machine's clock.
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn fixed(start: Timestamp) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(start.unix_microseconds()))) }
    }

    /// Moves a fixed clock forward; the machine's clock is left alone.
    pub fn advance_seconds(&self, seconds: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }

    /// Now, in microseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the ambient clock")]
    pub fn now(&self) -> Timestamp {
        let machine = || Timestamp::new(chrono::Utc::now());
        match &self.fixed {
            None => machine(),
            Some(fixed) => {
                Timestamp::from_unix_microseconds(fixed.load(Ordering::SeqCst)).unwrap_or_else(machine)
            }
        }
    }

    /// The new ids of one request, made at `now`.
    #[must_use]
    pub fn ids(&self, now: Timestamp) -> Ids {
        Ids::new(now)
    }
}

/// Draws the ids of one request: `UUIDv7` that grow, so that sorting by id keeps the order of
/// drawing; and random `UUIDv4` for revisions.
#[derive(Debug)]
pub struct Ids {
    seconds: u64,
    nanoseconds: u32,
    context: ContextV7,
}

impl Ids {
    fn new(now: Timestamp) -> Self {
        let microseconds = now.unix_microseconds().max(0).unsigned_abs();
        Self {
            seconds: microseconds / 1_000_000,
            nanoseconds: u32::try_from(microseconds % 1_000_000).unwrap_or_default() * 1_000,
            context: ContextV7::new(),
        }
    }

    /// The next time-ordered id (`UUIDv7`, RFC 9562), greater than all before.
    pub fn next_id(&mut self) -> Uuid {
        Uuid::new_v7(uuid::Timestamp::from_unix(&self.context, self.seconds, self.nanoseconds))
    }

    /// A random revision (`UUIDv4`).
    #[expect(clippy::disallowed_methods, reason = "this is the one home of randomness for ids")]
    pub fn revision(&mut self) -> Uuid {
        Uuid::new_v4()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_request_grow_and_carry_its_time() {
        let now = Timestamp::parse("2026-01-02T03:04:05.678Z").unwrap();
        let mut ids = Clock::fixed(now).ids(now);
        let drawn: Vec<Uuid> = (0..2_000).map(|_| ids.next_id()).collect();
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
        for id in &drawn {
            assert_eq!(id.get_version_num(), 7);
        }
        let (seconds, _) = drawn[0].get_timestamp().unwrap().to_unix();
        assert_eq!(i64::try_from(seconds).unwrap(), now.unix_seconds());
    }
}
