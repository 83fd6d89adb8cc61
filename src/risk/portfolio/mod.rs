//! Hot: what the portfolio as a whole may lose: returns on a grid, historical and parametric VaR and ES, drawdown.
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | [`Config`] |
//! | `exposure` | [`Exposure`]: what an instrument can come to, with what is in flight |
//! | `grid` | returns of all instruments on one grid of time |
//! | `historical` | the present portfolio in the intervals of the window |
//! | `parametric` | exponentially weighted covariances, incremental |
//! | `normal`, `tail` | figures of the normal distribution; which loss is the VaR |
//! | `drawdown` | [`HighWater`](drawdown::HighWater) |
//! | `backtest` | Kupiec, Christoffersen |
//!
//! # What is kept, and where it comes from
//!
//! Returns come from *marks*: the first mid of an instrument in each interval. The caller asks [`Portfolio::is_due`], tells
//! the mid in the slot's section so that the slot is kept in the audit log, and hands it to [`Portfolio::take_mark`]; after a
//! restart the same marks come from the audit log. So the window, the variances and the matrix are a function of audited
//! marks alone, and a restart loses nothing of them.
//!
//! Exposures come from positions (audited) and mids (not audited): with an epoch they are forgotten
//! ([`Portfolio::forget_exposures`]) and given anew.
//!
//! # What is not known
//!
//! A figure with an instrument that has fewer than `samples_min` returns in the window, or that cannot be valued, is `None`:
//! a limit on it must refuse what adds risk. Instruments without any exposure do not matter.
//!
//! # Absent returns in historical figures
//!
//! A row in which an instrument is absent (its market was closed) counts as a result of 0 of it; but the rank of the VaR
//! comes from the *fewest* returns that any held instrument has. For instruments of one calendar this is the VaR over the
//! rows where they traded; for a mixture it is the more careful side.

pub mod backtest;
mod config;
pub mod drawdown;
mod exposure;
mod grid;
mod historical;
pub mod normal;
mod parametric;
mod tail;

pub use config::Config;
pub use exposure::Exposure;
pub use tail::{Tail, to_e8};

use super::config::ConfigError;
use super::sizing_models::days_per_year;
use crate::types::instrument::Calendar;
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use config::Settings;
use core::cell::OnceCell;
use grid::Grid;
use historical::Historical;
use parametric::Parametric;

/// One trading day of a calendar: how much of a day has returns.
const fn session(calendar: Calendar) -> Nanos {
    match calendar {
        Calendar::Crypto => 24 * 3_600 * SECONDS,
        // 09:30 to 16:00.
        Calendar::UsEquities => 23_400 * SECONDS,
    }
}

/// What one order would make of the figures; the dear one of them only when it is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    index: usize,
    new: Exposure,
    /// Parametric VaR and ES.
    pub parametric: Tail,
    /// Historical VaR and ES are at most this, where that is known at once.
    pub historical_bound: Option<Tail>,
    historical: OnceCell<Option<Tail>>,
}

/// Returns, exposures, and the figures that follow.
#[derive(Debug)]
pub struct Portfolio {
    settings: Settings,
    grid: Grid,
    parametric: Parametric,
    historical: Historical,
    exposures: Box<[Exposure]>,
    /// Instruments whose exposure could not be valued.
    unvalued: Box<[bool]>,
    /// Held instruments whose risk is not known.
    unknown: u32,
    /// The fewest returns that a held instrument has; `u32::MAX` = nothing is held.
    fewest: u32,
    /// The fewest returns that any warm instrument has, as of the last row.
    fewest_warm: u32,
}

impl Portfolio {
    /// For up to `instruments_max` instruments; everything is allocated here.
    ///
    /// # Errors
    /// [`ConfigError`]: a value outside its range.
    pub fn new(config: &Config, instruments_max: usize) -> Result<Self, ConfigError> {
        let settings = config.check()?;
        Ok(Self {
            grid: Grid::new(settings.interval, settings.window, instruments_max),
            parametric: Parametric::new(settings.lambda, settings.covariance_max, instruments_max),
            historical: Historical::new(settings.window, instruments_max),
            exposures: vec![Exposure::NONE; instruments_max].into_boxed_slice(),
            unvalued: vec![false; instruments_max].into_boxed_slice(),
            unknown: 0,
            fewest: u32::MAX,
            fewest_warm: u32::MAX,
            settings,
        })
    }

    // ---- Returns ----

    /// Whether a mid of this instrument is to be told at `now`. One comparison, but for the first input of an interval.
    #[inline]
    pub fn is_due(&self, index: usize, now: UnixNanos) -> bool {
        self.grid.is_due(index, now)
    }

