//! Edge: the record: its layout, and how it is read back with every check but the chain.

use super::reader::Entry;
use crate::event::digest::SlotDigest;
use crate::event::input::{EpochStart, Input, InputKind, PAYLOAD_BYTES};
use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

/// Records begin at multiples of this and are multiples of it.
pub(super) const ALIGN: usize = 32;
/// Version of the record format.
pub(super) const VERSION: u8 = 1;
/// Bytes of [`Header`].
pub(super) const HEADER: usize = size_of::<Header>();
pub(super) const INPUT: usize = 56;
pub(super) const STAMP: usize = 8;
pub(super) const DIGEST_AT: usize = HEADER + INPUT;
pub(super) const PAYLOAD_AT: usize = DIGEST_AT + size_of::<SlotDigest>();
pub(super) const CRC: usize = 4;
const SECTIONS: [usize; 3] = [128, 256, 384];
/// The longest record.
pub(super) const LENGTH_MAX: usize = round(PAYLOAD_AT + PAYLOAD_BYTES + 128 + 256 + 384 + CRC);
/// Bytes of a segment's header record.
pub(super) const OPENING_LENGTH: usize = round(HEADER + size_of::<Opening>() + CRC);
/// Bytes of a seal.
pub(super) const SEAL_LENGTH: usize = round(HEADER + size_of::<Seal>() + CRC);
/// Bytes of a note.
pub(super) const NOTE_LENGTH: usize = round(HEADER + size_of::<super::loss::Note>() + CRC);
const MAGIC: [u8; 8] = *b"TICKPATH";

/// SHA-256 of a record.
pub(super) type Hash = [u8; 32];

const fn round(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN) * ALIGN
}

/// One of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// Orders, decisions, control.
    Audit,
    /// Bulk market data.
    Market,
}

impl Log {
    /// Both, in the order of their index.
    pub const ALL: [Self; 2] = [Self::Audit, Self::Market];

    /// Index into arrays of two.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Market => "market",
        }
    }
}

/// The codes of the format.
mod codes {
    #![allow(dead_code, reason = "the macro makes more names than these need")]

    crate::code_enum! {
        /// What a record is.
        pub(in super::super) enum RecordKind {
            /// Opens a segment.
            Opening = 1, "header";
            /// A slot of the market log.
            Market = 2, "market";
            /// A slot of the audit log.
            Audit = 3, "audit";
            /// Ends a segment.
            Seal = 4, "seal";
            /// Says, in the audit log, what the market log does not have.
            Note = 5, "note";
        }
    }

    crate::code_enum! {
        /// Why a segment ends.
        pub(in super::super) enum SealReason {
            /// It is full.
            Full = 1, "full";
            /// The writer was closed.
            Closed = 2, "closed";
            /// Found open when the journal was opened again.
            Recovered = 3, "recovered";
        }
    }
}
pub(super) use codes::{RecordKind, SealReason};

/// The first 72 bytes of every record; the table is in the module's doc.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub previous: Hash,
    pub length: u32,
    pub kind: u8,
    pub version: u8,
    pub flags: u16,
    pub epoch: u64,
    pub sequence: u64,
    pub time: i64,
    pub durable: u64,
}

/// Payload of a segment's header.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Opening {
    magic: [u8; 8],
    format: u32,
    log: u8,
    zero: [u8; 3],
    /// Number of the segment in its log, from 1.
    pub segment: u64,
    /// Bytes that were reserved.
    pub segment_bytes: u64,
}

impl Opening {
    pub(super) fn new(log: Log, segment: u64, segment_bytes: u64) -> Self {
        Self { magic: MAGIC, format: 1, log: log.index() as u8, zero: [0; 3], segment, segment_bytes }
    }

    /// Index of the log that it says.
    pub(super) fn log(&self) -> u8 {
        self.log
    }

    /// Whether it opens segment `segment` of `log`.
    pub(super) fn is_of(&self, log: Log, segment: u64) -> bool {
        self.magic == MAGIC && self.format == 1 && self.log == log.index() as u8 && self.segment == segment
    }
}

/// Payload of a seal.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Seal {
    /// First sequence of the segment.
    pub first: u64,
    /// Slots in it.
    pub records: u64,
    /// Code of a [`SealReason`].
    pub reason: u8,
    pub zero: [u8; 7],
    /// Bytes of a torn tail that recovery cut off.
    pub torn: u64,
}

/// SHA-256 of a whole record, its own `previous` included.
pub(super) fn hash(record: &[u8]) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, record).as_ref());
    out
}

/// Bytes of a slot's record.
#[inline]
pub(super) fn slot_length(payload: usize, flags: u16) -> usize {
    let sections: usize = (0..3).map(|i| SECTIONS[i] * (flags >> i & 1) as usize).sum();
    round(PAYLOAD_AT + payload + sections + CRC)
}

/// CRC32C of a record of `length` bytes, whose length field need not be stored yet.
#[inline]
pub(super) fn crc_of(record: &[u8], length: usize) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&(length as u32).to_le_bytes()), &record[36..length - CRC])
}

