//! The rules of dialogs. Pure: no I/O, no async, no clock, no SQL, no HTTP.

pub mod correct;
pub mod create;
pub mod effects;
pub mod events;
pub mod hierarchy;
pub mod html;
pub mod input;
pub mod labels;
pub mod lifecycle;
pub mod limits;
pub mod model;
pub mod party;
pub mod patch;
pub mod reference;
pub mod refusal;
pub mod repetition;
pub mod update;
pub mod validate;
pub mod vocabulary;
pub mod write;
