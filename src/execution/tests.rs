//! Hot: tests: commands within the approval, every order of arrival, the restart, and the bounds.

use super::config::Config;
use super::stage::ExecutionStage;
use crate::event::approval::ApprovedOrder;
use crate::event::definition::Definition;
use crate::event::execution::{
    COMMANDS_MAX, CommandKind, ExecutionSection, OrderState, OrderType, TimeInForce, differs,
};
use crate::event::input::{EpochStart, Input, InputKind, Nothing};
use crate::event::market::MarketSection;
use crate::event::report::{ExecType, Report};
use crate::event::risk::{RiskSection, Verdict};
use crate::event::statement::Statement;
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty, Side};
use OrderState as S;
use bytemuck::Zeroable;
use proptest::prelude::*;

fn instrument(id: u32) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        symbol: Symbol::from("TEST").unwrap(),
        venue: VenueKind::Simulated,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 0,
        qty_decimals: 0,
        price_shown: 0,
        qty_shown: 0,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        inferred: false,
    }
}

struct Bench {
    stage: ExecutionStage,
    sequence: u64,
    audit: Vec<(Input, RiskSection, ExecutionSection)>,
    /// What the last input left in the slot.
    left: ExecutionSection,
}

/// What the section does not say is zero, whatever an older slot left in it.
fn check_silence(out: &ExecutionSection) {
    let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    assert!(zero(bytemuck::cast_slice(&out.commands[usize::from(out.commands_len)..])), "commands that are none");
    assert!(out.updated != 0 || zero(bytemuck::bytes_of(&out.update)), "an update that is none");
    let stated = (out.confirmed, out.traded, out.position, out.open_buy, out.open_sell, out.unanswered);
    assert!(out.agreement != 0 || stated == Default::default(), "a statement that is none: {stated:?}");
}

impl Bench {
    fn new(config: &Config) -> Self {
        let mut bench = Self {
            stage: ExecutionStage::new(config, 4).unwrap(),
            sequence: 0,
            audit: Vec::new(),
            left: ExecutionSection::zeroed(),
        };
        bench.epoch(1);
        bench.define(&instrument(0));
        bench.define(&instrument(1));
        bench
    }

    fn feed(&mut self, mut input: Input, risk: &RiskSection) -> ExecutionSection {
        self.sequence += 1;
        input.sequence = self.sequence;
        // As in a ring: what an older slot left in it must not come through.
        let mut out = self.left;
        self.stage.on_slot(&input, &MarketSection::zeroed(), risk, &mut out);
        self.left = out;
        check_silence(&out);
        for i in 0..out.commands().len() {
            assert!(ApprovedOrder::verify(risk, &out, i).is_ok(), "{:?}", out.commands());
        }
        if input.kind < 6 && input.kind != 3
            || out.agreement_changed > 0
            || risk.verdict != 0
            || out.commands_len > 0
            || out.updated > 0
        {
            self.audit.push((input, *risk, out));
        }
        out
    }

    fn epoch(&mut self, epoch: u64) -> ExecutionSection {
        let payload = EpochStart { epoch, config_hash: [0; 16], build_hash: [0; 16] };
        let input = Input::new(InputKind::Epoch, SourceId::HOST, InstrumentId::NONE, 0, &payload);
        self.feed(input, &RiskSection::zeroed())
    }

    fn define(&mut self, spec: &Instrument) {
        self.feed(Definition::input(spec, 0), &RiskSection::zeroed());
    }

