//! Hot: average true range (Wilder 1978).

use super::ema::Ema;
use super::sma::Sma;
use crate::types::decimal::rescale;

/// How the true ranges are averaged.
#[derive(Clone, Debug)]
enum Average {
    Wilder(Ema),
    Simple { ranges: Sma, value: Option<f64> },
}

/// TR = max(H − L, |H − C'|, |L − C'|), for the first bar H − L; averaged by Wilder's smoothing or simply.
#[derive(Clone, Debug)]
pub struct Atr {
    last_close: Option<i64>,
    average: Average,
}

impl Atr {
    /// ATR ← (ATR·(N − 1) + TR) ÷ N, seeded with the mean of the first N.
    pub fn wilder(period: u32) -> Self {
        Self { last_close: None, average: Average::Wilder(Ema::wilder(period)) }
    }

    /// The mean of the last N true ranges.
    pub fn simple(period: u32) -> Self {
        Self { last_close: None, average: Average::Simple { ranges: Sma::new(period), value: None } }
    }

    /// Takes in a bar, in price units; `unit` is 10^price_decimals. Returns the true range in price units, saturated.
    #[inline]
    pub fn push(&mut self, high: i64, low: i64, close: i64, unit: f64) -> i64 {
        let (top, bottom) = self.last_close.map_or((high, low), |last| (high.max(last), low.min(last)));
        self.last_close = Some(close);
        let range = top.saturating_sub(bottom);
        match &mut self.average {
            Average::Wilder(ema) => ema.push(range as f64 / unit),
            Average::Simple { ranges, value } => {
                ranges.push(range);
                *value = ranges.mean(unit);
            }
        }
        range
    }

    /// The average true range as a price, from bar number `period` on.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        match &self.average {
            Average::Wilder(ema) => ema.value(),
            Average::Simple { value, .. } => *value,
        }
    }

    /// Multiplies held prices by 10^`finer_by`; `false` if one does not fit.
    pub fn rescale(&mut self, finer_by: u8) -> bool {
        if let Some(last) = self.last_close {
            let Some(scaled) = rescale(last, finer_by) else { return false };
            self.last_close = Some(scaled);
        }
        match &mut self.average {
            Average::Wilder(_) => true,
            Average::Simple { ranges, .. } => ranges.rescale(finer_by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_vector() {
        let bars = [(100, 90, 95), (110, 95, 108), (120, 105, 110), (115, 105, 112), (125, 110, 123), (130, 120, 121)];
        let (mut ranges, mut out) = (Vec::new(), Vec::new());
        let mut atr = Atr::wilder(3);
        for (high, low, close) in bars {
            ranges.push(atr.push(high, low, close, 10.0));
            out.extend(atr.value());
        }
        assert_eq!(ranges, [10, 15, 15, 10, 15, 10]);
        for (ours, theirs) in out.iter().zip([1.3333, 1.2222, 1.3148, 1.2099]) {
            assert!((ours - theirs).abs() <= 5e-5, "{ours} {theirs}");
        }
        assert_eq!(out.len(), 4);
    }

    #[test]
    fn a_finer_scale_changes_nothing() {
        for make in [Atr::wilder, Atr::simple] {
            let (mut one, mut two) = (make(2), make(2));
            for atr in [&mut one, &mut two] {
                atr.push(100, 90, 95, 10.0);
                atr.push(112, 95, 108, 10.0);
            }
            assert!(two.rescale(2));
            one.push(125, 110, 120, 10.0);
            two.push(12_500, 11_000, 12_000, 1000.0);
            assert_eq!(one.value(), two.value());
        }
    }
}
