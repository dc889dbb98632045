//! Words in dialogs.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

const NONE: [Uuid; 0] = [];

/// A word that occurs nowhere else, of letters alone.
fn new_word(service: &Service) -> String {
    let letter = |digit: char| char::from(b'a' + u8::try_from(digit.to_digit(16).unwrap()).unwrap());
    let letters: String = service.unique().chars().filter(char::is_ascii_hexdigit).map(letter).collect();
    format!("q{letters}x")
}

fn titled(title: &str) -> Value {
    dialog().with("/content/title", texts(title))
}

async fn found(client: &Client, search: &str) -> Vec<Uuid> {
    let mut ids = client.listed(&[("party", PERSON), ("search", search)]).await;
    ids.sort_unstable();
    ids
}

fn letter(title: &str) -> Value {
    json!({
        "type": "Information",
        "sender": { "actorType": "ServiceOwner" },
        "content": { "title": texts(title), "summary": texts("Sammendrag") },
    })
}

#[tokio::test]
async fn words_are_found_as_soon_as_they_are_written_and_no_longer_than_they_are_there() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner_with(CHANGE_TRANSMISSIONS), service.person());
    let words: Vec<String> = (0..9).map(|_| new_word(service)).collect();
    let [first, patched, put, sent, corrected, done, tag, label, quiet] = &words[..] else { panic!() };

    let is_found = async |word: &str, ids: &[Uuid]| assert_eq!(found(&person, word).await, ids, "{word}");
    is_found(first, &[]).await;
    let id = owner
        .created(&titled(&format!("Om {first} og mer")).with("/transmissions", json!([letter(sent)])))
        .await;
    is_found(first, &[id]).await;
    is_found(sent, &[id]).await;

    let replace = json!([{ "op": "replace", "path": "/content/title/value/0/value", "value": patched }]);
    owner.patch(id, &replace).await.expect(204);
    is_found(first, &[]).await;
    is_found(patched, &[id]).await;

    let read = owner.dialog(id).await;
    let body = put_body(&read).with("/content/summary", texts(put)).with("/content/title", texts("Tittel"));
    owner.put(id, &body.with("/searchTags", json!([{ "value": tag }]))).await.expect(204);
    is_found(patched, &[]).await;
    is_found(put, &[id]).await;
    is_found(tag, &[id]).await;
    is_found(sent, &[id]).await;

    owner.patch(id, &json!([{ "op": "remove", "path": "/searchTags/0" }])).await.expect(204);
    is_found(tag, &[]).await;

    let transmission = owner.append(id, "transmissions", &letter(label)).await.expect(201).id();
    is_found(label, &[id]).await;
    owner.correct(id, transmission, &letter(corrected)).await.expect(204);
    is_found(label, &[]).await;
    is_found(corrected, &[id]).await;

    let activity = json!({
        "type": "Information", "performedBy": { "actorType": "ServiceOwner" }, "description": text(done),
    });
    owner.append(id, "activities", &activity).await.expect(201);
    is_found(done, &[id]).await;

    let replace = json!([{ "op": "replace", "path": "/content/title/value/0/value", "value": quiet }]);
    owner.patch(id, &replace).silently().await.expect(204);
    is_found(quiet, &[id]).await;

    owner.delete(id).await.expect(204);
    is_found(done, &[]).await;
    owner.act(id, "restore").await.expect(204);
    is_found(done, &[id]).await;
    owner.act(id, "purge").await.expect(204);
    let left: Vec<Uuid> =
        service.database.column("select dialog_id from dialog_text where dialog_id = $1", id).await;
    assert_eq!(left, NONE);
    for word in &words {
        is_found(word, &[]).await;
    }
}

