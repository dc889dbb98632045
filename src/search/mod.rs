//! What a search is: filters, order and position.

mod cursor;
mod order;
pub mod words;

use uuid::Uuid;

pub use cursor::Cursor;
pub use order::{Column, Direction, OrderBy};

use crate::dialog::model::SystemLabels;
use crate::dialog::vocabulary::DialogStatus;
use crate::timestamp::Timestamp;

/// Values that a dialog must have. An empty list allows every value; within a list any one will do.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Short codes of service owners.
    pub org: Vec<String>,
    /// Statuses.
    pub status: Vec<DialogStatus>,
    /// Statuses of the services' own.
    pub extended_status: Vec<String>,
    /// Reference of the service's own.
    pub external_reference: Option<String>,
    /// The process, as a URI.
    pub process: Option<String>,
    /// Labels that it must all have; 0 for none.
    pub system_labels: Option<SystemLabels>,
    /// Whether dialogs for systems alone are left out.
    pub exclude_api_only: bool,
    /// Whether the content has been seen.
    pub is_content_seen: Option<bool>,
    /// Bounds of `createdAt`, both inclusive.
    pub created: Between,
    /// Bounds of `updatedAt`, both inclusive.
    pub updated: Between,
    /// Bounds of `contentUpdatedAt`, both inclusive.
    pub content_updated: Between,
    /// Bounds of `dueAt`, both inclusive; dialogs without it are outside.
    pub due: Between,
}

/// Two bounds in time, both inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// Not before.
    pub after: Option<Timestamp>,
    /// Not after.
    pub before: Option<Timestamp>,
}

/// Which page of a search.
#[derive(Clone, Debug)]
pub struct Page {
    /// In which order.
    pub order: OrderBy,
    /// After which item.
    pub after: Option<Cursor>,
    /// How many items, 1 to 1000.
    pub limit: u16,
}

/// What orders a dialog among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortKeys {
    /// Id.
    pub id: Uuid,
    /// Created.
    pub created_at: Timestamp,
    /// Changed.
    pub updated_at: Timestamp,
    /// Content changed.
    pub content_updated_at: Timestamp,
    /// Due.
    pub due_at: Option<Timestamp>,
}
