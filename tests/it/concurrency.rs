//! Many writers at once.

use std::collections::BTreeSet;
use std::future::IntoFuture;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

fn letter(kind: &str) -> Value {
    one_of_each()["transmissions"][0].clone().with("/type", kind)
}

fn saved() -> Value {
    json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } })
}

async fn all(calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
    join_all(calls.into_iter().map(IntoFuture::into_future)).await
}

fn ids(list: &Value) -> BTreeSet<Uuid> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// So many clients append a letter from the owner, one from the party, an activity and a label each.
async fn append(clients: usize) {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let mut calls = Vec::new();
    for client in 0..clients {
        calls.push((owner.append(id, "transmissions", &letter("Information")), 201));
        calls.push((owner.append(id, "transmissions", &letter("Submission")), 201));
        calls.push((owner.append(id, "activities", &saved()), 201));
        if client < 20 {
            let label = json!({ "value": format!("label {client}") });
            calls.push((owner.append(id, "context/labels", &label), 204));
        }
    }
    let (calls, expected): (Vec<Call>, Vec<u16>) = calls.into_iter().unzip();
    let answers = all(calls).await;
    for (answer, expected) in answers.iter().zip(&expected) {
        assert_eq!(answer.status, *expected, "{}", answer.text());
    }

    let read = owner.dialog(id).await;
    let created: BTreeSet<Uuid> = answers.iter().filter(|a| a.status == 201).map(Answer::id).collect();
    let found = &ids(&read["transmissions"]) | &ids(&read["activities"]);
    assert_eq!(found, created);
    assert_eq!(found.len(), 3 * clients);
    assert_eq!(read["fromServiceOwnerTransmissionsCount"], clients);
    assert_eq!(read["fromPartyTransmissionsCount"], clients);
    assert_eq!(read["activities"].as_array().unwrap().len(), clients);
    let labels = read["serviceOwnerContext"]["serviceOwnerLabels"].as_array().unwrap();
    assert_eq!(labels.len(), clients.min(20));
    let unopened: Vec<i32> =
        service.database.column("select unopened_transmissions from dialog where id = $1", id).await;
    assert_eq!(unopened, [i32::try_from(clients).unwrap()]);
    // Every write had a revision of its own, and was told once.
    let revisions: BTreeSet<Uuid> = answers.iter().map(Answer::etag).collect();
    assert_eq!(revisions.len(), answers.len());
    let told = service.told(id).await;
    assert_eq!(told.len(), 1 + 3 * clients);
    assert!(told[1..].iter().all(|(kinds, _)| kinds.len() == 2 && kinds[0] == "dialogUpdated"));

    // Everybody opens everything: the count comes down to nothing.
    let letters = read["transmissions"].as_array().unwrap();
    let opening = |letter: &Value| {
        json!({
            "type": "TransmissionOpened", "transmissionId": letter["id"],
            "performedBy": { "actorType": "ServiceOwner" },
        })
    };
    let answers = all(letters.iter().map(|letter| owner.append(id, "activities", &opening(letter)))).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(owner.dialog(id).await["hasUnopenedContent"], false);
}

#[tokio::test]
async fn two_append() {
    append(2).await;
}

#[tokio::test]
async fn eight_append() {
    append(8).await;
}

#[tokio::test]
async fn sixty_four_append() {
    append(64).await;
}

