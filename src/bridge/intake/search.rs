//! Edge: how far the shared queue was looked through for our items. Pure: what the queue looks like comes with the call.
//!
//! Items of others stay where they stand, so a queue may be long and none of it ours. It is looked through in steps, from the
//! oldest item on; once it was looked through, only what was pushed since is looked at. What others took away meanwhile moves
//! the places of the rest, and may hide an item from a look that is under way: so all of it is looked through again whenever it
//! is not known to be the same, and now and then in any case.

use std::time::{Duration, Instant};

/// Least time between two looks at all of a queue that seems to be the same.
const ALL_AGAIN: Duration = Duration::from_secs(5);
/// And so many times what the last one took.
const ALL_AGAIN_TIMES: u32 = 5;
/// Between two weighings of a queue within a look: each goes through all of it.
const WEIGH_EVERY: Duration = Duration::from_secs(1);
/// As the newest item is known if it is too long to be asked for again and again.
const LONG: &str = "long";

/// What the queue looks like from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Face {
    /// How many items there are.
    pub length: u64,
    /// By what the newest is known.
    pub newest: String,
    /// By what the one is known that was the newest of those looked at.
    pub looked: String,
}

/// All that was looked at, and none of it ours.
#[derive(Debug)]
struct Known {
    length: u64,
    newest: String,
}

/// How far the search is.
#[derive(Debug, Default)]
pub struct Search {
    /// The oldest that need not be looked at again.
    from: u64,
    /// By what the newest of those before it is known.
    mark: String,
    /// Whether the queue has long items, as a step found, and when.
    heavy: Option<(String, Instant)>,
    /// When the look under way began, and whether it is one at all.
    begun: Option<(Instant, bool)>,
    known: Option<Known>,
    /// When all of it was looked through last, and how long that took.
    all: Option<(Instant, Duration)>,
}

impl Search {
    /// Whether a look through the queue has begun and is not over.
    pub fn is_under_way(&self) -> bool {
        self.begun.is_some()
    }

    /// What to ask of the queue's face: whether to look at items, and how many were looked at.
    pub fn asks(&self) -> (bool, u64) {
        let known = self.known.as_ref();
        (known.is_none_or(|known| known.newest != LONG), known.map_or(0, |known| known.length))
    }

    /// How many of the oldest were looked at.
    pub const fn from(&self) -> u64 {
        self.from
    }

    /// By what the newest of those is known; empty: there is none.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Whether the queue has long items (`1`, `0`), if that was found lately; else empty.
    pub fn heavy(&self, now: Instant) -> &str {
        let lately = self.heavy.as_ref().filter(|(_, at)| now.saturating_duration_since(*at) < WEIGH_EVERY);
        lately.map_or("", |(heavy, _)| heavy)
    }

    /// The queue was found to have long items, or none.
    pub fn weighed(&mut self, heavy: String, now: Instant) {
        self.heavy = Some((heavy, now));
    }

    /// Begins a look through the queue, if there is something to be found in it.
    pub fn begin(&mut self, face: &Face, now: Instant) -> bool {
        if face.length == 0 {
            self.known = None;
            return false;
        }
        let is_due = self.all.is_none_or(|(at, took)| {
            now.saturating_duration_since(at) >= ALL_AGAIN.max(took.saturating_mul(ALL_AGAIN_TIMES))
        });
        self.from = 0;
        self.mark.clear();
        self.heavy = None;
        if let Some(known) = self.known.as_ref().filter(|_| !is_due) {
            if face.length == known.length && (face.newest == known.newest || known.newest == LONG) {
                return false;
            }
            // Only pushed to: what was looked at stands where it stood.
            if face.length > known.length && !known.newest.is_empty() && face.looked == known.newest {
                self.from = known.length;
                self.mark.clone_from(&known.newest);
            }
        }
        self.begun = Some((now, self.from == 0));
        true
    }

