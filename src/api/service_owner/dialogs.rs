//! Dialogs as their service owners write and read them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{END_USER_ID, IF_MATCH, IF_NONE_MATCH, IS_SILENT_UPDATE};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{DialogView, NewState};
use crate::dialog::input::{CreateDialog, UpdateDialog};
use crate::json::Describe;

/// `POST /dialogs`
pub const CREATE_DIALOG: Operation = Operation {
    id: "CreateDialog",
    long_id: "V1ServiceOwnerDialogsCommandsCreate_Dialog",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs",
    policy: Policy::ServiceProvider,
    parameters: &[IS_SILENT_UPDATE],
    body: BodyKind::Json(CreateDialog::describe),
    answer: Answer::CREATED,
    refusals: &[StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Creates a dialog with everything that belongs to it.",
};

/// `GET /dialogs/{dialogId}`
pub const GET_DIALOG: Operation = Operation {
    id: "GetDialog",
    long_id: "V1ServiceOwnerDialogsQueriesGet_Dialog",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    parameters: &[END_USER_ID, IF_NONE_MATCH],
    body: BodyKind::None,
    answer: Answer::json::<DialogView>().with_etag(),
    refusals: &[StatusCode::GONE],
    summary: "Gives a dialog with everything that belongs to it.",
};

/// `PUT /dialogs/{dialogId}`
pub const UPDATE_DIALOG: Operation = Operation {
    id: "UpdateDialog",
    long_id: "V1ServiceOwnerDialogsCommandsUpdate_Dialog",
    verb: Verb::Put,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::Json(UpdateDialog::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Gives a dialog a whole new state; transmissions and activities are added to those there are.",
};

/// `PATCH /dialogs/{dialogId}`
pub const PATCH_DIALOG: Operation = Operation {
    id: "PatchDialog",
    long_id: "V1ServiceOwnerDialogsPatchDialog",
    verb: Verb::Patch,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::JsonPatch,
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Changes parts of a dialog with a JSON Patch (RFC 6902): all operations, or none.",
};

pub(super) async fn create_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let silent = params.is_silent();
    params.finish()?;
    let created = api.app.create_dialog(&caller, &body, silent).await?;
    let location = format!("/api/v1/serviceowner/dialogs/{}", created.id);
    Ok(respond::with_etag(respond::created(created.id, &location), created.revision))
}

pub(super) async fn get_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    params.finish()?;
    let dialog = api.app.service_owner_dialog(&caller, id).await?;
    let revision = dialog.revision;
    if !caller.impersonated && params.has_revision(revision) {
        let unchanged = StatusCode::NOT_MODIFIED.into_response();
        return Ok(respond::with_etag(unchanged, revision));
    }
    Ok(respond::with_etag(respond::json(&dialog), revision))
}

pub(super) async fn update_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    change(&api, &caller, params, NewState::Replace(&body)).await
}

pub(super) async fn patch_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    change(&api, &caller, params, NewState::Patch(&body)).await
}

async fn change(
    api: &ApiState,
    caller: &crate::access::caller::Caller,
    mut params: Params,
    new_state: NewState<'_>,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let expected = params.expected();
    let silent = params.is_silent();
    params.finish()?;
    let revision = api.app.update_dialog(caller, id, new_state, &expected, silent).await?;
    Ok(respond::with_etag(respond::no_content(), revision))
}
