//! What requests of the graph cost the database: statements, and what these read.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::statements;
use crate::harness::*;

/// Transmissions of the long dialog, and as many activities.
const MANY: usize = 20_000;

fn ask(client: &Client, query: &str, variables: &Value) -> Call {
    let body = json!({ "query": query, "variables": variables });
    client.call(Method::POST, "/graphql").json(&body)
}

#[track_caller]
fn data(answer: Answer) -> Value {
    let body = answer.expect(200).json();
    assert!(body.get("errors").is_none(), "{body:#}");
    body["data"].clone()
}

/// The fields of an object of the graph, with their types.
type Fields = BTreeMap<String, Field>;

struct Field {
    /// The type that it leads to.
    of: String,
    is_leaf: bool,
}

/// The objects of the graph.
async fn objects(client: &Client) -> BTreeMap<String, Fields> {
    let query =
        "{ __schema { types { name fields(includeDeprecated: true) { name type { kind name ofType { kind name ofType { kind name
        ofType { kind name } } } } } } } }";
    let found = data(ask(client, query, &json!({})).await);
    let object = |kind: &Value| {
        let fields = kind["fields"].as_array().into_iter().flatten().map(|field| {
            let mut at = &field["type"];
            while at["ofType"].is_object() {
                at = &at["ofType"];
            }
            let (of, is_leaf) =
                (at["name"].as_str().unwrap(), at["kind"] == "SCALAR" || at["kind"] == "ENUM");
            (field["name"].as_str().unwrap().to_owned(), Field { of: of.to_owned(), is_leaf })
        });
        (kind["name"].as_str().unwrap().to_owned(), fields.collect())
    };
    found["__schema"]["types"].as_array().unwrap().iter().map(object).collect()
}

/// A field with all fields below it, nested at most so deep.
fn whole(objects: &BTreeMap<String, Fields>, name: &str, field: &Field, depth: usize) -> String {
    if field.is_leaf { name.to_owned() } else { format!("{name} {{ {} }}", all(objects, &field.of, depth)) }
}

fn all(objects: &BTreeMap<String, Fields>, of: &str, depth: usize) -> String {
    let fields = objects[of].iter().filter(|(_, field)| field.is_leaf || depth > 0);
    let fields = fields.map(|(name, field)| whole(objects, name, field, depth.saturating_sub(1)));
    fields.chain(["__typename".to_owned()]).collect::<Vec<_>>().join(" ")
}

mod statements_of {
    use super::*;

    /// A root field with arguments, and how many statements it costs at first and when asked again.
    struct Operation {
        field: &'static str,
        arguments: &'static str,
        first: usize,
        again: usize,
    }

    const fn operation(
        field: &'static str,
        arguments: &'static str,
        first: usize,
        again: usize,
    ) -> Operation {
        Operation { field, arguments, first, again }
    }

    const QUERIES: &[Operation] = &[
        // Opened for the first time it is recorded.
        operation("dialogById", "(dialogId: $id)", 2, 1),
        operation("searchDialogs", "(input: { party: $party, process: $process })", 1, 1),
        operation("dialogCounts", "(input: { party: $party, process: $process })", 1, 1),
        operation("dialogLookup", "(instanceRef: $ref)", 1, 1),
        operation("parties", "", 0, 0),
        operation("getParties", "", 0, 0),
        operation("serviceResources", "", 1, 1),
        operation("limits", "", 0, 0),
    ];

    const MUTATIONS: &[Operation] = &[
        // One that changes nothing is not written; of several that is found out while writing.
        operation("setSystemLabel", "(input: { dialogId: $id, addLabels: [BIN], removeLabels: [] })", 2, 1),
        operation(
            "bulkSetSystemLabels",
            "(input: { dialogs: $dialogs, addLabels: [ARCHIVE], removeLabels: [] })",
            2,
            2,
        ),
    ];

    /// Queries, or mutations.
    fn document(kind: &str, fields: &[String]) -> String {
        let aliased = fields.iter().enumerate().map(|(number, field)| format!("f{number}: {field}"));
        let fields = aliased.collect::<Vec<_>>().join(" ");
        let all = [
            ("id", "UUID!"),
            ("party", "[String!]"),
            ("process", "String"),
            ("ref", "String!"),
            ("dialogs", "[DialogRevisionInput!]!"),
        ];
        let used = all.iter().filter(|(name, _)| fields.contains(&format!("${name}")));
        let used: Vec<String> = used.map(|(name, kind)| format!("${name}: {kind}")).collect();
        let variables = if used.is_empty() { String::new() } else { format!("({})", used.join(", ")) };
        format!("{kind}{variables} {{ {fields} }}")
    }

