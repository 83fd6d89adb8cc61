//! Hot: what is sequenced: frames in the order of their delivery, from a loader thread or from the generated market.

use super::frames::{BlockReceiver, FrameBlock, FrameRef, FrameRefKind};
use crate::types::ids::SourceId;
use crate::types::time::UnixNanos;
use std::collections::VecDeque;

/// What comes next from the inflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A frame, due at this time.
    At(UnixNanos),
    /// The loader has not caught up.
    NotYet,
    /// Nothing more, ever (from here).
    Ended,
}

/// A queue of blocks; frames are taken from the front.
pub struct Inflow {
    receiver: Option<BlockReceiver>,
    blocks: VecDeque<FrameBlock>,
    spare: Vec<FrameBlock>,
    at: usize,
    ended: bool,
    /// Bytes of files read so far.
    pub bytes_read: u64,
    /// What was wrong with the files.
    pub faults: Vec<String>,
}

impl Inflow {
    /// Frames from a loader thread.
    pub fn from_loader(receiver: BlockReceiver) -> Self {
        Self { receiver: Some(receiver), ..Self::generated() }
    }

    /// Frames that the generated market puts in with [`Inflow::push`].
    pub fn generated() -> Self {
        Self {
            receiver: None,
            blocks: VecDeque::with_capacity(64),
            spare: Vec::with_capacity(64),
            at: 0,
            ended: false,
            bytes_read: 0,
            faults: Vec::new(),
        }
    }

    /// Appends a generated frame, due at `ts`, which must not lie before the one in front of it.
    pub fn push(&mut self, ts: UnixNanos, bytes: &[u8]) {
        let full = self.blocks.back().is_none_or(|b| b.bytes.len() + bytes.len() > FrameBlock::BYTES);
        if full {
            let mut block = self.spare.pop().unwrap_or_else(|| FrameBlock {
                bytes: Vec::with_capacity(FrameBlock::BYTES * 2),
                frames: Vec::with_capacity(4096),
                ..FrameBlock::default()
            });
            block.clear();
            self.blocks.push_back(block);
        }
        if let Some(block) = self.blocks.back_mut() {
            block.push(ts, 0, bytes, 0, FrameRefKind::Message);
        }
    }

    /// What comes next.
    #[inline]
    pub fn peek(&mut self) -> Next {
        loop {
            if let Some(block) = self.blocks.front() {
                if let Some(frame) = block.frames.get(self.at) {
                    return Next::At(frame.ts_recv);
                }
                self.retire();
                continue;
            }
            let Some(receiver) = &mut self.receiver else { return Next::NotYet };
            if self.ended {
                return Next::Ended;
            }
            match receiver.try_next() {
                Some(block) => {
                    self.bytes_read = block.bytes_read;
                    self.ended = block.last;
                    if !block.faults.is_empty() {
                        self.faults.extend_from_slice(&block.faults);
                    }
                    self.blocks.push_back(block);
                    self.at = 0;
                }
                None if receiver.is_finished() => {
                    self.ended = true;
                    self.faults.push("the loader thread ended before the end of its files".to_owned());
                }
                None => return Next::NotYet,
            }
        }
    }

    fn retire(&mut self) {
        if let Some(mut block) = self.blocks.pop_front() {
            if let Some(receiver) = &mut self.receiver {
                receiver.give_back(block);
            } else {
                block.clear();
                self.spare.push(block);
            }
        }
        self.at = 0;
    }

    /// The frame in front and its bytes, and steps behind it.
    #[inline]
    pub fn take(&mut self) -> Option<(FrameRef, &FrameBlock)> {
        let block = self.blocks.front()?;
        let frame = *block.frames.get(self.at)?;
        self.at += 1;
        Some((frame, block))
    }
}

/// The source number of a reader.
pub fn source_of(reader: u16) -> SourceId {
    SourceId(SourceId::FEED_FIRST.0.saturating_add(reader))
}

#[cfg(test)]
mod tests {
    use super::super::frames::block_channel;
    use super::*;

    #[test]
    fn generated_frames_come_in_order_and_buffers_are_reused() {
        let mut inflow = Inflow::generated();
        assert_eq!(inflow.peek(), Next::NotYet);
        let big = vec![7u8; FrameBlock::BYTES / 2 + 1];
        for round in 0..6i64 {
            inflow.push(round, &big);
        }
        for round in 0..6i64 {
            assert_eq!(inflow.peek(), Next::At(round));
            let (frame, block) = inflow.take().unwrap();
            assert_eq!(&block.bytes[frame.offset as usize..][..frame.len as usize], &big[..]);
        }
        assert_eq!(inflow.peek(), Next::NotYet);
        assert_eq!(inflow.spare.len(), 6);
    }

    #[test]
    fn a_loader_that_dies_is_told() {
        let (mut sender, receiver) = block_channel(2);
        let mut inflow = Inflow::from_loader(receiver);
        let mut block = sender.take_empty().unwrap();
        block.push(5, 0, b"x", 0, FrameRefKind::Message);
        assert!(sender.send(block));
        drop(sender);
        assert_eq!(inflow.peek(), Next::At(5));
        inflow.take();
        assert_eq!(inflow.peek(), Next::Ended);
        assert!(inflow.faults[0].contains("before the end"));
    }
}
