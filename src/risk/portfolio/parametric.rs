//! Hot: the portfolio's standard deviation from exponentially weighted covariances, kept up incrementally.
//!
//! Σ ← λΣ + (1 − λ)·r·rᵀ with zero mean (RiskMetrics Technical Document, 4th edition, 1996). Two things are added to the
//! textbook:
//!
//! - **Absent returns.** An instrument's own variance decays only with its own returns, so a closed market does not make it
//!   look calm. The matrix decays with every row, an absent return counting as 0 there, and is used with each row and column
//!   scaled to the own variance: S·G·S. As the scaled Gram matrix of real data it is always positive semidefinite, which
//!   pairwise averages are not, and where nothing is absent it is Σ itself. Both averages start as weighted means (sum of
//!   weights in the denominator), so no seed has to be chosen.
//! - **What is in flight.** An exposure is an interval from `low` (all sells filled) to `high` (all buys filled), centre c
//!   and half width h. σ is a norm, so σ(any outcome) ≤ σ(c) + Σ hᵢσᵢ: the figure is an upper bound of the worst outcome, and
//!   exact for one instrument. The same inequality holds for instruments whose correlations are not kept: they add
//!   max(|low|, |high|)·σ, as if all moved against us together.
//!
//! Costs: a row n², an exposure n, a question what one order would change O(1): σ²(x + Δ) = σ² + 2Δ(Σx)ᵢ + Δ²Σᵢᵢ.

use super::Exposure;

const NONE: u16 = u16::MAX;
/// Below this part of the own variance, what the matrix knows of an instrument is too old to scale up: correlation 1 then.
const FORGOTTEN: f64 = 1e-9;

/// An exponentially weighted mean of squares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ewma {
    sum: f64,
    weight: f64,
}

impl Ewma {
    pub(super) const EMPTY: Self = Self { sum: 0.0, weight: 0.0 };

    #[inline]
    pub(super) fn push(&mut self, lambda: f64, value: f64) {
        self.sum = lambda * self.sum + (1.0 - lambda) * value * value;
        self.weight = lambda * self.weight + (1.0 - lambda);
    }

    /// Variance per interval; 0 before the first return.
    #[inline]
    pub(super) fn variance(&self) -> f64 {
        if self.weight > 0.0 { self.sum / self.weight } else { 0.0 }
    }
}

/// Variances, covariances and what they say of the exposures.
#[derive(Debug)]
pub(super) struct Parametric {
    lambda: f64,
    // ---- By instrument ----
    own: Box<[Ewma]>,
    /// Own standard deviation per interval.
    sigma: Box<[f64]>,
    /// Row in the matrix; `NONE` = not kept.
    slot: Box<[u16]>,
    /// S: own σ ÷ the matrix's; 0 = correlation 1 against us.
    scale: Box<[f64]>,
    // ---- By row of the matrix ----
    rows: usize,
    rows_max: usize,
    /// G, `rows_max` wide.
    gram: Box<[f64]>,
    /// √(1 − λ)·r of the row that is taken in.
    fresh: Box<[f64]>,
    /// y = S·c.
    center: Box<[f64]>,
    /// G·y.
    product: Box<[f64]>,
    /// yᵀ·G·y.
    variance: f64,
    /// Σ of what is added with correlation 1.
    linear: f64,
}

impl Parametric {
    pub(super) fn new(lambda: f64, rows_max: usize, instruments_max: usize) -> Self {
        let rows_max = rows_max.min(instruments_max).min(usize::from(NONE));
        let floats = |n: usize| vec![0.0; n].into_boxed_slice();
        Self {
            lambda,
            own: vec![Ewma::EMPTY; instruments_max].into_boxed_slice(),
            sigma: floats(instruments_max),
            slot: vec![NONE; instruments_max].into_boxed_slice(),
            scale: floats(instruments_max),
            rows: 0,
            rows_max,
            gram: floats(rows_max * rows_max),
            fresh: floats(rows_max),
            center: floats(rows_max),
            product: floats(rows_max),
            variance: 0.0,
            linear: 0.0,
        }
    }

    /// The next row begins: all weights are one interval older.
    pub(super) fn begin(&mut self) {
        self.fresh.fill(0.0);
    }

