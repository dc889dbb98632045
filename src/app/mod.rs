//! What the product does: one file per use case, shared by REST and GraphQL.

mod admission;
mod changes;
mod children;
mod count_dialogs;
mod create_dialog;
mod end_user_context;
mod explain;
mod follow;
mod get_dialog;
mod issuers;
mod labels;
mod languages;
mod lookup;
mod parties;
mod pseudonyms;
mod registry;
mod repetition;
mod search_dialogs;
mod service_resources;
mod subscribe;
mod turns;
mod update_dialog;
mod view;

use std::sync::Arc;

use crate::access::Access;
use crate::access::dialog_token::DialogTokenSigner;
use crate::altinn::PlatformFailure;
use crate::clock::Clock;
use crate::dialog::create::SeenElsewhere;
use crate::dialog::refusal::Refusal;
use crate::events::Live;
use crate::events::cloud_event::CloudEvents;
use crate::events::places::{NoPlace, Places};
use crate::search::Seal;
use crate::store::{Store, StoreFailure};

pub use crate::store::{DetailParts, DialogCounts, ListParts};

pub use admission::Reader;
pub use changes::{ChangeKind, ChangesRequest, DialogChange, DialogChanges};
pub use count_dialogs::MOST_COUNTED;
pub use create_dialog::Created;
pub use end_user_context::{DialogEndUserContextItemView, EndUserContextPage};
pub use follow::{Follow, FollowEnd, FollowToken, Followed, Mark};
pub(crate) use get_dialog::seen_id;
pub use issuers::IssuerKeeper;
pub use labels::LabelCommand;
pub use languages::Languages;
pub use lookup::{
    IdentifierLookupAuthorizationEvidenceItemView, IdentifierLookupAuthorizationEvidenceView,
    IdentifierLookupGrantType, IdentifierLookupServiceOwnerView, IdentifierLookupServiceResourceView,
    IdentifierLookupView,
};
pub use parties::{AuthorizedPartyView, PartiesView, WantedParties};
pub use pseudonyms::Pseudonyms;
pub use search_dialogs::{DialogPage, DialogSearch};
pub use service_resources::{
    AuthorizedServiceResourcesView, LinksView, ServiceResourceAccessPackageView,
    ServiceResourceCatalogueView, ServiceResourceMetadataView, ServiceResourceOwnerView,
    ServiceResourceRoleView, ServiceResourceView,
};
pub use subscribe::{News, Subscribed, Subscription};
pub use turns::Turns;
pub use update_dialog::{Changed, Command, NewState, Request};
pub use view::{
    ActivityView, ApiActionView, ContentSummaryView, ContentValueView, ContentView, DialogListView,
    DialogView, EndUserContextView, GuiActionView, LabelLogView, SeenView, ServiceOwnerLabelView,
    TransmissionContentView, TransmissionView,
};

/// The use cases, and what they need.
pub struct App {
    /// The database.
    pub store: Store,
    /// Who may do what.
    pub access: Access,
    /// Time and ids.
    pub clock: Clock,
    /// Signs what end users show to service owners.
    pub dialog_tokens: DialogTokenSigner,
    /// Queues of writers that get in each other's way.
    pub turns: Turns,
    /// Which new dialogs count as seen.
    pub seen_elsewhere: SeenElsewhere,
    /// Hides who somebody is from other end users.
    pub pseudonyms: Pseudonyms,
    /// What is told, as it happens.
    pub live: Arc<Live>,
    /// How many may be told at a time.
    pub places: Arc<Places>,
    /// Makes of it what is sent.
    pub cloud_events: CloudEvents,
    /// Signs continuation tokens.
    pub seal: Seal,
}

/// Why a use case did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The request was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The platform did not answer.
    #[error(transparent)]
    Platform(#[from] PlatformFailure),
    /// The database did not do what it was asked to.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// Too many are told what happens.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
}
