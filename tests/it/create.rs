//! Creating dialogs: what reads back, what is refused, and that nothing is created twice.

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";

/// The same with all texts in the order of their language codes.
fn in_order_of_language(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => {
            let mut sorted: Vec<Value> = items.drain(..).map(in_order_of_language).collect();
            sorted.sort_by_key(|item| item["languageCode"].as_str().map(str::to_owned));
            *items = sorted;
        }
        Value::Object(members) => {
            for (_, member) in members.iter_mut() {
                *member = in_order_of_language(member.take());
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn a_full_dialog_reads_back_whole() {
    let service = Service::shared().await;
    let owner = service.owner();
    let sent = full_dialog(service);

    let created = owner.create(&sent).await.expect(201);
    let read = owner.dialog(created.id()).await;

    assert_eq!(json!(created.id()), sent["id"]);
    let revision_of = |context: &str| {
        let revision = read[context]["revision"].as_str().and_then(|text| text.parse::<Uuid>().ok());
        revision.unwrap_or_else(|| panic!("{context} has no revision"))
    };
    let made_link_id = read["transmissions"][0]["attachments"][0]["urls"][0]["id"].clone();
    assert!(made_link_id.is_string());
    let expected = in_order_of_language(sent.clone())
        // What the service adds.
        .with("/revision", created.etag().to_string())
        .with("/org", "ttd")
        .with("/serviceResourceType", "genericaccessresource")
        .with("/contentUpdatedAt", sent["updatedAt"].clone())
        .with("/fromServiceOwnerTransmissionsCount", 1)
        .with("/fromPartyTransmissionsCount", 1)
        .with("/hasUnopenedContent", false)
        .with("/isContentSeen", false)
        .with("/seenSinceLastUpdate", json!([]))
        .with("/seenSinceLastContentUpdate", json!([]))
        .with("/endUserContext/revision", revision_of("endUserContext").to_string())
        .with("/endUserContext/systemLabels", json!(["Archive", "Sent"]))
        .with("/serviceOwnerContext/revision", revision_of("serviceOwnerContext").to_string())
        .with("/transmissions/0/isOpened", true)
        .with("/transmissions/0/attachments/0/urls/0/id", made_link_id)
        .with("/transmissions/1/isOpened", false)
        .with("/transmissions/1/attachments", json!([]))
        .with("/transmissions/1/navigationalActions", json!([]))
        .with("/transmissions/1/sender/actorName", "LITTERATUR UROMANTISK")
        .with("/activities/2/performedBy/actorName", "LITTERATUR UROMANTISK")
        .with("/apiActions/0/endpoints/1/deprecated", false)
        // What it writes in another way.
        .with("/searchTags/0/value", "havneavgift")
        .with(
            "/serviceOwnerContext/serviceOwnerLabels",
            json!([{ "value": "archive-2031" }, { "value": "zebra" }]),
        );
    assert_eq!(read, expected);
}

#[tokio::test]
async fn the_least_dialog_gets_defaults() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let read = owner.dialog(id).await;

    assert_eq!(id.get_version_num(), 7);
    for (member, value) in [
        ("status", json!("NotApplicable")),
        ("systemLabel", json!("Default")),
        ("isApiOnly", json!(false)),
        ("hasUnopenedContent", json!(false)),
        ("isContentSeen", json!(false)),
        ("createdAt", json!("2031-05-17T12:00:00.1234560Z")),
        ("updatedAt", json!("2031-05-17T12:00:00.1234560Z")),
        ("contentUpdatedAt", json!("2031-05-17T12:00:00.1234560Z")),
        ("attachments", json!([])),
        ("searchTags", json!([])),
        ("activities", json!([])),
        ("endUserContext", read["endUserContext"].clone().with("/systemLabels", json!(["Default"]))),
        ("content", json!({ "title": { "value": text("Søknad om støtte"), "mediaType": "text/plain" } })),
    ] {
        assert_eq!(read[member], value, "{member}");
    }
    for absent in ["progress", "dueAt", "expiresAt", "visibleFrom", "deletedAt", "process", "idempotentKey"] {
        assert!(read.get(absent).is_none(), "{absent}: {read:#}");
    }
    let revision: Uuid = read["revision"].as_str().unwrap().parse().unwrap();
    assert_eq!(revision.get_version_num(), 4);
}

#[tokio::test]
async fn parts_without_ids_keep_the_order_of_input() {
    let service = Service::shared().await;
    let owner = service.owner();
    let names = ["fem", "fire", "tre", "to", "en"];
    let link = |name: &str| format!("https://example.com/{name}");
    let list = |part: &dyn Fn(&str) -> Value| names.iter().map(|name| part(name)).collect::<Value>();
    let sent = dialog()
        .with("/attachments", list(&|name| {
            let urls = list(&|url| json!({ "url": link(url), "consumerType": "Gui" }));
            json!({ "name": name, "urls": urls })
        }))
        .with("/guiActions", list(&|name| {
            json!({ "action": name, "url": link(name), "priority": "Tertiary", "title": text(name) })
        }))
        .with("/apiActions", list(&|name| {
            let endpoints = list(&|url| json!({ "url": link(url), "httpMethod": "GET" }));
            json!({ "action": name, "endpoints": endpoints })
        }))
        .with("/transmissions", list(&|name| {
            json!({
                "type": "Information", "externalReference": name, "sender": { "actorType": "ServiceOwner" },
                "content": { "title": texts(name) },
            })
        }))
        .with("/activities", list(&|name| {
            json!({
                "type": "Information", "performedBy": { "actorType": "ServiceOwner" }, "description": text(name),
            })
        }))
        .with("/searchTags", list(&|name| json!({ "value": format!("tag {name}") })));

    let read = owner.dialog(owner.created(&sent).await).await;

    let found = |list: &str, pointer: &str| -> Vec<String> {
        let items = read.pointer(list).and_then(Value::as_array).unwrap();
        items.iter().map(|item| item.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
    };
    let links = names.map(link);
    assert_eq!(found("/attachments", "/name"), names);
    assert_eq!(found("/attachments/2/urls", "/url"), links);
    assert_eq!(found("/guiActions", "/action"), names);
    assert_eq!(found("/apiActions", "/action"), names);
    assert_eq!(found("/apiActions/2/endpoints", "/url"), links);
    assert_eq!(found("/transmissions", "/externalReference"), names);
    assert_eq!(found("/activities", "/description/0/value"), names);
    assert_eq!(found("/searchTags", "/value"), names.map(|name| format!("tag {name}")));
}

#[tokio::test]
async fn ten_mistakes_are_reported_together_and_nothing_is_stored() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = service.id();
    let sent = one_of_each()
        .with("/id", id.to_string())
        .with("/progress", 101)
        .with("/dueAt", "2033-01-01T10:00:00")
        .with("/party", "urn:altinn:person:identifier-no:08844397714")
        .with("/serviceResource", "ttd-dialogporten-automated-tests")
        .with("/content/title/value/0/languageCode", "no")
        .with("/content/summary/mediaType", "text/html")
        .with("/attachments/0/urls", json!([]))
        .with("/guiActions/0/url", "http://example.com/")
        .with("/transmissions/0/sender", json!({ "actorType": "ServiceOwner", "actorName": "Kari" }))
        .with("/activities/0/performedBy/actorType", "Somebody");

    let answer = owner.create(&sent).await;

    answer.assert_problem(
        400,
        &[
            ("dto.progress", "101"),
            ("dto.dueAt", "offset"),
            ("dto.party", "valid party"),
            ("dto.serviceResource", "urn:altinn:resource:"),
            ("dto.content.title.value[0].languageCode", "nb or nn"),
            ("dto.content.summary.mediaType", "text/html"),
            ("dto.attachments[0].urls", "at least one"),
            ("dto.guiActions[0].url", "https"),
            ("dto.transmissions[0].sender", "neither"),
            ("dto.activities[0].performedBy.actorType", "ServiceOwner"),
        ],
    );
    owner.read(id).await.assert_problem(404, &[("DialogEntity", &id.to_string())]);
}

mod only_once {
    use super::*;

    #[tokio::test]
    async fn by_id() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = dialog().with("/id", service.id().to_string());
        let id = owner.created(&sent).await;

        let again = owner.create(&sent).await;

        again.assert_problem(409, &[("DialogEntity", &id.to_string())]);
        assert_eq!(again.json()["dialogId"], id.to_string());
        assert_eq!(again.header("location"), Some(format!("/api/v1/serviceowner/dialogs/{id}").as_str()));
    }

    #[tokio::test]
    async fn by_idempotency_key() {
        let service = Service::shared().await;
        let owner = service.owner();
        let key = format!("key-{}", &service.unique()[..20]);
        let sent = dialog().with("/idempotentKey", key.as_str());
        let id = owner.created(&sent).await;

        // The bodies are not compared.
        let again = owner.create(&sent.clone().with("/progress", 7)).await;

        again.assert_problem(409, &[("IdempotentKey", &id.to_string())]);
        assert_eq!(again.json()["dialogId"], id.to_string());
        assert_eq!(again.header("location"), Some(format!("/api/v1/serviceowner/dialogs/{id}").as_str()));

        // Also when a date has passed meanwhile, and when the id is taken as well.
        let past = sent.clone().with("/dueAt", service.in_seconds(-1));
        owner.create(&past).await.assert_problem(409, &[("IdempotentKey", &id.to_string())]);
        let same_id = owner.create(&sent.clone().with("/id", id.to_string())).await;
        same_id.assert_problem(409, &[("IdempotentKey", &id.to_string())]);
        // Case counts.
        owner.created(&sent.with("/idempotentKey", key.to_uppercase())).await;
        // Other service owners have keys of their own.
        let other = dialog().with("/idempotentKey", key).with("/serviceResource", OTHER_OWNERS);
        service.other_owner().created(&other).await;
    }

    #[tokio::test]
    async fn also_when_the_first_has_been_deleted() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = dialog().with("/idempotentKey", service.unique());
        let id = owner.created(&sent).await;
        service.database.execute("update dialog set deleted_at = now() where id = $1", id).await;

        owner.create(&sent).await.assert_problem(409, &[("IdempotentKey", &id.to_string())]);
    }

    #[tokio::test]
    async fn whoever_comes_first_of_many_at_once() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (sent, key) in [
            (dialog().with("/idempotentKey", service.unique()), "IdempotentKey"),
            (dialog().with("/id", service.id().to_string()), "DialogEntity"),
        ] {
            let answers = join_all((0..12).map(|_| owner.create(&sent).into_future())).await;

            let (created, refused): (Vec<Answer>, Vec<Answer>) =
                answers.into_iter().partition(|answer| answer.status == 201);
            assert_eq!(created.len(), 1, "{key}");
            let id = created[0].id().to_string();
            for answer in refused {
                answer.assert_problem(409, &[(key, &id)]);
                assert_eq!(answer.json()["dialogId"], id);
            }
        }
    }

    #[tokio::test]
    async fn ids_of_parts_are_taken_once_among_all_dialogs() {
        let service = Service::shared().await;
        let owner = service.owner();
        let first = full_dialog(service);
        owner.created(&first).await;
        for (pointer, key) in [
            ("/attachments/0/id", "DialogAttachment"),
            ("/attachments/0/urls/0/id", "DialogAttachmentUrl"),
            ("/transmissions/0/attachments/0/id", "DialogAttachment"),
            ("/guiActions/0/id", "DialogGuiAction"),
            ("/apiActions/0/id", "DialogApiAction"),
            ("/apiActions/0/endpoints/0/id", "DialogApiActionEndpoint"),
            ("/transmissions/1/id", "DialogTransmission"),
            ("/activities/0/id", "DialogActivity"),
        ] {
            let taken = first.pointer(pointer).unwrap().clone();
            let second = full_dialog(service).with(pointer, taken.clone());

            let answer = owner.create(&second).await;

            answer.assert_problem(422, &[(key, taken.as_str().unwrap())]);
        }
    }

    #[tokio::test]
    async fn keys_of_transmissions_occur_once_in_a_dialog() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = one_of_each();
        let transmission = sent["transmissions"][0].clone().with("/idempotentKey", "once");
        let twice = sent.clone().with("/transmissions", json!([transmission, transmission]));

        owner.create(&twice).await.assert_problem(409, &[("IdempotentKey", "once")]);

        let once = sent.with("/transmissions", json!([transmission]));
        owner.created(&once).await;
        owner.created(&once).await;
    }
}

