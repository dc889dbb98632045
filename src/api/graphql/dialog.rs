//! One dialog with everything that belongs to it.

use super::shape::{Id, Of, Url, object};
use super::vocabulary::{
    ActivityType, ActorType, AttachmentUrlConsumer, DialogStatus, GuiActionPriority, HttpVerb, SystemLabel,
    TransmissionType,
};
use crate::app::{
    ActivityView, ApiActionView, ContentValueView, ContentView, DialogView, EndUserContextView,
    GuiActionView, SeenView, TransmissionContentView, TransmissionView,
};
use crate::dialog::model;
use crate::timestamp::Timestamp;

object! {
    /// A dialog with everything that belongs to it.
    Dialog of DialogView {
        /// Its id.
        id: Id,
        /// Changes at every change of the dialog.
        revision: Id,
        /// Short code of the service owner.
        org: String,
        /// The service, as a URN.
        service_resource: String,
        /// Type of the service in the Resource Registry.
        service_resource_type: String,
        /// The person or organisation the dialog belongs to, as a URN.
        party: String,
        /// How far the process has come, from 0 to 100.
        progress: Option<i32>,
        /// The process this dialog is part of.
        process: Option<String>,
        /// The process before that one.
        preceding_process: Option<String>,
        /// A status of the service's own.
        extended_status: Option<String>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// When the user should have acted.
        due_at: Option<Timestamp>,
        /// When end users may no longer see it.
        expires_at: Option<Timestamp>,
        /// When it was created.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// When its content last changed.
        content_updated_at: Timestamp,
        /// Proves to the service owner who the user is and what the user may do; valid for ten minutes.
        dialog_token: Option<String>,
        /// How far it has come.
        status: DialogStatus,
        /// Whether something is still to be opened.
        has_unopened_content: bool,
        /// Transmissions that the service owner sent.
        from_service_owner_transmissions_count: i32,
        /// Transmissions that the party sent.
        from_party_transmissions_count: i32,
        /// Whether only systems should show it.
        is_api_only: bool,
        /// Its texts.
        content: Content,
        /// Documents.
        attachments: Vec<Attachment>,
        /// Buttons.
        gui_actions: Vec<GuiAction>,
        /// Endpoints for systems.
        api_actions: Vec<ApiAction>,
        /// What has happened so far.
        activities: Vec<Activity>,
        /// Who has opened it since it last changed.
        seen_since_last_update: Vec<SeenLog>,
        /// Who has opened it since its content last changed.
        seen_since_last_content_update: Vec<SeenLog>,
        /// Whether the content has been seen and nobody has marked it as unopened.
        is_content_seen: bool,
        /// Communication so far.
        transmissions: Vec<Transmission>,
        /// The end user's side.
        end_user_context: EndUserContext,
    }
}

object! {
    /// The texts of a dialog.
    Content of ContentView {
        /// The headline.
        title: ContentValue,
        /// A short overview.
        summary: Option<ContentValue>,
        /// Shown instead of the service owner's name.
        sender_name: Option<ContentValue>,
        /// More about the dialog.
        additional_info: Option<ContentValue>,
        /// What the extended status means.
        extended_status: Option<ContentValue>,
        /// Link to a front channel embed.
        main_content_reference: Option<ContentValue>,
    }
}

/// A dialog for systems may have no texts.
impl Of<Option<ContentView>> for Content {
    fn of(view: Option<ContentView>) -> Self {
        view.map_or_else(
            || Self {
                title: ContentValue::none(),
                summary: None,
                sender_name: None,
                additional_info: None,
                extended_status: None,
                main_content_reference: None,
            },
            Self::of,
        )
    }
}

object! {
    /// One field of content.
    ContentValue of ContentValueView {
        /// The text by language.
        value: Vec<Localization>,
        /// How to read it.
        media_type: String,
        /// Whether the user may follow it, where it is a link.
        is_authorized: Option<bool>,
    }
}

impl ContentValue {
    /// In no language.
    pub(super) fn none() -> Self {
        Self { value: Vec::new(), media_type: "text/plain".to_owned(), is_authorized: None }
    }
}

impl Of<Option<ContentValueView>> for ContentValue {
    fn of(view: Option<ContentValueView>) -> Self {
        view.map_or_else(Self::none, Self::of)
    }
}

object! {
    /// A text in one language.
    Localization of model::Localization {
        /// The text.
        value: String,
        /// ISO 639-1.
        language_code: String,
    }
}

object! {
    /// A document in one or more representations.
    Attachment of model::Attachment {
        /// Its id.
        id: Id,
        /// What people know it as.
        display_name: Vec<Localization>,
        /// What systems know it as.
        name: Option<String>,
        /// Its representations.
        urls: Vec<AttachmentUrl>,
        /// When its links end.
        expires_at: Option<Timestamp>,
    }
}

object! {
    /// One representation of a document.
    AttachmentUrl of model::AttachmentUrl {
        /// Its id.
        id: Id,
        /// The link, or a URN that says why it is hidden.
        url: Url,
        /// Its media type.
        media_type: Option<String>,
        /// Whom it is for.
        consumer_type: AttachmentUrlConsumer,
    }
}

