//! What is told about changes, and when.

use std::time::Duration;

use dialogporten::clock::Clock;
use dialogporten::timestamp::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00Z";
const TRANSMISSION: &str = "transmissionCreated";
const ACTIVITY: &str = "activityCreated";
const CREATED: &str = "dialogCreated";
const UPDATED: &str = "dialogUpdated";
const DELETED: &str = "dialogDeleted";
const RESTORED: &str = "dialogRestored";
const EXPIRED: &str = "dialogExpired";

/// Something that is done with a dialog.
struct Deed {
    name: &'static str,
    /// What is done before, untold of here.
    before: &'static [&'static str],
    /// Kinds of the events that it raises.
    raises: &'static [&'static str],
    /// Whether it is silent even when it is not said so.
    always_silent: bool,
    /// Whether it can be silent.
    can_be_silent: bool,
    /// Whether it changes labels: nothing that is told, but those find it who ask what has changed.
    relabels: bool,
}

const fn deed(name: &'static str, raises: &'static [&'static str]) -> Deed {
    Deed { name, before: &[], raises, always_silent: false, can_be_silent: true, relabels: false }
}

impl Deed {
    const fn after(self, before: &'static [&'static str]) -> Self {
        Self { before, ..self }
    }

    const fn never_silent(self) -> Self {
        Self { can_be_silent: false, ..self }
    }

    const fn relabels(self) -> Self {
        Self { relabels: true, ..self }
    }

    const fn always_silent(self) -> Self {
        Self { always_silent: true, ..self }
    }
}

const DEEDS: &[Deed] = &[
    deed("put", &[UPDATED]),
    deed("put the same", &[]),
    // Where it is not silent, the dialog is back in the inbox.
    deed("put the same", &[]).after(&["bin"]).relabels(),
    deed("patch", &[UPDATED]),
    deed("patch with parts", &[UPDATED, TRANSMISSION, ACTIVITY, ACTIVITY]),
    deed("add activity", &[UPDATED, ACTIVITY]),
    deed("add transmission", &[UPDATED, TRANSMISSION]),
    deed("correct", &[UPDATED]).always_silent(),
    deed("form saved", &[UPDATED]).always_silent().never_silent(),
    deed("delete", &[DELETED]),
    deed("restore", &[RESTORED]).after(&["delete"]),
    deed("restore", &[]),
    deed("purge", &[DELETED]),
    deed("purge", &[]).after(&["delete"]),
    deed("freeze", &[UPDATED]).never_silent(),
    deed("freeze", &[]).after(&["freeze"]).never_silent(),
    deed("add activity", &[UPDATED, ACTIVITY]).after(&["delete"]),
    deed("label", &[]).never_silent().relabels(),
    deed("bin", &[]).never_silent().relabels(),
    deed("bin", &[]).after(&["bin"]).never_silent(),
    deed("read", &[]).never_silent(),
    deed("expire", &[EXPIRED]).never_silent(),
    deed("expire", &[EXPIRED]).after(&["bin"]).never_silent(),
    deed("expire", &[]).after(&["delete"]).never_silent(),
    deed("restore", &[RESTORED]).after(&["delete", "expire"]),
    deed("expire", &[]).after(&["expire"]).never_silent(),
    deed("put", &[UPDATED]).after(&["expire"]),
    deed("lift", &[UPDATED]).after(&["expire"]),
];

fn saved() -> Value {
    json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } })
}

/// Lets the time of a dialog come, and tells what there is to tell.
async fn expire(service: &Service, id: Uuid) {
    let sql = "update dialog set expires_at = '2031-05-17T11:00:00Z' where id = $1";
    assert_eq!(service.database.execute(sql, id).await, 1);
    let (store, now) = (service.database.store(), service.clock.now());
    store.tell_expired(now, &mut service.clock.ids(now)).await.unwrap();
    store.close().await;
}

