//! What a caller may do and see: one set of functions for every endpoint and channel.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::caller::Caller;
use super::catalogue::{DescribedResource, Names};
use super::explanation::Explanation;
use super::reach::{DialogScope, SearchScope};
use super::scope;
use crate::altinn::{
    ActionAttribute, AuthorizedInstance, AuthorizedParty, DecisionSubject, Platform, PlatformFailure,
    ServiceResource,
};
use crate::dialog::model::{Dialog, RESOURCE_URN_PREFIX};
use crate::dialog::party::PartyUrn;
use crate::dialog::validate::Writer;
use crate::store::Registry;

/// Authentication level that a resource demands whose policy says nothing.
const DEFAULT_LEVEL: u8 = 3;

/// How the storage of apps labels the dialog of an instance.
const STORAGE_PREFIX: &str = "urn:altinn:integration:storage:";

/// How many names one request looks up at a time.
const NAMES_AT_A_TIME: usize = 8;

/// The attribute of a resource as a whole.
const MAIN: &str = "main";

/// Decides with the platform's answers.
pub struct Access {
    pub(super) platform: Platform,
    pub(super) resources: ArcSwap<Resources>,
}

/// The resource registry's answers, indexed.
#[derive(Clone, Default)]
pub(super) struct Resources {
    version: i64,
    pub(super) by_id: HashMap<String, ServiceResource>,
    by_owner: HashMap<String, Vec<String>>,
    /// Resources by `urn:altinn:rolecode:…` or `urn:altinn:accesspackage:…`.
    pub(super) by_subject: HashMap<String, Vec<String>>,
    pub(super) names: Names,
    /// All of them, for people.
    pub(super) described: Arc<BTreeMap<String, DescribedResource>>,
}

impl Resources {
    /// Least level of login that the resource demands.
    pub(super) fn minimum_level(&self, resource: &str) -> u32 {
        u32::from(self.by_id.get(resource).and_then(|r| r.minimum_level).unwrap_or(DEFAULT_LEVEL))
    }
}

