//! Hot: one input as the features see it, and the intervals of bars.

use crate::event::input::Input;
use crate::event::market::{Candle, MarketSection, flags};
use crate::types::price::{Px, pow10_f64};
use crate::types::time::UnixNanos;
use serde::{Deserialize, Serialize};

/// Longest period of a bar indicator, and so the bound of its work.
pub const PERIOD_MAX: u32 = 1_000;

/// Flat bars that a bar feature steps through for one closed candle, in periods. After 40 periods an average with
/// weight 1/N has kept less than e⁻⁴⁰ of what was before, which a float no longer shows, and a window of N bars has
/// kept nothing: so more flat bars would change nothing.
pub const FLAT_PERIODS_MAX: u32 = 40;

/// Interval of the bars that a feature is fed with; the codes index `CANDLE_INTERVALS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interval {
    /// One second.
    #[default]
    #[serde(rename = "1s")]
    Second = 0,
    /// One minute.
    #[serde(rename = "1m")]
    Minute = 1,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes = 2,
    /// One hour.
    #[serde(rename = "1h")]
    Hour = 3,
}

/// What a tick can bring that changes a feature, as bits of [`Feature::WAKES`](crate::feature::Feature::WAKES).
pub mod wakes {
    /// The book changed, paused or broke, or became tradable or not.
    pub const BOOK: u8 = 1;
    /// A trade that counts, or a gap.
    pub const TRADE: u8 = 1 << 1;
    /// A candle closed.
    pub const BAR: u8 = 1 << 2;
    /// Time alone; then [`Feature::wakes_at`](crate::feature::Feature::wakes_at) says when.
    pub const TIME: u8 = 1 << 3;
    /// Anything.
    pub const ALL: u8 = BOOK | TRADE | BAR | TIME;
}

/// One input of one instrument, with what several features need of it computed once.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// The market after the input.
    pub market: &'a MarketSection,
    /// Time of the input, never before the one of the instrument's input before it.
    pub now: UnixNanos,
    /// [`MarketSection::is_tradable`].
    pub tradable: bool,
    /// Tradable, the venue's message is complete, and the book or its top changed (or is seen for the first time
    /// since it became tradable).
    pub book_fresh: bool,
    /// The venue's message is complete and the market is not tradable: an earlier book is not to be compared with a
    /// later one.
    pub book_paused: bool,
    /// The book's continuity broke with this input or is broken: earlier books say nothing about it.
    pub book_broken: bool,
    /// This input was a trade that counts: `market.last`.
    pub traded: bool,
    /// A gap was found with this input.
    pub gap: bool,
    /// Best bid as a float; meaningful where the book is fresh.
    pub bid: f64,
    /// Best ask as a float; meaningful where the book is fresh.
    pub ask: f64,
    /// (bid + ask) ÷ 2; meaningful where the book is fresh.
    pub mid: f64,
}

impl<'a> Tick<'a> {
    /// The tick of `input`. `seen_book`: a fresh book was taken in since the market became tradable.
    #[inline]
    pub fn new(input: &Input, market: &'a MarketSection, now: UnixNanos, seen_book: bool) -> Self {
        const BREAKS: u32 = flags::GAP | flags::BECAME_INVALID | flags::BECAME_VALID;
        let tradable = market.is_tradable();
        let complete = input.is_last();
        let changed = !seen_book || market.flags & (flags::BBO_CHANGED | flags::BOOK_UPDATED) != 0;
        let book_fresh = tradable && complete && changed;
        // Two divisions, which only a fresh book is worth.
        let px = |px: Px| if book_fresh { px.to_f64(market.price_decimals) } else { 0.0 };
        let (bid, ask) = (px(market.bid.px), px(market.ask.px));
        Self {
            market,
            now,
            tradable,
            book_fresh,
            book_paused: complete && !tradable,
            book_broken: market.flags & flags::VALID == 0 || market.flags & BREAKS != 0,
            traded: market.flags & flags::TRADED != 0 && market.last.qty.0 > 0,
            gap: market.flags & flags::GAP != 0,
            bid,
            ask,
            mid: (bid + ask) * 0.5,
        }
    }

    /// What the tick brings, but for time: bits of [`wakes`]. `was_tradable`: [`tradable`](Self::tradable) of the tick before.
    #[inline]
    pub fn brings(&self, was_tradable: bool) -> u8 {
        let book = self.book_fresh || self.book_paused || self.book_broken || self.tradable != was_tradable;
        let bar = self.market.flags & flags::CANDLE_CLOSED != 0;
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        bit(book, wakes::BOOK) | bit(self.traded || self.gap, wakes::TRADE) | bit(bar, wakes::BAR)
    }

    /// 10^price_decimals: how many price units are one.
    #[inline]
    pub fn px_unit(&self) -> f64 {
        pow10_f64(self.market.price_decimals)
    }

    /// 10^qty_decimals.
    #[inline]
    pub fn qty_unit(&self) -> f64 {
        pow10_f64(self.market.qty_decimals)
    }

    /// A price as a float.
    #[inline]
    pub fn px(&self, px: Px) -> f64 {
        px.to_f64(self.market.price_decimals)
    }

    /// The candle of `interval` that closed with this input.
    #[inline]
    pub fn closed(&self, interval: Interval) -> Option<&'a Candle> {
        let index = interval as usize;
        if self.market.flags & flags::CANDLE_CLOSED != 0 && self.market.closed_mask >> index & 1 == 1 {
            self.market.closed.get(index)
        } else {
            None
        }
    }

    /// Feeds `push` the closed bar and the flat bars behind it, of these at most [`FLAT_PERIODS_MAX`] × `period`.
    /// Returns whether there was one.
    #[inline]
    pub fn feed_bars(&self, interval: Interval, period: u32, mut push: impl FnMut(&Candle)) -> bool {
        let Some(candle) = self.closed(interval) else { return false };
        push(candle);
        if candle.empties > 0 {
            let close = candle.close;
            let flat = Candle { open: close, high: close, low: close, close, ..Candle::default() };
            for _ in 0..candle.empties.min(period.saturating_mul(FLAT_PERIODS_MAX)) {
                push(&flat);
            }
        }
        true
    }
}

/// The check that all bar features make of a period.
pub(crate) fn check_period(name: &str, period: u32) -> Result<(), String> {
    if (1..=PERIOD_MAX).contains(&period) {
        Ok(())
    } else {
        Err(format!("`{name}` must be 1..={PERIOD_MAX}, not {period}"))
    }
}
