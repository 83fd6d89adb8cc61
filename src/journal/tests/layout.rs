//! Edge: tests: the bytes of a record are the documented ones.

use super::super::encode::{Stamp, set_length, write_mark};
use super::super::loss::Note;
use super::super::record::*;
use crate::event::input::Input;
use core::mem::offset_of;

#[test]
fn layout_is_as_documented() {
    let offsets = [
        offset_of!(Header, previous),
        offset_of!(Header, length),
        offset_of!(Header, kind),
        offset_of!(Header, version),
        offset_of!(Header, flags),
        offset_of!(Header, epoch),
        offset_of!(Header, sequence),
        offset_of!(Header, time),
        offset_of!(Header, durable),
    ];
    assert_eq!(offsets, [0, 32, 36, 37, 38, 40, 48, 56, 64]);
    assert_eq!((HEADER, DIGEST_AT, PAYLOAD_AT), (72, 128, 148));
    assert_eq!((size_of::<Opening>(), size_of::<Seal>()), (32, 32));
    assert_eq!((size_of::<Note>(), offset_of!(Note, last), offset_of!(Note, reason)), (32, 8, 16));
    assert_eq!((OPENING_LENGTH, SEAL_LENGTH, NOTE_LENGTH, LENGTH_MAX), (128, 128, 128, 1248));
    assert_eq!(slot_length(size_of::<crate::event::input::Trade>(), 0), 192);
    assert_eq!(slot_length(size_of::<crate::event::input::Quote>(), 0), 192);
    // The places inside the input section that `write_slot` patches.
    assert_eq!(offset_of!(Input, payload_len), STAMP + INPUT - 8);
    assert_eq!(offset_of!(Input, decode_ticks), STAMP + INPUT - 4);
    assert_eq!(offset_of!(Input, payload), STAMP + INPUT);
}

#[test]
fn the_checked_bytes_are_the_documented_ones() {
    let mut record = vec![0; SEAL_LENGTH];
    let seal = Seal { first: 3, records: 4, reason: SealReason::Full.code(), zero: [0; 7], torn: 0 };
    write_mark(&mut record, RecordKind::Seal, Stamp { epoch: 7, durable: 5 }, 9, 11, &seal);
    assert!(matches!(parse(&record), Parsed::End), "without its length it is not there");
    set_length(&mut record);
    let Parsed::Record(found) = parse(&record) else { panic!("not a record") };
    assert_eq!((found.header.epoch, found.header.sequence, found.header.time, found.header.durable), (7, 9, 11, 5));
    assert_eq!((found.mark::<Seal>().first, found.mark::<Seal>().records), (3, 4));
    let crc = u32::from_le_bytes(record[SEAL_LENGTH - 4..].try_into().unwrap());
    assert_eq!(crc, crc32c::crc32c(&record[32..SEAL_LENGTH - 4]));
    for bit in 32 * 8..SEAL_LENGTH * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!matches!(parse(&flipped), Parsed::Record(_)), "bit {bit}");
    }
}
