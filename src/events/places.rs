//! How many streams may be open at a time on one instance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::metrics;

/// Most streams at a time that one token opens.
pub const MOST_OF_ONE_TOKEN: usize = 20;

/// Tells tokens apart: a digest.
pub type TokenDigest = [u8; 32];

/// Why no further stream can be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The instance has as many as it may have.
    #[error("The service has as many event streams open as it can have; try again later.")]
    OfInstance,
    /// The token has opened as many as it may.
    #[error("One token can have at most {MOST_OF_ONE_TOKEN} event streams open at a time.")]
    OfToken,
}

/// The streams that are open, counted.
pub struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_token: HashMap<TokenDigest, usize>,
}

impl Places {
    /// So many at most.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for one more stream of a token. Free again when dropped.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(self: &Arc<Self>, token: TokenDigest) -> Result<Place, NoPlace> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(NoPlace::OfInstance);
        }
        let of_token = taken.by_token.entry(token).or_default();
        if *of_token >= MOST_OF_ONE_TOKEN {
            return Err(NoPlace::OfToken);
        }
        *of_token += 1;
        taken.all += 1;
        metrics::stream_opened();
        Ok(Place { places: Arc::clone(self), token })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one stream.
pub struct Place {
    places: Arc<Places>,
    token: TokenDigest,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(count) = taken.by_token.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                taken.by_token.remove(&self.token);
            }
        }
        drop(taken);
        metrics::stream_closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_they_become_free_again() {
        let places = Places::new(MOST_OF_ONE_TOKEN + 2);
        let mut of_one: Vec<_> =
            (0..MOST_OF_ONE_TOKEN).map(|_| places.take([1; 32]).unwrap_or_else(|e| panic!("{e}"))).collect();
        assert_eq!(places.take([1; 32]).err(), Some(NoPlace::OfToken));
        let other = places.take([2; 32]);
        let third = places.take([3; 32]);
        assert!(other.is_ok() && third.is_ok());
        assert_eq!(places.take([4; 32]).err(), Some(NoPlace::OfInstance));
        drop(third);
        assert!(places.take([4; 32]).is_ok());
        of_one.pop();
        assert!(places.take([1; 32]).is_ok());
        drop((of_one, other));
        assert!(places.lock().by_token.is_empty() && places.lock().all == 0);
    }
}
