//! Random searches of random dialogs, by all ways that a search can take, against a naive one.

use std::fmt::Write;

use dialogporten::store::Effort;
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::oracle::{Search, id_of, is_visible};
use super::words::{Looked, Term, vocabulary};
use crate::harness::*;

const DIALOGS: usize = 240;
const SEARCHES: usize = 130;

const APP: &str = "urn:altinn:resource:app_ttd_demo";
const RESOURCES: [&str; 6] = [RESOURCE, RESOURCE_2, LEVEL_FOUR, EVENTS, OTHER_OWNERS, APP];
const COMPANIES: [&str; 10] = [
    "310923044",
    "315010195",
    "310010693",
    "310057223",
    "313006425",
    "437454302",
    "310987107",
    "313987116",
    "311987119",
    "311987127",
];
/// A person who acts for all these companies.
const BUSY: &str = "17819098557";
/// A person who has been given a service of one company and two single dialogs of others.
const HELPER: &str = "02867598599";
const SYSTEM: &str = "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
/// The instance that the helper has been given.
const INSTANCE: &str = "51267836/0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
const STORAGE: &str = "urn:altinn:integration:storage:";

const LABELS: [&str; 8] =
    ["archive-2030", "archive-2031", "archive%2031", "a_chive", "arc\\hive", "urgent", "Urgent-2", "box"];

fn company(number: &str) -> String {
    format!("urn:altinn:organization:identifier-no:{number}")
}

fn person(number: &str) -> String {
    format!("urn:altinn:person:identifier-no:{number}")
}

/// Numbers that a seed repeats (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    fn some<T: Clone>(&mut self, most: usize, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| draw(self)).collect()
    }

    fn words(&mut self) -> String {
        let words = vocabulary();
        let mut text = self.pick(&words).to_owned();
        for _ in 0..self.below(4) {
            let sign = self.pick(&[" ", " ", " ", ", ", ".", "/", " <"]);
            let _ = write!(text, "{sign}{}", self.pick(&words));
        }
        if self.one_in(5) { text.to_uppercase() } else { text }
    }

    fn texts(&mut self) -> Value {
        let mut languages = vec!["en", "nb", "nn", "se"];
        languages.retain(|_| self.one_in(3));
        if languages.is_empty() {
            languages.push("nb");
        }
        languages.into_iter().map(|code| json!({ "languageCode": code, "value": self.words() })).collect()
    }
}

/// The dialogs as their service owners read them, and who may list what.
struct World {
    now: String,
    dialogs: Vec<Value>,
    helpers: [Uuid; 2],
    systems: Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Person,
    Busy,
    BusyAndSure,
    Helper,
    System,
}

impl World {
    /// Whether the user may list the dialog.
    fn lists(&self, user: User, dialog: &Value) -> bool {
        let member = |name: &str| dialog[name].as_str().unwrap();
        let (party, resource, id) = (member("party"), member("serviceResource"), id_of(dialog));
        let has_label = |label: &str| {
            let labels = dialog["serviceOwnerContext"]["serviceOwnerLabels"].as_array().unwrap();
            labels.iter().any(|other| other["value"] == label)
        };
        match user {
            User::Person => {
                let companies = [&COMPANIES[0], &COMPANIES[1], &COMPANIES[2]].map(|number| company(number));
                resource != EVENTS && (party == PERSON || companies.iter().any(|company| company == party))
            }
            User::Busy | User::BusyAndSure => {
                resource != EVENTS
                    && (party == person(BUSY) || COMPANIES.iter().any(|number| company(number) == party))
            }
            User::Helper => {
                self.helpers.contains(&id)
                    || (party == company("310057223") && resource == RESOURCE_2)
                    || (party == company("310923044")
                        && resource == APP
                        && (has_label(&format!("urn:altinn:instance-id:{INSTANCE}"))
                            || has_label(&format!("{STORAGE}{INSTANCE}"))))
            }
            User::System => id == self.systems || (party == company("310057223") && resource == RESOURCE),
        }
    }

