//! Edge: a host from a configuration: stages, journal, threads, one run, and what came of it.

use super::attended::{Attended, with_mode_in_force};
use super::bridges::{Bridges, Given, Prepared};
use super::clock::{Pacer, Tsc, wall_now};
use super::complaint::Complaint;
use super::cores;
use super::enabling::{Enabling, LimitNow};
pub use super::host_error::HostError;
use super::identity;
use super::opened::Opened;
use super::outside::Outside;
use super::overseer::{Clocks, OverseerSetup};
use super::overseer_plane::Facts;
use super::patience::Patience;
use super::problems::Problems;
use super::recorder::View;
use super::recovery::{self, Restored};
use super::simulation::{Ended, Limits, LoopProgress, Simulation, SimulationCounts, Surroundings};
use super::supply::{Supply, exchange};
use super::topology::{self, Finish, Front, TopologySetup};
pub use super::validate::{config_text_of, stages, validate};
use super::venue_side::{Losses, VenueSide};
use crate::config::{Config, ConfigError, Mode};
use crate::control::gate::Gate;
use crate::control::halt::HaltSources;
use crate::control::market_health::Settings;
use crate::control::notices::Notices;
use crate::control::ticks::Ticks;
use crate::event::input::{EpochStart, Input};
use crate::journal::{self, Durability, JournalError, Writer, config_name, short_hash};
use crate::ring::spsc;
use crate::types::instrument::Instrument;
use crate::types::time::{Nanos, UnixNanos};
use crate::venue::capture::CaptureReader;
use crate::venue::directory::Directory;
use crate::venue::sim::latency::LatencyModel;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Where market data comes from.
pub enum Source {
    /// Recorded captures, merged by local time.
    Captures(Vec<Box<dyn CaptureReader>>),
    /// The generated market.
    Generated,
}

/// How a run is to go.
#[derive(Default)]
pub struct RunOptions {
    /// Where to keep the journal; `None` = none.
    pub journal_dir: Option<PathBuf>,
    /// Whether the journal must be empty (replay) or is continued (main job).
    pub fresh_journal: bool,
    /// Simulated seconds for each real one; `None` = as fast as it goes.
    pub speed: Option<f64>,
    /// When to end.
    pub limits: Limits,
    /// For the live view.
    pub shared: Option<Arc<Mutex<View>>>,
    /// Simulated time at which a generated market begins; `None` = now.
    pub start: Option<UnixNanos>,
    /// Definitions that were given in a file.
    pub definitions: Vec<Instrument>,
    /// Whether there is to be a control plane, if the run is held to the wall.
    pub plane: bool,
}

/// A run under way: what the thread that shows it may look at.
pub struct Running {
    /// The switches.
    pub gate: Arc<Gate>,
    /// Messages and bytes so far.
    pub progress: Arc<LoopProgress>,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// The placement in force.
    pub placement: String,
    /// What was recovered.
    pub restored: Restored,
    /// Epoch of this run.
    pub epoch: u64,
    /// The mode in force.
    pub mode: Mode,
    /// Where the control plane listens, if there is one.
    pub plane: Option<std::net::SocketAddr>,
    attended: Option<Attended>,
    bridges: Bridges,
    outside: Outside,
    thread: std::thread::JoinHandle<Result<Outcome, HostError>>,
}