    /// A return of the row that is taken in.
    #[inline]
    pub(super) fn take(&mut self, index: usize, change: f64) {
        let Some(slot) = self.slot.get_mut(index) else { return };
        if *slot == NONE && self.rows < self.rows_max {
            *slot = self.rows as u16;
            self.rows += 1;
        }
        if let Some(fresh) = self.fresh.get_mut(usize::from(*slot)) {
            // A root on both sides, so that the matrix is the same bits on both sides of its diagonal.
            *fresh = libm::sqrt(1.0 - self.lambda) * change;
        }
        self.own[index].push(self.lambda, change);
        self.sigma[index] = libm::sqrt(self.own[index].variance());
    }

    /// The row is complete: the matrix, and all that follows from it, for the exposures of `instruments`.
    pub(super) fn end(&mut self, instruments: &[u32], exposures: &[Exposure]) {
        let n = self.rows;
        for a in 0..n {
            let fresh = self.fresh[a];
            let row = &mut self.gram[a * self.rows_max..][..n];
            for (g, other) in row.iter_mut().zip(&self.fresh[..n]) {
                *g = self.lambda * *g + fresh * other;
            }
        }
        for &index in instruments {
            let index = index as usize;
            let variance = self.own[index].variance();
            let slot = usize::from(self.slot[index]);
            let kept = if slot < n { self.gram[slot * self.rows_max + slot] } else { 0.0 };
            self.scale[index] =
                if kept > FORGOTTEN * variance && kept > 0.0 { libm::sqrt(variance / kept) } else { 0.0 };
        }
        self.recompute(instruments, exposures);
    }

    /// What follows from the exposures, from the beginning: no rounding error lives longer than one interval.
    pub(super) fn recompute(&mut self, instruments: &[u32], exposures: &[Exposure]) {
        (self.variance, self.linear) = (0.0, 0.0);
        self.center.fill(0.0);
        self.product.fill(0.0);
        for &index in instruments {
            let exposure = exposures[index as usize];
            if exposure != Exposure::NONE {
                self.change(index as usize, Exposure::NONE, exposure);
            }
        }
    }

    /// What an exposure adds with correlation 1.
    #[inline]
    fn linear_of(&self, index: usize, exposure: Exposure) -> f64 {
        let size = if self.scale[index] > 0.0 { exposure.half_width() } else { exposure.largest() };
        size * self.sigma[index]
    }

    /// The instrument's row and its step in scaled units, if its correlations are known.
    #[inline]
    fn step(&self, index: usize, old: Exposure, new: Exposure) -> Option<(usize, f64)> {
        let scale = self.scale[index];
        (scale > 0.0).then(|| (usize::from(self.slot[index]), scale * (new.center() - old.center())))
    }

    /// An exposure changes.
    #[inline]
    pub(super) fn change(&mut self, index: usize, old: Exposure, new: Exposure) {
        self.linear += self.linear_of(index, new) - self.linear_of(index, old);
        let Some((slot, step)) = self.step(index, old, new) else { return };
        let row = &self.gram[slot * self.rows_max..][..self.rows];
        self.variance += 2.0 * step * self.product[slot] + step * step * row[slot];
        self.center[slot] += step;
        for (product, g) in self.product.iter_mut().zip(row) {
            *product += step * g;
        }
    }

    /// Standard deviation of the portfolio's result in one interval if the exposure of one instrument were another. O(1).
    #[inline]
    pub(super) fn sigma_with(&self, index: usize, old: Exposure, new: Exposure) -> f64 {
        let linear = self.linear + self.linear_of(index, new) - self.linear_of(index, old);
        let variance = self.step(index, old, new).map_or(self.variance, |(slot, step)| {
            let own = self.gram[slot * self.rows_max + slot];
            self.variance + 2.0 * step * self.product[slot] + step * step * own
        });
        libm::sqrt(variance.max(0.0)) + linear.max(0.0)
    }

    /// Standard deviation of the portfolio's result in one interval.
    #[inline]
    pub(super) fn sigma(&self) -> f64 {
        libm::sqrt(self.variance.max(0.0)) + self.linear.max(0.0)
    }

    /// The part of [`Parametric::sigma`] that an instrument brings: c·(Σc)ᵢ ÷ σ, and what is in flight. They sum to it.
    pub(super) fn component(&self, index: usize, exposure: Exposure) -> f64 {
        let whole = libm::sqrt(self.variance.max(0.0));
        let slot = usize::from(self.slot[index]);
        let inner = match self.center.get(slot).zip(self.product.get(slot)) {
            Some((y, m)) if whole > 0.0 => y * m / whole,
            _ => 0.0,
        };
        inner + self.linear_of(index, exposure)
    }