    /// What a search must give, in order.
    fn expected(&self, caller: Caller, search: &Search) -> Vec<Uuid> {
        let may = |dialog: &&Value| match caller {
            Caller::Owner(None) => dialog["org"] == "ttd",
            Caller::Owner(Some(user)) => {
                dialog["org"] == "ttd" && self.lists(user, dialog) && is_visible(dialog, &self.now)
            }
            Caller::User(user) => self.lists(user, dialog) && is_visible(dialog, &self.now),
        };
        let reads = |dialog: &&Value| {
            let is_weak = matches!(caller, Caller::User(user) if user != User::BusyAndSure);
            let only_open = is_weak && dialog["serviceResource"] == LEVEL_FOUR;
            search.words.as_ref().is_none_or(|words| words.finds(dialog, only_open))
        };
        let mut found: Vec<&Value> =
            self.dialogs.iter().filter(may).filter(|dialog| search.accepts(dialog)).filter(reads).collect();
        found.sort_by(|one, other| search.compare(one, other));
        found.into_iter().map(id_of).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Caller {
    User(User),
    Owner(Option<User>),
}

fn random_dialog(service: &Service, random: &mut Random) -> Value {
    let resource = random.pick(&RESOURCES);
    let mut parties: Vec<String> = COMPANIES.iter().map(|number| company(number)).collect();
    parties.extend([PERSON.to_owned(), person(BUSY), OTHER_PERSON.to_owned()]);
    // Most dialogs are of few parties.
    let party = if random.one_in(3) { random.pick(&parties) } else { random.pick(&parties[..4]) };
    let created = -1_000 - i64::try_from(random.below(4)).unwrap() * 100;
    let updated = -500 - i64::try_from(random.below(12)).unwrap() * 10;
    let mut dialog = json!({ "serviceResource": resource, "party": party })
        .with("/createdAt", service.in_seconds(created))
        .with("/updatedAt", service.in_seconds(updated))
        .with(
            "/status",
            random.pick(&[
                "NotApplicable",
                "Draft",
                "InProgress",
                "Awaiting",
                "RequiresAttention",
                "Completed",
            ]),
        );
    let is_api_only = random.one_in(8);
    dialog = dialog.with("/isApiOnly", is_api_only);
    if !is_api_only || random.one_in(2) {
        dialog = dialog.with("/content/title/value", random.texts());
        if random.one_in(4) {
            dialog = dialog.with("/content/extendedStatus", texts(random.pick(&vocabulary())));
        }
        for field in ["nonSensitiveTitle", "summary", "senderName", "additionalInfo"] {
            if random.one_in(3) {
                dialog = dialog.with(&format!("/content/{field}/value"), random.texts());
                if field == "summary" && random.one_in(2) {
                    dialog = dialog.with("/content/nonSensitiveSummary/value", random.texts());
                }
            }
        }
    }
    let mut optional = |pointer: &str, of: usize, draw: &mut dyn FnMut(&mut Random) -> Value| {
        if random.one_in(of) {
            dialog = std::mem::take(&mut dialog).with(pointer, draw(random));
        }
    };
    let seconds = |random: &mut Random, choices: &[i64]| json!(service.in_seconds(random.pick(choices)));
    optional("/extendedStatus", 3, &mut |random| json!(random.pick(&["a", "b", "c"])));
    optional("/externalReference", 4, &mut |random| json!(random.pick(&["ref-1", "ref-2"])));
    optional("/process", 4, &mut |random| json!(random.pick(&["urn:test:p1", "urn:test:p2"])));
    optional("/dueAt", 2, &mut |random| seconds(random, &[1_700, 1_800, 1_900]));
    optional("/visibleFrom", 8, &mut |random| seconds(random, &[20, 1_600]));
    optional("/expiresAt", 8, &mut |random| seconds(random, &[500, 9_000, 10_000]));
    optional("/systemLabel", 4, &mut |random| json!(random.pick(&["Bin", "Archive"])));
    optional("/searchTags", 3, &mut |random| json!([{ "value": random.pick(&vocabulary()[..6]) }]));
    optional(
        "/attachments",
        6,
        &mut |random| json!([{ "displayName": random.texts(), "urls": [{ "url": "https://example.com", "consumerType": "Gui" }] }]),
    );
    optional("/transmissions", 4, &mut |random| {
        json!([{
            "type": random.pick(&["Information", "Submission"]),
            "sender": { "actorType": "ServiceOwner" },
            "content": { "title": { "value": random.texts() }, "summary": { "value": random.texts() } },
        }])
    });
    optional("/activities", 4, &mut |random| {
        json!([{
            "type": "Information",
            "performedBy": { "actorType": "ServiceOwner" },
            "description": random.texts(),
        }])
    });
    let mut labels: Vec<String> = random.some(3, |random| random.pick(&LABELS).to_lowercase());
    if resource == APP && random.one_in(2) {
        labels.push(format!("{}{INSTANCE}", random.pick(&["urn:altinn:instance-id:", STORAGE])));
    }
    labels.sort_unstable();
    labels.dedup();
    // What expires must not do so before it is due or visible.
    let comes_first = dialog["visibleFrom"].is_string() || dialog["dueAt"].is_string();
    if comes_first && dialog["expiresAt"] == service.in_seconds(500) {
        dialog = dialog.without("/expiresAt");
    }
    let labels: Value = labels.iter().map(|label| json!({ "value": label })).collect();
    dialog.with("/serviceOwnerContext/serviceOwnerLabels", labels)
}

async fn random_change(service: &Service, owner: &Client, id: Uuid, read: &Value, random: &mut Random) {
    match random.below(8) {
        0 => drop(owner.delete(id).await.expect(204)),
        1 if read["content"].is_object() => {
            let operations =
                json!([{ "op": "replace", "path": "/content/title/value", "value": random.texts() }]);
            owner.patch(id, &operations).await.expect(204);
        }
        2 => {
            let operations = json!([{ "op": "add", "path": "/searchTags", "value": [{ "value": "havn" }] }]);
            owner.patch(id, &operations).await.expect(204);
        }
        3 => {
            let activity = json!({
                "type": "Information", "performedBy": { "actorType": "ServiceOwner" },
                "description": random.texts(),
            });
            owner.append(id, "activities", &activity).await.expect(201);
        }
        4 => {
            let transmission = json!({
                "type": "Information", "sender": { "actorType": "ServiceOwner" },
                "content": { "title": { "value": random.texts() }, "summary": { "value": random.texts() } },
            });
            owner.append(id, "transmissions", &transmission).await.expect(201);
        }
        5 => drop(service.database.execute("update dialog set is_seen = true where id = $1", id).await),
        6 => {
            let mark = "update dialog set system_labels = system_labels | 8, is_seen = true where id = $1";
            service.database.execute(mark, id).await;
        }
        _ => {
            let operations = json!([{ "op": "add", "path": "/status", "value": "Completed" }]);
            owner.patch(id, &operations).await.expect(204);
        }
    }
}

async fn make_world(service: &Service, random: &mut Random) -> World {
    let (ttd, brg) = (service.owner(), service.other_owner());
    let owner_of = |dialog: &Value| if dialog["serviceResource"] == OTHER_OWNERS { &brg } else { &ttd };
    let sent: Vec<Value> = (0..DIALOGS).map(|_| random_dialog(service, random)).collect();
    let made = futures_util::stream::iter(sent)
        .map(|dialog| async move { owner_of(&dialog).created(&dialog).await })
        .buffered(8)
        .collect::<Vec<_>>();
    // The owners are not told apart by what was sent any more.
    let ids = made.await;
    let read = async |id: Uuid| {
        let answer = ttd.read(id).await;
        if answer.status == 200 { answer.json() } else { brg.dialog(id).await }
    };
    for id in &ids {
        if random.one_in(3) {
            if random.one_in(4) {
                service.clock.advance_seconds(1);
            }
            let before = read(*id).await;
            random_change(service, owner_of(&before), *id, &before, random).await;
        }
    }
    // Some have expired since.
    service.clock.advance_seconds(500);
    let mut dialogs = Vec::new();
    for id in ids {
        dialogs.push(read(id).await);
    }
    let of = |number: &str| {
        let found = dialogs.iter().filter(|dialog| dialog["party"] == company(number));
        found.filter(|dialog| dialog["serviceResource"] != EVENTS).collect::<Vec<&Value>>()
    };
    let (tiger, ape) = (of("310923044"), of("310010693"));
    let helpers = [id_of(random.pick(&tiger)), id_of(random.pick(&ape))];
    let systems = id_of(random.pick(&ape));
    World { now: service.in_seconds(0), helpers, systems, dialogs }
}

/// The built-in catalogue and more rights.
fn catalogue(world: &World) -> String {
    let mut text = include_str!("../../../src/sandbox/catalogue.toml")
        .replace("\"role:dagl\"", "\"role:dagl\", \"instance\"");
    text = text.replace("\"instance\", \"instance\"", "\"instance\"");
    for number in COMPANIES {
        let _ =
            write!(text, "\n[[grant]]\nuser = 'person:{BUSY}'\nparty = 'org:{number}'\nroles = ['dagl']\n");
    }
    let resource = |id: Uuid| {
        let dialog = world.dialogs.iter().find(|dialog| id_of(dialog) == id).unwrap();
        dialog["serviceResource"].as_str().unwrap().strip_prefix("urn:altinn:resource:").unwrap()
    };
    let mut single = |user: &str, number: &str, id: Uuid| {
        let resource = resource(id);
        let _ = write!(
            text,
            "\n[[grant]]\nuser = '{user}'\nparty = 'org:{number}'\n\
             instances = [{{ resource = '{resource}', ref = 'urn:altinn:dialog-id:{id}' }}]\n"
        );
    };
    single(&format!("person:{HELPER}"), "310923044", world.helpers[0]);
    single(&format!("person:{HELPER}"), "310010693", world.helpers[1]);
    single(&format!("systemuser:{SYSTEM}"), "310010693", world.systems);
    let _ = write!(
        text,
        "\n[[grant]]\nuser = 'person:{HELPER}'\nparty = 'org:310057223'\n\
         resources = ['ttd-dialogporten-automated-tests-2']\n"
    );
    text
}

fn random_words(random: &mut Random) -> Looked {
    let words = vocabulary();
    let term = |random: &mut Random| {
        let (text, is_prefix) = match random.below(6) {
            0 => (random.pick(&["avg", "meld", "båt", "perm", "lett", "ska"]).to_owned(), true),
            1 => (format!("{} {}", random.pick(&words), random.pick(&words)), false),
            _ => (random.pick(&words).to_owned(), false),
        };
        Term { text, is_prefix, is_negated: random.one_in(8) }
    };
    let all = |random: &mut Random| {
        let mut all = vec![term(random)];
        if random.one_in(3) {
            all.push(term(random));
        }
        all
    };
    let mut any_of = vec![all(random)];
    if random.one_in(2) {
        any_of.push(all(random));
    }
    // Two letters are too few to be searched for.
    if let [all] = any_of.as_slice()
        && let [term] = all.as_slice()
        && term.text.chars().count() < 3
    {
        any_of.push(vec![Term { text: "skatt".into(), is_prefix: false, is_negated: false }]);
    }
    Looked { any_of, language: random.pick(&[None, None, Some("nb"), Some("nn"), Some("en"), Some("se")]) }
}

fn random_search(world: &World, caller: Caller, random: &mut Random) -> Search {
    let mut parameters: Vec<(&'static str, String)> = Vec::new();
    let mut add = |random: &mut Random, of: usize, name: &'static str, values: Vec<String>| {
        if random.one_in(of) {
            parameters.extend(values.into_iter().map(|value| (name, value)));
        }
    };
    let parties: Vec<String> =
        COMPANIES.iter().map(|number| company(number)).chain([PERSON.to_owned(), person(BUSY)]).collect();
    let resources: Vec<String> = RESOURCES.iter().map(|&resource| resource.to_owned()).collect();
    let few = |random: &mut Random, values: &[String]| -> Vec<String> {
        let mut chosen: Vec<String> = (0..=random.below(3)).map(|_| random.pick(values)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    };
    let is_owner = matches!(caller, Caller::Owner(_));
    let texts = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>();
    // All services make the most streams.
    let everywhere = [RESOURCE, RESOURCE_2, LEVEL_FOUR, OTHER_OWNERS, APP];
    match (caller, random.below(3)) {
        (Caller::Owner(None), 0) => {}
        (_, 0) => add(random, 1, "serviceResource", texts(&everywhere)),
        (_, 1) => {
            let few = few(random, &parties[..4]);
            add(random, 1, "party", few);
        }
        _ => {
            let (party, resource) = (few(random, &parties), few(random, &resources));
            add(random, 2, "party", party);
            add(random, 1, "serviceResource", resource);
        }
    }
    let statuses = texts(&["NotApplicable", "Draft", "InProgress", "Awaiting", "Completed"]);
    let values = few(random, &statuses);
    add(random, 8, "status", values);
    let values = few(random, &texts(&["a", "b", "c"]));
    add(random, 8, "extendedStatus", values);
    let value = random.pick(&["ref-1", "ref-2"]).to_owned();
    add(random, 12, "externalReference", vec![value]);
    let value = random.pick(&["urn:test:p1", "urn:test:p2"]).to_owned();
    add(random, 12, "process", vec![value]);
    let values = few(random, &texts(&["Default", "Bin", "Archive", "MarkedAsUnopened", "Sent"]));
    let count = 1 + random.below(values.len()).min(1);
    add(random, 8, "systemLabel", values[..count].to_vec());
    let value = random.pick(&["true", "false"]).to_owned();
    add(random, 8, "excludeApiOnly", vec![value]);
    let value = random.pick(&["true", "false"]).to_owned();
    add(random, 8, "isContentSeen", vec![value]);
    for (after, before, field) in [
        ("createdAfter", "createdBefore", "createdAt"),
        ("updatedAfter", "updatedBefore", "updatedAt"),
        ("contentUpdatedAfter", "contentUpdatedBefore", "contentUpdatedAt"),
        ("dueAfter", "dueBefore", "dueAt"),
        ("visibleAfter", "visibleBefore", "visibleFrom"),
    ] {
        if field == "visibleFrom" && !is_owner {
            continue;
        }
        // Exactly what some dialogs have, so that the ends matter.
        let known: Vec<&str> = world.dialogs.iter().filter_map(|dialog| dialog[field].as_str()).collect();
        let mut bounds = [random.pick(&known).to_owned(), random.pick(&known).to_owned()];
        bounds.sort_unstable();
        let [from, until] = bounds;
        add(random, 12, after, vec![from]);
        add(random, 12, before, vec![until]);
    }
    if is_owner {
        let value = random.pick(&["Exclude", "Include", "Only"]).to_owned();
        add(random, 4, "deleted", vec![value]);
        let labels = random.some(2, |random| {
            random
                .pick(&[
                    "archive-2030",
                    "archive*",
                    "ARCHIVE-20*",
                    "archive%*",
                    "a_c*",
                    "arc\\*",
                    "urgent",
                    "Urgent*",
                    "box",
                    "arc",
                ])
                .to_owned()
        });
        add(random, 4, "serviceOwnerLabels", labels);
    } else {
        let values = few(random, &texts(&["ttd", "brg", "nav"]));
        add(random, 8, "org", values);
    }
    let words = (!matches!(caller, Caller::Owner(None)) && random.one_in(2)).then(|| random_words(random));
    let mut order: Vec<(&'static str, bool)> = Vec::new();
    if random.one_in(2) {
        for _ in 0..=random.below(3) {
            let key = random.pick(&["contentUpdatedAt", "createdAt", "updatedAt", "dueAt", "dueAt", "id"]);
            if order.iter().all(|(other, _)| *other != key) {
                order.push((key, random.one_in(2)));
            }
        }
        // The id decides last, wherever it is written.
        order.sort_by_key(|(key, _)| *key == "id");
    }
    Search { parameters, words, order }
}

/// A service that searches in its own way.
struct Way {
    name: &'static str,
    service: Service,
    /// Whether all pages but the last are full.
    is_exact: bool,
}

impl Way {
    fn client(&self, caller: Caller) -> Client {
        match caller {
            Caller::Owner(_) => self.service.owner(),
            Caller::User(User::Person) => self.service.person(),
            Caller::User(User::Busy) => self.service.person_with(BUSY, 3),
            Caller::User(User::BusyAndSure) => self.service.person_with(BUSY, 4),
            Caller::User(User::Helper) => self.service.person_with(HELPER, 3),
            Caller::User(User::System) => self.service.system_user_with(SYSTEM, "310057223"),
        }
    }

    async fn check(&self, world: &World, caller: Caller, search: &Search, pages: usize, context: &str) {
        let client = self.client(caller);
        let expected = world.expected(caller, search);
        let limit = (expected.len() / pages).clamp(1, 1_000);
        let mut query = search.query();
        query.push(("limit", limit.to_string()));
        let context = format!("{context}, {}, {caller:?}: {query:?}", self.name);
        let mut found: Vec<Uuid> = Vec::new();
        for page in 0.. {
            assert!(page <= 2 * DIALOGS, "no end, {context}");
            let pairs: Vec<(&str, &str)> =
                query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = match caller {
                Caller::Owner(_) => client.owned(&pairs).await,
                Caller::User(_) => client.list(&pairs).await,
            };
            assert_eq!(answer.status, 200, "{}, {context}", answer.text());
            let list = answer.json();
            let ids = answer.item_ids();
            assert!(ids.len() <= limit, "{context}");
            found.extend(&ids);
            let has_next = list["hasNextPage"] == true;
            if self.is_exact {
                assert_eq!(has_next, found.len() < expected.len(), "page {page}, {context}");
                assert!(!has_next || ids.len() == limit, "page {page} is short, {context}");
            }
            assert!(found.len() <= expected.len(), "page {page}: {ids:?} is too much, {context}");
            assert_eq!(found, expected[..found.len()], "page {page}, {context}");
            if !has_next {
                break;
            }
            query.retain(|(name, _)| *name != "continuationToken" && *name != "orderBy");
            query.push(("continuationToken", list["continuationToken"].as_str().unwrap().to_owned()));
        }
        assert_eq!(found, expected, "{context}");
        if matches!(caller, Caller::User(_)) {
            self.check_counts(&client, search, expected.len(), &context).await;
        }
    }

    /// The counts are those of the dialogs that the same search lists on a page of a thousand.
    async fn check_counts(&self, client: &Client, search: &Search, expected: usize, context: &str) {
        let mut query = search.query();
        query.retain(|(name, _)| *name != "orderBy");
        let input = graph_input(&query);
        query.push(("limit", "1000".to_owned()));
        let pairs: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = client.list(&pairs).await.json();
        let document = "query ($input: SearchDialogInput!) { dialogCounts(input: $input) {
            byLabel { label count } byStatus { status count } unread total capped errors { message } } }";
        let body = json!({ "query": document, "variables": { "input": input } });
        let answer = client.call(reqwest::Method::POST, "/graphql").json(&body).await.json();
        let counts = &answer["data"]["dialogCounts"];
        let items = page["items"].as_array().unwrap();
        let count = |fits: &dyn Fn(&Value) -> bool| items.iter().filter(|item| fits(item)).count();
        let labels = ["Default", "Bin", "Archive", "MarkedAsUnopened", "Sent"].map(|label| {
            let has = |item: &Value| {
                item["endUserContext"]["systemLabels"].as_array().unwrap().contains(&json!(label))
            };
            json!({ "label": graph_name(label), "count": count(&has) })
        });
        let statuses = ["InProgress", "Draft", "Awaiting", "RequiresAttention", "Completed", "NotApplicable"];
        let statuses = statuses.map(|status| {
            json!({ "status": graph_name(status), "count": count(&|item| item["status"] == status) })
        });
        let listed = json!({
            "byLabel": labels,
            "byStatus": statuses,
            "unread": count(&|item| item["isContentSeen"] == false),
            "total": items.len(),
            "capped": page["hasNextPage"],
            "errors": [],
        });
        assert_eq!(*counts, listed, "{answer}, {context}");
        if self.is_exact {
            assert_eq!(counts["total"], expected, "{context}");
        }
    }
}

/// A value of an enum as the graph writes it.
fn graph_name(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// The parameters of a search as input of the graph.
fn graph_input(query: &[(&'static str, String)]) -> Value {
    let mut input = json!({});
    for (name, value) in query {
        match *name {
            "status" | "systemLabel" => push(&mut input, name, json!(graph_name(value))),
            "party" | "serviceResource" | "org" | "extendedStatus" => push(&mut input, name, json!(value)),
            "excludeApiOnly" | "isContentSeen" => input[name] = json!(value == "true"),
            _ => input[name] = json!(value),
        }
    }
    input
}

fn push(input: &mut Value, name: &str, value: Value) {
    match input[name].as_array_mut() {
        Some(list) => list.push(value),
        None => input[name] = json!([value]),
    }
}

#[tokio::test]
async fn give_what_looking_at_everything_gives() {
    let service = Service::alone_at("2031-05-17T12:00:00.123456Z").await;
    let seed = seed();
    println!("repeat with SEARCH_SEED={seed}");
    let mut random = Random(seed);
    let world = make_world(&service, &mut random).await;
    let directory = temporary_directory();
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("catalogue.toml");
    std::fs::write(&file, catalogue(&world)).unwrap();
    let usual = Effort::USUAL;
    let no_lookup = Effort { candidates: 0, ..usual };
    let rounds = Effort {
        few: 0,
        first_looks: 1,
        look: (1, 3),
        round: usize::MAX,
        rounds: usize::MAX,
        crosswise_look: (3, 3),
        ..no_lookup
    };
    let mut ways = Vec::new();
    for (name, effort, is_exact) in [
        ("usual", usual, true),
        ("few streams", Effort { few: usize::MAX, ..no_lookup }, true),
        ("many streams", Effort { few: 0, ..no_lookup }, true),
        ("rounds", rounds, true),
        ("rounds of few streams", Effort { few: usize::MAX, ..rounds }, true),
        ("two rounds", Effort { round: 9, rounds: 2, ..rounds }, false),
        ("no round", Effort { look: (4, 6), rounds: 0, ..rounds }, false),
        ("rounds of one stream", Effort { round: 1, rounds: 3, ..rounds }, false),
    ] {
        ways.push(Way { name, service: service.beside(&file, effort).await, is_exact });
    }
    std::fs::remove_dir_all(&directory).unwrap();

    let users = [User::Person, User::Busy, User::Busy, User::BusyAndSure, User::Helper, User::System];
    let mut searches = Vec::new();
    for number in 0..SEARCHES {
        let caller = match random.below(4) {
            0 => Caller::Owner(None),
            1 => Caller::Owner(Some(random.pick(&[User::Person, User::Busy, User::Helper]))),
            _ => Caller::User(random.pick(&users)),
        };
        let mut search = random_search(&world, caller, &mut random);
        if let Caller::Owner(Some(user)) = caller {
            let number = match user {
                User::Person => PERSON_NUMBER,
                User::Helper => HELPER,
                _ => BUSY,
            };
            search.parameters.push(("endUserId", person(number)));
        }
        let pages = 1 + random.below(4);
        searches.push((number, caller, search, pages));
    }
    // Each search goes some of the ways.
    let checks = searches
        .iter()
        .flat_map(|search| ways.iter().skip(search.0 % 4).step_by(4).map(move |way| (search, way)));
    futures_util::stream::iter(checks)
        .for_each_concurrent(6, |((number, caller, search, pages), way)| {
            let context = format!("SEARCH_SEED={seed}, search {number}");
            let world = &world;
            async move { way.check(world, *caller, search, *pages, &context).await }
        })
        .await;
    let hits =
        searches.iter().filter(|(_, caller, search, _)| !world.expected(*caller, search).is_empty()).count();
    assert!(hits > SEARCHES / 5, "only {hits} searches find something");
}

#[expect(clippy::disallowed_methods, reason = "only a test is repeated by it")]
fn seed() -> u64 {
    let given = std::env::var("SEARCH_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| dialogporten::clock::Clock::system().now().unix_microseconds().unsigned_abs())
}