/// What came of a run.
pub struct Outcome {
    /// What the loop counted.
    pub counts: SimulationCounts,
    /// How it came to its end.
    pub ended: Ended,
    /// What was read but became no input, by name.
    pub notes: Vec<(String, u64)>,
    /// What the recorder saw.
    pub view: View,
    /// All instruments.
    pub instruments: Vec<Instrument>,
    /// What went wrong.
    pub problems: Problems,
    /// Wall time from the first input to the last recorded slot.
    pub seconds: f64,
    /// The placement in force.
    pub placement: String,
    /// Times that the ring was full.
    pub stalls: u64,
    /// New orders that the gate stopped last before the wire.
    pub gated: u64,
    /// Commands not covered by an approval; must be 0.
    pub not_approved: u64,
    /// Commands that could not be encoded.
    pub not_encodable: u64,
    /// Orders encoded, cancels included.
    pub encoded: u64,
    /// From the beginning of the start to the first market message on the hot thread, in nanoseconds; 0 if not stamped.
    pub first_event_ns: u64,
    /// Cost of one stamp in nanoseconds; 0 if not stamped.
    pub stamp_cost_ns: f64,
    /// Epoch of this run.
    pub epoch: u64,
    /// The journal's folder.
    pub journal_dir: Option<PathBuf>,
}

/// Commands on their way into the sequence at once.
const COMMANDS_WAITING: usize = 256;
/// Feeds whose freshness is told apart.
const SOURCES_MAX: usize = 1024;

/// Whether this run may be had in the mode in force.
///
/// # Errors
/// OFF runs nothing. LIVE asks for everything that an order to a broker depends on, before anything is started.
fn may_run(config: &Config, source: &Source, options: &RunOptions) -> Result<(), HostError> {
    let needs = |what: &str| Err(HostError::Live(what.to_owned()));
    match config.host.mode {
        Mode::Off => Err(HostError::Off),
        Mode::Live if matches!(source, Source::Captures(_)) => {
            needs("a venue, and a recording is none; replay in OBSERVE, SHADOW or PAPER")
        }
        Mode::Live if config.sim.lose_reports_ppm > 0 => needs("all reports; set [sim] lose_reports_ppm = 0"),
        Mode::Live if options.speed != Some(1.0) => needs("real time; leave --speed out"),
        Mode::Live if options.journal_dir.is_none() || config.journal.durability != Durability::Synced => {
            needs("each order on the disk before it leaves; set [journal] durability = \"synced\"")
        }
        Mode::Live if !options.plane || !config.http.enabled => {
            needs("the control plane, by which people can stop it; set [http] enabled = true")
        }
        _ => Ok(()),
    }
}

/// Starts a run; the calling thread stays free to show it.
///
/// # Errors
/// [`HostError`].
pub fn start(config: &Config, source: Source, options: RunOptions) -> Result<Running, HostError> {
    start_with(config, source, options, Writer::open)
}

