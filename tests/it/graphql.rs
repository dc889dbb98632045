//! The graph of end users.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::statements;
use crate::harness::*;

fn ask(client: &Client, query: &str, variables: &Value) -> Call {
    let body = json!({ "query": query, "variables": variables });
    client.call(Method::POST, "/graphql").json(&body)
}

/// The data of an answer without errors beside it.
async fn data(client: &Client, query: &str, variables: &Value) -> Value {
    let answer = ask(client, query, variables).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/graphql-response+json; charset=utf-8"));
    let body = answer.json();
    assert!(body.get("errors").is_none(), "{body:#}");
    body["data"].clone()
}

/// Status and code of an answer that is an error.
fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors: {body:#}"));
    assert!(errors[0]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body:#}");
    assert_eq!(errors[0]["extensions"]["traceId"].as_str().map(str::len), Some(55), "{body:#}");
    let code = errors[0]["extensions"]["code"].as_str().expect("a code").to_owned();
    (answer.status.as_u16(), code)
}

const BY_ID: &str = "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { id } errors { __typename message \
                     ... on DialogByIdNotVisible { visibleFrom } ... on DialogByIdExpired { expiredAt } } } }";

async fn open_error(client: &Client, id: Uuid) -> Value {
    let payload = data(client, BY_ID, &json!({ "id": id })).await["dialogById"].clone();
    assert!(payload["dialog"].is_null(), "{payload:#}");
    assert_eq!(payload["errors"].as_array().map(Vec::len), Some(1), "{payload:#}");
    payload["errors"][0].clone()
}

mod dialog_by_id {
    use super::*;

    #[tokio::test]
    async fn tells_why_a_dialog_is_not_shown() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let unknown = open_error(&person, service.id()).await;
        assert_eq!(unknown["__typename"], "DialogByIdNotFound");

        let id = owner.created(&dialog()).await;
        let stranger = service.person_with("13838599936", 3);
        assert_eq!(open_error(&stranger, id).await["__typename"], "DialogByIdForbidden");
        owner.delete(id).await.expect(204);
        let deleted = open_error(&person, id).await;
        assert_eq!(deleted["__typename"], "DialogByIdDeleted");
        assert!(deleted["message"].as_str().unwrap().contains(&id.to_string()));

        let id = owner.created(&dialog().with("/serviceResource", LEVEL_FOUR)).await;
        assert_eq!(open_error(&person, id).await["__typename"], "DialogByIdForbiddenAuthLevelTooLow");

        let visible_from = service.in_seconds(3_600);
        let id = owner.created(&dialog().with("/visibleFrom", visible_from.as_str())).await;
        let answer = ask(&person, BY_ID, &json!({ "id": id })).await.expect(200);
        assert!(answer.header("expires").is_some_and(|date| date.ends_with("GMT")));
        let error = &answer.json()["data"]["dialogById"]["errors"][0];
        assert_eq!(*error, open_error(&person, id).await);
        assert_eq!(error["__typename"], "DialogByIdNotVisible");
        assert_eq!(error["visibleFrom"], visible_from);

        let id = owner.created(&dialog()).await;
        let expire = "update dialog set expires_at = now() - interval '1 hour' where id = $1";
        assert_eq!(service.database.execute(expire, id).await, 1);
        let expired = open_error(&person, id).await;
        assert_eq!(expired["__typename"], "DialogByIdExpired");
        assert!(expired["expiredAt"].is_string());
    }

    #[tokio::test]
    async fn records_that_it_was_opened_and_prunes_languages() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let title = json!([
            { "languageCode": "nb", "value": "Brev" }, { "languageCode": "en", "value": "Letter" },
        ]);
        let id = owner.created(&dialog().with("/content/title/value", title)).await;
        let query = "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { isContentSeen dialogToken
            content { title { value { value languageCode } } }
            seenSinceLastUpdate { isCurrentEndUser seenBy { actorType actorId } } } } }";
        let answer =
            ask(&person, query, &json!({ "id": id })).header("accept-language", "en").await.expect(200);
        let dialog = answer.json()["data"]["dialogById"]["dialog"].clone();
        assert_eq!(dialog["isContentSeen"], true);
        assert_eq!(dialog["content"]["title"]["value"], json!([{ "value": "Letter", "languageCode": "en" }]));
        assert_eq!(dialog["seenSinceLastUpdate"][0]["isCurrentEndUser"], true);
        assert_eq!(dialog["dialogToken"].as_str().map(|token| token.split('.').count()), Some(3));
        let sql = "select count(*) from seen_log where dialog_id = $1";
        assert_eq!(service.database.column::<i64>(sql, id).await, [1]);
    }
}

const SEARCH: &str =
    "query ($input: SearchDialogInput!) { searchDialogs(input: $input) { items { id } hasNextPage
    continuationToken orderBy { createdAt updatedAt dueAt contentUpdatedAt }
    errors { __typename message ... on SearchDialogValidationError { field } } } }";

