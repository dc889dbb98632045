//! The sandbox's catalogue: who owns which service, who exists, and who may act for whom.
//!
//! A file says it ([`Catalogue::builtin`] has one built in); here it is checked as a whole and
//! indexed, so that every later question is a look-up. Organisations, people and rights are
//! immutable after loading.

mod check;
mod file;
mod live;
mod policy;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uuid::Uuid;

use self::file::{File, OWN_PERSON};
pub use self::live::LiveCatalogue;
pub(super) use self::policy::{MAIN, Policy, Target};
use crate::altinn::{AuthorizedInstance, AuthorizedParty, LocalizedTexts, ServiceOwner, ServiceResource};
use crate::dialog::party::{PartyKind, PartyUrn};

/// The file that the sandbox uses unless told otherwise.
const BUILTIN: &str = include_str!("catalogue.toml");

/// The text of the built-in catalogue, except that every valid number has a name and acts for itself.
/// Entries can be added at its end.
#[must_use]
pub fn builtin_where_everybody_exists() -> String {
    BUILTIN.replace("\nsynthesise_unknown = false", "\nsynthesise_unknown = true")
}

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("cannot read the catalogue {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML (or JSON), an unknown key, a missing key, or a value of the wrong type.
    #[error("the catalogue is malformed: {0}")]
    Malformed(String),
    /// Entries that do not fit together: all of them, one text each, which names the entry.
    #[error("the catalogue does not fit together:\n- {}", .0.join("\n- "))]
    Inconsistent(Vec<String>),
}

/// A catalogue that has been checked, ready for look-ups.
pub struct Catalogue {
    profile: String,
    synthesise_unknown: bool,
    token_generator: TokenGenerator,
    organizations: HashMap<String, Organization>,
    parties: HashMap<PartyUrn, Party>,
    system_users: HashMap<PartyUrn, SystemUser>,
    roles: HashMap<String, Role>,
    access_packages: HashMap<String, AccessPackage>,
    resources: HashMap<String, Resource>,
    represented: HashMap<PartyUrn, Represented>,
    /// People by their numeric ids in the platform's registers.
    numbered: HashMap<i64, PartyUrn>,
}

/// Settings of the token generator.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenGenerator {
    /// Host names it answers for.
    pub hosts: Vec<String>,
    /// Environments it makes tokens for.
    pub envs: Vec<String>,
    /// Passwords by user name, for basic authentication.
    pub users: BTreeMap<String, String>,
}

/// An organisation as the public list of service owners knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Organization {
    code: Option<String>,
    name: LocalizedTexts,
}

/// Somebody a dialog can belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The identifier.
    pub urn: PartyUrn,
    /// Id in the party register.
    pub party_uuid: Uuid,
    /// Older, numeric id in the party register.
    pub party_id: i32,
    /// Name as the register writes it: of persons, the family name last.
    pub name: String,
    /// `YYYY-MM-DD`, persons only.
    pub date_of_birth: Option<String>,
    /// Whether it no longer exists.
    pub is_deleted: bool,
}

/// A system that acts on behalf of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUser {
    /// Number of the organisation it was made for.
    pub organization: String,
    /// Its name.
    pub name: String,
}

/// A role that gives access to resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Id in the platform's catalogue of roles.
    pub id: Uuid,
    /// Lower-case code, such as `dagl`.
    pub code: String,
    /// `urn:altinn:rolecode:` and the code.
    pub urn: String,
    /// Names.
    pub name: LocalizedTexts,
}

/// A bundle of rights that can be given to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPackage {
    /// `urn:altinn:accesspackage:` and its short name.
    pub urn: String,
    /// Names.
    pub name: LocalizedTexts,
}

/// A resource with the rules that decide about it.
pub(super) struct Resource {
    pub service: ServiceResource,
    pub policy: Policy,
}

/// Whom one user can represent.
#[derive(Default)]
struct Represented {
    /// In the order of answers, sub-units below their parents.
    parties: Vec<AuthorizedParty>,
    /// Where to find a party: its place, or its parent's place and its own below it.
    places: HashMap<PartyUrn, (usize, Option<usize>)>,
}

/// Counts only: identity numbers stay out of logs.
impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue")
            .field("profile", &self.profile)
            .field("parties", &self.parties.len())
            .field("resources", &self.resources.len())
            .finish_non_exhaustive()
    }
}

