//! Names for people that say nothing about who they are.

use aws_lc_rs::hmac;

use uuid::Uuid;

use crate::dialog::party::{PartyKind, PartyUrn};
use crate::timestamp::Timestamp;

const PREFIX: &str = "urn:altinn:person:identifier-ephemeral:";

/// Makes pseudonyms with a secret that all instances share. They change every day.
pub struct Pseudonyms {
    key: hmac::Key,
}

impl Pseudonyms {
    /// Pseudonyms under this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// What other end users see of `id`: persons as `urn:altinn:person:identifier-ephemeral:` and
    /// ten hexadecimal digits, e-mail and user-name users too; all others as they are. In another
    /// dialog the same person has another pseudonym.
    #[must_use]
    pub fn of(&self, id: &str, dialog: Uuid, now: Timestamp) -> String {
        let kind = PartyUrn::parse(id).map(|party| party.kind());
        if matches!(kind, Some(PartyKind::Organization | PartyKind::SystemUser | PartyKind::Feide)) {
            return id.to_owned();
        }
        let day = now.unix_seconds().div_euclid(86_400);
        let tag = hmac::sign(&self.key, format!("{day}:{dialog}:{id}").as_bytes());
        let mut first = [0; 8];
        first[3..].copy_from_slice(&tag.as_ref()[..5]);
        format!("{PREFIX}{:010x}", u64::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_hidden_and_organisations_are_not() {
        let now = Timestamp::parse("2026-01-01T12:00:00Z").unwrap();
        let dialog = Uuid::nil();
        let person = "urn:altinn:person:identifier-no:08844397713";
        let (one, other) = (Pseudonyms::new(b"secret"), Pseudonyms::new(b"secret"));
        assert_eq!(one.of(person, dialog, now), other.of(person, dialog, now));
        assert!(one.of(person, dialog, now).strip_prefix(PREFIX).is_some_and(|rest| rest.len() == 10));
        assert_ne!(one.of(person, dialog, now), one.of(person, dialog, now.plus_seconds(86_400)));
        assert_ne!(one.of(person, dialog, now), one.of(person, Uuid::max(), now));
        assert_ne!(one.of(person, dialog, now), Pseudonyms::new(b"other").of(person, dialog, now));
        assert!(one.of("urn:altinn:person:idporten-email:a@b.no", dialog, now).starts_with(PREFIX));
        let organisation = "urn:altinn:organization:identifier-no:991825827";
        assert_eq!(one.of(organisation, dialog, now), organisation);
    }
}
