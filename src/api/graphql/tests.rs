use std::path::Path;

use super::error::Code;
use super::{catalogue, cost, definition, http, web_socket};
use crate::api::http::paging;
use crate::app::MOST_COUNTED;
use crate::dialog::limits;
use crate::events::places;

#[test]
fn the_copy_in_the_repository_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/schema.graphql");
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        copy == definition(),
        "{} is not what the code says; to write it anew: cargo run -- openapi",
        path.display()
    );
}

/// What users read about the graph.
const PAGE: &str = include_str!("../../../docs/graphql.md");

/// A whole number with commas between its thousands.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[test]
fn the_page_has_every_code_with_its_status() {
    for code in Code::ALL {
        let row = format!("| `{}` | {} | ", code.name(), code.status().as_u16());
        assert!(PAGE.contains(&row), "docs/graphql.md lacks {row}");
    }
}

#[test]
fn the_page_has_the_limits() {
    let page_size = format!("dialogs on a page (`limit`); {} when left out", paging::DEFAULT_LIMIT);
    for (what, most) in [
        ("bytes of a body, or of a message on a WebSocket", http::BODY_BYTES.to_string()),
        ("bytes of a document", cost::DOCUMENT_BYTES.to_string()),
        ("braces, brackets and parentheses within each other", cost::NESTING.to_string()),
        ("tokens of a document", cost::TOKENS.to_string()),
        ("bytes of a name", cost::NAME_BYTES.to_string()),
        ("fields within fields, but for those below `__schema` and `__type`", cost::DEPTH.to_string()),
        ("fields of the root", cost::ROOT_FIELDS.to_string()),
        ("fields with an alias", cost::ALIASES.to_string()),
        ("fields and fragments, those of a fragment each time it is spread", cost::FIELDS.to_string()),
        (
            "the same, of all operations and fragments of a document together",
            cost::DOCUMENT_FIELDS.to_string(),
        ),
        ("fields of the answer", cost::ANSWER_FIELDS.to_string()),
        (
            "`fields`, `interfaces`, `possibleTypes` and `inputFields` within each other, below `__schema` and `__type`",
            cost::SCHEMA_LISTS.to_string(),
        ),
        ("bytes of the values of variables, wherever these are used", cost::VALUE_BYTES.to_string()),
        ("values of the variables, with those within lists and objects", cost::VALUES.to_string()),
        (page_size.as_str(), paging::MAX_LIMIT.to_string()),
        ("dialogs that `dialogCounts` counts", MOST_COUNTED.to_string()),
        ("parties on a page (`first`)", catalogue::MOST_PARTIES.to_string()),
        ("dialogs whose labels `bulkSetSystemLabels` changes", limits::GRAPH_BULK_DIALOGS.end().to_string()),
        ("errors of an answer", http::MOST_ERRORS.to_string()),
        ("operations of a WebSocket at a time", web_socket::MOST_OPERATIONS.to_string()),
        ("subscriptions with one token at a time", places::MOST_OF_ONE_TOKEN.to_string()),
    ] {
        let row = format!("| {what} | {} |", grouped(&most));
        assert!(PAGE.contains(&row), "docs/graphql.md lacks {row}");
    }
    let compressed = format!("Answers of {} bytes and more", grouped(&http::COMPRESSED_BYTES.to_string()));
    assert!(PAGE.contains(&compressed), "docs/graphql.md lacks {compressed}");
}

#[test]
fn the_page_has_the_defaults_of_the_settings() {
    const SETTINGS: &str = include_str!("../../../docs/settings.md");
    for variable in [
        "DIALOGPORTEN_EVENTS_STREAMS",
        "DIALOGPORTEN_REQUEST_TIMEOUT",
        "DIALOGPORTEN_DATABASE_STATEMENT_TIMEOUT",
    ] {
        let (_, after) = SETTINGS.split_once(&format!("| `{variable}` | `")).unwrap();
        let (default, _) = after.split_once('`').unwrap();
        let cell = format!("| {} (`{variable}`) |", grouped(default));
        assert!(PAGE.contains(&cell), "docs/graphql.md lacks {cell}");
    }
}
