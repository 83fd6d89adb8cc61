//! Hot: all that risk keeps for one instrument.

use super::account::{Account, NO_DAY, day_of};
use super::aggregate::Part;
use super::bucket::Bucket;
use super::checks::LimitRow;
use super::limits::Reference;
use super::orders::List;
use super::repeats::{Recent, Repeats};
use crate::event::operator::ScopeState;
use crate::types::ids::Sequence;
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use crate::types::time::{NO_TIME, UnixNanos};

/// A position that somebody wants, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Signed, in quantity units.
    pub(super) qty: i64,
    /// It counts before this instant.
    pub(super) until: UnixNanos,
    /// Sequence of the command that wanted it.
    pub(super) origin: Sequence,
}

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
    /// Limits in force, in the order of the table.
    pub(super) limits: LimitRow,
    /// Bit i: `limits[i]` is the instrument's own, not the host's.
    pub(super) own: u64,
    /// Approvals.
    pub(super) approvals: Bucket,
    /// Executions of buys, of sells.
    pub(super) repeats: [Repeats; 2],
    /// The last few approvals.
    pub(super) recent: Recent,
    /// The account is not known any more: nothing is approved.
    pub(super) fault: bool,
    /// What an operator lets it do.
    pub(super) trading: ScopeState,
    /// An operator put it on the restricted list.
    pub(super) restricted: bool,
    /// The configuration did.
    pub(super) restricted_by_config: bool,
    /// An operator wants it flat, also while halted.
    pub(super) flatten: bool,
    /// Sequence of the command that wanted that.
    pub(super) flatten_by: Sequence,
    /// A position that somebody wants.
    pub(super) target: Option<Target>,
    /// What works is to be cancelled, by an operator's command.
    pub(super) cancel_due: bool,
    /// Its kill switch is set.
    pub(super) killed: bool,
    /// A cancel was asked for and orders are still live: nothing new until they are gone.
    pub(super) cancelling: bool,
    /// When a cancel was last asked for.
    pub(super) cancel_at: UnixNanos,
    /// When an order was last approved or refused.
    pub(super) attempt_at: UnixNanos,
    /// The static collar's reference is configured: the market does not move it.
    reference_fixed: bool,
    // ---- From the market; forgotten with an epoch (but for a configured reference) ----
    /// Twice the last mid (or the venue's mark before the first mid).
    pub(super) mark2: Option<i128>,
    /// When the best bid and ask were last told.
    pub(super) quoted_at: UnixNanos,
    /// Twice what the static collar is measured from.
    pub(super) reference2: Option<i128>,
    /// The UTC day of that.
    reference_day: i64,
    /// What it adds to the totals; follows from the rest.
    pub(super) part: Part,
    /// Something that `part` follows from has changed.
    pub(super) dirty: bool,
    /// What is held or in flight has changed, or is marked for the first time or anew: its exposure is to be told to the
    /// portfolio. (Not with every mid: the exposure is as old as the last mark at most, and a tick costs nothing.)
    pub(super) exposed: bool,
}

impl State {
    pub(super) fn new(limits: &LimitRow) -> Self {
        Self {
            instrument: None,
            account: Account::EMPTY,
            open_buy: 0,
            open_sell: 0,
            list: List::EMPTY,
            limits: *limits,
            own: 0,
            approvals: Bucket::UNUSED,
            repeats: [Repeats::NONE; 2],
            recent: Recent::NONE,
            fault: false,
            trading: ScopeState::Active,
            restricted: false,
            restricted_by_config: false,
            flatten: false,
            flatten_by: 0,
            target: None,
            cancel_due: false,
            killed: false,
            cancelling: false,
            cancel_at: NO_TIME,
            attempt_at: NO_TIME,
            reference_fixed: false,
            mark2: None,
            quoted_at: NO_TIME,
            reference2: None,
            reference_day: NO_DAY,
            part: Part::EMPTY,
            dirty: true,
            exposed: false,
        }
    }

    /// The first definition: what the configuration gives this instrument.
    pub(super) fn adopt(&mut self, given: &super::limits::Adopted) {
        (self.limits, self.own, self.restricted_by_config) = (given.limits, given.own, given.restricted);
        match given.reference2 {
            Reference::FromMarket => {}
            Reference::Fixed(px2) => (self.reference_fixed, self.reference2) = (true, Some(px2)),
            Reference::Inexpressible => (self.reference_fixed, self.reference2) = (true, None),
        }
    }

    /// What the market told is not known any more.
    pub(super) fn forget_market(&mut self) {
        (self.mark2, self.quoted_at, self.reference_day) = (None, NO_TIME, NO_DAY);
        if !self.reference_fixed {
            self.reference2 = None;
        }
        self.dirty = true;
    }

    /// The mid now. The first of a day becomes the static collar's reference, unless that is configured.
    #[inline]
    pub(super) fn mark(&mut self, mid2: i128, now: UnixNanos) {
        if self.mark2 != Some(mid2) {
            self.exposed |= self.mark2.is_none();
            (self.mark2, self.dirty) = (Some(mid2), true);
        }
        if !self.reference_fixed && day_of(now) > self.reference_day {
            (self.reference2, self.reference_day) = (Some(mid2), day_of(now));
        }
    }

    /// What the market told, and a configured reference, at a scale that is finer by the factor `by`.
    pub(super) fn refine_market(&mut self, by: i128) {
        self.mark2 = self.mark2.and_then(|mark2| mark2.checked_mul(by));
        self.reference2 = self.reference2.and_then(|reference2| reference2.checked_mul(by));
    }

    /// What is held or in flight has changed.
    #[inline]
    pub(super) fn touch(&mut self) {
        (self.dirty, self.exposed) = (true, true);
    }

    /// Position if all buys are filled, and if all sells are.
    #[inline]
    pub(super) fn span(&self) -> (i128, i128) {
        let position = i128::from(self.account.position);
        (position + i128::from(self.open_buy), position - i128::from(self.open_sell))
    }

    /// Open quantity of a side.
    #[inline]
    pub(super) fn open(&self, side: Side) -> i64 {
        match side {
            Side::Buy => self.open_buy,
            Side::Sell => self.open_sell,
        }
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn open_mut(&mut self, side: Side) -> &mut i64 {
        match side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        }
    }

    /// Whether less than one lot is held, and nothing works: then a flatten is done.
    pub(super) fn is_flat(&self) -> bool {
        let lot = self.instrument.map_or(1, |i| i.lot_size.0);
        self.list.is_empty() && self.account.position.unsigned_abs() < lot.unsigned_abs()
    }

    /// What follows when nothing works any more.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.list.is_empty() {
            (self.cancelling, self.cancel_due) = (false, false);
        }
        if self.flatten && self.is_flat() {
            self.flatten = false;
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
