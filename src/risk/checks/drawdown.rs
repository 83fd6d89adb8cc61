//! Hot: the largest fall from the highest that was reached.

use crate::risk::aggregate::Totals;
use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Stops new risk once profit and loss of the host, unrealised included, have fallen more than `max_drawdown` from the highest
/// that they have been, until a person enables it again: then it counts from where it stands.
///
/// The high-water mark outlives days and restarts: it is told in the slot, and kept in the audit log, when it rose by a step. The stop is latched by a refusal with this code (asked for or not). Orders that only reduce a position pass.
pub struct Drawdown;

impl Drawdown {
    /// The drawdown if it is known and larger than `limit`.
    #[inline]
    pub(in crate::risk) fn breach(totals: &Totals, capital_e8: i128, limit: i128) -> Option<(i128, i128)> {
        let fallen = totals.drawdown(capital_e8)?;
        (fallen > limit).then_some((fallen, limit))
    }
}

impl Check for Drawdown {
    const NAME: &'static str = "DRAWDOWN_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_drawdown");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_drawdown.as_ref(), "max_drawdown")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let (totals, capital) = (context.totals, context.settings.capital_e8);
        if context.only_reduces() {
            return Outcome::Pass;
        }
        if totals.drawdown_stopped {
            return Outcome::Refuse {
                value: totals.drawdown(capital).unwrap_or(0).max(limit.saturating_add(1)),
                limit,
            };
        }
        Outcome::at_most(totals.drawdown(capital), limit)
    }
}
