//! Edge: whether the clocks can be believed: the steady clock and the wall clock are held against each other.
//!
//! Pure: readings come with the call. A wall clock that jumps, runs backward or drifts shows as a change of its distance
//! from the steady clock. What the guard has seen stands for a while, and ages are taken by *both* clocks, so that what
//! came before a jump is never taken for fresh after it.

use super::clock_sync::Sync;
use crate::types::time::{MILLIS, NO_TIME, Nanos, SECONDS, UnixNanos, age};
use std::collections::VecDeque;

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reading {
    /// The steady clock, which counts on while the machine sleeps, in nanoseconds from anywhere.
    pub steady: Nanos,
    /// The wall clock.
    pub wall: UnixNanos,
}

impl Reading {
    /// No reading.
    pub const NONE: Self = Self { steady: NO_TIME, wall: NO_TIME };

    /// The age of `then`, by the clock that says more; `None` if either clock is missing or ran backward. An unknown age
    /// is *stale*.
    pub const fn age_of(self, then: Self) -> Option<Nanos> {
        match (age(self.steady, then.steady), age(self.wall, then.wall)) {
            (Some(steady), Some(wall)) if steady < wall => Some(wall),
            (Some(steady), Some(_)) => Some(steady),
            _ => None,
        }
    }

    /// Whether `then` is at most `max` old.
    pub const fn is_fresh(self, then: Self, max: Nanos) -> bool {
        matches!(self.age_of(then), Some(age) if age <= max)
    }
}

/// What the guard lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A larger change of the wall clock against the steady one, from one look to the next, is a jump.
    pub jump: Nanos,
    /// A larger difference in speed is drift, in 10⁻⁶. Time daemons correct with up to 500.
    pub drift_ppm: i64,
    /// Drift is measured over this long.
    pub window: Nanos,
    /// What was seen stands for this long after it was seen last.
    pub settle: Nanos,
    /// A guard that has not looked for longer than this says nothing.
    pub overdue: Nanos,
    /// The largest error against UTC, where synchronisation is asked for.
    pub error: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jump: 10 * MILLIS,
            drift_ppm: 600,
            window: 60 * SECONDS,
            settle: 60 * SECONDS,
            overdue: 2 * SECONDS,
            error: 100_000,
        }
    }
}

/// What is wrong with a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The wall clock moved by itself.
    #[error("the wall clock jumped by {:+.3} s", seconds(*.by))]
    Jump {
        /// So far; negative: backward.
        by: Nanos,
    },
    /// The wall clock reads less than before.
    #[error("the wall clock ran backward by {:.3} s", seconds(*.by))]
    WallBackward {
        /// So far.
        by: Nanos,
    },
    /// The steady clock reads less than before: a fault of the machine.
    #[error("the steady clock ran backward by {:.6} s", seconds(*.by))]
    SteadyBackward {
        /// So far.
        by: Nanos,
    },
    /// The clocks run at different speeds.
    #[error("the wall clock drifts by {ppm:+} ppm against the steady clock")]
    Drift {
        /// In 10⁻⁶; negative: the wall clock is slow.
        ppm: i64,
    },
    /// A reading that is none.
    #[error("a clock gave no time")]
    NoTime,
}

fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECONDS as f64
}

/// Samples that are kept over the window.
const SAMPLES: usize = 60;

/// The guard.
#[derive(Clone, Debug)]
pub struct ClockGuard {
    limits: Limits,
    last: Option<Reading>,
    /// Readings spread over the window, the oldest first.
    samples: VecDeque<Reading>,
    /// The last fault and when it was seen last, by the steady clock.
    fault: Option<(Fault, Nanos)>,
    faults: u64,
    sync: Sync,
}

