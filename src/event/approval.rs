//! Hot: the proof that risk allowed an order. The gateway takes nothing else.

use super::execution::{CommandKind, ExecutionSection, OrderCommand};
use super::risk::{RiskSection, Verdict};
use crate::types::price::{Px, Qty, Side, pow10};

/// A command that risk allowed in the very slot that it comes from: a new order within the approved side, quantity and
/// price, or a cancel (which reduces risk and is always allowed). It is made by [`ApprovedOrder::verify`] alone; the venue's side may
/// write the same order in finer units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovedOrder {
    command: OrderCommand,
}

/// Why a command was not let through: a fault of ours, never of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// The command's codes mean nothing.
    #[error("the command is malformed")]
    Malformed,
    /// Risk approved nothing in this slot.
    #[error("risk approved no order in this slot")]
    NoApproval,
    /// Side, type, price or quantity go beyond what risk approved.
    #[error("the order goes beyond what risk approved")]
    Beyond,
}

impl ApprovedOrder {
    /// Checks command `index` of `execution` against what `risk` approved in the same slot. New orders before it in
    /// the slot count against the approved quantity.
    pub fn verify(risk: &RiskSection, execution: &ExecutionSection, index: usize) -> Result<Self, NotApproved> {
        let command = *execution.commands().get(index).ok_or(NotApproved::Malformed)?;
        match CommandKind::from_code(command.kind) {
            Some(CommandKind::Cancel) => return Ok(Self { command }),
            Some(CommandKind::New) => {}
            None => return Err(NotApproved::Malformed),
        }
        if risk.verdict() != Verdict::Approved {
            return Err(NotApproved::NoApproval);
        }
        let side = command.side().ok_or(NotApproved::Malformed)?;
        if command.side != risk.side || command.order_type != risk.order_type || command.qty.0 <= 0 {
            return Err(NotApproved::Beyond);
        }
        let worse = match side {
            Side::Buy => command.px > risk.px,
            Side::Sell => command.px < risk.px,
        };
        let sent = execution.commands()[..=index]
            .iter()
            .filter(|c| c.kind == CommandKind::New.code())
            .try_fold(0i64, |sum, c| sum.checked_add(c.qty.0))
            .ok_or(NotApproved::Beyond)?;
        if worse || sent > risk.qty.0 {
            return Err(NotApproved::Beyond);
        }
        Ok(Self { command })
    }

    /// The same order in units that are finer by so many decimals: it means what it meant. `None` if a number does not fit.
    pub(crate) fn in_finer_units(&self, px_by: u8, qty_by: u8) -> Option<Self> {
        let px = Px(self.command.px.0.checked_mul(pow10(px_by))?);
        let qty = Qty(self.command.qty.0.checked_mul(pow10(qty_by))?);
        Some(Self { command: OrderCommand { px, qty, ..self.command } })
    }

    /// The command.
    #[inline]
    pub fn command(&self) -> &OrderCommand {
        &self.command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::execution::{OrderType, TimeInForce};
    use crate::types::ids::{ClientOrderId, InstrumentId};
    use bytemuck::Zeroable;

    fn command(kind: CommandKind, side: Side, qty: i64, px: i64) -> OrderCommand {
        OrderCommand {
            client_order_id: ClientOrderId(1),
            px: Px(px),
            qty: Qty(qty),
            instrument: InstrumentId(0),
            kind: kind.code(),
            side: side.code(),
            order_type: OrderType::Limit.code(),
            time_in_force: TimeInForce::Gtc.code(),
        }
    }

    #[test]
    fn in_finer_units_it_is_the_same_order() {
        let mut execution = ExecutionSection::zeroed();
        execution.commands_len = 1;
        execution.commands[0] = command(CommandKind::Cancel, Side::Buy, 7, -3);
        let order = ApprovedOrder::verify(&RiskSection::zeroed(), &execution, 0).unwrap();
        let finer = order.in_finer_units(1, 2).unwrap();
        assert_eq!((finer.command().px, finer.command().qty), (Px(-30), Qty(700)));
        assert_eq!(OrderCommand { px: Px(-3), qty: Qty(7), ..*finer.command() }, *order.command());
        assert_eq!(order.in_finer_units(0, 18).map(|o| o.command().qty), Some(Qty(7_000_000_000_000_000_000)));
        execution.commands[0].qty = Qty(10);
        assert_eq!(ApprovedOrder::verify(&RiskSection::zeroed(), &execution, 0).unwrap().in_finer_units(0, 18), None);
    }

    fn check(verdict: Verdict, commands: &[OrderCommand], expected: Result<(), NotApproved>) {
        let mut risk = RiskSection::zeroed();
        risk.verdict = verdict.code();
        risk.side = Side::Buy.code();
        risk.order_type = OrderType::Limit.code();
        risk.qty = Qty(10);
        risk.px = Px(100);
        let mut execution = ExecutionSection::zeroed();
        execution.commands_len = commands.len() as u8;
        execution.commands[..commands.len()].copy_from_slice(commands);
        assert_eq!(ApprovedOrder::verify(&risk, &execution, commands.len() - 1).map(|_| ()), expected);
    }

    #[test]
    fn only_what_risk_approved_passes() {
        use CommandKind::{Cancel, New};
        use Side::{Buy, Sell};
        check(Verdict::Approved, &[command(New, Buy, 10, 100)], Ok(()));
        check(Verdict::Approved, &[command(New, Buy, 4, 99), command(New, Buy, 6, 100)], Ok(()));
        check(Verdict::Approved, &[command(New, Buy, 4, 99), command(New, Buy, 7, 100)], Err(NotApproved::Beyond));
        check(Verdict::Approved, &[command(New, Buy, 11, 100)], Err(NotApproved::Beyond));
        check(Verdict::Approved, &[command(New, Buy, 0, 100)], Err(NotApproved::Beyond));
        check(Verdict::Approved, &[command(New, Buy, 1, 101)], Err(NotApproved::Beyond));
        check(Verdict::Approved, &[command(New, Sell, 1, 100)], Err(NotApproved::Beyond));
        check(Verdict::Refused, &[command(New, Buy, 1, 100)], Err(NotApproved::NoApproval));
        check(Verdict::None, &[command(New, Buy, 1, 100)], Err(NotApproved::NoApproval));
        check(Verdict::None, &[command(Cancel, Sell, 0, 0)], Ok(()));
    }
}
