//! What a caller sees of a dialog. Masking, expiry and language are applied here and nowhere else.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::{Languages, Pseudonyms};
use crate::access::DialogAuthorization;
use crate::dialog::model::{
    Activity, Actor, ApiAction, ApiActionEndpoint, Attachment, Content, ContentValue, Dialog, GuiAction,
    Localization, Localizations, NavigationalAction, Transmission, TransmissionContent,
};
use crate::dialog::vocabulary::{
    ActorType, DialogActivityType, DialogGuiActionPriority, DialogStatus, DialogTransmissionType, HttpVerb,
    SystemLabel,
};
use crate::json::{NullForServiceOwner, UriReference, output_shape};
use crate::store::{DialogDetail, LabelLogEntry, ListedDialog, SeenEntry};
use crate::timestamp::Timestamp;

/// What stands in place of a link that the user may not follow.
pub const UNAUTHORIZED_URL: &str = "urn:dialogporten:unauthorized";

/// What stands in place of a link that is past its time.
pub const EXPIRED_URL: &str = "urn:dialogporten:expired";

output_shape! {
    /// A dialog with everything that belongs to it.
    pub struct DialogView {
        /// Its id.
        id: Uuid,
        /// Changes at every change of the dialog; the value for `If-Match`.
        revision: Uuid,
        /// The key under which it was created.
        [service_owner] idempotent_key: Option<String>,
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
        /// When it was deleted.
        [service_owner] deleted_at: Option<Timestamp>,
        /// From when end users see it.
        [service_owner] visible_from: Option<Timestamp>,
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
        /// How far it has come.
        status: DialogStatus,
        /// Where it is put; see `endUserContext` for all labels.
        system_label: SystemLabel,
        /// Whether only systems should show it.
        is_api_only: bool,
        /// Whether something is still to be opened.
        has_unopened_content: bool,
        /// Its texts.
        content: Option<ContentView> as NullForServiceOwner<ContentView>,
        /// Words that searches find.
        [service_owner] search_tags: Option<Vec<TagView>>,
        /// The service owner's side.
        [service_owner] service_owner_context: Option<ServiceOwnerContextView> as ServiceOwnerContextView,
        /// Proves to the service owner who the user is and what the user may do; valid for ten minutes.
        [end_user] dialog_token: Option<String>,
        /// Transmissions that the service owner sent.
        from_service_owner_transmissions_count: i32,
        /// Transmissions that the party sent.
        from_party_transmissions_count: i32,
        /// Documents.
        attachments: Vec<Attachment>,
        /// Communication so far.
        transmissions: Vec<TransmissionView>,
        /// Buttons.
        gui_actions: Vec<GuiActionView>,
        /// Endpoints for systems.
        api_actions: Vec<ApiActionView>,
        /// What has happened so far.
        activities: Vec<ActivityView>,
        /// Who has opened it since it last changed.
        seen_since_last_update: Vec<SeenView>,
        /// Who has opened it since its content last changed.
        seen_since_last_content_update: Vec<SeenView>,
        /// The end user's side.
        end_user_context: EndUserContextView,
        /// Whether the content has been seen and nobody has marked it as unopened.
        is_content_seen: bool,
    }
}

output_shape! {
    /// One field of content.
    pub struct ContentValueView {
        /// The text by language.
        value: Vec<Localization>,
        /// How to read it.
        media_type: String,
        /// Whether the user may follow it, where it is a link.
        is_authorized: Option<bool>,
    }
}

output_shape! {
    /// The texts of a dialog.
    pub struct ContentView {
        /// The headline.
        title: Option<ContentValueView> as ContentValueView,
        /// Shown to users whose login is too weak.
        [service_owner] non_sensitive_title: Option<ContentValueView>,
        /// A short overview.
        summary: Option<ContentValueView>,
        /// Shown to users whose login is too weak.
        [service_owner] non_sensitive_summary: Option<ContentValueView>,
        /// Shown instead of the service owner's name.
        sender_name: Option<ContentValueView>,
        /// More about the dialog.
        additional_info: Option<ContentValueView>,
        /// What the extended status means.
        extended_status: Option<ContentValueView>,
        /// Link to a front channel embed.
        main_content_reference: Option<ContentValueView>,
    }
}

