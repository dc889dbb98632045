//! The API of service owners.

mod dialogs;

use axum::Router;

use super::ApiState;
use super::http::operation::Operations;

pub use dialogs::{CREATE_DIALOG, GET_DIALOG, PATCH_DIALOG, UPDATE_DIALOG};

/// All operations.
pub fn router(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .operation(state, &CREATE_DIALOG, dialogs::create_dialog)
        .operation(state, &GET_DIALOG, dialogs::get_dialog)
        .operation(state, &UPDATE_DIALOG, dialogs::update_dialog)
        .operation(state, &PATCH_DIALOG, dialogs::patch_dialog)
}
