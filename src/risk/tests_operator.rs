//! Hot: tests: what operators may do, what it does, and that a restart keeps it.

use super::code;
use super::config::{Config, InstrumentLimits, Limits};
use super::testing::{Bench, NONE, answer, config, instrument, wide};
use crate::event::input::GateReason;
use crate::event::operator::{OperatorAction, OperatorCommand, STRICTER, Scope, ScopeState};
use crate::event::report::ExecType;
use crate::event::risk::{OperatorOutcome, RiskSection, Verdict, marks};
use crate::event::signal::Direction;
use crate::types::ids::InstrumentId;
use crate::types::instrument::VenueKind;
use crate::types::price::{Side, pow10};
use Direction::{Flat, Long, Short};
use OperatorOutcome::{Accepted, NothingStopped, Repeated};
use Verdict::{Approved, CancelAll, Refused};

const E18: i128 = pow10(18) as i128;
const E8: i128 = pow10(8) as i128;
const ID: InstrumentId = InstrumentId(0);

/// Both instruments, and what the first limits of the test are.
fn bench(set: impl FnOnce(&mut Config)) -> Bench {
    let mut config = config(wide());
    set(&mut config);
    Bench::new(&config, &[instrument(0), instrument(1)])
}

/// Fills the whole of the order that was just approved.
fn fill(bench: &mut Bench, section: &RiskSection) -> RiskSection {
    assert_eq!(section.verdict(), Approved, "{section:?}");
    let (id, qty) = (bench.id(), section.qty.0);
    bench.report(0, id, ExecType::Trade, section.side().unwrap(), (qty, qty, 0), section.px.0, 0)
}

fn outcome(section: &RiskSection) -> (OperatorOutcome, i128, i128) {
    (section.outcome(), section.value, section.limit)
}

#[test]
fn a_limit_follows_commands_within_its_ceiling() {
    let mut bench = bench(|c| {
        c.limits.max_position = Some("80".into());
        c.ceilings.max_position = Some("120".into());
    });
    let limit = code::max_position;
    let set = |bench: &mut Bench, old: i128, new: i128, expected| {
        let section = bench.set_limit(NONE, limit, old * E18, new * E18);
        assert_eq!(outcome(&section), expected, "{old} → {new}");
        answer(&bench.ask(0, Long, 99, 101))
    };
    let (ok, differs) = (|a, b| (Accepted, a * E18, b * E18), OperatorOutcome::OldDiffers);
    assert_eq!(set(&mut bench, 70, 100, (differs, 80 * E18, 120 * E18)), (Refused, limit));
    assert_eq!(set(&mut bench, 80, 121, (OperatorOutcome::BeyondCeiling, 80 * E18, 120 * E18)), (Refused, limit));
    assert_eq!(set(&mut bench, 80, -1, (OperatorOutcome::BadValue, 80 * E18, 120 * E18)), (Refused, limit));
    assert_eq!(set(&mut bench, 80, 99, ok(80, 99)), (Refused, limit));
    assert_eq!(set(&mut bench, 99, 100, ok(99, 100)), (Approved, 0));
    // An epoch takes back what was loosened, and keeps what is tighter.
    bench.epoch(2);
    assert_eq!(outcome(&bench.set_limit(NONE, limit, 80 * E18, 50 * E18)), ok(80, 50));
    bench.epoch(3);
    assert_eq!(outcome(&bench.set_limit(NONE, limit, 50 * E18, 50 * E18)), ok(50, 50));
    // Nothing was said of a ceiling: nothing can be loosened.
    let section = bench.set_limit(NONE, code::open_orders, 64, 65);
    assert_eq!(outcome(&section), (OperatorOutcome::BeyondCeiling, 64, 64));
    for unlimited in [code::gate, code::self_trade, 0, 200] {
        assert_eq!(bench.set_limit(NONE, unlimited, 0, 0).outcome(), OperatorOutcome::NoSuchLimit);
    }
}

#[test]
fn a_longer_least_time_is_the_tighter_limit() {
    let mut bench = bench(|c| c.limits.duplicate_window_ms = Some(500));
    let ms = |n: i128| n * 1_000_000;
    assert_eq!(bench.set_limit(NONE, code::duplicate, ms(500), ms(499)).outcome(), OperatorOutcome::BeyondCeiling);
    assert_eq!(bench.set_limit(NONE, code::duplicate, ms(500), ms(600)).outcome(), Accepted);
    assert_eq!(bench.set_limit(NONE, code::duplicate, ms(600), i128::MAX).outcome(), OperatorOutcome::BadValue);
}

