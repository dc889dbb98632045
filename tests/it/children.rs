//! Transmissions and activities by themselves: adding, reading and correcting them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";

fn letter(kind: &str) -> Value {
    one_of_each()["transmissions"][0].clone().with("/type", kind)
}

fn activity(kind: &str) -> Value {
    json!({ "type": kind, "performedBy": { "actorType": "ServiceOwner" } })
}

fn opening(transmission: Uuid) -> Value {
    activity("TransmissionOpened").with("/transmissionId", transmission.to_string())
}

fn answer_to(transmission: Uuid) -> Value {
    letter("Information").with("/relatedTransmissionId", transmission.to_string())
}

fn ids(list: &Value) -> Vec<Uuid> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}

fn labels(dialog: &Value) -> &Value {
    &dialog["endUserContext"]["systemLabels"]
}

/// Adds a child, which must succeed, and gives its id.
async fn added(client: &Client, id: Uuid, list: &str, child: &Value) -> Uuid {
    client.append(id, list, child).await.expect(201).id()
}

mod transmissions {
    use super::*;

    #[tokio::test]
    async fn are_added_and_read() {
        let service = Service::at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&one_of_each().with("/transmissions", json!([]))).await;
        person.open(id).await.expect(200);
        let before = owner.read(id).await;
        service.clock.advance_seconds(60);

        let own = service.id();
        let sent = letter("Decision").with("/id", own.to_string()).with("/idempotentKey", "first");
        let sent = sent.with("/externalReference", "letter-1").with("/extendedType", "urn:test:letter");
        let answer = owner.append(id, "transmissions", &sent).if_match(before.etag()).await.expect(201);
        assert_eq!(answer.id(), own);
        let location = format!("/api/v1/serviceowner/dialogs/{id}/transmissions/{own}");
        assert_eq!(answer.header("location"), Some(location.as_str()));
        let after = owner.read(id).await;
        assert_eq!(after.etag(), answer.etag());
        assert_ne!(after.etag(), before.etag());