impl Access {
    /// Asks this platform. Knows no resources yet.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        Self { platform, resources: ArcSwap::default() }
    }

    /// From now on these resources are known, and no others.
    pub async fn learn(&self, registry: Registry) {
        let mut resources = Resources { version: registry.version, ..Resources::default() };
        for resource in registry.resources {
            resources.by_owner.entry(resource.owner_number.clone()).or_default().push(resource.id.clone());
            resources.by_id.insert(resource.id.clone(), resource);
        }
        for (subject, resource) in registry.subject_resources {
            resources.by_subject.entry(subject).or_default().push(resource);
        }
        resources.names = self.present_names().await;
        resources.described = Arc::new(self.describe_all(&resources));
        self.resources.store(Arc::new(resources));
    }

    /// Asks the platform again what service owners, roles and access packages are called.
    pub async fn renew_names(&self) {
        let names = self.present_names().await;
        let mut resources = Resources::clone(&self.resources.load());
        resources.names = names;
        resources.described = Arc::new(self.describe_all(&resources));
        self.resources.store(Arc::new(resources));
    }

    /// The version of what is known.
    #[must_use]
    pub fn registry_version(&self) -> i64 {
        self.resources.load().version
    }

    /// Whom it asks.
    #[must_use]
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The resource with this lower-case id.
    #[must_use]
    pub fn resource(&self, id: &str) -> Option<ServiceResource> {
        self.resources.load().by_id.get(id).cloned()
    }

    /// Least level of login that the resource demands.
    #[must_use]
    pub fn minimum_level(&self, resource: &str) -> u32 {
        self.resources.load().minimum_level(resource)
    }

    /// What the caller may write beyond the ordinary.
    #[must_use]
    pub fn writer(caller: &Caller) -> Writer {
        Writer {
            is_admin: caller.scopes.contains(scope::SERVICE_PROVIDER_ADMIN),
            is_correspondence: caller.scopes.contains(scope::CORRESPONDENCE),
            may_write_html: caller.scopes.contains(scope::LEGACY_HTML),
        }
    }

    /// The dialogs that a service owner reaches: those with its code, and those on resources that it
    /// owns today; administrators reach all.
    #[must_use]
    pub fn service_owner_scope(&self, caller: &Caller) -> DialogScope {
        if Self::writer(caller).is_admin {
            return DialogScope::everything();
        }
        self.own_scope(caller)
    }

    /// The dialogs that are the service owner's own, also for administrators.
    #[must_use]
    pub fn own_scope(&self, caller: &Caller) -> DialogScope {
        let resources = self.resources.load();
        let owned = Self::owned(&resources, caller);
        DialogScope::of_service_owner(self.code_of(caller), owned.iter().map(String::as_str))
    }

    fn owned<'a>(resources: &'a Resources, caller: &Caller) -> &'a [String] {
        let number = caller.organization_number.as_deref().unwrap_or_default();
        resources.by_owner.get(number).map_or(&[], Vec::as_slice)
    }

    /// Which of these resources, given as lower-case URNs, the caller does not own. Administrators
    /// may use all.
    #[must_use]
    pub fn unowned(&self, caller: &Caller, urns: BTreeSet<String>) -> Vec<String> {
        if Self::writer(caller).is_admin {
            return Vec::new();
        }
        let resources = self.resources.load();
        let owned: HashSet<&str> = Self::owned(&resources, caller).iter().map(String::as_str).collect();
        urns.into_iter()
            .filter(|urn| urn.strip_prefix(RESOURCE_URN_PREFIX).is_none_or(|id| !owned.contains(id)))
            .collect()
    }

    /// Names of actors by id, looked up side by side.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn names(
        &self,
        ids: BTreeSet<&str>,
    ) -> Result<HashMap<String, Option<String>>, PlatformFailure> {
        let name = async |id: String| {
            let name = match PartyUrn::parse(&id) {
                Some(party) => self.platform.names.name(&party).await?,
                None => None,
            };
            Ok((id, name))
        };
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        stream::iter(ids).map(name).buffer_unordered(NAMES_AT_A_TIME).try_collect().await
    }

    /// The dialogs among which an end user's are found; each is judged by
    /// [`authorize`](Self::authorize).
    #[must_use]
    pub fn end_user_scope(&self, _caller: &Caller) -> DialogScope {
        DialogScope::everything()
    }

    /// What an end user may do with a dialog, and with its transmissions that have these authorization
    /// attributes. With logs of level `debug`, why is told there.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn authorize(
        &self,
        caller: &Caller,
        dialog: &Dialog,
        attributes: &BTreeSet<&str>,
        service_owner_labels: &[String],
    ) -> Result<DialogAuthorization, PlatformFailure> {
        let authorization = self.decide(caller, dialog, attributes, service_owner_labels).await?;
        if tracing::enabled!(tracing::Level::DEBUG) {
            let asked = questions(dialog, attributes);
            match self.explanation(caller, dialog, service_owner_labels, &authorization, asked).await {
                Ok(explanation) => explanation.log(dialog.id),
                Err(failure) => tracing::debug!(%failure, "a decision could not be explained"),
            }
        }
        Ok(authorization)
    }

    /// Why an end user may do with a dialog what [`authorize`](Self::authorize) says.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn explain(
        &self,
        caller: &Caller,
        dialog: &Dialog,
        attributes: &BTreeSet<&str>,
        service_owner_labels: &[String],
    ) -> Result<Explanation, PlatformFailure> {
        let authorization = self.decide(caller, dialog, attributes, service_owner_labels).await?;
        let asked = questions(dialog, attributes);
        self.explanation(caller, dialog, service_owner_labels, &authorization, asked).await
    }

    async fn explanation(
        &self,
        caller: &Caller,
        dialog: &Dialog,
        service_owner_labels: &[String],
        authorization: &DialogAuthorization,
        asked: Vec<ActionAttribute>,
    ) -> Result<Explanation, PlatformFailure> {
        let parties = self.parties(caller, std::slice::from_ref(&dialog.party)).await?;
        let party = parties.iter().find(|party| party.party == dialog.party);
        let references = instance_references(dialog, service_owner_labels);
        let resources = self.resources.load();
        let (permitted, denied) =
            asked.into_iter().partition(|question| authorization.granted.contains(question));
        Ok(Explanation {
            service_resource: dialog.service_resource.clone(),
            is_resource_known: resources.by_id.contains_key(&dialog.service_resource),
            user_kind: caller.kind.name(),
            level: authorization.level,
            minimum_level: authorization.minimum_level,
            is_level_sufficient: authorization.is_level_sufficient(),
            may_open: authorization.may_open(),
            permitted,
            denied,
            represents_party: party.is_some(),
            roles: party.map(|party| party.roles.clone()).unwrap_or_default(),
            access_packages: party.map(|party| party.access_packages.clone()).unwrap_or_default(),
            listed_through: grants(&resources, &parties, dialog, &references)
                .into_iter()
                .map(|grant| match grant {
                    Grant::Subject(urn) => urn,
                    Grant::Resource => "delegation of the resource".to_owned(),
                    Grant::Instance => "delegation of the instance".to_owned(),
                })
                .collect(),
        })
    }

    async fn decide(
        &self,
        caller: &Caller,
        dialog: &Dialog,
        attributes: &BTreeSet<&str>,
        service_owner_labels: &[String],
    ) -> Result<DialogAuthorization, PlatformFailure> {
        let questions = questions(dialog, attributes);
        let subject = DecisionSubject {
            user: caller.user.clone(),
            platform_ids: caller.platform_ids.clone(),
            party: dialog.party.clone(),
            resource: dialog.service_resource.clone(),
            instance: instance_reference(dialog, service_owner_labels),
        };
        let answers = self.platform.decisions.decide(&subject, &questions).await?;
        if answers.len() != questions.len() {
            let reason = format!("{} answers to {} questions", answers.len(), questions.len());
            return Err(PlatformFailure::unusable("the policy decision point", reason));
        }
        let granted: BTreeSet<ActionAttribute> =
            questions.into_iter().zip(answers).filter(|(_, permit)| *permit).map(|(q, _)| q).collect();
        let on_list = !granted.iter().any(|grant| grant.attribute == MAIN) && {
            let parties = self.parties(caller, std::slice::from_ref(&dialog.party)).await?;
            let references = instance_references(dialog, service_owner_labels);
            !grants(&self.resources.load(), &parties, dialog, &references).is_empty()
        };
        Ok(DialogAuthorization {
            granted,
            on_list,
            level: caller.authentication_level,
            minimum_level: self.minimum_level(&dialog.service_resource),
        })
    }

    /// Whether each of these dialogs, given with its service owner's labels, is among those that the
    /// user may list: one question for all.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn may_list(
        &self,
        caller: &Caller,
        dialogs: &[(Dialog, Vec<String>)],
    ) -> Result<Vec<bool>, PlatformFailure> {
        let grants = self.grants(caller, dialogs).await?;
        Ok(grants.iter().map(|grants| !grants.is_empty()).collect())
    }

    /// For each of `dialogs` with the labels of its service owner, through what the user may list it;
    /// nothing where the user may not.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn grants(
        &self,
        caller: &Caller,
        dialogs: &[(Dialog, Vec<String>)],
    ) -> Result<Vec<Vec<Grant>>, PlatformFailure> {
        let mut owners: Vec<PartyUrn> = dialogs.iter().map(|(dialog, _)| dialog.party.clone()).collect();
        // Without parties the question would be for all that the user has.
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        owners.sort();
        owners.dedup();
        let parties = self.parties(caller, &owners).await?;
        let resources = self.resources.load();
        let of = |(dialog, labels): &(Dialog, Vec<String>)| {
            grants(&resources, &parties, dialog, &instance_references(dialog, labels))
        };
        Ok(dialogs.iter().map(of).collect())
    }

    /// The parties of a user with their sub-units beside them.
    async fn parties(
        &self,
        caller: &Caller,
        filter: &[PartyUrn],
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        let mut parties = Vec::new();
        for mut party in self.platform.access_management.authorized_parties(&caller.user, filter).await? {
            parties.append(&mut party.sub_parties);
            parties.push(party);
        }
        parties.retain(|party| {
            !party.only_hierarchy_element && (filter.is_empty() || filter.contains(&party.party))
        });
        Ok(parties)
    }

    /// The dialogs that an end user may list, among those of `parties` and on `resources` (ids);
    /// empty lists do not restrict.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn search_scope(
        &self,
        caller: &Caller,
        parties: &[PartyUrn],
        resources: &[String],
    ) -> Result<SearchScope, PlatformFailure> {
        let wanted: HashSet<&str> = resources.iter().map(String::as_str).collect();
        let is_wanted = |resource: &str| wanted.is_empty() || wanted.contains(resource);
        let authorized = self.parties(caller, parties).await?;
        let registry = self.resources.load();
        let mut scope = SearchScope::of_user();
        // Thousands of parties share a handful of ways in which access was given.
        let mut sets: HashMap<[&[String]; 3], Option<i32>> = HashMap::new();
        let mut listed: BTreeSet<&str> = BTreeSet::new();
        for party in &authorized {
            let means = [&party.roles[..], &party.access_packages[..], &party.resources[..]];
            let set = *sets.entry(means).or_insert_with(|| {
                let resources: BTreeSet<&str> =
                    listed_resources(&registry, party).into_iter().filter(|id| is_wanted(id)).collect();
                listed.extend(&resources);
                (!resources.is_empty()).then(|| scope.add_set(resources.into_iter()))
            });
            if let Some(set) = set {
                scope.allow(&party.party, set);
            }
            for instance in party.instances.iter().filter(|instance| is_wanted(&instance.resource)) {
                listed.insert(&instance.resource);
                let reference = instance.reference.as_str();
                if let Some(id) = reference.strip_prefix("urn:altinn:dialog-id:") {
                    if let Ok(id) = uuid::Uuid::try_parse(id) {
                        scope.allow_dialog(id, &party.party, &instance.resource);
                    }
                    continue;
                }
                scope.allow_label(reference, &party.party, &instance.resource);
                if let Some(rest) = reference.strip_prefix("urn:altinn:instance-id:") {
                    let label = format!("{STORAGE_PREFIX}{rest}");
                    scope.allow_label(&label, &party.party, &instance.resource);
                }
            }
        }
        // A service owner that asks for a person may see its own texts.
        if !caller.impersonated {
            for resource in listed {
                if caller.authentication_level < registry.minimum_level(resource) {
                    scope.restrict(resource);
                }
            }
        }
        Ok(scope)
    }

    /// Like [`search_scope`](Self::search_scope) for a person that a service owner asks for: only the
    /// service owner's dialogs. `None` when the caller owns nothing.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn search_scope_for(
        &self,
        caller: &Caller,
        parties: &[PartyUrn],
        resources: &[String],
    ) -> Result<Option<SearchScope>, PlatformFailure> {
        let Some(code) = self.code_of(caller) else { return Ok(None) };
        Ok(Some(self.search_scope(caller, parties, resources).await?.within(&code)))
    }

    /// The dialogs that a service owner may list, of these parties and on these resources (ids); empty
    /// lists do not restrict. Administrators too list their own. `None` when the caller owns nothing.
    #[must_use]
    pub fn owner_search_scope(
        &self,
        caller: &Caller,
        parties: &[PartyUrn],
        resources: &[String],
    ) -> Option<SearchScope> {
        self.code_of(caller).map(|code| SearchScope::of_service_owner(&code, parties, resources))
    }

    /// Short code of the caller's organisation: from the registry, never from what a token says of
    /// itself.
    fn code_of(&self, caller: &Caller) -> Option<String> {
        let resources = self.resources.load();
        let first = Self::owned(&resources, caller).first()?;
        Some(resources.by_id.get(first)?.owner_code.clone())
    }
}

