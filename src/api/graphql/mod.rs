//! The graph of end users: the same use cases and views as the API of end users, with only what is asked
//! for.

#![expect(
    clippy::struct_field_names,
    clippy::enum_variant_names,
    clippy::upper_case_acronyms,
    reason = "the published contract has these names"
)]
#![expect(clippy::unused_async, reason = "resolvers have to be")]

mod catalogue;
mod cost;
mod credentials;
mod dialog;
mod documents;
mod error;
mod event_stream;
mod http;
mod known;
mod labels;
mod lookup;
mod merging;
mod page;
mod parse;
mod search;
mod selection;
mod shape;
mod subscription;
#[cfg(test)]
mod tests;
mod validation;
mod vocabulary;
mod web_socket;

use std::borrow::Cow;
use std::time::Duration;

use async_graphql::registry::Registry;
use async_graphql::{
    Context, Enum, InputType, InputValueError, InputValueResult, Object, Result, SDLExportOptions,
    SimpleObject, TypeDirective, ValidationMode, Value,
};
use axum::http::HeaderValue;

use self::catalogue::{AuthorizedParty, Limits, ServiceResourceMetadata};
use self::dialog::Dialog;
use self::error::{Code, top_level};
use self::labels::{
    BulkSetSystemLabelInput, BulkSetSystemLabelPayload, SetSystemLabelInput, SetSystemLabelPayload,
};
use self::lookup::DialogLookupPayload;
use self::search::{DialogCountsPayload, SearchDialogInput, SearchDialogsPayload};
use self::selection::{Selected, Shown};
use self::shape::{Id, Of, errors};
use self::subscription::Subscriptions;
use crate::access::caller::Caller;
use crate::api::http::respond;
use crate::api::search::check_parties;
use crate::api::{ApiState, public};
use crate::app::{DetailParts, Failure, Languages, ListParts};
use crate::dialog::limits;
use crate::dialog::refusal::Refusal;
use crate::json::Failures;
use crate::timestamp::Timestamp;

pub use self::documents::Documents;
pub use self::http::router;

/// What is asked of the graph by the settings of the service.
#[derive(Clone)]
pub struct GraphSettings {
    /// Whether the graph tells about itself.
    pub introspection: bool,
    /// Whether browsers get a page to write queries on.
    pub page: bool,
    /// Origins whose pages browsers let ask.
    pub origins: Vec<HeaderValue>,
    /// How long an operation may take that does not come as a request of its own.
    pub timeout: Duration,
    /// Which documents are carried out.
    pub documents: Documents,
}

type Schema = async_graphql::Schema<Queries, Mutations, Subscriptions>;

/// The graph.
fn schema(introspection: bool) -> Schema {
    // What a request may ask for is measured before: see `cost`.
    let schema = Schema::build(Queries, Mutations, Subscriptions).limit_recursive_depth(64);
    // Documents are validated before, too: see `validation`.
    let schema = schema.validation_mode(ValidationMode::Fast);
    if introspection { schema.finish() } else { schema.disable_introspection().finish() }
}

/// The graph in the Schema Definition Language.
#[must_use]
pub fn definition() -> String {
    let options = SDLExportOptions::new().include_specified_by().use_space_ident();
    let mut text = schema(true).sdl_with_options(options.prefer_single_line_descriptions());
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// When access is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
enum ApplyPolicy {
    /// Before a field is resolved.
    BeforeResolver,
    /// After a field was resolved.
    AfterResolver,
    /// Before anything is resolved.
    Validation,
}

/// [`ApplyPolicy`], or the default: before the field is resolved.
struct Apply(Option<ApplyPolicy>);

impl InputType for Apply {
    type RawValueType = ApplyPolicy;

    fn type_name() -> Cow<'static, str> {
        <ApplyPolicy as InputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <ApplyPolicy as InputType>::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            None => Ok(Self(None)),
            value => <ApplyPolicy as InputType>::parse(value)
                .map(|apply| Self(Some(apply)))
                .map_err(InputValueError::propagate),
        }
    }

    fn to_value(&self) -> Value {
        self.0.unwrap_or(ApplyPolicy::BeforeResolver).to_value()
    }

    fn as_raw_value(&self) -> Option<&ApplyPolicy> {
        self.0.as_ref()
    }
}

/// Says what the token must be like.
#[TypeDirective(location = "Object", location = "FieldDefinition", repeatable)]
fn authorize(
    policy: Option<String>,
    roles: Option<Vec<String>>,
    #[graphql(default_with = "Apply(None)")] apply: Apply,
) {
}

