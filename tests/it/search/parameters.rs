//! Parameters of the service owner's search; those of end users are in `list.rs`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const COMPANY: &str = "urn:altinn:organization:identifier-no:310923044";

fn sorted(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort_unstable();
    ids
}

/// Dialogs that no other test has.
struct Own {
    process: String,
}

impl Own {
    fn new(service: &Service) -> Self {
        Self { process: format!("urn:test:{}", service.unique()) }
    }

    fn dialog(&self) -> Value {
        dialog().with("/process", self.process.as_str())
    }

    async fn found(&self, client: &Client, more: &[(&str, &str)]) -> Vec<Uuid> {
        let query: Vec<_> =
            [("process", self.process.as_str())].into_iter().chain(more.iter().copied()).collect();
        sorted(client.owned(&query).await.expect(200).item_ids())
    }
}

fn labelled(own: &Own, labels: &[&str]) -> Value {
    let labels: Value = labels.iter().map(|label| json!({ "value": label })).collect();
    own.dialog().with("/serviceOwnerContext/serviceOwnerLabels", labels)
}

#[tokio::test]
async fn an_item_has_what_its_service_owner_may_see() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let sent = full_dialog(service);
    let id = owner.created(&sent.with("/content/nonSensitiveSummary", texts("Kort"))).await;
    service.database.execute("update dialog set visible_from = '2020-01-01' where id = $1", id).await;
    person.opened(id).await;
    let mark = "update dialog set system_labels = system_labels | 8 where id = $1";
    service.database.execute(mark, id).await;
    owner.delete(id).await.expect(204);
    let read = owner.dialog(id).await;
    let process = read["process"].as_str().unwrap().to_owned();
    for user in [None, Some(PERSON)] {
        let mut query = vec![("process", process.as_str()), ("deleted", "Only"), ("party", PERSON)];
        query.extend(user.map(|user| ("endUserId", user)));
        let list = owner.owned(&query).await.expect(200).json();
        let item = &list["items"][0];
        for member in [
            "id",
            "revision",
            "org",
            "serviceResource",
            "serviceResourceType",
            "party",
            "progress",
            "process",
            "precedingProcess",
            "extendedStatus",
            "externalReference",
            "dueAt",
            "createdAt",
            "updatedAt",
            "contentUpdatedAt",
            "deletedAt",
            "visibleFrom",
            "status",
            "isApiOnly",
            "hasUnopenedContent",
            "systemLabel",
            "fromServiceOwnerTransmissionsCount",
            "fromPartyTransmissionsCount",
            "isContentSeen",
            "serviceOwnerContext",
        ] {
            assert!(item.get(member).is_some(), "{member}: {item:#}");
            assert_eq!(item[member], read[member], "{member}");
        }
        for field in
            ["title", "nonSensitiveTitle", "summary", "nonSensitiveSummary", "senderName", "extendedStatus"]
        {
            assert!(item["content"].get(field).is_some(), "{field}");
            assert_eq!(item["content"][field], read["content"][field], "{field}");
        }
        assert_eq!(item["content"].as_object().unwrap().len(), 6);
        assert_eq!(item["guiAttachmentCount"], 1);
        let latest = read["activities"].as_array().unwrap().iter().max_by_key(|activity| {
            (activity["createdAt"].as_str().unwrap(), activity["id"].as_str().unwrap())
        });
        assert_eq!(&item["latestActivity"], latest.unwrap());
        assert_eq!(item["endUserContext"]["systemLabels"], json!(["Archive", "MarkedAsUnopened", "Sent"]));
        assert_eq!(item["isContentSeen"], false);
        for absent in ["expiresAt", "attachments", "activities", "transmissions", "guiActions", "searchTags"]
        {
            assert!(item.get(absent).is_none(), "{absent}");
        }
    }
}

