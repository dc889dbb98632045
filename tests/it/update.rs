//! Giving a dialog a new state (PUT).

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";

/// A dialog that has everything and lies in the inbox.
fn everything(service: &Service) -> Value {
    full_dialog(service).with("/systemLabel", "Default")
}

/// The least that PUT takes.
fn least() -> Value {
    json!({ "status": "NotApplicable", "content": { "title": texts("Søknad om støtte") } })
}

fn letter() -> Value {
    one_of_each()["transmissions"][0].clone()
}

fn activity() -> Value {
    json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } })
}

fn id_of(value: &Value) -> Uuid {
    value["id"].as_str().unwrap().parse().unwrap()
}

/// Kinds of the events of each change, and whether it was silent.
async fn told(service: &Service, id: Uuid) -> Vec<(Vec<String>, bool)> {
    let sql = "select payload from outbox where dialog_id = $1 order by sequence";
    let rows: Vec<Value> = service.database.column(sql, id).await;
    let kind = |event: &Value| event["kind"].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (row["events"].as_array().unwrap().iter().map(kind).collect(), row["silent"] == true))
        .collect()
}

#[tokio::test]
async fn putting_back_what_was_read_changes_nothing() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let id = owner.created(&everything(&service)).await;
    let before = owner.read(id).await;
    let told_before = told(&service, id).await;
    service.clock.advance_seconds(60);

    for call in
        [owner.put(id, &put_body(&before.json())), owner.put(id, &put_body(&before.json())).silently()]
    {
        let answer = call.if_match(before.etag()).await.expect(204);
        assert_eq!(answer.etag(), before.etag());
    }

    assert_eq!(owner.dialog(id).await, before.json());
    assert_eq!(told(&service, id).await, told_before);
}

#[tokio::test]
async fn what_is_left_out_becomes_empty() {
    let service = Service::shared().await;
    let owner = service.owner();
    let sent = everything(service).with("/isApiOnly", true);
    let id = owner.created(&sent).await;
    owner.put(id, &least()).await.expect(204);
    let read = owner.dialog(id).await;
    for absent in [
        "progress",
        "extendedStatus",
        "externalReference",
        "dueAt",
        "process",
        "precedingProcess",
        "expiresAt",
    ] {
        assert!(read.get(absent).is_none(), "{absent}");
    }
    for empty in ["searchTags", "attachments", "guiActions", "apiActions"] {
        assert_eq!(read[empty], json!([]), "{empty}");
    }
    assert_eq!(read["isApiOnly"], false);
    let title = json!({ "title": { "value": text("Søknad om støtte"), "mediaType": "text/plain" } });
    assert_eq!(read["content"], title);
    // These only grow.
    assert_eq!(read["transmissions"].as_array().unwrap().len(), 2);
    assert_eq!(read["activities"].as_array().unwrap().len(), 3);

    let answer = owner.put(id, &json!({})).await;
    answer.assert_problem(400, &[("dto.status", "required"), ("dto.content", "isApiOnly")]);
}

#[tokio::test]
async fn what_cannot_change_is_ignored() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&everything(service)).await;
    let before = owner.dialog(id).await;
    let body = put_body(&before)
        .with("/id", service.id().to_string())
        .with("/party", OTHER_PERSON)
        .with("/serviceResource", RESOURCE_2)
        .with("/org", "brg")
        .with("/visibleFrom", "2099-01-01T00:00:00Z")
        .with("/createdAt", "2001-01-01T00:00:00Z")
        .with("/updatedAt", "2001-01-01T00:00:00Z")
        .with("/idempotentKey", "another")
        .with("/revision", service.unique())
        .with("/systemLabel", "Bin")
        .with("/serviceOwnerContext", json!({ "serviceOwnerLabels": [{ "value": "another" }] }))
        .with("/hasUnopenedContent", true)
        .with("/frozen", true);
    owner.put(id, &body).await.expect(204);
    assert_eq!(owner.dialog(id).await, before);
}

mod parts {
    use super::*;