/// What stands at a place in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parsed<'a> {
    /// A whole record, CRC and shape checked.
    Record(Record<'a>),
    /// Length 0, or the end of the bytes: nothing here (yet).
    End,
    /// Not a record: why.
    Bad(&'static str),
}

/// A whole record, checked but for its place in the chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub header: Header,
    pub kind: RecordKind,
    /// All its bytes.
    pub bytes: &'a [u8],
}

impl Record<'_> {
    /// The payload of a header, a seal or a note.
    pub(super) fn mark<P: Pod>(&self) -> P {
        bytemuck::pod_read_unaligned(&self.bytes[HEADER..HEADER + size_of::<P>()])
    }

    /// The process start that it records, if it does.
    pub(super) fn epoch_start(&self) -> Option<EpochStart> {
        const KIND: usize = HEADER + core::mem::offset_of!(Input, kind) - STAMP;
        let is_epoch = self.kind == RecordKind::Audit && self.bytes[KIND] == InputKind::Epoch.code();
        let payload = self.bytes.get(PAYLOAD_AT..PAYLOAD_AT + size_of::<EpochStart>()).filter(|_| is_epoch)?;
        Some(bytemuck::pod_read_unaligned(payload))
    }

    /// Whether it is a slot.
    pub(super) fn is_slot(&self) -> bool {
        matches!(self.kind, RecordKind::Market | RecordKind::Audit)
    }

    /// Reads a slot's record into `entry`.
    pub(super) fn read_into(&self, entry: &mut Entry) {
        entry.epoch = self.header.epoch;
        entry.sequence = self.header.sequence;
        entry.input = Input::zeroed();
        bytemuck::bytes_of_mut(&mut entry.input)[STAMP..STAMP + INPUT].copy_from_slice(&self.bytes[HEADER..DIGEST_AT]);
        entry.digest = bytemuck::pod_read_unaligned(&self.bytes[DIGEST_AT..PAYLOAD_AT]);
        let payload = (entry.input.payload_len as usize).min(PAYLOAD_BYTES);
        let mut at = PAYLOAD_AT + payload;
        entry.input.payload[..payload].copy_from_slice(&self.bytes[PAYLOAD_AT..at]);
        entry.audit = None;
        if self.kind == RecordKind::Audit {
            let audit = entry.audit.insert(super::reader::AuditSections::zeroed());
            let sections: [&mut [u8]; 3] = [
                bytemuck::bytes_of_mut(&mut audit.signal),
                bytemuck::bytes_of_mut(&mut audit.risk),
                bytemuck::bytes_of_mut(&mut audit.execution),
            ];
            for (i, section) in sections.into_iter().enumerate() {
                if self.header.flags >> i & 1 == 1 {
                    section.copy_from_slice(&self.bytes[at..at + SECTIONS[i]]);
                    at += SECTIONS[i];
                }
            }
        }
    }
}

/// Reads what stands at the start of `bytes`, and checks shape and CRC.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    if bytes.len() < 36 {
        return if bytes.iter().all(|b| *b == 0) { Parsed::End } else { Parsed::Bad("cut off") };
    }
    let length = u32::from_le_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]) as usize;
    if length == 0 {
        return Parsed::End;
    }
    if !length.is_multiple_of(ALIGN) || !(SEAL_LENGTH.min(OPENING_LENGTH)..=LENGTH_MAX).contains(&length) {
        return Parsed::Bad("impossible length");
    }
    let Some(bytes) = bytes.get(..length) else {
        return Parsed::Bad("cut off");
    };
    let header: Header = bytemuck::pod_read_unaligned(&bytes[..HEADER]);
    let Some(kind) = RecordKind::from_code(header.kind) else {
        return Parsed::Bad("unknown kind of record");
    };
    if header.version != VERSION {
        return Parsed::Bad("unknown version of a record");
    }
    let expected = match kind {
        RecordKind::Opening => OPENING_LENGTH,
        RecordKind::Seal => SEAL_LENGTH,
        RecordKind::Note => NOTE_LENGTH,
        RecordKind::Market | RecordKind::Audit if length < PAYLOAD_AT + CRC => 0,
        RecordKind::Market | RecordKind::Audit => {
            let payload = u16::from_le_bytes([bytes[DIGEST_AT - 8], bytes[DIGEST_AT - 7]]) as usize;
            if payload > PAYLOAD_BYTES { 0 } else { slot_length(payload, header.flags & 7) }
        }
    };
    if length != expected {
        return Parsed::Bad("length does not fit the kind of record");
    }
    let stored = u32::from_le_bytes([bytes[length - 4], bytes[length - 3], bytes[length - 2], bytes[length - 1]]);
    if stored != crc_of(bytes, length) {
        return Parsed::Bad("CRC mismatch");
    }
    Parsed::Record(Record { header, kind, bytes })
}

/// Offset of the first whole record at or behind `from`.
pub(super) fn next_valid(bytes: &[u8], from: usize) -> Option<usize> {
    (from.next_multiple_of(ALIGN)..bytes.len())
        .step_by(ALIGN)
        .find(|&at| matches!(parse(&bytes[at..]), Parsed::Record(_)))
}
