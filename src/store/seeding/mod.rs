//! Very many dialogs at once, through `COPY`.

mod copy;
mod lexemes;

use std::collections::BTreeSet;

use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor};

use self::copy::{Document, Lexemes, Rows};
use self::lexemes::Lexicon;
use super::rows::{key_of, split_documents};
use super::seen::SeenEntry;
use super::{Store, StoreFailure};
use crate::dialog::model::{Activity, Actor, Dialog};
use crate::dialog::vocabulary::SystemLabel;
use crate::dialog::write::{AddedTransmission, ClaimedPart};
use crate::search::words::{self, Words};
use crate::timestamp::Timestamp;

/// A dialog with everything that belongs to it, as it is to be stored.
#[derive(Debug)]
pub struct SeededDialog {
    /// The dialog.
    pub dialog: Dialog,
    /// Its transmissions.
    pub transmissions: Vec<AddedTransmission>,
    /// Its activities.
    pub activities: Vec<Activity>,
    /// Sorted, lower-case.
    pub service_owner_labels: Vec<String>,
    /// Parts whose ids the client has chosen.
    pub claims: Vec<ClaimedPart>,
    /// Who opened it, with the number of the user's kind.
    pub seen: Vec<(SeenEntry, i16)>,
    /// Labels that were set.
    pub relabelled: Vec<Relabelled>,
}

/// That a label was set.
#[derive(Debug)]
pub struct Relabelled {
    /// When.
    pub created_at: Timestamp,
    /// Which.
    pub label: SystemLabel,
    /// By whom.
    pub performed_by: Actor,
}

/// The tables and their columns.
const TABLES: [(&str, &str); 9] = [
    (
        "dialog",
        "id, revision, party_key, resource_key, created_at, updated_at, content_updated_at, visible_from, due_at, \
         expires_at, deleted_at, end_user_context_revision, service_owner_context_revision, from_service_owner, \
         from_party, unopened_transmissions, contentless_transmissions, status, system_labels, progress, \
         is_api_only, is_seen, frozen, correspondence_opened, org, idempotent_key, extended_status, \
         external_reference, process",
    ),
    (
        "dialog_document",
        "dialog_id, party, service_resource, service_resource_type, preceding_process, list, detail",
    ),
    ("transmission", "id, dialog_id, created_at, related_id, type, depth, idempotent_key, body"),
    ("activity", "id, dialog_id, created_at, transmission_id, type, body"),
    ("dialog_part", "id, dialog_id, kind, of_transmission"),
    ("service_owner_label", "dialog_id, value"),
    ("seen_log", "id, dialog_id, seen_at, user_kind, via_service_owner, user_id, user_name"),
    ("label_log", "dialog_id, created_at, label, is_set, performed_by"),
    ("dialog_text", "dialog_id, source_id, chunk, lexemes"),
];

/// Statements that take away keys and indexes of these tables, and that make them again, in order. Keys
/// of other tables depend on primary keys.
const DEFINITIONS: &str = "\
select format('alter table %s drop constraint %I', conrelid::regclass, conname),
    format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)),
    case contype when 'f' then 3 else 1 end as turn
from pg_constraint where contype in ('f', 'p', 'u') and conrelid = any($1::text[]::regclass[])
union all
select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid), 2
from pg_index where indrelid = any($1::text[]::regclass[])
    and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
order by turn, 2";

/// What has been taken away and not been made again, so that it can be when a seeding was cut short.
const REMOVED: &str = "seeding_removed";

/// A seeding.
pub struct Seeding {
    pool: PgPool,
    lexicon: Lexicon,
    /// Statements that make what was taken away, in groups that do not depend on each other.
    rebuild: Vec<Vec<String>>,
}

/// The rows of some dialogs, ready to be sent.
pub struct Batch {
    tables: [Vec<u8>; TABLES.len()],
}

impl Store {
    /// Begins to store very many dialogs, over so many connections. `vocabulary` has all words of their
    /// texts. Where there are no dialogs yet, keys and indexes are taken away until the end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_seeding(
        &self,
        vocabulary: BTreeSet<String>,
        connections: u32,
    ) -> Result<Seeding, StoreFailure> {
        let options = self.pool().connect_options().as_ref().clone().options([
            ("statement_timeout", "0"),
            ("synchronous_commit", "off"),
            ("maintenance_work_mem", "512MB"),
        ]);
        let pool = PgPoolOptions::new().max_connections(connections).connect_with(options).await?;
        let lexicon = Lexicon::learn(&pool, vocabulary).await?;
        let mut seeding = Seeding { pool, lexicon, rebuild: Vec::new() };
        seeding.clear_the_way().await?;
        Ok(seeding)
    }
}

