//! What the sinks that speak HTTP have in common.

use std::time::Duration;

use reqwest::{Response, StatusCode, header};

use super::NotTaken;

/// How long an event may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Most characters of an answer that are kept.
const KEPT: usize = 300;

/// Longest time that a sink may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What came of a request, where success is any 2xx.
pub(super) async fn taken(answer: reqwest::Result<Response>) -> Result<(), NotTaken> {
    let response = match answer {
        Ok(response) => response,
        // The address of the sink may have a secret in it.
        Err(error) => return Err(NotTaken::for_now(cause(&error.without_url()))),
    };
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let retry_after = retry_after.map(|wait| wait.min(LONGEST_WAIT));
    let body = response.text().await.unwrap_or_default();
    let reason = format!("{status}: {}", without_numbers(&body));
    if is_permanent(status) {
        Err(NotTaken::Ever { reason })
    } else {
        Err(NotTaken::ForNow { reason, retry_after })
    }
}

/// Whether the same request will never be answered otherwise.
fn is_permanent(status: StatusCode) -> bool {
    let may_pass = [
        StatusCode::UNAUTHORIZED,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_client_error() && !may_pass.contains(&status)
}

/// The error and what is behind it.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// The start of a text, with long numbers hidden: they may be those of people.
pub(super) fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    let flush = |digits: &mut String, shown: &mut String| {
        if digits.len() > 8 {
            shown.push('…');
        } else {
            shown.push_str(digits);
        }
        digits.clear();
    };
    for c in text.chars().take(KEPT) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        flush(&mut digits, &mut shown);
        shown.push(if c.is_control() { ' ' } else { c });
    }
    flush(&mut digits, &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_never_be_taken() {
        for status in [400, 403, 404, 405, 410, 413, 415, 422] {
            assert!(is_permanent(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [301, 401, 408, 409, 425, 429, 500, 502, 503, 504] {
            assert!(!is_permanent(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    #[test]
    fn reasons_name_nobody() {
        assert_eq!(without_numbers("no 08844397713 in\n12345678"), "no … in 12345678");
        assert_eq!(without_numbers(&"x".repeat(1_000)).len(), KEPT);
    }
}