    #[tokio::test]
    async fn texts_are_merged_by_language() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&everything(service)).await;
        let body = put_body(&owner.dialog(id).await)
            .with("/content/title/value", localized(&[("NB", "Ny"), ("fr", "Nouveau"), ("en", "Title")]))
            .with("/content/additionalInfo", texts("ikke lenger Markdown"))
            .without("/content/summary")
            .with("/attachments/0/displayName", json!([]))
            .with("/guiActions/1/prompt", localized(&[("nn", "Sikker?"), ("en", "Sure?")]));
        owner.put(id, &body).await.expect(204);
        let read = owner.dialog(id).await;
        let title = localized(&[("en", "Title"), ("fr", "Nouveau"), ("nb", "Ny")]);
        assert_eq!(read["content"]["title"]["value"], title);
        assert_eq!(read["content"]["additionalInfo"]["mediaType"], "text/plain");
        assert!(read["content"].get("summary").is_none());
        assert!(read["attachments"][0].get("displayName").is_none());
        assert_eq!(read["guiActions"][1]["prompt"], localized(&[("en", "Sure?"), ("nn", "Sikker?")]));
    }

    #[tokio::test]
    async fn tags_are_merged_by_value() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&everything(service)).await;
        let tags = |tags: &[&str]| tags.iter().map(|tag| json!({ "value": tag })).collect::<Value>();
        let body = put_body(&owner.dialog(id).await);
        let body = body.with("/searchTags", tags(&["ny merkelapp", " SKIP 42 ", "Havneavgift"]));
        owner.put(id, &body).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(read["searchTags"], tags(&["havneavgift", "skip 42", "ny merkelapp"]));
        owner.put(id, &body.with("/searchTags", tags(&["ny merkelapp"]))).await.expect(204);
        assert_eq!(owner.dialog(id).await["searchTags"], tags(&["ny merkelapp"]));
    }

    /// For each list of parts that have ids: kept parts stay in their place, new ones come last.
    #[tokio::test]
    async fn lists_are_merged_by_id() {
        let service = Service::shared().await;
        let owner = service.owner();
        let ids = |list: &Value| list.as_array().unwrap().iter().map(id_of).collect::<Vec<_>>();
        for (list, member) in [
            ("/attachments", "/name"),
            ("/attachments/0/urls", "/mediaType"),
            ("/guiActions", "/action"),
            ("/apiActions/0/endpoints", "/version"),
        ] {
            let id = owner.created(&everything(service)).await;
            let before = owner.dialog(id).await;
            let at = |dialog: &Value| dialog.pointer(list).unwrap().clone();
            let old = at(&before);
            let [first, second] = ids(&old)[..] else { panic!("two in {list}") };
            let copy = |part: &Value| {
                let part = part.clone().without("/id");
                match list {
                    "/guiActions" => part.with("/priority", "Tertiary"),
                    "/attachments" => part.with("/urls", one_of_each()["attachments"][0]["urls"].clone()),
                    _ => part,
                }
            };

            // A change of one leaves the other alone, whatever the order they come in.
            let changed = old[1].clone().with(member, "changed");
            let body = put_body(&before).with(list, json!([changed, old[0]]));
            owner.put(id, &body).await.expect(204);
            let read = owner.dialog(id).await;
            assert_eq!(at(&read), json!([old[0], changed]), "{list}");

            // A new one comes after those that are there, with its own id or one that is made.
            let own = service.id();
            let added = copy(&old[0]).with("/id", own.to_string()).with(member, "own");
            let nameless = copy(&old[0]).with(member, "nameless");
            let body = put_body(&before).with(list, json!([nameless, added, old[1], old[0]]));
            owner.put(id, &body).await.expect(204);
            let list_now = at(&owner.dialog(id).await);
            let now = ids(&list_now);
            assert_eq!(now[..2], [first, second], "{list}");
            assert_eq!(now.len(), 4, "{list}");
            let place = now.iter().position(|id| *id == own).expect("the chosen id");
            assert_eq!(list_now[place].pointer(member), Some(&json!("own")), "{list}");

            // What has no id is new every time.
            owner.put(id, &body).await.expect(204);
            let again = ids(&at(&owner.dialog(id).await));
            assert_eq!(again.iter().filter(|id| !now.contains(id)).count(), 1, "{list}");

            // What is left out is gone.
            owner.put(id, &put_body(&before).with(list, json!([old[1]]))).await.expect(204);
            assert_eq!(at(&owner.dialog(id).await), json!([old[1]]), "{list}");
        }
    }

    #[tokio::test]
    async fn ids_are_those_of_this_dialog_or_new() {
        let service = Service::shared().await;
        let owner = service.owner();
        let other = everything(service);
        owner.created(&other).await;
        for (pointer, key) in [
            ("/attachments/0/id", "DialogAttachment"),
            ("/attachments/0/urls/0/id", "DialogAttachmentUrl"),
            ("/guiActions/0/id", "DialogGuiAction"),
            ("/apiActions/0/id", "DialogApiAction"),
            ("/apiActions/0/endpoints/0/id", "DialogApiActionEndpoint"),
        ] {
            let id = owner.created(&everything(service)).await;
            let body = put_body(&owner.dialog(id).await);
            let taken = other.pointer(pointer).unwrap().as_str().unwrap();
            let answer = owner.put(id, &body.clone().with(pointer, taken)).await;
            answer.assert_problem(422, &[(key, taken)]);
            let v4 = "86ea8715-05f5-4a4e-8bf7-91840e06dee5";
            let answer = owner.put(id, &body.with(pointer, v4)).await;
            answer.assert_problem(400, &[(&key_of(pointer), "UUIDv7")]);
        }
    }
}

mod timestamps {
    use super::*;

