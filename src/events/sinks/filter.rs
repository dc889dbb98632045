//! Which events somebody wants.

use crate::events::cloud_event::{CloudEvent, TYPE_PREFIX, types};

const RESOURCE_PREFIX: &str = "urn:altinn:resource:";

/// Which events somebody wants: of each list that is not empty, one has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Types, or what they start with and an asterisk.
    types: Vec<String>,
    /// URNs.
    resources: Vec<String>,
    /// Short codes of service owners.
    orgs: Vec<String>,
}

/// There is no such type of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no type of event \"{pattern}\"; there are: {}", types().join(", "))]
pub struct UnknownType {
    /// What was asked for.
    pub pattern: String,
}

impl Filter {
    /// Types are whole, or without what all of them start and end with: `created` is
    /// `dialogporten.dialog.created.v1`. An asterisk at the end stands for anything. Resources may be
    /// given without `urn:altinn:resource:`.
    ///
    /// # Errors
    /// When no event could have one of the types.
    pub fn new(types: &[String], resources: &[String], orgs: &[String]) -> Result<Self, UnknownType> {
        let types = types.iter().map(|pattern| whole_type(pattern)).collect::<Result<_, _>>()?;
        let resources = resources.iter().map(|resource| match resource.strip_prefix(RESOURCE_PREFIX) {
            Some(_) => resource.clone(),
            None => format!("{RESOURCE_PREFIX}{resource}"),
        });
        Ok(Self { types, resources: resources.collect(), orgs: orgs.to_vec() })
    }

    /// Whether an event is wanted.
    #[must_use]
    pub fn admits(&self, event: &CloudEvent) -> bool {
        let fits = |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|one| one == text);
        (self.types.is_empty() || self.types.iter().any(|pattern| is_of(pattern, &event.r#type)))
            && fits(&self.resources, &event.resource)
            && fits(&self.orgs, &event.org)
    }
}

fn is_of(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}

fn whole_type(pattern: &str) -> Result<String, UnknownType> {
    let whole = match pattern {
        "*" => pattern.to_owned(),
        _ if pattern.starts_with(TYPE_PREFIX) => pattern.to_owned(),
        _ if pattern.ends_with('*') => format!("{TYPE_PREFIX}{pattern}"),
        _ => format!("{TYPE_PREFIX}{pattern}.v1"),
    };
    let is_known = types().iter().any(|kind| is_of(&whole, kind));
    if is_known { Ok(whole) } else { Err(UnknownType { pattern: pattern.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, resource: &str, org: &str) -> CloudEvent {
        CloudEvent::of_kind(kind, &format!("urn:altinn:resource:{resource}"), org)
    }

    #[test]
    fn of_each_list_one_has_to_fit() {
        let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let admits = |types: &[&str], resources: &[&str], orgs: &[&str], event: &CloudEvent| {
            Filter::new(&list(types), &list(resources), &list(orgs)).unwrap().admits(event)
        };
        let created = event("created", "tax", "skd");
        let paid = event("activity.payment-made", "tax", "skd");
        for (types, of_created, of_paid) in [
            (&[][..], true, true),
            (&["*"], true, true),
            (&["created"], true, false),
            (&["dialogporten.dialog.created.v1"], true, false),
            (&["activity.*"], false, true),
            (&["dialogporten.dialog.activity.*"], false, true),
            (&["deleted", "activity.payment-made"], false, true),
        ] {
            assert_eq!(admits(types, &[], &[], &created), of_created, "{types:?}");
            assert_eq!(admits(types, &["tax"], &["skd"], &paid), of_paid, "{types:?}");
        }
        assert!(admits(&[], &["urn:altinn:resource:tax", "other"], &[], &created));
        assert!(!admits(&[], &["ta"], &[], &created));
        assert!(!admits(&[], &[], &["ttd"], &created));
    }

    #[test]
    fn types_that_do_not_exist_are_refused() {
        for pattern in ["", "create", "created.v1", "activity", "dialogporten.dialog.created", "nothing.*"] {
            let fault = Filter::new(&[pattern.to_owned()], &[], &[]).unwrap_err();
            assert!(fault.to_string().contains("dialogporten.dialog.activity.form-saved.v1"), "{fault}");
        }
    }
}
