//! Hot: a message as the general parser understood it: complete and checked, but not yet at an instrument's scale.

use super::stats::Ignored;
use crate::event::input::DepthStyle;
use crate::types::decimal::{DECIMALS_MAX, Decimal};
use crate::types::instrument::VenueKind;
use crate::types::time::UnixNanos;

/// A decimal and how many decimals were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: Decimal,
    pub text_decimals: u8,
}

/// Price and quantity.
pub type Pair = (Number, Number);

/// One message.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_field_names, reason = "ts_event is the field's word")]
pub struct Event<'a> {
    /// `s`, or `symbol`.
    pub symbol: Option<&'a str>,
    /// Name of the combined stream.
    pub stream: Option<&'a str>,
    /// What the message says about its venue, if it has to be inferred.
    pub futures: bool,
    /// Bytes from the start of the frame to what names the message.
    pub at: usize,
    pub ts_event: UnixNanos,
    pub body: Body<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Depth {
        style: DepthKind,
        first_id: u64,
        last_id: u64,
        /// `pu`.
        prev_id: Option<u64>,
        bids: &'a [Pair],
        asks: &'a [Pair],
    },
    Trade {
        trade_id: u64,
        first_trade_id: u64,
        px: Number,
        qty: Number,
        buyer_is_maker: bool,
        printable: bool,
        aggregated: bool,
    },
    Quote {
        update_id: u64,
        bid: Pair,
        ask: Pair,
    },
    Bar {
        open_time: UnixNanos,
        interval: i64,
        /// Open, high, low, close.
        prices: [Number; 4],
        volume: Number,
        trades: u64,
        closed: bool,
    },
    Mark {
        /// Mark, index, settle.
        prices: [Option<Number>; 3],
        funding_rate_e8: i64,
        next_funding: UnixNanos,
    },
    Ignored(Ignored),
}

/// The kinds of depth message, before the venue is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthKind {
    Diff,
    Rest,
    Top,
}

impl DepthKind {
    /// How it continues the ones before it at `venue`.
    pub fn style(self, venue: VenueKind) -> DepthStyle {
        match self {
            Self::Diff if is_futures(venue) => DepthStyle::DiffByPrev,
            Self::Diff => DepthStyle::DiffByFirst,
            Self::Rest => DepthStyle::Snapshot,
            Self::Top => DepthStyle::TopLevels,
        }
    }
}

/// Whether the venue has the futures' messages.
#[inline]
pub fn is_futures(venue: VenueKind) -> bool {
    matches!(venue, VenueKind::BinanceUsdm | VenueKind::BinanceCoinm | VenueKind::Simulated)
}

/// Whether a futures symbol is one of COIN-M: `BTCUSD_PERP`, `BTCUSD_240927`. (USD-M has `BTCUSDT`, `BTCUSDT_240927`.)
pub fn is_coinm(symbol: &str) -> bool {
    symbol.split_once('_').is_some_and(|(pair, _)| pair.ends_with("USD"))
}

/// Whether a stream gives the top levels only: `…@depth5`, `…@depth20@100ms`.
#[inline]
pub fn is_partial(stream: &[u8]) -> bool {
    after_at(stream).strip_prefix(b"depth").and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
}

/// Whether a stream includes retail orders that are not in the book.
#[inline]
pub fn is_rpi(stream: &[u8]) -> bool {
    after_at(stream).starts_with(b"rpiDepth")
}

#[inline]
fn after_at(stream: &[u8]) -> &[u8] {
    memchr::memchr(b'@', stream).map_or(&[], |at| &stream[at + 1..])
}

/// Length in nanoseconds of a kline interval, 0 for a month. Intervals are case-sensitive.
pub fn interval_nanos(name: &[u8]) -> Option<i64> {
    const SECOND: i64 = 1_000_000_000;
    let seconds = match name {
        b"1s" => 1,
        b"1m" => 60,
        b"3m" => 3 * 60,
        b"5m" => 5 * 60,
        b"15m" => 15 * 60,
        b"30m" => 30 * 60,
        b"1h" => 3600,
        b"2h" => 2 * 3600,
        b"4h" => 4 * 3600,
        b"6h" => 6 * 3600,
        b"8h" => 8 * 3600,
        b"12h" => 12 * 3600,
        b"1d" => 86_400,
        b"3d" => 3 * 86_400,
        b"1w" => 7 * 86_400,
        b"1M" => 0,
        _ => return None,
    };
    Some(seconds * SECOND)
}

