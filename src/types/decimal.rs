//! Hot: exact decimals at the edge. A decimal string becomes an integer at a scale; nothing is ever rounded.

use super::price::pow10;

/// The most decimals that a scale may have.
pub const DECIMALS_MAX: u8 = 18;

/// Why a text is not a decimal that we can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Empty, or a character that does not belong there.
    #[error("not a decimal number")]
    Malformed,
    /// More than 18 significant digits, or more than an i64 holds at the asked scale.
    #[error("the number does not fit 64 bits at this scale")]
    Overflow,
    /// It has non-zero digits below the asked scale.
    #[error("the number has more decimals than the scale")]
    TooFine,
}

/// A decimal as it was written: `mantissa` × 10^-`decimals`, trailing zeros included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits, signed.
    pub mantissa: i64,
    /// How many of them stand behind the point.
    pub decimals: u8,
}

impl Decimal {
    /// Reads `-?[0-9]+(\.[0-9]*)?` or `-?\.[0-9]+`, the whole of `text`.
    ///
    /// # Errors
    /// [`DecimalError::Malformed`] for anything else (exponents too), [`DecimalError::Overflow`] when the digits do
    /// not fit once trailing zeros behind the point are taken off.
    pub fn parse(text: &[u8]) -> Result<Self, DecimalError> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let point = digits.iter().position(|&b| b == b'.');
        let (whole, fraction) = match point {
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits, &digits[..0]),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(DecimalError::Malformed);
        }
        let mut fraction = fraction;
        // Digits that an i64 cannot hold may still be zeros behind the point.
        while whole.len() + fraction.len() > 18 && fraction.last() == Some(&b'0') {
            fraction = &fraction[..fraction.len() - 1];
        }
        if fraction.len() > DECIMALS_MAX as usize {
            return Err(DecimalError::Overflow);
        }
        let mut mantissa: i64 = 0;
        for &byte in whole.iter().chain(fraction) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err(DecimalError::Malformed);
            }
            mantissa =
                mantissa.checked_mul(10).and_then(|m| m.checked_add(i64::from(digit))).ok_or(DecimalError::Overflow)?;
        }
        Ok(Self { mantissa: if negative { -mantissa } else { mantissa }, decimals: fraction.len() as u8 })
    }

    /// How many decimals it really needs: `0.3400` needs 2.
    pub fn decimals_needed(self) -> u8 {
        let mut mantissa = self.mantissa;
        let mut decimals = self.decimals;
        while decimals > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            decimals -= 1;
        }
        decimals
    }

    /// The integer at `decimals` decimals.
    ///
    /// # Errors
    /// [`DecimalError::TooFine`] rather than rounding, [`DecimalError::Overflow`] when it does not fit.
    pub fn at_scale(self, decimals: u8) -> Result<i64, DecimalError> {
        if decimals >= self.decimals {
            rescale(self.mantissa, decimals - self.decimals).ok_or(DecimalError::Overflow)
        } else {
            let divisor = pow10(self.decimals - decimals);
            if self.mantissa % divisor == 0 { Ok(self.mantissa / divisor) } else { Err(DecimalError::TooFine) }
        }
    }
}

/// `mantissa` × 10^`finer_by`, or `None` on overflow.
#[inline]
pub fn rescale(mantissa: i64, finer_by: u8) -> Option<i64> {
    if finer_by > DECIMALS_MAX {
        if mantissa == 0 { Some(0) } else { None }
    } else {
        mantissa.checked_mul(pow10(finer_by))
    }
}

/// Writes `mantissa` × 10^-`decimals` exactly, with at least `shown` decimals (zeros are added, never digits cut).
///
/// Trailing zeros beyond `shown` are left out.
pub fn write_decimal(out: &mut impl core::fmt::Write, mantissa: i128, decimals: u8, shown: u8) -> core::fmt::Result {
    let negative = mantissa < 0;
    let mut digits = mantissa.unsigned_abs();
    let mut decimals = decimals;
    while decimals > shown && digits.is_multiple_of(10) {
        digits /= 10;
        decimals -= 1;
    }
    if negative && digits != 0 {
        out.write_char('-')?;
    }
    let unit = 10u128.checked_pow(u32::from(decimals)).ok_or(core::fmt::Error)?;
    write!(out, "{}", digits / unit)?;
    if decimals > 0 || shown > 0 {
        out.write_char('.')?;
    }
    if decimals > 0 {
        write!(out, "{:0width$}", digits % unit, width = decimals as usize)?;
    }
    for _ in decimals..shown {
        out.write_char('0')?;
    }
    Ok(())
}

/// [`write_decimal`] into a new string; for the edge.
pub fn format_decimal(mantissa: i128, decimals: u8, shown: u8) -> String {
    let mut text = String::new();
    // Writing to a String fails only if the scale is absurd, and then the raw integer is the honest answer.
    if write_decimal(&mut text, mantissa, decimals, shown).is_err() {
        return format!("{mantissa}e-{decimals}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<(i64, u8), DecimalError>) {
        assert_eq!(Decimal::parse(text.as_bytes()).map(|d| (d.mantissa, d.decimals)), expected, "{text}");
    }

    #[test]
    fn parses_what_venues_send() {
        check("61800.30", Ok((6_180_030, 2)));
        check("0.00000000", Ok((0, 8)));
        check("-1.5", Ok((-15, 1)));
        check("7", Ok((7, 0)));
        check(".5", Ok((5, 1)));
        check("5.", Ok((5, 0)));
        check("123456789012345678.000000", Ok((123_456_789_012_345_678, 0)));
        for bad in ["", "-", ".", "1e5", "1,0", "--1", "1.2.3", " 1", "+1", "NaN"] {
            check(bad, Err(DecimalError::Malformed));
        }
        check("99999999999999999999", Err(DecimalError::Overflow));
    }

    #[test]
    fn a_scale_is_exact_or_refused() {
        let d = Decimal::parse(b"0.3400").unwrap();
        assert_eq!(d.decimals_needed(), 2);
        assert_eq!(d.at_scale(2), Ok(34));
        assert_eq!(d.at_scale(1), Err(DecimalError::TooFine));
        assert_eq!(d.at_scale(8), Ok(34_000_000));
        assert_eq!(Decimal { mantissa: i64::MAX, decimals: 0 }.at_scale(1), Err(DecimalError::Overflow));
    }

    #[test]
    fn formats_with_the_venues_zeros() {
        assert_eq!(format_decimal(618_003, 1, 2), "61800.30");
        assert_eq!(format_decimal(-5, 1, 0), "-0.5");
        assert_eq!(format_decimal(0, 8, 0), "0");
        assert_eq!(format_decimal(100, 2, 0), "1");
        assert_eq!(format_decimal(1, 0, 2), "1.00");
    }

    proptest! {
        #[test]
        fn agrees_with_rust_decimal(mantissa in any::<i32>(), decimals in 0u8..12) {
            let oracle = rust_decimal::Decimal::new(i64::from(mantissa), u32::from(decimals));
            let text = oracle.to_string();
            let ours = Decimal::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(ours.at_scale(decimals), Ok(i64::from(mantissa)));
            prop_assert_eq!(format_decimal(i128::from(mantissa), decimals, decimals), text);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Decimal::parse(&bytes);
        }
    }
}
