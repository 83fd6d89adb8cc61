//! Edge: what the risk stage is told. There is no default for a limit: a configuration without one does not load.

use crate::types::decimal::{Decimal, DecimalError};
use serde::{Deserialize, Serialize};

/// Configuration of the risk stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From signal to wanted position.
    pub sizing: Sizing,
    /// From wanted position to orders.
    pub orders: Orders,
    /// The limits of the checks. Every one must be given.
    pub limits: Limits,
}

/// How large a position is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sizing {
    /// Value of a full position in the quote currency, as a decimal text; the quantity is rounded down to the lot.
    pub notional_per_position: String,
    /// Signals below this confidence (0..=1) are passed over.
    pub confidence_min: f64,
    /// Whether a flat signal closes the position (otherwise it is kept).
    pub flat_on_flat: bool,
    /// Differences up to this part of the target, in 10⁻⁶, are not traded: the value of a position drifts with every
    /// price. It does not hold for a target of zero.
    pub rebalance_ppm: u32,
}

impl Default for Sizing {
    fn default() -> Self {
        Self { notional_per_position: "1000".into(), confidence_min: 0.5, flat_on_flat: true, rebalance_ppm: 100_000 }
    }
}

/// Which price and type an order gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// A limit order at the best price of its own side.
    OwnBest,
    /// A limit order at the mid, rounded to the tick away from the other side.
    Mid,
    /// An immediate-or-cancel limit order at the other side's best price and up to `slippage_ticks` beyond it.
    #[default]
    Cross,
    /// A market order; its protecting price is the one of `Cross`.
    Market,
}

/// How orders are made and how long they stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Orders {
    /// Price and type.
    pub style: Style,
    /// Resting styles only: the venue is to refuse the order if it would take.
    pub post_only: bool,
    /// How far beyond the touch a crossing order may go, in ticks.
    pub slippage_ticks: u32,
    /// Least time between two attempts (approved or refused) for one instrument, in milliseconds of input time.
    pub cooldown_ms: u64,
    /// A working order that is older is cancelled, in milliseconds of input time.
    pub order_ttl_ms: u64,
    /// A working order further behind the best price of its side is cancelled, in ticks.
    pub requote_ticks: u32,
    /// A cancel that had no effect is asked for again after this, in milliseconds of input time.
    pub cancel_retry_ms: u64,
    /// Room for working orders of the host, at most 65 536. The execution stage needs at least as much.
    pub orders_max: u32,
    /// How many finished orders are remembered, so that late and repeated reports are recognised; at most 1 048 576.
    pub finished_max: u32,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            style: Style::Cross,
            post_only: false,
            slippage_ticks: 2,
            cooldown_ms: 1_000,
            order_ttl_ms: 10_000,
            requote_ticks: 10,
            cancel_retry_ms: 1_000,
            orders_max: 1_024,
            finished_max: 4_096,
        }
    }
}

/// The limits. Amounts are decimal texts; all quote currencies of a host count as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest quantity of one order, in whole units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_qty: Option<String>,
    /// Largest value of one order, in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_notional: Option<String>,
    /// Largest distance of an order's price from the mid, and from the venue's mark where there is one, in 10⁻⁶.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_collar_ppm: Option<u32>,
    /// Largest position of one instrument with all that is in flight, in whole units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position: Option<String>,
    /// Largest value of all positions with all that is in flight, in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_gross_notional: Option<String>,
    /// Most orders of one instrument in one window, at most 100 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders_per_window: Option<u32>,
    /// Most orders of the host in one window, at most 100 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders_per_window_total: Option<u32>,
    /// Length of the window, in milliseconds of input time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_window_ms: Option<u64>,
    /// Most working and in-flight orders of the host; at most `orders.orders_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open_orders: Option<u32>,
    /// Largest loss of a UTC day (realised of the day + unrealised − fees of the day), in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_daily_loss: Option<String>,
}

/// Why a configuration does not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A check has no limit.
    #[error("the limit `{0}` is missing; every check needs its limit")]
    MissingLimit(&'static str),
    /// Not a decimal that we can hold.
    #[error("`{name}` = {text:?}: {source}")]
    Decimal {
        /// The key.
        name: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        source: DecimalError,
    },
    /// A number outside its range.
    #[error("`{name}` must be within {range}")]
    Range {
        /// The key.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
    },
}

/// The limit, or the error that it is missing.
pub(super) fn limit<T: Clone>(value: Option<&T>, name: &'static str) -> Result<T, ConfigError> {
    value.cloned().ok_or(ConfigError::MissingLimit(name))
}

/// A decimal text ≥ 0 at `decimals` (8 or 18).
pub(super) fn amount(text: &str, name: &'static str, decimals: u8) -> Result<i128, ConfigError> {
    let error = |source| ConfigError::Decimal { name, text: text.into(), source };
    let decimal = Decimal::parse(text.as_bytes()).map_err(error)?;
    if decimal.mantissa < 0 {
        return Err(ConfigError::Range { name, range: "0.." });
    }
    let finer_by = decimals.checked_sub(decimal.decimals).ok_or(error(DecimalError::TooFine))?;
    super::money::pow10(finer_by)
        .and_then(|unit| i128::from(decimal.mantissa).checked_mul(unit))
        .ok_or(error(DecimalError::Overflow))
}

/// Milliseconds as nanoseconds; at most 10 days.
pub(super) fn millis(value: u64, name: &'static str) -> Result<i64, ConfigError> {
    if value > 864_000_000 {
        return Err(ConfigError::Range { name, range: "0..=864000000 ms" });
    }
    Ok(value as i64 * crate::types::time::MILLIS)
}

/// A count within 0..=`max`.
pub(super) fn count(value: u32, max: u32, name: &'static str, range: &'static str) -> Result<u32, ConfigError> {
    if value > max { Err(ConfigError::Range { name, range }) } else { Ok(value) }
}