    /// Dialogs of one process, with as many transmissions and activities each.
    async fn dialogs(service: &Service, count: usize, parts: usize) -> Value {
        let process = format!("urn:process:{}", service.unique());
        let one = one_of_each().with("/process", process.as_str());
        let many = |list: &str| vec![one[list][0].clone(); parts];
        let one =
            one.clone().with("/transmissions", many("transmissions")).with("/activities", many("activities"));
        let mut ids: Vec<Uuid> = Vec::new();
        for _ in 0..count {
            ids.push(service.owner().created(&one).await);
        }
        let dialogs: Vec<Value> = ids.iter().map(|id| json!({ "dialogId": id })).collect();
        json!({
            "id": ids[0],
            "party": [PERSON],
            "process": process,
            "ref": format!("urn:altinn:dialog-id:{}", ids[0]),
            "dialogs": dialogs,
        })
    }

    async fn count(client: &Client, document: &str, variables: &Value) -> usize {
        let (answer, statements) = statements::of(ask(client, document, variables)).await;
        let data = data(answer);
        for payload in data.as_object().unwrap().values() {
            let errors = payload.get("errors").and_then(Value::as_array).map_or(0, Vec::len);
            assert_eq!(errors, 0, "{document}: {data:#}");
        }
        statements.len()
    }

