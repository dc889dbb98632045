//! The published documents (OpenAPI 3.1): one for each API, and one of both.
//!
//! They are made from the [`Operation`]s that are routed and from the shapes of their bodies and
//! answers. Copies are in the directory `openapi`; `dialogporten openapi` writes them.

pub mod names;
mod operation;
mod shapes;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tower_http::compression::CompressionLayer;

use self::names::Style;
use super::http::operation::{Group, Operation};
use super::http::respond;
use crate::access::scope;
use crate::json::{Audience, Schemas};

/// One of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// Both APIs and the well-known documents, with long names.
    Combined,
    /// The API of service owners.
    ServiceOwner,
    /// The API of end users.
    EndUser,
}

/// The document in the order in which people read it.
#[derive(Serialize)]
struct OpenApi {
    openapi: &'static str,
    info: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    servers: Vec<Value>,
    tags: Vec<Value>,
    paths: Map<String, Value>,
    components: Value,
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Combined, Self::ServiceOwner, Self::EndUser];

    /// Version of the API, and of which of the two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Combined => "v1",
            Self::ServiceOwner => "v1.serviceowner",
            Self::EndUser => "v1.enduser",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Combined => "Digital dialogs between public agencies and people and companies.",
            Self::ServiceOwner => "For public agencies: create, change and find their dialogs.",
            Self::EndUser => {
                "For people, companies and systems acting for them: find and read dialogs, and put them in order."
            }
        }
    }

    fn groups(self) -> &'static [Group] {
        match self {
            Self::Combined => &[Group::ServiceOwner, Group::EndUser, Group::Metadata, Group::WellKnown],
            Self::ServiceOwner => &[Group::ServiceOwner, Group::Metadata],
            Self::EndUser => &[Group::EndUser, Group::Metadata],
        }
    }

    /// The document as JSON, with the URL under which the API is reached where that is known.
    #[must_use]
    pub fn render(self, operations: &[&'static Operation], server: Option<&str>) -> String {
        let (document, _) = self.describe(operations, server);
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    fn describe(self, operations: &[&'static Operation], server: Option<&str>) -> (OpenApi, Schemas) {
        let style = if self == Self::Combined { Style::Long } else { Style::Short };
        let mut schemas = Schemas::new(Audience::ServiceOwner);
        let mut paths: Map<String, Value> = Map::new();
        let mut tags: Vec<Group> = Vec::new();
        for operation in operations.iter().copied().filter(|o| self.groups().contains(&o.group())) {
            schemas.audience = match (operation.group(), self) {
                (Group::EndUser, _) | (_, Self::EndUser) => Audience::EndUser,
                _ => Audience::ServiceOwner,
            };
            schemas.rename = Box::new(move |shape, within| names::published(style, operation, shape, within));
            let id = match style {
                Style::Short => operation.id,
                Style::Long => operation.long_id,
            };
            let object = operation::operation_object(operation, id, &mut schemas);
            paths.entry(operation.path).or_insert_with(|| json!({}))[operation.verb.name()] = object;
            if !tags.iter().any(|group| group.tag() == operation.group().tag()) {
                tags.push(operation.group());
            }
        }
        let document = OpenApi {
            openapi: "3.1.0",
            info: json!({ "title": "Dialogporten", "version": "v1", "description": self.about() }),
            servers: server.map(|url| json!({ "url": url })).into_iter().collect(),
            tags: tags
                .iter()
                .map(|group| json!({ "name": group.tag(), "description": group.about() }))
                .collect(),
            paths,
            components: json!({
                "schemas": schemas.components,
                "securitySchemes": self.security_schemes(),
            }),
        };
        (document, schemas)
    }

    fn security_schemes(self) -> Value {
        let mut schemes = json!({
            "maskinporten": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Access token of a machine: from Maskinporten, or exchanged for one of Altinn.",
            },
        });
        if self != Self::ServiceOwner {
            schemes["idporten"] = json!({
                "type": "oauth2",
                "description": "Access token of a person: from ID-porten, or exchanged for one of Altinn.",
                "flows": {
                    "authorizationCode": {
                        "authorizationUrl": "https://login.idporten.no/authorize",
                        "tokenUrl": "https://idporten.no/token",
                        "scopes": {
                            scope::END_USER: "Read dialogs, and put them in order.",
                            scope::END_USER_WITHOUT_CONSENT: "The same, without a consent prompt at login.",
                        },
                    },
                },
            });
        }
        schemes
    }
}

/// Serves the documents, made once, for an API that is reached under `server`.
pub fn router<S: Clone + Send + Sync + 'static>(
    operations: &[&'static Operation],
    server: &str,
) -> Router<S> {
    Document::ALL
        .into_iter()
        .fold(Router::new(), |router, document| {
            let text = Bytes::from(document.render(operations, Some(server)));
            let serve = get(move || {
                let mut response = text.clone().into_response();
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(respond::JSON));
                // Interactive pages elsewhere may read the document of the whole.
                if document == Document::Combined {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                }
                std::future::ready(response)
            });
            let name = document.name();
            router
                .route(&format!("/openapi/{name}.json"), serve.clone())
                .route(&format!("/swagger/{name}/swagger.json"), serve)
        })
        .layer(CompressionLayer::new())
}

#[cfg(test)]
mod tests;
