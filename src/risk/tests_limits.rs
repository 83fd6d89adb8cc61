//! Hot: tests: every check at its limit − 1, at it, and at it + 1; and the order of cancels and orders.

use super::check::{Check, Context, Outcome, UNKNOWN, Wanted};
use super::checks::{Lot, SelfTrade, Tick};
use super::config::{Config, ConfigError, Limits, Orders, Style};
use super::testing::{Bench, answer, config, instrument, market, signal, wide};
use super::{RiskStage, code};
use crate::event::execution::{OrderType, TimeInForce};
use crate::event::input::{GateReason, Input, InputKind, Nothing};
use crate::event::market::flags;
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::event::report::ExecType;
use crate::event::risk::{OperatorOutcome, Verdict, marks};
use crate::event::signal::{Direction, SignalSection};
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::Instrument;
use crate::types::price::{Px, Qty, Side, pow10};
use Direction::{Flat, Long, Short};
use Verdict::{Approved, CancelAll, Refused};

const E18: i128 = pow10(18) as i128;
const E8: i128 = pow10(8) as i128;

#[allow(clippy::unnecessary_wraps, reason = "the configuration's fields are options")]
fn text(value: i64) -> Option<String> {
    Some(value.to_string())
}

/// Buys 100 at 99, the mid being 100, under `limits`.
fn buy(limits: Limits, prepare: impl FnOnce(&mut Bench)) -> ((Verdict, u8), i128, i128) {
    let mut bench = Bench::new(&config(limits), &[instrument(0), instrument(1)]);
    prepare(&mut bench);
    let section = bench.ask(0, Long, 99, 101);
    (answer(&section), section.value, section.limit)
}

/// With the limit at `value` − 1 it is refused by `check`; at `value` and above it passes.
fn check(check: u8, value: i64, unit: i128, set: impl Fn(&mut Limits, i64), prepare: impl Fn(&mut Bench)) {
    for limit in [value - 1, value, value + 1] {
        let mut limits = wide();
        set(&mut limits, limit);
        let expected = if limit < value {
            ((Refused, check), i128::from(value) * unit, i128::from(limit) * unit)
        } else {
            ((Approved, 0), 0, 0)
        };
        assert_eq!(buy(limits, &prepare), expected, "limit {limit}, value {value}");
    }
}

