//! Edge: the machine's clocks, and what its kernel and its daemons know of their distance from UTC.

use super::clock_guard::Reading;
use crate::types::time::{MICROS, Nanos, SECONDS};
use rtime_clock::adjtime::{Timex, adjtimex};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::path::Path;

/// Whether the wall clock follows UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncState {
    /// A daemon corrects it, and says how well.
    Synchronised,
    /// Nobody corrects it.
    Unsynchronised,
    /// The system does not say.
    Unknown,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sync {
    /// Whether it follows UTC.
    pub state: SyncState,
    /// The wall clock is at most so far from UTC, in nanoseconds.
    pub error_max: Option<Nanos>,
    /// It is about so far from UTC, in nanoseconds.
    pub error_estimate: Option<Nanos>,
    /// What says so.
    pub source: String,
    /// Time daemons of which there is a sign: a socket or a file of theirs.
    pub daemons: Vec<&'static str>,
}

impl Sync {
    /// Nothing is known.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self {
            state: SyncState::Unknown,
            error_max: None,
            error_estimate: None,
            source: why.into(),
            daemons: Vec::new(),
        }
    }

    /// Whether the wall clock is known to be at most `limit` from UTC.
    ///
    /// # Errors
    /// The reason in words.
    pub fn within(&self, limit: Nanos) -> Result<(), String> {
        let micros = |nanos: Nanos| nanos / MICROS;
        match (self.state, self.error_max) {
            (SyncState::Synchronised, Some(error)) if (0..=limit).contains(&error) => Ok(()),
            (SyncState::Synchronised, Some(error)) => Err(format!(
                "the clock may be {} µs from UTC, more than {} µs ({})",
                micros(error),
                micros(limit),
                self.source
            )),
            (SyncState::Unsynchronised, _) => {
                Err(format!("the clock is not synchronised ({}); start a time daemon (chrony, ptp4l)", self.source))
            }
            (SyncState::Unknown | SyncState::Synchronised, _) => {
                Err(format!("whether the clock is synchronised is not known ({})", self.source))
            }
        }
    }
}

/// What the kernel says (`adjtimex`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kernel {
    status: i64,
    error_max_us: i64,
    error_estimate_us: i64,
    tick: i64,
}

/// The kernel's flag "nobody corrects the clock".
const STA_UNSYNC: i64 = 0x0040;
/// The kernel's flag "the clock's hardware is faulty".
const STA_CLOCKERR: i64 = 0x1000;
/// The kernel lets the error grow by 500 ppm without corrections, and stops counting here: nobody corrects the clock.
const ERROR_MAX_US: i64 = 16_000_000;

fn judge(kernel: Kernel, daemons: Vec<&'static str>) -> Sync {
    let flag = if kernel.status & STA_UNSYNC == 0 { "" } else { ", STA_UNSYNC" };
    let source = format!("kernel: error at most {} µs{flag}", kernel.error_max_us);
    let nanos = |micros: i64| micros.checked_mul(MICROS).filter(|&nanos| nanos >= 0);
    // A sandbox that only seems to have the call leaves everything zero; a real kernel always has a tick.
    if kernel.tick <= 0 || kernel.error_max_us < 0 {
        return Sync { daemons, ..Sync::unknown("the kernel's answer is empty: a sandbox?") };
    }
    // Not by the flag alone: chronyd leaves STA_UNSYNC set unless it also minds the hardware clock, and keeps the error.
    let synchronised = kernel.error_max_us < ERROR_MAX_US && kernel.status & STA_CLOCKERR == 0;
    Sync {
        state: if synchronised { SyncState::Synchronised } else { SyncState::Unsynchronised },
        error_max: nanos(kernel.error_max_us),
        error_estimate: nanos(kernel.error_estimate_us),
        source,
        daemons,
    }
}

/// Signs of time daemons.
const DAEMONS: &[(&str, &str)] = &[
    ("chrony", "/run/chrony/chronyd.sock"),
    ("ptp4l", "/var/run/ptp4l"),
    ("ntpd-rs", "/run/ntpd-rs/observe"),
    ("ntpd", "/run/ntpd.pid"),
    ("systemd-timesyncd", "/run/systemd/timesync/synchronized"),
    ("vmware-tools", "/run/vmtoolsd.pid"),
];

