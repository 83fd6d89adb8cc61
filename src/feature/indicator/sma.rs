//! Hot: simple moving average over integers.

use crate::types::decimal::rescale;

/// The sum of the last `period` values, exactly.
#[derive(Clone, Debug)]
pub struct Sma {
    ring: Box<[i64]>,
    at: usize,
    seen: usize,
    sum: i128,
}

impl Sma {
    /// An empty window of `period` values, at least 1.
    pub fn new(period: u32) -> Self {
        Self { ring: vec![0; period.max(1) as usize].into_boxed_slice(), at: 0, seen: 0, sum: 0 }
    }

    /// Takes in a value; returns the one that fell out of the full window.
    #[inline]
    pub fn push(&mut self, value: i64) -> Option<i64> {
        let full = self.is_full();
        let gone = core::mem::replace(&mut self.ring[self.at], value);
        self.at = if self.at + 1 == self.ring.len() { 0 } else { self.at + 1 };
        // Cannot overflow: at most 2^32 values of 63 bits.
        self.sum += i128::from(value);
        if full {
            self.sum -= i128::from(gone);
            Some(gone)
        } else {
            self.seen += 1;
            None
        }
    }

    /// Whether `period` values were seen.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.seen == self.ring.len()
    }

    /// Values in a full window.
    #[inline]
    pub fn period(&self) -> usize {
        self.ring.len()
    }

    /// The sum of the values in the window.
    #[inline]
    pub fn sum(&self) -> i128 {
        self.sum
    }

    /// The mean of a full window, divided by `unit` (10^decimals of the values).
    #[inline]
    pub fn mean(&self, unit: f64) -> Option<f64> {
        self.is_full().then(|| self.sum as f64 / (self.ring.len() as f64 * unit))
    }

    /// Multiplies all by 10^`finer_by`; `false` if one does not fit.
    pub fn rescale(&mut self, finer_by: u8) -> bool {
        for value in &mut self.ring {
            match rescale(*value, finer_by) {
                Some(scaled) => *value = scaled,
                None => return false,
            }
        }
        self.sum = self.ring.iter().map(|&v| i128::from(v)).sum();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_batch(values in proptest::collection::vec(any::<i64>(), 1..80), period in 1u32..12, by in 0u8..3) {
            let mut sma = Sma::new(period);
            for (i, &value) in values.iter().enumerate() {
                sma.push(value);
                let from = (i + 1).saturating_sub(period as usize);
                prop_assert_eq!(sma.sum(), values[from..=i].iter().map(|&v| i128::from(v)).sum::<i128>());
                prop_assert_eq!(sma.is_full(), i + 1 >= period as usize);
            }
            let small: Vec<i64> = values.iter().map(|v| v % 1_000_000).collect();
            let mut sma = Sma::new(period);
            for &v in &small { sma.push(v); }
            let before = sma.mean(100.0);
            prop_assert!(sma.rescale(by));
            prop_assert_eq!(sma.mean(100.0 * 10f64.powi(i32::from(by))), before);
        }
    }
}
