//! Edge: the loader thread: reads and unpacks captures, merges them by local time, and sends blocks to the sequencer.

use super::frames::{BlockSender, FrameBlock, FrameRef};
use crate::venue::capture::{CaptureReader, CapturedKind, Merge};
use crate::venue::binance::exchange_info;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

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
pub fn spawn(readers: Vec<Box<dyn CaptureReader>>, sender: BlockSender, progress: LoaderProgress) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("loader".to_owned()).spawn(move || load(readers, sender, &progress))
}

fn load(readers: Vec<Box<dyn CaptureReader>>, mut sender: BlockSender, progress: &LoaderProgress) {
    let mut merge = Merge::new(readers);
    let Some(mut block) = sender.take_empty() else { return };
    loop {
        let end = fill(&mut merge, &mut block);
        block.bytes_read = merge.bytes_read();
        progress.bytes.store(block.bytes_read, Ordering::Relaxed);
        if let Some(fault) = end {
            block.last = true;
            block.fault = fault;
            sender.send(block);
            return;
        }
        if !sender.send(block) {
            return;
        }
        match sender.take_empty() {
            Some(empty) => block = empty,
            None => return,
        }
    }
}

/// Fills a block; `Some` at the end, with the fault that ended it if there was one.
fn fill(merge: &mut Merge, block: &mut FrameBlock) -> Option<Option<String>> {
    while block.bytes.len() < FrameBlock::BYTES {
        match merge.next() {
            Ok(None) => return Some(None),
            Err(error) => return Some(Some(error.to_string())),
            Ok(Some((reader, frame))) => match frame.kind {
                CapturedKind::Message => {
                    block.push(frame.ts_recv, reader as u16, frame.bytes, frame.rest_symbol);
                }
                CapturedKind::Definitions => match exchange_info::read(frame.bytes, frame.venue) {
                    Ok(instruments) => {
                        block.definitions.extend(instruments);
                        block.frames.push(FrameRef {
                            ts_recv: frame.ts_recv,
                            reader: reader as u16,
                            offset: 0,
                            len: 0,
                            rest_symbol: None,
                            definitions: true,
                        });
                        // In a block of its own end, so that the catalogue is there before what follows.
                        return None;
                    }
                    Err(error) => return Some(Some(format!("an exchangeInfo answer in the captures cannot be read: {error}"))),
                },
            },
        }
    }
    None
}
