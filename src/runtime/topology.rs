//! Edge: EVERY ring and thread of the host, on one page, in the order of the data.
//!
//! ```text
//!  1 loader thread(s) ──blocks of raw messages (SPSC, and the empty blocks back)──┐     replay only
//!                                                                                ▼
//!  2 sequencer thread: what is next in simulated time → decode → number → 4 THE RING
//!        │  + the first group of stages, fused                                   │ slots: input│market│features│signal│risk│execution
//!        │                                                                       ▼
//!  3     │                               stage threads: one for each further group of stages, each behind the one before
//!        │                                                                       │ the one with execution also encodes
//!        ◄───────────────approved orders (SPSC 5)────────────────────────────────┤
//!        │  venue (in process), its reports become inputs                        ▼
//!        ◄───────────────durable up to (one atomic)───────────── 6 recorder thread: digest, journal, histograms, view
//! ```
//!
//! With the placement `fused` there is no 3: threads 2 and 6 (and 1 in a replay) are all there is.

use super::clock::Tsc;
use super::cores::{self, CoreError};
use super::group::{Hand, Stages};
use super::outlet::{OrderOutlet, Outgoing, OutletCounters};
use super::patience::Patience;
use super::placement::{Placement, PlacementError, StageName, TopologyConfig};
use super::recorder::{Recorder, RecorderSetup, View};
use super::sections::stage_sections;
use super::sequencer::Sequencer;
use crate::control::gate::Gate;
use crate::control::ticks::Ticks;
use crate::event::execution::COMMANDS_MAX;
use crate::event::input::Input;
use crate::event::slot::Slot;
use crate::journal::{Durability, JournalError, Writer};
use crate::ring::builder::RingBuilder;
use crate::ring::error::RingError;
use crate::ring::lane::Lane;
use crate::ring::section::SectionSpec;
use crate::ring::spsc;
use crate::ring::wait::{WaitStrategy, Waiter};
use crate::types::ids::Sequence;
use crate::venue::order_entry::{HostTag, OrderEncoder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// Why a topology could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The placement makes no sense.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// A core cannot be used.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The ring cannot be built.
    #[error("the ring: {0}; see [topology] ring_slots")]
    Ring(#[from] RingError),
    /// Not as many cores as threads.
    #[error(
        "[topology] cores lists {given} cores, but placement `{placement}` has {threads} hot threads; list one for each, or none"
    )]
    CoreCount {
        /// Cores given.
        given: usize,
        /// The placement.
        placement: String,
        /// Its threads.
        threads: usize,
    },
    /// A thread could not be started.
    #[error("cannot start thread `{name}`: {source}")]
    Spawn {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What a host needs to know before its threads start.
pub struct TopologySetup {
    /// The host's name in order ids.
    pub host: HostTag,
    /// `[topology]`.
    pub config: TopologyConfig,
    /// The stages.
    pub stages: Stages,
    /// The journal, if there is one.
    pub journal: Option<Writer>,
    /// When an order may take effect.
    pub durability: Durability,
    /// The sequence of the first input.
    pub first_sequence: Sequence,
    /// Whether time runs by the wall (the watermark then closes the gate).
    pub live: bool,
    /// For the live view.
    pub shared: Option<Arc<Mutex<View>>>,
    /// For whoever watches the age of market data.
    pub ticks: Option<Arc<Ticks>>,
    /// The clock.
    pub tsc: Tsc,
}

/// A started host: the sequencer for the calling thread (which becomes thread 2), and the handles of the others.
pub struct Started {
    /// The producer's end, with the first group of stages.
    pub sequencer: Sequencer,
    /// Approved orders from the execution stage.
    pub orders: spsc::Receiver<Outgoing>,
    /// The switches.
    pub gate: Arc<Gate>,
    /// Counters of the way out.
    pub outlet: Arc<OutletCounters>,
    /// Sequence up to which orders may take effect.
    pub durable: Arc<AtomicU64>,
    /// The clock, if stamping.
    pub stamps: Option<Tsc>,
    /// The placement in force.
    pub placement: Placement,
    /// How hot threads wait.
    pub wait: WaitStrategy,
    /// Core of the sequencer's thread, to be pinned by it.
    pub sequencer_core: Option<usize>,
    end: Arc<AtomicU64>,
    stage_threads: Vec<JoinHandle<Result<(), CoreError>>>,
    recorder: JoinHandle<(View, Option<JournalError>)>,
}

/// Starts all threads but the calling one.
///
/// # Errors
/// [`TopologyError`].
pub fn start(setup: TopologySetup) -> Result<Started, TopologyError> {
    let allowed = cores::allowed_cores();
    let placement = setup.config.placement(allowed.len())?;
    let wait = setup.config.wait.unwrap_or_else(|| WaitStrategy::for_cores(allowed.len()));
    let core_of = checked_cores(&setup.config, &placement, &allowed)?;
    let gate = Arc::new(Gate::new(setup.config.instruments_max));
    let outlet_counters = Arc::new(OutletCounters::default());
    let durable = Arc::new(AtomicU64::new(setup.first_sequence.saturating_sub(1)));
    let end = Arc::new(AtomicU64::new(u64::MAX));
    let stamps = setup.config.stamps.then(|| setup.tsc.clone());

    // 4 The ring: one lane for each thread; the recorder behind execution.
    let sections = stage_sections();
    let mut builder = RingBuilder::<Slot>::new(setup.config.ring_slots as u64)?;
    builder.first_sequence(setup.first_sequence);
    let mut first_writes = vec![SectionSpec::of::<Input>()];
    let (from, to) = placement.groups()[0];
    first_writes.extend_from_slice(&sections[from..to]);
    let producer_id = builder.producer("sequencer", &first_writes);
    let mut before = producer_id;
    let mut lane_ids = Vec::new();
    for &(from, to) in &placement.groups()[1..] {
        before = builder.lane(&group_name(from, to), &[before], &sections[from..to]);
        lane_ids.push(before);
    }
    let recorder_id = builder.lane("recorder", &[before], &[]);
    let mut built = builder.build()?;
    let execution = built.cursor(before);

    // 5 Approved orders, back to the sequencer's thread. One timer gives each instrument a slot before it drains.
    let (order_sender, order_receiver) = spsc::channel(COMMANDS_MAX * setup.config.instruments_max + 4096);
    let outlet = OrderOutlet::new(OrderEncoder::new(), setup.host, order_sender, Arc::clone(&outlet_counters));
    let mut hand = Hand::new(setup.stages, outlet);

    // 2 The sequencer's thread, with the first group.
    let first_group = (from < to).then(|| hand.deal(from, to, stamps.clone()));
    let watermark = setup.live.then(|| {
        let slots = setup.config.ring_slots as u64 * u64::from(setup.config.watermark_percent) / 100;
        (slots.max(1), Patience::new(setup.tsc.clone()))
    });
    let producer = built.take_producer();
    let sequencer = Sequencer::new(producer, first_group, execution, wait, Arc::clone(&gate), watermark);

    // 3 Stage threads.
    let mut stage_threads = Vec::new();
    for (index, (&(from, to), id)) in placement.groups()[1..].iter().zip(lane_ids).enumerate() {
        let name = group_name(from, to);
        let Some(lane) = built.take_lane(id) else { continue };
        let group = hand.deal(from, to, stamps.clone());
        let (end, core) = (Arc::clone(&end), core_of.get(index + 1).copied());
        let thread = thread::Builder::new()
            .name(name.clone())
            .spawn(move || run_stages(lane, group, wait, &end, core))
            .map_err(|source| TopologyError::Spawn { name, source })?;
        stage_threads.push(thread);
    }

    // 6 The recorder.
    let Some(lane) = built.take_lane(recorder_id) else {
        return Err(TopologyError::Spawn {
            name: "recorder".to_owned(),
            source: std::io::Error::other("its lane is gone"),
        });
    };
    let recorder_setup = RecorderSetup {
        journal: setup.journal,
        durability: setup.durability,
        durable: Arc::clone(&durable),
        gate: Arc::clone(&gate),
        tsc: setup.tsc,
        // The recorder must not take a core from the hot threads on a small machine.
        wait: WaitStrategy::SpinPark,
        end: Arc::clone(&end),
        shared: setup.shared,
        ticks: setup.ticks,
        live: setup.live,
    };
    let recorder = Recorder::new(lane, recorder_setup);
    let recorder_core = setup.config.recorder_core;
    let recorder = thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || {
            if let Some(core) = recorder_core
                && let Err(error) = cores::pin_current(core, "recorder")
            {
                tracing::warn!("{error}");
            }
            recorder.run()
        })
        .map_err(|source| TopologyError::Spawn { name: "recorder".to_owned(), source })?;

    Ok(Started {
        sequencer,
        orders: order_receiver,
        gate,
        outlet: outlet_counters,
        durable,
        stamps,
        placement,
        wait,
        sequencer_core: core_of.first().copied(),
        end,
        stage_threads,
        recorder,
    })
}

