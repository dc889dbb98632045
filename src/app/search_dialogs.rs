//! End users and service owners list dialogs.

use std::collections::HashMap;

use super::view::{DialogListView, Eyes, Shades};
use super::{App, Failure, Languages};
use crate::access::SearchScope;
use crate::access::caller::Caller;
use crate::dialog::party::PartyUrn;
use crate::dialog::refusal::Refusal;
use crate::search::{Cursor, Filters, Page};
use crate::store::{ListParts, Listing, StoreFailure};
use crate::timestamp::Timestamp;

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
    /// Where the next page goes on; on an empty page the token that was sent.
    pub continuation_token: Option<String>,
}

impl App {
    /// The dialogs that an end user may see in lists, with the parts that are wanted.
    ///
    /// # Errors
    /// When the platform or the database fails.
    pub async fn end_user_search(
        &self,
        caller: &Caller,
        search: &DialogSearch,
        languages: &Languages,
        parts: ListParts,
    ) -> Result<DialogPage, Failure> {
        let now = self.clock.now();
        let filters = Filters { only_visible: true, ..search.filters.clone() };
        let scope = self.access.search_scope(caller, &search.parties, &search.resources).await?;
        let search = DialogSearch { filters, ..search.clone() };
        let listing = self.list(Some(scope), &search, parts, false, now).await?;
        let mut levels: HashMap<String, u32> = HashMap::new();
        Ok(self.page(listing, &search, |listed| {
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
        }))
    }

    /// The dialogs of a service owner; where the caller asks for a person, those that this person may
    /// see.
    ///
    /// # Errors
    /// When the platform or the database fails.
    pub async fn service_owner_search(
        &self,
        caller: &Caller,
        search: &DialogSearch,
    ) -> Result<DialogPage, Failure> {
        let DialogSearch { parties, resources, filters, .. } = search;
        let scope = if caller.impersonated {
            self.access.search_scope_for(caller, parties, resources).await?
        } else {
            self.access.owner_search_scope(caller, parties, resources)
        };
        let filters = Filters { only_visible: caller.impersonated, ..filters.clone() };
        let search = DialogSearch { filters, ..search.clone() };
        let listing = self.list(scope, &search, ListParts::ALL, true, self.clock.now()).await?;
        let user = caller.impersonated.then_some(caller.user.as_str());
        let eyes = Eyes { user, authorization: None, shades: None };
        Ok(self.page(listing, &search, |listed| eyes.listed(listed, true)))
    }

    /// A page of the scope; none where nothing is allowed.
    async fn list(
        &self,
        scope: Option<SearchScope>,
        search: &DialogSearch,
        parts: ListParts,
        for_owner: bool,
        now: Timestamp,
    ) -> Result<Listing, Failure> {
        let Some(scope) = scope.filter(|scope| !scope.is_empty()) else {
            return Ok(Listing { dialogs: Vec::new(), has_next_page: false, next: None });
        };
        let DialogSearch { filters, page, .. } = search;
        self.store.search(&scope, filters, page, parts, for_owner, now).await.map_err(too_broad)
    }

    fn page(
        &self,
        listing: Listing,
        search: &DialogSearch,
        view: impl FnMut(crate::store::ListedDialog) -> DialogListView,
    ) -> DialogPage {
        let Page { order, after, .. } = &search.page;
        let token = |cursor: &Cursor| self.seal.close(&cursor.token(order));
        DialogPage {
            items: listing.dialogs.into_iter().map(view).collect(),
            has_next_page: listing.has_next_page,
            continuation_token: listing.next.as_ref().or(after.as_ref()).map(token),
        }
    }
}

/// A search that takes too long is refused: it asks for too much.
pub(super) fn too_broad(failure: StoreFailure) -> Failure {
    match failure {
        StoreFailure::TimedOut => {
            let text = "The search takes too long; ask for fewer parties or services, or a shorter time.";
            Failure::from(Refusal::unprocessable("Search", text))
        }
        failure => failure.into(),
    }
}
