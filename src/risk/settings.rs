//! Hot: what the stage is told once, at its start: spans and amounts that are no limits.

use super::config::{Config, ConfigError, amount, given, millis};
use super::money::QUOTE_DECIMALS;
use crate::types::time::Nanos;

/// Fixed for the life of the stage.
#[derive(Debug)]
pub(super) struct Settings {
    /// Least time between two attempts for one instrument.
    pub(super) cooldown: Nanos,
    /// A working order that is older is cancelled.
    pub(super) order_ttl: Nanos,
    /// A cancel that had no effect is asked for again after this.
    pub(super) cancel_retry: Nanos,
    /// A working order further behind the touch is cancelled.
    pub(super) requote_ticks: i64,
    /// Window of the rates of orders and messages; > 0.
    pub(super) rate_window: Nanos,
    /// Window of the repeated-execution throttle; > 0.
    pub(super) repeat_window: Nanos,
    /// What the host began with, × 10⁸ of the quote currency.
    pub(super) capital_e8: i128,
    /// What counts as tail of the gross value while there are too few returns, in 10⁻⁶.
    pub(super) cold_tail_ppm: Option<i128>,
    /// Gross value from which on a part is a concentration, same unit.
    pub(super) concentration_base_e8: i128,
}

impl Settings {
    /// # Errors
    /// [`ConfigError`]: missing, or out of range.
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let (orders, limits) = (&config.orders, &config.limits);
        let quote = |text: Option<&String>, name| amount(given(text, name)?, name, QUOTE_DECIMALS);
        let window = |value, name| match millis(given(value, name)?, name)? {
            0 => Err(ConfigError::Range { name, range: "1..=864000000 ms" }),
            window => Ok(window),
        };
        Ok(Self {
            cooldown: millis(orders.cooldown_ms, "cooldown_ms")?,
            order_ttl: millis(orders.order_ttl_ms, "order_ttl_ms")?,
            cancel_retry: millis(orders.cancel_retry_ms, "cancel_retry_ms")?,
            requote_ticks: i64::from(orders.requote_ticks),
            rate_window: window(limits.rate_window_ms, "rate_window_ms")?,
            repeat_window: window(limits.repeat_window_ms, "repeat_window_ms")?,
            capital_e8: quote(config.capital.as_ref(), "capital")?,
            cold_tail_ppm: config.cold_tail_ppm.map(i128::from),
            concentration_base_e8: quote(limits.concentration_base.as_ref(), "concentration_base")?,
        })
    }
}