/// Through what a user may list a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A role or an access package, by its URN.
    Subject(String),
    /// The service was given directly.
    Resource,
    /// The instance behind the dialog was given.
    Instance,
}

/// Through what a dialog with these `references` may be listed by who has `parties`.
fn grants(
    registry: &Resources,
    parties: &[AuthorizedParty],
    dialog: &Dialog,
    references: &[String],
) -> Vec<Grant> {
    let resource = &dialog.service_resource;
    let leads_there =
        |subject: &String| registry.by_subject.get(subject).is_some_and(|all| all.contains(resource));
    let mut found = Vec::new();
    for party in parties.iter().filter(|party| party.party == dialog.party) {
        found.extend(subjects(party).filter(leads_there).map(Grant::Subject));
        if party.resources.contains(resource) {
            found.push(Grant::Resource);
        }
        let is_this = |i: &AuthorizedInstance| i.resource == *resource && references.contains(&i.reference);
        if party.instances.iter().any(is_this) {
            found.push(Grant::Instance);
        }
    }
    found
}

/// URNs of the roles and access packages that a user has for a party.
fn subjects(party: &AuthorizedParty) -> impl Iterator<Item = String> {
    let roles = party.roles.iter().map(|role| format!("urn:altinn:rolecode:{role}"));
    let packages = party.access_packages.iter().map(|package| format!("urn:altinn:accesspackage:{package}"));
    roles.chain(packages)
}

