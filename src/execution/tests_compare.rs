//! Hot: tests: a venue that is a plain list of orders and fills states what it has; each way of differing is found.

use super::config::Config;
use super::stage::ExecutionStage;
use crate::event::definition::Definition;
use crate::event::execution::{Agreement, ExecutionSection, OrderType, TimeInForce, differs};
use crate::event::input::{EpochStart, Input, InputKind, Nothing};
use crate::event::market::MarketSection;
use crate::event::report::{ExecType, Report};
use crate::event::risk::{RiskSection, Verdict};
use crate::event::statement::{OrdersCount, Statement, Traded};
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty, Side};
use bytemuck::Zeroable;
use proptest::prelude::*;

const A: InstrumentId = InstrumentId(0);
const NONE: InstrumentId = InstrumentId::NONE;

fn instrument(id: u32, qty_decimals: u8) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        symbol: Symbol::from(if id == 0 { "A" } else { "B" }).unwrap(),
        venue: VenueKind::Simulated,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 0,
        qty_decimals,
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

/// An order at the venue.
#[derive(Clone, Copy, Debug)]
struct Resting {
    id: ClientOrderId,
    instrument: InstrumentId,
    side: Side,
    qty: i64,
    cum: i64,
}

/// Stage, venue, and what risk would say: all sums made anew each time.
struct Bench {
    stage: ExecutionStage,
    sequence: u64,
    decimals: [u8; 2],
    venue: Vec<Resting>,
    traded: [Traded; 2],
    /// Risk's position, and its open orders as (instrument, side, open).
    position: [i64; 2],
    sent: Vec<Resting>,
    /// The last of our orders that the venue has taken.
    arrived: u64,
}

impl Bench {
    fn new(position: i64) -> Self {
        let mut bench = Self {
            stage: ExecutionStage::new(&Config::default(), 2).unwrap(),
            sequence: 0,
            decimals: [0; 2],
            venue: Vec::new(),
            traded: [Traded::default(); 2],
            position: [position; 2],
            sent: Vec::new(),
            arrived: 0,
        };
        bench.start();
        bench
    }

