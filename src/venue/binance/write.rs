//! Hot: inputs from what was read; used by both paths, so that they cannot differ in it.

use crate::event::input::{Depth, DepthStyle, InputKind, LEVELS_MAX, Level, flags};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::time::UnixNanos;
use crate::venue::feed::InputBatch;
use bytemuck::{Pod, Zeroable};

/// Bytes of a [`Depth`] in front of its levels.
const DEPTH_HEAD: usize = size_of::<Depth>() - LEVELS_MAX * size_of::<Level>();

/// What all inputs of a message have in common.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub ts_recv: UnixNanos,
    pub ts_event: UnixNanos,
    pub source: SourceId,
    pub instrument: InstrumentId,
    pub venue_id: u64,
    /// `flags::FALLBACK`, `flags::SNAPSHOT`.
    pub flags: u8,
}

/// One input that is a message by itself.
#[inline(always)]
pub fn single<P: Pod>(out: &mut InputBatch, head: &Head, kind: InputKind, payload: P) {
    part(out, head, kind, 0, flags::FIRST | flags::LAST, size_of::<P>(), payload);
}

#[inline(always)]
fn part<P: Pod>(out: &mut InputBatch, head: &Head, kind: InputKind, part: u16, place: u8, len: usize, payload: P) {
    let input = out.next();
    input.ts_recv = head.ts_recv;
    input.ts_event = head.ts_event;
    input.venue_id = head.venue_id;
    input.instrument = head.instrument;
    input.source = head.source;
    input.kind = kind.code();
    input.flags = head.flags | place;
    input.payload_len = len as u16;
    input.part = part;
    *input.payload_mut::<P>() = payload;
}

/// Writes a depth message of any length as a group of inputs.
pub struct DepthWriter {
    head: Head,
    depth: Depth,
    count: usize,
    part: u16,
}

impl DepthWriter {
    #[inline(always)]
    pub fn new(mut head: Head, style: DepthStyle, first_id: u64, last_id: u64, prev_id: u64) -> Self {
        head.venue_id = last_id;
        let whole = matches!(style, DepthStyle::Snapshot | DepthStyle::TopLevels);
        if whole {
            head.flags |= flags::SNAPSHOT;
        }
        let mut depth = Depth::zeroed();
        depth.first_id = if whole { last_id } else { first_id };
        depth.last_id = last_id;
        depth.prev_id = prev_id;
        depth.style = style.code();
        Self { head, depth, count: 0, part: 0 }
    }

    /// Adds a level; all bids must come before the first ask. `None` if the group has too many parts.
    #[inline(always)]
    pub fn push(&mut self, out: &mut InputBatch, level: Level, ask: bool) -> Option<()> {
        if self.count == LEVELS_MAX {
            self.flush(out, 0);
            self.part = self.part.checked_add(1)?;
        }
        self.depth.levels[self.count] = level;
        self.count += 1;
        if ask {
            self.depth.asks += 1;
        } else {
            self.depth.bids += 1;
        }
        Some(())
    }

    /// Ends the group; without any level it is one empty input.
    #[inline(always)]
    pub fn finish(mut self, out: &mut InputBatch) {
        self.flush(out, flags::LAST);
    }

    #[inline]
    fn flush(&mut self, out: &mut InputBatch, last: u8) {
        let place = last | if self.part == 0 { flags::FIRST } else { 0 };
        let len = DEPTH_HEAD + self.count * size_of::<Level>();
        part(out, &self.head, InputKind::Depth, self.part, place, len, self.depth);
        self.count = 0;
        self.depth.bids = 0;
        self.depth.asks = 0;
    }
}
