//! Events as `CloudEvents` 1.0 in JSON, with the attributes that Altinn Events knows.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::dialog::events::{Event, EventBatch};
use crate::dialog::vocabulary::DialogActivityType;
use crate::store::LogEntry;
use crate::timestamp::Timestamp;

/// What every type starts with.
pub const TYPE_PREFIX: &str = "dialogporten.dialog.";

/// What types consist of between their start and their version, but those of activities.
const KINDS: &[&str] =
    &["created", "updated", "deleted", "restored", "expired", "seen", "transmission.created"];

/// All types that there are.
#[must_use]
pub fn types() -> Vec<String> {
    let activities =
        DialogActivityType::ALL.iter().map(|activity| format!("activity.{}", activity_kind(*activity)));
    let kinds = KINDS.iter().map(ToString::to_string).chain(activities);
    kinds.map(|kind| format!("{TYPE_PREFIX}{kind}.v1")).collect()
}

/// One event as it is sent.
#[derive(Clone, PartialEq, Serialize)]
pub struct CloudEvent {
    /// Version of the specification.
    pub specversion: &'static str,
    /// The same however often the event is sent.
    pub id: Uuid,
    /// What happened.
    pub r#type: String,
    /// When it happened (RFC 3339).
    pub time: String,
    /// The dialog's resource as a URN.
    pub resource: String,
    /// The dialog.
    pub resourceinstance: Uuid,
    /// The dialog's party as a URN.
    pub subject: String,
    /// Where end users find what the event is about.
    pub source: String,
    /// Its place among those of the dialog, for sinks that want it: what comes later is greater, as text
    /// (extension "Sequence" of `CloudEvents`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The request that made the change, for sinks that want it (W3C Trace Context; extension
    /// "Distributed Tracing" of `CloudEvents`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
    /// Short code of the service owner; not sent.
    #[serde(skip)]
    pub org: String,
}

/// Without the party: identity numbers stay out of logs.
impl fmt::Debug for CloudEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloudEvent({} {} of {})", self.r#type, self.id, self.resourceinstance)
    }
}

impl CloudEvent {
    /// What happened, without what all types have in common: `created`, `activity.form-saved`.
    #[must_use]
    pub fn kind(&self) -> &str {
        let kind = self.r#type.strip_prefix(TYPE_PREFIX).unwrap_or(&self.r#type);
        kind.strip_suffix(".v1").unwrap_or(kind)
    }
}

/// Makes what is sent of what is in the log.
#[derive(Clone, Debug)]
pub struct CloudEvents {
    /// What sources start with: the address of the end users' dialogs, with a slash at the end.
    base: String,
    /// Whether it is told that a dialog has changed because somebody opened it.
    publish_updated_on_seen: bool,
    /// Whether it is told that a dialog has expired.
    publish_expired: bool,
}

#[cfg(test)]
impl CloudEvent {
    /// One that says nothing but these: `kind` is the type without what all types have.
    pub(in crate::events) fn of_kind(kind: &str, resource: &str, org: &str) -> Self {
        Self {
            specversion: "1.0",
            id: Uuid::nil(),
            r#type: format!("{TYPE_PREFIX}{kind}.v1"),
            time: String::new(),
            resource: resource.into(),
            resourceinstance: Uuid::nil(),
            subject: String::new(),
            source: String::new(),
            sequence: None,
            traceparent: None,
            data: Map::new(),
            org: org.into(),
        }
    }
}

impl CloudEvents {
    /// For a service that clients reach under `public_url`.
    #[must_use]
    pub fn new(public_url: &str, publish_updated_on_seen: bool, publish_expired: bool) -> Self {
        let base = format!("{}/api/v1/enduser/dialogs/", public_url.trim_end_matches('/'));
        Self { base, publish_updated_on_seen, publish_expired }
    }

    /// What is told to the world of a change: each event with its place in the change; nothing of a
    /// silent one, nor what this version does not know.
    #[must_use]
    pub fn told(&self, entry: &LogEntry) -> Vec<(usize, CloudEvent)> {
        if entry.batch.silent {
            return Vec::new();
        }
        let is_opened = entry.batch.events.iter().any(|event| matches!(event, Event::DialogSeen { .. }));
        let hides_update = is_opened && !self.publish_updated_on_seen;
        let is_told = |event: &Event| match event {
            Event::DialogUpdated { .. } => !hides_update,
            Event::DialogExpired { .. } => self.publish_expired,
            _ => true,
        };
        let events = entry.batch.events.iter().enumerate();
        events
            .filter(|(_, event)| is_told(event))
            .filter_map(|(index, event)| Some((index, self.of(entry.dialog, &entry.batch, event)?)))
            .collect()
    }

