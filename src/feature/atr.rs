//! Hot: average true range (Wilder 1978).

use super::Feature;
use super::indicator::atr::Atr as Core;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// How true ranges are averaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// (ATR·(N − 1) + TR) ÷ N.
    #[default]
    Wilder,
    /// The mean of the last N.
    Simple,
}

/// `kind = "atr"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Bars in the average, 1 to 1000.
    pub period: u32,
    /// `wilder` or `simple`.
    pub smoothing: Smoothing,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 14, smoothing: Smoothing::Wilder }
    }
}

/// A difference of prices, ≥ 0. Warm after `period` bars; does not look at the book.
#[derive(Clone, Debug)]
pub struct Atr {
    params: Params,
    core: Core,
}

impl Feature for Atr {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("period", params.period)?;
        let core = match params.smoothing {
            Smoothing::Wilder => Core::wilder(params.period),
            Smoothing::Simple => Core::simple(params.period),
        };
        Ok(Self { core, params: params.clone() })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        let unit = tick.px_unit();
        tick.feed_bars(self.params.interval, self.params.period, |bar| {
            self.core.push(bar.high.0, bar.low.0, bar.close.0, unit);
        })
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.core.value()
    }

    fn rescale(&mut self, px_finer_by: u8, _: u8) -> bool {
        self.core.rescale(px_finer_by)
    }
}
