//! Risk: what the gate and all checks together add to a decision.
//!
//! The same quote with the same signal in three stages, whose portfolios are warm and held: one has just tried and waits, so
//! that it sizes the position and asks no check; in one the closed gate refuses the order (the first row of the table); one has
//! no room for another order (the last row). All else is the same. So *last − held* is everything that the table of checks
//! costs: pricing the order, what it would lead to, all rows, and writing the refusal; *last − first* is the rows behind the
//! first. Before the wire the gate is asked once more (`control::gate`): *pass*. Beside them a quote without a signal, and an
//! approved order with the report that it is over.
//!
//! Blocks in the order A B C … C B A, in one run; printed are medians and the quartiles of the per-block differences.
//! Absolute times prove nothing on a shared machine: `perf/instructions` counts instructions, by
//! `--instructions KIND COUNT`, which runs one kind so many times and says nothing.

use bytemuck::Zeroable;
use std::hint::black_box;
use std::time::Instant;
use tickpath::control::gate::Gate;
use tickpath::event::definition::Definition;
use tickpath::event::input::{EpochStart, GateChange, GateReason, Input, InputKind, Level, Nothing};
use tickpath::event::market::{MarketSection, flags};
use tickpath::event::report::{ExecType, Report};
use tickpath::event::risk::{RiskSection, Verdict};
use tickpath::event::signal::{Direction, SignalSection};
use tickpath::risk::{Config, RiskStage, check_name, portfolio};
use tickpath::types::ids::{ClientOrderId, InstrumentId, SourceId};
use tickpath::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use tickpath::types::price::{Px, Qty, Side};

/// Decisions in a block.
const BLOCK: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A quote without a signal.
    Quote,
    /// Sized, and not asked for: it tried a short while ago.
    Held,
    /// Refused by the first row.
    First,
    /// Refused by the last row.
    Last,
    /// Approved, and over with the next report.
    Approved,
    /// The last gate lets an order pass.
    Pass,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Quote, "quote"),
    (Kind::Held, "held"),
    (Kind::First, "first"),
    (Kind::Last, "last"),
    (Kind::Approved, "approved"),
    (Kind::Pass, "pass"),
];

fn instrument(id: u32) -> Instrument {
    Instrument {
        id: InstrumentId(id),
        symbol: Symbol::from("BTCUSDT").unwrap(),
        venue: VenueKind::Simulated,
        contract: Contract::Linear,
        calendar: Calendar::Crypto,
        price_decimals: 2,
        qty_decimals: 5,
        price_shown: 2,
        qty_shown: 5,
        tick_size: Px(1),
        lot_size: Qty(1),
        multiplier: 1,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        inferred: false,
    }
}

struct Desk {
    stage: RiskStage,
    gate: Gate,
    now: i64,
    sequence: u64,
    market: MarketSection,
    signal: SignalSection,
    out: RiskSection,
}

impl Desk {
    fn new(kind: Kind) -> Self {
        let mut config: Config = tickpath::config::load(None, std::iter::empty()).unwrap().config.risk;
        config.orders.cooldown_ms = if kind == Kind::Held { 864_000_000 } else { 0 };
        config.portfolio = portfolio::Config { samples_min: 20, ..config.portfolio };
        config.limits.duplicate_window_ms = Some(0);
        config.limits.orders_per_window = Some(100_000);
        config.limits.orders_per_window_total = Some(100_000);
        config.limits.messages_per_window = Some(100_000);
        if matches!(kind, Kind::Last | Kind::Held) {
            config.limits.max_open_orders = Some(0);
        }
        let mut market = MarketSection::zeroed();
        market.flags = flags::VALID | flags::TRADING | flags::BOOK_UPDATED;
        (market.bid, market.ask) = (level(6_180_000), level(6_180_010));
        (market.last, market.mark) = (level(6_180_005), Px(6_180_000));
        let mut signal = SignalSection::zeroed();
        (signal.present, signal.direction, signal.confidence) = (1, Direction::Long.code(), 0.9);
        let stage = RiskStage::new(&config, 16).unwrap();
        let out = RiskSection::zeroed();
        let gate = Gate::new(16);
        let mut desk = Self { stage, gate, now: 1_700_000_000_000_000_000, sequence: 0, market, signal, out };
        desk.warm();
        if kind == Kind::Held {
            // The attempt that it waits for.
            desk.decide(kind);
        }
        if kind == Kind::First {
            desk.close(GateReason::Kill, true);
        }
        if kind == Kind::Quote {
            desk.signal.present = 0;
        }
        desk
    }

