//! Hot: what the venue says that we have there, as an input: what execution and risk hold is compared with it.
//!
//! A statement comes over the same way as the reports, behind all that happened before it. So whoever handles it has handled
//! every report that the venue had sent by then, and the two can be compared exactly: no margin for what is under way.

use crate::types::ids::{ClientOrderId, InstrumentId, Sequence};
use crate::types::price::{Qty, Side};
use bytemuck::{Pod, Zeroable};

/// Open orders, counted: how many there are, how much is open, and which ones they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct OrdersCount {
    /// Open orders.
    pub orders: u64,
    /// Σ open quantity of the buys, in quantity units; wraps.
    pub open_buy: Qty,
    /// The same of the sells.
    pub open_sell: Qty,
    /// Σ over the orders of a mix of id and open quantity; wraps. Equal lists have equal sums, in whatever order.
    pub digest: u64,
}

impl OrdersCount {
    /// Counts one more order.
    #[inline]
    pub fn add(&mut self, id: ClientOrderId, instrument: InstrumentId, side: Side, leaves: Qty) {
        self.orders = self.orders.wrapping_add(1);
        let open = self.open_mut(side);
        open.0 = open.0.wrapping_add(leaves.0);
        self.digest = self.digest.wrapping_add(Self::name_of(id, instrument, side, leaves));
    }

    /// Takes back what [`add`](Self::add) counted with the same numbers.
    #[inline]
    pub fn remove(&mut self, id: ClientOrderId, instrument: InstrumentId, side: Side, leaves: Qty) {
        self.orders = self.orders.wrapping_sub(1);
        let open = self.open_mut(side);
        open.0 = open.0.wrapping_sub(leaves.0);
        self.digest = self.digest.wrapping_sub(Self::name_of(id, instrument, side, leaves));
    }

    /// Counts all that `other` has counted.
    pub fn add_all(&mut self, other: &Self) {
        self.orders = self.orders.wrapping_add(other.orders);
        self.open_buy.0 = self.open_buy.0.wrapping_add(other.open_buy.0);
        self.open_sell.0 = self.open_sell.0.wrapping_add(other.open_sell.0);
        self.digest = self.digest.wrapping_add(other.digest);
    }

    #[inline]
    fn open_mut(&mut self, side: Side) -> &mut Qty {
        match side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        }
    }

    #[inline]
    fn name_of(id: ClientOrderId, instrument: InstrumentId, side: Side, leaves: Qty) -> u64 {
        let place = u64::from(instrument.0) << 8 | u64::from(side.code());
        mix(mix(mix(id.0) ^ place) ^ leaves.0 as u64)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): each bit of the input moves about half the bits of the output.
#[inline]
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// What was traded since the host's start, in quantity units. Both saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Traded {
    /// Σ quantity bought.
    pub bought: Qty,
    /// Σ quantity sold.
    pub sold: Qty,
}

impl Traded {
    /// Counts a fill of `qty` ≥ 0.
    #[inline]
    pub fn add(&mut self, side: Side, qty: i64) {
        let sum = match side {
            Side::Buy => &mut self.bought,
            Side::Sell => &mut self.sold,
        };
        sum.0 = sum.0.saturating_add(qty);
    }

    /// The same in units that are `factor` times finer. Both saturate.
    pub fn rescale(&mut self, factor: i64) {
        self.bought.0 = self.bought.0.saturating_mul(factor);
        self.sold.0 = self.sold.0.saturating_mul(factor);
    }
}

/// Payload of `InputKind::Statement`. Its instrument is the one that is meant; `NONE`: all orders of the host at this venue,
/// in whatever instrument, and nothing of what was traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Statement {
    /// The open orders.
    pub open: OrdersCount,
    /// What was traded.
    pub traded: Traded,
    /// Of all orders: the sequence that led to the last of our messages that the venue had taken by then (or that was stopped
    /// on its way and told as refused). Messages keep their order, so whatever was decided up to it has been answered.
    pub arrived: Sequence,
    /// Decimals of the quantities. A statement of another scale than the instrument has by now cannot be compared.
    pub qty_decimals: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(orders: &[(u64, u32, Side, i64)]) -> OrdersCount {
        let mut count = OrdersCount::default();
        for &(id, instrument, side, leaves) in orders {
            count.add(ClientOrderId(id), InstrumentId(instrument), side, Qty(leaves));
        }
        count
    }

    #[test]
    fn lists_that_differ_in_one_thing_differ_and_their_order_means_nothing() {
        use Side::{Buy, Sell};
        let list = [(1, 0, Buy, 5), (2, 0, Sell, 7), (3, 1, Buy, 5)];
        let all = count(&list);
        assert_eq!((all.orders, all.open_buy, all.open_sell), (3, Qty(10), Qty(7)));
        assert_eq!(count(&[list[2], list[0], list[1]]), all);
        // The same number and sums, and yet other orders.
        for other in [
            [(1, 0, Buy, 4), (2, 0, Sell, 7), (3, 1, Buy, 6)],
            [(1, 0, Buy, 5), (4, 0, Sell, 7), (3, 1, Buy, 5)],
            [(1, 1, Buy, 5), (2, 0, Sell, 7), (3, 0, Buy, 5)],
        ] {
            let other = count(&other);
            assert_eq!((other.orders, other.open_buy, other.open_sell), (3, Qty(10), Qty(7)));
            assert_ne!(other.digest, all.digest);
        }
        let mut rest = all;
        rest.remove(ClientOrderId(2), InstrumentId(0), Sell, Qty(7));
        assert_eq!(rest, count(&[list[0], list[2]]));
        let mut sum = rest;
        sum.add_all(&count(&[list[1]]));
        assert_eq!(sum, all);
    }
}
