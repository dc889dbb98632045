//! Whom a user can represent.

use std::collections::HashSet;

use uuid::Uuid;

use super::{App, Failure};
use crate::access::caller::{Caller, UserKind};
use crate::altinn::{AuthorizedParty, PlatformFailure};
use crate::dialog::party::{PartyKind, PartyUrn};
use crate::json::output_shape;

output_shape! {
    /// Whom a user can represent.
    pub struct PartiesView {
        /// In the platform's order.
        authorized_parties: Vec<AuthorizedPartyView>,
    }
}

output_shape! {
    /// A party that a user can represent.
    pub struct AuthorizedPartyView {
        /// The party, as a URN.
        party: String,
        /// Its id in the party register.
        party_uuid: Uuid,
        /// Its older, numeric id.
        party_id: i32,
        /// Its name.
        name: String,
        /// `YYYY-MM-DD`, persons only.
        date_of_birth: Option<String>,
        /// `Organization`, `Person` or `SelfIdentified`.
        party_type: String,
        /// Whether it no longer exists.
        is_deleted: bool,
        /// Whether the user is responsible for it; not asked for here.
        has_key_role: bool,
        /// Whether it is the user.
        is_current_end_user: bool,
        /// Whether the user administers everything of it; not asked for here.
        is_main_administrator: bool,
        /// Whether the user gives access to others; not asked for here.
        is_access_manager: bool,
        /// Whether it is listed only because of its sub-units.
        has_only_access_to_sub_parties: bool,
        /// Its sub-units.
        sub_parties: Option<Vec<AuthorizedPartyView>>,
    }
}

/// Which of a user's parties are wanted.
#[derive(Clone, Debug)]
pub struct WantedParties {
    /// Only these and their sub-units; sub-units that are among them come below their main unit.
    pub only: Option<Vec<PartyUrn>>,
    /// Whether those are wanted that no longer exist. Where they are not, one that has a sub-unit that
    /// exists stays.
    pub deleted: bool,
    /// At most so many, not counting sub-units. Then, as with `after`, in the order of their URNs.
    pub first: Option<usize>,
    /// Only what comes after this party in the order of their URNs, whether it is among them or not.
    pub after: Option<PartyUrn>,
}

impl WantedParties {
    /// Those of the `parties` that are wanted.
    #[must_use]
    pub fn of(&self, mut parties: Vec<AuthorizedPartyView>) -> Vec<AuthorizedPartyView> {
        let only: Option<HashSet<&str>> =
            self.only.as_ref().map(|only| only.iter().map(PartyUrn::as_str).collect());
        let is_named = |party: &AuthorizedPartyView| {
            only.as_ref().is_none_or(|only| only.contains(party.party.as_str()))
        };
        let exists = |party: &AuthorizedPartyView| self.deleted || !party.is_deleted;
        parties.retain_mut(|party| {
            let is_named_itself = is_named(party);
            let units = party.sub_parties.get_or_insert_default();
            units.retain(|unit| (is_named_itself || is_named(unit)) && exists(unit));
            !units.is_empty() || (is_named_itself && exists(party))
        });
        if self.first.is_some() || self.after.is_some() {
            parties.sort_by(|one, other| one.party.cmp(&other.party));
            if let Some(after) = &self.after {
                parties.retain(|party| party.party.as_str() > after.as_str());
            }
            parties.truncate(self.first.unwrap_or(usize::MAX));
        }
        parties
    }
}

impl App {
    /// Whom the user can represent.
    ///
    /// # Errors
    /// When the platform fails, also by leaving out the user themselves.
    pub async fn parties(&self, caller: &Caller) -> Result<PartiesView, Failure> {
        let parties = self.access.all_parties(caller).await?;
        // Everybody but a system represents at least themselves.
        if parties.is_empty() && caller.kind != UserKind::SystemUser {
            let reason = "it knows no party of the user".to_owned();
            return Err(PlatformFailure::unusable("access management", reason).into());
        }
        Ok(PartiesView { authorized_parties: parties.into_iter().map(|party| view(party, caller)).collect() })
    }
}

