//! The graph against REST: what a portal asks for, through both, in short slices by turns, so that
//! whatever else the machine does is shared by both.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Client, Request};
use crate::process::{Processor, Service};
use crate::report::as_float;
use crate::searches::{self, Seeded, get, list_path};
use crate::{Database, Options, Rate, Result};

/// Aim: least part of REST's rate.
pub const AIM: f64 = 0.8;
/// How long one of the two is measured before it is the other's turn.
const SLICE: Duration = Duration::from_millis(500);
/// Dialogs of an inbox page.
const INBOX: usize = 25;
/// Dialogs that are counted.
const COUNTED: usize = 1_000;

const LOCALIZED: &str = "fragment content on ContentValue { mediaType value { value languageCode } }";

/// What a portal shows of each dialog of a list.
const OF_INBOX: &str = "query getAllDialogsForParties($input: SearchDialogInput!) {
    searchDialogs(input: $input) {
        items {
            id party org progress guiAttachmentCount status createdAt dueAt contentUpdatedAt hasUnopenedContent
            serviceResource serviceResourceType fromServiceOwnerTransmissionsCount fromPartyTransmissionsCount
            seenSinceLastContentUpdate { ...seen }
            content {
                title { ...content } summary { ...content } senderName { ...content } extendedStatus { ...content }
            }
            endUserContext { systemLabels }
        }
        hasNextPage continuationToken
        orderBy { createdAt updatedAt dueAt contentUpdatedAt }
        errors { message }
    }
}
fragment seen on SeenLog { id seenAt isCurrentEndUser seenBy { actorType actorId actorName } }";

/// What it takes to count dialogs by folder.
const OF_COUNTS: &str = "query getAllDialogsForCount($input: SearchDialogInput!) {
    searchDialogs(input: $input) {
        items { id org updatedAt contentUpdatedAt status isContentSeen endUserContext { systemLabels } }
        hasNextPage
    }
}";

/// Nearly all of a dialog.
const OF_DIALOG: &str = "query getDialogById($id: UUID!) {
    dialogById(dialogId: $id) {
        dialog {
            id revision dialogToken party org progress serviceResource serviceResourceType status extendedStatus
            externalReference createdAt updatedAt contentUpdatedAt dueAt expiresAt hasUnopenedContent isApiOnly
            fromServiceOwnerTransmissionsCount fromPartyTransmissionsCount
            attachments { ...attachment }
            guiActions {
                id url isAuthorized isDeleteDialogAction action authorizationAttribute priority httpMethod
                title { ...text } prompt { ...text }
            }
            apiActions {
                id action authorizationAttribute isAuthorized name
                endpoints { id version url httpMethod documentationUrl requestSchema responseSchema deprecated sunsetAt }
            }
            seenSinceLastUpdate { ...seen }
            seenSinceLastContentUpdate { ...seen }
            transmissions {
                id createdAt type isAuthorized isOpened authorizationAttribute extendedType externalReference
                relatedTransmissionId
                sender { ...actor }
                content { title { ...content } summary { ...content } contentReference { ...content } }
                attachments { ...attachment }
                navigationalActions { title { ...text } url expiresAt }
            }
            activities {
                id createdAt type extendedType transmissionId performedBy { ...actor } description { ...text }
            }
            content {
                title { ...content } summary { ...content } senderName { ...content } additionalInfo { ...content }
                extendedStatus { ...content } mainContentReference { ...content isAuthorized }
            }
            endUserContext { revision systemLabels }
            isContentSeen
        }
        errors { __typename message }
    }
}
fragment text on Localization { value languageCode }
fragment actor on Actor { actorType actorId actorName }
fragment seen on SeenLog { id seenAt isCurrentEndUser isViaServiceOwner seenBy { ...actor } }
fragment attachment on Attachment {
    id name displayName { ...text } urls { id url mediaType consumerType } expiresAt
}";

