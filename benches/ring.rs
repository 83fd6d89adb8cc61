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
//! `cargo bench --bench ring -- [--quick]`

use bytemuck::{Pod, Zeroable};
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use disruptor::{EventPoller, Producer as _};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tickpath::ring::builder::RingBuilder;
use tickpath::ring::lane::{Lane, Producer};
use tickpath::ring::section::{Section, SectionSpec};
use tickpath::ring::spsc;

/// Slots of every contestant.
const CAPACITY: usize = 1024;
/// Items of a batch.
const BATCH: u64 = 32;
/// Round trips, or items, between two looks at the clock.
const STRETCH: [u64; 3] = [32, 4096, 4096];

/// One item.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Item([u64; 8]);

impl Item {
    #[inline(always)]
    fn new(n: u64) -> Self {
        Self([n, n ^ 1, n ^ 2, n ^ 3, n ^ 4, n ^ 5, n ^ 6, n ^ 7])
    }

    /// Reads all of it; gives back what it was made of.
    #[inline(always)]
    fn n(&self) -> u64 {
        let check = self.0.iter().fold(0, |sum, word| sum ^ word);
        self.0[0] ^ check
    }
}

/// The end that sends item `n`.
trait Tx: Send + 'static {
    fn send(&mut self, n: u64) -> bool;
    /// Sends up to `max` items from `n` on.
    fn send_many(&mut self, n: u64, _max: u64) -> u64 {
        u64::from(self.send(n))
    }
}

/// The end that receives them.
trait Rx: Send + 'static {
    fn recv(&mut self) -> Option<u64>;
    /// Takes up to `max` items.
    fn recv_many(&mut self, _max: u64, mut f: impl FnMut(u64)) -> u64 {
        self.recv().map_or(0, |n| {
            f(n);
            1
        })
    }
}

// ---- contestants ----

/// An item, and the answer to it in the same slot.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
struct Slot {
    item: Padded,
    answer: Padded,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
struct Padded(Item, [u64; 8]);

impl Section for Padded {
    type Slot = Slot;
    const ID: u8 = 0;
    const OFFSET: usize = core::mem::offset_of!(Slot, item);
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Answer(Padded);

impl Section for Answer {
    type Slot = Slot;
    const ID: u8 = 1;
    const OFFSET: usize = core::mem::offset_of!(Slot, answer);
}

/// A slot that is one item and nothing else.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Packed(Item);

impl Section for Packed {
    type Slot = Packed;
    const ID: u8 = 0;
    const OFFSET: usize = 0;
}

impl Tx for Producer<Packed> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.try_publish(|slot| slot.write::<Packed>().0 = Item::new(n))
    }

    #[inline(always)]
    fn send_many(&mut self, mut n: u64, max: u64) -> u64 {
        self.publish_many(max, |slot| {
            slot.write::<Packed>().0 = Item::new(n);
            n += 1;
        })
    }
}

impl Rx for Lane<Packed> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        let mut n = None;
        self.advance(1, |slot| n = Some(slot.read::<Packed>().0.n()));
        n
    }

    #[inline(always)]
    fn recv_many(&mut self, max: u64, mut f: impl FnMut(u64)) -> u64 {
        self.advance(max, |slot| f(slot.read::<Packed>().0.n()))
    }
}

fn ring() -> (Producer<Packed>, Lane<Packed>) {
    let mut builder = RingBuilder::new(CAPACITY as u64).expect("capacity");
    let producer = builder.producer("producer", &[SectionSpec::of::<Packed>()]);
    let lane = builder.lane("lane", &[producer], &[]);
    let mut built = builder.build().expect("plan");
    (built.take_producer(), built.take_lane(lane).expect("lane"))
}

impl Tx for spsc::Sender<Item> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.try_send(Item::new(n)).is_ok()
    }
}

impl Rx for spsc::Receiver<Item> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.try_recv().map(|item| item.n())
    }

    #[inline(always)]
    fn recv_many(&mut self, max: u64, mut f: impl FnMut(u64)) -> u64 {
        self.drain(max as usize, |item| f(item.n())) as u64
    }
}

impl Tx for rtrb::Producer<Item> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.push(Item::new(n)).is_ok()
    }

    #[inline(always)]
    fn send_many(&mut self, n: u64, max: u64) -> u64 {
        let Ok(chunk) = self.write_chunk_uninit(max as usize) else { return 0 };
        chunk.fill_from_iter((n..n + max).map(Item::new)) as u64
    }
}

impl Rx for rtrb::Consumer<Item> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.pop().ok().map(|item| item.n())
    }

    #[inline(always)]
    fn recv_many(&mut self, max: u64, mut f: impl FnMut(u64)) -> u64 {
        let n = self.slots().min(max as usize);
        let Ok(chunk) = self.read_chunk(n) else { return 0 };
        let (first, second) = chunk.as_slices();
        first.iter().chain(second).for_each(|item| f(item.n()));
        chunk.commit_all();
        n as u64
    }
}