/// Resources whose dialogs may be listed for a party: by roles, access packages, and directly.
fn listed_resources<'a>(registry: &'a Resources, party: &'a AuthorizedParty) -> HashSet<&'a str> {
    subjects(party)
        .filter_map(|subject| registry.by_subject.get(&subject))
        .flatten()
        .chain(&party.resources)
        .map(String::as_str)
        .collect()
}

/// What has to be asked to show a dialog: every action, every transmission that has an attribute,
/// and reading as such.
fn questions(dialog: &Dialog, attributes: &BTreeSet<&str>) -> Vec<ActionAttribute> {
    let mut questions = BTreeSet::new();
    let mut ask = |action: &str, attribute: Option<&str>| {
        questions.insert(ActionAttribute {
            action: action.to_owned(),
            attribute: attribute.unwrap_or(MAIN).to_owned(),
        });
    };
    ask("read", None);
    for action in &dialog.documents.gui_actions {
        ask(&action.action, action.authorization_attribute.as_deref());
    }
    for action in &dialog.documents.api_actions {
        ask(&action.action, action.authorization_attribute.as_deref());
    }
    for attribute in attributes {
        ask(transmission_action(attribute), Some(attribute));
    }
    questions.into_iter().collect()
}

/// Reading a transmission is an action of its own, unless it is about another resource.
fn transmission_action(attribute: &str) -> &'static str {
    let names_resource = attribute
        .get(..RESOURCE_URN_PREFIX.len())
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESOURCE_URN_PREFIX));
    if names_resource { "read" } else { "transmissionread" }
}

