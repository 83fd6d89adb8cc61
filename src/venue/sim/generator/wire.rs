//! Hot: the messages as Binance USD-M writes them, key by key in the venue's own order.

use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side, pow10};
use crate::types::time::{MILLIS, UnixNanos};

const PAIRS: &[u8; 200] =
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/// Writes an unsigned integer.
#[inline]
pub(super) fn integer(out: &mut Vec<u8>, value: u64) {
    let mut buffer = [0u8; 20];
    let at = digits(&mut buffer, value);
    out.extend_from_slice(&buffer[at..]);
}

/// Puts the digits at the end of the buffer, gives where they begin.
#[inline]
fn digits(buffer: &mut [u8; 20], mut value: u64) -> usize {
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    at
}

/// Writes `value` × 10^-`decimals` with exactly `shown` (at least `decimals`) decimals.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, value: i64, decimals: u8, shown: u8) {
    if value < 0 {
        out.push(b'-');
    }
    let (unit, magnitude) = (pow10(decimals) as u64, value.unsigned_abs());
    integer(out, magnitude / unit);
    if shown > 0 {
        out.push(b'.');
        let mut buffer = [b'0'; 20];
        digits(&mut buffer, magnitude % unit);
        out.extend_from_slice(&buffer[20 - decimals.min(20) as usize..]);
        out.extend_from_slice(&b"0000000000000000000"[..shown.saturating_sub(decimals).min(19) as usize]);
    }
}

/// A one-minute bar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minute {
    pub(super) open_time: UnixNanos,
    pub(super) open: Px,
    pub(super) high: Px,
    pub(super) low: Px,
    pub(super) close: Px,
    pub(super) volume: i64,
    pub(super) buy_volume: i64,
    /// Quote volume at `price_decimals + qty_decimals`.
    pub(super) quote_volume: i128,
    pub(super) buy_quote_volume: i128,
    pub(super) first_trade: u64,
    pub(super) last_trade: u64,
    pub(super) trades: u64,
}

impl Minute {
    /// A bar without trades yet, at the last price.
    pub(super) fn new(open_time: UnixNanos, px: Px) -> Self {
        Self {
            open_time,
            open: px,
            high: px,
            low: px,
            close: px,
            volume: 0,
            buy_volume: 0,
            quote_volume: 0,
            buy_quote_volume: 0,
            first_trade: 0,
            last_trade: 0,
            trades: 0,
        }
    }

    /// Counts one trade.
    pub(super) fn count(&mut self, id: u64, px: Px, qty: Qty, aggressor: Side) {
        if self.trades == 0 {
            (self.open, self.high, self.low, self.first_trade) = (px, px, px, id);
        }
        (self.high, self.low, self.close) = (self.high.max(px), self.low.min(px), px);
        let quote = i128::from(px.0) * i128::from(qty.0);
        self.volume = self.volume.saturating_add(qty.0);
        self.quote_volume = self.quote_volume.saturating_add(quote);
        if aggressor == Side::Buy {
            self.buy_volume = self.buy_volume.saturating_add(qty.0);
            self.buy_quote_volume = self.buy_quote_volume.saturating_add(quote);
        }
        self.last_trade = id;
        self.trades += 1;
    }
}

/// Best price and quantity of a side; quantity 0 = the side is empty.
pub(super) type Best = (Px, Qty);

/// The fixed parts of one instrument's messages.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    price: (u8, u8),
    qty: (u8, u8),
    /// `,"s":"BTCUSDT"`
    symbol: Vec<u8>,
    name: Vec<u8>,
    ticker: Vec<u8>,
    trade: Vec<u8>,
    depth: Vec<u8>,
    mark: Vec<u8>,
    kline: Vec<u8>,
}

#[inline]
fn millis(ts: UnixNanos) -> u64 {
    ts.div_euclid(MILLIS).max(0) as u64
}

