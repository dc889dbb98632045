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

/// Everything that is wrong with a request: texts per key, keys in the order first met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    entries: Vec<(String, Vec<String>)>,
    unreadable: Vec<String>,
}

impl Failures {
    /// No failures yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A rule on the value at `path` does not hold.
    ///
    /// Left out when that value, something inside it or something around it could not be read:
    /// the reader has already said what is wrong there.
    pub fn add(&mut self, path: &Path<'_>, text: impl Into<String>) {
        let key = path.to_string();
        if !self.unreadable.iter().any(|u| covers(u, &key) || covers(&key, u)) {
            self.insert(key, text.into());
        }
    }

    /// The value at `path` is of the wrong type.
    pub fn unreadable(&mut self, path: &Path<'_>, text: impl Into<String>) {
        let key = path.to_string();
        self.unreadable.push(key.clone());
        self.insert(key, text.into());
    }

    /// A failure with a key that is not a path, such as `IdempotentKey`.
    pub fn add_key(&mut self, key: &str, text: impl Into<String>) {
        self.insert(key.to_owned(), text.into());
    }

    /// A single failure with a key that is not a path.
    #[must_use]
    pub fn one(key: &str, text: impl Into<String>) -> Self {
        let mut failures = Self::new();
        failures.add_key(key, text);
        failures
    }

    fn insert(&mut self, key: String, text: String) {
        match self.entries.iter_mut().find(|(k, _)| *k == key) {
            Some((_, texts)) if texts.contains(&text) => {}
            Some((_, texts)) => texts.push(text),
            None => self.entries.push((key, vec![text])),
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys with their texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries.iter().map(|(k, t)| (k.as_str(), t.as_slice()))
    }

    /// Takes over all failures of `other`.
    pub fn extend(&mut self, other: Failures) {
        for (key, texts) in other.entries {
            for text in texts {
                self.insert(key.clone(), text);
            }
        }
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// The failures themselves.
    pub fn into_result(self) -> Result<(), Failures> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// Whether `outer` is `inner` or something around it.
fn covers(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
