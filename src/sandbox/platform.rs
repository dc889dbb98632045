//! The platform as the sandbox plays it: every answer comes from the catalogue.

use std::sync::Arc;

use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::catalogue::{Catalogue, LiveCatalogue, MAIN, Target};
use crate::altinn::{
    AccessManagement, AccessSubject, ActionAttribute, AuthorizedParty, DecisionSubject, ListedResource,
    PartyNames, Platform, PlatformFailure, PolicyDecisionPoint, ResourceRegistry, ServiceOwner,
    SubjectResource, family_name_first, name_of_its_own,
};
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::timestamp::Timestamp;

/// What is encoded in a URI's segment: all but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A platform that knows what `catalogue` says at the time, and never fails. Links to it begin with
/// `base_url`, which has no slash at its end.
pub fn platform(catalogue: Arc<LiveCatalogue>, base_url: &str) -> Platform {
    let sandbox = Arc::new(Sandbox { catalogue, base_url: base_url.to_owned() });
    Platform {
        resources: sandbox.clone(),
        decisions: sandbox.clone(),
        access_management: sandbox.clone(),
        names: sandbox,
    }
}

struct Sandbox {
    catalogue: Arc<LiveCatalogue>,
    base_url: String,
}

#[async_trait]
impl ResourceRegistry for Sandbox {
    async fn resources(&self) -> Result<Vec<ListedResource>, PlatformFailure> {
        let resources = self.catalogue.get().resources().into_iter();
        Ok(resources.map(|resource| ListedResource { resource, has_level: true }).collect())
    }

    async fn minimum_level(&self, resource: &str) -> Result<Option<u8>, PlatformFailure> {
        Ok(self.catalogue.get().resource(resource).and_then(|resource| resource.service.minimum_level))
    }

    async fn subject_resources(
        &self,
        since: Option<Timestamp>,
    ) -> Result<Vec<SubjectResource>, PlatformFailure> {
        Ok(self.catalogue.subject_resources(since))
    }

    async fn service_owners(&self) -> Result<Vec<ServiceOwner>, PlatformFailure> {
        Ok(self.catalogue.get().service_owners())
    }

    fn description_url(&self, resource: &str) -> String {
        format!("{}/resourceregistry/api/v1/resource/{resource}", self.base_url)
    }
}

#[async_trait]
impl PolicyDecisionPoint for Sandbox {
    async fn decide(
        &self,
        about: &DecisionSubject,
        questions: &[ActionAttribute],
    ) -> Result<Vec<bool>, PlatformFailure> {
        let catalogue = self.catalogue.get();
        let access = catalogue.access(&about.user, &about.party);
        let decide = |question: &ActionAttribute| {
            let (resource, instance, part) = match Target::of(&question.attribute) {
                Target::Part(part) => (about.resource.as_str(), about.instance.as_str(), part),
                Target::Resource(other) => (other, "", MAIN),
            };
            access
                .as_deref()
                .is_some_and(|access| catalogue.permits(access, resource, instance, &question.action, part))
        };
        Ok(questions.iter().map(decide).collect())
    }
}

#[async_trait]
impl AccessManagement for Sandbox {
    async fn authorized_parties(
        &self,
        user: &PartyUrn,
        filter: &[PartyUrn],
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        Ok(authorized_parties(&self.catalogue.get(), user, filter))
    }

    async fn access_subjects(&self) -> Result<Vec<AccessSubject>, PlatformFailure> {
        let info = format!("{}/accessmanagement/api/v1/meta/info", self.base_url);
        let catalogue = self.catalogue.get();
        let roles = catalogue.roles().map(|role| AccessSubject {
            urn: role.urn.clone(),
            name: role.name.clone(),
            description_url: format!("{info}/roles/{}", role.id),
        });
        let packages = catalogue.access_packages().map(|package| AccessSubject {
            urn: package.urn.clone(),
            name: package.name.clone(),
            description_url: format!(
                "{info}/accesspackages/package/urn/{}",
                utf8_percent_encode(&package.urn, RESERVED)
            ),
        });
        Ok(roles.chain(packages).collect())
    }
}

