//! Edge: zstd as files have it: one frame behind the other, and nothing else behind the last.
//!
//! Each frame says by itself whether a checksum stands behind its content. So each is unpacked by itself: that the first has
//! one says nothing of the others.

use std::io::{self, BufRead, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a frame begins with.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// What a frame begins with that no content is in, but for the lowest four bits of the first byte.
const SKIPPABLE: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];
/// Bytes of a frame up to its descriptor, whose bit 2 says that a checksum follows the content.
const HEAD: usize = MAGIC.len() + 1;
const CHECKSUM: u8 = 1 << 2;

/// The bytes looked at, and the rest.
type Input<R> = Chain<Cursor<Vec<u8>>, R>;

/// The unpacked content of all frames of a file.
pub(super) struct Frames<R: BufRead> {
    /// The frame at hand; `None` at the end, and behind a fault.
    frame: Option<zstd::Decoder<'static, Input<R>>>,
    checksum: Arc<AtomicBool>,
}

impl<R: BufRead> Frames<R> {
    /// The frames of `file`, which begins with [`MAGIC`], and whether all frames so far have a checksum.
    pub fn new(file: R) -> io::Result<(Self, Arc<AtomicBool>)> {
        let checksum = Arc::new(AtomicBool::new(true));
        let mut frames = Self { frame: None, checksum: Arc::clone(&checksum) };
        frames.begin(file)?;
        Ok((frames, checksum))
    }

    /// Begins the next frame, if there is one.
    fn begin(&mut self, mut file: R) -> io::Result<()> {
        let mut head = Vec::with_capacity(HEAD);
        // By itself a read may end with the file's buffer, in the middle of a head.
        file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(());
        }
        let begins_with = |magic: &[u8], mask: u8| {
            head.iter().zip(magic).enumerate().all(|(i, (byte, m))| if i == 0 { byte & mask == *m } else { byte == m })
        };
        if begins_with(&MAGIC, 0xFF) {
            if head.get(MAGIC.len()).is_some_and(|descriptor| descriptor & CHECKSUM == 0) {
                self.checksum.store(false, Ordering::Relaxed);
            }
        } else if !begins_with(&SKIPPABLE, 0xF0) {
            let what = if head.iter().all(|byte| *byte == 0) { "zeros follow" } else { "other bytes follow" };
            let text = format!("{what} behind the end of a frame: padding, or a further frame that is damaged");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.frame = Some(zstd::Decoder::with_buffer(Cursor::new(head).chain(file))?.single_frame());
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(frame) = &mut self.frame else { return Ok(0) };
            let n = frame.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            if let Some(frame) = self.frame.take() {
                self.begin(frame.finish().into_inner().1)?;
            }
        }
    }
}
