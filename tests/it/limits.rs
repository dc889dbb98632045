//! Every limit on what is written: the last value that passes, and the first that does not.

use serde_json::{Value, json};

use crate::harness::*;

/// That many characters.
fn long(length: usize) -> String {
    "x".repeat(length)
}

/// A link of that many characters.
fn link(length: usize) -> String {
    format!("{:x<length$}", "https://example.com/")
}

/// A URN of that many characters.
fn urn(length: usize) -> String {
    format!("{:x<length$}", "urn:test:")
}

/// Creates a dialog that passes, and one that is refused under the key of what was changed.
async fn check(owner: &Client, base: &Value, pointer: &str, accepted: &[Value], refused: &[(Value, &str)]) {
    for value in accepted {
        let answer = owner.create(&base.clone().with(pointer, value.clone())).await;
        assert_eq!(answer.status, 201, "{pointer} {value}: {}", answer.text());
    }
    for (value, contains) in refused {
        let answer = owner.create(&base.clone().with(pointer, value.clone())).await;
        assert_eq!(answer.status, 400, "{pointer} {value}: {}", answer.text());
        answer.assert_problem(400, &[(&key_of(pointer), contains)]);
    }
}

#[tokio::test]
async fn lengths_of_texts() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for (pointer, most) in [
        ("/extendedStatus", 255),
        ("/externalReference", 255),
        ("/content/title/value/0/value", 255),
        ("/content/nonSensitiveTitle/value/0/value", 255),
        ("/content/summary/value/0/value", 255),
        ("/content/nonSensitiveSummary/value/0/value", 255),
        ("/content/senderName/value/0/value", 255),
        ("/content/additionalInfo/value/0/value", 1023),
        ("/content/extendedStatus/value/0/value", 25),
        ("/attachments/0/name", 255),
        ("/attachments/0/displayName/0/value", 255),
        ("/attachments/0/urls/0/mediaType", 255),
        ("/guiActions/0/action", 255),
        ("/guiActions/0/authorizationAttribute", 255),
        ("/guiActions/0/title/0/value", 255),
        ("/guiActions/0/prompt/0/value", 255),
        ("/apiActions/0/action", 255),
        ("/apiActions/0/name", 255),
        ("/apiActions/0/authorizationAttribute", 255),
        ("/apiActions/0/endpoints/0/version", 255),
        ("/transmissions/0/externalReference", 255),
        ("/transmissions/0/authorizationAttribute", 255),
        ("/transmissions/0/content/title/value/0/value", 255),
        ("/transmissions/0/content/summary/value/0/value", 255),
        ("/transmissions/0/attachments/0/name", 255),
        ("/transmissions/0/attachments/0/displayName/0/value", 255),
        ("/transmissions/0/attachments/0/urls/0/mediaType", 255),
        ("/transmissions/0/navigationalActions/0/title/0/value", 255),
        ("/activities/0/description/0/value", 255),
        ("/activities/0/performedBy/actorName", 255),
    ] {
        let got = format!("got {}", most + 1);
        check(&owner, &base, pointer, &[json!(long(most))], &[(json!(long(most + 1)), &got)]).await;
    }
    // The units of UTF-16 count.
    let most = "😀".repeat(127) + "æ";
    let pointer = "/content/title/value/0/value";
    check(&owner, &base, pointer, &[json!(most)], &[(json!(most.clone() + "æ"), "got 256")]).await;
}

#[tokio::test]
async fn lengths_of_texts_of_altinn_correspondence() {
    let service = Service::shared().await;
    let correspondence = service.owner_with(CORRESPONDENCE_SCOPE);
    let base = one_of_each();
    for (pointer, most) in [
        ("/content/title/value/0/value", 512),
        ("/content/nonSensitiveTitle/value/0/value", 512),
        ("/content/summary/value/0/value", 512),
        ("/content/nonSensitiveSummary/value/0/value", 512),
        ("/content/senderName/value/0/value", 512),
        ("/content/additionalInfo/value/0/value", 1023),
        ("/content/extendedStatus/value/0/value", 25),
        ("/transmissions/0/content/title/value/0/value", 512),
        ("/transmissions/0/content/summary/value/0/value", 512),
        ("/activities/0/description/0/value", 4095),
        ("/guiActions/0/title/0/value", 255),
    ] {
        let got = format!("got {}", most + 1);
        check(&correspondence, &base, pointer, &[json!(long(most))], &[(json!(long(most + 1)), &got)]).await;
    }
}

