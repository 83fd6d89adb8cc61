//! Hot: timers are inputs: one for each instrument and interval, at whole multiples of it in simulated time.

use crate::types::ids::InstrumentId;
use crate::types::time::{Nanos, SECONDS, UnixNanos};

/// Beyond such a silence (a day) the timers in between are left out: two captures of different months need not
/// produce millions of them.
const SILENCE_MAX: Nanos = 86_400 * SECONDS;

/// The next timer and whom it concerns.
#[derive(Debug)]
pub struct Timers {
    interval: Nanos,
    next: Option<UnixNanos>,
    instruments: u32,
}

impl Timers {
    /// Timers each `interval` nanoseconds (at least 1).
    pub fn new(interval: Nanos) -> Self {
        Self { interval: interval.max(1), next: None, instruments: 0 }
    }

    /// From now on `instrument` has timers too.
    #[inline]
    pub fn cover(&mut self, instrument: InstrumentId) {
        if instrument.is_some() {
            self.instruments = self.instruments.max(instrument.0 + 1);
        }
    }

    /// How many instruments have timers.
    pub fn instruments(&self) -> u32 {
        self.instruments
    }

    /// The next timer, given that the next other event is at `now`; the first call sets the start.
    #[inline]
    pub fn next_at(&mut self, now: UnixNanos) -> Option<UnixNanos> {
        match self.next {
            Some(next) if now.saturating_sub(next) < SILENCE_MAX => Some(next),
            _ => {
                self.next = (now.div_euclid(self.interval) + 1).checked_mul(self.interval);
                self.next
            }
        }
    }

    /// The timer at `at` was given out.
    #[inline]
    pub fn done(&mut self, at: UnixNanos) {
        self.next = at.checked_add(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_stand_on_whole_intervals_and_skip_long_silence() {
        let mut timers = Timers::new(10);
        assert_eq!(timers.next_at(13), Some(20));
        timers.done(20);
        assert_eq!(timers.next_at(25), Some(30));
        timers.done(30);
        let later = 30 + SILENCE_MAX + 12;
        assert_eq!(timers.next_at(later), Some((later / 10 + 1) * 10));
    }
}
