//! Names from the platform's register of parties.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::client::PlatformApi;
use super::{PartyNames, PlatformFailure, family_name_first, name_of_its_own};
use crate::dialog::party::{PartyKind, PartyUrn};

/// The name of a system user that the register does not know yet.
const SYSTEM_USER: &str = "Systembruker";

pub(super) struct HttpNames {
    pub api: PlatformApi,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Party>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Party {
    display_name: Option<String>,
}

#[async_trait]
impl PartyNames for HttpNames {
    async fn name(&self, party: &PartyUrn) -> Result<Option<String>, PlatformFailure> {
        if let Some(name) = name_of_its_own(party) {
            return Ok(Some(name));
        }
        let url = self.api.url("register/api/v1/dialogporten/parties/query")?;
        let body = json!({ "data": [party.as_str()] });
        let answer: Answer = self.api.json(|http| http.post(url.clone()).json(&body)).await?;
        let name = answer.data.into_iter().next().and_then(|party| party.display_name);
        let name = name.filter(|name| !name.trim().is_empty());
        Ok(match party.kind() {
            PartyKind::Person => name.map(|name| family_name_first(&name)),
            PartyKind::SystemUser => Some(name.unwrap_or_else(|| SYSTEM_USER.to_owned())),
            _ => name,
        })
    }
}
