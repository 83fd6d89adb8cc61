//! Hot: random graphs of lanes and random interleavings on one thread, against queues that anybody can follow.

use super::{Word, Words};
use crate::ring::builder::RingBuilder;
use crate::ring::lane::{Lane, Producer, SlotMut};
use crate::ring::section::SectionSpec;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Lanes after the producer.
const LANES: usize = 4;

fn spec(i: usize) -> SectionSpec {
    [
        SectionSpec::of::<Word<0>>(),
        SectionSpec::of::<Word<1>>(),
        SectionSpec::of::<Word<2>>(),
        SectionSpec::of::<Word<3>>(),
        SectionSpec::of::<Word<4>>(),
    ][i]
}

fn read(slot: &SlotMut<'_, Words>, i: usize) -> u64 {
    match i {
        0 => slot.read::<Word<0>>().0,
        1 => slot.read::<Word<1>>().0,
        2 => slot.read::<Word<2>>().0,
        3 => slot.read::<Word<3>>().0,
        _ => slot.read::<Word<4>>().0,
    }
}

fn write(slot: &mut SlotMut<'_, Words>, i: usize, value: u64) {
    match i {
        0 => slot.write::<Word<0>>().0 = value,
        1 => slot.write::<Word<1>>().0 = value,
        2 => slot.write::<Word<2>>().0 = value,
        3 => slot.write::<Word<3>>().0 = value,
        _ => slot.write::<Word<4>>().0 = value,
    }
}

/// What node `i` makes of the values of those that it comes after.
fn combine(i: usize, sequence: u64, inputs: impl Iterator<Item = u64>) -> u64 {
    inputs.fold(sequence.wrapping_mul(31) + i as u64, |sum, value| sum.rotate_left(7) ^ value)
}

/// The oracle: a queue of (sequence, value) on each edge, and the slots in flight with the number of lanes to come.
struct Oracle {
    after: Vec<Vec<usize>>,
    /// `edges[from][to]`.
    edges: Vec<Vec<VecDeque<(u64, u64)>>>,
    in_flight: VecDeque<usize>,
    completed: Vec<u64>,
    capacity: usize,
    first: u64,
}

impl Oracle {
    fn emit(&mut self, from: usize, sequence: u64, value: u64) {
        for to in 0..self.after.len() {
            if self.after[to].contains(&from) {
                self.edges[from][to].push_back((sequence, value));
            }
        }
    }

    /// The next slot, if there is room.
    fn publish(&mut self) -> Option<u64> {
        if self.in_flight.len() == self.capacity {
            return None;
        }
        self.in_flight.push_back(self.after.len() - 1);
        let sequence = self.first + self.completed[0];
        self.completed[0] += 1;
        let value = combine(0, sequence, std::iter::empty());
        self.emit(0, sequence, value);
        Some(sequence)
    }

    /// The next slot of `lane`, with the value that it must come to.
    fn advance(&mut self, lane: usize) -> Option<(u64, u64)> {
        let from = self.after[lane].clone();
        if from.iter().any(|&from| self.edges[from][lane].is_empty()) {
            return None;
        }
        let inputs: Vec<_> = from.iter().filter_map(|&from| self.edges[from][lane].pop_front()).collect();
        let sequence = inputs[0].0;
        assert!(inputs.iter().all(|input| input.0 == sequence), "edges run together");
        let value = combine(lane, sequence, inputs.iter().map(|input| input.1));
        self.completed[lane] += 1;
        self.emit(lane, sequence, value);
        let oldest = self.first + self.completed[0] - self.in_flight.len() as u64;
        self.in_flight[(sequence - oldest) as usize] -= 1;
        while self.in_flight.front() == Some(&0) {
            self.in_flight.pop_front();
        }
        Some((sequence, value))
    }
}

/// One thing to do: `who` 0 publishes, another advances; `max` slots at most.
type Step = (usize, u64);

fn run(capacity_log2: u32, first: u64, after: &[Vec<usize>], steps: &[Step]) {
    let capacity = 1u64 << capacity_log2;
    let mut builder = RingBuilder::<Words>::new(capacity).unwrap();
    builder.first_sequence(first);
    let mut ids = vec![builder.producer("p", &[spec(0)])];
    for (lane, after) in after.iter().enumerate().skip(1) {
        let before: Vec<_> = after.iter().map(|&i| ids[i]).collect();
        ids.push(builder.lane("lane", &before, &[spec(lane)]));
    }
    let mut built = builder.build().unwrap();
    let mut producer: Producer<Words> = built.take_producer();
    let mut lanes: Vec<Lane<Words>> = ids[1..].iter().map(|&id| built.take_lane(id).unwrap()).collect();
    let mut oracle = Oracle {
        after: after.to_vec(),
        edges: vec![vec![VecDeque::new(); after.len()]; after.len()],
        in_flight: VecDeque::new(),
        completed: vec![0; after.len()],
        capacity: capacity as usize,
        first,
    };
    for &(who, max) in steps {
        if who == 0 {
            let fill = |slot: &mut SlotMut<'_, Words>| {
                let value = combine(0, slot.sequence(), std::iter::empty());
                write(slot, 0, value);
            };
            let published =
                if max == 1 { u64::from(producer.try_publish(fill)) } else { producer.publish_many(max, fill) };
            let expected = (0..max).map_while(|_| oracle.publish()).count() as u64;
            assert_eq!(published, expected, "published");
        } else {
            let lane = &mut lanes[who - 1];
            // A lane may know of fewer slots than there are: it looks again only when it has used up what it knows.
            let known = lane.ready();
            let n = lane.advance(max, |slot| {
                let value = combine(who, slot.sequence(), after[who].iter().map(|&i| read(slot, i)));
                write(slot, who, value);
                assert_eq!(oracle.advance(who), Some((slot.sequence(), value)), "lane {who}");
            });
            assert_eq!(n, known.min(max));
            if known == 0 {
                assert_eq!(oracle.advance(who), None, "lane {who} had a slot");
            }
            assert_eq!(lane.sequence(), first - 1 + oracle.completed[who]);
        }
        let next = first + oracle.completed[0];
        assert_eq!(producer.next_sequence(), next);
        assert_eq!(producer.free(), (oracle.capacity - oracle.in_flight.len()) as u64);
        for (id, completed) in ids.iter().zip(&oracle.completed) {
            assert_eq!(built.cursor(*id).get(), first - 1 + completed);
        }
    }
}

/// Lane `i` comes after a random set of earlier ones, not empty.
fn graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..=LANES, any::<[u8; LANES]>()).prop_map(|(lanes, bits)| {
        let mut after = vec![vec![]];
        for lane in 1..=lanes {
            let bits = usize::from(bits[lane - 1]) % ((1 << lane) - 1) + 1;
            after.push((0..lane).filter(|i| bits >> i & 1 == 1).collect());
        }
        after
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 400 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_interleaving_is_that_of_queues(
        capacity_log2 in 0u32..4,
        first in 1u64..20,
        after in graph(),
        steps in prop::collection::vec((any::<u8>(), 0u64..7), 1..if cfg!(miri) { 20 } else { 200 }),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|(who, max)| (usize::from(who) % after.len(), max)).collect();
        run(capacity_log2, first, &after, &steps);
    }
}
