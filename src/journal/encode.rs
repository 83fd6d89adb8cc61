//! Edge: how a record is written in place: which log, which sections, how long; the length is published last.

use super::record::{CRC, DIGEST_AT, HEADER, INPUT, Log, PAYLOAD_AT, RecordKind, STAMP, VERSION, crc_of, slot_length};
use crate::event::digest::SlotDigest;
use crate::event::input::{InputKind, PAYLOAD_BYTES};
use crate::event::risk::marks;
use crate::event::slot::Slot;
use bytemuck::{Pod, bytes_of};

/// Whether `slot` belongs into the audit log: control and reports, every verdict of risk, every command and order
/// update, every change of direction, and what changed in how the venue and we agree.
#[inline]
pub fn is_audit(slot: &Slot) -> bool {
    const CONTROL: u64 = 1 << InputKind::Epoch as u8
        | 1 << InputKind::Definition as u8
        | 1 << InputKind::Gate as u8
        | 1 << InputKind::Report as u8
        | 1 << InputKind::Operator as u8
        | 1 << InputKind::Outside as u8;
    let control = slot.input.kind < 64 && CONTROL >> slot.input.kind & 1 == 1;
    control
        || slot.risk.verdict != 0
        || slot.risk.has(marks::NOTED)
        || slot.execution.commands_len > 0
        || slot.execution.updated != 0
        || slot.execution.agreement_changed != 0
        || slot.signal.changed != 0
}

/// What each record of a writer has in common at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub epoch: u64,
    pub durable: u64,
}

/// Which sections of an audit record are not all zero behind their stamps (bits as in `flags`).
#[inline]
fn sections_present(slot: &Slot) -> u16 {
    #[inline]
    fn any(bytes: &[u8]) -> bool {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().fold(0, |all, w| all | u64::from_ne_bytes(*w)) != 0 || rest.iter().any(|b| *b != 0)
    }
    u16::from(any(&bytes_of(&slot.signal)[STAMP..]))
        | u16::from(any(&bytes_of(&slot.risk)[STAMP..])) << 1
        | u16::from(any(&bytes_of(&slot.execution)[2 * STAMP..])) << 2
}

/// How a slot will be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub log: Log,
    pub length: usize,
    flags: u16,
    payload: usize,
}

/// Decides log, sections and length of the record for `slot`.
#[inline]
pub(super) fn plan(slot: &Slot) -> Plan {
    let payload = (slot.input.payload_len as usize).min(PAYLOAD_BYTES);
    let (log, flags) = if is_audit(slot) { (Log::Audit, sections_present(slot)) } else { (Log::Market, 0) };
    Plan { log, length: slot_length(payload, flags), flags, payload }
}

/// Writes the record of `slot` into `out`, which is `plan.length` bytes long, but for its `previous` and `length`
/// fields (which stay as they are): the length is published last, the chain is filled in later.
#[inline]
pub(super) fn write_slot(out: &mut [u8], plan: &Plan, stamp: Stamp, slot: &Slot, digest: &SlotDigest) {
    let kind = match plan.log {
        Log::Audit => RecordKind::Audit,
        Log::Market => RecordKind::Market,
    };
    begin(out, kind, plan.flags, stamp, slot.input.sequence, slot.input.ts_recv);
    let input = bytes_of(&slot.input);
    out[HEADER..DIGEST_AT].copy_from_slice(&input[STAMP..STAMP + INPUT]);
    out[DIGEST_AT - 8..DIGEST_AT - 6].copy_from_slice(&(plan.payload as u16).to_le_bytes());
    out[DIGEST_AT - 4..DIGEST_AT].fill(0);
    out[DIGEST_AT..PAYLOAD_AT].copy_from_slice(bytes_of(digest));
    let mut at = PAYLOAD_AT + plan.payload;
    out[PAYLOAD_AT..at].copy_from_slice(&slot.input.payload[..plan.payload]);
    if plan.flags != 0 {
        let sections: [(&[u8], usize); 3] =
            [(bytes_of(&slot.signal), STAMP), (bytes_of(&slot.risk), STAMP), (bytes_of(&slot.execution), 2 * STAMP)];
        for (i, (section, stamps)) in sections.into_iter().enumerate() {
            if plan.flags >> i & 1 == 1 {
                out[at..at + stamps].fill(0);
                out[at + stamps..at + section.len()].copy_from_slice(&section[stamps..]);
                at += section.len();
            }
        }
    }
    finish(out, at);
}

/// Writes a header, a seal or a note, in the way of [`write_slot`].
pub(super) fn write_mark<P: Pod>(
    out: &mut [u8],
    kind: RecordKind,
    stamp: Stamp,
    sequence: u64,
    time: i64,
    payload: &P,
) {
    begin(out, kind, 0, stamp, sequence, time);
    out[HEADER..HEADER + size_of::<P>()].copy_from_slice(bytes_of(payload));
    finish(out, HEADER + size_of::<P>());
}

/// Stores the length, for records that are not written into a mapping.
pub(super) fn set_length(out: &mut [u8]) {
    let length = out.len() as u32;
    out[32..36].copy_from_slice(&length.to_le_bytes());
}

#[inline]
fn begin(out: &mut [u8], kind: RecordKind, flags: u16, stamp: Stamp, sequence: u64, time: i64) {
    out[36] = kind.code();
    out[37] = VERSION;
    out[38..40].copy_from_slice(&flags.to_le_bytes());
    out[40..48].copy_from_slice(&stamp.epoch.to_le_bytes());
    out[48..56].copy_from_slice(&sequence.to_le_bytes());
    out[56..64].copy_from_slice(&time.to_le_bytes());
    out[64..72].copy_from_slice(&stamp.durable.to_le_bytes());
}

#[inline]
fn finish(out: &mut [u8], used: usize) {
    let length = out.len();
    out[used..length - CRC].fill(0);
    let crc = crc_of(out, length);
    out[length - CRC..].copy_from_slice(&crc.to_le_bytes());
}