        let read = owner.get(&location).await.expect(200).json();
        for member in ["id", "type", "idempotentKey", "externalReference", "extendedType"] {
            assert_eq!(read[member], sent[member], "{member}");
        }
        assert_eq!(read["content"]["title"]["value"], sent["content"]["title"]["value"]);
        assert_eq!(read["attachments"][0]["name"], "decision.pdf");
        assert_eq!(read["navigationalActions"][0]["url"], "https://example.com/next");
        let now = "2031-05-17T12:01:00.1234560Z";
        assert_eq!(read["createdAt"], now);
        assert_eq!(owner.list_below(id, "transmissions").await, json!([read]));
        assert_eq!(ids(&after.json()["transmissions"]), [own]);
        // It is content.
        for member in ["updatedAt", "contentUpdatedAt"] {
            assert_eq!(after.json()[member], now, "{member}");
        }
        let seen = |dialog: &Answer| dialog.json()["seenSinceLastContentUpdate"].as_array().unwrap().len();
        assert_eq!((seen(&before), seen(&after)), (1, 0));
        let kinds = ["dialogUpdated", "transmissionCreated"].map(str::to_owned).to_vec();
        assert_eq!(service.told(id).await.last(), Some(&(kinds, false)));
    }

    #[tokio::test]
    async fn are_listed_newest_first() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let mut expected = Vec::new();
        for _ in 0..3 {
            expected.push(added(&owner, id, "transmissions", &letter("Information")).await);
        }
        // Of the same moment, the greater id is the newer.
        expected.sort_by(|a, b| b.cmp(a));
        service.clock.advance_seconds(1);
        expected.insert(0, added(&owner, id, "transmissions", &letter("Information")).await);
        let old = letter("Information").with("/createdAt", "2020-01-01T00:00:00Z");
        expected.push(added(&owner, id, "transmissions", &old).await);
        let list = owner.list_below(id, "transmissions").await;
        assert_eq!(ids(&list), expected);
        for (index, transmission) in expected.iter().enumerate() {
            let one = owner.list_below(id, &format!("transmissions/{transmission}")).await;
            assert_eq!(one, list[index]);
        }
        let mut of_dialog = owner.dialog(id).await["transmissions"].clone();
        of_dialog.as_array_mut().unwrap().reverse();
        assert_eq!(ids(&of_dialog), expected);
    }

    #[tokio::test]
    async fn count_by_type_and_are_unopened_unless_the_party_sent_them() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (kind, from_party) in [
            ("Information", false),
            ("Acceptance", false),
            ("Rejection", false),
            ("Request", false),
            ("Alert", false),
            ("Decision", false),
            ("Submission", true),
            ("Correction", true),
        ] {
            let id = owner.created(&dialog().with("/systemLabel", "Archive")).await;
            assert_eq!(owner.dialog(id).await["hasUnopenedContent"], false);
            added(&owner, id, "transmissions", &letter(kind)).await;
            let read = owner.dialog(id).await;
            assert_eq!(read["fromPartyTransmissionsCount"], i32::from(from_party), "{kind}");
            assert_eq!(read["fromServiceOwnerTransmissionsCount"], i32::from(!from_party), "{kind}");
            assert_eq!(read["hasUnopenedContent"], !from_party, "{kind}");
            let expected = if from_party { json!(["Default", "Sent"]) } else { json!(["Default"]) };
            assert_eq!(*labels(&read), expected, "{kind}");
        }
    }

    #[tokio::test]
    async fn are_counted_up_to_a_limit() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (sql, kind, key) in [
            (
                "update dialog set from_party = 32766 where id = $1",
                "Submission",
                "FromPartyTransmissionsCount",
            ),
            (
                "update dialog set from_service_owner = 32766 where id = $1",
                "Alert",
                "FromServiceOwnerTransmissionsCount",
            ),
        ] {
            let id = owner.created(&dialog()).await;
            service.database.execute(sql, id).await;
            added(&owner, id, "transmissions", &letter(kind)).await;
            let answer = owner.append(id, "transmissions", &letter(kind)).await;
            answer.assert_problem(422, &[(key, "32767")]);
        }
    }

    #[tokio::test]
    async fn have_content_unless_the_dialog_is_for_systems_alone() {
        let service = Service::shared().await;
        let owner = service.owner();
        let bare = letter("Information").without("/content");
        let id = owner.created(&dialog()).await;
        let answer = owner.append(id, "transmissions", &bare).await;
        answer.assert_problem(400, &[("transmissions[0].content", "isApiOnly")]);
        let id = owner.created(&dialog().with("/isApiOnly", true)).await;
        let transmission = added(&owner, id, "transmissions", &bare).await;
        let read = owner.list_below(id, &format!("transmissions/{transmission}")).await;
        assert!(read.get("content").is_none_or(Value::is_null), "{read:#}");
        let body = put_body(&owner.dialog(id).await).with("/isApiOnly", false);
        owner.put(id, &body).await.assert_problem(400, &[("dto.transmissions", "isApiOnly")]);
    }

    #[tokio::test]
    async fn relate_to_others_of_the_dialog() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let mut chain = vec![added(&owner, id, "transmissions", &letter("Information")).await];
        for length in 2..=100 {
            let parent = *chain.last().unwrap();
            chain.push(added(&owner, id, "transmissions", &answer_to(parent)).await);
            assert_eq!(chain.len(), length);
        }
        let answer = owner.append(id, "transmissions", &answer_to(chain[99])).await;
        answer.assert_problem(422, &[("Transmissions", "at most 100 long")]);
        let read = owner.list_below(id, &format!("transmissions/{}", chain[99])).await;
        assert_eq!(read["relatedTransmissionId"], chain[98].to_string());

        // One answer is in the chain.
        let letters: Vec<Value> = (0..99).map(|_| answer_to(chain[0])).collect();
        let body = put_body(&owner.dialog(id).await).with("/transmissions", letters);
        owner.put(id, &body).await.expect(204);
        let answer = owner.append(id, "transmissions", &answer_to(chain[0])).await;
        answer.assert_problem(422, &[("Transmissions", "100")]);

        let other = owner.created(&dialog()).await;
        for unknown in [chain[0], service.id()] {
            let answer = owner.append(other, "transmissions", &answer_to(unknown)).await;
            answer.assert_problem(422, &[("Transmissions", &unknown.to_string())]);
        }
        let own = service.id();
        let circle = answer_to(own).with("/id", own.to_string());
        let answer = owner.append(other, "transmissions", &circle).await;
        answer.assert_problem(400, &[("transmissions[0].relatedTransmissionId", "itself")]);
        assert_eq!(owner.list_below(other, "transmissions").await, json!([]));
    }

    #[tokio::test]
    async fn have_ids_and_keys_that_are_taken_once() {
        let service = Service::shared().await;
        let owner = service.owner();
        let [own, attachment] = [service.id(), service.id()].map(|id| id.to_string());
        let sent = letter("Information")
            .with("/id", own.as_str())
            .with("/idempotentKey", "the key")
            .with("/attachments/0/id", attachment.as_str());
        let (id, other) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
        added(&owner, id, "transmissions", &sent).await;
        let before = owner.dialog(id).await;

        let again = letter("Information").with("/idempotentKey", "the key");
        let answer = owner.append(id, "transmissions", &again).await;
        answer.assert_problem(409, &[("IdempotentKey", &own)]);
        assert_eq!(answer.json()["transmissionId"], own);
        let location = format!("/api/v1/serviceowner/dialogs/{id}/transmissions/{own}");
        assert_eq!(answer.header("location"), Some(location.as_str()));
        for dialog in [id, other] {
            let again = letter("Information").with("/id", own.as_str());
            let answer = owner.append(dialog, "transmissions", &again).await;
            answer.assert_problem(422, &[("DialogTransmission", &own)]);
            let again = letter("Information").with("/attachments/0/id", attachment.as_str());
            let answer = owner.append(dialog, "transmissions", &again).await;
            answer.assert_problem(422, &[("DialogAttachment", &attachment)]);
        }
        // The key comes before what else is wrong.
        let both = again.with("/relatedTransmissionId", service.id().to_string());
        owner.append(id, "transmissions", &both).await.assert_problem(409, &[("IdempotentKey", &own)]);
        assert_eq!(owner.dialog(id).await, before);

        // The key is the dialog's.
        let there = letter("Information").with("/idempotentKey", "the key");
        added(&owner, other, "transmissions", &there).await;
    }

    #[tokio::test]
    async fn are_checked_as_in_put() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let (past, future) = (service.in_seconds(-60), service.in_seconds(60));
        for (pointer, value, status, key) in [
            ("/type", json!("Nonsense"), 400, "transmissions[0].type"),
            ("/type", Value::Null, 400, "transmissions[0].type"),
            ("/sender", Value::Null, 400, "transmissions[0].sender"),
            ("/sender/actorName", json!("Kari"), 400, "transmissions[0].sender"),
            ("/content/title", Value::Null, 400, "transmissions[0].content.title"),
            ("/idempotentKey", json!("ab"), 400, "transmissions[0].idempotentKey"),
            ("/externalReference", json!("x".repeat(256)), 400, "transmissions[0].externalReference"),
            ("/createdAt", json!(future), 400, "transmissions[0].createdAt"),
            (
                "/attachments/0/urls/0/url",
                json!("http://example.com/a"),
                400,
                "transmissions[0].attachments[0].urls[0].url",
            ),
            (
                "/navigationalActions/0/expiresAt",
                json!(past),
                400,
                "transmissions[0].navigationalActions[0].expiresAt",
            ),
            ("/attachments/0/expiresAt", json!(past), 422, "Transmissions[0].Attachments[0].ExpiresAt"),
            ("/authorizationAttribute", json!(OTHER_OWNERS), 403, "Forbidden"),
            (
                "/sender",
                json!({ "actorType": "PartyRepresentative", "actorId": "urn:altinn:person:identifier-no:13" }),
                400,
                "transmissions[0].sender.actorId",
            ),
        ] {
            let answer = owner.append(id, "transmissions", &letter("Alert").with(pointer, value)).await;
            answer.assert_problem(status, &[(key, "")]);
        }
        assert_eq!(owner.list_below(id, "transmissions").await, json!([]));
    }

    #[tokio::test]
    async fn may_come_silently_by_query_and_by_body() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        for by_query in [true, false] {
            let id = owner.created(&dialog().with("/systemLabel", "Bin")).await;
            let before = owner.dialog(id).await;
            service.clock.advance_seconds(60);
            let sent = letter("Submission");
            let call = if by_query {
                owner.append(id, "transmissions", &sent).silently()
            } else {
                owner.append(id, "transmissions", &sent.with("/isSilentUpdate", true))
            };
            let answer = call.await.expect(201);
            let after = owner.dialog(id).await;
            assert_eq!(after["revision"], answer.etag().to_string());
            assert_ne!(after["revision"], before["revision"]);
            for member in ["updatedAt", "contentUpdatedAt"] {
                assert_eq!(after[member], before[member], "{member}");
            }
            assert_eq!(*labels(&after), json!(["Bin", "Sent"]));
            assert_eq!(after["fromPartyTransmissionsCount"], 1);
            assert_eq!(service.told(id).await[1..], [(vec!["dialogUpdated".to_owned()], true)]);
            let child = letter("Information").with("/isSilentUpdate", "perhaps");
            owner.append(id, "transmissions", &child).await.assert_problem_document(400);
        }
    }
}