impl Catalogue {
    /// The catalogue that comes with the program.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::from_toml(BUILTIN)
    }

    /// Reads a file: JSON when its name ends in `.json`, TOML otherwise.
    pub fn load(path: &Path) -> Result<Self, CatalogueError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| CatalogueError::Unreadable { path: path.to_owned(), source })?;
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            Self::from_json(&text)
        } else {
            Self::from_toml(&text)
        }
    }

    /// Reads TOML.
    pub fn from_toml(text: &str) -> Result<Self, CatalogueError> {
        let file = toml::from_str(text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            malformed(&format!("line {line}: {}", error.message()))
        })?;
        Self::new(file)
    }

    /// Reads JSON with the same keys.
    pub fn from_json(text: &str) -> Result<Self, CatalogueError> {
        let file = serde_json::from_str(text).map_err(|error| malformed(&error.to_string()))?;
        Self::new(file)
    }

    fn new(mut file: File) -> Result<Self, CatalogueError> {
        let problems = check::problems(&file);
        if !problems.is_empty() {
            return Err(CatalogueError::Inconsistent(problems));
        }
        file.expand();
        Ok(Self::index(file))
    }

    /// Environment whose issuer tokens name, such as `at23`.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Settings of the token generator.
    pub fn token_generator(&self) -> &TokenGenerator {
        &self.token_generator
    }

    /// Names of the organisation with this number, by language.
    pub fn organization_name(&self, number: &str) -> Option<&LocalizedTexts> {
        self.organizations.get(number).map(|org| &org.name)
    }

    /// Short code of the service owner with this number, such as `ttd`.
    pub fn service_owner_code(&self, number: &str) -> Option<&str> {
        self.organizations.get(number)?.code.as_deref()
    }

    /// Organisations with a short code, by number.
    pub fn service_owners(&self) -> Vec<ServiceOwner> {
        let owners = self.organizations.iter().filter_map(|(number, org)| {
            let code = org.code.clone()?;
            Some(ServiceOwner { number: number.clone(), code, name: org.name.clone() })
        });
        let mut owners: Vec<_> = owners.collect();
        owners.sort_by(|a, b| a.number.cmp(&b.number));
        owners
    }

    /// All roles, by URN.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        let mut roles: Vec<_> = self.roles.values().collect();
        roles.sort_by(|a, b| a.urn.cmp(&b.urn));
        roles.into_iter()
    }

    /// All access packages, by URN.
    pub fn access_packages(&self) -> impl Iterator<Item = &AccessPackage> {
        let mut packages: Vec<_> = self.access_packages.values().collect();
        packages.sort_by(|a, b| a.urn.cmp(&b.urn));
        packages.into_iter()
    }

    /// The role with this URN (`urn:altinn:rolecode:…`).
    pub fn role(&self, urn: &str) -> Option<&Role> {
        self.roles.get(urn)
    }

    /// The access package with this URN (`urn:altinn:accesspackage:…`).
    pub fn access_package(&self, urn: &str) -> Option<&AccessPackage> {
        self.access_packages.get(urn)
    }

    /// The party register's entry, made up for unknown numbers if the catalogue says so.
    pub fn party(&self, urn: &PartyUrn) -> Option<Cow<'_, Party>> {
        match self.parties.get(urn) {
            Some(party) => Some(Cow::Borrowed(party)),
            None => self.synthesised(urn).map(Cow::Owned),
        }
    }

    /// Whoever has this numeric id, as user or as party, in the platform's registers.
    pub(super) fn numbered(&self, id: i64) -> Option<&PartyUrn> {
        self.numbered.get(&id)
    }

    /// The system user with this identifier.
    pub fn system_user(&self, urn: &PartyUrn) -> Option<&SystemUser> {
        self.system_users.get(urn)
    }

    /// All resources, ordered by id.
    pub fn resources(&self) -> Vec<ServiceResource> {
        let mut resources: Vec<_> =
            self.resources.values().map(|resource| resource.service.clone()).collect();
        resources.sort_by(|a, b| a.id.cmp(&b.id));
        resources
    }

    /// Pairs of a role's or access package's URN, and the id of a resource that it may read.
    pub fn subject_resources(&self) -> Vec<(String, String)> {
        let pairs: BTreeSet<_> = self
            .resources
            .iter()
            .flat_map(|(id, resource)| resource.policy.readers().map(|reader| (reader, id.clone())))
            .collect();
        pairs.into_iter().collect()
    }

    /// The resource with this lower-case id.
    pub(super) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// Whether the rules permit `action` on a part of a resource to somebody with this `access` to the
    /// party, in a dialog about `instance`. The case of the resource's id does not matter.
    pub(super) fn permits(
        &self,
        access: &AuthorizedParty,
        resource: &str,
        instance: &str,
        action: &str,
        part: &str,
    ) -> bool {
        let id = resource.to_lowercase();
        self.resource(&id)
            .is_some_and(|resource| resource.policy.permits(access, &id, instance, action, part))
    }

    /// The name in the register: of persons, the family name last.
    pub(super) fn registered_name(&self, urn: &PartyUrn) -> Option<String> {
        match urn.kind() {
            PartyKind::Person | PartyKind::Organization => self.party(urn).map(|party| party.name.clone()),
            PartyKind::SystemUser => self.system_user(urn).map(|user| user.name.clone()),
            PartyKind::Email | PartyKind::LegacySelfIdentified | PartyKind::Feide => None,
        }
    }

    /// Whom `user` can represent: organisations before persons before self-identified users, then
    /// by number. Sub-units are below their parents.
    pub(super) fn represented(&self, user: &PartyUrn) -> Cow<'_, [AuthorizedParty]> {
        match self.represented.get(user) {
            Some(represented) => Cow::Borrowed(&represented.parties),
            None => Cow::Owned(self.synthesised_self(user).into_iter().collect()),
        }
    }

    /// What `user` has for `party`.
    pub(super) fn access(&self, user: &PartyUrn, party: &PartyUrn) -> Option<Cow<'_, AuthorizedParty>> {
        let Some(represented) = self.represented.get(user) else {
            return self.synthesised_self(user).filter(|own| own.party == *party).map(Cow::Owned);
        };
        let (place, below) = represented.places.get(party)?;
        let top = represented.parties.get(*place)?;
        let found = below.map_or(Some(top), |below| top.sub_parties.get(below))?;
        Some(Cow::Borrowed(found))
    }

    fn synthesised(&self, urn: &PartyUrn) -> Option<Party> {
        let made_up = self.synthesise_unknown
            && !self.parties.contains_key(urn)
            && matches!(urn.kind(), PartyKind::Person | PartyKind::Organization);
        made_up.then(|| {
            let party_uuid = derived_uuid(urn);
            Party {
                urn: urn.clone(),
                party_uuid,
                party_id: derived_id(party_uuid),
                name: made_up_name(urn.kind(), party_uuid),
                date_of_birth: None,
                is_deleted: false,
            }
        })
    }

    /// An unknown person's rights for themselves.
    fn synthesised_self(&self, user: &PartyUrn) -> Option<AuthorizedParty> {
        let person = self.synthesised(user).filter(|party| party.urn.kind() == PartyKind::Person)?;
        let mut own = person.without_rights();
        own.roles.push(OWN_PERSON.to_owned());
        Some(own)
    }

    fn index(file: File) -> Self {
        let parties = Register::new(&file).parties;
        let represented = representation(&file, &parties);
        let numbered = parties
            .values()
            .map(|party| (i64::from(derived_number(&party.urn)), party.urn.clone()))
            .chain(parties.values().map(|party| (i64::from(party.party_id), party.urn.clone())))
            .collect();
        let codes: HashMap<String, Option<String>> =
            file.organizations.iter().map(|org| (org.number.clone(), org.code.clone())).collect();
        Self {
            profile: file.profile,
            synthesise_unknown: file.synthesise_unknown,
            token_generator: file.token_generator,
            organizations: file
                .organizations
                .into_iter()
                .map(|org| (org.number, Organization { code: org.code, name: lower_keys(org.name) }))
                .collect(),
            parties,
            system_users: file
                .system_users
                .into_iter()
                .map(|user| (user.urn(), SystemUser { organization: user.org, name: user.name }))
                .collect(),
            roles: file
                .roles
                .into_iter()
                .map(|role| {
                    let name = lower_keys(role.name);
                    (role.urn.clone(), Role { id: role.id, code: role.code, urn: role.urn, name })
                })
                .collect(),
            access_packages: file
                .access_packages
                .into_iter()
                .map(|package| {
                    let name = lower_keys(package.name);
                    (package.urn.clone(), AccessPackage { urn: package.urn, name })
                })
                .collect(),
            resources: file
                .resources
                .into_iter()
                .map(|resource| {
                    let owner_code = codes.get(&resource.owner).cloned().flatten().unwrap_or_default();
                    (resource.id.clone(), Resource::new(resource, owner_code))
                })
                .collect(),
            represented,
            numbered,
        }
    }
}

