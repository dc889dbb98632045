//! Rules that are common to all endpoints.

pub mod accept;
pub mod accept_language;
pub mod body;
pub mod conditional;
pub mod context;
pub mod event_stream;
pub mod operation;
pub mod paging;
pub mod parameter;
pub mod params;
pub mod problem;
pub mod query;
pub mod respond;
