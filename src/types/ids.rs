//! Hot: identifiers. Dense integers, so that they index arrays.

use bytemuck::{Pod, Zeroable};

/// Position of an input in the one total order. Starts at 1; 0 means "none".
pub type Sequence = u64;

/// Dense index of an instrument, given in the order of its definition input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// An input that belongs to no instrument.
    pub const NONE: Self = Self(u32::MAX);

    /// The index into arrays of instruments.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether this names an instrument.
    #[inline]
    pub const fn is_some(self) -> bool {
        self.0 != u32::MAX
    }
}

/// A source of inputs: a feed, the venue's reports, timers, commands. Ties in time are broken by the lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct SourceId(pub u16);

impl SourceId {
    /// The host itself: epochs, definitions, gate changes.
    pub const HOST: Self = Self(0);
    /// Timers.
    pub const TIMER: Self = Self(1);
    /// Operator and agent commands.
    pub const COMMAND: Self = Self(2);
    /// The order gateway's reports.
    pub const REPORT: Self = Self(3);
    /// The first market-data source; further ones follow.
    pub const FEED_FIRST: Self = Self(16);
}

/// Our order id (FIX ClOrdID 11): epoch in bits 48..64, sequence in bits 8..48, child number in bits 0..8.
///
/// Made from what the journal knows, so that after a crash it is found again and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct ClientOrderId(pub u64);

impl ClientOrderId {
    /// No order.
    pub const NONE: Self = Self(0);

    /// The id of the `child`-th order that the input `sequence` of `epoch` led to.
    /// `None` if the sequence needs more than 40 bits (1.1 × 10¹² inputs).
    #[inline]
    pub const fn new(epoch: u16, sequence: Sequence, child: u8) -> Option<Self> {
        if sequence >= 1 << 40 {
            return None;
        }
        Some(Self((epoch as u64) << 48 | sequence << 8 | child as u64))
    }

    /// The process start that made it.
    #[inline]
    pub const fn epoch(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The input that led to it.
    #[inline]
    pub const fn sequence(self) -> Sequence {
        (self.0 >> 8) & ((1 << 40) - 1)
    }

    /// Its number among the orders of that input.
    #[inline]
    pub const fn child(self) -> u8 {
        self.0 as u8
    }
}

impl core::fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}-{}-{}", self.epoch(), self.sequence(), self.child())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_order_id_keeps_its_parts() {
        let id = ClientOrderId::new(65535, (1 << 40) - 1, 255).unwrap();
        assert_eq!((id.epoch(), id.sequence(), id.child()), (65535, (1 << 40) - 1, 255));
        assert_eq!(ClientOrderId::new(1, 1 << 40, 0), None);
        assert_eq!(ClientOrderId::new(3, 77, 1).unwrap().to_string(), "3-77-1");
    }
}