impl Writer {
    pub(super) fn new(instrument: &Instrument, depth_interval_ns: i64) -> Self {
        let name = instrument.symbol.as_str();
        let lower = name.to_ascii_lowercase();
        let head =
            |stream: &str, first: &str| format!("{{\"stream\":\"{lower}@{stream}\",\"data\":{{{first}").into_bytes();
        Self {
            price: (instrument.price_decimals, instrument.price_shown),
            qty: (instrument.qty_decimals, instrument.qty_shown),
            symbol: format!(",\"s\":\"{name}\"").into_bytes(),
            name: name.as_bytes().to_vec(),
            ticker: head("bookTicker", "\"e\":\"bookTicker\",\"u\":"),
            trade: head("trade", "\"e\":\"trade\",\"E\":"),
            depth: head(&format!("depth@{}ms", depth_interval_ns / MILLIS), "\"e\":\"depthUpdate\",\"E\":"),
            mark: head("markPrice", "\"e\":\"markPriceUpdate\",\"E\":"),
            kline: head("kline_1m", "\"e\":\"kline\",\"E\":"),
        }
    }

    fn px(&self, out: &mut Vec<u8>, key: &[u8], px: Px) {
        out.extend_from_slice(key);
        decimal(out, px.0, self.price.0, self.price.1);
    }

    fn qty(&self, out: &mut Vec<u8>, key: &[u8], qty: Qty) {
        out.extend_from_slice(key);
        decimal(out, qty.0, self.qty.0, self.qty.1);
    }

    fn number(out: &mut Vec<u8>, key: &[u8], value: u64) {
        out.extend_from_slice(key);
        integer(out, value);
    }

    pub(super) fn book_ticker(&self, out: &mut Vec<u8>, ts: UnixNanos, id: u64, bid: Best, ask: Best) {
        Self::number(out, &self.ticker, id);
        out.extend_from_slice(&self.symbol);
        self.px(out, b",\"b\":\"", bid.0);
        self.qty(out, b"\",\"B\":\"", bid.1);
        self.px(out, b"\",\"a\":\"", ask.0);
        self.qty(out, b"\",\"A\":\"", ask.1);
        Self::number(out, b"\",\"T\":", millis(ts));
        Self::number(out, b",\"E\":", millis(ts));
        out.extend_from_slice(b"}}");
    }

    pub(super) fn trade(&self, out: &mut Vec<u8>, ts: UnixNanos, id: u64, px: Px, qty: Qty, aggressor: Side) {
        Self::number(out, &self.trade, millis(ts));
        Self::number(out, b",\"T\":", millis(ts));
        out.extend_from_slice(&self.symbol);
        Self::number(out, b",\"t\":", id);
        self.px(out, b",\"p\":\"", px);
        self.qty(out, b"\",\"q\":\"", qty);
        out.extend_from_slice(b"\",\"X\":\"MARKET\",\"m\":");
        out.extend_from_slice(if aggressor == Side::Sell { b"true}}" } else { b"false}}" });
    }

    fn levels(&self, out: &mut Vec<u8>, levels: impl Iterator<Item = (Px, Qty)>) {
        for (i, (px, qty)) in levels.enumerate() {
            self.px(out, if i == 0 { b"[\"" } else { b",[\"" }, px);
            self.qty(out, b"\",\"", qty);
            out.extend_from_slice(b"\"]");
        }
    }

    /// `ids`: first, last, and the last of the message before.
    pub(super) fn depth(
        &self,
        out: &mut Vec<u8>,
        ts: UnixNanos,
        ids: (u64, u64, u64),
        bids: impl Iterator<Item = (Px, Qty)>,
        asks: impl Iterator<Item = (Px, Qty)>,
    ) {
        Self::number(out, &self.depth, millis(ts));
        Self::number(out, b",\"T\":", millis(ts));
        out.extend_from_slice(&self.symbol);
        Self::number(out, b",\"U\":", ids.0);
        Self::number(out, b",\"u\":", ids.1);
        Self::number(out, b",\"pu\":", ids.2);
        out.extend_from_slice(b",\"b\":[");
        self.levels(out, bids);
        out.extend_from_slice(b"],\"a\":[");
        self.levels(out, asks);
        out.extend_from_slice(b"]}}");
    }

