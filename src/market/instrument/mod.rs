//! Hot: the market of one instrument: which part of an input goes where, and what the section says after it.

mod clock;
mod events;

use super::anomaly::LevelFilter;
use super::buffer::DepthPool;
use super::calendar::{Session, UsEquities};
use super::candle::Candles;
use super::config::Config;
use super::l2::L2Book;
use super::l3::OrderStore;
use super::staleness::Staleness;
use super::stats::MarketStats;
use super::sync::Sync;
use super::tape::Tape;
use super::top::Quotes;
use super::touch::TouchBook;
use crate::event::input::{Bar, Gap, Input, InputKind, Level, TradingState};
use crate::event::market::{CANDLE_INTERVALS, Candle, InvalidReason, MarketSection, anomaly, flags};
use crate::types::ids::SourceId;
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::price::{Px, Qty, Side, pow10};
use crate::types::time::{NO_TIME, Nanos, UnixNanos};

/// What all instruments share.
#[derive(Debug)]
pub struct Shared {
    /// Limits.
    pub config: Config,
    /// The equities' sessions.
    pub us: UsEquities,
    /// Waiting differences.
    pub pool: DepthPool,
    /// Orders of order-by-order books; made with the first instrument that has one.
    pub orders: Option<OrderStore>,
    /// Trading state of whole venues, by source.
    pub sessions: Vec<(SourceId, TradingState)>,
}

impl Shared {
    /// The session state that the source has told.
    fn session(&self, source: Option<SourceId>) -> Option<TradingState> {
        let source = source?;
        self.sessions.iter().find(|(s, _)| *s == source).map(|(_, state)| *state)
    }
}

/// What kind of book the instrument has; its first book input decides.
#[derive(Debug)]
enum BookKind {
    None,
    Levels,
    Orders,
    Touch(Box<TouchBook>),
}

/// The book as it was after its last complete message.
#[derive(Clone, Copy, Debug, Default)]
struct View {
    bid: Level,
    ask: Level,
    bid_sums: (Qty, Qty),
    ask_sums: (Qty, Qty),
    bid_levels: u32,
    ask_levels: u32,
    update_id: u64,
    /// Venue's time of the message that `update_id` is from.
    time: UnixNanos,
}

/// One instrument.
#[derive(Debug)]
pub struct InstrumentState {
    instrument: Instrument,
    filter: LevelFilter,
    source: Option<SourceId>,
    book: L2Book,
    kind: BookKind,
    sync: Sync,
    /// Why an order book is not whole, until the next epoch.
    order_fault: InvalidReason,
    /// An order book is crossed in continuous trading.
    order_crossed: bool,
    quotes: Quotes,
    tape: Tape,
    candles: Candles,
    staleness: Staleness,
    view: View,
    top: (Level, Level),
    was_valid: bool,
    own_state: Option<TradingState>,
    session: Session,
    mark: Px,
    last: Level,
    last_aggressor: u8,
    exchange_time: UnixNanos,
    /// Exchange time of the input that is being taken in; `NO_TIME` if it gave none that is believed.
    input_time: UnixNanos,
    /// `ts_event − ts_recv` as seen last.
    offset: Option<Nanos>,
    /// Last exchange time by kind of input, of those that time must not run back in.
    times: [UnixNanos; 4],
    /// Flags of what a venue-wide input did, shown with the next input.
    pending: u32,
    last_closed: [Candle; 4],
    closes: [u32; 4],
    /// The venue's final bars that came before our own closed; `closed` 0 = none.
    bars: [Bar; 4],
    stats: MarketStats,
}

/// The payload, if the input says that it is all there.
fn payload<P: bytemuck::AnyBitPattern>(input: &Input) -> Option<&P> {
    (input.payload_len as usize >= size_of::<P>()).then(|| input.payload())
}