#[tokio::test]
async fn queries_mean_what_they_say() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let words: Vec<String> = (0..4).map(|_| new_word(service)).collect();
    let [a, b, c, rest] = &words[..] else { panic!() };
    // The words are in texts of different kinds, which makes no difference but to phrases.
    let both = owner.created(&titled(&format!("{a} {b}")).with("/content/summary", texts(c))).await;
    let turned = owner.created(&titled(&format!("{b} {a}"))).await;
    let apart =
        titled(a).with("/searchTags", json!([{ "value": b }])).with("/transmissions", json!([letter(c)]));
    let apart = owner.created(&apart).await;
    let alone = owner.created(&titled(&format!("{} og {rest}", a.to_uppercase()))).await;
    for (query, expected) in [
        ("A", vec![both, turned, apart, alone]),
        ("A B", vec![both, turned, apart, alone]),
        ("B C", vec![both, turned, apart]),
        ("A AND B", vec![both, turned, apart]),
        ("A and B and C", vec![both, apart]),
        ("C OR R", vec![both, apart, alone]),
        ("A AND C OR R", vec![both, apart, alone]),
        ("R OR A AND C", vec![both, apart, alone]),
        ("A -B", vec![alone]),
        ("-B A", vec![alone]),
        ("A -R -C", vec![turned]),
        ("-A", vec![]),
        ("-A -B", vec![]),
        ("A OR -B", vec![both, turned, apart, alone]),
        ("\"A B\"", vec![both]),
        ("\"B A\"", vec![turned]),
        ("A -\"A B\"", vec![turned, apart, alone]),
        // From one text into the next.
        ("\"B C\"", vec![]),
        ("\"A R\"", vec![]),
        ("\"A og R\"", vec![alone]),
        ("\"R og A\"", vec![]),
        ("A*", vec![both, turned, apart, alone]),
        ("P*", vec![both, turned, apart, alone]),
        ("P", vec![]),
        ("S*", vec![]),
        ("(A), & \"R\"!", vec![both, turned, apart, alone]),
        ("A&B", vec![both]),
        ("A/B", vec![both]),
        ("A.B", vec![both]),
        ("<B>", vec![both, turned, apart]),
        ("'A'", vec![both, turned, apart, alone]),
    ] {
        let mut written = String::new();
        for part in query.split_inclusive(|c: char| !c.is_ascii_alphabetic()) {
            let (word, end) = match part.char_indices().next_back() {
                Some((at, c)) if !c.is_ascii_alphabetic() => part.split_at(at),
                _ => (part, ""),
            };
            written.push_str(match word {
                "A" => a.as_str(),
                "B" => b,
                "C" => c,
                "R" => rest,
                "P" => &a[..20],
                "S" => &a[1..20],
                other => other,
            });
            written.push_str(end);
        }
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found(&person, &written).await, expected, "{query}");
    }
}

#[tokio::test]
async fn other_forms_of_a_word_are_found_by_the_rules_of_its_language() {
    let service = Service::shared().await;
    let owner = service.owner();
    let process = format!("urn:test:{}", service.unique());
    let create = async |language: &str, title: &str| {
        let title = localized(&[(language, title)]);
        owner.created(&dialog().with("/process", process.as_str()).with("/content/title/value", title)).await
    };
    let bokmål = create("nb", "Årsoppgavene til bedriften, 2030.").await;
    let nynorsk = create("nn", "Meldingar").await;
    let english = create("en", "The permits (for boats)").await;
    let other = create("se", "Permits").await;
    let person = service.person();
    for (search, language, expected) in [
        ("årsoppgave", "", vec![bokmål]),
        ("ÅRSOPPGAVENE", "", vec![bokmål]),
        ("årsoppgave", "nn", vec![bokmål]),
        ("årsoppgave", "no", vec![]),
        ("årsoppgaven", "en", vec![]),
        ("årsoppgave", "ja", vec![]),
        ("årsoppgavene", "ja", vec![bokmål]),
        ("bedrift", "nb", vec![bokmål]),
        ("2030", "", vec![bokmål]),
        ("til", "", vec![bokmål]),
        ("meldingar", "", vec![nynorsk]),
        ("permitted", "", vec![english]),
        ("permitted", "EN-gb", vec![english]),
        ("permitted", "nb", vec![]),
        ("permits", "nb", vec![english, other]),
        ("boat", "", vec![english]),
        ("the", "", vec![english]),
        ("\"permits for boats\"", "en", vec![english]),
        ("\"boats for permits\"", "en", vec![]),
    ] {
        let query =
            [("party", PERSON), ("process", &process), ("search", search), ("searchLanguageCode", language)];
        let answer = person.list(&query).await;
        if language == "no" {
            answer.assert_problem(400, &[("searchLanguageCode", "nb or nn")]);
            continue;
        }
        let mut ids = answer.expect(200).item_ids();
        ids.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(ids, expected, "{search} {language}");
    }
}

