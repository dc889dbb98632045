//! A dialog and its parts as they are stored.
//!
//! Parts that are only read and written as a whole are documents; their serde form is what the
//! database keeps.

#![allow(missing_docs, reason = "the members are those of the wire; dialog::input says what each means")]

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use uuid::Uuid;

use super::party::PartyUrn;
use super::vocabulary::{
    ActorType, AttachmentUrlConsumerType, DialogActivityType, DialogGuiActionPriority, DialogStatus,
    DialogTransmissionType, HttpVerb, SystemLabel,
};
use crate::timestamp::Timestamp;

/// What every resource URN starts with.
pub const RESOURCE_URN_PREFIX: &str = "urn:altinn:resource:";

/// Type of the resources that are reserved for Altinn Correspondence.
pub const CORRESPONDENCE_RESOURCE: &str = "correspondenceservice";

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Localization {
    /// ISO 639-1, two lower-case letters.
    pub language_code: String,
    /// The text.
    pub value: String,
}

/// One text in several languages, ordered by language code, each language once.
pub type Localizations = Vec<Localization>;

/// One field of content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentValue {
    /// The text or, for front channel embeds, the link, by language.
    pub value: Localizations,
    /// How to read it.
    pub media_type: String,
}

/// The content of a dialog. Without a title there is no content at all.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Content {
    pub title: Option<ContentValue>,
    pub non_sensitive_title: Option<ContentValue>,
    pub summary: Option<ContentValue>,
    pub non_sensitive_summary: Option<ContentValue>,
    pub sender_name: Option<ContentValue>,
    pub additional_info: Option<ContentValue>,
    pub extended_status: Option<ContentValue>,
    pub main_content_reference: Option<ContentValue>,
}

/// The content of a transmission.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransmissionContent {
    pub title: ContentValue,
    pub summary: Option<ContentValue>,
    pub content_reference: Option<ContentValue>,
}

/// A document in one or more representations.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub id: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display_name: Localizations,
    pub name: Option<String>,
    pub urls: Vec<AttachmentUrl>,
    pub expires_at: Option<Timestamp>,
}

/// One representation of an attachment.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentUrl {
    pub id: Uuid,
    pub url: String,
    pub media_type: Option<String>,
    pub consumer_type: AttachmentUrlConsumerType,
}

/// A button.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuiAction {
    pub id: Uuid,
    pub action: String,
    pub url: String,
    pub authorization_attribute: Option<String>,
    pub is_delete_dialog_action: bool,
    pub http_method: HttpVerb,
    pub priority: DialogGuiActionPriority,
    pub title: Localizations,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Localizations,
}

/// Something that systems can do.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiAction {
    pub id: Uuid,
    pub action: String,
    pub authorization_attribute: Option<String>,
    pub name: Option<String>,
    pub endpoints: Vec<ApiActionEndpoint>,
}

/// Where systems do it.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiActionEndpoint {
    pub id: Uuid,
    pub version: Option<String>,
    pub url: String,
    pub http_method: HttpVerb,
    pub documentation_url: Option<String>,
    pub request_schema: Option<String>,
    pub response_schema: Option<String>,
    pub deprecated: bool,
    pub sunset_at: Option<Timestamp>,
}

/// Who did something. The name is looked up when an id is given.
#[skip_serializing_none]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    pub actor_type: ActorType,
    pub actor_id: Option<String>,
    pub actor_name: Option<String>,
}

impl Actor {
    /// The service owner.
    #[must_use]
    pub fn service_owner() -> Self {
        Self { actor_type: ActorType::ServiceOwner, actor_id: None, actor_name: None }
    }
}

/// Shows the type only: identity numbers and names stay out of logs.
impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actor({})", self.actor_type.name())
    }
}

/// A single instance of communication within a dialog. Never changes once added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmission {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub r#type: DialogTransmissionType,
    pub idempotent_key: Option<String>,
    pub related_transmission_id: Option<Uuid>,
    pub body: TransmissionBody,
}