    fn feed(&mut self, mut input: Input, market: &MarketSection, signal: &SignalSection) {
        self.sequence += 1;
        (input.sequence, input.ts_recv) = (self.sequence, self.now);
        self.stage.on_slot(black_box(&input), black_box(market), black_box(signal), &mut self.out);
        black_box(&self.out);
    }

    fn bare<P: bytemuck::NoUninit>(&mut self, kind: InputKind, id: InstrumentId, payload: &P) {
        let input = Input::new(kind, SourceId::HOST, id, 0, payload);
        self.feed(input, &MarketSection::zeroed(), &SignalSection::zeroed());
    }

    fn close(&mut self, reason: GateReason, closed: bool) {
        let change = GateChange { reason: reason.code(), closed: u8::from(closed), reserved: [0; 6] };
        self.bare(InputKind::Gate, InstrumentId::NONE, &change);
    }

    /// Sixteen instruments, held, with an hour and a half of minutes.
    fn warm(&mut self) {
        self.bare(
            InputKind::Epoch,
            InstrumentId::NONE,
            &EpochStart { epoch: 1, config_hash: [0; 16], build_hash: [0; 16] },
        );
        self.close(GateReason::NotReady, false);
        for id in 0..16 {
            let spec = instrument(id);
            self.bare(InputKind::Definition, spec.id, &Definition::of(&spec));
            let mut report = Report::zeroed();
            (report.client_order_id, report.side) = (ClientOrderId(u64::from(id) + 1), Side::Buy.code());
            report.exec_type = ExecType::Trade.code();
            (report.last_qty, report.cum_qty, report.last_px) = (Qty(1_000), Qty(1_000), Px(6_180_000));
            self.bare(InputKind::Report, spec.id, &report);
        }
        for minute in 0..90i64 {
            self.now += 60_000_000_000;
            for id in 0..16 {
                let mut market = self.market;
                let moved = (minute * 7_919 + i64::from(id) * 104_729) % 9_001 - 4_500;
                (market.bid, market.ask) = (level(6_180_000 + moved), level(6_180_010 + moved));
                let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(id), 0, &Nothing {});
                self.feed(input, &market, &SignalSection::zeroed());
            }
        }
    }

    fn decide(&mut self, kind: Kind) {
        if kind == Kind::Pass {
            let (instrument, venue, strategy) = black_box((InstrumentId(3), VenueKind::Simulated, 0));
            black_box(black_box(&self.gate).lets_pass(instrument, venue, strategy));
            return;
        }
        // Slow enough that no rate is ever used up.
        self.now += 1_000_000;
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(3), 0, &Nothing {});
        let (market, signal) = (self.market, self.signal);
        self.feed(input, &market, &signal);
        if kind == Kind::Approved {
            let mut report = Report::zeroed();
            report.client_order_id = ClientOrderId::new(1, self.sequence, 0).unwrap();
            (report.side, report.exec_type) = (Side::Buy.code(), ExecType::Expired.code());
            let input = Input::new(InputKind::Report, SourceId::REPORT, InstrumentId(3), 0, &report);
            self.feed(input, &market, &SignalSection::zeroed());
        }
    }

    /// Whether it does what its name says.
    fn check(&mut self, kind: Kind) {
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(3), 0, &Nothing {});
        let (market, signal) = (self.market, self.signal);
        self.now += 1_000_000;
        self.feed(input, &market, &signal);
        let told = (self.out.verdict(), check_name(self.out.check));
        match kind {
            Kind::Quote => assert_eq!(told.0, Verdict::None),
            Kind::Held => assert_eq!((told.0, self.out.target.0 > 0), (Verdict::None, true)),
            Kind::Pass => assert!(self.gate.lets_pass(InstrumentId(3), VenueKind::Simulated, 0)),
            Kind::First => assert_eq!(told, (Verdict::Refused, Some("GATE_CLOSED"))),
            Kind::Last => assert_eq!(told, (Verdict::Refused, tickpath::risk::TABLE.last().map(|row| row.name))),
            Kind::Approved => {
                assert_eq!(told.0, Verdict::Approved, "{:?}", told.1);
                let mut report = Report::zeroed();
                report.client_order_id = ClientOrderId::new(1, self.sequence, 0).unwrap();
                (report.side, report.exec_type) = (Side::Buy.code(), ExecType::Expired.code());
                let input = Input::new(InputKind::Report, SourceId::REPORT, InstrumentId(3), 0, &report);
                self.feed(input, &market, &SignalSection::zeroed());
            }
        }
    }
}

