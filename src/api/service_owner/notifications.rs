//! Whether to remind somebody: asked by the notification service.

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::operation::{Answer, BodyKind, Operation, Verb};
use crate::api::http::parameter::Parameter;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::dialog::vocabulary::DialogActivityType;
use crate::json::{Path, output_shape, read_uuid, wire_enum};

/// `GET /dialogs/{dialogId}/actions/should-send-notification`
pub const CHECK_NOTIFICATION_CONDITION: Operation = Operation {
    id: "CheckNotificationCondition",
    long_id: "V1ServiceOwnerDialogsQueriesNotificationCondition_NotificationCondition",
    verb: Verb::Get,
    path: "/api/v1/serviceowner/dialogs/{dialogId}/actions/should-send-notification",
    policy: Policy::NotificationConditionCheck,
    parameters: &[
        Parameter::query::<NotificationConditionType>(
            "conditionType",
            "Whether the activity must, or must not, have happened.",
        )
        .required(),
        Parameter::query::<DialogActivityType>("activityType", "The activity.").required(),
        Parameter::query::<Option<Uuid>>(
            "transmissionId",
            "The transmission that was opened; only and always for `TransmissionOpened`.",
        ),
    ],
    body: BodyKind::None,
    answer: Answer::json::<NotificationCondition>(),
    refusals: &[],
    summary: "Tells whether a notification should be sent: whether an activity has, or has not, happened.",
};

wire_enum! {
    /// When a notification is sent.
    pub enum NotificationConditionType {
        /// When there is no such activity.
        NotExists = 1,
        /// When there is such an activity.
        Exists = 2,
    }
}

output_shape! {
    /// Whether to send a notification.
    pub struct NotificationCondition {
        /// Whether to send it.
        send_notification: bool,
    }
}

pub(super) async fn check(State(api): State<ApiState>, mut params: Params) -> Result<Response, Problem> {
    let id = params.dialog_id();
    if id.is_nil() {
        params.failures.add(&Path::Root("dialogId"), "must not be the nil UUID.");
    }
    let Params { query, failures, .. } = &mut params;
    let names = |names: Vec<&str>| format!("must be one of {}.", names.join(", "));
    let conditions = names(NotificationConditionType::ALL.iter().map(|c| c.name()).collect());
    let activities = names(DialogActivityType::ALL.iter().map(|c| c.name()).collect());
    let condition = query.value("conditionType", &conditions, NotificationConditionType::from_name, failures);
    let activity = query.value("activityType", &activities, DialogActivityType::from_name, failures);
    let transmission = query.value("transmissionId", "must be a UUID.", read_uuid, failures);
    for (name, is_given, text) in [
        ("conditionType", query.first("conditionType").is_some_and(|text| !text.is_empty()), &conditions),
        ("activityType", query.first("activityType").is_some_and(|text| !text.is_empty()), &activities),
    ] {
        if !is_given {
            failures.add(&Path::Root(name), text.clone());
        }
    }
    let opens = activity == Some(DialogActivityType::TransmissionOpened);
    if opens && transmission.is_none_or(|id| id.is_nil()) {
        failures.add(&Path::Root("transmissionId"), "is required for TransmissionOpened.");
    } else if activity.is_some() && !opens && transmission.is_some() {
        let text = "must be absent for other types than TransmissionOpened.";
        failures.add(&Path::Root("transmissionId"), text);
    }
    params.finish()?;
    let (Some(condition), Some(activity)) = (condition, activity) else {
        return Err(Problem::new(axum::http::StatusCode::BAD_REQUEST));
    };
    let exists = api.app.has_activity(id, activity, transmission).await?;
    let send_notification = exists == (condition == NotificationConditionType::Exists);
    Ok(respond::json(&NotificationCondition { send_notification }))
}
