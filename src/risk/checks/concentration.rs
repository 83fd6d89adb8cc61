//! Hot: the largest part of one instrument in the whole.

use crate::risk::check::{Check, Context, Outcome, Unit};
use crate::risk::config::{ConfigError, Limits, ppm};
use crate::risk::money::div_ceil;

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
        let Some((own, gross)) = context.own_after().zip(context.gross_after()) else { return Outcome::Unknown };
        let whole = gross.max(context.settings.concentration_base_e8);
        let Some((scaled, most)) = own.checked_mul(1_000_000).zip(limit.checked_mul(whole)) else {
            return Outcome::Unknown;
        };
        if scaled <= most { Outcome::Pass } else { Outcome::at_most(div_ceil(scaled, whole), limit) }
    }
}