impl Resource {
    fn new(written: file::Resource, owner_code: String) -> Self {
        Self {
            service: ServiceResource {
                id: written.id,
                owner_number: written.owner,
                owner_code,
                resource_type: written.kind.to_lowercase(),
                minimum_level: written.min_level,
                delegable: written.delegable,
                status: written.status.to_lowercase(),
                title: lower_keys(written.title),
            },
            policy: Policy::new(written.rules),
        }
    }
}

impl Party {
    fn without_rights(&self) -> AuthorizedParty {
        AuthorizedParty {
            party: self.urn.clone(),
            party_uuid: self.party_uuid,
            party_id: self.party_id,
            name: self.name.clone(),
            date_of_birth: self.date_of_birth.clone(),
            is_deleted: self.is_deleted,
            only_hierarchy_element: false,
            roles: Vec::new(),
            access_packages: Vec::new(),
            resources: Vec::new(),
            instances: Vec::new(),
            sub_parties: Vec::new(),
        }
    }
}

impl Represented {
    /// Puts sub-units below their parents. A parent that gives nothing itself is there as an
    /// element of the hierarchy only.
    fn new(
        flat: BTreeMap<PartyUrn, AuthorizedParty>,
        parents: &HashMap<PartyUrn, PartyUrn>,
        register: &HashMap<PartyUrn, Party>,
    ) -> Self {
        let mut top = BTreeMap::new();
        let mut units = Vec::new();
        for (urn, party) in flat {
            match parents.get(&urn).and_then(|parent| register.get(parent)) {
                Some(parent) => units.push((parent, party)),
                None => drop(top.insert(urn, party)),
            }
        }
        for (parent, unit) in units {
            let parent = top.entry(parent.urn.clone()).or_insert_with(|| AuthorizedParty {
                only_hierarchy_element: true,
                ..parent.without_rights()
            });
            parent.sub_parties.push(unit);
        }
        let parties: Vec<_> = top.into_values().collect();
        let mut places = HashMap::new();
        for (place, party) in parties.iter().enumerate() {
            places.insert(party.party.clone(), (place, None));
            for (below, unit) in party.sub_parties.iter().enumerate() {
                places.insert(unit.party.clone(), (place, Some(below)));
            }
        }
        Self { parties, places }
    }
}

