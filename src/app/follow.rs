//! An end user follows what happens, as it happens.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::changes::may_list;
use super::{App, Failure, Languages, Reader};
use crate::access::ListedDialogs;
use crate::access::caller::Caller;
use crate::dialog::refusal::Refusal;
use crate::events::cloud_event::CloudEvent;
use crate::events::places::{Place, TokenDigest};
use crate::events::{Next, Stream, Wanted};
use crate::store::{DetailParts, DialogDetail, LogEntry, Position, key_of};
use crate::timestamp::Timestamp;

/// How long a stream may be silent; what the user may see is looked at again as often.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// A place in what happens: after one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The change.
    pub position: Position,
    /// Which of its events.
    pub index: usize,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.position, self.index)
    }
}

impl Mark {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (position, index) = text.rsplit_once('-')?;
        Some(Self { position: Position::parse(position)?, index: index.parse().ok()? })
    }
}

/// What a follower hears.
#[derive(Clone, Debug)]
pub enum Followed {
    /// An event, and where it is.
    Event(Mark, Box<CloudEvent>),
    /// Nothing has happened for a while.
    Silence,
    /// What happened since the place that was named is no longer known, or something has happened that this
    /// version does not know; what happens from now on is told.
    Missed,
    /// Nothing more is told.
    End(FollowEnd),
}

/// Why nothing more is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowEnd {
    /// The token has expired.
    TokenExpired,
    /// The user may no longer see it.
    AccessLost,
    /// The dialog is gone for ever.
    Purged,
    /// The instance stops.
    Stopping,
}

impl FollowEnd {
    /// As clients read it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenExpired => "token-expired",
            Self::AccessLost => "access-lost",
            Self::Purged => "purged",
            Self::Stopping => "stopping",
        }
    }
}

/// The token that somebody follows with.
#[derive(Clone, Copy)]
pub struct FollowToken {
    /// When it ends.
    pub end: Timestamp,
    /// Tells it apart.
    pub digest: TokenDigest,
}

/// Somebody who follows.
pub struct Follow {
    caller: Caller,
    token_end: Timestamp,
    /// The dialog, or everything that the user may list.
    dialog: Option<Uuid>,
    listed: ListedDialogs,
    stream: Stream,
    _place: Place,
    /// What the follower has heard before.
    after: Option<Mark>,
    ready: VecDeque<Followed>,
    has_ended: bool,
}

impl App {
    /// Follows one dialog, which the user must be able to open. It does not count as opened by that.
    ///
    /// # Errors
    /// Those of opening the dialog; when too many streams are open.
    pub async fn follow_dialog(
        &self,
        caller: Caller,
        token: FollowToken,
        id: Uuid,
        after: Option<Mark>,
    ) -> Result<Follow, Failure> {
        let party = self.may_follow(&caller, id).await?;
        let wanted = Wanted::Dialog(key_of(&party), id);
        self.follow(caller, token, Some(id), ListedDialogs::default(), wanted, after).await
    }

    /// Follows all dialogs that the user may list.
    ///
    /// # Errors
    /// When the platform or the database fails, or too many streams are open.
    pub async fn follow_all(
        &self,
        caller: Caller,
        token: FollowToken,
        after: Option<Mark>,
    ) -> Result<Follow, Failure> {
        let listed = ListedDialogs::from(&self.access.search_scope(&caller, &[], &[]).await?);
        let wanted = Wanted::Parties(Arc::new(listed.party_keys()));
        self.follow(caller, token, None, listed, wanted, after).await
    }

    async fn follow(
        &self,
        caller: Caller,
        token: FollowToken,
        dialog: Option<Uuid>,
        listed: ListedDialogs,
        wanted: Wanted,
        after: Option<Mark>,
    ) -> Result<Follow, Failure> {
        let place = self.places.take(token.digest)?;
        let end = self.store.log_end().await?;
        let mut ready = VecDeque::new();
        let floor = self.store.log_floor().await?;
        let known = after.filter(|mark| is_known(mark.position, floor, end));
        if after.is_some() && known.is_none() {
            ready.push_back(Followed::Missed);
        }
        // The change itself is read again: it may have more events.
        let start = known.map_or(end, |mark| mark.position.before());
        let stream = self.live.stream(start, wanted);
        Ok(Follow {
            caller,
            token_end: token.end,
            dialog,
            listed,
            stream,
            _place: place,
            after: known,
            ready,
            has_ended: false,
        })
    }

    /// The dialog's party, if the user may open the dialog now.
    async fn may_follow(&self, caller: &Caller, id: Uuid) -> Result<String, Failure> {
        let scope = self.access.end_user_scope(caller);
        let nothing_more = DetailParts::NONE;
        let detail = self.store.detail(&scope, id, nothing_more).await?;
        let detail = detail.ok_or(Refusal::dialog_not_found(id))?;
        let DialogDetail { dialog, service_owner_labels, .. } = &detail;
        let languages = Languages::default();
        let reader = Reader::EndUser(caller, &languages);
        self.admit(reader, dialog, &[], service_owner_labels, self.clock.now()).await?;
        Ok(detail.dialog.party.as_str().to_owned())
    }
}

