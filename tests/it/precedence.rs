//! Of several reasons to refuse a write, which one is given.
//!
//! A ladder has the reasons in the order in which they outrank each other. A request that has them all
//! is refused for the first; without that one for the second; and so on.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

/// A valid number that nobody has.
const NOBODY: &str = "urn:altinn:organization:identifier-no:310111112";
const UNOWNED: &str = "urn:altinn:resource:notavailable";
/// A key that a transmission of every dialog here has.
const TAKEN: &str = "taken";

/// The state of the dialog that a request is for.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Ordinary,
    Frozen,
    FrozenAndDeleted,
    Missing,
}

/// One dialog in each state.
struct Dialogs {
    ordinary: Uuid,
    frozen: Uuid,
    frozen_and_deleted: Uuid,
    missing: Uuid,
}

impl Dialogs {
    async fn new(service: &Service) -> Self {
        let admin = service.owner_with(ADMIN);
        let sent = one_of_each().with("/transmissions/0/idempotentKey", TAKEN);
        let [ordinary, frozen, frozen_and_deleted] =
            [admin.created(&sent).await, admin.created(&sent).await, admin.created(&sent).await];
        for id in [frozen, frozen_and_deleted] {
            admin.act(id, "freeze").await.expect(204);
        }
        admin.delete(frozen_and_deleted).await.expect(204);
        Self { ordinary, frozen, frozen_and_deleted, missing: service.id() }
    }

    fn id(&self, state: State) -> Uuid {
        match state {
            State::Ordinary => self.ordinary,
            State::Frozen => self.frozen,
            State::FrozenAndDeleted => self.frozen_and_deleted,
            State::Missing => self.missing,
        }
    }
}

