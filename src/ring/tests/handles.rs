//! Hot: what a producer and a lane do, one call at a time.

use super::{Word, Words};
use crate::ring::builder::{Built, LaneId, RingBuilder};
use crate::ring::section::{Section, SectionSpec};
use bytemuck::{Pod, Zeroable};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Producer writes word 0, `a` word 1, `b` (after `a`) words 2 and 3, `side` (after `a`) word 4.
fn ring(capacity: u64, first: u64) -> (Built<Words>, [LaneId; 4]) {
    let mut builder = RingBuilder::<Words>::new(capacity).expect("capacity");
    builder.first_sequence(first);
    let producer = builder.producer("producer", &[SectionSpec::of::<Word<0>>()]);
    let a = builder.lane("a", &[producer], &[SectionSpec::of::<Word<1>>()]);
    let b = builder.lane("b", &[a], &[SectionSpec::of::<Word<2>>(), SectionSpec::of::<Word<3>>()]);
    let side = builder.lane("side", &[a], &[SectionSpec::of::<Word<4>>()]);
    (builder.build().expect("a sound plan"), [producer, a, b, side])
}

/// The message of the panic that `f` ends in.
fn panic_of(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("must panic");
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_default()
}

#[test]
fn a_slot_goes_from_lane_to_lane_in_place() {
    let (mut built, [p, a, b, side]) = ring(4, 1);
    let mut producer = built.take_producer();
    let (mut la, mut lb, mut ls) =
        (built.take_lane(a).unwrap(), built.take_lane(b).unwrap(), built.take_lane(side).unwrap());
    assert!(built.take_lane(a).is_none() && built.take_lane(p).is_none(), "each handle once; the producer is no lane");

    assert_eq!((producer.capacity(), producer.free(), producer.next_sequence()), (4, 4, 1));
    assert!(producer.try_publish(|slot| {
        assert_eq!(slot.sequence(), 1);
        slot.write::<Word<0>>().0 = 10;
    }));
    assert_eq!((producer.free(), producer.next_sequence(), built.cursor(p).get()), (3, 2, 1));

    assert_eq!((lb.ready(), ls.ready(), la.ready()), (0, 0, 1));
    assert_eq!(lb.advance(9, |_| panic!("nothing is ready")), 0);
    assert_eq!(la.advance(0, |_| panic!("none asked for")), 0);
    let n = la.advance(9, |slot| {
        assert_eq!(slot.sequence(), 1);
        let (view, word) = slot.split::<Word<1>>();
        word.0 = view.read::<Word<0>>().0 + 1;
        assert_eq!(slot.read::<Word<1>>().0, 11, "a lane reads what it wrote");
    });
    assert_eq!((n, la.sequence(), built.cursor(a).get()), (1, 1, 1));

    // Two sections on one lane: each may look at the other, but not while it writes it.
    lb.advance(1, |slot| {
        let (view, two) = slot.split::<Word<2>>();
        two.0 = view.read::<Word<1>>().0 + 1;
        let (view, three) = slot.split::<Word<3>>();
        three.0 = view.read::<Word<2>>().0 + view.read::<Word<0>>().0;
    });
    assert_eq!(producer.free(), 3, "the other last lane has not been here");
    ls.advance(1, |slot| slot.write::<Word<4>>().0 = slot.read::<Word<1>>().0 * 2);
    assert_eq!(producer.free(), 4);

    // The next lap finds what was left there.
    assert_eq!(producer.publish_many(9, |slot| slot.write::<Word<0>>().0 = slot.sequence()), 4);
    assert_eq!(la.advance(9, |_| ()), 4);
    let mut left = Vec::new();
    lb.advance(9, |slot| left.push((slot.read::<Word<0>>().0, slot.read::<Word<2>>().0, slot.read::<Word<3>>().0)));
    assert_eq!(left, [(2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 12, 22)]);
}

#[test]
fn a_full_ring_takes_nothing() {
    for capacity in [1, 2, 8] {
        let (mut built, [_, a, b, side]) = ring(capacity, 1);
        let mut producer = built.take_producer();
        let mut lanes = [a, b, side].map(|lane| built.take_lane(lane).unwrap());
        assert_eq!(producer.publish_many(capacity + 3, |_| ()), capacity);
        assert_eq!((producer.free(), producer.has_free(1)), (0, false));
        assert!(!producer.try_publish(|_| panic!("there is no slot")));
        assert_eq!(producer.publish_many(5, |_| panic!("there is no slot")), 0);
        assert_eq!(producer.publish_many(0, |_| panic!("none asked for")), 0);
        for lane in &mut lanes {
            assert!(!producer.has_free(1), "the slowest lane counts");
            assert_eq!(lane.advance(1, |_| ()), 1);
        }
        assert!(producer.has_free(1) && !producer.has_free(2));
        assert!(producer.try_publish(|slot| assert_eq!(slot.sequence(), capacity + 1)));
    }
}

