//! Edge: what the risk stage is told. There is no default for a limit: a configuration without one does not load.

use super::money::{QTY_DECIMALS, QUOTE_DECIMALS};
use super::{breaker, portfolio, sizing_models};
use crate::types::decimal::{Decimal, DecimalError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Configuration of the risk stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What the host trades with, as a decimal text in the quote currency: leverage is measured by it and by what was won
    /// and lost since. It must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capital: Option<String>,
    /// What counts as value at risk and expected shortfall of the host while an instrument has too few returns, in 10⁻⁶ of
    /// the gross value. Left out: they are not known then, and their limits refuse new risk until they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_tail_ppm: Option<u32>,
    /// From signal to wanted position.
    pub sizing: Sizing,
    /// From wanted position to orders.
    pub orders: Orders,
    /// The limits of the checks. Every one must be given.
    pub limits: Limits,
    /// How far a command may loosen a limit. What is not given cannot be loosened beyond `limits` at all.
    pub ceilings: Limits,
    /// How a position is sized, in place of `[risk.sizing] notional_per_position`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<sizing_models::Config>,
    /// Returns, value at risk and expected shortfall.
    pub portfolio: portfolio::Config,
    /// The high-water mark of the drawdown.
    pub drawdown: portfolio::drawdown::Config,
    /// Circuit breakers; a scope that is not given has none.
    pub breakers: breaker::Config,
    /// What single instruments have of their own, by symbol.
    pub instruments: BTreeMap<String, InstrumentLimits>,
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
    /// Largest distance from the last trade, in 10⁻⁶. Without a trade so far there is nothing to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_collar_ppm: Option<u32>,
    /// Largest distance from the instrument's `reference_price`, or else from the first mid of the UTC day (since the
    /// start of the process), in 10⁻⁶.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub static_collar_ppm: Option<u32>,
    /// Largest age of the best bid and ask that an order is priced by, in milliseconds of input time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price_age_ms: Option<u64>,
    /// Largest position of one instrument with all that is in flight, in whole units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position: Option<String>,
    /// Largest value of all positions with all that is in flight, in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_gross_notional: Option<String>,
    /// Largest value of all longs less all shorts, of either sign, with all that is in flight, in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_net_notional: Option<String>,
    /// Largest gross value ÷ (capital + profit and loss), as a decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_leverage: Option<String>,
    /// Largest part of one instrument in the gross value (or in `concentration_base`, where the gross is smaller), in 10⁻⁶.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concentration_ppm: Option<u32>,
    /// Gross value from which on a part is a concentration, in the quote currency: the first position is always all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concentration_base: Option<String>,
    /// Orders of one instrument in a burst, and again in every window, at most 100 000. Exits may go as far again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders_per_window: Option<u32>,
    /// Orders of the host, the same way, at most 100 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders_per_window_total: Option<u32>,
    /// Orders and cancels of the host, the same way, at most 100 000. Cancels count and are never refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_window: Option<u32>,
    /// Length of the window, in milliseconds of input time, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_window_ms: Option<u64>,
    /// Orders of one instrument and side that are filled, wholly or partly, in a burst of `repeat_window_ms`: then the side
    /// is stopped until a person enables it again. At most 100 000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_executions: Option<u32>,
    /// Length of that window, in milliseconds of input time, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_window_ms: Option<u64>,
    /// Least time between two orders of the same instrument, side, price and quantity, in milliseconds of input time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_window_ms: Option<u64>,
    /// Most working and in-flight orders of the host; at most `orders.orders_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_open_orders: Option<u32>,
    /// Largest loss of a UTC day (realised of the day + unrealised − fees of the day), in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_daily_loss: Option<String>,
    /// Largest fall of profit and loss from the highest that it has been, in the quote currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_drawdown: Option<String>,
    /// Largest value at risk of all positions with all that is in flight, in the quote currency; see `[risk.portfolio]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_var: Option<String>,
    /// Largest expected shortfall, the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_expected_shortfall: Option<String>,
}

