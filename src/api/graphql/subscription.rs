//! What happens to a dialog, as it happens.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Context, Enum, Response, Result, SimpleObject, Subscription};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use tokio::sync::Notify;

use super::credentials::DialogToken;
use super::error::{Code, top_level};
use super::known::Root;
use super::shape::Id;
use super::{Apply, ApplyPolicy, Schema, authorize};
use crate::api::ApiState;
use crate::app::{self, News};
use crate::store::Position;

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
        ctx: &Context<'_>,
        #[graphql(desc = "The dialog.")] dialog_id: Id,
    ) -> Result<impl Stream<Item = DialogEventPayload>> {
        let token = ctx.data_opt::<DialogToken>();
        // Here the argument is what it comes to in the end, whatever way it is written.
        let token = token.filter(|token| token.claims.dialog_id == Some(dialog_id.0));
        let party = token.and_then(|token| token.claims.dialog_party.as_ref());
        let (Some(token), Some(party)) = (token, party) else {
            let text = "A subscription needs the dialog token of the dialog that it is about.";
            return Err(Code::NotAuthorized.error(text));
        };
        let (api, marks) = (ctx.data::<ApiState>()?.clone(), ctx.data::<Arc<Marks>>()?.clone());
        let subscription = app::Subscription {
            dialog: dialog_id.0,
            party: party.as_str().to_owned(),
            token_end: token.claims.expires_at,
            token: token.digest,
        };
        let subscribed = api.app.subscribe(subscription, marks.after).await.map_err(top_level)?;
        marks.begin(subscribed.start());
        Ok(stream::unfold((api, subscribed, marks), move |(api, mut subscribed, marks)| async move {
            let (position, news) = subscribed.next(&api.app).await?;
            marks.reach(position);
            let r#type = match news {
                News::Updated => DialogEventType::DialogUpdated,
                News::Deleted => DialogEventType::DialogDeleted,
            };
            Some((DialogEventPayload { id: dialog_id, r#type }, (api, subscribed, marks)))
        }))
    }
}

/// How far a subscription has come: what the field tells beside its values.
#[derive(Default)]
pub(super) struct Marks {
    /// What the client has heard before.
    after: Option<Position>,
    reached: Mutex<Option<Position>>,
    has_begun: Notify,
}

impl Marks {
    pub fn after(after: Option<Position>) -> Arc<Self> {
        Arc::new(Self { after, ..Self::default() })
    }

    fn begin(&self, position: Position) {
        self.reach(position);
        self.has_begun.notify_one();
    }

    fn reach(&self, position: Position) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
    }

    /// Where the last event was, or the beginning; `None` before it has begun.
    pub fn reached(&self) -> Option<Position> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answers of a subscription, one for each event.
///
/// # Errors
/// The answer that it was refused with.
pub(super) async fn open(
    schema: &Schema,
    request: async_graphql::Request,
    marks: &Marks,
) -> Result<BoxStream<'static, Response>, Box<Response>> {
    let mut answers = schema.execute_stream(request);
    let first = tokio::select! {
        biased;
        first = answers.next() => first,
        () = marks.has_begun.notified() => return Ok(answers),
    };
    let has_begun = marks.reached().is_some();
    match first {
        Some(event) if has_begun => Ok(stream::once(async { event }).chain(answers).boxed()),
        None if has_begun => Ok(answers),
        Some(refusal) => Err(Box::new(refusal)),
        None => Err(Box::new(Code::BadRequest.response(ONE_FIELD))),
    }
}

const ONE_FIELD: &str = "A subscription has exactly one field.";

/// Looks whether a subscription, of a document that is right, has one field that is not skipped or included on
/// a condition (GraphQL, September 2025, section 5.2.4.1). `roots` are its fields, put together.
///
/// # Errors
/// When it is otherwise.
pub(super) fn check_one_field(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    roots: &[Root],
) -> Result<(), &'static str> {
    if has_directives(document, &operation.selection_set.node) {
        return Err("The field of a subscription has no directives.");
    }
    match roots {
        [root] if !root.is_about_schema => Ok(()),
        _ => Err(ONE_FIELD),
    }
}

/// Whether there are directives at the fields of a set, or on the way to them.
fn has_directives(document: &ExecutableDocument, set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| {
        !selection.node.directives().is_empty()
            || match &selection.node {
                Selection::Field(_) => false,
                Selection::InlineFragment(fragment) => {
                    has_directives(document, &fragment.node.selection_set.node)
                }
                Selection::FragmentSpread(spread) => document
                    .fragments
                    .get(&spread.node.fragment_name.node)
                    .is_some_and(|fragment| has_directives(document, &fragment.node.selection_set.node)),
            }
    })
}
