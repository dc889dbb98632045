//! A service owner creates a dialog.

use uuid::Uuid;

use super::{App, Failure};
use crate::access::Access;
use crate::access::caller::Caller;
use crate::dialog::create::{self, ResourceFacts};
use crate::dialog::refusal::{Existing, Refusal};
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
        if let Some(resource) = &resource {
            draft.admit(resource, &outside)?;
        }
        let claimed = draft.idempotent_key().zip(resource.as_ref().map(|resource| &resource.owner_code));
        let claimed = claimed.map(|(key, org)| (org.clone(), key.to_owned()));
        let refused = async |refusal: Refusal| match &claimed {
            Some((org, key)) => self.unless_key_taken(org, key, refusal).await,
            None => Failure::Refused(refusal),
        };
        let mut creation = match draft.decide(resource, &outside, self.seen_elsewhere, &mut ids) {
            Ok(creation) => creation,
            Err(refusal) => return Err(refused(refusal).await),
        };
        let created = Created { id: creation.dialog.id, revision: creation.dialog.revision };
        let outcome = Outcome { revision: Some(created.revision), created: Some(created.id) };
        creation.kept = key.map(|key| Kept { key: key.clone(), outcome });
        let claims = creation.claims.clone();
        match self.store.create(creation).await {
            Ok(()) => Ok(created),
            Err(StoreFailure::Taken { constraint, .. }) if constraint == "dialog_pkey" => {
                Err(refused(Refusal::DialogIdTaken(created.id)).await)
            }
            Err(StoreFailure::Taken { constraint, .. }) if constraint == KEY_IN_USE => {
                Err(Refusal::Contended.into())
            }
            Err(StoreFailure::Taken { constraint, .. }) if constraint == "dialog_idempotent_key" => {
                if let Some(outcome) = self.repeated(key).await? {
                    return Ok(outcome.into());
                }
                Err(refused(Refusal::Contended).await)
            }
            Err(failure) => Err(taken_part(failure, &claims)),
        }
    }

    /// The refusal that the idempotency key is taken, which outranks `refusal`, or that one.
    async fn unless_key_taken(&self, org: &str, key: &str, refusal: Refusal) -> Failure {
        match self.store.dialog_with_key(org, key).await {
            Ok(Some(id)) => {
                let text = format!("The idempotency key {key} is taken by the dialog {id}.");
                Refusal::IdempotentKeyTaken { text, holder: Some(Existing::Dialog(id)) }.into()
            }
            Ok(None) => refusal.into(),
            Err(failure) => failure.into(),
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
            return Refusal::IdempotentKeyTaken { text, holder: None }.into();
        }
        _ => return failure.into(),
    };
    let id = id.map_or_else(String::new, |id| format!(" {id}"));
    Refusal::Unprocessable(Failures::one(kind.key(), format!("The id{id} is in use already."))).into()
}
