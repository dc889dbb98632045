//! Labels on dialogs.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::repetition::is_key_in_use;
use super::{App, Failure};
use crate::access::Access;
use crate::access::caller::{Caller, UserKind};
use crate::dialog::events::EventBatch;
use crate::dialog::labels::{self, LabelChange, LabelWrite, Relabelling, ServiceOwnerLabels};
use crate::dialog::model::{Actor, Dialog};
use crate::dialog::refusal::Refusal;
use crate::dialog::repetition::{IdempotencyKey, Kept, Outcome};
use crate::dialog::vocabulary::ActorType;
use crate::dialog::write::Expected;
use crate::json::{Failures, Json};
use crate::store::Labelled;
use crate::timestamp::Timestamp;

const ATTEMPTS: usize = 20;

/// A change of the service owner's labels.
#[derive(Clone, Copy, Debug)]
pub enum LabelCommand<'a> {
    /// Add the label that the body has.
    Add(&'a Json),
    /// Remove this label; case does not count.
    Remove(&'a str),
}

impl App {
    /// The service owner's labels of a dialog that is not deleted.
    ///
    /// # Errors
    /// Not found.
    pub async fn labels(&self, caller: &Caller, dialog: Uuid) -> Result<ServiceOwnerLabels, Failure> {
        let scope = self.access.service_owner_scope(caller);
        match self.store.service_owner_labels(&scope, dialog).await? {
            None | Some((_, true)) => Err(Refusal::dialog_not_found(dialog).into()),
            Some((labels, false)) => Ok(labels),
        }
    }

    /// Adds or removes a label of the service owner; gives the revision of its context afterwards.
    ///
    /// # Errors
    /// Not found, mismatch, or an invalid label.
    pub async fn change_label(
        &self,
        caller: &Caller,
        dialog: Uuid,
        expected: &Expected,
        command: LabelCommand<'_>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Uuid, Failure> {
        if let Some(outcome) = self.repeated(key).await? {
            return Ok(outcome.revision.unwrap_or_default());
        }
        let changed = self.change_label_once(caller, dialog, expected, command, key).await;
        let outcome = changed.map(|revision| Outcome { revision: Some(revision), created: None });
        Ok(self.unless_repeated(key, outcome).await?.revision.unwrap_or_default())
    }

    async fn change_label_once(
        &self,
        caller: &Caller,
        dialog: Uuid,
        expected: &Expected,
        command: LabelCommand<'_>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Uuid, Failure> {
        let now = self.clock.now();
        let mut ids = self.clock.ids(now);
        if let LabelCommand::Add(body) = command {
            labels::check_label(body)?;
        }
        for _ in 0..ATTEMPTS {
            let scope = self.access.service_owner_scope(caller);
            let found = self.store.dialogs(&scope, &[dialog]).await?.pop();
            let found = found.filter(|(dialog, _)| dialog.deleted_at.is_none());
            let (its, labels) = found.ok_or(Refusal::dialog_not_found(dialog))?;
            let stored = ServiceOwnerLabels { revision: its.service_owner_context_revision, labels };
            let as_expected =
                if expected.holds(stored.revision) { Ok(()) } else { Err(Refusal::RevisionMismatch) };
            let (label, add) = match command {
                LabelCommand::Add(body) => {
                    as_expected?;
                    (labels::read_label(body, &stored)?, true)
                }
                LabelCommand::Remove(label) => {
                    let label = label.trim().to_lowercase();
                    if !stored.labels.contains(&label) {
                        let text = format!("The dialog has no label ({label}).");
                        return Err(Refusal::NotFound { entity: "Label", text }.into());
                    }
                    as_expected?;
                    (label, false)
                }
            };
            let revision = ids.revision();
            let mut told = EventBatch::of_labels(&its, now);
            // By it some users may know of the dialog, who find then that it is gone.
            told.labels = (!add).then_some(stored.labels);
            let write = LabelWrite {
                dialog,
                expected_revision: stored.revision,
                revision,
                label,
                add,
                told,
                kept: kept(key, Some(revision)),
                now,
            };
            match self.store.set_service_owner_label(write).await.map_err(Failure::from) {
                Ok(true) => return Ok(revision),
                Ok(false) => {}
                Err(failure) if is_key_in_use(&failure) => {
                    if let Some(outcome) = self.repeated(key).await? {
                        return Ok(outcome.revision.unwrap_or_default());
                    }
                }
                Err(failure) => return Err(failure),
            }
            if matches!(expected, Expected::OneOf(_)) {
                return Err(Refusal::RevisionMismatch.into());
            }
        }
        Err(Refusal::Contended.into())
    }

    /// Changes the labels of a dialog on behalf of an end user, or, as administrator, in somebody's
    /// name; gives the revision of the end-user context afterwards.
    ///
    /// # Errors
    /// Invalid, not found, forbidden, or mismatch.
    pub async fn set_system_labels(
        &self,
        caller: &Caller,
        dialog: Uuid,
        expected: &Expected,
        body: &Json,
    ) -> Result<Uuid, Failure> {
        let now = self.clock.now();
        let mut change = labels::read_change(body, now, &mut self.clock.ids(now))?;
        own_performer(caller, &mut change);
        check_performer(caller, &change)?;
        let only = match expected {
            Expected::OneOf(revisions) => Some(revisions.as_slice()),
            Expected::Unconditional | Expected::Any => None,
        };
        let mut ids = self.clock.ids(now);
        for _ in 0..ATTEMPTS {
            let mut found = self.reached(caller, &[dialog]).await?;
            // Users are told that a dialog of theirs was deleted; it is forbidden to others.
            found.retain(|(dialog, _)| dialog.deleted_at.is_none() || !is_service_owner(caller));
            if found.is_empty() {
                return Err(Refusal::dialog_not_found(dialog).into());
            }
            admit_performer(caller, &change)?;
            let Some(stored) = self.that_may_be_labelled(caller, &change, found).await?.pop() else {
                let text = format!("The user has no access to the dialog {dialog}.");
                return Err(Refusal::Forbidden(vec![text]).into());
            };
            if stored.deleted_at.is_some() {
                return Err(Refusal::Gone(dialog).into());
            }
            if only.is_some_and(|revisions| !revisions.contains(&stored.end_user_context_revision)) {
                return Err(Refusal::RevisionMismatch.into());
            }
            let relabelling = relabelling(&stored, &change, ids.revision(), now);
            let revision = relabelling.revision;
            if revision == stored.end_user_context_revision {
                return Ok(revision);
            }
            let actor = self.performer(caller, &change).await?;
            if self.store.relabel(vec![relabelling], &actor, None, now).await? {
                return Ok(revision);
            }
            if matches!(expected, Expected::OneOf(_)) {
                return Err(Refusal::RevisionMismatch.into());
            }
        }
        Err(Refusal::Contended.into())
    }

    /// Changes the labels of several dialogs, as many as `counts` allows: of all of them, or of none.
    ///
    /// # Errors
    /// Invalid, not found (naming every dialog that is missing), forbidden, or mismatch.
    pub async fn bulk_set_system_labels(
        &self,
        caller: &Caller,
        body: &Json,
        counts: &RangeInclusive<usize>,
        key: Option<&IdempotencyKey>,
    ) -> Result<(), Failure> {
        if self.repeated(key).await?.is_some() {
            return Ok(());
        }
        let done = self.bulk_set_once(caller, body, counts, key).await.map(|()| Outcome::default());
        self.unless_repeated(key, done).await.map(drop)
    }

    async fn bulk_set_once(
        &self,
        caller: &Caller,
        body: &Json,
        counts: &RangeInclusive<usize>,
        key: Option<&IdempotencyKey>,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        let mut ids = self.clock.ids(now);
        let (mut change, dialogs) = labels::read_bulk_change(body, counts, now, &mut ids)?;
        own_performer(caller, &mut change);
        check_performer(caller, &change)?;
        admit_performer(caller, &change)?;
        let wanted: Vec<Uuid> = dialogs.iter().map(|(id, _)| *id).collect();
        let is_conditional = dialogs.iter().any(|(_, revision)| revision.is_some());
        for _ in 0..ATTEMPTS {
            let reached = self.reachable(caller, &wanted).await?;
            let found = self.that_may_be_labelled(caller, &change, reached).await?;
            let missing: Vec<String> = wanted
                .iter()
                .filter(|id| !found.iter().any(|dialog| dialog.id == **id))
                .map(Uuid::to_string)
                .collect();
            if !missing.is_empty() {
                let text = format!("There are no dialogs with the ids ({}).", missing.join(", "));
                return Err(Refusal::NotFound { entity: "DialogEntity", text }.into());
            }
            let mismatch = found.iter().any(|stored| {
                let expected =
                    dialogs.iter().find(|(id, _)| *id == stored.id).and_then(|(_, revision)| *revision);
                expected.is_some_and(|revision| revision != stored.end_user_context_revision)
            });
            if mismatch {
                return Err(Refusal::RevisionMismatch.into());
            }
            let relabellings: Vec<Relabelling> =
                found.iter().map(|stored| relabelling(stored, &change, ids.revision(), now)).collect();
            let actor = self.performer(caller, &change).await?;
            match self.store.relabel(relabellings, &actor, kept(key, None), now).await.map_err(Failure::from)
            {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(failure) if is_key_in_use(&failure) => {
                    if self.repeated(key).await?.is_some() {
                        return Ok(());
                    }
                }
                Err(failure) => return Err(failure),
            }
            if is_conditional {
                return Err(Refusal::RevisionMismatch.into());
            }
        }
        Err(Refusal::Contended.into())
    }

    /// The dialogs that the caller reaches and that are not deleted.
    async fn reachable(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Labelled>, Failure> {
        let mut found = self.reached(caller, ids).await?;
        found.retain(|(dialog, _)| dialog.deleted_at.is_none());
        Ok(found)
    }

    /// The dialogs that the caller reaches.
    async fn reached(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Labelled>, Failure> {
        let scope = if is_service_owner(caller) {
            self.access.service_owner_scope(caller)
        } else {
            self.access.end_user_scope(caller)
        };
        Ok(self.store.dialogs(&scope, ids).await?)
    }

    /// Those of the dialogs that the user, in whose name it is done, can list. Administrators need no
    /// such access.
    async fn that_may_be_labelled(
        &self,
        caller: &Caller,
        change: &LabelChange,
        dialogs: Vec<Labelled>,
    ) -> Result<Vec<Dialog>, Failure> {
        let is_listed = if change.performed_by.is_some() || Access::writer(caller).is_admin {
            vec![true; dialogs.len()]
        } else {
            self.access.may_list(caller, &dialogs).await?
        };
        let listed = dialogs.into_iter().zip(is_listed).filter(|(_, is_listed)| *is_listed);
        Ok(listed.map(|((dialog, _), _)| dialog).collect())
    }

    /// Who is named in the label log.
    async fn performer(&self, caller: &Caller, change: &LabelChange) -> Result<Actor, Failure> {
        let mut actor = change.performed_by.clone().unwrap_or_else(|| Actor {
            actor_type: ActorType::PartyRepresentative,
            actor_id: Some(caller.user.as_str().to_owned()),
            actor_name: None,
        });
        if let Some(id) = &actor.actor_id {
            let names = self.access.names([id.as_str()].into()).await?;
            actor.actor_name = names.into_values().next().flatten();
            if actor.actor_name.is_none() {
                return Err(
                    Refusal::unprocessable("ActorId", "No name is registered for the actor's id.").into()
                );
            }
        }
        Ok(actor)
    }
}

fn kept(key: Option<&IdempotencyKey>, revision: Option<Uuid>) -> Option<Kept> {
    key.map(|key| Kept { key: key.clone(), outcome: Outcome { revision, created: None } })
}

/// The API of end users has no `performedBy`: like all unknown members it is ignored there.
fn own_performer(caller: &Caller, change: &mut LabelChange) {
    if !is_service_owner(caller) {
        change.performed_by = None;
    }
}

fn is_service_owner(caller: &Caller) -> bool {
    matches!(caller.kind, UserKind::ServiceOwner | UserKind::ServiceOwnerOnBehalfOfPerson)
}

/// Either the query names a user, or the body says who does it.
fn check_performer(caller: &Caller, change: &LabelChange) -> Result<(), Refusal> {
    let names_user = caller.kind != UserKind::ServiceOwner;
    let failure = |text: &str| Err(Refusal::Invalid(Failures::one("endUserId", text)));
    match (names_user, &change.performed_by) {
        (false, None) => failure("is required unless performedBy is given."),
        (true, Some(_)) if caller.impersonated => failure("must be absent when performedBy is given."),
        _ => Ok(()),
    }
}

fn admit_performer(caller: &Caller, change: &LabelChange) -> Result<(), Refusal> {
    if change.performed_by.is_some() && !Access::writer(caller).is_admin {
        return Err(Refusal::Forbidden(vec!["Only administrators may say who performs a change.".into()]));
    }
    Ok(())
}

/// The labels afterwards; the revision stays when they do.
fn relabelling(stored: &Dialog, change: &LabelChange, revision: Uuid, now: Timestamp) -> Relabelling {
    let labels = change.apply(stored.system_labels);
    let changes = labels != stored.system_labels;
    Relabelling {
        dialog: stored.id,
        expected_revision: stored.end_user_context_revision,
        revision: if changes { revision } else { stored.end_user_context_revision },
        labels,
        told: EventBatch::of_labels(stored, now),
    }
}