    /// What each change of a dialog that has everything does: whether it changes the content.
    fn changes(service: &Service) -> Vec<(&'static str, Value, bool)> {
        let fields = [
            "/content/title/value/0/value",
            "/content/nonSensitiveTitle/value/0/value",
            "/content/summary/value/0/value",
            "/content/nonSensitiveSummary/value/0/value",
            "/content/senderName/value/0/value",
            "/content/additionalInfo/value/0/value",
            "/content/extendedStatus/value/0/value",
        ];
        let mut changes: Vec<_> = fields.into_iter().map(|field| (field, json!("changed"), true)).collect();
        changes.extend([
            ("/content/mainContentReference/value/0/value", json!("https://example.com/changed"), true),
            ("/content/summary", json!(null), true),
            ("/content/additionalInfo/mediaType", json!("text/plain"), true),
            ("/content/title/value/-", json!({ "languageCode": "fr", "value": "Titre" }), true),
            ("/status", json!("Completed"), true),
            ("/extendedStatus", json!("signed"), true),
            ("/extendedStatus", json!(null), true),
            ("/attachments", json!([]), true),
            ("/attachments/-", one_of_each()["attachments"][0].clone(), true),
            ("/attachments/0/name", json!("changed"), true),
            ("/attachments/0/expiresAt", json!(service.in_seconds(90_000)), true),
            ("/attachments/0/displayName/0/value", json!("changed"), true),
            ("/attachments/0/urls/0/url", json!("https://example.com/changed"), true),
            ("/attachments/0/urls/0/consumerType", json!("Api"), true),
            ("/guiActions", json!([]), true),
            ("/guiActions/0/url", json!("https://example.com/changed"), true),
            ("/guiActions/0/title/0/value", json!("changed"), true),
            ("/guiActions/1/isDeleteDialogAction", json!(false), true),
            ("/apiActions", json!([]), true),
            ("/apiActions/0/name", json!("changed"), true),
            ("/apiActions/0/endpoints/0/url", json!("https://example.com/changed"), true),
            ("/apiActions/0/endpoints/1/deprecated", json!(true), true),
            ("/transmissions", json!([letter()]), true),
            ("/progress", json!(43), false),
            ("/progress", json!(null), false),
            ("/externalReference", json!("changed"), false),
            ("/dueAt", json!(service.in_seconds(86_000)), false),
            ("/dueAt", json!(null), false),
            ("/expiresAt", json!(service.in_seconds(990_000)), false),
            ("/expiresAt", json!(null), false),
            ("/process", json!("urn:test:changed"), false),
            ("/precedingProcess", json!(null), false),
            ("/isApiOnly", json!(true), false),
            ("/searchTags", json!([]), false),
            ("/searchTags/-", json!({ "value": "another" }), false),
            ("/activities", json!([activity()]), false),
        ]);
        changes
    }

    #[tokio::test]
    async fn content_moves_both_and_all_else_only_one() {
        let service = Service::at(NOON).await;
        for (pointer, value, is_content) in changes(&service) {
            let (owner, person) = (service.owner(), service.person());
            let id = owner.created(&everything(&service)).await;
            assert_eq!(person.opened(id).await["isContentSeen"], true);
            let before = owner.dialog(id).await;
            service.clock.advance_seconds(1);
            let now = service.in_seconds(0);

            let body = put_body(&before).with(pointer, value.clone());
            let answer = owner.put(id, &body).await.expect(204);

            let after = owner.dialog(id).await;
            let case = format!("{pointer} {value}");
            assert_eq!(after["updatedAt"], now, "{case}");
            let content = if is_content { json!(now) } else { before["contentUpdatedAt"].clone() };
            assert_eq!(after["contentUpdatedAt"], content, "{case}");
            assert_eq!(after["isContentSeen"], !is_content, "{case}");
            assert_eq!(after["createdAt"], before["createdAt"], "{case}");
            assert_ne!(after["revision"], before["revision"], "{case}");
            assert_eq!(after["revision"], answer.etag().to_string(), "{case}");
        }
    }

    #[tokio::test]
    async fn silent_changes_move_neither() {
        let service = Service::at(NOON).await;
        for (pointer, value, _) in changes(&service) {
            let owner = service.owner();
            let id = owner.created(&everything(&service)).await;
            service.person().opened(id).await;
            let before = owner.dialog(id).await;
            service.clock.advance_seconds(1);

            let body = put_body(&before).with(pointer, value.clone());
            owner.put(id, &body).silently().await.expect(204);

            let after = owner.dialog(id).await;
            let case = format!("{pointer} {value}");
            for member in ["createdAt", "updatedAt", "contentUpdatedAt", "isContentSeen"] {
                assert_eq!(after[member], before[member], "{member} {case}");
            }
            assert_ne!(after["revision"], before["revision"], "{case}");
        }
    }

