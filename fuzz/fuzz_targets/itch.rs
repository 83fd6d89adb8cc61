//! Edge: arbitrary bytes as ITCH messages, MoldUDP64 packets, LOBSTER rows, and whole files: no panic, bounded output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use tickpath::event::input::InputKind;
use tickpath::types::ids::SourceId;
use tickpath::types::instrument::Symbol;
use tickpath::venue::capture::{self, CaptureOptions};
use tickpath::venue::directory::Directory;
use tickpath::venue::feed::{Decoder, Frame, InputBatch};
use tickpath::venue::itch::ItchDecoder;
use tickpath::venue::itch::mold::{MoldPacket, MoldTracker};
use tickpath::venue::lobster::LobsterDecoder;

const SOURCE: SourceId = SourceId::FEED_FIRST;

/// One message: at most a definition and an input; on an error, at most a definition.
fn decode(decoder: &mut dyn Decoder, directory: &mut Directory, out: &mut InputBatch, bytes: &[u8]) {
    out.clear();
    let read = decoder.decode(&Frame { ts_recv: 1, source: SOURCE, bytes }, directory, out);
    assert!(out.len() <= 2);
    if read.is_err() {
        assert!(out.as_slice().iter().all(|input| input.kind() == Some(InputKind::Definition)));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&way, data)) = data.split_first() else { return };
    let mut directory = Directory::new(8);
    let mut out = InputBatch::with_capacity(4);
    let mut itch = ItchDecoder::new(1_548_824_400_000_000_000);
    match way % 5 {
        // Messages, each behind one byte of length.
        0 => {
            let mut rest = data;
            while let Some((&length, behind)) = rest.split_first() {
                let (message, behind) = behind.split_at(behind.len().min(usize::from(length)));
                decode(&mut itch, &mut directory, &mut out, message);
                rest = behind;
            }
        }
        // Packets of 64 bytes and one of all.
        1 => {
            let mut tracker = MoldTracker::new();
            for bytes in data.chunks(64).chain([data]) {
                let Ok(packet) = MoldPacket::parse(bytes) else { continue };
                let arrival = tracker.arrive(&packet);
                assert!(arrival.duplicates <= packet.count);
                assert!(arrival.gap.is_none_or(|(from, to)| from < to));
                assert_eq!(packet.messages().count(), usize::from(packet.count));
                for message in packet.messages() {
                    decode(&mut itch, &mut directory, &mut out, message);
                }
            }
        }
        2 => {
            let mut lobster = LobsterDecoder::new(Symbol::from("AMZN").unwrap_or_default(), 0);
            for row in data.split(|&b| b == b'\n') {
                decode(&mut lobster, &mut directory, &mut out, row);
            }
        }
        // A whole file; every other time behind the header of a pcap file of Ethernet packets.
        way => {
            const PCAP: &[u8] = b"\x4d\x3c\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0";
            let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
            if way == 4 && file.write_all(PCAP).is_err() {
                return;
            }
            if file.write_all(data).is_err() {
                return;
            }
            let Ok(mut reader) = capture::open(file.path(), &CaptureOptions::default()) else { return };
            let (mut steps, mut bytes) = (0, 0);
            loop {
                match reader.next() {
                    Ok(Some(frame)) => {
                        bytes += frame.bytes.len();
                        if frame.venue == Some(tickpath::types::instrument::VenueKind::Nasdaq) {
                            decode(&mut itch, &mut directory, &mut out, frame.bytes);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
                steps += 1;
                // Compressed files may be longer than their bytes, by at most deflate's 1 032 to 1.
                assert!(steps <= 2_000 * (data.len() + 100) && bytes <= 2_000 * (data.len() + 100));
            }
        }
    }
});
