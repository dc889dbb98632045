//! Labels: the service owner's, and those by which end users sort their dialogs.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::events::EventBatch;
use super::limits;
use super::model::{Actor, SystemLabels};
use super::refusal::Refusal;
use super::repetition::Kept;
use super::validate::{Rules, Writer, length};
use super::vocabulary::SystemLabel;
use crate::clock::Ids;
use crate::json::{Failures, Json, Path, Required, input_shape, read_document};
use crate::timestamp::Timestamp;

/// The labels of the service owner as they are before a change.
#[derive(Clone, Debug)]
pub struct ServiceOwnerLabels {
    /// Revision of the service owner's context.
    pub revision: Uuid,
    /// Labels in byte order.
    pub labels: Vec<String>,
}

input_shape! {
    /// A label to add.
    pub struct LabelToAdd {
        /// 3 to 255 characters; case does not count.
        value: Required<String>,
    }
}

/// Says what cannot be read in a label that is to be added, whatever is stored.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn check_label(body: &Json) -> Result<(), Refusal> {
    let mut failures = Failures::new();
    let _: LabelToAdd = read_document(body, "dto", &mut failures);
    failures.into_result().map_err(Refusal::Invalid)
}

/// Reads a label that is to be added to those that are there.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn read_label(body: &Json, stored: &ServiceOwnerLabels) -> Result<String, Refusal> {
    let mut failures = Failures::new();
    let input: LabelToAdd = read_document(body, "dto", &mut failures);
    let dto = Path::Root("dto");
    let list = dto.member("serviceOwnerLabels");
    let path = list.item(stored.labels.len());
    let value = input.value.0.unwrap_or_default().trim().to_lowercase();
    let units = length(&value);
    if !limits::SERVICE_OWNER_LABEL.contains(&units) {
        let (min, max) = limits::SERVICE_OWNER_LABEL.into_inner();
        failures.add(&path.member("value"), format!("must be {min} to {max} characters; got {units}."));
    }
    if stored.labels.contains(&value) {
        failures.add(&list, format!("must hold each label once; {value} is there already."));
    } else if stored.labels.len() >= limits::SERVICE_OWNER_LABELS {
        failures.add(&list, format!("must hold at most {} labels.", limits::SERVICE_OWNER_LABELS));
    }
    failures.into_result().map_err(Refusal::Invalid)?;
    Ok(value)
}

input_shape! {
    /// Labels to add to and to take from a dialog.
    pub struct SetSystemLabels {
        /// Labels to add; of `Default`, `Bin` and `Archive` the last one counts.
        add_labels: Vec<SystemLabel>,
        /// Labels to take away, before others are added.
        remove_labels: Vec<SystemLabel>,
        /// Older name of `addLabels`.
        system_labels: Vec<SystemLabel>,
        /// Who does it, where an administrator does it for somebody.
        [service_owner] performed_by: Option<super::input::ActorInput>,
    }
}

input_shape! {
    /// Labels to add to and to take from several dialogs: from all of them, or from none.
    pub struct BulkSetSystemLabels {
        /// The dialogs, 1 to 200.
        dialogs: Vec<DialogRevision>,
        /// Labels to add; of `Default`, `Bin` and `Archive` the last one counts.
        add_labels: Vec<SystemLabel>,
        /// Labels to take away, before others are added.
        remove_labels: Vec<SystemLabel>,
        /// Older name of `addLabels`.
        system_labels: Vec<SystemLabel>,
        /// Who does it, where an administrator does it for somebody.
        [service_owner] performed_by: Option<super::input::ActorInput>,
    }
}

input_shape! {
    /// A dialog, and the state in which it is expected.
    pub struct DialogRevision {
        /// The dialog.
        dialog_id: Required<Uuid>,
        /// Revision of its end-user context.
        end_user_context_revision: Option<Uuid>,
    }
}

/// Which labels go and which come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    remove: Vec<SystemLabel>,
    add: Vec<SystemLabel>,
    /// Who does it, where that is not the caller.
    pub performed_by: Option<Actor>,
}

/// Reads which labels go and which come.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn read_change(body: &Json, now: Timestamp, ids: &mut Ids) -> Result<LabelChange, Refusal> {
    let mut failures = Failures::new();
    let input: SetSystemLabels = read_document(body, "", &mut failures);
    let change = LabelChange::of(
        [input.add_labels, input.system_labels],
        input.remove_labels,
        input.performed_by.as_ref(),
        &Path::Root(""),
        &mut Rules::new(now, Writer::default(), &mut failures, ids),
    );
    failures.into_result().map_err(Refusal::Invalid)?;
    Ok(change)
}

