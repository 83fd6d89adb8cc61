//! Edge: who may release what, kills from many threads at once, the signal, and how fast the gate closes.

use super::*;
use KillScope::{Host, Instrument, Strategy, Venue};
use hdrhistogram::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

fn switch() -> (Arc<Gate>, KillSwitch) {
    let gate = Arc::new(Gate::new(4));
    (Arc::clone(&gate), KillSwitch::new(gate))
}

#[test]
fn a_kill_is_on_record_and_stays_until_a_person_releases_that_very_kill() {
    let (gate, switch) = switch();
    let act = switch.kill(Host, "ada", "looks wrong", 10);
    assert!(!gate.lets_new_order_pass());
    assert_eq!((act.number, act.who.as_str(), act.reason.as_str(), act.at), (1, "ada", "looks wrong", 10));
    switch.kill(Host, "grace", "still looks wrong", 11);
    let refused = |result: Result<Act, ReleaseError>, part: &str| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
        assert!(!gate.lets_new_order_pass());
    };
    refused(switch.release(Host, 2, "", "fixed", 12), "needs the name of a person and a reason");
    refused(switch.release(Host, 2, "ada", " \n", 12), "needs the name of a person and a reason");
    refused(switch.release(Host, 1, "ada", "fixed", 12), "the kill of host is number 2, not 1");
    refused(switch.release(Host, 3, "ada", "fixed", 12), "the kill of host is number 2, not 3");
    refused(switch.release(Strategy(0), 1, "ada", "fixed", 12), "strategy 0 is not killed");
    assert_eq!(switch.standing().iter().map(|act| act.number).collect::<Vec<_>>(), [2]);
    let released = switch.release(Host, 2, "ada", "fixed", 13).unwrap();
    assert!(gate.lets_new_order_pass() && switch.standing().is_empty());
    assert_eq!(
        serde_json::to_value(&released).unwrap(),
        serde_json::json!({"scope": "host", "kill": false, "number": 2, "who": "ada", "reason": "fixed", "at": 13})
    );
    assert_eq!(switch.history().iter().map(|act| act.kill).collect::<Vec<_>>(), [true, true, false]);
    assert!(matches!(switch.release(Host, 2, "ada", "fixed", 14), Err(ReleaseError::NotKilled(Host))));
}

#[test]
fn scopes_stand_beside_each_other() {
    let (gate, switch) = switch();
    let sim = VenueKind::Simulated;
    switch.kill(Instrument(InstrumentId(1)), "ada", "halted at the exchange", 1);
    switch.kill(Venue(sim), "ada", "maintenance", 2);
    switch.kill(Instrument(InstrumentId(99)), "ada", "no such instrument", 3);
    let standing: Vec<String> = switch.standing().iter().map(|act| act.scope.to_string()).collect();
    assert_eq!(standing, ["host", "venue SIM", "instrument 1"], "what has no room closes the host");
    switch.release(Host, 1, "ada", "seen", 4).unwrap();
    assert!(!gate.lets_pass(InstrumentId(0), sim, 0));
    switch.release(Venue(sim), 1, "ada", "over", 5).unwrap();
    assert!(gate.lets_pass(InstrumentId(0), sim, 0) && !gate.lets_pass(InstrumentId(1), sim, 0));
}

#[test]
fn the_scope_of_a_command() {
    let check = |scope, id, instrument, expected| assert_eq!(KillScope::of(scope, id, instrument), expected);
    let none = InstrumentId::NONE;
    check(Some(Scope::Host), 0, none, Host);
    check(Some(Scope::Venue), 6, none, Venue(VenueKind::Simulated));
    check(Some(Scope::Instrument), 0, InstrumentId(3), Instrument(InstrumentId(3)));
    check(Some(Scope::Strategy), 5, none, Strategy(5));
    // Nothing that is known: the host.
    check(Some(Scope::Venue), 0, none, Host);
    check(Some(Scope::Venue), 262, none, Host);
    check(Some(Scope::Instrument), 0, none, Host);
    check(None, 0, InstrumentId(3), Host);
}

#[test]
fn the_history_is_bounded_and_texts_are_cut() {
    let (_, switch) = switch();
    for at in 0..(HISTORY as i64 + 10) {
        switch.kill(Host, "ada", &"é".repeat(1000), at);
    }
    let history = switch.history();
    assert_eq!((history.len(), history[0].at), (HISTORY, 10));
    assert_eq!(history[0].reason.len(), TEXT_BYTES);
}

#[test]
fn a_release_races_with_kills_and_never_opens_over_one() {
    let (gate, switch) = switch();
    let (releasing, over) = (AtomicU32::new(0), AtomicBool::new(false));
    let (mut releases, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let act = switch.kill(Host, "thread", "race", 0);
                    // Open again so soon: then by somebody who had seen this kill, or a later one.
                    if !gate.is_scope_killed(Host) {
                        assert!(releasing.load(Ordering::Acquire) >= act.number, "opened over kill {}", act.number);
                    }
                    std::thread::yield_now();
                }
                over.store(true, Ordering::Release);
            });
        }
        while !over.load(Ordering::Acquire) {
            let Some(standing) = switch.standing().pop() else { continue };
            releasing.store(standing.number, Ordering::Release);
            match switch.release(Host, standing.number, "ada", "race", 0) {
                Ok(_) => releases += 1,
                Err(_) => refused += 1,
            }
        }
    });
    assert_eq!(gate.kills(Host), 40_000);
    assert!(releases > 0, "no release came through: the race was none");
    println!("40000 kills by two threads: {releases} releases, {refused} refused for a newer kill");
    let standing = switch.standing();
    assert_eq!(gate.is_scope_killed(Host), !standing.is_empty(), "the record and the gate agree in the end");
    if let Some(last) = standing.first() {
        assert_eq!(last.number, 40_000);
    }
}

