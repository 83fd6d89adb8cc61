//! Hot: what the loop is given, what it shows while it runs, and what it has counted.

use super::clock::{Pacer, Tsc};
use super::outlet::OutletCounters;
use crate::control::gate::Gate;
use crate::event::input::Input;
use crate::ring::spsc;
use crate::ring::wait::WaitStrategy;
use crate::types::time::{Nanos, UnixNanos};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// When the run is to end by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// After this many market messages; 0 = no limit.
    pub events_max: u64,
    /// After this much simulated time; 0 = no limit.
    pub nanos_max: Nanos,
}

crate::code_enum! {
    /// How a run came to its end.
    pub enum Ended {
        /// There was no more data.
        Data = 1, "data";
        /// A limit that it was given.
        Limit = 2, "limit";
        /// Somebody asked for it, or the journal failed.
        Stopped = 3, "stopped";
    }
}

/// What the loop has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimulationCounts {
    /// Market messages taken in (frames, also those that became no input).
    pub events: u64,
    /// Gaps that the transport told.
    pub gaps: u64,
    /// Inputs sequenced.
    pub inputs: u64,
    /// Orders and cancels that reached the venue.
    pub orders_arrived: u64,
    /// Reports that reached us.
    pub reports: u64,
    /// Simulated time of the first input.
    pub first: UnixNanos,
    /// Simulated time of the last.
    pub last: UnixNanos,
}

/// Numbers of the running loop that other threads may look at.
#[derive(Debug, Default)]
pub struct LoopProgress {
    /// Market messages so far.
    pub events: AtomicU64,
    /// Bytes of the files behind the messages taken so far.
    pub bytes_read: AtomicU64,
    /// Stamp of the first market message; 0 if there was none yet, or stamps are off.
    pub first_stamp: AtomicU64,
    /// Orders and cancels that reached the venue so far.
    pub orders_arrived: AtomicU64,
}

impl LoopProgress {
    /// One more order reached the venue. Only the loop's thread counts.
    #[inline]
    pub fn one_arrived(&self) {
        self.orders_arrived.store(self.orders_arrived.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// What the loop needs from its surroundings.
pub struct Surroundings {
    /// The switches.
    pub gate: Arc<Gate>,
    /// Counters of the way out.
    pub outlet: Arc<OutletCounters>,
    /// For progress bars and the live view.
    pub progress: Arc<LoopProgress>,
    /// For stamps; `None` = not stamped.
    pub stamps: Option<Tsc>,
    /// Holds simulated to wall time; `None` = as fast as it goes.
    pub pacer: Option<Pacer>,
    /// When to end.
    pub limits: Limits,
    /// Interval of timers.
    pub timer_interval: Nanos,
    /// Interval of the questions to the venue what we have there.
    pub statement_interval: Nanos,
    /// How to wait for the loader.
    pub wait: WaitStrategy,
    /// Names of the readers and of their records (line, message, packet), for messages.
    pub reader_names: Vec<(String, &'static str)>,
    /// Inputs that people and agents make (`InputKind::Operator`), and what is found out about them; live runs only. Their
    /// time is given here: the time of the market when they come in.
    pub commands: Option<spsc::Receiver<Input>>,
}
