//! Edge: rows in PostgreSQL's binary COPY format (manual: "COPY", Binary Format; types as their `…_recv` functions read them).

use crate::acp::payload::Exact;
use crate::types::time::{MICROS, UnixNanos};
use std::fmt::Write as _;
use std::sync::Arc;

/// Signature, flags and the length of a header extension that is not there.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends the rows.
const TRAILER: [u8; 2] = (-1i16).to_be_bytes();
/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// What stands for a NUL, which PostgreSQL's texts cannot hold.
const NO_NUL: char = '\u{fffd}';

/// Bytes of a piece, about. The server works on a piece while the next one comes; of one that is as long as a batch it would see
/// nothing before its end.
const PIECE: usize = 128 << 10;

/// Rows of one table.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Pieces that are full, and their bytes.
    pieces: Vec<Arc<[u8]>>,
    full: usize,
    bytes: Vec<u8>,
    count: u64,
    number: String,
}

impl Rows {
    /// Begins a row of so many fields; exactly so many must follow.
    pub fn begin(&mut self, fields: usize) {
        if self.count == 0 {
            self.bytes.extend_from_slice(HEADER);
        } else if self.bytes.len() >= PIECE {
            self.full += self.bytes.len();
            self.pieces.push(self.bytes.as_slice().into());
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(&(fields as i16).to_be_bytes());
        self.count += 1;
    }

    /// Rows so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.full + self.bytes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, as COPY reads them: pieces, in their order.
    pub fn finish(mut self) -> Vec<Arc<[u8]>> {
        if self.count > 0 {
            self.bytes.extend_from_slice(&TRAILER);
            self.pieces.push(self.bytes.into());
        }
        self.pieces
    }

    fn field(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    /// `NULL`.
    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1i32).to_be_bytes());
    }

    /// `bigint`. A number beyond its range, which no sequence reaches, becomes its greatest.
    pub fn bigint(&mut self, value: u64) {
        self.field(&i64::try_from(value).unwrap_or(i64::MAX).to_be_bytes());
    }

    /// `smallint`.
    pub fn smallint(&mut self, value: i16) {
        self.field(&value.to_be_bytes());
    }

    /// `boolean`.
    pub fn boolean(&mut self, value: bool) {
        self.field(&[u8::from(value)]);
    }

    /// `double precision`.
    pub fn double(&mut self, value: f64) {
        self.field(&value.to_be_bytes());
    }

    /// `timestamptz`, whole microseconds, rounded down.
    pub fn time(&mut self, at: UnixNanos) {
        self.field(&(at.div_euclid(MICROS) - POSTGRES_EPOCH).to_be_bytes());
    }

    /// `text`.
    pub fn text(&mut self, value: &str) {
        if value.as_bytes().contains(&0) {
            self.field(value.replace('\0', NO_NUL.encode_utf8(&mut [0; 4])).as_bytes());
        } else {
            self.field(value.as_bytes());
        }
    }

    /// `text`, or `NULL` where there is none.
    pub fn text_or_null(&mut self, value: Option<&str>) {
        match value {
            Some(value) if !value.is_empty() => self.text(value),
            _ => self.null(),
        }
    }

    /// `jsonb` from JSON.
    pub fn json(&mut self, json: &[u8]) {
        let clean = without_nul(json);
        let json = clean.as_deref().unwrap_or(json);
        self.bytes.extend_from_slice(&(json.len() as i32 + 1).to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(json);
    }

    /// `numeric`, exact.
    pub fn numeric(&mut self, value: Exact) {
        let mut number = std::mem::take(&mut self.number);
        number.clear();
        // It fails only beyond 38 decimals, which no instrument has.
        if write!(number, "{value}").is_ok() {
            self.numeric_text(&number);
        } else {
            self.null();
        }
        self.number = number;
    }

    /// `numeric` from its decimal text: digits of base 10 000, the first with its weight, and how many decimals are shown.
    fn numeric_text(&mut self, text: &str) {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 12]);
        // Groups of four, counted from the point.
        let whole = whole.trim_start_matches('0').as_bytes();
        let fraction = fraction.as_bytes();
        let mut weight = whole.len().div_ceil(4) as i16 - 1;
        let mut digits = 0i16;
        let value = |group: &[u8], wide: bool| {
            let number = group.iter().fold(0i16, |n, digit| n * 10 + i16::from(digit - b'0'));
            if wide { number * [1, 1000, 100, 10, 1][group.len()] } else { number }
        };
        let first = whole.len() % 4;
        let (head, rest) = whole.split_at(first);
        let groups = (!head.is_empty())
            .then(|| value(head, false))
            .into_iter()
            .chain(rest.chunks(4).map(|group| value(group, false)))
            .chain(fraction.chunks(4).map(|group| value(group, true)));
        let mut zeros = 0;
        for group in groups {
            if group == 0 {
                if digits == 0 {
                    weight -= 1;
                } else {
                    zeros += 1;
                }
                continue;
            }
            for _ in 0..zeros {
                self.bytes.extend_from_slice(&[0, 0]);
                digits += 1;
            }
            zeros = 0;
            self.bytes.extend_from_slice(&group.to_be_bytes());
            digits += 1;
        }
        let sign: u16 = if negative && digits > 0 { 0x4000 } else { 0 };
        let weight = if digits == 0 { 0 } else { weight };
        let length = (self.bytes.len() - at - 4) as i32;
        self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        self.bytes[at + 4..at + 6].copy_from_slice(&digits.to_be_bytes());
        self.bytes[at + 6..at + 8].copy_from_slice(&weight.to_be_bytes());
        self.bytes[at + 8..at + 10].copy_from_slice(&sign.to_be_bytes());
        self.bytes[at + 10..at + 12].copy_from_slice(&(fraction.len() as u16).to_be_bytes());
    }
}

