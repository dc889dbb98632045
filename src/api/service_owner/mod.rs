//! The API of service owners.

mod dialogs;

use axum::Router;

use super::ApiState;
use super::http::operation::Operations;

pub use dialogs::{
    CREATE_DIALOG, DELETE_DIALOG, FREEZE_DIALOG, GET_DIALOG, PATCH_DIALOG, PURGE_DIALOG, RESTORE_DIALOG,
    UPDATE_DIALOG,
};

/// All operations.
pub fn router(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .operation(state, &CREATE_DIALOG, dialogs::create_dialog)
        .operation(state, &GET_DIALOG, dialogs::get_dialog)
        .operation(state, &UPDATE_DIALOG, dialogs::update_dialog)
        .operation(state, &PATCH_DIALOG, dialogs::patch_dialog)
        .operation(state, &DELETE_DIALOG, dialogs::delete_dialog)
        .operation(state, &RESTORE_DIALOG, dialogs::restore_dialog)
        .operation(state, &PURGE_DIALOG, dialogs::purge_dialog)
        .operation(state, &FREEZE_DIALOG, dialogs::freeze_dialog)
}
