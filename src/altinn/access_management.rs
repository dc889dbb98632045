//! Whom a user can represent, as Altinn Access Management tells it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use percent_encoding::utf8_percent_encode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::client::{PlatformApi, RESERVED};
use super::{
    AccessManagement, AccessSubject, AuthorizedInstance, AuthorizedParty, LocalizedTexts, PlatformFailure,
};
use crate::dialog::party::{PartyKind, PartyUrn};

const PARTIES: &str = "accessmanagement/api/v1/resourceowner/authorizedparties";

/// Languages in which roles and access packages have names.
const LANGUAGES: [&str; 3] = ["nb", "nn", "en"];

pub(super) struct HttpAccessManagement {
    pub api: PlatformApi,
    /// What is told to everybody.
    pub metadata: PlatformApi,
    /// Base address of links, without a slash at its end.
    pub base_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    id: Uuid,
    name: Option<String>,
    urn: Option<String>,
    legacy_role_code: Option<String>,
    legacy_urn: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    areas: Vec<Area>,
}

#[derive(Deserialize)]
struct Area {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    urn: String,
}

/// A party as it stands in answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireParty {
    pub name: Option<String>,
    pub organization_number: Option<String>,
    pub person_id: Option<String>,
    pub email_id: Option<String>,
    pub date_of_birth: Option<String>,
    pub party_id: i32,
    pub party_uuid: Uuid,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub is_deleted: bool,
    #[serde(default)]
    pub only_hierarchy_element_with_no_access: bool,
    pub authorized_access_packages: Option<Vec<String>>,
    pub authorized_roles: Option<Vec<String>>,
    pub authorized_resources: Option<Vec<String>>,
    pub authorized_instances: Option<Vec<WireInstance>>,
    pub subunits: Option<Vec<WireParty>>,
}

/// A single instance as it stands in answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireInstance {
    pub resource_id: String,
    pub instance_id: Option<String>,
    pub instance_ref: Option<String>,
}

#[async_trait]
impl AccessManagement for HttpAccessManagement {
    async fn authorized_parties(
        &self,
        user: &PartyUrn,
        filter: &[PartyUrn],
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        self.ask(user, filter, true).await
    }

    async fn parties(&self, user: &PartyUrn) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        self.ask(user, &[], false).await
    }

    async fn access_subjects(&self) -> Result<Vec<AccessSubject>, PlatformFailure> {
        let mut subjects: BTreeMap<String, AccessSubject> = BTreeMap::new();
        let mut name = |urn: String, description_url: String, language: &str, name: Option<String>| {
            let urn = urn.to_lowercase();
            let subject = subjects.entry(urn.clone()).or_insert_with(|| AccessSubject {
                urn,
                name: LocalizedTexts::new(),
                description_url,
            });
            subject.name.extend(name.map(|name| (language.to_owned(), name)));
        };
        let info = "accessmanagement/api/v1/meta/info";
        let links = format!("{}/{info}", self.base_url);
        for language in LANGUAGES {
            let roles: Vec<Role> = self.metadata(&format!("{info}/roles"), language).await?;
            for role in roles {
                // One role goes by several URNs.
                let code = role.legacy_role_code.map(|code| format!("urn:altinn:rolecode:{code}"));
                for urn in [role.urn, role.legacy_urn, code].into_iter().flatten() {
                    name(urn, format!("{links}/roles/{}", role.id), language, role.name.clone());
                }
            }
            let path = format!("{info}/accesspackages/export");
            let groups: Vec<Group> = self.metadata(&path, language).await?;
            let areas = groups.into_iter().flat_map(|group| group.areas);
            for package in areas.flat_map(|area| area.packages) {
                let urn = utf8_percent_encode(&package.urn, RESERVED);
                let link = format!("{links}/accesspackages/package/urn/{urn}");
                name(package.urn, link, language, package.name);
            }
        }
        Ok(subjects.into_values().collect())
    }
}

impl HttpAccessManagement {
    async fn ask(
        &self,
        user: &PartyUrn,
        filter: &[PartyUrn],
        with_rights: bool,
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        let url = self.api.url(&format!(
            "{PARTIES}?includeAltinn2=true&includeAccessPackages={with_rights}&includeRoles={with_rights}\
             &includeResources={with_rights}&includeInstances={with_rights}"
        ))?;
        // System users and e-mail users are asked for as a whole: the platform does not filter theirs.
        let is_filtered = !matches!(user.kind(), PartyKind::SystemUser | PartyKind::Email);
        let filter: Vec<_> = filter
            .iter()
            .filter(|_| is_filtered)
            .map(|party| json!({ "Type": party.kind().prefix(), "Value": party.id() }))
            .collect();
        let body = json!({ "type": user.kind().prefix(), "value": user.id(), "partyFilter": filter });
        let parties: Vec<WireParty> = self.api.json(|http| http.post(url.clone()).json(&body)).await?;
        Ok(parties.into_iter().filter_map(WireParty::read).collect())
    }