object! {
    /// A button.
    GuiAction of GuiActionView {
        /// Its id.
        id: Id,
        /// Name of the action in the service's access policy.
        action: String,
        /// The link, or a URN that says why it is hidden.
        url: Url,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Whether the user may do it.
        is_authorized: bool,
        /// Whether it deletes the dialog.
        is_delete_dialog_action: bool,
        /// How prominent it is.
        priority: GuiActionPriority,
        /// Method to use.
        http_method: HttpVerb,
        /// What it says.
        title: Vec<Localization>,
        /// Question to ask before.
        prompt: Option<Vec<Localization>>,
    }
}

object! {
    /// Something that systems can do.
    ApiAction of ApiActionView {
        /// Its id.
        id: Id,
        /// Name of the action in the service's access policy.
        action: String,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Whether the user may do it.
        is_authorized: bool,
        /// Name for systems.
        name: Option<String>,
        /// Where to do it.
        endpoints: Vec<ApiActionEndpoint>,
    }
}

object! {
    /// Where systems do it.
    ApiActionEndpoint of model::ApiActionEndpoint {
        /// Its id.
        id: Id,
        /// Its version.
        version: Option<String>,
        /// The link, or a URN that says why it is hidden.
        url: Url,
        /// Method to use.
        http_method: HttpVerb,
        /// Where it is described.
        documentation_url: Option<Url>,
        /// Schema of what it takes.
        request_schema: Option<Url>,
        /// Schema of what it gives.
        response_schema: Option<Url>,
        /// Whether it should no longer be used.
        deprecated: bool,
        /// When it will be gone.
        sunset_at: Option<Timestamp>,
    }
}

object! {
    /// A single instance of communication.
    Transmission of TransmissionView {
        /// Its id.
        id: Id,
        /// When it was sent.
        created_at: Timestamp,
        /// The part of the service, or another service, that reading it needs access to.
        authorization_attribute: Option<String>,
        /// Whether the user may read all of it.
        is_authorized: bool,
        /// A type of the service's own.
        extended_type: Option<Url>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// The transmission that this one answers.
        related_transmission_id: Option<Id>,
        /// What it is.
        r#type: TransmissionType,
        /// Who sent it.
        sender: Actor,
        /// Whether it has been opened.
        is_opened: bool,
        /// Its texts.
        content: TransmissionContent,
        /// Documents.
        attachments: Vec<Attachment>,
        /// Links to go on.
        navigational_actions: Vec<TransmissionNavigationalAction>,
    }
}

object! {
    /// The texts of a transmission.
    TransmissionContent of TransmissionContentView {
        /// The headline.
        title: ContentValue,
        /// A short overview.
        summary: Option<ContentValue>,
        /// Link to a front channel embed.
        content_reference: Option<ContentValue>,
    }
}

/// A transmission for systems may have no texts.
impl Of<Option<TransmissionContentView>> for TransmissionContent {
    fn of(view: Option<TransmissionContentView>) -> Self {
        view.map_or_else(
            || Self { title: ContentValue::none(), summary: None, content_reference: None },
            Self::of,
        )
    }
}

object! {
    /// A link to go on.
    TransmissionNavigationalAction of model::NavigationalAction {
        /// What it says.
        title: Vec<Localization>,
        /// The link, or a URN that says why it is hidden.
        url: Url,
        /// When it ends.
        expires_at: Option<Timestamp>,
    }
}

object! {
    /// An entry of the activity log.
    Activity of ActivityView {
        /// Its id.
        id: Id,
        /// When it happened.
        created_at: Option<Timestamp>,
        /// A type of the service's own.
        extended_type: Option<Url>,
        /// What happened.
        r#type: ActivityType,
        /// The transmission that was opened.
        transmission_id: Option<Id>,
        /// Who did it.
        performed_by: Actor,
        /// What happened in words.
        description: Vec<Localization>,
    }
}

object! {
    /// Who did something.
    Actor of model::Actor {
        /// On whose side.
        actor_type: Option<ActorType>,
        /// A URN; other people's identity numbers are replaced by a name for this dialog.
        actor_id: Option<String>,
        /// Name.
        actor_name: Option<String>,
    }
}

impl Of<crate::dialog::vocabulary::ActorType> for Option<ActorType> {
    fn of(value: crate::dialog::vocabulary::ActorType) -> Self {
        Some(value.into())
    }
}

object! {
    /// That somebody opened the dialog.
    SeenLog of SeenView {
        /// The same for the same user and state of the dialog.
        id: Id,
        /// When.
        seen_at: Timestamp,
        /// Who.
        seen_by: Actor,
        /// Whether the service owner opened it for the user.
        is_via_service_owner: Option<bool>,
        /// Whether that was the caller.
        is_current_end_user: bool,
    }
}

object! {
    /// The end user's side of a dialog.
    EndUserContext of EndUserContextView {
        /// Changes when the labels do.
        revision: Id,
        /// Where it is put, and marks on it.
        system_labels: Vec<SystemLabel>,
    }
}
