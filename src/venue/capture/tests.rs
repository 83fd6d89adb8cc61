//! Edge: tests with files made here: whole, damaged, merged, written and read back.

use super::write::{ItchWriter, LineWriter};
use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;

mod packed;
mod packets;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// All frames as `(ts_recv, bytes)`, and the error that ended them.
type Read = (Vec<(UnixNanos, Vec<u8>)>, Option<CaptureError>);

fn read(path: &Path) -> Read {
    let mut frames = Vec::new();
    let mut reader = match open(path, &CaptureOptions::default()) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next() {
            Ok(Some(frame)) => frames.push((frame.ts_recv, frame.bytes.to_vec())),
            Ok(None) => return (frames, None),
            Err(error) if error.is_final() => {
                assert!(!reader.advance().unwrap(), "nothing behind a final error");
                return (frames, Some(error));
            }
            Err(error) => return (frames, Some(error)),
        }
    }
}

fn line(i: usize) -> String {
    let noise = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{} {{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"n\":\"{noise:x}\"}}}}\n", 1_000_000 + i)
}

fn lines(n: usize) -> Vec<u8> {
    (0..n).map(line).collect::<String>().into_bytes()
}

#[test]
fn compression_is_found_by_content() {
    let folder = Folder::new();
    let content = lines(3000);
    let (expected, error) = read(&folder.file("a.zst", &content));
    assert!(error.is_none() && expected.len() == 3000);
    let two_members = [gzip(&content[..1000]), gzip(&content[1000..])].concat();
    for packed in [gzip(&content), two_members, zstd::encode_all(content.as_slice(), 1).unwrap()] {
        let (frames, error) = read(&folder.file("b.txt", &packed));
        assert!(error.is_none());
        assert_eq!(frames, expected);
    }
    let mut reader = open(&folder.file("c", &gzip(&content)), &CaptureOptions::default()).unwrap();
    while reader.advance().unwrap() {}
    let (read, size) = reader.progress();
    assert_eq!(read, size);
    assert_eq!(reader.counts().frames, 3000);
    assert!(reader.describe().contains("gzip"));
    assert!(reader.frame().bytes.is_empty(), "behind the end");
}

#[test]
fn cut_files_give_all_whole_lines_first() {
    let folder = Folder::new();
    let content = lines(2000);
    let gz = gzip(&content);
    let zst = zstd::encode_all(content.as_slice(), 1).unwrap();
    let (all, _) = read(&folder.file("whole", &content));
    for (name, packed) in [("gzip", &gz), ("zstd", &zst)] {
        let mut last = 0;
        for cut in [12, packed.len() / 4, packed.len() / 2, packed.len() * 9 / 10, packed.len() - 8, packed.len() - 1] {
            let (frames, error) = read(&folder.file("cut", &packed[..cut]));
            assert_eq!(frames, all[..frames.len()], "{name} cut at {cut}");
            assert!(frames.len() >= last);
            last = frames.len();
            let error = error.unwrap();
            assert!(matches!(&error, CaptureError::Truncated { layer, .. } if *layer == name), "{name} {cut}: {error}");
            assert!(error.is_cut() && error.is_final());
        }
        // A zstd block can be unpacked only as a whole.
        assert!(last >= 1500, "{name}: only {last} lines before the cut");
    }
    // Only the trailer is missing: every line is there.
    assert_eq!(read(&folder.file("cut", &gz[..gz.len() - 8])).0.len(), 2000);
}

#[test]
fn a_cut_last_line_is_an_error_and_a_missing_end_is_not() {
    let folder = Folder::new();
    let content = lines(3);
    let whole = content.len() - 1;
    assert_eq!(read(&folder.file("a", &content[..whole])).0.len(), 3);
    for cut in (whole - 40)..whole {
        let (frames, error) = read(&folder.file("a", &content[..cut]));
        assert_eq!(frames.len(), 2);
        assert!(matches!(error, Some(CaptureError::LastLineCut { at: Place { number: 3, .. }, .. })), "{error:?}");
    }
}

#[test]
fn reading_goes_on_behind_a_bad_line() {
    let folder = Folder::new();
    let content = format!("{}\n\nno time here\n{}", line(0).trim_end(), line(1).replace('\n', "\r\n"));
    let path = folder.file("a", content.as_bytes());
    let mut reader = open(&path, &CaptureOptions::default()).unwrap();
    assert!(reader.advance().unwrap());
    let error = reader.advance().unwrap_err();
    let CaptureError::BadLine { at, .. } = &error else { panic!("{error}") };
    assert_eq!((at.number, at.byte), (3, line(0).len() as u64 + 1));
    assert!(error.to_string().contains("no time here"));
    assert!(reader.advance().unwrap());
    assert_eq!(reader.frame().number, 4);
    assert!(reader.frame().bytes.ends_with(b"}"));
    assert_eq!(reader.counts().blank_lines, 1);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let folder = Folder::new();
    let check = |path: &Path, told: &str| {
        let error = read(path).1.unwrap();
        assert!(error.to_string().contains(told), "`{error}` does not say `{told}`");
        assert!(error.to_string().contains(&path.display().to_string()));
    };
    check(&folder.0.path().join("nothing"), "no such file");
    check(folder.0.path(), "a folder");
    check(&folder.file("a", b""), "empty");
    check(&folder.file("a", &gzip(b"")), "empty");
    check(&folder.file("a", b"\n\n \n"), "empty");
    check(&folder.file("a", b"{\"e\":\"trade\"}\n"), "without the time of receipt");
    check(&folder.file("a", b"PAR1xxxx"), "Parquet");
    check(&folder.file("a", b"BestAsk,BestAskVolume\n"), "orderbook file");
    check(&folder.file("a", &[0x80; 100]), "some other binary format");
    check(&folder.file("a", b"\x1f\x8b\x08\x07"), "gzip");
    check(&folder.file("a", b"17 {\"channel\":\"l2Book\"}\n"), "none of Binance's");
    check(&folder.file("a", b"wss://ws.okx.com:8443/ws/v5/public <-> 1652459224.5\n"), "ws.okx.com");
    check(&folder.file("rows.csv", b"34200.1,1,5,6,7,1\n"), "the symbol");
    let rows = folder.file("rows.csv", b"34200.1,1,5,6,7,1\n");
    let options = CaptureOptions { symbol: Some(Symbol::from("X").unwrap()), ..CaptureOptions::default() };
    let reader = open(&rows, &options).unwrap();
    assert!(reader.describe().contains("1970-01-01"), "{}", reader.describe());
}

#[test]
fn cryptofeed_lines_are_all_accounted_for() {
    let folder = Folder::new();
    let content = "configuration: {\"a\":1}\n\
        wss://fstream.binance.com/stream?streams=a <-> 1626992740.9\n\
        wss://fstream.binance.com/stream <- 1626992740.91: {\"id\":1}\n\
        1626992741.06217: {\"stream\":\"a@trade\",\"data\":{}}\n\
        https://fapi.binance.com/fapi/v1/depth?symbol=AKROUSDT&limit=1000 -> 1626992741.475372: {\"lastUpdateId\":6}\n\
        https://fapi.binance.com/fapi/v1/exchangeInfo -> 1626992740.175661: {\"symbols\":[]}\n\
        https://fapi.binance.com/fapi/v1/ping -> 1626992741.5: {}\n\n\
        1626992742.0000001: {\"stream\":\"a@trade\",\"data\":{}}\n";
    let mut reader = open(&folder.file("a", content.as_bytes()), &CaptureOptions::default()).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        assert_eq!(frame.venue, Some(VenueKind::BinanceUsdm));
        let kind = match frame.kind {
            FrameKind::Message => "message".to_owned(),
            FrameKind::RestSnapshot { symbol } => symbol.unwrap().to_owned(),
            FrameKind::Definitions => "definitions".to_owned(),
            FrameKind::Gap { .. } => "gap".to_owned(),
        };
        seen.push((frame.number, frame.ts_recv, kind));
    }
    assert_eq!(
        seen,
        [
            (4, 1_626_992_741_062_170_000, "message".to_owned()),
            (5, 1_626_992_741_475_372_000, "AKROUSDT".to_owned()),
            (6, 1_626_992_740_175_661_000, "definitions".to_owned()),
            (9, 1_626_992_742_000_000_100, "message".to_owned()),
        ]
    );
    let c = reader.counts();
    assert_eq!(
        (c.frames, c.sent, c.connects, c.configuration, c.rest_other, c.blank_lines, c.times_backward, c.records),
        (4, 1, 1, 1, 1, 1, 1, 9)
    );
    let two_venues = format!("{content}wss://stream.binance.com:9443/ws <-> 1626992743.0\n");
    let error = read(&folder.file("b", two_venues.as_bytes())).1.unwrap();
    assert!(error.to_string().contains("BINANCE and BINANCE_USDM in one file"), "{error}");
}