    /// An item was taken that stood behind `from` others, whose newest is known by `mark`: the look goes on behind them.
    pub fn took(&mut self, from: u64, mark: String) {
        (self.from, self.mark) = (from, mark);
    }

    /// So many of `length` were looked at, and none is ours; `newest` of them is known by this. Whether these are all.
    pub fn looked(&mut self, from: u64, length: u64, newest: String, now: Instant) -> bool {
        (self.from, self.mark) = (from, newest);
        if from < length {
            return false;
        }
        if let Some((at, true)) = self.begun.take() {
            self.all = Some((now, now.saturating_duration_since(at)));
        }
        self.known = Some(Known { length, newest: self.mark.clone() });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(length: u64, newest: &str, looked: &str) -> Face {
        Face { length, newest: newest.to_owned(), looked: looked.to_owned() }
    }

    #[test]
    fn all_is_looked_through_in_steps_and_then_only_what_is_new() {
        let mut search = Search::default();
        let begun = Instant::now();
        let at = |millis: u64| begun + Duration::from_millis(millis);
        assert!(!search.begin(&face(0, "", ""), at(0)));
        assert!(search.begin(&face(25_000, "n", ""), at(0)) && search.is_under_way());
        assert!(!search.looked(10_000, 25_000, String::new(), at(10)));
        assert_eq!(search.from(), 10_000, "the next step goes on there");
        search.took(12_000, "m".to_owned());
        assert_eq!((search.from(), search.mark()), (12_000, "m"));
        assert!(search.looked(24_999, 24_999, "n".to_owned(), at(30)) && !search.is_under_way());
        assert_eq!(search.asks(), (true, 24_999));
        assert!(!search.begin(&face(24_999, "n", "n"), at(100)), "as it was");
        // Pushed to: only what is new.
        assert!(search.begin(&face(25_001, "o", "n"), at(200)));
        assert_eq!((search.from(), search.mark()), (24_999, "n"));
        assert!(search.looked(25_001, 25_001, "o".to_owned(), at(210)));
        // Somebody took some, and others were pushed: all of it.
        assert!(search.begin(&face(25_001, "p", "x"), at(300)));
        assert_eq!(search.from(), 0);
        assert!(search.looked(25_001, 25_001, "p".to_owned(), at(2_300)));
        // As it was, but looked through too long ago: five times what it took.
        assert!(!search.begin(&face(25_001, "p", "p"), at(2_300 + 9_999)));
        assert!(search.begin(&face(25_001, "p", "p"), at(2_300 + 10_000)));
        assert_eq!(search.from(), 0);
    }

    #[test]
    fn it_is_weighed_at_the_beginning_of_a_look_and_once_a_second() {
        let (mut search, begun) = (Search::default(), Instant::now());
        assert!(search.begin(&face(9, "n", ""), begun));
        assert_eq!(search.heavy(begun), "");
        search.weighed("0".to_owned(), begun);
        assert_eq!((search.heavy(begun + WEIGH_EVERY / 2), search.heavy(begun + WEIGH_EVERY)), ("0", ""));
        search.weighed("1".to_owned(), begun + WEIGH_EVERY);
        assert_eq!(search.heavy(begun + WEIGH_EVERY), "1");
        assert!(search.looked(9, 9, "n".to_owned(), begun) && search.begin(&face(10, "o", "n"), begun));
        assert_eq!(search.heavy(begun + WEIGH_EVERY), "");
    }

    #[test]
    fn a_long_item_is_not_asked_for_again_and_again() {
        let mut search = Search::default();
        let now = Instant::now();
        assert!(search.begin(&face(1, "long", ""), now));
        assert!(search.looked(1, 1, "long".to_owned(), now));
        assert_eq!(search.asks(), (false, 1));
        assert!(!search.begin(&face(1, "", ""), now));
        assert!(search.begin(&face(2, "", ""), now));
        assert_eq!(search.from(), 0);
    }
}
