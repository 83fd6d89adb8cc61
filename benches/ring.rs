//! The ring and the queue beside their rivals, in one run.
//!
//! ```text
//! hop     main ──A──→ worker ──B──→ main      half of a round trip of one 64-byte item, each side pinned and spinning
//! single  main ─────→ worker                  64-byte items as fast as they go, one call per item
//! batch   main ─────→ worker                  the same, 32 at a time on both sides, for those that can
//! ```
//!
//! An absolute time proves nothing on a shared machine, so contestants take turns in short blocks (A B C … C B A, the
//! start rotated each round), and what counts is the median over the rounds of the ratio to the bare floor (two cache
//! lines of ping-pong) and to our ring. Within a block, short stretches are timed and the lower quartile is taken, and of
//! a contestant's two blocks in a round the better one: that leaves preemption out, for all alike. A round whose floor is
//! more than 20 % away from the median floor of the run is dropped.
//!
//! `cargo bench --bench ring -- [--quick] [--json]`

#[path = "shared/links.rs"]
mod links;
mod shared;

use links::{Answer, CAPACITY, Item, Padded, Rx, Slot, Tx, array_queue, disruptor_link, line, ring};
use shared::findings::{Findings, Sense};
use shared::turns::Turns;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tickpath::ring::builder::RingBuilder;
use tickpath::ring::section::SectionSpec;
use tickpath::ring::spsc;

/// Items of a batch.
const BATCH: u64 = 32;
/// Round trips, or items, between two looks at the clock.
const STRETCH: [u64; 3] = [32, 4096, 4096];

// ---- measurements ----

/// The other thread: pinned, and there for the whole run.
struct Worker(mpsc::Sender<Box<dyn FnOnce() + Send>>);

impl Worker {
    fn new(core: core_affinity::CoreId) -> Self {
        let (sender, jobs) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        std::thread::spawn(move || {
            core_affinity::set_for_current(core);
            for job in jobs {
                job();
            }
        });
        Self(sender)
    }

    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> mpsc::Receiver<R> {
        let (sender, result) = mpsc::channel();
        self.0.send(Box::new(move || sender.send(job()).expect("main waits"))).expect("the worker lives");
        result
    }
}

/// The lower quartile of a block's stretches, in nanoseconds per unit.
fn low_stretch(mut stretches: Vec<Duration>, units: u64) -> f64 {
    stretches.sort_unstable();
    stretches[stretches.len() / 4].as_nanos() as f64 / units as f64
}

#[inline(always)]
fn wait<R>(mut f: impl FnMut() -> Option<R>) -> R {
    loop {
        if let Some(result) = f() {
            return result;
        }
        spin_loop();
    }
}

/// Half of a round trip, through `ping` and `pong` here and `echo` there, which answers one item and says its number.
fn round_trips(
    worker: &Worker,
    block: Duration,
    mut ping: impl FnMut(u64) -> bool,
    mut pong: impl FnMut() -> Option<u64>,
    mut echo: impl FnMut() -> Option<u64> + Send + 'static,
) -> f64 {
    let done = worker.run(move || while wait(&mut echo) != u64::MAX - 1 {});
    let (start, mut stretches, mut n) = (Instant::now(), Vec::with_capacity(1 << 16), 0);
    while start.elapsed() < block {
        let from = Instant::now();
        for _ in 0..STRETCH[0] {
            assert!(ping(n), "there is room for one");
            assert_eq!(wait(&mut pong), n);
            n += 1;
        }
        stretches.push(from.elapsed());
    }
    assert!(ping(u64::MAX - 1));
    done.recv().expect("the worker ends");
    low_stretch(stretches, 2 * STRETCH[0])
}

fn hop<T: Tx, R: Rx>(worker: &Worker, block: Duration, link: fn() -> (T, R)) -> f64 {
    let ((mut a_tx, mut a_rx), (mut b_tx, mut b_rx)) = (link(), link());
    let echo = move || {
        let n = a_rx.recv()?;
        assert!(b_tx.send(n), "there is room for one");
        Some(n)
    };
    round_trips(worker, block, |n| a_tx.send(n), || b_rx.recv(), echo)
}

