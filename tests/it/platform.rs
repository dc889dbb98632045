//! The platform does not answer, or not as it should; and rights that are withdrawn.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dialogporten::altinn::production::{PlatformSettings, clients};
use dialogporten::config::{CommandLine, ServeSettings};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const TIGER: &str = "urn:altinn:organization:identifier-no:310923044";
const SYSTEM_OWNER: &str = "urn:altinn:organization:identifier-no:310057223";

/// A sandbox of its own and a service in production that has it as platform.
async fn both() -> (Service, Service) {
    let sandbox = Service::alone_at("2031-05-17T12:00:00Z").await;
    let production = sandbox.production(&sandbox.another_database().await).await;
    (sandbox, production)
}

/// A problem of the platform: told as such, in time, and with nothing of the dialog.
fn assert_failed(answer: &Answer, status: u16) {
    let problem = answer.assert_problem_document(status);
    assert!(problem["detail"].as_str().unwrap().contains("platform"), "{problem:#}");
    assert!(!answer.text().contains("Søknad"));
    assert_eq!(answer.header("retry-after").is_some(), status == 503);
}

#[tokio::test]
async fn faults_of_the_decision_point_are_told_and_permit_nothing() {
    let (sandbox, service) = both().await;
    let (owner, person) = (service.owner(), service.person());
    let known = owner.created(&dialog()).await;
    person.open(known).await.expect(200);
    for (fault, status) in [
        (json!({ "delay": 30 }), 503),
        (json!({ "status": 500 }), 502),
        (json!({ "status": 429 }), 502),
        (json!({ "status": 400 }), 502),
        (json!({ "status": 302 }), 502),
        (json!({ "status": 404 }), 502),
        (json!({ "garbage": true }), 502),
        (json!({ "fewer": true }), 502),
    ] {
        let new = owner.created(&dialog()).await;
        sandbox.fault(&fault.clone().with("/path", "/authorization/")).await;
        let started = Instant::now();
        assert_failed(&person.open(new).await, status);
        assert!(started.elapsed() < Duration::from_secs(10), "{fault}: {:?}", started.elapsed());
        // What was decided before still holds.
        person.open(known).await.expect(200);
        sandbox.mend().await;
        person.open(new).await.expect(200);
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_not_noticed() {
    let (sandbox, service) = both().await;
    let id = service.owner().created(&dialog()).await;
    sandbox.fault(&json!({ "path": "/authorization/", "status": 503, "times": 1 })).await;
    service.person().open(id).await.expect(200);
    // A token that the platform no longer takes.
    let other = service.owner().created(&dialog()).await;
    sandbox.fault(&json!({ "path": "/authorization/", "status": 401, "times": 1 })).await;
    service.person().open(other).await.expect(200);
}

#[tokio::test]
async fn who_does_not_answer_is_left_alone_for_a_while() {
    let (sandbox, service) = both().await;
    let (owner, person) = (service.owner(), service.person());
    sandbox.fault(&json!({ "path": "/authorization/", "status": 500 })).await;
    for _ in 0..5 {
        let id = owner.created(&dialog()).await;
        assert_failed(&person.open(id).await, 502);
    }
    sandbox.mend().await;
    let id = owner.created(&dialog()).await;
    let started = Instant::now();
    assert_failed(&person.open(id).await, 503);
    assert!(started.elapsed() < Duration::from_secs(1), "the platform was asked");
    // Other APIs are asked as before.
    person.list(&[("party", PERSON)]).await.expect(200);
}

#[tokio::test]
async fn without_access_management_or_tokens_nothing_is_listed() {
    for path in ["/accessmanagement/", "/maskinporten/", "/authentication/"] {
        let (sandbox, service) = both().await;
        for (fault, status) in [
            (json!({ "status": 503 }), 502),
            (json!({ "garbage": true }), 502),
            (json!({ "delay": 30 }), 503),
        ] {
            sandbox.fault(&fault.with("/path", path)).await;
            assert_failed(&service.person().list(&[("party", PERSON)]).await, status);
            sandbox.mend().await;
        }
        service.person().list(&[("party", PERSON)]).await.expect(200);
    }
}

#[tokio::test]
async fn without_the_register_dialogs_are_still_read() {
    let (sandbox, service) = both().await;
    let id = service.owner().created(&dialog()).await;
    sandbox.fault(&json!({ "path": "/register/", "status": 500 })).await;
    service.person().open(id).await.expect(200);
    let by = one_of_each()
        .with("/activities/0/performedBy", json!({ "actorType": "PartyRepresentative", "actorId": PERSON }));
    assert_failed(&service.owner().create(&by).await, 502);
}

/// The built-in catalogue in a file of its own, which can be changed.
struct CatalogueFile(PathBuf);

impl CatalogueFile {
    fn new() -> Self {
        let file = Self(temporary_directory().with_extension("toml"));
        std::fs::write(&file.0, Self::builtin()).unwrap();
        file
    }

    fn builtin() -> &'static str {
        include_str!("../../src/sandbox/catalogue.toml")
    }

    /// The built-in one without this text, which must be there.
    fn without(&self, text: &str) {
        assert!(Self::builtin().contains(text), "{text} is not in the catalogue");
        std::fs::write(&self.0, Self::builtin().replacen(text, "", 1)).unwrap();
    }
}

impl Drop for CatalogueFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Until `condition` holds, for a while.
async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < patience, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const TIGER_GRANT: &str = r#"[[grant]]
user  = "person:08844397713"
party = "org:310923044"
roles = ["dagl"]
include_subunits = true
"#;

#[tokio::test]
async fn a_withdrawn_right_is_refused_by_all_instances_in_time() {
    let file = CatalogueFile::new();
    let sandbox = Service::with_catalogue(&file.0, "2031-05-17T12:00:00Z").await;
    let database = sandbox.another_database().await;
    let instances = [sandbox.production(&database).await, sandbox.production(&database).await];
    let id = instances[0].owner().created(&dialog().with("/party", TIGER)).await;
    let answers = async |instance: &Service| {
        let person = instance.person();
        (person.open(id).await.status.as_u16(), person.listed(&[("party", TIGER)]).await.contains(&id))
    };
    for instance in &instances {
        assert_eq!(answers(instance).await, (200, true));
    }

    file.without(TIGER_GRANT);
    sandbox.reload().await;
    // Lists know within a minute, and everything does within 15.
    sandbox.clock.advance_seconds(61);
    for instance in &instances {
        assert!(!answers(instance).await.1);
    }
    sandbox.clock.advance_seconds(14 * 60);
    for instance in &instances {
        assert_eq!(answers(instance).await, (403, false));
    }

    // What is given anew is there within a minute.
    std::fs::write(&file.0, CatalogueFile::builtin()).unwrap();
    sandbox.reload().await;
    sandbox.clock.advance_seconds(61);
    for instance in &instances {
        assert_eq!(answers(instance).await, (200, true));
    }
}

#[tokio::test]
async fn the_registry_is_kept_in_step() {
    let file = CatalogueFile::new();
    let sandbox = Service::with_catalogue(&file.0, "2031-05-17T12:00:00Z").await;
    let database = sandbox.another_database().await;
    let instances = [sandbox.production(&database).await, sandbox.production(&database).await];
    let id = instances[0].owner().created(&dialog().with("/party", SYSTEM_OWNER)).await;
    let is_listed = async |instance: &Service| {
        instance.system_user().listed(&[("party", SYSTEM_OWNER)]).await.contains(&id)
    };
    for instance in &instances {
        assert!(is_listed(instance).await);
    }

    // The package no longer gives access; one instance reads it, both know it.
    file.without(r#", "package:ordinaer-post-til-virksomheten""#);
    sandbox.clock.advance_seconds(1);
    sandbox.reload().await;
    instances[0].reload().await;
    for instance in &instances {
        eventually("the package gives nothing", async || !is_listed(instance).await).await;
    }

    // A service that is gone, and one that demands more.
    let level = "min_level = 0\n";
    let notice = dialog().with("/serviceResource", DEMO_NOTICE);
    let weak = service_with_level(&instances[1], 1);
    let demo = instances[1].owner().created(&notice).await;
    weak.open(demo).await.expect(200);
    file.without(level);
    sandbox.reload().await;
    // Levels are read once a day, as far as the registry's list does not tell them.
    let sql =
        "update registry_resource set level_read_at = level_read_at - interval '2 days' where $1 is not null";
    database.execute(sql, Uuid::nil()).await;
    instances[1].reload().await;
    for instance in &instances {
        eventually("the level is the default", async || {
            service_with_level(instance, 1).open(demo).await.status == 403
        })
        .await;
    }
}

fn service_with_level(service: &Service, level: u8) -> Client {
    service.person_with(PERSON_NUMBER, level)
}

#[tokio::test]
async fn the_sandbox_reads_its_catalogue_again() {
    let file = CatalogueFile::new();
    let sandbox = Service::with_catalogue(&file.0, "2031-05-17T12:00:00Z").await;
    let id = sandbox.owner().created(&dialog().with("/party", TIGER)).await;
    sandbox.person().open(id).await.expect(200);
    file.without(TIGER_GRANT);
    sandbox.reload().await;
    sandbox.person().open(id).await.expect(403);
}

#[tokio::test]
async fn an_instance_starts_while_the_platform_is_down() {
    let (sandbox, service) = both().await;
    let id = service.owner().created(&dialog()).await;
    sandbox.fault(&json!({ "path": "/", "status": 500 })).await;
    let another = sandbox.production(&service.database).await;
    // Owners work on; users are told that there is nobody to ask.
    another.owner().read(id).await.expect(200);
    assert_failed(&another.person().open(id).await, 502);
    // A database that knows nothing yet cannot be begun with.
    let settings = sandbox.production_settings();
    let store = sandbox.another_database().await.store();
    let refused = start(settings, store).await;
    assert!(refused.contains("registry"), "{refused}");
}

async fn start(settings: ServeSettings, store: dialogporten::store::Store) -> String {
    let clock = dialogporten::clock::Clock::system();
    match dialogporten::server::Server::start(&settings, store, clock).await {
        Ok(_) => "it started".to_owned(),
        Err(failure) => failure.to_string(),
    }
}

type Change<'a> = &'a dyn Fn(&mut ServeSettings);

#[tokio::test]
async fn what_is_missing_for_production_is_named() {
    use clap::Parser;
    let complete = Service::shared().await.production_settings();
    let check = |change: &dyn Fn(&mut ServeSettings)| {
        let mut settings = complete.clone();
        change(&mut settings);
        match dialogporten::server::check(&settings) {
            Ok(()) => String::new(),
            Err(failure) => failure.to_string(),
        }
    };
    assert_eq!(check(&|_| {}), "");
    let some = |text: &str| Some(text.to_owned());
    let cases: [(Change<'_>, &str); 18] = [
        (&|s| s.database.database_url = None, "DATABASE_URL"),
        (&|s| s.public_url = None, "DIALOGPORTEN_PUBLIC_URL"),
        (&|s| s.platform.altinn_url = Some(" ".into()), "DIALOGPORTEN_ALTINN_URL"),
        (
            &|s| s.platform.altinn_url = Some("http://platform.altinn.no".into()),
            "DIALOGPORTEN_ALTINN_URL must",
        ),
        (&|s| s.platform.altinn_subscription_key = None, "DIALOGPORTEN_ALTINN_SUBSCRIPTION_KEY"),
        (&|s| s.platform.maskinporten_url = None, "DIALOGPORTEN_MASKINPORTEN_URL"),
        (&|s| s.platform.maskinporten_client_id = None, "DIALOGPORTEN_MASKINPORTEN_CLIENT_ID"),
        (&|s| s.platform.maskinporten_key = None, "DIALOGPORTEN_MASKINPORTEN_KEY"),
        (&|s| s.platform.maskinporten_key = Some("x".into()), "DIALOGPORTEN_MASKINPORTEN_KEY is not"),
        (&|s| s.platform.issuers = Vec::new(), "DIALOGPORTEN_ISSUERS"),
        (&|s| s.platform.issuers.push("Altinn=https://x.example/".into()), "a name of its own"),
        (&|s| s.platform.issuers.push("https://x.example/".into()), "a name of its own"),
        (&|s| s.platform.issuers.push("X=ftp://x.example/".into()), "must be a URL with https"),
        (&|s| s.platform.audiences = vec!["Altin=x".into()], "DIALOGPORTEN_AUDIENCES"),
        (&|s| s.platform.dialog_token_key = None, "DIALOGPORTEN_DIALOG_TOKEN_KEY"),
        (&|s| s.platform.dialog_token_key = Some("{}".into()), "DIALOGPORTEN_DIALOG_TOKEN_KEY"),
        (&|s| s.platform.dialog_token_other_key.clone_from(&s.platform.dialog_token_key), "same kid"),
        (&|s| s.sandbox.sandbox = true, "DIALOGPORTEN_ALTINN_URL"),
    ];
    for (change, named) in cases {
        let refused = check(change);
        assert!(refused.contains(named), "{named}: {refused}");
        assert!(!refused.contains("nWGxne"), "a secret is told");
    }
    // All at once, and a database alone is not enough.
    let bare = CommandLine::parse_from(["dialogporten", "--database-url=postgres://x/y"]).serve;
    let refused = dialogporten::server::check(&bare).err().unwrap().to_string();
    for named in [
        "PUBLIC_URL",
        "ALTINN_URL",
        "MASKINPORTEN_URL",
        "CLIENT_ID",
        "MASKINPORTEN_KEY",
        "ISSUERS",
        "DIALOG_TOKEN_KEY",
    ] {
        assert!(refused.contains(named), "{named}: {refused}");
    }
    let mut sandbox = bare.clone();
    sandbox.sandbox.sandbox = true;
    assert!(dialogporten::server::check(&sandbox).is_ok());
    sandbox.platform.altinn_url = some("https://platform.altinn.no");
    assert!(dialogporten::server::check(&sandbox).is_err());
}

#[tokio::test]
async fn keys_of_dialog_tokens_are_changed_without_a_gap() {
    const SECOND: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"second","d":"TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#;
    let sandbox = Service::shared().await;
    let database = sandbox.another_database().await;
    let before = sandbox.production(&database).await;
    let kids = async |service: &Service| -> Vec<String> {
        let jwks = service.anonymous().get("/api/v1/.well-known/jwks.json").await.expect(200).json();
        assert!(
            jwks["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()),
            "a secret is published"
        );
        jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let signed_with = async |service: &Service| -> Value {
        use base64::Engine as _;
        let id = service.owner().created(&dialog()).await;
        let token = service.person().opened(id).await["dialogToken"].as_str().unwrap().to_owned();
        let header =
            base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].clone()
    };
    assert_eq!((kids(&before).await, signed_with(&before).await), (vec!["first".to_owned()], json!("first")));
    // The new one is published first, then signs, while the old one is still published.
    let mut settings = sandbox.production_settings();
    settings.platform.dialog_token_other_key = Some(SECOND.to_owned());
    let first = settings.platform.dialog_token_key.clone();
    let during = Service::start_with(settings.clone(), database.clone(), sandbox.clock.clone()).await;
    assert_eq!(kids(&during).await, ["first", "second"]);
    assert_eq!(signed_with(&during).await, "first");
    settings.platform.dialog_token_key = Some(SECOND.to_owned());
    settings.platform.dialog_token_other_key = first;
    let after = Service::start_with(settings, database, sandbox.clock.clone()).await;
    assert_eq!(kids(&after).await, ["second", "first"]);
    assert_eq!(signed_with(&after).await, "second");
}

#[tokio::test]
async fn tokens_for_other_calls_are_given_too() {
    let sandbox = Service::shared().await;
    let given = sandbox.production_settings().platform;
    let url = |text: &Option<String>| text.as_deref().unwrap().parse().unwrap();
    let settings = PlatformSettings {
        url: url(&given.altinn_url),
        cdn_url: given.altinn_cdn_url.parse().unwrap(),
        subscription_key: given.altinn_subscription_key.clone().unwrap(),
        maskinporten: url(&given.maskinporten_url),
        client_id: given.maskinporten_client_id.clone().unwrap(),
        client_key: serde_json::from_str(given.maskinporten_key.as_deref().unwrap()).unwrap(),
        deadline: Duration::from_secs(5),
    };
    let tokens = clients(&settings, &sandbox.clock).unwrap().tokens;
    let token = tokens.token(false).await.unwrap();
    assert_eq!(tokens.token(false).await.unwrap(), token);
    let event = json!({ "id": sandbox.unique() });
    let path = "/sandbox/altinn/events/api/v1/events";
    let publish = |token: &str| sandbox.with_token(token).call(Method::POST, path).json(&event);
    publish(&token).await.expect(200);
    publish(&tokens.token(true).await.unwrap()).await.expect(200);
    publish(&sandbox.owner_token()).await.expect(403);
    let published = sandbox.anonymous().get("/sandbox/altinn/events").await.expect(200).json();
    assert!(published.as_array().unwrap().contains(&event));
}
