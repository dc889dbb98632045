//! The service as a process of its own, and what processes use.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::Result;
use crate::http::{Client, Request};

/// Clock ticks in which Linux tells processor time, everywhere: `USER_HZ`.
const TICKS: f64 = 100.0;

/// The service.
pub struct Service {
    child: Child,
    pub client: Client,
}

impl Service {
    /// Starts the service as it runs in production, but for tokens and decisions, which are the
    /// sandbox's; waits until it is ready. Its log goes to a file.
    pub fn start(database_url: &str, log: &Path, arguments: &[&str]) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(env!("CARGO_BIN_EXE_dialogporten"))
            .env_clear()
            .args(["serve", "--sandbox", "--log-format", "json", "--listen", &address.to_string()])
            .args(["--database-url", database_url])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .spawn()?;
        let mut service = Self { child, client: Client { address, authorization: String::new() } };
        service.wait_until_ready(log)?;
        let scope = "digdir:dialogporten.serviceprovider";
        service.client = service
            .client_with(&format!("GetEnterpriseToken?env=at23&org=ttd&orgNo=991825827&scopes={scope}"))?;
        Ok(service)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let probe = request("/health/readiness");
        let give_up = Instant::now() + Duration::from_mins(1);
        loop {
            if self.client.connect().and_then(|mut connection| connection.send(&probe)).is_ok() {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > give_up {
                return Err(format!("the service did not start:\n{}", fs::read_to_string(log)?).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A client with a token, of which this is what the sandbox's token generator takes.
    pub fn client_with(&self, token: &str) -> Result<Client> {
        let address = self.client.address;
        let generator = Client { address, authorization: "Basic YmVuY2g6YmVuY2g=".into() };
        let token = generator.connect()?.send(&request(&format!("/api/{token}&ttl=86400")))?.body;
        Ok(Client { address, authorization: format!("Bearer {token}") })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the service to stop, and waits for it.
    pub fn stop(mut self) -> Result<()> {
        self.terminate();
        self.child.wait()?;
        Ok(())
    }

    fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

fn request(path: &str) -> Request {
    Request { method: "GET", path: path.into(), body: None, expected: 200 }
}

/// The process of a database server, of which this is the directory.
pub fn postgres_pid(directory: &Path) -> Result<u32> {
    let text = fs::read_to_string(directory.join("data/postmaster.pid"))?;
    Ok(text.lines().next().ok_or("the server has no process")?.trim().parse()?)
}

/// A value of `/proc/<pid>/status` in bytes, such as `VmHWM`, the most memory that the process has
/// held at once. `None` where the system has no such thing.
pub fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Processor seconds used so far. All zero where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processor {
    /// By this process, and by pgbench.
    pub client: f64,
    pub service: f64,
    /// By all processes of the database server.
    pub postgres: f64,
}

impl Processor {
    pub fn now(service: u32, postgres: u32) -> Self {
        let mut used = Self::default();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            let Some((parent, own, children)) = times(pid) else { continue };
            if pid == std::process::id() {
                used.client += own + children;
            } else if pid == service {
                used.service += own;
            } else if pid == postgres {
                used.postgres += own + children;
            } else if parent == postgres {
                used.postgres += own;
            }
        }
        used
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            client: self.client - before.client,
            service: self.service - before.service,
            postgres: self.postgres - before.postgres,
        }
    }

    pub fn add(&mut self, more: Self) {
        self.client += more.client;
        self.service += more.service;
        self.postgres += more.postgres;
    }
}

/// The parent of a process, and seconds used by itself and by its children that have ended (see
/// proc(5), `/proc/pid/stat`).
fn times(pid: u32) -> Option<(u32, f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |from: usize| -> Option<f64> {
        let ticks: Option<Vec<u32>> = fields.get(from..from + 2)?.iter().map(|t| t.parse().ok()).collect();
        Some(f64::from(ticks?.iter().sum::<u32>()) / TICKS)
    };
    Some((fields.get(1)?.parse().ok()?, seconds(11)?, seconds(13)?))
}
