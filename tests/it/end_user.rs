//! End users open dialogs.

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const UNAUTHORIZED: &str = "urn:dialogporten:unauthorized";
const EXPIRED: &str = "urn:dialogporten:expired";
/// Organisation for which a person and a system user act.
const COMPANY: &str = "urn:altinn:organization:identifier-no:310057223";
const MANAGER: &str = "29886896598";
const SYSTEM_USER: &str = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";

/// Whether this is the pseudonym of a person.
fn is_pseudonym(id: &Value) -> bool {
    let digits = id.as_str().and_then(|id| id.strip_prefix("urn:altinn:person:identifier-ephemeral:"));
    digits.is_some_and(|digits| digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[tokio::test]
async fn a_full_dialog_as_the_person_sees_it() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let created = owner.create(&full_dialog(service)).await;
    let id = created.id();
    let written = owner.dialog(id).await;

    let answer = person.open(id).await.expect(200);

    assert_eq!(answer.etag(), created.etag());
    let read = answer.json();
    let pseudonym = read["transmissions"][1]["sender"]["actorId"].clone();
    assert!(is_pseudonym(&pseudonym), "{pseudonym}");
    let seen = read["seenSinceLastUpdate"].clone();
    let expected = written
        // What is the service owner's alone.
        .without("/idempotentKey")
        .without("/searchTags")
        .without("/serviceOwnerContext")
        .without("/content/nonSensitiveTitle")
        .without("/content/nonSensitiveSummary")
        .without("/transmissions/0/idempotentKey")
        // What is the user's alone.
        .with("/dialogToken", read["dialogToken"].clone())
        .with("/isContentSeen", true)
        .with("/seenSinceLastUpdate", seen.clone())
        .with("/seenSinceLastContentUpdate", seen)
        .with("/content/mainContentReference/isAuthorized", true)
        .with("/guiActions/0/isAuthorized", true)
        .with("/transmissions/1/isAuthorized", true)
        // What the user may not do.
        .with("/guiActions/1/isAuthorized", false)
        .with("/guiActions/1/url", UNAUTHORIZED)
        .with("/apiActions/0/isAuthorized", false)
        .with("/apiActions/0/endpoints/0/url", UNAUTHORIZED)
        .with("/apiActions/0/endpoints/1/url", UNAUTHORIZED)
        .with("/transmissions/0/isAuthorized", false)
        .with("/transmissions/0/content/contentReference/isAuthorized", false)
        .with("/transmissions/0/content/contentReference/value/0/value", UNAUTHORIZED)
        .with("/transmissions/0/attachments/0/urls/0/url", UNAUTHORIZED)
        .with("/transmissions/0/navigationalActions/0/url", UNAUTHORIZED)
        // People have names, but no numbers.
        .with("/transmissions/1/sender/actorId", pseudonym.clone())
        .with("/activities/2/performedBy/actorId", pseudonym.clone());
    assert_eq!(read, expected);

    let entry = &read["seenSinceLastUpdate"][0];
    let performed = json!({
        "actorType": "PartyRepresentative", "actorId": pseudonym, "actorName": "LITTERATUR UROMANTISK",
    });
    assert_eq!(entry["seenBy"], performed);
    assert_eq!((&entry["isCurrentEndUser"], &entry["isViaServiceOwner"]), (&json!(true), &json!(false)));
    assert_eq!(read["seenSinceLastUpdate"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn actions_and_transmissions_are_judged_one_by_one() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    for (attribute, action, permitted) in [
        (None, "read", true),
        (None, "write", true),
        (None, "some_unauthorized_action", false),
        (Some(RESOURCE), "read", true),
        (Some(CORRESPONDENCE), "read", true),
        (Some(CORRESPONDENCE), "some_unauthorized_action", false),
        (Some(EVENTS), "read", false),
        (Some("someunavailablesubresource"), "read", false),
        (Some("urn:altinn:task:Task_1"), "read", false),
    ] {
        let link = "https://example.com/action";
        let mut sent = one_of_each()
            .with("/guiActions/0/action", action)
            .with("/guiActions/0/url", link)
            .with("/apiActions/0/action", action)
            .with("/apiActions/0/endpoints/0/url", link);
        if let Some(attribute) = attribute {
            for part in ["/guiActions/0", "/apiActions/0"] {
                sent = sent.with(&format!("{part}/authorizationAttribute"), attribute);
            }
        }
        let read = person.opened(owner.created(&sent).await).await;
        let seen = if permitted { link } else { UNAUTHORIZED };
        let case = format!("{attribute:?} {action}");
        assert_eq!(read["guiActions"][0]["isAuthorized"], permitted, "{case}");
        assert_eq!(read["guiActions"][0]["url"], seen, "{case}");
        assert_eq!(read["apiActions"][0]["isAuthorized"], permitted, "{case}");
        assert_eq!(read["apiActions"][0]["endpoints"][0]["url"], seen, "{case}");
    }
    for (attribute, permitted) in [
        (None, true),
        (Some(CORRESPONDENCE), true),
        (Some(EVENTS), false),
        (Some("someunavailablesubresource"), false),
    ] {
        let mut sent = one_of_each();
        if let Some(attribute) = attribute {
            sent = sent.with("/transmissions/0/authorizationAttribute", attribute);
        }
        let read = person.opened(owner.created(&sent).await).await;
        let letter = &read["transmissions"][0];
        assert_eq!(letter["isAuthorized"], permitted, "{attribute:?}");
        for (pointer, link) in [
            ("/content/contentReference/value/0/value", "https://example.com/letter"),
            ("/attachments/0/urls/0/url", "https://example.com/a.pdf"),
            ("/navigationalActions/0/url", "https://example.com/next"),
        ] {
            let seen = if permitted { link } else { UNAUTHORIZED };
            assert_eq!(letter.pointer(pointer).unwrap(), seen, "{attribute:?} {pointer}");
        }
        // What is no link stays.
        assert_eq!(letter["content"]["title"]["value"], text("Brev fra oss"));
        assert_eq!(letter["attachments"][0]["name"], "decision.pdf");
    }
}

#[tokio::test]
async fn links_that_have_expired_are_hidden() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let soon = service.in_seconds(60);
    let expiring =
        ["/attachments/0", "/transmissions/0/attachments/0", "/transmissions/0/navigationalActions/0"];
    let sent = expiring
        .iter()
        .fold(one_of_each(), |sent, part| sent.with(&format!("{part}/expiresAt"), soon.as_str()));
    let id = owner.created(&sent).await;
    let hidden = owner.created(&sent.with("/transmissions/0/authorizationAttribute", EVENTS)).await;
    let links = |dialog: &Value| {
        [
            "/attachments/0/urls/0/url",
            "/transmissions/0/attachments/0/urls/0/url",
            "/transmissions/0/navigationalActions/0/url",
        ]
        .map(|pointer| dialog.pointer(pointer).unwrap().as_str().unwrap().to_owned())
    };
    let open = ["https://example.com/a.pdf", "https://example.com/a.pdf", "https://example.com/next"];
    let person = service.person();
    assert_eq!(links(&person.opened(id).await), open);
    service.clock.advance_seconds(59);
    assert_eq!(links(&person.opened(id).await), open);
    service.clock.advance_seconds(1);
    assert_eq!(links(&person.opened(id).await), [EXPIRED; 3]);
    // Not being allowed goes before being too late.
    assert_eq!(links(&person.opened(hidden).await), [EXPIRED, UNAUTHORIZED, UNAUTHORIZED]);
    // Their owner sees them, and nothing else of the dialog is hidden.
    assert_eq!(links(&owner.dialog(id).await), open);
    assert_eq!(person.opened(id).await["guiActions"][0]["url"], "https://example.com/open");
}

mod refusal {
    use super::*;

    /// A level that a refusal of other kinds does not hide.
    const TOO_LOW: &str = "Altinn authentication level too low.";

    #[tokio::test]
    async fn of_dialogs_that_are_not_there_or_somebody_elses() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let unknown = service.id();
        person.open(unknown).await.assert_problem(404, &[("DialogEntity", &unknown.to_string())]);
        for sent in [
            dialog().with("/party", OTHER_PERSON),
            dialog().with("/party", COMPANY),
            // His own, but nobody has access to the service.
            dialog().with("/serviceResource", EVENTS),
        ] {
            let id = owner.created(&sent).await;
            person.open(id).await.assert_problem(403, &[("Forbidden", &id.to_string())]);
        }
        let id = owner.created(&dialog()).await;
        for stranger in [service.person_with("27069815400", 4), service.system_user(), service.email_user()] {
            stranger.open(id).await.assert_problem(403, &[("Forbidden", "")]);
        }
    }

    #[tokio::test]
    async fn of_a_login_that_is_too_weak() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (resource, minimum) in
            [(RESOURCE, 2), (LEVEL_FOUR, 4), ("urn:altinn:resource:ttd-demo-permit", 3)]
        {
            let id = owner.created(&dialog().with("/serviceResource", resource)).await;
            for level in 1..=4 {
                let answer = service.person_with(PERSON_NUMBER, level).open(id).await;
                if level < minimum {
                    answer.assert_problem(403, &[("Forbidden", TOO_LOW)]);
                    assert_eq!(answer.json()["errors"]["Forbidden"], json!([TOO_LOW]));
                } else {
                    answer.expect(200);
                }
            }
        }
        // No level at all.
        let email = "urn:altinn:person:idporten-email:sandbox.user@example.com";
        let notice = dialog().with("/party", email).with("/serviceResource", DEMO_NOTICE);
        let email_user = service.email_user();
        email_user.open(owner.created(&notice).await).await.expect(200);
        let ordinary = owner.created(&dialog().with("/party", email)).await;
        email_user.open(ordinary).await.assert_problem(403, &[("Forbidden", TOO_LOW)]);
    }

    #[tokio::test]
    async fn before_a_dialog_is_visible_and_after_it_has_expired() {
        let service = Service::at("2031-05-17T12:00:00Z").await;
        let sent =
            dialog().with("/visibleFrom", service.in_seconds(60)).with("/expiresAt", service.in_seconds(120));
        let id = service.owner().created(&sent).await;
        let person = service.person();

        let early = person.open(id).await;
        early.assert_problem(404, &[("DialogEntity", "2031-05-17T12:01:00.0000000Z")]);
        assert_eq!(early.header("expires"), Some("Sat, 17 May 2031 12:01:00 GMT"));
        service.clock.advance_seconds(59);
        person.open(id).await.assert_problem(404, &[("DialogEntity", "")]);
        service.clock.advance_seconds(1);
        person.open(id).await.expect(200);
        service.clock.advance_seconds(59);
        person.open(id).await.expect(200);
        service.clock.advance_seconds(1);
        let late = person.open(id).await;
        late.assert_problem(404, &[("DialogEntity", "2031-05-17T12:02:00.0000000Z")]);
        assert_eq!(late.header("expires"), None);
        // The service owner sees it all the time.
        service.owner().read(id).await.expect(200);
    }

    #[tokio::test]
    async fn in_order_of_what_the_user_may_know() {
        let service = Service::shared().await;
        let owner = service.owner();
        let delete = async |id| {
            service.database.execute("update dialog set deleted_at = now() where id = $1", id).await
        };
        let hidden =
            dialog().with("/serviceResource", LEVEL_FOUR).with("/visibleFrom", service.in_seconds(3_600));

        let id = owner.created(&hidden).await;
        service.person().open(id).await.assert_problem(403, &[("Forbidden", TOO_LOW)]);
        service.person_with(PERSON_NUMBER, 4).open(id).await.assert_problem(404, &[("DialogEntity", "")]);
        assert_eq!(delete(id).await, 1);
        service.person().open(id).await.assert_problem(410, &[("DialogEntity", &id.to_string())]);
        service
            .person_with("13838599936", 3)
            .open(id)
            .await
            .assert_problem(403, &[("Forbidden", "no access")]);
        // Nothing of this counts as having been seen.
        let sql = "select count(*) from seen_log where dialog_id = $1";
        assert_eq!(service.database.column::<i64>(sql, id).await, [0]);
    }
}

