//! Whatever happens to a dialog, what was once added to it stays as it was.

use std::collections::HashMap;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const SEQUENCES: u64 = 20;
const STEPS: usize = 25;

/// `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn items<'a>(dialog: &'a Value, list: &str) -> &'a [Value] {
    dialog[list].as_array().expect(list)
}

fn is_from_party(transmission: &Value) -> bool {
    ["Submission", "Correction"].contains(&transmission["type"].as_str().unwrap())
}

/// The id of a transmission of the dialog, or now and then of none.
fn some_transmission(dialog: &Value, random: &mut Random) -> Value {
    let list = items(dialog, "transmissions");
    match random.below(list.len() + 1) {
        0 => json!("01890000-0000-7000-8000-000000000000"),
        index => list[index - 1]["id"].clone(),
    }
}

fn letter(dialog: &Value, random: &mut Random) -> Value {
    let kind = random.one_of(&["Information", "Alert", "Decision", "Submission", "Correction"]);
    let letter = one_of_each()["transmissions"][0].clone().with("/type", kind);
    match random.below(3) {
        0 => letter.with("/relatedTransmissionId", some_transmission(dialog, random)),
        1 => letter.with("/createdAt", "2020-01-01T00:00:00Z"),
        _ => letter,
    }
}

fn activity(dialog: &Value, random: &mut Random) -> Value {
    let activity = json!({ "type": "FormSaved", "performedBy": { "actorType": "ServiceOwner" } });
    match random.below(4) {
        0 => activity,
        1 => one_of_each()["activities"][0].clone(),
        _ => activity
            .with("/type", "TransmissionOpened")
            .with("/transmissionId", some_transmission(dialog, random)),
    }
}

/// Some write: what it is, and, if it is a correction, of which transmission.
fn write(
    owner: &Client,
    admin: &Client,
    dialog: &Value,
    random: &mut Random,
) -> (Call, String, Option<String>) {
    let id: Uuid = dialog["id"].as_str().unwrap().parse().unwrap();
    let client = if random.below(4) == 0 { admin } else { owner };
    let (letter, activity) = (letter(dialog, random), activity(dialog, random));
    let body = put_body(dialog);
    let status = random.one_of(&["Draft", "InProgress", "Completed", "Sent"]);
    let put = |body: Value| (client.put(id, &body), format!("PUT {body}"));
    let patch = |operations: Value| (client.patch(id, &operations), format!("PATCH {operations}"));
    let first = items(dialog, "transmissions").first().map_or(Value::Null, |item| item["id"].clone());
    let mut corrected = None;
    let (call, what) = match random.below(24) {
        0 => put(body.with("/progress", random.below(100))),
        1 => {
            put(body.with("/status", status).with("/transmissions/0", letter).with("/activities/0", activity))
        }
        2 => put(body.with("/progress", 101).with("/transmissions/0", letter)),
        3 => put(body.with("/transmissions/0", letter.with("/id", first))),
        4 => put(dialog.clone().with("/party", OTHER_PERSON)),
        5 => put(body
            .with("/party", OTHER_PERSON)
            .with("/serviceResource", RESOURCE_2)
            .with("/attachments", json!([]))),
        6 => patch(json!([{ "op": "add", "path": "/transmissions/-", "value": letter }])),
        7 => patch(json!([
            { "op": "replace", "path": "/status", "value": status },
            { "op": "add", "path": "/activities/-", "value": activity },
        ])),
        8 => patch(json!([{ "op": "replace", "path": "/transmissions", "value": [letter] }])),
        9 => patch(json!([
            { "op": "replace", "path": "/status", "value": status },
            { "op": random.one_of(&["remove", "replace"]), "path": "/transmissions/0", "value": letter },
        ])),
        10 => patch(json!([{ "op": "remove", "path": "/activities/0" }])),
        11 => patch(json!([{
            "op": "replace", "path": random.one_of(&["/party", "/createdAt", "/serviceResource", "/id"]), "value": OTHER_PERSON,
        }])),
        12..=14 => (client.append(id, "transmissions", &letter), format!("POST {letter}")),
        15..=17 => (client.append(id, "activities", &activity), format!("POST {activity}")),
        18 => {
            let letter = letter.with("/id", first);
            (client.append(id, "transmissions", &letter), format!("POST {letter}"))
        }
        19 => {
            let label = json!({ "value": format!("label {}", random.below(30)) });
            (client.append(id, "context/labels", &label), format!("POST {label}"))
        }
        20 => {
            let labels = json!({ "addLabels": [random.one_of(&["Bin", "Archive", "MarkedAsUnopened"])] });
            let path = format!("endusercontext/systemlabels?enduserId={PERSON}");
            (client.below(Method::PUT, id, &path).json(&labels), format!("PUT {labels}"))
        }
        21 if dialog.get("deletedAt").is_some() => (client.act(id, "restore"), "restore".into()),
        21 => (client.delete(id), "DELETE".into()),
        22 if random.below(4) == 0 => (admin.act(id, "freeze"), "freeze".into()),
        _ => match first.as_str() {
            Some(first) => {
                corrected = Some(first.to_owned());
                let letter = letter.without_related();
                (admin.correct(id, first.parse().unwrap(), &letter), format!("correct {first}: {letter}"))
            }
            None => put(body.with("/progress", 7)),
        },
    };
    if corrected.is_none() && !what.contains("Labels") && random.below(5) == 0 {
        return (call.silently(), format!("silent {what}"), None);
    }
    (call, what, corrected)
}

