//! Which tokens open which endpoints.

use super::caller::{Caller, UserKind};
use super::claims::Claims;
use super::scope;

/// What an endpoint asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// People and systems that see their own dialogs and those of whom they represent.
    EndUser,
    /// Service owners.
    ServiceProvider,
    /// Service owners that may search.
    ServiceProviderSearch,
    /// Service owners that may replace transmissions.
    ServiceProviderChangeTransmissions,
    /// Those who may act across service owners.
    ServiceProviderAdmin,
    /// The notification service.
    NotificationConditionCheck,
    /// Everybody. No token is read; there is no caller.
    Anonymous,
}

/// A valid token that does not open the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// Scopes are missing; with all scopes of one of the alternatives the token would do.
    #[error("the access token lacks the scope {}", required.first().map(|all| all.join(" ")).unwrap_or_default())]
    MissingScope {
        /// As [`Policy::scopes`].
        required: &'static [&'static [&'static str]],
    },
    /// The token does not tell which organisation holds the client.
    #[error("the access token lacks a usable consumer claim")]
    MissingConsumer,
    /// One token claims to be both a person and a service owner.
    #[error(
        "a person's access token must not have the scope {}; a service owner names the person in the parameter endUserId",
        scope::SERVICE_PROVIDER
    )]
    MixedToken,
    /// The caller is of a kind that the endpoint is not for.
    #[error("the user must be one of {}", allowed.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "))]
    WrongKind {
        /// The kinds that it is for.
        allowed: &'static [UserKind],
    },
}

