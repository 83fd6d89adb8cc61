//! Hot: sums over the last 16 buckets of time, the one of now among them.

use super::Event;
use crate::types::time::{Nanos, UnixNanos};

/// Buckets of a window: an event leaves it between 15 and 16 sixteenths of the window's length after it came.
pub(super) const BUCKETS: usize = 16;

/// What happened. Sums saturate: a breaker only asks whether they are too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) sent: u32,
    pub(super) answered: u32,
    pub(super) rejected: u32,
    pub(super) failed: u32,
    pub(super) filled: u32,
    /// Σ nanoseconds from order to answer.
    pub(super) latency: i128,
    pub(super) slippage_e8: i128,
    pub(super) notional_e8: i128,
    pub(super) pnl_e8: i128,
}

impl Sums {
    /// One event at `now`.
    pub(super) fn of(event: Event, now: UnixNanos) -> Self {
        let none = Self::default();
        match event {
            Event::Sent => Self { sent: 1, ..none },
            Event::Answered { sent_at } => {
                // An answer from before the order: the clock ran backward, and nothing is known of the time.
                Self { answered: 1, latency: i128::from(now.saturating_sub(sent_at).max(0)), ..none }
            }
            Event::Rejected { .. } => Self { rejected: 1, ..none },
            Event::Failed { .. } => Self { failed: 1, ..none },
            Event::Filled { slippage_e8, notional_e8, pnl_e8, .. } => {
                Self { filled: 1, slippage_e8, notional_e8: notional_e8.max(0), pnl_e8, ..none }
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.answered = self.answered.saturating_add(other.answered);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.failed = self.failed.saturating_add(other.failed);
        self.filled = self.filled.saturating_add(other.filled);
        self.latency = self.latency.saturating_add(other.latency);
        self.slippage_e8 = self.slippage_e8.saturating_add(other.slippage_e8);
        self.notional_e8 = self.notional_e8.saturating_add(other.notional_e8);
        self.pnl_e8 = self.pnl_e8.saturating_add(other.pnl_e8);
    }
}

/// The window. Each bucket knows which stretch of time it holds; one of another stretch is empty.
#[derive(Clone, Debug)]
pub(super) struct Window {
    buckets: [(i64, Sums); BUCKETS],
}

/// The stretch of a bucket that holds nothing.
const EMPTY: i64 = i64::MIN;

impl Window {
    pub(super) fn new() -> Self {
        Self { buckets: [(EMPTY, Sums::default()); BUCKETS] }
    }

    /// Adds `sums` at `now`, which never goes back, and gives the window's sums with them. The sums are added up anew, since
    /// a saturated sum could not be taken back.
    pub(super) fn add(&mut self, bucket: Nanos, now: UnixNanos, sums: &Sums) -> Sums {
        let stretch = now.div_euclid(bucket);
        let (held, own) = &mut self.buckets[stretch.rem_euclid(BUCKETS as i64) as usize];
        if *held != stretch {
            (*held, *own) = (stretch, Sums::default());
        }
        own.add(sums);
        let oldest = stretch.saturating_sub(BUCKETS as i64 - 1);
        let mut all = Sums::default();
        for (held, own) in &self.buckets {
            if *held >= oldest && *held != EMPTY {
                all.add(own);
            }
        }
        all
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}
