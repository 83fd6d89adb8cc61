//! Hot: when market data was heard of last, by source and by instrument: a few stores on the feed's thread, read by the
//! edge.

use super::clock_guard::Reading;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::time::NO_TIME;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

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

crate::code_enum! {
    /// What a tick tells of its instrument.
    pub enum Stream {
        /// Levels or orders of the book.
        Book = 0, "book";
        /// The venue's own best bid and ask.
        Quote = 1, "quotes";
        /// Trades, bars, and what is told once (a snapshot).
        Other = 2, "data";
    }
}

/// The last tick of one stream of one instrument, and who told it.
#[derive(Debug)]
struct Told {
    last: Last,
    /// Number of the feed; `u32::MAX` = nobody yet.
    feed: AtomicU32,
}

impl Default for Told {
    fn default() -> Self {
        Self { last: Last::default(), feed: AtomicU32::new(u32::MAX) }
    }
}

/// The last ticks of all sources and instruments.
#[derive(Debug)]
pub struct Ticks {
    any: Last,
    sources: Box<[Last]>,
    instruments: Box<[[Told; Stream::ALL.len()]]>,
    unknown: AtomicU64,
}

impl Ticks {
    /// Room for sources up to `sources_max` behind the first feed, and for instruments with ids below `instruments_max`.
    /// All memory is taken here.
    pub fn new(sources_max: usize, instruments_max: usize) -> Self {
        Self {
            any: Last::default(),
            sources: (0..sources_max).map(|_| Last::default()).collect(),
            instruments: (0..instruments_max).map(|_| Default::default()).collect(),
            unknown: AtomicU64::new(0),
        }
    }

    fn source_index(source: SourceId) -> Option<usize> {
        source.0.checked_sub(SourceId::FEED_FIRST.0).map(usize::from)
    }

    /// Market data of `instrument` (or of none) came in from `source` at `at`. What there is no room for is counted, and
    /// makes nothing fresh.
    #[inline]
    pub fn tick(&self, source: SourceId, instrument: InstrumentId, stream: Stream, at: Reading) {
        let index = Self::source_index(source);
        let Some((number, last)) = index.and_then(|index| Some((index, self.sources.get(index)?))) else {
            self.unknown.fetch_add(1, Ordering::Relaxed);
            return;
        };
        last.set(at);
        if let Some(streams) = self.instruments.get(instrument.index()) {
            let told = &streams[stream as usize];
            told.feed.store(number as u32, Ordering::Relaxed);
            told.last.set(at);
        } else if instrument.is_some() {
            self.unknown.fetch_add(1, Ordering::Relaxed);
        }
        self.any.set(at);
    }

    /// The last tick of any source.
    pub fn any(&self) -> Reading {
        self.any.get()
    }

    /// The sources that were heard of, by their number among the feeds, and when last.
    pub fn heard(&self) -> impl Iterator<Item = (usize, Reading)> {
        self.sources.iter().map(Last::get).enumerate().filter(|(_, last)| *last != Reading::NONE)
    }

    /// The instruments that feed `number` was the last to tell something of: another one that took over has not fallen silent.
    pub fn told_by(&self, number: usize) -> impl Iterator<Item = (InstrumentId, Stream)> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.instruments.iter().zip(0..).flat_map(move |(streams, id)| {
            let told = Stream::ALL.iter().filter(move |s| streams[**s as usize].feed.load(Ordering::Relaxed) == number);
            told.map(move |stream| (InstrumentId(id), *stream))
        })
    }

    /// The last tick of each stream of `instrument`, in the order of [`Stream::ALL`].
    pub fn instrument(&self, instrument: InstrumentId) -> [Reading; Stream::ALL.len()] {
        let streams = self.instruments.get(instrument.index());
        streams.map_or([Reading::NONE; Stream::ALL.len()], |streams| streams.each_ref().map(|told| told.last.get()))
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
        let none = Reading::NONE;
        assert_eq!((ticks.any(), ticks.heard().count(), ticks.told_by(0).count()), (none, 0, 0));
        ticks.tick(first, InstrumentId(0), Stream::Book, at(1));
        ticks.tick(second, InstrumentId(2), Stream::Quote, at(2));
        ticks.tick(first, InstrumentId::NONE, Stream::Other, at(3));
        assert_eq!((ticks.heard().collect::<Vec<_>>(), ticks.any()), (vec![(0, at(3)), (1, at(2))], at(3)));
        let instruments = [0, 1, 2, 3].map(|id| ticks.instrument(InstrumentId(id)));
        assert_eq!(instruments, [[at(1), none, none], [none; 3], [none, at(2), none], [none; 3]]);
        assert_eq!(ticks.told_by(1).collect::<Vec<_>>(), [(InstrumentId(2), Stream::Quote)]);
        assert_eq!(ticks.unknown(), 0);
        // Another feed takes over.
        ticks.tick(first, InstrumentId(2), Stream::Quote, at(4));
        assert_eq!((ticks.told_by(1).count(), ticks.told_by(0).count()), (0, 2));
        // No feed, or no room: nothing becomes fresh by it.
        ticks.tick(SourceId::TIMER, InstrumentId(1), Stream::Book, at(9));
        ticks.tick(SourceId(SourceId::FEED_FIRST.0 + 2), InstrumentId(1), Stream::Book, at(9));
        assert_eq!((ticks.any(), ticks.instrument(InstrumentId(1))), (at(4), [none; 3]));
        assert_eq!(ticks.unknown(), 2);
        ticks.tick(first, InstrumentId(3), Stream::Book, at(10));
        assert_eq!((ticks.unknown(), ticks.any()), (3, at(10)));
    }
}
