//! Hot: the best levels of a LOBSTER level-1 file, which holds only the events that touch the best level of a side.
//!
//! What rests behind the best level changes unseen, and what rested before the data begins is unknown. So an event
//! says where the best level is, and only sometimes how much rests there. The rule for "level 1 suffices", per side:
//!
//! - The best level is **complete** (price and quantity exact) from the moment at which an order is added at a price
//!   strictly better than any that the side's best can have had, and as long as that level stays the best: all events
//!   at it are in the file.
//! - An order added at any other price that touches level 1 names the best price, but older orders may rest there too:
//!   the price is known, the quantity is a lower bound, the side is not complete.
//! - When the last known order of the best level goes, the next best is somewhere behind it, unknown until an event
//!   names it; orders that were pushed behind the touch are forgotten.
//! - The book does not cross: an order added on one side bounds the other side's best.
//!
//! The book is valid when both sides are complete.

use super::l3::OrderTrade;
use crate::event::input::{Level, OrderAction, OrderEvent};
use crate::event::market::anomaly;
use crate::types::price::{Px, Qty, Side};

/// Orders at one best level that are remembered; more make the level incomplete.
pub const ORDERS_MAX: usize = 1024;

/// One side's best level. Keys grow towards the touch.
#[derive(Debug)]
struct Best {
    /// The best key, where an event has named it.
    key: Option<i64>,
    /// The best key is not above this.
    bound: i64,
    complete: bool,
    /// Its known orders, first in the queue first.
    orders: Vec<(u64, i64)>,
}

impl Best {
    fn new() -> Self {
        Self { key: None, bound: i64::MAX, complete: false, orders: Vec::with_capacity(ORDERS_MAX) }
    }

    fn lose(&mut self, bound: i64) {
        self.key = None;
        self.bound = bound;
        self.complete = false;
        self.orders.clear();
    }

    fn add(&mut self, key: i64, order_ref: u64, qty: i64) {
        if self.key != Some(key) {
            self.complete = key > self.bound;
            self.orders.clear();
            self.key = Some(key);
            self.bound = key;
        }
        if self.orders.len() < ORDERS_MAX {
            self.orders.push((order_ref, qty));
        } else {
            self.complete = false;
        }
    }

    /// Takes `qty` (`None`: all) off an order at `key` (`None`: not given). Whether the order contradicts what is known.
    fn take(&mut self, key: Option<i64>, order_ref: u64, qty: Option<i64>) -> bool {
        let held = self.orders.iter().position(|o| o.0 == order_ref);
        let key = key.or(if held.is_some() || !self.orders.is_empty() { self.key } else { None });
        if key.is_none() || key != self.key {
            // An order that we did not know of was at the best level: the level that we held is gone, if we held one.
            let contradicts = self.complete;
            self.lose(key.unwrap_or(self.bound));
            return contradicts;
        }
        let contradicts;
        if let Some(at) = held {
            let left = self.orders[at].1 - qty.unwrap_or(self.orders[at].1);
            contradicts = left < 0;
            if left > 0 {
                self.orders[at].1 = left;
            } else {
                self.orders.remove(at);
            }
        } else {
            contradicts = self.complete;
        }
        if contradicts {
            self.complete = false;
        }
        if self.orders.is_empty() {
            // A complete level is gone for sure; of an incomplete one something may be left.
            let bound = if self.complete { self.bound.saturating_sub(1) } else { self.bound };
            self.lose(bound);
        }
        contradicts
    }

    /// The other side shows that the best is not above `key`.
    fn cap(&mut self, key: i64) {
        if self.key.is_some_and(|k| k > key) {
            self.lose(key);
        }
        self.bound = self.bound.min(key);
    }
}

/// What an event did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TouchOutcome {
    /// See `event::market::anomaly`.
    pub anomalies: u32,
    /// The trade, if there was one.
    pub trade: Option<OrderTrade>,
    /// Whether the event belongs to the visible book.
    pub changed: bool,
}

/// Both best levels.
#[derive(Debug)]
pub struct TouchBook {
    bid: Best,
    ask: Best,
}

const fn key(side: Side, px: i64) -> i64 {
    match side {
        Side::Buy => px,
        Side::Sell => !px,
    }
}

