//! Requests with the header Idempotency-Key, which are carried out once.

use std::future::IntoFuture;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const BULK: &str = "/api/v1/serviceowner/dialogs/endusercontext/systemlabels/actions/bulkset";

fn with_key(call: Call, key: &str) -> Call {
    call.header("idempotency-key", key)
}

fn letter() -> Value {
    one_of_each()["transmissions"][0].clone()
}

fn saved() -> Value {
    json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } })
}

/// What a repeated answer has in common with the first.
fn essence(answer: &Answer) -> (u16, Option<String>, Option<String>, String) {
    let header = |name| answer.header(name).map(str::to_owned);
    (answer.status.as_u16(), header("etag"), header("location"), answer.text())
}

/// Everything that is stored and told about a dialog.
async fn state(service: &Service, owner: &Client, id: Uuid) -> (String, usize) {
    let answer = owner.read(id).await;
    let text = if answer.status == 200 { answer.text() } else { String::new() };
    (text, service.told(id).await.len())
}

/// Each POST about one dialog, by name. They are made by an administrator.
fn deeds(admin: &Client, id: Uuid, activity: Uuid) -> Vec<(&'static str, Call)> {
    let bump = format!("activities/{activity}/actions/updateFormSavedActivityTime");
    let bulk = json!({ "dialogs": [{ "dialogId": id }], "addLabels": ["Bin"] });
    vec![
        ("transmission", admin.append(id, "transmissions", &letter())),
        ("activity", admin.append(id, "activities", &saved())),
        ("form saved", admin.below(Method::POST, id, &bump).json(&json!("2020-01-01T00:00:00Z"))),
        ("label", admin.append(id, "context/labels", &json!({ "value": "another" }))),
        ("bulk", admin.call(Method::POST, &format!("{BULK}?enduserId={PERSON}")).json(&bulk)),
        ("freeze", admin.act(id, "freeze")),
        ("restore", admin.act(id, "restore")),
        ("purge", admin.act(id, "purge")),
    ]
}

#[tokio::test]
async fn every_post_is_carried_out_once() {
    let service = Service::shared().await;
    let admin = service.owner_with(ADMIN);
    let key = service.unique();
    let first = with_key(admin.create(&dialog()), &key).await.expect(201);
    let again = with_key(admin.create(&dialog()), &key).await.expect(201);
    assert_eq!(essence(&again), essence(&first));
    assert_eq!(service.told(first.id()).await.len(), 1);

    let names: Vec<&str> = deeds(&admin, service.id(), service.id()).iter().map(|(name, _)| *name).collect();
    for (index, name) in names.into_iter().enumerate() {
        let id = admin.created(&dialog()).await;
        let activity = admin.append(id, "activities", &saved()).await.expect(201).id();
        if name == "restore" {
            admin.delete(id).await.expect(204);
        }
        let deed = || with_key(deeds(&admin, id, activity).remove(index).1, &format!("key {id}"));
        let before = state(service, &admin, id).await;
        let first = deed().await;
        assert!(first.status.is_success(), "{name}: {}", first.text());
        let after = state(service, &admin, id).await;
        assert_ne!(after, before, "{name}");
        for _ in 0..2 {
            assert_eq!(essence(&deed().await), essence(&first), "{name}");
        }
        assert_eq!(state(service, &admin, id).await, after, "{name}");
    }
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let service = Service::shared().await;
    let owner = service.owner();
    let key = service.unique();
    let id = owner.created(&dialog()).await;
    let first = with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    let elsewhere = owner.created(&dialog()).await;
    for call in [
        owner.append(id, "activities", &saved().with("/extendedType", "urn:other")),
        owner.append(id, "activities", &saved()).silently(),
        owner.append(elsewhere, "activities", &saved()),
        owner.append(id, "transmissions", &letter()),
        owner.create(&dialog()),
        owner.act(id, "restore"),
        owner.act(id, "purge"),
        owner.append(id, "context/labels", &json!({ "value": "another" })),
    ] {
        with_key(call, &key).await.assert_problem(422, &[("Idempotency-Key", "another request")]);
    }
    assert_eq!(owner.list_below(id, "activities").await.as_array().unwrap().len(), 1);
    assert_eq!(owner.list_below(elsewhere, "activities").await, json!([]));

    // A renewed token is the same caller; another organisation is not.
    let renewed = service.owner();
    let again = with_key(renewed.append(id, "activities", &saved()), &key).await.expect(201);
    assert_eq!(essence(&again), essence(&first));
    let other = service.other_owner();
    let theirs = dialog().with("/serviceResource", OTHER_OWNERS);
    let created = with_key(other.create(&theirs), &key).await.expect(201).id();
    other.read(created).await.expect(200);
    // Keys may stand in quotes.
    let quoted = with_key(owner.append(id, "activities", &saved()), &format!("\"{key}\"")).await;
    assert_eq!(essence(&quoted), essence(&first));
}

