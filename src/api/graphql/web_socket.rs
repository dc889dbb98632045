//! Operations on a WebSocket: the sub-protocol `graphql-transport-ws`.
//!
//! The library's own form of it cannot be used: it closes with other codes than the protocol has, and
//! knows neither limits of ours nor tokens that end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use tracing::{Instrument, Span};

use super::credentials::{Credentials, DIALOG_TOKEN};
use super::error::Code;
use super::http::{Asked, BODY_BYTES, Circumstances, Form, Graph, Prepared, Told, document, with_mark};
use super::subscription;
use crate::api::ApiState;
use crate::api::http::accept_language;
use crate::api::http::context::TraceId;
use crate::api::http::event_stream::HEARTBEAT;
use crate::api::http::operation::unauthorized;
use crate::api::http::problem::Problem;
use crate::app::Languages;
use crate::json::Failures;
use crate::telemetry;

const PROTOCOL: &str = "graphql-transport-ws";

/// How long a client may take to say `connection_init`.
const INIT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a message may take to be taken by a client.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// How long a closed connection waits for the other side to close, too.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Most operations of a connection at a time.
pub(super) const MOST_OPERATIONS: usize = 20;

/// How much of what operations have to say waits for the client before they wait themselves.
const WAITING_MESSAGES: usize = 4;

/// What messages are read into at first. There is one for each connection, and messages are small.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// Answers the request for a WebSocket.
pub(super) async fn upgrade(graph: Arc<Graph>, api: &ApiState, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let headers = &parts.headers;
    let has_token = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(DIALOG_TOKEN);
    let credentials = if has_token {
        match Credentials::of_headers(api, headers).await {
            Ok(credentials) => Some(credentials),
            Err(refusal) => return unauthorized(refusal).into_response(),
        }
    } else {
        None
    };
    let languages = match accept_language::read(headers) {
        Ok(languages) => languages,
        Err(message) => return Problem::invalid(Failures::one("Accept-Language", message)).into_response(),
    };
    let trace = parts.extensions.get::<TraceId>().cloned().unwrap_or_default();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            return Problem::invalid(Failures::one("Upgrade", rejection.body_text())).into_response();
        }
    };
    let Ok(place) = Arc::clone(&api.sockets).try_acquire_owned() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE)
            .header(header::RETRY_AFTER, "10")
            .into_response();
    };
    let (speaker, said) = mpsc::channel(WAITING_MESSAGES);
    let (traceparent, span) = (trace.0.clone(), Span::current());
    let connection = Connection {
        graph,
        api: ApiState::clone(api),
        languages,
        trace,
        credentials,
        is_ready: false,
        operations: HashMap::new(),
        last: 0,
        speaker,
        said,
    };
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(BODY_BYTES)
        .max_frame_size(BODY_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            telemetry::traced(traceparent, connection.serve(socket).instrument(span)).await;
            drop(place);
        })
}

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Pong {},
    Subscribe {
        id: String,
        payload: Asked,
    },
    Complete {
        id: String,
    },
}

/// What an operation has to say.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Outgoing {
    Next {
        id: String,
        payload: Told,
    },
    /// It was refused; nothing more comes.
    Error {
        id: String,
        payload: Vec<Value>,
    },
    /// Nothing more comes.
    Complete {
        id: String,
    },
}

/// Why a connection ends.
enum Ending {
    /// We close it, with this code and reason.
    Close(u16, &'static str),
    /// As above, with a reason that names an operation.
    Taken(String),
    /// The client closes it, and waits for the answer to that.
    Closed,
    /// It is gone.
    Gone,
}

const BAD_REQUEST: Ending = Ending::Close(4400, "Invalid message");
const UNAUTHORIZED: Ending = Ending::Close(4401, "Unauthorized");
const FORBIDDEN: Ending = Ending::Close(4403, "Forbidden");
const NO_PROTOCOL: Ending = Ending::Close(4406, "Subprotocol not acceptable");
const INIT_TIMEOUT: Ending = Ending::Close(4408, "Connection initialisation timeout");
const SECOND_INIT: Ending = Ending::Close(4429, "Too many initialisation requests");
const NO_TEXT: Ending = Ending::Close(1007, "Text must be UTF-8");
const TOO_LARGE: Ending = Ending::Close(1009, "Message too large");
const GOING_AWAY: Ending = Ending::Close(1001, "Going away");

struct Connection {
    graph: Arc<Graph>,
    api: ApiState,
    languages: Languages,
    trace: TraceId,
    /// Those of the upgrade, until `connection_init` has others.
    credentials: Option<Credentials>,
    /// Whether `connection_init` was said.
    is_ready: bool,
    operations: HashMap<String, Operation>,
    /// Number of the last operation.
    last: u64,
    speaker: mpsc::Sender<(u64, Outgoing)>,
    /// What the operations say, with their numbers.
    said: mpsc::Receiver<(u64, Outgoing)>,
}

/// An operation that runs, in a task of its own: while a client does not read, the connection waits for
/// it, and what an operation has taken (of the database, for instance) must become free all the same.
/// Ends when dropped.
struct Operation {
    /// Tells it from those that have had its id before.
    number: u64,
    task: AbortHandle,
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    async fn serve(mut self, mut socket: WebSocket) {
        let ending = match socket.protocol() {
            Some(protocol) if protocol == PROTOCOL => {
                self.talk(&mut socket).await.err().unwrap_or(Ending::Gone)
            }
            _ => NO_PROTOCOL,
        };
        // What still runs ends here.
        drop(self);
        let is_unread = matches!(ending, Ending::Close(1009, _));
        let close = match ending {
            Ending::Close(code, reason) => Some((code, reason.to_owned())),
            Ending::Taken(id) => Some((4409, format!("Subscriber for {id} already exists"))),
            Ending::Closed => None,
            Ending::Gone => return,
        };
        let closing = async {
            if let Some((code, mut reason)) = close {
                // A close frame has room for 123 bytes.
                reason.truncate(reason.floor_char_boundary(123));
                socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
            }
            // Reading on also sends the answer to the other side's close frame (RFC 6455, section 5.5.1).
            while let Some(Ok(_)) = socket.recv().await {}
            if is_unread {
                // Closed at once, the client would lose what it was told.
                sleep(CLOSE_PATIENCE).await;
            }
            Ok::<_, axum::Error>(())
        };
        let _ = timeout(CLOSE_PATIENCE, closing).await;
    }

