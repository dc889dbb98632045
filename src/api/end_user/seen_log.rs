//! Who has opened a dialog, as end users see it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{Languages, Reader, SeenView};

/// `GET /dialogs/{dialogId}/seenlog`
pub const SEARCH_SEEN_LOG: Operation = Operation {
    id: "SearchDialogSeenLogs",
    long_id: "V1EndUserDialogsQueriesSearchSeenLogs_DialogSeenLog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/seenlog",
    policy: Policy::EndUser,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<SeenView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists who has opened a dialog, and when, oldest first.",
};

/// `GET /dialogs/{dialogId}/seenlog/{seenLogId}`
pub const GET_SEEN_LOG_ENTRY: Operation = Operation {
    id: "GetDialogSeenLog",
    long_id: "V1EndUserDialogsQueriesGetSeenLog_DialogSeenLog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/seenlog/{seenLogId}",
    policy: Policy::EndUser,
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
    let languages = Languages::default();
    Ok(respond::json(&api.app.seen_log(Reader::EndUser(&caller, &languages), dialog).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("seenLogId");
    params.finish()?;
    let languages = Languages::default();
    Ok(respond::json(&api.app.seen_log_entry(Reader::EndUser(&caller, &languages), dialog, id).await?))
}