/// [`start`] with a journal opened by `open`, so that tests can give it a disk that fails.
pub(super) fn start_with(
    config: &Config,
    source: Source,
    options: RunOptions,
    open: impl FnOnce(&Path, &journal::Config, UnixNanos) -> Result<(Writer, journal::Recovery), JournalError>,
) -> Result<Running, HostError> {
    let tsc = Tsc::new();
    let begun = tsc.read();
    let config = &with_mode_in_force(config)?;
    let host = validate(config)?;
    may_run(config, &source, &options)?;
    let mut stages = stages(config)?;
    let now = wall_now();
    let opened = Opened::new(config, &options, &mut stages, now, open)?;
    let Opened { writer, restored, first_sequence, epoch } = opened;
    let resolved = toml::to_string(config).map_err(|e| ConfigError::room("config", e))?;
    let epoch_start =
        EpochStart { epoch, config_hash: short_hash(resolved.as_bytes()), build_hash: identity::build().short() };

    let mut directory = Directory::new(config.topology.instruments_max);
    for instrument in &restored.instruments {
        directory.define(*instrument).map_err(|e| ConfigError::room("topology", e))?;
    }
    directory.catalogue(options.definitions.iter().copied());
    let latency = LatencyModel::new(&config.sim.latency).map_err(|e| ConfigError::room("sim.latency", e))?;
    let start_at = begin_at(&source, &restored, options.start.unwrap_or(now));
    let exchange = exchange(config, &source, &mut directory, &restored, start_at, epoch)?;
    let opening_instruments: Vec<Instrument> = directory.all().to_vec();

    // The opening is made before the stages are dealt out, since it asks execution for its open orders.
    let opening = recovery::opening(&stages, &restored, &opening_instruments, &epoch_start, config.host.mode, start_at);
    let stamp_cost_ns = if config.topology.stamps { tsc.cost_ns() } else { 0.0 };
    let run_clock = tsc.clone();
    let patience = options.speed.is_some().then(|| Patience::new(tsc.clone()));
    let durability = if writer.is_some() { config.journal.durability } else { Durability::None };
    let live = options.speed.is_some();
    let ticks = live.then(|| Arc::new(Ticks::new(SOURCES_MAX, config.topology.instruments_max)));
    // The control plane needs the recorder's view, also where nobody else looks at it.
    let shared = options.shared.clone().or_else(|| live.then(Arc::default));
    // All that can refuse stands in front of the first thread.
    let limits = stages.risk.limits_from_next_epoch(&opening_instruments);
    let enabling = enabling(config, &limits, now)?;
    // Who replays, or runs as fast as it goes, mirrors nothing: it is not what happens now.
    let prepared = match (&options.journal_dir, live && !options.fresh_journal) {
        (Some(_), true) => Some(Prepared::new(config, config.host.mode == Mode::Live)?),
        _ => None,
    };
    let prepared_outside = prepared.as_ref().map(|prepared| prepared.outside(config)).unwrap_or_default();
    let settings = Settings::from_env(|name| std::env::var(name).ok()).map_err(|e| ConfigError::room("http", e))?;
    let facts = Facts::new(config, &epoch_start, limits);
    let generated = matches!(source, Source::Generated);
    let supply = Supply::of(source)?;
    let bytes_total = supply.bytes_total;
    let started = topology::start(TopologySetup {
        host,
        config: config.topology.clone(),
        stages,
        journal: writer,
        durability,
        first_sequence,
        live,
        shared: shared.clone(),
        ticks: ticks.clone(),
        tsc,
    })?;
    // Only now, when nothing can refuse any more: this file says what the epoch in the journal ran with.
    if let Some(dir) = &options.journal_dir {
        journal::write_meta(dir, &config_name(epoch), resolved.as_bytes())?;
    }
    let gate = Arc::clone(&started.gate);
    if config.host.mode == Mode::Shadow {
        gate.hold_all_back();
    }
    let outlet = Arc::clone(&started.outlet);
    let progress = Arc::new(LoopProgress::default());
    let placement = started.placement.to_string();
    let (stamps, wait, core) = (started.stamps.clone(), started.wait, started.sequencer_core);
    let (front, finish) = started.split();

    let notices = Arc::new(Notices::default());
    let mut commands = None;
    let mut attended = None;
    let seen = shared.clone();
    if let (Some(ticks), Some(view)) = (ticks, shared) {
        let (sender, receiver) = spsc::channel(COMMANDS_WAITING);
        commands = Some(receiver);
        let setup = OverseerSetup {
            facts,
            gate: Arc::clone(&gate),
            mode: config.host.mode,
            enabling,
            ticks,
            progress: Arc::clone(&progress),
            outlet: Arc::clone(&outlet),
            view,
            commands: sender,
            tsc: run_clock.clone(),
            kills: restored.kills.clone(),
            states: restored.states.clone(),
            // Questions are asked in market time, which may be slower than the wall's.
            statement_interval: match options.speed {
                Some(speed) if speed < 1.0 => (config.host.statement_interval() as f64 / speed) as i64,
                _ => config.host.statement_interval(),
            },
            difference: restored.difference(),
            journaled_before: restored.requests.iter().copied().collect(),
            halt: HaltSources::from_env(|name| std::env::var_os(name)),
            settings,
            clocks: Clocks::default(),
            notices: Arc::clone(&notices),
        };
        match Attended::begin(setup, options.plane.then_some(&config.http)) {
            Ok(begun) => attended = Some(begun),
            Err(error) => {
                finish.join(first_sequence - 1);
                return Err(HostError::Thread(error));
            }
        }
    }
    let around = Surroundings {
        gate: Arc::clone(&gate),
        outlet: Arc::clone(&outlet),
        progress: Arc::clone(&progress),
        stamps,
        pacer: options.speed.map(Pacer::new),
        limits: options.limits,
        timer_interval: config.host.timer_interval(),
        statement_interval: config.host.statement_interval(),
        wait,
        reader_names: supply.reader_names,
        commands,
    };
    let losses = Losses { ppm: config.sim.lose_reports_ppm, seed: config.sim.latency.seed };
    let Front { sequencer, orders, durable } = front;
    let bridges = match (prepared, &options.journal_dir, &seen) {
        (Some(prepared), Some(journal), Some(view)) => {
            let before = first_sequence - 1;
            prepared.start(&Given { journal, epoch, before, durable: &durable, view, notices: &notices })
        }
        _ => Ok(Bridges::default()),
    };
    let bridges = match bridges {
        Ok(bridges) => bridges,
        Err(error) => {
            finish.join(first_sequence - 1);
            return Err(HostError::Thread(format!("cannot start a bridge: {error}")));
        }
    };
    if let Some(attended) = &attended {
        attended.show_bridges(bridges.seen());
    }
    let outside = match Outside::start(prepared_outside, attended.as_ref()) {
        Ok(outside) => outside,
        Err(error) => {
            finish.join(first_sequence - 1);
            return Err(HostError::Thread(error));
        }
    };
    let side = VenueSide::new(orders, exchange, latency, durable, config.topology.instruments_max)
        .with_patience(patience)
        .with_losses(losses);
    let body = Body {
        simulation: Simulation::new(sequencer, side, supply.inflow, supply.decoders, directory, around),
        finish,
        core,
        begin: generated.then_some(start_at),
        opening,
        first_sequence,
        gate: Arc::clone(&gate),
        loader: supply.loader,
        paths: supply.paths,
    };
    let progress_of_run = Arc::clone(&progress);
    let (placement_of_run, journal_dir, gate_of_run) = (placement.clone(), options.journal_dir, Arc::clone(&gate));
    let run = move || -> Result<Outcome, HostError> {
        let ran = body.run()?;
        let loaded = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Ok(Outcome {
            counts: ran.counts,
            ended: ran.ended,
            notes: ran.notes,
            view: ran.view,
            instruments: ran.instruments,
            problems: ran.problems,
            seconds: ran.seconds,
            placement: placement_of_run,
            stalls: ran.stalls,
            gated: gate_of_run.blocked(),
            not_approved: loaded(&outlet.not_approved),
            not_encodable: loaded(&outlet.not_encodable),
            encoded: loaded(&outlet.encoded),
            first_event_ns: run_clock.nanos_between(begun, loaded(&progress_of_run.first_stamp)),
            stamp_cost_ns,
            epoch,
            journal_dir,
        })
    };
    let thread = std::thread::Builder::new()
        .name("sequencer".to_owned())
        .spawn(run)
        .map_err(|e| HostError::Thread(e.to_string()))?;
    let plane = attended.as_ref().and_then(Attended::address);
    Ok(Running {
        gate,
        progress,
        bytes_total,
        placement,
        restored,
        epoch,
        mode: config.host.mode,
        plane,
        attended,
        bridges,
        outside,
        thread,
    })
}

