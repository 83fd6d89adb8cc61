//! Hot: the general parser: any valid JSON, keys in any order, unknown keys ignored, escapes understood. Of a key that
//! comes twice the last one counts, as in serde_json's maps. Numbers must be written as the venue writes them: prices
//! and quantities as strings (a JSON number may already be rounded), ids and times as integers.
//!
//! All buffers are reused: once they have grown to the longest message nothing is allocated.

use super::event::{Body, DepthKind, Event, Number, Pair, interval_nanos, is_partial, is_rpi, nanos};
use super::stats::Ignored;
use crate::types::decimal::{Decimal, DecimalError};
use crate::types::time::{NO_TIME, UnixNanos};
use crate::venue::decimal_fast::text_decimals;
use crate::venue::feed::{DecodeError, DecodeFault};
use simd_json::prelude::{TypedScalarValue, ValueAsScalar, ValueIntoString};
use simd_json::tape::{Object, Value};
use simd_json::{Buffers, INPUT_PADDING, Tape};

/// Objects and arrays may be nested this deep; the venue needs five.
const DEPTH_MAX: usize = 64;

/// The parser with its buffers.
pub struct General {
    bytes: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    levels: Vec<Pair>,
}

impl General {
    pub fn new() -> Self {
        const BYTES: usize = 16 * 1024;
        Self {
            bytes: Vec::with_capacity(BYTES),
            buffers: Buffers::with_max_depth(BYTES, DEPTH_MAX),
            tape: Tape(Vec::with_capacity(BYTES / 8)),
            levels: Vec::with_capacity(512),
        }
    }

    /// Reads one message.
    pub fn parse<'g>(&'g mut self, frame: &[u8]) -> Result<Event<'g>, DecodeError> {
        let Self { bytes, buffers, tape: slot, levels } = self;
        bytes.clear();
        bytes.extend_from_slice(frame);
        bytes.resize(frame.len() + INPUT_PADDING, 0);
        let base = bytes.as_ptr() as usize;
        let mut tape = core::mem::replace(slot, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(bytes, frame.len(), buffers, &mut tape);
        let result = match parsed {
            Ok(()) => message(&tape.as_value(), Reader { base, len: frame.len() }, levels),
            Err(error) => {
                Err(DecodeError { fault: DecodeFault::Syntax, at: error.index().min(frame.len()), expected: "JSON" })
            }
        };
        *slot = tape.reset();
        result
    }
}

/// Declares the fields that are looked for in an object.
macro_rules! fields {
    ($name:ident { $($field:ident = $key:literal),+ $(,)? }) => {
        #[derive(Default)]
        struct $name<'t, 'g> { $($field: Option<Value<'t, 'g>>,)+ }

        impl<'t, 'g> $name<'t, 'g> {
            fn of(object: &Object<'t, 'g>) -> Self {
                let mut found = Self::default();
                for (key, value) in object {
                    match key { $($key => found.$field = Some(value),)+ _ => {} }
                }
                found
            }
        }
    };
}

fields!(Envelope { stream = "stream", data = "data" });
fields!(Fields {
    kind = "e", event_time = "E", time = "T", symbol = "s", long_symbol = "symbol", last_update_id = "lastUpdateId",
    long_bids = "bids", long_asks = "asks", first_id = "U", last_id = "u", prev_id = "pu", bids = "b", asks = "a",
    bid_qty = "B", ask_qty = "A", trade_id = "t", price = "p", qty = "q", maker = "m", ignored = "M", trade_kind = "X",
    first_trade = "f", last_trade = "l", bar = "k", settle = "P", index = "i", rate = "r", result = "result",
    id = "id", code = "code", text = "msg", error = "error",
});
fields!(Kline {
    open_time = "t", interval = "i", open = "o", high = "h", low = "l", close = "c", volume = "v", trades = "n",
    closed = "x",
});

type Field<'t, 'g> = Option<Value<'t, 'g>>;

/// Where the frame lies, so that errors can say where in it they are.
#[derive(Clone, Copy)]
struct Reader {
    base: usize,
    len: usize,
}

impl Reader {
    /// Offset of a string in the frame.
    fn at(self, text: &str) -> usize {
        (text.as_ptr() as usize).wrapping_sub(self.base).min(self.len)
    }

    /// An error about a value that is not a string, whose place is not known: it is given as the frame's end.
    fn field(self, expected: &'static str) -> DecodeError {
        DecodeError { fault: DecodeFault::Field, at: self.len, expected }
    }

