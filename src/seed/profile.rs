//! Who there is in the data set, and what is special about whom.

use std::fmt;
use std::ops::Range;

use uuid::Uuid;

use super::random::{Random, Zipf};
use super::{dialogs, numbers, texts};
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::dialog::vocabulary::DialogStatus;

/// Organisations and people that dialogs belong to, apart from the one with very many.
const ORGANIZATIONS: usize = 20_000;
const PERSONS: usize = 20_000;
const SERVICES: usize = 50;

/// Every so many dialogs one belongs to the party that has very many.
const WHALE_EVERY: usize = 10;
/// Every so many dialogs, values that are rare.
const RARE_EVERY: usize = 5_000;
/// Transmissions of the biggest dialog.
pub const BIGGEST: usize = 20_000;

/// A word in 40 % of the dialogs, and in no other text.
pub const COMMON_WORD: &str = "Altinn";
/// A status that few dialogs have.
pub const RARE_STATUS: DialogStatus = DialogStatus::Draft;
/// An extended status that few dialogs have.
pub const RARE_EXTENDED_STATUS: &str = "seed:rare";
/// A label of service owners that few dialogs have.
pub const RARE_LABEL: &str = "seed:rare";

/// A service of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id, without `urn:altinn:resource:`.
    pub id: String,
    /// Short code of its owner.
    pub owner_code: &'static str,
    /// Number of its owner.
    pub owner_number: &'static str,
    /// Lower-case type.
    pub resource_type: &'static str,
    /// Least level of login.
    pub minimum_level: u8,
    /// Whether everybody has access for themselves and for whom they manage; otherwise access has to be
    /// given.
    pub is_open: bool,
}

/// Somebody who logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// National identity number.
    pub number: String,
    /// Name.
    pub name: &'static str,
    /// Places among [`Profile::parties`] of those for whom the user acts.
    pub parties: Range<usize>,
    /// Places of the dialogs that the user has been given one by one.
    pub delegated: Vec<usize>,
}

/// Identity numbers stay out of logs, also those of nobody.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({}, {} parties)", self.name, self.parties.len())
    }
}

/// What is special about a dialog by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// Nothing.
    Nothing,
    /// It has [`BIGGEST`] transmissions.
    Biggest,
    /// It alone has the rare word with this number.
    RareWord(usize),
    /// It has been given to somebody, as the one with this number.
    Delegated(usize),
}

/// The data set: everything about it that is not in a single dialog.
#[derive(Debug)]
pub struct Profile {
    /// Another number gives other data.
    pub seed: u64,
    /// How many dialogs there are.
    pub dialogs: usize,
    /// The parties: the one with very many dialogs, then organisations, then people.
    pub parties: Vec<PartyUrn>,
    /// The services; the first has 30 % of all dialogs.
    pub services: Vec<Service>,
    /// Acts for 10,000 parties, the one with very many dialogs among them.
    pub ten_thousand: User,
    /// Acts for 1,000 parties, and has been given single dialogs of others.
    pub thousand: User,
    /// Acts for the party with very many dialogs alone.
    pub whale_manager: User,
    /// Acts for nobody else, and has been given single dialogs.
    pub delegate: User,
    /// Place among the parties of a person with an ordinary number of dialogs: one in 2,000.
    pub ordinary: usize,
    party_ranks: Zipf,
    service_ranks: Zipf,
}

/// Owners of services: code, number.
const OWNERS: [(&str, &str); 4] =
    [("skd", "974761076"), ("nav", "889640782"), ("brg", "974760673"), ("ttd", "991825827")];

impl Profile {
    /// The data set with so many dialogs.
    #[must_use]
    pub fn new(seed: u64, dialogs: usize) -> Self {
        let mut organizations = numbers::organizations();
        let mut persons = numbers::persons();
        let organization = |number: String| PartyUrn::of(PartyKind::Organization, &number);
        let person = |number: String| PartyUrn::of(PartyKind::Person, &number);
        let mut parties: Vec<PartyUrn> =
            organizations.by_ref().take(1 + ORGANIZATIONS).map(organization).collect();
        parties.extend(persons.by_ref().take(PERSONS).map(person));
        let mut user = |name, parties: Range<usize>| User {
            number: persons.next().unwrap_or_default(),
            name,
            parties,
            delegated: Vec::new(),
        };
        let mut profile = Self {
            seed,
            dialogs,
            parties,
            services: (0..SERVICES).map(service).collect(),
            ten_thousand: user("TRAVEL MAUR", 0..10_000),
            thousand: user("FLITTIG BIE", 10_000..11_000),
            whale_manager: user("STOR HVAL", 0..1),
            delegate: user("BETRODD RAVN", 0..0),
            ordinary: 0,
            party_ranks: Zipf::new(ORGANIZATIONS + PERSONS, 20),
            service_ranks: Zipf::new(SERVICES - 1, 2),
        };
        let people = 1 + ORGANIZATIONS..;
        profile.ordinary =
            (200..300).map(party_at_rank).find(|place| people.contains(place)).unwrap_or_default();
        let delegated = (0..profile.delegations()).map(|number| profile.delegation(number));
        profile.delegate.delegated = delegated.collect();
        let few = profile.delegate.delegated.len().div_ceil(10);
        profile.thousand.delegated = profile.delegate.delegated[..few].to_vec();
        profile
    }