    fn start(&mut self) {
        let start = EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] };
        self.feed(Input::new(InputKind::Epoch, SourceId::HOST, NONE, 0, &start), Verdict::None);
        self.traded = [Traded::default(); 2];
        for id in 0..2 {
            self.define(id);
        }
    }

    fn define(&mut self, id: u32) {
        self.feed(Definition::input(&instrument(id, self.decimals[id as usize]), 0), Verdict::None);
    }

    fn feed(&mut self, mut input: Input, verdict: Verdict) -> ExecutionSection {
        self.sequence += 1;
        input.sequence = self.sequence;
        let mut risk = RiskSection::zeroed();
        if input.instrument.is_some() {
            risk.position = Qty(self.position[input.instrument.index()]);
            let of = |side: Side| {
                let open = self.sent.iter().filter(|o| o.instrument == input.instrument && o.side == side);
                Qty(open.map(|o| o.qty - o.cum).sum())
            };
            (risk.open_buy, risk.open_sell) = (of(Side::Buy), of(Side::Sell));
        }
        (risk.verdict, risk.side) = (verdict.code(), input.flags);
        (risk.order_type, risk.time_in_force) = (OrderType::Limit.code(), TimeInForce::Gtc.code());
        (risk.qty, risk.px) = (Qty(10), Px(100));
        let mut out = ExecutionSection::zeroed();
        self.stage.on_slot(&input, &MarketSection::zeroed(), &risk, &mut out);
        out
    }

    /// An order leaves; the venue does not have it yet.
    fn send(&mut self, id: u32, side: Side) -> Resting {
        let mut input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(id), 0, &Nothing {});
        input.flags = side.code();
        let out = self.feed(input, Verdict::Approved);
        let [command] = out.commands() else { panic!("{:?}", out.commands()) };
        let id = command.client_order_id;
        let order = Resting { id, instrument: command.instrument, side, qty: command.qty.0, cum: 0 };
        self.sent.push(order);
        order
    }

    fn report(&mut self, order: &Resting, exec: ExecType, last: i64) {
        let mut report = Report::zeroed();
        report.client_order_id = order.id;
        (report.exec_type, report.side) = (exec.code(), order.side.code());
        (report.last_px, report.last_qty, report.cum_qty) = (Px(100), Qty(last), Qty(order.cum));
        report.leaves_qty = Qty(if exec == ExecType::Canceled { 0 } else { order.qty - order.cum });
        let input = Input::new(InputKind::Report, SourceId::REPORT, order.instrument, 0, &report);
        self.feed(input, Verdict::None);
    }

    /// The venue takes it; `told`: and says so.
    fn accept(&mut self, order: Resting, told: bool) {
        self.venue.push(order);
        self.take(&order);
        if told {
            self.report(&order, ExecType::New, 0);
        }
    }

    /// The venue has it, whatever it does with it.
    fn take(&mut self, order: &Resting) {
        self.arrived = self.arrived.max(order.id.sequence());
    }

    /// The venue refuses an order, and nobody is told.
    fn refuse_untold(&mut self) {
        let order = self.send(0, Side::Sell);
        self.take(&order);
    }

    /// The venue fills `qty` of the order at `at`; execution and risk are told, or not.
    fn fill(&mut self, at: usize, qty: i64, execution: bool, risk: bool) {
        self.venue[at].cum += qty;
        let order = self.venue[at];
        self.traded[order.instrument.index()].add(order.side, qty);
        if risk {
            self.position[order.instrument.index()] += order.side.sign() * qty;
            self.sent.iter_mut().filter(|o| o.id == order.id).for_each(|o| o.cum += qty);
        }
        if execution {
            self.report(&order, ExecType::Trade, qty);
        }
        self.venue.retain(|o| o.cum < o.qty);
        self.sent.retain(|o| o.cum < o.qty);
    }

    fn cancel(&mut self, at: usize, told: bool) {
        let order = self.venue.remove(at);
        if told {
            self.sent.retain(|o| o.id != order.id);
            self.report(&order, ExecType::Canceled, 0);
        }
    }

    fn statement(&self, instrument: InstrumentId) -> Statement {
        let mut open = OrdersCount::default();
        for o in self.venue.iter().filter(|o| o.instrument == instrument || instrument == NONE) {
            open.add(o.id, o.instrument, o.side, Qty(o.qty - o.cum));
        }
        let mut statement = Statement { open, arrived: self.arrived, ..Statement::default() };
        if instrument != NONE {
            statement.traded = self.traded[instrument.index()];
            statement.qty_decimals = self.decimals[instrument.index()];
        }
        statement
    }

    fn state(&mut self, instrument: InstrumentId) -> ExecutionSection {
        let statement = self.statement(instrument);
        self.feed(Input::new(InputKind::Statement, SourceId::REPORT, instrument, 0, &statement), Verdict::None)
    }

    /// What a statement on the instrument, and one on all orders, differ in.
    fn differs(&mut self) -> (u8, u8) {
        (self.state(A).differs, self.state(NONE).differs)
    }
}

/// What happens, then in what the statements on `A` and on the whole differ.
fn check(name: &str, happens: impl Fn(&mut Bench), of_a: u8, of_all: u8) {
    // Also where something is held from before.
    for position in [0, -7] {
        let mut bench = Bench::new(position);
        assert_eq!(bench.differs(), (0, 0), "{name}: before");
        let order = bench.send(0, Side::Buy);
        bench.accept(order, true);
        let other = bench.send(1, Side::Sell);
        bench.accept(other, true);
        assert_eq!(bench.differs(), (0, 0), "{name}: with two orders");
        happens(&mut bench);
        assert_eq!(bench.differs(), (of_a, of_all), "{name}, {position} held");
    }
}

