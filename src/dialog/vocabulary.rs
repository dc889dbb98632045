//! The enumerations of the wire, with the numbers they are stored as.

use crate::json::wire_enum;

wire_enum! {
    /// How far a dialog has come.
    pub enum DialogStatus {
        /// No meaningful status; typical of simple messages.
        NotApplicable = 7,
        /// Started by the user and not sent yet.
        Draft = 3,
        /// Being worked on.
        InProgress = 2,
        /// Sent by the party and waiting for the service owner.
        Awaiting = 8,
        /// The user must do something for the process to go on.
        RequiresAttention = 5,
        /// Done; no more updates are expected.
        Completed = 6,
    }
}

wire_enum! {
    /// What a list does with deleted dialogs.
    pub enum DeletedFilter {
        /// Leaves them out.
        Exclude = 1,
        /// Has them too.
        Include = 2,
        /// Has nothing else.
        Only = 3,
    }
}

wire_enum! {
    /// A status as service owners may write it, two older names included.
    pub enum DialogStatusInput {
        /// Older name; stored as `NotApplicable`.
        New = 1,
        /// Being worked on.
        InProgress = 2,
        /// Started by the user and not sent yet.
        Draft = 3,
        /// Older name; stored as `Awaiting`.
        Sent = 4,
        /// The user must do something for the process to go on.
        RequiresAttention = 5,
        /// Done; no more updates are expected.
        Completed = 6,
        /// No meaningful status; typical of simple messages.
        NotApplicable = 7,
        /// Sent by the party and waiting for the service owner.
        Awaiting = 8,
    }
}

impl From<DialogStatusInput> for DialogStatus {
    fn from(input: DialogStatusInput) -> Self {
        match input {
            DialogStatusInput::New | DialogStatusInput::NotApplicable => Self::NotApplicable,
            DialogStatusInput::InProgress => Self::InProgress,
            DialogStatusInput::Draft => Self::Draft,
            DialogStatusInput::Sent | DialogStatusInput::Awaiting => Self::Awaiting,
            DialogStatusInput::RequiresAttention => Self::RequiresAttention,
            DialogStatusInput::Completed => Self::Completed,
        }
    }
}

wire_enum! {
    /// Where an end user has put a dialog, and marks on it.
    pub enum SystemLabel {
        /// In the inbox.
        Default = 1,
        /// In the bin.
        Bin = 2,
        /// In the archive.
        Archive = 3,
        /// Marked as unopened by the user.
        MarkedAsUnopened = 4,
        /// The party has sent something.
        Sent = 5,
    }
}

wire_enum! {
    /// What a transmission is; `Submission` and `Correction` come from the party.
    pub enum DialogTransmissionType {
        /// General information.
        Information = 1,
        /// The service owner accepts something.
        Acceptance = 2,
        /// The service owner rejects something.
        Rejection = 3,
        /// The service owner asks for something.
        Request = 4,
        /// Something urgent.
        Alert = 5,
        /// A decision.
        Decision = 6,
        /// The party has submitted something.
        Submission = 7,
        /// The party has corrected something.
        Correction = 8,
    }
}

impl DialogTransmissionType {
    /// Whether the party sent it. All other types count as the service owner's.
    #[must_use]
    pub fn is_from_party(self) -> bool {
        matches!(self, Self::Submission | Self::Correction)
    }
}

wire_enum! {
    /// What has happened in a dialog.
    pub enum DialogActivityType {
        /// The dialog was created.
        DialogCreated = 1,
        /// The dialog was closed.
        DialogClosed = 2,
        /// Anything else, told by the description.
        Information = 3,
        /// A transmission was opened.
        TransmissionOpened = 4,
        /// A payment was made.
        PaymentMade = 5,
        /// A signature was provided.
        SignatureProvided = 6,
        /// The dialog was opened.
        DialogOpened = 7,
        /// The dialog was deleted, as the service owner tells it.
        DialogDeleted = 8,
        /// The dialog was restored, as the service owner tells it.
        DialogRestored = 9,
        /// Sent to signing.
        SentToSigning = 10,
        /// Sent to form filling.
        SentToFormFill = 11,
        /// Sent to be sent in.
        SentToSendIn = 12,
        /// Sent to payment.
        SentToPayment = 13,
        /// A form was submitted.
        FormSubmitted = 14,
        /// A form was saved.
        FormSaved = 15,
        /// A correspondence was opened.
        CorrespondenceOpened = 16,
        /// A correspondence was confirmed.
        CorrespondenceConfirmed = 17,
    }
}

impl DialogActivityType {
    /// Whether only Altinn Correspondence may report it.
    #[must_use]
    pub fn is_correspondence(self) -> bool {
        matches!(self, Self::CorrespondenceOpened | Self::CorrespondenceConfirmed)
    }
}

wire_enum! {
    /// Who acts.
    pub enum ActorType {
        /// The party, or somebody for it.
        PartyRepresentative = 1,
        /// The service owner.
        ServiceOwner = 2,
    }
}

wire_enum! {
    /// An HTTP method.
    pub enum HttpVerb {
        /// GET
        GET = 1,
        /// POST
        POST = 2,
        /// PUT
        PUT = 3,
        /// PATCH
        PATCH = 4,
        /// DELETE
        DELETE = 5,
        /// HEAD
        HEAD = 6,
        /// OPTIONS
        OPTIONS = 7,
        /// TRACE
        TRACE = 8,
        /// CONNECT
        CONNECT = 9,
    }
}

wire_enum! {
    /// How prominent a button is.
    pub enum DialogGuiActionPriority {
        /// The main button; at most one.
        Primary = 1,
        /// The second button; at most one.
        Secondary = 2,
        /// Further choices; at most five.
        Tertiary = 3,
    }
}

wire_enum! {
    /// For whom a link of an attachment is.
    pub enum AttachmentUrlConsumerType {
        /// For people, in a browser.
        Gui = 1,
        /// For systems.
        Api = 2,
    }
}
