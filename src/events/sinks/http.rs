//! What the sinks that speak HTTP have in common.

use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode};

use super::NotTaken;

/// How long an event may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Most characters of an answer that are kept.
const KEPT: usize = 300;

/// Longest time that a sink may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Most bytes of an answer that are read.
const READ: usize = 4_096;

/// What came of a request, where success is any 2xx. `secrets` are not shown, whoever repeats them.
pub(super) async fn taken(answer: reqwest::Result<Response>, secrets: &[&str]) -> Result<(), NotTaken> {
    let response = match answer {
        Ok(response) => response,
        // The address of the sink may have a secret in it.
        Err(error) => return Err(NotTaken::for_now(cause(&error.without_url()))),
    };
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let retry_after = retry_after(response.headers());
    let mut body = start_of(response).await;
    for secret in secrets.iter().filter(|secret| secret.len() > 1) {
        body = body.replace(secret, "…");
    }
    let reason = format!("{status}: {}", without_numbers(&without_tokens(&body)));
    if status == StatusCode::GONE {
        Err(NotTaken::Gone { reason })
    } else if is_permanent(status) {
        Err(NotTaken::Ever { reason })
    } else {
        Err(NotTaken::ForNow { reason, retry_after })
    }
}

/// The start of the body, however long it is.
async fn start_of(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < READ
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(READ);
    String::from_utf8_lossy(&body).into_owned()
}

/// How long the sink wants to be left alone (RFC 9110 section 10.2.3): in seconds, or until a time by the
/// sink's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let moment = |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok();
    let wish = text(header::RETRY_AFTER)?;
    let wait = match wish.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (moment(wish)? - moment(text(header::DATE)?)?).to_std().unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
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

/// A text without what looks like a token or a key: JWTs, keys of webhooks, and what follows `Bearer`.
fn without_tokens(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_after_bearer = false;
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || "\"'`,;=:<>()".contains(c)) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || "\"'`,;=:<>()".contains(c));
        let is_secret =
            is_after_bearer || ["eyJ", "whsec_", "whsk_"].iter().any(|start| word.starts_with(start));
        if is_secret && !word.is_empty() {
            shown.push('…');
            shown.push_str(&piece[word.len()..]);
        } else {
            shown.push_str(piece);
        }
        is_after_bearer = if word.is_empty() { is_after_bearer } else { word.eq_ignore_ascii_case("bearer") };
    }
    shown
}

/// The start of a text, with numbers hidden that may be those of people: long ones, also with one
/// character between date of birth and the rest.
pub(super) fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    let mut number = String::new();
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(KEPT).peekable();
    while let Some(c) = characters.next() {
        let is_digit = c.is_ascii_digit();
        let continues = number.len() == 6 && characters.peek().is_some_and(char::is_ascii_digit);
        if is_digit || (continues && matches!(c, ' ' | '-' | '.' | '\u{a0}')) {
            number.push(c);
            continue;
        }
        flush(&mut number, &mut shown);
        shown.push(c);
    }
    flush(&mut number, &mut shown);
    shown
}

fn flush(number: &mut String, shown: &mut String) {
    if number.len() > 8 {
        shown.push('…');
    } else {
        shown.push_str(number);
    }
    number.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_will_never_be_taken() {
        for status in [400, 403, 404, 405, 413, 415, 422] {
            assert!(is_permanent(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [301, 401, 408, 409, 425, 429, 500, 502, 503, 504] {
            assert!(!is_permanent(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }

    #[test]
    fn reasons_have_no_tokens() {
        for (text, expected) in [
            ("nope Bearer  eyJh.eyJz.ab, bearer: x=1", "nope Bearer  …, bearer: …=1"),
            ("{\"token\":\"eyJh.eyJz.ab\"}", "{\"token\":\"…\"}"),
            ("whsec_MfKQ and whsk_abc", "… and …"),
            ("the bearer", "the bearer"),
        ] {
            assert_eq!(without_tokens(text), expected);
        }
    }

    #[test]
    fn reasons_name_nobody() {
        assert_eq!(without_numbers("no 08844397713 in\n12345678"), "no … in 12345678");
        for separator in [" ", "-", ".", "\u{a0}", ""] {
            assert_eq!(without_numbers(&format!("is 088443{separator}97713.")), "is ….");
        }
        assert_eq!(without_numbers("at 12:00:00, 150000 - 3"), "at 12:00:00, 150000 - 3");
        assert_eq!(without_numbers(&"x".repeat(1_000)).len(), KEPT);
    }

    #[test]
    fn a_sink_says_how_long_it_wants_to_be_left_alone() {
        let wait = |wish: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", wish.parse().unwrap());
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap());
            }
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let noon = Some("Fri, 31 Dec 1999 12:00:00 GMT");
        assert_eq!(wait("120", None), Some(120));
        assert_eq!(wait("1000000", None), Some(3_600));
        assert_eq!(wait("Fri, 31 Dec 1999 12:00:30 GMT", noon), Some(30));
        assert_eq!(wait("Fri, 31 Dec 1999 11:00:00 GMT", noon), Some(0));
        assert_eq!(wait("Fri, 31 Dec 1999 12:00:30 GMT", None), None);
        assert_eq!(wait("soon", noon), None);
    }
}
