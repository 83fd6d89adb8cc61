//! Edge: the thread that looks after a live host: what holds the gate closed, and what people may ask of it.
//!
//! Twenty times a second it looks at the kill switch, the halt, the age of market data and the clocks, moves the execution
//! state, and sets the gate's reasons, one look at a time and in one step. The gate's atomics act at once; the sequencer makes
//! inputs of them, so that the record and the replay know. An overseer that hangs is missed by the last gate within a second.

use super::agreement::{Agreement, Disagreement};
use super::bridges::Seen as Bridge;
use super::clock::Tsc;
use super::enabling::Enabling;
use super::outlet::OutletCounters;
use super::overseer_plane::Facts;
use super::recorder::View;
use super::recovery::StandingKill;
use super::simulation::LoopProgress;
use super::watching::{Seen, Watching};
use crate::bridge::intake::status::Status as IntakeStatus;
use crate::control::alerts::{Alerts, Change};
use crate::control::clock_guard::{ClockGuard, Limits as ClockLimits, Reading};
use crate::control::clock_sync::{Sync as Synced, read_clocks, read_sync};
use crate::control::gate::{Gate, KillScope};
use crate::control::halt::HaltSources;
use crate::control::halt_watch::HaltWatch;
use crate::control::kill::{Act, KillSwitch};
use crate::control::market_health::{MarketHealth, Settings};
use crate::control::mode::Mode;
use crate::control::notices::{Notices, Word};
use crate::control::plane::Journaled;
use crate::control::plane::view::{Enablement, WatchNow};
use crate::control::state::{Backoff, Machine};
use crate::control::ticks::{Stream, Ticks};
use crate::event::input::{GateReason, Input};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::ring::spsc;
use crate::types::ids::InstrumentId;
use crate::types::instrument::Instrument;
use crate::types::time::{NO_TIME, Nanos, SECONDS, UnixNanos};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two looks at requests and approvals.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at what the system says of its clock's synchronisation.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at the halt's file.
const HALT_EVERY: Duration = Duration::from_millis(100);
/// The reasons that the overseer sets and lifts. All others have another owner.
const OWNED: [GateReason; 8] = [
    GateReason::Enablement,
    GateReason::Halt,
    GateReason::NotReady,
    GateReason::MarketDataStale,
    GateReason::Clock,
    GateReason::Reconciliation,
    GateReason::Fault,
    GateReason::Degraded,
];

/// Alerts of which the agents' supervisor tells the stores by itself, once for each agent.
const OF_THE_AGENTS: [&str; 2] = ["agent_down", "budget"];

/// What the overseer works with.
pub struct OverseerSetup {
    /// What does not change while the host runs.
    pub facts: Facts,
    /// The switches.
    pub gate: Arc<Gate>,
    /// The mode in force.
    pub mode: Mode,
    /// What LIVE hangs on; in LIVE only.
    pub enabling: Option<Enabling>,
    /// Ages of market data; ticked by the recorder.
    pub ticks: Arc<Ticks>,
    /// What the loop has done.
    pub progress: Arc<LoopProgress>,
    /// Counters of the way out.
    pub outlet: Arc<OutletCounters>,
    /// What the recorder shows, a few times a second.
    pub view: Arc<Mutex<View>>,
    /// The way into the sequence.
    pub commands: spsc::Sender<Input>,
    /// Interval in which the venue is asked what the host has there.
    pub statement_interval: Nanos,
    /// The clock of the last gate, by which it misses whoever watches.
    pub tsc: Tsc,
    /// What halts from outside: environment and file.
    pub halt: HaltSources,
    /// When market data is fresh.
    pub settings: Settings,
    /// The clocks that ages and enablements are held against.
    pub clocks: Clocks,
    /// What earlier process starts left behind that differs from what the venue held, in words.
    pub difference: Option<String>,
    /// What became of the last commands of earlier process starts, by their request.
    pub journaled_before: BTreeMap<u64, Journaled>,
    /// Kills of earlier process starts that nobody has released.
    pub kills: BTreeMap<KillScope, StandingKill>,
    /// What the host says of itself, for whoever passes it on.
    pub notices: Arc<Notices>,
    /// What earlier process starts set for single instruments.
    pub states: BTreeMap<InstrumentId, OperatorCommand>,
}