async fn carry_out(service: &Service, admin: &Client, id: Uuid, name: &str, silent: bool) {
    if name == "expire" {
        return expire(service, id).await;
    }
    let letter = one_of_each()["transmissions"][0].clone();
    let read = admin.dialog(id).await;
    let child = |list: &str| read[list][0]["id"].as_str().unwrap().to_owned();
    let form_saved = || {
        let activities = read["activities"].as_array().unwrap();
        let one = activities.iter().find(|activity| activity["type"] == "FormSaved").unwrap();
        format!("activities/{}/actions/updateFormSavedActivityTime", one["id"].as_str().unwrap())
    };
    let call = match name {
        "put" => admin.put(id, &put_body(&read).with("/extendedStatus", "x")),
        "lift" => admin.patch(id, &json!([{ "op": "remove", "path": "/expiresAt" }])),
        "put the same" => admin.put(id, &put_body(&read)),
        "patch" => admin.patch(id, &json!([{ "op": "replace", "path": "/progress", "value": 7 }])),
        "patch with parts" => admin.patch(
            id,
            &json!([
                { "op": "add", "path": "/transmissions/-", "value": letter },
                { "op": "add", "path": "/activities/-", "value": saved() },
                { "op": "add", "path": "/activities/-", "value": saved() },
            ]),
        ),
        "add activity" => admin.append(id, "activities", &saved()),
        "add transmission" => admin.append(id, "transmissions", &letter),
        "correct" => {
            let transmission = child("transmissions").parse().unwrap();
            let body = letter.with("/extendedType", "urn:corrected");
            admin.correct(id, transmission, &body)
        }
        "form saved" => admin.below(Method::POST, id, &form_saved()).json(&json!("2020-01-01T00:00:00Z")),
        "delete" => admin.delete(id),
        "restore" | "purge" | "freeze" => admin.act(id, name),
        "label" => admin.append(id, "context/labels", &json!({ "value": "another" })),
        "bin" => {
            let path = format!("endusercontext/systemlabels?enduserId={PERSON}");
            admin.below(Method::PUT, id, &path).json(&json!({ "addLabels": ["Bin"] }))
        }
        "read" => admin.read(id),
        _ => panic!("{name}"),
    };
    let call = if silent && name != "correct" { call.silently() } else { call };
    let answer = call.await;
    assert!(answer.status.is_success(), "{name}: {}", answer.text());
}

/// What 40 §2 leaves of events when the change is silent, and of those when the dialog is hidden: that it
/// was created is held already, unless that was silent and this is not.
fn expected(deed: &Deed, silent: bool, hidden: bool, created_silently: bool) -> Vec<(Vec<String>, bool)> {
    let silent = silent || deed.always_silent;
    let mut kinds = deed.raises.to_vec();
    if silent {
        kinds.retain(|kind| ![TRANSMISSION, ACTIVITY].contains(kind));
    }
    if hidden {
        kinds.retain(|kind| ![DELETED, RESTORED].contains(kind));
        if !created_silently || silent {
            kinds.retain(|kind| *kind != UPDATED);
        }
    }
    if kinds.is_empty() { Vec::new() } else { vec![(kinds.into_iter().map(str::to_owned).collect(), silent)] }
}

#[tokio::test]
async fn each_deed_raises_exactly_its_events() {
    let service = Service::alone_at(NOON).await;
    let admin = service.owner_with(&format!("{ADMIN} {CHANGE_TRANSMISSIONS}"));
    let sent = one_of_each().with("/activities/-", saved());
    let parts = [TRANSMISSION, ACTIVITY, ACTIVITY];
    for (hidden, created_silently) in [(false, false), (false, true), (true, false), (true, true)] {
        let sent =
            if hidden { sent.clone().with("/visibleFrom", service.in_seconds(3_600)) } else { sent.clone() };
        for (deed, silent) in DEEDS.iter().flat_map(|deed| [(deed, false), (deed, true)]) {
            if silent && !deed.can_be_silent {
                continue;
            }
            // No dialog expires before it is visible.
            if hidden && [&[deed.name], deed.before].concat().iter().any(|name| name.starts_with("expire")) {
                continue;
            }
            let case = format!("{} after {:?}, silent {silent}, hidden {hidden}", deed.name, deed.before);
            let create = admin.create(&sent);
            let create = if created_silently { create.silently() } else { create };
            let id = create.await.expect(201).id();
            let mut told = service.told(id).await;
            let mut kinds = vec![CREATED.to_owned()];
            if !created_silently {
                kinds.extend(parts.map(str::to_owned));
            }
            assert_eq!(told, [(kinds, created_silently)], "{case}");
            for name in deed.before {
                carry_out(&service, &admin, id, name, false).await;
            }
            told = service.told(id).await;
            let noted = service.noted(id).await;
            carry_out(&service, &admin, id, deed.name, silent).await;
            let after = service.told(id).await;
            let is_noted = deed.relabels && !silent && !hidden;
            assert_eq!(service.noted(id).await, noted + i64::from(is_noted), "{case}");
            if hidden && deed.name == "purge" {
                assert_eq!(after, [], "{case}");
                continue;
            }
            told.extend(expected(deed, silent, hidden, created_silently));
            assert_eq!(after, told, "{case}");
            let held: Vec<i64> =
                service.database.column("select count(*) from outbox_held where dialog_id = $1", id).await;
            assert_eq!(held, [if hidden { i64::try_from(told.len()).unwrap() } else { 0 }], "{case}");
        }
    }
}

