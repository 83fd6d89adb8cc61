//! The market stage over recorded venue data (`TICKPATH_CAPTURES`): the book against the venue's own best quotes, the
//! fast book against the naive one, level-1 order files against their quotes.
//!
//! The reader here is for these tests only: it is simple and slow on purpose, so that it shares no error with the
//! decoders.

use bytemuck::Zeroable;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use tickpath::event::definition::Definition;
use tickpath::event::input::{
    Depth, DepthStyle, Input, InputKind, Level, OrderAction, OrderEvent, Quote, Trade, flags,
};
use tickpath::event::market::{InvalidReason, MarketSection, anomaly, flags as seen};
use tickpath::market::oracle::OracleBook;
use tickpath::market::{Config, MarketStage};
use tickpath::types::decimal::Decimal;
use tickpath::types::ids::{InstrumentId, SourceId};
use tickpath::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use tickpath::types::price::{Px, Qty, Side};
use tickpath::types::time::MILLIS;

const ID: InstrumentId = InstrumentId(0);

/// The captures' folder, or `None` after saying that the test is skipped.
fn captures(name: &str) -> Option<PathBuf> {
    let folder = std::env::var("TICKPATH_CAPTURES").unwrap_or_else(|_| "../shared/data".into());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: no capture {name} (set TICKPATH_CAPTURES)");
    None
}

fn instrument(venue: VenueKind, price_decimals: u8, qty_decimals: u8) -> Instrument {
    let equity = venue == VenueKind::Lobster;
    Instrument {
        id: ID,
        symbol: Symbol::from("CAPTURE").unwrap(),
        venue,
        contract: if venue == VenueKind::BinanceCoinm { Contract::Inverse } else { Contract::Linear },
        calendar: if equity { Calendar::UsEquities } else { Calendar::Crypto },
        price_decimals,
        qty_decimals,
        price_shown: price_decimals,
        qty_shown: qty_decimals,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        inferred: true,
    }
}

struct Reader {
    instrument: Instrument,
}

impl Reader {
    fn fixed(text: &Value, decimals: u8) -> i64 {
        Decimal::parse(text.as_str().unwrap().as_bytes()).unwrap().at_scale(decimals).unwrap()
    }

    fn level(&self, px: &Value, qty: &Value) -> Level {
        Level {
            px: Px(Self::fixed(px, self.instrument.price_decimals)),
            qty: Qty(Self::fixed(qty, self.instrument.qty_decimals)),
        }
    }

    fn depth(&self, recv: i64, data: &Value, style: DepthStyle, ids: (u64, u64, u64)) -> Vec<Input> {
        let (bids, asks) = if style == DepthStyle::Snapshot { ("bids", "asks") } else { ("b", "a") };
        let side = |key: &str, side: Side| -> Vec<(Side, Level)> {
            data[key].as_array().unwrap().iter().map(|l| (side, self.level(&l[0], &l[1]))).collect()
        };
        let levels = [side(bids, Side::Buy), side(asks, Side::Sell)].concat();
        let mut chunks: Vec<&[(Side, Level)]> = levels.chunks(18).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let parts = chunks.len();
        let part = |(n, chunk): (usize, &[(Side, Level)])| {
            let mut depth = Depth::zeroed();
            (depth.first_id, depth.last_id, depth.prev_id) = ids;
            depth.style = style.code();
            depth.bids = chunk.iter().filter(|l| l.0 == Side::Buy).count() as u8;
            depth.asks = chunk.len() as u8 - depth.bids;
            for (to, from) in depth.levels.iter_mut().zip(chunk) {
                *to = from.1;
            }
            let mut input = Self::input(InputKind::Depth, recv, data, &depth);
            input.part = n as u16;
            input.flags = if n == 0 { flags::FIRST } else { 0 } | if n + 1 == parts { flags::LAST } else { 0 };
            input
        };
        chunks.into_iter().enumerate().map(part).collect()
    }

