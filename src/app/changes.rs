//! An end user's system asks what has changed since it last asked.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::{App, Failure};
use crate::access::ListedDialogs;
use crate::access::caller::Caller;
use crate::dialog::model::RESOURCE_URN_PREFIX;
use crate::dialog::party::PartyUrn;
use crate::dialog::refusal::Refusal;
use crate::dialog::vocabulary::SystemLabel;
use crate::json::{output_shape, wire_enum};
use crate::store::{ChangedDialog, LogEntry, Position, key_of};
use crate::timestamp::Timestamp;

/// What is asked.
#[derive(Clone, Debug)]
pub struct ChangesRequest {
    /// Whose dialogs; one at least.
    pub parties: Vec<PartyUrn>,
    /// Since when; `None` for a position to begin with.
    pub after: Option<Position>,
    /// Most changes that are looked at.
    pub limit: u16,
}

wire_enum! {
    /// What has become of a dialog.
    pub enum ChangeKind {
        /// It is new or has changed.
        Changed = 1,
        /// It is no longer to be seen.
        Removed = 2,
    }
}

output_shape! {
    /// A dialog that has changed, as it is now.
    pub struct DialogChange {
        /// The dialog.
        dialog_id: Uuid,
        /// Its party.
        party: String,
        /// Its service.
        service_resource: String,
        /// What has become of it.
        change: ChangeKind,
        /// When it last changed, as far as this answer goes; when it expired.
        occurred_at: Timestamp,
        /// Changes when its service owner changes it; of a dialog that is there.
        revision: Option<Uuid>,
        /// When its service owner last changed it; of a dialog that is there.
        updated_at: Option<Timestamp>,
        /// Changes when users sort it; of a dialog that is there.
        end_user_context_revision: Option<Uuid>,
        /// How users have sorted it; of a dialog that is there.
        system_labels: Option<Vec<SystemLabel>>,
    }
}

output_shape! {
    /// What has changed, in the order in which it was done, each dialog once.
    pub struct DialogChanges {
        /// The dialogs. There may be none although there is more.
        items: Vec<DialogChange>,
        /// Whether there is more by now.
        has_more: bool,
        /// Where to go on: the next `after`.
        token: String,
    }
}

impl App {
    /// The dialogs of some parties that have changed since a position, as far as the user may list them.
    ///
    /// # Errors
    /// When the position is too old.
    pub async fn dialog_changes(
        &self,
        caller: &Caller,
        request: &ChangesRequest,
    ) -> Result<DialogChanges, Failure> {
        // Asked first: everything up to it has been committed before the log is read.
        let end = self.store.log_end().await?;
        let Some(after) = request.after else {
            return Ok(DialogChanges { items: Vec::new(), has_more: false, token: end.to_string() });
        };
        let scope = self.access.search_scope(caller, &request.parties, &[]).await?;
        let listed = ListedDialogs::from(&scope);
        let keys: HashSet<i64> =
            request.parties.iter().map(|party| key_of(party.as_str())).collect::<HashSet<_>>();
        let keys: Vec<i64> = keys.intersection(&listed.party_keys()).copied().collect();
        let entries = self.store.log_of_parties(&keys, after, i64::from(request.limit)).await?;
        // Asked last: what the read has missed is gone by now.
        if after < self.store.log_floor().await? || after > end.max(after_all(&entries)) {
            return Err(Refusal::PositionTooOld.into());
        }
        let has_more = entries.len() == usize::from(request.limit);
        let token = if has_more { after_all(&entries) } else { end.max(after_all(&entries)) };
        let items = self.changes(&listed, entries).await?;
        Ok(DialogChanges { items, has_more, token: token.max(after).to_string() })
    }

    /// What became of the dialogs that the entries name, in the order of the last entry of each.
    async fn changes(
        &self,
        listed: &ListedDialogs,
        entries: Vec<LogEntry>,
    ) -> Result<Vec<DialogChange>, Failure> {
        let now = self.clock.now();
        let last: HashMap<Uuid, Position> =
            entries.iter().map(|entry| (entry.dialog, entry.position)).collect();
        let ids: Vec<Uuid> = last.keys().copied().collect();
        let dialogs = self.store.changed_dialogs(&ids).await?;
        let dialogs: HashMap<Uuid, ChangedDialog> = dialogs.into_iter().map(|d| (d.id, d)).collect();
        // Users who knew of a dialog by a label that it has lost.
        let had = |entry: &&LogEntry| entry.batch.labels.is_some() && may_list(listed, entry, None);
        let had_label: HashSet<Uuid> = entries.iter().filter(had).map(|entry| entry.dialog).collect();
        let mut items = Vec::new();
        for entry in entries.into_iter().filter(|entry| last.get(&entry.dialog) == Some(&entry.position)) {
            let dialog = dialogs.get(&entry.dialog);
            let labels = dialog.map(|dialog| dialog.service_owner_labels.as_slice());
            let is_listed = may_list(listed, &entry, labels);
            if !is_listed && !had_label.contains(&entry.dialog) {
                continue;
            }
            // The clock of whoever has told of it may be ahead of this one.
            let now = entry.batch.occurred_at.map_or(now, |occurred| occurred.max(now));
            let is_hidden = dialog.is_some_and(|d| d.visible_from.is_some_and(|visible| visible > now));
            if is_hidden {
                continue;
            }
            let visible = dialog.filter(|dialog| {
                let is_expired = dialog.expires_at.is_some_and(|expires| expires <= now);
                is_listed && dialog.deleted_at.is_none() && !is_expired
            });
            items.push(DialogChange {
                dialog_id: entry.dialog,
                change: if visible.is_some() { ChangeKind::Changed } else { ChangeKind::Removed },
                occurred_at: entry.batch.occurred_at.unwrap_or(now),
                revision: visible.map(|dialog| dialog.revision),
                updated_at: visible.map(|dialog| dialog.updated_at),
                end_user_context_revision: visible.map(|dialog| dialog.end_user_context_revision),
                system_labels: visible.map(|dialog| dialog.system_labels.list()),
                party: entry.batch.party,
                service_resource: entry.batch.service_resource,
            });
        }
        Ok(items)
    }
}

/// Whether the dialog that an entry is about may be listed; with its labels, where it is still there.
pub(super) fn may_list(listed: &ListedDialogs, entry: &LogEntry, labels: Option<&[String]>) -> bool {
    let batch = &entry.batch;
    let resource = batch.service_resource.strip_prefix(RESOURCE_URN_PREFIX).unwrap_or_default();
    listed.has(entry.dialog, &batch.party, resource) || {
        let labels = labels.or(batch.labels.as_deref()).unwrap_or_default();
        listed.has_labelled(&batch.party, resource, labels)
    }
}

fn after_all(entries: &[LogEntry]) -> Position {
    entries.last().map_or_else(Position::default, |entry| entry.position)
}
