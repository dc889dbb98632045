//! What a free-text search looks for.
//!
//! Words and quoted phrases; `AND`, `OR` and a leading `-` for *not*. `AND` binds more closely than
//! `OR`. Between words without an operator it is `OR`, and `AND` where some word has a `-`. A word
//! that ends in `*` stands for all words that begin so.

use super::words::rules_of;

/// Most characters of a query.
pub const MAX_CHARACTERS: usize = 500;
/// Fewest characters of a query.
pub const MIN_CHARACTERS: usize = 3;
/// Most words and phrases of a query.
pub const MAX_TERMS: usize = 20;
/// Fewest characters before a `*`.
pub const MIN_PREFIX: usize = 3;

/// A word, a phrase or the beginning of a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The words as the client wrote them.
    pub text: String,
    /// Whether the last word stands for all that begin so.
    pub is_prefix: bool,
}

/// Terms of which all must be found, or not be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllOf {
    /// To be found somewhere in the dialog; at least one.
    pub found: Vec<Term>,
    /// Not to be found anywhere in the dialog.
    pub absent: Vec<Term>,
}

/// A query: one of these must hold. None at all finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextQuery {
    /// The alternatives.
    pub any_of: Vec<AllOf>,
    /// PostgreSQL's names of the rules by which stems of the words are looked for, beside the words
    /// as they are written.
    pub rules: Vec<&'static str>,
}

enum Token {
    And,
    Or,
    Term { term: Term, negated: bool },
}

