//! Hot: what a model's answer is cut to. Every step can only make the position smaller; the last one that did is the
//! reason that is told.

use super::units::{part, quantity, quantity_e18};
use super::{Ask, Bound, Target, Unsized, Want, within};
use crate::risk::config::{ConfigError, amount, count};
use crate::risk::money::{QTY_DECIMALS, QUOTE_DECIMALS, notional_e8};
use serde::{Deserialize, Serialize};

const PPM: i128 = 1_000_000;

/// `[risk.size.caps]`. What is left out does not cap; the checks of risk hold all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CapsConfig {
    /// Largest value of a position ÷ equity, 0..=100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_max: Option<f64>,
    /// Largest value of a position in the quote currency, a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notional_max: Option<String>,
    /// Largest position in whole units of quantity, a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qty_max: Option<String>,
    /// Largest part of the known liquidity, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participation: Option<f64>,
    /// Size × max(0, 1 − drawdown ÷ this), in 10⁻⁶, 1..=1000000: no size is left where the drawdown reaches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawdown_ppm: Option<u32>,
    /// A position of a smaller value in the quote currency is not opened: the target is zero. A decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notional_min: Option<String>,
    /// No-trade band: a change of the position's value up to this part of the equity is not traded, in 10⁻⁶, 0..=1000000.
    /// It does not hold for a target of zero or for a change of sides.
    pub band_ppm: u32,
    /// The volatility counts as at least this, per year, 0.0001..=10: a calm hour must not lead to a huge position.
    pub volatility_floor: f64,
}

impl Default for CapsConfig {
    fn default() -> Self {
        Self {
            weight_max: None,
            notional_max: None,
            qty_max: None,
            participation: None,
            drawdown_ppm: None,
            notional_min: None,
            band_ppm: 0,
            volatility_floor: 0.01,
        }
    }
}

/// The caps, checked.
#[derive(Clone, Debug)]
pub(super) struct Caps {
    weight_max: Option<f64>,
    notional_max_e8: Option<i128>,
    qty_max_e18: Option<i128>,
    participation: Option<f64>,
    drawdown_ppm: Option<u32>,
    notional_min_e8: i128,
    band_ppm: u32,
    volatility_floor: f64,
}

impl Caps {
    pub(super) fn new(config: &CapsConfig) -> Result<Self, ConfigError> {
        let quote =
            |text: &Option<String>, name| text.as_deref().map(|text| amount(text, name, QUOTE_DECIMALS)).transpose();
        let weight = |value: Option<f64>, most, name, range| {
            value.map(|value| within(value, 0.0..=most, name, range)).transpose()
        };
        if config.drawdown_ppm == Some(0) {
            return Err(ConfigError::Range { name: "caps.drawdown_ppm", range: "1..=1000000" });
        }
        let ppm = |value, name| count(value, 1_000_000, name, "0..=1000000");
        Ok(Self {
            weight_max: weight(config.weight_max, 100.0, "caps.weight_max", "0..=100")?,
            notional_max_e8: quote(&config.notional_max, "caps.notional_max")?,
            qty_max_e18: config
                .qty_max
                .as_deref()
                .map(|text| amount(text, "caps.qty_max", QTY_DECIMALS))
                .transpose()?,
            participation: weight(config.participation, 1.0, "caps.participation", "0..=1")?,
            drawdown_ppm: config.drawdown_ppm.map(|value| ppm(value, "caps.drawdown_ppm")).transpose()?,
            notional_min_e8: quote(&config.notional_min, "caps.notional_min")?.unwrap_or(0),
            band_ppm: ppm(config.band_ppm, "caps.band_ppm")?,
            volatility_floor: within(
                config.volatility_floor,
                0.000_1..=10.0,
                "caps.volatility_floor",
                "0.0001..=10 (per year)",
            )?,
        })
    }

