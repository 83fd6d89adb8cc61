//! Edge: the table is total, each row does what the contract says, and random streams of events against a slow oracle.

use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Reading {
    Reading { steady: seconds * SECONDS, wall: 1_000 + seconds * SECONDS }
}

#[test]
fn the_table_has_a_row_for_every_state_and_a_column_for_every_trigger() {
    assert_eq!((TABLE.len(), TRIGGERS), (State::ALL.len(), Trigger::ALL.len()));
    for (row, &state) in TABLE.iter().zip(State::ALL) {
        assert_eq!(row.0, state);
    }
    for (index, trigger) in Trigger::ALL.iter().enumerate() {
        assert_eq!(trigger.code() as usize, index + 1);
    }
}

#[test]
fn the_table_keeps_the_contract() {
    for &trigger in Trigger::ALL {
        let out = next(S::Halted, trigger);
        assert_eq!(out == Move::Settle, trigger == Trigger::Unhalt, "only the end of the halt leads out of HALTED");
        let out = next(S::Error, trigger);
        let leaves = matches!(trigger, Trigger::Recover | Trigger::BackedOff | Trigger::Halt);
        assert_eq!(out != Move::Stay, leaves, "{trigger} out of ERROR");
    }
    for &state in State::ALL {
        let halts = next(state, Trigger::Halt) == HA || state == S::Halted;
        assert!(halts, "the kill switch halts from {state}");
        assert!(!TABLE.iter().any(|row| row.1.contains(&Move::To(S::Ready))), "READY is only settled into");
    }
}

/// A machine that is READY at second 0.
fn ready() -> Machine {
    let mut machine = Machine::new(Backoff::default(), at(0));
    machine.data(true, at(0), "feed", "first tick");
    machine.started(at(0), "host", "reconciled");
    assert_eq!(machine.state(), S::Ready);
    machine
}

#[test]
fn the_ways_of_the_contract() {
    let check = |steps: &[(&str, State)]| {
        let mut machine = Machine::new(Backoff::default(), at(0));
        for (n, &(step, expected)) in steps.iter().enumerate() {
            let now = at(n as i64);
            match step {
                "started" => machine.started(now, "host", ""),
                "fresh" => machine.data(true, now, "feed", ""),
                "stale" => machine.data(false, now, "feed", ""),
                "halt" => machine.halt(true, now, "file", ""),
                "unhalt" => machine.halt(false, now, "file", ""),
                "fault" => machine.fault(now, "gateway", ""),
                "degrade" => machine.degrade(now, "ada", ""),
                "recover" => machine.recover(now, "ada", "").unwrap(),
                "halted" => assert_eq!(machine.recover(now, "ada", ""), Err(RecoverRefusal::Halted)),
                "init" => assert_eq!(machine.recover(now, "ada", ""), Err(RecoverRefusal::Init)),
                "no data" => assert_eq!(machine.recover(now, "ada", ""), Err(RecoverRefusal::Stale)),
                "backing off" => {
                    assert!(matches!(machine.recover(now, "ada", ""), Err(RecoverRefusal::Backoff { .. })));
                }
                "tick" => machine.tick(now),
                other => panic!("{other}?"),
            }
            assert_eq!(machine.state(), expected, "{step}, step {n} of {steps:?}");
            assert_eq!(machine.gate_reasons() == 0, machine.state() == S::Ready, "{step}, step {n} of {steps:?}");
        }
    };
    use S::{Degraded, Error, Halted, Init, Ready};
    check(&[("init", Init), ("fresh", Init), ("started", Ready), ("recover", Ready)]);
    check(&[("started", Degraded), ("no data", Degraded), ("fresh", Ready), ("stale", Degraded), ("fresh", Ready)]);
    check(&[("fresh", Init), ("started", Ready), ("degrade", Degraded), ("fresh", Degraded), ("recover", Ready)]);
    check(&[("fresh", Init), ("started", Ready), ("halt", Halted), ("halted", Halted), ("unhalt", Ready)]);
    check(&[("halt", Halted), ("started", Halted), ("fresh", Halted), ("halted", Halted), ("unhalt", Ready)]);
    check(&[("halt", Halted), ("unhalt", Init), ("fresh", Init), ("started", Ready)]);
    check(&[("fresh", Init), ("started", Ready), ("halt", Halted), ("stale", Halted), ("unhalt", Degraded)]);
    check(&[("fresh", Init), ("started", Ready), ("fault", Error), ("tick", Ready), ("fault", Error), ("tick", Error)]);
    check(&[("fresh", Init), ("fault", Error), ("init", Error), ("tick", Init), ("started", Ready)]);
    check(&[("fresh", Init), ("started", Ready), ("fault", Error), ("fault", Error), ("backing off", Error)]);
    check(&[("fresh", Init), ("started", Ready), ("fault", Error), ("recover", Ready)]);
    check(&[
        ("fresh", Init),
        ("started", Ready),
        ("fault", Error),
        ("stale", Error),
        ("no data", Error),
        ("tick", Degraded),
    ]);
    check(&[
        ("fresh", Init),
        ("started", Ready),
        ("fault", Error),
        ("halt", Halted),
        ("unhalt", Error),
        ("tick", Ready),
    ]);
    check(&[
        ("fresh", Init),
        ("started", Ready),
        ("halt", Halted),
        ("fault", Halted),
        ("tick", Halted),
        ("unhalt", Ready),
    ]);
}

