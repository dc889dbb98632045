//! Dialogs as end users see them.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, Verb};
use crate::api::http::paging::{self, CONTINUATION_TOKEN, LIMIT, ORDER_BY, PaginatedList};
use crate::api::http::parameter::{ACCEPT_LANGUAGE, Parameter};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{DialogListView, DialogSearch, DialogView};
use crate::dialog::limits;
use crate::dialog::model::{RESOURCE_URN_PREFIX, SystemLabels};
use crate::dialog::party::PartyUrn;
use crate::dialog::vocabulary::{DialogStatus, SystemLabel};
use crate::json::{Failures, Path, UriReference};
use crate::search::{Between, Filters};
use crate::timestamp::Timestamp;

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
        Parameter::query::<Vec<String>>("serviceResource", "Services, as URNs, at most 20."),
        Parameter::query::<Vec<String>>("org", "Short codes of service owners, at most 20."),
        Parameter::query::<Vec<DialogStatus>>("status", "How far dialogs have come."),
        Parameter::query::<Vec<String>>("extendedStatus", "Statuses of the services' own, at most 20."),
        Parameter::query::<Option<String>>("externalReference", "The service's own reference."),
        Parameter::query::<Option<String>>("process", "The process that dialogs are part of, as a URI."),
        Parameter::query::<Vec<SystemLabel>>("systemLabel", "Labels, all of which dialogs must have."),
        Parameter::query::<Option<bool>>(
            "excludeApiOnly",
            "Whether to leave out dialogs that only systems should show.",
        ),
        Parameter::query::<Option<bool>>("isContentSeen", "Whether the content has been seen."),
        Parameter::query::<Option<Timestamp>>("createdAfter", "Created then or later."),
        Parameter::query::<Option<Timestamp>>("createdBefore", "Created then or earlier."),
        Parameter::query::<Option<Timestamp>>("updatedAfter", "Last changed then or later."),
        Parameter::query::<Option<Timestamp>>("updatedBefore", "Last changed then or earlier."),
        Parameter::query::<Option<Timestamp>>("contentUpdatedAfter", "Content last changed then or later."),
        Parameter::query::<Option<Timestamp>>(
            "contentUpdatedBefore",
            "Content last changed then or earlier.",
        ),
        Parameter::query::<Option<Timestamp>>("dueAfter", "Due then or later."),
        Parameter::query::<Option<Timestamp>>("dueBefore", "Due then or earlier."),
        Parameter::query::<Option<String>>("search", "Words to be found in the dialog."),
        Parameter::query::<Option<String>>("searchLanguageCode", "Language of these words (ISO 639-1)."),
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

/// What is no URN of a resource: no resource has this id.
const NO_RESOURCE: &str = "";

/// Most values of the parameter `party`.
const MAX_PARTIES: usize = limits::END_USER_SEARCH.parties;
/// Most values of the other list parameters.
const MAX_VALUES: usize = limits::END_USER_SEARCH.resources;

pub(super) async fn get_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    method: Method,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let languages = params.languages();
    params.finish()?;
    let dialog = api.app.end_user_dialog(&caller, id, &languages, method == Method::HEAD).await?;
    let revision = dialog.revision;
    Ok(respond::with_etag(respond::localized(&dialog), revision))
}

pub(super) async fn search_dialogs(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let languages = params.languages();
    let search = read_search(&mut params);
    params.finish()?;
    let page = api.app.end_user_search(&caller, &search, &languages).await?;
    let list: PaginatedList<DialogListView> = PaginatedList {
        items: page.items,
        has_next_page: page.has_next_page,
        continuation_token: page.continuation_token,
        order_by: search.page.order.to_string(),
    };
    Ok(respond::localized(&list))
}

