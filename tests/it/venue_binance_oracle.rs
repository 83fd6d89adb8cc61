//! An independent reader of Binance's messages, slow and plain: serde_json into typed structs, `rust_decimal` for the
//! numbers. Used by the integration tests and by the fuzz target.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::str::FromStr;
use tickpath::event::input::{Bar, Depth, Input, InputKind, Mark, Quote, Trade, flags};
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::VenueKind;
use tickpath::types::time::NO_TIME;
use tickpath::venue::binance::{BinanceDecoder, DecodeStats};
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{DecodeFault, Decoder, Frame, InputBatch};

/// What a message says.
#[derive(Debug, PartialEq)]
pub struct Seen {
    /// `None`: the message does not say.
    pub symbol: Option<String>,
    pub ts_event: Option<i128>,
    pub venue_id: i128,
    pub what: What,
}

/// Its content. Prices and quantities in the order of the payload's fields.
#[derive(Debug, PartialEq)]
pub enum What {
    Depth { style: &'static str, ids: [u64; 3], bids: Vec<(Decimal, Decimal)>, asks: Vec<(Decimal, Decimal)> },
    Trade { ids: [u64; 2], px: Decimal, qty: Decimal, buyer_is_maker: bool, printable: bool, aggregated: bool },
    Quote([Decimal; 4]),
    Bar { open_time: i128, seconds: i64, prices: [Decimal; 4], volume: Decimal, trades: u64, closed: bool },
    Mark { prices: [Decimal; 3], rate: Decimal, next: Option<i128> },
}

type Read<T> = Result<T, &'static str>;

/// A decimal of the venue's form only.
#[derive(Debug, Clone, Copy)]
struct Text(Decimal);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        decimal(&text).map(Self).ok_or_else(|| serde::de::Error::custom("a decimal"))
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let fraction = if fraction.len() > 18 { fraction.trim_end_matches('0') } else { fraction };
    let sign = if digits.len() < text.len() { "-" } else { "" };
    Decimal::from_str(&format!("{sign}0{}.{fraction}0", whole.trim_start_matches('0'))).ok().map(|d| d.normalize())
}

/// Two decimals; what comes behind them means nothing.
struct Level(Text, Text);

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let parts = Vec::<Value>::deserialize(from)?;
        let part = |i: usize| parts.get(i).and_then(|part| serde_json::from_value(part.clone()).ok());
        part(0).zip(part(1)).map(|(px, qty)| Self(px, qty)).ok_or_else(|| serde::de::Error::custom("a level"))
    }
}