#[tokio::test]
async fn keys_are_remembered_for_a_day() {
    // A day ahead of them, it would forget the keys of the others.
    let service = Service::alone_at(NOON).await;
    let owner = service.owner();
    let key = service.unique();
    let id = owner.created(&dialog()).await;
    let first = with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    service.clock.advance_seconds(24 * 60 * 60);
    let owner = service.owner();
    let again = with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    assert_eq!(essence(&again), essence(&first));
    service.clock.advance_seconds(1);
    let later = with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    assert_ne!(later.id(), first.id());
    // It is another request's now, from then on.
    let again = with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    assert_eq!(essence(&again), essence(&later));
    assert_eq!(owner.list_below(id, "activities").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_refused_can_be_tried_again() {
    let service = Service::shared().await;
    let owner = service.owner();
    let key = service.unique();
    let id = owner.created(&dialog()).await;
    let child = |extended: &str| saved().with("/extendedType", extended);
    let refused = with_key(owner.append(id, "activities", &child("no uri")), &key).await;
    refused.assert_problem_document(400);
    let refused = with_key(owner.append(id, "activities", &saved()).if_match(id), &key).await;
    refused.assert_problem(412, &[]);
    with_key(owner.append(id, "activities", &saved()), &key).await.expect(201);
    for key in ["", "\"\"", &"x".repeat(256)] {
        let answer = with_key(owner.append(id, "activities", &saved()), key).await;
        answer.assert_problem(400, &[("Idempotency-Key", "255")]);
    }
    let twice = with_key(with_key(owner.append(id, "activities", &saved()), "one"), "two").await;
    twice.assert_problem(400, &[("Idempotency-Key", "once")]);
    assert_eq!(owner.list_below(id, "activities").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_carried_out() {
    let service = Service::shared().await;
    let admin = service.owner_with(ADMIN);
    let key = service.unique();
    let party = service.unique();
    let sent = dialog().with("/externalReference", party.as_str());
    let answers = join_all((0..16).map(|_| with_key(admin.create(&sent), &key).into_future())).await;
    let first = essence(&answers[0]);
    assert_eq!(first.0, 201, "{}", first.3);
    for answer in &answers {
        assert_eq!(essence(answer), first);
    }
    let sql = "select count(*) from dialog o where o.external_reference =
        (select external_reference from dialog where id = $1)";
    let count: Vec<i64> = service.database.column(sql, answers[0].id()).await;
    assert_eq!(count, [1]);

    let names: Vec<&str> = deeds(&admin, service.id(), service.id()).iter().map(|(name, _)| *name).collect();
    for (index, name) in names.into_iter().enumerate() {
        let id = admin.created(&dialog()).await;
        let activity = admin.append(id, "activities", &saved()).await.expect(201).id();
        if name == "restore" {
            admin.delete(id).await.expect(204);
        }
        let told_before = service.told(id).await.len();
        let key = service.unique();
        let deed = || with_key(deeds(&admin, id, activity).remove(index).1, &key).into_future();
        let answers = join_all((0..8).map(|_| deed())).await;
        let first = essence(&answers[0]);
        assert!(first.0 < 300, "{name}: {}", first.3);
        for answer in &answers {
            assert_eq!(essence(answer), first, "{name}");
        }
        let told = service.told(id).await.len() - told_before;
        let expected = usize::from(!["label", "bulk"].contains(&name));
        assert_eq!(told, expected, "{name}");
    }
}

#[tokio::test]
async fn those_who_come_second_are_not_refused_for_what_the_first_did() {
    let service = Service::shared().await;
    let owner = service.owner();
    for _ in 0..8 {
        let id = owner.created(&dialog()).await;
        let revision = owner.read(id).await.etag();
        let own = saved().with("/id", service.id().to_string());
        let key = service.unique();
        let deed = || with_key(owner.append(id, "activities", &own).if_match(revision), &key).into_future();
        let answers = join_all((0..8).map(|_| deed())).await;
        let first = essence(&answers[0]);
        assert_eq!(first.0, 201, "{}", first.3);
        for answer in &answers {
            assert_eq!(essence(answer), first);
        }
    }
}
