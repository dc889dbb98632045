//! The page on which browsers write queries, in a real browser.

use dialogporten::sandbox::token_generator::TokenKind;
use serde_json::json;

use crate::harness::*;

const QUERY: &str = ".graphiql-query-editor";
/// For variables or headers, whichever is open.
const BELOW: &str = ".graphiql-editor-tool .graphiql-editor:not(.hidden)";
const ENTER: u32 = 13;

/// Opens the page.
async fn open(service: &Service) -> Option<Browser> {
    let mut browser = Browser::start().await?;
    browser.open(&format!("http://{}/graphql", service.address())).await;
    browser.until(&format!("!!document.querySelector('{QUERY} .CodeMirror')")).await;
    Some(browser)
}

/// Writes into an editor, instead of what it has.
async fn write(browser: &mut Browser, editor: &str, text: &str) {
    browser.click(&format!("{editor} .CodeMirror-scroll")).await;
    browser.press_with_ctrl("a", u32::from(b'A')).await;
    browser.write(text).await;
    let written = format!("document.querySelector(\"{editor} .CodeMirror\").CodeMirror.getValue()");
    assert_eq!(browser.value(&written).await, text);
}

/// Waits until the page has read what is in the editor of queries: what it runs has this name.
async fn has_read(browser: &mut Browser, name: &str) {
    browser.until(&format!("localStorage.getItem('graphiql:operationName') === {}", json!(name))).await;
}

/// Opens the tab of a query that is there from the start.
async fn choose(browser: &mut Browser, place: usize, name: &str) {
    browser.click(&format!(".graphiql-tabs > li:nth-child({place}) button")).await;
    has_read(browser, name).await;
}

/// Writes a query of this name, and runs it.
async fn run(browser: &mut Browser, name: &str, query: &str) {
    write(browser, QUERY, query).await;
    has_read(browser, name).await;
    browser.press_with_ctrl("Enter", ENTER).await;
}

/// Waits until the page shows an answer with this text; gives what it shows.
async fn shown(browser: &mut Browser, text: &str) -> String {
    let answer = format!(
        "(() => {{ const text = document.querySelector('.graphiql-response').innerText;
            return text.includes({}) && text; }})()",
        json!(text)
    );
    browser.until(&answer).await.as_str().expect("a text").to_owned()
}

/// Whatever happened, nobody else was asked.
fn assert_alone(browser: &Browser, service: &Service) {
    let own = format!("http://{}/", service.address());
    let requested = browser.requested();
    assert!(requested.len() > 5, "{requested:#?}");
    for link in requested {
        assert!(link.starts_with(&own) || link.starts_with("data:"), "{link}");
    }
}

#[tokio::test]
async fn a_person_of_the_sandbox_asks_at_once() {
    let service = Service::alone().await;
    let Some(mut browser) = open(&service).await else { return };
    let id = service.owner().created(&dialog().with("/content/title", texts("Et brev"))).await;
    browser.click(".graphiql-execute-button").await;
    let inbox = shown(&mut browser, "Et brev").await;
    assert!(inbox.contains(&id.to_string()) && inbox.contains("\"errors\": []"), "{inbox}");

    // The second of the queries that are there, with other variables.
    choose(&mut browser, 2, "Dialog").await;
    write(&mut browser, BELOW, &json!({ "id": id }).to_string()).await;
    browser.press_with_ctrl("Enter", ENTER).await;
    assert!(shown(&mut browser, "dialogToken").await.contains("Et brev"));

    // One of one's own.
    run(&mut browser, "Limits", "query Limits { limits { endUserSearch { maxPartyFilterValues } } }").await;
    assert!(shown(&mut browser, "maxPartyFilterValues").await.contains("100"));

    browser.click("[aria-label='Show Documentation Explorer']").await;
    let about = "document.querySelector('.graphiql-doc-explorer')?.innerText";
    browser.until(&format!("{about}?.includes('Subscriptions')")).await;
    browser.click(".graphiql-doc-explorer a[href='#']:nth-of-type(1)").await;
    browser.until(&format!("{about}?.includes('searchDialogs')")).await;

    assert_eq!(browser.problems(), [""; 0]);
    assert_alone(&browser, &service);
}