fn view(party: AuthorizedParty, caller: &Caller) -> AuthorizedPartyView {
    AuthorizedPartyView {
        has_key_role: party.has_key_role(),
        is_main_administrator: party.is_main_administrator(),
        is_access_manager: party.is_access_manager(),
        is_current_end_user: party.party == caller.user,
        party_type: match party.party.kind() {
            PartyKind::Person => "Person",
            PartyKind::Organization => "Organization",
            _ => "SelfIdentified",
        }
        .to_owned(),
        party: party.party.as_str().to_owned(),
        party_uuid: party.party_uuid,
        party_id: party.party_id,
        name: party.name,
        date_of_birth: party.date_of_birth,
        is_deleted: party.is_deleted,
        has_only_access_to_sub_parties: party.only_hierarchy_element,
        sub_parties: (!party.sub_parties.is_empty())
            .then(|| party.sub_parties.into_iter().map(|unit| view(unit, caller)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: WantedParties = WantedParties { only: None, deleted: true, first: None, after: None };

    fn urn(name: &str) -> String {
        format!("urn:altinn:person:idporten-email:{name}@example.com")
    }

    fn urns(names: &[&str]) -> Vec<PartyUrn> {
        names.iter().map(|name| PartyUrn::parse(&urn(name)).unwrap()).collect()
    }

    /// A party by its name, which begins with `-` when it no longer exists.
    fn party(name: &str, units: &[&str]) -> AuthorizedPartyView {
        AuthorizedPartyView {
            party: urn(name.trim_start_matches('-')),
            party_uuid: Uuid::nil(),
            party_id: 0,
            name: name.trim_start_matches('-').to_owned(),
            date_of_birth: None,
            party_type: "Organization".to_owned(),
            is_deleted: name.starts_with('-'),
            has_key_role: false,
            is_current_end_user: false,
            is_main_administrator: false,
            is_access_manager: false,
            has_only_access_to_sub_parties: false,
            sub_parties: Some(units.iter().map(|unit| party(unit, &[])).collect()),
        }
    }

    #[test]
    fn what_is_wanted_of_the_parties() {
        let parties =
            || vec![party("d", &["-e", "f"]), party("-a", &["b", "-h"]), party("-g", &[]), party("c", &[])];
        let only = |names: &[&str]| WantedParties { only: Some(urns(names)), ..ALL };
        let page = |first, after: Option<&str>| WantedParties {
            first,
            after: after.and_then(|name| urns(&[name]).pop()),
            ..ALL
        };
        for (wanted, expected) in [
            (ALL, "d(e f) a(b h) g() c()"),
            (WantedParties { deleted: false, ..ALL }, "d(f) a(b) c()"),
            (only(&["d", "c"]), "d(e f) c()"),
            (only(&["f"]), "d(f)"),
            (only(&["d", "b"]), "d(e f) a(b)"),
            (only(&["z"]), ""),
            (WantedParties { deleted: false, ..only(&["g", "e", "a"]) }, "a(b)"),
            (page(Some(2), None), "a(b h) c()"),
            (page(Some(2), Some("c")), "d(e f) g()"),
            (page(Some(2), Some("b")), "c() d(e f)"),
            (page(None, Some("d")), "g()"),
            (page(Some(2), Some("g")), ""),
            (WantedParties { first: Some(1), deleted: false, ..page(None, Some("c")) }, "d(f)"),
        ] {
            let names = wanted.of(parties()).into_iter().map(|party| {
                let units: Vec<_> = party.sub_parties.unwrap().into_iter().map(|unit| unit.name).collect();
                format!("{}({})", party.name, units.join(" "))
            });
            assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{wanted:?}");
        }
    }
}
