//! Which dialog a reference leads to.

use uuid::Uuid;

use super::admission::{Reader, check_visible};
use super::service_resources::{LinksView, last_part};
use super::view::ordinary_or_not;
use super::{App, Failure, Languages};
use crate::access::caller::Caller;
use crate::access::{DescribedResource, Grant, instance_reference, is_role};
use crate::altinn::LocalizedTexts;
use crate::dialog::model::{ContentValue, Dialog, Localization};
use crate::dialog::reference::InstanceReference;
use crate::dialog::refusal::Refusal;
use crate::json::{output_shape, wire_enum};
use crate::store::Referred;

output_shape! {
    /// The dialog that a reference leads to.
    pub struct IdentifierLookupView {
        /// The dialog.
        dialog_id: Uuid,
        /// The reference; where the dialog's own was asked for, that of the instance behind it.
        instance_ref: String,
        /// The person or organisation the dialog belongs to, as a URN.
        party: String,
        /// The service.
        service_resource: IdentifierLookupServiceResourceView,
        /// Who owns the service.
        service_owner: IdentifierLookupServiceOwnerView,
        /// The headline.
        title: Vec<Localization>,
        /// The headline for users whose login is too weak.
        [service_owner] non_sensitive_title: Option<Vec<Localization>>,
        /// Why the user may see it.
        [end_user] authorization_evidence: Option<IdentifierLookupAuthorizationEvidenceView>
            as IdentifierLookupAuthorizationEvidenceView,
    }
}

output_shape! {
    /// A service of the Resource Registry.
    pub struct IdentifierLookupServiceResourceView {
        /// Its id.
        id: String,
        /// Whether access to it can be given on.
        is_delegable: bool,
        /// Least level of login that it demands.
        minimum_authentication_level: i32,
        /// Its name.
        name: Vec<Localization>,
    }
}

output_shape! {
    /// An organisation that owns services.
    pub struct IdentifierLookupServiceOwnerView {
        /// Its number.
        org_number: String,
        /// Its short code.
        code: String,
        /// Its name.
        name: Vec<Localization>,
    }
}

output_shape! {
    /// Why a user may see a dialog.
    pub struct IdentifierLookupAuthorizationEvidenceView {
        /// Level of the user's login.
        current_authentication_level: i32,
        /// Whether by a role.
        via_role: bool,
        /// Whether by an access package.
        via_access_package: bool,
        /// Whether the service was given to the user.
        via_resource_delegation: bool,
        /// Whether the instance was given to the user.
        via_instance_delegation: bool,
        /// All reasons.
        evidence: Vec<IdentifierLookupAuthorizationEvidenceItemView>,
    }
}

output_shape! {
    /// A reason why a user may see a dialog.
    pub struct IdentifierLookupAuthorizationEvidenceItemView {
        /// Of what kind.
        grant_type: IdentifierLookupGrantType,
        /// URN of the role, access package, service or instance.
        subject: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: Option<LinksView>,
    }
}

wire_enum! {
    /// Through what a user may see a dialog.
    pub enum IdentifierLookupGrantType {
        /// A role.
        Role = 1,
        /// An access package.
        AccessPackage = 2,
        /// The service was given.
        ResourceDelegation = 3,
        /// The instance was given.
        InstanceDelegation = 4,
    }
}

impl App {
    /// The dialog that a reference leads to, for whoever may know of it.
    ///
    /// # Errors
    /// Not found, forbidden, or ambiguous.
    pub async fn lookup(
        &self,
        reader: Reader<'_>,
        reference: &InstanceReference,
        languages: &Languages,
    ) -> Result<IdentifierLookupView, Failure> {
        let found = self.store.referred(&self.reach(reader), reference).await?;
        match reader {
            Reader::ServiceOwner(_) => {
                if found.is_empty() {
                    return Err(not_found(reference).into());
                }
                let own = found.into_iter().filter(|found| found.is_within).collect();
                let Referred { dialog, labels, .. } = only(own, reference)?;
                let text = |value: Option<ContentValue>| value.map(|text| localized(text, languages));
                let content = &dialog.documents.content;
                let (title, other) = (content.title.clone(), content.non_sensitive_title.clone());
                Ok(IdentifierLookupView {
                    title: text(title).unwrap_or_default(),
                    non_sensitive_title: text(other),
                    ..self.found(&dialog, &labels, reference, languages)
                })
            }
            Reader::EndUser(caller, _) => self.end_user_lookup(caller, found, reference, languages).await,
        }
    }

