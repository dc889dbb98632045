//! Issuers of access tokens are asked for their keys in the background, and their last good answer is
//! kept in the database.

use std::sync::Arc;
use std::time::Duration;

use crate::access::token::{Issuer, IssuerKeys};
use crate::altinn::{IssuerDocument, IssuerDocuments};
use crate::clock::Clock;
use crate::store::Store;

/// How often an issuer is asked though nobody misses anything.
const EVERY: Duration = Duration::from_mins(10);

/// How soon an issuer that did not answer is asked again; twice as long each time.
const SOON: Duration = Duration::from_secs(1);

/// At most so long after it did not answer.
const LATEST: Duration = Duration::from_mins(1);

/// Keeps what we know of one issuer up to date.
pub struct IssuerKeeper {
    /// The issuer.
    pub issuer: Arc<Issuer>,
    /// Where its metadata is.
    pub url: String,
    /// Who asks it.
    pub source: Arc<dyn IssuerDocuments>,
    /// Where its answers are kept.
    pub store: Store,
    /// Says when it answered.
    pub clock: Clock,
}

impl IssuerKeeper {
    /// Starts with what the issuer last said, if it ever answered.
    pub async fn recall(&self) {
        match self.store.token_issuer(&self.url).await {
            Ok(Some(document)) => {
                self.learn(&document);
            }
            Ok(None) => {}
            Err(failure) => tracing::warn!(error = %failure, "what an issuer last said could not be read"),
        }
    }

    /// Asks, says whether that succeeded.
    pub async fn ask(&self) -> bool {
        let document = match self.source.fetch(&self.url).await {
            Ok(document) => document,
            Err(failure) => {
                tracing::warn!(issuer = self.issuer.name, error = %failure, "the keys of an issuer were not had");
                return false;
            }
        };
        if !self.learn(&document) {
            return false;
        }
        let now = self.clock.now();
        if let Err(failure) = self.store.keep_token_issuer(&self.url, &document, now).await {
            tracing::warn!(error = %failure, "what an issuer said was not kept");
        }
        true
    }

    fn learn(&self, document: &IssuerDocument) -> bool {
        match IssuerKeys::from_jwks(&document.keys) {
            Ok(keys) => {
                self.issuer.learn(&document.issuer, keys);
                true
            }
            Err(fault) => {
                tracing::warn!(issuer = self.issuer.name, error = %fault, "the keys of an issuer are of no use");
                false
            }
        }
    }

    /// Asks now and then, and when a token names a key that nobody knows.
    pub async fn keep(self, mut has_answered: bool) {
        let mut pause = SOON;
        loop {
            if has_answered {
                pause = SOON;
                self.issuer.renewal_wanted(EVERY).await;
            } else {
                self.issuer.renewal_wanted(pause).await;
                pause = (pause * 2).min(LATEST);
            }
            has_answered = self.ask().await;
            self.issuer.renewal_done();
        }
    }
}
