//! Outcomes of requests that may come again.

use sqlx::Row;
use sqlx::types::Json;

use super::{Store, StoreFailure};
use crate::dialog::repetition::{IdempotencyKey, Kept, LIFETIME_SECONDS, Outcome};
use crate::timestamp::Timestamp;

/// Keeps an outcome, in a statement that starts with `with`, for every row of `deed`.
/// The parameters are caller, key, fingerprint, outcome and time.
macro_rules! keep_outcome {
    ($deed:literal, $caller:literal, $key:literal, $fingerprint:literal, $outcome:literal, $time:literal) => {
        concat!(
            "), kept as (
    insert into idempotent_request (caller, key, fingerprint, outcome, created_at)
    select ",
            $caller,
            ", ",
            $key,
            ", ",
            $fingerprint,
            ", ",
            $outcome,
            ", ",
            $time,
            " from ",
            $deed,
            " where ",
            $key,
            "::text is not null limit 1
"
        )
    };
}
pub(super) use keep_outcome;

/// Name of the constraint that a key violates which is in use.
pub(crate) const KEY_IN_USE: &str = "idempotent_request_pkey";

// What is past its time goes on the way, a little at a time.
const OUTCOME: &str = "\
with old as (
    delete from idempotent_request where (caller, key) in (
        select caller, key from idempotent_request where created_at < $3 order by created_at limit 100
        for update skip locked)
), expired as (
    delete from idempotent_request where caller = $1 and key = $2 and created_at < $3
)
select fingerprint, outcome from idempotent_request where caller = $1 and key = $2 and created_at >= $3";

/// The parts of what is kept, as parameters.
pub(super) struct KeptColumns {
    pub caller: Option<String>,
    pub key: Option<String>,
    pub fingerprint: Option<Vec<u8>>,
    pub outcome: Option<Json<Outcome>>,
}

impl KeptColumns {
    pub fn of(kept: Option<Kept>) -> Self {
        match kept {
            None => Self { caller: None, key: None, fingerprint: None, outcome: None },
            Some(Kept { key, outcome }) => Self {
                caller: Some(key.caller),
                key: Some(key.key),
                fingerprint: Some(key.fingerprint),
                outcome: Some(Json(outcome)),
            },
        }
    }
}

impl Store {
    /// What a request with this key has brought about in the last 24 hours, and whether it was this
    /// request.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outcome(
        &self,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Option<(Outcome, bool)>, StoreFailure> {
        let cutoff = now.plus_seconds(-LIFETIME_SECONDS).utc();
        let query = sqlx::query(OUTCOME).bind(&key.caller).bind(&key.key).bind(cutoff);
        let Some(row) = self.connections.fetch_optional(query).await? else { return Ok(None) };
        let fingerprint: Vec<u8> = row.try_get("fingerprint")?;
        let Json(outcome) = row.try_get("outcome")?;
        Ok(Some((outcome, fingerprint == key.fingerprint)))
    }
}