/// Where an overseer reads the time: a test gives it its own.
pub struct Clocks {
    /// Both clocks at once.
    pub read: Box<dyn Fn() -> Reading + Send + Sync>,
    /// What the system says of their synchronisation.
    pub sync: Box<dyn Fn() -> Synced + Send + Sync>,
}

impl Default for Clocks {
    /// Those of the system.
    fn default() -> Self {
        Self { read: Box::new(read_clocks), sync: Box::new(read_sync) }
    }
}

/// The overseer of one run. Everything behind the locks is touched for microseconds, and never by a hot thread.
pub struct Overseer {
    pub(super) facts: Facts,
    pub(super) gate: Arc<Gate>,
    pub(super) kill: KillSwitch,
    pub(super) halt: HaltWatch,
    pub(super) mode: Mode,
    pub(super) enabling: Mutex<Option<Enabling>>,
    /// Whether LIVE was enabled at the last look.
    pub(super) enabled: AtomicBool,
    /// The enablement as people see it.
    pub(super) shown: Mutex<Enablement>,
    pub(super) alerts: Mutex<Alerts>,
    /// Instruments whose price alone is not fresh, by name, with what is missing.
    pub(super) stale_instruments: Mutex<Vec<(String, Stream)>>,
    pub(super) bridges: Mutex<Vec<Bridge>>,
    /// How the intake of outside agents' messages stands, if it is on.
    pub(super) intake: Mutex<Option<Arc<IntakeStatus>>>,
    /// What became of the last commands of earlier process starts, by their request.
    pub(super) journaled_before: BTreeMap<u64, Journaled>,
    notices: Arc<Notices>,
    /// Transitions of the execution state that were told.
    transitions_told: Mutex<u64>,
    /// What the agents' supervisor shows; `None` = it is off.
    pub(super) agents: Mutex<Option<Arc<Mutex<WatchNow>>>>,
    /// What earlier process starts set for single instruments.
    pub(super) states_before: BTreeMap<InstrumentId, OperatorCommand>,
    /// When it last looked, in ns since `started`.
    pub(super) looked: AtomicI64,
    pub(super) watching: Mutex<Watching>,
    pub(super) outlet: Arc<OutletCounters>,
    pub(super) health: MarketHealth,
    pub(super) settings: Settings,
    pub(super) ticks: Arc<Ticks>,
    pub(super) machine: Mutex<Machine>,
    pub(super) clock: Mutex<ClockGuard>,
    pub(super) progress: Arc<LoopProgress>,
    pub(super) view: Arc<Mutex<View>>,
    pub(super) commands: Mutex<spsc::Sender<Input>>,
    /// What is to be on the record and found no room in the lane yet, with the instrument that it is about.
    pub(super) records: Mutex<VecDeque<(InstrumentId, OperatorCommand)>>,
    pub(super) clocks: Clocks,
    agreement: Mutex<Agreement>,
    /// What earlier process starts left behind that differs, until a person says that it was put right.
    pub(super) inherited: Mutex<Option<String>>,
    /// Why the venue and the host are not known to agree, as of the last look.
    pub(super) disagreement: Mutex<Option<Disagreement>>,
    pub(super) started: Instant,
    tsc: Tsc,
    /// Held through a look: of two at once the older must not write over what the newer has set.
    looking: Mutex<()>,
    over: AtomicBool,
}

/// Whole between any two statements, so a poisoned lock is good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A kill as the record has it, under the number that it has in this process.
fn record_of(act: &Act) -> (InstrumentId, OperatorCommand) {
    let (scope, scope_id, instrument) = match act.scope {
        KillScope::Host => (Scope::Host, 0, InstrumentId::NONE),
        KillScope::Venue(venue) => (Scope::Venue, u32::from(venue.code()), InstrumentId::NONE),
        KillScope::Instrument(id) => (Scope::Instrument, 0, id),
        KillScope::Strategy(id) => (Scope::Strategy, id, InstrumentId::NONE),
    };
    let mut record = OperatorCommand::new(OperatorAction::Kill, scope, &act.who, &act.reason);
    (record.scope_id, record.new) = (scope_id, i128::from(act.number));
    (instrument, record)
}

