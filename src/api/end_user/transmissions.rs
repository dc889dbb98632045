//! Transmissions of a dialog, as end users see them.

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
use crate::app::{Reader, TransmissionView};

/// `GET /dialogs/{dialogId}/transmissions`
pub const SEARCH_TRANSMISSIONS: Operation = Operation {
    id: "SearchDialogTransmissions",
    long_id: "V1EndUserDialogsQueriesSearchTransmissions_DialogTransmission",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/transmissions",
    policy: Policy::EndUser,
    parameters: &[ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<Vec<TransmissionView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists the transmissions of a dialog, oldest first, with what the user may see.",
};

/// `GET /dialogs/{dialogId}/transmissions/{transmissionId}`
pub const GET_TRANSMISSION: Operation = Operation {
    id: "GetDialogTransmission",
    long_id: "V1EndUserDialogsQueriesGetTransmission_DialogTransmission",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/transmissions/{transmissionId}",
    policy: Policy::EndUser,
    parameters: &[ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<TransmissionView>(),
    refusals: &[StatusCode::GONE],
    summary: "Gives one transmission of a dialog with what the user may see.",
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
    Ok(respond::localized(&api.app.transmissions(reader, dialog).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("transmissionId");
    let languages = params.languages();
    params.finish()?;
    let reader = Reader::EndUser(&caller, &languages);
    Ok(respond::localized(&api.app.transmission(reader, dialog, id).await?))
}
