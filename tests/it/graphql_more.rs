//! What the graph can do beside what was promised: counts, pages of parties, documents by their hash, and
//! compressed answers.

use std::fs;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::statements;
use crate::harness::*;

fn ask(client: &Client, query: &str, variables: &Value) -> Call {
    post(client, &json!({ "query": query, "variables": variables }))
}

fn post(client: &Client, body: &Value) -> Call {
    client.call(Method::POST, "/graphql").json(body)
}

/// The data of an answer without errors beside it.
async fn data(client: &Client, query: &str, variables: &Value) -> Value {
    let body = ask(client, query, variables).await.expect(200).json();
    assert!(body.get("errors").is_none(), "{body:#}");
    body["data"].clone()
}

/// Status and code of an answer that is an error, and nothing else.
fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(body.get("data").is_none_or(Value::is_null), "{body:#}");
    let code = body["errors"][0]["extensions"]["code"].as_str();
    (answer.status.as_u16(), code.unwrap_or_else(|| panic!("no code: {body:#}")).to_owned())
}

fn bad_request() -> (u16, String) {
    (400, "BAD_REQUEST".to_owned())
}

mod errors {
    use super::*;

    #[tokio::test]
    async fn name_what_they_are_about() {
        let service = Service::shared().await;
        let person = service.person();
        let id = Uuid::nil();
        for (operation, kind, fields) in [
            (
                format!("{{ searchDialogs(input: {{ party: \"{PERSON}\", continuationToken: \"x\", orderBy: {{ dueAt: ASC }} }}) FIELD }}"),
                "SearchDialogContinuationTokenParsingError",
 vec!["input.continuationToken"],
            ),
            (
                format!("{{ searchDialogs(input: {{ party: \"{PERSON}\", orderBy: [{{ dueAt: ASC }}, {{ dueAt: ASC }}] }}) FIELD }}"),
                "SearchDialogOrderByParsingError",
 vec!["input.orderBy[1]"],
            ),
            ("{ dialogLookup(instanceRef: \"x\") FIELD }".to_owned(), "DialogLookupValidationError", vec!["instanceRef"]),
            (
                format!("mutation {{ setSystemLabel(input: {{ dialogId: \"{id}\", addLabels: [BIN, SENT], removeLabels: [] }}) FIELD }}"),
                "SetSystemLabelValidationError",
 vec!["input.addLabels[1]"],
            ),
            (
                "mutation { bulkSetSystemLabels(input: { dialogs: [], addLabels: [BIN], removeLabels: [SENT] }) FIELD }".to_owned(),
                "BulkSetSystemLabelValidationError",
 vec!["input.dialogs", "input.removeLabels[0]"],
            ),
        ] {
            let fields_of = format!("{{ errors {{ message ... on {kind} {{ field }} }} }}");
            let query = operation.replace("FIELD", &fields_of);
            let found = data(&person, &query, &json!({})).await;
            let payload = found.as_object().unwrap().values().next().unwrap();
            let found: Vec<_> = payload["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
            assert_eq!(found, fields, "{operation} {payload:#}");
        }
        // A field without errors of its own names its arguments.
        let wrong = format!(
            "{{ serviceResources(parties: [\"{PERSON}\", \"x\"]) {{ items {{ serviceResource {{ id }} }} }} }}"
        );
        let answer = ask(&person, &wrong, &json!({})).await;
        assert_eq!(refusal(&answer), bad_request());
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["path"], &error["extensions"]["arguments"]),
            (&json!(["serviceResources"]), &json!(["parties[1]"]))
        );
    }

    #[tokio::test]
    async fn say_that_a_document_has_too_many_tokens() {
        let service = Service::shared().await;
        let person = service.person();
        // Texts and comments are one token, and none.
        let most = format!("{{ __typename }} # {}\n{}", "a ".repeat(5_000), ", ".repeat(5_000));
        assert_eq!(data(&person, &most, &json!({})).await, json!({ "__typename": "Queries" }));
        let list = "\"x\" ".repeat(5_000);
        let many = format!("{{ parties(partiesFilter: [{list}]) {{ party }} }}");
        assert_eq!(refusal(&ask(&person, &many, &json!({})).await), (400, "COMPLEXITY_LIMIT".to_owned()));
    }
}

mod parties {
    use super::*;

