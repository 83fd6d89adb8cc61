//! Edge: what risk wants to hold, what was filled, what is held: `portfolio.target`, `execution.fill`, the positions' hash.

use super::head::Head;
use super::payload::{Exact, Scales, word};
use super::time::iso;
use crate::event::execution::{ExecutionSection, OrderState};
use crate::event::input::GateReason;
use crate::event::report::{Liquidity, Report};
use crate::event::risk::{RiskSection, Verdict};
use crate::types::price::Side;
use crate::types::time::UnixNanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A message on `portfolio.target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// What was decided.
    #[serde(flatten)]
    pub decided: Decided<'a>,
}

/// What risk decided. Quantities and prices are decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decided<'a> {
    /// `SYMBOL.VENUE`.
    pub instrument: Cow<'a, str>,
    /// `approved`, `refused` or `cancel_all`.
    pub verdict: Cow<'a, str>,
    /// Wanted position, signed.
    pub target: String,
    /// Position, signed.
    pub position: String,
    /// Side of the order: `buy` or `sell`; null if there is none.
    pub side: Option<Cow<'a, str>>,
    /// Its quantity.
    pub qty: String,
    /// Its price.
    pub px: String,
    /// Number of the check that refused; 0 = none did.
    pub check: u8,
    /// What that check looked at, in its own unit.
    pub value: String,
    /// The limit that it passed.
    pub limit: String,
    /// The reasons that held the gate closed, with a comma between; empty = it was open.
    pub gate: String,
}

impl<'a> Decided<'a> {
    /// What `risk` says.
    pub fn of(instrument: &'a str, risk: &RiskSection, scales: Scales<'_>) -> Self {
        Self {
            instrument: instrument.into(),
            verdict: word(Verdict::from_code(risk.verdict).map(Verdict::name), risk.verdict),
            target: scales.qty(risk.target).to_string(),
            position: scales.qty(risk.position).to_string(),
            side: risk.side().map(|side| side.name().into()),
            qty: scales.qty(risk.qty).to_string(),
            px: scales.px(risk.px).to_string(),
            check: risk.check,
            value: risk.value.to_string(),
            limit: risk.limit.to_string(),
            gate: GateReason::names(risk.gate),
        }
    }
}

/// A message on `execution.fill`. Quantities, prices and money are decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fill<'a> {
    /// When, who, where.
    #[serde(flatten)]
    pub head: Head<'a>,
    /// `SYMBOL.VENUE`.
    pub instrument: Cow<'a, str>,
    /// Our id of the order, `epoch-sequence-child`.
    pub client_order_id: String,
    /// The venue's id of the order.
    pub venue_order_id: u64,
    /// The venue's id of the fill.
    pub trade_id: u64,
    /// `buy` or `sell`; null for an unknown code.
    pub side: Option<Cow<'a, str>>,
    /// Quantity of this fill.
    pub last_qty: String,
    /// Price of this fill.
    pub last_px: String,
    /// Quantity filled of the order so far.
    pub cum_qty: String,
    /// Quantity still open.
    pub leaves_qty: String,
    /// The order's state behind it: `FILLED`, `PARTIALLY_FILLED`, ….
    pub state: Cow<'a, str>,
    /// `maker` or `taker`; null if the venue did not say.
    pub liquidity: Option<Cow<'a, str>>,
    /// Fee; a rebate is negative.
    pub fee: String,
    /// Position behind it, signed.
    pub position: String,
}

impl<'a> Fill<'a> {
    /// The fill that `report` told; `None` if it was none, or could not be applied to an order.
    pub fn of(
        head: Head<'a>,
        instrument: &'a str,
        report: &Report,
        (risk, execution): (&RiskSection, &ExecutionSection),
        scales: Scales<'_>,
    ) -> Option<Self> {
        let update = &execution.update;
        if execution.updated == 0 || update.last_qty.0 <= 0 || update.anomalous != 0 {
            return None;
        }
        Some(Self {
            head,
            instrument: instrument.into(),
            client_order_id: update.client_order_id.to_string(),
            venue_order_id: update.venue_order_id,
            trade_id: update.trade_id,
            side: Side::from_code(update.side).map(|side| side.name().into()),
            last_qty: scales.qty(update.last_qty).to_string(),
            last_px: scales.px(update.last_px).to_string(),
            cum_qty: scales.qty(update.cum_qty).to_string(),
            leaves_qty: scales.qty(update.leaves_qty).to_string(),
            state: word(OrderState::from_code(update.state).map(OrderState::name), update.state),
            liquidity: Liquidity::from_code(update.liquidity).map(|liquidity| liquidity.name().into()),
            fee: scales.money(report.fee).to_string(),
            position: scales.qty(risk.position).to_string(),
        })
    }
}

/// Value of a field of `positions:{venue}`. Decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// Signed quantity; `0` = flat.
    pub qty: String,
    /// Average entry price, to 10⁻⁴ of the price unit; `0` when flat.
    pub avg_price: String,
    /// At the last mid that risk knew, without fees.
    pub unrealized_pnl: String,
    /// Since the journal began, without fees.
    pub realized_pnl: String,
    /// Fees paid since the journal began; rebates are negative.
    pub fees: String,
    /// ISO-8601: when this was so.
    pub updated_at: String,
    /// The host that holds it.
    pub host: String,
    /// The event behind which it is so.
    pub sequence: u64,
}

impl Position {
    /// As `risk` has it behind the event `sequence`, received at `at`.
    pub fn of(host: &str, risk: &RiskSection, scales: Scales<'_>, at: UnixNanos, sequence: u64) -> Self {
        let decimals = scales.0.map_or(0, |i| i.price_decimals);
        let money = |amount: i128| Exact(amount, risk.money_decimals, 0).to_string();
        Self {
            qty: scales.qty(risk.position).to_string(),
            avg_price: Exact(risk.avg_px_e4.into(), decimals + 4, 0).to_string(),
            unrealized_pnl: money(risk.unrealized),
            realized_pnl: money(risk.realized),
            fees: money(risk.fees),
            updated_at: iso(at),
            host: host.to_owned(),
            sequence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::price::{Px, Qty};
    use bytemuck::Zeroable;

    fn sections() -> (RiskSection, ExecutionSection, Report) {
        let (mut risk, mut execution, mut report) =
            (RiskSection::zeroed(), ExecutionSection::zeroed(), Report::zeroed());
        risk.verdict = Verdict::Refused.code();
        (risk.target, risk.position, risk.qty, risk.px) = (Qty(-3), Qty(2), Qty(5), Px(100));
        (risk.check, risk.value, risk.limit, risk.side) = (3, 5, 4, Side::Sell.code());
        (risk.avg_px_e4, risk.realized, risk.unrealized, risk.money_decimals) = (1_005_000, -1250, 300, 2);
        execution.updated = 1;
        (execution.update.last_qty, execution.update.last_px, execution.update.side) =
            (Qty(2), Px(101), Side::Buy.code());
        (execution.update.state, execution.update.cum_qty) = (OrderState::Filled.code(), Qty(2));
        report.fee = -7;
        (risk, execution, report)
    }

    fn names(text: &str) -> Vec<String> {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn fields_are_the_contracts() {
        let (risk, execution, report) = sections();
        let head = || Head::said("h", "risk", 0, 1, 2);
        let target = Target { head: head(), decided: Decided::of("X.SIM", &risk, Scales(None)) };
        let text = serde_json::to_string(&target).unwrap();
        assert_eq!(
            names(&text)[..7],
            ["timestamp", "source", "traceId", "sequence", "instrument", "verdict", "target"]
        );
        assert_eq!(serde_json::from_str::<Target<'_>>(&text).unwrap(), target);
        assert_eq!((target.decided.target.as_str(), target.decided.side.as_deref()), ("-3", Some("sell")));

        let fill = Fill::of(head(), "X.SIM", &report, (&risk, &execution), Scales(None)).unwrap();
        let text = serde_json::to_string(&fill).unwrap();
        assert_eq!(serde_json::from_str::<Fill<'_>>(&text).unwrap(), fill);
        assert_eq!((fill.last_qty.as_str(), fill.fee.as_str(), fill.state.as_ref()), ("2", "-7", "FILLED"));

        let position = Position::of("h", &risk, Scales(None), 0, 9);
        let text = serde_json::to_string(&position).unwrap();
        assert_eq!(names(&text)[..5], ["qty", "avg_price", "unrealized_pnl", "realized_pnl", "fees"]);
        assert_eq!((position.qty.as_str(), position.avg_price.as_str()), ("2", "100.5"));
        assert_eq!((position.realized_pnl.as_str(), position.unrealized_pnl.as_str()), ("-12.5", "3"));
    }

    #[test]
    fn what_fills_nothing_is_no_fill() {
        let (risk, execution, report) = sections();
        let check = |change: fn(&mut ExecutionSection)| {
            let mut execution = execution;
            change(&mut execution);
            assert_eq!(Fill::of(Head::default(), "X", &report, (&risk, &execution), Scales(None)), None);
        };
        check(|e| e.updated = 0);
        check(|e| e.update.last_qty = Qty(0));
        check(|e| e.update.anomalous = 1);
    }
}
