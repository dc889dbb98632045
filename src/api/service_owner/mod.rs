//! The API of service owners.

mod activities;
mod dialogs;
mod labels;
mod notifications;
mod transmissions;

use axum::Router;

use super::ApiState;
use super::http::operation::Operations;

pub use activities::{CREATE_ACTIVITY, GET_ACTIVITY, SEARCH_ACTIVITIES, UPDATE_FORM_SAVED_TIME};
pub use dialogs::{
    CREATE_DIALOG, DELETE_DIALOG, FREEZE_DIALOG, GET_DIALOG, PATCH_DIALOG, PURGE_DIALOG, RESTORE_DIALOG,
    UPDATE_DIALOG,
};
pub use labels::{BULK_SET_SYSTEM_LABELS, CREATE_LABEL, DELETE_LABEL, GET_LABELS, SET_SYSTEM_LABELS};
pub use notifications::CHECK_NOTIFICATION_CONDITION;
pub use transmissions::{CREATE_TRANSMISSION, GET_TRANSMISSION, SEARCH_TRANSMISSIONS, UPDATE_TRANSMISSION};

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
        .operation(state, &CHECK_NOTIFICATION_CONDITION, notifications::check)
        .operation(state, &GET_LABELS, labels::get)
        .operation(state, &CREATE_LABEL, labels::create)
        .operation(state, &DELETE_LABEL, labels::delete)
        .operation(state, &SET_SYSTEM_LABELS, labels::set_system_labels)
        .operation(state, &BULK_SET_SYSTEM_LABELS, labels::bulk_set_system_labels)
        .operation(state, &SEARCH_TRANSMISSIONS, transmissions::search)
        .operation(state, &CREATE_TRANSMISSION, transmissions::create)
        .operation(state, &GET_TRANSMISSION, transmissions::get)
        .operation(state, &SEARCH_ACTIVITIES, activities::search)
        .operation(state, &CREATE_ACTIVITY, activities::create)
        .operation(state, &GET_ACTIVITY, activities::get)
        .operation(state, &UPDATE_FORM_SAVED_TIME, activities::update_form_saved_time)
        .operation(state, &UPDATE_TRANSMISSION, transmissions::update)
}
