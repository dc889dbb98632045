//! An end user lists dialogs.

use std::collections::HashMap;

use super::view::{DialogListView, Eyes, Shades};
use super::{App, Failure, Languages};
use crate::access::caller::Caller;
use crate::dialog::party::PartyUrn;
use crate::dialog::refusal::Refusal;
use crate::search::{Cursor, Filters, Page};
use crate::store::StoreFailure;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct DialogSearch {
    /// Parties; empty for all that the user can represent.
    pub parties: Vec<PartyUrn>,
    /// Ids of resources; empty for all that the user has access to.
    pub resources: Vec<String>,
    /// Values that the dialogs must have.
    pub filters: Filters,
    /// Which page.
    pub page: Page,
}

/// One page of dialogs.
#[derive(Debug)]
pub struct DialogPage {
    /// At most as many as asked for.
    pub items: Vec<DialogListView>,
    /// Whether there are more.
    pub has_next_page: bool,
    /// Token of the last item; on an empty page the one that was sent.
    pub continuation_token: Option<String>,
}

impl App {
    /// The dialogs that an end user may see in lists.
    ///
    /// # Errors
    /// When the platform or the database fails.
    pub async fn end_user_search(
        &self,
        caller: &Caller,
        search: &DialogSearch,
        languages: &Languages,
    ) -> Result<DialogPage, Failure> {
        let now = self.clock.now();
        let DialogSearch { parties, resources, filters, page } = search;
        let token_of = |cursor: &Cursor| cursor.token(&page.order);
        let sent = page.after.as_ref().map(token_of);
        let scope = self.access.search_scope(caller, parties, resources).await?;
        if scope.is_empty() {
            return Ok(DialogPage { items: Vec::new(), has_next_page: false, continuation_token: sent });
        }
        let listing =
            self.store.search(&scope, filters, page, now).await.map_err(|failure| match failure {
                StoreFailure::TimedOut => {
                    let text =
                        "The search takes too long; ask for fewer parties or services, or a shorter time.";
                    Failure::from(Refusal::unprocessable("Search", text))
                }
                failure => failure.into(),
            })?;
        let last = listing.dialogs.last().map(|dialog| Cursor::of(&dialog.sort_keys(), &page.order));
        let mut levels: HashMap<String, u32> = HashMap::new();
        let items = listing
            .dialogs
            .into_iter()
            .map(|listed| {
                let resource = &listed.dialog.service_resource;
                let level =
                    *levels.entry(resource.clone()).or_insert_with(|| self.access.minimum_level(resource));
                let dialog = listed.dialog.id;
                let eyes = Eyes {
                    user: Some(caller.user.as_str()),
                    authorization: None,
                    shades: Some(Shades { pseudonyms: &self.pseudonyms, dialog, languages, now }),
                };
                eyes.listed(listed, caller.authentication_level >= level)
            })
            .collect();
        Ok(DialogPage {
            items,
            has_next_page: listing.has_next_page,
            continuation_token: last.as_ref().map(token_of).or(sent),
        })
    }
}
