//! Hot: the order store: a slab of fixed size, found by our id, in the order in which the orders were made.

use super::state::{Event, Move, next};
use crate::event::execution::{OrderState, OrderType, TimeInForce};
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::{Px, Qty, Side, pow10};
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

const NIL: u32 = u32::MAX;

/// One order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// The venue's id; 0 if it gave none yet.
    pub venue_order_id: u64,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// State.
    pub state: OrderState,
    /// Whether the venue has answered in any way.
    pub acknowledged: bool,
    /// A cancel is to be sent with one of the next inputs.
    pub cancel_wanted: bool,
    /// Price, in price units.
    pub px: Px,
    /// Quantity, in quantity units.
    pub qty: Qty,
    /// Filled so far.
    pub cum_qty: Qty,
    /// Σ price × quantity of its fills.
    pub notional: i128,
}

impl Order {
    /// Still open; 0 once the order is over.
    #[inline]
    pub fn leaves_qty(&self) -> Qty {
        if self.state.is_over() { Qty(0) } else { Qty(self.qty.0.saturating_sub(self.cum_qty.0).max(0)) }
    }

    /// Makes the move of `event`. False if it is illegal; then nothing changes.
    pub fn apply(&mut self, event: Event) -> bool {
        match next(self.state, event) {
            Move::To(state) => self.state = state,
            Move::Working => self.state = self.working(),
            Move::Stay => {}
            Move::Illegal => return false,
        }
        true
    }

    fn working(&self) -> OrderState {
        if self.cum_qty.0 > 0 {
            OrderState::PartiallyFilled
        } else if self.acknowledged {
            OrderState::Accepted
        } else {
            OrderState::Submitted
        }
    }

    fn rescale(&mut self, px_by: u8, qty_by: u8) -> Option<()> {
        let (px, qty) = (pow10(px_by), pow10(qty_by));
        let finer = Self {
            px: Px(self.px.0.checked_mul(px)?),
            qty: Qty(self.qty.0.checked_mul(qty)?),
            cum_qty: Qty(self.cum_qty.0.checked_mul(qty)?),
            notional: self.notional.checked_mul(i128::from(px))?.checked_mul(i128::from(qty))?,
            ..*self
        };
        *self = finer;
        Some(())
    }
}

/// Where an order lies. It stops being valid when the order is forgotten, also if another one lies there by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    index: u32,
    generation: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    order: Option<Order>,
    generation: u32,
    live: bool,
    prev: u32,
    next: u32,
}

/// The store.
#[derive(Debug)]
pub struct Store {
    places: Vec<Place>,
    free: Vec<u32>,
    by_id: HashMap<ClientOrderId, u32, FxBuildHasher>,
    head: u32,
    tail: u32,
    live: usize,
    live_max: usize,
    /// The finished orders, a ring: `finished_at` is the oldest.
    finished: Box<[u32]>,
    finished_at: usize,
    finished_len: usize,
}

impl Store {
    /// Room for `live_max` working orders and `finished_max` ≥ 1 finished ones.
    pub fn new(live_max: usize, finished_max: usize) -> Self {
        let room = live_max + finished_max;
        let place = Place { order: None, generation: 0, live: false, prev: NIL, next: NIL };
        Self {
            places: vec![place; room],
            free: (0..room as u32).rev().collect(),
            // With twice the room the table cleans up its removed entries in place and never grows.
            by_id: HashMap::with_capacity_and_hasher(2 * room + 2, FxBuildHasher),
            head: NIL,
            tail: NIL,
            live: 0,
            live_max,
            finished: vec![NIL; finished_max.max(1)].into_boxed_slice(),
            finished_at: 0,
            finished_len: 0,
        }
    }

    /// Working orders.
    #[inline]
    pub fn live(&self) -> usize {
        self.live
    }

    /// The order with this id, working or finished not long ago.
    #[inline]
    pub fn find(&self, id: ClientOrderId) -> Option<Handle> {
        let &index = self.by_id.get(&id)?;
        Some(Handle { index, generation: self.places.get(index as usize)?.generation })
    }

    /// The order, unless it was forgotten since.
    #[inline]
    pub fn get(&self, handle: Handle) -> Option<&Order> {
        self.places.get(handle.index as usize).filter(|p| p.generation == handle.generation)?.order.as_ref()
    }

    /// The order, to be changed; [`settle`](Self::settle) afterwards.
    #[inline]
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut Order> {
        self.places.get_mut(handle.index as usize).filter(|p| p.generation == handle.generation)?.order.as_mut()
    }

