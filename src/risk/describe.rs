//! Edge: a verdict in words, for logs and messages.

use super::TABLE;
use super::check::{Sense, UNKNOWN, UNKNOWN_NAME, Unit};
use super::money::{QTY_DECIMALS, QUOTE_DECIMALS, pow10};
use crate::event::input::GateReason;
use crate::event::operator::{OperatorAction, OperatorCommand, ScopeState};
use crate::event::risk::{OperatorOutcome, RiskSection, Verdict};
use crate::types::decimal::{Decimal, DecimalError, format_decimal};
use crate::types::instrument::Instrument;

/// The name of the check with this stored number; `None` for a number that was never given out.
pub fn check_name(code: u8) -> Option<&'static str> {
    if code == UNKNOWN {
        return Some(UNKNOWN_NAME);
    }
    TABLE.iter().find(|row| row.code == code).map(|row| row.name)
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
        let by =
            TABLE.iter().find(|row| i128::from(row.code) == risk.value).map_or("BEFORE_THE_CHECKS", |row| row.name);
        return format!("{name} check={by}");
    }
    let row = TABLE.iter().find(|row| row.code == risk.check);
    let (unit, sense) = row.map_or((Unit::Count, Sense::AtMost), |row| (row.unit, row.sense));
    if unit == Unit::GateBits {
        return format!("{name} reasons={}", amount_text(unit, risk.value));
    }
    if unit == Unit::State {
        return format!("{name} state={} allowed={}", amount_text(unit, risk.value), amount_text(unit, risk.limit));
    }
    let headroom = match sense {
        Sense::AtMost => risk.limit.saturating_sub(risk.value),
        Sense::AtLeast => risk.value.saturating_sub(risk.limit),
    };
    let [value, limit, headroom] = [risk.value, risk.limit, headroom].map(|amount| amount_text(unit, amount));
    format!("{name} value={value} limit={limit} headroom={headroom}")
}

/// An amount of a check in words: whole units, quote currency, milliseconds; `parse_amount` reads it.
pub fn amount_text(unit: Unit, amount: i128) -> String {
    match unit {
        Unit::Quantity => format_decimal(amount, QTY_DECIMALS, 0),
        Unit::Quote => format_decimal(amount, QUOTE_DECIMALS, 0),
        Unit::Ratio => format_decimal(amount, 6, 0),
        Unit::Nanos => format!("{}ms", format_decimal(amount, 6, 0)),
        Unit::GateBits => u32::try_from(amount).map_or_else(|_| amount.to_string(), GateReason::names),
        Unit::Ppm => format!("{amount}ppm"),
        Unit::State => u8::try_from(amount)
            .ok()
            .and_then(ScopeState::from_code)
            .map_or_else(|| amount.to_string(), |s| s.name().to_owned()),
        Unit::Count | Unit::Price | Unit::Lots => amount.to_string(),
    }
}

/// The amount that people wrote for a limit in `unit`: as `amount_text` shows it, the `ms` or `ppm` may be left out.
///
/// # Errors
/// What is wrong with it.
pub fn parse_amount(unit: Unit, text: &str) -> Result<i128, DecimalError> {
    let (number, decimals) = match unit {
        Unit::Quantity => (text, QTY_DECIMALS),
        Unit::Quote => (text, QUOTE_DECIMALS),
        Unit::Ratio => (text, 6),
        Unit::Nanos => (text.strip_suffix("ms").unwrap_or(text), 6),
        Unit::Ppm => (text.strip_suffix("ppm").unwrap_or(text), 0),
        Unit::State | Unit::Count | Unit::Price | Unit::Lots | Unit::GateBits => (text, 0),
    };
    let decimal = Decimal::parse(number.as_bytes())?;
    let finer_by = decimals.checked_sub(decimal.decimals).ok_or(DecimalError::TooFine)?;
    pow10(finer_by).and_then(|unit| i128::from(decimal.mantissa).checked_mul(unit)).ok_or(DecimalError::Overflow)
}

