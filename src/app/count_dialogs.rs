//! End users ask how many of their dialogs are in which state.

use super::search_dialogs::{DialogSearch, too_broad};
use super::{App, Failure};
use crate::access::caller::Caller;
use crate::search::{Filters, OrderBy, Page};
use crate::store::DialogCounts;

/// Most dialogs that are counted.
pub const MOST_COUNTED: u16 = 1_000;

impl App {
    /// Counts the dialogs that [`end_user_search`](Self::end_user_search) would list: at most
    /// [`MOST_COUNTED`], those with the newest content, and fewer where a page of so many would be
    /// shorter. The order and the position of the search are those of a page, and do not matter here.
    ///
    /// # Errors
    /// When the platform or the database fails.
    pub async fn end_user_counts(
        &self,
        caller: &Caller,
        search: &DialogSearch,
    ) -> Result<DialogCounts, Failure> {
        let now = self.clock.now();
        let scope = self.access.search_scope(caller, &search.parties, &search.resources).await?;
        if scope.is_empty() {
            return Ok(DialogCounts::none());
        }
        let filters = Filters { only_visible: true, ..search.filters.clone() };
        let page = Page { order: OrderBy::default(), after: None, limit: MOST_COUNTED };
        self.store.count(&scope, &filters, &page, now).await.map_err(too_broad)
    }
}
