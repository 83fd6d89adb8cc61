//! Edge: times on the wire: ISO-8601, as Python's `datetime.isoformat()` writes and `fromisoformat` reads it.

use crate::types::time::{MICROS, UnixNanos};
use std::fmt::Write as _;

/// Why a time was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no time: expected ISO-8601 such as 2026-01-02T03:04:05.123456+00:00 (without a zone it counts as UTC)", .0.escape_debug())]
pub struct BadTime(pub String);

/// Days from 1970-01-01 to the date, in the proleptic Gregorian calendar, and back: Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends `at` with microseconds and `+00:00`.
pub fn write_iso(out: &mut String, at: UnixNanos) {
    let micros = at.div_euclid(MICROS);
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    // Writing to a String cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}+00:00");
}

/// [`write_iso`] into a new string.
pub fn iso(at: UnixNanos) -> String {
    let mut text = String::with_capacity(32);
    write_iso(&mut text, at);
    text
}

/// Reads a time: with `Z`, an offset, or without a zone (UTC); 0 to 9 digits of a second's fraction.
///
/// # Errors
/// [`BadTime`].
pub fn parse_iso(text: &str) -> Result<UnixNanos, BadTime> {
    let bad = || BadTime(text.chars().take(64).collect());
    let at = if let Ok(at) = text.parse::<jiff::Timestamp>() {
        at
    } else {
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| bad())?;
        // A date alone, or the like, is no time.
        if !text.contains(':') {
            return Err(bad());
        }
        civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?.timestamp()
    };
    UnixNanos::try_from(at.as_nanosecond()).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn python_reads_what_is_written_and_what_python_writes_is_read() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(iso(1_767_323_045_123_456_789), "2026-01-02T03:04:05.123456+00:00");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999999+00:00");
        let at = 1_767_323_045_000_000_000;
        for (text, nanos) in [
            ("2026-01-02T03:04:05", 0),
            ("2026-01-02T03:04:05Z", 0),
            ("2026-01-02T03:04:05.123", 123_000_000),
            ("2026-01-02T03:04:05.123456", 123_456_000),
            ("2026-01-02T03:04:05.123456+00:00", 123_456_000),
            ("2026-01-02T05:04:05.5+02:00", 500_000_000),
            ("2026-01-02 03:04:05", 0),
        ] {
            assert_eq!(parse_iso(text), Ok(at + nanos), "{text}");
        }
        for bad in
            ["", "now", "2026-01-02", "1767323045", "2026-13-02T03:04:05", "2026-01-02T25:04:05", "0001-01-01T00:00:00"]
        {
            assert_eq!(parse_iso(bad), Err(BadTime(bad.to_owned())), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_time_comes_back(at in -2_208_988_800_000_000_000i64..4_102_444_800_000_000_000) {
            prop_assert_eq!(parse_iso(&iso(at)), Ok(at.div_euclid(1000) * 1000));
        }

        #[test]
        fn nothing_that_is_given_panics(text in ".{0,40}") {
            let _ = parse_iso(&text);
        }
    }
}
