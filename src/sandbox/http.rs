//! The sandbox's endpoints: the token generator, the documents of its issuers, and the newest events.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;
use uuid::Uuid;

use super::issuers;
use super::keys::SandboxKeys;
use super::token_generator::{Minted, TokenKind, TokenRequest};
use crate::clock::Clock;
use crate::events::sinks::Memory;

/// What the endpoints need.
pub struct SandboxHttp {
    /// The keys of the issuers.
    pub keys: Arc<SandboxKeys>,
    /// Tells when tokens begin.
    pub clock: Clock,
    /// Where clients reach the sandbox, without a slash at the end.
    pub base_url: String,
    /// Who may ask for tokens: passwords by user name.
    pub users: BTreeMap<String, String>,
    /// Whether any user name and password will do. Only for callers on this machine.
    pub accept_any_credentials: bool,
    /// The newest events.
    pub events: Arc<Memory>,
}

/// The endpoints. Those below `/api/` are there in lower case too.
pub fn router(state: Arc<SandboxHttp>) -> Router {
    let mut router = Router::new()
        .route("/sandbox/issuers/{name}/.well-known/openid-configuration", get(issuer_metadata))
        .route("/sandbox/issuers/{name}/jwks", get(issuer_keys))
        .route("/sandbox/events", get(events));
    for kind in TokenKind::ALL {
        let path = format!("/api/{}", kind.endpoint());
        for path in [path.to_ascii_lowercase(), path] {
            router = router.route(&path, get(move |state, headers, uri| token(kind, state, headers, uri)));
        }
    }
    router.with_state(state)
}

