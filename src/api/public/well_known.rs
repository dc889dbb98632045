//! How receivers of dialog tokens check them.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::accept;
use crate::api::http::operation::{Answer, BodyKind, Operation, Verb};
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::json::{Describe, Schemas, described};

/// `GET /.well-known/jwks.json`
pub const GET_JWKS: Operation = Operation {
    id: "GetJwks",
    long_id: "V1WellKnownJwksGet_Jwks",
    verb: Verb::Get,
    path: "/api/v1/.well-known/jwks.json",
    policy: Policy::Anonymous,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<Jwks>(),
    refusals: &[StatusCode::NOT_ACCEPTABLE],
    summary: "Gives the public keys of dialog tokens (RFC 7517).",
};

/// `GET /.well-known/oauth-authorization-server`
pub const GET_OAUTH_SERVER: Operation = Operation {
    id: "GetOauthAuthorizationServer",
    long_id: "V1WellKnownOauthAuthorizationServerGet_OauthAuthorizationServer",
    verb: Verb::Get,
    path: "/api/v1/.well-known/oauth-authorization-server",
    policy: Policy::Anonymous,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<OauthAuthorizationServer>(),
    refusals: &[StatusCode::NOT_ACCEPTABLE],
    summary: "Gives the issuer of dialog tokens and where its keys are (RFC 8414).",
};

struct Jwks;
struct Jwk;
struct OauthAuthorizationServer;

described!(Jwks, "A set of keys.", [(None, "keys", "The keys, the one in use first.", Vec<Jwk>),]);
described!(
    Jwk,
    "A public key.",
    [
        (None, "kty", "Kind of the key: `OKP`.", String),
        (None, "use", "What it is for: `sig`.", String),
        (None, "kid", "Its id, as tokens name it.", String),
        (None, "crv", "The curve: `Ed25519`.", String),
        (None, "x", "The key, in base64url.", String),
        (None, "alg", "The algorithm of signatures: `EdDSA`.", String),
    ]
);

impl Describe for OauthAuthorizationServer {
    fn describe(schemas: &mut Schemas) -> Value {
        schemas.named("OauthAuthorizationServer", |_| {
            json!({
                "type": "object",
                "description": "Who signs dialog tokens.",
                "properties": {
                    "issuer": { "type": "string", "description": "The claim `iss` of dialog tokens." },
                    "jwks_uri": { "type": "string", "description": "Where the keys are." },
                },
            })
        })
    }
}

pub(super) async fn jwks(State(api): State<ApiState>, headers: HeaderMap) -> Result<Response, Problem> {
    document(&headers, &api.app.dialog_tokens.jwks())
}

pub(super) async fn authorization_server(
    State(api): State<ApiState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    document(&headers, &api.app.dialog_tokens.metadata())
}

fn document(headers: &HeaderMap, document: &Value) -> Result<Response, Problem> {
    accept::check_json(headers)?;
    let mut response = respond::json(document);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    Ok(response)
}