impl Seeding {
    /// Takes away keys and indexes where there are no dialogs.
    async fn clear_the_way(&mut self) -> Result<(), StoreFailure> {
        let mut connection = self.pool.acquire().await?;
        let cut_short: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(REMOVED)
            .fetch_one(&mut *connection)
            .await?;
        if cut_short {
            let sql = "select definition, turn from seeding_removed order by turn, definition";
            self.rebuild = groups(sqlx::query_as(sql).fetch_all(&mut *connection).await?);
            drop(connection);
            self.rebuild(|| ()).await?;
            self.rebuild.clear();
            return Ok(());
        }
        let mut transaction = connection.begin().await?;
        let is_empty: bool = sqlx::query_scalar(
            "select not exists (select from dialog) and not exists (select from dialog_document)
                and not exists (select from dialog_text)",
        )
        .fetch_one(&mut *transaction)
        .await?;
        if !is_empty {
            return Ok(());
        }
        let tables: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
        let definitions: Vec<(String, String, i32)> =
            sqlx::query_as(DEFINITIONS).bind(tables).fetch_all(&mut *transaction).await?;
        transaction.execute("create table seeding_removed (definition text, turn integer)").await?;
        let mut removed = Vec::new();
        for (drop, definition, turn) in definitions.into_iter().rev() {
            transaction.execute(AssertSqlSafe(drop)).await?;
            sqlx::query("insert into seeding_removed values ($1, $2)")
                .bind(&definition)
                .bind(turn)
                .execute(&mut *transaction)
                .await?;
            removed.push((definition, turn));
        }
        transaction.commit().await?;
        self.rebuild = groups(removed);
        Ok(())
    }

    /// Makes rows of dialogs.
    ///
    /// # Errors
    /// When a text has a word that is not in the vocabulary.
    pub fn batch(&self, dialogs: impl Iterator<Item = SeededDialog>) -> Result<Batch, StoreFailure> {
        let columns =
            |(_, columns): (&str, &str)| i16::try_from(columns.split(',').count()).unwrap_or_default();
        let mut tables = TABLES.map(|table| Rows::new(columns(table)));
        for dialog in dialogs {
            self.put(&mut tables, &dialog)?;
        }
        Ok(Batch { tables: tables.map(|rows| if rows.is_empty() { Vec::new() } else { rows.finish() }) })
    }

