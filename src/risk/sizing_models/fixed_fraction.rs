//! Hot: the same part of the equity for every position.

use super::{Ask, SizingModel, Unsized, Want, within};
use crate::risk::config::ConfigError;
use serde::{Deserialize, Serialize};

/// `kind = "fixed_fraction"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Value of a full position ÷ equity, 0..=10.
    pub fraction: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { fraction: 0.02 }
    }
}

/// w = `fraction`: losses make positions smaller, so that the equity is never used up in one straight run.
#[derive(Clone, Debug)]
pub struct FixedFraction {
    fraction: f64,
}

impl SizingModel for FixedFraction {
    type Params = Params;

    fn new(params: &Params) -> Result<Self, ConfigError> {
        Ok(Self { fraction: within(params.fraction, 0.0..=10.0, "model.fraction", "0..=10")? })
    }

    #[inline]
    fn want(&self, _: &Ask<'_>) -> Result<Want, Unsized> {
        Ok(Want::Weight(self.fraction))
    }
}
