//! The service over HTTP, on a real database.

mod authentication;
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
mod labels;
mod lifecycle;
mod limits;
mod list;
mod lookup;
mod patch;
mod plans;
mod precedence;
mod reads;
mod repetition;
mod scale;
mod seed;
mod statements;
mod update;
