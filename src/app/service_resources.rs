//! The services that dialogs are about.

use super::{App, Failure, Languages};
use crate::access::DescribedResource;
use crate::access::caller::Caller;
use crate::altinn::AccessSubject;
use crate::dialog::limits;
use crate::dialog::model::Localization;
use crate::dialog::party::PartyUrn;
use crate::json::output_shape;
use crate::store::key_of;

output_shape! {
    /// Services for which a user can have dialogs.
    pub struct AuthorizedServiceResourcesView {
        /// Whether the user has so many parties that all services are listed.
        is_full_catalogue_fallback: Option<bool>,
        /// The services by name.
        items: Vec<ServiceResourceMetadataView>,
    }
}

output_shape! {
    /// All services that there are dialogs about.
    pub struct ServiceResourceCatalogueView {
        /// The services by name.
        items: Vec<ServiceResourceMetadataView>,
    }
}

output_shape! {
    /// A service, who owns it, and what gives access to it.
    pub struct ServiceResourceMetadataView {
        /// The service.
        service_resource: ServiceResourceView,
        /// Roles that give access to it.
        roles: Vec<ServiceResourceRoleView>,
        /// Access packages that give access to it.
        access_packages: Vec<ServiceResourceAccessPackageView>,
        /// Who owns it.
        service_owner: ServiceResourceOwnerView,
    }
}

output_shape! {
    /// A service of the Resource Registry.
    pub struct ServiceResourceView {
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
        links: LinksView,
    }
}

output_shape! {
    /// A role.
    pub struct ServiceResourceRoleView {
        /// Its URN.
        urn: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: LinksView,
    }
}

output_shape! {
    /// An access package.
    pub struct ServiceResourceAccessPackageView {
        /// Its URN.
        urn: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: LinksView,
    }
}

output_shape! {
    /// An organisation that owns services.
    pub struct ServiceResourceOwnerView {
        /// Its number.
        org_number: String,
        /// Its short code.
        code: String,
        /// Its name.
        name: Vec<Localization>,
    }
}

output_shape! {
    /// Where more is known.
    pub struct LinksView {
        /// Description by the platform.
        metadata: String,
    }
}

impl App {
    /// All services of which there are dialogs, of anybody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn service_resources(
        &self,
        languages: &Languages,
    ) -> Result<ServiceResourceCatalogueView, Failure> {
        let used = self.store.used_resources().await?;
        Ok(ServiceResourceCatalogueView { items: self.listed_services(&used, languages) })
    }

    /// The services for which the user may see dialogs of `parties`, or of all parties where none is
    /// named, as far as there are such dialogs.
    ///
    /// # Errors
    /// When the platform or the database fails.
    pub async fn authorized_service_resources(
        &self,
        caller: &Caller,
        parties: &[PartyUrn],
        languages: &Languages,
    ) -> Result<AuthorizedServiceResourcesView, Failure> {
        let scope = self.access.search_scope(caller, parties, &[]).await?;
        let is_too_much = parties.is_empty() && scope.streams().0.len() > limits::CATALOGUE_PARTIES;
        let used = if is_too_much {
            self.store.used_resources().await?
        } else {
            self.store.used_resources_of(&scope).await?
        };
        Ok(AuthorizedServiceResourcesView {
            is_full_catalogue_fallback: is_too_much.then_some(true),
            items: self.listed_services(&used, languages),
        })
    }

    /// The services with these keys, by the name shown.
    fn listed_services(&self, keys: &[i64], languages: &Languages) -> Vec<ServiceResourceMetadataView> {
        let catalogue = self.access.catalogue();
        let listed = catalogue.values().filter(|service| keys.contains(&key_of(&service.resource.id)));
        let mut items: Vec<_> = listed.map(|service| view(service, languages)).collect();
        items.sort_by_cached_key(|item| {
            (shown(&item.service_resource.name).to_owned(), item.service_resource.id.clone())
        });
        items
    }
}

fn view(service: &DescribedResource, languages: &Languages) -> ServiceResourceMetadataView {
    let DescribedResource { resource, minimum_level, url, owner, roles, access_packages } = service;
    let named = |subject: &AccessSubject| {
        let name = languages.names(&subject.name, last_part(&subject.urn));
        (subject.urn.clone(), name, LinksView { metadata: subject.description_url.clone() })
    };
    let mut roles: Vec<_> = roles
        .iter()
        .map(named)
        .map(|(urn, name, links)| ServiceResourceRoleView { urn, name, links })
        .collect();
    roles.sort_by_cached_key(|role| (shown(&role.name).to_owned(), role.urn.clone()));
    let mut access_packages: Vec<_> = access_packages
        .iter()
        .map(named)
        .map(|(urn, name, links)| ServiceResourceAccessPackageView { urn, name, links })
        .collect();
    access_packages.sort_by_cached_key(|package| (shown(&package.name).to_owned(), package.urn.clone()));
    ServiceResourceMetadataView {
        service_resource: ServiceResourceView {
            id: resource.id.clone(),
            resource_type: resource.resource_type.clone(),
            status: resource.status.clone(),
            is_delegable: resource.delegable,
            minimum_authentication_level: i32::try_from(*minimum_level).unwrap_or(i32::MAX),
            name: languages.names(&resource.title, &resource.id),
            links: LinksView { metadata: url.clone() },
        },
        roles,
        access_packages,
        service_owner: ServiceResourceOwnerView {
            org_number: owner.number.clone(),
            code: owner.code.clone(),
            name: languages.names(&owner.name, &owner.code),
        },
    }
}

/// What follows the last colon.
pub(super) fn last_part(urn: &str) -> &str {
    urn.rsplit(':').next().unwrap_or_default()
}

/// The name that decides about the order.
fn shown(names: &[Localization]) -> &str {
    let in_language = |code| names.iter().find(|name| name.language_code == code);
    let name = in_language("nb").or_else(|| in_language("en")).or(names.first());
    name.map(|name| name.value.as_str()).unwrap_or_default()
}
