//! Lists of dialogs.

use async_graphql::{InputObject, Result, SimpleObject};

use super::dialog::{Activity, ContentValue, EndUserContext, SeenLog};
use super::error::{explained_input, sentence, top_level};
use super::selection::Shown;
use super::shape::{Id, Of, errors, object};
use super::vocabulary::{DialogStatus, OrderDirection, SystemLabel};
use crate::access::caller::Caller;
use crate::api::ApiState;
use crate::api::http::paging;
use crate::api::search::{SearchInput, check_is_narrow};
use crate::app::{ContentSummaryView, DialogListView, DialogSearch, Failure, Languages, ListParts};
use crate::dialog::limits;
use crate::dialog::refusal::Refusal;
use crate::json::Failures;
use crate::search::{Between, Column, Direction, OrderBy};
use crate::timestamp::Timestamp;

/// What is searched for. Lists that are null or empty, like values that are null, allow everything.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct SearchDialogInput {
    /// Short codes of service owners, at most 20.
    org: Option<Vec<String>>,
    /// Services, as URNs, at most 20; this or `party` is required.
    service_resource: Option<Vec<String>>,
    /// Parties, as URNs, at most 100; this or `serviceResource` is required.
    party: Option<Vec<String>>,
    /// Statuses of the services' own, at most 20.
    extended_status: Option<Vec<String>>,
    /// The service's own reference.
    external_reference: Option<String>,
    /// How far dialogs have come.
    status: Option<Vec<DialogStatus>>,
    /// The process that dialogs are part of, as a URI.
    process: Option<String>,
    /// Labels, all of which dialogs must have.
    system_label: Option<Vec<SystemLabel>>,
    /// Whether to leave out dialogs that only systems should show; false when left out.
    exclude_api_only: Option<bool>,
    /// Created then or later.
    created_after: Option<Timestamp>,
    /// Created then or earlier.
    created_before: Option<Timestamp>,
    /// Content last changed then or later.
    content_updated_after: Option<Timestamp>,
    /// Content last changed then or earlier.
    content_updated_before: Option<Timestamp>,
    /// Whether the content has been seen.
    is_content_seen: Option<bool>,
    /// Last changed then or later.
    updated_after: Option<Timestamp>,
    /// Last changed then or earlier.
    updated_before: Option<Timestamp>,
    /// Due then or later.
    due_after: Option<Timestamp>,
    /// Due then or earlier.
    due_before: Option<Timestamp>,
    /// Words to be found in the dialog, 3 to 500 characters.
    search: Option<String>,
    /// Language of the words (ISO 639-1).
    search_language_code: Option<String>,
    /// Most items on the page, from 1 to 1000; 100 when left out.
    limit: Option<i32>,
    /// Where to go on, as the page before says; needs the `orderBy` of that page.
    continuation_token: Option<String>,
    /// Order of the items: objects with one member each. Newest content first when left out.
    order_by: Option<Vec<SearchDialogSortTypeInput>>,
}

/// One thing to order by: exactly one member is given.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(super) struct SearchDialogSortTypeInput {
    /// By `createdAt`.
    created_at: Option<OrderDirection>,
    /// By `updatedAt`.
    updated_at: Option<OrderDirection>,
    /// By `dueAt`.
    due_at: Option<OrderDirection>,
    /// By `contentUpdatedAt`.
    content_updated_at: Option<OrderDirection>,
}

/// One thing that the items are ordered by: one member is there.
#[derive(Clone, Copy, Debug, Default, SimpleObject)]
pub(super) struct SearchDialogSortType {
    /// By `createdAt`.
    created_at: Option<OrderDirection>,
    /// By `updatedAt`.
    updated_at: Option<OrderDirection>,
    /// By `dueAt`.
    due_at: Option<OrderDirection>,
    /// By `contentUpdatedAt`.
    content_updated_at: Option<OrderDirection>,
}

/// One page of dialogs, or why there is none.
#[derive(Clone, Debug, Default, SimpleObject)]
pub(super) struct SearchDialogsPayload {
    /// At most as many as asked for; null where there are errors.
    items: Option<Shown<Vec<SearchDialog>>>,
    /// Whether there are more.
    has_next_page: bool,
    /// Where the next page starts; there on the last page too, for those who wait for more.
    continuation_token: Option<String>,
    /// The order of the items.
    order_by: Vec<SearchDialogSortType>,
    /// Why there are none.
    errors: Vec<SearchDialogError>,
}