#[test]
fn an_instrument_may_have_limits_of_its_own() {
    let mut bench = bench(|c| {
        c.limits.max_position = Some("80".into());
        let own = InstrumentLimits { max_position: Some("100".into()), ..InstrumentLimits::default() };
        c.instruments.insert("TEST.SIM".into(), own.clone());
        c.instruments.insert("LATER".into(), InstrumentLimits { restricted: true, ..own });
    });
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    assert_eq!(answer(&bench.ask(1, Long, 99, 101)), (Approved, 0), "both are called TEST.SIM");
    let later = crate::types::instrument::Instrument {
        symbol: crate::types::instrument::Symbol::from("LATER").unwrap(),
        ..instrument(2)
    };
    bench.define(&later);
    assert_eq!(answer(&bench.ask(2, Long, 99, 101)), (Refused, code::restricted));
    let section = bench.plain(OperatorAction::Unrestrict, InstrumentId(2));
    assert_eq!(section.outcome(), OperatorOutcome::Configured);
    bench.define(&crate::types::instrument::Instrument {
        symbol: crate::types::instrument::Symbol::from("OTHER").unwrap(),
        ..instrument(3)
    });
    assert_eq!(answer(&bench.ask(3, Long, 99, 101)), (Refused, code::max_position));
    // Its own ceiling is what it is configured to have; the host's limit does not move it.
    let section = bench.set_limit(InstrumentId(2), code::max_position, 100 * E18, 90 * E18);
    assert_eq!(outcome(&section), (Accepted, 100 * E18, 90 * E18));
    assert_eq!(bench.set_limit(InstrumentId(2), code::max_position, 90 * E18, 100 * E18).outcome(), Accepted);
    assert_eq!(bench.set_limit(NONE, code::max_position, 80 * E18, 70 * E18).outcome(), Accepted);
    assert_eq!(bench.set_limit(InstrumentId(2), code::max_position, 100 * E18, 100 * E18).outcome(), Accepted);
    assert_eq!(bench.set_limit(InstrumentId(3), code::max_position, 70 * E18, 71 * E18).outcome(), {
        // Its ceiling is the host's configured limit.
        Accepted
    });
    assert_eq!(bench.set_limit(InstrumentId(3), code::max_gross, 0, 0).outcome(), OperatorOutcome::NoSuchLimit);
    assert_eq!(bench.set_limit(InstrumentId(7), code::max_position, 0, 0).outcome(), OperatorOutcome::NoSuchScope);
}

#[test]
fn a_static_reference_can_be_configured() {
    let with = |reference: &str| {
        let mut bench = bench(|c| {
            c.limits.static_collar_ppm = Some(10_000);
            let own = InstrumentLimits { reference_price: Some(reference.into()), ..InstrumentLimits::default() };
            c.instruments.insert("TEST".into(), own);
        });
        answer(&bench.ask(0, Long, 99, 101))
    };
    assert_eq!(with("100"), (Approved, 0));
    assert_eq!(with("98"), (Refused, code::static_collar));
    assert_eq!(with("99.5"), (Refused, super::check::UNKNOWN), "not to be expressed in this instrument's prices");
}

#[test]
fn what_a_program_tightens_never_loosens_what_a_person_set() {
    use ScopeState::{Active, Halted, Reducing};
    for scope in [Scope::Host, Scope::Venue, Scope::Instrument, Scope::Strategy] {
        for (set, wanted, then) in [
            (Active, Reducing, Reducing),
            (Active, Halted, Halted),
            (Reducing, Halted, Halted),
            (Halted, Reducing, Halted),
            (Halted, Halted, Halted),
        ] {
            let mut bench = bench(|_| {});
            let id = if scope == Scope::Instrument { ID } else { NONE };
            let scope_id = if scope == Scope::Venue { u32::from(VenueKind::Simulated.code()) } else { 0 };
            let command = OperatorCommand::new(OperatorAction::SetState, scope, "ann", "test");
            bench.command(id, &OperatorCommand { state: set.code(), scope_id, ..command });
            let tighten = OperatorCommand { state: wanted.code(), scope_id, limit: STRICTER, ..command };
            assert_eq!(bench.command(id, &tighten).outcome(), Accepted);
            assert_eq!(bench.quote(0, 99, 101).trading_state(), then, "{scope}: {set:?}, then {wanted:?}");
        }
    }
}

