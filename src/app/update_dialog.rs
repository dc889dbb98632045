//! A service owner changes a dialog, or adds to it.

use std::collections::HashSet;

use uuid::Uuid;

use super::children::child_not_found;
use super::create_dialog::taken_part;
use super::repetition::is_key_in_use;
use super::{App, Failure};
use crate::access::Access;
use crate::access::caller::Caller;
use crate::clock::Ids;
use crate::dialog::correct;
use crate::dialog::lifecycle::{self, Step};
use crate::dialog::model::Dialog;
use crate::dialog::refusal::Refusal;
use crate::dialog::repetition::{IdempotencyKey, Kept, Outcome};
use crate::dialog::update::{self, Draft, Mode};
use crate::dialog::write::{Expected, Outside};
use crate::dialog::{limits, patch};
use crate::json::Json;
use crate::store::{Loaded, References, StoreFailure};

/// How often a change is made again on what another writer has left, when no revision is expected.
const ATTEMPTS: usize = 20;

/// What a dialog is to become.
#[derive(Clone, Copy, Debug)]
pub enum NewState<'a> {
    /// The whole new state.
    Replace(&'a Json),
    /// A JSON Patch (RFC 6902) on the state there is.
    Patch(&'a Json),
    /// One more transmission.
    Transmission(&'a Json),
    /// One more activity.
    Activity(&'a Json),
}

/// What is to be done with a dialog.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// Take on a new state.
    Become(NewState<'a>),
    /// Delete, restore or freeze it.
    Take(Step),
    /// Remove it with everything that belongs to it.
    Purge,
    /// Correct a transmission of it.
    Correct(Uuid, &'a Json),
    /// Correct when a form was saved, which an activity of it tells.
    FormSavedAt(Uuid, &'a Json),
}

impl Command<'_> {
    fn body(&self) -> Option<&Json> {
        match self {
            Self::Become(new_state) => Some(new_state.body()),
            Self::Correct(_, body) => Some(body),
            Self::Take(_) | Self::Purge | Self::FormSavedAt(..) => None,
        }
    }

    /// What is wrong with the request whatever is stored: told even where there is no such dialog.
    fn check(&self, mode: Mode, ids: &mut Ids) -> Result<(), Refusal> {
        match self {
            Self::Become(new_state) => new_state.check(mode, ids),
            Self::Correct(_, body) => correct::check(body, mode, ids),
            Self::FormSavedAt(_, body) => correct::read_form_saved_at(body, mode.now).map(drop),
            Self::Take(_) | Self::Purge => Ok(()),
        }
    }

    /// Ids and keys that may be those of stored parts.
    fn references(&self) -> References {
        let mut references = self.body().map_or_else(References::default, references);
        if let Self::FormSavedAt(activity, _) = self {
            references.ids.push(*activity);
        }
        references
    }
}

/// A dialog after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its revision.
    pub revision: Uuid,
    /// Id of the transmission or activity that was added alone.
    pub added: Option<Uuid>,
}

/// How a service owner wants something done.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// The dialog.
    pub id: Uuid,
    /// Its revision.
    pub expected: &'a Expected,
    /// Whether neither timestamps nor labels move and nothing is told.
    pub silent: bool,
    /// The key under which it is done once.
    pub key: Option<&'a IdempotencyKey>,
}

impl Request<'_> {
    /// What to keep beside the deed.
    fn kept(&self, changed: Changed) -> Option<Kept> {
        let outcome = Outcome { revision: Some(changed.revision), created: changed.added };
        self.key.map(|key| Kept { key: key.clone(), outcome })
    }
}

impl From<Outcome> for Changed {
    fn from(outcome: Outcome) -> Self {
        Self { revision: outcome.revision.unwrap_or_default(), added: outcome.created }
    }
}

impl NewState<'_> {
    fn body(&self) -> &Json {
        match self {
            Self::Replace(body) | Self::Patch(body) | Self::Transmission(body) | Self::Activity(body) => body,
        }
    }

    fn check(&self, mode: Mode, ids: &mut Ids) -> Result<(), Refusal> {
        match self {
            Self::Replace(body) => update::check(body),
            Self::Patch(operations) => patch::check(operations),
            Self::Transmission(body) => update::check_transmission(body, mode, ids),
            Self::Activity(body) => update::check_activity(body, mode, ids),
        }
    }

    /// Reads the new state of a dialog that is not deleted; administrators may add activities even
    /// then. Of a deleted one, only what is wrong with the request whatever is stored is told before
    /// that.
    fn read<'d>(&self, stored: &'d Dialog, mode: Mode, ids: &mut Ids) -> Result<Draft<'d>, Refusal> {
        let is_gone = stored.deleted_at.is_some();
        match self {
            Self::Replace(body) => {
                if is_gone {
                    update::check(body)?;
                }
                update::admit(stored)?;
                update::read(body, stored, mode, ids)
            }
            Self::Patch(operations) => {
                let body = patch::apply(operations, stored)?;
                update::admit(stored)?;
                update::read(&body, stored, mode, ids)
            }
            Self::Transmission(body) => {
                let draft = update::read_transmission(body, stored, mode, ids)?;
                update::admit(stored)?;
                Ok(draft)
            }
            Self::Activity(body) => {
                let draft = update::read_activity(body, stored, mode, ids)?;
                if !mode.writer.is_admin {
                    update::admit(stored)?;
                }
                Ok(draft)
            }
        }
    }
}

