//! Edge: files of ITCH messages, each behind its length (2 bytes, big-endian), as Nasdaq's samples are.
//!
//! The file has no time of receipt, so `ts_recv` is the message's own time. A length of 0 is an end marker.

use super::error::{CaptureError, Unit};
use super::stream::ByteStream;
use super::{
    CaptureCounts, CaptureFormat, CaptureOptions, CaptureReader, CapturedFrame, DecoderKind, FrameKind, session,
};
use crate::types::instrument::VenueKind;
use crate::types::time::UnixNanos;
use crate::venue::itch::message::nanos_since_midnight;
use std::ops::Range;
use std::path::Path;

/// No edition has a message longer than 50 bytes; a length beyond this means that the file is out of step.
const LENGTH_MAX: usize = 512;

pub(super) struct Reader {
    stream: ByteStream,
    counts: CaptureCounts,
    midnight: UnixNanos,
    remark: String,
    ts_recv: UnixNanos,
    message: Range<usize>,
}

impl Reader {
    pub fn new(mut stream: ByteStream, options: &CaptureOptions) -> Self {
        stream.unit = Unit::Message;
        let (midnight, remark) = session(&stream.path, options);
        Self { stream, counts: CaptureCounts::default(), midnight, remark, ts_recv: midnight, message: 0..0 }
    }

    /// The error of a message that is not whole: the damage, or the end.
    fn cut(&mut self) -> CaptureError {
        let path = self.stream.path.clone();
        let at = self.stream.place(self.counts.records + 1);
        let error = self.stream.damage().unwrap_or(CaptureError::Truncated { path, layer: "ITCH file", at });
        self.stream.finish();
        error
    }
}

impl CaptureReader for Reader {
    fn advance(&mut self) -> Result<bool, CaptureError> {
        self.message = 0..0;
        loop {
            if !self.stream.fill(2) {
                if !self.stream.available().is_empty() {
                    return Err(self.cut());
                }
                return self.stream.damage().map_or(Ok(false), Err);
            }
            let length = match *self.stream.available() {
                [high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
                _ => return Ok(false),
            };
            if length > LENGTH_MAX {
                let error = CaptureError::Corrupt {
                    path: self.stream.path.clone(),
                    layer: "ITCH file",
                    at: self.stream.place(self.counts.records + 1),
                    detail: format!("a message of {length} bytes: the file is out of step"),
                };
                self.stream.finish();
                return Err(error);
            }
            if !self.stream.fill(2 + length) {
                return Err(self.cut());
            }
            let range = self.stream.consume(2 + length);
            if length == 0 {
                self.counts.end_markers += 1;
                continue;
            }
            self.message = range.start + 2..range.end;
            self.counts.records += 1;
            self.counts.frames += 1;
            // A message without a whole header is for the decoder to refuse; it gets the time of the one before.
            let since_midnight = nanos_since_midnight(self.stream.bytes(self.message.clone()));
            let ts_recv = since_midnight.map_or(self.ts_recv, |nanos| self.midnight.saturating_add(nanos));
            self.counts.times_backward += u64::from(ts_recv < self.ts_recv);
            self.ts_recv = ts_recv;
            return Ok(true);
        }
    }

    fn frame(&self) -> CapturedFrame<'_> {
        CapturedFrame {
            ts_recv: self.ts_recv,
            bytes: self.stream.bytes(self.message.clone()),
            kind: FrameKind::Message,
            sequence: self.counts.records,
            venue: Some(VenueKind::Nasdaq),
            number: self.counts.records,
        }
    }

    fn path(&self) -> &Path {
        &self.stream.path
    }

    fn progress(&self) -> (u64, u64) {
        self.stream.progress()
    }

    fn format(&self) -> CaptureFormat {
        CaptureFormat::Itch
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Itch { midnight: self.midnight }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }

    fn describe(&self) -> String {
        format!(
            "ITCH 5.0 messages ({}), {}; no receive times, event times stand in",
            self.stream.packing(),
            self.remark
        )
    }
}