    async fn urns(client: &Client, arguments: &str) -> Vec<String> {
        let found =
            data(client, &format!("{{ parties{arguments} {{ party subParties {{ party }} }} }}"), &json!({}))
                .await;
        let party = |party: &Value| party["party"].as_str().unwrap().to_owned();
        found["parties"].as_array().unwrap().iter().map(party).collect()
    }

    #[tokio::test]
    async fn come_in_pages() {
        let service = Service::shared().await;
        let person = service.person();
        let mut all = urns(&person, "").await;
        assert!(all.len() > 2, "{all:?}");
        assert_eq!(urns(&person, "(includeDeleted: true)").await, all, "in the platform's order");
        all.sort();
        let mut paged = Vec::new();
        let mut after = String::new();
        loop {
            let page = urns(&person, &format!("(first: 2{after})")).await;
            paged.extend(page.iter().cloned());
            let [.., last] = &page[..] else { break };
            after = format!(", after: \"{last}\"");
        }
        assert_eq!(paged, all);
        let filter = format!("(partiesFilter: [\"{}\", \"{}\", \"{OTHER_PERSON}\"])", all[0], all[2]);
        let mut filtered = urns(&person, &filter).await;
        filtered.sort();
        assert_eq!(filtered, [all[0].clone(), all[2].clone()]);
        for (arguments, named) in [
            ("(first: 0)", "first"),
            ("(first: 1001)", "first"),
            ("(after: \"x\")", "after"),
            ("(partiesFilter: [])", "partiesFilter"),
            ("(partiesFilter: [\"x\"])", "partiesFilter[0]"),
        ] {
            let answer = ask(&person, &format!("{{ parties{arguments} {{ party }} }}"), &json!({})).await;
            assert_eq!(refusal(&answer), bad_request(), "{arguments}");
            assert_eq!(answer.json()["errors"][0]["extensions"]["arguments"], json!([named]), "{arguments}");
        }
    }
}

mod counts {
    use super::*;