#[tokio::test]
async fn opening_is_told_once_with_the_id_of_the_entry() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&one_of_each()).await;
    let count = service.told(id).await.len();
    person.opened(id).await;
    let seen = (vec![UPDATED.to_owned(), "dialogSeen".to_owned()], false);
    assert_eq!(service.told(id).await[count..], [seen]);
    let sql = "select e ->> 'id' from outbox, jsonb_array_elements(payload -> 'events') e
        where dialog_id = $1 and e ->> 'kind' = 'dialogSeen'";
    let event: Vec<String> = service.database.column(sql, id).await;
    let entry: Vec<Uuid> = service.database.column("select id from seen_log where dialog_id = $1", id).await;
    assert_eq!(event, [entry[0].to_string()]);

    // Nothing new, nothing told.
    for _ in 0..3 {
        person.opened(id).await;
    }
    assert_eq!(service.told(id).await.len(), count + 1);

    // Only the mark goes.
    let marked = json!({ "addLabels": ["MarkedAsUnopened"] });
    let path = format!("endusercontext/systemlabels?enduserId={PERSON}");
    owner.below(Method::PUT, id, &path).json(&marked).await.expect(204);
    person.opened(id).await;
    assert_eq!(service.told(id).await[count + 1..], [(vec![UPDATED.to_owned()], false)]);
}

