//! The words of dialogs, written by the statements that write what they are in.

use uuid::Uuid;

use crate::dialog::model::{Activity, Transmission};
use crate::search::words::{self, SEPARATOR, Words};

/// Weight of words that lists show to everybody, and of all others.
const OPEN: &str = "A";
const OTHER: &str = "D";

/// Takes two places between texts, and at the end of all, so that no phrase goes from one text into
/// another. A number, because no language has other forms of it; it is not kept.
const BREAK: &str = " 860314159265358979 860314159265358979 ";

/// Texts as one array for each column.
#[derive(Default)]
pub(super) struct WordColumns {
    pub sources: Vec<Uuid>,
    pub chunks: Vec<i16>,
    pub rules: Vec<&'static str>,
    pub weights: Vec<&'static str>,
    pub texts: Vec<String>,
}

impl WordColumns {
    pub fn add(&mut self, words: Vec<Words>) {
        for Words { source, chunk, rules, open, text } in words {
            self.sources.push(source);
            self.chunks.push(chunk);
            self.rules.push(rules);
            self.weights.push(if open { OPEN } else { OTHER });
            let mut text = words::plain(&text).replace(SEPARATOR, BREAK);
            text.push_str(BREAK);
            self.texts.push(text);
        }
    }

    pub fn add_children<'a>(
        &mut self,
        transmissions: impl Iterator<Item = &'a Transmission>,
        activities: impl Iterator<Item = &'a Activity>,
    ) {
        transmissions.for_each(|transmission| self.add(words::of_transmission(transmission)));
        activities.for_each(|activity| self.add(words::of_activity(activity)));
    }
}

/// Inserts the words of the texts in five arrays, for the dialog in the table expression `$dialog`.
/// Every word is stored as it is written, and by its stem where its language has rules for that.
macro_rules! insert_words {
    ($dialog:literal, $sources:literal, $chunks:literal, $rules:literal, $weights:literal, $texts:literal) => {
        concat!(
            "insert into dialog_text (dialog_id, source_id, chunk, lexemes)
    select d.id, u.source_id, u.chunk, ts_delete(tsvector_all(setweight(
        case u.rules when 'simple' then to_tsvector('simple', u.text)
            else to_tsvector('simple', u.text) || to_tsvector(u.rules::regconfig, u.text) end, u.weight::\"char\")),
        '860314159265358979')
    from ",
            $dialog,
            " d, unnest(",
            $sources,
            "::uuid[], ",
            $chunks,
            "::smallint[], ",
            $rules,
            "::text[], ",
            $weights,
            "::text[], ",
            $texts,
            "::text[]) as u (source_id, chunk, rules, weight, text)
    group by d.id, u.source_id, u.chunk"
        )
    };
}
pub(super) use insert_words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_lower_case_and_apart() {
        let mut columns = WordColumns::default();
        let text = format!("ÅPNE{SEPARATOR}Brev");
        columns.add(vec![Words { source: Uuid::nil(), chunk: 0, rules: "norwegian", open: true, text }]);
        assert_eq!(columns.texts, [format!("åpne{BREAK}brev{BREAK}")]);
        let deleted = insert_words!("d", "$1", "$2", "$3", "$4", "$5").split_once("'8").unwrap().1;
        assert!(BREAK.contains(&format!("8{}", deleted.split_once('\'').unwrap().0)));
    }
}
