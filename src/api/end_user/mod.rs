//! The API of end users.

mod dialogs;
mod events;
mod search;

use super::http::operation::Endpoints;

pub use dialogs::GET_DIALOG;
pub use events::{DIALOG_CHANGES, FOLLOW_DIALOG, FOLLOW_DIALOGS};
pub use search::SEARCH_DIALOGS;

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&SEARCH_DIALOGS, search::search_dialogs)
        .operation(&DIALOG_CHANGES, events::dialog_changes)
        .operation(&FOLLOW_DIALOG, events::follow_dialog)
        .operation(&FOLLOW_DIALOGS, events::follow_dialogs)
}
