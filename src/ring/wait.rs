//! Hot: what a thread does when it finds nothing to do.

use super::sync;
use serde::{Deserialize, Serialize};

/// How an idle thread waits.
///
/// No strategy is woken by the producer. To wake a sleeper, a publisher must see, after its store, whether somebody
/// sleeps; that needs a full fence and a shared flag on every publication, which costs more than the whole hop. So
/// whoever parks does so for a short time only, and the publisher knows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitStrategy {
    /// Spins for ever: least latency, needs a core of its own.
    Spin,
    /// Spins about a microsecond or two, then gives the core away on each round; if nobody wants it, it gets it back at
    /// once.
    SpinYield,
    /// Spins, yields, then parks for [`PARK_MICROS`] at a time: an idle core stays cool, and the first event after a
    /// pause comes that much later (plus the timer slack of the system, 50 µs on Linux by default).
    SpinPark,
}

/// Time-out of a park in microseconds.
pub const PARK_MICROS: u64 = 50;
/// Rounds of spinning before the first yield.
const SPINS: u32 = 128;
/// Rounds of yielding before the first park.
const YIELDS: u32 = 64;

impl WaitStrategy {
    /// The strategy for a machine of `n` cores: a ring with every stage on a thread of its own has about eight spinning
    /// threads, and a spinning thread without a core of its own delays the one that it waits for.
    pub fn for_cores(n: usize) -> Self {
        match n {
            0..=1 => Self::SpinPark,
            2..=8 => Self::SpinYield,
            _ => Self::Spin,
        }
    }
}

impl Default for WaitStrategy {
    /// That of this machine's number of cores (of those that this process may use).
    fn default() -> Self {
        Self::for_cores(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

/// The state of one idle loop: call [`Waiter::idle`] on each empty poll, [`Waiter::reset`] when there was work.
#[derive(Debug)]
pub struct Waiter {
    strategy: WaitStrategy,
    /// Empty polls since the last reset, up to the last step.
    rounds: u32,
}

impl Waiter {
    /// A waiter that starts with spinning.
    pub fn new(strategy: WaitStrategy) -> Self {
        Self { strategy, rounds: 0 }
    }

    /// Waits a little, a little more at each call.
    #[inline]
    pub fn idle(&mut self) {
        let spins = self.rounds < SPINS;
        match self.strategy {
            WaitStrategy::Spin => return sync::spin_loop(),
            _ if spins => sync::spin_loop(),
            WaitStrategy::SpinPark if self.rounds >= SPINS + YIELDS => return sync::park_micros(PARK_MICROS),
            _ => sync::yield_now(),
        }
        if self.rounds < SPINS + YIELDS {
            self.rounds += 1;
        }
    }

    /// There was work: starts over with spinning.
    #[inline(always)]
    pub fn reset(&mut self) {
        self.rounds = 0;
    }
}

#[cfg(all(test, not(ring_loom)))]
mod tests {
    use super::*;

    #[test]
    fn names_and_defaults() {
        use WaitStrategy::{Spin, SpinPark, SpinYield};
        for (strategy, name) in [(Spin, "\"spin\""), (SpinYield, "\"spin_yield\""), (SpinPark, "\"spin_park\"")] {
            assert_eq!(serde_json::to_string(&strategy).expect("serialises"), name);
            assert_eq!(serde_json::from_str::<WaitStrategy>(name).expect("parses"), strategy);
        }
        for (cores, strategy) in [(0, SpinPark), (1, SpinPark), (2, SpinYield), (8, SpinYield), (9, Spin), (64, Spin)] {
            assert_eq!(WaitStrategy::for_cores(cores), strategy, "{cores} cores");
        }
    }

    #[test]
    fn waiting_escalates_and_starts_over() {
        for (strategy, steps) in [
            (WaitStrategy::Spin, 0),
            (WaitStrategy::SpinYield, SPINS + YIELDS),
            (WaitStrategy::SpinPark, SPINS + YIELDS),
        ] {
            let mut waiter = Waiter::new(strategy);
            for _ in 0..SPINS + YIELDS + 2 {
                waiter.idle();
            }
            assert_eq!(waiter.rounds, steps, "{strategy:?}");
            waiter.reset();
            assert_eq!(waiter.rounds, 0);
        }
    }
}
