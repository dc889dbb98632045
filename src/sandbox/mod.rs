//! The sandbox: everything the service needs around it, in one process.

pub mod catalogue;
pub mod platform;
