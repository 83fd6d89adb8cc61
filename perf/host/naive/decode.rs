//! Task 1: frames to events, by `serde_json` into owned structs; prices and quantities are `rust_decimal`'s.

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};

/// A decimal in a string.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub Decimal);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal in a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }
        }
        from.deserialize_str(Text)
    }
}

/// Price and absolute quantity of a level; quantity 0 deletes it.
pub type Pair = (Number, Number);

/// `depthUpdate`: a difference of the book.
#[derive(Debug, Deserialize)]
pub struct Depth {
    #[serde(rename = "E")]
    event_time_ms: i64,
    #[serde(rename = "T")]
    time_ms: Option<i64>,
    #[serde(rename = "s")]
    symbol: String,
    /// First update id.
    #[serde(rename = "U")]
    pub first_id: u64,
    /// Final update id.
    #[serde(rename = "u")]
    pub last_id: u64,
    /// Final update id of the message before; futures only.
    #[serde(rename = "pu")]
    pub prev_id: Option<u64>,
    /// Bids.
    #[serde(rename = "b")]
    pub bids: Vec<Pair>,
    /// Asks.
    #[serde(rename = "a")]
    pub asks: Vec<Pair>,
}

/// The whole book, as the venue's REST interface answers.
#[derive(Debug, Deserialize)]
pub struct Snapshot {
    symbol: Option<String>,
    #[serde(rename = "T")]
    time_ms: Option<i64>,
    /// Update id.
    #[serde(rename = "lastUpdateId")]
    pub last_id: u64,
    /// Bids.
    pub bids: Vec<Pair>,
    /// Asks.
    pub asks: Vec<Pair>,
}

/// `bookTicker`: the venue's best bid and ask.
#[derive(Debug, Deserialize)]
pub struct Quote {
    #[serde(rename = "T")]
    time_ms: Option<i64>,
    #[serde(rename = "s")]
    symbol: String,
    /// The book's update id.
    #[serde(rename = "u")]
    pub update_id: u64,
    /// Best bid's price.
    #[serde(rename = "b")]
    pub bid: Number,
    /// Its quantity.
    #[serde(rename = "B")]
    pub bid_qty: Number,
    /// Best ask's price.
    #[serde(rename = "a")]
    pub ask: Number,
    /// Its quantity.
    #[serde(rename = "A")]
    pub ask_qty: Number,
}

/// `trade`.
#[derive(Debug, Deserialize)]
pub struct Trade {
    #[serde(rename = "T")]
    time_ms: i64,
    #[serde(rename = "s")]
    symbol: String,
    /// Trade id.
    #[serde(rename = "t")]
    pub id: u64,
    /// Price.
    #[serde(rename = "p")]
    pub px: Number,
    /// Quantity.
    #[serde(rename = "q")]
    pub qty: Number,
    /// Whether the buyer rested in the book: then the aggressor sold.
    #[serde(rename = "m")]
    pub buyer_is_maker: bool,
    /// Futures: `MARKET`, or what is no trade of the market.
    #[serde(rename = "X")]
    pub kind: Option<String>,
}

/// `markPriceUpdate`.
#[derive(Debug, Deserialize)]
pub struct Mark {
    #[serde(rename = "E")]
    event_time_ms: i64,
    #[serde(rename = "s")]
    symbol: String,
    /// Mark price.
    #[serde(rename = "p")]
    pub px: Number,
}

/// What a frame says.
#[derive(Debug)]
pub enum Event {
    /// A difference of the book.
    Depth(Depth),
    /// The whole book.
    Snapshot(Snapshot),
    /// The best bid and ask.
    Quote(Quote),
    /// A trade.
    Trade(Trade),
    /// A mark price.
    Mark(Mark),
}

/// A combined stream's envelope.
#[derive(Deserialize)]
struct Combined<T> {
    data: T,
}

/// What task 1 gives.
#[derive(Debug)]
pub struct Decoded {
    /// The venue's symbol.
    pub symbol: String,
    /// The venue's time in nanoseconds, where it gives one.
    pub ts_event: Option<i64>,
    /// What happened.
    pub event: Event,
}

/// The decoder of one connection.
#[derive(Default)]
pub struct Decode {
    /// A snapshot may not say whose it is: then it is that of the message before.
    last_symbol: String,
}

impl Decode {
    /// Reads a frame; `None` for what says nothing about a market.
    ///
    /// # Panics
    /// If it is not a message that this decoder knows.
    pub fn step(&mut self, bytes: &[u8]) -> Option<Decoded> {
        let stream = bytes.strip_prefix(b"{\"stream\":\"").and_then(|rest| {
            let end = rest.iter().position(|&byte| byte == b'"')?;
            std::str::from_utf8(&rest[..end]).ok()?.split('@').nth(1)
        });
        let decoded = match stream {
            None => {
                let mut snapshot: Snapshot = read(bytes);
                let symbol = snapshot.symbol.take().unwrap_or_else(|| self.last_symbol.clone());
                Decoded { symbol, ts_event: snapshot.time_ms.map(nanos), event: Event::Snapshot(snapshot) }
            }
            Some("bookTicker") => {
                let Combined { data: mut quote } = read::<Combined<Quote>>(bytes);
                let symbol = std::mem::take(&mut quote.symbol);
                Decoded { symbol, ts_event: quote.time_ms.map(nanos), event: Event::Quote(quote) }
            }
            Some("trade") => {
                let Combined { data: mut trade } = read::<Combined<Trade>>(bytes);
                if trade.qty.0.is_zero() {
                    return None;
                }
                let symbol = std::mem::take(&mut trade.symbol);
                Decoded { symbol, ts_event: Some(nanos(trade.time_ms)), event: Event::Trade(trade) }
            }
            Some("depth") => {
                let Combined { data: mut depth } = read::<Combined<Depth>>(bytes);
                let symbol = std::mem::take(&mut depth.symbol);
                let time_ms = depth.time_ms.unwrap_or(depth.event_time_ms);
                Decoded { symbol, ts_event: Some(nanos(time_ms)), event: Event::Depth(depth) }
            }
            Some("markPrice") => {
                let Combined { data: mut mark } = read::<Combined<Mark>>(bytes);
                let symbol = std::mem::take(&mut mark.symbol);
                Decoded { symbol, ts_event: Some(nanos(mark.event_time_ms)), event: Event::Mark(mark) }
            }
            Some(other) => panic!("the stream `{other}` is not one of those that are measured"),
        };
        if self.last_symbol != decoded.symbol {
            self.last_symbol.clone_from(&decoded.symbol);
        }
        Some(decoded)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("a frame of the venue")
}

fn nanos(millis: i64) -> i64 {
    millis * 1_000_000
}