#[test]
fn sequences_go_on_after_a_restart() {
    let (mut built, [p, a, ..]) = ring(4, 1_000_001);
    let mut producer = built.take_producer();
    let mut lane = built.take_lane(a).unwrap();
    assert_eq!((built.cursor(p).get(), built.cursor(a).get(), lane.sequence()), (1_000_000, 1_000_000, 1_000_000));
    assert_eq!((producer.next_sequence(), producer.free(), lane.ready()), (1_000_001, 4, 0));
    assert_eq!(producer.publish_many(9, |_| ()), 4);
    let mut seen = Vec::new();
    lane.advance(3, |slot| seen.push(slot.sequence()));
    assert_eq!(seen, [1_000_001, 1_000_002, 1_000_003]);
}

#[test]
fn a_panic_keeps_the_slot_back() {
    let (mut built, [p, a, ..]) = ring(8, 1);
    let mut producer = built.take_producer();
    let mut lane = built.take_lane(a).unwrap();
    panic_of(|| {
        producer.try_publish(|_| panic!("in the producer"));
    });
    assert_eq!((producer.next_sequence(), built.cursor(p).get()), (1, 0));
    panic_of(|| {
        producer.publish_many(5, |slot| assert!(slot.sequence() < 4, "in a batch"));
    });
    assert_eq!((producer.next_sequence(), built.cursor(p).get()), (4, 3), "those before it are whole");

    let mut seen = Vec::new();
    panic_of(|| {
        lane.advance(9, |slot| {
            assert!(slot.sequence() < 2, "in a lane");
            seen.push(slot.sequence());
        });
    });
    assert_eq!((lane.sequence(), built.cursor(a).get()), (1, 1));
    lane.advance(9, |slot| seen.push(slot.sequence()));
    assert_eq!(seen, [1, 2, 3], "none twice, none left out");
}

#[test]
fn the_whole_slot_is_for_lanes_after_everything() {
    let mut builder = RingBuilder::<Words>::new(2).unwrap();
    let producer = builder.producer("producer", &[SectionSpec::of::<Word<0>>(), SectionSpec::of::<Word<7>>()]);
    let a = builder.lane("a", &[producer], &[SectionSpec::of::<Word<1>>()]);
    let journal = builder.lane("journal", &[a], &[]);
    let mut built = builder.build().unwrap();
    let mut producer = built.take_producer();
    let (mut a, mut journal) = (built.take_lane(a).unwrap(), built.take_lane(journal).unwrap());
    producer.try_publish(|slot| {
        slot.write::<Word<0>>().0 = 5;
        slot.write::<Word<7>>().0 = 7;
        let message = panic_of(|| _ = slot.whole());
        assert!(message.contains("`producer`"), "{message}");
    });
    a.advance(1, |slot| {
        slot.write::<Word<1>>().0 = 6;
        assert_eq!(slot.whole(), &[5, 6, 0, 0, 0, 0, 0, 7]);
    });
    journal.advance(1, |slot| assert_eq!(slot.whole(), &[5, 6, 0, 0, 0, 0, 0, 7]));
}

/// Has the same ID as `Word<0>`, and other bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Impostor([u64; 2]);

impl Section for Impostor {
    type Slot = Words;
    const ID: u8 = 0;
    const OFFSET: usize = 0;
}

#[test]
fn what_the_plan_does_not_allow_panics() {
    let (mut built, [_, a, b, side]) = ring(2, 1);
    let mut producer = built.take_producer();
    let (mut a, mut b, mut side) =
        (built.take_lane(a).unwrap(), built.take_lane(b).unwrap(), built.take_lane(side).unwrap());
    let check = |message: String, lane: &str, section: &str| {
        assert!(message.contains(&format!("lane `{lane}` may not")) && message.contains(section), "{message}");
    };
    producer.try_publish(|slot| {
        check(panic_of(|| _ = slot.read::<Word<1>>()), "producer", "Word<1>");
        check(panic_of(|| _ = slot.write::<Word<1>>()), "producer", "Word<1>");
        check(panic_of(|| _ = slot.write::<Impostor>()), "producer", "Impostor");
    });
    a.advance(1, |slot| {
        check(panic_of(|| _ = slot.read::<Impostor>()), "a", "Impostor");
        check(panic_of(|| _ = slot.read::<Word<2>>()), "a", "Word<2>");
        check(panic_of(|| _ = slot.read::<Word<5>>()), "a", "Word<5>");
        check(panic_of(|| _ = slot.write::<Word<0>>()), "a", "Word<0>");
        check(panic_of(|| _ = slot.split::<Word<1>>().0.read::<Word<1>>()), "a", "Word<1>");
        check(panic_of(|| _ = slot.split::<Word<1>>().0.read::<Word<2>>()), "a", "Word<2>");
    });
    b.advance(1, |slot| {
        let (view, _) = slot.split::<Word<3>>();
        check(panic_of(|| _ = view.read::<Word<3>>()), "b", "Word<3>");
        check(panic_of(|| _ = view.read::<Word<4>>()), "b", "Word<4>");
    });
    side.advance(1, |slot| check(panic_of(|| _ = slot.read::<Word<2>>()), "side", "Word<2>"));
}
