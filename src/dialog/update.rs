//! How a stored dialog takes on a new state.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::create::claims;
use super::events::{self, Event, EventBatch};
use super::input::{ActivityInput, TransmissionInput, UpdateDialog};
use super::limits;
use super::model::{Activity, ApiAction, Attachment, Dialog, Documents};
use super::refusal::Refusal;
use super::validate::{AttachmentExpiry, PartKind, Rules, Writer};
use super::write::{
    self, Additions, Change, ClaimedPart, Expected, Known, LabelEffect, Outside, action_attributes,
    referenced_resources,
};
use crate::clock::Ids;
use crate::json::{Failures, Json, Path, read_document};
use crate::timestamp::Timestamp;

/// How an update is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Neither timestamps nor labels move, and nothing is told.
    pub silent: bool,
    /// Who writes.
    pub writer: Writer,
    /// When.
    pub now: Timestamp,
}

/// A new state whose request is right by itself.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    stored: &'a Dialog,
    dialog: Dialog,
    additions: Additions,
    claims: Vec<ClaimedPart>,
    /// Where attachments and transmissions stood in the request.
    positions: Positions,
    request: Kind,
    mode: Mode,
}

/// What a request consists of: the order of the rules depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The whole new state.
    Whole,
    /// One transmission to add.
    Transmission,
    /// One activity to add.
    Activity,
}

/// What stored state says before the request is looked at.
///
/// # Errors
/// [`Refusal::Gone`] for a deleted dialog.
pub fn admit(stored: &Dialog) -> Result<(), Refusal> {
    if stored.deleted_at.is_some() { Err(Refusal::Gone(stored.id)) } else { Ok(()) }
}

/// What stored state says to a request that is right by itself.
///
/// # Errors
/// [`Refusal::Forbidden`] for a frozen dialog, [`Refusal::RevisionMismatch`].
pub fn admit_change(stored: &Dialog, expected: &Expected, writer: Writer) -> Result<(), Refusal> {
    if stored.frozen && !writer.is_admin {
        return Err(Refusal::Forbidden(vec!["The dialog is frozen.".into()]));
    }
    if !expected.holds(stored.revision) {
        return Err(Refusal::RevisionMismatch);
    }
    Ok(())
}

/// Reads and checks the request, and merges it into what is stored.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn read<'a>(body: &Json, stored: &'a Dialog, mode: Mode, ids: &mut Ids) -> Result<Draft<'a>, Refusal> {
    let mut failures = Failures::new();
    let input: UpdateDialog = read_document(body, "dto", &mut failures);
    let dto = Path::Root("dto");
    let mut rules = Rules::new(mode.now, mode.writer, &mut failures, ids);
    let present = part_ids(&stored.documents);
    rules.stored = present.iter().map(|(_, id)| *id).collect();

    if input.status.is_none() {
        rules.fail(&dto.member("status"), "is required.");
    }
    rules.progress(input.progress, &dto.member("progress"));
    rules.max_text(input.extended_status.as_ref(), limits::TEXT, &dto.member("extendedStatus"));
    rules.max_text(input.external_reference.as_ref(), limits::TEXT, &dto.member("externalReference"));
    rules.processes(input.process.as_ref(), input.preceding_process.as_ref(), &dto);
    check_order(&input, stored, &mut rules, &dto);
    if !input.is_api_only && stored.contentless_transmissions > 0 {
        rules.fail(&dto.member("transmissions"), "must all have content unless isApiOnly is true.");
    }
    let documents = Documents {
        content: rules.content(input.content.as_ref(), input.is_api_only, &dto.member("content")),
        search_tags: rules.search_tags(&input.search_tags, &dto.member("searchTags")),
        attachments: rules.attachments(
            &input.attachments,
            AttachmentExpiry::Unchecked,
            &dto.member("attachments"),
        ),
        gui_actions: rules.gui_actions(&input.gui_actions, &dto.member("guiActions")),
        api_actions: rules.api_actions(&input.api_actions, &dto.member("apiActions")),
    };
    let of_dialog = rules.chosen.len();
    let additions = additions(&input, &mut rules, &dto);
    let (chosen, positions) = (std::mem::take(&mut rules.chosen), std::mem::take(&mut rules.positions));
    failures.into_result().map_err(Refusal::Invalid)?;

    let mut dialog = stored.clone();
    dialog.progress = input.progress;
    dialog.extended_status = input.extended_status;
    dialog.external_reference = input.external_reference;
    dialog.due_at = input.due_at;
    dialog.process = input.process;
    dialog.preceding_process = input.preceding_process;
    dialog.expires_at = input.expires_at;
    dialog.is_api_only = input.is_api_only;
    if let Some(status) = input.status.0 {
        dialog.status = status.into();
    }
    dialog.documents = merge(&stored.documents, documents);
    let mut claims = claims(&chosen, of_dialog);
    claims.retain(|claim| claim.of_transmission || !present.contains(&(claim.kind, claim.id)));
    Ok(Draft { stored, dialog, additions, claims, positions, request: Kind::Whole, mode })
}

