//! Service owners search their dialogs.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::paging::{CONTINUATION_TOKEN, LIMIT, ORDER_BY, PaginatedList};
use crate::api::http::parameter::{END_USER_ID, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::api::search;
use crate::app::DialogListView;
use crate::dialog::limits;
use crate::json::Path;

/// Most values of the parameter `party`, and most of them where a person is asked for.
const MAX_PARTIES: usize = limits::SERVICE_OWNER_SEARCH.parties;
const MAX_PARTIES_OF_PERSON: usize = limits::SEARCHED_PARTIES_OF_PERSON;

/// `GET /dialogs`
pub const SEARCH_DIALOGS: Operation = Operation {
    id: "SearchDialogs",
    long_id: "V1ServiceOwnerDialogsQueriesSearch_Dialog",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs",
    policy: Policy::ServiceProviderSearch,
    parameters: &[
        search::SERVICE_RESOURCE,
        Parameter::query::<Vec<String>>(
            "party",
            "Parties, as URNs, at most 20, and at most 100 with `endUserId`.",
        ),
        Parameter {
            about: "A person, as a URN: only dialogs that this person may see. Then `party` or \
                    `serviceResource` is required.",
            ..END_USER_ID
        },
        search::EXTENDED_STATUS,
        search::EXTERNAL_REFERENCE,
        search::STATUS,
        search::DELETED,
        search::CREATED_AFTER,
        search::CREATED_BEFORE,
        search::UPDATED_AFTER,
        search::UPDATED_BEFORE,
        search::CONTENT_UPDATED_AFTER,
        search::CONTENT_UPDATED_BEFORE,
        search::IS_CONTENT_SEEN,
        search::DUE_AFTER,
        search::DUE_BEFORE,
        search::VISIBLE_AFTER,
        search::VISIBLE_BEFORE,
        search::PROCESS,
        search::SYSTEM_LABEL,
        search::SERVICE_OWNER_LABELS,
        search::EXCLUDE_API_ONLY,
        search::SEARCH,
        search::SEARCH_LANGUAGE_CODE,
        ORDER_BY,
        CONTINUATION_TOKEN,
        LIMIT,
    ],
    body: BodyKind::None,
    answer: Answer::json::<PaginatedList<DialogListView>>(),
    refusals: &[StatusCode::UNPROCESSABLE_ENTITY],
    summary: "Lists the service owner's dialogs, newest content first.",
};

pub(super) async fn search_dialogs(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let max_parties = if caller.impersonated { MAX_PARTIES_OF_PERSON } else { MAX_PARTIES };
    let search = search::read(&mut params, &api.app.seal, max_parties, true);
    if caller.impersonated {
        params.check_end_user_urn();
        if params.query.list("party").is_empty() && params.query.list("serviceResource").is_empty() {
            let text = "At least one party or serviceResource is required with endUserId.";
            params.failures.add(&Path::Root("endUserId"), text);
        }
    } else if params.query.first("search").is_some_and(|text| !text.is_empty()) {
        params.failures.add(&Path::Root("search"), "Words can only be searched for with endUserId.");
    }
    params.finish()?;
    let page = api.app.service_owner_search(&caller, &search).await?;
    Ok(respond::json(&PaginatedList::<DialogListView> {
        items: page.items,
        has_next_page: page.has_next_page,
        continuation_token: page.continuation_token,
        order_by: search.page.order.to_string(),
    }))
}