    #[tokio::test]
    async fn updated_at_never_goes_back() {
        let (service, behind) = (Service::at(NOON).await, Service::at("2031-05-17T11:59:00Z").await);
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        behind.owner().put(id, &least().with("/status", "Completed")).await.expect(204);
        let after = owner.dialog(id).await;
        assert_eq!(after["status"], "Completed");
        assert_eq!(after["updatedAt"], service.in_seconds(0));
        assert_eq!(after["contentUpdatedAt"], service.in_seconds(0));
    }

    #[tokio::test]
    async fn before_it_is_visible_a_dialog_stays_dated_to_that_moment() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let visible = service.in_seconds(600);
        let id = owner.created(&dialog().with("/visibleFrom", visible.as_str())).await;
        for (progress, silently) in [(1, false), (2, true)] {
            service.clock.advance_seconds(10);
            let body = least().with("/progress", progress).with("/transmissions", json!([letter()]));
            let call = owner.put(id, &body);
            let call = if silently { call.silently() } else { call };
            call.await.expect(204);
            let read = owner.dialog(id).await;
            assert_eq!(read["progress"], progress);
            for member in ["createdAt", "updatedAt", "contentUpdatedAt"] {
                assert_eq!(read[member], visible, "{member}");
            }
            for transmission in read["transmissions"].as_array().unwrap() {
                assert_eq!(transmission["createdAt"], visible);
            }
        }
        service.clock.advance_seconds(600);
        owner.put(id, &least().with("/progress", 3)).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(read["updatedAt"], service.in_seconds(0));
        assert_eq!(read["contentUpdatedAt"], visible);
    }
}

mod dates {
    use super::*;

    #[tokio::test]
    async fn changed_dates_must_lie_ahead() {
        let service = Service::at(NOON).await;
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        for (member, key) in [("/dueAt", "DueAt"), ("/expiresAt", "ExpiresAt")] {
            let soon = service.in_seconds(60);
            let id = owner.created(&dialog().with(member, soon.as_str())).await;
            service.clock.advance_seconds(120);
            // A date that has passed may stay.
            owner.put(id, &least().with(member, soon.as_str()).with("/progress", 1)).await.expect(204);
            for seconds in [0, -1] {
                let past = least().with(member, service.in_seconds(seconds));
                owner.put(id, &past).await.assert_problem(422, &[(key, "future")]);
            }
            for ahead in [json!(service.in_seconds(1)), json!(null)] {
                owner.put(id, &least().with(member, soon.as_str())).silently().await.expect(204);
                owner.put(id, &least().with(member, ahead)).await.expect(204);
            }
            let past = least().with(member, service.in_seconds(-5));
            owner.put(id, &past).silently().await.expect(204);
            admin.put(id, &past.with(member, service.in_seconds(-6))).await.expect(204);
        }
        let id = owner.created(&dialog()).await;
        let past = service.in_seconds(-1);
        let answer = owner.put(id, &least().with("/dueAt", past.as_str()).with("/expiresAt", past)).await;
        answer.assert_problem(422, &[("DueAt", ""), ("ExpiresAt", "")]);
    }

    #[tokio::test]
    async fn an_expired_dialog_is_shown_again_when_the_date_is_taken_away_or_moved() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        for expires_at in [json!(null), json!(service.in_seconds(900))] {
            let id = owner.created(&dialog().with("/expiresAt", service.in_seconds(60))).await;
            service.clock.advance_seconds(61);
            let person = service.person();
            person.open(id).await.assert_problem(404, &[("DialogEntity", "expired")]);

            owner.put(id, &least().with("/expiresAt", expires_at)).await.expect(204);

            person.open(id).await.expect(200);
            assert_eq!(told(&service, id).await[1], (vec!["dialogUpdated".to_owned()], false));
        }
    }

    #[tokio::test]
    async fn dates_stand_in_an_order_also_with_what_is_stored() {
        let service = Service::at(NOON).await;
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        let id = owner.created(&dialog().with("/visibleFrom", service.in_seconds(600))).await;
        let early = service.in_seconds(599);
        let due = least().with("/dueAt", early.as_str());
        owner.put(id, &due).await.assert_problem(400, &[("dto.dueAt", "visibleFrom")]);
        owner.put(id, &due).silently().await.assert_problem(400, &[("dto.dueAt", "visibleFrom")]);
        admin.put(id, &due).await.expect(204);
        let expires = least().with("/expiresAt", early);
        for client in [&owner, &admin] {
            client.put(id, &expires).await.assert_problem(400, &[("dto.expiresAt", "visibleFrom")]);
        }
        let order =
            least().with("/dueAt", service.in_seconds(700)).with("/expiresAt", service.in_seconds(699));
        owner.put(id, &order).await.assert_problem(400, &[("dto.expiresAt", "dueAt")]);
    }

    #[tokio::test]
    async fn attachments_may_not_have_expired_unless_they_had_before() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&everything(&service)).await;
        let body = put_body(&owner.dialog(id).await);
        service.clock.advance_seconds(7_300);
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        owner.put(id, &body.clone().with("/progress", 1)).await.expect(204);
        for client in [&owner, &admin] {
            let past = body.clone().with("/attachments/1/expiresAt", service.in_seconds(0));
            let answer = client.put(id, &past).silently().await;
            answer.assert_problem(422, &[("Attachments[1].ExpiresAt", "future")]);
            let letter = letter().with("/attachments/0/expiresAt", service.in_seconds(0));
            let answer = client.put(id, &body.clone().with("/transmissions", json!([letter]))).await;
            answer.assert_problem(422, &[("Transmissions[0].Attachments[0].ExpiresAt", "future")]);
        }
        let ahead = body.with("/attachments/1/expiresAt", service.in_seconds(1));
        owner.put(id, &ahead).await.expect(204);
    }
}