/// Reference of the instance behind a dialog: of an app or of a correspondence where the service
/// owner's labels name one, of the dialog itself otherwise.
#[must_use]
pub fn instance_reference(dialog: &Dialog, service_owner_labels: &[String]) -> String {
    let is_app = |rest: &str| {
        rest.split_once('/').is_some_and(|(party, id)| {
            party.parse::<i32>().is_ok_and(|party| party > 0) && uuid::Uuid::try_parse(id).is_ok()
        })
    };
    let app = service_owner_labels
        .iter()
        .filter_map(|label| {
            label.strip_prefix("urn:altinn:instance-id:").or_else(|| label.strip_prefix(STORAGE_PREFIX))
        })
        .filter(|rest| is_app(rest))
        .max()
        .map(|rest| format!("urn:altinn:instance-id:{rest}"));
    let correspondence = || {
        let prefix = "urn:altinn:correspondence-id:";
        let is_one =
            |label: &&String| label.strip_prefix(prefix).is_some_and(|id| uuid::Uuid::try_parse(id).is_ok());
        service_owner_labels.iter().filter(is_one).max().cloned()
    };
    app.or_else(correspondence).unwrap_or_else(|| format!("urn:altinn:dialog-id:{}", dialog.id))
}

/// Every reference that an instance behind the dialog is given by.
fn instance_references(dialog: &Dialog, service_owner_labels: &[String]) -> Vec<String> {
    let mut references = vec![format!("urn:altinn:dialog-id:{}", dialog.id)];
    for label in service_owner_labels {
        match label.strip_prefix(STORAGE_PREFIX) {
            Some(rest) => references.push(format!("urn:altinn:instance-id:{rest}")),
            None => references.push(label.clone()),
        }
    }
    references
}

/// What a user may do with a dialog.
#[derive(Clone, Debug)]
pub struct DialogAuthorization {
    granted: BTreeSet<ActionAttribute>,
    on_list: bool,
    level: u32,
    minimum_level: u32,
}

impl DialogAuthorization {
    /// Whether the user may do `action` on the part that `attribute` names, or on the whole.
    #[must_use]
    pub fn may(&self, action: &str, attribute: Option<&str>) -> bool {
        let attribute = attribute.unwrap_or(MAIN);
        self.granted.iter().any(|grant| grant.action == action && grant.attribute == attribute)
    }

