//! Edge: the packets of a pcap or pcapng file, one at a time, as ranges of the stream's buffer.

use crate::types::time::{SECONDS, UnixNanos};
use crate::venue::capture::error::{CaptureError, Unit};
use crate::venue::capture::stream::ByteStream;
use pcap_parser::nom::Err as Parsing;
use pcap_parser::pcapng::{Block, parse_block_be, parse_block_le};
use pcap_parser::{PcapError, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};
use std::ops::Range;

/// Link type of Ethernet.
pub(super) const LINK_ETHERNET: i32 = 1;
/// Link types of bare IP packets.
const LINK_RAW: [i32; 4] = [12, 101, 228, 229];
/// Link type of Linux "cooked" captures.
pub(super) const LINK_LINUX_SLL: i32 = 113;
/// No network has packets of this size; a longer record is damage.
const RECORD_MAX: usize = 16 << 20;

/// One record of the file.
pub(super) enum Packet {
    /// A packet.
    Data {
        /// When it was captured; `None` for simple packets of pcapng.
        ts: Option<UnixNanos>,
        /// Its bytes, until the next one is read.
        range: Range<usize>,
        /// Its link type.
        link: i32,
    },
    /// A block of pcapng that is no packet.
    Other,
}

#[derive(Clone, Copy)]
struct Interface {
    link: i32,
    /// Units of time per second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

enum Layout {
    Classic { big_endian: bool, nanos: bool, link: i32 },
    NextGeneration { big_endian: bool, interfaces: Vec<Interface> },
}

/// The records of one file.
pub(super) struct Packets {
    pub stream: ByteStream,
    layout: Layout,
    records: u64,
}

/// What parsing the start of the buffer gave.
enum Step {
    Record(Packet, usize),
    Interface(Interface, usize),
    Section(bool, usize),
    More,
    Bad(String),
}

impl Packets {
    /// Reads the header of a classic file; pcapng begins with an ordinary block.
    pub fn new(mut stream: ByteStream) -> Result<Self, CaptureError> {
        stream.unit = Unit::Packet;
        if stream.available().starts_with(&[0x0A]) {
            let layout = Layout::NextGeneration { big_endian: false, interfaces: Vec::new() };
            return Ok(Self { stream, layout, records: 0 });
        }
        const HEADER: usize = 24;
        stream.fill(HEADER);
        let Ok((rest, header)) = parse_pcap_header(stream.available()) else {
            let cut = CaptureError::Truncated { path: stream.path.clone(), layer: "pcap", at: stream.place(0) };
            return Err(stream.damage().unwrap_or(cut));
        };
        let link = header.network.0;
        let layout =
            Layout::Classic { big_endian: header.is_bigendian(), nanos: header.is_nanosecond_precision(), link };
        let consumed = stream.available().len() - rest.len();
        stream.consume(consumed);
        supported(&stream, link)?;
        Ok(Self { stream, layout, records: 0 })
    }

    /// The next record, or `None` at the end.
    pub fn advance(&mut self) -> Result<Option<Packet>, CaptureError> {
        loop {
            match self.step() {
                Step::Record(packet, length) => {
                    self.records += 1;
                    self.stream.consume(length);
                    return Ok(Some(packet));
                }
                Step::Interface(interface, length) => {
                    supported(&self.stream, interface.link)?;
                    if let Layout::NextGeneration { interfaces, .. } = &mut self.layout {
                        interfaces.push(interface);
                    }
                    self.stream.consume(length);
                }
                Step::Section(big_endian, length) => {
                    self.layout = Layout::NextGeneration { big_endian, interfaces: Vec::new() };
                    self.stream.consume(length);
                }
                Step::More => {
                    let have = self.stream.available().len();
                    if self.stream.fill(have + 1) {
                        continue;
                    }
                    if have == 0 {
                        return self.stream.damage().map_or(Ok(None), Err);
                    }
                    let at = self.stream.place(self.records + 1);
                    let path = self.stream.path.clone();
                    let cut = CaptureError::Truncated { path, layer: "pcap", at };
                    let error = self.stream.damage().unwrap_or(cut);
                    self.stream.finish();
                    return Err(error);
                }
                Step::Bad(detail) => {
                    let at = self.stream.place(self.records + 1);
                    let path = self.stream.path.clone();
                    self.stream.finish();
                    return Err(CaptureError::Corrupt { path, layer: "pcap", at, detail });
                }
            }
        }
    }

    fn step(&self) -> Step {
        let bytes = self.stream.available();
        match &self.layout {
            Layout::Classic { big_endian, nanos, link } => self.classic(bytes, *big_endian, *nanos, *link),
            Layout::NextGeneration { big_endian, interfaces } => self.block(bytes, *big_endian, interfaces),
        }
    }

