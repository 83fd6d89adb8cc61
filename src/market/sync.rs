//! Hot: synchronisation of level books with the venue, by Binance's rules; when a book is whole, and why it is not.
//!
//! Differences are buffered until a snapshot comes. Spot: the snapshot `S` is too old if `S + 1` < the first buffered
//! `U`; differences with `u` ≤ `S` are dropped; the first one applied must have `U` ≤ `S + 1` ≤ `u`; then `U` ≤ the last
//! `u` + 1, or messages are missing. Futures: differences with `u` < `S` are dropped; the first one applied must have
//! `U` ≤ `S` ≤ `u`; then `pu` must be the last `u`. A difference whose `u` the book already has is passed over.
//!
//! On a gap (or a message whose parts are broken off, a level that cannot be applied, a crossed book, a `Gap` input) the
//! book is invalid until a *fresh* snapshot joins; that difference is the first of the new buffer where it is whole.
//! A snapshot of a valid book is passed over when it is older or newer (a book without a gap reaches it by itself);
//! one of the very same update id is compared level by level, and a difference makes the book invalid.
//! Top levels (partial depth) replace the book with each message; they are passed over once differences were seen.

use super::anomaly::LevelFilter;
use super::buffer::{DepthList, DepthPool, Part};
use super::l2::{Change, L2Book};
use crate::event::input::{Depth, DepthStyle, Input, LEVELS_MAX, flags};
use crate::event::market::{InvalidReason, anomaly};
use crate::types::price::Side;
use crate::types::time::{NO_TIME, UnixNanos};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A snapshot is needed; differences are buffered.
    Waiting,
    /// The book is the snapshot; the first difference must join it.
    Loaded,
    /// Whole.
    Live,
}

/// What is done with the parts of the message that is coming in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Skipping,
    Buffering,
    Loading,
    Verifying,
    Replacing,
    Applying,
}

/// What a part did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOutcome {
    /// The message is complete, and the book changed or was confirmed by it.
    pub completed: bool,
    /// Data is missing.
    pub gap: bool,
    /// See `event::market::anomaly`.
    pub anomalies: u32,
}

/// Counts of one book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncStats {
    /// Messages that changed the book.
    pub updates: u64,
    /// Gaps found.
    pub gaps: u64,
    /// Snapshots loaded.
    pub snapshots: u64,
    /// Snapshots passed over (older than a valid book or newer, or too old to join).
    pub snapshots_passed_over: u64,
    /// Snapshots of the same update id that the book agreed with.
    pub snapshots_verified: u64,
    /// Differences that were buffered.
    pub buffered: u64,
    /// Differences passed over since the book already had them.
    pub stale: u64,
}

/// The synchronisation of one book.
#[derive(Debug)]
pub struct Sync {
    phase: Phase,
    reason: InvalidReason,
    last_id: u64,
    /// The venue's time of the message that `last_id` is from.
    last_time: UnixNanos,
    doing: Doing,
    group_id: u64,
    group_time: UnixNanos,
    next_part: u16,
    disagrees: bool,
    diffs_seen: bool,
    full_depth: bool,
    buffer: DepthList,
    stats: SyncStats,
}

impl Sync {
    /// A book without data.
    pub fn new(reason: InvalidReason) -> Self {
        Self {
            phase: Phase::Waiting,
            reason,
            last_id: 0,
            last_time: NO_TIME,
            doing: Doing::Nothing,
            group_id: 0,
            group_time: NO_TIME,
            next_part: 0,
            disagrees: false,
            diffs_seen: false,
            full_depth: false,
            buffer: DepthList::default(),
            stats: SyncStats::default(),
        }
    }

    /// Why the book is not whole; `None` if it is.
    #[inline]
    pub fn reason(&self) -> InvalidReason {
        if self.phase == Phase::Live { InvalidReason::None } else { self.reason }
    }

