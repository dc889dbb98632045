//! Texts as agencies write them, of a limited stock of words.

use std::collections::BTreeSet;

use super::profile::COMMON_WORD;
use super::random::Random;
use crate::dialog::model::Localization;

/// How many rare words there are.
pub(super) const RARE_WORDS: usize = 1_000;

/// What a text says, in whatever language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    opening: usize,
    first: usize,
    last: usize,
    place: usize,
    sentences: [usize; 2],
}

/// The parts that texts are put together from. Lists that belong together have the same length in all
/// languages.
struct Language {
    code: &'static str,
    openings: [&'static str; 12],
    /// Beginnings and ends of nouns.
    firsts: [&'static str; 40],
    lasts: [&'static str; 24],
    /// Between the two.
    joint: &'static str,
    sentences: [&'static str; 20],
    about: &'static str,
    case: &'static str,
    reference: &'static str,
    more: &'static str,
}

const PLACES: [&str; 40] = [
    "Oslo",
    "Bergen",
    "Trondheim",
    "Stavanger",
    "Drammen",
    "Fredrikstad",
    "Kristiansand",
    "Sandnes",
    "Sarpsborg",
    "Skien",
    "Bodø",
    "Sandefjord",
    "Larvik",
    "Arendal",
    "Haugesund",
    "Porsgrunn",
    "Moss",
    "Halden",
    "Lillehammer",
    "Molde",
    "Harstad",
    "Gjøvik",
    "Steinkjer",
    "Narvik",
    "Elverum",
    "Alta",
    "Førde",
    "Voss",
    "Røros",
    "Lillesand",
    "Mandal",
    "Notodden",
    "Rjukan",
    "Tynset",
    "Florø",
    "Svolvær",
    "Hammerfest",
    "Kirkenes",
    "Vadsø",
    "Brønnøysund",
];

const NORWEGIAN_FIRSTS: [&str; 40] = [
    "bygge",
    "skatte",
    "barne",
    "sykepenge",
    "merverdi",
    "arbeids",
    "foreldre",
    "bostøtte",
    "kjøretøy",
    "næringsmiddel",
    "eiendoms",
    "regnskaps",
    "virksomhets",
    "jordbruks",
    "skogbruks",
    "fiskeri",
    "reindrifts",
    "transport",
    "avfalls",
    "utslipps",
    "graveplan",
    "skjenke",
    "serverings",
    "parkerings",
    "vergemåls",
    "pensjons",
    "uføre",
    "utdannings",
    "helse",
    "tannlege",
    "kultur",
    "idretts",
    "frivillighets",
    "forsknings",
    "energi",
    "vannkraft",
    "fyringsolje",
    "toll",
    "valg",
    "arkiv",
];

const LANGUAGES: [Language; 3] = [
    Language {
        code: "nb",
        openings: [
            "Vedtak om",
            "Søknad om",
            "Svar på søknad om",
            "Varsel om",
            "Kvittering for",
            "Påminnelse om",
            "Innkalling til møte om",
            "Endring av",
            "Faktura for",
            "Oversikt over",
            "Klage på",
            "Kontroll av",
        ],
        firsts: NORWEGIAN_FIRSTS,
        lasts: [
            "avgift",
            "tillatelse",
            "melding",
            "tilskudd",
            "skjema",
            "oppgave",
            "bevilling",
            "registrering",
            "kontroll",
            "rapport",
            "plan",
            "attest",
            "godkjenning",
            "refusjon",
            "stønad",
            "avtale",
            "beregning",
            "dokumentasjon",
            "fradrag",
            "henvendelse",
            "opplysning",
            "prøve",
            "regulering",
            "utbetaling",
        ],
        joint: "",
        sentences: [
            "Vi har behandlet saken din",
            "Du må sende inn dokumentasjon innen fristen",
            "Beløpet blir utbetalt til kontonummeret vi har registrert",
            "Les gjennom opplysningene og meld fra om feil",
            "Du kan klage på vedtaket innen tre uker",
            "Vi trenger flere opplysninger for å gå videre",
            "Saken er avsluttet og krever ingen handling",
            "Signer skjemaet og send det tilbake",
            "Ta kontakt med saksbehandleren hvis noe er uklart",
            "Ansvarlig leder må bekrefte opplysningene",
            "Betalingen er mottatt og registrert",
            "Styret har fått kopi av brevet",
            "Et nytt møte er avtalt med naboene",
            "Fristen er forlenget med fire uker",
            "Vedlegget viser hvordan vi har regnet",
            "Prøvene viste ingen avvik",
            "Dere har fått tildelt en ny kontaktperson",
            "Søknaden ligger til behandling hos kommunen",
            "Registeret blir oppdatert hver natt",
            "Kravet gjelder de ansatte i virksomheten",
        ],
        about: "Saken gjelder",
        case: "Saksnummer",
        reference: "Referanse",
        more: "Les mer i",
    },
    Language {
        code: "nn",
        openings: [
            "Vedtak om",
            "Søknad om",
            "Svar på søknad om",
            "Varsel om",
            "Kvittering for",
            "Påminning om",
            "Innkalling til møte om",
            "Endring av",
            "Faktura for",
            "Oversyn over",
            "Klage på",
            "Kontroll av",
        ],
        firsts: NORWEGIAN_FIRSTS,
        lasts: [
            "avgift",
            "løyve",
            "melding",
            "tilskot",
            "skjema",
            "oppgåve",
            "bevilling",
            "registrering",
            "kontroll",
            "rapport",
            "plan",
            "attest",
            "godkjenning",
            "refusjon",
            "stønad",
            "avtale",
            "utrekning",
            "dokumentasjon",
            "frådrag",
            "førespurnad",
            "opplysing",
            "prøve",
            "regulering",
            "utbetaling",
        ],
        joint: "",
        sentences: [
            "Vi har handsama saka di",
            "Du må sende inn dokumentasjon innan fristen",
            "Beløpet blir utbetalt til kontonummeret vi har registrert",
            "Les gjennom opplysingane og meld frå om feil",
            "Du kan klage på vedtaket innan tre veker",
            "Vi treng fleire opplysingar for å gå vidare",
            "Saka er avslutta og krev inga handling",
            "Signer skjemaet og send det tilbake",
            "Ta kontakt med saksbehandlaren om noko er uklårt",
            "Ansvarleg leiar må stadfeste opplysingane",
            "Betalinga er motteken og registrert",
            "Styret har fått kopi av brevet",
            "Eit nytt møte er avtalt med naboane",
            "Fristen er lengd med fire veker",
            "Vedlegget viser korleis vi har rekna",
            "Prøvene viste ingen avvik",
            "De har fått tildelt ein ny kontaktperson",
            "Søknaden ligg til handsaming hos kommunen",
            "Registeret blir oppdatert kvar natt",
            "Kravet gjeld dei tilsette i verksemda",
        ],
        about: "Saka gjeld",
        case: "Saksnummer",
        reference: "Referanse",
        more: "Les meir i",
    },
    Language {
        code: "en",
        openings: [
            "Decision on",
            "Application for",
            "Reply to application for",
            "Notice of",
            "Receipt for",
            "Reminder of",
            "Invitation to a meeting on",
            "Change of",
            "Invoice for",
            "Overview of",
            "Complaint about",
            "Inspection of",
        ],
        firsts: [
            "building",
            "tax",
            "child",
            "sickness",
            "value",
            "employment",
            "parental",
            "housing",
            "vehicle",
            "food",
            "property",
            "accounting",
            "business",
            "farming",
            "forestry",
            "fishing",
            "reindeer",
            "transport",
            "waste",
            "emission",
            "excavation",
            "alcohol",
            "restaurant",
            "parking",
            "guardianship",
            "pension",
            "disability",
            "education",
            "health",
            "dental",
            "culture",
            "sports",
            "volunteer",
            "research",
            "energy",
            "hydropower",
            "heating",
            "customs",
            "election",
            "archive",
        ],
        lasts: [
            "fee",
            "permit",
            "message",
            "grant",
            "form",
            "return",
            "licence",
            "registration",
            "inspection",
            "report",
            "plan",
            "certificate",
            "approval",
            "refund",
            "benefit",
            "agreement",
            "calculation",
            "documentation",
            "deduction",
            "inquiry",
            "information",
            "test",
            "regulation",
            "payment",
        ],
        joint: " ",
        sentences: [
            "We have considered your case",
            "You must send the documentation before the deadline",
            "The amount will be paid to your registered account",
            "Please read the information and report any errors",
            "You can appeal against the decision within three weeks",
            "We need more information before we can continue",
            "The case is closed and needs no action",
            "Sign the form and send it back",
            "Contact the case officer if anything is unclear",
            "The responsible manager must confirm the information",
            "The payment has been received",
            "The board has got a copy of the letter",
            "A new meeting with the neighbours has been arranged",
            "The deadline has been extended by four weeks",
            "The attachment shows how we calculated",
            "The samples showed no deviations",
            "You have been assigned a new contact person",
            "The application is being considered by the municipality",
            "The register is updated every night",
            "The claim concerns the employees of the business",
        ],
        about: "The case concerns",
        case: "Case number",
        reference: "Reference",
        more: "Read more in",
    },
];

/// Which languages a text is in, as places in [`LANGUAGES`]; in the order of their codes, `en`, `nb`, `nn`.
pub(super) fn languages(random: &mut Random) -> &'static [usize] {
    match random.below(100) {
        0..42 => &[0],
        42..56 => &[1],
        56..70 => &[2],
        70..82 => &[2, 0],
        82..90 => &[0, 1],
        _ => &[2, 0, 1],
    }
}

/// The same text in several languages.
pub(super) fn localized(languages: &[usize], text: impl Fn(usize) -> String) -> Vec<Localization> {
    let one = |language: &usize| Localization {
        language_code: LANGUAGES[*language].code.to_owned(),
        value: text(*language),
    };
    languages.iter().map(one).collect()
}

impl Subject {
    pub fn draw(random: &mut Random) -> Self {
        let Language { openings, firsts, lasts, sentences, .. } = &LANGUAGES[0];
        // Some nouns are far more usual than others.
        let usual = |random: &mut Random, end: usize| {
            let end = 1 + random.index(end);
            random.index(end)
        };
        Self {
            opening: usual(random, openings.len()),
            first: usual(random, firsts.len()),
            last: usual(random, lasts.len()),
            place: random.index(PLACES.len()),
            sentences: [random.index(sentences.len()), random.index(sentences.len())],
        }
    }

    /// A noun, in lower case.
    pub fn noun(&self, language: usize) -> String {
        let Language { firsts, lasts, joint, .. } = &LANGUAGES[language];
        format!("{}{joint}{}", firsts[self.first], lasts[self.last])
    }

    pub fn title(&self, language: usize) -> String {
        format!("{} {}", LANGUAGES[language].openings[self.opening], self.noun(language))
    }

    /// A headline that says nothing.
    pub fn opening(&self, language: usize) -> String {
        LANGUAGES[language].openings[self.opening].to_owned()
    }

    pub fn sentence(&self, language: usize, number: usize) -> String {
        LANGUAGES[language].sentences[self.sentences[number]].to_owned()
    }

    pub fn summary(&self, language: usize) -> String {
        let Language { about, sentences, .. } = &LANGUAGES[language];
        let (place, sentence) = (PLACES[self.place], sentences[self.sentences[0]]);
        format!("{sentence}. {about} {} {place}.", self.noun(language))
    }
}

/// A number that no other dialog has.
pub(super) fn case_number(language: usize, number: u64) -> String {
    format!(" {} {number}", LANGUAGES[language].case)
}

/// [`COMMON_WORD`] in a sentence.
pub(super) fn read_more(language: usize) -> String {
    format!(" {} {COMMON_WORD}", LANGUAGES[language].more)
}

/// A word of one dialog in a sentence.
pub(super) fn reference(language: usize, word: &str) -> String {
    format!(" {} {word}", LANGUAGES[language].reference)
}

/// A word that is in no dictionary.
pub(super) fn rare_word(number: usize) -> String {
    const SYLLABLES: [&str; 10] = ["ba", "ko", "di", "fu", "ge", "lo", "mi", "pu", "ra", "tu"];
    let digit = |place| SYLLABLES[number / place % 10];
    format!("qv{}{}{}x", digit(100), digit(10), digit(1))
}

/// All words that texts are made of, as they are written there. Beside them there are numbers.
#[must_use]
pub fn vocabulary() -> BTreeSet<String> {
    let mut words: BTreeSet<String> = (0..RARE_WORDS).map(rare_word).collect();
    let mut add = |text: &str| words.extend(tokens(text).map(str::to_owned));
    for (number, language) in LANGUAGES.iter().enumerate() {
        let Language { openings, firsts, lasts, joint, sentences, about, case, reference, more, .. } =
            language;
        openings.iter().chain(sentences).chain([about, case, reference, more]).for_each(|text| add(text));
        for first in firsts {
            for last in lasts {
                add(&format!("{first}{joint}{last}"));
            }
        }
        add(SENDERS[number]);
    }
    PLACES.iter().chain(STATUSES.iter().flatten()).chain([&COMMON_WORD]).for_each(|text| add(text));
    words
}

/// Names of senders by language.
pub(super) const SENDERS: [&str; 3] = ["Fellestjenesten", "Fellestenesta", "The shared service"];

/// What extended statuses mean, by language.
pub(super) const STATUSES: [[&str; 4]; 3] = [
    ["Venter på svar", "Under behandling", "Til signering", "Ferdig behandlet"],
    ["Ventar på svar", "Under handsaming", "Til signering", "Ferdig handsama"],
    ["Waiting for a reply", "In progress", "To be signed", "Done"],
];

/// Runs of letters and digits.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_in_the_order_of_their_codes() {
        let mut random = Random::new(1, 1);
        for _ in 0..1_000 {
            let codes: Vec<_> = languages(&mut random).iter().map(|at| LANGUAGES[*at].code).collect();
            assert!(codes.is_sorted());
        }
    }

    #[test]
    fn the_common_word_and_the_rare_ones_are_in_no_other_text() {
        let words = vocabulary();
        let others: Vec<&String> = words.iter().filter(|word| !word.starts_with("qv")).collect();
        assert_eq!(words.len() - others.len(), RARE_WORDS);
        assert_eq!(others.iter().filter(|word| word.to_lowercase() == COMMON_WORD.to_lowercase()).count(), 1);
        assert!(words.len() > 2_000, "{}", words.len());
        assert!(words.iter().all(|word| word.chars().all(char::is_alphabetic)));
    }
}
