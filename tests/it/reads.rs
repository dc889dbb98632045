//! Reading what belongs to a dialog by itself: transmissions, activities, logs and contexts.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::statements;
use crate::harness::*;

const NOON: &str = "2031-05-17T12:00:00.123456Z";
const COMPANY: &str = "urn:altinn:organization:identifier-no:310057223";
const MANAGER: &str = "29886896598";
const BULK: &str = "/api/v1/enduser/dialogs/context/systemlabels/actions/bulkset";

/// The end user reads what is below a dialog.
fn below(user: &Client, id: Uuid, path: &str) -> Call {
    user.get(&format!("/api/v1/enduser/dialogs/{id}/{path}"))
}

async fn list(user: &Client, id: Uuid, path: &str) -> Value {
    below(user, id, path).await.expect(200).json()
}

/// The end user changes labels.
fn relabel(user: &Client, id: Uuid, body: &Value) -> Call {
    user.call(Method::PUT, &format!("/api/v1/enduser/dialogs/{id}/context/systemlabels")).json(body)
}

mod parts {
    use super::*;

    #[tokio::test]
    async fn end_users_read_the_oldest_first_and_service_owners_transmissions_the_newest() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&full_dialog(service)).await;
        let read = person.opened(id).await;

        assert_eq!(list(&person, id, "transmissions").await, read["transmissions"]);
        assert_eq!(list(&person, id, "activities").await, read["activities"]);
        let ids = |list: &Value| -> Vec<Value> {
            list.as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
        };
        let mut newest_first = ids(&owner.list_below(id, "transmissions").await);
        newest_first.reverse();
        assert_eq!(newest_first, ids(&read["transmissions"]));
        assert_eq!(read["transmissions"][0]["isOpened"], true);
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&full_dialog(service)).await;
        let other = owner.created(&full_dialog(service)).await;
        for (list, key) in [
            ("transmissions", "DialogTransmission"),
            ("activities", "DialogActivity"),
            ("seenlog", "DialogSeenLog"),
        ] {
            let missing = service.id();
            let answer = below(&person, id, &format!("{list}/{missing}")).await;
            answer.assert_problem(404, &[(key, &missing.to_string())]);
            // Also when another dialog has it.
            if let Some(of_other) = owner.list_below(other, list).await[0]["id"].as_str() {
                let answer = below(&person, id, &format!("{list}/{of_other}")).await;
                answer.assert_problem(404, &[(key, of_other)]);
            }
            let answer = below(&person, missing, list).await;
            answer.assert_problem(404, &[("DialogEntity", &missing.to_string())]);
        }
        below(&person, id, "seenlog/nonsense").await.assert_problem(400, &[("seenLogId", "UUID")]);
        let answer = below(&person, id, "activities").header("accept-language", "nb;;").await;
        answer.assert_problem(400, &[("Accept-Language", "Accept-Language")]);
    }

    #[tokio::test]
    async fn languages_are_chosen_and_named() {
        let service = Service::shared().await;
        let id = service.owner().created(&full_dialog(service)).await;
        let person = service.person();
        for (path, wanted, languages, sizes) in [
            ("", "en", Some("en, nb"), None),
            ("/activities", "en", Some("en"), Some(1)),
            ("/activities", "nn", Some("nb"), Some(1)),
            ("/activities", "", Some("en, nb"), Some(2)),
            ("/transmissions", "de, en;q=0", Some("nb"), None),
            // These tell nothing in a language.
            ("/seenlog", "en", None, None),
        ] {
            let answer = person
                .get(&format!("/api/v1/enduser/dialogs/{id}{path}"))
                .header("accept-language", wanted)
                .await
                .expect(200);
            assert_eq!(answer.header("content-language"), languages, "{path} {wanted}");
            if path != "/seenlog" {
                assert_eq!(answer.header("vary"), Some("Accept-Language"), "{path}");
            }
            if let Some(size) = sizes {
                assert_eq!(
                    answer.json()[1]["description"].as_array().unwrap().len(),
                    size,
                    "{path} {wanted}"
                );
            }
        }
    }

    #[tokio::test]
    async fn each_costs_one_statement() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&full_dialog(service)).await;
        let read = person.opened(id).await;
        let one = |list: &str| format!("{list}/{}", read[list][0]["id"].as_str().unwrap());
        let paths = ["transmissions", "activities", "seenlog", "context/labellog"].map(ToOwned::to_owned);
        for path in paths.into_iter().chain([one("transmissions"), one("activities")]) {
            let (answer, statements) = statements::of(below(&person, id, &path)).await;
            assert_eq!((answer.status.as_u16(), statements.len()), (200, 1), "{path}: {statements:#?}");
        }
        let reference = format!("/api/v1/enduser/dialoglookup?instanceRef=urn:altinn:dialog-id:{id}");
        let (answer, statements) = statements::of(person.get(&reference)).await;
        assert_eq!((answer.status.as_u16(), statements.len()), (200, 1), "{statements:#?}");
    }
}

