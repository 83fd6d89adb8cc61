//! Hot: no order on old data.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits};
use crate::event::market::flags;

/// Refuses while the market stage calls the instrument stale. The age limit belongs to that stage.
pub struct StaleData;

impl Check for StaleData {
    const NAME: &'static str = "MARKET_DATA_STALE";
    const UNIT: Unit = Unit::Count;

    fn new(_: &Limits) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(i128::from(context.market.has(flags::STALE))), 0)
    }
}
