//! `kill -9` at any moment loses nothing that was acknowledged.
//!
//! It shows what a server does with what it finds. It cannot show a missing fsync, since the page cache outlives the
//! process: `order` and `power_loss` do.

use std::time::{Duration, Instant};

use custody_tests::callers::Callers;
use custody_tests::dice::{Dice, number_from};
use custody_tests::server::{Ledger, Server};

/// How often the server is killed, unless `CUSTODY_KILL_ROUNDS` says so.
const ROUNDS: usize = 50;

/// Kills a server while it stops, or while it starts.
fn kill_without_load(ledger: &Ledger, stopping: bool, after: Duration) {
    let server = if stopping { ledger.serve() } else { Server::begin(&ledger.data()) };
    if stopping {
        server.ask_to_stop();
    }
    std::thread::sleep(after);
    server.kill();
}

#[test]
fn kill_at_random_moments_loses_nothing_acknowledged() {
    let mut dice = Dice::seeded();
    let rounds = number_from("CUSTODY_KILL_ROUNDS").unwrap_or(ROUNDS);
    let (ledger, mut callers) = (Ledger::new(1), Callers::new(4));
    let started = Instant::now();
    for _ in 0..rounds {
        let after = Duration::from_millis(dice.roll(220) as u64);
        match dice.roll(10) {
            0 => kill_without_load(&ledger, false, after),
            1 => kill_without_load(&ledger, true, after / 8),
            _ => {
                let server = ledger.serve();
                callers.record_until(&ledger, &server, after, || server.kill_now());
            }
        }
    }
    callers.check(&ledger);
    let acknowledged = callers.acknowledged();
    println!("{rounds} rounds, {acknowledged} acknowledged, {:?}", started.elapsed());
    assert!(acknowledged > rounds, "only {acknowledged} were recorded");
}