    /// A market input with a verdict.
    fn verdict(&mut self, id: u32, verdict: Verdict) -> ExecutionSection {
        let mut risk = RiskSection::zeroed();
        risk.verdict = verdict.code();
        risk.side = Side::Buy.code();
        risk.order_type = OrderType::Limit.code();
        risk.time_in_force = TimeInForce::Gtc.code();
        (risk.qty, risk.px) = (Qty(10), Px(100));
        self.feed(Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(id), 0, &Nothing {}), &risk)
    }

    fn open(&mut self, id: u32) -> ClientOrderId {
        let out = self.verdict(id, Verdict::Approved);
        assert_eq!(out.commands()[0].kind, CommandKind::New.code());
        out.commands()[0].client_order_id
    }

    /// A statement that says what we have ourselves of an instrument, or something else.
    fn state(&mut self, id: u32) -> ExecutionSection {
        let mut statement = Statement::default();
        for order in self.stage.open_orders().filter(|o| o.instrument.0 == id && o.acknowledged) {
            statement.open.add(order.client_order_id, order.instrument, order.side, order.leaves_qty());
        }
        let input = Input::new(InputKind::Statement, SourceId::REPORT, InstrumentId(id), 0, &statement);
        let out = self.feed(input, &RiskSection::zeroed());
        assert_eq!(out.differs & differs::ORDERS, 0, "counted order by order, and all anew");
        out
    }

    fn report(&mut self, id: ClientOrderId, exec: ExecType, last: i64, cum: i64, leaves: i64) -> ExecutionSection {
        let mut report = Report::zeroed();
        report.client_order_id = id;
        report.venue_order_id = 900 + id.sequence();
        (report.exec_type, report.side) = (exec.code(), Side::Buy.code());
        (report.last_px, report.last_qty) = (Px(100), Qty(last));
        (report.cum_qty, report.leaves_qty) = (Qty(cum), Qty(leaves));
        self.feed(Input::new(InputKind::Report, SourceId::REPORT, InstrumentId(0), 0, &report), &RiskSection::zeroed())
    }
}

/// Reports on one order of 10, then the states that the updates show.
fn check(reports: &[(ExecType, i64, i64, i64)], expected: &[(OrderState, i64, u8)]) {
    let mut bench = Bench::new(&Config::default());
    let id = bench.open(0);
    let mut states = Vec::new();
    for &(exec, last, cum, leaves) in reports {
        let out = bench.report(id, exec, last, cum, leaves);
        if out.updated == 1 {
            states.push((S::from_code(out.update.state).unwrap(), out.update.cum_qty.0, out.update.anomalous));
        }
    }
    assert_eq!(states, expected, "{reports:?}");
}

#[test]
fn the_life_of_an_order() {
    use ExecType::{Canceled, Expired, New, Rejected, Trade};
    check(
        &[(New, 0, 0, 10), (Trade, 4, 4, 6), (Trade, 6, 10, 0)],
        &[(S::Accepted, 0, 0), (S::PartiallyFilled, 4, 0), (S::Filled, 10, 0)],
    );
    // The fill before the acknowledgement.
    check(&[(Trade, 4, 4, 6), (New, 0, 0, 10)], &[(S::PartiallyFilled, 4, 0)]);
    // The same report twice; an overtaken one.
    check(
        &[(New, 0, 0, 10), (New, 0, 0, 10), (Trade, 4, 4, 6), (Trade, 4, 4, 6)],
        &[(S::Accepted, 0, 0), (S::PartiallyFilled, 4, 0)],
    );
    check(&[(Trade, 3, 7, 3), (Trade, 4, 4, 6)], &[(S::PartiallyFilled, 7, 1)]);
    // A fill that crossed the cancel on the wire.
    check(&[(Canceled, 0, 0, 0), (Trade, 4, 4, 0)], &[(S::Canceled, 0, 0), (S::Canceled, 4, 0)]);
    check(&[(Canceled, 0, 0, 0), (Trade, 10, 10, 0)], &[(S::Canceled, 0, 0), (S::Filled, 10, 0)]);
    check(
        &[(Trade, 4, 4, 6), (Expired, 0, 4, 0), (Expired, 0, 4, 0)],
        &[(S::PartiallyFilled, 4, 0), (S::Expired, 4, 0)],
    );
    check(&[(Rejected, 0, 0, 0), (New, 0, 0, 10)], &[(S::Rejected, 0, 0), (S::Rejected, 0, 0)]);
    // What cannot be.
    check(&[(Trade, 4, 4, 6), (Rejected, 0, 4, 0)], &[(S::PartiallyFilled, 4, 0), (S::PartiallyFilled, 4, 1)]);
    check(&[(Rejected, 0, 0, 0), (Trade, 4, 4, 6)], &[(S::Rejected, 0, 0), (S::Rejected, 4, 1)]);
    check(&[(Trade, 11, 11, 0)], &[(S::Filled, 11, 1)]);
    check(&[(Trade, -1, -1, 6)], &[(S::Submitted, 0, 1)]);
}

