//! Who may do what: the same whether the sandbox's catalogue is asked in the process, or as the platform
//! over HTTP by a service that was started for production.

use dialogporten::sandbox::token_generator::TokenKind;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const TIGER: &str = "urn:altinn:organization:identifier-no:310923044";
const TIGER_UNIT: &str = "urn:altinn:organization:identifier-no:315010195";
const AGENCY: &str = "urn:altinn:organization:identifier-no:991825827";
const SYSTEM_OWNER: &str = "urn:altinn:organization:identifier-no:310057223";
const OTHER_SYSTEM_OWNER: &str = "urn:altinn:organization:identifier-no:313006425";
const NOBODYS: &str = "urn:altinn:organization:identifier-no:437454302";
const UNRELATED: &str = "urn:altinn:person:identifier-no:08895699684";
const EMAIL_USER: &str = "urn:altinn:person:idporten-email:sandbox.user@example.com";
const APP: &str = "urn:altinn:resource:app_ttd_demo";
const PERMIT: &str = "urn:altinn:resource:ttd-demo-permit";
const INSTANCE: &str = "51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";

/// Both ways to ask the platform.
async fn services() -> [&'static Service; 2] {
    [Service::shared().await, Service::over_http().await]
}

fn person(service: &Service, number: &str) -> Client {
    service.person_with(number, 3)
}

fn system_user(service: &Service, id: &str) -> Client {
    let parameters =
        [("systemUserId", id), ("systemUserOrg", "310057223"), ("scopes", "digdir:dialogporten")];
    service.with_token(&service.token(TokenKind::SystemUser, &parameters))
}

#[tokio::test]
async fn users_see_what_their_rights_reach() {
    for service in services().await {
        let owner = service.owner();
        let (own, other) = (PERSON_NUMBER, "13838599936");
        let (system, other_system) =
            ("51551dd0-b9c5-4f4b-a4a2-9b7e3669b364", "54cb69df-3d8a-4432-804e-742e40de6211");
        for (user, party, resource, status) in [
            (person(service, own), PERSON, RESOURCE, 200),
            (person(service, own), PERSON, RESOURCE_2, 200),
            (person(service, own), PERSON, LEVEL_FOUR, 403),
            (service.person_with(own, 4), PERSON, LEVEL_FOUR, 200),
            (service.person_with(own, 1), PERSON, RESOURCE, 403),
            (person(service, own), PERSON, EVENTS, 403),
            (person(service, own), TIGER, RESOURCE, 200),
            (person(service, own), TIGER_UNIT, RESOURCE, 200),
            (person(service, own), UNRELATED, RESOURCE, 403),
            (person(service, own), OTHER_PERSON, RESOURCE, 403),
            (person(service, own), AGENCY, RESOURCE, 403),
            (person(service, other), OTHER_PERSON, RESOURCE, 200),
            (person(service, other), PERSON, RESOURCE, 403),
            (person(service, "27069815400"), PERSON, RESOURCE, 403),
            // Nobody whom the platform knows.
            (person(service, "17819098476"), PERSON, RESOURCE, 403),
            (person(service, "29886896598"), SYSTEM_OWNER, RESOURCE, 200),
            (person(service, "02867598599"), TIGER, RESOURCE, 403),
            (system_user(service, system), SYSTEM_OWNER, RESOURCE, 200),
            (system_user(service, system), SYSTEM_OWNER, RESOURCE_2, 403),
            (system_user(service, system), PERSON, RESOURCE, 403),
            (system_user(service, system), NOBODYS, RESOURCE, 403),
            (system_user(service, other_system), OTHER_SYSTEM_OWNER, RESOURCE_2, 200),
            (system_user(service, other_system), SYSTEM_OWNER, RESOURCE, 403),
            (service.email_user(), EMAIL_USER, DEMO_NOTICE, 200),
            (service.email_user(), EMAIL_USER, RESOURCE, 403),
            (service.email_user(), PERSON, DEMO_NOTICE, 403),
        ] {
            let id = owner.created(&dialog().with("/party", party).with("/serviceResource", resource)).await;
            let opened = user.open(id).await;
            assert_eq!(opened.status, status, "{party} {resource}: {}", opened.text());
            if status == 403 {
                opened.assert_problem(403, &[("Forbidden", "")]);
            }
            // Lists have what can be opened, and what a stronger login could open.
            let resource = resource.to_owned();
            let listed = user.listed(&[("party", party), ("serviceResource", &resource)]).await;
            let is_weak = opened.text().contains("level too low");
            assert_eq!(listed.contains(&id), status == 200 || is_weak, "{party} {resource}");
        }
    }
}

