//! Reading transmissions, activities and logs of a dialog by themselves.

use uuid::Uuid;

use super::admission::Reader;
use super::view::{ActivityView, Eyes, LabelLogView, SeenView, TransmissionView};
use super::{App, Failure};
use crate::dialog::model::Transmission;
use crate::dialog::refusal::Refusal;
use crate::dialog::vocabulary::DialogActivityType;
use crate::store::Children;

impl App {
    /// The transmissions of a dialog: for service owners the newest first, for end users the oldest.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn transmissions(
        &self,
        reader: Reader<'_>,
        dialog: Uuid,
    ) -> Result<Vec<TransmissionView>, Failure> {
        let mut views = self.transmission_views(reader, dialog, None).await?;
        if matches!(reader, Reader::ServiceOwner(_)) {
            views.reverse();
        }
        Ok(views)
    }

    /// One transmission of a dialog.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn transmission(
        &self,
        reader: Reader<'_>,
        dialog: Uuid,
        id: Uuid,
    ) -> Result<TransmissionView, Failure> {
        let views = self.transmission_views(reader, dialog, Some(id)).await?;
        Ok(only(views, "DialogTransmission", "transmission", id)?)
    }

    async fn transmission_views(
        &self,
        reader: Reader<'_>,
        dialog: Uuid,
        id: Option<Uuid>,
    ) -> Result<Vec<TransmissionView>, Failure> {
        let found = self.store.transmissions(&self.reach(reader), dialog, id).await?;
        let Children { dialog, service_owner_labels, items } =
            found.ok_or(Refusal::dialog_not_found(dialog))?;
        let (transmissions, opened): (Vec<Transmission>, Vec<bool>) = items.into_iter().unzip();
        let now = self.clock.now();
        let eyes = self.admit(reader, &dialog, &transmissions, &service_owner_labels, now).await?;
        Ok(transmissions
            .into_iter()
            .zip(opened)
            .map(|(item, opened)| eyes.transmission(item, opened))
            .collect())
    }

    /// The activities of a dialog, oldest first.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn activities(&self, reader: Reader<'_>, dialog: Uuid) -> Result<Vec<ActivityView>, Failure> {
        let found = self.store.activities(&self.reach(reader), dialog, None).await?;
        let (eyes, items) = self.admitted(reader, dialog, found).await?;
        Ok(items.into_iter().map(|item| eyes.activity(item)).collect())
    }

    /// One activity of a dialog.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn activity(
        &self,
        reader: Reader<'_>,
        dialog: Uuid,
        id: Uuid,
    ) -> Result<ActivityView, Failure> {
        let found = self.store.activities(&self.reach(reader), dialog, Some(id)).await?;
        let (eyes, items) = self.admitted(reader, dialog, found).await?;
        Ok(eyes.activity(only(items, "DialogActivity", "activity", id)?))
    }

    /// Everybody who has opened a dialog, and when: all entries, oldest first.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn seen_log(&self, reader: Reader<'_>, dialog: Uuid) -> Result<Vec<SeenView>, Failure> {
        let found = self.store.seen_log(&self.reach(reader), dialog, None).await?;
        let (eyes, items) = self.admitted(reader, dialog, found).await?;
        Ok(items.iter().map(|item| eyes.seen_log_entry(item)).collect())
    }

    /// One entry of the seen log.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn seen_log_entry(
        &self,
        reader: Reader<'_>,
        dialog: Uuid,
        id: Uuid,
    ) -> Result<SeenView, Failure> {
        let found = self.store.seen_log(&self.reach(reader), dialog, Some(id)).await?;
        let (eyes, items) = self.admitted(reader, dialog, found).await?;
        Ok(eyes.seen_log_entry(&only(items, "DialogSeenLog", "entry of the seen log", id)?))
    }

    /// How the labels of a dialog have changed, oldest first.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), or not found.
    pub async fn label_log(&self, reader: Reader<'_>, dialog: Uuid) -> Result<Vec<LabelLogView>, Failure> {
        let found = self.store.label_log(&self.reach(reader), dialog).await?;
        let (eyes, items) = self.admitted(reader, dialog, found).await?;
        Ok(items.into_iter().map(|item| eyes.label_log_entry(item)).collect())
    }

    /// What was found, once the reader may see it.
    async fn admitted<'a, T>(
        &'a self,
        reader: Reader<'a>,
        dialog: Uuid,
        found: Option<Children<T>>,
    ) -> Result<(Eyes<'a>, Vec<T>), Failure> {
        let Children { dialog, service_owner_labels, items } =
            found.ok_or(Refusal::dialog_not_found(dialog))?;
        let eyes = self.admit(reader, &dialog, &[], &service_owner_labels, self.clock.now()).await?;
        Ok((eyes, items))
    }

    /// Whether a dialog, of any service owner, has an activity of this type about this transmission.
    ///
    /// # Errors
    /// Not found.
    pub async fn has_activity(
        &self,
        dialog: Uuid,
        kind: DialogActivityType,
        transmission: Option<Uuid>,
    ) -> Result<bool, Failure> {
        let found = self.store.has_activity(dialog, kind, transmission).await?;
        Ok(found.ok_or(Refusal::dialog_not_found(dialog))?)
    }
}

/// The only one of `items`.
fn only<T>(items: Vec<T>, entity: &'static str, what: &str, id: Uuid) -> Result<T, Refusal> {
    items.into_iter().next().ok_or_else(|| child_not_found(entity, what, id))
}

pub(super) fn child_not_found(entity: &'static str, what: &str, id: Uuid) -> Refusal {
    Refusal::NotFound { entity, text: format!("The dialog has no {what} with id ({id}).") }
}
