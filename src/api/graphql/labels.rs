//! Labels by which end users sort their dialogs.

use async_graphql::{InputObject, Result, SimpleObject};
use serde_json::json;

use super::error::{explained_input, top_level};
use super::shape::{Id, errors};
use super::vocabulary::SystemLabel;
use crate::access::caller::Caller;
use crate::api::ApiState;
use crate::app::Failure;
use crate::dialog::limits;
use crate::dialog::refusal::Refusal;
use crate::dialog::vocabulary;
use crate::dialog::write::Expected;
use crate::json::Json;
use crate::store::StoreFailure;

/// Labels to add to and to take from a dialog.
#[derive(Clone, Debug, InputObject)]
pub(super) struct SetSystemLabelInput {
    /// The dialog.
    pub(super) dialog_id: Id,
    /// Labels to add; of `DEFAULT`, `BIN` and `ARCHIVE` the last one counts.
    add_labels: Vec<SystemLabel>,
    /// Labels to take away, before others are added.
    remove_labels: Vec<SystemLabel>,
    /// Revision that the dialog's end-user context is expected to have; any will do when left out.
    enduser_context_revision: Option<Id>,
}

/// Labels to add to and to take from several dialogs: from all of them, or from none.
#[derive(Clone, Debug, InputObject)]
pub(super) struct BulkSetSystemLabelInput {
    /// The dialogs, each once, 1 to 100.
    dialogs: Vec<DialogRevisionInput>,
    /// Labels to add; of `DEFAULT`, `BIN` and `ARCHIVE` the last one counts.
    add_labels: Vec<SystemLabel>,
    /// Labels to take away, before others are added.
    remove_labels: Vec<SystemLabel>,
}

/// A dialog, and the state in which it is expected.
#[derive(Clone, Debug, InputObject)]
pub(super) struct DialogRevisionInput {
    /// The dialog.
    dialog_id: Id,
    /// Revision of its end-user context; any will do when left out.
    enduser_context_revision: Option<Id>,
}

/// What became of a change of labels.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct SetSystemLabelPayload {
    /// Whether the labels are now as asked for.
    success: bool,
    /// Revision of the dialog's end-user context afterwards.
    pub(super) revision: Option<Id>,
    /// Why nothing was changed.
    errors: Vec<SetSystemLabelError>,
}

/// What became of a change of the labels of several dialogs.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct BulkSetSystemLabelPayload {
    /// Whether the labels are now as asked for.
    success: bool,
    /// Why nothing was changed.
    errors: Vec<BulkSetSystemLabelError>,
}

errors! {
    /// Why labels were not changed.
    SetSystemLabelError {
        /// There is no such dialog.
        SetSystemLabelEntityNotFound {},
        /// The user has no access to the dialog.
        SetSystemLabelForbidden {},
        /// The dialog was deleted.
        SetSystemLabelEntityDeleted {},
        /// The user has no name in the register, which the log of labels needs.
        SetSystemLabelDomainError {},
        /// The input breaks a rule.
        SetSystemLabelValidationError {
            /// What it is about, such as `input.addLabels[0]`.
            field: Option<String>,
        },
        /// The dialog's end-user context has another revision than expected.
        SetSystemLabelConcurrencyError {},
        /// Others change the dialog at the same time.
        SetSystemLabelConflictError {},
    }
}

errors! {
    /// Why the labels of several dialogs were not changed.
    BulkSetSystemLabelError {
        /// Some of the dialogs are not there for the user.
        BulkSetSystemLabelNotFound {},
        /// The user has no name in the register, which the log of labels needs.
        BulkSetSystemLabelDomainError {},
        /// The input breaks a rule.
        BulkSetSystemLabelValidationError {
            /// What it is about, such as `input.addLabels[0]`.
            field: Option<String>,
        },
        /// The end-user context of one of the dialogs has another revision than expected.
        BulkSetSystemLabelConcurrencyError {},
        /// Others change the dialogs at the same time.
        BulkSetSystemLabelConflictError {},
    }
}

fn names(labels: Vec<SystemLabel>) -> Vec<&'static str> {
    labels.into_iter().map(|label| vocabulary::SystemLabel::from(label).name()).collect()
}

const MISMATCH: &str = "The end-user context has another revision than expected.";
const CONTENDED: &str = "Others change the labels at the same time; try again.";

