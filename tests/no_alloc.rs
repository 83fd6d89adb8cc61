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
        ticks: None,
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
        statement_interval: 1_000_000_000,
        timer_interval: config.host.timer_interval(),
        wait: started.wait,
        reader_names: vec![("generated".to_owned(), "message")],
        commands: None,
    };
    let latency = LatencyModel::new(&config.sim.latency).unwrap();
    let (front, finish) = started.split();
    let side = VenueSide::new(front.orders, Exchange::Generated(Box::new(generator)), latency, front.durable, 16);
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

/// The figures of the risk room: rows close, exposures change, orders are asked for, sizes are cut, breakers open and close.
#[test]
fn the_mathematics_of_risk_allocates_nothing() {
    use tickpath::event::signal::Direction;
    use tickpath::risk::breaker::{self, Breakers, Event, Key};
    use tickpath::risk::portfolio::{Config, Exposure, Portfolio, Tail};
    use tickpath::risk::sizing_models::{self, Ask, SizeRule};
    use tickpath::types::ids::InstrumentId;
    use tickpath::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
    use tickpath::types::price::{Px, Qty};

    let mut portfolio = Portfolio::new(&Config { window: 50, samples_min: 20, ..Config::default() }, 8).unwrap();
    let scope = breaker::Limits { rejects_ppm: Some(100_000), orders_min: 2, ..breaker::Limits::default() };
    let config = breaker::Config { venue: Some(scope.clone()), instrument: Some(scope), strategy: None };
    let mut breakers = Breakers::new(&config, 1, 8).unwrap();
    let text = "model = { kind = 'volatility_target' }\n[caps]\nweight_max = 0.5\nband_ppm = 100";
    let rule = SizeRule::new(&toml::from_str::<sizing_models::Config>(text).unwrap()).unwrap();
    let instrument = Instrument {
        id: InstrumentId(0),
        symbol: Symbol::from("TEST").unwrap(),
        venue: VenueKind::Simulated,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 2,
        qty_decimals: 3,
        price_shown: 2,
        qty_shown: 3,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        inferred: false,
    };
    let (mut sized, mut known, mut stopped) = (0, 0, 0);
    let before = allocations();
    for step in 0..2_000i64 {
        let (index, now) = ((step % 8) as usize, step / 8 * 60_000_000_000);
        let mid = 100.0 + (step * 7919 % 31) as f64;
        portfolio.take_mark(index, now, mid);
        portfolio.set_exposure(index, Exposure::new(-mid, mid * 2.0));
        let asked = Exposure::new(-mid, mid * 3.0).unwrap();
        known += u32::from(portfolio.parametric_with(index, asked).is_some());
        known += u32::from(portfolio.historical_at_most(index, asked, Tail { var: 1.0, es: 1.0 }).is_some());
        let ask = Ask {
            direction: Direction::Long,
            confidence: 0.9,
            score: 0.5,
            mid2: 20_000 + i128::from(step),
            volatility: portfolio.volatility(index, Calendar::Crypto),
            equity_e8: Some(1_000_000_000_000),
            drawdown_ppm: None,
            liquidity: None,
            position: 0,
            instrument: &instrument,
        };
        sized += u32::from(rule.target(&ask).is_ok());
        let key = Key { strategy: 0, venue: VenueKind::Simulated, instrument: InstrumentId(index as u32) };
        stopped += u32::from(breakers.check(now, key).is_err());
        breakers.on(now, key, Event::Sent);
        breakers.on(
            now,
            key,
            if step % 3 == 0 { Event::Rejected { sent_at: now } } else { Event::Answered { sent_at: now } },
        );
    }
    assert_eq!(allocations() - before, 0, "sized {sized} known {known} stopped {stopped}");
    assert!(sized > 1_000 && known > 2_000 && stopped > 100, "sized {sized} known {known} stopped {stopped}");
}
