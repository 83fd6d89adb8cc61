//! Hot: a bounded queue from one thread to one other, for what does not ride on the ring: inputs on their way to the
//! sequencer, commands, things that own memory.
//!
//! ```text
//! Sender: tail, cached head ──→ [ . . x x x . . . ] ──→ Receiver: head, cached tail
//! ```
//!
//! Each side keeps its own index and a copy of the other's, and looks at the other's cache line only when the copy says
//! full (or empty). Indices count for ever and wrap; their difference is the length.
#![allow(unsafe_code, reason = "moves values through cells that two threads share, each when it is its turn")]

use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering, Padded, UnsafeCell};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

type Cell<T> = UnsafeCell<MaybeUninit<T>>;

struct Shared<T> {
    /// Items sent, ever. Written by the sender only.
    tail: Padded<AtomicUsize>,
    /// Items taken, ever. Written by the receiver only.
    head: Padded<AtomicUsize>,
    sender_gone: AtomicBool,
    receiver_gone: AtomicBool,
    /// A power of two of cells; those of `head..tail`, modulo their number, hold items.
    cells: Box<[Cell<T>]>,
}

// SAFETY: a cell is used by the sender while it is free and by the receiver while it is full; the Release stores and
// Acquire loads of `tail` and `head` hand it from one to the other. Values move between threads, hence `T: Send`;
// no `&T` is ever shared, so `T: Sync` is not needed.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: it owns its cells and the items in them, which are `Send`.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let (mut head, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed));
        while head != tail {
            // SAFETY: both sides are gone (this is the last owner) and the `Arc` has synchronised with them, so the
            // cells of head..tail hold items that nobody will take any more; each is dropped once.
            self.cells[head & (self.cells.len() - 1)].with_mut(|cell| unsafe { (*cell).assume_init_drop() });
            head = head.wrapping_add(1);
        }
    }
}