/// When a generated market begins.
fn begin_at(source: &Source, restored: &Restored, wanted: UnixNanos) -> UnixNanos {
    if !matches!(source, Source::Generated) || restored.sequence_last == 0 || wanted > restored.time_last {
        return wanted;
    }
    // Rates, ages and cool-downs count in the time of the inputs: it must not go back.
    let at = restored.time_last.saturating_add(1);
    tracing::warn!("market time would go back: the journal already reaches {at}; the run begins there");
    at
}

/// What looks for the two people's approval, in LIVE.
fn enabling(config: &Config, limits: &[LimitNow], now: UnixNanos) -> Result<Option<Enabling>, HostError> {
    if config.host.mode != Mode::Live {
        return Ok(None);
    }
    let identity = identity::of(config)?;
    Enabling::new(identity, config, limits, now).map(Some).map_err(|e| HostError::Live(format!("random numbers: {e}")))
}

/// What runs on the sequencer's thread.
struct Body {
    simulation: Simulation,
    finish: Finish,
    core: Option<usize>,
    /// When the run begins; `None` = with its data.
    begin: Option<UnixNanos>,
    opening: Vec<Input>,
    first_sequence: u64,
    gate: Arc<Gate>,
    loader: Option<std::thread::JoinHandle<()>>,
    paths: Vec<PathBuf>,
}

