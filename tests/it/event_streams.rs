//! Events as end users follow them, and what has changed since they last asked.

use std::collections::HashSet;

use dialogporten::clock::Clock;
use dialogporten::store::{Position, key_of};
use dialogporten::timestamp::Timestamp;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::event_sinks::until;
use crate::harness::*;

fn progress(value: i32) -> Value {
    json!([{ "op": "replace", "path": "/progress", "value": value }])
}

#[tokio::test]
async fn a_dialog_is_followed_and_taken_up_again() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&one_of_each()).await;
    let path = format!("dialogs/{id}/events");
    let mut stream = person.follow(&path, None).await;
    owner.append(id, "transmissions", &one_of_each()["transmissions"][0]).await.expect(201);
    let mut update = stream.next().await.unwrap();
    // What was told just before may come as well while others still write.
    while update.data["type"] != "dialogporten.dialog.updated.v1" {
        update = stream.next().await.unwrap();
    }
    assert_eq!(update.data["resourceinstance"], id.to_string());
    let letter = stream.next().await.unwrap();
    assert_eq!(letter.data["type"], "dialogporten.dialog.transmission.created.v1");
    // Others are not told of here, silent changes are.
    owner.created(&dialog()).await;
    owner.patch(id, &progress(1)).silently().await.expect(204);
    owner.delete(id).await.expect(204);
    owner.act(id, "restore").await.expect(204);
    assert_eq!(stream.kinds(3).await, ["updated", "deleted", "restored"]);
    drop(stream);

    // Within one change, and after it.
    let mut again = person.follow(&path, Some(&update.id)).await;
    assert_eq!(again.kinds(4).await, ["transmission.created", "updated", "deleted", "restored"]);
    let mut again = person.follow(&path, Some(&letter.id)).await;
    assert_eq!(again.kinds(3).await, ["updated", "deleted", "restored"]);

    // It did not count as opened.
    assert_eq!(owner.dialog(id).await["isContentSeen"], false);
    owner.act(id, "purge").await.expect(204);
    assert_eq!(again.kinds(1).await, ["deleted"]);
    let end = again.next().await.unwrap();
    assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("purged")));
    assert!(again.next().await.is_none());
}

#[tokio::test]
async fn who_may_not_open_may_not_follow() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
    let follow = |id: Uuid| format!("/api/v1/enduser/dialogs/{id}/events");
    person.get(&follow(id)).await.assert_problem_document(403);
    person.get(&follow(service.id())).await.assert_problem_document(404);
    person.get(&follow(id)).header("last-event-id", "x").await.assert_problem_document(400);
    service.anonymous().get("/api/v1/enduser/events").await.assert_problem_document(401);
    owner.get("/api/v1/enduser/events").await.assert_problem_document(403);
    let hidden = owner.created(&dialog().with("/visibleFrom", service.in_seconds(60))).await;
    person.get(&follow(hidden)).await.assert_problem_document(404);
    let deleted = owner.created(&dialog()).await;
    owner.delete(deleted).await.expect(204);
    person.get(&follow(deleted)).await.assert_problem_document(410);
}