async fn search(client: &Client, input: &Value) -> Value {
    data(client, SEARCH, &json!({ "input": input })).await["searchDialogs"].clone()
}

mod search_dialogs {
    use super::*;

    #[tokio::test]
    async fn pages_like_rest() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:process:{}", service.unique());
        let mut expected = BTreeSet::new();
        for _ in 0..5 {
            expected.insert(owner.created(&dialog().with("/process", process.as_str())).await.to_string());
        }
        // As portals send it: one object instead of a list, with nulls.
        let order =
            json!({ "createdAt": null, "updatedAt": null, "dueAt": null, "contentUpdatedAt": "DESC" });
        let mut input = json!({ "party": [PERSON], "process": process, "limit": 2, "orderBy": order });
        let mut found = BTreeSet::new();
        let mut sizes = Vec::new();
        loop {
            let page = search(&person, &input).await;
            assert_eq!(page["errors"], json!([]));
            let order = json!([{
                "createdAt": null, "updatedAt": null, "dueAt": null, "contentUpdatedAt": "DESC",
            }]);
            assert_eq!(page["orderBy"], order);
            let items = page["items"].as_array().unwrap();
            sizes.push(items.len());
            found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            input["continuationToken"] = page["continuationToken"].clone();
            if page["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!((sizes, found), (vec![2, 2, 1], expected));
    }

    #[tokio::test]
    async fn has_typed_errors() {
        let service = Service::shared().await;
        let person = service.person();
        let party = json!([PERSON]);
        for (input, kind, field) in [
            (json!({}), "Validation", "input.party"),
            (json!({ "party": ["x"] }), "Validation", "input.party[0]"),
            (json!({ "party": party, "limit": 0 }), "Validation", "input.limit"),
            (json!({ "party": party, "limit": 1001 }), "Validation", "input.limit"),
            (json!({ "party": party, "orderBy": [] }), "Validation", "input.orderBy"),
            (json!({ "party": party, "orderBy": [{}] }), "Validation", "input.orderBy[0]"),
            (
                json!({ "party": party, "orderBy": { "createdAt": "ASC", "dueAt": "ASC" } }),
                "Validation",
                "input.orderBy[0]",
            ),
            (
                json!({ "party": party, "orderBy": [{ "dueAt": "ASC" }, { "dueAt": "DESC" }] }),
                "OrderByParsing",
                "",
            ),
            (json!({ "party": party, "continuationToken": "x" }), "Validation", "input.orderBy"),
            (
                json!({ "party": party, "continuationToken": "x", "orderBy": { "dueAt": "ASC" } }),
                "ContinuationTokenParsing",
                "",
            ),
            (json!({ "party": party, "search": "ab" }), "Validation", "input.search"),
            (json!({ "party": party, "searchLanguageCode": "no" }), "Validation", "input.searchLanguageCode"),
            (json!({ "party": party, "process": "a b" }), "Validation", "input.process"),
            (
                json!({
                    "party": party, "createdAfter": "2030-01-02T00:00:00Z", "createdBefore": "2030-01-01T00:00:00Z",
                }),
                "Validation",
                "input.createdAfter",
            ),
            (json!({ "party": party, "org": vec!["ttd"; 21] }), "Validation", "input.org"),
        ] {
            let payload = search(&person, &input).await;
            let error = &payload["errors"][0];
            assert_eq!(error["__typename"], format!("SearchDialog{kind}Error"), "{input} {payload:#}");
            let expected = if field.is_empty() { Value::Null } else { field.into() };
            assert_eq!(error["field"], expected, "{input}");
            assert!(payload["items"].is_null() && payload["hasNextPage"] == false, "{payload:#}");
            assert_eq!(payload["orderBy"], json!([]));
        }
        // Of nobody whom the user represents.
        let payload = search(&service.person_with("13838599936", 3), &json!({ "party": party })).await;
        assert_eq!((&payload["items"], &payload["errors"]), (&json!([]), &json!([])));
    }
}

mod labels {
    use super::*;

