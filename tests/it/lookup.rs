//! Finding dialogs by what is behind them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const COMPANY: &str = "urn:altinn:organization:identifier-no:310057223";
const OTHER_COMPANY: &str = "urn:altinn:organization:identifier-no:313006425";

fn lookup(client: &Client, api: &str, reference: &str) -> Call {
    client.get(&format!("/api/v1/{api}/dialoglookup?instanceRef={reference}"))
}

/// References that nothing else has: of an app instance and of a correspondence, with their labels.
fn references(service: &Service) -> [(String, String); 2] {
    let id = service.unique();
    let correspondence = format!("urn:altinn:correspondence-id:{id}");
    [
        (format!("urn:altinn:instance-id:501/{id}"), format!("urn:altinn:integration:storage:501/{id}")),
        (correspondence.clone(), correspondence),
    ]
}

fn labelled(labels: &[&str]) -> Value {
    let labels: Value = labels.iter().map(|label| json!({ "value": label })).collect();
    dialog().with("/serviceOwnerContext/serviceOwnerLabels", labels)
}

#[tokio::test]
async fn by_all_references_with_the_best_one_for_the_dialogs_own() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let [app, correspondence] = references(service);
    let plain = owner.created(&dialog()).await;
    let both = owner.created(&labelled(&[&app.1, &correspondence.1])).await;
    for (id, asked, given) in [
        (plain, format!("urn:altinn:dialog-id:{plain}"), format!("urn:altinn:dialog-id:{plain}")),
        (both, format!("urn:altinn:dialog-id:{both}"), app.0.clone()),
        (both, app.0.clone(), app.0.clone()),
        (both, correspondence.0.to_uppercase(), correspondence.0.clone()),
        (both, format!("%20{}%20", app.0), app.0.clone()),
    ] {
        for (client, api) in [(&person, "enduser"), (&owner, "serviceowner")] {
            let found = lookup(client, api, &asked).await.expect(200).json();
            assert_eq!(
                (&found["dialogId"], &found["instanceRef"]),
                (&json!(id), &json!(given)),
                "{api} {asked}"
            );
        }
    }
    for bad in
        ["", "x", "urn:altinn:instance-id:0/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10", "urn:altinn:dialog-id:1"]
    {
        for (client, api) in [(&person, "enduser"), (&owner, "serviceowner")] {
            lookup(client, api, bad).await.assert_problem(400, &[("InstanceRef", "urn:altinn:dialog-id")]);
        }
    }
    let unknown = format!("urn:altinn:dialog-id:{}", service.id());
    lookup(&person, "enduser", &unknown).await.assert_problem(404, &[("InstanceRef", &unknown)]);
    lookup(&owner, "serviceowner", &unknown).await.assert_problem(404, &[("InstanceRef", &unknown)]);
}

#[tokio::test]
async fn tells_what_is_found_and_why() {
    let service = Service::shared().await;
    let owner = service.owner();
    let sent =
        one_of_each().with("/content/title/value", localized(&[("nb", "Søknad"), ("en", "Application")]));
    let id = owner.created(&sent).await;
    let reference = format!("urn:altinn:dialog-id:{id}");

    let answer = lookup(&service.person(), "enduser", &reference).header("accept-language", "en").await;

    assert_eq!(answer.header("vary"), Some("Accept-Language"));
    let answer = answer.expect(200).json();
    let links = answer["authorizationEvidence"]["evidence"][0]["links"].clone();
    assert!(
        links["metadata"].as_str().unwrap().contains("/accessmanagement/api/v1/meta/info/roles/"),
        "{links}"
    );
    let english = |value: &str| json!([{ "languageCode": "en", "value": value }]);
    let resource = json!({
        "id": "ttd-dialogporten-automated-tests",
        "isDelegable": true,
        "minimumAuthenticationLevel": 2,
        "name": english("Dialogporten automated tests"),
    });
    let agency = json!({
        "orgNumber": "991825827", "code": "ttd", "name": english("Norwegian Digitalisation Agency"),
    });
    assert_eq!(
        answer,
        json!({
            "dialogId": id,
            "instanceRef": reference,
            "party": PERSON,
            "serviceResource": resource,
            "serviceOwner": agency,
            "title": english("Application"),
            "authorizationEvidence": {
                "currentAuthenticationLevel": 3,
                "viaRole": true,
                "viaAccessPackage": false,
                "viaResourceDelegation": false,
                "viaInstanceDelegation": false,
                "evidence": [{
                    "grantType": "Role",
                    "subject": "urn:altinn:rolecode:priv",
                    "name": english("Private person"),
                    "links": links,
                }],
            },
        })
    );
    let own =
        lookup(&owner, "serviceowner", &reference).header("accept-language", "en").await.expect(200).json();
    assert_eq!((&own["title"], &own["serviceResource"]), (&english("Application"), &resource));
    assert_eq!(own["nonSensitiveTitle"], text("Brev"));
    assert_eq!(own.get("authorizationEvidence"), None);
}