#[tokio::test]
async fn service_owners_see_their_own_dialogs_alone() {
    let service = Service::shared().await;
    let own = Own::new(service);
    let (owner, other) = (service.owner(), service.other_owner());
    let mine = owner.created(&own.dialog()).await;
    let nobodys = owner.created(&own.dialog().with("/serviceResource", EVENTS)).await;
    let company = owner.created(&own.dialog().with("/party", COMPANY)).await;
    let theirs = other.created(&own.dialog().with("/serviceResource", OTHER_OWNERS)).await;
    let everything = sorted(vec![mine, nobodys, company]);
    assert_eq!(own.found(&owner, &[]).await, everything);
    // Administrators too.
    assert_eq!(own.found(&service.owner_with(ADMIN), &[]).await, everything);
    assert_eq!(own.found(&other, &[]).await, [theirs]);
    for (query, expected) in [
        (vec![("serviceResource", OTHER_OWNERS)], vec![]),
        (vec![("serviceResource", EVENTS)], vec![nobodys]),
        (vec![("party", COMPANY)], vec![company]),
        (vec![("party", COMPANY), ("serviceResource", EVENTS)], vec![]),
        (vec![("party", COMPANY), ("party", PERSON), ("serviceResource", RESOURCE)], vec![mine, company]),
        (vec![("org", "brg")], everything.clone()),
        (vec![("endUserId", PERSON), ("party", PERSON)], vec![mine]),
        (vec![("endUserId", PERSON), ("serviceResource", RESOURCE)], vec![mine, company]),
        (vec![("endUserId", PERSON), ("serviceResource", EVENTS)], vec![]),
        (vec![("endUserId", PERSON), ("serviceResource", OTHER_OWNERS)], vec![]),
        (vec![("endUserId", OTHER_PERSON), ("party", PERSON)], vec![]),
    ] {
        assert_eq!(own.found(&owner, &query).await, sorted(expected), "{query:?}");
    }
    // An organisation that owns no service.
    let none: [Uuid; 0] = [];
    assert_eq!(own.found(&service.organization("hko", "964951284", OWNER), &[]).await, none);
}

#[tokio::test]
async fn labels_of_the_service_owner_are_taken_as_they_are_written() {
    let service = Service::shared().await;
    let own = Own::new(service);
    let owner = service.owner();
    let mut ids = Vec::new();
    for labels in [&["ScadrialOne"][..], &["100%_sure"], &["100xysure"], &["a\\b", "scadrialtwo"], &[]] {
        ids.push(owner.created(&labelled(&own, labels)).await);
    }
    let [one, percent, letters, two, _] = ids[..] else { panic!() };
    for (labels, expected) in [
        (vec!["Scadrial"], vec![]),
        (vec!["SCADRIALONE"], vec![one]),
        (vec!["scadrial*"], vec![one, two]),
        (vec!["Scadrial*", "a\\b"], vec![two]),
        (vec!["scadrialone", "scadrialtwo"], vec![]),
        (vec!["100%_sure"], vec![percent]),
        (vec!["100%*"], vec![percent]),
        (vec!["100*"], vec![percent, letters]),
        (vec!["100__sure"], vec![]),
        (vec!["100__*"], vec![]),
        (vec!["%%%"], vec![]),
        (vec!["%_*"], vec![]),
        (vec!["a\\*"], vec![two]),
        (vec!["a\\b*"], vec![two]),
        (vec!["", " ", "scadrialone"], vec![one]),
    ] {
        let query: Vec<_> = labels.iter().map(|label| ("serviceOwnerLabels", *label)).collect();
        assert_eq!(own.found(&owner, &query).await, sorted(expected), "{labels:?}");
    }
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    for (label, problem) in [
        ("ab", Some("3 to 255")),
        ("a*", Some("3 to 255")),
        ("ab*", None),
        (&longest, None),
        (&too_long, Some("3 to 255")),
        ("a*b", Some("only at its end")),
        ("*ab", Some("only at its end")),
        ("***", Some("only at its end")),
        ("ab**", Some("only at its end")),
    ] {
        let query = [
            ("party", PERSON),
            ("serviceOwnerLabels", "fine"),
            ("serviceOwnerLabels", label),
            ("limit", "1"),
        ];
        let answer = owner.owned(&query).await;
        match problem {
            None => drop(answer.expect(200)),
            Some(text) => answer.assert_problem(400, &[("serviceOwnerLabels[1]", text)]),
        }
    }
}

