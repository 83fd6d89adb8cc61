//! Zero allocations on the hot thread after warm-up: the real loop, fused, with the generated market and its venue on the
//! same thread, counted by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::Arc;
use tickpath::event::input::EpochStart;
use tickpath::runtime::clock::Tsc;
use tickpath::runtime::decoders::AnyDecoder;
use tickpath::runtime::inflow::Inflow;
use tickpath::runtime::recovery::{self, Restored};
use tickpath::runtime::simulation::{Limits, LoopProgress, Simulation, Surroundings};
use tickpath::runtime::topology::{self, TopologySetup};
use tickpath::runtime::venue_side::{Exchange, VenueSide};
use tickpath::venue::directory::Directory;
use tickpath::venue::order_entry::HostTag;
use tickpath::venue::sim::generator::Generator;
use tickpath::venue::sim::latency::LatencyModel;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // While a thread ends, its counter may be gone already.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call is handed on to mimalloc unchanged; counting touches only a thread-local cell without a destructor,
// and allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those of `GlobalAlloc::alloc`.
        unsafe { mimalloc::MiMalloc.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from mimalloc with this layout.
        unsafe { mimalloc::MiMalloc.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `at` came from mimalloc with this layout.
        unsafe { mimalloc::MiMalloc.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    let text = std::hint::black_box(String::from("counted"));
    assert_eq!(allocations() - before, 1, "{text}");
}

#[test]
fn the_hot_thread_allocates_nothing_after_warm_up() {
    let config = tickpath::config::load(None, std::iter::empty()).unwrap().config;
    let start = 1_700_000_000_000_000_000;
    let stages = tickpath::runtime::host::stages(&config).unwrap();
    let generator = Generator::new(&config.sim.generator, start, 1, &[]).unwrap();
    let mut directory = Directory::new(config.topology.instruments_max);
    for instrument in generator.instruments() {
        directory.define(instrument).unwrap();
    }
    let epoch = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
    let opening = recovery::opening(&stages, &Restored::default(), directory.all(), &epoch, config.host.mode, start);
    let mut topology_config = config.topology.clone();
    topology_config.placement = "fused".to_owned();
    let tsc = Tsc::new();
    // With a journal, so that the whole path is there; it is written by the recorder's thread.
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = tickpath::journal::Writer::open(dir.path(), &config.journal, start).unwrap();
    writer.set_epoch(1);
    let started = topology::start(TopologySetup {
        host: HostTag::new("test").unwrap(),
        config: topology_config,
        stages,
        journal: Some(writer),
        durability: config.journal.durability,
        first_sequence: 1,
        live: false,
        shared: None,
        tsc: tsc.clone(),
    })
    .unwrap();
    let around = Surroundings {
        gate: Arc::clone(&started.gate),
        outlet: Arc::clone(&started.outlet),
        progress: Arc::new(LoopProgress::default()),
        stamps: Some(tsc),
        pacer: None,
        limits: Limits { events_max: 60_000, nanos_max: 0 },
        timer_interval: config.host.timer_interval(),
        wait: started.wait,
        reader_names: vec![("generated".to_owned(), "message")],
    };
    let latency = LatencyModel::new(&config.sim.latency).unwrap();
    let (front, finish) = started.split();
    let side = VenueSide::new(front.orders, Exchange::Generated(Box::new(generator)), latency, front.durable);
    let mut simulation =
        Simulation::new(front.sequencer, side, Inflow::generated(), vec![AnyDecoder::generated()], directory, around);
    simulation.begin(&opening);
    let warm = simulation.run();
    let before = allocations();
    simulation.set_limits(Limits { events_max: 260_000, nanos_max: 0 });
    let counts = simulation.run();
    let during = allocations() - before;
    let (view, trouble) = finish.join(simulation.last_sequence());
    assert_eq!(trouble, None);
    assert_eq!(warm.events, 60_000);
    assert_eq!(counts.events, 260_000);
    println!(
        "{during} allocations in {} messages ({} inputs), {} orders and cancels, {} fills",
        counts.events - warm.events,
        counts.inputs - warm.inputs,
        counts.orders_arrived - warm.orders_arrived,
        view.counts.fills
    );
    assert!(counts.orders_arrived > warm.orders_arrived, "orders were part of it");
    assert_eq!(during, 0);
}
