//! Dialogs by what is behind them.

use sqlx::Row;

use super::rows::{dialog_columns, listed_dialog};
use super::{Store, StoreFailure};
use crate::access::DialogScope;
use crate::dialog::model::Dialog;
use crate::dialog::reference::InstanceReference;

/// A dialog that a reference leads to.
#[derive(Debug)]
pub struct Referred {
    /// The dialog; of the documents only the content that lists show.
    pub dialog: Dialog,
    /// Labels of its service owner, in byte order.
    pub labels: Vec<String>,
    /// Whether it is within the scope.
    pub is_within: bool,
}

// Labels are free text: what has a hundred dialogs is not unique, however many more there are.
const REFERRED: &str = concat!(
    "select ",
    dialog_columns!(),
    ", ($1 or d.org = $2 or d.resource_key = any($3)) as is_within,
    array(select value from service_owner_label l where l.dialog_id = d.id order by value) as labels
    from (
        select $4::uuid as id where $4 is not null
        union
        (select l.dialog_id from service_owner_label l where l.value = any($5) limit 100)
    ) r join dialog d on d.id = r.id join dialog_document doc on doc.dialog_id = d.id",
);

impl Store {
    /// The dialogs that a reference leads to, those out of reach too: at most a hundred.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn referred(
        &self,
        scope: &DialogScope,
        reference: &InstanceReference,
    ) -> Result<Vec<Referred>, StoreFailure> {
        let (all, org, resources) = scope.conditions();
        let query = sqlx::query(REFERRED)
            .bind(all)
            .bind(org)
            .bind(resources)
            .bind(reference.dialog())
            .bind(reference.labels());
        let rows = self.connections.fetch_all(query).await?;
        let referred = rows.iter().map(|row| {
            let (dialog, _) = listed_dialog(row)?;
            Ok(Referred { dialog, labels: row.try_get("labels")?, is_within: row.try_get("is_within")? })
        });
        referred.collect()
    }
}
