//! What service owners send: the shapes of request bodies.

use uuid::Uuid;

use super::vocabulary::{
    ActorType, AttachmentUrlConsumerType, DialogActivityType, DialogGuiActionPriority, DialogStatusInput,
    DialogTransmissionType, HttpVerb, SystemLabel,
};
use crate::json::{Required, Uri, UriReference, input_shape};
use crate::timestamp::Timestamp;

input_shape! {
    /// A new dialog.
    pub struct CreateDialog {
        /// Own id, a UUIDv7 that is not in use; made by the service when absent.
        id: Option<Uuid>,
        /// Key of 3 to 36 characters under which this dialog can be created only once per service owner.
        idempotent_key: Option<String>,
        /// The service, `urn:altinn:resource:` and an id of the Resource Registry. Cannot be changed later.
        service_resource: Required<String>,
        /// The person or organisation the dialog belongs to, as a URN. Cannot be changed later.
        party: Required<String>,
        /// How far the process has come, from 0 to 100.
        progress: Option<i32>,
        /// A status of the service's own, up to 255 characters.
        extended_status: Option<String>,
        /// A reference of the service's own, up to 255 characters.
        external_reference: Option<String>,
        /// When end users may see the dialog. Cannot be changed later.
        visible_from: Option<Timestamp>,
        /// The same as `visibleFrom`, for clients that use this name.
        visible_at: Option<Timestamp>,
        /// When the user should have acted; has no effect of its own.
        due_at: Option<Timestamp>,
        /// The process this dialog is part of, as a URI.
        process: Option<String>,
        /// The process before that one, as a URI; only together with `process`.
        preceding_process: Option<String>,
        /// When end users may no longer see the dialog.
        expires_at: Option<Timestamp>,
        /// Whether only systems should show the dialog; then content is optional.
        is_api_only: bool,
        /// When it was created, where that was before now.
        created_at: Option<Timestamp>,
        /// When it was last changed; needs `createdAt` and must not lie before it.
        updated_at: Option<Timestamp>,
        /// How far the dialog has come; `NotApplicable` when absent.
        status: Option<DialogStatusInput>,
        /// Where it is put for the end user: `Default`, `Bin` or `Archive`.
        system_label: Option<SystemLabel>,
        /// Labels of the service owner.
        service_owner_context: Option<ServiceOwnerContextInput>,
        /// Title, summary and other texts.
        content: Option<ContentInput>,
        /// Words that searches find and nobody sees.
        search_tags: Vec<TagInput>,
        /// Documents.
        attachments: Vec<AttachmentInput>,
        /// Communication so far.
        transmissions: Vec<TransmissionInput>,
        /// Buttons: at most one primary, one secondary and five tertiary.
        gui_actions: Vec<GuiActionInput>,
        /// Endpoints for systems.
        api_actions: Vec<ApiActionInput>,
        /// What has happened so far.
        activities: Vec<ActivityInput>,
    }
}

input_shape! {
    /// The new state of a dialog. Members that are left out become empty; transmissions and
    /// activities are added to those that are there.
    pub struct UpdateDialog {
        /// How far the process has come, from 0 to 100.
        progress: Option<i32>,
        /// A status of the service's own, up to 255 characters.
        extended_status: Option<String>,
        /// A reference of the service's own, up to 255 characters.
        external_reference: Option<String>,
        /// When the user should have acted; has no effect of its own.
        due_at: Option<Timestamp>,
        /// The process this dialog is part of, as a URI.
        process: Option<String>,
        /// The process before that one, as a URI; only together with `process`.
        preceding_process: Option<String>,
        /// When end users may no longer see the dialog.
        expires_at: Option<Timestamp>,
        /// Whether only systems should show the dialog; then content is optional.
        is_api_only: bool,
        /// How far the dialog has come.
        status: Required<DialogStatusInput>,
        /// Title, summary and other texts.
        content: Option<ContentInput>,
        /// Words that searches find and nobody sees.
        search_tags: Vec<TagInput>,
        /// Documents.
        attachments: Vec<AttachmentInput>,
        /// Transmissions to add.
        transmissions: Vec<TransmissionInput>,
        /// Buttons: at most one primary, one secondary and five tertiary.
        gui_actions: Vec<GuiActionInput>,
        /// Endpoints for systems.
        api_actions: Vec<ApiActionInput>,
        /// Activities to add.
        activities: Vec<ActivityInput>,
    }
}

