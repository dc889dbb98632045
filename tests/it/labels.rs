//! Labels of the service owner, and those by which end users sort their dialogs.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const BULK: &str = "/api/v1/serviceowner/dialogs/endusercontext/systemlabels/actions/bulkset";

fn add(client: &Client, id: Uuid, label: &str) -> Call {
    client.append(id, "context/labels", &json!({ "value": label }))
}

fn remove(client: &Client, id: Uuid, label: &str) -> Call {
    client.below(Method::DELETE, id, &format!("context/labels/{label}"))
}

/// Changes system labels in the name of the person to whom the dialog belongs.
fn relabel(client: &Client, id: Uuid, body: &Value) -> Call {
    client.below(Method::PUT, id, &format!("endusercontext/systemlabels?enduserId={PERSON}")).json(body)
}

fn bulk(client: &Client, body: &Value) -> Call {
    client.call(Method::POST, &format!("{BULK}?enduserId={PERSON}")).json(body)
}

fn in_bulk(ids: &[Uuid]) -> Value {
    let dialogs: Value = ids.iter().map(|id| json!({ "dialogId": id })).collect();
    json!({ "dialogs": dialogs, "addLabels": ["Bin"] })
}

fn context(dialog: &Value, name: &str) -> Uuid {
    dialog[name]["revision"].as_str().unwrap().parse().unwrap()
}

fn system_labels(dialog: &Value) -> &Value {
    &dialog["endUserContext"]["systemLabels"]
}

/// The log of the dialog's labels.
async fn log(service: &Service, id: Uuid) -> Vec<Value> {
    let sql = "select json_build_array(label, is_set, performed_by)::jsonb from label_log
        where dialog_id = $1 order by id";
    service.database.column(sql, id).await
}

mod of_the_service_owner {
    use super::*;

    #[tokio::test]
    async fn come_and_go() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&one_of_each().with("/systemLabel", "Bin")).await;
        let before = owner.dialog(id).await;
        let told_before = service.told(id).await;
        service.clock.advance_seconds(60);

        let added = add(&owner, id, " Zebra ").if_match(context(&before, "serviceOwnerContext"));
        let added = added.await.expect(204);
        let list = owner.below(Method::GET, id, "context/labels").await.expect(200);
        assert_eq!(list.etag(), added.etag());
        assert_eq!(list.json(), json!([{ "value": "label" }, { "value": "zebra" }]));
        let after = owner.dialog(id).await;
        assert_eq!(context(&after, "serviceOwnerContext"), added.etag());
        assert_ne!(after["serviceOwnerContext"], before["serviceOwnerContext"]);
        // The dialog itself and the end user's context do not know of it.
        let same = |dialog: &Value| dialog.clone().without("/serviceOwnerContext");
        assert_eq!(same(&after), same(&before));

        let removed = remove(&owner, id, "ZEBRA").if_match(added.etag()).await.expect(204);
        assert_ne!(removed.etag(), added.etag());
        let after = owner.dialog(id).await;
        assert_eq!(context(&after, "serviceOwnerContext"), removed.etag());
        assert_eq!(after["serviceOwnerContext"]["serviceOwnerLabels"], json!([{ "value": "label" }]));
        assert_eq!(same(&after), same(&before));
        remove(&owner, id, "zebra").await.assert_problem(404, &[("Label", "zebra")]);
        assert_eq!(owner.dialog(id).await, after);
        assert_eq!(service.told(id).await, told_before);
    }

    #[tokio::test]
    async fn are_checked() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&one_of_each()).await;
        for label in ["label", "LABEL", "  Label "] {
            add(&owner, id, label).await.assert_problem(400, &[("dto.serviceOwnerLabels", "label")]);
        }
        let long = "x".repeat(256);
        for label in ["", "ab", "  ab  ", long.as_str()] {
            let answer = add(&owner, id, label).await;
            answer.assert_problem(400, &[("dto.serviceOwnerLabels[1].value", "3 to 255")]);
        }
        for number in 2..=20 {
            add(&owner, id, &format!("label {number}")).await.expect(204);
        }
        let before = owner.dialog(id).await;
        add(&owner, id, "one more").await.assert_problem(400, &[("dto.serviceOwnerLabels", "20")]);
        assert_eq!(owner.dialog(id).await, before);
        remove(&owner, id, "label%20%32").await.expect(204);
        add(&owner, id, &"x".repeat(255)).await.expect(204);
    }

    #[tokio::test]
    async fn have_a_revision_of_their_own() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&one_of_each()).await;
        let before = owner.dialog(id).await;
        let own = context(&before, "serviceOwnerContext");
        for other in [owner.read(id).await.etag(), context(&before, "endUserContext"), service.id()] {
            assert_ne!(other, own);
            add(&owner, id, "another").if_match(other).await.assert_problem(412, &[]);
            remove(&owner, id, "label").if_match(other).await.assert_problem(412, &[]);
        }
        assert_eq!(owner.dialog(id).await, before);
        // Whatever else happens to the dialog.
        owner.put(id, &put_body(&before).with("/progress", 3)).await.expect(204);
        relabel(&owner, id, &json!({ "addLabels": ["Bin"] })).await.expect(204);
        add(&owner, id, "another").if_match(own).await.expect(204);
        add(&owner, id, "a third").if_match(own).await.assert_problem(412, &[]);
    }

    #[tokio::test]
    async fn are_of_dialogs_that_the_caller_has() {
        let service = Service::shared().await;
        let (owner, other) = (service.owner(), service.other_owner());
        let id = owner.created(&one_of_each()).await;
        for (client, id) in [(&other, id), (&owner, service.id())] {
            for call in [
                add(client, id, "another"),
                remove(client, id, "label"),
                client.below(Method::GET, id, "context/labels"),
            ] {
                call.if_match(service.id()).await.assert_problem(404, &[("DialogEntity", "")]);
            }
        }
        add(&service.owner_with(ADMIN), id, "another").await.expect(204);
        owner.delete(id).await.expect(204);
        for call in [
            add(&owner, id, "a third"),
            remove(&owner, id, "label"),
            owner.below(Method::GET, id, "context/labels"),
        ] {
            call.await.assert_problem(404, &[("DialogEntity", "")]);
        }
    }
}