impl Transmission {
    /// The authorization attributes of those that have one.
    pub fn attributes(transmissions: &[Self]) -> impl Iterator<Item = &str> {
        transmissions.iter().filter_map(|transmission| transmission.body.authorization_attribute.as_deref())
    }
}

/// The part of a transmission that travels as a whole.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransmissionBody {
    pub authorization_attribute: Option<String>,
    pub extended_type: Option<String>,
    pub external_reference: Option<String>,
    pub sender: Actor,
    pub content: Option<TransmissionContent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub navigational_actions: Vec<NavigationalAction>,
}

/// A link to go on from a transmission.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NavigationalAction {
    pub title: Localizations,
    pub url: String,
    pub expires_at: Option<Timestamp>,
}

/// An entry of the activity log. Never changes once added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub r#type: DialogActivityType,
    pub transmission_id: Option<Uuid>,
    pub body: ActivityBody,
}

/// The part of an activity that travels as a whole.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityBody {
    pub extended_type: Option<String>,
    pub performed_by: Actor,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub description: Localizations,
}

/// The labels of a dialog as a bit mask: bit `code - 1` for each [`SystemLabel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemLabels(pub i16);

impl SystemLabels {
    /// Only `Default`.
    pub const DEFAULT: Self = Self(1);
    /// `Default`, `Bin` and `Archive`, of which a dialog has exactly one.
    pub const GROUP: Self = Self(0b0_0111);

    /// The mask of one label.
    #[must_use]
    pub fn of(label: SystemLabel) -> Self {
        Self(1 << (label.code() - 1))
    }

    /// Whether the label is among them.
    #[must_use]
    pub fn contains(self, label: SystemLabel) -> bool {
        self.0 & Self::of(label).0 != 0
    }

    /// These and `label`; a label of the exclusive group takes the place of another one.
    #[must_use]
    pub fn with(self, label: SystemLabel) -> Self {
        let mask = Self::of(label).0;
        if mask & Self::GROUP.0 == 0 { Self(self.0 | mask) } else { Self(self.0 & !Self::GROUP.0 | mask) }
    }

    /// The labels in the order of their numbers.
    #[must_use]
    pub fn list(self) -> Vec<SystemLabel> {
        SystemLabel::ALL.iter().copied().filter(|label| self.contains(*label)).collect()
    }

    /// The one of the exclusive group.
    #[must_use]
    pub fn exclusive(self) -> SystemLabel {
        if self.contains(SystemLabel::Bin) {
            SystemLabel::Bin
        } else if self.contains(SystemLabel::Archive) {
            SystemLabel::Archive
        } else {
            SystemLabel::Default
        }
    }
}

/// The parts of a dialog that are documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    pub content: Content,
    /// Lower-case, each once.
    pub search_tags: Vec<String>,
    pub attachments: Vec<Attachment>,
    pub gui_actions: Vec<GuiAction>,
    pub api_actions: Vec<ApiAction>,
}

/// A dialog without its transmissions and activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    pub id: Uuid,
    /// New at every change.
    pub revision: Uuid,
    /// Lower-case short code of the service owner.
    pub org: String,
    /// Lower-case resource id without `urn:altinn:resource:`.
    pub service_resource: String,
    /// Lower-case type of the resource when the dialog was created.
    pub service_resource_type: String,
    pub party: PartyUrn,
    pub idempotent_key: Option<String>,
    pub status: DialogStatus,
    pub extended_status: Option<String>,
    pub external_reference: Option<String>,
    pub progress: Option<i32>,
    pub process: Option<String>,
    pub preceding_process: Option<String>,
    pub visible_from: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub content_updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub frozen: bool,
    pub is_api_only: bool,
    /// Whether somebody has opened it since its content last changed.
    pub is_seen: bool,
    pub system_labels: SystemLabels,
    pub end_user_context_revision: Uuid,
    pub service_owner_context_revision: Uuid,
    /// Transmissions of the service owner's types.
    pub from_service_owner: i32,
    /// Transmissions of the party's types.
    pub from_party: i32,
    /// Transmissions of the service owner's types without a `TransmissionOpened` activity.
    pub unopened_transmissions: i32,
    /// Transmissions without content.
    pub contentless_transmissions: i32,
    /// Whether there is a `CorrespondenceOpened` activity.
    pub correspondence_opened: bool,
    pub documents: Documents,
}

