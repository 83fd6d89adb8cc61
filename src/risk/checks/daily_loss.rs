//! Hot: the largest loss of a day.

use crate::risk::aggregate::Totals;
use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, quote};

/// Stops new risk once the day's loss of the host is larger than `max_daily_loss`, until the next UTC day.
///
/// Loss = −(realised of the day + unrealised − fees of the day). What was unrealised when the day began counts in full,
/// since only what the audit log knows can survive a restart. The stop is latched by a refusal with this code (asked for or
/// not), so a recovery of the price does not lift it. Orders that only reduce a position pass.
pub struct DailyLoss;

impl DailyLoss {
    /// The loss if it is known and larger than `limit`.
    #[inline]
    pub(in crate::risk) fn breach(totals: &Totals, limit: i128) -> Option<(i128, i128)> {
        if totals.unknown > 0 {
            return None;
        }
        let loss = totals.sum.pnl_e8.checked_neg()?;
        (loss > limit).then_some((loss, limit))
    }
}

impl Check for DailyLoss {
    const NAME: &'static str = "DAILY_LOSS_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Quote;
    const KEY: Option<&'static str> = Some("max_daily_loss");

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        quote(limits.max_daily_loss.as_ref(), "max_daily_loss")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        let totals = context.totals;
        if context.only_reduces() {
            return Outcome::Pass;
        }
        if totals.is_latched(context.now) {
            return Outcome::Refuse { value: totals.sum.pnl_e8.saturating_neg(), limit };
        }
        if totals.unknown > 0 {
            return Outcome::Unknown;
        }
        Outcome::at_most(totals.sum.pnl_e8.checked_neg(), limit)
    }
}