    fn input<P: bytemuck::NoUninit>(kind: InputKind, recv: i64, data: &Value, payload: &P) -> Input {
        let mut input = Input::new(kind, SourceId::FEED_FIRST, ID, recv, payload);
        if let Some(ms) = data["T"].as_i64().or(data["E"].as_i64()) {
            input.ts_event = ms * MILLIS;
        }
        input
    }

    /// One line: local nanoseconds, then the venue's message.
    fn line(&self, line: &str) -> Vec<Input> {
        let (recv, json) = line.split_once(' ').unwrap();
        let recv: i64 = recv.parse().unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        let data = value.get("data").unwrap_or(&value);
        let id = |key: &str| data[key].as_u64().unwrap();
        if data.get("lastUpdateId").is_some() {
            let at = id("lastUpdateId");
            return self.depth(recv, data, DepthStyle::Snapshot, (at, at, 0));
        }
        match data["e"].as_str() {
            Some("depthUpdate") => match data["pu"].as_u64() {
                Some(prev) => self.depth(recv, data, DepthStyle::DiffByPrev, (id("U"), id("u"), prev)),
                None => self.depth(recv, data, DepthStyle::DiffByFirst, (id("U"), id("u"), 0)),
            },
            Some("trade") => {
                let level = self.level(&data["p"], &data["q"]);
                let aggressor = if data["m"].as_bool().unwrap() { Side::Sell } else { Side::Buy };
                let trade = Trade {
                    trade_id: id("t"),
                    first_trade_id: id("t"),
                    px: level.px,
                    qty: level.qty,
                    aggressor: aggressor.code(),
                    printable: 1,
                    ..Trade::zeroed()
                };
                vec![Self::input(InputKind::Trade, recv, data, &trade)]
            }
            _ => {
                let quote = Quote {
                    update_id: id("u"),
                    bid: self.level(&data["b"], &data["B"]),
                    ask: self.level(&data["a"], &data["A"]),
                };
                vec![Self::input(InputKind::Quote, recv, data, &quote)]
            }
        }
    }
}

fn new_stage(instrument: &Instrument) -> (MarketStage, MarketSection) {
    let mut stage = MarketStage::new(&Config::default(), 1).unwrap();
    let mut out = MarketSection::zeroed();
    stage.on_slot(&Definition::input(instrument, 0), &mut out);
    (stage, out)
}

fn lines(path: PathBuf) -> impl Iterator<Item = String> {
    BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines().map(Result::unwrap)
}

