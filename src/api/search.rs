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
use crate::search::{Between, Filters, LabelPattern, Page, Seal, TextQuery};
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

/// What is searched for, before any rule was applied to it. An empty list, like a value that is not
/// there, allows everything.
#[derive(Clone, Debug, Default)]
pub struct SearchInput {
    /// Parties, as URNs.
    pub parties: Vec<String>,
    /// Services, as URNs.
    pub resources: Vec<String>,
    /// Short codes of service owners.
    pub org: Vec<String>,
    /// How far dialogs have come.
    pub status: Vec<DialogStatus>,
    /// Statuses of the services' own.
    pub extended_status: Vec<String>,
    /// Reference of the service's own.
    pub external_reference: Option<String>,
    /// The process.
    pub process: Option<String>,
    /// Labels that dialogs must all have.
    pub system_labels: Vec<SystemLabel>,
    /// Labels of the service owner that dialogs must all have.
    pub service_owner_labels: Vec<String>,
    /// What is to be done with deleted dialogs.
    pub deleted: Option<DeletedFilter>,
    /// Whether dialogs for systems alone are left out.
    pub exclude_api_only: Option<bool>,
    /// Whether the content has been seen.
    pub is_content_seen: Option<bool>,
    /// Bounds of `createdAt`.
    pub created: Between,
    /// Bounds of `updatedAt`.
    pub updated: Between,
    /// Bounds of `contentUpdatedAt`.
    pub content_updated: Between,
    /// Bounds of `dueAt`.
    pub due: Between,
    /// Bounds of `visibleFrom`.
    pub visible: Between,
    /// Words to be found.
    pub search: Option<String>,
    /// Their language.
    pub search_language_code: Option<String>,
}

/// Reads the parameters of a search. What an API does not offer is not looked at: `is_owner` tells
/// which one it is.
pub fn read(params: &mut Params, seal: &Seal, max_parties: usize, is_owner: bool) -> DialogSearch {
    let Params { query, failures, .. } = params;
    let input = SearchInput::read(query, is_owner, failures);
    let page = paging::read(query, seal, failures);
    input.check(max_parties, page, failures)
}

/// Refuses a search of an end user that names neither a party nor a service.
pub fn check_is_narrow(parties: &[String], resources: &[String], failures: &mut Failures) {
    if parties.is_empty() && resources.is_empty() {
        for name in ["party", "serviceResource"] {
            failures.add(&Path::Root(name), "At least one party or serviceResource is required.");
        }
    }
}

/// Reads the parameter `party`.
pub fn read_parties(query: &Query, max: usize, failures: &mut Failures) -> Vec<PartyUrn> {
    check_parties("party", &query.list("party"), max, failures)
}

/// The parties that a list `name` has.
pub fn check_parties(
    name: &'static str,
    parties: &[String],
    max: usize,
    failures: &mut Failures,
) -> Vec<PartyUrn> {
    at_most(max, parties, name, failures);
    let mut wanted = Vec::with_capacity(parties.len().min(max));
    // What is too long a list is not looked at item by item.
    for (index, party) in parties.iter().enumerate().filter(|_| parties.len() <= max) {
        match PartyUrn::parse_dialog_party(party) {
            Some(party) => wanted.push(party),
            None => {
                failures.add(&Path::Root(name).item(index), "must be the URN of a person or organisation.");
            }
        }
    }
    wanted
}

