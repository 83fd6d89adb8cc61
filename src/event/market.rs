//! Hot: the market section: the state of the instrument's market after this input.

use super::input::Level;
use crate::types::price::{Px, Qty};
use crate::types::time::UnixNanos;
use bytemuck::{Pod, Zeroable};

/// What this input did, and what holds now.
pub mod flags {
    /// The book is whole: synchronised, no gap since. Without it no signal may be made.
    pub const VALID: u32 = 1 << 0;
    /// Not heard of for longer than the limit. Without fresh data no signal may be made.
    pub const STALE: u32 = 1 << 1;
    /// This input completed a change of the book (all parts of the venue's message are in).
    pub const BOOK_UPDATED: u32 = 1 << 2;
    /// The best bid or ask (price or quantity) differs from the one before this input.
    pub const BBO_CHANGED: u32 = 1 << 3;
    /// This input was a trade that counts.
    pub const TRADED: u32 = 1 << 4;
    /// This input closed one candle or more: see `closed_mask`.
    pub const CANDLE_CLOSED: u32 = 1 << 5;
    /// The book became invalid with this input: see `invalid_reason`.
    pub const BECAME_INVALID: u32 = 1 << 6;
    /// The book became whole with this input.
    pub const BECAME_VALID: u32 = 1 << 7;
    /// The instrument is in continuous trading.
    pub const TRADING: u32 = 1 << 8;
    /// The best bid and ask came from the venue's own quote, which is newer than the book.
    pub const TOP_FROM_QUOTE: u32 = 1 << 9;
    /// A gap was found with this input.
    pub const GAP: u32 = 1 << 10;
    /// The venue's quote disagreed with the book at the same update id.
    pub const QUOTE_MISMATCH: u32 = 1 << 11;
    /// The book is known to its full depth on this side of things; without it only the top levels are.
    pub const FULL_DEPTH: u32 = 1 << 12;
    /// This input was a trade that came when its own candle was closed, in one interval or more: there it counts in the
    /// oldest candle still open.
    pub const LATE_TRADE: u32 = 1 << 13;
}

/// What the anomaly filter saw in this input; several bits may be set. An anomaly is flagged and counted, the input
/// is still applied unless the bit says otherwise.
pub mod anomaly {
    /// Best bid ≥ best ask after the message.
    pub const CROSSED: u32 = 1 << 0;
    /// The price is further from the last one than the limit.
    pub const PRICE_JUMP: u32 = 1 << 1;
    /// A size of zero where there must be one, or below zero (not applied).
    pub const ZERO_SIZE: u32 = 1 << 2;
    /// A size beyond the limit.
    pub const ABSURD_SIZE: u32 = 1 << 3;
    /// The venue's time went back, within a kind of input (flagged with the first part of a message: a snapshot that was
    /// asked for is often older than the differences before it); a late trade (`flags::LATE_TRADE`) too.
    pub const TIME_BACK: u32 = 1 << 4;
    /// Local time lies before the venue's (negative feed latency). Kept as it is.
    pub const NEGATIVE_LATENCY: u32 = 1 << 5;
    /// A price of zero or less where that makes no sense (not applied).
    pub const BAD_PRICE: u32 = 1 << 6;
    /// The book was full; the level furthest from the touch was dropped.
    pub const BOOK_FULL: u32 = 1 << 7;
    /// A trade id that was seen before, or went back (not counted again).
    pub const REPEATED: u32 = 1 << 8;
    /// An input for an instrument that was never defined (not applied).
    pub const UNDEFINED: u32 = 1 << 9;
    /// An execution, reduction or removal of an order that the book does not know.
    pub const UNKNOWN_ORDER: u32 = 1 << 10;
    /// The venue's time is further ahead of the local clock than the limit: the input is applied as one without exchange
    /// time.
    pub const CLOCK_AHEAD: u32 = 1 << 11;
}

crate::code_enum! {
    /// Why a book is not valid.
    pub enum InvalidReason {
        /// It is valid.
        None = 0, "none";
        /// No snapshot yet: differences are buffered or passed over.
        NoSnapshot = 1, "no_snapshot";
        /// Waiting for the first difference that joins the snapshot.
        AwaitingFirstDiff = 2, "awaiting_first_diff";
        /// The snapshot is older than the first buffered difference: another one is needed.
        SnapshotTooOld = 3, "snapshot_too_old";
        /// Update ids are not continuous.
        SequenceGap = 4, "sequence_gap";
        /// The feed reported a gap.
        FeedGap = 5, "feed_gap";
        /// Bid ≥ ask in continuous trading.
        Crossed = 6, "crossed";
        /// An order that is not there was executed or removed.
        UnknownOrder = 7, "unknown_order";
        /// More buffered differences than there is room for.
        BufferFull = 8, "buffer_full";
        /// No data of the instrument yet.
        NoData = 9, "no_data";
        /// A number does not fit.
        OutOfRange = 10, "out_of_range";
        /// A new process start: everything is built anew.
        Restart = 11, "restart";
    }
}

