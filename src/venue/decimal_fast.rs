//! Hot: numbers in JSON text, eight digits at a time: quoted decimals to integers at a known scale, and plain integers.
//!
//! The eight-digit step is the well-known SWAR one (D. Lemire, "Quickly parsing eight digits", 2018; multipliers of
//! Johnny Lee). Digits stand in memory order, so the first one is the lowest byte of the little-endian word; shifting a
//! word left drops its last characters and puts leading zeros in front.

use crate::types::decimal::{Decimal, DecimalError};
use crate::types::price::pow10;

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How numbers of one kind are read for one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    decimals: u8,
    text_max: u8,
    /// The decimals, at most 8.
    short: u32,
    unit: i64,
    /// Half of the bits by which eight characters are shifted so that the first `decimals` of them remain.
    half_left: u32,
    /// Half of the bits of the first `decimals` characters.
    half_right: u32,
}

/// Why the fast way ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Not what the venue usually writes.
    Surprise,
    /// A plain number, but finer than the scale, or written with more decimals than are known to be shown.
    Finer,
}

impl Scale {
    /// Integers in units of 10^-`decimals` (0..=18); texts with more than `text_max` decimals are [`Miss::Finer`].
    #[inline]
    pub const fn new(decimals: u8, text_max: u8) -> Self {
        let short = if decimals > 8 { 8 } else { decimals as u32 };
        Self { decimals, text_max, short, unit: pow10(decimals), half_left: 32 - 4 * short, half_right: 4 * short }
    }
}

/// Eight bytes from `at`; zeros beyond the end.
#[inline(always)]
pub fn load8(bytes: &[u8], at: usize) -> u64 {
    if let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        u64::from_le_bytes(*chunk)
    } else {
        load_tail(bytes, at)
    }
}

/// The same near the end: the last eight bytes, without those in front of `at`.
#[inline]
fn load_tail(bytes: &[u8], at: usize) -> u64 {
    let missing = at.saturating_add(8) - bytes.len();
    match bytes.last_chunk::<8>() {
        Some(chunk) if missing < 8 => u64::from_le_bytes(*chunk) >> (8 * missing),
        Some(_) => 0,
        None => load_short(bytes.get(at..).unwrap_or_default()),
    }
}

/// The same of a text that is shorter than eight bytes.
#[inline(never)]
fn load_short(tail: &[u8]) -> u64 {
    tail.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The high bit of each byte that is no digit. `digits` is the text with 0x30 taken out of each byte.
#[inline(always)]
const fn not_digits(digits: u64) -> u64 {
    ((digits & !HIGH).wrapping_add(0x7676_7676_7676_7676) | digits) & HIGH
}

/// The number of eight digits, the first in the lowest byte.
#[inline(always)]
const fn eight(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & PAIRS).wrapping_mul(0x000F_4240_0000_0064);
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(0x0000_2710_0000_0001);
    high.wrapping_add(low) >> 32
}

/// Reads the decimal that starts at `at` and ends at a quotation mark, at `scale`. Returns it with the place of the
/// quotation mark. Exact: never rounds.
///
/// # Errors
/// [`Miss`]; then [`Decimal::parse`] and its `at_scale` say what is wrong, if anything is.
#[inline(always)]
pub fn quoted(bytes: &[u8], at: usize, scale: &Scale) -> Result<(i64, usize), Miss> {
    let digits = load8(bytes, at) ^ ZEROS;
    let stops = not_digits(digits);
    // Where the second character is that is no digit: bits; 64 if it is not among the eight.
    let second = (stops & stops.wrapping_sub(1)).trailing_zeros() & !7;
    let first = stops.trailing_zeros() & !7;
    let end = at + (second >> 3) as usize;
    // In the word it stands with the bits of a digit's zero taken out.
    const POINT: u64 = (b'.' ^ b'0') as u64;
    let point = first != 0 && (digits >> (first & 63)) & 0xff == POINT;
    if !point || stops == 0 || bytes.get(end) != Some(&b'"') || scale.decimals > 8 {
        return quoted_long(bytes, at, scale, digits, stops);
    }
    // All of it in one word, with a point: its digits side by side, the first in the lowest byte. `first` is 8 to 56, and at
    // least 8 less than `second`.
    let written = second - first - 8;
    let below = (1u64 << first) - 1;
    let joined = (digits & below) | ((digits >> 8) & !below);
    if written > 8 * u32::from(scale.text_max) {
        return Err(Miss::Finer);
    }
    let more = written.saturating_sub(scale.short * 8);
    // What the scale does not have must be zeros. `second` − 8 bits are digits, and at least 8 of them remain.
    let kept = second - 8 - more;
    let digits_all = joined & (u64::MAX >> (72 - second));
    if digits_all >> kept != 0 {
        return Err(Miss::Finer);
    }
    let value = eight(digits_all << (64 - kept)) as i64;
    let missing = scale.short - ((written - more) >> 3);
    // Below 10^7 × 10^8.
    Ok((value * pow10(missing as u8), end))
}