/// Everybody a dialog can belong to, with ids derived where the file gives none.
struct Register {
    parties: HashMap<PartyUrn, Party>,
    /// Numeric ids in use.
    taken: HashSet<i32>,
}

impl Register {
    fn new(file: &File) -> Self {
        let organizations = file.organizations.iter().filter_map(|org| org.party_id);
        let persons = file.persons.iter().filter_map(|person| person.party_id);
        let email_users = file.email_users.iter().filter_map(|user| user.party_id);
        let taken = organizations.chain(persons).chain(email_users).collect();
        let mut register = Self { parties: HashMap::new(), taken };

        for org in &file.organizations {
            let name = org.name.get("nb").cloned().unwrap_or_default();
            let party = register.party(org.urn(), org.party_id, org.party_uuid, name);
            register.add(Party { is_deleted: org.deleted, ..party });
        }
        for person in &file.persons {
            let party = register.party(person.urn(), person.party_id, person.party_uuid, person.name.clone());
            register.add(Party { date_of_birth: person.born.clone(), ..party });
        }
        for user in &file.email_users {
            let urn = user.urn();
            let name = urn.id().to_owned();
            let party = register.party(urn, user.party_id, user.party_uuid, name);
            register.add(party);
        }
        // Legacy users have no entry of their own; they exist by being named in a grant.
        for party in file.grants.iter().filter_map(|grant| file::reference(&grant.party)) {
            if !register.parties.contains_key(&party) {
                let name = party.id().to_owned();
                let party = register.party(party, None, None, name);
                register.add(party);
            }
        }
        register
    }

    fn party(&mut self, urn: PartyUrn, id: Option<i32>, uuid: Option<Uuid>, name: String) -> Party {
        let derived = derived_uuid(&urn);
        Party {
            urn,
            party_uuid: uuid.unwrap_or(derived),
            party_id: id.unwrap_or_else(|| free_id(derived_id(derived), &mut self.taken)),
            name,
            date_of_birth: None,
            is_deleted: false,
        }
    }