trait Related {
    fn without_related(self) -> Value;
}

impl Related for Value {
    fn without_related(self) -> Value {
        if self.get("relatedTransmissionId").is_some() {
            self.without("/relatedTransmissionId")
        } else {
            self
        }
    }
}

/// The parts of a list by id, without what follows from other lists.
fn by_id(dialog: &Value, list: &str) -> HashMap<String, Value> {
    let strip = |item: &Value| {
        if item.get("isOpened").is_some() { item.clone().without("/isOpened") } else { item.clone() }
    };
    items(dialog, list).iter().map(|item| (item["id"].as_str().unwrap().to_owned(), strip(item))).collect()
}

/// What holds of a dialog at any time.
fn check(dialog: &Value, context: &str) {
    let moment = |name: &str| dialog[name].as_str().unwrap().to_owned();
    assert!(moment("createdAt") <= moment("contentUpdatedAt"), "{context}");
    assert!(moment("contentUpdatedAt") <= moment("updatedAt"), "{context}");
    let transmissions = items(dialog, "transmissions");
    let from_party = transmissions.iter().filter(|item| is_from_party(item)).count();
    assert_eq!(dialog["fromPartyTransmissionsCount"], from_party, "{context}");
    assert_eq!(dialog["fromServiceOwnerTransmissionsCount"], transmissions.len() - from_party, "{context}");
    let is_opened = |transmission: &Value| {
        items(dialog, "activities").iter().any(|activity| {
            activity["type"] == "TransmissionOpened" && activity["transmissionId"] == transmission["id"]
        })
    };
    let unopened = transmissions.iter().any(|item| !is_from_party(item) && !is_opened(item));
    assert_eq!(dialog["hasUnopenedContent"], unopened, "{context}");
}

/// What holds between a dialog and what it becomes by one write.
fn compare(before: &Value, after: &Value, answer: &Answer, corrected: Option<&str>, context: &str) {
    for member in ["id", "org", "party", "serviceResource", "createdAt"] {
        assert_eq!(after[member], before[member], "{member}: {context}");
    }
    for member in ["updatedAt", "contentUpdatedAt"] {
        assert!(after[member].as_str() >= before[member].as_str(), "{member}: {context}");
    }
    for list in ["transmissions", "activities"] {
        let after = by_id(after, list);
        for (id, item) in by_id(before, list) {
            let now = after.get(&id).unwrap_or_else(|| panic!("{id} is gone: {context}"));
            if corrected == Some(id.as_str()) {
                assert_eq!(now["createdAt"].is_string(), item["createdAt"].is_string(), "{context}");
            } else {
                assert_eq!(*now, item, "{context}");
            }
        }
    }
    if !answer.status.is_success() {
        assert!(answer.status.is_client_error(), "{}: {context}", answer.status);
        assert_eq!(after, before, "{} has changed something: {context}", answer.status);
    }
}

async fn sequence(service: &Service, seed: u64) -> (usize, usize) {
    let (owner, admin) = (service.owner(), service.owner_with(&format!("{ADMIN} {CHANGE_TRANSMISSIONS}")));
    let random = &mut Random(seed);
    let id = owner.created(&one_of_each()).await;
    let mut dialog = owner.dialog(id).await;
    check(&dialog, "created");
    let mut succeeded = 0;
    for step in 0..STEPS {
        let (call, what, corrected) = write(&owner, &admin, &dialog, random);
        let answer = call.await;
        let context = format!("seed {seed}, step {step}, {} to {what}: {}", answer.status, answer.text());
        let after = owner.dialog(id).await;
        compare(&dialog, &after, &answer, corrected.as_deref(), &context);
        check(&after, &context);
        succeeded += usize::from(answer.status.is_success());
        dialog = after;
    }
    (succeeded, items(&dialog, "transmissions").len())
}

#[tokio::test]
async fn what_was_added_stays_as_it_was() {
    let service = Service::shared().await;
    let outcomes = join_all((0..SEQUENCES).map(|seed| sequence(service, seed))).await;
    // Enough of the writes must have been right, and enough wrong, for this to say anything.
    let succeeded: usize = outcomes.iter().map(|(succeeded, _)| succeeded).sum();
    let steps = outcomes.len() * STEPS;
    assert!(succeeded > steps / 5 && succeeded < steps * 4 / 5, "{succeeded} of {steps}");
    assert!(outcomes.iter().map(|(_, transmissions)| transmissions).sum::<usize>() > 2 * outcomes.len());
}