impl TextQuery {
    /// Reads a query. `language` is a lower-case ISO 639-1 code; without it the stems of Norwegian and
    /// English are looked for.
    ///
    /// # Errors
    /// Sentences that say what is wrong.
    pub fn parse(text: &str, language: Option<&str>) -> Result<Self, Vec<String>> {
        let characters = text.chars().count();
        let mut wrong = Vec::new();
        if characters < MIN_CHARACTERS {
            wrong.push(format!("must be at least {MIN_CHARACTERS} characters; got {characters}."));
        }
        if characters > MAX_CHARACTERS {
            wrong.push(format!("must be at most {MAX_CHARACTERS} characters; got {characters}."));
            return Err(wrong);
        }
        let tokens = tokens(text);
        let terms = tokens.iter().filter(|token| matches!(token, Token::Term { .. })).count();
        if terms > MAX_TERMS {
            wrong.push(format!("must be at most {MAX_TERMS} words and phrases; got {terms}."));
        }
        for token in &tokens {
            if let Token::Term { term, .. } = token
                && term.is_prefix
                && term.text.chars().count() < MIN_PREFIX
            {
                wrong
                    .push(format!("{}* must have at least {MIN_PREFIX} characters before the *.", term.text));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let rules = match language.map(rules_of) {
            None => vec!["norwegian", "english"],
            Some("simple") => Vec::new(),
            Some(rules) => vec![rules],
        };
        Ok(Self { any_of: alternatives(tokens), rules })
    }

    /// Where each alternative is a single word: all of these words, one of which must be found.
    #[must_use]
    pub fn plain_terms(&self) -> Option<Vec<&Term>> {
        self.any_of
            .iter()
            .map(|all| match (all.found.as_slice(), all.absent.as_slice()) {
                ([one], []) => Some(one),
                _ => None,
            })
            .collect()
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (negated, begin) = match rest.strip_prefix('-') {
            Some(begin) => (true, begin),
            None => (false, rest),
        };
        let (token, end) = if let Some(phrase) = begin.strip_prefix('"') {
            // A quote that is not closed reaches to the end.
            let end = phrase.find('"').unwrap_or(phrase.len());
            let term = Term { text: phrase[..end].trim().to_owned(), is_prefix: false };
            (Token::Term { term, negated }, phrase.get(end + 1..).unwrap_or_default())
        } else {
            let end = begin.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(begin.len());
            let (word, end) = begin.split_at(end);
            let token = match (negated, word) {
                (false, word) if word.eq_ignore_ascii_case("and") => Token::And,
                (false, word) if word.eq_ignore_ascii_case("or") => Token::Or,
                (_, word) => {
                    let stem = word.trim_end_matches('*');
                    let is_prefix = stem.len() < word.len();
                    Token::Term { term: Term { text: stem.to_owned(), is_prefix }, negated }
                }
            };
            (token, end)
        };
        // What has no letter and no digit is no word to PostgreSQL either.
        let counts = match &token {
            Token::Term { term, .. } => term.text.chars().any(char::is_alphanumeric),
            Token::And | Token::Or => true,
        };
        if counts {
            tokens.push(token);
        }
        rest = end.trim_start();
    }
    tokens
}

fn alternatives(tokens: Vec<Token>) -> Vec<AllOf> {
    let implied_and = tokens.iter().any(|token| matches!(token, Token::Term { negated: true, .. }));
    let mut alternatives: Vec<AllOf> = Vec::new();
    let mut operator = None;
    for token in tokens {
        match token {
            // Of several operators the last one counts.
            Token::And => operator = Some(true),
            Token::Or => operator = Some(false),
            Token::Term { term, negated } => {
                let joined = operator.take().unwrap_or(implied_and);
                if alternatives.is_empty() || !joined {
                    alternatives.push(AllOf::default());
                }
                if let Some(all) = alternatives.last_mut() {
                    if negated { all.absent.push(term) } else { all.found.push(term) }
                }
            }
        }
    }
    // What only says what must not be there could not be looked up.
    alternatives.retain(|all| !all.found.is_empty());
    alternatives
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a+b-c` for each alternative.
    fn shown(text: &str) -> String {
        let query = TextQuery::parse(text, None).unwrap();
        let show = |term: &Term| format!("{}{}", term.text, if term.is_prefix { "*" } else { "" });
        let all = |all: &AllOf| {
            let found = all.found.iter().map(|term| format!("+{}", show(term)));
            let absent = all.absent.iter().map(|term| format!("-{}", show(term)));
            found.chain(absent).collect::<String>()
        };
        query.any_of.iter().map(all).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn queries_are_alternatives() {
        for (text, expected) in [
            ("skatt", "+skatt"),
            ("skatt avgift", "+skatt | +avgift"),
            ("skatt AND avgift moms", "+skatt+avgift | +moms"),
            ("skatt or avgift", "+skatt | +avgift"),
            ("a OR b and c", "+a | +b+c"),
            ("\"to ord\" tre", "+to ord | +tre"),
            ("skatt -moms", "+skatt-moms"),
            ("skatt avgift -moms", "+skatt+avgift-moms"),
            ("skatt OR avgift -moms", "+skatt | +avgift-moms"),
            ("-\"to ord\" tre", "+tre-to ord"),
            ("AND OR skatt OR AND avgift AND", "+skatt+avgift"),
            ("-moms", ""),
            ("!!! ???", ""),
            ("skatt !!! ---", "+skatt"),
            ("oppl* info", "+oppl* | +info"),
            ("\"ikke lukket", "+ikke lukket"),
            ("fire\"fem seks\"sju", "+fire | +fem seks | +sju"),
            ("e-post", "+e-post"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_are_told() {
        for (text, expected) in [
            ("ab".to_owned(), "at least 3"),
            ("a".repeat(501), "at most 500"),
            ("a ".repeat(21), "at most 20"),
            ("ab* cde".to_owned(), "before the *"),
        ] {
            let wrong = TextQuery::parse(&text, None).unwrap_err();
            assert!(wrong[0].contains(expected), "{wrong:?}");
        }
    }

    #[test]
    fn stems_follow_the_language() {
        let rules = |language| TextQuery::parse("skatt", language).unwrap().rules;
        assert_eq!(rules(None), ["norwegian", "english"]);
        assert_eq!(rules(Some("nn")), ["norwegian"]);
        assert_eq!(rules(Some("ja")), [] as [&str; 0]);
    }
}
