//! Hot: the handles of a ring: the producer, which claims and fills slots, and lanes, which take them on.
#![allow(unsafe_code, reason = "turns a sequence that the barrier has passed into access to its slot")]

use super::memory::Slots;
use super::sequence::{Gates, Sequence};
use super::slot::Access;
use super::sync::Arc;
use bytemuck::Pod;
use core::fmt;
use core::ptr::NonNull;

pub use super::slot::{SlotMut, View};

/// Where the slots are, and what the owner of this handle may do with them.
pub(crate) struct Window<T> {
    base: NonNull<T>,
    /// Capacity − 1.
    mask: u64,
    access: Access,
    /// Keeps the memory behind `base`.
    slots: Arc<Slots<T>>,
}

// SAFETY: `base` points into `slots`, which is kept by the `Arc`; the handle that owns this window reaches the memory
// only as its sequences allow, from whatever thread it is on. References to sections cross threads, hence `T: Sync`.
unsafe impl<T: Send + Sync> Send for Window<T> {}

impl<T: Pod> Window<T> {
    pub(crate) fn new(slots: &Arc<Slots<T>>, capacity: u64, access: Access) -> Self {
        Self { base: slots.base(), mask: capacity - 1, access, slots: Arc::clone(slots) }
    }

    /// # Safety
    ///
    /// The owner's turn with slot `sequence` has come (its gates have passed it) and is not over (its own sequence has
    /// not), and it holds no other `SlotMut` of that slot.
    #[inline(always)]
    unsafe fn slot(&self, sequence: u64) -> SlotMut<'_, T> {
        let index = (sequence & self.mask) as usize;
        debug_assert_eq!(self.base, self.slots.base());
        // SAFETY: index ≤ mask < capacity, so the pointer stays within the slots. The contract of `SlotMut::new`:
        // 1. `access` reads only what this handle or handles upstream write. Those have published `sequence` (the gates
        //    are past it) and will not touch this slot again before the producer's next lap, which waits for us. It
        //    writes only its own sections, which have no other writer (builder), and whose readers are all downstream:
        //    they wait for our sequence, and the lap before is over for all of them, or the producer would not be here.
        // 2. is the caller's contract, since every handle has a window and an access of its own.
        unsafe {
            SlotMut::new(
                self.base.add(index),
                sequence,
                &self.access,
                #[cfg(ring_loom)]
                self.slots.track(index),
            )
        }
    }
}

/// Publishes how far its owner got, once, also when the owner's closure panics: then up to the slot before the one in
/// which it did, which is thus neither passed on half-written nor are those before it run twice.
struct Commit<'a> {
    completed: &'a mut u64,
    public: &'a Sequence,
}

impl Drop for Commit<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.public.publish(*self.completed);
    }
}

/// The one writer of new slots. It is gated by every lane, so nothing is ever overrun: when the slowest lane is a whole
/// lap behind, the ring is full and the producer is told so.
pub struct Producer<T> {
    window: Window<T>,
    own: Arc<Sequence>,
    gates: Gates,
    /// Last sequence published; same as `own`.
    published: u64,
    /// Highest sequence that may be claimed, as far as known: smallest lane sequence when last looked at + capacity.
    limit: u64,
}

impl<T: Pod + Send + Sync> Producer<T> {
    pub(crate) fn new(window: Window<T>, own: Arc<Sequence>, gates: Gates) -> Self {
        let published = own.get();
        let limit = gates.min() + window.mask + 1;
        Self { window, own, gates, published, limit }
    }

    /// Slots of the ring.
    pub fn capacity(&self) -> u64 {
        self.window.mask + 1
    }

    /// The sequence that the next slot will have.
    #[inline]
    pub fn next_sequence(&self) -> u64 {
        self.published + 1
    }

    /// Slots that are free now. Looks at the sequence of each last lane, a cache miss for each that has moved:
    /// a watermark asked for every event is cheaper with [`Producer::has_free`].
    #[inline]
    pub fn free(&mut self) -> u64 {
        self.refresh();
        self.limit - self.published
    }

