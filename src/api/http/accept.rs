//! `Accept` (RFC 9110, section 12.5.1), where it counts: at the few endpoints that check it.

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::Problem;
use crate::json::Failures;

/// Whether the caller takes JSON.
///
/// # Errors
/// 406 if not.
pub fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    if accepts_json(headers) {
        return Ok(());
    }
    let failures = Failures::one("Accept", "must allow application/json.");
    Err(Problem::new(StatusCode::NOT_ACCEPTABLE).errors(failures))
}

/// A header that cannot be read allows everything.
fn accepts_json(headers: &HeaderMap) -> bool {
    let lines: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<mime::Mime> =
        lines.iter().flat_map(|line| line.split(',')).filter_map(|range| range.trim().parse().ok()).collect();
    ranges.is_empty()
        || ranges.iter().any(|range| {
            let weight = range.get_param("q").and_then(|q| q.as_str().parse::<f32>().ok()).unwrap_or(1.0);
            let is_json = match (range.type_(), range.subtype()) {
                (mime::STAR, mime::STAR) => true,
                (mime::APPLICATION, subtype) => {
                    subtype == mime::STAR || subtype == mime::JSON || range.suffix() == Some(mime::JSON)
                }
                _ => false,
            };
            is_json && weight > 0.0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_be_among_what_is_accepted() {
        for (accept, expected) in [
            (None, true),
            (Some("*/*"), true),
            (Some("application/*"), true),
            (Some("text/html, application/json;q=0.1"), true),
            (Some("application/problem+json"), true),
            (Some("text/html"), false),
            (Some("application/json;q=0"), false),
            (Some("not a media range"), true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(accepts_json(&headers), expected, "{accept:?}");
        }
    }
}
