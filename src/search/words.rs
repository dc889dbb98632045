//! The texts of a dialog in which searches look for words.

use uuid::Uuid;

use crate::dialog::model::{Activity, Content, ContentValue, Documents, Localizations, Transmission};

/// The only media type whose values are searched: others hold markup or links.
const PLAIN_TEXT: &str = "text/plain";

/// Most bytes of one chunk: far below what PostgreSQL can number and store for one set of words.
const CHUNK: usize = 16 * 1024;

/// What stands between texts that have nothing to do with each other (ASCII's unit separator).
pub const SEPARATOR: char = '\u{1f}';

/// A text as nothing but words, lower-case, with blanks between them. PostgreSQL by itself would take
/// `brev.pdf` for a host, `og/eller` for a path and `<mer>` for a tag, and find no words in them; and not
/// every database knows the lower case of every letter.
#[must_use]
pub fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let mut plain = String::with_capacity(text.len());
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let joins = character == '-'
            && before.is_alphabetic()
            && characters.peek().is_some_and(|after| after.is_alphabetic());
        let is_kept = character.is_alphanumeric() || joins || character == SEPARATOR;
        plain.push(if is_kept { character } else { ' ' });
        before = character;
    }
    plain
}

/// Some text to be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What it belongs to: the dialog itself, a transmission or an activity.
    pub source: Uuid,
    /// Number of the part of the source's texts, from 0.
    pub chunk: i16,
    /// PostgreSQL's name of the language's rules, `simple` where it has none.
    pub rules: &'static str,
    /// Whether lists show it to users of every level of login.
    pub open: bool,
    /// One or more texts, with a [`SEPARATOR`] between them.
    pub text: String,
}

/// PostgreSQL's name of the rules by which words of a language are reduced to their stems; `simple`,
/// which does not, for languages that it does not know.
#[must_use]
pub fn rules_of(language: &str) -> &'static str {
    match language {
        "nb" | "nn" | "no" => "norwegian",
        "en" => "english",
        "da" => "danish",
        "sv" => "swedish",
        "fi" => "finnish",
        "ar" => "arabic",
        "hy" => "armenian",
        "eu" => "basque",
        "ca" => "catalan",
        "nl" => "dutch",
        "fr" => "french",
        "de" => "german",
        "el" => "greek",
        "hi" => "hindi",
        "hu" => "hungarian",
        "id" => "indonesian",
        "ga" => "irish",
        "it" => "italian",
        "lt" => "lithuanian",
        "ne" => "nepali",
        "pt" => "portuguese",
        "ro" => "romanian",
        "ru" => "russian",
        "sr" => "serbian",
        "es" => "spanish",
        "ta" => "tamil",
        "tr" => "turkish",
        "yi" => "yiddish",
        _ => "simple",
    }
}

/// The texts of a dialog itself. What is sensitive is open where nothing else is shown instead.
#[must_use]
pub fn of_dialog(id: Uuid, documents: &Documents) -> Vec<Words> {
    let Documents { content, search_tags, attachments, .. } = documents;
    let Content {
        title,
        non_sensitive_title,
        summary,
        non_sensitive_summary,
        sender_name,
        additional_info,
        extended_status,
        main_content_reference: _,
    } = content;
    let mut words = Collector::new(id);
    words.content(title.as_ref(), non_sensitive_title.is_none());
    words.content(non_sensitive_title.as_ref(), true);
    words.content(summary.as_ref(), non_sensitive_summary.is_none());
    words.content(non_sensitive_summary.as_ref(), true);
    words.content(sender_name.as_ref(), true);
    words.content(extended_status.as_ref(), true);
    words.content(additional_info.as_ref(), false);
    for tag in search_tags {
        words.add("", tag, false);
    }
    for attachment in attachments {
        words.localized(&attachment.display_name, false);
    }
    words.collected
}

/// The texts of a transmission.
#[must_use]
pub fn of_transmission(transmission: &Transmission) -> Vec<Words> {
    let mut words = Collector::new(transmission.id);
    if let Some(content) = &transmission.body.content {
        words.content(Some(&content.title), false);
        words.content(content.summary.as_ref(), false);
    }
    for attachment in &transmission.body.attachments {
        words.localized(&attachment.display_name, false);
    }
    words.collected
}

