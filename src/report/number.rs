//! Edge: numbers as people read them.

use crate::event::input::Level;
use crate::types::decimal::format_decimal;
use crate::types::instrument::Instrument;
use crate::types::price::{Money, Px, Qty};

/// `1234567` as `1 234 567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(c);
    }
    text
}

/// `1 fill`, `2 fills`, `1 234 fills`.
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// `1 anomaly`, `2 anomalies`: where the plural has no `s` alone.
pub fn counted_as(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Nanoseconds with a fitting unit.
pub fn nanos(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} ns"),
        10_000..10_000_000 => format!("{:.1} µs", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} ms", n as f64 / 1e6),
        _ => format!("{:.1} s", n as f64 / 1e9),
    }
}

/// A price with the venue's decimals, exact.
pub fn px(instrument: &Instrument, px: Px) -> String {
    format_decimal(i128::from(px.0), instrument.price_decimals, instrument.price_shown)
}

/// A best price, or `-` where there is none.
pub fn best(instrument: &Instrument, level: Level) -> String {
    if level.qty.0 > 0 { px(instrument, level.px) } else { "-".to_owned() }
}

/// A quantity with the venue's decimals, exact.
pub fn qty(instrument: &Instrument, qty: Qty) -> String {
    format_decimal(i128::from(qty.0), instrument.qty_decimals, instrument.qty_shown)
}

/// An amount of money, exact.
pub fn money(amount: Money, decimals: u8) -> String {
    format_decimal(amount, decimals, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_units() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1234), "1 234");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!((counted(1, "fill"), counted(1234, "fill")), ("1 fill".to_owned(), "1 234 fills".to_owned()));
        assert_eq!(nanos(999), "999 ns");
        assert_eq!(nanos(12_345), "12.3 µs");
        assert_eq!(nanos(12_345_678), "12.3 ms");
    }
}
