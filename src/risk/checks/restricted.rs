//! Hot: no new risk in a restricted instrument.

use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses new risk in an instrument that the configuration or an operator put on the restricted list. It has no limit.
pub struct Restricted;

impl Check for Restricted {
    const NAME: &'static str = "INSTRUMENT_RESTRICTED";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let state = context.state;
        let restricted = state.restricted || state.restricted_by_config;
        Outcome::at_most(Some(i128::from(restricted && !context.only_reduces())), 0)
    }
}