/// The same through REST and through the graph.
struct Page {
    name: &'static str,
    rest: Vec<Request>,
    graph: Vec<Request>,
    /// Whether the graph has to reach [`AIM`].
    has_aim: bool,
}

/// What was found out about a page.
pub struct Comparison {
    pub name: &'static str,
    /// All slices.
    pub rest: Rate,
    pub graph: Rate,
    /// The median of what neighbouring slices say.
    pub ratio: f64,
    pub aim: Option<f64>,
    /// Bytes of one answer.
    pub bytes: (usize, usize),
}

/// Compares all pages.
pub fn measure(seeded: &Seeded, log: &Path, options: &Options) -> Result<Vec<Comparison>> {
    let service = seeded.start_service(log, &[])?;
    let client = searches::person(&service, &seeded.profile.whale_manager.number)?;
    let pages = pages(seeded.profile.whale().as_str(), &client)?;
    for page in &pages {
        page.assert_same(&client)?;
    }
    let before = written(&seeded.database)?;
    let compared = pages.iter().map(|page| page.compare(seeded, &service, &client, options)).collect();
    if written(&seeded.database)? != before {
        return Err("reading what had been seen wrote something".into());
    }
    service.stop()?;
    compared
}

/// How much has been written by those who read.
fn written(database: &Database) -> Result<(i64, i64, i64)> {
    database.with(async |connection| {
        let sql = "select (select count(*) from seen_log), (select count(*) from label_log),
            (select count(*) from outbox)";
        sqlx::query_as(sql).fetch_one(connection).await
    })
}

fn ask(query: &str, variables: &Value) -> Request {
    let body = json!({ "query": query, "variables": variables }).to_string();
    Request { method: "POST", path: "/graphql".into(), body: Some(("application/json", body)), expected: 200 }
}

