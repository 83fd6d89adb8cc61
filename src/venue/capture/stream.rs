//! Edge: the content of a file, decompressed, behind one buffer that lines, messages and packets are cut from.

use super::error::{CaptureError, Place, Unit};
use super::frames::{self, Frames};
use super::gzip::{self, Members};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes asked of the decompressor at once. When it meets damage, what it made in that call is lost, so this is small.
const CHUNK: usize = 16 << 10;
const BUFFER: usize = 256 << 10;

/// A file that counts what is taken of it; what is only buffered does not count.
struct Counted {
    file: BufReader<File>,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.file.consume(n);
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// The content of a file, unpacked if it is packed.
pub(super) struct Unpacked {
    pub content: Box<dyn Read + Send>,
    /// "gzip", "zstd" or "file".
    pub layer: &'static str,
    /// Whether a checksum stands behind all of the content given so far.
    checksum: Arc<AtomicBool>,
    /// Bytes of the file that were taken to make the content given so far.
    taken: Arc<AtomicU64>,
}

impl Unpacked {
    /// Whether a checksum stands behind all of the content given so far.
    pub fn has_checksum(&self) -> bool {
        self.checksum.load(Ordering::Relaxed)
    }
}

/// Opens `path`; gzip and zstd are recognised by their magic numbers.
pub(super) fn unpacked(path: &Path) -> Result<Unpacked, CaptureError> {
    let opening = |error| CaptureError::opening(path, error);
    let file = BufReader::with_capacity(BUFFER, File::open(path).map_err(opening)?);
    let taken = Arc::new(AtomicU64::new(0));
    let mut file = Counted { file, taken: Arc::clone(&taken) };
    let head = file.fill_buf().map_err(opening)?;
    if head.is_empty() {
        return Err(CaptureError::Empty { path: path.to_path_buf() });
    }
    if head.starts_with(&gzip::MAGIC) {
        // Each member ends with one.
        let checksum = Arc::new(AtomicBool::new(true));
        return Ok(Unpacked { content: Box::new(Members::new(file)), layer: "gzip", checksum, taken });
    }
    if head.starts_with(&frames::MAGIC) {
        let (content, checksum) = Frames::new(file).map_err(opening)?;
        return Ok(Unpacked { content: Box::new(content), layer: "zstd", checksum, taken });
    }
    Ok(Unpacked { content: Box::new(file), layer: "file", checksum: Arc::default(), taken })
}

/// A line in the stream's buffer, without its end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// For [`ByteStream::bytes`], until the stream is read again.
    pub range: Range<usize>,
    /// Where it starts.
    pub at: Place,
    /// Whether it had an end; only the last line may have none.
    pub ended: bool,
}

/// The buffered content of one file.
pub(super) struct ByteStream {
    pub path: PathBuf,
    inner: Unpacked,
    /// What its records are called.
    pub unit: Unit,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Content bytes in front of `start`.
    offset: u64,
    lines: u64,
    record_bytes_max: usize,
    file_bytes: u64,
    ended: bool,
    damage: Option<io::Error>,
}

impl ByteStream {
    /// Opens `path`; gzip and zstd are recognised by their magic numbers.
    pub fn open(path: &Path, record_bytes_max: usize) -> Result<Self, CaptureError> {
        let metadata = std::fs::metadata(path).map_err(|e| CaptureError::opening(path, e))?;
        if metadata.is_dir() {
            return Err(CaptureError::Directory { path: path.to_path_buf() });
        }
        let inner = unpacked(path)?;
        let mut stream = Self {
            path: path.to_path_buf(),
            inner,
            unit: Unit::Line,
            buffer: vec![0; BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            lines: 0,
            record_bytes_max: record_bytes_max.max(BUFFER),
            file_bytes: metadata.len(),
            ended: false,
            damage: None,
        };
        if !stream.fill(1) {
            return Err(stream.damage().unwrap_or(CaptureError::Empty { path: path.to_path_buf() }));
        }
        Ok(stream)
    }

    /// "gzip", "zstd" or "file".
    pub fn layer(&self) -> &'static str {
        self.inner.layer
    }

