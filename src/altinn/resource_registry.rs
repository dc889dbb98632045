//! The platform's catalogue of services: which there are, who may read them, and how strong a login
//! they demand.

use std::collections::BTreeMap;

use async_trait::async_trait;
use percent_encoding::utf8_percent_encode;
use roxmltree::Document;
use serde::Deserialize;

use super::client::{PlatformApi, RESERVED};
use super::{
    ListedResource, LocalizedTexts, PlatformFailure, ResourceRegistry, ServiceOwner, ServiceResource,
    SubjectResource,
};
use crate::timestamp::Timestamp;

/// Types of resources on which there can be dialogs, in lower case.
const TYPES: [&str; 4] = ["genericaccessresource", "altinnapp", "migratedapp", "correspondenceservice"];

/// How many changes are asked for at a time.
const BATCH: usize = 1000;

/// Batches of changes at most; more than there can be resources and roles.
const MOST_BATCHES: usize = 10_000;

const RESOURCE_PREFIX: &str = "urn:altinn:resource:";

pub(super) struct HttpResourceRegistry {
    pub api: PlatformApi,
    /// Where the public list of service owners is.
    pub organizations: PlatformApi,
    /// Base address of links, without a slash at its end.
    pub base_url: String,
}

#[derive(Deserialize)]
struct Organizations {
    orgs: BTreeMap<String, Organization>,
}

#[derive(Deserialize)]
struct Organization {
    #[serde(default)]
    name: LocalizedTexts,
    orgnr: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    identifier: Option<String>,
    has_competent_authority: Option<Authority>,
    resource_type: Option<String>,
    #[serde(default)]
    delegable: bool,
    status: Option<String>,
    title: Option<LocalizedTexts>,
}

#[derive(Deserialize)]
struct Authority {
    organization: Option<String>,
    orgcode: Option<String>,
}

#[derive(Deserialize)]
struct Changes {
    links: Option<Links>,
    data: Vec<Change>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    subject_urn: String,
    resource_urn: String,
    updated_at: Timestamp,
    #[serde(default)]
    deleted: bool,
}

#[async_trait]
impl ResourceRegistry for HttpResourceRegistry {
    async fn resources(&self) -> Result<Vec<ListedResource>, PlatformFailure> {
        let path = "resourceregistry/api/v1/resource/resourcelist?includeMigratedApps=true";
        let url = self.api.url(path)?;
        let listed: Vec<Listed> = self.api.json(|http| http.get(url.clone())).await?;
        Ok(listed.into_iter().filter_map(Listed::read).collect())
    }

    async fn minimum_level(&self, resource: &str) -> Result<Option<u8>, PlatformFailure> {
        let id = utf8_percent_encode(resource, RESERVED);
        let url = self.api.url(&format!("resourceregistry/api/v1/resource/{id}/policy"))?;
        let Some(policy) = self.api.bytes(|http| http.get(url.clone())).await? else {
            return Ok(None);
        };
        str::from_utf8(&policy)
            .ok()
            .and_then(minimum_level)
            .ok_or_else(|| self.api.unusable(format!("the policy of {resource} cannot be read")))
    }

    async fn subject_resources(
        &self,
        since: Option<Timestamp>,
    ) -> Result<Vec<SubjectResource>, PlatformFailure> {
        let since = since.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |since| since.to_string());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("since", &since)
            .append_pair("limit", &BATCH.to_string())
            .finish();
        let mut url = self.api.url(&format!("resourceregistry/api/v1/resource/updated?{query}"))?;
        let mut changes = Vec::new();
        for _ in 0..MOST_BATCHES {
            let batch: Changes = self.api.json(|http| http.get(url.clone())).await?;
            let is_last = batch.data.is_empty();
            changes.extend(batch.data.into_iter().filter_map(Change::read));
            let next = batch.links.and_then(|links| links.next).filter(|_| !is_last);
            let Some(next) = next else { return Ok(changes) };
            // Only what to ask next is taken from it, never whom.
            let query = next.split_once('?').map(|(_, query)| query.to_owned());
            if url.query() == query.as_deref() {
                return Err(self.api.unusable("the link to the next page leads to the same page"));
            }
            url.set_query(query.as_deref());
        }
        Err(self.api.unusable("there is no end to the changes"))
    }

    async fn service_owners(&self) -> Result<Vec<ServiceOwner>, PlatformFailure> {
        let url = self.organizations.url("orgs/altinn-orgs.json")?;
        let listed: Organizations = self.organizations.json(|http| http.get(url.clone())).await?;
        let owner = |(code, organization): (String, Organization)| {
            let number = organization.orgnr.filter(|number| !number.trim().is_empty())?;
            Some(ServiceOwner { number, code: code.to_lowercase(), name: organization.name })
        };
        Ok(listed.orgs.into_iter().filter_map(owner).collect())
    }

    fn description_url(&self, resource: &str) -> String {
        let id = utf8_percent_encode(resource, RESERVED);
        format!("{}/resourceregistry/api/v1/resource/{id}", self.base_url)
    }
}

