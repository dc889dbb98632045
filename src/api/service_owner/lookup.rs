//! Which dialog a reference leads to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{ACCEPT_LANGUAGE, INSTANCE_REF};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{IdentifierLookupView, Reader};

/// `GET /dialoglookup`
pub const GET_DIALOG_LOOKUP: Operation = Operation {
    id: "GetDialogLookup",
    long_id: "V1ServiceOwnerDialogLookupQueriesGet_DialogLookup",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialoglookup",
    policy: Policy::ServiceProvider,
    parameters: &[INSTANCE_REF, ACCEPT_LANGUAGE],
    body: BodyKind::None,
    answer: Answer::json::<IdentifierLookupView>(),
    refusals: &[StatusCode::NOT_FOUND, StatusCode::CONFLICT],
    summary: "Finds the dialog of an app instance, a correspondence or a dialog id.",
};

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let reference = params.instance_reference();
    let languages = params.languages();
    params.finish()?;
    let reader = Reader::ServiceOwner(&caller);
    Ok(respond::localized(&api.app.lookup(reader, &reference, &languages).await?))
}
