//! Hot: simple moving average of closes.

use super::Feature;
use super::indicator::sma::Sma as Core;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// `kind = "sma"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Bars, 1 to 1000.
    pub period: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 20 }
    }
}

/// Mean of the last `period` closes, a price. Warm after `period` bars; does not look at the book.
#[derive(Clone, Debug)]
pub struct Sma {
    params: Params,
    core: Core,
    value: Option<f64>,
}

impl Feature for Sma {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("period", params.period)?;
        Ok(Self { core: Core::new(params.period), params: params.clone(), value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        let closed = tick.feed_bars(self.params.interval, self.params.period, |bar| {
            self.core.push(bar.close.0);
        });
        if closed {
            self.value = self.core.mean(tick.px_unit());
        }
        closed
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }

    fn rescale(&mut self, px_finer_by: u8, _: u8) -> bool {
        self.core.rescale(px_finer_by)
    }
}
