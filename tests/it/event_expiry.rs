//! That dialogs expire, and what else those find who ask what has changed: labels.

use std::collections::HashMap;
use std::time::Duration;

use dialogporten::clock::Clock;
use dialogporten::timestamp::Timestamp;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::event_sinks::until;
use crate::event_streams::{begin, changes};
use crate::events::{kinds, shown};
use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00Z";
const IN_A_MINUTE: &str = "2031-05-17T12:01:00.000000+00:00";

const ROWS: &str = "select count(*) from outbox where dialog_id = $1 and payload @> '{\"events\":[{\"kind\":\"dialogExpired\"}]}'";
const ORDER: &str = "select e ->> 'kind' from outbox, jsonb_array_elements(payload -> 'events') e
    where dialog_id = $1 order by xid, sequence";

fn noon() -> Clock {
    Clock::fixed(Timestamp::parse(NOON).unwrap())
}

fn expiring(service: &Service, seconds: i64) -> Value {
    dialog().with("/expiresAt", service.in_seconds(seconds))
}

fn progress(value: usize) -> Value {
    json!([{ "op": "replace", "path": "/progress", "value": value }])
}

fn expires(at: &Value) -> Value {
    json!([{ "op": "add", "path": "/expiresAt", "value": at }])
}

/// Waits until an instance has told of everything that had expired before.
async fn everything_is_told(service: &Service) {
    let witness = service.owner().created(&expiring(service, 1)).await;
    service.clock.advance_seconds(1);
    assert_eq!(kinds(&shown(service, witness, 2).await), ["created", "expired"]);
}

fn relabel(client: &Client, id: Uuid, body: &Value) -> Call {
    client.call(Method::PUT, &format!("/api/v1/enduser/dialogs/{id}/context/systemlabels")).json(body)
}

fn changed(ids: &[Uuid]) -> Vec<(Uuid, String)> {
    ids.iter().map(|id| (*id, "Changed".to_owned())).collect()
}

fn removed(ids: &[Uuid]) -> Vec<(Uuid, String)> {
    ids.iter().map(|id| (*id, "Removed".to_owned())).collect()
}

#[tokio::test]
async fn that_a_dialog_has_expired_is_told_once_for_each_expiry() {
    let service = Service::telling(noon(), |_| {}).await;
    let other = Service::telling_on(&service.database, service.clock.clone(), |_| {}).await;
    let owner = service.owner();
    let process = expiring(&service, 60).with("/process", "urn:process:1");
    let id = owner.created(&process).await;
    owner.patch(id, &progress(1)).silently().await.expect(204);
    service.clock.advance_seconds(57);
    everything_is_told(&service).await;
    shown(&service, id, 1).await;

    service.clock.advance_seconds(3);
    let events = shown(&service, id, 2).await;
    assert_eq!(kinds(&events), ["created", "expired"]);
    let expired = &events[1];
    assert_eq!(
        (&expired["time"], &expired["data"]),
        (&json!(IN_A_MINUTE), &json!({ "process": "urn:process:1" }))
    );
    for member in ["source", "subject", "resource", "resourceinstance", "specversion"] {
        assert_eq!(expired[member], events[0][member], "{member}");
    }

    // What is done with it afterwards does not tell it again; other times do.
    owner.patch(id, &progress(2)).await.expect(204);
    owner.patch(id, &expires(&Value::Null)).await.expect(204);
    owner.patch(id, &expires(&json!(service.in_seconds(60)))).await.expect(204);
    owner.patch(id, &expires(&json!(service.in_seconds(90)))).silently().await.expect(204);
    service.clock.advance_seconds(89);
    everything_is_told(&service).await;
    assert_eq!(kinds(&shown(&service, id, 6).await)[5], "expired");
    everything_is_told(&other).await;
    let events = shown(&other, id, 6).await;
    assert_eq!(kinds(&events), ["created", "expired", "updated", "updated", "updated", "expired"]);
    assert_ne!(events[1]["id"], events[5]["id"]);
    assert_eq!(service.database.column::<i64>(ROWS, id).await, [2]);
}

