//! Every limit on what is written, in one place. Lengths count UTF-16 code units.

/// Most units in an ordinary text.
pub const TEXT: usize = 255;
/// Most units in a link or URI.
pub const URI: usize = 1023;
/// Most units in long content: additional info and front channel embeds.
pub const LONG_CONTENT: usize = 1023;
/// Most units in the content that describes the extended status.
pub const EXTENDED_STATUS_CONTENT: usize = 25;
/// Most units, for correspondence, in content that is otherwise limited to [`TEXT`].
pub const CORRESPONDENCE_CONTENT: usize = 512;
/// Most units, for correspondence, in the description of an activity.
pub const CORRESPONDENCE_DESCRIPTION: usize = 4095;
/// Units in an idempotency key.
pub const IDEMPOTENT_KEY: std::ops::RangeInclusive<usize> = 3..=36;
/// Units in a search tag.
pub const SEARCH_TAG: std::ops::RangeInclusive<usize> = 3..=63;
/// Units in a service owner's label.
pub const SERVICE_OWNER_LABEL: std::ops::RangeInclusive<usize> = 3..=255;
/// Most labels a service owner may put on one dialog.
pub const SERVICE_OWNER_LABELS: usize = 20;
/// Dialogs whose labels are changed by one request.
pub const BULK_DIALOGS: std::ops::RangeInclusive<usize> = 1..=200;
/// The same, through the graph.
pub const GRAPH_BULK_DIALOGS: std::ops::RangeInclusive<usize> = 1..=100;
/// Values of `progress`.
pub const PROGRESS: std::ops::RangeInclusive<i32> = 0..=100;
/// Most GUI actions of priority primary, secondary and tertiary.
pub const GUI_ACTIONS: [(super::vocabulary::DialogGuiActionPriority, usize); 3] = {
    use super::vocabulary::DialogGuiActionPriority::{Primary, Secondary, Tertiary};
    [(Primary, 1), (Secondary, 1), (Tertiary, 5)]
};
/// Deepest chain of related transmissions; a transmission that relates to none has depth 1.
pub const TRANSMISSION_DEPTH: i16 = 100;
/// Most transmissions that relate to the same one.
pub const TRANSMISSION_WIDTH: i64 = 100;
/// Most transmissions of each direction.
pub const TRANSMISSIONS_PER_DIRECTION: i32 = 32_767;
/// How far ahead of our clock a time that must have passed may lie, in seconds.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 15;
/// Most operations in a patch document.
pub const PATCH_OPERATIONS: usize = 1_000;
/// Largest request body, and largest result of a patch, in bytes.
pub const BODY_BYTES: usize = 20_000_000;

/// Most parties of a user that the list of the user's services looks at one by one.
pub const CATALOGUE_PARTIES: usize = 1_000;

/// Most values of each list parameter of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// `party`
    pub parties: usize,
    /// `serviceResource`
    pub resources: usize,
    /// `org`, where there is that parameter.
    pub orgs: usize,
    /// `extendedStatus`
    pub extended_statuses: usize,
}

/// Searches of end users.
pub const END_USER_SEARCH: SearchLimits =
    SearchLimits { parties: 100, resources: 20, orgs: 20, extended_statuses: 20 };
/// Searches of service owners for themselves.
pub const SERVICE_OWNER_SEARCH: SearchLimits =
    SearchLimits { parties: 20, resources: 20, orgs: 0, extended_statuses: 20 };
/// Most parties in searches of service owners for a person.
pub const SEARCHED_PARTIES_OF_PERSON: usize = 100;

/// A limit, as documentation shows it.
struct Limit {
    what: &'static str,
    least: i64,
    most: i64,
    unit: &'static str,
}

#[expect(clippy::cast_possible_wrap, reason = "all limits are small")]
const fn at_most(what: &'static str, most: usize, unit: &'static str) -> Limit {
    Limit { what, least: 0, most: most as i64, unit }
}

#[expect(clippy::cast_possible_wrap, reason = "all limits are small")]
const fn within(what: &'static str, range: &std::ops::RangeInclusive<usize>, unit: &'static str) -> Limit {
    Limit { what, least: *range.start() as i64, most: *range.end() as i64, unit }
}

