//! Edge: tests of the venue's side: what reaches the venue while the journal does not answer, and while the ring is full.

use super::clock::Tsc;
use super::inflow::{Inflow, Next};
use super::outlet::Outgoing;
use super::patience::{JOURNAL_PATIENCE_NS, Patience};
use super::sections::stage_sections;
use super::sequencer::{Meanwhile, Sequencer};
use super::simulation::LoopProgress;
use super::venue_ahead::VenueAhead;
use super::venue_side::{Exchange, Losses, VenueSide};
use crate::control::gate::Gate;
use crate::event::approval::ApprovedOrder;
use crate::event::definition::Definition;
use crate::event::execution::{CommandKind, ExecutionSection, OrderCommand, OrderType, TimeInForce};
use crate::event::input::{Input, InputKind, Nothing};
use crate::event::report::{ExecType, Report, VenueReason};
use crate::event::risk::{RiskSection, Verdict};
use crate::event::slot::Slot;
use crate::event::statement::{Statement, Traded};
use crate::ring::builder::RingBuilder;
use crate::ring::lane::Lane;
use crate::ring::section::SectionSpec;
use crate::ring::spsc;
use crate::ring::wait::WaitStrategy;
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side};
use crate::types::time::{MILLIS, UnixNanos};
use crate::venue::directory::Directory;
use crate::venue::sim::generator::{Generator, GeneratorConfig};
use crate::venue::sim::latency::{LatencyConfig, LatencyModel};
use crate::venue::sim::recorded::{RecordedConfig, RecordedVenue};
use bytemuck::Zeroable;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const START: UnixNanos = 1_723_161_255_000_000_000;

/// The sequence up to which the journal has all; it never moves.
const DURABLE: u64 = 5;

/// A venue's side with three orders under way: a new one (1) that the journal has, its cancel (2) and a further new one
/// (3) that it has not.
struct Desk {
    side: VenueSide,
    inflow: Inflow,
    gate: Arc<Gate>,
    directory: Directory,
    progress: LoopProgress,
    tsc: Tsc,
    wall: Arc<AtomicU64>,
    /// The price of all three orders.
    px: i64,
}

fn order(kind: CommandKind, id: u64, px: i64) -> ApprovedOrder {
    let mut risk = RiskSection::zeroed();
    (risk.verdict, risk.side, risk.order_type) = (Verdict::Approved.code(), Side::Buy.code(), OrderType::Limit.code());
    (risk.qty, risk.px) = (Qty(1), Px(px));
    let mut execution = ExecutionSection::zeroed();
    execution.commands_len = 1;
    execution.commands[0] = OrderCommand {
        client_order_id: ClientOrderId(id),
        px: Px(px),
        qty: Qty(1),
        instrument: InstrumentId(0),
        kind: kind.code(),
        side: Side::Buy.code(),
        order_type: OrderType::Limit.code(),
        time_in_force: TimeInForce::Gtc.code(),
    };
    ApprovedOrder::verify(&risk, &execution, 0).unwrap()
}

impl Desk {
    /// One whose first order has reached the venue.
    fn with_a_resting_order(live: bool, recorded: bool) -> Self {
        let mut desk = Self::new(live, recorded);
        assert!(desk.next_order_in_the_loop(), "written: nothing to wait for");
        desk
    }

    fn new(live: bool, recorded: bool) -> Self {
        let generator = Generator::new(&GeneratorConfig::default(), START, 1, &[]).unwrap();
        let mut directory = Directory::new(16);
        for instrument in generator.instruments() {
            directory.define(instrument).unwrap();
        }
        // Low enough to rest.
        let px = generator.levels(InstrumentId(0), Side::Buy).last().unwrap().0.0;
        let exchange = if recorded {
            Exchange::Recorded(Box::new(RecordedVenue::new(&RecordedConfig::default(), 16).unwrap()))
        } else {
            Exchange::Generated(Box::new(generator))
        };
        let (mut sender, receiver) = spsc::channel(16);
        for (kind, id, sequence) in
            [(CommandKind::New, 1, DURABLE), (CommandKind::Cancel, 1, 6), (CommandKind::New, 2, 7)]
        {
            let ts = START + sequence as i64 * 100 * MILLIS;
            let order = order(kind, id, px);
            sender.try_send(Outgoing { ts, sequence, order, flatten: false, encoded: true }).unwrap();
        }
        let (tsc, wall) = Tsc::set_by_hand();
        wall.fetch_add(1_000, Ordering::SeqCst);
        let latency = LatencyModel::new(&LatencyConfig::default()).unwrap();
        let mut side = VenueSide::new(receiver, exchange, latency, Arc::new(AtomicU64::new(DURABLE)), 16)
            .with_patience(live.then(|| Patience::new(tsc.clone())));
        side.drain();
        let gate = Arc::new(Gate::default());
        gate.journal_begins(tsc.read());
        Self { side, inflow: Inflow::generated(), gate, directory, progress: LoopProgress::default(), tsc, wall, px }
    }