impl App {
    /// Changes a dialog: one statement reads, one writes. Where another writer was faster, that is a
    /// mismatch with the expected revision; without one the change is made again on what is there
    /// now.
    ///
    /// # Errors
    /// What the rules of [`update`] and [`lifecycle`] refuse.
    pub async fn change_dialog(
        &self,
        request: Request<'_>,
        command: Command<'_>,
    ) -> Result<Changed, Failure> {
        let writer = Access::writer(request.caller);
        if matches!(command, Command::Take(Step::Freeze)) && !writer.is_admin {
            return Err(Refusal::Forbidden(vec!["Only administrators may freeze dialogs.".into()]).into());
        }
        if let Some(outcome) = self.repeated(request.key).await? {
            return Ok(outcome.into());
        }
        let changed = Box::pin(self.change_once(request, command)).await;
        self.unless_repeated(request.key, changed).await
    }

    async fn change_once(&self, request: Request<'_>, command: Command<'_>) -> Result<Changed, Failure> {
        let writer = Access::writer(request.caller);
        let scope = self.access.service_owner_scope(request.caller);
        let references = command.references();
        let mut turn = None;
        for _ in 0..ATTEMPTS {
            let loaded = self.store.load(&scope, request.id, &references).await?;
            let mode = Mode { silent: request.silent, writer, now: self.clock.now() };
            let Some(loaded) = loaded else {
                command.check(mode, &mut self.clock.ids(mode.now))?;
                return Err(Refusal::dialog_not_found(request.id).into());
            };
            let attempt = match command {
                Command::Become(new_state) => self.become_state(request, new_state, loaded, mode).await,
                Command::Take(step) => self.take_step(request, step, &loaded.dialog, mode).await,
                Command::Purge => self.purge(request, &loaded.dialog, mode).await,
                // Rare and large.
                Command::Correct(id, body) => Box::pin(self.correct(request, id, body, loaded, mode)).await,
                Command::FormSavedAt(id, body) => self.form_saved_at(request, id, body, &loaded, mode).await,
            };
            match attempt {
                Ok(Some(changed)) => return Ok(changed),
                Ok(None) | Err(Failure::Store(StoreFailure::Conflict)) => {}
                Err(failure) if is_key_in_use(&failure) => {
                    if let Some(outcome) = self.repeated(request.key).await? {
                        return Ok(outcome.into());
                    }
                }
                Err(failure) => return Err(failure),
            }
            if matches!(request.expected, Expected::OneOf(_)) {
                return Err(Refusal::RevisionMismatch.into());
            }
            // Those of this instance that were overtaken queue up, so that they do not overtake each
            // other without end.
            if turn.is_none() {
                turn = Some(self.turns.take(request.id).await);
            }
        }
        Err(Refusal::Contended.into())
    }

