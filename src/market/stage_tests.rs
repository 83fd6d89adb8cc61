//! Hot: the stage from outside: inputs in, sections out.

use super::*;
use crate::event::input::{
    Bar, Depth, DepthStyle, Gap, Level, Mark, Nothing, OrderAction, OrderEvent, Quote, Trade, flags as group,
};
use crate::event::market::InvalidReason;
use crate::market::instrument::tests::crypto;
use crate::types::ids::SourceId;
use crate::types::instrument::{Calendar, Instrument};
use crate::types::price::{Px, Side};
use crate::types::time::{MILLIS, SECONDS, UnixNanos};
use bytemuck::{NoUninit, Zeroable};

const ID: InstrumentId = InstrumentId(0);
const FEED: SourceId = SourceId::FEED_FIRST;
const T: UnixNanos = 1_723_161_240 * SECONDS;

struct Host {
    stage: MarketStage,
    out: MarketSection,
    now: UnixNanos,
}

impl Host {
    fn new(instrument: Instrument) -> Self {
        let config = Config { lobster_level_1: false, ..Config::default() };
        let mut stage = MarketStage::new(&config, 4).unwrap();
        let mut out = MarketSection::zeroed();
        stage.on_slot(&Definition::input(&instrument, T), &mut out);
        Self { stage, out, now: T }
    }

    /// An input of the instrument 1 ms later; exchange time = local time.
    fn send<P: NoUninit>(&mut self, kind: InputKind, payload: &P) -> MarketSection {
        self.now += MILLIS;
        let mut input = Input::new(kind, FEED, ID, self.now, payload);
        input.ts_event = self.now;
        self.put(&input)
    }

    fn put(&mut self, input: &Input) -> MarketSection {
        // What an older slot left there must not show through.
        bytemuck::bytes_of_mut(&mut self.out)[8..MarketSection::USED].fill(0xa5);
        self.stage.on_slot(input, &mut self.out);
        self.out
    }

    fn depth(&mut self, style: DepthStyle, ids: (u64, u64), bids: &[(i64, i64)], asks: &[(i64, i64)]) -> MarketSection {
        let mut depth = Depth::zeroed();
        (depth.first_id, depth.last_id) = ids;
        (depth.style, depth.bids, depth.asks) = (style.code(), bids.len() as u8, asks.len() as u8);
        for (level, &(px, qty)) in depth.levels.iter_mut().zip(bids.iter().chain(asks)) {
            *level = Level { px: Px(px), qty: Qty(qty) };
        }
        self.send(InputKind::Depth, &depth)
    }

    /// A valid book: 99.00 × 5 / 101.00 × 7, update id 11.
    fn with_book() -> Self {
        let mut host = Self::new(crypto(0));
        host.depth(DepthStyle::Snapshot, (10, 10), &[(9_900, 5_000)], &[(10_100, 7_000)]);
        let out = host.depth(DepthStyle::DiffByFirst, (11, 11), &[(9_800, 1)], &[]);
        assert!(out.has(flags::VALID | flags::BECAME_VALID | flags::BOOK_UPDATED | flags::FULL_DEPTH | flags::TRADING));
        assert!(out.is_tradable());
        host
    }

    fn trade(&mut self, id: u64, px: i64, qty: i64) -> MarketSection {
        let trade = Trade {
            trade_id: id,
            first_trade_id: id,
            px: Px(px),
            qty: Qty(qty),
            aggressor: Side::Sell.code(),
            printable: 1,
            ..Trade::zeroed()
        };
        self.send(InputKind::Trade, &trade)
    }

    fn quote(&mut self, id: u64, bid: (i64, i64), ask: (i64, i64)) -> MarketSection {
        let level = |(px, qty)| Level { px: Px(px), qty: Qty(qty) };
        self.send(InputKind::Quote, &Quote { update_id: id, bid: level(bid), ask: level(ask) })
    }