#[tokio::test]
async fn of_those_who_expect_the_same_revision_one_wins() {
    let service = Service::shared().await;
    let owner = service.owner();
    for clients in [2, 8, 64] {
        let id = owner.created(&dialog()).await;
        let read = owner.dialog(id).await;
        let revision = |at: &str| read.pointer(at).unwrap().as_str().unwrap().parse::<Uuid>().unwrap();
        let of_dialog = revision("/revision");
        let of_labels = revision("/serviceOwnerContext/revision");
        let of_user = revision("/endUserContext/revision");
        let user = format!("endusercontext/systemlabels?enduserId={PERSON}");
        // Who is first changes nothing that the others, of the other two kinds, expect.
        let relabelled = ["Archive", "Bin"];
        let kinds: [Vec<Call>; 3] = [
            (0..clients)
                .map(|client| match client % 2 {
                    0 => owner.append(id, "transmissions", &letter("Alert")).if_match(of_dialog),
                    _ => owner.append(id, "activities", &saved()).if_match(of_dialog),
                })
                .collect(),
            (0..clients)
                .map(|client| {
                    let label = json!({ "value": format!("label {client}") });
                    owner.append(id, "context/labels", &label).if_match(of_labels)
                })
                .collect(),
            (0..clients)
                .map(|client| {
                    let body = json!({ "addLabels": [relabelled[client % 2]] });
                    owner.below(Method::PUT, id, &user).json(&body).if_match(of_user)
                })
                .collect(),
        ];
        for calls in kinds {
            let answers = all(calls).await;
            let won = answers.iter().filter(|answer| answer.status.is_success()).count();
            assert_eq!(won, 1, "{clients}");
            for answer in answers.iter().filter(|answer| !answer.status.is_success()) {
                answer.assert_problem(412, &[]);
            }
        }
        let read = owner.dialog(id).await;
        assert_eq!(ids(&read["transmissions"]).len() + ids(&read["activities"]).len(), 1);
        assert_eq!(read["serviceOwnerContext"]["serviceOwnerLabels"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_purge_leaves_no_orphans_of_what_happens_meanwhile() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    for round in 0..24 {
        let id = owner.created(&one_of_each()).await;
        let user = format!("endusercontext/systemlabels?enduserId={PERSON}");
        let label = json!({ "value": format!("label {round}") });
        let relabel =
            |label: &str| owner.below(Method::PUT, id, &user).json(&json!({ "addLabels": [label] }));
        let mut calls = vec![
            owner.append(id, "context/labels", &label),
            relabel("Bin"),
            person.open(id),
            owner.append(id, "transmissions", &letter("Submission")),
            owner.append(id, "activities", &saved()),
            relabel("Archive"),
            owner.below(Method::DELETE, id, "context/labels/label"),
        ];
        calls.insert(round % 8, owner.act(id, "purge"));
        for answer in all(calls).await {
            let status = answer.status.as_u16();
            assert!([200, 201, 204, 404].contains(&status), "{status}: {}", answer.text());
        }
        owner.read(id).await.assert_problem(404, &[("DialogEntity", "")]);
        let sql = "select name from (
            select 'service_owner_label' as name, dialog_id from service_owner_label union all
            select 'label_log', dialog_id from label_log union all
            select 'seen_log', dialog_id from seen_log union all
            select 'dialog_document', dialog_id from dialog_document union all
            select 'dialog_part', dialog_id from dialog_part union all
            select 'transmission', dialog_id from transmission union all
            select 'activity', dialog_id from activity
        ) parts where dialog_id = $1";
        let orphans: Vec<String> = service.database.column(sql, id).await;
        assert!(orphans.is_empty(), "{orphans:?}");
    }
}

#[tokio::test]
async fn labels_of_many_dialogs_in_any_order_do_not_block_each_other() {
    let service = Service::shared().await;
    let owner = service.owner();
    let mut dialogs = Vec::new();
    for _ in 0..6 {
        dialogs.push(json!({ "dialogId": owner.created(&dialog()).await }));
    }
    let path = format!(
        "/api/v1/serviceowner/dialogs/endusercontext/systemlabels/actions/bulkset?enduserId={PERSON}"
    );
    let calls = (0..16).map(|client| {
        let mut dialogs = dialogs.clone();
        dialogs.rotate_left(client % 6);
        if client % 2 == 0 {
            dialogs.reverse();
        }
        let label = ["Bin", "Archive", "Default", "MarkedAsUnopened"][client % 4];
        owner.call(Method::POST, &path).json(&json!({ "dialogs": dialogs, "addLabels": [label] }))
    });
    for answer in all(calls).await {
        answer.expect(204);
    }
    // All or none: the six are alike.
    let mut labels = BTreeSet::new();
    for dialog in &dialogs {
        let id = dialog["dialogId"].as_str().unwrap().parse().unwrap();
        labels.insert(owner.dialog(id).await["endUserContext"]["systemLabels"].to_string());
    }
    assert_eq!(labels.len(), 1, "{labels:?}");
}