/// Runs captures one behind the other. With a snapshot the book must be valid from its join to the end, never cross,
/// equal the naive book, and agree with the venue's quotes at every common update id.
fn check(venue: VenueKind, decimals: (u8, u8), files: &[&str], has_snapshot: bool) {
    let reader = Reader { instrument: instrument(venue, decimals.0, decimals.1) };
    let (mut stage, mut out) = new_stage(&reader.instrument);
    let mut naive = OracleBook::new(16_384);
    let (mut quotes, mut tops) = (HashMap::<u64, Quote>::new(), HashMap::<u64, (Level, Level)>::new());
    let (mut messages, mut joined, mut counted, mut volume) = (0u64, false, 0u64, 0i64);
    let mut waiting: Vec<Input> = Vec::new();
    for file in files {
        let Some(path) = captures(&format!("hftbacktest/{file}")) else { return };
        for line in lines(path) {
            let inputs = reader.line(&line);
            messages += 1;
            for input in &inputs {
                stage.on_slot(input, &mut out);
                if out.has(seen::TRADED) {
                    counted += 1;
                    volume += input.payload::<Trade>().qty.0;
                }
            }
            let input = &inputs[0];
            match input.kind().unwrap() {
                InputKind::Quote => {
                    quotes.insert(input.payload::<Quote>().update_id, *input.payload());
                }
                InputKind::Depth => {
                    // The naive book, by the simplest reading of the rules: what is older than the snapshot has no part.
                    let depth: &Depth = input.payload();
                    if depth.style == DepthStyle::Snapshot.code() {
                        let from = depth.last_id;
                        naive.clear();
                        apply_all(&mut naive, &inputs);
                        // On futures the difference that ends with the snapshot's id joins it, on spot it is dropped.
                        let from = from + u64::from(venue == VenueKind::BinanceSpot);
                        waiting
                            .drain(..)
                            .filter(|i| i.payload::<Depth>().last_id >= from)
                            .for_each(|i| apply(&mut naive, &i));
                        joined = true;
                    } else if joined {
                        apply_all(&mut naive, &inputs);
                    } else {
                        waiting.extend(&inputs);
                    }
                    if out.has(seen::VALID) {
                        assert!(out.book_bid.px < out.book_ask.px, "crossed at {}", out.update_id);
                        tops.insert(out.update_id, (out.book_bid, out.book_ask));
                        let book = stage.book(ID).unwrap();
                        for side in [Side::Buy, Side::Sell] {
                            assert!(
                                book.levels(side).take(10).eq(naive.levels(side).take(10)),
                                "top 10 at {}",
                                out.update_id
                            );
                            if messages % 64 == 0 {
                                assert!(book.levels(side).eq(naive.levels(side)), "all levels at {}", out.update_id);
                            }
                        }
                    }
                    if joined {
                        assert_eq!(out.flags & (seen::GAP | seen::BECAME_INVALID), 0, "at {}", out.update_id);
                    }
                }
                _ => {}
            }
            assert_eq!(out.flags & seen::QUOTE_MISMATCH, 0, "at {}", out.update_id);
        }
    }
    let stats = stage.stats(ID);
    let common = tops.iter().filter(|(id, _)| quotes.contains_key(id)).count();
    let agree = tops.iter().filter(|(id, top)| quotes.get(id).is_some_and(|q| (q.bid, q.ask) == **top)).count();
    println!("{files:?}: {messages} messages, {} book updates, {} quotes", stats.book_updates, quotes.len());
    println!("  common update ids {common}, agreeing {agree}; checked by the stage itself {}", stats.quote_checks);
    println!("  trades {counted}, volume {volume}; latency {} to {} ns", stats.latency_min, stats.latency_max);
    println!("  levels {} / {}; {stats:?}", out.bid_levels, out.ask_levels);
    assert_eq!(stats.anomalies.of(anomaly::CROSSED), 0);
    if has_snapshot {
        assert!(out.has(seen::VALID) && joined);
        assert_eq!((stats.gaps, stats.invalid_spans, stats.quote_mismatches), (0, 0, 0));
        assert!(common > 500 && agree == common);
    } else {
        assert!(!stats.ever_valid && tops.is_empty());
        assert_eq!(InvalidReason::from_code(out.invalid_reason), Some(InvalidReason::NoSnapshot));
    }
}

fn apply(naive: &mut OracleBook, input: &Input) {
    let depth: &Depth = input.payload();
    for (n, level) in depth.levels[..(depth.bids + depth.asks) as usize].iter().enumerate() {
        naive.set(if n < depth.bids as usize { Side::Buy } else { Side::Sell }, level.px, level.qty);
    }
}

fn apply_all(naive: &mut OracleBook, inputs: &[Input]) {
    for input in inputs {
        apply(naive, input);
    }
}

#[test]
fn usdm_btcusdt() {
    check(VenueKind::BinanceUsdm, (2, 3), &["usdm_btcusdt_20240808.gz"], true);
}

#[test]
fn usdm_ethusdt() {
    check(VenueKind::BinanceUsdm, (2, 3), &["usdm_ethusdt_20240808.gz"], true);
}

