//! Enumerations.

use async_graphql::Enum;

use super::shape::enumeration;
use crate::app::IdentifierLookupGrantType;
use crate::dialog::vocabulary as wire;

enumeration! {
    /// What happened.
    ActivityType of wire::DialogActivityType as "crate::dialog::vocabulary::DialogActivityType" {
        /// The dialog was created.
        DialogCreated,
        /// The dialog was closed.
        DialogClosed,
        /// See the description.
        Information,
        /// A transmission was opened.
        TransmissionOpened,
        /// Something was paid.
        PaymentMade,
        /// Something was signed.
        SignatureProvided,
        /// The dialog was opened.
        DialogOpened,
        /// The dialog was deleted.
        DialogDeleted,
        /// The dialog was restored.
        DialogRestored,
        /// It went to be signed.
        SentToSigning,
        /// It went to a form to be filled in.
        SentToFormFill,
        /// It went to be sent in.
        SentToSendIn,
        /// It went to be paid.
        SentToPayment,
        /// A form was sent in.
        FormSubmitted,
        /// A form was saved.
        FormSaved,
        /// Correspondence was opened.
        CorrespondenceOpened,
        /// Correspondence was confirmed.
        CorrespondenceConfirmed,
    }
}

enumeration! {
    /// On whose side somebody is.
    ActorType of wire::ActorType as "crate::dialog::vocabulary::ActorType" {
        /// Somebody who acts for the party.
        PartyRepresentative,
        /// The service owner.
        ServiceOwner,
    }
}

enumeration! {
    /// Whom a link is for.
    AttachmentUrlConsumer of wire::AttachmentUrlConsumerType
        as "crate::dialog::vocabulary::AttachmentUrlConsumerType"
    {
        /// People.
        Gui,
        /// Systems.
        Api,
    }
}

enumeration! {
    /// Through what a user may see a dialog.
    DialogLookupGrantType of IdentifierLookupGrantType as "crate::app::IdentifierLookupGrantType" {
        /// A role.
        Role,
        /// An access package.
        AccessPackage,
        /// The service was given to the user.
        ResourceDelegation,
        /// The instance was given to the user.
        InstanceDelegation,
    }
}

enumeration! {
    /// How far a dialog has come.
    DialogStatus of wire::DialogStatus as "crate::dialog::vocabulary::DialogStatus" {
        /// It has begun.
        InProgress,
        /// The party works on it and has not sent it.
        Draft,
        /// It waits for the service owner.
        Awaiting,
        /// It waits for the party.
        RequiresAttention,
        /// It is done.
        Completed,
        /// It has no status.
        NotApplicable,
    }
}

enumeration! {
    /// How prominent a button is.
    GuiActionPriority of wire::DialogGuiActionPriority as "crate::dialog::vocabulary::DialogGuiActionPriority" {
        /// The one that most users want.
        Primary,
        /// The other one.
        Secondary,
        /// One of several others.
        Tertiary,
    }
}

enumeration! {
    /// An HTTP method.
    HttpVerb of wire::HttpVerb as "crate::dialog::vocabulary::HttpVerb" {
        /// GET
        GET,
        /// POST
        POST,
        /// PUT
        PUT,
        /// PATCH
        PATCH,
        /// DELETE
        DELETE,
        /// HEAD
        HEAD,
        /// OPTIONS
        OPTIONS,
        /// TRACE
        TRACE,
        /// CONNECT
        CONNECT,
    }
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::search::Direction")]
pub(super) enum OrderDirection {
    /// Smallest or earliest first.
    #[graphql(name = "ASC")]
    Ascending,
    /// Largest or latest first.
    #[graphql(name = "DESC")]
    Descending,
}

enumeration! {
    /// A label by which end users sort their dialogs.
    SystemLabel of wire::SystemLabel as "crate::dialog::vocabulary::SystemLabel" {
        /// In the inbox.
        Default,
        /// In the bin.
        Bin,
        /// In the archive.
        Archive,
        /// Marked as not yet opened.
        MarkedAsUnopened,
        /// The party has sent something; set by the service alone.
        Sent,
    }
}

enumeration! {
    /// What a transmission is.
    TransmissionType of wire::DialogTransmissionType as "crate::dialog::vocabulary::DialogTransmissionType" {
        /// For information.
        Information,
        /// Something was accepted.
        Acceptance,
        /// Something was rejected.
        Rejection,
        /// A question or a demand.
        Request,
        /// A warning.
        Alert,
        /// A decision.
        Decision,
        /// Something that the party sends.
        Submission,
        /// A correction of what the party has sent.
        Correction,
    }
}
