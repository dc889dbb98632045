//! Dialogporten: the hub through which public agencies keep a digital dialog with every person and
//! company of a country.
//!
//! The way of a request: [`api`] -> [`app`] -> [`access`], [`search`], [`dialog`], [`store`],
//! [`events`]. Nothing in `api` touches SQL; nothing below `api` knows HTTP; `dialog` knows nothing
//! but its rules.

pub mod altinn;
pub mod clock;
pub mod dialog;
pub mod json;
pub mod sandbox;
pub mod timestamp;