#[test]
fn spot_btcusdt_over_midnight() {
    check(VenueKind::BinanceSpot, (2, 8), &["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], true);
}

#[test]
fn coinm_btcusd_over_midnight() {
    check(VenueKind::BinanceCoinm, (1, 0), &["cm_btcusd_perp_20240808.gz", "cm_btcusd_perp_20240809.gz"], true);
}

#[test]
fn a_capture_without_a_snapshot_is_never_valid() {
    check(VenueKind::BinanceSpot, (2, 8), &["spot_btcusdt_20240809.gz"], false);
    check(VenueKind::BinanceCoinm, (1, 0), &["cm_btcusd_perp_20240809.gz"], false);
}

/// Every row of the level-1 file whose best levels the messages alone determine (see `market::touch`) must agree with
/// the row of quotes beside it.
#[test]
fn lobster_quotes_agree_wherever_level_1_suffices() {
    let name = |part| format!("lobster/AMZN_2012-06-21_34200000_57600000_{part}_1.csv");
    let (Some(messages), Some(quotes)) = (captures(&name("message")), captures(&name("orderbook"))) else { return };
    // With the price in removals, and as ITCH would have it, without.
    for with_price in [true, false] {
        let (mut stage, mut out) = new_stage(&instrument(VenueKind::Lobster, 4, 0));
        let (messages, quotes) =
            (std::fs::read_to_string(&messages).unwrap(), std::fs::read_to_string(&quotes).unwrap());
        let midnight = 1_340_251_200_000_000_000i64; // 2012-06-21 00:00 in New York
        let (mut rows, mut both, mut traded) = (0, 0, 0);
        for (message, quote) in messages.lines().zip(quotes.lines()).skip(1) {
            let fields: Vec<&str> = message.split(',').collect();
            let row: Vec<i64> = quote.split(',').map(|f| f.parse().unwrap()).collect();
            let number = |n: usize| fields[n].parse::<i64>().unwrap();
            let action = match number(1) {
                1 => OrderAction::Add,
                2 => OrderAction::Reduce,
                3 => OrderAction::Delete,
                4 => OrderAction::Execute,
                5 => OrderAction::HiddenTrade,
                other => panic!("type {other}"),
            };
            let keeps_price = with_price || matches!(action, OrderAction::Add | OrderAction::HiddenTrade);
            let event = OrderEvent {
                order_ref: number(2) as u64,
                px: Px(if keeps_price { number(4) } else { 0 }),
                qty: Qty(number(3)),
                action: action.code(),
                side: if number(5) == 1 { Side::Buy } else { Side::Sell }.code(),
                printable: 1,
                may_be_unknown: 1,
                ..OrderEvent::zeroed()
            };
            rows += 1;
            let seconds = Decimal::parse(fields[0].as_bytes()).unwrap().at_scale(9).unwrap();
            let mut input = Input::new(InputKind::OrderEvent, SourceId::FEED_FIRST, ID, midnight + seconds, &event);
            (input.ts_event, input.venue_id) = (input.ts_recv, rows);
            stage.on_slot(&input, &mut out);
            traded += u64::from(out.has(seen::TRADED));
            if out.has(seen::VALID) {
                both += 1;
                let shown = [out.ask.px.0, out.ask.qty.0, out.bid.px.0, out.bid.qty.0];
                assert_eq!(row, shown, "row {rows}: {message}");
            }
            // The price is exact wherever one is shown.
            if out.bid.qty.0 > 0 {
                assert_eq!(out.bid.px.0, row[2], "bid of row {rows}: {message}");
            }
            if out.ask.qty.0 > 0 {
                assert_eq!(out.ask.px.0, row[0], "ask of row {rows}: {message}");
            }
        }
        let stats = stage.stats(ID);
        println!(
            "lobster, prices in removals: {with_price}: rows {rows}, comparable and agreeing {both}, trades {traded}"
        );
        assert_eq!(rows, 22_552);
        assert!(both > 1_000, "{both}");
        assert_eq!(stats.anomalies.of(anomaly::CROSSED), 0);
        assert_eq!(stats.anomalies.of(anomaly::UNKNOWN_ORDER), 0);
        assert!(out.has(seen::TRADING));
        // Without its price the execution of an order that was never seen is no trade that could count, and says so.
        assert_eq!(traded + stats.anomalies.of(anomaly::BAD_PRICE), 3_342 + 1_008);
        assert!(!with_price || traded == 3_342 + 1_008);
    }
}
