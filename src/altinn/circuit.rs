//! A circuit breaker: who has not answered for a while is left alone for a while.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many failures in a row open the circuit.
const FAILURES: u32 = 5;

/// How long nobody is let through, but for one who tries at the end of it.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts failures of one API. Nothing in it waits or locks.
pub(super) struct CircuitBreaker {
    started: Instant,
    failures: AtomicU32,
    /// Milliseconds since `started` before which an open circuit lets nobody through.
    open_until: AtomicU64,
}

impl CircuitBreaker {
    pub fn new() -> Self {
        Self { started: Instant::now(), failures: AtomicU32::new(0), open_until: AtomicU64::new(0) }
    }

    /// Whether a call may be made. Of those who ask an open circuit at the end of its pause, one may.
    pub fn lets_through(&self) -> bool {
        self.lets_through_at(self.started.elapsed())
    }

    fn lets_through_at(&self, now: Duration) -> bool {
        if self.failures.load(Ordering::Relaxed) < FAILURES {
            return true;
        }
        let open_until = self.open_until.load(Ordering::Relaxed);
        let now = milliseconds(now);
        now >= open_until
            && self
                .open_until
                .compare_exchange(open_until, now + milliseconds(PAUSE), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// A call was answered.
    pub fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// A call was not answered.
    pub fn failed(&self) {
        self.failed_at(self.started.elapsed());
    }

    fn failed_at(&self, now: Duration) {
        if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES {
            self.open_until.store(milliseconds(now + PAUSE), Ordering::Relaxed);
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_circuit_lets_one_try_after_each_pause() {
        let circuit = CircuitBreaker::new();
        let at = Duration::from_secs;
        for _ in 1..FAILURES {
            circuit.failed_at(at(1));
        }
        assert!(circuit.lets_through_at(at(1)));
        circuit.failed_at(at(1));
        assert!(!circuit.lets_through_at(at(1)));
        assert!(!circuit.lets_through_at(at(10)));
        // One tries, and fails.
        assert_eq!([11, 11].map(|second| circuit.lets_through_at(at(second))), [true, false]);
        circuit.failed_at(at(12));
        assert!(!circuit.lets_through_at(at(21)));
        // Another tries, and is answered.
        assert!(circuit.lets_through_at(at(22)));
        circuit.succeeded();
        assert_eq!([22, 22].map(|second| circuit.lets_through_at(at(second))), [true, true]);
        // One failure among answers is none to worry about.
        circuit.failed_at(at(23));
        assert!(circuit.lets_through_at(at(23)));
    }
}
