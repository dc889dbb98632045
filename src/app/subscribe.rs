//! The holder of a dialog token is told that the dialog changes, as it happens.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::follow::{HEARTBEAT, is_hidden, is_known};
use super::{App, Failure};
use crate::dialog::events::{Event, EventBatch};
use crate::events::places::{Place, TokenDigest};
use crate::events::{Next, Stream, Wanted};
use crate::store::{Position, StoreFailure, key_of};
use crate::timestamp::Timestamp;

/// Shortest time between two things that are told.
const PAUSE: Duration = Duration::from_millis(200);

/// How much may wait to be told; what comes then waits in the log.
const MOST_WAITING: usize = 16;

/// What may be told to whom, and until when.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The dialog that the token is about.
    pub dialog: Uuid,
    /// The dialog's party as a URN.
    pub party: String,
    /// When the token ends.
    pub token_end: Timestamp,
    /// The token.
    pub token: TokenDigest,
}

/// What has happened to a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It, or something of it, is not what it was.
    Updated,
    /// It was deleted.
    Deleted,
}

impl News {
    /// What a change is to those who see the dialog; nothing, when it has not been there before.
    fn of(batch: &EventBatch) -> Option<Self> {
        let mut events = batch.events.iter();
        if events.any(|event| matches!(event, Event::DialogDeleted { .. })) {
            return Some(Self::Deleted);
        }
        // What was held while nobody could see it is told when it becomes visible.
        let is_new = batch.tells_creation() && batch.hidden_until.is_none();
        (!is_new && !batch.events.is_empty()).then_some(Self::Updated)
    }
}

/// Somebody who is told of one dialog.
pub struct Subscribed {
    dialog: Uuid,
    token_end: Timestamp,
    stream: Stream,
    _place: Place,
    /// Where the stream began.
    start: Position,
    /// What is to be told, oldest first.
    waiting: VecDeque<(Position, News)>,
    /// Before this nothing is told.
    not_before: Instant,
    /// Whether the last that was heard is that the dialog was deleted.
    is_deleted: bool,
    has_ended: bool,
}

impl App {
    /// Tells what happens to the dialog of a token, and what has happened since a position.
    ///
    /// # Errors
    /// When there are too many who are told, or the database fails.
    pub async fn subscribe(
        &self,
        subscription: Subscription,
        after: Option<Position>,
    ) -> Result<Subscribed, Failure> {
        let Subscription { dialog, party, token_end, token } = subscription;
        let place = self.places.take(token)?;
        let end = self.store.log_end().await?;
        let known = match after {
            Some(after) => is_known(after, self.store.log_floor().await?, end).then_some(after),
            None => None,
        };
        let start = known.unwrap_or(end);
        let stream = self.live.stream(start, Wanted::Dialog(key_of(&party), dialog));
        let mut subscribed = Subscribed {
            dialog,
            token_end,
            stream,
            _place: place,
            start,
            waiting: VecDeque::new(),
            not_before: Instant::now(),
            is_deleted: false,
            has_ended: false,
        };
        // Asked after the stream was begun: what happens from now on is heard.
        if subscribed.is_gone(self).await? {
            subscribed.hear(end, News::Deleted);
            subscribed.has_ended = true;
        } else if after.is_some() && known.is_none() {
            subscribed.hear(end, News::Updated);
        }
        Ok(subscribed)
    }
}

impl Subscribed {
    /// Where the stream began.
    #[must_use]
    pub fn start(&self) -> Position {
        self.start
    }

    /// Waits for what happens next, and gives where it is; `None` after the end. What happens in short
    /// succession is told as one.
    pub async fn next(&mut self, app: &App) -> Option<(Position, News)> {
        loop {
            let now = Instant::now();
            if self.has_ended || now >= self.not_before {
                if let Some(told) = self.waiting.pop_front() {
                    self.not_before = now + PAUSE;
                    return Some(told);
                }
                if self.has_ended {
                    return None;
                }
            }
            let left = self.token_end.unix_milliseconds() - app.clock.now().unix_milliseconds();
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else {
                self.has_ended = true;
                continue;
            };
            let mut patience = HEARTBEAT.min(Duration::from_millis(left));
            if !self.waiting.is_empty() {
                patience = patience.min(self.not_before - now);
            }
            if self.waiting.len() >= MOST_WAITING {
                tokio::time::sleep(patience).await;
                continue;
            }
            match tokio::time::timeout(patience, self.stream.next()).await {
                Ok(Next::End) => self.has_ended = true,
                Ok(Next::Entry(entry)) => {
                    if app.clock.now() >= self.token_end {
                        self.has_ended = true;
                    } else if !is_hidden(app, &entry)
                        && let Some(news) = News::of(&entry.batch)
                    {
                        self.hear(entry.position, news);
                        self.look_whether_gone(app).await;
                    }
                }
                Err(_) => self.look_whether_gone(app).await,
            }
        }
    }

    /// What was not told yet and is the same is told as one, with where the last of it is.
    fn hear(&mut self, position: Position, news: News) {
        self.is_deleted = news == News::Deleted;
        match self.waiting.back_mut() {
            Some(last) if last.1 == news => last.0 = position,
            _ => self.waiting.push_back((position, news)),
        }
    }

    /// A dialog that was deleted may be restored, or be purged without another word.
    async fn look_whether_gone(&mut self, app: &App) {
        if self.is_deleted {
            // Where it is not known it is asked again later.
            self.has_ended = self.is_gone(app).await.unwrap_or_default();
        }
    }

    async fn is_gone(&self, app: &App) -> Result<bool, StoreFailure> {
        Ok(app.store.changed_dialogs(&[self.dialog]).await?.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(events: Vec<Event>, hidden_until: Option<Timestamp>) -> EventBatch {
        EventBatch {
            party: String::new(),
            service_resource: String::new(),
            org: String::new(),
            process: None,
            preceding_process: None,
            silent: false,
            events,
            labels: None,
            occurred_at: None,
            hidden_until,
            traceparent: None,
        }
    }

    #[test]
    fn one_change_is_one_piece_of_news() {
        let id = Uuid::nil();
        let (created, updated) = (Event::DialogCreated { id }, Event::DialogUpdated { id });
        let (seen, deleted) = (Event::DialogSeen { id }, Event::DialogDeleted { id });
        let then = Timestamp::from_unix_seconds(2_000_000_000);
        for (events, hidden_until, news) in [
            (vec![], None, None),
            (vec![created.clone()], None, None),
            (vec![created], then, Some(News::Updated)),
            (vec![updated.clone(), seen.clone()], None, Some(News::Updated)),
            (vec![seen], None, Some(News::Updated)),
            (vec![Event::DialogRestored { id }], None, Some(News::Updated)),
            (vec![updated, deleted.clone()], None, Some(News::Deleted)),
            (vec![deleted], None, Some(News::Deleted)),
            (vec![Event::Unknown], None, Some(News::Updated)),
        ] {
            assert_eq!(News::of(&batch(events.clone(), hidden_until)), news, "{events:?}");
        }
    }
}
