//! Hot: prices on the tick.

use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses a price that is no multiple of the instrument's tick. `value` is by how much it lies above one.
pub struct Tick;

impl Check for Tick {
    const NAME: &'static str = "PRICE_NOT_ON_TICK";
    const UNIT: Unit = Unit::Price;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        let tick = context.instrument.tick_size.0;
        Outcome::at_most(context.wanted.px.checked_rem_euclid(tick).map(i128::from), 0)
    }
}
