//! Corrections of children that are otherwise immutable. Always silent.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::create::claims;
use super::events::{Event, EventBatch};
use super::hierarchy;
use super::input::CorrectTransmission;
use super::limits;
use super::model::{Attachment, Dialog, Transmission};
use super::refusal::Refusal;
use super::update::{self, Mode, ordered};
use super::validate::{PartKind, Rules};
use super::vocabulary::DialogActivityType;
use super::write::{
    self, Additions, Change, ClaimedPart, Corrected, Correction, Expected, Known, LabelEffect, Outside,
    referenced_resources,
};
use crate::clock::Ids;
use crate::json::{Failures, FromJson, Json, Path, read_document, read_field};
use crate::timestamp::Timestamp;

/// The corrected state of a transmission, right by itself.
#[derive(Clone, Debug)]
pub struct Draft {
    transmission: Transmission,
    claims: Vec<ClaimedPart>,
}

/// Whether the body says that the change is silent.
pub fn says_silent(body: &Json, failures: &mut Failures) -> bool {
    read_field(body, "is_silent_update", &Path::Root(""), failures)
}

/// Reads and checks the corrected state of a transmission; `stored` is `None` where the dialog has no
/// such transmission.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn read(
    body: &Json,
    content_optional: bool,
    stored: Option<&Transmission>,
    mode: Mode,
    ids: &mut Ids,
) -> Result<Draft, Refusal> {
    let mut failures = Failures::new();
    let input: CorrectTransmission = read_document(body, "dto", &mut failures);
    let mut rules = Rules::new(mode.now, mode.writer, &mut failures, ids);
    let present = stored.map(part_ids).unwrap_or_default();
    rules.stored = present.iter().map(|(_, id)| *id).collect();
    let mut transmission = rules.correction(&input, stored, content_optional, &Path::Root("dto"));
    let chosen = std::mem::take(&mut rules.chosen);
    failures.into_result().map_err(Refusal::Invalid)?;
    let new = std::mem::take(&mut transmission.body.attachments);
    transmission.body.attachments = ordered(
        stored.map_or(&[], |stored| stored.body.attachments.as_slice()),
        new,
        |a| a.id,
        |old, new| Attachment { urls: ordered(&old.urls, new.urls, |url| url.id, |_, url| url), ..new },
    );
    let mut claims = claims(&chosen, 0);
    claims.retain(|claim| !present.contains(&(claim.kind, claim.id)));
    Ok(Draft { transmission, claims })
}

/// Says what is wrong with a corrected state, whatever is stored.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn check(body: &Json, mode: Mode, ids: &mut Ids) -> Result<(), Refusal> {
    read(body, true, None, mode, ids).map(drop)
}

/// Whether the dialog lets the caller correct anything with these resources, of which some may not
/// be the caller's.
///
/// # Errors
/// [`Refusal::Forbidden`], [`Refusal::Gone`], [`Refusal::RevisionMismatch`].
pub fn admit(dialog: &Dialog, unowned: &[String], expected: &Expected, mode: Mode) -> Result<(), Refusal> {
    write::admit_resources(dialog, &dialog.service_resource_type, unowned, mode.writer)?;
    update::admit(dialog)?;
    update::admit_change(dialog, expected, mode.writer)
}

fn part_ids(transmission: &Transmission) -> HashSet<(PartKind, Uuid)> {
    let mut ids = HashSet::new();
    for attachment in &transmission.body.attachments {
        ids.insert((PartKind::Attachment, attachment.id));
        ids.extend(attachment.urls.iter().map(|url| (PartKind::AttachmentUrl, url.id)));
    }
    ids
}

impl Draft {
    /// Resources that the correction refers to anew, and the dialog's own, as lower-case URNs.
    #[must_use]
    pub fn referenced_resources(&self, dialog: &Dialog, stored: Option<&Transmission>) -> BTreeSet<String> {
        let attribute =
            |t: &Transmission| referenced_resources(t.body.authorization_attribute.as_deref().into_iter());
        let mut resources = attribute(&self.transmission);
        for known in stored.map(attribute).unwrap_or_default() {
            resources.remove(&known);
        }
        resources.insert(dialog.resource_urn());
        resources
    }

    /// Id of the sender, if its name has to be looked up.
    #[must_use]
    pub fn actor_ids(&self) -> BTreeSet<&str> {
        self.transmission.body.sender.actor_id.as_deref().into_iter().collect()
    }

