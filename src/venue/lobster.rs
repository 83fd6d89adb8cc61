//! Hot: LOBSTER message files: order-level events of one NASDAQ stock and day. One frame is one CSV line.
//!
//! Source: LOBSTER's description of its output. Columns: time in seconds after midnight in New York, type, order id,
//! size in shares, price in dollars × 10 000, direction of the resting order (1 buy, −1 sell). Newer files have a
//! seventh column, which is not read.

use crate::event::definition::Definition;
use crate::event::input::{InputKind, OrderAction, OrderEvent, Status, TradingState, flags};
use crate::types::decimal::{Decimal, DecimalError, rescale};
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Symbol, VenueKind};
use crate::types::price::{Px, Qty, Side};
use crate::types::time::UnixNanos;
use crate::venue::directory::{Directory, DirectoryError};
use crate::venue::feed::{DecodeError, DecodeFault, Decoder, Frame, InputBatch};
use bytemuck::Zeroable;

/// Implied decimals of prices.
const PRICE_DECIMALS: u8 = 4;
/// Columns that every row has.
const COLUMNS: usize = 6;

/// The decoder of one LOBSTER message file.
///
/// | type | becomes |
/// |---|---|
/// | 1 submission | `Add` |
/// | 2 partial cancellation | `Reduce` |
/// | 3 deletion | `Delete` |
/// | 4 execution of a visible order | `Execute` |
/// | 5 execution of a hidden order | `HiddenTrade` |
/// | 6 cross | `Cross` |
/// | 7 halt | [`InputKind::Status`]: price −1 halted, 0 quotation only, 1 trading |
///
/// Every event has `may_be_unknown` = 1, since the file leaves out what came before its start and what lies outside
/// its price levels. For the same reason `px` and `side` are filled in for every action: the file gives them in every
/// row, and the order that they belong to may be unknown. `venue_id` is the number of the row, from 1.
#[derive(Debug)]
pub struct LobsterDecoder {
    symbol: Symbol,
    midnight: UnixNanos,
    instrument: InstrumentId,
    rows: u64,
}

fn fault(fault: DecodeFault, at: usize, expected: &'static str) -> DecodeError {
    DecodeError { fault, at, expected }
}

impl LobsterDecoder {
    /// A decoder for the file of `symbol`, whose day began (in New York) at `midnight`.
    pub fn new(symbol: Symbol, midnight: UnixNanos) -> Self {
        Self { symbol, midnight, instrument: InstrumentId::NONE, rows: 0 }
    }

    /// The file's instrument, defined at the first row.
    #[cold]
    fn define(
        &mut self,
        frame: &Frame<'_>,
        ts_event: UnixNanos,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        let symbol = self.symbol.as_bytes();
        let known = directory.find(VenueKind::Lobster, symbol).copied();
        let (defined, changed) = match known {
            Some(instrument) if instrument.price_decimals >= PRICE_DECIMALS => (Ok(instrument), false),
            Some(instrument) => (directory.refine(instrument.id, PRICE_DECIMALS, 0), true),
            None => (directory.infer(VenueKind::Lobster, symbol, PRICE_DECIMALS, 0), true),
        };
        let instrument = defined.map_err(|error| match error {
            DirectoryError::Full => {
                fault(DecodeFault::UnknownSymbol, 0, "room for one more instrument (instruments_max)")
            }
            DirectoryError::Closed | DirectoryError::BadSymbol => {
                fault(DecodeFault::UnknownSymbol, 0, "a symbol of the given definitions")
            }
            DirectoryError::Scale => fault(DecodeFault::OutOfRange, 0, "a scale that 64 bits hold"),
        })?;
        self.instrument = instrument.id;
        if changed {
            let input = out.next();
            *input = Definition::input(&instrument, frame.ts_recv);
            input.ts_event = ts_event;
        }
        Ok(())
    }
}

/// Time of a row in nanoseconds after midnight, exact.
///
/// # Errors
/// A [`DecodeError`] if there is no time, or one that nanoseconds do not hold.
pub fn nanos_since_midnight(row: &[u8]) -> Result<i64, DecodeError> {
    let end = memchr::memchr(b',', row).ok_or(fault(DecodeFault::Syntax, row.len(), "six columns"))?;
    let time = Decimal::parse(&row[..end]).and_then(|seconds| seconds.at_scale(9)).map_err(|error| match error {
        DecimalError::Malformed => fault(DecodeFault::Syntax, 0, "seconds after midnight"),
        DecimalError::Overflow | DecimalError::TooFine => fault(DecodeFault::OutOfRange, 0, "whole nanoseconds"),
    })?;
    if time < 0 {
        return Err(fault(DecodeFault::OutOfRange, 0, "a time after midnight"));
    }
    Ok(time)
}