fn itch_message(nanos: u64, reference: u64) -> Vec<u8> {
    let mut message = vec![b'D', 0, 1, 0, 0];
    message.extend(&nanos.to_be_bytes()[2..]);
    message.extend(reference.to_be_bytes());
    message
}

#[test]
fn itch_files_are_read_back_and_cut_ones_told() {
    let folder = Folder::new();
    let mut writer = ItchWriter::new(Vec::new());
    for i in 0..100 {
        writer.write(&itch_message(i * 5, i)).unwrap();
    }
    assert!(writer.write(b"").is_err());
    let content = writer.finish().unwrap();
    let path = folder.file("S013019-v50.gz", &gzip(&content));
    let (frames, error) = read(&path);
    assert!(error.is_none() && frames.len() == 100);
    assert_eq!(frames[7], (1_548_824_400_000_000_035, itch_message(35, 7)));
    let mut reader = open(&path, &CaptureOptions::default()).unwrap();
    assert_eq!(reader.decoder(), DecoderKind::Itch { midnight: 1_548_824_400_000_000_000 });
    assert!(reader.describe().contains("2019-01-30"), "{}", reader.describe());
    while reader.advance().unwrap() {}
    assert_eq!(reader.counts().end_markers, 1);
    for cut in (21 * 40 + 1)..(21 * 41) {
        let (frames, error) = read(&folder.file("cut", &content[..cut]));
        assert_eq!(frames.len(), 40);
        assert!(
            matches!(
                error,
                Some(CaptureError::Truncated { at: Place { byte: 840, number: 41, unit: Unit::Message }, .. })
            ),
            "{error:?}"
        );
    }
    let mut out_of_step = content;
    out_of_step[21 * 40] = 0x7F;
    let (frames, error) = read(&folder.file("bad", &out_of_step));
    assert_eq!(frames.len(), 40);
    assert!(matches!(error, Some(CaptureError::Corrupt { .. })), "{error:?}");
}