/// Says what cannot be read in a new state, whatever is stored.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn check(body: &Json) -> Result<(), Refusal> {
    let mut failures = Failures::new();
    let _: UpdateDialog = read_document(body, "dto", &mut failures);
    failures.into_result().map_err(Refusal::Invalid)
}

/// Reads and checks a single transmission that is to be added.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn read_transmission<'a>(
    body: &Json,
    stored: &'a Dialog,
    mode: Mode,
    ids: &mut Ids,
) -> Result<Draft<'a>, Refusal> {
    let (additions, claims, positions) = transmission(body, stored.is_api_only, mode, ids)?;
    let dialog = stored.clone();
    Ok(Draft { stored, dialog, additions, claims, positions, request: Kind::Transmission, mode })
}

/// Says what is wrong with a single transmission, whatever is stored.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn check_transmission(body: &Json, mode: Mode, ids: &mut Ids) -> Result<(), Refusal> {
    transmission(body, true, mode, ids).map(drop)
}

type Positions = HashMap<Uuid, usize>;

fn transmission(
    body: &Json,
    content_optional: bool,
    mode: Mode,
    ids: &mut Ids,
) -> Result<(Additions, Vec<ClaimedPart>, Positions), Refusal> {
    // Clients know these keys from lists of transmissions, and the position is always the first.
    let list = Path::Root("transmissions");
    let path = list.item(0);
    let mut failures = Failures::new();
    let input: TransmissionInput = read_document(body, "transmissions[0]", &mut failures);
    let mut rules = Rules::new(mode.now, mode.writer, &mut failures, ids);
    let expiry = AttachmentExpiry::Unchecked;
    let transmission = rules.transmission(&input, content_optional, expiry, &list, &path);
    let (chosen, positions) = (std::mem::take(&mut rules.chosen), std::mem::take(&mut rules.positions));
    failures.into_result().map_err(Refusal::Invalid)?;
    let additions = Additions { transmissions: vec![transmission], activities: Vec::new() };
    Ok((additions, claims(&chosen, 0), positions))
}

/// Reads and checks a single activity that is to be added.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn read_activity<'a>(
    body: &Json,
    stored: &'a Dialog,
    mode: Mode,
    ids: &mut Ids,
) -> Result<Draft<'a>, Refusal> {
    let additions = Additions { transmissions: Vec::new(), activities: vec![activity(body, mode, ids)?] };
    let (claims, positions) = (Vec::new(), HashMap::new());
    Ok(Draft { stored, dialog: stored.clone(), additions, claims, positions, request: Kind::Activity, mode })
}

/// Says what is wrong with a single activity, whatever is stored.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn check_activity(body: &Json, mode: Mode, ids: &mut Ids) -> Result<(), Refusal> {
    activity(body, mode, ids).map(drop)
}

