//! How many of the dialogs that a search finds are in which state: counted where they are found, so that
//! no dialog leaves the database.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::conditions::{CONTENT_IS_SEEN, Sql};
use crate::dialog::model::SystemLabels;
use crate::dialog::vocabulary::{DialogStatus, SystemLabel};
use crate::store::StoreFailure;

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

/// What is counted of the dialogs `d`, as one row.
pub(super) fn push_counts(sql: &mut Sql) {
    sql.push("count(*)::integer as total, ");
    push_count(sql, &format!("not ({CONTENT_IS_SEEN})"));
    sql.push("::integer as unread, array[");
    for (index, label) in SystemLabel::ALL.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " });
        push_count(sql, &format!("d.system_labels & {} <> 0", SystemLabels::of(*label).0));
    }
    sql.push("]::integer[] as by_label, array[");
    for (index, status) in DialogStatus::ALL.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " });
        push_count(sql, &format!("d.status = {}", status.code()));
    }
    sql.push("]::integer[] as by_status");
}

fn push_count(sql: &mut Sql, condition: &str) {
    sql.push("count(*) filter (where ").push(condition).push(")");
}

impl DialogCounts {
    /// Of no dialogs.
    #[must_use]
    pub fn none() -> Self {
        Self {
            by_label: SystemLabel::ALL.iter().map(|label| (*label, 0)).collect(),
            by_status: DialogStatus::ALL.iter().map(|status| (*status, 0)).collect(),
            unread: 0,
            total: 0,
            capped: false,
        }
    }

    /// Reads what [`push_counts`] selects.
    pub(super) fn of(row: &PgRow, capped: bool) -> Result<Self, StoreFailure> {
        let by_label: Vec<i32> = row.try_get("by_label")?;
        let by_status: Vec<i32> = row.try_get("by_status")?;
        Ok(Self {
            by_label: SystemLabel::ALL.iter().copied().zip(by_label).collect(),
            by_status: DialogStatus::ALL.iter().copied().zip(by_status).collect(),
            unread: row.try_get("unread")?,
            total: row.try_get("total")?,
            capped,
        })
    }
}
