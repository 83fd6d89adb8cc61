//! Edge: a host from a configuration: stages, journal, threads, one run, and what came of it.

use super::attended::{Attended, with_mode_in_force};
use super::clock::{Pacer, Tsc, wall_now};
use super::complaint::Complaint;
use super::cores;
use super::decoders::AnyDecoder;
use super::frames::block_channel;
use super::group::Stages;
use super::inflow::Inflow;
use super::loader;
use super::overseer::OverseerSetup;
use super::overseer_plane::Facts;
use super::patience::Patience;
use super::problems::Problems;
use super::recorder::View;
use super::recovery::{self, Restored};
use super::simulation::{Ended, Limits, LoopProgress, Simulation, SimulationCounts, Surroundings};
use super::topology::{self, Front, TopologyError, TopologySetup};
use super::venue_side::{Exchange, VenueSide};
use crate::config::{Config, ConfigError};
use crate::control::gate::Gate;
use crate::control::ticks::Ticks;
use crate::event::input::EpochStart;
use crate::journal::{self, Durability, JournalError, Writer, config_name, short_hash};
use crate::ring::spsc;
use crate::types::instrument::Instrument;
use crate::types::time::{Nanos, UnixNanos};
use crate::venue::capture::{CaptureError, CaptureReader};
use crate::venue::directory::Directory;
use crate::venue::order_entry::HostTag;
use crate::venue::sim::generator::Generator;
use crate::venue::sim::latency::LatencyModel;
use crate::venue::sim::recorded::RecordedVenue;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Threads, cores, ring.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A journal that already has records, where a fresh one is needed.
    #[error("{} already holds a journal up to sequence {sequence}; a replay needs an empty folder: choose another, or remove it", dir.display())]
    JournalNotEmpty {
        /// The folder.
        dir: PathBuf,
        /// Its last sequence.
        sequence: u64,
    },
    /// The journal was written with other instruments.
    #[error(
        "the journal's instruments are not those of [[sim.generator.instruments]] (first difference: {symbol}); use another [host] data_dir"
    )]
    OtherInstruments {
        /// The first that differs.
        symbol: String,
    },
    /// The captures hold nothing of the market.
    #[error(
        "nothing to replay: the files hold no market data{only}; give the files with the market's messages as well"
    )]
    NothingToReplay {
        /// What they hold instead, if anything.
        only: &'static str,
    },
    /// A fault that was told before anything was sequenced.
    #[error("{0}")]
    Fault(Complaint),
    /// More process starts than order ids can tell apart.
    #[error(
        "this journal has seen 65 535 process starts, which is as many as order ids can tell apart; begin a new [host] data_dir"
    )]
    Epochs,
    /// Stopped before anything had happened.
    #[error("stopped before the first message")]
    StoppedEarly,
    /// A thread could not be started or ended badly.
    #[error("{0}")]
    Thread(String),
}

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
    /// Where the control plane listens, if there is one.
    pub plane: Option<std::net::SocketAddr>,
    attended: Option<Attended>,
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

/// The stages of a configuration.
///
/// # Errors
/// A room that refuses its part.
pub fn stages(config: &Config) -> Result<Stages, ConfigError> {
    let max = config.topology.instruments_max;
    let feature =
        crate::feature::FeatureStage::new(&config.feature, max).map_err(|e| ConfigError::room("feature", e))?;
    let signal = crate::signal::SignalStage::new(&config.signal, feature.names(), max)
        .map_err(|e| ConfigError::room("signal", e))?;
    Ok(Stages {
        market: crate::market::MarketStage::new(&config.market, max).map_err(|e| ConfigError::room("market", e))?,
        feature,
        signal,
        risk: crate::risk::RiskStage::new(&config.risk, max).map_err(|e| ConfigError::room("risk", e))?,
        execution: crate::execution::ExecutionStage::new(&config.execution, max)
            .map_err(|e| ConfigError::room("execution", e))?,
    })
}

/// Commands on their way into the sequence at once.
const COMMANDS_WAITING: usize = 256;
/// Feeds whose freshness is told apart.
const SOURCES_MAX: usize = 1024;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hash of the program that runs, so that a journal tells which build wrote it; zero if it cannot be read.
fn build_hash() -> [u8; 16] {
    std::env::current_exe().and_then(std::fs::read).map_or([0; 16], |bytes| short_hash(&bytes))
}