mod ownership {
    use super::*;

    #[tokio::test]
    async fn the_resource_must_be_the_callers() {
        let service = Service::shared().await;
        let stranger = service.organization("hko", "964951284", OWNER);
        stranger.create(&dialog()).await.assert_problem(403, &[("Forbidden", RESOURCE)]);
        let other = dialog().with("/serviceResource", OTHER_OWNERS);
        service.owner().create(&other).await.assert_problem(403, &[("Forbidden", OTHER_OWNERS)]);

        let admin = service.organization("hko", "964951284", &format!("{OWNER} {ADMIN}"));
        let id = admin.created(&other).await;
        // It belongs to the owner of the resource, whoever made it.
        assert_eq!(service.other_owner().dialog(id).await["org"], "brg");
        service.owner().read(id).await.assert_problem(404, &[("DialogEntity", &id.to_string())]);
    }

    #[tokio::test]
    async fn so_must_every_resource_in_authorization_attributes() {
        let service = Service::shared().await;
        let owner = service.owner();
        for pointer in ["/guiActions/0", "/apiActions/0", "/transmissions/0"] {
            let pointer = format!("{pointer}/authorizationAttribute");
            for foreign in [OTHER_OWNERS, "urn:altinn:resource:notavailable"] {
                let sent = one_of_each().with(&pointer, foreign);
                owner.create(&sent).await.assert_problem(403, &[("Forbidden", foreign)]);
                service.owner_with(ADMIN).created(&sent).await;
            }
            for own in [
                EVENTS,
                CORRESPONDENCE,
                &RESOURCE_2.to_uppercase().replace("URN:ALTINN:RESOURCE", "urn:altinn:resource"),
            ] {
                owner.created(&one_of_each().with(&pointer, own)).await;
            }
        }
    }