mod seen_log {
    use super::*;

    #[tokio::test]
    async fn has_all_entries_ever() {
        let service = Service::at(NOON).await;
        let owner = service.owner();
        let id = owner.created(&dialog().with("/party", COMPANY)).await;
        let (manager, system) = (service.person_with(MANAGER, 3), service.system_user());
        manager.opened(id).await;
        service.clock.advance_seconds(10);
        owner.patch(id, &json!([{ "op": "add", "path": "/status", "value": "Completed" }])).await.expect(204);
        service.clock.advance_seconds(10);
        system.opened(id).await;

        let log = list(&manager, id, "seenlog").await;
        let facts: Vec<_> = log
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["seenAt"].clone(), entry["isCurrentEndUser"].clone()))
            .collect();
        assert_eq!(
            facts,
            [
                (json!("2031-05-17T12:00:00.1234560Z"), json!(true)),
                (json!("2031-05-17T12:00:20.1234560Z"), json!(false)),
            ]
        );
        let person = log[0]["seenBy"]["actorId"].as_str().unwrap();
        assert!(person.starts_with("urn:altinn:person:identifier-ephemeral:"), "{person}");
        assert_eq!(log[0]["seenBy"]["actorName"], "ROR STØDIG");
        let entry = format!("seenlog/{}", log[0]["id"].as_str().unwrap());
        assert_eq!(list(&manager, id, &entry).await, log[0]);
        // The other one sees the same, but for who is meant by "current".
        let other = list(&system, id, "seenlog").await;
        assert_eq!(other[0], log[0].clone().with("/isCurrentEndUser", false));

        // The service owner sees who it was, and has no user of its own.
        let own = owner.list_below(id, "seenlog").await;
        let number = format!("urn:altinn:person:identifier-no:{MANAGER}");
        let expected = log[0].clone().without("/isCurrentEndUser").with("/seenBy/actorId", number);
        assert_eq!(own[0], expected);
        assert_eq!(owner.list_below(id, &entry).await, expected);
        assert_eq!(own.as_array().unwrap().len(), 2);
        owner.delete(id).await.expect(204);
        let deleted = owner.below(Method::GET, id, &entry).await;
        deleted.assert_problem(410, &[("DialogEntity", &id.to_string())]);
        let foreign = service.other_owner().below(Method::GET, id, "seenlog").await;
        foreign.assert_problem(404, &[("DialogEntity", &id.to_string())]);
    }

    #[tokio::test]
    async fn tells_of_service_owners_that_look_for_somebody() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        owner.read_for(id, PERSON).await.expect(200);
        let log = list(&person, id, "seenlog").await;
        assert_eq!((&log[0]["isViaServiceOwner"], &log[0]["isCurrentEndUser"]), (&json!(true), &json!(true)));
        // Reading parts and logs leaves no entry.
        for path in ["transmissions", "activities", "context/labellog"] {
            list(&person, id, path).await;
        }
        assert_eq!(list(&person, id, "seenlog").await, log);
    }
}

mod labels {
    use super::*;