impl Overseer {
    /// Closes the gate (INIT), and looks for the first time. Call [`run`](Self::run) to go on looking.
    ///
    /// # Errors
    /// A thread or a signal handler that cannot be had.
    pub fn new(setup: OverseerSetup) -> std::io::Result<Arc<Self>> {
        let settings = setup.settings;
        let kill = KillSwitch::new(Arc::clone(&setup.gate));
        kill.listen()?;
        let halt = HaltWatch::start(setup.halt, HALT_EVERY, |halt| {
            tracing::info!("halt: {:?}: {}", halt.kind, halt.source);
            for warning in &halt.warnings {
                tracing::warn!("{warning}");
            }
        })?;
        let now = (setup.clocks.read)();
        let mut records = VecDeque::new();
        for (scope, StandingKill { who, reason, .. }) in &setup.kills {
            let act = kill.kill(*scope, who, reason, now.wall);
            records.push_back(record_of(&act));
            tracing::warn!(
                "{scope} is still killed, since before this start, by {who}: {reason}; `tickpath kill --release` ends it"
            );
        }
        let overseer = Self {
            facts: setup.facts,
            gate: setup.gate,
            kill,
            halt,
            mode: setup.mode,
            enabling: Mutex::new(setup.enabling),
            enabled: AtomicBool::new(false),
            shown: Mutex::new(Enablement {
                detail: format!("the mode is {}: nothing is asked for", setup.mode),
                ..Enablement::default()
            }),
            alerts: Mutex::default(),
            stale_instruments: Mutex::default(),
            bridges: Mutex::default(),
            intake: Mutex::default(),
            journaled_before: setup.journaled_before,
            notices: setup.notices,
            transitions_told: Mutex::default(),
            agents: Mutex::default(),
            states_before: setup.states,
            looked: AtomicI64::new(0),
            watching: Mutex::default(),
            outlet: setup.outlet,
            health: MarketHealth::new(Arc::clone(&setup.ticks), settings),
            settings,
            ticks: setup.ticks,
            machine: Mutex::new(Machine::new(Backoff::default(), now)),
            clock: Mutex::new(ClockGuard::new(ClockLimits::default())),
            progress: setup.progress,
            view: setup.view,
            commands: Mutex::new(setup.commands),
            records: Mutex::new(records),
            clocks: setup.clocks,
            inherited: Mutex::new(setup.difference),
            agreement: Mutex::new(Agreement::new(setup.statement_interval)),
            disagreement: Mutex::default(),
            started: Instant::now(),
            tsc: setup.tsc,
            looking: Mutex::new(()),
            over: AtomicBool::new(false),
        };
        lock(&overseer.clock).set_sync((overseer.clocks.sync)());
        // Everything defaults to no.
        overseer.gate.all_instruments_are_stale();
        overseer.look();
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
            let mut watched = Instant::now();
            while !overseer.over.load(Ordering::Acquire) {
                std::thread::park_timeout(LOOK_EVERY);
                if synced.elapsed() >= SYNC_EVERY {
                    synced = Instant::now();
                    lock(&overseer.clock).set_sync((overseer.clocks.sync)());
                }
                if watched.elapsed() >= WATCH_EVERY {
                    watched = Instant::now();
                    overseer.poll_enabling(overseer.now());
                }
                overseer.look();
                overseer.gate.was_looked_after(overseer.tsc.read());
                overseer.watch();
            }
        })
    }

    /// The bridges that are on.
    pub fn show_bridges(&self, bridges: &[Bridge]) {
        bridges.clone_into(&mut lock(&self.bridges));
    }

    /// How the intake stands, from now on.
    pub fn show_intake(&self, intake: &Arc<IntakeStatus>) {
        *lock(&self.intake) = Some(Arc::clone(intake));
    }

    /// What the agents' supervisor shows.
    pub fn show_agents(&self, agents: Arc<Mutex<WatchNow>>) {
        *lock(&self.agents) = Some(agents);
    }

    /// Both clocks.
    pub(super) fn now(&self) -> Reading {
        (self.clocks.read)()
    }

    /// No more looks.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// One look: what holds now, and what the gate must say for it.
    pub(super) fn look(&self) {
        let _alone = lock(&self.looking);
        // Read in here: a reading from before another look would be a clock that runs backward; and behind the tick that it
        // is held against, for the same reason.
        let tick = self.ticks.any();
        let now = self.now();
        if let Some(act) = self.kill.absorb_signal(now.wall) {
            let (instrument, record) = record_of(&act);
            self.keep_on_record(instrument, &record);
            let all = OperatorCommand::new(OperatorAction::CancelAll, Scope::Host, &act.who, &act.reason);
            self.keep_on_record(InstrumentId::NONE, &all);
        }
        self.send_records();
        let halt = self.halt.current();
        let fresh = self.health.judge(tick, now);
        let clock = {
            let mut clock = lock(&self.clock);
            clock.observe(now);
            clock.healthy(now, self.mode == Mode::Live)
        };
        let halted = halt.bars(self.mode) || self.gate.is_killed();
        let enabled = self.tell_enabling(now);
        let fault = lock(&self.watching).fault(&self.outlet);
        let mut disagreement = lock(&self.agreement).look(now.steady, &self.outlet).err();
        let mut reasons = {
            let mut machine = lock(&self.machine);
            if self.progress.events.load(Ordering::Acquire) > 0 && disagreement.is_none() {
                machine.started(now, "host", "recovered and reconciled");
            }
            machine.data(fresh, now, "host", if fresh { "ticks come in" } else { "no fresh tick" });
            let why = if self.gate.is_killed() { "kill switch" } else { halt.source.as_str() };
            machine.halt(halted, now, "host", if halted { why } else { "allowed" });
            if let Some(fault) = fault {
                machine.fault(now, "host", &fault);
            }
            machine.tick(now);
            machine.gate_reasons()
        };
        let bit = |reason: GateReason| 1u32 << reason.code();
        if let Err(reason) = clock {
            tracing::debug!("clock: {reason}");
            reasons |= bit(GateReason::Clock);
        }
        if self.mode == Mode::Live && !enabled {
            reasons |= bit(GateReason::Enablement);
        }
        disagreement = disagreement.or_else(|| lock(&self.inherited).clone().map(Disagreement::Inherited));
        if disagreement.is_some() {
            reasons |= bit(GateReason::Reconciliation);
        }
        *lock(&self.disagreement) = disagreement;
        // HALTED is both; the latched kill stands in the gate itself, here is the halt of environment and file.
        if !halt.bars(self.mode) {
            reasons &= !bit(GateReason::Halt);
        }
        self.looked.store(i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX), Ordering::Release);
        self.gate.set_holds(OWNED.iter().fold(0, |bits, reason| bits | bit(*reason)), reasons);
    }

    /// Puts on record what was done already; it waits for room, and is never given up.
    pub(super) fn keep_on_record(&self, instrument: InstrumentId, command: &OperatorCommand) {
        lock(&self.records).push_back((instrument, *command));
        self.send_records();
    }

    fn send_records(&self) {
        let (mut records, mut lane) = (lock(&self.records), lock(&self.commands));
        while let Some((instrument, command)) = records.front() {
            // The loop gives the time.
            if lane.try_send(command.input(*instrument, 0)).is_err() {
                return;
            }
            records.pop_front();
        }
    }

    /// Looks for what two people approved, or took back.
    fn poll_enabling(&self, now: Reading) {
        let mut enabling = lock(&self.enabling);
        if let Some(enabling) = enabling.as_mut() {
            // Not under the view's lock: files are read.
            let limits = lock(&self.view).limits.clone();
            enabling.poll(now, &limits);
        }
    }

    /// Puts what became of enabling on its way into the journal; whether LIVE is enabled. What does not fit is put there at
    /// the next look: until it is in the journal, nothing is enabled.
    fn tell_enabling(&self, now: Reading) -> bool {
        // Held while files are read, which may hang: then what held before does, until the last gate misses the looks.
        let Ok(mut enabling) = self.enabling.try_lock() else { return self.enabled.load(Ordering::Acquire) };
        let Some(enabling) = enabling.as_mut() else { return false };
        {
            let mut records = lock(&self.records);
            records.extend(enabling.outbox().drain(..).map(|command| (InstrumentId::NONE, command)));
        }
        self.send_records();
        let enabled = enabling.is_in_force(now, &lock(&self.view));
        self.enabled.store(enabled, Ordering::Release);
        *lock(&self.shown) = enabling.show(enabled);
        enabled
    }

    /// Closes the gate for each instrument whose price is not fresh; their names, with what is missing.
    fn look_at_instruments(&self) -> Vec<(String, Stream)> {
        let ticks: Vec<(Instrument, _)> = lock(&self.view)
            .instruments
            .values()
            .map(|known| (known.instrument, self.ticks.instrument(known.instrument.id)))
            .collect();
        let now = self.now();
        let mut stale = Vec::new();
        for (instrument, streams) in ticks {
            let found = self.health.staleness(streams, now);
            self.gate.instrument_is_stale(instrument.id, found.is_some());
            stale.extend(found.map(|stream| (instrument.name(), stream)));
        }
        stale
    }

    /// Says in what states the agents are, where they are others than before.
    fn tell_states(&self, fresh: bool, at: UnixNanos) {
        let moved: Vec<_> = {
            let machine = lock(&self.machine);
            let mut told = lock(&self.transitions_told);
            let new = usize::try_from(machine.transitions().saturating_sub(*told)).unwrap_or(usize::MAX);
            *told = machine.transitions();
            let skipped = machine.history().len().saturating_sub(new);
            machine.history().skip(skipped).cloned().collect()
        };
        for t in moved {
            let reason = format!("{}: {}", t.who, t.reason);
            let (old, new, trigger) = (t.from.name(), t.to.name(), t.trigger.name());
            self.notices.put(t.at.wall, Word::State { agent: "execution", old, new, trigger, reason });
        }
        let (state, trigger) = if fresh { ("READY", "marketdata_fresh") } else { ("DEGRADED", "marketdata_stale") };
        for agent in ["market-data", "feature", "signal"] {
            self.notices.state(at, agent, state, trigger, "");
        }
    }

    /// What people must be told.
    fn watch(&self) {
        let tick = self.ticks.any();
        let now = self.now();
        let halt = self.halt.current();
        let forced = if self.settings.forced_stale { " (forced)" } else { "" };
        let awaited = self.started.elapsed().as_nanos() > u128::try_from(self.settings.max_age).unwrap_or(0);
        let stale = (!self.health.judge(tick, now) && (awaited || tick.wall != NO_TIME))
            .then(|| format!("no tick within {} s{forced}", self.settings.max_age / SECONDS));
        self.tell_states(self.health.judge(tick, now), now.wall);
        let holds = self.gate.reasons();
        let stale_instruments = self.look_at_instruments();
        let mut silent: Vec<String> =
            stale_instruments.iter().map(|(name, stream)| format!("{name} ({stream})")).collect();
        silent.extend(self.health.silent_sources(|| self.now()).into_iter().map(|number| format!("feed {number}")));
        // For some seconds an answer is awaited.
        let differs = lock(&self.disagreement).clone().filter(|d| *d != Disagreement::NotYet);
        let bridges = lock(&self.bridges).clone();
        let agents = self.agents_watch();
        let intake = self.intake_now();
        let found = {
            let view = lock(&self.view);
            lock(&self.watching).look(&Seen {
                steady: now.steady,
                view: &view,
                events: self.progress.events.load(Ordering::Acquire),
                differs: differs.as_ref().map(ToString::to_string).as_deref(),
                bridges: &bridges,
                agents: agents.as_ref(),
                intake: intake.as_ref(),
                unanswered: self.outlet.unanswered.load(Ordering::Relaxed),
                gate: holds,
                stale: stale.as_deref(),
                // Before the first tick of all there is nothing to compare with.
                stale_instruments: if awaited { &silent } else { &[] },
                halt_uncertain: (!halt.is_certain()).then_some(halt.source.as_str()),
                live_unexpected: self.mode == Mode::Live && holds == 0 && !self.enabled.load(Ordering::Acquire),
            })
        };
        *lock(&self.stale_instruments) = stale_instruments;
        // Not under the lock: whoever reads the log may be slow.
        let changes = lock(&self.alerts).update(now.wall, &found);
        for change in changes {
            let word = match change.clone() {
                Change::Raised(standing) => Word::Raised(standing),
                Change::Over { standing, lasted } => Word::Over { standing, lasted },
            };
            let (Word::Raised(about) | Word::Over { standing: about, .. }) = &word else { continue };
            // The agents' supervisor tells these in its own words, one by one.
            if !OF_THE_AGENTS.contains(&about.name.as_str()) {
                self.notices.put(now.wall, word);
            }
            match change {
                Change::Raised(alert) => {
                    tracing::error!("ALERT {}: {}; `tickpath runbook {}`", alert.name, alert.detail, alert.runbook);
                }
                Change::Over { standing, lasted } => {
                    let lasted = lasted.map_or_else(String::new, |lasted| format!(" after {} s", lasted / SECONDS));
                    tracing::info!("alert {} is over{lasted}", standing.name);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "overseer_tests.rs"]
mod tests;
