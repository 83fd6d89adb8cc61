//! Hot: the ring and the queue on real threads.

use super::{Word, Words};
use crate::ring::builder::RingBuilder;
use crate::ring::lane::Lane;
use crate::ring::section::SectionSpec;
use crate::ring::spsc;
use crate::ring::wait::{WaitStrategy, Waiter};
use std::thread;

const ITEMS: u64 = if cfg!(miri) { 200 } else { 1_000_000 };

/// Runs `f` on every slot up to `ITEMS`, at most `max` at a time.
fn work(mut lane: Lane<Words>, max: u64, mut f: impl FnMut(&mut crate::ring::lane::SlotMut<'_, Words>)) {
    let mut waiter = Waiter::new(WaitStrategy::SpinYield);
    while lane.sequence() < ITEMS {
        if lane.advance(max, &mut f) == 0 {
            waiter.idle();
        } else {
            waiter.reset();
        }
    }
}

#[test]
fn a_million_slots_through_three_lanes() {
    let mut builder = RingBuilder::<Words>::new(if cfg!(miri) { 8 } else { 1024 }).unwrap();
    let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let a = builder.lane("a", &[p], &[SectionSpec::of::<Word<1>>()]);
    let b = builder.lane("b", &[a], &[SectionSpec::of::<Word<2>>(), SectionSpec::of::<Word<3>>()]);
    let c = builder.lane("c", &[b], &[]);
    let mut built = builder.build().unwrap();
    let mut producer = built.take_producer();
    let [a, b, c] = [a, b, c].map(|lane| built.take_lane(lane).unwrap());
    let (sum, last) = thread::scope(|scope| {
        scope.spawn(move || {
            work(a, 256, |slot| {
                let (view, word) = slot.split::<Word<1>>();
                word.0 = view.read::<Word<0>>().0 * 3;
            });
        });
        scope.spawn(move || {
            work(b, 7, |slot| {
                let (view, word) = slot.split::<Word<2>>();
                word.0 = view.read::<Word<1>>().0 + view.read::<Word<0>>().0;
                let (view, word) = slot.split::<Word<3>>();
                word.0 = view.read::<Word<2>>().0 ^ view.read::<Word<1>>().0;
            });
        });
        let reader = scope.spawn(move || {
            let (mut sum, mut last) = (0u64, 0);
            work(c, 64, |slot| {
                let n = slot.sequence();
                assert_eq!(n, last + 1, "in order, none left out");
                last = n;
                let x = n * 5 + 1;
                assert_eq!(slot.whole()[..4], [x, x * 3, x * 4, (x * 4) ^ (x * 3)]);
                sum += x;
            });
            (sum, last)
        });
        let mut waiter = Waiter::new(WaitStrategy::SpinYield);
        while producer.next_sequence() <= ITEMS {
            let left = ITEMS + 1 - producer.next_sequence();
            // Now one by one, now in batches.
            let n = if producer.next_sequence() % 1000 < 100 {
                u64::from(producer.try_publish(|slot| slot.write::<Word<0>>().0 = slot.sequence() * 5 + 1))
            } else {
                producer.publish_many(left.min(32), |slot| slot.write::<Word<0>>().0 = slot.sequence() * 5 + 1)
            };
            if n == 0 { waiter.idle() } else { waiter.reset() }
        }
        reader.join().expect("the reader")
    });
    assert_eq!((sum, last), (ITEMS * (ITEMS + 1) / 2 * 5 + ITEMS, ITEMS));
    assert_eq!(built.cursor(p).get(), ITEMS);
}

#[test]
fn a_diamond_sees_both_sides() {
    let items = ITEMS / 10;
    let mut builder = RingBuilder::<Words>::new(if cfg!(miri) { 2 } else { 64 }).unwrap();
    let p = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let left = builder.lane("left", &[p], &[SectionSpec::of::<Word<1>>()]);
    let right = builder.lane("right", &[p], &[SectionSpec::of::<Word<2>>()]);
    let join = builder.lane("join", &[left, right], &[]);
    let mut built = builder.build().unwrap();
    let mut producer = built.take_producer();
    let [mut left, mut right, mut join] = [left, right, join].map(|lane| built.take_lane(lane).unwrap());
    thread::scope(|scope| {
        scope.spawn(move || {
            while left.sequence() < items {
                if left.advance(16, |slot| slot.write::<Word<1>>().0 = slot.read::<Word<0>>().0 + 1) == 0 {
                    thread::yield_now();
                }
            }
        });
        scope.spawn(move || {
            while right.sequence() < items {
                if right.advance(5, |slot| slot.write::<Word<2>>().0 = slot.read::<Word<0>>().0 + 2) == 0 {
                    thread::yield_now();
                }
            }
        });
        scope.spawn(move || {
            while join.sequence() < items {
                let n = join.advance(64, |slot| {
                    let n = slot.sequence();
                    assert_eq!(slot.whole()[..3], [n, n + 1, n + 2]);
                });
                if n == 0 {
                    thread::yield_now();
                }
            }
        });
        while producer.next_sequence() <= items {
            if !producer.try_publish(|slot| slot.write::<Word<0>>().0 = slot.sequence()) {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn a_million_items_through_a_queue() {
    for (capacity, batch) in [(1024, 32), (3, 2)] {
        let items = if capacity == 3 { ITEMS / 10 } else { ITEMS };
        let (mut sender, mut receiver) = spsc::channel::<Box<u64>>(capacity);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut waiter = Waiter::new(WaitStrategy::SpinYield);
                for n in 0..items {
                    let mut item = Box::new(n);
                    while let Err(back) = sender.try_send(item) {
                        item = back;
                        waiter.idle();
                    }
                    waiter.reset();
                }
            });
            let mut waiter = Waiter::new(WaitStrategy::SpinYield);
            let mut expected = 0;
            loop {
                let closed = receiver.is_closed();
                let mut n = receiver.drain(batch, |item| {
                    assert_eq!(*item, expected);
                    expected += 1;
                });
                if let Some(item) = receiver.try_recv() {
                    assert_eq!(*item, expected);
                    expected += 1;
                    n += 1;
                }
                if n > 0 {
                    waiter.reset();
                } else if closed {
                    break;
                } else {
                    waiter.idle();
                }
            }
            assert_eq!(expected, items);
        });
    }
}