/// Checks everything in a configuration that can be checked without touching a disk or a core.
///
/// # Errors
/// What is wrong, with its section.
pub fn validate(config: &Config) -> Result<HostTag, ConfigError> {
    let host = HostTag::new(&config.host.name).ok_or_else(|| {
        ConfigError::room(
            "host",
            format!("name = `{}`: expected 1 to 10 letters, digits, `-` or `_`", config.host.name),
        )
    })?;
    let range = |section: &'static str, name: &str, value: u64, low: u64, high: u64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(ConfigError::room(section, format!("{name} = {value}: expected {low} to {high}")))
        }
    };
    let topology = &config.topology;
    range("host", "timer_interval_ms", config.host.timer_interval_ms, 1, 60_000)?;
    range("topology", "ring_slots", topology.ring_slots as u64, 64, 1 << 22)?;
    if !topology.ring_slots.is_power_of_two() {
        return Err(ConfigError::room(
            "topology",
            format!("ring_slots = {}: expected a power of two", topology.ring_slots),
        ));
    }
    range("topology", "watermark_percent", u64::from(topology.watermark_percent), 10, 95)?;
    range("topology", "instruments_max", topology.instruments_max as u64, 1, 100_000)?;
    if config.journal.retention_bytes_audit > 0 {
        return Err(ConfigError::room(
            "journal",
            "retention_bytes_audit must be 0: a restart takes positions and orders from the whole audit log",
        ));
    }
    config.journal.check().map_err(|e| ConfigError::room("journal", e))?;
    config.http.check().map_err(|e| ConfigError::room("http", e))?;
    config.sim.validate().map_err(|e| ConfigError::room("sim", e))?;
    let generated = config.sim.generator.instruments.len();
    if generated > topology.instruments_max {
        return Err(ConfigError::room(
            "topology",
            format!(
                "instruments_max = {} is less than the {generated} generated instruments",
                topology.instruments_max
            ),
        ));
    }
    stages(config)?;
    Ok(host)
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
    let (config, mode) = with_mode_in_force(config)?;
    let config = &config;
    let host = validate(config)?;
    let mut stages = stages(config)?;
    let now = wall_now();
    let mut restored = Restored::default();
    let mut writer = None;
    let mut first_sequence = 1;
    if let Some(dir) = &options.journal_dir {
        let (opened, recovery) = open(dir, &config.journal, now)?;
        if options.fresh_journal && recovery.sequence_last > 0 {
            return Err(HostError::JournalNotEmpty { dir: dir.clone(), sequence: recovery.sequence_last });
        }
        if recovery.torn_bytes > 0 {
            tracing::warn!(
                "the journal's torn tail was cut off: {} bytes at {}",
                recovery.torn_bytes,
                recovery.torn_at.as_deref().unwrap_or("its end")
            );
        }
        if recovery.sequence_last > 0 {
            restored = recovery::restore(dir, &mut stages)?;
        }
        if let Some((from, to)) = recovery.gap {
            tracing::warn!(
                "the journal lost market data between sequence {from} and {to} (see `tickpath verify`); orders and positions are whole"
            );
        }
        first_sequence = recovery.sequence_last + 1;
        restored.sequence_last = recovery.sequence_last;
        restored.epoch_last = restored.epoch_last.max(recovery.epoch_last);
        writer = Some(opened);
    }
    let epoch = restored.epoch_last + 1;
    if epoch > u64::from(u16::MAX) {
        return Err(HostError::Epochs);
    }
    let resolved = toml::to_string(config).map_err(|e| ConfigError::room("config", e))?;
    if let Some(writer) = &mut writer {
        writer.set_epoch(epoch);
    }
    let epoch_start = EpochStart { epoch, config_hash: short_hash(resolved.as_bytes()), build_hash: build_hash() };

    let mut directory = Directory::new(config.topology.instruments_max);
    for instrument in &restored.instruments {
        directory.define(*instrument).map_err(|e| ConfigError::room("topology", e))?;
    }
    directory.catalogue(options.definitions.iter().copied());
    let latency = LatencyModel::new(&config.sim.latency).map_err(|e| ConfigError::room("sim.latency", e))?;
    let mut start_at = options.start.unwrap_or(now);
    if matches!(source, Source::Generated) && restored.sequence_last > 0 && start_at <= restored.time_last {
        // Rates, ages and cool-downs count in the time of the inputs: it must not go back.
        start_at = restored.time_last.saturating_add(1);
        tracing::warn!("market time would go back: the journal already reaches {start_at}; the run begins there");
    }
    let exchange = exchange(config, &source, &mut directory, &restored, start_at, epoch)?;
    let opening_instruments: Vec<Instrument> = directory.all().to_vec();

    // The opening is made before the stages are dealt out, since it asks execution for its open orders.
    let mut opening =
        recovery::opening(&stages, &restored, &opening_instruments, &epoch_start, config.host.mode, start_at);
    let stamp_cost_ns = if config.topology.stamps { tsc.cost_ns() } else { 0.0 };
    let run_clock = tsc.clone();
    let patience = options.speed.is_some().then(|| Patience::new(tsc.clone()));
    let durability = if writer.is_some() { config.journal.durability } else { Durability::None };
    let live = options.speed.is_some();
    let ticks = live.then(|| Arc::new(Ticks::new(SOURCES_MAX, config.topology.instruments_max)));
    // The control plane needs the recorder's view, also where nobody else looks at it.
    let shared = options.shared.clone().or_else(|| live.then(Arc::default));
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
    let outlet = Arc::clone(&started.outlet);
    let progress = Arc::new(LoopProgress::default());
    let placement = started.placement.to_string();
    let (stamps, wait, core) = (started.stamps.clone(), started.wait, started.sequencer_core);
    let (front, finish) = started.split();

    let mut reader_names = vec![("the generated market".to_owned(), "message")];
    let mut paths = Vec::new();
    let mut decoders = vec![AnyDecoder::generated()];
    let mut inflow = Inflow::generated();
    let mut bytes_total = 0;
    let mut loader_thread = None;
    if let Source::Captures(readers) = source {
        paths = readers.iter().map(|r| r.path().to_owned()).collect();
        reader_names = readers.iter().map(|r| (r.path().display().to_string(), r.format().unit().name())).collect();
        decoders = readers.iter().map(|r| AnyDecoder::new(&r.decoder())).collect();
        bytes_total = readers.iter().map(|r| r.progress().1).sum();
        let (sender, receiver) = block_channel(16);
        inflow = Inflow::from_loader(receiver);
        loader_thread = Some(loader::spawn(readers, sender).map_err(|e| HostError::Thread(e.to_string()))?);
    }
    let mut commands = None;
    let mut attended = None;
    if let (Some(ticks), Some(view)) = (ticks, shared) {
        let (sender, receiver) = spsc::channel(COMMANDS_WAITING);
        commands = Some(receiver);
        let facts = Facts {
            host: config.host.name.clone(),
            build: hex(&epoch_start.build_hash),
            configuration: hex(&epoch_start.config_hash),
            epoch,
            limits: crate::risk::configured_limits(&config.risk).map_err(|e| ConfigError::room("risk", e))?,
        };
        let setup = OverseerSetup {
            facts,
            gate: Arc::clone(&gate),
            mode,
            ticks,
            progress: Arc::clone(&progress),
            view,
            commands: sender,
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
        wait,
        reader_names,
        commands,
    };
    let journal_dir = options.journal_dir.clone();
    let placement_of_run = placement.clone();
    let gate_of_run = Arc::clone(&gate);
    let generated = loader_thread.is_none();
    let (tsc_of_run, progress_of_run) = (run_clock, Arc::clone(&progress));
    let body = move || -> Result<Outcome, HostError> {
        if let Some(core) = core
            && let Err(error) = cores::pin_current(core, "sequencer")
        {
            finish.join(first_sequence - 1);
            return Err(HostError::Thread(error.to_string()));
        }
        let Front { sequencer, orders, durable } = front;
        let side = VenueSide::new(orders, exchange, latency, durable).with_patience(patience);
        let mut simulation = Simulation::new(sequencer, side, inflow, decoders, directory, around);
        // A replay begins when its data does, so that the same data gives the same outputs.
        let begin = if generated { Some(start_at) } else { simulation.first_frame() };
        let Some(at) = begin else {
            // Nothing was published: the journal stays as it was.
            finish.join(first_sequence - 1);
            let stopped = gate_of_run.is_stopping();
            let faults = simulation.take_faults();
            return Err(if stopped {
                HostError::StoppedEarly
            } else if let Some(fault) = faults.into_iter().next() {
                HostError::Fault(fault)
            } else {
                HostError::NothingToReplay { only: "" }
            });
        };
        for input in &mut opening {
            input.ts_recv = at;
        }
        let clock = Instant::now();
        simulation.begin(&opening);
        let counts = simulation.run();
        let last = simulation.last_sequence();
        let ended = simulation.ended();
        let notes = simulation.notes();
        let (directory, problems, stalls) = simulation.into_parts();
        let (view, trouble) = finish.join(last);
        let seconds = clock.elapsed().as_secs_f64();
        let mut problems: Problems = problems;
        if let Some(trouble) = trouble {
            problems.fatal(Complaint::new(trouble));
        }
        // Of a run that was ended the loader may still be at a file; nobody waits for what it finds there.
        if let Some(thread) = loader_thread.filter(|thread| ended == Ended::Data || thread.is_finished())
            && thread.join().is_err()
        {
            problems.fatal(Complaint::new("the loader thread panicked"));
        }
        if !generated && ended == Ended::Data && problems.is_clean() && counts.events == 0 {
            let only =
                if counts.gaps > 0 { ", only gaps between messages" } else { ", only definitions of instruments" };
            return Err(HostError::NothingToReplay { only });
        }
        problems.ask_packing(&paths, &|| ended == Ended::Data && !gate_of_run.is_stopping());
        Ok(Outcome {
            counts,
            ended,
            notes,
            view,
            instruments: directory.all().to_vec(),
            problems,
            seconds,
            placement: placement_of_run,
            stalls,
            gated: gate_of_run.blocked(),
            not_approved: outlet.not_approved.load(std::sync::atomic::Ordering::Relaxed),
            not_encodable: outlet.not_encodable.load(std::sync::atomic::Ordering::Relaxed),
            encoded: outlet.encoded.load(std::sync::atomic::Ordering::Relaxed),
            first_event_ns: tsc_of_run
                .nanos_between(begun, progress_of_run.first_stamp.load(std::sync::atomic::Ordering::Relaxed)),
            stamp_cost_ns,
            epoch,
            journal_dir,
        })
    };
    let thread = std::thread::Builder::new()
        .name("sequencer".to_owned())
        .spawn(body)
        .map_err(|e| HostError::Thread(e.to_string()))?;
    let plane = attended.as_ref().and_then(Attended::address);
    Ok(Running { gate, progress, bytes_total, placement, restored, epoch, plane, attended, thread })
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
        let Self { thread, attended, .. } = self;
        let outcome = thread.join();
        drop(attended);
        outcome.map_err(|_| HostError::Thread("the sequencer thread panicked".to_owned()))?
    }
}

