//! Events: what the outbox adds to a write, how fast a backlog is delivered to a webhook on this machine,
//! and how long after its commit a change is told while others are written.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dialogporten::clock::Clock;
use dialogporten::timestamp::Timestamp;

use crate::Result;

/// What was found out.
pub struct EventFigures {
    /// Creates per second of pgbench, with the outbox and without.
    pub creates: (f64, f64),
    /// Events of a backlog, and the seconds that their delivery took.
    pub drained: (usize, f64),
    /// From commit to delivery while dialogs are created, in order of length.
    pub latencies: Vec<Duration>,
    /// Creates per second meanwhile.
    pub load: f64,
}

/// A webhook that takes everything.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    count: AtomicUsize,
    latencies: Mutex<Vec<Duration>>,
}

impl Receiver {
    /// Starts it; it lives as long as the process.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let receiver = Self { address: listener.local_addr()?, state: Arc::default() };
        let state = Arc::clone(&receiver.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                let state = Arc::clone(&state);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Ok(receiver)
    }

    /// How many events have come.
    pub fn count(&self) -> usize {
        self.state.count.load(Ordering::SeqCst)
    }

    /// Waits until `count` events have come, and gives how long that took.
    pub fn wait_for(&self, count: usize) -> Result<Duration> {
        let started = Instant::now();
        let (mut last, mut progress) = (self.count(), Instant::now());
        while self.count() < count {
            if self.count() > last {
                (last, progress) = (self.count(), Instant::now());
            }
            if progress.elapsed() > Duration::from_secs(30) {
                return Err(format!("only {last} of {count} events were delivered").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(started.elapsed())
    }

    /// Times from commit to delivery since they were last asked for, in order of length.
    pub fn latencies(&self) -> Vec<Duration> {
        let mut latencies = self.state.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latencies = std::mem::take(&mut *latencies);
        latencies.sort_unstable();
        latencies
    }
}

impl State {
    /// Answers every request of a connection until it is closed.
    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let clock = Clock::system();
        let mut received: Vec<u8> = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let end = received.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            let whole = end.and_then(|end| {
                let head = std::str::from_utf8(&received[..end]).ok()?;
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
                });
                Some((end, end + length.unwrap_or(0)))
            });
            match whole {
                Some((body, end)) if received.len() >= end => {
                    let text = String::from_utf8_lossy(&received[body..end]);
                    let time = text.split_once("\"time\":\"").and_then(|(_, rest)| rest.split('"').next());
                    if let Some(time) = time.and_then(Timestamp::parse) {
                        let late = clock.now().unix_microseconds() - time.unix_microseconds();
                        let late = Duration::from_micros(late.max(0).unsigned_abs());
                        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(late);
                    }
                    received.drain(..end);
                    self.count.fetch_add(1, Ordering::SeqCst);
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
                }
                _ => match stream.read(&mut chunk).ok()? {
                    0 => return None,
                    count => received.extend_from_slice(&chunk[..count]),
                },
            }
        }
    }
}
