//! What is told to the world about a change.

use serde::{Deserialize, Deserializer, Serialize};
use serde_with::skip_serializing_none;
use uuid::Uuid;

use super::model::{Activity, Dialog, Transmission};
use super::vocabulary::{ActorType, DialogActivityType};
use crate::clock::Ids;
use crate::timestamp::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the members are ids and copies of what the part says")]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A dialog was created.
    DialogCreated { id: Uuid },
    /// A dialog was changed.
    DialogUpdated { id: Uuid },
    /// A dialog was deleted, or purged without having been deleted.
    DialogDeleted { id: Uuid },
    /// A deleted dialog was restored.
    DialogRestored { id: Uuid },
    /// A dialog has reached the end of its time.
    DialogExpired { id: Uuid },
    /// A user opened a dialog; the id is that of the seen-log entry.
    DialogSeen { id: Uuid },
    /// A transmission was added.
    TransmissionCreated { id: Uuid, transmission_id: Uuid, sender_type: ActorType },
    /// An activity was added.
    ActivityCreated {
        id: Uuid,
        activity_id: Uuid,
        activity_type: DialogActivityType,
        #[serde(skip_serializing_if = "Option::is_none")]
        extended_type: Option<String>,
    },
    /// Something that this version does not know: a newer one has written it, which runs beside this one
    /// while instances are replaced. Never written.
    #[serde(skip)]
    Unknown,
}

/// The events of one change, as one row of the outbox: everything that has to be told, so that
/// nothing is read again when it is sent.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBatch {
    /// The dialog's party.
    pub party: String,
    /// The dialog's resource as a URN.
    pub service_resource: String,
    /// Short code of the service owner.
    #[serde(default)]
    pub org: String,
    /// The dialog's process.
    pub process: Option<String>,
    /// The process before that.
    pub preceding_process: Option<String>,
    /// Whether nothing outside is told; the events only serve what follows changes inside.
    #[serde(default)]
    pub silent: bool,
    /// What happened, in the order in which it is told. Nothing of a change that only counts for those
    /// who ask what has changed: one of labels.
    #[serde(deserialize_with = "known_or_not")]
    pub events: Vec<Event>,
    /// Labels of the service owner that were on the dialog before it was purged or lost one of them.
    pub labels: Option<Vec<String>>,
    /// The request that made the change (W3C Trace Context); known to what stores it.
    pub traceparent: Option<String>,
    /// When it happened.
    #[serde(skip)]
    pub occurred_at: Option<Timestamp>,
    /// Until when nobody could see the dialog, where that was in the future.
    pub hidden_until: Option<Timestamp>,
}

/// Each event by itself, so that one that is not known keeps none of the others from being read.
fn known_or_not<'de, D: Deserializer<'de>>(events: D) -> Result<Vec<Event>, D::Error> {
    let events: Vec<serde_json::Value> = Deserialize::deserialize(events)?;
    Ok(events.into_iter().map(|event| serde_json::from_value(event).unwrap_or(Event::Unknown)).collect())
}

/// What is to be told about a change, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Nothing.
    Nothing,
    /// At once.
    Now(Box<EventBatch>),
    /// When the dialog becomes visible.
    Held {
        /// When that is.
        until: Timestamp,
        /// What is told then.
        batch: Box<EventBatch>,
        /// What is left of it when it is told then, before all else, that the dialog was created: nothing
        /// need be said of updates.
        after_creation: Option<Box<EventBatch>>,
    },
}

impl EventBatch {
    /// The events of one change of `dialog`.
    #[must_use]
    pub fn of(dialog: &Dialog, now: Timestamp, silent: bool, events: Vec<Event>) -> Self {
        Self {
            party: dialog.party.as_str().to_owned(),
            service_resource: dialog.resource_urn(),
            org: dialog.org.clone(),
            process: dialog.process.clone(),
            preceding_process: dialog.preceding_process.clone(),
            silent,
            events,
            labels: None,
            traceparent: None,
            occurred_at: Some(now),
            hidden_until: dialog.visible_from.filter(|visible| *visible > now),
        }
    }

    /// A change of labels: no event, but those who ask what has changed find the dialog.
    #[must_use]
    pub fn of_labels(dialog: &Dialog, now: Timestamp) -> Self {
        Self::of(dialog, now, true, Vec::new())
    }

    /// Whether it tells, inside or outside, that the dialog was created.
    #[must_use]
    pub fn tells_creation(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::DialogCreated { .. }))
    }

    /// When this is told, if `hold` says that nothing is told of a dialog that nobody can see. Nobody
    /// need be told then that it was deleted, or is no longer deleted.
    #[must_use]
    pub fn telling(mut self, hold: bool) -> Telling {
        let Some(until) = self.hidden_until.filter(|_| hold) else { return Telling::Now(Box::new(self)) };
        self.events
            .retain(|event| !matches!(event, Event::DialogDeleted { .. } | Event::DialogRestored { .. }));
        if self.events.is_empty() {
            return Telling::Nothing;
        }
        let mut rest = self.clone();
        rest.events.retain(|event| !matches!(event, Event::DialogUpdated { .. }));
        let after_creation = (!rest.events.is_empty()).then(|| Box::new(rest));
        Telling::Held { until, batch: Box::new(self), after_creation }
    }
}

/// The events that added parts raise; none when the change is silent.
pub(super) fn of_parts(
    transmissions: &[Transmission],
    activities: &[Activity],
    silent: bool,
    ids: &mut Ids,
) -> Vec<Event> {
    if silent {
        return Vec::new();
    }
    let mut events = Vec::with_capacity(transmissions.len() + activities.len());
    events.extend(transmissions.iter().map(|transmission| Event::TransmissionCreated {
        id: ids.revision(),
        transmission_id: transmission.id,
        sender_type: transmission.body.sender.actor_type,
    }));
    events.extend(activities.iter().map(|activity| Event::ActivityCreated {
        id: ids.revision(),
        activity_id: activity.id,
        activity_type: activity.r#type,
        extended_type: activity.body.extended_type.clone(),
    }));
    events
}
