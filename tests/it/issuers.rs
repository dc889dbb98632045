//! Issuers of access tokens tell their keys over the network, when they do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialogporten::access::token::{Issuer, TokenRefusal, TokenVerifier};
use dialogporten::altinn::{IssuerDocument, IssuerDocuments, PlatformFailure};
use dialogporten::app::IssuerKeeper;
use dialogporten::clock::Clock;
use dialogporten::sandbox::keys::SigningKey;
use dialogporten::sandbox::token_generator::TokenKind;
use serde_json::json;

use crate::harness::*;

const ONE: &str = "https://one.example/.well-known/openid-configuration";
const OTHER: &str = "https://other.example/.well-known/oauth-authorization-server/";

/// What issuers say, by address; who is not here does not answer.
#[derive(Clone, Default)]
struct World(Arc<Mutex<(HashMap<String, IssuerDocument>, u32)>>);

#[async_trait::async_trait]
impl IssuerDocuments for World {
    async fn fetch(&self, url: &str) -> Result<IssuerDocument, PlatformFailure> {
        let mut world = self.0.lock().unwrap();
        world.1 += 1;
        world.0.get(url).cloned().ok_or_else(|| PlatformFailure::unavailable("an issuer", "it is down"))
    }
}

impl World {
    fn tell(&self, url: &str, issuer: &str, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwks()["keys"][0].clone()).collect();
        let document = IssuerDocument { issuer: issuer.to_owned(), keys: json!({ "keys": keys }) };
        self.0.lock().unwrap().0.insert(url.to_owned(), document);
    }

    fn take_down(&self) {
        self.0.lock().unwrap().0.clear();
    }

    fn count(&self) -> u32 {
        self.0.lock().unwrap().1
    }
}

/// Keepers of both issuers, and who checks their tokens.
async fn keepers(
    world: &World,
    database: &Database,
    clock: &Clock,
) -> (Vec<IssuerKeeper>, Arc<TokenVerifier>) {
    let keepers: Vec<_> = [("One", ONE), ("Other", OTHER)]
        .into_iter()
        .map(|(name, url)| IssuerKeeper {
            issuer: Arc::new(Issuer::discovered(name, url)),
            url: url.to_owned(),
            source: Arc::new(world.clone()),
            store: database.store(),
            clock: clock.clone(),
        })
        .collect();
    let verifier = TokenVerifier::new(keepers.iter().map(|keeper| Arc::clone(&keeper.issuer)).collect());
    for keeper in &keepers {
        keeper.recall().await;
    }
    (keepers, Arc::new(verifier))
}

fn token(service: &Service, key: &SigningKey, issuer: &str) -> String {
    let token = key.sign(&json!({ "iss": issuer, "exp": service.now().unix_seconds() + 600 })).unwrap();
    format!("Bearer {token}")
}

#[tokio::test]
async fn an_issuer_that_never_answered_keeps_nobody_else_out() {
    let service = Service::alone_at("2031-05-17T12:00:00Z").await;
    let world = World::default();
    world.tell(ONE, "https://one.example", &[&service.keys().altinn]);
    let (keepers, verifier) = keepers(&world, &service.database, &service.clock).await;
    let verify = |token: &str| verifier.verify(Some(token), service.now()).map(drop);
    let one = token(&service, &service.keys().altinn, "https://one.example");
    let other = token(&service, &service.keys().idporten, "https://other.example/");
    assert_eq!(verify(&one), Err(TokenRefusal::IssuerNotReady));
    assert!(keepers[0].ask().await);
    assert!(!keepers[1].ask().await);
    assert_eq!(verify(&one), Ok(()));
    assert_eq!(verify(&other), Err(TokenRefusal::IssuerNotReady));
    let nobodys = token(&service, &service.keys().idporten, "https://third.example/");
    assert_eq!(verify(&nobodys), Err(TokenRefusal::UnknownIssuer));
    // Keys that are of no use are no answer.
    world.0.lock().unwrap().0.insert(
        OTHER.to_owned(),
        IssuerDocument { issuer: "https://other.example/".to_owned(), keys: json!({ "keys": [] }) },
    );
    assert!(!keepers[1].ask().await);
    assert_eq!(verify(&other), Err(TokenRefusal::IssuerNotReady));
    world.tell(OTHER, "https://other.example/", &[&service.keys().idporten]);
    assert!(keepers[1].ask().await);
    assert_eq!(verify(&other), Ok(()));
    // Nobody signs for another.
    let swapped = token(&service, &service.keys().idporten, "https://one.example");
    assert_eq!(verify(&swapped), Err(TokenRefusal::UnknownKey));
}

