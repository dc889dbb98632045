//! `dialogporten health`

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long to wait for each of connection and answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the service is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Nothing answered.
    #[error("no answer from {0}: {1}")]
    NoAnswer(SocketAddr, #[source] io::Error),
    /// It said so.
    #[error("{0} answered: {1}")]
    Answer(SocketAddr, String),
}

/// Asks the service that listens on `address` whether it is ready, with a request of HTTP/1.1 written
/// by hand: this runs in containers that hold nothing but the program.
///
/// # Errors
/// When it is not ready, or does not answer.
pub fn health(address: SocketAddr) -> Result<(), NotReady> {
    let address = reachable(address);
    let status = status_line(address).map_err(|error| NotReady::NoAnswer(address, error))?;
    if status.split(' ').nth(1) == Some("200") { Ok(()) } else { Err(NotReady::Answer(address, status)) }
}

fn status_line(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /health/readiness HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream.take(200)).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// An address that stands for all of the machine's cannot be connected to everywhere; loopback can.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Asks a service that gives this answer to its one request.
    fn ask(answer: &'static str) -> (Result<(), NotReady>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<_> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            request[0].clone()
        });
        let result = health(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        (result, service.join().unwrap())
    }

    #[test]
    fn ready_is_what_answers_200() {
        let (result, request) = ask("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert!(result.is_ok());
        assert_eq!(request, "GET /health/readiness HTTP/1.1");
    }

    #[test]
    fn all_else_is_not() {
        for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 2000\r\n", "200", ""] {
            assert!(matches!(ask(answer).0, Err(NotReady::Answer(..))), "{answer:?}");
        }
        // Nobody listens on the port of tcpmux (RFC 1078).
        let nobody = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
        assert!(matches!(health(nobody), Err(NotReady::NoAnswer(..))));
    }
}
