//! Between rows and domain types.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::StoreFailure;
use crate::dialog::model::{
    Activity, ActivityBody, ApiAction, Attachment, Content, ContentValue, Dialog, Documents, GuiAction,
    SystemLabels, Transmission, TransmissionBody,
};
use crate::dialog::party::PartyUrn;
use crate::dialog::vocabulary::{
    AttachmentUrlConsumerType, DialogActivityType, DialogStatus, DialogTransmissionType,
};
use crate::timestamp::Timestamp;

/// The 64-bit key of a party's URN or a resource's id: the first eight bytes of its SHA-256.
#[must_use]
pub fn key_of(text: &str) -> i64 {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(first)
}

/// The content that lists show.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListDocument {
    pub title: Option<ContentValue>,
    pub non_sensitive_title: Option<ContentValue>,
    pub summary: Option<ContentValue>,
    pub non_sensitive_summary: Option<ContentValue>,
    pub sender_name: Option<ContentValue>,
    pub extended_status: Option<ContentValue>,
    /// Attachments with a link for people.
    #[serde(skip_serializing_if = "is_zero")]
    pub gui_attachment_count: i32,
}

/// The rest of the documents.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DetailDocument {
    additional_info: Option<ContentValue>,
    main_content_reference: Option<ContentValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    search_tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gui_actions: Vec<GuiAction>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    api_actions: Vec<ApiAction>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// The documents as the two columns hold them.
pub fn split_documents(documents: &Documents) -> (Json<ListDocument>, Json<DetailDocument>) {
    let Documents { content, search_tags, attachments, gui_actions, api_actions } = documents.clone();
    let for_people = |attachment: &&Attachment| {
        attachment.urls.iter().any(|url| url.consumer_type == AttachmentUrlConsumerType::Gui)
    };
    let list = ListDocument {
        gui_attachment_count: i32::try_from(attachments.iter().filter(for_people).count())
            .unwrap_or(i32::MAX),
        title: content.title,
        non_sensitive_title: content.non_sensitive_title,
        summary: content.summary,
        non_sensitive_summary: content.non_sensitive_summary,
        sender_name: content.sender_name,
        extended_status: content.extended_status,
    };
    let detail = DetailDocument {
        additional_info: content.additional_info,
        main_content_reference: content.main_content_reference,
        search_tags,
        attachments,
        gui_actions,
        api_actions,
    };
    (Json(list), Json(detail))
}

pub fn join_documents(list: ListDocument, detail: DetailDocument) -> Documents {
    Documents {
        content: Content {
            title: list.title,
            non_sensitive_title: list.non_sensitive_title,
            summary: list.summary,
            non_sensitive_summary: list.non_sensitive_summary,
            sender_name: list.sender_name,
            additional_info: detail.additional_info,
            extended_status: list.extended_status,
            main_content_reference: detail.main_content_reference,
        },
        search_tags: detail.search_tags,
        attachments: detail.attachments,
        gui_actions: detail.gui_actions,
        api_actions: detail.api_actions,
    }
}

/// What has to be selected for [`dialog`], from `dialog d` and `dialog_document doc`.
macro_rules! dialog_columns {
    () => {
        "d.id, d.revision, d.org, d.idempotent_key, d.status, d.extended_status, d.external_reference, \
         d.progress, d.process, d.visible_from, d.due_at, d.expires_at, d.created_at, d.updated_at, \
         d.content_updated_at, d.deleted_at, d.frozen, d.is_api_only, d.is_seen, d.system_labels, \
         d.end_user_context_revision, d.service_owner_context_revision, d.from_service_owner, \
         d.from_party, d.unopened_transmissions, d.contentless_transmissions, d.correspondence_opened, \
         doc.party, doc.service_resource, doc.service_resource_type, doc.preceding_process, doc.list"
    };
}
pub(super) use dialog_columns;

pub fn moment(row: &PgRow, column: &str) -> Result<Timestamp, StoreFailure> {
    Ok(Timestamp::new(row.try_get(column)?))
}

pub fn optional_moment(row: &PgRow, column: &str) -> Result<Option<Timestamp>, StoreFailure> {
    Ok(row.try_get::<Option<_>, _>(column)?.map(Timestamp::new))
}

pub fn damaged(what: &str, id: Uuid) -> StoreFailure {
    StoreFailure::Damaged(format!("{what} of {id}"))
}