#[test]
fn reducing_lets_exits_pass_and_halted_cancels() {
    for scope in [Scope::Host, Scope::Venue, Scope::Instrument, Scope::Strategy] {
        let mut bench = bench(|_| {});
        let set = |bench: &mut Bench, state: ScopeState| {
            let id = if scope == Scope::Instrument { ID } else { NONE };
            let scope_id = if scope == Scope::Venue { u32::from(VenueKind::Simulated.code()) } else { 0 };
            let command = OperatorCommand::new(OperatorAction::SetState, scope, "ann", "test");
            bench.command(id, &OperatorCommand { state: state.code(), scope_id, ..command })
        };
        bench.hold(0, Side::Buy, 10, 100);
        assert_eq!(set(&mut bench, ScopeState::Reducing).outcome(), Accepted);
        let section = bench.ask(0, Long, 99, 101);
        assert_eq!((answer(&section), section.trading_state()), ((Refused, code::reduce_only), ScopeState::Reducing));
        let section = bench.ask(0, Flat, 99, 101);
        assert_eq!((answer(&section), section.qty.0), ((Approved, 0), 10), "{scope}");
        let other = if scope == Scope::Instrument { (Approved, 0) } else { (Refused, code::reduce_only) };
        assert_eq!(answer(&bench.ask(1, Long, 99, 101)), other);
        let section = set(&mut bench, ScopeState::Halted);
        assert_eq!((section.outcome(), section.verdict()), (Accepted, CancelAll), "{scope}");
        assert_eq!(bench.quote(0, 99, 101).verdict(), Verdict::None, "asked for already");
        let orders: Vec<_> = bench.stage.orders.of(&bench.stage.states[0].list).map(|o| o.id).collect();
        for id in orders {
            bench.report(0, id, ExecType::Canceled, Side::Sell, (0, 0, 0), 101, 0);
        }
        assert_eq!(answer(&bench.ask(0, Flat, 99, 101)), (Refused, code::trading_state));
        assert_eq!(set(&mut bench, ScopeState::Active).outcome(), Accepted);
        assert_eq!(answer(&bench.ask(0, Flat, 99, 101)), (Approved, 0));
    }
}

#[test]
fn what_is_not_understood_halts_the_host() {
    let base = OperatorCommand::new(OperatorAction::SetState, Scope::Host, "ann", "test");
    let active = OperatorCommand { state: ScopeState::Active.code(), ..base };
    for strange in [
        OperatorCommand { action: 99, ..active },
        OperatorCommand { scope: 9, ..active },
        OperatorCommand { state: 0, ..active },
        OperatorCommand { state: 17, ..active },
    ] {
        let mut bench = bench(|_| {});
        assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
        let section = bench.command(NONE, &strange);
        assert_eq!((section.outcome(), section.verdict()), (OperatorOutcome::NotUnderstood, CancelAll));
        assert_eq!(answer(&bench.ask(1, Long, 99, 101)), (Refused, code::trading_state));
        let mut restored = Bench { stage: bench.restored(&config(wide())), audit: Vec::new(), ..bench };
        restored.epoch(2);
        restored.gate(GateReason::NotReady, false);
        restored.quote(0, 99, 101);
        assert_eq!(
            answer(&restored.ask(1, Long, 99, 101)),
            (Refused, code::trading_state),
            "a restart does not lift it"
        );
        assert_eq!(restored.command(NONE, &active).outcome(), Accepted);
        assert_eq!(answer(&restored.ask(1, Long, 99, 101)), (Approved, 0));
    }
    let mut bench = bench(|_| {});
    let section = bench.command(NONE, &OperatorCommand { scope: Scope::Strategy.code(), scope_id: 4, ..active });
    assert_eq!(section.outcome(), OperatorOutcome::NoSuchScope);
    let section = bench.command(NONE, &OperatorCommand { scope: Scope::Venue.code(), scope_id: 99, ..active });
    assert_eq!(section.outcome(), OperatorOutcome::NoSuchScope);
    let section = bench.command(NONE, &OperatorCommand { until: bench.now + 5, ..active });
    assert_eq!(section.outcome(), OperatorOutcome::BadUntil, "a state that would end by itself");
    let section = bench.command(NONE, &OperatorCommand { who: [0; 48], ..active });
    assert_eq!(section.outcome(), OperatorOutcome::Anonymous);
    assert_eq!(bench.command(NONE, &OperatorCommand { request: 7, ..active }).outcome(), Accepted);
    assert_eq!(bench.command(NONE, &OperatorCommand { request: 7, ..active }).outcome(), Repeated);
    assert_eq!(bench.command(NONE, &OperatorCommand { request: 8, ..active }).outcome(), Accepted);
    assert_eq!(answer(&bench.ask(1, Long, 99, 101)), (Approved, 0), "none of these halted anything");
    // What only stops is taken in any form.
    let halt = OperatorCommand { state: ScopeState::Halted.code(), request: 8, who: [0; 48], until: 5, ..base };
    assert_eq!(bench.command(NONE, &halt).outcome(), Accepted);
    assert_eq!(bench.ask(0, Long, 99, 101).trading_state(), ScopeState::Halted);
    assert_eq!(bench.command(NONE, &OperatorCommand { request: 9, ..active }).outcome(), Accepted);
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Approved, 0));
}