    fn order(&mut self, action: OrderAction, order_ref: u64, side: u8, qty: i64, px: i64) -> MarketSection {
        let event = OrderEvent {
            order_ref,
            px: Px(px),
            qty: Qty(qty),
            action: action.code(),
            side,
            printable: 1,
            ..OrderEvent::zeroed()
        };
        self.send(InputKind::OrderEvent, &event)
    }

    fn status(&mut self, instrument: InstrumentId, state: TradingState) {
        let status = Status { state: state.code(), ..Status::zeroed() };
        let input = Input::new(InputKind::Status, FEED, instrument, self.now, &status);
        self.put(&input);
    }

    fn why(&self) -> InvalidReason {
        InvalidReason::from_code(self.out.invalid_reason).unwrap()
    }
}

#[test]
fn an_unknown_instrument_or_kind_is_flagged_and_nothing_applied() {
    let mut host = Host::with_book();
    let mut input = Input::new(InputKind::Trade, FEED, InstrumentId(3), T, &Trade::zeroed());
    assert_eq!(host.put(&input).anomalies, anomaly::UNDEFINED);
    input.instrument = InstrumentId(77);
    assert_eq!(host.put(&input).anomalies, anomaly::UNDEFINED);
    input.instrument = ID;
    input.kind = 250;
    let out = host.put(&input);
    assert_eq!((out.anomalies, out.bid.px, out.flags & flags::VALID), (anomaly::UNDEFINED, Px(9_900), flags::VALID));
    input.kind = InputKind::Trade.code();
    input.payload_len = 3;
    assert_eq!(host.put(&input).anomalies & anomaly::UNDEFINED, anomaly::UNDEFINED);
    let out = host.put(&Input::new(InputKind::Gate, SourceId::HOST, InstrumentId::NONE, T, &Nothing {}));
    let mut expected = MarketSection::zeroed();
    (expected.exchange_time, expected.feed_latency, expected.book_time) = (NO_TIME, NO_TIME, NO_TIME);
    assert_eq!(bytemuck::bytes_of(&out)[8..MarketSection::HEAD], bytemuck::bytes_of(&expected)[8..MarketSection::HEAD]);
    assert_eq!(host.stage.anomaly_counts().of(anomaly::UNDEFINED), 4);
}

#[test]
fn the_section_shows_the_fresher_top_and_compares_equal_ids() {
    let mut host = Host::with_book();
    let out = host.quote(12, (9_950, 1_000), (10_100, 7_000));
    assert!(out.has(flags::TOP_FROM_QUOTE | flags::BBO_CHANGED));
    assert_eq!((out.bid.px, out.book_bid.px), (Px(9_950), Px(9_900)));
    let out = host.depth(DepthStyle::DiffByFirst, (12, 12), &[(9_950, 1_000)], &[]);
    assert_eq!(out.flags & (flags::TOP_FROM_QUOTE | flags::QUOTE_MISMATCH | flags::BBO_CHANGED), 0);
    let out = host.quote(12, (9_950, 999), (10_100, 7_000));
    assert!(out.has(flags::QUOTE_MISMATCH));
    let stats = host.stage.stats(ID);
    assert_eq!((stats.quote_checks, stats.quote_mismatches, stats.quotes), (2, 1, 2));
    let out = host.depth(DepthStyle::DiffByFirst, (14, 15), &[], &[]);
    assert!(out.has(flags::GAP | flags::BECAME_INVALID));
    assert_eq!(host.why(), InvalidReason::SequenceGap);
    let out = host.quote(16, (9_950, 1_000), (10_100, 7_000));
    assert_eq!((out.flags & flags::TOP_FROM_QUOTE, out.is_tradable()), (0, false));
    let stats = host.stage.stats(ID);
    assert_eq!((stats.gaps, stats.invalid_spans, stats.ever_valid), (1, 1, true));
}

