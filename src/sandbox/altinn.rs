//! The sandbox's platform over HTTP: the paths of the real one below [`PREFIX`], answered from the
//! catalogue. The service in production is tested against exactly this.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, Request, State};
use axum::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::catalogue::{Catalogue, LiveCatalogue};
use super::faults::{Faults, interfere};
use super::issuers::Environment;
use super::keys::SandboxKeys;
use super::platform::authorized_parties;
use crate::access::claims::Claims;
use crate::access::token::{Issuer, IssuerKeys, TokenVerifier};
use crate::altinn::wire::{WireInstance, WireParty};
use crate::altinn::xacml::{Envelope, Question, Response as XacmlResponse, Result as XacmlResult};
use crate::altinn::{AuthorizedParty, LocalizedTexts, ServiceResource};
use crate::clock::Clock;
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::timestamp::Timestamp;

/// Below this are the paths of the platform.
pub const PREFIX: &str = "/sandbox/altinn";

/// Below this, and the prefix, is Maskinporten.
const MASKINPORTEN: &str = "/maskinporten";

/// The one client that Maskinporten knows here.
pub const CLIENT_ID: &str = "dialogporten-sandbox";

/// What the gateway asks for.
pub const SUBSCRIPTION_KEY: &str = "sandbox";

/// Longest lifetime of a grant, in seconds, as Maskinporten has it.
const GRANT_SECONDS: i64 = 120;

/// Lifetime of tokens, in seconds.
const TOKEN_SECONDS: i64 = 600;

/// How many events are kept.
const EVENTS: usize = 1000;

struct Face {
    catalogue: Arc<LiveCatalogue>,
    keys: Arc<SandboxKeys>,
    clock: Clock,
    base_url: String,
    /// Those whose tokens the platform takes.
    platform: TokenVerifier,
    /// Maskinporten's, which the exchange takes.
    maskinporten: TokenVerifier,
    /// The client's grants, which Maskinporten takes.
    grants: TokenVerifier,
    events: Mutex<Vec<Value>>,
}

type FaceState = Arc<Face>;

/// The routes, with the faults that are to happen there. `base_url` is the sandbox's own.
pub fn router(
    catalogue: Arc<LiveCatalogue>,
    keys: Arc<SandboxKeys>,
    clock: Clock,
    base_url: &str,
    faults: Faults,
) -> Router {
    let verifier = |issuer: String, key: &super::keys::SigningKey, audience: Option<String>| {
        let keys = IssuerKeys::from_jwks(&key.jwks()).unwrap_or_default();
        let issuer = Issuer::new("sandbox", &issuer, keys).for_audiences(audience.into_iter().collect());
        TokenVerifier::new(vec![Arc::new(issuer)])
    };
    let environment = Environment::from_name(catalogue.get().profile()).unwrap_or_default();
    let maskinporten = format!("{base_url}{PREFIX}{MASKINPORTEN}/");
    let face = Arc::new(Face {
        platform: verifier(environment.issuer(base_url), &keys.altinn, None),
        maskinporten: verifier(maskinporten.clone(), &keys.maskinporten, None),
        grants: verifier(CLIENT_ID.to_owned(), &keys.client, Some(maskinporten)),
        catalogue,
        keys,
        clock,
        base_url: base_url.to_owned(),
        events: Mutex::default(),
    });
    let guard = |scope: &'static str| {
        let face = Arc::clone(&face);
        from_fn(move |request, next| authorised(Arc::clone(&face), scope, request, next))
    };
    let guard_with_key = |scope: &'static str| (from_fn(has_key), guard(scope));
    let events = "/events/api/v1/events";
    let routes = Router::new()
        .route("/authorization/api/v1/authorize", post(authorize))
        .route_layer(guard_with_key("altinn:authorization/authorize.admin"))
        .merge(
            Router::new()
                .route("/accessmanagement/api/v1/resourceowner/authorizedparties", post(parties))
                .route_layer(guard_with_key("altinn:accessmanagement/authorizedparties.admin")),
        )
        .merge(
            Router::new()
                .route("/register/api/v1/dialogporten/parties/query", post(names))
                .route_layer(guard_with_key("altinn:register/partylookup.admin")),
        )
        .merge(Router::new().route(events, post(publish)).route_layer(guard("altinn:events.publish")))
        .route("/events", get(published))
        .route("/accessmanagement/api/v1/meta/info/roles", get(roles))
        .route("/accessmanagement/api/v1/meta/info/accesspackages/export", get(access_packages))
        .route("/resourceregistry/api/v1/resource/resourcelist", get(resources))
        .route("/resourceregistry/api/v1/resource/updated", get(changes))
        .route("/resourceregistry/api/v1/resource/{id}", get(resource))
        .route("/resourceregistry/api/v1/resource/{id}/policy", get(policy))
        .route("/orgs/altinn-orgs.json", get(organizations))
        .route(&format!("{MASKINPORTEN}/token"), post(token))
        .route("/authentication/api/v1/exchange/maskinporten", get(exchange))
        .route("/settings", get(settings));
    let interfere = move |uri: OriginalUri, request: Request, next: Next| {
        interfere(faults.clone(), PREFIX, uri, request, next)
    };
    Router::new().nest(PREFIX, routes.layer(from_fn(interfere)).with_state(face))
}

