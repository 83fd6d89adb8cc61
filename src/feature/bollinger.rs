//! Hot: Bollinger bands of closes.

use super::Feature;
use super::indicator::bands::Bands;
use super::tick::{Interval, Tick, check_period, wakes};
use serde::{Deserialize, Serialize};

/// What is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The mean, a price.
    #[default]
    Middle,
    /// The upper band, a price.
    Upper,
    /// The lower band, a price.
    Lower,
    /// (close − lower) ÷ (upper − lower): 0 at the lower band, 1 at the upper one; not warm while the bands have no width.
    PercentB,
    /// (upper − lower) ÷ middle, a fraction.
    Bandwidth,
}

/// `kind = "bollinger"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Bars, 2 to 1000.
    pub period: u32,
    /// Half width of the bands in population standard deviations, above 0 and at most 10.
    pub width_sigma: f64,
    /// `middle`, `upper`, `lower`, `percent_b` or `bandwidth`.
    pub output: Output,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 20, width_sigma: 2.0, output: Output::Middle }
    }
}

/// Warm after `period` bars; does not look at the book.
#[derive(Clone, Debug)]
pub struct Bollinger {
    params: Params,
    core: Bands,
    value: Option<f64>,
}

impl Feature for Bollinger {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("period", params.period)?;
        if params.period < 2 {
            return Err("`period` must be at least 2".to_owned());
        }
        if !(params.width_sigma > 0.0 && params.width_sigma <= 10.0) {
            return Err(format!("`width_sigma` must be above 0 and at most 10, not {}", params.width_sigma));
        }
        Ok(Self { core: Bands::new(params.period, params.width_sigma), params: params.clone(), value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        let closed = tick.feed_bars(self.params.interval, self.params.period, |bar| self.core.push(bar.close.0));
        if let Some(candle) = tick.closed(self.params.interval) {
            let output = self.params.output;
            self.value = self.core.values(tick.px_unit()).and_then(|bands| match output {
                Output::Middle => Some(bands.middle),
                Output::Upper => Some(bands.upper),
                Output::Lower => Some(bands.lower),
                Output::PercentB => bands.percent_b(tick.px(candle.close)),
                Output::Bandwidth => bands.bandwidth(),
            });
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
