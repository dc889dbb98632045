//! Changing parts of a dialog (PATCH, RFC 6902).

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

/// A dialog that has everything and lies in the inbox.
async fn everything(service: &Service) -> (Uuid, Value) {
    let owner = service.owner();
    let id = owner.created(&full_dialog(service).with("/systemLabel", "Default")).await;
    (id, owner.dialog(id).await)
}

fn letter() -> Value {
    one_of_each()["transmissions"][0].clone()
}

fn activity() -> Value {
    json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } })
}

#[tokio::test]
async fn the_example_of_the_guide_works_as_written() {
    let service = Service::shared().await;
    let owner = service.owner();
    let summary = [("nn", "Motteke."), ("nb", "Mottatt."), ("en", "Received.")];
    let sent =
        one_of_each().with("/status", "InProgress").with("/content/summary/value", localized(&summary));
    let created = owner.create(&sent).await;
    let id = created.id();
    let operations = r#"[
        {
            "op": "replace",
            "path": "/status",
            "value": "Completed"
        },
        {
            "op": "replace",
            "path": "/content/summary/value/1/value",
            "value": "Din innsending er mottatt og godkjent."
        },
        {
            "op": "replace",
            "path": "/guiActions",
            "value": []
        },
        {
            "op": "add",
            "path": "/attachments/-",
            "value": {
                "displayName": [
                    {
                        "value": "Vedtaksbrev",
                        "languageCode": "nb"
                    }
                ],
                "urls": [
                    {
                        "url": "https://mintjenesteplattform/sak-1234/vedtak.pdf",
                        "mediaType": "application/pdf",
                        "consumerType": "Gui"
                    }
                ]
            }
        }
    ]"#;
    let patch = || owner.patch(id, &json!(null)).body(operations).if_match(created.etag());

    let answer = patch().await.expect(204);

    let read = owner.dialog(id).await;
    assert_eq!(read["status"], "Completed");
    assert_eq!(
        read["content"]["summary"]["value"],
        localized(&[
            ("en", "Received."),
            ("nb", "Din innsending er mottatt og godkjent."),
            ("nn", "Motteke.")
        ]),
    );
    assert_eq!(read["guiActions"], json!([]));
    assert_eq!(read["attachments"].as_array().unwrap().len(), 2);
    let url = "https://mintjenesteplattform/sak-1234/vedtak.pdf";
    assert_eq!(read["attachments"][1]["urls"][0]["url"], url);
    assert_eq!(read["revision"], answer.etag().to_string());

    // Once more under the old revision: it has changed since.
    patch().await.assert_problem(412, &[]);
    assert_eq!(owner.dialog(id).await, read);
}

#[tokio::test]
async fn every_kind_of_operation() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, before) = everything(service).await;
    let operations = json!([
        { "op": "test", "path": "/status", "value": "InProgress" },
        { "op": "test", "path": "/transmissions", "value": [] },
        { "op": "ADD", "path": "/progress", "value": 50 },
        { "op": "add", "path": "/searchTags/0", "value": { "value": "first" } },
        { "op": "replace", "path": "/externalReference", "value": "moved" },
        { "op": "move", "from": "/externalReference", "path": "/extendedStatus" },
        { "op": "copy", "from": "/content/title/value/0/value", "path": "/content/summary/value/0/value" },
        { "op": "remove", "path": "/content/title/value/2" },
        { "op": "remove", "path": "/attachments/1" },
        { "op": "test", "path": "/extendedStatus", "value": "moved" },
    ]);
    owner.patch(id, &operations).await.expect(204);
    let read = owner.dialog(id).await;
    assert_eq!(read["progress"], 50);
    assert_eq!(read["searchTags"].as_array().unwrap().len(), 3);
    assert!(read.get("externalReference").is_none());
    assert_eq!(read["extendedStatus"], "moved");
    assert_eq!(read["content"]["summary"]["value"][0], before["content"]["title"]["value"][0]);
    assert_eq!(read["content"]["title"]["value"], localized(&[("en", "Title"), ("nb", "Tittel")]));
    assert_eq!(read["attachments"], json!([before["attachments"][0]]));
}