type DisruptorTx = disruptor::SingleProducer<Item, disruptor::SingleConsumerBarrier>;
type DisruptorRx = EventPoller<Item, disruptor::SingleProducerBarrier>;

impl Tx for DisruptorTx {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.try_publish(|item| *item = Item::new(n)).is_ok()
    }

    #[inline(always)]
    fn send_many(&mut self, n: u64, max: u64) -> u64 {
        let sent = self.try_batch_publish(max as usize, |items| {
            items.zip(n..).for_each(|(item, n)| *item = Item::new(n));
        });
        sent.map_or(0, |_| max)
    }
}

impl Rx for DisruptorRx {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        let mut guard = self.take(1).ok()?;
        (&mut guard).next().map(Item::n)
    }

    #[inline(always)]
    fn recv_many(&mut self, max: u64, mut f: impl FnMut(u64)) -> u64 {
        let Ok(mut guard) = self.take(max) else { return 0 };
        let mut n = 0;
        for item in &mut guard {
            f(item.n());
            n += 1;
        }
        n
    }
}

fn disruptor_link() -> (DisruptorTx, DisruptorRx) {
    let builder = disruptor::build_single_producer(CAPACITY, || Item::new(0), disruptor::BusySpin);
    let (poller, builder) = builder.new_event_poller();
    (builder.build(), poller)
}

impl Tx for Arc<ArrayQueue<Item>> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.push(Item::new(n)).is_ok()
    }
}

impl Rx for Arc<ArrayQueue<Item>> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.pop().map(|item| item.n())
    }
}

fn array_queue() -> (Arc<ArrayQueue<Item>>, Arc<ArrayQueue<Item>>) {
    let queue = Arc::new(ArrayQueue::new(CAPACITY));
    (Arc::clone(&queue), queue)
}

/// One cache line that one side stores to and the other loads: what no hop can be faster than.
struct Line(Arc<CachePadded<AtomicU64>>, u64);

impl Tx for Line {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.0.store(n + 1, Ordering::Release);
        true
    }
}

impl Rx for Line {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        let seen = self.0.load(Ordering::Acquire);
        (seen != self.1).then(|| {
            self.1 = seen;
            seen - 1
        })
    }
}

fn line() -> (Line, Line) {
    let line = Arc::new(CachePadded::new(AtomicU64::new(0)));
    (Line(Arc::clone(&line), 0), Line(line, 0))
}

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
        ("crossbeam ArrayQueue", Box::new(|w, t| hop(w, t, array_queue))),
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
        all.push(("crossbeam ArrayQueue", Box::new(move |w, t| bulk(w, t, array_queue, max))));
    }
    all
}

/// The value at `share` of the sorted `values`.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// Runs `rounds` rounds and prints the table. Contestant 0 is the floor, 1 our ring.
fn compare(title: &str, unit: &str, worker: &Worker, contestants: &[(&str, Measure)], rounds: usize, block: Duration) {
    let count = contestants.len();
    let mut kept: Vec<Vec<f64>> = Vec::new();
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
        kept.push(blocks.iter().map(|[there, back]| there.min(*back)).collect());
    }
    let mut floors: Vec<f64> = kept.iter().map(|round| round[0]).collect();
    let floor = quantile(&mut floors, 0.5);
    kept.retain(|round| (round[0] / floor).max(floor / round[0]) <= 1.2);
    println!("\n{title}: {} rounds, {} dropped (floor moved), blocks of {block:?}", kept.len(), rounds - kept.len());
    println!("{:<24} {unit:>9}   {:<28} ÷ ring", "", "÷ floor  median [p10, p90]");
    for (i, (name, _)) in contestants.iter().enumerate() {
        let column = |base: Option<usize>| {
            let mut values: Vec<f64> = kept.iter().map(|round| round[i] / base.map_or(1.0, |b| round[b])).collect();
            [0.5, 0.1, 0.9].map(|share| quantile(&mut values, share))
        };
        let ([ns, ..], floor, ring) = (column(None), column(Some(0)), column(Some(1)));
        let interval = |[median, low, high]: [f64; 3]| format!("{median:.3} [{low:.3}, {high:.3}]");
        println!("{name:<24} {ns:>9.2}   {:<28} {}", interval(floor), interval(ring));
    }
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let [main_core, .., worker_core] = cores[..] else {
        println!("two cores are needed: skipped");
        return;
    };
    core_affinity::set_for_current(main_core);
    let worker = Worker::new(worker_core);
    let (rounds, block) = if quick { (2, Duration::from_millis(5)) } else { (15, Duration::from_millis(50)) };
    compare("hop, 64 B, half of a round trip", "ns", &worker, &hops(), rounds, block);
    compare("throughput, 64 B, one by one", "ns/item", &worker, &bulks(1), rounds, block);
    compare("throughput, 64 B, batches of 32", "ns/item", &worker, &bulks(BATCH), rounds, block);
}
