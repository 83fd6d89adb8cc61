//! Edge: when a breaker opens, for how long, and what closes it again.

use super::window::BUCKETS;
use crate::risk::config::{ConfigError, amount, count};
use crate::risk::money::QUOTE_DECIMALS;
use crate::types::time::{MILLIS, Nanos};
use serde::{Deserialize, Serialize};

/// `[risk.breakers]`: a part for each scope; a scope without one has no breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// One breaker for each strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Limits>,
    /// One for each kind of venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<Limits>,
    /// One for each instrument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<Limits>,
}

/// One scope's limits. At least one of the five must be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Length of the window, in milliseconds of input time, 16..=864000000. It moves in sixteenths.
    pub window_ms: u64,
    /// Fewest orders (answers, fills) in the window before a rate or a mean of them counts, 1..=1000000.
    pub orders_min: u32,
    /// Largest part of the orders that may fail (no answer, not sent), in 10⁻⁶, 0..=1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors_ppm: Option<u32>,
    /// Largest part of the orders that the venue may refuse, in 10⁻⁶, 0..=1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejects_ppm: Option<u32>,
    /// Largest mean slippage of the fills against the mid at the decision, by value, in 10⁻⁶, 0..=1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slippage_ppm: Option<u32>,
    /// Largest mean time from order to answer, in milliseconds, 0..=864000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// Largest realised loss in the window, fees included, in the quote currency; a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// How long it stays open the first time, in milliseconds of input time, 1..=864000000; each further time in a row twice
    /// as long.
    pub open_ms: u64,
    /// How long it stays open at most, `open_ms`..=864000000.
    pub open_ms_max: u64,
    /// Probes that must be answered well before it closes, and that may be sent until then, 1..=1000.
    pub probes: u32,
    /// A probe without an answer for so long has failed, in milliseconds of input time, 1..=864000000.
    pub probe_ms: u64,
}

impl Default for Limits {
    /// A minute's window, no limit.
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            orders_min: 10,
            errors_ppm: None,
            rejects_ppm: None,
            slippage_ppm: None,
            latency_ms: None,
            loss: None,
            open_ms: 30_000,
            open_ms_max: 1_800_000,
            probes: 3,
            probe_ms: 10_000,
        }
    }
}

/// The limits, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) bucket: Nanos,
    pub(super) orders_min: u32,
    pub(super) errors_ppm: Option<u32>,
    pub(super) rejects_ppm: Option<u32>,
    pub(super) slippage_ppm: Option<u32>,
    pub(super) latency: Option<Nanos>,
    pub(super) loss_e8: Option<i128>,
    open: Nanos,
    open_max: Nanos,
    pub(super) probes: u32,
    pub(super) probe: Nanos,
}

const DAYS_10: u64 = 864_000_000;

impl Settings {
    pub(super) fn new(limits: &Limits) -> Result<Self, ConfigError> {
        let within = |value: u64, least: u64, name, range| {
            if (least..=DAYS_10).contains(&value) {
                Ok(value as i64 * MILLIS)
            } else {
                Err(ConfigError::Range { name, range })
            }
        };
        let ppm = |value: Option<u32>, name| value.map(|ppm| count(ppm, 1_000_000, name, "0..=1000000")).transpose();
        let any = limits.errors_ppm.is_some()
            || limits.rejects_ppm.is_some()
            || limits.slippage_ppm.is_some()
            || limits.latency_ms.is_some()
            || limits.loss.is_some();
        if !any {
            return Err(ConfigError::MissingLimit(
                "breakers: errors_ppm, rejects_ppm, slippage_ppm, latency_ms or loss (one at least)",
            ));
        }
        if !(1..=1_000_000).contains(&limits.orders_min) {
            return Err(ConfigError::Range { name: "breakers.orders_min", range: "1..=1000000" });
        }
        if !(1..=1_000).contains(&limits.probes) {
            return Err(ConfigError::Range { name: "breakers.probes", range: "1..=1000" });
        }
        let window = within(limits.window_ms, 16, "breakers.window_ms", "16..=864000000 ms")?;
        Ok(Self {
            bucket: window / BUCKETS as i64,
            orders_min: limits.orders_min,
            errors_ppm: ppm(limits.errors_ppm, "breakers.errors_ppm")?,
            rejects_ppm: ppm(limits.rejects_ppm, "breakers.rejects_ppm")?,
            slippage_ppm: ppm(limits.slippage_ppm, "breakers.slippage_ppm")?,
            latency: limits
                .latency_ms
                .map(|ms| within(ms, 0, "breakers.latency_ms", "0..=864000000 ms"))
                .transpose()?,
            loss_e8: limits.loss.as_deref().map(|text| amount(text, "breakers.loss", QUOTE_DECIMALS)).transpose()?,
            open: within(limits.open_ms, 1, "breakers.open_ms", "1..=864000000 ms")?,
            open_max: within(
                limits.open_ms_max,
                limits.open_ms.max(1),
                "breakers.open_ms_max",
                "open_ms..=864000000 ms",
            )?,
            probes: limits.probes,
            probe: within(limits.probe_ms, 1, "breakers.probe_ms", "1..=864000000 ms")?,
        })
    }

    /// How long it stays open after `openings` before.
    #[inline]
    pub(super) fn span(&self, openings: u32) -> Nanos {
        // 2³⁰ times a millisecond is more than ten days.
        self.open.saturating_mul(1 << openings.min(30)).min(self.open_max)
    }
}
