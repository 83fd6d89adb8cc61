//! Hot: exponential moving average of closes.

use super::Feature;
use super::indicator::ema::Ema as Core;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// `kind = "ema"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// N of α = 2 ÷ (N + 1), 1 to 1000.
    pub period: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 20 }
    }
}

/// Exponential average of closes, a price; seeded with the mean of the first `period`, and warm with it. Does not look
/// at the book.
#[derive(Clone, Debug)]
pub struct Ema {
    params: Params,
    core: Core,
}

impl Feature for Ema {
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