    /// `None`: another writer was faster.
    async fn become_state(
        &self,
        request: Request<'_>,
        new_state: NewState<'_>,
        loaded: Loaded,
        mode: Mode,
    ) -> Result<Option<Changed>, Failure> {
        let stored = &loaded.dialog;
        let mut ids = self.clock.ids(mode.now);
        let draft = new_state.read(stored, mode, &mut ids)?;
        update::admit_change(stored, request.expected, mode.writer)?;
        let outside = Outside {
            unowned: self.access.unowned(request.caller, draft.referenced_resources()),
            names: self.access.names(draft.actor_ids()).await?,
        };
        let added = draft.added_id();
        let Some(mut change) = draft.decide(&loaded.known, &outside, &mut ids)? else {
            return Ok(Some(Changed { revision: stored.revision, added: None }));
        };
        let changed = Changed { revision: change.dialog.revision, added };
        change.kept = request.kept(changed);
        let claims = change.claims.clone();
        match self.store.change(change).await {
            Ok(done) => Ok(done.then_some(changed)),
            Err(failure) => Err(taken_part(failure, &claims)),
        }
    }

    async fn take_step(
        &self,
        request: Request<'_>,
        step: Step,
        stored: &Dialog,
        mode: Mode,
    ) -> Result<Option<Changed>, Failure> {
        let mut ids = self.clock.ids(mode.now);
        let Some(mut change) = lifecycle::take(step, stored, request.expected, mode, &mut ids)? else {
            return Ok(Some(Changed { revision: stored.revision, added: None }));
        };
        let changed = Changed { revision: change.dialog.revision, added: None };
        change.kept = request.kept(changed);
        Ok(self.store.change(change).await?.then_some(changed))
    }

    async fn correct(
        &self,
        request: Request<'_>,
        id: Uuid,
        body: &Json,
        loaded: Loaded,
        mode: Mode,
    ) -> Result<Option<Changed>, Failure> {
        let dialog = &loaded.dialog;
        let mut ids = self.clock.ids(mode.now);
        let stored = self.store.corrected(dialog.id, id).await?;
        let transmission = stored.as_ref().map(|stored| &stored.transmission);
        let draft = correct::read(body, dialog.is_api_only, transmission, mode, &mut ids)?;
        let unowned = self.access.unowned(request.caller, draft.referenced_resources(dialog, transmission));
        correct::admit(dialog, &unowned, request.expected, mode)?;
        let stored = stored.ok_or_else(|| child_not_found("DialogTransmission", "transmission", id))?;
        let outside = Outside { unowned, names: self.access.names(draft.actor_ids()).await? };
        let change = draft.decide(dialog, &stored, &loaded.known, &outside, mode.now, &mut ids)?;
        let Some(change) = change else {
            return Ok(Some(Changed { revision: dialog.revision, added: None }));
        };
        let changed = Changed { revision: change.dialog.revision, added: None };
        let claims = change.claims.clone();
        match self.store.change(change).await {
            Ok(done) => Ok(done.then_some(changed)),
            Err(failure) => Err(taken_part(failure, &claims)),
        }
    }

    async fn form_saved_at(
        &self,
        request: Request<'_>,
        id: Uuid,
        body: &Json,
        loaded: &Loaded,
        mode: Mode,
    ) -> Result<Option<Changed>, Failure> {
        let mut ids = self.clock.ids(mode.now);
        let moment = correct::read_form_saved_at(body, mode.now)?;
        let mut change = correct::form_saved_at(
            &loaded.dialog,
            id,
            moment,
            &loaded.known,
            request.expected,
            mode,
            &mut ids,
        )?;
        let changed = Changed { revision: change.dialog.revision, added: None };
        change.kept = request.kept(changed);
        Ok(self.store.change(change).await?.then_some(changed))
    }

    async fn purge(
        &self,
        request: Request<'_>,
        stored: &Dialog,
        mode: Mode,
    ) -> Result<Option<Changed>, Failure> {
        let mut ids = self.clock.ids(mode.now);
        let mut purge = lifecycle::purge(stored, request.expected, mode, &mut ids)?;
        let changed = Changed { revision: stored.revision, added: None };
        purge.kept = request.kept(changed);
        Ok(self.store.purge(purge).await?.then_some(changed))
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
                            if text.len() <= 4 * limits::IDEMPOTENT_KEY.end() && !text.contains('\0') {
                                keys.insert(text.clone());
                            }
                        }
                        value => collect(value, ids, keys),
                    }
                }
            }
            Json::String(text) if text.len() == 36 => ids.extend(Uuid::try_parse(text).ok()),
            _ => {}
        }
    }
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    collect(body, &mut ids, &mut keys);
    References { ids: ids.into_iter().collect(), transmission_keys: keys.into_iter().collect() }
}
