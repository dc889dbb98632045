//! Whom a user can represent.

use uuid::Uuid;

use super::{App, Failure};
use crate::access::caller::{Caller, UserKind};
use crate::altinn::{AuthorizedParty, PlatformFailure};
use crate::dialog::party::PartyKind;
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
