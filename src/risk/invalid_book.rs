//! Hot: no order on a book that is not whole, has one side only, or does not trade.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits};

/// Refuses unless the market is tradable. `value` is 1 + the code of the market's `InvalidReason`.
pub struct InvalidBook;

impl Check for InvalidBook {
    const NAME: &'static str = "MARKET_DATA_INVALID";
    const UNIT: Unit = Unit::Count;

    fn new(_: &Limits) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        if context.market.is_tradable() {
            Outcome::Pass
        } else {
            Outcome::Refuse { value: 1 + i128::from(context.market.invalid_reason), limit: 0 }
        }
    }
}