/// What is wrong with a request.
enum Fault {
    /// The value at a pointer of its body.
    Body(&'static str, Value),
    /// The dialog's state.
    State(State),
    /// The revision that it expects.
    Mismatch,
}

/// What is wrong, and the status and the key of the refusal.
type Rung = (Fault, u16, &'static str);

/// Climbs a ladder with requests made of a dialog, a body, and whether another revision is expected.
async fn climb(dialogs: &Dialogs, body: &Value, rungs: &[Rung], call: impl Fn(Uuid, &Value) -> Call) {
    for (number, (_, status, key)) in rungs.iter().enumerate() {
        let (mut body, mut state, mut mismatch) = (body.clone(), State::Ordinary, false);
        // A dialog has one state: the one that outranks the others.
        for (fault, ..) in rungs[number..].iter().rev() {
            match fault {
                Fault::Body(pointer, value) => body = body.with(pointer, value.clone()),
                Fault::State(worse) => state = *worse,
                Fault::Mismatch => mismatch = true,
            }
        }
        let call = call(dialogs.id(state), &body);
        let answer = if mismatch { call.if_match(dialogs.missing) } else { call }.await;
        let found = answer.text();
        assert_eq!(answer.status.as_u16(), *status, "{number}: {found}");
        let keys = answer.error_keys();
        assert!(
            keys.iter().any(|found| found == key) || (keys.is_empty() && key.is_empty()),
            "{number}: {found}"
        );
    }
}

fn letter(members: &Value) -> Value {
    let mut letter = json!({
        "type": "Information", "sender": { "actorType": "ServiceOwner" }, "content": { "title": texts("Brev") },
    });
    for (name, value) in members.as_object().unwrap() {
        letter[name] = value.clone();
    }
    letter
}

fn activity(kind: &str) -> Value {
    json!({ "type": kind, "performedBy": { "actorType": "ServiceOwner" } })
}

fn nobody() -> Value {
    json!({ "actorType": "PartyRepresentative", "actorId": NOBODY })
}

fn unknown(service: &Service) -> Value {
    json!(service.id().to_string())
}

#[tokio::test]
async fn of_a_new_dialog() {
    let service = Service::shared().await;
    let owner = service.owner();
    let dialogs = Dialogs::new(service).await;
    let key = service.unique()[..30].to_owned();
    owner.created(&dialog().with("/idempotentKey", key.as_str())).await;
    let taken_id = owner.created(&dialog()).await;
    let of_the_owner = [
        (Fault::Body("/progress", json!(101)), 400, "dto.progress"),
        (Fault::Body("/guiActions/0/authorizationAttribute", json!(UNOWNED)), 403, "Forbidden"),
        (Fault::Body("/idempotentKey", json!(key)), 409, "IdempotentKey"),
        (Fault::Body("/dueAt", json!(service.in_seconds(-60))), 422, "DueAt"),
        (Fault::Body("/activities/1", activity("CorrespondenceOpened")), 403, "Forbidden"),
        (
            Fault::Body("/transmissions/1", {
                // Each answers the other.
                let (one, other) = (unknown(service), unknown(service));
                let related =
                    |id: &Value, to: &Value| letter(&json!({ "id": id, "relatedTransmissionId": to }));
                json!([related(&one, &other), related(&other, &one)])
            }),
            422,
            "Transmissions",
        ),
        (Fault::Body("/transmissions/0/idempotentKey", json!(TAKEN)), 409, "IdempotentKey"),
        (Fault::Body("/transmissions/0/sender", nobody()), 422, "ActorId"),
        (Fault::Body("/id", json!(taken_id)), 409, "DialogEntity"),
    ];
    let call = |_: Uuid, body: &Value| {
        // The pair of the circle goes beside the others, and the key comes twice.
        let mut body = body.clone();
        let letters = body["transmissions"].as_array().unwrap().clone();
        let mut flat: Vec<Value> = Vec::new();
        for letter in letters {
            match letter {
                Value::Array(pair) => flat.extend(pair),
                letter => flat.push(letter),
            }
        }
        if flat[0]["idempotentKey"] == TAKEN {
            flat.push(letter(&json!({ "idempotentKey": TAKEN })));
        }
        body["transmissions"] = json!(flat);
        owner.create(&body)
    };
    climb(&dialogs, &one_of_each(), &of_the_owner, call).await;

    // A resource that nobody has outranks what depends on its owner.
    for fault in of_the_owner.iter().skip(1).take(4) {
        let Fault::Body(pointer, value) = &fault.0 else { unreachable!() };
        let body = one_of_each().with("/serviceResource", UNOWNED).with(pointer, value.clone());
        let answer = owner.create(&body).await.expect(422);
        assert!(answer.error_keys().contains(&"ServiceResource".to_owned()), "{}", answer.text());
    }
}

#[tokio::test]
async fn of_a_new_state() {
    let service = Service::shared().await;
    let owner = service.owner();
    let dialogs = Dialogs::new(service).await;
    let body = put_body(&owner.dialog(dialogs.ordinary).await);
    let past = json!(service.in_seconds(-60));
    let rungs = [
        (Fault::Body("/isApiOnly", json!("yes")), 400, "dto.isApiOnly"),
        (Fault::State(State::Missing), 404, "DialogEntity"),
        (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity"),
        (Fault::Body("/progress", json!(101)), 400, "dto.progress"),
        (Fault::State(State::Frozen), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
        (Fault::Body("/dueAt", past.clone()), 422, "DueAt"),
        (Fault::Body("/activities/0", activity("CorrespondenceOpened")), 403, "Forbidden"),
        (
            Fault::Body("/transmissions/0", letter(&json!({ "relatedTransmissionId": unknown(service) }))),
            422,
            "Transmissions",
        ),
        (Fault::Body("/transmissions/1", letter(&json!({ "idempotentKey": TAKEN }))), 409, "IdempotentKey"),
        (Fault::Body("/guiActions/0/authorizationAttribute", json!(UNOWNED)), 403, "Forbidden"),
        (Fault::Body("/attachments/0/expiresAt", past), 422, "Attachments[0].ExpiresAt"),
    ];
    // Of the lists that only grow, what is not given is left out.
    let put = |id: Uuid, body: &Value| {
        let letters = body["transmissions"].as_array().unwrap();
        let letters: Vec<_> = letters.iter().filter(|letter| !letter.is_null()).cloned().collect();
        owner.put(id, &body.clone().with("/transmissions", letters))
    };
    let body = body.with("/transmissions", json!([null]));
    climb(&dialogs, &body, &rungs, put).await;

    // What is found before a resource that is not the caller's does not outrank it, nor the other way.
    for (pointer, value, status) in [
        ("/dueAt", json!(service.in_seconds(-60)), 403),
        ("/transmissions/1", letter(&json!({ "relatedTransmissionId": unknown(service) })), 403),
        ("/activities/0", activity("TransmissionOpened").with("/transmissionId", unknown(service)), 403),
        ("/transmissions/1", letter(&json!({ "idempotentKey": TAKEN })), 409),
    ] {
        let body = body.clone().with("/guiActions/0/authorizationAttribute", UNOWNED).with(pointer, value);
        assert_eq!(put(dialogs.ordinary, &body).await.status.as_u16(), status, "{pointer}");
    }
}

#[tokio::test]
async fn of_a_patch() {
    let service = Service::shared().await;
    let owner = service.owner();
    let dialogs = Dialogs::new(service).await;
    let operation = |path: &str, value: Value| json!({ "op": "add", "path": path, "value": value });
    let rungs = [
        (Fault::Body("/0/op", json!("change")), 400, "[0]/progress"),
        (Fault::State(State::Missing), 404, "DialogEntity"),
        (Fault::Body("/1/path", json!("/attachments/7")), 400, "[1]/attachments/7"),
        (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity"),
        (Fault::Body("/0/value", json!(101)), 400, "dto.progress"),
        (Fault::State(State::Frozen), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
        (Fault::Body("/2", operation("/dueAt", json!(service.in_seconds(-60)))), 422, "DueAt"),
    ];
    let body = json!([operation("/progress", json!(1)), operation("/externalReference", json!("x"))]);
    climb(&dialogs, &body, &rungs, |id, body| owner.patch(id, body)).await;
}

#[tokio::test]
async fn of_a_transmission() {
    let service = Service::shared().await;
    let owner = service.owner();
    let dialogs = Dialogs::new(service).await;
    let rungs = [
        (Fault::Body("/type", json!(null)), 400, "transmissions[0].type"),
        (Fault::State(State::Missing), 404, "DialogEntity"),
        // Whether it may lack is the dialog's.
        (Fault::Body("/content", json!(null)), 400, "transmissions[0].content"),
        (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity"),
        (Fault::State(State::Frozen), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
        (Fault::Body("/idempotentKey", json!(TAKEN)), 409, "IdempotentKey"),
        (Fault::Body("/authorizationAttribute", json!(UNOWNED)), 403, "Forbidden"),
        (Fault::Body("/relatedTransmissionId", unknown(service)), 422, "Transmissions"),
        (Fault::Body("/sender", nobody()), 422, "ActorId"),
    ];
    climb(&dialogs, &letter(&json!({})), &rungs, |id, body| owner.append(id, "transmissions", body)).await;
}

#[tokio::test]
async fn of_an_activity() {
    let service = Service::shared().await;
    let owner = service.owner();
    let dialogs = Dialogs::new(service).await;
    let rungs = [
        (Fault::Body("/performedBy", json!(null)), 400, "activity.performedBy"),
        (Fault::State(State::Missing), 404, "DialogEntity"),
        (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity"),
        (Fault::State(State::Frozen), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
    ];
    let add = |id: Uuid, body: &Value| owner.append(id, "activities", body);
    climb(&dialogs, &activity("CorrespondenceOpened"), &rungs, add).await;
    let rungs = [
        (Fault::Body("/type", json!("CorrespondenceOpened")), 403, "Forbidden"),
        (Fault::Body("/performedBy", nobody()), 422, "ActorId"),
    ];
    climb(&dialogs, &activity("FormSaved"), &rungs, add).await;
    let rungs = [
        (Fault::Body("/transmissionId", unknown(service)), 422, "Activity.TransmissionId"),
        (Fault::Body("/performedBy", nobody()), 422, "ActorId"),
    ];
    let letter = owner.dialog(dialogs.ordinary).await["transmissions"][0]["id"].clone();
    climb(&dialogs, &activity("TransmissionOpened").with("/transmissionId", letter), &rungs, add).await;
}

#[tokio::test]
async fn of_a_correction() {
    let service = Service::shared().await;
    let owner = service.owner_with(CHANGE_TRANSMISSIONS);
    let dialogs = Dialogs::new(service).await;
    let mut letters = Vec::new();
    for id in [dialogs.ordinary, dialogs.frozen] {
        letters.push(owner.dialog(id).await["transmissions"][0].clone());
    }
    owner
        .append(dialogs.ordinary, "transmissions", &letter(&json!({ "idempotentKey": "other" })))
        .await
        .expect(201);
    let rungs = [
        (Fault::Body("/type", json!(null)), 400, "dto.type"),
        (Fault::State(State::Missing), 404, "DialogEntity"),
        (Fault::Body("/content", json!(null)), 400, "dto.content"),
        (Fault::Body("/authorizationAttribute", json!(UNOWNED)), 403, "Forbidden"),
        (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity"),
        (Fault::State(State::Frozen), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
        // Not a member: which transmission the request is for.
        (Fault::Body("/which", unknown(service)), 404, "DialogTransmission"),
        (Fault::Body("/idempotentKey", json!("other")), 409, "IdempotentKey"),
        (Fault::Body("/relatedTransmissionId", unknown(service)), 422, "Transmissions"),
        (Fault::Body("/sender", nobody()), 422, "ActorId"),
    ];
    let correct = |id: Uuid, body: &Value| {
        let which = body["which"].as_str().unwrap().parse().unwrap();
        owner.correct(id, which, body)
    };
    let body = letter(&json!({ "which": letters[0]["id"] }));
    climb(&dialogs, &body, &rungs, correct).await;
}

#[tokio::test]
async fn of_steps() {
    let service = Service::shared().await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let dialogs = Dialogs::new(service).await;
    let missing = || (Fault::State(State::Missing), 404, "DialogEntity");
    let gone = || (Fault::State(State::FrozenAndDeleted), 410, "DialogEntity");
    let frozen = || (Fault::State(State::Frozen), 403, "Forbidden");
    let mismatch = || (Fault::Mismatch, 412, "");
    climb(&dialogs, &json!(null), &[missing(), gone(), frozen(), mismatch()], |id, _| owner.delete(id)).await;
    for action in ["restore", "purge"] {
        climb(&dialogs, &json!(null), &[missing(), mismatch()], |id, _| owner.act(id, action)).await;
    }
    climb(&dialogs, &json!(null), &[missing(), gone(), mismatch()], |id, _| admin.act(id, "freeze")).await;
    for id in [dialogs.missing, dialogs.frozen_and_deleted] {
        owner.act(id, "freeze").await.assert_problem_document(403);
    }

    // Of Altinn Correspondence.
    let correspondence = service.owner_with(CORRESPONDENCE_SCOPE);
    let sent = dialog().with("/serviceResource", CORRESPONDENCE);
    let id = correspondence.created(&sent).await;
    for call in [owner.delete(id), owner.act(id, "purge")] {
        call.if_match(dialogs.missing).await.assert_problem(403, &[("Forbidden", CORRESPONDENCE)]);
    }
    let saved = admin.dialog(dialogs.ordinary).await["activities"][0]["id"].clone();
    let rungs = [
        (Fault::Body("/moment", json!(service.in_seconds(60))), 400, "newCreatedAt"),
        missing(),
        (Fault::Body("/which", unknown(service)), 404, "DialogActivity"),
        // It is not about a form.
        (Fault::State(State::Ordinary), 422, "Type"),
    ];
    let bump = |id: Uuid, body: &Value| {
        let path =
            format!("activities/{}/actions/updateFormSavedActivityTime", body["which"].as_str().unwrap());
        admin.below(Method::POST, id, &path).json(&body["moment"])
    };
    let body = json!({ "which": saved, "moment": service.in_seconds(-60) });
    climb(&dialogs, &body, &rungs, bump).await;
}

#[tokio::test]
async fn of_labels() {
    let service = Service::shared().await;
    let (owner, admin) = (service.owner(), service.owner_with(ADMIN));
    let dialogs = Dialogs::new(service).await;
    let missing = || (Fault::State(State::Missing), 404, "DialogEntity");
    let deleted = || (Fault::State(State::FrozenAndDeleted), 404, "DialogEntity");
    let rungs = [
        (Fault::Body("/value", json!(7)), 400, "dto.value"),
        missing(),
        deleted(),
        (Fault::Mismatch, 412, ""),
        (Fault::Body("/value", json!("x")), 400, "dto.serviceOwnerLabels[1].value"),
    ];
    let add = |id: Uuid, body: &Value| owner.append(id, "context/labels", body);
    climb(&dialogs, &json!({ "value": "another" }), &rungs, add).await;
    let rungs =
        [missing(), (Fault::Body("/label", json!("nothing")), 404, "Label"), (Fault::Mismatch, 412, "")];
    let remove = |id: Uuid, body: &Value| {
        owner.below(Method::DELETE, id, &format!("context/labels/{}", body["label"].as_str().unwrap()))
    };
    climb(&dialogs, &json!({ "label": "label" }), &rungs, remove).await;

    let set = |client: &Client, id: Uuid, body: &Value| {
        let query = body["user"].as_str().map_or_else(String::new, |user| format!("?enduserId={user}"));
        client.below(Method::PUT, id, &format!("endusercontext/systemlabels{query}")).json(body)
    };
    let rungs = [
        (Fault::Body("/addLabels/0", json!("Sent")), 400, "addLabels[0]"),
        missing(),
        deleted(),
        (Fault::Body("/user", json!(OTHER_PERSON)), 403, "Forbidden"),
        (Fault::Mismatch, 412, ""),
    ];
    let body = json!({ "user": PERSON, "addLabels": ["Bin"] });
    climb(&dialogs, &body, &rungs, |id, body| set(&owner, id, body)).await;
    // Nobody but administrators may name somebody, and they must name somebody who has a name.
    let body = json!({ "addLabels": ["Bin"], "performedBy": nobody() });
    set(&owner, dialogs.missing, &body).await.assert_problem(404, &[("DialogEntity", "")]);
    let named = set(&owner, dialogs.ordinary, &body).if_match(dialogs.missing).await;
    named.assert_problem(403, &[("Forbidden", "administrators")]);
    let mismatch = set(&admin, dialogs.ordinary, &body).if_match(dialogs.missing).await;
    mismatch.assert_problem(412, &[]);
    set(&admin, dialogs.ordinary, &body).await.assert_problem(422, &[("ActorId", "name")]);

    let path = "/api/v1/serviceowner/dialogs/endusercontext/systemlabels/actions/bulkset";
    let bulk = |client: &Client, body: &Value| client.call(Method::POST, path).json(body);
    let item = |id: Uuid| json!({ "dialogId": id, "endUserContextRevision": dialogs.missing });
    let body = json!({ "dialogs": [item(dialogs.missing)], "addLabels": ["Bin"], "performedBy": nobody() });
    let invalid = body.clone().with("/addLabels/0", "Sent");
    bulk(&owner, &invalid).await.assert_problem(400, &[("dto.addLabels[0]", "")]);
    bulk(&owner, &body).await.assert_problem(403, &[("Forbidden", "administrators")]);
    bulk(&admin, &body).await.assert_problem(404, &[("DialogEntity", "")]);
    let body = body.with("/dialogs/0", item(dialogs.ordinary));
    bulk(&admin, &body).await.assert_problem(412, &[]);
    let body = body.without("/dialogs/0/endUserContextRevision");
    bulk(&admin, &body).await.assert_problem(422, &[("ActorId", "name")]);
}
