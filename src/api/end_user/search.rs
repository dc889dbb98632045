//! End users search their dialogs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::paging::{CONTINUATION_TOKEN, LIMIT, ORDER_BY, PaginatedList};
use crate::api::http::parameter::{ACCEPT_LANGUAGE, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::api::search;
use crate::app::{DialogListView, ListParts};
use crate::dialog::limits;

/// Most values of the parameter `party`.
const MAX_PARTIES: usize = limits::END_USER_SEARCH.parties;

/// `GET /dialogs`
pub const SEARCH_DIALOGS: Operation = Operation {
    id: "SearchDialogs",
    long_id: "V1EndUserDialogsQueriesSearch_Dialog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs",
    policy: Policy::EndUser,
    parameters: &[
        Parameter::query::<Vec<String>>(
            "party",
            "Parties, as URNs, at most 100; this or `serviceResource` is required.",
        ),
        search::SERVICE_RESOURCE,
        search::ORG,
        search::STATUS,
        search::EXTENDED_STATUS,
        search::EXTERNAL_REFERENCE,
        search::PROCESS,
        search::SYSTEM_LABEL,
        search::EXCLUDE_API_ONLY,
        search::IS_CONTENT_SEEN,
        search::CREATED_AFTER,
        search::CREATED_BEFORE,
        search::UPDATED_AFTER,
        search::UPDATED_BEFORE,
        search::CONTENT_UPDATED_AFTER,
        search::CONTENT_UPDATED_BEFORE,
        search::DUE_AFTER,
        search::DUE_BEFORE,
        search::SEARCH,
        search::SEARCH_LANGUAGE_CODE,
        ORDER_BY,
        CONTINUATION_TOKEN,
        LIMIT,
        ACCEPT_LANGUAGE,
    ],
    body: BodyKind::None,
    answer: Answer::json::<PaginatedList<DialogListView>>(),
    refusals: &[StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Lists dialogs of parties that the user represents, newest content first.",
};

pub(super) async fn search_dialogs(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let languages = params.languages();
    let search = search::read(&mut params, &api.app.seal, MAX_PARTIES, false);
    let (parties, resources) = (params.query.list("party"), params.query.list("serviceResource"));
    search::check_is_narrow(&parties, &resources, &mut params.failures);
    params.finish()?;
    let page = api.app.end_user_search(&caller, &search, &languages, ListParts::ALL).await?;
    let list: PaginatedList<DialogListView> = PaginatedList {
        items: page.items,
        has_next_page: page.has_next_page,
        continuation_token: page.continuation_token,
        order_by: search.page.order.to_string(),
    };
    Ok(respond::localized(&list))
}