#[test]
fn every_limit_holds_to_the_unit() {
    check(code::max_qty, 100, E18, |l, v| l.max_order_qty = text(v), |_| {});
    check(code::max_notional, 9_900, E8, |l, v| l.max_order_notional = text(v), |_| {});
    check(code::price_collar, 10_000, 1, |l, v| l.price_collar_ppm = Some(v as u32), |_| {});
    check(code::max_position, 100, E18, |l, v| l.max_position = text(v), |_| {});
    check(code::max_gross, 10_000, E8, |l, v| l.max_gross_notional = text(v), |_| {});
    check(
        code::max_gross,
        10_700,
        E8,
        |l, v| l.max_gross_notional = text(v),
        |bench| {
            bench.hold(1, Side::Sell, 7, 100);
            bench.quote(1, 99, 101);
        },
    );
    check(code::open_orders, 1, 1, |l, v| l.max_open_orders = Some(v as u32), |_| {});
    check(
        code::open_orders,
        2,
        1,
        |l, v| l.max_open_orders = Some(v as u32),
        |bench| {
            assert_eq!(bench.ask(1, Short, 99, 101).verdict(), Approved);
        },
    );
    check(code::order_rate, 1, 1, |l, v| l.orders_per_window = Some(v as u32), |_| {});
    check(
        code::order_rate_total,
        2,
        1,
        |l, v| l.orders_per_window_total = Some(v as u32),
        |bench| {
            assert_eq!(bench.ask(1, Short, 99, 101).verdict(), Approved);
        },
    );
    check(code::max_net, 10_000, E8, |l, v| l.max_net_notional = text(v), |_| {});
    check(
        code::max_net,
        9_300,
        E8,
        |l, v| l.max_net_notional = text(v),
        |bench| {
            bench.hold(1, Side::Sell, 7, 100);
            bench.quote(1, 99, 101);
        },
    );
    // 10 000 of a capital of 1 000 000, of which 500 are lost.
    check(code::leverage, 10_000, 1, |l, v| l.max_leverage = Some(format!("0.{v:06}")), |_| {});
    check(code::leverage, 10_006, 1, |l, v| l.max_leverage = Some(format!("0.{v:06}")), lose_500);
    check(
        code::concentration,
        250_000,
        1,
        |l, v| (l.concentration_base, l.max_concentration_ppm) = (text(40_000), Some(v as u32)),
        |_| {},
    );
    check(
        code::concentration,
        833_334,
        1,
        |l, v| (l.concentration_base, l.max_concentration_ppm) = (text(0), Some(v as u32)),
        |bench| {
            bench.hold(1, Side::Sell, 20, 100);
            bench.quote(1, 99, 101);
        },
    );
    check(code::message_rate, 1, 1, |l, v| l.messages_per_window = Some(v as u32), |_| {});
    check(
        code::static_collar,
        980_000,
        1,
        |l, v| l.static_collar_ppm = Some(v as u32),
        |bench| {
            bench.quote(0, 49, 51);
        },
    );
    check(
        code::repeat_throttle,
        3,
        1,
        |l, v| l.repeat_executions = Some(v as u32),
        |bench| {
            bench.hold(0, Side::Buy, 1, 100);
            bench.hold(0, Side::Buy, 1, 100);
        },
    );
    // What is in flight may be filled too.
    check(
        code::repeat_throttle,
        2,
        1,
        |l, v| l.repeat_executions = Some(v as u32),
        |bench| {
            let target = OperatorCommand {
                new: 1,
                until: bench.now + 1,
                ..OperatorCommand::new(OperatorAction::Target, Scope::Instrument, "ann", "one")
            };
            bench.command(InstrumentId(0), &target);
            bench.quote(0, 99, 101);
            bench.now += 1;
        },
    );
    check(code::drawdown, 500, E8, |l, v| l.max_drawdown = text(v), lose_500);
    // 10 × (100 − 50) lost in instrument 1.
    check(code::daily_loss, 500, E8, |l, v| l.max_daily_loss = text(v), lose_500);
}

/// 10 × (100 − 50) lost in instrument 1.
fn lose_500(bench: &mut Bench) {
    bench.hold(1, Side::Buy, 10, 100);
    bench.hold(1, Side::Sell, 10, 50);
}

#[test]
fn tail_figures_hold_to_the_unit() {
    let ask = |check: u8, limit: &str, cold: Option<u32>, minutes: i64| {
        let mut limits = wide();
        if check == code::value_at_risk {
            limits.max_var = Some(limit.into());
        } else {
            limits.max_expected_shortfall = Some(limit.into());
        }
        let mut bench = Bench::new(&Config { cold_tail_ppm: cold, ..config(limits) }, &[instrument(0), instrument(1)]);
        for minute in 0..minutes {
            bench.now += 60_000_000_000;
            let moved = minute * 7 % 5;
            bench.quote(0, 97 + moved, 99 + moved);
            bench.quote(1, 101 - moved, 103 - moved);
        }
        bench.hold(1, Side::Sell, 30, 100);
        bench.quote(1, 99, 101);
        let section = bench.ask(0, Long, 99, 101);
        (answer(&section), section.value, section.limit)
    };
    for check in [code::value_at_risk, code::expected_shortfall] {
        // Too few returns: a twentieth of 10 000 and of 3 000, or nothing at all.
        assert_eq!(ask(check, "649.99999999", Some(50_000), 3), ((Refused, check), 650 * E8, 650 * E8 - 1));
        assert_eq!(ask(check, "650", Some(50_000), 3).0, (Approved, 0));
        assert_eq!(ask(check, "1000000", None, 3), ((Refused, UNKNOWN), i128::from(code::value_at_risk), 0));
        let (refused, value, _) = ask(check, "0", None, 15);
        assert_eq!(refused, (Refused, check));
        assert!(value > 100 * E8 && value != 650 * E8, "{value}");
        let text = |amount: i128| super::amount_text(super::check::Unit::Quote, amount);
        assert_eq!(ask(check, &text(value - 1), None, 15), ((Refused, check), value, value - 1));
        assert_eq!(ask(check, &text(value), None, 15).0, (Approved, 0));
        assert_eq!(ask(check, &text(value + 1), None, 15).0, (Approved, 0));
    }
}