#[test]
fn a_cancel_may_be_refused_and_asked_for_again() {
    let mut bench = Bench::new(&Config::default());
    let id = bench.open(0);
    let cancels =
        |out: &ExecutionSection| out.commands().iter().filter(|c| c.kind == CommandKind::Cancel.code()).count();
    let state = |bench: &Bench| bench.stage.open_orders().next().map(|o| o.state);
    assert_eq!(cancels(&bench.verdict(1, Verdict::CancelAll)), 0, "another instrument");
    let out = bench.verdict(0, Verdict::CancelAll);
    assert_eq!((cancels(&out), out.commands()[0].client_order_id, out.commands()[0].qty), (1, id, Qty(10)));
    assert_eq!(state(&bench), Some(S::PendingCancel));
    assert_eq!(bench.verdict(0, Verdict::None).commands_len, 0);
    bench.report(id, ExecType::New, 0, 0, 10);
    bench.report(id, ExecType::Trade, 4, 4, 6);
    assert_eq!(state(&bench), Some(S::PendingCancel));
    bench.report(id, ExecType::CancelRejected, 0, 4, 6);
    assert_eq!(state(&bench), Some(S::PartiallyFilled));
    assert_eq!(bench.verdict(0, Verdict::CancelAll).commands()[0].qty, Qty(6));
    assert_eq!(cancels(&bench.verdict(0, Verdict::CancelAll)), 1, "again, since nothing came of it");
    bench.report(id, ExecType::Canceled, 0, 4, 0);
    assert_eq!((state(&bench), cancels(&bench.verdict(0, Verdict::CancelAll))), (None, 0));
}

#[test]
fn cancels_beyond_the_section_follow_with_the_next_inputs() {
    let mut bench = Bench::new(&Config::default());
    let ids: Vec<_> = (0..11).map(|i| bench.open(i % 2)).collect();
    let mut cancelled = Vec::new();
    let mut input = Input::new(InputKind::Gate, SourceId::HOST, InstrumentId::NONE, 0, &Nothing {});
    input.payload_len = 0;
    let mut risk = RiskSection::zeroed();
    risk.verdict = Verdict::CancelAll.code();
    let mut out = bench.feed(input, &risk);
    while out.commands_len > 0 {
        assert!(out.commands().len() <= COMMANDS_MAX);
        cancelled.extend(out.commands().iter().map(|c| c.client_order_id));
        // An order that ends meanwhile needs no cancel.
        if cancelled.len() == COMMANDS_MAX {
            bench.report(ids[10], ExecType::Trade, 10, 10, 0);
            let later = bench.audit.last().unwrap().2;
            cancelled.extend(later.commands().iter().map(|c| c.client_order_id));
        }
        out = bench.verdict(0, Verdict::None);
    }
    assert_eq!(cancelled, ids[..10]);
}

#[test]
fn what_cannot_be_kept_is_denied_and_never_sent() {
    let mut bench = Bench::new(&Config { orders_max: 1, finished_max: 1 });
    bench.open(0);
    let out = bench.verdict(0, Verdict::Approved);
    assert_eq!((out.commands_len, out.updated, out.update.state), (0, 1, S::Denied.code()));
    assert_eq!((out.update.anomalous, out.open_orders), (1, 1));
    let out = bench.verdict(3, Verdict::Approved);
    assert_eq!((out.commands_len, out.update.state), (0, S::Denied.code()), "never defined");
    assert_eq!(bench.verdict(0, Verdict::Refused).commands_len, 0);
    let out = bench.report(ClientOrderId(5), ExecType::Trade, 1, 1, 0);
    assert_eq!((out.updated, out.update.anomalous, out.update.last_qty), (1, 1, Qty(1)), "an order of somebody else");
    assert!(ExecutionStage::new(&Config { orders_max: 0, finished_max: 1 }, 1).is_err());
    assert!(ExecutionStage::new(&Config { orders_max: 1, finished_max: 0 }, 1).is_err());
}

