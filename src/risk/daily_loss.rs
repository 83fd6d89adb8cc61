//! Hot: the largest loss of a day.

use super::aggregate::Totals;
use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits, amount, limit};
use super::money::QUOTE_DECIMALS;

/// Stops new risk once the day's loss of the host is larger than `max_daily_loss`, until the next UTC day.
///
/// Loss = −(realised of the day + unrealised − fees of the day). What was unrealised when the day began counts in full,
/// since only what the audit log knows can survive a restart. The stop is latched by a refusal with this code (asked for or
/// not), so a recovery of the price does not lift it. Orders that only reduce a position pass.
pub struct DailyLoss {
    limit: i128,
}

impl DailyLoss {
    /// The loss if it is known and too large.
    #[inline]
    pub(super) fn breach(&self, totals: &Totals) -> Option<(i128, i128)> {
        if totals.unknown > 0 {
            return None;
        }
        let loss = totals.pnl_e8.checked_neg()?;
        (loss > self.limit).then_some((loss, self.limit))
    }
}

impl Check for DailyLoss {
    const NAME: &'static str = "DAILY_LOSS_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;

    fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let text = limit(limits.max_daily_loss.as_ref(), "max_daily_loss")?;
        Ok(Self { limit: amount(&text, "max_daily_loss", QUOTE_DECIMALS)? })
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        let totals = context.totals;
        if context.only_reduces() {
            return Outcome::Pass;
        }
        if totals.is_latched(context.now) {
            return Outcome::Refuse { value: totals.pnl_e8.saturating_neg(), limit: self.limit };
        }
        if totals.unknown > 0 {
            return Outcome::Unknown;
        }
        Outcome::at_most(totals.pnl_e8.checked_neg(), self.limit)
    }
}
