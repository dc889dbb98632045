//! Requests that may come more than once and are to be carried out only once (the Idempotency-Key
//! header of the IETF's HTTP API working group).

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use uuid::Uuid;

/// How long an outcome is repeated, in seconds.
pub const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// A key under which a request is carried out once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Who asks; a key means something to its caller alone.
    pub caller: String,
    /// What the caller chose: 1 to 255 characters.
    pub key: String,
    /// SHA-256 of method, path, query and body.
    pub fingerprint: Vec<u8>,
}

/// What a request has brought about; enough to repeat the answer.
#[skip_serializing_none]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Revision of what was changed.
    pub revision: Option<Uuid>,
    /// Id of what was created.
    pub created: Option<Uuid>,
}

/// An outcome that is to be kept with the deed itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key.
    pub key: IdempotencyKey,
    /// The outcome.
    pub outcome: Outcome,
}
