//! Hot: rolling sums over a time window.
//!
//! The window is a ring of buckets of equal width, aligned to absolute time. Sums are integers that are added and taken
//! away exactly, so a day of ticks leaves no drift, and neither memory nor work depends on how many events there were.
//! The price is resolution: the window covers between (n − 1)/n and all of its length.

use crate::types::price::pow10;
use crate::types::time::{NO_TIME, Nanos, UnixNanos};

/// Buckets of a rolling window: a resolution of 1/64 of its length.
pub const BUCKETS: usize = 64;
/// Longest window: one day.
pub const WINDOW_MS_MAX: u64 = 86_400_000;

/// `N` sums over the last `width × buckets` nanoseconds.
#[derive(Clone, Debug)]
pub struct Window<const N: usize> {
    /// One sum per bucket; `head` is the one that is being filled.
    buckets: Box<[[i128; N]]>,
    head: usize,
    total: [i128; N],
    width: Nanos,
    /// Exclusive end of the bucket at `head`; `NO_TIME` before the first [`advance`](Self::advance).
    end: UnixNanos,
    /// When watching began.
    start: UnixNanos,
    /// A sum did not fit: no value until [`restart`](Self::restart).
    overflowed: bool,
}

impl<const N: usize> Window<N> {
    /// An empty window of `buckets` × `width_ns`, both at least 1.
    pub fn new(width_ns: Nanos, buckets: usize) -> Self {
        Self {
            buckets: vec![[0; N]; buckets.max(1)].into_boxed_slice(),
            head: 0,
            total: [0; N],
            width: width_ns.max(1),
            end: NO_TIME,
            start: NO_TIME,
            overflowed: false,
        }
    }

    /// A window of `window_ms` in [`BUCKETS`] buckets.
    ///
    /// # Errors
    /// A text, if the length is not 1..=[`WINDOW_MS_MAX`].
    pub fn of_ms(window_ms: u64) -> Result<Self, String> {
        if !(1..=WINDOW_MS_MAX).contains(&window_ms) {
            return Err(format!("`window_ms` must be 1..={WINDOW_MS_MAX}, not {window_ms}"));
        }
        Ok(Self::new(window_ms as i64 * (1_000_000 / BUCKETS as i64), BUCKETS))
    }

    /// Moves on to `now`; what is older than the window falls out. Returns whether the sums changed. `now` never goes
    /// back. Work: at most one step per bucket.
    #[inline]
    pub fn advance(&mut self, now: UnixNanos) -> bool {
        if now < self.end {
            return false;
        }
        self.advance_slow(now)
    }

    fn advance_slow(&mut self, now: UnixNanos) -> bool {
        let first = self.end == NO_TIME;
        let passed = if first { 0 } else { i128::from(now) - i128::from(self.end) };
        let next_end = (now.div_euclid(self.width)).saturating_add(1).saturating_mul(self.width);
        if first {
            self.start = now;
            self.end = next_end;
            return false;
        }
        let steps = passed / i128::from(self.width) + 1;
        self.end = next_end;
        let before = self.total;
        if steps >= self.buckets.len() as i128 {
            self.buckets.fill([0; N]);
            self.total = [0; N];
        } else {
            for _ in 0..steps {
                self.head = if self.head + 1 == self.buckets.len() { 0 } else { self.head + 1 };
                for (total, gone) in self.total.iter_mut().zip(&mut self.buckets[self.head]) {
                    // Cannot overflow: the total is the sum of the buckets, and each addition was checked.
                    *total = total.wrapping_sub(*gone);
                    *gone = 0;
                }
            }
        }
        before != self.total
    }

    /// Adds to the bucket of now. Call [`advance`](Self::advance) first.
    #[inline]
    pub fn add(&mut self, values: [i128; N]) {
        let bucket = &mut self.buckets[self.head];
        for i in 0..N {
            match (self.total[i].checked_add(values[i]), bucket[i].checked_add(values[i])) {
                (Some(total), Some(part)) => {
                    self.total[i] = total;
                    bucket[i] = part;
                }
                _ => self.overflowed = true,
            }
        }
    }