mod activities {
    use super::*;

    #[tokio::test]
    async fn are_added_and_read() {
        let service = Service::at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog().with("/systemLabel", "Archive")).await;
        person.open(id).await.expect(200);
        let before = owner.read(id).await;
        service.clock.advance_seconds(60);

        let own = service.id();
        let sent = json!({
            "id": own, "type": "Information", "extendedType": "urn:test:call", "description": text("Ringte oss"),
            "performedBy": { "actorType": "PartyRepresentative", "actorName": "Kari Nordmann" },
        });
        let answer = owner.append(id, "activities", &sent).if_match(before.etag()).await.expect(201);
        assert_eq!(answer.id(), own);
        let location = format!("/api/v1/serviceowner/dialogs/{id}/activities/{own}");
        assert_eq!(answer.header("location"), Some(location.as_str()));
        let after = owner.read(id).await;
        assert_eq!(after.etag(), answer.etag());
        assert_ne!(after.etag(), before.etag());

        let read = owner.get(&location).await.expect(200).json();
        let now = "2031-05-17T12:01:00.1234560Z";
        assert_eq!(read["createdAt"], now);
        for member in ["id", "type", "extendedType", "description"] {
            assert_eq!(read[member], sent[member], "{member}");
        }
        assert_eq!(read["performedBy"]["actorName"], "Kari Nordmann");
        assert_eq!(owner.list_below(id, "activities").await, json!([read]));
        // It is no content.
        assert_eq!(after.json()["updatedAt"], now);
        assert_eq!(after.json()["contentUpdatedAt"], before.json()["contentUpdatedAt"]);
        let seen = |dialog: &Answer| dialog.json()["seenSinceLastContentUpdate"].as_array().unwrap().len();
        assert_eq!((seen(&before), seen(&after)), (1, 1));
        assert_eq!(*labels(&after.json()), json!(["Default"]));
        let kinds = ["dialogUpdated", "activityCreated"].map(str::to_owned).to_vec();
        assert_eq!(service.told(id).await.last(), Some(&(kinds, false)));
    }

    #[tokio::test]
    async fn are_listed_oldest_first() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let mut expected = Vec::new();
        for _ in 0..3 {
            expected.push(added(&owner, id, "activities", &activity("FormSaved")).await);
        }
        expected.sort();
        service.clock.advance_seconds(1);
        expected.push(added(&owner, id, "activities", &activity("FormSaved")).await);
        let old = activity("PaymentMade").with("/createdAt", "2020-01-01T00:00:00Z");
        expected.insert(0, added(&owner, id, "activities", &old).await);
        let list = owner.list_below(id, "activities").await;
        assert_eq!(ids(&list), expected);
        assert_eq!(ids(&owner.dialog(id).await["activities"]), expected);
        for (index, activity) in expected.iter().enumerate() {
            assert_eq!(owner.list_below(id, &format!("activities/{activity}")).await, list[index]);
        }
    }

    #[tokio::test]
    async fn tell_which_letters_were_opened() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let first = added(&owner, id, "transmissions", &letter("Information")).await;
        let second = added(&owner, id, "transmissions", &letter("Decision")).await;
        let sent = added(&owner, id, "transmissions", &letter("Submission")).await;
        for (transmission, unopened) in [(first, true), (first, true), (sent, true), (second, false)] {
            added(&owner, id, "activities", &opening(transmission)).await;
            assert_eq!(owner.dialog(id).await["hasUnopenedContent"], unopened);
        }
        let list = owner.list_below(id, "transmissions").await;
        let opened: Vec<&Value> = list.as_array().unwrap().iter().map(|item| &item["isOpened"]).collect();
        assert_eq!(opened, [&json!(false), &json!(true), &json!(true)]);
        added(&owner, id, "transmissions", &letter("Alert")).await;
        assert_eq!(owner.dialog(id).await["hasUnopenedContent"], true);

        let other = owner.created(&dialog()).await;
        for unknown in [first, service.id()] {
            let answer = owner.append(other, "activities", &opening(unknown)).await;
            answer.assert_problem(422, &[("Activity.TransmissionId", &unknown.to_string())]);
        }
        assert_eq!(owner.list_below(other, "activities").await, json!([]));
    }

    #[tokio::test]
    async fn of_correspondence_are_for_altinn_correspondence() {
        let service = Service::shared().await;
        let (owner, correspondence) = (service.owner(), service.owner_with(CORRESPONDENCE_SCOPE));
        let id = correspondence.created(&dialog().with("/serviceResource", CORRESPONDENCE)).await;
        let letter = added(&correspondence, id, "transmissions", &letter("Information")).await;
        added(&correspondence, id, "activities", &activity("CorrespondenceOpened")).await;
        assert_eq!(owner.dialog(id).await["hasUnopenedContent"], true);
        added(&correspondence, id, "activities", &opening(letter)).await;
        assert_eq!(owner.dialog(id).await["hasUnopenedContent"], false);
        let ours = owner.created(&dialog()).await;
        for (dialog, kind) in
            [(ours, "CorrespondenceOpened"), (ours, "CorrespondenceConfirmed"), (id, "FormSaved")]
        {
            let answer = owner.append(dialog, "activities", &activity(kind)).await;
            answer.assert_problem(403, &[("Forbidden", "")]);
        }
    }

    #[tokio::test]
    async fn are_checked() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let before = owner.dialog(id).await;
        let future = service.in_seconds(60);
        for (pointer, value, key) in [
            ("/type", json!("Nonsense"), "activity.type"),
            ("/type", Value::Null, "activity.type"),
            ("/type", json!("Information"), "activity.description"),
            ("/type", json!("TransmissionOpened"), "activity.transmissionId"),
            ("/description", text("no"), "activity.description"),
            ("/transmissionId", json!(service.id()), "activity.transmissionId"),
            ("/performedBy", Value::Null, "activity.performedBy"),
            ("/performedBy/actorName", json!("Kari"), "activity.performedBy"),
            ("/createdAt", json!(future), "activity.createdAt"),
            ("/extendedType", json!("no uri"), "activity.extendedType"),
            ("/id", json!("86ea8715-05f5-4a4e-8bf7-91840e06dee5"), "activity.id"),
        ] {
            let answer = owner.append(id, "activities", &activity("FormSaved").with(pointer, value)).await;
            answer.assert_problem(400, &[(key, "")]);
        }
        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn have_ids_that_are_taken_once_among_all_dialogs() {
        let service = Service::shared().await;
        let owner = service.owner();
        let own = service.id().to_string();
        let sent = activity("FormSaved").with("/id", own.as_str());
        let (id, other) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
        added(&owner, id, "activities", &sent).await;
        for dialog in [id, other] {
            let answer = owner.append(dialog, "activities", &sent).await;
            answer.assert_problem(422, &[("DialogActivity", &own)]);
        }
    }

    #[tokio::test]
    async fn may_come_silently_by_query_and_by_body() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        for by_query in [true, false] {
            let id = owner.created(&dialog().with("/systemLabel", "Bin")).await;
            let before = owner.dialog(id).await;
            service.clock.advance_seconds(60);
            let call = if by_query {
                owner.append(id, "activities", &activity("FormSaved")).silently()
            } else {
                owner.append(id, "activities", &activity("FormSaved").with("/isSilentUpdate", true))
            };
            let answer = call.await.expect(201);
            let after = owner.dialog(id).await;
            assert_eq!(after["revision"], answer.etag().to_string());
            assert_ne!(after["revision"], before["revision"]);
            assert_eq!(after["updatedAt"], before["updatedAt"]);
            assert_eq!(*labels(&after), json!(["Bin"]));
            assert_eq!(service.told(id).await[1..], [(vec!["dialogUpdated".to_owned()], true)]);
        }
    }
}