impl Listed {
    fn read(self) -> Option<ListedResource> {
        let authority = self.has_competent_authority?;
        let filled = |text: Option<String>| {
            text.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty())
        };
        let resource_type = filled(self.resource_type).filter(|kind| TYPES.contains(&kind.as_str()))?;
        let title = self.title.unwrap_or_default().into_iter();
        let title = title
            .map(|(language, text)| (language.trim().to_lowercase(), text))
            .filter(|(language, text)| !language.is_empty() && !text.trim().is_empty());
        let resource = ServiceResource {
            id: filled(self.identifier)?,
            owner_number: filled(authority.organization)?,
            owner_code: filled(authority.orgcode)?,
            resource_type,
            minimum_level: None,
            delegable: self.delegable,
            status: filled(self.status).unwrap_or_default(),
            title: title.collect(),
        };
        Some(ListedResource { resource, has_level: false })
    }
}

impl Change {
    /// `None` for what is not about a resource by its id.
    fn read(self) -> Option<SubjectResource> {
        let clean = |urn: String| -> String {
            urn.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
        };
        Some(SubjectResource {
            subject: clean(self.subject_urn),
            resource: clean(self.resource_urn).strip_prefix(RESOURCE_PREFIX)?.to_owned(),
            updated_at: self.updated_at,
            is_deleted: self.deleted,
        })
    }
}