/// Reads a change of several dialogs, as many as `counts` allows: the change, and the dialogs with the
/// revisions expected.
///
/// # Errors
/// [`Refusal::Invalid`].
#[expect(clippy::type_complexity, reason = "a change and the pairs that it is for")]
pub fn read_bulk_change(
    body: &Json,
    counts: &RangeInclusive<usize>,
    now: Timestamp,
    ids: &mut Ids,
) -> Result<(LabelChange, Vec<(Uuid, Option<Uuid>)>), Refusal> {
    let mut failures = Failures::new();
    let input: BulkSetSystemLabels = read_document(body, "dto", &mut failures);
    let dto = Path::Root("dto");
    let list = dto.member("dialogs");
    let mut rules = Rules::new(now, Writer::default(), &mut failures, ids);
    if !counts.contains(&input.dialogs.len()) {
        let (min, max) = (counts.start(), counts.end());
        rules.fail(&list, format!("must hold {min} to {max} items; got {}.", input.dialogs.len()));
    }
    let mut dialogs: Vec<(Uuid, Option<Uuid>)> = Vec::with_capacity(input.dialogs.len());
    for (index, dialog) in input.dialogs.iter().take(*counts.end()).enumerate() {
        match dialog.dialog_id.0 {
            None => rules.fail(&list.item(index).member("dialogId"), "is required."),
            Some(id) if dialogs.iter().any(|(other, _)| *other == id) => {
                rules.fail(&list, format!("must hold each dialog once; {id} occurs more than once."));
            }
            Some(id) => dialogs.push((id, dialog.end_user_context_revision)),
        }
    }
    let change = LabelChange::of(
        [input.add_labels, input.system_labels],
        input.remove_labels,
        input.performed_by.as_ref(),
        &dto,
        &mut rules,
    );
    failures.into_result().map_err(Refusal::Invalid)?;
    Ok((change, dialogs))
}

impl LabelChange {
    fn of(
        add: [Vec<SystemLabel>; 2],
        remove: Vec<SystemLabel>,
        performed_by: Option<&super::input::ActorInput>,
        root: &Path<'_>,
        rules: &mut Rules<'_>,
    ) -> Self {
        let [labels, older] = add;
        for (list, name) in [(&labels, "addLabels"), (&older, "systemLabels"), (&remove, "removeLabels")] {
            for (index, label) in list.iter().enumerate() {
                if *label == SystemLabel::Sent {
                    let list = root.member(name);
                    rules.fail(&list.item(index), "Sent is set by the service alone.");
                }
            }
        }
        let performed_by = performed_by.map(|actor| rules.actor(Some(actor), &root.member("performedBy")));
        Self { remove, add: older.into_iter().chain(labels).collect(), performed_by }
    }

    /// The labels afterwards: removals first; where the place goes, the dialog is back in the inbox.
    #[must_use]
    pub fn apply(&self, labels: SystemLabels) -> SystemLabels {
        let mut labels = labels;
        for label in &self.remove {
            if *label != SystemLabel::Default {
                labels.0 &= !SystemLabels::of(*label).0;
            }
        }
        if labels.0 & SystemLabels::GROUP.0 == 0 {
            labels = labels.with(SystemLabel::Default);
        }
        for label in &self.add {
            labels = labels.with(*label);
        }
        labels
    }
}

/// A label of the service owner that comes or goes, if its context still has the revision that was read.
#[derive(Clone, Debug)]
pub struct LabelWrite {
    /// The dialog.
    pub dialog: Uuid,
    /// The revision that was read.
    pub expected_revision: Uuid,
    /// The revision afterwards.
    pub revision: Uuid,
    /// The label.
    pub label: String,
    /// Whether it comes.
    pub add: bool,
    /// What those find who ask what has changed.
    pub told: EventBatch,
    /// What to answer when the request comes again.
    pub kept: Option<Kept>,
    /// When it happens.
    pub now: Timestamp,
}

/// New labels for a dialog, to be set if its end-user context still has the revision that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relabelling {
    /// The dialog.
    pub dialog: Uuid,
    /// The revision that was read.
    pub expected_revision: Uuid,
    /// The revision afterwards.
    pub revision: Uuid,
    /// The labels afterwards.
    pub labels: SystemLabels,
    /// What those find who ask what has changed.
    pub told: EventBatch,
}

#[cfg(test)]
mod tests {
    use super::SystemLabel::{Archive, Bin, Default, MarkedAsUnopened, Sent};
    use super::*;

    #[test]
    fn labels_exclude_each_other_or_do_not() {
        for (before, remove, add, after) in [
            (vec![Default], vec![], vec![Bin], vec![Bin]),
            (vec![Bin], vec![Bin], vec![], vec![Default]),
            (vec![Archive], vec![Bin], vec![], vec![Archive]),
            (vec![Default], vec![], vec![Bin, Archive], vec![Archive]),
            (vec![Default], vec![Default], vec![], vec![Default]),
            (vec![Bin], vec![Bin], vec![Archive], vec![Archive]),
            (vec![Default], vec![], vec![MarkedAsUnopened], vec![Default, MarkedAsUnopened]),
            (vec![Bin, MarkedAsUnopened, Sent], vec![MarkedAsUnopened], vec![Default], vec![Default, Sent]),
        ] {
            let mask = |labels: &[SystemLabel]| {
                SystemLabels(labels.iter().map(|label| SystemLabels::of(*label).0).sum())
            };
            let change = LabelChange { remove, add, performed_by: None };
            assert_eq!(change.apply(mask(&before)), mask(&after), "{before:?} {change:?}");
        }
    }
}
