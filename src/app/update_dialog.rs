//! A service owner changes a dialog.

use std::collections::HashSet;

use uuid::Uuid;

use super::create_dialog::taken_part;
use super::{App, Failure};
use crate::access::Access;
use crate::access::caller::Caller;
use crate::dialog::refusal::Refusal;
use crate::dialog::update::{self, Mode};
use crate::dialog::write::{Expected, Outside};
use crate::dialog::{limits, patch};
use crate::json::Json;
use crate::store::{References, StoreFailure};

/// How often a change is made again on what another writer has left, when no revision is expected.
const ATTEMPTS: usize = 20;

/// What a dialog is to become.
#[derive(Clone, Copy, Debug)]
pub enum NewState<'a> {
    /// The whole new state.
    Replace(&'a Json),
    /// A JSON Patch (RFC 6902) on the state there is.
    Patch(&'a Json),
}

impl NewState<'_> {
    fn body(&self) -> &Json {
        match self {
            Self::Replace(body) | Self::Patch(body) => body,
        }
    }
}

impl App {
    /// Changes a dialog and gives its revision afterwards: one statement reads, one writes. Without
    /// an expected revision a change that another writer has overtaken is made again.
    ///
    /// # Errors
    /// What the rules of [`update`] refuse.
    pub async fn update_dialog(
        &self,
        caller: &Caller,
        id: Uuid,
        new_state: NewState<'_>,
        expected: &Expected,
        silent: bool,
    ) -> Result<Uuid, Failure> {
        let scope = self.access.service_owner_scope(caller);
        let references = references(new_state.body());
        for _ in 0..ATTEMPTS {
            let loaded = self.store.load(&scope, id, &references).await?;
            let loaded = loaded.ok_or(Refusal::dialog_not_found(id))?;
            let stored = &loaded.dialog;
            update::admit(stored)?;
            let patched = match new_state {
                NewState::Replace(_) => None,
                NewState::Patch(operations) => Some(patch::apply(operations, stored)?),
            };
            let body = patched.as_ref().unwrap_or(new_state.body());

            let now = self.clock.now();
            let mut ids = self.clock.ids(now);
            let mode = Mode { silent, writer: Access::writer(caller), now };
            let draft = update::read(body, stored, mode, &mut ids)?;
            update::admit_change(stored, expected, mode.writer)?;
            let outside = Outside {
                unowned: self.access.unowned(caller, draft.referenced_resources()),
                names: self.access.names(draft.actor_ids()).await?,
            };
            let Some(change) = draft.decide(&loaded.known, &outside, &mut ids)? else {
                return Ok(stored.revision);
            };
            let revision = change.dialog.revision;
            let claims = change.claims.clone();
            match self.store.change(change).await {
                Ok(true) => return Ok(revision),
                Ok(false) if *expected != Expected::Unconditional => {
                    return Err(Refusal::RevisionMismatch.into());
                }
                Ok(false) | Err(StoreFailure::Conflict) => {}
                Err(failure) => return Err(taken_part(failure, &claims)),
            }
        }
        Err(Refusal::Contended.into())
    }
}

/// Every id and idempotency key that occurs in a request, wherever it stands: those of stored parts
/// are looked up while the dialog is read.
fn references(body: &Json) -> References {
    fn collect(json: &Json, ids: &mut HashSet<Uuid>, keys: &mut HashSet<String>) {
        match json {
            Json::List(items) => items.iter().for_each(|item| collect(item, ids, keys)),
            Json::Object(members) => {
                for (name, value) in members {
                    match value {
                        Json::String(text) if name.eq_ignore_ascii_case("idempotentKey") => {
                            if text.len() <= 4 * limits::IDEMPOTENT_KEY.end() {
                                keys.insert(text.clone());
                            }
                        }
                        Json::String(text) => {
                            ids.extend(Uuid::try_parse(text).ok().filter(|_| text.len() == 36));
                        }
                        value => collect(value, ids, keys),
                    }
                }
            }
            // A patch gives single values as well.
            Json::String(text) if text.len() == 36 => ids.extend(Uuid::try_parse(text).ok()),
            _ => {}
        }
    }
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    collect(body, &mut ids, &mut keys);
    References { ids: ids.into_iter().collect(), transmission_keys: keys.into_iter().collect() }
}