    #[tokio::test]
    async fn are_changed_and_logged() {
        let service = Service::at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let before = owner.dialog(id).await;
        assert_eq!(list(&person, id, "context/labellog").await, json!([]));

        let binned = relabel(&person, id, &json!({ "addLabels": ["Bin"] })).await.expect(204);
        let read = owner.dialog(id).await;
        assert_eq!(read["endUserContext"]["systemLabels"], json!(["Bin"]));
        assert_eq!(read["endUserContext"]["revision"], binned.etag().to_string());
        assert_eq!(read["revision"], before["revision"]);
        service.clock.advance_seconds(5);
        let old = before["endUserContext"]["revision"].as_str().unwrap().parse().unwrap();
        let labels = json!({ "addLabels": ["MarkedAsUnopened"], "removeLabels": ["Bin"] });
        relabel(&person, id, &labels).if_match(old).await.assert_problem(412, &[]);
        relabel(&person, id, &labels).if_match(binned.etag()).await.expect(204);

        let log = list(&person, id, "context/labellog").await;
        let facts: Vec<_> = log
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| [&entry["createdAt"], &entry["name"], &entry["action"]].map(|v| v.as_str().unwrap()))
            .collect();
        assert_eq!(
            facts,
            [
                ["2031-05-17T12:00:00.1234560Z", "systemlabel:Bin", "set"],
                ["2031-05-17T12:00:05.1234560Z", "systemlabel:Bin", "remove"],
                ["2031-05-17T12:00:05.1234560Z", "systemlabel:MarkedAsUnopened", "set"],
            ]
        );
        let actor = &log[0]["performedBy"];
        assert_eq!(actor["actorName"], "LITTERATUR UROMANTISK");
        assert!(actor["actorId"].as_str().unwrap().contains("identifier-ephemeral"), "{actor}");
        // Opening it takes the mark away.
        person.opened(id).await;
        let log = list(&person, id, "context/labellog").await;
        assert_eq!(log[3]["name"], "systemlabel:MarkedAsUnopened");
        assert_eq!(log[3]["action"], "remove");
    }

    #[tokio::test]
    async fn are_the_users_own() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let id = owner.created(&dialog()).await;
        let stranger = service.person_with("27069815400", 4);
        let labels = json!({ "addLabels": ["Archive"] });
        relabel(&stranger, id, &labels).await.assert_problem(403, &[("Forbidden", &id.to_string())]);
        let sent = relabel(&person, id, &json!({ "addLabels": ["Sent"] })).await;
        sent.assert_problem(400, &[("addLabels[0]", "")]);
        // Only the API of service owners has this member.
        let unknown = labels.with("/performedBy", json!({ "actorType": "ServiceOwner" }));
        relabel(&person, id, &unknown).await.expect(204);
        let log = list(&person, id, "context/labellog").await;
        assert_eq!(log[0]["performedBy"]["actorType"], "PartyRepresentative");
        assert_eq!(log.as_array().unwrap().len(), 1);
        let missing = service.id();
        relabel(&person, missing, &unknown)
            .await
            .assert_problem(404, &[("DialogEntity", &missing.to_string())]);
    }

    #[tokio::test]
    async fn of_several_dialogs_change_together_or_not_at_all() {
        let service = Service::shared().await;
        let (owner, person) = (service.owner(), service.person());
        let (one, two) = (owner.created(&dialog()).await, owner.created(&dialog()).await);
        let foreign = owner.created(&dialog().with("/party", OTHER_PERSON)).await;
        let bulk = |ids: &[Uuid]| {
            let dialogs: Value = ids.iter().map(|id| json!({ "dialogId": id })).collect();
            person.call(Method::POST, BULK).json(&json!({ "dialogs": dialogs, "addLabels": ["Bin"] }))
        };
        let labels = async |id| owner.dialog(id).await["endUserContext"]["systemLabels"].clone();

        bulk(&[one, foreign]).await.assert_problem(404, &[("DialogEntity", &foreign.to_string())]);
        assert_eq!(labels(one).await, json!(["Default"]));
        bulk(&[one, two]).await.expect(204);
        assert_eq!((labels(one).await, labels(two).await), (json!(["Bin"]), json!(["Bin"])));
        bulk(&[one, one]).await.assert_problem(400, &[("dto.dialogs", "once")]);
    }
}

mod end_user_contexts {
    use super::*;

    fn path(query: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("/api/v1/serviceowner/dialogs/endusercontext?{query}")
    }

    async fn page(owner: &Client, query: &[(&str, &str)]) -> Value {
        owner.get(&path(query)).await.expect(200).json()
    }

