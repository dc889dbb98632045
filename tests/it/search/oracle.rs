//! What a search must give: every dialog is looked at, one parameter after the other.

use std::cmp::Ordering;

use serde_json::Value;
use uuid::Uuid;

use super::words::Looked;

/// A search.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Parameters other than words, order and page.
    pub parameters: Vec<(&'static str, String)>,
    /// Words.
    pub words: Option<Looked>,
    /// The order: keys, and whether they ascend.
    pub order: Vec<(&'static str, bool)>,
}

/// Id of a dialog.
pub fn id_of(dialog: &Value) -> Uuid {
    dialog["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// Whether end users see the dialog at this time, rights aside.
pub fn is_visible(dialog: &Value, now: &str) -> bool {
    let (from, until) = (dialog["visibleFrom"].as_str(), dialog["expiresAt"].as_str());
    from.is_none_or(|from| from <= now) && until.is_none_or(|until| until > now)
}

impl Search {
    /// Whether the dialog, as its service owner reads it, has what the parameters ask for.
    pub fn accepts(&self, dialog: &Value) -> bool {
        let mut names: Vec<&str> = self.parameters.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let is_deleted = dialog.get("deletedAt").is_some();
        (names.contains(&"deleted") || !is_deleted) && names.into_iter().all(|name| self.holds(name, dialog))
    }

    fn holds(&self, name: &str, dialog: &Value) -> bool {
        let mut values =
            self.parameters.iter().filter(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        let labels = |list: &Value, member: Option<&str>| -> Vec<String> {
            let label = |item: &Value| {
                member.map_or(item, |member| &item[member]).as_str().expect("a label").to_owned()
            };
            list.as_array().expect("labels").iter().map(label).collect()
        };
        match name {
            "systemLabel" => {
                let has = labels(&dialog["endUserContext"]["systemLabels"], None);
                values.all(|label| has.iter().any(|other| other == label))
            }
            "serviceOwnerLabels" => {
                let has = labels(&dialog["serviceOwnerContext"]["serviceOwnerLabels"], Some("value"));
                values.all(|label| match label.to_lowercase().strip_suffix('*') {
                    Some(start) => has.iter().any(|other| other.starts_with(start)),
                    None => has.contains(&label.to_lowercase()),
                })
            }
            "excludeApiOnly" => values.all(|value| value == "false" || dialog["isApiOnly"] == false),
            "isContentSeen" => values.all(|value| dialog["isContentSeen"] == (value == "true")),
            "deleted" => values.all(|value| match value {
                "Only" => dialog.get("deletedAt").is_some(),
                "Exclude" => dialog.get("deletedAt").is_none(),
                _ => true,
            }),
            "endUserId" => true,
            name => {
                let moment = |field: &str| {
                    let field =
                        if field == "visible" { "visibleFrom".to_owned() } else { format!("{field}At") };
                    dialog[field].as_str()
                };
                if let Some(field) = name.strip_suffix("After") {
                    return values.all(|value| moment(field).is_some_and(|moment| moment >= value));
                }
                if let Some(field) = name.strip_suffix("Before") {
                    return values.all(|value| moment(field).is_some_and(|moment| moment <= value));
                }
                values.any(|value| dialog[name] == value)
            }
        }
    }

    /// How two dialogs follow each other.
    pub fn compare(&self, one: &Value, other: &Value) -> Ordering {
        let mut order = self.order.clone();
        if order.is_empty() || order[0].0 == "id" {
            order.insert(0, ("contentUpdatedAt", false));
        }
        if !order.iter().any(|(key, _)| *key == "id") {
            order.push(("id", order[order.len() - 1].1));
        }
        let compared = order.iter().map(|(key, ascending)| {
            let compared = match (one[*key].as_str(), other[*key].as_str()) {
                (Some(one), Some(other)) => one.cmp(other),
                (one, other) => one.is_none().cmp(&other.is_none()),
            };
            if *ascending { compared } else { compared.reverse() }
        });
        compared.into_iter().find(|compared| compared.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// The parameters as they are sent, page aside.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.parameters.clone();
        if let Some(words) = &self.words {
            query.push(("search", written(words)));
            query.extend(words.language.map(|language| ("searchLanguageCode", language.to_owned())));
        }
        if !self.order.is_empty() {
            let key = |(key, ascending): &(&str, bool)| {
                format!("{key}_{}", if *ascending { "asc" } else { "desc" })
            };
            query.push(("orderBy", self.order.iter().map(key).collect::<Vec<_>>().join(",")));
        }
        query
    }
}

/// The words as a person would write them.
fn written(words: &Looked) -> String {
    let term = |term: &super::words::Term| {
        let minus = if term.is_negated { "-" } else { "" };
        match (term.text.contains(' '), term.is_prefix) {
            (true, _) => format!("{minus}\"{}\"", term.text),
            (false, true) => format!("{minus}{}*", term.text),
            (false, false) => format!("{minus}{}", term.text),
        }
    };
    let has_negated = words.any_of.iter().flatten().any(|term| term.is_negated);
    let are_single = words.any_of.iter().all(|all| all.len() == 1);
    let and = if has_negated { " " } else { " and " };
    let or = if are_single && !has_negated { " " } else { " OR " };
    let all = |all: &Vec<super::words::Term>| all.iter().map(term).collect::<Vec<_>>().join(and);
    words.any_of.iter().map(all).collect::<Vec<_>>().join(or)
}
