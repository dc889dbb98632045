//! End users list dialogs.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const COMPANY: &str = "urn:altinn:organization:identifier-no:310923044";
const SUB_UNIT: &str = "urn:altinn:organization:identifier-no:315010195";

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

    /// The query for these dialogs of the person, with more parameters.
    fn query<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [("party", PERSON), ("process", &self.process)].into_iter().chain(more.iter().copied()).collect()
    }
}

fn sorted(mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn an_item_has_what_lists_show() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let sent = full_dialog(service);
    let id = owner.created(&sent).await;
    let read = person.opened(id).await;
    let latest = read["activities"][2].clone();

    let list = person.list(&[("party", PERSON), ("process", sent["process"].as_str().unwrap())]).await;

    let list = list.expect(200).json();
    let mut expected = json!({});
    for member in [
        "id",
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
        "status",
        "isApiOnly",
        "hasUnopenedContent",
        "systemLabel",
        "fromServiceOwnerTransmissionsCount",
        "fromPartyTransmissionsCount",
        "seenSinceLastUpdate",
        "seenSinceLastContentUpdate",
        "isContentSeen",
        "endUserContext",
    ] {
        expected[member] = read[member].clone();
    }
    for field in ["title", "summary", "senderName", "extendedStatus"] {
        expected["content"][field] = read["content"][field].clone();
    }
    expected["guiAttachmentCount"] = json!(1);
    expected["latestActivity"] = latest;
    assert_eq!(list["items"], json!([expected]));
    assert_eq!(list["hasNextPage"], false);
    assert_eq!(list["orderBy"], "contentupdatedat_desc,id_desc");
}

#[tokio::test]
async fn the_latest_activity_is_the_one_that_happened_last() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let own = Own::new(service);
    let activity = |kind: &str, seconds: i64| {
        json!({
            "type": kind, "createdAt": service.in_seconds(seconds),
            "performedBy": { "actorType": "PartyRepresentative", "actorId": PERSON },
        })
    };
    let activities =
        json!([activity("FormSaved", -30), activity("FormSubmitted", -10), activity("DialogOpened", -20)]);
    owner.created(&own.dialog().with("/activities", activities)).await;
    let list = person.list(&own.query(&[])).await.json();
    let latest = &list["items"][0]["latestActivity"];
    assert_eq!(latest["type"], "FormSubmitted");
    assert_ne!(latest["performedBy"]["actorId"], PERSON);
    assert_eq!(latest["performedBy"]["actorName"], "LITTERATUR UROMANTISK");
}

#[tokio::test]
async fn what_has_just_been_written_is_found_as_it_is() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let own = Own::new(service);
    assert!(person.listed(&own.query(&[])).await.is_empty());
    for count in 1..=20 {
        let id = owner.created(&own.dialog()).await;
        let found = person.listed(&own.query(&[])).await;
        assert_eq!((found.len(), found[0]), (count, id));
    }
    let id = person.listed(&own.query(&[])).await[7];
    let operations = json!([{ "op": "replace", "path": "/status", "value": "Completed" }]);
    owner.patch(id, &operations).await.expect(204);
    assert_eq!(person.listed(&own.query(&[("status", "Completed")])).await, [id]);
    assert_eq!(person.listed(&own.query(&[])).await[0], id);
}

mod parameters {
    use super::*;

    #[tokio::test]
    async fn a_party_or_a_service_is_required() {
        let service = Service::shared().await;
        let person = service.person();
        for query in [vec![], vec![("limit", "1")], vec![("status", "Draft"), ("org", "ttd")]] {
            let answer = person.list(&query).await;
            answer.assert_problem(400, &[("party", "required"), ("serviceResource", "required")]);
        }
        person.list(&[("party", PERSON), ("limit", "1")]).await.expect(200);
        person.list(&[("serviceResource", RESOURCE), ("limit", "1")]).await.expect(200);
    }

