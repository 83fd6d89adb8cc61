//! Hot: a sliding window of the last approvals, in input time, without a search.

use crate::types::time::{Nanos, UnixNanos, age};

/// The times of the last `limit` events. Another one fits exactly when the oldest of them has left the window.
#[derive(Clone, Debug)]
pub(super) struct Window {
    times: Box<[UnixNanos]>,
    next: usize,
    len: usize,
}

impl Window {
    /// Room for `limit` events in one window.
    pub(super) fn new(limit: u32) -> Self {
        Self { times: vec![0; limit as usize].into_boxed_slice(), next: 0, len: 0 }
    }

    /// Whether another event at `now` would be one too many. When the clock ran backward, it would be.
    #[inline]
    pub(super) fn is_full(&self, now: UnixNanos, span: Nanos) -> bool {
        if self.len < self.times.len() {
            return false;
        }
        // When full, the next place to write is the oldest.
        self.times.get(self.next).is_none_or(|&oldest| age(now, oldest).is_none_or(|age| age < span))
    }

    /// An event happened at `now`.
    #[inline]
    pub(super) fn push(&mut self, now: UnixNanos) {
        if let Some(place) = self.times.get_mut(self.next) {
            *place = now;
            self.next = if self.next + 1 == self.times.len() { 0 } else { self.next + 1 };
            self.len = (self.len + 1).min(self.times.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_room_at_all_is_always_full() {
        assert!(Window::new(0).is_full(5, 1));
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_any_window(steps in proptest::collection::vec(0i64..30, 1..200), limit in 1u32..6) {
            let (mut window, mut now, mut taken) = (Window::new(limit), 0, Vec::new());
            for step in steps {
                now += step;
                let inside = taken.iter().filter(|&&t| now - t < 100).count();
                prop_assert_eq!(window.is_full(now, 100), inside >= limit as usize);
                if !window.is_full(now, 100) {
                    window.push(now);
                    taken.push(now);
                }
            }
        }
    }
}
