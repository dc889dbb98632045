//! How far a caller reaches. Queries start from one of these values, and only this module makes them.

use std::collections::HashSet;

use uuid::Uuid;

use crate::dialog::party::PartyUrn;
use crate::store::key_of;

/// Which single dialogs a query may find.
#[derive(Clone, Debug)]
pub struct DialogScope {
    all: bool,
    org: Option<String>,
    resource_keys: Vec<i64>,
}

impl DialogScope {
    /// The dialogs of a service owner: those with its code, and those on resources that it owns today.
    pub(super) fn of_service_owner<'a>(
        org: Option<String>,
        resources: impl Iterator<Item = &'a str>,
    ) -> Self {
        Self { all: false, org, resource_keys: resources.map(key_of).collect() }
    }

    /// Every dialog: for administrators, and for end users, who are judged by what is found.
    pub(super) fn everything() -> Self {
        Self { all: true, org: None, resource_keys: Vec::new() }
    }

    /// Whether all, of which code, on which resources.
    pub(crate) fn conditions(&self) -> (bool, Option<&str>, &[i64]) {
        (self.all, self.org.as_deref(), &self.resource_keys)
    }
}

/// The dialogs that an end user may list, to ask about one of them.
#[derive(Clone, Debug, Default)]
pub struct ListedDialogs {
    pairs: HashSet<(i64, i64)>,
    dialogs: HashSet<(Uuid, i64, i64)>,
    labels: HashSet<(String, i64, i64)>,
}

impl From<&SearchScope> for ListedDialogs {
    fn from(scope: &SearchScope) -> Self {
        Self {
            pairs: scope.party_keys.iter().copied().zip(scope.resource_keys.iter().copied()).collect(),
            dialogs: scope.dialogs.iter().copied().collect(),
            labels: scope.labels.iter().cloned().collect(),
        }
    }
}

impl ListedDialogs {
    /// Keys of the parties whose dialogs may be among them.
    #[must_use]
    pub fn party_keys(&self) -> HashSet<i64> {
        let pairs = self.pairs.iter().map(|(party, _)| *party);
        let dialogs = self.dialogs.iter().map(|(_, party, _)| *party);
        pairs.chain(dialogs).chain(self.labels.iter().map(|(_, party, _)| *party)).collect()
    }

    /// Whether a dialog of this party and on this resource (its id) is among them, whatever its labels.
    #[must_use]
    pub fn has(&self, id: Uuid, party: &str, resource: &str) -> bool {
        let (party, resource) = (key_of(party), key_of(resource));
        self.pairs.contains(&(party, resource)) || self.dialogs.contains(&(id, party, resource))
    }

    /// Whether a dialog of this party and on this resource (its id) is among them because of a label.
    #[must_use]
    pub fn has_labelled(&self, party: &str, resource: &str, labels: &[String]) -> bool {
        let (party, resource) = (key_of(party), key_of(resource));
        labels.iter().any(|label| self.labels.contains(&(label.clone(), party, resource)))
    }

    /// Whether labels make a difference.
    #[must_use]
    pub fn depends_on_labels(&self) -> bool {
        !self.labels.is_empty()
    }
}

/// Which dialogs an end user may list: pairs of party and resource, and single dialogs.
#[derive(Clone, Debug, Default)]
pub struct SearchScope {
    party_keys: Vec<i64>,
    resource_keys: Vec<i64>,
    dialogs: Vec<(Uuid, i64, i64)>,
    labels: Vec<(String, i64, i64)>,
}

impl SearchScope {
    /// Adds the dialogs of `party` on a resource.
    pub(super) fn allow(&mut self, party: &PartyUrn, resource: &str) {
        self.party_keys.push(key_of(party.as_str()));
        self.resource_keys.push(key_of(resource));
    }

    /// Adds a single dialog, if it belongs to `party` and is on this resource.
    pub(super) fn allow_dialog(&mut self, id: Uuid, party: &PartyUrn, resource: &str) {
        self.dialogs.push((id, key_of(party.as_str()), key_of(resource)));
    }

    /// Adds the dialogs that a service owner has labelled so, of `party` and on this resource.
    pub(super) fn allow_label(&mut self, label: &str, party: &PartyUrn, resource: &str) {
        self.labels.push((label.to_owned(), key_of(party.as_str()), key_of(resource)));
    }

    /// Whether nothing can be found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.party_keys.is_empty() && self.dialogs.is_empty() && self.labels.is_empty()
    }

    /// Keys of the pairs, as two columns.
    pub(crate) fn pairs(&self) -> (&[i64], &[i64]) {
        (&self.party_keys, &self.resource_keys)
    }

    /// Labels of single dialogs with the keys they must have.
    pub(crate) fn labels(&self) -> &[(String, i64, i64)] {
        &self.labels
    }

    /// Ids of the single dialogs with the keys they must have.
    pub(crate) fn dialogs(&self) -> &[(Uuid, i64, i64)] {
        &self.dialogs
    }
}
