//! What the service needs to know from the national platform, each question behind a trait.
//!
//! The sandbox answers from its catalogue; in production the HTTP clients in this module do. Nothing
//! outside these two can tell which one runs.

mod access_management;
mod authorization;
mod circuit;
mod client;
mod credentials;
mod issuers;
pub mod production;
mod register;
pub(crate) mod remembered;
mod remembering;
mod resource_registry;
pub(crate) mod rsa;
pub(crate) mod xacml;

/// Shapes that the sandbox's platform answers with.
pub(crate) mod wire {
    pub(crate) use super::access_management::{WireInstance, WireParty};
}

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::dialog::party::{PartyKind, PartyUrn};
use crate::timestamp::Timestamp;

pub use issuers::HttpIssuers;

/// Texts by lower-case language code.
pub type LocalizedTexts = BTreeMap<String, String>;

/// The platform did not answer, or not sensibly. Never taken for a decision.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} {}: {reason}", if *is_unavailable { "does not answer" } else { "gave no usable answer" })]
pub struct PlatformFailure {
    /// Which API of the platform.
    pub service: &'static str,
    /// What happened, without secrets or identity numbers.
    pub reason: String,
    /// Whether there was no answer at all, so that trying again later may help.
    pub is_unavailable: bool,
}

impl PlatformFailure {
    /// There was no answer in time.
    pub fn unavailable(service: &'static str, reason: impl Into<String>) -> Self {
        Self { service, reason: reason.into(), is_unavailable: true }
    }

    /// There was an answer, and it is of no use.
    pub fn unusable(service: &'static str, reason: impl Into<String>) -> Self {
        Self { service, reason: reason.into(), is_unavailable: false }
    }
}

/// The catalogue of services and who owns them.
#[async_trait]
pub trait ResourceRegistry: Send + Sync {
    /// All resources of the supported types.
    async fn resources(&self) -> Result<Vec<ListedResource>, PlatformFailure>;

    /// The least authentication level that the resource's policy demands; `None` when it says nothing
    /// or there is no policy.
    async fn minimum_level(&self, resource: &str) -> Result<Option<u8>, PlatformFailure>;

    /// What has changed after `since`, or all there is, about which roles and access packages give
    /// access to which resources; in the order in which it happened.
    async fn subject_resources(
        &self,
        since: Option<Timestamp>,
    ) -> Result<Vec<SubjectResource>, PlatformFailure>;

    /// The organisations that own services, as the platform presents them.
    async fn service_owners(&self) -> Result<Vec<ServiceOwner>, PlatformFailure>;

    /// Where the platform describes the resource with this id, for links in answers.
    fn description_url(&self, resource: &str) -> String;
}

/// A resource as the registry lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedResource {
    /// The resource; its level is set only if `has_level`.
    pub resource: ServiceResource,
    /// Whether the list tells the level. Otherwise it is asked for, one resource at a time.
    pub has_level: bool,
}

/// That holders of a role or access package may read a resource, or no longer may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectResource {
    /// `urn:altinn:rolecode:…` or `urn:altinn:accesspackage:…`, in lower case.
    pub subject: String,
    /// Lower-case id of the resource.
    pub resource: String,
    /// When it became so.
    pub updated_at: Timestamp,
    /// Whether they no longer may.
    pub is_deleted: bool,
}

/// An organisation that owns services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOwner {
    /// Its number.
    pub number: String,
    /// Its lower-case short code, such as `ttd`.
    pub code: String,
    /// Names.
    pub name: LocalizedTexts,
}

/// One service of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceResource {
    /// Lower-case id, without `urn:altinn:resource:`.
    pub id: String,
    /// Number of the organisation that owns it.
    pub owner_number: String,
    /// Lower-case short code of that organisation, such as `ttd`.
    pub owner_code: String,
    /// Lower-case type, such as `genericaccessresource`.
    pub resource_type: String,
    /// Least authentication level its policy demands; `None` when the policy says nothing.
    pub minimum_level: Option<u8>,
    /// Whether access to it can be given on.
    pub delegable: bool,
    /// Lower-case state, such as `active`.
    pub status: String,
    /// Names.
    pub title: LocalizedTexts,
}

/// Decides single questions of the form "may this user do this to that".
#[async_trait]
pub trait PolicyDecisionPoint: Send + Sync {
    /// One answer for each of `questions`, in their order; `true` only for an explicit permit.
    async fn decide(
        &self,
        about: &DecisionSubject,
        questions: &[ActionAttribute],
    ) -> Result<Vec<bool>, PlatformFailure>;
}

/// Who asks, and on which dialog. All that an answer depends on, besides the questions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecisionSubject {
    /// The user.
    pub user: PartyUrn,
    /// The user in the platform's registers, as far as the user's own token tells.
    pub platform_ids: PlatformIds,
    /// The dialog's party.
    pub party: PartyUrn,
    /// The dialog's resource id, without `urn:altinn:resource:`.
    pub resource: String,
    /// Reference of the instance behind the dialog: `urn:altinn:instance-id:…`,
    /// `urn:altinn:correspondence-id:…` or `urn:altinn:dialog-id:…`.
    pub instance: String,
}

/// Ids of somebody in the platform's registers (claims `urn:altinn:…`).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PlatformIds {
    /// `urn:altinn:userid`
    pub user_id: Option<i64>,
    /// `urn:altinn:partyid`
    pub party_id: Option<i64>,
    /// `urn:altinn:party:uuid`
    pub party_uuid: Option<Uuid>,
}

/// Shows nothing: these ids identify people.
impl fmt::Debug for PlatformIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlatformIds(…)")
    }
}

