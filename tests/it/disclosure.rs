//! What one endpoint hides from a user, no other one reveals: all ways to read a dialog are compared
//! with each other, for many dialogs, states and users.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const COMPANY: &str = "urn:altinn:organization:identifier-no:310923044";
const APP: &str = "urn:altinn:resource:app_ttd_demo";
/// What the person with this number alone was given of the company.
const INSTANCE: &str = "urn:altinn:instance-id:51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
const GUEST: &str = "02867598599";
const HIDDEN: [&str; 2] = ["urn:dialogporten:unauthorized", "urn:dialogporten:expired"];

/// What a dialog is about, before it is given a state.
fn contents(service: &Service) -> Vec<(&'static str, Value)> {
    let full = || {
        full_dialog(service)
            .with("/process", format!("urn:test:{}", service.unique()))
            // Links that do not expire, beside those that do.
            .with(
                "/transmissions/1/attachments",
                json!([{ "urls": [{ "url": "https://example.com/answer", "consumerType": "Gui" }] }]),
            )
            .with("/transmissions/1/content/contentReference", embed("https://example.com/embedded"))
    };
    let level_four = || full().with("/serviceResource", LEVEL_FOUR);
    let of_company = || full().with("/party", COMPANY).with("/serviceResource", APP);
    vec![
        ("ordinary", full()),
        ("of a level", level_four()),
        (
            "of a level, with one title",
            level_four().without("/content/nonSensitiveTitle").without("/content/nonSensitiveSummary"),
        ),
        ("without access", full().with("/serviceResource", EVENTS)),
        ("of a company", of_company()),
        (
            "given alone",
            of_company().with("/serviceOwnerContext/serviceOwnerLabels", json!([{ "value": INSTANCE }])),
        ),
    ]
}

const STATES: [&str; 4] = ["visible", "not yet visible", "expired", "deleted"];

fn in_state(service: &Service, dialog: Value, state: &str) -> Value {
    match state {
        "not yet visible" => dialog.with("/visibleFrom", service.in_seconds(43_200)),
        "expired" => dialog.without("/dueAt").with("/expiresAt", service.in_seconds(3_600)),
        _ => dialog,
    }
}

/// A dialog, and ids of its parts, which its users may not know.
struct Sample {
    name: String,
    id: Uuid,
    party: String,
    process: String,
    titles: [Option<String>; 2],
    parts: Vec<(&'static str, Vec<String>)>,
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn samples(service: &Service) -> Vec<Sample> {
    let owner = service.owner();
    let mut samples = Vec::new();
    for state in STATES {
        for (about, dialog) in contents(service) {
            let sent = in_state(service, dialog, state);
            let id = owner.created(&sent).await;
            // Somebody has opened it and put it away while that was possible.
            let user = service.person_with(PERSON_NUMBER, 4);
            user.open(id).await;
            let labels = format!("/api/v1/enduser/dialogs/{id}/context/systemlabels");
            user.call(Method::PUT, &labels).json(&json!({ "addLabels": ["Bin"] })).await;
            let read = owner.dialog(id).await;
            let seen = ids(&owner.list_below(id, "seenlog").await);
            if state == "deleted" {
                owner.delete(id).await.expect(204);
            }
            let title = |name: &str| Some(read["content"][name]["value"][0]["value"].as_str()?.to_owned());
            samples.push(Sample {
                name: format!("{about}, {state}"),
                id,
                party: sent["party"].as_str().unwrap().to_owned(),
                process: sent["process"].as_str().unwrap().to_owned(),
                titles: [title("title"), title("nonSensitiveTitle")],
                parts: vec![
                    ("transmissions", ids(&read["transmissions"])),
                    ("activities", ids(&read["activities"])),
                    ("seenlog", seen),
                ],
            });
        }
    }
    samples
}

/// Everything that a user is told about a dialog, by where.
struct Told {
    detail: Answer,
    listed: Option<Value>,
    lookup: Answer,
    parts: BTreeMap<String, Answer>,
}

async fn ask(user: &Client, sample: &Sample, language: Option<&str>) -> Told {
    let call = |path: &str| {
        let call = user.get(path);
        match language {
            Some(language) => call.header("accept-language", language),
            None => call,
        }
    };
    let dialog = format!("/api/v1/enduser/dialogs/{}", sample.id);
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("party", &sample.party)
        .append_pair("process", &sample.process)
        .finish();
    // Before it is opened, which changes what is said about that.
    let detail = call(&dialog).await;
    let list = call(&format!("/api/v1/enduser/dialogs?{query}")).await.expect(200).json();
    let mut parts = BTreeMap::new();
    for (name, ids) in &sample.parts {
        parts.insert((*name).to_owned(), call(&format!("{dialog}/{name}")).await);
        for id in ids {
            parts.insert(format!("{name}/{id}"), call(&format!("{dialog}/{name}/{id}")).await);
        }
    }
    parts.insert("context/labellog".to_owned(), call(&format!("{dialog}/context/labellog")).await);
    let reference = format!("urn:altinn:dialog-id:{}", sample.id);
    Told {
        detail,
        listed: list["items"].as_array().unwrap().first().cloned(),
        lookup: call(&format!("/api/v1/enduser/dialoglookup?instanceRef={reference}")).await,
        parts,
    }
}

fn texts_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts_in(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts_in(member, found)),
        _ => {}
    }
}

fn links(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    texts_in(value, &mut found);
    found.retain(|text| text.starts_with("https://"));
    found
}

