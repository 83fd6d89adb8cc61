//! Hot: no order on old data.

use crate::event::market::flags;
use crate::risk::check::{Check, Context, Outcome, Unit};

/// Refuses while the market stage calls the instrument stale. The age limit belongs to that stage.
pub struct StaleData;

impl Check for StaleData {
    const NAME: &'static str = "MARKET_DATA_STALE";
    const UNIT: Unit = Unit::Count;

    #[inline]
    fn check(_limit: i128, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(i128::from(context.market.has(flags::STALE))), 0)
    }
}
