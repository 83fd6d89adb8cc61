//! Hot: order-by-order books (ITCH, and LOBSTER files that hold every event). One store for all instruments.
//!
//! Orders wait in price-time order: FIFO per level; a reduction keeps the place, a replacement goes to the tail. The
//! quantities by price are kept in the instrument's [`L2Book`]. The store is bounded by `orders_max` and never grows:
//! the maps have twice that room, so that hashbrown cleans up in place instead of allocating. An order that finds the
//! store full, an unknown or doubled reference, more taken than rests: the book is no longer whole and says why.

use super::l2::{Change, L2Book};
use crate::event::input::{OrderAction, OrderEvent};
use crate::event::market::{InvalidReason, anomaly};
use crate::types::price::{Px, Qty, Side};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// No order.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Order {
    reference: u64,
    px: i64,
    qty: i64,
    instrument: u32,
    /// The order in front of it at its level.
    prev: u32,
    /// The order behind it; in a free slot: the next free one.
    next: u32,
    /// `None` in a free slot.
    side: Option<Side>,
}

/// One price level: Σ quantity and the last in the queue.
#[derive(Clone, Copy, Debug)]
struct Queue {
    qty: i64,
    tail: u32,
}

/// A trade that an order event stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderTrade {
    /// Price.
    pub px: Px,
    /// Quantity.
    pub qty: Qty,
    /// The aggressor, where the resting side is known.
    pub aggressor: Option<Side>,
    /// Whether it may be counted.
    pub printable: bool,
}

/// What an order event did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderOutcome {
    /// See `event::market::anomaly`.
    pub anomalies: u32,
    /// The trade, if there was one.
    pub trade: Option<OrderTrade>,
    /// Whether the visible book changed.
    pub changed: bool,
    /// Whether a trade was broken.
    pub broken: bool,
    /// Why the book is no longer whole.
    pub fault: Option<InvalidReason>,
}

impl OrderOutcome {
    fn fault(&mut self, reason: InvalidReason, bits: u32) {
        self.fault = Some(reason);
        self.anomalies |= bits;
    }
}

/// The orders of all books.
#[derive(Debug)]
pub struct OrderStore {
    orders: Vec<Order>,
    free: u32,
    by_ref: HashMap<(u32, u64), u32, FxBuildHasher>,
    queues: HashMap<(u32, Side, i64), Queue, FxBuildHasher>,
    orders_max: usize,
}

impl OrderStore {
    /// Room for `orders_max` orders.
    pub fn new(orders_max: usize) -> Self {
        Self {
            orders: Vec::with_capacity(orders_max),
            free: NIL,
            by_ref: HashMap::with_capacity_and_hasher(orders_max * 2, FxBuildHasher),
            queues: HashMap::with_capacity_and_hasher(orders_max * 2, FxBuildHasher),
            orders_max,
        }
    }

    /// Orders that rest in all books.
    pub fn len(&self) -> usize {
        self.by_ref.len()
    }

    /// Whether no order rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies an event to the book of `instrument`. `hidden_side`: whether the side of a hidden trade can be believed
    /// (LOBSTER gives it, ITCH always says buy).
    pub fn apply(&mut self, instrument: u32, event: &OrderEvent, hidden_side: bool, book: &mut L2Book) -> OrderOutcome {
        let mut out = OrderOutcome::default();
        let trade_px = (event.px.0 > 0).then_some(event.px);
        match OrderAction::from_code(event.action) {
            Some(OrderAction::Add) => match Side::from_code(event.side) {
                Some(side) => self.add(instrument, event.order_ref, side, event.px.0, event.qty.0, book, &mut out),
                None => out.fault(InvalidReason::OutOfRange, anomaly::ZERO_SIZE),
            },
            Some(OrderAction::Execute | OrderAction::ExecuteAt) => {
                let at_own = event.action == OrderAction::Execute.code();
                let taken = self.take(instrument, event, event.qty.0, book, &mut out);
                let px = if at_own { taken.map(|(_, px)| Px(px)).or(trade_px) } else { trade_px };
                let side = taken.map(|(side, _)| side).or(Side::from_code(event.side));
                out.trade = trade(event, px, side);
                if px.is_none() {
                    out.anomalies |= anomaly::BAD_PRICE;
                }
            }
            Some(OrderAction::Reduce) => {
                self.take(instrument, event, event.qty.0, book, &mut out);
            }
            Some(OrderAction::Delete) => {
                let resting = self.by_ref.get(&(instrument, event.order_ref)).map(|&s| self.orders[s as usize].qty);
                self.take(instrument, event, resting.unwrap_or(event.qty.0), book, &mut out);
            }
            Some(OrderAction::Replace) => {
                let resting = self.by_ref.get(&(instrument, event.order_ref)).map(|&s| self.orders[s as usize].qty);
                let old = self.take(instrument, event, resting.unwrap_or(event.qty.0), book, &mut out);
                if let Some(side) = old.map(|(side, _)| side).or(Side::from_code(event.side)) {
                    self.add(instrument, event.new_ref, side, event.px.0, event.qty.0, book, &mut out);
                }
            }
            Some(OrderAction::HiddenTrade) => {
                let side = if hidden_side { Side::from_code(event.side) } else { None };
                out.trade = trade(event, trade_px, side);
            }
            // A cross of nothing is no trade and no fault.
            Some(OrderAction::Cross) => out.trade = trade(event, trade_px, None),
            Some(OrderAction::Broken) => out.broken = true,
            None => out.fault(InvalidReason::OutOfRange, anomaly::UNDEFINED),
        }
        out
    }