/// What the errors of a payload can tell; a statement that lost against others in the database is one.
fn refusal(failure: Failure) -> Result<Refusal> {
    match failure {
        Failure::Refused(refusal) => Ok(refusal),
        Failure::Store(StoreFailure::Conflict) => Ok(Refusal::Contended),
        failure => Err(top_level(failure)),
    }
}

/// The field `setSystemLabel`.
pub(super) async fn set(
    api: &ApiState,
    caller: &Caller,
    input: SetSystemLabelInput,
) -> Result<SetSystemLabelPayload> {
    let body = json!({
        "addLabels": names(input.add_labels),
        "removeLabels": names(input.remove_labels),
    });
    let id = input.dialog_id.0;
    let expected = match input.enduser_context_revision {
        Some(revision) => Expected::OneOf(vec![revision.0]),
        None => Expected::Unconditional,
    };
    let set = api.app.set_system_labels(caller, id, &expected, &Json::from(body)).await;
    let refusal = match set {
        Ok(revision) => {
            return Ok(SetSystemLabelPayload {
                success: true,
                revision: Some(Id(revision)),
                errors: Vec::new(),
            });
        }
        Err(failure) => refusal(failure)?,
    };
    let errors = match refusal {
        Refusal::NotFound { text: message, .. } => vec![SetSystemLabelEntityNotFound { message }.into()],
        Refusal::Forbidden(texts) => vec![SetSystemLabelForbidden { message: texts.join(", ") }.into()],
        Refusal::Gone(id) => {
            let message = format!("The dialog ({id}) has been deleted.");
            vec![SetSystemLabelEntityDeleted { message }.into()]
        }
        Refusal::Invalid(failures) => explained_input(&failures)
            .map(|(field, message)| SetSystemLabelValidationError { message, field }.into())
            .collect(),
        Refusal::RevisionMismatch => {
            vec![SetSystemLabelConcurrencyError { message: MISMATCH.to_owned() }.into()]
        }
        Refusal::Contended => vec![SetSystemLabelConflictError { message: CONTENDED.to_owned() }.into()],
        Refusal::Unprocessable(failures) => explained_input(&failures)
            .map(|(_, message)| SetSystemLabelDomainError { message }.into())
            .collect(),
        refusal => return Err(top_level(refusal.into())),
    };
    Ok(SetSystemLabelPayload { success: false, revision: None, errors })
}

/// The field `bulkSetSystemLabels`.
pub(super) async fn bulk_set(
    api: &ApiState,
    caller: &Caller,
    input: BulkSetSystemLabelInput,
) -> Result<BulkSetSystemLabelPayload> {
    let dialogs = input.dialogs.iter().map(|dialog| {
        let revision = dialog.enduser_context_revision.map(|revision| revision.0);
        json!({ "dialogId": dialog.dialog_id.0, "endUserContextRevision": revision })
    });
    let body = json!({
        "dialogs": dialogs.collect::<Vec<_>>(),
        "addLabels": names(input.add_labels),
        "removeLabels": names(input.remove_labels),
    });
    let counts = limits::GRAPH_BULK_DIALOGS;
    let refusal = match api.app.bulk_set_system_labels(caller, &Json::from(body), &counts, None).await {
        Ok(()) => return Ok(BulkSetSystemLabelPayload { success: true, errors: Vec::new() }),
        Err(failure) => refusal(failure)?,
    };
    let errors = match refusal {
        Refusal::NotFound { text: message, .. } => vec![BulkSetSystemLabelNotFound { message }.into()],
        Refusal::Invalid(failures) => explained_input(&failures)
            .map(|(field, message)| BulkSetSystemLabelValidationError { message, field }.into())
            .collect(),
        Refusal::RevisionMismatch => {
            vec![BulkSetSystemLabelConcurrencyError { message: MISMATCH.to_owned() }.into()]
        }
        Refusal::Contended => vec![BulkSetSystemLabelConflictError { message: CONTENDED.to_owned() }.into()],
        Refusal::Unprocessable(failures) => explained_input(&failures)
            .map(|(_, message)| BulkSetSystemLabelDomainError { message }.into())
            .collect(),
        refusal => return Err(top_level(refusal.into())),
    };
    Ok(BulkSetSystemLabelPayload { success: false, errors })
}