output_shape! {
    /// A search tag.
    pub struct TagView {
        /// The word.
        value: String,
    }
}

output_shape! {
    /// The service owner's side of a dialog.
    pub struct ServiceOwnerContextView {
        /// Changes when the labels do.
        revision: Uuid,
        /// Labels in byte order.
        service_owner_labels: Vec<ServiceOwnerLabelView>,
    }
}

output_shape! {
    /// A label of the service owner.
    pub struct ServiceOwnerLabelView {
        /// The label in lower case.
        value: String,
    }
}

output_shape! {
    /// The end user's side of a dialog.
    pub struct EndUserContextView {
        /// Changes when the labels do.
        revision: Uuid,
        /// Where it is put, and marks on it.
        system_labels: Vec<SystemLabel>,
    }
}

output_shape! {
    /// A button.
    pub struct GuiActionView {
        /// Its id.
        id: Uuid,
        /// Name of the action in the service's access policy.
        action: String,
        /// The link, or a URN that says why it is hidden.
        url: UriReference,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Whether the user may do it.
        is_authorized: Option<bool> as NullForServiceOwner<bool>,
        /// Whether it deletes the dialog.
        is_delete_dialog_action: bool,
        /// How prominent it is.
        priority: DialogGuiActionPriority,
        /// Method to use.
        http_method: HttpVerb,
        /// What it says.
        title: Vec<Localization>,
        /// Question to ask before.
        prompt: Option<Vec<Localization>>,
    }
}

output_shape! {
    /// Something that systems can do.
    pub struct ApiActionView {
        /// Its id.
        id: Uuid,
        /// Name of the action in the service's access policy.
        action: String,
        /// The part of the service, or another service, that the action is about.
        authorization_attribute: Option<String>,
        /// Whether the user may do it.
        is_authorized: Option<bool> as NullForServiceOwner<bool>,
        /// Name for systems.
        name: Option<String>,
        /// Where to do it.
        endpoints: Vec<ApiActionEndpoint>,
    }
}

output_shape! {
    /// A single instance of communication.
    pub struct TransmissionView {
        /// Its id.
        id: Uuid,
        /// The key under which it was added.
        [service_owner] idempotent_key: Option<String>,
        /// When it was sent.
        created_at: Timestamp,
        /// The part of the service, or another service, that reading it needs access to.
        authorization_attribute: Option<String>,
        /// Whether the user may read all of it.
        is_authorized: Option<bool> as NullForServiceOwner<bool>,
        /// A type of the service's own.
        extended_type: Option<UriReference>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// The transmission that this one answers.
        related_transmission_id: Option<Uuid>,
        /// What it is.
        r#type: DialogTransmissionType,
        /// Who sent it.
        sender: Actor,
        /// Whether it has been opened.
        is_opened: bool,
        /// Its texts.
        content: Option<TransmissionContentView> as TransmissionContentView,
        /// Documents.
        attachments: Vec<Attachment>,
        /// Links to go on.
        navigational_actions: Vec<NavigationalAction>,
        /// Never there: transmissions stay as long as their dialog.
        [end_user] deleted_at: Option<Timestamp>,
    }
}

output_shape! {
    /// The texts of a transmission.
    pub struct TransmissionContentView {
        /// The headline.
        title: ContentValueView,
        /// A short overview.
        summary: Option<ContentValueView>,
        /// Link to a front channel embed.
        content_reference: Option<ContentValueView>,
    }
}

