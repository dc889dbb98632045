//! The services that a user has dialogs about.

use axum::extract::State;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{ACCEPT_LANGUAGE, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::api::search;
use crate::app::AuthorizedServiceResourcesView;
use crate::dialog::limits;

/// `GET /serviceresources`
pub const SEARCH_SERVICE_RESOURCES: Operation = Operation {
    id: "SearchAuthorizedServiceResources",
    long_id: "V1EndUserServiceResourcesSearch_AuthorizedServiceResources",
    verb: Verb::Get,
    path: "/api/v1/enduser/serviceresources",
    policy: Policy::EndUser,
    parameters: &[
        Parameter::query::<Vec<String>>(
            "party",
            "Parties, as URNs, at most 100; all that the user can represent when left out.",
        ),
        ACCEPT_LANGUAGE,
    ],
    body: BodyKind::None,
    answer: Answer::json::<AuthorizedServiceResourcesView>(),
    refusals: &[],
    summary: "Lists the services that the user may see dialogs about, as far as there are such dialogs.",
};

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let parties = search::read_parties(&params.query, limits::END_USER_SEARCH.parties, &mut params.failures);
    let languages = params.languages();
    params.finish()?;
    let services = api.app.authorized_service_resources(&caller, &parties, &languages).await?;
    Ok(respond::localized(&services))
}