/// Asks for the gateway's key.
async fn has_key(request: Request, next: Next) -> Response {
    let key = request.headers().get("ocp-apim-subscription-key");
    if key.is_none_or(|key| key != SUBSCRIPTION_KEY) {
        return (StatusCode::UNAUTHORIZED, "the subscription key is missing or wrong").into_response();
    }
    next.run(request).await
}

/// Asks for a token of the platform with this scope.
async fn authorised(face: FaceState, scope: &'static str, request: Request, next: Next) -> Response {
    match face.verified(&face.platform, request.headers()) {
        Some(claims) if claims.scopes.contains(scope) => next.run(request).await,
        Some(_) => StatusCode::FORBIDDEN.into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

impl Face {
    fn verified(&self, verifier: &TokenVerifier, headers: &HeaderMap) -> Option<Arc<Claims>> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        verifier.verify(header, self.clock.now()).ok()
    }
}

/// Whether the rules permit what is asked; `None` for what they know nothing of.
fn decide(catalogue: &Catalogue, question: Option<Question<'_>>) -> Option<bool> {
    let question = question?;
    let user = identified(catalogue, question.user)?;
    let party = identified(catalogue, question.party)?;
    let access = catalogue.access(&user, &party)?;
    let Question { resource, instance, action, part, .. } = &question;
    Some(catalogue.permits(&access, resource, instance, action, part))
}

/// Somebody by a namespace and an id.
fn identified(catalogue: &Catalogue, (namespace, id): (&str, &str)) -> Option<PartyUrn> {
    match namespace {
        "urn:altinn:userid" | "urn:altinn:partyid" => catalogue.numbered(id.parse().ok()?).cloned(),
        _ => PartyUrn::parse(&format!("{namespace}:{id}")),
    }
}

async fn authorize(State(face): State<FaceState>, body: Bytes) -> Response {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let catalogue = face.catalogue.get();
    let results = envelope.request.questions().map(|question| {
        let decision = match decide(&catalogue, question) {
            Some(true) => "Permit",
            Some(false) => "Deny",
            None => "NotApplicable",
        };
        XacmlResult { decision: decision.to_owned() }
    });
    Json(XacmlResponse { results: results.collect() }).into_response()
}

async fn parties(State(face): State<FaceState>, uri: Uri, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let urn = |value: &Value, kind: &str, id: &str| {
        PartyUrn::parse(&format!("{}:{}", value[kind].as_str()?, value[id].as_str()?))
    };
    let Some(user) = urn(&asked, "type", "value") else { return StatusCode::BAD_REQUEST.into_response() };
    let filter = asked["partyFilter"].as_array().map(Vec::as_slice).unwrap_or_default();
    let filter: Vec<_> = filter.iter().filter_map(|party| urn(party, "Type", "Value")).collect();
    let includes = |name: &str| {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        query.into_iter().any(|(key, value)| key.eq_ignore_ascii_case(name) && value == "true")
    };
    let shown = Shown {
        access_packages: includes("includeAccessPackages"),
        roles: includes("includeRoles"),
        resources: includes("includeResources"),
        instances: includes("includeInstances"),
    };
    let parties = authorized_parties(&face.catalogue.get(), &user, &filter);
    let parties: Vec<_> = parties.into_iter().map(|party| shown.wire(party)).collect();
    Json(parties).into_response()
}

/// What an answer about parties has.
#[derive(Clone, Copy)]
struct Shown {
    access_packages: bool,
    roles: bool,
    resources: bool,
    instances: bool,
}

impl Shown {
    fn wire(self, party: AuthorizedParty) -> WireParty {
        let kind = party.party.kind();
        let of_kind = |wanted| (kind == wanted).then(|| party.party.id().to_owned());
        let only = |wanted: bool, names: Vec<String>| Some(if wanted { names } else { Vec::new() });
        let instances = party.instances.into_iter().filter(|_| self.instances).map(|instance| WireInstance {
            resource_id: instance.resource,
            instance_id: None,
            instance_ref: Some(instance.reference),
        });
        WireParty {
            organization_number: of_kind(PartyKind::Organization),
            person_id: of_kind(PartyKind::Person),
            email_id: of_kind(PartyKind::Email),
            name: Some(party.name),
            date_of_birth: party.date_of_birth,
            party_id: party.party_id,
            party_uuid: party.party_uuid,
            kind: match kind {
                PartyKind::Organization => "Organization",
                PartyKind::Person => "Person",
                _ => "SelfIdentified",
            }
            .to_owned(),
            is_deleted: party.is_deleted,
            only_hierarchy_element_with_no_access: party.only_hierarchy_element,
            authorized_access_packages: only(self.access_packages, party.access_packages),
            authorized_roles: only(
                self.roles,
                party.roles.into_iter().map(|role| role.to_uppercase()).collect(),
            ),
            authorized_resources: only(self.resources, party.resources),
            authorized_instances: Some(instances.collect()),
            subunits: Some(party.sub_parties.into_iter().map(|unit| self.wire(unit)).collect()),
        }
    }
}

async fn names(State(face): State<FaceState>, body: Bytes) -> Response {
    let Ok(asked) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let catalogue = face.catalogue.get();
    let urns = asked["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = urns.iter().filter_map(|urn| {
        let name = catalogue.registered_name(&PartyUrn::parse(urn.as_str()?)?)?;
        Some(json!({ "displayName": name }))
    });
    Json(json!({ "data": names.collect::<Vec<_>>() })).into_response()
}

