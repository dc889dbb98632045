//! Why somebody may or may not see a dialog.

use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;
use uuid::Uuid;

use crate::access::caller::{Caller, UserKind};
use crate::access::scope::Scopes;
use crate::altinn::PlatformIds;
use crate::api::ApiState;
use crate::api::http::problem::Problem;
use crate::api::http::query::Query;
use crate::api::http::respond;
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::json::Failures;

/// `GET /sandbox/explain?dialogId=…`, with the access token of the user, or with `user` (a URN) and
/// `level` (3 when left out). Nobody is asked for a right to ask: only in the sandbox.
pub fn router(api: ApiState) -> Router {
    Router::new().route("/sandbox/explain", get(explain)).with_state(api)
}

async fn explain(State(api): State<ApiState>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    let query = Query::parse(uri.query());
    let mut failures = Failures::new();
    let dialog = query.first("dialogId").and_then(|id| Uuid::try_parse(id).ok());
    if dialog.is_none() {
        failures.add_key("dialogId", "must be the id of a dialog.".to_owned());
    }
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match token {
        Some(_) => {
            let claims = api.tokens.verify(token, api.app.clock.now()).ok();
            claims.and_then(|claims| Caller::from_claims(&claims))
        }
        None => query.first("user").and_then(PartyUrn::parse).and_then(|user| {
            let level = query.first("level").map_or(Some(3), |level| level.parse().ok())?;
            user_with(user, level)
        }),
    };
    if caller.is_none() {
        let text = "must be the URN of a person, a system user or an e-mail user, with a whole number as level; \
                    or send an access token.";
        failures.add_key("user", text.to_owned());
    }
    let (Some(dialog), Some(caller)) = (dialog, caller) else { return Err(failures.into()) };
    let (explanation, sentences) = api.app.explain(&caller, dialog).await?;
    Ok(respond::json(&json!({ "dialogId": dialog, "inShort": sentences, "facts": explanation })))
}

fn user_with(user: PartyUrn, level: u32) -> Option<Caller> {
    let kind = match user.kind() {
        PartyKind::Person => UserKind::Person,
        PartyKind::SystemUser => UserKind::SystemUser,
        PartyKind::Email => UserKind::IdportenEmailIdentifiedUser,
        PartyKind::Organization | PartyKind::LegacySelfIdentified | PartyKind::Feide => return None,
    };
    Some(Caller {
        kind,
        user,
        platform_ids: PlatformIds::default(),
        scopes: Scopes::default(),
        organization_number: None,
        organization_code: None,
        authentication_level: level,
        supplier_number: None,
        system_user_owner: None,
        impersonated: false,
    })
}
