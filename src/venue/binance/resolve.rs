//! Hot: which venue, which instrument, which scales a message has; and the definitions that follow when it shows
//! something new.

use super::event::{Body, Event, Needs};
use crate::event::definition::Definition;
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::{Instrument, Symbol, VenueKind};
use crate::venue::decimal_fast::Scale;
use crate::venue::directory::{Directory, DirectoryError};
use crate::venue::feed::{DecodeError, DecodeFault, Frame, InputBatch};

/// The longest symbol.
pub const SYMBOL_BYTES: usize = Symbol::new_const().capacity();

/// What is known of a source.
#[derive(Clone, Copy, Debug)]
pub struct SourceState {
    pub source: SourceId,
    /// Given, or inferred from its first decisive message.
    pub venue: Option<VenueKind>,
    /// Instrument of its last message: that of a snapshot that does not say.
    pub last: InstrumentId,
}

/// How the prices of orders and trades of `instrument` are read.
///
/// An inferred instrument learns from its numbers how many decimals the venue writes, so that a text with more of them
/// than were seen is a miss; a given one knows.
#[inline]
pub fn price_scale(instrument: &Instrument) -> Scale {
    Scale::new(instrument.price_decimals, if instrument.inferred { instrument.price_shown } else { u8::MAX })
}

/// How the quantities of `instrument` are read.
#[inline]
pub fn qty_scale(instrument: &Instrument) -> Scale {
    Scale::new(instrument.qty_decimals, if instrument.inferred { instrument.qty_shown } else { u8::MAX })
}

/// Puts the upper-case symbol in front of `@` of a stream name into `buffer`.
#[inline]
pub fn stream_symbol<'b>(stream: &[u8], buffer: &'b mut [u8; SYMBOL_BYTES]) -> Option<&'b [u8]> {
    let len = memchr::memchr(b'@', stream)?;
    let symbol = buffer.get_mut(..len)?;
    symbol.copy_from_slice(&stream[..len]);
    symbol.make_ascii_uppercase();
    Some(symbol)
}

/// Finds the event's instrument, and defines or refines it where needed (then a definition is pushed).
///
/// # Errors
/// `Field` if no symbol can be found, `UnknownSymbol`, `OutOfRange`; then nothing was changed.
pub fn resolve(
    event: &Event<'_>,
    frame: &Frame<'_>,
    state: &mut SourceState,
    rest_symbol: Option<&Symbol>,
    directory: &mut Directory,
    out: &mut InputBatch,
) -> Result<Instrument, DecodeError> {
    let error = |fault, expected| DecodeError { fault, at: event.at, expected };
    let venue = state.venue.unwrap_or_else(|| event.infer_venue());
    let mut buffer = [0; SYMBOL_BYTES];
    let symbol = match (event.symbol, event.stream) {
        (Some(symbol), _) => Some(symbol.as_bytes()),
        (None, Some(stream)) => stream_symbol(stream.as_bytes(), &mut buffer),
        (None, None) => match rest_symbol {
            Some(symbol) => Some(symbol.as_bytes()),
            None => directory.get(state.last).map(|instrument| {
                let symbol = instrument.symbol.as_bytes();
                buffer[..symbol.len()].copy_from_slice(symbol);
                &buffer[..symbol.len()]
            }),
        },
    };
    let symbol = symbol.filter(|symbol| !symbol.is_empty()).ok_or(error(DecodeFault::Field, "a symbol"))?;
    let needs = event.needs();
    let known = directory.find(venue, symbol).copied();
    let (price, qty) =
        known.map_or((needs.price, needs.qty), |i| (needs.price.max(i.price_decimals), needs.qty.max(i.qty_decimals)));
    if !event.fits(price, qty) {
        return Err(error(DecodeFault::OutOfRange, "numbers that fit 64 bits at the instrument's scale"));
    }
    let instrument = match known {
        None => infer(directory, venue, symbol, needs),
        Some(known) => refine(directory, &known, needs),
    }
    .map_err(|reason| match reason {
        DirectoryError::Scale => error(DecodeFault::OutOfRange, "a scale of at most 18 decimals"),
        DirectoryError::Closed => error(DecodeFault::UnknownSymbol, "a symbol of the given definitions"),
        DirectoryError::Full => error(DecodeFault::UnknownSymbol, "no more than `instruments_max` symbols"),
        DirectoryError::BadSymbol => error(DecodeFault::UnknownSymbol, "a symbol of at most 32 bytes"),
    })?;
    if known != Some(instrument) {
        *out.next() = Definition::input(&instrument, frame.ts_recv);
    }
    state.venue = Some(venue);
    Ok(instrument)
}

fn infer(
    directory: &mut Directory,
    venue: VenueKind,
    symbol: &[u8],
    needs: Needs,
) -> Result<Instrument, DirectoryError> {
    let mut instrument = directory.infer(venue, symbol, needs.price, needs.qty)?;
    instrument.price_shown = needs.price_text;
    instrument.qty_shown = needs.qty_text;
    directory.define(instrument)?;
    Ok(instrument)
}

fn refine(directory: &mut Directory, known: &Instrument, needs: Needs) -> Result<Instrument, DirectoryError> {
    let mut finer = *known;
    if needs.price > known.price_decimals || needs.qty > known.qty_decimals {
        finer = directory.refine(known.id, needs.price, needs.qty)?;
    }
    // What is shown does not follow from the scale: a mark price may need more decimals than the venue writes in trades.
    finer.price_shown = known.price_shown;
    finer.qty_shown = known.qty_shown;
    if known.inferred {
        finer.price_shown = finer.price_shown.max(needs.price_text);
        finer.qty_shown = finer.qty_shown.max(needs.qty_text);
    }
    if finer != *known {
        directory.define(finer)?;
    }
    Ok(finer)
}

/// Whether the event has an instrument at all.
pub fn has_instrument(event: &Event<'_>) -> bool {
    !matches!(event.body, Body::Ignored(_))
}