    /// Adds a working order. `None` if there is no room or the id is taken.
    pub fn insert(&mut self, order: Order) -> Option<Handle> {
        if self.live >= self.live_max || self.by_id.contains_key(&order.client_order_id) {
            return None;
        }
        let index = self.free.pop()?;
        let tail = self.tail;
        match self.places.get_mut(tail as usize) {
            Some(last) => last.next = index,
            None => self.head = index,
        }
        self.tail = index;
        self.live += 1;
        self.by_id.insert(order.client_order_id, index);
        let place = self.places.get_mut(index as usize)?;
        *place = Place { order: Some(order), live: true, prev: tail, next: NIL, generation: place.generation };
        Some(Handle { index, generation: place.generation })
    }

    /// Takes an order that is over out of the working ones; it is remembered until enough others are over.
    pub fn settle(&mut self, handle: Handle) {
        let over = self.get(handle).is_some_and(|o| o.state.is_over());
        let Some(place) = self.places.get_mut(handle.index as usize).filter(|p| p.live && over) else { return };
        place.live = false;
        let (prev, next) = (place.prev, place.next);
        match self.places.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => self.head = next,
        }
        match self.places.get_mut(next as usize) {
            Some(after) => after.prev = prev,
            None => self.tail = prev,
        }
        self.live -= 1;
        if self.finished_len == self.finished.len() {
            let oldest = self.finished[self.finished_at];
            self.finished_at = (self.finished_at + 1) % self.finished.len();
            self.finished_len -= 1;
            self.forget(oldest);
        }
        let at = (self.finished_at + self.finished_len) % self.finished.len();
        self.finished[at] = handle.index;
        self.finished_len += 1;
    }

    fn forget(&mut self, index: u32) {
        let Some(place) = self.places.get_mut(index as usize) else { return };
        if let Some(order) = place.order.take() {
            self.by_id.remove(&order.client_order_id);
        }
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index);
    }

    /// The working orders, oldest first.
    pub fn working(&self) -> impl Iterator<Item = &Order> {
        let mut at = self.head;
        core::iter::from_fn(move || {
            let place = self.places.get(at as usize)?;
            at = place.next;
            place.order.as_ref()
        })
    }

    /// Calls `change` on the working orders, oldest first, until it says false.
    pub fn for_each_working(&mut self, mut change: impl FnMut(&mut Order) -> bool) {
        let mut at = self.head;
        while let Some(place) = self.places.get_mut(at as usize) {
            at = place.next;
            if let Some(order) = place.order.as_mut()
                && !change(order)
            {
                return;
            }
        }
    }

    /// Multiplies what is remembered of `instrument` to the finer scale. False if a number does not fit any more.
    pub fn rescale(&mut self, instrument: InstrumentId, px_by: u8, qty_by: u8) -> bool {
        let mut fits = true;
        for order in self.places.iter_mut().filter_map(|p| p.order.as_mut()) {
            if order.instrument == instrument {
                fits &= order.rescale(px_by, qty_by).is_some();
            }
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn order(n: u64) -> Order {
        Order {
            client_order_id: ClientOrderId(n),
            venue_order_id: 0,
            instrument: InstrumentId(0),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            state: OrderState::Submitted,
            acknowledged: false,
            cancel_wanted: false,
            px: Px(100),
            qty: Qty(10),
            cum_qty: Qty(0),
            notional: 0,
        }
    }

    #[test]
    fn the_store_is_bounded_and_a_handle_outlives_nothing() {
        let mut store = Store::new(2, 2);
        let first = store.insert(order(1)).unwrap();
        for n in 2..500u64 {
            let handle = store.insert(order(n)).unwrap();
            assert!(store.insert(order(n + 1)).is_none(), "full");
            assert_eq!(store.working().map(|o| o.client_order_id.0).collect::<Vec<_>>(), [1, n]);
            store.settle(handle);
            assert_eq!(store.live(), 2, "not over yet");
            store.get_mut(handle).unwrap().state = OrderState::Canceled;
            store.settle(handle);
            store.settle(handle);
            assert_eq!(store.live(), 1);
            assert!(store.find(ClientOrderId(n)).is_some());
            assert!(n < 4 || store.find(ClientOrderId(n - 2)).is_none());
            assert!(store.insert(order(n)).is_none(), "an id is used once");
            assert_eq!(store.by_id.len(), store.live + store.finished_len);
        }
        store.get_mut(first).unwrap().state = OrderState::Filled;
        store.settle(first);
        for n in 600..602 {
            let handle = store.insert(order(n)).unwrap();
            store.get_mut(handle).unwrap().state = OrderState::Filled;
            store.settle(handle);
        }
        assert!(store.get(first).is_none(), "its place belongs to another order now");
        assert_eq!((store.live(), store.working().count()), (0, 0));
    }
}
