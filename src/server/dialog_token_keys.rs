//! Keys of dialog tokens, from the settings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::StartFailure;
use crate::access::dialog_token::{DialogTokenKey, PublishedKey};
use crate::config::PlatformSettings;

/// The key that signs, and those that are published beside it.
pub(super) fn read(
    settings: &PlatformSettings,
) -> Result<(Option<DialogTokenKey>, Vec<PublishedKey>), StartFailure> {
    let wrong = |variable: &str, fault: &str| StartFailure::Setting(format!("{variable} {fault}"));
    let variable = "DIALOGPORTEN_DIALOG_TOKEN_KEY";
    let own = match filled(settings.dialog_token_key.as_deref()) {
        None => None,
        Some(text) => {
            let jwk = jwk(text).ok_or_else(|| wrong(variable, "is not a JWK."))?;
            let key = DialogTokenKey::from_jwk(&jwk);
            Some(key.map_err(|fault| wrong(variable, &format!("cannot be used: {fault}.")))?)
        }
    };
    let variable = "DIALOGPORTEN_DIALOG_TOKEN_OTHER_KEY";
    let other = match filled(settings.dialog_token_other_key.as_deref()) {
        None => None,
        Some(text) => {
            let jwk = jwk(text).ok_or_else(|| wrong(variable, "is not a JWK."))?;
            let key = PublishedKey::from_jwk(&jwk);
            Some(key.map_err(|fault| wrong(variable, &format!("cannot be used: {fault}.")))?)
        }
    };
    if let (Some(own), Some(other)) = (&own, &other)
        && own.kid() == other.kid()
    {
        return Err(wrong(variable, "has the same kid as the key that signs."));
    }
    Ok((own, other.into_iter().collect()))
}

/// A setting that is there and not empty.
pub(super) fn filled(setting: Option<&str>) -> Option<&str> {
    setting.map(str::trim).filter(|text| !text.is_empty())
}

/// JSON, or base64 of it.
pub(super) fn jwk(text: &str) -> Option<Value> {
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object);
    parse(text.as_bytes()).or_else(|| parse(&STANDARD.decode(text).ok()?))
}
