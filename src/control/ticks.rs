//! Hot: when market data was heard of last, by source and by instrument: a few stores on the feed's thread, read by the
//! edge.

use super::clock_guard::Reading;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::time::NO_TIME;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The last tick of one source or instrument, by both clocks.
///
/// The two are stored one after the other, so a reader may meet one of this tick beside one of the tick before: an age
/// is then at most one tick too old, never too young, since it is taken by the clock that says more.
#[derive(Debug)]
struct Last {
    steady: AtomicI64,
    wall: AtomicI64,
}

impl Default for Last {
    fn default() -> Self {
        Self { steady: AtomicI64::new(NO_TIME), wall: AtomicI64::new(NO_TIME) }
    }
}

impl Last {
    #[inline]
    fn set(&self, at: Reading) {
        self.steady.store(at.steady, Ordering::Release);
        self.wall.store(at.wall, Ordering::Release);
    }

    fn get(&self) -> Reading {
        Reading { steady: self.steady.load(Ordering::Acquire), wall: self.wall.load(Ordering::Acquire) }
    }
}

/// The last ticks of all sources and instruments.
#[derive(Debug)]
pub struct Ticks {
    any: Last,
    sources: Box<[Last]>,
    instruments: Box<[Last]>,
    unknown: AtomicU64,
}

impl Ticks {
    /// Room for sources up to `sources_max` behind the first feed, and for instruments with ids below `instruments_max`.
    /// All memory is taken here.
    pub fn new(sources_max: usize, instruments_max: usize) -> Self {
        let room = |n: usize| (0..n).map(|_| Last::default()).collect();
        Self {
            any: Last::default(),
            sources: room(sources_max),
            instruments: room(instruments_max),
            unknown: AtomicU64::new(0),
        }
    }

    fn source_index(source: SourceId) -> Option<usize> {
        source.0.checked_sub(SourceId::FEED_FIRST.0).map(usize::from)
    }

    /// Market data of `instrument` (or of none) came in from `source` at `at`. What there is no room for is counted, and
    /// makes nothing fresh.
    #[inline]
    pub fn tick(&self, source: SourceId, instrument: InstrumentId, at: Reading) {
        let Some(last) = Self::source_index(source).and_then(|index| self.sources.get(index)) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        last.set(at);
        if let Some(last) = self.instruments.get(instrument.index()) {
            last.set(at);
        } else if instrument.is_some() {
            self.unknown.fetch_add(1, Ordering::Relaxed);
        }
        self.any.set(at);
    }

    /// The last tick of any source.
    pub fn any(&self) -> Reading {
        self.any.get()
    }

    /// The last tick of `source`; none if it is not known.
    pub fn source(&self, source: SourceId) -> Reading {
        Self::source_index(source).and_then(|index| self.sources.get(index)).map_or(Reading::NONE, Last::get)
    }

    /// The sources that were heard of, by their number among the feeds, and when last.
    pub fn heard(&self) -> impl Iterator<Item = (usize, Reading)> {
        self.sources.iter().map(Last::get).enumerate().filter(|(_, last)| *last != Reading::NONE)
    }

    /// The last tick of `instrument`; none if it is not known.
    pub fn instrument(&self, instrument: InstrumentId) -> Reading {
        self.instruments.get(instrument.index()).map_or(Reading::NONE, Last::get)
    }

    /// Ticks of sources or instruments that there is no room for. Must be 0.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tick_is_kept_where_it_belongs() {
        let ticks = Ticks::new(2, 3);
        let (first, second) = (SourceId::FEED_FIRST, SourceId(SourceId::FEED_FIRST.0 + 1));
        let at = |n| Reading { steady: n, wall: 100 + n };
        assert_eq!((ticks.any(), ticks.source(first), ticks.heard().count()), (Reading::NONE, Reading::NONE, 0));
        ticks.tick(first, InstrumentId(0), at(1));
        ticks.tick(second, InstrumentId(2), at(2));
        ticks.tick(first, InstrumentId::NONE, at(3));
        assert_eq!((ticks.source(first), ticks.source(second), ticks.any()), (at(3), at(2), at(3)));
        let instruments = [0, 1, 2, 3].map(|id| ticks.instrument(InstrumentId(id)));
        assert_eq!(instruments, [at(1), Reading::NONE, at(2), Reading::NONE]);
        assert_eq!(ticks.unknown(), 0);
        // No feed, or no room: nothing becomes fresh by it.
        ticks.tick(SourceId::TIMER, InstrumentId(1), at(9));
        ticks.tick(SourceId(SourceId::FEED_FIRST.0 + 2), InstrumentId(1), at(9));
        assert_eq!((ticks.any(), ticks.instrument(InstrumentId(1))), (at(3), Reading::NONE));
        assert_eq!((ticks.unknown(), ticks.source(SourceId::HOST)), (2, Reading::NONE));
        ticks.tick(first, InstrumentId(3), at(10));
        assert_eq!((ticks.unknown(), ticks.source(first)), (3, at(10)));
    }
}