fn activity(body: &Json, mode: Mode, ids: &mut Ids) -> Result<Activity, Refusal> {
    let path = Path::Root("activity");
    let mut failures = Failures::new();
    let input: ActivityInput = read_document(body, "activity", &mut failures);
    let mut rules = Rules::new(mode.now, mode.writer, &mut failures, ids);
    let activity = rules.activity(&input, &path, &path);
    failures.into_result().map_err(Refusal::Invalid)?;
    Ok(activity)
}

/// The order of the dates among themselves and with the stored visibility.
fn check_order(input: &UpdateDialog, stored: &Dialog, rules: &mut Rules<'_>, dto: &Path<'_>) {
    let earlier = |date: Option<Timestamp>, than: Option<Timestamp>| matches!((date, than), (Some(a), Some(b)) if a < b);
    if earlier(input.expires_at, input.due_at) {
        rules.fail(&dto.member("expiresAt"), "must not be earlier than dueAt.");
    }
    if earlier(input.expires_at, stored.visible_from) {
        rules.fail(&dto.member("expiresAt"), "must not be earlier than visibleFrom.");
    }
    if !rules.writer.is_admin && earlier(input.due_at, stored.visible_from) {
        rules.fail(&dto.member("dueAt"), "must not be earlier than visibleFrom.");
    }
}

fn additions(input: &UpdateDialog, rules: &mut Rules<'_>, dto: &Path<'_>) -> Additions {
    let list = dto.member("transmissions");
    let mut transmissions = Vec::with_capacity(input.transmissions.len());
    for (index, transmission) in input.transmissions.iter().enumerate() {
        let path = list.item(index);
        let expiry = AttachmentExpiry::Unchecked;
        transmissions.push(rules.transmission(transmission, input.is_api_only, expiry, &list, &path));
    }
    let list = dto.member("activities");
    let mut activities = Vec::with_capacity(input.activities.len());
    for (index, activity) in input.activities.iter().enumerate() {
        activities.push(rules.activity(activity, &list, &list.item(index)));
    }
    transmissions.sort_by_key(|t| t.id);
    activities.sort_by_key(|a| a.id);
    Additions { transmissions, activities }
}

/// The new documents with the parts that stay in their old order, and new parts after them.
fn merge(stored: &Documents, new: Documents) -> Documents {
    let attachments = ordered(
        &stored.attachments,
        new.attachments,
        |a| a.id,
        |old, new| Attachment { urls: ordered(&old.urls, new.urls, |url| url.id, |_, url| url), ..new },
    );
    let api_actions = ordered(
        &stored.api_actions,
        new.api_actions,
        |a| a.id,
        |old, new| ApiAction {
            endpoints: ordered(&old.endpoints, new.endpoints, |e| e.id, |_, endpoint| endpoint),
            ..new
        },
    );
    let kept: HashSet<&str> = stored.search_tags.iter().map(String::as_str).collect();
    let wanted: HashSet<&str> = new.search_tags.iter().map(String::as_str).collect();
    let search_tags = stored
        .search_tags
        .iter()
        .filter(|tag| wanted.contains(tag.as_str()))
        .chain(new.search_tags.iter().filter(|tag| !kept.contains(tag.as_str())))
        .cloned()
        .collect();
    Documents {
        content: new.content,
        search_tags,
        attachments,
        gui_actions: ordered(&stored.gui_actions, new.gui_actions, |a| a.id, |_, action| action),
        api_actions,
    }
}

pub(super) fn ordered<T>(
    stored: &[T],
    new: Vec<T>,
    id: impl Fn(&T) -> Uuid,
    join: impl Fn(&T, T) -> T,
) -> Vec<T> {
    let mut new: Vec<Option<T>> = new.into_iter().map(Some).collect();
    let places: HashMap<Uuid, usize> =
        new.iter().enumerate().filter_map(|(at, part)| Some((id(part.as_ref()?), at))).collect();
    let mut parts = Vec::with_capacity(new.len());
    for old in stored {
        if let Some(part) = places.get(&id(old)).and_then(|at| new[*at].take()) {
            parts.push(join(old, part));
        }
    }
    parts.extend(new.into_iter().flatten());
    parts
}