    const COUNT: &str = "query ($input: SearchDialogInput!) { dialogCounts(input: $input) {
        byLabel { label count } byStatus { status count } unread total capped
        errors { __typename ... on SearchDialogValidationError { field } } } }";
    const SEARCH: &str = "query ($input: SearchDialogInput!) { searchDialogs(input: $input) {
        items { status isContentSeen endUserContext { systemLabels } } hasNextPage continuationToken } }";

    async fn counts(client: &Client, input: &Value) -> Value {
        data(client, COUNT, &json!({ "input": input })).await["dialogCounts"].clone()
    }

    /// What the counts have to be, from the dialogs themselves: all pages of a search.
    async fn counted(client: &Client, input: &Value, limit: usize) -> Value {
        let mut input = input.clone().with("/limit", limit);
        let mut items: Vec<Value> = Vec::new();
        loop {
            let page = data(client, SEARCH, &json!({ "input": input })).await["searchDialogs"].clone();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            if page["hasNextPage"] == false {
                break;
            }
            input["continuationToken"] = page["continuationToken"].clone();
            input["orderBy"] = json!([{ "contentUpdatedAt": "DESC" }]);
        }
        let count = |fits: &dyn Fn(&Value) -> bool| items.iter().filter(|item| fits(item)).count();
        let labels = ["DEFAULT", "BIN", "ARCHIVE", "MARKED_AS_UNOPENED", "SENT"];
        let has = |item: &Value, label| {
            item["endUserContext"]["systemLabels"].as_array().unwrap().contains(&json!(label))
        };
        let statuses =
            ["IN_PROGRESS", "DRAFT", "AWAITING", "REQUIRES_ATTENTION", "COMPLETED", "NOT_APPLICABLE"];
        json!({
            "byLabel": labels.map(|label| json!({ "label": label, "count": count(&|item| has(item, label)) })),
            "byStatus": statuses.map(|status| json!({ "status": status, "count": count(&|item| item["status"] == status) })),
            "unread": count(&|item| item["isContentSeen"] == false),
            "total": items.len(),
            "capped": false,
            "errors": [],
        })
    }

    fn pick<'a, T>(chance: &mut u128, of: &'a [T]) -> &'a T {
        let index = usize::try_from(*chance % of.len() as u128).expect("an index");
        *chance /= of.len() as u128;
        &of[index]
    }

    #[tokio::test]
    async fn are_those_of_the_dialogs_that_a_search_finds() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:process:{}", service.unique());
        let chance = || u128::from_str_radix(&service.unique().replace('-', ""), 16).expect("a number") >> 3;
        for index in 0..24 {
            let mut chance = chance();
            let statuses =
                ["InProgress", "Draft", "Awaiting", "RequiresAttention", "Completed", "NotApplicable"];
            let new = if index % 6 == 0 { one_of_each() } else { dialog() };
            let new = new.with("/process", process.as_str()).with("/status", *pick(&mut chance, &statuses));
            let new = new.with("/party", *pick(&mut chance, &[PERSON, PERSON, OTHER_PERSON]));
            let new =
                new.with("/serviceResource", *pick(&mut chance, &[RESOURCE, RESOURCE_2, LEVEL_FOUR, EVENTS]));
            let id = owner.created(&new).await;
            let reader =
                if new["party"] == PERSON { person.clone() } else { service.person_with("13838599936", 3) };
            let opened = *pick(&mut chance, &[true, false]) && reader.open(id).await.status == 200;
            let labels = *pick(
                &mut chance,
                &[
                    &[][..],
                    &["BIN"],
                    &["ARCHIVE"],
                    &["MARKED_AS_UNOPENED"],
                    &["ARCHIVE", "MARKED_AS_UNOPENED"],
                ],
            );
            let input = json!({ "input": { "dialogId": id, "addLabels": labels, "removeLabels": [] } });
            let set = "mutation ($input: SetSystemLabelInput!) { setSystemLabel(input: $input) { success } }";
            let set = ask(&reader, set, &input).await;
            assert!(set.status == 200, "{opened} {}", set.text());
            if *pick(&mut chance, &[true, false, false, false, false]) {
                owner.delete(id).await.expect(204);
            }
        }
        let mut totals = 0;
        for client in
            [person.clone(), service.person_with("13838599936", 3), service.person_with(PERSON_NUMBER, 4)]
        {
            for _ in 0..25 {
                let mut chance = chance();
                let mut input = json!({ "process": process, "party": [PERSON, OTHER_PERSON] });
                let choices: [(&str, &[Value]); 6] = [
                    ("status", &[json!(["DRAFT", "COMPLETED"]), json!(["IN_PROGRESS"])]),
                    (
                        "systemLabel",
                        &[json!(["BIN"]), json!(["ARCHIVE"]), json!(["DEFAULT"]), json!(["SENT"])],
                    ),
                    ("serviceResource", &[json!([RESOURCE]), json!([RESOURCE_2, LEVEL_FOUR])]),
                    ("isContentSeen", &[json!(true), json!(false)]),
                    ("party", &[json!([PERSON]), json!([OTHER_PERSON])]),
                    ("search", &[json!("søknad")]),
                ];
                for (name, values) in choices {
                    if *pick(&mut chance, &[true, false, false]) {
                        input[name] = pick(&mut chance, values).clone();
                    }
                }
                let found = counts(&client, &input).await;
                let limit = *pick(&mut chance, &[3, 7, 1_000]);
                assert_eq!(found, counted(&client, &input, limit).await, "{input}");
                totals += found["total"].as_u64().unwrap();
                // Where a page begins and how it is ordered does not matter.
                let page = input.clone().with("/limit", 1).with("/orderBy", json!({ "dueAt": "ASC" }));
                assert_eq!(counts(&client, &page).await, found, "{input}");
            }
        }
        assert!(totals > 50, "the searches found only {totals}");
        let stranger = counts(&service.person_with("02867598599", 3), &json!({ "party": [PERSON] })).await;
        assert_eq!((&stranger["total"], &stranger["errors"]), (&json!(0), &json!([])));
    }

    #[tokio::test]
    async fn cost_a_statement_that_reads_no_documents() {
        let service = Service::shared().await;
        let input =
            json!({ "input": { "party": [PERSON], "process": format!("urn:process:{}", service.unique()) } });
        let (answer, statements) = statements::of(ask(&service.person(), COUNT, &input)).await;
        assert_eq!(answer.expect(200).json()["data"]["dialogCounts"]["total"], 0);
        let [statement] = &statements[..] else { panic!("{statements:#?}") };
        for table in ["dialog_document", "from activity", "seen_log", "dialog_text"] {
            assert!(!statement.contains(table), "{statement}");
        }
    }

    #[tokio::test]
    async fn end_at_a_thousand_and_say_so() {
        let service = Service::alone().await;
        let id = service.owner().created(&dialog()).await;
        let copy = "insert into dialog select (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).*
            from dialog d, generate_series(1, 999) where d.id = $1";
        assert_eq!(service.database.execute(copy, id).await, 999);
        let person = service.person();
        let input = json!({ "party": [PERSON] });
        let found = counts(&person, &input).await;
        assert_eq!((&found["total"], &found["capped"]), (&json!(1_000), &json!(false)), "{found:#}");
        assert_eq!(found["byLabel"][0], json!({ "label": "DEFAULT", "count": 1_000 }));
        let one = copy.replace("999", "1").leak();
        assert_eq!(service.database.execute(one, id).await, 1);
        let found = counts(&person, &input).await;
        assert_eq!((&found["total"], &found["capped"]), (&json!(1_000), &json!(true)), "{found:#}");
    }

    #[tokio::test]
    async fn have_the_errors_of_searches() {
        let service = Service::shared().await;
        let found = counts(&service.person(), &json!({ "party": ["x"], "limit": 0 })).await;
        let fields: Vec<_> =
            found["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
        assert_eq!(fields, ["input.limit", "input.party[0]"]);
        for member in ["byLabel", "byStatus", "unread", "total"] {
            assert!(found[member].is_null(), "{found:#}");
        }
        let roots = (0..10)
            .map(|index| format!("c{index}: dialogCounts(input: {{ party: \"{PERSON}\" }}) {{ total }}"));
        let ten = format!("{{ {} }}", roots.collect::<Vec<_>>().join(" "));
        assert!(data(&service.person(), &ten, &json!({})).await["c9"]["total"].is_i64());
    }
}