#[test]
fn an_open_breaker_stops_new_risk_and_is_reset_by_a_person() {
    let limits =
        super::breaker::Limits { rejects_ppm: Some(500_000), orders_min: 3, ..super::breaker::Limits::default() };
    let breakers = super::breaker::Config { instrument: Some(limits), ..super::breaker::Config::default() };
    let setting = Config { breakers, ..config(wide()) };
    let mut bench = Bench::new(&setting, &[instrument(0), instrument(1)]);
    bench.hold(0, Side::Buy, 10, 100);
    for _ in 0..3 {
        assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
        let id = bench.id();
        bench.report(0, id, ExecType::Rejected, Side::Buy, (0, 0, 0), 99, 0);
    }
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((answer(&section), section.value), ((Refused, code::breaker), 2));
    assert!(section.has(marks::BREAKER_OPEN));
    assert_eq!(bench.ask(1, Long, 99, 101).verdict(), Approved, "the other instrument has its own");
    assert_eq!(bench.ask(0, Flat, 99, 101).verdict(), Approved, "an exit passes");
    let exit = bench.id();
    bench.report(0, exit, ExecType::Canceled, Side::Sell, (0, 0, 0), 101, 0);
    let mut again = Bench { stage: bench.restored(&setting), audit: Vec::new(), ..bench };
    again.epoch(2);
    again.gate(GateReason::NotReady, false);
    again.quote(1, 99, 101);
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Refused, code::breaker), "a restart closes nothing");
    let reset = OperatorCommand::new(OperatorAction::ResetBreaker, Scope::Instrument, "ann", "talked to the venue");
    assert_eq!(again.command(InstrumentId(0), &reset).outcome(), OperatorOutcome::Accepted);
    assert_eq!(answer(&again.ask(0, Long, 99, 101)), (Approved, 0));
    let reset = OperatorCommand::new(OperatorAction::ResetBreaker, Scope::Venue, "ann", "none is configured");
    let reset = OperatorCommand { scope_id: 6, ..reset };
    assert_eq!(again.command(InstrumentId::NONE, &reset).outcome(), OperatorOutcome::NothingStopped);
}

#[test]
fn a_size_rule_takes_the_place_of_one_amount() {
    let rule = "model = { kind = 'fixed_fraction', fraction = 0.002 }";
    let size = toml::from_str(rule).unwrap();
    let mut bench = Bench::new(&Config { size: Some(size), ..config(wide()) }, &[instrument(0)]);
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((section.verdict(), section.target.0), (Approved, 20), "2000 of a million, at 100");
    let bound = (section.marks >> marks::SIZE_SHIFT) as u8;
    assert_eq!(bound, super::sizing_models::Bound::Model.code());
    // One that needs what is not known yet trades nothing, and says why.
    let size = toml::from_str("model = { kind = 'volatility_target', target = 0.1 }").unwrap();
    let mut bench = Bench::new(&Config { size: Some(size), ..config(wide()) }, &[instrument(0)]);
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!(answer(&section), (Refused, UNKNOWN));
    assert_eq!((section.marks >> marks::SIZE_SHIFT) as u8, 128 + super::sizing_models::Unsized::NoVolatility.code());
}