#[test]
fn the_backoff_doubles_to_a_minute_and_starts_again_after_a_stable_time() {
    let seconds: Vec<i64> = (1..=9).map(|n| Backoff::default().of(n) / SECONDS).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!((Backoff::default().of(0), Backoff::default().of(u32::MAX)), (SECONDS, 60 * SECONDS));

    let mut machine = ready();
    let mut now = 0;
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        machine.fault(at(now), "gateway", "it broke");
        assert_eq!(machine.backoff_left(at(now)), Some(expected * SECONDS));
        machine.tick(Reading { steady: at(now + expected).steady - 1, wall: 0 });
        assert_eq!(machine.state(), S::Error, "a nanosecond too early");
        now += expected;
        machine.tick(at(now));
        assert_eq!(machine.state(), S::Ready);
        now += 299;
    }
    now += 1;
    machine.fault(at(now), "gateway", "it broke");
    assert_eq!(machine.backoff_left(at(now)), Some(SECONDS), "300 s without a fault");
    // A steady clock that runs backward is no stable time, and ends no back-off.
    machine.tick(at(now - 1000));
    assert_eq!(machine.state(), S::Error);
}

#[test]
fn the_history_is_bounded_and_says_who_and_why() {
    let mut machine = ready();
    for n in 0..100 {
        machine.halt(n % 2 == 0, at(n), "grace", "drill");
    }
    assert_eq!(machine.history().len(), HISTORY);
    let last = machine.history().next_back().unwrap();
    assert_eq!((last.from, last.to, last.trigger, last.at), (S::Halted, S::Ready, Trigger::Unhalt, at(99)));
    assert_eq!((last.who.as_str(), last.reason.as_str()), ("grace", "drill"));
    assert_eq!(machine.since(), at(99));
    assert_eq!(
        serde_json::to_value(last).unwrap(),
        serde_json::json!({"from": "HALTED", "to": "READY", "trigger": "halt_over",
            "at": {"steady": 99 * SECONDS, "wall": 1_000 + 99 * SECONDS}, "who": "grace", "reason": "drill"})
    );
}

#[test]
fn the_gate_hears_each_change_once_and_closing_first() {
    let bits = |reasons: &[GateReason]| reasons.iter().fold(0, |bits, r| bits | 1 << r.code());
    let before = bits(&[GateReason::NotReady, GateReason::MarketDataStale]);
    let after = bits(&[GateReason::MarketDataStale, GateReason::Halt]);
    let changes: Vec<_> = gate_changes(before, after).collect();
    assert_eq!(changes, [(GateReason::Halt, true), (GateReason::NotReady, false)]);
    assert_eq!(gate_changes(after, after).count(), 0);
}

/// What may happen, with the seconds that pass before it.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Started,
    Data(bool),
    Halt(bool),
    Fault,
    Degrade,
    Recover,
    Tick,
}

fn stream() -> impl Strategy<Value = Vec<(i64, Happens)>> {
    let happens = prop_oneof![
        1 => Just(Happens::Started),
        4 => any::<bool>().prop_map(Happens::Data),
        3 => any::<bool>().prop_map(Happens::Halt),
        2 => Just(Happens::Fault),
        1 => Just(Happens::Degrade),
        4 => Just(Happens::Recover),
        5 => Just(Happens::Tick),
    ];
    // Milliseconds, from none to more than the stable time; sometimes the clock runs backward.
    let pause = prop_oneof![4 => 0..3_000i64, 2 => 3_000..70_000i64, 1 => 290_000..320_000i64, 1 => -2_000..0i64];
    proptest::collection::vec((pause, happens), 1..120)
}

