//! Hot: what the circuit breakers are told of an order: that it went out, and what became of it.

use super::breaker::{Breakers, Event, Key};
use super::money::{money_e8, notional_e8};
use super::orders::Record;
use crate::event::report::{ExecType, Report, VenueReason};
use crate::types::instrument::Instrument;
use crate::types::time::UnixNanos;

impl Key {
    /// The breakers of this host's orders for `instrument`: its only strategy is the ensemble.
    #[inline]
    pub(super) const fn of(instrument: &Instrument) -> Self {
        Self { strategy: 0, venue: instrument.venue, instrument: instrument.id }
    }
}

/// Tells what a report says of `record`, which is as it was before: `new` was filled, and `pnl` of money was won with it, fee
/// included.
pub(super) fn tell(
    breakers: &mut Breakers,
    now: UnixNanos,
    instrument: &Instrument,
    record: &Record,
    report: &Report,
    exec: ExecType,
    (new, pnl): (i64, i128),
) {
    if !record.live {
        return;
    }
    let (key, sent_at) = (Key::of(instrument), record.since);
    let reason = VenueReason::from_code(report.reason);
    let event = match (exec, reason) {
        _ if record.answered => None,
        // Our own gate held it back: nobody failed.
        (_, Some(VenueReason::Gated)) => None,
        // Nobody answered; it was found to be gone.
        (_, Some(VenueReason::Reconciled)) => Some(Event::Failed { sent_at }),
        (ExecType::Rejected, _) => Some(Event::Rejected { sent_at }),
        _ => Some(Event::Answered { sent_at }),
    };
    if let Some(event) = event {
        breakers.on(now, key, event);
    }
    if new > 0
        && let Some(fill) = fill(instrument, record, report, (new, pnl))
    {
        breakers.on(now, key, fill);
    }
}

/// A fill in 10⁻⁸ of the quote currency; `None` where the mid at its decision is not known, or a number does not fit.
fn fill(instrument: &Instrument, record: &Record, report: &Report, (new, pnl): (i64, i128)) -> Option<Event> {
    let mid2 = i128::from(record.mid2);
    if mid2 <= 0 {
        return None;
    }
    let qty = i128::from(new);
    let notional_at = |px2: i128| notional_e8(instrument, qty, px2);
    let notional_e8 = notional_at(mid2)?;
    // What was paid more, or got less, than at the mid: by the distance in price, so that it holds for inverse contracts too.
    let worse2 = i128::from(record.side.sign()) * (2 * i128::from(report.last_px.0) - mid2);
    let slippage_e8 = notional_e8.checked_mul(worse2)?.div_euclid(mid2);
    let pnl_e8 = money_e8(instrument, pnl, Some(mid2))?;
    Some(Event::Filled { sent_at: record.since, slippage_e8, notional_e8, pnl_e8 })
}
