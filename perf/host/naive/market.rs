//! Task 2: events to the state of an instrument's market.

use super::book::{Book, Done, Level, View};
use super::candle::{Candle, Candles};
use super::decode::{Decoded, Event, Quote, Trade};
use rust_decimal::Decimal;
use std::collections::HashMap;
use tickpath::market::config::Config;

/// What kind of event it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Of the book.
    Depth,
    /// The venue's best bid and ask.
    Quote,
    /// A trade.
    Trade,
    /// A mark price.
    Mark,
}

/// A trade that counts.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    /// Price.
    pub px: Decimal,
    /// Quantity.
    pub qty: Decimal,
    /// Whether the aggressor bought.
    pub bought: bool,
}

/// The market after an event. The flags say what the event did.
#[derive(Debug)]
pub struct Market {
    /// The venue's symbol.
    pub symbol: String,
    /// What happened.
    pub what: What,
    /// Best bid: of the book, or of the venue's quote where that is newer.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// Σ quantity of the best 5 and of the best 10 bids of the book.
    pub bid_sums: [Decimal; 2],
    /// The same of the asks.
    pub ask_sums: [Decimal; 2],
    /// The last trade.
    pub last: Option<Last>,
    /// The mark price.
    pub mark: Option<Decimal>,
    /// Candles that closed.
    pub closed: Vec<Candle>,
    /// When it was last heard of, in nanoseconds.
    pub heard: Option<i64>,
    /// The book is whole.
    pub valid: bool,
    /// Not heard of for too long.
    pub stale: bool,
    /// The book changed.
    pub book_updated: bool,
    /// The best bid or ask changed.
    pub top_changed: bool,
    /// A trade that counts.
    pub traded: bool,
    /// A message is missing.
    pub gap: bool,
    /// The book became whole, or is no longer.
    pub validity_changed: bool,
}

impl Market {
    /// Whether a model may be asked about it.
    pub fn is_tradable(&self) -> bool {
        let both = !self.bid.qty.is_zero() && !self.ask.qty.is_zero();
        self.valid && !self.stale && both && self.bid.px < self.ask.px
    }
}

/// Whether what was heard last is older than `limit` at `now`.
pub fn is_stale(heard: Option<i64>, now: i64, limit: i64) -> bool {
    heard.is_none_or(|heard| now < heard || now - heard > limit)
}

/// One instrument.
struct Instrument {
    book: Book,
    view: View,
    quote: Option<Quote>,
    top: (Level, Level),
    last: Option<Last>,
    last_trade_id: u64,
    mark: Option<Decimal>,
    candles: Candles,
    exchange_time: i64,
    /// Exchange time − local time, as seen last.
    offset: i64,
    heard: Option<i64>,
    was_valid: bool,
}

/// All markets.
pub struct Markets {
    config: Config,
    instruments: HashMap<String, Instrument>,
}

impl Markets {
    /// No instrument yet.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone(), instruments: HashMap::new() }
    }

    /// Takes in an event that was received at `at`.
    pub fn step(&mut self, at: i64, decoded: Decoded) -> Market {
        let Decoded { symbol, ts_event, event } = decoded;
        if !self.instruments.contains_key(&symbol) {
            self.instruments.insert(symbol.clone(), Instrument::new(&self.config));
        }
        let instrument = self.instruments.get_mut(&symbol).expect("it was just put there");
        instrument.step(&self.config, symbol, at, ts_event, event)
    }
}

impl Instrument {
    fn new(config: &Config) -> Self {
        Self {
            book: Book::default(),
            view: View::default(),
            quote: None,
            top: Default::default(),
            last: None,
            last_trade_id: 0,
            mark: None,
            candles: Candles::new(config.candle_grace()),
            exchange_time: i64::MIN,
            offset: 0,
            heard: None,
            was_valid: false,
        }
    }