#[tokio::test]
async fn a_patch_without_operations_changes_nothing() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, before) = everything(service).await;
    for operations in [json!([]), json!([{ "op": "replace", "path": "/status", "value": "inprogress" }])] {
        let answer = owner.patch(id, &operations).await.expect(204);
        assert_eq!(json!(answer.etag()), before["revision"]);
        assert_eq!(owner.dialog(id).await, before);
    }
}

#[tokio::test]
async fn names_of_members_have_no_case() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, _) = everything(service).await;
    let operations = json!([
        { "op": "replace", "path": "/Content/TITLE/value/0/VALUE", "value": "Changed" },
        { "op": "remove", "path": "/Attachments" },
        { "OP": "add", "Path": "/GUIACTIONS/0/Prompt", "Value": [{ "Value": "Sure?", "LANGUAGECODE": "en" }] },
    ]);
    owner.patch(id, &operations).await.expect(204);
    let read = owner.dialog(id).await;
    assert_eq!(read["content"]["title"]["value"][0]["value"], "Changed");
    assert_eq!(read["attachments"], json!([]));
    assert_eq!(read["guiActions"][0]["prompt"], localized(&[("en", "Sure?")]));
}

#[tokio::test]
async fn indexes_follow_the_languages_whatever_the_order_they_came_in() {
    let service = Service::shared().await;
    let owner = service.owner();
    for order in [["nn", "nb", "en"], ["nb", "en", "nn"], ["en", "nb", "nn"]] {
        let texts: Vec<_> = order.iter().map(|code| (*code, *code)).collect();
        let id = owner.created(&dialog().with("/content/summary/value", localized(&texts))).await;
        let second = "/content/summary/value/1/value";
        owner.patch(id, &json!([{ "op": "replace", "path": second, "value": "Endret" }])).await.expect(204);
        let expected = localized(&[("en", "en"), ("nb", "Endret"), ("nn", "nn")]);
        assert_eq!(owner.dialog(id).await["content"]["summary"]["value"], expected, "{order:?}");

        // One that is added takes its place, which moves those behind it.
        let german = json!({ "languageCode": "de", "value": "de" });
        let add = json!([{ "op": "add", "path": "/content/summary/value/-", "value": german }]);
        owner.patch(id, &add).await.expect(204);
        owner.patch(id, &json!([{ "op": "test", "path": second, "value": "en" }])).await.expect(204);
    }
}

#[tokio::test]
async fn one_endpoint_changes_and_nothing_else() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, before) = everything(service).await;
    let operations = json!([{ "op": "replace", "path": "/apiActions/0/endpoints/1/url", "value": "https://example.com/v3" }]);
    owner.patch(id, &operations).if_match(service.id()).await.assert_problem(412, &[]);
    assert_eq!(owner.dialog(id).await, before);
    let revision: Uuid = before["revision"].as_str().unwrap().parse().unwrap();
    owner.patch(id, &operations).if_match(revision).await.expect(204);
    let after = owner.dialog(id).await;
    let expected = before
        .with("/apiActions/0/endpoints/1/url", "https://example.com/v3")
        .with("/revision", after["revision"].clone())
        .with("/updatedAt", after["updatedAt"].clone())
        .with("/contentUpdatedAt", after["updatedAt"].clone());
    assert_eq!(after, expected);
}

#[tokio::test]
async fn older_names_of_statuses() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, _) = everything(service).await;
    for (written, read) in [("Sent", "Awaiting"), ("New", "NotApplicable"), ("DRAFT", "Draft")] {
        let operations = json!([{ "op": "replace", "path": "/status", "value": written }]);
        owner.patch(id, &operations).await.expect(204);
        assert_eq!(owner.dialog(id).await["status"], read);
    }
}

mod removal {
    use super::*;

