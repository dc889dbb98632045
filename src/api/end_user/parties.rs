//! Whom a user can represent.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::accept;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::PartiesView;

/// `GET /parties`
pub const GET_PARTIES: Operation = Operation {
    id: "GetParties",
    long_id: "V1EndUserAccessManagementQueriesGetParties_Parties",
    verb: Verb::Get,
    path: "/api/v1/enduser/parties",
    policy: Policy::EndUser,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<PartiesView>(),
    refusals: &[StatusCode::NOT_ACCEPTABLE],
    summary: "Lists whom the user can represent.",
};

pub(super) async fn get(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    accept::check_json(&headers)?;
    Ok(respond::json(&api.app.parties(&caller).await?))
}
