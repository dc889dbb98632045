//! The sandbox: what a start without any configuration needs, on one machine and without a network.

pub mod postgres;