/// JSON whose strings hold no NUL, which `jsonb` refuses; `None` if they hold none.
fn without_nul(json: &[u8]) -> Option<Vec<u8>> {
    const NUL: &[u8] = b"\\u0000";
    memchr::memmem::find(json, NUL)?;
    let mut clean = Vec::with_capacity(json.len());
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        if *byte != b'\\' {
            clean.push(*byte);
            at += 1;
        } else if json[at..].starts_with(NUL) {
            clean.extend_from_slice(b"\\ufffd");
            at += NUL.len();
        } else {
            // An escape is two characters at least, so the second `\` of `\\` begins none.
            clean.extend_from_slice(&json[at..(at + 2).min(json.len())]);
            at += 2;
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use tokio_postgres::types::{FromSql, Type};

    fn numeric(value: Exact) -> Vec<u8> {
        let mut rows = Rows::default();
        rows.begin(1);
        rows.numeric(value);
        rows.bytes[HEADER.len() + 2 + 4..].to_vec()
    }

    fn check(mantissa: i128, decimals: u8, text: &str) {
        let read = Decimal::from_sql(&Type::NUMERIC, &numeric(Exact(mantissa, decimals, 0))).unwrap();
        assert_eq!(read.normalize().to_string(), text, "{mantissa}e-{decimals}");
    }

    #[test]
    fn numbers_are_exact() {
        check(0, 0, "0");
        check(0, 8, "0");
        check(1, 0, "1");
        check(-1, 4, "-0.0001");
        check(-1, 5, "-0.00001");
        check(10_000, 0, "10000");
        check(100_000_000, 4, "10000");
        check(123_456_789, 3, "123456.789");
        check(6_180_030, 2, "61800.3");
        check(1, 18, "0.000000000000000001");
        // Beyond what the oracle can hold: digits 12 34 … of base 10 000.
        assert_eq!(numeric(Exact(i128::MAX, 36, 0)).len(), 8 + 2 * 10);
        assert_eq!(&numeric(Exact(20_000, 0, 0)), &[0, 1, 0, 1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(&numeric(Exact(-5, 1, 0)), &[0, 1, 255, 255, 0x40, 0, 0, 1, 0x13, 0x88]);
    }

    #[test]
    fn what_postgres_cannot_hold_is_replaced() {
        let clean = |json: &str| without_nul(json.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(clean(r#"{"a":"b\\n"}"#), None);
        assert_eq!(clean(r#"{"a":"x\u0000y"}"#).unwrap(), r#"{"a":"x\ufffdy"}"#);
        assert_eq!(clean(r#"{"a":"x\\u0000\u0000"}"#).unwrap(), r#"{"a":"x\\u0000\ufffd"}"#);
        let mut rows = Rows::default();
        rows.begin(1);
        rows.text("a\0b");
        assert!(rows.bytes.ends_with("a\u{fffd}b".as_bytes()));
        rows.begin(1);
        rows.text_or_null(Some(""));
        assert!(rows.bytes.ends_with(&[255; 4]));
        assert_eq!((rows.count(), rows.finish().concat().ends_with(&[255; 6])), (2, true));
    }

    #[test]
    fn many_rows_come_in_pieces_of_whole_rows() {
        let mut rows = Rows::default();
        let text = "x".repeat(1_000);
        for _ in 0..1_000 {
            rows.begin(1);
            rows.text(&text);
        }
        let (length, pieces) = (rows.len(), rows.finish());
        assert!(pieces.len() > 5 && pieces.iter().all(|piece| piece.len() < PIECE + 2_000), "{}", pieces.len());
        assert!(pieces[1..].iter().all(|piece| piece.starts_with(&[0, 1, 0, 0, 3, 232, b'x'])));
        let all = pieces.concat();
        assert_eq!((all.len(), length), (HEADER.len() + 1_000 * 1_006 + 2, HEADER.len() + 1_000 * 1_006));
        assert!(all.starts_with(HEADER) && all.ends_with(&[b'x', 255, 255]));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(mantissa in any::<i64>(), decimals in 0u8..19) {
            let read = Decimal::from_sql(&Type::NUMERIC, &numeric(Exact(mantissa.into(), decimals, 0))).unwrap();
            prop_assert_eq!(read, Decimal::from_i128_with_scale(mantissa.into(), decimals.into()));
        }
    }
}