    #[tokio::test]
    async fn numbers_of_values_have_limits() {
        let service = Service::shared().await;
        let person = service.person();
        for (name, most) in [("party", 100), ("serviceResource", 20), ("org", 20), ("extendedStatus", 20)] {
            let value = if name == "party" { PERSON } else { "x" };
            let query = |count: usize| {
                let mut query = vec![(name, value); count];
                query.extend([("party", PERSON)].iter().filter(|_| name != "party"));
                query.push(("limit", "1"));
                query
            };
            person.list(&query(most)).await.expect(200);
            let (count, text) = (format!("{name}.count"), format!("at most {most}"));
            person.list(&query(most + 1)).await.assert_problem(400, &[(name, &text), (&count, &text)]);
        }
        let long = "x".repeat(256);
        for name in ["serviceResource", "org", "extendedStatus"] {
            let answer = person.list(&[("party", PERSON), (name, "ok"), (name, &long)]).await;
            answer.assert_problem(400, &[(&format!("{name}[1]"), "255")]);
        }
        for (limit, found) in [("0", "got 0"), ("1001", "got 1001"), ("-1", "got -1")] {
            person
                .list(&[("party", PERSON), ("limit", limit)])
                .await
                .assert_problem(400, &[("limit", found)]);
        }
        for limit in ["1", "1000", "+5", ""] {
            let nothing = service.unique();
            let query = [("party", PERSON), ("externalReference", nothing.as_str()), ("LIMIT", limit)];
            person.list(&query).await.expect(200);
        }
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_reported() {
        let service = Service::shared().await;
        let answer = service
            .person()
            .list(&[
                ("party", PERSON),
                ("party", "urn:altinn:person:identifier-no:08844397714"),
                ("party", "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"),
                ("party", ""),
                ("limit", "0"),
                ("status", "nonsense"),
                ("systemLabel", "Inbox"),
                ("process", "in|valid"),
                ("createdAfter", "2031-01-02T00:00:00Z"),
                ("createdBefore", "2031-01-01T00:00:00Z"),
                ("UpdatedAfter", "2031-01-02"),
                ("updatedBefore", "2031-01-01"),
                ("contentUpdatedAfter", "2031-01-02"),
                ("contentUpdatedBefore", "2031-01-01"),
                ("dueAfter", "2031-01-02"),
                ("dueBefore", "2031-01-01"),
                ("isContentSeen", "yes"),
                ("excludeApiOnly", "no"),
                ("OrderBy", "title"),
                ("continuationToken", "nonsense"),
                ("externalReference", "a"),
                ("externalReference", "b"),
            ])
            .header("accept-language", "en;q=high")
            .await;
        answer.assert_problem(
            400,
            &[
                ("party[1]", "URN"),
                ("party[2]", "URN"),
                ("party[3]", "URN"),
                ("limit", "got 0"),
                ("status", "Draft"),
                ("systemLabel", "Archive"),
                ("process", "URI"),
                ("createdAfter", "createdBefore"),
                ("updatedAfter", "updatedBefore"),
                ("contentUpdatedAfter", "contentUpdatedBefore"),
                ("dueAfter", "dueBefore"),
                ("isContentSeen", "true or false"),
                ("excludeApiOnly", "true or false"),
                ("OrderBy", ""),
                ("continuationToken", ""),
                ("externalReference", "once"),
                ("Accept-Language", "q"),
            ],
        );
    }

    #[tokio::test]
    async fn characters_that_nothing_can_contain_find_nothing() {
        let service = Service::shared().await;
        let person = service.person();
        for name in ["externalReference", "extendedStatus", "org", "serviceResource"] {
            let found = person.listed(&[("party", PERSON), (name, "\0")]).await;
            assert!(found.is_empty(), "{name}");
        }
        for (name, key) in
            [("process", "process"), ("party", "party[1]"), ("continuationToken", "continuationToken")]
        {
            let answer = person.list(&[("party", PERSON), (name, "a\0")]).await;
            answer.assert_problem(400, &[(key, "")]);
        }
    }

    #[tokio::test]
    async fn orders_that_are_refused() {
        let service = Service::shared().await;
        let person = service.person();
        for order in [
            "title",
            "createdAt_up",
            "createdAt,createdAt",
            "createdAt_asc,CREATEDAT_desc",
            "_asc",
            "createdAt_",
        ] {
            let answer = person.list(&[("party", PERSON), ("orderBy", order)]).await;
            assert_eq!(answer.status, 400, "{order}");
            answer.assert_problem(400, &[("orderBy", "")]);
        }
    }
}

mod filters {
    use super::*;

