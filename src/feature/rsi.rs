//! Hot: relative strength index of closes (Wilder 1978).

use super::Feature;
use super::indicator::rsi::Rsi as Core;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// `kind = "rsi"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Changes in the average, 1 to 1000.
    pub period: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 14 }
    }
}

/// 0..=100. Warm after `period` + 1 bars; does not look at the book.
#[derive(Clone, Debug)]
pub struct Rsi {
    params: Params,
    core: Core,
}

impl Feature for Rsi {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("period", params.period)?;
        Ok(Self { core: Core::new(params.period), params: params.clone() })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        tick.feed_bars(self.params.interval, self.params.period, |bar| self.core.push(tick.px(bar.close)))
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.core.value()
    }
}
