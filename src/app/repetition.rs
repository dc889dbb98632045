//! Requests that come again.

use super::{App, Failure};
use crate::dialog::refusal::Refusal;
use crate::dialog::repetition::{IdempotencyKey, Outcome};
use crate::store::{KEY_IN_USE, StoreFailure};

impl App {
    /// What this request has brought about before.
    ///
    /// # Errors
    /// When the key was used for another request.
    pub(super) async fn repeated(&self, key: Option<&IdempotencyKey>) -> Result<Option<Outcome>, Failure> {
        let Some(key) = key else { return Ok(None) };
        match self.store.outcome(key, self.clock.now()).await? {
            None => Ok(None),
            Some((outcome, true)) => Ok(Some(outcome)),
            Some((_, false)) => {
                let text = "The key was used for another request in the last 24 hours.";
                Err(Refusal::unprocessable("Idempotency-Key", text).into())
            }
        }
    }
}

impl App {
    /// The answer to a request that may have been refused only because the same request, made at the
    /// same time, was carried out meanwhile: then, what that one has brought about.
    ///
    /// # Errors
    /// The failure itself, where there was no other.
    pub(super) async fn unless_repeated<T: From<Outcome>>(
        &self,
        key: Option<&IdempotencyKey>,
        answer: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match answer {
            Err(failure @ Failure::Refused(_)) => match self.repeated(key).await? {
                Some(outcome) => Ok(outcome.into()),
                None => Err(failure),
            },
            answer => answer,
        }
    }
}

/// Whether a request with the same key has just been carried out.
pub(super) fn is_key_in_use(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(StoreFailure::Taken { constraint, .. }) if constraint == KEY_IN_USE)
}
