//! How far a caller reaches. Queries start from one of these values, and only this module makes them.

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
