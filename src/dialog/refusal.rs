//! Why a command was not carried out.

use uuid::Uuid;

use crate::json::Failures;

/// A command was refused; nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The request by itself is wrong.
    #[error("the request is invalid")]
    Invalid(Failures),
    /// The caller may not do this.
    #[error("forbidden")]
    Forbidden(Vec<String>),
    /// There is no such thing, or not for this caller.
    #[error("{entity} not found")]
    NotFound {
        /// What is missing: `DialogEntity`, `DialogTransmission`, `DialogActivity` …
        entity: &'static str,
        /// A sentence that names it.
        text: String,
    },
    /// End users cannot see the dialog yet.
    #[error("the dialog is not visible yet")]
    NotYetVisible {
        /// The dialog.
        dialog: Uuid,
        /// When they can.
        visible_from: crate::timestamp::Timestamp,
    },
    /// A reference leads to more than one dialog.
    #[error("the reference is ambiguous")]
    Ambiguous {
        /// The reference.
        reference: String,
    },
    /// The dialog was deleted.
    #[error("the dialog was deleted")]
    Gone(Uuid),
    /// What changed since a position is no longer known.
    #[error("the position is too old")]
    PositionTooOld,
    /// The dialog has another revision than the caller expects.
    #[error("the revision does not match")]
    RevisionMismatch,
    /// The id that the caller chose for a new dialog is in use.
    #[error("the dialog's id is taken")]
    DialogIdTaken(Uuid),
    /// An idempotency key is taken.
    #[error("the idempotency key is taken")]
    IdempotentKeyTaken {
        /// A sentence that names the key and what has it.
        text: String,
        /// What has the key, where that is one thing that is stored.
        holder: Option<Existing>,
    },
    /// Other writers were faster, again and again.
    #[error("too many concurrent changes")]
    Contended,
    /// The request breaks a rule that needs stored state, the clock or another service.
    #[error("the request cannot be carried out")]
    Unprocessable(Failures),
}

/// What is there already and stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// A dialog.
    Dialog(Uuid),
    /// A transmission.
    Transmission {
        /// The dialog that it belongs to.
        dialog: Uuid,
        /// Its id.
        id: Uuid,
    },
}

impl Refusal {
    /// There is no dialog with this id for this caller.
    #[must_use]
    pub fn dialog_not_found(id: Uuid) -> Self {
        Self::NotFound { entity: "DialogEntity", text: format!("There is no dialog with id ({id}).") }
    }

    /// A single failure of stored state.
    #[must_use]
    pub fn unprocessable(key: &str, text: impl Into<String>) -> Self {
        Self::Unprocessable(Failures::one(key, text))
    }
}
