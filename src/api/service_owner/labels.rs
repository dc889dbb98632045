//! Labels: the service owner's own, and the end user's.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{END_USER_ID, IF_MATCH, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{LabelCommand, ServiceOwnerLabelView};
use crate::dialog::labels::{BulkSetSystemLabels, LabelToAdd, SetSystemLabels};
use crate::dialog::limits;
use crate::json::Describe;

/// The published contract spells the name so here.
const END_USER: Parameter = Parameter { name: "enduserId", ..END_USER_ID };

/// `GET /dialogs/{dialogId}/context/labels`
pub const GET_LABELS: Operation = Operation {
    id: "GetServiceOwnerLabels",
    long_id: "V1ServiceOwnerServiceOwnerContextQueriesGetServiceOwnerLabel_ServiceOwnerLabel",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/context/labels",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<ServiceOwnerLabelView>>().with_etag(),
    refusals: &[],
    summary: "Lists the service owner's labels of a dialog.",
};

/// `POST /dialogs/{dialogId}/context/labels`
pub const CREATE_LABEL: Operation = Operation {
    id: "CreateServiceOwnerLabel",
    long_id: "V1ServiceOwnerServiceOwnerContextCommandsCreateServiceOwnerLabel_ServiceOwnerLabel",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/context/labels",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH],
    body: BodyKind::Json(LabelToAdd::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[],
    summary: "Adds a label of the service owner to a dialog.",
};

/// `DELETE /dialogs/{dialogId}/context/labels/{label}`
pub const DELETE_LABEL: Operation = Operation {
    id: "DeleteServiceOwnerLabel",
    long_id: "V1ServiceOwnerServiceOwnerContextCommandsDeleteServiceOwnerLabel_ServiceOwnerLabel",
    verb: Verb::Delete,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/context/labels/{label}",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH],
    body: BodyKind::None,
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[],
    summary: "Removes a label of the service owner from a dialog.",
};

/// `PUT /dialogs/{dialogId}/endusercontext/systemlabels`
pub const SET_SYSTEM_LABELS: Operation = Operation {
    id: "SetDialogSystemLabels",
    long_id: "V1ServiceOwnerEndUserContextCommandsSetSystemLabel_SetDialogSystemLabels",
    verb: Verb::Put,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/endusercontext/systemlabels",
    policy: Policy::ServiceProvider,
    parameters: &[END_USER, IF_MATCH],
    body: BodyKind::Json(SetSystemLabels::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Changes the labels of a dialog on behalf of an end user.",
};

/// `POST /dialogs/endusercontext/systemlabels/actions/bulkset`
pub const BULK_SET_SYSTEM_LABELS: Operation = Operation {
    id: "BulkSetDialogSystemLabels",
    long_id: "V1ServiceOwnerEndUserContextCommandsBulkSetSystemLabels_BulkSetDialogSystemLabels",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/endusercontext/systemlabels/actions/bulkset",
    policy: Policy::ServiceProvider,
    parameters: &[END_USER],
    body: BodyKind::Json(BulkSetSystemLabels::describe),
    answer: Answer::NO_CONTENT,
    refusals: &[StatusCode::NOT_FOUND, StatusCode::PRECONDITION_FAILED, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Changes the labels of several dialogs on behalf of an end user: of all, or of none.",
};

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    params.finish()?;
    let stored = api.app.labels(&caller, id).await?;
    let labels: Vec<_> = stored.labels.into_iter().map(|value| ServiceOwnerLabelView { value }).collect();
    Ok(respond::with_etag(respond::json(&labels), stored.revision))
}

pub(super) async fn create(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let expected = params.expected();
    let key = params.idempotency_key(&caller, digest.as_deref());
    params.finish()?;
    let revision =
        api.app.change_label(&caller, id, &expected, LabelCommand::Add(&body), key.as_ref()).await?;
    Ok(respond::with_etag(respond::no_content(), revision))
}

pub(super) async fn delete(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let label = params.text("label");
    let expected = params.expected();
    params.finish()?;
    let revision = api.app.change_label(&caller, id, &expected, LabelCommand::Remove(&label), None).await?;
    Ok(respond::with_etag(respond::no_content(), revision))
}

pub(super) async fn set_system_labels(
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

pub(super) async fn bulk_set_system_labels(
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