#[tokio::test]
async fn conditions_and_what_is_not_there() {
    let service = Service::shared().await;
    let (owner, other) = (service.owner(), service.other_owner());
    let id = owner.created(&one_of_each()).await;
    let before = owner.dialog(id).await;
    for (list, child, key) in [
        ("transmissions", letter("Alert"), "DialogTransmission"),
        ("activities", activity("FormSaved"), "DialogActivity"),
    ] {
        owner.append(id, list, &child).if_match(service.id()).await.assert_problem(412, &[]);
        let unknown = service.id();
        let path = format!("{list}/{unknown}");
        owner.below(Method::GET, id, &path).await.assert_problem(404, &[(key, &unknown.to_string())]);
        let known = ids(&before[list])[0];
        // One of another dialog is not there either.
        let elsewhere = owner.created(&dialog()).await;
        let path = format!("{list}/{known}");
        owner.below(Method::GET, elsewhere, &path).await.assert_problem(404, &[(key, "")]);
        owner.below(Method::GET, id, &format!("{list}/nonsense")).await.assert_problem_document(400);
        for (client, dialog) in [(&owner, unknown), (&other, id)] {
            for call in [
                client.append(dialog, list, &child),
                client.below(Method::GET, dialog, list),
                client.below(Method::GET, dialog, &path),
            ] {
                call.await.assert_problem(404, &[("DialogEntity", "")]);
            }
        }
        assert_eq!(owner.dialog(id).await, before);
    }
    owner.delete(id).await.expect(204);
    for (list, child) in [("transmissions", letter("Alert")), ("activities", activity("FormSaved"))] {
        let path = format!("{list}/{}", ids(&before[list])[0]);
        for call in [
            owner.append(id, list, &child),
            // Whatever the condition.
            owner.append(id, list, &child).if_match(service.id()),
            owner.below(Method::GET, id, list),
            owner.below(Method::GET, id, &path),
        ] {
            call.await.assert_problem(410, &[("DialogEntity", &id.to_string())]);
        }
    }
    // Administrators record even then what happened.
    service.owner_with(ADMIN).append(id, "activities", &activity("FormSaved")).await.expect(201);
}

