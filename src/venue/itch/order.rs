//! Hot: the messages that change an order or print a trade, field by field.

use super::decoder::fault;
use super::message::{be32, be64, byte};
use crate::event::input::{OrderAction, OrderEvent};
use crate::types::price::Side;
use crate::venue::feed::{DecodeError, DecodeFault};
use bytemuck::Zeroable;

/// One order message, its numbers not yet at the instrument's scale.
pub(super) struct Order {
    /// The event, without price and quantity.
    pub event: OrderEvent,
    /// `Price(4)` as it was sent.
    pub price: u32,
    /// Shares as they were sent.
    pub shares: u64,
    /// Where the message has its stock, if it has one.
    pub stock_at: Option<usize>,
}

impl Order {
    /// Reads a message of type A, F, E, C, X, D, U, P, Q or B (any other is read as B), whose length is checked.
    ///
    /// # Errors
    /// A letter that the specification does not have.
    #[inline]
    pub fn read(b: &[u8]) -> Result<Self, DecodeError> {
        let mut event = OrderEvent::zeroed();
        event.order_ref = be64(b, 11);
        let mut price = 0u32;
        let mut shares = 0u64;
        let mut stock_at = None;
        let action = match byte(b, 0) {
            b'A' | b'F' => {
                event.side = side(b, 19)?.code();
                shares = u64::from(be32(b, 20));
                stock_at = Some(24);
                price = be32(b, 32);
                OrderAction::Add
            }
            b'E' => {
                shares = u64::from(be32(b, 19));
                event.match_number = be64(b, 23);
                event.printable = 1;
                OrderAction::Execute
            }
            b'C' => {
                shares = u64::from(be32(b, 19));
                event.match_number = be64(b, 23);
                event.printable = match byte(b, 31) {
                    b'Y' => 1,
                    b'N' => 0,
                    _ => return Err(fault(DecodeFault::Field, 31, "printable Y or N")),
                };
                price = be32(b, 32);
                OrderAction::ExecuteAt
            }
            b'X' => {
                shares = u64::from(be32(b, 19));
                OrderAction::Reduce
            }
            b'D' => OrderAction::Delete,
            b'U' => {
                event.new_ref = be64(b, 19);
                shares = u64::from(be32(b, 27));
                price = be32(b, 31);
                OrderAction::Replace
            }
            b'P' => {
                shares = u64::from(be32(b, 20));
                stock_at = Some(24);
                price = be32(b, 32);
                event.match_number = be64(b, 36);
                event.printable = 1;
                OrderAction::HiddenTrade
            }
            b'Q' => {
                event.order_ref = 0;
                shares = be64(b, 11);
                stock_at = Some(19);
                price = be32(b, 27);
                event.match_number = be64(b, 31);
                // A cross of no shares tells that no cross happened.
                event.printable = u8::from(shares > 0);
                OrderAction::Cross
            }
            _ => {
                event.order_ref = 0;
                event.match_number = be64(b, 11);
                OrderAction::Broken
            }
        };
        event.action = action.code();
        Ok(Self { event, price, shares, stock_at })
    }
}

/// The side at `at`.
#[inline]
fn side(message: &[u8], at: usize) -> Result<Side, DecodeError> {
    match byte(message, at) {
        b'B' => Ok(Side::Buy),
        b'S' => Ok(Side::Sell),
        _ => Err(fault(DecodeFault::Field, at, "side B or S")),
    }
}
