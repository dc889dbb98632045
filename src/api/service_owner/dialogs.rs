//! Dialogs as their service owners write and read them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::access::caller::Caller;
use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{END_USER_ID, IF_MATCH, IF_NONE_MATCH, IS_SILENT_UPDATE};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{Command, DialogView, NewState, Request};
use crate::dialog::correct::says_silent;
use crate::dialog::input::{CreateDialog, UpdateDialog};
use crate::dialog::lifecycle::Step;
use crate::json::{Describe, Json};

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

/// `DELETE /dialogs/{dialogId}`
pub const DELETE_DIALOG: Operation = Operation {
    id: "DeleteDialog",
    long_id: "V1ServiceOwnerDialogsCommandsDelete_Dialog",
    verb: Verb::Delete,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::None,
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE],
    summary: "Deletes a dialog: end users no longer see it. It can be restored.",
};

/// `POST /dialogs/{dialogId}/actions/restore`
pub const RESTORE_DIALOG: Operation = Operation {
    id: "RestoreDialog",
    long_id: "V1ServiceOwnerDialogsCommandsRestore_Dialog",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/actions/restore",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::None,
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[],
    summary: "Restores a deleted dialog. One that is not deleted stays as it is.",
};

/// `POST /dialogs/{dialogId}/actions/purge`
pub const PURGE_DIALOG: Operation = Operation {
    id: "PurgeDialog",
    long_id: "V1ServiceOwnerDialogsCommandsPurge_Dialog",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/actions/purge",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::None,
    answer: Answer::NO_CONTENT,
    refusals: &[],
    summary: "Removes a dialog for good, with everything that belongs to it.",
};

/// `POST /dialogs/{dialogId}/actions/freeze`
pub const FREEZE_DIALOG: Operation = Operation {
    id: "FreezeDialog",
    long_id: "V1ServiceOwnerDialogsCommandsFreeze_FreezeDialog",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/actions/freeze",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH],
    body: BodyKind::None,
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE],
    summary: "Freezes a dialog: from now on only administrators can change it. For administrators.",
};

pub(super) async fn create_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    let silent = params.is_silent();
    let key = params.idempotency_key(&caller, digest.as_deref());
    params.finish()?;
    let created = api.app.create_dialog(&caller, &body, silent, key.as_ref()).await?;
    let location = format!("/api/v1/serviceowner/dialogs/{}", created.id);
    Ok(respond::with_etag(respond::created(created.id, &location), created.revision))
}

pub(super) async fn get_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    params.check_end_user_urn();
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
    JsonBody(body, _): JsonBody,
) -> Result<Response, Problem> {
    change(&api, &caller, params, NewState::Replace(&body)).await
}

pub(super) async fn patch_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
    JsonBody(body, _): JsonBody,
) -> Result<Response, Problem> {
    change(&api, &caller, params, NewState::Patch(&body)).await
}

async fn change(
    api: &ApiState,
    caller: &Caller,
    mut params: Params,
    new_state: NewState<'_>,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    if matches!(new_state, NewState::Replace(_)) {
        refuse_nil(id, &mut params);
    }
    let expected = params.expected();
    let silent = params.is_silent();
    params.finish()?;
    let request = Request { caller, id, expected: &expected, silent, key: None };
    let changed = api.app.change_dialog(request, Command::Become(new_state)).await?;
    Ok(respond::with_etag(respond::no_content(), changed.revision))
}

/// The all-zero UUID is never the id of a dialog.
fn refuse_nil(id: Uuid, params: &mut Params) {
    if id.is_nil() && params.failures.is_empty() {
        params.failures.add_key("id", "must not be the all-zero UUID.");
    }
}

/// Adds one transmission or activity. Whether that is silent may be said in the body too.
pub(super) async fn add(
    api: &ApiState,
    caller: &Caller,
    mut params: Params,
    (body, digest): (&Json, Option<&[u8]>),
    new_state: NewState<'_>,
    children: &str,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let expected = params.expected();
    let silent = params.is_silent() || says_silent(body, &mut params.failures);
    let key = params.idempotency_key(caller, digest);
    params.finish()?;
    let request = Request { caller, id, expected: &expected, silent, key: key.as_ref() };
    let changed = api.app.change_dialog(request, Command::Become(new_state)).await?;
    let added = changed.added.unwrap_or_default();
    let location = format!("/api/v1/serviceowner/dialogs/{id}/{children}/{added}");
    Ok(respond::with_etag(respond::created(added, &location), changed.revision))
}

pub(super) async fn delete_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
) -> Result<Response, Problem> {
    take_step(&api, &caller, params, Step::Delete).await
}

pub(super) async fn restore_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
) -> Result<Response, Problem> {
    take_step(&api, &caller, params, Step::Restore).await
}

pub(super) async fn freeze_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
) -> Result<Response, Problem> {
    take_step(&api, &caller, params, Step::Freeze).await
}

async fn take_step(
    api: &ApiState,
    caller: &Caller,
    mut params: Params,
    step: Step,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let expected = params.expected();
    let silent = step != Step::Freeze && params.is_silent();
    let key = if step == Step::Delete { None } else { params.idempotency_key(caller, None) };
    params.finish()?;
    let changed = api
        .app
        .change_dialog(
            Request { caller, id, expected: &expected, silent, key: key.as_ref() },
            Command::Take(step),
        )
        .await?;
    Ok(respond::with_etag(respond::no_content(), changed.revision))
}

pub(super) async fn purge_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    refuse_nil(id, &mut params);
    let expected = params.expected();
    let silent = params.is_silent();
    let key = params.idempotency_key(&caller, None);
    params.finish()?;
    let request = Request { caller: &caller, id, expected: &expected, silent, key: key.as_ref() };
    api.app.change_dialog(request, Command::Purge).await?;
    Ok(respond::no_content())
}