async fn token(
    kind: TokenKind,
    State(state): State<Arc<SandboxHttp>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    match state.check_credentials(headers.get(AUTHORIZATION).map(HeaderValue::as_bytes)) {
        Ok(()) => {}
        Err(CredentialsFault::Wrong) => {
            let challenge = [(WWW_AUTHENTICATE, r#"Basic realm="Dialogporten sandbox", charset="UTF-8""#)];
            return (StatusCode::UNAUTHORIZED, challenge).into_response();
        }
        Err(CredentialsFault::Unreadable) => return StatusCode::BAD_REQUEST.into_response(),
    }
    let parameters: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let request = match TokenRequest::read(kind, &parameters) {
        Ok(request) => request,
        Err(problems) => return json(StatusCode::BAD_REQUEST, &problems),
    };
    // Signing is computation, and in bulk a lot of it.
    let minting = tokio::task::spawn_blocking(move || {
        let now = state.clock.now();
        request.mint(&state.keys, &state.base_url, now, &mut state.clock.ids(now))
    });
    match minting.await {
        Ok(Some(Minted::Text(text))) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Ok(Some(Minted::Bulk(tokens))) => json(StatusCode::OK, &tokens),
        Ok(None) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn issuer_metadata(State(state): State<Arc<SandboxHttp>>, Path(name): Path<String>) -> Response {
    match issuers::published(&state.keys, &name, &state.base_url) {
        Some((metadata, _)) => json(StatusCode::OK, &metadata),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn issuer_keys(State(state): State<Arc<SandboxHttp>>, Path(name): Path<String>) -> Response {
    match issuers::published(&state.keys, &name, &state.base_url) {
        Some((_, keys)) => json(StatusCode::OK, &keys),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The newest events of this instance, oldest first; of one dialog with `dialogId`.
async fn events(State(state): State<Arc<SandboxHttp>>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    let dialog = form_urlencoded::parse(query).find(|(name, _)| name.eq_ignore_ascii_case("dialogId"));
    match dialog.map(|(_, id)| Uuid::try_parse(&id)).transpose() {
        Ok(dialog) => json(StatusCode::OK, &state.events.events(dialog)),
        Err(_) => {
            let problems = BTreeMap::from([("dialogId", "must be a UUID.")]);
            json(StatusCode::BAD_REQUEST, &problems)
        }
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum CredentialsFault {
    /// Not there, or not of a user.
    Wrong,
    /// Not `user:password` in base64 of UTF-8.
    Unreadable,
}

impl SandboxHttp {
    /// Checks an `Authorization` header of the scheme `Basic` (RFC 7617).
    fn check_credentials(&self, authorization: Option<&[u8]>) -> Result<(), CredentialsFault> {
        /// Padding may be missing.
        const BASE64: GeneralPurpose = GeneralPurpose::new(
            &STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let header = authorization.ok_or(CredentialsFault::Wrong)?;
        let header = str::from_utf8(header).map_err(|_| CredentialsFault::Unreadable)?;
        let (scheme, credentials) = header.trim().split_once(' ').ok_or(CredentialsFault::Wrong)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(CredentialsFault::Wrong);
        }
        let credentials =
            BASE64.decode(credentials.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (user, password) = credentials
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .ok_or(CredentialsFault::Unreadable)?;
        // All users are compared, so that the time taken tells nothing about any.
        let is_known = self
            .users
            .iter()
            .fold(false, |found, (known, secret)| found | (same(user, known) & same(password, secret)));
        if is_known || self.accept_any_credentials { Ok(()) } else { Err(CredentialsFault::Wrong) }
    }
}

/// Compares in a time that depends on neither text.
fn same(given: &str, expected: &str) -> bool {
    let [given, expected] = [given, expected].map(|text| digest(&SHA256, text.as_bytes()));
    verify_slices_are_equal(given.as_ref(), expected.as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;
    use crate::access::token::{Issuer, IssuerKeys, TokenVerifier};
    use crate::sandbox::keys::shared;
    use crate::timestamp::Timestamp;

    fn now() -> Timestamp {
        Timestamp::from_unix_seconds(1_767_225_600).unwrap()
    }

    fn state(accept_any_credentials: bool) -> SandboxHttp {
        SandboxHttp {
            keys: Arc::clone(shared()),
            clock: Clock::fixed(now()),
            base_url: "http://127.0.0.1:7214".into(),
            users: BTreeMap::from([("sandbox".into(), "sand:bøx".into()), ("other".into(), "secret".into())]),
            accept_any_credentials,
            events: Arc::default(),
        }
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD_NO_PAD.encode(credentials))
    }

    async fn get(
        accept_any: bool,
        path: &str,
        authorization: Option<&str>,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().uri(path);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let router = router(Arc::new(state(accept_any)));
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_endpoint_answers_under_both_spellings() {
        let query = "env=at23&scopes=a&email=a@b.no&systemUserId=51551dd0-b9c5-4f4b-a4a2-9b7e3669b364";
        for kind in TokenKind::ALL {
            for endpoint in [kind.endpoint().to_owned(), kind.endpoint().to_lowercase()] {
                let path = format!("/api/{endpoint}?{query}");
                let (status, headers, body) = get(false, &path, Some(&basic("other:secret"))).await;
                assert_eq!(status, StatusCode::OK, "{path}");
                assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
                assert_eq!(body.split('.').count(), 3, "{path}");
            }
        }
    }

    #[tokio::test]
    async fn credentials_are_checked() {
        let path = "/api/GetPersonalToken?env=at23";
        let padded = "Basic b3RoZXI6c2VjcmV0";
        for (accept_any, authorization, expected) in [
            (false, Some(basic("sandbox:sand:bøx")), 200),
            (false, Some(basic("other:secret").replace("Basic", "basic")), 200),
            (false, Some(padded.into()), 200),
            (false, Some(format!("{}=", basic("sandbox:sand:bøx"))), 200),
            (false, Some(basic("other:sand:bøx")), 401),
            (false, Some(basic("sandbox:")), 401),
            (false, Some(basic(":")), 401),
            (false, Some(basic("Sandbox:sand:bøx")), 401),
            (false, Some("Bearer x".into()), 401),
            (false, Some("Basic".into()), 401),
            (false, Some(String::new()), 401),
            (false, None, 401),
            (false, Some("Basic %%%".into()), 400),
            (false, Some(basic("nocolon")), 400),
            (false, Some("Basic gICA".into()), 400),
            (true, Some(basic("any:body")), 200),
            (true, Some(basic("nocolon")), 400),
            (true, None, 401),
        ] {
            let (status, headers, _) = get(accept_any, path, authorization.as_deref()).await;
            assert_eq!(status.as_u16(), expected, "{authorization:?}");
            let challenge = headers.get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
            assert_eq!(challenge.is_some_and(|c| c.starts_with("Basic realm=")), expected == 401);
        }
    }

    #[tokio::test]
    async fn bad_parameters_and_bulk_are_answered_in_json() {
        let credentials = basic("other:secret");
        let (status, headers, body) =
            get(false, "/api/GetEnterpriseToken?orgNo=1&env=%ff", Some(&credentials)).await;
        assert_eq!((status.as_u16(), &headers[CONTENT_TYPE]), (400, &"application/json".parse().unwrap()));
        let problems: BTreeMap<String, String> = serde_json::from_str(&body).unwrap();
        assert_eq!(problems.keys().collect::<Vec<_>>(), ["env", "orgNo", "scopes"]);

        let (status, _, body) =
            get(false, "/api/GetPersonalToken?env=at23&bulkCount=2", Some(&credentials)).await;
        let tokens: BTreeMap<String, String> = serde_json::from_str(&body).unwrap();
        assert_eq!((status.as_u16(), tokens.len()), (200, 2));
    }

    #[tokio::test]
    async fn published_issuers_verify_the_tokens() {
        let (_, _, token) =
            get(true, "/api/GetPersonalToken?env=tt02&pid=08844397713", Some(&basic("a:b"))).await;
        let document = async |path: &str| -> Value {
            let (status, headers, body) = get(false, path, None).await;
            assert_eq!(
                (status.as_u16(), &headers[CONTENT_TYPE]),
                (200, &"application/json".parse().unwrap())
            );
            serde_json::from_str(&body).unwrap()
        };
        let metadata = document("/sandbox/issuers/tt02/.well-known/openid-configuration").await;
        let keys_path = metadata["jwks_uri"].as_str().unwrap().strip_prefix("http://127.0.0.1:7214").unwrap();
        let keys = IssuerKeys::from_jwks(&document(keys_path).await).unwrap();
        let issuer = Issuer::new("Altinn", metadata["issuer"].as_str().unwrap(), keys);
        let claims = TokenVerifier::new(vec![Arc::new(issuer)])
            .verify(Some(&format!("Bearer {token}")), now())
            .unwrap();
        assert_eq!(claims.person.as_ref().unwrap().id(), "08844397713");

        let metadata = document("/sandbox/issuers/maskinporten/.well-known/openid-configuration").await;
        assert_eq!(metadata["issuer"], "https://test.maskinporten.no/");
        for path in ["/sandbox/issuers/prod/jwks", "/sandbox/issuers/AT23/.well-known/openid-configuration"] {
            assert_eq!(get(false, path, None).await.0, StatusCode::NOT_FOUND);
        }
    }
}
