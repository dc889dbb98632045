//! Made-up data is what the service itself would have stored.

use std::collections::HashMap;

use clap::Parser;
use dialogporten::cli;
use dialogporten::config::CommandLine;
use dialogporten::search::words::{self, Words};
use dialogporten::seed::{self, BIGGEST, COMMON_WORD, Profile, RARE_EXTENDED_STATUS, RARE_LABEL};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::harness::*;

const DIALOGS: usize = 2_000;
const SEED: u64 = 7;

const TABLES: [&str; 9] = [
    "dialog",
    "dialog_document",
    "transmission",
    "activity",
    "dialog_part",
    "service_owner_label",
    "seen_log",
    "label_log",
    "dialog_text",
];

/// Runs the command on a database.
pub async fn run(database: &Database, dialogs: usize, seed: u64, more: &[&str]) -> Result<(), String> {
    let (url, dialogs, seed) = (database.url(), dialogs.to_string(), seed.to_string());
    let mut arguments = vec!["dialogporten", "seed", "--profile", "skewed", "--database-url", &url];
    arguments.extend(["--dialogs", &dialogs, "--seed", &seed]);
    arguments.extend(more);
    let command = CommandLine::parse_from(arguments);
    cli::run(command).await.map(|_| ()).map_err(|error| error.to_string())
}

/// A database with the data set that nobody changes.
async fn untouched() -> &'static Database {
    static DATABASE: OnceCell<Database> = OnceCell::const_new();
    DATABASE
        .get_or_init(async || {
            let database = Database::new().await;
            run(&database, DIALOGS, SEED, &[]).await.unwrap();
            database
        })
        .await
}

/// A service on a database with the data set, whose catalogue has its users.
async fn service() -> &'static Service {
    static SERVICE: OnceCell<Service> = OnceCell::const_new();
    SERVICE
        .get_or_init(async || {
            let database = Database::new().await;
            let directory = temporary_directory();
            std::fs::create_dir(&directory).unwrap();
            let file = directory.join("catalogue.toml");
            run(&database, DIALOGS, SEED, &["--catalogue", file.to_str().unwrap()]).await.unwrap();
            let service = Service::in_country(&database, &file).await;
            std::fs::remove_dir_all(&directory).unwrap();
            service
        })
        .await
}

fn profile() -> Profile {
    Profile::new(SEED, DIALOGS)
}

/// The first column of the only row.
async fn one<T>(database: &Database, sql: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    database.rows(sql).await.pop().expect("a row")
}

/// A number for everything that is in each table, apart from numbers that PostgreSQL draws.
async fn checksums(database: &Database) -> Vec<(&'static str, String)> {
    let mut sums = Vec::new();
    for table in TABLES {
        let sql = format!(
            "select md5(string_agg(row, ',' order by row)) from
                (select (to_jsonb(t) - case when '{table}' = 'label_log' then 'id' else '' end)::text as row
                from {table} t) t"
        );
        sums.push((table, database.rows(sql.leak()).await.pop().expect("a checksum")));
    }
    sums
}

const SCHEMA: &str = "\
select pg_get_indexdef(indexrelid) from pg_index where indrelid in
    (select oid from pg_class where relnamespace = 'public'::regnamespace)
union all
select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace
union all
select table_name::text from information_schema.tables where table_schema = 'public'
order by 1";

#[tokio::test]
async fn the_same_number_gives_the_same_rows() {
    let (first, other) = (untouched().await, Database::new().await);
    let schema: Vec<String> = other.rows(SCHEMA).await;

    run(&other, DIALOGS, SEED, &[]).await.unwrap();

    assert_eq!(checksums(&other).await, checksums(first).await);
    assert_eq!(other.rows::<String>(SCHEMA).await, schema);

    let refusal = run(&other, DIALOGS, SEED, &[]).await.unwrap_err();
    assert!(refusal.contains("choose another --seed"), "{refusal}");
    assert_eq!(checksums(&other).await, checksums(first).await);
    run(&other, 30, SEED + 1, &[]).await.unwrap();
    assert_eq!(one::<i64>(&other, "select count(*) from dialog").await, 2_030);
    assert_eq!(other.rows::<String>(SCHEMA).await, schema);
}