/// The texts of an activity.
#[must_use]
pub fn of_activity(activity: &Activity) -> Vec<Words> {
    let mut words = Collector::new(activity.id);
    words.localized(&activity.body.description, false);
    words.collected
}

/// Puts texts of one kind together, as long as they fit into a chunk.
struct Collector {
    source: Uuid,
    chunk: i16,
    bytes: usize,
    collected: Vec<Words>,
}

impl Collector {
    fn new(source: Uuid) -> Self {
        Self { source, chunk: 0, bytes: 0, collected: Vec::new() }
    }

    fn content(&mut self, value: Option<&ContentValue>, open: bool) {
        if let Some(value) = value.filter(|value| value.media_type.eq_ignore_ascii_case(PLAIN_TEXT)) {
            self.localized(&value.value, open);
        }
    }

    fn localized(&mut self, texts: &Localizations, open: bool) {
        for text in texts {
            self.add(&text.language_code, &text.value, open);
        }
    }

    fn add(&mut self, language: &str, text: &str, open: bool) {
        let rules = rules_of(language);
        if self.bytes > 0 && self.bytes + text.len() > CHUNK {
            self.chunk += 1;
            self.bytes = 0;
        }
        self.bytes += text.len() + 1;
        let alike = self
            .collected
            .iter_mut()
            .rev()
            .take_while(|words| words.chunk == self.chunk)
            .find(|words| words.rules == rules && words.open == open);
        if let Some(words) = alike {
            words.text.push(SEPARATOR);
            words.text.push_str(text);
        } else {
            let text = text.to_owned();
            self.collected.push(Words { source: self.source, chunk: self.chunk, rules, open, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::model::Localization;

    fn value(media_type: &str, texts: &[(&str, &str)]) -> ContentValue {
        let value = texts
            .iter()
            .map(|(code, text)| Localization { language_code: (*code).into(), value: (*text).into() })
            .collect();
        ContentValue { value, media_type: media_type.into() }
    }

    #[test]
    fn texts_of_one_kind_are_put_together() {
        let documents = Documents {
            content: Content {
                title: Some(value(PLAIN_TEXT, &[("en", "tax"), ("nb", "skatt"), ("nn", "skatten")])),
                summary: Some(value(PLAIN_TEXT, &[("nb", "hemmelig")])),
                non_sensitive_summary: Some(value(PLAIN_TEXT, &[("nb", "ufarlig")])),
                additional_info: Some(value("text/markdown", &[("nb", "# nei")])),
                ..Content::default()
            },
            search_tags: vec!["one".into(), "two".into()],
            ..Documents::default()
        };
        let id = Uuid::from_u128(1);
        let found: Vec<_> =
            of_dialog(id, &documents).into_iter().map(|w| (w.rules, w.open, w.text)).collect();
        let expected = [
            ("english", true, "tax"),
            ("norwegian", true, "skatt\u{1f}skatten\u{1f}ufarlig"),
            ("norwegian", false, "hemmelig"),
            ("simple", false, "one\u{1f}two"),
        ];
        assert_eq!(found, expected.map(|(rules, open, text)| (rules, open, text.to_owned())));
    }

    #[test]
    fn words_are_what_is_between_other_characters() {
        for (text, expected) in [
            ("Åpne BREV.pdf", "åpne brev pdf"),
            ("og/eller <mer>", "og eller  mer "),
            ("e-post, -7 2030-01-31 a--b c-", "e-post   7 2030 01 31 a  b c "),
            ("a@b.no&c;d'e\\f\0", "a b no c d e f "),
            ("one\u{1f}two", "one\u{1f}two"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn much_text_goes_into_several_chunks() {
        let tags: Vec<String> = (0..5_000).map(|n| format!("tag number {n}")).collect();
        let words =
            of_dialog(Uuid::from_u128(1), &Documents { search_tags: tags.clone(), ..Documents::default() });
        assert!(words.len() > 1);
        assert!(words.iter().all(|words| words.text.len() <= CHUNK));
        let chunks: Vec<i16> = words.iter().map(|words| words.chunk).collect();
        assert_eq!(chunks, (0..).take(words.len()).collect::<Vec<i16>>());
        assert_eq!(words.iter().flat_map(|words| words.text.split(SEPARATOR)).collect::<Vec<_>>(), tags);
    }
}