    const SET: &str = "mutation ($input: SetSystemLabelInput!) { setSystemLabel(input: $input) {
        success revision errors { __typename message } } }";
    const BULK: &str = "mutation ($input: BulkSetSystemLabelInput!) { bulkSetSystemLabels(input: $input) {
        success errors { __typename message } } }";

    fn input(id: Uuid, add: &[&str]) -> Value {
        json!({ "input": { "dialogId": id, "addLabels": add, "removeLabels": [] } })
    }

    #[tokio::test]
    async fn are_set_or_it_is_told_why_not() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let answer = ask(&person, SET, &input(id, &["ARCHIVE"])).await.expect(200);
        let payload = &answer.json()["data"]["setSystemLabel"];
        assert_eq!((&payload["success"], &payload["errors"]), (&json!(true), &json!([])));
        assert_eq!(payload["revision"], answer.etag().to_string());
        let context = person.opened(id).await["endUserContext"].clone();
        assert_eq!(context["systemLabels"], json!(["Archive"]));
        assert_eq!(context["revision"], answer.etag().to_string());

        let deleted = owner.created(&dialog()).await;
        owner.delete(deleted).await.expect(204);
        let stranger = service.person_with("13838599936", 3);
        for (client, id, labels, kind) in [
            (&person, service.id(), "BIN", "EntityNotFound"),
            (&stranger, id, "BIN", "Forbidden"),
            (&person, deleted, "BIN", "EntityDeleted"),
            (&stranger, deleted, "BIN", "Forbidden"),
            (&person, id, "SENT", "ValidationError"),
        ] {
            let payload = data(client, SET, &input(id, &[labels])).await["setSystemLabel"].clone();
            assert_eq!(payload["success"], false, "{kind}");
            assert_eq!(payload["errors"].as_array().map(Vec::len), Some(1), "{kind} {payload:#}");
            assert_eq!(payload["errors"][0]["__typename"], format!("SetSystemLabel{kind}"), "{payload:#}");
        }
    }

    #[tokio::test]
    async fn of_many_are_set_or_it_is_told_why_not() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let ids = [owner.created(&dialog()).await, owner.created(&dialog()).await];
        let bulk = |dialogs: Value, label: &str| json!({ "input": { "dialogs": dialogs, "addLabels": [label], "removeLabels": [] } });
        let both = json!([{ "dialogId": ids[0] }, { "dialogId": ids[1] }]);
        let payload = data(&person, BULK, &bulk(both, "BIN")).await["bulkSetSystemLabels"].clone();
        assert_eq!(payload, json!({ "success": true, "errors": [] }));
        let missing = service.id();
        for (dialogs, label, kind) in [
            (json!([{ "dialogId": ids[0] }, { "dialogId": missing }]), "ARCHIVE", "NotFound"),
            (json!([]), "ARCHIVE", "ValidationError"),
            (json!([{ "dialogId": ids[0] }]), "SENT", "ValidationError"),
            (
                json!([{ "dialogId": ids[0], "enduserContextRevision": missing }]),
                "ARCHIVE",
                "ConcurrencyError",
            ),
        ] {
            let payload = data(&person, BULK, &bulk(dialogs, label)).await["bulkSetSystemLabels"].clone();
            assert_eq!(payload["success"], false);
            assert_eq!(
                payload["errors"][0]["__typename"],
                format!("BulkSetSystemLabel{kind}"),
                "{payload:#}"
            );
        }
        for id in ids {
            assert_eq!(person.opened(id).await["endUserContext"]["systemLabels"], json!(["Bin"]));
        }
    }
}

mod surroundings {
    use super::*;

    #[tokio::test]
    async fn are_those_of_rest() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        owner.created(&dialog()).await;
        let query = "{ limits { endUserSearch { maxPartyFilterValues maxServiceResourceFilterValues
                maxOrgFilterValues maxExtendedStatusFilterValues }
              serviceOwnerSearch { maxPartyFilterValues maxServiceResourceFilterValues maxExtendedStatusFilterValues } }
            parties { party name partyType subParties { party } isCurrentEndUser }
            getParties { party }
            serviceResources { isFullCatalogueFallback items { serviceResource { id name { value languageCode } } } } }";
        let found = data(&person, query, &json!({})).await;
        assert_eq!(found["limits"], person.get("/api/v1/metadata/limits").await.expect(200).json());
        let parties = person.get("/api/v1/enduser/parties").await.expect(200).json();
        let names = |list: &Value| -> Vec<Value> {
            list.as_array().unwrap().iter().map(|party| party["party"].clone()).collect()
        };
        assert_eq!(names(&found["parties"]), names(&parties["authorizedParties"]));
        assert_eq!(names(&found["getParties"]), names(&found["parties"]));
        assert!(found["parties"].as_array().unwrap().iter().all(|party| party["subParties"].is_array()));
        let services = person.get("/api/v1/enduser/serviceresources").await.expect(200).json();
        let ids = |list: &Value| -> Vec<Value> {
            list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["serviceResource"]["id"].clone())
                .collect()
        };
        let of_graph = ids(&found["serviceResources"]);
        assert!(!of_graph.is_empty() && of_graph.iter().all(|id| ids(&services).contains(id)));

        for parties in ["[]", "[\"x\"]"] {
            let query = format!(
                "{{ serviceResources(parties: {parties}) {{ items {{ serviceResource {{ id }} }} }} }}"
            );
            let answer = ask(&person, &query, &json!({})).await;
            assert_eq!(refusal(&answer), (400, "BAD_REQUEST".to_owned()));
        }
    }

    #[tokio::test]
    async fn lookup_finds_or_tells_why_not() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let query = "query ($ref: String!) { dialogLookup(instanceRef: $ref) {
            lookup { dialogId party authorizationEvidence { viaRole evidence { grantType subject } } }
            errors { __typename message } } }";
        let look = async |client: &Client, reference: String| {
            data(client, query, &json!({ "ref": reference })).await["dialogLookup"].clone()
        };
        let found = look(&person, format!("urn:altinn:dialog-id:{id}")).await;
        assert_eq!(found["errors"], json!([]));
        assert_eq!(found["lookup"]["dialogId"], id.to_string());
        assert!(found["lookup"]["authorizationEvidence"]["evidence"][0]["subject"].is_string());
        let stranger = service.person_with("13838599936", 3);
        for (client, reference, kind) in [
            (&person, format!("urn:altinn:dialog-id:{}", service.id()), "NotFound"),
            (&stranger, format!("urn:altinn:dialog-id:{id}"), "Forbidden"),
            (&person, "urn:altinn:something".to_owned(), "ValidationError"),
        ] {
            let payload = look(client, reference).await;
            assert!(payload["lookup"].is_null());
            assert_eq!(payload["errors"][0]["__typename"], format!("DialogLookup{kind}"), "{payload:#}");
        }
    }
}

