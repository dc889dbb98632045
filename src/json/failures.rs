use std::collections::{HashMap, HashSet};
use std::fmt;

/// Where in a document something is: members and list positions down from a prefix.
///
/// Displayed as the wire writes it: `dto.attachments[0].urls[1].mediaType`. Member names may be
/// given in `snake_case` (field names) or `camelCase`; both are displayed in camelCase.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The start, with the prefix that all keys of an endpoint carry; `""` for none.
    Root(&'a str),
    /// A member of an object.
    Member(&'a Path<'a>, &'a str),
    /// A position in a list, counted from zero.
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    /// The path of the member `name` of this object.
    #[must_use]
    pub fn member(&'a self, name: &'a str) -> Path<'a> {
        Path::Member(self, name)
    }

    /// The path of the item at `index` of this list.
    #[must_use]
    pub fn item(&'a self, index: usize) -> Path<'a> {
        Path::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root(prefix) => f.write_str(prefix),
            Path::Member(parent, name) => {
                if !matches!(parent, Path::Root("")) {
                    write!(f, "{parent}.")?;
                }
                super::shape::write_camel_case(f, name)
            }
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// Most texts that are collected; what is wrong beyond that is only mentioned.
const MOST_TEXTS: usize = 1_000;

/// Everything that is wrong with a request: texts per key, keys in the order first met.
///
/// Collecting takes time in proportion to what is wrong, and stops at a thousand texts: a request
/// that is all mistakes must cost no more than one that is right.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    // Most requests have none, and errors that carry failures should be small.
    collected: Option<Box<Collected>>,
}

#[derive(Clone, Debug, Default)]
struct Collected {
    entries: Vec<(String, Vec<String>)>,
    positions: HashMap<String, usize>,
    texts: usize,
    /// Keys of what could not be read.
    unreadable: HashSet<String>,
    /// Keys of what is around something that could not be read.
    around_unreadable: HashSet<String>,
}

impl PartialEq for Failures {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries()
    }
}

impl Failures {
    /// No failures yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A rule on the value at `path` does not hold.
    ///
    /// Left out when that value, or something around it, could not be read: the reader has already
    /// said what is wrong there.
    pub fn add(&mut self, path: &Path<'_>, text: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let key = path.to_string();
        let is_covered = self.collected.as_ref().is_some_and(|collected| {
            let unreadable = &collected.unreadable;
            unreadable.contains(&key) || around(&key).any(|outer| unreadable.contains(outer))
        });
        if !is_covered {
            self.insert(key, text.into());
        }
    }

    /// Something is missing in the value at `path`. Left out as well when something inside that value
    /// could not be read: that may be what is missing.
    pub fn add_missing(&mut self, path: &Path<'_>, text: impl Into<String>) {
        let is_around =
            self.collected.as_ref().is_some_and(|c| c.around_unreadable.contains(&path.to_string()));
        if !is_around {
            self.add(path, text);
        }
    }

    /// The value at `path` is of the wrong type.
    pub fn unreadable(&mut self, path: &Path<'_>, text: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let key = path.to_string();
        let collected = self.collected.get_or_insert_default();
        collected.around_unreadable.extend(around(&key).map(str::to_owned));
        collected.unreadable.insert(key.clone());
        self.insert(key, text.into());
    }

    /// A failure with a key that is not a path, such as `IdempotentKey`.
    pub fn add_key(&mut self, key: &str, text: impl Into<String>) {
        if !self.is_full() {
            self.insert(key.to_owned(), text.into());
        }
    }

    /// A single failure with a key that is not a path.
    #[must_use]
    pub fn one(key: &str, text: impl Into<String>) -> Self {
        let mut failures = Self::new();
        failures.add_key(key, text);
        failures
    }

    /// Whether nothing more is collected.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.collected.as_ref().is_some_and(|collected| collected.texts > MOST_TEXTS)
    }

    fn insert(&mut self, key: String, text: String) {
        let Collected { entries, positions, texts: count, .. } =
            &mut **self.collected.get_or_insert_default();
        if *count == MOST_TEXTS {
            *count += 1;
            let text = format!("More is wrong; only the first {MOST_TEXTS} texts are given.");
            entries.push(("more".to_owned(), vec![text]));
            return;
        }
        let at = *positions.entry(key).or_insert_with_key(|key| {
            entries.push((key.clone(), Vec::new()));
            entries.len() - 1
        });
        let texts = &mut entries[at].1;
        // Many equal texts come one after the other.
        if texts.last() != Some(&text) && !texts.iter().take(10).any(|other| *other == text) {
            texts.push(text);
            *count += 1;
        }
    }

    fn entries(&self) -> &[(String, Vec<String>)] {
        self.collected.as_ref().map_or(&[], |collected| &collected.entries)
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Keys with their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries().iter().map(|(k, t)| (k.as_str(), t.as_slice()))
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// The failures themselves.
    pub fn into_result(self) -> Result<(), Failures> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// The keys of everything around `key`: of `a[0].b`, `a[0]` and `a`.
fn around(key: &str) -> impl Iterator<Item = &str> {
    key.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| &key[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(failures: &Failures) -> Vec<&str> {
        failures.iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn rules_are_silent_where_something_could_not_be_read() {
        let dto = Path::Root("dto");
        let list = dto.member("items");
        let mut failures = Failures::new();
        failures.unreadable(&list.item(1).member("name"), "must be a string.");
        for silent in [list, list.item(1), list.item(1).member("name")] {
            failures.add_missing(&silent, "rule");
        }
        failures.add(&list.item(1).member("name"), "rule");
        failures.add(&list, "another rule");
        failures.add(&list.item(1).member("name").member("inner"), "rule");
        failures.add(&list.item(0).member("name"), "rule");
        failures.add(&dto.member("itemsOfOthers"), "rule");
        assert_eq!(
            keys(&failures),
            ["dto.items[1].name", "dto.items", "dto.items[0].name", "dto.itemsOfOthers"]
        );
    }

    #[test]
    fn collecting_ends() {
        let mut failures = Failures::new();
        let root = Path::Root("items");
        for index in 0..100_000 {
            failures.unreadable(&root.item(index), "must be an object.");
            failures.add(&Path::Root("other"), format!("{index}"));
        }
        assert!(failures.is_full());
        assert_eq!(failures.iter().map(|(_, texts)| texts.len()).sum::<usize>(), MOST_TEXTS + 1);
        assert_eq!(failures.iter().last().map(|(key, _)| key), Some("more"));
    }
}