    /// One event of a change of a dialog; `None` where this version does not know it.
    #[must_use]
    pub fn of(&self, dialog: Uuid, batch: &EventBatch, event: &Event) -> Option<CloudEvent> {
        let mut data = Map::new();
        let mut say = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                data.insert(name.to_owned(), json!(value));
            }
        };
        say("process", batch.process.as_deref());
        say("precedingProcess", batch.preceding_process.as_deref());
        let (id, kind, place) = match event {
            Event::DialogCreated { id } => (id, "created".to_owned(), String::new()),
            Event::DialogUpdated { id } => (id, "updated".to_owned(), String::new()),
            Event::DialogDeleted { id } => (id, "deleted".to_owned(), String::new()),
            Event::DialogRestored { id } => (id, "restored".to_owned(), String::new()),
            Event::DialogExpired { id } => (id, "expired".to_owned(), String::new()),
            Event::DialogSeen { id } => (id, "seen".to_owned(), String::new()),
            Event::TransmissionCreated { id, transmission_id, sender_type } => {
                say("senderType", Some(sender_type.name()));
                (id, "transmission.created".to_owned(), format!("/transmissions/{transmission_id}"))
            }
            Event::ActivityCreated { id, activity_id, activity_type, extended_type } => {
                say("activityId", Some(&activity_id.to_string()));
                say("extendedActivityType", extended_type.as_deref());
                let kind = format!("activity.{}", activity_kind(*activity_type));
                (id, kind, format!("/activities/{activity_id}"))
            }
            Event::Unknown => return None,
        };
        Some(CloudEvent {
            specversion: "1.0",
            id: *id,
            r#type: format!("{TYPE_PREFIX}{kind}.v1"),
            time: batch.occurred_at.map_or_else(String::new, with_offset),
            resource: batch.service_resource.clone(),
            resourceinstance: dialog,
            subject: batch.party.clone(),
            source: format!("{}{dialog}{place}", self.base),
            sequence: None,
            traceparent: None,
            data,
            org: batch.org.clone(),
        })
    }
}

fn with_offset(moment: Timestamp) -> String {
    moment.utc().to_rfc3339_opts(chrono::SecondsFormat::Micros, false)
}

