//! Rules of the wire that all endpoints share: routing, media types, JSON, parameters, headers, errors.

use std::io::{Read, Write};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::*;

const OWNER_DIALOGS: &str = "/api/v1/serviceowner/dialogs";
const USER_DIALOGS: &str = "/api/v1/enduser/dialogs";
const JWKS: &str = "/api/v1/.well-known/jwks.json";
const OAUTH_SERVER: &str = "/api/v1/.well-known/oauth-authorization-server";

mod routing {
    use super::*;

    #[tokio::test]
    async fn letters_in_literal_segments_have_no_case() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        for path in [
            format!("/API/v1/ServiceOwner/Dialogs/{id}"),
            format!("/api/V1/serviceOwner/dialogs/{id}/"),
            format!("{OWNER_DIALOGS}/{}", id.to_string().to_uppercase()),
            format!("{OWNER_DIALOGS}/{}", id.simple()),
        ] {
            assert_eq!(owner.get(&path).await.expect(200).json()["id"], id.to_string(), "{path}");
        }
    }

    #[tokio::test]
    async fn one_trailing_slash_does_not_count() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        owner.call(Method::POST, "/api/v1/serviceowner/dialogs/").json(&dialog()).await.expect(201);
        person.get(&format!("{USER_DIALOGS}/?party={PERSON}&limit=1")).await.expect(200);
        owner.call(Method::POST, "/api/v1/serviceowner/dialogs//").json(&dialog()).await.expect(404);
    }

    #[tokio::test]
    async fn unknown_paths_are_404_without_a_token() {
        let service = Service::shared().await;
        let nobody = service.anonymous();
        for path in ["/api/v1/serviceowner/nothing", "/api/v2/enduser/dialogs", "/", "/nothing/", "/api/v1"] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                nobody.call(method, path).await.assert_problem(404, &[]);
            }
        }
    }

    #[tokio::test]
    async fn other_methods_are_405_with_those_that_are_possible() {
        let service = Service::shared().await;
        let nobody = service.anonymous();
        let one = format!("{OWNER_DIALOGS}/{}", service.id());
        for (path, method, allowed) in [
            (OWNER_DIALOGS, Method::PUT, vec!["GET", "HEAD", "POST"]),
            (OWNER_DIALOGS, Method::DELETE, vec!["GET", "HEAD", "POST"]),
            (one.as_str(), Method::POST, vec!["DELETE", "GET", "HEAD", "PATCH", "PUT"]),
            (USER_DIALOGS, Method::POST, vec!["GET", "HEAD"]),
            (JWKS, Method::DELETE, vec!["GET", "HEAD"]),
        ] {
            let answer = nobody.call(method.clone(), path).await;
            answer.assert_problem(405, &[]);
            assert_eq!(methods(&answer), allowed, "{method} {path}");

            let answer = nobody.call(Method::OPTIONS, path).await.expect(204);
            assert_eq!(methods(&answer), allowed, "OPTIONS {path}");
            assert!(answer.body.is_empty());
        }
        nobody.call(Method::OPTIONS, "/api/v1/nothing").await.assert_problem(404, &[]);
    }

    fn methods(answer: &Answer) -> Vec<&str> {
        let mut methods: Vec<_> = answer.header("allow").expect("Allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        methods
    }

    #[tokio::test]
    async fn head_is_get_without_the_body() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let one = format!("{OWNER_DIALOGS}/{id}");
        for (client, path) in [
            (&owner, one.clone()),
            (&owner, format!("{OWNER_DIALOGS}/{}", service.id())),
            (&person, format!("{USER_DIALOGS}?party={PERSON}&externalReference={}", service.unique())),
            (&person, USER_DIALOGS.to_owned()),
            (&person, JWKS.to_owned()),
            (&person, one),
        ] {
            let get = client.get(&path).await;
            let head = client.call(Method::HEAD, &path).await;
            assert_eq!(head.status, get.status, "{path}");
            for name in ["content-type", "etag", "cache-control", "www-authenticate", "vary"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
            assert!(head.body.is_empty(), "{path}");
        }
    }
}

mod media_types {
    use super::*;

    const JSON: [&str; 4] = [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
        "application/json; charset=utf-8; profile=x",
    ];
    const OTHERS: [&str; 8] = [
        "text/xml",
        "text/json",
        "application/problem+json",
        "application/merge-patch+json",
        "application/json; charset=iso-8859-1",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ];