impl InstrumentState {
    /// A market without data.
    pub fn new(instrument: Instrument, config: &Config, reason: InvalidReason) -> Self {
        let book = L2Book::new(config.levels_max);
        let touch = instrument.venue == VenueKind::Lobster && config.lobster_level_1;
        Self {
            filter: LevelFilter::new(config, &instrument),
            instrument,
            source: None,
            book,
            kind: if touch { BookKind::Touch(Box::default()) } else { BookKind::None },
            sync: Sync::new(reason),
            order_fault: if touch { reason } else { InvalidReason::None },
            order_crossed: false,
            quotes: Quotes::default(),
            tape: Tape::default(),
            candles: Candles::new(config.candle_grace()),
            staleness: Staleness::default(),
            view: View { time: NO_TIME, ..View::default() },
            top: (Level::default(), Level::default()),
            was_valid: false,
            own_state: None,
            session: Session { open: 0, close: 0 },
            mark: Px(0),
            last: Level::default(),
            last_aggressor: 0,
            exchange_time: NO_TIME,
            input_time: NO_TIME,
            offset: None,
            times: [NO_TIME; 4],
            pending: 0,
            last_closed: [Candle::default(); 4],
            closes: [0; 4],
            bars: bytemuck::Zeroable::zeroed(),
            stats: MarketStats::default(),
        }
    }

    /// The definition.
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The book of levels (empty for level-1 files).
    pub fn book(&self) -> &L2Book {
        &self.book
    }

    /// The source of its last market data.
    pub fn source(&self) -> Option<SourceId> {
        self.source
    }

    /// Quantity known to stand before an order at its level; `None` if the book does not know the order.
    pub fn ahead_of(&self, order_ref: u64, orders: Option<&OrderStore>) -> Option<Qty> {
        match &self.kind {
            BookKind::Touch(touch) => touch.ahead_of(order_ref),
            BookKind::Orders => orders?.ahead_of(self.instrument.id.0, order_ref),
            _ => None,
        }
    }

    /// Counts since the last epoch.
    pub fn stats(&self) -> MarketStats {
        MarketStats {
            invalid_reason: self.reason(),
            sync: *self.sync.stats(),
            gaps: self.stats.gaps + self.sync.stats().gaps,
            quote_checks: self.quotes.checks,
            quote_mismatches: self.quotes.mismatches,
            trade_ids_missing: self.tape.missing,
            trades_late: self.candles.late,
            saturated: self.candles.saturated,
            ..self.stats
        }
    }

    /// Gives back what it holds of shared room, before it is dropped.
    pub fn release(&mut self, shared: &mut Shared) {
        shared.pool.clear(self.sync.buffer_mut());
    }

    /// A finer definition; `false` (and nothing changes) if it is coarser. What does not fit becomes invalid.
    pub fn redefine(&mut self, instrument: Instrument, shared: &mut Shared) -> bool {
        let price_by = instrument.price_decimals.checked_sub(self.instrument.price_decimals);
        let qty_by = instrument.qty_decimals.checked_sub(self.instrument.qty_decimals);
        let (Some(price_by), Some(qty_by)) = (price_by, qty_by) else { return false };
        self.instrument = instrument;
        self.filter = LevelFilter::new(&shared.config, &instrument);
        if price_by == 0 && qty_by == 0 {
            return true;
        }
        let (p, q) = (pow10(price_by), pow10(qty_by));
        let id = instrument.id.0;
        let orders = match (&mut self.kind, &mut shared.orders) {
            (BookKind::Orders, Some(orders)) => orders.rescale(id, p, q),
            (BookKind::Touch(touch), _) => touch.rescale(p, q),
            _ => true,
        };
        let buffered = shared.pool.rescale(self.sync.buffer_mut(), p, q);
        if !self.book.rescale(p, q) || !orders || !buffered {
            self.book.clear();
            self.sync.lose(InvalidReason::OutOfRange, &mut shared.pool);
            self.order_fault = InvalidReason::OutOfRange;
            if let (BookKind::Orders, Some(orders)) = (&self.kind, &mut shared.orders) {
                orders.clear(id);
            }
        }
        self.quotes.rescale(p, q);
        self.candles.rescale(p, q);
        let scaled = |level: Level| match (level.px.0.checked_mul(p), level.qty.0.checked_mul(q)) {
            (Some(px), Some(qty)) => Level { px: Px(px), qty: Qty(qty) },
            _ => Level::default(),
        };
        self.last = scaled(self.last);
        self.top = (scaled(self.top.0), scaled(self.top.1));
        self.mark = Px(self.mark.0.checked_mul(p).unwrap_or(0));
        self.closes = [0; 4];
        self.bars = bytemuck::Zeroable::zeroed();
        if self.sync.is_amid_message() {
            let sums = |(five, ten): (Qty, Qty)| (Qty(five.0.saturating_mul(q)), Qty(ten.0.saturating_mul(q)));
            self.view.bid = scaled(self.view.bid);
            self.view.ask = scaled(self.view.ask);
            self.view.bid_sums = sums(self.view.bid_sums);
            self.view.ask_sums = sums(self.view.ask_sums);
        } else {
            self.refresh_view(self.view.update_id, self.view.time);
        }
        true
    }