    fn text<'g>(self, field: &Field<'_, 'g>, expected: &'static str) -> Result<&'g str, DecodeError> {
        field.and_then(ValueIntoString::into_string).ok_or(self.field(expected))
    }

    fn optional_text<'g>(self, field: &Field<'_, 'g>, expected: &'static str) -> Result<Option<&'g str>, DecodeError> {
        if field.is_none() { Ok(None) } else { self.text(field, expected).map(Some) }
    }

    fn unsigned(self, field: &Field<'_, '_>, expected: &'static str) -> Result<u64, DecodeError> {
        field.as_ref().and_then(ValueAsScalar::as_u64).ok_or(self.field(expected))
    }

    fn truth(self, field: &Field<'_, '_>, expected: &'static str) -> Result<bool, DecodeError> {
        field.as_ref().and_then(ValueAsScalar::as_bool).ok_or(self.field(expected))
    }

    fn time(self, field: &Field<'_, '_>, expected: &'static str) -> Result<UnixNanos, DecodeError> {
        let time = self.unsigned(field, expected)?;
        nanos(time).ok_or(DecodeError { fault: DecodeFault::OutOfRange, at: self.len, expected })
    }

    fn number(self, field: &Field<'_, '_>, expected: &'static str) -> Result<Number, DecodeError> {
        self.decimal(self.text(field, expected)?, expected)
    }

    fn decimal(self, text: &str, expected: &'static str) -> Result<Number, DecodeError> {
        match Decimal::parse(text.as_bytes()) {
            Ok(value) => Ok(Number { value, text_decimals: text_decimals(text.as_bytes()) }),
            Err(DecimalError::Malformed) => Err(DecodeError { fault: DecodeFault::Field, at: self.at(text), expected }),
            Err(_) => Err(DecodeError { fault: DecodeFault::OutOfRange, at: self.at(text), expected }),
        }
    }

    fn qty(self, field: &Field<'_, '_>, expected: &'static str) -> Result<Number, DecodeError> {
        let text = self.text(field, expected)?;
        let number = self.decimal(text, expected)?;
        if number.value.mantissa < 0 {
            return Err(DecodeError { fault: DecodeFault::Field, at: self.at(text), expected });
        }
        Ok(number)
    }

    /// A decimal that may be absent, null or empty.
    fn optional_number(self, field: &Field<'_, '_>, expected: &'static str) -> Result<Option<Number>, DecodeError> {
        match field {
            None => Ok(None),
            Some(value) if value.is_null() || value.as_str() == Some("") => Ok(None),
            Some(_) => self.number(field, expected).map(Some),
        }
    }

    /// Appends the levels of one side.
    fn levels(
        self,
        field: &Field<'_, '_>,
        levels: &mut Vec<Pair>,
        expected: &'static str,
    ) -> Result<usize, DecodeError> {
        let array = field.as_ref().and_then(Value::as_array).ok_or(self.field(expected))?;
        for level in &array {
            let pair = level.as_array().ok_or(self.field("a level [price, quantity]"))?;
            let mut parts = pair.iter();
            let px = self.number(&parts.next(), "a price")?;
            let qty = self.qty(&parts.next(), "a quantity")?;
            levels.push((px, qty));
        }
        Ok(array.len())
    }
}

fn unknown(at: usize) -> DecodeError {
    DecodeError { fault: DecodeFault::UnknownMessage, at, expected: "a message type of this venue" }
}

fn message<'g>(top: &Value<'_, 'g>, read: Reader, levels: &'g mut Vec<Pair>) -> Result<Event<'g>, DecodeError> {
    let Some(object) = top.as_object() else { return array(top, None, read) };
    let envelope = Envelope::of(&object);
    if envelope.stream.is_some() && envelope.data.is_some() {
        let stream = read.text(&envelope.stream, "a stream name")?;
        let data = envelope.data.unwrap_or(Value::null());
        match data.as_object() {
            Some(object) => event(&Fields::of(&object), Some(stream), read, levels),
            None => array(&data, Some(stream), read),
        }
    } else {
        event(&Fields::of(&object), None, read, levels)
    }
}

