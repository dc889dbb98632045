//! Who the caller is: access tokens, what they say, and which endpoints they open.
//!
//! The way of a request: [`token`] checks the `Authorization` header and gives [`claims`]; a
//! [`policy`] turns these into a [`caller`] or refuses. [`dialog_token`] goes the other way: it
//! signs what a caller may do on one dialog.

pub mod caller;
pub mod claims;
pub mod dialog_token;
pub(crate) mod jws;
pub mod policy;
pub mod scope;
pub mod token;
