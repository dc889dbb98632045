//! How a dialog comes into being.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::events::{self, Event, EventBatch};
use super::input::CreateDialog;
use super::limits;
use super::model::{Dialog, Documents, SystemLabels};
use super::party::{PartyKind, PartyUrn};
use super::refusal::Refusal;
use super::validate::{AttachmentExpiry, PartKind, Rules, Writer};
use super::vocabulary::{DialogStatus, SystemLabel};
use super::write::{
    self, Additions, ClaimedPart, Creation, Known, Outside, action_attributes, referenced_resources,
};
use crate::clock::Ids;
use crate::json::{Failures, Json, Path, read_document};
use crate::timestamp::Timestamp;

/// A new dialog whose request is right by itself.
#[derive(Clone, Debug)]
pub struct Draft {
    dialog: Dialog,
    additions: Additions,
    service_owner_labels: Vec<String>,
    claims: Vec<ClaimedPart>,
    writer: Writer,
    silent: bool,
    now: Timestamp,
}

/// The resource of a new dialog, as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Lower-case type.
    pub resource_type: String,
    /// Lower-case short code of its owner.
    pub owner_code: String,
}

/// Which new dialogs count as seen although nobody has opened them here; without settings none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeenElsewhere {
    /// Those created before.
    pub created_before: Option<Timestamp>,
    /// Those of services that come from Altinn 2.
    pub of_altinn2: bool,
}

impl SeenElsewhere {
    fn includes(self, dialog: &Dialog) -> bool {
        let from_altinn2 = || dialog.service_resource.starts_with(&format!("app_{}_a2", dialog.org));
        self.created_before.is_some_and(|moment| dialog.created_at < moment)
            || (self.of_altinn2 && from_altinn2())
    }
}

/// Reads and checks the request.
///
/// # Errors
/// [`Refusal::Invalid`] with everything that is wrong.
pub fn read(
    body: &Json,
    silent: bool,
    writer: Writer,
    now: Timestamp,
    ids: &mut Ids,
) -> Result<Draft, Refusal> {
    let mut failures = Failures::new();
    let input: CreateDialog = read_document(body, "dto", &mut failures);
    let dto = Path::Root("dto");
    let mut rules = Rules::new(now, writer, &mut failures, ids);

    let id = match input.id {
        Some(id) => {
            rules.check_id(id, &dto.member("id"));
            id
        }
        None => rules.ids.next_id(),
    };
    let visible_from = visible_from(&input, &mut rules, &dto);
    let (created_at, updated_at) = creation_dates(&input, &mut rules, &dto);
    check_order(&input, visible_from, &mut rules, &dto);
    if let Some(key) = &input.idempotent_key {
        rules.bounded_text(key, limits::IDEMPOTENT_KEY, &dto.member("idempotentKey"));
    }
    rules.progress(input.progress, &dto.member("progress"));
    rules.max_text(input.extended_status.as_ref(), limits::TEXT, &dto.member("extendedStatus"));
    rules.max_text(input.external_reference.as_ref(), limits::TEXT, &dto.member("externalReference"));
    rules.processes(input.process.as_ref(), input.preceding_process.as_ref(), &dto);
    let service_resource = rules.service_resource(&input.service_resource, &dto.member("serviceResource"));
    let party = rules.party(&input.party, &dto.member("party"));
    let label = input.system_label.unwrap_or(SystemLabel::Default);
    if !matches!(label, SystemLabel::Default | SystemLabel::Bin | SystemLabel::Archive) {
        rules.fail(&dto.member("systemLabel"), "must be one of Default, Bin, Archive.");
    }
    let service_owner_labels = input.service_owner_context.as_ref().map_or_else(Vec::new, |context| {
        let path = dto.member("serviceOwnerContext");
        rules.service_owner_labels(&context.service_owner_labels, &path.member("serviceOwnerLabels"))
    });
    let documents = Documents {
        content: rules.content(input.content.as_ref(), input.is_api_only, &dto.member("content")),
        search_tags: rules.search_tags(&input.search_tags, &dto.member("searchTags")),
        attachments: rules.attachments(
            &input.attachments,
            AttachmentExpiry::NotPast,
            &dto.member("attachments"),
        ),
        gui_actions: rules.gui_actions(&input.gui_actions, &dto.member("guiActions")),
        api_actions: rules.api_actions(&input.api_actions, &dto.member("apiActions")),
    };
    let of_dialog = rules.chosen.len();
    let mut additions = additions(&input, &mut rules, &dto);
    let claims = claims(&rules.chosen, of_dialog);
    failures.into_result().map_err(Refusal::Invalid)?;

    let hidden_until = visible_from.filter(|visible| *visible > now);
    if let Some(visible) = hidden_until {
        for transmission in &mut additions.transmissions {
            transmission.created_at = visible;
        }
    }
    let updated_at = hidden_until.or(updated_at).unwrap_or(now);
    let dialog = Dialog {
        id,
        revision: ids.revision(),
        org: String::new(),
        service_resource,
        service_resource_type: String::new(),
        // Without a valid party we would not have come here.
        party: party.unwrap_or_else(|| PartyUrn::of(PartyKind::Person, "")),
        idempotent_key: input.idempotent_key,
        status: input.status.map_or(DialogStatus::NotApplicable, Into::into),
        extended_status: input.extended_status,
        external_reference: input.external_reference,
        progress: input.progress,
        process: input.process,
        preceding_process: input.preceding_process,
        visible_from,
        due_at: input.due_at,
        expires_at: input.expires_at,
        created_at: hidden_until.or(created_at).unwrap_or(now),
        updated_at,
        content_updated_at: updated_at,
        deleted_at: None,
        frozen: false,
        is_api_only: input.is_api_only,
        is_seen: false,
        system_labels: SystemLabels::of(label),
        end_user_context_revision: ids.revision(),
        service_owner_context_revision: ids.revision(),
        from_service_owner: 0,
        from_party: 0,
        unopened_transmissions: 0,
        contentless_transmissions: 0,
        correspondence_opened: false,
        documents,
    };
    Ok(Draft { dialog, additions, service_owner_labels, claims, writer, silent, now })
}

