//! The ends of the ring, of the queue and of their rivals, each at its best way, for `benches/ring`.

use bytemuck::{Pod, Zeroable};
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use disruptor::{EventPoller, Producer as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tickpath::ring::builder::RingBuilder;
use tickpath::ring::lane::{Lane, Producer};
use tickpath::ring::section::{Section, SectionSpec};
use tickpath::ring::spsc;

/// Slots of every contestant.
pub const CAPACITY: usize = 1024;

/// One item.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Item([u64; 8]);

impl Item {
    #[inline(always)]
    pub fn new(n: u64) -> Self {
        Self([n, n ^ 1, n ^ 2, n ^ 3, n ^ 4, n ^ 5, n ^ 6, n ^ 7])
    }

    /// Reads all of it; gives back what it was made of.
    #[inline(always)]
    pub fn n(&self) -> u64 {
        let check = self.0.iter().fold(0, |sum, word| sum ^ word);
        self.0[0] ^ check
    }
}

/// The end that sends item `n`.
pub trait Tx: Send + 'static {
    fn send(&mut self, n: u64) -> bool;
    /// Sends up to `max` items from `n` on.
    fn send_many(&mut self, n: u64, _max: u64) -> u64 {
        u64::from(self.send(n))
    }
}

/// The end that receives them.
pub trait Rx: Send + 'static {
    fn recv(&mut self) -> Option<u64>;
    /// Takes up to `max` items.
    fn recv_many(&mut self, _max: u64, mut f: impl FnMut(u64)) -> u64 {
        self.recv().map_or(0, |n| {
            f(n);
            1
        })
    }
}

/// An item, and the answer to it in the same slot.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct Slot {
    pub item: Padded,
    pub answer: Padded,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct Padded(pub Item, pub [u64; 8]);

impl Section for Padded {
    type Slot = Slot;
    const ID: u8 = 0;
    const OFFSET: usize = core::mem::offset_of!(Slot, item);
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Answer(pub Padded);

impl Section for Answer {
    type Slot = Slot;
    const ID: u8 = 1;
    const OFFSET: usize = core::mem::offset_of!(Slot, answer);
}

/// A slot that is one item and nothing else.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Packed(pub Item);

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

pub fn ring() -> (Producer<Packed>, Lane<Packed>) {
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

pub type DisruptorTx = disruptor::SingleProducer<Item, disruptor::SingleConsumerBarrier>;
pub type DisruptorRx = EventPoller<Item, disruptor::SingleProducerBarrier>;

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

pub fn disruptor_link() -> (DisruptorTx, DisruptorRx) {
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

pub fn array_queue() -> (Arc<ArrayQueue<Item>>, Arc<ArrayQueue<Item>>) {
    let queue = Arc::new(ArrayQueue::new(CAPACITY));
    (Arc::clone(&queue), queue)
}

impl Tx for nexus_queue::spsc::Producer<Item> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.push(Item::new(n)).is_ok()
    }
}

impl Rx for nexus_queue::spsc::Consumer<Item> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.pop().map(|item| item.n())
    }
}

impl Tx for crossbeam::channel::Sender<Item> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.try_send(Item::new(n)).is_ok()
    }
}

impl Rx for crossbeam::channel::Receiver<Item> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.try_recv().ok().map(|item| item.n())
    }
}

impl Tx for tokio::sync::mpsc::Sender<Item> {
    #[inline(always)]
    fn send(&mut self, n: u64) -> bool {
        self.try_send(Item::new(n)).is_ok()
    }
}

impl Rx for tokio::sync::mpsc::Receiver<Item> {
    #[inline(always)]
    fn recv(&mut self) -> Option<u64> {
        self.try_recv().ok().map(|item| item.n())
    }
}

/// One cache line that one side stores to and the other loads: what no hop can be faster than.
pub struct Line(Arc<CachePadded<AtomicU64>>, u64);

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

pub fn line() -> (Line, Line) {
    let line = Arc::new(CachePadded::new(AtomicU64::new(0)));
    (Line(Arc::clone(&line), 0), Line(line, 0))
}