/// The caller, whom the use cases are asked for.
fn caller<'a>(ctx: &Context<'a>) -> Result<&'a Caller> {
    ctx.data_opt::<Caller>().ok_or_else(|| match ctx.data_opt::<http::Refused>() {
        Some(refused) => refused.0.error(refused.1.clone()),
        None => Code::NotAuthorized.error("A valid access token is required."),
    })
}

/// What a dialog's details need besides the dialog itself.
fn detail_parts(dialog: &Selected<'_>) -> DetailParts {
    DetailParts {
        transmissions: dialog.asks_for("transmissions"),
        // They tell which transmissions were opened.
        activities: dialog.asks_for("activities") || dialog.field("transmissions").asks_for("isOpened"),
        token: dialog.asks_for("dialogToken"),
    }
}

/// What a list needs besides the rows of its dialogs.
fn list_parts(items: &Selected<'_>) -> ListParts {
    const OF_DOCUMENTS: [&str; 6] = [
        "party",
        "serviceResource",
        "serviceResourceType",
        "precedingProcess",
        "guiAttachmentCount",
        "content",
    ];
    ListParts {
        documents: OF_DOCUMENTS.iter().any(|field| items.asks_for(field)),
        latest_activity: items.asks_for("latestActivity"),
        seen: items.asks_for("seenSinceLastUpdate") || items.asks_for("seenSinceLastContentUpdate"),
    }
}

/// Everything that can be asked.
struct Queries;

/// Everything that can be asked.
#[Object(directive = authorize::apply(Some("enduser".to_owned()), None, Apply(None)))]
impl Queries {
    /// A dialog with what the user may see and do; records that it was opened.
    async fn dialog_by_id(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dialog.")] dialog_id: Id,
    ) -> Result<DialogByIdPayload> {
        let api = ctx.data::<ApiState>()?;
        let parts = detail_parts(&Selected::of(ctx).field("dialog"));
        let languages = ctx.data::<Languages>()?;
        let opened = api.app.end_user_dialog(caller(ctx)?, dialog_id.0, languages, false, parts).await;
        let error = match opened {
            Ok(view) => {
                return Ok(DialogByIdPayload { dialog: Some(Box::new(Of::of(view))), errors: Vec::new() });
            }
            Err(Failure::Refused(refusal)) => refusal,
            Err(failure) => return Err(top_level(failure)),
        };
        if let Refusal::NotYetVisible { visible_from, .. } = &error {
            ctx.insert_http_header("expires", respond::http_date(*visible_from));
        }
        Ok(DialogByIdPayload { dialog: None, errors: vec![dialog_by_id_error(error)?] })
    }

    /// The dialogs of parties that the user represents, newest content first.
    async fn search_dialogs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is searched for.")] input: SearchDialogInput,
    ) -> Result<SearchDialogsPayload> {
        let api = ctx.data::<ApiState>()?;
        let parts = list_parts(&Selected::of(ctx).field("items"));
        search::search(api, caller(ctx)?, ctx.data::<Languages>()?, input, parts).await
    }

    /// How many of the dialogs that `searchDialogs` would list are in which state.
    async fn dialog_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "What is searched for; `limit`, `orderBy` and `continuationToken` are checked, and do not \
                    matter."
        )]
        input: SearchDialogInput,
    ) -> Result<DialogCountsPayload> {
        search::count(ctx.data::<ApiState>()?, caller(ctx)?, input).await
    }

    /// The dialog of an app instance, a correspondence or a dialog id, and why the user may see it.
    async fn dialog_lookup(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "`urn:altinn:instance-id:…`, `urn:altinn:correspondence-id:…` or `urn:altinn:dialog-id:…`."
        )]
        instance_ref: String,
    ) -> Result<DialogLookupPayload> {
        let api = ctx.data::<ApiState>()?;
        lookup::look_up(api, caller(ctx)?, ctx.data::<Languages>()?, &instance_ref).await
    }

    /// Whom the user can represent.
    async fn parties(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only these parties, as URNs, 1 to 100, with their sub-units; a sub-unit may be named too."
        )]
        parties_filter: Option<Vec<String>>,
        #[graphql(desc = "Whether to list those that no longer exist; true when left out.")]
        include_deleted: Option<bool>,
        #[graphql(
            desc = "A page of at most so many parties, 1 to 1000, not counting sub-units, in the order \
                          of their URNs. One that is shorter is the last."
        )]
        first: Option<i32>,
        #[graphql(desc = "The last party of the page before.")] after: Option<String>,
    ) -> Result<Shown<Vec<AuthorizedParty>>> {
        let wanted = catalogue::wanted_parties(parties_filter, include_deleted, first, after)?;
        catalogue::parties(ctx.data::<ApiState>()?, caller(ctx)?, wanted.as_ref()).await.map(Shown)
    }

    /// Whom the user can represent.
    #[graphql(deprecation = "The field is called parties.")]
    async fn get_parties(&self, ctx: &Context<'_>) -> Result<Shown<Vec<AuthorizedParty>>> {
        catalogue::parties(ctx.data::<ApiState>()?, caller(ctx)?, None).await.map(Shown)
    }

    /// The services that the user may see dialogs about, as far as there are such dialogs.
    async fn service_resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Parties, as URNs, 1 to 100; all that the user can represent when left out.")]
        parties: Option<Vec<String>>,
        #[graphql(default = false, desc = "Whether to list all services, whatever the user may see.")]
        include_unauthorized: bool,
    ) -> Result<Shown<ServiceResourceMetadata>> {
        let api = ctx.data::<ApiState>()?;
        let (caller, languages) = (caller(ctx)?, ctx.data::<Languages>()?);
        let mut failures = Failures::new();
        if parties.as_ref().is_some_and(Vec::is_empty) {
            failures.add_key("parties", "must not be an empty list.");
        }
        let parties = parties.unwrap_or_default();
        let parties = check_parties("parties", &parties, limits::END_USER_SEARCH.parties, &mut failures);
        if let Err(failures) = failures.into_result() {
            return Err(top_level(Refusal::Invalid(failures).into()));
        }
        if include_unauthorized {
            return api.app.service_resources(languages).await.map(Of::of).map_err(top_level);
        }
        let services = api.app.authorized_service_resources(caller, &parties, languages).await;
        services.map(Of::of).map_err(top_level)
    }

    /// The limits of searches.
    async fn limits(&self, ctx: &Context<'_>) -> Result<Shown<Limits>> {
        caller(ctx)?;
        Ok(Of::of(public::limits()))
    }
}

