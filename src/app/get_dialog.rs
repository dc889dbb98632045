//! Somebody reads one dialog.

use std::time::Duration;

use uuid::Uuid;

use super::admission::{Reader, check_visible};
use super::view::{DialogView, Eyes};
use super::{App, Failure, Languages};
use crate::access::DialogAuthorization;
use crate::access::caller::Caller;
use crate::access::dialog_token::DialogTokenFacts;
use crate::altinn::ActionAttribute;
use crate::clock::Ids;
use crate::dialog::events::{Event, EventBatch};
use crate::dialog::model::{Actor, Dialog};
use crate::dialog::refusal::Refusal;
use crate::dialog::vocabulary::{ActorType, SystemLabel};
use crate::store::{DetailParts, DialogDetail, SeenEntry, Viewing};
use crate::timestamp::Timestamp;

/// How long the name of a reader is waited for. It is only recorded; nobody reads it here.
const NAME_PATIENCE: Duration = Duration::from_secs(2);

impl App {
    /// A dialog as its service owner sees it, deleted and hidden ones too; or, where the service
    /// owner looks for a person, what that person could open.
    ///
    /// # Errors
    /// Not found, or, for a person, gone.
    pub async fn service_owner_dialog(&self, caller: &Caller, id: Uuid) -> Result<DialogView, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let mut detail =
            self.store.detail(&scope, id, DetailParts::ALL).await?.ok_or(Refusal::dialog_not_found(id))?;
        if !caller.impersonated {
            return Ok(Eyes::OWNER.dialog(detail, None));
        }
        let DialogDetail { dialog, service_owner_labels, .. } = &detail;
        let attributes = detail.transmission_attributes();
        let authorization = self.access.authorize(caller, dialog, &attributes, service_owner_labels).await?;
        if !authorization.has_any_action() {
            return Err(Refusal::dialog_not_found(id).into());
        }
        let now = self.clock.now();
        check_visible(&detail.dialog, now)?;
        self.view(caller, &mut detail, now).await;
        let eyes =
            Eyes { user: Some(caller.user.as_str()), authorization: Some(authorization), shades: None };
        Ok(eyes.dialog(detail, None))
    }

    /// A dialog as an end user sees it, with the parts that are wanted. That it was opened is recorded,
    /// unless the user only peeks.
    ///
    /// # Errors
    /// Not found, forbidden, or gone.
    pub async fn end_user_dialog(
        &self,
        caller: &Caller,
        id: Uuid,
        languages: &Languages,
        peek: bool,
        parts: DetailParts,
    ) -> Result<DialogView, Failure> {
        let reader = Reader::EndUser(caller, languages);
        let detail = self.store.detail(&self.reach(reader), id, parts).await?;
        let mut detail = detail.ok_or(Refusal::dialog_not_found(id))?;
        let DialogDetail { dialog, service_owner_labels, .. } = &detail;
        let now = self.clock.now();
        let attributes = detail.transmission_attributes();
        let eyes = self.admit_to(reader, dialog, &attributes, service_owner_labels, now).await?;
        let mut ids = if peek { self.clock.ids(now) } else { self.view(caller, &mut detail, now).await };

        if !parts.token {
            return Ok(eyes.dialog(detail, None));
        }
        let granted = eyes.authorization.iter().flat_map(DialogAuthorization::granted);
        let permitted: Vec<ActionAttribute> = granted.cloned().collect();
        let facts = DialogTokenFacts {
            caller,
            party: &detail.dialog.party,
            service_resource: &detail.dialog.resource_urn(),
            dialog_id: id,
            permitted: &permitted,
        };
        let token = self.dialog_tokens.sign(&facts, now, ids.revision());
        Ok(eyes.dialog(detail, Some(token)))
    }

    /// Records that the user opens the dialog, if that says anything new, and shows it in `detail`.
    /// Reading never fails because of this.
    async fn view(&self, caller: &Caller, detail: &mut DialogDetail, now: Timestamp) -> Ids {
        let mut ids = self.clock.ids(now);
        let dialog = &detail.dialog;
        let marked = dialog.system_labels.contains(SystemLabel::MarkedAsUnopened);
        let entry_id = seen_id(dialog, caller.user.as_str());
        let is_known = detail.seen.iter().any(|entry| {
            entry.id == entry_id
                || (entry.user_id == caller.user.as_str() && entry.seen_at > dialog.updated_at)
        });
        if is_known && dialog.is_seen && !marked {
            return ids;
        }
        // A name that cannot be had now is no reason not to show the dialog.
        let name = self.access.names([caller.user.as_str()].into());
        let names = tokio::time::timeout(NAME_PATIENCE, name).await.ok().and_then(Result::ok);
        let user_name = names.and_then(|names| names.into_values().next().flatten());
        let entry = SeenEntry {
            id: entry_id,
            seen_at: now,
            user_id: caller.user.as_str().to_owned(),
            user_name: user_name.clone(),
            via_service_owner: caller.impersonated,
        };
        let updated = Event::DialogUpdated { id: ids.revision() };
        let events = vec![updated.clone(), Event::DialogSeen { id: entry_id }];
        let viewing = Viewing {
            dialog: dialog.id,
            content_updated_at: dialog.content_updated_at,
            entry: entry.clone(),
            user_kind: caller.kind.code(),
            performed_by: Actor {
                actor_type: ActorType::PartyRepresentative,
                actor_id: Some(caller.user.as_str().to_owned()),
                actor_name: user_name,
            },
            events: EventBatch::of(dialog, now, false, events),
            update: EventBatch::of(dialog, now, false, vec![updated]),
        };
        if let Err(failure) = self.store.record_viewing(viewing).await {
            tracing::warn!(dialog = %dialog.id, error = %failure, "the viewing of a dialog was not recorded");
            return ids;
        }
        if !is_known {
            detail.seen.push(entry);
        }
        detail.dialog.is_seen = true;
        detail.dialog.system_labels.0 &= !(1 << (SystemLabel::MarkedAsUnopened.code() - 1));
        ids
    }
}

/// Id of the entry for this user and this state of the dialog, so that opening it twice gives one
/// entry: a name-based UUID (RFC 9562, version 5) with the time, version and variant of a `UUIDv7`.
pub(crate) fn seen_id(dialog: &Dialog, user: &str) -> Uuid {
    let name = format!("{}{}{user}", dialog.updated_at, dialog.content_updated_at);
    let mut bytes = *Uuid::new_v5(&dialog.id, name.as_bytes()).as_bytes();
    bytes[..6].copy_from_slice(&dialog.id.as_bytes()[..6]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}