    /// The book's update id.
    #[inline]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The venue's time of the newest message that was applied, the one with [`last_id`](Self::last_id); `NO_TIME` if it
    /// gave none.
    #[inline]
    pub fn last_time(&self) -> UnixNanos {
        self.last_time
    }

    /// Whether only some parts of a message that changes the book are in.
    #[inline]
    pub fn is_amid_message(&self) -> bool {
        matches!(self.doing, Doing::Applying | Doing::Loading | Doing::Replacing)
    }

    /// Whether the book is known beyond its top levels.
    #[inline]
    pub fn has_full_depth(&self) -> bool {
        self.full_depth
    }

    /// Counts.
    pub fn stats(&self) -> &SyncStats {
        &self.stats
    }

    /// The waiting differences.
    pub fn buffer_mut(&mut self) -> &mut DepthList {
        &mut self.buffer
    }

    /// Everything anew, the counts stay.
    pub fn restart(&mut self, reason: InvalidReason, pool: &mut DepthPool) {
        pool.clear(&mut self.buffer);
        *self = Self { stats: self.stats, ..Self::new(reason) };
    }

    /// The book is no longer whole: a fresh snapshot is needed, and nothing that was buffered counts.
    pub fn lose(&mut self, reason: InvalidReason, pool: &mut DepthPool) {
        pool.clear(&mut self.buffer);
        self.phase = Phase::Waiting;
        self.reason = reason;
        self.doing = Doing::Nothing;
        self.full_depth = false;
    }

    fn gap(&mut self, out: &mut SyncOutcome, pool: &mut DepthPool) {
        self.lose(InvalidReason::SequenceGap, pool);
        self.stats.gaps += 1;
        out.gap = true;
    }

    /// Takes in one depth input.
    pub fn on_depth(
        &mut self,
        input: &Input,
        filter: &LevelFilter,
        book: &mut L2Book,
        pool: &mut DepthPool,
    ) -> SyncOutcome {
        let mut out = SyncOutcome::default();
        let depth: &Depth = input.payload();
        let used = depth.bids as usize + depth.asks as usize;
        let style = DepthStyle::from_code(depth.style);
        let bytes = core::mem::offset_of!(Depth, levels) + used * size_of::<crate::event::input::Level>();
        let (Some(style), true) = (style, used <= LEVELS_MAX && bytes <= input.payload_len as usize) else {
            self.lose(InvalidReason::OutOfRange, pool);
            out.anomalies |= anomaly::UNDEFINED;
            return out;
        };
        if input.is_first() {
            if self.doing != Doing::Nothing {
                self.gap(&mut out, pool);
            }
            self.next_part = 0;
            self.group_id = depth.last_id;
            self.group_time = input.ts_event;
            self.doing = self.begin(style, depth, book, pool, &mut out);
        } else if self.doing == Doing::Nothing {
            // The rest of a message that was given up, or one whose beginning is missing.
            if self.phase != Phase::Waiting || input.part != self.next_part {
                self.gap(&mut out, pool);
            }
            self.next_part = input.part.wrapping_add(1);
            return out;
        }
        if input.part != self.next_part || depth.last_id != self.group_id {
            self.gap(&mut out, pool);
            self.next_part = input.part.wrapping_add(1);
            return out;
        }
        self.next_part = self.next_part.wrapping_add(1);
        self.part(depth, used, input.flags, filter, book, pool, &mut out);
        if input.is_last() && self.doing != Doing::Nothing {
            self.end(filter, book, pool, &mut out);
        }
        out
    }

