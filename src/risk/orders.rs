//! Hot: what risk knows of its orders: a slab of bounded size, found by our id, with the finished ones kept for a while.

use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::Side;
use crate::types::time::UnixNanos;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

const NIL: u32 = u32::MAX;

/// One order. Quantities in the instrument's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: ClientOrderId,
    pub(super) instrument: InstrumentId,
    pub(super) side: Side,
    pub(super) px: i64,
    pub(super) qty: i64,
    /// The largest `cum_qty` that was booked.
    pub(super) cum: i64,
    /// When it was approved.
    pub(super) since: UnixNanos,
    /// Still counted as in flight or working.
    pub(super) live: bool,
    /// Part of an operator's flatten.
    pub(super) exit: bool,
    /// The venue answered it.
    pub(super) answered: bool,
    /// Twice the mid that it was decided at, in price units; 0 = not known.
    pub(super) mid2: i64,
    /// Approved by us, not found in a report.
    own: bool,
    prev: u32,
    next: u32,
}

impl Record {
    /// An order that was just approved.
    pub(super) const fn new(
        id: ClientOrderId,
        instrument: InstrumentId,
        side: Side,
        px: i64,
        qty: i64,
        since: UnixNanos,
    ) -> Self {
        Self {
            id,
            instrument,
            side,
            px,
            qty,
            cum: 0,
            since,
            live: true,
            exit: false,
            answered: false,
            mid2: 0,
            own: true,
            prev: NIL,
            next: NIL,
        }
    }

    /// Ours, live, and nothing of it filled so far.
    #[inline]
    pub(super) fn is_unfilled(&self) -> bool {
        self.live && self.own && self.cum == 0
    }

    /// What may still be filled.
    #[inline]
    pub(super) fn leaves(&self) -> i64 {
        if self.live { self.qty.saturating_sub(self.cum).max(0) } else { 0 }
    }
}

/// The live orders of one instrument, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NIL, tail: NIL, len: 0 };

    /// How many orders are in it.
    #[inline]
    pub(super) const fn len(self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.head == NIL
    }
}

/// All orders that risk remembers.
#[derive(Debug)]
pub(super) struct Orders {
    records: Vec<Record>,
    free: Vec<u32>,
    by_id: HashMap<ClientOrderId, u32, FxBuildHasher>,
    /// Finished orders, a ring: `finished_at` is the oldest.
    finished: Box<[u32]>,
    finished_at: usize,
    finished_len: usize,
    live: usize,
    live_max: usize,
    /// The newest of our own orders that was forgotten.
    forgotten: ClientOrderId,
}

impl Orders {
    pub(super) fn new(live_max: usize, finished_max: usize) -> Self {
        let room = live_max + finished_max;
        let blank = Record::new(ClientOrderId::NONE, InstrumentId::NONE, Side::Buy, 0, 0, 0);
        Self {
            records: vec![blank; room],
            free: (0..room as u32).rev().collect(),
            // With twice the room the table cleans up its removed entries in place and never grows.
            by_id: HashMap::with_capacity_and_hasher(2 * room + 2, FxBuildHasher),
            finished: vec![NIL; finished_max].into_boxed_slice(),
            finished_at: 0,
            finished_len: 0,
            live: 0,
            live_max,
            forgotten: ClientOrderId::NONE,
        }
    }

    /// How many are live.
    #[inline]
    pub(super) fn live(&self) -> usize {
        self.live
    }