#[tokio::test]
async fn what_has_expired_already_or_is_deleted_is_not_told() {
    let service = Service::telling(noon(), |_| {}).await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let past = service.in_seconds(-60);
    let from_the_past = admin.created(&dialog().with("/expiresAt", past.as_str())).await;
    let silent = owner.create(&dialog().with("/expiresAt", past.as_str())).silently().await.expect(201).id();
    let moved = owner.created(&expiring(&service, 60)).await;
    admin.patch(moved, &expires(&json!(past))).await.expect(204);
    let [deleted, restored, purged] = [0; 3].map(|_| expiring(&service, 60));
    let deleted = owner.created(&deleted).await;
    owner.delete(deleted).await.expect(204);
    let restored = owner.created(&restored).await;
    owner.delete(restored).await.expect(204);
    let purged = owner.created(&purged).await;
    owner.act(purged, "purge").await.expect(204);
    service.clock.advance_seconds(61);
    everything_is_told(&service).await;
    assert_eq!(kinds(&shown(&service, from_the_past, 1).await), ["created"]);
    shown(&service, silent, 0).await;
    assert_eq!(kinds(&shown(&service, moved, 2).await), ["created", "updated"]);
    for id in [deleted, restored, purged] {
        assert_eq!(kinds(&shown(&service, id, 2).await), ["created", "deleted"]);
    }

    // Who hears that it is back hears that its time has come meanwhile.
    owner.act(restored, "restore").await.expect(204);
    assert_eq!(kinds(&shown(&service, restored, 4).await)[2..], ["restored", "expired"]);
    // And is not told again, when it was told before.
    owner.delete(restored).await.expect(204);
    owner.act(restored, "restore").await.expect(204);
    everything_is_told(&service).await;
    assert_eq!(kinds(&shown(&service, restored, 6).await)[4..], ["deleted", "restored"]);
    assert_eq!(kinds(&shown(&service, deleted, 2).await), ["created", "deleted"]);

    // What had expired before this was a feature.
    let old = owner.created(&expiring(&service, 60)).await;
    let floor = "update outbox_floor set expiry = '2031-05-17T13:00:00Z' where $1::uuid is not null";
    service.database.execute(floor, old).await;
    service.clock.advance_seconds(3_600);
    everything_is_told(&service).await;
    assert_eq!(kinds(&shown(&service, old, 1).await), ["created"]);
}

#[tokio::test]
async fn a_dialog_that_expires_as_it_becomes_visible_is_created_first() {
    // Nobody but the telling of expiries frees what was held.
    let service = Service::alone_at(NOON).await;
    let moment = service.in_seconds(60);
    let sent = one_of_each().with("/visibleFrom", moment.as_str()).with("/expiresAt", moment.as_str());
    let id = service.owner().created(&sent).await;
    let store = service.database.store();
    let tell = async || {
        let now = service.clock.now();
        store.tell_expired(now, &mut service.clock.ids(now)).await.unwrap()
    };
    service.clock.advance_seconds(59);
    assert_eq!(tell().await, 0);
    service.clock.advance_seconds(1);
    assert_eq!((tell().await, tell().await), (1, 0));
    let told = ["dialogCreated", "transmissionCreated", "activityCreated", "dialogExpired"];
    assert_eq!(service.database.column::<String>(ORDER, id).await, told);
    store.close().await;
}

#[tokio::test]
async fn whoever_changes_a_dialog_just_now_is_told_of_first() {
    let service = Service::alone_at(NOON).await;
    let id = service.owner().created(&expiring(&service, 60)).await;
    service.clock.advance_seconds(60);
    let now = service.clock.now();
    let store = service.database.store();
    let mut change = store.pool().begin().await.unwrap();
    sqlx::query("update dialog set is_seen = not is_seen where id = $1")
        .bind(id)
        .execute(&mut *change)
        .await
        .unwrap();
    let mut ids = service.clock.ids(now);
    let tell = store.tell_expired(now, &mut ids);
    let (told, ()) = tokio::join!(tell, async {
        let waits = "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and $1::uuid is not null";
        while service.database.column::<i64>(waits, id).await == [0] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sqlx::query("insert into outbox (dialog_id, occurred_at, payload) select $1, now(), '{\"events\":[{\"kind\":\"change\"}]}'")
            .bind(id)
            .execute(&mut *change)
            .await
            .unwrap();
        change.commit().await.unwrap();
    });
    assert_eq!(told.unwrap(), 1);
    assert_eq!(
        service.database.column::<String>(ORDER, id).await,
        ["dialogCreated", "change", "dialogExpired"]
    );
    store.close().await;
}

