//! Hot: the venue's reports: fees, ids and the queue in which reports wait to be taken.

use crate::event::execution::OrderCommand;
use crate::event::report::{ExecType, Liquidity, Report, VenueReason};
use crate::event::statement::{OrdersCount, Statement, Traded};
use crate::types::ids::{ClientOrderId, InstrumentId, Sequence};
use crate::types::instrument::{Contract, Instrument};
use crate::types::price::{Money, Px, Qty, Side};
use crate::types::time::UnixNanos;
use bytemuck::Zeroable;
use std::collections::VecDeque;

/// A report as it leaves the venue; the response latency comes on top.
#[derive(Clone, Copy, Debug)]
pub struct VenueReport {
    /// When it left the venue.
    pub ts_venue: UnixNanos,
    /// The order's instrument; as in the command, also where the venue does not know it.
    pub instrument: InstrumentId,
    /// Sequence of the input that led to the order (for a refused cancel: to the cancel).
    pub trace: Sequence,
    /// What it says.
    pub report: Report,
}

/// An open order of ours at a simulated venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Our id.
    pub client_order_id: ClientOrderId,
    /// The venue's id.
    pub venue_order_id: u64,
    /// Instrument.
    pub instrument: InstrumentId,
    /// Sequence of the input that led to the order.
    pub trace: Sequence,
    /// Side.
    pub side: Side,
    /// Limit price.
    pub px: Px,
    /// Quantity ordered.
    pub qty: Qty,
    /// Quantity filled.
    pub cum_qty: Qty,
}

impl OpenOrder {
    /// Quantity still open.
    #[inline]
    pub fn leaves(&self) -> i64 {
        self.qty.0 - self.cum_qty.0
    }
}

/// The fee of a fill in money units of the instrument: notional × fee ÷ 10⁶, rounded once, half to even; negative is a
/// rebate. `None` if it does not fit 128 bits, or for an inverse contract at a price that is not positive.
///
/// Linear: notional = price × quantity × multiplier, at `price_decimals + qty_decimals`. Inverse (COIN-M): quantity ×
/// multiplier ÷ price, at 18 decimals.
pub fn fee(instrument: &Instrument, px: Px, qty: Qty, liquidity: Liquidity) -> Option<Money> {
    let ppm = match liquidity {
        Liquidity::Maker => instrument.maker_fee_ppm,
        Liquidity::Taker => instrument.taker_fee_ppm,
    };
    let contracts = i128::from(qty.0).checked_mul(i128::from(instrument.multiplier))?;
    match instrument.contract {
        Contract::Linear => {
            let notional = contracts.checked_mul(i128::from(px.0))?;
            divide_half_even(notional.checked_mul(i128::from(ppm))?, 1_000_000)
        }
        Contract::Inverse => {
            if px.0 <= 0 {
                return None;
            }
            let shift = i32::from(Instrument::INVERSE_MONEY_DECIMALS) + i32::from(instrument.price_decimals)
                - i32::from(instrument.qty_decimals);
            let unit = 10i128.checked_pow(u32::try_from(shift).ok()?)?;
            let amount = contracts.checked_mul(i128::from(ppm))?.checked_mul(unit)?;
            divide_half_even(amount, i128::from(px.0).checked_mul(1_000_000)?)
        }
    }
}

/// `amount` ÷ `divisor` (> 0), rounded half to even.
fn divide_half_even(amount: i128, divisor: i128) -> Option<i128> {
    let (quotient, rest) = (amount.checked_div_euclid(divisor)?, amount.checked_rem_euclid(divisor)?);
    let above = divisor - rest;
    let up = rest > above || (rest == above && quotient % 2 != 0);
    quotient.checked_add(i128::from(up))
}

/// Reports that wait, oldest first, the counters of ids, and the venue's own sums of what was traded.
#[derive(Clone, Debug)]
pub struct ReportQueue {
    waiting: VecDeque<VenueReport>,
    traded: Box<[Traded]>,
    venue_order_id: u64,
    trade_id: u64,
}

impl ReportQueue {
    /// Room for `capacity` reports; more make it grow. Sums for ids below `instruments`.
    pub fn new(capacity: usize, instruments: usize) -> Self {
        Self {
            waiting: VecDeque::with_capacity(capacity),
            traded: vec![Traded::default(); instruments].into_boxed_slice(),
            venue_order_id: 0,
            trade_id: 0,
        }
    }

