//! What both our signers share: the compact serialization and key thumbprints.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The header of a token (RFC 7515 section 4).
pub(crate) fn header(algorithm: &str, kid: &str) -> Value {
    json!({ "alg": algorithm, "typ": "JWT", "kid": kid })
}

/// A signed token in compact serialization (RFC 7515 section 7.1).
pub(crate) fn compact<E>(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let mut token = base64url(header.to_string());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut token);
    let signature = sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

/// The thumbprint (RFC 7638, SHA-256) of a key, given its required members in canonical JSON.
pub(crate) fn thumbprint(canonical: &str) -> String {
    base64url(digest(&SHA256, canonical.as_bytes()))
}

/// `bytes` in base64url without padding.
pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
