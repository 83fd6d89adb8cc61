//! Naive and fused in turns, block by block, on the same messages; their orders must be the same.

use super::Naive;
use super::reference::checked;
use crate::cores::Cores;
use crate::hot::{Build, HotPath};
use crate::shared::binance::Message;
use crate::shared::findings::{Findings, Sense};
use crate::shared::turns::{Ratio, Turns, timed};
use crate::source::Source;
use crate::tick::BLOCK;
use std::hint::black_box;
use std::ops::Range;

/// What takes part, the floor first.
const CONTESTANTS: [&str; 8] = [
    "floor: copy of a byte",
    "fused: bytes to order",
    "fused: bytes to order, no stamps",
    "naive, two threads",
    "naive, one thread",
    "naive, no tasks",
    "naive, two threads, one at a time",
    "naive, one thread, one at a time",
];
/// The fused path as it is configured.
const STAMPED: usize = 1;
/// Without reading the clock between the stages.
const BARE: usize = 2;
/// The naive ways, from here on; first those with tasks, which get a whole block at once.
const NAIVE: usize = 3;
const TASKS: Range<usize> = NAIVE..NAIVE + 2;
/// Without tasks.
const ROW: usize = 5;
/// With tasks, where a message comes only when the one before it is decided, as it is for the fused path.
const ALONE: Range<usize> = 6..8;

/// Copies that the floor makes of a block, so that it takes about as long as the fused path.
const ROUNDS: usize = 64;

/// Row 13: all ways over one source, `passes` times.
///
/// # Panics
/// If one way does not give the orders of the others, or the baseline any other section than the product.
pub fn compare(build: &Build, source: &Source, cores: &Cores, passes: usize, findings: &mut Findings) {
    let (orders, came) = checked(build, &source.messages, BLOCK);
    let mut turns = Turns::new(CONTESTANTS);
    for _ in 0..passes {
        let at = source.messages[0].at - 1_000_000;
        cores.free();
        let mut bare = build.clone();
        bare.config.topology.stamps = false;
        let mut paths = [HotPath::start(build, at), HotPath::start(&bare, at)];
        let mut naive = [
            Naive::start(build, at),
            Naive::start_on_one(build, at),
            Naive::start_in_a_row(build, at),
            Naive::start(build, at),
            Naive::start_on_one(build, at),
        ];
        cores.pin();
        pass(&source.messages, &mut paths, &mut naive, &mut turns);
        for path in paths {
            assert_eq!(path.finish(), came, "the fused path decides as the checked stages do");
        }
        for (naive, who) in naive.iter().zip(&CONTESTANTS[NAIVE..]) {
            naive.came().assert_same(&orders, who);
        }
    }
    told(source, orders.0.len(), &turns, findings);
}

fn pass(messages: &[Message], paths: &mut [HotPath; 2], naive: &mut [Naive], turns: &mut Turns) {
    let mut copy = vec![0u8; 1 << 20];
    for block in messages.chunks(BLOCK) {
        let mut copied = || {
            for message in block {
                let bytes = black_box(message.bytes.as_slice());
                copy[..bytes.len()].copy_from_slice(bytes);
                black_box(&copy);
            }
        };
        let mut run = |who: usize| {
            // As a socket leaves them, whoever was here before: just written.
            copied();
            match who {
                0 => timed(|| (0..ROUNDS).for_each(|_| copied())),
                STAMPED | BARE => {
                    let path = &mut paths[who - STAMPED];
                    let time = timed(|| {
                        for message in block {
                            path.tick(message.at, black_box(&message.bytes));
                        }
                    });
                    path.answer();
                    // What the other threads have left to do is nobody else's time.
                    path.settle();
                    time
                }
                _ => {
                    let naive = &mut naive[who - NAIVE];
                    let time = if ALONE.contains(&who) { naive.block_alone(block) } else { naive.block(block) };
                    naive.answer();
                    time
                }
            }
        };
        if block.len() == BLOCK {
            let bytes: usize = block.iter().map(|message| message.bytes.len()).sum();
            turns.block_of(block.len(), ROUNDS * bytes, run);
        } else {
            // The end of the capture: taken in, and not timed.
            (0..CONTESTANTS.len()).for_each(|who| {
                run(who);
            });
        }
    }
}

/// What came of it; `orders` are those of one pass.
fn told(source: &Source, orders: usize, turns: &Turns, findings: &mut Findings) {
    let (name, messages) = (source.name.as_str(), source.messages.len());
    findings.say(format_args!("\n{name}: {messages} messages, the same {orders} orders from all; blocks of {BLOCK}"));
    findings.table(&format!("{name}: fused and naive"), "message", turns);
    let best = |times: &[f64], of: Range<usize>| of.map(|who| times[who]).fold(f64::MAX, f64::min);
    let mut told = |row: Option<u8>, part: &str, of: &dyn Fn(&[f64]) -> f64| {
        let ratio = turns.figure(of);
        let Ratio { median, low, high } = ratio;
        findings.say(format_args!("  {part}: {median:.3} [{low:.3} to {high:.3}]"));
        findings.found(row, part, name, Sense::Less, ratio, turns);
    };
    told(Some(13), "fused ÷ naive, its faster way with tasks", &|t| t[STAMPED] / best(t, TASKS));
    told(None, "fused, no stamps ÷ naive, its faster way with tasks", &|t| t[BARE] / best(t, TASKS));
    told(None, "fused ÷ naive, no tasks", &|t| t[STAMPED] / t[ROW]);
    told(None, "fused ÷ naive, its faster way with tasks, one at a time", &|t| t[STAMPED] / best(t, ALONE));
    told(None, "fused ÷ naive, two threads, one at a time", &|t| t[STAMPED] / t[ALONE.start]);
}
