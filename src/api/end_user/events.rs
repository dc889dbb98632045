//! What happens to dialogs, as it happens, and what has happened since.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::access::policy::Policy;
use crate::api::ApiState;
use crate::api::http::event_stream;
use crate::api::http::operation::{Admitted, Answer, BodyKind, Operation, StreamToken, Verb};
use crate::api::http::paging::LIMIT;
use crate::api::http::parameter::Parameter;
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::http::respond;
use crate::app::{ChangesRequest, DialogChanges, Mark};
use crate::dialog::party::PartyUrn;
use crate::json::Path;
use crate::store::Position;

/// The header with which a browser takes up a stream again.
const LAST_EVENT_ID: Parameter = Parameter::header::<Option<String>>(
    "Last-Event-ID",
    "Id of the last event that was received: what has happened since comes first.",
);

/// `GET /dialogs/{dialogId}/events`
pub const FOLLOW_DIALOG: Operation = Operation {
    id: "FollowDialog",
    long_id: "V1EndUserDialogsQueriesFollow_Dialog",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/{dialogId}/events",
    policy: Policy::EndUser,
    parameters: &[LAST_EVENT_ID],
    body: BodyKind::None,
    answer: Answer::EVENT_STREAM,
    refusals: &[StatusCode::GONE],
    summary: "Tells what happens to a dialog, as it happens: server-sent events, each a CloudEvent; `reset` when \
              something was missed, `end` with the reason before the stream ends.",
};

/// `GET /events`
pub const FOLLOW_DIALOGS: Operation = Operation {
    id: "FollowDialogs",
    long_id: "V1EndUserEventsQueriesFollow_Dialogs",
    verb: Verb::Get,
    path: "/api/v1/enduser/events",
    policy: Policy::EndUser,
    parameters: &[LAST_EVENT_ID],
    body: BodyKind::None,
    answer: Answer::EVENT_STREAM,
    refusals: &[],
    summary: "Tells what happens to all dialogs of all parties that the user represents, as it happens: \
              server-sent events, each a CloudEvent; `reset` when something was missed, `end` with the reason \
              before the stream ends.",
};

/// `GET /dialogs/changes`
pub const DIALOG_CHANGES: Operation = Operation {
    id: "GetDialogChanges",
    long_id: "V1EndUserDialogsQueriesChanges_DialogChanges",
    verb: Verb::Get,
    path: "/api/v1/enduser/dialogs/changes",
    policy: Policy::EndUser,
    parameters: &[
        Parameter::query::<Vec<String>>("party", "Parties, as URNs, at most 100.").required(),
        Parameter::query::<Option<String>>(
            "after",
            "The `token` of the answer before. Without it there is a token to begin with, and nothing else: list \
             all dialogs then. A token that is too old: 410; begin anew.",
        ),
        LIMIT,
    ],
    body: BodyKind::None,
    answer: Answer::json::<DialogChanges>(),
    refusals: &[StatusCode::GONE],
    summary: "Tells which dialogs of some parties have changed or are gone since the last time, in the order in \
              which it was done and without a gap: dialogs that are new, visible or changed, labels and being opened \
              included, and dialogs that were deleted or have expired. Where `revision` is the one that you know, \
              there is nothing to read again.",
};

/// Most values of the parameter `party`.
const MAX_PARTIES: usize = 100;

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: i64 = 1_000;

pub(super) async fn follow_dialog(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    StreamToken(token): StreamToken,
    method: Method,
    mut params: Params,
) -> Result<Response, Problem> {
    let id = params.dialog_id();
    let after = last_event_id(&mut params);
    params.finish()?;
    let follow = api.app.follow_dialog(caller, token, id, after).await?;
    Ok(event_stream::respond(api, follow, &method))
}

pub(super) async fn follow_dialogs(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    StreamToken(token): StreamToken,
    method: Method,
    mut params: Params,
) -> Result<Response, Problem> {
    let after = last_event_id(&mut params);
    params.finish()?;
    let follow = api.app.follow_all(caller, token, after).await?;
    Ok(event_stream::respond(api, follow, &method))
}

pub(super) async fn dialog_changes(
    State(api): State<ApiState>,
    Admitted(caller): Admitted,
    mut params: Params,
) -> Result<Response, Problem> {
    let request = read_changes(&mut params);
    params.finish()?;
    Ok(respond::json(&api.app.dialog_changes(&caller, &request).await?))
}

fn last_event_id(params: &mut Params) -> Option<Mark> {
    let text = params.header("Last-Event-ID")?;
    let mark = Mark::parse(&text);
    if mark.is_none() {
        params
            .failures
            .unreadable(&Path::Root("Last-Event-ID"), "must be the id of an event of this stream.");
    }
    mark
}

fn read_changes(params: &mut Params) -> ChangesRequest {
    let Params { query, failures, .. } = params;
    let given = query.list("party");
    if given.is_empty() {
        failures.add(&Path::Root("party"), "At least one party is required.");
    }
    if given.len() > MAX_PARTIES {
        let text = format!("must have at most {MAX_PARTIES} values; got {}.", given.len());
        failures.add(&Path::Root("party"), text);
    }
    let mut parties = Vec::new();
    for (index, party) in given.iter().take(MAX_PARTIES).enumerate() {
        match PartyUrn::parse_dialog_party(party) {
            Some(party) => parties.push(party),
            None => {
                failures
                    .add(&Path::Root("party").item(index), "must be the URN of a person or organisation.");
            }
        }
    }
    let after = query.text("after", failures).and_then(|token| {
        let position = Position::parse(&token);
        if position.is_none() {
            failures.add(&Path::Root("after"), "must be a token of an answer before.");
        }
        position
    });
    let limit = query.integer("limit", failures).map_or(DEFAULT_LIMIT, |limit| {
        if !(1..=MAX_LIMIT).contains(&limit) {
            failures.add(&Path::Root("limit"), format!("must be from 1 to {MAX_LIMIT}; got {limit}."));
        }
        u16::try_from(limit).unwrap_or(DEFAULT_LIMIT)
    });
    ChangesRequest { parties, after, limit }
}
