//! The API of end users.

mod dialogs;
mod search;

use super::http::operation::Endpoints;

pub use dialogs::GET_DIALOG;
pub use search::SEARCH_DIALOGS;

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&SEARCH_DIALOGS, search::search_dialogs)
}
