//! A service owner creates a dialog.

use uuid::Uuid;

use super::{App, Failure};
use crate::access::Access;
use crate::access::caller::Caller;
use crate::dialog::create::{self, ResourceFacts};
use crate::dialog::refusal::Refusal;
use crate::dialog::repetition::{IdempotencyKey, Kept, Outcome};
use crate::dialog::validate::PartKind;
use crate::dialog::write::{ClaimedPart, Outside};
use crate::json::{Failures, Json};
use crate::store::{KEY_IN_USE, StoreFailure};

/// A dialog that was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: Uuid,
    /// Its revision.
    pub revision: Uuid,
}

impl From<Outcome> for Created {
    fn from(outcome: Outcome) -> Self {
        Self { id: outcome.created.unwrap_or_default(), revision: outcome.revision.unwrap_or_default() }
    }
}

impl App {
    /// Creates a dialog: one statement, with everything that belongs to it.
    ///
    /// # Errors
    /// What [`create::read`] and [`create::Draft::decide`] refuse, and ids and keys that are taken.
    pub async fn create_dialog(
        &self,
        caller: &Caller,
        body: &Json,
        silent: bool,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, Failure> {
        if let Some(outcome) = self.repeated(key).await? {
            return Ok(outcome.into());
        }
        let created = self.create_once(caller, body, silent, key).await;
        self.unless_repeated(key, created).await
    }

    async fn create_once(
        &self,
        caller: &Caller,
        body: &Json,
        silent: bool,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, Failure> {
        let now = self.clock.now();
        let mut ids = self.clock.ids(now);
        let draft = create::read(body, silent, Access::writer(caller), now, &mut ids)?;
        let resource = self.access.resource(draft.service_resource()).map(|resource| ResourceFacts {
            resource_type: resource.resource_type,
            owner_code: resource.owner_code,
        });
        let outside = Outside {
            unowned: self.access.unowned(caller, draft.referenced_resources()),
            names: self.access.names(draft.actor_ids()).await?,
        };
        let mut creation = draft.decide(resource, &outside, &mut ids)?;

        let created = Created { id: creation.dialog.id, revision: creation.dialog.revision };
        let outcome = Outcome { revision: Some(created.revision), created: Some(created.id) };
        creation.kept = key.map(|key| Kept { key: key.clone(), outcome });
        let org = creation.dialog.org.clone();
        let dialog_key = creation.dialog.idempotent_key.clone();
        let claims = creation.claims.clone();
        match self.store.create(creation).await {
            Ok(()) => Ok(created),
            Err(StoreFailure::Taken { constraint, .. }) if constraint == "dialog_pkey" => {
                Err(Refusal::DialogIdTaken(created.id).into())
            }
            Err(StoreFailure::Taken { constraint, .. }) if constraint == KEY_IN_USE => {
                Err(Refusal::Contended.into())
            }
            Err(StoreFailure::Taken { constraint, .. }) if constraint == "dialog_idempotent_key" => {
                if let Some(outcome) = self.repeated(key).await? {
                    return Ok(outcome.into());
                }
                let key = dialog_key.unwrap_or_default();
                let dialog = self.store.dialog_with_key(&org, &key).await?;
                let holder = dialog.map_or_else(String::new, |id| format!(" by the dialog {id}"));
                let text = format!("The idempotency key {key} is taken{holder}.");
                Err(Refusal::IdempotentKeyTaken { text, dialog }.into())
            }
            Err(failure) => Err(taken_part(failure, &claims)),
        }
    }
}

/// An id of a part that is in use, as a refusal.
pub(super) fn taken_part(failure: StoreFailure, claims: &[ClaimedPart]) -> Failure {
    let StoreFailure::Taken { constraint, detail } = &failure else { return failure.into() };
    // PostgreSQL says: Key (id, kind)=(0192f0c5-…, 1) already exists.
    let id = detail.split(['(', ')', ',']).find_map(|word| Uuid::try_parse(word).ok());
    let kind = match constraint.as_str() {
        "transmission_pkey" => PartKind::Transmission,
        "activity_pkey" => PartKind::Activity,
        "dialog_part_pkey" => {
            claims.iter().find(|claim| Some(claim.id) == id).map_or(PartKind::Attachment, |claim| claim.kind)
        }
        "transmission_idempotent_key" => {
            let text = "An idempotency key of a transmission is taken.".to_owned();
            return Refusal::IdempotentKeyTaken { text, dialog: None }.into();
        }
        _ => return failure.into(),
    };
    let id = id.map_or_else(String::new, |id| format!(" {id}"));
    Refusal::Unprocessable(Failures::one(kind.key(), format!("The id{id} is in use already."))).into()
}