    fn add(&mut self, party: Party) {
        self.parties.insert(party.urn.clone(), party);
    }
}

/// Who can represent whom.
fn representation(file: &File, register: &HashMap<PartyUrn, Party>) -> HashMap<PartyUrn, Represented> {
    let units: HashMap<PartyUrn, Vec<PartyUrn>> = file
        .organizations
        .iter()
        .map(|org| (org.urn(), org.subunits.iter().map(|unit| file::organization(unit)).collect()))
        .collect();
    let parents: HashMap<PartyUrn, PartyUrn> = units
        .iter()
        .flat_map(|(parent, units)| units.iter().map(|unit| (unit.clone(), parent.clone())))
        .collect();

    // A PartyUrn sorts organisations before persons before e-mail and legacy users, then by
    // number: the order in which the platform answers.
    let mut users: HashMap<PartyUrn, BTreeMap<PartyUrn, AuthorizedParty>> = HashMap::new();
    let mut give = |user: &PartyUrn, party: &PartyUrn, rights: Rights<'_>| {
        if let Some(registered) = register.get(party) {
            let parties = users.entry(user.clone()).or_default();
            rights.add_to(parties.entry(party.clone()).or_insert_with(|| registered.without_rights()));
        }
    };

    let own = [OWN_PERSON.to_owned()];
    let persons = file.persons.iter().filter(|user| user.self_grant).map(file::Person::urn);
    let email_users = file.email_users.iter().filter(|user| user.self_grant).map(file::EmailUser::urn);
    for user in persons.chain(email_users) {
        give(&user, &user, Rights { roles: &own, ..Rights::default() });
    }
    for grant in &file.grants {
        let (Some(user), Some(party)) = (file::reference(&grant.user), file::reference(&grant.party)) else {
            continue;
        };
        let rights = Rights {
            roles: &grant.roles,
            packages: &grant.packages,
            resources: &grant.resources,
            instances: &grant.instances,
        };
        give(&user, &party, rights);
        // Roles and packages reach down to sub-units; what was given directly does not.
        if grant.include_subunits && !(grant.roles.is_empty() && grant.packages.is_empty()) {
            for unit in units.get(&party).into_iter().flatten() {
                give(&user, unit, Rights { resources: &[], instances: &[], ..rights });
            }
        }
    }

    users.into_iter().map(|(user, flat)| (user, Represented::new(flat, &parents, register))).collect()
}

/// What a grant gives.
#[derive(Clone, Copy, Default)]
struct Rights<'a> {
    roles: &'a [String],
    packages: &'a [String],
    resources: &'a [String],
    instances: &'a [file::Instance],
}

impl Rights<'_> {
    fn add_to(self, access: &mut AuthorizedParty) {
        let instances: Vec<_> = self
            .instances
            .iter()
            .map(|instance| AuthorizedInstance {
                resource: instance.resource.clone(),
                reference: instance.reference.to_lowercase(),
            })
            .collect();
        add_new(&mut access.roles, self.roles);
        add_new(&mut access.access_packages, self.packages);
        add_new(&mut access.resources, self.resources);
        add_new(&mut access.instances, &instances);
    }
}

fn add_new<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
}

fn lower_keys(texts: LocalizedTexts) -> LocalizedTexts {
    texts.into_iter().map(|(language, text)| (language.to_lowercase(), text)).collect()
}

/// The same for the same URN, always (`UUIDv5`, RFC 9562).
fn derived_uuid(urn: &PartyUrn) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, urn.as_str().as_bytes())
}

/// A number from 50,000,000 to 59,999,999.
fn derived_id(uuid: Uuid) -> i32 {
    let hash = uuid.as_fields().0;
    50_000_000 + i32::try_from(hash % 10_000_000).unwrap_or_default()
}

/// The numeric id, as user and as party, of somebody for whom none is given.
pub(super) fn derived_number(urn: &PartyUrn) -> i32 {
    derived_id(derived_uuid(urn))
}

/// `id`, or the next one that nobody has.
fn free_id(mut id: i32, taken: &mut HashSet<i32>) -> i32 {
    while !taken.insert(id) {
        id = if id < 59_999_999 { id + 1 } else { 50_000_000 };
    }
    id
}