/// The highest level that an obligation of a policy (XACML 3.0) demands; `None` if it is no policy.
#[expect(clippy::option_option, reason = "whether it can be read, and what it says")]
fn minimum_level(policy: &str) -> Option<Option<u8>> {
    let document = Document::parse(policy).ok()?;
    let is_policy = matches!(document.root_element().tag_name().name(), "Policy" | "PolicySet");
    let levels = document
        .descendants()
        .filter(|node| node.tag_name().name() == "AttributeAssignmentExpression")
        .filter(|node| node.attribute("Category") == Some("urn:altinn:minimum-authenticationlevel"))
        .flat_map(|assignment| assignment.descendants())
        .filter(|node| node.tag_name().name() == "AttributeValue")
        .filter_map(|value| value.text()?.trim().parse::<u8>().ok());
    is_policy.then(|| levels.max())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use reqwest::Url;

    use super::*;
    use crate::altinn::client::Connection;

    #[test]
    fn levels_are_found_in_any_obligation() {
        let policy = |obligations: &str| {
            format!(
                r#"<xacml:Policy xmlns:xacml="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="x">
                     <xacml:Rule Effect="Permit" RuleId="1"/>
                     <xacml:ObligationExpressions>{obligations}</xacml:ObligationExpressions>
                   </xacml:Policy>"#
            )
        };
        let obligation = |category: &str, level: &str| {
            format!(
                r#"<xacml:ObligationExpression FulfillOn="Permit" ObligationId="x">
                     <xacml:AttributeAssignmentExpression AttributeId="x" Category="{category}">
                       <xacml:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer"> {level} </xacml:AttributeValue>
                     </xacml:AttributeAssignmentExpression>
                   </xacml:ObligationExpression>"#
            )
        };
        let level = |level| obligation("urn:altinn:minimum-authenticationlevel", level);
        let org = obligation("urn:altinn:minimum-authenticationlevel-org", "4");
        for (text, expected) in [
            (policy(&level("2")), Some(Some(2))),
            (policy(&format!("{org}{}", level("3"))), Some(Some(3))),
            (policy(&format!("{}{}", level("2"), level("4"))), Some(Some(4))),
            (policy(&org), Some(None)),
            (policy(&level("high")), Some(None)),
            (policy(""), Some(None)),
            ("<html><body/></html>".to_owned(), None),
            ("{}".to_owned(), None),
            (r#"<!DOCTYPE a [<!ENTITY b "c">]><Policy>&b;</Policy>"#.to_owned(), None),
        ] {
            assert_eq!(minimum_level(&text), expected, "{text}");
        }
    }

    #[test]
    fn resources_without_an_owner_or_of_other_types_are_passed_over() {
        let listed = serde_json::json!([
            {
                "identifier": "Some-Service", "resourceType": "GenericAccessResource", "delegable": true,
                "hasCompetentAuthority": { "organization": "991825827", "orgcode": "TTD", "name": {} },
                "status": "Active", "title": { " NB ": "Tjeneste", "en": " ", "": "x" },
            },
            { "identifier": "a", "resourceType": "MaskinportenSchema",
              "hasCompetentAuthority": { "organization": "991825827", "orgcode": "ttd" } },
            { "identifier": "b", "resourceType": "AltinnApp",
              "hasCompetentAuthority": { "organization": " ", "orgcode": "ttd" } },
            { "identifier": "c", "resourceType": "AltinnApp", "hasCompetentAuthority": null },
        ]);
        let listed: Vec<Listed> = serde_json::from_value(listed).unwrap();
        let resources: Vec<_> = listed.into_iter().filter_map(Listed::read).collect();
        let expected = ServiceResource {
            id: "some-service".into(),
            owner_number: "991825827".into(),
            owner_code: "ttd".into(),
            resource_type: "genericaccessresource".into(),
            minimum_level: None,
            delegable: true,
            status: "active".into(),
            title: LocalizedTexts::from([("nb".into(), "Tjeneste".into())]),
        };
        assert_eq!(resources, [ListedResource { resource: expected, has_level: false }]);
    }

    #[tokio::test]
    async fn pages_of_changes_are_followed_on_the_same_host_only() {
        let change = |name: &str, deleted: bool| {
            serde_json::json!({
                "subjectUrn": format!("urn:altinn:rolecode: {name}"),
                "resourceUrn": "urn:altinn:resource:Some-Service",
                "updatedAt": "2026-01-01T00:00:00.123456+01:00",
                "deleted": deleted,
            })
        };
        let page = move |target: &str| {
            let (data, next) = if target.contains("?since=") {
                // Whom to ask next is not for the answer to say.
                (vec![change("DAGL", false)], Some("https://elsewhere.example/other/path?page=2"))
            } else if target.ends_with("/resource/updated?page=2") {
                (vec![change("priv", true)], Some("?page=3"))
            } else {
                (Vec::new(), Some("?page=4"))
            };
            serde_json::json!({ "links": { "next": next }, "data": data }).to_string()
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming().take(3) {
                let mut connection = connection.unwrap();
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let first = lines.next().unwrap();
                lines.find(String::is_empty);
                let body = page(first.split(' ').nth(1).unwrap());
                let length = body.len();
                write!(
                    connection,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        let connection = Connection::new(Duration::from_secs(5)).unwrap();
        let api = || PlatformApi::new("test", connection.clone(), base.clone(), None);
        let registry =
            HttpResourceRegistry { api: api(), organizations: api(), base_url: base.as_str().to_owned() };
        let changes = registry.subject_resources(None).await.unwrap();
        let found: Vec<_> = changes
            .iter()
            .map(|change| (change.subject.as_str(), change.resource.as_str(), change.is_deleted))
            .collect();
        assert_eq!(
            found,
            [
                ("urn:altinn:rolecode:dagl", "some-service", false),
                ("urn:altinn:rolecode:priv", "some-service", true),
            ]
        );
    }
}
