//! References to what is behind a dialog.

use std::fmt;

use uuid::Uuid;

/// Names an instance of an app, a correspondence, or a dialog; lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceReference {
    /// `urn:altinn:instance-id:`, a party's number, `/` and a UUID; here what follows the prefix.
    App(String),
    /// `urn:altinn:correspondence-id:` and a UUID.
    Correspondence(Uuid),
    /// `urn:altinn:dialog-id:` and a UUID.
    Dialog(Uuid),
}

impl InstanceReference {
    /// The forms that there are, as texts of errors have them.
    pub const FORMS: &str = "must be urn:altinn:instance-id:{party id}/{uuid}, \
                             urn:altinn:correspondence-id:{uuid} or urn:altinn:dialog-id:{uuid}.";

    const APP: &str = "urn:altinn:instance-id:";
    const CORRESPONDENCE: &str = "urn:altinn:correspondence-id:";
    const DIALOG: &str = "urn:altinn:dialog-id:";

    /// Reads a reference; white space around it and case do not count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let uuid = |text: &str| Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        if let Some(instance) = text.strip_prefix(Self::APP) {
            let (party, id) = instance.split_once('/')?;
            let is_number = party.bytes().all(|b| b.is_ascii_digit());
            let is_party = is_number && party.parse::<i32>().is_ok_and(|party| party > 0);
            return (is_party && uuid(id).is_some()).then(|| Self::App(instance.to_owned()));
        }
        if let Some(id) = text.strip_prefix(Self::CORRESPONDENCE) {
            return uuid(id).map(Self::Correspondence);
        }
        uuid(text.strip_prefix(Self::DIALOG)?).map(Self::Dialog)
    }

    /// The dialog that is named itself.
    #[must_use]
    pub fn dialog(&self) -> Option<Uuid> {
        if let Self::Dialog(id) = self { Some(*id) } else { None }
    }

    /// Labels of the service owner that dialogs with this reference have.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        match self {
            Self::App(instance) => {
                vec![format!("urn:altinn:integration:storage:{instance}"), self.to_string()]
            }
            Self::Correspondence(_) => vec![self.to_string()],
            Self::Dialog(_) => Vec::new(),
        }
    }
}

impl fmt::Display for InstanceReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(instance) => write!(f, "{}{instance}", Self::APP),
            Self::Correspondence(id) => write!(f, "{}{id}", Self::CORRESPONDENCE),
            Self::Dialog(id) => write!(f, "{}{id}", Self::DIALOG),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_three_forms() {
        const ID: &str = "0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
        for (text, labels) in [
            (
                format!("urn:altinn:instance-id:51267836/{ID}"),
                vec![
                    format!("urn:altinn:integration:storage:51267836/{ID}"),
                    format!("urn:altinn:instance-id:51267836/{ID}"),
                ],
            ),
            (
                format!("urn:altinn:correspondence-id:{ID}"),
                vec![format!("urn:altinn:correspondence-id:{ID}")],
            ),
            (format!("urn:altinn:dialog-id:{ID}"), vec![]),
        ] {
            let written = format!("  {} ", text.to_uppercase());
            let reference = InstanceReference::parse(&written).unwrap();
            assert_eq!((reference.to_string(), reference.labels()), (text, labels));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        const ID: &str = "0b0c6f7e-2f52-4a3a-9d5d-6a1f2f1f3a10";
        for text in [
            String::new(),
            ID.to_owned(),
            "urn:altinn:dialog-id:".to_owned(),
            format!("urn:altinn:dialog-id:{}", ID.replace('-', "")),
            format!("urn:altinn:instance-id:{ID}"),
            format!("urn:altinn:instance-id:0/{ID}"),
            format!("urn:altinn:instance-id:+5/{ID}"),
            format!("urn:altinn:instance-id:99999999999/{ID}"),
            format!("urn:altinn:instance-id:5/{ID}/6"),
            format!("urn:altinn:resource:{ID}"),
        ] {
            assert_eq!(InstanceReference::parse(&text), None, "{text}");
        }
    }
}