#[test]
fn a_message_in_parts_shows_only_when_complete() {
    let mut host = Host::with_book();
    let mut depth =
        Depth { first_id: 12, last_id: 12, style: DepthStyle::DiffByFirst.code(), bids: 1, ..Depth::zeroed() };
    depth.levels[0] = Level { px: Px(10_200), qty: Qty(3) };
    let mut input = Input::new(InputKind::Depth, FEED, ID, host.now, &depth);
    input.flags = group::FIRST;
    let out = host.put(&input);
    assert_eq!((out.bid.px, out.flags & (flags::BOOK_UPDATED | flags::BBO_CHANGED)), (Px(9_900), 0));
    assert!(out.has(flags::VALID));
    (depth.bids, depth.asks) = (0, 1);
    depth.levels[0] = Level { px: Px(10_100), qty: Qty(0) };
    input = Input::new(InputKind::Depth, FEED, ID, host.now, &depth);
    (input.flags, input.part) = (group::LAST, 1);
    let out = host.put(&input);
    assert_eq!((out.bid, out.ask.qty, out.ask_levels), (depth_level(10_200, 3), Qty(0), 0));
    assert!(out.has(flags::BOOK_UPDATED | flags::BBO_CHANGED | flags::VALID));
    assert_eq!((out.bid_qty_5, out.bid_levels), (Qty(5_004), 3));
}

fn depth_level(px: i64, qty: i64) -> Level {
    Level { px: Px(px), qty: Qty(qty) }
}

#[test]
fn a_crossed_book_is_invalid_until_a_fresh_snapshot() {
    let mut host = Host::with_book();
    let out = host.depth(DepthStyle::DiffByFirst, (12, 12), &[(10_100, 1)], &[]);
    assert_eq!((out.anomalies, host.why()), (anomaly::CROSSED, InvalidReason::Crossed));
    host.depth(DepthStyle::DiffByFirst, (13, 13), &[(10_100, 0)], &[]);
    assert_eq!(host.why(), InvalidReason::Crossed);
    let out = host.depth(DepthStyle::Snapshot, (12, 12), &[(9_900, 1)], &[(10_100, 1)]);
    assert!(out.has(flags::VALID), "13 waited and joins");
    host.status(ID, TradingState::Halted);
    let out = host.depth(DepthStyle::DiffByFirst, (14, 14), &[(10_100, 1)], &[]);
    assert!(out.has(flags::VALID) && out.anomalies == anomaly::CROSSED, "a halted book may cross");
    assert_eq!(out.flags & flags::TRADING, 0);
}

#[test]
fn gaps_and_epochs_make_books_invalid() {
    let mut host = Host::with_book();
    host.put(&Input::new(InputKind::Gap, FEED, InstrumentId::NONE, T, &Gap::zeroed()));
    let out = host.quote(12, (9_950, 1), (10_100, 7));
    assert!(out.has(flags::GAP | flags::BECAME_INVALID));
    assert_eq!(host.why(), InvalidReason::FeedGap);
    let out = host.put(&Input::new(InputKind::Gap, SourceId(99), InstrumentId::NONE, T, &Gap::zeroed()));
    assert_eq!(out.anomalies, 0, "another source's gap");
    host.depth(DepthStyle::Snapshot, (20, 20), &[(9_900, 1)], &[(10_100, 1)]);
    assert!(host.depth(DepthStyle::DiffByFirst, (21, 21), &[], &[]).has(flags::VALID));
    let epoch = crate::event::input::EpochStart { epoch: 2, config_hash: [0; 16], build_hash: [0; 16] };
    host.put(&Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, T, &epoch));
    let out = host.trade(1, 10_000, 1);
    assert_eq!(out.anomalies, crate::event::market::anomaly::UNDEFINED, "definitions follow a process start");
    host.put(&Definition::input(&crypto(0), T));
    let out = host.trade(1, 10_000, 1);
    assert_eq!((host.why(), out.price_decimals, out.bid.qty), (InvalidReason::Restart, 2, Qty(0)));
    host.depth(DepthStyle::DiffByFirst, (22, 22), &[], &[]);
    assert_eq!(host.why(), InvalidReason::NoSnapshot);
}

