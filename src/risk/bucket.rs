//! Hot: a token bucket in exact integers and input time: a burst up to its limit, and then as many in every window.
//!
//! What was used is counted in *units*: a token is as many units as the window has nanoseconds, and with every nanosecond
//! `limit` units flow off. So nothing is rounded, and an idle window gives everything back. Any window holds less than twice
//! the limit: what the burst had, and what flowed off meanwhile.

use crate::types::time::{Nanos, UnixNanos, age};
use crate::types::wide::{div_floor, mul_saturating};

/// The units that are used up, as of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    used: i128,
    at: UnixNanos,
}

/// How many tokens in how long a window (> 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) limit: i128,
    pub(super) window: Nanos,
}

impl Rate {
    #[inline]
    fn units(self, tokens: i128) -> i128 {
        mul_saturating(tokens, i128::from(self.window))
    }
}

impl Bucket {
    pub(super) const UNUSED: Self = Self { used: 0, at: i64::MIN };

    /// What is still used at `now`. A clock that ran backward gives nothing back.
    #[inline]
    fn used_at(&self, rate: Rate, now: UnixNanos) -> i128 {
        if self.used == 0 {
            return 0;
        }
        let passed = i128::from(age(now, self.at).unwrap_or(0));
        (self.used - mul_saturating(passed, rate.limit)).max(0)
    }

    /// Tokens in use at `now` if `more` were taken, begun ones counted in full.
    #[inline(never)]
    pub(super) fn in_use(&self, rate: Rate, now: UnixNanos, more: i128) -> i128 {
        let window = i128::from(rate.window).max(1);
        let used = self.used_at(rate, now);
        // Mostly everything has flowed off: no division then.
        let whole = if used == 0 { (0, 0) } else { div_floor(used, window).unwrap_or((i128::MAX, 0)) };
        whole.0.saturating_add(i128::from(whole.1 != 0)).saturating_add(more)
    }

    /// Whether `more` tokens are there at `now`, of an allowance that is the rate's limit or more; the same as
    /// `in_use(…) <= allowance`, without a division.
    #[inline]
    pub(super) fn fits(&self, rate: Rate, now: UnixNanos, more: i128, allowance: i128) -> bool {
        match self.fits_short(rate, now, more, allowance) {
            Some(fits) => fits,
            None => self.fits_wide(rate, now, more, allowance),
        }
    }

    /// The same in 64 bits; `None` where something does not fit them.
    #[inline]
    fn fits_short(&self, rate: Rate, now: UnixNanos, more: i128, allowance: i128) -> Option<bool> {
        let left = i64::try_from(allowance).ok()?.checked_sub(i64::try_from(more).ok()?)?;
        if self.used == 0 && rate.window > 0 {
            return Some(left >= 0);
        }
        let (used, limit) = (i64::try_from(self.used).ok()?, i64::try_from(rate.limit).ok()?);
        let flowed = age(now, self.at).unwrap_or(0).checked_mul(limit)?;
        Some(used.checked_sub(flowed)?.max(0) <= left.checked_mul(rate.window)?)
    }

    #[cold]
    #[inline(never)]
    fn fits_wide(&self, rate: Rate, now: UnixNanos, more: i128, allowance: i128) -> bool {
        self.used_at(rate, now) <= rate.units(allowance - more)
    }

    /// Takes `tokens`, also those that are not there: what must go out is never held back, and counts. A debt is at most
    /// as large as the limit, so that two windows give all of it back.
    #[inline]
    pub(super) fn take(&mut self, rate: Rate, now: UnixNanos, tokens: i128) {
        self.used = match self.taken_short(rate, now, tokens) {
            Some(used) => i128::from(used),
            None => self.taken_wide(rate, now, tokens),
        };
        self.at = self.at.max(now);
    }

    /// What is used then; in 64 bits, `None` where something does not fit them.
    #[inline]
    fn taken_short(&self, rate: Rate, now: UnixNanos, tokens: i128) -> Option<i64> {
        let (used, limit) = (i64::try_from(self.used).ok()?, i64::try_from(rate.limit).ok()?);
        let most = limit.checked_mul(2)?.max(1).checked_mul(rate.window)?;
        let flowed = age(now, self.at).filter(|_| used != 0).unwrap_or(0).checked_mul(limit)?;
        let left = if used == 0 { 0 } else { used.checked_sub(flowed)?.max(0) };
        let more = i64::try_from(tokens).ok()?.checked_mul(rate.window)?;
        Some(left.checked_add(more)?.min(most))
    }

