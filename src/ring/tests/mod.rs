//! Hot: tests of the ring as a whole: its handles, its plan, and many random interleavings against a simple oracle.

mod handles;
mod interleavings;
mod plan;
mod threads;

use super::section::Section;
use bytemuck::{Pod, Zeroable};

/// A slot of eight words.
pub(super) type Words = [u64; 8];

/// Word `I` of the slot as a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Word<const I: usize>(pub(super) u64);

impl<const I: usize> Section for Word<I> {
    type Slot = Words;
    const ID: u8 = I as u8;
    const OFFSET: usize = I * 8;
}