#[test]
fn times_hold_to_the_nanosecond() {
    let limits = Limits { duplicate_window_ms: Some(5), max_price_age_ms: Some(7), ..wide() };
    let mut bench = Bench::new(&config(limits), &[instrument(0)]);
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    let id = bench.id();
    bench.report(0, id, ExecType::Canceled, Side::Buy, (0, 0, 0), 99, 0);
    bench.now += 4_999_999;
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((answer(&section), section.value, section.limit), ((Refused, code::duplicate), 4_999_999, 5_000_000));
    bench.now += 1;
    // A trade that leaves the book as it was told at first: only trades come any more.
    let trade = |bench: &mut Bench| {
        let mut market = market(98, 101);
        market.flags &= !flags::BOOK_UPDATED;
        let input = Input::new(InputKind::Trade, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {});
        let section = bench.feed(input, &market, &signal(Long));
        (answer(&section), section.value, section.limit)
    };
    bench.now += 7_000_000 - 1;
    assert_eq!(trade(&mut bench).0, (Approved, 0));
    let id = bench.id();
    bench.report(0, id, ExecType::Canceled, Side::Buy, (0, 0, 0), 98, 0);
    bench.now += 1;
    assert_eq!(trade(&mut bench), ((Refused, code::stale_price), 7_000_001, 7_000_000));
    bench.quote(0, 98, 101);
    bench.now += 7_000_000;
    assert_eq!(trade(&mut bench).0, (Approved, 0));
}

#[test]
fn the_last_trade_holds_the_price() {
    for (limit, expected) in
        [(9_999, ((Refused, code::last_collar), 10_000)), (10_000, ((Approved, 0), 0)), (10_001, ((Approved, 0), 0))]
    {
        let mut bench = Bench::new(&config(Limits { last_collar_ppm: Some(limit), ..wide() }), &[instrument(0)]);
        let mut market = market(99, 101);
        market.last = crate::event::input::Level { px: Px(100), qty: Qty(1) };
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {});
        let section = bench.feed(input, &market, &signal(Long));
        assert_eq!((answer(&section), section.value), expected, "{limit}");
    }
}

#[test]
fn a_rate_recovers_token_by_token_and_exits_go_as_far_again() {
    let limits = Limits { orders_per_window: Some(2), ..wide() };
    let mut bench = Bench::new(&config(limits), &[instrument(0)]);
    let order = |bench: &mut Bench, direction, expected| {
        let section = bench.ask(0, direction, 99, 101);
        assert_eq!((answer(&section), section.limit), expected);
        if section.verdict() == Approved {
            let id = bench.id();
            bench.report(0, id, ExecType::Canceled, section.side().unwrap(), (0, 0, 0), 99, 0);
        }
    };
    let (fine, late) = (((Approved, 0), 0), ((Refused, code::order_rate), 2));
    order(&mut bench, Long, fine);
    order(&mut bench, Long, fine);
    order(&mut bench, Long, late);
    bench.now += 499_999_999;
    order(&mut bench, Long, late);
    bench.now += 1;
    order(&mut bench, Long, fine);
    order(&mut bench, Long, late);
    bench.hold(0, Side::Sell, 10, 100);
    for _ in 0..2 {
        order(&mut bench, Flat, fine);
    }
    order(&mut bench, Flat, ((Refused, code::order_rate), 4));
    bench.now += 1_000_000_000_000;
    for expected in [fine, fine, late] {
        order(&mut bench, Long, expected);
    }
    bench.now -= 10_000_000_000;
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!(section.verdict(), Verdict::None, "a clock that ran backward: the cool-down is not over");
}

