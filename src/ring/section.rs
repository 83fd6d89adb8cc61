//! Hot: sections: the parts of a slot that have one writer each.

use bytemuck::Pod;
use core::any::{TypeId, type_name};
use core::fmt;

/// The most sections of a ring; a section's `ID` is below it.
pub const SECTIONS_MAX: usize = 32;

/// A part of a slot, with a place of its own. To implement it is safe: bounds and alignment are checked when a section
/// is used (at compile time) and when the ring is built; that sections are disjoint, when the ring is built; that this
/// type is the one which the ring was built with, at each use (one comparison with a constant).
///
/// `Send + Sync` because references to a section are given out on the threads of all lanes that read it.
pub trait Section: Pod + Send + Sync {
    /// The slot that it is a part of.
    type Slot: Pod + Send + Sync;
    /// Number of the section within its ring, below [`SECTIONS_MAX`].
    const ID: u8;
    /// Where it starts in the slot, in bytes (`offset_of!`).
    const OFFSET: usize;
}

/// A section as the builder sees it.
#[derive(Clone, Copy)]
pub struct SectionSpec {
    pub(crate) id: u8,
    pub(crate) offset: usize,
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) section: TypeId,
    pub(crate) slot: TypeId,
    pub(crate) name: &'static str,
}

impl SectionSpec {
    /// The specification of `S`.
    pub fn of<S: Section>() -> Self {
        Self {
            id: S::ID,
            offset: S::OFFSET,
            size: size_of::<S>(),
            align: align_of::<S>(),
            section: TypeId::of::<S>(),
            slot: TypeId::of::<S::Slot>(),
            name: type_name::<S>(),
        }
    }

    /// The type's name, for messages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// First byte behind the section, or `None` if that is no number.
    pub(crate) fn end(&self) -> Option<usize> {
        self.offset.checked_add(self.size)
    }

    /// Whether the two have a byte in common. Both must have been found to lie within the slot.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.offset + other.size && other.offset < self.offset + self.size
    }

    /// Place and size in one word; see [`key`]. Both fit 32 bits, since slots are smaller than 4 GiB.
    pub(crate) fn key(&self) -> u64 {
        (self.offset as u64) << 32 | self.size as u64
    }
}

impl fmt::Debug for SectionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}[{}; {}]", self.name, self.id, self.offset, self.size)
    }
}

/// Place and size of `S` in one word, never 0. Two types with the same ID and the same key are the same bytes, and any
/// bytes are a valid value of either (`Pod`), so this word is all the identity that soundness needs.
pub(crate) const fn key<S: Section>() -> u64 {
    const {
        assert!((S::ID as usize) < SECTIONS_MAX, "section ID out of range");
        assert!(size_of::<S>() > 0, "a section must have a size");
        assert!(size_of::<S::Slot>() <= u32::MAX as usize, "slot too large");
        assert!(S::OFFSET <= size_of::<S::Slot>(), "section outside its slot");
        assert!(size_of::<S>() <= size_of::<S::Slot>() - S::OFFSET, "section outside its slot");
        assert!(align_of::<S>() <= align_of::<S::Slot>(), "section aligned more strictly than its slot");
        assert!(S::OFFSET.is_multiple_of(align_of::<S>()), "section misaligned");
    }
    (S::OFFSET as u64) << 32 | size_of::<S>() as u64
}
