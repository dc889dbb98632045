//! Searches of both APIs.

mod oracle;
mod random;
mod words;