#[test]
fn no_order_without_gate_data_and_account() {
    assert_eq!(
        buy(wide(), |b| {
            b.gate(GateReason::Kill, true);
        })
        .0,
        (Refused, code::gate)
    );
    assert_eq!(
        buy(wide(), |b| {
            b.epoch(2);
        })
        .0,
        (Refused, code::gate),
        "an epoch closes the gate"
    );
    assert_eq!(
        buy(wide(), |b| {
            b.gate(GateReason::Kill, true);
            b.epoch(2);
            b.gate(GateReason::NotReady, false);
        }),
        ((Refused, code::gate), 1 << GateReason::Kill.code(), 0),
        "and a kill outlives it"
    );
    let overflow = |b: &mut Bench| {
        b.report(0, ClientOrderId(77), ExecType::Trade, Side::Buy, (i64::MAX, i64::MAX, 0), 1, 0);
        b.report(0, ClientOrderId(78), ExecType::Trade, Side::Buy, (1, 1, 0), 1, 0);
    };
    assert_eq!(buy(wide(), overflow).0, (Refused, code::account_fault));
    let coarser = |b: &mut Bench| {
        let fine = crate::types::instrument::Instrument { price_decimals: 2, ..instrument(1) };
        b.define(&fine);
        b.define(&instrument(1));
    };
    // Instrument 1 is not known any more, so neither is what the host holds altogether.
    assert_eq!(buy(wide(), coarser), ((Refused, UNKNOWN), i128::from(code::max_gross), 0));
    let unpriced = |b: &mut Bench| b.hold(1, Side::Buy, 1, 100);
    assert_eq!(buy(wide(), unpriced), ((Refused, UNKNOWN), i128::from(code::max_gross), 0));
    assert_eq!(
        buy(wide(), |b| {
            b.epoch(70_000);
        })
        .0,
        (Refused, UNKNOWN),
        "no epoch, no name"
    );

    let mut bench = Bench::new(&config(wide()), &[instrument(0)]);
    let mut ask = |set: fn(&mut crate::event::market::MarketSection)| {
        let mut section = market(99, 101);
        set(&mut section);
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {});
        answer(&bench.feed(input, &section, &signal(Long)))
    };
    assert_eq!(ask(|m| m.flags |= flags::STALE), (Refused, code::stale_data));
    assert_eq!(ask(|m| m.flags &= !flags::VALID), (Refused, code::invalid_book));
    assert_eq!(ask(|m| m.flags &= !flags::TRADING), (Refused, code::session));
    assert_eq!(ask(|m| m.bid.qty.0 = 0), (Verdict::None, 0));
}

/// What a check says of an order for `qty` at `px` on `side`, while `bench` is as it is.
fn one<C: Check>(bench: &Bench, spec: &Instrument, (side, qty, px): (Side, i64, i64)) -> Outcome {
    let wanted = Wanted { side, qty, px, order_type: OrderType::Limit, time_in_force: TimeInForce::Gtc };
    let state = &bench.stage.states[0];
    C::check(0, &Context::new(&bench.stage, (state, spec, &market(99, 101)), bench.now, wanted, false))
}

#[test]
fn our_own_orders_are_not_crossed() {
    let mut bench = Bench::new(&config(wide()), &[instrument(0)]);
    assert_eq!(bench.ask(0, Short, 99, 101).verdict(), Approved);
    for (px, expected) in [
        (100, Outcome::Pass),
        (101, Outcome::Refuse { value: 101, limit: 101 }),
        (102, Outcome::Refuse { value: 102, limit: 101 }),
    ] {
        assert_eq!(one::<SelfTrade>(&bench, &instrument(0), (Side::Buy, 1, px)), expected);
    }
}

#[test]
fn prices_are_on_the_tick_and_quantities_on_the_lot() {
    let spec = Instrument { tick_size: Px(5), lot_size: Qty(10), ..instrument(0) };
    let bench = Bench::new(&config(wide()), &[spec]);
    let beyond = |value| Outcome::Refuse { value, limit: 0 };
    for (px, expected) in
        [(99, beyond(4)), (100, Outcome::Pass), (101, beyond(1)), (-5, Outcome::Pass), (-6, beyond(4))]
    {
        assert_eq!(one::<Tick>(&bench, &spec, (Side::Buy, 10, px)), expected, "{px}");
    }
    for (qty, expected) in
        [(9, beyond(9)), (10, Outcome::Pass), (11, beyond(1)), (0, Outcome::Unknown), (-10, Outcome::Unknown)]
    {
        assert_eq!(one::<Lot>(&bench, &spec, (Side::Buy, qty, 100)), expected, "{qty}");
    }
}

