//! `dialogporten events`

use std::error::Error;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::config::{
    ChooseDeadSettings, DeadSettings, EnableSettings, EventsCommand, EventsSettings, ForgetSettings,
    ReplaySettings, SinksSettings, WhichSettings,
};
use crate::events::operations::{self, Dead, Which};
use crate::events::sinks::Filter;
use crate::server::running_store;
use crate::store::{SinkState, Span, Store};
use crate::timestamp::Timestamp;

/// Does something with events; gives what there is to say about it.
pub async fn events(settings: &EventsSettings) -> Result<String, Box<dyn Error>> {
    let store = running_store(match &settings.command {
        EventsCommand::Sinks(settings) => &settings.database,
        EventsCommand::Dead(settings) => &settings.database,
        EventsCommand::Retry(settings) | EventsCommand::Drop(settings) => &settings.database,
        EventsCommand::Replay(settings) => &settings.database,
        EventsCommand::Enable(settings) => &settings.database,
        EventsCommand::Forget(settings) => &settings.database,
    })?;
    let done = match &settings.command {
        EventsCommand::Sinks(settings) => sinks(&store, settings).await,
        EventsCommand::Dead(settings) => dead(&store, settings).await,
        EventsCommand::Retry(settings) => retry(&store, settings).await,
        EventsCommand::Drop(settings) => drop(&store, settings).await,
        EventsCommand::Replay(settings) => replay(&store, settings).await,
        EventsCommand::Enable(settings) => enable(&store, settings).await,
        EventsCommand::Forget(settings) => forget(&store, settings).await,
    };
    store.close().await;
    done
}

/// Which events the settings mean, of those of this sink or of all.
async fn which(store: &Store, settings: &WhichSettings, sink: Option<&str>) -> Result<Which, Box<dyn Error>> {
    let moment = |option: &str, text: Option<&String>| {
        let read = |text: &String| Timestamp::parse(text);
        let wrong = || format!("{option} must be a timestamp, such as 2030-01-31T12:00:00Z.");
        text.map(|text| read(text).ok_or_else(wrong)).transpose()
    };
    let since = moment("--since", settings.since.as_ref())?;
    let until = moment("--until", settings.until.as_ref())?;
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err("--since must be before --until: nothing happened between them.".into());
    }
    let span = Span { since, until, id: settings.id };
    let filter = Filter::new(&settings.types, &settings.resources, &[])?;
    let known = store.sinks().await?;
    let sinks = match sink {
        None => known,
        Some(sink) => vec![one_of(&known, sink)?],
    };
    Ok(Which { sinks, span, filter })
}

fn one_of(known: &[String], sink: &str) -> Result<String, String> {
    let named = known.iter().find(|name| *name == sink).cloned();
    named.ok_or_else(|| format!("There is no sink {sink}; there are: {}.", known.join(", ")))
}

async fn sinks(store: &Store, settings: &SinksSettings) -> Result<String, Box<dyn Error>> {
    let states = store.backlog(&store.sinks().await?).await?.sinks;
    if settings.json {
        let document = |state: &SinkState| {
            json!({
                "sink": state.sink,
                "state": word(state),
                "disabledSince": state.disabled_since.map(|since| since.to_string()),
                "reason": state.reason,
                "waiting": state.waiting,
                "parked": state.parked,
                "dead": state.dead,
                "oldestSeconds": state.oldest_seconds,
            })
        };
        return json_text(states.iter().map(document).collect());
    }
    let row = |state: &SinkState| {
        [
            state.sink.clone(),
            word(state).to_owned(),
            state.waiting.to_string(),
            state.parked.to_string(),
            state.dead.to_string(),
            format!("{:.0} s", state.oldest_seconds),
            state.disabled_since.map_or_else(String::new, |since| since.to_string()),
            state.reason.clone().unwrap_or_default(),
        ]
    };
    let head = ["SINK", "STATE", "WAITING", "PARKED", "DEAD", "OLDEST", "DISABLED SINCE", "REASON"];
    Ok(table(&head.map(str::to_owned), &states.iter().map(row).collect::<Vec<_>>()))
}

/// How a sink stands, in a word.
fn word(state: &SinkState) -> &'static str {
    match state {
        SinkState { disabled_since: Some(_), .. } => "disabled",
        SinkState { failures: 1.., .. } => "failing",
        _ => "working",
    }
}

async fn dead(store: &Store, settings: &DeadSettings) -> Result<String, Box<dyn Error>> {
    let which = which(store, &settings.which, settings.sink.as_deref()).await?;
    let (dead, has_more) = operations::dead(store, &which, settings.limit).await?;
    if settings.json {
        return json_text(dead.iter().map(Dead::document).collect());
    }
    let row = |Dead { delivery, event }: &Dead| {
        [
            delivery.sink.clone(),
            event.id.to_string(),
            event.kind().to_owned(),
            event.resourceinstance.to_string(),
            delivery.since.to_string(),
            delivery.attempts.to_string(),
            delivery.reason.clone(),
        ]
    };
    let head = ["SINK", "EVENT", "TYPE", "DIALOG", "SINCE", "ATTEMPTS", "REASON"].map(str::to_owned);
    let mut text = table(&head, &dead.iter().map(row).collect::<Vec<_>>());
    if has_more {
        let _ = write!(text, "\nThere are more than these {}: see --limit.", settings.limit);
    }
    Ok(text)
}

async fn retry(store: &Store, settings: &ChooseDeadSettings) -> Result<String, Box<dyn Error>> {
    let which = which(store, &settings.which, settings.sink.as_deref()).await?;
    let count = operations::retry(store, &which).await?;
    Ok(format!("Will be tried again, of {}: {count}.", which.sinks.join(", ")))
}

async fn drop(store: &Store, settings: &ChooseDeadSettings) -> Result<String, Box<dyn Error>> {
    let which = which(store, &settings.which, settings.sink.as_deref()).await?;
    let count = operations::drop(store, &which).await?;
    Ok(format!("Forgotten, of {}: {count}.", which.sinks.join(", ")))
}

async fn replay(store: &Store, settings: &ReplaySettings) -> Result<String, Box<dyn Error>> {
    let which = which(store, &settings.which, settings.sink.as_deref()).await?;
    let count = operations::replay(store, &which).await?;
    Ok(format!("Deliveries to {} that will be made again: {count}.", which.sinks.join(", ")))
}

async fn enable(store: &Store, settings: &EnableSettings) -> Result<String, Box<dyn Error>> {
    let sink = one_of(&store.sinks().await?, &settings.sink)?;
    let was_disabled = store.enable_sink(&sink).await?;
    store.announce().await?;
    Ok(if was_disabled { format!("{sink} gets events again.") } else { format!("{sink} was not disabled.") })
}

async fn forget(store: &Store, settings: &ForgetSettings) -> Result<String, Box<dyn Error>> {
    let sink = one_of(&store.sinks().await?, &settings.sink)?;
    let deliveries = store.forget_sink(&sink).await?;
    Ok(format!("{sink} is forgotten, and deliveries that it has not taken: {deliveries}."))
}

fn json_text(documents: Vec<Value>) -> Result<String, Box<dyn Error>> {
    Ok(serde_json::to_string_pretty(&Value::Array(documents))?)
}

/// Rows below each other, with columns as wide as they have to be.
fn table<const COLUMNS: usize>(head: &[String; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let text = |row: [&str; 3]| row.map(str::to_owned);
        let shown = table(&text(["A", "LONG", "B"]), &[text(["wide", "x", ""]), text(["æ", "y", "z"])]);
        assert_eq!(shown, "A     LONG  B\nwide  x\næ     y     z");
    }
}