/// An array of events: each must be of a type that we know.
fn array<'g>(value: &Value<'_, 'g>, stream: Option<&'g str>, read: Reader) -> Result<Event<'g>, DecodeError> {
    let array = value.as_array().ok_or(unknown(0))?;
    for item in &array {
        let name = item.get("e").and_then(ValueIntoString::into_string).ok_or(unknown(0))?;
        let used = matches!(name, "trade" | "aggTrade" | "bookTicker" | "depthUpdate" | "kline" | "markPriceUpdate");
        if !used && Ignored::of_event(name).is_none() {
            return Err(unknown(read.at(name)));
        }
    }
    Ok(Event { symbol: None, stream, futures: false, at: 0, ts_event: NO_TIME, body: Body::Ignored(Ignored::Array) })
}

fn event<'g>(
    fields: &Fields<'_, 'g>,
    stream: Option<&'g str>,
    read: Reader,
    levels: &'g mut Vec<Pair>,
) -> Result<Event<'g>, DecodeError> {
    let mut event =
        Event { symbol: None, stream, futures: false, at: 0, ts_event: NO_TIME, body: Body::Ignored(Ignored::Control) };
    levels.clear();
    if fields.kind.is_none() {
        unnamed(fields, read, levels, &mut event)?;
        return Ok(event);
    }
    let kind = read.text(&fields.kind, "an event type")?;
    event.at = read.at(kind);
    if let Some(ignored) = Ignored::of_event(kind) {
        event.body = Body::Ignored(ignored);
        return Ok(event);
    }
    if kind == "depthUpdate" && stream.is_some_and(|stream| is_rpi(stream.as_bytes())) {
        event.body = Body::Ignored(Ignored::RpiDepth);
        return Ok(event);
    }
    event.symbol = read.optional_text(&fields.symbol, "a symbol")?;
    let event_time = read.time(&fields.event_time, "an event time")?;
    // In these two `T` is another thing: the bar's end, the next funding.
    let has_time = fields.time.is_some() && !matches!(kind, "kline" | "markPriceUpdate");
    event.ts_event = if has_time { read.time(&fields.time, "a transaction time")? } else { event_time };
    event.body = match kind {
        "depthUpdate" => {
            event.futures = fields.prev_id.is_some();
            let prev_id = match fields.prev_id {
                Some(_) => Some(read.unsigned(&fields.prev_id, "an update id pu")?),
                None => None,
            };
            let first_id = read.unsigned(&fields.first_id, "an update id U")?;
            let last_id = read.unsigned(&fields.last_id, "an update id u")?;
            let bids = read.levels(&fields.bids, levels, "bids")?;
            read.levels(&fields.asks, levels, "asks")?;
            let style = if stream.is_some_and(|stream| is_partial(stream.as_bytes())) {
                DepthKind::Top
            } else {
                DepthKind::Diff
            };
            let (bids, asks) = levels.split_at(bids);
            Body::Depth { style, first_id, last_id, prev_id, bids, asks }
        }
        "bookTicker" => {
            event.futures = true;
            quote(fields, read)?
        }
        "trade" | "aggTrade" => {
            event.futures = fields.ignored.is_none();
            trade(fields, kind == "aggTrade", read)?
        }
        "kline" => {
            let (body, futures) = kline(fields, read)?;
            event.futures = futures;
            body
        }
        "markPriceUpdate" => {
            event.futures = true;
            mark(fields, read)?
        }
        other => return Err(unknown(read.at(other))),
    };
    Ok(event)
}

/// Messages without an event type.
fn unnamed<'g>(
    fields: &Fields<'_, 'g>,
    read: Reader,
    levels: &'g mut Vec<Pair>,
    event: &mut Event<'g>,
) -> Result<(), DecodeError> {
    if fields.last_update_id.is_some() {
        let last_id = read.unsigned(&fields.last_update_id, "an update id")?;
        event.symbol = read.optional_text(&fields.long_symbol, "a symbol")?;
        event.futures = fields.event_time.is_some() || fields.time.is_some();
        if fields.event_time.is_some() {
            event.ts_event = read.time(&fields.event_time, "an event time")?;
        }
        if fields.time.is_some() {
            event.ts_event = read.time(&fields.time, "a transaction time")?;
        }
        let bids = read.levels(&fields.long_bids, levels, "bids")?;
        read.levels(&fields.long_asks, levels, "asks")?;
        let style = if event.stream.is_some() { DepthKind::Top } else { DepthKind::Rest };
        let (bids, asks) = levels.split_at(bids);
        event.body = Body::Depth { style, first_id: last_id, last_id, prev_id: None, bids, asks };
    } else if fields.last_id.is_some() && fields.bids.is_some() && fields.asks.is_some() {
        event.symbol = read.optional_text(&fields.symbol, "a symbol")?;
        event.body = quote(fields, read)?;
    } else if fields.result.is_some() && fields.id.is_some() {
        event.body = Body::Ignored(Ignored::Control);
    } else if fields.error.is_some() && fields.id.is_some() || fields.code.is_some() && fields.text.is_some() {
        event.body = Body::Ignored(Ignored::Refusal);
    } else {
        return Err(unknown(0));
    }
    Ok(())
}