/// A venue's time in nanoseconds. It is in milliseconds, or in microseconds if it has so many digits
/// (`timeUnit=MICROSECOND`): 10^14 ms would be the year 5138.
#[inline]
pub fn nanos(time: u64) -> Option<UnixNanos> {
    if time < 100_000_000_000_000 {
        // Milliseconds beyond the year 2262 do not fit.
        (time as i64).checked_mul(1_000_000)
    } else {
        i64::try_from(time).ok()?.checked_mul(1_000)
    }
}

/// The most decimals that the numbers of a message need, and write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    pub price: u8,
    pub qty: u8,
    /// Of the prices of orders and trades; mark and index prices have their own format.
    pub price_text: u8,
    pub qty_text: u8,
}

impl Event<'_> {
    /// The venue that this message shows by itself.
    pub fn infer_venue(&self) -> VenueKind {
        if self.symbol.is_some_and(is_coinm) {
            VenueKind::BinanceCoinm
        } else if self.futures {
            VenueKind::BinanceUsdm
        } else {
            VenueKind::BinanceSpot
        }
    }

    /// What scales the message asks for.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        self.numbers(|number, kind| {
            let decimals = number.value.decimals_needed();
            match kind {
                NumberKind::Price => {
                    needs.price = needs.price.max(decimals);
                    needs.price_text = needs.price_text.max(number.text_decimals.min(DECIMALS_MAX));
                }
                NumberKind::Mark => needs.price = needs.price.max(decimals),
                NumberKind::Qty => {
                    needs.qty = needs.qty.max(decimals);
                    needs.qty_text = needs.qty_text.max(number.text_decimals.min(DECIMALS_MAX));
                }
            }
        });
        needs
    }

    /// Whether all numbers fit 64 bits at these scales.
    pub fn fits(&self, price_decimals: u8, qty_decimals: u8) -> bool {
        let mut fits = true;
        self.numbers(|number, kind| {
            let decimals = if kind == NumberKind::Qty { qty_decimals } else { price_decimals };
            fits &= number.value.at_scale(decimals).is_ok();
        });
        fits
    }

    fn numbers(&self, mut each: impl FnMut(Number, NumberKind)) {
        use NumberKind::{Mark, Price, Qty};
        let mut pair = |(px, qty): Pair| {
            each(px, Price);
            each(qty, Qty);
        };
        match self.body {
            Body::Depth { bids, asks, .. } => {
                for &level in bids.iter().chain(asks) {
                    pair(level);
                }
            }
            Body::Trade { px, qty, .. } => pair((px, qty)),
            Body::Quote { bid, ask, .. } => {
                pair(bid);
                pair(ask);
            }
            Body::Bar { prices, volume, .. } => {
                for px in prices {
                    each(px, Price);
                }
                each(volume, Qty);
            }
            Body::Mark { prices, .. } => {
                for &px in prices.iter().flatten() {
                    each(px, Mark);
                }
            }
            Body::Ignored(_) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NumberKind {
    Price,
    Mark,
    Qty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_symbols() {
        assert!(is_partial(b"btcusdt@depth5") && is_partial(b"btcusdt@depth20@100ms"));
        assert!(!is_partial(b"btcusdt@depth") && !is_partial(b"btcusdt@depth@100ms") && !is_partial(b"depth5"));
        assert!(is_rpi(b"btcusdt@rpiDepth@500ms") && !is_rpi(b"btcusdt@depth"));
        assert!(is_coinm("BTCUSD_PERP") && is_coinm("ETHUSD_240927"));
        assert!(!is_coinm("BTCUSDT") && !is_coinm("BTCUSDT_240927") && !is_coinm("BTCUSD"));
    }

    #[test]
    fn times_and_intervals() {
        assert_eq!(nanos(1_723_161_257_440), Some(1_723_161_257_440_000_000));
        assert_eq!(nanos(1_723_161_257_440_123), Some(1_723_161_257_440_123_000));
        assert_eq!(nanos(0), Some(0));
        assert_eq!(nanos(99_999_999_999_999), None, "milliseconds that do not fit");
        assert_eq!(nanos(u64::MAX), None);
        assert_eq!(interval_nanos(b"1m"), Some(60_000_000_000));
        assert_eq!(interval_nanos(b"1M"), Some(0));
        assert_eq!(interval_nanos(b"2m"), None);
    }
}
