//! What requests cost the database.

use serde_json::json;

use crate::harness::statements;
use crate::harness::*;

/// The call costs this many statements, and has this status.
async fn assert_costs(what: &str, call: Call, status: u16, count: usize) -> Answer {
    let (answer, statements) = statements::of(call).await;
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text());
    assert_eq!(statements.len(), count, "{what}: {statements:#?}");
    answer
}

#[tokio::test]
async fn a_request_costs_one_statement_to_read_and_one_to_write() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let sent = full_dialog(service).with("/systemLabel", "Default");

    let created = assert_costs("create", owner.create(&sent), 201, 1).await;
    let id = created.id();
    let read = assert_costs("get", owner.read(id), 200, 1).await.json();

    let body = put_body(&read);
    let letter = one_of_each()["transmissions"][0].clone();
    let added = body.clone().with("/progress", 1).with("/transmissions", json!([letter]));
    assert_costs("put", owner.put(id, &added), 204, 2).await;
    assert_costs("put of the same", owner.put(id, &body.clone().with("/progress", 1)), 204, 1).await;
    let first = read["transmissions"][0]["id"].clone();
    let operations = json!([
        { "op": "replace", "path": "/status", "value": "Completed" },
        { "op": "remove", "path": "/attachments/0" },
        { "op": "add", "path": "/searchTags/-", "value": { "value": "another" } },
        { "op": "add", "path": "/transmissions/-", "value": letter.with("/relatedTransmissionId", first) },
    ]);
    assert_costs("patch", owner.patch(id, &operations), 204, 2).await;

    assert_costs("open for the first time", person.open(id), 200, 2).await;
    assert_costs("open again", person.open(id), 200, 1).await;
    assert_costs("open for a person", owner.read_for(id, PERSON), 200, 1).await;
    let process = sent["process"].as_str().unwrap();
    let list = person.list(&[("party", PERSON), ("process", process)]);
    assert_eq!(assert_costs("list", list, 200, 1).await.item_ids(), [id]);
    let everything = person.list(&[("serviceResource", RESOURCE), ("limit", "1000")]);
    assert_costs("list of all parties", everything, 200, 1).await;
}

#[tokio::test]
async fn refusals_cost_no_more() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let sent = dialog().with("/idempotentKey", service.unique());
    let id = owner.created(&sent).await;
    let body = dialog().with("/status", "Draft");
    assert_costs("no token", service.anonymous().create(&sent), 401, 0).await;
    assert_costs("wrong scope", person.create(&sent), 403, 0).await;
    assert_costs("invalid", owner.create(&dialog().with("/progress", 101)), 400, 0).await;
    assert_costs("unowned", owner.create(&dialog().with("/serviceResource", OTHER_OWNERS)), 403, 0).await;
    // The second finds the dialog that has the key.
    assert_costs("taken key", owner.create(&sent), 409, 2).await;
    assert_costs("taken id", owner.create(&dialog().with("/id", id.to_string())), 409, 1).await;
    assert_costs("unknown", owner.put(service.id(), &body), 404, 1).await;
    assert_costs("invalid change", owner.put(id, &json!({})), 400, 1).await;
    assert_costs("other revision", owner.put(id, &body).if_match(id), 412, 1).await;
    assert_costs("bad condition", owner.put(id, &body).header("if-match", "?"), 400, 0).await;
    assert_costs("bad patch", owner.patch(id, &json!([{ "op": "remove", "path": "/party" }])), 400, 1).await;
    assert_costs("not modified", owner.read(id).header("if-none-match", "*"), 304, 1).await;
    assert_costs("bad list", person.list(&[("party", "x")]), 400, 0).await;
    assert_costs("list of nothing", person.list(&[("party", OTHER_PERSON)]), 200, 0).await;
    let foreign = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
    assert_costs("somebody else's", person.open(foreign), 403, 1).await;
}

/// The counting itself: a request of another trace is not counted, and those of this one are.
#[tokio::test]
async fn statements_are_counted_by_request() {
    let service = Service::shared().await;
    let owner = service.owner();
    let id = owner.created(&dialog()).await;
    let (_, first) = statements::of(owner.read(id)).await;
    let (_, second) = statements::of(owner.create(&dialog())).await;
    assert!(
        first[0].starts_with("select d.id") && second[0].starts_with("with new_dialog"),
        "{first:?} {second:?}"
    );
}
