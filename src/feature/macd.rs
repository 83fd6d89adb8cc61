//! Hot: moving average convergence and divergence of closes.

use super::Feature;
use super::indicator::macd::Macd as Core;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// What is given; all are differences of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// EMA(fast) − EMA(slow).
    #[default]
    Line,
    /// EMA of the line.
    Signal,
    /// Line − signal.
    Histogram,
}

/// `kind = "macd"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Period of the fast average, 1 to 1000, below `slow`.
    pub fast: u32,
    /// Period of the slow average.
    pub slow: u32,
    /// Period of the signal's average.
    pub signal: u32,
    /// `line`, `signal` or `histogram`.
    pub output: Output,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, fast: 12, slow: 26, signal: 9, output: Output::Line }
    }
}

/// Warm after `slow` bars (line) or `slow` + `signal` − 1 (the others); does not look at the book.
#[derive(Clone, Debug)]
pub struct Macd {
    params: Params,
    core: Core,
}

impl Feature for Macd {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("fast", params.fast)?;
        check_period("slow", params.slow)?;
        check_period("signal", params.signal)?;
        if params.fast >= params.slow {
            return Err(format!("`fast` must be below `slow`, not {} and {}", params.fast, params.slow));
        }
        Ok(Self { core: Core::new(params.fast, params.slow, params.signal), params: params.clone() })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        let longest = self.params.slow.max(self.params.signal);
        tick.feed_bars(self.params.interval, longest, |bar| self.core.push(tick.px(bar.close)))
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        match self.params.output {
            Output::Line => self.core.line(),
            Output::Signal => self.core.signal(),
            Output::Histogram => self.core.histogram(),
        }
    }
}
