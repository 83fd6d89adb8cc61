//! Edge: recorded captures: files of real bytes with the time at which they were received.
//!
//! A capture is opened on the loader's thread, its format found by its content, and read frame by frame; the frames go
//! through the same decoders as a live feed.
//!
//! | format | a frame is | `ts_recv` |
//! |---|---|---|
//! | [hftbacktest](CaptureFormat::Hftbacktest) lines `<local ns> <JSON>` | one JSON message | as recorded |
//! | [cryptofeed](CaptureFormat::Cryptofeed) lines `<seconds>: <JSON>`, `<url> -> <seconds>: <JSON>`, … | one JSON message, depth snapshot or exchangeInfo | as recorded, exact |
//! | [ITCH](CaptureFormat::Itch) length-prefixed messages | one ITCH message | the message's own time: the file has no other |
//! | [pcap](CaptureFormat::Pcap), [pcapng](CaptureFormat::PcapNg) | one ITCH message of a MoldUDP64 packet, or a gap | the packet's |
//! | [LOBSTER](CaptureFormat::Lobster) message rows | one row | the row's own time |
//!
//! Nothing is left out in silence: what is no frame is counted in [`CaptureCounts`], what is damaged is an error with its
//! place, after everything in front of it was delivered. When a record of a packed file cannot be read, the file's checksum
//! is asked ([`Packing`]), and the error says whether the file is corrupt or was written so.

mod cryptofeed;
pub mod date;
mod detect;
mod error;
mod frames;
mod gzip;
mod hftbacktest;
mod itch;
mod lobster;
mod merge;
mod packing;
mod pcap;
mod stream;
mod text;
pub mod write;

pub use error::{CaptureError, Place, Unit};
pub use merge::{Merge, MergeError};
pub use packing::Packing;

use crate::event::input::{Gap, GapReason, Input, InputKind};
use crate::types::ids::{InstrumentId, SourceId};
use crate::types::instrument::{Symbol, VenueKind};
use crate::types::time::UnixNanos;
use packing::Checked;
use std::path::Path;
use stream::ByteStream;

crate::code_enum! {
    /// The format of a capture, found by its content.
    pub enum CaptureFormat {
        /// Lines `<local ns> <JSON>`.
        Hftbacktest = 1, "hftbacktest";
        /// Lines of cryptofeed's raw data collection.
        Cryptofeed = 2, "cryptofeed";
        /// ITCH 5.0 messages, each behind its length (2 bytes, big-endian).
        Itch = 3, "itch";
        /// pcap with MoldUDP64.
        Pcap = 4, "pcap";
        /// pcapng with MoldUDP64.
        PcapNg = 5, "pcapng";
        /// LOBSTER message file.
        Lobster = 6, "lobster";
    }
}

impl CaptureFormat {
    /// What its records are called, as they are numbered for people.
    pub fn unit(self) -> Unit {
        match self {
            Self::Hftbacktest | Self::Cryptofeed | Self::Lobster => Unit::Line,
            Self::Itch => Unit::Message,
            Self::Pcap | Self::PcapNg => Unit::Packet,
        }
    }
}

/// What the user says about a capture; all of it may be left out.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Day of an ITCH or LOBSTER file, where the name does not tell it. Times there are since midnight in New York.
    pub date: Option<jiff::civil::Date>,
    /// Symbol of a LOBSTER file, where the name does not tell it.
    pub symbol: Option<Symbol>,
    /// Venue of JSON lines, where the content does not tell it.
    pub venue: Option<VenueKind>,
    /// Longest line or block in bytes that is taken for real; at least 256 KiB.
    pub record_bytes_max: usize,
    /// Whether a packed file is unpacked once more when a record of it cannot be read, to tell whether it is corrupt. Not
    /// where the reading must keep up with the wall: it takes as long as reading the file.
    pub ask_packing: bool,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self { date: None, symbol: None, venue: None, record_bytes_max: 64 << 20, ask_packing: true }
    }
}

/// The decoder that a capture's frames need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderKind {
    /// Binance JSON.
    Binance {
        /// Which Binance, where the capture or its options tell.
        venue: Option<VenueKind>,
    },
    /// ITCH 5.0.
    Itch {
        /// Midnight in New York of the session.
        midnight: UnixNanos,
    },
    /// LOBSTER rows.
    Lobster {
        /// The file's stock.
        symbol: Symbol,
        /// Midnight in New York of the file's day.
        midnight: UnixNanos,
    },
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind<'a> {
    /// A message of the feed, for its decoder.
    Message,
    /// An order-book snapshot that was fetched by REST. It does not name its symbol.
    RestSnapshot {
        /// The symbol, from the request or because the capture has only one.
        symbol: Option<&'a str>,
    },
    /// The venue's definitions of its instruments (Binance exchangeInfo).
    Definitions,
    /// Messages are missing here, for the whole source. No bytes.
    Gap {
        /// Number of the first missing message; 0 if unknown (a new session).
        from: u64,
        /// Number of the first message behind the gap.
        to: u64,
    },
}

/// One frame of a capture. It borrows from its reader until the reader advances.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// When it was received, as recorded; for formats without such a time, the time of the event.
    pub ts_recv: UnixNanos,
    /// Its bytes as the venue sent them.
    pub bytes: &'a [u8],
    /// What it is.
    pub kind: FrameKind<'a>,
    /// Number of the message in its session (MoldUDP64), for `ItchDecoder::set_next_sequence`; 0 if there is none.
    pub sequence: u64,
    /// The venue, where the capture tells.
    pub venue: Option<VenueKind>,
    /// Number of its line, message or packet in the file, from 1.
    pub number: u64,
}

