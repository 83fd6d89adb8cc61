//! Hot: the same amount for every position.

use super::{Ask, SizingModel, Unsized, Want};
use crate::risk::config::{ConfigError, amount};
use crate::risk::money::QUOTE_DECIMALS;
use serde::{Deserialize, Serialize};

/// `kind = "fixed_notional"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Value of a full position in the quote currency, a decimal text.
    pub notional: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { notional: "1000".into() }
    }
}

/// `notional`, whatever the confidence: the simplest rule, and the one that needs to know nothing.
#[derive(Clone, Debug)]
pub struct FixedNotional {
    notional_e8: i128,
}

impl SizingModel for FixedNotional {
    type Params = Params;

    fn new(params: &Params) -> Result<Self, ConfigError> {
        Ok(Self { notional_e8: amount(&params.notional, "model.notional", QUOTE_DECIMALS)? })
    }

    #[inline]
    fn want(&self, _: &Ask<'_>) -> Result<Want, Unsized> {
        Ok(Want::Notional(self.notional_e8))
    }
}
