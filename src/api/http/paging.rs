//! Pages of lists: order, position, size, and the envelope.

use super::parameter::Parameter;
use super::query::Query;
use crate::json::{Audience, Describe, Failures, Path, Property, Schemas};
use crate::search::{Cursor, OrderBy, Page, Seal};

/// Items on a page of which no size is asked for.
pub const DEFAULT_LIMIT: u16 = 100;
/// Most items on a page.
pub const MAX_LIMIT: i64 = 1_000;

/// Which items come first.
pub const ORDER_BY: Parameter = Parameter::query::<Option<String>>(
    "orderBy",
    "Order of the items: keys with `_asc` or `_desc`, separated by commas. That of the continuation token when \
     left out.",
);
/// Where the page starts.
pub const CONTINUATION_TOKEN: Parameter =
    Parameter::query::<Option<String>>("continuationToken", "Where to go on, as the page before says.");
/// How many there are on a page.
pub const LIMIT: Parameter =
    Parameter::query::<Option<i32>>("limit", "Most items on the page, from 1 to 1000; 100 when left out.");

/// Reads `orderBy`, `continuationToken` and `limit`. Without an order that of the token holds.
pub fn read(query: &Query, seal: &Seal, failures: &mut Failures) -> Page {
    let order = query.text("orderBy", failures).and_then(|text| match OrderBy::parse(&text) {
        Ok(order) => Some(order),
        Err(text) => {
            query.refuse("orderBy", &text, failures);
            None
        }
    });
    let token = query.text("continuationToken", failures);
    let position = token.and_then(|token| match position(seal, &token, order.as_ref()) {
        Ok(position) => Some(position),
        Err(text) => {
            query.refuse("continuationToken", &text, failures);
            None
        }
    });
    let limit = query.integer("limit", failures);
    page(order, position, limit, failures)
}

/// Where a token says to go on, and the order that it was made under.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn position(seal: &Seal, token: &str, order: Option<&OrderBy>) -> Result<(Cursor, OrderBy), String> {
    Cursor::parse(seal.open(token)?, order)
}

/// The page that is asked for; without an order that of the token holds.
pub fn page(
    order: Option<OrderBy>,
    position: Option<(Cursor, OrderBy)>,
    limit: Option<i64>,
    failures: &mut Failures,
) -> Page {
    let limit = match limit {
        None => DEFAULT_LIMIT,
        Some(limit) => {
            if !(1..=MAX_LIMIT).contains(&limit) {
                failures.add(&Path::Root("limit"), format!("must be from 1 to {MAX_LIMIT}; got {limit}."));
            }
            u16::try_from(limit).unwrap_or(DEFAULT_LIMIT)
        }
    };
    match position {
        Some((after, made_under)) => Page { order: made_under, after: Some(after), limit },
        None => Page { order: order.unwrap_or_default(), after: None, limit },
    }
}

/// Reads `continuationToken` and `limit` of a list that has one order only, the default one.
pub fn read_newest_first(query: &Query, seal: &Seal, failures: &mut Failures) -> Page {
    let page = read(&query.without("orderBy"), seal, failures);
    if page.order != OrderBy::default() {
        query.refuse("continuationToken", "The token was made for another order.", failures);
    }
    page
}

/// One page of a list.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaginatedList<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Whether there are more.
    pub has_next_page: bool,
    /// Where the next page starts; there on the last page too, for those who wait for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    /// The order of the items.
    pub order_by: String,
}

/// Named after its items: `PaginatedListOf…`.
impl<T: Describe> Describe for PaginatedList<T> {
    fn describe(schemas: &mut Schemas) -> serde_json::Value {
        let item = T::describe(schemas);
        let item = item["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let name = format!("PaginatedListOf{}", item.unwrap_or_default());
        let about =
            |audience: Option<Audience>, field, doc, schema| Property { audience, field, doc, schema };
        schemas.object(
            &name,
            "One page of a list.",
            &[
                about(None, "items", "At most as many as asked for.", <Vec<T>>::describe),
                about(None, "has_next_page", "Whether there are more.", bool::describe),
                about(None, "continuation_token", "Where the next page starts.", <Option<String>>::describe),
                about(None, "order_by", "The order of the items.", String::describe),
            ],
        )
    }
}