mod of_the_end_user {
    use super::*;

    #[tokio::test]
    async fn replace_each_other_or_stand_beside() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&one_of_each()).await;
        let before = owner.dialog(id).await;
        let told_before = service.told(id).await;
        let mut revision = context(&before, "endUserContext");
        service.clock.advance_seconds(60);
        for (body, after, changes) in [
            (json!({ "addLabels": ["Bin"] }), json!(["Bin"]), true),
            (json!({ "addLabels": ["Bin"] }), json!(["Bin"]), false),
            (json!({}), json!(["Bin"]), false),
            (json!({ "addLabels": ["MarkedAsUnopened"] }), json!(["Bin", "MarkedAsUnopened"]), true),
            (json!({ "removeLabels": ["Archive"] }), json!(["Bin", "MarkedAsUnopened"]), false),
            (json!({ "systemLabels": ["Archive"] }), json!(["Archive", "MarkedAsUnopened"]), true),
            (json!({ "removeLabels": ["Archive"] }), json!(["Default", "MarkedAsUnopened"]), true),
            (json!({ "addLabels": ["Bin", "Archive"] }), json!(["Archive", "MarkedAsUnopened"]), true),
            (
                json!({ "addLabels": ["Default"], "removeLabels": ["MarkedAsUnopened"] }),
                json!(["Default"]),
                true,
            ),
        ] {
            let answer = relabel(&owner, id, &body).if_match(revision).await.expect(204);
            assert_eq!(answer.etag() != revision, changes, "{body}");
            revision = answer.etag();
            let read = owner.dialog(id).await;
            assert_eq!(*system_labels(&read), after, "{body}");
            assert_eq!(context(&read, "endUserContext"), revision, "{body}");
            // Nothing else differs.
            let same = |dialog: &Value| {
                let dialog = dialog.clone().without("/endUserContext");
                if dialog.get("systemLabel").is_some() { dialog.without("/systemLabel") } else { dialog }
            };
            assert_eq!(same(&read), same(&before), "{body}");
        }
        assert_eq!(service.told(id).await, told_before);

        let log = log(&service, id).await;
        let entries: Vec<Value> = log.iter().map(|entry| json!([entry[0], entry[1]])).collect();
        let expected =
            [(2, true), (4, true), (2, false), (3, true), (3, false), (3, true), (3, false), (4, false)];
        assert_eq!(entries.len(), expected.len(), "{log:#?}");
        for (label, is_set) in expected {
            assert!(entries.contains(&json!([label, is_set])), "{log:#?}");
        }
        for entry in &log {
            assert_eq!(entry[2]["actorType"], "PartyRepresentative");
            assert_eq!(entry[2]["actorId"], PERSON);
            assert!(entry[2]["actorName"].is_string());
        }
    }

    #[tokio::test]
    async fn have_a_revision_of_their_own() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&one_of_each()).await;
        let before = owner.dialog(id).await;
        let own = context(&before, "endUserContext");
        let body = json!({ "addLabels": ["Bin"] });
        for other in [owner.read(id).await.etag(), context(&before, "serviceOwnerContext"), service.id()] {
            relabel(&owner, id, &body).if_match(other).await.assert_problem(412, &[]);
        }
        assert_eq!(owner.dialog(id).await, before);
        add(&owner, id, "another").await.expect(204);
        let body_of_put = put_body(&owner.dialog(id).await).with("/progress", 3);
        owner.put(id, &body_of_put).await.expect(204);
        let revision = owner.read(id).await.etag();
        relabel(&owner, id, &body).if_match(own).await.expect(204);
        // A write that knows the dialog's revision goes on.
        let activity = &one_of_each()["activities"][0];
        owner.append(id, "activities", activity).if_match(revision).await.expect(201);
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Default"]));
    }

    #[tokio::test]
    async fn that_are_the_services_cannot_be_set() {
        let service = Service::shared().await;
        let owner = service.owner();
        let letter = one_of_each()["transmissions"][0].clone().with("/type", "Submission");
        let id = owner.created(&dialog().with("/transmissions", json!([letter]))).await;
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Default", "Sent"]));
        for (body, key) in [
            (json!({ "addLabels": ["Bin", "Sent"] }), "addLabels[1]"),
            (json!({ "removeLabels": ["Sent"] }), "removeLabels[0]"),
        ] {
            relabel(&owner, id, &body).await.assert_problem(400, &[(key, "Sent")]);
            let body = body.with("/dialogs", in_bulk(&[id])["dialogs"].clone());
            bulk(&owner, &body).await.assert_problem(400, &[(&format!("dto.{key}"), "Sent")]);
        }
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Default", "Sent"]));
        relabel(&owner, id, &json!({ "addLabels": ["Archive"] })).await.expect(204);
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Archive", "Sent"]));
    }

    #[tokio::test]
    async fn are_set_in_somebodys_name() {
        let service = Service::shared().await;
        let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
        let id = owner.created(&dialog()).await;
        let before = owner.dialog(id).await;
        let path = |user: &str| format!("endusercontext/systemlabels{user}");
        let body = json!({ "addLabels": ["Bin"] });
        let named = body
            .clone()
            .with("/performedBy", json!({ "actorType": "PartyRepresentative", "actorName": "Kari" }));
        let put =
            |client: &Client, user: &str, body: &Value| client.below(Method::PUT, id, &path(user)).json(body);
        let of_person = format!("?enduserId={PERSON}");
        put(&owner, "", &body).await.assert_problem(400, &[("endUserId", "")]);
        put(&admin, &of_person, &named).await.assert_problem(400, &[("endUserId", "")]);
        put(&owner, "", &named).await.assert_problem(403, &[("Forbidden", "")]);
        put(&owner, "?enduserId=nonsense", &body).await.assert_problem_document(400);
        // That person does not have the dialog.
        let stranger = format!("?enduserId={OTHER_PERSON}");
        put(&owner, &stranger, &body).await.assert_problem(403, &[("Forbidden", "")]);
        assert_eq!(owner.dialog(id).await, before);
        assert!(log(service, id).await.is_empty());

        put(&admin, "", &named).await.expect(204);
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Bin"]));
        assert_eq!(log(service, id).await[0][2]["actorName"], "Kari");
    }

    #[tokio::test]
    async fn are_of_dialogs_that_are_there() {
        let service = Service::shared().await;
        let (owner, other) = (service.owner(), service.other_owner());
        let id = owner.created(&dialog()).await;
        let body = json!({ "addLabels": ["Bin"] });
        relabel(&other, id, &body).await.assert_problem(404, &[("DialogEntity", "")]);
        relabel(&owner, service.id(), &body).await.assert_problem(404, &[("DialogEntity", "")]);
        service.owner_with(ADMIN).act(id, "freeze").await.expect(204);
        relabel(&owner, id, &body).await.expect(204);
        service.owner_with(ADMIN).delete(id).await.expect(204);
        relabel(&owner, id, &body).await.assert_problem(404, &[("DialogEntity", "")]);
    }

    #[tokio::test]
    async fn are_set_on_many_dialogs_or_on_none() {
        let service = Service::shared().await;
        let owner = service.owner();
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(owner.created(&dialog()).await);
        }
        let read = async |id: Uuid| owner.dialog(id).await;
        let others = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
        let deleted = owner.created(&dialog()).await;
        owner.delete(deleted).await.expect(204);
        let theirs = service.other_owner().created(&dialog().with("/serviceResource", OTHER_OWNERS)).await;

        let unknown = [service.id(), others, deleted, theirs];
        let answer = bulk(&owner, &in_bulk(&[&ids[..], &unknown[..]].concat())).await;
        let missing: Vec<String> = unknown.iter().map(Uuid::to_string).collect();
        let expected: Vec<(&str, &str)> = missing.iter().map(|id| ("DialogEntity", id.as_str())).collect();
        answer.assert_problem(404, &expected);
        assert!(!answer.text().contains(&ids[0].to_string()));

        let mut body = in_bulk(&ids);
        for (index, id) in ids.iter().enumerate() {
            let revision = context(&read(*id).await, "endUserContext").to_string();
            body = body.with(&format!("/dialogs/{index}/endUserContextRevision"), revision);
        }
        let wrong = body.clone().with("/dialogs/3/endUserContextRevision", service.unique());
        bulk(&owner, &wrong).await.assert_problem(412, &[]);
        for id in &ids {
            assert_eq!(*system_labels(&read(*id).await), json!(["Default"]));
            assert!(log(service, *id).await.is_empty());
        }

        let answer = bulk(&owner, &body).await.expect(204);
        assert_eq!(answer.header("etag"), None);
        for id in &ids {
            let dialog = read(*id).await;
            assert_eq!(*system_labels(&dialog), json!(["Bin"]));
            assert_eq!(log(service, *id).await.len(), 1);
        }
        // Each has another revision now.
        bulk(&owner, &body).await.assert_problem(412, &[]);
        // Nothing more changes: not the revisions either.
        let before = read(ids[0]).await;
        bulk(&owner, &in_bulk(&ids)).await.expect(204);
        assert_eq!(read(ids[0]).await, before);
    }

    #[tokio::test]
    async fn are_set_on_1_to_200_dialogs_that_differ() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let many: Vec<Uuid> = (0..201).map(|_| service.id()).collect();
        bulk(&owner, &in_bulk(&[])).await.assert_problem(400, &[("dto.dialogs", "200")]);
        bulk(&owner, &in_bulk(&many)).await.assert_problem(400, &[("dto.dialogs", "201")]);
        bulk(&owner, &in_bulk(&[id, id])).await.assert_problem(400, &[("dto.dialogs", &id.to_string())]);
        bulk(&owner, &in_bulk(&many[..200])).await.assert_problem(404, &[("DialogEntity", "")]);
        let nobody = owner.call(Method::POST, BULK).json(&in_bulk(&[id]));
        nobody.await.assert_problem(400, &[("endUserId", "")]);
        assert_eq!(*system_labels(&owner.dialog(id).await), json!(["Default"]));
    }
}