/// What one instrument has of its own: `[risk.instruments.SYMBOL]` or `[risk.instruments."SYMBOL.VENUE"]`. What is not given
/// is as on the whole host. The instrument need not be known yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentLimits {
    /// No new risk: orders may only make the position smaller. No command lifts it.
    pub restricted: bool,
    /// What the static collar is measured from, as a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_price: Option<String>,
    /// See [`Limits::max_order_qty`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_qty: Option<String>,
    /// See [`Limits::max_order_notional`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_order_notional: Option<String>,
    /// See [`Limits::price_collar_ppm`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_collar_ppm: Option<u32>,
    /// See [`Limits::last_collar_ppm`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_collar_ppm: Option<u32>,
    /// See [`Limits::static_collar_ppm`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub static_collar_ppm: Option<u32>,
    /// See [`Limits::max_price_age_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price_age_ms: Option<u64>,
    /// See [`Limits::max_position`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position: Option<String>,
    /// See [`Limits::max_concentration_ppm`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concentration_ppm: Option<u32>,
    /// See [`Limits::orders_per_window`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orders_per_window: Option<u32>,
    /// See [`Limits::repeat_executions`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_executions: Option<u32>,
    /// See [`Limits::duplicate_window_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_window_ms: Option<u64>,
}

impl InstrumentLimits {
    /// The limits among them.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            max_order_qty: self.max_order_qty.clone(),
            max_order_notional: self.max_order_notional.clone(),
            price_collar_ppm: self.price_collar_ppm,
            last_collar_ppm: self.last_collar_ppm,
            static_collar_ppm: self.static_collar_ppm,
            max_price_age_ms: self.max_price_age_ms,
            max_position: self.max_position.clone(),
            max_concentration_ppm: self.max_concentration_ppm,
            orders_per_window: self.orders_per_window,
            repeat_executions: self.repeat_executions,
            duplicate_window_ms: self.duplicate_window_ms,
            ..Limits::default()
        }
    }
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
    /// A ceiling that allows less than the limit below it.
    #[error(
        "the ceiling `{0}` is tighter than the limit in force at the start; raise the ceiling or tighten the limit"
    )]
    Ceiling(&'static str),
    /// A number outside its range.
    #[error("`{name}` must be within {range}")]
    Range {
        /// The key.
        name: &'static str,
        /// What is allowed.
        range: &'static str,
    },
}

/// The value, or the error that it is missing.
pub(super) fn given<T>(value: Option<T>, name: &'static str) -> Result<T, ConfigError> {
    value.ok_or(ConfigError::MissingLimit(name))
}

/// A limit in whole units of quantity, × 10¹⁸.
pub(super) fn quantity(value: Option<&String>, name: &'static str) -> Result<Option<i128>, ConfigError> {
    amount(given(value, name)?, name, QTY_DECIMALS).map(Some)
}

/// A limit in the quote currency, × 10⁸.
pub(super) fn quote(value: Option<&String>, name: &'static str) -> Result<Option<i128>, ConfigError> {
    amount(given(value, name)?, name, QUOTE_DECIMALS).map(Some)
}

/// A limit that is a number within 0..=`max`.
pub(super) fn number(value: Option<u32>, max: u32, name: &'static str) -> Result<Option<i128>, ConfigError> {
    count(given(value, name)?, max, name, "0..=100000").map(|n| Some(i128::from(n)))
}

/// A limit that is a ratio, × 10⁶.
pub(super) fn ratio(value: Option<&String>, name: &'static str) -> Result<Option<i128>, ConfigError> {
    amount(given(value, name)?, name, 6).map(Some)
}

/// A limit in 10⁻⁶.
pub(super) fn ppm(value: Option<u32>, name: &'static str) -> Result<Option<i128>, ConfigError> {
    given(value, name).map(|n| Some(i128::from(n)))
}

/// A limit in milliseconds, as nanoseconds.
pub(super) fn span(value: Option<u64>, name: &'static str) -> Result<Option<i128>, ConfigError> {
    millis(given(value, name)?, name).map(|n| Some(i128::from(n)))
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