#[tokio::test]
async fn all_dialogs_of_a_user_are_followed() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let mut stream = person.follow("events", None).await;
    let foreign = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
    let (one, two) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
    let (mut found, mut last) = (Vec::new(), String::new());
    while !found.contains(&two) {
        let sent = stream.next().await.unwrap();
        assert_eq!(sent.data["subject"], PERSON);
        found.push(sent.data["resourceinstance"].as_str().unwrap().parse::<Uuid>().unwrap());
        last = sent.id;
    }
    assert!(found.contains(&one) && !found.contains(&foreign));
    owner.patch(one, &progress(1)).await.expect(204);
    let mut again = person.follow("events", Some(&last)).await;
    loop {
        let sent = again.next().await.unwrap();
        if sent.data["resourceinstance"] == one.to_string() {
            assert_eq!(sent.data["type"], "dialogporten.dialog.updated.v1");
            break;
        }
    }
    // Of another database, or of the future.
    let mut lost = person.follow("events", Some("9000000000000000-1-0")).await;
    assert_eq!(lost.next().await.unwrap().name, "reset");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let clock = Clock::fixed(Timestamp::parse("2031-05-17T12:00:00Z").unwrap());
    let service = Service::telling(clock, |_| {}).await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog()).await;
    let mut stream = person.follow(&format!("dialogs/{id}/events"), None).await;
    let mut all = person.follow("events", None).await;
    service.clock.advance_seconds(7 * 86_400);
    service.owner().patch(id, &progress(1)).await.expect(204);
    for stream in [&mut stream, &mut all] {
        let end = stream.next().await.unwrap();
        assert_eq!((end.name.as_str(), &end.data["reason"]), ("end", &json!("token-expired")));
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn a_token_opens_so_many_streams_at_a_time() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog()).await;
    let of_dialog = format!("dialogs/{id}/events");
    let paths = [of_dialog.as_str(), "events"];
    let mut open = Vec::new();
    for index in 0..20 {
        open.push(person.follow(paths[index % 2], None).await);
    }
    for path in paths {
        let full = person.get(&format!("/api/v1/enduser/{path}")).await;
        full.assert_problem_document(503);
        assert_eq!(full.header("retry-after"), Some("10"));
        assert!(full.json()["detail"].as_str().unwrap().contains("at most 20"), "{}", full.text());
    }
    // Another token of the same person has its own.
    let other = service.person_with(PERSON_NUMBER, 4);
    for path in paths {
        other.follow(path, None).await;
    }
    open.pop();
    // The place becomes free when the service notices.
    until("a place is free", async || {
        person.get(&format!("/api/v1/enduser/{of_dialog}")).stream().await.status() == 200
    })
    .await;
}

/// Pages that a statement has read, of tables and indexes.
fn pages(plans: &[Value]) -> u64 {
    let pages = |how: &str| plans[0]["Plan"][format!("Shared {how} Blocks")].as_u64().expect("pages");
    pages("Hit") + pages("Read")
}

#[tokio::test]
async fn a_stream_that_is_taken_up_searches_its_partys_log_part_by_part() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog()).await;
    owner.patch(id, &progress(1)).await.expect(204);
    let start =
        "select xid || '-' || sequence from outbox where dialog_id = $1 order by xid, sequence limit 1";
    let start: Vec<String> = service.database.column(start, id).await;
    let others = "insert into outbox (dialog_id, party_key, occurred_at, payload)
        select gen_random_uuid(), party_key, occurred_at, payload from outbox, generate_series(1, 5000)
        where dialog_id = $1";
    service.database.execute(others, id).await;
    owner.patch(id, &progress(2)).await.expect(204);
    service.database.settle().await;

    service.database.configure(statements::EXPLAIN).await;
    let store = service.database.store();
    let key = key_of(PERSON);
    let (mut after, mut parts, mut found) = (Position::parse(&start[0]).unwrap(), Vec::new(), 0);
    let (all, plans) = statements::plans_of_work(store.log_of_dialog(key, id, after, 100_000)).await;
    let all_pages = pages(&plans);
    loop {
        let (part, plans) = statements::plans_of_work(store.log_of_dialog(key, id, after, 1_000)).await;
        let Some((last, entries)) = part.unwrap() else { break };
        after = last;
        found += entries.len();
        parts.push(pages(&plans));
    }
    assert_eq!((found, all.unwrap().unwrap().1.len()), (2, 2));
    assert!(parts.len() > 10 && parts.iter().all(|part| part * 5 < all_pages), "{parts:?}, {all_pages}");
    store.close().await;

    let mut stream = person.follow(&format!("dialogs/{id}/events"), Some(&format!("{}-0", start[0]))).await;
    assert_eq!(stream.kinds(2).await, ["updated", "updated"]);
    owner.delete(id).await.expect(204);
    assert_eq!(stream.kinds(1).await, ["deleted"]);
}

/// What has changed for the person since a token, and the next token.
pub async fn changes(
    service: &Service,
    client: &Client,
    party: &str,
    after: &str,
) -> (Vec<(Uuid, String)>, String) {
    service.database.settle().await;
    changes_so_far(client, party, after).await
}

