//! Hot: the largest part of one instrument in the whole.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};
use crate::risk::money::div_ceil;
use crate::types::wide::mul;

/// Refuses an order after which the instrument's worst-case value would be more than `max_concentration_ppm` of the gross value
/// of the host, or of `concentration_base` while the gross is smaller than that. An exit passes.
pub struct Concentration;

impl Check for Concentration {
    const NAME: &'static str = "CONCENTRATION_EXCEEDS_MAX";
    const UNIT: Unit = Unit::Ppm;
    const KEY: Option<&'static str> = Some("max_concentration_ppm");
    const PER_INSTRUMENT: bool = true;

    fn limit(limits: &Limits) -> Result<Option<i128>, ConfigError> {
        ppm(limits.max_concentration_ppm, "max_concentration_ppm")
    }

    #[inline]
    fn check(limit: i128, context: &Context<'_>) -> Outcome {
        if context.only_reduces() {
            return Outcome::Pass;
        }
        let own = context.after.as_ref().map(|after| after.own_e8);
        let Some((own, gross)) = own.zip(context.gross_after) else { return Outcome::Unknown };
        let whole = gross.max(context.settings.concentration_base_e8);
        let Some((scaled, most)) = mul(own, 1_000_000).zip(mul(limit, whole)) else {
            return Outcome::Unknown;
        };
        if scaled <= most { Outcome::Pass } else { Outcome::at_most(div_ceil(scaled, whole), limit) }
    }
}
