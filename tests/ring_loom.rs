//! The ring and the queue under loom, which runs every interleaving (up to a bound on preemptions where that would take
//! for ever) and every value that the memory model lets a load return. It also checks that each access to a section
//! happens after the one before it, since the ring keeps a loom cell for each section and slot.
//!
//! ```text
//! RUSTFLAGS="--cfg ring_loom" cargo test --profile loom --no-default-features --test ring_loom --target-dir target/loom
//! ```
#![cfg(ring_loom)]

use bytemuck::{Pod, Zeroable};
use loom::thread;
use tickpath::ring::builder::{Built, LaneId, RingBuilder};
use tickpath::ring::lane::{Lane, Producer, SlotMut};
use tickpath::ring::section::{Section, SectionSpec};
use tickpath::ring::spsc;

type Words = [u64; 4];

/// Word `I` of the slot.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Word<const I: usize>(u64);

impl<const I: usize> Section for Word<I> {
    type Slot = Words;
    const ID: u8 = I as u8;
    const OFFSET: usize = I * 8;
}

/// Runs `f` in all interleavings with at most `preemptions` (`None` = any number), and says how many there were.
fn model(name: &str, preemptions: Option<usize>, f: impl Fn() + Send + Sync + 'static) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    let runs = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&runs);
    let started = std::time::Instant::now();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        f();
    });
    let runs = runs.load(Relaxed);
    println!(
        "{name}: {runs} interleavings in {:.1} s, preemption bound {preemptions:?}",
        started.elapsed().as_secs_f64()
    );
}

/// Publishes items until sequence `items` is out; item n is n × 10.
fn produce(producer: &mut Producer<Words>, items: u64) {
    while producer.next_sequence() <= items {
        if !producer.try_publish(|slot| slot.write::<Word<0>>().0 = slot.sequence() * 10) {
            thread::yield_now();
        }
    }
}

