//! Hot: no order on a book that is not whole or has one side only.

use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses unless the market is tradable. `value` is 1 + the code of the market's `InvalidReason`.
pub struct InvalidBook;

impl Check for InvalidBook {
    const NAME: &'static str = "MARKET_DATA_INVALID";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        if context.market.is_tradable() {
            Outcome::Pass
        } else {
            Outcome::Refuse { value: 1 + i128::from(context.market.invalid_reason), limit: 0 }
        }
    }
}