    /// Applies the rules that need stored state. `None` when nothing changes.
    ///
    /// # Errors
    /// [`Refusal::Unprocessable`], [`Refusal::IdempotentKeyTaken`].
    pub fn decide(
        self,
        dialog: &Dialog,
        stored: &Corrected,
        known: &Known,
        outside: &Outside,
        now: Timestamp,
        ids: &mut Ids,
    ) -> Result<Option<Change>, Refusal> {
        let mut failures = Failures::new();
        let mut additions = Additions { transmissions: vec![self.transmission], activities: Vec::new() };
        let keys_elsewhere = Known {
            transmission_keys: known
                .transmission_keys
                .iter()
                .filter(|(_, id)| **id != stored.transmission.id)
                .map(|(key, id)| (key.clone(), *id))
                .collect(),
            ..Known::default()
        };
        additions.admit_keys(dialog.id, &keys_elsewhere)?;
        for claim in &self.claims {
            if known.parts.contains_key(&(claim.kind as i16, claim.id)) {
                failures.add_key(claim.kind.key(), format!("The id {} is in use already.", claim.id));
            }
        }
        let deeper_by = deeper_by(&additions.transmissions[0], stored, known, &mut failures);
        failures.into_result().map_err(Refusal::Unprocessable)?;
        additions.name_actors(outside)?;
        let transmission = additions.transmissions.remove(0);
        if transmission == stored.transmission {
            return Ok(None);
        }

        let mut dialog = dialog.clone();
        let expected_revision = dialog.revision;
        dialog.revision = ids.revision();
        recount(&mut dialog, &stored.transmission, &transmission, stored.is_opened);
        let mut failures = Failures::new();
        write::check_counts(&dialog, &mut failures);
        failures.into_result().map_err(Refusal::Unprocessable)?;
        let kept = part_ids(&transmission);
        let released = part_ids(&stored.transmission).difference(&kept).copied().collect();
        let labels = LabelEffect::of_write(false, transmission.r#type.is_from_party());
        let events = EventBatch::of(&dialog, now, true, vec![Event::DialogUpdated { id: ids.revision() }]);
        Ok(Some(Change {
            expected_revision,
            documents_changed: false,
            reset_seen: false,
            transmissions: Vec::new(),
            activities: Vec::new(),
            claims: self.claims,
            released,
            correction: Some(Correction::Transmission {
                transmission: Box::new(transmission),
                subtree: stored.subtree.clone(),
                deeper_by,
            }),
            labels,
            end_user_context_revision: ids.revision(),
            events: Some(events),
            now,
            kept: None,
            dialog,
        }))
    }
}

/// By how much the transmission and what relates to it come to lie deeper below their new parent.
fn deeper_by(transmission: &Transmission, stored: &Corrected, known: &Known, failures: &mut Failures) -> i16 {
    let parent = transmission.related_transmission_id;
    if parent == stored.transmission.related_transmission_id {
        return 0;
    }
    if parent.is_some_and(|parent| stored.subtree.contains(&parent)) {
        failures.add_key("Transmissions", "Transmissions must not relate to each other in a circle.");
        return 0;
    }
    let parents = known.transmissions.iter().map(|(id, t)| (*id, t.parent)).collect();
    match hierarchy::place(&[(transmission.id, parent)], &parents) {
        Ok(depths) => {
            let deeper_by = depths.first().copied().unwrap_or(1) - stored.depth;
            if stored.deepest + deeper_by > limits::TRANSMISSION_DEPTH {
                let text = format!(
                    "Chains of related transmissions must be at most {} long.",
                    limits::TRANSMISSION_DEPTH
                );
                failures.add_key("Transmissions", text);
            }
            deeper_by
        }
        Err(texts) => {
            for text in texts {
                failures.add_key("Transmissions", text);
            }
            0
        }
    }
}

/// Counts the transmission as what it has become.
fn recount(dialog: &mut Dialog, old: &Transmission, new: &Transmission, is_opened: bool) {
    for (transmission, one) in [(old, -1), (new, 1)] {
        if transmission.r#type.is_from_party() {
            dialog.from_party += one;
        } else {
            dialog.from_service_owner += one;
            dialog.unopened_transmissions += if is_opened { 0 } else { one };
        }
        dialog.contentless_transmissions += if transmission.body.content.is_none() { one } else { 0 };
    }
}

/// Reads the time that a form was saved at: the body is a bare timestamp.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn read_form_saved_at(body: &Json, now: Timestamp) -> Result<Timestamp, Refusal> {
    let mut failures = Failures::new();
    let path = Path::Root("newCreatedAt");
    let moment = Timestamp::read(body, &path, &mut failures);
    let latest = now.plus_seconds(limits::CLOCK_TOLERANCE_SECONDS);
    match moment {
        Some(moment) if moment <= latest => return Ok(moment),
        Some(moment) => failures.add(&path, format!("must not be in the future; got {moment}.")),
        None => {}
    }
    Err(Refusal::Invalid(failures))
}

/// Corrects the time that a form was saved at; also in frozen and deleted dialogs.
///
/// # Errors
/// Not found, [`Refusal::Unprocessable`] for another type, [`Refusal::RevisionMismatch`].
pub fn form_saved_at(
    dialog: &Dialog,
    activity: Uuid,
    moment: Timestamp,
    known: &Known,
    expected: &Expected,
    mode: Mode,
    ids: &mut Ids,
) -> Result<Change, Refusal> {
    match known.activities.get(&activity) {
        None => {
            return Err(Refusal::NotFound {
                entity: "DialogActivity",
                text: format!("The dialog has no activity with id ({activity})."),
            });
        }
        Some(DialogActivityType::FormSaved) => {}
        Some(other) => {
            let text = format!("must be FormSaved; the activity is {}.", other.name());
            return Err(Refusal::unprocessable("Type", text));
        }
    }
    if !expected.holds(dialog.revision) {
        return Err(Refusal::RevisionMismatch);
    }
    let mut dialog = dialog.clone();
    let expected_revision = dialog.revision;
    dialog.revision = ids.revision();
    dialog.updated_at = dialog.updated_at.max(moment);
    let events = EventBatch::of(&dialog, mode.now, true, vec![Event::DialogUpdated { id: ids.revision() }]);
    Ok(Change {
        expected_revision,
        documents_changed: false,
        reset_seen: false,
        transmissions: Vec::new(),
        activities: Vec::new(),
        claims: Vec::new(),
        released: Vec::new(),
        correction: Some(Correction::FormSavedAt(activity, moment)),
        labels: LabelEffect::NONE,
        end_user_context_revision: ids.revision(),
        events: Some(events),
        now: mode.now,
        kept: None,
        dialog,
    })
}