mod appended {
    use super::*;

    #[tokio::test]
    async fn transmissions_and_activities_come_after_those_there_are() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&everything(service)).await;
        let before = owner.dialog(id).await;
        let [letter_id, activity_id] = [service.id(), service.id()].map(|id| id.to_string());
        let answer_to = before["transmissions"][1]["id"].clone();
        let body = put_body(&before)
            .with("/transmissions/0", letter().with("/id", letter_id.as_str()))
            .with("/transmissions/0/relatedTransmissionId", answer_to)
            .with("/activities/0", activity().with("/id", activity_id.as_str()));
        owner.put(id, &body).await.expect(204);
        let after = owner.dialog(id).await;
        for (list, added) in [("transmissions", &letter_id), ("activities", &activity_id)] {
            let (old, new) = (before[list].as_array().unwrap(), after[list].as_array().unwrap());
            assert_eq!(new[..old.len()], old[..], "{list}");
            assert_eq!(new.len(), old.len() + 1, "{list}");
            assert_eq!(new[old.len()]["id"], **added, "{list}");
        }
        assert_eq!(after["fromServiceOwnerTransmissionsCount"], 2);
        assert_eq!(after["hasUnopenedContent"], true);
        let kinds = ["dialogUpdated", "transmissionCreated", "activityCreated"].map(str::to_owned).to_vec();
        assert_eq!(told(service, id).await[1], (kinds, false));

        // The opening of one that is stored.
        let opened = json!({
            "type": "TransmissionOpened", "transmissionId": letter_id, "performedBy": { "actorType": "ServiceOwner" },
        });
        owner.put(id, &put_body(&after).with("/activities/0", opened)).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(read["hasUnopenedContent"], false);
        assert_eq!(read["transmissions"][2]["isOpened"], true);
    }

    #[tokio::test]
    async fn opening_one_letter_again_and_again_opens_no_other() {
        let service = Service::shared().await;
        let owner = service.owner();
        let ids = [service.id(), service.id()];
        let letters = ids.map(|id| letter().with("/id", id.to_string()));
        let id = owner.created(&dialog().with("/transmissions", json!(letters))).await;
        let opened = |letter: Uuid| {
            let activity =
                activity().with("/type", "TransmissionOpened").with("/transmissionId", letter.to_string());
            json!([{ "op": "add", "path": "/activities", "value": [activity, activity] }])
        };
        let first = opened(ids[0]);
        for answer in join_all((0..6).map(|_| owner.patch(id, &first).into_future())).await {
            answer.expect(204);
        }
        let read = owner.dialog(id).await;
        assert_eq!(read["activities"].as_array().unwrap().len(), 12);
        assert_eq!(read["hasUnopenedContent"], true);
        owner.patch(id, &opened(ids[1])).await.expect(204);
        assert_eq!(owner.dialog(id).await["hasUnopenedContent"], false);
    }

    #[tokio::test]
    async fn those_there_are_cannot_be_given_again() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&everything(service)).await;
        let before = owner.dialog(id).await;
        let first = before["transmissions"][0].clone();
        let elsewhere = service.id().to_string();
        let opened =
            activity().with("/type", "TransmissionOpened").with("/transmissionId", elsewhere.as_str());
        let known_id = letter().with("/id", first["id"].clone());
        let known_attachment = letter().with("/attachments/0/id", first["attachments"][0]["id"].clone());
        let known_activity = activity().with("/id", before["activities"][0]["id"].clone());
        for (list, item, key) in [
            ("/transmissions", known_id, "DialogTransmission"),
            ("/transmissions", known_attachment, "DialogAttachment"),
            ("/transmissions", letter().with("/relatedTransmissionId", elsewhere), "Transmissions"),
            ("/activities", known_activity, "DialogActivity"),
            ("/activities", opened, "Activities"),
        ] {
            let answer = owner.put(id, &put_body(&before).with(list, json!([item]))).await;
            answer.assert_problem(422, &[(key, "")]);
        }
        let taken = letter().with("/idempotentKey", "first");
        let answer = owner.put(id, &put_body(&before).with("/transmissions", json!([taken]))).await;
        answer.assert_problem(409, &[("IdempotentKey", first["id"].as_str().unwrap())]);
        let twice = letter().with("/idempotentKey", "twice");
        let answer = owner.put(id, &put_body(&before).with("/transmissions", json!([twice, twice]))).await;
        answer.assert_problem(409, &[("IdempotentKey", "twice")]);

        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn ids_of_other_dialogs_are_taken() {
        let service = Service::shared().await;
        let owner = service.owner();
        let other = everything(service);
        owner.created(&other).await;
        let id = owner.created(&dialog()).await;
        let of_other = |pointer: &str| other.pointer(pointer).unwrap().clone();
        let letter_id = of_other("/transmissions/0/id");
        for (list, item, key) in [
            ("/transmissions", letter().with("/id", letter_id.clone()), "DialogTransmission"),
            ("/transmissions", letter().with("/relatedTransmissionId", letter_id.clone()), "Transmissions"),
            (
                "/activities",
                activity().with("/type", "TransmissionOpened").with("/transmissionId", letter_id),
                "Activities",
            ),
            ("/activities", activity().with("/id", of_other("/activities/0/id")), "DialogActivity"),
            (
                "/transmissions",
                letter().with("/attachments/0/id", of_other("/transmissions/0/attachments/0/id")),
                "DialogAttachment",
            ),
            (
                "/transmissions",
                letter().with("/attachments/0/id", of_other("/attachments/0/id")),
                "DialogAttachment",
            ),
        ] {
            let answer = owner.put(id, &least().with(list, json!([item]))).await;
            answer.assert_problem(422, &[(key, "")]);
        }
    }

    #[tokio::test]
    async fn the_dialogs_own_attachments_do_not_become_those_of_a_transmission() {
        let service = Service::shared().await;
        let owner = service.owner();
        // Whoever has made their ids.
        for sent in [one_of_each(), everything(service)] {
            let id = owner.created(&sent).await;
            let before = owner.dialog(id).await;
            let taken = before["attachments"][0]["id"].clone();
            let letter = letter().with("/attachments/0/id", taken);
            let answer = owner.append(id, "transmissions", &letter).await;
            answer.assert_problem(422, &[("DialogAttachment", "")]);
            let body =
                put_body(&before).with("/attachments", json!([])).with("/transmissions", json!([letter]));
            owner.put(id, &body).await.assert_problem(422, &[("DialogAttachment", "")]);
            assert_eq!(owner.dialog(id).await, before);
        }
    }

    #[tokio::test]
    async fn chains_and_answers_are_counted_with_what_is_stored() {
        let service = Service::shared().await;
        let owner = service.owner();
        let ids = &mut service.clock.ids(service.now());
        let ids: Vec<String> = (0..100).map(|_| ids.next_id().to_string()).collect();
        let chain = |range: std::ops::Range<usize>| -> Vec<Value> {
            let link = |index: usize| {
                let letter = letter().with("/id", ids[index].as_str());
                if index == 0 {
                    letter
                } else {
                    letter.with("/relatedTransmissionId", ids[index - 1].as_str())
                }
            };
            range.map(link).collect()
        };
        let id = owner.created(&dialog().with("/transmissions", chain(0..60))).await;
        owner.put(id, &least().with("/transmissions", chain(60..100))).await.expect(204);
        let one_more = letter().with("/relatedTransmissionId", ids[99].as_str());
        let answer = owner.put(id, &least().with("/transmissions", json!([one_more]))).await;
        answer.assert_problem(422, &[("Transmissions", "at most 100 long")]);

        let answers = |count: usize| -> Vec<Value> {
            (0..count).map(|_| letter().with("/relatedTransmissionId", ids[98].as_str())).collect()
        };
        // One answer is in the chain.
        owner.put(id, &least().with("/transmissions", answers(99))).await.expect(204);
        let answer = owner.put(id, &least().with("/transmissions", answers(1))).await;
        answer.assert_problem(422, &[("Transmissions", "100")]);
    }

    #[tokio::test]
    async fn content_may_lack_only_while_the_dialog_is_for_systems_alone() {
        let service = Service::shared().await;
        let owner = service.owner();
        let bare = letter().without("/content");
        let id = owner.created(&dialog()).await;
        let with_bare =
            |for_systems: bool| least().with("/isApiOnly", for_systems).with("/transmissions", json!([bare]));
        let answer = owner.put(id, &with_bare(false)).await;
        answer.assert_problem(400, &[("dto.transmissions[0].content", "isApiOnly")]);
        owner.put(id, &with_bare(true).without("/content")).await.expect(204);
        assert!(owner.dialog(id).await.get("content").is_none());
        owner.put(id, &least()).await.assert_problem(400, &[("dto.transmissions", "isApiOnly")]);
        let answer = owner.put(id, &json!({ "status": "Draft" })).await;
        answer.assert_problem(400, &[("dto.transmissions", ""), ("dto.content", "")]);
        owner.put(id, &least().with("/isApiOnly", true)).await.expect(204);
    }
}

