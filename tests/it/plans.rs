//! How the database finds what is listed: for each shape of search, the indexes that it reads.

use std::collections::BTreeSet;

use dialogporten::seed::{COMMON_WORD, Profile, RARE_LABEL};
use serde_json::Value;

use crate::harness::statements;
use crate::harness::*;
use crate::seed;

const DIALOGS: usize = 3_000;
const SEED: u64 = 7;

const USERS: &str = "/api/v1/enduser/dialogs";
const OWNERS: &str = "/api/v1/serviceowner/dialogs";
const CONTEXTS: &str = "/api/v1/serviceowner/dialogs/endusercontext";

/// Indexes that have dialogs in the order of their content's last change.
const IN_ORDER: [&str; 5] =
    ["dialog_party", "dialog_resource", "dialog_org", "dialog_labelled", "dialog_deleted"];
/// What is read of every dialog that is shown.
const SHOWN: [&str; 3] = ["dialog_document_pkey", "activity_dialog", "seen_log_dialog"];
/// What is read of every dialog that is shown to a service owner, beside that.
const SHOWN_TO_OWNERS: &str = "service_owner_label_pkey";

/// A search, and how the dialogs are found.
struct Shape<'a> {
    name: &'static str,
    client: &'a Client,
    path: &'static str,
    query: Vec<(&'a str, &'a str)>,
    /// How many statements it takes, without questions about words.
    statements: usize,
    indexes: &'static [&'static str],
}

impl<'a> Shape<'a> {
    fn new(
        name: &'static str,
        client: &'a Client,
        path: &'static str,
        query: &[&[(&'a str, &'a str)]],
        statements: usize,
        indexes: &'static [&'static str],
    ) -> Self {
        Self { name, client, path, query: query.concat(), statements, indexes }
    }

    fn call(&self) -> Call {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        self.client.get(&format!("{}?{query}", self.path))
    }

    fn expected(&self) -> BTreeSet<String> {
        let mut indexes = self.indexes.to_vec();
        if self.path != CONTEXTS {
            indexes.extend(SHOWN);
        }
        if self.path == OWNERS {
            indexes.push(SHOWN_TO_OWNERS);
        }
        indexes.into_iter().map(str::to_owned).collect()
    }
}

/// What a plan reads.
#[derive(Debug, Default)]
struct Reads {
    /// Indexes; tables that are not read by an index, or dialogs not one by one, with how they are.
    scans: BTreeSet<String>,
    /// Indexes whose order is not used, or that are read without a limit.
    unlimited: Vec<String>,
}

