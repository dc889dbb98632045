//! Errors of the graph: each of the types, and each code with its status.

use std::time::Duration;

use dialogporten::sandbox::token_generator::TokenKind;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use uuid::Uuid;

use crate::harness::*;

const SET: &str = "mutation ($input: SetSystemLabelInput!) { payload: setSystemLabel(input: $input) {
    success revision errors { __typename message } } }";
const BULK: &str =
    "mutation ($input: BulkSetSystemLabelInput!) { payload: bulkSetSystemLabels(input: $input) {
    success errors { __typename message } } }";

fn ask(client: &Client, query: &str, variables: &Value) -> Call {
    client.call(Method::POST, "/graphql").json(&json!({ "query": query, "variables": variables }))
}

/// The only error of a payload, which has nothing else.
fn only_error(answer: Answer) -> String {
    let body = answer.expect(200).json();
    assert!(body.get("errors").is_none(), "{body:#}");
    let payload = &body["data"]["payload"];
    assert!(payload["success"] == false || payload["items"].is_null(), "{payload:#}");
    let [error] = &payload["errors"].as_array().expect("errors")[..] else { panic!("{payload:#}") };
    assert!(error["message"].as_str().is_some_and(|text| text.ends_with('.')), "{payload:#}");
    error["__typename"].as_str().expect("a type").to_owned()
}

/// Archives one dialog, or some.
fn archive_one(client: &Client, id: Uuid) -> Call {
    ask(client, SET, &json!({ "input": { "dialogId": id, "addLabels": ["ARCHIVE"], "removeLabels": [] } }))
}

fn archive(client: &Client, ids: &[Uuid]) -> Call {
    let dialogs: Value = ids.iter().map(|id| json!({ "dialogId": id })).collect();
    let input = json!({ "dialogs": dialogs, "addLabels": ["ARCHIVE"], "removeLabels": [] });
    ask(client, BULK, &json!({ "input": input }))
}

async fn labels(service: &Service, id: Uuid) -> Value {
    service.owner().dialog(id).await["endUserContext"]["systemLabels"].clone()
}

/// Has all who read or write dialogs wait until the end of the transaction, or of the connection.
async fn lock_dialogs(connection: &mut PgConnection) {
    connection.execute("begin").await.unwrap();
    connection.execute("lock table dialog in access exclusive mode").await.unwrap();
}

/// Waits until so many wait for dialogs.
async fn until_waiting(service: &Service, count: i64) {
    let sql = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and l.relation = 'dialog'::regclass and not l.granted";
    while service.database.rows::<i64>(sql).await[0] < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The answer to a request during which somebody else is faster, however often it is tried: between any
/// two statements of the service the end-user contexts of all dialogs change.
async fn outrun(service: &Service, call: Call) -> Answer {
    let mut holder = service.database.connection().await;
    lock_dialogs(&mut holder).await;
    let answer = call.into_future();
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            () = until_waiting(service, 1) => {}
        }
        // Whoever waits gets its turn in the order of asking: after the service, the next change.
        let mut next = service.database.connection().await;
        let next = tokio::spawn(async move {
            lock_dialogs(&mut next).await;
            next
        });
        until_waiting(service, 2).await;
        holder.execute("update dialog set end_user_context_revision = gen_random_uuid()").await.unwrap();
        holder.execute("commit").await.unwrap();
        holder.close().await.unwrap();
        holder = next.await.unwrap();
    }
}

mod labels_are_not_set {
    use super::*;

    #[tokio::test]
    async fn where_others_are_always_faster() {
        let service = Service::alone().await;
        let (owner, person) = (service.owner(), service.person());
        let ids = [owner.created(&dialog()).await, owner.created(&dialog()).await];
        let one = outrun(&service, archive_one(&person, ids[0])).await;
        assert_eq!(only_error(one), "SetSystemLabelConflictError");
        let both = outrun(&service, archive(&person, &ids)).await;
        assert_eq!(only_error(both), "BulkSetSystemLabelConflictError");
        for id in ids {
            assert_eq!(labels(&service, id).await, json!(["Default"]));
        }
        // When nobody is, it works.
        archive(&person, &ids).await.expect(200);
        assert_eq!(labels(&service, ids[0]).await, json!(["Archive"]));
    }

    #[tokio::test]
    async fn where_the_database_lets_others_win() {
        let service = Service::alone().await;
        let person = service.person();
        let id = service.owner().created(&dialog()).await;
        for sql in [
            "create function lose() returns trigger language plpgsql as $$
                begin raise exception using errcode = 'deadlock_detected'; end $$",
            "create trigger lose before update on dialog for each row execute function lose()",
        ] {
            service.database.configure(sql).await;
        }
        assert_eq!(only_error(archive_one(&person, id).await), "SetSystemLabelConflictError");
        assert_eq!(only_error(archive(&person, &[id]).await), "BulkSetSystemLabelConflictError");
    }