/// What is left to do when the sequencer has published its last input.
pub struct Finish {
    end: Arc<AtomicU64>,
    stage_threads: Vec<JoinHandle<Result<(), CoreError>>>,
    recorder: JoinHandle<(View, Option<JournalError>)>,
}

/// What the sequencer's thread works with.
pub struct Front {
    /// The producer's end, with the first group of stages.
    pub sequencer: Sequencer,
    /// Approved orders from the execution stage.
    pub orders: spsc::Receiver<Outgoing>,
    /// Sequence up to which orders may take effect.
    pub durable: Arc<AtomicU64>,
}

impl Started {
    /// Splits into what the sequencer's thread works with and what remains to be joined.
    pub fn split(self) -> (Front, Finish) {
        (
            Front { sequencer: self.sequencer, orders: self.orders, durable: self.durable },
            Finish { end: self.end, stage_threads: self.stage_threads, recorder: self.recorder },
        )
    }
}

impl Finish {
    /// Tells all threads that `last` is the last sequence, and waits for them.
    ///
    /// # Errors
    /// A thread that could not be pinned or panicked, in words.
    pub fn join(self, last: Sequence) -> (View, Option<String>) {
        self.end.store(last, Ordering::Release);
        let mut trouble = None;
        for thread in self.stage_threads {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => trouble = Some(error.to_string()),
                Err(_) => {
                    trouble = Some("a stage thread panicked".to_owned());
                }
            }
        }
        match self.recorder.join() {
            Ok((view, error)) => (view, trouble.or_else(|| error.map(|e| e.to_string()))),
            Err(_) => (View::default(), Some("the recorder thread panicked".to_owned())),
        }
    }
}