fn hash_of(text: &str) -> String {
    digest(&SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

fn by_hash(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

fn get(client: &Client, pairs: &[(&str, &str)]) -> Call {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    client.get(&format!("/graphql?{query}"))
}

mod documents {
    use super::*;

    #[tokio::test]
    async fn are_remembered_by_their_hash() {
        let service = Service::shared().await;
        let person = service.person();
        let query = format!("query {{ __typename }} # {}", service.unique());
        let named = by_hash(&hash_of(&query));
        let unknown = post(&person, &json!({ "extensions": named })).await;
        assert_eq!(refusal(&unknown), (200, "PERSISTED_QUERY_NOT_FOUND".to_owned()));
        assert_eq!(unknown.json()["errors"][0]["message"], "PersistedQueryNotFound");
        // Nothing is remembered of a request without a hash, and of one that is wrong.
        data(&person, &query, &json!({})).await;
        assert_eq!(refusal(&post(&person, &json!({ "extensions": named })).await), refusal(&unknown));
        for wrong in ["{ nothing", "{ nothing }"] {
            let wrong = format!("{wrong} # {}", service.unique());
            let body = json!({ "query": wrong, "extensions": by_hash(&hash_of(&wrong)) });
            assert_eq!(refusal(&post(&person, &body).await), bad_request());
            let body = json!({ "extensions": by_hash(&hash_of(&wrong)) });
            assert_eq!(refusal(&post(&person, &body).await), refusal(&unknown));
        }

        let expected = json!({ "data": { "__typename": "Queries" } });
        let brought = post(&person, &json!({ "query": query, "extensions": named })).await;
        assert_eq!(brought.expect(200).json(), expected);
        for named in [named.clone(), by_hash(&hash_of(&query).to_uppercase())] {
            assert_eq!(post(&person, &json!({ "extensions": named })).await.expect(200).json(), expected);
            let extensions = named.to_string();
            assert_eq!(get(&person, &[("extensions", &extensions)]).await.expect(200).json(), expected);
        }
        let extensions = named.to_string();
        get(&service.anonymous(), &[("extensions", &extensions)]).await.assert_problem(401, &[]);

        for (body, told) in [
            (json!({ "query": "{ __typename }", "extensions": named }), "is not the hash"),
            (
                json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": hash_of(&query) } } }),
                "version",
            ),
            (
                json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "x" } } }),
                "sha256Hash",
            ),
            (json!({ "extensions": { "persistedQuery": "x" } }), "version"),
            (json!({ "extensions": {} }), "query is required"),
        ] {
            let answer = post(&person, &body).await;
            assert_eq!(refusal(&answer), bad_request(), "{body}");
            assert!(
                answer.json()["errors"][0]["message"].as_str().unwrap().contains(told),
                "{}",
                answer.text()
            );
        }
    }

    #[tokio::test]
    async fn that_change_something_are_not_carried_out_with_get() {
        let service = Service::shared().await;
        let person = service.person();
        let query = format!(
            "mutation {{ setSystemLabel(input: {{ dialogId: \"{}\", addLabels: [], removeLabels: [] }}) {{ success }} }}",
            service.id()
        );
        let named = by_hash(&hash_of(&query));
        post(&person, &json!({ "query": query, "extensions": named })).await.expect(200);
        let extensions = named.to_string();
        let answer = get(&person, &[("extensions", &extensions)]).await;
        assert_eq!(refusal(&answer), (405, "METHOD_NOT_ALLOWED".to_owned()));
    }

    #[tokio::test]
    async fn may_be_those_of_a_list_alone() {
        let folder = temporary_directory();
        fs::create_dir_all(&folder).unwrap();
        let allowed = "query limits { limits { endUserSearch { maxOrgFilterValues } } }";
        fs::write(folder.join("limits.graphql"), format!("{allowed}\n")).unwrap();
        fs::write(folder.join("notes.txt"), "no document").unwrap();
        let file = folder.join("documents.json");
        fs::write(&file, json!({ "any name": allowed }).to_string()).unwrap();
        for path in [&folder, &file] {
            let service = Service::with_settings(&["--graphql-documents", path.to_str().unwrap()]).await;
            let person = service.person();
            let named = by_hash(&hash_of(allowed));
            for body in [
                json!({ "query": allowed }),
                json!({ "extensions": named }),
                json!({ "query": allowed, "extensions": named }),
            ] {
                let answer = post(&person, &body).await.expect(200).json();
                assert_eq!(answer["data"]["limits"]["endUserSearch"]["maxOrgFilterValues"], 20, "{answer:#}");
            }
            let other = "{ __typename }";
            let refused = (400, "DOCUMENT_NOT_ALLOWED".to_owned());
            for body in [
                json!({ "query": other }),
                json!({ "extensions": by_hash(&hash_of(other)) }),
                json!({ "query": other, "extensions": by_hash(&hash_of(other)) }),
                json!({ "query": "{ __schema { queryType { name } } }" }),
            ] {
                assert_eq!(refusal(&post(&person, &body).await), refused, "{body}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}

mod compression {
    use super::*;

    #[tokio::test]
    async fn is_of_large_answers_without_a_token() {
        let service = Service::shared().await;
        let person = service.person();
        let large = "{ __schema { types { name description fields { name description } } } }";
        let plain = ask(&person, large, &json!({})).await.expect(200);
        assert_eq!(plain.header("content-encoding"), None);
        let vary = |answer: &Answer| {
            let values =
                answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase());
            values.collect::<Vec<_>>().join(", ")
        };
        for (accepted, magic) in [("gzip", Some(0x1f)), ("br", None), ("gzip;q=0.5, br", None)] {
            let answer =
                ask(&person, large, &json!({})).header("accept-encoding", accepted).await.expect(200);
            let expected = if magic.is_some() { "gzip" } else { "br" };
            assert_eq!(answer.header("content-encoding"), Some(expected));
            assert!(magic.is_none_or(|magic| answer.body[0] == magic));
            assert!(
                answer.body.len() * 3 < plain.body.len(),
                "{} of {}",
                answer.body.len(),
                plain.body.len()
            );
            for name in ["accept", "accept-language", "accept-encoding"] {
                assert!(vary(&answer).split(", ").any(|other| other == name), "{}", vary(&answer));
            }
            let small = ask(&person, "{ __typename }", &json!({})).header("accept-encoding", accepted);
            assert_eq!(small.await.expect(200).header("content-encoding"), None);
        }
        let id = service.owner().created(&one_of_each()).await;
        let open = |fields: &str| {
            let document = format!("{{ dialogById(dialogId: \"{id}\") {{ dialog {{ {fields}
                transmissions {{ id createdAt type content {{ title {{ value {{ value }} }} }} attachments {{ id urls {{ id url }} }} }}
                guiActions {{ id url action }} apiActions {{ id action endpoints {{ id url }} }}
                attachments {{ id urls {{ id url mediaType }} }} activities {{ id type createdAt performedBy {{ actorId }} }} }} }} }}");
            ask(&person, &document, &json!({})).header("accept-encoding", "gzip")
        };
        let with_token = open("token: dialogToken").await.expect(200);
        assert!(with_token.body.len() > 1_024 && with_token.header("content-encoding").is_none());
        assert_eq!(open("id").await.expect(200).header("content-encoding"), Some("gzip"));
    }
}

