//! OAuth 2.0 scopes (RFC 6749 section 3.3). Matched exactly: none implies another.

use std::collections::BTreeSet;

/// The APIs of end users.
pub const END_USER: &str = "digdir:dialogporten";
/// Like [`END_USER`], obtained without a consent prompt at login.
pub const END_USER_WITHOUT_CONSENT: &str = "digdir:dialogporten.noconsent";
/// The APIs of service owners.
pub const SERVICE_PROVIDER: &str = "digdir:dialogporten.serviceprovider";
/// Search among the service owner's dialogs, in addition to [`SERVICE_PROVIDER`].
pub const SERVICE_PROVIDER_SEARCH: &str = "digdir:dialogporten.serviceprovider.search";
/// Replacement of existing transmissions, in addition to [`SERVICE_PROVIDER`].
pub const SERVICE_PROVIDER_CHANGE_TRANSMISSIONS: &str =
    "digdir:dialogporten.serviceprovider.changetransmissions";
/// Acts across all service owners.
pub const SERVICE_PROVIDER_ADMIN: &str = "digdir:dialogporten.serviceprovider.admin";
/// May send HTML in some content.
pub const LEGACY_HTML: &str = "digdir:dialogporten.serviceprovider.legacyhtml";
/// May write dialogs on correspondence resources.
pub const CORRESPONDENCE: &str = "digdir:dialogporten.correspondence";
/// May ask whether a notification should be sent.
pub const NOTIFICATION_CONDITION_CHECK: &str = "altinn:system/notifications.condition.check";

/// The scopes of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// Whether `scope` is among them.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Takes apart texts in which spaces separate scopes.
impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        Self(
            texts
                .into_iter()
                .flat_map(|text| text.split(' '))
                .filter(|s| !s.is_empty())
                .map(Into::into)
                .collect(),
        )
    }
}
