//! Hot: which bytes of the slot belong to whom, as the ring wants to know it.

use crate::event::execution::ExecutionSection;
use crate::event::feature::FeatureSection;
use crate::event::input::Input;
use crate::event::market::MarketSection;
use crate::event::risk::RiskSection;
use crate::event::signal::SignalSection;
use crate::event::slot::Slot;
use crate::ring::section::{Section, SectionSpec};
use core::mem::offset_of;

macro_rules! sections {
    ($( $id:literal $section:ty => $field:ident, )+) => {
        $(impl Section for $section {
            type Slot = Slot;
            const ID: u8 = $id;
            const OFFSET: usize = offset_of!(Slot, $field);
        })+
    };
}

sections! {
    0 Input => input,
    1 MarketSection => market,
    2 FeatureSection => features,
    3 SignalSection => signal,
    4 RiskSection => risk,
    5 ExecutionSection => execution,
}

/// The section that each stage writes, in the order of `placement::StageName`.
pub fn stage_sections() -> [SectionSpec; 5] {
    [
        SectionSpec::of::<MarketSection>(),
        SectionSpec::of::<FeatureSection>(),
        SectionSpec::of::<SignalSection>(),
        SectionSpec::of::<RiskSection>(),
        SectionSpec::of::<ExecutionSection>(),
    ]
}
