//! Who a dialog can belong to, and who can act: identifiers as URNs.

use std::fmt;

/// What a URN names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartyKind {
    /// `urn:altinn:person:identifier-no:` and eleven digits.
    Person,
    /// `urn:altinn:organization:identifier-no:` and nine digits.
    Organization,
    /// `urn:altinn:systemuser:uuid:` and a UUID.
    SystemUser,
    /// `urn:altinn:person:idporten-email:` and an e-mail address.
    Email,
    /// `urn:altinn:person:legacy-selfidentified:` and a user name.
    LegacySelfIdentified,
    /// `urn:altinn:feide-subject:` and 64 characters.
    Feide,
}

impl PartyKind {
    const ALL: [Self; 6] = [
        Self::Person,
        Self::Organization,
        Self::SystemUser,
        Self::Email,
        Self::LegacySelfIdentified,
        Self::Feide,
    ];

    /// The URN up to, and without, the last colon.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Person => "urn:altinn:person:identifier-no",
            Self::Organization => "urn:altinn:organization:identifier-no",
            Self::SystemUser => "urn:altinn:systemuser:uuid",
            Self::Email => "urn:altinn:person:idporten-email",
            Self::LegacySelfIdentified => "urn:altinn:person:legacy-selfidentified",
            Self::Feide => "urn:altinn:feide-subject",
        }
    }

    /// Whether a dialog can belong to one of this kind.
    #[must_use]
    pub fn can_own_dialogs(self) -> bool {
        matches!(self, Self::Person | Self::Organization | Self::Email | Self::LegacySelfIdentified)
    }
}

/// A valid identifier: kind and id, kept as one lower-case URN.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartyUrn {
    urn: String,
}

impl PartyUrn {
    /// Stands for the party of a dialog of which only other things were read; it equals no party.
    #[must_use]
    pub fn unread() -> Self {
        Self { urn: String::new() }
    }

    /// Reads a URN: known prefix (exact case), and an id that is valid for it.
    #[must_use]
    pub fn parse(urn: &str) -> Option<Self> {
        let (kind, id) = split(urn)?;
        let valid = match kind {
            PartyKind::Person => is_person_number(id),
            PartyKind::Organization => is_organization_number(id),
            PartyKind::SystemUser => id.len() == 36 && uuid::Uuid::try_parse(id).is_ok(),
            PartyKind::Email => is_iri(urn) && decoded(id).is_some_and(|id| is_email(&id)),
            PartyKind::LegacySelfIdentified => {
                is_iri(urn) && decoded(id).is_some_and(|id| !id.trim().is_empty())
            }
            PartyKind::Feide => is_iri(urn) && decoded(id).is_some_and(|id| id.chars().count() == 64),
        };
        valid.then(|| Self { urn: urn.to_lowercase() })
    }

    /// Reads a URN of a kind that dialogs can belong to, and actors can be.
    #[must_use]
    pub fn parse_dialog_party(urn: &str) -> Option<Self> {
        Self::parse(urn).filter(|party| party.kind().can_own_dialogs())
    }

    /// The identifier of the given kind. `id` must be valid for it.
    #[must_use]
    pub fn of(kind: PartyKind, id: &str) -> Self {
        Self { urn: format!("{}:{id}", kind.prefix()).to_lowercase() }
    }

    /// What the URN names.
    #[must_use]
    pub fn kind(&self) -> PartyKind {
        split(&self.urn).map_or(PartyKind::Person, |(kind, _)| kind)
    }

    /// The part after the last colon.
    #[must_use]
    pub fn id(&self) -> &str {
        self.urn.rsplit(':').next().unwrap_or_default()
    }

    /// The whole URN in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.urn
    }
}

impl fmt::Display for PartyUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.urn)
    }
}

/// Shows the kind only: identity numbers stay out of logs.
impl fmt::Debug for PartyUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:…", self.kind().prefix())
    }
}

fn split(urn: &str) -> Option<(PartyKind, &str)> {
    let (prefix, id) = urn.rsplit_once(':')?;
    let kind = PartyKind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
    Some((kind, id))
}

fn is_iri(urn: &str) -> bool {
    iri_string::types::IriStr::new(urn).is_ok()
}

fn decoded(id: &str) -> Option<String> {
    percent_encoding::percent_decode_str(id).decode_utf8().ok().map(Into::into)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    !local.is_empty()
        && !host.is_empty()
        && !top.is_empty()
        && !domain.contains('@')
        && !text.chars().any(|c| c.is_whitespace() || c == '\0')
}

