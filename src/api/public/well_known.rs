//! How receivers of dialog tokens check them.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Answer, BodyKind, Operation, Verb};
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::json::{Describe, Failures, Schemas, described};

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
    if !accepts_json(headers) {
        let failures = Failures::one("Accept", "must allow application/json.");
        return Err(Problem::new(StatusCode::NOT_ACCEPTABLE).errors(failures));
    }
    let mut response = respond::json(document);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Ok(response)
}

/// Whether the caller takes JSON. A header that cannot be read allows everything.
fn accepts_json(headers: &HeaderMap) -> bool {
    let lines: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<mime::Mime> =
        lines.iter().flat_map(|line| line.split(',')).filter_map(|range| range.trim().parse().ok()).collect();
    ranges.is_empty()
        || ranges.iter().any(|range| {
            let weight = range.get_param("q").and_then(|q| q.as_str().parse::<f32>().ok()).unwrap_or(1.0);
            let is_json = match (range.type_(), range.subtype()) {
                (mime::STAR, mime::STAR) => true,
                (mime::APPLICATION, subtype) => {
                    subtype == mime::STAR || subtype == mime::JSON || range.suffix() == Some(mime::JSON)
                }
                _ => false,
            };
            is_json && weight > 0.0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_be_among_what_is_accepted() {
        for (accept, expected) in [
            (None, true),
            (Some("*/*"), true),
            (Some("application/*"), true),
            (Some("text/html, application/json;q=0.1"), true),
            (Some("application/problem+json"), true),
            (Some("text/html"), false),
            (Some("application/json;q=0"), false),
            (Some("not a media range"), true),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(accepts_json(&headers), expected, "{accept:?}");
        }
    }
}