#[test]
fn a_flatten_passes_a_kill_and_nothing_else_does() {
    let mut bench = bench(|c| c.limits.max_order_qty = Some("60".into()));
    bench.hold(0, Side::Buy, 100, 100);
    bench.hold(1, Side::Buy, 5, 100);
    bench.gate(GateReason::Kill, true);
    bench.set_state(NONE, ScopeState::Halted);
    assert_eq!(answer(&bench.ask(0, Flat, 99, 101)), (Refused, code::gate));
    assert_eq!(bench.plain(OperatorAction::Flatten, ID).outcome(), Accepted);
    let section = bench.quote(0, 99, 101);
    assert_eq!((section.side(), section.qty.0, section.px.0), (Some(Side::Sell), 60, 97), "cut, and across the book");
    assert!(section.has(marks::FLATTEN) && section.gate != 0);
    let first = bench.id();
    assert_eq!(bench.quote(0, 99, 101).qty.0, 40, "the rest, while the first is in flight");
    let second = bench.id();
    assert_eq!(bench.quote(0, 99, 101).verdict(), Verdict::None, "all of it is in flight, and it is not cancelled");
    bench.report(0, first, ExecType::Trade, Side::Sell, (60, 60, 0), 98, 0);
    bench.report(0, second, ExecType::Trade, Side::Sell, (30, 30, 10), 98, 0);
    bench.report(0, second, ExecType::Expired, Side::Sell, (0, 30, 0), 98, 0);
    let section = bench.quote(0, 99, 101);
    assert_eq!((section.qty.0, section.has(marks::FLATTEN)), (10, true));
    fill(&mut bench, &section);
    assert!(!bench.stage.states[0].flatten, "done");
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Refused, code::gate));
    assert_eq!(answer(&bench.ask(1, Flat, 99, 101)), (Refused, code::gate), "only what was asked for");
    bench.plain(OperatorAction::Flatten, NONE);
    let section = bench.quote(1, 99, 101);
    assert_eq!((section.verdict(), section.qty.0), (Approved, 5));
    assert_eq!(bench.plain(OperatorAction::CancelAll, NONE).verdict(), CancelAll, "and it can be called off");
    assert!(!bench.stage.states[1].flatten);
}