    /// Whether at least `n` slots are free. Looks at the lanes only if what it saw last time is not enough.
    #[inline(always)]
    pub fn has_free(&mut self, n: u64) -> bool {
        self.limit - self.published >= n || self.free() >= n
    }

    #[inline]
    fn refresh(&mut self) {
        self.limit = self.gates.min() + self.window.mask + 1;
    }

    /// Claims the next slot, lets `f` fill it, and publishes it. False, without calling `f`, if the ring is full.
    /// If `f` panics nothing is published.
    #[inline(always)]
    pub fn try_publish(&mut self, f: impl FnOnce(&mut SlotMut<'_, T>)) -> bool {
        if !self.has_free(1) {
            return false;
        }
        let next = self.published + 1;
        // SAFETY: next ≤ limit, so every lane has completed sequence next − capacity, the slot's last journey; and next
        // is not published. It is the only `SlotMut` that this producer holds.
        let mut slot = unsafe { self.window.slot(next) };
        f(&mut slot);
        self.published = next;
        self.own.publish(next);
        true
    }

    /// Claims up to `n_max` slots, as many as are free, lets `f` fill each in turn, and publishes them all at once.
    /// Returns how many. If `f` panics, the slots before are published.
    #[inline(always)]
    pub fn publish_many(&mut self, n_max: u64, mut f: impl FnMut(&mut SlotMut<'_, T>)) -> u64 {
        if !self.has_free(n_max) && self.limit == self.published {
            return 0;
        }
        let n = n_max.min(self.limit - self.published);
        if n == 0 {
            return 0;
        }
        let commit = Commit { completed: &mut self.published, public: &self.own };
        for _ in 0..n {
            let next = *commit.completed + 1;
            // SAFETY: as in `try_publish`: next is at most published + n ≤ limit.
            let mut slot = unsafe { self.window.slot(next) };
            f(&mut slot);
            *commit.completed = next;
        }
        n
    }
}

/// One consumer of the ring: it reads what lanes upstream wrote into a slot, adds its own sections, and passes the slot
/// on. Several stages on one thread are one lane with several sections.
pub struct Lane<T> {
    window: Window<T>,
    own: Arc<Sequence>,
    gates: Gates,
    /// Last sequence completed; same as `own` outside of `advance`.
    completed: u64,
    /// Highest sequence that may be taken, as far as known: smallest gate when last looked at.
    barrier: u64,
}

impl<T: Pod + Send + Sync> Lane<T> {
    pub(crate) fn new(window: Window<T>, own: Arc<Sequence>, gates: Gates) -> Self {
        let completed = own.get();
        Self { window, own, gates, completed, barrier: completed }
    }

    /// The last sequence that this lane has completed.
    #[inline]
    pub fn sequence(&self) -> u64 {
        self.completed
    }

    /// Slots that are ready for this lane. Looks at the lanes before it only when what it saw last time is used up.
    #[inline(always)]
    pub fn ready(&mut self) -> u64 {
        if self.barrier == self.completed {
            self.barrier = self.gates.min();
        }
        self.barrier - self.completed
    }

    /// Runs `f` on up to `max` ready slots in order, then publishes this lane's sequence once. Returns how many. If `f`
    /// panics, the slots before are published, and the one in which it panicked is the next one again.
    #[inline(always)]
    pub fn advance(&mut self, max: u64, mut f: impl FnMut(&mut SlotMut<'_, T>)) -> u64 {
        let n = self.ready().min(max);
        if n == 0 {
            return 0;
        }
        let commit = Commit { completed: &mut self.completed, public: &self.own };
        for _ in 0..n {
            let next = *commit.completed + 1;
            // SAFETY: next is at most completed + ready = barrier, so all lanes before this one have completed it, and
            // it is not published by this one. It is the only `SlotMut` that this lane holds.
            let mut slot = unsafe { self.window.slot(next) };
            f(&mut slot);
            *commit.completed = next;
        }
        n
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("published", &self.published)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Lane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("name", &self.window.access.lane)
            .field("completed", &self.completed)
            .field("barrier", &self.barrier)
            .finish_non_exhaustive()
    }
}
