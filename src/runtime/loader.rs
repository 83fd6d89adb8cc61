//! Edge: the loader thread: reads and unpacks captures, merges them by local time, and sends blocks to the sequencer.

use super::frames::{BlockSender, FrameBlock, FrameRefKind};
use crate::types::instrument::Symbol;
use crate::venue::binance::exchange_info;
use crate::venue::capture::{CaptureReader, FrameKind, Merge};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Faults in one block after which reading stops: the file is not what it seems.
const FAULTS_MAX: usize = 100;

/// How far the loader is.
#[derive(Clone, Debug, Default)]
pub struct LoaderProgress {
    /// Bytes of the files read.
    pub bytes: Arc<AtomicU64>,
}

/// Starts the loader over `readers`.
///
/// # Errors
/// The thread cannot be started.
pub fn spawn(
    readers: Vec<Box<dyn CaptureReader>>,
    sender: BlockSender,
    progress: LoaderProgress,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("loader".to_owned()).spawn(move || load(readers, sender, &progress))
}

fn load(readers: Vec<Box<dyn CaptureReader>>, mut sender: BlockSender, progress: &LoaderProgress) {
    let mut merge = Merge::new(readers);
    let Some(mut block) = sender.take_empty() else { return };
    loop {
        let more = fill(&mut merge, &mut block);
        block.bytes_read = merge.readers().iter().map(|r| r.progress().0).sum();
        progress.bytes.store(block.bytes_read, Ordering::Relaxed);
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
                // The other files, and this one behind a bad line, go on: nothing that can be read is lost.
                block.faults.push(error.to_string());
                if error.error.is_cut() {
                    // What is missing may have been book changes: the source's books are not whole any more.
                    let at = merge.readers()[error.reader].frame().ts_recv;
                    block.push(at, error.reader as u16, &[], 0, FrameRefKind::Cut);
                }
                if block.faults.len() >= FAULTS_MAX {
                    block.faults.push("too many faults; reading stopped here".to_owned());
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
                        block.faults.push(format!("an exchangeInfo answer in the captures cannot be read: {error}"));
                    }
                }
                block.push(frame.ts_recv, reader, &[], 0, FrameRefKind::Definitions);
                // One set of definitions a block: the sequencer takes in all that its block has.
                return true;
            }
        };
        block.push(frame.ts_recv, reader, frame.bytes, frame.sequence, kind);
    }
    true
}
