//! Hot: volume-weighted average over bars.

use super::Feature;
use super::tick::{Interval, Tick, check_period, wakes};
use crate::event::market::Candle;
use crate::types::price::pow10;
use serde::{Deserialize, Serialize};

/// The price that stands for a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Price {
    /// (H + L + C) ÷ 3.
    #[default]
    Typical,
    /// (O + H + L + C) ÷ 4.
    Average,
    /// C: then this is the volume-weighted moving average (VWMA).
    Close,
}

/// `kind = "bar_vwap"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Interval,
    /// Bars in the window, 1 to 1000.
    pub period: u32,
    /// `typical`, `average` or `close`.
    pub price: Price,
}

impl Default for Params {
    fn default() -> Self {
        Self { interval: Interval::Second, period: 20, price: Price::Typical }
    }
}

/// Σ price·volume ÷ Σ volume over the last `period` bars, in integers.
#[derive(Clone, Debug)]
pub struct VolumeWeighted {
    price: Price,
    /// Bar price × its divisor × volume, and volume.
    ring: Box<[(i128, i64)]>,
    at: usize,
    seen: usize,
    turnover: i128,
    volume: i128,
    /// A sum did not fit, which stays so.
    overflowed: bool,
}

impl VolumeWeighted {
    /// Over `period` bars, at least 1.
    pub fn new(period: u32, price: Price) -> Self {
        let ring = vec![(0, 0); period.max(1) as usize].into_boxed_slice();
        Self { price, ring, at: 0, seen: 0, turnover: 0, volume: 0, overflowed: false }
    }

    /// Takes in a bar.
    #[inline]
    pub fn push(&mut self, bar: &Candle) {
        let (open, high, low, close) =
            (i128::from(bar.open.0), i128::from(bar.high.0), i128::from(bar.low.0), i128::from(bar.close.0));
        let price = match self.price {
            Price::Typical => high + low + close,
            Price::Average => open + high + low + close,
            Price::Close => close,
        };
        let Some(turnover) = price.checked_mul(i128::from(bar.volume.0)) else {
            self.overflowed = true;
            return;
        };
        let (gone_turnover, gone_volume) = core::mem::replace(&mut self.ring[self.at], (turnover, bar.volume.0));
        self.at = if self.at + 1 == self.ring.len() { 0 } else { self.at + 1 };
        self.seen = (self.seen + 1).min(self.ring.len());
        self.volume += i128::from(bar.volume.0) - i128::from(gone_volume);
        match (self.turnover - gone_turnover).checked_add(turnover) {
            Some(sum) => self.turnover = sum,
            None => self.overflowed = true,
        }
    }

    /// The average of a full window with volume, as a price; `unit` is 10^price_decimals.
    #[inline]
    pub fn value(&self, unit: f64) -> Option<f64> {
        let divisor = match self.price {
            Price::Typical => 3.0,
            Price::Average => 4.0,
            Price::Close => 1.0,
        };
        (self.seen == self.ring.len() && self.volume > 0 && !self.overflowed)
            .then(|| self.turnover as f64 / (self.volume as f64 * (divisor * unit)))
    }

    /// Multiplies prices and quantities; `false` if one does not fit.
    pub fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
        let (px, qty) = (pow10(px_finer_by.min(18)), pow10(qty_finer_by.min(18)));
        let factor = i128::from(px) * i128::from(qty);
        for (turnover, volume) in &mut self.ring {
            match (turnover.checked_mul(factor), volume.checked_mul(qty)) {
                (Some(t), Some(v)) => (*turnover, *volume) = (t, v),
                _ => return false,
            }
        }
        match (self.turnover.checked_mul(factor), self.volume.checked_mul(i128::from(qty))) {
            (Some(t), Some(v)) => (self.turnover, self.volume) = (t, v),
            _ => return false,
        }
        true
    }
}

/// [`VolumeWeighted`] of the closed candles. Warm after `period` bars that held a trade between them; does not look at
/// the book. Empty bars count as bars.
#[derive(Clone, Debug)]
pub struct BarVwap {
    params: Params,
    average: VolumeWeighted,
    value: Option<f64>,
}

impl Feature for BarVwap {
    type Params = Params;
    const NEEDS_BOOK: bool = false;
    const WAKES: u8 = wakes::BAR;

    fn new(params: &Params) -> Result<Self, String> {
        check_period("period", params.period)?;
        Ok(Self { average: VolumeWeighted::new(params.period, params.price), params: params.clone(), value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        let closed = tick.feed_bars(self.params.interval, self.params.period, |bar| self.average.push(bar));
        if closed {
            self.value = self.average.value(tick.px_unit());
        }
        closed
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }

    fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
        self.average.rescale(px_finer_by, qty_finer_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::price::{Px, Qty};
    use proptest::prelude::*;

    fn bar(price: i64, volume: i64) -> Candle {
        Candle {
            open: Px(price - 1),
            high: Px(price + 3),
            low: Px(price - 2),
            close: Px(price),
            volume: Qty(volume),
            ..Candle::default()
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_batch(bars in proptest::collection::vec((1i64..100_000, 0i64..1_000), 1..40), period in 1u32..8) {
            for price in [Price::Typical, Price::Average, Price::Close] {
                let mut average = VolumeWeighted::new(period, price);
                for (i, &(p, v)) in bars.iter().enumerate() {
                    average.push(&bar(p, v));
                    let n = period as usize;
                    let window = if i + 1 >= n { &bars[i + 1 - n..=i] } else { &[] };
                    let volume: i64 = window.iter().map(|b| b.1).sum();
                    let expected = (volume > 0).then(|| {
                        let stands = |p: i64| match price {
                            Price::Typical => p as f64 + 1.0 / 3.0,
                            Price::Average | Price::Close => p as f64,
                        };
                        window.iter().map(|b| stands(b.0) * b.1 as f64).sum::<f64>() / volume as f64 / 100.0
                    });
                    match (average.value(100.0), expected) {
                        (Some(ours), Some(theirs)) => prop_assert!((ours - theirs).abs() < 1e-9 * theirs),
                        (ours, theirs) => prop_assert_eq!(ours, theirs),
                    }
                }
                let before = average.value(100.0);
                prop_assert!(average.rescale(1, 2));
                prop_assert_eq!(average.value(1_000.0), before);
            }
        }
    }
}
