//! Edge: lines of cryptofeed's raw data collection.
//!
//! `<seconds>: <JSON>` was received on a web socket, `<url> <- <seconds>: <JSON>` was sent, `<url> -> <seconds>: <JSON>` is
//! the answer to a REST request, `<url> <-> <seconds>` is a connection, and `configuration: …` is what was subscribed.

use super::error::{CaptureError, printable};
use super::stream::{ByteStream, Line};
use super::text::{Host, binance_of, host_name, is_binance, is_whole_json, nanos_of_seconds, venue_of_url};
use super::{CaptureCounts, CaptureFormat, CaptureOptions, CaptureReader, CapturedFrame, DecoderKind, FrameKind};
use crate::types::instrument::VenueKind;
use crate::types::time::{NO_TIME, UnixNanos};
use memchr::memmem;
use std::ops::Range;
use std::path::Path;

pub(super) struct Reader {
    stream: ByteStream,
    counts: CaptureCounts,
    venue: Option<VenueKind>,
    ts_recv: UnixNanos,
    json: Range<usize>,
    kind: Kind,
    /// Symbol of the snapshot's request.
    symbol: String,
}

#[derive(Clone, Copy)]
enum Kind {
    Message,
    Snapshot,
    Definitions,
}

/// One line, taken apart; ranges are in the stream's buffer.
enum Parsed {
    Frame { ts_recv: UnixNanos, json: Range<usize>, kind: Kind, symbol: String },
    Sent,
    Connect,
    Configuration,
    RestOther,
}

const EXPECTED: &str =
    "`<seconds>: <JSON>`, `<url> <- <seconds>: <JSON>`, `<url> -> <seconds>: <JSON>` or `<url> <-> <seconds>`";

impl Reader {
    pub fn new(stream: ByteStream, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let mut reader = Self {
            stream,
            counts: CaptureCounts::default(),
            venue: options.venue,
            ts_recv: NO_TIME,
            json: 0..0,
            kind: Kind::Message,
            symbol: String::new(),
        };
        reader.look_ahead()?;
        Ok(reader)
    }

