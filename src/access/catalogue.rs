//! Services as the platform describes them to people.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::authorization::{Access, Resources};
use super::caller::Caller;
use crate::altinn::{
    AccessSubject, AuthorizedParty, LocalizedTexts, PlatformFailure, ServiceOwner, ServiceResource,
};

/// What service owners, roles and access packages are called.
#[derive(Clone, Default)]
pub(super) struct Names {
    /// By number.
    owners: HashMap<String, ServiceOwner>,
    /// By URN.
    subjects: HashMap<String, AccessSubject>,
}

/// A service with who owns it and what gives access to it.
#[derive(Clone, Debug)]
pub struct DescribedResource {
    /// The service.
    pub resource: ServiceResource,
    /// Least level of login that it demands.
    pub minimum_level: u32,
    /// Where the platform describes it.
    pub url: String,
    /// Who owns it.
    pub owner: ServiceOwner,
    /// Roles that give access to it.
    pub roles: Vec<AccessSubject>,
    /// Access packages that give access to it.
    pub access_packages: Vec<AccessSubject>,
}

impl Access {
    /// Asks the platform for names. Where it does not answer, those that were known stay: names are
    /// no reason not to start.
    pub(super) async fn present_names(&self) -> Names {
        let mut names = self.resources.load().names.clone();
        match self.platform.resources.service_owners().await {
            Ok(owners) => {
                names.owners = owners.into_iter().map(|owner| (owner.number.clone(), owner)).collect();
            }
            Err(failure) => tracing::warn!(error = %failure, "names of service owners are not known"),
        }
        match self.platform.access_management.access_subjects().await {
            Ok(subjects) => {
                names.subjects = subjects.into_iter().map(|subject| (subject.urn.clone(), subject)).collect();
            }
            Err(failure) => tracing::warn!(error = %failure, "names of roles and packages are not known"),
        }
        names
    }

    /// Whom the user can represent, without what each gives.
    ///
    /// # Errors
    /// When the platform does not answer.
    pub async fn all_parties(&self, caller: &Caller) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        self.platform.access_management.parties(&caller.user).await
    }

    /// All services, by id.
    #[must_use]
    pub fn catalogue(&self) -> Arc<BTreeMap<String, DescribedResource>> {
        Arc::clone(&self.resources.load().described)
    }

    /// The service with this id, for a dialog of the service owner with the code `org`. A service that
    /// has left the registry is described by what is still known.
    #[must_use]
    pub fn described(&self, id: &str, org: &str) -> DescribedResource {
        let resources = self.resources.load();
        if let Some(described) = resources.described.get(id) {
            return described.clone();
        }
        let resource = ServiceResource {
            id: id.to_owned(),
            owner_number: String::new(),
            owner_code: org.to_owned(),
            resource_type: String::new(),
            minimum_level: None,
            delegable: false,
            status: String::new(),
            title: LocalizedTexts::new(),
        };
        self.describe(resource, &resources, &[])
    }

    /// What the role or access package with this URN is called.
    #[must_use]
    pub fn subject(&self, urn: &str) -> AccessSubject {
        self.resources.load().names.subject(urn)
    }

    /// Describes every resource.
    pub(super) fn describe_all(&self, resources: &Resources) -> BTreeMap<String, DescribedResource> {
        let mut subjects: HashMap<&str, Vec<&str>> = HashMap::new();
        for (subject, leads_to) in &resources.by_subject {
            for resource in leads_to {
                subjects.entry(resource).or_default().push(subject);
            }
        }
        let of = |id: &str| subjects.get(id).map_or(&[][..], Vec::as_slice);
        let describe = |(id, resource): (&String, &ServiceResource)| {
            (id.clone(), self.describe(resource.clone(), resources, of(id)))
        };
        resources.by_id.iter().map(describe).collect()
    }

    fn describe(
        &self,
        resource: ServiceResource,
        resources: &Resources,
        subjects: &[&str],
    ) -> DescribedResource {
        let subjects = subjects.iter().map(|urn| resources.names.subject(urn));
        let (roles, access_packages) = subjects.partition(|subject| is_role(&subject.urn));
        DescribedResource {
            minimum_level: resources.minimum_level(&resource.id),
            url: self.platform.resources.description_url(&resource.id),
            owner: resources.names.owner(&resource),
            roles,
            access_packages,
            resource,
        }
    }
}

/// Whether the URN is that of a role; otherwise it is that of an access package.
#[must_use]
pub fn is_role(urn: &str) -> bool {
    urn.starts_with("urn:altinn:rolecode:")
}

impl Names {
    fn owner(&self, resource: &ServiceResource) -> ServiceOwner {
        self.owners.get(&resource.owner_number).cloned().unwrap_or_else(|| ServiceOwner {
            number: resource.owner_number.clone(),
            code: resource.owner_code.clone(),
            name: LocalizedTexts::new(),
        })
    }

    fn subject(&self, urn: &str) -> AccessSubject {
        self.subjects.get(urn).cloned().unwrap_or_else(|| AccessSubject {
            urn: urn.to_owned(),
            name: LocalizedTexts::new(),
            description_url: String::new(),
        })
    }
}
