//! Edge: tests of damage to packed files: it is always told, and told as what it is.

use super::{Folder, gzip, itch_message, line, lines};
use crate::types::time::UnixNanos;
use crate::venue::capture::write::{ItchWriter, MoldPcapWriter};
use crate::venue::capture::{CaptureOptions, Packing, open};
use flate2::{Compression, GzBuilder};
use std::io::Write;
use std::path::Path;

/// All that a file gives: its frames, and its errors in words.
fn read_all(path: &Path) -> (Vec<(UnixNanos, Vec<u8>)>, Vec<String>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    let mut reader = match open(path, &CaptureOptions::default()) {
        Ok(reader) => reader,
        Err(error) => return (frames, vec![error.to_string()]),
    };
    loop {
        match reader.next() {
            Ok(Some(frame)) => frames.push((frame.ts_recv, frame.bytes.to_vec())),
            Ok(None) => return (frames, errors),
            Err(error) => errors.push(error.to_string()),
        }
    }
}

/// Bytes of a gzip header with a name, and what is packed behind it.
fn named_gzip(content: &[u8]) -> (usize, Vec<u8>) {
    const NAME: &str = "capture";
    let builder = GzBuilder::new().filename(NAME).mtime(1_700_000_000);
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    (10 + NAME.len() + 1, encoder.finish().unwrap())
}