    #[tokio::test]
    async fn by_what_the_service_owner_says() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let own = Own::new(service);
        let reference = service.unique();
        let plain = owner.created(&own.dialog()).await;
        let rich = owner
            .created(
                &own.dialog()
                    .with("/status", "RequiresAttention")
                    .with("/extendedStatus", "urn:test:a")
                    .with("/externalReference", reference.as_str())
                    .with("/isApiOnly", true)
                    .with("/serviceResource", RESOURCE_2),
            )
            .await;
        let foreign =
            own.dialog().with("/serviceResource", OTHER_OWNERS).with("/extendedStatus", "urn:test:b");
        let foreign = service.other_owner().created(&foreign).await;
        for (more, expected) in [
            (vec![], vec![plain, rich, foreign]),
            (vec![("org", "ttd")], vec![plain, rich]),
            (vec![("org", "brg")], vec![foreign]),
            (vec![("org", "TTD")], vec![]),
            (vec![("org", "ttd,brg")], vec![plain, rich, foreign]),
            (vec![("serviceResource", RESOURCE_2)], vec![rich]),
            (vec![("serviceResource", "urn:altinn:resource:TTD-Dialogporten-Automated-Tests")], vec![plain]),
            (vec![("serviceResource", RESOURCE), ("serviceResource", OTHER_OWNERS)], vec![plain, foreign]),
            (vec![("serviceResource", "urn:altinn:resource:notavailable")], vec![]),
            (vec![("serviceResource", "nonsense")], vec![]),
            (vec![("status", "requiresattention")], vec![rich]),
            (vec![("status", "NotApplicable"), ("status", "Draft")], vec![plain, foreign]),
            (vec![("extendedStatus", "urn:test:a")], vec![rich]),
            (vec![("extendedStatus", "urn:test:a"), ("extendedStatus", "urn:test:b")], vec![rich, foreign]),
            (vec![("extendedStatus", "URN:TEST:A")], vec![]),
            (vec![("externalReference", &reference)], vec![rich]),
            (vec![("externalReference", &reference), ("status", "Draft")], vec![]),
            (vec![("excludeApiOnly", "true")], vec![plain, foreign]),
            (vec![("excludeApiOnly", "false")], vec![plain, rich, foreign]),
        ] {
            let found = person.listed(&own.query(&more)).await;
            assert_eq!(sorted(found), sorted(expected), "{more:?}");
        }
        let other = format!("{}x", own.process);
        assert!(person.listed(&[("party", PERSON), ("process", &other)]).await.is_empty());
    }