#[tokio::test]
async fn proportions_are_as_announced() {
    let database = untouched().await;
    let profile = profile();
    let per_mille: Vec<(String, i64)> = vec![
        ("hidden".into(), one(database, "select count(*) from dialog where visible_from > now()").await),
        ("deleted".into(), one(database, "select count(*) from dialog where deleted_at is not null").await),
        ("moved".into(), one(database, "select count(*) from dialog where system_labels & 6 <> 0").await),
        ("seen".into(), one(database, "select count(distinct dialog_id) from seen_log").await),
    ];
    let expected = HashMap::from([("hidden", 100), ("deleted", 60), ("moved", 200), ("seen", 1_000)]);
    for (what, count) in per_mille {
        let expected = expected[what.as_str()];
        assert!((expected * 7 / 10..=expected * 13 / 10).contains(&count), "{count} are {what}");
    }

    let by_party: Vec<i64> =
        database.rows("select count(*) from dialog group by party_key order by 1 desc limit 2").await;
    assert!((190..=210).contains(&by_party[0]) && by_party[1] < 40, "{by_party:?}");
    let by_service: Vec<i64> =
        database.rows("select count(*) from dialog group by resource_key order by 1 desc").await;
    assert!((540..=720).contains(&by_service[0]) && by_service[1] < 300, "{by_service:?}");
    assert!(by_service.len() > 40);
    let whale = seed_key(profile.whale().as_str());
    assert_eq!(
        one::<i64>(database, "select party_key from dialog group by 1 order by count(*) desc limit 1").await,
        whale
    );

    let biggest: Vec<i64> = database
        .column(
            "select count(*) from transmission where dialog_id = $1",
            profile.dialog_id(profile.biggest()),
        )
        .await;
    assert_eq!(biggest, [i64::try_from(BIGGEST).unwrap()]);
    let others: i64 = one(database, "select count(*) from transmission").await;
    assert!((2_000..2_700).contains(&(others - biggest[0])), "{others}");

    let with_word =
        "select count(distinct dialog_id) from dialog_text where lexemes @@ to_tsquery('simple', 'altinn')";
    assert_eq!(COMMON_WORD, "Altinn");
    let count: i64 = one(database, with_word).await;
    assert!((740..=860).contains(&count), "{count}");
    for number in 0..profile.rare_words() {
        let (word, place) = profile.rare_word(number);
        let sql =
            format!("select dialog_id from dialog_text where lexemes @@ to_tsquery('simple', '{word}')");
        assert_eq!(database.rows::<Uuid>(sql.leak()).await, [profile.dialog_id(place)], "{word}");
    }
    for language in ["nb", "nn", "en"] {
        let sql = format!(
            "select count(*) from dialog_document where list @? '$.title.value[*] ? (@.languageCode == \"{language}\")'"
        );
        assert!(one::<i64>(database, sql.leak()).await > 400, "{language}");
    }
    assert_eq!(RARE_EXTENDED_STATUS, RARE_LABEL);
    assert_eq!(
        one::<i64>(database, "select count(*) from dialog where extended_status = 'seed:rare'").await,
        1
    );
    assert_eq!(
        one::<i64>(database, "select count(*) from service_owner_label where value = 'seed:rare'").await,
        1
    );
    assert_eq!(one::<i64>(database, "select count(*) from dialog where status = 3").await, 1);
}

#[tokio::test]
async fn counters_and_flags_agree_with_the_parts() {
    let database = untouched().await;
    let wrong: Vec<Uuid> = database
        .rows(
            "select d.id from dialog d, lateral (
                select count(*) filter (where t.type not in (7, 8)) as from_owner,
                    count(*) filter (where t.type in (7, 8)) as from_party,
                    count(*) filter (where t.type not in (7, 8) and not exists (
                        select from activity a where a.transmission_id = t.id and a.type = 4)) as unopened,
                    count(*) filter (where not t.body ? 'content') as contentless,
                    max(t.depth) as deepest, max(t.created_at) as latest
                from transmission t where t.dialog_id = d.id) t
            where (d.from_service_owner, d.from_party, d.unopened_transmissions, d.contentless_transmissions)
                is distinct from (t.from_owner::int, t.from_party::int, t.unopened::int, t.contentless::int)
                or (d.system_labels & 16 <> 0) <> (t.from_party > 0)
                or t.latest > d.content_updated_at
                or d.is_seen <> exists (
                    select from seen_log s where s.dialog_id = d.id and s.seen_at > d.updated_at)
                or d.content_updated_at > d.updated_at or d.created_at > d.content_updated_at
                or d.visible_from > now() and d.created_at <> d.visible_from
                or (select count(*) from label_log l where l.dialog_id = d.id) <> bit_count((d.system_labels & 30)::bit(16))",
        )
        .await;
    assert_eq!(wrong, Vec::<Uuid>::new());
    let orphans: i64 = one(
        database,
        "select (select count(*) from transmission t where related_id is not null and not exists (
                select from transmission p where p.id = t.related_id and p.dialog_id = t.dialog_id and p.depth = t.depth - 1))
            + (select count(*) from activity a where transmission_id is not null and not exists (
                select from transmission t where t.id = a.transmission_id and t.dialog_id = a.dialog_id))
            + (select count(*) from transmission where (related_id is null) <> (depth = 1))",
    )
    .await;
    assert_eq!(orphans, 0);
}

