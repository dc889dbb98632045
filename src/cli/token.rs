//! `dialogporten token`

use crate::clock::Clock;
use crate::config::{TokenFor, TokenSettings};
use crate::sandbox::keys::SandboxKeys;
use crate::sandbox::token_generator::{Minted, TokenKind, TokenRequest};
use crate::server::running_store;

/// A token as the generator of the running sandbox would give it.
pub async fn token(settings: &TokenSettings) -> Result<String, Box<dyn std::error::Error>> {
    let request = request(settings)?;
    let store = running_store(&settings.database)?;
    let keys = SandboxKeys::load_or_create(store.pool()).await.map_err(|failure| {
        format!("The sandbox's keys cannot be read; is it running? Start it with `make run`. ({failure})")
    })?;
    let clock = Clock::system();
    let now = clock.now();
    let minted = request.mint(&keys, settings.public_url.trim_end_matches('/'), now, &mut clock.ids(now));
    store.close().await;
    match minted.ok_or("the token could not be signed")? {
        Minted::Text(token) => Ok(token),
        Minted::Bulk(tokens) => Ok(serde_json::to_string_pretty(&tokens)?),
    }
}

/// The parameters given, and for those that are not, the ones of the sandbox's examples.
fn request(settings: &TokenSettings) -> Result<TokenRequest, String> {
    let (kind, defaults): (_, &[(&str, &str)]) = match settings.kind {
        TokenFor::So => (
            TokenKind::Enterprise,
            &[
                ("org", "ttd"),
                ("orgNo", "991825827"),
                ("scopes", "digdir:dialogporten.serviceprovider digdir:dialogporten.serviceprovider.search"),
            ],
        ),
        TokenFor::Person => {
            (TokenKind::Personal, &[("pid", "08844397713"), ("scopes", "digdir:dialogporten")])
        }
        TokenFor::Systemuser => (
            TokenKind::SystemUser,
            &[
                ("systemUserId", "51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"),
                ("systemUserOrg", "310057223"),
                ("scopes", "digdir:dialogporten"),
            ],
        ),
        TokenFor::Email => (
            TokenKind::SelfRegisteredEmailUser,
            &[("email", "sandbox.user@example.com"), ("scopes", "digdir:dialogporten")],
        ),
    };
    let mut parameters: Vec<(String, String)> = Vec::new();
    for parameter in &settings.parameters {
        let (name, value) =
            parameter.split_once('=').ok_or_else(|| format!("{parameter} is not of the form NAME=VALUE"))?;
        parameters.push((name.to_owned(), value.to_owned()));
    }
    for (name, value) in std::iter::once(&("env", "at23")).chain(defaults) {
        if !parameters.iter().any(|(given, _)| given == name) {
            parameters.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    TokenRequest::read(kind, &parameters).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        texts.join("\n")
    })
}