/// The cores of the hot threads, checked: one for each, all there, none twice (the recorder's counts too).
///
/// # Errors
/// [`TopologyError`].
pub fn checked_cores(
    config: &TopologyConfig,
    placement: &Placement,
    allowed: &[usize],
) -> Result<Vec<usize>, TopologyError> {
    if !config.cores.is_empty() && config.cores.len() != placement.threads() {
        return Err(TopologyError::CoreCount {
            given: config.cores.len(),
            placement: placement.to_string(),
            threads: placement.threads(),
        });
    }
    let mut all = config.cores.clone();
    all.extend(config.recorder_core);
    cores::check_cores(&all, allowed)?;
    Ok(config.cores.clone())
}

fn group_name(from: usize, to: usize) -> String {
    StageName::ALL[from..to].iter().map(|s| s.name()).collect::<Vec<_>>().join("+")
}

/// A stage thread's life: take what is there, in batches, until the last sequence is done.
fn run_stages(
    mut lane: Lane<Slot>,
    mut group: Box<dyn super::group::StageGroup>,
    wait: WaitStrategy,
    end: &AtomicU64,
    core: Option<usize>,
) -> Result<(), CoreError> {
    let pinned = core.map_or(Ok(()), |core| cores::pin_current(core, thread::current().name().unwrap_or("stage")));
    let mut waiter = Waiter::new(wait);
    loop {
        let ready = lane.ready();
        if ready == 0 {
            // Asked only when there is nothing to do.
            if lane.sequence() >= end.load(Ordering::Acquire) {
                return pinned;
            }
            waiter.idle();
            continue;
        }
        waiter.reset();
        // Small batches: downstream stages and the look-ahead wait for what is published.
        lane.advance(ready.min(32), |slot| group.run(slot));
    }
}
