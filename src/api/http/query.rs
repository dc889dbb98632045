//! Query strings: names without regard to case, lists in several spellings, all failures at once.

use crate::json::{Failures, Path};
use crate::timestamp::Timestamp;

/// The parameters of a request in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=1&b=2`, percent-encoding and `+` resolved.
    #[must_use]
    pub fn parse(query: Option<&str>) -> Self {
        let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { parameters }
    }

    /// The others.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let others = self.parameters.iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name));
        Self { parameters: others.cloned().collect() }
    }

    /// Values of a parameter, with its name as the client wrote it.
    fn values(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a parameter, whatever else is there.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next().map(|(_, value)| value)
    }

    /// The value of a parameter that may be given once; empty is absent.
    pub fn text(&self, name: &str, failures: &mut Failures) -> Option<String> {
        let mut values = self.values(name);
        let (_, value) = values.next()?;
        if let Some((written, _)) = values.next() {
            failures.unreadable(&Path::Root(written), "must be given once.");
            return None;
        }
        let value = value.replace('\0', "\u{fffd}");
        (!value.is_empty()).then_some(value)
    }

    /// A value that is read with `read`, which gives `None` for what cannot be one.
    pub fn value<T>(
        &self,
        name: &str,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
        failures: &mut Failures,
    ) -> Option<T> {
        let text = self.text(name, failures)?;
        let value = read(&text);
        if value.is_none() {
            self.refuse(name, what, failures);
        }
        value
    }

    /// `true` or `false` in any case.
    pub fn boolean(&self, name: &str, failures: &mut Failures) -> Option<bool> {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.value(name, "must be true or false.", read, failures)
    }

    /// An integer.
    pub fn integer(&self, name: &str, failures: &mut Failures) -> Option<i64> {
        self.value(name, "must be an integer.", |text| text.parse().ok(), failures)
    }

    /// A moment; without offset it is UTC, a date alone is its midnight.
    pub fn timestamp(&self, name: &str, failures: &mut Failures) -> Option<Timestamp> {
        let what = "must be a date and time, such as 2030-01-31T12:00:00Z (RFC 3339).";
        self.value(name, what, Timestamp::parse_query, failures)
    }

    /// All values of a list: the parameter several times, or once with commas or as a JSON list.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let values: Vec<&str> = self.values(name).map(|(_, value)| value).collect();
        let values: Vec<String> = match values.as_slice() {
            [one] => match serde_json::from_str::<Vec<String>>(one) {
                Ok(items) => items,
                Err(_) if one.contains(',') && one.split(',').all(|item| !item.trim().is_empty()) => {
                    one.split(',').map(|item| item.trim().to_owned()).collect()
                }
                Err(_) => vec![(*one).to_owned()],
            },
            several => several.iter().map(|value| (*value).to_owned()).collect(),
        };
        values.into_iter().map(|value| value.replace('\0', "\u{fffd}")).collect()
    }

    /// A list whose items are read with `read`; bad items are reported under the parameter's name.
    pub fn list_of<T>(
        &self,
        name: &str,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
        failures: &mut Failures,
    ) -> Vec<T> {
        let mut items = Vec::new();
        for text in self.list(name) {
            match read(&text) {
                Some(item) => items.push(item),
                None => self.refuse(name, what, failures),
            }
        }
        items
    }

    /// Reports a value that cannot be one, under the name as the client wrote it.
    pub fn refuse(&self, name: &str, what: &str, failures: &mut Failures) {
        let written = self.values(name).next().map_or(name, |(written, _)| written);
        failures.unreadable(&Path::Root(written), what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_several_spellings() {
        for (query, items) in [
            ("status=Draft&status=Completed", vec!["Draft", "Completed"]),
            ("STATUS=Draft,InProgress", vec!["Draft", "InProgress"]),
            ("status=%5B%22a%22%2C%22b%22%5D", vec!["a", "b"]),
            ("status=,a", vec![",a"]),
            ("status=a,,b", vec!["a,,b"]),
            ("status=a,b&status=c", vec!["a,b", "c"]),
            ("status=", vec![""]),
            ("other=1", vec![]),
        ] {
            assert_eq!(Query::parse(Some(query)).list("status"), items, "{query}");
        }
    }

    #[test]
    fn scalars_are_given_once_and_read_strictly() {
        let query = Query::parse(Some("a=1&A=2&b=TRUE&c=1&d=&e=-7&f=2030-01-01T00:00:00+02:00&g=soon"));
        let mut failures = Failures::new();
        assert_eq!(query.integer("a", &mut failures), None);
        assert_eq!(query.boolean("b", &mut failures), Some(true));
        assert_eq!(query.boolean("C", &mut failures), None);
        assert_eq!(query.text("d", &mut failures), None);
        assert_eq!(query.integer("e", &mut failures), Some(-7));
        let moment = query.timestamp("f", &mut failures).unwrap();
        assert_eq!(moment.to_string(), "2029-12-31T22:00:00.0000000Z");
        assert_eq!(query.timestamp("g", &mut failures), None);
        let keys: Vec<_> = failures.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["A", "c", "g"]);
    }
}