/// The same for what does not fit one word, or has no point. `digits` and `stop`: the word at `at`, and what of it is none.
#[inline]
fn quoted_long(bytes: &[u8], at: usize, scale: &Scale, digits: u64, stop: u64) -> Result<(i64, usize), Miss> {
    let whole_len = (stop.trailing_zeros() >> 3) as usize;
    if stop == 0 || whole_len == 0 || scale.decimals > 8 {
        return quoted_slow(bytes, at, scale);
    }
    // 0 < whole_len < 8, so the shift is below 64.
    let whole = eight(digits << (64 - 8 * whole_len as u32)) as i64;
    let after = at + whole_len;
    match bytes.get(after) {
        // Below 10^8 × 10^8.
        Some(b'"') => Ok((whole * scale.unit, after)),
        Some(b'.') => {
            let digits = load8(bytes, after + 1) ^ ZEROS;
            let stop = not_digits(digits);
            let len = (stop.trailing_zeros() >> 3) as usize;
            let end = after + 1 + len;
            if bytes.get(end) != Some(&b'"') {
                return quoted_slow(bytes, at, scale);
            }
            // Ones below the first byte that is no digit; all ones if there is none.
            let kept = digits & ((stop & stop.wrapping_neg()) >> 7).wrapping_sub(1);
            let rest = (kept >> scale.half_right) >> scale.half_right;
            if rest != 0 || len > scale.text_max as usize {
                return Err(Miss::Finer);
            }
            let fraction = eight((kept << scale.half_left) << scale.half_left) as i64;
            Ok((whole * scale.unit + fraction, end))
        }
        _ => Err(Miss::Surprise),
    }
}

/// The same for what is rare: signs, more than seven digits before the point, more than eight behind it.
#[inline(never)]
fn quoted_slow(bytes: &[u8], at: usize, scale: &Scale) -> Result<(i64, usize), Miss> {
    let rest = bytes.get(at..).unwrap_or_default();
    let len = memchr::memchr(b'"', rest).ok_or(Miss::Surprise)?;
    let text = &rest[..len];
    let number = Decimal::parse(text).map_err(|_| Miss::Surprise)?;
    if text_decimals(text) > scale.text_max {
        return Err(Miss::Finer);
    }
    match number.at_scale(scale.decimals) {
        Ok(value) => Ok((value, at + len)),
        Err(DecimalError::TooFine) => Err(Miss::Finer),
        Err(_) => Err(Miss::Surprise),
    }
}

/// How many decimals are written in `text`, zeros included; at most 254.
pub fn text_decimals(text: &[u8]) -> u8 {
    memchr::memchr(b'.', text).map_or(0, |point| (text.len() - point - 1).min(254) as u8)
}

/// Reads a JSON integer without sign that starts at `at`; returns it with the place behind it. `None` for no digit, a
/// leading zero, or more than 64 bits.
#[inline(always)]
pub fn unsigned(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = load8(bytes, at) ^ ZEROS;
    let stop = not_digits(first);
    let len = (stop.trailing_zeros() >> 3) as usize;
    if len == 0 || (first as u8 == 0 && len > 1) {
        return None;
    }
    if len < 8 {
        return Some((eight(first << (64 - 8 * len as u32)), at + len));
    }
    let second = load8(bytes, at + 8) ^ ZEROS;
    let stop = not_digits(second);
    let len = stop.trailing_zeros() >> 3;
    let high = eight(first);
    if len == 0 {
        return Some((high, at + 8));
    }
    let low = eight(second << (64 - 8 * len));
    let value = high * pow10(len as u8) as u64 + low;
    if len < 8 { Some((value, at + 8 + len as usize)) } else { unsigned_long(bytes, at + 16, value) }
}