/// The text of the configuration that `epoch` of the journal in `dir` ran with; checked against `hash`, which is in the
/// journal.
///
/// # Errors
/// [`ConfigError`] if it is not there, cannot be read, or was changed since.
pub fn config_text_of(dir: &Path, epoch: u64, hash: &[u8; 16]) -> Result<String, ConfigError> {
    let path = dir.join(config_name(epoch));
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    if short_hash(text.as_bytes()) != *hash {
        return Err(ConfigError::Invalid {
            origin: path.display().to_string(),
            message: "this is not the configuration that the journal was written with (its hash is in the journal); \
                      put the original back, or give another one with --config to see what it would have changed"
                .to_owned(),
        });
    }
    Ok(text)
}

fn exchange(
    config: &Config,
    source: &Source,
    directory: &mut Directory,
    restored: &Restored,
    start: UnixNanos,
    epoch: u64,
) -> Result<Exchange, HostError> {
    match source {
        Source::Captures(_) => {
            let venue = RecordedVenue::new(&config.sim.recorded, config.topology.instruments_max)
                .map_err(|e| ConfigError::room("sim", e))?;
            Ok(Exchange::Recorded(Box::new(venue)))
        }
        Source::Generated => {
            let prices: Vec<(String, String)> = restored
                .last_prices
                .iter()
                .filter_map(|(id, px)| {
                    restored
                        .instruments
                        .get(id.index())
                        .map(|i| (i.symbol.to_string(), crate::report::number::px(i, *px)))
                })
                .collect();
            let prices: Vec<(&str, &str)> = prices.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let generator = Generator::new(&config.sim.generator, start, epoch, &prices)
                .map_err(|e| ConfigError::room("sim.generator", e))?;
            for instrument in generator.instruments() {
                let id = directory.define(instrument).map_err(|e| ConfigError::room("topology", e))?;
                if id != instrument.id {
                    return Err(HostError::OtherInstruments { symbol: instrument.symbol.to_string() });
                }
            }
            directory.close();
            Ok(Exchange::Generated(Box::new(generator)))
        }
    }
}

/// Simulated time as a length.
pub fn span(counts: &SimulationCounts) -> Nanos {
    counts.last.saturating_sub(counts.first)
}