#[test]
fn a_flatten_passes_no_fat_finger_check_and_no_ignorance() {
    let check = |set: fn(&mut Limits), prepare: fn(&mut Bench), expected| {
        let mut bench = bench(|c| set(&mut c.limits));
        bench.hold(0, Side::Sell, 100, 100);
        prepare(&mut bench);
        bench.plain(OperatorAction::Flatten, ID);
        let section = bench.quote(0, 99, 101);
        assert_eq!(answer(&section), expected, "{section:?}");
        assert!(section.has(marks::FLATTEN));
    };
    let none = |_: &mut Limits| {};
    check(none, |_| {}, (Approved, 0));
    for reason in GateReason::ALL {
        let passes = matches!(
            reason,
            GateReason::Kill | GateReason::Halt | GateReason::Shutdown | GateReason::Fault | GateReason::Degraded
        );
        let mut bench = bench(|_| {});
        bench.hold(0, Side::Sell, 100, 100);
        bench.gate(*reason, true);
        bench.plain(OperatorAction::Flatten, ID);
        let expected = if passes { (Approved, 0) } else { (Refused, code::gate) };
        assert_eq!(answer(&bench.quote(0, 99, 101)), expected, "{reason}");
    }
    check(|l| l.price_collar_ppm = Some(20_000), |_| {}, (Refused, code::price_collar));
    check(|l| l.max_order_notional = Some("1".into()), |_| {}, (Refused, code::max_notional));
    check(|l| l.max_order_qty = Some("0".into()), |_| {}, (Refused, code::max_qty));
    // And what only holds new risk back does not hold it.
    check(|l| l.max_daily_loss = Some("0".into()), |b| _ = b.quote(0, 109, 111), (Approved, 0));
    check(|l| l.max_drawdown = Some("0".into()), |b| _ = b.quote(0, 109, 111), (Approved, 0));
    check(|l| l.repeat_executions = Some(0), |_| {}, (Approved, 0));
    check(none, |b| _ = b.plain(OperatorAction::Restrict, ID), (Approved, 0));
}

#[test]
fn a_target_is_traded_towards_until_it_ends() {
    let mut bench = bench(|_| {});
    let target = |bench: &mut Bench, qty: i128, until: i64| {
        let base = OperatorCommand::new(OperatorAction::Target, Scope::Instrument, "allocator", "rebalance");
        bench.command(ID, &OperatorCommand { new: qty, until, ..base }).outcome()
    };
    let until = bench.now + 1_000;
    assert_eq!(target(&mut bench, -30, until), Accepted);
    let section = bench.quote(0, 99, 101);
    assert_eq!((section.verdict(), section.side(), section.qty.0), (Approved, Some(Side::Sell), 30));
    assert!(section.has(marks::TARGET) && section.target.0 == -30);
    fill(&mut bench, &section);
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Verdict::None, "the signal is not asked meanwhile");
    bench.now = until - 1;
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Verdict::None);
    bench.now = until;
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((section.side(), section.qty.0, section.has(marks::TARGET)), (Some(Side::Buy), 130, false));
    assert_eq!(target(&mut bench, 5, until), OperatorOutcome::BadUntil);
    assert_eq!(target(&mut bench, 5, crate::types::time::NO_TIME), OperatorOutcome::BadUntil);
    let later = bench.now + 5;
    assert_eq!(target(&mut bench, i128::from(i64::MIN), later), OperatorOutcome::BadTarget);
    assert_eq!(target(&mut bench, i128::MAX, later), OperatorOutcome::BadTarget);
    let coarse = crate::types::instrument::Instrument { lot_size: crate::types::price::Qty(10), ..instrument(0) };
    let mut other = Bench::new(&config(wide()), &[coarse]);
    let later = other.now + 5;
    assert_eq!(target(&mut other, 25, later), OperatorOutcome::BadTarget);
    assert_eq!(target(&mut other, 20, later), Accepted);
}

#[test]
fn the_restricted_list_lets_exits_pass() {
    let mut bench = bench(|_| {});
    bench.hold(0, Side::Buy, 10, 100);
    assert_eq!(bench.plain(OperatorAction::Restrict, ID).outcome(), Accepted);
    let section = bench.ask(0, Long, 99, 101);
    assert!(section.has(marks::RESTRICTED));
    assert_eq!(answer(&section), (Refused, code::restricted));
    assert_eq!(answer(&bench.ask(0, Short, 99, 101)), (Refused, code::restricted), "through zero is new risk");
    assert_eq!(answer(&bench.ask(1, Long, 99, 101)), (Approved, 0));
    assert_eq!(bench.plain(OperatorAction::Unrestrict, ID).outcome(), Accepted);
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Approved, 0));
    assert_eq!(bench.plain(OperatorAction::Restrict, NONE).outcome(), OperatorOutcome::NoSuchScope);
}

