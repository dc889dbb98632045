//! The service over HTTP, on a real database.

mod authentication;
mod children;
mod concurrency;
mod conventions;
mod create;
mod end_user;
mod event_sinks;
mod event_streams;
mod events;
mod faults;
mod harness;
mod immutability;
mod instances;
mod labels;
mod lifecycle;
mod limits;
mod list;
mod patch;
mod repetition;
mod scale;
mod statements;
mod update;