/// One row's columns behind the time.
struct Row {
    /// 1 to 7.
    event_type: i64,
    /// Order id; −1 or 0 where there is none.
    order_id: i64,
    shares: i64,
    price: i64,
    direction: i64,
    /// Where each column starts, for errors.
    at: [usize; COLUMNS],
}

impl Row {
    fn parse(row: &[u8]) -> Result<Self, DecodeError> {
        let mut at = [0; COLUMNS];
        let mut values = [0i64; COLUMNS];
        let mut start = 0;
        for column in 0..COLUMNS {
            let rest = row.get(start..).ok_or(fault(DecodeFault::Syntax, row.len(), "six columns"))?;
            let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
            at[column] = start;
            if column > 0 {
                values[column] = Decimal::parse(&rest[..end])
                    .and_then(|number| number.at_scale(0))
                    .map_err(|_| fault(DecodeFault::Syntax, start, "a whole number"))?;
            }
            start += end + 1;
        }
        let [_, event_type, order_id, shares, price, direction] = values;
        Ok(Self { event_type, order_id, shares, price, direction, at })
    }

    fn action(&self) -> Result<OrderAction, DecodeError> {
        Ok(match self.event_type {
            1 => OrderAction::Add,
            2 => OrderAction::Reduce,
            3 => OrderAction::Delete,
            4 => OrderAction::Execute,
            5 => OrderAction::HiddenTrade,
            6 => OrderAction::Cross,
            _ => return Err(fault(DecodeFault::UnknownMessage, self.at[1], "a type from 1 to 7")),
        })
    }

    fn halt(&self) -> Result<(TradingState, u8), DecodeError> {
        match self.price {
            -1 => Ok((TradingState::Halted, b'H')),
            0 => Ok((TradingState::QuoteOnly, b'Q')),
            1 => Ok((TradingState::Trading, b'T')),
            _ => Err(fault(DecodeFault::Field, self.at[4], "halt price -1, 0 or 1")),
        }
    }
}