#[tokio::test]
async fn sinks_need_not_be_told_but_streams_and_feeds_are() {
    let settings = |settings: &mut dialogporten::config::ServeSettings| {
        settings.events.events_publish_expired = false;
    };
    let service = Service::telling(noon(), settings).await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&expiring(&service, 60)).await;
    let token = begin(&person, PERSON).await;
    let mut stream = person.follow(&format!("dialogs/{id}/events"), None).await;
    let mut all = person.follow("events", None).await;
    service.clock.advance_seconds(60);
    assert_eq!(stream.kinds(1).await, ["expired"]);
    assert_eq!(all.kinds(1).await, ["expired"]);
    let (found, token) = changes(&service, &person, PERSON, &token).await;
    assert_eq!(found, removed(&[id]));

    // Who followed it before goes on, as it may be given more time; nobody else begins.
    person.get(&format!("/api/v1/enduser/dialogs/{id}/events")).await.assert_problem_document(404);
    owner.patch(id, &progress(1)).await.expect(204);
    owner.patch(id, &expires(&Value::Null)).await.expect(204);
    assert_eq!(stream.kinds(2).await, ["updated", "updated"]);
    assert_eq!(all.kinds(2).await, ["updated", "updated"]);
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, changed(&[id]));
    assert_eq!(kinds(&shown(&service, id, 3).await), ["created", "updated", "updated"]);
}

#[tokio::test]
async fn becoming_visible_and_expiring_are_changes() {
    let service = Service::telling(noon(), |_| {}).await;
    let (owner, person) = (service.owner(), service.person());
    let token = begin(&person, PERSON).await;
    let hidden =
        dialog().with("/visibleFrom", service.in_seconds(60)).with("/expiresAt", service.in_seconds(90));
    let id = owner.created(&hidden).await;
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, []);
    service.clock.advance_seconds(60);
    shown(&service, id, 1).await;
    let (found, token) = changes(&service, &person, PERSON, &token).await;
    assert_eq!(found, changed(&[id]));
    service.clock.advance_seconds(30);
    shown(&service, id, 2).await;
    // For an instance as well whose clock is behind.
    let behind = Clock::fixed(Timestamp::parse(NOON).unwrap().plus_seconds(89));
    let behind = Service::telling_on(&service.database, behind, |s| s.events.events_dispatch = false).await;
    assert_eq!(changes(&service, &behind.person(), PERSON, &token).await.0, removed(&[id]));
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, removed(&[id]));
}

#[tokio::test]
async fn labels_are_changes_for_those_who_ask_and_no_events() {
    let service = Service::telling(Clock::system(), |settings| settings.events.events_log = true).await;
    let (owner, person) = (service.owner(), service.person());
    let (one, two) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
    shown(&service, two, 1).await;
    let mut token = begin(&person, PERSON).await;
    let mut stream = person.follow("events", None).await;
    let mut next = async || {
        let (found, after) = changes(&service, &person, PERSON, &token).await;
        token = after;
        found
    };
    let bin = json!({ "addLabels": ["Bin"] });
    let item = async |after: &str| {
        service.database.settle().await;
        let path = format!("/api/v1/enduser/dialogs/changes?party={PERSON}&after={after}");
        person.get(&path).await.expect(200).json()["items"][0].clone()
    };

    // By the user, with what has become of the labels.
    let before = owner.dialog(one).await;
    let start = begin(&person, PERSON).await;
    relabel(&person, one, &bin).await.expect(204);
    assert_eq!(next().await, changed(&[one]));
    let (found, after) = (item(&start).await, owner.dialog(one).await);
    assert_eq!(found["systemLabels"], json!(["Bin"]));
    assert_eq!(found["endUserContextRevision"], after["endUserContext"]["revision"]);
    assert_ne!(found["endUserContextRevision"], before["endUserContext"]["revision"]);
    assert_eq!((&found["revision"], &found["updatedAt"]), (&before["revision"], &before["updatedAt"]));
    // No change, no row.
    relabel(&person, one, &bin).await.expect(204);
    assert_eq!(next().await, []);

    // For the user, of several at once: only those whose labels change.
    let bulk = "endusercontext/systemlabels/actions/bulkset";
    let body = json!({ "dialogs": [{ "dialogId": one }, { "dialogId": two }], "addLabels": ["Bin"] });
    let path = format!("/api/v1/serviceowner/dialogs/{bulk}?enduserId={PERSON}");
    owner.call(Method::POST, &path).json(&body).await.expect(204);
    assert_eq!(next().await, changed(&[two]));
    let body = body.with("/addLabels", json!(["Archive"]));
    person
        .call(Method::POST, "/api/v1/enduser/dialogs/context/systemlabels/actions/bulkset")
        .json(&body)
        .await
        .expect(204);
    let mut found = next().await;
    found.sort();
    let mut both = changed(&[one, two]);
    both.sort();
    assert_eq!(found, both);
    let path = format!("endusercontext/systemlabels?enduserId={PERSON}");
    owner.below(Method::PUT, one, &path).json(&json!({ "removeLabels": ["Archive"] })).await.expect(204);
    assert_eq!(next().await, changed(&[one]));
    // Put as it is, it goes back to the inbox.
    owner.put(two, &put_body(&owner.dialog(two).await)).await.expect(204);
    assert_eq!(next().await, changed(&[two]));

    // Those of the service owner.
    owner.append(one, "context/labels", &json!({ "value": "mine" })).await.expect(204);
    assert_eq!(next().await, changed(&[one]));
    owner.below(Method::DELETE, one, "context/labels/mine").await.expect(204);
    assert_eq!(next().await, changed(&[one]));
    owner.below(Method::DELETE, one, "context/labels/mine").await.expect(404);
    assert_eq!(next().await, []);

    // The mark as unopened goes when it is opened.
    relabel(&person, one, &json!({ "addLabels": ["MarkedAsUnopened"] })).await.expect(204);
    assert_eq!(next().await, changed(&[one]));
    let start = begin(&person, PERSON).await;
    person.opened(one).await;
    assert_eq!(next().await, changed(&[one]));
    assert_eq!(item(&start).await["systemLabels"], json!(["Default"]));

    // What is told is no more than ever: to the sandbox, to streams, and to sinks, which pass it by.
    relabel(&person, two, &bin).await.expect(204);
    assert_eq!(service.noted(two).await, 4);
    assert_eq!(stream.kinds(2).await, ["updated", "seen"]);
    assert_eq!(kinds(&shown(&service, one, 3).await), ["created", "updated", "seen"]);
    shown(&service, two, 1).await;
    let behind = "select count(*) from event_lane l where (l.xid, l.sequence) <
        (select xid, sequence from outbox where dialog_id = $1 order by xid desc limit 1)";
    while service.database.column::<i64>(behind, two).await != [0] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = "select count(*) from event_delivery where $1::uuid is not null";
    assert_eq!(service.database.column::<i64>(left, two).await, [0]);
}

