//! Who the caller is, and what the caller may do and see.
//!
//! The way of a request: [`token`] checks the `Authorization` header and gives [`claims`]; a
//! [`policy`] turns these into a [`caller`] or refuses. [`Access`] says how far the caller reaches
//! and what is permitted on a dialog. [`dialog_token`] signs what a caller may do on one dialog.

mod authorization;
pub mod caller;
mod catalogue;
pub mod claims;
pub mod dialog_token;
mod explanation;
pub(crate) mod jws;
pub mod policy;
mod reach;
pub mod scope;
pub mod token;

pub use authorization::{Access, DialogAuthorization, Grant, instance_reference};
pub use catalogue::{DescribedResource, is_role};
pub use explanation::Explanation;
pub(crate) use reach::StreamsBy;
pub use reach::{DialogScope, ListedDialogs, SearchScope};
