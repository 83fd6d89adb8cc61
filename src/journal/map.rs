//! Edge: a mapped segment in two halves: the writer owns what is not yet published, the helper what is.
#![allow(
    unsafe_code,
    reason = "a record must be copied into the page cache without a system call, so the segment is mapped"
)]

use memmap2::{Advice, MmapRaw};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Where the length stands in a record.
const LENGTH_AT: usize = 32;

struct Mapping {
    raw: MmapRaw,
    len: usize,
    /// Bytes from the start that are published. Written by the only `Front`, read by the only `Back`.
    published: AtomicUsize,
}

/// The writer's half: the bytes behind what is published. There is one per mapping.
pub(super) struct Front {
    mapping: Arc<Mapping>,
    /// Equal to `published`; kept here since only this half changes it.
    at: usize,
}

/// The helper's half: the bytes that are published. There is one per mapping.
pub(super) struct Back {
    mapping: Arc<Mapping>,
}

/// Maps the whole of `file`, whose blocks must have been reserved, so that no store can meet a full disk.
pub(super) fn map(file: &File) -> io::Result<(Front, Back)> {
    let raw = MmapRaw::map_raw(file)?;
    let len = raw.len();
    let mapping = Arc::new(Mapping { raw, len, published: AtomicUsize::new(0) });
    Ok((Front { mapping: Arc::clone(&mapping), at: 0 }, Back { mapping }))
}

impl Front {
    /// Bytes published so far.
    #[inline]
    pub(super) fn used(&self) -> usize {
        self.at
    }

    /// Bytes not yet published.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.mapping.len - self.at
    }

    /// The next `len` unpublished bytes, or `None` if there are not so many. They are zero until written.
    #[inline]
    pub(super) fn spare(&mut self, len: usize) -> Option<&mut [u8]> {
        if len > self.room() {
            return None;
        }
        // SAFETY: `at + len <= mapping.len`, so the range lies in the live mapping (kept by the `Arc`), and its blocks
        // exist since the file is only truncated after both halves are gone. Bytes at or behind `published` are
        // reached through `Front` alone (`Back` stops at `published`, which is `at`), there is one `Front`, and the
        // slice borrows it mutably: no other reference to these bytes can exist.
        Some(unsafe { core::slice::from_raw_parts_mut(self.mapping.raw.as_mut_ptr().add(self.at), len) })
    }

    /// Publishes the record of `len` bytes that was written into [`Self::spare`], by storing its length last.
    #[inline]
    pub(super) fn publish(&mut self, len: usize) {
        assert!(
            len <= self.room() && len > LENGTH_AT + 4 && self.at.is_multiple_of(4),
            "a record was written into `spare`"
        );
        // SAFETY: the length field lies inside the `len` unpublished bytes, which only this `Front` reaches (see
        // `spare`; its slice is no longer borrowed, since `self` is borrowed mutably here). The mapping starts at a
        // page and `at` is a multiple of 4, so the address is aligned for an `AtomicU32`.
        let length = unsafe { AtomicU32::from_ptr(self.mapping.raw.as_mut_ptr().add(self.at + LENGTH_AT).cast()) };
        length.store(len as u32, Ordering::Release);
        self.at += len;
        self.mapping.published.store(self.at, Ordering::Release);
    }
}

impl Back {
    /// Bytes published so far.
    pub(super) fn published(&self) -> usize {
        self.mapping.published.load(Ordering::Acquire)
    }

    /// The published bytes from `from` on.
    pub(super) fn bytes_mut(&mut self, from: usize) -> &mut [u8] {
        let end = self.published();
        let from = from.min(end);
        // SAFETY: `end <= mapping.len`, and the acquiring load makes the bytes before it visible. `Front` never
        // touches bytes before `published` again, there is one `Back`, and the slice borrows it mutably.
        unsafe { core::slice::from_raw_parts_mut(self.mapping.raw.as_mut_ptr().add(from), end - from) }
    }

    /// Faults in the pages from `from` to `to`, so that the writer does not have to. Without the kernel's help
    /// (before Linux 5.14) the writer faults them in itself.
    pub(super) fn prefault(&self, from: usize, to: usize) {
        let to = to.min(self.mapping.len);
        if from < to {
            // An optimisation only: the answer changes nothing.
            let _ = self.mapping.raw.advise_range(Advice::PopulateWrite, from, to - from);
        }
    }

    /// Whether the writer's half is gone, so that the file may be truncated when this half is dropped too.
    pub(super) fn is_last(&self) -> bool {
        Arc::strong_count(&self.mapping) == 1
    }

    /// Bytes of the mapping.
    pub(super) fn len(&self) -> usize {
        self.mapping.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_moves_from_front_to_back() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let (mut front, mut back) = map(&file).unwrap();
        front.spare(64).unwrap()[0] = 7;
        assert!(back.bytes_mut(0).is_empty());
        front.publish(64);
        assert_eq!((back.bytes_mut(0)[0], back.bytes_mut(0)[32], back.published()), (7, 64, 64));
        assert_eq!(front.room(), 4032);
        assert!(front.spare(4033).is_none());
        front.spare(4032).unwrap()[4031] = 9;
        front.publish(4032);
        assert_eq!(back.bytes_mut(4095), [9]);
        assert!(front.spare(1).is_none());
        drop(front);
        assert!(back.is_last());
    }
}
