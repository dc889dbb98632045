//! The rules of dialogs. Pure: no I/O, no async, no clock, no SQL, no HTTP.

pub mod party;
