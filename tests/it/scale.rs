//! What it costs to append to a long dialog.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const APPENDED: i64 = 10;

/// Rows that were read so far, by scans of any kind, once nobody is connected any more: then all
/// counts have been told.
async fn rows_read(database: &Database) -> i64 {
    let others = "select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
            and $1::uuid is not null";
    while database.column::<i64>(others, Uuid::nil()).await != [0] {
        tokio::task::yield_now().await;
    }
    let sql = "select (sum(coalesce(idx_tup_fetch, 0)) + sum(coalesce(seq_tup_read, 0)))::bigint
        from pg_stat_user_tables
        where relname in ('dialog', 'dialog_document', 'transmission', 'activity', 'dialog_part')
            and $1::uuid is not null";
    database.column::<i64>(sql, Uuid::nil()).await[0]
}

/// Appends with everything that has to be looked up; gives the rows that were read.
async fn append(database: &Database, id: Uuid) -> i64 {
    let before = rows_read(database).await;
    let service = Service::on(database).await;
    let owner = service.owner();
    let mut parent: Option<Uuid> = None;
    for number in 0..APPENDED {
        let letter =
            one_of_each()["transmissions"][0].clone().with("/idempotentKey", format!("key {number}"));
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
        parent = Some(added);
    }
    drop(service);
    rows_read(database).await - before
}

#[tokio::test]
async fn appending_costs_the_same_whatever_there_is() {
    let service = Service::alone().await;
    let owner = service.owner();
    let database = service.database.clone();
    let (short, long) = (owner.created(&one_of_each()).await, owner.created(&one_of_each()).await);
    let fill = "insert into transmission (id, dialog_id, created_at, type, depth, body)
        select gen_random_uuid(), t.dialog_id, t.created_at, t.type, t.depth, t.body
        from transmission t, generate_series(1, 5000) where t.dialog_id = $1";
    assert_eq!(database.execute(fill, long).await, 5_000);
    let count = "update dialog set from_service_owner = 5001, unopened_transmissions = 5001 where id = $1";
    database.execute(count, long).await;
    let fill = "insert into activity (id, dialog_id, created_at, type, body)
        select gen_random_uuid(), a.dialog_id, a.created_at, a.type, a.body
        from activity a, generate_series(1, 5000) where a.dialog_id = $1";
    assert_eq!(database.execute(fill, long).await, 5_000);
    drop(service);

    let (of_short, of_long) = (append(&database, short).await, append(&database, long).await);
    // Something was counted, and not the 5,000.
    assert!(of_short > 2 * APPENDED, "{of_short}");
    assert!(of_long <= of_short + 2 * APPENDED, "{of_long} rows instead of {of_short}");
}