impl Dialog {
    /// Whether something in the dialog is still to be opened by the end user.
    #[must_use]
    pub fn has_unopened_content(&self) -> bool {
        self.unopened_transmissions > 0
            || (self.service_resource_type == CORRESPONDENCE_RESOURCE && !self.correspondence_opened)
    }

    /// Whether the dialog's content has been seen and nobody has marked it as unopened.
    #[must_use]
    pub fn is_content_seen(&self) -> bool {
        self.is_seen && !self.system_labels.contains(SystemLabel::MarkedAsUnopened)
    }

    /// The resource as a URN.
    #[must_use]
    pub fn resource_urn(&self) -> String {
        format!("{RESOURCE_URN_PREFIX}{}", self.service_resource)
    }
}

/// The parts that the wire shows as they are stored.
mod described {
    use uuid::Uuid;

    use super::{Actor, ApiActionEndpoint, Attachment, AttachmentUrl, Localization, NavigationalAction};
    use crate::dialog::vocabulary::{ActorType, AttachmentUrlConsumerType, HttpVerb};
    use crate::json::{UriReference, described};
    use crate::timestamp::Timestamp;

    described!(
        Localization,
        "A text in one language.",
        [
            (None, "value", "The text.", String),
            (None, "language_code", "Two-letter language code (ISO 639-1).", String),
        ]
    );
    described!(Attachment, "A document in one or more representations.", [
        (None, "id", "Its id.", Uuid),
        (None, "display_name", "Name for people.", Vec<Localization>),
        (None, "name", "Name for systems.", Option<String>),
        (None, "urls", "Its representations.", Vec<AttachmentUrl>),
        (None, "expires_at", "From when the links are hidden.", Option<Timestamp>),
    ]);
    described!(AttachmentUrl, "One representation of an attachment.", [
        (None, "id", "Its id.", Uuid),
        (None, "url", "The link, or a URN that says why it is hidden.", UriReference),
        (None, "media_type", "Its media type.", Option<String>),
        (None, "consumer_type", "For people or for systems.", AttachmentUrlConsumerType),
    ]);
    described!(ApiActionEndpoint, "Where systems do something.", [
        (None, "id", "Its id.", Uuid),
        (None, "version", "Version of the interface.", Option<String>),
        (None, "url", "The link, or a URN that says why it is hidden.", UriReference),
        (None, "http_method", "Method to use.", HttpVerb),
        (None, "documentation_url", "Link to documentation.", Option<UriReference>),
        (None, "request_schema", "Link to the schema of what is sent.", Option<UriReference>),
        (None, "response_schema", "Link to the schema of the answer.", Option<UriReference>),
        (None, "deprecated", "Whether it should no longer be used.", bool),
        (None, "sunset_at", "When it will be gone.", Option<Timestamp>),
    ]);
    described!(Actor, "Who did something.", [
        (None, "actor_type", "The service owner, or somebody for the party.", ActorType),
        (None, "actor_name", "Name.", Option<String>),
        (None, "actor_id", "Identifier; a pseudonym of persons in the end-user API.", Option<String>),
    ]);
    described!(NavigationalAction, "A link to go on from a transmission.", [
        (None, "title", "What it says.", Vec<Localization>),
        (None, "url", "The link, or a URN that says why it is hidden.", UriReference),
        (None, "expires_at", "From when it is hidden.", Option<Timestamp>),
    ]);
}