impl ClockGuard {
    /// A guard that has not looked yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            last: None,
            samples: VecDeque::with_capacity(SAMPLES + 2),
            fault: None,
            faults: 0,
            sync: Sync::unknown("not read yet"),
        }
    }

    /// Looks at a reading; the fault that it shows, if any. To be called several times a second.
    pub fn observe(&mut self, now: Reading) -> Option<Fault> {
        let fault = self.fault_of(now);
        if let Some((_, at)) = &mut self.fault
            && *at == NO_TIME
        {
            // A fault without a time stands from the first time behind it.
            *at = now.steady;
        }
        if let Some(fault) = fault {
            self.faults = self.faults.saturating_add(1);
            self.fault = Some((fault, now.steady));
            // What was measured before says nothing about what comes behind.
            self.samples.clear();
        }
        self.last = Some(now);
        self.sample(now);
        fault
    }

    fn fault_of(&self, now: Reading) -> Option<Fault> {
        if now.steady == NO_TIME || now.wall == NO_TIME {
            return Some(Fault::NoTime);
        }
        let last = self.last.filter(|last| last.steady != NO_TIME && last.wall != NO_TIME)?;
        // The differences of two times of this age fit by far; what does not is a clock gone mad.
        let (Some(steady), Some(wall)) = (now.steady.checked_sub(last.steady), now.wall.checked_sub(last.wall)) else {
            return Some(Fault::NoTime);
        };
        if steady < 0 {
            return Some(Fault::SteadyBackward { by: steady.saturating_neg() });
        }
        if wall < 0 {
            return Some(Fault::WallBackward { by: wall.saturating_neg() });
        }
        let by = wall - steady;
        if by.abs() > self.limits.jump {
            return Some(Fault::Jump { by });
        }
        self.drift(now)
    }

    /// The drift since the oldest sample. In a short time a small correction looks like fast drift: so it must also have
    /// added up to what the allowed drift makes over the whole window.
    fn drift(&self, now: Reading) -> Option<Fault> {
        let first = self.samples.front()?;
        let steady = i128::from(now.steady) - i128::from(first.steady);
        let by = i128::from(now.wall) - i128::from(first.wall) - steady;
        if steady < i128::from(self.limits.window / 10) || steady <= 0 {
            return None;
        }
        let ppm = by * 1_000_000 / steady;
        let limit = i128::from(self.limits.drift_ppm);
        let allowed = limit * i128::from(self.limits.window) / 1_000_000;
        (ppm.abs() > limit && by.abs() > allowed).then(|| Fault::Drift { ppm: i64::try_from(ppm).unwrap_or(i64::MAX) })
    }

    fn sample(&mut self, now: Reading) {
        if now.steady == NO_TIME || now.wall == NO_TIME {
            return;
        }
        let step = self.limits.window / SAMPLES as i64;
        if self.samples.back().is_none_or(|last| now.steady.saturating_sub(last.steady) >= step) {
            self.samples.push_back(now);
        }
        // The oldest one may be just older than the window, not more.
        while self.samples.get(1).is_some_and(|next| now.steady.saturating_sub(next.steady) >= self.limits.window)
            || self.samples.len() > SAMPLES + 1
        {
            self.samples.pop_front();
        }
    }

    /// What is known of the synchronisation, as of now.
    pub fn set_sync(&mut self, sync: Sync) {
        self.sync = sync;
    }

    /// What is known of the synchronisation.
    pub fn sync(&self) -> &Sync {
        &self.sync
    }

    /// Faults seen so far.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Whether the clocks can be believed at `now`; `utc`: and stand for UTC within the limit, as LIVE needs.
    ///
    /// # Errors
    /// The reason in words.
    pub fn healthy(&self, now: Reading, utc: bool) -> Result<(), String> {
        let Some(last) = self.last else { return Err("the clocks were not looked at yet".to_owned()) };
        if let Some((fault, at)) = self.fault
            && age(now.steady, at).is_none_or(|age| age < self.limits.settle)
        {
            return Err(fault.to_string());
        }
        match now.age_of(last) {
            None => return Err("a clock ran backward, or gave no time, since it was looked at".to_owned()),
            Some(age) if age > self.limits.overdue => {
                return Err(format!("the clocks were not looked at for {:.1} s", seconds(age)));
            }
            Some(_) => {}
        }
        if utc { self.sync.within(self.limits.error) } else { Ok(()) }
    }
}

#[cfg(test)]
#[path = "clock_guard_tests.rs"]
mod tests;