/// Name and attribute of an action, and whether it is permitted.
type Action = (&'static str, Option<&'static str>, bool);
/// Attribute of a transmission, and whether it may be read.
type Transmission = (Option<&'static str>, bool);

#[tokio::test]
async fn parts_of_a_dialog_are_decided_one_by_one() {
    for service in services().await {
        let action = |action: &str, attribute: Option<&str>| {
            let endpoints = json!([{ "url": "https://example.com/", "httpMethod": "POST" }]);
            let mut action = json!({ "action": action, "endpoints": endpoints });
            if let Some(attribute) = attribute {
                action["authorizationAttribute"] = attribute.into();
            }
            action
        };
        let transmission = |attribute: Option<&str>| {
            let mut transmission = json!({
                "type": "Information", "sender": { "actorType": "ServiceOwner" },
                "content": { "title": texts("Brev"), "summary": texts("Brev") },
            });
            if let Some(attribute) = attribute {
                transmission["authorizationAttribute"] = attribute.into();
            }
            transmission
        };
        let cases: [(&str, Vec<Action>, Vec<Transmission>); 3] = [
            (
                RESOURCE,
                vec![
                    ("read", None, true),
                    ("write", None, true),
                    ("some_unauthorized_action", None, false),
                    ("read", Some("element1"), false),
                    ("read", Some(CORRESPONDENCE), true),
                    ("write", Some(CORRESPONDENCE), false),
                    ("read", Some(EVENTS), false),
                    ("read", Some("urn:altinn:task:Task_1"), false),
                    ("read", Some("urn:altinn:subresource:main"), true),
                ],
                vec![
                    (None, true),
                    (Some("someunavailablesubresource"), false),
                    (Some(CORRESPONDENCE), true),
                    (Some(EVENTS), false),
                ],
            ),
            (
                PERMIT,
                vec![
                    ("sign", None, true),
                    ("sign", Some("drawings"), false),
                    ("read", Some("drawings"), true),
                    ("read", Some("urn:altinn:subresource:drawings"), true),
                ],
                vec![
                    (Some("drawings"), true),
                    (Some("urn:altinn:subresource:drawings"), true),
                    (Some("other"), false),
                ],
            ),
            (
                APP,
                vec![
                    ("read", Some("urn:altinn:task:Task_1"), true),
                    ("read", Some("urn:altinn:task:Task_2"), false),
                ],
                vec![],
            ),
        ];
        for (resource, actions, transmissions) in cases {
            let sent = dialog()
                .with("/serviceResource", resource)
                .with(
                    "/apiActions",
                    actions.iter().map(|(name, attribute, _)| action(name, *attribute)).collect::<Value>(),
                )
                .with(
                    "/transmissions",
                    transmissions.iter().map(|(attribute, _)| transmission(*attribute)).collect::<Value>(),
                );
            let id = service.owner().created(&sent).await;
            let read = service.person().opened(id).await;
            for (index, (name, attribute, expected)) in actions.iter().enumerate() {
                let found = read["apiActions"].as_array().unwrap().iter().find(|found| {
                    found["action"] == *name && found["authorizationAttribute"] == json!(attribute)
                });
                assert_eq!(found.unwrap()["isAuthorized"], *expected, "{index}: {name} {attribute:?}");
            }
            for (attribute, expected) in &transmissions {
                let found = read["transmissions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|found| found["authorizationAttribute"] == json!(attribute));
                assert_eq!(found.unwrap()["isAuthorized"], *expected, "{attribute:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_single_instance_is_given_alone() {
    for service in services().await {
        let labelled = |label: &str| {
            dialog()
                .with("/party", TIGER)
                .with("/serviceResource", APP)
                .with("/serviceOwnerContext/serviceOwnerLabels", json!([{ "value": label }]))
        };
        let owner = service.owner();
        let given = owner.created(&labelled(&format!("urn:altinn:integration:storage:{INSTANCE}"))).await;
        let other_instance = "51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a11";
        let other =
            owner.created(&labelled(&format!("urn:altinn:integration:storage:{other_instance}"))).await;
        let user = person(service, "02867598599");
        user.open(given).await.expect(200);
        user.open(other).await.expect(403);
        let listed = user.listed(&[("party", TIGER)]).await;
        assert!(listed.contains(&given) && !listed.contains(&other));
    }
}

#[tokio::test]
async fn owners_write_on_what_is_theirs() {
    for service in services().await {
        let owner = service.owner();
        let with_action = |attribute: &str| {
            dialog().with(
                "/guiActions",
                json!([{
                    "action": "read", "priority": "Primary", "url": "https://example.com/", "title": text("Gå"),
                    "authorizationAttribute": attribute,
                }]),
            )
        };
        for (client, sent, status) in [
            (&owner, dialog(), 201),
            (&owner, with_action("urn:altinn:resource:super-simple-service"), 201),
            (&owner, with_action("urn:altinn:resource:notavailable"), 403),
            (&owner, with_action(OTHER_OWNERS), 403),
            (&owner, dialog().with("/serviceResource", OTHER_OWNERS), 403),
            (&owner, dialog().with("/serviceResource", CORRESPONDENCE), 403),
            (
                &service.owner_with(CORRESPONDENCE_SCOPE),
                dialog().with("/serviceResource", CORRESPONDENCE),
                201,
            ),
            (&service.other_owner(), dialog(), 403),
            (&service.other_owner(), dialog().with("/serviceResource", OTHER_OWNERS), 201),
            (&service.organization("other", "310778737", OWNER), dialog(), 403),
        ] {
            let answer = client.create(&sent).await;
            assert_eq!(answer.status, status, "{sent:#}: {}", answer.text());
        }
        let id = owner.created(&dialog()).await;
        assert_eq!(owner.dialog(id).await["org"], "ttd");
    }
}

#[tokio::test]
async fn actors_have_their_names() {
    for service in services().await {
        let owner = service.owner();
        let of = async |party: &str| owner.created(&dialog().with("/party", party)).await;
        let seen_by = async |client: Client, id: Uuid| {
            client.opened(id).await["seenSinceLastUpdate"][0]["seenBy"]["actorName"].clone()
        };
        assert_eq!(seen_by(service.person(), of(PERSON).await).await, "LITTERATUR UROMANTISK");
        assert_eq!(
            seen_by(service.system_user(), of(SYSTEM_OWNER).await).await,
            "Dialogporten E2E tests (nb)"
        );
        let by = |actor: &str| {
            one_of_each().with(
                "/activities/0/performedBy",
                json!({ "actorType": "PartyRepresentative", "actorId": actor }),
            )
        };
        for (actor, name) in [
            (AGENCY, "DIGITALISERINGSDIREKTORATET"),
            ("urn:altinn:person:legacy-selfidentified:Leif", "leif"),
        ] {
            let id = owner.created(&by(actor)).await;
            assert_eq!(owner.dialog(id).await["activities"][0]["performedBy"]["actorName"], name);
        }
        let nobody = owner.create(&by("urn:altinn:organization:identifier-no:310823333")).await;
        assert!([400, 422].contains(&nobody.status.as_u16()), "{}", nobody.text());
    }
}

#[tokio::test]
async fn bad_tokens_open_nothing_in_production_either() {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    for service in services().await {
        let id = service.owner().created(&dialog()).await;
        let dialog_token = service.person().opened(id).await["dialogToken"].as_str().unwrap().to_owned();
        let parameters = [("pid", PERSON_NUMBER), ("scopes", "digdir:dialogporten"), ("ttl", "600")];
        let valid = service.token(TokenKind::Personal, &parameters);
        let [header, payload, signature] = valid.split('.').collect::<Vec<_>>()[..] else { panic!("a JWS") };
        let read = |part: &str| -> Value { serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap() };
        let (head, claims) = (read(header), read(payload));
        let keys = service.keys();
        let now = service.now().unix_seconds();
        let signed = |claims: &Value| keys.altinn.sign(claims).unwrap();
        let with_header = |head: &Value| format!("{}.{payload}.{signature}", BASE64.encode(head.to_string()));
        // The public key as secret of a symmetric algorithm.
        let symmetric = |secret: &[u8]| {
            let head = json!({ "alg": "HS256", "typ": "JWT", "kid": head["kid"] });
            let message = format!("{}.{payload}", BASE64.encode(head.to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            format!("{message}.{}", BASE64.encode(tag))
        };
        let jwks = keys.altinn.jwks();
        let modulus = BASE64.decode(jwks["keys"][0]["n"].as_str().unwrap()).unwrap();
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let raw = |payload: &str| format!("{header}.{}.{signature}", BASE64.encode(payload));
        let mut corpus = vec![
            format!("{}.{payload}.", BASE64.encode(r#"{"alg":"none"}"#)),
            format!("{}.{payload}.{signature}", BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#)),
            format!("{}.{payload}.{signature}", BASE64.encode(r#"{"alg":"NONE"}"#)),
            symmetric(&modulus),
            symmetric(jwks["keys"][0].to_string().as_bytes()),
            symmetric(b""),
            keys.idporten.sign(&claims).unwrap(),
            keys.maskinporten.sign(&claims).unwrap(),
            with_header(&head.clone().with("/kid", keys.idporten.kid.clone())),
            with_header(&head.clone().with("/kid", "../../etc/passwd")),
            with_header(&head.clone().with("/kid", json!([1]))),
            with_header(&head.clone().with("/alg", "PS256")),
            with_header(&head.clone().with("/alg", "RS512")),
            with_header(&head.clone().with("/jku", "https://evil.example/jwks")),
            with_header(&head.clone().with("/jwk", jwks["keys"][0].clone())),
            with_header(&head.clone().with("/crit", json!(["b64"]))),
            with_header(&head.clone().with("/typ", "dialogtoken+jwt")),
            signed(&claims.clone().with("/exp", now - 3)),
            signed(&claims.clone().with("/exp", json!([now + 60]))),
            signed(&claims.clone().with("/exp", "soon")),
            signed(&claims.clone().with("/nbf", now + 5)),
            signed(&claims.clone().with("/nbf", json!({}))),
            signed(&claims.clone().with("/iss", json!(["https://platform.at23.altinn.cloud/"]))),
            signed(
                &claims
                    .clone()
                    .with("/iss", "https://platform.at23.altinn.cloud/authentication/api/v1/openid"),
            ),
            signed(&claims.clone().with("/padding", "x".repeat(20_000))),
            raw(&nested(200)),
            raw(&nested(5_000)),
            raw(""),
            raw("null"),
            raw("[]"),
            raw("\u{0}"),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            "a.b.c.d.e".to_owned(),
            "x".repeat(7_000),
            format!("{valid} {valid}"),
            format!("{valid}="),
            valid.to_uppercase(),
            dialog_token,
        ];
        // The last character of a signature has bits that count for nothing.
        corpus.push(format!("{header}.{payload}.{}", &signature[..signature.len() - 4]));
        for token in corpus {
            let answer = service.with_token(&token).open(id).await;
            let shown: String = token.chars().take(60).collect();
            assert_eq!(answer.status, 401, "{shown}: {}", answer.text());
            answer.assert_problem(401, &[]);
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
        // Claims of odd shapes in a token that is good: refused for what is missing, never a failure.
        for claims in [
            claims.clone().with("/pid", json!([PERSON_NUMBER])),
            claims.clone().with("/pid", json!({ "pid": [[[]]] })),
            claims.clone().with("/scope", json!({ "scope": "digdir:dialogporten" })),
            claims
                .clone()
                .with("/authorization_details", serde_json::from_str::<Value>(&nested(100)).unwrap())
                .without("/pid"),
        ] {
            service.with_token(&signed(&claims)).open(id).await.expect(403);
        }
        service.with_token(&valid).open(id).await.expect(200);
    }
}

#[tokio::test]
async fn other_organisations_find_nothing() {
    for service in services().await {
        let owner = service.owner_with(ADMIN);
        let id = owner.created(&one_of_each()).await;
        let all = "digdir:dialogporten.serviceprovider digdir:dialogporten.serviceprovider.search \
                   digdir:dialogporten.serviceprovider.changetransmissions";
        let foreign = service.organization("brg", "974760673", all);
        let mut tried = 0;
        for operation in dialogporten::api::endpoints().operations() {
            let path = operation.path.replace("{dialogId}", &id.to_string());
            let is_theirs = operation.path.contains("/serviceowner/dialogs/{dialogId}");
            // For the notification service, and for administrators, these are.
            let is_others = operation.path.contains("should-send") || operation.path.contains("freeze");
            if !is_theirs || is_others || !foreign_may_call(operation.policy) {
                continue;
            }
            // What is below the dialog is there, too; only whether the dialog is theirs decides.
            let path = path
                .split('/')
                .map(
                    |segment| {
                        if segment.starts_with('{') { Uuid::nil().to_string() } else { segment.to_owned() }
                    },
                )
                .collect::<Vec<_>>()
                .join("/");
            let method = Method::from_bytes(operation.verb.name().to_uppercase().as_bytes()).unwrap();
            let body = match operation.id {
                id if id.contains("Transmission") => json!({
                    "type": "Information", "sender": { "actorType": "ServiceOwner" },
                    "content": { "title": texts("Brev"), "summary": texts("Brev") },
                }),
                id if id.contains("Activity") => {
                    json!({ "type": "DialogOpened", "performedBy": { "actorType": "ServiceOwner" } })
                }
                id if id.contains("Label") => {
                    json!({ "label": "bin", "value": "bin", "addLabels": [], "performedBy": { "actorType": "ServiceOwner" } })
                }
                _ if method == Method::PATCH => json!([{ "op": "replace", "path": "/progress", "value": 1 }]),
                _ => put_body(&owner.dialog(id).await),
            };
            let path = format!("{path}?isSilentUpdate=true");
            let mut call = foreign.call(method.clone(), &path);
            if let Some(media_type) = operation.body.media_types().first() {
                call = call.content_type(media_type).body(body.to_string());
            }
            let answer = call.await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            tried += 1;
        }
        assert!(tried >= 10, "only {tried} operations were tried");
        assert_eq!(owner.dialog(id).await["revision"], owner.read(id).await.etag().to_string());
    }
}

fn foreign_may_call(policy: dialogporten::access::policy::Policy) -> bool {
    use dialogporten::access::policy::Policy;
    matches!(
        policy,
        Policy::ServiceProvider | Policy::ServiceProviderSearch | Policy::ServiceProviderChangeTransmissions
    )
}

#[tokio::test]
async fn it_is_explained_why() {
    let service = Service::shared().await;
    let id = service.owner().created(&dialog().with("/party", TIGER)).await;
    let explain = async |query: &str| {
        let path = format!("/sandbox/explain?dialogId={id}&{query}");
        service.anonymous().get(&path).await.expect(200).json()
    };
    let may = explain(&format!("user={PERSON}&level=1")).await;
    assert_eq!(may["facts"]["mayOpen"], true);
    assert_eq!(may["facts"]["listedThrough"], json!(["urn:altinn:rolecode:dagl"]));
    assert_eq!(may["facts"]["roles"], json!(["dagl"]));
    assert!(may["inShort"].to_string().contains("level 1, and the service demands 2"), "{may:#}");
    let may_not = explain(&format!("user={OTHER_PERSON}")).await;
    assert_eq!(may_not["facts"]["mayOpen"], false);
    assert!(may_not["inShort"].to_string().contains("cannot represent the party"), "{may_not:#}");
    // With a token instead.
    let path = format!("/sandbox/explain?dialogId={id}");
    assert_eq!(service.person().get(&path).await.expect(200).json()["facts"]["level"], 3);
    service.anonymous().get(&path).await.assert_problem(400, &[("user", "URN")]);
    service
        .anonymous()
        .get(&format!("/sandbox/explain?user={PERSON}"))
        .await
        .assert_problem(400, &[("dialogId", "id")]);
    Service::over_http().await.anonymous().get(&path).await.expect(404);
}

#[tokio::test]
async fn what_the_platform_tells_of_itself_is_the_same() {
    let [here, there] = services().await;
    for service in [here, there] {
        service.owner().created(&dialog()).await;
    }
    for client in [Service::person, Service::system_user, Service::email_user] {
        let parties =
            async |service: &Service| client(service).get("/api/v1/enduser/parties").await.expect(200).json();
        assert_eq!(parties(here).await, parties(there).await);
    }
    let described = async |service: &Service| -> Value {
        let path = "/api/v1/metadata/serviceresources";
        let all = service.anonymous().get(path).await.expect(200).json();
        let id = RESOURCE.rsplit(':').next().unwrap();
        let is_it =
            |item: &&Value| item["serviceResource"]["id"].as_str().is_some_and(|own| own.ends_with(id));
        all["items"].as_array().unwrap().iter().find(is_it).expect("the service").clone()
    };
    let (described_here, described_there) = (described(here).await, described(there).await);
    assert_eq!(described_here, described_there);
    assert!(described_here.to_string().contains("/sandbox/altinn/resourceregistry/"), "{described_here:#}");
}