/// Our ring as it is meant to be used: the answer is another section of the same slot, and comes back by a second lane.
fn hop_in_place(worker: &Worker, block: Duration) -> f64 {
    let mut builder = RingBuilder::<Slot>::new(CAPACITY as u64).expect("capacity");
    let producer = builder.producer("producer", &[SectionSpec::of::<Padded>()]);
    let there = builder.lane("there", &[producer], &[SectionSpec::of::<Answer>()]);
    let back = builder.lane("back", &[there], &[]);
    let mut built = builder.build().expect("plan");
    let mut producer = built.take_producer();
    let (mut there, mut back) = (built.take_lane(there).expect("lane"), built.take_lane(back).expect("lane"));
    let echo = move || {
        let mut n = None;
        there.advance(1, |slot| {
            let (view, answer) = slot.split::<Answer>();
            let item = view.read::<Padded>().0.n();
            answer.0.0 = Item::new(item);
            n = Some(item);
        });
        n
    };
    let pong = || {
        let mut n = None;
        back.advance(1, |slot| n = Some(slot.read::<Answer>().0.0.n()));
        n
    };
    round_trips(worker, block, |n| producer.try_publish(|slot| slot.write::<Padded>().0 = Item::new(n)), pong, echo)
}

/// Nanoseconds per item at the receiver, with `max` items per call.
fn bulk<T: Tx, R: Rx>(worker: &Worker, block: Duration, link: fn() -> (T, R), max: u64) -> f64 {
    let (mut tx, mut rx) = link();
    let stop = Arc::new(AtomicU64::new(0));
    let stopped = Arc::clone(&stop);
    let receiver = worker.run(move || {
        let (mut stretches, mut expected, mut next, mut from) =
            (Vec::with_capacity(1 << 16), 0u64, STRETCH[1], Instant::now());
        loop {
            let n = if max == 1 {
                rx.recv().map_or(0, |n| {
                    assert_eq!(black_box(n), expected);
                    expected += 1;
                    1
                })
            } else {
                rx.recv_many(max, |n| {
                    assert_eq!(black_box(n), expected);
                    expected += 1;
                })
            };
            if expected >= next {
                let now = Instant::now();
                stretches.push(now - from);
                (from, next) = (now, next + STRETCH[1]);
            } else if n == 0 {
                let end = stopped.load(Ordering::Acquire);
                if end != 0 && end == expected {
                    return low_stretch(stretches, STRETCH[1]);
                }
                spin_loop();
            }
        }
    });
    let (start, mut n) = (Instant::now(), 0);
    while start.elapsed() < block {
        let end = n + STRETCH[2];
        while n < end {
            let sent = if max == 1 { u64::from(tx.send(n)) } else { tx.send_many(n, max) };
            if sent == 0 {
                spin_loop();
            }
            n += sent;
        }
    }
    stop.store(n, Ordering::Release);
    receiver.recv().expect("the receiver ends")
}

// ---- the run ----

type Measure = Box<dyn Fn(&Worker, Duration) -> f64>;

fn floor() -> (&'static str, Measure) {
    ("floor: bare ping-pong", Box::new(|w, t| hop(w, t, line)))
}

fn hops() -> Vec<(&'static str, Measure)> {
    vec![
        floor(),
        ("ring", Box::new(|w, t| hop(w, t, ring))),
        ("ring, answer in place", Box::new(hop_in_place)),
        ("spsc", Box::new(|w, t| hop(w, t, || spsc::channel(CAPACITY)))),
        ("rtrb", Box::new(|w, t| hop(w, t, || rtrb::RingBuffer::new(CAPACITY)))),
        ("disruptor", Box::new(|w, t| hop(w, t, disruptor_link))),
        ("nexus-queue", Box::new(|w, t| hop(w, t, || nexus_queue::spsc::ring_buffer(CAPACITY)))),
        ("crossbeam ArrayQueue", Box::new(|w, t| hop(w, t, array_queue))),
        ("crossbeam channel", Box::new(|w, t| hop(w, t, || crossbeam::channel::bounded(CAPACITY)))),
        ("tokio mpsc", Box::new(|w, t| hop(w, t, || tokio::sync::mpsc::channel(CAPACITY)))),
    ]
}

fn bulks(max: u64) -> Vec<(&'static str, Measure)> {
    let mut all: Vec<(&'static str, Measure)> = vec![
        floor(),
        ("ring", Box::new(move |w, t| bulk(w, t, ring, max))),
        ("spsc", Box::new(move |w, t| bulk(w, t, || spsc::channel(CAPACITY), max))),
        ("rtrb", Box::new(move |w, t| bulk(w, t, || rtrb::RingBuffer::new(CAPACITY), max))),
        ("disruptor", Box::new(move |w, t| bulk(w, t, disruptor_link, max))),
    ];
    if max == 1 {
        all.push(("nexus-queue", Box::new(move |w, t| bulk(w, t, || nexus_queue::spsc::ring_buffer(CAPACITY), max))));
        all.push(("crossbeam ArrayQueue", Box::new(move |w, t| bulk(w, t, array_queue, max))));
        all.push((
            "crossbeam channel",
            Box::new(move |w, t| bulk(w, t, || crossbeam::channel::bounded(CAPACITY), max)),
        ));
        all.push(("tokio mpsc", Box::new(move |w, t| bulk(w, t, || tokio::sync::mpsc::channel(CAPACITY), max))));
    }
    all
}