#[tokio::test]
async fn lengths_of_keys_tags_and_labels() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for (pointer, accepted, refused) in [
        ("/idempotentKey", vec!["k-3".to_owned(), service.unique()], vec![long(2), long(37), String::new()]),
        ("/transmissions/0/idempotentKey", vec![long(3), long(36)], vec![long(2), long(37), String::new()]),
        (
            "/searchTags/0/value",
            vec![long(3), long(63), format!("  {} ", long(63))],
            vec![long(2), long(64), "  x ".into()],
        ),
        (
            "/serviceOwnerContext/serviceOwnerLabels/0/value",
            vec![long(3), long(255), format!(" {}  ", long(255))],
            vec![long(2), long(256), "   ".into()],
        ),
    ] {
        let accepted: Vec<Value> = accepted.into_iter().map(Value::from).collect();
        let refused: Vec<_> = refused.into_iter().map(|text| (json!(text), "characters")).collect();
        check(&owner, &base, pointer, &accepted, &refused).await;
    }
}

#[tokio::test]
async fn numbers_of_items() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    let labels =
        |count: usize| (0..count).map(|i| json!({ "value": format!("label {i}") })).collect::<Value>();
    let buttons = |priorities: &[(&str, usize)]| -> Value {
        let button = base["guiActions"][0].clone();
        let one = |priority: &str| button.clone().with("/priority", priority);
        priorities
            .iter()
            .flat_map(|(priority, count)| (0..*count).map(|_| one(priority)).collect::<Vec<_>>())
            .collect()
    };
    let values = |values: &[&str]| values.iter().map(|value| json!({ "value": value })).collect::<Value>();
    for (pointer, accepted, refused, contains) in [
        ("/serviceOwnerContext/serviceOwnerLabels", vec![labels(20), json!([])], labels(21), "at most 20"),
        ("/serviceOwnerContext/serviceOwnerLabels", vec![], values(&["sel", " SEL "]), "more than once"),
        ("/searchTags", vec![values(&["abc", "abd"]), json!([])], values(&["abc", "ABC "]), "more than once"),
        (
            "/guiActions",
            vec![buttons(&[("Primary", 1), ("Secondary", 1), ("Tertiary", 5)]), json!([])],
            buttons(&[("primary", 2)]),
            "at most 1 of priority Primary",
        ),
        ("/guiActions", vec![], buttons(&[("Secondary", 2)]), "at most 1 of priority Secondary"),
        ("/guiActions", vec![], buttons(&[("Tertiary", 6)]), "at most 5 of priority Tertiary"),
        ("/attachments/0/urls", vec![], json!([]), "at least one"),
        ("/transmissions/0/attachments/0/urls", vec![], json!([]), "at least one"),
        ("/apiActions/0/endpoints", vec![], json!([]), "at least one"),
        ("/content/title/value", vec![], json!([]), "at least one"),
        ("/content/summary/value", vec![], json!([]), "at least one"),
        ("/guiActions/0/title", vec![], json!([]), "at least one"),
        ("/transmissions/0/content/title/value", vec![], json!([]), "at least one"),
        ("/transmissions/0/navigationalActions/0/title", vec![], json!([]), "at least one"),
        ("/activities/0/description", vec![], json!([]), "at least one"),
    ] {
        check(&owner, &base, pointer, &accepted, &[(refused, contains)]).await;
    }
    // Three wrong labels are three failures.
    let three = json!([{}, { "value": "ab" }, { "value": long(256) }]);
    let answer = owner.create(&base.with("/serviceOwnerContext/serviceOwnerLabels", three)).await;
    let key = |index: usize| format!("dto.serviceOwnerContext.serviceOwnerLabels[{index}].value");
    answer.assert_problem(400, &[(&key(0), "required"), (&key(1), "got 2"), (&key(2), "got 256")]);
}

