//! What the searches of both APIs have in common: parameters and how they are read.

use crate::api::http::paging;
use crate::api::http::parameter::Parameter;
use crate::api::http::params::Params;
use crate::api::http::query::Query;
use crate::app::DialogSearch;
use crate::dialog::limits;
use crate::dialog::model::{RESOURCE_URN_PREFIX, SystemLabels};
use crate::dialog::party::PartyUrn;
use crate::dialog::validate::{is_language, normalize_language};
use crate::dialog::vocabulary::{DeletedFilter, DialogStatus, SystemLabel};
use crate::json::{Failures, Path, UriReference};
use crate::search::{Between, Filters, LabelPattern, Seal, TextQuery};
use crate::timestamp::Timestamp;

/// Short codes of service owners.
pub const ORG: Parameter =
    Parameter::query::<Vec<String>>("org", "Short codes of service owners, at most 20.");
/// Services.
pub const SERVICE_RESOURCE: Parameter =
    Parameter::query::<Vec<String>>("serviceResource", "Services, as URNs, at most 20.");
/// How far dialogs have come.
pub const STATUS: Parameter = Parameter::query::<Vec<DialogStatus>>("status", "How far dialogs have come.");
/// Statuses of the services' own.
pub const EXTENDED_STATUS: Parameter =
    Parameter::query::<Vec<String>>("extendedStatus", "Statuses of the services' own, at most 20.");
/// The service's own reference.
pub const EXTERNAL_REFERENCE: Parameter =
    Parameter::query::<Option<String>>("externalReference", "The service's own reference.");
/// The process.
pub const PROCESS: Parameter =
    Parameter::query::<Option<String>>("process", "The process that dialogs are part of, as a URI.");
/// Labels.
pub const SYSTEM_LABEL: Parameter =
    Parameter::query::<Vec<SystemLabel>>("systemLabel", "Labels, all of which dialogs must have.");
/// Labels of the service owner.
pub const SERVICE_OWNER_LABELS: Parameter = Parameter::query::<Vec<String>>(
    "serviceOwnerLabels",
    "Labels of the service owner, all of which dialogs must have; one that ends in `*` stands for all that \
     begin so.",
);
/// Deleted dialogs.
pub const DELETED: Parameter = Parameter::query::<Option<DeletedFilter>>(
    "deleted",
    "Whether deleted dialogs are left out (the default), listed too, or alone.",
);
/// Dialogs for systems.
pub const EXCLUDE_API_ONLY: Parameter = Parameter::query::<Option<bool>>(
    "excludeApiOnly",
    "Whether to leave out dialogs that only systems should show.",
);
/// Whether the content has been seen.
pub const IS_CONTENT_SEEN: Parameter =
    Parameter::query::<Option<bool>>("isContentSeen", "Whether the content has been seen.");
/// Bounds of times.
pub const CREATED_AFTER: Parameter =
    Parameter::query::<Option<Timestamp>>("createdAfter", "Created then or later.");
/// See [`CREATED_AFTER`].
pub const CREATED_BEFORE: Parameter =
    Parameter::query::<Option<Timestamp>>("createdBefore", "Created then or earlier.");
/// See [`CREATED_AFTER`].
pub const UPDATED_AFTER: Parameter =
    Parameter::query::<Option<Timestamp>>("updatedAfter", "Last changed then or later.");
/// See [`CREATED_AFTER`].
pub const UPDATED_BEFORE: Parameter =
    Parameter::query::<Option<Timestamp>>("updatedBefore", "Last changed then or earlier.");
/// See [`CREATED_AFTER`].
pub const CONTENT_UPDATED_AFTER: Parameter =
    Parameter::query::<Option<Timestamp>>("contentUpdatedAfter", "Content last changed then or later.");
/// See [`CREATED_AFTER`].
pub const CONTENT_UPDATED_BEFORE: Parameter =
    Parameter::query::<Option<Timestamp>>("contentUpdatedBefore", "Content last changed then or earlier.");
/// See [`CREATED_AFTER`].
pub const DUE_AFTER: Parameter = Parameter::query::<Option<Timestamp>>("dueAfter", "Due then or later.");
/// See [`CREATED_AFTER`].
pub const DUE_BEFORE: Parameter = Parameter::query::<Option<Timestamp>>("dueBefore", "Due then or earlier.");
/// See [`CREATED_AFTER`].
pub const VISIBLE_AFTER: Parameter =
    Parameter::query::<Option<Timestamp>>("visibleAfter", "Visible to end users from then or later.");
/// See [`CREATED_AFTER`].
pub const VISIBLE_BEFORE: Parameter =
    Parameter::query::<Option<Timestamp>>("visibleBefore", "Visible to end users from then or earlier.");
/// Words.
pub const SEARCH: Parameter = Parameter::query::<Option<String>>(
    "search",
    "Words to be found in the dialog, 3 to 500 characters. One of them will do, unless `AND` stands between \
     them or one has a `-` before it, which says that it must not be there; quotes make a phrase, and `word*` \
     stands for all words that begin so.",
);
/// Language of the words.
pub const SEARCH_LANGUAGE_CODE: Parameter = Parameter::query::<Option<String>>(
    "searchLanguageCode",
    "Language of the words (ISO 639-1), by whose rules their other forms are found too. Those of Norwegian \
     and English when left out.",
);

