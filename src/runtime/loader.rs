//! Edge: the loader thread: reads and unpacks captures, merges them by local time, and sends blocks to the sequencer.

use super::complaint::Complaint;
use super::frames::{BlockSender, FrameBlock, FrameRefKind};
use crate::types::instrument::Symbol;
use crate::types::time::NO_TIME;
use crate::venue::binance::exchange_info;
use crate::venue::capture::{CaptureReader, FrameKind, Merge};
use std::io;
use std::thread::JoinHandle;

/// Faults in one block after which reading stops: the file is not what it seems.
const FAULTS_MAX: usize = 100;

/// Starts the loader over `readers`.
///
/// # Errors
/// The thread cannot be started.
pub fn spawn(readers: Vec<Box<dyn CaptureReader>>, sender: BlockSender) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("loader".to_owned()).spawn(move || load(readers, sender))
}

fn load(readers: Vec<Box<dyn CaptureReader>>, mut sender: BlockSender) {
    let mut merge = Merge::new(readers);
    let Some(mut block) = sender.take_empty() else { return };
    let mut bytes = 0;
    loop {
        block.bytes_before = bytes;
        let more = fill(&mut merge, &mut block);
        bytes = merge.readers().iter().map(|r| r.progress().0).sum();
        block.bytes_behind = bytes;
        block.last = !more;
        if !sender.send(block) || !more {
            return;
        }
        match sender.take_empty() {
            Some(empty) => block = empty,
            None => return,
        }
    }
}

/// Fills a block; `false` at the end of all files.
fn fill(merge: &mut Merge, block: &mut FrameBlock) -> bool {
    while block.bytes.len() < FrameBlock::BYTES {
        let (reader, frame) = match merge.next_frame() {
            Ok(Some(next)) => next,
            Ok(None) => return false,
            Err(error) => {
                // The other files, and this one behind a bad record, go on: nothing that can be read is lost.
                block.faults.push((&error.error).into());
                // What is missing may have been book changes: the source's books are not whole any more.
                let missing = if error.error.is_record() {
                    Some(FrameRefKind::BadRecord)
                } else {
                    error.error.is_cut().then_some(FrameRefKind::Cut)
                };
                let at = merge.readers()[error.reader].frame().ts_recv;
                // Before the first frame of a file no book stands on it, and there is no time to put a gap at.
                if let Some(kind) = missing
                    && at != NO_TIME
                {
                    block.push(at, error.reader as u16, &[], kind);
                }
                if block.faults.len() >= FAULTS_MAX {
                    block
                        .faults
                        .push(Complaint::new("too many faults at one place: reading stopped here; repair the file"));
                    return false;
                }
                continue;
            }
        };
        let reader = reader as u16;
        let kind = match frame.kind {
            FrameKind::Message => FrameRefKind::Message,
            FrameKind::RestSnapshot { symbol } => FrameRefKind::RestSnapshot(symbol.and_then(|s| Symbol::from(s).ok())),
            FrameKind::Gap { from, to } => FrameRefKind::Gap(from, to),
            FrameKind::Definitions => {
                match exchange_info::read(frame.bytes, frame.venue) {
                    Ok(instruments) => block.definitions.extend(instruments),
                    Err(error) => {
                        let complaint =
                            Complaint::new(format!("an exchangeInfo answer in the captures cannot be read: {error}"));
                        block.faults.push(complaint);
                    }
                }
                block.push(frame.ts_recv, reader, &[], FrameRefKind::Definitions);
                // One set of definitions a block: the sequencer takes in all that its block has.
                return true;
            }
        };
        block.push_numbered(frame.ts_recv, reader, frame.bytes, frame.sequence, frame.number, kind);
    }
    true
}
