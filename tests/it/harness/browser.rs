//! A real browser, without a window, driven by the Chrome `DevTools` Protocol.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::cluster::temporary_directory;

/// How long something may take on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_mins(2);

/// One page of a Chromium, which ends when this is dropped: it is killed then, and whatever kills this
/// process closes the pipe, at whose end Chromium ends itself.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: BufReader<ChildStdout>,
    session: Option<String>,
    count: u64,
    events: Vec<Value>,
    directory: PathBuf,
}

impl Browser {
    /// `None` where Chromium is not installed, which is told.
    pub async fn start() -> Option<Self> {
        let found = Command::new("sh").args(["-c", "command -v chromium >/dev/null"]).status();
        if !found.await.expect("a shell").success() {
            eprintln!("chromium is not installed: nothing is tested");
            return None;
        }
        let directory = temporary_directory();
        std::fs::create_dir_all(&directory).expect("a directory");
        // Chromium takes commands from its file 3 and answers to its file 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "chromium"])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args([
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-proxy-server",
                "--window-size=1300,850",
            ])
            .arg(format!("--user-data-dir={}", directory.display()))
            .env("HOME", &directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Chromium starts");
        let commands = process.stdin.take().expect("a pipe");
        let messages = BufReader::new(process.stdout.take().expect("a pipe"));
        let (session, count, events) = (None, 0, Vec::new());
        let mut page = Self { process, commands, messages, session, count, events, directory };
        let target = page.command("Target.createTarget", &json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = page.command("Target.attachToTarget", &attach).await;
        page.session = Some(attached["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.command(&format!("{domain}.enable"), &json!({})).await;
        }
        Some(page)
    }

    /// Has the browser do something, and gives its answer.
    pub async fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.count += 1;
        let mut message = json!({ "id": self.count, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).await.expect("Chromium runs");
        loop {
            let answer = self.message(method).await;
            if answer["id"] != self.count {
                self.events.push(answer);
                continue;
            }
            assert!(answer.get("error").is_none(), "{method} {parameters}: {answer:#}");
            return answer["result"].clone();
        }
    }

    async fn message(&mut self, method: &str) -> Value {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.messages.read_until(0, &mut bytes));
        read.await.unwrap_or_else(|_| panic!("{method} has no answer")).expect("Chromium runs");
        assert_eq!(bytes.pop(), Some(0), "Chromium has ended");
        serde_json::from_slice(&bytes).expect("a message")
    }

    /// Opens a page.
    pub async fn open(&mut self, url: &str) {
        let opened = self.command("Page.navigate", &json!({ "url": url })).await;
        assert!(opened.get("errorText").is_none(), "{opened:#}");
    }

    /// The value of an expression in the page.
    pub async fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let found = self.command("Runtime.evaluate", &parameters).await;
        assert!(found.get("exceptionDetails").is_none(), "{expression}: {found:#}");
        found["result"]["value"].clone()
    }

    /// Waits until an expression in the page has a value other than null, false and the empty text.
    pub async fn until(&mut self, expression: &str) -> Value {
        let began = Instant::now();
        loop {
            let value = self.value(expression).await;
            if !(value.is_null() || value == false || value == "") {
                return value;
            }
            if began.elapsed() > PATIENCE {
                let text = self.value("document.body.innerText").await;
                panic!("never {expression}; {:#?}; the page: {text}", self.problems());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until the browser has told of so many events for which this holds.
    pub async fn until_told(&mut self, count: usize, holds: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        while self.events.iter().filter(|event| holds(event)).count() < count {
            assert!(began.elapsed() < PATIENCE, "never told: {:#?}", self.problems());
            tokio::time::sleep(Duration::from_millis(30)).await;
            // Brings what was told before its answer.
            self.value("0").await;
        }
    }

    /// Clicks into the middle of an element, when it is there.
    pub async fn click(&mut self, selector: &str) {
        let middle = self
            .until(&format!(
                "(() => {{ const box = document.querySelector({})?.getBoundingClientRect();
                    return box?.width > 0 && {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }}; }})()",
                json!(selector)
            ))
            .await;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": middle["x"], "y": middle["y"], "button": button, "clickCount": 1,
            });
            self.command("Input.dispatchMouseEvent", &event).await;
        }
    }

    /// Presses a key together with Ctrl; `code` is its virtual key code.
    pub async fn press_with_ctrl(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "modifiers": 2 });
            self.command("Input.dispatchKeyEvent", &event).await;
        }
    }

    /// Writes text where the cursor is.
    pub async fn write(&mut self, text: &str) {
        self.command("Input.insertText", &json!({ "text": text })).await;
    }

    /// What the browser or the page complains about.
    pub fn problems(&self) -> Vec<String> {
        let problem = |event: &Value| {
            let about = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(about["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if about["type"] == "error" => Some(about["args"].to_string()),
                "Log.entryAdded" if about["entry"]["level"] == "error" => Some(about["entry"].to_string()),
                _ => None,
            }
        };
        self.events.iter().filter_map(problem).collect()
    }

    /// The links of all requests that the page made.
    pub fn requested(&self) -> Vec<String> {
        let requests = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.map(|event| event["params"]["request"]["url"].as_str().expect("a link").to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        while matches!(self.process.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
