//! Deleting, restoring, purging and freezing a dialog.

use std::future::IntoFuture;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";

/// A deed on a dialog, by name: `delete` or one of the actions.
fn step(client: &Client, id: Uuid, name: &str) -> Call {
    if name == "delete" { client.delete(id) } else { client.act(id, name) }
}

/// What was told since the dialog was created.
async fn told(service: &Service, id: Uuid) -> Vec<(Vec<String>, bool)> {
    let mut told = service.told(id).await;
    let created = told.remove(0);
    assert_eq!(created.0[0], "dialogCreated");
    told
}

fn events(kinds: &[&str]) -> Vec<(Vec<String>, bool)> {
    kinds.iter().map(|kind| (vec![(*kind).to_owned()], false)).collect()
}

/// Tables that hold something of a dialog, with the rows they hold of it.
async fn rows(service: &Service, id: Uuid) -> Vec<String> {
    let sql = "select name from (
        select 'dialog' as name, id as of from dialog union all
        select 'dialog_document', dialog_id from dialog_document union all
        select 'transmission', dialog_id from transmission union all
        select 'activity', dialog_id from activity union all
        select 'dialog_part', dialog_id from dialog_part union all
        select 'service_owner_label', dialog_id from service_owner_label union all
        select 'seen_log', dialog_id from seen_log union all
        select 'label_log', dialog_id from label_log
    ) parts where of = $1 group by name order by name";
    service.database.column(sql, id).await
}

/// Nothing but these members differs.
#[track_caller]
fn assert_same_but(before: &Value, after: &Value, members: &[&str]) {
    let strip = |dialog: &Value| {
        let mut dialog = dialog.clone();
        for member in members {
            dialog.as_object_mut().unwrap().remove(*member);
        }
        dialog
    };
    assert_eq!(strip(before), strip(after));
    for member in members {
        assert_ne!(before.get(member), after.get(member), "{member}");
    }
}

#[tokio::test]
async fn a_deleted_dialog_is_there_for_its_owner_alone_until_it_is_restored() {
    let service = Service::at(NOON).await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&full_dialog(&service)).await;
    person.open(id).await.expect(200);
    let before = owner.read(id).await;
    service.clock.advance_seconds(60);

    let deleted = owner.delete(id).if_match(before.etag()).await.expect(204);
    assert!(deleted.body.is_empty());
    let read = owner.read(id).await.expect(200);
    assert_eq!(read.etag(), deleted.etag());
    assert_same_but(&before.json(), &read.json(), &["revision", "deletedAt"]);
    assert_eq!(read.json()["deletedAt"], "2031-05-17T12:01:00.1234560Z");
    person.open(id).await.assert_problem(410, &[("DialogEntity", &id.to_string())]);
    assert_eq!(told(&service, id).await.last(), events(&["dialogDeleted"]).last());

    service.clock.advance_seconds(60);
    let restored = owner.act(id, "restore").if_match(deleted.etag()).await.expect(204);
    assert!(restored.body.is_empty());
    let read = owner.read(id).await.expect(200);
    assert_eq!(read.etag(), restored.etag());
    assert_same_but(&before.json(), &read.json(), &["revision"]);
    person.open(id).await.expect(200);
    assert_eq!(told(&service, id).await.last(), events(&["dialogRestored"]).last());
}

#[tokio::test]
async fn what_is_so_already_stays_so() {
    let service = Service::shared().await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let id = owner.created(&dialog()).await;
    let revision = owner.read(id).await.etag();
    let restored = owner.act(id, "restore").await.expect(204);
    assert_eq!(restored.etag(), revision);
    owner.act(id, "restore").if_match(id).await.assert_problem(412, &[]);
    assert_eq!(owner.read(id).await.etag(), revision);

    let frozen = admin.act(id, "freeze").await.expect(204).etag();
    assert_ne!(frozen, revision);
    assert_eq!(admin.act(id, "freeze").await.expect(204).etag(), frozen);
    admin.act(id, "freeze").if_match(revision).await.assert_problem(412, &[]);

    let deleted = admin.delete(id).await.expect(204).etag();
    for client in [&owner, &admin] {
        client.delete(id).await.assert_problem(410, &[("DialogEntity", "")]);
    }
    assert_eq!(owner.read(id).await.etag(), deleted);
    assert_eq!(told(service, id).await, events(&["dialogUpdated", "dialogDeleted"]));
}