/// `visibleFrom`, or `visibleAt` for those who call it that.
fn visible_from(input: &CreateDialog, rules: &mut Rules<'_>, dto: &Path<'_>) -> Option<Timestamp> {
    match (input.visible_from, input.visible_at) {
        (Some(from), Some(at)) if from != at => {
            rules.fail(&dto.member("visibleAt"), "must equal visibleFrom when both are given.");
            Some(from)
        }
        (from, at) => from.or(at),
    }
}

fn creation_dates(
    input: &CreateDialog,
    rules: &mut Rules<'_>,
    dto: &Path<'_>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let created_at = input.created_at.filter(|moment| !moment.is_zero());
    let updated_at = input.updated_at.filter(|moment| !moment.is_zero());
    rules.past(created_at, &dto.member("createdAt"));
    match (created_at, updated_at) {
        (None, Some(_)) => rules.fail(&dto.member("createdAt"), "is required when updatedAt is given."),
        (Some(created), Some(updated)) => {
            rules.past(Some(updated), &dto.member("updatedAt"));
            if updated < created {
                rules.fail(&dto.member("updatedAt"), "must not be earlier than createdAt.");
            }
        }
        _ => {}
    }
    (created_at, updated_at)
}

/// The order of the dates among themselves.
fn check_order(input: &CreateDialog, visible_from: Option<Timestamp>, rules: &mut Rules<'_>, dto: &Path<'_>) {
    let earlier = |date: Option<Timestamp>, than: Option<Timestamp>| matches!((date, than), (Some(a), Some(b)) if a < b);
    if earlier(input.expires_at, input.due_at) {
        rules.fail(&dto.member("expiresAt"), "must not be earlier than dueAt.");
    }
    if earlier(input.expires_at, visible_from) {
        rules.fail(&dto.member("expiresAt"), "must not be earlier than visibleFrom.");
    }
    if !rules.writer.is_admin && earlier(input.due_at, visible_from) {
        rules.fail(&dto.member("dueAt"), "must not be earlier than visibleFrom.");
    }
}

fn additions(input: &CreateDialog, rules: &mut Rules<'_>, dto: &Path<'_>) -> Additions {
    let ids: BTreeSet<Uuid> = input.transmissions.iter().filter_map(|t| t.id).collect();
    let list = dto.member("transmissions");
    let mut transmissions = Vec::with_capacity(input.transmissions.len());
    for (index, transmission) in input.transmissions.iter().enumerate() {
        let path = list.item(index);
        if let Some(related) = transmission.related_transmission_id
            && !ids.contains(&related)
        {
            rules.fail(
                &path,
                format!(
                    "relatedTransmissionId must be the id of another transmission given here; got {related}."
                ),
            );
        }
        transmissions.push(rules.transmission(
            transmission,
            input.is_api_only,
            AttachmentExpiry::NotPast,
            &list,
            &path,
        ));
    }
    let list = dto.member("activities");
    let mut activities = Vec::with_capacity(input.activities.len());
    for (index, activity) in input.activities.iter().enumerate() {
        let path = list.item(index);
        if let Some(id) = activity.transmission_id
            && !ids.contains(&id)
        {
            rules.fail(
                &path,
                format!("transmissionId must be the id of a transmission given here; got {id}."),
            );
        }
        activities.push(rules.activity(activity, &list, &path));
    }
    transmissions.sort_by_key(|t| t.id);
    activities.sort_by_key(|a| a.id);
    Additions { transmissions, activities }
}

/// The parts among the chosen ids; transmissions and activities are kept unique by their tables.
pub(super) fn claims(chosen: &[(PartKind, Uuid)], of_dialog: usize) -> Vec<ClaimedPart> {
    chosen
        .iter()
        .enumerate()
        .filter(|(_, (kind, _))| !matches!(kind, PartKind::Transmission | PartKind::Activity))
        .map(|(index, (kind, id))| ClaimedPart { kind: *kind, id: *id, of_transmission: index >= of_dialog })
        .collect()
}

