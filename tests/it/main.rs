//! The service over HTTP, on a real database.

mod authentication;
mod authorization;
mod children;
mod concurrency;
mod conventions;
mod create;
mod end_user;
mod harness;
mod immutability;
mod issuers;
mod instances;
mod labels;
mod lifecycle;
mod limits;
mod list;
mod patch;
mod platform;
mod repetition;
mod scale;
mod statements;
mod update;
