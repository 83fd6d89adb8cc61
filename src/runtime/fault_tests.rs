//! Edge: tests: a whole live host whose disk fails or stalls: how fast the gate closes, and that nothing acknowledged is lost.

use super::host::{self, Outcome, RunOptions, Running, Source};
use super::playback::{self, Settings};
use super::recorder::View;
use crate::config::{self, Config};
use crate::event::execution::CommandKind;
use crate::event::input::{GateChange, GateReason, InputKind};
use crate::event::report::{ExecType, Report};
use crate::journal::testing::FaultDisk;
use crate::journal::{self, Durability, Entry, Reader};
use crate::venue::sim::latency::Latency;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What `reliability` asks for, and what a machine with other work on its two cores may take on top in a test.
const CLOSED_WITHIN: Duration = Duration::from_millis(50);
const SLACK: Duration = Duration::from_millis(450);

/// A live host on `disk`, fifty times as fast as the wall, which has sent some orders.
fn host(dir: &Path, disk: &Arc<FaultDisk>, durability: Durability) -> (Running, Arc<Mutex<View>>) {
    host_with(dir, disk, durability, |_| {})
}

/// [`host`], differently configured.
fn host_with(
    dir: &Path,
    disk: &Arc<FaultDisk>,
    durability: Durability,
    change: impl FnOnce(&mut Config),
) -> (Running, Arc<Mutex<View>>) {
    let mut config: Config = config::load(None, std::iter::empty()).unwrap().config;
    change(&mut config);
    config.journal.durability = durability;
    config.journal.segment_bytes_market = 1 << 20;
    config.journal.segment_bytes_audit = 1 << 20;
    config.risk.orders.cooldown_ms = 50;
    config.risk.limits.orders_per_window = Some(10_000);
    config.risk.limits.orders_per_window_total = Some(10_000);
    let shared = Arc::new(Mutex::new(View::default()));
    let options = RunOptions {
        journal_dir: Some(dir.to_path_buf()),
        speed: Some(50.0),
        shared: Some(Arc::clone(&shared)),
        start: Some(1_700_000_000_000_000_000),
        ..RunOptions::default()
    };
    let running =
        host::start_with(&config, Source::Generated, options, |dir, config, now| disk.open(dir, config, now)).unwrap();
    until(Duration::from_mins(1), "ten orders", || shared.lock().unwrap().counts.orders >= 10);
    (running, shared)
}

fn until(patience: Duration, what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < patience, "{what}: not within {patience:?}");
        std::hint::spin_loop();
        std::thread::yield_now();
    }
}

/// Sequences of the orders that the venue has acknowledged (accepted or filled), as the journal in `dir` has them.
fn acknowledged(dir: &Path) -> Vec<u64> {
    let mut reader = Reader::open(dir).unwrap();
    let (mut entry, mut found) = (Entry::default(), Vec::new());
    while reader.next(&mut entry).unwrap() {
        if entry.input.kind == InputKind::Report.code() {
            let report = entry.input.payload::<Report>();
            if [ExecType::New.code(), ExecType::Trade.code()].contains(&report.exec_type) {
                found.push(report.client_order_id.sequence());
            }
        }
    }
    found
}

/// After a loss of power at the end of the run: all that had taken effect is there.
fn nothing_acknowledged_is_lost(disk: &FaultDisk, dir: &Path, outcome: &Outcome) -> u64 {
    let left = tempfile::tempdir().unwrap();
    disk.lose_power(dir, left.path());
    let (writer, recovery) = Arc::new(FaultDisk::default()).open(left.path(), &journal::Config::default(), 5).unwrap();
    drop(writer);
    assert!(
        recovery.sequence_last >= outcome.view.durable,
        "orders up to {} took effect, the disk has {}",
        outcome.view.durable,
        recovery.sequence_last
    );
    let mut reader = Reader::audit_only(left.path()).unwrap();
    let (mut entry, mut kept) = (Entry::default(), Vec::new());
    while reader.next(&mut entry).unwrap() {
        kept.push(entry.sequence);
    }
    let acknowledged = acknowledged(dir);
    for order in &acknowledged {
        assert!(kept.binary_search(order).is_ok(), "the order of sequence {order} was acknowledged and is lost");
    }
    acknowledged.len() as u64
}

#[test]
fn a_sync_that_fails_once_closes_the_gate_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultDisk::default());
    disk.remembers.store(true, Ordering::SeqCst);
    let (running, shared) = host(dir.path(), &disk, Durability::Synced);
    disk.broken.store(true, Ordering::SeqCst);
    let gate = Arc::clone(&running.gate);
    until(Duration::from_secs(10), "the gate closes", || gate.is_journal_faulted());
    let closed = disk.faulty_since.lock().unwrap().unwrap().elapsed();
    assert!(!gate.lets_new_order_pass(), "the disk says that all is well again, and is not believed");
    let sequence = shared.lock().unwrap().sequence;
    let outcome = running.wait().unwrap();
    let error = outcome.problems.fatal.clone().unwrap();
    assert!(error.text.contains("sync") && error.text.contains(".seg"), "{error}");
    assert_eq!(disk.retried.load(Ordering::SeqCst), 0, "a failed sync is never tried again");
    let bit = 1 << GateReason::JournalFault.code();
    assert_eq!(outcome.view.gate & bit, bit, "the gate says why it is closed: {:#b}", outcome.view.gate);
    let orders = nothing_acknowledged_is_lost(&disk, dir.path(), &outcome);
    assert!(orders > 0);
    println!(
        "sync failed: gate closed {:.3} ms after; {} inputs in all, about {} behind the fault; {} orders of {} gated, {orders} acknowledgements whole",
        closed.as_secs_f64() * 1e3,
        outcome.view.sequence,
        outcome.view.sequence - sequence.min(outcome.view.sequence),
        outcome.gated,
        outcome.view.counts.orders
    );
    assert!(closed < CLOSED_WITHIN + SLACK, "{closed:?}");
}

