//! The platform as it is played in the sandbox.

pub mod http;
pub mod issuers;
pub mod keys;
pub mod token_generator;
