//! Edge: pcap and pcapng: packets with the time at which the recorder's network card saw them.

use super::error::CaptureError;
use super::stream::ByteStream;
use super::{
    CaptureCounts, CaptureFormat, CaptureOptions, CaptureReader, CapturedFrame, DecoderKind, FrameKind, session,
};
use crate::types::instrument::VenueKind;
use crate::types::time::{SECONDS, UnixNanos};
use crate::venue::itch::message::specified_length;
use crate::venue::itch::mold::{MoldPacket, MoldTracker};
use etherparse::{SlicedPacket, TransportSlice};
use packets::{Packet, Packets};
use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

mod packets;

/// So many UDP packets without one of MoldUDP64 are enough to say what the file is not.
const PATIENCE: u64 = 64;

/// What the reader is about to give.
enum Pending {
    Gap { from: u64, to: u64 },
    Message { range: Range<usize>, sequence: u64 },
}

pub(super) struct Reader {
    packets: Packets,
    counts: CaptureCounts,
    format: CaptureFormat,
    midnight: UnixNanos,
    remark: String,
    tracker: MoldTracker,
    mold_packets: u64,
    tcp_packets: u64,
    ts_recv: UnixNanos,
    pending: VecDeque<Pending>,
    current: Option<Pending>,
}

impl Reader {
    pub fn new(stream: ByteStream, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let (mut midnight, mut remark) = session(&stream.path, options);
        let dated =
            options.date.is_some() || super::date::date_in_name(&super::date::file_name(&stream.path)).is_some();
        let format = if stream.available().starts_with(&[0x0A]) { CaptureFormat::PcapNg } else { CaptureFormat::Pcap };
        let mut reader = Self {
            packets: Packets::new(stream)?,
            counts: CaptureCounts::default(),
            format,
            midnight,
            remark: String::new(),
            tracker: MoldTracker::new(),
            mold_packets: 0,
            tcp_packets: 0,
            ts_recv: 0,
            pending: VecDeque::new(),
            current: None,
        };
        reader.read_packets()?;
        // Packets have the date that messages lack.
        if !dated
            && let Some(day) = new_york_day(reader.ts_recv)
            && let Some(found) = super::date::new_york_midnight(day)
        {
            midnight = found;
            remark = format!("session of {day}, by the first packet's time");
        }
        (reader.midnight, reader.remark) = (midnight, remark);
        Ok(reader)
    }

