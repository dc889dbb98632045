//! The API of end users.

mod activities;
mod dialogs;
mod events;
mod labels;
mod lookup;
mod parties;
mod search;
mod seen_log;
mod service_resources;
mod transmissions;

use super::http::operation::Endpoints;

pub use activities::{GET_ACTIVITY, SEARCH_ACTIVITIES};
pub use dialogs::GET_DIALOG;
pub use events::{DIALOG_CHANGES, FOLLOW_DIALOG, FOLLOW_DIALOGS};
pub use labels::{BULK_SET_SYSTEM_LABELS, SEARCH_LABEL_LOG, SET_SYSTEM_LABELS};
pub use lookup::GET_DIALOG_LOOKUP;
pub use parties::GET_PARTIES;
pub use search::SEARCH_DIALOGS;
pub use seen_log::{GET_SEEN_LOG_ENTRY, SEARCH_SEEN_LOG};
pub use service_resources::SEARCH_SERVICE_RESOURCES;
pub use transmissions::{GET_TRANSMISSION, SEARCH_TRANSMISSIONS};

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&SEARCH_DIALOGS, search::search_dialogs)
        .operation(&DIALOG_CHANGES, events::dialog_changes)
        .operation(&FOLLOW_DIALOG, events::follow_dialog)
        .operation(&FOLLOW_DIALOGS, events::follow_dialogs)
        .operation(&SEARCH_TRANSMISSIONS, transmissions::search)
        .operation(&GET_TRANSMISSION, transmissions::get)
        .operation(&SEARCH_ACTIVITIES, activities::search)
        .operation(&GET_ACTIVITY, activities::get)
        .operation(&SEARCH_SEEN_LOG, seen_log::search)
        .operation(&GET_SEEN_LOG_ENTRY, seen_log::get)
        .operation(&SEARCH_LABEL_LOG, labels::search_log)
        .operation(&SET_SYSTEM_LABELS, labels::set)
        .operation(&BULK_SET_SYSTEM_LABELS, labels::bulk_set)
        .operation(&GET_DIALOG_LOOKUP, lookup::get)
        .operation(&GET_PARTIES, parties::get)
        .operation(&SEARCH_SERVICE_RESOURCES, service_resources::search)
}