    /// Finds the venue in what is buffered: by the first URL, else by the messages.
    fn look_ahead(&mut self) -> Result<(), CaptureError> {
        for line in self.stream.available().split(|&b| b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            let (first, rest) = line.split_at(line.iter().position(|&b| b == b' ').unwrap_or(line.len()));
            if let Ok(url) = std::str::from_utf8(first)
                && url.contains("://")
            {
                return match venue_of_url(url) {
                    Host::Binance(venue) => {
                        self.venue.get_or_insert(venue);
                        Ok(())
                    }
                    Host::Other => Err(self.unsupported(format!("messages of {}", host_name(url)))),
                };
            }
            let json = rest.trim_ascii_start();
            if first.first().is_some_and(u8::is_ascii_digit) {
                if !is_binance(json) {
                    let saw = format!("the first message is {}, which is none of Binance's", printable(json));
                    return Err(self.unsupported(saw));
                }
                if let Some(venue) = binance_of(json) {
                    self.venue.get_or_insert(venue);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn unsupported(&self, saw: String) -> CaptureError {
        CaptureError::UnsupportedVenue { path: self.stream.path.clone(), saw }
    }

    /// Takes a line apart; `Ok(None)` if it is not of this format.
    fn parse(&self, line: &Line) -> Result<Option<Parsed>, CaptureError> {
        let bytes = self.stream.bytes(line.range.clone());
        if bytes.starts_with(b"configuration: ") {
            return Ok(Some(Parsed::Configuration));
        }
        // The time ends at the first ": " behind `from`.
        let timed = |from: usize| -> Option<(UnixNanos, Range<usize>)> {
            let colon = from + memmem::find(bytes.get(from..)?, b": ")?;
            let ts_recv = nanos_of_seconds(bytes.get(from..colon)?)?;
            let json = line.range.start + colon + 2..line.range.end;
            matches!(self.stream.bytes(json.clone()).first(), Some(b'{' | b'[')).then_some((ts_recv, json))
        };
        if bytes.first().is_some_and(u8::is_ascii_digit) {
            let Some((ts_recv, json)) = timed(0) else { return Ok(None) };
            return Ok(Some(Parsed::Frame { ts_recv, json, kind: Kind::Message, symbol: String::new() }));
        }
        let Some(space) = memchr::memchr(b' ', bytes) else { return Ok(None) };
        let Ok(url) = std::str::from_utf8(&bytes[..space]) else { return Ok(None) };
        if !url.contains("://") {
            return Ok(None);
        }
        match venue_of_url(url) {
            Host::Binance(venue) if self.venue.is_none_or(|known| known == venue) => {}
            Host::Binance(venue) => {
                let known = self.venue.map_or("none", VenueKind::name);
                return Err(self.unsupported(format!("{} and {known} in one file; split it", venue.name())));
            }
            Host::Other => return Err(self.unsupported(format!("messages of {}", host_name(url)))),
        }
        let rest = &bytes[space + 1..];
        if let Some(time) = rest.strip_prefix(b"<-> ") {
            return Ok(nanos_of_seconds(time.trim_ascii()).map(|_| Parsed::Connect));
        }
        if rest.starts_with(b"<- ") {
            return Ok(Some(Parsed::Sent));
        }
        if !rest.starts_with(b"-> ") {
            return Ok(None);
        }
        let Some((ts_recv, json)) = timed(space + 4) else { return Ok(None) };
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        if address.ends_with("/depth") {
            let symbol = query.split('&').find_map(|pair| pair.strip_prefix("symbol=")).unwrap_or_default().to_owned();
            return Ok(Some(Parsed::Frame { ts_recv, json, kind: Kind::Snapshot, symbol }));
        }
        if address.ends_with("/exchangeInfo") {
            return Ok(Some(Parsed::Frame { ts_recv, json, kind: Kind::Definitions, symbol: String::new() }));
        }
        Ok(Some(Parsed::RestOther))
    }
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
            let parsed = match self.parse(&line) {
                Ok(parsed) => parsed,
                Err(error) => {
                    self.stream.finish();
                    return Err(error);
                }
            };
            let cut = !line.ended
                && match &parsed {
                    Some(Parsed::Frame { json, .. }) => !is_whole_json(self.stream.bytes(json.clone())),
                    Some(_) => false,
                    None => true,
                };
            if cut {
                return Err(CaptureError::LastLineCut { path: self.stream.path.clone(), at: line.at });
            }
            match parsed {
                Some(Parsed::Frame { ts_recv, json, kind, symbol }) => {
                    self.counts.frames += 1;
                    self.counts.times_backward += u64::from(ts_recv < self.ts_recv);
                    self.ts_recv = ts_recv;
                    self.json = json;
                    self.kind = kind;
                    self.symbol = symbol;
                    return Ok(true);
                }
                Some(Parsed::Sent) => self.counts.sent += 1,
                Some(Parsed::Connect) => self.counts.connects += 1,
                Some(Parsed::Configuration) => self.counts.configuration += 1,
                Some(Parsed::RestOther) => self.counts.rest_other += 1,
                None => {
                    let found = printable(self.stream.bytes(line.range));
                    let path = self.stream.path.clone();
                    return Err(CaptureError::BadLine { path, at: line.at, expected: EXPECTED, found, remark: None });
                }
            }
        }
    }

    fn frame(&self) -> CapturedFrame<'_> {
        let kind = match self.kind {
            Kind::Message => FrameKind::Message,
            Kind::Snapshot => {
                FrameKind::RestSnapshot { symbol: Some(self.symbol.as_str()).filter(|symbol| !symbol.is_empty()) }
            }
            Kind::Definitions => FrameKind::Definitions,
        };
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
        CaptureFormat::Cryptofeed
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Binance { venue: self.venue }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }

    fn describe(&self) -> String {
        let venue = self.venue.map_or("Binance, market not told", VenueKind::name);
        format!("cryptofeed lines ({}), {venue}", self.stream.packing())
    }
}
