//! Hot: exponential moving average.

/// e ← e + α(x − e), seeded with the simple mean of the first `period` values.
#[derive(Clone, Debug)]
pub struct Ema {
    alpha: f64,
    period: u32,
    seen: u32,
    value: f64,
}

impl Ema {
    /// α = 2 ÷ (`period` + 1); `period` is at least 1.
    pub fn new(period: u32) -> Self {
        Self::with_alpha(period, 2.0 / (f64::from(period.max(1)) + 1.0))
    }

    /// Wilder's smoothing: α = 1 ÷ `period`, the same as (e·(N − 1) + x) ÷ N.
    pub fn wilder(period: u32) -> Self {
        Self::with_alpha(period, 1.0 / f64::from(period.max(1)))
    }

    fn with_alpha(period: u32, alpha: f64) -> Self {
        Self { alpha, period: period.max(1), seen: 0, value: 0.0 }
    }

    /// Takes in a value; one that is not finite is passed over.
    #[inline]
    pub fn push(&mut self, x: f64) {
        if !x.is_finite() {
            return;
        }
        if self.seen < self.period {
            self.seen += 1;
            self.value += x;
            if self.seen == self.period {
                self.value /= f64::from(self.period);
            }
            return;
        }
        self.value += self.alpha * (x - self.value);
        // An average that fades toward zero ends there, and not in denormal numbers, which are slow.
        if self.value.abs() < 1e-200 {
            self.value = 0.0;
        }
    }

    /// The average, once `period` values were seen.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        (self.seen == self.period).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_reference_vector() {
        let mut ema = Ema::new(3);
        let out: Vec<_> = [2.0, 4.0, 6.0, 8.0, 12.0, 14.0].map(|x| (ema.push(x), ema.value()).1).into();
        assert_eq!(out, [None, None, Some(4.0), Some(6.0), Some(9.0), Some(11.5)]);
        ema.push(f64::NAN);
        assert_eq!(ema.value(), Some(11.5));
    }

    proptest! {
        /// The oracle is the explicit weighted sum.
        #[test]
        fn agrees_with_the_batch(values in proptest::collection::vec(-1e3f64..1e3, 1..60), period in 1u32..10) {
            let mut ema = Ema::new(period);
            for &x in &values { ema.push(x); }
            let n = period as usize;
            let expected = (values.len() >= n).then(|| {
                let a = 2.0 / (f64::from(period) + 1.0);
                let seed = values[..n].iter().sum::<f64>() / n as f64;
                let k = values.len() - n;
                let tail: f64 = (0..k).map(|i| a * (1.0 - a).powi(i as i32) * values[values.len() - 1 - i]).sum();
                seed * (1.0 - a).powi(k as i32) + tail
            });
            match (ema.value(), expected) {
                (Some(ours), Some(theirs)) => prop_assert!((ours - theirs).abs() < 1e-9),
                (ours, theirs) => prop_assert_eq!(ours, theirs),
            }
        }
    }
}
