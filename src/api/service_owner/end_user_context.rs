//! How end users have sorted the dialogs of a service owner.

use axum::extract::State;
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::paging::{self, CONTINUATION_TOKEN, LIMIT, PaginatedList};
use crate::api::http::parameter::Parameter;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::api::search;
use crate::app::DialogEndUserContextItemView;
use crate::dialog::limits;
use crate::dialog::model::SystemLabels;
use crate::dialog::vocabulary::SystemLabel;
use crate::json::Path;
use crate::store::LabelFilter;
use crate::timestamp::Timestamp;

/// `GET /dialogs/endusercontext`
pub const SEARCH_END_USER_CONTEXT: Operation = Operation {
    id: "SearchDialogEndUserContexts",
    long_id: "V1ServiceOwnerDialogsQueriesSearchEndUserContext_DialogEndUserContext",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/endusercontext",
    policy: Policy::ServiceProviderSearch,
    parameters: &[
        Parameter::query::<Vec<String>>("party", "Parties, as URNs, 1 to 20.").required(),
        Parameter::query::<Option<Timestamp>>("contentUpdatedAfter", "Content last changed then or later."),
        Parameter::query::<Vec<SystemLabel>>("label", "Labels, of which dialogs must have one."),
        CONTINUATION_TOKEN,
        LIMIT,
    ],
    body: BodyKind::None,
    answer: Answer::json::<PaginatedList<DialogEndUserContextItemView>>(),
    refusals: &[],
    summary: "Lists how end users have sorted the service owner's dialogs, newest content first, hidden and deleted dialogs too.",
};

pub(super) async fn search(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let Params { query, failures, .. } = &mut params;
    let parties = search::read_parties(query, limits::SERVICE_OWNER_SEARCH.parties, failures);
    if query.first("party").is_none() {
        failures.add(&Path::Root("party"), "must name at least one party.");
    }
    let names: Vec<_> = SystemLabel::ALL.iter().map(|label| label.name()).collect();
    let one_of = format!("must be one of {}.", names.join(", "));
    let labels = query.list_of("label", &one_of, SystemLabel::from_name, failures);
    let content_updated_after = query.timestamp("contentUpdatedAfter", failures);
    let page = paging::read_newest_first(query, &api.app.seal, failures);
    params.finish()?;
    let labels = labels
        .into_iter()
        .map(SystemLabels::of)
        .fold(SystemLabels(0), |all, one| SystemLabels(all.0 | one.0));
    let filter = LabelFilter { parties, content_updated_after, labels };
    let found = api.app.end_user_contexts(&caller, &filter, &page).await?;
    Ok(respond::json(&PaginatedList {
        items: found.items,
        has_next_page: found.continuation_token.is_some(),
        continuation_token: found.continuation_token,
        order_by: page.order.to_string(),
    }))
}