/// The same, as far as it can be read now.
async fn changes_so_far(client: &Client, party: &str, after: &str) -> (Vec<(Uuid, String)>, String) {
    let (mut found, mut token) = (Vec::new(), after.to_owned());
    loop {
        let path = format!("/api/v1/enduser/dialogs/changes?party={party}&after={token}&limit=7");
        let answer = client.get(&path).await.expect(200).json();
        for item in answer["items"].as_array().unwrap() {
            assert_eq!(item["party"], party);
            for member in ["revision", "updatedAt", "endUserContextRevision", "systemLabels"] {
                assert_eq!(item.get(member).is_some(), item["change"] == "Changed", "{item}");
            }
            let id = item["dialogId"].as_str().unwrap().parse().unwrap();
            found.push((id, item["change"].as_str().unwrap().to_owned()));
        }
        answer["token"].as_str().unwrap().clone_into(&mut token);
        if answer["hasMore"] == false {
            return (found, token);
        }
    }
}

pub async fn begin(client: &Client, party: &str) -> String {
    let path = format!("/api/v1/enduser/dialogs/changes?party={party}");
    let answer = client.get(&path).await.expect(200).json();
    assert_eq!((&answer["items"], &answer["hasMore"]), (&json!([]), &json!(false)));
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_has_changed_is_told_with_what_is_gone() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    let old = owner.created(&dialog()).await;
    let token = begin(&person, PERSON).await;
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, []);

    let new = owner.created(&dialog()).await;
    owner.created(&dialog().with("/party", OTHER_PERSON)).await;
    owner.patch(old, &progress(1)).silently().await.expect(204);
    let (deleted, purged) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
    owner.delete(deleted).silently().await.expect(204);
    owner.act(purged, "purge").await.expect(204);
    owner.created(&dialog().with("/visibleFrom", service.in_seconds(60))).await;
    let (found, token) = changes(&service, &person, PERSON, &token).await;
    let (changed, removed) = ("Changed".to_owned(), "Removed".to_owned());
    let expected =
        [(new, changed.clone()), (old, changed.clone()), (deleted, removed.clone()), (purged, removed)];
    assert_eq!(found, expected);
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, []);
    owner.act(deleted, "restore").await.expect(204);
    assert_eq!(changes(&service, &person, PERSON, &token).await.0, [(deleted, changed)]);

    // Nothing of parties that the user does not represent.
    let other = begin(&person, OTHER_PERSON).await;
    owner.created(&dialog().with("/party", OTHER_PERSON)).await;
    assert_eq!(changes(&service, &person, OTHER_PERSON, &other).await.0, []);

    let path = "/api/v1/enduser/dialogs/changes";
    person.get(path).await.assert_problem(400, &[("party", "required")]);
    let wrong = format!("{path}?party=x&after=y&limit=0");
    person
        .get(&wrong)
        .await
        .assert_problem(400, &[("after", "token"), ("limit", "1000"), ("party[0]", "URN")]);
    let from_elsewhere = format!("{path}?party={PERSON}&after=9000000000000000-0");
    person.get(&from_elsewhere).await.assert_problem(410, &[("after", "Begin anew")]);
    let age = "update outbox_floor set xid = 9000000000000000 where $1::uuid is not null";
    service.database.execute(age, old).await;
    person
        .get(&format!("{path}?party={PERSON}&after={token}"))
        .await
        .assert_problem(410, &[("after", "anew")]);
}

#[tokio::test]
async fn nothing_is_missing_in_the_changes_of_many_writers() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    let start = begin(&person, PERSON).await;
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let writers = async {
        let created = join_all((0..8).map(async |_| {
            let mut ids = Vec::new();
            for _ in 0..15 {
                ids.push(owner.created(&dialog()).await);
            }
            ids
        }))
        .await;
        is_done.store(true, std::sync::atomic::Ordering::SeqCst);
        created.concat()
    };
    let reader = async {
        let (mut token, mut found) = (start, Vec::new());
        loop {
            let was_done = is_done.load(std::sync::atomic::Ordering::SeqCst);
            if was_done {
                service.database.settle().await;
            }
            let (ids, next) = changes_so_far(&person, PERSON, &token).await;
            found.extend(ids.into_iter().map(|(id, _)| id));
            token = next;
            if was_done {
                return found;
            }
        }
    };
    let (created, found) = tokio::join!(writers, reader);
    assert_eq!(found.len(), created.len());
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), created.into_iter().collect());
}