    /// Whether the fill of `delta` in the instrument would lower the variance whatever of all that is in flight is filled:
    /// 2Δ(Σx)ᵢ + Δ²Σᵢᵢ ≤ 0 at the worst x. O(n).
    pub(super) fn lowers(&self, index: usize, delta: f64, exposures: &[Exposure], instruments: &[u32]) -> bool {
        let scale = self.scale[index];
        if scale <= 0.0 || delta == 0.0 || !delta.is_finite() {
            return false;
        }
        let slot = usize::from(self.slot[index]);
        let row = &self.gram[slot * self.rows_max..][..self.rows];
        let step = scale * delta;
        let mut loose = 0.0;
        for &other in instruments {
            let other = other as usize;
            let g = row.get(usize::from(self.slot[other])).copied().unwrap_or(0.0);
            loose += self.scale[other] * exposures[other].half_width() * g.abs();
        }
        2.0 * step * self.product[slot] + 2.0 * step.abs() * loose + step * step * row[slot] <= 0.0
    }

    /// Variance of the instrument's return in one interval.
    #[inline]
    pub(super) fn own_variance(&self, index: usize) -> f64 {
        self.own.get(index).map_or(0.0, Ewma::variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_riskmetrics_vector() {
        let mut ewma = Ewma { sum: 1e-4, weight: 1.0 };
        for change in [0.01, -0.02, 0.005] {
            ewma.push(0.94, change);
        }
        assert!((ewma.variance() - 1.12420e-4).abs() < 5e-10, "{}", ewma.variance());
        // Mean age, half-life and 99 % of the weight.
        assert!((1.0f64 / 0.06 - 16.7).abs() < 0.05);
        assert!((libm::log(0.5) / libm::log(0.94) - 11.2).abs() < 0.05);
        assert!((libm::log(0.01) / libm::log(0.94) - 74.4).abs() < 0.05);
    }

    /// Weights 0.6 and 0.4, σ 1 % and 2 %, ρ 0.3.
    fn two() -> (Parametric, [Exposure; 2]) {
        let mut two = Parametric::new(0.94, 2, 2);
        (two.rows, two.slot[0], two.slot[1]) = (2, 0, 1);
        two.gram.copy_from_slice(&[1e-4, 0.3 * 2e-4, 0.3 * 2e-4, 4e-4]);
        two.sigma.copy_from_slice(&[0.01, 0.02]);
        two.scale.fill(1.0);
        let exposures = [Exposure::new(0.6, 0.6).unwrap(), Exposure::new(0.4, 0.4).unwrap()];
        two.recompute(&[0, 1], &exposures);
        (two, exposures)
    }

    #[test]
    fn the_component_vector() {
        let (two, exposures) = two();
        let z = super::super::normal::quantile(0.95);
        let close = |got: f64, expected: f64| assert!((got - expected).abs() < 5e-9, "{got} {expected}");
        close(two.sigma(), 0.01134901);
        close(z * two.sigma(), 0.01866746);
        close(z * two.component(0, exposures[0]), 0.00730466);
        close(z * two.component(1, exposures[1]), 0.01136280);
    }

    #[test]
    fn an_order_is_asked_in_one_step_and_a_hedge_is_known() {
        let (mut two, mut exposures) = two();
        let more = Exposure::new(0.4, 0.9).unwrap();
        let asked = two.sigma_with(1, exposures[1], more);
        two.change(1, exposures[1], more);
        assert!((asked - two.sigma()).abs() < 1e-17);
        exposures[1] = more;
        two.recompute(&[0, 1], &exposures);
        assert!((asked - two.sigma()).abs() < 1e-17);
        // The bound is above both ends of what is in flight.
        let end = |x: f64| libm::sqrt(0.36 * 1e-4 + 2.0 * 0.6 * x * 0.6e-4 + x * x * 4e-4);
        assert!(asked > end(0.4) && asked > end(0.9), "{asked} {} {}", end(0.4), end(0.9));
        // Long both: selling lowers, buying does not; a sale that goes far beyond zero does not.
        for (delta, lowers) in [(-0.3, true), (0.1, false), (-3.0, false), (0.0, false), (f64::NAN, false)] {
            assert_eq!(two.lowers(0, delta, &exposures, &[0, 1]), lowers, "{delta}");
        }
    }
}
