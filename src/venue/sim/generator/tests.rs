//! Hot: tests of the generated market. What is published is read by a naive reader that follows the venue's rules.

use super::*;
use crate::event::approval::ApprovedOrder;
use crate::event::execution::{ExecutionSection, OrderCommand, OrderType, TimeInForce};
use crate::event::risk::{RiskSection, Verdict};
use crate::types::decimal::Decimal;
use crate::types::ids::ClientOrderId;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{MILLIS, SECONDS};
use bytemuck::Zeroable;
use serde_json::Value;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::Xxh3;

const START: UnixNanos = 1_723_161_255_000_000_000;

fn generator(config: &GeneratorConfig) -> Generator {
    Generator::new(config, START, 1, &[]).unwrap()
}

fn approve(
    kind: CommandKind,
    id: u64,
    instrument: u32,
    side: Side,
    px: i64,
    qty: i64,
    tif: TimeInForce,
) -> ApprovedOrder {
    let mut risk = RiskSection::zeroed();
    (risk.verdict, risk.side, risk.order_type) = (Verdict::Approved.code(), side.code(), OrderType::Limit.code());
    (risk.qty, risk.px) = (Qty(qty), Px(px));
    let mut execution = ExecutionSection::zeroed();
    execution.commands_len = 1;
    execution.commands[0] = OrderCommand {
        client_order_id: ClientOrderId(id),
        px: Px(px),
        qty: Qty(qty),
        instrument: InstrumentId(instrument),
        kind: kind.code(),
        side: side.code(),
        order_type: OrderType::Limit.code(),
        time_in_force: tif.code(),
    };
    ApprovedOrder::verify(&risk, &execution, 0).unwrap()
}

/// Hash and number of the frames of `steps` steps.
fn digest(mut generator: Generator, steps: usize, mut meddle: impl FnMut(usize, &mut Generator)) -> (u64, usize) {
    let mut frames = FrameBuffer::with_capacity(1024, 1 << 20);
    let (mut hash, mut count) = (Xxh3::new(), 0);
    for step in 0..steps {
        meddle(step, &mut generator);
        frames.clear();
        let due = generator.next_time();
        generator.step(&mut frames);
        assert!(generator.next_time() >= due, "time goes forward");
        for frame in frames.iter() {
            assert_eq!(frame.ts_venue, due);
            hash.update(&frame.ts_venue.to_le_bytes());
            hash.update(frame.bytes);
            count += 1;
        }
    }
    (hash.digest(), count)
}

#[test]
fn the_seed_decides_every_byte() {
    let config = GeneratorConfig { klines: true, ..GeneratorConfig::default() };
    let (first, count) = digest(generator(&config), 100_000, |_, _| {});
    assert!(count > 25_000, "{count}");
    assert_eq!(digest(generator(&config), 100_000, |_, _| {}).0, first);
    let other = digest(generator(&GeneratorConfig { seed: 2, ..config.clone() }), 10_000, |_, _| {}).0;
    let (short, _) = digest(generator(&config), 10_000, |_, _| {});
    assert_ne!(other, short, "another seed, another market");
    let next = Generator::new(&config, START, 2, &[]).unwrap();
    assert_ne!(digest(next, 10_000, |_, _| {}).0, short, "another epoch, another market");
    let (meddled, _) = digest(generator(&config), 10_000, |step, generator| {
        if step == 100 {
            let ask = generator.levels(InstrumentId(0), Side::Sell).next().unwrap();
            let order = approve(CommandKind::New, 1, 0, Side::Buy, ask.0.0, ask.1.0, TimeInForce::Ioc);
            generator.on_order(generator.now, &order, 9);
        }
    });
    assert_ne!(meddled, short, "our orders are part of the market");
}

#[derive(Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// Id of the last message that went in; `None` before the snapshot.
    id: Option<u64>,
    synchronised: bool,
    early: Vec<Value>,
    ticker: Option<(u64, [i64; 4])>,
    tickers: Vec<(u64, [i64; 4])>,
    checked: usize,
}