#[test]
fn what_agrees_agrees() {
    check("a fill", |b| b.fill(0, 4, true, true), 0, 0);
    check("a full fill", |b| b.fill(0, 10, true, true), 0, 0);
    check("a cancel", |b| b.cancel(0, true), 0, 0);
    let under_way = |b: &mut Bench| {
        b.send(0, Side::Sell);
    };
    check("an order under way", under_way, 0, 0);
    check("a repeated report", |b| (0..2).for_each(|_| b.report(&b.venue[0].clone(), ExecType::New, 0)), 0, 0);
    check("finer quantities", Bench::finer, 0, 0);
    let in_both_units = |b: &mut Bench| {
        b.fill(0, 4, true, true);
        b.finer();
        b.fill(0, 40, true, true);
    };
    check("filled in both units", in_both_units, 0, 0);
}

#[test]
fn each_loss_is_found_where_it_lies() {
    use differs::{FILLS, OPEN, ORDERS, POSITION, UNANSWERED};
    check("a fill that nobody was told of", |b| b.fill(0, 4, false, false), ORDERS | FILLS, ORDERS);
    check("one that risk did not take", |b| b.fill(0, 4, true, false), POSITION | OPEN, 0);
    check("one that only risk took", |b| b.fill(0, 4, false, true), ORDERS | FILLS | POSITION | OPEN, ORDERS);
    check("a full fill that was lost", |b| b.fill(0, 10, false, false), ORDERS | FILLS, ORDERS);
    check("a cancel that was lost", |b| b.cancel(0, false), ORDERS, ORDERS);
    check("an acceptance that was lost", |b| b.accept_untold(0), ORDERS, ORDERS | UNANSWERED);
    check("a refusal that was lost", Bench::refuse_untold, 0, UNANSWERED);
    let both = |b: &mut Bench| {
        b.accept_untold(0);
        b.cancel(2, false);
    };
    check("an acceptance and a cancel", both, 0, UNANSWERED);
    let filled = |b: &mut Bench| {
        b.accept_untold(0);
        b.fill(2, 10, false, false);
    };
    check("an acceptance and a full fill", filled, FILLS, UNANSWERED);
    check("another instrument's fill", |b| b.fill(1, 4, false, false), 0, ORDERS);
    check(
        "an order that nobody here sent",
        |b| b.venue.push(Resting { id: ClientOrderId(77), ..b.venue[0] }),
        ORDERS,
        ORDERS,
    );
    check("a position that moved by itself", |b| b.position[0] += 1, POSITION, 0);
    check("risk counts an order that is gone", |b| b.sent.push(b.venue[0]), OPEN, 0);
}

impl Bench {
    /// Instrument 0 is counted in tenths of what it was.
    fn finer(&mut self) {
        self.decimals[0] += 1;
        for order in self.venue.iter_mut().chain(&mut self.sent).filter(|o| o.instrument == A) {
            (order.qty, order.cum) = (order.qty * 10, order.cum * 10);
        }
        self.position[0] *= 10;
        self.traded[0].rescale(10);
        self.define(0);
    }

    fn accept_untold(&mut self, id: u32) {
        let order = self.send(id, Side::Sell);
        self.accept(order, false);
    }
}

#[test]
fn a_difference_is_told_when_it_comes_and_goes_and_counts_while_it_lasts() {
    let mut bench = Bench::new(0);
    let told = |out: ExecutionSection| (out.agreement, out.agreement_changed, out.differing);
    let (agrees, differ) = (Agreement::Agrees.code(), Agreement::Differs.code());
    assert_eq!(told(bench.state(A)), (agrees, 1, 0), "the first of a start is news");
    assert_eq!(told(bench.state(A)), (agrees, 0, 0));
    bench.position[0] = 3;
    assert_eq!(told(bench.state(A)), (differ, 1, 1));
    assert_eq!(told(bench.state(A)), (differ, 0, 1));
    assert_eq!(told(bench.state(InstrumentId(1))), (agrees, 1, 1), "one that agrees does not hide the other");
    bench.venue.push(Resting { id: ClientOrderId(5), instrument: InstrumentId(1), side: Side::Buy, qty: 1, cum: 0 });
    assert_eq!(told(bench.state(NONE)), (differ, 1, 2));
    bench.venue.clear();
    assert_eq!(told(bench.state(NONE)), (agrees, 1, 1));
    bench.position[0] = 0;
    assert_eq!(told(bench.state(A)), (agrees, 1, 0));
    // A start begins anew, from what is held by then.
    bench.position[0] = 9;
    bench.start();
    assert_eq!(told(bench.state(A)), (agrees, 1, 0));
}