    /// Reads packets until there is something to give, or the end.
    fn read_packets(&mut self) -> Result<(), CaptureError> {
        while self.pending.is_empty() {
            let Some(packet) = self.packets.advance()? else {
                self.packets.stream.finish();
                if self.mold_packets == 0 {
                    return Err(self.not_mold("no packet of it"));
                }
                return Ok(());
            };
            self.counts.records += 1;
            match packet {
                Packet::Other => self.counts.packets_not_udp += 1,
                Packet::Data { ts, range, link } => {
                    match ts {
                        Some(ts) => {
                            self.counts.times_backward += u64::from(ts < self.ts_recv);
                            self.ts_recv = ts;
                        }
                        None => self.counts.packets_without_time += 1,
                    }
                    if let Err(error) = self.packet(range, link) {
                        self.packets.stream.finish();
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// The error of a file that has no MoldUDP64.
    fn not_mold(&self, what: &str) -> CaptureError {
        let counts = &self.counts;
        let saw = format!(
            "{what} among {} packets ({} UDP, {} TCP, {} others, {} unreadable)",
            counts.records,
            counts.packets_not_mold + self.mold_packets,
            self.tcp_packets,
            counts.packets_not_udp - self.tcp_packets,
            counts.packets_unreadable
        );
        CaptureError::NotMold { path: self.packets.stream.path.clone(), saw }
    }

    /// Takes one packet apart and queues what is in it.
    fn packet(&mut self, range: Range<usize>, link: i32) -> Result<(), CaptureError> {
        let bytes = self.packets.stream.bytes(range);
        let sliced = match link {
            packets::LINK_ETHERNET => SlicedPacket::from_ethernet(bytes),
            packets::LINK_LINUX_SLL => SlicedPacket::from_linux_sll(bytes),
            _ => SlicedPacket::from_ip(bytes),
        };
        let Ok(sliced) = sliced else {
            self.counts.packets_unreadable += 1;
            return Ok(());
        };
        let udp = match sliced.transport {
            Some(TransportSlice::Udp(udp)) => udp,
            Some(TransportSlice::Tcp(_)) => {
                self.tcp_packets += 1;
                self.counts.packets_not_udp += 1;
                return Ok(());
            }
            _ if sliced.is_ip_payload_fragmented() => {
                self.counts.packets_unreadable += 1;
                return Ok(());
            }
            _ => {
                self.counts.packets_not_udp += 1;
                return Ok(());
            }
        };
        let payload = udp.payload();
        let Ok(mold) = MoldPacket::parse(payload) else {
            self.counts.packets_not_mold += 1;
            if self.mold_packets > 0 {
                return Ok(());
            }
            // IEX-TP: version 1, a reserved byte, then the protocol of the messages (little-endian): 0x8001 to 0x8004.
            if let [1, 0, low @ 1..=4, 0x80, ..] = payload {
                let protocol = match low {
                    1 => "DPLS",
                    2 | 3 => "TOPS",
                    _ => "DEEP",
                };
                return Err(self.not_mold(&format!("IEX-TP packets ({protocol})")));
            }
            if self.counts.packets_not_mold >= PATIENCE {
                return Err(self.not_mold("UDP packets of another protocol"));
            }
            return Ok(());
        };
        let first = mold.messages().find(|message| !message.is_empty());
        if self.counts.frames == 0
            && let Some(message) = first
            && specified_length(message[0]).is_none_or(|length| message.len() < length)
        {
            let what = format!(
                "MoldUDP64, but a message of type `{}` and {} bytes, which ITCH 5.0 does not have,",
                message[0].escape_ascii(),
                message.len()
            );
            return Err(self.not_mold(&what));
        }
        self.mold_packets += 1;
        let arrival = self.tracker.arrive(&mold);
        if mold.count == 0 {
            self.counts.heartbeats += 1;
        }
        if arrival.new_session {
            self.counts.gaps += 1;
            self.pending.push_back(Pending::Gap { from: 0, to: mold.sequence });
        }
        if let Some((from, to)) = arrival.gap {
            self.counts.gaps += 1;
            self.counts.missing += to - from;
            self.pending.push_back(Pending::Gap { from, to });
        }
        self.counts.duplicates += u64::from(arrival.duplicates);
        for (i, message) in mold.messages().enumerate().skip(usize::from(arrival.duplicates)) {
            let range = self.packets.stream.range_of(message);
            let sequence = if mold.sequence == 0 { 0 } else { mold.sequence.wrapping_add(i as u64) };
            self.pending.push_back(Pending::Message { range, sequence });
        }
        Ok(())
    }
}

/// The day in New York at `ts`.
fn new_york_day(ts: UnixNanos) -> Option<jiff::civil::Date> {
    let zone = jiff::tz::TimeZone::get("America/New_York").ok()?;
    let instant = jiff::Timestamp::new(ts.div_euclid(SECONDS), ts.rem_euclid(SECONDS) as i32).ok()?;
    Some(instant.to_zoned(zone).date())
}

impl CaptureReader for Reader {
    fn advance(&mut self) -> Result<bool, CaptureError> {
        self.current = None;
        self.read_packets()?;
        self.current = self.pending.pop_front();
        self.counts.frames += u64::from(self.current.is_some());
        Ok(self.current.is_some())
    }

    fn frame(&self) -> CapturedFrame<'_> {
        let (kind, range, sequence) = match &self.current {
            Some(Pending::Gap { from, to }) => (FrameKind::Gap { from: *from, to: *to }, 0..0, *to),
            Some(Pending::Message { range, sequence }) => (FrameKind::Message, range.clone(), *sequence),
            None => (FrameKind::Message, 0..0, 0),
        };
        CapturedFrame {
            ts_recv: self.ts_recv,
            bytes: self.packets.stream.bytes(range),
            kind,
            sequence,
            venue: Some(VenueKind::Nasdaq),
            number: self.counts.records,
        }
    }

    fn path(&self) -> &Path {
        &self.packets.stream.path
    }

    fn progress(&self) -> (u64, u64) {
        self.packets.stream.progress()
    }

    fn format(&self) -> CaptureFormat {
        self.format
    }

    fn decoder(&self) -> DecoderKind {
        DecoderKind::Itch { midnight: self.midnight }
    }

    fn counts(&self) -> CaptureCounts {
        self.counts
    }

    fn describe(&self) -> String {
        format!("{} with MoldUDP64 and ITCH 5.0 ({}), {}", self.format, self.packets.stream.packing(), self.remark)
    }
}