errors! {
    /// Why there are no dialogs.
    SearchDialogError {
        /// The search breaks a rule.
        SearchDialogValidationError {
            /// What it is about, such as `input.party[0]`.
            field: Option<String>,
        },
        /// The user may not search so. Never so far: a user who may see nothing finds nothing, and a token
        /// that does not open the graph is an error beside the data.
        SearchDialogForbidden {},
        /// The search takes too long; a narrower one will do.
        SearchDialogDomainError {},
        /// The continuation token is not one of this search.
        SearchDialogContinuationTokenParsingError {
            /// What it is about: `input.continuationToken`.
            field: Option<String>,
        },
        /// The order is none.
        SearchDialogOrderByParsingError {
            /// What it is about, such as `input.orderBy[1]`.
            field: Option<String>,
        },
    }
}

object! {
    /// A dialog as lists show it.
    SearchDialog of DialogListView {
        /// Its id.
        id: Id,
        /// Short code of the service owner.
        org: String,
        /// The service, as a URN.
        service_resource: String,
        /// Type of the service in the Resource Registry.
        service_resource_type: String,
        /// The person or organisation the dialog belongs to, as a URN.
        party: String,
        /// How far the process has come, from 0 to 100.
        progress: Option<i32>,
        /// The process this dialog is part of.
        process: Option<String>,
        /// The process before that one.
        preceding_process: Option<String>,
        /// Documents with a link for people.
        gui_attachment_count: Option<i32>,
        /// A status of the service's own.
        extended_status: Option<String>,
        /// A reference of the service's own.
        external_reference: Option<String>,
        /// When it was created.
        created_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// When its content last changed.
        content_updated_at: Timestamp,
        /// When the user should have acted.
        due_at: Option<Timestamp>,
        /// How far it has come.
        status: DialogStatus,
        /// Whether something is still to be opened.
        has_unopened_content: bool,
        /// Whether only systems should show it.
        is_api_only: bool,
        /// Transmissions that the service owner sent.
        from_service_owner_transmissions_count: i32,
        /// Transmissions that the party sent.
        from_party_transmissions_count: i32,
        /// The newest activity.
        latest_activity: Option<Activity>,
        /// Its texts.
        content: SearchContent,
        /// Who has opened it since it last changed.
        seen_since_last_update: Vec<SeenLog>,
        /// Who has opened it since its content last changed.
        seen_since_last_content_update: Vec<SeenLog>,
        /// Whether the content has been seen and nobody has marked it as unopened.
        is_content_seen: bool,
        /// The end user's side.
        end_user_context: EndUserContext,
    }
}

object! {
    /// The texts of a dialog in a list.
    SearchContent of ContentSummaryView {
        /// The headline.
        title: ContentValue,
        /// A short overview.
        summary: Option<ContentValue>,
        /// Shown instead of the service owner's name.
        sender_name: Option<ContentValue>,
        /// What the extended status means.
        extended_status: Option<ContentValue>,
    }
}

/// A dialog for systems may have no texts.
impl Of<Option<ContentSummaryView>> for SearchContent {
    fn of(view: Option<ContentSummaryView>) -> Self {
        view.map_or_else(
            || Self { title: ContentValue::none(), summary: None, sender_name: None, extended_status: None },
            Self::of,
        )
    }
}

impl SearchDialogSortTypeInput {
    /// What is given.
    fn columns(self) -> Vec<(Column, Direction)> {
        let members = [
            (Column::CreatedAt, self.created_at),
            (Column::UpdatedAt, self.updated_at),
            (Column::DueAt, self.due_at),
            (Column::ContentUpdatedAt, self.content_updated_at),
        ];
        members.into_iter().filter_map(|(column, direction)| Some((column, direction?.into()))).collect()
    }
}

