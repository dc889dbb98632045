//! What the check of an access token costs: `cargo bench --bench token`.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use dialogporten::access::token::TokenVerifier;
use dialogporten::clock::Clock;
use dialogporten::sandbox::issuers::{Environment, sandbox_issuers};
use dialogporten::sandbox::keys::SandboxKeys;
use dialogporten::sandbox::token_generator::{Minted, TokenKind, TokenRequest};

const BASE: &str = "http://127.0.0.1:7214";

fn main() {
    let keys = SandboxKeys::generate().expect("keys are made");
    let clock = Clock::system();
    let now = clock.now();
    let verifier = || TokenVerifier::new(sandbox_issuers(&keys, Environment::At23, BASE).expect("issuers"));
    let token = || {
        let parameters = [("env", "at23"), ("pid", "08844397713"), ("scopes", "digdir:dialogporten")];
        let parameters: Vec<_> = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let request = TokenRequest::read(TokenKind::Personal, &parameters).expect("parameters");
        match request.mint(&keys, BASE, now, &mut clock.ids(now)) {
            Some(Minted::Text(token)) => format!("Bearer {token}"),
            _ => panic!("no token"),
        }
    };

    // Tokens that are new: the signature is checked.
    let (fresh, tokens) = (verifier(), (0..2_000).map(|_| token()).collect::<Vec<_>>());
    let started = Instant::now();
    for token in &tokens {
        black_box(fresh.verify(Some(token), now)).expect("a good token");
    }
    report("new tokens, 1 thread", started, tokens.len());

    // Tokens that have been seen, as most are.
    let known = &tokens[..100];
    for threads in [1, 2] {
        const ROUNDS: usize = 2_000;
        let started = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        for token in known {
                            black_box(fresh.verify(Some(token), now)).expect("a good token");
                        }
                    }
                });
            }
        });
        // For each thread: with a shared lock, two would take longer than one.
        report(&format!("known tokens, {threads} thread(s)"), started, ROUNDS * known.len());
    }
}

fn report(what: &str, started: Instant, count: usize) {
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    println!("{what:<28} {each:>8.2} µs each");
}