    #[tokio::test]
    async fn post_and_put_take_json() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = dialog().with("/status", "Draft").to_string();
        let one = format!("{OWNER_DIALOGS}/{}", owner.created(&dialog()).await);
        for (method, path, done) in [(Method::POST, OWNER_DIALOGS, 201), (Method::PUT, &one, 204)] {
            for media_type in JSON {
                let call = owner.call(method.clone(), path).content_type(media_type).body(sent.clone());
                assert_eq!(call.await.status, done, "{method} {media_type}");
            }
            for media_type in OTHERS.into_iter().chain(["application/json-patch+json"]) {
                let answer =
                    owner.call(method.clone(), path).content_type(media_type).body(sent.clone()).await;
                answer.assert_problem(415, &[]);
            }
            owner.call(method.clone(), path).body(sent.clone()).await.assert_problem(415, &[]);
            // Before the token is looked at.
            service.anonymous().call(method, path).body(sent.clone()).await.assert_problem(415, &[]);
        }
    }

    #[tokio::test]
    async fn patch_takes_json_patch_under_two_names() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let one = format!("{OWNER_DIALOGS}/{id}");
        let operations = json!([{ "op": "replace", "path": "/progress", "value": 5 }]).to_string();
        let patch = |media_type: &str| {
            owner.call(Method::PATCH, &one).content_type(media_type).body(operations.clone())
        };
        for media_type in
            JSON.into_iter().chain(["application/json-patch+json", "APPLICATION/json-patch+json; x=y"])
        {
            patch(media_type).await.expect(204);
        }
        for media_type in OTHERS {
            let answer = patch(media_type).await;
            answer.assert_problem(415, &[]);
            assert_eq!(answer.header("accept-patch"), Some("application/json-patch+json, application/json"));
        }
    }

    #[tokio::test]
    async fn get_ignores_what_comes_with_it() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        owner.read(id).content_type("text/xml").body("<no/>").await.expect(200);
    }

    #[tokio::test]
    async fn what_is_sent() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let json = Some("application/json; charset=utf-8");
        let sent = dialog().with("/content/title", texts("<b>Æ & 'ø'</b> 😀"));

        let created = owner.create(&sent).await.expect(201);
        let id = created.id();
        assert_eq!(created.header("content-type"), json);
        assert_eq!(created.text(), format!("\"{id}\""));
        assert_eq!(created.header("location"), Some(format!("{OWNER_DIALOGS}/{id}").as_str()));
        assert_eq!(created.etag().get_version_num(), 4);

        for answer in [owner.read(id).await, person.open(id).await] {
            let answer = answer.expect(200);
            assert_eq!(answer.header("content-type"), json);
            assert!(answer.text().contains("<b>Æ & 'ø'</b> 😀"), "{}", answer.text());
            assert!(!answer.text().contains("null"), "{}", answer.text());
        }
        assert_eq!(person.list(&[("party", PERSON), ("limit", "1")]).await.header("content-type"), json);

        let changed = owner.put(id, &dialog().with("/status", "Draft")).await.expect(204);
        assert_eq!(changed.header("content-type"), None);
        assert!(changed.body.is_empty());
    }

    #[tokio::test]
    async fn accept_counts_only_for_the_documents_of_everybody() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        owner.read(id).header("accept", "text/html").await.expect(200);
        for path in [JWKS, OAUTH_SERVER] {
            for accept in
                ["*/*", "application/*;q=0.1", "text/html, application/json", "application/a+json", "?"]
            {
                service.anonymous().get(path).header("accept", accept).await.expect(200);
            }
            service.anonymous().get(path).await.expect(200);
            for accept in ["text/html", "application/json;q=0", "application/xml, text/*"] {
                let answer = service.anonymous().get(path).header("accept", accept).await;
                answer.assert_problem(406, &[("Accept", "application/json")]);
            }
        }
    }
}

mod json_bodies {
    use super::*;