    #[tokio::test]
    async fn of_a_dialog_in_another_state_than_expected() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let revision = owner.dialog(id).await["endUserContext"]["revision"].clone();
        let set = |label: &str, revision: &Value| {
            let input = json!({
                "dialogId": id, "addLabels": [label], "removeLabels": [], "enduserContextRevision": revision,
            });
            ask(&person, SET, &json!({ "input": input }))
        };
        let other = json!(service.id());
        assert_eq!(only_error(set("BIN", &other).await), "SetSystemLabelConcurrencyError");
        assert_eq!(labels(service, id).await, json!(["Default"]));
        let done = set("BIN", &revision).await.expect(200).json()["data"]["payload"].clone();
        assert_eq!(done["success"], true, "{done:#}");
        // The answer has the one to expect next.
        assert_eq!(only_error(set("ARCHIVE", &revision).await), "SetSystemLabelConcurrencyError");
        let next = set("ARCHIVE", &done["revision"]).await.expect(200).json();
        assert_eq!(next["data"]["payload"]["success"], true, "{next:#}");
        assert_eq!(set("BIN", &Value::Null).await.json()["data"]["payload"]["success"], true);
    }

    #[tokio::test]
    async fn by_somebody_who_has_no_name() {
        let sandbox = Service::alone().await;
        let service = sandbox.production(&sandbox.another_database().await).await;
        let person = service.person();
        let id = service.owner().created(&dialog()).await;
        // The register leaves the person out.
        sandbox.fault(&json!({ "path": "/register/", "fewer": true })).await;
        assert_eq!(only_error(archive_one(&person, id).await), "SetSystemLabelDomainError");
        assert_eq!(only_error(archive(&person, &[id]).await), "BulkSetSystemLabelDomainError");
        assert_eq!(labels(&service, id).await, json!(["Default"]));
    }

    #[tokio::test]
    async fn of_more_dialogs_than_one_request_may_name() {
        let service = Service::shared().await;
        let person = service.person();
        let mut ids: Vec<Uuid> = (0..100).map(|_| service.id()).collect();
        // So many are looked for.
        assert_eq!(only_error(archive(&person, &ids).await), "BulkSetSystemLabelNotFound");
        ids.push(service.id());
        assert_eq!(only_error(archive(&person, &ids).await), "BulkSetSystemLabelValidationError");
        let twice = [ids[0], ids[0]];
        assert_eq!(only_error(archive(&person, &twice).await), "BulkSetSystemLabelValidationError");
    }
}

/// Status, code and `data` of an answer that is an error.
fn refusal(answer: &Answer) -> (u16, String, Option<Value>) {
    let body = answer.json();
    let [error] = &body["errors"].as_array().expect("errors")[..] else { panic!("{body:#}") };
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{body:#}");
    assert!(error["extensions"]["traceId"].is_string(), "{body:#}");
    let code = error["extensions"]["code"].as_str().expect("a code").to_owned();
    (answer.status.as_u16(), code, body.get("data").cloned())
}

/// Asks in both forms: with the newer one the status tells how it went, with the older it is 200.
async fn assert_refused(client: &Client, query: &str, variables: &Value, status: u16, code: &str) {
    let answer = ask(client, query, variables).await;
    assert_eq!(refusal(&answer), (status, code.to_owned(), Some(Value::Null)), "{query}");
    let older = ask(client, query, variables).header("accept", "application/json").await;
    assert_eq!(refusal(&older), (200, code.to_owned(), Some(Value::Null)), "{query}");
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let service = Service::alone_with(&["--database-statement-timeout", "1"]).await;
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog()).await;
    let mut connection = service.database.connection().await;
    lock_dialogs(&mut connection).await;

    let search = "query ($input: SearchDialogInput!) { payload: searchDialogs(input: $input) { items { id } hasNextPage
        continuationToken orderBy { createdAt } errors { __typename message } } }";
    let input = json!({ "input": { "party": [PERSON] } });
    let answer = ask(&person, search, &input).await.expect(200);
    let payload = &answer.json()["data"]["payload"];
    assert_eq!(payload["hasNextPage"], false);
    assert_eq!(payload["orderBy"], json!([]));
    assert_eq!(only_error(answer), "SearchDialogDomainError");
    let of_rest = person.list(&[("party", PERSON)]).await;
    of_rest.assert_problem(422, &[("Search", "too long")]);
    owner.owned(&[("party", PERSON)]).await.assert_problem(422, &[("Search", "too long")]);

    // What asks for no more than it must is not to blame.
    let open = "query ($id: UUID!) { dialogById(dialogId: $id) { errors { message } } }";
    assert_refused(&person, open, &json!({ "id": id }), 503, "RATE_LIMITED").await;
    let answer = ask(&person, open, &json!({ "id": id })).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    person.open(id).await.assert_problem_document(503);

    connection.execute("rollback").await.unwrap();
    let found = ask(&person, search, &input).await.expect(200).json();
    assert_eq!(found["data"]["payload"]["items"], json!([{ "id": id }]));
}

