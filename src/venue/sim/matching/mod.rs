//! Hot: a matching engine: price, then time. Order by order, bounded, and without allocation after construction.
//!
//! Invariants, shown by the property test against a sorted list: the book is never crossed, quantity is conserved,
//! and within a level who came first trades first.

#[cfg(test)]
mod tests;

use crate::event::execution::{OrderType, TimeInForce};
use crate::event::report::VenueReason;
use crate::types::price::{Px, Qty, Side};

/// Prices and quantities stay below this, so that neither their sign change nor a sum of two overflows.
pub const UNITS_MAX: i64 = 1 << 60;
const NIL: u32 = u32::MAX;

/// What an engine accepts.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Smallest price step, at least 1.
    pub tick: i64,
    /// Smallest quantity step, at least 1.
    pub lot: i64,
    /// Lowest limit price.
    pub px_min: Px,
    /// Highest limit price.
    pub px_max: Px,
    /// Most resting orders.
    pub orders_max: u32,
    /// Most price levels on one side.
    pub levels_max: u32,
}

/// An order as it arrives.
#[derive(Clone, Copy, Debug)]
pub struct NewOrder {
    /// Whose it is; two orders of one owner never trade with each other. 0 = anonymous, without that protection.
    pub owner: u32,
    /// The owner's own name for it; comes back in [`Fill`].
    pub tag: u64,
    /// Side.
    pub side: Side,
    /// Limit; for a market order the worst price that it accepts.
    pub px: Px,
    /// Quantity.
    pub qty: Qty,
    /// Type.
    pub order_type: OrderType,
    /// Time in force; a market order is never left resting.
    pub time_in_force: TimeInForce,
}

/// Names a resting order; stays wrong for ever once the order is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    slot: u32,
    generation: u32,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Traded in full.
    Filled,
    /// The remainder rests.
    Resting(Handle),
    /// Accepted, but the remainder is over: [`VenueReason::NoLiquidity`] (market, IOC), [`VenueReason::FokUnfilled`],
    /// or [`VenueReason::None`] (it met an order of the same owner).
    Expired(VenueReason),
    /// Not accepted; nothing happened.
    Rejected(VenueReason),
}

/// Answer to [`Matching::submit`]. The trades are in [`Matching::fills`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub fate: Fate,
    /// Traded at once.
    pub filled: Qty,
}

/// One trade of the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Price: the resting order's.
    pub px: Px,
    /// Quantity.
    pub qty: Qty,
    /// Owner of the resting order.
    pub maker: u32,
    /// Its tag.
    pub maker_tag: u64,
    /// What is left of it.
    pub maker_leaves: Qty,
    /// Side of the order that came in.
    pub aggressor: Side,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    tag: u64,
    px: Px,
    /// Open quantity; 0 marks a free slot.
    qty: i64,
    owner: u32,
    generation: u32,
    prev: u32,
    /// Next in the level, or in the list of free slots.
    next: u32,
    side: Side,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    /// Price for bids, −price for asks: the best has the highest key and stands last.
    key: i64,
    qty: i64,
    head: u32,
    tail: u32,
}

/// The engine of one instrument.
#[derive(Clone, Debug)]
pub struct Matching {
    rules: Rules,
    orders: Vec<Order>,
    free: u32,
    resting: u32,
    bids: Vec<Level>,
    asks: Vec<Level>,
    fills: Vec<Fill>,
    touched: Vec<(Side, Px)>,
}

#[inline]
const fn key_of(side: Side, px: Px) -> i64 {
    match side {
        Side::Buy => px.0,
        Side::Sell => -px.0,
    }
}

impl Matching {
    /// An empty book. All memory is taken here.
    pub fn new(rules: Rules) -> Self {
        let rules = Rules {
            tick: rules.tick.max(1),
            lot: rules.lot.max(1),
            px_min: Px(rules.px_min.0.max(-UNITS_MAX)),
            px_max: Px(rules.px_max.0.min(UNITS_MAX)),
            ..rules
        };
        let (orders, levels) = (rules.orders_max as usize, rules.levels_max as usize);
        let empty = Order { tag: 0, px: Px(0), qty: 0, owner: 0, generation: 0, prev: NIL, next: NIL, side: Side::Buy };
        let slots = (0..orders).map(|i| Order { next: if i + 1 < orders { i as u32 + 1 } else { NIL }, ..empty });
        Self {
            rules,
            orders: slots.collect(),
            free: if orders > 0 { 0 } else { NIL },
            resting: 0,
            bids: Vec::with_capacity(levels),
            asks: Vec::with_capacity(levels),
            fills: Vec::with_capacity(orders),
            touched: Vec::with_capacity(levels + 1),
        }
    }