#[tokio::test]
async fn progress_is_a_percentage() {
    let service = Service::shared().await;
    let accepted = [json!(0), json!(100), json!("50"), json!(null)];
    let refused = [
        (json!(-1), "-1"),
        (json!(101), "101"),
        (json!(50.0), "integer"),
        (json!(0.5), "integer"),
        (json!("half"), "integer"),
        (json!(true), "integer"),
        (json!(4_294_967_296_u64), "integer"),
    ];
    check(&service.owner(), &dialog(), "/progress", &accepted, &refused).await;
}

#[tokio::test]
async fn links_are_https_and_not_too_long() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for pointer in [
        "/content/mainContentReference/value/0/value",
        "/attachments/0/urls/0/url",
        "/guiActions/0/url",
        "/apiActions/0/endpoints/0/url",
        "/transmissions/0/content/contentReference/value/0/value",
        "/transmissions/0/attachments/0/urls/0/url",
        "/transmissions/0/navigationalActions/0/url",
    ] {
        let accepted =
            [link(1023), "https://example.com:8443/æ?a=%20b#c".into(), "HTTPS://example.com/".into()];
        let accepted = accepted.map(Value::from);
        let refused = [
            (json!(link(1024)), "1023"),
            (json!("http://example.com/"), "https"),
            (json!("/relative"), "https"),
            (json!("urn:a:b"), "https"),
            (json!("https://"), ""),
            (json!("https://a b/"), ""),
        ];
        check(&owner, &base, pointer, &accepted, &refused).await;
    }
}

#[tokio::test]
async fn other_uris_are_well_formed_and_not_too_long() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each().with("/process", "urn:test:process");
    for pointer in [
        "/process",
        "/precedingProcess",
        "/apiActions/0/endpoints/0/documentationUrl",
        "/apiActions/0/endpoints/0/requestSchema",
        "/apiActions/0/endpoints/0/responseSchema",
        "/transmissions/0/extendedType",
        "/activities/0/extendedType",
    ] {
        let accepted =
            [urn(1023), "some:process".into(), "/relative?x#y".into(), "http://example.com".into()];
        let accepted = accepted.map(Value::from);
        let refused = [(json!(urn(1024)), "1023"), (json!("inval|d"), "URI"), (json!("a b"), "URI")];
        check(&owner, &base, pointer, &accepted, &refused).await;
    }
    owner.created(&dialog().with("/process", "")).await;
    for process in [json!(null), json!("")] {
        let sent = dialog().with("/process", process).with("/precedingProcess", "urn:test:before");
        owner.create(&sent).await.assert_problem(400, &[("dto.process", "precedingProcess")]);
    }
}

#[tokio::test]
async fn links_are_stored_as_written_but_for_an_empty_path() {
    let service = Service::shared().await;
    let owner = service.owner();
    for (written, read) in [
        ("https://digdir.no", "https://digdir.no/"),
        ("https://Digdir.no:443/A%20b/../c?d=e%2F#f", "https://Digdir.no:443/A%20b/../c?d=e%2F#f"),
    ] {
        let sent =
            one_of_each().with("/guiActions/0/url", written).with("/attachments/0/urls/0/url", written);
        let stored = owner.dialog(owner.created(&sent).await).await;
        assert_eq!(stored["guiActions"][0]["url"], read);
        assert_eq!(stored["attachments"][0]["urls"][0]["url"], read);
    }
    // A link to an embed is a text.
    let sent = one_of_each().with("/content/mainContentReference", embed("https://digdir.no"));
    let stored = owner.dialog(owner.created(&sent).await).await;
    assert_eq!(stored["content"]["mainContentReference"]["value"][0]["value"], "https://digdir.no");
}

