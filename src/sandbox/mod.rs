//! The sandbox: what a start without any configuration needs, on one machine and without a network.

pub mod altinn;
pub mod catalogue;
pub mod explain;
pub mod faults;
pub mod http;
pub mod issuers;
pub mod keys;
pub mod platform;
pub mod postgres;
pub mod token_generator;