#[test]
fn written_lines_are_read_back() {
    let folder = Folder::new();
    let path = folder.0.path().join("live.gz");
    let mut writer = LineWriter::create(&path).unwrap();
    let message = b"{\"stream\":\"btcusdt@trade\",\"data\":{}}";
    writer.write(17, message).unwrap();
    writer.flush().unwrap();
    // As after a crash: what was flushed is there, then the cut is told.
    let (frames, error) = read(&path);
    assert_eq!(frames, [(17, message.to_vec())]);
    assert!(matches!(error, Some(CaptureError::Truncated { layer: "gzip", .. })), "{error:?}");
    writer.write(18, b" {}\n").unwrap();
    for bad in [b"{\n}".as_slice(), b"", b"1"] {
        assert!(writer.write(19, bad).is_err());
    }
    assert!(writer.write(-1, b"{}").is_err());
    assert_eq!(writer.finish().unwrap(), 2);
    let (frames, error) = read(&path);
    assert!(error.is_none());
    assert_eq!(frames, [(17, message.to_vec()), (18, b"{}".to_vec())]);
}

#[test]
fn a_merge_goes_on_without_the_one_that_broke() {
    let folder = Folder::new();
    let options = CaptureOptions::default();
    let cut = lines(3);
    let readers = [folder.file("a", &cut[..cut.len() - 5]), folder.file("b", &lines(4))];
    let mut merge = Merge::new(readers.iter().map(|path| open(path, &options).unwrap()).collect());
    let mut seen = Vec::new();
    loop {
        match merge.next_frame() {
            Ok(Some((index, frame))) => seen.push((index as i64, frame.ts_recv - 1_000_000)),
            Ok(None) => break,
            Err(error) => {
                assert!(matches!(error.error, CaptureError::LastLineCut { .. }));
                seen.push((-1, error.reader as i64));
            }
        }
    }
    assert_eq!(seen, [(0, 0), (1, 0), (0, 1), (-1, 0), (1, 1), (1, 2), (1, 3)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Against sorting everything by (clamped time, file, place in the file).
    #[test]
    fn a_merge_is_a_stable_sort(files in proptest::collection::vec(proptest::collection::vec(0i64..20, 1..30), 1..5)) {
        let folder = Folder::new();
        let mut expected = Vec::new();
        let mut readers = Vec::new();
        for (index, times) in files.iter().enumerate() {
            let mut content = Vec::new();
            let mut key = 0;
            for (place, &ts) in times.iter().enumerate() {
                key = key.max(ts);
                writeln!(content, "{ts} {{\"stream\":\"{place}\"}}").unwrap();
                expected.push((key, index, place, ts));
            }
            readers.push(open(&folder.file(&index.to_string(), &content), &CaptureOptions::default()).unwrap());
        }
        expected.sort_unstable();
        let mut merge = Merge::new(readers);
        for (_, index, place, ts) in expected {
            let (reader, frame) = merge.next_frame().unwrap().unwrap();
            prop_assert_eq!((reader, frame.ts_recv, frame.number), (index, ts, place as u64 + 1));
            prop_assert_eq!(frame.bytes.to_vec(), format!("{{\"stream\":\"{place}\"}}").into_bytes());
        }
        prop_assert!(merge.next_frame().unwrap().is_none());
        let backward: u64 = merge.readers().iter().map(|reader| reader.counts().times_backward).sum();
        let fell = files.iter().flat_map(|times| times.windows(2)).filter(|pair| pair[1] < pair[0]).count();
        prop_assert_eq!(backward, fell as u64);
    }

    #[test]
    fn no_file_makes_it_panic(
        magic in proptest::sample::select(vec![
            &b""[..], b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\x00\x13D", b"1 {", b"1.5: {", b"34200.1,1,2,3,4,1\n", b"wss://stream.binance.com <", b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0",
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let folder = Folder::new();
        let path = folder.file("X_2012-06-21_message", &[magic, &rest].concat());
        if let Ok(mut reader) = open(&path, &CaptureOptions::default()) {
            // Every call takes bytes away, so there is an end.
            for _ in 0..400 {
                if matches!(reader.advance(), Ok(false)) {
                    break;
                }
            }
            prop_assert!(matches!(reader.advance(), Ok(false)));
        }
    }
}
