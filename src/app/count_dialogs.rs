//! End users ask how many of their dialogs are in which state.

use super::search_dialogs::DialogSearch;
use super::{App, Failure};
use crate::access::caller::Caller;
use crate::dialog::vocabulary::{DialogStatus, SystemLabel};
use crate::search::{Filters, OrderBy, Page};
use crate::store::{ListParts, Listing};

/// Most dialogs that are counted.
pub const MOST_COUNTED: u16 = 1_000;

/// How many dialogs are in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogCounts {
    /// For each label, those that have it.
    pub by_label: Vec<(SystemLabel, i32)>,
    /// For each status, those that have it.
    pub by_status: Vec<(DialogStatus, i32)>,
    /// Those whose content has not been seen, or that are marked as unopened.
    pub unread: i32,
    /// All.
    pub total: i32,
    /// Whether there may be more.
    pub capped: bool,
}

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
        let search = DialogSearch {
            filters: Filters { only_visible: true, ..search.filters.clone() },
            page: Page { order: OrderBy::default(), after: None, limit: MOST_COUNTED },
            ..search.clone()
        };
        Ok(DialogCounts::of(&self.list(Some(scope), &search, ListParts::NONE, false, now).await?))
    }
}

impl DialogCounts {
    fn of(listing: &Listing) -> Self {
        let dialogs = || listing.dialogs.iter().map(|listed| &listed.dialog);
        let labels = SystemLabel::ALL.iter().copied();
        let statuses = DialogStatus::ALL.iter().copied();
        Self {
            by_label: labels
                .map(|label| (label, count(dialogs().filter(|dialog| dialog.system_labels.contains(label)))))
                .collect(),
            by_status: statuses
                .map(|status| (status, count(dialogs().filter(|dialog| dialog.status == status))))
                .collect(),
            unread: count(dialogs().filter(|dialog| !dialog.is_content_seen())),
            total: count(dialogs()),
            capped: listing.has_next_page,
        }
    }
}

fn count(dialogs: impl Iterator) -> i32 {
    i32::try_from(dialogs.count()).unwrap_or(i32::MAX)
}
