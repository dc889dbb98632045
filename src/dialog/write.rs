//! What all writes have in common: facts about the outside, rules over stored state, and the
//! resulting change.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::events::EventBatch;
use super::hierarchy::{self, StoredParent};
use super::limits;
use super::model::{Activity, CORRESPONDENCE_RESOURCE, Dialog, Documents, SystemLabels, Transmission};
use super::refusal::{Existing, Refusal};
use super::repetition::Kept;
use super::validate::{PartKind, Writer};
use super::vocabulary::{DialogActivityType, SystemLabel};
use crate::json::Failures;
use crate::timestamp::Timestamp;

/// What must be known of stored parts that a request names; empty for a new dialog.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Transmissions of the dialog among the ids that the request names.
    pub transmissions: HashMap<Uuid, KnownTransmission>,
    /// Activities of the dialog among those ids, with what happened.
    pub activities: HashMap<Uuid, DialogActivityType>,
    /// Transmission keys of the dialog among those that the request names, and whose they are.
    pub transmission_keys: HashMap<String, Uuid>,
    /// Other parts, of any dialog, that have one of those ids; by number of kind and id.
    pub parts: HashMap<(i16, Uuid), KnownPart>,
}

/// A stored transmission that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownTransmission {
    /// Its place among related transmissions.
    pub parent: StoredParent,
    /// Whether the party sent it.
    pub is_from_party: bool,
    /// Whether there is a `TransmissionOpened` activity for it.
    pub is_opened: bool,
}

/// A stored part that has an id which a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPart {
    /// The dialog it is part of.
    pub dialog: Uuid,
    /// Whether it belongs to a transmission.
    pub of_transmission: bool,
}

/// Answers from outside about what a request refers to.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Resources, as URNs, that the request refers to and the caller does not own.
    pub unowned: Vec<String>,
    /// Names of the actors by id; `None` where nobody has the id.
    pub names: HashMap<String, Option<String>>,
}

/// The revision that a caller expects (RFC 9110, section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No condition.
    Unconditional,
    /// Any revision: the thing must exist.
    Any,
    /// One of these.
    OneOf(Vec<Uuid>),
}

impl Expected {
    /// Whether a thing with this revision is as expected.
    #[must_use]
    pub fn holds(&self, revision: Uuid) -> bool {
        match self {
            Self::Unconditional | Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}

/// A transmission to add, and its depth among related ones.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedTransmission {
    /// The transmission.
    pub transmission: Transmission,
    /// Its distance from the root of its chain; a root has 1.
    pub depth: i16,
}

/// A part whose id the client has chosen, to be kept unique among all dialogs.
///
/// Ids that the service has made are not kept in that list: it would cost every dialog a row and two
/// index entries for each part, for parts that cannot collide. So a client that copies such an id from
/// an answer into another dialog, or from one transmission into another, is not refused. It harms nobody:
/// nothing is ever found by the id of such a part alone, only within what it is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedPart {
    /// What it is.
    pub kind: PartKind,
    /// Its id.
    pub id: Uuid,
    /// Whether it belongs to a transmission.
    pub of_transmission: bool,
}

/// Labels to take away and to add, in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelEffect {
    /// Bits to clear.
    pub clear: i16,
    /// Bits to set.
    pub set: i16,
}

impl LabelEffect {
    /// Labels stay as they are.
    pub const NONE: Self = Self { clear: 0, set: 0 };

    /// Back to the inbox where `reset`, and marked as sent where `sent`.
    #[must_use]
    pub fn of_write(reset: bool, sent: bool) -> Self {
        let mut effect = Self::NONE;
        if reset {
            effect.clear = SystemLabels::GROUP.0;
            effect.set = SystemLabels::DEFAULT.0;
        }
        if sent {
            effect.set |= SystemLabels::of(SystemLabel::Sent).0;
        }
        effect
    }

    /// The labels afterwards.
    #[must_use]
    pub fn apply(self, labels: SystemLabels) -> SystemLabels {
        SystemLabels(labels.0 & !self.clear | self.set)
    }
}

/// Parts that a request adds, and what follows from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Additions {
    pub transmissions: Vec<Transmission>,
    pub activities: Vec<Activity>,
}

impl Additions {
    /// Ids of the actors whose names have to be looked up.
    pub fn actor_ids(&self) -> BTreeSet<&str> {
        let senders = self.transmissions.iter().filter_map(|t| t.body.sender.actor_id.as_deref());
        let performers = self.activities.iter().filter_map(|a| a.body.performed_by.actor_id.as_deref());
        senders.chain(performers).collect()
    }

