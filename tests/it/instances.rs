//! Several servers on one database, and servers that are killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::*;

#[tokio::test]
async fn two_servers_on_one_database_are_one_service() {
    let (one, other) = (Service::another().await, Service::another().await);
    let token = one.owner_token();
    let (here, there) = (one.with_token(&token), other.with_token(&token));
    let (here_person, there_person) = (one.person(), other.person());

    // What one writes the other reads at once.
    let process = format!("urn:test:{}", one.unique());
    let sent = one_of_each()
        .with("/process", process.as_str())
        .with("/idempotentKey", one.unique())
        .with("/activities/0/performedBy", json!({ "actorType": "PartyRepresentative", "actorId": PERSON }));
    let created = here.create(&sent).await;
    let id = created.id();
    assert_eq!(there.read(id).await.etag(), created.etag());
    there.create(&sent).await.assert_problem(409, &[("IdempotentKey", &id.to_string())]);
    let operations = json!([{ "op": "replace", "path": "/progress", "value": 1 }]);
    let changed = there.patch(id, &operations).if_match(created.etag()).await.expect(204);
    here.patch(id, &operations).if_match(created.etag()).await.assert_problem(412, &[]);
    assert_eq!(here.dialog(id).await["revision"], changed.etag().to_string());

    // Who has opened it is known to both, under one pseudonym.
    let first = here_person.opened(id).await;
    let second = there_person.opened(id).await;
    for list in ["seenSinceLastUpdate", "activities"] {
        assert_eq!(first[list], second[list], "{list}");
    }
    let sql = "select id from seen_log where dialog_id = $1";
    assert_eq!(one.database.column::<Uuid>(sql, id).await.len(), 1);

    // A list begun here goes on there.
    for _ in 0..4 {
        here.created(&dialog().with("/process", process.as_str())).await;
    }
    let query =
        [("party", PERSON), ("process", process.as_str()), ("limit", "3"), ("orderBy", "createdAt_asc")];
    let page = here_person.list(&query).await.expect(200);
    let list = page.json();
    let mut next = query[..3].to_vec();
    next.push(("continuationToken", list["continuationToken"].as_str().unwrap()));
    let rest = there_person.list(&next).await.expect(200);
    let found: BTreeSet<Uuid> = page.item_ids().into_iter().chain(rest.item_ids()).collect();
    assert_eq!((found.len(), rest.json()["hasNextPage"].clone()), (5, json!(false)));

    // One key checks the dialog tokens of both.
    let jwks =
        async |service: &Service| service.anonymous().get("/api/v1/.well-known/jwks.json").await.json();
    assert_eq!(jwks(&one).await, jwks(&other).await);
}