/// Everything that can be changed.
struct Mutations;

/// Everything that can be changed.
#[Object(directive = authorize::apply(Some("enduser".to_owned()), None, Apply(None)))]
impl Mutations {
    /// Changes the labels of a dialog.
    async fn set_system_label(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dialog, and what is to change.")] input: SetSystemLabelInput,
    ) -> Result<SetSystemLabelPayload> {
        let payload = labels::set(ctx.data::<ApiState>()?, caller(ctx)?, input).await?;
        if let Some(revision) = payload.revision {
            ctx.insert_http_header("etag", format!("\"{}\"", revision.0));
        }
        Ok(payload)
    }

    /// Changes the labels of several dialogs: of all, or of none.
    async fn bulk_set_system_labels(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The dialogs, and what is to change.")] input: BulkSetSystemLabelInput,
    ) -> Result<BulkSetSystemLabelPayload> {
        labels::bulk_set(ctx.data::<ApiState>()?, caller(ctx)?, input).await
    }
}

/// A dialog, or why it is not shown.
#[derive(Clone, Debug, SimpleObject)]
struct DialogByIdPayload {
    /// The dialog; null where there are errors.
    dialog: Option<Box<Shown<Dialog>>>,
    /// Why it is not shown.
    errors: Vec<DialogByIdError>,
}

errors! {
    /// Why a dialog is not shown.
    DialogByIdError {
        /// There is no such dialog.
        DialogByIdNotFound {},
        /// It was deleted.
        DialogByIdDeleted {},
        /// The user has no access to it.
        DialogByIdForbidden {},
        /// The user's login is too weak for it.
        DialogByIdForbiddenAuthLevelTooLow {},
        /// It cannot be seen yet.
        DialogByIdNotVisible {
            /// From when it can be seen.
            visible_from: Timestamp,
        },
        /// It can no longer be seen.
        DialogByIdExpired {
            /// Since when.
            expired_at: Timestamp,
        },
    }
}

fn dialog_by_id_error(refusal: Refusal) -> Result<DialogByIdError> {
    Ok(match refusal {
        Refusal::NotFound { text: message, .. } => DialogByIdNotFound { message }.into(),
        Refusal::Gone(id) => {
            DialogByIdDeleted { message: format!("The dialog ({id}) has been deleted.") }.into()
        }
        Refusal::Forbidden(texts) => DialogByIdForbidden { message: texts.join(", ") }.into(),
        Refusal::LevelTooLow => DialogByIdForbiddenAuthLevelTooLow {
            message: "The login is too weak for this dialog; a login at a higher level will do.".to_owned(),
        }
        .into(),
        Refusal::NotYetVisible { dialog, visible_from } => {
            let message = format!("The dialog ({dialog}) is not visible before {visible_from}.");
            DialogByIdNotVisible { message, visible_from }.into()
        }
        Refusal::Expired { dialog, expired_at } => {
            let message = format!("The dialog ({dialog}) expired at {expired_at}.");
            DialogByIdExpired { message, expired_at }.into()
        }
        refusal => return Err(top_level(refusal.into())),
    })
}