    fn put(&self, tables: &mut [Rows; TABLES.len()], seeded: &SeededDialog) -> Result<(), StoreFailure> {
        let [dialogs, documents, transmissions, activities, parts, labels, seen, label_log, texts] = tables;
        let d = &seeded.dialog;
        dialogs.row().value(d.id).value(d.revision);
        dialogs.value(key_of(d.party.as_str())).value(key_of(&d.service_resource));
        dialogs.value(d.created_at).value(d.updated_at).value(d.content_updated_at).value(d.visible_from);
        dialogs.value(d.due_at).value(d.expires_at).value(d.deleted_at);
        dialogs.value(d.end_user_context_revision).value(d.service_owner_context_revision);
        dialogs.value(d.from_service_owner).value(d.from_party);
        dialogs.value(d.unopened_transmissions).value(d.contentless_transmissions);
        dialogs.value(d.status.code()).value(d.system_labels.0);
        dialogs.value(d.progress.map(|progress| i16::try_from(progress).unwrap_or(i16::MAX)));
        dialogs.value(d.is_api_only).value(d.is_seen).value(d.frozen).value(d.correspondence_opened);
        dialogs.value(d.org.as_str()).value(d.idempotent_key.as_deref()).value(d.extended_status.as_deref());
        dialogs.value(d.external_reference.as_deref()).value(d.process.as_deref());

        let (list, detail) = split_documents(&d.documents);
        documents.row().value(d.id).value(d.party.as_str()).value(d.service_resource.as_str());
        documents.value(d.service_resource_type.as_str()).value(d.preceding_process.as_deref());
        documents.value(Document(list)).value(Document(detail));

        self.put_words(texts, seeded, &words::of_dialog(d.id, &d.documents))?;
        for AddedTransmission { transmission: t, depth } in &seeded.transmissions {
            transmissions.row().value(t.id).value(d.id).value(t.created_at).value(t.related_transmission_id);
            transmissions.value(t.r#type.code()).value(*depth).value(t.idempotent_key.as_deref());
            transmissions.value(Document(&t.body));
            self.put_words(texts, seeded, &words::of_transmission(t))?;
        }
        for a in &seeded.activities {
            activities.row().value(a.id).value(d.id).value(a.created_at).value(a.transmission_id);
            activities.value(a.r#type.code()).value(Document(&a.body));
            self.put_words(texts, seeded, &words::of_activity(a))?;
        }
        for part in &seeded.claims {
            parts.row().value(part.id).value(d.id).value(part.kind as i16).value(part.of_transmission);
        }
        for label in &seeded.service_owner_labels {
            labels.row().value(d.id).value(label.as_str());
        }
        for (entry, user_kind) in &seeded.seen {
            seen.row().value(entry.id).value(d.id).value(entry.seen_at).value(*user_kind);
            seen.value(entry.via_service_owner)
                .value(entry.user_id.as_str())
                .value(entry.user_name.as_deref());
        }
        for set in &seeded.relabelled {
            label_log.row().value(d.id).value(set.created_at).value(set.label.code()).value(true);
            label_log.value(Document(&set.performed_by));
        }
        Ok(())
    }

    fn put_words(
        &self,
        texts: &mut Rows,
        seeded: &SeededDialog,
        words: &[Words],
    ) -> Result<(), StoreFailure> {
        for chunk in words.chunk_by(|one, next| one.chunk == next.chunk) {
            let together: Vec<&Words> = chunk.iter().collect();
            let lexemes = self.lexicon.lexemes(&together)?;
            texts.row().value(seeded.dialog.id).value(chunk[0].source).value(chunk[0].chunk);
            texts.value(Lexemes(&lexemes));
        }
        Ok(())
    }

    /// Stores rows: all, or none.
    ///
    /// # Errors
    /// [`StoreFailure::Taken`] when some are there already.
    pub async fn store(&self, batch: Batch) -> Result<(), StoreFailure> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        for ((table, columns), rows) in TABLES.iter().zip(batch.tables) {
            if !rows.is_empty() {
                copy(&mut transaction, table, columns, rows).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Steps of [`rebuild`](Self::rebuild), and those of [`vacuum`](Self::vacuum).
    #[must_use]
    pub fn steps(&self) -> (usize, usize) {
        (self.rebuild.iter().map(Vec::len).sum(), TABLES.len())
    }

    /// Makes keys and indexes again. Calls `done` after each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rebuild(&self, done: impl Fn()) -> Result<(), StoreFailure> {
        for group in &self.rebuild {
            self.all(group.iter().cloned(), &done).await?;
        }
        if !self.rebuild.is_empty() {
            self.pool.execute("drop table seeding_removed").await?;
        }
        Ok(())
    }

    /// Tells PostgreSQL's planner what there is now. Calls `done` after each table.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vacuum(&self, done: impl Fn()) -> Result<(), StoreFailure> {
        let statements = TABLES.map(|(table, _)| format!("vacuum (analyze) {table}"));
        self.all(statements.into_iter(), &done).await?;
        self.pool.close().await;
        Ok(())
    }

    /// Runs statements, as many at a time as there are connections.
    async fn all(
        &self,
        statements: impl Iterator<Item = String>,
        done: &impl Fn(),
    ) -> Result<(), StoreFailure> {
        futures_util::future::try_join_all(statements.map(async |statement| {
            self.pool.execute(AssertSqlSafe(statement)).await?;
            done();
            Ok::<_, StoreFailure>(())
        }))
        .await?;
        Ok(())
    }
}

async fn copy(
    connection: &mut PgConnection,
    table: &str,
    columns: &str,
    rows: Vec<u8>,
) -> Result<(), StoreFailure> {
    let statement = format!("copy {table} ({columns}) from stdin (format binary)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    copy.send(rows).await?;
    copy.finish().await?;
    Ok(())
}

/// One group for each turn.
fn groups(mut definitions: Vec<(String, i32)>) -> Vec<Vec<String>> {
    definitions.sort_by_key(|(_, turn)| *turn);
    let turns = definitions.chunk_by(|one, next| one.1 == next.1);
    turns.map(|turn| turn.iter().map(|(definition, _)| definition.clone()).collect()).collect()
}
