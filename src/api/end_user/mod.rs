//! The API of end users.

mod dialogs;

use axum::Router;

use super::ApiState;
use super::http::operation::Operations;

pub use dialogs::{GET_DIALOG, SEARCH_DIALOGS};

/// All operations.
pub fn router(state: &ApiState) -> Router<ApiState> {
    Router::new().operation(state, &GET_DIALOG, dialogs::get_dialog).operation(
        state,
        &SEARCH_DIALOGS,
        dialogs::search_dialogs,
    )
}
