//! Which tokens open which operations. The token is looked at before anything else of a request but
//! its media type.

use dialogporten::access::policy::Policy;
use dialogporten::sandbox::token_generator::TokenKind;
use reqwest::Method;
use serde_json::Value;

use crate::harness::*;

const SERVICE_OWNER: &str = "digdir:dialogporten.serviceprovider";
const END_USER: &str = "digdir:dialogporten";

/// An operation that needs a token.
struct Operation {
    method: Method,
    path: &'static str,
    body: Option<&'static str>,
    policy: Policy,
}

/// Every operation that needs a token.
fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for declared in dialogporten::api::endpoints().operations() {
        if declared.policy == Policy::Anonymous {
            continue;
        }
        let method = Method::from_bytes(declared.verb.name().to_uppercase().as_bytes()).unwrap();
        let operation = |method| Operation {
            method,
            path: declared.path,
            body: declared.body.media_types().first().copied(),
            policy: declared.policy,
        };
        if method == Method::GET {
            operations.push(operation(Method::HEAD));
        }
        operations.push(operation(method));
    }
    assert!(operations.len() >= 7, "there are operations");
    operations
}

impl Operation {
    fn is_for_end_users(&self) -> bool {
        self.policy == Policy::EndUser
    }

    /// The scopes that open it, separated by spaces.
    fn scopes(&self) -> String {
        self.policy.scopes()[0].join(" ")
    }

    /// The path with this in place of every parameter.
    fn path_with(&self, value: &str) -> String {
        let segments =
            self.path.split('/').map(|segment| if segment.starts_with('{') { value } else { segment });
        segments.collect::<Vec<_>>().join("/")
    }

    fn call(&self, client: &Client, path: &str, body: &'static str) -> Call {
        let call = client.call(self.method.clone(), path);
        match self.body {
            Some(media_type) => call.content_type(media_type).body(body),
            None => call,
        }
    }

    /// The operation with everything wrong that can be.
    fn junk(&self, client: &Client) -> Call {
        let path = format!("{}?endUserId=x&limit=x&isSilentUpdate=x", self.path_with("no-uuid"));
        self.call(client, &path, "{").header("accept-language", ";;;").header("if-match", "?")
    }

    /// The operation on a dialog that is not there.
    fn plausible(&self, service: &Service, client: &Client) -> Call {
        self.call(client, &self.path_with(&service.id().to_string()), "[]")
    }

    /// Both ways to call it.
    fn calls(&self, service: &Service, client: &Client) -> [Call; 2] {
        [self.junk(client), self.plausible(service, client)]
    }
}

/// The refusal has this status, this challenge and, as far as there is a body, these errors.
fn assert_refused(
    operation: &Operation,
    answer: &Answer,
    status: u16,
    challenge: Option<&str>,
    keys: &[(&str, &str)],
) {
    let name = format!("{} {}", operation.method, operation.path);
    assert_eq!(answer.status.as_u16(), status, "{name}: {}", answer.text());
    let found = answer.header("www-authenticate");
    match challenge {
        None => assert_eq!(found, None, "{name}"),
        Some(challenge) => assert!(found.is_some_and(|f| f.starts_with(challenge)), "{name}: {found:?}"),
    }
    if operation.method == Method::HEAD {
        assert!(answer.body.is_empty());
    } else {
        answer.assert_problem(status, keys);
    }
}

const INVALID: &str = r#"Bearer error="invalid_token""#;

