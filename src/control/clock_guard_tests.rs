//! Edge: jumps, backward clocks, slow drift, sleep; and that nothing stale ever passes.

use super::*;
use proptest::prelude::*;

const LOOK: Nanos = 100 * MILLIS;
const WALL: UnixNanos = 1_700_000_000 * SECONDS;

/// The machine: true time, and the clocks that it shows.
#[derive(Clone, Debug)]
struct World {
    truth: Nanos,
    now: Reading,
    /// Speed of the wall clock against the truth, in 10⁻⁶.
    ppm: i64,
}

impl World {
    fn new() -> Self {
        Self { truth: 0, now: Reading { steady: 5 * SECONDS, wall: WALL }, ppm: 0 }
    }
    fn pass(&mut self, time: Nanos) {
        self.truth += time;
        self.now.steady += time;
        self.now.wall += time + (i128::from(time) * i128::from(self.ppm) / 1_000_000) as i64;
    }
    /// Time passes with a look every 100 ms; the first fault.
    fn watch(&mut self, guard: &mut ClockGuard, time: Nanos) -> Option<Fault> {
        let mut fault = None;
        for _ in 0..time / LOOK {
            self.pass(LOOK);
            fault = fault.or(guard.observe(self.now));
        }
        fault
    }
}

fn guard(world: &World) -> ClockGuard {
    let mut guard = ClockGuard::new(Limits::default());
    assert!(guard.healthy(world.now, false).is_err(), "not looked yet");
    assert_eq!(guard.observe(world.now), None);
    guard
}

#[test]
fn jumps_and_backward_clocks_are_seen_at_once_and_stand_for_a_minute() {
    let check = |wall: Nanos, steady: Nanos, expected: Option<Fault>, text: &str| {
        let mut world = World::new();
        let mut guard = guard(&world);
        assert_eq!(world.watch(&mut guard, 90 * SECONDS), None);
        guard.healthy(world.now, false).unwrap();
        world.pass(LOOK);
        world.now.wall += wall;
        world.now.steady += steady;
        assert_eq!(guard.observe(world.now), expected, "{wall} {steady}");
        if expected.is_none() {
            guard.healthy(world.now, false).unwrap();
            return;
        }
        assert_eq!(guard.faults(), 1);
        let said = guard.healthy(world.now, false).unwrap_err();
        assert!(said.contains(text), "{said}");
        assert_eq!(world.watch(&mut guard, 59 * SECONDS), None, "one jump is one fault");
        guard.healthy(world.now, false).unwrap_err();
        world.watch(&mut guard, 2 * SECONDS);
        guard.healthy(world.now, false).unwrap();
    };
    let hour = 3600 * SECONDS;
    check(hour, 0, Some(Fault::Jump { by: hour }), "jumped by +3600.000 s");
    check(-hour, 0, Some(Fault::WallBackward { by: hour - LOOK }), "ran backward by 3599.900 s");
    check(-LOOK - 1, 0, Some(Fault::WallBackward { by: 1 }), "ran backward by 0.000 s");
    check(-LOOK, 0, Some(Fault::Jump { by: -LOOK }), "jumped by -0.100 s");
    let jump = Limits::default().jump;
    check(jump, 0, None, "");
    check(-jump, 0, None, "");
    check(jump + 1, 0, Some(Fault::Jump { by: jump + 1 }), "jumped by +0.010 s");
    check(-jump - 1, 0, Some(Fault::Jump { by: -jump - 1 }), "jumped by -0.010 s");
    check(0, -LOOK - 7, Some(Fault::SteadyBackward { by: 7 }), "steady clock ran backward");
    check(0, hour, Some(Fault::Jump { by: -hour }), "jumped by -3600.000 s");
    // The machine slept: both clocks counted on; no fault, but the look was overdue until now.
    check(hour, hour, None, "");
}

#[test]
fn slow_drift_is_seen_and_what_daemons_correct_is_not() {
    let check = |ppm: i64, seen: bool| {
        let mut world = World { ppm, ..World::new() };
        let mut guard = guard(&world);
        let fault = world.watch(&mut guard, 300 * SECONDS);
        assert_eq!(fault.is_some(), seen, "{ppm}: {fault:?}");
        if let Some(fault) = fault {
            let Fault::Drift { ppm: found } = fault else { panic!("{fault:?}") };
            assert!((found - ppm).abs() <= 1, "{found}, not {ppm}");
        }
        assert_eq!(guard.healthy(world.now, false).is_err(), seen, "it stands while it goes on");
    };
    for (ppm, seen) in
        [(0, false), (500, false), (-500, false), (600, false), (700, true), (-700, true), (50_000, true)]
    {
        check(ppm, seen);
    }
    // Steps that are no jump each add up.
    let mut world = World::new();
    let mut guard = guard(&world);
    let fault = (0..100).find_map(|_| {
        world.now.wall += 10 * MILLIS;
        world.watch(&mut guard, SECONDS)
    });
    assert!(matches!(fault, Some(Fault::Drift { .. })), "{fault:?}");
}