    #[allow(clippy::too_many_arguments)] // An order's fields, and where they go.
    fn add(
        &mut self,
        instrument: u32,
        order_ref: u64,
        side: Side,
        px: i64,
        qty: i64,
        book: &mut L2Book,
        out: &mut OrderOutcome,
    ) {
        if qty <= 0 {
            return out.fault(InvalidReason::OutOfRange, anomaly::ZERO_SIZE);
        }
        if px <= 0 {
            return out.fault(InvalidReason::OutOfRange, anomaly::BAD_PRICE);
        }
        if self.by_ref.contains_key(&(instrument, order_ref)) {
            return out.fault(InvalidReason::UnknownOrder, anomaly::REPEATED);
        }
        let slot = if self.free == NIL {
            if self.orders.len() >= self.orders_max {
                return out.fault(InvalidReason::BufferFull, anomaly::BOOK_FULL);
            }
            self.orders.len() as u32
        } else {
            self.free
        };
        let queue = self.queues.get(&(instrument, side, px)).copied().unwrap_or(Queue { qty: 0, tail: NIL });
        let Some(total) = queue.qty.checked_add(qty) else {
            return out.fault(InvalidReason::OutOfRange, anomaly::ABSURD_SIZE);
        };
        let order = Order { reference: order_ref, px, qty, instrument, prev: queue.tail, next: NIL, side: Some(side) };
        if self.free == NIL {
            self.orders.push(order);
        } else {
            self.free = self.orders[slot as usize].next;
            self.orders[slot as usize] = order;
        }
        if queue.tail != NIL {
            self.orders[queue.tail as usize].next = slot;
        }
        self.queues.insert((instrument, side, px), Queue { qty: total, tail: slot });
        self.by_ref.insert((instrument, order_ref), slot);
        if book.set(side, Px(px), Qty(total)) == Change::Full {
            out.anomalies |= anomaly::BOOK_FULL;
        }
        out.changed = true;
    }