/// The part of the type that names the activity. The first two are as consumers know them.
fn activity_kind(kind: DialogActivityType) -> &'static str {
    match kind {
        DialogActivityType::DialogCreated => "created",
        DialogActivityType::DialogClosed => "closed",
        DialogActivityType::Information => "information",
        DialogActivityType::TransmissionOpened => "transmission-opened",
        DialogActivityType::PaymentMade => "payment-made",
        DialogActivityType::SignatureProvided => "signature-provided",
        DialogActivityType::DialogOpened => "dialog-opened",
        DialogActivityType::DialogDeleted => "dialog-deleted",
        DialogActivityType::DialogRestored => "dialog-restored",
        DialogActivityType::SentToSigning => "sent-to-signing",
        DialogActivityType::SentToFormFill => "sent-to-form-fill",
        DialogActivityType::SentToSendIn => "sent-to-send-in",
        DialogActivityType::SentToPayment => "sent-to-payment",
        DialogActivityType::FormSubmitted => "form-submitted",
        DialogActivityType::FormSaved => "form-saved",
        DialogActivityType::CorrespondenceOpened => "correspondence-opened",
        DialogActivityType::CorrespondenceConfirmed => "correspondence-confirmed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::vocabulary::ActorType;
    use crate::store::Position;

    const DIALOG: Uuid = Uuid::from_u128(0x0191_3cd5_784f_7d3b_abef_4c77_b1f0_972d);
    const EVENT: Uuid = Uuid::from_u128(0x7c1e_5b0a_8f0b_4c0e_9a3e_2f5d_9a4f_9b11);
    const PART: Uuid = Uuid::from_u128(0x0191_3cd5_7850_7b1e_8f0a_1111_1111_1111);

    fn batch(events: Vec<Event>) -> EventBatch {
        EventBatch {
            party: "urn:altinn:organization:identifier-no:991825827".into(),
            service_resource: "urn:altinn:resource:super-simple-service".into(),
            org: "ttd".into(),
            process: None,
            preceding_process: None,
            silent: false,
            events,
            labels: None,
            traceparent: None,
            occurred_at: Timestamp::parse("2026-03-01T10:15:30.123456Z"),
            hidden_until: None,
        }
    }

    fn events() -> CloudEvents {
        CloudEvents::new("https://platform.altinn.no/dialogporten/", true, true)
    }

    fn wire(batch: &EventBatch) -> Value {
        serde_json::to_value(events().of(DIALOG, batch, &batch.events[0])).unwrap()
    }

    #[test]
    fn a_transmission_is_told_as_altinn_events_has_it() {
        let mut batch = batch(vec![Event::TransmissionCreated {
            id: EVENT,
            transmission_id: PART,
            sender_type: ActorType::ServiceOwner,
        }]);
        batch.process = Some("urn:process:1".into());
        batch.preceding_process = Some("urn:process:0".into());
        let text = serde_json::to_string(&events().of(DIALOG, &batch, &batch.events[0])).unwrap();
        assert_eq!(
            text,
            r#"{"specversion":"1.0","id":"7c1e5b0a-8f0b-4c0e-9a3e-2f5d9a4f9b11","#.to_owned()
                + r#""type":"dialogporten.dialog.transmission.created.v1","time":"2026-03-01T10:15:30.123456+00:00","#
                + r#""resource":"urn:altinn:resource:super-simple-service","#
                + r#""resourceinstance":"01913cd5-784f-7d3b-abef-4c77b1f0972d","#
                + r#""subject":"urn:altinn:organization:identifier-no:991825827","#
                + r#""source":"https://platform.altinn.no/dialogporten/api/v1/enduser/dialogs/"#
                + r#"01913cd5-784f-7d3b-abef-4c77b1f0972d/transmissions/01913cd5-7850-7b1e-8f0a-111111111111","#
                + r#""data":{"precedingProcess":"urn:process:0","process":"urn:process:1","senderType":"ServiceOwner"}}"#
        );
        let event = events().of(DIALOG, &batch, &batch.events[0]).unwrap();
        assert_eq!(event.kind(), "transmission.created");
        assert!(!format!("{event:?}").contains("991825827"));
    }

    #[test]
    fn every_kind_has_its_type_and_source() {
        let id = EVENT;
        let dialog = format!("https://platform.altinn.no/dialogporten/api/v1/enduser/dialogs/{DIALOG}");
        for (event, kind) in [
            (Event::DialogCreated { id }, "created"),
            (Event::DialogUpdated { id }, "updated"),
            (Event::DialogDeleted { id }, "deleted"),
            (Event::DialogRestored { id }, "restored"),
            (Event::DialogExpired { id }, "expired"),
            (Event::DialogSeen { id }, "seen"),
        ] {
            let mut batch = batch(vec![event]);
            let value = wire(&batch);
            assert_eq!(value["type"], format!("dialogporten.dialog.{kind}.v1"));
            assert!(types().contains(&format!("dialogporten.dialog.{kind}.v1")), "{kind}");
            assert_eq!((&value["source"], value.get("data")), (&json!(dialog), None));
            assert_eq!(value["id"], id.to_string());
            batch.process = Some("urn:p".into());
            assert_eq!(wire(&batch)["data"], json!({ "process": "urn:p" }));
        }
        let kinds = [
            "created",
            "closed",
            "information",
            "transmission-opened",
            "payment-made",
            "signature-provided",
            "dialog-opened",
            "dialog-deleted",
            "dialog-restored",
            "sent-to-signing",
            "sent-to-form-fill",
            "sent-to-send-in",
            "sent-to-payment",
            "form-submitted",
            "form-saved",
            "correspondence-opened",
            "correspondence-confirmed",
        ];
        assert_eq!(DialogActivityType::ALL.len(), kinds.len());
        for (activity_type, kind) in DialogActivityType::ALL.iter().copied().zip(kinds) {
            let extended = (activity_type == DialogActivityType::Information).then(|| "urn:x".to_owned());
            let event =
                Event::ActivityCreated { id, activity_id: PART, activity_type, extended_type: extended };
            let value = wire(&batch(vec![event]));
            assert_eq!(value["type"], format!("dialogporten.dialog.activity.{kind}.v1"));
            assert_eq!(value["source"], format!("{dialog}/activities/{PART}"));
            let extended = (kind == "information").then(|| json!("urn:x"));
            assert_eq!(value["data"]["activityId"], PART.to_string());
            assert_eq!(value["data"].get("extendedActivityType"), extended.as_ref());
        }
    }

    #[test]
    fn what_is_silent_or_switched_off_is_not_told() {
        let (update, seen) = (Event::DialogUpdated { id: PART }, Event::DialogSeen { id: EVENT });
        let mut entry = LogEntry {
            position: Position::default(),
            dialog: DIALOG,
            batch: batch(vec![update.clone(), seen]),
        };
        let told = |events: &CloudEvents, entry: &LogEntry| -> Vec<(usize, Uuid)> {
            events.told(entry).into_iter().map(|(index, event)| (index, event.id)).collect()
        };
        let quiet = CloudEvents::new("https://x.test", false, false);
        assert_eq!(told(&events(), &entry), [(0, PART), (1, EVENT)]);
        assert_eq!(told(&quiet, &entry), [(1, EVENT)]);
        entry.batch.events = vec![update];
        assert_eq!(told(&quiet, &entry), [(0, PART)]);
        entry.batch.events = vec![Event::DialogExpired { id: EVENT }];
        assert_eq!((told(&events(), &entry), told(&quiet, &entry)), (vec![(0, EVENT)], vec![]));
        entry.batch.silent = true;
        assert_eq!(told(&events(), &entry), []);
    }
}
