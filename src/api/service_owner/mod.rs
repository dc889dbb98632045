//! The API of service owners.

mod dialogs;

use super::http::operation::Endpoints;

pub use dialogs::{CREATE_DIALOG, GET_DIALOG, PATCH_DIALOG, UPDATE_DIALOG};

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&CREATE_DIALOG, dialogs::create_dialog)
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&UPDATE_DIALOG, dialogs::update_dialog)
        .operation(&PATCH_DIALOG, dialogs::patch_dialog)
}
