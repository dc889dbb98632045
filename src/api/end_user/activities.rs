//! Activities of a dialog, as end users see them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::ACCEPT_LANGUAGE;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{ActivityView, Reader};

/// `GET /dialogs/{dialogId}/activities`
pub const SEARCH_ACTIVITIES: Operation = Operation {
    id: "SearchDialogActivities",
    long_id: "V1EndUserDialogsQueriesSearchActivities_DialogActivity",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/activities",
    policy: Policy::EndUser,
    parameters: &[ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<Vec<ActivityView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists the activities of a dialog, oldest first.",
};

/// `GET /dialogs/{dialogId}/activities/{activityId}`
pub const GET_ACTIVITY: Operation = Operation {
    id: "GetDialogActivity",
    long_id: "V1EndUserDialogsQueriesGetActivity_DialogActivity",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/activities/{activityId}",
    policy: Policy::EndUser,
    parameters: &[ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<ActivityView>(),
    refusals: &[StatusCode::GONE],
    summary: "Gives one activity of a dialog.",
};

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let languages = params.languages();
    params.finish()?;
    let reader = Reader::EndUser(&caller, &languages);
    Ok(respond::localized(&api.app.activities(reader, dialog).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("activityId");
    let languages = params.languages();
    params.finish()?;
    let reader = Reader::EndUser(&caller, &languages);
    Ok(respond::localized(&api.app.activity(reader, dialog, id).await?))
}