/// What a check looked at, or its limit, in words; prices with the instrument's decimals.
pub fn check_amount_text(check: u8, amount: i128, instrument: Option<&Instrument>) -> String {
    let unit = TABLE.iter().find(|row| row.code == check).map_or(Unit::Count, |row| row.unit);
    match (unit, instrument) {
        (Unit::Price, Some(i)) => format_decimal(amount, i.price_decimals, i.price_shown),
        _ => amount_text(unit, amount),
    }
}

/// What became of an operator's command, e.g. `beyond_ceiling limit=MAX… value=… ceiling=…`; of other commands the outcome
/// alone.
pub fn describe_outcome(command: &OperatorCommand, risk: &RiskSection) -> String {
    let outcome = risk.outcome();
    let row = TABLE.iter().find(|row| row.code == command.limit && command.action() == Some(OperatorAction::SetLimit));
    let Some(row) = row else { return outcome.name().to_owned() };
    let second = if outcome == OperatorOutcome::Accepted { "now" } else { "ceiling" };
    let [wanted, before, limit] = [command.new, risk.value, risk.limit].map(|amount| amount_text(row.unit, amount));
    format!("{outcome} {} wanted={wanted} before={before} {second}={limit}", row.key.unwrap_or(row.name))
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
        check(code::gate, 1 << 3 | 1 << 6, 0, "GATE_CLOSED reasons=kill, not_ready");
        check(UNKNOWN, i128::from(code::max_gross), 0, "VALUE_UNKNOWN check=GROSS_NOTIONAL_EXCEEDS_MAX");
        check(code::leverage, 2_500_001, 2_500_000, "LEVERAGE_EXCEEDS_MAX value=2.500001 limit=2.5 headroom=-0.000001");
        check(code::duplicate, 400_000_000, 500_000_000, "DUPLICATE_ORDER value=400ms limit=500ms headroom=-100ms");
        check(code::trading_state, 3, 2, "TRADING_HALTED state=halted allowed=reducing");
        check(200, 0, 0, "REFUSED_BY_UNKNOWN_CHECK code=200");
    }

    #[test]
    fn numbers_and_names_are_given_once() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(row.code != 0 && row.code != UNKNOWN);
            assert!(TABLE[..i].iter().all(|other| other.code != row.code && other.name != row.name), "{row:?}");
            assert_eq!(check_name(row.code), Some(row.name));
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for (unit, amount) in [
            (Unit::Quantity, 1_500_000_000_000_000_000),
            (Unit::Quote, 123_456_789),
            (Unit::Ratio, 2_500_000),
            (Unit::Nanos, 1_500_000),
            (Unit::Ppm, 10_000),
            (Unit::Count, 7),
        ] {
            assert_eq!(parse_amount(unit, &amount_text(unit, amount)), Ok(amount), "{unit:?}");
        }
        assert_eq!(parse_amount(Unit::Nanos, "20"), Ok(20_000_000));
        assert_eq!(parse_amount(Unit::Count, "0.5"), Err(DecimalError::TooFine));
    }

    #[test]
    fn an_outcome_says_what_was_and_what_is() {
        let mut command =
            OperatorCommand::new(OperatorAction::SetLimit, crate::event::operator::Scope::Host, "ann", "calm");
        (command.limit, command.new) = (super::super::code::max_notional, 200_000_000);
        let mut risk = RiskSection::zeroed();
        (risk.operator, risk.value, risk.limit) = (OperatorOutcome::BeyondCeiling.code(), 100_000_000, 150_000_000);
        assert_eq!(
            describe_outcome(&command, &risk),
            "beyond_ceiling max_order_notional wanted=2 before=1 ceiling=1.5"
        );
        command.action = OperatorAction::CancelAll.code();
        assert_eq!(describe_outcome(&command, &risk), "beyond_ceiling");
    }
}