    /// The party with 10 % of all dialogs.
    #[must_use]
    pub fn whale(&self) -> &PartyUrn {
        &self.parties[0]
    }

    /// Place of the dialog with [`BIGGEST`] transmissions.
    #[must_use]
    pub fn biggest(&self) -> usize {
        // Ends in 1, or is the only one.
        (self.dialogs / 20 * 10 + 1).min(self.dialogs.saturating_sub(1))
    }

    /// Number of words that are in one dialog each.
    #[must_use]
    pub fn rare_words(&self) -> usize {
        (self.dialogs / 20).clamp(1, texts::RARE_WORDS)
    }

    /// A word that is in one dialog, and the place of that. Those whose numbers end in 0 belong to
    /// parties of the user with 1,000.
    #[must_use]
    pub fn rare_word(&self, number: usize) -> (String, usize) {
        let step = self.dialogs / self.rare_words();
        (texts::rare_word(number), number * step + step / 2)
    }

    fn delegations(&self) -> usize {
        (self.dialogs / 50).min(200)
    }

    fn delegation(&self, number: usize) -> usize {
        number * (self.dialogs / self.delegations()) + 7
    }

    /// What is special about the dialog at this place.
    pub(super) fn special(&self, place: usize) -> Special {
        if place == self.biggest() {
            return Special::Biggest;
        }
        let step = self.dialogs / self.rare_words();
        if place % step == step / 2 && place / step < self.rare_words() {
            return Special::RareWord(place / step);
        }
        if self.delegations() > 0 {
            let step = self.dialogs / self.delegations();
            if place % step == 7 && place / step < self.delegations() {
                return Special::Delegated(place / step);
            }
        }
        Special::Nothing
    }

    /// Whose a dialog is.
    pub(super) fn party(&self, place: usize, special: Special, random: &mut Random) -> usize {
        let drawn = party_at_rank(self.party_ranks.rank(random));
        match special {
            Special::Biggest => self.thousand.parties.start,
            Special::RareWord(number) if number.is_multiple_of(10) => {
                self.thousand.parties.start + number % self.thousand.parties.len()
            }
            // One that is not the user's anyway.
            Special::Delegated(_) if self.thousand.parties.contains(&drawn) => self.thousand.parties.end,
            Special::Delegated(_) => drawn,
            Special::Nothing | Special::RareWord(_) if place % WHALE_EVERY == 3 => 0,
            Special::Nothing | Special::RareWord(_) => drawn,
        }
    }

    /// About which service a dialog is.
    pub(super) fn service(&self, special: Special, random: &mut Random) -> usize {
        let drawn = if random.chance(300) { 0 } else { 1 + self.service_ranks.rank(random) };
        match special {
            Special::Biggest | Special::RareWord(_) => 0,
            // One to which access has to be given.
            Special::Delegated(number) if number % 2 == 1 => 4,
            Special::Delegated(_) | Special::Nothing => drawn,
        }
    }

    /// Whether the dialog at this place has the rare value with this number: one dialog in 5,000 of the
    /// party with very many, and one in 5,000 of the others.
    pub(super) fn is_rare(place: usize, number: usize) -> bool {
        [13, 2_517].iter().any(|at| place % RARE_EVERY == at + 10 * number)
    }

    /// Id of the dialog at this place.
    #[must_use]
    pub fn dialog_id(&self, place: usize) -> Uuid {
        dialogs::id(self, place)
    }
}

/// The first ranks are spread over all parties.
fn party_at_rank(rank: usize) -> usize {
    1 + (rank * 7_919 + 4_711) % (ORGANIZATIONS + PERSONS)
}

fn service(number: usize) -> Service {
    // One owner has but one service, the one with 30 % of all dialogs.
    let (owner_code, owner_number) = if number == 0 { OWNERS[0] } else { OWNERS[1 + number % 3] };
    Service {
        id: format!("{owner_code}-seed-{number}"),
        owner_code,
        owner_number,
        resource_type: if number % 3 == 1 { "altinnapp" } else { "genericaccessresource" },
        minimum_level: if number % 10 == 7 { 4 } else { 3 },
        is_open: number % 5 != 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_dialogs_are_where_they_are_said_to_be() {
        for dialogs in [1, 30, 777, 2_000, 200_000] {
            let profile = Profile::new(1, dialogs);
            assert_eq!(profile.special(profile.biggest()), Special::Biggest);
            let mut found = 0;
            for number in 0..profile.rare_words() {
                let (_, place) = profile.rare_word(number);
                assert!(place < dialogs);
                found += usize::from(profile.special(place) == Special::RareWord(number));
            }
            assert!(found + 1 >= profile.rare_words());
            let marked = (0..dialogs).filter(|place| matches!(profile.special(*place), Special::RareWord(_)));
            assert_eq!(marked.count(), found);
            assert!(profile.delegate.delegated.iter().all(|place| *place < dialogs));
        }
    }

    #[test]
    fn parties_are_valid_and_differ() {
        let profile = Profile::new(1, 100);
        let mut urns: Vec<&str> = profile.parties.iter().map(PartyUrn::as_str).collect();
        assert!(urns.iter().all(|urn| PartyUrn::parse_dialog_party(urn).is_some()));
        urns.sort_unstable();
        urns.dedup();
        assert_eq!(urns.len(), 1 + ORGANIZATIONS + PERSONS);
        assert_eq!((profile.ten_thousand.parties.len(), profile.thousand.parties.len()), (10_000, 1_000));
    }
}