    /// The feed lost something.
    pub fn on_gap(&mut self, shared: &mut Shared) {
        self.stats.gaps += 1;
        self.pending |= flags::GAP;
        match &mut self.kind {
            BookKind::None | BookKind::Levels => self.sync.lose(InvalidReason::FeedGap, &mut shared.pool),
            BookKind::Orders => self.order_fault = InvalidReason::FeedGap,
            BookKind::Touch(touch) => {
                touch.clear();
                self.order_fault = InvalidReason::FeedGap;
            }
        }
    }

    /// Why the book is not valid.
    fn reason(&self) -> InvalidReason {
        match self.kind {
            BookKind::None | BookKind::Levels => self.sync.reason(),
            BookKind::Orders | BookKind::Touch(_) if self.order_fault != InvalidReason::None => self.order_fault,
            _ if self.order_crossed => InvalidReason::Crossed,
            _ => InvalidReason::None,
        }
    }

    fn is_trading(&mut self, shared: &Shared) -> bool {
        let open = |state: Option<TradingState>| state == Some(TradingState::Trading);
        let session = shared.session(self.source);
        match self.instrument.venue {
            VenueKind::Nasdaq => open(self.own_state) && open(session),
            VenueKind::Lobster => {
                let at = self.exchange_time;
                if !(self.session.open <= at && at < self.session.close) {
                    match shared.us.session_at(at) {
                        Some(session) => self.session = session,
                        None => return false,
                    }
                }
                open(self.own_state.or(Some(TradingState::Trading)))
            }
            _ => open(self.own_state.or(Some(TradingState::Trading))) && open(session.or(Some(TradingState::Trading))),
        }
    }

    fn refresh_view(&mut self, update_id: u64, time: UnixNanos) {
        self.view = if let BookKind::Touch(touch) = &self.kind {
            let (bid, ask) = (touch.level(Side::Buy), touch.level(Side::Sell));
            View {
                bid,
                ask,
                bid_sums: (bid.qty, bid.qty),
                ask_sums: (ask.qty, ask.qty),
                bid_levels: u32::from(bid.qty.0 > 0),
                ask_levels: u32::from(ask.qty.0 > 0),
                update_id,
                time,
            }
        } else {
            View {
                bid: self.book.best(Side::Buy),
                ask: self.book.best(Side::Sell),
                bid_sums: self.book.sums(Side::Buy),
                ask_sums: self.book.sums(Side::Sell),
                bid_levels: self.book.len(Side::Buy) as u32,
                ask_levels: self.book.len(Side::Sell) as u32,
                update_id,
                time,
            }
        };
    }

    /// The last price, or the mid where there was no trade yet.
    fn reference(&self) -> Option<Px> {
        if self.last.qty.0 > 0 {
            return Some(self.last.px);
        }
        let (bid, ask) = self.top;
        (bid.qty.0 > 0 && ask.qty.0 > 0).then(|| Px((i128::from(bid.px.0) + i128::from(ask.px.0)).div_euclid(2) as i64))
    }

