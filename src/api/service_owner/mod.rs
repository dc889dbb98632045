//! The API of service owners.

mod activities;
mod dialogs;
mod end_user_context;
mod labels;
mod lookup;
mod notifications;
mod search;
mod seen_log;
mod transmissions;

use super::http::operation::Endpoints;

pub use activities::{CREATE_ACTIVITY, GET_ACTIVITY, SEARCH_ACTIVITIES, UPDATE_FORM_SAVED_TIME};
pub use dialogs::{
    CREATE_DIALOG, DELETE_DIALOG, FREEZE_DIALOG, GET_DIALOG, PATCH_DIALOG, PURGE_DIALOG, RESTORE_DIALOG,
    UPDATE_DIALOG,
};
pub use end_user_context::SEARCH_END_USER_CONTEXT;
pub use labels::{BULK_SET_SYSTEM_LABELS, CREATE_LABEL, DELETE_LABEL, GET_LABELS, SET_SYSTEM_LABELS};
pub use lookup::GET_DIALOG_LOOKUP;
pub use notifications::CHECK_NOTIFICATION_CONDITION;
pub use search::SEARCH_DIALOGS;
pub use seen_log::{GET_SEEN_LOG_ENTRY, SEARCH_SEEN_LOG};
pub use transmissions::{CREATE_TRANSMISSION, GET_TRANSMISSION, SEARCH_TRANSMISSIONS, UPDATE_TRANSMISSION};

/// All operations.
pub fn endpoints() -> Endpoints {
    Endpoints::new()
        .operation(&CREATE_DIALOG, dialogs::create_dialog)
        .operation(&SEARCH_DIALOGS, search::search_dialogs)
        .operation(&GET_DIALOG, dialogs::get_dialog)
        .operation(&UPDATE_DIALOG, dialogs::update_dialog)
        .operation(&PATCH_DIALOG, dialogs::patch_dialog)
        .operation(&DELETE_DIALOG, dialogs::delete_dialog)
        .operation(&RESTORE_DIALOG, dialogs::restore_dialog)
        .operation(&PURGE_DIALOG, dialogs::purge_dialog)
        .operation(&FREEZE_DIALOG, dialogs::freeze_dialog)
        .operation(&CHECK_NOTIFICATION_CONDITION, notifications::check)
        .operation(&GET_LABELS, labels::get)
        .operation(&CREATE_LABEL, labels::create)
        .operation(&DELETE_LABEL, labels::delete)
        .operation(&SET_SYSTEM_LABELS, labels::set_system_labels)
        .operation(&BULK_SET_SYSTEM_LABELS, labels::bulk_set_system_labels)
        .operation(&SEARCH_TRANSMISSIONS, transmissions::search)
        .operation(&CREATE_TRANSMISSION, transmissions::create)
        .operation(&GET_TRANSMISSION, transmissions::get)
        .operation(&SEARCH_ACTIVITIES, activities::search)
        .operation(&CREATE_ACTIVITY, activities::create)
        .operation(&GET_ACTIVITY, activities::get)
        .operation(&UPDATE_FORM_SAVED_TIME, activities::update_form_saved_time)
        .operation(&UPDATE_TRANSMISSION, transmissions::update)
        .operation(&SEARCH_SEEN_LOG, seen_log::search)
        .operation(&GET_SEEN_LOG_ENTRY, seen_log::get)
        .operation(&SEARCH_END_USER_CONTEXT, end_user_context::search)
        .operation(&GET_DIALOG_LOOKUP, lookup::get)
}
