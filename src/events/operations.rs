//! What operators do with events: look at what was given up, have it tried again or forgotten, and have
//! events told once more.

use serde_json::{Value, json};
use uuid::Uuid;

use super::cloud_event::{CloudEvent, CloudEvents};
use super::sinks::Filter;
use crate::store::{DeadEvent, EventPlace, LogEntry, Position, Span, Store, StoreFailure};

/// How many rows are looked at at once, and changed at once: nothing that comes later is told meanwhile.
const AT_ONCE: i64 = 1_000;

/// Which events.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// To which sinks.
    pub sinks: Vec<String>,
    /// When they happened, or the id of one or of a dialog.
    pub span: Span,
    /// Of which types, resources and service owners.
    pub filter: Filter,
}

impl Which {
    fn admits(&self, event: &CloudEvent) -> bool {
        let is_named = |id: Uuid| event.id == id || event.resourceinstance == id;
        self.span.id.is_none_or(is_named) && self.filter.admits(event)
    }
}

/// An event that was given up, and how it would be told.
pub struct Dead {
    /// Where it is, and why it was given up.
    pub delivery: DeadEvent,
    /// The event.
    pub event: CloudEvent,
}

impl Dead {
    /// It as JSON, without the party.
    #[must_use]
    pub fn document(&self) -> Value {
        let Self { delivery, event } = self;
        json!({
            "sink": delivery.sink,
            "id": event.id,
            "type": event.r#type,
            "time": event.time,
            "dialogId": event.resourceinstance,
            "resource": event.resource,
            "org": event.org,
            "since": delivery.since.to_string(),
            "attempts": delivery.attempts,
            "reason": delivery.reason,
        })
    }
}

/// All that sinks could be told of a change. What it refers to is of no interest here.
fn told(entry: &LogEntry) -> Vec<(usize, CloudEvent)> {
    CloudEvents::new("", true, true).told(entry)
}

fn event_at(entry: &LogEntry, index: i16) -> Option<CloudEvent> {
    let is_it = |(place, _): &(usize, CloudEvent)| i16::try_from(*place).is_ok_and(|place| place == index);
    told(entry).into_iter().find(is_it).map(|(_, event)| event)
}

/// Events that were given up, one page after the other.
struct DeadPages<'a> {
    store: &'a Store,
    which: &'a Which,
    last: Option<DeadEvent>,
}

impl<'a> DeadPages<'a> {
    fn new(store: &'a Store, which: &'a Which) -> Self {
        Self { store, which, last: None }
    }

    /// The next page, which may be empty; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Dead>>, StoreFailure> {
        let Which { sinks, span, .. } = self.which;
        let page = self.store.dead_events(sinks, *span, self.last.as_ref(), AT_ONCE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.last = Some(last.clone());
        let dead = page.into_iter().filter_map(|delivery| {
            let event = event_at(&delivery.entry, delivery.index)?;
            self.which.admits(&event).then_some(Dead { delivery, event })
        });
        Ok(Some(dead.collect()))
    }
}

/// Up to `limit` events that were given up, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn dead(store: &Store, which: &Which, limit: usize) -> Result<(Vec<Dead>, bool), StoreFailure> {
    let mut pages = DeadPages::new(store, which);
    let mut found = Vec::new();
    while found.len() <= limit
        && let Some(page) = pages.next().await?
    {
        found.extend(page);
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// Has events that were given up tried again. Gives how many.
///
/// # Errors
/// When the database fails.
pub async fn retry(store: &Store, which: &Which) -> Result<u64, StoreFailure> {
    let mut pages = DeadPages::new(store, which);
    let mut count = 0;
    while let Some(page) = pages.next().await? {
        count += store.retry_dead(&deliveries(page)).await?;
        // Page by page: what was begun must go on if this ends early.
        store.wake_again(&which.sinks).await?;
    }
    store.announce().await?;
    Ok(count)
}

/// Forgets events that were given up. Gives how many.
///
/// # Errors
/// When the database fails.
pub async fn drop(store: &Store, which: &Which) -> Result<u64, StoreFailure> {
    let mut pages = DeadPages::new(store, which);
    let mut count = 0;
    while let Some(page) = pages.next().await? {
        count += store.drop_dead(&deliveries(page)).await?;
    }
    Ok(count)
}

fn deliveries(dead: Vec<Dead>) -> Vec<DeadEvent> {
    dead.into_iter().map(|dead| dead.delivery).collect()
}

/// Has events told once more that were told by now, with the ids that they had, also ones that were given
/// up. Gives how many deliveries that makes.
///
/// # Errors
/// When the database fails.
pub async fn replay(store: &Store, which: &Which) -> Result<i64, StoreFailure> {
    let end = store.log_end().await?;
    let (mut reached, mut count) = (Position::default(), 0);
    while reached < end
        && let Some((last, entries)) = store.log_within(reached, which.span, AT_ONCE).await?
    {
        reached = last;
        let mut places = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.position < end) {
            let wanted = told(&entry).into_iter().filter(|(_, event)| which.admits(event));
            let place = |(index, _)| i16::try_from(index).ok().map(|index| (entry.position, index));
            places.extend(wanted.filter_map(place).map(|(row, index)| EventPlace { row, index }));
        }
        if !places.is_empty() {
            count += store.give_again(&which.sinks, &places).await?;
            store.wake_again(&which.sinks).await?;
        }
    }
    store.announce().await?;
    Ok(count)
}
