//! Hot: the last words before the wire: a handful of atomics that any thread may set and the gateway asks.
//!
//! Gate *reasons* are inputs (journaled, so that replay sees them in their place, and risk refuses by them). What stands
//! here acts at once, needs no ring, no journal and no lock, and is asked last for every order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The switches. Everything that guards an order fails closed.
#[derive(Debug, Default)]
pub struct Gate {
    killed: AtomicBool,
    stop: AtomicBool,
    journal_fault: AtomicBool,
    /// Clock reading at which the journal began the piece of work that it is at; 0 = none.
    journal_busy_since: AtomicU64,
    /// Of which such piece it was said that it takes too long; 0 = of none.
    journal_stalled_since: AtomicU64,
    blocked: AtomicU64,
}

impl Gate {
    /// Latches the kill switch: from now on no new order leaves this process; cancels still do.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
    }

    /// Whether the kill switch is set.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Asks the run to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the run is to end.
    #[inline]
    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The journal cannot write: no new order may leave from now on.
    pub fn journal_failed(&self) {
        self.journal_fault.store(true, Ordering::Release);
    }

    /// Whether the journal failed.
    #[inline]
    pub fn is_journal_faulted(&self) -> bool {
        self.journal_fault.load(Ordering::Acquire)
    }

    /// The journal begins a piece of work (a batch, with its sync) at clock reading `now`, which is not 0.
    #[inline]
    pub fn journal_begins(&self, now: u64) {
        self.journal_busy_since.store(now, Ordering::Release);
    }

    /// The journal has done it: whatever stalled it is over.
    #[inline]
    pub fn journal_is_done(&self) {
        self.journal_busy_since.store(0, Ordering::Release);
    }

    /// Since which clock reading the journal is at one piece of work; 0 = it is at none.
    #[inline]
    pub fn journal_busy_since(&self) -> u64 {
        self.journal_busy_since.load(Ordering::Acquire)
    }

    /// The piece of work that the journal began at clock reading `since` takes too long (a disk that does not answer): no
    /// new order may leave until that very piece is done. Said too late, about one that is done by now, it closes nothing.
    pub fn journal_stalls(&self, since: u64) {
        self.journal_stalled_since.store(since, Ordering::Release);
    }

    /// Whether the journal takes too long.
    #[inline]
    pub fn is_journal_stalled(&self) -> bool {
        let busy = self.journal_busy_since();
        busy != 0 && self.journal_stalled_since.load(Ordering::Acquire) == busy
    }

    /// Whether a *new* order may leave now, if it is `written` as the configured durability asks. Counts the refusals.
    #[inline]
    pub fn lets_new_order_pass(&self, written: bool) -> bool {
        let pass = written && !self.is_killed() && !self.is_journal_faulted() && !self.is_journal_stalled();
        if !pass {
            self.blocked.fetch_add(1, Ordering::Relaxed);
        }
        pass
    }

    /// New orders that were stopped here.
    pub fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_is_latched_and_counted() {
        let gate = Gate::default();
        assert!(gate.lets_new_order_pass(true));
        gate.kill();
        assert!(!gate.lets_new_order_pass(true));
        assert!(!gate.lets_new_order_pass(true));
        assert_eq!(gate.blocked(), 2);
    }

    /// A stall that is told when it is over, or that was one of an earlier piece of work, closes nothing.
    #[test]
    fn only_the_piece_of_work_that_takes_too_long_closes_it() {
        let gate = Gate::default();
        gate.journal_begins(5);
        gate.journal_is_done();
        gate.journal_stalls(5);
        assert!(!gate.is_journal_stalled() && gate.lets_new_order_pass(true));
        gate.journal_begins(6);
        assert!(!gate.is_journal_stalled());
        gate.journal_stalls(6);
        assert!(gate.is_journal_stalled() && !gate.lets_new_order_pass(true));
        gate.journal_is_done();
        assert!(gate.lets_new_order_pass(true));
    }

    #[test]
    fn a_failed_journal_closes_it() {
        let gate = Gate::default();
        gate.journal_failed();
        assert!(!gate.lets_new_order_pass(true));
    }
}