#[tokio::test]
async fn others_ask_with_their_own_token() {
    let service = Service::alone_at("2031-05-17T12:00:00Z").await;
    let Some(mut browser) = open(&service).await else { return };
    let query = "query Parties { parties { party isCurrentEndUser } }";
    run(&mut browser, "Parties", query).await;
    shown(&mut browser, PERSON).await;
    assert_eq!(browser.problems(), [""; 0]);

    // Its own token the page renews.
    service.clock.advance_seconds(3_600 * 24);
    run(&mut browser, "Limits", "query Limits { limits { endUserSearch { maxOrgFilterValues } } }").await;
    shown(&mut browser, "maxOrgFilterValues").await;
    let [expired] = &browser.problems()[..] else { panic!("{:#?}", browser.problems()) };
    assert!(expired.contains("401"), "{expired}");

    let other = [("pid", "13838599936"), ("scopes", "digdir:dialogporten")];
    let other = service.token(TokenKind::Personal, &other);
    browser.click("[data-name='headers']").await;
    write(&mut browser, BELOW, &json!({ "Authorization": format!("Bearer {other}") }).to_string()).await;
    run(&mut browser, "Parties", query).await;
    assert!(!shown(&mut browser, OTHER_PERSON).await.contains(PERSON));
    assert_alone(&browser, &service);
}


#[tokio::test]
async fn subscriptions_show_what_happens_until_they_are_stopped() {
    let service = Service::alone().await;
    let Some(mut browser) = open(&service).await else { return };
    // In the place of the service: a stream that is told what to send.
    browser
        .value(
            "(() => {
                const ask = fetch;
                window.asked = [];
                window.fetch = (link, request) => {
                    if (request.headers.get('Accept') !== 'text/event-stream') return ask(link, request);
                    const { headers, body, signal } = request;
                    window.asked.push({ headers: Object.fromEntries(headers), body: JSON.parse(body) });
                    const bytes = new TextEncoder();
                    const start = (stream) => {
                        window.tell = (text) => stream.enqueue(bytes.encode(text));
                        signal.addEventListener('abort', () => {
                            window.stopped = true;
                            stream.error(signal.reason);
                        });
                    };
                    const options = { headers: { 'Content-Type': 'text/event-stream' } };
                    return Promise.resolve(new Response(new ReadableStream({ start }), options));
                };
            })()",
        )
        .await;
    choose(&mut browser, 3, "Events").await;
    let id = service.id().to_string();
    write(&mut browser, BELOW, &json!({ "id": id }).to_string()).await;
    browser.click("[data-name='headers']").await;
    write(&mut browser, BELOW, &json!({ "Digdir-Dialog-Token": "a.b.c" }).to_string()).await;
    browser.click(".graphiql-execute-button").await;
    let asked = browser.until("window.tell && window.asked[0]").await;
    assert_eq!(asked["headers"]["digdir-dialog-token"], "a.b.c");
    assert!(asked["headers"]["authorization"].as_str().unwrap().starts_with("Bearer ey"), "{asked:#}");
    assert_eq!(asked["body"]["variables"], json!({ "id": id }));

    // In pieces, with a comment between, as a connection that is kept alive has it.
    browser.value(r#"tell(':\n\nevent: next\ndata: {"data":{"dialogEvents":{"type":"DIALOG_'), 0"#).await;
    browser.value(r#"tell('UPDATED"}}}\n\n:\n\n'), 0"#).await;
    shown(&mut browser, "DIALOG_UPDATED").await;
    browser.value(r#"tell('event: next\ndata: {"data":{"dialogEvents":{"type":"DIALOG_DELETED"}}}\n\n'), 0"#).await;
    shown(&mut browser, "DIALOG_DELETED").await;
    browser.click(".graphiql-execute-button").await;
    browser.until("window.stopped").await;
    browser.until("!!document.querySelector('.graphiql-execute-button[aria-label^=Execute]')").await;
    shown(&mut browser, "DIALOG_DELETED").await;

    // One that the service ends, or that it does not begin.
    browser.value("window.tell = undefined").await;
    browser.click(".graphiql-execute-button").await;
    browser.until("!!window.tell").await;
    browser.value(r#"tell('event: next\ndata: {"data":{"dialogEvents":{"type":"LAST"}}}\n\nevent: complete\ndata: \n\n'), 0"#).await;
    shown(&mut browser, "LAST").await;
    browser.until("!!document.querySelector('.graphiql-execute-button[aria-label^=Execute]')").await;
    assert_eq!(browser.problems(), [""; 0]);
}
