//! Hot: one slot in the hands of one lane: what it may read, what it may write.
#![allow(unsafe_code, reason = "hands out references to disjoint sections of one slot, which threads share")]

use super::section::{SECTIONS_MAX, Section, key};
use bytemuck::Pod;
use core::any::type_name;
use core::marker::PhantomData;
use core::ptr::NonNull;

#[cfg(ring_loom)]
use super::sync::UnsafeCell;

/// What a lane may do, computed when the ring is built. For each section ID the key (place and size) of the section
/// that may be read or written, or 0. A check is one load and one comparison with a constant: as cheap as a bit test,
/// and it also proves that the type asked for is the one which the ring knows under this ID.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) readable: [u64; SECTIONS_MAX],
    pub(crate) writable: [u64; SECTIONS_MAX],
    /// Whether every section of the ring is readable.
    pub(crate) whole: bool,
    /// Name of the lane, for messages.
    pub(crate) lane: Box<str>,
}

impl Access {
    #[inline(always)]
    fn check_read<S: Section>(&self) {
        if self.readable[S::ID as usize] != key::<S>() {
            self.refuse("read", type_name::<S>());
        }
    }

    #[inline(always)]
    fn check_write<S: Section>(&self) {
        if self.writable[S::ID as usize] != key::<S>() {
            self.refuse("write", type_name::<S>());
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, verb: &str, section: &str) -> ! {
        panic!("wiring: lane `{}` may not {verb} {section}", self.lane)
    }
}

/// One slot, for as long as the closure that got it runs.
#[derive(Debug)]
pub struct SlotMut<'a, T> {
    slot: NonNull<T>,
    sequence: u64,
    access: &'a Access,
    #[cfg(ring_loom)]
    track: &'a [UnsafeCell<()>],
}

impl<'a, T: Pod> SlotMut<'a, T> {
    /// # Safety
    ///
    /// `slot` is a slot of a ring for which `access` was computed, and for the whole of `'a`
    /// 1. nobody else writes a section that `access` can read, or reads or writes a section that it can write, and
    /// 2. there is no other `SlotMut` of this slot with the same `access`.
    #[inline(always)]
    pub(crate) unsafe fn new(
        slot: NonNull<T>,
        sequence: u64,
        access: &'a Access,
        #[cfg(ring_loom)] track: &'a [UnsafeCell<()>],
    ) -> Self {
        Self {
            slot,
            sequence,
            access,
            #[cfg(ring_loom)]
            track,
        }
    }

    /// The slot's sequence, from 1.
    #[inline(always)]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Section `S`, which this lane or one upstream of it writes.
    ///
    /// # Panics
    ///
    /// If neither does: a mistake in the wiring of the ring, which no input can reach.
    #[inline(always)]
    pub fn read<S: Section<Slot = T>>(&self) -> &S {
        self.access.check_read::<S>();
        #[cfg(ring_loom)]
        self.track[S::ID as usize].with(|_| ());
        // SAFETY: `key` (compile time) has the section within the slot and aligned, and the check above has it readable
        // here, so by the contract of `new` nobody else writes these bytes during 'a. This lane itself writes only
        // through `&mut self` of this one value, which cannot be while `&self` is borrowed. Any bytes are a valid S.
        unsafe { section(self.slot) }
    }

    /// The section `W` to write (it still holds what the slot's last journey left there), and a view of the others.
    ///
    /// # Panics
    ///
    /// If this lane does not write `W`: a mistake in the wiring, which no input can reach.
    #[inline(always)]
    pub fn split<W: Section<Slot = T>>(&mut self) -> (View<'_, T>, &mut W) {
        self.access.check_write::<W>();
        #[cfg(ring_loom)]
        self.track[W::ID as usize].with_mut(|_| ());
        let view = View {
            slot: self.slot,
            access: self.access,
            written: W::ID,
            #[cfg(ring_loom)]
            track: self.track,
            _borrow: PhantomData,
        };
        // SAFETY: within the slot and aligned as in `read`; the check above has it writable here, so by the contract of
        // `new` nobody else touches these bytes during 'a. `&mut self` is borrowed as long as the result, so no other
        // reference from this value lives; the view refuses W's ID, and all other sections are disjoint from W.
        (view, unsafe { section_mut(self.slot) })
    }

    /// The section `W` to write; [`SlotMut::split`] without the view.
    #[inline(always)]
    pub fn write<W: Section<Slot = T>>(&mut self) -> &mut W {
        self.split::<W>().1
    }

    /// The whole slot. Only for a lane which may read every section of the ring (such as a journal after the last
    /// stage): bytes outside of all sections are never written once the ring is built, so they may be read too.
    ///
    /// # Panics
    ///
    /// If there is a section that this lane may not read: a mistake in the wiring, which no input can reach.
    #[inline(always)]
    pub fn whole(&self) -> &T {
        if !self.access.whole {
            self.access.refuse("read", type_name::<T>());
        }
        #[cfg(ring_loom)]
        self.track.iter().for_each(|cell| cell.with(|_| ()));
        // SAFETY: a slot of the ring, aligned and initialised (zeroed at build, any bytes are valid). Every section of
        // the ring is readable here, so nobody else writes one during 'a (contract of `new`), and nobody ever writes
        // the bytes between them. This lane writes only through `&mut self`.
        unsafe { self.slot.as_ref() }
    }
}

/// The sections of a slot beside the one that is being written.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    slot: NonNull<T>,
    access: &'a Access,
    /// The section that is lent out for writing.
    written: u8,
    #[cfg(ring_loom)]
    track: &'a [UnsafeCell<()>],
    /// Keeps the [`SlotMut`] borrowed.
    _borrow: PhantomData<&'a T>,
}

impl<'a, T: Pod> View<'a, T> {
    /// Section `S`, which this lane or one upstream of it writes, and which is not the one being written now.
    ///
    /// # Panics
    ///
    /// If `S` may not be read here: a mistake in the wiring, which no input can reach.
    #[inline(always)]
    pub fn read<S: Section<Slot = T>>(&self) -> &'a S {
        self.access.check_read::<S>();
        if S::ID == self.written {
            self.access.refuse("read, while it writes,", type_name::<S>());
        }
        #[cfg(ring_loom)]
        self.track[S::ID as usize].with(|_| ());
        // SAFETY: as in `SlotMut::read`; and the one section that is lent out mutably has another ID, hence other bytes
        // (the builder has all sections disjoint, and the check has S as the section that was built in).
        unsafe { section(self.slot) }
    }
}

/// # Safety
///
/// The slot is valid for `'a`, and no byte of section `S` is written during it.
#[inline(always)]
unsafe fn section<'a, S: Section>(slot: NonNull<S::Slot>) -> &'a S {
    const { _ = key::<S>() }
    // SAFETY: `key` has asserted that the section is within its slot and aligned; the rest is the caller's contract.
    unsafe { slot.byte_add(S::OFFSET).cast::<S>().as_ref() }
}

/// # Safety
///
/// The slot is valid for `'a`, and no other reference to a byte of section `S` is used during it.
#[inline(always)]
unsafe fn section_mut<'a, S: Section>(slot: NonNull<S::Slot>) -> &'a mut S {
    const { _ = key::<S>() }
    // SAFETY: as in `section`.
    unsafe { slot.byte_add(S::OFFSET).cast::<S>().as_mut() }
}