    #[tokio::test]
    async fn of_lists_empties_them() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, _) = everything(service).await;
        let lists = ["guiActions", "apiActions", "searchTags", "Attachments"];
        let operations: Value =
            lists.iter().map(|list| json!({ "op": "remove", "path": format!("/{list}") })).collect();
        owner.patch(id, &operations).await.expect(204);
        let read = owner.dialog(id).await;
        for list in ["guiActions", "apiActions", "searchTags", "attachments"] {
            assert_eq!(read[list], json!([]), "{list}");
        }
        // Also when there is nothing any more, and with null.
        owner.patch(id, &operations).await.expect(204);
        let (id, _) = everything(service).await;
        let operations: Value = lists
            .iter()
            .map(|list| json!({ "op": "replace", "path": format!("/{list}"), "value": null }))
            .collect();
        owner.patch(id, &operations).await.expect(204);
        assert_eq!(owner.dialog(id).await["apiActions"], json!([]));
    }

    #[tokio::test]
    async fn of_single_values_leaves_none() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, _) = everything(service).await;
        for member in [
            "progress",
            "extendedStatus",
            "externalReference",
            "dueAt",
            "precedingProcess",
            "process",
            "expiresAt",
        ] {
            let path = format!("/{member}");
            owner.patch(id, &json!([{ "op": "remove", "path": path }])).await.expect(204);
            assert!(owner.dialog(id).await.get(member).is_none(), "{member}");
            // What has no value can get one.
            owner.patch(id, &json!([{ "op": "test", "path": path, "value": null }])).await.expect(204);
        }
        for field in ["summary", "senderName", "additionalInfo", "mainContentReference", "nonSensitiveTitle"]
        {
            let path = format!("/content/{field}");
            owner.patch(id, &json!([{ "op": "remove", "path": path }])).await.expect(204);
            assert!(owner.dialog(id).await["content"].get(field).is_none(), "{field}");
            let again = json!([{ "op": "replace", "path": path, "value": if field == "mainContentReference" {
                embed("https://example.com/new")
            } else {
                texts("ny")
            } }]);
            owner.patch(id, &again).await.expect(204);
            assert!(owner.dialog(id).await["content"].get(field).is_some(), "{field}");
        }
    }

    #[tokio::test]
    async fn of_what_is_required_is_refused() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        for (path, keys) in [
            ("/status", vec!["dto.status"]),
            ("/content", vec!["dto.content"]),
            ("/content/title", vec!["dto.content", "dto.content.title"]),
            ("/content/title/value", vec!["dto.content.title.value"]),
            ("/attachments/0/urls", vec!["dto.attachments[0].urls"]),
            ("/attachments/0/urls/0/consumerType", vec!["dto.attachments[0].urls[0].consumerType"]),
            ("/guiActions/0/title", vec!["dto.guiActions[0].title"]),
            ("/guiActions/0/url", vec!["dto.guiActions[0].url"]),
            ("/apiActions/0/endpoints", vec!["dto.apiActions[0].endpoints"]),
        ] {
            let answer = owner.patch(id, &json!([{ "op": "remove", "path": path }])).await;
            let expected: Vec<_> = keys.iter().map(|key| (*key, "")).collect();
            answer.assert_problem(400, &expected);
        }
        assert_eq!(owner.dialog(id).await, before);
    }
}

mod growing {
    use super::*;

    #[tokio::test]
    async fn lists_can_be_added_to() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        let named = |name: &str| letter().with("/externalReference", name);
        let operations = json!([
            { "op": "add", "path": "/transmissions/-", "value": named("one") },
            { "op": "add", "path": "/transmissions/1", "value": named("two") },
            { "op": "copy", "from": "/transmissions/0", "path": "/transmissions/-" },
            { "op": "add", "path": "/activities", "value": [activity()] },
            { "op": "add", "path": "/Activities/0", "value": activity() },
        ]);
        owner.patch(id, &operations).await.expect(204);
        let after = owner.dialog(id).await;
        let names: Vec<_> = after["transmissions"].as_array().unwrap()[2..]
            .iter()
            .map(|letter| letter["externalReference"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["one", "two", "one"]);
        assert_eq!(after["activities"].as_array().unwrap().len(), 5);
        assert_eq!(
            after["transmissions"].as_array().unwrap()[..2],
            before["transmissions"].as_array().unwrap()[..]
        );
    }

