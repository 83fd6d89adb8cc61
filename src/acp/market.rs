//! Edge: market data and what follows from it: `market.raw`, `features.candles`, `features.micro`.

use super::event::FIELDS;
use super::head::Head;
use super::payload::Scales;
use super::time::iso;
use crate::event::market::Candle;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A message on `market.raw`: the event stream's entry as one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Raw<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `market.depth`, `market.trade`, `market.quote`, ….
    #[serde(rename = "type")]
    pub kind: Cow<'a, str>,
    /// `SYMBOL.VENUE`; empty if it is about a whole source.
    pub instrument: Cow<'a, str>,
    /// As in the event stream.
    pub data: Map<String, Value>,
}

/// Writes a [`Raw`] from the values of an entry of the event stream, which are JSON already: much cheaper than to make them
/// again (there may be 50 000 a second).
pub fn write_raw(out: &mut Vec<u8>, values: &[&[u8]; FIELDS.len()]) {
    out.clear();
    for (name, value) in FIELDS.iter().zip(values) {
        out.push(if out.is_empty() { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match *name {
            "sequence" | "data" => out.extend_from_slice(value),
            // A symbol is the venue's own spelling. Writing to memory cannot fail.
            _ => drop(serde_json::to_writer(&mut *out, &String::from_utf8_lossy(value))),
        }
    }
    out.push(b'}');
}

/// A message on `features.candles`: a candle that closed. Prices and quantities are decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CandleClosed<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `SYMBOL.VENUE`.
    pub instrument: Cow<'a, str>,
    /// `1s`, `1m`, `5m` or `1h`.
    pub interval: Cow<'a, str>,
    /// ISO-8601: start of the interval.
    pub open_time: String,
    /// First price.
    pub open: String,
    /// Highest.
    pub high: String,
    /// Lowest.
    pub low: String,
    /// Last.
    pub close: String,
    /// Volume.
    pub volume: String,
    /// Trades.
    pub trades: u32,
    /// Empty candles that the calendar expects right behind it, and that closed with it.
    pub empties: u32,
}

impl<'a> CandleClosed<'a> {
    /// The message of a candle.
    pub fn of(head: Head<'a>, instrument: &'a str, interval: &'a str, candle: &Candle, scales: Scales<'_>) -> Self {
        Self {
            head,
            instrument: instrument.into(),
            interval: interval.into(),
            open_time: iso(candle.open_time),
            open: scales.px(candle.open).to_string(),
            high: scales.px(candle.high).to_string(),
            low: scales.px(candle.low).to_string(),
            close: scales.px(candle.close).to_string(),
            volume: scales.qty(candle.volume).to_string(),
            trades: candle.trades,
            empties: candle.empties,
        }
    }
}

/// A message on `features.micro`: the feature vector of an instrument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Vector<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `SYMBOL.VENUE`.
    pub instrument: Cow<'a, str>,
    /// By name. One that is not warm is 0, and must not be used.
    pub values: BTreeMap<Cow<'a, str>, f64>,
    /// By name: whether it has seen enough.
    pub warm: BTreeMap<Cow<'a, str>, bool>,
}

impl<'a> Vector<'a> {
    /// The vector with these names and values; bit i of `warm` says that the i-th is.
    pub fn of(head: Head<'a>, instrument: &'a str, names: &'a [String], values: &[f64], warm: u64) -> Self {
        let named = || names.iter().enumerate().map(|(at, name)| (at, Cow::from(name.as_str())));
        Self {
            head,
            instrument: instrument.into(),
            values: named().map(|(at, name)| (name, values.get(at).copied().unwrap_or(0.0))).collect(),
            warm: named().map(|(at, name)| (name, at < 64 && warm >> at & 1 == 1)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::price::{Px, Qty};

    #[test]
    fn a_raw_message_is_the_entry_as_one_object() {
        let values: [&[u8]; 7] =
            [b"market.trade", b"t", b"h.market-data", b"1-7", b"7", b"A\"B.SIM", br#"{"px":"1.5"}"#];
        let mut text = Vec::new();
        write_raw(&mut text, &values);
        let raw: Raw<'_> = serde_json::from_slice(&text).unwrap();
        assert_eq!((raw.kind.as_ref(), raw.head.sequence, raw.head.trace_id.as_ref()), ("market.trade", 7, "1-7"));
        assert_eq!((raw.instrument.as_ref(), raw.data["px"].as_str()), ("A\"B.SIM", Some("1.5")));
    }

    #[test]
    fn fields_are_the_contracts() {
        let head = || Head::said("h", "feature", 0, 1, 2);
        let candle = Candle { open: Px(1), high: Px(4), low: Px(1), close: Px(2), volume: Qty(9), ..Candle::default() };
        let told = CandleClosed::of(head(), "X.SIM", "1s", &candle, Scales(None));
        let text = serde_json::to_string(&told).unwrap();
        assert!(
            text.contains(r#""interval":"1s","open_time":"1970-01-01T00:00:00.000000+00:00","open":"1","high":"4""#)
        );
        let names = ["ofi", "rsi"].map(str::to_owned);
        let told = Vector::of(head(), "X.SIM", &names, &[0.5], 0b01);
        let text = serde_json::to_string(&told).unwrap();
        assert!(text.ends_with(r#""values":{"ofi":0.5,"rsi":0.0},"warm":{"ofi":true,"rsi":false}}"#), "{text}");
        assert_eq!(serde_json::from_str::<Vector<'_>>(&text).unwrap(), told);
    }
}