    /// The volatility that models are told: not known unless it is a number ≥ 0, and never below the floor.
    #[inline]
    pub(super) fn floored(&self, volatility: Option<f64>) -> Option<f64> {
        volatility.filter(|v| v.is_finite() && *v >= 0.0).map(|v| v.max(self.volatility_floor))
    }

    /// From what the model wants to whole lots.
    #[inline]
    pub(super) fn cut(&self, want: Want, ask: &Ask<'_>) -> Result<Target, Unsized> {
        let none = |bound| Ok(Target { qty: 0, bound });
        let mut bound = Bound::Model;
        let mut least = |value: i128, cap: i128, by: Bound| {
            if cap < value {
                bound = by;
            }
            value.min(cap)
        };
        let mut notional = match want {
            Want::Notional(notional) => notional,
            Want::Weight(weight) if weight <= 0.0 => return none(Bound::NoEdge),
            Want::Weight(weight) => {
                let equity = ask.equity_e8.ok_or(Unsized::NoEquity)?;
                if equity <= 0 {
                    return none(Bound::NoEquity);
                }
                part(equity, weight).ok_or(Unsized::Overflow)?
            }
        };
        if let Some(weight) = self.weight_max {
            let equity = ask.equity_e8.ok_or(Unsized::NoEquity)?.max(0);
            notional = least(notional, part(equity, weight).ok_or(Unsized::Overflow)?, Bound::MaxWeight);
        }
        if let Some(most) = self.notional_max_e8 {
            notional = least(notional, most, Bound::MaxNotional);
        }
        if let Some(full) = self.drawdown_ppm {
            let left = i128::from(full) - i128::from(ask.drawdown_ppm.ok_or(Unsized::NoDrawdown)?);
            let less = notional.checked_mul(left.max(0)).ok_or(Unsized::Overflow)? / i128::from(full);
            notional = least(notional, less, Bound::Drawdown);
        }
        let mut qty = quantity(ask.instrument, notional, ask.mid2).ok_or(Unsized::Overflow)?;
        if let Some(most) = self.qty_max_e18 {
            qty = least(qty, quantity_e18(ask.instrument, most).ok_or(Unsized::Overflow)?, Bound::MaxQty);
        }
        if let Some(share) = self.participation {
            let liquidity = ask.liquidity.filter(|q| *q >= 0).ok_or(Unsized::NoLiquidity)?;
            let most = part(i128::from(liquidity), share).ok_or(Unsized::Overflow)?;
            qty = least(qty, most, Bound::Participation);
        }
        let lot = i128::from(ask.instrument.lot_size.0);
        let lots = qty.checked_div(lot).ok_or(Unsized::Overflow)? * lot;
        if lots <= 0 {
            // What took everything away is the better reason.
            return none(if qty <= 0 && bound != Bound::Model { bound } else { Bound::BelowLot });
        }
        if notional_e8(ask.instrument, lots, ask.mid2).ok_or(Unsized::Overflow)? < self.notional_min_e8 {
            return none(Bound::BelowNotional);
        }
        let lots = i64::try_from(lots).map_err(|_| Unsized::Overflow)?;
        let target = Target { qty: ask.direction.sign() * lots, bound };
        if self.is_within_band(target.qty, ask)? {
            return Ok(Target { qty: ask.position, bound: Bound::Band });
        }
        Ok(target)
    }

    /// Whether the change is too small to be traded.
    #[inline]
    fn is_within_band(&self, target: i64, ask: &Ask<'_>) -> Result<bool, Unsized> {
        if self.band_ppm == 0 || ask.position.signum() != target.signum() {
            return Ok(false);
        }
        let equity = ask.equity_e8.ok_or(Unsized::NoEquity)?.max(0);
        let change = (i128::from(target) - i128::from(ask.position)).abs();
        let change_e8 = notional_e8(ask.instrument, change, ask.mid2).ok_or(Unsized::Overflow)?;
        let band_e8 = equity.checked_mul(i128::from(self.band_ppm)).ok_or(Unsized::Overflow)? / PPM;
        Ok(change_e8 <= band_e8)
    }
}
