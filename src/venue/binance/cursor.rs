//! Hot: a place in a frame, moved forward by what is expected there.

use crate::venue::decimal_fast::{Miss, Scale, quoted, unsigned};

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

    /// A string without escapes, up to its closing quotation mark, which is left.
    #[inline(always)]
    pub fn text(&mut self) -> Result<&'a str, Miss> {
        let start = self.at;
        let mut seen = 0;
        loop {
            let byte = self.peek();
            // The end of the frame reads as 0, so it ends the loop too.
            if byte == b'"' {
                break;
            }
            if byte < b' ' || byte == b'\\' {
                return Err(Miss::Surprise);
            }
            seen |= byte;
            self.at += 1;
        }
        let text = &self.bytes[start..self.at];
        if seen >= 0x80 {
            return Err(Miss::Surprise);
        }
        core::str::from_utf8(text).map_err(|_| Miss::Surprise)
    }

    /// The name of a symbol or stream; anything that is not ASCII is left to the general parser.
    #[inline(always)]
    pub fn skip_text(&mut self) -> Result<(), Miss> {
        self.text().map(|_| ())
    }
}
