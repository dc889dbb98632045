//! `Accept-Language` (RFC 9110, section 12.5.4).

use axum::http::{HeaderMap, header};

use crate::app::Languages;
use crate::dialog::validate::normalize_language;

/// Reads the header; without it all languages are wanted.
///
/// # Errors
/// A sentence that names the header: parameters other than `q`, and weights outside 0 to 1.
pub fn read(headers: &HeaderMap) -> Result<Languages, String> {
    let mut accepted = Vec::new();
    for line in headers.get_all(header::ACCEPT_LANGUAGE) {
        let line = line.to_str().map_err(|_| malformed("it has characters other than ASCII"))?;
        for item in line.split(',') {
            let mut parts = item.split(';');
            let code = normalize_language(parts.next().unwrap_or_default());
            let mut weight = 1_000;
            for (index, parameter) in parts.enumerate() {
                let (name, value) = parameter
                    .split_once('=')
                    .map(|(name, value)| (name.trim(), value.trim()))
                    .ok_or_else(|| malformed("only the parameter q is possible"))?;
                if index > 0 || !name.eq_ignore_ascii_case("q") {
                    return Err(malformed("only the parameter q is possible, once"));
                }
                weight = thousandths(value).ok_or_else(|| malformed("q must be from 0 to 1"))?;
            }
            if !code.is_empty() {
                accepted.push((code, weight));
            }
        }
    }
    Ok(Languages::of(&accepted))
}

fn malformed(why: &str) -> String {
    format!("Accept-Language must be languages such as nb, en;q=0.8: {why}.")
}

fn thousandths(weight: &str) -> Option<u16> {
    let plain = weight.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value: f64 = weight.parse().ok().filter(|_| plain)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is from 0 to 1")]
    (0.0..=1.0).contains(&value).then(|| (value * 1_000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Languages, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
        read(&headers)
    }

    #[test]
    fn weights_and_white_space() {
        let languages = |list: &[(&str, u16)]| {
            Languages::of(&list.iter().map(|(code, w)| ((*code).to_owned(), *w)).collect::<Vec<_>>())
        };
        for (value, expected) in [
            ("nb-NO", languages(&[("nb", 1000)])),
            ("en_US, nb;q=0.8", languages(&[("en", 1000), ("nb", 800)])),
            ("en; q=0.8 , nb ; q = 0.9", languages(&[("en", 800), ("nb", 900)])),
            ("en;q=0", languages(&[("en", 0)])),
            ("", languages(&[])),
        ] {
            assert_eq!(parse(value), Ok(expected), "{value}");
        }
        for bad in
            ["invalid;;;", "en;x=1", "en;q", "en;q=2", "en;q=-1", "en;q=x", "en;q=NaN", "en;q=0.5;q=0.6"]
        {
            assert!(parse(bad).unwrap_err().contains("Accept-Language"), "{bad}");
        }
    }
}