    #[tokio::test]
    async fn resources_that_do_not_exist_are_named() {
        let service = Service::shared().await;
        let unknown = dialog().with("/serviceResource", "urn:altinn:resource:notavailable");
        service.owner().create(&unknown).await.assert_problem(422, &[("ServiceResource", "notavailable")]);
        let answer = service.owner_with(ADMIN).create(&unknown).await;
        answer.assert_problem(422, &[("ServiceResource", "notavailable"), ("Org", "notavailable")]);
        // Together with what else cannot be done.
        let answer = service.owner().create(&unknown.with("/dueAt", service.in_seconds(-1))).await;
        answer.assert_problem(422, &[("ServiceResource", ""), ("DueAt", "")]);
    }

    #[tokio::test]
    async fn correspondence_is_for_altinn_correspondence() {
        let service = Service::shared().await;
        let sent = dialog().with("/serviceResource", CORRESPONDENCE);
        service.owner().create(&sent).await.assert_problem(403, &[("Forbidden", CORRESPONDENCE)]);

        let correspondence = service.owner_with(CORRESPONDENCE_SCOPE);
        let id = correspondence.created(&sent).await;
        assert_eq!(correspondence.dialog(id).await["serviceResourceType"], "correspondenceservice");

        for kind in ["CorrespondenceOpened", "CorrespondenceConfirmed"] {
            let activity = json!([{ "type": kind, "performedBy": { "actorType": "ServiceOwner" } }]);
            let sent = dialog().with("/activities", activity);
            service.owner().create(&sent).await.assert_problem(403, &[("Forbidden", kind)]);
            correspondence.created(&sent).await;
        }
    }