#[test]
fn a_finer_scale_keeps_orders_exact() {
    let mut bench = Bench::new(&Config::default());
    let id = bench.open(0);
    bench.report(id, ExecType::Trade, 4, 4, 6);
    bench.define(&Instrument { price_decimals: 2, qty_decimals: 1, ..instrument(0) });
    let order = *bench.stage.open_orders().next().unwrap();
    assert_eq!((order.px, order.qty, order.cum_qty, order.notional), (Px(10_000), Qty(100), Qty(40), 400_000));
    let out = bench.report(id, ExecType::Trade, 60, 100, 0);
    assert_eq!((out.update.last_qty, out.update.state, out.update.anomalous), (Qty(60), S::Filled.code(), 0));
    bench.define(&instrument(0));
    assert_eq!(bench.verdict(0, Verdict::Approved).update.state, S::Denied.code(), "a coarser scale blocks");
}

/// All orders of arrival of up to six events, each once or (the first) twice.
#[test]
fn quantity_is_conserved_in_every_order_of_arrival() {
    use ExecType::{CancelRejected, Canceled, Expired, New, Trade};
    let lives: [&[(ExecType, i64, i64, i64)]; 4] = [
        &[
            (New, 0, 0, 10),
            (Trade, 3, 3, 7),
            (Trade, 2, 5, 5),
            (Trade, 5, 10, 0),
            (CancelRejected, 0, 10, 0),
            (New, 0, 0, 10),
        ],
        &[
            (New, 0, 0, 10),
            (Trade, 3, 3, 7),
            (Trade, 2, 5, 5),
            (Canceled, 0, 5, 0),
            (Canceled, 0, 5, 0),
            (Trade, 2, 5, 5),
        ],
        &[(Trade, 1, 1, 9), (Trade, 9, 10, 0), (Canceled, 0, 10, 0), (New, 0, 0, 10), (Trade, 9, 10, 0)],
        &[(New, 0, 0, 10), (Trade, 4, 4, 6), (CancelRejected, 0, 4, 6), (Expired, 0, 4, 0), (Trade, 4, 4, 6)],
    ];
    let mut schedules = 0;
    for life in lives {
        let filled = life.iter().map(|r| r.2).max().unwrap();
        let mut order: Vec<usize> = (0..life.len()).collect();
        permute(&mut order, 0, &mut |order| {
            // The cancel request may fall anywhere between them.
            for asked in [0, order.len() / 2, order.len()] {
                let mut bench = Bench::new(&Config::default());
                let id = bench.open(0);
                let (mut booked, mut last) = (0, 0);
                for (at, &i) in order.iter().enumerate() {
                    if at == asked {
                        bench.verdict(0, Verdict::CancelAll);
                    }
                    let (exec, qty, cum, leaves) = life[i];
                    let out = bench.report(id, exec, qty, cum, leaves);
                    if out.updated == 1 {
                        booked += out.update.last_qty.0;
                        last = out.update.cum_qty.0;
                        assert_eq!(out.update.notional, i128::from(last) * 100);
                        let over = S::from_code(out.update.state).unwrap().is_over();
                        assert_eq!(out.update.leaves_qty.0, if over { 0 } else { 10 - last });
                    }
                }
                assert_eq!((booked, last), (filled, filled), "{order:?} {asked}");
                assert_eq!(bench.stage.open_orders().count(), 0, "every life ends: {order:?} {asked}");
                schedules += 1;
            }
        });
    }
    assert_eq!(schedules, 3 * (720 + 720 + 120 + 120));
}

