//! Dialogs as their service owners write and read them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, BodyKind, Operation, Verb};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::NewState;

/// `POST /dialogs`
pub const CREATE_DIALOG: Operation = Operation {
    id: "CreateDialog",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs",
    policy: Policy::ServiceProvider,
    body: BodyKind::Json,
    summary: "Creates a dialog with everything that belongs to it.",
};

/// `GET /dialogs/{dialogId}`
pub const GET_DIALOG: Operation = Operation {
    id: "GetDialog",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    body: BodyKind::None,
    summary: "Gives a dialog with everything that belongs to it.",
};

/// `PUT /dialogs/{dialogId}`
pub const UPDATE_DIALOG: Operation = Operation {
    id: "UpdateDialog",
    verb: Verb::Put,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    body: BodyKind::Json,
    summary: "Gives a dialog a whole new state; transmissions and activities are added to those there are.",
};

/// `PATCH /dialogs/{dialogId}`
pub const PATCH_DIALOG: Operation = Operation {
    id: "PatchDialog",
    verb: Verb::Patch,
    path: "/api/v1/serviceowner/dialogs/{dialogId}",
    policy: Policy::ServiceProvider,
    body: BodyKind::JsonPatch,
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
        let unchanged = axum::http::StatusCode::NOT_MODIFIED.into_response();
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
    if id.is_nil() && params.failures.is_empty() && matches!(new_state, NewState::Replace(_)) {
        params.failures.add_key("id", "must not be the all-zero UUID.");
    }
    let expected = params.expected();
    let silent = params.is_silent();
    params.finish()?;
    let revision = api.app.update_dialog(caller, id, new_state, &expected, silent).await?;
    Ok(respond::with_etag(respond::no_content(), revision))
}