impl PolicyRefusal {
    /// The header `WWW-Authenticate` (RFC 6750 section 3) of the refusal, where it has one.
    #[must_use]
    pub fn www_authenticate(&self) -> Option<String> {
        match self {
            Self::MissingScope { required } => {
                Some(format!(r#"Bearer error="insufficient_scope", scope="{}""#, required.first()?.join(" ")))
            }
            _ => None,
        }
    }
}

impl Policy {
    /// The scopes that it asks for: all of one of the alternatives. None for everybody.
    #[must_use]
    pub fn scopes(self) -> &'static [&'static [&'static str]] {
        use scope::{
            END_USER, END_USER_WITHOUT_CONSENT, NOTIFICATION_CONDITION_CHECK, SERVICE_PROVIDER,
            SERVICE_PROVIDER_ADMIN, SERVICE_PROVIDER_CHANGE_TRANSMISSIONS, SERVICE_PROVIDER_SEARCH,
        };
        match self {
            Self::EndUser => &[&[END_USER], &[END_USER_WITHOUT_CONSENT]],
            Self::ServiceProvider => &[&[SERVICE_PROVIDER]],
            Self::ServiceProviderSearch => &[&[SERVICE_PROVIDER, SERVICE_PROVIDER_SEARCH]],
            Self::ServiceProviderChangeTransmissions => {
                &[&[SERVICE_PROVIDER, SERVICE_PROVIDER_CHANGE_TRANSMISSIONS]]
            }
            Self::ServiceProviderAdmin => &[&[SERVICE_PROVIDER, SERVICE_PROVIDER_ADMIN]],
            Self::NotificationConditionCheck => &[&[NOTIFICATION_CONDITION_CHECK]],
            Self::Anonymous => &[],
        }
    }

    /// The kinds of user that it is for.
    #[must_use]
    pub fn kinds(self) -> &'static [UserKind] {
        match self {
            Self::EndUser => &[UserKind::Person, UserKind::SystemUser, UserKind::IdportenEmailIdentifiedUser],
            Self::ServiceProvider
            | Self::ServiceProviderSearch
            | Self::ServiceProviderChangeTransmissions => {
                &[UserKind::ServiceOwner, UserKind::ServiceOwnerOnBehalfOfPerson]
            }
            Self::ServiceProviderAdmin => &[UserKind::ServiceOwner],
            Self::NotificationConditionCheck | Self::Anonymous => UserKind::ALL,
        }
    }

    /// The caller, if the policy lets the holder of these claims in.
    ///
    /// # Errors
    /// The first of: a scope is missing, the consumer is missing, the token mixes a person and a
    /// service owner, the kind of user is wrong.
    pub fn admit(self, claims: &Claims) -> Result<Caller, PolicyRefusal> {
        let required = self.scopes();
        if !required.is_empty()
            && !required.iter().any(|all| all.iter().all(|scope| claims.scopes.contains(scope)))
        {
            return Err(PolicyRefusal::MissingScope { required });
        }
        if self.needs_consumer() && claims.consumer.is_none() {
            return Err(PolicyRefusal::MissingConsumer);
        }
        let wrong_kind = PolicyRefusal::WrongKind { allowed: self.kinds() };
        let caller = Caller::from_claims(claims).ok_or(wrong_kind)?;
        if caller.kind == UserKind::ServiceOwnerOnBehalfOfPerson {
            return Err(PolicyRefusal::MixedToken);
        }
        self.check_kind(&caller)?;
        Ok(caller)
    }

    /// Whether the policy is for this kind of user. To be asked again after
    /// [`Caller::impersonating`].
    ///
    /// # Errors
    /// [`PolicyRefusal::WrongKind`] if it is not.
    pub fn check_kind(self, caller: &Caller) -> Result<(), PolicyRefusal> {
        let allowed = self.kinds();
        if allowed.contains(&caller.kind) { Ok(()) } else { Err(PolicyRefusal::WrongKind { allowed }) }
    }

    fn needs_consumer(self) -> bool {
        !matches!(self, Self::EndUser | Self::Anonymous)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Policy::*;
    use super::*;
    use crate::access::caller::impersonated_person;
    use crate::timestamp::Timestamp;

    const PROVIDER: &str = "digdir:dialogporten.serviceprovider";

    fn claims(scope: &str, holder: &Value) -> Claims {
        let mut payload = holder.as_object().cloned().unwrap_or_default();
        payload.insert("scope".into(), scope.into());
        Claims::read(&payload, Timestamp::from_unix_seconds(2_000_000_000).unwrap())
    }

    fn organization() -> Value {
        json!({ "consumer": { "authority": "iso6523-actorid-upis", "ID": "0192:991825827" } })
    }

    fn person() -> Value {
        json!({ "pid": "08844397713" })
    }

    fn system_user() -> Value {
        let mut holder = organization();
        holder["authorization_details"] = json!([{
            "type": "urn:altinn:systemuser", "systemuser_id": ["51551dd0-b9c5-4f4b-a4a2-9b7e3669b364"],
        }]);
        holder
    }

    fn email_user() -> Value {
        json!({ "email": "a@b.no", "amr": ["Selfregistered-email"] })
    }

    /// How [`Policy::admit`] answers, in short.
    fn answer(policy: Policy, claims: &Claims) -> String {
        match policy.admit(claims) {
            Ok(caller) => caller.kind.name().into(),
            Err(PolicyRefusal::MissingScope { required }) => {
                assert_eq!(required, policy.scopes());
                "scope".into()
            }
            Err(PolicyRefusal::MissingConsumer) => "consumer".into(),
            Err(PolicyRefusal::MixedToken) => "mixed".into(),
            Err(PolicyRefusal::WrongKind { allowed }) => {
                assert_eq!(allowed, policy.kinds());
                "kind".into()
            }
        }
    }

    #[test]
    fn policies_ask_for_scopes_consumer_and_kind() {
        let with = |suffix: &str| format!("{PROVIDER} {PROVIDER}.{suffix}");
        let mixed = {
            let mut holder = organization();
            holder["pid"] = "08844397713".into();
            holder
        };
        for (policy, scope, holder, expected) in [
            (EndUser, "digdir:dialogporten", person(), "Person"),
            (EndUser, "x digdir:dialogporten.noconsent", person(), "Person"),
            (EndUser, "digdir:dialogporten", system_user(), "SystemUser"),
            (EndUser, "digdir:dialogporten", email_user(), "IdportenEmailIdentifiedUser"),
            (EndUser, "digdir:dialogporten", organization(), "kind"),
            (EndUser, "digdir:dialogporten", json!({}), "kind"),
            (EndUser, "Digdir:dialogporten", person(), "scope"),
            (EndUser, "digdir:dialogporten.correspondence", person(), "scope"),
            (EndUser, "", person(), "scope"),
            (EndUser, PROVIDER, organization(), "scope"),
            (EndUser, &format!("digdir:dialogporten {PROVIDER}"), organization(), "kind"),
            (EndUser, &format!("digdir:dialogporten {PROVIDER}"), mixed.clone(), "mixed"),
            (ServiceProvider, PROVIDER, organization(), "ServiceOwner"),
            (ServiceProvider, PROVIDER, json!({}), "consumer"),
            (ServiceProvider, PROVIDER, person(), "consumer"),
            (ServiceProvider, PROVIDER, mixed.clone(), "mixed"),
            (ServiceProvider, PROVIDER, system_user(), "kind"),
            (ServiceProvider, "digdir:dialogporten.serviceprovider.admin", organization(), "scope"),
            (ServiceProvider, "wrong-scope", organization(), "scope"),
            (ServiceProvider, "digdir:dialogporten", person(), "scope"),
            (ServiceProviderSearch, &with("search"), organization(), "ServiceOwner"),
            (ServiceProviderSearch, PROVIDER, organization(), "scope"),
            (ServiceProviderSearch, &format!("{PROVIDER}.search"), organization(), "scope"),
            (
                ServiceProviderChangeTransmissions,
                &with("changetransmissions"),
                organization(),
                "ServiceOwner",
            ),
            (
                ServiceProviderChangeTransmissions,
                &format!("{PROVIDER}.changetransmissions"),
                organization(),
                "scope",
            ),
            (ServiceProviderAdmin, &with("admin"), organization(), "ServiceOwner"),
            (ServiceProviderAdmin, &with("search"), organization(), "scope"),
            (ServiceProviderAdmin, &with("admin"), mixed.clone(), "mixed"),
            (
                NotificationConditionCheck,
                "altinn:system/notifications.condition.check",
                organization(),
                "Unknown",
            ),
            (
                NotificationConditionCheck,
                "altinn:system/notifications.condition.check",
                system_user(),
                "SystemUser",
            ),
            (NotificationConditionCheck, "altinn:system/notifications.condition.check", person(), "consumer"),
            (NotificationConditionCheck, PROVIDER, organization(), "scope"),
            (Anonymous, "", person(), "Person"),
            (Anonymous, "", json!({}), "kind"),
        ] {
            assert_eq!(answer(policy, &claims(scope, &holder)), expected, "{policy:?} {scope} {holder}");
        }
    }

    #[test]
    fn the_kind_is_checked_again_when_a_service_owner_acts_for_a_person() {
        let all = format!("{PROVIDER} {PROVIDER}.admin {PROVIDER}.search {PROVIDER}.changetransmissions");
        let claims = claims(&all, &organization());
        for (policy, allowed) in [
            (ServiceProvider, true),
            (ServiceProviderSearch, true),
            (ServiceProviderChangeTransmissions, true),
            (ServiceProviderAdmin, false),
        ] {
            let caller = policy.admit(&claims).unwrap();
            let caller = caller.impersonating(impersonated_person("08844397713").unwrap());
            assert_eq!(policy.check_kind(&caller).is_ok(), allowed, "{policy:?}");
        }
    }

    #[test]
    fn refusals_say_what_is_missing_but_not_who_asked() {
        let refusal = ServiceProviderSearch.admit(&claims(PROVIDER, &organization())).unwrap_err();
        assert_eq!(
            refusal.www_authenticate().as_deref(),
            Some(
                r#"Bearer error="insufficient_scope", scope="digdir:dialogporten.serviceprovider digdir:dialogporten.serviceprovider.search""#
            )
        );
        let refusal = EndUser.admit(&claims("digdir:dialogporten", &organization())).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the user must be one of Person, SystemUser, IdportenEmailIdentifiedUser"
        );
        assert_eq!(refusal.www_authenticate(), None);
    }
}
