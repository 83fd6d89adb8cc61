//! Edge: writing captures: what was received live is kept as lines, and made-up markets become files that the readers,
//! and other programs, can open.

use super::error::CaptureError;
use crate::types::time::{SECONDS, UnixNanos};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes lines `<local ns> <JSON>` (hftbacktest's form), packed with gzip.
///
/// A crash leaves a file that is cut off; all that was [flushed](Self::flush) can be read from it.
pub struct LineWriter {
    path: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    lines: u64,
}

impl LineWriter {
    /// Makes the file at `path`, or empties the one that is there.
    ///
    /// # Errors
    /// [`CaptureError::Write`].
    pub fn create(path: &Path) -> Result<Self, CaptureError> {
        let file = File::create(path).map_err(|source| CaptureError::Write { path: path.to_path_buf(), source })?;
        let out = GzEncoder::new(BufWriter::with_capacity(64 << 10, file), Compression::new(6));
        Ok(Self { path: path.to_path_buf(), out, lines: 0 })
    }

    fn failed(&self, source: io::Error) -> CaptureError {
        CaptureError::Write { path: self.path.clone(), source }
    }

    /// Appends one message that was received at `ts_recv`.
    ///
    /// # Errors
    /// [`CaptureError::Write`]; also when `json` has a line end in it, or begins like no JSON object or array, or when
    /// the time lies before 1970, since the line could not be read back.
    pub fn write(&mut self, ts_recv: UnixNanos, json: &[u8]) -> Result<(), CaptureError> {
        let json = json.trim_ascii();
        if ts_recv < 0 || !matches!(json.first(), Some(b'{' | b'[')) || memchr::memchr(b'\n', json).is_some() {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "not one line of JSON with a time after 1970");
            return Err(self.failed(source));
        }
        let written = write!(self.out, "{ts_recv} ").and_then(|()| self.out.write_all(json));
        written.and_then(|()| self.out.write_all(b"\n")).map_err(|source| self.failed(source))?;
        self.lines += 1;
        Ok(())
    }

    /// Lines written so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Brings all that was written to the file, so that a crash does not lose it. Costs some compression.
    ///
    /// # Errors
    /// [`CaptureError::Write`].
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.out.flush().map_err(|source| self.failed(source))
    }

    /// Ends the file, and gives the number of lines.
    ///
    /// # Errors
    /// [`CaptureError::Write`].
    pub fn finish(self) -> Result<u64, CaptureError> {
        let Self { path, out, lines } = self;
        let ended = out.finish().and_then(|mut file| file.flush());
        ended.map_err(|source| CaptureError::Write { path, source })?;
        Ok(lines)
    }
}

/// Writes ITCH messages, each behind its length, as Nasdaq's sample files are.
#[derive(Debug)]
pub struct ItchWriter<W: Write>(W);

impl<W: Write> ItchWriter<W> {
    /// A writer to `out`.
    pub fn new(out: W) -> Self {
        Self(out)
    }

    /// Appends one message.
    ///
    /// # Errors
    /// Those of the output, or a message of 0 or more than 65 535 bytes.
    pub fn write(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.write_all(&block_length(message)?)?;
        self.0.write_all(message)
    }

    /// Writes the end marker and gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.0.write_all(&[0, 0])?;
        self.0.flush()?;
        Ok(self.0)
    }
}

/// Writes MoldUDP64 packets as a pcap file with nanoseconds: Ethernet, IPv4 (multicast 233.54.12.111), UDP port 26477.
#[derive(Debug)]
pub struct MoldPcapWriter<W: Write> {
    out: W,
    session: [u8; 10],
}

impl<W: Write> MoldPcapWriter<W> {
    /// Writes the file's header to `out`; all packets are of `session` (ASCII).
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut out: W, session: [u8; 10]) -> io::Result<Self> {
        out.write_all(&0xA1B2_3C4Du32.to_le_bytes())?;
        for half in [2u16, 4] {
            out.write_all(&half.to_le_bytes())?;
        }
        for word in [0u32, 0, 1 << 16, 1] {
            out.write_all(&word.to_le_bytes())?;
        }
        Ok(Self { out, session })
    }

    /// Begins another session; its numbers are the caller's.
    pub fn set_session(&mut self, session: [u8; 10]) {
        self.session = session;
    }

    /// Appends a packet with `messages`, the first of which has the number `sequence`. No messages make a heartbeat.
    ///
    /// # Errors
    /// Those of the output, or messages that do not fit a packet or a time that pcap does not hold (1970 to 2106).
    pub fn write(&mut self, ts: UnixNanos, sequence: u64, messages: &[&[u8]]) -> io::Result<()> {
        let mut payload = self.session.to_vec();
        payload.extend(sequence.to_be_bytes());
        payload.extend(u16::try_from(messages.len()).map_err(|_| too_long())?.to_be_bytes());
        for message in messages {
            payload.extend(block_length(message)?);
            payload.extend_from_slice(message);
        }
        self.packet(ts, &payload)
    }

    /// Appends a packet with any UDP payload.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn packet(&mut self, ts: UnixNanos, payload: &[u8]) -> io::Result<()> {
        let builder = etherparse::PacketBuilder::ethernet2([0, 1, 2, 3, 4, 5], [1, 0, 0x5E, 0x36, 0x0C, 0x6F])
            .ipv4([206, 200, 127, 138], [233, 54, 12, 111], 16)
            .udp(49653, 26477);
        let mut packet = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut packet, payload).map_err(|_| too_long())?;
        let seconds = u32::try_from(ts.div_euclid(SECONDS)).map_err(|_| too_long())?;
        let length = u32::try_from(packet.len()).map_err(|_| too_long())?;
        for word in [seconds, ts.rem_euclid(SECONDS) as u32, length, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&packet)
    }

    /// Gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it does not fit the format")
}

fn block_length(message: &[u8]) -> io::Result<[u8; 2]> {
    match u16::try_from(message.len()) {
        Ok(length) if length > 0 => Ok(length.to_be_bytes()),
        _ => Err(too_long()),
    }
}