/// Advances `lane` to sequence `items`.
fn consume(mut lane: Lane<Words>, items: u64, mut f: impl FnMut(&mut SlotMut<'_, Words>)) {
    let mut expected = 1;
    while lane.sequence() < items {
        let n = lane.advance(2, |slot| {
            assert_eq!(slot.sequence(), expected);
            expected += 1;
            f(slot);
        });
        if n == 0 {
            thread::yield_now();
        }
    }
}

fn take<const N: usize>(built: &mut Built<Words>, ids: [LaneId; N]) -> [Lane<Words>; N] {
    ids.map(|id| built.take_lane(id).expect("a lane"))
}

/// Producer and one reader.
fn one_lane(capacity: u64, items: u64) {
    let mut builder = RingBuilder::<Words>::new(capacity).expect("capacity");
    let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let a = builder.lane("a", &[p], &[]);
    let mut built = builder.build().expect("plan");
    let mut producer = built.take_producer();
    let [lane] = take(&mut built, [a]);
    let reader = thread::spawn(move || {
        consume(lane, items, |slot| assert_eq!(slot.whole(), &[slot.sequence() * 10, 0, 0, 0]));
    });
    produce(&mut producer, items);
    reader.join().expect("the reader");
}

#[test]
fn ring_one_lane() {
    model("producer → lane, capacity 2, 2 items", None, || one_lane(2, 2));
}

#[test]
fn ring_wraps_at_capacity_2() {
    model("producer → lane, capacity 2, 5 items", Some(3), || one_lane(2, 5));
}

#[test]
fn ring_wraps_at_capacity_1() {
    model("producer → lane, capacity 1, 4 items", Some(4), || one_lane(1, 4));
}

#[test]
fn ring_publishes_a_batch() {
    model("batches of 2 → lane, capacity 2, 4 items", None, || {
        let mut builder = RingBuilder::<Words>::new(2).expect("capacity");
        let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
        let a = builder.lane("a", &[p], &[SectionSpec::of::<Word<1>>()]);
        let mut built = builder.build().expect("plan");
        let mut producer = built.take_producer();
        let [lane] = take(&mut built, [a]);
        let reader = thread::spawn(move || {
            consume(lane, 4, |slot| {
                let (view, word) = slot.split::<Word<1>>();
                word.0 = view.read::<Word<0>>().0;
                assert_eq!(slot.read::<Word<1>>().0, slot.sequence() * 10);
            });
        });
        while producer.next_sequence() <= 4 {
            let left = 5 - producer.next_sequence();
            if producer.publish_many(left.min(2), |slot| slot.write::<Word<0>>().0 = slot.sequence() * 10) == 0 {
                thread::yield_now();
            }
        }
        reader.join().expect("the reader");
    });
}

/// What a lane does with a slot.
type Work = fn(&mut SlotMut<'_, Words>);

/// Runs `lane` once, and checks the order.
fn turn(lane: &mut Lane<Words>, work: Work) {
    let mut expected = lane.sequence() + 1;
    lane.advance(2, |slot| {
        assert_eq!(slot.sequence(), expected);
        expected += 1;
        work(slot);
    });
}

/// Several lanes that spin for each other are too much for loom. So each thread tries a few times, whether there is work
/// or not, and gives up; what is left then is done on one thread.
fn race<const N: usize>(mut producer: Producer<Words>, items: u64, turns: usize, lanes: [(Lane<Words>, Work); N]) {
    let threads = lanes.map(|(mut lane, work)| {
        thread::spawn(move || {
            (0..turns).for_each(|_| turn(&mut lane, work));
            (lane, work)
        })
    });
    let publish = |producer: &mut Producer<Words>| {
        producer.next_sequence() <= items
            && producer.try_publish(|slot| slot.write::<Word<0>>().0 = slot.sequence() * 10)
    };
    for _ in 0..items {
        publish(&mut producer);
    }
    let mut lanes = threads.map(|thread| thread.join().expect("a lane"));
    for _ in 0..items {
        while publish(&mut producer) {}
        for (lane, work) in &mut lanes {
            turn(lane, *work);
        }
    }
    assert_eq!(producer.free(), producer.capacity());
    assert!(lanes.iter().all(|(lane, _)| lane.sequence() == items));
}

/// Producer → a → b: b reads what both wrote, and the producer waits for b alone.
fn chain(capacity: u64, items: u64, turns: usize) {
    let mut builder = RingBuilder::<Words>::new(capacity).expect("capacity");
    let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let a = builder.lane("a", &[p], &[SectionSpec::of::<Word<1>>()]);
    let b = builder.lane("b", &[a], &[SectionSpec::of::<Word<2>>()]);
    let mut built = builder.build().expect("plan");
    let producer = built.take_producer();
    let [a, b] = take(&mut built, [a, b]);
    let work_a: Work = |slot| {
        let (view, word) = slot.split::<Word<1>>();
        word.0 = view.read::<Word<0>>().0 + 1;
    };
    let work_b: Work = |slot| {
        let n = slot.sequence() * 10;
        slot.write::<Word<2>>().0 = 7;
        assert_eq!(slot.whole(), &[n, n + 1, 7, 0]);
    };
    race(producer, items, turns, [(a, work_a), (b, work_b)]);
}

#[test]
fn ring_two_lanes_in_a_chain() {
    model("producer → a → b, capacity 2, 2 items, 2 turns", None, || chain(2, 2, 2));
}

#[test]
fn ring_two_lanes_in_a_chain_wrap() {
    model("producer → a → b, capacity 2, 5 items, 4 turns", Some(3), || chain(2, 5, 4));
}

/// Producer → left and right → join.
fn diamond(capacity: u64, items: u64, turns: usize) {
    let mut builder = RingBuilder::<Words>::new(capacity).expect("capacity");
    let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let left = builder.lane("left", &[p], &[SectionSpec::of::<Word<1>>()]);
    let right = builder.lane("right", &[p], &[SectionSpec::of::<Word<2>>()]);
    let join = builder.lane("join", &[left, right], &[]);
    let mut built = builder.build().expect("plan");
    let producer = built.take_producer();
    let [left, right, join] = take(&mut built, [left, right, join]);
    let work_left: Work = |slot| slot.write::<Word<1>>().0 = slot.read::<Word<0>>().0 + 1;
    let work_right: Work = |slot| slot.write::<Word<2>>().0 = slot.read::<Word<0>>().0 + 2;
    let work_join: Work = |slot| {
        let n = slot.sequence() * 10;
        assert_eq!(slot.whole(), &[n, n + 1, n + 2, 0]);
    };
    race(producer, items, turns, [(left, work_left), (right, work_right), (join, work_join)]);
}

#[test]
fn ring_diamond() {
    model("producer → (left, right) → join, capacity 2, 2 items, 2 turns", Some(3), || diamond(2, 2, 2));
}

#[test]
fn ring_diamond_wraps() {
    model("producer → (left, right) → join, capacity 1, 3 items, 3 turns", Some(2), || diamond(1, 3, 3));
}

/// Sends `items` boxes; the receiver takes all but `left` of them.
fn queue(capacity: usize, items: u64, left: u64) {
    let alive = std::sync::Arc::new(());
    let (mut sender, mut receiver) = spsc::channel(capacity);
    let witness = alive.clone();
    let thread = thread::spawn(move || {
        for n in 0..items {
            let mut item = (n, witness.clone());
            while let Err(back) = sender.try_send(item) {
                item = back;
                thread::yield_now();
            }
        }
    });
    let mut next = 0;
    while next < items - left {
        match receiver.try_recv() {
            Some((n, _)) => {
                assert_eq!(n, next);
                next += 1;
            }
            None => thread::yield_now(),
        }
    }
    if left == 0 {
        thread.join().expect("the sender");
        assert!(receiver.is_closed() && receiver.try_recv().is_none());
    } else {
        // The sender may still be at work when the receiver goes.
        drop(receiver);
        thread.join().expect("the sender");
    }
    assert_eq!(std::sync::Arc::strong_count(&alive), 1, "each item was dropped once");
}

#[test]
fn queue_of_1() {
    model("queue of 1, 3 items", None, || queue(1, 3, 0));
}

#[test]
fn queue_of_2() {
    model("queue of 2, 3 items", None, || queue(2, 3, 0));
    model("queue of 2, 5 items", Some(3), || queue(2, 5, 0));
}

#[test]
fn queue_of_2_with_leftovers() {
    model("queue of 2, 3 items, 2 left behind", None, || queue(2, 3, 2));
    model("queue of 1, 2 items, 1 left behind", None, || queue(1, 2, 1));
}

#[test]
fn queue_drained_in_batches() {
    model("queue of 2, 4 items, drained by 2", Some(3), || {
        let (mut sender, mut receiver) = spsc::channel(2);
        let thread = thread::spawn(move || {
            for n in 0..4 {
                while sender.try_send(Box::new(n)).is_err() {
                    thread::yield_now();
                }
            }
        });
        let mut next = 0;
        loop {
            let closed = receiver.is_closed();
            let n = receiver.drain(2, |n| {
                assert_eq!(*n, next);
                next += 1;
            });
            if n == 0 && closed {
                break;
            }
            if n == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(next, 4, "once the sender is gone, all that it sent is there");
        thread.join().expect("the sender");
    });
}