/// What queries are made of.
const PIECES: &[&str] = &[
    "skatt",
    "'",
    "\"",
    "\\",
    "(",
    ")",
    ":",
    ":*",
    "&",
    "|",
    "!",
    "<",
    ">",
    "<->",
    "<2>",
    "-",
    "--",
    "*",
    "**",
    " ",
    "  ",
    "\t",
    "\n",
    "\0",
    "😀",
    "æøå",
    "AND",
    "OR",
    "and not",
    "%",
    "_",
    "$1",
    "$$",
    ";",
    ",",
    ".",
    "/",
    "http://example.com/a?b=c",
    "a@b.no",
    "10.5",
    "-7",
    "1e5",
    "x²",
    "½",
    "\u{301}",
    "\u{202e}",
    "\u{feff}",
    "ﬁ",
    "İ",
    "ß",
    "{}",
    "[1]",
    "null",
    "e-post",
    "og",
    "the",
    "\u{1f}",
    "\u{10ffff}",
    "&amp;",
    "<b>",
];

#[tokio::test]
async fn no_query_is_a_failure_of_the_service() {
    let service = Service::shared().await;
    let person = service.person();
    let process = format!("urn:test:{}", service.unique());
    service.owner().created(&titled("skatt\\avgift 'moms' a:b").with("/process", process.as_str())).await;
    let mut seed = service.id().as_u128();
    let mut below = |end: usize| {
        seed = seed
            .wrapping_mul(0x5851_F42D_4C95_7F2D_1405_7B7E_F767_814F)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((seed >> 64) % u128::try_from(end).unwrap()).unwrap()
    };
    let mut queries: Vec<String> = vec![
        "x".repeat(500),
        "'".repeat(500),
        "\\".repeat(499),
        "\"\"\" \"\" \"".into(),
        "æ".repeat(500),
        "😀".repeat(500),
        "a-".repeat(250),
        "a/".repeat(250),
        "a.".repeat(250),
        "a ".repeat(20),
        "\"a b c d e f g h i j k l m n o p\"".into(),
        "-skatt".into(),
        "   ".into(),
        "\\'skatt\\'".into(),
        "skatt\\".into(),
        "\"skatt\\".into(),
    ];
    for _ in 0..120 {
        queries.push((0..=below(9)).map(|_| PIECES[below(PIECES.len())]).collect());
    }
    for query in &queries {
        for language in ["", "en", "ja"] {
            let parameters = [
                ("party", PERSON),
                ("process", process.as_str()),
                ("search", query),
                ("searchLanguageCode", language),
                ("limit", "5"),
            ];
            let answer = person.list(&parameters).await;
            match answer.status.as_u16() {
                200 => {}
                400 => answer.assert_problem(400, &[("search", "must")]),
                status => panic!("{status} for {query:?}"),
            }
            if !query.trim().is_empty() && query.chars().count() >= 3 && language.is_empty() {
                continue;
            }
            break;
        }
    }
}

#[tokio::test]
async fn signs_around_words_do_not_matter() {
    let service = Service::shared().await;
    let person = service.person();
    let process = format!("urn:test:{}", service.unique());
    let id =
        service.owner().created(&titled("skatt\\avgift 'moms' a:b").with("/process", process.as_str())).await;
    for query in
        ["avgift", "moms", "'moms'", "skatt\\avgift", "(skatt)", "skatt:", "!skatt", "skatt|", "<skatt>"]
    {
        let parameters = [("party", PERSON), ("process", process.as_str()), ("search", query)];
        assert_eq!(person.listed(&parameters).await, [id], "{query}");
    }
}

