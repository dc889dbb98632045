//! What the tests stand on: one PostgreSQL server for the whole run, services in this process, and
//! clients, bodies and assertions that let a test read like a sentence.

mod browser;
mod client;
mod cluster;
mod dialogs;
mod service;
pub mod statements;

pub use browser::Browser;
pub use client::{Answer, Call, Client};
pub use cluster::{Database, temporary_directory};
pub use dialogs::{
    CORRESPONDENCE, DEMO_NOTICE, EVENTS, Edit, LEVEL_FOUR, OTHER_OWNERS, OTHER_PERSON, PERSON, PERSON_NUMBER,
    RESOURCE, RESOURCE_2, dialog, embed, full_dialog, key_of, localized, one_of_each, put_body, text, texts,
};
pub use service::{ADMIN, CHANGE_TRANSMISSIONS, CORRESPONDENCE_SCOPE, LEGACY_HTML, OWNER, Service};