/// Whom `user` can represent, as far as `filter` names them; all when it is empty.
pub(super) fn authorized_parties(
    catalogue: &Catalogue,
    user: &PartyUrn,
    filter: &[PartyUrn],
) -> Vec<AuthorizedParty> {
    let all = catalogue.represented(user);
    if filter.is_empty() {
        return all.into_owned();
    }
    all.iter().filter_map(|party| filtered(party, filter)).collect()
}

/// What `filter` leaves of a party. One that it does not name is still there above a sub-unit that
/// it names, but gives nothing.
fn filtered(party: &AuthorizedParty, filter: &[PartyUrn]) -> Option<AuthorizedParty> {
    let sub_parties: Vec<_> =
        party.sub_parties.iter().filter(|unit| filter.contains(&unit.party)).cloned().collect();
    if filter.contains(&party.party) {
        return Some(AuthorizedParty { sub_parties, ..party.clone() });
    }
    (!sub_parties.is_empty()).then(|| AuthorizedParty {
        only_hierarchy_element: true,
        roles: Vec::new(),
        access_packages: Vec::new(),
        resources: Vec::new(),
        instances: Vec::new(),
        sub_parties,
        ..party.clone()
    })
}

#[async_trait]
impl PartyNames for Sandbox {
    async fn name(&self, party: &PartyUrn) -> Result<Option<String>, PlatformFailure> {
        let registered = self.catalogue.get().registered_name(party);
        Ok(match party.kind() {
            PartyKind::Person => registered.map(|name| family_name_first(&name)),
            _ => registered.or_else(|| name_of_its_own(party)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::altinn::PlatformIds;

    const DEFAULT_USER: &str = "urn:altinn:person:identifier-no:08844397713";
    const OTHER_USER: &str = "urn:altinn:person:identifier-no:13838599936";
    const NO_ACCESS: &str = "urn:altinn:person:identifier-no:27069815400";
    const UNRELATED: &str = "urn:altinn:person:identifier-no:08895699684";
    const INSTANCE_ONLY: &str = "urn:altinn:person:identifier-no:02867598599";
    const DEMO_USER: &str = "urn:altinn:person:identifier-no:21928898560";
    const EMAIL_USER: &str = "urn:altinn:person:idporten-email:sandbox.user@example.com";
    const SYSTEM: &str = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
    const SYSTEM_TT02: &str = "urn:altinn:systemuser:uuid:7633be4c-dbd5-49f4-bbc4-c058b275de7b";
    const OTHER_SYSTEM: &str = "urn:altinn:systemuser:uuid:54cb69df-3d8a-4432-804e-742e40de6211";
    const OTHER_SYSTEM_TT02: &str = "urn:altinn:systemuser:uuid:96a46590-1c2a-4e46-a7e7-975f40b985ef";
    const SYSTEM_WITHOUT_RIGHTS: &str = "urn:altinn:systemuser:uuid:aaa88f01-d847-2973-9579-76f658b42caa";
    const TIGER: &str = "urn:altinn:organization:identifier-no:310923044";
    const TIGER_UNIT: &str = "urn:altinn:organization:identifier-no:315010195";
    const APE: &str = "urn:altinn:organization:identifier-no:310010693";
    const AGENCY: &str = "urn:altinn:organization:identifier-no:991825827";
    const SYSTEM_OWNER: &str = "urn:altinn:organization:identifier-no:310057223";
    const OTHER_SYSTEM_OWNER: &str = "urn:altinn:organization:identifier-no:313006425";
    const NOBODYS: &str = "urn:altinn:organization:identifier-no:437454302";

    const TESTS: &str = "ttd-dialogporten-automated-tests";
    const TESTS_2: &str = "ttd-dialogporten-automated-tests-2";
    const CORRESPONDENCE: &str = "ttd-dialogporten-automated-tests-correspondence";
    const TRANSMISSIONS: &str = "ttd-dialogporten-transmissions-test";
    const EVENTS: &str = "ttd-altinn-events-automated-tests";
    const DIALOG: &str = "urn:altinn:dialog-id:019a0000-0000-7000-8000-000000000000";
    const INSTANCE: &str = "urn:altinn:instance-id:51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";

    fn sandbox() -> Platform {
        platform(Arc::new(LiveCatalogue::builtin().unwrap()), "https://platform.example")
    }

    fn urn(text: &str) -> PartyUrn {
        PartyUrn::parse(text).unwrap()
    }

    async fn decides(
        user: &str,
        party: &str,
        resource: &str,
        instance: &str,
        action: &str,
        attribute: &str,
    ) -> bool {
        let about = DecisionSubject {
            user: urn(user),
            platform_ids: PlatformIds::default(),
            party: urn(party),
            resource: resource.into(),
            instance: instance.into(),
        };
        let question = ActionAttribute { action: action.into(), attribute: attribute.into() };
        let answers = sandbox().decisions.decide(&about, &[question]).await.unwrap();
        assert_eq!(answers.len(), 1);
        answers[0]
    }

    /// Whether search and labels would see a dialog of `party` about `resource`.
    async fn lists(user: &str, party: &str, resource: &str) -> bool {
        let platform = sandbox();
        let subject_resources = platform.resources.subject_resources(None).await.unwrap();
        let parties = platform.access_management.authorized_parties(&urn(user), &[]).await.unwrap();
        let mut flat = parties.iter().flat_map(|party| std::iter::once(party).chain(&party.sub_parties));
        flat.any(|own| {
            let roles = own.roles.iter().map(|code| format!("urn:altinn:rolecode:{code}"));
            let packages = own.access_packages.iter().map(|name| format!("urn:altinn:accesspackage:{name}"));
            own.party == urn(party)
                && (own.resources.iter().any(|id| id == resource)
                    || roles.chain(packages).any(|subject| {
                        subject_resources.iter().any(|row| row.subject == subject && row.resource == resource)
                    }))
        })
    }

    #[tokio::test]
    async fn actions_and_attributes_are_decided() {
        let correspondence = format!("urn:altinn:resource:{CORRESPONDENCE}");
        let events = format!("urn:altinn:resource:{EVENTS}");
        let mixed_case = "URN:Altinn:Resource:TTD-dialogporten-automated-tests-correspondence";
        for user in [DEFAULT_USER, OTHER_USER] {
            for (resource, action, attribute, expected) in [
                (TESTS, "read", "main", true),
                (TESTS, "some_unauthorized_action", "main", false),
                (TESTS, "transmissionread", "someunavailablesubresource", false),
                (TESTS, "read", "someunavailablesubresource", false),
                (TESTS, "transmissionread", "element1", false),
                (TESTS, "transmissionread", "elementius", false),
                (TESTS, "read", &correspondence, true),
                (TESTS, "some_unauthorized_action", &correspondence, false),
                (TESTS, "write", &correspondence, false),
                (TESTS, "read", &events, false),
                (TRANSMISSIONS, "read", "main", true),
                (TESTS_2, "read", "main", true),
                (CORRESPONDENCE, "read", "main", true),
                (EVENTS, "read", "main", false),
                ("super-simple-service", "read", "main", true),
                ("brg-dialogporten-automated-tests", "read", "main", true),
                ("app_nav_barnehagelister", "read", "main", true),
                ("app_skd_formueinntekt-skattemelding-v2", "read", "main", true),
                ("notavailable", "read", "main", false),
                (TESTS, "read", "urn:altinn:resource:notavailable", false),
                (EVENTS, "read", &correspondence, true),
                // Forms of attributes.
                (TESTS, "read", mixed_case, true),
                ("TTD-dialogporten-automated-tests", "read", "main", true),
                (TESTS, "read", "urn:altinn:subresource:main", true),
                (TESTS, "read", "*", false),
                (TESTS, "*", "main", false),
                (TESTS, "read", "", false),
                (TESTS, "read", "urn:altinn:task:Task_1", false),
                ("app_ttd_demo", "read", "urn:altinn:task:Task_1", true),
                ("ttd-demo-permit", "read", "drawings", true),
                ("ttd-demo-permit", "read", "urn:altinn:subresource:drawings", true),
                ("ttd-demo-permit", "transmissionread", "drawings", true),
                ("ttd-demo-permit", "transmissionread", "main", false),
                ("ttd-demo-permit", "sign", "main", true),
                ("ttd-demo-permit", "sign", "drawings", false),
            ] {
                let decision = decides(user, user, resource, DIALOG, action, attribute).await;
                assert_eq!(decision, expected, "{action} {attribute} on {resource}");
            }
        }
    }

    #[tokio::test]
    async fn decisions_and_lists_agree_on_who_may_read_what() {
        for (user, party, resource, expected) in [
            (DEFAULT_USER, DEFAULT_USER, TESTS, true),
            (DEFAULT_USER, UNRELATED, TESTS, false),
            (DEFAULT_USER, OTHER_USER, TESTS, false),
            (OTHER_USER, OTHER_USER, TESTS, true),
            (OTHER_USER, DEFAULT_USER, TESTS, false),
            (NO_ACCESS, DEFAULT_USER, TESTS, false),
            (NO_ACCESS, NO_ACCESS, TESTS, true),
            (DEFAULT_USER, AGENCY, TESTS, false),
            (UNRELATED, DEFAULT_USER, TESTS_2, false),
            (UNRELATED, OTHER_SYSTEM_OWNER, TESTS_2, false),
            (DEFAULT_USER, DEFAULT_USER, EVENTS, false),
            (DEFAULT_USER, TIGER, TESTS, true),
            (DEFAULT_USER, TIGER_UNIT, TESTS, true),
            (DEFAULT_USER, APE, TESTS, true),
            (DEFAULT_USER, NOBODYS, TESTS, false),
            (SYSTEM, SYSTEM_OWNER, TESTS, true),
            (SYSTEM_TT02, SYSTEM_OWNER, TESTS, true),
            (SYSTEM, SYSTEM_OWNER, TESTS_2, false),
            (SYSTEM, DEFAULT_USER, TESTS, false),
            (SYSTEM, OTHER_USER, TESTS, false),
            (SYSTEM, NOBODYS, TESTS, false),
            (OTHER_SYSTEM, OTHER_SYSTEM_OWNER, TESTS_2, true),
            (OTHER_SYSTEM_TT02, OTHER_SYSTEM_OWNER, TESTS_2, true),
            (OTHER_SYSTEM, OTHER_SYSTEM_OWNER, TESTS, false),
            (OTHER_SYSTEM, SYSTEM_OWNER, TESTS, false),
            (OTHER_SYSTEM, SYSTEM_OWNER, TESTS_2, false),
            (SYSTEM_WITHOUT_RIGHTS, SYSTEM_OWNER, TESTS, false),
            ("urn:altinn:person:identifier-no:29886896598", SYSTEM_OWNER, TESTS, true),
            ("urn:altinn:person:identifier-no:15864799741", OTHER_SYSTEM_OWNER, TESTS_2, true),
            (EMAIL_USER, EMAIL_USER, "ttd-demo-notice", true),
            (INSTANCE_ONLY, INSTANCE_ONLY, TESTS, false),
            (INSTANCE_ONLY, TIGER, "app_ttd_demo", false),
            // A sub-unit says nothing about its parent.
            (DEMO_USER, "urn:altinn:organization:identifier-no:311987127", TESTS, true),
            (DEMO_USER, "urn:altinn:organization:identifier-no:311987119", TESTS, false),
            // Nobody: valid numbers that the catalogue does not have.
            ("urn:altinn:person:identifier-no:17819098476", DEFAULT_USER, TESTS, false),
        ] {
            let case = format!("{user} -> {party}, {resource}");
            assert_eq!(decides(user, party, resource, DIALOG, "read", "main").await, expected, "{case}");
            assert_eq!(lists(user, party, resource).await, expected, "{case}, listed");
        }
    }

    #[tokio::test]
    async fn an_instance_is_given_alone() {
        let parties = sandbox().access_management.authorized_parties(&urn(INSTANCE_ONLY), &[]).await.unwrap();
        assert_eq!(parties.len(), 1);
        assert_eq!(parties[0].party, urn(TIGER));
        let [instance] = &parties[0].instances[..] else { panic!("one instance expected") };
        assert_eq!((instance.resource.as_str(), instance.reference.as_str()), ("app_ttd_demo", INSTANCE));

        for (party, resource, instance, expected) in [
            (TIGER, "app_ttd_demo", INSTANCE, true),
            (TIGER, "app_ttd_demo", DIALOG, false),
            (TIGER, TESTS, INSTANCE, false),
            (TIGER_UNIT, "app_ttd_demo", INSTANCE, false),
        ] {
            let decision = decides(INSTANCE_ONLY, party, resource, instance, "read", "main").await;
            assert_eq!(decision, expected, "{party} {resource} {instance}");
        }
    }

    #[tokio::test]
    async fn answers_keep_the_order_of_the_questions() {
        let about = DecisionSubject {
            user: urn(DEFAULT_USER),
            platform_ids: PlatformIds::default(),
            party: urn(DEFAULT_USER),
            resource: TESTS.into(),
            instance: DIALOG.into(),
        };
        let questions = ["sign", "read", "read", "other", "write"]
            .map(|action| ActionAttribute { action: action.into(), attribute: "main".into() });
        let answers = sandbox().decisions.decide(&about, &questions).await.unwrap();
        assert_eq!(answers, [false, true, true, false, true]);
    }

    #[tokio::test]
    async fn the_default_user_has_three_parties_in_order() {
        let parties = sandbox().access_management.authorized_parties(&urn(DEFAULT_USER), &[]).await.unwrap();
        let expected = |party: &str, party_id, party_uuid: &str, name: &str, role: &str| AuthorizedParty {
            party: urn(party),
            party_uuid: party_uuid.parse().unwrap(),
            party_id,
            name: name.into(),
            date_of_birth: None,
            is_deleted: false,
            only_hierarchy_element: false,
            roles: vec![role.into()],
            access_packages: vec![],
            resources: vec![],
            instances: vec![],
            sub_parties: vec![],
        };
        let tiger = "ÆRLIG UROKKELIG TIGER AS";
        assert_eq!(
            parties,
            [
                expected(
                    APE,
                    51_186_218,
                    "7e0067a7-694f-4897-981b-16cd5ec704d9",
                    "TAKTFULL ORDENTLIG APE",
                    "dagl"
                ),
                AuthorizedParty {
                    sub_parties: vec![expected(
                        TIGER_UNIT,
                        51_620_832,
                        "f0fff97e-82b3-448a-a173-acede13d4eaa",
                        tiger,
                        "dagl"
                    )],
                    ..expected(TIGER, 51_267_836, "3b3efe7f-8814-4d36-b0c3-dc754189c8e5", tiger, "dagl")
                },
                AuthorizedParty {
                    date_of_birth: Some("1943-04-08".into()),
                    ..expected(
                        DEFAULT_USER,
                        50_364_905,
                        "e3f80a3f-fef6-4555-a955-6c9ffb2af6ea",
                        "UROMANTISK LITTERATUR",
                        "priv"
                    )
                },
            ]
        );
    }

    #[tokio::test]
    async fn deleted_parties_and_mere_hierarchy_are_marked() {
        let parties = sandbox().access_management.authorized_parties(&urn(DEMO_USER), &[]).await.unwrap();
        let facts: Vec<_> = parties
            .iter()
            .map(|party| {
                let units: Vec<_> = party.sub_parties.iter().map(|unit| unit.party.id()).collect();
                (party.party.id(), party.is_deleted, party.only_hierarchy_element, party.roles.len(), units)
            })
            .collect();
        assert_eq!(
            facts,
            [
                ("310987107", false, false, 1, vec!["313987116"]),
                ("311987119", false, true, 0, vec!["311987127"]),
                ("314987128", true, false, 1, vec![]),
                ("21928898560", false, false, 1, vec![]),
            ]
        );
    }

    #[tokio::test]
    async fn a_filter_leaves_the_parties_it_names() {
        for (user, filter, expected) in [
            (DEFAULT_USER, &[APE, DEFAULT_USER][..], "310010693 08844397713"),
            (DEFAULT_USER, &[TIGER], "310923044"),
            (DEFAULT_USER, &[TIGER_UNIT], "(310923044) >315010195"),
            (DEFAULT_USER, &[TIGER, TIGER_UNIT], "310923044 >315010195"),
            (DEFAULT_USER, &[AGENCY], ""),
            (SYSTEM, &[], "310057223"),
            (SYSTEM_WITHOUT_RIGHTS, &[], ""),
            (AGENCY, &[], ""),
        ] {
            let filter: Vec<_> = filter.iter().map(|party| urn(party)).collect();
            let parties = sandbox().access_management.authorized_parties(&urn(user), &filter).await.unwrap();
            let mut shown = Vec::new();
            for party in &parties {
                assert_eq!(
                    party.only_hierarchy_element,
                    party.roles.len() + party.access_packages.len() == 0
                );
                let id = party.party.id();
                shown.push(if party.only_hierarchy_element { format!("({id})") } else { id.to_owned() });
                shown.extend(party.sub_parties.iter().map(|unit| format!(">{}", unit.party.id())));
            }
            assert_eq!(shown.join(" "), expected);
        }
    }

    #[tokio::test]
    async fn roles_and_packages_lead_to_resources() {
        let rows = sandbox().resources.subject_resources(None).await.unwrap();
        let of = |subject: &str| -> Vec<&str> {
            rows.iter().filter(|row| row.subject == subject).map(|row| row.resource.as_str()).collect()
        };
        let personal = [
            "app_nav_barnehagelister",
            "app_skd_formueinntekt-skattemelding-v2",
            "app_ttd_demo",
            "brg-dialogporten-automated-tests",
            "super-simple-service",
            "ttd-demo-notice",
            "ttd-demo-permit",
            TESTS,
            TESTS_2,
            CORRESPONDENCE,
            TRANSMISSIONS,
        ];
        assert_eq!(of("urn:altinn:rolecode:priv"), personal);
        assert_eq!(of("urn:altinn:rolecode:dagl"), personal);
        assert_eq!(of("urn:altinn:accesspackage:ordinaer-post-til-virksomheten"), [TESTS]);
        assert_eq!(rows.len(), 2 * personal.len() + 1);
    }

    #[tokio::test]
    async fn resources_have_owners_types_and_levels() {
        let resources = sandbox().resources.resources().await.unwrap();
        let facts: Vec<_> = resources
            .iter()
            .map(|ListedResource { resource, .. }| {
                (
                    resource.id.as_str(),
                    resource.owner_number.as_str(),
                    resource.owner_code.as_str(),
                    resource.resource_type.as_str(),
                    resource.minimum_level.unwrap(),
                )
            })
            .collect();
        let (ttd, generic) = ("991825827", "genericaccessresource");
        assert_eq!(
            facts,
            [
                ("app_nav_barnehagelister", "889640782", "nav", "altinnapp", 2),
                ("app_skd_formueinntekt-skattemelding-v2", "974761076", "skd", "altinnapp", 2),
                ("app_ttd_demo", ttd, "ttd", "altinnapp", 3),
                ("brg-dialogporten-automated-tests", "974760673", "brg", generic, 2),
                ("super-simple-service", ttd, "ttd", generic, 2),
                (EVENTS, ttd, "ttd", generic, 2),
                ("ttd-demo-notice", ttd, "ttd", generic, 0),
                ("ttd-demo-permit", ttd, "ttd", generic, 3),
                (TESTS, ttd, "ttd", generic, 2),
                (TESTS_2, ttd, "ttd", generic, 2),
                (CORRESPONDENCE, ttd, "ttd", "correspondenceservice", 2),
                (TRANSMISSIONS, ttd, "ttd", generic, 4),
            ]
        );
    }

    #[tokio::test]
    async fn service_owners_roles_and_packages_have_names_and_links() {
        let platform = sandbox();
        let owners = platform.resources.service_owners().await.unwrap();
        let codes: Vec<_> = owners.iter().map(|owner| (owner.number.as_str(), owner.code.as_str())).collect();
        assert_eq!(
            codes,
            [
                ("310778737", "other"),
                ("889640782", "nav"),
                ("964951284", "hko"),
                ("974760673", "brg"),
                ("974761076", "skd"),
                ("991825827", "ttd"),
            ]
        );
        assert_eq!(owners[5].name["en"], "Norwegian Digitalisation Agency");
        let subjects = platform.access_management.access_subjects().await.unwrap();
        let links: Vec<_> =
            subjects.iter().map(|s| (s.name["en"].as_str(), s.description_url.as_str())).collect();
        let base = "https://platform.example/accessmanagement/api/v1/meta/info";
        assert_eq!(
            links,
            [
                ("General manager", &*format!("{base}/roles/55bd7d4d-08dd-46ee-ac8e-3a44d800d752")),
                ("Private person", &*format!("{base}/roles/310f2866-40e5-43df-963c-81b7e493a925")),
                (
                    "Ordinary mail to the business",
                    &*format!(
                        "{base}/accesspackages/package/urn/urn%3Aaltinn%3Aaccesspackage%3Aordinaer-post-til-virksomheten"
                    )
                ),
            ]
        );
        assert_eq!(
            platform.resources.description_url(TESTS),
            format!("https://platform.example/resourceregistry/api/v1/resource/{TESTS}")
        );
    }

    #[tokio::test]
    async fn parties_come_without_rights_on_request() {
        let platform = sandbox();
        let user = urn(DEFAULT_USER);
        let with = platform.access_management.authorized_parties(&user, &[]).await.unwrap();
        let without = platform.access_management.parties(&user).await.unwrap();
        let ids = |parties: &[AuthorizedParty]| -> Vec<PartyUrn> {
            parties
                .iter()
                .flat_map(|p| std::iter::once(p).chain(&p.sub_parties))
                .map(|p| p.party.clone())
                .collect()
        };
        assert_eq!(ids(&with), ids(&without));
        let count = |parties: &[AuthorizedParty]| {
            let all = parties.iter().flat_map(|party| std::iter::once(party).chain(&party.sub_parties));
            all.filter(|party| party.has_key_role() || !party.roles.is_empty()).count()
        };
        assert_eq!((count(&with), count(&without)), (4, 0));
        assert!(with[0].has_key_role() && !with[0].is_main_administrator() && !with[0].is_access_manager());
    }

    #[tokio::test]
    async fn names_are_shown_as_of_actors() {
        for (party, expected) in [
            (DEFAULT_USER, Some("LITTERATUR UROMANTISK")),
            (DEMO_USER, Some("FJELLBEKK MUNTER BERG")),
            (AGENCY, Some("DIGITALISERINGSDIREKTORATET")),
            ("urn:altinn:organization:identifier-no:974760673", Some("REGISTERENHETEN I BRØNNØYSUND")),
            (SYSTEM, Some("Dialogporten E2E tests (nb)")),
            (SYSTEM_TT02, Some("Dialogporten E2E tests (nb)")),
            (OTHER_SYSTEM, Some("Dialogporten E2E tests (nb)")),
            (OTHER_SYSTEM_TT02, Some("Dialogporten E2E tests (nb)")),
            ("urn:altinn:person:legacy-selfidentified:Leif", Some("leif")),
            ("urn:altinn:person:idporten-email:Foo@bar.com", Some("foo@bar.com")),
            ("urn:altinn:person:identifier-no:17819098476", None),
            ("urn:altinn:organization:identifier-no:310987131", None),
            ("urn:altinn:systemuser:uuid:00000000-0000-4000-8000-000000000000", None),
        ] {
            assert_eq!(sandbox().names.name(&urn(party)).await.unwrap().as_deref(), expected, "{party}");
        }
        let feide = format!("urn:altinn:feide-subject:{}", "a1b2c3d4".repeat(8));
        assert_eq!(sandbox().names.name(&urn(&feide)).await.unwrap().as_deref(), Some("Feide-bruker a1b2c3"));
        assert_eq!(family_name_first("  SOLO "), "SOLO");
    }
}
