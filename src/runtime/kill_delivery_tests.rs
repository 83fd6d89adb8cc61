//! Edge: tests: a kill against the very place where orders leave: how long from the flag to the last order that still went
//! out, and that none does once the kill is visible; with the journal dead as well, and cancels all the while.

use super::outlet::Outgoing;
use super::venue_side::{Exchange, VenueSide};
use crate::control::gate::{Gate, KillScope};
use crate::control::kill::KillSwitch;
use crate::event::approval::ApprovedOrder;
use crate::event::execution::{CommandKind, ExecutionSection, OrderCommand, OrderType, TimeInForce};
use crate::event::risk::{RiskSection, Verdict};
use crate::ring::spsc;
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::price::{Px, Qty, Side};
use crate::types::time::UnixNanos;
use crate::venue::directory::Directory;
use crate::venue::sim::generator::{Generator, GeneratorConfig};
use crate::venue::sim::latency::{LatencyConfig, LatencyModel};
use crate::venue::sim::recorded::{RecordedConfig, RecordedVenue};
use bytemuck::Zeroable;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const START: UnixNanos = 1_723_161_255_000_000_000;
const TRIALS: u64 = 100_000;

/// The way out, with a venue that follows a recorded market.
struct Way {
    side: VenueSide,
    sender: spsc::Sender<Outgoing>,
    directory: Directory,
    id: u64,
}

impl Way {
    fn new() -> Self {
        let generator = Generator::new(&GeneratorConfig::default(), START, 1, &[]).unwrap();
        let mut directory = Directory::new(16);
        for instrument in generator.instruments() {
            directory.define(instrument).unwrap();
        }
        let exchange = Exchange::Recorded(Box::new(RecordedVenue::new(&RecordedConfig::default(), 16).unwrap()));
        let (sender, receiver) = spsc::channel(16);
        let latency = LatencyModel::new(&LatencyConfig::default()).unwrap();
        let side = VenueSide::new(receiver, exchange, latency, Arc::new(AtomicU64::new(u64::MAX)), 16);
        Self { side, sender, directory, id: 0 }
    }

    /// One order on its way: whether it left.
    fn send(&mut self, kind: CommandKind, gate: &Gate) -> bool {
        self.id += 1;
        let mut risk = RiskSection::zeroed();
        (risk.verdict, risk.side) = (Verdict::Approved.code(), Side::Buy.code());
        (risk.order_type, risk.qty, risk.px) = (OrderType::Limit.code(), Qty(1), Px(1_000));
        let mut execution = ExecutionSection::zeroed();
        execution.commands_len = 1;
        execution.commands[0] = OrderCommand {
            client_order_id: ClientOrderId(self.id),
            px: Px(1_000),
            qty: Qty(1),
            instrument: InstrumentId(0),
            kind: kind.code(),
            side: Side::Buy.code(),
            order_type: OrderType::Limit.code(),
            time_in_force: TimeInForce::Gtc.code(),
        };
        let order = ApprovedOrder::verify(&risk, &execution, 0).unwrap();
        let ts = START + self.id as i64;
        self.sender.try_send(Outgoing { ts, sequence: self.id, order, flatten: false, encoded: true }).unwrap();
        self.side.drain();
        let left = self.side.deliver_order(gate, &self.directory);
        while self.side.take_report().is_some() {}
        left
    }
}

#[test]
fn no_order_leaves_behind_a_kill_and_cancels_do() {
    let (gate, clock, mut way) = (Arc::new(Gate::new(16)), quanta::Clock::new(), Way::new());
    let kill = KillSwitch::new(Arc::clone(&gate));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wait = |spins: &mut u32| {
        *spins = spins.wrapping_add(1);
        if cores < 2 || spins.is_multiple_of(1_000) { std::thread::yield_now() } else { std::hint::spin_loop() }
    };
    let (asking, set_at, told, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let histogram = || Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap();
    let (mut last_byte, mut closed) = (histogram(), histogram());
    let (mut sent, mut leaked, mut cancels) = (0u64, 0u64, 0u64);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for trial in 1..=TRIALS {
                let mut spins = 0;
                while asking.load(Ordering::Acquire) < trial {
                    wait(&mut spins);
                }
                set_at.store(clock.raw(), Ordering::Relaxed);
                kill.kill(KillScope::Host, "the test", "a trial", START);
                told.store(trial, Ordering::Release);
                while refused.load(Ordering::Acquire) < trial {
                    wait(&mut spins);
                }
            }
        });
        for trial in 1..=TRIALS {
            asking.store(trial, Ordering::Release);
            let mut left_at = 0;
            loop {
                let visible = told.load(Ordering::Acquire) == trial;
                if way.send(CommandKind::New, &gate) {
                    left_at = clock.raw();
                    sent += 1;
                    leaked += u64::from(visible);
                } else {
                    break;
                }
            }
            let now = clock.raw();
            let set = set_at.load(Ordering::Relaxed);
            closed.saturating_record(clock.delta_as_nanos(set, now).max(1));
            // An order that left before the flag was set says nothing of how long it took.
            last_byte.saturating_record(if left_at > set { clock.delta_as_nanos(set, left_at).max(1) } else { 1 });
            leaked += u64::from(way.send(CommandKind::New, &gate));
            cancels += u64::from(way.send(CommandKind::Cancel, &gate));
            // The operator, for the test: once the kill is written down.
            let mut spins = 0;
            while told.load(Ordering::Acquire) < trial {
                wait(&mut spins);
            }
            kill.release(KillScope::Host, trial as u32, "ada", "the next trial", START).unwrap();
            refused.store(trial, Ordering::Release);
        }
    });
    // The journal dead as well: the kill closes what is closed already, and cancels go on.
    gate.journal_failed();
    gate.kill();
    assert!(!way.send(CommandKind::New, &gate) && way.send(CommandKind::Cancel, &gate));
    println!(
        "{} kills while {sent} orders left: flag to the last order byte p50 {} ns, p99.99 {} ns, max {} ns; to the first refusal p99.99 {} ns; \
         {leaked} left behind a kill, {cancels} cancels did",
        closed.len(),
        last_byte.value_at_quantile(0.5),
        last_byte.value_at_quantile(0.9999),
        last_byte.max(),
        closed.value_at_quantile(0.9999),
    );
    assert_eq!((leaked, cancels), (0, closed.len()));
    assert!(sent > 0);
}
