//! The words of stored dialogs, made anew.

use sqlx::types::Json;
use sqlx::{Acquire, Row};
use uuid::Uuid;

use super::rows::{
    ActivityRow, DetailDocument, ListDocument, TransmissionRow, activity, activity_row, join_documents,
    transmission, transmission_row,
};
use super::words::{WordColumns, insert_words};
use super::{Store, StoreFailure};
use crate::search::words;

/// The next dialogs, which nobody changes until their words are written.
const NEXT: &str =
    "select d.id, doc.list, doc.detail from dialog d join dialog_document doc on doc.dialog_id = d.id
    where d.id > $1 order by d.id limit $2 for update of d";

const TRANSMISSIONS: &str =
    concat!("select ", transmission_row!(), " as part from transmission t where t.dialog_id = $1");

const ACTIVITIES: &str = concat!(
    "select ",
    activity_row!(),
    " as part from activity a where a.dialog_id = $1 and a.body ? 'description'"
);

const WRITE: &str = insert_words!("(select $6::uuid as id)", "$1", "$2", "$3", "$4", "$5");

impl Store {
    /// How many dialogs there are, roughly.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn estimated_dialogs(&self) -> Result<u64, StoreFailure> {
        let sql = "select greatest(reltuples, 0)::bigint from pg_class where oid = 'dialog'::regclass";
        let row = self.connections.fetch_one(sqlx::query(sql)).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default())
    }

    /// Makes anew the words of the next `count` dialogs after `after`, in the order of their ids. Gives
    /// the last of them and how many they were; `None` at the end.
    ///
    /// # Errors
    /// When the database fails; then nothing of these is changed.
    pub async fn reindex(&self, after: Uuid, count: u16) -> Result<Option<(Uuid, u64)>, StoreFailure> {
        let mut connection = self.pool().acquire().await?;
        let mut transaction = connection.begin().await?;
        let dialogs =
            sqlx::query(NEXT).bind(after).bind(i64::from(count)).fetch_all(&mut *transaction).await?;
        let mut last = None;
        for row in &dialogs {
            let id: Uuid = row.try_get("id")?;
            let Json(list): Json<ListDocument> = row.try_get("list")?;
            let Json(detail): Json<DetailDocument> = row.try_get("detail")?;
            let mut columns = WordColumns::default();
            columns.add(words::of_dialog(id, &join_documents(list, detail)));
            let mut transmissions = Vec::new();
            for row in sqlx::query(TRANSMISSIONS).bind(id).fetch_all(&mut *transaction).await? {
                let Json(part): Json<TransmissionRow> = row.try_get("part")?;
                transmissions.push(transmission(part)?);
            }
            let mut activities = Vec::new();
            for row in sqlx::query(ACTIVITIES).bind(id).fetch_all(&mut *transaction).await? {
                let Json(part): Json<ActivityRow> = row.try_get("part")?;
                activities.push(activity(part)?);
            }
            columns.add_children(transmissions.iter(), activities.iter());
            sqlx::query("delete from dialog_text where dialog_id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(WRITE)
                .bind(columns.sources)
                .bind(columns.chunks)
                .bind(columns.rules)
                .bind(columns.weights)
                .bind(columns.texts)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            last = Some(id);
        }
        transaction.commit().await?;
        Ok(last.map(|last| (last, dialogs.len() as u64)))
    }
}