/// What came of that.
struct Ran {
    counts: SimulationCounts,
    ended: Ended,
    notes: Vec<(String, u64)>,
    view: View,
    instruments: Vec<Instrument>,
    problems: Problems,
    seconds: f64,
    stalls: u64,
}

impl Body {
    fn run(mut self) -> Result<Ran, HostError> {
        if let Some(core) = self.core
            && let Err(error) = cores::pin_current(core, "sequencer")
        {
            self.finish.join(self.first_sequence - 1);
            return Err(HostError::Thread(error.to_string()));
        }
        // A replay begins when its data does, so that the same data gives the same outputs.
        let generated = self.begin.is_some();
        let Some(at) = self.begin.or_else(|| self.simulation.first_frame()) else {
            // Nothing was published: the journal stays as it was.
            self.finish.join(self.first_sequence - 1);
            return Err(if self.gate.is_stopping() {
                HostError::StoppedEarly
            } else if let Some(fault) = self.simulation.take_faults().into_iter().next() {
                HostError::Fault(fault)
            } else {
                HostError::NothingToReplay { only: "" }
            });
        };
        for input in &mut self.opening {
            input.ts_recv = at;
        }
        let clock = Instant::now();
        self.simulation.begin(&self.opening);
        let counts = self.simulation.run();
        let (last, ended, notes) = (self.simulation.last_sequence(), self.simulation.ended(), self.simulation.notes());
        let (directory, mut problems, stalls) = self.simulation.into_parts();
        let (view, trouble) = self.finish.join(last);
        let seconds = clock.elapsed().as_secs_f64();
        if let Some(trouble) = trouble {
            problems.fatal(Complaint::new(trouble));
        }
        // Of a run that was ended the loader may still be at a file; nobody waits for what it finds there.
        if let Some(thread) = self.loader.filter(|thread| ended == Ended::Data || thread.is_finished())
            && thread.join().is_err()
        {
            problems.fatal(Complaint::new("the loader thread panicked"));
        }
        if !generated && ended == Ended::Data && problems.is_clean() && counts.events == 0 {
            let only =
                if counts.gaps > 0 { ", only gaps between messages" } else { ", only definitions of instruments" };
            return Err(HostError::NothingToReplay { only });
        }
        problems.ask_packing(&self.paths, &|| ended == Ended::Data && !self.gate.is_stopping());
        let instruments = directory.all().to_vec();
        Ok(Ran { counts, ended, notes, view, instruments, problems, seconds, stalls })
    }
}

impl Running {
    /// Whether the run is over.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn wait(self) -> Result<Outcome, HostError> {
        let Self { thread, attended, bridges, outside, .. } = self;
        let outcome = thread.join();
        // Nothing can be taken any more; what was taken and is not over waits for the next start.
        drop(outside);
        // The journal is closed: they write what is left, and end.
        drop(bridges);
        drop(attended);
        outcome.map_err(|_| HostError::Thread("the sequencer thread panicked".to_owned()))?
    }
}

/// Simulated time as a length.
pub fn span(counts: &SimulationCounts) -> Nanos {
    counts.last.saturating_sub(counts.first)
}