/// Every way to read the dialog says the same as the others.
fn compare(case: &str, sample: &Sample, told: &Told) {
    let status = told.detail.status.as_u16();
    let json = |answer: &Answer| answer.json();
    // All or nothing, and for the same reason.
    for (name, part) in &told.parts {
        assert_eq!(part.status.as_u16(), status, "{case}: {name}: {}", part.text());
        if status != 200 {
            assert_eq!(part.json()["errors"], told.detail.json()["errors"], "{case}: {name}");
            assert_eq!(part.header("expires"), told.detail.header("expires"), "{case}: {name}");
        }
    }
    let everything: Vec<Value> = told
        .parts
        .values()
        .chain([&told.detail, &told.lookup])
        .map(json)
        .chain(told.listed.clone())
        .collect();
    for value in &everything {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.remove("party");
        }
        let text = value.to_string();
        assert!(!text.contains("urn:altinn:person:identifier-no"), "{case}: {text}");
    }
    let lookup = told.lookup.status.as_u16();
    let title = |value: &Value| value["content"]["title"]["value"].clone();
    match status {
        200 => {
            let detail = told.detail.json();
            // No link that the dialog itself does not show.
            let shown = links(&detail);
            for value in told.parts.values().map(json).chain(told.listed.clone()) {
                let more: Vec<_> = links(&value).difference(&shown).cloned().collect();
                assert!(more.is_empty(), "{case}: {more:?}");
            }
            for list in ["transmissions", "activities"] {
                assert_eq!(told.parts[list].json(), detail[list], "{case}: {list}");
                for item in detail[list].as_array().unwrap() {
                    let one = &told.parts[&format!("{list}/{}", item["id"].as_str().unwrap())];
                    assert_eq!(&one.json(), item, "{case}: {list}");
                }
            }
            let log = told.parts["seenlog"].json();
            let log = log.as_array().unwrap();
            assert!(
                detail["seenSinceLastUpdate"].as_array().unwrap().iter().all(|seen| log.contains(seen)),
                "{case}"
            );
            let listed = told.listed.as_ref().unwrap_or_else(|| panic!("{case}: it is not in the list"));
            assert_eq!(title(listed), title(&detail), "{case}");
            assert_eq!(
                &listed["latestActivity"],
                detail["activities"].as_array().unwrap().last().unwrap(),
                "{case}"
            );
            assert_eq!(told.lookup.json()["title"], title(&detail), "{case}");
        }
        403 if told.listed.is_some() => {
            // Too weak a login: lists and lookup say the least that there is.
            let listed = told.listed.clone().unwrap();
            assert_eq!(lookup, 200, "{case}");
            assert_eq!(told.lookup.json()["title"], title(&listed), "{case}");
            assert!(links(&listed).is_empty(), "{case}");
            if let [Some(secret), Some(_)] = &sample.titles {
                let mut texts = BTreeSet::new();
                for value in &everything {
                    texts_in(value, &mut texts);
                }
                assert!(!texts.contains(secret), "{case}: {secret}");
            }
        }
        403 | 404 | 410 => {
            // 403 also stands for a weak login to what is hidden anyway.
            assert!(told.listed.is_none(), "{case}");
            assert!([403, 404].contains(&lookup), "{case}: {lookup}");
            for value in &everything {
                assert!(links(value).iter().all(|link| link.contains("datatracker")), "{case}: {value}");
            }
        }
        other => panic!("{case}: {other}"),
    }
}

#[tokio::test]
async fn no_endpoint_reveals_what_another_hides() {
    let service = Service::at(NOON).await;
    let samples = samples(&service).await;
    // Half of the links are expired by now, and those dialogs that were to.
    service.clock.advance_seconds(10_000);
    let users = [
        ("the party", service.person_with(PERSON_NUMBER, 3)),
        ("the party at level 4", service.person_with(PERSON_NUMBER, 4)),
        ("the party at level 1", service.person_with(PERSON_NUMBER, 1)),
        ("who was given an instance", service.person_with(GUEST, 3)),
        ("somebody else", service.person_with("13838599936", 4)),
        ("a system", service.system_user()),
    ];
    let mut statuses: BTreeMap<(u16, bool, u16), u32> = BTreeMap::new();
    let mut hidden: BTreeMap<&str, u32> = BTreeMap::new();
    for sample in &samples {
        for (name, user) in &users {
            for language in [None, Some("en"), Some("nn;q=0.5, fi")] {
                let told = ask(user, sample, language).await;
                compare(&format!("{} to {name} in {language:?}", sample.name), sample, &told);
                let key = (told.detail.status.as_u16(), told.listed.is_some(), told.lookup.status.as_u16());
                *statuses.entry(key).or_default() += 1;
                for urn in HIDDEN {
                    *hidden.entry(urn).or_default() += u32::from(told.detail.text().contains(urn));
                }
            }
        }
    }
    let logged = "select count(*) from label_log where dialog_id = $1";
    assert!(service.database.column::<i64>(logged, samples[0].id).await[0] > 0);
    // All kinds of answers have occurred, or nothing was shown.
    let kinds: Vec<_> = statuses.keys().copied().collect();
    let expected = [
        (200, true, 200),
        (403, false, 403),
        (403, false, 404),
        (403, true, 200),
        (404, false, 404),
        (410, false, 404),
    ];
    assert_eq!(kinds, expected, "{statuses:?}");
    assert!(HIDDEN.iter().all(|urn| hidden[urn] > 0), "{hidden:?}");
}