#[tokio::test]
async fn service_resources_and_parties_are_urns() {
    let service = Service::shared().await;
    let owner = service.owner();
    let resource = "urn:altinn:resource:";
    let refused = [
        (json!(""), resource),
        (json!("ttd-dialogporten-automated-tests"), resource),
        (json!(RESOURCE.to_uppercase()), resource),
        (json!(resource), resource),
        (json!(format!("{resource}a b")), resource),
        (json!(format!("{resource:x<1024}")), "1023"),
    ];
    check(&owner, &dialog(), "/serviceResource", &[], &refused).await;
    // The longest that can be is looked up.
    let answer = owner.create(&dialog().with("/serviceResource", format!("{resource:x<1023}"))).await;
    answer.assert_problem(422, &[("ServiceResource", "")]);

    let legacy = "urn:altinn:person:legacy-selfidentified:";
    let accepted = [
        PERSON,
        "urn:altinn:organization:identifier-no:991825827",
        "urn:altinn:person:legacy-selfidentified:SOMEUSER",
        "urn:altinn:person:legacy-selfidentified:some%20user",
        "urn:altinn:person:idporten-email:Foo@BAR.com",
        &format!("{legacy:x<255}"),
    ];
    for party in accepted {
        let read = owner.dialog(owner.created(&dialog().with("/party", party)).await).await;
        assert_eq!(read["party"], party.to_lowercase());
    }
    for party in [
        "",
        "08844397713",
        "urn:altinn:person:identifier-no:08844397714",
        "urn:altinn:person:identifier-no:0884439771",
        "urn:altinn:organization:identifier-no:991825828",
        "urn:altinn:person:legacy-selfidentified:",
        "urn:altinn:person:legacy-selfidentified:%20",
        "urn:altinn:person:legacy-selfidentified:a b",
        "urn:altinn:person:idporten-email:nobody",
        "urn:altinn:person:idporten-email:a@b",
        "urn:altinn:systemuser:uuid:51551dd0-b9c5-4f4b-a4a2-9b7e3669b364",
        "urn:altinn:person:identifier-ephemeral:0123456789",
        &format!("urn:altinn:feide-subject:{}", long(64)),
        &format!("{legacy:x<256}"),
    ] {
        let answer = owner.create(&dialog().with("/party", party)).await;
        assert_eq!(answer.status, 400, "{party}");
        answer.assert_problem(400, &[("dto.party", "")]);
    }
}

#[tokio::test]
async fn authorization_attributes_name_a_part_or_a_resource() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for pointer in ["/guiActions/0", "/apiActions/0", "/transmissions/0"] {
        let pointer = format!("{pointer}/authorizationAttribute");
        let accepted = ["element1", "urn:altinn:subresource:x", "urn:altinn:task:Task_1", RESOURCE_2];
        let refused = ["", " ", "urn:dialogporten:x", "a:b:c", "a.b.c", "1a", "urn:altinn:resource:"];
        let refused = refused.map(|attribute| (json!(attribute), "must be a name"));
        check(&owner, &base, &pointer, &accepted.map(Value::from), &refused).await;
    }
}

#[tokio::test]
async fn members_that_are_required() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for pointer in [
        "/serviceResource",
        "/party",
        "/attachments/0/urls/0/url",
        "/attachments/0/urls/0/consumerType",
        "/guiActions/0/action",
        "/guiActions/0/url",
        "/guiActions/0/priority",
        "/guiActions/0/title",
        "/apiActions/0/action",
        "/apiActions/0/endpoints",
        "/apiActions/0/endpoints/0/url",
        "/apiActions/0/endpoints/0/httpMethod",
        "/transmissions/0/type",
        "/transmissions/0/sender",
        "/transmissions/0/content",
        "/transmissions/0/attachments/0/urls/0/consumerType",
        "/transmissions/0/navigationalActions/0/title",
        "/transmissions/0/navigationalActions/0/url",
        "/activities/0/type",
        "/activities/0/performedBy",
        "/activities/0/description",
        "/searchTags/0/value",
        "/content/title/value/0/value",
        "/content/title/value/0/languageCode",
    ] {
        let answer = owner.create(&base.clone().without(pointer)).await;
        assert_eq!(answer.status, 400, "{pointer}");
        assert!(answer.error_keys().contains(&key_of(pointer)), "{pointer}: {}", answer.text());
    }
    for pointer in ["/content", "/transmissions/0/content"] {
        let answer = owner.create(&base.clone().without(&format!("{pointer}/title"))).await;
        let key = key_of(pointer);
        answer.assert_problem(400, &[(&key, "title"), (&format!("{key}.title"), "required")]);
    }
}

