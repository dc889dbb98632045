//! What can be asked beside dialogs: parties, services and limits.

use serde_json::{Value, json};

use crate::harness::*;

const LIMITS: &str = "/api/v1/metadata/limits";
const SERVICES: &str = "/api/v1/metadata/serviceresources";
const OWN_SERVICES: &str = "/api/v1/enduser/serviceresources";
const COMPANY: &str = "urn:altinn:organization:identifier-no:310923044";

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["serviceResource"]["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn parties_are_listed_as_the_platform_has_them() {
    let service = Service::shared().await;
    let parties = service.person().get("/api/v1/enduser/parties").await.expect(200).json();
    let party = |urn: &str, uuid: &str, id: i32, name: &str| {
        let kind = if urn.contains("person") { "Person" } else { "Organization" };
        json!({
            "party": urn,
            "partyUuid": uuid,
            "partyId": id,
            "name": name,
            "partyType": kind,
            "isDeleted": false,
            "hasKeyRole": false,
            "isCurrentEndUser": urn == PERSON,
            "isMainAdministrator": false,
            "isAccessManager": false,
            "hasOnlyAccessToSubParties": false,
        })
    };
    let tiger = "ÆRLIG UROKKELIG TIGER AS";
    let unit = "urn:altinn:organization:identifier-no:315010195";
    let ape = "urn:altinn:organization:identifier-no:310010693";
    assert_eq!(
        parties,
        json!({ "authorizedParties": [
            party(ape, "7e0067a7-694f-4897-981b-16cd5ec704d9", 51_186_218, "TAKTFULL ORDENTLIG APE"),
            party(COMPANY, "3b3efe7f-8814-4d36-b0c3-dc754189c8e5", 51_267_836, tiger)
                .with("/subParties", json!([party(unit, "f0fff97e-82b3-448a-a173-acede13d4eaa", 51_620_832, tiger)])),
            party(PERSON, "e3f80a3f-fef6-4555-a955-6c9ffb2af6ea", 50_364_905, "UROMANTISK LITTERATUR")
                .with("/dateOfBirth", "1943-04-08"),
        ]})
    );
    let demo = service.person_with("21928898560", 3).get("/api/v1/enduser/parties").await.expect(200).json();
    let facts: Vec<_> = demo["authorizedParties"]
        .as_array()
        .unwrap()
        .iter()
        .map(|party| (party["isDeleted"] == true, party["hasOnlyAccessToSubParties"] == true))
        .collect();
    assert_eq!(facts, [(false, false), (false, true), (true, false), (false, false)]);
    let email = service.email_user().get("/api/v1/enduser/parties").await.expect(200).json();
    assert_eq!(email["authorizedParties"][0]["partyType"], "SelfIdentified");
    assert_eq!(email["authorizedParties"][0]["isCurrentEndUser"], true);
}

#[tokio::test]
async fn everybody_but_systems_has_parties() {
    let service = Service::shared().await;
    let unknown = service.person_with("17819098476", 3);
    unknown.get("/api/v1/enduser/parties").await.expect(502);
    let without_rights = service.token(
        dialogporten::sandbox::token_generator::TokenKind::SystemUser,
        &[
            ("systemUserId", "aaa88f01-d847-2973-9579-76f658b42caa"),
            ("systemUserOrg", "310057223"),
            ("scopes", "digdir:dialogporten"),
        ],
    );
    let system = service.anonymous().with_token(&without_rights);
    let answer = system.get("/api/v1/enduser/parties").await.expect(200);
    assert_eq!(answer.json(), json!({ "authorizedParties": [] }));
    for (accept, status) in [("text/html", 406), ("application/*+json, text/html", 200), ("*/*;q=0", 406)] {
        let answer = service.person().get("/api/v1/enduser/parties").header("accept", accept).await;
        assert_eq!(answer.status.as_u16(), status, "{accept}");
    }
}

