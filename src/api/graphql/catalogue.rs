//! What surrounds dialogs: whom the user can represent, the services, and the limits of searches.

use async_graphql::Result;

use super::dialog::Localization;
use super::error::top_level;
use super::shape::{Id, Of, object};
use crate::access::caller::Caller;
use crate::api::search::check_parties;
use crate::api::{ApiState, public};
use crate::app::{
    AuthorizedPartyView, AuthorizedServiceResourcesView, LinksView, ServiceResourceAccessPackageView,
    ServiceResourceCatalogueView, ServiceResourceMetadataView, ServiceResourceOwnerView,
    ServiceResourceRoleView, ServiceResourceView, WantedParties,
};
use crate::dialog::limits;
use crate::dialog::party::PartyUrn;
use crate::dialog::refusal::Refusal;
use crate::json::{Failures, Path};

/// Most parties of a page.
pub(super) const MOST_PARTIES: i32 = 1_000;

object! {
    /// A party that the user can represent.
    AuthorizedParty of AuthorizedPartyView {
        /// Whether it is listed only because of its sub-units.
        has_only_access_to_sub_parties: bool,
        /// Its sub-units.
        sub_parties: Option<Vec<AuthorizedSubParty>>,
        /// The party, as a URN.
        party: String,
        /// Its id in the party register.
        party_uuid: Id,
        /// Its older, numeric id.
        party_id: i32,
        /// Its name.
        name: String,
        /// `YYYY-MM-DD`, persons only.
        date_of_birth: Option<String>,
        /// `Organization`, `Person` or `SelfIdentified`.
        party_type: String,
        /// Whether it no longer exists.
        is_deleted: bool,
        /// Whether the user is responsible for it.
        has_key_role: bool,
        /// Whether it is the user.
        is_current_end_user: bool,
        /// Whether the user administers everything of it.
        is_main_administrator: bool,
        /// Whether the user gives access to others.
        is_access_manager: bool,
    }
}

object! {
    /// A sub-unit that the user can represent.
    AuthorizedSubParty of AuthorizedPartyView {
        /// The party, as a URN.
        party: String,
        /// Its id in the party register.
        party_uuid: Id,
        /// Its older, numeric id.
        party_id: i32,
        /// Its name.
        name: String,
        /// `YYYY-MM-DD`, persons only.
        date_of_birth: Option<String>,
        /// `Organization`, `Person` or `SelfIdentified`.
        party_type: String,
        /// Whether it no longer exists.
        is_deleted: bool,
        /// Whether the user is responsible for it.
        has_key_role: bool,
        /// Whether it is the user.
        is_current_end_user: bool,
        /// Whether the user administers everything of it.
        is_main_administrator: bool,
        /// Whether the user gives access to others.
        is_access_manager: bool,
    }
}

/// What the arguments of the field `parties` ask for; `None` where there are none.
pub(super) fn wanted_parties(
    filter: Option<Vec<String>>,
    include_deleted: Option<bool>,
    first: Option<i32>,
    after: Option<String>,
) -> Result<Option<WantedParties>> {
    if filter.is_none() && include_deleted.is_none() && first.is_none() && after.is_none() {
        return Ok(None);
    }
    let mut failures = Failures::new();
    if filter.as_ref().is_some_and(Vec::is_empty) {
        failures.add_key("partiesFilter", "must not be an empty list.");
    }
    let only = filter.map(|parties| {
        check_parties("partiesFilter", &parties, limits::END_USER_SEARCH.parties, &mut failures)
    });
    if let Some(first) = first.filter(|first| !(1..=MOST_PARTIES).contains(first)) {
        failures.add(&Path::Root("first"), format!("must be from 1 to {MOST_PARTIES}; got {first}."));
    }
    let after = after.and_then(|after| {
        let party = PartyUrn::parse_dialog_party(&after);
        if party.is_none() {
            failures.add(&Path::Root("after"), "must be the URN of a person or organisation.");
        }
        party
    });
    failures.into_result().map_err(|failures| top_level(Refusal::Invalid(failures).into()))?;
    Ok(Some(WantedParties {
        only,
        deleted: include_deleted.unwrap_or(true),
        first: first.and_then(|first| usize::try_from(first).ok()),
        after,
    }))
}

