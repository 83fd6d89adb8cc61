//! Hot: all that risk keeps for one instrument.

use super::account::Account;
use super::aggregate::Part;
use super::orders::List;
use super::window::Window;
use crate::types::instrument::Instrument;
use crate::types::time::{NO_TIME, UnixNanos};

/// One instrument. What stands above the line survives an epoch and comes from audited inputs alone.
#[derive(Debug)]
pub(super) struct State {
    pub(super) instrument: Option<Instrument>,
    pub(super) account: Account,
    /// Σ open quantity of live buys.
    pub(super) open_buy: i64,
    /// Σ open quantity of live sells.
    pub(super) open_sell: i64,
    /// Live orders, oldest first.
    pub(super) list: List,
    /// Approvals.
    pub(super) window: Window,
    /// The account is not known any more: nothing is approved.
    pub(super) fault: bool,
    /// A cancel was asked for and orders are still live: nothing new until they are gone.
    pub(super) cancelling: bool,
    /// When a cancel was last asked for.
    pub(super) cancel_at: UnixNanos,
    /// When an order was last approved or refused.
    pub(super) attempt_at: UnixNanos,
    // ---- From the market; forgotten with an epoch ----
    /// Twice the last mid (or the venue's mark before the first mid).
    pub(super) mark2: Option<i128>,
    /// What it adds to the totals; follows from the rest.
    pub(super) part: Part,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            instrument: None,
            account: Account::EMPTY,
            open_buy: 0,
            open_sell: 0,
            list: List::EMPTY,
            window: Window::new(0),
            fault: false,
            cancelling: false,
            cancel_at: NO_TIME,
            attempt_at: NO_TIME,
            mark2: None,
            part: Part::EMPTY,
        }
    }

    /// Unrealised profit and loss; `None` when the position has no mark or the numbers do not fit.
    #[inline]
    pub(super) fn unrealized(&self) -> Option<i128> {
        if self.account.position == 0 {
            return Some(0);
        }
        self.account.unrealized(self.instrument.as_ref()?, self.mark2?)
    }
}