#[tokio::test]
async fn limits_are_those_that_hold() {
    let service = Service::shared().await;
    let answer = service.anonymous().get(LIMITS).await.expect(200);
    assert!(answer.header("cache-control").unwrap().contains("public"));
    let limits = answer.json();
    let search = &limits["endUserSearch"];
    assert_eq!(limits["serviceOwnerSearch"].as_object().unwrap().len(), 3);
    let person = service.person();
    for (limit, parameter, value) in [
        ("maxPartyFilterValues", "party", PERSON),
        ("maxServiceResourceFilterValues", "serviceResource", RESOURCE),
        ("maxOrgFilterValues", "org", "ttd"),
        ("maxExtendedStatusFilterValues", "extendedStatus", "a"),
    ] {
        let most = usize::try_from(search[limit].as_u64().unwrap()).unwrap();
        let query = |count: usize| -> Vec<(&str, &str)> {
            let one = [("party", PERSON)].into_iter().filter(|_| parameter != "party");
            std::iter::repeat_n((parameter, value), count).chain(one).collect()
        };
        person.list(&query(most)).await.expect(200);
        let (count, text) = (format!("{parameter}.count"), most.to_string());
        let refused = person.list(&query(most + 1)).await;
        refused.assert_problem(400, &[(parameter, &text), (&count, &text)]);
    }
    let most = limits["serviceOwnerSearch"]["maxPartyFilterValues"].as_u64().unwrap();
    let path = |count: u64| {
        let parties = vec![format!("party={PERSON}"); usize::try_from(count).unwrap()].join("&");
        format!("/api/v1/serviceowner/dialogs/endusercontext?{parties}")
    };
    service.owner().get(&path(most)).await.expect(200);
    let refused = service.owner().get(&path(most + 1)).await;
    refused.assert_problem(400, &[("party", &most.to_string()), ("party.count", "")]);
    service
        .anonymous()
        .get(LIMITS)
        .header("accept", "text/html")
        .await
        .assert_problem(406, &[("Accept", "json")]);
}