    async fn talk(&mut self, socket: &mut WebSocket) -> Result<(), Ending> {
        let mut closing = self.api.app.live.closing();
        let mut is_closing = *closing.borrow();
        let init_by = Instant::now() + INIT_PATIENCE;
        let mut ping_at = Instant::now() + HEARTBEAT;
        let mut is_heard = true;
        loop {
            if is_closing && self.operations.is_empty() {
                return Err(GOING_AWAY);
            }
            let lasts = self.lasts()?;
            tokio::select! {
                message = socket.recv() => {
                    is_heard = true;
                    if let Some(answer) = self.hear(message).await? {
                        send(socket, Message::Text(answer.to_string().into())).await?;
                    }
                }
                Some((number, outgoing)) = self.said.recv() => {
                    if let Some(text) = self.say(number, &outgoing) {
                        send(socket, Message::Text(text.into())).await?;
                    }
                }
                () = sleep_until(init_by), if !self.is_ready => return Err(INIT_TIMEOUT),
                () = sleep_until(ping_at) => {
                    if !is_heard {
                        return Err(Ending::Gone);
                    }
                    is_heard = false;
                    ping_at = Instant::now() + HEARTBEAT;
                    send(socket, Message::Ping(bytes::Bytes::new())).await?;
                }
                () = sleep(lasts) => {}
                () = async { drop(closing.wait_for(|closing| *closing).await) }, if !is_closing => is_closing = true,
            }
        }
    }

    /// How long the connection may go on before its tokens are looked at again.
    fn lasts(&self) -> Result<Duration, Ending> {
        let Some(end) = self.credentials.as_ref().and_then(Credentials::end).filter(|_| self.is_ready) else {
            return Ok(HEARTBEAT);
        };
        let left = end.unix_milliseconds() - self.api.app.clock.now().unix_milliseconds();
        match u64::try_from(left) {
            Ok(left) => Ok(HEARTBEAT.min(Duration::from_millis(left + 1))),
            // Subscriptions tell that they have come to their end.
            Err(_) if !self.operations.is_empty() => Ok(Duration::from_millis(100)),
            Err(_) => Err(FORBIDDEN),
        }
    }