    #[tokio::test]
    async fn by_dates_with_both_ends() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let own = Own::new(&service);
        let [created, updated, due] = [-300, -200, 400].map(|seconds| service.in_seconds(seconds));
        let sent = own.dialog().with("/createdAt", created.as_str()).with("/updatedAt", updated.as_str());
        let id = owner.created(&sent.with("/dueAt", due.as_str())).await;
        let without_date = owner.created(&own.dialog().with("/createdAt", created.as_str())).await;
        let touch = json!([{ "op": "add", "path": "/progress", "value": 1 }]);
        owner.patch(id, &touch).await.expect(204);
        let now = service.in_seconds(0);
        let person = service.person();
        for (after, before, value) in [
            ("createdAfter", "createdBefore", &created),
            ("updatedAfter", "updatedBefore", &now),
            ("contentUpdatedAfter", "contentUpdatedBefore", &updated),
            ("dueAfter", "dueBefore", &due),
        ] {
            // To the microsecond.
            let moment = dialogporten::timestamp::Timestamp::parse(value).unwrap();
            let shifted = |microseconds: i64| {
                let moved = moment.unix_microseconds() + microseconds;
                dialogporten::timestamp::Timestamp::from_unix_microseconds(moved).unwrap().to_string()
            };
            for (from, to, is_there) in
                [(-1, 0, true), (0, 1, true), (0, 0, true), (1, 2, false), (-2, -1, false)]
            {
                let (from, to) = (shifted(from), shifted(to));
                let found = person.listed(&own.query(&[(after, &from), (before, &to)])).await;
                assert_eq!(found.contains(&id), is_there, "{after} {from} {before} {to}");
            }
        }
        // Without a date there is nothing to compare.
        let found = person.listed(&own.query(&[("dueAfter", "0001-01-01")])).await;
        assert!(!found.contains(&without_date));
    }

    #[tokio::test]
    async fn by_labels_which_must_all_be_there() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let own = Own::new(service);
        let submission = one_of_each()["transmissions"][0].clone().with("/type", "Submission");
        let inbox = owner.created(&own.dialog()).await;
        let bin = owner.created(&own.dialog().with("/systemLabel", "Bin")).await;
        let sent = own.dialog().with("/systemLabel", "Archive").with("/transmissions", json!([submission]));
        let sent = owner.created(&sent).await;
        for (labels, expected) in [
            ("Default", vec![inbox]),
            ("bin", vec![bin]),
            ("Archive", vec![sent]),
            ("Sent", vec![sent]),
            ("Archive,Sent", vec![sent]),
            ("Bin,Sent", vec![]),
            ("Bin,Archive", vec![]),
            ("MarkedAsUnopened", vec![]),
        ] {
            let found = person.listed(&own.query(&[("systemLabel", labels)])).await;
            assert_eq!(sorted(found), sorted(expected), "{labels}");
        }
        assert_eq!(person.listed(&own.query(&[])).await.len(), 3);
    }

    #[tokio::test]
    async fn by_whether_the_content_has_been_seen() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let own = Own::new(service);
        let [new, seen, marked] = [
            owner.created(&own.dialog()).await,
            owner.created(&own.dialog()).await,
            owner.created(&own.dialog()).await,
        ];
        person.opened(seen).await;
        person.opened(marked).await;
        let mark = "update dialog set system_labels = system_labels | 8 where id = $1";
        service.database.execute(mark, marked).await;
        let found = person.listed(&own.query(&[("isContentSeen", "true")])).await;
        assert_eq!(found, [seen]);
        let found = person.listed(&own.query(&[("isContentSeen", "false")])).await;
        assert_eq!(sorted(found), sorted(vec![new, marked]));
        assert_eq!(person.listed(&own.query(&[("systemLabel", "MarkedAsUnopened")])).await, [marked]);
        // Lists do not count as having been seen.
        assert_eq!(owner.dialog(new).await["isContentSeen"], false);
    }

    #[tokio::test]
    async fn never_what_is_deleted_expired_or_not_yet_visible() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let own = Own::new(&service);
        let always = owner.created(&own.dialog()).await;
        let between = own
            .dialog()
            .with("/visibleFrom", service.in_seconds(60))
            .with("/expiresAt", service.in_seconds(120));
        let between = owner.created(&between).await;
        let deleted = owner.created(&own.dialog()).await;
        service.database.execute("update dialog set deleted_at = created_at where id = $1", deleted).await;
        let person = service.person();
        for (seconds, is_there) in [(0, false), (59, false), (1, true), (59, true), (1, false)] {
            service.clock.advance_seconds(seconds);
            let found = sorted(person.listed(&own.query(&[])).await);
            let expected = if is_there { vec![always, between] } else { vec![always] };
            assert_eq!(found, sorted(expected), "{}", service.now());
            // The list and the dialog agree.
            assert_eq!(person.open(between).await.status.is_success(), is_there);
        }
    }
}

mod access {
    use super::*;

