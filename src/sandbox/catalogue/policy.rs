//! Rules of a resource, and how they decide.

use super::file;
use crate::altinn::AuthorizedParty;

/// Stands for every action, or every part of a resource.
const ANY: &str = "*";
/// The part that stands for the resource as a whole.
pub(in crate::sandbox) const MAIN: &str = "main";

/// What an authorization attribute points at.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Target<'a> {
    /// A part of the dialog's own resource: `main`, a bare name, or a URN such as
    /// `urn:altinn:task:Task_1`.
    Part(&'a str),
    /// Another resource as a whole, by its id.
    Resource(&'a str),
}

impl<'a> Target<'a> {
    /// Reads an attribute. `x` and `urn:altinn:subresource:x` are the same.
    pub fn of(attribute: &'a str) -> Self {
        if let Some(id) = after(attribute, "urn:altinn:resource:") {
            return Self::Resource(id);
        }
        Self::Part(after(attribute, "urn:altinn:subresource:").unwrap_or(attribute))
    }
}

/// What follows `prefix`, in any case of letters; `None` when nothing does.
fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    (start.eq_ignore_ascii_case(prefix) && !rest.is_empty()).then_some(rest)
}

/// Through what somebody has access.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A role, by its code.
    Role(String),
    /// An access package, by its short name.
    Package(String),
    /// The whole resource was given directly.
    Delegated,
    /// The very instance was given.
    Instance,
}

impl Subject {
    /// Reads `role:…`, `package:…`, `delegated` or `instance`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("role", code)) => Some(Self::Role(code.to_owned())),
            Some(("package", name)) => Some(Self::Package(name.to_owned())),
            None if text == "delegated" => Some(Self::Delegated),
            None if text == "instance" => Some(Self::Instance),
            _ => None,
        }
    }

    /// The URN under which search knows it; direct grants have none.
    fn urn(&self) -> Option<String> {
        match self {
            Self::Role(code) => Some(format!("{}{code}", file::ROLE_PREFIX)),
            Self::Package(name) => Some(format!("{}{name}", file::PACKAGE_PREFIX)),
            Self::Delegated | Self::Instance => None,
        }
    }

    fn is_held(&self, access: &AuthorizedParty, resource: &str, instance: &str) -> bool {
        match self {
            Self::Role(code) => access.roles.contains(code),
            Self::Package(name) => access.access_packages.contains(name),
            Self::Delegated => access.resources.iter().any(|given| given == resource),
            Self::Instance => access
                .instances
                .iter()
                .any(|given| given.resource == resource && given.reference.eq_ignore_ascii_case(instance)),
        }
    }
}

/// One rule: permits when subject, action and part all match.
#[derive(Debug)]
struct Rule {
    subjects: Vec<Subject>,
    actions: Vec<String>,
    parts: Vec<String>,
}

impl Rule {
    fn covers(&self, action: &str, part: &str) -> bool {
        let covered = |names: &[String], name| names.iter().any(|own| own == ANY || own == name);
        covered(&self.actions, action) && covered(&self.parts, part)
    }
}

/// The rules of one resource. What none permits is denied.
#[derive(Debug)]
pub(in crate::sandbox) struct Policy {
    rules: Vec<Rule>,
}

impl Policy {
    pub(super) fn new(rules: Vec<file::Rule>) -> Self {
        let rule = |written: file::Rule| Rule {
            subjects: written.subjects.iter().filter_map(|text| Subject::parse(text)).collect(),
            actions: written.actions,
            parts: written
                .attributes
                .iter()
                .filter_map(|attribute| match Target::of(attribute) {
                    Target::Part(part) => Some(part.to_owned()),
                    Target::Resource(_) => None,
                })
                .collect(),
        };
        Self { rules: rules.into_iter().map(rule).collect() }
    }

    /// Whether somebody with this `access` to a party may do `action` to `part` of `resource`,
    /// whose policy this is, in a dialog about `instance`.
    pub fn permits(
        &self,
        access: &AuthorizedParty,
        resource: &str,
        instance: &str,
        action: &str,
        part: &str,
    ) -> bool {
        self.rules.iter().any(|rule| {
            rule.covers(action, part)
                && rule.subjects.iter().any(|subject| subject.is_held(access, resource, instance))
        })
    }

    /// URNs of the roles and access packages that may read the resource as a whole.
    pub fn readers(&self) -> impl Iterator<Item = String> {
        self.rules
            .iter()
            .filter(|rule| rule.covers("read", MAIN))
            .flat_map(|rule| &rule.subjects)
            .filter_map(Subject::urn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_point_at_parts_or_other_resources() {
        for (attribute, target) in [
            ("main", Target::Part("main")),
            ("element1", Target::Part("element1")),
            ("urn:altinn:subresource:element1", Target::Part("element1")),
            ("URN:altinn:Subresource:Element1", Target::Part("Element1")),
            ("urn:altinn:task:Task_1", Target::Part("urn:altinn:task:Task_1")),
            ("urn:altinn:resource:other", Target::Resource("other")),
            ("urn:altinn:Resource:app_ttd_x", Target::Resource("app_ttd_x")),
            ("urn:altinn:resource:", Target::Part("urn:altinn:resource:")),
            ("urn:altinn:resourcæ:x", Target::Part("urn:altinn:resourcæ:x")),
            ("", Target::Part("")),
        ] {
            assert_eq!(Target::of(attribute), target, "{attribute}");
        }
    }
}
