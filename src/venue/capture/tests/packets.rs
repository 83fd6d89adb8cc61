//! Edge: tests of pcap and pcapng files made here.

use super::{Folder, itch_message, read};
use crate::event::input::Gap;
use crate::types::ids::SourceId;
use crate::types::time::UnixNanos;
use crate::venue::capture::write::MoldPcapWriter;
use crate::venue::capture::{CaptureError, CaptureFormat, CaptureOptions, DecoderKind, FrameKind, open};

const DAY: UnixNanos = 1_548_858_600_000_000_000;

#[test]
fn packets_give_messages_and_gaps() {
    let folder = Folder::new();
    let m = |i: u64| itch_message(i, i);
    let mut writer = MoldPcapWriter::new(Vec::new(), *b"SESSION001").unwrap();
    writer.write(DAY + 1, 1, &[&m(1), &m(2), &m(3)]).unwrap();
    writer.packet(DAY + 2, b"something else").unwrap();
    writer.write(DAY + 3, 5, &[&m(5), &m(6)]).unwrap();
    writer.write(DAY + 4, 6, &[&m(6), &m(7)]).unwrap();
    writer.write(DAY + 5, 8, &[]).unwrap();
    writer.set_session(*b"SESSION002");
    writer.write(DAY + 6, 1, &[&m(1)]).unwrap();
    let content = writer.finish().unwrap();
    let path = folder.file("a", &content);
    let mut reader = open(&path, &CaptureOptions::default()).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        {
            if let FrameKind::Gap { from, to } = frame.kind {
                let input = frame.gap_input(SourceId::FEED_FIRST).unwrap();
                assert_eq!((input.payload::<Gap>().from, input.payload::<Gap>().to), (from, to));
                seen.push((frame.ts_recv - DAY, from, to));
            } else {
                assert_eq!(frame.bytes, m(frame.sequence));
                seen.push((frame.ts_recv - DAY, frame.sequence, 0));
            }
        }
    }
    assert_eq!(
        seen,
        [(1, 1, 0), (1, 2, 0), (1, 3, 0), (3, 4, 5), (3, 5, 0), (3, 6, 0), (4, 7, 0), (6, 0, 1), (6, 1, 0)]
    );
    let c = reader.counts();
    assert_eq!((c.records, c.packets_not_mold, c.duplicates, c.heartbeats, c.gaps, c.missing), (6, 1, 1, 1, 2, 1));
    assert_eq!(reader.decoder(), DecoderKind::Itch { midnight: 1_548_824_400_000_000_000 }, "the packets' day");
    // Cut anywhere behind the first packet: its messages come first, then the error.
    for cut in [200, content.len() - 1] {
        let (frames, error) = read(&folder.file("cut", &content[..cut]));
        assert!(frames.len() >= 3);
        assert!(matches!(error, Some(CaptureError::Truncated { layer: "pcap", .. })), "{error:?}");
    }
    let mut strange = MoldPcapWriter::new(Vec::new(), *b"SESSION001").unwrap();
    strange.write(DAY, 1, &[b"zzz"]).unwrap();
    let error = read(&folder.file("b", &strange.finish().unwrap())).1.unwrap();
    assert!(error.to_string().contains("type `z` and 3 bytes"), "{error}");
}

/// A pcapng file of the packets of a classic one: the first an enhanced packet, the others simple ones.
fn next_generation(classic: &[u8], big_endian: bool, resolution: u8, ticks: u64, offset: i64) -> Vec<u8> {
    let u32s = |n: u32| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let u16s = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let i64s = |n: i64| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = u32s(padded as u32 + 12);
        let mut bytes = [u32s(kind), length].concat();
        bytes.extend(body);
        bytes.resize(8 + padded, 0);
        bytes.extend(length);
        bytes
    };
    let mut file = block(0x0A0D_0D0A, &[&u32s(0x1A2B_3C4D)[..], &u16s(1), &u16s(0), &[0xFF; 8]].concat());
    let mut options = [&u16s(9)[..], &u16s(1), &[resolution, 0, 0, 0]].concat();
    options.extend([&u16s(14)[..], &u16s(8), &i64s(offset), &[0; 4]].concat());
    file.extend(block(1, &[&u16s(1)[..], &[0, 0], &u32s(0), &options].concat()));
    file.extend(block(0x0BAD, b"what no reader knows"));
    let mut rest = &classic[24..];
    let mut first = true;
    while let Some((head, behind)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(head[8..12].try_into().unwrap());
        let (packet, behind) = behind.split_at(length as usize);
        if first {
            let times = [u32s(0), u32s((ticks >> 32) as u32), u32s(ticks as u32), u32s(length), u32s(length)].concat();
            file.extend(block(6, &[&times, packet].concat()));
        } else {
            file.extend(block(3, &[&u32s(length), packet].concat()));
        }
        first = false;
        rest = behind;
    }
    file
}

#[test]
fn the_next_generation_is_read_in_both_byte_orders() {
    let folder = Folder::new();
    let mut writer = MoldPcapWriter::new(Vec::new(), *b"SESSION001").unwrap();
    writer.write(DAY, 1, &[&itch_message(1, 1), &itch_message(2, 2)]).unwrap();
    writer.write(DAY, 3, &[&itch_message(3, 3)]).unwrap();
    let classic = writer.finish().unwrap();
    // Microseconds, nanoseconds, and 2⁻¹⁰ s, with seconds to add.
    let seconds = (DAY / 1_000_000_000) as u64;
    for (resolution, ticks, offset, expected) in [
        (6, seconds * 1_000_000 + 7, 0, DAY + 7_000),
        (9, DAY as u64 + 7, 0, DAY + 7),
        (0x8A, 512, seconds as i64, DAY + 500_000_000),
    ] {
        for big_endian in [false, true] {
            let content = next_generation(&classic, big_endian, resolution, ticks, offset);
            let path = folder.file("a", &content);
            let (frames, error) = read(&path);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(frames, [1, 2, 3].map(|i| (expected, itch_message(i, i))));
            let mut reader = open(&path, &CaptureOptions::default()).unwrap();
            assert_eq!(reader.format(), CaptureFormat::PcapNg);
            while reader.advance().unwrap() {}
            let c = reader.counts();
            assert_eq!((c.packets_not_udp, c.packets_without_time, c.duplicates), (1, 1, 0));
            let (frames, error) = read(&folder.file("cut", &content[..content.len() - 3]));
            assert_eq!(frames.len(), 2);
            assert!(matches!(error, Some(CaptureError::Truncated { .. })), "{error:?}");
        }
    }
}