/// Reads frames as somebody would who only knows the venue's documentation.
struct Reader {
    instruments: Vec<Instrument>,
    books: Vec<Book>,
    trades: BTreeMap<(u32, u64), (i64, i64, bool)>,
    marks: usize,
    klines: usize,
}

impl Reader {
    fn new(generator: &Generator) -> Self {
        let instruments = generator.instruments();
        let books = instruments.iter().map(|_| Book::default()).collect();
        Self { instruments, books, trades: BTreeMap::new(), marks: 0, klines: 0 }
    }

    fn number(text: &Value, decimals: u8) -> i64 {
        Decimal::parse(text.as_str().unwrap().as_bytes()).unwrap().at_scale(decimals).unwrap()
    }

    /// Gives true if the book of `at` was completed up to the newest change.
    fn read(&mut self, frame: Published<'_>) -> bool {
        let value: Value = serde_json::from_slice(frame.bytes).unwrap();
        let at = frame.instrument.index();
        let one = self.instruments[at];
        let (pd, qd) = (one.price_decimals, one.qty_decimals);
        let book = &mut self.books[at];
        if let Some(id) = value.get("lastUpdateId") {
            assert_eq!(value["symbol"], one.symbol.as_str());
            let side = |name: &str| value[name].as_array().unwrap().iter();
            book.bids = side("bids").map(|l| (Self::number(&l[0], pd), Self::number(&l[1], qd))).collect();
            book.asks = side("asks").map(|l| (Self::number(&l[0], pd), Self::number(&l[1], qd))).collect();
            (book.id, book.synchronised) = (id.as_u64(), false);
            for early in core::mem::take(&mut book.early) {
                book.apply(&early, pd, qd);
            }
            return false;
        }
        let data = &value["data"];
        let stream = value["stream"].as_str().unwrap();
        assert!(stream.starts_with(&one.symbol.to_ascii_lowercase()), "{stream}");
        assert_eq!(data["s"], one.symbol.as_str());
        assert_eq!(data["E"].as_i64().unwrap(), frame.ts_venue / MILLIS);
        match data["e"].as_str().unwrap() {
            "depthUpdate" => return book.apply(data, pd, qd),
            "bookTicker" => {
                let best = [("b", pd), ("B", qd), ("a", pd), ("A", qd)].map(|(k, d)| Self::number(&data[k], d));
                assert!(best[0] < best[2] && best[1] > 0 && best[3] > 0, "never crossed");
                book.tickers.push((data["u"].as_u64().unwrap(), best));
            }
            "trade" => {
                let trade = (Self::number(&data["p"], pd), Self::number(&data["q"], qd), data["m"] == true);
                let id = data["t"].as_u64().unwrap();
                let last = self.trades.range((at as u32, 0)..(at as u32 + 1, 0)).next_back();
                assert_eq!(id, last.map_or(1, |last| last.0.1 + 1), "trade ids have no gap");
                self.trades.insert((at as u32, id), trade);
            }
            "markPriceUpdate" => {
                assert!(Self::number(&data["p"], pd) > 0);
                self.marks += 1;
            }
            "kline" => {
                let bar = &data["k"];
                assert!(bar["x"] == true && bar["n"].as_u64().unwrap() > 0);
                let [o, h, l, c] = ["o", "h", "l", "c"].map(|k| Self::number(&bar[k], pd));
                assert!(l <= o.min(c) && h >= o.max(c));
                let (first, last) = (bar["f"].as_u64().unwrap(), bar["L"].as_u64().unwrap());
                let mut trades = self.trades.range((at as u32, first)..=(at as u32, last));
                let (mut volume, mut quote) = (0i64, 0i128);
                for (_, trade) in trades.by_ref() {
                    volume += trade.1;
                    quote += i128::from(trade.0) * i128::from(trade.1);
                }
                assert_eq!(Self::number(&bar["v"], qd), volume, "the bar is the sum of its trades");
                assert_eq!(Self::number(&bar["q"], pd + qd), quote as i64);
                assert_eq!(c, self.trades[&(at as u32, last)].0);
                self.klines += 1;
            }
            other => panic!("{other}"),
        }
        false
    }
}