    /// Trades of the last [`submit`](Self::submit), in the order in which they happened.
    #[inline]
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// Levels whose quantity the last call changed.
    #[inline]
    pub fn touched(&self) -> &[(Side, Px)] {
        &self.touched
    }

    /// Resting orders.
    pub fn orders_len(&self) -> u32 {
        self.resting
    }

    /// What the engine accepts.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    #[inline]
    fn side(&self, side: Side) -> &Vec<Level> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    #[inline]
    fn side_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Place of `key`, or where it would stand. Most changes are near the best, so the search begins there.
    #[inline]
    fn find(levels: &[Level], key: i64) -> Result<usize, usize> {
        for (at, level) in levels.iter().enumerate().rev().take(8) {
            if level.key <= key {
                return if level.key == key { Ok(at) } else { Err(at + 1) };
            }
        }
        levels[..levels.len().saturating_sub(8)].binary_search_by_key(&key, |level| level.key)
    }

    /// Best price and its quantity.
    #[inline]
    pub fn best(&self, side: Side) -> Option<(Px, Qty)> {
        self.levels(side).next()
    }

    /// Price and quantity of each level, best first.
    #[inline]
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (Px, Qty)> + '_ {
        self.side(side).iter().rev().map(move |level| (Px(level.key * side.sign()), Qty(level.qty)))
    }

    /// How many levels a side has.
    pub fn levels_len(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// Quantity at a price; 0 if there is none.
    #[inline]
    pub fn qty_at(&self, side: Side, px: Px) -> Qty {
        let levels = self.side(side);
        Qty(Self::find(levels, key_of(side, px)).map_or(0, |at| levels[at].qty))
    }

    /// Open quantity of an order; `None` once it is over.
    #[inline]
    pub fn open_qty(&self, handle: Handle) -> Option<Qty> {
        let order = self.orders.get(handle.slot as usize)?;
        (order.generation == handle.generation && order.qty > 0).then_some(Qty(order.qty))
    }

    /// Side and price of a resting order.
    #[inline]
    pub fn place_of(&self, handle: Handle) -> Option<(Side, Px)> {
        self.open_qty(handle)?;
        self.orders.get(handle.slot as usize).map(|order| (order.side, order.px))
    }

    /// Takes an order: trades what can be traded, rests or ends the remainder.
    pub fn submit(&mut self, order: &NewOrder) -> Outcome {
        self.fills.clear();
        self.touched.clear();
        match self.check(order) {
            Ok(reach) => self.match_and_rest(order, reach),
            Err(fate) => Outcome { fate, filled: Qty(0) },
        }
    }

    /// Everything that can refuse an order, before anything is changed. Gives the key that the order reaches to.
    fn check(&self, order: &NewOrder) -> Result<i64, Fate> {
        let reject = |reason| Err(Fate::Rejected(reason));
        if order.qty.0 <= 0 || order.qty.0 > UNITS_MAX || order.qty.0 % self.rules.lot != 0 {
            return reject(VenueReason::BadLot);
        }
        let limit = order.order_type == OrderType::Limit;
        if limit && !(self.rules.px_min..=self.rules.px_max).contains(&order.px) {
            return reject(VenueReason::PriceLimit);
        }
        if limit && order.px.0.rem_euclid(self.rules.tick) != 0 {
            return reject(VenueReason::BadTick);
        }
        let opposite = order.side.opposite();
        let reach = key_of(opposite, Px(order.px.0.clamp(-UNITS_MAX, UNITS_MAX)));
        let crosses = self.side(opposite).last().is_some_and(|level| level.key >= reach);
        match order.time_in_force {
            TimeInForce::Gtx if crosses || !limit => return reject(VenueReason::WouldTake),
            TimeInForce::Fok if !self.can_fill(order, reach) => return Err(Fate::Expired(VenueReason::FokUnfilled)),
            _ => {}
        }
        if limit && matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtx) {
            let levels = self.side(order.side);
            match Self::find(levels, key_of(order.side, order.px)) {
                Ok(at) if levels[at].qty > UNITS_MAX - order.qty.0 => return reject(VenueReason::BadLot),
                Err(_) if levels.len() >= self.rules.levels_max as usize => return reject(VenueReason::NotTrading),
                _ if self.free == NIL => return reject(VenueReason::NotTrading),
                _ => {}
            }
        }
        Ok(reach)
    }

    /// Whether the whole quantity can be had at once, without meeting an own order.
    fn can_fill(&self, order: &NewOrder, reach: i64) -> bool {
        let mut left = order.qty.0;
        for level in self.side(order.side.opposite()).iter().rev().take_while(|level| level.key >= reach) {
            let mut at = level.head;
            while let Some(resting) = self.orders.get(at as usize) {
                if order.owner != 0 && resting.owner == order.owner {
                    return false;
                }
                left -= resting.qty;
                if left <= 0 {
                    return true;
                }
                at = resting.next;
            }
        }
        false
    }

    fn match_and_rest(&mut self, order: &NewOrder, reach: i64) -> Outcome {
        let opposite = order.side.opposite();
        let mut left = order.qty.0;
        let mut own_in_the_way = false;
        while left > 0 && !own_in_the_way {
            let Some(&level) = self.side(opposite).last().filter(|level| level.key >= reach) else { break };
            let px = Px(level.key * opposite.sign());
            let mut traded = 0;
            let mut at = level.head;
            while left > 0 && at != NIL {
                let maker = &mut self.orders[at as usize];
                if order.owner != 0 && maker.owner == order.owner {
                    own_in_the_way = true;
                    break;
                }
                let qty = left.min(maker.qty);
                left -= qty;
                traded += qty;
                maker.qty -= qty;
                self.fills.push(Fill {
                    px,
                    qty: Qty(qty),
                    maker: maker.owner,
                    maker_tag: maker.tag,
                    maker_leaves: Qty(maker.qty),
                    aggressor: order.side,
                });
                if maker.qty == 0 {
                    let next = maker.next;
                    self.release(at);
                    at = next;
                }
            }
            if traded > 0 {
                self.touched.push((opposite, px));
            }
            if at == NIL {
                self.side_mut(opposite).pop();
            } else {
                self.orders[at as usize].prev = NIL;
                if let Some(level) = self.side_mut(opposite).last_mut() {
                    level.head = at;
                    level.qty -= traded;
                }
            }
        }
        let rests =
            order.order_type == OrderType::Limit && matches!(order.time_in_force, TimeInForce::Gtc | TimeInForce::Gtx);
        let fate = if left == 0 {
            Fate::Filled
        } else if own_in_the_way {
            Fate::Expired(VenueReason::None)
        } else if rests {
            Fate::Resting(self.rest(order, left))
        } else {
            Fate::Expired(VenueReason::NoLiquidity)
        };
        Outcome { fate, filled: Qty(order.qty.0 - left) }
    }

    /// Puts the remainder at the tail of its level. Room was checked before.
    fn rest(&mut self, order: &NewOrder, qty: i64) -> Handle {
        let key = key_of(order.side, order.px);
        let slot = self.free;
        let levels = self.side_mut(order.side);
        let (tail, at) = match Self::find(levels, key) {
            Ok(at) => {
                let tail = levels[at].tail;
                levels[at].tail = slot;
                levels[at].qty += qty;
                (tail, at)
            }
            Err(at) => {
                levels.insert(at, Level { key, qty, head: slot, tail: slot });
                (NIL, at)
            }
        };
        debug_assert!(self.side(order.side)[at].qty >= qty);
        let generation = {
            let new = &mut self.orders[slot as usize];
            self.free = new.next;
            let generation = new.generation;
            let (tag, px, owner, side) = (order.tag, order.px, order.owner, order.side);
            *new = Order { tag, px, qty, owner, generation, prev: tail, next: NIL, side };
            generation
        };
        if tail != NIL {
            self.orders[tail as usize].next = slot;
        }
        self.resting += 1;
        self.touched.push((order.side, order.px));
        Handle { slot, generation }
    }

    /// Gives a slot back; the links of its neighbours are the caller's business.
    fn release(&mut self, slot: u32) {
        let order = &mut self.orders[slot as usize];
        order.qty = 0;
        order.generation = order.generation.wrapping_add(1);
        order.next = self.free;
        self.free = slot;
        self.resting -= 1;
    }

    /// Takes an order out. Gives its open quantity, or `None` if it is over.
    pub fn cancel(&mut self, handle: Handle) -> Option<Qty> {
        self.fills.clear();
        self.touched.clear();
        let open = self.open_qty(handle)?;
        let order = self.orders[handle.slot as usize];
        let levels = self.side_mut(order.side);
        let at = Self::find(levels, key_of(order.side, order.px)).ok()?;
        levels[at].qty -= order.qty;
        if order.prev == NIL {
            levels[at].head = order.next;
        }
        if order.next == NIL {
            levels[at].tail = order.prev;
        }
        if order.prev == NIL && order.next == NIL {
            levels.remove(at);
        }
        if let Some(prev) = self.orders.get_mut(order.prev as usize) {
            prev.next = order.next;
        }
        if let Some(next) = self.orders.get_mut(order.next as usize) {
            next.prev = order.prev;
        }
        self.release(handle.slot);
        self.touched.push((order.side, order.px));
        Some(open)
    }
}
