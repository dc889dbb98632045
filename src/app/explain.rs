//! Somebody wants to know why a user may or may not see a dialog.

use uuid::Uuid;

use super::DetailParts;
use super::{App, Failure};
use crate::access::Explanation;
use crate::access::caller::Caller;
use crate::dialog::refusal::Refusal;

impl App {
    /// Why `caller` may or may not see a dialog, in facts and in sentences.
    ///
    /// # Errors
    /// Not found.
    pub async fn explain(&self, caller: &Caller, id: Uuid) -> Result<(Explanation, Vec<String>), Failure> {
        let scope = self.access.end_user_scope(caller);
        let detail =
            self.store.detail(&scope, id, DetailParts::ALL).await?.ok_or(Refusal::dialog_not_found(id))?;
        let dialog = &detail.dialog;
        let explanation = self
            .access
            .explain(caller, dialog, &detail.transmission_attributes(), &detail.service_owner_labels)
            .await?;
        let now = self.clock.now();
        let mut sentences = explanation.sentences();
        if dialog.deleted_at.is_some() {
            sentences.push("The dialog is deleted.".to_owned());
        }
        if let Some(from) = dialog.visible_from.filter(|from| *from > now) {
            sentences.push(format!("The dialog is not visible before {from}."));
        }
        if let Some(expired) = dialog.expires_at.filter(|expires| *expires <= now) {
            sentences.push(format!("The dialog expired at {expired}."));
        }
        Ok((explanation, sentences))
    }
}