impl Decoder for LobsterDecoder {
    fn decode(
        &mut self,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        self.rows += 1;
        let bytes = frame.bytes.trim_ascii_end();
        let since_midnight = nanos_since_midnight(bytes)?;
        let ts_event =
            self.midnight.checked_add(since_midnight).ok_or(fault(DecodeFault::OutOfRange, 0, "a time before 2262"))?;
        let row = Row::parse(bytes)?;

        let mut event = OrderEvent::zeroed();
        let mut halt = None;
        if row.event_type == 7 {
            halt = Some(row.halt()?);
        } else {
            let action = row.action()?;
            event.action = action.code();
            event.printable =
                u8::from(matches!(action, OrderAction::Execute | OrderAction::HiddenTrade | OrderAction::Cross));
            event.may_be_unknown = 1;
            event.order_ref = match (u64::try_from(row.order_id), action) {
                (Ok(order_id), _) => order_id,
                (Err(_), OrderAction::HiddenTrade | OrderAction::Cross) => 0,
                (Err(_), _) => return Err(fault(DecodeFault::Field, row.at[2], "an order id")),
            };
            event.side = match row.direction {
                1 => Side::Buy.code(),
                -1 => Side::Sell.code(),
                _ => return Err(fault(DecodeFault::Field, row.at[5], "direction 1 or -1")),
            };
            if row.shares < 0 {
                return Err(fault(DecodeFault::Field, row.at[3], "a size of at least 0"));
            }
        }
        if !self.instrument.is_some() {
            self.define(frame, ts_event, directory, out)?;
        }
        if event.action != 0 {
            let scaled = directory.get(self.instrument).and_then(|instrument| {
                let px = rescale(row.price, instrument.price_decimals.checked_sub(PRICE_DECIMALS)?)?;
                Some((Px(px), Qty(rescale(row.shares, instrument.qty_decimals)?)))
            });
            (event.px, event.qty) =
                scaled.ok_or(fault(DecodeFault::OutOfRange, row.at[3], "a price and a size that fit the scale"))?;
        }

        let input = out.next();
        input.ts_recv = frame.ts_recv;
        input.ts_event = ts_event;
        input.venue_id = self.rows;
        input.instrument = self.instrument;
        input.source = frame.source;
        input.flags = flags::FIRST | flags::LAST;
        if let Some((state, letter)) = halt {
            input.kind = InputKind::Status.code();
            input.payload_len = size_of::<Status>() as u16;
            *input.payload_mut() = Status { state: state.code(), venue_code: [b'7', letter], reserved: [0; 5] };
        } else {
            input.kind = InputKind::OrderEvent.code();
            input.payload_len = size_of::<OrderEvent>() as u16;
            *input.payload_mut() = event;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::input::Input;
    use crate::types::ids::SourceId;
    use proptest::prelude::*;

    const MIDNIGHT: UnixNanos = 1_340_251_200_000_000_000;

    fn decode(rows: &[&str]) -> Vec<Result<Vec<Input>, DecodeError>> {
        let mut decoder = LobsterDecoder::new(Symbol::from("AMZN").unwrap(), MIDNIGHT);
        let mut directory = Directory::new(1);
        rows.iter()
            .map(|row| {
                let mut out = InputBatch::with_capacity(2);
                let frame = Frame { ts_recv: 5, source: SourceId::FEED_FIRST, bytes: row.as_bytes() };
                decoder.decode(&frame, &mut directory, &mut out).map(|()| out.as_slice().to_vec())
            })
            .collect()
    }

    #[test]
    fn every_type_becomes_its_action() {
        let check = |row: &str, action: OrderAction, order_ref: u64, side: Side, printable: u8| {
            let inputs = decode(&[row])[0].clone().unwrap();
            assert_eq!(inputs.len(), 2, "the definition and the event");
            assert_eq!(inputs[0].kind(), Some(InputKind::Definition));
            let event: &OrderEvent = inputs[1].payload();
            assert_eq!(
                (event.action, event.order_ref, event.side, event.printable, event.may_be_unknown, event.px, event.qty),
                (action.code(), order_ref, side.code(), printable, 1, Px(2_238_100), Qty(21)),
                "{row}"
            );
            assert_eq!((inputs[1].ts_event, inputs[1].venue_id), (MIDNIGHT + 34_200_189_610_000, 1));
        };
        check("34200.18961,1,11885113,21,2238100,1", OrderAction::Add, 11_885_113, Side::Buy, 0);
        check("34200.18961,2,5,21,2238100,-1", OrderAction::Reduce, 5, Side::Sell, 0);
        check("34200.18961,3,5,21,2238100,-1\r", OrderAction::Delete, 5, Side::Sell, 0);
        check("34200.18961,4,5,21,2238100,1", OrderAction::Execute, 5, Side::Buy, 1);
        check("34200.18961,5,0,21,2238100,1", OrderAction::HiddenTrade, 0, Side::Buy, 1);
        check("34200.189610000,6,-1,21,2238100,-1,null", OrderAction::Cross, 0, Side::Sell, 1);
    }

    #[test]
    fn halts_are_states() {
        let inputs = decode(&["36023,7,0,0,-1,-1", "36323,7,0,0,0,-1", "36723.5,7,0,0,1,-1"]);
        let states: Vec<u8> =
            inputs.iter().map(|i| i.as_ref().unwrap().last().unwrap().payload::<Status>().state).collect();
        assert_eq!(
            states,
            [TradingState::Halted, TradingState::QuoteOnly, TradingState::Trading].map(TradingState::code)
        );
    }

    #[test]
    fn bad_rows_say_where() {
        let check = |row: &str, fault: DecodeFault, at: usize| {
            let error = decode(&[row])[0].clone().unwrap_err();
            assert_eq!((error.fault, error.at), (fault, at), "{row}");
        };
        check("", DecodeFault::Syntax, 0);
        check("Time,Type,OrderId,Size,Price,Direction", DecodeFault::Syntax, 0);
        check("1,1,2,3,4", DecodeFault::Syntax, 9);
        check("1,1,2,3,4,", DecodeFault::Syntax, 10);
        check("1,1,x,3,4,1", DecodeFault::Syntax, 4);
        check("1,8,2,3,4,1", DecodeFault::UnknownMessage, 2);
        check("1,1,-2,3,4,1", DecodeFault::Field, 4);
        check("1,1,2,-3,4,1", DecodeFault::Field, 6);
        check("1,1,2,3,4,0", DecodeFault::Field, 10);
        check("1,7,0,0,5,-1", DecodeFault::Field, 8);
        check("1.0000000001,1,2,3,4,1", DecodeFault::OutOfRange, 0);
        check("-1,1,2,3,4,1", DecodeFault::OutOfRange, 0);
    }

    proptest! {
        #[test]
        fn never_panics(row in "[0-9.,\\-x]{0,60}") {
            for result in decode(&[&row]) {
                prop_assert!(result.map_or(0, |inputs| inputs.len()) <= 2);
            }
        }
    }
}
