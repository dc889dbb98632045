//! Which dialog a reference leads to.

use async_graphql::{Result, SimpleObject};

use super::dialog::Localization;
use super::error::top_level;
use super::selection::Shown;
use super::shape::{Id, Of, errors, object};
use super::vocabulary::DialogLookupGrantType;
use crate::access::caller::Caller;
use crate::api::ApiState;
use crate::app::{
    Failure, IdentifierLookupAuthorizationEvidenceItemView, IdentifierLookupAuthorizationEvidenceView,
    IdentifierLookupServiceOwnerView, IdentifierLookupServiceResourceView, IdentifierLookupView, Languages,
    LinksView, Reader,
};
use crate::dialog::reference::InstanceReference;
use crate::dialog::refusal::Refusal;

/// The dialog that a reference leads to, or why there is none.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct DialogLookupPayload {
    /// The dialog; null where there are errors.
    lookup: Option<Shown<DialogLookup>>,
    /// Why there is none.
    errors: Vec<DialogLookupError>,
}

errors! {
    /// Why a reference leads to no dialog.
    DialogLookupError {
        /// Nothing that the user could open has the reference.
        DialogLookupNotFound {},
        /// The user has no access to what has the reference.
        DialogLookupForbidden {},
        /// The reference has none of the forms that there are, or leads to several dialogs.
        DialogLookupValidationError {
            /// What it is about: `instanceRef`.
            field: Option<String>,
        },
    }
}

object! {
    /// The dialog that a reference leads to.
    DialogLookup of IdentifierLookupView {
        /// The dialog.
        dialog_id: Id,
        /// The reference; where the dialog's own was asked for, that of the instance behind it.
        instance_ref: String,
        /// The person or organisation the dialog belongs to, as a URN.
        party: String,
        /// The headline.
        title: Vec<Localization>,
        /// The service.
        service_resource: DialogLookupServiceResource,
        /// Who owns the service.
        service_owner: DialogLookupServiceOwner,
        /// Why the user may see it.
        authorization_evidence: DialogLookupAuthorizationEvidence,
    }
}

object! {
    /// A service of the Resource Registry.
    DialogLookupServiceResource of IdentifierLookupServiceResourceView {
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

object! {
    /// An organisation that owns services.
    DialogLookupServiceOwner of IdentifierLookupServiceOwnerView {
        /// Its number.
        org_number: String,
        /// Its short code.
        code: String,
        /// Its name.
        name: Vec<Localization>,
    }
}

object! {
    /// Why a user may see a dialog.
    DialogLookupAuthorizationEvidence of IdentifierLookupAuthorizationEvidenceView {
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
        evidence: Vec<DialogLookupAuthorizationEvidenceItem>,
    }
}

/// End users are always told.
impl Of<Option<IdentifierLookupAuthorizationEvidenceView>> for DialogLookupAuthorizationEvidence {
    fn of(view: Option<IdentifierLookupAuthorizationEvidenceView>) -> Self {
        view.map_or_else(
            || Self {
                current_authentication_level: 0,
                via_role: false,
                via_access_package: false,
                via_resource_delegation: false,
                via_instance_delegation: false,
                evidence: Vec::new(),
            },
            Self::of,
        )
    }
}

object! {
    /// A reason why a user may see a dialog.
    DialogLookupAuthorizationEvidenceItem of IdentifierLookupAuthorizationEvidenceItemView {
        /// Of what kind.
        grant_type: DialogLookupGrantType,
        /// URN of the role, access package, service or instance.
        subject: String,
        /// Its name.
        name: Vec<Localization>,
        /// Where more is known.
        links: Option<DialogLookupLinks>,
    }
}

object! {
    /// Where more is known.
    DialogLookupLinks of LinksView {
        /// Description by the platform.
        metadata: String,
    }
}

/// The field `dialogLookup`.
pub(super) async fn look_up(
    api: &ApiState,
    caller: &Caller,
    languages: &Languages,
    reference: &str,
) -> Result<DialogLookupPayload> {
    let refused = |error| Ok(DialogLookupPayload { lookup: None, errors: vec![error] });
    let invalid = |message| {
        let field = Some("instanceRef".to_owned());
        refused(DialogLookupValidationError { message, field }.into())
    };
    let Some(reference) = InstanceReference::parse(reference) else {
        return invalid(format!("instanceRef {}", InstanceReference::FORMS));
    };
    let failure = match api.app.lookup(Reader::EndUser(caller, languages), &reference, languages).await {
        Ok(view) => {
            return Ok(DialogLookupPayload { lookup: Some(Of::of(view)), errors: Vec::new() });
        }
        Err(failure) => failure,
    };
    match failure {
        Failure::Refused(Refusal::NotFound { text: message, .. }) => {
            refused(DialogLookupNotFound { message }.into())
        }
        Failure::Refused(Refusal::Forbidden(texts)) => {
            refused(DialogLookupForbidden { message: texts.join(", ") }.into())
        }
        Failure::Refused(Refusal::Ambiguous { reference }) => {
            invalid(format!("There is more than one dialog with the reference {reference}."))
        }
        failure => Err(top_level(failure)),
    }
}
