//! RSA keys between JSON Web Keys (RFC 7518 section 6.3) and the form that the cryptographic library
//! takes: `RSAPrivateKey` of RFC 8017 appendix A.1.2, in DER.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The members of a private key, in the order of `RSAPrivateKey`.
const MEMBERS: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The private key of a JWK; `None` when a member is missing or malformed.
pub(crate) fn private_key_der(jwk: &Value) -> Option<Vec<u8>> {
    let mut content = element(INTEGER, &[0]);
    for member in MEMBERS {
        let bytes = URL_SAFE_NO_PAD.decode(jwk.get(member)?.as_str()?).ok()?;
        content.extend(unsigned(&bytes));
    }
    Some(element(SEQUENCE, &content))
}

/// The members of a private key that is given in PKCS #8 (RFC 5208), in DER.
#[must_use]
pub(crate) fn private_key_members(pkcs8: &[u8]) -> Option<Map<String, Value>> {
    let (content, _) = read(SEQUENCE, pkcs8)?;
    let (_version, rest) = read(INTEGER, content)?;
    let (_algorithm, rest) = read(SEQUENCE, rest)?;
    let (key, _) = read(OCTET_STRING, rest)?;
    let (content, _) = read(SEQUENCE, key)?;
    let (_version, mut rest) = read(INTEGER, content)?;
    let mut members = Map::new();
    for member in MEMBERS {
        let (number, after) = read(INTEGER, rest)?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        members.insert(member.to_owned(), URL_SAFE_NO_PAD.encode(number).into());
        rest = after;
    }
    Some(members)
}

/// A number that is not negative, though its first bit may be set.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let significant = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &bytes[first..]);
    match significant.first() {
        Some(first) if *first < 0x80 => element(INTEGER, significant),
        _ => element(INTEGER, &[&[0], significant].concat()),
    }
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let length = content.len().to_be_bytes();
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => element.push(short),
        _ => {
            let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            element.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            element.extend(significant);
        }
    }
    element.extend_from_slice(content);
    element
}

/// The content of the first element, and what comes after it.
fn read(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [found, first, rest @ ..] = der else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};

    use super::*;
    use crate::sandbox::keys::shared;

    #[test]
    fn keys_survive_both_ways() {
        let jwk = shared().client.private_jwk().unwrap();
        let pair = aws_lc_rs::rsa::KeyPair::from_der(&private_key_der(&jwk).unwrap()).unwrap();
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let members = private_key_members(pkcs8.as_ref()).unwrap();
        for member in MEMBERS {
            assert_eq!(members[member], jwk[member], "{member}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        let good = shared().client.private_jwk().unwrap();
        for member in MEMBERS {
            for damage in [Value::Null, "%".into(), 5.into()] {
                let mut jwk = good.clone();
                jwk[member] = damage;
                assert_eq!(private_key_der(&jwk), None, "{member}");
            }
        }
        for der in [&[][..], &[0x30], &[0x30, 0x82], &[0x30, 0x05, 0x02, 0x01], &[0x02, 0x01, 0x00]] {
            assert_eq!(private_key_members(der), None, "{der:?}");
        }
    }
}
