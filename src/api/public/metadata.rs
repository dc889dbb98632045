//! What everybody may know of the service: its limits, and the services that dialogs are about.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use uuid::Uuid;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::accept;
use crate::api::http::operation::{Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::{ACCEPT_LANGUAGE, IF_NONE_MATCH};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::ServiceResourceCatalogueView;
use crate::dialog::limits::{self, SearchLimits};
use crate::json::output_shape;

/// `GET /metadata/limits`
pub const GET_LIMITS: Operation = Operation {
    id: "GetLimits",
    long_id: "V1MetadataLimitsGet_Limits",
    verb: Verb::Get,
    path: "/api/v1/metadata/limits",
    policy: Policy::Anonymous,
    parameters: &[],
    body: BodyKind::None,
    answer: Answer::json::<LimitsView>(),
    refusals: &[StatusCode::NOT_ACCEPTABLE],
    summary: "Gives the limits of searches.",
};

/// `GET /metadata/serviceresources`
pub const GET_SERVICE_RESOURCES: Operation = Operation {
    id: "GetServiceResourceMetadata",
    long_id: "V1MetadataServiceResourcesGet_ServiceResourceMetadata",
    verb: Verb::Get,
    path: "/api/v1/metadata/serviceresources",
    policy: Policy::Anonymous,
    parameters: &[ACCEPT_LANGUAGE, IF_NONE_MATCH],
    body: BodyKind::None,
    answer: Answer::json::<ServiceResourceCatalogueView>().with_etag(),
    refusals: &[],
    summary: "Lists all services that there are dialogs about.",
};

output_shape! {
    /// The limits of searches.
    pub struct LimitsView {
        /// Searches of end users.
        end_user_search: EndUserSearchLimits,
        /// Searches of service owners.
        service_owner_search: ServiceOwnerSearchLimits,
    }
}

output_shape! {
    /// Most values of each list parameter of an end user's search.
    pub struct EndUserSearchLimits {
        /// `party`
        max_party_filter_values: i32,
        /// `serviceResource`
        max_service_resource_filter_values: i32,
        /// `org`
        max_org_filter_values: i32,
        /// `extendedStatus`
        max_extended_status_filter_values: i32,
    }
}

output_shape! {
    /// Most values of each list parameter of a service owner's search for itself.
    pub struct ServiceOwnerSearchLimits {
        /// `party`
        max_party_filter_values: i32,
        /// `serviceResource`
        max_service_resource_filter_values: i32,
        /// `extendedStatus`
        max_extended_status_filter_values: i32,
    }
}

/// The limits of searches.
#[must_use]
pub fn limits() -> LimitsView {
    let count = |most: usize| i32::try_from(most).unwrap_or(i32::MAX);
    let SearchLimits { parties, resources, orgs, extended_statuses } = limits::END_USER_SEARCH;
    let owner = limits::SERVICE_OWNER_SEARCH;
    LimitsView {
        end_user_search: EndUserSearchLimits {
            max_party_filter_values: count(parties),
            max_service_resource_filter_values: count(resources),
            max_org_filter_values: count(orgs),
            max_extended_status_filter_values: count(extended_statuses),
        },
        service_owner_search: ServiceOwnerSearchLimits {
            max_party_filter_values: count(owner.parties),
            max_service_resource_filter_values: count(owner.resources),
            max_extended_status_filter_values: count(owner.extended_statuses),
        },
    }
}

pub(super) async fn get_limits(headers: HeaderMap) -> Result<Response, Problem> {
    accept::check_json(&headers)?;
    let mut response = respond::json(&limits());
    // They only change with the version of the service.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}

pub(super) async fn get_service_resources(
    State(api): State<ApiState>,
    mut params: Params,
) -> Result<Response, Problem> {
    let languages = params.languages();
    params.finish()?;
    let services = api.app.service_resources(&languages).await?;
    let mut response = respond::localized(&services);
    let revision = Uuid::new_v5(&Uuid::NAMESPACE_URL, &serde_json::to_vec(&services).unwrap_or_default());
    if params.has_revision(revision) {
        response = respond::not_modified(response);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    // Weak: compressed or not, it is the same.
    if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{revision}\"")) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