type Levels = Vec<Level>;

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct DepthEvent {
    E: u64,
    T: Option<u64>,
    U: u64,
    u: u64,
    pu: Option<u64>,
    b: Levels,
    a: Levels,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct BookEvent {
    lastUpdateId: u64,
    E: Option<u64>,
    T: Option<u64>,
    bids: Levels,
    asks: Levels,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct TradeEvent {
    E: u64,
    T: Option<u64>,
    t: Option<u64>,
    f: Option<u64>,
    l: Option<u64>,
    p: Text,
    q: Text,
    m: bool,
    X: Option<String>,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct QuoteEvent {
    E: Option<u64>,
    T: Option<u64>,
    u: u64,
    b: Text,
    B: Text,
    a: Text,
    A: Text,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct KlineEvent {
    E: u64,
    k: Kline,
}

#[derive(Deserialize)]
struct Kline {
    t: u64,
    i: String,
    o: Text,
    h: Text,
    l: Text,
    c: Text,
    v: Text,
    n: u64,
    x: bool,
}

#[derive(Deserialize)]
#[allow(non_snake_case)]
struct MarkEvent {
    E: u64,
    T: Option<u64>,
    p: Text,
    i: Option<String>,
    P: Option<String>,
    r: Option<String>,
}

fn time(value: u64) -> i128 {
    i128::from(value) * if value < 100_000_000_000_000 { 1_000_000 } else { 1_000 }
}

fn typed<T: for<'de> Deserialize<'de>>(value: &Value) -> Read<T> {
    serde_json::from_value(value.clone()).map_err(|_| "a field")
}

fn levels(levels: Levels) -> Read<Vec<(Decimal, Decimal)>> {
    let pairs: Vec<_> = levels.into_iter().map(|Level(px, qty)| (px.0, qty.0)).collect();
    if pairs.iter().any(|(_, qty)| qty.is_sign_negative() && !qty.is_zero()) { Err("a quantity") } else { Ok(pairs) }
}

fn positive(qty: Decimal) -> Read<Decimal> {
    if qty.is_sign_negative() && !qty.is_zero() { Err("a quantity") } else { Ok(qty) }
}

/// Reads one message; `None` if it is one that becomes no input.
///
/// # Errors
/// A word on what is wrong.
pub fn oracle(json: &[u8], venue: VenueKind) -> Read<Option<Seen>> {
    let top: Value = serde_json::from_slice(json).map_err(|_| "JSON")?;
    match (top.get("stream"), top.get("data")) {
        (Some(stream), Some(data)) => event(data, Some(stream.as_str().ok_or("a stream")?), venue),
        _ => event(&top, None, venue),
    }
}

fn event(value: &Value, stream: Option<&str>, venue: VenueKind) -> Read<Option<Seen>> {
    const USED: [&str; 6] = ["trade", "aggTrade", "bookTicker", "depthUpdate", "kline", "markPriceUpdate"];
    const UNUSED: [&str; 17] = [
        "serverShutdown",
        "24hrTicker",
        "1hTicker",
        "4hTicker",
        "1dTicker",
        "24hrMiniTicker",
        "avgPrice",
        "referencePrice",
        "blockTrade",
        "forceOrder",
        "contractInfo",
        "indexPriceUpdate",
        "compositeIndex",
        "assetIndexUpdate",
        "continuous_kline",
        "indexPrice_kline",
        "markPrice_kline",
    ];
    if let Some(items) = value.as_array() {
        let known = |item: &Value| item["e"].as_str().is_some_and(|e| USED.contains(&e) || UNUSED.contains(&e));
        return if items.iter().all(known) { Ok(None) } else { Err("an array of known events") };
    }
    let map = value.as_object().ok_or("an object")?;
    let topic = stream.and_then(|s| s.split_once('@')).map_or("", |(_, topic)| topic);
    let futures = venue != VenueKind::BinanceSpot;
    let null = |key: &str| map.get(key).is_some_and(Value::is_null);
    let name = match map.get("e") {
        None => "",
        Some(name) => name.as_str().ok_or("an event type")?,
    };
    if UNUSED.contains(&name) || (name == "depthUpdate" && topic.starts_with("rpiDepth")) {
        return Ok(None);
    }
    let mark = name == "markPriceUpdate";
    let book = name.is_empty() && map.contains_key("lastUpdateId");
    let quote = name.is_empty() && !book && ["u", "b", "a"].iter().all(|key| map.contains_key(*key));
    if name.is_empty() && !book && !quote {
        let has = |key: &str| map.contains_key(key);
        let answer = (has("id") && (has("result") || has("error"))) || (has("code") && has("msg"));
        return if answer { Ok(None) } else { Err("a known message") };
    }
    let symbol_key = if book { "symbol" } else { "s" };
    let symbol = match map.get(symbol_key) {
        Some(symbol) => Some(symbol.as_str().ok_or("a symbol")?.to_owned()),
        None => stream.map(|s| s.split_once('@').map_or(String::new(), |(s, _)| s.to_ascii_uppercase())),
    };
    let timed = name != "kline" && !mark;
    if timed && !quote && null("T") || book && null("E") {
        return Err("a time");
    }
    // Fields of other messages mean nothing here.
    let mut map = map.clone();
    let foreign: &[&str] = match name {
        "trade" => &["f", "l"],
        "aggTrade" => &["t"],
        "" if quote => &["E", "T"],
        _ => &[],
    };
    for key in foreign {
        map.remove(*key);
    }
    let value = &Value::Object(map);
    let (ts_event, venue_id, what) = match name {
        "" if book => {
            let e: BookEvent = typed(value)?;
            let style = if stream.is_some() { "top_levels" } else { "snapshot" };
            let ids = [e.lastUpdateId, e.lastUpdateId, 0];
            let what = What::Depth { style, ids, bids: levels(e.bids)?, asks: levels(e.asks)? };
            (e.T.or(e.E), i128::from(e.lastUpdateId), what)
        }
        "depthUpdate" => {
            if null("pu") {
                return Err("pu");
            }
            let e: DepthEvent = typed(value)?;
            let top = topic.strip_prefix("depth").is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
            let style = match (top, futures) {
                (true, _) => "top_levels",
                (false, true) => "diff_by_prev",
                (false, false) => "diff_by_first",
            };
            if futures && !top && e.pu.is_none() {
                return Err("pu");
            }
            let ids = [if top { e.u } else { e.U }, e.u, if futures { e.pu.unwrap_or(0) } else { 0 }];
            let what = What::Depth { style, ids, bids: levels(e.b)?, asks: levels(e.a)? };
            (Some(e.T.unwrap_or(e.E)), i128::from(e.u), what)
        }
        "trade" | "aggTrade" => {
            if null("X") {
                return Err("X");
            }
            let e: TradeEvent = typed(value)?;
            let aggregated = name == "aggTrade";
            let (first, last) = if aggregated { (e.f, e.l) } else { (e.t, e.t) };
            let ids = [first.ok_or("an id")?, last.ok_or("an id")?];
            let printable = e.X.is_none_or(|x| x == "MARKET");
            let (px, qty) = (e.p.0, positive(e.q.0)?);
            if qty.is_zero() {
                return Ok(None);
            }
            let what = What::Trade { ids, px, qty, buyer_is_maker: e.m, printable, aggregated };
            (Some(e.T.unwrap_or(e.E)), i128::from(ids[1]), what)
        }
        "" | "bookTicker" => {
            let e: QuoteEvent = typed(value)?;
            let what = What::Quote([e.b.0, positive(e.B.0)?, e.a.0, positive(e.A.0)?]);
            let ts_event = if quote { None } else { Some(e.T.unwrap_or(e.E.ok_or("E")?)) };
            (ts_event, i128::from(e.u), what)
        }
        "kline" => {
            let KlineEvent { E: event_time, k } = typed(value)?;
            let (count, unit) = k.i.split_at(k.i.len().saturating_sub(1).min(k.i.len()));
            const INTERVALS: &str = " 1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M ";
            if k.i.is_empty() || k.i.contains(' ') || !INTERVALS.contains(&format!(" {} ", k.i)) {
                return Err("an interval");
            }
            let unit = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                "w" => 604_800,
                _ => 0,
            };
            let seconds = count.parse::<i64>().map_err(|_| "an interval")? * unit;
            let prices = [k.o.0, k.h.0, k.l.0, k.c.0];
            let open_time = time(k.t);
            let volume = positive(k.v.0)?;
            let what = What::Bar { open_time, seconds, prices, volume, trades: k.n, closed: k.x };
            (Some(event_time), open_time, what)
        }
        "markPriceUpdate" => {
            let e: MarkEvent = typed(value)?;
            let optional = |text: Option<String>| match text.as_deref() {
                None | Some("") => Ok(Decimal::ZERO),
                Some(text) => decimal(text).ok_or("a price"),
            };
            let next = e.T.filter(|&t| t != 0).map(time);
            let what = What::Mark { prices: [e.p.0, optional(e.i)?, optional(e.P)?], rate: optional(e.r)?, next };
            (Some(e.E), 0, what)
        }
        _ => return Err("a known event"),
    };
    Ok(Some(Seen { symbol, ts_event: ts_event.map(time), venue_id, what }))
}

/// What the inputs of one message say, put together again; definitions are left out. `None` if there are none.
pub fn observe(inputs: &[Input], directory: &Directory) -> Option<Seen> {
    let mut seen: Option<Seen> = None;
    let inputs: Vec<&Input> = inputs.iter().filter(|i| i.kind() != Some(InputKind::Definition)).collect();
    for (i, input) in inputs.iter().enumerate() {
        assert_eq!((input.is_first(), input.is_last()), (i == 0, i + 1 == inputs.len()));
        assert_eq!(usize::from(input.part), i);
        let instrument = directory.get(input.instrument).unwrap();
        let px = |px: i64| Decimal::from_i128_with_scale(i128::from(px), instrument.price_decimals.into()).normalize();
        let qty = |qty: i64| Decimal::from_i128_with_scale(i128::from(qty), instrument.qty_decimals.into()).normalize();
        let some_time = |time: i64| (time != NO_TIME).then_some(i128::from(time));
        let what = match input.kind().unwrap() {
            InputKind::Depth => {
                let d = input.payload::<Depth>();
                let pairs = |levels: &[tickpath::event::input::Level]| {
                    levels.iter().map(|l| (px(l.px.0), qty(l.qty.0))).collect::<Vec<_>>()
                };
                let (b, a) = (d.bids as usize, d.asks as usize);
                let style = tickpath::event::input::DepthStyle::from_code(d.style).unwrap().name();
                let whole = matches!(style, "snapshot" | "top_levels");
                assert_eq!(input.flags & flags::SNAPSHOT != 0, whole);
                let ids = [d.first_id, d.last_id, d.prev_id];
                let (mut bids, mut asks) = (pairs(&d.levels[..b]), pairs(&d.levels[b..b + a]));
                if let Some(Seen { what: What::Depth { bids: before, asks: asks_before, ids: same, .. }, .. }) = seen {
                    assert_eq!(same, ids);
                    assert!(asks_before.is_empty() || bids.is_empty(), "bids come first");
                    bids = [before, bids].concat();
                    asks = [asks_before, asks].concat();
                }
                What::Depth { style, ids, bids, asks }
            }
            InputKind::Trade => {
                let t = input.payload::<Trade>();
                What::Trade {
                    ids: [t.first_trade_id, t.trade_id],
                    px: px(t.px.0),
                    qty: qty(t.qty.0),
                    buyer_is_maker: t.aggressor().unwrap().sign() < 0,
                    printable: t.printable == 1,
                    aggregated: t.aggregated == 1,
                }
            }
            InputKind::Quote => {
                let q = input.payload::<Quote>();
                What::Quote([px(q.bid.px.0), qty(q.bid.qty.0), px(q.ask.px.0), qty(q.ask.qty.0)])
            }
            InputKind::Bar => {
                let b = input.payload::<Bar>();
                What::Bar {
                    open_time: b.open_time.into(),
                    seconds: b.interval / 1_000_000_000,
                    prices: [b.open, b.high, b.low, b.close].map(|p| px(p.0)),
                    volume: qty(b.volume.0),
                    trades: b.trades,
                    closed: b.closed == 1,
                }
            }
            InputKind::Mark => {
                let m = input.payload::<Mark>();
                let rate = Decimal::from_i128_with_scale(m.funding_rate_e8.into(), 8).normalize();
                What::Mark {
                    prices: [m.mark, m.index, m.settle].map(|p| px(p.0)),
                    rate,
                    next: some_time(m.next_funding),
                }
            }
            other => panic!("unexpected {other}"),
        };
        let venue_id = i128::from(input.venue_id);
        seen = Some(Seen {
            symbol: Some(instrument.symbol.as_str().to_owned()),
            ts_event: some_time(input.ts_event),
            venue_id,
            what,
        });
    }
    seen
}

/// Both paths and the oracle, side by side.
pub struct Trio {
    venue: Option<VenueKind>,
    fast: (BinanceDecoder, Directory, InputBatch),
    general: (BinanceDecoder, Directory, InputBatch),
}

impl Trio {
    /// Fresh decoders with open directories.
    pub fn new(venue: Option<VenueKind>) -> Self {
        let side = |fast| {
            let mut decoder = BinanceDecoder::new(venue);
            decoder.set_fast_path(fast);
            (decoder, Directory::new(64), InputBatch::with_capacity(4))
        };
        Self { venue, fast: side(true), general: side(false) }
    }

    /// Sets whose book a bare snapshot is.
    pub fn set_rest_symbol(&mut self, symbol: &str) {
        for side in [&mut self.fast, &mut self.general] {
            side.0.set_rest_symbol(Some(symbol.try_into().unwrap()));
        }
    }

    /// The fast decoder's counts.
    pub fn stats(&self) -> DecodeStats {
        self.fast.0.stats()
    }

    /// Decodes `json` in all three ways and panics where they differ. Returns whether it was understood.
    pub fn check(&mut self, json: &[u8]) -> bool {
        let shown = String::from_utf8_lossy(json);
        let frame = Frame { ts_recv: 5, source: SourceId::FEED_FIRST, bytes: json };
        let mut results = [&mut self.fast, &mut self.general].map(|(decoder, directory, out)| {
            out.clear();
            decoder.decode(&frame, directory, out)
        });
        assert_eq!(results[0], results[1], "{shown}");
        let [fast, general] = [&self.fast, &self.general].map(|(_, _, out)| out.as_slice());
        assert_eq!(fast.len(), general.len(), "{shown}");
        for (a, b) in fast.iter().zip(general) {
            assert!(same(a, b), "{shown}\n{a:?}\n{b:?}");
        }
        assert_eq!(self.fast.1.all(), self.general.1.all(), "{shown}");
        assert_eq!(self.fast.0.venue(), self.general.0.venue(), "{shown}");
        let result = core::mem::replace(&mut results[0], Ok(()));
        let found = observe(fast, &self.fast.1);
        let Some(venue) = self.venue.or(self.fast.0.venue()) else { return result.is_ok() };
        let expected = oracle(json, venue);
        match result {
            Ok(()) => {
                let mut expected = expected.unwrap_or_else(|why| panic!("the oracle refuses it, {why}: {shown}"));
                if let (Some(expected), Some(found)) = (&mut expected, &found)
                    && expected.symbol.is_none()
                {
                    expected.symbol.clone_from(&found.symbol);
                }
                assert_eq!(found, expected, "{shown}");
                true
            }
            Err(error) => {
                assert!(found.is_none(), "{shown}");
                assert!(error.at <= json.len());
                // What it cannot hold, or has no instrument for, the oracle may still read.
                let ours = matches!(error.fault, DecodeFault::OutOfRange | DecodeFault::UnknownSymbol)
                    || error.expected == "a symbol"
                    || nested_deep(json);
                assert!(expected.is_err() || ours, "{error}, but the oracle reads {expected:?}: {shown}");
                false
            }
        }
    }
}

/// Deeper than the decoder goes.
fn nested_deep(json: &[u8]) -> bool {
    json.iter().filter(|b| matches!(b, b'[' | b'{')).count() > 60
}

/// Equal but for FALLBACK and what lies behind the payload.
fn same(a: &Input, b: &Input) -> bool {
    let head = |input: &Input| {
        let mut head = *input;
        head.flags &= !flags::FALLBACK;
        head.payload.fill(0);
        bytemuck::bytes_of(&head).to_vec()
    };
    let body = |input: &Input| input.payload[..usize::from(input.payload_len)].to_vec();
    head(a) == head(b) && body(a) == body(b)
}
