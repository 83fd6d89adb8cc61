//! Hot: one ITCH message becomes at most one input, and a definition in front where a symbol is new.

use super::locate::{Entry, Locates, Standing};
use super::message::{HEADER_BYTES, be16, byte, bytes, nanos_since_midnight, specified_length, trimmed};
use super::order::Order;
use crate::event::definition::Definition;
use crate::event::input::{InputKind, OrderEvent, Status, TradingState, flags};
use crate::types::decimal::rescale;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::price::{Px, Qty};
use crate::types::time::UnixNanos;
use crate::venue::directory::{Directory, DirectoryError};
use crate::venue::feed::{DecodeError, DecodeFault, Decoder, Frame, InputBatch};

/// Implied decimals of `Price(4)`.
const PRICE_DECIMALS: u8 = 4;

/// What the decoder has read, and what of it became no input and why.
#[derive(Clone, Debug)]
pub struct ItchCounts {
    /// Messages read, by type letter.
    pub messages: [u64; 256],
    /// Order messages (E, C, X, D, U) whose locate no message has named yet.
    pub unnamed: u64,
    /// Messages of test symbols (stock directory, authenticity `T`).
    pub test_symbols: u64,
    /// Messages of stocks that are not among the given definitions, or for which there was no room.
    pub refused: u64,
    /// Operational halts of other markets (Texas, PSX).
    pub other_markets: u64,
    /// Messages longer than the specification; the tail is ignored.
    pub longer: u64,
}

/// The decoder of one ITCH 5.0 feed. A frame is one message without its length.
///
/// | messages | become |
/// |---|---|
/// | A F E C X D U P Q B | [`InputKind::OrderEvent`] |
/// | R | a definition, if the symbol is new (4 price decimals, whole shares) |
/// | H h | [`InputKind::Status`] of the instrument: halted while either of the two halts is in force |
/// | S | [`InputKind::Status`] of the whole source: `Q` trading, every other event closed |
/// | Y L V W K J I N O | nothing; counted |
///
/// `ts_event` is midnight plus the message's time; `venue_id` is the message's number in its session, which
/// [`set_next_sequence`](Self::set_next_sequence) tells, or its ordinal from 1.
///
/// **Captures that begin in the middle of the day** have no directory messages. Then the first message that carries the
/// stock (A, F, P, Q, H, h) names its locate. Order events of such an instrument have `may_be_unknown` = 1, since orders
/// from before the capture are unknown. E, C, X, D and U carry no stock: until their locate is named they become no
/// input and are counted as `unnamed`. Nothing is lost by that: each of them refers to an order that was never seen.
///
/// The side of a hidden trade (P) is always 0: since July 2014 Nasdaq sends `B` whatever the side was.
#[derive(Debug)]
pub struct ItchDecoder {
    midnight: UnixNanos,
    next_sequence: u64,
    locates: Locates,
    counts: Box<ItchCounts>,
}

/// A message whose length and time are checked.
#[derive(Clone, Copy)]
struct Message<'a> {
    bytes: &'a [u8],
    locate: u16,
    ts_event: UnixNanos,
    sequence: u64,
}

pub(super) fn fault(fault: DecodeFault, at: usize, expected: &'static str) -> DecodeError {
    DecodeError { fault, at, expected }
}

impl ItchDecoder {
    /// A decoder for a session whose midnight in New York is `midnight`.
    pub fn new(midnight: UnixNanos) -> Self {
        Self {
            midnight,
            next_sequence: 1,
            locates: Locates::new(),
            counts: Box::new(ItchCounts {
                messages: [0; 256],
                unnamed: 0,
                test_symbols: 0,
                refused: 0,
                other_markets: 0,
                longer: 0,
            }),
        }
    }

    /// Says which number the next message has in its session (MoldUDP64); without it, messages are counted from 1.
    #[inline]
    pub fn set_next_sequence(&mut self, sequence: u64) {
        self.next_sequence = sequence;
    }

    /// What was read so far.
    pub fn counts(&self) -> &ItchCounts {
        &self.counts
    }

    /// The instrument of an order message, which has only a locate.
    #[inline]
    fn by_locate(&mut self, locate: u16) -> Option<Entry> {
        let entry = *self.locates.get(locate);
        match entry.standing {
            Standing::Listed | Standing::Named => return Some(entry),
            Standing::Unnamed => self.counts.unnamed += 1,
            Standing::Test => self.counts.test_symbols += 1,
            Standing::Refused => self.counts.refused += 1,
        }
        None
    }