input_shape! {
    /// A text in one language.
    pub struct LocalizationInput {
        /// The text.
        value: Required<String>,
        /// Two-letter language code (ISO 639-1); `nb` and `nn`, not `no`.
        language_code: Required<String>,
    }
}

input_shape! {
    /// One field of content.
    pub struct ContentValueInput {
        /// The text by language, each language once.
        value: Vec<LocalizationInput>,
        /// How to read the text; `text/plain` when absent.
        media_type: Required<String>,
        /// Whether the user may follow it, where it is a link; ignored in requests.
        is_authorized: Option<bool>,
    }
}

input_shape! {
    /// The texts of a dialog.
    pub struct ContentInput {
        /// The headline, up to 255 characters.
        title: Required<ContentValueInput>,
        /// Shown instead of the title to users whose login is too weak for the service.
        non_sensitive_title: Option<ContentValueInput>,
        /// A short overview, up to 255 characters.
        summary: Option<ContentValueInput>,
        /// Shown instead of the summary to users whose login is too weak for the service.
        non_sensitive_summary: Option<ContentValueInput>,
        /// Shown instead of the service owner's name.
        sender_name: Option<ContentValueInput>,
        /// More about the dialog, as plain text or Markdown, up to 1023 characters.
        additional_info: Option<ContentValueInput>,
        /// What `extendedStatus` means, up to 25 characters.
        extended_status: Option<ContentValueInput>,
        /// Link to a front channel embed.
        main_content_reference: Option<ContentValueInput>,
    }
}

input_shape! {
    /// A search tag.
    pub struct TagInput {
        /// 3 to 63 characters.
        value: Required<String>,
    }
}

input_shape! {
    /// The service owner's side of a dialog.
    pub struct ServiceOwnerContextInput {
        /// Up to 20 labels.
        service_owner_labels: Vec<ServiceOwnerLabelInput>,
    }
}

input_shape! {
    /// A label of the service owner.
    pub struct ServiceOwnerLabelInput {
        /// 3 to 255 characters; case does not count.
        value: Required<String>,
    }
}

input_shape! {
    /// A document in one or more representations.
    pub struct AttachmentInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Name for people.
        display_name: Vec<LocalizationInput>,
        /// Name for systems, up to 255 characters.
        name: Option<String>,
        /// Its representations, at least one.
        urls: Vec<AttachmentUrlInput>,
        /// From when the links are hidden.
        expires_at: Option<Timestamp>,
    }
}

input_shape! {
    /// One representation of an attachment.
    pub struct AttachmentUrlInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Absolute link with `https`.
        url: Required<Uri>,
        /// Its media type.
        media_type: Option<String>,
        /// For people or for systems.
        consumer_type: Required<AttachmentUrlConsumerType>,
    }
}

input_shape! {
    /// A button.
    pub struct GuiActionInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Name of the action in the service's access policy.
        action: Required<String>,
        /// Absolute link with `https`.
        url: Required<Uri>,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Whether it deletes the dialog.
        is_delete_dialog_action: bool,
        /// `GET`, `POST` or `DELETE`; `GET` when absent.
        http_method: Required<HttpVerb> as Option<HttpVerb>,
        /// How prominent it is.
        priority: Required<DialogGuiActionPriority>,
        /// What it says, up to 255 characters.
        title: Vec<LocalizationInput>,
        /// Question to ask before.
        prompt: Vec<LocalizationInput>,
    }
}

input_shape! {
    /// Something that systems can do.
    pub struct ApiActionInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Name of the action in the service's access policy.
        action: Required<String>,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Name for systems.
        name: Option<String>,
        /// Where to do it, at least one.
        endpoints: Vec<ApiActionEndpointInput>,
    }
}

input_shape! {
    /// Where systems do something.
    pub struct ApiActionEndpointInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Version of the interface.
        version: Option<String>,
        /// Absolute link with `https`.
        url: Required<Uri>,
        /// Method to use.
        http_method: Required<HttpVerb>,
        /// Link to documentation.
        documentation_url: Option<UriReference>,
        /// Link to the schema of what is sent.
        request_schema: Option<UriReference>,
        /// Link to the schema of the answer.
        response_schema: Option<UriReference>,
        /// Whether it should no longer be used.
        deprecated: bool,
        /// When it will be gone; only where deprecated.
        sunset_at: Option<Timestamp>,
    }
}