#[inline(never)]
fn unsigned_long(bytes: &[u8], mut at: usize, mut value: u64) -> Option<(u64, usize)> {
    while let Some(byte) = bytes.get(at)
        && byte.is_ascii_digit()
    {
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        at += 1;
    }
    Some((value, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The slow and obvious way to the same answer.
    fn oracle(bytes: &[u8], scale: u8, text_max: u8) -> Result<(i64, usize), Miss> {
        let len = bytes.iter().position(|&b| b == b'"').ok_or(Miss::Surprise)?;
        let number = Decimal::parse(&bytes[..len]).map_err(|_| Miss::Surprise)?;
        let value = match number.at_scale(scale) {
            Ok(value) => value,
            Err(DecimalError::TooFine) => return Err(Miss::Finer),
            Err(_) => return Err(Miss::Surprise),
        };
        if text_decimals(&bytes[..len]) > text_max { Err(Miss::Finer) } else { Ok((value, len)) }
    }

    fn check(text: &str, decimals: u8, expected: Result<i64, Miss>) {
        for tail in ["\"", "\",\"a\":[[\"1234567.12\"", "\"123"] {
            let bytes = format!("{text}{tail}");
            let found = quoted(bytes.as_bytes(), 0, &Scale::new(decimals, 255));
            assert_eq!(found, expected.map(|value| (value, text.len())), "{bytes} at {decimals}");
        }
    }

    #[test]
    fn reads_what_venues_send() {
        check("61800.30", 1, Ok(618_003));
        check("61800.30", 2, Ok(6_180_030));
        check("61837.63000000", 2, Ok(6_183_763));
        check("0.00000000", 0, Ok(0));
        check("0.00006547", 8, Ok(6547));
        check("1001", 0, Ok(1001));
        check("1001", 8, Ok(100_100_000_000));
        check("9999999.99999999", 8, Ok(999_999_999_999_999));
        check("12345678", 0, Ok(12_345_678));
        check("123456789.5", 1, Ok(1_234_567_895));
        check("0.123456789", 9, Ok(123_456_789));
        check("-1.5", 1, Ok(-15));
        check("5.", 0, Ok(5));
        check(".5", 1, Ok(5));
        check("0.001", 2, Err(Miss::Finer));
        check("1.5", 0, Err(Miss::Finer));
        for bad in ["", "1e5", "1.2.3", " 1", "+1", "1 ", "\\u0031", "0x1", "1.-5", "99999999999999999999"] {
            check(bad, 2, Err(Miss::Surprise));
        }
    }

    #[test]
    fn text_with_more_decimals_than_shown_is_told() {
        assert_eq!(quoted(b"1.50\"", 0, &Scale::new(1, 1)), Err(Miss::Finer));
        assert_eq!(quoted(b"1.50\"", 0, &Scale::new(1, 2)), Ok((15, 4)));
        assert_eq!(quoted(b"123456789.50\"", 0, &Scale::new(1, 1)), Err(Miss::Finer));
    }

    #[test]
    fn integers() {
        assert_eq!(unsigned(b"1723161257440,", 0), Some((1_723_161_257_440, 13)));
        assert_eq!(unsigned(b"x18446744073709551615}", 1), Some((u64::MAX, 21)));
        for bad in ["18446744073709551616", "", "-1", "007", "00", "\"1\""] {
            assert_eq!(unsigned(bad.as_bytes(), 0), None, "{bad}");
        }
        assert_eq!(unsigned(b"0", 0), Some((0, 1)));
        assert_eq!(unsigned(b"12345678", 0), Some((12_345_678, 8)));
        assert_eq!(unsigned(b"5", 9), None, "beyond the end");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn equals_the_slow_way(text in "-?[0-9]{0,20}(\\.[0-9]{0,12})?", scale in 0u8..=18, text_max in 0u8..16, tail in "\"[0-9\",.]{0,9}") {
            let bytes = format!("{text}{tail}").into_bytes();
            let expected = oracle(&bytes, scale, text_max);
            let found = quoted(&bytes, 0, &Scale::new(scale, text_max));
            prop_assert!(found == expected || (found.is_err() && expected.is_err()), "{found:?} {expected:?}");
        }

        #[test]
        fn integers_equal_the_standard_library(value in any::<u64>(), shift in 0u32..64, tail in "[,}\\]]?") {
            let value = value >> shift;
            let text = format!("{value}");
            let bytes = format!("{text}{tail}");
            prop_assert_eq!(unsigned(bytes.as_bytes(), 0), Some((value, text.len())));
        }

        #[test]
        fn eight_bytes_are_what_is_there_and_zeros(bytes in proptest::collection::vec(any::<u8>(), 0..24), at in 0usize..40) {
            let mut whole = bytes.clone();
            whole.resize(64, 0);
            let expected = u64::from_le_bytes(whole[at..at + 8].try_into().unwrap());
            prop_assert_eq!(load8(&bytes, at), expected);
            prop_assert_eq!(load8(&bytes, usize::MAX - at), 0);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0usize..48, scale in 0u8..=18) {
            let _ = (quoted(&bytes, at, &Scale::new(scale, 255)), unsigned(&bytes, at));
        }
    }
}
