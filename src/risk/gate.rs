//! Hot: no order while any reason holds the gate closed.

use super::check::{Check, Context, Outcome, Unit};
use super::config::{ConfigError, Limits};

/// Refuses while the gate is closed. It has no limit: one reason is too many.
pub struct Gate;

impl Check for Gate {
    const NAME: &'static str = "GATE_CLOSED";
    const UNIT: Unit = Unit::GateBits;

    fn new(_: &Limits) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    #[inline]
    fn check(&self, context: &Context<'_>) -> Outcome {
        Outcome::at_most(Some(i128::from(context.totals.gate)), 0)
    }
}