mod requests {
    use super::*;

    #[tokio::test]
    async fn need_a_token_that_opens_the_graph() {
        let service = Service::shared().await;
        let query = "{ limits { endUserSearch { maxOrgFilterValues } } }";
        let anonymous = service.anonymous();
        ask(&anonymous, query, &json!({})).await.assert_problem(401, &[]);
        ask(&anonymous.with_token("x.y.z"), query, &json!({})).await.assert_problem(401, &[]);
        ask(&anonymous, "{ __schema { queryType { name } } }", &json!({})).await.assert_problem(401, &[]);
        let owner = service.organization("ttd", "991825827", OWNER);
        let refused = ask(&owner, query, &json!({})).await;
        assert_eq!(refusal(&refused), (403, "AUTH_NOT_AUTHORIZED".to_owned()));
        assert!(refused.json()["data"].is_null());
        let legacy = ask(&owner, query, &json!({})).header("accept", "application/json").await;
        assert_eq!(refusal(&legacy), (200, "AUTH_NOT_AUTHORIZED".to_owned()));
        assert_eq!(legacy.header("content-type"), Some("application/json; charset=utf-8"));
    }

    #[tokio::test]
    async fn that_are_wrong_are_told_what_is_wrong() {
        let service = Service::shared().await;
        let person = service.person();
        let aliases = (0..16).map(|n| format!("a{n}: __typename")).collect::<Vec<_>>().join(" ");
        let nine = "limits { endUserSearch { maxOrgFilterValues } } ".repeat(11);
        let many = "maxOrgFilterValues ".repeat(2_001);
        let deep =
            "{ dialogById(dialogId: \"0194fe82-9280-77a5-a7cd-5ff0e6a6fa07\") { dialog { transmissions "
                .to_owned()
                + &"{ sender ".repeat(10)
                + "{ actorId "
                + &"}".repeat(14);
        let party = format!("party: [\"{PERSON}\"], limit: 1000");
        let heavy =
            format!("{{ searchDialogs(input: {{ {party} }}) {{ items {{ {} }} }} }}", "id ".repeat(300));
        for (query, code) in [
            ("", "BAD_REQUEST"),
            ("{", "BAD_REQUEST"),
            ("{ nothing }", "BAD_REQUEST"),
            ("query a { limits { __typename } } query b { __typename }", "BAD_REQUEST"),
            ("{ dialogById(dialogId: \"x\") { errors { message } } }", "BAD_REQUEST"),
            ("query ($id: UUID!) { dialogById(dialogId: $id) { errors { message } } }", "BAD_REQUEST"),
            ("{ ...a } fragment a on Queries { ...a }", "BAD_REQUEST"),
            ("subscription { dialogEvents(dialogId: \"x\") { id } }", "BAD_REQUEST"),
            (&format!("{{ {aliases} }}"), "COMPLEXITY_LIMIT"),
            (&format!("{{ {nine} }}"), "COMPLEXITY_LIMIT"),
            (&format!("{{ limits {{ endUserSearch {{ {many} }} }} }}"), "COMPLEXITY_LIMIT"),
            (&heavy, "COMPLEXITY_LIMIT"),
            (&deep, "DEPTH_LIMIT"),
            (&"{a".repeat(2_400), "DEPTH_LIMIT"),
            (&"{a".repeat(50), "BAD_REQUEST"),
        ] {
            let answer = ask(&person, query, &json!({})).await;
            assert_eq!(refusal(&answer), (400, code.to_owned()), "{query:.80} {}", answer.text());
            assert!(answer.json().get("data").is_none(), "{query:.80}");
            let legacy = ask(&person, query, &json!({})).header("accept", "application/json").await;
            assert_eq!(refusal(&legacy), (200, code.to_owned()), "{query:.80}");
        }
        // What is no request of GraphQL at all.
        let send = |body: &str| {
            person.call(Method::POST, "/graphql").content_type("application/json").body(body.to_owned())
        };
        for body in [
            "",
            "x",
            "null",
            "{}",
            "[]",
            "[{\"query\":\"{__typename}\"}]",
            "{\"query\":1}",
            "{\"query\":\"{a}\",\"variables\":[]}",
        ] {
            for accept in ["*/*", "application/json"] {
                let answer = send(body).header("accept", accept).await;
                assert_eq!(refusal(&answer), (400, "BAD_REQUEST".to_owned()), "{body}");
            }
        }
        let large = json!({ "query": "{ __typename }", "extensions": { "a": "a".repeat(1_000_000) } });
        assert_eq!(refusal(&send(&large.to_string()).await), (413, "BODY_LIMIT".to_owned()));
        let plain = person.call(Method::POST, "/graphql").content_type("text/plain").body("{ __typename }");
        assert_eq!(refusal(&plain.await), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
        // A text with a character that the database cannot hold.
        let zero =
            search(&person, &json!({ "party": [PERSON], "externalReference": "\0", "search": "a\0bc" }))
                .await;
        assert_eq!(zero["errors"], json!([]));
    }

    #[tokio::test]
    async fn come_with_get_too() {
        let service = Service::shared().await;
        let person = service.person();
        let get = |query: &str| {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
            person.get(&format!("/graphql?{query}"))
        };
        assert_eq!(
            get("{ __typename }").await.expect(200).json(),
            json!({ "data": { "__typename": "Queries" } })
        );
        let mutation = format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{}\", addLabels: [], removeLabels: [] }}) {{ success }} }}",
            Uuid::nil()
        );
        let mutation = get(&mutation).await;
        assert_eq!(refusal(&mutation), (405, "METHOD_NOT_ALLOWED".to_owned()));
        assert!(mutation.json().get("data").is_none(), "{}", mutation.text());
        assert_eq!(mutation.header("allow"), Some("POST"));
        assert_eq!(refusal(&person.get("/graphql").await), (400, "BAD_REQUEST".to_owned()));
        let schema = person.get("/graphql?sdl").await.expect(200);
        assert!(schema.text().contains("type Queries"), "{}", schema.text());
        service.anonymous().get("/graphql?sdl").await.assert_problem(401, &[]);
    }