#[tokio::test]
async fn names_that_must_not_be_blank() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    for pointer in [
        "/guiActions/0/action",
        "/apiActions/0/action",
        "/content/title/value/0/value",
        "/attachments/0/displayName/0/value",
        "/activities/0/description/0/value",
    ] {
        check(&owner, &base, pointer, &[], &[(json!(""), "empty"), (json!(" \t\n"), "empty")]).await;
    }
    // These may be.
    check(&owner, &base, "/extendedStatus", &[json!(""), json!(" ")], &[]).await;
    check(&owner, &base, "/externalReference", &[json!("")], &[]).await;
}

#[tokio::test]
async fn members_that_depend_on_others() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    let opened = service.id().to_string();
    let with_letter = base.clone().with("/transmissions/0/id", opened.as_str());
    let activity = |kind: &str| json!({ "type": kind, "performedBy": { "actorType": "ServiceOwner" } });
    let activities = |activity: Value| with_letter.clone().with("/activities/0", activity);
    for (sent, key) in [
        (
            base.clone().with("/apiActions/0/endpoints/0/sunsetAt", service.in_seconds(60)),
            "dto.apiActions[0].endpoints[0].deprecated",
        ),
        (activities(activity("TransmissionOpened")), "dto.activities[0].transmissionId"),
        (
            activities(activity("DialogOpened").with("/transmissionId", opened.as_str())),
            "dto.activities[0].transmissionId",
        ),
        (activities(activity("Information")), "dto.activities[0].description"),
        (activities(activity("FormSaved").with("/description", text("x"))), "dto.activities[0].description"),
    ] {
        owner.create(&sent).await.assert_problem(400, &[(key, "")]);
    }
    let sunset = base
        .with("/apiActions/0/endpoints/0/deprecated", true)
        .with("/apiActions/0/endpoints/0/sunsetAt", service.in_seconds(60));
    owner.created(&sunset).await;
    owner.created(&activities(activity("TransmissionOpened").with("/transmissionId", opened))).await;
}

#[tokio::test]
async fn enumerations_take_names_in_any_case_and_nothing_else() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each();
    let bare = dialog();
    let activity = |kind: &str| json!([{ "type": kind, "performedBy": { "actorType": "ServiceOwner" } }]);
    for kind in [
        "DialogCreated",
        "dialogClosed",
        "PAYMENTMADE",
        "SignatureProvided",
        "DialogOpened",
        "DialogDeleted",
        "DialogRestored",
        "SentToSigning",
        "SentToFormFill",
        "SentToSendIn",
        "SentToPayment",
        "FormSubmitted",
        "FormSaved",
    ] {
        owner.created(&bare.clone().with("/activities", activity(kind))).await;
    }
    for (pointer, accepted) in [
        (
            "/transmissions/0/type",
            vec!["acceptance", "Rejection", "Request", "Alert", "Decision", "Correction"],
        ),
        ("/attachments/0/urls/0/consumerType", vec!["gui", "API"]),
        ("/guiActions/0/priority", vec!["primary", "SECONDARY", "Tertiary"]),
        ("/guiActions/0/httpMethod", vec!["get", "Post", "DELETE"]),
        (
            "/apiActions/0/endpoints/0/httpMethod",
            vec!["get", "post", "put", "patch", "delete", "head", "options", "trace", "connect"],
        ),
        ("/activities/0/performedBy/actorType", vec!["partyRepresentative"]),
    ] {
        let accepted: Vec<Value> = accepted.into_iter().map(Value::from).collect();
        let refused = [json!("Other"), json!(1), json!("1"), json!(null), json!({})].map(|bad| (bad, "must"));
        check(&owner, &base, pointer, &accepted, &refused).await;
    }
    for method in ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"] {
        check(&owner, &base, "/guiActions/0/httpMethod", &[], &[(json!(method), "GET, POST, DELETE")]).await;
    }
}

