//! Why somebody may or may not see a dialog: what support is asked most.

use serde::Serialize;
use uuid::Uuid;

use crate::altinn::ActionAttribute;

/// The facts that decide. Names nobody.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Id of the dialog's resource.
    pub service_resource: String,
    /// Whether the registry of resources has it.
    pub is_resource_known: bool,
    /// What kind of user asks.
    pub user_kind: &'static str,
    /// How strong the user's login is.
    pub level: u32,
    /// How strong it has to be.
    pub minimum_level: u32,
    /// Whether it is.
    pub is_level_sufficient: bool,
    /// Whether the user may open the dialog, but for the level.
    pub may_open: bool,
    /// What the policy decision point permits.
    pub permitted: Vec<ActionAttribute>,
    /// What it was asked, too, and does not permit.
    pub denied: Vec<ActionAttribute>,
    /// Whether the user can represent the dialog's party.
    pub represents_party: bool,
    /// The user's roles for the party.
    pub roles: Vec<String>,
    /// The user's access packages for the party.
    pub access_packages: Vec<String>,
    /// Roles, access packages and delegations because of which the dialog is in the user's lists.
    pub listed_through: Vec<String>,
}

impl Explanation {
    /// In one or more sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        let reads = self.permitted.iter().any(|grant| grant.action == "read" && grant.attribute == "main");
        if !self.is_resource_known {
            sentences.push("The service is not in the registry of resources.".to_owned());
        }
        if !self.represents_party {
            sentences.push("The user cannot represent the party of the dialog.".to_owned());
        } else if self.listed_through.is_empty() {
            sentences.push(
                "The user can represent the party, but has no role, access package or delegation for the service."
                    .to_owned(),
            );
        } else {
            sentences.push(format!("The dialog is in lists through {}.", self.listed_through.join(", ")));
        }
        sentences.push(match (self.may_open, reads) {
            (true, true) => "The policy of the service permits to read the dialog.".to_owned(),
            (true, false) => {
                "The policy does not permit to read the dialog, which can be opened all the same.".to_owned()
            }
            (false, _) => "The policy of the service permits nothing on the dialog.".to_owned(),
        });
        if self.may_open && !self.is_level_sufficient {
            sentences.push(format!(
                "The login has level {}, and the service demands {}.",
                self.level, self.minimum_level
            ));
        }
        sentences
    }

    /// Writes it to the log, at level `debug`.
    pub(super) fn log(&self, dialog: Uuid) {
        let list = |decisions: &[ActionAttribute]| {
            let pairs = decisions.iter().map(|pair| format!("{},{}", pair.action, pair.attribute));
            pairs.collect::<Vec<_>>().join(";")
        };
        tracing::debug!(
            %dialog,
            service_resource = self.service_resource,
            user_kind = self.user_kind,
            level = self.level,
            minimum_level = self.minimum_level,
            may_open = self.may_open,
            permitted = list(&self.permitted),
            denied = list(&self.denied),
            represents_party = self.represents_party,
            roles = self.roles.join(";"),
            access_packages = self.access_packages.join(";"),
            listed_through = self.listed_through.join(";"),
            "access to a dialog"
        );
    }
}