#[test]
fn a_missing_limit_does_not_load() {
    let error = |set: fn(&mut Limits), name| {
        let mut limits = wide();
        set(&mut limits);
        assert_eq!(RiskStage::new(&config(limits), 1).err(), Some(ConfigError::MissingLimit(name)));
    };
    error(|l| l.max_order_qty = None, "max_order_qty");
    error(|l| l.max_order_notional = None, "max_order_notional");
    error(|l| l.price_collar_ppm = None, "price_collar_ppm");
    error(|l| l.max_position = None, "max_position");
    error(|l| l.max_gross_notional = None, "max_gross_notional");
    error(|l| l.orders_per_window = None, "orders_per_window");
    error(|l| l.orders_per_window_total = None, "orders_per_window_total");
    error(|l| l.rate_window_ms = None, "rate_window_ms");
    error(|l| l.max_open_orders = None, "max_open_orders");
    error(|l| l.max_daily_loss = None, "max_daily_loss");
    error(|l| l.last_collar_ppm = None, "last_collar_ppm");
    error(|l| l.static_collar_ppm = None, "static_collar_ppm");
    error(|l| l.max_price_age_ms = None, "max_price_age_ms");
    error(|l| l.max_net_notional = None, "max_net_notional");
    error(|l| l.max_leverage = None, "max_leverage");
    error(|l| l.max_concentration_ppm = None, "max_concentration_ppm");
    error(|l| l.concentration_base = None, "concentration_base");
    error(|l| l.messages_per_window = None, "messages_per_window");
    error(|l| l.repeat_executions = None, "repeat_executions");
    error(|l| l.repeat_window_ms = None, "repeat_window_ms");
    error(|l| l.duplicate_window_ms = None, "duplicate_window_ms");
    error(|l| l.max_drawdown = None, "max_drawdown");
    error(|l| l.max_var = None, "max_var");
    error(|l| l.max_expected_shortfall = None, "max_expected_shortfall");
    assert!(RiskStage::new(&Config::default(), 1).is_err());
    let bad = |set: fn(&mut Limits)| {
        let mut limits = wide();
        set(&mut limits);
        assert!(RiskStage::new(&config(limits), 1).is_err());
    };
    bad(|l| l.max_daily_loss = text(-1));
    bad(|l| l.max_daily_loss = Some("0.000000001".into()));
    bad(|l| l.max_position = Some("1e5".into()));
    bad(|l| l.max_open_orders = Some(65));
    let text = toml::to_string(&config(wide())).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), config(wide()));
    assert!(toml::from_str::<Config>("[limits]\nmax_daly_loss = \"1\"").is_err());
}

#[test]
fn what_rests_the_wrong_way_is_cancelled_first() {
    let mut bench = Bench::new(&config(wide()), &[instrument(0)]);
    let section = bench.ask(0, Long, 99, 101);
    assert_eq!((answer(&section), section.open_buy.0, section.target.0), ((Approved, 0), 100, 100));
    let first = bench.id();
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Verdict::None, "it is in flight");
    assert_eq!(bench.ask(0, Short, 99, 101).verdict(), CancelAll);
    assert_eq!(bench.ask(0, Short, 99, 101).verdict(), Verdict::None, "asked for already");
    bench.now += 1_000_000_000;
    assert_eq!(bench.ask(0, Short, 99, 101).verdict(), CancelAll, "and again after a while");
    bench.report(0, first, ExecType::Trade, Side::Buy, (40, 40, 60), 99, 0);
    let section = bench.report(0, first, ExecType::Canceled, Side::Buy, (0, 40, 0), 99, 0);
    assert_eq!((section.position.0, section.open_buy.0), (40, 0));
    let section = bench.ask(0, Short, 99, 101);
    assert_eq!((answer(&section), section.qty.0, section.px.0, section.open_sell.0), ((Approved, 0), 140, 101, 140));
    assert_eq!(bench.ask(0, Flat, 99, 101).verdict(), CancelAll, "140 would be too many");
}

#[test]
fn old_and_forgotten_orders_are_cancelled_on_market_and_timer() {
    let base = config(wide());
    let setting = Config { orders: Orders { requote_ticks: 3, order_ttl_ms: 50, ..base.orders }, ..base };
    let mut bench = Bench::new(&setting, &[instrument(0)]);
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    assert_eq!(bench.quote(0, 102, 104).verdict(), Verdict::None);
    assert_eq!(bench.quote(0, 103, 104).verdict(), CancelAll);
    let id = ClientOrderId::new(1, bench.sequence - 2, 0).unwrap();
    bench.report(0, id, ExecType::Canceled, Side::Buy, (0, 0, 0), 99, 0);
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    let timer = || Input::new(InputKind::Timer, SourceId::TIMER, InstrumentId(0), 0, &Nothing {});
    bench.now += 50_000_000;
    assert_eq!(bench.feed(timer(), &market(99, 101), &bytemuck::Zeroable::zeroed()).verdict(), Verdict::None);
    bench.now += 1;
    assert_eq!(bench.feed(timer(), &market(99, 101), &bytemuck::Zeroable::zeroed()).verdict(), CancelAll);
}