#[tokio::test]
async fn without_a_token_nothing_opens() {
    let service = Service::shared().await;
    for operation in operations() {
        for call in operation.calls(service, &service.anonymous()) {
            let answer = call.await;
            assert_refused(&operation, &answer, 401, Some("Bearer"), &[]);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let basic =
            operation.junk(&service.anonymous()).header("authorization", "Basic c2FuZGJveDpzYW5kYm94");
        assert_refused(&operation, &basic.await, 401, Some("Bearer"), &[]);
    }
}

#[tokio::test]
async fn tokens_that_are_not_valid_open_nothing() {
    let service = Service::shared().await;
    for operation in operations() {
        let good = |ttl: &str, env: &str| {
            let scopes = operation.scopes();
            if operation.is_for_end_users() {
                let person = [("pid", PERSON_NUMBER), ("scopes", &scopes), ("ttl", ttl), ("env", env)];
                service.token(TokenKind::Personal, &person)
            } else {
                // Some operations are for administrators alone, which only they find out themselves.
                let scopes = format!("{scopes} {ADMIN}");
                let owner =
                    [("org", "ttd"), ("orgNo", "991825827"), ("scopes", &scopes), ("ttl", ttl), ("env", env)];
                service.token(TokenKind::Enterprise, &owner)
            }
        };
        let valid = good("60", "at23");
        let [header, payload, signature] = valid.split('.').collect::<Vec<_>>()[..] else { panic!("a JWS") };
        let claims: Value = {
            use base64::Engine as _;
            let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let now = service.now().unix_seconds();
        let signed = |claims: &Value| service.keys().altinn.sign(claims).unwrap();
        let unsigned = {
            use base64::Engine as _;
            let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
            format!("{header}.{payload}.")
        };
        let other_claims = signed(&claims.clone().with("/urn:altinn:authlevel", 4));
        let mixed = format!("{header}.{}.{signature}", other_claims.split('.').nth(1).unwrap());
        for (fault, token, challenge) in [
            ("garbage", "thisisnotavalidtoken".to_owned(), INVALID),
            ("garbage in three parts", "invalid.jwt.token".to_owned(), INVALID),
            ("expired", good("-60", "at23"), INVALID),
            ("without an end", signed(&claims.clone().without("/exp")), INVALID),
            ("of the future", signed(&claims.clone().with("/nbf", now + 60)), INVALID),
            ("unsigned", unsigned, INVALID),
            ("signed for other claims", mixed, INVALID),
            ("signed by another issuer", service.keys().maskinporten.sign(&claims).unwrap(), INVALID),
            ("of another environment", good("60", "tt02"), "Bearer"),
            ("of nobody", signed(&claims.clone().without("/iss")), "Bearer"),
            ("too long", format!("{header}.{}.{signature}", "x".repeat(16 * 1024)), INVALID),
        ] {
            let client = service.with_token(&token);
            for call in operation.calls(service, &client) {
                let answer = call.await;
                assert_refused(&operation, &answer, 401, Some(challenge), &[]);
                assert!(!answer.text().contains(&token), "{fault}: the token is repeated");
            }
        }
        // The one that all of these were made of is let in.
        let answer = operation.plausible(service, &service.with_token(&valid)).await;
        let name = format!("{} {}", operation.method, operation.path);
        assert!(
            [200, 400, 404].contains(&answer.status.as_u16()),
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

#[tokio::test]
async fn valid_tokens_of_others_are_refused() {
    let service = Service::shared().await;
    let insufficient = r#"Bearer error="insufficient_scope", scope=""#;
    let owner = |scopes: &str| service.organization("ttd", "991825827", scopes);
    let person = |scopes: &str| {
        service.with_token(&service.token(TokenKind::Personal, &[("pid", PERSON_NUMBER), ("scopes", scopes)]))
    };
    let system_user = |scopes: &str| {
        let id = ("systemUserId", "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364");
        service.with_token(&service.token(TokenKind::SystemUser, &[id, ("scopes", scopes)]))
    };
    let mixed = |scopes: &str| {
        let parameters = [("pid", PERSON_NUMBER), ("consumerOrgNo", "991825827"), ("scopes", scopes)];
        service.with_token(&service.token(TokenKind::Personal, &parameters))
    };
    let legacy_user = {
        let parameters = [("username", "leif"), ("scopes", END_USER)];
        service.with_token(&service.token(TokenKind::SelfIdentifiedUser, &parameters))
    };
    let both = format!("{SERVICE_OWNER} {END_USER}");
    for operation in operations() {
        let scopes = operation.scopes();
        let mut cases = vec![
            (owner("wrong-scope"), Some(insufficient), vec![]),
            (person("wrong-scope"), Some(insufficient), vec![]),
            (
                owner(&format!("x{SERVICE_OWNER} {SERVICE_OWNER}x {END_USER}.correspondence")),
                Some(insufficient),
                vec![],
            ),
        ];
        // All scopes but one do not do.
        for missing in scopes.split(' ') {
            let others: Vec<&str> = scopes.split(' ').filter(|scope| *scope != missing).collect();
            cases.push((owner(&format!("x {}", others.join(" "))), Some(insufficient), vec![]));
        }
        match operation.policy {
            Policy::EndUser => cases.extend([
                (service.owner(), Some(insufficient), vec![]),
                (service.owner_with(ADMIN), Some(insufficient), vec![]),
                // The scope in the wrong hands.
                (owner(END_USER), None, vec![("Type", "Person, SystemUser, IdportenEmailIdentifiedUser")]),
                (owner(&both), None, vec![("Type", "Person")]),
                (mixed(&both), None, vec![("Type", "person")]),
                (legacy_user.clone(), None, vec![("Type", "Person")]),
            ]),
            policy => {
                cases.extend([
                    (person(END_USER), Some(insufficient), vec![]),
                    (system_user(END_USER), Some(insufficient), vec![]),
                    (service.email_user(), Some(insufficient), vec![]),
                    // The scopes in the wrong hands.
                    (person(&scopes), None, vec![("Forbidden", "consumer")]),
                ]);
                if policy != Policy::NotificationConditionCheck {
                    cases.push((system_user(&scopes), None, vec![("Type", "ServiceOwner")]));
                    cases.push((mixed(&scopes), None, vec![("Type", "person")]));
                }
            }
        }
        for (client, challenge, keys) in cases {
            for call in operation.calls(service, &client) {
                assert_refused(&operation, &call.await, 403, challenge, &keys);
            }
        }
    }
}

#[tokio::test]
async fn refusals_name_the_scope_that_is_needed() {
    let service = Service::shared().await;
    for operation in operations() {
        let token =
            service.token(TokenKind::Enterprise, &[("orgNo", "991825827"), ("scopes", "wrong-scope")]);
        let answer = operation.junk(&service.with_token(&token)).await;
        let expected = format!(r#"Bearer error="insufficient_scope", scope="{}""#, operation.scopes());
        assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
    }
}

#[tokio::test]
async fn everybody_who_may_is_let_in() {
    let service = Service::shared().await;
    let owner = service.owner();
    let of = async |party: &str, resource: &str| {
        owner.created(&dialog().with("/party", party).with("/serviceResource", resource)).await
    };
    let mine = of(PERSON, RESOURCE).await;
    let without_consent = [("pid", PERSON_NUMBER), ("scopes", "digdir:dialogporten.noconsent")];
    let without_consent = service.with_token(&service.token(TokenKind::Personal, &without_consent));
    for (client, id) in [
        (service.person(), mine),
        (without_consent, mine),
        (service.system_user(), of("urn:altinn:organization:identifier-no:310057223", RESOURCE).await),
        (
            service.email_user(),
            of("urn:altinn:person:idporten-email:sandbox.user@example.com", DEMO_NOTICE).await,
        ),
    ] {
        client.open(id).await.expect(200);
        client.list(&[("serviceResource", RESOURCE), ("limit", "1")]).await.expect(200);
    }
    // The scheme has no case.
    let token = service.owner_token();
    let call = service.anonymous().read(mine).header("authorization", &format!("bearer  {token}"));
    call.await.expect(200);
}

#[tokio::test]
async fn tokens_end_two_seconds_after_their_time() {
    let service = Service::at("2031-05-17T12:00:00Z").await;
    let id = service.owner().created(&dialog()).await;
    let parameters = [("org", "ttd"), ("orgNo", "991825827"), ("scopes", SERVICE_OWNER), ("ttl", "10")];
    let owner = service.with_token(&service.token(TokenKind::Enterprise, &parameters));
    for (seconds, status) in [(0, 200), (10, 200), (2, 200), (1, 401)] {
        service.clock.advance_seconds(seconds);
        assert_eq!(owner.read(id).await.status, status, "{}", service.now());
    }
}

#[tokio::test]
async fn dialog_tokens_are_no_access_tokens() {
    let service = Service::shared().await;
    let id = service.owner().created(&dialog()).await;
    let token = service.person().opened(id).await["dialogToken"].as_str().unwrap().to_owned();
    for operation in operations() {
        let answer = operation.junk(&service.with_token(&token)).await;
        assert_refused(&operation, &answer, 401, Some("Bearer"), &[]);
    }
}

#[tokio::test]
async fn the_sandbox_gives_tokens_that_are_let_in() {
    let service = Service::shared().await;
    let generator = |query: &str| {
        let path = format!("/api/GetEnterpriseToken?{query}");
        // Any user will do here.
        service.anonymous().get(&path).header("authorization", "Basic YTpi")
    };
    let scopes = "digdir:dialogporten.serviceprovider%20digdir:dialogporten.serviceprovider.search";
    let answer = generator(&format!("env=at23&org=ttd&orgNo=991825827&scopes={scopes}")).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    service.with_token(&answer.text()).create(&dialog()).await.expect(201);
    assert_eq!(answer.header("x-dialogporten-sandbox"), Some("1"));

    let answer = generator("env=nowhere").await.expect(400);
    let problems = answer.json();
    assert!(problems.get("env").is_some() && problems.get("scopes").is_some(), "{problems:#}");
    let unasked = service.anonymous().get("/api/GetEnterpriseToken").await.expect(401);
    assert!(unasked.header("www-authenticate").unwrap().starts_with("Basic"));
}