const CHARACTERS: &str = "characters";
const VALUES: &str = "values";

const TABLE: &[Limit] = &[
    at_most("ordinary text: names, references, titles, actions", TEXT, CHARACTERS),
    at_most("link or URI", URI, CHARACTERS),
    at_most("content: title, summary, sender name, and the non-sensitive ones", TEXT, CHARACTERS),
    at_most("the same, for correspondence", CORRESPONDENCE_CONTENT, CHARACTERS),
    at_most("content: additional info and front channel embeds", LONG_CONTENT, CHARACTERS),
    at_most("content: extended status", EXTENDED_STATUS_CONTENT, CHARACTERS),
    at_most("description of an activity", TEXT, CHARACTERS),
    at_most("the same, for correspondence", CORRESPONDENCE_DESCRIPTION, CHARACTERS),
    within("idempotency key of a dialog or a transmission", &IDEMPOTENT_KEY, CHARACTERS),
    within("search tag", &SEARCH_TAG, CHARACTERS),
    within("label of the service owner", &SERVICE_OWNER_LABEL, CHARACTERS),
    at_most("labels of the service owner on one dialog", SERVICE_OWNER_LABELS, "labels"),
    Limit { what: "progress", least: *PROGRESS.start() as i64, most: *PROGRESS.end() as i64, unit: "" },
    at_most("primary GUI actions", GUI_ACTIONS[0].1, "actions"),
    at_most("secondary GUI actions", GUI_ACTIONS[1].1, "actions"),
    at_most("tertiary GUI actions", GUI_ACTIONS[2].1, "actions"),
    Limit {
        what: "chain of related transmissions",
        least: 0,
        most: TRANSMISSION_DEPTH as i64,
        unit: "transmissions",
    },
    Limit {
        what: "transmissions that relate to the same one",
        least: 0,
        most: TRANSMISSION_WIDTH,
        unit: "transmissions",
    },
    Limit {
        what: "transmissions of each direction on one dialog",
        least: 0,
        most: TRANSMISSIONS_PER_DIRECTION as i64,
        unit: "transmissions",
    },
    within("dialogs whose labels are changed by one request", &BULK_DIALOGS, "dialogs"),
    within("the same, through the graph", &GRAPH_BULK_DIALOGS, "dialogs"),
    Limit {
        what: "how far ahead of the service's clock a time may lie that must have passed",
        least: 0,
        most: CLOCK_TOLERANCE_SECONDS,
        unit: "seconds",
    },
    at_most("searches of end users: parties", END_USER_SEARCH.parties, VALUES),
    at_most("searches of end users: services", END_USER_SEARCH.resources, VALUES),
    at_most("searches of end users: service owners", END_USER_SEARCH.orgs, VALUES),
    at_most("searches of end users: extended statuses", END_USER_SEARCH.extended_statuses, VALUES),
    at_most("searches of service owners: parties", SERVICE_OWNER_SEARCH.parties, VALUES),
    at_most("the same, for a person (endUserId)", SEARCHED_PARTIES_OF_PERSON, VALUES),
    at_most("searches of service owners: services", SERVICE_OWNER_SEARCH.resources, VALUES),
    at_most("searches of service owners: extended statuses", SERVICE_OWNER_SEARCH.extended_statuses, VALUES),
    at_most(
        "parties of a user whose services are listed one by one; with more, all services are",
        CATALOGUE_PARTIES,
        "parties",
    ),
    at_most("operations in a JSON Patch", PATCH_OPERATIONS, "operations"),
    at_most("request body, and the result of a JSON Patch", BODY_BYTES, "bytes"),
];

/// The limits as documentation, in Markdown.
#[must_use]
pub fn reference() -> String {
    use std::fmt::Write;

    let mut out = String::from(
        "# Limits\n\nCharacters are UTF-16 code units. Lists that are not named have no limit but that of the \
         request body.\n\n| what | least | most | unit |\n| --- | --- | --- | --- |\n",
    );
    for Limit { what, least, most, unit } in TABLE {
        let least = if *least == 0 { String::new() } else { least.to_string() };
        let _ = writeln!(out, "| {what} | {least} | {most} | {unit} |");
    }
    out
}