    /// Decides what becomes of a message, by its ids.
    fn begin(
        &mut self,
        style: DepthStyle,
        depth: &Depth,
        book: &mut L2Book,
        pool: &mut DepthPool,
        out: &mut SyncOutcome,
    ) -> Doing {
        match style {
            DepthStyle::Snapshot => self.begin_snapshot(depth, book, pool),
            DepthStyle::TopLevels => {
                if self.diffs_seen || (self.phase == Phase::Live && depth.last_id < self.last_id) {
                    self.stats.stale += 1;
                    return Doing::Skipping;
                }
                book.clear();
                Doing::Replacing
            }
            DepthStyle::DiffByFirst | DepthStyle::DiffByPrev => {
                if !self.diffs_seen {
                    self.diffs_seen = true;
                    // What top levels built is no base for differences.
                    if self.phase == Phase::Live {
                        self.lose(InvalidReason::NoSnapshot, pool);
                    }
                }
                self.begin_diff(style == DepthStyle::DiffByPrev, depth, pool, out)
            }
        }
    }

    fn begin_snapshot(&mut self, depth: &Depth, book: &mut L2Book, pool: &mut DepthPool) -> Doing {
        match self.phase {
            Phase::Live if depth.last_id == self.last_id && self.diffs_seen => {
                self.disagrees = false;
                return Doing::Verifying;
            }
            Phase::Live if self.diffs_seen => {
                self.stats.snapshots_passed_over += 1;
                return Doing::Skipping;
            }
            Phase::Loaded if depth.last_id <= self.last_id => {
                self.stats.snapshots_passed_over += 1;
                return Doing::Skipping;
            }
            _ => {}
        }
        if let Some(first) = pool.front(&self.buffer) {
            let by_prev = first.style == DepthStyle::DiffByPrev.code();
            let reach = if by_prev { depth.last_id } else { depth.last_id.saturating_add(1) };
            if first.first_id > reach {
                self.reason =
                    if self.buffer.dropped { InvalidReason::BufferFull } else { InvalidReason::SnapshotTooOld };
                self.stats.snapshots_passed_over += 1;
                return Doing::Skipping;
            }
        }
        book.clear();
        self.phase = Phase::Waiting;
        Doing::Loading
    }

    fn begin_diff(&mut self, by_prev: bool, depth: &Depth, pool: &mut DepthPool, out: &mut SyncOutcome) -> Doing {
        let (first, last) = (depth.first_id, depth.last_id);
        match self.phase {
            Phase::Live => {
                if last <= self.last_id {
                    self.stats.stale += 1;
                    return Doing::Skipping;
                }
                let follows =
                    if by_prev { depth.prev_id == self.last_id } else { first <= self.last_id.saturating_add(1) };
                if follows && first <= last {
                    return Doing::Applying;
                }
                self.gap(out, pool);
            }
            Phase::Loaded => {
                let stale = if by_prev { last < self.last_id } else { last <= self.last_id };
                if stale {
                    self.stats.stale += 1;
                    return Doing::Skipping;
                }
                let reach = if by_prev { self.last_id } else { self.last_id.saturating_add(1) };
                if first <= reach && first <= last {
                    return Doing::Applying;
                }
                self.lose(InvalidReason::SnapshotTooOld, pool);
            }
            Phase::Waiting => {
                if matches!(
                    self.reason,
                    InvalidReason::NoData | InvalidReason::Restart | InvalidReason::AwaitingFirstDiff
                ) {
                    self.reason = InvalidReason::NoSnapshot;
                }
            }
        }
        Doing::Buffering
    }

    #[allow(clippy::too_many_arguments)] // A part, and the four things that it changes.
    fn part(
        &mut self,
        depth: &Depth,
        used: usize,
        input_flags: u8,
        filter: &LevelFilter,
        book: &mut L2Book,
        pool: &mut DepthPool,
        out: &mut SyncOutcome,
    ) {
        match self.doing {
            Doing::Nothing | Doing::Skipping => {}
            Doing::Buffering => {
                if input_flags & flags::FIRST != 0 {
                    self.stats.buffered += 1;
                }
                let part = Part { depth: *depth, flags: input_flags, ts_event: self.group_time };
                if !pool.push(&mut self.buffer, &part) {
                    self.reason = InvalidReason::BufferFull;
                    self.doing = Doing::Nothing;
                }
            }
            Doing::Verifying => {
                for (at, level) in depth.levels[..used].iter().enumerate() {
                    let side = if at < depth.bids as usize { Side::Buy } else { Side::Sell };
                    self.disagrees |= book.get(side, level.px) != level.qty;
                }
            }
            Doing::Loading | Doing::Replacing | Doing::Applying => {
                if !apply(depth, used, filter, book, out) {
                    self.lose(InvalidReason::OutOfRange, pool);
                }
            }
        }
    }

