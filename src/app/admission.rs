//! Whether a reader gets to see a dialog, and through which eyes: one decision for a dialog as a
//! whole, and for every part of it that can be read by itself.

use std::collections::BTreeSet;

use super::view::{Eyes, Shades};
use super::{App, Failure, Languages};
use crate::access::DialogScope;
use crate::access::caller::Caller;
use crate::dialog::model::{Dialog, Transmission};
use crate::dialog::refusal::Refusal;
use crate::timestamp::Timestamp;

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub enum Reader<'a> {
    /// The service owner, for itself.
    ServiceOwner(&'a Caller),
    /// An end user who wants texts in these languages.
    EndUser(&'a Caller, &'a Languages),
}

impl App {
    /// Among which dialogs the reader's are.
    pub(super) fn reach(&self, reader: Reader<'_>) -> DialogScope {
        match reader {
            Reader::ServiceOwner(caller) => self.access.service_owner_scope(caller),
            Reader::EndUser(caller, _) => self.access.end_user_scope(caller),
        }
    }

    /// How the reader sees a dialog, of which `transmissions` are to be shown.
    ///
    /// # Errors
    /// Those of [`admit_to`](Self::admit_to).
    pub(super) async fn admit<'a>(
        &'a self,
        reader: Reader<'a>,
        dialog: &Dialog,
        transmissions: &[Transmission],
        service_owner_labels: &[String],
        now: Timestamp,
    ) -> Result<Eyes<'a>, Failure> {
        let attributes = Transmission::attributes(transmissions).collect();
        self.admit_to(reader, dialog, &attributes, service_owner_labels, now).await
    }

    /// How the reader sees a dialog and transmissions with these authorization attributes.
    ///
    /// # Errors
    /// For end users the first of: no access, deleted, too weak a login, not yet visible, expired. For
    /// service owners: deleted.
    pub(super) async fn admit_to<'a>(
        &'a self,
        reader: Reader<'a>,
        dialog: &Dialog,
        attributes: &BTreeSet<&str>,
        service_owner_labels: &[String],
        now: Timestamp,
    ) -> Result<Eyes<'a>, Failure> {
        let (caller, languages) = match reader {
            Reader::ServiceOwner(_) if dialog.deleted_at.is_some() => {
                return Err(Refusal::Gone(dialog.id).into());
            }
            Reader::ServiceOwner(_) => return Ok(Eyes::OWNER),
            Reader::EndUser(caller, languages) => (caller, languages),
        };
        let authorization = self.access.authorize(caller, dialog, attributes, service_owner_labels).await?;
        if !authorization.may_open() {
            let text = format!("You have no access to the dialog {}.", dialog.id);
            return Err(Refusal::Forbidden(vec![text]).into());
        }
        if dialog.deleted_at.is_some() {
            return Err(Refusal::Gone(dialog.id).into());
        }
        if !authorization.is_level_sufficient() {
            return Err(Refusal::LevelTooLow.into());
        }
        check_visible(dialog, now)?;
        Ok(Eyes {
            user: Some(caller.user.as_str()),
            authorization: Some(authorization),
            shades: Some(Shades { pseudonyms: &self.pseudonyms, dialog: dialog.id, languages, now }),
        })
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
    if let Some(expired_at) = dialog.expires_at.filter(|expires| *expires <= now) {
        return Err(Refusal::Expired { dialog: dialog.id, expired_at });
    }
    Ok(())
}