    fn stall(&self) {
        self.wall.fetch_add(JOURNAL_PATIENCE_NS + 1_000, Ordering::SeqCst);
    }

    fn ahead(&mut self) -> VenueAhead<'_> {
        VenueAhead {
            side: &mut self.side,
            inflow: &mut self.inflow,
            gate: &self.gate,
            directory: &self.directory,
            progress: &self.progress,
        }
    }

    /// As the loop does it when there is room.
    fn next_order_in_the_loop(&mut self) -> bool {
        let at = self.side.next_order().unwrap();
        while self.side.next_agents().is_some_and(|event| event <= at) {
            self.side.step_agents(&mut self.inflow);
        }
        self.side.deliver_order(&self.gate, &self.directory)
    }

    /// What the venue has said: execution type, reason, the venue's time, the time at which it reaches us.
    fn reports(&mut self) -> Vec<(u8, u8, UnixNanos, UnixNanos)> {
        std::iter::from_fn(|| self.side.take_report())
            .map(|input| {
                let report = input.payload::<Report>();
                (report.exec_type, report.reason, input.ts_event, input.ts_recv)
            })
            .collect()
    }

    /// What the market has published, with the time of its delivery.
    fn frames(&mut self) -> Vec<(UnixNanos, Vec<u8>)> {
        let mut frames = Vec::new();
        while let Next::At(at) = self.inflow.peek() {
            let (frame, block) = self.inflow.take().unwrap();
            frames.push((at, block.bytes[frame.offset as usize..][..frame.len as usize].to_vec()));
        }
        frames
    }
}

const fn said(exec_type: ExecType) -> (u8, u8) {
    (exec_type.code(), 0)
}

#[test]
fn a_journal_that_stalls_stops_new_orders_and_lets_cancels_reach_the_venue() {
    let mut desk = Desk::with_a_resting_order(true, false);
    desk.stall();
    assert!(desk.next_order_in_the_loop(), "the cancel, not written");
    assert!(!desk.next_order_in_the_loop(), "the new order, not written");
    let reports: Vec<_> = desk.reports().iter().map(|r| (r.0, r.1)).collect();
    let gated = (ExecType::Rejected.code(), VenueReason::Gated.code());
    assert_eq!(reports, [said(ExecType::New), said(ExecType::Canceled), gated]);
    assert_eq!((desk.gate.blocked(), desk.gate.is_journal_stalled()), (1, true));
}

/// A ring that stays full until the venue has nothing left to do.
struct Full<'a> {
    ahead: VenueAhead<'a>,
    recorder: Lane<Slot>,
}

impl Meanwhile for Full<'_> {
    fn meanwhile(&mut self) {
        self.ahead.meanwhile();
    }

    fn no_room(&mut self) -> bool {
        let more = self.ahead.no_room();
        if !more {
            assert_eq!(self.recorder.ready(), 4);
            self.recorder.advance(1, |_| {});
        }
        more
    }
}

/// Puts an input into a full ring.
fn put_into_a_full_ring(desk: &mut Desk, live: bool) {
    let mut builder = RingBuilder::<Slot>::new(4).unwrap();
    let mut writes = vec![SectionSpec::of::<Input>()];
    writes.extend_from_slice(&stage_sections());
    let producer = builder.producer("sequencer", &writes);
    let recorder = builder.lane("recorder", &[producer], &[]);
    let mut built = builder.build().unwrap();
    let watermark = live.then(|| (3, Patience::new(desk.tsc.clone())));
    let (execution, lane) = (built.cursor(producer), built.take_lane(recorder).unwrap());
    let gate = Arc::clone(&desk.gate);
    let mut sequencer =
        Sequencer::new(built.take_producer(), None, execution, WaitStrategy::SpinYield, gate, watermark);
    let input = Input::new(InputKind::Timer, SourceId::TIMER, InstrumentId(0), START, &Nothing {});
    let mut full = Full { ahead: desk.ahead(), recorder: lane };
    for sequence in 1..=5 {
        assert_eq!(sequencer.publish_first(&input, &mut full), sequence);
    }
}

#[test]
fn while_the_ring_is_full_the_venue_does_what_the_loop_would_do_next() {
    let mut expected = Desk::with_a_resting_order(true, false);
    expected.stall();
    let passed = [expected.next_order_in_the_loop(), expected.next_order_in_the_loop()];
    assert_eq!(passed, [true, false], "the cancel, the new order");

    let mut desk = Desk::with_a_resting_order(true, false);
    desk.stall();
    put_into_a_full_ring(&mut desk, true);
    assert_eq!(desk.progress.orders_arrived.load(Ordering::Relaxed), 1, "the cancel");
    assert_eq!((desk.side.next_order(), desk.gate.blocked()), (None, 1));
    assert_eq!(desk.reports(), expected.reports());
    assert_eq!(desk.side.next_agents(), expected.side.next_agents());
    let frames = desk.frames();
    assert!(!frames.is_empty());
    assert_eq!(frames, expected.frames());
}

