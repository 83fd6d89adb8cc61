//! Hot: realised volatility of the mid.

use super::Feature;
use super::tick::{Tick, wakes};
use crate::types::time::{NO_TIME, Nanos, UnixNanos};
use serde::{Deserialize, Serialize};

/// `kind = "realized_vol"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Distance of the samples in milliseconds, 1 to 3 600 000.
    pub sample_ms: u64,
    /// Returns in the window, 2 to 4096.
    pub samples: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { sample_ms: 1_000, samples: 30 }
    }
}

/// √Σr² over the last `samples` log returns of the mid, sampled at multiples of `sample_ms` with the mid that held then
/// (Andersen & Bollerslev 1998). The volatility of the whole window, as a fraction, not annualised.
///
/// Warm after `samples` returns over one whole book; needs a tradable book. A broken book starts it anew; a pause is
/// passed over: neither the time nor the jump of it is sampled. Returns are held as integers of 10⁻¹⁵, so the sum is
/// exact. Work: after silence of many sample times at most `samples` steps.
#[derive(Clone, Debug)]
pub struct RealizedVol {
    sample_ns: Nanos,
    /// Returns in 10⁻¹⁵.
    ring: Box<[i64]>,
    at: usize,
    seen: usize,
    sum_squares: i128,
    /// Mid of the last sample.
    sampled: Option<f64>,
    /// Mid now; `None` in a pause.
    mid: Option<f64>,
    /// Time of the next sample; `NO_TIME` while nothing is sampled.
    next: UnixNanos,
    value: Option<f64>,
}

const UNITS: f64 = 1e15;

impl RealizedVol {
    fn restart(&mut self) {
        (self.at, self.seen, self.sum_squares) = (0, 0, 0);
        (self.sampled, self.mid, self.next, self.value) = (None, None, NO_TIME, None);
    }

    fn push(&mut self, log_return: f64) {
        // |ln| of a ratio of positive floats is below 1 500, so this is far from the ends of both integers.
        let units = libm::rint(log_return * UNITS) as i64;
        let square = |x: i64| i128::from(x) * i128::from(x);
        if self.seen == self.ring.len() {
            self.sum_squares -= square(self.ring[self.at]);
        } else {
            self.seen += 1;
        }
        self.ring[self.at] = units;
        self.sum_squares += square(units);
        self.at = if self.at + 1 == self.ring.len() { 0 } else { self.at + 1 };
    }

    /// Takes the samples that are due, with the mid that held until now.
    #[cold]
    fn sample(&mut self, now: UnixNanos) -> bool {
        let Some(mid) = self.mid else { return false };
        let due = (i128::from(now) - i128::from(self.next)) / i128::from(self.sample_ns) + 1;
        self.next = self.boundary_after(now);
        let steps = due.min(self.ring.len() as i128 + 1);
        for _ in 0..steps {
            if let Some(before) = self.sampled.replace(mid) {
                self.push(if before == mid { 0.0 } else { libm::log(mid / before) });
            }
        }
        let full = self.seen == self.ring.len();
        self.value = full.then(|| libm::sqrt(self.sum_squares as f64) / UNITS);
        full
    }

    fn boundary_after(&self, now: UnixNanos) -> UnixNanos {
        now.div_euclid(self.sample_ns).saturating_add(1).saturating_mul(self.sample_ns)
    }
}

impl Feature for RealizedVol {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK | wakes::TIME;

    fn new(params: &Params) -> Result<Self, String> {
        if !(1..=3_600_000).contains(&params.sample_ms) {
            return Err(format!("`sample_ms` must be 1..=3600000, not {}", params.sample_ms));
        }
        if !(2..=4_096).contains(&params.samples) {
            return Err(format!("`samples` must be 2..=4096, not {}", params.samples));
        }
        Ok(Self {
            sample_ns: params.sample_ms as i64 * 1_000_000,
            ring: vec![0; params.samples as usize].into_boxed_slice(),
            at: 0,
            seen: 0,
            sum_squares: 0,
            sampled: None,
            mid: None,
            next: NO_TIME,
            value: None,
        })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if tick.book_broken {
            self.restart();
        }
        if tick.book_paused {
            (self.mid, self.sampled, self.next) = (None, None, NO_TIME);
        }
        let updated = self.next != NO_TIME && tick.now >= self.next && self.sample(tick.now);
        if tick.book_fresh && tick.mid > 0.0 {
            self.mid = Some(tick.mid);
            if self.next == NO_TIME {
                self.next = self.boundary_after(tick.now);
            }
        }
        updated
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }

    fn wakes_at(&self) -> UnixNanos {
        if self.next == NO_TIME { UnixNanos::MAX } else { self.next }
    }
}

#[cfg(test)]
mod tests {
    use crate::feature::testkit::Scene;
    use proptest::prelude::*;

    #[test]
    fn the_reference_vector() {
        // r = (5, −3, 8, −10)·10⁻⁴ gives RV 1.98·10⁻⁶.
        let mut scene = Scene::new("[[features]]\nkind='realized_vol'\nsample_ms=1000\nsamples=4");
        let mut mid = 1e9f64;
        let mut out = scene.step();
        for (i, r) in [0.0, 5e-4, -3e-4, 8e-4, -10e-4, 0.0].into_iter().enumerate() {
            mid *= f64::exp(r);
            scene.at_ms(i as i64 * 1_000);
            let px = mid.round() as i64;
            scene.top(px - 1, 5, px + 1, 5);
            out = scene.step();
        }
        let rv = out.get(0).unwrap().powi(2);
        assert!((rv - 1.98e-6).abs() < 1e-11, "{rv}");
    }

    proptest! {
        /// The oracle samples the whole path again and sums afresh.
        #[test]
        fn agrees_with_the_batch(path in proptest::collection::vec((0i64..3_500, 9_000i64..11_000), 2..40)) {
            let mut scene = Scene::new("[[features]]\nkind='realized_vol'\nsample_ms=1000\nsamples=5");
            let (mut now, mut past) = (100, Vec::<(i64, f64)>::new());
            for (ms, mid) in path {
                now += ms;
                scene.at_ms(now);
                scene.top(mid - 1, 5, mid + 1, 5);
                let out = scene.step();
                let first = past.first().map_or(i64::MAX, |p| p.0);
                // Mids that held just before each boundary up to now.
                let samples: Vec<f64> = (0..=now / 1_000)
                    .map(|k| k * 1_000)
                    .filter(|&at| at > first)
                    .map(|at| past.iter().rev().find(|p| p.0 < at).unwrap().1)
                    .collect();
                past.push((now, mid as f64));
                prop_assert_eq!(out.get(0).is_some(), samples.len() > 5);
                if let Some(value) = out.get(0) {
                    let sum: f64 = samples.windows(2).rev().take(5).map(|w| (w[1] / w[0]).ln().powi(2)).sum();
                    prop_assert!((value - sum.sqrt()).abs() < 1e-12, "{} {}", value, sum.sqrt());
                }
            }
        }
    }
}