    /// A told mid (price in the quote currency). False if it was none: not due, or not above zero. The first of an interval
    /// closes the row before it.
    pub fn take_mark(&mut self, index: usize, now: UnixNanos, mid: f64) -> bool {
        let good = mid.is_finite() && mid > 0.0;
        if good && self.grid.is_due(index, now) && self.grid.closes(now) {
            let Self { grid, parametric, exposures, .. } = self;
            parametric.begin();
            grid.close(|index, change| parametric.take(index, change));
            parametric.end(grid.seen(), exposures);
            self.recompute();
        }
        self.grid.mark(index, now, mid)
    }

    /// Whether the instrument has enough returns.
    #[inline]
    pub fn is_warm(&self, index: usize) -> bool {
        self.grid.count(index) >= self.settings.samples_min
    }

    /// Variance of the instrument's returns in one interval, without those of the open one. `None` while it warms up.
    #[inline]
    pub fn variance(&self, index: usize) -> Option<f64> {
        self.is_warm(index).then(|| self.parametric.own_variance(index))
    }

    /// Standard deviation of the instrument's returns per year: 365 days, or 252 sessions. `None` while it warms up.
    #[inline]
    pub fn volatility(&self, index: usize, calendar: Calendar) -> Option<f64> {
        // At least one interval a day, also where an interval is longer than a session.
        let a_day = (session(calendar) as f64 / self.settings.interval as f64).max(1.0);
        Some(libm::sqrt(self.variance(index)? * a_day * days_per_year(calendar)))
    }

    // ---- Exposures ----

    /// What an instrument has come to; `None` if it cannot be valued, and then no figure is known while that lasts.
    #[inline]
    pub fn set_exposure(&mut self, index: usize, exposure: Option<Exposure>) {
        let Some(old) = self.exposures.get(index).copied() else { return };
        let new = exposure.unwrap_or(Exposure::NONE);
        if old == new && self.unvalued[index] == exposure.is_none() {
            return;
        }
        self.unknown -= u32::from(self.is_unknown(index));
        self.exposures[index] = new;
        self.unvalued[index] = exposure.is_none();
        self.unknown += u32::from(self.is_unknown(index));
        self.parametric.change(index, old, new);
        self.historical.change(index, self.grid.returns(index), self.grid.largest(index), old, new);
        if new != Exposure::NONE {
            self.fewest = self.fewest.min(self.grid.count(index));
        } else if self.grid.count(index) <= self.fewest {
            self.fewest = self.fewest_held();
            if self.fewest == u32::MAX {
                // Nothing is left: not even what rounding left, of which the root would make more.
                self.parametric.recompute(self.grid.seen(), &self.exposures);
                self.historical.recompute(self.grid.rows(), core::iter::empty());
                self.refresh();
            }
        }
    }

    /// What an instrument has come to, as it was told last.
    #[inline]
    pub fn exposure(&self, index: usize) -> Exposure {
        self.exposures.get(index).copied().unwrap_or(Exposure::NONE)
    }

    /// A new epoch: exposures are given anew. What is held or in flight and cannot be valued yet is to be given as `None`: an
    /// instrument that is not given counts as not held.
    pub fn forget_exposures(&mut self) {
        self.exposures.fill(Exposure::NONE);
        self.unvalued.fill(false);
        self.parametric.recompute(self.grid.seen(), &self.exposures);
        self.recompute();
    }

    /// Makes historical figures exact and quick again. It is done with every row; between rows it may be done where there is
    /// time (a timer).
    pub fn refresh(&mut self) {
        // Whatever is asked next, its tail has at least this rank.
        let rank = self.rank(self.fewest_warm);
        self.historical.refresh(rank);
    }

    fn recompute(&mut self) {
        let Self { grid, historical, exposures, .. } = self;
        let held = grid.seen().iter().map(|&i| i as usize).filter(|&i| exposures[i] != Exposure::NONE);
        historical.recompute(grid.rows(), held.map(|i| (exposures[i], grid.returns(i))));
        self.unknown = (0..self.exposures.len()).map(|index| u32::from(self.is_unknown(index))).sum();
        self.fewest = self.fewest_held();
        let counts = self.grid.seen().iter().map(|&i| self.grid.count(i as usize));
        self.fewest_warm = counts.filter(|&n| n >= self.settings.samples_min).min().unwrap_or(u32::MAX);
        self.refresh();
    }

    /// Whether the instrument is held and its risk is not known.
    #[inline]
    fn is_unknown(&self, index: usize) -> bool {
        self.unvalued[index] || (self.exposures[index] != Exposure::NONE && !self.is_warm(index))
    }

    /// The fewest returns that a held instrument has.
    fn fewest_held(&self) -> u32 {
        let held = self.grid.seen().iter().map(|&i| i as usize).filter(|&i| self.exposures[i] != Exposure::NONE);
        held.map(|i| self.grid.count(i)).min().unwrap_or(u32::MAX)
    }

    // ---- Figures, all for the horizon, in the quote currency, losses positive ----