impl Default for TouchBook {
    fn default() -> Self {
        Self { bid: Best::new(), ask: Best::new() }
    }
}

impl TouchBook {
    fn best_mut(&mut self, side: Side) -> &mut Best {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }

    fn best(&self, side: Side) -> &Best {
        match side {
            Side::Buy => &self.bid,
            Side::Sell => &self.ask,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bid.lose(i64::MAX);
        self.ask.lose(i64::MAX);
    }

    /// Whether price and quantity of the side's best level are exact.
    pub fn is_complete(&self, side: Side) -> bool {
        self.best(side).complete
    }

    /// The best level as far as it is known: the price is exact, the quantity exact if [`is_complete`](Self::is_complete),
    /// else a lower bound; quantity 0 where nothing is known.
    pub fn level(&self, side: Side) -> Level {
        let best = self.best(side);
        match best.key {
            Some(k) => Level { px: Px(key(side, k)), qty: Qty(best.orders.iter().map(|o| o.1).sum()) },
            None => Level::default(),
        }
    }

    /// Quantity known to stand before an order at the best level.
    pub fn ahead_of(&self, order_ref: u64) -> Option<Qty> {
        [&self.bid, &self.ask].into_iter().find_map(|best| {
            let at = best.orders.iter().position(|o| o.0 == order_ref)?;
            Some(Qty(best.orders[..at].iter().map(|o| o.1).sum()))
        })
    }

    fn side_of(&self, event: &OrderEvent) -> Option<Side> {
        let holds = |best: &Best| best.orders.iter().any(|o| o.0 == event.order_ref);
        Side::from_code(event.side).or(if holds(&self.bid) { Some(Side::Buy) } else { None }).or(if holds(&self.ask) {
            Some(Side::Sell)
        } else {
            None
        })
    }

    /// Applies an event. The price of a removal is used where it is given, and not needed where the order is known.
    pub fn apply(&mut self, event: &OrderEvent) -> TouchOutcome {
        let mut out = TouchOutcome::default();
        let side = self.side_of(event);
        let trade = |px: Option<Px>| {
            let px = px.filter(|px| px.0 > 0)?;
            (event.qty.0 > 0).then(|| OrderTrade {
                px,
                qty: event.qty,
                aggressor: side.map(Side::opposite),
                printable: event.printable != 0,
            })
        };
        let given = (event.px.0 > 0).then_some(event.px);
        let action = OrderAction::from_code(event.action);
        match (action, side) {
            (Some(OrderAction::HiddenTrade | OrderAction::Cross), _) => out.trade = trade(given),
            (Some(OrderAction::Broken), _) => {}
            (Some(OrderAction::Add), Some(side)) => {
                if event.px.0 <= 0 || event.qty.0 <= 0 {
                    out.anomalies |= if event.px.0 <= 0 { anomaly::BAD_PRICE } else { anomaly::ZERO_SIZE };
                    return out;
                }
                self.best_mut(side).add(key(side, event.px.0), event.order_ref, event.qty.0);
                // The best of the other side lies beyond this price: key(other, px) is its own price there, less one.
                self.best_mut(side.opposite()).cap(key(side.opposite(), event.px.0).saturating_sub(1));
                out.changed = true;
            }
            (Some(OrderAction::Execute | OrderAction::Reduce | OrderAction::Delete), Some(side)) => {
                let before = self.level(side);
                let qty = (action != Some(OrderAction::Delete)).then_some(event.qty.0);
                if qty.is_some_and(|qty| qty <= 0) {
                    out.anomalies |= anomaly::ZERO_SIZE;
                    return out;
                }
                if action == Some(OrderAction::Execute) {
                    out.trade = trade(given.or((before.qty.0 > 0).then_some(before.px)));
                    if out.trade.is_none() {
                        out.anomalies |= anomaly::BAD_PRICE;
                    }
                }
                if self.best_mut(side).take(given.map(|px| key(side, px.0)), event.order_ref, qty) {
                    out.anomalies |= anomaly::UNKNOWN_ORDER;
                }
                out.changed = true;
            }
            // Not in LOBSTER files: nothing is known after it.
            _ => {
                out.anomalies |= anomaly::UNKNOWN_ORDER;
                self.clear();
            }
        }
        out
    }

    /// Multiplies prices and quantities (a finer definition); on overflow `false`, and nothing is known any more.
    pub fn rescale(&mut self, price_mult: i64, qty_mult: i64) -> bool {
        let mut scale = |side: Side| -> Option<()> {
            let best = self.best_mut(side);
            let scaled = |k: i64| key(side, k).checked_mul(price_mult).map(|px| key(side, px));
            best.key = match best.key {
                Some(k) => Some(scaled(k)?),
                None => None,
            };
            // Without a best price the bound is exclusive of what is finer: make it loose by one old unit.
            best.bound = match best.key {
                Some(k) => k,
                None => best.bound.checked_add(1).and_then(scaled).unwrap_or(i64::MAX),
            };
            for order in &mut best.orders {
                order.1 = order.1.checked_mul(qty_mult)?;
            }
            Some(())
        };
        let done = scale(Side::Buy).and_then(|()| scale(Side::Sell)).is_some();
        if !done {
            self.clear();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn event(action: OrderAction, order_ref: u64, side: Side, qty: i64, px: i64) -> OrderEvent {
        let mut event = OrderEvent::zeroed();
        (event.action, event.order_ref, event.side) = (action.code(), order_ref, side.code());
        (event.qty, event.px, event.may_be_unknown) = (Qty(qty), Px(px), 1);
        event
    }

    fn check(book: &TouchBook, side: Side, px: i64, qty: i64, complete: bool) {
        let level = book.level(side);
        assert_eq!((level.px.0, level.qty.0, book.is_complete(side)), (px, qty, complete));
    }

    #[test]
    fn a_level_is_complete_only_when_it_was_seen_from_its_start() {
        let mut book = TouchBook::default();
        book.apply(&event(OrderAction::Add, 1, Side::Buy, 10, 100));
        check(&book, Side::Buy, 100, 10, false); // older orders may rest there
        book.apply(&event(OrderAction::Add, 2, Side::Buy, 5, 101));
        check(&book, Side::Buy, 101, 5, true);
        book.apply(&event(OrderAction::Add, 3, Side::Buy, 7, 101));
        book.apply(&event(OrderAction::Execute, 2, Side::Buy, 2, 0));
        check(&book, Side::Buy, 101, 10, true);
        assert_eq!(book.ahead_of(3), Some(Qty(3)));
        assert!(book.rescale(10, 2));
        check(&book, Side::Buy, 1010, 20, true);
        book.apply(&event(OrderAction::Delete, 2, Side::Buy, 0, 0));
        book.apply(&event(OrderAction::Delete, 3, Side::Buy, 0, 1010));
        check(&book, Side::Buy, 0, 0, false); // 100 may have gone unseen
        book.apply(&event(OrderAction::Add, 4, Side::Buy, 1, 1009));
        check(&book, Side::Buy, 1009, 1, false);
        book.apply(&event(OrderAction::Delete, 9, Side::Buy, 4, 1009));
        check(&book, Side::Buy, 1009, 1, false);
        // A sell at 1010 shows that the best bid is below it, a buy at 1010 would then be a new level: but only an
        // event on the bid's own side can be one.
        book.apply(&event(OrderAction::Add, 5, Side::Sell, 3, 1020));
        check(&book, Side::Sell, 1020, 3, false);
        book.apply(&event(OrderAction::Add, 6, Side::Sell, 3, 1015));
        check(&book, Side::Sell, 1015, 3, true);
    }

    #[test]
    fn what_contradicts_a_complete_level_is_flagged() {
        let mut book = TouchBook::default();
        book.apply(&event(OrderAction::Add, 1, Side::Sell, 10, 100));
        book.apply(&event(OrderAction::Add, 2, Side::Sell, 10, 99));
        let out = book.apply(&event(OrderAction::Reduce, 77, Side::Sell, 1, 99));
        assert_eq!(out.anomalies, anomaly::UNKNOWN_ORDER);
        check(&book, Side::Sell, 99, 10, false);
        assert_eq!(book.apply(&event(OrderAction::Add, 3, Side::Sell, 0, 99)).anomalies, anomaly::ZERO_SIZE);
        let hidden = book.apply(&event(OrderAction::HiddenTrade, 0, Side::Sell, 4, 98));
        assert_eq!(hidden.trade.unwrap().aggressor, Some(Side::Buy));
        assert!(!hidden.changed);
    }
}
