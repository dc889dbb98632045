//! The platform's policy decision point.

use async_trait::async_trait;

use super::client::PlatformApi;
use super::xacml::{Envelope, Response};
use super::{ActionAttribute, DecisionSubject, PlatformFailure, PolicyDecisionPoint};

pub(super) struct HttpDecisions {
    pub api: PlatformApi,
}

#[async_trait]
impl PolicyDecisionPoint for HttpDecisions {
    async fn decide(
        &self,
        about: &DecisionSubject,
        questions: &[ActionAttribute],
    ) -> Result<Vec<bool>, PlatformFailure> {
        let url = self.api.url("authorization/api/v1/authorize")?;
        let envelope = Envelope::new(about, questions);
        let response: Response = self.api.json(|http| http.post(url.clone()).json(&envelope)).await?;
        if response.results.len() != questions.len() {
            let reason = format!("{} answers to {} questions", response.results.len(), questions.len());
            return Err(self.api.unusable(reason));
        }
        response.results.iter().map(|result| self.is_permit(&result.decision)).collect()
    }
}

impl HttpDecisions {
    /// Only `Permit` permits; a word that we do not know is no answer.
    fn is_permit(&self, decision: &str) -> Result<bool, PlatformFailure> {
        match decision {
            "Permit" => Ok(true),
            "Deny" | "NotApplicable" => Ok(false),
            "Indeterminate" => {
                tracing::warn!("the policy decision point could not decide");
                Ok(false)
            }
            _ => Err(self.api.unusable("a decision is none that XACML knows")),
        }
    }
}
