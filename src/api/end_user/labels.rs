//! Labels by which end users sort their dialogs, and the log of them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::IF_MATCH;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{LabelLogView, Languages, Reader};
use crate::dialog::labels::{BulkSetSystemLabels, SetSystemLabels};
use crate::dialog::limits;
use crate::json::Describe;

/// `GET /dialogs/{dialogId}/context/labellog`
pub const SEARCH_LABEL_LOG: Operation = Operation {
    id: "SearchDialogLabelAssignmentLogs",
    long_id: "V1EndUserEndUserContextQueriesSearchLabelAssignmentLogs_DialogLabelAssignmentLog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/context/labellog",
    policy: Policy::EndUser,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<LabelLogView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists how the labels of a dialog have changed, oldest first.",
};

/// `PUT /dialogs/{dialogId}/context/systemlabels`
pub const SET_SYSTEM_LABELS: Operation = Operation {
    id: "SetDialogSystemLabels",
    long_id: "V1EndUserEndUserContextCommandsSetSystemLabel_SetDialogSystemLabels",
    verb: Verb::Put,
    path: "/api/v1/enduser/dialogs/{dialogId}/context/systemlabels",
    policy: Policy::EndUser,
    parameters: &[IF_MATCH],
    body: BodyKind::Json(SetSystemLabels::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Changes the labels of a dialog.",
};

/// `POST /dialogs/context/systemlabels/actions/bulkset`
pub const BULK_SET_SYSTEM_LABELS: Operation = Operation {
    id: "BulkSetDialogSystemLabels",
    long_id: "V1EndUserEndUserContextCommandsBulkSetSystemLabels_BulkSetDialogSystemLabels",
    verb: Verb::Post,
    path: "/api/v1/enduser/dialogs/context/systemlabels/actions/bulkset",
    policy: Policy::EndUser,
    parameters: &[],
    body: BodyKind::Json(BulkSetSystemLabels::describe),
    answer: Answer::NO_CONTENT,
    refusals: &[StatusCode::NOT_FOUND, StatusCode::PRECONDITION_FAILED, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Changes the labels of several dialogs: of all, or of none.",
};

pub(super) async fn search_log(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    params.finish()?;
    let languages = Languages::default();
    Ok(respond::json(&api.app.label_log(Reader::EndUser(&caller, &languages), dialog).await?))
}

pub(super) async fn set(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, _): JsonBody,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let expected = params.expected();
    params.finish()?;
    let revision = api.app.set_system_labels(&caller, id, &expected, &body).await?;
    Ok(respond::with_etag(respond::no_content(), revision))
}

pub(super) async fn bulk_set(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    let key = params.idempotency_key(&caller, digest.as_deref());
    params.finish()?;
    api.app.bulk_set_system_labels(&caller, &body, &limits::BULK_DIALOGS, key.as_ref()).await?;
    Ok(respond::no_content())
}
