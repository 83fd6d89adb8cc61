//! Hot: the primitives that the ring stands on: those of `std`, or those of loom when it is the model checker that runs.
//!
//! Nothing else in this room names `std::sync`, so what loom explores is the code that ships.

#[cfg(ring_loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(ring_loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(ring_loom)]
pub(crate) use loom::cell::UnsafeCell;

/// `core::cell::UnsafeCell` with loom's way in, so that loom sees every access.
#[cfg(not(ring_loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(ring_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A value that shares its cache lines with nothing else. 128 bytes, not 64: the prefetcher fetches lines in pairs,
/// and a neighbour on the other line of the pair costs nearly as much as one on the same line (18 % on Zen).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> core::ops::Deref for Padded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Tells the core that this is a spin loop.
#[inline(always)]
pub(crate) fn spin_loop() {
    #[cfg(not(ring_loom))]
    core::hint::spin_loop();
    #[cfg(ring_loom)]
    loom::thread::yield_now();
}

/// Lets another thread run.
#[inline]
pub(crate) fn yield_now() {
    #[cfg(not(ring_loom))]
    std::thread::yield_now();
    #[cfg(ring_loom)]
    loom::thread::yield_now();
}

/// Sleeps for about `micros` microseconds, or until somebody unparks the thread. (A park time-out is the one thing for
/// which this room needs a duration; it reads no clock. Loom has no time, so there it is a yield.)
#[inline]
pub(crate) fn park_micros(micros: u64) {
    #[cfg(not(ring_loom))]
    std::thread::park_timeout(core::time::Duration::from_micros(micros));
    #[cfg(ring_loom)]
    {
        let _ = micros;
        loom::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_values_lie_128_bytes_apart() {
        assert_eq!((size_of::<Padded<AtomicU64>>(), align_of::<Padded<AtomicU64>>()), (128, 128));
        let pair = [Padded(1u64), Padded(2u64)];
        assert_eq!(&raw const pair[1] as usize - &raw const pair[0] as usize, 128);
    }
}
