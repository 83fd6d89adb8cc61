//! Hot: differences that wait for a snapshot: one pool for all instruments, lists inside it. Bounded, reserved at start,
//! touched as it is used.

use crate::event::input::{Depth, Level, flags};
use crate::types::price::{Px, Qty};
use crate::types::time::{NO_TIME, UnixNanos};

/// No node.
const NIL: u32 = u32::MAX;

/// A waiting part of a message.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its levels and ids.
    pub depth: Depth,
    /// The input's group flags.
    pub flags: u8,
    /// The venue's time of the message; `NO_TIME` if it gave none.
    pub ts_event: UnixNanos,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    part: Part,
    next: u32,
}

/// The pool.
#[derive(Debug)]
pub struct DepthPool {
    nodes: Vec<Node>,
    free: u32,
    parts_max: usize,
    parts_list_max: usize,
}

/// One instrument's waiting parts, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct DepthList {
    head: u32,
    tail: u32,
    parts: usize,
    /// Whether older messages were dropped for want of room since the list was last empty.
    pub dropped: bool,
}

impl Default for DepthList {
    fn default() -> Self {
        Self { head: NIL, tail: NIL, parts: 0, dropped: false }
    }
}

impl DepthList {
    /// Parts that wait.
    pub fn len(&self) -> usize {
        self.parts
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.parts == 0
    }
}

impl DepthPool {
    /// Room for `parts_max` parts in all, `parts_list_max` in one list.
    pub fn new(parts_max: usize, parts_list_max: usize) -> Self {
        Self { nodes: Vec::with_capacity(parts_max), free: NIL, parts_max, parts_list_max }
    }

    fn take(&mut self) -> Option<u32> {
        if self.free != NIL {
            let slot = self.free;
            self.free = self.nodes[slot as usize].next;
            return Some(slot);
        }
        if self.nodes.len() >= self.parts_max {
            return None;
        }
        let part = Part { depth: bytemuck::Zeroable::zeroed(), flags: 0, ts_event: NO_TIME };
        self.nodes.push(Node { part, next: NIL });
        Some(self.nodes.len() as u32 - 1)
    }

    /// Appends a part. When there is no room the list's oldest messages are dropped; `false` (and an empty list) if not
    /// even that helps.
    pub fn push(&mut self, list: &mut DepthList, part: &Part) -> bool {
        let slot = loop {
            let room = list.parts < self.parts_list_max;
            if room && let Some(slot) = self.take() {
                break slot;
            }
            if !self.drop_oldest(list) {
                return false;
            }
        };
        self.nodes[slot as usize] = Node { part: *part, next: NIL };
        if list.tail == NIL {
            list.head = slot;
        } else {
            self.nodes[list.tail as usize].next = slot;
        }
        list.tail = slot;
        list.parts += 1;
        true
    }

    /// Drops the oldest message; `false` if it is not whole yet (then the list is empty now) or there is none.
    fn drop_oldest(&mut self, list: &mut DepthList) -> bool {
        let mut any = false;
        let whole = loop {
            match self.pop(list) {
                Some(part) if part.flags & flags::LAST != 0 => break true,
                Some(_) => any = true,
                None => break false,
            }
        };
        list.dropped = whole || any || list.dropped;
        whole
    }

    /// The oldest part.
    pub fn front(&self, list: &DepthList) -> Option<&Depth> {
        self.nodes.get(list.head as usize).map(|node| &node.part.depth)
    }

    /// Takes the oldest part out.
    pub fn pop(&mut self, list: &mut DepthList) -> Option<Part> {
        let slot = list.head;
        let node = *self.nodes.get(slot as usize)?;
        list.head = node.next;
        list.parts -= 1;
        if list.head == NIL {
            list.tail = NIL;
        }
        self.nodes[slot as usize].next = self.free;
        self.free = slot;
        Some(node.part)
    }

    /// Takes all parts out.
    pub fn clear(&mut self, list: &mut DepthList) {
        while self.pop(list).is_some() {}
        list.dropped = false;
    }

    /// Multiplies the levels of all waiting parts (a finer definition); on overflow `false`, and the list is empty.
    pub fn rescale(&mut self, list: &mut DepthList, price_mult: i64, qty_mult: i64) -> bool {
        let mut at = list.head;
        while let Some(node) = self.nodes.get_mut(at as usize) {
            let depth = &mut node.part.depth;
            let used = (depth.bids as usize + depth.asks as usize).min(depth.levels.len());
            for level in &mut depth.levels[..used] {
                let scaled = level.px.0.checked_mul(price_mult).zip(level.qty.0.checked_mul(qty_mult));
                let Some((px, qty)) = scaled else {
                    self.clear(list);
                    return false;
                };
                *level = Level { px: Px(px), qty: Qty(qty) };
            }
            at = node.next;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn part(id: u64, flags: u8) -> Part {
        Part { depth: Depth { last_id: id, ..Depth::zeroed() }, flags, ts_event: id as i64 }
    }

    const WHOLE: u8 = flags::FIRST | flags::LAST;

    #[test]
    fn the_oldest_messages_make_room() {
        let (mut pool, mut a, mut b) = (DepthPool::new(4, 3), DepthList::default(), DepthList::default());
        assert!(pool.push(&mut a, &part(1, flags::FIRST)));
        assert!(pool.push(&mut a, &part(1, flags::LAST)));
        assert!(pool.push(&mut a, &part(2, WHOLE)));
        assert!(!a.dropped);
        assert!(pool.push(&mut a, &part(3, WHOLE)), "message 1 goes with both its parts");
        assert!(a.dropped);
        assert_eq!((a.len(), pool.front(&a).unwrap().last_id), (2, 2));
        for id in 4..6 {
            assert!(pool.push(&mut b, &part(id, WHOLE)));
        }
        assert!(pool.push(&mut b, &part(6, WHOLE)), "the pool is full: its own oldest goes");
        assert_eq!((b.len(), pool.front(&b).unwrap().last_id), (2, 5));
        pool.clear(&mut b);
        assert!(b.is_empty() && pool.pop(&mut b).is_none());
        let oldest = pool.pop(&mut a).unwrap();
        assert_eq!((oldest.depth.last_id, oldest.flags, oldest.ts_event), (2, WHOLE, 2));
    }

    #[test]
    fn a_message_that_does_not_fit_alone_is_refused() {
        let (mut pool, mut list) = (DepthPool::new(9, 2), DepthList::default());
        assert!(pool.push(&mut list, &part(1, flags::FIRST)));
        assert!(pool.push(&mut list, &part(1, 0)));
        assert!(!pool.push(&mut list, &part(1, 0)));
        assert!(list.is_empty() && list.dropped);
    }
}