    #[tokio::test]
    async fn but_nothing_in_them_can_be_replaced_removed_or_moved() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        for list in ["transmissions", "activities", "Transmissions"] {
            let whole = format!("/{list}");
            let (first, inside) = (format!("/{list}/0"), format!("/{list}/0/externalReference"));
            for operation in [
                json!({ "op": "replace", "path": whole, "value": [] }),
                json!({ "op": "remove", "path": whole }),
                json!({ "op": "move", "from": whole, "path": "/searchTags" }),
                json!({ "op": "move", "from": "/searchTags", "path": whole }),
                json!({ "op": "replace", "path": first, "value": {} }),
                json!({ "op": "remove", "path": first }),
                json!({ "op": "move", "from": first, "path": "/searchTags/-" }),
                json!({ "op": "replace", "path": inside, "value": "x" }),
                json!({ "op": "remove", "path": inside }),
            ] {
                let innocent = json!({ "op": "replace", "path": "/progress", "value": 99 });
                let answer = owner.patch(id, &json!([innocent, operation])).await;
                let (path, verb) = (operation["path"].as_str().unwrap(), operation["op"].as_str().unwrap());
                answer.assert_problem(400, &[(&format!("[1]{path}"), verb)]);
            }
            // There is nothing to test either.
            let test = json!([{ "op": "test", "path": first, "value": {} }]);
            owner.patch(id, &test).await.assert_problem(400, &[(&format!("[0]{first}"), "nothing")]);
        }
        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn what_is_added_is_checked_as_in_put() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        let add = |value: Value| json!([{ "op": "add", "path": "/transmissions/-", "value": value }]);
        let known = letter().with("/id", before["transmissions"][0]["id"].clone());
        owner.patch(id, &add(known)).await.assert_problem(422, &[("DialogTransmission", "")]);
        let key = letter().with("/idempotentKey", "first");
        owner.patch(id, &add(key)).await.assert_problem(409, &[("IdempotentKey", "first")]);
        let kind = letter().with("/type", "Unknown");
        owner.patch(id, &add(kind)).await.assert_problem(400, &[("dto.transmissions[0].type", "Decision")]);
    }
}

mod refusal {
    use super::*;

