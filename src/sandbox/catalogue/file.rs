//! The catalogue as it is written down: the shape of the file, and nothing derived.

use std::collections::HashSet;

use serde::Deserialize;
use uuid::Uuid;

use super::TokenGenerator;
use crate::altinn::LocalizedTexts;
use crate::dialog::party::{PartyKind, PartyUrn, is_organization_number};

/// Prefix of the URNs of roles.
pub(super) const ROLE_PREFIX: &str = "urn:altinn:rolecode:";
/// Prefix of the URNs of access packages.
pub(super) const PACKAGE_PREFIX: &str = "urn:altinn:accesspackage:";
/// The role that people have for themselves.
pub(super) const OWN_PERSON: &str = "priv";
/// Most parties that one `[[generate]]` makes.
pub(super) const MOST_GENERATED: u32 = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default = "default_profile")]
    pub profile: String,
    #[serde(default)]
    pub synthesise_unknown: bool,
    #[serde(default)]
    pub token_generator: TokenGenerator,
    #[serde(default, rename = "org")]
    pub organizations: Vec<Organization>,
    #[serde(default, rename = "person")]
    pub persons: Vec<Person>,
    #[serde(default, rename = "system_user")]
    pub system_users: Vec<SystemUser>,
    #[serde(default, rename = "email_user")]
    pub email_users: Vec<EmailUser>,
    #[serde(default, rename = "role")]
    pub roles: Vec<Role>,
    #[serde(default, rename = "access_package")]
    pub access_packages: Vec<AccessPackage>,
    #[serde(default, rename = "resource")]
    pub resources: Vec<Resource>,
    #[serde(default, rename = "grant")]
    pub grants: Vec<Grant>,
    #[serde(default, rename = "generate")]
    pub generators: Vec<Generate>,
}

impl File {
    /// Writes out what `[[generate]]` stands for: organisations, and a grant for each.
    pub fn expand(&mut self) {
        let taken: HashSet<String> = self.organizations.iter().map(|org| org.number.clone()).collect();
        let mut numbers = free_numbers(&taken);
        for generate in &self.generators {
            for (index, number) in (1..=generate.parties).zip(&mut numbers) {
                self.grants.push(Grant {
                    user: generate.user.clone(),
                    party: format!("org:{number}"),
                    roles: generate.roles.clone(),
                    packages: Vec::new(),
                    resources: Vec::new(),
                    instances: Vec::new(),
                    include_subunits: false,
                });
                self.organizations.push(Organization::generated(number, index));
            }
        }
    }
}

/// Valid organisation numbers that are not `taken`, in growing order.
fn free_numbers(taken: &HashSet<String>) -> impl Iterator<Item = String> {
    (20_000_000..100_000_000_u32)
        .filter_map(|stem| {
            (0..10).map(|digit| format!("{stem}{digit}")).find(|number| is_organization_number(number))
        })
        .filter(|number| !taken.contains(number))
}

/// Reads `person:…`, `org:…`, `systemuser:…`, `email:…` or `legacy:…`. The id is not checked:
/// whether it exists is for the caller to find out.
pub(super) fn reference(text: &str) -> Option<PartyUrn> {
    let (kind, id) = text.split_once(':')?;
    let kind = match kind {
        "person" => PartyKind::Person,
        "org" => PartyKind::Organization,
        "systemuser" => PartyKind::SystemUser,
        "email" => PartyKind::Email,
        "legacy" => PartyKind::LegacySelfIdentified,
        _ => return None,
    };
    Some(PartyUrn::of(kind, id))
}

fn default_profile() -> String {
    "at23".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Organization {
    pub number: String,
    pub code: Option<String>,
    pub name: LocalizedTexts,
    #[serde(default)]
    pub service_owner: bool,
    pub party_id: Option<i32>,
    pub party_uuid: Option<Uuid>,
    #[serde(default)]
    pub subunits: Vec<String>,
    #[serde(default)]
    pub deleted: bool,
    #[serde(default)]
    pub allow_invalid: bool,
}

impl Organization {
    pub fn urn(&self) -> PartyUrn {
        organization(&self.number)
    }

    fn generated(number: String, index: u32) -> Self {
        Self {
            number,
            code: None,
            name: LocalizedTexts::from([("nb".to_owned(), format!("GENERERT VIRKSOMHET {index} AS"))]),
            service_owner: false,
            party_id: None,
            party_uuid: None,
            subunits: Vec::new(),
            deleted: false,
            allow_invalid: false,
        }
    }
}

/// The organisation with this number.
pub(super) fn organization(number: &str) -> PartyUrn {
    PartyUrn::of(PartyKind::Organization, number)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub number: String,
    /// In the order of the register: family name last.
    pub name: String,
    /// `YYYY-MM-DD`.
    pub born: Option<String>,
    pub party_id: Option<i32>,
    pub party_uuid: Option<Uuid>,
    #[serde(default = "yes")]
    pub self_grant: bool,
    #[serde(default)]
    pub allow_invalid: bool,
}

impl Person {
    pub fn urn(&self) -> PartyUrn {
        PartyUrn::of(PartyKind::Person, &self.number)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SystemUser {
    pub id: Uuid,
    pub org: String,
    pub name: String,
}

impl SystemUser {
    pub fn urn(&self) -> PartyUrn {
        PartyUrn::of(PartyKind::SystemUser, &self.id.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailUser {
    pub email: String,
    pub party_id: Option<i32>,
    pub party_uuid: Option<Uuid>,
    #[serde(default = "yes")]
    pub self_grant: bool,
}

impl EmailUser {
    pub fn urn(&self) -> PartyUrn {
        PartyUrn::of(PartyKind::Email, &self.email)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub code: String,
    pub urn: String,
    pub id: Uuid,
    pub name: LocalizedTexts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessPackage {
    pub urn: String,
    pub name: LocalizedTexts,
}

impl AccessPackage {
    /// What rules and grants call it.
    pub fn short_name(&self) -> &str {
        self.urn.strip_prefix(PACKAGE_PREFIX).unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    pub id: String,
    pub owner: String,
    pub org_code: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub min_level: Option<u8>,
    #[serde(default = "yes")]
    pub delegable: bool,
    #[serde(default = "active")]
    pub status: String,
    pub title: LocalizedTexts,
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

fn active() -> String {
    "Active".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub subjects: Vec<String>,
    pub actions: Vec<String>,
    pub attributes: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub user: String,
    pub party: String,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub packages: Vec<String>,
    #[serde(default)]
    pub resources: Vec<String>,
    #[serde(default)]
    pub instances: Vec<Instance>,
    #[serde(default)]
    pub include_subunits: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Instance {
    pub resource: String,
    #[serde(rename = "ref")]
    pub reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generate {
    pub user: String,
    pub parties: u32,
    #[serde(default = "general_manager")]
    pub roles: Vec<String>,
}

fn general_manager() -> Vec<String> {
    vec!["dagl".to_owned()]
}
