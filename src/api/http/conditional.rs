//! Conditional requests (RFC 9110, section 13).

use axum::http::{HeaderMap, header};
use uuid::Uuid;

use crate::dialog::write::Expected;

/// Reads `If-Match`: `*`, quoted tags in one or several header lines, or a bare UUID.
///
/// A weak tag, and a quoted tag that is no UUID, match nothing.
///
/// # Errors
/// A sentence, when the header has another form.
pub fn if_match(headers: &HeaderMap) -> Result<Expected, String> {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Ok(Expected::Unconditional);
    }
    let mut revisions = Vec::new();
    let mut any = false;
    for line in lines {
        let line = line.to_str().map_err(|_| malformed())?;
        let mut rest = line.trim();
        if rest.is_empty() {
            return Err(malformed());
        }
        while !rest.is_empty() {
            rest = one(rest, &mut revisions, &mut any).ok_or_else(malformed)?;
        }
    }
    Ok(if any { Expected::Any } else { Expected::OneOf(revisions) })
}

fn malformed() -> String {
    "must be a revision in quotes, several of them separated by commas, or *.".to_owned()
}

/// Reads one tag and gives what follows its comma.
fn one<'a>(text: &'a str, revisions: &mut Vec<Uuid>, any: &mut bool) -> Option<&'a str> {
    let (weak, tag) = match text.strip_prefix("W/") {
        Some(tag) => (true, tag),
        None => (false, text),
    };
    let (value, rest) = if let Some(quoted) = tag.strip_prefix('"') {
        let (value, rest) = quoted.split_once('"')?;
        let revision = Uuid::try_parse(value).ok().filter(|_| !weak && value.len() == 36);
        (revision, rest)
    } else if weak {
        return None;
    } else {
        let end = tag.find(',').unwrap_or(tag.len());
        let value = tag[..end].trim();
        if value == "*" {
            *any = true;
            (None, &tag[end..])
        } else {
            (Some(Uuid::try_parse(value).ok().filter(|_| value.len() == 36)?), &tag[end..])
        }
    };
    revisions.extend(value);
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Some(rest);
    }
    let next = rest.strip_prefix(',')?.trim_start();
    (!next.is_empty()).then_some(next)
}

/// Whether `If-None-Match` names this revision, so that nothing has to be sent (RFC 9110, section
/// 13.1.2; weak comparison).
#[must_use]
pub fn is_not_modified(headers: &HeaderMap, revision: Uuid) -> bool {
    let revision = revision.to_string();
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok()).any(|line| {
        line.split(',').map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            tag == "*" || tag.eq_ignore_ascii_case(&revision)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "86ea8715-05f5-4a4e-8bf7-91840e06dee5";
    const B: &str = "0192f0c5-0000-7000-8000-000000000001";

    fn read(lines: &[&str]) -> Result<Expected, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        }
        if_match(&headers)
    }

    #[test]
    fn accepted_forms() {
        let (a, b) = (Uuid::try_parse(A).unwrap(), Uuid::try_parse(B).unwrap());
        for (lines, expected) in [
            (vec![], Expected::Unconditional),
            (vec![A.to_owned()], Expected::OneOf(vec![a])),
            (vec![A.to_uppercase()], Expected::OneOf(vec![a])),
            (vec![format!("\"{A}\"")], Expected::OneOf(vec![a])),
            (vec!["*".to_owned()], Expected::Any),
            (vec![format!("\"{A}\", \"{B}\"")], Expected::OneOf(vec![a, b])),
            (vec![format!("\"{A}\""), format!("\"{B}\"")], Expected::OneOf(vec![a, b])),
            (vec![format!("W/\"{A}\"")], Expected::OneOf(vec![])),
            (vec!["\"not-a-uuid\"".to_owned()], Expected::OneOf(vec![])),
            (vec![format!("\"x\" ,\"{B}\"")], Expected::OneOf(vec![b])),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(read(&lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn everything_else_is_malformed() {
        for line in [
            "word",
            "",
            " ",
            "\"unbalanced",
            "W/word",
            &format!("\"{A}\","),
            &format!("\"{A}\" \"{B}\""),
            "{86ea8715-05f5-4a4e-8bf7-91840e06dee5}",
        ] {
            assert!(read(&[line]).is_err(), "{line}");
        }
    }
}