#[tokio::test]
async fn two_servers_do_not_lose_each_others_changes() {
    let (one, other) = (Service::another().await, Service::another().await);
    let owners = [one.owner(), other.owner()];
    let id = owners[0].created(&dialog()).await;
    let tags: Vec<String> = (10..26).map(|number| format!("tag {number}")).collect();
    let patches = tags.iter().enumerate().map(|(index, tag)| {
        let operations = json!([{ "op": "add", "path": "/searchTags/-", "value": { "value": tag } }]);
        owners[index % 2].patch(id, &operations).into_future()
    });
    for answer in join_all(patches).await {
        answer.expect(204);
    }
    let read = owners[1].dialog(id).await;
    let found: BTreeSet<&str> =
        read["searchTags"].as_array().unwrap().iter().map(|tag| tag["value"].as_str().unwrap()).collect();
    assert_eq!(found, tags.iter().map(String::as_str).collect());

    let key = one.unique();
    let sent = dialog().with("/idempotentKey", key);
    let answers = join_all((0..8).map(|index| owners[index % 2].create(&sent).into_future())).await;
    let ids: BTreeSet<String> = answers
        .iter()
        .map(|answer| match answer.status.as_u16() {
            201 => answer.id().to_string(),
            409 => answer.json()["dialogId"].as_str().unwrap().to_owned(),
            _ => panic!("{}", answer.text()),
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
}

/// Where a program keeps its data. Dropped, nothing of it stays: no server and no file.
pub struct State(pub PathBuf);

impl Drop for State {
    fn drop(&mut self) {
        let file = self.0.join("data/postmaster.pid");
        let pid = || std::fs::read_to_string(&file).ok()?.lines().next()?.trim().parse().ok();
        if let Some(server) = pid().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(server, Signal::INT);
            let patience = Instant::now() + Duration::from_secs(10);
            // Removing the file is the last that the server does.
            while file.exists() && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program and says its process id. A line on standard input stops the program; when the input
/// ends without one, because the tests have been killed, its data goes as well.
const WARDEN: &str = r#"
directory=$1; shift
"$@" </dev/null &
echo $!
read -r word
kill -TERM $! 2>/dev/null
wait $!
status=$?
[ "$word" ] || rm -rf "$directory"
exit $status
"#;

/// The program itself as a process of its own, with its own PostgreSQL.
pub struct Program {
    warden: Child,
    pid: Pid,
    pub url: String,
    state: Option<State>,
}

impl Program {
    /// Starts it on this data, and waits until it says where it listens.
    fn start(state: State) -> Self {
        Self::start_with(state, &[])
    }

    /// The same with more arguments.
    pub fn start_with(state: State, arguments: &[&str]) -> Self {
        let mut warden = Command::new("sh")
            .args(["-c", WARDEN, "sh"])
            .arg(&state.0)
            .arg(env!("CARGO_BIN_EXE_dialogporten"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(&state.0)
            .args(arguments)
            .env_remove("DATABASE_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        let output = warden.stdout.take().expect("an output");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let pid = lines.next().and_then(|line| Pid::from_raw(line.parse().ok()?)).expect("a process id");
        let mut program = Self { warden, pid, url: String::new(), state: Some(state) };
        // Nobody reads what else it says, which must not trouble it.
        let url = lines.find_map(|line| line.strip_prefix("Dialogporten sandbox on ").map(str::to_owned));
        program.url = url.expect("the program says where it listens");
        program
    }

    /// A client with a token that this program has given.
    async fn client(&self, kind: &str, query: &str) -> Client {
        let nobody = Client::new(&self.url, None);
        let call = nobody.get(&format!("/api/{kind}?env=at23&{query}"));
        let token = call.header("authorization", "Basic c2FuZGJveDpzYW5kYm94").await.expect(200).text();
        nobody.with_token(&token)
    }

    pub async fn owner(&self) -> Client {
        let query = "org=ttd&orgNo=991825827&scopes=digdir:dialogporten.serviceprovider";
        self.client("GetEnterpriseToken", query).await
    }

    /// Ends it without a chance to do anything more; its data stays.
    pub fn kill(mut self) -> State {
        rustix::process::kill_process(self.pid, Signal::KILL).expect("the program is killed");
        self.stop();
        self.state.take().expect("the data")
    }

    /// Ends it as an operator would, and gives what it ends with.
    fn stop(&mut self) -> ExitStatus {
        if let Some(mut input) = self.warden.stdin.take() {
            let _ = input.write_all(b"stop\n");
        }
        self.warden.wait().expect("the program ends")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let program = Program::start(State(temporary_directory()));
    let owner = program.owner().await;
    let acknowledged = std::sync::Mutex::new(Vec::new());
    let writers = join_all((0..4).map(async |_| {
        // Until the program is gone.
        while let Some(answer) = owner.create(&one_of_each()).attempt().await {
            assert_eq!(answer.status, 201, "{}", answer.text());
            acknowledged.lock().unwrap().push(answer.id());
        }
    }));
    let until_busy = async {
        while acknowledged.lock().unwrap().len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program.kill()
    };
    let (_, state) = tokio::join!(writers, until_busy);
    let acknowledged = acknowledged.into_inner().unwrap();

    let mut program = Program::start(state);

    let owner = program.owner().await;
    let mut missing = Vec::new();
    for id in &acknowledged {
        if owner.read(*id).await.status != 200 {
            missing.push(id);
        }
    }
    assert!(missing.is_empty(), "of {} dialogs are lost: {missing:?}", acknowledged.len());
    // They are whole, and the user finds them.
    let last = *acknowledged.last().unwrap();
    let read = owner.dialog(last).await;
    assert_eq!(read["transmissions"].as_array().unwrap().len(), 1);
    let person = program.client("GetPersonalToken", "pid=08844397713&scopes=digdir:dialogporten").await;
    let page: Value = person.list(&[("party", PERSON), ("limit", "1000")]).await.expect(200).json();
    assert!(page["items"].as_array().unwrap().len() >= acknowledged.len());
    assert!(program.stop().success());
}