    #[cold]
    #[inline(never)]
    fn taken_wide(&self, rate: Rate, now: UnixNanos, tokens: i128) -> i128 {
        let most = rate.units(rate.limit.saturating_mul(2)).max(rate.units(1));
        self.used_at(rate, now).saturating_add(rate.units(tokens)).min(most)
    }

    /// Counts what flowed off by the old rate, before another one holds.
    pub(super) fn settle(&mut self, rate: Rate, now: UnixNanos) {
        self.take(rate, now, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { limit: 3, window: 100 };

    #[test]
    fn a_burst_up_to_the_limit_and_then_as_it_flows_off() {
        let mut bucket = Bucket::UNUSED;
        for expected in [1, 2, 3, 4] {
            assert_eq!(bucket.in_use(RATE, 1_000, 1), expected);
            bucket.take(RATE, 1_000, 1);
        }
        // A third of the window gives one token back: not a nanosecond sooner.
        assert_eq!((bucket.in_use(RATE, 1_033, 0), bucket.in_use(RATE, 1_034, 0)), (4, 3));
        assert_eq!(bucket.in_use(RATE, 1_134, 0), 0, "it recovers in whole");
        assert_eq!(bucket.in_use(RATE, 900, 0), 4, "a clock that ran backward gives nothing");
        bucket.take(RATE, 1_034, 1_000);
        assert_eq!((bucket.in_use(RATE, 1_034, 0), bucket.in_use(RATE, 1_234, 0)), (6, 0), "a debt is bounded");
    }

    #[test]
    fn a_limit_of_nothing_is_nothing() {
        let none = Rate { limit: 0, window: 100 };
        let mut bucket = Bucket::UNUSED;
        assert_eq!(bucket.in_use(none, 5, 1), 1);
        bucket.take(none, 5, 1);
        assert_eq!(bucket.in_use(none, 1 << 60, 1), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_short_way_fits_as_the_long_one(
            (used, used_by) in (any::<i128>(), 0u32..128), (limit, limit_by) in (any::<i64>(), 0u32..64),
            (window, window_by) in (any::<i64>(), 0u32..63), (at, passed) in (any::<i64>(), any::<i64>()),
            more in 0i128..4, twice in any::<bool>(), at_edge in any::<bool>(), near in -2i128..3,
        ) {
            let limit = i128::from((limit & i64::MAX) >> limit_by);
            let rate = Rate { limit, window: ((window & i64::MAX) >> window_by).max(1) };
            let allowance = if twice { 2 * limit } else { limit };
            let used = if at_edge { rate.units(allowance - more) + near } else { used >> used_by };
            let bucket = Bucket { used: used.max(0), at: at >> 2 };
            for now in [bucket.at, bucket.at.saturating_add(passed >> used_by.min(63))] {
                let fits = bucket.fits(rate, now, more, allowance);
                prop_assert_eq!(fits, bucket.fits_wide(rate, now, more, allowance));
                prop_assert_eq!(fits, bucket.in_use(rate, now, more) <= allowance);
                let mut taken = bucket;
                taken.take(rate, now, more);
                prop_assert_eq!(taken.used, bucket.taken_wide(rate, now, more));
            }
        }
    }

    proptest! {
        /// Against a list of all times: never more than the limit at one instant, less than twice it in any window.
        #[test]
        fn no_window_holds_twice_the_limit(steps in proptest::collection::vec(0i64..60, 1..200), limit in 1i128..6) {
            let rate = Rate { limit, window: 100 };
            let (mut bucket, mut now, mut taken) = (Bucket::UNUSED, 0, Vec::new());
            for step in steps {
                now += step;
                let fits = bucket.fits(rate, now, 1, limit);
                prop_assert_eq!(fits, bucket.in_use(rate, now, 1) <= limit);
                if fits {
                    bucket.take(rate, now, 1);
                    taken.push(now);
                }
                let within = |span: i64| taken.iter().filter(|&&t| now - t < span).count() as i128;
                prop_assert!(within(1) <= limit && within(100) < 2 * limit);
            }
        }
    }
}
