//! Hot: a lane's progress: how many slots it has completed. One writer, any number of readers.

use super::sync::{Arc, AtomicU64, Ordering, Padded};

/// Progress of one lane (or of the producer), alone on its cache lines. Slot `n` (sequences start at 1) is completed
/// once the value is at least `n`; 0 = none.
#[derive(Debug)]
pub struct Sequence(Padded<AtomicU64>);

impl Sequence {
    /// A sequence that has completed everything up to and including `completed`.
    pub(crate) fn new(completed: u64) -> Self {
        Self(Padded(AtomicU64::new(completed)))
    }

    /// Slots completed. Acquire: whoever sees `n` sees all that the writer wrote into the slots up to `n`.
    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Says that everything up to and including `completed` is done. Release: pairs with [`Sequence::get`]. Only the
    /// one handle that owns this sequence calls it, with values that never fall.
    #[inline(always)]
    pub(crate) fn publish(&self, completed: u64) {
        self.0.store(completed, Ordering::Release);
    }
}

/// A read-only view of one lane's progress, for gates, gauges and watchdogs.
#[derive(Clone, Debug)]
pub struct Cursor(Arc<Sequence>);

impl Cursor {
    /// A cursor on `sequence`.
    pub(crate) fn new(sequence: &Arc<Sequence>) -> Self {
        Self(Arc::clone(sequence))
    }

    /// The highest sequence that the lane has completed (Acquire); 0 = none. Reading it often from another core
    /// costs the lane's owner a cache miss each time: gauges poll, they don't spin.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// What a handle waits for: the slowest of one or more sequences. The first lies in the handle itself, because most
/// lanes wait for exactly one, and then a poll is one pointer and one load.
#[derive(Debug)]
pub(crate) struct Gates {
    first: Arc<Sequence>,
    rest: Box<[Arc<Sequence>]>,
}

impl Gates {
    /// Gates on all of `sequences`; `None` if there are none.
    pub(crate) fn new(mut sequences: Vec<Arc<Sequence>>) -> Option<Self> {
        let first = sequences.pop()?;
        Some(Self { first, rest: sequences.into_boxed_slice() })
    }

    /// The smallest of the sequences. Each is loaded with Acquire, so that everything up to the minimum is visible,
    /// whichever lane wrote it.
    #[inline(always)]
    pub(crate) fn min(&self) -> u64 {
        self.rest.iter().fold(self.first.get(), |min, sequence| min.min(sequence.get()))
    }
}

#[cfg(all(test, not(ring_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_follows_and_gates_take_the_slowest() {
        let sequences: Vec<_> = [7, 3, 5].into_iter().map(|n| Arc::new(Sequence::new(n))).collect();
        let cursor = Cursor::new(&sequences[1]);
        let gates = Gates::new(sequences.clone()).expect("three gates");
        assert_eq!((cursor.get(), gates.min()), (3, 3));
        sequences[1].publish(9);
        assert_eq!((cursor.clone().get(), gates.min()), (9, 5));
        assert!(Gates::new(Vec::new()).is_none());
    }
}