mod content {
    use super::*;

    const URL_MARKDOWN: &str = "application/vnd.dialogporten.frontchannelembed-url;type=text/markdown";
    const URL_HTML: &str = "application/vnd.dialogporten.frontchannelembed-url;type=text/html";
    const OLD_MARKDOWN: &str = "application/vnd.dialogporten.frontchannelembed+json;type=markdown";
    const OLD_HTML: &str = "application/vnd.dialogporten.frontchannelembed+json;type=html";

    #[tokio::test]
    async fn media_types_belong_to_fields() {
        let service = Service::shared().await;
        let (owner, html_owner) = (service.owner(), service.owner_with(LEGACY_HTML));
        let base = one_of_each();
        let all =
            ["text/plain", "text/markdown", "text/html", URL_MARKDOWN, OLD_MARKDOWN, URL_HTML, OLD_HTML];
        let odd = ["Text/Plain", "text/plain; charset=utf-8", "application/json", ""];
        let plain: &[&str] = &["text/plain"];
        let rich: &[&str] = &["text/plain", "text/markdown"];
        let embed: &[&str] = &[URL_MARKDOWN, OLD_MARKDOWN];
        for (field, always, with_html) in [
            ("/content/title", plain, plain),
            ("/content/nonSensitiveTitle", plain, plain),
            ("/content/summary", plain, plain),
            ("/content/nonSensitiveSummary", plain, plain),
            ("/content/senderName", plain, plain),
            ("/content/extendedStatus", plain, plain),
            ("/content/additionalInfo", rich, &["text/plain", "text/markdown", "text/html"]),
            ("/content/mainContentReference", embed, &[URL_MARKDOWN, OLD_MARKDOWN, URL_HTML, OLD_HTML]),
            ("/transmissions/0/content/title", plain, plain),
            ("/transmissions/0/content/summary", plain, plain),
            (
                "/transmissions/0/content/contentReference",
                embed,
                &[URL_MARKDOWN, OLD_MARKDOWN, URL_HTML, OLD_HTML],
            ),
        ] {
            let pointer = format!("{field}/mediaType");
            for (client, accepted) in [(&owner, always), (&html_owner, with_html)] {
                let refused: Vec<_> =
                    all.iter().chain(&odd).filter(|name| !accepted.contains(name)).collect();
                let refused: Vec<_> = refused.into_iter().map(|name| (json!(name), *name)).collect();
                let accepted: Vec<Value> = accepted.iter().map(|name| json!(name)).collect();
                check(client, &base, &pointer, &accepted, &refused).await;
            }
        }
        let answer = owner.create(&base.without("/content/mainContentReference/mediaType")).await;
        answer.assert_problem(400, &[("dto.content.mainContentReference.mediaType", "text/plain")]);
    }

    #[tokio::test]
    async fn older_names_of_embeds_read_back_as_the_newer() {
        let service = Service::shared().await;
        let owner = service.owner_with(LEGACY_HTML);
        for (written, read) in [(OLD_MARKDOWN, URL_MARKDOWN), (OLD_HTML, URL_HTML), (URL_HTML, URL_HTML)] {
            let sent = one_of_each().with("/content/mainContentReference/mediaType", written);
            let stored = owner.dialog(owner.created(&sent).await).await;
            assert_eq!(stored["content"]["mainContentReference"]["mediaType"], read);
        }
    }

