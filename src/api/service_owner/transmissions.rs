//! Transmissions of a dialog.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::dialogs::add;
use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::body::JsonBody;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{IF_MATCH, IS_SILENT_UPDATE, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{Command, NewState, Reader, Request, TransmissionView};
use crate::dialog::correct;
use crate::dialog::input::{CorrectTransmission, TransmissionInput};
use crate::json::{Describe, Path};

/// `GET /dialogs/{dialogId}/transmissions`
pub const SEARCH_TRANSMISSIONS: Operation = Operation {
    id: "SearchDialogTransmissions",
    long_id: "V1ServiceOwnerDialogsQueriesSearchTransmissions_DialogTransmission",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/transmissions",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Vec<TransmissionView>>(),
    refusals: &[StatusCode::GONE],
    summary: "Lists the transmissions of a dialog, newest first.",
};

/// `GET /dialogs/{dialogId}/transmissions/{transmissionId}`
pub const GET_TRANSMISSION: Operation = Operation {
    id: "GetDialogTransmission",
    long_id: "V1ServiceOwnerDialogsQueriesGetTransmission_DialogTransmission",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/transmissions/{transmissionId}",
    policy: Policy::ServiceProvider,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<TransmissionView>(),
    refusals: &[StatusCode::GONE],
    summary: "Gives one transmission of a dialog.",
};

/// `POST /dialogs/{dialogId}/transmissions`
pub const CREATE_TRANSMISSION: Operation = Operation {
    id: "CreateDialogTransmission",
    long_id: "V1ServiceOwnerDialogsCommandsCreateTransmission_DialogTransmission",
    verb: Verb::Post,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/transmissions",
    policy: Policy::ServiceProvider,
    parameters: &[IF_MATCH, IS_SILENT_UPDATE],
    body: BodyKind::Json(TransmissionInput::describe),
    answer: Answer::CREATED,
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Adds a transmission to a dialog.",
};

/// `PUT /dialogs/{dialogId}/transmissions/{transmissionId}`
pub const UPDATE_TRANSMISSION: Operation = Operation {
    id: "UpdateDialogTransmission",
    long_id: "V1ServiceOwnerDialogsCommandsUpdateTransmission_DialogTransmission",
    verb: Verb::Put,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/transmissions/{transmissionId}",
    policy: Policy::ServiceProviderChangeTransmissions,
    parameters: &[
        IF_MATCH,
        Parameter {
            about: "Must be true, here or in the body: corrections are not told to anybody.",
            ..IS_SILENT_UPDATE
        },
    ],
    body: BodyKind::Json(CorrectTransmission::describe),
    answer: Answer::NO_CONTENT.with_etag(),
    refusals: &[StatusCode::GONE, StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Corrects a transmission, silently. Needs a scope of its own.",
};

pub(super) async fn update(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
    JsonBody(body, _): JsonBody,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let transmission = params.uuid("transmissionId");
    let expected = params.expected();
    let silent = params.is_silent() | correct::says_silent(&body, &mut params.failures);
    if !silent {
        params.failures.add(&Path::Root("isSilentUpdate"), "must be true: corrections are silent.");
    }
    params.finish()?;
    let request = Request { caller: &caller, id, expected: &expected, silent: true, key: None };
    let changed = api.app.change_dialog(request, Command::Correct(transmission, &body)).await?;
    Ok(respond::with_etag(respond::no_content(), changed.revision))
}

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    params.finish()?;
    Ok(respond::json(&api.app.transmissions(Reader::ServiceOwner(&caller), id).await?))
}

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let dialog = params.dialog_id();
    let id = params.uuid("transmissionId");
    params.finish()?;
    Ok(respond::json(&api.app.transmission(Reader::ServiceOwner(&caller), dialog, id).await?))
}

pub(super) async fn create(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    params: Params,
    JsonBody(body, digest): JsonBody,
) -> Result<Response, Problem> {
    add(&api, &caller, params, (&body, digest.as_deref()), NewState::Transmission(&body), "transmissions")
        .await
}
