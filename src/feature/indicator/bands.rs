//! Hot: Bollinger bands.

use super::sma::Sma;

/// Middle = SMA(N); upper and lower = middle ± k·σ, with the population σ of the last N closes.
///
/// Σx and Σx² are integers, so that σ suffers no cancellation: N·Σx² − (Σx)² is exact.
#[derive(Clone, Debug)]
pub struct Bands {
    closes: Sma,
    /// Σx² of the window; `None` if it did not fit 127 bits, which stays so.
    sum_squares: Option<i128>,
    width_sigma: f64,
}

/// The bands at one time, as prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandValues {
    /// The mean.
    pub middle: f64,
    /// Population standard deviation.
    pub sigma: f64,
    /// Upper band.
    pub upper: f64,
    /// Lower band.
    pub lower: f64,
}

impl BandValues {
    /// %b = (close − lower) ÷ (upper − lower); `None` while the bands have no width.
    #[inline]
    pub fn percent_b(&self, close: f64) -> Option<f64> {
        let width = self.upper - self.lower;
        (width > 0.0).then(|| (close - self.lower) / width)
    }

    /// (upper − lower) ÷ middle, as a fraction; `None` where the middle is 0.
    #[inline]
    pub fn bandwidth(&self) -> Option<f64> {
        (self.middle != 0.0).then(|| (self.upper - self.lower) / self.middle)
    }
}

impl Bands {
    /// Over `period` closes, ± `width_sigma` standard deviations.
    pub fn new(period: u32, width_sigma: f64) -> Self {
        Self { closes: Sma::new(period), sum_squares: Some(0), width_sigma }
    }

    /// Takes in a close in price units.
    #[inline]
    pub fn push(&mut self, close: i64) {
        let square = |x: i64| i128::from(x) * i128::from(x);
        let gone = self.closes.push(close).map_or(0, square);
        self.sum_squares = self.sum_squares.and_then(|sum| (sum - gone).checked_add(square(close)));
    }

    /// The bands of a full window; `unit` is 10^price_decimals.
    #[inline]
    pub fn values(&self, unit: f64) -> Option<BandValues> {
        let middle = self.closes.mean(unit)?;
        let n = self.closes.period() as i128;
        let sum = self.closes.sum();
        let variance = n.checked_mul(self.sum_squares?)?.checked_sub(sum.checked_mul(sum)?)?;
        let sigma = libm::sqrt(variance as f64) / (n as f64 * unit);
        let half = self.width_sigma * sigma;
        Some(BandValues { middle, sigma, upper: middle + half, lower: middle - half })
    }

    /// Multiplies held prices by 10^`finer_by`; `false` if they do not fit.
    pub fn rescale(&mut self, finer_by: u8) -> bool {
        let factor = crate::types::decimal::rescale(1, finer_by).map(i128::from);
        self.sum_squares = self.sum_squares.zip(factor).and_then(|(sum, f)| sum.checked_mul(f.checked_mul(f)?));
        self.sum_squares.is_some() && self.closes.rescale(finer_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_reference_vector() {
        let mut bands = Bands::new(5, 2.0);
        for close in [10, 11, 12, 11, 13] {
            bands.push(close);
        }
        let v = bands.values(1.0).unwrap();
        let close = |ours: f64, theirs: f64, within: f64| assert!((ours - theirs).abs() <= within, "{ours} {theirs}");
        close(v.middle, 11.4, 1e-12);
        close(v.sigma, 1.019804, 5e-7);
        close(v.upper, 13.43961, 5e-6);
        close(v.lower, 9.36039, 5e-6);
        close(v.percent_b(13.0).unwrap(), (13.0 - 9.36039) / (13.43961 - 9.36039), 1e-5);
    }

    #[test]
    fn without_width_there_is_no_percent_b() {
        let mut bands = Bands::new(3, 2.0);
        for close in [7; 3] {
            bands.push(close);
        }
        let v = bands.values(1.0).unwrap();
        assert_eq!((v.sigma, v.percent_b(7.0)), (0.0, None));
    }

    proptest! {
        #[test]
        fn agrees_with_the_batch(values in proptest::collection::vec(0i64..10_000_000, 1..60), period in 1u32..12) {
            let mut bands = Bands::new(period, 2.0);
            for (i, &value) in values.iter().enumerate() {
                bands.push(value);
                let n = period as usize;
                prop_assert_eq!(bands.values(100.0).is_some(), i + 1 >= n);
                if let Some(v) = bands.values(100.0) {
                    let window: Vec<f64> = values[i + 1 - n..=i].iter().map(|&x| x as f64 / 100.0).collect();
                    let mean = window.iter().sum::<f64>() / n as f64;
                    let sigma = (window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
                    prop_assert!((v.middle - mean).abs() < 1e-9 * mean.max(1.0));
                    prop_assert!((v.sigma - sigma).abs() < 1e-9 * mean.max(1.0), "{} {}", v.sigma, sigma);
                }
            }
        }
    }
}