/// Asks the kernel, which all daemons tell what they know. Changes nothing. Some microseconds; a few file look-ups.
pub fn read_sync() -> Sync {
    let daemons = DAEMONS.iter().filter(|(_, path)| Path::new(path).exists()).map(|(name, _)| *name).collect();
    // All zero: a question, no order.
    let mut timex = Timex::new();
    match adjtimex(&mut timex) {
        Ok(_) => judge(
            Kernel {
                status: i64::from(timex.0.status),
                error_max_us: timex.0.maxerror,
                error_estimate_us: timex.0.esterror,
                tick: timex.0.tick,
            },
            daemons,
        ),
        Err(error) => Sync { daemons, ..Sync::unknown(format!("the kernel does not say: {error}")) },
    }
}

fn nanos(time: Timespec) -> Nanos {
    time.tv_sec.saturating_mul(SECONDS).saturating_add(time.tv_nsec)
}

/// Tries to read both clocks with little between them.
const TRIES: usize = 8;

/// Reads both clocks at one moment: the wall clock between two readings of the steady one, and again if the thread was
/// put aside in between, which would look like a jump. The steady clock is the one that counts on while the machine sleeps.
pub fn read_clocks() -> Reading {
    let mut best = (Nanos::MAX, Reading::NONE);
    for _ in 0..TRIES {
        let before = nanos(clock_gettime(ClockId::Boottime));
        let wall = nanos(clock_gettime(ClockId::Realtime));
        let after = nanos(clock_gettime(ClockId::Boottime));
        let gap = after.saturating_sub(before);
        if gap < best.0 {
            best = (gap, Reading { steady: after, wall });
        }
        if gap < 20 * MICROS {
            break;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says() {
        use SyncState::{Synchronised, Unknown, Unsynchronised};
        let check = |status: i64, error_us: i64, tick: i64, state: SyncState, within: Result<(), &str>| {
            let sync = judge(Kernel { status, error_max_us: error_us, error_estimate_us: 3, tick }, vec!["chrony"]);
            assert_eq!((sync.state, sync.daemons.as_slice()), (state, &["chrony"][..]), "{sync:?}");
            match (sync.within(100 * MICROS), within) {
                (Ok(()), Ok(())) => {}
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (found, expected) => panic!("{found:?}, not {expected:?}: {sync:?}"),
            }
        };
        check(0x2001, 20, 10_000, Synchronised, Ok(()));
        check(0x2001, 100, 10_000, Synchronised, Ok(()));
        check(0x2001, 101, 10_000, Synchronised, Err("may be 101 µs from UTC, more than 100 µs"));
        check(0x2041, 20, 10_000, Synchronised, Ok(()));
        check(
            0x2041,
            16_000_000,
            10_000,
            Unsynchronised,
            Err("not synchronised (kernel: error at most 16000000 µs, STA_UNSYNC)"),
        );
        check(0x2001, 16_000_000, 10_000, Unsynchronised, Err("start a time daemon"));
        check(0x3001, 20, 10_000, Unsynchronised, Err("not synchronised"));
        check(0, 0, 0, Unknown, Err("a sandbox?"));
        check(0, -1, 10_000, Unknown, Err("not known"));
        check(0, i64::MAX, 10_000, Unsynchronised, Err("not synchronised"));
        assert!(Sync::unknown("never asked").within(i64::MAX).unwrap_err().contains("never asked"));
    }

    #[test]
    fn this_machine_answers_something_that_makes_sense() {
        let sync = read_sync();
        println!("{sync:?}");
        assert_eq!(sync.state == SyncState::Unknown, sync.error_max.is_none(), "{sync:?}");
        let (first, second) = (read_clocks(), read_clocks());
        assert!(second.steady >= first.steady && first.steady > 0, "{first:?} {second:?}");
        assert!(first.wall > 1_700_000_000 * SECONDS, "the wall clock stands before 2023: {first:?}");
    }
}