mod answers {
    use super::*;

    #[tokio::test]
    async fn have_an_object_where_nothing_of_it_is_selected() {
        let service = Service::shared().await;
        let person = service.person();
        let query = "query q($no: Boolean!) {
            z: dialogLookup(instanceRef: \"x\") { errors { ... on DialogLookupNotFound { message } } }
            a: limits { endUserSearch { maxPartyFilterValues } }
            m: limits { endUserSearch @skip(if: $no) { maxPartyFilterValues } }
        }";
        let answer = data(&person, query, &json!({ "no": true })).await;
        assert_eq!((&answer["z"], &answer["m"]), (&json!({ "errors": [{}] }), &json!({})));
        // In the order of the query.
        let text = ask(&person, query, &json!({ "no": true })).await.text();
        let places: Vec<_> = ["z", "a", "m"].iter().map(|key| text.find(&format!("\"{key}\":"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{text}");
    }

    #[tokio::test]
    async fn follow_the_defaults_of_variables() {
        let service = Service::shared().await;
        let person = service.person();
        let query = "query q($b: Boolean = true) {
            limits { endUserSearch { a: __typename c: maxPartyFilterValues @include(if: $b) d: maxOrgFilterValues @skip(if: $b) } }
        }";
        // Twice: known documents go another way.
        for _ in 0..2 {
            for (variables, there, left_out) in
                [(json!({}), "c", "d"), (json!({ "b": true }), "c", "d"), (json!({ "b": false }), "d", "c")]
            {
                let limits = &data(&person, query, &variables).await["limits"]["endUserSearch"];
                assert!(limits[there].is_i64() && limits.get(left_out).is_none(), "{variables} {limits}");
            }
        }
        let required = "query q($b: Boolean!) { limits { endUserSearch @skip(if: $b) { __typename } } }";
        for variables in [json!({}), json!({ "b": null })] {
            assert_eq!(refusal(&ask(&person, required, &variables).await), bad_request());
        }
    }

    #[tokio::test]
    async fn are_the_same_whichever_way_lines_end() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let query = "query($d:UUID!){d:dialogById(dialogId:$d){\rdialog{party}}\re:dialogById(dialogId:$d){\rdialog{org}}}";
        let variables = json!({ "d": id });
        let first = data(&person, query, &variables).await;
        assert_eq!(first["e"], json!({ "dialog": { "org": "ttd" } }));
        assert_eq!(data(&person, query, &variables).await, first);
    }

    #[tokio::test]
    async fn are_refused_to_what_only_costs_time() {
        let service = Service::shared().await;
        let person = service.person();
        let levels =
            (0..18).map(|level| format!(" fragment f{level} on __Schema {{ ...f{0} ...f{0} }}", level + 1));
        let mut bomb = "{ __schema { ...f0 } }".to_owned() + &levels.collect::<String>();
        bomb += " fragment f18 on __Schema { queryType { name } }";
        let limit = (400, "COMPLEXITY_LIMIT".to_owned());
        assert_eq!(refusal(&ask(&person, &bomb, &json!({})).await), limit);
        let long = format!("{{ {} }}", "x".repeat(300_000));
        assert_eq!(refusal(&ask(&person, &long, &json!({})).await), limit);
        let order = vec![json!({ "dueAt": "ASC" }); 5];
        let query = "query($i: SearchDialogInput!) { searchDialogs(input: $i) { errors { message } } }";
        let answer = data(&person, query, &json!({ "i": { "party": [PERSON], "orderBy": order } })).await;
        let text = "input.orderBy must have at most 4 items; got 5.";
        let errors = answer["searchDialogs"]["errors"].as_array().unwrap();
        assert!(errors.len() == 1 && text.ends_with(errors[0]["message"].as_str().unwrap()), "{answer}");
    }
}