/// Candle intervals, in the order of `closed`.
pub const CANDLE_INTERVALS: [i64; 4] = [1_000_000_000, 60_000_000_000, 300_000_000_000, 3_600_000_000_000];
/// Their names.
pub const CANDLE_NAMES: [&str; 4] = ["1s", "1m", "5m", "1h"];

/// A closed candle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Candle {
    /// Start of the interval, UTC.
    pub open_time: UnixNanos,
    /// First price.
    pub open: Px,
    /// Highest.
    pub high: Px,
    /// Lowest.
    pub low: Px,
    /// Last.
    pub close: Px,
    /// Volume.
    pub volume: Qty,
    /// Trades.
    pub trades: u32,
    /// Empty candles (open = high = low = close, volume 0) that the calendar expects right behind this one and
    /// that closed with it.
    pub empties: u32,
    /// Σ price × quantity of the trades, for the volume-weighted price; saturated, in money units.
    pub turnover: i64,
}

/// The market section. The candles are only written (and hashed) where `closed_mask` says so.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(128))]
pub struct MarketSection {
    /// TSC when the stage was done; 0 if not stamped. Not hashed.
    pub stamp: u64,
    /// See [`flags`].
    pub flags: u32,
    /// See [`anomaly`].
    pub anomalies: u32,
    /// Best bid; quantity 0 = none. The freshest known of book and quote: see `flags::TOP_FROM_QUOTE`.
    pub bid: Level,
    /// Best ask; quantity 0 = none.
    pub ask: Level,
    /// Best bid of our own book.
    pub book_bid: Level,
    /// Best ask of our own book.
    pub book_ask: Level,
    /// Last counted trade: price and quantity; quantity 0 = none yet.
    pub last: Level,
    /// Σ quantity of the best 5 bids of our own book.
    pub bid_qty_5: Qty,
    /// Σ quantity of the best 5 asks.
    pub ask_qty_5: Qty,
    /// Σ quantity of the best 10 bids.
    pub bid_qty_10: Qty,
    /// Σ quantity of the best 10 asks.
    pub ask_qty_10: Qty,
    /// The book's update id (venue's).
    pub update_id: u64,
    /// The venue's mark price; 0 = none.
    pub mark: Px,
    /// Exchange time as far as the instrument's inputs have shown it (what is not believed, see `anomaly::CLOCK_AHEAD`,
    /// has no part); `NO_TIME` before the first.
    pub exchange_time: UnixNanos,
    /// Feed latency of this input, `ts_recv − ts_event`, negative where clocks differ; `NO_TIME` if unknown.
    pub feed_latency: i64,
    /// Levels on the bid side of our book.
    pub bid_levels: u32,
    /// Levels on the ask side.
    pub ask_levels: u32,
    /// Decimals of prices, as defined now.
    pub price_decimals: u8,
    /// Decimals of quantities, as defined now.
    pub qty_decimals: u8,
    /// Code of an [`InvalidReason`].
    pub invalid_reason: u8,
    /// Bit i: `closed[i]` (interval `CANDLE_INTERVALS[i]`) closed with this input.
    pub closed_mask: u8,
    /// Code of the last trade's aggressor `Side`; 0 = unknown.
    pub last_aggressor: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// The venue's time of the newest message in the book, the one whose id `update_id` is; `NO_TIME` if it gave none.
    /// Where a snapshot joins differences that waited for it, that of the last of these.
    pub book_time: UnixNanos,
    /// Zero.
    pub reserved2: [u64; 9],
    /// The candles that closed, at most one per interval.
    pub closed: [Candle; 4],
}

impl MarketSection {
    /// Bytes in front of the candles.
    pub const HEAD: usize = core::mem::offset_of!(MarketSection, closed);
    /// Bytes in front of what is always zero in the head.
    pub const USED: usize = core::mem::offset_of!(MarketSection, reserved2);

    /// Whether all of `mask` is set in the flags.
    #[inline]
    pub fn has(&self, mask: u32) -> bool {
        self.flags & mask == mask
    }

    /// Whether a model may be asked: a whole book, fresh, in continuous trading, with both sides.
    #[inline]
    pub fn is_tradable(&self) -> bool {
        self.flags & (flags::VALID | flags::STALE | flags::TRADING) == (flags::VALID | flags::TRADING)
            && self.bid.qty.0 > 0
            && self.ask.qty.0 > 0
            && self.bid.px < self.ask.px
    }
}