    fn dialogs(page: &Value) -> Vec<Uuid> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["dialogId"].as_str().unwrap().parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn of_all_own_dialogs_newest_content_first() {
        let service = Service::alone_at(NOON).await;
        let (owner, person) = (service.owner(), service.person());
        let mut ids = Vec::new();
        for index in 0..5 {
            let party = if index == 3 { OTHER_PERSON } else { PERSON };
            // Two at the same time, so that ids decide.
            if index != 2 {
                service.clock.advance_seconds(60);
            }
            ids.push(owner.created(&dialog().with("/party", party)).await);
        }
        ids[1..=2].sort_unstable();
        let foreign = dialog().with("/serviceResource", OTHER_OWNERS);
        service.other_owner().created(&foreign).await;
        relabel(&person, ids[0], &json!({ "addLabels": ["Bin"] })).await.expect(204);
        relabel(&person, ids[1], &json!({ "addLabels": ["Archive", "MarkedAsUnopened"] })).await.expect(204);
        owner.delete(ids[4]).await.expect(204);
        ids.reverse();

        let both = [("party", PERSON), ("party", OTHER_PERSON), ("party", PERSON)];
        let all = page(&owner, &both).await;
        let mut found = dialogs(&all);
        // Deleting has moved it to the front, where it was anyway.
        assert_eq!(found.remove(0), ids[0]);
        assert_eq!(found, ids[1..]);
        assert_eq!(all["orderBy"], "contentupdatedat_desc,id_desc");
        assert_eq!((&all["hasNextPage"], all.get("continuationToken")), (&json!(false), None));
        assert_eq!(all["items"][3]["systemLabels"], json!(["Archive", "MarkedAsUnopened"]));
        let revision = &owner.dialog(ids[3]).await["endUserContext"]["revision"];
        assert_eq!(&all["items"][3]["endUserContextRevision"], revision);

        // Page by page the same.
        let mut paged = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut query =
                vec![("party", PERSON), ("party", OTHER_PERSON), ("limit", "2"), ("orderBy", "dueAt")];
            query.extend(token.iter().map(|token| ("continuationToken", token.as_str())));
            let next = page(&owner, &query).await;
            paged.extend(dialogs(&next));
            token = next["continuationToken"].as_str().map(ToOwned::to_owned);
            assert_eq!(next["hasNextPage"], token.is_some());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(paged, dialogs(&all));

        // Any of the labels; a full page all the same.
        let labelled = page(&owner, &[("party", PERSON), ("label", "bin,Archive"), ("limit", "2")]).await;
        assert_eq!(dialogs(&labelled), [ids[3], ids[4]]);
        assert_eq!(labelled["hasNextPage"], false);
        let after = owner.dialog(ids[2]).await["contentUpdatedAt"].as_str().unwrap().to_owned();
        let recent = page(&owner, &[("party", PERSON), ("contentUpdatedAfter", &after)]).await;
        assert_eq!(dialogs(&recent), [ids[0], ids[2], ids[3]], "both ends count");
        // Administrators too see their own.
        assert_eq!(dialogs(&page(&service.owner_with(ADMIN), &both).await), dialogs(&all));
    }

    #[tokio::test]
    async fn parameters_are_checked_together() {
        let service = Service::shared().await;
        let owner = service.owner();
        let answer =
            owner.get(&path(&[("limit", "1001"), ("label", "x"), ("contentUpdatedAfter", "soon")])).await;
        let expected =
            [("party", "at least one"), ("limit", "1000"), ("label", "Bin"), ("contentUpdatedAfter", "")];
        answer.assert_problem(400, &expected);
        let token = "createdat_2024-01-01T00:00:00Z,id_00000000-0000-0000-0000-000000000007";
        let answer = owner.get(&path(&[("party", "x"), ("continuationToken", token)])).await;
        answer.assert_problem(400, &[("party[0]", "URN"), ("continuationToken", "order")]);
        let many: Vec<_> = (0..21).map(|_| ("party", PERSON)).collect();
        owner.get(&path(&many)).await.assert_problem(400, &[("party", "at most 20"), ("party.count", "")]);
        let scope = "digdir:dialogporten.serviceprovider";
        let without_search = service.organization("ttd", "991825827", scope);
        without_search.get(&path(&[("party", PERSON)])).await.assert_problem(403, &[]);
    }
}
