//! Pages while dialogs come, change and go.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use dialogporten::store::Effort;
use serde_json::json;
use uuid::Uuid;

use crate::harness::*;

/// All pages of a search.
async fn pages(client: &Client, query: &[(&str, &str)]) -> Vec<Uuid> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let query: Vec<_> = query.iter().copied().chain([("continuationToken", token.as_str())]).collect();
        let answer = client.list(&query).await.expect(200);
        let list = answer.json();
        found.extend(answer.item_ids());
        if list["hasNextPage"] == false {
            return found;
        }
        list["continuationToken"].as_str().expect("a token").clone_into(&mut token);
    }
}

#[tokio::test]
async fn what_stays_is_seen_once_whatever_else_is_written() {
    let service = Service::alone().await;
    let catalogue = temporary_directory();
    std::fs::write(&catalogue, include_str!("../../../src/sandbox/catalogue.toml")).unwrap();
    let short =
        Effort { few: 0, first_looks: 1, look: (1, 4), round: 8, rounds: 3, candidates: 0, ..Effort::USUAL };
    let hasty = service.beside(&catalogue, short).await;
    std::fs::remove_file(&catalogue).unwrap();
    let owner = service.owner();
    let create = async |title: &str| owner.created(&dialog().with("/content/title", texts(title))).await;
    let mut stays = Vec::new();
    let mut others = Vec::new();
    for _ in 0..40 {
        stays.push(create("Blir her").await);
        others.push(create("Ingenting").await);
    }
    stays.reverse();
    let writing = AtomicBool::new(true);
    let write = async {
        for (index, id) in others.iter().cycle().enumerate() {
            if !writing.load(Ordering::Relaxed) {
                break;
            }
            match index % 3 {
                0 => drop(create("Nytt").await),
                1 => {
                    let operations = json!([{ "op": "add", "path": "/status", "value": (["Draft", "Completed"][index % 2]) }]);
                    owner.patch(*id, &operations).await.expect(204);
                }
                _ => drop(owner.delete(create("Borte").await).await.expect(204)),
            }
        }
    };
    let read = async {
        for (client, query) in [
            (service.person(), vec![("limit", "3")]),
            (service.person(), vec![("limit", "3"), ("orderBy", "createdAt")]),
            (
                service.person(),
                vec![("limit", "3"), ("search", "blir"), ("orderBy", "dueAt,contentUpdatedAt")],
            ),
            (service.person(), vec![("limit", "3"), ("search", "blir")]),
            (hasty.person(), vec![("limit", "3")]),
            (hasty.person(), vec![("limit", "3"), ("search", "blir")]),
        ] {
            let query: Vec<_> = query.into_iter().chain([("party", PERSON)]).collect();
            let found = pages(&client, &query).await;
            let kept: Vec<Uuid> = found.iter().copied().filter(|id| stays.contains(id)).collect();
            assert_eq!(kept, stays, "{query:?}");
            // What moves up while it is read may be missed or seen before it moves, but never twice.
            let distinct: BTreeSet<Uuid> = found.iter().copied().collect();
            assert_eq!(distinct.len(), found.len(), "{query:?}");
        }
        writing.store(false, Ordering::Relaxed);
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn a_search_that_finds_little_in_much_goes_on_where_it_has_stopped() {
    let service = Service::alone().await;
    let catalogue = temporary_directory();
    std::fs::write(&catalogue, include_str!("../../../src/sandbox/catalogue.toml")).unwrap();
    let effort =
        Effort { first_looks: 5, look: (5, 5), round: 20, rounds: 1, candidates: 0, ..Effort::USUAL };
    let hasty = service.beside(&catalogue, effort).await;
    std::fs::remove_file(&catalogue).unwrap();
    let owner = service.owner();
    let mut expected = Vec::new();
    for index in 0..80 {
        let is_rare = index < 60 && index % 25 == 3;
        let dialog = dialog().with("/extendedStatus", if is_rare { "rare" } else { "common" });
        let id = owner.created(&dialog).await;
        expected.extend(is_rare.then_some(id));
    }
    expected.reverse();
    let query = [("party", PERSON), ("extendedStatus", "rare"), ("limit", "2")];
    // Nothing has been found yet, and there is a place to go on from.
    let first = hasty.person().list(&query).await.expect(200).json();
    assert_eq!((&first["items"], &first["hasNextPage"]), (&json!([]), &json!(true)));
    assert!(first["continuationToken"].is_string());
    assert_eq!(pages(&hasty.person(), &query).await, expected);
    assert_eq!(service.person().listed(&query).await, expected[..2]);
}
