//! Hot: the slot: one input and, section by section, everything that the stages made of it.

use super::execution::ExecutionSection;
use super::feature::FeatureSection;
use super::input::Input;
use super::market::MarketSection;
use super::risk::RiskSection;
use super::signal::SignalSection;
use bytemuck::{Pod, Zeroable};

/// One slot of the ring.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct Slot {
    /// What happened.
    pub input: Input,
    /// The market after it.
    pub market: MarketSection,
    /// Features of it.
    pub features: FeatureSection,
    /// What the models say.
    pub signal: SignalSection,
    /// What risk allows.
    pub risk: RiskSection,
    /// What goes to the venue.
    pub execution: ExecutionSection,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::{align_of, offset_of, size_of};

    #[test]
    fn layout_is_as_documented() {
        assert_eq!(size_of::<Input>(), 384);
        assert_eq!(offset_of!(Input, payload), 64);
        assert_eq!(size_of::<MarketSection>(), 512);
        assert_eq!(size_of::<FeatureSection>(), 384);
        assert_eq!(size_of::<SignalSection>(), 128);
        assert_eq!(size_of::<RiskSection>(), 256);
        assert_eq!(size_of::<ExecutionSection>(), 384);
        assert_eq!(size_of::<Slot>(), 2048);
        assert_eq!(align_of::<Slot>(), 128);
        for offset in [
            offset_of!(Slot, input),
            offset_of!(Slot, market),
            offset_of!(Slot, features),
            offset_of!(Slot, signal),
            offset_of!(Slot, risk),
            offset_of!(Slot, execution),
        ] {
            assert_eq!(offset % 128, 0, "sections share no pair of cache lines");
        }
    }
}