#[test]
fn only_a_person_lets_repeated_executions_go_on() {
    let mut bench = bench(|c| {
        c.limits.repeat_executions = Some(3);
        c.limits.repeat_window_ms = Some(1_000);
    });
    for _ in 0..3 {
        bench.hold(0, Side::Buy, 1, 100);
    }
    bench.now += 3_600_000_000_000;
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((answer(&section), section.value, section.limit), ((Refused, code::repeat_throttle), 4, 3));
    assert!(section.has(marks::STOPPED_BUY) && !section.has(marks::STOPPED_SELL));
    let section = bench.ask(0, Flat, 99, 101);
    assert_eq!((answer(&section), section.qty.0), ((Approved, 0), 3), "an exit passes");
    fill(&mut bench, &section);
    assert_eq!(answer(&bench.ask(1, Long, 99, 101)), (Approved, 0), "another instrument");
    // Neither is a configuration that changed in between.
    let mut again = Bench { stage: bench.restored(&config(wide())), audit: Vec::new(), ..bench };
    again.epoch(2);
    again.gate(GateReason::NotReady, false);
    again.quote(1, 99, 101);
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Refused, code::repeat_throttle), "a restart is no person");
    assert_eq!(again.plain(OperatorAction::Reenable, InstrumentId(1)).outcome(), NothingStopped);
    assert_eq!(again.plain(OperatorAction::Reenable, ID).outcome(), Accepted);
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Approved, 0));
    assert_eq!(again.plain(OperatorAction::Reenable, NONE).outcome(), NothingStopped);
}

#[test]
fn a_drawdown_stops_until_a_person_enables_it_again_and_its_mark_survives() {
    let setting = config(Limits { max_drawdown: Some("640".into()), ..wide() });
    let mut bench = Bench::new(&setting, &[instrument(0), instrument(1)]);
    bench.hold(1, Side::Buy, 100, 100);
    // Up by 2000: the audit log hears of it with no order at all.
    let section = bench.quote(1, 119, 121);
    assert!(section.has(marks::NOTED) && section.verdict() == Verdict::None);
    assert_eq!(section.high_water_e8, 1_002_000 * E8);
    assert!(!bench.quote(1, 119, 121).has(marks::NOTED), "once");
    assert_eq!(bench.quote(1, 113, 115).verdict(), Verdict::None, "600 down");
    let mut again = Bench { stage: bench.restored(&setting), audit: Vec::new(), ..bench };
    again.epoch(2);
    again.gate(GateReason::NotReady, false);
    let section = again.quote(1, 112, 114);
    assert_eq!((answer(&section), section.value), ((Refused, code::drawdown), 700 * E8));
    assert_eq!(again.quote(1, 149, 151).verdict(), Verdict::None, "said once");
    let section = again.ask(0, Long, 99, 101);
    assert_eq!(answer(&section), (Refused, code::drawdown), "the recovery does not lift it");
    assert!(section.has(marks::DRAWDOWN_STOPPED));
    again.now += 86_400_000_000_000 * 3;
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Refused, code::drawdown), "nor does another day");
    let base = OperatorCommand::new(OperatorAction::Reenable, Scope::Host, "ann", "looked into");
    again.quote(1, 99, 101);
    let section = again.command(NONE, &OperatorCommand { limit: code::drawdown, ..base });
    assert_eq!(
        (section.outcome(), section.high_water_e8),
        (Accepted, 1_000_000 * E8),
        "it counts from where it stands"
    );
    assert_eq!(again.command(NONE, &OperatorCommand { limit: code::drawdown, ..base }).outcome(), NothingStopped);
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Approved, 0));
}

#[test]
fn cancels_count_as_messages_and_are_never_refused() {
    let mut bench = bench(|c| c.limits.messages_per_window = Some(3));
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    assert_eq!(bench.ask(1, Long, 99, 101).verdict(), Approved);
    assert_eq!(bench.plain(OperatorAction::CancelAll, NONE).verdict(), CancelAll);
    for id in [0, 1] {
        let order = bench.stage.orders.of(&bench.stage.states[id].list).next().unwrap().id;
        bench.report(id as u32, order, ExecType::Canceled, Side::Buy, (0, 0, 0), 99, 0);
    }
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((answer(&section), section.value, section.limit), ((Refused, code::message_rate), 5, 3));
    bench.now += 666_666_666;
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Refused, code::message_rate));
    bench.now += 1;
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Approved, 0));
    assert_eq!(bench.ask(0, Flat, 99, 101).verdict(), CancelAll, "a cancel passes on an empty bucket");
}