/// The slow oracle: knows the whole past, and reads what holds from it again each time.
#[derive(Default)]
struct Oracle {
    past: Vec<(Nanos, Happens)>,
    /// (time of the fault, its back-off, when it was ended).
    faults: Vec<(Nanos, Nanos, Option<Nanos>)>,
    degraded: bool,
}

impl Oracle {
    fn last<T>(&self, of: impl Fn(&Happens) -> Option<T>) -> Option<T> {
        self.past.iter().rev().find_map(|(_, h)| of(h))
    }
    fn started(&self) -> bool {
        self.past.iter().any(|(_, h)| matches!(h, Happens::Started))
    }
    fn fresh(&self) -> bool {
        self.last(|h| if let Happens::Data(fresh) = h { Some(*fresh) } else { None }).unwrap_or(false)
    }
    fn halted(&self) -> bool {
        self.last(|h| if let Happens::Halt(on) = h { Some(*on) } else { None }).unwrap_or(false)
    }
    /// Whether a fault holds; only the newest counts.
    fn open_fault(&self) -> Option<(Nanos, Nanos)> {
        self.faults.last().filter(|f| f.2.is_none()).map(|f| (f.0, f.1))
    }
    fn end_fault(&mut self, now: Nanos) {
        if let Some(fault) = self.faults.last_mut() {
            fault.2 = fault.2.or(Some(now));
        }
    }
    fn step(&mut self, now: Nanos, happens: Happens) -> Option<bool> {
        self.past.push((now, happens));
        match happens {
            Happens::Fault => {
                // Faults in a row: count back to the last stable time.
                let stable = self.faults.last().and_then(|f| f.2).is_some_and(|over| now - over >= 300 * SECONDS);
                let before = if stable { 0 } else { self.faults.last().map_or(0, |f| f.1 / SECONDS) };
                let seconds = if before == 0 { 1 } else { (before * 2).min(60) };
                self.faults.push((now, seconds * SECONDS, None));
            }
            Happens::Degrade => self.degraded = true,
            Happens::Recover => {
                let backed_off = self.open_fault().is_none_or(|(at, span)| now - at >= span);
                let good = !self.halted() && self.started() && self.fresh() && backed_off;
                if good {
                    self.degraded = false;
                    self.end_fault(now);
                }
                return Some(good);
            }
            Happens::Tick if self.open_fault().is_some_and(|(at, span)| now - at >= span) => self.end_fault(now),
            _ => {}
        }
        None
    }
    fn state(&self) -> State {
        if self.halted() {
            S::Halted
        } else if self.open_fault().is_some() {
            S::Error
        } else if !self.started() {
            S::Init
        } else if !self.fresh() || self.degraded {
            S::Degraded
        } else {
            S::Ready
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn random_streams_agree_with_the_oracle(stream in stream()) {
        let mut machine = Machine::new(Backoff::default(), at(0));
        let mut oracle = Oracle::default();
        let mut now = 0i64;
        for (pause, happens) in stream {
            now += pause * 1_000_000;
            let reading = Reading { steady: now, wall: 7 };
            let before = machine.state();
            let open = oracle.open_fault();
            let recovered = oracle.step(now, happens);
            match happens {
                Happens::Started => machine.started(reading, "host", ""),
                Happens::Data(fresh) => machine.data(fresh, reading, "feed", ""),
                Happens::Halt(on) => machine.halt(on, reading, "file", ""),
                Happens::Fault => machine.fault(reading, "gateway", ""),
                Happens::Degrade => machine.degrade(reading, "ada", ""),
                Happens::Recover => prop_assert_eq!(Some(machine.recover(reading, "ada", "").is_ok()), recovered),
                Happens::Tick => machine.tick(reading),
            }
            let after = machine.state();
            prop_assert_eq!(after, oracle.state(), "{:?}", happens);
            if before == S::Halted && after != S::Halted {
                prop_assert!(matches!(happens, Happens::Halt(false)), "HALTED was left by {:?}", happens);
            }
            if before == S::Error && !matches!(after, S::Error | S::Halted) {
                let (at, span) = open.unwrap();
                prop_assert!(now - at >= span, "ERROR was left before its back-off");
            }
            prop_assert_eq!(machine.gate_reasons() == 0, after == S::Ready);
            if before != after {
                let last = machine.history().next_back().unwrap();
                prop_assert_eq!((last.from, last.to), (before, after));
                prop_assert!(!matches!(next(before, last.trigger), Move::Stay | Move::Refuse), "not in the table");
            }
        }
    }
}
