//! Which languages an end user wants texts in.

use crate::altinn::LocalizedTexts;
use crate::dialog::model::{Localization, Localizations};

/// Languages in order of preference. Empty: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages {
    candidates: Vec<String>,
}

impl Languages {
    /// Languages with weights in thousandths, in the order given; weight 0 means not wanted.
    ///
    /// After what is asked for come Norwegian and English: the other form of Norwegian first for
    /// those who want one, Norwegian before English for Swedes and Danes, English first for others.
    #[must_use]
    pub fn of(accepted: &[(String, u16)]) -> Self {
        if accepted.is_empty() {
            return Self::default();
        }
        let mut weighted: Vec<(&str, u16)> = Vec::new();
        for (code, weight) in accepted {
            // "no" stands for both forms of Norwegian.
            let codes: &[&str] = if code == "no" { &["nb", "nn"] } else { &[code.as_str()] };
            for code in codes {
                match weighted.iter_mut().find(|(other, _)| other == code) {
                    Some((_, best)) => *best = (*best).max(*weight),
                    None => weighted.push((*code, *weight)),
                }
            }
        }
        weighted.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        let unwanted: Vec<&str> = weighted.iter().filter(|(_, w)| *w == 0).map(|(code, _)| *code).collect();
        let wanted: Vec<&str> = weighted.iter().filter(|(_, w)| *w > 0).map(|(code, _)| *code).collect();
        let asks = |code| wanted.contains(&code);
        let fallbacks: &[&str] = if asks("nn") || asks("nb") {
            &["nb", "nn", "en"]
        } else if asks("sv") || asks("da") {
            &["nb", "en"]
        } else {
            &["en", "nb"]
        };
        let mut candidates: Vec<String> = Vec::new();
        for code in wanted.iter().chain(fallbacks) {
            if *code != "*" && !unwanted.contains(code) && !candidates.iter().any(|other| other == code) {
                candidates.push((*code).to_owned());
            }
        }
        Self { candidates }
    }

    /// Names in the best language, or in all; where there are none, `otherwise` as if in Norwegian.
    #[must_use]
    pub fn names(&self, names: &LocalizedTexts, otherwise: &str) -> Localizations {
        let text = |(code, value): (&String, &String)| Localization {
            language_code: code.clone(),
            value: value.clone(),
        };
        let mut texts: Localizations = names.iter().map(text).collect();
        if texts.is_empty() {
            texts.push(Localization { language_code: "nb".to_owned(), value: otherwise.to_owned() });
        }
        self.prune(&mut texts);
        texts
    }

    /// Keeps the best language only; all of them when none of the candidates is there.
    pub fn prune(&self, texts: &mut Localizations) {
        let best = self.candidates.iter().find(|code| texts.iter().any(|text| text.language_code == **code));
        if let Some(best) = best {
            texts.retain(|text| text.language_code == *best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_is_kept() {
        let text = |code: &str| Localization { language_code: code.into(), value: code.into() };
        for (accepted, there, kept) in [
            (vec![], vec!["en", "nb"], vec!["en", "nb"]),
            (vec![("nb", 1000)], vec!["en", "nb"], vec!["nb"]),
            (vec![("en", 500), ("nb", 800)], vec!["en", "nb"], vec!["nb"]),
            (vec![("de", 1000)], vec!["en", "nb"], vec!["en"]),
            (vec![("sv", 1000)], vec!["en", "nb"], vec!["nb"]),
            (vec![("de", 1000)], vec!["fi", "fr"], vec!["fi", "fr"]),
            (vec![("nn", 1000)], vec!["en", "nb"], vec!["nb"]),
            (vec![("no", 1000)], vec!["en", "nn"], vec!["nn"]),
            (vec![("*", 1000)], vec!["en", "nb"], vec!["en"]),
            (vec![("de", 1000), ("en", 0)], vec!["en", "nb"], vec!["nb"]),
            (vec![("de", 1000), ("nb", 1000)], vec!["de", "nb"], vec!["de"]),
        ] {
            let accepted: Vec<_> = accepted.into_iter().map(|(code, w)| (code.to_owned(), w)).collect();
            let mut texts: Localizations = there.iter().map(|code| text(code)).collect();
            Languages::of(&accepted).prune(&mut texts);
            let left: Vec<_> = texts.iter().map(|t| t.language_code.as_str()).collect();
            assert_eq!(left, kept, "{accepted:?}");
        }
    }
}