    #[tokio::test]
    async fn limits_lists_to_what_the_user_may_see() {
        let service = Service::shared().await;
        let owner = service.owner();
        let own = Own::new(service);
        let of = async |party: &str, resource: &str| {
            owner.created(&own.dialog().with("/party", party).with("/serviceResource", resource)).await
        };
        let system_company = "urn:altinn:organization:identifier-no:310057223";
        let mine = of(PERSON, RESOURCE).await;
        let second = of(PERSON, RESOURCE_2).await;
        let _theirs = of(OTHER_PERSON, RESOURCE).await;
        let company = of(COMPANY, RESOURCE).await;
        let sub_unit = of(SUB_UNIT, RESOURCE).await;
        let systems = of(system_company, RESOURCE).await;
        let _systems_other = of(system_company, RESOURCE_2).await;
        let _nobodys = of(PERSON, EVENTS).await;
        let process = ("process", own.process.as_str());
        let (person, system) = (service.person(), service.system_user());
        let stranger = service.person_with("27069815400", 4);
        for (client, query, expected) in [
            (&person, vec![("party", PERSON)], vec![mine, second]),
            (&person, vec![("party", OTHER_PERSON)], vec![]),
            (
                &person,
                vec![("party", PERSON), ("party", OTHER_PERSON), ("party", COMPANY)],
                vec![mine, second, company],
            ),
            (&person, vec![("party", SUB_UNIT)], vec![sub_unit]),
            (&person, vec![("party", COMPANY)], vec![company]),
            (&person, vec![("party", system_company)], vec![]),
            (&person, vec![("serviceResource", RESOURCE)], vec![mine, company, sub_unit]),
            (&person, vec![("serviceResource", EVENTS)], vec![]),
            (&person, vec![("party", PERSON), ("serviceResource", EVENTS)], vec![]),
            (&person, vec![("party", PERSON), ("serviceResource", RESOURCE_2)], vec![second]),
            (&system, vec![("party", system_company)], vec![systems]),
            (&system, vec![("serviceResource", RESOURCE)], vec![systems]),
            (&system, vec![("serviceResource", RESOURCE_2)], vec![]),
            (&system, vec![("party", PERSON)], vec![]),
            (&stranger, vec![("party", PERSON), ("party", COMPANY)], vec![]),
            (&stranger, vec![("serviceResource", RESOURCE)], vec![]),
        ] {
            let query: Vec<_> = query.into_iter().chain([process]).collect();
            assert_eq!(sorted(client.listed(&query).await), sorted(expected), "{query:?}");
        }
    }

    #[tokio::test]
    async fn a_weak_login_sees_the_texts_that_are_not_sensitive() {
        let service = Service::shared().await;
        let owner = service.owner();
        let own = Own::new(service);
        let both = own
            .dialog()
            .with("/serviceResource", LEVEL_FOUR)
            .with("/content/summary", texts("Sammendrag"))
            .with("/content/nonSensitiveTitle", texts("Brev"))
            .with("/content/nonSensitiveSummary", texts("Et brev"));
        owner.created(&both).await;
        for (level, title, summary) in [(3, "Brev", "Et brev"), (4, "Søknad om støtte", "Sammendrag")] {
            let list = service.person_with(PERSON_NUMBER, level).list(&own.query(&[])).await.json();
            let content = &list["items"][0]["content"];
            assert_eq!(content["title"]["value"], text(title), "{level}");
            assert_eq!(content["summary"]["value"], text(summary), "{level}");
            assert!(
                content.get("nonSensitiveTitle").is_none() && content.get("nonSensitiveSummary").is_none()
            );
        }
        // Where there are none it sees the others.
        let own = Own::new(service);
        owner.created(&own.dialog().with("/serviceResource", LEVEL_FOUR)).await;
        let list = service.person().list(&own.query(&[])).await.json();
        assert_eq!(list["items"][0]["content"]["title"]["value"], text("Søknad om støtte"));
    }

    #[tokio::test]
    async fn dialogs_for_systems_without_content_are_listed() {
        let service = Service::shared().await;
        let own = Own::new(service);
        let id = service.owner().created(&own.dialog().without("/content").with("/isApiOnly", true)).await;
        let list = service.person().list(&own.query(&[])).await.expect(200);
        assert_eq!(list.item_ids(), [id]);
        assert!(list.json()["items"][0].get("content").is_none());
        assert!(service.person().opened(id).await.get("content").is_none());
    }
}

mod pages {
    use super::*;

    /// A dialog as orders see it.
    struct Listed {
        id: Uuid,
        keys: [Option<String>; 4],
    }

    const KEYS: [&str; 4] = ["contentUpdatedAt", "updatedAt", "createdAt", "dueAt"];

    /// Dialogs with few different dates, so that many are equal in all but the id.
    async fn dialogs(service: &Service, own: &Own, count: usize) -> Vec<Listed> {
        let owner = service.owner();
        let mut listed = Vec::new();
        for index in 0..count {
            let step = |divisor: usize| i64::try_from(index / divisor % 3).unwrap() * 10;
            let mut sent = own
                .dialog()
                .with("/createdAt", service.in_seconds(-1_000 - step(2)))
                .with("/updatedAt", service.in_seconds(-500 + step(3)));
            if index % 3 > 0 {
                sent = sent.with("/dueAt", service.in_seconds(900 + step(1)));
            }
            let id = owner.created(&sent).await;
            if index % 4 == 0 {
                let touch = json!([{ "op": "add", "path": "/progress", "value": 1 }]);
                owner.patch(id, &touch).await.expect(204);
            }
            let read = owner.dialog(id).await;
            let keys = KEYS.map(|key| read.get(key).map(|value| value.as_str().unwrap().to_owned()));
            listed.push(Listed { id, keys });
        }
        listed
    }

