//! What happens to a dialog, as it happens.

use async_graphql::{Context, Enum, Result, SimpleObject, Subscription};
use futures_util::Stream;
use futures_util::stream::Empty;

use super::error::Code;
use super::shape::Id;
use super::{Apply, ApplyPolicy, authorize};

/// Everything that can be followed.
pub(super) struct Subscriptions;

/// Something happened to a dialog.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(super) struct DialogEventPayload {
    /// The dialog.
    id: Id,
    /// What happened.
    r#type: DialogEventType,
}

/// What happened to a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum DialogEventType {
    /// It, or something of it, changed.
    DialogUpdated,
    /// It was deleted.
    DialogDeleted,
}

/// Everything that can be followed.
#[Subscription]
impl Subscriptions {
    /// What happens to a dialog; needs the dialog's own token.
    #[graphql(directive = authorize::apply(
        Some("enduserSubscription".to_owned()),
        None,
        Apply(Some(ApplyPolicy::Validation))
    ))]
    async fn dialog_events(
        &self,
        _ctx: &Context<'_>,
        #[graphql(desc = "The dialog.")] dialog_id: Id,
    ) -> Result<impl Stream<Item = DialogEventPayload>> {
        let _ = dialog_id;
        Err::<Empty<DialogEventPayload>, _>(
            Code::BadRequest.error("Events of dialogs cannot be followed in this version."),
        )
    }
}
