//! Hot: the largest value of all positions together, with what is in flight.

use super::aggregate::worst;
use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, amount, limit};
use super::money::{QUOTE_DECIMALS, notional_e8};

/// Refuses an order that would make Σ |worst-case position| × mid over all instruments larger than
/// `max_gross_notional`. An order that does not add to it passes also above the limit.
pub struct MaxGross {
    limit: i128,
}

impl Check for MaxGross {
    const NAME: &'static str = "GROSS_NOTIONAL_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let text = limit(limits.max_gross_notional.as_ref(), "max_gross_notional")?;
        Ok(Self { limit: amount(&text, "max_gross_notional", QUOTE_DECIMALS)? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let state = context.state;
        let before = worst(state.account.position, state.open_buy, state.open_sell);
        let after = before.max(context.reach().abs());
        if after == before && context.only_reduces() {
            return Outcome::Pass;
        }
        if context.totals.unknown > 0 {
            return Outcome::Unknown;
        }
        let value = context.mid2().and_then(|mid2| {
            let own = notional_e8(context.instrument, after, mid2)?;
            context.totals.gross_e8.checked_sub(state.part.gross_e8)?.checked_add(own)
        });
        Outcome::at_most(value, self.limit)
    }
}
