//! Hot: the memory of a ring: a power of two of slots, zeroed, every page touched before the first event.
#![allow(unsafe_code, reason = "slots are shared between threads section by section, which no safe type expresses")]

use bytemuck::Pod;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

#[cfg(ring_loom)]
use {super::section::SECTIONS_MAX, super::sync::UnsafeCell};

/// Smallest page of the machines that this runs on.
const PAGE: usize = 4096;

/// The slots. Who may touch which bytes when is not known here: handles see to that.
pub(crate) struct Slots<T> {
    base: NonNull<T>,
    layout: Layout,
    /// Under loom: one cell per slot and section, touched with each access, so that loom finds races on the bytes.
    #[cfg(ring_loom)]
    track: Box<[UnsafeCell<()>]>,
}

// SAFETY: the value is a pointer to memory that it owns; it gives nothing out but that pointer, and its only use of the
// memory is to free it. T is sent and shared by the handles, which ask for `T: Send + Sync` themselves.
unsafe impl<T: Send + Sync> Send for Slots<T> {}
// SAFETY: as above: `&Slots` gives out no reference into the memory. (The loom cells are touched only through handles
// that have the right to; a violation is what loom is to find.)
unsafe impl<T: Send + Sync> Sync for Slots<T> {}

impl<T: Pod> Slots<T> {
    /// Layout of `capacity` slots; `None` if that is more than an address space holds, or if a slot has no size.
    pub(crate) fn layout(capacity: usize) -> Option<Layout> {
        let layout = Layout::array::<T>(capacity).ok()?;
        // Lines are fetched in pairs; and whole pages, so that no slot straddles more pages than it must.
        let align = if layout.size() >= PAGE { PAGE } else { 128 };
        (layout.size() > 0).then(|| layout.align_to(align).ok())?
    }

    /// Allocates `capacity` zeroed slots and touches every page.
    pub(crate) fn new(capacity: usize, layout: Layout) -> Self {
        debug_assert_eq!(Self::layout(capacity), Some(layout));
        // SAFETY: `Slots::layout` gives no layout of size zero.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(memory.cast::<T>()) else { handle_alloc_error(layout) };
        for offset in (0..layout.size()).step_by(PAGE) {
            // SAFETY: offset is within the allocation, which is ours alone so far. Volatile, because the compiler knows
            // that the memory is zero and would leave a plain store out: the page fault is what we want.
            unsafe { memory.add(offset).write_volatile(0) };
        }
        Self {
            base,
            layout,
            #[cfg(ring_loom)]
            track: (0..capacity * SECTIONS_MAX).map(|_| UnsafeCell::new(())).collect(),
        }
    }

    /// First slot.
    pub(crate) fn base(&self) -> NonNull<T> {
        self.base
    }

    /// The loom cells of slot `index`.
    #[cfg(ring_loom)]
    pub(crate) fn track(&self, index: usize) -> &[UnsafeCell<()>] {
        &self.track[index * SECTIONS_MAX..][..SECTIONS_MAX]
    }
}

impl<T> Drop for Slots<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, by the same allocator; all handles hold an `Arc` of this value,
        // so none is left. T is `Pod` (`new` is the only constructor) and has nothing to drop.
        unsafe { dealloc(self.base.as_ptr().cast(), self.layout) };
    }
}

#[cfg(all(test, not(ring_loom)))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_and_aligned() {
        let layout = Slots::<[u64; 24]>::layout(64).expect("a layout");
        let slots = Slots::<[u64; 24]>::new(64, layout);
        assert_eq!(slots.base().as_ptr() as usize % PAGE, 0);
        for i in 0..64 {
            // SAFETY: within the 64 slots, which were zeroed, and no handle exists.
            assert_eq!(unsafe { slots.base().add(i).read() }, [0; 24]);
        }
        assert_eq!(Slots::<u64>::layout(2).map(|l| l.align()), Some(128));
        assert_eq!(Slots::<()>::layout(8), None);
        assert_eq!(Slots::<[u64; 8]>::layout(usize::MAX / 8), None);
    }
}