#[test]
fn each_trade_counts_once_and_candles_close() {
    let mut host = Host::with_book();
    let out = host.trade(5, 10_000, 2_000);
    assert!(out.has(flags::TRADED));
    assert_eq!((out.last, out.last_aggressor), (depth_level(10_000, 2_000), Side::Sell.code()));
    let out = host.trade(5, 10_050, 1_000);
    assert_eq!((out.anomalies, out.flags & flags::TRADED, out.last.px), (anomaly::REPEATED, 0, Px(10_000)));
    let out = host.trade(6, 20_000, 1);
    assert_eq!(out.anomalies, anomaly::PRICE_JUMP, "flagged, and applied");
    assert_eq!(host.trade(7, 20_000, 0).anomalies, anomaly::ZERO_SIZE);
    let timer = |at| Input::new(InputKind::Timer, SourceId::TIMER, ID, at, &Nothing {});
    let out = host.put(&timer(T + SECONDS + 249 * MILLIS));
    assert_eq!(out.closed_mask, 0, "within the grace");
    let out = host.put(&timer(T + SECONDS + 250 * MILLIS));
    assert!(out.has(flags::CANDLE_CLOSED));
    let candle = out.closed[0];
    assert_eq!((out.closed_mask, candle.volume, candle.trades, candle.close), (1, Qty(2_001), 2, Px(20_000)));
    assert_eq!(host.stage.stats(ID).trades, 2);
}

#[test]
fn a_late_trade_is_flagged_and_counted() {
    let mut host = Host::with_book();
    host.trade(1, 10_000, 1);
    host.now += 2 * SECONDS; // What follows is received after its time.
    let mut at = |id: u64, ts_event: UnixNanos| {
        let trade =
            Trade { trade_id: id, first_trade_id: id, px: Px(10_000), qty: Qty(1), printable: 1, ..Trade::zeroed() };
        let mut input = Input::new(InputKind::Trade, FEED, ID, host.now, &trade);
        input.ts_event = ts_event;
        let out = host.put(&input);
        (out.anomalies, out.flags & (flags::TRADED | flags::LATE_TRADE), out.closed_mask)
    };
    assert_eq!(at(2, T + 1_249 * MILLIS), (0, flags::TRADED, 0));
    assert_eq!(at(3, T + 999 * MILLIS), (anomaly::TIME_BACK, flags::TRADED, 0), "back, and in its own candle");
    assert_eq!(at(4, T + 1_250 * MILLIS), (0, flags::TRADED, 1));
    let late = at(5, T + 999 * MILLIS);
    assert_eq!(late, (anomaly::TIME_BACK, flags::TRADED | flags::LATE_TRADE, 0));
    assert_eq!((host.stage.stats(ID).trades_late, host.stage.stats(ID).trades), (1, 5));
}

#[test]
fn an_exchange_time_far_ahead_is_not_believed() {
    let mut host = Host::with_book();
    host.trade(1, 10_000, 1);
    let mut at = |id: u64, ahead: i64| {
        host.now += MILLIS;
        let trade =
            Trade { trade_id: id, first_trade_id: id, px: Px(10_000), qty: Qty(1), printable: 1, ..Trade::zeroed() };
        let mut input = Input::new(InputKind::Trade, FEED, ID, host.now, &trade);
        input.ts_event = host.now + ahead;
        (host.put(&input), host.now)
    };
    let day = 86_400 * SECONDS;
    let (out, now) = at(2, day);
    assert_eq!(out.anomalies, anomaly::CLOCK_AHEAD | anomaly::NEGATIVE_LATENCY);
    assert!(out.has(flags::TRADED), "it counts, at the local time");
    assert_eq!((out.feed_latency, out.exchange_time, out.closed_mask), (-day, now - MILLIS, 0));
    let (out, now) = at(3, 0);
    assert_eq!((out.anomalies, out.exchange_time), (0, now), "nothing is late for it");
    let (out, _) = at(4, 10 * SECONDS + 1);
    assert_eq!(out.anomalies & anomaly::CLOCK_AHEAD, anomaly::CLOCK_AHEAD);
    let (out, now) = at(5, 10 * SECONDS);
    assert_eq!((out.anomalies, out.exchange_time), (anomaly::NEGATIVE_LATENCY, now + 10 * SECONDS), "the limit itself");
    assert_eq!((out.closed_mask, out.closed[0].trades), (1, 4), "all that came before it in one candle");
    let stats = host.stage.stats(ID);
    assert_eq!((stats.latency_min, stats.trades_late, stats.anomalies.of(anomaly::CLOCK_AHEAD)), (-day, 0, 2));
}

