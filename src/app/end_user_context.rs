//! A service owner follows how end users sort its dialogs.

use uuid::Uuid;

use super::{App, Failure};
use crate::access::caller::Caller;
use crate::dialog::vocabulary::SystemLabel;
use crate::json::output_shape;
use crate::search::{Cursor, Page};
use crate::store::LabelFilter;

output_shape! {
    /// How the end users have sorted a dialog.
    pub struct DialogEndUserContextItemView {
        /// The dialog.
        dialog_id: Uuid,
        /// Changes when the labels do.
        end_user_context_revision: Uuid,
        /// Its labels.
        system_labels: Vec<SystemLabel>,
    }
}

/// One page of contexts.
#[derive(Debug)]
pub struct EndUserContextPage {
    /// At most as many as asked for.
    pub items: Vec<DialogEndUserContextItemView>,
    /// Token of the last item, where there are more.
    pub continuation_token: Option<String>,
}

impl App {
    /// The end users' contexts of the service owner's own dialogs, hidden and deleted ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_user_contexts(
        &self,
        caller: &Caller,
        filter: &LabelFilter,
        page: &Page,
    ) -> Result<EndUserContextPage, Failure> {
        let (contexts, has_next_page) =
            self.store.end_user_contexts(&self.access.own_scope(caller), filter, page).await?;
        let token = |last: &crate::store::EndUserContext| {
            self.seal.close(&Cursor::of(&last.keys, &page.order).token(&page.order))
        };
        let continuation_token = contexts.last().filter(|_| has_next_page).map(token);
        let item = |context: crate::store::EndUserContext| DialogEndUserContextItemView {
            dialog_id: context.keys.id,
            end_user_context_revision: context.revision,
            system_labels: context.labels.list(),
        };
        Ok(EndUserContextPage { items: contexts.into_iter().map(item).collect(), continuation_token })
    }
}