fn check_digit(digits: &[u32], weights: &[u32]) -> Option<u32> {
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => Some(digit),
    }
}

fn ascii_digits(text: &str, count: usize) -> Option<Vec<u32>> {
    (text.len() == count).then_some(())?;
    text.bytes().map(|b| b.is_ascii_digit().then(|| u32::from(b - b'0'))).collect()
}

const FIRST_OF_PERSON: [u32; 9] = [3, 7, 6, 1, 8, 9, 4, 5, 2];
const SECOND_OF_PERSON: [u32; 10] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
const OF_ORGANIZATION: [u32; 8] = [3, 2, 7, 6, 5, 4, 3, 2];

/// The identity number that begins with these nine digits, if there is one.
#[must_use]
pub fn with_check_digits(nine: &str) -> Option<String> {
    let mut digits = ascii_digits(nine, 9)?;
    let first = check_digit(&digits, &FIRST_OF_PERSON)?;
    digits.push(first);
    let second = check_digit(&digits, &SECOND_OF_PERSON)?;
    Some(format!("{nine}{first}{second}"))
}

/// The organisation number that begins with these eight digits, if there is one.
#[must_use]
pub fn with_check_digit(eight: &str) -> Option<String> {
    let digit = check_digit(&ascii_digits(eight, 8)?, &OF_ORGANIZATION)?;
    Some(format!("{eight}{digit}"))
}

/// Whether `text` is a national identity number: eleven digits, the last two check digits
/// (modulus 11). Dates are not checked, so D-numbers and synthetic numbers pass.
#[must_use]
pub fn is_person_number(text: &str) -> bool {
    ascii_digits(text, 11).is_some_and(|digits| {
        check_digit(&digits[..9], &FIRST_OF_PERSON) == Some(digits[9])
            && check_digit(&digits[..10], &SECOND_OF_PERSON) == Some(digits[10])
    })
}

/// Whether `text` is an organisation number: nine digits, the last a check digit (modulus 11).
#[must_use]
pub fn is_organization_number(text: &str) -> bool {
    ascii_digits(text, 9).is_some_and(|digits| check_digit(&digits[..8], &OF_ORGANIZATION) == Some(digits[8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_decide() {
        for number in ["08844397713", "13838599936", "27069815400", "08895699684", "03886595947"] {
            assert!(is_person_number(number), "{number}");
        }
        for number in
            ["08844397714", "08844397723", "0884439771", "088443977133", "٠٨٨٤٤٣٩٧٧١٣", "abcdefghijk", ""]
        {
            assert!(!is_person_number(number), "{number}");
        }
        for number in ["991825827", "974760673", "310923044", "315010195", "964951284"] {
            assert!(is_organization_number(number), "{number}");
        }
        for number in ["991825828", "999888777", "99182582", "9918258277"] {
            assert!(!is_organization_number(number), "{number}");
        }
    }

    #[test]
    fn parties_are_read_and_lowered() {
        let party = PartyUrn::parse("urn:altinn:person:idporten-email:foo@BAR.com").unwrap();
        assert_eq!(party.as_str(), "urn:altinn:person:idporten-email:foo@bar.com");
        assert_eq!((party.kind(), party.id()), (PartyKind::Email, "foo@bar.com"));
        let party = PartyUrn::parse_dialog_party("urn:altinn:person:legacy-selfidentified:Leif").unwrap();
        assert_eq!(party.id(), "leif");
    }

    #[test]
    fn anything_else_is_refused() {
        for urn in [
            "",
            "urn:altinn:person:identifier-no:",
            "URN:altinn:person:identifier-no:08844397713",
            "urn:altinn:person:identifier-no:08844397714",
            "urn:altinn:organization:identifier-no:991825828",
            "urn:altinn:person:idporten-email:foo",
            "urn:altinn:person:idporten-email:foo@bar",
            "urn:altinn:person:idporten-email:a b@c.d",
            "urn:altinn:person:idporten-email:a%20b@c.d",
            "urn:altinn:person:legacy-selfidentified:",
            "urn:altinn:person:legacy-selfidentified:%20",
            "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364",
            "urn:altinn:person:identifier-ephemeral:abcdef0123",
            "08844397713",
            "urn:x:y",
        ] {
            assert_eq!(PartyUrn::parse_dialog_party(urn), None, "{urn}");
        }
    }

    #[test]
    fn debug_output_hides_the_number() {
        let party = PartyUrn::parse("urn:altinn:person:identifier-no:08844397713").unwrap();
        assert!(!format!("{party:?}").contains("08844397713"));
    }
}