fn listed(resource: &ServiceResource) -> Value {
    json!({
        "identifier": resource.id,
        "hasCompetentAuthority": {
            "organization": resource.owner_number,
            "orgcode": resource.owner_code,
        },
        "resourceType": resource.resource_type,
        "delegable": resource.delegable,
        "status": resource.status,
        "title": resource.title,
    })
}

async fn resources(State(face): State<FaceState>) -> Response {
    let resources: Vec<_> = face.catalogue.get().resources().iter().map(listed).collect();
    Json(resources).into_response()
}

async fn resource(State(face): State<FaceState>, Path(id): Path<String>) -> Response {
    match face.catalogue.get().resource(&id) {
        Some(resource) => Json(listed(&resource.service)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn policy(State(face): State<FaceState>, Path(id): Path<String>) -> Response {
    let catalogue = face.catalogue.get();
    let Some(resource) = catalogue.resource(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let obligations = resource.service.minimum_level.map_or_else(String::new, |level| {
        format!(
            r#"<xacml:ObligationExpressions><xacml:ObligationExpression ObligationId="urn:altinn:obligation:authenticationLevel1" FulfillOn="Permit"><xacml:AttributeAssignmentExpression AttributeId="urn:altinn:obligation1-assignment1" Category="urn:altinn:minimum-authenticationlevel"><xacml:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer">{level}</xacml:AttributeValue></xacml:AttributeAssignmentExpression></xacml:ObligationExpression></xacml:ObligationExpressions>"#
        )
    });
    let document = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><xacml:Policy xmlns:xacml="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="urn:altinn:policyid:sandbox" Version="1.0" RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides"><xacml:Target/>{obligations}</xacml:Policy>"#
    );
    ([(CONTENT_TYPE, "application/xml")], document).into_response()
}

async fn changes(State(face): State<FaceState>, uri: Uri) -> Response {
    let parameter = |name: &str| {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        query.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let since = parameter("since").and_then(|since| Timestamp::parse(&since));
    let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(1000_usize).clamp(1, 1000);
    // The pages of one moment follow each other by number.
    let skip = parameter("skip").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
    let changes = face.catalogue.subject_resources(since);
    let page = changes.iter().skip(skip).take(limit).map(|change| {
        json!({
            "subjectUrn": change.subject,
            "resourceUrn": format!("urn:altinn:resource:{}", change.resource),
            "updatedAt": change.updated_at,
            "deleted": change.is_deleted,
        })
    });
    let next = (changes.len() > skip + limit).then(|| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(since) = since {
            query.append_pair("since", &since.to_string());
        }
        query.append_pair("limit", &limit.to_string()).append_pair("skip", &(skip + limit).to_string());
        format!("{}{PREFIX}/resourceregistry/api/v1/resource/updated?{}", face.base_url, query.finish())
    });
    Json(json!({ "links": { "next": next }, "data": page.collect::<Vec<_>>() })).into_response()
}

/// The text in the first language of `Accept-Language`, or in Norwegian.
fn localized<'a>(texts: &'a LocalizedTexts, headers: &HeaderMap) -> &'a str {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("nb");
    let language = wanted.split([',', ';', '-']).next().unwrap_or("nb");
    texts.get(language).or_else(|| texts.get("nb")).map(String::as_str).unwrap_or_default()
}

async fn roles(State(face): State<FaceState>, headers: HeaderMap) -> Response {
    let catalogue = face.catalogue.get();
    let roles = catalogue.roles().map(|role| {
        json!({
            "id": role.id,
            "name": localized(&role.name, &headers),
            "urn": role.urn,
            "legacyRoleCode": role.code.to_uppercase(),
            "legacyUrn": role.urn,
        })
    });
    Json(roles.collect::<Vec<_>>()).into_response()
}

async fn access_packages(State(face): State<FaceState>, headers: HeaderMap) -> Response {
    let catalogue = face.catalogue.get();
    let packages: Vec<_> = catalogue
        .access_packages()
        .map(|package| json!({ "name": localized(&package.name, &headers), "urn": package.urn }))
        .collect();
    Json(json!([{ "areas": [{ "packages": packages }] }])).into_response()
}

async fn organizations(State(face): State<FaceState>) -> Response {
    let catalogue = face.catalogue.get();
    let owners: Map<String, Value> = catalogue
        .service_owners()
        .into_iter()
        .map(|owner| {
            let organization = json!({ "name": owner.name, "orgnr": owner.number, "environments": [] });
            (owner.code, organization)
        })
        .collect();
    Json(json!({ "orgs": owners })).into_response()
}

async fn publish(State(face): State<FaceState>, body: Bytes) -> StatusCode {
    let Ok(event) = serde_json::from_slice(&body) else { return StatusCode::BAD_REQUEST };
    let mut events = face.events.lock().unwrap_or_else(PoisonError::into_inner);
    if events.len() == EVENTS {
        events.remove(0);
    }
    events.push(event);
    StatusCode::OK
}

async fn published(State(face): State<FaceState>) -> Response {
    let events = face.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Json(events).into_response()
}

/// Maskinporten: a signed grant (RFC 7523) brings a token.
async fn token(State(face): State<FaceState>, body: Bytes) -> Response {
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let parameter = |name: &str| {
        form_urlencoded::parse(&body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if parameter("grant_type").as_deref() != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
        return refuse("unsupported_grant_type");
    }
    let mut headers = HeaderMap::new();
    let assertion = format!("Bearer {}", parameter("assertion").unwrap_or_default());
    if let Ok(value) = HeaderValue::from_str(&assertion) {
        headers.insert(AUTHORIZATION, value);
    }
    let now = face.clock.now();
    let Some(grant) = face.verified(&face.grants, &headers) else { return refuse("invalid_grant") };
    if grant.expires_at > now.plus_seconds(GRANT_SECONDS) {
        return refuse("invalid_grant");
    }
    let scope = grant.scopes.iter().collect::<Vec<_>>().join(" ");
    let claims = json!({
        "iss": format!("{}{PREFIX}{MASKINPORTEN}/", face.base_url),
        "scope": scope,
        "client_id": CLIENT_ID,
        "consumer": { "authority": "iso6523-actorid-upis", "ID": "0192:991825827" },
        "iat": now.unix_seconds(),
        "exp": now.unix_seconds() + TOKEN_SECONDS,
    });
    match face.keys.maskinporten.sign(&claims) {
        Some(token) => Json(json!({
            "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": scope,
        }))
        .into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The platform: a token of Maskinporten brings one of the platform.
async fn exchange(State(face): State<FaceState>, headers: HeaderMap) -> Response {
    let Some(claims) = face.verified(&face.maskinporten, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let environment = Environment::from_name(face.catalogue.get().profile()).unwrap_or_default();
    let claims = json!({
        "iss": environment.issuer(&face.base_url),
        "scope": claims.scopes.iter().collect::<Vec<_>>().join(" "),
        "urn:altinn:authlevel": 3,
        "iat": face.clock.now().unix_seconds(),
        "exp": claims.expires_at.unix_seconds(),
    });
    match face.keys.altinn.sign(&claims) {
        Some(token) => token.into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The settings with which another instance of the service, started for production, uses this
/// platform.
async fn settings(State(face): State<FaceState>) -> Response {
    let (base, catalogue) = (&face.base_url, face.catalogue.get());
    let environment = catalogue.profile();
    let Some(key) = face.keys.client.private_jwk() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    format!(
        "DIALOGPORTEN_ALTINN_URL={base}{PREFIX}\n\
         DIALOGPORTEN_ALTINN_SUBSCRIPTION_KEY={SUBSCRIPTION_KEY}\n\
         DIALOGPORTEN_ALTINN_CDN_URL={base}{PREFIX}\n\
         DIALOGPORTEN_MASKINPORTEN_URL={base}{PREFIX}{MASKINPORTEN}/\n\
         DIALOGPORTEN_MASKINPORTEN_CLIENT_ID={CLIENT_ID}\n\
         DIALOGPORTEN_MASKINPORTEN_KEY='{key}'\n\
         DIALOGPORTEN_ISSUERS='Altinn={base}/sandbox/issuers/{environment}/.well-known/openid-configuration,\
         Maskinporten={base}/sandbox/issuers/maskinporten/.well-known/openid-configuration,\
         Idporten={base}/sandbox/issuers/idporten/.well-known/openid-configuration'\n"
    )
    .into_response()
}