/// Types of the events that the sandbox shows of a dialog, without what they have in common, once there
/// are as many.
pub async fn shown(service: &Service, id: Uuid, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    for _ in 0..600 {
        let answer = service.anonymous().get(&format!("/sandbox/events?dialogId={id}")).await.expect(200);
        events.clone_from(answer.json().as_array().unwrap());
        if events.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(events.len(), count, "{events:#?}");
    events
}

pub fn kinds(events: &[Value]) -> Vec<&str> {
    let kind = |event: &Value| -> String { event["type"].as_str().unwrap().to_owned() };
    let names =
        events.iter().map(kind).map(|kind| kind.replace("dialogporten.dialog.", "").replace(".v1", ""));
    names.map(|name| &*name.leak()).collect()
}

fn at(moment: &str) -> Clock {
    Clock::fixed(Timestamp::parse(moment).unwrap())
}

#[tokio::test]
async fn nothing_is_told_before_a_dialog_is_visible() {
    let service = Service::telling(at(NOON), |_| {}).await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let hidden = |seconds| one_of_each().with("/visibleFrom", service.in_seconds(seconds));
    let told = owner.created(&hidden(60)).await;
    owner.append(told, "activities", &saved()).await.expect(201);
    owner.patch(told, &json!([{ "op": "replace", "path": "/progress", "value": 3 }])).await.expect(204);
    let deleted = owner.created(&hidden(60)).await;
    owner.delete(deleted).await.expect(204);
    let restored = owner.created(&hidden(60)).await;
    owner.delete(restored).await.expect(204);
    owner.act(restored, "restore").await.expect(204);
    let purged = owner.created(&hidden(60)).await;
    owner.act(purged, "purge").await.expect(204);
    let (later, earlier) = (owner.created(&hidden(60)).await, owner.created(&hidden(9_000)).await);
    let moved = "update dialog set visible_from = visible_from + interval '1 hour' where id = $1";
    assert_eq!(service.database.execute(moved, later).await, 1);
    let moved = "update dialog set visible_from = '2031-05-17T12:00:30Z' where id = $1";
    assert_eq!(service.database.execute(moved, earlier).await, 1);
    // Something that is told at once, so that it is known when all before it would have been.
    let witness = owner.created(&dialog()).await;
    shown(&service, witness, 1).await;
    for id in [told, deleted, restored, purged, later, earlier] {
        shown(&service, id, 0).await;
    }

    let sql = "select e ->> 'id' from outbox_held, jsonb_array_elements(payload -> 'events') e
        where dialog_id = $1 order by sequence";
    let ids: Vec<String> = service.database.column(sql, told).await;
    service.clock.advance_seconds(30);
    shown(&service, earlier, 3).await;
    shown(&service, told, 0).await;
    service.clock.advance_seconds(31);
    let events = shown(&service, told, 4).await;
    assert_eq!(
        kinds(&events),
        ["created", "transmission.created", "activity.information", "activity.form-saved"]
    );
    let found: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(found, ids);
    for event in &events {
        assert_eq!(event["time"], "2031-05-17T12:01:00.000000+00:00");
    }
    assert_eq!(kinds(&shown(&service, restored, 3).await)[0], "created");
    admin.patch(told, &json!([{ "op": "replace", "path": "/progress", "value": 4 }])).await.expect(204);
    assert_eq!(kinds(&shown(&service, told, 5).await)[4], "updated");
    for id in [deleted, purged, later] {
        shown(&service, id, 0).await;
    }
    let left = "select dialog_id from outbox_held where $1 is not null";
    assert_eq!(service.database.column::<Uuid>(left, told).await, [later; 1]);
    service.clock.advance_seconds(3_600);
    shown(&service, later, 3).await;
}

#[tokio::test]
async fn a_change_at_the_moment_of_visibility_comes_after_the_creation() {
    // Nobody but the change itself tells what was held.
    let service = Service::at(NOON).await;
    let owner = service.owner();
    let id = owner.created(&one_of_each().with("/visibleFrom", service.in_seconds(5))).await;
    let other = owner.created(&one_of_each().with("/visibleFrom", service.in_seconds(5))).await;
    let gone = owner.created(&one_of_each().with("/visibleFrom", service.in_seconds(5))).await;
    service.clock.advance_seconds(5);
    owner.patch(id, &json!([{ "op": "replace", "path": "/progress", "value": 3 }])).await.expect(204);
    service.person().opened(other).await;
    owner.act(gone, "purge").await.expect(204);
    let order =
        "select payload -> 'events' -> 0 ->> 'kind' from outbox where dialog_id = $1 order by xid, sequence";
    assert_eq!(service.database.column::<String>(order, id).await, [CREATED, UPDATED]);
    assert_eq!(service.database.column::<String>(order, other).await, [CREATED, UPDATED]);
    assert_eq!(service.database.column::<String>(order, gone).await, [CREATED, DELETED]);
}

#[tokio::test]
async fn holding_and_updates_on_opening_can_be_switched_off() {
    let service = Service::telling(at(NOON), |settings| {
        settings.events.events_hold_until_visible = false;
        settings.events.events_publish_updated_on_seen = false;
    })
    .await;
    let owner = service.owner();
    let id = owner.created(&dialog().with("/visibleFrom", service.in_seconds(60))).await;
    owner.delete(id).await.expect(204);
    assert_eq!(kinds(&shown(&service, id, 2).await), ["created", "deleted"]);
    let id = owner.created(&dialog()).await;
    service.person().opened(id).await;
    assert_eq!(kinds(&shown(&service, id, 2).await), ["created", "seen"]);
}

#[tokio::test]
async fn the_sandbox_shows_what_came_before_it_started() {
    let first = Service::telling(Clock::system(), |_| {}).await;
    let id = first.owner().created(&one_of_each()).await;
    shown(&first, id, 3).await;
    let second = Service::telling_on(&first.database, Clock::system(), |_| {}).await;
    assert_eq!(kinds(&shown(&second, id, 3).await)[0], "created");
    // What the one does the other shows as well.
    first.owner().delete(id).await.expect(204);
    assert_eq!(kinds(&shown(&second, id, 4).await)[3], "deleted");
    let silent = second.owner().create(&dialog()).silently().await.expect(201).id();
    let witness = second.owner().created(&dialog()).await;
    shown(&first, witness, 1).await;
    shown(&first, silent, 0).await;
    let answer = first.anonymous().get("/sandbox/events?dialogId=x").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn old_events_go_when_every_sink_has_got_them() {
    let service = Service::telling(Clock::system(), |settings| settings.events.events_retention = 1).await;
    let owner = service.owner();
    let (old, new) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
    let count = "select count(*) from outbox where dialog_id = $1";
    let store = service.database.store();
    let sinks = ["slow".to_owned()];
    let day = 86_400.0;
    // From before the dialogs on.
    store.register_sinks(&sinks).await.unwrap();
    service.database.execute("update event_lane set xid = 0 where $1::uuid is not null", old).await;
    let age = "update outbox set available_at = now() - interval '2 days' where dialog_id = $1";
    assert_eq!(service.database.execute(age, old).await, 1);

    assert_eq!(store.clean_log(day, &sinks, 10).await.unwrap(), 0);
    assert_eq!(service.database.column::<i64>(count, old).await, [1]);
    let reached =
        "update event_lane set (xid, sequence) = (select xid, sequence from outbox where dialog_id = $1)";
    service.database.execute(reached, old).await;
    assert_eq!(store.clean_log(day, &sinks, 10).await.unwrap(), 1);
    assert_eq!(service.database.column::<i64>(count, old).await, [0]);
    assert_eq!(service.database.column::<i64>(count, new).await, [1]);
    assert!(store.log_floor().await.unwrap() > dialogporten::store::Position::default());
    store.close().await;
}