    /// Whether the user may read the dialog itself.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.may("read", None)
    }

    /// Whether the user may read a transmission with this attribute.
    #[must_use]
    pub fn may_read_transmission(&self, attribute: Option<&str>) -> bool {
        match attribute {
            None => self.may_read(),
            Some(attribute) => {
                self.may("read", Some(attribute)) || self.may("transmissionread", Some(attribute))
            }
        }
    }

    /// Whether the policy lets the user do anything with the dialog as a whole.
    #[must_use]
    pub fn has_any_action(&self) -> bool {
        self.granted.iter().any(|grant| grant.attribute == MAIN)
    }

    /// Whether the user may know of the dialog: by its policy, or because lists show it.
    #[must_use]
    pub fn may_open(&self) -> bool {
        self.has_any_action() || self.on_list
    }

    /// Whether the user's login is strong enough for the service.
    #[must_use]
    pub fn is_level_sufficient(&self) -> bool {
        self.level >= self.minimum_level
    }

    /// Everything that was permitted, in order of action and attribute.
    pub fn granted(&self) -> impl Iterator<Item = &ActionAttribute> {
        self.granted.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::access::claims::Claims;
    use crate::altinn::{AccessManagement, AccessSubject, PartyNames};
    use crate::dialog::effects::tests::stored;
    use crate::sandbox::catalogue::LiveCatalogue;
    use crate::sandbox::platform::platform;
    use crate::timestamp::Timestamp;

    /// The sandbox's platform, counting what it is asked.
    struct Counting {
        platform: Platform,
        questions: AtomicUsize,
        at_a_time: AtomicUsize,
        most_at_a_time: AtomicUsize,
    }

    #[async_trait]
    impl PartyNames for Counting {
        async fn name(&self, party: &PartyUrn) -> Result<Option<String>, PlatformFailure> {
            self.questions.fetch_add(1, Ordering::Relaxed);
            let now = self.at_a_time.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_at_a_time.fetch_max(now, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let name = self.platform.names.name(party).await;
            self.at_a_time.fetch_sub(1, Ordering::Relaxed);
            name
        }
    }

    #[async_trait]
    impl AccessManagement for Counting {
        async fn authorized_parties(
            &self,
            user: &PartyUrn,
            filter: &[PartyUrn],
        ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
            self.questions.fetch_add(1, Ordering::Relaxed);
            self.platform.access_management.authorized_parties(user, filter).await
        }

        async fn access_subjects(&self) -> Result<Vec<AccessSubject>, PlatformFailure> {
            self.platform.access_management.access_subjects().await
        }
    }

    async fn counted() -> (Access, Arc<Counting>) {
        let start = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let catalogue = LiveCatalogue::open(None, start).unwrap();
        let registry = Registry {
            version: 1,
            resources: catalogue.get().resources(),
            subject_resources: catalogue.get().subject_resources(),
        };
        let sandbox = platform(Arc::new(catalogue), "http://localhost");
        let counting = Arc::new(Counting {
            platform: sandbox.clone(),
            questions: AtomicUsize::default(),
            at_a_time: AtomicUsize::default(),
            most_at_a_time: AtomicUsize::default(),
        });
        let platform = Platform { names: counting.clone(), access_management: counting.clone(), ..sandbox };
        let access = Access::new(platform);
        access.learn(registry).await;
        (access, counting)
    }

    #[tokio::test]
    async fn names_are_looked_up_some_at_a_time() {
        let (access, counting) = counted().await;
        let ids: Vec<String> =
            (0..50).map(|n| format!("urn:altinn:person:legacy-selfidentified:user{n}")).collect();
        let names = access.names(ids.iter().map(String::as_str).collect()).await.unwrap();
        assert_eq!(names.len(), 50);
        assert_eq!(names[&ids[7]].as_deref(), Some("user7"));
        assert_eq!(counting.questions.load(Ordering::Relaxed), 50);
        assert_eq!(counting.most_at_a_time.load(Ordering::Relaxed), NAMES_AT_A_TIME);
    }

    #[tokio::test]
    async fn one_question_tells_of_many_dialogs_whether_they_are_listed() {
        let (access, counting) = counted().await;
        let payload = json!({ "pid": "08844397713" });
        let end = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let caller = Caller::from_claims(&Claims::read(payload.as_object().unwrap(), end)).unwrap();
        let dialog = |party: &str, resource: &str| {
            let mut dialog = stored(end);
            dialog.party = PartyUrn::parse(party).unwrap();
            resource.clone_into(&mut dialog.service_resource);
            (dialog, Vec::new())
        };
        let own = "urn:altinn:person:identifier-no:08844397713";
        let others = "urn:altinn:person:identifier-no:13838599936";
        let resource = "ttd-dialogporten-automated-tests";
        let dialogs = [
            dialog(own, resource),
            dialog(others, resource),
            dialog(own, "ttd-altinn-events-automated-tests"),
        ];
        assert_eq!(access.may_list(&caller, &dialogs).await.unwrap(), [true, false, false]);
        assert_eq!(counting.questions.load(Ordering::Relaxed), 1);
        assert!(access.may_list(&caller, &[]).await.unwrap().is_empty());
        assert_eq!(counting.questions.load(Ordering::Relaxed), 1);
    }
}
