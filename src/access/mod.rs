//! Who the caller is, and what the caller may do and see.

mod reach;

pub use reach::{DialogScope, SearchScope};
