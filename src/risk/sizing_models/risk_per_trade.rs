//! Hot: the same loss at the stop for every position.

use super::units::days_per_year;
use super::{Ask, SizingModel, Unsized, Want, within};
use crate::risk::config::ConfigError;
use serde::{Deserialize, Serialize};

/// `kind = "risk_per_trade"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Part of the equity that is lost when the stop is hit, 0..=0.2.
    pub risk: f64,
    /// Distance of the stop, in ranges, 0.1..=100.
    pub stop: f64,
    /// Trading days whose standard deviation is one range, 0.0001..=365 (0.0417 of a crypto day is one hour).
    pub range_days: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { risk: 0.005, stop: 2.0, range_days: 1.0 }
    }
}

/// Units = equity·ρ ÷ (m·range). The range is the one-σ move of `range_days`, price × σ̂·√(days ÷ year): what a true range
/// averages to, from the same volatility that the other models use.
#[derive(Clone, Debug)]
pub struct RiskPerTrade {
    risk: f64,
    stop: f64,
    range_days: f64,
}

impl SizingModel for RiskPerTrade {
    type Params = Params;

    fn new(params: &Params) -> Result<Self, ConfigError> {
        Ok(Self {
            risk: within(params.risk, 0.0..=0.2, "model.risk", "0..=0.2")?,
            stop: within(params.stop, 0.1..=100.0, "model.stop", "0.1..=100 (ranges)")?,
            range_days: within(params.range_days, 0.000_1..=365.0, "model.range_days", "0.0001..=365")?,
        })
    }

    #[inline]
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
        let volatility = ask.volatility.ok_or(Unsized::NoVolatility)?;
        let range = volatility * libm::sqrt(self.range_days / days_per_year(ask.instrument.calendar));
        Ok(Want::Weight(self.risk / (self.stop * range)))
    }
}