/// The fields `parties` and `getParties`.
pub(super) async fn parties(
    api: &ApiState,
    caller: &Caller,
    wanted: Option<&WantedParties>,
) -> Result<Vec<AuthorizedParty>> {
    let parties = api.app.parties(caller).await.map_err(top_level)?.authorized_parties;
    Ok(listed(match wanted {
        Some(wanted) => wanted.of(parties),
        None => parties,
    }))
}

/// A party without sub-units has an empty list.
fn listed(views: Vec<AuthorizedPartyView>) -> Vec<AuthorizedParty> {
    let with_list = |view| {
        let party = AuthorizedParty::of(view);
        AuthorizedParty { sub_parties: Some(party.sub_parties.unwrap_or_default()), ..party }
    };
    views.into_iter().map(with_list).collect()
}

object! {
    /// Services that there are dialogs about.
    ServiceResourceMetadata of AuthorizedServiceResourcesView {
        /// Whether the user has so many parties that all services are listed; null where that was not
        /// a question.
        is_full_catalogue_fallback: Option<bool>,
        /// The services by name.
        items: Vec<ServiceResourceMetadataItem>,
    }
}

impl Of<ServiceResourceCatalogueView> for ServiceResourceMetadata {
    fn of(view: ServiceResourceCatalogueView) -> Self {
        Self { is_full_catalogue_fallback: None, items: Of::of(view.items) }
    }
}

object! {
    /// A service, who owns it, and what gives access to it.
    ServiceResourceMetadataItem of ServiceResourceMetadataView {
        /// The service.
        service_resource: ServiceResourceMetadataServiceResource,
        /// Roles that give access to it.
        roles: Vec<ServiceResourceMetadataRole>,
        /// Access packages that give access to it.
        access_packages: Vec<ServiceResourceMetadataAccessPackage>,
        /// Who owns it.
        service_owner: ServiceResourceMetadataServiceOwner,
    }
}

object! {
    /// A service of the Resource Registry.
    ServiceResourceMetadataServiceResource of ServiceResourceView {
        /// Its id.
        id: String,
        /// Its type in lower case.
        resource_type: String,
        /// Its state in lower case.
        status: String,
        /// Whether access to it can be given on.
        is_delegable: bool,
        /// Least level of login that it demands.
        minimum_authentication_level: i32,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: ServiceResourceMetadataLinks,
    }
}

object! {
    /// A role.
    ServiceResourceMetadataRole of ServiceResourceRoleView {
        /// Its URN.
        urn: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: ServiceResourceMetadataLinks,
    }
}

object! {
    /// An access package.
    ServiceResourceMetadataAccessPackage of ServiceResourceAccessPackageView {
        /// Its URN.
        urn: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: ServiceResourceMetadataLinks,
    }
}

object! {
    /// An organisation that owns services.
    ServiceResourceMetadataServiceOwner of ServiceResourceOwnerView {
        /// Its number.
        org_number: String,
        /// Its short code.
        code: String,
        /// Its name.
        name: Vec<Localization>,
    }
}

object! {
    /// Where more is known.
    ServiceResourceMetadataLinks of LinksView {
        /// Description by the platform.
        metadata: String,
    }
}

object! {
    /// The limits of searches.
    Limits of public::LimitsView {
        /// Searches of end users.
        end_user_search: EndUserSearchLimits,
        /// Searches of service owners.
        service_owner_search: ServiceOwnerSearchLimits,
    }
}

object! {
    /// Most values of each list of an end user's search.
    EndUserSearchLimits of public::EndUserSearchLimits {
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

object! {
    /// Most values of each list of a service owner's search for itself.
    ServiceOwnerSearchLimits of public::ServiceOwnerSearchLimits {
        /// `party`
        max_party_filter_values: i32,
        /// `serviceResource`
        max_service_resource_filter_values: i32,
        /// `extendedStatus`
        max_extended_status_filter_values: i32,
    }
}