fn read_search(params: &mut Params) -> DialogSearch {
    let Params { query, failures, .. } = params;
    let parties = query.list("party");
    let resources = query.list("serviceResource");
    if parties.is_empty() && resources.is_empty() {
        for name in ["party", "serviceResource"] {
            failures.add(&Path::Root(name), "At least one party or serviceResource is required.");
        }
    }
    at_most(MAX_PARTIES, &parties, "party", failures);
    // What is too long a list is not looked at item by item.
    let parties = if parties.len() > MAX_PARTIES { Vec::new() } else { parties };
    at_most(MAX_VALUES, &resources, "serviceResource", failures);
    let mut wanted = Vec::with_capacity(parties.len());
    for (index, party) in parties.iter().enumerate() {
        match PartyUrn::parse_dialog_party(party) {
            Some(party) => wanted.push(party),
            None => {
                failures
                    .add(&Path::Root("party").item(index), "must be the URN of a person or organisation.");
            }
        }
    }
    // What is no URN of a resource is kept: it matches nothing.
    let resources = resources
        .into_iter()
        .map(|urn| urn.to_lowercase())
        .map(|urn| urn.strip_prefix(RESOURCE_URN_PREFIX).unwrap_or(NO_RESOURCE).to_owned())
        .collect();
    for name in ["search", "searchLanguageCode"] {
        if query.first(name).is_some_and(|value| !value.is_empty()) {
            failures.add(&Path::Root(name), "Free-text search is not possible yet.");
        }
    }
    let filters = read_filters(query, failures);
    let page = paging::read(query, failures);
    DialogSearch { parties: wanted, resources, filters, page }
}

fn read_filters(query: &crate::api::http::query::Query, failures: &mut Failures) -> Filters {
    let org = query.list("org");
    at_most(MAX_VALUES, &org, "org", failures);
    let extended_status = query.list("extendedStatus");
    at_most(MAX_VALUES, &extended_status, "extendedStatus", failures);
    let process = query.text("process", failures);
    if let Some(uri) = &process {
        if !UriReference::is_well_formed(uri) {
            failures.add(&Path::Root("process"), "must be a well-formed URI (RFC 3986).");
        }
        if uri.encode_utf16().count() > limits::URI {
            failures.add(&Path::Root("process"), format!("must be at most {} characters.", limits::URI));
        }
    }
    let names = |all: Vec<&str>| format!("must be one of {}.", all.join(", "));
    let labels = query.list_of(
        "systemLabel",
        &names(SystemLabel::ALL.iter().map(|label| label.name()).collect()),
        SystemLabel::from_name,
        failures,
    );
    let status = query.list_of(
        "status",
        &names(DialogStatus::ALL.iter().map(|status| status.name()).collect()),
        DialogStatus::from_name,
        failures,
    );
    Filters {
        org,
        status,
        extended_status,
        external_reference: query.text("externalReference", failures),
        process,
        system_labels: (!labels.is_empty()).then(|| {
            labels
                .into_iter()
                .map(SystemLabels::of)
                .fold(SystemLabels(0), |all, one| SystemLabels(all.0 | one.0))
        }),
        exclude_api_only: query.boolean("excludeApiOnly", failures).unwrap_or(false),
        is_content_seen: query.boolean("isContentSeen", failures),
        created: between(query, "createdAfter", "createdBefore", failures),
        updated: between(query, "updatedAfter", "updatedBefore", failures),
        content_updated: between(query, "contentUpdatedAfter", "contentUpdatedBefore", failures),
        due: between(query, "dueAfter", "dueBefore", failures),
    }
}

fn at_most(most: usize, values: &[String], name: &str, failures: &mut Failures) {
    if values.len() > most {
        failures.add(&Path::Root(name), format!("must have at most {most} values; got {}.", values.len()));
        return;
    }
    for (index, value) in values.iter().enumerate() {
        let length = value.encode_utf16().count();
        if length > limits::TEXT {
            let text = format!("must be at most {} characters; got {length}.", limits::TEXT);
            failures.add(&Path::Root(name).item(index), text);
        }
    }
}

fn between(
    query: &crate::api::http::query::Query,
    after_name: &str,
    before_name: &str,
    failures: &mut Failures,
) -> Between {
    let after = query.timestamp(after_name, failures);
    let before = query.timestamp(before_name, failures);
    if let (Some(after), Some(before)) = (after, before)
        && after > before
    {
        failures.add(&Path::Root(after_name), format!("must not be later than {before_name}."));
    }
    Between { after, before }
}