fn quote<'g>(fields: &Fields<'_, 'g>, read: Reader) -> Result<Body<'g>, DecodeError> {
    Ok(Body::Quote {
        update_id: read.unsigned(&fields.last_id, "an update id u")?,
        bid: (read.number(&fields.bids, "a bid price")?, read.qty(&fields.bid_qty, "a bid quantity")?),
        ask: (read.number(&fields.asks, "an ask price")?, read.qty(&fields.ask_qty, "an ask quantity")?),
    })
}

fn trade<'g>(fields: &Fields<'_, 'g>, aggregated: bool, read: Reader) -> Result<Body<'g>, DecodeError> {
    let (trade_id, first_trade_id) = if aggregated {
        (read.unsigned(&fields.last_trade, "a trade id l")?, read.unsigned(&fields.first_trade, "a trade id f")?)
    } else {
        let id = read.unsigned(&fields.trade_id, "a trade id t")?;
        (id, id)
    };
    let px = read.number(&fields.price, "a price")?;
    let qty = read.qty(&fields.qty, "a quantity")?;
    let buyer_is_maker = read.truth(&fields.maker, "m: true or false")?;
    // Futures: trades of the insurance fund and of deleveraging are no market trades.
    let printable = read.optional_text(&fields.trade_kind, "a kind of trade")?.is_none_or(|kind| kind == "MARKET");
    if qty.value.mantissa == 0 {
        return Ok(Body::Ignored(Ignored::EmptyTrade));
    }
    Ok(Body::Trade { trade_id, first_trade_id, px, qty, buyer_is_maker, printable, aggregated })
}

/// A bar, and whether it is one of futures: the fields are the same, but spot writes its volumes with eight decimals,
/// futures with those of the contract, of which none has so many; and only spot has bars of a second.
fn kline<'g>(fields: &Fields<'_, 'g>, read: Reader) -> Result<(Body<'g>, bool), DecodeError> {
    let object = fields.bar.as_ref().and_then(Value::as_object).ok_or(read.field("a bar k"))?;
    let bar = Kline::of(&object);
    let name = read.text(&bar.interval, "an interval")?;
    let interval = interval_nanos(name.as_bytes()).ok_or(DecodeError {
        fault: DecodeFault::Field,
        at: read.at(name),
        expected: "an interval",
    })?;
    let volume = read.qty(&bar.volume, "a volume")?;
    let body = Body::Bar {
        open_time: read.time(&bar.open_time, "an open time")?,
        interval,
        prices: [
            read.number(&bar.open, "an open")?,
            read.number(&bar.high, "a high")?,
            read.number(&bar.low, "a low")?,
            read.number(&bar.close, "a close")?,
        ],
        volume,
        trades: read.unsigned(&bar.trades, "a number of trades")?,
        closed: read.truth(&bar.closed, "x: true or false")?,
    };
    Ok((body, volume.text_decimals < 8 && name != "1s"))
}

fn mark<'g>(fields: &Fields<'_, 'g>, read: Reader) -> Result<Body<'g>, DecodeError> {
    let rate = read.optional_number(&fields.rate, "a funding rate")?;
    // A rate finer than 10^-8 is refused: it must not be rounded, and the field has no other scale.
    let funding_rate_e8 = match rate {
        None => 0,
        Some(rate) => rate.value.at_scale(8).map_err(|_| DecodeError {
            fault: DecodeFault::OutOfRange,
            at: read.len,
            expected: "a funding rate of at most 8 decimals",
        })?,
    };
    let next_funding = match &fields.time {
        None => NO_TIME,
        Some(time) if time.is_null() || time.as_u64() == Some(0) => NO_TIME,
        Some(_) => read.time(&fields.time, "a next funding time")?,
    };
    let prices = [
        Some(read.number(&fields.price, "a mark price")?),
        read.optional_number(&fields.index, "an index price")?,
        read.optional_number(&fields.settle, "a settlement price")?,
    ];
    Ok(Body::Mark { prices, funding_rate_e8, next_funding })
}