#[tokio::test]
async fn a_purged_dialog_leaves_nothing() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let sent = full_dialog(service);
    let id = owner.created(&sent).await;
    person.open(id).await.expect(200);
    assert_eq!(
        rows(service, id).await,
        [
            "activity",
            "dialog",
            "dialog_document",
            "dialog_part",
            "label_log",
            "seen_log",
            "service_owner_label",
            "transmission",
        ]
    );

    let revision = owner.read(id).await.etag();
    owner.act(id, "purge").if_match(service.id()).await.assert_problem(412, &[]);
    owner.read(id).await.expect(200);
    let purged = owner.act(id, "purge").if_match(revision).await.expect(204);
    assert!(purged.body.is_empty());
    assert_eq!(purged.header("etag"), None);

    assert_eq!(rows(service, id).await, [""; 0]);
    assert_eq!(told(service, id).await.last(), events(&["dialogDeleted"]).last());
    let letter = &one_of_each()["transmissions"][0];
    for call in [
        owner.read(id),
        owner.put(id, &put_body(&sent)),
        owner.patch(id, &json!([])),
        owner.delete(id),
        owner.act(id, "restore"),
        owner.act(id, "purge"),
        service.owner_with(ADMIN).act(id, "freeze"),
        owner.append(id, "transmissions", letter),
        owner.append(id, "activities", &one_of_each()["activities"][0]),
        owner.below(Method::GET, id, "transmissions"),
        owner.below(Method::GET, id, "activities"),
        owner.append(id, "context/labels", &json!({ "value": "label" })),
        person.open(id),
    ] {
        call.await.assert_problem(404, &[("DialogEntity", &id.to_string())]);
    }

    // Its id and key, and those of all its parts, may be used again.
    assert_eq!(owner.created(&sent).await, id);
}

#[tokio::test]
async fn a_purge_is_told_once() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    owner.delete(id).await.expect(204);
    owner.act(id, "purge").await.expect(204);
    assert_eq!(told(service, id).await, events(&["dialogDeleted"]));

    let id = owner.created(&dialog()).await;
    owner.act(id, "purge").await.expect(204);
    assert_eq!(told(service, id).await, events(&["dialogDeleted"]));
}

#[tokio::test]
async fn what_is_silent_is_told_inside_only() {
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let sent = one_of_each().with("/systemLabel", "Bin");
    let id = owner.create(&sent).silently().await.expect(201).id();
    let mut before = owner.dialog(id).await;
    service.clock.advance_seconds(60);
    owner.put(id, &put_body(&before).with("/progress", 7)).silently().await.expect(204);
    before = before.with("/progress", 7);
    let mut revisions = vec![before["revision"].clone(), owner.dialog(id).await["revision"].clone()];
    for name in ["delete", "restore"] {
        step(&owner, id, name).silently().await.expect(204);
        let read = owner.dialog(id).await;
        assert!(!revisions.contains(&read["revision"]), "{name}");
        revisions.push(read["revision"].clone());
        for member in ["createdAt", "updatedAt", "contentUpdatedAt", "endUserContext", "systemLabel"] {
            assert_eq!(read.get(member), before.get(member), "{name}: {member}");
        }
    }
    step(&owner, id, "purge").silently().await.expect(204);
    let silent = |kind: &str| (vec![kind.to_owned()], true);
    let kinds = ["dialogCreated", "dialogUpdated", "dialogDeleted", "dialogRestored", "dialogDeleted"];
    assert_eq!(service.told(id).await, kinds.map(silent));
}

