//! Hot: returns of all instruments on one grid of time: one row for each interval, the last rows in a ring.
//!
//! The first mid of an instrument in an interval is its mark there (the caller tells it once, see [`Grid::is_due`]). A row
//! is closed by the first mark of a later interval. An instrument without a mark in an interval has no return there: it is
//! *absent*. Its next return is counted from its last mark, so a jump over a gap is one return: risk is overstated then,
//! never understated.

use crate::types::time::{NO_TIME, Nanos, UnixNanos};

/// No interval yet.
const NEVER: i64 = i64::MIN;

/// What is kept of one instrument.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The last mark; 0 = none.
    mid: f64,
    /// The interval of it.
    period: i64,
    /// When the next mark is due.
    due_at: UnixNanos,
    /// The return in the open row; NaN = none.
    open: f64,
    /// Returns in the window.
    count: u32,
    /// The largest |return| in the window.
    largest: f64,
}

/// The grid.
#[derive(Debug)]
pub(super) struct Grid {
    interval: Nanos,
    /// A window and one interval.
    span: Nanos,
    window: usize,
    /// The interval whose row is open.
    period: i64,
    /// Rows in the window.
    rows: usize,
    /// Where the next row goes.
    at: usize,
    marks: Box<[Mark]>,
    /// Instruments that were ever told of, in that order.
    seen: Box<[u32]>,
    seen_len: usize,
    /// By instrument, then row; 0 where absent.
    returns: Box<[f64]>,
    present: Box<[bool]>,
}

impl Grid {
    pub(super) fn new(interval: Nanos, window: usize, instruments_max: usize) -> Self {
        let blank = Mark { mid: 0.0, period: NEVER, due_at: UnixNanos::MIN, open: f64::NAN, count: 0, largest: 0.0 };
        Self {
            interval,
            span: interval.saturating_mul(window as i64 + 1),
            window,
            period: NEVER,
            rows: 0,
            at: 0,
            marks: vec![blank; instruments_max].into_boxed_slice(),
            seen: vec![0; instruments_max].into_boxed_slice(),
            seen_len: 0,
            returns: vec![0.0; instruments_max * window].into_boxed_slice(),
            present: vec![false; instruments_max * window].into_boxed_slice(),
        }
    }

    /// Whether a mark of the instrument is wanted at `now`: the first in its interval, and not behind the open row. A time
    /// that is a whole window behind says that the clock was wrong before, and it begins again from there: otherwise one
    /// absurd time would freeze the figures for ever.
    #[inline]
    pub(super) fn is_due(&self, index: usize, now: UnixNanos) -> bool {
        self.marks.get(index).is_some_and(|mark| now >= mark.due_at || mark.due_at.saturating_sub(now) > self.span)
            && now != NO_TIME
            && self.is_in_order(self.period_of(now))
    }

    #[inline]
    fn is_in_order(&self, period: i64) -> bool {
        period >= self.period || self.period.saturating_sub(period) > self.window as i64
    }

    #[inline]
    fn period_of(&self, now: UnixNanos) -> i64 {
        now.div_euclid(self.interval)
    }

    /// Whether a mark at `now` closes the open row, which has at least one return. The row is to be taken with
    /// [`Grid::close`] before the mark.
    #[inline]
    pub(super) fn closes(&self, now: UnixNanos) -> bool {
        let period = self.period_of(now);
        period != self.period
            && self.is_in_order(period)
            && self.seen().iter().any(|&i| !self.marks[i as usize].open.is_nan())
    }

    /// The mark of an instrument at `now`. False if it is none: no price above zero, not the first in its interval, or
    /// behind the open row.
    #[inline]
    pub(super) fn mark(&mut self, index: usize, now: UnixNanos, mid: f64) -> bool {
        if !self.is_due(index, now) || !mid.is_finite() || mid <= 0.0 {
            return false;
        }
        let period = self.period_of(now);
        let Some(mark) = self.marks.get_mut(index) else { return false };
        if mark.period == NEVER {
            self.seen[self.seen_len] = index as u32;
            self.seen_len += 1;
        } else {
            let change = mid / mark.mid - 1.0;
            mark.open = if change.is_finite() { change } else { f64::NAN };
        }
        self.period = period;
        (mark.mid, mark.period) = (mid, period);
        mark.due_at = period.saturating_add(1).saturating_mul(self.interval);
        true
    }