    /// A REST answer: bare, and, as COIN-M does, with the symbol, so that it says whose book it is.
    pub(super) fn snapshot(
        &self,
        out: &mut Vec<u8>,
        ts: UnixNanos,
        id: u64,
        bids: impl Iterator<Item = (Px, Qty)>,
        asks: impl Iterator<Item = (Px, Qty)>,
    ) {
        Self::number(out, b"{\"lastUpdateId\":", id);
        Self::number(out, b",\"E\":", millis(ts));
        Self::number(out, b",\"T\":", millis(ts));
        out.extend_from_slice(b",\"symbol\":\"");
        out.extend_from_slice(&self.name);
        out.extend_from_slice(b"\",\"bids\":[");
        self.levels(out, bids);
        out.extend_from_slice(b"],\"asks\":[");
        self.levels(out, asks);
        out.extend_from_slice(b"]}");
    }

    pub(super) fn mark(&self, out: &mut Vec<u8>, ts: UnixNanos, mark: Px, index: Px) {
        const FUNDING: i64 = 8 * 3600 * 1000;
        Self::number(out, &self.mark, millis(ts));
        out.extend_from_slice(&self.symbol);
        self.px(out, b",\"p\":\"", mark);
        self.px(out, b"\",\"i\":\"", index);
        self.px(out, b"\",\"P\":\"", index);
        out.extend_from_slice(b"\",\"r\":\"0.00010000\"");
        Self::number(out, b",\"T\":", ((millis(ts) as i64 / FUNDING + 1) * FUNDING) as u64);
        out.extend_from_slice(b"}}");
    }

    /// A closed bar; without trades, its trade ids are −1.
    pub(super) fn kline(&self, out: &mut Vec<u8>, ts: UnixNanos, bar: &Minute) {
        Self::number(out, &self.kline, millis(ts));
        out.extend_from_slice(&self.symbol);
        Self::number(out, b",\"k\":{\"t\":", millis(bar.open_time));
        Self::number(out, b",\"T\":", millis(bar.open_time) + 59_999);
        out.extend_from_slice(&self.symbol);
        out.extend_from_slice(b",\"i\":\"1m\",\"f\":");
        if bar.trades == 0 {
            out.extend_from_slice(b"-1,\"L\":-1");
        } else {
            integer(out, bar.first_trade);
            Self::number(out, b",\"L\":", bar.last_trade);
        }
        self.px(out, b",\"o\":\"", bar.open);
        self.px(out, b"\",\"c\":\"", bar.close);
        self.px(out, b"\",\"h\":\"", bar.high);
        self.px(out, b"\",\"l\":\"", bar.low);
        self.qty(out, b"\",\"v\":\"", Qty(bar.volume));
        Self::number(out, b"\",\"n\":", bar.trades);
        out.extend_from_slice(b",\"x\":true");
        self.amount(out, b",\"q\":\"", bar.quote_volume);
        self.qty(out, b"\",\"V\":\"", Qty(bar.buy_volume));
        self.amount(out, b"\",\"Q\":\"", bar.buy_quote_volume);
        out.extend_from_slice(b"\",\"B\":\"0\"}}}");
    }

    /// An amount of the quote currency, never negative, with as many decimals as it has.
    fn amount(&self, out: &mut Vec<u8>, key: &[u8], amount: i128) {
        let decimals = (self.price.0 + self.qty.0).min(18);
        let unit = u128::from(pow10(decimals).unsigned_abs());
        let amount = amount.unsigned_abs() / 10u128.pow(u32::from(self.price.0 + self.qty.0 - decimals));
        Self::number(out, key, u64::try_from(amount / unit).unwrap_or(u64::MAX));
        out.push(b'.');
        let mut buffer = [b'0'; 20];
        digits(&mut buffer, (amount % unit) as u64);
        out.extend_from_slice(&buffer[20 - decimals.max(1) as usize..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: i64, decimals: u8, shown: u8, expected: &str) {
        let mut out = Vec::new();
        decimal(&mut out, value, decimals, shown);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn decimals_as_the_venue_writes_them() {
        check(618_003, 1, 2, "61800.30");
        check(7, 3, 3, "0.007");
        check(0, 3, 3, "0.000");
        check(-15, 1, 1, "-1.5");
        check(123, 0, 0, "123");
        check(123, 0, 2, "123.00");
        check(i64::MAX, 12, 12, "9223372.036854775807");
    }
}
