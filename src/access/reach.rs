//! How far a caller reaches. Queries start from one of these values, and only this module makes them.

use std::collections::{HashMap, HashSet};

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
    /// Numbers of the sets of resources, by party.
    parties: HashMap<i64, Vec<usize>>,
    /// `None` has all.
    resource_sets: Vec<Option<HashSet<i64>>>,
    dialogs: HashSet<(Uuid, i64, i64)>,
    labels: HashSet<(String, i64, i64)>,
}

impl From<&SearchScope> for ListedDialogs {
    fn from(scope: &SearchScope) -> Self {
        let mut parties: HashMap<i64, Vec<usize>> = HashMap::with_capacity(scope.keys.len());
        for (party, set) in scope.keys.iter().zip(&scope.sets) {
            parties.entry(*party).or_default().extend(usize::try_from(*set - 1).ok());
        }
        let sets = scope.resource_sets.iter();
        Self {
            parties,
            resource_sets: sets.map(|set| set.as_ref().map(|set| set.iter().copied().collect())).collect(),
            dialogs: scope.dialogs.iter().copied().collect(),
            labels: scope.labels.iter().cloned().collect(),
        }
    }
}

impl ListedDialogs {
    /// Keys of the parties whose dialogs may be among them.
    #[must_use]
    pub fn party_keys(&self) -> HashSet<i64> {
        let dialogs = self.dialogs.iter().map(|(_, party, _)| *party);
        let labels = self.labels.iter().map(|(_, party, _)| *party);
        self.parties.keys().copied().chain(dialogs).chain(labels).collect()
    }

    /// Whether a dialog of this party and on this resource (its id) is among them, whatever its labels.
    #[must_use]
    pub fn has(&self, id: Uuid, party: &str, resource: &str) -> bool {
        let (party, resource) = (key_of(party), key_of(resource));
        let mut sets =
            self.parties.get(&party).into_iter().flatten().filter_map(|set| self.resource_sets.get(*set));
        sets.any(|set| set.as_ref().is_none_or(|set| set.contains(&resource)))
            || self.dialogs.contains(&(id, party, resource))
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

/// Along what the dialogs of a list lie in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamsBy {
    /// The dialogs of each party.
    Party,
    /// The dialogs of each resource.
    Resource,
    /// The dialogs of a service owner.
    Org,
}

/// Which dialogs a list may have: streams of them, and single ones.
#[derive(Clone, Debug)]
pub struct SearchScope {
    by: StreamsBy,
    keys: Vec<i64>,
    /// For each stream the number, from 1, of its set of resources.
    sets: Vec<i32>,
    resource_sets: Vec<Option<Vec<i64>>>,
    org: Option<String>,
    dialogs: Vec<(Uuid, i64, i64)>,
    labels: Vec<(String, i64, i64)>,
    restricted: Vec<i64>,
}

impl SearchScope {
    /// Nothing yet; what is added are dialogs of parties.
    pub(super) fn of_user() -> Self {
        Self {
            by: StreamsBy::Party,
            keys: Vec::new(),
            sets: Vec::new(),
            resource_sets: Vec::new(),
            org: None,
            dialogs: Vec::new(),
            labels: Vec::new(),
            restricted: Vec::new(),
        }
    }

    /// The dialogs of a service owner, of these parties and on these resources (ids); empty lists do
    /// not restrict.
    pub(super) fn of_service_owner(org: &str, parties: &[PartyUrn], resources: &[String]) -> Self {
        let mut scope = Self::of_user().within(org);
        let resource_keys: Vec<i64> = resources.iter().map(|id| key_of(id)).collect();
        let mut keys: Vec<i64> = parties.iter().map(|party| key_of(party.as_str())).collect();
        let set = if !keys.is_empty() {
            (!resource_keys.is_empty()).then_some(resource_keys)
        } else if !resource_keys.is_empty() {
            scope.by = StreamsBy::Resource;
            keys = resource_keys;
            None
        } else {
            scope.by = StreamsBy::Org;
            keys = vec![0];
            None
        };
        keys.sort_unstable();
        keys.dedup();
        scope.sets = vec![1; keys.len()];
        scope.keys = keys;
        scope.resource_sets = vec![set];
        scope
    }

    /// Only those of a service owner.
    pub(super) fn within(mut self, org: &str) -> Self {
        self.org = Some(org.to_owned());
        self
    }

    /// Adds a set of resources and gives its number.
    pub(super) fn add_set<'a>(&mut self, resources: impl Iterator<Item = &'a str>) -> i32 {
        self.resource_sets.push(Some(resources.map(key_of).collect()));
        i32::try_from(self.resource_sets.len()).unwrap_or(i32::MAX)
    }

    /// Adds the dialogs of `party` on the resources of a set.
    pub(super) fn allow(&mut self, party: &PartyUrn, set: i32) {
        self.keys.push(key_of(party.as_str()));
        self.sets.push(set);
    }

    /// Adds a single dialog, if it belongs to `party` and is on this resource.
    pub(super) fn allow_dialog(&mut self, id: Uuid, party: &PartyUrn, resource: &str) {
        self.dialogs.push((id, key_of(party.as_str()), key_of(resource)));
    }

    /// Adds the dialogs that a service owner has labelled so, of `party` and on this resource.
    pub(super) fn allow_label(&mut self, label: &str, party: &PartyUrn, resource: &str) {
        self.labels.push((label.to_owned(), key_of(party.as_str()), key_of(resource)));
    }

    /// Says that the user's login is too weak for this resource.
    pub(super) fn restrict(&mut self, resource: &str) {
        self.restricted.push(key_of(resource));
    }

    /// Whether nothing can be found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.dialogs.is_empty() && self.labels.is_empty()
    }

    /// Along what the streams lie.
    pub(crate) fn by(&self) -> StreamsBy {
        self.by
    }

    /// Keys of the streams, and for each the number of its set of resources.
    pub(crate) fn streams(&self) -> (&[i64], &[i32]) {
        (&self.keys, &self.sets)
    }

    /// Sets of resources; `None` allows all.
    pub(crate) fn resource_sets(&self) -> &[Option<Vec<i64>>] {
        &self.resource_sets
    }

    /// The service owner whose dialogs alone are listed.
    pub(crate) fn org(&self) -> Option<&str> {
        self.org.as_deref()
    }

    /// Labels of single dialogs with the keys they must have.
    pub(crate) fn labels(&self) -> &[(String, i64, i64)] {
        &self.labels
    }

    /// Ids of the single dialogs with the keys they must have.
    pub(crate) fn dialogs(&self) -> &[(Uuid, i64, i64)] {
        &self.dialogs
    }

    /// Resources for which the user's login is too weak: only what lists show is searched there.
    pub(crate) fn restricted(&self) -> &[i64] {
        &self.restricted
    }
}