    fn step(&mut self, config: &Config, symbol: String, at: i64, ts_event: Option<i64>, event: Event) -> Market {
        // A time too far ahead of the local clock is not believed.
        let ts_event = ts_event.filter(|ts_event| ts_event - at <= config.clock_ahead_max());
        if let Some(ts_event) = ts_event {
            if ts_event >= self.exchange_time {
                self.offset = ts_event - at;
            }
            self.exchange_time = self.exchange_time.max(ts_event);
        }
        let closed = self.candles.advance(self.exchange_time);
        let (mut book_updated, mut gap, mut traded) = (false, false, false);
        let what = match event {
            Event::Depth(depth) => {
                let done = self.book.on_depth(depth);
                (book_updated, gap) = self.on_book(done);
                What::Depth
            }
            Event::Snapshot(snapshot) => {
                let done = self.book.on_snapshot(&snapshot);
                (book_updated, gap) = self.on_book(done);
                What::Depth
            }
            Event::Quote(quote) => {
                self.on_quote(quote);
                What::Quote
            }
            Event::Trade(trade) => {
                traded = self.on_trade(ts_event.unwrap_or(at + self.offset), &trade);
                What::Trade
            }
            Event::Mark(mark) => {
                self.mark = Some(mark.px.0).filter(|px| *px > Decimal::ZERO).or(self.mark);
                What::Mark
            }
        };
        let stale = if what == What::Mark {
            is_stale(self.heard, at, config.stale_after())
        } else {
            self.heard.replace(at).is_some_and(|heard| at < heard)
        };
        let valid = self.book.is_valid();
        let fresher = self.quote.as_ref().filter(|quote| valid && quote.update_id > self.view.update_id);
        let top = fresher.map_or((self.view.bid, self.view.ask), |quote| {
            let level = |px: Decimal, qty: Decimal| Level { px, qty };
            (level(quote.bid.0, quote.bid_qty.0), level(quote.ask.0, quote.ask_qty.0))
        });
        let top_changed = std::mem::replace(&mut self.top, top) != top;
        let validity_changed = std::mem::replace(&mut self.was_valid, valid) != valid;
        Market {
            symbol,
            what,
            bid: top.0,
            ask: top.1,
            bid_sums: self.view.bid_sums,
            ask_sums: self.view.ask_sums,
            last: self.last,
            mark: self.mark,
            closed,
            heard: self.heard,
            valid,
            stale,
            book_updated,
            top_changed,
            traded,
            gap,
            validity_changed,
        }
    }

    /// What a message of the book did: whether the book changed, and whether a message is missing.
    fn on_book(&mut self, done: Done) -> (bool, bool) {
        if done.updated {
            self.view = self.book.view();
            if self.book.is_valid() && self.book.is_crossed() {
                self.book.lose();
            }
        }
        (done.updated, done.gap)
    }

    /// A quote that is older than the last, or makes no sense, is not shown.
    fn on_quote(&mut self, quote: Quote) {
        let bad = |px: Decimal, qty: Decimal| qty < Decimal::ZERO || !qty.is_zero() && px <= Decimal::ZERO;
        let older = self.quote.as_ref().is_some_and(|last| quote.update_id < last.update_id);
        if !older && !bad(quote.bid.0, quote.bid_qty.0) && !bad(quote.ask.0, quote.ask_qty.0) {
            self.quote = Some(quote);
        }
    }

    /// Whether the trade counts: each id does once, and those that are no trades of the market do not.
    fn on_trade(&mut self, at: i64, trade: &Trade) -> bool {
        let Trade { id, px, qty, .. } = *trade;
        let of_market = trade.kind.as_ref().is_none_or(|kind| kind == "MARKET");
        let counts = of_market && px.0 > Decimal::ZERO && qty.0 > Decimal::ZERO && (id == 0 || id > self.last_trade_id);
        if counts {
            self.last_trade_id = self.last_trade_id.max(id);
            self.candles.trade(at, px.0, qty.0);
            self.last = Some(Last { px: px.0, qty: qty.0, bought: !trade.buyer_is_maker });
        }
        counts
    }
}