    async fn end_user_lookup(
        &self,
        caller: &Caller,
        found: Vec<Referred>,
        reference: &InstanceReference,
        languages: &Languages,
    ) -> Result<IdentifierLookupView, Failure> {
        let now = self.clock.now();
        let present = found.into_iter().filter(|found| found.dialog.deleted_at.is_none());
        let present: Vec<_> = present.map(|found| (found.dialog, found.labels)).collect();
        if present.is_empty() {
            return Err(not_found(reference).into());
        }
        let grants = self.access.grants(caller, &present).await?;
        let mut granted: Vec<_> =
            present.into_iter().zip(grants).filter(|(_, grants)| !grants.is_empty()).collect();
        if granted.is_empty() {
            return Err(no_access(reference).into());
        }
        // What cannot be opened now is not there.
        granted.retain(|((dialog, _), _)| check_visible(dialog, now).is_ok());
        if granted.is_empty() {
            return Err(not_found(reference).into());
        }
        let ((dialog, labels), grants) = only(granted, reference)?;
        let minimum_level = self.access.minimum_level(&dialog.service_resource);
        let content = dialog.documents.content.clone();
        let title = ordinary_or_not(
            content.title,
            content.non_sensitive_title,
            caller.authentication_level >= minimum_level,
        );
        let view = self.found(&dialog, &labels, reference, languages);
        let evidence = self.evidence(caller, &dialog, &view.instance_ref, &grants, languages);
        Ok(IdentifierLookupView {
            title: title.map(|title| localized(title, languages)).unwrap_or_default(),
            authorization_evidence: Some(evidence),
            ..view
        })
    }

    /// What everybody is told who may know of the dialog.
    fn found(
        &self,
        dialog: &Dialog,
        labels: &[String],
        reference: &InstanceReference,
        languages: &Languages,
    ) -> IdentifierLookupView {
        let service = self.access.described(&dialog.service_resource, &dialog.org);
        let DescribedResource { resource, minimum_level, owner, .. } = service;
        IdentifierLookupView {
            dialog_id: dialog.id,
            instance_ref: match reference.dialog() {
                Some(_) => instance_reference(dialog, labels),
                None => reference.to_string(),
            },
            party: dialog.party.as_str().to_owned(),
            service_resource: IdentifierLookupServiceResourceView {
                is_delegable: resource.delegable,
                minimum_authentication_level: i32::try_from(minimum_level).unwrap_or(i32::MAX),
                name: languages.names(&resource.title, &resource.id),
                id: resource.id,
            },
            service_owner: IdentifierLookupServiceOwnerView {
                name: languages.names(&owner.name, &owner.code),
                org_number: owner.number,
                code: owner.code,
            },
            title: Vec::new(),
            non_sensitive_title: None,
            authorization_evidence: None,
        }
    }

    fn evidence(
        &self,
        caller: &Caller,
        dialog: &Dialog,
        instance: &str,
        grants: &[Grant],
        languages: &Languages,
    ) -> IdentifierLookupAuthorizationEvidenceView {
        use IdentifierLookupGrantType::{AccessPackage, InstanceDelegation, ResourceDelegation, Role};
        let item = |grant: &Grant| match grant {
            Grant::Subject(urn) => {
                let subject = self.access.subject(urn);
                IdentifierLookupAuthorizationEvidenceItemView {
                    grant_type: if is_role(urn) { Role } else { AccessPackage },
                    name: languages.names(&subject.name, last_part(urn)),
                    links: Some(LinksView { metadata: subject.description_url }),
                    subject: subject.urn,
                }
            }
            Grant::Resource => {
                let service = self.access.described(&dialog.service_resource, &dialog.org);
                IdentifierLookupAuthorizationEvidenceItemView {
                    grant_type: ResourceDelegation,
                    subject: dialog.resource_urn(),
                    name: languages.names(&service.resource.title, &dialog.service_resource),
                    links: Some(LinksView { metadata: service.url }),
                }
            }
            Grant::Instance => IdentifierLookupAuthorizationEvidenceItemView {
                grant_type: InstanceDelegation,
                subject: instance.to_owned(),
                name: languages.names(&LocalizedTexts::new(), instance),
                links: None,
            },
        };
        let evidence: Vec<_> = grants.iter().map(item).collect();
        let via = |kind| evidence.iter().any(|item| item.grant_type == kind);
        IdentifierLookupAuthorizationEvidenceView {
            current_authentication_level: i32::try_from(caller.authentication_level).unwrap_or(i32::MAX),
            via_role: via(Role),
            via_access_package: via(AccessPackage),
            via_resource_delegation: via(ResourceDelegation),
            via_instance_delegation: via(InstanceDelegation),
            evidence,
        }
    }
}

fn localized(value: ContentValue, languages: &Languages) -> Vec<Localization> {
    let mut texts = value.value;
    languages.prune(&mut texts);
    texts
}

/// The one that there is; nothing means that none is the caller's.
fn only<T>(found: Vec<T>, reference: &InstanceReference) -> Result<T, Refusal> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(no_access(reference)),
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Refusal::Ambiguous { reference: reference.to_string() }),
    }
}

fn not_found(reference: &InstanceReference) -> Refusal {
    Refusal::NotFound {
        entity: "InstanceRef",
        text: format!("There is no dialog with the reference {reference}."),
    }
}

fn no_access(reference: &InstanceReference) -> Refusal {
    Refusal::Forbidden(vec![format!("You have no access to the dialog with the reference {reference}.")])
}