#[tokio::test]
async fn services_are_listed_as_soon_as_there_is_a_dialog() {
    let service = Service::alone().await;
    let (owner, everybody) = (service.owner(), service.anonymous());
    let list = async || everybody.get(SERVICES).await.expect(200).json();
    assert_eq!(list().await, json!({ "items": [] }));
    owner.created(&dialog()).await;
    let notice = owner.created(&dialog().with("/serviceResource", DEMO_NOTICE)).await;
    assert_eq!(ids(&list().await), ["ttd-dialogporten-automated-tests", "ttd-demo-notice"], "by name");
    service.other_owner().created(&dialog().with("/serviceResource", OTHER_OWNERS)).await;
    owner.created(&dialog()).await;
    // A deleted dialog counts until it is purged.
    owner.delete(notice).await.expect(204);
    let three = ["ttd-dialogporten-automated-tests", "brg-dialogporten-automated-tests", "ttd-demo-notice"];
    assert_eq!(ids(&list().await), three);
    let english = everybody.get(SERVICES).header("accept-language", "en").await.expect(200);
    assert_eq!(english.header("content-language"), Some("en"));
    assert_eq!(
        english.json()["items"][2]["serviceResource"]["name"][0]["value"],
        "Notice to neighbours (demo)"
    );
    assert_eq!(
        english.json()["items"][0]["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["urn"].clone())
            .collect::<Vec<_>>(),
        ["urn:altinn:rolecode:dagl", "urn:altinn:rolecode:priv"]
    );
    let item = &list().await["items"][2];
    let link = item["serviceResource"]["links"]["metadata"].as_str().unwrap();
    assert!(link.ends_with("/resourceregistry/api/v1/resource/ttd-demo-notice"), "{link}");
    let nb = |value: &str| json!({ "languageCode": "nb", "value": value });
    assert!(item["serviceOwner"]["name"].as_array().unwrap().contains(&nb("DIGITALISERINGSDIREKTORATET")));
    assert_eq!(item["serviceResource"]["minimumAuthenticationLevel"], 0);
    owner.act(notice, "purge").await.expect(204);
    assert_eq!(ids(&list().await), three[..2]);
}

#[tokio::test]
async fn the_catalogue_is_compressed_and_sent_once() {
    let service = Service::alone().await;
    service.owner().created(&dialog()).await;
    let everybody = service.anonymous();
    for (accepted, encoding) in [("br", Some("br")), ("gzip, br;q=0.5", Some("gzip")), ("identity", None)] {
        let answer = everybody.get(SERVICES).header("accept-encoding", accepted).await.expect(200);
        assert_eq!(answer.header("content-encoding"), encoding, "{accepted}");
        let tag = answer.header("etag").unwrap().to_owned();
        let again =
            everybody.get(SERVICES).header("accept-encoding", accepted).header("if-none-match", &tag).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        let other =
            everybody.get(SERVICES).header("accept-language", "en").header("if-none-match", &tag).await;
        other.expect(200);
    }
    // Nobody's secrets are compressed.
    let own = service.person().get(OWN_SERVICES).header("accept-encoding", "br, gzip").await.expect(200);
    assert_eq!(own.header("content-encoding"), None);
    assert_eq!(own.header("cache-control"), Some("private, no-store"));
    let document = everybody.get("/openapi/v1.json").header("accept-encoding", "gzip").await.expect(200);
    assert_eq!(document.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn users_see_the_services_of_their_parties() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    for (party, resource) in
        [(PERSON, RESOURCE), (PERSON, EVENTS), (COMPANY, DEMO_NOTICE), (OTHER_PERSON, RESOURCE_2)]
    {
        owner.created(&dialog().with("/party", party).with("/serviceResource", resource)).await;
    }
    let list = async |query: &str| person.get(&format!("{OWN_SERVICES}{query}")).await.expect(200).json();
    assert_eq!(ids(&list("").await), ["ttd-dialogporten-automated-tests", "ttd-demo-notice"]);
    assert_eq!(list("").await.get("isFullCatalogueFallback"), None);
    assert_eq!(ids(&list(&format!("?party={PERSON}")).await), ["ttd-dialogporten-automated-tests"]);
    // Parties of others are no parties of the user.
    assert_eq!(ids(&list(&format!("?party={OTHER_PERSON}&party={COMPANY}")).await), ["ttd-demo-notice"]);
    assert_eq!(ids(&list(&format!("?party={OTHER_PERSON}")).await), [""; 0]);
    let bad = person.get(&format!("{OWN_SERVICES}?party={PERSON}&party=x")).await;
    bad.assert_problem(400, &[("party[1]", "URN")]);
    let many = vec![format!("party={PERSON}"); 101].join("&");
    person
        .get(&format!("{OWN_SERVICES}?{many}"))
        .await
        .assert_problem(400, &[("party", "at most 100"), ("party.count", "at most 100")]);
}

#[tokio::test]
async fn users_with_very_many_parties_see_all_services() {
    let builtin = include_str!("../../src/sandbox/catalogue.toml");
    let more = "[[generate]]\nuser = \"person:17819098557\"\nparties = 1000";
    let file = temporary_directory().with_extension("toml");
    std::fs::write(&file, format!("{builtin}\n{more}")).unwrap();
    let service = Service::with_catalogue(&file, "2031-05-17T12:00:00Z").await;
    std::fs::remove_file(file).unwrap();
    let owner = service.owner();
    owner.created(&dialog()).await;
    owner.created(&dialog().with("/serviceResource", EVENTS)).await;
    // The thousand, and themselves.
    let user = service.person_with("17819098557", 3);
    let all = user.get(OWN_SERVICES).await.expect(200).json();
    assert_eq!(all["isFullCatalogueFallback"], true);
    assert_eq!(ids(&all), ["ttd-dialogporten-automated-tests", "ttd-altinn-events-automated-tests"]);
    let own = "urn:altinn:person:identifier-no:17819098557";
    owner.created(&dialog().with("/party", own).with("/serviceResource", DEMO_NOTICE)).await;
    let some = user.get(&format!("{OWN_SERVICES}?party={own}&party={PERSON}")).await.expect(200).json();
    assert_eq!((ids(&some), some.get("isFullCatalogueFallback")), (vec!["ttd-demo-notice"], None));
}