    /// Takes `qty` off an order, and the order away when nothing is left; its side and price.
    fn take(
        &mut self,
        instrument: u32,
        event: &OrderEvent,
        qty: i64,
        book: &mut L2Book,
        out: &mut OrderOutcome,
    ) -> Option<(Side, i64)> {
        let found = self.by_ref.get(&(instrument, event.order_ref)).copied();
        let Some((slot, order, side)) = found
            .and_then(|slot| self.orders.get(slot as usize).map(|&o| (slot, o)))
            .and_then(|(s, o)| Some((s, o, o.side?)))
        else {
            if event.may_be_unknown == 0 {
                out.fault(InvalidReason::UnknownOrder, anomaly::UNKNOWN_ORDER);
            }
            return None;
        };
        if qty <= 0 {
            out.fault(InvalidReason::OutOfRange, anomaly::ZERO_SIZE);
            return Some((side, order.px));
        }
        let taken = qty.min(order.qty);
        if qty > order.qty {
            // Something of this order was missed: take what is there and say that the book is not whole.
            out.fault(InvalidReason::UnknownOrder, anomaly::UNKNOWN_ORDER);
        }
        let key = (instrument, side, order.px);
        let mut left = 0;
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.qty -= taken;
            left = queue.qty;
        }
        self.orders[slot as usize].qty -= taken;
        if taken == order.qty {
            self.unlink(slot, order, key);
        }
        book.set(side, Px(order.px), Qty(left));
        out.changed = true;
        Some((side, order.px))
    }

    fn unlink(&mut self, slot: u32, order: Order, key: (u32, Side, i64)) {
        if order.prev != NIL {
            self.orders[order.prev as usize].next = order.next;
        }
        if order.next != NIL {
            self.orders[order.next as usize].prev = order.prev;
        } else if order.prev != NIL {
            if let Some(queue) = self.queues.get_mut(&key) {
                queue.tail = order.prev;
            }
        } else {
            self.queues.remove(&key);
        }
        self.by_ref.remove(&(order.instrument, order.reference));
        self.orders[slot as usize].side = None;
        self.orders[slot as usize].next = self.free;
        self.free = slot;
    }

    /// Quantity that stands before the order at its level; `None` for an unknown order. Walks the queue.
    pub fn ahead_of(&self, instrument: u32, order_ref: u64) -> Option<Qty> {
        let slot = *self.by_ref.get(&(instrument, order_ref))?;
        let mut ahead = 0i64;
        let mut at = self.orders[slot as usize].prev;
        while at != NIL {
            ahead = ahead.saturating_add(self.orders[at as usize].qty);
            at = self.orders[at as usize].prev;
        }
        Some(Qty(ahead))
    }

    /// Whether Σ quantity of the orders equals the book's, level by level, and every queue is well linked. For tests
    /// and `verify`; walks all orders.
    pub fn agrees_with(&self, instrument: u32, book: &L2Book) -> bool {
        let mut total = 0i128;
        for order in self.orders.iter().filter(|o| o.instrument == instrument) {
            let Some(side) = order.side else { continue };
            total += i128::from(order.qty);
            let linked = order.prev == NIL || self.orders[order.prev as usize].px == order.px;
            if order.qty <= 0 || !linked {
                return false;
            }
            match self.queues.get(&(instrument, side, order.px)) {
                Some(queue) if book.get(side, Px(order.px)) == Qty(queue.qty) => {}
                _ => return false,
            }
        }
        let shown = |side| book.levels(side).map(|l| i128::from(l.qty.0)).sum::<i128>();
        total == shown(Side::Buy) + shown(Side::Sell)
    }

    /// Takes all orders of an instrument away. Rare (a new epoch, a gap): walks all slots.
    pub fn clear(&mut self, instrument: u32) {
        for slot in 0..self.orders.len() {
            let order = self.orders[slot];
            if order.instrument == instrument
                && let Some(side) = order.side
            {
                self.unlink(slot as u32, order, (instrument, side, order.px));
            }
        }
    }

    /// Takes all orders of all instruments away.
    pub fn clear_all(&mut self) {
        self.orders.clear();
        self.free = NIL;
        self.by_ref.clear();
        self.queues.clear();
    }

    /// Multiplies prices and quantities of an instrument's orders (a finer definition). On overflow the answer is
    /// `false` and the instrument has no orders any more.
    pub fn rescale(&mut self, instrument: u32, price_mult: i64, qty_mult: i64) -> bool {
        let mine = |o: &&mut Order| o.instrument == instrument && o.side.is_some();
        let fits = self
            .orders
            .iter_mut()
            .filter(mine)
            .all(|o| o.px.checked_mul(price_mult).is_some() && o.qty.checked_mul(qty_mult).is_some());
        // The tail of each queue carries its entry over to the new price. The new keys are put in after all old ones
        // are out, since a new price may equal another level's old one.
        let sums_fit = fits
            && self.orders.iter().filter(|o| o.instrument == instrument).all(|o| {
                let queue = o.side.and_then(|side| self.queues.get(&(instrument, side, o.px)));
                queue.is_none_or(|q| q.qty.checked_mul(qty_mult).is_some())
            });
        if !sums_fit {
            self.clear(instrument);
            return false;
        }
        let mut moved = Vec::new();
        for order in self.orders.iter_mut().filter(mine) {
            if let (NIL, Some(side)) = (order.next, order.side)
                && let Some(queue) = self.queues.remove(&(instrument, side, order.px))
            {
                moved.push(((instrument, side, order.px * price_mult), Queue { qty: queue.qty * qty_mult, ..queue }));
            }
        }
        for order in self.orders.iter_mut().filter(mine) {
            order.px *= price_mult;
            order.qty *= qty_mult;
        }
        for (key, queue) in moved {
            self.queues.insert(key, queue);
        }
        true
    }
}

fn trade(event: &OrderEvent, px: Option<Px>, resting: Option<Side>) -> Option<OrderTrade> {
    (event.qty.0 > 0).then_some(())?;
    Some(OrderTrade {
        px: px?,
        qty: event.qty,
        aggressor: resting.map(Side::opposite),
        printable: event.printable != 0,
    })
}

#[cfg(test)]
#[path = "l3_tests.rs"]
mod tests;