    #[tokio::test]
    async fn names_each_operation_that_can_never_work() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        let operations = json!([
            { "op": "replace", "path": "/progress", "value": 99 },
            { "op": "replace", "path": "/party", "value": OTHER_PERSON },
            { "op": "add", "path": "/visibleFrom", "value": "2099-01-01T00:00:00Z" },
            { "op": "remove", "path": "/id" },
            { "op": "increase", "path": "/progress", "value": 1 },
            { "path": "/progress", "value": 1 },
            { "op": "add", "path": "/progress" },
            { "op": "move", "path": "/progress" },
            { "op": "replace", "value": 1 },
            { "op": "replace", "path": "progress", "value": 1 },
            { "op": "replace", "path": "/a~2b", "value": 1 },
            { "op": "replace", "path": "", "value": {} },
            { "op": "copy", "from": "/serviceResource", "path": "/process" },
            "remove",
        ]);
        let answer = owner.patch(id, &operations).await;
        answer.assert_problem(
            400,
            &[
                ("[1]/party", "party"),
                ("[2]/visibleFrom", "visibleFrom"),
                ("[3]/id", "id"),
                ("[4]/progress", "op"),
                ("[5]/progress", "op"),
                ("[6]/progress", "value"),
                ("[7]/progress", "from"),
                ("[8]", "path"),
                ("[9]progress", "JSON Pointer"),
                ("[10]/a~2b", "JSON Pointer"),
                ("[11]", "whole"),
                ("[12]/process", "serviceResource"),
                ("[13]", "object"),
            ],
        );
        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn names_the_first_operation_that_does_not_work_here() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        for operation in [
            json!({ "op": "test", "path": "/status", "value": "Completed" }),
            json!({ "op": "replace", "path": "/content/summary/value/7/value", "value": "x" }),
            json!({ "op": "add", "path": "/searchTags/9", "value": { "value": "late" } }),
            json!({ "op": "remove", "path": "/attachments/2" }),
            json!({ "op": "replace", "path": "/attachments/-", "value": {} }),
            json!({ "op": "remove", "path": "/attachments/-" }),
            json!({ "op": "replace", "path": "/attachments/01", "value": {} }),
            json!({ "op": "replace", "path": "/guiActions/0/color", "value": "red" }),
            json!({ "op": "replace", "path": "/status/name", "value": "x" }),
            json!({ "op": "copy", "from": "/attachments/7", "path": "/attachments/-" }),
            json!({ "op": "move", "from": "/content", "path": "/content/title" }),
        ] {
            let innocent = json!({ "op": "replace", "path": "/progress", "value": 99 });
            let answer = owner.patch(id, &json!([innocent, operation, innocent])).await;
            let key = format!("[1]{}", operation["path"].as_str().unwrap());
            assert_eq!(answer.status, 400, "{operation}");
            answer.assert_problem(400, &[(&key, "")]);
        }
        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn of_documents_that_are_no_patch() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, _) = everything(service).await;
        let many: Value =
            (0..1_001).map(|_| json!({ "op": "test", "path": "/progress", "value": 42 })).collect();
        for document in [
            json!({}),
            json!(null),
            json!("[]"),
            json!({ "op": "remove", "path": "/progress" }),
            many.clone(),
        ] {
            owner.patch(id, &document).await.assert_problem(400, &[("SerializerErrors", "")]);
        }
        let most = json!(many.as_array().unwrap()[..1_000]);
        owner.patch(id, &most).await.expect(204);
        let malformed = owner.patch(id, &json!(null)).body("[{").await;
        malformed.assert_problem_document(400);
        assert_eq!(malformed.error_keys().len(), 1);
    }

    #[tokio::test]
    async fn of_values_that_put_refuses() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        for (path, value, key) in [
            ("/progress", json!("high"), "dto.progress"),
            ("/progress", json!(101), "dto.progress"),
            ("/status", json!("Unknown"), "dto.status"),
            ("/dueAt", json!("2099-01-01T00:00:00"), "dto.dueAt"),
            ("/isApiOnly", json!(null), "dto.isApiOnly"),
            ("/content/title", json!(null), "dto.content.title"),
            ("/content/title/value/0/value", json!(" "), "dto.content.title.value[0].value"),
            (
                "/content/mainContentReference",
                json!({ "value": text("https://example.com/") }),
                "dto.content.mainContentReference.mediaType",
            ),
            ("/guiActions/0/httpMethod", json!("PUT"), "dto.guiActions[0].httpMethod"),
            ("/guiActions/1/priority", json!("Primary"), "dto.guiActions"),
            ("/attachments/0/urls/0/id", json!("x"), "dto.attachments[0].urls[0].id"),
            ("/searchTags", json!("tag"), "dto.searchTags"),
        ] {
            let answer = owner.patch(id, &json!([{ "op": "replace", "path": path, "value": value }])).await;
            assert_eq!(answer.status, 400, "{path}");
            let keys = answer.error_keys();
            assert!(keys.iter().any(|found| found == key), "{path}: {keys:?}");
        }
        assert_eq!(owner.dialog(id).await, before);
    }

    #[tokio::test]
    async fn of_copies_that_would_grow_without_bound() {
        let service = Service::shared().await;
        let owner = service.owner();
        let (id, before) = everything(service).await;
        // Each of these doubles the list.
        let doubling: Value = (0..60)
            .map(|_| json!({ "op": "copy", "from": "/attachments", "path": "/attachments/-" }))
            .collect();
        let answer = owner.patch(id, &doubling).await;
        answer.assert_problem_document(400);
        assert!(
            answer.text().contains("larger than 20000000") || answer.text().contains("deeper than 64"),
            "{}",
            answer.text()
        );

        // This one stays flat.
        let mut flat =
            vec![json!({ "op": "add", "path": "/extendedStatus", "value": "x".repeat(1_000_000) })];
        flat.extend(
            (0..999).map(|_| json!({ "op": "copy", "from": "/extendedStatus", "path": "/searchTags/-" })),
        );
        let answer = owner.patch(id, &json!(flat)).await;
        answer.assert_problem_document(400);
        assert!(answer.text().contains("larger than 20000000"), "{}", answer.text());

        assert_eq!(owner.dialog(id).await, before);
    }
}

