//! Hot: the largest gross value for what the host is worth.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ratio};
use crate::risk::money::div_ceil;
use crate::types::wide::mul;

/// Refuses an order after which the gross value would be more than `max_leverage` times the capital with all that was won and
/// lost, unrealised included. When nothing is left of it, `value` is the largest number. An exit passes.
pub struct Leverage;

impl Check for Leverage {
    const NAME: &'static str = "LEVERAGE_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Ratio;
    const KEY: Option<&'static str> = Some("max_leverage");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        ratio(limits.max_leverage.as_ref(), "max_leverage")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        let parts = context.gross_after.zip(context.totals.equity(context.settings.capital_e8));
        let Some((gross, equity)) = parts else { return Outcome::Unknown };
        if equity <= 0 {
            return Outcome::Refuse { value: i128::from(i64::MAX), limit };
        }
        let Some((scaled, most)) = mul(gross, 1_000_000).zip(mul(limit, equity)) else {
            return Outcome::Unknown;
        };
        if scaled <= most { Outcome::Pass } else { Outcome::at_most(div_ceil(scaled, equity), limit) }
    }
}
