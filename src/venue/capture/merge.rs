//! Edge: several captures as one, in the order of their times.

use super::error::CaptureError;
use super::{CaptureReader, CapturedFrame};
use crate::types::time::{NO_TIME, UnixNanos};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The error of one of the merged captures.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct MergeError {
    /// Index of the reader in the merge.
    pub reader: usize,
    /// What is wrong.
    #[source]
    pub error: CaptureError,
}

/// Merges captures by `(ts_recv, index of the reader, order in the file)`.
///
/// A file whose times go backward keeps its order: for the merge each of its frames counts as not earlier than the one in
/// front of it. `ts_recv` is delivered as it was recorded.
///
/// An error is given when the reader meets it, which is when its last good frame has been delivered; the other readers
/// go on when asked again, and so does this one unless the error is final.
pub struct Merge {
    readers: Vec<Box<dyn CaptureReader>>,
    /// Latest key of each reader.
    keys: Vec<UnixNanos>,
    heads: BinaryHeap<Reverse<(UnixNanos, usize)>>,
    /// Readers that must be advanced before the next frame is chosen.
    stale: Vec<usize>,
}

impl Merge {
    /// A merge of `readers`; their indices break ties of time.
    pub fn new(readers: Vec<Box<dyn CaptureReader>>) -> Self {
        let keys = vec![NO_TIME; readers.len()];
        let heads = BinaryHeap::with_capacity(readers.len());
        let stale = (0..readers.len()).rev().collect();
        Self { readers, keys, heads, stale }
    }

    /// The readers, for their progress and counts.
    pub fn readers(&self) -> &[Box<dyn CaptureReader>] {
        &self.readers
    }

    /// The next frame and the index of its reader, or `None` when all readers are at their ends.
    ///
    /// # Errors
    /// [`MergeError`].
    pub fn next_frame(&mut self) -> Result<Option<(usize, CapturedFrame<'_>)>, MergeError> {
        while let Some(&index) = self.stale.last() {
            match self.readers[index].advance() {
                Ok(true) => {
                    let key = self.keys[index].max(self.readers[index].frame().ts_recv);
                    self.keys[index] = key;
                    self.heads.push(Reverse((key, index)));
                    self.stale.pop();
                }
                Ok(false) => {
                    self.stale.pop();
                }
                Err(error) => {
                    if error.is_final() {
                        self.stale.pop();
                    }
                    return Err(MergeError { reader: index, error });
                }
            }
        }
        let Some(Reverse((_, index))) = self.heads.pop() else { return Ok(None) };
        self.stale.push(index);
        Ok(Some((index, self.readers[index].frame())))
    }
}