    /// The instrument of a message that carries its stock at `at`; binds the locate if it is new or has changed.
    #[inline]
    fn by_stock(
        &mut self,
        message: &Message<'_>,
        at: usize,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<Option<Entry>, DecodeError> {
        let stock: [u8; 8] = bytes(message.bytes, at);
        let entry = self.locates.get(message.locate);
        if entry.stock != stock || entry.standing == Standing::Unnamed {
            self.bind(message, at, Standing::Named, frame, directory, out)?;
        }
        Ok(self.by_locate(message.locate))
    }

    /// Binds the message's locate to the stock at `at`, and defines the instrument if it is new.
    #[cold]
    fn bind(
        &mut self,
        message: &Message<'_>,
        at: usize,
        standing: Standing,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        let stock: [u8; 8] = bytes(message.bytes, at);
        let symbol = trimmed(&stock);
        if symbol.is_empty() || !symbol.iter().all(u8::is_ascii_graphic) {
            return Err(fault(DecodeFault::Field, at, "a stock symbol"));
        }
        let known = directory.find(VenueKind::Nasdaq, symbol).copied();
        let (defined, changed) = match known {
            Some(instrument) if instrument.price_decimals >= PRICE_DECIMALS => (Ok(instrument), false),
            Some(instrument) => (directory.refine(instrument.id, PRICE_DECIMALS, 0), true),
            None => (directory.infer(VenueKind::Nasdaq, symbol, PRICE_DECIMALS, 0), true),
        };
        match defined {
            Ok(instrument) => {
                self.locates.bind(message.locate, stock, instrument.id, standing);
                if changed {
                    let input = out.next();
                    *input = Definition::input(&instrument, frame.ts_recv);
                    input.ts_event = message.ts_event;
                }
                Ok(())
            }
            Err(DirectoryError::Closed) => {
                self.locates.bind(message.locate, stock, InstrumentId::NONE, Standing::Refused);
                Ok(())
            }
            Err(DirectoryError::Full) => {
                // Said once per locate; its further messages are counted as refused.
                self.locates.bind(message.locate, stock, InstrumentId::NONE, Standing::Refused);
                Err(fault(DecodeFault::UnknownSymbol, at, "room for one more instrument (instruments_max)"))
            }
            Err(DirectoryError::BadSymbol) => Err(fault(DecodeFault::Field, at, "a stock symbol")),
            Err(DirectoryError::Scale) => Err(fault(DecodeFault::OutOfRange, at, "a scale that 64 bits hold")),
        }
    }

    /// Stock directory: the locate's name for the day.
    fn directory_message(
        &mut self,
        message: &Message<'_>,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        match byte(message.bytes, 29) {
            b'P' => self.bind(message, 11, Standing::Listed, frame, directory, out),
            b'T' => {
                self.locates.bind(message.locate, bytes(message.bytes, 11), InstrumentId::NONE, Standing::Test);
                Ok(())
            }
            _ => Err(fault(DecodeFault::Field, 29, "authenticity P or T")),
        }
    }

    /// Trading action (H) and operational halt (h).
    fn halt_message(
        &mut self,
        message: &Message<'_>,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        let message_type = byte(message.bytes, 0);
        let (code, change) = if message_type == b'H' {
            let code = byte(message.bytes, 19);
            let state = match code {
                b'T' => TradingState::Trading,
                b'H' | b'P' => TradingState::Halted,
                b'Q' => TradingState::QuoteOnly,
                _ => return Err(fault(DecodeFault::Field, 19, "trading state H, P, Q or T")),
            };
            (code, Ok(state))
        } else {
            let code = byte(message.bytes, 20);
            let halted = match code {
                b'H' => true,
                b'T' => false,
                _ => return Err(fault(DecodeFault::Field, 20, "halt action H or T")),
            };
            match byte(message.bytes, 19) {
                b'Q' => {}
                b'B' | b'X' => {
                    self.counts.other_markets += 1;
                    return Ok(());
                }
                _ => return Err(fault(DecodeFault::Field, 19, "market code Q, B or X")),
            }
            (code, Err(halted))
        };
        let Some(mut entry) = self.by_stock(message, 11, frame, directory, out)? else { return Ok(()) };
        match change {
            Ok(state) => entry.state = state.code(),
            Err(halted) => entry.operational_halt = halted,
        }
        *self.locates.get(message.locate) = entry;
        // The two halts are independent: the end of one must not lift the other.
        let state = if entry.operational_halt {
            TradingState::Halted
        } else {
            TradingState::from_code(entry.state).unwrap_or(TradingState::Trading)
        };
        push_status(message, frame, entry.instrument, state, [message_type, code], out);
        Ok(())
    }

