//! Edge: lines `<local ns> <JSON>`, as hftbacktest's collector writes them.

use super::error::{CaptureError, printable};
use super::stream::ByteStream;
use super::text::{OnlySymbol, binance_of, is_binance, is_whole_json};
use super::{CaptureCounts, CaptureFormat, CaptureOptions, CaptureReader, CapturedFrame, DecoderKind, FrameKind};
use crate::types::instrument::VenueKind;
use crate::types::time::{NO_TIME, UnixNanos};
use std::ops::Range;
use std::path::Path;

/// How far to look for a message that tells which Binance it is.
const LOOK_AHEAD: usize = 1 << 20;

pub(super) struct Reader {
    stream: ByteStream,
    counts: CaptureCounts,
    venue: Option<VenueKind>,
    symbol: OnlySymbol,
    ts_recv: UnixNanos,
    json: Range<usize>,
    is_snapshot: bool,
}

impl Reader {
    pub fn new(mut stream: ByteStream, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let venue = match options.venue {
            Some(venue) => Some(venue),
            None => look_ahead(&mut stream)?,
        };
        Ok(Self {
            stream,
            counts: CaptureCounts::default(),
            venue,
            symbol: OnlySymbol::default(),
            ts_recv: NO_TIME,
            json: 0..0,
            is_snapshot: false,
        })
    }
}

/// The venue that the first messages tell.
fn look_ahead(stream: &mut ByteStream) -> Result<Option<VenueKind>, CaptureError> {
    let mut want = LOOK_AHEAD >> 4;
    loop {
        let more = stream.fill(want);
        let mut seen = None;
        for line in stream.available().split(|&b| b == b'\n') {
            let Some(json) = split(line.trim_ascii()).map(|(_, at)| &line.trim_ascii()[at..]) else { continue };
            seen.get_or_insert(json);
            if let Some(venue) = binance_of(json) {
                return Ok(Some(venue));
            }
        }
        if let Some(first) = seen
            && !is_binance(first)
        {
            let saw = format!("the first message is {}, which is none of Binance's", printable(first));
            return Err(CaptureError::UnsupportedVenue { path: stream.path.clone(), saw });
        }
        if !more || want >= LOOK_AHEAD {
            return Ok(None);
        }
        want *= 2;
    }
}

/// Time, and where the JSON starts.
#[inline]
fn split(line: &[u8]) -> Option<(UnixNanos, usize)> {
    let mut nanos: i64 = 0;
    for (at, &byte) in line.iter().enumerate() {
        if byte == b' ' && at > 0 {
            return matches!(line.get(at + 1), Some(b'{' | b'[')).then_some((nanos, at + 1));
        }
        if !byte.is_ascii_digit() {
            return None;
        }
        nanos = nanos.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
    }
    None
}

impl CaptureReader for Reader {
    fn advance(&mut self) -> Result<bool, CaptureError> {
        self.json = 0..0;
        loop {
            let Some(line) = self.stream.line()? else { return Ok(false) };
            self.counts.records += 1;
            let bytes = self.stream.bytes(line.range.clone());
            if bytes.trim_ascii().is_empty() {
                self.counts.blank_lines += 1;
                continue;
            }
            let parsed = split(bytes).map(|(ts_recv, at)| (ts_recv, line.range.start + at..line.range.end));
            let whole =
                line.ended || parsed.as_ref().is_some_and(|(_, json)| is_whole_json(self.stream.bytes(json.clone())));
            if !whole {
                return Err(CaptureError::LastLineCut { path: self.stream.path.clone(), at: line.at });
            }
            let Some((ts_recv, json)) = parsed else {
                return Err(CaptureError::BadLine {
                    path: self.stream.path.clone(),
                    at: line.at,
                    expected: "nanoseconds, a space, and a JSON object",
                    found: printable(bytes),
                    remark: None,
                });
            };
            let message = self.stream.bytes(json.clone());
            self.symbol.note(message);
            self.is_snapshot = message.starts_with(b"{\"lastUpdateId\":");
            self.counts.frames += 1;
            self.counts.times_backward += u64::from(ts_recv < self.ts_recv);
            self.ts_recv = ts_recv;
            self.json = json;
            return Ok(true);
        }
    }

    fn frame(&self) -> CapturedFrame<'_> {
        let kind =
            if self.is_snapshot { FrameKind::RestSnapshot { symbol: self.symbol.get() } } else { FrameKind::Message };
        CapturedFrame {
            ts_recv: self.ts_recv,
            bytes: self.stream.bytes(self.json.clone()),
            kind,
            sequence: 0,
            venue: self.venue,
            number: self.stream.lines(),
        }
    }

    fn path(&self) -> &Path {
        &self.stream.path
    }

    fn progress(&self) -> (u64, u64) {
        self.stream.progress()
    }

    fn format(&self) -> CaptureFormat {
        CaptureFormat::Hftbacktest
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Binance { venue: self.venue }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }

    fn describe(&self) -> String {
        let venue = self.venue.map_or("Binance, market not told", VenueKind::name);
        format!("hftbacktest lines ({}), {venue}", self.stream.packing())
    }
}