#[test]
fn a_closing_gate_cancels_what_works_on_the_whole_host() {
    let mut bench = Bench::new(&config(wide()), &[instrument(0), instrument(1)]);
    assert_eq!(bench.gate(GateReason::JournalLag, true).verdict(), Verdict::None, "nothing works");
    assert_eq!(bench.gate(GateReason::JournalLag, false).gate, 0);
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
    assert_eq!(bench.ask(1, Long, 99, 101).verdict(), Approved);
    let section = bench.gate(GateReason::JournalLag, true);
    assert_eq!((section.verdict(), section.gate), (CancelAll, 1 << GateReason::JournalLag.code()));
    assert_eq!(bench.quote(0, 99, 101).verdict(), Verdict::None);
    bench.now += 1_000_000_000;
    assert_eq!(bench.quote(0, 99, 101).verdict(), CancelAll);
    assert_eq!(bench.ask(1, Long, 99, 101).verdict(), CancelAll);
}

#[test]
fn a_daily_loss_is_latched_until_the_next_day_and_lets_exits_pass() {
    let limits = Limits { max_daily_loss: text(50), ..wide() };
    let mut bench = Bench::new(&config(limits), &[instrument(0), instrument(1)]);
    bench.hold(1, Side::Buy, 10, 100);
    assert_eq!(bench.quote(1, 94, 96).verdict(), Verdict::None);
    let section = bench.quote(1, 93, 96);
    assert_eq!((answer(&section), section.value), ((Refused, code::daily_loss), 55 * E8));
    assert_eq!(bench.quote(1, 99, 101).verdict(), Verdict::None, "said once");
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Refused, code::daily_loss), "the recovery does not lift it");
    let section = bench.ask(1, Flat, 99, 101);
    assert_eq!((answer(&section), section.side(), section.qty.0), ((Approved, 0), Some(Side::Sell), 10));
    bench.now = 86_400_000_000_000 - 1;
    assert_eq!(answer(&bench.ask(0, Long, 99, 101)), (Refused, code::daily_loss));
    bench.now += 1;
    assert_eq!(bench.ask(0, Long, 99, 101).verdict(), Approved);
}

#[test]
fn unsure_signals_and_half_messages_are_passed_over() {
    let mut bench = Bench::new(&config(wide()), &[instrument(0)]);
    let mut feed = |confidence, flags, kind: InputKind| {
        let section = SignalSection { confidence, ..signal(Long) };
        let mut input = Input::new(kind, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {});
        input.flags = flags;
        bench.feed(input, &market(99, 101), &section).verdict()
    };
    let last = crate::event::input::flags::LAST;
    assert_eq!(feed(0.49, last, InputKind::Depth), Verdict::None);
    assert_eq!(feed(f64::NAN, last, InputKind::Depth), Verdict::None);
    assert_eq!(feed(0.5, 0, InputKind::Depth), Verdict::None);
    assert_eq!(feed(0.5, last, InputKind::Depth), Approved);
}

#[test]
fn crossing_orders_are_immediate() {
    let base = config(wide());
    for (style, expected) in [
        (Style::Cross, (OrderType::Limit, TimeInForce::Ioc, 103)),
        (Style::Market, (OrderType::Market, TimeInForce::Ioc, 103)),
        (Style::Mid, (OrderType::Limit, TimeInForce::Gtx, 100)),
    ] {
        let orders = Orders { style, post_only: true, ..base.orders.clone() };
        let mut bench = Bench::new(&Config { orders, ..base.clone() }, &[instrument(0)]);
        let section = bench.ask(0, Long, 99, 101);
        let got = (section.order_type().unwrap(), section.time_in_force().unwrap(), section.px.0);
        assert_eq!((section.verdict(), got), (Approved, expected));
    }
}