#[test]
fn the_books_time_is_that_of_the_newest_message_in_it() {
    let mut host = Host::new(crypto(0));
    let out = host.depth(DepthStyle::DiffByFirst, (10, 11), &[(9_800, 1)], &[]);
    assert_eq!((out.book_time, out.flags & flags::VALID), (NO_TIME, 0), "it waits for a snapshot");
    host.depth(DepthStyle::DiffByFirst, (12, 12), &[(9_850, 1)], &[]);
    let newest = host.now;
    // As on spot: a snapshot without a time, later than the differences that it joins.
    let mut depth = Depth::zeroed();
    (depth.first_id, depth.last_id, depth.style, depth.bids, depth.asks) = (10, 10, DepthStyle::Snapshot.code(), 1, 1);
    (depth.levels[0], depth.levels[1]) = (depth_level(9_900, 5), depth_level(10_100, 7));
    host.now += MILLIS;
    let snapshot = Input::new(InputKind::Depth, FEED, ID, host.now, &depth);
    let out = host.put(&snapshot);
    assert!(out.has(flags::VALID | flags::BECAME_VALID | flags::BOOK_UPDATED));
    assert_eq!((out.update_id, out.book_time), (12, newest));
    let out = host.trade(1, 10_000, 1);
    assert_eq!((out.update_id, out.book_time), (12, newest), "a trade does not change it");
    let out = host.depth(DepthStyle::DiffByFirst, (13, 13), &[(9_850, 2)], &[]);
    assert_eq!((out.update_id, out.book_time), (13, host.now));
}

#[test]
fn the_venues_bars_are_compared() {
    let mut host = Host::with_book();
    host.trade(1, 10_000, 1);
    host.now += SECONDS;
    host.trade(2, 10_000, 3);
    host.now += SECONDS;
    let mut bar = Bar {
        open_time: T + SECONDS,
        interval: SECONDS,
        open: Px(10_000),
        high: Px(10_000),
        low: Px(10_000),
        close: Px(10_000),
        volume: Qty(3),
        trades: 1,
        closed: 1,
        ..Bar::zeroed()
    };
    host.send(InputKind::Bar, &bar);
    assert_eq!(host.stage.stats(ID).bar_checks, 0, "our own is not closed yet");
    host.now += 250 * MILLIS;
    host.quote(12, (9_950, 1_000), (10_100, 7_000));
    assert_eq!((host.stage.stats(ID).bar_checks, host.stage.stats(ID).bar_mismatches), (1, 0));
    bar.volume = Qty(4);
    host.send(InputKind::Bar, &bar);
    assert_eq!((host.stage.stats(ID).bar_checks, host.stage.stats(ID).bar_mismatches), (2, 1));
}

#[test]
fn silence_is_stale_and_clocks_are_flagged() {
    let mut host = Host::with_book();
    let timer = |at| Input::new(InputKind::Timer, SourceId::TIMER, ID, at, &Nothing {});
    let at = host.now;
    assert!(!host.put(&timer(at + 5 * SECONDS)).has(flags::STALE));
    let out = host.put(&timer(at + 5 * SECONDS + 1));
    assert!(out.has(flags::STALE | flags::VALID) && !out.is_tradable());
    assert!(host.put(&timer(at - 1)).has(flags::STALE));
    let mark = Mark { mark: Px(10_001), ..Mark::zeroed() };
    let mut input = Input::new(InputKind::Mark, FEED, ID, at, &mark);
    input.ts_event = at + 1_270 * MILLIS;
    let out = host.put(&input);
    assert_eq!((out.mark, out.feed_latency, out.anomalies), (Px(10_001), -1_270 * MILLIS, anomaly::NEGATIVE_LATENCY));
    assert_eq!(out.exchange_time, at + 1_270 * MILLIS);
    let stats = host.stage.stats(ID);
    assert_eq!((stats.latency_min, stats.latency_max), (-1_270 * MILLIS, 0));
    host.trade(1, 10_000, 1);
    host.now -= 2 * MILLIS;
    assert_eq!(host.trade(2, 10_000, 1).anomalies & anomaly::TIME_BACK, anomaly::TIME_BACK);
}