#[tokio::test]
async fn a_dialog_that_was_listed_by_a_label_is_gone_without_it() {
    const PARTY: &str = "urn:altinn:organization:identifier-no:310923044";
    const LABEL: &str = "urn:altinn:integration:storage:51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
    let service = Service::alone().await;
    let (owner, user) = (service.owner(), service.person_with("02867598599", 3));
    let app = "urn:altinn:resource:app_ttd_demo";
    let sent = dialog().with("/party", PARTY).with("/serviceResource", app);
    let token = begin(&user, PARTY).await;
    let id = owner.created(&sent).await;
    let other = owner.created(&sent).await;
    assert_eq!(changes(&service, &user, PARTY, &token).await.0, []);
    owner.append(id, "context/labels", &json!({ "value": LABEL })).await.expect(204);
    owner.append(id, "context/labels", &json!({ "value": "another" })).await.expect(204);
    let (found, token) = changes(&service, &user, PARTY, &token).await;
    assert_eq!(found, changed(&[id]));
    owner.append(other, "context/labels", &json!({ "value": "another" })).await.expect(204);
    owner.below(Method::DELETE, other, "context/labels/another").await.expect(204);
    owner.below(Method::DELETE, id, "context/labels/another").await.expect(204);
    let (found, token) = changes(&service, &user, PARTY, &token).await;
    assert_eq!(found, changed(&[id]));
    owner
        .below(Method::DELETE, id, &format!("context/labels/{}", LABEL.replace('/', "%2F")))
        .await
        .expect(204);
    owner.patch(id, &progress(1)).await.expect(204);
    let (found, token) = changes(&service, &user, PARTY, &token).await;
    assert_eq!(found, removed(&[id]));
    owner.patch(id, &progress(2)).await.expect(204);
    assert_eq!(changes(&service, &user, PARTY, &token).await.0, []);
}