/// The order without the id, by which it always ends.
fn shown(order: &OrderBy) -> Vec<SearchDialogSortType> {
    let shown = |(column, direction): &(Column, Direction)| {
        let direction = Some(OrderDirection::from(*direction));
        let none = SearchDialogSortType::default();
        match column {
            Column::CreatedAt => Some(SearchDialogSortType { created_at: direction, ..none }),
            Column::UpdatedAt => Some(SearchDialogSortType { updated_at: direction, ..none }),
            Column::DueAt => Some(SearchDialogSortType { due_at: direction, ..none }),
            Column::ContentUpdatedAt => Some(SearchDialogSortType { content_updated_at: direction, ..none }),
            Column::Id => None,
        }
    };
    order.columns().iter().filter_map(shown).collect()
}

fn invalid(path: &str, text: &str) -> SearchDialogError {
    SearchDialogValidationError { message: sentence(path, text), field: Some(format!("input.{path}")) }.into()
}

fn invalid_all(failures: &Failures) -> Vec<SearchDialogError> {
    explained_input(failures)
        .map(|(field, message)| SearchDialogValidationError { message, field }.into())
        .collect()
}

/// As many columns as there are to order by.
const ORDER_COLUMNS: usize = 4;

impl SearchDialogInput {
    /// The order that is asked for.
    fn order(&self, errors: &mut Vec<SearchDialogError>) -> Option<OrderBy> {
        let Some(items) = &self.order_by else {
            if self.continuation_token.is_some() {
                errors.push(invalid("orderBy", "is required with continuationToken."));
            }
            return None;
        };
        if items.is_empty() {
            errors.push(invalid("orderBy", "must not be an empty list."));
            return None;
        }
        if items.len() > ORDER_COLUMNS {
            let text = format!("must have at most {ORDER_COLUMNS} items; got {}.", items.len());
            errors.push(invalid("orderBy", &text));
            return None;
        }
        let mut order: Vec<(Column, Direction)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let columns = item.columns();
            let [(column, direction)] = columns[..] else {
                errors.push(invalid(&format!("orderBy[{index}]"), "must have exactly one member."));
                continue;
            };
            if order.iter().any(|(other, _)| *other == column) {
                let message = format!("orderBy has {} more than once.", column.name());
                let field = Some(format!("input.orderBy[{index}]"));
                errors.push(SearchDialogOrderByParsingError { message, field }.into());
                continue;
            }
            order.push((column, direction));
        }
        errors.is_empty().then(|| OrderBy::of(order))
    }

    /// The search, by the same rules as through REST.
    fn check(self, api: &ApiState) -> Result<DialogSearch, Vec<SearchDialogError>> {
        let mut errors = Vec::new();
        let order = self.order(&mut errors);
        let token = self.continuation_token.as_deref().filter(|_| errors.is_empty());
        let position = token.and_then(|token| {
            let position = paging::position(&api.app.seal, token, order.as_ref());
            let refused = |message| {
                let field = Some("input.continuationToken".to_owned());
                SearchDialogContinuationTokenParsingError { message, field }.into()
            };
            position.map_err(|message| errors.push(refused(message))).ok()
        });
        let mut failures = Failures::new();
        let page = paging::page(order, position, self.limit.map(i64::from), &mut failures);
        let input = self.into_search();
        check_is_narrow(&input.parties, &input.resources, &mut failures);
        let search = input.check(limits::END_USER_SEARCH.parties, page, &mut failures);
        errors.extend(invalid_all(&failures));
        if errors.is_empty() { Ok(search) } else { Err(errors) }
    }

    fn into_search(self) -> SearchInput {
        // PostgreSQL has no text with this character.
        let text = |text: String| text.replace('\0', "\u{fffd}");
        let texts = |texts: Option<Vec<String>>| texts.unwrap_or_default().into_iter().map(text).collect();
        let given = |value: Option<String>| value.map(text).filter(|text| !text.is_empty());
        SearchInput {
            parties: texts(self.party),
            resources: texts(self.service_resource),
            org: texts(self.org),
            status: self.status.unwrap_or_default().into_iter().map(Into::into).collect(),
            extended_status: texts(self.extended_status),
            external_reference: given(self.external_reference),
            process: given(self.process),
            system_labels: self.system_label.unwrap_or_default().into_iter().map(Into::into).collect(),
            exclude_api_only: self.exclude_api_only,
            is_content_seen: self.is_content_seen,
            created: Between { after: self.created_after, before: self.created_before },
            updated: Between { after: self.updated_after, before: self.updated_before },
            content_updated: Between {
                after: self.content_updated_after,
                before: self.content_updated_before,
            },
            due: Between { after: self.due_after, before: self.due_before },
            search: given(self.search),
            search_language_code: given(self.search_language_code),
            ..SearchInput::default()
        }
    }
}