fn made_up_name(kind: PartyKind, uuid: Uuid) -> String {
    const FIRST: [&str; 8] =
        ["VENNLIG", "MODIG", "STILLE", "RASK", "LUN", "SPENSTIG", "TREVEN", "OPPFINNSOM"];
    const LAST: [&str; 8] = ["ELG", "BJØRK", "FJORD", "LOMME", "KATT", "GRYTE", "STEIN", "HATT"];
    let [a, b, ..] = uuid.into_bytes();
    let (first, last) = (FIRST[usize::from(a) % FIRST.len()], LAST[usize::from(b) % LAST.len()]);
    match kind {
        PartyKind::Organization => format!("{first} {last} AS"),
        _ => format!("{first} {last}"),
    }
}

/// The parser's text may quote a value, and that value may be an identity number.
fn malformed(reason: &str) -> CatalogueError {
    let masked = |part: &str| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        if part.len() - rest.len() < 9 { part.to_owned() } else { format!("…{rest}") }
    };
    let parts = reason.split_inclusive(|c: char| !c.is_ascii_digit());
    CatalogueError::Malformed(parts.map(masked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fits together, and is small.
    pub(super) const SMALL: &str = r#"
        [[role]]
        code = "priv"
        urn = "urn:altinn:rolecode:priv"
        id = "00000000-0000-4000-8000-000000000001"
        name = { nb = "Privatperson" }

        [[role]]
        code = "dagl"
        urn = "urn:altinn:rolecode:dagl"
        id = "00000000-0000-4000-8000-000000000002"
        name = { nb = "Daglig leder", EN = "General manager" }

        [[access_package]]
        urn = "urn:altinn:accesspackage:post"
        name = { nb = "Post" }

        [[org]]
        number = "991825827"
        code = "ttd"
        name = { nb = "ETAT" }
        service_owner = true

        [[org]]
        number = "310923044"
        name = { nb = "TIGER AS" }
        subunits = ["315010195"]

        [[org]]
        number = "315010195"
        name = { nb = "TIGER NORD" }
        party_id = 77
        party_uuid = "00000000-0000-4000-8000-000000000077"

        [[person]]
        number = "08844397713"
        name = "ROMANTISK LITTERATUR"

        [[email_user]]
        email = "A@example.com"

        [[system_user]]
        id = "51551DD0-b9c5-4f4b-a4a2-9b7e3669b364"
        org = "310923044"
        name = "Fagsystem"

        [[resource]]
        id = "svc"
        owner = "991825827"
        type = "AltinnApp"
        title = { nb = "Tjeneste" }

          [[resource.rule]]
          subjects = ["role:dagl", "delegated"]
          actions = ["read"]
          attributes = ["main"]
    "#;

    fn person(number: &str) -> PartyUrn {
        PartyUrn::of(PartyKind::Person, number)
    }

    fn org(number: &str) -> PartyUrn {
        PartyUrn::of(PartyKind::Organization, number)
    }

    fn with(more: &str) -> Result<Catalogue, CatalogueError> {
        Catalogue::from_toml(&format!("{SMALL}\n{more}"))
    }

    #[test]
    fn the_built_in_catalogue_loads() {
        let catalogue = Catalogue::builtin().unwrap();
        assert_eq!(catalogue.profile(), "at23");
        assert_eq!(catalogue.token_generator().users["sandbox"], "sandbox");
        assert_eq!(
            catalogue.organization_name("991825827").unwrap()["en"],
            "Norwegian Digitalisation Agency"
        );
        for (number, code) in [
            ("991825827", Some("ttd")),
            ("974760673", Some("brg")),
            ("889640782", Some("nav")),
            ("974761076", Some("skd")),
            ("964951284", Some("hko")),
            ("310778737", Some("other")),
            ("310923044", None),
            ("713431400", None),
            ("123456789", None),
        ] {
            assert_eq!(catalogue.service_owner_code(number), code, "{number}");
        }
        assert_eq!(catalogue.role("urn:altinn:rolecode:dagl").unwrap().name["en"], "General manager");
        let package = catalogue.access_package("urn:altinn:accesspackage:ordinaer-post-til-virksomheten");
        assert_eq!(package.unwrap().name["nb"], "Ordinær post til virksomheten");
        assert_eq!(catalogue.role("urn:altinn:rolecode:none"), None);

        let system_user = PartyUrn::of(PartyKind::SystemUser, "54cb69df-3d8a-4432-804e-742e40de6211");
        assert_eq!(catalogue.system_user(&system_user).unwrap().organization, "313006425");
        let email_user = PartyUrn::of(PartyKind::Email, "sandbox.user@example.com");
        assert_eq!(catalogue.party(&email_user).unwrap().party_id, 5_500_001);
        assert!(catalogue.party(&org("314987128")).unwrap().is_deleted);
    }

    #[test]
    fn missing_ids_are_derived_and_differ() {
        let catalogue = Catalogue::builtin().unwrap();
        let uuids: HashSet<Uuid> = catalogue.parties.values().map(|party| party.party_uuid).collect();
        let ids: HashSet<i32> = catalogue.parties.values().map(|party| party.party_id).collect();
        assert_eq!((uuids.len(), ids.len()), (catalogue.parties.len(), catalogue.parties.len()));

        let small = with("").unwrap();
        let party = small.party(&person("08844397713")).unwrap();
        assert_eq!(party.party_uuid, derived_uuid(&person("08844397713")));
        assert_eq!(party.party_uuid.get_version_num(), 5);
        assert!((50_000_000..60_000_000).contains(&party.party_id));
        assert_eq!(small.party(&org("315010195")).unwrap().party_id, 77);

        let mut taken = HashSet::from([59_999_999, 50_000_000]);
        assert_eq!(free_id(59_999_999, &mut taken), 50_000_001);
    }

    #[test]
    fn json_has_the_same_keys() {
        let value: toml::Value = toml::from_str(SMALL).unwrap();
        let catalogue = Catalogue::from_json(&serde_json::to_string(&value).unwrap()).unwrap();
        assert_eq!(catalogue.resources(), with("").unwrap().resources());
        assert_eq!(catalogue.role("urn:altinn:rolecode:dagl").unwrap().name["en"], "General manager");
    }

    #[test]
    fn files_are_read_by_their_extension() {
        let folder = std::env::temp_dir().join(format!("catalogue-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (toml, json) = (folder.join("a.toml"), folder.join("a.JSON"));
        std::fs::write(&toml, SMALL).unwrap();
        std::fs::write(&json, "{}").unwrap();
        assert_eq!(Catalogue::load(&toml).unwrap().resources().len(), 1);
        assert_eq!(Catalogue::load(&json).unwrap().resources().len(), 0);
        let missing = Catalogue::load(&folder.join("b.toml")).unwrap_err();
        assert!(matches!(missing, CatalogueError::Unreadable { .. }));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let resource = with("").unwrap().resources().remove(0);
        assert_eq!(
            resource,
            ServiceResource {
                id: "svc".into(),
                owner_number: "991825827".into(),
                owner_code: "ttd".into(),
                resource_type: "altinnapp".into(),
                minimum_level: None,
                delegable: true,
                status: "active".into(),
                title: LocalizedTexts::from([("nb".into(), "Tjeneste".into())]),
            }
        );
    }

    #[test]
    fn malformed_files_are_refused() {
        for (text, expected) in [
            ("nonsense", "line 1: "),
            (
                "\n[[person]]\nnumber = \"08844397713\"\nname = \"A\"\ncolour = 1",
                "line 5: unknown field `colour`",
            ),
            ("[[person]]\nname = \"A\"", "line 1: missing field `number`"),
            ("\n[[org]]\nnumber = 991825827", "line 3: invalid type: integer `…`, expected a string"),
            ("[[system_user]]\nid = \"x\"\norg = \"\"\nname = \"\"", "line 2: UUID parsing failed"),
        ] {
            let Err(CatalogueError::Malformed(reason)) = Catalogue::from_toml(text) else {
                panic!("{text} was not refused as malformed")
            };
            assert!(reason.starts_with(expected), "{reason}");
        }
        let Err(CatalogueError::Malformed(reason)) = Catalogue::from_json(r#"{"person": 13838599936}"#)
        else {
            panic!("JSON of the wrong shape was accepted")
        };
        assert!(reason.starts_with("invalid type: integer `…`"), "{reason}");
    }

    #[test]
    fn all_inconsistencies_are_reported_together_and_name_no_person() {
        let text = r#"
            profile = "moon"
            [[person]]
            number = "08844397714"
            name = "A"
            [[email_user]]
            email = "a@example.com"
            [[grant]]
            user = "person:08844397713"
            party = "email:b@example.com"
            instances = [{ resource = "svc", ref = "urn:altinn:instance-id:0/1" }]
        "#;
        let error = Catalogue::from_toml(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the catalogue does not fit together:\n\
             - profile: must be one of at21, at22, at23, at24, tt02, yt01, none\n\
             - person 1 (A): the number has wrong check digits (or set allow_invalid = true)\n\
             - role priv: is missing; people act for themselves with it\n\
             - grant 1: the user person:… is no person, systemuser or email of the catalogue\n\
             - grant 1: the party email:… is no person, org, email or legacy user of the catalogue\n\
             - grant 1: the resource svc is not in the catalogue\n\
             - grant 1: urn:altinn:instance-id:0/1 does not refer to an instance"
        );
    }

    #[test]
    fn debug_output_hides_the_numbers() {
        assert!(!format!("{:?}", with("").unwrap()).contains("08844397713"));
    }

    #[test]
    fn parties_are_generated_on_request() {
        let catalogue = with("[[generate]]\nuser = \"person:08844397713\"\nparties = 2000").unwrap();
        let user = person("08844397713");
        let parties = catalogue.represented(&user);
        assert_eq!(parties.len(), 2_001);
        assert_eq!(parties.iter().map(|party| party.party_id).collect::<HashSet<_>>().len(), 2_001);
        for party in &parties[..2_000] {
            assert!(PartyUrn::parse(party.party.as_str()).is_some(), "{:?}", party.party.as_str());
            assert_eq!(party.roles, ["dagl"]);
        }
        assert!(catalogue.access(&user, &parties[1_999].party).is_some());
    }

    #[test]
    fn unknown_numbers_are_made_up_only_on_request() {
        let (stranger, company) = (person("13838599936"), org("310010693"));
        let strict = with("").unwrap();
        assert_eq!(strict.party(&stranger), None);
        assert!(strict.represented(&stranger).is_empty());

        let lenient = Catalogue::from_toml(&format!("synthesise_unknown = true\n{SMALL}")).unwrap();
        let named = |urn| lenient.party(urn).unwrap().name.clone();
        assert_eq!(named(&stranger), named(&stranger));
        assert!(named(&company).ends_with(" AS"));
        let own = lenient.represented(&stranger).into_owned();
        assert_eq!((own.len(), &own[0].party, own[0].roles.as_slice()), (1, &stranger, &["priv".into()][..]));
        assert_eq!(lenient.access(&stranger, &stranger).as_deref(), Some(&own[0]));
        assert_eq!(lenient.access(&stranger, &company), None);
        assert!(lenient.represented(&company).is_empty());
        assert_eq!(lenient.party(&PartyUrn::of(PartyKind::Email, "b@example.com")), None);
        assert_eq!(named(&person("08844397713")), "ROMANTISK LITTERATUR");
    }

    #[test]
    fn a_known_person_without_self_grant_is_not_made_up() {
        let text = format!(
            "synthesise_unknown = true\n{SMALL}\n[[person]]\nnumber = \"13838599936\"\nname = \"B\"\nself_grant = false"
        );
        let catalogue = Catalogue::from_toml(&text).unwrap();
        assert!(catalogue.represented(&person("13838599936")).is_empty());
    }

    #[test]
    fn grants_add_up_and_reach_sub_units_only_by_role_and_package() {
        let catalogue = with(
            r#"
            [[grant]]
            user = "email:a@example.com"
            party = "org:310923044"
            roles = ["dagl"]

            [[grant]]
            user = "email:a@example.com"
            party = "org:310923044"
            roles = ["dagl"]
            packages = ["post"]
            resources = ["svc"]
            include_subunits = true

            [[grant]]
            user = "email:A@example.com"
            party = "legacy:Leif"
            resources = ["svc"]

            [[grant]]
            user = "systemuser:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"
            party = "org:310923044"
            resources = ["svc"]
            include_subunits = true
            "#,
        )
        .unwrap();
        let parties = catalogue.represented(&PartyUrn::of(PartyKind::Email, "a@example.com")).into_owned();
        let ids: Vec<_> = parties.iter().map(|party| party.party.id()).collect();
        assert_eq!(ids, ["310923044", "a@example.com", "leif"]);
        let (company, unit) = (&parties[0], &parties[0].sub_parties[0]);
        assert_eq!((company.roles.len(), company.access_packages.len(), company.resources.len()), (1, 1, 1));
        assert_eq!((unit.roles.len(), unit.access_packages.len(), unit.resources.len()), (1, 1, 0));

        let system_user = PartyUrn::of(PartyKind::SystemUser, "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364");
        let parties = catalogue.represented(&system_user).into_owned();
        assert_eq!((parties.len(), parties[0].sub_parties.len()), (1, 0));
    }
}