#[test]
fn the_signal_closes_the_gate_and_is_put_on_record() {
    let (gate, switch) = switch();
    let id = switch.listen().unwrap();
    assert_eq!(switch.absorb_signal(1), None);
    signal_hook::low_level::raise(SIGNAL).unwrap();
    assert!(!gate.lets_new_order_pass(), "closed by the handler, before anybody looked");
    assert_eq!(gate.kills(Host), 0);
    let act = switch.absorb_signal(2).unwrap();
    assert_eq!((act.who.as_str(), act.reason.as_str(), act.number), ("signal", "SIGUSR2", 1));
    assert!(!gate.lets_new_order_pass());
    assert_eq!(switch.absorb_signal(3), None);
    switch.release(Host, 1, "ada", "a drill", 4).unwrap();
    assert!(gate.lets_new_order_pass());
    signal_hook::low_level::unregister(id);
}

/// One thread sets the switch, another asks the gate as fast as it can: how long from the flag to the first refusal, and
/// that no order passes once the kill is visible.
#[test]
fn a_million_kills_under_load() {
    const TRIALS: u64 = 1_000_000;
    let (gate, switch) = switch();
    let clock = quanta::Clock::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Lets the other thread run where it has no core of its own, which on a busy machine is often.
    let wait = |spins: &mut u32| {
        *spins += 1;
        if cores < 2 || spins.is_multiple_of(1_000) { std::thread::yield_now() } else { std::hint::spin_loop() }
    };
    // Number of the trial that: the asker is ready for, was set (raw time beside it), was told, was refused.
    let (asking, set_at, told, refused) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let broken = AtomicBool::new(false);
    let mut nanos = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 3).unwrap();
    let (mut passes, mut leaked) = (0u64, 0u64);
    // What the machine itself does to a thread that only reads the clock, in windows as long as a trial.
    let mut hiccups = nanos.clone();
    for _ in 0..TRIALS {
        let (start, mut last, mut gap) = (clock.raw(), clock.raw(), 0);
        while clock.delta_as_nanos(start, last) < 1_000 {
            let now = clock.raw();
            gap = gap.max(clock.delta_as_nanos(last, now));
            last = now;
        }
        hiccups.saturating_record(gap.max(1));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for trial in 1..=TRIALS {
                let mut spins = 0;
                while asking.load(Ordering::Acquire) < trial {
                    wait(&mut spins);
                }
                set_at.store(clock.raw(), Ordering::Relaxed);
                gate.kill();
                told.store(trial, Ordering::Release);
                while refused.load(Ordering::Acquire) < trial {
                    wait(&mut spins);
                }
                // The operator, for the test: the very kill of this trial.
                if gate.release(Host, trial as u32).is_err() {
                    return broken.store(true, Ordering::Release);
                }
            }
        });
        for trial in 1..=TRIALS {
            let mut spins = 0;
            while !gate.lets_new_order_pass() && !broken.load(Ordering::Acquire) {
                wait(&mut spins);
            }
            if broken.load(Ordering::Acquire) {
                break;
            }
            passes += 1;
            asking.store(trial, Ordering::Release);
            loop {
                let visible = told.load(Ordering::Acquire) == trial;
                if gate.lets_new_order_pass() {
                    passes += 1;
                    leaked += u64::from(visible);
                    wait(&mut spins);
                } else {
                    break;
                }
            }
            let seen = clock.raw();
            // Refused once, refused until it is released.
            leaked += (0..3).filter(|_| gate.lets_new_order_pass()).count() as u64;
            let spent = clock.delta_as_nanos(set_at.load(Ordering::Relaxed), seen);
            nanos.saturating_record(spent.max(1));
            refused.store(trial, Ordering::Release);
        }
    });
    drop(switch);
    println!(
        "{TRIALS} kills while {passes} orders were asked for: flag to closed gate p50 {} ns, p99.9 {} ns, p99.99 {} ns, max {} ns; \
         {leaked} passed after it was visible. A thread alone is held up p99.9 {} ns, p99.99 {} ns, max {} ns here",
        nanos.value_at_quantile(0.5),
        nanos.value_at_quantile(0.999),
        nanos.value_at_quantile(0.9999),
        nanos.max(),
        hiccups.value_at_quantile(0.999),
        hiccups.value_at_quantile(0.9999),
        hiccups.max(),
    );
    assert_eq!((nanos.len(), leaked), (TRIALS, 0));
    assert!(passes >= TRIALS, "the asker was not under load: {passes}");
}