    #[tokio::test]
    async fn learn_what_the_graph_is_unless_the_settings_say_otherwise() {
        let query = "{ __schema { queryType { name } } __typename }";
        let service = Service::shared().await;
        let told = data(&service.person(), query, &json!({})).await;
        assert_eq!(told["__schema"]["queryType"]["name"], "Queries");
        let silent = Service::with_settings(&["--graphql-introspection", "false"]).await;
        let answer = ask(&silent.person(), query, &json!({})).await;
        assert_eq!(refusal(&answer), (400, "BAD_REQUEST".to_owned()), "{}", answer.text());
    }

    #[tokio::test]
    async fn of_browsers_get_a_page_that_loads_nothing_from_elsewhere() {
        let service = Service::shared().await;
        let anonymous = service.anonymous();
        let page = anonymous.get("/graphql").header("accept", "text/html,*/*;q=0.8").await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let text = page.text();
        assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
        for (asset, media_type) in
            [("graphiql.js", "text/javascript; charset=utf-8"), ("graphiql.css", "text/css; charset=utf-8")]
        {
            assert!(text.contains(&format!("/graphql/assets/{asset}")));
            let answer = anonymous.get(&format!("/graphql/assets/{asset}")).await.expect(200);
            assert_eq!(answer.header("content-type"), Some(media_type));
            assert_eq!(answer.header("content-encoding"), Some("gzip"));
            assert_eq!(answer.body[..2], [0x1f, 0x8b], "gzip");
        }
        anonymous.get("/graphql/assets/other").await.assert_problem(404, &[]);
    }
}

mod costs {
    use super::*;

    async fn statements_of(client: &Client, query: &str, variables: &Value) -> Vec<String> {
        let (answer, statements) = statements::of(ask(client, query, variables)).await;
        let body = answer.expect(200).json();
        assert!(body.get("errors").is_none(), "{body:#}");
        statements
    }