    /// The order that was asked for, made by hand: missing dates come last ascending and first
    /// descending, and the id decides last, in the direction before it.
    fn ordered(listed: &[Listed], order: &[(&str, bool)]) -> Vec<Uuid> {
        let mut order = order.to_vec();
        if order.is_empty() || order[0].0 == "id" {
            order.insert(0, ("contentUpdatedAt", false));
        }
        if !order.iter().any(|(key, _)| *key == "id") {
            order.push(("id", order[order.len() - 1].1));
        }
        let mut items: Vec<&Listed> = listed.iter().collect();
        items.sort_by(|one, other| {
            for (key, ascending) in &order {
                let compared = match KEYS.iter().position(|known| known == key) {
                    None => one.id.cmp(&other.id),
                    Some(at) => match (&one.keys[at], &other.keys[at]) {
                        (Some(one), Some(other)) => one.cmp(other),
                        (one, other) => one.is_none().cmp(&other.is_none()),
                    },
                };
                let compared = if *ascending { compared } else { compared.reverse() };
                if compared.is_ne() {
                    return compared;
                }
            }
            std::cmp::Ordering::Equal
        });
        items.into_iter().map(|item| item.id).collect()
    }

    #[tokio::test]
    async fn together_have_everything_once_and_in_order() {
        let service = Service::at(NOON).await;
        let own = Own::new(&service);
        let listed = dialogs(&service, &own, 17).await;
        let person = service.person();
        for (written, order) in [
            ("", vec![]),
            ("contentUpdatedAt_asc", vec![("contentUpdatedAt", true)]),
            ("UPDATEDAT_DESC", vec![("updatedAt", false)]),
            ("updatedAt_asc", vec![("updatedAt", true)]),
            ("createdAt", vec![("createdAt", false)]),
            ("createdAt_asc,id_asc", vec![("createdAt", true), ("id", true)]),
            ("dueAt", vec![("dueAt", false)]),
            ("dueAt_asc", vec![("dueAt", true)]),
            ("dueAt_asc,createdAt_asc", vec![("dueAt", true), ("createdAt", true)]),
            ("createdAt,dueAt_asc", vec![("createdAt", false), ("dueAt", true)]),
            (
                "createdAt,dueAt_desc,updatedAt_asc",
                vec![("createdAt", false), ("dueAt", false), ("updatedAt", true)],
            ),
            ("id", vec![("id", false)]),
            ("id_asc", vec![("id", true)]),
            ("id_asc,createdAt", vec![("createdAt", false), ("id", true)]),
        ] {
            let expected = ordered(&listed, &order);
            let all = person.list(&own.query(&[("orderBy", written)])).await.expect(200);
            assert_eq!(all.item_ids(), expected, "{written}");
            let effective = all.json()["orderBy"].as_str().unwrap().to_owned();

            // Page by page: with the order repeated, and with the token alone.
            for repeat in [true, false] {
                let mut found = Vec::new();
                let mut token = String::new();
                for page in 1.. {
                    let mut more = vec![("limit", "5")];
                    if repeat || page == 1 {
                        more.push(("orderBy", written));
                    }
                    if page > 1 {
                        more.push(("continuationToken", token.as_str()));
                    }
                    let answer = person.list(&own.query(&more)).await.expect(200);
                    let list = answer.json();
                    found.extend(answer.item_ids());
                    assert_eq!(list["orderBy"], effective, "{written}");
                    assert_eq!(list["hasNextPage"], page < 4, "{written}");
                    token = list["continuationToken"].as_str().expect("also on the last page").to_owned();
                    if page == 4 {
                        break;
                    }
                }
                assert_eq!(found, expected, "{written} {repeat}");
            }
        }
    }

    #[tokio::test]
    async fn a_page_that_is_exactly_full_may_be_the_last() {
        let service = Service::at(NOON).await;
        let own = Own::new(&service);
        dialogs(&service, &own, 4).await;
        let person = service.person();
        for (limit, has_next) in [("3", true), ("4", false), ("5", false)] {
            let list = person.list(&own.query(&[("limit", limit)])).await.json();
            assert_eq!(list["hasNextPage"], has_next, "{limit}");
        }
    }

