//! A client of HTTP/1.1 on connections that are kept, and two ways to drive a service with it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Result;

/// A request without its headers that are always the same.
#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Option<(&'static str, String)>,
    /// The only answer that counts.
    pub expected: u16,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub body: String,
}

/// Where to send requests, and as whom.
pub struct Client {
    pub address: SocketAddr,
    pub authorization: String,
}

/// A connection that is kept.
pub struct Connection<'a> {
    client: &'a Client,
    stream: TcpStream,
    sent: String,
    received: Vec<u8>,
}

impl Client {
    pub fn connect(&self) -> Result<Connection<'_>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Connection { client: self, stream, sent: String::new(), received: Vec::new() })
    }
}

impl Connection<'_> {
    /// Sends a request and checks the status of the answer.
    pub fn send(&mut self, request: &Request) -> Result<Answer> {
        let Client { address, authorization } = self.client;
        self.sent.clear();
        let Request { method, path, .. } = request;
        write!(
            self.sent,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n"
        )?;
        match &request.body {
            Some((media_type, body)) => write!(
                self.sent,
                "Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?,
            None => self.sent.push_str("\r\n"),
        }
        self.stream.write_all(self.sent.as_bytes())?;
        let answer = self.receive()?;
        if answer.status != request.expected {
            return Err(format!("{method} {path} gave {}: {}", answer.status, answer.body).into());
        }
        Ok(answer)
    }

    fn receive(&mut self) -> Result<Answer> {
        self.received.clear();
        let body_start = loop {
            self.read_more()?;
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.received[..body_start])?;
        let status = head.get(9..12).ok_or("not an answer of HTTP/1.1")?.parse()?;
        let header = |wanted: &str| {
            let headers = head.lines().filter_map(|line| line.split_once(':'));
            headers
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
        };
        let etag = header("etag").map(|tag| tag.trim_matches('"').to_owned());
        let length: usize = match header("content-length") {
            Some(length) => length.parse()?,
            None if status == 204 => 0,
            None => return Err("an answer does not tell its length".into()),
        };
        while self.received.len() < body_start + length {
            self.read_more()?;
        }
        let body = std::str::from_utf8(&self.received[body_start..])?.to_owned();
        Ok(Answer { status, etag, body })
    }

    fn read_more(&mut self) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err("the service closed the connection".into()),
            count => {
                self.received.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}

/// One thread for each connection; an error of any of them is the error of all.
fn on_connections<T: Send>(
    client: &Client,
    connections: u32,
    work: impl Fn(Connection<'_>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| client.connect().and_then(&work))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked")?).collect()
    })
}

/// Closed loop: every connection sends its next request when it has the answer to the last one.
/// Gives requests and the seconds that they took.
pub fn closed_loop(
    client: &Client,
    connections: u32,
    duration: Duration,
    next: &(dyn Fn() -> Request + Sync),
) -> Result<(usize, f64)> {
    let started = Instant::now();
    let counts = on_connections(client, connections, |mut connection| {
        let mut count = 0;
        while started.elapsed() < duration {
            connection.send(&next())?;
            count += 1;
        }
        Ok(count)
    })?;
    Ok((counts.into_iter().sum(), started.elapsed().as_secs_f64()))
}

/// Open loop: requests are due at a steady rate, whatever becomes of those before, and are sent when
/// due or, where all connections are busy, as soon as one is free. Gives the times from when each was
/// due to its answer, in order of length.
pub fn open_loop(
    client: &Client,
    connections: u32,
    duration: Duration,
    rate: f64,
    next: &(dyn Fn() -> Request + Sync),
) -> Result<Vec<Duration>> {
    let arrivals = AtomicUsize::new(0);
    let started = Instant::now();
    let times = on_connections(client, connections, |mut connection| {
        let mut times = Vec::new();
        loop {
            #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
            let due = Duration::from_secs_f64(arrivals.fetch_add(1, Ordering::Relaxed) as f64 / rate);
            if due > duration {
                return Ok(times);
            }
            let request = next();
            if let Some(early) = due.checked_sub(started.elapsed()) {
                std::thread::sleep(early);
            }
            connection.send(&request)?;
            times.push(started.elapsed().saturating_sub(due));
        }
    })?;
    let mut times = times.concat();
    times.sort_unstable();
    Ok(times)
}