#[tokio::test]
async fn a_statement_may_take_as_long_as_the_settings_say() {
    let database = Database::new().await;
    for (seconds, shown) in [(0, "0"), (1, "1s"), (600, "10min")] {
        let store = database.store().with_statement_timeout(seconds).with_own_connections(1);
        let shown_there = sqlx::query_scalar("show statement_timeout");
        let timeout: String = shown_there.fetch_one(store.pool()).await.unwrap();
        assert_eq!(timeout, shown);
        store.close().await;
    }
}

#[tokio::test]
async fn what_the_platform_does_not_tell_is_its_fault() {
    let sandbox = Service::alone().await;
    let service = sandbox.production(&sandbox.another_database().await).await;
    sandbox.fault(&json!({ "path": "/accessmanagement/", "status": 500 })).await;
    let person = service.person();
    let search = "{ searchDialogs(input: { org: \"ttd\", party: \"urn:altinn:person:identifier-no:08844397713\" }) { hasNextPage } }";
    // Nothing is told of a request of which something failed: no field of the root may be null.
    let both = "{ limits { endUserSearch { maxOrgFilterValues } } parties { party } }";
    let unavailable = |status: u16| (status, "UPSTREAM_UNAVAILABLE".to_owned(), Some(Value::Null));
    for query in ["{ parties { party } }", "{ serviceResources { isFullCatalogueFallback } }", search, both] {
        let answer = ask(&person, query, &json!({})).await;
        assert_eq!(refusal(&answer), unavailable(502), "{query}");
        assert_eq!(answer.header("retry-after"), None);
    }
    let older = ask(&person, both, &json!({})).header("accept", "application/json").await;
    assert_eq!(refusal(&older), unavailable(200));
    // After five failures it is not asked: there is no answer at all, and there may be one later.
    let answer = ask(&person, search, &json!({})).await;
    assert_eq!(refusal(&answer), unavailable(503));
    assert_eq!(answer.header("retry-after"), Some("1"));
    person.list(&[("party", PERSON)]).await.assert_problem_document(503);
}

#[tokio::test]
async fn who_may_not_ask_is_told_why() {
    let service = Service::shared().await;
    let query = "{ limits { endUserSearch { maxOrgFilterValues } } }";
    let set = "mutation { setSystemLabel(input: { dialogId: \"0194fe82-9280-77a5-a7cd-5ff0e6a6fa07\", addLabels: [],
        removeLabels: [] }) { success } }";
    let no_scope = service
        .with_token(&service.token(TokenKind::Personal, &[("pid", PERSON_NUMBER), ("scopes", "openid")]));
    let nobody = service.organization("ttd", "991825827", "digdir:dialogporten");
    for query in [query, set] {
        assert_refused(&no_scope, query, &json!({}), 403, "AUTH_NOT_AUTHORIZED").await;
        assert_refused(&nobody, query, &json!({}), 403, "AUTH_USER_TYPE_UNKNOWN").await;
    }
    // A dialog token is none for queries.
    let person = service.person();
    let id = service.owner().created(&dialog()).await;
    let token = person.opened(id).await["dialogToken"].as_str().unwrap().to_owned();
    assert_refused(&service.with_token(&token), query, &json!({}), 403, "AUTH_NOT_AUTHORIZED").await;
    for accept in ["application/json", "application/graphql-response+json"] {
        let answer = ask(&service.anonymous(), query, &json!({})).header("accept", accept).await;
        answer.assert_problem(401, &[]);
    }
}

#[tokio::test]
async fn maintenance_is_told_before_anything_else() {
    let service = Service::with_settings(&["--maintenance"]).await;
    for client in [service.person(), service.anonymous()] {
        for accept in ["application/json", "application/graphql-response+json"] {
            let answer =
                ask(&client, "{ __typename }", &json!({})).header("accept", accept).await.expect(503);
            assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
        }
    }
}