mod labels {
    use super::*;

    async fn log(service: &Service, id: Uuid) -> Vec<Value> {
        let sql = "select jsonb_build_array(label, is_set) from label_log where dialog_id = $1 order by id";
        service.database.column(sql, id).await
    }

    #[tokio::test]
    async fn a_change_brings_the_dialog_back_to_the_inbox() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (label, code) in [("Bin", 2), ("Archive", 3)] {
            let id = owner.created(&dialog().with("/systemLabel", label)).await;
            let before = owner.dialog(id).await;

            owner.put(id, &least().with("/progress", 1)).silently().await.expect(204);
            let silent = owner.dialog(id).await;
            assert_eq!(silent["endUserContext"], before["endUserContext"]);

            owner.put(id, &least().with("/progress", 2)).await.expect(204);
            let after = owner.dialog(id).await;
            assert_eq!(after["systemLabel"], "Default");
            assert_eq!(after["endUserContext"]["systemLabels"], json!(["Default"]));
            assert_ne!(after["endUserContext"]["revision"], before["endUserContext"]["revision"]);
            assert_eq!(log(service, id).await, [json!([code, true]), json!([code, false])]);
        }
    }

    #[tokio::test]
    async fn so_does_a_put_that_changes_nothing_else() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog().with("/systemLabel", "Bin")).await;
        let before = owner.dialog(id).await;
        let answer = owner.put(id, &put_body(&before)).await.expect(204);
        assert_eq!(json!(answer.etag()), before["revision"]);
        let after = owner.dialog(id).await;
        assert_eq!(after["systemLabel"], "Default");
        for member in ["revision", "updatedAt", "contentUpdatedAt"] {
            assert_eq!(after[member], before[member], "{member}");
        }
        // Only those who ask what has changed find it.
        assert_eq!(told(service, id).await[1..], [(Vec::<String>::new(), true)]);
    }

    #[tokio::test]
    async fn what_the_party_sends_marks_the_dialog_as_sent() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (kind, silently) in [("Submission", false), ("Correction", true)] {
            let id = owner.created(&dialog().with("/systemLabel", "Archive")).await;
            let body = least().with("/transmissions", json!([letter().with("/type", kind)]));
            let call = owner.put(id, &body);
            let call = if silently { call.silently() } else { call };
            call.await.expect(204);
            let read = owner.dialog(id).await;
            let place = if silently { "Archive" } else { "Default" };
            assert_eq!(read["endUserContext"]["systemLabels"], json!([place, "Sent"]));
            assert_eq!(read["fromPartyTransmissionsCount"], 1);
            assert_eq!(read["hasUnopenedContent"], false);
            assert!(log(service, id).await.contains(&json!([5, true])));
            // It stays.
            owner.put(id, &least()).await.expect(204);
            assert_eq!(owner.dialog(id).await["endUserContext"]["systemLabels"], json!(["Default", "Sent"]));
        }
    }
}