/// The way to the venue takes so long here that the ring is full long before an order that is under way arrives: whatever
/// reaches the venue while the disk does not answer gets there while the sequencer waits for room. With a closed gate that
/// can only be cancels.
#[test]
fn cancels_reach_the_venue_while_the_ring_is_full_behind_a_sync_that_stalls() {
    const WAY: Duration = Duration::from_secs(20);
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultDisk::default());
    let (running, _) = host_with(dir.path(), &disk, Durability::Synced, |config| {
        config.sim.latency.entry = Latency::Constant { ns: WAY.as_nanos() as i64 };
        config.topology.ring_slots = 64;
        config.risk.orders.style = crate::risk::config::Style::OwnBest;
    });
    let (gate, arrived) = (Arc::clone(&running.gate), || running.progress.orders_arrived.load(Ordering::SeqCst));
    let (mut delivered, mut stalls) = (0, 0);
    while delivered == 0 {
        stalls += 1;
        assert!(stalls <= 20, "no cancel reached the venue");
        *disk.faulty_since.lock().unwrap() = None;
        disk.stall_ms.store(300, Ordering::SeqCst);
        until(Duration::from_secs(10), "a sync", || disk.faulty_since.lock().unwrap().is_some());
        // The ring fills up, and nobody has lost his patience yet.
        std::thread::sleep(Duration::from_millis(20));
        let before = arrived();
        until(Duration::from_secs(10), "the journal stalls", || gate.is_journal_stalled());
        while gate.is_journal_stalled() {
            let now = arrived();
            if gate.is_journal_stalled() {
                delivered = now - before;
            }
        }
    }
    gate.stop();
    println!("{delivered} cancels reached the venue in stall {stalls}");
    let outcome = running.wait().unwrap();
    assert!(outcome.stalls > 0 && outcome.problems.is_clean(), "{:?}", outcome.problems);
    let report = playback::play(dir.path(), &Settings::Recorded, |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.divergences, report.lost), (0, 0));
}

#[test]
fn a_sync_that_stalls_closes_the_gate_until_it_is_over() {
    const STALL: Duration = Duration::from_secs(2);
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultDisk::default());
    disk.remembers.store(true, Ordering::SeqCst);
    let (running, shared) = host(dir.path(), &disk, Durability::Synced);
    disk.stall_ms.store(STALL.as_millis() as u64, Ordering::SeqCst);
    let gate = Arc::clone(&running.gate);
    until(Duration::from_secs(10), "the gate closes", || gate.is_journal_stalled());
    let since = disk.faulty_since.lock().unwrap().unwrap();
    let closed = since.elapsed();
    assert!(!gate.lets_new_order_pass());
    let gated = gate.blocked();
    until(STALL + Duration::from_secs(20), "the gate opens again", || !gate.is_journal_stalled());
    let opened = since.elapsed();
    assert!(opened >= STALL, "{opened:?}");
    let orders = shared.lock().unwrap().counts.orders;
    until(Duration::from_mins(1), "orders go on", || shared.lock().unwrap().counts.orders > orders + 5);
    gate.stop();
    let outcome = running.wait().unwrap();
    assert!(outcome.problems.is_clean(), "{:?}", outcome.problems);
    let acknowledged = nothing_acknowledged_is_lost(&disk, dir.path(), &outcome);
    // In the record: the gate closed and opened again with its reason, and between the two no new order was made; working
    // ones were cancelled.
    let (mut lag, mut changes, mut inputs, mut news, mut cancels) = (false, Vec::new(), 0u64, 0u64, 0u64);
    let mut delivered = 0u64;
    let report = playback::play(dir.path(), &Settings::Recorded, |slot, _| {
        inputs += u64::from(lag);
        for command in slot.execution.commands() {
            let new = command.kind == CommandKind::New.code();
            news += u64::from(lag && new);
            cancels += u64::from(lag && !new);
        }
        if lag && slot.input.kind == InputKind::Report.code() {
            let exec_type = slot.input.payload::<Report>().exec_type;
            delivered += u64::from([ExecType::Canceled.code(), ExecType::CancelRejected.code()].contains(&exec_type));
        }
        if slot.input.kind == InputKind::Gate.code() {
            let change = slot.input.payload::<GateChange>();
            if change.reason == GateReason::JournalLag.code() {
                lag = change.closed == 1;
                changes.push(lag);
            }
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((report.divergences, report.lost), (0, 0));
    assert!(changes.len() >= 2 && changes[0] && !changes[changes.len() - 1], "{changes:?}");
    assert_eq!(news, 0, "no new order while the gate is closed");
    assert!(journal::verify(dir.path(), &mut |_, _| {}).unwrap().is_clean());
    println!(
        "sync stalled 2 s: gate closed {:.1} ms after its begin, open again after {:.1} ms; {inputs} inputs with a closed gate, {} orders stopped before the wire, {cancels} cancels made, {delivered} answered by the venue; {acknowledged} acknowledgements whole",
        closed.as_secs_f64() * 1e3,
        opened.as_secs_f64() * 1e3,
        outcome.gated - gated,
    );
    assert!(closed < CLOSED_WITHIN + SLACK, "{closed:?}");
}
