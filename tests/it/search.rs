//! Searches of both APIs.

mod free_text;
mod oracle;
mod paging;
mod parameters;
mod random;
mod words;