    /// What the venue says of an instrument with these open orders.
    pub fn statement<'a>(&self, instrument: &Instrument, resting: impl Iterator<Item = &'a OpenOrder>) -> Statement {
        Statement {
            open: count(resting),
            traded: self.traded.get(instrument.id.index()).copied().unwrap_or_default(),
            arrived: 0,
            qty_decimals: instrument.qty_decimals,
            reserved: [0; 7],
        }
    }

    /// A new start: nothing was traded.
    pub fn restart(&mut self) {
        self.traded.fill(Traded::default());
    }

    /// Quantities of the instrument are finer by `factor` from now on.
    pub fn rescale(&mut self, instrument: InstrumentId, factor: i64) {
        if let Some(traded) = self.traded.get_mut(instrument.index()) {
            traded.rescale(factor);
        }
    }

    /// The next report.
    #[inline]
    pub fn take(&mut self) -> Option<VenueReport> {
        self.waiting.pop_front()
    }

    /// A new order id of the venue, from 1.
    pub fn next_venue_order_id(&mut self) -> u64 {
        self.venue_order_id += 1;
        self.venue_order_id
    }

    /// A new trade id, from 1.
    pub fn next_trade_id(&mut self) -> u64 {
        self.trade_id += 1;
        self.trade_id
    }

    fn push(&mut self, ts_venue: UnixNanos, order: &OpenOrder, exec_type: ExecType, fill: impl FnOnce(&mut Report)) {
        let mut report = Report::zeroed();
        report.client_order_id = order.client_order_id;
        report.venue_order_id = order.venue_order_id;
        report.last_px = order.px;
        report.cum_qty = order.cum_qty;
        report.leaves_qty = Qty(order.leaves());
        report.exec_type = exec_type.code();
        report.side = order.side.code();
        fill(&mut report);
        self.waiting.push_back(VenueReport { ts_venue, instrument: order.instrument, trace: order.trace, report });
    }

    /// The order is accepted.
    pub fn accepted(&mut self, ts_venue: UnixNanos, order: &OpenOrder) {
        self.push(ts_venue, order, ExecType::New, |_| {});
    }

    /// A fill, already counted in `order`. A fee beyond 128 bits is reported as the largest there is, so that the
    /// host's checked sums fail loudly instead of a wrong fee passing silently.
    pub fn filled(
        &mut self,
        ts_venue: UnixNanos,
        order: &OpenOrder,
        instrument: &Instrument,
        trade_id: u64,
        (px, qty): (Px, Qty),
        liquidity: Liquidity,
    ) {
        if let Some(traded) = self.traded.get_mut(order.instrument.index()) {
            traded.add(order.side, qty.0);
        }
        self.push(ts_venue, order, ExecType::Trade, |report| {
            report.fee = fee(instrument, px, qty, liquidity).unwrap_or(Money::MAX);
            report.trade_id = trade_id;
            report.last_px = px;
            report.last_qty = qty;
            report.liquidity = liquidity.code();
        });
    }

    /// The order is over: cancelled or expired.
    pub fn ended(&mut self, ts_venue: UnixNanos, order: &OpenOrder, exec_type: ExecType, reason: VenueReason) {
        self.push(ts_venue, order, exec_type, |report| {
            report.leaves_qty = Qty(0);
            report.reason = reason.code();
        });
    }

    /// The command is refused: an order ([`ExecType::Rejected`]) or a cancel ([`ExecType::CancelRejected`]).
    pub fn refused(
        &mut self,
        ts_venue: UnixNanos,
        command: &OrderCommand,
        trace: Sequence,
        exec_type: ExecType,
        reason: VenueReason,
    ) {
        let mut report = Report::zeroed();
        report.client_order_id = command.client_order_id;
        report.last_px = command.px;
        report.exec_type = exec_type.code();
        report.side = command.side;
        report.reason = reason.code();
        self.waiting.push_back(VenueReport { ts_venue, instrument: command.instrument, trace, report });
    }
}

/// Counts open orders.
pub fn count<'a>(orders: impl Iterator<Item = &'a OpenOrder>) -> OrdersCount {
    let mut count = OrdersCount::default();
    for order in orders {
        count.add(order.client_order_id, order.instrument, order.side, Qty(order.leaves()));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ids::InstrumentId;
    use crate::types::instrument::{Calendar, Symbol, VenueKind};

    fn instrument(contract: Contract, multiplier: i64, ppm: i32) -> Instrument {
        Instrument {
            id: InstrumentId(0),
            symbol: Symbol::from("X").unwrap(),
            venue: VenueKind::Simulated,
            contract,
            calendar: Calendar::Crypto,
            price_decimals: 1,
            qty_decimals: 0,
            price_shown: 1,
            qty_shown: 0,
            tick_size: Px(1),
            lot_size: Qty(1),
            multiplier,
            maker_fee_ppm: -ppm,
            taker_fee_ppm: ppm,
            inferred: false,
        }
    }

    #[test]
    fn fees_are_rounded_once_half_to_even() {
        let linear = instrument(Contract::Linear, 1, 500);
        let taker = |px, qty| fee(&linear, Px(px), Qty(qty), Liquidity::Taker);
        assert_eq!(taker(618_003, 2), Some(618)); // 1 236 006 × 0.0005 = 618.003
        assert_eq!(taker(1000, 1), Some(0)); // 0.5 → 0
        assert_eq!(taker(1000, 3), Some(2)); // 1.5 → 2
        assert_eq!(taker(1000, 5), Some(2)); // 2.5 → 2
        assert_eq!(fee(&linear, Px(1000), Qty(3), Liquidity::Maker), Some(-2), "a rebate, the same way");
        assert_eq!(taker(i64::MAX, i64::MAX), None, "an explicit overflow");
        // 7 contracts of 100 USD at 60 000.0: 7 × 100 ÷ 60 000 × 0.0005 = 0.000005833333333333 (18 decimals).
        let inverse = instrument(Contract::Inverse, 100, 500);
        assert_eq!(fee(&inverse, Px(600_000), Qty(7), Liquidity::Taker), Some(5_833_333_333_333));
        assert_eq!(fee(&inverse, Px(0), Qty(7), Liquidity::Taker), None);
    }
}
