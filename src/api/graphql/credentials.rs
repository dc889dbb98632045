//! Who asks: access tokens are for queries and mutations, dialog tokens for subscriptions.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};

use super::error::Code;
use super::http::Refused;
use crate::access::caller::{Caller, UserKind};
use crate::access::claims::Claims;
use crate::access::policy::{Policy, PolicyRefusal};
use crate::access::token::{LEEWAY_SECONDS, TokenRefusal, sha256};
use crate::api::ApiState;
use crate::events::places::TokenDigest;
use crate::timestamp::Timestamp;

/// Header with a dialog token, for those who have something else in `Authorization`.
pub(super) const DIALOG_TOKEN: &str = "digdir-dialog-token";

/// A dialog token that has been checked.
#[derive(Clone)]
pub(super) struct DialogToken {
    pub claims: Arc<Claims>,
    pub digest: TokenDigest,
}

/// The tokens of a request or a connection that have been checked; one at least.
#[derive(Clone)]
pub(super) struct Credentials {
    access: Option<Arc<Claims>>,
    pub dialog: Option<DialogToken>,
}

impl Credentials {
    /// Those of the headers of a request.
    ///
    /// # Errors
    /// When there is none that is good.
    pub async fn of_headers(api: &ApiState, headers: &HeaderMap) -> Result<Self, TokenRefusal> {
        let text = |name| headers.get(name).map(HeaderValue::to_str).transpose();
        let unreadable = |_| TokenRefusal::Invalid("it has characters other than ASCII");
        let authorization = text(header::AUTHORIZATION.as_str()).map_err(unreadable)?;
        let dialog_token = text(DIALOG_TOKEN).map_err(unreadable)?;
        Self::read(api, authorization, dialog_token).await
    }

    /// What is in `Authorization` must be good. The other one is looked at where that is no dialog token.
    ///
    /// # Errors
    /// When there is none that is good.
    pub async fn read(
        api: &ApiState,
        authorization: Option<&str>,
        dialog_token: Option<&str>,
    ) -> Result<Self, TokenRefusal> {
        let now = api.app.clock.now();
        let dialog = |text: &str| {
            let token = text.trim();
            let token = match token.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
                _ => token,
            };
            let claims = api.dialog_tokens.verify(Some(&format!("Bearer {token}")), now)?;
            Ok::<_, TokenRefusal>(DialogToken { claims, digest: sha256(token) })
        };
        match (authorization, dialog_token) {
            (None, Some(token)) => Ok(Self { access: None, dialog: Some(dialog(token)?) }),
            (authorization, further) => match api.tokens.verify_or_renew(authorization, now).await {
                Ok(access) => {
                    let dialog = further.and_then(|token| dialog(token).ok());
                    Ok(Self { access: Some(access), dialog })
                }
                Err(refusal @ TokenRefusal::UnknownIssuer) => {
                    let own = dialog(authorization.unwrap_or_default());
                    // That it is not ours either says less than that nobody known has issued it.
                    let own =
                        own.map_err(|own| if own == TokenRefusal::UnknownIssuer { refusal } else { own });
                    Ok(Self { access: None, dialog: Some(own?) })
                }
                Err(refusal) => Err(refusal),
            },
        }
    }

    /// When the last of them ends.
    pub fn end(&self) -> Option<Timestamp> {
        let dialog = self.dialog.as_ref().map(|token| &token.claims);
        self.access.iter().chain(dialog).map(|claims| claims.expires_at).max()
    }

    /// The caller of queries and mutations, if the access token opens the graph.
    pub fn caller(&self, now: Timestamp) -> Result<Caller, Refused> {
        let Some(claims) = &self.access else {
            let text = "An access token is needed; a dialog token opens nothing but the subscription.";
            return Err(Refused(Code::NotAuthorized, text.to_owned()));
        };
        // It was good when the connection began.
        if now > claims.expires_at.plus_seconds(LEEWAY_SECONDS) {
            return Err(Refused(Code::NotAuthorized, "The access token has expired.".to_owned()));
        }
        Policy::EndUser.admit(claims).map_err(|refusal| {
            let caller = Caller::from_claims(claims);
            let is_unknown = matches!(refusal, PolicyRefusal::WrongKind { .. })
                && caller.is_none_or(|caller| caller.kind == UserKind::Unknown);
            let code = if is_unknown { Code::UserTypeUnknown } else { Code::NotAuthorized };
            let mut message = refusal.to_string();
            if let Some(first) = message.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            Refused(code, message + ".")
        })
    }
}
