//! Deleting, restoring, purging and freezing a dialog.

use uuid::Uuid;

use super::events::{Event, EventBatch};
use super::model::{CORRESPONDENCE_RESOURCE, Dialog};
use super::refusal::Refusal;
use super::repetition::Kept;
use super::update::{self, Mode};
use super::validate::Writer;
use super::write::{Change, Expected, LabelEffect};
use crate::clock::Ids;
use crate::timestamp::Timestamp;

/// What is to become of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// End users no longer see it; it can be restored.
    Delete,
    /// It is no longer deleted.
    Restore,
    /// Only administrators can change it from now on.
    Freeze,
}

/// The change that a step makes; `None` when the dialog is there already.
///
/// Labels stay as they are, and timestamps too, but for freezing, which is an update.
///
/// # Errors
/// [`Refusal::Gone`], [`Refusal::Forbidden`], [`Refusal::RevisionMismatch`].
pub fn take(
    step: Step,
    stored: &Dialog,
    expected: &Expected,
    mode: Mode,
    ids: &mut Ids,
) -> Result<Option<Change>, Refusal> {
    let Mode { silent, writer, now } = mode;
    let mut dialog = stored.clone();
    let event = match step {
        Step::Delete => {
            update::admit(stored)?;
            if stored.frozen && !writer.is_admin {
                return Err(Refusal::Forbidden(vec!["The dialog is frozen.".into()]));
            }
            admit_correspondence(stored, writer)?;
            update::admit_change(stored, expected, writer)?;
            dialog.deleted_at = Some(now);
            Event::DialogDeleted { id: ids.revision() }
        }
        Step::Restore => {
            if !expected.holds(stored.revision) {
                return Err(Refusal::RevisionMismatch);
            }
            if stored.deleted_at.is_none() {
                return Ok(None);
            }
            dialog.deleted_at = None;
            Event::DialogRestored { id: ids.revision() }
        }
        Step::Freeze => {
            update::admit(stored)?;
            update::admit_change(stored, expected, writer)?;
            if stored.frozen {
                return Ok(None);
            }
            dialog.frozen = true;
            update::touch(&mut dialog, false, silent, now);
            Event::DialogUpdated { id: ids.revision() }
        }
    };
    dialog.revision = ids.revision();
    let events = Some(EventBatch::of(&dialog, now, silent, vec![event]));
    Ok(Some(Change {
        expected_revision: stored.revision,
        documents_changed: false,
        reset_seen: false,
        transmissions: Vec::new(),
        activities: Vec::new(),
        claims: Vec::new(),
        released: Vec::new(),
        correction: None,
        labels: LabelEffect::NONE,
        end_user_context_revision: ids.revision(),
        events,
        now,
        kept: None,
        dialog,
    }))
}

/// A dialog to be removed with everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Purge {
    /// The dialog.
    pub dialog: Uuid,
    /// The revision that was read.
    pub expected_revision: Uuid,
    /// What is told; nothing when the dialog was deleted before.
    pub events: Option<EventBatch>,
    /// When it happens.
    pub now: Timestamp,
    /// What to answer when the request comes again.
    pub kept: Option<Kept>,
}

/// Removes a dialog, also a deleted or frozen one.
///
/// # Errors
/// [`Refusal::Forbidden`], [`Refusal::RevisionMismatch`].
pub fn purge(stored: &Dialog, expected: &Expected, mode: Mode, ids: &mut Ids) -> Result<Purge, Refusal> {
    let Mode { silent, writer, now } = mode;
    admit_correspondence(stored, writer)?;
    if !expected.holds(stored.revision) {
        return Err(Refusal::RevisionMismatch);
    }
    let is_told = stored.deleted_at.is_none();
    let events = is_told
        .then(|| EventBatch::of(stored, now, silent, vec![Event::DialogDeleted { id: ids.revision() }]));
    Ok(Purge { dialog: stored.id, expected_revision: stored.revision, events, now, kept: None })
}

/// Dialogs of Altinn Correspondence are removed by it alone, not even by administrators.
fn admit_correspondence(stored: &Dialog, writer: Writer) -> Result<(), Refusal> {
    if stored.service_resource_type == CORRESPONDENCE_RESOURCE && !writer.is_correspondence {
        let text = format!("{} is reserved for Altinn Correspondence.", stored.resource_urn());
        return Err(Refusal::Forbidden(vec![text]));
    }
    Ok(())
}
