//! Edge: the day of a capture: from its file name, and the midnight of that day in New York.

use crate::types::instrument::Symbol;
use crate::types::time::UnixNanos;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::Path;

/// The file's name without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Midnight of `date` in New York; `None` for dates that nanoseconds since 1970 do not hold.
pub fn new_york_midnight(date: Date) -> Option<UnixNanos> {
    let zone = TimeZone::get("America/New_York").ok()?;
    let midnight = date.to_zoned(zone).ok()?;
    i64::try_from(midnight.timestamp().as_nanosecond()).ok()
}

/// The date in a file name: `2019-01-30`, `20190130`, `01302019` (as in `01302019.NASDAQ_ITCH50.gz`) or `S013019`
/// (as in `S013019-v50.txt.gz`). The first that is a real date counts.
pub fn date_in_name(name: &str) -> Option<Date> {
    let bytes = name.as_bytes();
    let number = |from: usize, digits: usize| -> Option<i16> {
        let text = bytes.get(from..from + digits)?;
        if !text.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    let date = |year: Option<i16>, month: Option<i16>, day: Option<i16>| -> Option<Date> {
        let year = year.filter(|year| (1970..2200).contains(year))?;
        Date::new(year, i8::try_from(month?).ok()?, i8::try_from(day?).ok()?).ok()
    };
    for at in 0..bytes.len() {
        let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let starts = at == 0 || !bytes[at - 1].is_ascii_digit();
        let found = match digits {
            4 if starts && bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-') => {
                date(number(at, 4), number(at + 5, 2), number(at + 8, 2))
            }
            8 if starts => date(number(at, 4), number(at + 4, 2), number(at + 6, 2))
                .or_else(|| date(number(at + 4, 4), number(at, 2), number(at + 2, 2))),
            6 if at > 0 && bytes[at - 1] == b'S' => {
                date(number(at + 4, 2).map(|year| 2000 + year), number(at, 2), number(at + 2, 2))
            }
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Symbol in the name of a LOBSTER file: `AMZN` of `AMZN_2012-06-21_34200000_57600000_message_1.csv`.
pub fn lobster_symbol(name: &str) -> Option<Symbol> {
    let (symbol, rest) = name.split_once('_')?;
    let well_formed = !symbol.is_empty() && symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if !well_formed || !rest.contains("message") {
        return None;
    }
    Symbol::from(symbol).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn names_tell_the_day() {
        let check = |name: &str, expected: Option<Date>| assert_eq!(date_in_name(name), expected, "{name}");
        check("S013019-v50.txt.gz", Some(date(2019, 1, 30)));
        check("01302019.NASDAQ_ITCH50.gz", Some(date(2019, 1, 30)));
        check("20190130.BX_ITCH_50", Some(date(2019, 1, 30)));
        check("12302019.NASDAQ_ITCH50", Some(date(2019, 12, 30)));
        check("AMZN_2012-06-21_34200000_57600000_message_1.csv", Some(date(2012, 6, 21)));
        check("99999999.itch", None);
        check("S139919", None);
        check("itch-123456789.bin", None);
        check("x-2012-13-41", None);
        check("", None);
    }

    #[test]
    fn midnight_follows_daylight_saving() {
        assert_eq!(new_york_midnight(date(2012, 6, 21)), Some(1_340_251_200_000_000_000), "04:00 UTC");
        assert_eq!(new_york_midnight(date(2019, 1, 30)), Some(1_548_824_400_000_000_000), "05:00 UTC");
        assert_eq!(new_york_midnight(date(9000, 1, 1)), None);
    }

    #[test]
    fn names_tell_the_symbol() {
        assert_eq!(lobster_symbol("AMZN_2012-06-21_1_2_message_1.csv").as_deref(), Some("AMZN"));
        assert_eq!(lobster_symbol("BRK.B_2012-06-21_1_2_message_1.csv.gz").as_deref(), Some("BRK.B"));
        assert_eq!(lobster_symbol("my_file.csv"), None);
        assert_eq!(lobster_symbol("rows.csv"), None);
    }
}
