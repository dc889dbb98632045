//! Who has opened a dialog.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{Reader, SeenView};

/// `GET /dialogs/{dialogId}/seenlog`
pub const SEARCH_SEEN_LOG: Operation = Operation {
    id: "SearchDialogSeenLogs",
    long_id: "V1ServiceOwnerDialogsQueriesSearchSeenLogs_DialogSeenLog",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/seenlog",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<SeenView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists who has opened a dialog, and when, oldest first.",
};

/// `GET /dialogs/{dialogId}/seenlog/{seenLogId}`
pub const GET_SEEN_LOG_ENTRY: Operation = Operation {
    id: "GetDialogSeenLog",
    long_id: "V1ServiceOwnerDialogsQueriesGetSeenLog_DialogSeenLog",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/seenlog/{seenLogId}",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<SeenView>(),
    refusals: &[StatusCode::GONE],
    summary: "Gives one entry of the log of who has opened a dialog.",
};

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    params.finish()?;
    Ok(respond::json(&api.app.seen_log(Reader::ServiceOwner(&caller), dialog).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("seenLogId");
    params.finish()?;
    Ok(respond::json(&api.app.seen_log_entry(Reader::ServiceOwner(&caller), dialog, id).await?))
}