#[tokio::test]
async fn the_last_good_copy_outlives_the_issuer() {
    let service = Service::alone_at("2031-05-17T12:00:00Z").await;
    let world = World::default();
    world.tell(ONE, "https://one.example", &[&service.keys().altinn]);
    let (first, verifier) = keepers(&world, &service.database, &service.clock).await;
    assert!(first[0].ask().await);
    world.take_down();
    assert!(!first[0].ask().await);
    let token = token(&service, &service.keys().altinn, "https://one.example");
    assert!(verifier.verify(Some(&token), service.now()).is_ok());
    // Also for an instance that starts now.
    let (_, verifier) = keepers(&world, &service.database, &service.clock).await;
    assert!(verifier.verify(Some(&token), service.now()).is_ok());
}

#[tokio::test]
async fn a_new_key_is_fetched_at_most_once_a_minute() {
    let service = Service::alone_at("2031-05-17T12:00:00Z").await;
    let world = World::default();
    world.tell(ONE, "https://one.example", &[&service.keys().altinn]);
    let (mut keepers, verifier) = keepers(&world, &service.database, &service.clock).await;
    let keeper = keepers.remove(0);
    assert!(keeper.ask().await);
    let keeping = tokio::spawn(keeper.keep(true));
    let verify = async |token: &str| verifier.verify_or_renew(Some(token), service.now()).await.map(drop);
    let new = token(&service, &service.keys().maskinporten, "https://one.example");
    let forged = token(&service, &service.keys().idporten, "https://one.example");
    assert_eq!(world.count(), 1);
    // Somebody makes keys up; asking is of no use for a minute.
    assert_eq!(verify(&forged).await, Err(TokenRefusal::UnknownKey));
    assert_eq!(world.count(), 2);
    world.tell(ONE, "https://one.example", &[&service.keys().altinn, &service.keys().maskinporten]);
    for _ in 0..20 {
        assert_eq!(verify(&new).await, Err(TokenRefusal::UnknownKey));
    }
    assert_eq!(world.count(), 2);
    service.clock.advance_seconds(60);
    // All who come meanwhile wait for the one who asks.
    let many = futures_util::future::join_all((0..20).map(|_| verify(&new))).await;
    assert!(many.iter().all(Result::is_ok), "{many:?}");
    assert_eq!(world.count(), 3);
    keeping.abort();
}

#[tokio::test]
async fn a_service_whose_issuers_are_down_answers_503_for_their_tokens() {
    let sandbox = Service::shared().await;
    let mut settings = sandbox.production_settings();
    let closed = "http://127.0.0.1:9/sandbox/issuers/none/.well-known/openid-configuration";
    settings.platform.issuers.push(format!("Down={closed}"));
    let database = sandbox.another_database().await;
    let service = Service::start_with(settings, database, sandbox.clock.clone()).await;
    let id = service.owner().created(&dialog()).await;
    service.person().open(id).await.expect(200);
    let claims = json!({
        "iss": "http://127.0.0.1:9/sandbox/issuers/none", "exp": service.now().unix_seconds() + 600,
        "pid": PERSON_NUMBER, "scope": "digdir:dialogporten",
    });
    let client = service.with_token(&service.keys().idporten.sign(&claims).unwrap());
    let answer = client.open(id).await;
    answer.assert_problem_document(503);
    assert!(answer.header("retry-after").is_some());
    // Of a known issuer.
    let unknown = service.token(TokenKind::Personal, &[("env", "tt02"), ("pid", PERSON_NUMBER)]);
    service.with_token(&unknown).open(id).await.expect(401);
    tokio::time::timeout(Duration::from_secs(5), client.open(id)).await.expect("an answer in time");
}
