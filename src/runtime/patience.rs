//! Hot: how long a live host waits for its journal: a disk that does not answer must close the gate, not stop the host.

use super::clock::Tsc;
use crate::control::gate::Gate;

/// Longer than this the journal may not be at one batch with its sync, in nanoseconds. Then new orders stop, and cancels
/// no longer wait for their record, until it is done. Closed within 50 ms is what is asked for; a sync of a healthy disk
/// takes some milliseconds.
pub const JOURNAL_PATIENCE_NS: u64 = 40_000_000;

/// So long ago the host must have been looked after, in nanoseconds; it happens twenty times a second.
pub const WATCH_PATIENCE_NS: u64 = 1_000_000_000;

/// Watches how long the journal takes. Only for a live host: where time is simulated at full speed, waiting costs no market
/// time, and a closed gate would make the outcome depend on the disk.
#[derive(Clone, Debug)]
pub struct Patience {
    tsc: Tsc,
}

impl Patience {
    /// By this clock, which must be the recorder's too.
    pub fn new(tsc: Tsc) -> Self {
        Self { tsc }
    }

    /// The beginning of a wait, for [`is_too_long`](Self::is_too_long).
    pub fn begin(&self) -> u64 {
        self.tsc.read()
    }

    /// Whether a wait that began at `since` has lasted too long, however many pieces of work the journal did meanwhile.
    pub fn is_too_long(&self, since: u64) -> bool {
        self.tsc.nanos_between(since, self.tsc.read()) > JOURNAL_PATIENCE_NS
    }

    /// Whether whoever watches over the host still does. One that hangs would leave the gate as it last was: stale data, a halt
    /// or an ended window would not be seen. Where nobody ever watched there is nothing to miss.
    pub fn is_looked_after(&self, gate: &Gate) -> bool {
        let looked = gate.looked_after_at();
        looked == 0 || self.tsc.nanos_between(looked, self.tsc.read()) <= WATCH_PATIENCE_NS
    }

    /// Whether the journal is stalled; says so to `gate` when it has just become so. Reads the clock only while the journal
    /// is at work.
    #[inline]
    pub fn is_over(&self, gate: &Gate) -> bool {
        if gate.is_journal_stalled() {
            return true;
        }
        let since = gate.journal_busy_since();
        let over = since != 0 && self.tsc.nanos_between(since, self.tsc.read()) > JOURNAL_PATIENCE_NS;
        if over {
            gate.journal_stalls(since);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_watcher_that_hangs_is_missed() {
        let ((tsc, wall), gate) = (Tsc::set_by_hand(), Gate::default());
        let patience = Patience::new(tsc.clone());
        assert!(patience.is_looked_after(&gate), "nobody ever was there");
        wall.fetch_add(1, Ordering::SeqCst);
        gate.was_looked_after(tsc.read());
        wall.fetch_add(WATCH_PATIENCE_NS, Ordering::SeqCst);
        assert!(patience.is_looked_after(&gate));
        wall.fetch_add(2, Ordering::SeqCst);
        assert!(!patience.is_looked_after(&gate));
        gate.was_looked_after(tsc.read());
        assert!(patience.is_looked_after(&gate));
    }

    #[test]
    fn patience_ends_with_a_long_batch_and_begins_again_when_it_is_done() {
        let ((tsc, wall), gate) = (Tsc::set_by_hand(), Gate::default());
        let patience = Patience::new(tsc.clone());
        assert!(!patience.is_over(&gate), "nothing to wait for");
        // Odd, as every reading is: 0 stands for "not at work".
        wall.fetch_add(1, Ordering::SeqCst);
        gate.journal_begins(tsc.read());
        wall.fetch_add(JOURNAL_PATIENCE_NS, Ordering::SeqCst);
        assert!(!patience.is_over(&gate) && gate.lets_new_order_pass());
        wall.fetch_add(2, Ordering::SeqCst);
        assert!(patience.is_over(&gate) && !gate.lets_new_order_pass());
        gate.journal_is_done();
        assert!(!patience.is_over(&gate) && gate.lets_new_order_pass());
    }
}