mod corrections {
    use super::*;

    /// The body that puts a transmission back as it was read.
    async fn read(client: &Client, id: Uuid, transmission: Uuid) -> Value {
        client.list_below(id, &format!("transmissions/{transmission}")).await
    }

    #[tokio::test]
    async fn need_a_scope_and_are_silent() {
        let service = Service::shared().await;
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));
        let id = owner.created(&one_of_each()).await;
        let transmission = ids(&owner.dialog(id).await["transmissions"])[0];
        let body = letter("Decision");
        owner.correct(id, transmission, &body).await.assert_problem_document(403);
        let path = format!("transmissions/{transmission}");
        let loud = || corrector.below(Method::PUT, id, &path);
        for call in [
            loud().json(&body),
            loud().json(&body.clone().with("/isSilentUpdate", false)),
            loud().json(&body.clone().with("/isSilentUpdate", Value::Null)),
        ] {
            call.await.assert_problem(400, &[("isSilentUpdate", "")]);
        }
        assert_eq!(read(&owner, id, transmission).await["type"], "Information");
        loud().json(&body.with("/isSilentUpdate", true)).await.expect(204);
        assert_eq!(read(&owner, id, transmission).await["type"], "Decision");
    }

    #[tokio::test]
    async fn replace_everything_but_the_id() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let sent = full_dialog(&service).with("/systemLabel", "Bin");
        let id = owner.created(&sent).await;
        let before = owner.dialog(id).await;
        let [first, second] = ids(&before["transmissions"])[..] else { panic!("two") };
        let old = read(&owner, id, first).await;
        service.clock.advance_seconds(86_400);
        // Tokens do not last that long.
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));

        // Attachments may have expired meanwhile; they are merged by id.
        let body = old
            .clone()
            .with("/id", service.id().to_string())
            .with("/content/title/value/0/value", "Rettet")
            .without("/content/summary")
            .without("/extendedType")
            .without("/externalReference")
            .with("/sender", json!({ "actorType": "PartyRepresentative", "actorName": "Kari Nordmann" }))
            .with("/navigationalActions", json!([]))
            .with("/attachments/0/displayName", text("Rettet"));
        let answer = corrector
            .correct(id, first, &body)
            .if_match(before["revision"].as_str().unwrap().parse().unwrap())
            .await
            .expect(204);
        let after = owner.dialog(id).await;
        assert_eq!(after["revision"], answer.etag().to_string());
        assert_ne!(after["revision"], before["revision"]);
        let new = read(&owner, id, first).await;
        assert_eq!(new["id"], old["id"]);
        assert_eq!(new["createdAt"], old["createdAt"]);
        assert_eq!(new["content"]["title"]["value"], text("Rettet"));
        assert!(new["content"].get("summary").is_none());
        for gone in ["extendedType", "externalReference"] {
            assert!(new.get(gone).is_none(), "{gone}");
        }
        assert_eq!(new["sender"]["actorName"], "Kari Nordmann");
        assert_eq!(new["attachments"][0]["id"], old["attachments"][0]["id"]);
        assert_eq!(new["attachments"][0]["urls"], old["attachments"][0]["urls"]);
        assert_eq!(new["navigationalActions"], json!([]));
        // Nothing else has changed.
        assert_eq!(ids(&after["transmissions"]), [first, second]);
        assert_eq!(after["transmissions"][1], before["transmissions"][1]);
        for member in ["updatedAt", "contentUpdatedAt", "endUserContext", "activities", "content"] {
            assert_eq!(after[member], before[member], "{member}");
        }
        assert_eq!(service.told(id).await[1..], [(vec!["dialogUpdated".to_owned()], true)]);

        // Sending that again changes nothing.
        let again = corrector.correct(id, first, &new).await.expect(204);
        assert_eq!(again.etag(), answer.etag());
        assert_eq!(owner.dialog(id).await, after);
        assert_eq!(service.told(id).await.len(), 2);

        corrector.correct(id, first, &new.clone().with("/attachments", json!([]))).await.expect(204);
        assert_eq!(read(&owner, id, first).await["attachments"], json!([]));
    }

    #[tokio::test]
    async fn count_the_transmission_as_what_it_has_become() {
        let service = Service::shared().await;
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));
        let id = owner.created(&dialog().with("/systemLabel", "Archive")).await;
        let transmission =
            owner.append(id, "transmissions", &letter("Information")).silently().await.expect(201).id();
        for (kind, unopened, labelled) in [
            ("Submission", false, json!(["Archive", "Sent"])),
            ("Decision", true, json!(["Archive", "Sent"])),
        ] {
            corrector.correct(id, transmission, &letter(kind)).await.expect(204);
            let read = owner.dialog(id).await;
            let from_party = i32::from(kind == "Submission");
            assert_eq!(read["fromPartyTransmissionsCount"], from_party, "{kind}");
            assert_eq!(read["fromServiceOwnerTransmissionsCount"], 1 - from_party, "{kind}");
            assert_eq!(read["hasUnopenedContent"], unopened, "{kind}");
            assert_eq!(*labels(&read), labelled, "{kind}");
        }
        // One that was opened stays so.
        added(&owner, id, "activities", &opening(transmission)).await;
        corrector.correct(id, transmission, &letter("Correction")).await.expect(204);
        corrector.correct(id, transmission, &letter("Alert")).await.expect(204);
        assert_eq!(owner.dialog(id).await["hasUnopenedContent"], false);
    }

    #[tokio::test]
    async fn keep_chains_without_circles_and_short() {
        let service = Service::shared().await;
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));
        let id = owner.created(&dialog()).await;
        let root = added(&owner, id, "transmissions", &letter("Information")).await;
        let child = added(&owner, id, "transmissions", &answer_to(root)).await;
        let grandchild = added(&owner, id, "transmissions", &answer_to(child)).await;
        for (transmission, parent) in
            [(root, root), (root, child), (root, grandchild), (child, grandchild), (root, service.id())]
        {
            let answer = corrector.correct(id, transmission, &answer_to(parent)).await;
            answer.assert_problem(422, &[("Transmissions", "")]);
        }
        let ids = &mut service.clock.ids(service.now());
        let ids: Vec<Uuid> = (0..98).map(|_| ids.next_id()).collect();
        let chain: Vec<Value> = ids
            .iter()
            .enumerate()
            .map(|(index, own)| {
                let letter = if index == 0 { letter("Alert") } else { answer_to(ids[index - 1]) };
                letter.with("/id", own.to_string())
            })
            .collect();
        let body = put_body(&owner.dialog(id).await).with("/transmissions", chain);
        owner.put(id, &body).await.expect(204);
        // Three below 98 are one too many, two are not.
        let answer = corrector.correct(id, root, &answer_to(ids[97])).await;
        answer.assert_problem(422, &[("Transmissions", "at most 100 long")]);
        corrector.correct(id, child, &answer_to(ids[97])).await.expect(204);
        let answer = owner.append(id, "transmissions", &answer_to(grandchild)).await;
        answer.assert_problem(422, &[("Transmissions", "at most 100 long")]);
        // Back to the top, there is room below them again.
        corrector.correct(id, child, &letter("Information")).await.expect(204);
        added(&owner, id, "transmissions", &answer_to(grandchild)).await;
    }

    #[tokio::test]
    async fn keys_and_ids_are_taken_once_and_free_when_given_up() {
        let service = Service::shared().await;
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));
        let id = owner.created(&dialog()).await;
        let [attachment, url] = [service.id(), service.id()].map(|id| id.to_string());
        let sent = letter("Information")
            .with("/idempotentKey", "first")
            .with("/attachments/0/id", attachment.as_str())
            .with("/attachments/0/urls/0/id", url.as_str());
        let first = added(&owner, id, "transmissions", &letter("Information")).await;
        // Only here the ids of links can be chosen.
        corrector.correct(id, first, &sent).await.expect(204);
        let second =
            added(&owner, id, "transmissions", &letter("Information").with("/idempotentKey", "second")).await;

        let taken = letter("Information").with("/idempotentKey", "first");
        let answer = corrector.correct(id, second, &taken).await;
        answer.assert_problem(409, &[("IdempotentKey", &first.to_string())]);
        for (pointer, value, key) in [
            ("/attachments/0/id", &attachment, "DialogAttachment"),
            ("/attachments/0/urls/0/id", &url, "DialogAttachmentUrl"),
        ] {
            let body = letter("Information").with(pointer, value.as_str());
            let answer = corrector.correct(id, second, &body).await;
            answer.assert_problem(422, &[(key, value)]);
        }
        let twice = sent.clone().with("/attachments/0/urls/1", sent["attachments"][0]["urls"][0].clone());
        corrector.correct(id, first, &twice).await.assert_problem_document(400);

        // Its own are its own.
        corrector.correct(id, first, &sent.clone().with("/type", "Alert")).await.expect(204);
        let bare = letter("Information").with("/attachments", json!([]));
        corrector.correct(id, first, &bare).await.expect(204);
        corrector.correct(id, second, &sent).await.expect(204);
        let read = read(&owner, id, second).await;
        assert_eq!(read["attachments"][0]["id"], attachment);
        assert_eq!(read["attachments"][0]["urls"][0]["id"], url);
        assert_eq!(read["idempotentKey"], "first");
    }

    #[tokio::test]
    async fn are_checked_and_refused() {
        let service = Service::shared().await;
        let (owner, corrector) = (service.owner(), service.owner_with(CHANGE_TRANSMISSIONS));
        let id = owner.created(&one_of_each()).await;
        let before = owner.dialog(id).await;
        let transmission = ids(&before["transmissions"])[0];
        let past = service.in_seconds(-60);
        for (pointer, value, status, key) in [
            ("/type", Value::Null, 400, "dto.type"),
            ("/sender", Value::Null, 400, "dto.sender"),
            ("/content", Value::Null, 400, "dto.content"),
            ("/attachments/0/urls/0/url", json!("http://example.com"), 400, "dto.attachments[0].urls[0].url"),
            ("/navigationalActions/0/expiresAt", json!(past), 400, "dto.navigationalActions[0].expiresAt"),
            ("/authorizationAttribute", json!(OTHER_OWNERS), 403, "Forbidden"),
        ] {
            let body = letter("Information").with(pointer, value);
            corrector.correct(id, transmission, &body).await.assert_problem(status, &[(key, "")]);
        }
        let body = letter("Alert");
        let unknown = service.id();
        let answer = corrector.correct(id, unknown, &body).await;
        answer.assert_problem(404, &[("DialogTransmission", &unknown.to_string())]);
        corrector.correct(unknown, transmission, &body).await.assert_problem(404, &[("DialogEntity", "")]);
        let scopes = format!("{OWNER} {CHANGE_TRANSMISSIONS}");
        let other = service.organization("brg", "974760673", &scopes);
        other.correct(id, transmission, &body).await.assert_problem(404, &[("DialogEntity", "")]);
        corrector.correct(id, transmission, &body).if_match(unknown).await.assert_problem(412, &[]);
        assert_eq!(owner.dialog(id).await, before);

        service.owner_with(ADMIN).act(id, "freeze").await.expect(204);
        corrector.correct(id, transmission, &body).await.assert_problem(403, &[("Forbidden", "frozen")]);
        service.owner_with(ADMIN).delete(id).await.expect(204);
        corrector.correct(id, transmission, &body).await.assert_problem(410, &[("DialogEntity", "")]);
    }
}

