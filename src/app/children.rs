//! A service owner reads transmissions and activities by themselves.

use uuid::Uuid;

use super::view::{ActivityView, Eyes, TransmissionView};
use super::{App, Failure};
use crate::access::caller::Caller;
use crate::dialog::refusal::Refusal;
use crate::dialog::vocabulary::DialogActivityType;
use crate::store::Children;

/// As the service owner itself sees things.
const OWNER: Eyes<'static> = Eyes { user: None, authorization: None, shades: None };

impl App {
    /// The transmissions of a dialog, newest first.
    ///
    /// # Errors
    /// Not found, or gone.
    pub async fn service_owner_transmissions(
        &self,
        caller: &Caller,
        dialog: Uuid,
    ) -> Result<Vec<TransmissionView>, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let found = present(dialog, self.store.transmissions(&scope, dialog, None).await?)?;
        Ok(found.into_iter().rev().map(|(item, opened)| OWNER.transmission(item, opened)).collect())
    }

    /// One transmission of a dialog.
    ///
    /// # Errors
    /// Not found, or gone.
    pub async fn service_owner_transmission(
        &self,
        caller: &Caller,
        dialog: Uuid,
        id: Uuid,
    ) -> Result<TransmissionView, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let found = present(dialog, self.store.transmissions(&scope, dialog, Some(id)).await?)?;
        let found = found.into_iter().next().map(|(item, opened)| OWNER.transmission(item, opened));
        Ok(found.ok_or_else(|| child_not_found("DialogTransmission", "transmission", id))?)
    }

    /// The activities of a dialog, oldest first.
    ///
    /// # Errors
    /// Not found, or gone.
    pub async fn service_owner_activities(
        &self,
        caller: &Caller,
        dialog: Uuid,
    ) -> Result<Vec<ActivityView>, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let found = present(dialog, self.store.activities(&scope, dialog, None).await?)?;
        Ok(found.into_iter().map(|item| OWNER.activity(item)).collect())
    }

    /// One activity of a dialog.
    ///
    /// # Errors
    /// Not found, or gone.
    pub async fn service_owner_activity(
        &self,
        caller: &Caller,
        dialog: Uuid,
        id: Uuid,
    ) -> Result<ActivityView, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let found = present(dialog, self.store.activities(&scope, dialog, Some(id)).await?)?;
        let found = found.into_iter().next().map(|item| OWNER.activity(item));
        Ok(found.ok_or_else(|| child_not_found("DialogActivity", "activity", id))?)
    }

    /// Whether a dialog, of any service owner, has an activity of this type about this transmission.
    ///
    /// # Errors
    /// Not found.
    pub async fn has_activity(
        &self,
        dialog: Uuid,
        kind: DialogActivityType,
        transmission: Option<Uuid>,
    ) -> Result<bool, Failure> {
        let found = self.store.has_activity(dialog, kind, transmission).await?;
        Ok(found.ok_or(Refusal::dialog_not_found(dialog))?)
    }
}

fn present<T>(dialog: Uuid, children: Option<Children<T>>) -> Result<Vec<T>, Refusal> {
    let children = children.ok_or(Refusal::dialog_not_found(dialog))?;
    if children.deleted_at.is_some() {
        return Err(Refusal::Gone(dialog));
    }
    Ok(children.items)
}

pub(super) fn child_not_found(entity: &'static str, what: &str, id: Uuid) -> Refusal {
    Refusal::NotFound { entity, text: format!("The dialog has no {what} with id ({id}).") }
}