fn level(px: i64) -> Level {
    Level { px: Px(px), qty: Qty(100_000) }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, kind, count, ..] = arguments.as_slice()
        && flag == "--instructions"
    {
        let (kind, _) = KINDS.into_iter().find(|(_, name)| name == kind).expect("a kind");
        let mut desk = Desk::new(kind);
        for _ in 0..count.parse::<u64>().expect("a count") {
            desk.decide(kind);
        }
        return;
    }
    let rounds = if arguments.iter().any(|a| a == "--quick") { 50 } else { 1_500 };
    let mut desks = KINDS.map(|(kind, _)| (kind, Desk::new(kind)));
    for (kind, desk) in &mut desks {
        desk.check(*kind);
    }
    let mut times: [Vec<f64>; KINDS.len()] = Default::default();
    for _ in 0..rounds {
        let mut sums = [0.0; KINDS.len()];
        for at in (0..KINDS.len()).chain((0..KINDS.len()).rev()) {
            let (kind, desk) = &mut desks[at];
            let from = Instant::now();
            for _ in 0..BLOCK {
                desk.decide(*kind);
            }
            sums[at] += from.elapsed().as_nanos() as f64 / (2 * BLOCK) as f64;
        }
        for (list, sum) in times.iter_mut().zip(sums) {
            list.push(sum);
        }
    }
    let at = |list: &[f64], part: f64| {
        let mut list = list.to_vec();
        list.sort_by(f64::total_cmp);
        list[(part * (list.len() - 1) as f64) as usize]
    };
    for ((_, name), list) in KINDS.iter().zip(&times) {
        println!("{name:<10} {:>6.1} ns (quartiles {:.1} to {:.1})", at(list, 0.5), at(list, 0.25), at(list, 0.75));
    }
    let [_, held, first, last, _, pass] = &times;
    let each = |of: fn(f64, f64, f64, f64) -> f64| -> Vec<f64> {
        (0..rounds).map(|i| of(held[i], first[i], last[i], pass[i])).collect()
    };
    let say = |what: &str, list: &[f64]| {
        println!("{what}: {:.1} ns (quartiles {:.1} to {:.1})", at(list, 0.5), at(list, 0.25), at(list, 0.75));
    };
    let rows = tickpath::risk::ROWS;
    say(&format!("the {} rows behind the first (last − first)", rows - 1), &each(|_, first, last, _| last - first));
    say(&format!("gate and all {rows} checks (last − held + pass)"), &each(|held, _, last, pass| last - held + pass));
    let share = each(|held, _, last, pass| (last - held + pass) / (last + pass));
    println!("that is {:.0} % of the path through the stage and the last gate", 100.0 * at(&share, 0.5));
}