mod permission {
    use super::*;

    #[tokio::test]
    async fn only_the_owner_and_administrators_find_a_dialog() {
        let service = Service::shared().await;
        let id = service.owner().created(&dialog()).await;
        for stranger in [service.other_owner(), service.organization("hko", "964951284", OWNER)] {
            stranger.put(id, &least()).await.assert_problem(404, &[("DialogEntity", &id.to_string())]);
            stranger.patch(id, &json!([])).await.assert_problem(404, &[("DialogEntity", "")]);
        }
        let admin = service.organization("hko", "964951284", &format!("{OWNER} {ADMIN}"));
        admin.put(id, &least().with("/progress", 9)).await.expect(204);
        let read = service.owner().dialog(id).await;
        assert_eq!((&read["progress"], &read["org"]), (&json!(9), &json!("ttd")));
    }

    #[tokio::test]
    async fn a_frozen_dialog_is_for_administrators() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        service.database.execute("update dialog set frozen = true where id = $1", id).await;
        let operations = json!([{ "op": "replace", "path": "/progress", "value": 1 }]);
        owner.put(id, &least()).await.assert_problem(403, &[("Forbidden", "frozen")]);
        owner.patch(id, &operations).await.assert_problem(403, &[("Forbidden", "frozen")]);
        let admin = service.owner_with(ADMIN);
        admin.put(id, &least().with("/progress", 2)).await.expect(204);
        admin.patch(id, &operations).await.expect(204);
    }

    #[tokio::test]
    async fn a_deleted_dialog_is_gone_for_everybody() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        service.database.execute("update dialog set deleted_at = now() where id = $1", id).await;
        for client in [owner, service.owner_with(ADMIN)] {
            client.put(id, &least()).await.assert_problem(410, &[("DialogEntity", &id.to_string())]);
            client.patch(id, &json!([])).await.assert_problem(410, &[("DialogEntity", "")]);
            // The service owner still sees it.
            assert!(client.dialog(id).await["deletedAt"].is_string());
        }
    }

    #[tokio::test]
    async fn references_that_a_change_brings_must_be_the_callers() {
        let service = Service::shared().await;
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        let foreign = one_of_each().with("/guiActions/0/authorizationAttribute", OTHER_OWNERS);
        let id = admin.created(&foreign).await;
        let body = put_body(&owner.dialog(id).await);
        // The one that is there may stay.
        owner.put(id, &body.clone().with("/progress", 1)).await.expect(204);
        let unknown = "urn:altinn:resource:notavailable";
        for (pointer, value) in [
            ("/apiActions/0/authorizationAttribute", json!(unknown)),
            ("/guiActions/0/authorizationAttribute", json!(unknown)),
            ("/transmissions", json!([letter().with("/authorizationAttribute", unknown)])),
        ] {
            let answer = owner.put(id, &body.clone().with(pointer, value)).await;
            answer.assert_problem(403, &[("Forbidden", unknown)]);
        }
        owner.put(id, &body.with("/apiActions/0/authorizationAttribute", RESOURCE_2)).await.expect(204);
    }

    #[tokio::test]
    async fn correspondence_is_for_altinn_correspondence() {
        let service = Service::shared().await;
        let (owner, correspondence) = (service.owner(), service.owner_with(CORRESPONDENCE_SCOPE));
        let id = correspondence.created(&dialog().with("/serviceResource", CORRESPONDENCE)).await;
        owner.put(id, &least()).await.assert_problem(403, &[("Forbidden", CORRESPONDENCE)]);
        let opened = activity().with("/type", "CorrespondenceOpened");
        let body = least().with("/activities", json!([opened]));
        correspondence.put(id, &body).await.expect(204);
        assert_eq!(correspondence.dialog(id).await["hasUnopenedContent"], false);
        let ordinary = owner.created(&dialog()).await;
        owner.put(ordinary, &body).await.assert_problem(403, &[("Forbidden", "CorrespondenceOpened")]);
    }
}