    #[tokio::test]
    async fn the_id_of_the_resource_counts_without_case() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = dialog().with("/serviceResource", "urn:altinn:resource:TTD-Dialogporten-Automated-Tests");
        let id = owner.created(&sent).await;
        assert_eq!(owner.dialog(id).await["serviceResource"], RESOURCE);
    }
}

mod dates {
    use super::*;

    /// Who creates, and how.
    #[derive(Clone, Copy)]
    enum By {
        Owner,
        OwnerSilently,
        Admin,
    }
    use By::{Admin, Owner, OwnerSilently};

    async fn create(service: &Service, sent: &Value, by: By) -> Answer {
        match by {
            Owner => service.owner().create(sent).await,
            OwnerSilently => service.owner().create(sent).silently().await,
            Admin => service.owner_with(ADMIN).create(sent).await,
        }
    }

    #[tokio::test]
    async fn dates_that_the_request_alone_refutes() {
        let service = Service::at(NOON).await;
        let at = |seconds| service.in_seconds(seconds);
        for (members, by, key) in [
            (vec![("createdAt", at(14))], Owner, None),
            (vec![("createdAt", at(15))], Owner, None),
            (vec![("createdAt", at(16))], Owner, Some("dto.createdAt")),
            (vec![("createdAt", at(16))], OwnerSilently, Some("dto.createdAt")),
            (vec![("createdAt", at(16))], Admin, Some("dto.createdAt")),
            (vec![("updatedAt", at(-5))], Owner, Some("dto.createdAt")),
            (vec![("createdAt", at(-9)), ("updatedAt", at(-9))], Owner, None),
            (vec![("createdAt", at(-9)), ("updatedAt", at(-10))], Owner, Some("dto.updatedAt")),
            (vec![("createdAt", at(-9)), ("updatedAt", at(16))], Owner, Some("dto.updatedAt")),
            (vec![("updatedAt", "0001-01-01T00:00:00Z".into())], Owner, None),
            (vec![("createdAt", "0001-01-01T00:00:00Z".into())], Owner, None),
            (vec![("dueAt", at(60)), ("expiresAt", at(60))], Owner, None),
            (vec![("dueAt", at(60)), ("expiresAt", at(59))], Owner, Some("dto.expiresAt")),
            (vec![("dueAt", at(60)), ("expiresAt", at(59))], Admin, Some("dto.expiresAt")),
            (vec![("visibleFrom", at(60)), ("expiresAt", at(59))], Owner, Some("dto.expiresAt")),
            (vec![("visibleFrom", at(60)), ("dueAt", at(60))], Owner, None),
            (vec![("visibleFrom", at(60)), ("dueAt", at(59))], Owner, Some("dto.dueAt")),
            (vec![("visibleFrom", at(60)), ("dueAt", at(59))], OwnerSilently, Some("dto.dueAt")),
            (vec![("visibleFrom", at(60)), ("dueAt", at(59))], Admin, None),
        ] {
            let sent = members
                .iter()
                .fold(dialog(), |sent, (name, value)| sent.with(&format!("/{name}"), value.as_str()));
            let answer = create(&service, &sent, by).await;
            match key {
                None => drop(answer.expect(201)),
                Some(key) => answer.assert_problem(400, &[(key, "")]),
            }
        }
    }

    #[tokio::test]
    async fn dates_that_only_the_clock_refutes() {
        let service = Service::at(NOON).await;
        for (member, key) in [("dueAt", "DueAt"), ("expiresAt", "ExpiresAt"), ("visibleFrom", "VisibleFrom")]
        {
            for (seconds, by, accepted) in [
                (1, Owner, true),
                (0, Owner, false),
                (-1, Owner, false),
                (-1, OwnerSilently, true),
                (-1, Admin, true),
            ] {
                let sent = dialog().with(&format!("/{member}"), service.in_seconds(seconds));
                let answer = create(&service, &sent, by).await;
                if accepted {
                    answer.expect(201);
                } else {
                    answer.assert_problem(422, &[(key, "future")]);
                }
            }
        }
        let all = dialog()
            .with("/visibleFrom", service.in_seconds(-3))
            .with("/dueAt", service.in_seconds(-2))
            .with("/expiresAt", service.in_seconds(-1));
        let answer = service.owner().create(&all).await;
        answer.assert_problem(422, &[("DueAt", ""), ("ExpiresAt", ""), ("VisibleFrom", "")]);
    }

    #[tokio::test]
    async fn dates_of_parts() {
        let service = Service::at(NOON).await;
        let at = |seconds| service.in_seconds(seconds);
        for (pointer, accepted, refused) in [
            ("/attachments/0/expiresAt", at(0), at(-1)),
            ("/transmissions/0/attachments/0/expiresAt", at(0), at(-1)),
            ("/transmissions/0/navigationalActions/0/expiresAt", at(0), at(-1)),
            ("/transmissions/0/createdAt", at(15), at(16)),
            ("/activities/0/createdAt", at(15), at(16)),
        ] {
            service.owner().created(&one_of_each().with(pointer, accepted)).await;
            for by in [Owner, OwnerSilently, Admin] {
                let answer = create(&service, &one_of_each().with(pointer, refused.as_str()), by).await;
                answer.assert_problem(400, &[(&key_of(pointer), "")]);
            }
        }
    }