    /// When its newest bucket ends: before that, [`advance`](Self::advance) changes nothing. `NO_TIME` before the first.
    #[inline]
    pub fn end(&self) -> UnixNanos {
        self.end
    }

    /// The sums, unless one did not fit.
    #[inline]
    pub fn sums(&self) -> Option<[i128; N]> {
        if self.overflowed { None } else { Some(self.total) }
    }

    /// Whether the window was watched for its whole length.
    #[inline]
    pub fn is_full(&self, now: UnixNanos) -> bool {
        self.end != NO_TIME && now.saturating_sub(self.start) >= self.width.saturating_mul(self.buckets.len() as i64)
    }

    /// Empty and not watched yet.
    pub fn restart(&mut self) {
        if self.end == NO_TIME {
            return;
        }
        self.buckets.fill([0; N]);
        self.total = [0; N];
        self.head = 0;
        self.end = NO_TIME;
        self.start = NO_TIME;
        self.overflowed = false;
    }

    /// Multiplies sum i by 10^`finer_by[i]`. `false` if one does not fit.
    pub fn rescale(&mut self, finer_by: [u8; N]) -> bool {
        for (i, &by) in finer_by.iter().enumerate() {
            // Two factors of at most 10^18 (a product of price and quantity may get finer by both).
            let (low, high) = (by.min(18), by.saturating_sub(18).min(18));
            let factor = i128::from(pow10(low)) * i128::from(pow10(high));
            for value in self.buckets.iter_mut().map(|b| &mut b[i]).chain(core::iter::once(&mut self.total[i])) {
                match value.checked_mul(factor) {
                    Some(scaled) => *value = scaled,
                    None => return false,
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn full_only_after_its_whole_length() {
        let mut window = Window::<1>::new(10, 4);
        assert!(!window.is_full(0));
        window.advance(1_003);
        assert!(!window.is_full(1_042));
        assert!(window.is_full(1_043));
        window.restart();
        assert!(!window.is_full(2_000));
    }

    #[test]
    fn an_overflow_is_no_value_until_restart() {
        let mut window = Window::<1>::new(10, 4);
        window.advance(0);
        window.add([i128::MAX]);
        assert_eq!(window.sums(), Some([i128::MAX]));
        window.add([1]);
        assert_eq!(window.sums(), None);
        window.restart();
        window.advance(0);
        window.add([7]);
        assert_eq!(window.sums(), Some([7]));
        assert!(window.rescale([3]));
        assert_eq!(window.sums(), Some([7_000]));
        assert!(!window.rescale([36]), "7000 × 10^36 needs more than 127 bits");
    }

    #[test]
    fn extreme_times_do_not_panic() {
        let mut window = Window::<1>::new(15_625, 64);
        for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX, i64::MAX] {
            window.advance(now);
            window.add([1]);
            window.is_full(now);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_summing_the_events(
            events in proptest::collection::vec((0i64..40, -1_000i64..1_000), 1..200),
            width in 1i64..20,
            buckets in 1usize..9,
        ) {
            let mut window = Window::<2>::new(width, buckets);
            let mut past: Vec<(i64, i64)> = Vec::new();
            let mut now = -500;
            for (step, value) in events {
                now += step;
                window.advance(now);
                window.add([i128::from(value), 1]);
                past.push((now, value));
                let first = now.div_euclid(width) - buckets as i64 + 1;
                let inside = past.iter().filter(|(t, _)| t.div_euclid(width) >= first);
                let sum: i64 = inside.clone().map(|(_, v)| v).sum();
                prop_assert_eq!(window.sums(), Some([i128::from(sum), inside.count() as i128]));
            }
        }
    }
}
