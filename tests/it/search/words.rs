//! Which words are found where, told for a small vocabulary without any help of the database.

use serde_json::Value;

/// Words with their Norwegian and English stems; none for words that say nothing.
const VOCABULARY: [(&str, Option<&str>, Option<&str>); 24] = [
    ("skatt", Some("skatt"), Some("skatt")),
    ("skatten", Some("skatt"), Some("skatten")),
    ("skatter", Some("skatt"), Some("skatter")),
    ("avgift", Some("avgift"), Some("avgift")),
    ("avgifter", Some("avgift"), Some("avgift")),
    ("avgiften", Some("avgift"), Some("avgiften")),
    ("melding", Some("melding"), Some("meld")),
    ("meldingen", Some("melding"), Some("meldingen")),
    ("meldinger", Some("melding"), Some("melding")),
    ("vedtak", Some("vedtak"), Some("vedtak")),
    ("vedtaket", Some("vedtak"), Some("vedtaket")),
    ("båt", Some("båt"), Some("båt")),
    ("båten", Some("båt"), Some("båten")),
    ("båtene", Some("båt"), Some("båtene")),
    ("permit", Some("permit"), Some("permit")),
    ("permits", Some("permit"), Some("permit")),
    ("permitted", Some("permitted"), Some("permit")),
    ("letter", Some("lett"), Some("letter")),
    ("letters", Some("lett"), Some("letter")),
    ("boat", Some("boat"), Some("boat")),
    ("boats", Some("boat"), Some("boat")),
    ("og", None, Some("og")),
    ("the", Some("the"), None),
    ("havn", Some("havn"), Some("havn")),
];

/// The words.
pub fn vocabulary() -> Vec<&'static str> {
    VOCABULARY.iter().map(|(word, ..)| *word).collect()
}

/// By whose rules words are reduced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Norwegian,
    English,
}

impl Rules {
    fn of(language: &str) -> Option<Self> {
        match language {
            "nb" | "nn" => Some(Self::Norwegian),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    fn stem(self, word: &str) -> Option<&'static str> {
        let (_, norwegian, english) =
            VOCABULARY.iter().find(|(other, ..)| *other == word).expect("a word of the vocabulary");
        match self {
            Self::Norwegian => *norwegian,
            Self::English => *english,
        }
    }
}

/// Words with their places.
type Placed = Vec<(usize, String)>;

fn as_written(words: &str) -> Placed {
    let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).enumerate().collect()
}

fn stems(words: &str, rules: Rules) -> Placed {
    let stem = |(place, word): (usize, String)| rules.stem(&word).map(|stem| (place, stem.to_owned()));
    as_written(words).into_iter().filter_map(stem).collect()
}

/// A word, a phrase, or the beginning of a word.
#[derive(Clone, Debug)]
pub struct Term {
    pub text: String,
    pub is_prefix: bool,
    pub is_negated: bool,
}

/// Alternatives; of each all terms must be as they say.
#[derive(Clone, Debug)]
pub struct Looked {
    pub any_of: Vec<Vec<Term>>,
    pub language: Option<&'static str>,
}

impl Looked {
    /// Whether a dialog, as its service owner reads it, is found.
    pub fn finds(&self, dialog: &Value, only_open: bool) -> bool {
        let texts = texts(dialog, only_open);
        let holds = |term: &Term| texts.iter().any(|text| self.is_in(term, text)) != term.is_negated;
        self.any_of.iter().any(|all| all.iter().any(|term| !term.is_negated) && all.iter().all(holds))
    }

    fn is_in(&self, term: &Term, text: &Text) -> bool {
        let mut stored = vec![as_written(&text.words)];
        stored.extend(Rules::of(&text.language).map(|rules| stems(&text.words, rules)));
        if term.is_prefix {
            return stored.iter().flatten().any(|(_, word)| word.starts_with(&term.text));
        }
        let mut looked = vec![as_written(&term.text)];
        match self.language {
            None => looked.extend([Rules::Norwegian, Rules::English].map(|rules| stems(&term.text, rules))),
            Some(language) => looked.extend(Rules::of(language).map(|rules| stems(&term.text, rules))),
        }
        looked.iter().any(|phrase| stored.iter().any(|words| contains(words, phrase)))
    }
}

/// Whether the words of the phrase stand in these distances from each other.
fn contains(words: &Placed, phrase: &Placed) -> bool {
    let Some((first, _)) = phrase.first() else { return false };
    let stands =
        |at: usize| phrase.iter().all(|(place, word)| words.contains(&(at + place - first, word.clone())));
    words.iter().any(|(at, _)| stands(*at))
}

struct Text {
    words: String,
    language: String,
}

/// All texts of a dialog; or those that lists show to everybody.
fn texts(dialog: &Value, only_open: bool) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut add = |localizations: &Value, open: bool| {
        for text in localizations.as_array().into_iter().flatten().filter(|_| open || !only_open) {
            let member = |name: &str| text[name].as_str().expect("a text").to_owned();
            texts.push(Text { words: member("value"), language: member("languageCode") });
        }
    };
    let content = &dialog["content"];
    for (field, open) in [
        ("title", content.get("nonSensitiveTitle").is_none()),
        ("nonSensitiveTitle", true),
        ("summary", content.get("nonSensitiveSummary").is_none()),
        ("nonSensitiveSummary", true),
        ("senderName", true),
        ("extendedStatus", true),
        ("additionalInfo", false),
    ] {
        if content[field]["mediaType"] == "text/plain" {
            add(&content[field]["value"], open);
        }
    }
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    for attachment in list(dialog, "attachments") {
        add(&attachment["displayName"], false);
    }
    for transmission in list(dialog, "transmissions") {
        add(&transmission["content"]["title"]["value"], false);
        add(&transmission["content"]["summary"]["value"], false);
        for attachment in list(&transmission, "attachments") {
            add(&attachment["displayName"], false);
        }
    }
    for activity in list(dialog, "activities") {
        add(&activity["description"], false);
    }
    for tag in list(dialog, "searchTags").iter().filter(|_| !only_open) {
        texts.push(Text { words: tag["value"].as_str().expect("a tag").to_owned(), language: String::new() });
    }
    texts
}