impl Book {
    fn apply(&mut self, data: &Value, pd: u8, qd: u8) -> bool {
        let [first, last, prev] = ["U", "u", "pu"].map(|k| data[k].as_u64().unwrap());
        assert!(first <= last && prev < first);
        let Some(id) = self.id else {
            self.early.push(data.clone());
            return false;
        };
        if self.synchronised {
            assert_eq!(prev, id, "a gap");
        } else {
            if last < id {
                return false;
            }
            assert!(first <= id && id <= last, "the first message must overlap the snapshot");
            self.synchronised = true;
        }
        self.id = Some(last);
        for (name, side) in [("b", &mut self.bids), ("a", &mut self.asks)] {
            for level in data[name].as_array().unwrap() {
                let (px, qty) = (Reader::number(&level[0], pd), Reader::number(&level[1], qd));
                if qty == 0 {
                    side.remove(&px)
                } else {
                    side.insert(px, qty)
                };
            }
        }
        let (bid, ask) = (self.bids.last_key_value().unwrap(), self.asks.first_key_value().unwrap());
        assert!(bid.0 < ask.0, "never crossed");
        for ticker in self.tickers.drain(..self.tickers.partition_point(|ticker| ticker.0 <= last)) {
            self.ticker = Some(ticker);
        }
        if let Some((_, best)) = self.ticker {
            assert_eq!(best, [*bid.0, *bid.1, *ask.0, *ask.1], "bookTicker agrees");
            self.checked += 1;
        }
        true
    }
}

/// Reads everything that is published in `span`, and compares it with the true books after each depth message.
fn follow(generator: &mut Generator, span: Nanos, mut each: impl FnMut(&mut Generator, &Reader)) -> Reader {
    let mut reader = Reader::new(generator);
    let mut frames = FrameBuffer::default();
    while generator.next_time() < START + span {
        each(generator, &reader);
        frames.clear();
        generator.step(&mut frames);
        let mut complete = vec![];
        for frame in frames.iter() {
            if reader.read(frame) {
                complete.push(frame.instrument);
            }
        }
        for instrument in complete {
            let book = &reader.books[instrument.index()];
            let top = |side| generator.levels(instrument, side).take(10).map(|l| (l.0.0, l.1.0)).collect::<Vec<_>>();
            let bids: Vec<_> = book.bids.iter().rev().take(10).map(|l| (*l.0, *l.1)).collect();
            let asks: Vec<_> = book.asks.iter().take(10).map(|l| (*l.0, *l.1)).collect();
            assert_eq!((bids, asks), (top(Side::Buy), top(Side::Sell)));
        }
    }
    reader
}

#[test]
fn a_naive_reader_sees_the_true_book() {
    for (depth_interval_ns, seconds, klines) in [(100 * MILLIS, 110, 4), (0, 21, 0)] {
        let config = GeneratorConfig { depth_interval_ns, klines: true, ..GeneratorConfig::default() };
        let mut generator = generator(&config);
        let mut asked = false;
        let reader = follow(&mut generator, seconds * SECONDS, |generator, reader| {
            if !asked && generator.now > START + 5 * SECONDS {
                // Once more, in the middle: the reader starts anew with it.
                asked = true;
                assert!(reader.books[1].synchronised);
                generator.request_snapshot(generator.now, InstrumentId(1));
            }
        });
        for book in &reader.books {
            assert!(book.synchronised && book.checked > 900, "{}", book.checked);
        }
        assert!(reader.trades.len() > 300 && reader.klines >= klines);
        assert_eq!(reader.marks as i64, 2 * ((seconds - 1) / 3));
    }
}