/// Two instances tell of dialogs while others change them: each expiry once, and whoever asks what has
/// changed knows in the end how everything is.
#[tokio::test]
async fn many_dialogs_expire_under_many_writers() {
    const DIALOGS: usize = 24;
    let service = Service::telling(Clock::system(), |_| {}).await;
    let others = [
        Service::telling_on(&service.database, Clock::system(), |_| {}).await,
        Service::telling_on(&service.database, Clock::system(), |_| {}).await,
    ];
    let (owner, person) = (service.owner(), service.person());
    let start = begin(&person, PERSON).await;
    let all = join_all((0..DIALOGS).map(async |number| {
        let milliseconds = 3_000 + i64::try_from(number).unwrap() * 20;
        let at =
            Timestamp::from_unix_microseconds(service.clock.now().unix_microseconds() + milliseconds * 1_000);
        owner.created(&dialog().with("/expiresAt", at.unwrap().to_string())).await
    }))
    .await;
    let left = "select count(*) from dialog where expiry_told_for is distinct from expires_at and $1::uuid is not null";
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let writers = join_all(all.iter().enumerate().map(async |(number, id)| {
        let mut written = 0;
        while !is_done.load(std::sync::atomic::Ordering::SeqCst) {
            written += 1;
            // Labels as well, which need no revision; silently now and then.
            let call = owner.patch(*id, &progress(written % 100));
            let call = if written % 3 == 0 { call.silently() } else { call };
            call.await.expect(204);
            let labels = if written % 2 == 0 { "removeLabels" } else { "addLabels" };
            relabel(&person, *id, &json!({ labels: ["MarkedAsUnopened"] })).await.expect(204);
            tokio::time::sleep(Duration::from_millis(10 + u64::try_from(number).unwrap() % 50)).await;
        }
    }));
    let reader = async {
        let (mut token, mut known): (String, HashMap<Uuid, String>) = (start, HashMap::new());
        loop {
            let was_done = service.database.column::<i64>(left, all[0]).await == [0];
            if was_done {
                is_done.store(true, std::sync::atomic::Ordering::SeqCst);
                service.database.settle().await;
            }
            // As much at once as is written meanwhile.
            let path = format!("/api/v1/enduser/dialogs/changes?party={PERSON}&after={token}&limit=1000");
            let answer = person.get(&path).await.expect(200).json();
            for item in answer["items"].as_array().unwrap() {
                let id: Uuid = item["dialogId"].as_str().unwrap().parse().unwrap();
                known.insert(id, item["change"].as_str().unwrap().to_owned());
            }
            answer["token"].as_str().unwrap().clone_into(&mut token);
            if was_done && answer["hasMore"] == false {
                return known;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (_, known) = tokio::join!(writers, reader);
    assert_eq!(known, removed(&all).into_iter().collect());
    for id in all {
        assert_eq!(service.database.column::<i64>(ROWS, id).await, [1], "{id}");
    }
    drop(others);
}

/// As several new instances do that start at once.
#[tokio::test]
async fn the_index_is_made_once_by_whoever_comes_first() {
    let database = Database::new().await;
    database.configure("drop index dialog_expiry; delete from _sqlx_migrations where version = 23").await;
    let stores = [(); 4].map(|()| database.store());
    for migrated in join_all(stores.iter().map(dialogporten::store::Store::migrate)).await {
        migrated.unwrap();
    }
    let sql = "select indisvalid from pg_index where indexrelid = 'dialog_expiry'::regclass";
    assert_eq!(database.rows::<bool>(sql).await, [true]);
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn a_migration_does_not_make_others_wait_behind_somebody_who_reads_for_long() {
    let database = Database::new().await;
    // As it was before.
    let undone = "drop table disabled_sink; alter table event_lane drop column reason;
        delete from _sqlx_migrations where version = 22";
    database.configure(undone).await;
    let mut reader = database.connection().await;
    for statement in ["begin", "select from event_lane"] {
        sqlx::query(statement).execute(&mut reader).await.unwrap();
    }
    let store = database.store();
    let migration = tokio::spawn({
        let store = store.clone();
        async move { store.migrate().await }
    });
    // It waits for its lock, more than once, and those who come after it get theirs all the same.
    let mut watcher = database.connection().await;
    for _ in 0..2 {
        let waits = "select count(*) from pg_locks where not granted and relation = 'event_lane'::regclass
            and database = (select oid from pg_database where datname = current_database())";
        until("the migration waits", async || {
            sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watcher).await.unwrap() == 1
        })
        .await;
        let read = tokio::time::timeout(
            Duration::from_secs(30),
            database.rows::<i64>("select count(*) from event_lane"),
        );
        assert_eq!(read.await.expect("nobody waits behind it"), [0]);
    }
    assert!(!migration.is_finished());
    sqlx::query("commit").execute(&mut reader).await.unwrap();
    migration.await.unwrap().unwrap();
    let done = "select count(*) from _sqlx_migrations where version = 22";
    assert_eq!(database.rows::<i64>(done).await, [1]);
    store.close().await;
}