/// A dialog whose documents are those of lists alone.
pub fn listed_dialog(row: &PgRow) -> Result<(Dialog, i32), StoreFailure> {
    let Json(list): Json<ListDocument> = row.try_get("list")?;
    let count = list.gui_attachment_count;
    Ok((dialog_with(row, join_documents(list, DetailDocument::default()))?, count))
}

/// A dialog with all its documents; needs the column `detail` as well.
pub fn dialog(row: &PgRow) -> Result<Dialog, StoreFailure> {
    let Json(list): Json<ListDocument> = row.try_get("list")?;
    let Json(detail): Json<DetailDocument> = row.try_get("detail")?;
    dialog_with(row, join_documents(list, detail))
}

fn dialog_with(row: &PgRow, documents: Documents) -> Result<Dialog, StoreFailure> {
    let id = row.try_get("id")?;
    let party: &str = row.try_get("party")?;
    Ok(Dialog {
        id,
        revision: row.try_get("revision")?,
        org: row.try_get("org")?,
        service_resource: row.try_get("service_resource")?,
        service_resource_type: row.try_get("service_resource_type")?,
        party: PartyUrn::parse(party).ok_or_else(|| damaged("party", id))?,
        idempotent_key: row.try_get("idempotent_key")?,
        status: DialogStatus::from_code(row.try_get("status")?).ok_or_else(|| damaged("status", id))?,
        extended_status: row.try_get("extended_status")?,
        external_reference: row.try_get("external_reference")?,
        progress: row.try_get::<Option<i16>, _>("progress")?.map(i32::from),
        process: row.try_get("process")?,
        preceding_process: row.try_get("preceding_process")?,
        visible_from: optional_moment(row, "visible_from")?,
        due_at: optional_moment(row, "due_at")?,
        expires_at: optional_moment(row, "expires_at")?,
        created_at: moment(row, "created_at")?,
        updated_at: moment(row, "updated_at")?,
        content_updated_at: moment(row, "content_updated_at")?,
        deleted_at: optional_moment(row, "deleted_at")?,
        frozen: row.try_get("frozen")?,
        is_api_only: row.try_get("is_api_only")?,
        is_seen: row.try_get("is_seen")?,
        system_labels: SystemLabels(row.try_get("system_labels")?),
        end_user_context_revision: row.try_get("end_user_context_revision")?,
        service_owner_context_revision: row.try_get("service_owner_context_revision")?,
        from_service_owner: row.try_get("from_service_owner")?,
        from_party: row.try_get("from_party")?,
        unopened_transmissions: row.try_get("unopened_transmissions")?,
        contentless_transmissions: row.try_get("contentless_transmissions")?,
        correspondence_opened: row.try_get("correspondence_opened")?,
        documents,
    })
}

/// A transmission as [`transmission_row`](macro@transmission_row) selects it.
pub type TransmissionRow = (Uuid, Timestamp, i16, Option<String>, Option<Uuid>, TransmissionBody);

/// An activity as [`activity_row`](macro@activity_row) selects it.
pub type ActivityRow = (Uuid, Timestamp, i16, Option<Uuid>, ActivityBody);

/// One transmission `t` as a JSON list.
macro_rules! transmission_row {
    () => {
        "json_build_array(t.id, t.created_at, t.type, t.idempotent_key, t.related_id, t.body)"
    };
}
pub(super) use transmission_row;

/// One activity `a` as a JSON list.
macro_rules! activity_row {
    () => {
        "json_build_array(a.id, a.created_at, a.type, a.transmission_id, a.body)"
    };
}
pub(super) use activity_row;

pub fn transmission(row: TransmissionRow) -> Result<Transmission, StoreFailure> {
    let (id, created_at, kind, idempotent_key, related_transmission_id, body) = row;
    let kind = DialogTransmissionType::from_code(kind).ok_or_else(|| damaged("type", id))?;
    Ok(Transmission { id, created_at, r#type: kind, idempotent_key, related_transmission_id, body })
}

pub fn activity(row: ActivityRow) -> Result<Activity, StoreFailure> {
    let (id, created_at, kind, transmission_id, body) = row;
    let kind = DialogActivityType::from_code(kind).ok_or_else(|| damaged("type", id))?;
    Ok(Activity { id, created_at, r#type: kind, transmission_id, body })
}