impl SearchInput {
    fn read(query: &Query, is_owner: bool, failures: &mut Failures) -> Self {
        let names = |all: Vec<&str>| format!("must be one of {}.", all.join(", "));
        let mut input = Self {
            parties: query.list("party"),
            resources: query.list("serviceResource"),
            org: if is_owner { Vec::new() } else { query.list("org") },
            extended_status: query.list("extendedStatus"),
            process: query.text("process", failures),
            system_labels: query.list_of(
                "systemLabel",
                &names(SystemLabel::ALL.iter().map(|label| label.name()).collect()),
                SystemLabel::from_name,
                failures,
            ),
            status: query.list_of(
                "status",
                &names(DialogStatus::ALL.iter().map(|status| status.name()).collect()),
                DialogStatus::from_name,
                failures,
            ),
            external_reference: query.text("externalReference", failures),
            exclude_api_only: query.boolean("excludeApiOnly", failures),
            is_content_seen: query.boolean("isContentSeen", failures),
            created: between(query, "createdAfter", "createdBefore", failures),
            updated: between(query, "updatedAfter", "updatedBefore", failures),
            content_updated: between(query, "contentUpdatedAfter", "contentUpdatedBefore", failures),
            due: between(query, "dueAfter", "dueBefore", failures),
            search_language_code: query.text("searchLanguageCode", failures),
            search: query.text("search", failures),
            ..Self::default()
        };
        if is_owner {
            let what = names(DeletedFilter::ALL.iter().map(|deleted| deleted.name()).collect());
            input.deleted = query.value("deleted", &what, DeletedFilter::from_name, failures);
            input.visible = between(query, "visibleAfter", "visibleBefore", failures);
            input.service_owner_labels = query.list("serviceOwnerLabels");
        }
        input
    }

    /// Applies the rules.
    pub fn check(self, max_parties: usize, page: Page, failures: &mut Failures) -> DialogSearch {
        let parties = check_parties("party", &self.parties, max_parties, failures);
        at_most(MAX_VALUES, &self.resources, "serviceResource", failures);
        at_most(MAX_VALUES, &self.org, "org", failures);
        at_most(MAX_VALUES, &self.extended_status, "extendedStatus", failures);
        // What is no URN of a resource is kept: it matches nothing.
        let resources = self
            .resources
            .iter()
            .map(|urn| urn.to_lowercase())
            .map(|urn| urn.strip_prefix(RESOURCE_URN_PREFIX).unwrap_or(NO_RESOURCE).to_owned())
            .collect();
        if let Some(uri) = &self.process {
            if !UriReference::is_well_formed(uri) {
                failures.add(&Path::Root("process"), "must be a well-formed URI (RFC 3986).");
            }
            if uri.encode_utf16().count() > limits::URI {
                failures.add(&Path::Root("process"), format!("must be at most {} characters.", limits::URI));
            }
        }
        for (after_name, before_name, bounds) in [
            ("createdAfter", "createdBefore", self.created),
            ("updatedAfter", "updatedBefore", self.updated),
            ("contentUpdatedAfter", "contentUpdatedBefore", self.content_updated),
            ("dueAfter", "dueBefore", self.due),
            ("visibleAfter", "visibleBefore", self.visible),
        ] {
            if let (Some(after), Some(before)) = (bounds.after, bounds.before)
                && after > before
            {
                failures.add(&Path::Root(after_name), format!("must not be later than {before_name}."));
            }
        }
        let labels = self.system_labels.into_iter().map(SystemLabels::of);
        let filters = Filters {
            org: self.org,
            status: self.status,
            extended_status: self.extended_status,
            external_reference: self.external_reference,
            process: self.process,
            system_labels: labels.reduce(|all, one| SystemLabels(all.0 | one.0)),
            service_owner_labels: read_labels(&self.service_owner_labels, failures),
            exclude_api_only: self.exclude_api_only.unwrap_or(false),
            is_content_seen: self.is_content_seen,
            deleted: self.deleted.unwrap_or(DeletedFilter::Exclude),
            only_visible: false,
            created: self.created,
            updated: self.updated,
            content_updated: self.content_updated,
            due: self.due,
            visible: self.visible,
            text: read_text(self.search.as_deref(), self.search_language_code.as_deref(), failures),
        };
        DialogSearch { parties, resources, filters, page }
    }
}

fn read_labels(labels: &[String], failures: &mut Failures) -> Vec<LabelPattern> {
    let mut patterns = Vec::new();
    for (index, label) in labels.iter().enumerate() {
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

fn read_text(text: Option<&str>, language: Option<&str>, failures: &mut Failures) -> Option<TextQuery> {
    let language = language.and_then(|code| {
        let code = normalize_language(code);
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
    match TextQuery::parse(text?, language.as_deref()) {
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

fn between(query: &Query, after_name: &str, before_name: &str, failures: &mut Failures) -> Between {
    Between { after: query.timestamp(after_name, failures), before: query.timestamp(before_name, failures) }
}
