//! Hot: everything that can be wrong with the plan of a ring.

use super::{Word, Words};
use crate::ring::builder::{FIRST_SEQUENCE_MAX, LaneId, RingBuilder};
use crate::ring::error::RingError;
use crate::ring::section::{Section, SectionSpec};
use bytemuck::{Pod, Zeroable};

/// A section as it should not be: `N` bytes at `OFFSET` under `ID`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Odd<const ID: u8, const OFFSET: usize, const N: usize>([u8; N]);

impl<const ID: u8, const OFFSET: usize, const N: usize> Section for Odd<ID, OFFSET, N> {
    type Slot = Words;
    const ID: u8 = ID;
    const OFFSET: usize = OFFSET;
}

/// Four bytes where they don't belong.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Crooked(u32);

impl Section for Crooked {
    type Slot = Words;
    const ID: u8 = 9;
    const OFFSET: usize = 58;
}

/// Needs more alignment than the slot has.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(32))]
struct Strict([u64; 4]);

impl Section for Strict {
    type Slot = Words;
    const ID: u8 = 10;
    const OFFSET: usize = 32;
}

/// Of another slot.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
struct Foreign(u64);

impl Section for Foreign {
    type Slot = [u64; 2];
    const ID: u8 = 11;
    const OFFSET: usize = 0;
}

fn spec<S: Section>() -> SectionSpec {
    SectionSpec::of::<S>()
}

/// Builds what `plan` makes and compares the error's text (`""` = none).
fn check(expected: &str, plan: impl FnOnce(&mut RingBuilder<Words>)) {
    let mut builder = RingBuilder::<Words>::new(8).expect("capacity");
    plan(&mut builder);
    let error = builder.build().map_or_else(|error| error.to_string(), |_| String::new());
    // Type names come with the way to them.
    let here = module_path!();
    let above = here.trim_end_matches("plan");
    let short = error.replace(&format!("{here}::"), "").replace(above, "");
    assert_eq!(short, expected);
}

/// A producer with these sections, and a lane with none.
fn sections(expected: &str, specs: &[SectionSpec]) {
    check(expected, |builder| {
        let producer = builder.producer("p", specs);
        builder.lane("a", &[producer], &[]);
    });
}

#[test]
fn plans_are_checked() {
    check("a ring starts with its producer", |_| ());
    check("a ring needs a lane that reads it", |b| _ = b.producer("p", &[]));
    check("a ring starts with its producer", |b| _ = b.lane("a", &[], &[]));
    check("lane `a` comes after nothing", |b| {
        b.producer("p", &[]);
        b.lane("a", &[], &[]);
    });
    check("producer `q`: a ring has one producer", |b| {
        let p = b.producer("p", &[]);
        b.lane("a", &[p], &[]);
        b.producer("q", &[]);
    });
    check("lane `a` comes after lane number 5, which is not an earlier one", |b| {
        let p = b.producer("p", &[]);
        b.lane("a", &[p, stranger()], &[]);
    });
    check("section Word<3> is written by `a` and by `b`", |b| {
        let p = b.producer("p", &[spec::<Word<0>>()]);
        let a = b.lane("a", &[p], &[spec::<Word<3>>()]);
        b.lane("b", &[a], &[spec::<Word<3>>()]);
    });
    check("the first sequence cannot be 0", |b| {
        let p = b.first_sequence(0).producer("p", &[]);
        b.lane("a", &[p], &[]);
    });
    check(&format!("the first sequence cannot be {}", FIRST_SEQUENCE_MAX + 1), |b| {
        let p = b.first_sequence(FIRST_SEQUENCE_MAX + 1).producer("p", &[]);
        b.lane("a", &[p], &[]);
    });
    check("", |b| {
        let p = b.first_sequence(FIRST_SEQUENCE_MAX).producer("p", &[spec::<Word<0>>()]);
        let a = b.lane("a", &[p], &[spec::<Word<3>>()]);
        b.lane("b", &[p, a], &[spec::<Word<7>>()]);
    });
}

#[test]
fn sections_are_checked() {
    sections("", &[spec::<Odd<0, 0, 63>>(), spec::<Odd<31, 63, 1>>()]);
    sections("section Odd<32, 0, 8>: ID 32 is not below 32", &[spec::<Odd<32, 0, 8>>()]);
    sections("section Odd<1, 0, 0> has no size", &[spec::<Odd<1, 0, 0>>()]);
    sections("section Odd<1, 60, 5> starts at 60, has 5 bytes, and the slot has 64", &[spec::<Odd<1, 60, 5>>()]);
    let far = SectionSpec { offset: usize::MAX, ..spec::<Odd<1, 0, 5>>() };
    sections(&format!("section Odd<1, 0, 5> starts at {}, has 5 bytes, and the slot has 64", usize::MAX), &[far]);
    sections("section Crooked at 58 needs an alignment of 4", &[spec::<Crooked>()]);
    sections("section Strict at 32 needs an alignment of 32", &[spec::<Strict>()]);
    sections("section Foreign belongs to another slot than [u64; 8]", &[spec::<Foreign>()]);
    sections("section Word<0> is written by `p` and by `p`", &[spec::<Word<0>>(), spec::<Word<0>>()]);
    sections("sections Word<1> and Odd<1, 48, 8> both have ID 1", &[spec::<Word<1>>(), spec::<Odd<1, 48, 8>>()]);
    sections("sections Odd<3, 0, 9> and Word<1> overlap", &[spec::<Odd<3, 0, 9>>(), spec::<Word<1>>()]);
    sections("sections Word<1> and Odd<3, 0, 9> overlap", &[spec::<Word<1>>(), spec::<Odd<3, 0, 9>>()]);
    sections("", &[spec::<Odd<3, 0, 8>>(), spec::<Word<1>>()]);
}

#[test]
fn capacities_are_checked() {
    for capacity in [0, 3, 1000, u64::MAX] {
        assert_eq!(RingBuilder::<Words>::new(capacity).err(), Some(RingError::NotPowerOfTwo { capacity }));
    }
    let size = |capacity, slot_bytes| Some(RingError::Size { capacity, slot_bytes });
    assert_eq!(RingBuilder::<Words>::new(1 << 58).err(), size(1 << 58, 64));
    assert_eq!(RingBuilder::<Words>::new(1 << 63).err(), size(1 << 63, 64));
    assert_eq!(RingBuilder::<()>::new(8).err(), size(8, 0));
    assert!(RingBuilder::<Words>::new(1).is_ok());
}

/// A lane ID of another builder.
fn stranger() -> LaneId {
    let mut other = RingBuilder::<Words>::new(8).expect("capacity");
    (0..6).map(|_| other.producer("x", &[])).last().expect("six")
}
