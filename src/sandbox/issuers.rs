//! The issuers of access tokens in the sandbox: the platform's, and those whose tokens the platform
//! takes from systems and people.

use std::sync::Arc;

use serde_json::{Value, json};

use super::keys::{SandboxKeys, SigningKey};
use crate::access::token::{Issuer, IssuerKeys, JwkSetFault};

/// An environment of the platform that the sandbox can stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// Acceptance test 21.
    At21,
    /// Acceptance test 22.
    At22,
    /// Acceptance test 23.
    #[default]
    At23,
    /// Acceptance test 24.
    At24,
    /// The service owners' test environment.
    Tt02,
    /// Performance test.
    Yt01,
    /// None: the sandbox itself.
    None,
}

impl Environment {
    /// Every environment.
    pub const ALL: [Self; 7] =
        [Self::At21, Self::At22, Self::At23, Self::At24, Self::Tt02, Self::Yt01, Self::None];

    /// Its name, such as `at23`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::At21 => "at21",
            Self::At22 => "at22",
            Self::At23 => "at23",
            Self::At24 => "at24",
            Self::Tt02 => "tt02",
            Self::Yt01 => "yt01",
            Self::None => "none",
        }
    }

    /// The environment with this name, in lower case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.name() == name)
    }

    /// The claim `iss` of the platform's tokens there. `base_url` is the sandbox's own, without a
    /// slash at the end.
    #[must_use]
    pub fn issuer(self, base_url: &str) -> String {
        let name = self.name();
        let top = match self {
            Self::None => return format!("{base_url}/sandbox/issuers/{name}"),
            Self::Tt02 => "no",
            _ => "cloud",
        };
        format!("https://platform.{name}.altinn.{top}/authentication/api/v1/openid/")
    }
}

const MASKINPORTEN: &str = "https://test.maskinporten.no/";
const IDPORTEN: &str = "https://test.idporten.no";

/// The issuers that a service in the sandbox trusts.
///
/// # Errors
/// Never with keys that have been made or read by [`SandboxKeys`].
pub fn sandbox_issuers(
    keys: &SandboxKeys,
    environment: Environment,
    base_url: &str,
) -> Result<Vec<Arc<Issuer>>, JwkSetFault> {
    let issuer = |name: &str, issuer: &str, key: &SigningKey| {
        Ok(Arc::new(Issuer::new(name, issuer, IssuerKeys::from_jwks(&key.jwks())?)))
    };
    Ok(vec![
        issuer("Altinn", &environment.issuer(base_url), &keys.altinn)?,
        issuer("Maskinporten", MASKINPORTEN, &keys.maskinporten)?,
        issuer("Idporten", IDPORTEN, &keys.idporten)?,
    ])
}

/// The issuer that the sandbox publishes as `name` (an environment, `maskinporten` or `idporten`):
/// its `OpenID` Connect metadata and its key set.
#[must_use]
pub fn published(keys: &SandboxKeys, name: &str, base_url: &str) -> Option<(Value, Value)> {
    let (issuer, key) = match name {
        "maskinporten" => (MASKINPORTEN.to_owned(), &keys.maskinporten),
        "idporten" => (IDPORTEN.to_owned(), &keys.idporten),
        _ => (Environment::from_name(name)?.issuer(base_url), &keys.altinn),
    };
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": format!("{base_url}/sandbox/issuers/{name}/jwks"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
    });
    Some((metadata, key.jwks()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_those_of_the_platform() {
        let expected = [
            "https://platform.at21.altinn.cloud/authentication/api/v1/openid/",
            "https://platform.at22.altinn.cloud/authentication/api/v1/openid/",
            "https://platform.at23.altinn.cloud/authentication/api/v1/openid/",
            "https://platform.at24.altinn.cloud/authentication/api/v1/openid/",
            "https://platform.tt02.altinn.no/authentication/api/v1/openid/",
            "https://platform.yt01.altinn.cloud/authentication/api/v1/openid/",
            "http://127.0.0.1:7214/sandbox/issuers/none",
        ];
        for (environment, issuer) in Environment::ALL.into_iter().zip(expected) {
            assert_eq!(environment.issuer("http://127.0.0.1:7214"), issuer);
            assert_eq!(Environment::from_name(environment.name()), Some(environment));
        }
        assert_eq!(Environment::from_name("AT23"), None);
    }
}