#[test]
fn our_fills_are_trades_that_were_published() {
    let mut generator = generator(&GeneratorConfig { reject_ppm: 20_000, ..GeneratorConfig::default() });
    let mut random = Random::new(5, 5);
    let mut id = 0;
    let mut reports = vec![];
    let reader = follow(&mut generator, 60 * SECONDS, |generator, _| {
        if !random.one_in(20) {
            return;
        }
        let instrument = random.below(2) as u32;
        let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
        let tick = generator.instruments()[instrument as usize].tick_size.0;
        let best = generator.levels(InstrumentId(instrument), side).next().unwrap().0.0;
        let px = best + (random.below(7) as i64 - 3) * tick;
        let tif = TimeInForce::ALL[random.below(4) as usize];
        let (kind, order) = if random.one_in(4) && id > 0 {
            (CommandKind::Cancel, 1 + random.below(id))
        } else {
            id += 1;
            (CommandKind::New, id)
        };
        let at = generator.next_time();
        let qty = 1 + random.below(200) as i64;
        generator.on_order(at, &approve(kind, order, instrument, side, px, qty, tif), 3);
        assert_eq!(generator.next_time(), at);
        while let Some(report) = generator.take_report() {
            assert!(
                report.ts_venue <= at
                    && report.ts_venue >= reports.last().map_or(START, |last: &VenueReport| last.ts_venue)
            );
            reports.push(report);
        }
    });
    reports.extend(core::iter::from_fn(|| generator.take_report()));
    let mut state = BTreeMap::<u64, (i64, bool)>::new();
    let (mut fills, mut makers) = (0, 0);
    for report in &reports {
        let r = &report.report;
        match r.exec_type().unwrap() {
            ExecType::Trade => {
                let trade = reader.trades[&(report.instrument.0, r.trade_id)];
                let maker = r.liquidity == crate::event::report::Liquidity::Maker.code();
                assert_eq!((trade.0, trade.1), (r.last_px.0, r.last_qty.0));
                assert_eq!(trade.2, (r.side == Side::Buy.code()) == maker, "the buyer is the maker");
                let cum = &mut state.get_mut(&r.client_order_id.0).unwrap().0;
                *cum += r.last_qty.0;
                assert_eq!(r.cum_qty.0, *cum);
                assert!(r.fee > 0);
                fills += 1;
                makers += usize::from(maker);
            }
            ExecType::New => assert!(state.insert(r.client_order_id.0, (0, true)).is_none()),
            ExecType::Canceled | ExecType::Expired => {
                let entry = state.get_mut(&r.client_order_id.0).unwrap();
                assert!(entry.1 && entry.0 == r.cum_qty.0 && r.leaves_qty.0 == 0);
                entry.1 = false;
            }
            ExecType::Rejected | ExecType::CancelRejected => assert_ne!(r.reason, VenueReason::None.code()),
            other => panic!("{other}"),
        }
    }
    assert!(fills > 100 && makers > 20, "{fills} fills, {makers} as a maker");
    assert!(reports.iter().any(|r| r.report.reason == VenueReason::Simulated.code()));
    for open in generator.resting() {
        assert_eq!(state[&open.client_order_id.0].0, open.cum_qty.0);
    }
}

