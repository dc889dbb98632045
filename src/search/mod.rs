//! What a search is: filters, order, position and words.

mod cursor;
mod order;
mod seal;
pub mod text;
pub mod words;

use uuid::Uuid;

pub use cursor::Cursor;
pub use order::{Column, Direction, OrderBy};
pub use seal::Seal;
pub use text::TextQuery;

use crate::dialog::model::SystemLabels;
use crate::dialog::vocabulary::{DeletedFilter, DialogStatus};
use crate::timestamp::Timestamp;

/// Values that a dialog must have. An empty list allows every value; within a list any one will do.
#[derive(Clone, Debug)]
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
    /// Labels of its service owner that it must all have.
    pub service_owner_labels: Vec<LabelPattern>,
    /// Whether dialogs for systems alone are left out.
    pub exclude_api_only: bool,
    /// Whether the content has been seen.
    pub is_content_seen: Option<bool>,
    /// What is to be done with deleted dialogs.
    pub deleted: DeletedFilter,
    /// Whether dialogs that end users cannot see at this time are left out.
    pub only_visible: bool,
    /// Bounds of `createdAt`, both inclusive.
    pub created: Between,
    /// Bounds of `updatedAt`, both inclusive.
    pub updated: Between,
    /// Bounds of `contentUpdatedAt`, both inclusive.
    pub content_updated: Between,
    /// Bounds of `dueAt`, both inclusive; dialogs without it are outside.
    pub due: Between,
    /// Bounds of `visibleFrom`, both inclusive; dialogs without it are outside.
    pub visible: Between,
    /// Words to be found.
    pub text: Option<TextQuery>,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            org: Vec::new(),
            status: Vec::new(),
            extended_status: Vec::new(),
            external_reference: None,
            process: None,
            system_labels: None,
            service_owner_labels: Vec::new(),
            exclude_api_only: false,
            is_content_seen: None,
            deleted: DeletedFilter::Exclude,
            only_visible: false,
            created: Between::default(),
            updated: Between::default(),
            content_updated: Between::default(),
            due: Between::default(),
            visible: Between::default(),
            text: None,
        }
    }
}

/// A label of a service owner, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelPattern {
    /// This label, lower-case.
    Exactly(String),
    /// All labels that begin so, lower-case.
    StartingWith(String),
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
