//! Edge: blocks of raw messages, from a loader thread that reads and unpacks files to the sequencer's thread, and the
//! empty blocks back. So the hot thread makes no system call and allocates nothing.

use super::complaint::Complaint;
use crate::ring::spsc;
use crate::types::instrument::{Instrument, Symbol};
use crate::types::time::UnixNanos;

/// Where a frame lies in its block.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef {
    /// Receive time.
    pub ts_recv: UnixNanos,
    /// Index of the reader (file) that it came from.
    pub reader: u16,
    /// First byte.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
    /// Number of the message in its session, where the transport numbers them; else 0.
    pub sequence: u64,
    /// Number of its line, message or packet in the file, from 1; 0 = not from a file.
    pub number: u64,
    /// What it is.
    pub kind: FrameRefKind,
}

/// What a frame is.
#[derive(Clone, Copy, Debug)]
pub enum FrameRefKind {
    /// A message of the feed.
    Message,
    /// A REST snapshot that does not name its symbol; the one that was asked for, if known.
    RestSnapshot(Option<Symbol>),
    /// The block's `definitions` are to be taken in.
    Definitions,
    /// Messages are missing: first missing number, first one behind.
    Gap(u64, u64),
    /// The capture is cut off here.
    Cut,
    /// A record of the capture cannot be read here.
    BadRecord,
}

/// A block of frames. Its buffers travel round and round.
#[derive(Debug, Default)]
pub struct FrameBlock {
    /// The frames' bytes, one behind the other.
    pub bytes: Vec<u8>,
    /// The frames.
    pub frames: Vec<FrameRef>,
    /// Definitions (from exchangeInfo).
    pub definitions: Vec<Instrument>,
    /// Bytes of the files in front of this block, for progress.
    pub bytes_before: u64,
    /// Bytes of the files up to the end of this block.
    pub bytes_behind: u64,
    /// Nothing follows this block.
    pub last: bool,
    /// What was wrong with the files: what was read before is in this block and those before it.
    pub faults: Vec<Complaint>,
}

impl FrameBlock {
    /// Bytes after which a block is sent on.
    pub const BYTES: usize = 256 * 1024;

    /// Empties the block, keeps its buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.definitions.clear();
        self.last = false;
        self.faults.clear();
    }

    /// Appends a frame. `false` if a block of 4 GiB is full (never with the usual sizes).
    pub fn push(&mut self, ts_recv: UnixNanos, reader: u16, bytes: &[u8], kind: FrameRefKind) -> bool {
        self.push_numbered(ts_recv, reader, bytes, 0, 0, kind)
    }

    /// Appends a frame of a file, with its number in the session and in the file. `false` as with [`push`](Self::push).
    pub fn push_numbered(
        &mut self,
        ts_recv: UnixNanos,
        reader: u16,
        bytes: &[u8],
        sequence: u64,
        number: u64,
        kind: FrameRefKind,
    ) -> bool {
        let (Ok(offset), Ok(len)) = (u32::try_from(self.bytes.len()), u32::try_from(bytes.len())) else {
            return false;
        };
        self.bytes.extend_from_slice(bytes);
        self.frames.push(FrameRef { ts_recv, reader, offset, len, sequence, number, kind });
        true
    }
}

/// The loader's end.
pub struct BlockSender {
    full: spsc::Sender<FrameBlock>,
    empty: spsc::Receiver<FrameBlock>,
    in_flight_max: usize,
    made: usize,
}

/// The sequencer's end.
pub struct BlockReceiver {
    full: spsc::Receiver<FrameBlock>,
    empty: spsc::Sender<FrameBlock>,
}

/// A pair of ends with room for `blocks` blocks under way.
pub fn block_channel(blocks: usize) -> (BlockSender, BlockReceiver) {
    let (full_sender, full_receiver) = spsc::channel(blocks);
    let (empty_sender, empty_receiver) = spsc::channel(blocks);
    (
        BlockSender { full: full_sender, empty: empty_receiver, in_flight_max: blocks, made: 0 },
        BlockReceiver { full: full_receiver, empty: empty_sender },
    )
}

impl BlockSender {
    /// An empty block; waits while all are under way. `None` once the other end is gone.
    pub fn take_empty(&mut self) -> Option<FrameBlock> {
        loop {
            if let Some(mut block) = self.empty.try_recv() {
                block.clear();
                return Some(block);
            }
            if self.made < self.in_flight_max {
                self.made += 1;
                return Some(FrameBlock {
                    bytes: Vec::with_capacity(FrameBlock::BYTES * 2),
                    frames: Vec::with_capacity(4096),
                    ..FrameBlock::default()
                });
            }
            if self.full.is_closed() {
                return None;
            }
            std::thread::park_timeout(std::time::Duration::from_micros(50));
        }
    }

    /// Sends a block on. `false` once the other end is gone.
    pub fn send(&mut self, block: FrameBlock) -> bool {
        let mut block = block;
        loop {
            match self.full.try_send(block) {
                Ok(()) => return true,
                Err(back) => block = back,
            }
            if self.full.is_closed() {
                return false;
            }
            std::thread::park_timeout(std::time::Duration::from_micros(50));
        }
    }
}

impl BlockReceiver {
    /// The next block, if one is there.
    #[inline]
    pub fn try_next(&mut self) -> Option<FrameBlock> {
        self.full.try_recv()
    }

    /// Whether the loader is gone and nothing is left.
    pub fn is_finished(&self) -> bool {
        self.full.is_closed() && self.full.is_empty()
    }

    /// Gives an emptied block back. There is room for all of them, so it is never lost.
    #[inline]
    pub fn give_back(&mut self, block: FrameBlock) {
        drop(self.empty.try_send(block));
    }
}