#[tokio::test]
async fn deleted_dialogs_are_left_out_or_listed_too_or_alone() {
    let service = Service::shared().await;
    let own = Own::new(service);
    let owner = service.owner();
    let (there, gone) = (owner.created(&own.dialog()).await, owner.created(&own.dialog()).await);
    owner.delete(gone).await.expect(204);
    for (deleted, expected) in
        [("", vec![there]), ("exclude", vec![there]), ("Include", vec![there, gone]), ("ONLY", vec![gone])]
    {
        for more in [vec![], vec![("party", PERSON)], vec![("serviceResource", RESOURCE)]] {
            let query: Vec<_> = more.into_iter().chain([("deleted", deleted)]).collect();
            assert_eq!(own.found(&owner, &query).await, sorted(expected.clone()), "{query:?}");
        }
    }
    owner.owned(&[("deleted", "yes")]).await.assert_problem(400, &[("deleted", "Include")]);
}

#[tokio::test]
async fn times_of_visibility_mean_the_same_with_and_without_a_person() {
    let service = Service::at(NOON).await;
    let own = Own::new(&service);
    let owner = service.owner();
    let create = async |seconds: &[i64]| {
        let mut dialog = own.dialog();
        for (pointer, at) in ["/visibleFrom", "/expiresAt"].iter().zip(seconds) {
            dialog = dialog.with(pointer, service.in_seconds(*at));
        }
        owner.created(&dialog).await
    };
    let [always, early, late] = [create(&[]).await, create(&[10]).await, create(&[1_000]).await];
    let expiring = owner.created(&own.dialog().with("/expiresAt", service.in_seconds(100))).await;
    let [at_10, at_11, at_1000] = [10, 11, 1_000].map(|seconds| service.in_seconds(seconds));
    service.clock.advance_seconds(100);
    let owner = service.owner();
    for (query, with_person, without) in [
        (vec![], vec![always, early], vec![always, early, late, expiring]),
        (vec![("visibleAfter", &at_10)], vec![early], vec![early, late]),
        (vec![("visibleAfter", &at_11)], vec![], vec![late]),
        (vec![("visibleBefore", &at_10)], vec![early], vec![early]),
        (vec![("visibleBefore", &at_1000)], vec![early], vec![early, late]),
        (vec![("visibleAfter", &at_10), ("visibleBefore", &at_11)], vec![early], vec![early]),
    ] {
        let query: Vec<_> = query.into_iter().map(|(name, value)| (name, value.as_str())).collect();
        assert_eq!(own.found(&owner, &query).await, sorted(without), "{query:?}");
        let query: Vec<_> = query.into_iter().chain([("party", PERSON), ("endUserId", PERSON)]).collect();
        assert_eq!(own.found(&owner, &query).await, sorted(with_person), "{query:?}");
    }
    let answer = owner.owned(&[("visibleAfter", &at_11), ("visibleBefore", &at_10)]).await;
    answer.assert_problem(400, &[("visibleAfter", "visibleBefore")]);
}

#[tokio::test]
async fn limits_are_told_all_at_once() {
    let service = Service::shared().await;
    let owner = service.owner();
    let many = |name: &'static str, value: &'static str, count: usize| vec![(name, value); count];
    for (name, value, most) in
        [("party", PERSON, 20), ("serviceResource", "x", 20), ("extendedStatus", "x", 20)]
    {
        let limit = ("limit", "1");
        owner.owned(&[many(name, value, most), vec![limit]].concat()).await.expect(200);
        let text = format!("at most {most}");
        let answer = owner.owned(&[many(name, value, most + 1), vec![limit]].concat()).await;
        answer.assert_problem(400, &[(name, &text), (&format!("{name}.count"), &text)]);
    }
    let user = ("endUserId", PERSON);
    owner.owned(&[many("party", PERSON, 100), vec![user, ("limit", "1")]].concat()).await.expect(200);
    let answer = owner.owned(&[many("party", PERSON, 101), vec![user]].concat()).await;
    answer.assert_problem(400, &[("party", "at most 100"), ("party.count", "at most 100")]);

    let answer = owner
        .owned(&[
            ("party", "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"),
            ("status", "done"),
            ("systemLabel", "Inbox"),
            ("deleted", "perhaps"),
            ("process", "in|valid"),
            ("serviceOwnerLabels", "a*b"),
            ("search", "skatt"),
            ("limit", "0"),
            ("orderBy", "title"),
            ("continuationToken", "nonsense"),
            ("visibleAfter", "soon"),
            ("dueAfter", "2031-01-02"),
            ("dueBefore", "2031-01-01"),
            ("isContentSeen", "1"),
            ("excludeApiOnly", "1"),
        ])
        .await;
    answer.assert_problem(
        400,
        &[
            ("party[0]", "URN"),
            ("status", "Draft"),
            ("systemLabel", "Archive"),
            ("deleted", "Include"),
            ("process", "URI"),
            ("serviceOwnerLabels[0]", "only at its end"),
            ("search", "endUserId"),
            ("limit", "got 0"),
            ("orderBy", ""),
            ("continuationToken", ""),
            ("visibleAfter", "date and time"),
            ("dueAfter", "dueBefore"),
            ("isContentSeen", "true or false"),
            ("excludeApiOnly", "true or false"),
        ],
    );
    let long = format!("urn:{}", "x".repeat(1_020));
    owner.owned(&[("process", &long)]).await.assert_problem(400, &[("process", "1023")]);
}