#[test]
fn a_full_ring_delivers_only_what_may_go_and_only_live() {
    // What the journal does → orders that arrived, orders that are still under way.
    let check = |name: &str, live: bool, recorded: bool, stalled: bool, arrived: u64, waiting: bool| {
        let mut desk = Desk::with_a_resting_order(live, recorded);
        if stalled {
            desk.stall();
        }
        put_into_a_full_ring(&mut desk, live);
        assert_eq!(desk.progress.orders_arrived.load(Ordering::Relaxed), arrived, "{name}");
        assert_eq!(desk.side.next_order().is_some(), waiting, "{name}");
        desk
    };
    check("at full speed nothing changes", false, false, true, 0, true);
    check("a recorded market has got no further", true, true, true, 0, true);
    check("stalled: the cancel goes", true, false, true, 1, false);
    check("only busy: what is not written waits", true, false, false, 0, true);
}

/// A journal that is slow, but never at one piece of work for too long, must not hold up a cancel for ever either.
#[test]
fn no_order_waits_longer_than_the_patience_however_many_pieces_of_work_that_is() {
    let mut desk = Desk::new(true, false);
    put_into_a_full_ring(&mut desk, true);
    for _ in 0..3 {
        desk.wall.fetch_add(JOURNAL_PATIENCE_NS / 2, Ordering::SeqCst);
        desk.gate.journal_begins(desk.tsc.read());
        put_into_a_full_ring(&mut desk, true);
    }
    assert!(!desk.gate.is_journal_stalled());
    assert_eq!(desk.progress.orders_arrived.load(Ordering::Relaxed), 2);
}

#[test]
fn what_is_under_way_means_what_it_meant_when_the_scale_becomes_finer() {
    let mut desk = Desk::new(false, true);
    let mut instrument = *desk.directory.get(InstrumentId(0)).unwrap();
    let px = desk.px;
    let define = |desk: &mut Desk, instrument: &Instrument| {
        desk.side.define(7, &Definition::input(instrument, START));
    };
    define(&mut desk, &instrument);
    assert!(desk.side.deliver(true, &desk.gate, &desk.directory), "the new order: refused, since there is no book");
    // Its report is under way to us, the cancel and the other order to the venue.
    (instrument.price_decimals, instrument.qty_decimals) = (instrument.price_decimals + 1, instrument.qty_decimals + 2);
    define(&mut desk, &instrument);
    assert!(desk.side.deliver(true, &desk.gate, &desk.directory), "the cancel");
    // The same again, and another instrument's: nothing changes.
    define(&mut desk, &instrument);
    define(&mut desk, &Instrument { id: InstrumentId(1), price_decimals: 9, ..instrument });
    // What was decided behind the definition (its own slot, or later) is in the finer units already: the other order is.
    assert!(desk.side.deliver(true, &desk.gate, &desk.directory), "the other order");
    let told = std::iter::from_fn(|| desk.side.take_report()).map(|input| input.payload::<Report>().last_px.0);
    assert_eq!(told.collect::<Vec<_>>(), [10 * px, 10 * px, px]);
}

#[test]
fn a_statement_comes_behind_the_reports_of_before_and_holds_up_nothing() {
    let mut desk = Desk::with_a_resting_order(false, false);
    let accepted = desk.side.next_report().unwrap();
    desk.side.ask(START + 5 * 100 * MILLIS);
    let inputs: Vec<_> = std::iter::from_fn(|| desk.side.take_report()).collect();
    let kinds: Vec<_> = inputs.iter().filter_map(|input| Some((input.kind()?, input.instrument))).collect();
    let (all, first) = (InstrumentId::NONE, InstrumentId(0));
    assert_eq!(kinds, [(InputKind::Report, first), (InputKind::Statement, all), (InputKind::Statement, first)]);
    assert!(inputs.iter().all(|input| input.ts_recv == accepted), "no later than the report before them");
    let stated: &Statement = inputs[2].payload();
    assert_eq!(inputs[1].payload::<Statement>().arrived, DURABLE, "the sequence of the order that it took");
    assert_eq!((stated.open.orders, stated.open.open_buy, stated.traded), (1, Qty(1), Traded::default()));
    assert_eq!(inputs[1].payload::<Statement>().open, stated.open);
    assert!(desk.side.deliver(true, &desk.gate, &desk.directory), "the cancel");
    desk.side.ask(START);
    let last = std::iter::from_fn(|| desk.side.take_report()).last().unwrap();
    assert_eq!(last.payload::<Statement>().open.orders, 0);
}

#[test]
fn reports_are_lost_as_configured() {
    let mut lost = 0;
    for seed in 0..200 {
        let losses = Losses { ppm: 250_000, seed };
        let mut desk = Desk::new(false, false);
        desk.side = desk.side.with_losses(losses);
        assert!(desk.next_order_in_the_loop());
        lost += u32::from(desk.side.next_report().is_none());
    }
    assert!((25..75).contains(&lost), "{lost} of 200 lost at a quarter");
}
