//! A platform whose answers are remembered. What somebody may do can be withdrawn: it is used for at
//! most 15 minutes after it was asked for. That somebody may not is asked again after a minute, so that
//! a right that was just given is seen.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::remembered::{Ages, Remembered};
use super::{
    AccessManagement, AccessSubject, ActionAttribute, AuthorizedParty, DecisionSubject, PartyNames, Platform,
    PlatformFailure, PolicyDecisionPoint,
};
use crate::clock::Clock;
use crate::dialog::party::PartyUrn;

/// All that was asked was permitted.
const PERMITS: Ages = Ages { fresh: 5 * 60, usable: 15 * 60, last_resort: 15 * 60 };

/// Something was denied, or may be missing. When the platform does not answer, what was permitted is
/// still used for as long as above.
const DENIALS: Ages = Ages { fresh: 30, usable: 60, last_resort: 15 * 60 };

/// Names hardly ever change.
const NAMES: Ages = Ages { fresh: 24 * 3600, usable: 26 * 3600, last_resort: 48 * 3600 };

/// A name that nobody has yet.
const NO_NAME: Ages = Ages { fresh: 30, usable: 60, last_resort: 60 };

/// How many decisions are remembered: for one user and one dialog each.
const DECISIONS: u64 = 50_000;

/// How many parties are remembered, over all users.
const PARTIES: u64 = 200_000;

/// How many names are remembered.
const COUNT_OF_NAMES: u64 = 100_000;

/// The same platform, but it is not asked again what it has just said.
pub(super) fn remembering(platform: Platform, clock: &Clock) -> Platform {
    let quarter = Duration::from_mins(15);
    let decisions = Remembered::new(DECISIONS, quarter, clock.clone(), |_: &Vec<bool>| 1);
    let parties = Remembered::new(PARTIES, quarter, clock.clone(), |parties: &Vec<AuthorizedParty>| {
        let units = parties.iter().map(|party| party.sub_parties.len()).sum::<usize>();
        u32::try_from(1 + parties.len() + units).unwrap_or(u32::MAX)
    });
    let names =
        Remembered::new(COUNT_OF_NAMES, Duration::from_hours(48), clock.clone(), |_: &Option<String>| 1);
    Platform {
        resources: platform.resources,
        decisions: Arc::new(Decisions { source: platform.decisions, remembered: decisions }),
        access_management: Arc::new(Parties { source: platform.access_management, remembered: parties }),
        names: Arc::new(Names { source: platform.names, remembered: names }),
    }
}

struct Decisions {
    source: Arc<dyn PolicyDecisionPoint>,
    remembered: Remembered<(DecisionSubject, Vec<ActionAttribute>), Vec<bool>>,
}

#[async_trait]
impl PolicyDecisionPoint for Decisions {
    async fn decide(
        &self,
        about: &DecisionSubject,
        questions: &[ActionAttribute],
    ) -> Result<Vec<bool>, PlatformFailure> {
        let (source, about, questions) = (Arc::clone(&self.source), about.clone(), questions.to_vec());
        let ask = {
            let (about, questions) = (about.clone(), questions.clone());
            async move || {
                let decisions = source.decide(&about, &questions).await?;
                let ages = if decisions.contains(&false) { DENIALS } else { PERMITS };
                Ok((decisions, ages))
            }
        };
        Ok(self.remembered.get((about, questions), ask).await?.value.clone())
    }
}

struct Parties {
    source: Arc<dyn AccessManagement>,
    /// By user and filter, and by user alone for parties without their rights.
    remembered: Remembered<(PartyUrn, Option<Vec<PartyUrn>>), Vec<AuthorizedParty>>,
}

#[async_trait]
impl AccessManagement for Parties {
    async fn authorized_parties(
        &self,
        user: &PartyUrn,
        filter: &[PartyUrn],
    ) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        let mut filter = filter.to_vec();
        filter.sort();
        filter.dedup();
        let (source, key) = (Arc::clone(&self.source), (user.clone(), Some(filter.clone())));
        let ask = {
            let user = user.clone();
            // A list is a denial of all that is not on it.
            async move || Ok((source.authorized_parties(&user, &filter).await?, DENIALS))
        };
        Ok(self.remembered.get(key, ask).await?.value.clone())
    }

    async fn parties(&self, user: &PartyUrn) -> Result<Vec<AuthorizedParty>, PlatformFailure> {
        let (source, asked) = (Arc::clone(&self.source), user.clone());
        let ask = async move || Ok((source.parties(&asked).await?, DENIALS));
        Ok(self.remembered.get((user.clone(), None), ask).await?.value.clone())
    }

    async fn access_subjects(&self) -> Result<Vec<AccessSubject>, PlatformFailure> {
        self.source.access_subjects().await
    }
}

struct Names {
    source: Arc<dyn PartyNames>,
    remembered: Remembered<PartyUrn, Option<String>>,
}

#[async_trait]
impl PartyNames for Names {
    async fn name(&self, party: &PartyUrn) -> Result<Option<String>, PlatformFailure> {
        let (source, asked) = (Arc::clone(&self.source), party.clone());
        let ask = async move || {
            let name = source.name(&asked).await?;
            let ages = if name.is_some() { NAMES } else { NO_NAME };
            Ok((name, ages))
        };
        Ok(self.remembered.get(party.clone(), ask).await?.value.clone())
    }
}
