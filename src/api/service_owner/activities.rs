//! Activities of a dialog.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::dialogs::add;
use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{IF_MATCH, IS_SILENT_UPDATE};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{ActivityView, Command, NewState, Reader, Request};
use crate::dialog::input::ActivityInput;
use crate::json::Describe;
use crate::timestamp::Timestamp;

/// `GET /dialogs/{dialogId}/activities`
pub const SEARCH_ACTIVITIES: Operation = Operation {
    id: "SearchDialogActivities",
    long_id: "V1ServiceOwnerDialogsQueriesSearchActivities_DialogActivity",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/activities",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<ActivityView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists the activities of a dialog, oldest first.",
};

/// `GET /dialogs/{dialogId}/activities/{activityId}`
pub const GET_ACTIVITY: Operation = Operation {
    id: "GetDialogActivity",
    long_id: "V1ServiceOwnerDialogsQueriesGetActivity_DialogActivity",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/activities/{activityId}",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<ActivityView>(),
    refusals: &[StatusCode::GONE],
    summary: "Gives one activity of a dialog.",
};

/// `POST /dialogs/{dialogId}/activities`
pub const CREATE_ACTIVITY: Operation = Operation {
    id: "CreateDialogActivity",
    long_id: "V1ServiceOwnerDialogsCommandsCreateActivity_DialogActivity",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/activities",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::Json(ActivityInput::describe),
    answer: Answer::CREATED,
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Adds an activity to a dialog.",
};

/// `POST …/activities/{activityId}/actions/updateFormSavedActivityTime`
pub const UPDATE_FORM_SAVED_TIME: Operation = Operation {
    id: "UpdateFormSavedActivityTime",
    long_id: "V1ServiceOwnerDialogsCommandsUpdateFormSavedActivityTime_DialogActivity",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/activities/{activityId}/actions/updateFormSavedActivityTime",
    policy: Policy::ServiceProviderAdmin,
    parameters: &[IF_MATCH],
    body: BodyKind::Json(Timestamp::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Corrects when a form was saved, silently. For administrators.",
};

pub(super) async fn update_form_saved_time(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let activity = params.uuid("activityId");
    let expected = params.expected();
    let key = params.idempotency_key(&caller, digest.as_deref());
    params.finish()?;
    let request = Request { caller: &caller, id, expected: &expected, silent: true, key: key.as_ref() };
    let changed = api.app.change_dialog(request, Command::FormSavedAt(activity, &body)).await?;
    Ok(respond::with_etag(respond::no_content(), changed.revision))
}

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    params.finish()?;
    Ok(respond::json(&api.app.activities(Reader::ServiceOwner(&caller), id).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("activityId");
    params.finish()?;
    Ok(respond::json(&api.app.activity(Reader::ServiceOwner(&caller), dialog, id).await?))
}

pub(super) async fn create(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    add(&api, &caller, params, (&body, digest.as_deref()), NewState::Activity(&body), "activities").await
}
