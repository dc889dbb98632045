//! What the sandbox stands on: its own issuers, and a platform made from its catalogue.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::task::JoinSet;

use super::{Backing, StartFailure, dialog_token_keys};
use crate::access::dialog_token::DialogTokenSigner;
use crate::access::token::TokenVerifier;
use crate::api::ApiState;
use crate::clock::Clock;
use crate::config::ServeSettings;
use crate::events::sinks::Memory;
use crate::sandbox::catalogue::LiveCatalogue;
use crate::sandbox::faults::Faults;
use crate::sandbox::http::SandboxHttp;
use crate::sandbox::issuers::{Environment, sandbox_issuers};
use crate::sandbox::keys::SandboxKeys;
use crate::store::Store;

pub(super) fn check(settings: &ServeSettings) -> Result<(), StartFailure> {
    let named = settings.platform.named();
    if !named.is_empty() {
        return Err(StartFailure::Setting(format!(
            "The sandbox is a platform of its own and does not start with the address of another: remove \
             --sandbox (DIALOGPORTEN_SANDBOX) or {}.",
            named.join(", ")
        )));
    }
    if !settings.listen.ip().is_loopback() && !settings.sandbox.sandbox_allow_remote {
        return Err(StartFailure::Setting(format!(
            "The sandbox gives tokens of any identity, so it listens on loopback addresses only; {} is none. \
             To do it all the same: --sandbox-allow-remote (or DIALOGPORTEN_SANDBOX_ALLOW_REMOTE=true).",
            settings.listen
        )));
    }
    dialog_token_keys::read(&settings.platform).map(drop)
}

pub(super) async fn backing(
    settings: &ServeSettings,
    store: &Store,
    clock: &Clock,
    address: SocketAddr,
    public_url: &str,
    memory: &Arc<Memory>,
) -> Result<Backing, StartFailure> {
    let keys = Arc::new(SandboxKeys::load_or_create(store.pool()).await?);
    let catalogue = Arc::new(LiveCatalogue::open(settings.sandbox.catalogue.clone(), clock.now())?);
    let environment = Environment::from_name(catalogue.get().profile()).unwrap_or_default();
    let issuers = sandbox_issuers(&keys, environment, public_url)
        .map_err(|fault| StartFailure::Setting(fault.to_string()))?;
    let (own, further) = dialog_token_keys::read(&settings.platform)?;
    let faults = Faults::default();
    let routes = crate::sandbox::http::router(Arc::new(SandboxHttp {
        keys: Arc::clone(&keys),
        clock: clock.clone(),
        base_url: public_url.to_owned(),
        users: credentials(&settings.sandbox.sandbox_credentials),
        accept_any_credentials: address.ip().is_loopback(),
        events: Arc::clone(memory),
    }))
    .merge(faults.router())
    .merge(crate::sandbox::altinn::router(
        Arc::clone(&catalogue),
        Arc::clone(&keys),
        clock.clone(),
        public_url,
        faults,
    ));
    Ok(Backing {
        platform: crate::sandbox::platform::platform(
            Arc::clone(&catalogue),
            &format!("{public_url}{}", crate::sandbox::altinn::PREFIX),
        ),
        tokens: TokenVerifier::new(issuers),
        dialog_tokens: DialogTokenSigner::new(
            own.unwrap_or_else(|| keys.dialog_token.clone()),
            further,
            public_url,
        ),
        pseudonym_secret: keys.pseudonym_secret.to_vec(),
        background: JoinSet::new(),
        routes,
        catalogue: Some(catalogue),
        publishing_token: None,
    })
}

/// Why somebody may or may not see a dialog.
pub(super) fn explain(api: &ApiState) -> Router {
    crate::sandbox::explain::router(Arc::clone(api))
}

fn credentials(setting: &str) -> BTreeMap<String, String> {
    setting
        .split_once(':')
        .map(|(user, password)| BTreeMap::from([(user.to_owned(), password.to_owned())]))
        .unwrap_or_default()
}
