//! Edge: the thread that looks after a live host: what holds the gate closed, and what people may ask of it.
//!
//! Twenty times a second it looks at the kill switch, the halt, the age of market data and the clocks, moves the execution
//! state, and sets the gate's reasons; it is their only writer, so that no two looks can undo each other. The gate's
//! atomics act at once; the sequencer makes inputs of them, so that the record and the replay know.

use super::overseer_plane::Facts;
use super::recorder::View;
use super::simulation::LoopProgress;
use crate::control::clock_guard::{ClockGuard, Limits as ClockLimits, Reading};
use crate::control::clock_sync::{read_clocks, read_sync};
use crate::control::gate::Gate;
use crate::control::halt::HaltSources;
use crate::control::halt_watch::HaltWatch;
use crate::control::kill::KillSwitch;
use crate::control::market_health::{MarketHealth, Settings};
use crate::control::mode::Mode;
use crate::control::state::{Backoff, Machine};
use crate::control::ticks::Ticks;
use crate::event::input::{GateReason, Input};
use crate::ring::spsc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at what the system says of its clock's synchronisation.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at the halt's file.
const HALT_EVERY: Duration = Duration::from_millis(100);
/// The reasons that the overseer sets and lifts. All others have another owner.
const OWNED: [GateReason; 6] = [
    GateReason::Kill,
    GateReason::NotReady,
    GateReason::MarketDataStale,
    GateReason::Clock,
    GateReason::Fault,
    GateReason::Degraded,
];

/// What the overseer works with.
pub struct OverseerSetup {
    /// What does not change while the host runs.
    pub facts: Facts,
    /// The switches.
    pub gate: Arc<Gate>,
    /// The mode in force.
    pub mode: Mode,
    /// Ages of market data; ticked by the recorder.
    pub ticks: Arc<Ticks>,
    /// What the loop has done.
    pub progress: Arc<LoopProgress>,
    /// What the recorder shows, a few times a second.
    pub view: Arc<Mutex<View>>,
    /// The way into the sequence.
    pub commands: spsc::Sender<Input>,
}

/// The overseer of one run. Everything behind the locks is touched for microseconds, and never by a hot thread.
pub struct Overseer {
    pub(super) facts: Facts,
    pub(super) gate: Arc<Gate>,
    pub(super) kill: KillSwitch,
    pub(super) halt: HaltWatch,
    pub(super) mode: Mode,
    pub(super) health: MarketHealth,
    pub(super) settings: Settings,
    pub(super) ticks: Arc<Ticks>,
    pub(super) machine: Mutex<Machine>,
    pub(super) clock: Mutex<ClockGuard>,
    pub(super) progress: Arc<LoopProgress>,
    pub(super) view: Arc<Mutex<View>>,
    pub(super) commands: Mutex<spsc::Sender<Input>>,
    pub(super) started: Instant,
    over: AtomicBool,
}

/// Whole between any two statements, so a poisoned lock is good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a live host's overseer could not begin.
#[derive(Debug, thiserror::Error)]
pub enum OverseerError {
    /// A setting in the environment.
    #[error(transparent)]
    Setting(#[from] crate::control::market_health::SettingError),
    /// A thread or a signal handler.
    #[error("cannot watch over the host: {0}")]
    System(#[from] std::io::Error),
}

impl Overseer {
    /// Closes the gate (INIT), and looks for the first time. Call [`run`](Self::run) to go on looking.
    ///
    /// # Errors
    /// [`OverseerError`].
    pub fn new(setup: OverseerSetup) -> Result<Arc<Self>, OverseerError> {
        let settings = Settings::from_env(|name| std::env::var(name).ok())?;
        let kill = KillSwitch::new(Arc::clone(&setup.gate));
        kill.listen()?;
        let halt = HaltWatch::start(HaltSources::from_env(|name| std::env::var_os(name)), HALT_EVERY, |halt| {
            tracing::info!("halt: {:?}: {}", halt.kind, halt.source);
            for warning in &halt.warnings {
                tracing::warn!("{warning}");
            }
        })?;
        let now = read_clocks();
        let overseer = Self {
            facts: setup.facts,
            gate: setup.gate,
            kill,
            halt,
            mode: setup.mode,
            health: MarketHealth::new(Arc::clone(&setup.ticks), settings),
            settings,
            ticks: setup.ticks,
            machine: Mutex::new(Machine::new(Backoff::default(), now)),
            clock: Mutex::new(ClockGuard::new(ClockLimits::default())),
            progress: setup.progress,
            view: setup.view,
            commands: Mutex::new(setup.commands),
            started: Instant::now(),
            over: AtomicBool::new(false),
        };
        lock(&overseer.clock).set_sync(read_sync());
        overseer.look(now);
        Ok(Arc::new(overseer))
    }

    /// Looks again and again, on a thread of its own, until [`end`](Self::end).
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn run(self: &Arc<Self>) -> std::io::Result<JoinHandle<()>> {
        let overseer = Arc::clone(self);
        std::thread::Builder::new().name("overseer".to_owned()).spawn(move || {
            let mut synced = Instant::now();
            while !overseer.over.load(Ordering::Acquire) {
                std::thread::park_timeout(LOOK_EVERY);
                if synced.elapsed() >= SYNC_EVERY {
                    synced = Instant::now();
                    lock(&overseer.clock).set_sync(read_sync());
                }
                overseer.look(read_clocks());
            }
        })
    }

    /// No more looks.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// One look: what holds now, and what the gate must say for it.
    pub(super) fn look(&self, now: Reading) {
        self.kill.absorb_signal(now.wall);
        let halt = self.halt.current();
        let fresh = self.health.is_fresh(now);
        let clock = {
            let mut clock = lock(&self.clock);
            clock.observe(now);
            clock.healthy(now, self.mode == Mode::Live)
        };
        let halted = halt.bars(self.mode) || self.gate.is_killed();
        let mut reasons = {
            let mut machine = lock(&self.machine);
            if self.progress.events.load(Ordering::Acquire) > 0 {
                machine.started(now, "host", "recovered and reconciled");
            }
            machine.data(fresh, now, "host", if fresh { "ticks come in" } else { "no fresh tick" });
            let why = if self.gate.is_killed() { "kill switch" } else { halt.source.as_str() };
            machine.halt(halted, now, "host", if halted { why } else { "allowed" });
            machine.tick(now);
            machine.gate_reasons()
        };
        let bit = |reason: GateReason| 1u32 << reason.code();
        if let Err(reason) = clock {
            tracing::debug!("clock: {reason}");
            reasons |= bit(GateReason::Clock);
        }
        // The latched kill stands in the gate itself; here is the halt of environment and file.
        if !halt.bars(self.mode) {
            reasons &= !bit(GateReason::Kill);
        }
        for reason in OWNED {
            if reasons & bit(reason) != 0 {
                self.gate.hold(reason);
            } else {
                self.gate.lift(reason);
            }
        }
    }
}
