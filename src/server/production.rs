//! What the service stands on in production: the national issuers and the national platform.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::join_all;
use reqwest::Url;
use tokio::task::JoinSet;

use super::dialog_token_keys::{self, filled, jwk};
use super::{Backing, StartFailure};
use crate::access::dialog_token::DialogTokenSigner;
use crate::access::token::{Issuer, TokenVerifier};
use crate::altinn::HttpIssuers;
use crate::altinn::production::{self, PlatformSettings};
use crate::app::IssuerKeeper;
use crate::clock::Clock;
use crate::config::ServeSettings;
use crate::store::Store;

/// Name of the secret of pseudonyms among the secrets that all instances share.
const PSEUDONYM: &str = "pseudonym";

/// What the settings say, when none is missing and none is wrong.
struct Read {
    platform: PlatformSettings,
    /// Name, address of the metadata, audiences.
    issuers: Vec<(String, String, Vec<String>)>,
}

pub(super) fn check(settings: &ServeSettings) -> Result<(), StartFailure> {
    read(settings).map(drop)
}

/// Reads the settings and names all that are missing or wrong at once.
fn read(settings: &ServeSettings) -> Result<Read, StartFailure> {
    let given = &settings.platform;
    let mut faults = Vec::new();
    let mut required = |variable: &str, value: Option<&str>| match filled(value) {
        Some(value) => value.to_owned(),
        None => {
            faults.push(format!("{variable} is missing"));
            String::new()
        }
    };
    required("DATABASE_URL", settings.database.url());
    let public_url = required("DIALOGPORTEN_PUBLIC_URL", settings.public_url.as_deref());
    let altinn = required("DIALOGPORTEN_ALTINN_URL", given.altinn_url.as_deref());
    let subscription_key =
        required("DIALOGPORTEN_ALTINN_SUBSCRIPTION_KEY", given.altinn_subscription_key.as_deref());
    let maskinporten = required("DIALOGPORTEN_MASKINPORTEN_URL", given.maskinporten_url.as_deref());
    let client_id = required("DIALOGPORTEN_MASKINPORTEN_CLIENT_ID", given.maskinporten_client_id.as_deref());
    let client_key = required("DIALOGPORTEN_MASKINPORTEN_KEY", given.maskinporten_key.as_deref());
    required("DIALOGPORTEN_DIALOG_TOKEN_KEY", given.dialog_token_key.as_deref());
    let issuers: Vec<&str> =
        given.issuers.iter().map(|issuer| issuer.trim()).filter(|issuer| !issuer.is_empty()).collect();
    required("DIALOGPORTEN_ISSUERS", issuers.first().copied());

    let mut address = |variable: &str, text: &str| {
        let url = Url::parse(text).ok().filter(is_private);
        if url.is_none() && !text.is_empty() {
            faults.push(format!("{variable} must be a URL with https (or http on this machine)"));
        }
        url
    };
    address("DIALOGPORTEN_PUBLIC_URL", &public_url);
    let altinn = address("DIALOGPORTEN_ALTINN_URL", &altinn);
    let cdn = address("DIALOGPORTEN_ALTINN_CDN_URL", &given.altinn_cdn_url);
    let maskinporten = address("DIALOGPORTEN_MASKINPORTEN_URL", &maskinporten);
    let mut read = Vec::new();
    for issuer in &issuers {
        let (name, url) = issuer.split_once('=').unwrap_or(("", issuer));
        if let Some(url) = address("each address in DIALOGPORTEN_ISSUERS", url) {
            read.push((name.trim().to_owned(), url.to_string(), Vec::new()));
        }
    }
    let mut audiences: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in given.audiences.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
        let (name, audience) = entry.split_once('=').unwrap_or(("", entry));
        audiences.entry(name.trim()).or_default().push(audience.trim().to_owned());
    }
    for (name, _, own) in &mut read {
        own.extend(audiences.remove(name.as_str()).into_iter().flatten());
    }
    let mut names: Vec<&str> = read.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_unstable();
    if names.iter().any(|name| name.is_empty()) || names.windows(2).any(|pair| pair[0] == pair[1]) {
        faults.push("DIALOGPORTEN_ISSUERS must give each issuer a name of its own".to_owned());
    }
    // A name that is misspelt would let tokens for anybody in.
    for name in audiences.keys() {
        faults.push(format!("DIALOGPORTEN_AUDIENCES names an issuer that is not configured: {name:?}"));
    }
    let client_key = match jwk(&client_key) {
        Some(key) => key,
        None => {
            if !client_key.is_empty() {
                faults.push("DIALOGPORTEN_MASKINPORTEN_KEY is not a JWK".to_owned());
            }
            serde_json::Value::Null
        }
    };
    if let Err(failure) = dialog_token_keys::read(given) {
        faults.push(failure.to_string().trim_end_matches('.').to_owned());
    }
    let (Some(altinn), Some(cdn_url), Some(maskinporten), true) =
        (altinn, cdn, maskinporten, faults.is_empty())
    else {
        return Err(StartFailure::Setting(format!(
            "The service cannot start for production, for these reasons:\n- {}\nTo start as sandbox on the \
             database: --sandbox (or DIALOGPORTEN_SANDBOX=true), without the settings of a platform.",
            faults.join("\n- ")
        )));
    };
    let platform = PlatformSettings {
        url: altinn,
        cdn_url,
        subscription_key,
        maskinporten,
        client_id,
        client_key,
        deadline: Duration::from_secs(given.platform_timeout),
    };
    Ok(Read { platform, issuers: read })
}

/// Whether what is sent there can be read by nobody else.
fn is_private(url: &Url) -> bool {
    let is_local = || match url.host() {
        Some(url::Host::Domain(domain)) => domain == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_local())
}

pub(super) async fn backing(
    settings: &ServeSettings,
    store: &Store,
    clock: &Clock,
    public_url: &str,
) -> Result<Backing, StartFailure> {
    let read = read(settings)?;
    let clients = production::clients(&read.platform, clock)
        .map_err(|fault| StartFailure::Setting(format!("DIALOGPORTEN_MASKINPORTEN_KEY: {fault}.")))?;
    let (own, further) = dialog_token_keys::read(&settings.platform)?;
    let own =
        own.ok_or_else(|| StartFailure::Setting("DIALOGPORTEN_DIALOG_TOKEN_KEY is missing.".to_owned()))?;

    let source = Arc::new(HttpIssuers::new(read.platform.deadline)?);
    let keepers = read.issuers.into_iter().map(|(name, url, audiences)| IssuerKeeper {
        issuer: Arc::new(Issuer::discovered(&name, &url).for_audiences(audiences)),
        url,
        source: source.clone(),
        store: store.clone(),
        clock: clock.clone(),
    });
    let keepers: Vec<IssuerKeeper> = keepers.collect();
    let issuers = keepers.iter().map(|keeper| Arc::clone(&keeper.issuer)).collect();
    // One that does not answer keeps nobody waiting for longer than a request of ours may take.
    let first = join_all(keepers.into_iter().map(async |keeper| {
        keeper.recall().await;
        (keeper.ask().await, keeper)
    }));
    let mut background = JoinSet::new();
    for (has_answered, keeper) in first.await {
        background.spawn(keeper.keep(has_answered));
    }
    Ok(Backing {
        platform: clients.platform,
        tokens: TokenVerifier::new(issuers),
        dialog_tokens: DialogTokenSigner::new(own, further, public_url),
        pseudonym_secret: store.shared_secret(PSEUDONYM).await?,
        background,
        routes: Router::new(),
        catalogue: None,
        publishing_token: Some(Arc::new(clients.tokens)),
    })
}