output_shape! {
    /// An entry of the activity log.
    pub struct ActivityView {
        /// Its id.
        id: Uuid,
        /// When it happened.
        created_at: Timestamp as Option<Timestamp>,
        /// A type of the service's own.
        extended_type: Option<UriReference>,
        /// What happened.
        r#type: DialogActivityType,
        /// The transmission that was opened.
        transmission_id: Option<Uuid>,
        /// Who did it.
        performed_by: Actor,
        /// What happened in words.
        description: Option<Vec<Localization>>,
    }
}

output_shape! {
    /// That somebody opened the dialog.
    pub struct SeenView {
        /// The same for the same user and state of the dialog.
        id: Uuid,
        /// When.
        seen_at: Timestamp,
        /// Who.
        seen_by: Actor,
        /// Whether the service owner opened it for the user.
        is_via_service_owner: bool as Option<bool>,
        /// Whether that was the caller.
        is_current_end_user: Option<bool> as bool,
    }
}

output_shape! {
    /// That a label was set or removed.
    pub struct LabelLogView {
        /// When.
        created_at: Timestamp,
        /// `systemlabel:` and the label.
        name: String,
        /// `set` or `remove`.
        action: String,
        /// Who did it.
        performed_by: Actor,
    }
}

output_shape! {
    /// A dialog as lists show it.
    pub struct DialogListView {
        /// Its id.
        id: Uuid,
        /// Changes at every change of the dialog.
        [service_owner] revision: Option<Uuid> as Uuid,
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
        /// Documents with a link for people.
        gui_attachment_count: Option<i32>,
        /// A status of the service's own.
        extended_status: Option<String>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// When it was created.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// When its content last changed.
        content_updated_at: Timestamp,
        /// When it was deleted.
        [service_owner] deleted_at: Option<Timestamp>,
        /// When the user should have acted.
        due_at: Option<Timestamp>,
        /// From when end users see it.
        [service_owner] visible_from: Option<Timestamp>,
        /// How far it has come.
        status: DialogStatus,
        /// Where it is put; see `endUserContext` for all labels.
        system_label: SystemLabel,
        /// Whether only systems should show it.
        is_api_only: bool,
        /// Whether something is still to be opened.
        has_unopened_content: bool,
        /// Transmissions that the service owner sent.
        from_service_owner_transmissions_count: i32,
        /// Transmissions that the party sent.
        from_party_transmissions_count: i32,
        /// The newest activity.
        latest_activity: Option<ActivityView>,
        /// Who has opened it since it last changed.
        seen_since_last_update: Vec<SeenView>,
        /// Who has opened it since its content last changed.
        seen_since_last_content_update: Vec<SeenView>,
        /// Whether the content has been seen and nobody has marked it as unopened.
        is_content_seen: bool,
        /// The service owner's side.
        [service_owner] service_owner_context: Option<ServiceOwnerContextView> as ServiceOwnerContextView,
        /// The end user's side.
        end_user_context: EndUserContextView,
        /// Its texts.
        content: Option<ContentSummaryView>,
    }
}

output_shape! {
    /// The texts of a dialog in a list.
    pub struct ContentSummaryView {
        /// The headline.
        title: Option<ContentValueView> as ContentValueView,
        /// The headline for those whose login is too weak for the other one.
        [service_owner] non_sensitive_title: Option<ContentValueView>,
        /// A short overview.
        summary: Option<ContentValueView>,
        /// The overview for those whose login is too weak for the other one.
        [service_owner] non_sensitive_summary: Option<ContentValueView>,
        /// Shown instead of the service owner's name.
        sender_name: Option<ContentValueView>,
        /// What the extended status means.
        extended_status: Option<ContentValueView>,
    }
}

/// Through whose eyes a dialog is seen.
pub(super) struct Eyes<'a> {
    /// URN of the end user; `None` for the service owner itself.
    pub user: Option<&'a str>,
    /// What the user may do; `None` for the service owner itself.
    pub authorization: Option<DialogAuthorization>,
    /// Hides people, links and languages from end users.
    pub shades: Option<Shades<'a>>,
}