#[tokio::test]
async fn parts_without_ids_are_new_ones() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, before) = everything(service).await;
    let button = json!({
        "action": "write", "url": "https://example.com/new", "priority": "Primary", "title": text("Ny"),
    });
    owner
        .patch(id, &json!([{ "op": "replace", "path": "/guiActions/0", "value": button }]))
        .await
        .expect(204);
    let read = owner.dialog(id).await;
    let [kept, made] = &read["guiActions"].as_array().unwrap()[..] else { panic!("two buttons") };
    assert_eq!(kept, &before["guiActions"][1]);
    assert_eq!(made["action"], "write");
    assert_ne!(made["id"], before["guiActions"][0]["id"]);

    // Content without a media type is plain text.
    let plain = json!([{ "op": "replace", "path": "/content/additionalInfo", "value": texts("ren tekst") }]);
    owner.patch(id, &plain).await.expect(204);
    assert_eq!(owner.dialog(id).await["content"]["additionalInfo"]["mediaType"], "text/plain");
}

#[tokio::test]
async fn a_dialog_without_content_has_none_to_reach_into() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog().without("/content").with("/isApiOnly", true)).await;
    let inside = json!([{ "op": "add", "path": "/content/title", "value": texts("Tittel") }]);
    owner.patch(id, &inside).await.assert_problem(400, &[("[0]/content/title", "nothing")]);
    let whole = json!([{ "op": "add", "path": "/content", "value": { "title": texts("Tittel") } }]);
    owner.patch(id, &whole).await.expect(204);
    assert_eq!(owner.dialog(id).await["content"]["title"]["value"], text("Tittel"));
}

#[tokio::test]
async fn silent_patches_move_no_date() {
    let service = Service::shared().await;
    let owner = service.owner();
    let (id, before) = everything(service).await;
    let operations = json!([{ "op": "replace", "path": "/status", "value": "Draft" }]);
    owner.patch(id, &operations).silently().await.expect(204);
    let after = owner.dialog(id).await;
    assert_ne!(after["revision"], before["revision"]);
    let expected = before.with("/status", "Draft").with("/revision", after["revision"].clone());
    assert_eq!(after, expected);
}

#[tokio::test]
async fn patches_of_many_at_once_are_all_applied() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let tags: Vec<String> = (10..26).map(|number| format!("tag {number}")).collect();
    let patches = tags.iter().map(|tag| {
        let operations = json!([{ "op": "add", "path": "/searchTags/-", "value": { "value": tag } }]);
        owner.patch(id, &operations).into_future()
    });
    for answer in join_all(patches).await {
        answer.expect(204);
    }
    let read = owner.dialog(id).await;
    let mut found: Vec<&str> =
        read["searchTags"].as_array().unwrap().iter().map(|tag| tag["value"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, tags);
}

#[tokio::test]
async fn patches_and_appended_parts_of_many_at_once_are_all_applied() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let operations = json!([{ "op": "add", "path": "/transmissions/-", "value": letter() }]);
    let calls = (0..12).map(|_| owner.patch(id, &operations).into_future());
    for answer in join_all(calls).await {
        answer.expect(204);
    }
    let read = owner.dialog(id).await;
    assert_eq!(read["transmissions"].as_array().unwrap().len(), 12);
    assert_eq!(read["fromServiceOwnerTransmissionsCount"], 12);
}