    #[tokio::test]
    async fn one_statement_for_each_operation() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:process:{}", service.unique());
        let id = owner.created(&one_of_each().with("/process", process.as_str())).await;
        person.opened(id).await;
        let variables = json!({ "id": id, "ref": format!("urn:altinn:dialog-id:{id}") });
        for (query, count) in [
            ("query ($id: UUID!) { dialogById(dialogId: $id) { dialog { id transmissions { id } } } }", 1),
            ("query ($ref: String!) { dialogLookup(instanceRef: $ref) { lookup { dialogId } } }", 1),
            ("{ parties { party } }", 0),
            ("{ limits { endUserSearch { maxOrgFilterValues } } }", 0),
            ("{ serviceResources { items { serviceResource { id } } } }", 1),
            (
                "mutation ($id: UUID!) { setSystemLabel(input: { dialogId: $id, addLabels: [BIN], removeLabels: [] }) { success } }",
                2,
            ),
            (
                "mutation ($id: UUID!) { bulkSetSystemLabels(input: { dialogs: { dialogId: $id }, addLabels: [DEFAULT], removeLabels: [] }) { success } }",
                2,
            ),
            ("{ __typename }", 0),
        ] {
            let statements = statements_of(&person, query, &variables).await;
            assert_eq!(statements.len(), count, "{query} {statements:#?}");
        }
        let input = json!({ "input": { "party": [PERSON], "process": process } });
        let all = "query ($input: SearchDialogInput!) { searchDialogs(input: $input) { items { id party content { title { value { value } } }
            latestActivity { id } seenSinceLastUpdate { id } endUserContext { systemLabels } } } }";
        assert_eq!(statements_of(&person, all, &input).await.len(), 1);
    }

    #[tokio::test]
    async fn lists_read_what_is_asked_for() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:process:{}", service.unique());
        let id = owner.created(&one_of_each().with("/process", process.as_str())).await;
        person.opened(id).await;
        for order in [json!([{ "contentUpdatedAt": "DESC" }]), json!([{ "dueAt": "ASC" }])] {
            let variables = json!({ "input": { "party": [PERSON], "process": process, "orderBy": order } });
            let own = "id status updatedAt isContentSeen endUserContext { systemLabels }";
            let mut items: Vec<Value> = Vec::new();
            for (fields, tables) in [
                ("", vec![]),
                ("party content { title { value { value } } }", vec!["dialog_document"]),
                ("...more", vec!["dialog_document"]),
                ("latestActivity { id }", vec!["from activity"]),
                ("seenSinceLastContentUpdate { id }", vec!["seen_log"]),
            ] {
                let query = format!(
                    "query ($input: SearchDialogInput!) {{ searchDialogs(input: $input) {{ items {{ {own} {fields} }} }} }}
                    {}",
                    if fields == "...more" { "fragment more on SearchDialog { ... { serviceResource } }" } else { "" }
                );
                let statements = statements_of(&person, &query, &variables).await;
                let [statement] = &statements[..] else { panic!("{statements:#?}") };
                for table in ["dialog_document", "from activity", "seen_log"] {
                    assert_eq!(statement.contains(table), tables.contains(&table), "{fields}: {statement}");
                }
                let found = data(&person, &query, &variables).await;
                items.push(found["searchDialogs"]["items"][0].clone());
            }
            for item in &items {
                assert_eq!(item["id"], id.to_string());
                for field in ["status", "updatedAt", "isContentSeen", "endUserContext"] {
                    assert_eq!(item[field], items[0][field]);
                }
            }
            assert_eq!(
                (&items[1]["party"], &items[2]["serviceResource"]),
                (&json!(PERSON), &json!(RESOURCE))
            );
            assert!(
                items[3]["latestActivity"].is_object()
                    && items[4]["seenSinceLastContentUpdate"][0].is_object()
            );
        }
    }

    /// What cannot be read is not read: its rows have types that there are not.
    #[tokio::test]
    async fn details_read_what_is_asked_for() {
        // Of its own: lists of others would come upon these rows.
        let service = Service::alone().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&one_of_each()).await;
        for sql in [
            "update transmission set type = 99 where dialog_id = $1",
            "update activity set type = 99 where dialog_id = $1",
        ] {
            assert_eq!(service.database.execute(sql, id).await, 1);
        }
        let open = |fields: &str| {
            let query =
                format!("query ($id: UUID!) {{ dialogById(dialogId: $id) {{ dialog {{ {fields} }} }} }}");
            ask(&person, &query, &json!({ "id": id }))
        };
        let read = open(
            "id content { title { mediaType } } attachments { id } guiActions { id } seenSinceLastUpdate { id } dialogToken",
        );
        assert_eq!(read.await.expect(200).json()["data"]["dialogById"]["dialog"]["id"], id.to_string());
        for fields in ["transmissions { id }", "activities { id }"] {
            let answer = open(fields).await;
            assert_eq!(refusal(&answer), (500, "INTERNAL".to_owned()), "{fields}");
            assert!(!answer.text().contains("type of"), "nothing internal: {}", answer.text());
        }
    }
}

mod equality {
    use super::*;

