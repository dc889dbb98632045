use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;
use crate::access::policy::Policy;
use crate::api;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn documents() -> impl Iterator<Item = (Document, Value)> {
    let operations = api::endpoints().operations();
    Document::ALL.into_iter().map(move |document| {
        let text = document.render(&operations, None);
        (document, serde_json::from_str(&text).unwrap())
    })
}

/// Every operation of a document: where it is, and what it is.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Every value of a document, with its JSON Pointer.
fn walk<'a>(value: &'a Value, pointer: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(pointer, value);
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{pointer}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{pointer}/{index}"), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn the_copies_in_the_repository_are_fresh() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let operations = api::endpoints().operations();
    for document in Document::ALL {
        let path = directory.join(format!("{}.json", document.name()));
        let copy = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            copy == document.render(&operations, None),
            "{} is not what the code says; to write it anew: cargo run -- openapi",
            path.display()
        );
    }
}

#[test]
fn references_lead_somewhere_and_every_schema_is_referred_to() {
    for (name, document) in documents() {
        let mut used = BTreeSet::new();
        walk(&document, "", &mut |pointer, value| {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let target = reference.strip_prefix('#').unwrap_or_default();
                assert!(
                    document.pointer(target).is_some_and(Value::is_object),
                    "{name:?} {pointer}: {reference}"
                );
                used.insert(target.rsplit('/').next().unwrap());
            }
        });
        let named: BTreeSet<_> =
            document["components"]["schemas"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(used, named, "{name:?}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(named.iter().all(|name| name.chars().all(is_plain)), "{named:?}");
    }
}

#[test]
fn no_two_shapes_have_one_name() {
    let operations = api::endpoints().operations();
    for document in Document::ALL {
        let (_, schemas) = document.describe(&operations, None);
        assert!(schemas.clashes.is_empty(), "{document:?}: {:?}", schemas.clashes);
    }
}

#[test]
fn every_operation_is_in_the_documents_of_its_group_under_ids_of_its_own() {
    let routed = api::endpoints().operations();
    let places: BTreeSet<_> = routed.iter().map(|o| (o.path.to_ascii_lowercase(), o.verb.name())).collect();
    assert_eq!(places.len(), routed.len(), "two operations in one place");
    for (name, document) in documents() {
        let ids: Vec<_> = operations(&document).map(|(_, o)| o["operationId"].as_str().unwrap()).collect();
        let distinct: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "{name:?}: {ids:?}");
        let expected: BTreeSet<_> = routed
            .iter()
            .filter(|o| name.groups().contains(&o.group()))
            .map(|o| if name == Document::Combined { o.long_id } else { o.id })
            .collect();
        assert_eq!(distinct, expected, "{name:?}");
    }
    let all = documents().next().unwrap().1;
    assert_eq!(operations(&all).count(), routed.len());
}

#[test]
fn operations_say_who_may_call_them_and_what_can_go_wrong() {
    let anonymous: BTreeSet<_> = api::endpoints()
        .operations()
        .into_iter()
        .filter(|o| o.policy == Policy::Anonymous)
        .map(|o| format!("{} {}", o.verb.name(), o.path))
        .collect();
    for (name, document) in documents() {
        let schemes = document["components"]["securitySchemes"].as_object().unwrap();
        let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        for (place, operation) in operations(&document) {
            assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{place}");
            assert!(tags.contains(&&operation["tags"][0]), "{place}");
            let security = operation["security"].as_array().unwrap();
            assert_eq!(security.is_empty(), anonymous.contains(&place), "{name:?} {place}");
            for requirement in security {
                let (scheme, scopes) = requirement.as_object().unwrap().iter().next().unwrap();
                assert!(schemes.contains_key(scheme), "{name:?} {place}: {scheme}");
                assert!(!scopes.as_array().unwrap().is_empty(), "{place}");
            }
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("503"), "{place}");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
            assert!(responses.keys().any(|status| status.starts_with('4')), "{place}");
            for status in ["401", "403"] {
                assert_eq!(responses.contains_key(status), !security.is_empty(), "{place} {status}");
            }
            for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('4')) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ProblemDetails", "{place} {status}");
            }
        }
    }
}

/// What the specification of OpenAPI 3.1 asks for, as far as these documents have it.
#[test]
fn documents_are_well_formed() {
    for (name, document) in documents() {
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
        assert!(document.get("servers").is_none());
        for (path, item) in document["paths"].as_object().unwrap() {
            assert!(path.starts_with('/'), "{path}");
            assert!(item.as_object().unwrap().keys().all(|key| METHODS.contains(&key.as_str())), "{path}");
        }
        for (place, operation) in operations(&document) {
            let mut seen = BTreeSet::new();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let [place_of, parameter_name] = ["in", "name"].map(|key| parameter[key].as_str().unwrap());
                assert!(seen.insert((place_of, parameter_name)), "{place}: {parameter_name} twice");
                assert!(parameter["schema"].is_object() && parameter["description"].is_string(), "{place}");
                match place_of {
                    "path" => {
                        assert!(
                            place.contains(&format!("{{{parameter_name}}}")),
                            "{place}: {parameter_name}"
                        );
                        assert_eq!(parameter["required"], true);
                    }
                    "query" | "header" => {}
                    _ => panic!("{place}: {place_of}"),
                }
            }
            let in_path = seen.iter().filter(|(place_of, _)| *place_of == "path").count();
            assert_eq!(in_path, place.matches('{').count(), "{place}");
            if let Some(body) = operation.get("requestBody") {
                assert_eq!(body["required"], true, "{place}");
                assert!(!body["content"].as_object().unwrap().is_empty(), "{place}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{place} {status}"
                );
            }
        }
        walk(&document, "", &mut |pointer, value| {
            let is_member = pointer.rsplit('/').nth(1) == Some("properties");
            if !is_member && pointer.ends_with("/content") {
                for (kind, media) in value.as_object().unwrap() {
                    assert!(kind.parse::<mime::Mime>().is_ok() && media["schema"].is_object(), "{pointer}");
                }
            }
            // Schemas are below `schema` or below the components.
            if !is_member && pointer.contains("/schema") && pointer.ends_with("/type") {
                let kinds = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                let known = ["array", "boolean", "integer", "null", "number", "object", "string"];
                let is_known = |kind: &Value| kind.as_str().is_some_and(|kind| known.contains(&kind));
                assert!(!kinds.is_empty() && kinds.iter().all(is_known), "{name:?} {pointer}: {value}");
            }
            // OpenAPI 3.0 had it; 3.1 does not.
            assert!(is_member || !pointer.ends_with("/nullable"), "{pointer}");
        });
    }
}

#[tokio::test]
async fn documents_are_served_under_both_paths_with_the_server() {
    let operations = api::endpoints().operations();
    let router: Router = router(&operations, "https://dialogporten.example");
    for (name, is_open) in [("v1", true), ("v1.serviceowner", false), ("v1.enduser", false)] {
        for path in [format!("/openapi/{name}.json"), format!("/swagger/{name}/swagger.json")] {
            let request = Request::get(&path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
            let origin =
                response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).map(HeaderValue::as_bytes);
            assert_eq!(origin, is_open.then_some(&b"*"[..]), "{path}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let document: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(document["servers"], json!([{ "url": "https://dialogporten.example" }]), "{path}");
        }
    }
}