    /// The last part is in.
    fn end(&mut self, filter: &LevelFilter, book: &mut L2Book, pool: &mut DepthPool, out: &mut SyncOutcome) {
        let doing = core::mem::replace(&mut self.doing, Doing::Nothing);
        match doing {
            Doing::Nothing | Doing::Skipping | Doing::Buffering => return,
            Doing::Verifying => {
                if self.disagrees {
                    self.gap(out, pool);
                    return;
                }
                self.stats.snapshots_verified += 1;
            }
            Doing::Loading => {
                self.phase = Phase::Loaded;
                self.reason = InvalidReason::AwaitingFirstDiff;
                (self.last_id, self.last_time) = (self.group_id, self.group_time);
                self.full_depth = true;
                self.stats.snapshots += 1;
                self.replay(filter, book, pool, out);
            }
            Doing::Replacing | Doing::Applying => {
                self.full_depth &= doing == Doing::Applying;
                self.phase = Phase::Live;
                (self.last_id, self.last_time) = (self.group_id, self.group_time);
            }
        }
        if out.anomalies & anomaly::BOOK_FULL != 0 {
            self.full_depth = false;
        }
        self.stats.updates += 1;
        out.completed = true;
    }

    /// The snapshot is in: applies what waited, as far as it is continuous. Nothing else comes in between.
    fn replay(&mut self, filter: &LevelFilter, book: &mut L2Book, pool: &mut DepthPool, out: &mut SyncOutcome) {
        // Taken out first, so that a gap, which clears the buffer, does not clear what lies behind it.
        let mut waiting = core::mem::take(&mut self.buffer);
        let mut doing = Doing::Nothing;
        while let Some(part) = pool.pop(&mut waiting) {
            let depth = &part.depth;
            if part.flags & flags::FIRST != 0 {
                doing = self.begin_diff(depth.style == DepthStyle::DiffByPrev.code(), depth, pool, out);
            }
            let used = (depth.bids as usize + depth.asks as usize).min(LEVELS_MAX);
            match doing {
                Doing::Applying if !apply(depth, used, filter, book, out) => {
                    self.lose(InvalidReason::OutOfRange, pool);
                    doing = Doing::Nothing;
                }
                Doing::Buffering => {
                    // There was room for it a moment ago.
                    pool.push(&mut self.buffer, &part);
                }
                Doing::Applying if part.flags & flags::LAST != 0 => {
                    self.phase = Phase::Live;
                    (self.last_id, self.last_time) = (depth.last_id, part.ts_event);
                }
                _ => {}
            }
        }
    }
}

/// Applies the levels of one part; `false` if one cannot be.
fn apply(depth: &Depth, used: usize, filter: &LevelFilter, book: &mut L2Book, out: &mut SyncOutcome) -> bool {
    for (at, level) in depth.levels[..used].iter().enumerate() {
        let side = if at < depth.bids as usize { Side::Buy } else { Side::Sell };
        let seen = filter.level(level);
        if seen != 0 {
            out.anomalies |= seen;
            if seen & (anomaly::ZERO_SIZE | anomaly::BAD_PRICE) != 0 {
                return false;
            }
        }
        if book.set(side, level.px, level.qty) == Change::Full {
            out.anomalies |= anomaly::BOOK_FULL;
        }
    }
    true
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