/// Whether all that came after a position is still in the log.
pub(super) fn is_known(position: Position, floor: Position, end: Position) -> bool {
    position >= floor && position.transaction <= end.transaction
}

/// Whether nobody can see the dialog that an entry tells of too early. Where such entries are held until
/// somebody can, all that are told are due, by the clock of whoever has let them go.
pub(super) fn is_hidden(app: &App, entry: &LogEntry) -> bool {
    !app.store.holds_events() && entry.batch.hidden_until.is_some_and(|visible| visible > app.clock.now())
}

impl Follow {
    /// Waits for what happens next; `None` after the end.
    pub async fn next(&mut self, app: &App) -> Option<Followed> {
        loop {
            if let Some(followed) = self.ready.pop_front() {
                self.has_ended |= matches!(followed, Followed::End(_));
                return Some(followed);
            }
            if self.has_ended {
                return None;
            }
            match tokio::time::timeout(HEARTBEAT, self.stream.next()).await {
                Ok(Next::End) => self.end(FollowEnd::Stopping),
                Ok(Next::Entry(entry)) => {
                    if let Some(end) = self.check(app, Some(&entry)).await {
                        self.end(end);
                    }
                    if !self.has_ended() || self.dialog_is_gone() {
                        self.hear(app, &entry).await;
                    }
                }
                Err(_) => match self.check(app, None).await {
                    Some(end) => self.end(end),
                    None => self.ready.push_back(Followed::Silence),
                },
            }
        }
    }

    fn end(&mut self, end: FollowEnd) {
        self.ready.push_back(Followed::End(end));
    }

    fn has_ended(&self) -> bool {
        matches!(self.ready.back(), Some(Followed::End(_)))
    }

    /// That a dialog was purged is the last that is told of it.
    fn dialog_is_gone(&self) -> bool {
        matches!(self.ready.back(), Some(Followed::End(FollowEnd::Purged)))
    }

    /// Whether the user may go on, as far as is known now.
    async fn check(&mut self, app: &App, entry: Option<&LogEntry>) -> Option<FollowEnd> {
        let now = app.clock.now();
        if now >= self.token_end {
            return Some(FollowEnd::TokenExpired);
        }
        let Some(id) = self.dialog else {
            // Of single entries it is checked whether they are among what may be listed.
            if entry.is_none()
                && let Ok(scope) = app.access.search_scope(&self.caller, &[], &[]).await
            {
                self.listed = ListedDialogs::from(&scope);
                self.stream.want(Wanted::Parties(Arc::new(self.listed.party_keys())));
            }
            return None;
        };
        match app.may_follow(&self.caller, id).await {
            // A dialog that was deleted may be restored, and one that has expired may be given more time.
            Ok(_) | Err(Failure::Refused(Refusal::Gone(_) | Refusal::Expired { .. })) => None,
            Err(Failure::Refused(Refusal::NotFound { .. })) => {
                let is_there = app.store.changed_dialogs(&[id]).await.map_or(true, |found| !found.is_empty());
                Some(if is_there { FollowEnd::AccessLost } else { FollowEnd::Purged })
            }
            Err(Failure::Refused(_)) => Some(FollowEnd::AccessLost),
            // Where it is not known, nothing is told; the client comes again.
            Err(failure) => {
                tracing::debug!(error = %failure, "access to a followed dialog is not known");
                Some(FollowEnd::AccessLost)
            }
        }
    }

    async fn hear(&mut self, app: &App, entry: &Arc<LogEntry>) {
        if is_hidden(app, entry) {
            return;
        }
        if self.dialog.is_none() && !self.lists(app, entry).await {
            return;
        }
        let end = self.ready.pop_back();
        for (index, event) in entry.batch.events.iter().enumerate() {
            let mark = Mark { position: entry.position, index };
            let is_known =
                self.after.is_some_and(|after| after.position == mark.position && index <= after.index);
            if !is_known {
                let event = app.cloud_events.of(entry.dialog, &entry.batch, event);
                let heard = event.map_or(Followed::Missed, |event| Followed::Event(mark, Box::new(event)));
                self.ready.push_back(heard);
            }
        }
        self.ready.extend(end);
    }

    /// Whether the dialog of an entry is among those that the user may list.
    async fn lists(&self, app: &App, entry: &LogEntry) -> bool {
        let mut labels = None;
        if self.listed.depends_on_labels() && !may_list(&self.listed, entry, Some(&[])) {
            let found = app.store.changed_dialogs(&[entry.dialog]).await.unwrap_or_default();
            labels = found.into_iter().next().map(|dialog| dialog.service_owner_labels);
        }
        may_list(&self.listed, entry, labels.as_deref())
    }
}
