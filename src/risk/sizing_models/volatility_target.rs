//! Hot: the same risk for every position.

use super::{Ask, SizingModel, Unsized, Want, within};
use crate::risk::config::ConfigError;
use serde::{Deserialize, Serialize};

/// What the weight is multiplied by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Nothing: every signal is a full one.
    #[default]
    None,
    /// The signal's confidence.
    Confidence,
    /// The absolute value of the signal's score.
    Score,
}

/// `kind = "volatility_target"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Wanted standard deviation of the position's result ÷ equity, per year, 0..=5.
    pub target: f64,
    /// Largest weight before it is scaled, 0..=100.
    pub weight_max: f64,
    /// `none`, `confidence` or `score`.
    pub scale: Scale,
}

impl Default for Params {
    fn default() -> Self {
        Self { target: 0.10, weight_max: 1.0, scale: Scale::None }
    }
}

/// w = min(`weight_max`, σ_target ÷ σ̂) × signal. σ̂ is lagged (it knows only closed intervals) and floored.
#[derive(Clone, Debug)]
pub struct VolatilityTarget {
    target: f64,
    weight_max: f64,
    scale: Scale,
}

impl SizingModel for VolatilityTarget {
    type Params = Params;

    fn new(params: &Params) -> Result<Self, ConfigError> {
        Ok(Self {
            target: within(params.target, 0.0..=5.0, "model.target", "0..=5 (per year)")?,
            weight_max: within(params.weight_max, 0.0..=100.0, "model.weight_max", "0..=100")?,
            scale: params.scale,
        })
    }

    #[inline]
    fn want(&self, ask: &Ask<'_>) -> Result<Want, Unsized> {
        let volatility = ask.volatility.ok_or(Unsized::NoVolatility)?;
        let signal = match self.scale {
            Scale::None => 1.0,
            Scale::Confidence => ask.confidence,
            Scale::Score => ask.score.abs(),
        };
        Ok(Want::Weight((self.target / volatility).min(self.weight_max) * signal))
    }
}
