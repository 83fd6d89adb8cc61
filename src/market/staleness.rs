//! Hot: how long an instrument has not been heard of, by the local clock that comes with the inputs.

use crate::types::time::{NO_TIME, Nanos, UnixNanos, age};

/// The last time of market data of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Staleness {
    heard: UnixNanos,
}

impl Default for Staleness {
    fn default() -> Self {
        Self { heard: NO_TIME }
    }
}

impl Staleness {
    /// Whether the data is stale at `now` with the `limit`; `data`: this input is market data. An unknown age is stale,
    /// and so is the data at which the clock ran backward; from there on ages are counted by the new clock.
    #[inline]
    pub fn is_stale(&mut self, now: UnixNanos, data: bool, limit: Nanos) -> bool {
        if data && now != NO_TIME {
            let backward = self.heard != NO_TIME && now < self.heard;
            self.heard = now;
            return backward;
        }
        age(now, self.heard).is_none_or(|age| age > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_old_and_backward_are_stale() {
        let mut staleness = Staleness::default();
        assert!(staleness.is_stale(5, false, 10), "never heard of");
        assert!(!staleness.is_stale(100, true, 10));
        assert!(!staleness.is_stale(110, false, 10));
        assert!(staleness.is_stale(111, false, 10));
        assert!(staleness.is_stale(99, false, 10), "the clock ran backward");
        assert!(staleness.is_stale(50, true, 10), "the clock ran backward");
        assert!(!staleness.is_stale(51, true, 10));
        assert!(staleness.is_stale(NO_TIME, true, 10));
        assert!(!staleness.is_stale(61, false, 10));
    }
}