/// The pages of a user with many dialogs.
fn pages(party: &str, client: &Client) -> Result<Vec<Page>> {
    let list = |name, query: &str, limit: usize, has_aim| {
        let number = limit.to_string();
        let wanted = [
            ("party", party),
            ("systemLabel", "Default"),
            ("excludeApiOnly", "true"),
            ("orderBy", "contentUpdatedAt_desc"),
            ("limit", &number),
        ];
        // As portals send it.
        let order =
            json!({ "createdAt": null, "updatedAt": null, "dueAt": null, "contentUpdatedAt": "DESC" });
        let input = json!({
            "party": [party], "systemLabel": ["DEFAULT"], "excludeApiOnly": true, "orderBy": order, "limit": limit,
        });
        let graph = ask(query, &json!({ "input": input }));
        Page { name, rest: vec![get(&list_path("enduser", &wanted))], graph: vec![graph], has_aim }
    };
    let inbox = list("inbox page of 25", &format!("{OF_INBOX} {LOCALIZED}"), INBOX, true);
    let answer: Value = serde_json::from_str(&client.connect()?.send(&inbox.rest[0])?.body)?;
    let ids: Vec<&str> = items(&answer).iter().filter_map(|item| item["id"].as_str()).collect();
    if ids.len() != INBOX {
        return Err(format!("the inbox has {} dialogs instead of {INBOX}", ids.len()).into());
    }
    let details = format!("{OF_DIALOG} {LOCALIZED}");
    let dialog = Page {
        name: "dialog page",
        rest: ids.iter().map(|id| get(&format!("/api/v1/enduser/dialogs/{id}"))).collect(),
        graph: ids.iter().map(|id| ask(&details, &json!({ "id": id }))).collect(),
        has_aim: true,
    };
    // REST has no such selection; it is for information.
    let counts = list("counts among 1,000", OF_COUNTS, COUNTED, false);
    Ok(vec![inbox, dialog, counts])
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// What both have to say the same of: the dialogs, in order, and the parts of a dialog.
fn said(answer: &Value) -> Vec<Value> {
    let dialogs = match (&answer["items"], answer.get("id")) {
        (Value::Array(items), _) => items.as_slice(),
        (_, Some(_)) => std::slice::from_ref(answer),
        _ => &[],
    };
    let ids = |dialog: &Value, list: &str| {
        let parts = dialog[list].as_array().map_or(&[][..], Vec::as_slice);
        parts.iter().map(|part| part["id"].clone()).collect::<Vec<_>>()
    };
    let of = |dialog: &Value| {
        let parts = ["attachments", "transmissions", "guiActions", "apiActions", "activities"];
        let title = dialog.pointer("/content/title/value");
        json!([
            dialog["id"],
            dialog["contentUpdatedAt"],
            title,
            dialog["dialogToken"].is_string(),
            parts.map(|list| ids(dialog, list)),
        ])
    };
    dialogs.iter().map(of).collect()
}

impl Page {
    /// A benchmark that compares different things would say nothing. Opens each dialog once, too.
    fn assert_same(&self, client: &Client) -> Result<()> {
        let mut connection = client.connect()?;
        let mut different = BTreeSet::new();
        for (rest, graph) in self.rest.iter().zip(&self.graph) {
            let rest: Value = serde_json::from_str(&connection.send(rest)?.body)?;
            let graph: Value = serde_json::from_str(&connection.send(graph)?.body)?;
            let (list, dialog) = (&graph["data"]["searchDialogs"], &graph["data"]["dialogById"]["dialog"]);
            let (rest, mut graph) = (said(&rest), [said(list), said(dialog)].concat());
            // What is only counted has no titles.
            if !self.has_aim {
                for (one, other) in graph.iter_mut().zip(&rest) {
                    one[2] = other[2].clone();
                }
            }
            if rest.is_empty() || rest != graph {
                different.insert(format!("{rest:?} is not {graph:?}"));
            }
        }
        match different.first() {
            None => Ok(()),
            Some(difference) => Err(format!("{}: {difference}", self.name).into()),
        }
    }

    fn compare(
        &self,
        seeded: &Seeded,
        service: &Service,
        client: &Client,
        options: &Options,
    ) -> Result<Comparison> {
        let Options { seconds, connections, bench, .. } = *options;
        let (slices, slice) = if bench { (4 * seconds, SLICE) } else { (1, SLICE / 10) };
        let postgres = seeded.pid()?;
        let processor = || Processor::now(service.pid(), postgres);
        let turns = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let run = |which: usize| -> Result<Rate> {
            let requests = [&self.rest, &self.graph][which];
            let next = || {
                let turn = turns[which].fetch_add(1, Ordering::Relaxed);
                requests[turn % requests.len()].clone()
            };
            let before = processor();
            let (count, time) = http::closed_loop(client, connections, slice, &next)?;
            let mut rate = Rate::default();
            rate.add(as_float(count), time, processor().since(before));
            Ok(rate)
        };
        for which in [0, 1, 0, 1] {
            run(which)?;
        }
        let mut sums = [Rate::default(); 2];
        let mut ratios = Vec::new();
        for number in 0..slices {
            // In an order that gives neither an advantage.
            let first = usize::try_from(number % 2)?;
            let mut rates = [Rate::default(); 2];
            for which in [first, 1 - first] {
                let rate = run(which)?;
                sums[which].add(rate.count, rate.seconds, rate.processor);
                rates[which] = rate;
            }
            ratios.push(rates[1].per_second() / rates[0].per_second());
        }
        ratios.sort_by(f64::total_cmp);
        let mut connection = client.connect()?;
        let mut bytes = |requests: &[Request]| -> Result<usize> {
            let mut sum = 0;
            for request in requests {
                sum += connection.send(request)?.body.len();
            }
            Ok(sum / requests.len())
        };
        let bytes = (bytes(&self.rest)?, bytes(&self.graph)?);
        let [rest, graph] = sums;
        let ratio = ratios[ratios.len() / 2];
        Ok(Comparison { name: self.name, rest, graph, ratio, aim: self.has_aim.then_some(AIM), bytes })
    }
}
