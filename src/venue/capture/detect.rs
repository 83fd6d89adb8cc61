//! Edge: which format a file has, by its magic number, else by its first line that is not empty.

use super::CaptureFormat;
use super::error::{CaptureError, printable};
use super::stream::ByteStream;
use crate::venue::itch::message::specified_length;

/// How far to look for the first line that is not empty.
const HEAD: usize = 64 << 10;
/// A message that a later edition of the specification makes longer is still taken for one, up to this length.
const ITCH_LENGTH_MAX: usize = 128;

/// The format of `stream`, which is left at its start.
pub(super) fn format(stream: &mut ByteStream) -> Result<CaptureFormat, CaptureError> {
    // Shorter files are fine, and damage further on is reported when it is reached.
    stream.fill(HEAD);
    let head = stream.available();
    let head = &head[..head.len().min(HEAD)];
    if let Some(format) = binary(head) {
        return Ok(format);
    }
    let text = head.trim_ascii_start();
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default();
    let hint = match line_format(line) {
        Ok(format) => return Ok(format),
        Err(hint) => misnamed(stream).unwrap_or(hint),
    };
    let (short, blank, first) = (head.len() < HEAD, text.is_empty(), printable(head));
    let path = stream.path.clone();
    // A file that breaks off so early is not of another format: it is damaged.
    match stream.damage() {
        Some(damage) if short => Err(damage),
        _ if blank && short => Err(CaptureError::Empty { path }),
        _ => Err(CaptureError::UnknownFormat { path, first, hint }),
    }
}

/// What a name says that the content does not.
fn misnamed(stream: &ByteStream) -> Option<&'static str> {
    let extension = stream.path.extension()?.to_ascii_lowercase();
    match (stream.layer(), extension.to_str()?) {
        ("file", "gz" | "gzip") => {
            Some("its name says gzip, but it does not begin as gzip does (1f 8b): it is corrupt, or has a wrong name")
        }
        ("file", "zst" | "zstd") => Some(
            "its name says zstd, but it does not begin as zstd does (28 b5 2f fd): it is corrupt, or has a wrong name",
        ),
        _ => None,
    }
}

fn binary(head: &[u8]) -> Option<CaptureFormat> {
    let (magic, _) = head.split_first_chunk::<4>()?;
    match *magic {
        [0xD4, 0xC3, 0xB2, 0xA1] | [0xA1, 0xB2, 0xC3, 0xD4] | [0x4D, 0x3C, 0xB2, 0xA1] | [0xA1, 0xB2, 0x3C, 0x4D] => {
            Some(CaptureFormat::Pcap)
        }
        [0x0A, 0x0D, 0x0D, 0x0A] => Some(CaptureFormat::PcapNg),
        [high, low, message_type, _] => {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let specified = specified_length(message_type)?;
            // The length's high byte is 0, which no text begins with.
            (high == 0 && length >= specified && length <= ITCH_LENGTH_MAX).then_some(CaptureFormat::Itch)
        }
    }
}

/// The format that `line` begins, or what it looks like instead.
fn line_format(line: &[u8]) -> Result<CaptureFormat, &'static str> {
    let line = line.trim_ascii();
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let number = line.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if digits > 0 && line.get(digits) == Some(&b' ') && matches!(line.get(digits + 1), Some(b'{' | b'[')) {
        return Ok(CaptureFormat::Hftbacktest);
    }
    if digits > 0 && line.get(number..).is_some_and(|rest| rest.starts_with(b": ")) {
        return Ok(CaptureFormat::Cryptofeed);
    }
    if [&b"ws://"[..], b"wss://", b"http://", b"https://", b"configuration: "].iter().any(|p| line.starts_with(p)) {
        return Ok(CaptureFormat::Cryptofeed);
    }
    if line.starts_with(b"Time,Type,") {
        return Ok(CaptureFormat::Lobster);
    }
    if line.contains(&b',') {
        let columns: Vec<&[u8]> = line.split(|&b| b == b',').collect();
        let numeric =
            |text: &&[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        if matches!(columns.len(), 6 | 7) && columns[..6].iter().all(numeric) && columns[1].len() == 1 {
            return Ok(CaptureFormat::Lobster);
        }
        let orderbook = columns.len().is_multiple_of(4) && columns.iter().all(numeric);
        if orderbook || line.starts_with(b"BestAsk,") {
            return Err("that is a LOBSTER orderbook file, which holds no events: give the message file beside it");
        }
    }
    Err(match line {
        [b'{' | b'[', ..] => "JSON without the time of receipt: put the local nanoseconds and a space before each line",
        [b'P', b'A', b'R', b'1', ..] => "that is Parquet",
        [b'D', b'B', b'N', ..] => "that is Databento's DBN",
        [b'P', b'K', 3, 4, ..] => "that is a zip archive: unpack it",
        [b'B', b'Z', b'h', ..] => "that is bzip2: unpack it, or pack it with gzip or zstd",
        [0xFD, b'7', b'z', b'X', b'Z', ..] => "that is xz: unpack it, or pack it with gzip or zstd",
        [0x04, 0x22, 0x4D, 0x18, ..] => "that is lz4: unpack it, or pack it with gzip or zstd",
        _ if line.iter().all(|&b| b.is_ascii_graphic() || b == b' ' || b == b'\t') => "that is some other text",
        _ => "that is some other binary format",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_recognised() {
        use CaptureFormat::{Cryptofeed, Hftbacktest, Lobster};
        let check = |line: &str, expected: Option<CaptureFormat>| {
            assert_eq!(line_format(line.as_bytes()).ok(), expected, "{line}");
        };
        check(r#"1723161255030314667 {"stream":"#, Some(Hftbacktest));
        check(r#"1633998512.0633569: {"stream""#, Some(Cryptofeed));
        check("wss://ws.okx.com:8443/ws/v5/public <-> 1652459224.5300605", Some(Cryptofeed));
        check("configuration: {}", Some(Cryptofeed));
        check("Time,Type,OrderId,Size,Price,Direction", Some(Lobster));
        check("34200.01746,5,0,1,2238200,-1", Some(Lobster));
        check("34200.01746,5,0,1,2238200,-1,null", Some(Lobster));
        check("2239500,100,2231800,100", None);
        check("BestAsk,BestAskVolume,BestBid,BestBidVolume", None);
        check("{\"e\":\"trade\"}", None);
        check("34200,5,0,1,2238200", None);
        check("hello", None);
        check("", None);
    }

    #[test]
    fn magic_numbers_are_recognised() {
        let check = |head: &[u8], expected| assert_eq!(binary(head), expected, "{head:?}");
        check(&[0x4D, 0x3C, 0xB2, 0xA1, 0], Some(CaptureFormat::Pcap));
        check(&[0x0A, 0x0D, 0x0D, 0x0A], Some(CaptureFormat::PcapNg));
        check(&[0, 36, b'A', 0], Some(CaptureFormat::Itch));
        check(&[0, 35, b'A', 0], None);
        check(&[0, 12, b'?', 0], None);
        check(b"", None);
    }
}
