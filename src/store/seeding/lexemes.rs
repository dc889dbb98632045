//! Makes the `tsvector`s that PostgreSQL would make, of words that it has been asked about once.

use std::collections::{BTreeSet, HashMap};

use super::super::StoreFailure;
use crate::search::words::Words;

/// The highest position that a `tsvector` can hold.
const LAST_POSITION: u16 = (1 << 14) - 1;
/// The most positions of one word.
const MOST_POSITIONS: usize = 255;

/// The rules of languages that texts may be in, beside `simple`.
const RULES: [&str; 2] = ["norwegian", "english"];

/// What PostgreSQL makes of each word: as it is written, and by the rules of each language; nothing of
/// words that say nothing.
pub(super) struct Lexicon {
    words: HashMap<String, (String, [Option<String>; RULES.len()])>,
}

/// A word, and what `simple` and the rules of each language make of it.
type Row = (String, Option<String>, Option<String>, Option<String>);

const LEARN: &str = "\
select word, (tsvector_to_array(to_tsvector('simple', word)))[1],
    (tsvector_to_array(to_tsvector('norwegian', word)))[1], (tsvector_to_array(to_tsvector('english', word)))[1]
from unnest($1::text[]) as u (word)";

impl Lexicon {
    pub async fn learn(pool: &sqlx::PgPool, words: BTreeSet<String>) -> Result<Self, StoreFailure> {
        let words: Vec<String> = words.into_iter().collect();
        let rows: Vec<Row> = sqlx::query_as(LEARN).bind(words).fetch_all(pool).await?;
        let words = rows
            .into_iter()
            .map(|(word, simple, norwegian, english)| {
                let simple = simple.ok_or_else(|| unknown(&word))?;
                Ok((word, (simple, [norwegian, english])))
            })
            .collect::<Result<_, StoreFailure>>()?;
        Ok(Self { words })
    }

    /// The words of one chunk in order, with positions and weights.
    pub fn lexemes<'a>(&'a self, words: &'a [&Words]) -> Result<Vec<(&'a str, u16)>, StoreFailure> {
        let mut lexemes: Vec<(&str, u16)> = Vec::with_capacity(64);
        // Positions count on from the last word that is kept.
        let mut last = 0;
        for Words { rules, open, text, .. } in words {
            let weight: u16 = if *open { 0b11 << 14 } else { 0 };
            let rules = RULES.iter().position(|known| known == rules);
            for by in std::iter::once(None).chain(rules.map(Some)) {
                let start = last;
                for (number, token) in (1..).zip(tokens(text)) {
                    if let Some(lexeme) = self.lexeme(token, by)? {
                        last = LAST_POSITION.min(start + number);
                        lexemes.push((lexeme, weight | last));
                    }
                }
            }
        }
        lexemes.sort_by_key(|(lexeme, position)| (*lexeme, position & LAST_POSITION));
        let crowded = lexemes.chunk_by(|one, next| one.0 == next.0).any(|same| same.len() > MOST_POSITIONS);
        if last == LAST_POSITION || crowded {
            return Err(StoreFailure::Damaged("a text is too long for the data set".into()));
        }
        Ok(lexemes)
    }

    fn lexeme<'a>(&'a self, token: &'a str, by: Option<usize>) -> Result<Option<&'a str>, StoreFailure> {
        if token.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Some(token));
        }
        let (simple, others) = self.words.get(token).ok_or_else(|| unknown(token))?;
        Ok(by.map_or(Some(simple), |by| others[by].as_ref()).map(String::as_str))
    }
}

fn unknown(word: &str) -> StoreFailure {
    StoreFailure::Damaged(format!("the word {word} is not in the vocabulary of the data set"))
}

/// What PostgreSQL takes for words, in texts of letters and digits between which there are spaces, full
/// stops and commas.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|token| !token.is_empty())
}