    /// The layer, for people; a checksum that is missing is told.
    pub fn packing(&self) -> &'static str {
        match self.inner.layer {
            "file" => "plain",
            "zstd" if !self.inner.has_checksum() => "zstd without a checksum",
            layer => layer,
        }
    }

    /// Bytes of the file behind the records that were consumed, and the file's size. Content that is unpacked but not
    /// consumed does not count; within it the bytes of the file are taken as evenly spread.
    pub fn progress(&self) -> (u64, u64) {
        let taken = self.inner.taken.load(Ordering::Relaxed);
        let unpacked = self.offset + (self.end - self.start) as u64;
        let part = u128::from(taken) * u128::from(self.offset) / u128::from(unpacked.max(1));
        (part as u64, self.file_bytes)
    }

    /// Content that is buffered and not yet consumed.
    pub fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes of the buffer that were handed out as a range; empty if the range is not in it.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Where `part`, a slice of the buffer, lies in it.
    pub fn range_of(&self, part: &[u8]) -> Range<usize> {
        let at = (part.as_ptr() as usize).wrapping_sub(self.buffer.as_ptr() as usize);
        at..at.wrapping_add(part.len())
    }

    /// Where the next byte lies.
    pub fn place(&self, number: u64) -> Place {
        Place { byte: self.offset, number, unit: self.unit }
    }

    /// Takes `n` bytes away; their range stays readable until the next [`fill`](Self::fill).
    pub fn consume(&mut self, n: usize) -> Range<usize> {
        let range = self.start..(self.start + n).min(self.end);
        self.start = range.end;
        self.offset += range.len() as u64;
        range
    }

    /// Tries to have `want` bytes available. False if the content ends before, or `want` is over the limit.
    pub fn fill(&mut self, want: usize) -> bool {
        while self.end - self.start < want {
            if self.ended || want > self.record_bytes_max {
                return false;
            }
            if self.start > 0 && self.buffer.len() - self.end < CHUNK {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < CHUNK {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            match self.inner.content.read(&mut self.buffer[self.end..self.end + CHUNK]) {
                Ok(0) => self.ended = true,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.damage = Some(error);
                    self.ended = true;
                }
            }
        }
        true
    }

    /// The damage that ended the content, once; `None` at a clean end.
    pub fn damage(&mut self) -> Option<CaptureError> {
        let error = self.damage.take()?;
        let path = self.path.clone();
        let byte = self.offset + (self.end - self.start) as u64;
        let at = Place { byte, number: self.lines, unit: self.unit };
        let layer = self.inner.layer;
        Some(match (layer, error.kind()) {
            ("file", _) => CaptureError::Io { path, at, source: error },
            (_, io::ErrorKind::UnexpectedEof) => CaptureError::Truncated { path, layer, at },
            _ => CaptureError::Corrupt { path, layer, at, detail: error.to_string() },
        })
    }

    /// Lines given so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// The damage that ended the content (then a line without an end is what damage left over and is not given),
    /// or [`CaptureError::TooLong`].
    pub fn line(&mut self) -> Result<Option<Line>, CaptureError> {
        let mut searched = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.available()[searched..]) {
                let length = searched + found;
                self.lines += 1;
                let at = self.place(self.lines);
                let mut range = self.consume(length + 1);
                range.end -= 1;
                if self.bytes(range.clone()).ends_with(b"\r") {
                    range.end -= 1;
                }
                return Ok(Some(Line { range, at, ended: true }));
            }
            searched = self.available().len();
            if searched >= self.record_bytes_max {
                let error = CaptureError::TooLong {
                    path: self.path.clone(),
                    at: self.place(self.lines + 1),
                    limit: self.record_bytes_max,
                };
                self.finish();
                return Err(error);
            }
            if self.fill(searched + 1) {
                continue;
            }
            self.lines += u64::from(searched > 0);
            if let Some(damage) = self.damage() {
                self.finish();
                return Err(damage);
            }
            if searched == 0 {
                return Ok(None);
            }
            let at = self.place(self.lines);
            let range = self.consume(searched);
            return Ok(Some(Line { range, at, ended: false }));
        }
    }

    /// Gives up the rest.
    pub fn finish(&mut self) {
        self.ended = true;
        self.damage = None;
        self.start = self.end;
    }
}