#[test]
fn what_cannot_be_compared_says_nothing() {
    let mut bench = Bench::new(0);
    let mut statement = bench.statement(A);
    statement.qty_decimals = 3;
    let input = Input::new(InputKind::Statement, SourceId::REPORT, A, 0, &statement);
    assert_eq!(bench.feed(input, Verdict::None).agreement, Agreement::None.code());
    // One that is beyond the room is nobody's.
    let stated = Statement::default();
    let mut stage = ExecutionStage::new(&Config::default(), 1).unwrap();
    let input = Input::new(InputKind::Statement, SourceId::REPORT, InstrumentId(4), 0, &stated);
    let mut out = ExecutionSection::zeroed();
    stage.on_slot(&input, &MarketSection::zeroed(), &RiskSection::zeroed(), &mut out);
    assert_eq!((out.agreement, out.differs), (0, 0));
}

#[test]
fn an_order_under_way_is_awaited_however_long_it_takes_and_one_that_was_taken_is_not() {
    let mut bench = Bench::new(0);
    let silent = bench.send(0, Side::Buy);
    for _ in 0..5 {
        let out = bench.state(NONE);
        assert_eq!((out.unanswered, out.differs), (0, 0), "it has not reached the venue");
    }
    // Messages keep their order: what takes the second has taken the first.
    let answered = bench.send(0, Side::Buy);
    bench.accept(answered, true);
    let out = bench.state(NONE);
    assert_eq!((out.unanswered, out.differs), (1, differs::UNANSWERED));
    bench.accept(silent, true);
    let out = bench.state(NONE);
    assert_eq!((out.unanswered, out.agreement), (0, Agreement::Agrees.code()));
}

#[test]
fn many_orders_behind_one_without_an_answer_need_no_more_room() {
    let mut bench = Bench::new(0);
    bench.refuse_untold();
    for _ in 0..3_000 {
        let order = bench.send(0, Side::Buy);
        bench.accept(order, true);
        bench.cancel(0, true);
    }
    assert_eq!(bench.state(NONE).unanswered, 1);
}

proptest! {
    /// Whatever happens in whatever order: while all is told they agree; the first loss is found by the next statement.
    #[test]
    fn all_told_agrees_and_the_first_loss_is_found(
        steps in proptest::collection::vec((0..5u8, 0..8usize, 1..10i64), 1..60), loss in 0..60usize,
    ) {
        let mut bench = Bench::new(0);
        for (number, (what, at, qty)) in steps.into_iter().enumerate() {
            let open = bench.venue.len();
            let told = number < loss;
            match what {
                0 | 1 => {
                    let order = bench.send(at as u32 % 2, if what == 0 { Side::Buy } else { Side::Sell });
                    bench.accept(order, told);
                }
                2 if open > 0 => bench.cancel(at % open, told),
                3 if open > 0 => {
                    let order = bench.venue[at % open];
                    bench.fill(at % open, qty.min(order.qty - order.cum), told, told);
                }
                _ => continue,
            }
            let of = (0..2).map(|id| bench.state(InstrumentId(id)).differs).fold(0, |all, one| all | one);
            let all = bench.state(NONE).differs;
            prop_assert_eq!((of == 0, all == 0), (told, told));
            if !told || bench.sent.len() > 60 {
                return Ok(());
            }
        }
        bench.send(0, Side::Sell);
        prop_assert_eq!(bench.differs(), (0, 0), "one under way");
    }
}
