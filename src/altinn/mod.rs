//! What the service needs to know from the national platform, each question behind a trait.
//!
//! The sandbox answers from its catalogue; in production HTTP clients of the platform's APIs do.
//! Nothing outside these two can tell which one runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::dialog::party::PartyUrn;

/// Texts by lower-case language code.
pub type LocalizedTexts = BTreeMap<String, String>;

/// The platform did not answer, or not sensibly. Never taken for a decision.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{service} did not answer: {reason}")]
pub struct PlatformFailure {
    /// Which API of the platform.
    pub service: &'static str,
    /// What happened, without secrets or identity numbers.
    pub reason: String,
}

/// The catalogue of services and who owns them.
#[async_trait]
pub trait ResourceRegistry: Send + Sync {
    /// All resources of the supported types.
    async fn resources(&self) -> Result<Vec<ServiceResource>, PlatformFailure>;

    /// Which roles and access packages give access to which resources: pairs of
    /// `urn:altinn:rolecode:…` or `urn:altinn:accesspackage:…`, and a resource id.
    async fn subject_resources(&self) -> Result<Vec<(String, String)>, PlatformFailure>;

    /// The organisations that own services, as the platform presents them.
    async fn service_owners(&self) -> Result<Vec<ServiceOwner>, PlatformFailure>;

    /// Where the platform describes the resource with this id, for links in answers.
    fn description_url(&self, resource: &str) -> String;
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Who asks, and on which dialog.
#[derive(Clone, Debug)]
pub struct DecisionSubject {
    /// The user.
    pub user: PartyUrn,
    /// The dialog's party.
    pub party: PartyUrn,
    /// The dialog's resource id, without `urn:altinn:resource:`.
    pub resource: String,
    /// Reference of the instance behind the dialog: `urn:altinn:instance-id:…`,
    /// `urn:altinn:correspondence-id:…` or `urn:altinn:dialog-id:…`.
    pub instance: String,
}

/// An action on a part of a resource. The whole resource is the attribute `main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