    /// Whatever is selected, and however much there is: each root field costs the same.
    #[tokio::test]
    async fn each_operation_are_few_and_always_as_many() {
        let service = Service::shared().await;
        let person = service.person();
        let objects = objects(&person).await;
        for (kind, root, operations) in [("query", "Queries", QUERIES), ("mutation", "Mutations", MUTATIONS)]
        {
            let named: BTreeSet<&str> = operations.iter().map(|operation| operation.field).collect();
            let there: BTreeSet<&str> = objects[root].keys().map(String::as_str).collect();
            assert_eq!(named, there, "every field of the roots has its costs here");
            for Operation { field, arguments, first, again } in operations {
                let called = format!("{field}{arguments}");
                let little = format!("{called} {{ __typename }}");
                let much = whole(&objects, &called, &objects[root][*field], 9);
                for (count_of, parts, selected) in
                    [(1, 1, &little), (1, 1, &much), (5, 1, &much), (5, 7, &much)]
                {
                    let variables = dialogs(service, count_of, parts).await;
                    let alone = document(kind, std::slice::from_ref(selected));
                    let what = format!("{count_of} dialogs, {parts} parts each: {alone}");
                    assert_eq!(count(&person, &alone, &variables).await, *first, "{what}");
                    assert_eq!(count(&person, &alone, &variables).await, *again, "again {what}");
                    let three = document(kind, &vec![selected.clone(); 3]);
                    assert_eq!(count(&person, &three, &variables).await, 3 * again, "three times {what}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_refused_or_found_nothing_are_no_more() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let (id, unknown) = (owner.created(&dialog()).await, service.id());
        let foreign = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
        let party = |party: &str| {
            format!("{{ searchDialogs(input: {{ party: \"{party}\" }}) {{ items {{ id }} }} }}")
        };
        let open = |id: Uuid| format!("{{ dialogById(dialogId: \"{id}\") {{ dialog {{ id }} }} }}");
        for (query, expected) in [
            (open(unknown), 1),
            (open(foreign), 1),
            (party("x"), 0),
            (party(OTHER_PERSON), 0),
            ("{ dialogLookup(instanceRef: \"x\") { errors { message } } }".to_owned(), 0),
            (
                format!(
                    "{{ dialogLookup(instanceRef: \"urn:altinn:dialog-id:{unknown}\") {{ errors {{ message }} }} }}"
                ),
                1,
            ),
            (format!("{{ dialogById(dialogId: \"{id}\") {{ dialog {{ other }} }} }}"), 0),
            ("{ dialogById(dialogId: \"x\") { dialog { id } } }".to_owned(), 0),
        ] {
            let (_, statements) = statements::of(ask(&person, &query, &json!({}))).await;
            assert_eq!(statements.len(), expected, "{query}: {statements:#?}");
        }
    }
}

/// What statements have read.
#[derive(Debug, Default)]
struct Reads {
    tables: BTreeSet<String>,
    /// Pages of tables and indexes, whether they were in memory or not.
    buffers: u64,
    /// Rows that were sent.
    rows: f64,
    /// How many bytes the database expects to send.
    bytes: f64,
}

impl Reads {
    fn of(plans: &[Value]) -> Self {
        let mut reads = Self::default();
        for plan in plans {
            let plan = &plan["Plan"];
            reads.buffers += ["Hit", "Read"]
                .map(|how| plan[format!("Shared {how} Blocks")].as_u64().expect("buffers"))
                .iter()
                .sum::<u64>();
            let rows = plan["Actual Rows"].as_f64().expect("rows");
            reads.rows += rows;
            reads.bytes += rows * plan["Plan Width"].as_f64().expect("a width");
            reads.add(plan);
        }
        reads
    }

    fn add(&mut self, node: &Value) {
        // What was planned and not needed is not carried out.
        if node["Actual Loops"].as_f64().expect("loops") == 0.0 {
            return;
        }
        self.tables.extend(node["Relation Name"].as_str().map(str::to_owned));
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.add(child);
        }
    }
}

fn named(tables: &[&str]) -> BTreeSet<String> {
    tables.iter().map(|table| (*table).to_owned()).collect()
}

/// A service on a database of its own that explains what it does.
async fn explaining() -> Service {
    let database = Database::new().await;
    database.configure(statements::EXPLAIN).await;
    Service::on(&database).await
}

async fn reads(client: &Client, query: &str, variables: &Value) -> Reads {
    let (answer, plans) = statements::plans_of(ask(client, query, variables)).await;
    data(answer);
    assert!(!plans.is_empty(), "no plan of {query}");
    Reads::of(&plans)
}

mod reads_of {
    use super::*;

    const DIALOGS: u64 = 30;

    #[tokio::test]
    async fn lists_are_what_is_asked_for() {
        let service = explaining().await;
        let (owner, person) = (service.owner(), service.person());
        let objects = objects(&person).await;
        for _ in 0..DIALOGS {
            person.opened(owner.created(&one_of_each()).await).await;
        }
        service.database.configure("vacuum analyze").await;
        let own =
            "id status updatedAt hasUnopenedContent isContentSeen endUserContext { systemLabels revision }";
        for order in [json!([{ "contentUpdatedAt": "DESC" }]), json!([{ "dueAt": "ASC" }])] {
            let variables = json!({ "input": { "party": [PERSON], "orderBy": order } });
            let list = async |fields: &str| {
                let query = format!(
                    "query ($input: SearchDialogInput!) {{ searchDialogs(input: $input) {{ items {{ {fields} }} }} }}"
                );
                reads(&person, &query, &variables).await
            };
            let ids = list(own).await;
            assert_eq!(ids.tables, named(&["dialog"]), "{own}");
            for (name, field) in &objects["SearchDialog"] {
                let others = match name.as_str() {
                    "party"
                    | "serviceResource"
                    | "serviceResourceType"
                    | "precedingProcess"
                    | "guiAttachmentCount"
                    | "content" => vec!["dialog_document"],
                    "latestActivity" => vec!["activity"],
                    "seenSinceLastUpdate" | "seenSinceLastContentUpdate" => vec!["seen_log"],
                    _ => vec![],
                };
                let found = list(&format!("id {}", whole(&objects, name, field, 9))).await;
                assert_eq!(found.tables, named(&[&["dialog"][..], &others].concat()), "{name}");
                if others.is_empty() {
                    assert_eq!(found.buffers, ids.buffers, "{name}");
                } else {
                    // At least a page of each dialog more.
                    assert!(found.buffers >= ids.buffers + DIALOGS, "{name}: {found:?}, not {ids:?}");
                }
            }
        }
    }

    /// Dialogs are counted where they are: of however many, one row is sent.
    #[tokio::test]
    async fn counts_are_rows_that_stay_there() {
        let service = explaining().await;
        let (owner, person) = (service.owner(), service.person());
        for _ in 0..DIALOGS {
            person.opened(owner.created(&one_of_each()).await).await;
        }
        service.database.configure("vacuum analyze").await;
        let everything = json!({ "party": [PERSON] });
        for input in [everything.clone(), everything.with("/serviceResource", json!([RESOURCE]))] {
            let ask = async |field: &str| {
                let query = format!("query ($input: SearchDialogInput!) {{ {field} }}");
                reads(&person, &query, &json!({ "input": input })).await
            };
            let list = ask("searchDialogs(input: $input) { items { status isContentSeen endUserContext { systemLabels } } }").await;
            let counts = ask(
                "dialogCounts(input: $input) { byLabel { count } byStatus { count } unread total capped }",
            )
            .await;
            assert_eq!(counts.tables, list.tables);
            assert!(list.rows >= 30.0 && list.bytes > 10_000.0, "{list:?}");
            assert!(counts.rows <= 1.0 && counts.bytes < 400.0, "{counts:?}");
            assert!(counts.buffers <= list.buffers, "{counts:?}, a list {list:?}");
        }
    }

    #[tokio::test]
    async fn details_are_what_is_asked_for() {
        let service = explaining().await;
        let (owner, person) = (service.owner(), service.person());
        let objects = objects(&person).await;
        let id = owner.created(&one_of_each()).await;
        person.opened(id).await;
        let own = ["dialog", "dialog_document", "seen_log", "service_owner_label"];
        for (name, field) in &objects["Dialog"] {
            let others = match name.as_str() {
                "transmissions" => vec!["transmission", "activity"],
                "activities" => vec!["activity"],
                // It tells what the user may do with transmissions.
                "dialogToken" => vec!["transmission"],
                _ => vec![],
            };
            let query = format!(
                "query ($id: UUID!) {{ dialogById(dialogId: $id) {{ dialog {{ {} }} }} }}",
                whole(&objects, name, field, 9)
            );
            // A statement that is kept gets a plan for all values after some runs.
            for _ in 0..7 {
                let found = reads(&person, &query, &json!({ "id": id })).await;
                let expected = named(&[&own[..], &others].concat());
                assert_eq!(found.tables, expected, "{name}");
            }
        }
        // Whether a transmission was opened is told by activities, and nothing else about it is.
        let query = "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { transmissions { id content { title { mediaType } } } } } }";
        let found = reads(&person, query, &json!({ "id": id })).await;
        assert_eq!(found.tables, named(&[&own[..], &["transmission"]].concat()));
    }
}

/// A document that is known is refused, and answered, like one that is not.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn documents_that_are_sent_again_are_answered_alike() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let objects = objects(&person).await;
    let process = format!("urn:process:{}", service.unique());
    let one = one_of_each().with("/process", process.as_str());
    let ids = [owner.created(&one).await, owner.created(&one).await];
    for id in ids {
        person.opened(id).await;
    }
    let unique = service.unique().replace('-', "");
    let (dialog, item) = (all(&objects, "Dialog", 9), all(&objects, "SearchDialog", 9));
    // With fields that occur twice, under other names, in fragments, with directives, and beside others.
    let details = [
        format!(
            "{{ a{unique}: dialogById(dialogId: $id) {{ __typename dialog {{ {dialog} }} errors {{ message ... on DialogByIdNotFound {{ __typename }} }} }} }}"
        ),
        format!(
            "{{ a{unique}: dialogById(dialogId: $id) {{ dialog {{ ...one one: content {{ title {{ mediaType }} }} one: content {{ ... {{ title {{ value {{ value }} }} }} }} }} dialog {{ revision }} }} }} fragment one on Dialog {{ id endUserContext {{ ... on EndUserContext {{ systemLabels }} }} }}"
        ),
        format!(
            "{{ a{unique}: dialogById(dialogId: $id) {{ dialog {{ id org @skip(if: true) content @include(if: true) {{ title {{ mediaType }} }} }} }} }}"
        ),
        format!(
            "{{ a{unique}: dialogById(dialogId: $id) {{ dialog {{ id }} }} b: dialogById(dialogId: $id) {{ other: dialog {{ org }} }} limits {{ __typename }} }}"
        ),
        format!(
            "{{ a{unique}: dialogById(dialogId: $id) {{ ...all }} }} fragment all on DialogByIdPayload {{ dialog {{ id status }} errors {{ message }} }}"
        ),
    ];
    let without_token = |mut answer: Value| {
        for payload in answer
            .get_mut("data")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(|data| data.values_mut())
        {
            if let Some(dialog) = payload.get_mut("dialog").and_then(Value::as_object_mut) {
                dialog.remove("dialogToken");
            }
        }
        if let Some(errors) = answer.get_mut("errors").and_then(Value::as_array_mut) {
            for error in errors {
                error["extensions"]["traceId"] = Value::Null;
            }
        }
        answer
    };
    let get = async |document: &str, variables: Value| {
        let answer = ask(&person, document, &variables).await;
        (answer.status, without_token(answer.json()))
    };
    for detail in &details {
        let document = format!("query ($id: UUID!) {detail}");
        // Another name makes it one that is not known.
        let unknown = |number: usize| format!("query n{number} ($id: UUID!) {detail}");
        assert_eq!(get(&document, json!({ "id": ids[1] })).await.1.get("errors"), None, "{document}");
        for (number, id) in
            [json!(ids[0]), json!(ids[1]), json!(service.id()), json!("x"), json!(7), Value::Null]
                .into_iter()
                .enumerate()
        {
            let (first, again) =
                (get(&unknown(number), json!({ "id": id })).await, get(&document, json!({ "id": id })).await);
            assert_eq!(first.0, again.0, "{id}: {document}");
            // Where something is wrong it is told with its place, which the name has moved.
            if first.1.get("errors").is_none() {
                // A message may name the dialog.
                assert_eq!(first.1, again.1, "{id}: {document}");
            } else {
                assert_eq!(
                    first.1["errors"][0]["message"], again.1["errors"][0]["message"],
                    "{id}: {document}"
                );
            }
        }
    }
    let document = format!(
        "query ($input: SearchDialogInput!) {{ a{unique}: searchDialogs(input: $input) {{ items {{ {item} }} hasNextPage errors {{ message }} }} }}"
    );
    let unknown = |number: usize| document.replacen("query", &format!("query n{number}"), 1);
    let input = json!({ "party": [PERSON], "process": process });
    assert_eq!(
        get(&document, json!({ "input": input })).await.1["data"][format!("a{unique}")]["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    for (number, input) in [
        input.clone(),
        input.clone().with("/limit", 1),
        input.clone().with("/status", json!(["DRAFT"])),
        input.clone().with("/limit", "x"),
        input.clone().with("/other", 1),
        input.clone().with("/status", json!(["OTHER"])),
        json!({}),
    ]
    .into_iter()
    .enumerate()
    {
        let variables = json!({ "input": input });
        let (first, again) =
            (get(&unknown(number), variables.clone()).await, get(&document, variables).await);
        assert_eq!(first.0, again.0, "{input}");
        if first.1.get("errors").is_none() {
            assert_eq!(first.1, again.1, "{input}");
        } else {
            assert_eq!(first.1["errors"][0]["message"], again.1["errors"][0]["message"], "{input}");
        }
    }
}

/// What a dialog token says the user may do.
fn permitted(token: &Value) -> Value {
    let payload = token.as_str().and_then(|token| token.split('.').nth(1)).expect("a token");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice::<Value>(&payload).expect("claims")["a"].clone()
}

/// Of transmissions only what a token tells about is read, where nothing else of them is asked for.
#[tokio::test]
async fn a_token_says_the_same_whatever_is_asked_for_beside_it() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let letter = one_of_each()["transmissions"][0].clone();
    let letters = [letter.clone(), letter.with("/authorizationAttribute", "urn:altinn:subresource:letters")];
    let id = owner.created(&one_of_each().with("/transmissions", json!(letters))).await;
    let expected = permitted(&person.opened(id).await["dialogToken"]);
    assert!(expected.is_string(), "{expected}");
    for fields in ["dialogToken", "dialogToken activities { id }", "dialogToken transmissions { id }"] {
        let query = format!("query ($id: UUID!) {{ dialogById(dialogId: $id) {{ dialog {{ {fields} }} }} }}");
        // Twice, for it is known from then on.
        for _ in 0..2 {
            let found = data(ask(&person, &query, &json!({ "id": id })).await);
            assert_eq!(permitted(&found["dialogById"]["dialog"]["dialogToken"]), expected, "{fields}");
        }
    }
}

mod long_dialogs {
    use super::*;

    /// Adds transmissions and activities.
    async fn lengthen(database: &Database, id: Uuid) {
        for sql in [
            "insert into transmission (id, dialog_id, created_at, type, depth, body)
                select gen_random_uuid(), t.dialog_id, t.created_at, t.type, t.depth, t.body
                from transmission t, generate_series(2, 20000) where t.dialog_id = $1",
            "insert into activity (id, dialog_id, created_at, type, body)
                select gen_random_uuid(), a.dialog_id, a.created_at, a.type, a.body
                from activity a, generate_series(2, 20000) where a.dialog_id = $1",
        ] {
            assert_eq!(database.execute(sql, id).await, MANY as u64 - 1);
        }
    }

    /// Nothing but the long lists themselves costs more.
    #[tokio::test]
    async fn cost_what_short_ones_do() {
        let service = explaining().await;
        let (owner, person) = (service.owner(), service.person());
        let objects = objects(&person).await;
        let (short, long) = (owner.created(&one_of_each()).await, owner.created(&one_of_each()).await);
        lengthen(&service.database, long).await;
        for id in [short, long] {
            person.opened(id).await;
        }
        service.database.configure("vacuum analyze").await;
        // Lists have both dialogs, so that only one of them is there.
        let hide = "update dialog set deleted_at = case when id = $1 then null else now() end";
        let mut cases: Vec<(String, String)> = vec![
            ("lookup".into(), "query ($ref: String!) { dialogLookup(instanceRef: $ref) { lookup { dialogId } } }".into()),
            ("label".into(), "mutation ($id: UUID!) { setSystemLabel(input: { dialogId: $id, addLabels: [BIN], removeLabels: [] }) { success } }".into()),
            ("labels".into(), "mutation ($id: UUID!) { bulkSetSystemLabels(input: { dialogs: { dialogId: $id }, addLabels: [ARCHIVE], removeLabels: [] }) { success } }".into()),
        ];
        let detail = |fields: &str| {
            format!("query ($id: UUID!) {{ dialogById(dialogId: $id) {{ dialog {{ {fields} }} }} }}")
        };
        for (name, field) in &objects["Dialog"] {
            if !["transmissions", "activities"].contains(&name.as_str()) {
                cases.push((name.clone(), detail(&whole(&objects, name, field, 9))));
            }
        }
        let list = format!(
            "query ($input: SearchDialogInput!) {{ searchDialogs(input: $input) {{ items {{ {} }} }} }}",
            all(&objects, "SearchDialog", 9)
        );
        cases.push(("list".into(), list));
        for (name, query) in &cases {
            let mut buffers = Vec::new();
            for id in [short, long] {
                service.database.execute(hide, id).await;
                let used = |text: &str| query.contains(text);
                let mut variables = json!({});
                if used("$id") {
                    variables = variables.with("/id", id.to_string());
                }
                if used("$ref") {
                    variables = variables.with("/ref", format!("urn:altinn:dialog-id:{id}"));
                }
                if used("$input") {
                    variables = variables.with("/input", json!({ "party": [PERSON] }));
                }
                buffers.push(reads(&person, query, &variables).await.buffers);
            }
            // A level more of an index or two; of a token, for each attribute of transmissions.
            let more = if name == "dialogToken" { 20 } else { 10 };
            assert!(buffers[1] <= buffers[0] + more, "{name}: {buffers:?}");
        }
    }

    /// A token alone tells of the attributes of transmissions, of however many transmissions these are.
    #[tokio::test]
    async fn have_tokens_that_cost_what_those_of_short_ones_do() {
        let service = explaining().await;
        let (owner, person) = (service.owner(), service.person());
        let letter = one_of_each()["transmissions"][0].clone();
        let about = |attribute: &str| letter.clone().with("/authorizationAttribute", attribute);
        let letters = json!([
            letter,
            about("element1"),
            about("urn:altinn:subresource:letters"),
            about("urn:altinn:subresource:unknown")
        ]);
        let dialog = one_of_each().with("/transmissions", letters);
        let (short, long) = (owner.created(&dialog).await, owner.created(&dialog).await);
        let copy = "insert into transmission (id, dialog_id, created_at, type, depth, body)
            select gen_random_uuid(), t.dialog_id, t.created_at, t.type, t.depth, t.body
            from transmission t, generate_series(2, 5000) where t.dialog_id = $1";
        assert_eq!(service.database.execute(copy, long).await, 4 * 4_999);
        let query = "query ($id: UUID!) { dialogById(dialogId: $id) { dialog { dialogToken } } }";
        for statistics in ["select 1", "vacuum analyze"] {
            service.database.configure(statistics).await;
            for id in [short, long] {
                person.opened(id).await;
            }
            // A statement that is kept gets a plan for all values after some runs.
            for _ in 0..7 {
                let of_short = reads(&person, query, &json!({ "id": short })).await.buffers;
                let of_long = reads(&person, query, &json!({ "id": long })).await.buffers;
                // Some levels more of the index, for each attribute.
                assert!(of_long <= of_short + 20, "{statistics}: {of_short}, {of_long}");
            }
        }
        let token = async |id: Uuid| {
            let found = data(ask(&person, query, &json!({ "id": id })).await);
            permitted(&found["dialogById"]["dialog"]["dialogToken"])
        };
        assert_eq!(token(long).await, token(short).await);
        assert_eq!(token(long).await, permitted(&person.opened(long).await["dialogToken"]));
    }
}
