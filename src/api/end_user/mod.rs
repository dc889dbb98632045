//! The API of end users.

mod dialogs;

use super::http::operation::Endpoints;

pub use dialogs::{GET_DIALOG, SEARCH_DIALOGS};

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&SEARCH_DIALOGS, dialogs::search_dialogs)
}