/// How long to measure: rounds, and the length of a block.
type Length = (usize, Duration);

/// Runs the rounds and prints the table. Contestant 0 is the floor, 1 our ring.
fn compare(
    findings: &mut Findings,
    title: &str,
    worker: &Worker,
    contestants: &[(&str, Measure)],
    (rounds, block): Length,
) -> Turns {
    let count = contestants.len();
    let mut turns = Turns::new(contestants.iter().map(|(name, _)| *name));
    for round in 0..rounds {
        // The floor comes first and last; the others in turn, there and back.
        let order: Vec<usize> =
            std::iter::once(0).chain((0..count - 1).map(|i| 1 + (i + round) % (count - 1))).collect();
        let mut blocks = vec![[0.0; 2]; count];
        for &i in &order {
            blocks[i][0] = contestants[i].1(worker, block);
        }
        for &i in order.iter().rev() {
            blocks[i][1] = contestants[i].1(worker, block);
        }
        let better: Vec<f64> = blocks.iter().map(|[there, back]| there.min(*back)).collect();
        turns.take(&better);
    }
    let (kept, blocks) = (turns.kept().len(), turns.blocks());
    findings
        .say(format_args!("\n{title}: {kept} rounds, {} dropped (floor moved), blocks of {block:?}", blocks - kept));
    findings.say(format_args!("{:<24} {:>9}   {:<28} ÷ ring", "", "ns", "÷ floor  median [p10, p90]"));
    for (who, name) in turns.names().iter().enumerate() {
        let nanos = turns.nanos(who).median;
        let [floor, ring] = [0, 1].map(|other| {
            let ratio = turns.ratio(who, other);
            format!("{:.3} [{:.3}, {:.3}]", ratio.median, ratio.low, ratio.high)
        });
        findings.say(format_args!("{name:<24} {nanos:>9.2}   {floor:<28} {ring}"));
    }
    findings.keep(title, &turns, 1);
    turns
}

/// Where a contestant stands.
fn place(turns: &Turns, name: &str) -> usize {
    turns.names().iter().position(|other| other == name).expect("it takes part")
}

fn main() {
    let mut findings = Findings::begin("ring", std::env::args().skip(1));
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let [main_core, .., worker_core] = cores[..] else {
        findings.skip("two cores are needed: SKIPPED");
        return findings.finish();
    };
    core_affinity::set_for_current(main_core);
    let worker = Worker::new(worker_core);
    let length = if findings.quick { (5, Duration::from_millis(5)) } else { (15, Duration::from_millis(50)) };

    let turns = compare(&mut findings, "hop, 64 B, half of a round trip", &worker, &hops(), length);
    let [disruptor, rtrb, nexus] = ["disruptor", "rtrb", "nexus-queue"].map(|name| place(&turns, name));
    for what in ["ring", "ring, answer in place", "spsc"] {
        let ours = place(&turns, what);
        let best = turns.figure(|times| times[ours] / times[rtrb].min(times[nexus]));
        findings.found(1, "÷ floor", what, Sense::Less, turns.ratio(ours, 0), &turns);
        findings.found(2, "÷ disruptor", what, Sense::Less, turns.ratio(ours, disruptor), &turns);
        findings.found(2, "÷ best of rtrb, nexus-queue", what, Sense::Less, best, &turns);
    }

    let turns = compare(&mut findings, "throughput, 64 B, one by one", &worker, &bulks(1), length);
    let [rtrb, array] = ["rtrb", "crossbeam ArrayQueue"].map(|name| place(&turns, name));
    for what in ["ring", "spsc"] {
        let ours = place(&turns, what);
        findings.found(3, "÷ rtrb", what, Sense::More, turns.ratio(rtrb, ours), &turns);
        findings.found(3, "÷ crossbeam ArrayQueue", what, Sense::More, turns.ratio(array, ours), &turns);
    }

    let turns = compare(&mut findings, "throughput, 64 B, batches of 32", &worker, &bulks(BATCH), length);
    let [rtrb, disruptor] = ["rtrb", "disruptor"].map(|name| place(&turns, name));
    for what in ["ring", "spsc"] {
        let ours = place(&turns, what);
        let best = turns.figure(|times| times[rtrb].min(times[disruptor]) / times[ours]);
        findings.found(4, "÷ best rival's batches", what, Sense::More, best, &turns);
    }
    findings.finish();
}