    #[tokio::test]
    async fn supplied_dates_are_kept_and_missing_ones_are_now() {
        let service = Service::at(NOON).await;
        let (now, then, later) = (service.in_seconds(0), service.in_seconds(-90), service.in_seconds(-30));
        for (created, updated, expected) in [
            (None, None, [&now, &now, &now]),
            (Some(&then), None, [&then, &now, &now]),
            (Some(&then), Some(&later), [&then, &later, &later]),
        ] {
            let mut sent = dialog();
            for (name, value) in [("/createdAt", created), ("/updatedAt", updated)] {
                if let Some(value) = value {
                    sent = sent.with(name, value.as_str());
                }
            }
            for by in [Owner, OwnerSilently] {
                let id = create(&service, &sent, by).await.expect(201).id();
                let read = service.owner().dialog(id).await;
                let found = [&read["createdAt"], &read["updatedAt"], &read["contentUpdatedAt"]];
                assert_eq!(found, expected.map(String::as_str));
            }
        }
    }

    #[tokio::test]
    async fn a_dialog_that_is_to_be_visible_later_begins_then() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let visible = service.in_seconds(3 * 86_400);
        let sent = one_of_each()
            .with("/visibleFrom", visible.as_str())
            .with("/createdAt", service.in_seconds(-60))
            .with("/updatedAt", service.in_seconds(-30))
            .with("/transmissions/0/createdAt", service.in_seconds(-20))
            .with("/activities/0/createdAt", service.in_seconds(-10));
        let read = owner.dialog(owner.created(&sent).await).await;
        for member in ["visibleFrom", "createdAt", "updatedAt", "contentUpdatedAt"] {
            assert_eq!(read[member], visible, "{member}");
        }
        assert_eq!(read["transmissions"][0]["createdAt"], visible);
        assert_eq!(read["activities"][0]["createdAt"], service.in_seconds(-10));

        // Visibility that has come already changes nothing.
        let past = sent.with("/visibleFrom", service.in_seconds(-300));
        let read = service.owner().dialog(create(&service, &past, Admin).await.expect(201).id()).await;
        assert_eq!(read["createdAt"], service.in_seconds(-60));
        assert_eq!(read["updatedAt"], service.in_seconds(-30));
        assert_eq!(read["contentUpdatedAt"], service.in_seconds(-30));
        assert_eq!(read["transmissions"][0]["createdAt"], service.in_seconds(-20));
    }

    #[tokio::test]
    async fn visible_at_is_another_name_for_visible_from() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let (visible, other) = (service.in_seconds(60), service.in_seconds(61));
        let both = dialog().with("/visibleAt", visible.as_str()).with("/visibleFrom", visible.as_str());
        for sent in [both.clone().without("/visibleFrom"), both.clone()] {
            let read = owner.dialog(owner.created(&sent).await).await;
            assert_eq!(read["visibleFrom"], visible);
            assert!(read.get("visibleAt").is_none());
        }
        let answer = owner.create(&both.with("/visibleFrom", other)).await;
        answer.assert_problem(400, &[("dto.visibleAt", "visibleFrom")]);
    }
}

#[tokio::test]
async fn chosen_ids_are_version_7_and_not_of_the_future() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let milliseconds = u128::try_from(service.now().unix_milliseconds()).unwrap();
    let at = |offset: i128| {
        let time = milliseconds.checked_add_signed(offset).unwrap();
        let random = service.clock.ids(service.now()).revision().as_u128();
        Uuid::from_u128(
            (time << 80) | (0x7 << 76) | (random & (0xfff << 64)) | (0x2 << 62) | (random & ((1 << 62) - 1)),
        )
    };
    let v7 = at(0);
    assert_eq!(v7.get_version_num(), 7);
    let swapped = Uuid::from_bytes_le(*at(-1).as_bytes());
    let v4 = service.clock.ids(service.now()).revision();
    for pointer in [
        "/id",
        "/attachments/0/id",
        "/attachments/0/urls/0/id",
        "/transmissions/0/id",
        "/transmissions/0/attachments/0/id",
        "/guiActions/0/id",
        "/apiActions/0/id",
        "/apiActions/0/endpoints/0/id",
        "/activities/0/id",
    ] {
        let with = |id: Uuid| one_of_each().with(pointer, id.to_string().to_uppercase());
        for id in [at(-1_000_000_000), at(0), at(14_999)] {
            let read = owner.dialog(owner.created(&with(id)).await).await;
            assert_eq!(read.pointer(pointer), Some(&json!(id.to_string())), "{pointer}");
        }
        for id in [v4, swapped, at(15_000), at(16_000), Uuid::nil(), Uuid::max()] {
            let answer = owner.create(&with(id)).await;
            answer.assert_problem(400, &[(&key_of(pointer), "UUIDv7")]);
        }
        let answer = owner.create(&one_of_each().with(pointer, v7.simple().to_string())).await;
        answer.assert_problem(400, &[(&key_of(pointer), "36 characters")]);
    }
}