/// What is no URN of a resource: no resource has this id.
const NO_RESOURCE: &str = "";

/// Most values of list parameters other than parties.
const MAX_VALUES: usize = limits::END_USER_SEARCH.resources;

/// Reads the parameters of a search. What an API does not offer is not looked at: `is_owner` tells
/// which one it is.
pub fn read(params: &mut Params, seal: &Seal, max_parties: usize, is_owner: bool) -> DialogSearch {
    let Params { query, failures, .. } = params;
    let parties = read_parties(query, max_parties, failures);
    let resources = query.list("serviceResource");
    at_most(MAX_VALUES, &resources, "serviceResource", failures);
    // What is no URN of a resource is kept: it matches nothing.
    let resources = resources
        .into_iter()
        .map(|urn| urn.to_lowercase())
        .map(|urn| urn.strip_prefix(RESOURCE_URN_PREFIX).unwrap_or(NO_RESOURCE).to_owned())
        .collect();
    let filters = read_filters(query, is_owner, failures);
    let page = paging::read(query, seal, failures);
    DialogSearch { parties, resources, filters, page }
}

/// Reads the parameter `party`.
pub fn read_parties(query: &Query, max: usize, failures: &mut Failures) -> Vec<PartyUrn> {
    let parties = query.list("party");
    at_most(max, &parties, "party", failures);
    let mut wanted = Vec::with_capacity(parties.len().min(max));
    // What is too long a list is not looked at item by item.
    for (index, party) in parties.iter().enumerate().filter(|_| parties.len() <= max) {
        match PartyUrn::parse_dialog_party(party) {
            Some(party) => wanted.push(party),
            None => {
                failures
                    .add(&Path::Root("party").item(index), "must be the URN of a person or organisation.");
            }
        }
    }
    wanted
}

fn read_filters(query: &Query, is_owner: bool, failures: &mut Failures) -> Filters {
    let org = if is_owner { Vec::new() } else { query.list("org") };
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
    let mut filters = Filters {
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
        text: read_text(query, failures),
        ..Filters::default()
    };
    if is_owner {
        let what = names(DeletedFilter::ALL.iter().map(|deleted| deleted.name()).collect());
        let deleted = query.value("deleted", &what, DeletedFilter::from_name, failures);
        filters.deleted = deleted.unwrap_or(DeletedFilter::Exclude);
        filters.visible = between(query, "visibleAfter", "visibleBefore", failures);
        filters.service_owner_labels = read_labels(query, failures);
    }
    filters
}

fn read_labels(query: &Query, failures: &mut Failures) -> Vec<LabelPattern> {
    let mut patterns = Vec::new();
    for (index, label) in query.list("serviceOwnerLabels").iter().enumerate() {
        let label = label.trim().to_lowercase();
        if label.is_empty() {
            continue;
        }
        let path = Path::Root("serviceOwnerLabels").item(index);
        let length = label.encode_utf16().count();
        if !limits::SERVICE_OWNER_LABEL.contains(&length) {
            let (least, most) = (limits::SERVICE_OWNER_LABEL.start(), limits::SERVICE_OWNER_LABEL.end());
            failures.add(&path, format!("must be {least} to {most} characters; got {length}."));
        }
        let (start, is_prefix) = match label.strip_suffix('*') {
            Some(start) => (start.to_owned(), true),
            None => (label, false),
        };
        if start.contains('*') {
            failures.add(&path, "may have a * only at its end.");
        }
        patterns.push(if is_prefix {
            LabelPattern::StartingWith(start)
        } else {
            LabelPattern::Exactly(start)
        });
    }
    patterns
}

fn read_text(query: &Query, failures: &mut Failures) -> Option<TextQuery> {
    let language = query.text("searchLanguageCode", failures).and_then(|code| {
        let code = normalize_language(&code);
        let wrong = if code == "no" {
            Some("must be nb or nn for Norwegian.")
        } else {
            (!is_language(&code)).then_some("must be a language code of ISO 639-1.")
        };
        if let Some(text) = wrong {
            failures.add(&Path::Root("searchLanguageCode"), text);
        }
        wrong.is_none().then_some(code)
    });
    let text = query.text("search", failures)?;
    match TextQuery::parse(&text, language.as_deref()) {
        Ok(query) => Some(query),
        Err(texts) => {
            for text in texts {
                failures.add(&Path::Root("search"), text);
            }
            None
        }
    }
}

/// Reports too long a list, and values that are too long.
pub fn at_most(most: usize, values: &[String], name: &'static str, failures: &mut Failures) {
    if values.len() > most {
        let text = format!("must have at most {most} values; got {}.", values.len());
        failures.add(&Path::Root(name), text.clone());
        failures.add_key(&format!("{name}.count"), text);
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

fn between(query: &Query, after_name: &'static str, before_name: &str, failures: &mut Failures) -> Between {
    let after = query.timestamp(after_name, failures);
    let before = query.timestamp(before_name, failures);
    if let (Some(after), Some(before)) = (after, before)
        && after > before
    {
        failures.add(&Path::Root(after_name), format!("must not be later than {before_name}."));
    }
    Between { after, before }
}