#[tokio::test]
async fn a_person_needs_a_party_or_a_service_and_a_number() {
    let service = Service::shared().await;
    let owner = service.owner();
    owner.owned(&[("endUserId", PERSON)]).await.assert_problem(400, &[("endUserId", "required")]);
    for user in [
        "urn:altinn:person:identifier-no:08844397714",
        "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364",
        "urn:altinn:organization:identifier-no:310923044",
        "nonsense",
        "08844397713",
    ] {
        let answer = owner.owned(&[("endUserId", user), ("party", PERSON)]).await;
        answer.assert_problem(400, &[("EndUserId", "")]);
    }
    let nothing = service.unique();
    for more in [("party", PERSON), ("serviceResource", RESOURCE)] {
        let query = [("endUserId", PERSON), more, ("search", nothing.as_str())];
        assert!(owner.owned(&query).await.expect(200).item_ids().is_empty());
    }
}

#[tokio::test]
async fn tokens_that_were_changed_are_refused() {
    let service = Service::shared().await;
    let own = Own::new(service);
    let (owner, person) = (service.owner(), service.person());
    for _ in 0..3 {
        owner.created(&own.dialog()).await;
    }
    let process = ("process", own.process.as_str());
    let first = owner.owned(&[process, ("limit", "1"), ("orderBy", "createdAt_asc")]).await.json();
    let token = first["continuationToken"].as_str().unwrap().to_owned();
    let next = owner.owned(&[process, ("limit", "1"), ("continuationToken", &token)]).await.expect(200);
    assert_eq!(next.item_ids().len(), 1);
    // What one API has made the other takes.
    let query = [("party", PERSON), process, ("continuationToken", token.as_str())];
    assert_eq!(person.listed(&query).await.len(), 2);
    let (position, mac) = token.split_once(",mac_").expect("a signature");
    let changed = |at: usize, text: &str| {
        let mut changed: Vec<char> = text.chars().collect();
        changed[at] = if changed[at] == '0' { '1' } else { '0' };
        changed.into_iter().collect::<String>()
    };
    let year = position.find("_20").unwrap() + 2;
    for bad in [
        format!("{},mac_{mac}", changed(year, position)),
        format!("{},mac_{mac}", changed(position.len() - 5, position)),
        format!("{},mac_{mac}", position.replace("_asc", "")),
        format!("{position},mac_{}", changed(0, mac)),
        format!("{position},mac_"),
        format!("{position},mac_{mac}0"),
        format!("{token},mac_{mac}"),
        token.to_uppercase(),
    ] {
        let answer = owner.owned(&[process, ("continuationToken", &bad)]).await;
        answer.assert_problem(400, &[("continuationToken", "token")]);
    }
    // Years that no database has are still only a place in a list.
    for year in ["0001", "9999"] {
        let far = format!("contentupdatedat_{year}-01-01T00:00:00Z,id_{}", Uuid::nil());
        let found = owner.owned(&[process, ("continuationToken", &far)]).await.expect(200).item_ids();
        assert_eq!(found.len(), if year == "0001" { 0 } else { 3 });
    }
}