#[tokio::test]
async fn queries_have_limits() {
    let service = Service::shared().await;
    let person = service.person();
    let twenty = "ord ".repeat(20);
    let too_many = "ord ".repeat(21);
    for (query, expected) in [
        ("ab", Some("at least 3")),
        ("abc", None),
        (&"a".repeat(500), None),
        (&"a".repeat(501), Some("at most 500")),
        (&twenty, None),
        (&too_many, Some("at most 20")),
        ("ab* cde", Some("before the *")),
        ("abc* cde", None),
    ] {
        let answer = person.list(&[("party", PERSON), ("search", query), ("limit", "1")]).await;
        match expected {
            None => drop(answer.expect(200)),
            Some(text) => answer.assert_problem(400, &[("search", text)]),
        }
    }
    for code in ["no", "xx", "norsk", "1"] {
        let answer =
            person.list(&[("party", PERSON), ("search", "skatt"), ("searchLanguageCode", code)]).await;
        answer.assert_problem(400, &[("searchLanguageCode", "")]);
    }
}

#[tokio::test]
async fn nothing_of_very_much_text_is_left_out() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let [first, last, middle, absent] = [(); 4].map(|()| new_word(service));
    let mut tags: Vec<String> = (0..6_000).map(|number| format!("{} {number}", service.unique())).collect();
    tags[0].clone_from(&first);
    tags[3_000].clone_from(&middle);
    tags[5_999].clone_from(&last);
    let tags: Value = tags.iter().map(|tag| json!({ "value": tag })).collect();
    let id = owner.created(&dialog().with("/searchTags", tags)).await;
    // Words of different chunks.
    for (query, is_there) in [
        (first.clone(), true),
        (last.clone(), true),
        (format!("{first} AND {middle} AND {last}"), true),
        (format!("{first} AND {absent}"), false),
        (format!("{first} -{last}"), false),
        (format!("{last} -{middle}"), false),
        (format!("{first} -{absent}"), true),
        (format!("\"{first} {last}\""), false),
        (format!("{}*", &last[..25]), true),
    ] {
        assert_eq!(found(&person, &query).await, if is_there { vec![id] } else { vec![] }, "{query}");
    }
    // A change of such a dialog leaves nothing of the old chunks.
    let few = json!([{ "op": "add", "path": "/searchTags", "value": [{ "value": first }] }]);
    owner.patch(id, &few).await.expect(204);
    assert_eq!(found(&person, &first).await, [id]);
    assert_eq!(found(&person, &format!("{middle} {last}")).await, NONE);
    let chunks: Vec<i16> =
        service.database.column("select chunk from dialog_text where dialog_id = $1", id).await;
    assert_eq!(chunks, [0]);

    // Many children, each with its own words.
    let letters: Vec<Value> = (0..300).map(|number| letter(&format!("{middle} nummer{number}"))).collect();
    let long = owner.created(&dialog().with("/transmissions", letters)).await;
    for (query, is_there) in [
        (format!("{middle} AND nummer0 AND nummer299"), true),
        (format!("{middle} -nummer299"), false),
        (format!("\"{middle} nummer150\""), true),
        (format!("{middle} AND nummer300"), false),
    ] {
        assert_eq!(found(&person, &query).await, if is_there { vec![long] } else { vec![] }, "{query}");
    }
}