fn part_ids(documents: &Documents) -> HashSet<(PartKind, Uuid)> {
    let mut ids = HashSet::new();
    for attachment in &documents.attachments {
        ids.insert((PartKind::Attachment, attachment.id));
        ids.extend(attachment.urls.iter().map(|url| (PartKind::AttachmentUrl, url.id)));
    }
    ids.extend(documents.gui_actions.iter().map(|action| (PartKind::GuiAction, action.id)));
    for action in &documents.api_actions {
        ids.insert((PartKind::ApiAction, action.id));
        ids.extend(action.endpoints.iter().map(|endpoint| (PartKind::ApiActionEndpoint, endpoint.id)));
    }
    ids
}

impl Draft<'_> {
    /// Resources that the request refers to anew, and the dialog's own, as lower-case URNs.
    #[must_use]
    pub fn referenced_resources(&self) -> BTreeSet<String> {
        let attributes = action_attributes(&self.dialog.documents).chain(self.additions.attributes());
        let mut resources = referenced_resources(attributes);
        for known in referenced_resources(action_attributes(&self.stored.documents)) {
            resources.remove(&known);
        }
        resources.insert(self.dialog.resource_urn());
        resources
    }

    /// Id of the single transmission or activity that is added.
    #[must_use]
    pub fn added_id(&self) -> Option<Uuid> {
        let transmissions = self.additions.transmissions.iter().map(|t| t.id);
        transmissions.chain(self.additions.activities.iter().map(|a| a.id)).next()
    }

    /// Ids of the actors whose names have to be looked up.
    #[must_use]
    pub fn actor_ids(&self) -> BTreeSet<&str> {
        self.additions.actor_ids()
    }

    /// Applies the rules that need stored state, the clock and answers from outside. `None` when
    /// nothing changes at all.
    ///
    /// # Errors
    /// [`Refusal::Unprocessable`], [`Refusal::Forbidden`], [`Refusal::IdempotentKeyTaken`].
    pub fn decide(
        mut self,
        known: &Known,
        outside: &Outside,
        ids: &mut Ids,
    ) -> Result<Option<Change>, Refusal> {
        let Mode { silent, now, .. } = self.mode;
        let depths = match self.request {
            Kind::Whole => self.check_whole(known, outside)?,
            Kind::Transmission => self.check_transmission(known, outside)?,
            Kind::Activity => self.check_activity(known, outside)?,
        };
        self.additions.name_actors(outside)?;

        let labels = LabelEffect::of_write(!silent, self.additions.is_sent_by_party());
        let labels_change = labels.apply(self.stored.system_labels) != self.stored.system_labels;
        let adds = !self.additions.transmissions.is_empty() || !self.additions.activities.is_empty();
        let changed = adds || self.dialog != *self.stored;
        if !changed && !labels_change {
            return Ok(None);
        }
        let mut change = Change {
            expected_revision: self.stored.revision,
            documents_changed: self.dialog.documents != self.stored.documents,
            reset_seen: false,
            transmissions: Vec::new(),
            activities: Vec::new(),
            claims: Vec::new(),
            released: Vec::new(),
            correction: None,
            labels,
            end_user_context_revision: ids.revision(),
            events: None,
            now,
            kept: None,
            dialog: self.dialog,
        };
        if changed {
            let content_changed = content_changed(self.stored, &change.dialog, &self.additions);
            change.dialog.revision = ids.revision();
            change.reset_seen = touch(&mut change.dialog, content_changed, silent, now);
            if let Some(visible) = hidden_until(&change.dialog, now) {
                for transmission in &mut self.additions.transmissions {
                    transmission.created_at = visible;
                }
            }
            let mut raised = vec![Event::DialogUpdated { id: ids.revision() }];
            raised.extend(events::of_parts(
                &self.additions.transmissions,
                &self.additions.activities,
                silent,
                ids,
            ));
            change.events = Some(EventBatch::of(&change.dialog, now, silent, raised));
            (change.transmissions, change.activities) = self.additions.into_added(depths);
            change.claims = self.claims;
            let kept = part_ids(&change.dialog.documents);
            change.released = part_ids(&self.stored.documents).difference(&kept).copied().collect();
        } else {
            change.events = Some(EventBatch::of_labels(&change.dialog, now));
        }
        Ok(Some(change))
    }

    /// The rules for a whole new state, in the order in which they outrank each other. Gives the
    /// depths of the transmissions.
    fn check_whole(&mut self, known: &Known, outside: &Outside) -> Result<Vec<i16>, Refusal> {
        let mut failures = Failures::new();
        self.check_dates(&mut failures);
        self.check_activity_ids(known, &mut failures);
        write::after(&failures, self.additions.admit_activities(self.mode.writer))?;
        let depths = self.check_transmissions(known, &mut failures);
        write::after(&failures, self.additions.admit_keys(self.stored.id, known))?;
        self.check_openings(known, "Activities", &mut failures);
        self.check_attachment_expiry(&mut failures);
        self.admit_resources(outside)?;
        failures.into_result().map_err(Refusal::Unprocessable)?;
        Ok(depths)
    }

    /// The rules for a single transmission, in the order in which they outrank each other. Gives its
    /// depth.
    fn check_transmission(&mut self, known: &Known, outside: &Outside) -> Result<Vec<i16>, Refusal> {
        let mut failures = Failures::new();
        self.additions.admit_keys(self.stored.id, known)?;
        let depths = self.check_transmissions(known, &mut failures);
        self.admit_resources(outside)?;
        failures.into_result().map_err(Refusal::Unprocessable)?;
        Ok(depths)
    }

    /// The rules for a single activity, in the order in which they outrank each other.
    fn check_activity(&mut self, known: &Known, outside: &Outside) -> Result<Vec<i16>, Refusal> {
        let mut failures = Failures::new();
        self.additions.admit_activities(self.mode.writer)?;
        self.check_openings(known, "Activity.TransmissionId", &mut failures);
        write::after(&failures, self.admit_resources(outside))?;
        self.check_activity_ids(known, &mut failures);
        self.additions.count_into(&mut self.dialog, known, &mut failures);
        failures.into_result().map_err(Refusal::Unprocessable)?;
        Ok(Vec::new())
    }

    fn admit_resources(&self, outside: &Outside) -> Result<(), Refusal> {
        let resource_type = &self.stored.service_resource_type;
        write::admit_resources(self.stored, resource_type, &outside.unowned, self.mode.writer)
    }

    /// Dates that change must lie ahead.
    fn check_dates(&self, failures: &mut Failures) {
        if self.mode.silent || self.mode.writer.is_admin {
            return;
        }
        for (old, new, key) in [
            (self.stored.due_at, self.dialog.due_at, "DueAt"),
            (self.stored.expires_at, self.dialog.expires_at, "ExpiresAt"),
        ] {
            if old != new && self.is_past(new) {
                failures.add_key(key, "must be in the future.");
            }
        }
    }

    fn is_past(&self, date: Option<Timestamp>) -> bool {
        date.is_some_and(|date| date <= self.mode.now)
    }

    /// Where a part stood in the request.
    fn position(&self, id: Uuid) -> usize {
        self.positions.get(&id).copied().unwrap_or_default()
    }

    /// An expiry of the dialog's attachments that changes must lie ahead.
    fn check_attachment_expiry(&self, failures: &mut Failures) {
        let before: HashMap<Uuid, Option<Timestamp>> =
            self.stored.documents.attachments.iter().map(|a| (a.id, a.expires_at)).collect();
        for attachment in &self.dialog.documents.attachments {
            if self.is_past(attachment.expires_at)
                && before.get(&attachment.id) != Some(&attachment.expires_at)
            {
                let key = format!("Attachments[{}].ExpiresAt", self.position(attachment.id));
                failures.add_key(&key, "must be in the future.");
            }
        }
    }

    fn check_activity_ids(&self, known: &Known, failures: &mut Failures) {
        for id in
            self.additions.activities.iter().map(|a| a.id).filter(|id| known.activities.contains_key(id))
        {
            failures.add_key("DialogActivity", format!("There is an activity with the id {id} already."));
        }
    }

    /// Ids of transmissions and parts must be new, transmissions must have their place, be not too
    /// many, and their attachments must not have expired. Gives their depths.
    fn check_transmissions(&mut self, known: &Known, failures: &mut Failures) -> Vec<i16> {
        for id in self.additions.transmissions.iter().map(|t| t.id) {
            if known.transmissions.contains_key(&id) {
                failures.add_key(
                    "DialogTransmission",
                    format!("There is a transmission with the id {id} already."),
                );
            }
        }
        let present = part_ids(&self.stored.documents);
        for claim in &self.claims {
            let is_taken = known
                .parts
                .get(&(claim.kind as i16, claim.id))
                .is_some_and(|part| part.dialog != self.stored.id || part.of_transmission);
            let is_moved = claim.of_transmission && present.contains(&(claim.kind, claim.id));
            if is_taken || is_moved {
                failures.add_key(claim.kind.key(), format!("The id {} is in use already.", claim.id));
            }
        }
        let depths = self.additions.depths(known, failures);
        self.additions.count_into(&mut self.dialog, known, failures);
        for transmission in &self.additions.transmissions {
            for attachment in &transmission.body.attachments {
                if self.is_past(attachment.expires_at) {
                    let (outer, inner) = (self.position(transmission.id), self.position(attachment.id));
                    let key = format!("Transmissions[{outer}].Attachments[{inner}].ExpiresAt");
                    failures.add_key(&key, "must be in the future.");
                }
            }
        }
        depths
    }

    /// Activities must be about transmissions of the dialog.
    fn check_openings(&self, known: &Known, key: &str, failures: &mut Failures) {
        let new: HashSet<Uuid> = self.additions.transmissions.iter().map(|t| t.id).collect();
        for id in self.additions.activities.iter().filter_map(|a| a.transmission_id) {
            if !new.contains(&id) && !known.transmissions.contains_key(&id) {
                failures.add_key(
                    key,
                    format!("transmissionId must be the id of a transmission of the dialog; got {id}."),
                );
            }
        }
    }
}

fn hidden_until(dialog: &Dialog, now: Timestamp) -> Option<Timestamp> {
    dialog.visible_from.filter(|visible| *visible > now)
}

/// Status, extended status, content, attachments, actions and transmissions are content; nothing
/// else is.
fn content_changed(old: &Dialog, new: &Dialog, additions: &Additions) -> bool {
    old.status != new.status
        || old.extended_status != new.extended_status
        || old.documents.content != new.documents.content
        || old.documents.attachments != new.documents.attachments
        || old.documents.gui_actions != new.documents.gui_actions
        || old.documents.api_actions != new.documents.api_actions
        || !additions.transmissions.is_empty()
}

/// Moves the timestamps, and tells whether the content counts as unseen.
pub(super) fn touch(dialog: &mut Dialog, content_changed: bool, silent: bool, now: Timestamp) -> bool {
    if let Some(visible) = hidden_until(dialog, now) {
        dialog.updated_at = visible;
        dialog.content_updated_at = visible;
        return true;
    }
    if silent {
        return false;
    }
    dialog.updated_at = dialog.updated_at.max(now);
    if content_changed {
        dialog.content_updated_at = dialog.updated_at;
    }
    content_changed
}