/// An action on a part of a resource. The whole resource is the attribute `main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ActionAttribute {
    /// Name of the action in the policy, such as `read`.
    pub action: String,
    /// `main`, or an authorization attribute as the service owner wrote it.
    pub attribute: String,
}

/// Tells whom a user can represent.
#[async_trait]
pub trait AccessManagement: Send + Sync {
    /// All parties of the user, or those of `filter` when it is not empty, with what each gives.
    async fn authorized_parties(
        &self,
        user: &PartyUrn,
        filter: &[PartyUrn],
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure>;

    /// All parties of the user, in the platform's order, without what they give: neither roles nor
    /// packages, resources or instances.
    async fn parties(&self, user: &PartyUrn) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        let mut parties = self.authorized_parties(user, &[]).await?;
        parties.iter_mut().for_each(AuthorizedParty::drop_rights);
        Ok(parties)
    }

    /// The roles and access packages that there are.
    async fn access_subjects(&self) -> Result<Vec<AccessSubject>, PlatformFailure>;
}

/// A role or an access package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessSubject {
    /// Lower-case `urn:altinn:rolecode:…` or `urn:altinn:accesspackage:…`.
    pub urn: String,
    /// Names.
    pub name: LocalizedTexts,
    /// Where the platform describes it.
    pub description_url: String,
}

/// A party that a user can represent, and through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedParty {
    /// The party.
    pub party: PartyUrn,
    /// Its id in the platform's party register.
    pub party_uuid: Uuid,
    /// Its older, numeric id.
    pub party_id: i32,
    /// Its name as the register writes it.
    pub name: String,
    /// `YYYY-MM-DD`, persons only.
    pub date_of_birth: Option<String>,
    /// Whether it no longer exists.
    pub is_deleted: bool,
    /// Whether it is listed only because of its sub-units.
    pub only_hierarchy_element: bool,
    /// Lower-case role codes, such as `dagl`.
    pub roles: Vec<String>,
    /// Names of access packages, without `urn:altinn:accesspackage:`.
    pub access_packages: Vec<String>,
    /// Ids of resources given directly.
    pub resources: Vec<String>,
    /// Single instances given.
    pub instances: Vec<AuthorizedInstance>,
    /// Sub-units, one level deep.
    pub sub_parties: Vec<AuthorizedParty>,
}

impl AuthorizedParty {
    /// Roles that make somebody responsible for an organisation.
    const KEY_ROLES: [&str; 6] = ["dagl", "lede", "innh", "dtpr", "dtso", "best"];

    /// Whether the user is responsible for the organisation, as its general manager, say.
    #[must_use]
    pub fn has_key_role(&self) -> bool {
        Self::KEY_ROLES.iter().any(|role| self.has_role(role))
    }

    /// Whether the user administers everything of the party.
    #[must_use]
    pub fn is_main_administrator(&self) -> bool {
        self.has_role("hadm")
    }

    /// Whether the user gives access to others.
    #[must_use]
    pub fn is_access_manager(&self) -> bool {
        self.has_role("admai")
    }

    fn has_role(&self, code: &str) -> bool {
        self.roles.iter().any(|role| role == code)
    }

    /// Leaves who it is, and its sub-units.
    fn drop_rights(&mut self) {
        self.roles.clear();
        self.access_packages.clear();
        self.resources.clear();
        self.instances.clear();
        self.sub_parties.iter_mut().for_each(Self::drop_rights);
    }
}

/// A single instance that was given to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedInstance {
    /// Id of the resource it belongs to.
    pub resource: String,
    /// Lower-case reference, such as `urn:altinn:dialog-id:…`.
    pub reference: String,
}

/// Looks up the names of people, organisations and system users.
#[async_trait]
pub trait PartyNames: Send + Sync {
    /// The name as it is shown for an actor, or `None` where nobody has this identifier.
    async fn name(&self, party: &PartyUrn) -> Result<Option<String>, PlatformFailure>;
}

/// The name that follows from the identifier itself, for those that no register knows.
pub(crate) fn name_of_its_own(party: &PartyUrn) -> Option<String> {
    match party.kind() {
        PartyKind::Email | PartyKind::LegacySelfIdentified => Some(party.id().to_owned()),
        PartyKind::Feide => Some(format!("Feide-bruker {}", party.id().chars().take(6).collect::<String>())),
        PartyKind::Person | PartyKind::Organization | PartyKind::SystemUser => None,
    }
}

/// "First Middle Last" as "Last First Middle".
pub(crate) fn family_name_first(name: &str) -> String {
    let name = name.trim();
    match name.rsplit_once(char::is_whitespace) {
        Some((given, family)) => format!("{family} {}", given.trim_end()),
        None => name.to_owned(),
    }
}

/// Somebody who issues access tokens tells its identifier and its keys.
#[async_trait]
pub trait IssuerDocuments: Send + Sync {
    /// What the metadata at `url` (`OpenID` Connect Discovery 1.0 or RFC 8414) and the key set to which
    /// it points say now.
    async fn fetch(&self, url: &str) -> Result<IssuerDocument, PlatformFailure>;
}

/// What an issuer of access tokens says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerDocument {
    /// Its identifier, the claim `iss` of its tokens.
    pub issuer: String,
    /// Its keys, as a JWK set (RFC 7517).
    pub keys: serde_json::Value,
}

/// Everything the service asks of the platform.
#[derive(Clone)]
pub struct Platform {
    /// Services and owners.
    pub resources: Arc<dyn ResourceRegistry>,
    /// Decisions.
    pub decisions: Arc<dyn PolicyDecisionPoint>,
    /// Representation.
    pub access_management: Arc<dyn AccessManagement>,
    /// Names.
    pub names: Arc<dyn PartyNames>,
}