#[tokio::test]
async fn whoever_has_been_given_one_instance_opens_that_one() {
    let service = Service::shared().await;
    let owner = service.owner();
    let guest = service.person_with("02867598599", 3);
    let instance = "urn:altinn:instance-id:51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
    let app = dialog()
        .with("/serviceResource", "urn:altinn:resource:app_ttd_demo")
        .with("/party", "urn:altinn:organization:identifier-no:310923044");
    let labelled =
        app.clone().with("/serviceOwnerContext/serviceOwnerLabels", json!([{ "value": instance }]));
    guest.open(owner.created(&labelled).await).await.expect(200);
    guest.open(owner.created(&app).await).await.assert_problem(403, &[("Forbidden", "")]);
    let elsewhere = labelled.with("/serviceResource", RESOURCE);
    guest.open(owner.created(&elsewhere).await).await.assert_problem(403, &[("Forbidden", "")]);
}

mod seen {
    use super::*;

    async fn entries(service: &Service, id: Uuid) -> Vec<String> {
        let sql = "select user_id from seen_log where dialog_id = $1 order by seen_at";
        service.database.column(sql, id).await
    }

    async fn told(service: &Service, id: Uuid) -> usize {
        let sql = "select payload from outbox where dialog_id = $1 and payload @> '{\"events\":[{\"kind\":\"dialogSeen\"}]}'";
        service.database.column::<Value>(sql, id).await.len()
    }

