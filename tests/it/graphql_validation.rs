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

/// The data of an answer without errors beside it.
async fn data(call: Call) -> Value {
    let body = call.await.expect(200).json();
    assert!(body.get("errors").is_none(), "{body:#}");
    body["data"].clone()
}

/// The code of a request that asks for too much.
async fn limit(call: Call) -> String {
    let body = call.await.expect(400).json();
    body["errors"][0]["extensions"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn a_field_that_is_written_twice_is_one_field() {
    let service = Service::shared().await;
    let person = service.person();
    let id = service.owner().created(&dialog()).await;
    for (query, expected) in [
        (
            "{ limits { serviceOwnerSearch { maxPartyFilterValues } } limits { endUserSearch { maxOrgFilterValues } } }",
            "limits.serviceOwnerSearch.maxPartyFilterValues limits.endUserSearch.maxOrgFilterValues",
        ),
        (
            "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { org } dialog { party } } }",
            "dialogById.dialog.org dialogById.dialog.party",
        ),
        (
            "query ($id: UUID!) { dialogById(dialogId: $id) { ...A } dialogById(dialogId: $id) { ...B dialog { id } } }
                fragment A on DialogByIdPayload { dialog { org } } fragment B on DialogByIdPayload { dialog { party content { title { mediaType } } } }",
            "dialogById.dialog.org dialogById.dialog.party dialogById.dialog.content.title.mediaType dialogById.dialog.id",
        ),
        (
            "query ($id: UUID!, $no: Boolean = false) { dialogById(dialogId: $id) @include(if: $no) { errors { message } }
                ... { dialogById(dialogId: $id) { dialog @skip(if: $no) { org } } dialogById(dialogId: $id) { dialog { id } } } }",
            "dialogById.dialog.org dialogById.dialog.id",
        ),
    ] {
        // Twice: the second time the document is known.
        for _ in 0..2 {
            let data = data(ask(&person, query, &json!({ "id": id }))).await;
            for path in expected.split(' ') {
                let value = path.split('.').fold(&data, |value, name| &value[name]);
                assert!(!value.is_null(), "{path} {data}");
            }
        }
    }
    // And it is carried out once.
    let revision = &data(ask(
        &person,
        "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { endUserContext { revision } } } }",
        &json!({ "id": id }),
    ))
    .await["dialogById"]["dialog"]["endUserContext"]["revision"];
    let bulk = "mutation ($input: BulkSetSystemLabelInput!) {
        a: bulkSetSystemLabels(input: $input) { success } a: bulkSetSystemLabels(input: $input) { errors { message } } }";
    let input = json!({ "dialogs": [{ "dialogId": id, "enduserContextRevision": revision }], "addLabels": ["ARCHIVE"], "removeLabels": [] });
    let answer = data(ask(&person, bulk, &json!({ "input": input }))).await;
    assert_eq!(answer, json!({ "a": { "success": true, "errors": [] } }));
}

#[tokio::test]
async fn what_is_carried_out_is_what_is_validated() {
    let service = Service::shared().await;
    let person = service.person();
    let id = service.owner().created(&dialog()).await;
    for (query, expected) in [
        ("{limits{... on#x\nLimits{__typename}}}", json!({ "limits": { "__typename": "Limits" } })),
        (
            "{limits{...F}} fragment F on#x\nLimits{__typename}",
            json!({ "limits": { "__typename": "Limits" } }),
        ),
        (
            "query ($x : [ String ! ]) { limits { __typename } ... @include(if: false) { serviceResources(parties: $x) { __typename } } }",
            json!({ "limits": { "__typename": "Limits" } }),
        ),
        (
            "{ limits @skip(if: true) { __typename } t: __typename limits { __typename } }",
            json!({ "t": "Queries", "limits": { "__typename": "Limits" } }),
        ),
        ("{ __type(name: \"Nope\") { name } }", json!({ "__type": null })),
        (
            "query ($x: Boolean) { serviceResources(includeUnauthorized: $x) { __typename } }",
            json!({ "serviceResources": { "__typename": "ServiceResourceMetadata" } }),
        ),
        (
            "{ dialogLookup(instanceRef: \"\\uD83D\\uDE00 \\u{1F600}\") { lookup { party } } }",
            json!({ "dialogLookup": { "lookup": null } }),
        ),
    ] {
        let body = ask(&person, query, &json!({})).await.expect(200);
        assert_eq!(body.json()["data"], expected, "{query}");
        if query.contains("t: __typename") {
            assert!(body.text().starts_with(r#"{"data":{"t":"#), "{}", body.text());
        }
    }
    // A default that is right where null is not.
    let right = format!("{{ dialogId: \"{id}\", addLabels: [BIN], removeLabels: [] }}");
    for (query, expected) in [
        (
            format!(
                "mutation ($a: SetSystemLabelInput = {right}) {{ x: setSystemLabel(input: {right}) {{ success }} setSystemLabel(input: $a) {{ success }} }}"
            ),
            "input must not be null.",
        ),
        (
            format!(
                "mutation ($a: UUID = \"{id}\") {{ setSystemLabel(input: {right}) {{ success }} y: setSystemLabel(input: {{ dialogId: $a, addLabels: [], removeLabels: [] }}) {{ success }} }}"
            ),
            "input.dialogId must not be null.",
        ),
        (
            format!(
                "mutation ($a: Boolean = true) {{ setSystemLabel(input: {right}) {{ success @skip(if: $a) }} }}"
            ),
            "$a must not be null.",
        ),
    ] {
        assert_eq!(said(ask(&person, &query, &json!({ "a": null }))).await, [expected], "{query}");
    }
    assert_eq!(labels(service, id).await, json!(["Default"]));
}

#[tokio::test]
async fn no_request_takes_more_than_it_may() {
    let service = Service::shared().await;
    let person = service.person();
    let none = json!({});
    // As much as a text may have, in characters of more than one byte.
    let long = "é".repeat(49_900);
    for query in [
        format!("#{long}\n{{ __typename }}"),
        format!("{{ dialogLookup(instanceRef: \"{long}\") {{ lookup {{ party }} }} }}"),
    ] {
        ask(&person, &query, &none).await.expect(200);
    }
    let lines = "#é\n".repeat(24_000) + "{ __typename }";
    ask(&person, &lines, &none).await.expect(200);
    assert_eq!(
        limit(ask(&person, &format!("{lines}{}", " ".repeat(5_000)), &none)).await,
        "COMPLEXITY_LIMIT"
    );
    let nested = format!("{{ {} __typename {} }}", "... {".repeat(60), "}".repeat(60));
    assert_eq!(limit(ask(&person, &nested, &none)).await, "DEPTH_LIMIT");
    let nested = format!("{{ {} __typename {} }}", "... {".repeat(59), "}".repeat(59));
    ask(&person, &nested, &none).await.expect(200);
    let often = format!(
        "query ($a: String!) {{ searchDialogs(input: {{ party: [{}] }}) {{ hasNextPage }} }}",
        "$a ".repeat(201)
    );
    assert_eq!(limit(ask(&person, &often, &json!({ "a": "x".repeat(10_000) }))).await, "COMPLEXITY_LIMIT");
    let schema = |levels: usize| {
        let begin = "possibleTypes { interfaces { ".repeat(levels);
        format!("{{ __type(name: \"SetSystemLabelError\") {{ {begin} name {} }} }}", "} }".repeat(levels))
    };
    ask(&person, &schema(1), &none).await.expect(200);
    assert_eq!(limit(ask(&person, &schema(2), &none)).await, "DEPTH_LIMIT");
}