    /// Messages that change an order or print a trade.
    #[inline]
    fn order_message(
        &mut self,
        message: &Message<'_>,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        let Order { mut event, price, shares, stock_at } = Order::read(message.bytes)?;
        let entry = match stock_at {
            Some(at) => self.by_stock(message, at, frame, directory, out)?,
            None => self.by_locate(message.locate),
        };
        let Some(entry) = entry else { return Ok(()) };
        event.may_be_unknown = u8::from(entry.standing == Standing::Named);
        let instrument = directory.get(entry.instrument);
        let scaled = instrument.and_then(|instrument| {
            let px = rescale(i64::from(price), instrument.price_decimals.checked_sub(PRICE_DECIMALS)?)?;
            let qty = rescale(i64::try_from(shares).ok()?, instrument.qty_decimals)?;
            Some((Px(px), Qty(qty)))
        });
        (event.px, event.qty) =
            scaled.ok_or(fault(DecodeFault::OutOfRange, 11, "a price and a size that fit the scale"))?;
        *push(message, frame, InputKind::OrderEvent, entry.instrument, size_of::<OrderEvent>(), out).payload_mut() =
            event;
        Ok(())
    }
}

/// Appends an input with its header filled in.
#[inline]
fn push<'a>(
    message: &Message<'_>,
    frame: &Frame<'_>,
    kind: InputKind,
    instrument: InstrumentId,
    payload_len: usize,
    out: &'a mut InputBatch,
) -> &'a mut crate::event::input::Input {
    let input = out.next();
    input.ts_recv = frame.ts_recv;
    input.ts_event = message.ts_event;
    input.venue_id = message.sequence;
    input.instrument = instrument;
    input.source = frame.source;
    input.kind = kind.code();
    input.flags = flags::FIRST | flags::LAST;
    input.payload_len = payload_len as u16;
    input
}

fn push_status(
    message: &Message<'_>,
    frame: &Frame<'_>,
    instrument: InstrumentId,
    state: TradingState,
    venue_code: [u8; 2],
    out: &mut InputBatch,
) {
    *push(message, frame, InputKind::Status, instrument, size_of::<Status>(), out).payload_mut() =
        Status { state: state.code(), venue_code, reserved: [0; 5] };
}

impl Decoder for ItchDecoder {
    #[inline]
    fn decode(
        &mut self,
        frame: &Frame<'_>,
        directory: &mut Directory,
        out: &mut InputBatch,
    ) -> Result<(), DecodeError> {
        // A message that cannot be read has its number all the same.
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        let Some(&message_type) = frame.bytes.first() else {
            return Err(fault(DecodeFault::TooShort, 0, "a message of at least 11 bytes"));
        };
        let Some(length) = specified_length(message_type) else {
            return Err(fault(DecodeFault::UnknownMessage, 0, "an ITCH 5.0 message type"));
        };
        if frame.bytes.len() < length {
            return Err(fault(DecodeFault::TooShort, frame.bytes.len(), "the length of this message type"));
        }
        let time = nanos_since_midnight(frame.bytes).ok_or(fault(
            DecodeFault::TooShort,
            HEADER_BYTES,
            "the time of the message",
        ))?;
        let message = Message {
            bytes: frame.bytes,
            locate: be16(frame.bytes, 1),
            ts_event: self.midnight.checked_add(time).ok_or(fault(DecodeFault::OutOfRange, 5, "a time before 2262"))?,
            sequence,
        };
        self.counts.messages[message_type as usize] += 1;
        self.counts.longer += u64::from(frame.bytes.len() > length);
        match message_type {
            b'A' | b'F' | b'E' | b'C' | b'X' | b'D' | b'U' | b'P' | b'Q' | b'B' => {
                self.order_message(&message, frame, directory, out)
            }
            b'R' => self.directory_message(&message, frame, directory, out),
            b'H' | b'h' => self.halt_message(&message, frame, directory, out),
            b'S' => {
                let code = byte(message.bytes, 11);
                // Outside market hours nothing may be traded on what the book shows.
                let state = match code {
                    b'Q' => TradingState::Trading,
                    b'O' | b'S' | b'M' | b'E' | b'C' => TradingState::Closed,
                    _ => return Err(fault(DecodeFault::Field, 11, "event code O, S, Q, M, E or C")),
                };
                push_status(&message, frame, InstrumentId::NONE, state, [b'S', code], out);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