/// The field `searchDialogs`.
pub(super) async fn search(
    api: &ApiState,
    caller: &Caller,
    languages: &Languages,
    input: SearchDialogInput,
    parts: ListParts,
) -> Result<SearchDialogsPayload> {
    let refused = |errors| Ok(SearchDialogsPayload { errors, ..SearchDialogsPayload::default() });
    let search = match input.check(api) {
        Ok(search) => search,
        Err(errors) => return refused(errors),
    };
    match api.app.end_user_search(caller, &search, languages, parts).await {
        Ok(page) => Ok(SearchDialogsPayload {
            items: Some(Of::of(page.items)),
            has_next_page: page.has_next_page,
            continuation_token: page.continuation_token,
            order_by: shown(&search.page.order),
            errors: Vec::new(),
        }),
        Err(failure) => refused(errors_of(failure)?),
    }
}

/// The errors that a search has of its own.
fn errors_of(failure: Failure) -> Result<Vec<SearchDialogError>> {
    match failure {
        Failure::Refused(Refusal::Invalid(failures)) => Ok(invalid_all(&failures)),
        Failure::Refused(Refusal::Forbidden(texts)) => {
            Ok(vec![SearchDialogForbidden { message: texts.join(", ") }.into()])
        }
        Failure::Refused(Refusal::Unprocessable(failures)) => {
            let texts = failures.iter().flat_map(|(_, texts)| texts).cloned();
            Ok(texts.map(|message| SearchDialogDomainError { message }.into()).collect())
        }
        failure => Err(top_level(failure)),
    }
}

/// How many of the dialogs that a search finds are in which state, or why that is not told.
#[derive(Clone, Debug, Default, SimpleObject)]
pub(super) struct DialogCountsPayload {
    /// For every label those that have it; null where there are errors. A dialog may have several.
    by_label: Option<Vec<DialogLabelCount>>,
    /// For every status those that have it; null where there are errors.
    by_status: Option<Vec<DialogStatusCount>>,
    /// Those whose content has not been seen, or that are marked as unopened; null where there are errors.
    unread: Option<i32>,
    /// All of them; null where there are errors.
    total: Option<i32>,
    /// Whether there may be more: at most 1,000 are counted, those with the newest content, and fewer
    /// where it would take too long to find so many.
    capped: bool,
    /// Why nothing is told.
    errors: Vec<SearchDialogError>,
}

/// How many dialogs have a label.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(super) struct DialogLabelCount {
    /// The label.
    label: SystemLabel,
    /// How many have it.
    count: i32,
}

/// How many dialogs have a status.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(super) struct DialogStatusCount {
    /// The status.
    status: DialogStatus,
    /// How many have it.
    count: i32,
}

/// The field `dialogCounts`.
pub(super) async fn count(
    api: &ApiState,
    caller: &Caller,
    input: SearchDialogInput,
) -> Result<DialogCountsPayload> {
    let refused = |errors| Ok(DialogCountsPayload { errors, ..DialogCountsPayload::default() });
    let search = match input.check(api) {
        Ok(search) => search,
        Err(errors) => return refused(errors),
    };
    let counts = match api.app.end_user_counts(caller, &search).await {
        Ok(counts) => counts,
        Err(failure) => return refused(errors_of(failure)?),
    };
    let by_label =
        counts.by_label.into_iter().map(|(label, count)| DialogLabelCount { label: label.into(), count });
    let by_status = counts
        .by_status
        .into_iter()
        .map(|(status, count)| DialogStatusCount { status: status.into(), count });
    let mut by_status: Vec<_> = by_status.collect();
    // As the enumeration has them here; REST has another order.
    by_status.sort_by_key(|counted| counted.status as u8);
    Ok(DialogCountsPayload {
        by_label: Some(by_label.collect()),
        by_status: Some(by_status),
        unread: Some(counts.unread),
        total: Some(counts.total),
        capped: counts.capped,
        errors: Vec::new(),
    })
}