    /// The types of the graph: fields by type, with the name of the type that they lead to.
    async fn types(client: &Client) -> BTreeMap<String, BTreeMap<String, (String, bool)>> {
        let query = "{ __schema { types { name kind fields { name type { kind name ofType { kind name ofType { kind name
            ofType { kind name } } } } } } } }";
        let found = data(client, query, &json!({})).await;
        let mut types = BTreeMap::new();
        for kind in found["__schema"]["types"].as_array().unwrap() {
            let mut fields = BTreeMap::new();
            for field in kind["fields"].as_array().into_iter().flatten() {
                let mut at = &field["type"];
                while at["ofType"].is_object() {
                    at = &at["ofType"];
                }
                let is_leaf = at["kind"] == "SCALAR" || at["kind"] == "ENUM";
                let name = field["name"].as_str().unwrap().to_owned();
                fields.insert(name, (at["name"].as_str().unwrap().to_owned(), is_leaf));
            }
            types.insert(kind["name"].as_str().unwrap().to_owned(), fields);
        }
        types
    }

    /// All fields of a type, and of what they lead to.
    fn all(types: &BTreeMap<String, BTreeMap<String, (String, bool)>>, name: &str) -> String {
        let fields = types[name].iter().map(|(field, (kind, is_leaf))| {
            if *is_leaf { field.clone() } else { format!("{field} {{ {} }}", all(types, kind)) }
        });
        fields.collect::<Vec<_>>().join(" ")
    }

    /// What REST says in the words of the graph: what is not there is null, or an empty list.
    fn compare(path: &str, graph: &Value, rest: &Value) {
        const ONLY_REST: [&str; 1] = ["systemLabel"];
        match (graph, rest) {
            (Value::Object(graph), Value::Object(rest)) => {
                for (name, value) in graph {
                    if name == "dialogToken" {
                        assert!(value.is_string() && rest[name].is_string(), "{path}.{name}");
                        continue;
                    }
                    compare(&format!("{path}.{name}"), value, rest.get(name).unwrap_or(&Value::Null));
                }
                for name in rest.keys().filter(|name| !ONLY_REST.contains(&name.as_str())) {
                    assert!(graph.contains_key(name), "{path}: the graph lacks {name}");
                }
            }
            (Value::Array(graph), Value::Array(rest)) => {
                assert_eq!(graph.len(), rest.len(), "{path}");
                for (index, (one, other)) in graph.iter().zip(rest).enumerate() {
                    compare(&format!("{path}[{index}]"), one, other);
                }
            }
            (Value::Array(graph), Value::Null) => assert!(graph.is_empty(), "{path}"),
            (Value::String(one), Value::String(other)) if one != other => {
                let letters = |text: &str| text.replace('_', "").to_lowercase();
                let is_name = one.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
                assert!(is_name && letters(one) == letters(other), "{path}: {one} is not {other}");
            }
            (one, other) => assert_eq!(one, other, "{path}"),
        }
    }

    /// Dialogs of one process that differ in what searches ask for.
    async fn dialogs(service: &Service, process: &str) -> Vec<Uuid> {
        let owner = service.owner();
        let mut ids = Vec::new();
        let mut due = 0;
        for (index, status) in
            ["InProgress", "Draft", "Awaiting", "RequiresAttention", "Completed", "NotApplicable"]
                .iter()
                .enumerate()
        {
            due += 60;
            let full = one_of_each().with("/process", process).with("/status", *status);
            let full =
                full.with("/progress", index * 10).with("/externalReference", format!("r{}", index % 2));
            ids.push(owner.created(&full.with("/dueAt", service.in_seconds(86_400 + due))).await);
            let bare = dialog().with("/process", process).with("/extendedStatus", format!("s{}", index % 3));
            let bare = bare.with("/serviceResource", if index % 2 == 0 { RESOURCE_2 } else { DEMO_NOTICE });
            let bare = bare.with("/isApiOnly", index % 3 == 0).with("/content/summary", texts("Om havna"));
            ids.push(owner.created(&bare).await);
        }
        ids
    }

    #[tokio::test]
    async fn of_details() {
        let service = Service::shared().await;
        let process = format!("urn:process:{}", service.unique());
        let ids = dialogs(service, &process).await;
        let person = service.person();
        let fields = all(&types(&person).await, "Dialog");
        let query = format!(
            "query ($id: UUID!) {{ dialogById(dialogId: $id) {{ dialog {{ {fields} }} errors {{ message }} }} }}"
        );
        for (client, language) in [
            (service.person(), None),
            (service.person_with(PERSON_NUMBER, 4), Some("en")),
            (service.person_with("13838599936", 3), None),
        ] {
            for id in &ids {
                let with_language = |call: Call| match language {
                    Some(language) => call.header("accept-language", language),
                    None => call,
                };
                let rest = with_language(client.open(*id)).await;
                let graph =
                    with_language(ask(&client, &query, &json!({ "id": id }))).await.expect(200).json();
                let payload = &graph["data"]["dialogById"];
                if rest.status == 200 {
                    assert_eq!(payload["errors"], json!([]));
                    compare("dialog", &payload["dialog"], &rest.json());
                } else {
                    assert!(payload["dialog"].is_null() && payload["errors"][0].is_object(), "{payload:#}");
                }
            }
        }
    }

    /// One of these, by chance.
    fn pick<'a, T>(chance: &mut u128, of: &'a [T]) -> &'a T {
        let index = usize::try_from(*chance % of.len() as u128).expect("an index");
        *chance /= of.len() as u128;
        &of[index]
    }

    #[tokio::test]
    async fn of_random_searches() {
        let service = Service::shared().await;
        let process = format!("urn:process:{}", service.unique());
        let ids = dialogs(service, &process).await;
        let person = service.person();
        person.opened(ids[0]).await;
        person.opened(ids[5]).await;
        let fields = all(&types(&person).await, "SearchDialog");
        let query = format!(
            "query ($input: SearchDialogInput!) {{ searchDialogs(input: $input) {{ items {{ {fields} }} hasNextPage
                continuationToken errors {{ __typename }} }} }}"
        );
        let middle = service.in_seconds(0);
        let mut found = 0;
        for _ in 0..60 {
            let mut chance =
                u128::from_str_radix(&service.unique().replace('-', ""), 16).expect("a number") >> 3;
            // Name, value through REST, value through the graph.
            let mut wanted: Vec<(&str, String, Value)> = vec![("process", process.clone(), json!(process))];
            wanted.push(("party", PERSON.to_owned(), json!([PERSON])));
            let choices: [&[(&str, &str, Value)]; 7] = [
                &[
                    ("status", "Draft", json!(["DRAFT"])),
                    ("status", "NotApplicable", json!(["NOT_APPLICABLE"])),
                ],
                &[
                    ("serviceResource", RESOURCE, json!([RESOURCE])),
                    ("serviceResource", RESOURCE_2, json!([RESOURCE_2])),
                    ("serviceResource", "x", json!(["x"])),
                ],
                &[("extendedStatus", "s1", json!(["s1"])), ("externalReference", "r1", json!("r1"))],
                &[("excludeApiOnly", "true", json!(true)), ("isContentSeen", "true", json!(true))],
                &[("systemLabel", "Default", json!(["DEFAULT"])), ("systemLabel", "Bin", json!(["BIN"]))],
                &[
                    ("search", "havna", json!("havna")),
                    ("search", "søknad", json!("søknad")),
                    ("search", "x", json!("x")),
                ],
                &[
                    ("createdAfter", &middle, json!(middle)),
                    ("dueAfter", &middle, json!(middle)),
                    ("org", "ttd", json!(["ttd"])),
                ],
            ];
            for choice in choices {
                if *pick(&mut chance, &[true, false, false, false]) {
                    let (name, rest, graph) = pick(&mut chance, choice);
                    wanted.push((name, (*rest).to_owned(), graph.clone()));
                }
            }
            let limit = *pick(&mut chance, &[1, 3, 5, 100, 0]);
            wanted.push(("limit", limit.to_string(), json!(limit)));
            let (rest_order, graph_order) = pick(
                &mut chance,
                &[
                    ("contentupdatedat_desc", json!([{ "contentUpdatedAt": "DESC" }])),
                    ("createdat_asc", json!([{ "createdAt": "ASC" }])),
                    ("dueat_asc,updatedat_desc", json!([{ "dueAt": "ASC" }, { "updatedAt": "DESC" }])),
                ],
            )
            .clone();
            wanted.push(("orderBy", rest_order.to_owned(), graph_order));
            let mut token: Option<String> = None;
            loop {
                let mut pairs: Vec<(&str, &str)> =
                    wanted.iter().map(|(name, rest, _)| (*name, rest.as_str())).collect();
                let mut input: serde_json::Map<String, Value> =
                    wanted.iter().map(|(name, _, graph)| ((*name).to_owned(), graph.clone())).collect();
                if let Some(token) = &token {
                    pairs.push(("continuationToken", token));
                    input.insert("continuationToken".to_owned(), json!(token));
                }
                let rest = person.list(&pairs).await;
                let graph = data(&person, &query, &json!({ "input": input })).await["searchDialogs"].clone();
                if rest.status == 400 {
                    assert!(
                        graph["items"].is_null() && graph["errors"][0].is_object(),
                        "{pairs:?} {graph:#}"
                    );
                    break;
                }
                let rest = rest.expect(200).json();
                assert_eq!(graph["errors"], json!([]), "{pairs:?}");
                compare("items", &graph["items"], &rest["items"]);
                assert_eq!(graph["hasNextPage"], rest["hasNextPage"], "{pairs:?}");
                assert_eq!(
                    graph["continuationToken"].as_str(),
                    rest["continuationToken"].as_str(),
                    "{pairs:?}"
                );
                found += rest["items"].as_array().map_or(0, Vec::len);
                if rest["hasNextPage"] == false {
                    break;
                }
                token = rest["continuationToken"].as_str().map(str::to_owned);
            }
        }
        assert!(found > 60, "the searches found only {found}");
    }
}
