//! Hot: inputs from an event of the general parser, at the scales of its instrument.

use super::event::{Body, Event, Number, Pair, is_futures};
use super::write::{DepthWriter, Head, single};
use crate::event::input::{Bar, InputKind, Level, Mark, Quote, Trade, flags};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::venue::feed::{DecodeError, DecodeFault, Frame, InputBatch};

/// Appends the inputs of `event`.
///
/// # Errors
/// `OutOfRange`, and `Field` for a futures' difference without `pu`.
pub fn emit(
    event: &Event<'_>,
    frame: &Frame<'_>,
    instrument: &Instrument,
    out: &mut InputBatch,
) -> Result<(), DecodeError> {
    let range = DecodeError { fault: DecodeFault::OutOfRange, at: event.at, expected: "numbers that fit the scale" };
    let px = |number: Number| number.value.at_scale(instrument.price_decimals).map(Px).map_err(|_| range);
    let qty = |number: Number| number.value.at_scale(instrument.qty_decimals).map(Qty).map_err(|_| range);
    let level = |pair: Pair| Ok::<_, DecodeError>(Level { px: px(pair.0)?, qty: qty(pair.1)? });
    let mut head = Head {
        ts_recv: frame.ts_recv,
        ts_event: event.ts_event,
        source: frame.source,
        instrument: instrument.id,
        venue_id: 0,
        flags: flags::FALLBACK,
    };
    match event.body {
        Body::Depth { style, first_id, last_id, prev_id, bids, asks } => {
            let style = style.style(instrument.venue);
            let prev_id = match prev_id {
                Some(id) if is_futures(instrument.venue) => id,
                None if style == crate::event::input::DepthStyle::DiffByPrev => {
                    return Err(DecodeError { fault: DecodeFault::Field, at: event.at, expected: "an update id pu" });
                }
                _ => 0,
            };
            let mut writer = DepthWriter::new(head, style, first_id, last_id, prev_id);
            for &bid in bids {
                writer.push(out, level(bid)?, false).ok_or(range)?;
            }
            for &ask in asks {
                writer.push(out, level(ask)?, true).ok_or(range)?;
            }
            writer.finish(out);
        }
        Body::Trade { trade_id, first_trade_id, px: price, qty: size, buyer_is_maker, printable, aggregated } => {
            head.venue_id = trade_id;
            let trade = Trade {
                trade_id,
                first_trade_id,
                px: px(price)?,
                qty: qty(size)?,
                aggressor: aggressor(buyer_is_maker),
                printable: u8::from(printable),
                aggregated: u8::from(aggregated),
                reserved: [0; 5],
            };
            single(out, &head, InputKind::Trade, trade);
        }
        Body::Quote { update_id, bid, ask } => {
            head.venue_id = update_id;
            single(out, &head, InputKind::Quote, Quote { update_id, bid: level(bid)?, ask: level(ask)? });
        }
        Body::Bar { open_time, interval, prices: [open, high, low, close], volume, trades, closed } => {
            head.venue_id = open_time as u64;
            let bar = Bar {
                open_time,
                interval,
                open: px(open)?,
                high: px(high)?,
                low: px(low)?,
                close: px(close)?,
                volume: qty(volume)?,
                trades,
                closed: u8::from(closed),
                reserved: [0; 7],
            };
            single(out, &head, InputKind::Bar, bar);
        }
        Body::Mark { prices, funding_rate_e8, next_funding } => {
            let price = |number: Option<Number>| number.map_or(Ok(Px(0)), px);
            let [mark, index, settle] = prices;
            let mark = Mark {
                mark: price(mark)?,
                index: price(index)?,
                settle: price(settle)?,
                funding_rate_e8,
                next_funding,
            };
            single(out, &head, InputKind::Mark, mark);
        }
        Body::Ignored(_) => {}
    }
    Ok(())
}

/// The aggressor of a trade in which the buyer did (or did not) rest in the book.
#[inline(always)]
pub fn aggressor(buyer_is_maker: bool) -> u8 {
    if buyer_is_maker { Side::Sell.code() } else { Side::Buy.code() }
}
