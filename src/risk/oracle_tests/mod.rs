//! Hot: tests: random streams of inputs against a slow oracle that computes everything from scratch with every input.
//!
//! | room | what is in it |
//! |---|---|
//! | `world` | what is so after a list of facts: accounts, orders, limits, states, rates; folded anew for every input |
//! | `verdict` | what each check must say of an order, in plain arithmetic |
//! | `command` | what must become of an operator's command |
//! | `stream` | random inputs: books, signals, reports (late, twice, overtaking), gates, commands, epochs, days |
//!
//! The oracle takes from the stage only which order it asked for, and its facts are inputs and verdicts. Compared with every
//! input: the refusal (check, value, limit) or the approval, the outcome of a command, and the whole account.
//!
//! `TICKPATH_RISK_STREAMS` says how many streams; each is another seed.

mod command;
mod stream;
mod verdict;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

/// What the streams came to.
#[derive(Debug)]
struct Tally {
    inputs: AtomicU64,
    approved: AtomicU64,
    commands: AtomicU64,
    /// By the number of the check.
    refused: [AtomicU64; 64],
}

impl Tally {
    fn new() -> Self {
        Self {
            inputs: AtomicU64::new(0),
            approved: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; 64],
        }
    }
}

#[test]
fn a_slow_oracle_agrees_and_no_limit_is_passed() {
    let everyday = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
    let streams = std::env::var("TICKPATH_RISK_STREAMS").map_or(everyday, |n| n.parse::<u64>().unwrap());
    let begin = std::time::Instant::now();
    let (tally, next) = (Tally::new(), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= streams {
                        break;
                    }
                    stream::run(seed, &tally);
                }
            });
        }
    });
    let n = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let refused: Vec<(&str, u64)> = super::TABLE
        .iter()
        .map(|row| (row.name, tally.refused.get(row.code as usize).map_or(0, n)))
        .filter(|(_, n)| *n > 0)
        .collect();
    println!(
        "{streams} streams, {} inputs, {} orders approved, {} refused, {} commands, 0 disagreements, {:.1} s; refused by {refused:?}",
        n(&tally.inputs),
        n(&tally.approved),
        refused.iter().map(|r| r.1).sum::<u64>(),
        n(&tally.commands),
        begin.elapsed().as_secs_f64(),
    );
    if streams < 5_000 {
        return;
    }
    // What the stage never asks for: a price beyond the tick, a size beyond the lot, an order while one of the other side works
    // (it cancels that first). And no breaker is configured. Each of these checks has a test of its own.
    const NEVER: [&str; 4] =
        ["PRICE_NOT_ON_TICK", "QUANTITY_NOT_ON_LOT", "SELF_TRADE_PREVENTED", "CIRCUIT_BREAKER_OPEN"];
    for row in super::TABLE.iter().filter(|row| !NEVER.contains(&row.name)) {
        let some = refused.iter().any(|r| r.0 == row.name);
        assert!(some, "no stream was refused by {}: the streams are too tame", row.name);
    }
    assert!(n(&tally.approved) > streams / 2, "too few orders were approved");
}
