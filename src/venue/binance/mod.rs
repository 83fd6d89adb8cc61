//! Hot: Binance market data (spot, USD-M, COIN-M): streams and REST snapshots to inputs.
//!
//! Two paths give the same inputs: the fast path (`fast`) expects what the venue writes, key by key; the general one
//! (`general`, `emit`) reads any JSON. Only `flags::FALLBACK` tells them apart. A message with a new symbol, or numbers
//! finer than the instrument's scales, is first read by the general parser, which defines or refines the instrument,
//! and then again by the fast path.
//!
//! | message | input | `venue_id` | `ts_event` |
//! |---|---|---|---|
//! | `trade`, `aggTrade` | `Trade` | `t`; `l` | `T` |
//! | `bookTicker` | `Quote` | `u` | `T`; spot has none |
//! | `depthUpdate` | `Depth`, by first (spot) or previous id (futures) | `u` | `T`, else `E` |
//! | the same on `…@depth5`, `10`, `20`; `lastUpdateId` in a combined stream | `Depth`, top levels, SNAPSHOT | `u`; `lastUpdateId` | `T`, else `E`, else none |
//! | bare `lastUpdateId` (REST) | `Depth`, SNAPSHOT | `lastUpdateId` | `T`, else none |
//! | `kline` | `Bar` | open time, ns | `E` |
//! | `markPriceUpdate` | `Mark` | 0 | `E` |
//!
//! **Partial depth outside a combined stream cannot be told** from a REST snapshot (spot) or a difference (futures),
//! since the message does not say what it is: subscribe through combined streams.
//!
//! **Venue.** If none is given it is inferred for each source from its first message with an instrument. `M` in trades, no
//! `e` in bookTicker, no `pu` in a difference, and no times in a snapshot mean spot; else it is futures. The fields of a
//! kline are the same everywhere: one with a volume of eight written decimals, or of a second, is spot. A futures
//! symbol such as `BTCUSD_PERP` or `BTCUSD_240927` is COIN-M; the field `ps` says nothing, since USD-M has it too.
//!
//! **Scales.** An inferred instrument gets the decimals that the numbers of its first message need; later, finer ones
//! refine it: a `Definition` goes in front. Mark and index prices have up to eight decimals and are held exactly too, so
//! they make the price scale that fine; the decimals that are *shown* come from trades, quotes, books and bars alone.
//! Nothing is rounded: what does not fit 64 bits is `OutOfRange`, and so is a funding rate finer than 10⁻⁸.

mod cursor;
mod emit;
mod event;
mod fast;
mod general;
mod resolve;
mod stats;
mod write;
pub mod exchange_info;

#[cfg(test)]
mod tests;

pub use stats::{DecodeStats, Ignored};

use super::directory::Directory;
use super::feed::{DecodeError, Decoder, Frame, InputBatch};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::{Symbol, VenueKind};
use event::Body;
use fast::Taken;
use general::General;
use resolve::{SourceState, has_instrument, resolve};

/// Decoder of Binance's market data.
pub struct BinanceDecoder {
    venue: Option<VenueKind>,
    rest_symbol: Option<Symbol>,
    sources: Vec<SourceState>,
    /// Place of the last frame's source.
    current: usize,
    general: General,
    stats: DecodeStats,
    use_fast: bool,
}

impl BinanceDecoder {
    /// A decoder for one of the three Binance venues; with `None` the venue of each source is inferred.
    pub fn new(venue: Option<VenueKind>) -> Self {
        Self {
            venue,
            rest_symbol: None,
            sources: Vec::with_capacity(8),
            current: 0,
            general: General::new(),
            stats: DecodeStats::default(),
            use_fast: true,
        }
    }

    /// Whose book a bare REST snapshot is, if it does not say. Without it, that of the source's last message.
    pub fn set_rest_symbol(&mut self, symbol: Option<Symbol>) {
        self.rest_symbol = symbol;
    }

    /// Turns the fast path off or on: to compare and to measure.
    pub fn set_fast_path(&mut self, on: bool) {
        self.use_fast = on;
    }

    /// The venue: as given, or as inferred for the source of the last frame.
    pub fn venue(&self) -> Option<VenueKind> {
        self.venue.or_else(|| self.sources.get(self.current).and_then(|state| state.venue))
    }

    /// The counts so far.
    pub const fn stats(&self) -> DecodeStats {
        self.stats
    }

    #[inline(always)]
    fn select(&mut self, source: SourceId) {
        if self.sources.get(self.current).is_none_or(|state| state.source != source) {
            self.select_other(source);
        }
    }

    #[cold]
    fn select_other(&mut self, source: SourceId) {
        self.current = self.sources.iter().position(|state| state.source == source).unwrap_or(self.sources.len());
        if self.current == self.sources.len() {
            self.sources.push(SourceState { source, venue: self.venue, last: InstrumentId::NONE });
        }
    }

    /// The fast path, if it is on and the venue is known. Counts and remembers what it read.
    #[inline(always)]
    fn fast(&mut self, frame: &Frame<'_>, directory: &Directory, out: &mut InputBatch) -> bool {
        let Some(state) = self.sources.get_mut(self.current) else { return false };
        let Some(venue) = state.venue else { return false };
        if !self.use_fast {
            return false;
        }
        let before = out.len();
        match fast::read(frame, venue, state.last, self.rest_symbol.as_ref(), directory, out) {
            Ok(Taken::Inputs(instrument)) => state.last = instrument,
            Ok(Taken::Ignored(kind)) => self.stats.ignored[kind as usize] += 1,
            Err(_) => {
                out.truncate(before);
                return false;
            }
        }
        self.stats.fast += 1;
        true
    }

    #[inline(never)]
    fn general(
        &mut self,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        let event = self.general.parse(frame.bytes)?;
        if !has_instrument(&event) {
            if let Body::Ignored(kind) = event.body {
                self.stats.ignored[kind as usize] += 1;
            }
            self.stats.fallback += 1;
            return Ok(());
        }
        let Some(state) = self.sources.get_mut(self.current) else { return Ok(()) };
        let before = (out.len(), state.venue);
        let instrument = resolve(&event, frame, state, self.rest_symbol.as_ref(), directory, out)?;
        let learned = (out.len(), state.venue) != before;
        self.stats.definitions += (out.len() - before.0) as u64;
        if learned && self.use_fast && again(frame, *state, self.rest_symbol.as_ref(), directory, out) {
            self.stats.fast += 1;
            state.last = instrument.id;
            return Ok(());
        }
        let before = out.len();
        emit::emit(&event, frame, &instrument, out).inspect_err(|_| out.truncate(before))?;
        state.last = instrument.id;
        self.stats.fallback += 1;
        Ok(())
    }
}

/// The fast path on a frame whose instrument has just been defined or refined.
fn again(
    frame: &Frame<'_>,
    state: SourceState,
    rest_symbol: Option<&Symbol>,
    directory: &Directory,
    out: &mut InputBatch,
) -> bool {
    let Some(venue) = state.venue else { return false };
    let before = out.len();
    let taken = matches!(fast::read(frame, venue, state.last, rest_symbol, directory, out), Ok(Taken::Inputs(_)));
    if !taken {
        out.truncate(before);
    }
    taken
}

impl Decoder for BinanceDecoder {
    fn decode(
        &mut self,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        self.select(frame.source);
        if self.fast(frame, directory, out) {
            return Ok(());
        }
        self.general(frame, directory, out).inspect_err(|_| self.stats.errors += 1)
    }
}

impl core::fmt::Debug for BinanceDecoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("BinanceDecoder")
            .field("venue", &self.venue)
            .field("sources", &self.sources)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
