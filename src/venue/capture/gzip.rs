//! Edge: gzip as files have it: one member behind the other, and nothing else behind the last.
//!
//! Each member is unpacked by itself, so that what is no member is told as that, and not as a damaged header.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// What gzip begins with.
pub(super) const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// The unpacked content of all members of a file.
pub(super) struct Members<R> {
    /// The member at hand; `None` at the end, and behind a fault.
    member: Option<GzDecoder<R>>,
    /// Members that are whole, their checksums right.
    whole: u64,
}

impl<R: BufRead> Members<R> {
    /// The members of `file`, which begins with [`MAGIC`].
    pub fn new(file: R) -> Self {
        Self { member: Some(GzDecoder::new(file)), whole: 0 }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let n = member.read(into).map_err(in_words)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            self.whole += 1;
            let Some(mut file) = self.member.take().map(GzDecoder::into_inner) else { return Ok(0) };
            let next = file.fill_buf()?;
            if next.is_empty() {
                return Ok(0);
            }
            // The buffer may end between the two bytes; then the header's parser sees the second.
            if next[0] != MAGIC[0] || next.get(1).is_some_and(|byte| *byte != MAGIC[1]) {
                let what = if next.iter().all(|byte| *byte == 0) { "zeros follow" } else { "other bytes follow" };
                let part = if self.whole == 1 { String::new() } else { format!(" of part {}", self.whole) };
                let text = format!(
                    "{what} behind the end{part}, whose checksum is right: padding, or a further part that is damaged"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.member = Some(GzDecoder::new(file));
        }
    }
}

/// The decoder's error in words for people. A file that ends too early keeps its kind.
fn in_words(error: io::Error) -> io::Error {
    if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted) {
        return error;
    }
    let said = error.to_string();
    let text = if said.contains("checksum") {
        "its checksum does not match".to_owned()
    } else if said.contains("header") {
        "its header is damaged".to_owned()
    } else if said.contains("deflate") {
        "its packed bytes make no sense".to_owned()
    } else {
        // The file system's own words.
        return error;
    };
    io::Error::new(io::ErrorKind::InvalidData, text)
}
