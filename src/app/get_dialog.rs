//! Somebody reads one dialog.

use uuid::Uuid;

use super::view::{DialogView, Eyes, Shades};
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
use crate::store::{DialogDetail, SeenEntry, Viewing};
use crate::timestamp::Timestamp;

/// The text that clients know a login by that is too weak.
pub(super) const LEVEL_TOO_LOW: &str = "Altinn authentication level too low.";

impl App {
    /// A dialog as its service owner sees it, deleted and hidden ones too; or, where the service
    /// owner looks for a person, what that person could open.
    ///
    /// # Errors
    /// Not found, or, for a person, gone.
    pub async fn service_owner_dialog(&self, caller: &Caller, id: Uuid) -> Result<DialogView, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let mut detail = self.store.detail(&scope, id).await?.ok_or(Refusal::dialog_not_found(id))?;
        if !caller.impersonated {
            return Ok(Eyes { user: None, authorization: None, shades: None }.dialog(detail, None));
        }
        let authorization = self.authorize(caller, &detail).await?;
        if !authorization.has_any_action() {
            return Err(Refusal::dialog_not_found(id).into());
        }
        let now = self.clock.now();
        check_visible(&detail.dialog, now)?;
        self.view(caller, &mut detail, now).await?;
        let eyes =
            Eyes { user: Some(caller.user.as_str()), authorization: Some(&authorization), shades: None };
        Ok(eyes.dialog(detail, None))
    }

    /// A dialog as an end user sees it. That it was opened is recorded, unless the user only peeks.
    ///
    /// # Errors
    /// Not found, forbidden, or gone.
    pub async fn end_user_dialog(
        &self,
        caller: &Caller,
        id: Uuid,
        languages: &Languages,
        peek: bool,
    ) -> Result<DialogView, Failure> {
        let scope = self.access.end_user_scope(caller);
        let mut detail = self.store.detail(&scope, id).await?.ok_or(Refusal::dialog_not_found(id))?;
        let authorization = self.authorize(caller, &detail).await?;
        if !authorization.may_open() {
            return Err(Refusal::Forbidden(vec![format!("You have no access to the dialog {id}.")]).into());
        }
        let now = self.clock.now();
        if detail.dialog.deleted_at.is_some() {
            return Err(Refusal::Gone(id).into());
        }
        if !authorization.is_level_sufficient() {
            return Err(Refusal::Forbidden(vec![LEVEL_TOO_LOW.into()]).into());
        }
        check_visible(&detail.dialog, now)?;
        let mut ids = if peek { self.clock.ids(now) } else { self.view(caller, &mut detail, now).await? };

        let permitted: Vec<ActionAttribute> = authorization.granted().cloned().collect();
        let facts = DialogTokenFacts {
            caller,
            party: &detail.dialog.party,
            service_resource: &detail.dialog.resource_urn(),
            dialog_id: id,
            permitted: &permitted,
        };
        let token = self.dialog_tokens.sign(&facts, now, ids.revision());
        let shades = Shades { pseudonyms: &self.pseudonyms, dialog: id, languages, now };
        let eyes = Eyes {
            user: Some(caller.user.as_str()),
            authorization: Some(&authorization),
            shades: Some(shades),
        };
        Ok(eyes.dialog(detail, Some(token)))
    }

    pub(super) async fn authorize(
        &self,
        caller: &Caller,
        detail: &DialogDetail,
    ) -> Result<DialogAuthorization, Failure> {
        let DialogDetail { dialog, transmissions, service_owner_labels, .. } = detail;
        Ok(self.access.authorize(caller, dialog, transmissions, service_owner_labels).await?)
    }

    /// Records that the user opens the dialog, if that says anything new, and shows it in `detail`.
    /// Reading never fails because of this.
    async fn view(&self, caller: &Caller, detail: &mut DialogDetail, now: Timestamp) -> Result<Ids, Failure> {
        let mut ids = self.clock.ids(now);
        let dialog = &detail.dialog;
        let marked = dialog.system_labels.contains(SystemLabel::MarkedAsUnopened);
        let entry_id = seen_id(dialog, caller.user.as_str());
        let is_known = detail.seen.iter().any(|entry| {
            entry.id == entry_id
                || (entry.user_id == caller.user.as_str() && entry.seen_at > dialog.updated_at)
        });
        if is_known && dialog.is_seen && !marked {
            return Ok(ids);
        }
        // A name that cannot be had now is no reason not to show the dialog.
        let names = self.access.names([caller.user.as_str()].into()).await.unwrap_or_default();
        let user_name = names.into_values().next().flatten();
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
            return Ok(ids);
        }
        if !is_known {
            detail.seen.push(entry);
        }
        detail.dialog.is_seen = true;
        detail.dialog.system_labels.0 &= !(1 << (SystemLabel::MarkedAsUnopened.code() - 1));
        Ok(ids)
    }
}

/// What an end user cannot see at this time.
pub(super) fn check_visible(dialog: &Dialog, now: Timestamp) -> Result<(), Refusal> {
    if dialog.deleted_at.is_some() {
        return Err(Refusal::Gone(dialog.id));
    }
    if let Some(visible_from) = dialog.visible_from.filter(|visible| *visible > now) {
        return Err(Refusal::NotYetVisible { dialog: dialog.id, visible_from });
    }
    if let Some(expired) = dialog.expires_at.filter(|expires| *expires <= now) {
        return Err(Refusal::NotFound {
            entity: "DialogEntity",
            text: format!("The dialog ({}) expired at {expired}.", dialog.id),
        });
    }
    Ok(())
}

/// Id of the entry for this user and this state of the dialog, so that opening it twice gives one
/// entry: a name-based UUID (RFC 9562, version 5) with the time, version and variant of a `UUIDv7`.
fn seen_id(dialog: &Dialog, user: &str) -> Uuid {
    let name = format!("{}{}{user}", dialog.updated_at, dialog.content_updated_at);
    let mut bytes = *Uuid::new_v5(&dialog.id, name.as_bytes()).as_bytes();
    bytes[..6].copy_from_slice(&dialog.id.as_bytes()[..6]);
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}
