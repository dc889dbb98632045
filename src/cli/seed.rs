//! `dialogporten seed`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use crate::config::{SeedProfile, SeedSettings};
use crate::seed::{self, COMMON_WORD, Profile, RARE_EXTENDED_STATUS, RARE_LABEL, RARE_STATUS, User};
use crate::server::Database;
use crate::store::{Seeding, Store, StoreFailure};

/// Dialogs that are stored at a time.
const BATCH: usize = 1_000;
/// Batches in the making at a time: the database and this program work side by side.
const WORKERS: usize = 4;

/// Fills the database.
pub async fn seed(settings: &SeedSettings) -> Result<(), Box<dyn std::error::Error>> {
    let SeedProfile::Skewed = settings.profile;
    let profile = Arc::new(Profile::new(settings.seed, usize::try_from(settings.dialogs)?));
    let database = Database::open(&settings.database).await?;
    let result = fill(&database.store, &profile).await;
    database.close().await;
    let took = result.map_err(|failure| match failure {
        StoreFailure::Taken { .. } => {
            format!("The data of seed {} is in the database already: choose another --seed.", profile.seed)
        }
        failure => failure.to_string(),
    })?;
    let in_data_dir =
        || settings.database.url().is_none().then(|| settings.database.data_dir.join("seed.toml"));
    let file = settings.catalogue.clone().or_else(in_data_dir);
    if let Some(file) = &file {
        let text = seed::catalogue(&profile);
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    println!("{}", summary(&profile, took, file.as_deref()));
    Ok(())
}

/// Stores all dialogs of the data set.
async fn fill(store: &Store, profile: &Arc<Profile>) -> Result<Duration, StoreFailure> {
    let begin = Instant::now();
    let connections = u32::try_from(WORKERS).unwrap_or(1);
    let seeding = Arc::new(store.begin_seeding(seed::vocabulary(), connections).await?);
    let stored = store_all(&seeding, profile).await;
    let (rebuilds, tables) = seeding.steps();
    // Also after a failure: whatever is there has to be found.
    let bar = bar(rebuilds, "indexes");
    seeding.rebuild(|| bar.inc(1)).await?;
    bar.finish();
    let bar = self::bar(tables, "statistics");
    seeding.vacuum(|| bar.inc(1)).await?;
    bar.finish();
    stored.map(|()| begin.elapsed())
}

async fn store_all(seeding: &Arc<Seeding>, profile: &Arc<Profile>) -> Result<(), StoreFailure> {
    let bar = bar(profile.dialogs, "dialogs");
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (seeding, profile) = (Arc::clone(seeding), Arc::clone(profile));
        let (bar, next) = (bar.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let begin = next.fetch_add(BATCH, Ordering::Relaxed);
                let places = begin..profile.dialogs.min(begin + BATCH);
                if places.is_empty() {
                    return Ok::<_, StoreFailure>(());
                }
                let count = places.len() as u64;
                let batch = seeding.batch(places.map(|place| seed::dialog(&profile, place)))?;
                seeding.store(batch).await?;
                bar.inc(count);
            }
        });
    }
    let mut result = Ok(());
    while let Some(ended) = workers.join_next().await {
        let ended = ended.unwrap_or_else(|panic| Err(StoreFailure::Damaged(panic.to_string())));
        if ended.is_err() {
            // The others need not go on.
            next.store(profile.dialogs, Ordering::Relaxed);
            result = result.and(ended);
        }
    }
    bar.finish();
    result
}

/// Shown on terminals only.
fn bar(length: usize, what: &'static str) -> ProgressBar {
    let template = "{msg:10} {wide_bar} {human_pos}/{human_len} {per_sec:>14} {eta:>4}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style).with_message(what)
}

/// What to try.
fn summary(profile: &Profile, took: Duration, catalogue: Option<&Path>) -> String {
    let user = |user: &User| format!("urn:altinn:person:identifier-no:{} ({})", user.number, user.name);
    let (rare_word, place) = profile.rare_word(0);
    let biggest = &profile.services[0];
    let count = u32::try_from(profile.dialogs).unwrap_or(u32::MAX);
    let mut lines = vec![
        format!(
            "{} dialogs of seed {} in {:.1} s, with indexes and statistics: {:.0}/s.",
            profile.dialogs,
            profile.seed,
            took.as_secs_f64(),
            f64::from(count) / took.as_secs_f64()
        ),
        String::new(),
        format!("party with 10 % of all dialogs  {}", profile.whale().as_str()),
        format!("an ordinary party               {}", profile.parties[profile.ordinary].as_str()),
        format!(
            "service with 30 %               urn:altinn:resource:{} (owner {}, {})",
            biggest.id, biggest.owner_code, biggest.owner_number
        ),
        format!("user with 10,000 parties        {}", user(&profile.ten_thousand)),
        format!("user with 1,000 parties         {}", user(&profile.thousand)),
        format!("user with the 10 % party alone  {}", user(&profile.whale_manager)),
        format!(
            "user with {:3} single dialogs    {}",
            profile.delegate.delegated.len(),
            user(&profile.delegate)
        ),
        format!("word in 40 % of the dialogs     {COMMON_WORD}"),
        format!(
            "word in one dialog              {rare_word}, in {} (user with 1,000 parties)",
            profile.dialog_id(place)
        ),
        format!("rare status                     {}", RARE_STATUS.name()),
        format!("rare extended status            {RARE_EXTENDED_STATUS}"),
        format!("rare label                      {RARE_LABEL}"),
        format!("dialog with {} transmissions {}", seed::BIGGEST, profile.dialog_id(profile.biggest())),
    ];
    if let Some(catalogue) = catalogue {
        lines.push(String::new());
        let shown: PathBuf = catalogue.to_owned();
        lines.push(format!(
            "To serve it, with these users: dialogporten serve --sandbox --catalogue {}",
            shown.display()
        ));
    }
    lines.join("\n")
}
