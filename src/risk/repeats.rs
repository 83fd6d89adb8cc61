//! Hot: what was done again and again: filled orders of one side, and the last few approvals.

use super::bucket::{Bucket, Rate};
use super::check::Wanted;
use crate::types::price::Side;
use crate::types::time::{NO_TIME, Nanos, UnixNanos, age};

/// Executions of one side of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeats {
    /// Orders that were filled, wholly or partly.
    pub(super) bucket: Bucket,
    /// Live orders of our own of which nothing is filled yet.
    pub(super) unfilled: u32,
    /// Too many were filled: until a person enables the side again.
    pub(super) stopped: bool,
}

impl Repeats {
    pub(super) const NONE: Self = Self { bucket: Bucket::UNUSED, unfilled: 0, stopped: false };

    /// An order was filled for the first time.
    #[inline]
    pub(super) fn executed(&mut self, rate: Rate, now: UnixNanos) {
        self.bucket.take(rate, now, 1);
        self.stopped |= self.bucket.in_use(rate, now, 0) >= rate.limit;
    }

    /// A person says that it may go on.
    pub(super) fn enable(&mut self) {
        (self.bucket, self.stopped) = (Bucket::UNUSED, false);
    }
}

/// How many approvals are looked back on for duplicates.
const LOOK_BACK: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Approval {
    px: i64,
    qty: i64,
    at: UnixNanos,
    side: Side,
}

/// The last few approvals of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recent {
    ring: [Approval; LOOK_BACK],
    next: usize,
}

impl Recent {
    pub(super) const NONE: Self =
        Self { ring: [Approval { px: 0, qty: 0, at: NO_TIME, side: Side::Buy }; LOOK_BACK], next: 0 };

    /// How long ago an order equal to `wanted` was last approved; `None` if it is not among the last few. On a clock
    /// that ran backward it is just now.
    #[inline]
    pub(super) fn age_of(&self, wanted: &Wanted, now: UnixNanos) -> Option<Nanos> {
        let same = |a: &&Approval| a.px == wanted.px && a.qty == wanted.qty && a.side == wanted.side && a.at != NO_TIME;
        self.ring.iter().filter(same).map(|a| age(now, a.at).unwrap_or(0)).min()
    }

    #[inline]
    pub(super) fn push(&mut self, side: Side, px: i64, qty: i64, at: UnixNanos) {
        if let Some(place) = self.ring.get_mut(self.next) {
            *place = Approval { px, qty, at, side };
        }
        self.next = (self.next + 1) % LOOK_BACK;
    }

    /// At finer scales; `None` on overflow.
    pub(super) fn rescale(&self, px_by: i64, qty_by: i64) -> Option<Self> {
        let mut next = *self;
        for approval in &mut next.ring {
            approval.px = approval.px.checked_mul(px_by)?;
            approval.qty = approval.qty.checked_mul(qty_by)?;
        }
        Some(next)
    }
}