impl Draft {
    /// Id of the dialog's resource, in lower case.
    #[must_use]
    pub fn service_resource(&self) -> &str {
        &self.dialog.service_resource
    }

    /// The key under which the dialog can be created only once.
    #[must_use]
    pub fn idempotent_key(&self) -> Option<&str> {
        self.dialog.idempotent_key.as_deref()
    }

    /// All resources that must be the caller's, as lower-case URNs.
    #[must_use]
    pub fn referenced_resources(&self) -> BTreeSet<String> {
        let attributes = action_attributes(&self.dialog.documents).chain(self.additions.attributes());
        let mut resources = referenced_resources(attributes);
        resources.insert(self.dialog.resource_urn());
        resources
    }

    /// Ids of the actors whose names have to be looked up.
    #[must_use]
    pub fn actor_ids(&self) -> BTreeSet<&str> {
        self.additions.actor_ids()
    }

    /// Whether the caller may create a dialog on this resource.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn admit(&self, resource: &ResourceFacts, outside: &Outside) -> Result<(), Refusal> {
        write::admit_resources(&self.dialog, &resource.resource_type, &outside.unowned, self.writer)
    }

    /// Applies the other rules that need the clock and answers from outside.
    ///
    /// # Errors
    /// [`Refusal::Unprocessable`], [`Refusal::Forbidden`], [`Refusal::IdempotentKeyTaken`].
    pub fn decide(
        mut self,
        resource: Option<ResourceFacts>,
        outside: &Outside,
        seen: SeenElsewhere,
        ids: &mut Ids,
    ) -> Result<Creation, Refusal> {
        let mut failures = Failures::new();
        match resource {
            None => {
                let urn = self.dialog.resource_urn();
                let text = format!("There is no service resource {urn} that dialogs can refer to.");
                failures.add_key("ServiceResource", text);
                if self.writer.is_admin {
                    failures.add_key("Org", format!("The owner of {urn} cannot be found."));
                }
            }
            Some(resource) => {
                self.dialog.org = resource.owner_code;
                self.dialog.service_resource_type = resource.resource_type;
            }
        }
        if !self.silent && !self.writer.is_admin {
            for (date, key) in [
                (self.dialog.due_at, "DueAt"),
                (self.dialog.expires_at, "ExpiresAt"),
                (self.dialog.visible_from, "VisibleFrom"),
            ] {
                if date.is_some_and(|date| date <= self.now) {
                    failures.add_key(key, "must be in the future.");
                }
            }
        }
        write::after(&failures, self.additions.admit_activities(self.writer))?;
        let known = Known::default();
        let depths = self.additions.depths(&known, &mut failures);
        self.additions.count_into(&mut self.dialog, &known, &mut failures);
        write::after(&failures, self.additions.admit_keys(self.dialog.id, &known))?;
        failures.into_result().map_err(Refusal::Unprocessable)?;
        self.additions.name_actors(outside)?;

        self.dialog.is_seen = seen.includes(&self.dialog);
        if self.additions.is_sent_by_party() {
            self.dialog.system_labels = self.dialog.system_labels.with(SystemLabel::Sent);
        }
        let mut raised = vec![Event::DialogCreated { id: ids.revision() }];
        raised.extend(events::of_parts(
            &self.additions.transmissions,
            &self.additions.activities,
            self.silent,
            ids,
        ));
        let events = EventBatch::of(&self.dialog, self.now, self.silent, raised);
        let (transmissions, activities) = self.additions.into_added(depths);
        Ok(Creation {
            dialog: self.dialog,
            transmissions,
            activities,
            service_owner_labels: self.service_owner_labels,
            claims: self.claims,
            events,
            now: self.now,
            kept: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::effects::tests::stored;

    #[test]
    fn seen_elsewhere_is_off_by_default() {
        let moment = |text| Timestamp::parse(text).unwrap();
        let created = moment("2025-11-30T23:59:59Z");
        let mut dialog = stored(created);
        let before = |text| SeenElsewhere { created_before: Some(moment(text)), ..SeenElsewhere::default() };
        assert!(!SeenElsewhere::default().includes(&dialog));
        assert!(before("2025-12-01T00:00:00Z").includes(&dialog));
        assert!(!before("2025-11-30T23:59:59Z").includes(&dialog));

        let of_altinn2 = SeenElsewhere { of_altinn2: true, ..SeenElsewhere::default() };
        for (resource, is_seen) in [
            ("app_ttd_a2-1234-1", true),
            ("app_ttd_frontend-test", false),
            ("app_brg_a2-1234-1", false),
            ("ttd_a2", false),
        ] {
            resource.clone_into(&mut dialog.service_resource);
            assert_eq!(of_altinn2.includes(&dialog), is_seen, "{resource}");
            assert!(!SeenElsewhere::default().includes(&dialog));
        }
    }
}