    /// Resources named by the transmissions.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.transmissions.iter().filter_map(|t| t.body.authorization_attribute.as_deref())
    }

    /// Some types of activities are reserved for Altinn Correspondence.
    pub fn admit_activities(&self, writer: Writer) -> Result<(), Refusal> {
        if writer.is_correspondence || !self.activities.iter().any(|a| a.r#type.is_correspondence()) {
            return Ok(());
        }
        let text = "Activities of the types CorrespondenceOpened and CorrespondenceConfirmed are reserved for \
                    Altinn Correspondence.";
        Err(Refusal::Forbidden(vec![text.into()]))
    }

    /// Whether the party has sent one of the transmissions.
    pub fn is_sent_by_party(&self) -> bool {
        self.transmissions.iter().any(|t| t.r#type.is_from_party())
    }

    /// Fills in the names that were looked up.
    pub fn name_actors(&mut self, outside: &Outside) -> Result<(), Refusal> {
        let mut failures = Failures::new();
        let senders = self.transmissions.iter_mut().map(|t| &mut t.body.sender);
        let performers = self.activities.iter_mut().map(|a| &mut a.body.performed_by);
        for actor in senders.chain(performers) {
            if let Some(id) = &actor.actor_id {
                match outside.names.get(id) {
                    Some(Some(name)) => actor.actor_name = Some(name.clone()),
                    _ => failures.add_key("ActorId", "No name is registered for one of the actor ids."),
                }
            }
        }
        failures.into_result().map_err(Refusal::Unprocessable)
    }

    /// Where the transmissions stand among related ones.
    pub fn depths(&self, known: &Known, failures: &mut Failures) -> Vec<i16> {
        let new: Vec<_> = self.transmissions.iter().map(|t| (t.id, t.related_transmission_id)).collect();
        let stored = known.transmissions.iter().map(|(id, t)| (*id, t.parent)).collect();
        match hierarchy::place(&new, &stored) {
            Ok(depths) => depths,
            Err(texts) => {
                for text in texts {
                    failures.add_key("Transmissions", text);
                }
                Vec::new()
            }
        }
    }

    /// Idempotency keys must be new to the dialog.
    pub fn admit_keys(&self, dialog: Uuid, known: &Known) -> Result<(), Refusal> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let mut holders: HashSet<Uuid> = HashSet::new();
        for key in self.transmissions.iter().filter_map(|t| t.idempotent_key.as_deref()) {
            if let Some(id) = known.transmission_keys.get(key) {
                taken.insert(format!("{key} (transmission {id})"));
                holders.insert(*id);
            } else if !seen.insert(key) {
                taken.insert(key.to_owned());
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        let holder = holders.iter().next().filter(|_| taken.len() == 1);
        let holder = holder.map(|id| Existing::Transmission { dialog, id: *id });
        let keys: Vec<_> = taken.into_iter().collect();
        let text = format!("These idempotency keys of transmissions are taken: {}.", keys.join(", "));
        Err(Refusal::IdempotentKeyTaken { text, holder })
    }

    /// Counts the parts into the dialog's counters.
    pub fn count_into(&self, dialog: &mut Dialog, known: &Known, failures: &mut Failures) {
        let opened: HashSet<Uuid> = self
            .activities
            .iter()
            .filter(|a| a.r#type == DialogActivityType::TransmissionOpened)
            .filter_map(|a| a.transmission_id)
            .collect();
        for transmission in &self.transmissions {
            if transmission.r#type.is_from_party() {
                dialog.from_party += 1;
            } else {
                dialog.from_service_owner += 1;
                dialog.unopened_transmissions += i32::from(!opened.contains(&transmission.id));
            }
            dialog.contentless_transmissions += i32::from(transmission.body.content.is_none());
        }
        for id in opened {
            let stored = known.transmissions.get(&id);
            if stored.is_some_and(|t| !t.is_from_party && !t.is_opened) {
                dialog.unopened_transmissions -= 1;
            }
        }
        dialog.correspondence_opened |=
            self.activities.iter().any(|a| a.r#type == DialogActivityType::CorrespondenceOpened);
        check_counts(dialog, failures);
    }

    /// The transmissions with their depths, and the activities.
    pub fn into_added(self, depths: Vec<i16>) -> (Vec<AddedTransmission>, Vec<Activity>) {
        let transmissions = self
            .transmissions
            .into_iter()
            .zip(depths)
            .map(|(transmission, depth)| AddedTransmission { transmission, depth })
            .collect();
        (transmissions, self.activities)
    }
}

/// Each direction has a limit.
pub(super) fn check_counts(dialog: &Dialog, failures: &mut Failures) {
    for (count, key, whose) in [
        (dialog.from_party, "FromPartyTransmissionsCount", "the party"),
        (dialog.from_service_owner, "FromServiceOwnerTransmissionsCount", "the service owner"),
    ] {
        if count > limits::TRANSMISSIONS_PER_DIRECTION {
            failures.add_key(
                key,
                format!(
                    "A dialog must have at most {} transmissions from {whose}.",
                    limits::TRANSMISSIONS_PER_DIRECTION
                ),
            );
        }
    }
}

/// The resources, as lower-case URNs, that authorization attributes name.
pub(super) fn referenced_resources<'a>(attributes: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    attributes
        .map(str::to_lowercase)
        .filter(|attribute| attribute.starts_with(super::model::RESOURCE_URN_PREFIX))
        .collect()
}

/// The authorization attributes of a dialog's actions.
pub(super) fn action_attributes(documents: &Documents) -> impl Iterator<Item = &str> {
    let gui = documents.gui_actions.iter().filter_map(|a| a.authorization_attribute.as_deref());
    let api = documents.api_actions.iter().filter_map(|a| a.authorization_attribute.as_deref());
    gui.chain(api)
}

/// Resources must be the caller's own, and those of Altinn Correspondence are for it alone.
pub(super) fn admit_resources(
    dialog: &Dialog,
    resource_type: &str,
    unowned: &[String],
    writer: Writer,
) -> Result<(), Refusal> {
    let mut forbidden = Vec::new();
    if !writer.is_admin && !unowned.is_empty() {
        forbidden.push(format!("You do not own the service resources {}.", unowned.join(", ")));
    }
    if !writer.is_admin && resource_type == CORRESPONDENCE_RESOURCE && !writer.is_correspondence {
        forbidden.push(format!("{} is reserved for Altinn Correspondence.", dialog.resource_urn()));
    }
    if forbidden.is_empty() { Ok(()) } else { Err(Refusal::Forbidden(forbidden)) }
}

/// Mistakes that were found before outrank a refusal.
pub(super) fn after(found: &Failures, refused: Result<(), Refusal>) -> Result<(), Refusal> {
    match refused {
        Err(_) if !found.is_empty() => Err(Refusal::Unprocessable(found.clone())),
        refused => refused,
    }
}

/// A new dialog, ready to be stored.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The dialog.
    pub dialog: Dialog,
    /// Its transmissions in the order of their ids.
    pub transmissions: Vec<AddedTransmission>,
    /// Its activities in the order of their ids.
    pub activities: Vec<Activity>,
    /// Sorted, lower-case.
    pub service_owner_labels: Vec<String>,
    /// Parts whose ids the client has chosen.
    pub claims: Vec<ClaimedPart>,
    /// What is told.
    pub events: EventBatch,
    /// When it happens.
    pub now: Timestamp,
    /// What to answer when the request comes again.
    pub kept: Option<Kept>,
}