#[tokio::test]
async fn the_rules_are_those_of_creation() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&everything(service)).await;
    let before = owner.dialog(id).await;
    let body = put_body(&before)
        .with("/progress", 101)
        .with("/status", "Other")
        .with("/extendedStatus", "x".repeat(256))
        .with("/process", "in|valid")
        .with("/content/title/value/0/languageCode", "no")
        .with("/content/extendedStatus/value/0/value", "x".repeat(26))
        .with("/searchTags/0/value", "ab")
        .with("/attachments/0/urls/0/url", "http://example.com/")
        .with("/guiActions/0/priority", "Secondary")
        .with("/apiActions/0/endpoints", json!([]))
        .with("/transmissions", json!([letter().with("/type", "Other")]))
        .with("/activities", json!([activity().with("/createdAt", service.in_seconds(60))]));
    let answer = owner.put(id, &body).await;
    answer.assert_problem(
        400,
        &[
            ("dto.progress", "101"),
            ("dto.status", "Draft"),
            ("dto.extendedStatus", "256"),
            ("dto.process", "URI"),
            ("dto.content.title.value[0].languageCode", "nb or nn"),
            ("dto.content.extendedStatus.value[0].value", "25"),
            ("dto.searchTags[0].value", "3 to 63"),
            ("dto.attachments[0].urls[0].url", "https"),
            ("dto.guiActions", "Secondary"),
            ("dto.apiActions[0].endpoints", "at least one"),
            ("dto.transmissions[0].type", "Decision"),
            ("dto.activities[0].createdAt", "future"),
        ],
    );
    assert_eq!(owner.dialog(id).await, before);
}

#[tokio::test]
async fn of_many_who_expect_the_same_revision_one_succeeds() {
    let service = Service::shared().await;
    let owner = service.owner();
    let created = owner.create(&dialog()).await;
    let id = created.id();
    let calls = (0..12).map(|progress| {
        owner.put(id, &least().with("/progress", progress)).if_match(created.etag()).into_future()
    });
    let answers = join_all(calls).await;
    let (done, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|a| a.status == 204);
    assert_eq!(done.len(), 1);
    for answer in refused {
        answer.assert_problem(412, &[]);
    }
    assert_eq!(owner.dialog(id).await["revision"], done[0].etag().to_string());
}

#[tokio::test]
async fn keys_of_transmissions_are_taken_once_by_many_at_once() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let body = least().with("/transmissions", json!([letter().with("/idempotentKey", "once")]));
    let answers = join_all((0..8).map(|_| owner.put(id, &body).into_future())).await;
    let (done, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|a| a.status == 204);
    assert_eq!(done.len(), 1);
    for answer in refused {
        answer.assert_problem(409, &[("IdempotentKey", "")]);
    }
    assert_eq!(owner.dialog(id).await["transmissions"].as_array().unwrap().len(), 1);
}
