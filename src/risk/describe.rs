//! Edge: a verdict in words, for logs and messages.

use super::TABLE;
use super::check::{UNKNOWN, UNKNOWN_NAME, Unit};
use super::money::{QTY_DECIMALS, QUOTE_DECIMALS};
use crate::event::input::GateReason;
use crate::event::risk::{RiskSection, Verdict};
use crate::types::decimal::format_decimal;
use crate::types::instrument::Instrument;

/// The name of the check with this stored number; `None` for a number that was never given out.
pub fn check_name(code: u8) -> Option<&'static str> {
    if code == UNKNOWN {
        return Some(UNKNOWN_NAME);
    }
    TABLE.iter().find(|row| row.0 == code).map(|row| row.1)
}

/// What risk said, with the values, e.g. `NOTIONAL_EXCEEDS_MAX_PER_ORDER value=1500.5 limit=1000 headroom=-500.5`.
///
/// Quantities are in whole units, money in the quote currency, distances in 10⁻⁶ (ppm).
pub fn describe(risk: &RiskSection) -> String {
    match risk.verdict() {
        Verdict::None => "nothing asked".into(),
        Verdict::CancelAll => "CANCEL_ALL".into(),
        Verdict::Approved => {
            let side = risk.side().map_or("?", |s| s.name());
            let order_type = risk.order_type().map_or("?", |t| t.name());
            let tif = risk.time_in_force().map_or("?", |t| t.name());
            format!("APPROVED {side} {order_type} {tif} qty={} px={} (units)", risk.qty.0, risk.px.0)
        }
        Verdict::Refused => refusal(risk),
    }
}

fn refusal(risk: &RiskSection) -> String {
    let Some(name) = check_name(risk.check) else { return format!("REFUSED_BY_UNKNOWN_CHECK code={}", risk.check) };
    if risk.check == UNKNOWN {
        let by = TABLE.iter().find(|row| i128::from(row.0) == risk.value).map_or("BEFORE_THE_CHECKS", |row| row.1);
        return format!("{name} check={by}");
    }
    let text = |amount: i128| amount_text(risk.check, amount, None);
    if unit_of(risk.check) == Unit::GateBits {
        return format!("{name} reasons={}", text(risk.value));
    }
    let headroom = risk.limit.saturating_sub(risk.value);
    format!("{name} value={} limit={} headroom={}", text(risk.value), text(risk.limit), text(headroom))
}

fn unit_of(check: u8) -> Unit {
    TABLE.iter().find(|row| row.0 == check).map_or(Unit::Count, |row| row.2)
}

/// What a check looked at, or its limit, in words: quantities in whole units, money in the quote currency, distances as
/// `…ppm`, gate bits as the names of the reasons, prices with the instrument's decimals if it is given (else in its units).
pub fn amount_text(check: u8, amount: i128, instrument: Option<&Instrument>) -> String {
    match unit_of(check) {
        Unit::Quantity => format_decimal(amount, QTY_DECIMALS, 0),
        Unit::Quote => format_decimal(amount, QUOTE_DECIMALS, 0),
        Unit::Ppm => format!("{amount}ppm"),
        Unit::GateBits => GateReason::names(u8::try_from(amount).unwrap_or(0)),
        Unit::Price => {
            instrument.map_or_else(|| amount.to_string(), |i| format_decimal(amount, i.price_decimals, i.price_shown))
        }
        Unit::Count => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn check(code: u8, value: i128, limit: i128, expected: &str) {
        let mut risk = RiskSection::zeroed();
        risk.verdict = Verdict::Refused.code();
        (risk.check, risk.value, risk.limit) = (code, value, limit);
        assert_eq!(describe(&risk), expected);
    }

    #[test]
    fn a_refusal_says_by_how_much() {
        use super::super::code;
        check(
            code::max_notional,
            150_050_000_000,
            100_000_000_000,
            "NOTIONAL_EXCEEDS_MAX_PER_ORDER value=1500.5 limit=1000 headroom=-500.5",
        );
        let half = 500_000_000_000_000_000;
        check(
            code::max_qty,
            half,
            half - 1,
            "QUANTITY_EXCEEDS_MAX_PER_ORDER value=0.5 limit=0.499999999999999999 headroom=-0.000000000000000001",
        );
        check(code::gate, 1 << 4, 0, "GATE_CLOSED reasons=mode_observe");
        check(code::gate, 1 << 3 | 1 << 6, 0, "GATE_CLOSED reasons=kill, not_ready");
        check(UNKNOWN, i128::from(code::max_gross), 0, "VALUE_UNKNOWN check=GROSS_NOTIONAL_EXCEEDS_MAX");
        check(200, 0, 0, "REFUSED_BY_UNKNOWN_CHECK code=200");
    }

    #[test]
    fn numbers_and_names_are_given_once() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(row.0 != 0 && row.0 != UNKNOWN);
            assert!(TABLE[..i].iter().all(|other| other.0 != row.0 && other.1 != row.1), "{row:?}");
            assert_eq!(check_name(row.0), Some(row.1));
        }
    }
}