/// A correction of a child that is otherwise immutable.
#[derive(Clone, Debug)]
pub enum Correction {
    /// When the form was saved, of an activity.
    FormSavedAt(Uuid, Timestamp),
    /// The new state of a transmission.
    Transmission {
        /// The transmission.
        transmission: Box<Transmission>,
        /// It and all that relate to it, directly or not.
        subtree: Vec<Uuid>,
        /// By how much they come to lie deeper.
        deeper_by: i16,
    },
}

/// A transmission that is to be corrected.
#[derive(Clone, Debug)]
pub struct Corrected {
    /// As it is stored.
    pub transmission: Transmission,
    /// Its distance from the root of its chain.
    pub depth: i16,
    /// Whether there is a `TransmissionOpened` activity for it.
    pub is_opened: bool,
    /// It and all that relate to it, directly or not.
    pub subtree: Vec<Uuid>,
    /// The greatest depth among them.
    pub deepest: i16,
}

/// A change of a stored dialog, to be made if it still has the revision that was read.
#[derive(Clone, Debug)]
pub struct Change {
    /// The dialog afterwards. Its labels and its seen flag are left to the statement that writes.
    pub dialog: Dialog,
    /// The revision that was read.
    pub expected_revision: Uuid,
    /// Whether the documents changed.
    pub documents_changed: bool,
    /// Whether nobody has seen the content as it is now.
    pub reset_seen: bool,
    /// Transmissions to add.
    pub transmissions: Vec<AddedTransmission>,
    /// Activities to add.
    pub activities: Vec<Activity>,
    /// Parts whose ids the client has chosen.
    pub claims: Vec<ClaimedPart>,
    /// Parts that are no longer there: their ids may be used again.
    pub released: Vec<(PartKind, Uuid)>,
    /// The one thing that may change in what was added before.
    pub correction: Option<Correction>,
    /// What happens to the labels.
    pub labels: LabelEffect,
    /// Revision of the end-user context, if the labels change.
    pub end_user_context_revision: Uuid,
    /// What is told; `None` when only labels change.
    pub events: Option<EventBatch>,
    /// When it happens.
    pub now: Timestamp,
    /// What to answer when the request comes again.
    pub kept: Option<Kept>,
}