    #[inline]
    pub(super) fn find(&self, id: ClientOrderId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// Whether an unknown `id` is as old as one of ours that is over and was forgotten: then it is most likely that one, and
    /// its fills are booked. (Ids grow with every order; working orders are never forgotten.)
    #[inline]
    pub(super) fn is_forgotten(&self, id: ClientOrderId) -> bool {
        id != ClientOrderId::NONE && id <= self.forgotten
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&Record> {
        self.records.get(at as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Record> {
        self.records.get_mut(at as usize)
    }

    /// The live orders of a list, oldest first.
    #[inline]
    pub(super) fn of(&self, list: &List) -> impl Iterator<Item = &Record> {
        let mut at = list.head;
        core::iter::from_fn(move || {
            let record = self.records.get(at as usize)?;
            at = record.next;
            Some(record)
        })
    }

    /// Every remembered order of `instrument`, to be changed (a finer scale); slow.
    pub(super) fn all_of(&mut self, instrument: InstrumentId) -> impl Iterator<Item = &mut Record> {
        self.records.iter_mut().filter(move |r| r.instrument == instrument)
    }

    /// Adds a live order to `list`. False if there is no room or the id is taken.
    pub(super) fn insert(&mut self, mut record: Record, list: &mut List) -> bool {
        if self.live >= self.live_max || self.by_id.contains_key(&record.id) {
            return false;
        }
        let Some(at) = self.free.pop() else { return false };
        record.live = true;
        record.prev = list.tail;
        record.next = NIL;
        match self.records.get_mut(list.tail as usize) {
            Some(tail) => tail.next = at,
            None => list.head = at,
        }
        list.tail = at;
        list.len += 1;
        self.put(at, record);
        self.live += 1;
        true
    }

    /// Remembers an order that was never ours to count, so that its reports are booked once.
    pub(super) fn insert_finished(&mut self, mut record: Record) {
        (record.live, record.own) = (false, false);
        self.make_room();
        if let Some(at) = self.free.pop() {
            self.put(at, record);
            self.remember(at);
        }
    }

    /// The order is over: out of `list`, into the ring of finished ones.
    pub(super) fn finish(&mut self, at: u32, list: &mut List) {
        let Some(record) = self.records.get_mut(at as usize).filter(|r| r.live) else { return };
        record.live = false;
        let (prev, next) = (record.prev, record.next);
        (record.prev, record.next) = (NIL, NIL);
        match self.records.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => list.head = next,
        }
        match self.records.get_mut(next as usize) {
            Some(after) => after.prev = prev,
            None => list.tail = prev,
        }
        self.live -= 1;
        list.len -= 1;
        self.make_room();
        self.remember(at);
    }

    fn put(&mut self, at: u32, record: Record) {
        self.by_id.insert(record.id, at);
        if let Some(place) = self.records.get_mut(at as usize) {
            *place = record;
        }
    }

    fn make_room(&mut self) {
        if self.finished_len < self.finished.len() || self.finished_len == 0 {
            return;
        }
        let oldest = self.finished[self.finished_at];
        self.finished_at = (self.finished_at + 1) % self.finished.len();
        self.finished_len -= 1;
        self.forget(oldest);
    }

    fn forget(&mut self, at: u32) {
        if let Some(record) = self.records.get_mut(at as usize) {
            self.by_id.remove(&record.id);
            if record.own {
                self.forgotten = self.forgotten.max(record.id);
            }
            record.instrument = InstrumentId::NONE;
            self.free.push(at);
        }
    }

    fn remember(&mut self, at: u32) {
        if self.finished.is_empty() {
            self.forget(at);
            return;
        }
        let place = (self.finished_at + self.finished_len) % self.finished.len();
        self.finished[place] = at;
        self.finished_len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Record {
        Record::new(ClientOrderId(n), InstrumentId(0), Side::Buy, 1, 10, 0)
    }

    #[test]
    fn live_orders_are_bounded_and_finished_ones_are_remembered_for_a_while() {
        let (mut orders, mut list) = (Orders::new(2, 3), List::EMPTY);
        for n in 1..=100u64 {
            assert!(orders.insert(record(2 * n), &mut list));
            assert!(orders.insert(record(2 * n + 1), &mut list));
            assert!(!orders.insert(record(999), &mut list), "no room");
            assert_eq!(orders.of(&list).map(|r| r.id.0).collect::<Vec<_>>(), [2 * n, 2 * n + 1]);
            let (first, second) =
                (orders.find(ClientOrderId(2 * n)).unwrap(), orders.find(ClientOrderId(2 * n + 1)).unwrap());
            orders.finish(second, &mut list);
            orders.finish(first, &mut list);
            orders.finish(first, &mut list);
            assert!(list.is_empty() && orders.live() == 0);
            assert!(orders.find(ClientOrderId(2 * n)).is_some());
            assert_eq!(orders.find(ClientOrderId(2 * n - 1)), None, "the ring is bounded");
            assert!(n == 1 || orders.is_forgotten(ClientOrderId(2 * n - 1)));
            assert!(!orders.is_forgotten(ClientOrderId(2 * n + 2)));
            assert_eq!(orders.by_id.len(), orders.finished_len);
        }
        assert!(!orders.insert(record(200), &mut list), "an id is used once");
        orders.insert_finished(record(500));
        assert_eq!((orders.live(), orders.finished_len, orders.free.len()), (0, 3, 2));
    }
}