    /// Takes in an input of this instrument (`None`: of an unknown kind) and writes the section.
    pub fn on_input(&mut self, input: &Input, kind: Option<InputKind>, shared: &mut Shared, out: &mut MarketSection) {
        let mut data = false;
        match kind {
            None => out.anomalies |= anomaly::UNDEFINED,
            Some(InputKind::Timer) => {
                let now = self.offset.map_or(NO_TIME, |offset| input.ts_recv.saturating_add(offset));
                self.advance(now, &shared.us, out);
            }
            Some(InputKind::Gap) => {
                if payload::<Gap>(input).is_none() {
                    out.anomalies |= anomaly::UNDEFINED;
                }
                self.on_gap(shared);
            }
            Some(
                kind @ (InputKind::Depth
                | InputKind::Trade
                | InputKind::Quote
                | InputKind::Bar
                | InputKind::Mark
                | InputKind::OrderEvent
                | InputKind::Status),
            ) => {
                data = matches!(kind, InputKind::Depth | InputKind::Trade | InputKind::Quote | InputKind::OrderEvent);
                self.stats.inputs += 1;
                self.source = Some(input.source);
                self.on_time(input, kind, shared, out);
                self.on_market(input, kind, shared, out);
            }
            Some(_) => {}
        }
        let stale = self.staleness.is_stale(input.ts_recv, data, shared.config.stale_after());
        self.fill(stale, shared, out);
        self.stats.anomalies.add(out.anomalies);
    }

    /// Everything that holds now.
    fn fill(&mut self, stale: bool, shared: &Shared, out: &mut MarketSection) {
        let reason = self.reason();
        let valid = reason == InvalidReason::None;
        let view = &self.view;
        let (mut bid, mut ask) = (view.bid, view.ask);
        out.flags |= core::mem::take(&mut self.pending);
        let levels = matches!(self.kind, BookKind::Levels);
        if valid
            && levels
            && let Some(quote) = self.quotes.fresher_than(view.update_id)
        {
            (bid, ask) = (quote.bid, quote.ask);
            out.flags |= flags::TOP_FROM_QUOTE;
        }
        if (bid, ask) != self.top {
            self.top = (bid, ask);
            out.flags |= flags::BBO_CHANGED;
        }
        if valid {
            out.flags |= flags::VALID;
            let full = if levels { self.sync.has_full_depth() } else { matches!(self.kind, BookKind::Orders) };
            if full {
                out.flags |= flags::FULL_DEPTH;
            }
            self.stats.ever_valid = true;
        }
        if valid && !self.was_valid {
            out.flags |= flags::BECAME_VALID;
        } else if !valid && self.was_valid {
            out.flags |= flags::BECAME_INVALID;
            self.stats.invalid_spans += 1;
        }
        self.was_valid = valid;
        if stale {
            out.flags |= flags::STALE;
        }
        if out.closed_mask != 0 {
            out.flags |= flags::CANDLE_CLOSED;
            for i in 0..CANDLE_INTERVALS.len() {
                if out.closed_mask >> i & 1 == 1 {
                    self.last_closed[i] = out.closed[i];
                    self.closes[i] = self.closes[i].saturating_add(1);
                    self.stats.candles += 1;
                }
            }
            self.compare_bars();
        }
        let view = self.view;
        (out.bid, out.ask, out.book_bid, out.book_ask) = (bid, ask, view.bid, view.ask);
        (out.bid_qty_5, out.bid_qty_10) = view.bid_sums;
        (out.ask_qty_5, out.ask_qty_10) = view.ask_sums;
        (out.bid_levels, out.ask_levels) = (view.bid_levels, view.ask_levels);
        (out.update_id, out.book_time) = (view.update_id, view.time);
        (out.last, out.last_aggressor, out.mark) = (self.last, self.last_aggressor, self.mark);
        out.exchange_time = self.exchange_time;
        out.price_decimals = self.instrument.price_decimals;
        out.qty_decimals = self.instrument.qty_decimals;
        out.invalid_reason = reason.code();
        if self.is_trading(shared) {
            out.flags |= flags::TRADING;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::types::ids::InstrumentId;
    use crate::types::instrument::{Calendar, Contract, Symbol};

    /// A spot instrument with 2 and 3 decimals, for the room's tests.
    pub(crate) fn crypto(id: u32) -> Instrument {
        Instrument {
            id: InstrumentId(id),
            symbol: Symbol::from("BTCUSDT").unwrap(),
            venue: VenueKind::BinanceSpot,
            contract: Contract::Linear,
            calendar: Calendar::Crypto,
            price_decimals: 2,
            qty_decimals: 3,
            price_shown: 2,
            qty_shown: 3,
            tick_size: Px(1),
            lot_size: Qty(1),
            multiplier: 1,
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
            inferred: false,
        }
    }
}
