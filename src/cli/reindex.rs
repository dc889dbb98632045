//! `dialogporten reindex`

use indicatif::{ProgressBar, ProgressStyle};
use uuid::Uuid;

use crate::config::DatabaseSettings;
use crate::server::Database;
use crate::store::{Store, StoreFailure};

/// Dialogs that are locked at a time.
const BATCH: u16 = 200;

/// Makes the words of all dialogs anew.
pub async fn reindex(settings: &DatabaseSettings) -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::open(settings).await?;
    let done = all(&database.store).await;
    database.close().await;
    println!("The words of {} dialogs are as they should be.", done?);
    Ok(())
}

async fn all(store: &Store) -> Result<u64, StoreFailure> {
    let template = "dialogs {wide_bar} {human_pos}/{human_len} {per_sec:>14} {eta:>4}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(store.estimated_dialogs().await?).with_style(style);
    let (mut last, mut done) = (Uuid::nil(), 0);
    while let Some((id, count)) = store.reindex(last, BATCH).await? {
        bar.inc(count);
        (last, done) = (id, done + count);
    }
    // Its length is an estimate, to which it jumps here.
    bar.finish();
    Ok(done)
}
