//! Answers that are remembered for a while: bounded in number, asked for once however many wait, and
//! renewed in the background before they are too old.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::future::Cache;

use super::PlatformFailure;
use crate::clock::Clock;
use crate::timestamp::Timestamp;

/// For how long an answer may be used, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ages {
    /// As it is.
    pub fresh: i64,
    /// While a newer one is asked for in the background.
    pub usable: i64,
    /// When there is no newer one to be had.
    pub last_resort: i64,
}

/// An answer and when it was asked for.
pub(crate) struct Answer<V> {
    pub value: V,
    asked_at: Timestamp,
    ages: Ages,
    /// Whether a newer one is being asked for.
    is_being_renewed: AtomicBool,
}

impl<V> Answer<V> {
    fn is_within(&self, seconds: i64, now: Timestamp) -> bool {
        self.asked_at <= now && now <= self.asked_at.plus_seconds(seconds)
    }
}

/// Remembers answers by what was asked.
pub(crate) struct Remembered<K, V> {
    answers: Cache<K, Arc<Answer<V>>>,
    /// Questions that are being asked. All who ask the same meanwhile get the same answer or failure.
    asking: Cache<K, Arc<Answer<V>>>,
    clock: Clock,
}

impl<K, V> Clone for Remembered<K, V> {
    fn clone(&self) -> Self {
        Self { answers: self.answers.clone(), asking: self.asking.clone(), clock: self.clock.clone() }
    }
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(…)")
    }
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// Remembers answers of this `weight` in all, as `weigher` weighs each, for at most `longest`.
    pub fn new(
        weight: u64,
        longest: Duration,
        clock: Clock,
        weigher: impl Fn(&V) -> u32 + Send + Sync + 'static,
    ) -> Self {
        let answers = Cache::builder()
            .max_capacity(weight)
            .weigher(move |_: &K, answer: &Arc<Answer<V>>| weigher(&answer.value))
            .time_to_live(longest)
            .build();
        // An entry goes as soon as its answer is there; the time is for those who gave up waiting.
        let asking = Cache::builder().max_capacity(100_000).time_to_live(Duration::from_secs(1)).build();
        Self { answers, asking, clock }
    }

    /// The answer to `key`: remembered, or had from `ask`, which also tells for how long it holds.
    ///
    /// # Errors
    /// When `ask` fails and nothing usable is remembered. Failures are not remembered.
    pub async fn get<F>(
        &self,
        key: K,
        ask: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Arc<Answer<V>>, PlatformFailure>
    where
        F: Future<Output = Result<(V, Ages), PlatformFailure>> + Send,
    {
        let now = self.clock.now();
        let known = self.answers.get(&key).await;
        if let Some(known) = &known {
            if known.is_within(known.ages.fresh, now) {
                return Ok(Arc::clone(known));
            }
            if known.is_within(known.ages.usable, now) {
                if !known.is_being_renewed.swap(true, Ordering::Relaxed) {
                    let (this, known) = (self.clone(), Arc::clone(known));
                    tokio::spawn(async move {
                        if let Err(failure) = this.ask(key, ask).await {
                            tracing::warn!(%failure, "an answer of the platform was not renewed");
                            known.is_being_renewed.store(false, Ordering::Relaxed);
                        }
                    });
                }
                return Ok(Arc::clone(known));
            }
        }
        match self.ask(key, ask).await {
            Ok(answer) => Ok(answer),
            Err(failure) => match known {
                Some(known) if known.is_within(known.ages.last_resort, now) => {
                    tracing::warn!(%failure, "an older answer of the platform is used");
                    Ok(known)
                }
                _ => Err(failure),
            },
        }
    }

    async fn ask<F>(
        &self,
        key: K,
        ask: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Arc<Answer<V>>, PlatformFailure>
    where
        F: Future<Output = Result<(V, Ages), PlatformFailure>> + Send,
    {
        let asked = async {
            // The answer is as old as the question: what changes meanwhile may not be in it.
            let asked_at = self.clock.now();
            let (value, ages) = ask().await?;
            let is_being_renewed = AtomicBool::new(false);
            let answer = Arc::new(Answer { value, asked_at, ages, is_being_renewed });
            self.answers.insert(key.clone(), Arc::clone(&answer)).await;
            Ok(answer)
        };
        let answer = self.asking.try_get_with(key.clone(), asked).await;
        self.asking.invalidate(&key).await;
        answer.map_err(|failure: Arc<PlatformFailure>| PlatformFailure::clone(&failure))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    const AGES: Ages = Ages { fresh: 10, usable: 20, last_resort: 30 };

    /// Counts how often it is asked; answers with the count, unless told to fail.
    #[derive(Clone)]
    struct Source {
        count: Arc<AtomicU32>,
        fails: Arc<AtomicBool>,
        gate: Arc<Semaphore>,
    }

    impl Source {
        fn new() -> Self {
            Self { count: Arc::default(), fails: Arc::default(), gate: Arc::new(Semaphore::new(1_000)) }
        }

        async fn ask(self) -> Result<(u32, Ages), PlatformFailure> {
            let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            let _passed = self.gate.acquire().await.unwrap();
            if self.fails.load(Ordering::SeqCst) {
                return Err(PlatformFailure::unavailable("test", "told to"));
            }
            Ok((count, AGES))
        }

        fn count(&self) -> u32 {
            self.count.load(Ordering::SeqCst)
        }
    }

    fn remembered() -> (Remembered<&'static str, u32>, Clock) {
        let clock = Clock::fixed(Timestamp::from_unix_seconds(1_767_225_600).unwrap());
        (Remembered::new(100, Duration::from_mins(10), clock.clone(), |_| 1), clock)
    }

    async fn value(
        remembered: &Remembered<&'static str, u32>,
        key: &'static str,
        source: &Source,
    ) -> Option<u32> {
        let source = source.clone();
        remembered.get(key, move || source.ask()).await.ok().map(|answer| answer.value)
    }

    #[tokio::test]
    async fn answers_age() {
        let (remembered, clock) = remembered();
        let source = Source::new();
        assert_eq!(value(&remembered, "a", &source).await, Some(1));
        assert_eq!(value(&remembered, "b", &source).await, Some(2));
        clock.advance_seconds(10);
        assert_eq!(value(&remembered, "a", &source).await, Some(1));
        clock.advance_seconds(1);
        // Old, but usable, while a new one is asked for.
        assert_eq!(value(&remembered, "a", &source).await, Some(1));
        while value(&remembered, "a", &source).await != Some(3) {
            tokio::task::yield_now().await;
        }
        assert_eq!(source.count(), 3);
        // Too old.
        clock.advance_seconds(21);
        assert_eq!(value(&remembered, "a", &source).await, Some(4));
        // The clock was put back.
        clock.advance_seconds(-1);
        assert_eq!(value(&remembered, "a", &source).await, Some(5));
    }

    #[tokio::test]
    async fn many_ask_once_and_share_what_comes() {
        for fails in [false, true] {
            let (remembered, _) = remembered();
            let source = Source::new();
            source.fails.store(fails, Ordering::SeqCst);
            let gate = source.gate.acquire_many(1_000).await.unwrap();
            let asking = join_all((0..50).map(|_| value(&remembered, "a", &source)));
            let open = async {
                while source.count() == 0 {
                    tokio::task::yield_now().await;
                }
                drop(gate);
            };
            let (answers, ()) = tokio::join!(asking, open);
            assert_eq!(source.count(), 1);
            assert!(answers.iter().all(|answer| *answer == (!fails).then_some(1)), "{answers:?}");
        }
    }

    #[tokio::test]
    async fn failures_are_not_remembered_and_old_answers_help_for_a_while() {
        let (remembered, clock) = remembered();
        let source = Source::new();
        source.fails.store(true, Ordering::SeqCst);
        assert_eq!(value(&remembered, "a", &source).await, None);
        source.fails.store(false, Ordering::SeqCst);
        assert_eq!(value(&remembered, "a", &source).await, Some(2));
        source.fails.store(true, Ordering::SeqCst);
        clock.advance_seconds(30);
        assert_eq!(value(&remembered, "a", &source).await, Some(2));
        clock.advance_seconds(1);
        assert_eq!(value(&remembered, "a", &source).await, None);
    }
}