    /// Parametric VaR and ES, with the worst of what is in flight. `None`: not known.
    pub fn parametric(&self) -> Option<Tail> {
        (self.unknown == 0).then(|| self.normal(self.parametric.sigma()))
    }

    /// The same if the exposure of one instrument were `new`; O(1).
    #[inline]
    pub fn parametric_with(&self, index: usize, new: Exposure) -> Option<Tail> {
        self.is_known_with(index).then(|| self.normal(self.parametric.sigma_with(index, self.exposure(index), new)))
    }

    /// What an order that makes one exposure `new` adds to parametric VaR and ES.
    pub fn incremental(&self, index: usize, new: Exposure) -> Option<Tail> {
        let (with, without) = (self.parametric_with(index, new)?, self.parametric()?);
        Some(Tail { var: with.var - without.var, es: with.es - without.es })
    }

    /// The part of the parametric VaR and ES that an instrument brings; the parts sum to the whole.
    pub fn component(&self, index: usize) -> Option<Tail> {
        let exposure = *self.exposures.get(index)?;
        (self.unknown == 0).then(|| self.normal(self.parametric.component(index, exposure)))
    }

    /// Historical VaR and ES, with the worst of what is in flight. `None`: not known.
    pub fn historical(&self) -> Option<Tail> {
        if self.unknown > 0 {
            return None;
        }
        if self.fewest == u32::MAX {
            // Nothing is held.
            return Some(Tail::default());
        }
        self.tail_with(0, self.fewest, Exposure::NONE, Exposure::NONE)
    }

    /// The same if the exposure of one instrument were `new`; one selection in the window.
    pub fn historical_with(&self, index: usize, new: Exposure) -> Option<Tail> {
        if !self.is_known_with(index) {
            return None;
        }
        self.tail_with(index, self.fewest_with(index), self.exposure(index), new)
    }

    /// Whether historical VaR and ES would be at most `limit` with `new`; otherwise what they would be. O(1) where the limit
    /// is far away. `None`: not known.
    #[inline]
    pub fn historical_at_most(&self, index: usize, new: Exposure, limit: Tail) -> Option<Result<(), Tail>> {
        if !self.is_known_with(index) {
            return None;
        }
        let within = |tail: Tail| tail.var <= limit.var && tail.es <= limit.es;
        if self.historical_bound(index, new).is_some_and(within) {
            return Some(Ok(()));
        }
        let tail = self.historical_with(index, new)?;
        Some(if within(tail) { Ok(()) } else { Err(tail) })
    }

    /// All figures if the exposure of one instrument were `new`. `None`: not known.
    #[inline]
    pub fn asked(&self, index: usize, new: Exposure) -> Option<Asked> {
        Some(Asked {
            index,
            new,
            parametric: self.parametric_with(index, new)?,
            historical_bound: self.historical_bound(index, new),
            historical: OnceCell::new(),
        })
    }

    /// Historical VaR and ES of what was asked: one selection in the window for all that ask. `None`: not known.
    pub fn historical_of(&self, asked: &Asked) -> Option<Tail> {
        *asked.historical.get_or_init(|| self.historical_with(asked.index, asked.new))
    }

    /// What historical VaR and ES are at most with `new`; O(1). `None`: not known without looking through the window.
    #[inline]
    fn historical_bound(&self, index: usize, new: Exposure) -> Option<Tail> {
        let rank = self.rank(self.fewest_with(index));
        let bound = self.historical.bound_with(index, rank, self.grid.largest(index), self.exposure(index), new)?;
        Some(bound.scaled(self.settings.horizon))
    }

    /// Whether a fill of `delta` (signed, in the quote currency) would lower the parametric figures whatever of all that is
    /// in flight is filled: a hedge may pass where new risk may not.
    pub fn lowers(&self, index: usize, delta: f64) -> bool {
        index < self.exposures.len()
            && self.is_known_with(index)
            && self.parametric.lowers(index, delta, &self.exposures, self.grid.seen())
    }

    /// Whether all that is held is known, and this instrument too.
    #[inline]
    fn is_known_with(&self, index: usize) -> bool {
        self.unknown == 0 && self.is_warm(index)
    }

    #[inline]
    fn fewest_with(&self, index: usize) -> u32 {
        self.fewest.min(self.grid.count(index))
    }

    #[inline]
    fn rank(&self, fewest: u32) -> usize {
        tail::rank(fewest.min(self.grid.rows() as u32), self.settings.tail_ppm)
    }

    #[inline]
    fn normal(&self, sigma: f64) -> Tail {
        Tail { var: sigma * self.settings.z, es: sigma * self.settings.es }
    }

    fn tail_with(&self, index: usize, fewest: u32, old: Exposure, new: Exposure) -> Option<Tail> {
        let tail = self.historical.tail_with(self.rank(fewest), self.grid.returns(index), old, new)?;
        Some(tail.scaled(self.settings.horizon))
    }
}

#[cfg(test)]
mod tests;