    #[tokio::test]
    async fn whoever_waits_at_the_end_sees_what_comes() {
        let service = Service::at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let own = Own::new(&service);
        // Nothing yet, and no place to go on from.
        let list = person.list(&own.query(&[])).await.json();
        assert_eq!((&list["items"], list.get("continuationToken")), (&json!([]), None));

        let first = owner.created(&own.dialog()).await;
        let list = person.list(&own.query(&[("orderBy", "createdAt_asc")])).await;
        assert_eq!(list.item_ids(), [first]);
        let token = list.json()["continuationToken"].as_str().unwrap().to_owned();
        let next = own.query(&[("continuationToken", &token)]);
        let list = person.list(&next).await.json();
        assert_eq!((&list["items"], &list["continuationToken"]), (&json!([]), &json!(token)));

        service.clock.advance_seconds(1);
        let second = owner.created(&own.dialog()).await;
        assert_eq!(person.listed(&next).await, [second]);
    }

    #[tokio::test]
    async fn pages_go_on_while_dialogs_come_and_change() {
        let service = Service::at(NOON).await;
        let own = Own::new(&service);
        let owner = service.owner();
        let mut ids = Vec::new();
        for _ in 0..9 {
            service.clock.advance_seconds(1);
            ids.push(owner.created(&own.dialog()).await);
        }
        let person = service.person();
        let order = ("orderBy", "createdAt_desc");
        let page = person.list(&own.query(&[("limit", "3"), order])).await;
        let mut found = page.item_ids();
        let mut token = page.json()["continuationToken"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            // A new one at the top, and changes everywhere, do not move what is below.
            service.clock.advance_seconds(1);
            owner.created(&own.dialog()).await;
            for id in &ids {
                let touch = json!([{ "op": "add", "path": "/progress", "value": 1 }]);
                owner.patch(*id, &touch).await.expect(204);
            }
            let page = person.list(&own.query(&[("limit", "3"), ("continuationToken", &token)])).await;
            found.extend(page.item_ids());
            token = page.json()["continuationToken"].as_str().unwrap().to_owned();
        }
        ids.reverse();
        assert_eq!(found, ids);
    }

    #[tokio::test]
    async fn tokens_belong_to_their_order() {
        let service = Service::at(NOON).await;
        let own = Own::new(&service);
        let listed = dialogs(&service, &own, 6).await;
        let person = service.person();
        let first = person.list(&own.query(&[("orderBy", "createdAt_asc"), ("limit", "2")])).await.json();
        let token = first["continuationToken"].as_str().unwrap();
        for other in ["createdAt_desc", "contentUpdatedAt", "updatedAt_asc", "createdAt_asc,dueAt"] {
            let answer = person.list(&own.query(&[("orderBy", other), ("continuationToken", token)])).await;
            assert_eq!(answer.status, 400, "{other}");
            answer.assert_problem(400, &[("continuationToken", "order")]);
        }
        for bad in [
            "x",
            "id_7",
            "createdat_2031-05-17T12:00:00Z",
            "createdat_soon,id_7",
            "a_b_c_d",
            &format!("{token},{token}"),
        ] {
            let answer = person.list(&own.query(&[("continuationToken", bad)])).await;
            answer.assert_problem(400, &[("continuationToken", "token")]);
        }
        // Tokens of older clients carry no directions: then the order says, or all descend.
        let expected = ordered(&listed, &[("createdAt", true)]);
        let item = listed.iter().find(|item| item.id == expected[1]).unwrap();
        let old = format!("createdat_{},id_{}", item.keys[2].as_deref().unwrap(), item.id);
        let found =
            person.listed(&own.query(&[("orderBy", "createdAt_asc"), ("continuationToken", &old)])).await;
        assert_eq!(found, expected[2..]);
        let expected = ordered(&listed, &[("createdAt", false)]);
        let place = expected.iter().position(|id| *id == item.id).unwrap();
        let found = person.listed(&own.query(&[("continuationToken", &old)])).await;
        assert_eq!(found, expected[place + 1..]);
        // The empty token is none.
        assert_eq!(person.listed(&own.query(&[("continuationToken", ""), ("orderBy", "")])).await.len(), 6);
    }
}