    async fn metadata<T: DeserializeOwned>(&self, path: &str, language: &str) -> Result<T, PlatformFailure> {
        let url = self.metadata.url(path)?;
        self.metadata.json(|http| http.get(url.clone()).header("accept-language", language)).await
    }
}

impl WireParty {
    /// The party; `None` for one of a kind that no dialog can belong to.
    fn read(self) -> Option<AuthorizedParty> {
        let party = match self.kind.as_str() {
            "Organization" => parse(PartyKind::Organization, self.organization_number.as_deref()?),
            "Person" => parse(PartyKind::Person, self.person_id.as_deref()?),
            "SelfIdentified" => match &self.email_id {
                Some(email) => parse(PartyKind::Email, email),
                None => parse(PartyKind::LegacySelfIdentified, self.name.as_deref()?),
            },
            _ => None,
        };
        let Some(party) = party else {
            tracing::warn!(kind = self.kind, "an authorised party is of a kind that is not known");
            return None;
        };
        let lower = |names: Option<Vec<String>>| -> Vec<String> {
            names.unwrap_or_default().into_iter().map(|name| name.to_lowercase()).collect()
        };
        let instance = |instance: WireInstance| {
            let reference = instance.instance_ref?.to_lowercase();
            Some(AuthorizedInstance { resource: instance.resource_id.to_lowercase(), reference })
        };
        Some(AuthorizedParty {
            party,
            party_uuid: self.party_uuid,
            party_id: self.party_id,
            name: self.name.unwrap_or_default(),
            date_of_birth: self.date_of_birth,
            is_deleted: self.is_deleted,
            only_hierarchy_element: self.only_hierarchy_element_with_no_access,
            roles: lower(self.authorized_roles),
            access_packages: lower(self.authorized_access_packages),
            resources: lower(self.authorized_resources),
            instances: self
                .authorized_instances
                .unwrap_or_default()
                .into_iter()
                .filter_map(instance)
                .collect(),
            sub_parties: self.subunits.unwrap_or_default().into_iter().filter_map(Self::read).collect(),
        })
    }
}

fn parse(kind: PartyKind, id: &str) -> Option<PartyUrn> {
    PartyUrn::parse(&format!("{}:{id}", kind.prefix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_all_their_forms() {
        let answer = json!([
            {
                "name": "ÆRLIG UROKKELIG TIGER AS", "organizationNumber": "310923044", "personId": null,
                "partyId": 51_267_836, "partyUuid": "3b3efe7f-8814-4d36-b0c3-dc754189c8e5",
                "type": "Organization", "isDeleted": false, "onlyHierarchyElementWithNoAccess": false,
                "authorizedAccessPackages": ["Post"], "authorizedRoles": ["DAGL"],
                "authorizedResources": ["Some-service"], "unknown": {},
                "authorizedInstances": [
                    { "resourceId": "app_ttd_x", "instanceId": "…", "instanceRef": "urn:altinn:instance-id:50/A" },
                    { "resourceId": "app_ttd_x", "instanceId": "…" },
                ],
                "subunits": [{
                    "name": "B", "organizationNumber": "315010195", "partyId": 2,
                    "partyUuid": "f0fff97e-82b3-448a-a173-acede13d4eaa", "type": "Organization",
                }],
            },
            { "name": "Leif", "partyId": 3, "partyUuid": "f0fff97e-82b3-448a-a173-acede13d4eab", "type": "SelfIdentified" },
            {
                "name": "x", "emailId": "A@b.no", "partyId": 4,
                "partyUuid": "f0fff97e-82b3-448a-a173-acede13d4eac", "type": "SelfIdentified",
            },
            { "name": "x", "partyId": 5, "partyUuid": "f0fff97e-82b3-448a-a173-acede13d4ead", "type": "New" },
            { "name": "x", "partyId": 6, "partyUuid": "f0fff97e-82b3-448a-a173-acede13d4eae", "type": "Person" },
        ]);
        let parties: Vec<WireParty> = serde_json::from_value(answer).unwrap();
        let parties: Vec<_> = parties.into_iter().filter_map(WireParty::read).collect();
        let urns: Vec<_> = parties.iter().map(|party| party.party.as_str()).collect();
        assert_eq!(
            urns,
            [
                "urn:altinn:organization:identifier-no:310923044",
                "urn:altinn:person:legacy-selfidentified:leif",
                "urn:altinn:person:idporten-email:a@b.no",
            ]
        );
        let company = &parties[0];
        assert_eq!(company.roles, ["dagl"]);
        assert_eq!(company.access_packages, ["post"]);
        assert_eq!(company.resources, ["some-service"]);
        assert_eq!(company.instances.len(), 1);
        assert_eq!(company.instances[0].reference, "urn:altinn:instance-id:50/a");
        assert_eq!(company.sub_parties[0].party.id(), "315010195");
    }
}