#[tokio::test]
async fn words_are_those_that_the_service_would_have_stored() {
    let database = untouched().await;
    let profile = profile();
    let mut all: Vec<(Uuid, Words)> = Vec::new();
    let mut add = |dialog, words: Vec<Words>| all.extend(words.into_iter().map(|words| (dialog, words)));
    for place in (0..DIALOGS).filter(|place| *place != profile.biggest()) {
        let seeded = seed::dialog(&profile, place);
        let id = seeded.dialog.id;
        add(id, words::of_dialog(id, &seeded.dialog.documents));
        seeded.transmissions.iter().for_each(|added| add(id, words::of_transmission(&added.transmission)));
        seeded.activities.iter().for_each(|activity| add(id, words::of_activity(activity)));
    }
    // What the service's own statements do, with the order of texts fixed.
    let sql = "
        with made as (
            select u.dialog_id, u.source_id, u.chunk, tsvector_all(setweight(
                case u.rules when 'simple' then to_tsvector('simple', u.text)
                    else to_tsvector('simple', u.text) || to_tsvector(u.rules::regconfig, u.text) end,
                u.weight::\"char\") order by u.turn) as lexemes
            from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::text[]) with ordinality
                as u (dialog_id, source_id, chunk, rules, weight, text, turn)
            group by 1, 2, 3
        )
        select count(*) from made full join (select * from dialog_text where dialog_id <> $7) t
            using (dialog_id, source_id, chunk)
        where made.lexemes is distinct from t.lexemes";
    let different: i64 = sqlx::query_scalar(sql)
        .bind(all.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, words)| words.source).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, words)| words.chunk).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, words)| words.rules).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, words)| if words.open { "A" } else { "D" }).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, words)| words.text.as_str()).collect::<Vec<_>>())
        .bind(profile.dialog_id(profile.biggest()))
        .fetch_one(database.store().pool())
        .await
        .unwrap();
    assert_eq!(different, 0);
    let with_words: i64 = one(database, "select count(distinct dialog_id) from dialog_text").await;
    assert_eq!(with_words, i64::try_from(DIALOGS).unwrap());
}

#[tokio::test]
async fn service_owners_read_and_change_them() {
    let service = service().await;
    let profile = profile();
    for place in [0, 1, 2, 3, 13, 500, profile.biggest()] {
        let seeded = seed::dialog(&profile, place);
        let its = &profile.services.iter().find(|s| s.id == seeded.dialog.service_resource).unwrap();
        let owner = service.organization(its.owner_code, its.owner_number, OWNER);

        let read = owner.dialog(seeded.dialog.id).await;

        assert_eq!(read["party"], seeded.dialog.party.as_str());
        assert_eq!(read["transmissions"].as_array().unwrap().len(), seeded.transmissions.len());
        assert_eq!(read["activities"].as_array().unwrap().len(), seeded.activities.len());
        let title = &seeded.dialog.documents.content.title.unwrap().value[0];
        assert_eq!(read["content"]["title"]["value"][0]["value"], title.value.as_str());
    }
}

#[tokio::test]
async fn end_users_find_and_open_them() {
    let service = service().await;
    let profile = profile();

    // A party with very many dialogs: those that users see, newest first.
    let whale = profile.whale().as_str();
    let manager = service.person_with(&profile.whale_manager.number, 4);
    let listed = manager.listed(&[("party", whale), ("limit", "50")]).await;
    assert_eq!(listed.len(), 50);
    let opened = manager.opened(listed[0]).await;
    assert_eq!(opened["party"], whale);
    assert!(
        opened["seenSinceLastUpdate"].as_array().unwrap().iter().any(|seen| seen["isCurrentEndUser"] == true)
    );

    // Many parties: one page of a few of them.
    let parties: Vec<(&str, &str)> = profile.parties[profile.thousand.parties.clone()]
        .iter()
        .take(20)
        .map(|party| ("party", party.as_str()))
        .collect();
    let many = service.person_with(&profile.thousand.number, 4);
    let listed = many.listed(&parties).await;
    assert!(listed.contains(&profile.dialog_id(profile.biggest())), "{listed:?}");
    let (_, place) = profile.rare_word(0);
    assert!(listed.contains(&profile.dialog_id(place)));

    // One by one.
    let delegate = service.person_with(&profile.delegate.number, 4);
    assert!(profile.delegate.delegated.len() > 30);
    for place in &profile.delegate.delegated[..3] {
        let dialog = seed::dialog(&profile, *place).dialog;
        let found = delegate.listed(&[("party", dialog.party.as_str())]).await;
        assert!(found.contains(&dialog.id));
        assert!(found.len() <= 3, "{found:?}");
        delegate.opened(dialog.id).await;
    }

    // Everybody else acts for themselves.
    let ordinary = &profile.parties[profile.ordinary];
    service.person_with(ordinary.id(), 4).list(&[("party", ordinary.as_str())]).await.expect(200);
}

/// Whose a dialog of the data set is.
pub fn dialog_party(profile: &Profile, place: usize) -> String {
    seed::dialog(profile, place).dialog.party.as_str().to_owned()
}

fn seed_key(urn: &str) -> i64 {
    dialogporten::store::key_of(urn)
}
