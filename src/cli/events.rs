//! `dialogporten events`

use crate::config::{EventsCommand, EventsSettings, ReplaySettings};
use crate::sandbox::postgres::running_connect_options;
use crate::server::connect_options;
use crate::store::Store;
use crate::timestamp::Timestamp;

/// Does something with events; gives what there is to say about it.
pub async fn events(settings: &EventsSettings) -> Result<String, Box<dyn std::error::Error>> {
    match &settings.command {
        EventsCommand::Replay(settings) => replay(settings).await,
    }
}

async fn replay(settings: &ReplaySettings) -> Result<String, Box<dyn std::error::Error>> {
    let since = settings.since.as_deref().map(|text| {
        Timestamp::parse(text).ok_or("--since must be a timestamp, such as 2030-01-31T12:00:00Z.")
    });
    let since = since.transpose()?;
    let options = match settings.database.url() {
        Some(url) => connect_options(url)?,
        None => running_connect_options(&settings.database.data_dir),
    };
    let store = Store::open(options, 1);
    let known = store.sinks().await?;
    let sinks = match &settings.sink {
        None => known,
        Some(sink) if known.contains(sink) => vec![sink.clone()],
        Some(sink) => return Err(format!("There is no sink {sink}; there are: {}.", known.join(", ")).into()),
    };
    let count = store.replay(&sinks, since, settings.id).await?;
    store.announce().await?;
    store.close().await;
    Ok(format!("{count} deliveries to {} will be made again.", sinks.join(", ")))
}
