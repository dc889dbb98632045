//! Dialogs as end users see them.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::ACCEPT_LANGUAGE;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{DetailParts, DialogView};

/// `GET /dialogs/{dialogId}`
pub const GET_DIALOG: Operation = Operation {
    id: "GetDialog",
    long_id: "V1EndUserDialogsQueriesGet_Dialog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}",
    policy: Policy::EndUser,
    parameters: &[ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<DialogView>().with_etag(),
    refusals: &[StatusCode::GONE],
    summary: "Gives a dialog with what the user may see and do, and records that it was opened.",
};

pub(super) async fn get_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    method: Method,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let languages = params.languages();
    params.finish()?;
    let dialog =
        api.app.end_user_dialog(&caller, id, &languages, method == Method::HEAD, DetailParts::ALL).await?;
    let revision = dialog.revision;
    Ok(respond::with_etag(respond::localized(&dialog), revision))
}