/// A queue that holds up to `capacity` items (its cells are rounded up to a power of two).
///
/// # Panics
///
/// If `capacity` is 0 or more than half of the address space: a mistake in the wiring.
pub fn channel<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a queue holds at least one item");
    let cells = capacity.checked_next_power_of_two().expect("capacity in range");
    let shared = Arc::new(Shared {
        tail: Padded(AtomicUsize::new(0)),
        head: Padded(AtomicUsize::new(0)),
        sender_gone: AtomicBool::new(false),
        receiver_gone: AtomicBool::new(false),
        cells: (0..cells).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    // Taken when the box is where it stays, so that nothing moves it afterwards.
    let base = NonNull::from(&*shared.cells).cast::<Cell<T>>();
    let sender = Sender { base, mask: cells - 1, capacity, tail: 0, head: 0, shared: Arc::clone(&shared) };
    (sender, Receiver { base, mask: cells - 1, head: 0, tail: 0, shared })
}

/// The end that puts items in.
pub struct Sender<T> {
    /// First cell, kept alive by `shared`.
    base: NonNull<Cell<T>>,
    mask: usize,
    capacity: usize,
    /// Same as `shared.tail`.
    tail: usize,
    /// `shared.head` when last looked at: never ahead of it.
    head: usize,
    shared: Arc<Shared<T>>,
}

// SAFETY: the pointer goes into `shared`, which is `Send + Sync` for `T: Send`, and is used under its rules.
unsafe impl<T: Send> Send for Sender<T> {}

impl<T: Send> Sender<T> {
    /// Puts `value` in, or gives it back if the queue is full. A queue whose receiver is gone takes items until it is
    /// full, and drops them with itself: ask [`Sender::is_closed`].
    ///
    /// # Errors
    ///
    /// The value, if the queue is full.
    #[inline(always)]
    pub fn try_send(&mut self, value: T) -> Result<(), T> {
        if self.tail.wrapping_sub(self.head) >= self.capacity {
            self.head = self.shared.head.load(Ordering::Acquire);
            if self.tail.wrapping_sub(self.head) >= self.capacity {
                return Err(value);
            }
        }
        // SAFETY: the index is within the cells. tail − head < capacity ≤ cells, so the cell's last item was taken
        // (Acquire of `head`), and the receiver will not look at it before `tail` is published below.
        unsafe { self.base.add(self.tail & self.mask).as_ref() }.with_mut(|cell| {
            // SAFETY: as above; this thread alone has the cell now.
            unsafe { (*cell).write(value) };
        });
        self.tail = self.tail.wrapping_add(1);
        self.shared.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    /// Items in the queue now.
    pub fn len(&self) -> usize {
        self.tail.wrapping_sub(self.shared.head.load(Ordering::Acquire))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most items that the queue holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.receiver_gone.load(Ordering::Acquire)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.sender_gone.store(true, Ordering::Release);
    }
}

/// The end that takes items out.
pub struct Receiver<T> {
    /// First cell, kept alive by `shared`.
    base: NonNull<Cell<T>>,
    mask: usize,
    /// Same as `shared.head`, outside of `drain`.
    head: usize,
    /// `shared.tail` when last looked at: never ahead of it.
    tail: usize,
    shared: Arc<Shared<T>>,
}

// SAFETY: as for `Sender`.
unsafe impl<T: Send> Send for Receiver<T> {}

impl<T: Send> Receiver<T> {
    /// Takes the oldest item.
    #[inline(always)]
    pub fn try_recv(&mut self) -> Option<T> {
        if self.available() == 0 {
            return None;
        }
        // SAFETY: head is not tail, so the cell holds an item.
        let value = unsafe { self.take() };
        self.shared.head.store(self.head, Ordering::Release);
        Some(value)
    }

    /// Takes up to `max` items, gives each to `f`, and frees their places all at once. Returns how many. If `f` panics,
    /// the items that it was given are gone from the queue and the others stay.
    #[inline(always)]
    pub fn drain(&mut self, max: usize, mut f: impl FnMut(T)) -> usize {
        struct Free<'a, T>(&'a mut Receiver<T>);
        impl<T> Drop for Free<'_, T> {
            #[inline(always)]
            fn drop(&mut self) {
                self.0.shared.head.store(self.0.head, Ordering::Release);
            }
        }

        let n = self.available().min(max);
        if n == 0 {
            return 0;
        }
        let free = Free(self);
        for _ in 0..n {
            // SAFETY: n items were there, fewer than n have been taken since, and nobody else takes any.
            f(unsafe { free.0.take() });
        }
        n
    }

    /// Items that may be taken: looks at the sender's line only when what was there is used up.
    #[inline(always)]
    fn available(&mut self) -> usize {
        if self.head == self.tail {
            self.tail = self.shared.tail.load(Ordering::Acquire);
        }
        self.tail.wrapping_sub(self.head)
    }

    /// Moves the item at `head` out; its place is not free for the sender before `head` is published.
    ///
    /// # Safety
    ///
    /// `head` is not `tail`.
    #[inline(always)]
    unsafe fn take(&mut self) -> T {
        // SAFETY: the index is within the cells, and the cell holds an item that the sender published (Acquire of
        // `tail`); the sender will not touch it before `head` has passed it.
        let cell = unsafe { self.base.add(self.head & self.mask).as_ref() };
        // SAFETY: as above; the item is moved out once, since `head` goes on.
        let value = cell.with(|cell| unsafe { (*cell).assume_init_read() });
        self.head = self.head.wrapping_add(1);
        value
    }

    /// Items in the queue now.
    pub fn len(&self) -> usize {
        self.shared.tail.load(Ordering::Acquire).wrapping_sub(self.head)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the sender is gone. What it sent before is still there: the end is reached when this is true and
    /// *afterwards* nothing can be taken.
    pub fn is_closed(&self) -> bool {
        self.shared.sender_gone.load(Ordering::Acquire)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receiver_gone.store(true, Ordering::Release);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("sent", &self.tail).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("taken", &self.head).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(ring_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn it_is_bounded_and_in_order() {
        for capacity in [1, 2, 3, 8] {
            let (mut sender, mut receiver) = channel(capacity);
            assert_eq!(sender.capacity(), capacity);
            for lap in 0..3 {
                for i in 0..capacity {
                    assert_eq!((sender.len(), receiver.len()), (i, i));
                    assert_eq!(sender.try_send(lap * 100 + i), Ok(()));
                }
                assert_eq!(sender.try_send(7), Err(7));
                for i in 0..capacity {
                    assert_eq!(receiver.try_recv(), Some(lap * 100 + i));
                }
                assert_eq!(receiver.try_recv(), None);
                assert!(sender.is_empty() && receiver.is_empty());
            }
        }
    }

    #[test]
    fn each_side_knows_when_the_other_is_gone() {
        let (mut sender, mut receiver) = channel(2);
        assert!(!sender.is_closed() && !receiver.is_closed());
        sender.try_send(1).expect("room");
        drop(sender);
        assert!(receiver.is_closed());
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Some(1), None));
        let (sender, receiver) = channel::<u8>(2);
        drop(receiver);
        assert!(sender.is_closed());
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        let count = std::sync::Arc::new(());
        let (mut sender, mut receiver) = channel(4);
        for _ in 0..6 {
            let _ = sender.try_send(std::sync::Arc::clone(&count));
        }
        assert_eq!(std::sync::Arc::strong_count(&count), 5, "two came back and are gone");
        drop(receiver.try_recv());
        sender.try_send(std::sync::Arc::clone(&count)).expect("room");
        drop(sender);
        assert_eq!(std::sync::Arc::strong_count(&count), 5);
        drop(receiver);
        assert_eq!(std::sync::Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_panic_in_drain_loses_what_it_was_given_and_no_more() {
        let (mut sender, mut receiver) = channel(4);
        for i in 0..4 {
            sender.try_send(Box::new(i)).expect("room");
        }
        let result = catch_unwind(AssertUnwindSafe(|| receiver.drain(9, |item| assert!(*item < 1))));
        assert!(result.is_err());
        assert_eq!((sender.len(), receiver.drain(0, |_| panic!("none asked for"))), (2, 0));
        let mut rest = Vec::new();
        assert_eq!(receiver.drain(9, |item| rest.push(*item)), 2);
        assert_eq!(rest, [2, 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 200 }, failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_is_a_deque(capacity in 1usize..9, steps in prop::collection::vec((0u8..3, 0usize..6), 1..100)) {
            let (mut sender, mut receiver) = channel(capacity);
            let mut oracle = VecDeque::new();
            for (n, (step, max)) in steps.into_iter().enumerate() {
                match step {
                    0 => for i in 0..max {
                        let value = Box::new(n * 10 + i);
                        let room = oracle.len() < capacity;
                        prop_assert_eq!(sender.try_send(value.clone()).is_ok(), room);
                        if room {
                            oracle.push_back(value);
                        }
                    },
                    1 => prop_assert_eq!(receiver.try_recv(), oracle.pop_front()),
                    _ => {
                        // It may know of fewer than there are, but not of none.
                        let before = oracle.len();
                        let n = receiver.drain(max, |value| assert_eq!(Some(value), oracle.pop_front()));
                        prop_assert!(n <= max && (n > 0 || max == 0 || before == 0));
                    }
                }
                prop_assert_eq!((sender.len(), receiver.len()), (oracle.len(), oracle.len()));
            }
        }
    }
}
