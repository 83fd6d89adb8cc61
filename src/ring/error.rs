//! Hot: all that can be wrong with the plan of a ring. Found at start, never afterwards.

use super::section::SECTIONS_MAX;

/// Why a ring cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The capacity is not a power of two.
    #[error("capacity {capacity} is not a power of two")]
    NotPowerOfTwo {
        /// What was asked for.
        capacity: u64,
    },
    /// Slot or ring do not fit an address space, or the slot has no size.
    #[error("{capacity} slots of {slot_bytes} bytes cannot be")]
    Size {
        /// What was asked for.
        capacity: u64,
        /// Bytes of a slot.
        slot_bytes: usize,
    },
    /// The first sequence is 0 or beyond [`FIRST_SEQUENCE_MAX`](super::builder::FIRST_SEQUENCE_MAX).
    #[error("the first sequence cannot be {first}")]
    FirstSequence {
        /// What was asked for.
        first: u64,
    },
    /// There is no producer, or it is not what was declared first.
    #[error("a ring starts with its producer")]
    NoProducer,
    /// There is a second producer.
    #[error("producer `{name}`: a ring has one producer")]
    SecondProducer {
        /// The second.
        name: String,
    },
    /// There is no lane.
    #[error("a ring needs a lane that reads it")]
    NoLane,
    /// A lane waits for nothing.
    #[error("lane `{name}` comes after nothing")]
    AfterNothing {
        /// The lane.
        name: String,
    },
    /// A lane comes after something that was not declared before it.
    #[error("lane `{name}` comes after lane number {after}, which is not an earlier one")]
    UnknownLane {
        /// The lane.
        name: String,
        /// Number of the unknown one.
        after: usize,
    },
    /// A section of another type of slot.
    #[error("section {section} belongs to another slot than {slot}")]
    ForeignSection {
        /// The section.
        section: &'static str,
        /// The ring's slot.
        slot: &'static str,
    },
    /// A section's ID is not below [`SECTIONS_MAX`].
    #[error("section {section}: ID {id} is not below {SECTIONS_MAX}")]
    IdRange {
        /// The section.
        section: &'static str,
        /// Its ID.
        id: u8,
    },
    /// A section without bytes.
    #[error("section {section} has no size")]
    Empty {
        /// The section.
        section: &'static str,
    },
    /// A section that ends behind the slot.
    #[error("section {section} starts at {offset}, has {size} bytes, and the slot has {slot_bytes}")]
    OutOfSlot {
        /// The section.
        section: &'static str,
        /// Its offset in bytes.
        offset: usize,
        /// Its size in bytes.
        size: usize,
        /// The slot's size in bytes.
        slot_bytes: usize,
    },
    /// A section whose place does not suit its alignment, or which is aligned more strictly than the slot.
    #[error("section {section} at {offset} needs an alignment of {align}")]
    Misaligned {
        /// The section.
        section: &'static str,
        /// Its offset in bytes.
        offset: usize,
        /// Its alignment in bytes.
        align: usize,
    },
    /// A section with two writers.
    #[error("section {section} is written by `{first}` and by `{second}`")]
    TwoWriters {
        /// The section.
        section: &'static str,
        /// Its writer.
        first: String,
        /// The other one.
        second: String,
    },
    /// Two sections with one ID.
    #[error("sections {first} and {second} both have ID {id}")]
    SameId {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// Their ID.
        id: u8,
    },
    /// Two sections with a byte in common.
    #[error("sections {first} and {second} overlap")]
    Overlap {
        /// One.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}