/// What is hidden from end users who look for themselves.
#[derive(Clone, Copy)]
pub(super) struct Shades<'a> {
    /// Names for other people.
    pub pseudonyms: &'a Pseudonyms,
    /// The dialog, in which these names hold.
    pub dialog: Uuid,
    /// Wanted languages.
    pub languages: &'a Languages,
    /// Links past this time are expired.
    pub now: Timestamp,
}

impl Eyes<'_> {
    /// As the service owner itself sees things.
    pub const OWNER: Eyes<'static> = Eyes { user: None, authorization: None, shades: None };

    fn texts(&self, mut texts: Localizations) -> Localizations {
        if let Some(shades) = self.shades {
            shades.languages.prune(&mut texts);
        }
        texts
    }

    fn optional_texts(&self, texts: Localizations) -> Option<Localizations> {
        (!texts.is_empty()).then(|| self.texts(texts))
    }

    fn actor(&self, mut actor: Actor) -> Actor {
        if let (Some(shades), Some(id)) = (self.shades, &actor.actor_id) {
            let shown = shades.pseudonyms.of(id, shades.dialog, shades.now);
            // The name of a user without an identity number is the id itself.
            let tells = actor.actor_name.as_deref().is_some_and(|name| id.ends_with(&format!(":{name}")));
            if tells && shown != *id {
                actor.actor_name = None;
            }
            actor.actor_id = Some(shown);
        }
        actor
    }

    /// The link as this caller may have it.
    fn link(&self, url: String, authorized: Option<bool>, expires_at: Option<Timestamp>) -> String {
        let Some(shades) = self.shades else { return url };
        if authorized == Some(false) {
            UNAUTHORIZED_URL.to_owned()
        } else if expires_at.is_some_and(|expires| expires <= shades.now) {
            EXPIRED_URL.to_owned()
        } else {
            url
        }
    }

    fn content_value(&self, value: ContentValue) -> ContentValueView {
        ContentValueView { value: self.texts(value.value), media_type: value.media_type, is_authorized: None }
    }

    fn optional_content(&self, value: Option<ContentValue>) -> Option<ContentValueView> {
        value.map(|value| self.content_value(value))
    }

    /// Content that is itself a link.
    fn embed(&self, value: Option<ContentValue>, authorized: Option<bool>) -> Option<ContentValueView> {
        let mut view = self.content_value(value?);
        view.is_authorized = authorized;
        for text in &mut view.value {
            text.value = self.link(std::mem::take(&mut text.value), authorized, None);
        }
        Some(view)
    }

    fn content(&self, content: Content) -> Option<ContentView> {
        content.title.as_ref()?;
        let authorized = self.authorization.as_ref().map(DialogAuthorization::may_read);
        let for_owner = |value: Option<ContentValue>| {
            if self.shades.is_some() { None } else { self.optional_content(value) }
        };
        Some(ContentView {
            non_sensitive_title: for_owner(content.non_sensitive_title),
            non_sensitive_summary: for_owner(content.non_sensitive_summary),
            title: self.optional_content(content.title),
            summary: self.optional_content(content.summary),
            sender_name: self.optional_content(content.sender_name),
            additional_info: self.optional_content(content.additional_info),
            extended_status: self.optional_content(content.extended_status),
            main_content_reference: self.embed(content.main_content_reference, authorized),
        })
    }

    fn attachment(&self, mut attachment: Attachment, authorized: Option<bool>) -> Attachment {
        attachment.display_name = self.texts(attachment.display_name);
        for url in &mut attachment.urls {
            url.url = self.link(std::mem::take(&mut url.url), authorized, attachment.expires_at);
        }
        attachment
    }

    fn gui_action(&self, action: GuiAction) -> GuiActionView {
        let attribute = action.authorization_attribute.as_deref();
        let authorized = self.authorization.as_ref().map(|a| a.may(&action.action, attribute));
        GuiActionView {
            id: action.id,
            url: UriReference(self.link(action.url, authorized, None)),
            action: action.action,
            authorization_attribute: action.authorization_attribute,
            is_authorized: authorized,
            is_delete_dialog_action: action.is_delete_dialog_action,
            priority: action.priority,
            http_method: action.http_method,
            title: self.texts(action.title),
            prompt: self.optional_texts(action.prompt),
        }
    }

    fn api_action(&self, mut action: ApiAction) -> ApiActionView {
        let attribute = action.authorization_attribute.as_deref();
        let authorized = self.authorization.as_ref().map(|a| a.may(&action.action, attribute));
        for endpoint in &mut action.endpoints {
            endpoint.url = self.link(std::mem::take(&mut endpoint.url), authorized, None);
        }
        ApiActionView {
            id: action.id,
            action: action.action,
            authorization_attribute: action.authorization_attribute,
            is_authorized: authorized,
            name: action.name,
            endpoints: action.endpoints,
        }
    }

    /// `has_opening`: whether there is a `TransmissionOpened` activity for it.
    pub fn transmission(&self, transmission: Transmission, has_opening: bool) -> TransmissionView {
        let body = transmission.body;
        let authorized = self
            .authorization
            .as_ref()
            .map(|a| a.may_read_transmission(body.authorization_attribute.as_deref()));
        let content = body.content.map(|content: TransmissionContent| TransmissionContentView {
            title: self.content_value(content.title),
            summary: self.optional_content(content.summary),
            content_reference: self.embed(content.content_reference, authorized),
        });
        let attachments = body.attachments.into_iter().map(|a| self.attachment(a, authorized)).collect();
        let navigational_actions = body
            .navigational_actions
            .into_iter()
            .map(|action| NavigationalAction {
                title: self.texts(action.title),
                url: self.link(action.url, authorized, action.expires_at),
                expires_at: action.expires_at,
            })
            .collect();
        TransmissionView {
            id: transmission.id,
            idempotent_key: if self.shades.is_some() { None } else { transmission.idempotent_key },
            created_at: transmission.created_at,
            authorization_attribute: body.authorization_attribute,
            is_authorized: authorized,
            extended_type: body.extended_type.map(UriReference),
            external_reference: body.external_reference,
            related_transmission_id: transmission.related_transmission_id,
            r#type: transmission.r#type,
            sender: self.actor(body.sender),
            is_opened: has_opening && !transmission.r#type.is_from_party(),
            content,
            attachments,
            navigational_actions,
            deleted_at: None,
        }
    }

    pub fn activity(&self, activity: Activity) -> ActivityView {
        ActivityView {
            id: activity.id,
            created_at: activity.created_at,
            extended_type: activity.body.extended_type.map(UriReference),
            r#type: activity.r#type,
            transmission_id: activity.transmission_id,
            performed_by: self.actor(activity.body.performed_by),
            description: self.optional_texts(activity.body.description),
        }
    }

    /// The newest entry of each user since `since`, in the order in which users first appeared.
    fn seen_since(&self, entries: &[SeenEntry], since: Timestamp) -> Vec<SeenView> {
        let mut newest: Vec<&SeenEntry> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.seen_at >= since) {
            match places.entry(&entry.user_id) {
                Entry::Occupied(place) => newest[*place.get()] = entry,
                Entry::Vacant(place) => {
                    place.insert(newest.len());
                    newest.push(entry);
                }
            }
        }
        newest.into_iter().map(|entry| self.seen(entry)).collect()
    }

    /// An entry of the seen log by itself; service owners are not told whether it is theirs.
    pub fn seen_log_entry(&self, entry: &SeenEntry) -> SeenView {
        let seen = self.seen(entry);
        SeenView { is_current_end_user: seen.is_current_end_user.filter(|_| self.user.is_some()), ..seen }
    }

    pub fn label_log_entry(&self, entry: LabelLogEntry) -> LabelLogView {
        LabelLogView {
            created_at: entry.created_at,
            name: format!("systemlabel:{}", entry.label.name()),
            action: if entry.is_set { "set" } else { "remove" }.to_owned(),
            performed_by: self.actor(entry.performed_by),
        }
    }

    fn seen(&self, entry: &SeenEntry) -> SeenView {
        SeenView {
            id: entry.id,
            seen_at: entry.seen_at,
            seen_by: self.actor(Actor {
                actor_type: ActorType::PartyRepresentative,
                actor_id: Some(entry.user_id.clone()),
                actor_name: entry.user_name.clone(),
            }),
            is_via_service_owner: entry.via_service_owner,
            is_current_end_user: Some(self.user == Some(entry.user_id.as_str())),
        }
    }

    /// A dialog with everything that belongs to it.
    pub fn dialog(&self, detail: DialogDetail, dialog_token: Option<String>) -> DialogView {
        let DialogDetail { dialog, transmissions, activities, service_owner_labels, seen, .. } = detail;
        let for_owner = self.shades.is_none();
        let attachments_authorized = self.authorization.as_ref().map(DialogAuthorization::may_read);
        let opened: std::collections::HashSet<Uuid> = activities
            .iter()
            .filter(|a| a.r#type == DialogActivityType::TransmissionOpened)
            .filter_map(|a| a.transmission_id)
            .collect();
        let transmissions = transmissions
            .into_iter()
            .map(|t| {
                let has_opening = opened.contains(&t.id);
                self.transmission(t, has_opening)
            })
            .collect();
        DialogView {
            seen_since_last_update: self.seen_since(&seen, dialog.updated_at),
            seen_since_last_content_update: self.seen_since(&seen, dialog.content_updated_at),
            end_user_context: end_user_context(&dialog),
            is_content_seen: dialog.is_content_seen(),
            has_unopened_content: dialog.has_unopened_content(),
            service_resource: dialog.resource_urn(),
            id: dialog.id,
            revision: dialog.revision,
            idempotent_key: dialog.idempotent_key.filter(|_| for_owner),
            org: dialog.org,
            service_resource_type: dialog.service_resource_type,
            party: dialog.party.as_str().to_owned(),
            progress: dialog.progress,
            process: dialog.process,
            preceding_process: dialog.preceding_process,
            extended_status: dialog.extended_status,
            external_reference: dialog.external_reference,
            deleted_at: dialog.deleted_at.filter(|_| for_owner),
            visible_from: dialog.visible_from.filter(|_| for_owner),
            due_at: dialog.due_at,
            expires_at: dialog.expires_at,
            created_at: dialog.created_at,
            updated_at: dialog.updated_at,
            content_updated_at: dialog.content_updated_at,
            status: dialog.status,
            system_label: dialog.system_labels.exclusive(),
            is_api_only: dialog.is_api_only,
            content: self.content(dialog.documents.content),
            search_tags: for_owner
                .then(|| dialog.documents.search_tags.into_iter().map(|value| TagView { value }).collect()),
            service_owner_context: for_owner.then(|| ServiceOwnerContextView {
                revision: dialog.service_owner_context_revision,
                service_owner_labels: service_owner_labels
                    .into_iter()
                    .map(|value| ServiceOwnerLabelView { value })
                    .collect(),
            }),
            dialog_token,
            from_service_owner_transmissions_count: dialog.from_service_owner,
            from_party_transmissions_count: dialog.from_party,
            attachments: dialog
                .documents
                .attachments
                .into_iter()
                .map(|attachment| self.attachment(attachment, attachments_authorized))
                .collect(),
            transmissions,
            gui_actions: dialog.documents.gui_actions.into_iter().map(|a| self.gui_action(a)).collect(),
            api_actions: dialog.documents.api_actions.into_iter().map(|a| self.api_action(a)).collect(),
            activities: activities.into_iter().map(|activity| self.activity(activity)).collect(),
        }
    }

    /// A dialog as lists show it. Where the user's login is too weak for the service, title and
    /// summary give way to the non-sensitive ones, if there are any; its service owner sees all four.
    pub fn listed(&self, listed: ListedDialog, login_is_strong_enough: bool) -> DialogListView {
        let ListedDialog { dialog, gui_attachment_count, latest_activity, seen, service_owner_labels } =
            listed;
        let for_owner = self.shades.is_none();
        // What is shown as the ordinary text, and what beside it.
        let choose = |ordinary, other| {
            if for_owner {
                (ordinary, other)
            } else {
                (ordinary_or_not(ordinary, other, login_is_strong_enough), None)
            }
        };
        let seen_since_last_update = self.seen_since(&seen, dialog.updated_at);
        let seen_since_last_content_update = self.seen_since(&seen, dialog.content_updated_at);
        let end_user_context = end_user_context(&dialog);
        let is_content_seen = dialog.is_content_seen();
        let has_unopened_content = dialog.has_unopened_content();
        let service_resource = dialog.resource_urn();
        let content = dialog.documents.content;
        let content = content.title.is_some().then(|| {
            let (title, non_sensitive_title) = choose(content.title, content.non_sensitive_title);
            let (summary, non_sensitive_summary) = choose(content.summary, content.non_sensitive_summary);
            ContentSummaryView {
                title: self.optional_content(title),
                non_sensitive_title: self.optional_content(non_sensitive_title),
                summary: self.optional_content(summary),
                non_sensitive_summary: self.optional_content(non_sensitive_summary),
                sender_name: self.optional_content(content.sender_name),
                extended_status: self.optional_content(content.extended_status),
            }
        });
        DialogListView {
            id: dialog.id,
            revision: for_owner.then_some(dialog.revision),
            org: dialog.org,
            service_resource,
            service_resource_type: dialog.service_resource_type,
            party: dialog.party.as_str().to_owned(),
            progress: dialog.progress,
            process: dialog.process,
            preceding_process: dialog.preceding_process,
            gui_attachment_count: Some(gui_attachment_count),
            extended_status: dialog.extended_status,
            external_reference: dialog.external_reference,
            created_at: dialog.created_at,
            updated_at: dialog.updated_at,
            content_updated_at: dialog.content_updated_at,
            deleted_at: dialog.deleted_at.filter(|_| for_owner),
            due_at: dialog.due_at,
            visible_from: dialog.visible_from.filter(|_| for_owner),
            status: dialog.status,
            system_label: dialog.system_labels.exclusive(),
            is_api_only: dialog.is_api_only,
            has_unopened_content,
            from_service_owner_transmissions_count: dialog.from_service_owner,
            from_party_transmissions_count: dialog.from_party,
            latest_activity: latest_activity.map(|activity| self.activity(activity)),
            seen_since_last_update,
            seen_since_last_content_update,
            is_content_seen,
            service_owner_context: for_owner.then(|| ServiceOwnerContextView {
                revision: dialog.service_owner_context_revision,
                service_owner_labels: service_owner_labels
                    .into_iter()
                    .map(|value| ServiceOwnerLabelView { value })
                    .collect(),
            }),
            end_user_context,
            content,
        }
    }
}

/// The ordinary text, or the non-sensitive one for those whose login is too weak; where only one is
/// there, that one.
pub(super) fn ordinary_or_not(
    ordinary: Option<ContentValue>,
    other: Option<ContentValue>,
    login_is_strong_enough: bool,
) -> Option<ContentValue> {
    if login_is_strong_enough { ordinary.or(other) } else { other.or(ordinary) }
}

fn end_user_context(dialog: &Dialog) -> EndUserContextView {
    EndUserContextView {
        revision: dialog.end_user_context_revision,
        system_labels: dialog.system_labels.list(),
    }
}
