//! Hot: what is sequenced: frames in the order of their delivery, from a loader thread or from the generated market.

use super::complaint::Complaint;
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
    /// Bytes of files up to the end of the last block that was used up.
    bytes_behind: u64,
    /// What was wrong with the files.
    pub faults: Vec<Complaint>,
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
            bytes_behind: 0,
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
            block.push(ts, 0, bytes, FrameRefKind::Message);
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
                    self.ended = block.last;
                    if !block.faults.is_empty() {
                        self.faults.extend_from_slice(&block.faults);
                    }
                    self.blocks.push_back(block);
                    self.at = 0;
                }
                None if receiver.is_finished() => {
                    self.ended = true;
                    self.faults.push(Complaint::new("the loader thread ended before the end of its files"));
                }
                None => return Next::NotYet,
            }
        }
    }

    fn retire(&mut self) {
        if let Some(mut block) = self.blocks.pop_front() {
            self.bytes_behind = block.bytes_behind;
            if let Some(receiver) = &mut self.receiver {
                receiver.give_back(block);
            } else {
                block.clear();
                self.spare.push(block);
            }
        }
        self.at = 0;
    }

    /// Bytes of the files behind the frames that were taken; what the loader has read ahead does not count. Within a block
    /// the frames are taken as evenly long.
    pub fn bytes_taken(&self) -> u64 {
        let Some(block) = self.blocks.front() else { return self.bytes_behind };
        let length = block.bytes_behind.saturating_sub(block.bytes_before);
        block.bytes_before + length * self.at as u64 / (block.frames.len() as u64).max(1)
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
    fn only_what_was_taken_counts_as_progress() {
        let (mut sender, receiver) = block_channel(4);
        let mut inflow = Inflow::from_loader(receiver);
        for (before, behind) in [(0, 100), (100, 140)] {
            let mut block = sender.take_empty().unwrap();
            (block.bytes_before, block.bytes_behind) = (before, behind);
            block.push(1, 0, b"x", FrameRefKind::Message);
            block.push(2, 0, b"y", FrameRefKind::Message);
            block.last = before > 0;
            assert!(sender.send(block));
        }
        let mut seen = vec![inflow.bytes_taken()];
        while matches!(inflow.peek(), Next::At(_)) {
            seen.push(inflow.bytes_taken());
            inflow.take();
            seen.push(inflow.bytes_taken());
        }
        assert_eq!(seen, [0, 0, 50, 50, 100, 100, 120, 120, 140]);
        assert_eq!((inflow.peek(), inflow.bytes_taken()), (Next::Ended, 140));
    }

    #[test]
    fn a_loader_that_dies_is_told() {
        let (mut sender, receiver) = block_channel(2);
        let mut inflow = Inflow::from_loader(receiver);
        let mut block = sender.take_empty().unwrap();
        block.push(5, 0, b"x", FrameRefKind::Message);
        assert!(sender.send(block));
        drop(sender);
        assert_eq!(inflow.peek(), Next::At(5));
        inflow.take();
        assert_eq!(inflow.peek(), Next::Ended);
        assert!(inflow.faults[0].text.contains("before the end"));
    }
}
