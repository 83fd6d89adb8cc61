//! Edge: the clocks of the runtime. Stages have none.

use crate::types::time::UnixNanos;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time-stamp counter, with what is needed to read its differences as nanoseconds.
#[derive(Clone, Debug)]
pub struct Tsc {
    clock: quanta::Clock,
    #[cfg(test)]
    hand: Option<std::sync::Arc<std::sync::atomic::AtomicU64>>,
}

impl Tsc {
    /// Calibrates once per process (some 100 ms at first use).
    pub fn new() -> Self {
        Self {
            clock: quanta::Clock::new(),
            #[cfg(test)]
            hand: None,
        }
    }

    /// One whose time a test sets, in nanoseconds.
    #[cfg(test)]
    pub(super) fn set_by_hand() -> (Self, std::sync::Arc<std::sync::atomic::AtomicU64>) {
        let hand = std::sync::Arc::default();
        (Self { clock: quanta::Clock::new(), hand: Some(std::sync::Arc::clone(&hand)) }, hand)
    }

    /// A reading, in ticks. Never 0, which stands for "not stamped".
    #[inline]
    pub fn read(&self) -> u64 {
        #[cfg(test)]
        if let Some(hand) = &self.hand {
            return hand.load(std::sync::atomic::Ordering::SeqCst) | 1;
        }
        self.clock.raw() | 1
    }

    /// Nanoseconds between two readings; 0 if the second lies before the first (other cores' counters may differ by a
    /// few ticks).
    #[inline]
    pub fn nanos_between(&self, from: u64, to: u64) -> u64 {
        #[cfg(test)]
        if self.hand.is_some() {
            return to.saturating_sub(from);
        }
        if to > from { self.clock.delta_as_nanos(from, to) } else { 0 }
    }

    /// Nanoseconds of one reading, measured now: the median of batches.
    pub fn cost_ns(&self) -> f64 {
        const READS: u32 = 2_000;
        let mut costs: Vec<f64> = (0..15)
            .map(|_| {
                let from = self.clock.raw();
                for _ in 0..READS {
                    std::hint::black_box(self.clock.raw());
                }
                self.clock.delta_as_nanos(from, self.clock.raw()) as f64 / f64::from(READS)
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    }
}

impl Default for Tsc {
    fn default() -> Self {
        Self::new()
    }
}

/// Wall time, for stamping the start of a run and for pacing.
pub fn wall_now() -> UnixNanos {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}

/// Holds simulated time to wall time: `speed` simulated nanoseconds for each real one.
#[derive(Debug)]
pub struct Pacer {
    clock: quanta::Clock,
    anchor: Option<(u64, UnixNanos)>,
    speed: f64,
}

impl Pacer {
    /// A pacer for `speed` > 0.
    pub fn new(speed: f64) -> Self {
        Self { clock: quanta::Clock::new(), anchor: None, speed }
    }

    /// Passes part of `wait_ns`. Far away: sleeps, and gives the core to others; near: spins, since a sleep overshoots by
    /// some 50 µs.
    pub fn rest(&self, wait_ns: u64) {
        if wait_ns > 200_000 {
            std::thread::park_timeout(std::time::Duration::from_nanos((wait_ns - 100_000).min(5_000_000)));
        } else {
            std::hint::spin_loop();
        }
    }

    /// Real nanoseconds until simulated time `at` is due; 0 when it is. The first call sets the anchor.
    #[inline]
    pub fn wait_ns(&mut self, at: UnixNanos) -> u64 {
        let now = self.clock.raw();
        let (raw, start) = *self.anchor.get_or_insert((now, at));
        let elapsed = self.clock.delta_as_nanos(raw, now) as f64;
        let due = at.saturating_sub(start) as f64 / self.speed;
        if due > elapsed { (due - elapsed) as u64 } else { 0 }
    }
}
