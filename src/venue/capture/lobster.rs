//! Edge: LOBSTER message files, with or without a heading. `ts_recv` is the row's own time.

use super::error::{CaptureError, printable};
use super::stream::ByteStream;
use super::{
    CaptureCounts, CaptureFormat, CaptureOptions, CaptureReader, CapturedFrame, DecoderKind, FrameKind, date, session,
};
use crate::types::instrument::{Symbol, VenueKind};
use crate::types::time::UnixNanos;
use crate::venue::lobster::nanos_since_midnight;
use std::ops::Range;
use std::path::Path;

const COMMAS: usize = 5;

pub(super) struct Reader {
    stream: ByteStream,
    counts: CaptureCounts,
    symbol: Symbol,
    midnight: UnixNanos,
    remark: String,
    ts_recv: UnixNanos,
    row: Range<usize>,
}

impl Reader {
    pub fn new(stream: ByteStream, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let named = options.symbol.or_else(|| date::lobster_symbol(&date::file_name(&stream.path)));
        let Some(symbol) = named else {
            return Err(CaptureError::Missing { path: stream.path, what: "the symbol", option: "symbol" });
        };
        let (midnight, remark) = session(&stream.path, options);
        let counts = CaptureCounts::default();
        Ok(Self { stream, counts, symbol, midnight, remark, ts_recv: midnight, row: 0..0 })
    }
}

impl CaptureReader for Reader {
    fn advance(&mut self) -> Result<bool, CaptureError> {
        self.row = 0..0;
        loop {
            let Some(line) = self.stream.line()? else { return Ok(false) };
            self.counts.records += 1;
            let bytes = self.stream.bytes(line.range.clone());
            if bytes.trim_ascii().is_empty() || self.counts.records == 1 && bytes.starts_with(b"Time,") {
                self.counts.blank_lines += 1;
                continue;
            }
            let columns = memchr::memchr_iter(b',', bytes).count() >= COMMAS;
            // The last column is one digit, perhaps behind a minus: with it the row is whole.
            let whole = columns && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
            if !line.ended && !whole {
                return Err(CaptureError::LastLineCut { path: self.stream.path.clone(), at: line.at });
            }
            let time = nanos_since_midnight(bytes).ok().and_then(|nanos| self.midnight.checked_add(nanos));
            let Some(ts_recv) = time.filter(|_| columns) else {
                return Err(CaptureError::BadLine {
                    path: self.stream.path.clone(),
                    at: line.at,
                    expected: "time, type, order id, size, price, direction",
                    found: printable(bytes),
                    remark: None,
                });
            };
            self.counts.frames += 1;
            self.counts.times_backward += u64::from(ts_recv < self.ts_recv);
            self.ts_recv = ts_recv;
            self.row = line.range;
            return Ok(true);
        }
    }

    fn frame(&self) -> CapturedFrame<'_> {
        CapturedFrame {
            ts_recv: self.ts_recv,
            bytes: self.stream.bytes(self.row.clone()),
            kind: FrameKind::Message,
            sequence: 0,
            venue: Some(VenueKind::Lobster),
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
        CaptureFormat::Lobster
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Lobster { symbol: self.symbol, midnight: self.midnight }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }

    fn describe(&self) -> String {
        format!(
            "LOBSTER messages ({}), {}, {}; no receive times, event times stand in",
            self.stream.packing(),
            self.symbol,
            self.remark
        )
    }
}