impl CapturedFrame<'_> {
    /// The input that a gap becomes; `None` for other frames.
    pub fn gap_input(&self, source: SourceId) -> Option<Input> {
        let FrameKind::Gap { from, to } = self.kind else { return None };
        let gap = Gap { from, to, reason: GapReason::SequenceJump.code(), reserved: [0; 7] };
        Some(Input::new(InputKind::Gap, source, InstrumentId::NONE, self.ts_recv, &gap))
    }
}

/// What was read of a capture, and what of it was no frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Frames given.
    pub frames: u64,
    /// Lines, messages or packets read.
    pub records: u64,
    /// Frames whose time lies before that of the frame in front; they keep their place and their time.
    pub times_backward: u64,
    /// Empty lines, and the heading of a table.
    pub blank_lines: u64,
    /// Messages that the recorder sent (cryptofeed `<-`).
    pub sent: u64,
    /// Connections that the recorder opened (cryptofeed `<->`).
    pub connects: u64,
    /// Lines with the recorder's configuration.
    pub configuration: u64,
    /// REST answers other than depth snapshots and exchangeInfo.
    pub rest_other: u64,
    /// End markers (length 0) in ITCH files.
    pub end_markers: u64,
    /// Packets that are no UDP, and blocks that are no packets.
    pub packets_not_udp: u64,
    /// Packets that cannot be read: cut by the recorder, fragments, broken headers.
    pub packets_unreadable: u64,
    /// UDP packets that are not MoldUDP64.
    pub packets_not_mold: u64,
    /// Packets without a time (pcapng simple packets); they take the time of the packet in front.
    pub packets_without_time: u64,
    /// MoldUDP64 heartbeats and ends of session.
    pub heartbeats: u64,
    /// MoldUDP64 messages that had come before.
    pub duplicates: u64,
    /// Jumps in the numbers of MoldUDP64 messages, and changes of the session.
    pub gaps: u64,
    /// Messages that the jumps left out.
    pub missing: u64,
}

/// A capture that is being read. Lives on the loader's thread.
pub trait CaptureReader: Send {
    /// Goes to the next frame; false at the end.
    ///
    /// # Errors
    /// [`CaptureError`]. After a [final](CaptureError::is_final) one the reader is at its end; after another it goes on
    /// behind the fault.
    fn advance(&mut self) -> Result<bool, CaptureError>;

    /// The frame that [`advance`](Self::advance) went to. Before the first and after the last one it is empty.
    fn frame(&self) -> CapturedFrame<'_>;

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance).
    fn next(&mut self) -> Result<Option<CapturedFrame<'_>>, CaptureError> {
        if self.advance()? { Ok(Some(self.frame())) } else { Ok(None) }
    }

    /// The file.
    fn path(&self) -> &Path;

    /// Bytes of the file (as they lie there, packed) behind the frames given, and its size. What was only read ahead does
    /// not count.
    fn progress(&self) -> (u64, u64);

    /// The format.
    fn format(&self) -> CaptureFormat;

    /// The decoder that the frames need.
    fn decoder(&self) -> DecoderKind;

    /// What was read so far.
    fn counts(&self) -> CaptureCounts;

    /// One line for people: format, compression, venue, and what had to be assumed.
    fn describe(&self) -> String;
}

/// Opens the capture at `path`, finding its format by its content.
///
/// # Errors
/// [`CaptureError`]: no such file, not readable, empty, damaged from the start, or nothing that can be read.
pub fn open(path: &Path, options: &CaptureOptions) -> Result<Box<dyn CaptureReader>, CaptureError> {
    let stream = ByteStream::open(path, options.record_bytes_max)?;
    let layer = stream.layer();
    let packed = layer != "file";
    match read_as(stream, options) {
        Ok(reader) if packed => {
            let known = (!options.ask_packing).then_some(Packing::NotAsked { layer });
            Ok(Box::new(Checked::new(reader, path, known)))
        }
        Err(error) if packed => Err(packing::opening(path, error)),
        other => other,
    }
}

/// The reader of the stream's format.
fn read_as(mut stream: ByteStream, options: &CaptureOptions) -> Result<Box<dyn CaptureReader>, CaptureError> {
    Ok(match detect::format(&mut stream)? {
        CaptureFormat::Hftbacktest => Box::new(hftbacktest::Reader::new(stream, options)?),
        CaptureFormat::Cryptofeed => Box::new(cryptofeed::Reader::new(stream, options)?),
        CaptureFormat::Itch => Box::new(itch::Reader::new(stream, options)),
        CaptureFormat::Pcap | CaptureFormat::PcapNg => Box::new(pcap::Reader::new(stream, options)?),
        CaptureFormat::Lobster => Box::new(lobster::Reader::new(stream, options)?),
    })
}

/// Day and midnight of a file whose times are since midnight, and a remark for people if they had to be assumed.
fn session(path: &Path, options: &CaptureOptions) -> (UnixNanos, String) {
    let named = options.date.or_else(|| date::date_in_name(&date::file_name(path)));
    match named.and_then(|day| Some((day, date::new_york_midnight(day)?))) {
        Some((day, midnight)) => (midnight, format!("session of {day}")),
        // Midnight of 1970-01-01 in New York, five hours behind UTC.
        None => (5 * 3600 * 1_000_000_000, "session date unknown, taken as 1970-01-01: give --date".into()),
    }
}

#[cfg(test)]
mod tests;