#[tokio::test]
async fn ids_and_languages_occur_once_in_their_list() {
    let service = Service::shared().await;
    let owner = service.owner();
    for list in [
        "/attachments",
        "/attachments/0/urls",
        "/transmissions",
        "/transmissions/0/attachments",
        "/guiActions",
        "/apiActions",
        "/apiActions/0/endpoints",
        "/activities",
    ] {
        let sent = one_of_each();
        let part = sent.pointer(&format!("{list}/0")).unwrap().clone().with("/id", service.id().to_string());
        let part = if list == "/guiActions" { part.with("/priority", "Tertiary") } else { part };
        let twice = sent.with(list, json!([part, part]));
        owner.create(&twice).await.assert_problem(400, &[(&key_of(list), "more than once")]);
    }
    // One id for attachments of two transmissions.
    let sent = one_of_each().with("/transmissions/0/attachments/0/id", service.id().to_string());
    let transmission = sent["transmissions"][0].clone();
    let answer = owner.create(&sent.with("/transmissions/1", transmission)).await;
    answer.assert_problem(400, &[("dto.transmissions[1].attachments", "more than once")]);

    for list in [
        "/content/title/value",
        "/attachments/0/displayName",
        "/guiActions/0/title",
        "/guiActions/0/prompt",
        "/transmissions/0/content/summary/value",
        "/transmissions/0/navigationalActions/0/title",
        "/activities/0/description",
    ] {
        let twice = one_of_each().with(list, localized(&[("nb", "a"), ("en", "b"), ("nb_NO", "c")]));
        owner.create(&twice).await.assert_problem(400, &[(&key_of(list), "nb occurs more than once")]);
    }
}

mod hierarchy {
    use super::*;

    /// A dialog with these transmissions, given as indexes of the ones they answer.
    fn related(service: &Service, parents: &[Option<usize>]) -> Value {
        let ids = &mut service.clock.ids(service.now());
        let ids: Vec<String> = parents.iter().map(|_| ids.next_id().to_string()).collect();
        let transmissions: Vec<Value> = parents
            .iter()
            .enumerate()
            .map(|(index, parent)| {
                let transmission = one_of_each()["transmissions"][0].clone().with("/id", ids[index].as_str());
                match parent {
                    Some(parent) => transmission.with("/relatedTransmissionId", ids[*parent].as_str()),
                    None => transmission,
                }
            })
            .collect();
        dialog().with("/transmissions", transmissions)
    }

    fn chain(length: usize) -> Vec<Option<usize>> {
        (0..length).map(|index| index.checked_sub(1)).collect()
    }

    fn star(children: usize) -> Vec<Option<usize>> {
        (0..=children).map(|index| (index > 0).then_some(0)).collect()
    }

    #[tokio::test]
    async fn a_chain_of_100_is_the_longest() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&related(service, &chain(100))).await;
        assert_eq!(owner.dialog(id).await["transmissions"].as_array().unwrap().len(), 100);
        let answer = owner.create(&related(service, &chain(101))).await;
        answer.assert_problem(422, &[("Transmissions", "at most 100 long")]);
    }

    #[tokio::test]
    async fn a_transmission_has_100_answers_at_most() {
        let service = Service::shared().await;
        let owner = service.owner();
        owner.created(&related(service, &star(100))).await;
        let answer = owner.create(&related(service, &star(101))).await;
        answer.assert_problem(422, &[("Transmissions", "100")]);
    }

    #[tokio::test]
    async fn answers_may_come_before_what_they_answer_but_not_in_a_circle() {
        let service = Service::shared().await;
        let owner = service.owner();
        owner.created(&related(service, &[Some(2), Some(0), None])).await;
        // Without an id of its own.
        let sent = related(service, &[Some(1), None]).without("/transmissions/0/id");
        owner.created(&sent).await;
        let answer = owner.create(&related(service, &[Some(2), Some(0), Some(1)])).await;
        answer.assert_problem(422, &[("Transmissions", "circle")]);
    }

    #[tokio::test]
    async fn related_transmissions_are_others_in_the_same_request() {
        let service = Service::shared().await;
        let owner = service.owner();
        let answer = owner.create(&related(service, &[Some(0)])).await;
        answer.assert_problem(400, &[("dto.transmissions[0].relatedTransmissionId", "itself")]);
        let elsewhere = service.id().to_string();
        let sent = one_of_each().with("/transmissions/0/relatedTransmissionId", elsewhere.as_str());
        owner.create(&sent).await.assert_problem(400, &[("dto.transmissions[0]", &elsewhere)]);
        let sent = one_of_each()
            .with(
                "/activities/0",
                json!({ "type": "TransmissionOpened", "performedBy": { "actorType": "ServiceOwner" } }),
            )
            .with("/activities/0/transmissionId", elsewhere.as_str());
        owner.create(&sent).await.assert_problem(400, &[("dto.activities[0]", &elsewhere)]);
    }
}