impl Reads {
    /// `is_limited`: whether a limit ends this node, with nothing between that reads ahead.
    fn add(&mut self, node: &Value, is_limited: bool) {
        let kind = node["Node Type"].as_str().expect("a kind of node");
        let table = node["Relation Name"].as_str();
        if let Some(index) = node["Index Name"].as_str() {
            self.scans.insert(index.to_owned());
            if IN_ORDER.contains(&index) && !is_limited {
                self.unlimited.push(index.to_owned());
            }
        } else if let Some(table) = table.filter(|table| *table == "dialog" || kind != "Bitmap Heap Scan") {
            self.scans.insert(format!("{kind} of {table}"));
        }
        let is_limited = match kind {
            "Limit" => true,
            "WindowAgg" | "Subquery Scan" | "Result" => is_limited,
            _ => false,
        };
        for child in node["Plans"].as_array().into_iter().flatten() {
            let is_input = ["Outer", "Subquery"].iter().any(|place| child["Parent Relationship"] == *place);
            self.add(child, is_limited && is_input);
        }
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_shape_of_search_reads_its_index() {
    let profile = Profile::new(SEED, DIALOGS);
    let database = Database::new().await;
    let directory = temporary_directory();
    std::fs::create_dir(&directory).unwrap();
    let catalogue = directory.join("catalogue.toml");
    let file = catalogue.to_str().unwrap();
    seed::run(&database, DIALOGS, SEED, &["--catalogue", file]).await.unwrap();
    database.configure(statements::EXPLAIN).await;
    let service = Service::in_country(&database, &catalogue).await;
    std::fs::remove_dir_all(&directory).unwrap();

    let its = &profile.services[0];
    let owner = service.organization(its.owner_code, its.owner_number, OWNER);
    let user = |number: &str| service.person_with(number, 4);
    let delegate = user(&profile.delegate.number);
    let (whale, manager) = (("party", profile.whale().as_str()), user(&profile.whale_manager.number));
    let (thousand, ten_thousand) = (user(&profile.thousand.number), user(&profile.ten_thousand.number));
    let services: Vec<String> =
        profile.services.iter().take(20).map(|its| format!("urn:altinn:resource:{}", its.id)).collect();
    let services: Vec<(&str, &str)> = services.iter().map(|id| ("serviceResource", id.as_str())).collect();
    let (rare_word, _) = profile.rare_word(0);
    let page = manager.list(&[whale, ("limit", "10")]).await.json();
    let token = page["continuationToken"].as_str().unwrap();
    let single = seed::dialog_party(&profile, profile.delegate.delegated[0]);
    let single = [("party", single.as_str())];
    // Older than what a first look finds.
    let early: Vec<String> = database
        .rows("select to_char(created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') from dialog order by created_at offset 600 limit 1")
        .await;
    let early = [("createdBefore", early[0].as_str())];

    let shapes = [
        Shape::new("few streams", &manager, USERS, &[&[whale]], 1, &["dialog_party"]),
        Shape::new(
            "next page",
            &manager,
            USERS,
            &[&[whale, ("limit", "10"), ("continuationToken", token)]],
            1,
            &["dialog_party"],
        ),
        Shape::new(
            "oldest first",
            &manager,
            USERS,
            &[&[whale, ("orderBy", "contentUpdatedAt_asc")]],
            1,
            &["dialog_party"],
        ),
        Shape::new("many streams", &ten_thousand, USERS, &[&services], 1, &["dialog_party"]),
        Shape::new(
            "many streams and single dialogs",
            &thousand,
            USERS,
            &[&services],
            1,
            &["dialog_party", "dialog_pkey"],
        ),
        Shape::new("crosswise", &ten_thousand, USERS, &[&services[..2]], 1, &["dialog_resource"]),
        Shape::new("rounds", &ten_thousand, USERS, &[&services, &early], 4, &["dialog_party", "dialog_pkey"]),
        Shape::new(
            "common word",
            &manager,
            USERS,
            &[&[whale, ("search", COMMON_WORD)]],
            1,
            &["dialog_party", "dialog_text_pkey"],
        ),
        Shape::new(
            "rare word",
            &thousand,
            USERS,
            &[&services, &[("search", &rare_word)]],
            1,
            &["dialog_text_lexemes", "dialog_pkey"],
        ),
        Shape::new("single dialogs", &delegate, USERS, &[&single], 1, &["dialog_party", "dialog_pkey"]),
        Shape::new(
            "folder",
            &manager,
            USERS,
            &[&[whale, ("systemLabel", "Archive")]],
            1,
            &["dialog_labelled"],
        ),
        Shape::new(
            "other order",
            &manager,
            USERS,
            &[&[whale, ("orderBy", "createdAt")]],
            1,
            &["dialog_party"],
        ),
        Shape::new(
            "other order and single dialogs",
            &delegate,
            USERS,
            &[&single, &[("orderBy", "createdAt")]],
            1,
            &["dialog_party", "dialog_pkey"],
        ),
        Shape::new("organisation", &owner, OWNERS, &[], 1, &["dialog_org"]),
        Shape::new("service", &owner, OWNERS, &[&services[..1]], 1, &["dialog_resource"]),
        Shape::new("deleted", &owner, OWNERS, &[&[("deleted", "Only")]], 1, &["dialog_deleted"]),
        Shape::new(
            "label",
            &owner,
            OWNERS,
            &[&services[..1], &[("serviceOwnerLabels", RARE_LABEL)]],
            1,
            &["service_owner_label_value", "dialog_pkey"],
        ),
        Shape::new(
            "beginning of a label",
            &owner,
            OWNERS,
            &[&services[..1], &[("serviceOwnerLabels", "seed:ra*")]],
            1,
            &["service_owner_label_value", "dialog_pkey"],
        ),
        Shape::new("contexts", &owner, CONTEXTS, &[&[whale]], 1, &["dialog_party"]),
    ];
    // Whether the planner knows everything, or nothing.
    let forget = "delete from pg_statistic;
        update pg_class set reltuples = -1, relpages = 0 where relnamespace = 'public'::regnamespace";
    for (is_known, statistics) in [(true, "analyze"), (false, forget)] {
        database.configure(statistics).await;
        // Without statistics every word is taken for rare, and looked up.
        for shape in shapes.iter().filter(|shape| is_known || shape.name != "common word") {
            let name = shape.name;
            let (answer, plans) = statements::plans_of(shape.call()).await;
            assert!(!answer.expect(200).json()["items"].as_array().unwrap().is_empty(), "{name}");
            let is_question = |plan: &&Value| plan["Query Text"].as_str().unwrap().starts_with("explain");
            let plans: Vec<&Value> = plans.iter().filter(|plan| !is_question(plan)).collect();
            assert_eq!(plans.len(), shape.statements, "{name}");
            let mut reads = Reads::default();
            for plan in plans {
                reads.add(&plan["Plan"], false);
            }
            assert_eq!(reads.scans, shape.expected(), "{name}, known: {is_known}");
            // What no index has in order is read as a whole, and sorted.
            let unlimited: &[&str] = if name.starts_with("other order") { &["dialog_party"] } else { &[] };
            assert_eq!(reads.unlimited, unlimited, "{name}, known: {is_known}");
        }
    }
}