input_shape! {
    /// Who did something.
    pub struct ActorInput {
        /// The service owner, or somebody for the party.
        actor_type: Required<ActorType>,
        /// Name; of a party's representative either this or the id.
        actor_name: Option<String>,
        /// Identifier as a URN; of a party's representative either this or the name.
        actor_id: Option<String>,
    }
}

input_shape! {
    /// A single instance of communication.
    pub struct TransmissionInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Key of 3 to 36 characters, unique in the dialog.
        idempotent_key: Option<String>,
        /// When it was sent; now when absent.
        created_at: Required<Timestamp>,
        /// The part of the service, or another service, that reading it needs access to.
        authorization_attribute: Option<String>,
        /// A type of the service's own.
        extended_type: Option<UriReference>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// The transmission that this one answers.
        related_transmission_id: Option<Uuid>,
        /// What it is; decides whose it counts as.
        r#type: Required<DialogTransmissionType>,
        /// Who sent it.
        sender: Required<ActorInput>,
        /// Title and summary.
        content: Option<TransmissionContentInput>,
        /// Documents.
        attachments: Vec<TransmissionAttachmentInput>,
        /// Links to go on.
        navigational_actions: Vec<NavigationalActionInput>,
    }
}

input_shape! {
    /// The corrected state of a transmission. Members that are left out become empty.
    pub struct CorrectTransmission {
        /// Must be true, here or in the query: corrections are not told to anybody.
        is_silent_update: bool,
        /// Key of 3 to 36 characters, unique in the dialog.
        idempotent_key: Option<String>,
        /// When it was sent; stays when absent.
        created_at: Option<Timestamp>,
        /// The part of the service, or another service, that reading it needs access to.
        authorization_attribute: Option<String>,
        /// A type of the service's own.
        extended_type: Option<UriReference>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// The transmission that this one answers.
        related_transmission_id: Option<Uuid>,
        /// What it is; decides whose it counts as.
        r#type: Required<DialogTransmissionType>,
        /// Who sent it.
        sender: Required<ActorInput>,
        /// Title and summary.
        content: Option<TransmissionContentInput>,
        /// Documents.
        attachments: Vec<AttachmentInput>,
        /// Links to go on.
        navigational_actions: Vec<NavigationalActionInput>,
    }
}

input_shape! {
    /// The texts of a transmission.
    pub struct TransmissionContentInput {
        /// The headline, up to 255 characters.
        title: Required<ContentValueInput>,
        /// A short overview, up to 255 characters.
        summary: Option<ContentValueInput>,
        /// Link to a front channel embed.
        content_reference: Option<ContentValueInput>,
    }
}

input_shape! {
    /// A document of a transmission.
    pub struct TransmissionAttachmentInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// Name for people.
        display_name: Vec<LocalizationInput>,
        /// Name for systems, up to 255 characters.
        name: Option<String>,
        /// Its representations, at least one.
        urls: Vec<TransmissionAttachmentUrlInput>,
        /// From when the links are hidden.
        expires_at: Option<Timestamp>,
    }
}

input_shape! {
    /// One representation of a transmission's attachment.
    pub struct TransmissionAttachmentUrlInput {
        /// Absolute link with `https`.
        url: Required<Uri>,
        /// Its media type.
        media_type: Option<String>,
        /// For people or for systems.
        consumer_type: Required<AttachmentUrlConsumerType>,
    }
}

input_shape! {
    /// A link to go on from a transmission.
    pub struct NavigationalActionInput {
        /// What it says, up to 255 characters.
        title: Vec<LocalizationInput>,
        /// Absolute link with `https`.
        url: Required<Uri>,
        /// From when it is hidden.
        expires_at: Option<Timestamp>,
    }
}

input_shape! {
    /// An entry of the activity log.
    pub struct ActivityInput {
        /// Own id, a UUIDv7.
        id: Option<Uuid>,
        /// When it happened; now when absent.
        created_at: Option<Timestamp>,
        /// A type of the service's own.
        extended_type: Option<UriReference>,
        /// What happened.
        r#type: Required<DialogActivityType>,
        /// The transmission that was opened; only for `TransmissionOpened`.
        transmission_id: Option<Uuid>,
        /// Who did it.
        performed_by: Required<ActorInput>,
        /// What happened in words; only for `Information`.
        description: Vec<LocalizationInput>,
    }
}
