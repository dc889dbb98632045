//! Events while everything fails that can: the sink, the instances, and PostgreSQL.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use dialogporten::clock::Clock;
use dialogporten::sandbox::postgres::running_connect_options;
use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::{Pid, Signal};
use serde_json::json;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use uuid::Uuid;

use crate::event_sinks::Receiver;
use crate::harness::*;
use crate::instances::{Program, State};

const WRITERS: usize = 4;
const CHAOS: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(90);

/// Three of ten deliveries fail, whatever they are: so some events fail several times.
fn fails(count: usize) -> bool {
    // Without a period that the retries could have as well.
    count.wrapping_mul(2_654_435_761) >> 3 & 0xff < 77
}

/// How long after its creation each dialog expires.
const LIFETIME_SECONDS: i64 = 3;

/// Creates dialogs and changes each some times, until told to end. Whatever fails is done again: a change
/// that was made in spite of that changes nothing then, and so is told once. Gives what was acknowledged,
/// without the label, of which no sink hears, and with the expiry.
async fn write(owner: &Client, is_over: &AtomicBool) -> HashMap<Uuid, usize> {
    let mut written = HashMap::new();
    while !is_over.load(Ordering::SeqCst) {
        let end = Clock::system().now().plus_seconds(LIFETIME_SECONDS).to_string();
        let answer = owner.create(&dialog().with("/expiresAt", end)).attempt().await;
        let Some(answer) = answer.filter(|answer| answer.status == 201) else { continue };
        let id = answer.id();
        for value in 1..=5 {
            let operations = json!([{ "op": "replace", "path": "/progress", "value": value }]);
            while owner.patch(id, &operations).attempt().await.is_none_or(|answer| answer.status != 204) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let path = format!("endusercontext/systemlabels?enduserId={PERSON}");
        let labels = json!({ "addLabels": ["Archive"] });
        let label = || owner.below(Method::PUT, id, &path).json(&labels).attempt();
        while label().await.is_none_or(|answer| answer.status != 204) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        written.insert(id, 5 + 1);
    }
    written
}

/// Ends all connections and starts over, as PostgreSQL does when one of its processes dies.
async fn crash_postgres(options: &PgConnectOptions) {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let sql = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let pid: i32 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    // This connection ends with all others.
    while connection.ping().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while PgConnection::connect_with(options).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Rows of the log: dialog, and ids of its events, in order.
async fn log(options: &PgConnectOptions) -> Vec<(Uuid, Vec<String>)> {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let sql = "select dialog_id, array(select e ->> 'id' from jsonb_array_elements(payload -> 'events') e)
        from outbox order by xid, sequence";
    let rows = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

/// How many dialogs have not expired, or nobody was told.
async fn still_to_expire(options: &PgConnectOptions) -> i64 {
    let mut connection = PgConnection::connect_with(options).await.unwrap();
    let sql = "select count(*) from dialog where expiry_told_for is distinct from expires_at";
    let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_told_in_order_whatever_fails() {
    let answered = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let notes = std::sync::Arc::clone(&answered);
    let receiver = Receiver::answering(move |count, event| {
        if fails(count) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        notes.lock().unwrap().push((text("resourceinstance").parse::<Uuid>().unwrap(), text("id")));
        StatusCode::NO_CONTENT
    })
    .await;
    let directory = temporary_directory();
    // It has the database, and takes what is written; the others deliver.
    let host = Program::start_with(State(directory.clone()), &["--events-dispatch", "false"]);
    let options = running_connect_options(&directory);
    let socket = options.get_socket().unwrap().to_string_lossy().into_owned();
    let database = options.get_database().unwrap_or("dialogporten").to_owned();
    let url = format!("postgres://dialogporten@localhost/{database}?host={}", socket.replace('/', "%2F"));
    let hook = format!("{}/hook", receiver.url);
    let worker = || {
        let arguments = [
            "--sandbox",
            "--database-url",
            &url,
            "--events-webhook-url",
            &hook,
            "--events-webhook-secrets",
            "a-secret-that-is-long-enough",
            "--events-webhook-allow-private",
            "--events-retry-after",
            "20",
        ];
        Program::start_with(State(temporary_directory()), &arguments)
    };
    let mut workers = vec![worker(), worker()];

    let owner = host.owner().await;
    let is_over = AtomicBool::new(false);
    let writers = join_all((0..WRITERS).map(|_| write(&owner, &is_over)));
    let chaos = async {
        let began = Instant::now();
        let mut has_crashed = false;
        while began.elapsed() < CHAOS {
            tokio::time::sleep(Duration::from_millis(700)).await;
            let victim = workers.remove(0);
            drop(victim.kill());
            if !has_crashed && began.elapsed() > CHAOS / 2 {
                crash_postgres(&options).await;
                has_crashed = true;
            }
            workers.push(tokio::task::block_in_place(worker));
        }
        is_over.store(true, Ordering::SeqCst);
        assert!(has_crashed);
    };
    let (written, ()) = tokio::join!(writers, chaos);

    // Everything that was told, when the time of all dialogs has come.
    let deadline = Instant::now() + PATIENCE;
    while still_to_expire(&options).await > 0 {
        assert!(Instant::now() < deadline, "not all expiries were told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = log(&options).await;
    let ids: HashSet<&String> = told.iter().flat_map(|(_, events)| events).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let taken: HashSet<String> = answered.lock().unwrap().iter().map(|(_, id)| id.clone()).collect();
        if ids.iter().all(|id| taken.contains(*id)) {
            break;
        }
        let missing = ids.iter().filter(|id| !taken.contains(**id)).count();
        assert!(Instant::now() < deadline, "{missing} of {} events were not delivered", ids.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(workers);

    // Every change that was acknowledged was told, once.
    let mut by_dialog: HashMap<Uuid, Vec<&String>> = HashMap::new();
    for (dialog, events) in &told {
        by_dialog.entry(*dialog).or_default().extend(events);
    }
    let written: HashMap<Uuid, usize> = written.into_iter().flatten().collect();
    assert!(written.len() > WRITERS, "only {} dialogs were written", written.len());
    for (id, changes) in &written {
        assert_eq!(by_dialog.get(id).map_or(0, Vec::len), changes + 1, "{id}");
    }
    // Nothing was delivered that was not told, and so done; what came twice has one id; and what came
    // first came in order.
    let answered = answered.lock().unwrap();
    let mut first: HashMap<Uuid, Vec<&String>> = HashMap::new();
    let mut seen = HashSet::new();
    for (dialog, id) in answered.iter() {
        assert!(ids.contains(id), "{id} was never told");
        if seen.insert(id) {
            first.entry(*dialog).or_default().push(id);
        }
    }
    assert_eq!(first, by_dialog);
    eprintln!("{} events of {} dialogs, {} deliveries", ids.len(), by_dialog.len(), answered.len());
}