    #[tokio::test]
    async fn members_are_matched_without_case_and_unknown_ones_are_ignored() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = json!({
            "SERVICERESOURCE": RESOURCE,
            "Party": PERSON,
            "sTaTuS": "inProgress",
            "unknown": { "anything": [1, null] },
            "systemLabels": 7,
            "Content": {
                "Title": { "Value": [{ "LanguageCode": "nb", "VALUE": "Tittel", "more": 1 }], "MEDIATYPE": "text/plain" },
                "SenderName": texts("Etaten"),
                "Summary": texts("Sammendrag"),
                "AdditionalInfo": texts("Mer"),
                "ExtendedStatus": texts("Venter"),
                "color": "red",
            },
            "apiActions": [{ "action": "read", "endPoints": [{ "url": "https://example.com/", "HttpMethod": "get" }] }],
            "ServiceOwnerContext": { "ServiceOwnerLabels": [{ "Value": "label" }] },
        });
        let read = owner.dialog(owner.created(&sent).await).await;
        assert_eq!(read["status"], "InProgress");
        assert_eq!(read["content"]["title"]["value"], text("Tittel"));
        for field in ["senderName", "summary", "additionalInfo", "extendedStatus"] {
            assert!(read["content"].get(field).is_some(), "{field}");
        }
        assert_eq!(read["apiActions"][0]["endpoints"][0]["httpMethod"], "GET");
        assert_eq!(read["serviceOwnerContext"]["serviceOwnerLabels"][0]["value"], "label");
    }

    #[tokio::test]
    async fn the_last_of_equal_members_wins() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = dialog().to_string().replacen('{', r#"{"progress":1,"Progress":2,"PROGRESS":3,"#, 1);
        let id = owner.create(&json!({})).body(sent).await.expect(201).id();
        assert_eq!(owner.dialog(id).await["progress"], 3);
        // Also when that one is wrong.
        let sent = dialog().to_string().replacen('{', r#"{"progress":1,"Progress":"x","#, 1);
        owner.create(&json!({})).body(sent).await.assert_problem(400, &[("dto.progress", "integer")]);
    }

    #[tokio::test]
    async fn what_is_not_json_is_refused_where_it_breaks() {
        let service = Service::shared().await;
        let owner = service.owner();
        let deep = |depth: usize| {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            dialog().to_string().replacen('{', &format!(r#"{{"unknown":{nested},"#), 1)
        };
        for (body, key) in [
            (String::new(), "SerializerErrors"),
            (" \n".to_owned(), "SerializerErrors"),
            ("{".to_owned(), "SerializerErrors"),
            ("{'party':'x'}".to_owned(), "SerializerErrors"),
            ("NaN".to_owned(), "SerializerErrors"),
            ("{} {}".to_owned(), "SerializerErrors"),
            ("// comment\n{}".to_owned(), "SerializerErrors"),
            (r#"{"progress":NaN}"#.to_owned(), "progress"),
            (r#"{"progress":1,}"#.to_owned(), "SerializerErrors"),
            (r#"{"progress":1e999}"#.to_owned(), "progress"),
            (r#"{"content":{"title":}}"#.to_owned(), "content.title"),
            (r#"{"searchTags":[{"value":"a"},]}"#.to_owned(), "searchTags"),
            (r#"{"party":"x"#.to_owned(), "party"),
            (deep(64), "unknown"),
        ] {
            let answer = owner.create(&json!({})).body(body.clone()).await;
            assert_eq!(answer.status, 400, "{body}");
            answer.assert_problem_document(400);
            let keys = answer.error_keys();
            assert_eq!(keys.len(), 1, "{body}: {keys:?}");
            assert!(keys[0].starts_with(key), "{body}: {keys:?}");
        }
        let not_utf8 = owner.create(&json!({})).body(b"{\"party\":\"\xff\"}".to_vec()).await;
        not_utf8.assert_problem_document(400);
        owner.create(&json!({})).body(deep(63)).await.expect(201);
        owner.create(&json!({})).body(format!("\u{feff}{}", dialog())).await.expect(201);
    }

    #[tokio::test]
    async fn the_body_is_an_object() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        for call in [owner.create(&json!(null)), owner.put(id, &json!(null))] {
            call.await.assert_problem(400, &[("dto", "null")]);
        }
        for body in [json!([]), json!("text"), json!(1), json!(true)] {
            for call in [owner.create(&body), owner.put(id, &body)] {
                let answer = call.await;
                answer.assert_problem_document(400);
                assert!(answer.error_keys().contains(&"SerializerErrors".to_owned()), "{}", answer.text());
            }
        }
    }

    #[tokio::test]
    async fn null_is_no_value_and_no_list_and_nothing_else() {
        let service = Service::shared().await;
        let owner = service.owner();
        let base = one_of_each();
        let nullable = [
            "id",
            "idempotentKey",
            "progress",
            "extendedStatus",
            "externalReference",
            "visibleFrom",
            "dueAt",
            "process",
            "precedingProcess",
            "expiresAt",
            "createdAt",
            "updatedAt",
            "status",
            "systemLabel",
            "serviceOwnerContext",
        ];
        let lists = ["searchTags", "attachments", "transmissions", "guiActions", "apiActions", "activities"];
        let sent = nullable
            .iter()
            .chain(&lists)
            .fold(base.clone(), |sent, name| sent.with(&format!("/{name}"), Value::Null));
        let read = owner.dialog(owner.created(&sent).await).await;
        for list in lists {
            assert_eq!(read[list], json!([]), "{list}");
        }
        for pointer in [
            "/party",
            "/serviceResource",
            "/isApiOnly",
            "/content/title",
            "/content/title/mediaType",
            "/content/title/value/0/value",
            "/content/title/value/0/languageCode",
            "/content/title/value/0",
            "/searchTags/0",
            "/attachments/0",
            "/attachments/0/urls/0",
            "/attachments/0/urls/0/url",
            "/guiActions/0/httpMethod",
            "/guiActions/0/isDeleteDialogAction",
            "/transmissions/0",
            "/transmissions/0/createdAt",
            "/transmissions/0/content/title",
            "/activities/0/performedBy",
        ] {
            let answer = owner.create(&base.clone().with(pointer, Value::Null)).await;
            assert_eq!(answer.status, 400, "{pointer}");
            assert!(answer.error_keys().contains(&key_of(pointer)), "{pointer}: {}", answer.text());
        }
    }

    #[tokio::test]
    async fn values_of_another_type_are_all_reported() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = one_of_each()
            .with("/party", 7)
            .with("/isApiOnly", "true")
            .with("/progress", 1.5)
            .with("/content/title/value/0/value", json!({}))
            .with("/attachments/0/id", "x")
            .with("/attachments/0/urls/0/url", "in|valid")
            .with("/attachments/0/urls/0/consumerType", "Both")
            .with("/searchTags", "tag")
            .with("/guiActions/0", "button")
            .with("/dueAt", 0);
        let answer = owner.create(&sent).await;
        answer.assert_problem(
            400,
            &[
                ("dto.party", "string"),
                ("dto.isApiOnly", "true or false"),
                ("dto.progress", "integer"),
                ("dto.content.title.value[0].value", "string"),
                ("dto.attachments[0].id", "UUID"),
                ("dto.attachments[0].urls[0].url", "URI"),
                ("dto.attachments[0].urls[0].consumerType", "Gui, Api"),
                ("dto.searchTags", "list"),
                ("dto.guiActions[0]", "object"),
                ("dto.dueAt", "RFC 3339"),
            ],
        );
    }

    #[tokio::test]
    async fn moments_have_an_offset_and_are_written_in_one_form() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (written, read) in [
            ("2033-01-01T10:00:00+02:00", "2033-01-01T08:00:00.0000000Z"),
            ("2033-01-01T10:00Z", "2033-01-01T10:00:00.0000000Z"),
            ("2033-01-01T10:00:00.1Z", "2033-01-01T10:00:00.1000000Z"),
            ("2033-01-01T10:00:00.1234567Z", "2033-01-01T10:00:00.1234560Z"),
            ("2033-01-01T10:00:00.1234560000000000-00:30", "2033-01-01T10:30:00.1234560Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999990Z"),
        ] {
            let id = owner.created(&dialog().with("/dueAt", written)).await;
            assert_eq!(owner.dialog(id).await["dueAt"], read);
        }
        for bad in [
            "2033-01-01T10:00:00",
            "2033-01-01",
            "2033-01-01T10:00:00+02",
            "2033-01-01T10:00:00+0200",
            "2033-01-01T10:00:00z",
            "2033-01-01t10:00:00Z",
            "2033-01-01 10:00:00Z",
            "2033-01-01T10:00:60Z",
            "2033-02-29T10:00:00Z",
            "0000-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "2033-01-01T10:00:00.Z",
            "2033-01-01T10:00:00.12345678901234567Z",
            "Sat, 01 Jan 2033 10:00:00 GMT",
            "",
        ] {
            let answer = owner.create(&dialog().with("/dueAt", bad)).await;
            answer.assert_problem(400, &[("dto.dueAt", "offset")]);
        }
        // The oldest there are.
        let sent = one_of_each()
            .with("/createdAt", "0001-01-01T00:00:00.000001Z")
            .with("/transmissions/0/createdAt", "0001-01-01T00:00:00.000001Z")
            .with("/activities/0/createdAt", "0001-01-01T00:00:00.1Z");
        let read = owner.dialog(owner.created(&sent).await).await;
        assert_eq!(read["createdAt"], "0001-01-01T00:00:00.0000010Z");
        assert_eq!(read["transmissions"][0]["createdAt"], "0001-01-01T00:00:00.0000010Z");
        assert_eq!(read["activities"][0]["createdAt"], "0001-01-01T00:00:00.1000000Z");
    }

    #[tokio::test]
    async fn every_moment_has_seven_digits_and_no_null_is_written() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let sent = full_dialog(service);
        let id = owner.created(&sent).await;
        let process = sent["process"].as_str().unwrap();
        for (answer, count) in [
            (person.opened(id).await, 16),
            (owner.dialog(id).await, 16),
            (person.list(&[("party", PERSON), ("process", process)]).await.json(), 7),
        ] {
            let mut moments = 0;
            visit(&answer, &mut |name, value| {
                assert!(!value.is_null(), "{name}: {answer:#}");
                let Some(text) = value.as_str().filter(|_| name.ends_with("At") || name == "visibleFrom")
                else {
                    return;
                };
                let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                assert_eq!(shape, "0000-00-00T00:00:00.0000000Z", "{name}");
                assert!(text.ends_with("0Z"), "{name}: {text}");
                moments += 1;
            });
            assert_eq!(moments, count);
        }
    }

    fn visit(value: &Value, see: &mut impl FnMut(&str, &Value)) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    see(name, member);
                    visit(member, see);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
            _ => {}
        }
    }
}

mod sizes {
    use super::*;

    const LIMIT: usize = 20_000_000;

    /// A dialog of exactly this many bytes.
    fn of_size(bytes: usize) -> String {
        let head = dialog().to_string().replacen('{', r#"{"unknown":""#, 1);
        let (start, end) = head.split_at(r#"{"unknown":""#.len());
        let padding = bytes - start.len() - r#"","#.len() - end.len();
        format!("{start}{}\",{end}", "x".repeat(padding))
    }

    #[tokio::test]
    async fn twenty_million_bytes_are_read_and_not_one_more() {
        let service = Service::shared().await;
        let owner = service.owner();
        assert_eq!(of_size(LIMIT).len(), LIMIT);
        owner.create(&json!({})).body(of_size(LIMIT)).await.expect(201);
        let answer = owner.create(&json!({})).body(of_size(LIMIT + 1)).await;
        answer.assert_problem(413, &[]);
        assert!(answer.json()["title"].as_str().unwrap().contains("20000000"));
    }

    #[tokio::test]
    async fn bodies_of_unknown_length_are_counted_while_they_come() {
        let service = Service::shared().await;
        for (size, status) in [(LIMIT, "201"), (LIMIT + 1_000_000, "413")] {
            let (address, token) = (service.address(), service.owner_token());
            let answer =
                tokio::task::spawn_blocking(move || send_in_chunks(&address, &token, &of_size(size)));
            let answer = answer.await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    }

    fn send_in_chunks(address: &str, token: &str, body: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST {OWNER_DIALOGS} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        for chunk in body.as_bytes().chunks(1 << 20) {
            let header = format!("{:x}\r\n", chunk.len());
            for part in [header.as_bytes(), chunk, b"\r\n"] {
                stream.write_all(part).unwrap();
            }
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

mod parameters {
    use super::*;

    #[tokio::test]
    async fn ids_in_the_path_are_uuids() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = service.id();
        for bad in [
            "not-a-uuid".to_owned(),
            format!("{{{id}}}"),
            format!("({id})"),
            format!("urn:uuid:{id}"),
            id.to_string()[1..].to_owned(),
        ] {
            let one = format!("{OWNER_DIALOGS}/{bad}");
            owner.get(&one).await.assert_problem(400, &[("dialogId", "UUID")]);
            owner.call(Method::PUT, &one).json(&dialog()).await.assert_problem(400, &[("dialogId", "UUID")]);
            owner
                .call(Method::PATCH, &one)
                .json(&json!([]))
                .await
                .assert_problem(400, &[("dialogId", "UUID")]);
            person.get(&format!("{USER_DIALOGS}/{bad}")).await.assert_problem(400, &[("dialogId", "UUID")]);
        }
        owner.get(&format!("{OWNER_DIALOGS}/%00")).await.assert_problem(400, &[("dialogId", "UUID")]);
        owner.get(&format!("{OWNER_DIALOGS}/%FF")).await.assert_problem(400, &[("dialogId", "UTF-8")]);
        // A version that no dialog can have is no mistake of form.
        let other = "86ea8715-05f5-4a4e-8bf7-91840e06dee5";
        owner.get(&format!("{OWNER_DIALOGS}/{other}")).await.assert_problem(404, &[("DialogEntity", other)]);
        person.get(&format!("{USER_DIALOGS}/{other}")).await.assert_problem(404, &[("DialogEntity", other)]);
    }

    #[tokio::test]
    async fn booleans_are_true_or_false() {
        let service = Service::shared().await;
        let owner = service.owner();
        let create =
            |query: &str| owner.call(Method::POST, &format!("{OWNER_DIALOGS}?{query}")).json(&dialog());
        for query in
            ["isSilentUpdate=TRUE", "ISSILENTUPDATE=false", "isSilentUpdate=", "unknown=1&unknown=2", "&&"]
        {
            create(query).await.expect(201);
        }
        for query in ["isSilentUpdate=1", "isSilentUpdate=yes", "isSilentUpdate=true,false"] {
            create(query).await.assert_problem(400, &[("isSilentUpdate", "true or false")]);
        }
        create("IsSilentUpdate=0").await.assert_problem(400, &[("IsSilentUpdate", "true or false")]);
        create("isSilentUpdate=true&isSilentUpdate=true")
            .await
            .assert_problem(400, &[("isSilentUpdate", "once")]);
    }

    #[tokio::test]
    async fn lists_come_repeated_with_commas_or_as_json() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:test:{}", service.unique());
        let mut ids = Vec::new();
        for status in ["Draft", "Completed", "InProgress"] {
            let sent = dialog().with("/process", process.as_str()).with("/status", status);
            ids.push(owner.created(&sent).await);
        }
        let found = async |query: &str| {
            let path = format!(
                "{USER_DIALOGS}?party={PERSON}&process={process}&orderBy=createdAt_asc,id_asc&{query}"
            );
            person.get(&path).await.expect(200).item_ids()
        };
        let first_two = &ids[..2];
        assert_eq!(found("status=draft&status=Completed").await, first_two);
        assert_eq!(found("status=draft,Completed").await, first_two);
        assert_eq!(found("STATUS=Draft&status=completed").await, first_two);
        assert_eq!(found("status=%5B%22Draft%22,%22Completed%22%5D").await, first_two);
        assert_eq!(found("STATUS=draft").await, &ids[..1]);
        assert_eq!(found("").await, ids);
        for (query, key) in [
            ("status=nonsense", "status"),
            ("Status=2", "Status"),
            ("STATUS=", "STATUS"),
            ("status=a,,b", "status"),
        ] {
            let answer = person.get(&format!("{USER_DIALOGS}?party={PERSON}&{query}")).await;
            answer.assert_problem(400, &[(key, "Draft")]);
        }
    }

    #[tokio::test]
    async fn dates_in_queries_may_lack_offset_and_time() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let process = format!("urn:test:{}", service.unique());
        let sent = dialog().with("/process", process.as_str()).with("/dueAt", "2040-02-03T00:00:00Z");
        let id = owner.created(&sent).await;
        for (bound, is_there) in [
            ("dueAfter=2040-02-03", true),
            ("dueBefore=2040-02-03", true),
            ("dueAfter=2040-02-03T00:00:00.000001Z", false),
            ("dueBefore=2040-02-02T23:59:59.999999Z", false),
            ("dueAfter=2040-02-03T02:00:00%2B02:00", true),
            ("dueAfter=2040-02-03T02:00:00+02:00", true),
            ("dueAfter=2040-02-03T00:00:00", true),
            ("dueAfter=2040-02-03T00:00:01", false),
            ("dueAfter=", true),
        ] {
            let path = format!("{USER_DIALOGS}?party={PERSON}&process={process}&{bound}");
            let found = person.get(&path).await.expect(200).item_ids();
            assert_eq!(found.contains(&id), is_there, "{bound}");
        }
        let bad = "DueAfter=tomorrow&createdBefore=03.02.2040&updatedAfter=1&limit=many&isContentSeen=1";
        let answer = person.get(&format!("{USER_DIALOGS}?party={PERSON}&{bad}")).await;
        answer.assert_problem(
            400,
            &[
                ("DueAfter", "RFC 3339"),
                ("createdBefore", "RFC 3339"),
                ("updatedAfter", "RFC 3339"),
                ("limit", "integer"),
                ("isContentSeen", "true or false"),
            ],
        );
    }
}

mod conditions {
    use super::*;
    use uuid::Uuid;

    /// What `If-Match` holds, with the dialog's revision in place of `R`.
    #[tokio::test]
    async fn forms_of_if_match() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog().with("/status", "Draft")).await;
        let other = "86ea8715-05f5-4a4e-8bf7-91840e06dee5";
        for (lines, status) in [
            (vec!["R"], 204),
            (vec!["\"R\""], 204),
            (vec!["*"], 204),
            (vec![&format!("\"{other}\", \"R\"")], 204),
            (vec![&format!("\"{other}\""), "\"R\""], 204),
            (vec!["\"not a uuid\",\"R\""], 204),
            (vec!["W/\"R\""], 412),
            (vec![other], 412),
            (vec![&format!("\"{other}\"")], 412),
            (vec!["\"not a uuid\""], 412),
            (vec![&format!("\"{other}\", W/\"R\"")], 412),
            (vec!["word"], 400),
            (vec![""], 400),
            (vec!["\"R"], 400),
            (vec!["R\""], 400),
            (vec!["\"R\" \"R\""], 400),
            (vec!["\"R\","], 400),
            (vec!["{R}"], 400),
        ] {
            let revision = owner.read(id).await.etag();
            for progress in [1, 2] {
                let body = dialog().with("/status", "Draft").with("/progress", progress);
                let operations = json!([{ "op": "add", "path": "/progress", "value": progress + 10 }]);
                for (name, call) in [("PUT", owner.put(id, &body)), ("PATCH", owner.patch(id, &operations))] {
                    let now = owner.read(id).await.etag();
                    let call = lines.iter().fold(call, |call, line| {
                        call.header("if-match", &line.replace('R', &now.to_string()))
                    });
                    let answer = call.await;
                    assert_eq!(answer.status, status, "{name} {lines:?}: {}", answer.text());
                    match status {
                        204 => assert_ne!(answer.etag(), now),
                        412 => answer.assert_problem(412, &[]),
                        _ => answer.assert_problem(400, &[("If-Match", "")]),
                    }
                }
            }
            let unchanged = owner.read(id).await.etag() == revision;
            assert_eq!(unchanged, status != 204, "{lines:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_404_whatever_the_condition() {
        let service = Service::shared().await;
        let owner = service.owner();
        let unknown = service.id();
        let foreign = service.other_owner().created(&dialog().with("/serviceResource", OTHER_OWNERS)).await;
        let deleted = owner.created(&dialog()).await;
        service.database.execute("update dialog set deleted_at = now() where id = $1", deleted).await;
        let body = dialog().with("/status", "Draft");
        let calls = |id: Uuid, condition: &str| {
            let put = owner.put(id, &body).header("if-match", condition);
            let patch = owner.patch(id, &json!([])).header("if-match", condition);
            [put, patch]
        };
        for condition in ["*", "\"86ea8715-05f5-4a4e-8bf7-91840e06dee5\""] {
            for id in [unknown, foreign] {
                for call in calls(id, condition) {
                    call.await.assert_problem(404, &[("DialogEntity", &id.to_string())]);
                }
            }
            for call in calls(deleted, condition) {
                call.await.assert_problem(410, &[("DialogEntity", &deleted.to_string())]);
            }
        }
        // What is wrong with the body does not matter then, nor with an id that no dialog can have.
        owner.put(unknown, &json!({ "progress": 1000 })).await.assert_problem(404, &[("DialogEntity", "")]);
        owner.put(Uuid::nil(), &body).await.assert_problem(400, &[("id", "")]);
        owner.act(Uuid::nil(), "purge").await.assert_problem(400, &[("id", "")]);
    }

    #[tokio::test]
    async fn an_unchanged_dialog_is_not_sent_again() {
        let service = Service::shared().await;
        let owner = service.owner();
        let created = owner.create(&dialog()).await;
        let (id, revision) = (created.id(), created.etag());
        for tag in
            [format!("\"{revision}\""), format!("W/\"{revision}\""), "\"x\", *".into(), revision.to_string()]
        {
            let answer = owner.read(id).header("if-none-match", &tag).await.expect(304);
            assert_eq!(answer.etag(), revision);
            assert!(answer.body.is_empty());
        }
        owner.read(id).header("if-none-match", &format!("\"{}\"", service.id())).await.expect(200);
        // What an end user sees depends on more than the revision.
        service.person().open(id).header("if-none-match", &format!("\"{revision}\"")).await.expect(200);
    }
}

mod headers {
    use super::*;

    #[tokio::test]
    async fn answers_to_callers_are_not_for_caches() {
        let service = Service::shared().await;
        let owner = service.owner();
        let id = owner.created(&dialog()).await;
        let private = Some("private, no-store");
        for answer in [
            owner.create(&dialog()).await,
            owner.read(id).await,
            owner.read(service.id()).await,
            service.person().open(id).await,
            service.person().list(&[("party", PERSON), ("limit", "1")]).await,
            service.anonymous().read(id).await,
            owner.put(id, &dialog().with("/status", "Draft")).await,
        ] {
            assert_eq!(answer.header("cache-control"), private, "{}", answer.status);
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
        for path in [JWKS, OAUTH_SERVER] {
            let answer = service.anonymous().get(path).await.expect(200);
            assert_eq!(answer.header("cache-control"), Some("public, max-age=86400"));
        }
    }

    #[tokio::test]
    async fn the_trace_of_the_caller_goes_on() {
        let service = Service::shared().await;
        let nobody = service.anonymous();
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = async |traceparent: Option<&str>| {
            let call = nobody.get("/api/v1/nothing");
            let call = match traceparent {
                Some(value) => call.header("traceparent", value),
                None => call,
            };
            call.await.json()["traceId"].as_str().unwrap().to_owned()
        };
        let continued = of(Some(&format!("00-{trace}-00f067aa0ba902b7-01"))).await;
        assert!(continued.starts_with(&format!("00-{trace}-")) && continued.ends_with("-01"), "{continued}");
        assert!(!continued.contains("00f067aa0ba902b7"), "a span of its own");
        assert_ne!(of(None).await, of(None).await);
        for bad in [
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{trace}-00f067aa0ba902b7"),
            "nonsense".to_owned(),
        ] {
            assert!(!of(Some(&bad)).await.contains(trace), "{bad}");
        }
    }

    #[tokio::test]
    async fn languages_by_weight_then_the_fallbacks() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let all = ["de", "en", "fr", "nb", "nn"];
        let titles: Vec<_> = all.iter().map(|code| (*code, *code)).collect();
        let sent = full_dialog(service)
            .with("/content/title/value", localized(&titles))
            .with("/content/summary/value", localized(&[("fi", "fi"), ("fr", "fr")]))
            .with("/content/senderName/value", localized(&[("fi", "fi"), ("is", "is")]));
        let id = owner.created(&sent).await;
        let process = sent["process"].as_str().unwrap();
        let languages = |value: &Value| -> Vec<String> {
            let texts = value["value"].as_array().unwrap();
            texts.iter().map(|text| text["languageCode"].as_str().unwrap().to_owned()).collect()
        };
        for (header, title, summary) in [
            ("de", vec!["de"], vec!["fi", "fr"]),
            ("nb-NO", vec!["nb"], vec!["fi", "fr"]),
            ("nn_NO,nb;q=0.9", vec!["nn"], vec!["fi", "fr"]),
            ("fr;q=0.1, de;q=0.2", vec!["de"], vec!["fr"]),
            ("fr ; q = 0.3 , de ; q=0.2", vec!["fr"], vec!["fr"]),
            ("es", vec!["en"], vec!["fi", "fr"]),
            ("sv", vec!["nb"], vec!["fi", "fr"]),
            ("da, es", vec!["nb"], vec!["fi", "fr"]),
            ("*", vec!["en"], vec!["fi", "fr"]),
            ("es, en;q=0", vec!["nb"], vec!["fi", "fr"]),
            ("no", vec!["nb"], vec!["fi", "fr"]),
            ("DE;q=0.5,de;q=0.9,fr;q=0.7", vec!["de"], vec!["fr"]),
            ("", all.to_vec(), vec!["fi", "fr"]),
        ] {
            let dialog = person.open(id).header("accept-language", header).await.expect(200);
            assert_eq!(dialog.header("vary"), Some("Accept-Language"));
            let list =
                person.list(&[("party", PERSON), ("process", process)]).header("accept-language", header);
            let list = list.await.expect(200).json();
            for content in [&dialog.json()["content"], &list["items"][0]["content"]] {
                assert_eq!(languages(&content["title"]), title, "{header}");
                assert_eq!(languages(&content["summary"]), summary, "{header}");
                assert_eq!(languages(&content["senderName"]), ["fi", "is"], "{header}");
            }
        }
        let read = person.opened(id).await;
        assert_eq!(languages(&read["content"]["title"]), all);
        // Everything with languages is cut.
        let read = person.open(id).header("accept-language", "en").await.json();
        assert_eq!(read["attachments"][0]["displayName"], localized(&[("en", "Decision")]));
        assert_eq!(read["guiActions"][1]["prompt"], localized(&[("en", "Sure?")]));
        assert_eq!(read["activities"][1]["description"], localized(&[("en", "Called us")]));
        assert_eq!(
            read["content"]["mainContentReference"]["value"],
            localized(&[("en", "https://example.com/en")])
        );
        // The service owner always sees all.
        let read = owner.read(id).header("accept-language", "en").await.json();
        assert_eq!(languages(&read["content"]["title"]), all);

        for bad in ["invalid;;;", "en;x=1", "en;q=2", "en;q=-1", "en;q=high", "en;q"] {
            for call in [person.open(id), person.list(&[("party", PERSON)])] {
                let answer = call.header("accept-language", bad).await;
                answer.assert_problem(400, &[("Accept-Language", "Accept-Language")]);
            }
        }
    }
}

mod health {
    use super::*;

    #[tokio::test]
    async fn everybody_may_ask_for_health() {
        let service = Service::shared().await;
        for path in ["/health", "/health/", "/health/startup", "/health/readiness", "/health/liveness"] {
            let answer = service.anonymous().get(path).await.expect(200);
            assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
            let report = answer.json();
            assert_eq!(report["status"], "Healthy", "{path}: {report:#}");
            let entries = report["entries"].as_object().unwrap();
            assert!(entries.values().all(|entry| entry["status"] == "Healthy"), "{report:#}");
            assert_eq!(entries.contains_key("postgres"), !path.contains("liveness"), "{path}");
        }
    }

    #[tokio::test]
    async fn without_a_database_the_service_lives_but_is_not_ready() {
        let service = Service::alone().await;
        let (owner, id) = (service.owner(), service.id());
        owner.read(id).await.expect(404);
        service.database.remove().await;

        let report = service.anonymous().get("/health/readiness").await.expect(503).json();
        assert_eq!(report["status"], "Unhealthy");
        assert_eq!(report["entries"]["postgres"]["status"], "Unhealthy");
        service.anonymous().get("/health/liveness").await.expect(200);

        // What went wrong stays inside.
        for answer in [owner.read(id).await, owner.create(&dialog()).await, service.person().open(id).await] {
            let problem = answer.assert_problem_document(500);
            assert!(problem["detail"].is_string());
            assert!(problem.get("errors").is_none());
            for word in ["database", "sql", "postgres", "test_"] {
                assert!(!answer.text().to_lowercase().contains(word), "{}", answer.text());
            }
        }
    }
}

mod well_known {
    use super::*;

    #[tokio::test]
    async fn dialog_tokens_can_be_checked_with_the_published_key() {
        let service = Service::shared().await;
        let id = service.owner().created(&full_dialog(service)).await;
        let read = service.person().opened(id).await;
        let server = service.anonymous().get(OAUTH_SERVER).await.expect(200).json();
        let jwks = service.anonymous().get(JWKS).await.expect(200).json();
        let issuer = server["issuer"].as_str().unwrap();
        assert!(issuer.ends_with("/api/v1"), "{issuer}");
        assert_eq!(server["jwks_uri"], format!("{issuer}/.well-known/jwks.json"));
        let key = &jwks["keys"][0];
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"]),
            (&json!("OKP"), &json!("Ed25519"), &json!("sig"))
        );
        assert!(key.get("d").is_none(), "a private key");

        let token = read["dialogToken"].as_str().unwrap();
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.clone()).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
        rules.set_issuer(&[issuer]);
        rules.validate_nbf = true;
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let claims = jsonwebtoken::decode::<Value>(token, &decoding, &rules).unwrap().claims;
        for (name, value) in [
            ("i", json!(id.to_string())),
            ("p", json!(PERSON)),
            ("c", json!(PERSON)),
            ("s", json!(RESOURCE)),
            ("l", json!(3)),
            ("a", json!("read")),
        ] {
            assert_eq!(claims[name], value, "{name}: {claims:#}");
        }
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    }
}
