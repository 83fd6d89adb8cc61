//! Hot: a place in a frame, moved forward by what is expected there.

use crate::venue::decimal_fast::{Miss, Scale, load8, quoted, unsigned};

/// The fast path's reading position.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether `text` stands here; then the cursor moves behind it.
    #[inline(always)]
    pub fn take<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        let here = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<N>);
        let found = here == Some(text);
        if found {
            self.at += N;
        }
        found
    }

    /// `text` must stand here.
    #[inline(always)]
    pub fn expect<const N: usize>(&mut self, text: &[u8; N]) -> Result<(), Miss> {
        if self.take(text) { Ok(()) } else { Err(Miss::Surprise) }
    }

    /// The byte here; 0 at the end.
    #[inline(always)]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The cursor moves over one byte, whatever it is.
    #[inline(always)]
    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// The frame must end here.
    #[inline(always)]
    pub fn end(&self) -> Result<(), Miss> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(Miss::Surprise) }
    }

    /// An unsigned integer.
    #[inline(always)]
    pub fn unsigned(&mut self) -> Result<u64, Miss> {
        let (value, at) = unsigned(self.bytes, self.at).ok_or(Miss::Surprise)?;
        self.at = at;
        Ok(value)
    }

    /// An integer whose value does not matter.
    #[inline(always)]
    pub fn skip_integer(&mut self) -> Result<(), Miss> {
        if self.peek() == b'-' {
            self.skip();
        }
        self.unsigned().map(|_| ())
    }

    /// `true` or `false`.
    #[inline(always)]
    pub fn truth(&mut self) -> Result<bool, Miss> {
        if self.take(b"true") {
            Ok(true)
        } else {
            self.expect(b"false")?;
            Ok(false)
        }
    }

    /// A decimal, up to its closing quotation mark, which is left.
    #[inline(always)]
    pub fn decimal(&mut self, scale: &Scale) -> Result<i64, Miss> {
        let (value, at) = quoted(self.bytes, self.at, scale)?;
        self.at = at;
        Ok(value)
    }

    /// A quantity: a decimal that is not negative.
    #[inline(always)]
    pub fn qty(&mut self, scale: &Scale) -> Result<i64, Miss> {
        let value = self.decimal(scale)?;
        if value < 0 { Err(Miss::Surprise) } else { Ok(value) }
    }

    /// A string of ASCII without escapes, up to its closing quotation mark, which is left; what is not ASCII is left to
    /// the general parser.
    #[inline(always)]
    pub fn text(&mut self) -> Result<&'a [u8], Miss> {
        let start = self.at;
        loop {
            // The end of the frame reads as zeros, which end a string too.
            let stops = ends_of_text(load8(self.bytes, self.at));
            if stops != 0 {
                self.at += (stops.trailing_zeros() >> 3) as usize;
                break;
            }
            self.at += 8;
        }
        if self.peek() != b'"' {
            return Err(Miss::Surprise);
        }
        self.bytes.get(start..self.at).ok_or(Miss::Surprise)
    }

    /// The same where the text does not matter.
    #[inline(always)]
    pub fn skip_text(&mut self) -> Result<(), Miss> {
        self.text().map(|_| ())
    }
}

/// The high bit of the first byte that is a quotation mark, a backslash, a control character or not ASCII; bits above
/// the lowest one mean nothing.
#[inline(always)]
const fn ends_of_text(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let quotes = zero_bytes(word ^ ONES.wrapping_mul(b'"' as u64));
    let slashes = zero_bytes(word ^ ONES.wrapping_mul(b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | slashes | controls | word) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_ends_where_it_should(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), any::<u8>(), b'A'..b'z'], 0..30)) {
            let end = bytes.iter().position(|&b| b == b'"' || b == b'\\' || !(0x20..0x80).contains(&b));
            let expected = end.filter(|&end| bytes[end] == b'"').map(|end| &bytes[..end]);
            prop_assert_eq!(Cursor::new(&bytes).text().ok(), expected);
        }
    }
}