    #[tokio::test]
    async fn html_is_of_a_few_elements() {
        let service = Service::shared().await;
        let owner = service.owner_with(LEGACY_HTML);
        let base = one_of_each().with("/content/additionalInfo/mediaType", "text/html");
        for accepted in [
            "text alone &amp; entities",
            "<p>a<br>b <em>c</em> <strong>d</strong></p><ul><li>e</li></ul><ol><li>f</li></ol>",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>",
            "<a href=\"https://example.com/\">a</a> <A HREF='HTTPS://example.com/'>b</A>",
        ] {
            let sent = base.clone().with("/content/additionalInfo/value/0/value", accepted);
            let stored = owner.dialog(owner.created(&sent).await).await;
            assert_eq!(stored["content"]["additionalInfo"]["value"][0]["value"], accepted);
        }
        for refused in [
            "<iframe src=\"https://example.com/\"></iframe>",
            "<script>alert(1)</script>",
            "<img src=x>",
            "<div>a</div>",
            "<span>a</span>",
            "<p onclick=\"x\">a</p>",
            "<a>a</a>",
            "<a href=\"http://example.com/\">a</a>",
            "<a href=\"javascript:alert(1)\">a</a>",
            "<a href=\"https://example.com/\" target=\"_blank\">a</a>",
            "<!-- a -->",
            "<p>a</p><svg>",
        ] {
            let answer =
                owner.create(&base.clone().with("/content/additionalInfo/value/0/value", refused)).await;
            answer.assert_problem(400, &[("dto.content.additionalInfo.value[0]", "")]);
        }
    }

    #[tokio::test]
    async fn languages_are_iso_639_1_with_the_region_cut_off() {
        let service = Service::shared().await;
        let owner = service.owner();
        for (written, read) in [
            ("nb_NO", "nb"),
            ("en_US", "en"),
            ("nb_ignore_region_code", "nb"),
            (" EN-gb ", "en"),
            ("bh", "bh"),
        ] {
            let sent = dialog().with("/content/title/value/0/languageCode", written);
            let stored = owner.dialog(owner.created(&sent).await).await;
            assert_eq!(stored["content"]["title"]["value"][0]["languageCode"], read);
        }
        let pointer = "/content/title/value/0/languageCode";
        let refused = ["no", "invalid", "", "nob", "xx", "n"].map(|code| (json!(code), "ISO 639-1"));
        check(&owner, &dialog(), pointer, &[], &refused).await;
    }

    #[tokio::test]
    async fn optional_texts_may_be_empty() {
        let service = Service::shared().await;
        let owner = service.owner();
        let sent = one_of_each()
            .with("/attachments/0/displayName", json!([]))
            .with("/guiActions/0/prompt", json!([]))
            .with("/transmissions/0/attachments/0/displayName", json!(null));
        let stored = owner.dialog(owner.created(&sent).await).await;
        assert!(stored["attachments"][0].get("displayName").is_none());
        assert!(stored["guiActions"][0].get("prompt").is_none());
        assert!(stored["transmissions"][0]["attachments"][0].get("displayName").is_none());
    }
}

/// The character U+0000 cannot be stored, and half of a surrogate pair is no text.
#[tokio::test]
async fn characters_that_cannot_be_stored_are_refused() {
    let service = Service::shared().await;
    let owner = service.owner();
    let base = one_of_each().with("/extendedStatus", "x").with("/externalReference", "x");
    let mut texts = Vec::new();
    collect_texts(&base, "", &mut texts);
    assert!(texts.len() > 40, "{texts:?}");
    for pointer in texts {
        let answer = owner.create(&base.clone().with(&pointer, "a\0b")).await;
        assert_eq!(answer.status, 400, "{pointer}");
        assert_eq!(answer.error_keys(), [key_of(&pointer)]);
    }
    let half = dialog().to_string().replace("Søknad", "\\ud83d");
    owner.create(&json!({})).body(half).await.assert_problem(400, &[("content.title.value[0].value", "")]);
}

fn collect_texts(value: &Value, pointer: &str, texts: &mut Vec<String>) {
    match value {
        Value::String(_) => texts.push(pointer.to_owned()),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, item)| collect_texts(item, &format!("{pointer}/{i}"), texts));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, v)| collect_texts(v, &format!("{pointer}/{name}"), texts));
        }
        _ => {}
    }
}