fn permute(order: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        visit(order);
        return;
    }
    for i in from..order.len() {
        order.swap(from, i);
        permute(order, from + 1, visit);
        order.swap(from, i);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// Continuous through an epoch, or rebuilt from the audit log and then through it: the same outputs, bit for bit; and
    /// the number of orders at work never passes its bound.
    #[test]
    fn a_restart_changes_nothing(
        before in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..200),
        after in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..100),
    ) {
        let config = Config { orders_max: 12, finished_max: 6 };
        let mut live = Bench::new(&config);
        for op in before {
            step(&mut live, op);
            prop_assert!(live.stage.open_orders().count() <= 12);
        }
        let mut stage = ExecutionStage::new(&config, 4).unwrap();
        for (input, risk, execution) in &live.audit {
            stage.restore(input, risk, execution);
        }
        let mut restored = Bench { stage, sequence: live.sequence, audit: Vec::new(), left: live.left };
        prop_assert!(live.stage.open_orders().eq(restored.stage.open_orders()));
        prop_assert_eq!(bytemuck::bytes_of(&live.epoch(2)).to_vec(), bytemuck::bytes_of(&restored.epoch(2)).to_vec());
        for op in after {
            let (one, two) = (step(&mut live, op), step(&mut restored, op));
            prop_assert_eq!(bytemuck::bytes_of(&one), bytemuck::bytes_of(&two));
        }
    }
}

fn step(bench: &mut Bench, (kind, a, b): (u8, u8, u8)) -> ExecutionSection {
    let exec = ExecType::ALL[usize::from(a) % ExecType::ALL.len()];
    let ids: Vec<_> = bench.stage.open_orders().map(|o| (o.client_order_id, o.cum_qty.0)).collect();
    match kind % 13 {
        12 => bench.state(u32::from(a & 1)),
        0..=4 => bench.verdict(u32::from(a & 1), Verdict::Approved),
        5 => bench.verdict(u32::from(a & 1), Verdict::CancelAll),
        6 | 7 => bench.verdict(0, Verdict::None),
        8..=10 if !ids.is_empty() => {
            let (id, cum) = ids[usize::from(b) % ids.len()];
            let last = if exec == ExecType::Trade { i64::from(b % 7) } else { 0 };
            bench.report(id, exec, last, cum + last, (10 - cum - last).max(0))
        }
        _ => {
            // Some order of the past.
            let id = ClientOrderId::new(1, u64::from(b), 0).unwrap();
            bench.report(id, exec, 3, i64::from(a % 12), 2)
        }
    }
}

/// Bytes of no meaning: nothing panics, and the store stays within its bounds.
#[test]
fn nonsense_is_survived() {
    let mut seed = 5u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 11 ^ seed << 40
    };
    let mut bench = Bench::new(&Config { orders_max: 8, finished_max: 4 });
    let mut sent = 0;
    for round in 0..30_000 {
        if round % 60 == 0 {
            bench = Bench::new(&Config { orders_max: 8, finished_max: 4 });
        }
        let (mut input, mut risk) = (Input::zeroed(), RiskSection::zeroed());
        for bytes in [bytemuck::bytes_of_mut(&mut input), bytemuck::bytes_of_mut(&mut risk)] {
            for chunk in bytes.chunks_mut(8) {
                let word = [0, i64::MAX as u64, i64::MIN as u64, next() & 0xFF, next(), next()][(next() % 6) as usize];
                chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
            }
        }
        let r = next();
        input.kind = if r % 100 < 5 { 1 + (r % 2) as u8 } else { [3, 4, 5, 5, 5, 18][(r % 6) as usize] };
        input.instrument.0 &= 1;
        risk.verdict = (r >> 8) as u8 % 4;
        (risk.side, risk.order_type, risk.time_in_force) = (1 + (r >> 12 & 1) as u8, 1, 1);
        let known = bench.stage.open_orders().next().map(|o| o.client_order_id);
        if let (5, Some(id)) = (input.kind, known) {
            let report = input.payload_mut::<Report>();
            (report.client_order_id, report.side) = (id, 1 + (r >> 20 & 1) as u8);
            report.exec_type = 1 + (r >> 24 & 7) as u8;
            report.cum_qty.0 &= i64::MAX;
        }
        let mut out = ExecutionSection::zeroed();
        input.sequence &= 0xFF_FFFF;
        bench.stage.on_slot(&input, &MarketSection::zeroed(), &risk, &mut out);
        assert!(out.open_orders <= 8);
        sent += out.commands().len();
        for i in 0..out.commands().len() {
            assert!(ApprovedOrder::verify(&risk, &out, i).is_ok());
        }
    }
    assert!(sent > 100, "{sent}");
}