#[test]
fn a_finer_definition_rescales_everything_it_holds() {
    let mut host = Host::with_book();
    host.trade(1, 10_000, 2_000);
    host.quote(12, (9_950, 1_000), (10_100, 7_000));
    let finer = Instrument { price_decimals: 4, qty_decimals: 5, ..crypto(0) };
    let out = host.put(&Definition::input(&finer, T));
    assert_eq!(
        (out.bid, out.book_bid, out.last),
        (depth_level(995_000, 100_000), depth_level(990_000, 500_000), depth_level(1_000_000, 200_000))
    );
    assert!(out.has(flags::VALID) && out.flags & flags::BBO_CHANGED == 0);
    assert_eq!((out.price_decimals, out.bid_qty_10), (4, Qty(500_100)));
    assert_eq!(host.put(&Definition::input(&crypto(0), T)).anomalies, anomaly::UNDEFINED, "coarser");
    let absurd = Instrument { price_decimals: 18, qty_decimals: 18, ..crypto(0) };
    let out = host.put(&Definition::input(&absurd, T));
    assert!(out.has(flags::BECAME_INVALID));
    assert_eq!(host.why(), InvalidReason::OutOfRange);
}

#[test]
fn order_books_follow_status_and_unknown_orders() {
    let equity = Instrument { venue: VenueKind::Nasdaq, calendar: Calendar::UsEquities, ..crypto(0) };
    let mut host = Host::new(equity);
    let out = host.order(OrderAction::Add, 1, 1, 100, 10_000);
    assert!(out.has(flags::VALID | flags::FULL_DEPTH) && !out.has(flags::TRADING));
    host.order(OrderAction::Add, 2, 2, 50, 9_990);
    assert!(host.out.has(flags::VALID) && host.out.anomalies == anomaly::CROSSED, "before the open it may cross");
    host.status(ID, TradingState::Trading);
    host.status(InstrumentId::NONE, TradingState::Trading);
    host.order(OrderAction::Reduce, 2, 0, 10, 0);
    assert!(host.out.has(flags::TRADING));
    assert_eq!(host.why(), InvalidReason::Crossed);
    let out = host.order(OrderAction::Execute, 1, 0, 100, 0);
    assert!(out.has(flags::VALID | flags::TRADED));
    assert_eq!((out.last, out.last_aggressor), (depth_level(10_000, 100), Side::Sell.code()));
    assert!(host.stage.orders_agree(ID));
    assert_eq!(host.stage.ahead_of(ID, 2), Some(Qty(0)));
    let out = host.order(OrderAction::Delete, 9, 0, 0, 0);
    assert_eq!((out.anomalies, host.why()), (anomaly::UNKNOWN_ORDER, InvalidReason::UnknownOrder));
    host.status(InstrumentId::NONE, TradingState::Closed);
    assert!(!host.order(OrderAction::Add, 10, 1, 1, 9_000).has(flags::TRADING));
    assert_eq!(host.why(), InvalidReason::UnknownOrder, "until the next epoch");
}

#[test]
fn same_inputs_same_sections() {
    let run = || {
        let mut host = Host::with_book();
        let mut all = Vec::new();
        for n in 0..50 {
            let out = host.trade(n, 10_000 + n as i64, 1);
            all.extend_from_slice(&bytemuck::bytes_of(&out)[8..MarketSection::HEAD]);
            let out = host.depth(DepthStyle::DiffByFirst, (12 + n, 12 + n), &[(9_000 + n as i64, 1)], &[]);
            all.extend_from_slice(&bytemuck::bytes_of(&out)[8..MarketSection::HEAD]);
        }
        all
    };
    assert_eq!(run(), run());
}
