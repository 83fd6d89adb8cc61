//! Hot: a digest of each output section, so that two runs can be compared input by input, and the run's output hash.

use super::market::MarketSection;
use super::slot::Slot;
use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Names of the output sections, in the order of [`SlotDigest::sections`].
pub const SECTION_NAMES: [&str; 5] = ["market", "features", "signal", "risk", "execution"];

/// Digests of the five output sections of one slot; stamps are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct SlotDigest {
    /// Lower half of XXH3 of each section.
    pub sections: [u32; 5],
}

impl SlotDigest {
    /// The digests of `slot`.
    pub fn of(slot: &Slot) -> Self {
        const STAMP: usize = 8;
        /// Execution has two stamps.
        const STAMPS: usize = 16;
        let market = bytemuck::bytes_of(&slot.market);
        let mut market_digest = xxh3_64(&market[STAMP..MarketSection::HEAD]);
        for (i, candle) in slot.market.closed.iter().enumerate() {
            if slot.market.closed_mask >> i & 1 == 1 {
                market_digest = xxh3_64_with_seed(bytemuck::bytes_of(candle), market_digest);
            }
        }
        Self {
            sections: [
                market_digest as u32,
                xxh3_64(&bytemuck::bytes_of(&slot.features)[STAMP..]) as u32,
                xxh3_64(&bytemuck::bytes_of(&slot.signal)[STAMP..]) as u32,
                xxh3_64(&bytemuck::bytes_of(&slot.risk)[STAMP..]) as u32,
                xxh3_64(&bytemuck::bytes_of(&slot.execution)[STAMPS..]) as u32,
            ],
        }
    }
}

/// The hash over all output sections of a run, in sequence order: `h' = XXH3(sequence, section digests; seed h)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputHash(u64);

impl OutputHash {
    /// Takes in the next slot.
    #[inline]
    pub fn update(&mut self, sequence: u64, digest: &SlotDigest) {
        let mut bytes = [0u8; 28];
        bytes[..8].copy_from_slice(&sequence.to_le_bytes());
        bytes[8..].copy_from_slice(bytemuck::bytes_of(digest));
        self.0 = xxh3_64_with_seed(&bytes, self.0);
    }

    /// The hash so far.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl core::fmt::Display for OutputHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn stamps_do_not_count_and_all_else_does() {
        let base = Slot::zeroed();
        let expected = SlotDigest::of(&base);
        let mut stamped = base;
        stamped.input.stamp = 1;
        stamped.market.stamp = 2;
        stamped.features.stamp = 3;
        stamped.signal.stamp = 4;
        stamped.risk.stamp = 5;
        stamped.execution.stamp = 6;
        stamped.execution.stamp_encoded = 7;
        assert_eq!(SlotDigest::of(&stamped), expected);

        let mut changed = base;
        changed.features.values[39] = 1.0;
        assert_ne!(SlotDigest::of(&changed).sections[1], expected.sections[1]);
        let mut changed = base;
        changed.market.closed[2].close.0 = 1;
        assert_eq!(SlotDigest::of(&changed), expected, "a candle that did not close is left over from another slot");
        changed.market.closed_mask = 1 << 2;
        assert_ne!(SlotDigest::of(&changed).sections[0], expected.sections[0]);
    }

    #[test]
    fn the_output_hash_depends_on_order() {
        let (a, b) = (SlotDigest { sections: [1; 5] }, SlotDigest { sections: [2; 5] });
        let mut one = OutputHash::default();
        one.update(1, &a);
        one.update(2, &b);
        let mut two = OutputHash::default();
        two.update(1, &b);
        two.update(2, &a);
        assert_ne!(one, two);
    }
}
