//! What it costs to append to a long dialog: statements, rows and pages of the database.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const APPENDED: i64 = 10;
/// Transmissions of the long dialog, and as many activities.
const MANY: i64 = 20_000;

/// What has been read so far.
#[derive(Clone, Copy, Debug)]
struct Reads {
    /// Rows, by scans of any kind.
    rows: i64,
    /// Pages of tables and indexes, whether they were in memory or not.
    pages: i64,
}

/// What was read so far, once nobody is connected any more: then all counts have been told.
async fn reads(database: &Database) -> Reads {
    let others = "select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
            and $1::uuid is not null";
    while database.column::<i64>(others, Uuid::nil()).await != [0] {
        tokio::task::yield_now().await;
    }
    let rows = "select (sum(coalesce(idx_tup_fetch, 0)) + sum(coalesce(seq_tup_read, 0)))::bigint
        from pg_stat_user_tables where $1::uuid is not null";
    let pages = "select sum(
            coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0)
            + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0)
            + coalesce(toast_blks_read, 0) + coalesce(toast_blks_hit, 0)
            + coalesce(tidx_blks_read, 0) + coalesce(tidx_blks_hit, 0))::bigint
        from pg_statio_user_tables where $1::uuid is not null";
    Reads {
        rows: database.column::<i64>(rows, Uuid::nil()).await[0],
        pages: database.column::<i64>(pages, Uuid::nil()).await[0],
    }
}

/// Appends, and corrects what was appended, with everything that has to be looked up; gives what was
/// read.
async fn append(database: &Database, id: Uuid) -> Reads {
    let before = reads(database).await;
    let service = Service::on(database).await;
    let owner = service.owner();
    let mut parent: Option<Uuid> = None;
    for number in 0..APPENDED {
        let key = format!("{}-{number}", &service.unique()[..20]);
        let letter = one_of_each()["transmissions"][0].clone().with("/idempotentKey", key);
        let letter = letter.with("/relatedTransmissionId", json!(parent));
        let (answer, statements) = statements::of(owner.append(id, "transmissions", &letter)).await;
        let added = answer.expect(201).id();
        assert_eq!(statements.len(), 2, "{statements:#?}");
        let opened: Value = json!({
            "type": "TransmissionOpened", "transmissionId": added, "performedBy": { "actorType": "ServiceOwner" },
        });
        let (answer, statements) = statements::of(owner.append(id, "activities", &opened)).await;
        answer.expect(201);
        assert_eq!(statements.len(), 2, "{statements:#?}");
        let owner = service.owner_with(CHANGE_TRANSMISSIONS);
        let corrected = letter.with("/externalReference", "corrected");
        let (answer, statements) = statements::of(owner.correct(id, added, &corrected)).await;
        answer.expect(204);
        assert_eq!(statements.len(), 3, "{statements:#?}");
        parent = Some(added);
    }
    drop(service);
    let after = reads(database).await;
    Reads { rows: after.rows - before.rows, pages: after.pages - before.pages }
}

#[tokio::test]
async fn appending_costs_the_same_whatever_there_is() {
    let service = Service::alone().await;
    let owner = service.owner();
    let database = service.database.clone();
    let ten = one_of_each().with("/transmissions", vec![one_of_each()["transmissions"][0].clone(); 10]);
    let (short, long) = (owner.created(&ten).await, owner.created(&one_of_each()).await);
    drop(service);
    // What vacuuming reads must not be counted.
    for table in ["dialog", "dialog_document", "dialog_text", "transmission", "activity", "dialog_part"] {
        database.configure(&format!("alter table {table} set (autovacuum_enabled = off)")).await;
    }
    let fill = "insert into transmission (id, dialog_id, created_at, type, depth, body)
        select gen_random_uuid(), t.dialog_id, t.created_at, t.type, t.depth, t.body
        from transmission t, generate_series(2, 20000) where t.dialog_id = $1";
    assert_eq!(database.execute(fill, long).await, MANY.unsigned_abs() - 1);
    let count = "update dialog set from_service_owner = 20000, unopened_transmissions = 20000 where id = $1";
    database.execute(count, long).await;
    let fill = "insert into activity (id, dialog_id, created_at, type, body)
        select gen_random_uuid(), a.dialog_id, a.created_at, a.type, a.body
        from activity a, generate_series(2, 20000) where a.dialog_id = $1";
    assert_eq!(database.execute(fill, long).await, MANY.unsigned_abs() - 1);

    let fill = "insert into dialog_part (id, dialog_id, kind, of_transmission)
        select gen_random_uuid(), $1, 1, true from generate_series(1, 20000)";
    assert_eq!(database.execute(fill, long).await, MANY.unsigned_abs());

    let fill = "insert into dialog_text (dialog_id, source_id, chunk, lexemes)
        select dialog_id, id, 0, to_tsvector('simple', id::text) from transmission where dialog_id = $1
        on conflict do nothing";
    assert_eq!(database.execute(fill, long).await, MANY.unsigned_abs() - 1);

    // Whether the planner knows nothing, or that nearly all there is belongs to one dialog.
    for statistics in ["select 1", "analyze"] {
        database.configure(statistics).await;
        let (of_short, of_long) = (append(&database, short).await, append(&database, long).await);
        let seen = format!("{of_long:?} instead of {of_short:?} after {statistics}");
        // Something was counted, and not the 20,000.
        assert!(of_short.rows > 2 * APPENDED && of_short.pages > 2 * APPENDED, "{seen}");
        assert!(of_long.rows <= of_short.rows + 3 * APPENDED, "{seen}");
        // Ten pages more for each request would be the way down ten more indexes.
        assert!(of_long.pages <= of_short.pages + 30 * APPENDED, "{seen}");
    }
}