    /// Takes a message of the client, and gives what is answered at once.
    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<Option<Value>, Ending> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => return Err(BAD_REQUEST),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
            Some(Ok(Message::Close(_))) => return Err(Ending::Closed),
            None => return Err(Ending::Gone),
            Some(Err(error)) => return Err(of_failure(error)),
        };
        let said = serde_json::from_str(&text).map_err(|_| BAD_REQUEST)?;
        match said {
            Said::ConnectionInit { .. } if self.is_ready => Err(SECOND_INIT),
            Said::ConnectionInit { payload } => {
                self.begin(payload.unwrap_or_default()).await?;
                Ok(Some(json!({ "type": "connection_ack" })))
            }
            Said::Ping { payload: Some(payload) } => Ok(Some(json!({ "type": "pong", "payload": payload }))),
            Said::Ping { payload: None } => Ok(Some(json!({ "type": "pong" }))),
            Said::Pong {} => Ok(None),
            Said::Subscribe { id, payload } => self.subscribe(id, payload).await,
            Said::Complete { id } => {
                self.operations.remove(&id);
                Ok(None)
            }
        }
    }

    async fn begin(&mut self, payload: Map<String, Value>) -> Result<(), Ending> {
        let text = |name: &str| {
            let mut members = payload.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            members.next().and_then(|(_, value)| value.as_str())
        };
        let (authorization, dialog_token) = (text("authorization"), text(DIALOG_TOKEN));
        if authorization.is_some() || dialog_token.is_some() {
            let read = Credentials::read(&self.api, authorization, dialog_token).await;
            self.credentials = Some(read.map_err(|_| FORBIDDEN)?);
        }
        if self.credentials.is_none() {
            return Err(FORBIDDEN);
        }
        self.is_ready = true;
        Ok(())
    }

    /// Begins an operation, or gives what is answered at once. What the client says next is taken when the
    /// operation has begun, so that it can know: a pong, for instance, comes after that.
    async fn subscribe(&mut self, id: String, asked: Asked) -> Result<Option<Value>, Ending> {
        let (true, Some(credentials)) = (self.is_ready, self.credentials.clone()) else {
            return Err(UNAUTHORIZED);
        };
        if self.operations.contains_key(&id) {
            return Err(Ending::Taken(id));
        }
        let circumstances = Circumstances {
            credentials,
            languages: self.languages.clone(),
            last_event_id: None,
            is_safe: false,
        };
        if self.operations.len() >= MOST_OPERATIONS {
            let text = format!("A connection may have at most {MOST_OPERATIONS} operations at a time.");
            let refused = refused(id, Code::Busy.response(text), &self.trace);
            return Ok(serde_json::to_value(refused).ok());
        }
        let (graph, api, trace) = (Arc::clone(&self.graph), ApiState::clone(&self.api), self.trace.clone());
        let its_id = id.clone();
        let (beginning, begun) = oneshot::channel::<()>();
        let answers = async move {
            let beginning = beginning;
            let asked = asked.with_document(&graph.settings.documents);
            let asked = asked.map_err(|(code, message)| Box::new(code.response(message)));
            match asked.and_then(|asked| graph.prepare(&api, asked, circumstances)) {
                Err(refusal) => one(refused(its_id, *refusal, &trace)),
                Ok(Prepared::Single(operation)) => {
                    drop(beginning);
                    let executed = timeout(graph.settings.timeout, graph.execute(*operation)).await;
                    let answer =
                        executed.unwrap_or_else(|_| Code::Busy.response("The operation took too long."));
                    let (status, document) = document(answer, Form::Response, &trace);
                    if status != StatusCode::OK {
                        return one(Outgoing::Error { id: its_id, payload: document.errors });
                    }
                    let next = Outgoing::Next { id: its_id.clone(), payload: document };
                    stream::iter([next, Outgoing::Complete { id: its_id }]).boxed()
                }
                Ok(Prepared::Subscription(request, marks)) => {
                    match subscription::open(&graph.schema, *request, &marks).await {
                        Err(refusal) => one(refused(its_id, *refusal, &trace)),
                        Ok(events) => {
                            let end = Outgoing::Complete { id: its_id.clone() };
                            let events = events.map(move |event| {
                                let mark = marks.reached().map(|mark| mark.to_string());
                                let document = with_mark(event, mark.as_deref(), &trace);
                                Outgoing::Next { id: its_id.clone(), payload: document }
                            });
                            events.chain(stream::once(async { end })).boxed()
                        }
                    }
                }
            }
        };
        self.last += 1;
        let (number, speaker) = (self.last, self.speaker.clone());
        let work = async move {
            let mut answers = answers.await;
            while let Some(outgoing) = answers.next().await {
                if speaker.send((number, outgoing)).await.is_err() {
                    return;
                }
            }
        };
        let work = telemetry::traced(self.trace.0.clone(), work.instrument(Span::current()));
        let task = tokio::spawn(work).abort_handle();
        self.operations.insert(id, Operation { number, task });
        // Nothing is sent: it has begun when the other end is gone.
        let _ = begun.await;
        Ok(None)
    }

    /// The message for what an operation has to say, if that still runs.
    fn say(&mut self, number: u64, outgoing: &Outgoing) -> Option<String> {
        let (Outgoing::Next { id, .. } | Outgoing::Error { id, .. } | Outgoing::Complete { id }) = outgoing;
        if self.operations.get(id).is_none_or(|operation| operation.number != number) {
            return None;
        }
        if !matches!(outgoing, Outgoing::Next { .. }) {
            self.operations.remove(id);
        }
        serde_json::to_string(outgoing).ok()
    }
}

fn one(outgoing: Outgoing) -> BoxStream<'static, Outgoing> {
    stream::iter([outgoing]).boxed()
}

fn refused(id: String, refusal: async_graphql::Response, trace: &TraceId) -> Outgoing {
    let (_, document) = document(refusal, Form::Response, trace);
    Outgoing::Error { id, payload: document.errors }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Ending> {
    match timeout(SEND_PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ending::Gone),
    }
}

/// A message that is too large, or text that is none, is told of; all else means that nobody is there.
fn of_failure(error: axum::Error) -> Ending {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => TOO_LARGE,
        Some(tungstenite::Error::Utf8(_)) => NO_TEXT,
        _ => Ending::Gone,
    }
}
