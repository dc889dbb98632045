//! The service over HTTP, on a real database.

mod authentication;
mod authorization;
mod catalogue;
mod children;
mod concurrency;
mod conventions;
mod create;
mod disclosure;
mod end_user;
mod harness;
mod immutability;
mod instances;
mod issuers;
mod labels;
mod lifecycle;
mod limits;
mod list;
mod lookup;
mod patch;
mod platform;
mod reads;
mod repetition;
mod scale;
mod statements;
mod update;