#[tokio::test]
async fn a_weak_login_learns_nothing_of_what_it_cannot_read() {
    let service = Service::shared().await;
    let owner = service.owner();
    let words: Vec<String> = (0..8).map(|_| new_word(service)).collect();
    let [open, secret, summary, info, tag, sent, done, sender] = &words[..] else { panic!() };
    let both = titled(secret)
        .with("/serviceResource", LEVEL_FOUR)
        .with("/content/nonSensitiveTitle", texts(open))
        .with("/content/summary", texts(summary))
        .with("/content/senderName", texts(sender))
        .with("/content/additionalInfo", texts(info))
        .with("/searchTags", json!([{ "value": tag }]))
        .with("/transmissions", json!([letter(sent)]))
        .with(
            "/activities",
            json!([{
                "type": "Information",
                "performedBy": { "actorType": "ServiceOwner" },
                "description": text(done),
            }]),
        );
    let id = owner.created(&both).await;
    let (weak, strong) = (service.person_with(PERSON_NUMBER, 3), service.person_with(PERSON_NUMBER, 4));
    // The summary has nothing that is shown in its place, so it is shown.
    for word in [open, summary, sender] {
        assert_eq!(found(&weak, word).await, [id], "{word}");
        assert_eq!(found(&strong, word).await, [id], "{word}");
    }
    for word in [secret, info, tag, sent, done] {
        assert_eq!(found(&strong, word).await, [id], "{word}");
        for query in [
            word.clone(),
            format!("{word} AND {open}"),
            format!("{}*", &word[..20]),
            format!("\"{word}\""),
            format!("\"{open} {word}\""),
        ] {
            assert_eq!(found(&weak, &query).await, NONE, "{query}");
        }
        // That it is there is not told by its absence either.
        for query in [format!("{open} -{word}"), format!("{open} -{}*", &word[..20])] {
            assert_eq!(found(&weak, &query).await, [id], "{query}");
            assert_eq!(found(&strong, &query).await, NONE, "{query}");
        }
    }
    // The service owner, who asks for the person, has written it all.
    for word in &words {
        let query = [("party", PERSON), ("search", word), ("endUserId", PERSON)];
        assert_eq!(owner.owned(&query).await.expect(200).item_ids(), [id]);
    }
}

#[tokio::test]
async fn words_are_found_between_any_signs() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    for (begin, end) in [
        ("", ".pdf"),
        ("a/", "/b"),
        ("<", ">"),
        ("&", ";"),
        ("http://", ".no/x"),
        ("x@", ".no"),
        ("a_", "_b"),
        ("(1)", "%"),
        ("e-", ""),
        ("2030-01-", ""),
    ] {
        let word = new_word(service);
        let id = owner.created(&titled(&format!("Om {begin}{word}{end} mer"))).await;
        for query in [word.clone(), format!("{}*", &word[..20]), format!("{begin}{word}{end}")] {
            assert_eq!(found(&person, &query).await, [id], "{query}");
        }
        assert_eq!(found(&person, &format!("mer{begin}{word}{end}om")).await, NONE);
    }
}

#[tokio::test]
async fn only_plain_text_is_searched() {
    let service = Service::shared().await;
    let (owner, person) = (service.owner(), service.person());
    let [markdown, label, reference] = [(); 3].map(|()| new_word(service));
    let sent = dialog()
        .with("/content/additionalInfo", json!({ "value": text(&markdown), "mediaType": "text/markdown" }))
        .with("/serviceOwnerContext/serviceOwnerLabels", json!([{ "value": label }]))
        .with("/externalReference", reference.as_str());
    owner.created(&sent).await;
    for word in [markdown, label, reference] {
        assert_eq!(found(&person, &word).await, NONE);
    }
}

#[tokio::test]
async fn words_that_are_missing_are_made_anew() {
    let service = Service::alone().await;
    let (owner, person) = (service.owner(), service.person());
    let mut expected = Vec::new();
    for number in 0..7 {
        let information = json!({
            "type": "Information",
            "performedBy": { "actorType": "ServiceOwner" },
            "description": texts("sjelden hendelse")["value"],
        });
        let sent = titled(&format!("Brev nummer{number}"))
            .with("/transmissions", json!([letter("Vedlagt skjema")]))
            .with("/activities", json!([information]));
        expected.push(owner.created(&sent).await);
    }
    expected.sort_unstable();
    let all = "select lexemes::text from dialog_text where dialog_id = $1 order by source_id, chunk";
    let before: Vec<String> = service.database.column(all, expected[3]).await;
    for id in &expected {
        service.database.execute("delete from dialog_text where dialog_id = $1", *id).await;
    }
    let found_nothing = found(&person, "brev").await;
    let store = service.database.store();
    let (mut last, mut count) = (Uuid::nil(), 0);
    while let Some((id, some)) = store.reindex(last, 3).await.expect("words can be made anew") {
        last = id;
        count += some;
    }
    store.close().await;
    assert_eq!(count, 7);
    assert_eq!(found_nothing, NONE);
    for word in ["brev", "skjemaer", "hendelsen"] {
        assert_eq!(found(&person, word).await, expected, "{word}");
    }
    assert_eq!(service.database.column::<String>(all, expected[3]).await, before);
}