#[tokio::test]
async fn content_is_unopened_until_every_letter_has_been_opened() {
    let service = Service::shared().await;
    let owner = service.owner();
    let letters = |kinds: &[&str]| -> Vec<(Uuid, Value)> {
        let ids = &mut service.clock.ids(service.now());
        let letter = one_of_each()["transmissions"][0].clone();
        let letter = |kind: &&str| {
            let id = ids.next_id();
            (id, letter.clone().with("/id", id.to_string()).with("/type", *kind))
        };
        kinds.iter().map(letter).collect()
    };
    for (kinds, opened, unopened) in [
        (vec![], vec![], false),
        (vec!["Information"], vec![], true),
        (vec!["Information"], vec![0], false),
        (vec!["Information", "Decision"], vec![0], true),
        (vec!["Information", "Decision"], vec![0, 1], false),
        (vec!["Information", "Information"], vec![0, 0], true),
        (vec!["Submission", "Correction"], vec![], false),
        (vec!["Submission", "Alert"], vec![0], true),
        (vec!["Acceptance", "Rejection", "Request"], vec![0, 1, 2], false),
    ] {
        let letters = letters(&kinds);
        let opening = |index: &usize| {
            json!({
                "type": "TransmissionOpened", "transmissionId": letters[*index].0,
                "performedBy": { "actorType": "ServiceOwner" },
            })
        };
        let sent = dialog()
            .with("/transmissions", letters.iter().map(|(_, letter)| letter.clone()).collect::<Value>())
            .with("/activities", opened.iter().map(opening).collect::<Value>());
        let read = owner.dialog(owner.created(&sent).await).await;
        assert_eq!(read["hasUnopenedContent"], unopened, "{kinds:?} {opened:?}");
        for (index, kind) in kinds.iter().enumerate() {
            let from_party = ["Submission", "Correction"].contains(kind);
            let is_opened = opened.contains(&index) && !from_party;
            assert_eq!(read["transmissions"][index]["isOpened"], is_opened, "{kinds:?} {opened:?}");
        }
        let from_party = kinds.iter().filter(|kind| ["Submission", "Correction"].contains(kind)).count();
        assert_eq!(read["fromPartyTransmissionsCount"], from_party);
        assert_eq!(read["fromServiceOwnerTransmissionsCount"], kinds.len() - from_party);
        let sent = read["endUserContext"]["systemLabels"].as_array().unwrap().contains(&json!("Sent"));
        assert_eq!(sent, from_party > 0, "{kinds:?}");
    }

    let correspondence = service.owner_with(CORRESPONDENCE_SCOPE);
    let sent = dialog().with("/serviceResource", CORRESPONDENCE);
    let read = correspondence.dialog(correspondence.created(&sent).await).await;
    assert_eq!(read["hasUnopenedContent"], true);
    let opened = json!([{ "type": "CorrespondenceOpened", "performedBy": { "actorType": "ServiceOwner" } }]);
    let sent = sent.with("/activities", opened);
    let read = correspondence.dialog(correspondence.created(&sent).await).await;
    assert_eq!(read["hasUnopenedContent"], false);
}

#[tokio::test]
async fn a_dialog_begins_in_one_of_three_places() {
    let service = Service::shared().await;
    let owner = service.owner();
    for label in ["Default", "Bin", "Archive"] {
        let id = owner.created(&dialog().with("/systemLabel", label.to_lowercase())).await;
        let read = owner.dialog(id).await;
        assert_eq!(read["systemLabel"], label);
        assert_eq!(read["endUserContext"]["systemLabels"], json!([label]));
    }
    for label in ["Sent", "MarkedAsUnopened", "Inbox"] {
        let answer = owner.create(&dialog().with("/systemLabel", label)).await;
        answer.assert_problem(400, &[("dto.systemLabel", "Default")]);
    }
}

#[tokio::test]
async fn statuses_have_names_in_any_case_and_two_have_older_ones() {
    let service = Service::shared().await;
    let owner = service.owner();
    for (written, read) in [
        ("notapplicable", "NotApplicable"),
        ("INPROGRESS", "InProgress"),
        ("Draft", "Draft"),
        ("awaiting", "Awaiting"),
        ("requiresAttention", "RequiresAttention"),
        ("Completed", "Completed"),
        ("New", "NotApplicable"),
        ("Sent", "Awaiting"),
    ] {
        let id = owner.created(&dialog().with("/status", written)).await;
        assert_eq!(owner.dialog(id).await["status"], read);
    }
    for bad in [json!("Unknown"), json!(2), json!("2"), json!(""), json!([])] {
        let answer = owner.create(&dialog().with("/status", bad)).await;
        answer.assert_problem(400, &[("dto.status", "Draft")]);
    }
}

#[tokio::test]
async fn what_was_seen_elsewhere_is_seen_where_settings_say_so() {
    let (shared, service) =
        (Service::shared().await, Service::with_settings(&["--seen-before", "2025-12-01T00:00:00Z"]).await);
    let older = dialog().with("/createdAt", "2025-11-30T23:59:59Z");
    let newer = dialog().with("/createdAt", "2025-12-01T00:00:00Z");
    for (service, sent, is_seen) in [
        (shared, &older, false),
        (&service, &older, true),
        (&service, &newer, false),
        (&service, &dialog(), false),
    ] {
        let owner = service.owner();
        let id = owner.created(sent).await;
        assert_eq!(owner.dialog(id).await["isContentSeen"], is_seen, "{sent}");
        // From then on as ever.
        owner
            .patch(id, &json!([{ "op": "replace", "path": "/status", "value": "Completed" }]))
            .await
            .expect(204);
        assert_eq!(owner.dialog(id).await["isContentSeen"], false);
    }
}

