//! Hot: frames that the generated venue published, in one reused piece of memory.

use crate::types::ids::InstrumentId;
use crate::types::time::UnixNanos;

/// Where one frame lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    ts_venue: UnixNanos,
    offset: usize,
    len: usize,
    instrument: InstrumentId,
}

/// One published frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<'a> {
    /// When it left the venue; the feed latency comes on top.
    pub ts_venue: UnixNanos,
    /// The generator's instrument that it is about.
    pub instrument: InstrumentId,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Frames, in the order of publication. Cleared and filled again, it stops allocating once it is large enough.
#[derive(Clone, Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

impl FrameBuffer {
    /// Room for `frames` frames of `bytes` bytes altogether; it grows when it must.
    pub fn with_capacity(frames: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), places: Vec::with_capacity(frames) }
    }

    /// Forgets the frames, keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The frames.
    pub fn iter(&self) -> impl Iterator<Item = Published<'_>> {
        self.places.iter().map(|place| Published {
            ts_venue: place.ts_venue,
            instrument: place.instrument,
            bytes: self.bytes.get(place.offset..place.offset + place.len).unwrap_or(&[]),
        })
    }

    /// When the first frame left; `None` if there is none.
    pub(super) fn first_ts(&self) -> Option<UnixNanos> {
        self.places.first().map(|place| place.ts_venue)
    }

    /// Appends one frame, written by `write`.
    #[inline]
    pub(super) fn frame(&mut self, ts_venue: UnixNanos, instrument: InstrumentId, write: impl FnOnce(&mut Vec<u8>)) {
        let offset = self.bytes.len();
        write(&mut self.bytes);
        self.places.push(Place { ts_venue, offset, len: self.bytes.len() - offset, instrument });
    }

    /// Appends all frames of another buffer.
    pub(super) fn append(&mut self, other: &Self) {
        for frame in other.iter() {
            self.frame(frame.ts_venue, frame.instrument, |out| out.extend_from_slice(frame.bytes));
        }
    }
}