    #[tokio::test]
    async fn once_by_each_user_however_often_and_at_once() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&one_of_each()).await;
        let before = owner.dialog(id).await;
        assert_eq!(before["isContentSeen"], false);

        for answer in join_all((0..8).map(|_| person.open(id).into_future())).await {
            let read = answer.expect(200).json();
            assert_eq!(read["seenSinceLastUpdate"].as_array().unwrap().len(), 1);
            assert_eq!(read["isContentSeen"], true);
        }
        person.opened(id).await;

        assert_eq!(entries(service, id).await, [PERSON]);
        assert_eq!(told(service, id).await, 1);
        let after = owner.dialog(id).await;
        for member in ["revision", "updatedAt", "contentUpdatedAt", "hasUnopenedContent", "endUserContext"] {
            assert_eq!(after[member], before[member], "{member}");
        }
        assert_eq!(after["isContentSeen"], true);
        // The service owner sees who it was.
        assert_eq!(after["seenSinceLastUpdate"][0]["seenBy"]["actorId"], PERSON);
        assert_eq!(after["seenSinceLastUpdate"][0]["isCurrentEndUser"], false);
    }

    #[tokio::test]
    async fn again_after_every_change_but_silent_ones() {
        let service = Service::at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let patch = |path: &str, value: &str| json!([{ "op": "add", "path": path, "value": value }]);
        let count = |dialog: &Value, list: &str| dialog[list].as_array().unwrap().len();
        person.opened(id).await;

        service.clock.advance_seconds(10);
        owner.patch(id, &patch("/externalReference", "a")).silently().await.expect(204);
        person.opened(id).await;
        assert_eq!(entries(&service, id).await.len(), 1);

        // Another change: the content is still known, the dialog is not.
        owner.patch(id, &patch("/externalReference", "b")).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(count(&read, "seenSinceLastUpdate"), 0);
        assert_eq!(count(&read, "seenSinceLastContentUpdate"), 1);
        assert_eq!(read["isContentSeen"], true);
        service.clock.advance_seconds(10);
        person.opened(id).await;
        assert_eq!(entries(&service, id).await.len(), 2);

        // New content: nobody has seen it.
        service.clock.advance_seconds(10);
        owner.patch(id, &patch("/status", "Completed")).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(count(&read, "seenSinceLastContentUpdate"), 0);
        assert_eq!(read["isContentSeen"], false);
        service.clock.advance_seconds(10);
        let read = person.opened(id).await;
        assert_eq!(read["seenSinceLastContentUpdate"].as_array().unwrap().len(), 1);
        assert_eq!(read["seenSinceLastContentUpdate"][0]["seenAt"], service.in_seconds(0));
        assert_eq!(entries(&service, id).await.len(), 3);
    }

    #[tokio::test]
    async fn by_people_under_a_pseudonym_and_by_systems_under_their_id() {
        let service = Service::at(NOON).await;
        let id = service.owner().created(&dialog().with("/party", COMPANY)).await;
        let (manager, system) = (service.person_with(MANAGER, 3), service.system_user());
        let first = manager.opened(id).await["seenSinceLastUpdate"].clone();
        assert_eq!(first[0]["isCurrentEndUser"], true);
        service.clock.advance_seconds(1);

        let read = system.opened(id).await;

        let [other, own] = &read["seenSinceLastUpdate"].as_array().unwrap()[..] else {
            panic!("two entries")
        };
        assert_eq!(other["seenBy"], first[0]["seenBy"]);
        assert!(is_pseudonym(&other["seenBy"]["actorId"]));
        assert_eq!(other["isCurrentEndUser"], false);
        assert_eq!(own["seenBy"]["actorId"], SYSTEM_USER);
        assert_eq!(own["seenBy"]["actorName"], "Dialogporten E2E tests (nb)");
        assert_eq!(own["isCurrentEndUser"], true);
        assert!(!read.to_string().contains(MANAGER), "{read:#}");
    }

    #[tokio::test]
    async fn takes_away_the_mark_as_unopened() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        person.opened(id).await;
        let before = owner.dialog(id).await;
        // As if the user had marked it.
        let sql = "update dialog set system_labels = system_labels | 8 where id = $1";
        service.database.execute(sql, id).await;
        let marked = owner.dialog(id).await;
        assert_eq!(marked["isContentSeen"], false);
        assert_eq!(marked["endUserContext"]["systemLabels"], json!(["Default", "MarkedAsUnopened"]));

        let read = person.opened(id).await;

        assert_eq!(read["endUserContext"]["systemLabels"], json!(["Default"]));
        assert_eq!(read["isContentSeen"], true);
        assert_eq!(owner.dialog(id).await, before);
        let sql = "select jsonb_build_array(label, is_set, performed_by->>'actorId') from label_log where dialog_id = $1";
        assert_eq!(service.database.column::<Value>(sql, id).await, [json!([4, false, PERSON])]);
    }
}

