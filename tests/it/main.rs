//! The service over HTTP, on a real database.

mod authentication;
mod children;
mod conventions;
mod create;
mod end_user;
mod harness;
mod instances;
mod lifecycle;
mod limits;
mod list;
mod patch;
mod statements;
mod update;