#[tokio::test]
async fn content_is_optional_for_systems_alone() {
    let service = Service::shared().await;
    let owner = service.owner();
    let without = dialog().without("/content");
    owner.create(&without).await.assert_problem(400, &[("dto.content", "isApiOnly")]);
    let for_systems = without.with("/isApiOnly", true);
    let read = owner.dialog(owner.created(&for_systems).await).await;
    assert!(read.get("content").is_none());

    let letter = one_of_each()["transmissions"][0].clone().without("/content");
    let sent = dialog().with("/transmissions/0", letter.clone());
    owner.create(&sent).await.assert_problem(400, &[("dto.transmissions[0].content", "isApiOnly")]);
    owner.created(&sent.with("/isApiOnly", true)).await;

    // What is given must be right all the same.
    let sent = for_systems.with("/content/summary", texts("x")).with("/transmissions/0", letter);
    let answer = owner.create(&sent).await;
    answer.assert_problem(400, &[("dto.content", "title"), ("dto.content.title", "required")]);
}

#[tokio::test]
async fn actors_are_the_service_owner_or_somebody_for_the_party() {
    let service = Service::shared().await;
    let owner = service.owner();
    let organization = "urn:altinn:organization:identifier-no:991825827";
    let leif = "urn:altinn:person:legacy-selfidentified:Leif";
    for (actor, read) in [
        (json!({ "actorType": "serviceOwner" }), json!({ "actorType": "ServiceOwner" })),
        (
            json!({ "actorType": "PartyRepresentative", "actorName": "Kari" }),
            json!({ "actorType": "PartyRepresentative", "actorName": "Kari" }),
        ),
        (
            json!({ "actorType": "PartyRepresentative", "actorId": organization }),
            json!({ "actorType": "PartyRepresentative", "actorId": organization, "actorName": "DIGITALISERINGSDIREKTORATET" }),
        ),
        (
            json!({ "actorType": "PartyRepresentative", "actorId": leif }),
            json!({ "actorType": "PartyRepresentative", "actorId": leif.to_lowercase(), "actorName": "leif" }),
        ),
    ] {
        for pointer in ["/transmissions/0/sender", "/activities/0/performedBy"] {
            let id = owner.created(&one_of_each().with(pointer, actor.clone())).await;
            assert_eq!(owner.dialog(id).await.pointer(pointer), Some(&read));
        }
    }
    let system_user = "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
    let ephemeral = "urn:altinn:person:identifier-ephemeral:0123456789";
    let representative = |id: &str| json!({ "actorType": "PartyRepresentative", "actorId": id });
    for (actor, member, contains) in [
        (json!({ "actorType": "ServiceOwner", "actorName": "Kari" }), "", "neither"),
        (json!({ "actorType": "ServiceOwner", "actorId": PERSON }), "", "neither"),
        (json!({ "actorType": "PartyRepresentative" }), "", "either"),
        (representative(PERSON).with("/actorName", "Kari"), "", "either"),
        (json!({ "actorName": "Kari" }), ".actorType", "required"),
        (json!({ "actorType": "Somebody" }), ".actorType", "ServiceOwner"),
        (representative("urn:altinn:person:identifier-no:1"), ".actorId", "valid URN"),
        (representative(system_user), ".actorId", "valid URN"),
        (representative(ephemeral), ".actorId", "valid URN"),
    ] {
        for pointer in ["/transmissions/0/sender", "/activities/0/performedBy"] {
            let answer = owner.create(&one_of_each().with(pointer, actor.clone())).await;
            answer.assert_problem(400, &[(&format!("{}{member}", key_of(pointer)), contains)]);
        }
    }
    for (pointer, name) in [("/transmissions/0", "sender"), ("/activities/0", "performedBy")] {
        let answer = owner.create(&one_of_each().without(&format!("{pointer}/{name}"))).await;
        answer.assert_problem(400, &[(&format!("{}.{name}", key_of(pointer)), "required")]);
        let unknown = representative("urn:altinn:organization:identifier-no:310111112");
        let answer = owner.create(&one_of_each().with(&format!("{pointer}/{name}"), unknown)).await;
        answer.assert_problem(422, &[("ActorId", "name")]);
    }
}

#[tokio::test]
async fn what_is_told_about_a_new_dialog() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let told = async |id| -> Vec<(Vec<String>, bool, String)> {
        let rows: Vec<Value> = service
            .database
            .column(
                "select payload || jsonb_build_object('at', at) from (
                    select dialog_id, sequence, occurred_at as at, payload from outbox
                    union all select dialog_id, sequence, available_at, payload from outbox_held
                ) t where dialog_id = $1 order by sequence",
                id,
            )
            .await;
        let kinds = |row: &Value| -> Vec<String> {
            let events = row["events"].as_array().unwrap();
            events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
        };
        let at = |row: &Value| row["at"].as_str().unwrap()[..19].to_owned();
        rows.iter().map(|row| (kinds(row), row["silent"] == true, at(row))).collect()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let all = names(&["dialogCreated", "transmissionCreated", "activityCreated"]);

    let id = owner.created(&one_of_each()).await;
    assert_eq!(told(id).await, [(all.clone(), false, "2031-05-17T12:00:00".to_owned())]);

    let id = owner.create(&one_of_each()).silently().await.expect(201).id();
    assert_eq!(told(id).await, [(names(&["dialogCreated"]), true, "2031-05-17T12:00:00".to_owned())]);

    // Not before anybody can see it.
    let id = owner.created(&one_of_each().with("/visibleFrom", service.in_seconds(60))).await;
    assert_eq!(told(id).await, [(all, false, "2031-05-17T12:01:00".to_owned())]);
}
