//! The file that `DIALOGPORTEN_EVENTS_SINKS` names: any number of sinks, with what each of them gets.

use std::path::Path;

use serde::Deserialize;

/// The sinks of a file. No `Debug`: there are secrets in it.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SinksFile {
    /// Webhooks.
    #[serde(default)]
    pub webhook: Vec<WebhookSink>,
    /// Streams of NATS servers.
    #[serde(default)]
    pub nats: Vec<NatsSink>,
    /// Altinn Events.
    #[serde(default)]
    pub altinn_events: Vec<AltinnSink>,
    /// The service's own log.
    #[serde(default)]
    pub log: Vec<LogSink>,
}

/// A webhook.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSink {
    /// Name of the sink.
    pub name: String,
    /// Where events are sent.
    pub url: String,
    /// What requests are signed with, separated by white space.
    pub secrets: String,
    /// Whether the address may be private.
    #[serde(default)]
    pub allow_private: bool,
    /// How events are put into requests.
    #[serde(default)]
    pub mode: Mode,
    /// Most events in a request, in batches.
    #[serde(default = "batch_size")]
    pub batch_size: usize,
    /// Whether the receiver is asked first if it wants events.
    #[serde(default)]
    pub handshake: bool,
    /// Whether events have the attribute `sequence`.
    #[serde(default)]
    pub sequence: bool,
    /// What is sent; all when left out.
    #[serde(default)]
    pub only: Only,
}

/// A stream of a NATS server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsSink {
    /// Name of the sink.
    pub name: String,
    /// Address of the server.
    pub url: String,
    /// Name of the stream.
    pub stream: String,
    /// What subjects start with.
    pub prefix: String,
    /// Whether events have the attribute `sequence`.
    #[serde(default)]
    pub sequence: bool,
    /// What is sent; all when left out.
    #[serde(default)]
    pub only: Only,
}

/// An instance of Altinn Events.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AltinnSink {
    /// Name of the sink.
    pub name: String,
    /// Base address.
    pub url: String,
    /// Token to publish with; that of the platform's settings when left out.
    pub token: Option<String>,
    /// What is sent; all when left out.
    #[serde(default)]
    pub only: Only,
}

/// The log.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSink {
    /// Name of the sink.
    pub name: String,
    /// What is written; all when left out.
    #[serde(default)]
    pub only: Only,
}

/// What a sink gets: of each list that is not empty, one has to fit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// Types of events.
    #[serde(default)]
    pub types: Vec<String>,
    /// Resources of dialogs.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Short codes of service owners.
    #[serde(default)]
    pub orgs: Vec<String>,
}

/// How events are put into requests: the modes of the HTTP binding of `CloudEvents`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One event, as JSON.
    #[default]
    Structured,
    /// One event: its data as the body, the rest as headers.
    Binary,
    /// Several events, as a JSON list.
    Batched,
}

const fn batch_size() -> usize {
    100
}

impl SinksFile {
    /// Reads a file: TOML, or JSON if its name says so.
    ///
    /// # Errors
    /// What is wrong with it, without what is in it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            serde_json::from_str(&text).map_err(|error| malformed(error.line(), &error.to_string()))
        } else {
            Self::from_toml(&text)
        }
    }

    fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            malformed(before.matches('\n').count() + 1, error.message())
        })
    }
}

/// What is wrong with the file. Other faults than these repeat values, which may be secrets.
fn malformed(line: usize, message: &str) -> String {
    let is_of_names = ["unknown field", "missing field"].iter().any(|start| message.starts_with(start));
    // JSON's tell the line a second time.
    let message = message.split(" at line ").next().filter(|_| is_of_names);
    message.map_or_else(
        || format!("is malformed in line {line}"),
        |message| format!("is malformed in line {line}: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_right() {
        let page = include_str!("../../docs/events.md");
        let (_, example) = page.split_once("```toml\n").unwrap();
        let file = SinksFile::from_toml(example.split_once("```").unwrap().0).unwrap();
        assert_eq!((file.webhook.len(), file.nats.len()), (2, 1));
        assert_eq!(file.webhook[1].mode, Mode::Batched);
        assert_eq!(file.webhook[1].batch_size, 100);
    }

    #[test]
    fn mistakes_are_named_without_secrets() {
        let fault = |text: &str| SinksFile::from_toml(text).err().unwrap();
        let webhook = "[[webhook]]\nname = \"a\"\nsecrets = \"whsec_hidden\"\n";
        assert!(fault(&format!("{webhook}uri = \"https://hidden\"")).contains("unknown field `uri`"));
        for text in [webhook.to_owned(), format!("{webhook}url = \"https://hidden\nmode = 1"), "x".into()] {
            let fault = fault(&text);
            assert!(fault.contains("in line ") && !fault.contains("hidden"), "{fault}");
        }
        for text in ["nats = \"nats://hidden\"", "[[webhook]]\nname = \"a\"\nmode = \"hidden\""] {
            let fault = fault(text);
            assert!(fault.starts_with("is malformed in line ") && !fault.contains("hidden"), "{fault}");
        }
        assert!(SinksFile::read(Path::new("/nowhere")).is_err());
    }

    #[test]
    fn a_file_may_be_json() {
        let path = std::env::temp_dir().join(format!("dialogporten-sinks-{}.JSON", std::process::id()));
        std::fs::write(&path, r#"{"log": [{"name": "a"}], "altinn-events": [{"name": "b", "url": "c"}]}"#)
            .unwrap();
        let file = SinksFile::read(&path).unwrap();
        assert_eq!((file.log[0].name.as_str(), file.altinn_events[0].name.as_str()), ("a", "b"));
        std::fs::write(&path, "name").unwrap();
        assert!(SinksFile::read(&path).is_err());
        for (text, expected) in [
            ("{\"nats\":\n\"nats://user:hidden@host\"}", "is malformed in line 2"),
            (r#"{"webhook": [{"mode": "hidden"}]}"#, "is malformed in line 1"),
            (r#"{"log": [{}]}"#, "is malformed in line 1: missing field `name`"),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(SinksFile::read(&path).err().unwrap(), expected);
        }
        std::fs::remove_file(path).unwrap();
    }
}