mod form_saved {
    use super::*;

    fn bump(client: &Client, id: Uuid, activity: Uuid, moment: &str) -> Call {
        let path = format!("activities/{activity}/actions/updateFormSavedActivityTime");
        client.below(Method::POST, id, &path).json(&json!(moment))
    }

    #[tokio::test]
    async fn at_another_time() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&dialog().with("/systemLabel", "Bin")).await;
        let saved = owner.append(id, "activities", &activity("FormSaved")).silently().await.expect(201).id();
        let mut revision = owner.read(id).await.etag();
        let noon = "2031-05-17T12:00:00.1234560Z";
        service.clock.advance_seconds(3_600);
        // Tokens do not last that long.
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        for (moment, updated) in [
            ("2030-01-01T00:00:00.0000000Z", noon),
            ("2030-01-01T00:00:00.0000000Z", noon),
            ("2031-05-17T12:30:00.0000000Z", "2031-05-17T12:30:00.0000000Z"),
            (noon, "2031-05-17T12:30:00.0000000Z"),
            ("2031-05-17T13:00:15.0000000Z", "2031-05-17T13:00:15.0000000Z"),
        ] {
            let answer = bump(&admin, id, saved, moment).if_match(revision).await.expect(204);
            assert_ne!(answer.etag(), revision);
            revision = answer.etag();
            let read = owner.dialog(id).await;
            assert_eq!(read["revision"], revision.to_string());
            assert_eq!(read["activities"][0]["createdAt"], moment);
            assert_eq!(read["updatedAt"], updated);
            assert_eq!(read["contentUpdatedAt"], noon);
            assert_eq!(*labels(&read), json!(["Bin"]));
        }
        assert!(service.told(id).await[1..].iter().all(|(_, silent)| *silent));

        // Also when nothing else can change.
        admin.act(id, "freeze").await.expect(204);
        bump(&admin, id, saved, noon).await.expect(204);
        admin.delete(id).await.expect(204);
        bump(&admin, id, saved, noon).await.expect(204);
    }

    #[tokio::test]
    async fn is_for_administrators_and_that_type() {
        let service = Service::at(NOON).await;
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        let id = owner.created(&dialog()).await;
        let saved = added(&owner, id, "activities", &activity("FormSaved")).await;
        let paid = added(&owner, id, "activities", &activity("PaymentMade")).await;
        let before = owner.dialog(id).await;
        let past = "2030-01-01T00:00:00Z";
        bump(&owner, id, saved, past).await.assert_problem_document(403);
        bump(&admin, id, paid, past).await.assert_problem(422, &[("Type", "PaymentMade")]);
        bump(&admin, id, saved, past).if_match(id).await.assert_problem(412, &[]);
        for moment in ["2031-05-17T12:00:16Z", "nonsense"] {
            bump(&admin, id, saved, moment).await.assert_problem(400, &[("newCreatedAt", "")]);
        }
        let unknown = service.id();
        bump(&admin, id, unknown, past).await.assert_problem(404, &[("DialogActivity", "")]);
        bump(&admin, unknown, saved, past).await.assert_problem(404, &[("DialogEntity", "")]);
        assert_eq!(owner.dialog(id).await, before);
    }
}