#[tokio::test]
async fn every_kind_of_access_is_evidence() {
    let service = Service::shared().await;
    let owner = service.owner();
    let other_system = service.token(
        dialogporten::sandbox::token_generator::TokenKind::SystemUser,
        &[
            ("systemUserId", "54cb69df-3d8a-4432-804e-742e40de6211"),
            ("systemUserOrg", "313006425"),
            ("scopes", "digdir:dialogporten"),
        ],
    );
    let instance = "urn:altinn:instance-id:51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
    let app = labelled(&[instance])
        .with("/serviceResource", "urn:altinn:resource:app_ttd_demo")
        .with("/party", "urn:altinn:organization:identifier-no:310923044");
    for (user, sent, flag, grant, subject) in [
        (
            service.system_user(),
            dialog().with("/party", COMPANY),
            "viaAccessPackage",
            "AccessPackage",
            "urn:altinn:accesspackage:ordinaer-post-til-virksomheten",
        ),
        (
            service.anonymous().with_token(&other_system),
            dialog().with("/party", OTHER_COMPANY).with("/serviceResource", RESOURCE_2),
            "viaResourceDelegation",
            "ResourceDelegation",
            RESOURCE_2,
        ),
        (service.person_with("02867598599", 3), app, "viaInstanceDelegation", "InstanceDelegation", instance),
    ] {
        let id = owner.created(&sent).await;
        let reference = format!("urn:altinn:dialog-id:{id}");
        let found = lookup(&user, "enduser", &reference).await.expect(200).json();
        let evidence = &found["authorizationEvidence"];
        for name in ["viaRole", "viaAccessPackage", "viaResourceDelegation", "viaInstanceDelegation"] {
            assert_eq!(evidence[name], name == flag, "{evidence:#}");
        }
        let [item] = &evidence["evidence"].as_array().unwrap()[..] else { panic!("{evidence:#}") };
        assert_eq!((&item["grantType"], &item["subject"]), (&json!(grant), &json!(subject)));
        assert!(!item["name"].as_array().unwrap().is_empty());
        lookup(&service.person_with("27069815400", 4), "enduser", &reference)
            .await
            .assert_problem(403, &[("Forbidden", &reference)]);
    }
}

#[tokio::test]
async fn a_weak_login_gets_the_other_title() {
    let service = Service::shared().await;
    let owner = service.owner();
    let sent = one_of_each().with("/serviceResource", LEVEL_FOUR);
    let title = async |user: Client, id: Uuid| {
        lookup(&user, "enduser", &format!("urn:altinn:dialog-id:{id}")).await.expect(200).json()["title"]
            .clone()
    };
    let id = owner.created(&sent).await;
    assert_eq!(title(service.person_with(PERSON_NUMBER, 4), id).await, text("Søknad om støtte"));
    assert_eq!(title(service.person(), id).await, text("Brev"));
    let id = owner.created(&sent.without("/content/nonSensitiveTitle")).await;
    assert_eq!(title(service.person(), id).await, text("Søknad om støtte"));
}

#[tokio::test]
async fn deleted_and_hidden_dialogs_are_there_for_their_service_owner_only() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let hidden = owner.created(&dialog().with("/visibleFrom", service.in_seconds(86_400))).await;
    let deleted = owner.created(&dialog()).await;
    owner.delete(deleted).await.expect(204);
    for id in [hidden, deleted] {
        let reference = format!("urn:altinn:dialog-id:{id}");
        lookup(&person, "enduser", &reference).await.assert_problem(404, &[("InstanceRef", &reference)]);
        lookup(&owner, "serviceowner", &reference).await.expect(200);
        lookup(&service.other_owner(), "serviceowner", &reference)
            .await
            .assert_problem(403, &[("Forbidden", &reference)]);
    }
    let admin = service.organization("brg", "974760673", &format!("{OWNER} {ADMIN}"));
    lookup(&admin, "serviceowner", &format!("urn:altinn:dialog-id:{hidden}")).await.expect(200);
}

#[tokio::test]
async fn ambiguous_references_are_conflicts_for_those_who_see_both() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let [app, _] = references(service);
    let sent = labelled(&[&app.1]);
    let first = owner.created(&sent).await;
    // Others may use the same label for what is not the user's.
    owner.created(&sent.clone().with("/party", OTHER_PERSON)).await;
    let theirs = sent.clone().with("/serviceResource", OTHER_OWNERS).with("/party", OTHER_PERSON);
    service.other_owner().created(&theirs).await;
    assert_eq!(lookup(&person, "enduser", &app.0).await.expect(200).json()["dialogId"], json!(first));
    lookup(&service.other_owner(), "serviceowner", &app.0).await.expect(200);
    lookup(&owner, "serviceowner", &app.0).await.assert_problem(409, &[("InstanceRef", &app.0)]);

    let second = owner.created(&sent).await;
    lookup(&person, "enduser", &app.0).await.assert_problem(409, &[("InstanceRef", &app.0)]);
    owner.delete(second).await.expect(204);
    assert_eq!(lookup(&person, "enduser", &app.0).await.expect(200).json()["dialogId"], json!(first));
}