#[test]
fn the_market_is_plausible() {
    for seed in [1, 2, 3] {
        let instruments = vec![GeneratedInstrument::default()];
        let mut generator = generator(&GeneratorConfig { seed, instruments, ..GeneratorConfig::default() });
        let mut frames = FrameBuffer::default();
        let (mut spreads, mut thin, mut mids) = (vec![], 0, vec![]);
        let mut sample = START;
        while generator.next_time() < START + 300 * SECONDS {
            frames.clear();
            generator.step(&mut frames);
            if generator.now < sample {
                continue;
            }
            sample += 100 * MILLIS;
            let sides = [Side::Buy, Side::Sell].map(|side| generator.levels(InstrumentId(0), side));
            let [bids, asks] = sides.map(|levels| levels.take(10).map(|l| l.0.0).collect::<Vec<_>>());
            thin += usize::from(bids.len() < 10 || asks.len() < 10);
            spreads.push(asks[0] - bids[0]); // The tick is one unit.
            mids.push((asks[0] + bids[0]) as f64 / 2.0);
        }
        spreads.sort_unstable();
        let median = spreads[spreads.len() / 2];
        assert!((1..=10).contains(&median), "median spread {median}");
        assert!(spreads[spreads.len() * 99 / 100] <= 40);
        assert!(thin * 100 <= spreads.len(), "{thin} thin books");
        let returns: Vec<f64> =
            mids.chunks(10).map(|c| c[0]).collect::<Vec<_>>().windows(2).map(|w| w[1] - w[0]).collect();
        let n = returns.len() as f64;
        let deviation = (returns.iter().map(|r| r * r).sum::<f64>() / n).sqrt();
        assert!((2.0..60.0).contains(&deviation), "deviation in a second {deviation} ticks");
        assert!(returns.iter().filter(|r| **r != 0.0).count() as f64 > 0.6 * n);
        if std::env::var_os("TICKPATH_SHOW").is_some() {
            let kurtosis = returns.iter().map(|r| r.powi(4)).sum::<f64>() / n / deviation.powi(4);
            let p99 = spreads[spreads.len() * 99 / 100];
            println!(
                "seed {seed}: spread {median}, p99 {p99}, deviation {deviation:.1}, kurtosis {kurtosis:.1}, thin {thin}"
            );
        }
    }
}

#[test]
fn start_prices_and_nonsense() {
    let config = GeneratorConfig::default();
    let generator = Generator::new(&config, START, 1, &[("ETHUSDT", "3100.12345")]).unwrap();
    let bid = generator.levels(InstrumentId(1), Side::Buy).next().unwrap().0.0;
    assert!((309_900..310_100).contains(&bid), "{bid}");
    let with = |change: fn(&mut GeneratorConfig)| {
        let mut config = GeneratorConfig::default();
        change(&mut config);
        Generator::new(&config, START, 1, &[]).is_err()
    };
    assert!(with(|c| c.instruments.clear()));
    assert!(with(|c| c.instruments[0].symbol = "btc".into()));
    assert!(with(|c| c.instruments[0].symbol = "ETHUSDT".into()));
    assert!(with(|c| c.instruments[0].tick = "0".into()));
    assert!(with(|c| c.instruments[0].lot = "-1".into()));
    assert!(with(|c| c.instruments[0].start_price = "5".into()));
    assert!(with(|c| c.instruments[0].events_per_s = f64::NAN));
    assert!(with(|c| c.depth_interval_ns = -1));
}

#[test]
fn frames_are_written_as_the_venue_writes_them() {
    let mut generator = generator(&GeneratorConfig::default());
    let mut frames = FrameBuffer::default();
    while generator.next_time() < START + 4 * SECONDS {
        generator.step(&mut frames);
    }
    let keys = |start: &str| {
        let found =
            frames.iter().map(|f| core::str::from_utf8(f.bytes).unwrap()).find(|t| t.starts_with(start)).unwrap();
        let mut keys = vec![];
        let value: Value = serde_json::from_str(found).unwrap();
        let object = value.get("data").unwrap_or(&value).as_object().unwrap().clone();
        keys.extend(object.keys().cloned());
        keys.join(",")
    };
    assert_eq!(keys("{\"stream\":\"btcusdt@depth@100ms\""), "e,E,T,s,U,u,pu,b,a");
    assert_eq!(keys("{\"stream\":\"btcusdt@bookTicker\""), "e,u,s,b,B,a,A,T,E");
    assert_eq!(keys("{\"stream\":\"btcusdt@trade\""), "e,E,T,s,t,p,q,X,m");
    assert_eq!(keys("{\"stream\":\"btcusdt@markPrice\""), "e,E,s,p,i,P,r,T");
    assert_eq!(keys("{\"lastUpdateId\""), "lastUpdateId,E,T,symbol,bids,asks");
}
