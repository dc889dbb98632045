//! Dialogporten: the hub through which public agencies keep a digital dialog with every person and
//! company of a country.
//!
//! The way of a request: [`api`] -> [`app`] -> [`access`], [`search`], [`dialog`], [`store`].
//! Nothing in `api` touches SQL; nothing below `api` knows HTTP; `dialog` knows nothing but its
//! rules.
//!
//! | room | what is in it |
//! |---|---|
//! | [`config`] | every setting; nothing else reads the environment |
//! | [`clock`], [`timestamp`] | time and ids; moments as the wire has them |
//! | [`json`] | input with every failure collected, shapes, their schemas |
//! | [`server`] | settings -> store -> app -> router; start and shutdown |
//! | [`telemetry`] | logs and metrics |
//! | [`cli`] | the commands |
//! | [`api`] | the wire |
//! | [`app`] | the use cases |
//! | [`dialog`] | the rules |
//! | [`search`] | filters, order, position |
//! | [`access`] | who calls, and what the caller may do and see |
//! | [`store`] | all SQL |
//! | [`events`] | from the outbox to sinks and live streams |
//! | [`altinn`] | what the platform is asked, and its HTTP clients |
//! | [`seed`] | made-up data, as skewed as real data is |
//! | [`sandbox`] | the platform's stand-in, also over HTTP; tokens, own PostgreSQL |

pub mod access;
pub mod altinn;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dialog;
pub mod events;
pub mod json;
pub mod sandbox;
pub mod search;
pub mod seed;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod timestamp;