    fn classic(&self, bytes: &[u8], big_endian: bool, nanos: bool, link: i32) -> Step {
        const CAPLEN: Range<usize> = 8..12;
        let Some(length) = u32_at(bytes, CAPLEN, big_endian) else { return Step::More };
        if length > RECORD_MAX {
            return Step::Bad(format!("a packet of {length} bytes"));
        }
        let parsed = if big_endian { parse_pcap_frame_be(bytes) } else { parse_pcap_frame(bytes) };
        match parsed {
            Ok((rest, frame)) => {
                let fraction = i64::from(frame.ts_usec) * if nanos { 1 } else { 1_000 };
                let ts = Some(i64::from(frame.ts_sec) * SECONDS + fraction);
                let range = self.stream.range_of(frame.data);
                Step::Record(Packet::Data { ts, range, link }, bytes.len() - rest.len())
            }
            Err(Parsing::Incomplete(_)) => Step::More,
            Err(Parsing::Error(error) | Parsing::Failure(error)) => Step::Bad(describe(&error)),
        }
    }

    fn block(&self, bytes: &[u8], big_endian: bool, interfaces: &[Interface]) -> Step {
        const SECTION: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
        if bytes.len() < 12 {
            return Step::More;
        }
        // A section says itself which end comes first.
        let big_endian =
            if bytes.starts_with(&SECTION) { bytes[8..12] == [0x1A, 0x2B, 0x3C, 0x4D] } else { big_endian };
        let Some(length) = u32_at(bytes, 4..8, big_endian) else { return Step::More };
        if !(12..=RECORD_MAX).contains(&length) {
            return Step::Bad(format!("a block of {length} bytes"));
        }
        let parsed = if big_endian { parse_block_be(bytes) } else { parse_block_le(bytes) };
        let (rest, block) = match parsed {
            Ok(parsed) => parsed,
            Err(Parsing::Incomplete(_)) if bytes.len() < length => return Step::More,
            Err(Parsing::Incomplete(_)) => return Step::Bad("a block that is longer than its length".into()),
            Err(Parsing::Error(error) | Parsing::Failure(error)) => return Step::Bad(describe(&error)),
        };
        let consumed = bytes.len() - rest.len();
        match block {
            Block::SectionHeader(section) => Step::Section(section.big_endian(), consumed),
            Block::InterfaceDescription(interface) => match units_per_second(interface.if_tsresol) {
                Some(resolution) => {
                    let link = interface.linktype.0;
                    // The parser reads this option as little-endian, whatever the section says.
                    let offset = if big_endian { interface.ts_offset().swap_bytes() } else { interface.ts_offset() };
                    Step::Interface(Interface { link, resolution, offset }, consumed)
                }
                None => Step::Bad("an interface whose time has no resolution".into()),
            },
            Block::EnhancedPacket(packet) => {
                let Some(interface) = interfaces.get(packet.if_id as usize) else {
                    return Step::Bad(format!("a packet of interface {}, which is not described", packet.if_id));
                };
                let Some(data) = packet.data.get(..packet.caplen as usize) else {
                    return Step::Bad("a packet that is longer than its block".into());
                };
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let nanos = u128::from(ticks) * SECONDS as u128 / u128::from(interface.resolution);
                let ts = i64::try_from(nanos)
                    .ok()
                    .and_then(|nanos| interface.offset.checked_mul(SECONDS)?.checked_add(nanos));
                let Some(ts) = ts else { return Step::Bad("a time after 2262".into()) };
                let range = self.stream.range_of(data);
                Step::Record(Packet::Data { ts: Some(ts), range, link: interface.link }, consumed)
            }
            Block::SimplePacket(packet) => {
                let Some(interface) = interfaces.first() else {
                    return Step::Bad("a packet before any interface".into());
                };
                let data = packet.data.get(..packet.origlen as usize).unwrap_or(packet.data);
                let range = self.stream.range_of(data);
                Step::Record(Packet::Data { ts: None, range, link: interface.link }, consumed)
            }
            _ => Step::Record(Packet::Other, consumed),
        }
    }
}

/// Units of time per second by `if_tsresol`: a power of ten, or of two if the highest bit is set. (The parser's own
/// function takes no powers of two.)
fn units_per_second(resolution: u8) -> Option<u64> {
    let exponent = u32::from(resolution & 0x7F);
    if resolution & 0x80 == 0 { 10u64.checked_pow(exponent) } else { 1u64.checked_shl(exponent) }
}

fn u32_at(bytes: &[u8], range: Range<usize>, big_endian: bool) -> Option<usize> {
    let number: [u8; 4] = bytes.get(range)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) } as usize)
}

fn describe(error: &PcapError<&[u8]>) -> String {
    match error {
        PcapError::NomError(_, kind) | PcapError::OwnedNomError(_, kind) => {
            format!("a record that breaks off ({kind:?})")
        }
        other => other.to_string(),
    }
}

fn supported(stream: &ByteStream, link: i32) -> Result<(), CaptureError> {
    if link == LINK_ETHERNET || link == LINK_LINUX_SLL || LINK_RAW.contains(&link) {
        return Ok(());
    }
    let saw = format!("packets of link type {link} (supported: 1 Ethernet, 101 raw IP, 113 Linux cooked)");
    Err(CaptureError::NotMold { path: stream.path.clone(), saw })
}
