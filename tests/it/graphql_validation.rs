//! What is wrong with documents and variables is found before anything is carried out, all at once.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

fn ask(client: &Client, query: &str, variables: &Value) -> Call {
    client.call(Method::POST, "/graphql").json(&json!({ "query": query, "variables": variables }))
}

/// What is said of a request that is refused as wrong.
async fn said(call: Call) -> Vec<String> {
    let body = call.await.expect(400).json();
    assert!(body.get("data").is_none(), "{body:#}");
    let errors = body["errors"].as_array().expect("errors");
    for error in errors {
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{body:#}");
    }
    errors.iter().map(|error| error["message"].as_str().expect("a text").to_owned()).collect()
}

fn archived(id: &str) -> Value {
    json!({ "dialogId": id, "addLabels": ["ARCHIVE"], "removeLabels": [] })
}

fn repeated(times: usize, part: impl Fn(usize) -> String) -> String {
    (0..times).map(part).collect::<Vec<_>>().concat()
}

async fn labels(service: &Service, id: Uuid) -> Value {
    service.owner().dialog(id).await["endUserContext"]["systemLabels"].clone()
}

#[tokio::test]
async fn a_mutation_is_begun_only_when_all_of_it_is_right() {
    const TWO: &str = "mutation ($a: SetSystemLabelInput!, $b: SetSystemLabelInput!) {
        a: setSystemLabel(input: $a) { success } b: setSystemLabel(input: $b) { success } }";
    const SAME: &str = "mutation ($a: SetSystemLabelInput!, $b: SetSystemLabelInput!) { ...one ...other }
        fragment one on Mutations { a: setSystemLabel(input: $a) { success } }
        fragment other on Mutations { a: setSystemLabel(input: $b) { success } }";
    let service = Service::shared().await;
    let person = service.person();
    let id = service.owner().created(&dialog()).await;
    let right = archived(&id.to_string());
    for (b, expected) in [
        (archived("1"), &["$b.dialogId must be a UUID."][..]),
        (
            json!({ "dialogId": id, "addLabels": ["NONE", 1], "removeLabels": null }),
            &[
                "$b.addLabels[0] must be one of DEFAULT, BIN, ARCHIVE, MARKED_AS_UNOPENED, SENT.",
                "$b.addLabels[1] must be of type SystemLabel!.",
                "$b.removeLabels must not be null.",
            ],
        ),
        (json!({ "labels": [] }), &["$b.labels is no member of SetSystemLabelInput."]),
    ] {
        let said = said(ask(&person, TWO, &json!({ "a": right, "b": b }))).await;
        for text in expected {
            assert!(said.iter().any(|said| said == text), "{text}: {said:?}");
        }
    }
    let both = json!({ "a": right, "b": archived(&Uuid::nil().to_string()) });
    assert_eq!(said(ask(&person, SAME, &both)).await.len(), 1);
    let literal = format!(
        "mutation {{ a: setSystemLabel(input: {{ dialogId: \"{id}\", addLabels: [BIN], removeLabels: [] }}) {{ success }}
            b: setSystemLabel(input: {{ dialogId: \"1\", addLabels: [], removeLabels: [] }}) {{ success }} }}"
    );
    assert_eq!(said(ask(&person, &literal, &json!({}))).await, ["dialogId must be a UUID."]);
    assert_eq!(labels(service, id).await, json!(["Default"]));

    let both = json!({ "a": right, "b": right });
    ask(&person, TWO, &both).await.expect(200);
    assert_eq!(labels(service, id).await, json!(["Archive"]));
}

#[tokio::test]
async fn variables_have_so_many_values_and_no_more() {
    const SEARCH: &str =
        "query ($input: SearchDialogInput!) { searchDialogs(input: $input) { errors { message } } }";
    let service = Service::shared().await;
    let person = service.person();
    let parties = |count: usize| json!({ "input": { "party": vec![1; count] } });
    let said = said(ask(&person, SEARCH, &parties(9_998))).await;
    assert_eq!(said.len(), 100);
    assert_eq!(said[0], "$input.party[0] must be of type String!.");
    let answer = ask(&person, SEARCH, &parties(9_999)).await.expect(400).json();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "COMPLEXITY_LIMIT", "{answer}");
}

#[tokio::test]
async fn a_document_is_not_more_work_than_it_may_be() {
    let service = Service::shared().await;
    let person = service.person();
    // None of them is asked for, and each has twice what the next one has.
    let doubling = repeated(40, |level| {
        format!(" fragment f{level} on Limits {{ ...f{next} ...f{next} }}", next = level + 1)
    });
    let chain = repeated(400, |level| format!(" fragment f{level} on Limits {{ ...f{} }}", level + 1));
    let operations = repeated(200, |number| format!(" query q{number} {{ limits {{ ...many }} }}"));
    let many = format!(" fragment many on Limits {{ {} }}", "__typename ".repeat(100));
    let one = "query q { limits { __typename } }";
    for document in [
        format!("{one} {doubling} fragment f40 on Limits {{ __typename }}"),
        format!("{one} {chain} fragment f400 on Limits {{ __typename }}"),
        format!("{one} {operations} {many}"),
    ] {
        let request = json!({ "query": document, "operationName": "q" });
        let answer = person.call(Method::POST, "/graphql").json(&request).await.expect(400).json();
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "COMPLEXITY_LIMIT", "{answer}");
        assert!(
            error["message"].as_str().is_some_and(|text| text.contains("at most 10000 fields together")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_object_of_which_nothing_is_selected_is_one() {
    const QUERY: &str = "query ($skip: Boolean! = true) {
        limits { endUserSearch { maxPartyFilterValues @skip(if: $skip) } serviceOwnerSearch @skip(if: $skip) { __typename } }
        serviceResources(includeUnauthorized: true) { items { serviceResource { links { metadata @skip(if: $skip) } } } }
        parties { party @skip(if: $skip) } }";
    let service = Service::shared().await;
    let answer = ask(&service.person(), QUERY, &json!({})).await.expect(200).json();
    assert_eq!(answer["data"]["limits"], json!({ "endUserSearch": {} }));
    let services = answer["data"]["serviceResources"]["items"].as_array().expect("a list");
    assert!(!services.is_empty());
    for service in services {
        assert_eq!(*service, json!({ "serviceResource": { "links": {} } }));
    }
    let parties = answer["data"]["parties"].as_array().expect("a list");
    assert!(!parties.is_empty() && parties.iter().all(|party| *party == json!({})), "{answer}");
}