    /// Moves the open row into the window, over the oldest one. `row` is called for every instrument that has a return
    /// there, in the order in which they were first seen.
    pub(super) fn close(&mut self, mut row: impl FnMut(usize, f64)) {
        for &index in &self.seen[..self.seen_len] {
            let index = index as usize;
            let mark = &mut self.marks[index];
            let place = index * self.window + self.at;
            let (old, was) = (self.returns[place], self.present[place]);
            let is = !mark.open.is_nan();
            let new = if is { mark.open } else { 0.0 };
            (self.returns[place], self.present[place]) = (new, is);
            mark.count = mark.count - u32::from(was) + u32::from(is);
            if new.abs() >= mark.largest {
                mark.largest = new.abs();
            } else if old.abs() >= mark.largest {
                let all = &self.returns[index * self.window..][..self.window];
                mark.largest = all.iter().fold(0.0, |most: f64, r| most.max(r.abs()));
            }
            if is {
                row(index, new);
            }
            mark.open = f64::NAN;
        }
        self.at = if self.at + 1 == self.window { 0 } else { self.at + 1 };
        self.rows = (self.rows + 1).min(self.window);
    }

    /// Instruments that were ever told of, in that order.
    #[inline]
    pub(super) fn seen(&self) -> &[u32] {
        &self.seen[..self.seen_len]
    }

    /// The returns of the rows that are there, in the ring's order; empty for an unknown instrument.
    #[inline]
    pub(super) fn returns(&self, index: usize) -> &[f64] {
        self.returns.get(index * self.window..).and_then(|r| r.get(..self.rows)).unwrap_or(&[])
    }

    /// Rows in the window.
    #[inline]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns of the instrument in the window.
    #[inline]
    pub(super) fn count(&self, index: usize) -> u32 {
        self.marks.get(index).map_or(0, |mark| mark.count)
    }

    /// The largest |return| of the instrument in the window.
    #[inline]
    pub(super) fn largest(&self, index: usize) -> f64 {
        self.marks.get(index).map_or(0.0, |mark| mark.largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_close_with_the_next_interval_and_gaps_are_absent() {
        let mut grid = Grid::new(10, 3, 2);
        let mut rows: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut tell = |index, now, mid, taken| {
            if grid.is_due(index, now) && grid.closes(now) {
                let mut row = Vec::new();
                grid.close(|i, r| row.push((i, r)));
                rows.push(row);
            }
            assert_eq!(grid.mark(index, now, mid), taken, "{index} {now}");
        };
        tell(0, 5, 100.0, true);
        tell(0, 9, 101.0, false);
        tell(1, 6, 50.0, true);
        tell(0, 10, 110.0, true);
        tell(1, 19, 0.0, false);
        tell(1, 19, f64::NAN, false);
        tell(1, 9, 60.0, false);
        tell(0, 20, 99.0, true);
        tell(1, 21, 100.0, true);
        tell(0, 55, 99.0, true);
        tell(0, 60, 198.0, true);
        tell(0, 70, 198.0, true);
        tell(9, 80, 1.0, false);
        tell(0, NO_TIME, 1.0, false);
        let approx: Vec<Vec<(usize, i64)>> =
            rows.iter().map(|row| row.iter().map(|&(i, r)| (i, (r * 1e6).round() as i64)).collect()).collect();
        let expected = [vec![(0, 100_000)], vec![(0, -100_000), (1, 1_000_000)], vec![(0, 0)], vec![(0, 1_000_000)]];
        assert_eq!(approx, expected);
        assert_eq!((grid.rows(), grid.count(0), grid.count(1)), (3, 3, 1), "the window holds three rows");
        assert_eq!(grid.largest(0), 1.0);
        assert_eq!((grid.returns(0).len(), grid.returns(7).len()), (3, 0));
    }

    /// One absurd time, and then the right ones: after it the grid goes on.
    #[test]
    fn an_absurd_time_does_not_freeze_the_grid() {
        for absurd in [i64::MAX, i64::MAX / 2, i64::MIN + 1, -5_000, 10_000_000] {
            let (mut grid, mut closed) = (Grid::new(10, 5, 2), 0);
            for step in 0..40i64 {
                let times = if step == 20 { [absurd; 2] } else { [step * 10 + 1_000; 2] };
                for (index, now) in times.into_iter().enumerate() {
                    if grid.is_due(index, now) && grid.closes(now) {
                        grid.close(|_, _| {});
                        closed += i32::from(step > 20);
                    }
                    grid.mark(index, now, 100.0 + step as f64);
                }
            }
            assert!(closed >= 15 && grid.count(0) == 5 && grid.count(1) == 5, "{absurd} {closed}");
        }
    }

    #[test]
    fn the_largest_return_is_the_largest_in_the_window() {
        let mut grid = Grid::new(10, 5, 1);
        let mut mid = 100.0;
        for step in 0..200i64 {
            mid *= 1.0 + 0.01 * ((step * 7919 % 13) as f64 - 6.0);
            let now = step * 10;
            if grid.closes(now) {
                grid.close(|_, _| {});
            }
            assert!(grid.mark(0, now, mid));
            let expected = grid.returns(0).iter().fold(0.0, |most: f64, r| most.max(r.abs()));
            assert_eq!(grid.largest(0), expected);
        }
    }
}
