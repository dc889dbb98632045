//! The HTML that some service owners may still send: an allow-list, checked on the tokens of a
//! real HTML5 tokenizer. Input is refused, never rewritten.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

const ELEMENTS: [&str; 14] =
    ["p", "a", "br", "em", "strong", "ul", "ol", "li", "table", "thead", "tbody", "tr", "td", "th"];

/// What in `html` is not allowed, as a sentence; `None` when all of it is.
#[must_use]
pub fn refused_markup(html: &str) -> Option<String> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(AllowList::default(), TokenizerOpts::default());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.refused.into_inner()
}

#[derive(Default)]
struct AllowList {
    refused: RefCell<Option<String>>,
}

impl AllowList {
    fn check(tag: &Tag) -> Result<(), String> {
        let name: &str = &tag.name;
        if !ELEMENTS.contains(&name) {
            return Err(format!("The HTML element {name} is not allowed."));
        }
        match (tag.kind, name, tag.attrs.as_slice()) {
            (TagKind::EndTag, _, []) => Ok(()),
            (TagKind::EndTag, ..) => Err(format!("The end of {name} must have no attributes.")),
            (TagKind::StartTag, "a", [href]) if &*href.name.local == "href" => {
                let secure =
                    href.value.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
                if secure { Ok(()) } else { Err("Links in HTML must start with https://.".into()) }
            }
            (TagKind::StartTag, "a", _) => Err("The HTML element a must have href and nothing else.".into()),
            (TagKind::StartTag, _, []) => Ok(()),
            (TagKind::StartTag, _, [first, ..]) => {
                Err(format!("The HTML attribute {} is not allowed on {name}.", &*first.name.local))
            }
        }
    }
}

impl TokenSink for AllowList {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let verdict = match &token {
            Token::TagToken(tag) => Self::check(tag),
            Token::CommentToken(_) => Err("Comments are not allowed in HTML.".into()),
            Token::DoctypeToken(_) => Err("A document type is not allowed in HTML.".into()),
            Token::NullCharacterToken => Err("The character U+0000 is not allowed in HTML.".into()),
            // What is cut off by the end of the text would swallow what follows it in a page.
            Token::ParseError(error) if error.contains("EOF") => Err("A tag is not closed.".into()),
            Token::ParseError(error) if error.contains("uplicate") => {
                Err("An attribute occurs more than once.".into())
            }
            Token::CharacterTokens(_) | Token::EOFToken | Token::ParseError(_) => Ok(()),
        };
        if let Err(text) = verdict {
            self.refused.borrow_mut().get_or_insert(text);
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::refused_markup;

    #[test]
    fn simple_markup_passes() {
        for html in [
            "",
            "text & more",
            "<p>One<br>two<BR/></p>",
            "<a href=\"https://digdir.no\">x</a>",
            "<A HREF='HTTPS://digdir.no/æ'>x</A>",
            "<ul><li><em>a</em></li></ul><ol><li>b</ol>",
            "<table><thead><tr><th>1</th></tr></thead><tbody><tr><td>2</td></tr></tbody></table>",
            "1 < 2",
        ] {
            assert_eq!(refused_markup(html), None, "{html}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for html in [
            "<script>alert(1)</script>",
            "<iframe src=x>",
            "<img src=x onerror=alert(1)>",
            "<div>x</div>",
            "<span>x</span>",
            "<p onclick='x'>a</p>",
            "<p class=a>b</p>",
            "<a>x</a>",
            "<a href='http://x'>x</a>",
            "<a href='javascript:alert(1)'>x</a>",
            "<a href='https://x' target=_blank>x</a>",
            "<a href=' https://x'>x</a>",
            "<!-- x -->",
            "<?php x ?>",
            "<!DOCTYPE html>",
            "<svg/onload=alert(1)>",
            "</div>",
            "<img src=x onerror=alert(1) ",
            "<script src=\"https://x.no/a.js\" ",
            "<svg",
            "<a href=\"https://x.no",
            "<a href='https://x.no>y",
            "<!--",
            "</p",
            "<a href='https://x' href='javascript:x'>y</a>",
            "</p onclick=x>",
            "<a href=https>x</a>",
            "<a href='æææææææææ'>x</a>",
        ] {
            assert!(refused_markup(html).is_some(), "{html}");
        }
    }
}