fn zstd_with_checksum(content: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A packed file of each kind of content: its name, and the content.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let mut itch = ItchWriter::new(Vec::new());
    let mut pcap = MoldPcapWriter::new(Vec::new(), *b"SESSION001").unwrap();
    for i in 0..600u64 {
        let message = itch_message(i * 7919, i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        itch.write(&message).unwrap();
        pcap.write(1_548_858_600_000_000_000 + i as i64 * 977, i + 1, &[&message]).unwrap();
    }
    let row =
        |i: u64| format!("{}.{:09},1,{},{},2238200,-1\n", 34_200 + i, i * 7919 % 1_000_000_000, i * 31, i % 900 + 1);
    let seconds = |i: usize| line(i).replacen(' ', ".5: ", 1);
    vec![
        ("lines", lines(600)),
        ("cryptofeed", (0..600).map(seconds).collect::<String>().into_bytes()),
        ("X_2012-06-21_message", (0..600).map(row).collect::<String>().into_bytes()),
        ("itch", itch.finish().unwrap()),
        ("pcap", pcap.finish().unwrap()),
    ]
}

#[test]
fn a_flipped_byte_is_told_as_corruption_or_changes_nothing() {
    /// How many offsets of each file.
    const OFFSETS: usize = 60;
    let folder = Folder::new();
    let mut told = 0;
    for (name, content) in contents() {
        let (header, gz) = named_gzip(&content);
        for (layer, header, packed) in [("gzip", header, gz), ("zstd", 0, zstd_with_checksum(&content))] {
            let name = format!("{name}.{}", if layer == "gzip" { "gz" } else { "zst" });
            let (expected, errors) = read_all(&folder.file(&name, &packed));
            assert!(errors.is_empty() && expected.len() >= 600, "{name}: {errors:?}");
            let step = (packed.len() / OFFSETS).max(1);
            // Every byte of the head and of the trailer, and many between.
            let offsets = (0..40).chain((40..packed.len() - 12).step_by(step)).chain(packed.len() - 12..packed.len());
            for (at, flip) in offsets.flat_map(|at| [(at, 0x01), (at, 0xFF)]) {
                let mut damaged = packed.clone();
                damaged[at] ^= flip;
                let (frames, errors) = read_all(&folder.file(&name, &damaged));
                let Some(first) = errors.first() else {
                    assert_eq!(frames, expected, "{name}: a flip of {flip:#x} at {at} changed the data in silence");
                    continue;
                };
                told += 1;
                let known = ["corrupt", &format!("the {layer} ends too early"), "cut off or damaged"];
                assert!(known.iter().any(|k| first.contains(k)), "{name}: a flip of {flip:#x} at {at}: {first}");
                assert!(first.contains(&name), "it says which file: {first}");
                assert!(
                    header <= at || matches!(at, 0..4 | 10..) || layer == "zstd",
                    "{name}: the time of the file at {at} is no data: {first}"
                );
            }
        }
    }
    assert!(told > 1500, "only {told} flips were told");
}

#[test]
fn a_bad_line_of_a_sound_file_was_written_so() {
    let folder = Folder::new();
    let content = [lines(50), b"no time here\n".to_vec(), lines(50)].concat();
    let check = |packed: &[u8], part: &str| {
        let (frames, errors) = read_all(&folder.file("a", packed));
        assert_eq!((frames.len(), errors.len()), (100, 1), "{errors:?}");
        assert!(errors[0].contains("bad line 51 (byte ") && errors[0].contains(part), "{errors:?}");
    };
    check(&content, "repair or remove the line");
    check(&gzip(&content), "the file's gzip checksum is right, so it was written so");
    check(&zstd_with_checksum(&content), "the file's zstd checksum is right");
    check(&zstd::encode_all(content.as_slice(), 1).unwrap(), "the file's zstd has no checksum");
    let frames = [zstd_with_checksum(&content[..800]), zstd::encode_all(&content[800..], 1).unwrap()].concat();
    check(&frames, "the file's zstd has no checksum over all of it");
}

#[test]
fn a_file_that_may_not_be_read_twice_is_not() {
    let folder = Folder::new();
    let content = [lines(50), b"no time here\n".to_vec(), lines(50)].concat();
    let path = folder.file("a", &gzip(&content));
    let mut reader = open(&path, &CaptureOptions { ask_packing: false, ..CaptureOptions::default() }).unwrap();
    let error = loop {
        match reader.next() {
            Ok(frame) => assert!(frame.is_some(), "the bad line is told"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("bad line 51") && error.contains("gzip is corrupt was not asked"), "{error}");
    assert_eq!(Packing::of_while(&path, &|| false), Packing::NotAsked { layer: "gzip" });
}

#[test]
fn damage_in_the_middle_names_the_first_damaged_record_and_keeps_what_can_be_read() {
    let folder = Folder::new();
    let content = lines(3000);
    // Stored, not packed: so the damage hits exactly the line that it is meant for.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::none());
    encoder.write_all(&content).unwrap();
    let mut packed = encoder.finish().unwrap();
    let needle = line(1500);
    let at = packed.windows(needle.len()).position(|w| w == needle.as_bytes()).unwrap();
    packed[at] = b'x';
    let (frames, errors) = read_all(&folder.file("a.gz", &packed));
    assert_eq!(frames.len(), 2999, "every other line is given");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].contains("corrupt gzip: its checksum does not match; first damaged record: line 1501"),
        "{errors:?}"
    );
    assert!(errors[1].contains("corrupt gzip: its checksum does not match"), "{errors:?}");
}

#[test]
fn members_and_what_follows_them_are_told_apart() {
    let folder = Folder::new();
    let content = lines(900);
    let cut = lines(300).len();
    let parts = [gzip(&content[..cut]), gzip(&content[cut..])];
    let check = |packed: &[u8], frames: usize, part: Option<&str>| {
        let (found, errors) = read_all(&folder.file("a.gz", packed));
        assert_eq!(found.len(), frames, "{errors:?}");
        match part {
            None => assert!(errors.is_empty(), "{errors:?}"),
            Some(part) => assert!(errors.len() == 1 && errors[0].contains(part), "`{part}` is not in {errors:?}"),
        }
    };
    let both = parts.concat();
    check(&both, 900, None);
    // An empty member is a member.
    check(&[both.clone(), gzip(b"")].concat(), 900, None);
    check(&[both.as_slice(), &[0; 512]].concat(), 900, Some("zeros follow behind the end of part 2"));
    check(&[both.as_slice(), b"x"].concat(), 900, Some("other bytes follow behind the end of part 2"));
    check(
        &[parts[0].as_slice(), b"garbage"].concat(),
        300,
        Some("other bytes follow behind the end, whose checksum is right"),
    );
    let mut second = both.clone();
    second[parts[0].len()] ^= 0x40;
    check(&second, 300, Some("or a further part that is damaged"));
    second[parts[0].len()] ^= 0x40;
    second[parts[0].len() + 1] ^= 0x40;
    check(&second, 300, Some("or a further part that is damaged"));
    for end in 1..10 {
        check(&both[..parts[0].len() + end], 300, Some("the gzip ends too early"));
    }
    // The checksum of the first part is wrong: nothing of the second is believed to be in its place.
    let mut first = both;
    first[parts[0].len() - 6] ^= 1;
    check(&first, 300, Some("its checksum does not match"));
}

#[test]
fn the_packing_of_a_file_is_told() {
    let folder = Folder::new();
    let content = lines(200);
    let packed = gzip(&content);
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0xFF;
    let check = |bytes: &[u8], expected: Packing| assert_eq!(Packing::of(&folder.file("a", bytes)), expected);
    check(&content, Packing::None);
    check(&packed, Packing::Sound { layer: "gzip" });
    check(&zstd_with_checksum(&content), Packing::Sound { layer: "zstd" });
    let bare = zstd::encode_all(content.as_slice(), 1).unwrap();
    check(&bare, Packing::Unproven { layer: "zstd" });
    // Of several frames each must have one; a frame without content (here of 3 bytes) need not.
    let sound = zstd_with_checksum(&content);
    let skippable = [&[0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    check(&[&sound[..], &sound].concat(), Packing::Sound { layer: "zstd" });
    check(&[&sound[..], &skippable, &sound].concat(), Packing::Sound { layer: "zstd" });
    check(&[&sound[..], &bare].concat(), Packing::Unproven { layer: "zstd" });
    check(&[&bare[..], &sound].concat(), Packing::Unproven { layer: "zstd" });
    check(&[&sound[..], &sound[..7]].concat(), Packing::Cut { layer: "zstd" });
    check(&[&sound[..], &sound[..3]].concat(), Packing::Cut { layer: "zstd" });
    for padding in [&b"\0"[..], b"\0\0\0\0\0\0", b"text"] {
        let found = Packing::of(&folder.file("a", &[&sound[..], padding].concat()));
        let Packing::Damaged { layer: "zstd", byte, detail } = &found else { panic!("{found:?}") };
        assert!(*byte == content.len() as u64 && detail.contains("behind the end of a frame"), "{found:?}");
    }
    check(&packed[..packed.len() / 2], Packing::Cut { layer: "gzip" });
    assert!(matches!(Packing::of(&folder.file("a", &damaged)), Packing::Damaged { layer: "gzip", .. }));
    assert_eq!(Packing::of(&folder.0.path().join("nothing")), Packing::None);
}

#[test]
fn progress_counts_what_was_given_and_not_what_was_read_ahead() {
    let folder = Folder::new();
    let content = lines(20_000);
    for (name, bytes) in [("plain", content.clone()), ("gzip", gzip(&content)), ("zstd", zstd_with_checksum(&content))]
    {
        let mut reader = open(&folder.file("a", &bytes), &CaptureOptions::default()).unwrap();
        assert_eq!(reader.progress(), (0, bytes.len() as u64), "{name}: nothing was given yet");
        let mut last = 0;
        for n in 1..=20_000u64 {
            assert!(reader.advance().unwrap());
            let (done, total) = reader.progress();
            // A packed file gives what it gives unevenly; within a tenth is even enough for a bar.
            let even = n * total / 20_000;
            assert!(done.abs_diff(even) <= total / 10, "{name}: {done} of {total} after {n} of 20 000 lines");
            assert!(done + total / 10 >= last, "{name}: it does not jump back");
            last = done;
        }
        assert!(!reader.advance().unwrap());
        assert_eq!(reader.progress().0, bytes.len() as u64, "{name}: all of it");
    }
}