mod for_a_person {
    use super::*;

    #[tokio::test]
    async fn the_service_owner_sees_what_the_person_may_do() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&full_dialog(service)).await;
        let read = owner.read_for(id, PERSON).await.expect(200).json();
        assert_eq!(read["guiActions"][0]["isAuthorized"], true);
        assert_eq!(read["guiActions"][1]["isAuthorized"], false);
        assert_eq!(read["apiActions"][0]["isAuthorized"], false);
        assert_eq!(read["transmissions"][0]["isAuthorized"], false);
        assert_eq!(read["content"]["mainContentReference"]["isAuthorized"], true);
        // It is the owner who looks: links and names are there, the token is not.
        assert_eq!(read["guiActions"][1]["url"], "https://example.com/delete");
        assert_eq!(
            read["transmissions"][0]["attachments"][0]["urls"][0]["url"],
            "https://example.com/form.pdf"
        );
        assert_eq!(read["transmissions"][1]["sender"]["actorId"], PERSON);
        assert!(read.get("dialogToken").is_none());
        assert!(read["searchTags"].is_array());
        let seen = &read["seenSinceLastUpdate"][0];
        assert_eq!(seen["seenBy"]["actorId"], PERSON);
        assert_eq!((&seen["isViaServiceOwner"], &seen["isCurrentEndUser"]), (&json!(true), &json!(true)));
        assert_eq!(owner.dialog(id).await["isContentSeen"], true);

        // Without a person there is no such thing.
        let read = owner.dialog(id).await;
        assert!(read["guiActions"][0].get("isAuthorized").is_none());
        assert!(read["transmissions"][0].get("isAuthorized").is_none());
    }

    #[tokio::test]
    async fn hidden_dialogs_are_hidden_here_too() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner
            .created(
                &dialog()
                    .with("/visibleFrom", service.in_seconds(60))
                    .with("/expiresAt", service.in_seconds(120)),
            )
            .await;
        owner.read_for(id, PERSON).await.assert_problem(404, &[("DialogEntity", "")]);
        service.clock.advance_seconds(60);
        owner.read_for(id, PERSON).await.expect(200);
        owner.read_for(id, OTHER_PERSON).await.assert_problem(404, &[("DialogEntity", "")]);
        service.clock.advance_seconds(60);
        owner.read_for(id, PERSON).await.assert_problem(404, &[("DialogEntity", "expired")]);
        service.database.execute("update dialog set deleted_at = now() where id = $1", id).await;
        owner.read_for(id, PERSON).await.assert_problem(410, &[("DialogEntity", "")]);
        owner.read(id).await.expect(200);
    }

    #[tokio::test]
    async fn the_person_is_a_valid_number() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        for bad in ["", "urn:altinn:person:identifier-no:08844397714", SYSTEM_USER, COMPANY, "x"] {
            owner.read_for(id, bad).await.assert_problem(400, &[("EndUserId", "11 digits")]);
        }
        // The name of the parameter has no case; on other operations it counts as well.
        let path = format!("/api/v1/serviceowner/dialogs/{id}?ENDUSERID={PERSON}");
        let read = owner.get(&path).await.expect(200).json();
        assert_eq!(read["seenSinceLastUpdate"][0]["seenBy"]["actorId"], PERSON);
        let path = format!("/api/v1/serviceowner/dialogs/{id}?enduserid=x");
        let call = owner.call(reqwest::Method::PUT, &path).json(&dialog());
        call.await.assert_problem(400, &[("EndUserId", "")]);
    }
}
