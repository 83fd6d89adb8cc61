//! Hot: the largest position of one instrument, with what is in flight.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, amount, limit};
use super::money::{QTY_DECIMALS, qty_e18};

/// Refuses an order after whose fill, and the fill of all that is open on its side, the position would be larger than
/// `max_position`.
pub struct MaxPosition {
    limit: i128,
}

impl Check for MaxPosition {
    const NAME: &'static str = "POSITION_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quantity;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let text = limit(limits.max_position.as_ref(), "max_position")?;
        Ok(Self { limit: amount(&text, "max_position", QTY_DECIMALS)? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let reach = context.reach();
        if i64::try_from(reach).is_err() {
            return Outcome::Unknown;
        }
        Outcome::at_most(qty_e18(reach, context.instrument.qty_decimals), self.limit)
    }
}