#[test]
fn a_guard_that_does_not_look_and_a_clock_without_time_say_no() {
    let mut world = World::new();
    let mut guard = guard(&world);
    world.pass(2 * SECONDS);
    guard.healthy(world.now, false).unwrap();
    world.pass(1);
    assert!(guard.healthy(world.now, false).unwrap_err().contains("not looked at for 2.0 s"));
    let mut early = world.now;
    early.wall = WALL - 1;
    assert!(guard.healthy(early, false).unwrap_err().contains("ran backward"));
    assert_eq!(guard.observe(Reading::NONE), Some(Fault::NoTime));
    assert!(guard.healthy(world.now, false).is_err());
    world.watch(&mut guard, 59 * SECONDS);
    assert!(guard.healthy(world.now, false).unwrap_err().contains("gave no time"));
    world.watch(&mut guard, 2 * SECONDS);
    guard.healthy(world.now, false).unwrap();
    // Readings from the ends of the numbers: an answer, not a panic.
    for wall in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
        for steady in [i64::MIN, i64::MIN + 1, -1, i64::MAX] {
            guard.observe(Reading { steady, wall });
            let _ = guard.healthy(Reading { steady: wall, wall: steady }, true);
        }
    }
}

#[test]
fn utc_is_asked_for_where_it_is_needed() {
    let world = World::new();
    let mut guard = guard(&world);
    guard.healthy(world.now, false).unwrap();
    assert!(guard.healthy(world.now, true).unwrap_err().contains("not read yet"));
    guard.set_sync(Sync {
        state: super::super::clock_sync::SyncState::Synchronised,
        error_max: Some(99_999),
        ..Sync::unknown("test")
    });
    guard.healthy(world.now, true).unwrap();
}

#[test]
fn ages_are_checked() {
    let at = |steady, wall| Reading { steady, wall };
    let check = |now: Reading, then: Reading, expected| assert_eq!(now.age_of(then), expected, "{now:?} {then:?}");
    check(at(10, 110), at(3, 103), Some(7));
    check(at(10, 111), at(3, 103), Some(8));
    check(at(11, 110), at(3, 103), Some(8));
    check(at(10, 102), at(3, 103), None);
    check(at(2, 110), at(3, 103), None);
    check(Reading::NONE, at(3, 103), None);
    check(at(3, 103), Reading::NONE, None);
    check(at(i64::MAX, 5), at(-2, 3), None);
    assert!(at(10, 110).is_fresh(at(3, 103), 7) && !at(10, 110).is_fresh(at(3, 103), 6));
    assert!(!at(10, 110).is_fresh(at(10, 111), i64::MAX));
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(Nanos),
    Tick,
    WallJump(Nanos),
    /// The steady clock stands still while the machine sleeps (one that is no boot-time clock).
    SleepUncounted(Nanos),
    Speed(i64),
    Look,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let hour = 3600 * SECONDS;
    let event = prop_oneof![
        6 => (0..90 * SECONDS).prop_map(Event::Pass),
        4 => (0..300 * MILLIS).prop_map(Event::Pass),
        4 => Just(Event::Tick),
        2 => (-hour..hour).prop_map(Event::WallJump),
        1 => prop_oneof![Just(hour), Just(-hour)].prop_map(Event::WallJump),
        1 => (0..hour).prop_map(Event::SleepUncounted),
        1 => (-600..600i64).prop_map(Event::Speed),
        6 => Just(Event::Look),
    ];
    proptest::collection::vec(event, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Data is fresh only if it is, in true time: whatever the wall clock does while the steady one counts, and whatever
    /// the machine's sleep does while the wall clock is not set back.
    #[test]
    fn nothing_stale_ever_passes(events in events(), sleeps in any::<bool>(), max in 1..60 * SECONDS) {
        let mut world = World::new();
        let mut guard = ClockGuard::new(Limits::default());
        let (mut tick, mut looked) = (None, 0);
        for event in events {
            match event {
                Event::Pass(time) => world.pass(time),
                Event::Tick => tick = Some((world.truth, world.now)),
                // Back to before the tick, forward, by an hour: but while sleep goes uncounted somebody must count.
                Event::WallJump(by) => world.now.wall += if sleeps { by.max(0) } else { by },
                Event::SleepUncounted(time) if sleeps => {
                    world.truth += time;
                    world.now.wall += time;
                }
                Event::SleepUncounted(time) => world.pass(time),
                Event::Speed(ppm) => world.ppm = if sleeps { ppm.max(0) } else { ppm },
                Event::Look => {
                    guard.observe(world.now);
                    looked = world.truth;
                }
            }
            if let Some((at, then)) = tick && world.now.is_fresh(then, max) {
                let age = world.truth - at;
                prop_assert!(age <= max, "{age} ns old passed as at most {max}");
            }
            // What the guard vouches for was looked at not long ago, in true time.
            if guard.healthy(world.now, false).is_ok() {
                prop_assert!(world.truth - looked <= Limits::default().overdue);
            }
        }
    }
}
