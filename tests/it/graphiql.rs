//! The page on which browsers write queries, in a real browser.

use dialogporten::sandbox::token_generator::TokenKind;
use serde_json::{Value, json};

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
    let (owner, person) = (service.owner(), service.person());
    let id = owner.created(&dialog()).await;
    let token = person.opened(id).await["dialogToken"].as_str().expect("a dialog token").to_owned();
    let run_or_stop = ".graphiql-execute-button";
    let is_at_rest = "!!document.querySelector('.graphiql-execute-button[aria-label^=Execute]')";
    let is_open = |event: &Value| {
        event["method"] == "Network.responseReceived"
            && event["params"]["response"]["mimeType"] == "text/event-stream"
    };
    let is_cancelled =
        |event: &Value| event["method"] == "Network.loadingFailed" && event["params"]["canceled"] == true;

    choose(&mut browser, 3, "Events").await;
    write(&mut browser, BELOW, &json!({ "id": id }).to_string()).await;
    browser.click("[data-name='headers']").await;
    // Beside the token of the page's own.
    write(&mut browser, BELOW, &json!({ "Digdir-Dialog-Token": token }).to_string()).await;
    browser.click(run_or_stop).await;
    browser.until_told(1, is_open).await;
    owner.patch(id, &json!([{ "op": "replace", "path": "/progress", "value": 7 }])).await.expect(204);
    shown(&mut browser, "DIALOG_UPDATED").await;
    browser.click(run_or_stop).await;
    browser.until_told(1, is_cancelled).await;
    browser.until(is_at_rest).await;
    shown(&mut browser, "DIALOG_UPDATED").await;

    write(&mut browser, BELOW, &json!({ "Authorization": format!("Bearer {token}") }).to_string()).await;
    browser.click(run_or_stop).await;
    browser.until_told(2, is_open).await;
    owner.delete(id).await.expect(204);
    shown(&mut browser, "DIALOG_DELETED").await;
    browser.click(run_or_stop).await;
    browser.until(is_at_rest).await;
    assert_eq!(browser.problems(), [""; 0]);

    // One that is refused.
    write(&mut browser, BELOW, "{}").await;
    browser.click(run_or_stop).await;
    shown(&mut browser, "AUTH_NOT_AUTHORIZED").await;
    browser.until(is_at_rest).await;
    assert_alone(&browser, &service);
}
