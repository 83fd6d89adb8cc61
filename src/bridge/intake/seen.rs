//! Edge: numbers of messages that were seen, so that a repeat is known. Bounded.

use std::collections::{HashSet, VecDeque};
use xxhash_rust::xxh3::xxh3_64;

/// Largest number of a request: beyond it JSON readers lose digits.
const REQUEST_MAX: u64 = (1 << 53) - 1;

/// The number of the request that `id` of `kind` (`task`, `command`, …) is: the same for a repeat, also after a restart; > 0.
pub fn request_of(kind: &str, id: &str) -> u64 {
    (xxh3_64(format!("{kind}\n{id}").as_bytes()) & REQUEST_MAX).max(1)
}

/// The last numbers.
#[derive(Debug)]
pub struct Seen {
    order: VecDeque<u64>,
    numbers: HashSet<u64>,
    most: usize,
}

impl Seen {
    /// Room for `most` numbers; the oldest are forgotten first.
    pub fn new(most: usize) -> Self {
        Self { order: VecDeque::new(), numbers: HashSet::new(), most }
    }

    /// The number may come again: it had no effect.
    pub fn forget(&mut self, number: u64) {
        if self.numbers.remove(&number) {
            self.order.retain(|known| *known != number);
        }
    }

    /// Whether the number is a new one; it is remembered then.
    pub fn is_new(&mut self, number: u64) -> bool {
        if !self.numbers.insert(number) {
            return false;
        }
        self.order.push_back(number);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.numbers.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_known_and_memory_is_bounded() {
        let mut seen = Seen::new(3);
        assert_eq!([1, 2, 1, 3, 4, 1].map(|n| seen.is_new(n)), [true, true, false, true, true, true]);
        assert_eq!((seen.order.len(), seen.numbers.len()), (3, 3));
        seen.forget(1);
        assert_eq!((seen.is_new(1), seen.is_new(4)), (true, false));
        assert_eq!(request_of("task", "a"), request_of("task", "a"));
        assert_ne!(request_of("task", "a"), request_of("command", "a"));
        assert!((1..=REQUEST_MAX).contains(&request_of("", "")));
    }
}