#[tokio::test]
async fn a_frozen_dialog_is_for_administrators() {
    let service = Service::at(NOON).await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let id = owner.created(&one_of_each().with("/systemLabel", "Bin")).await;
    let before = owner.read(id).await;
    service.clock.advance_seconds(60);
    owner.act(id, "freeze").await.assert_problem_document(403);
    owner.act(service.id(), "freeze").await.assert_problem_document(403);
    admin.act(service.id(), "freeze").await.assert_problem(404, &[("DialogEntity", "")]);
    let mut told = service.told(id).await;

    let frozen = admin.act(id, "freeze").if_match(before.etag()).await.expect(204);
    let read = owner.read(id).await;
    assert_eq!(read.etag(), frozen.etag());
    assert_same_but(&before.json(), &read.json(), &["revision", "updatedAt"]);
    assert_eq!(read.json()["updatedAt"], service.now().to_string());
    told.push((vec!["dialogUpdated".to_owned()], false));
    assert_eq!(service.told(id).await, told);

    let (letter, activity) = (&one_of_each()["transmissions"][0], &one_of_each()["activities"][0]);
    // That it is frozen is said before that the revision is another.
    for call in [
        owner.delete(id),
        owner.put(id, &put_body(&read.json())),
        owner.patch(id, &json!([])),
        owner.append(id, "transmissions", letter),
        owner.append(id, "activities", activity),
    ] {
        call.if_match(id).await.assert_problem(403, &[("Forbidden", "frozen")]);
    }
    assert_eq!(owner.dialog(id).await, read.json());
    owner.append(id, "context/labels", &json!({ "value": "frozen" })).await.expect(204);
    admin.append(id, "transmissions", letter).await.expect(201);
    admin.append(id, "activities", activity).await.expect(201);

    // Deleted comes before frozen; and neither keeps anybody from restoring and purging.
    admin.delete(id).await.expect(204);
    owner.delete(id).await.assert_problem(410, &[("DialogEntity", "")]);
    admin.act(id, "freeze").await.assert_problem(410, &[("DialogEntity", "")]);
    owner.act(id, "restore").await.expect(204);
    owner.delete(id).await.assert_problem(403, &[("Forbidden", "frozen")]);
    owner.act(id, "purge").await.expect(204);
    assert_eq!(rows(&service, id).await, [""; 0]);
}

#[tokio::test]
async fn a_mismatch_changes_nothing() {
    let service = Service::shared().await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let id = owner.created(&one_of_each()).await;
    let before = owner.dialog(id).await;
    let told_before = service.told(id).await;
    for name in ["delete", "restore", "purge", "freeze"] {
        step(&admin, id, name).if_match(service.id()).await.assert_problem(412, &[]);
        step(&admin, id, name).header("if-match", "nonsense").await.assert_problem_document(400);
    }
    assert_eq!(owner.dialog(id).await, before);
    assert_eq!(service.told(id).await, told_before);

    // What is gone is gone, whatever the condition.
    owner.delete(id).await.expect(204);
    owner.delete(id).if_match(service.id()).await.assert_problem(410, &[("DialogEntity", "")]);
}

#[tokio::test]
async fn dialogs_of_others_are_not_found() {
    let service = Service::shared().await;
    let (owner, other) = (service.owner(), service.other_owner());
    let id = owner.created(&dialog()).await;
    let before = owner.dialog(id).await;
    for name in ["delete", "restore", "purge"] {
        let not_found = id.to_string();
        step(&other, id, name).await.assert_problem(404, &[("DialogEntity", &not_found)]);
        step(&other, id, name).if_match(service.id()).await.assert_problem(404, &[("DialogEntity", "")]);
        step(&service.anonymous(), id, name).await.assert_problem_document(401);
        step(&service.person(), id, name).await.assert_problem_document(403);
    }
    assert_eq!(owner.dialog(id).await, before);
    // Administrators reach all.
    let admin = service.organization("brg", "974760673", &format!("{OWNER} {ADMIN}"));
    for name in ["freeze", "delete", "restore", "purge"] {
        step(&admin, id, name).await.expect(204);
    }
    owner.read(id).await.assert_problem(404, &[("DialogEntity", "")]);
}

#[tokio::test]
async fn correspondence_is_removed_by_altinn_correspondence() {
    let service = Service::shared().await;
    let (owner, correspondence) = (service.owner(), service.owner_with(CORRESPONDENCE_SCOPE));
    let id = correspondence.created(&dialog().with("/serviceResource", CORRESPONDENCE)).await;
    for name in ["delete", "purge"] {
        // This too comes before the revision.
        let answer = step(&owner, id, name).if_match(service.id()).await;
        answer.assert_problem(403, &[("Forbidden", CORRESPONDENCE)]);
    }
    for name in ["delete", "restore", "purge"] {
        step(&correspondence, id, name).await.expect(204);
    }
}

#[tokio::test]
async fn whatever_many_do_at_once_it_is_done_once() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let all = |name: &'static str| {
        futures_util::future::join_all((0..8).map(|_| step(&owner, id, name).into_future()))
    };
    let statuses = |answers: Vec<Answer>| {
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        statuses
    };
    assert_eq!(statuses(all("delete").await), [204, 410, 410, 410, 410, 410, 410, 410]);
    assert_eq!(statuses(all("restore").await), [204; 8]);
    assert_eq!(statuses(all("purge").await), [204, 404, 404, 404, 404, 404, 404, 404]);
    let kinds = ["dialogDeleted", "dialogRestored", "dialogDeleted"];
    assert_eq!(told(service, id).await, events(&kinds));
}
