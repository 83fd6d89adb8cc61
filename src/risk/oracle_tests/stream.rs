//! Hot: tests: random streams, and the comparison.

use super::Tally;
use super::verdict::Asked;
use super::world::{CAPITAL, COLD_PPM, CONCENTRATION_BASE, DAY, Fact, RATE_WINDOW, REPEAT_WINDOW, Rules, World, at};
use crate::event::definition::Definition;
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind, Level, Nothing};
use crate::event::market::{MarketSection, flags};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::event::report::{ExecType, Report};
use crate::event::risk::{RiskSection, Verdict, marks};
use crate::event::signal::{Direction, SignalSection};
use crate::risk::config::{Config, InstrumentLimits, Limits, Orders, Sizing, Style};
use crate::risk::{ROWS, RiskStage, TABLE, amount_text, portfolio};
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::{Contract, Instrument};
use crate::types::price::{Px, Qty, Side};
use bytemuck::Zeroable;
use core::sync::atomic::Ordering;

const INSTRUMENTS: usize = 2;
const STEPS: u32 = 28;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// The configuration with its limits, in the units of the table, and the same as the oracle has them.
fn setting(random: &mut Random) -> (Config, Rules) {
    let e8 = 100_000_000;
    // Each limit near what the streams do; now and then one is far away, so that others come to their turn.
    let mut value = |row: usize| -> i128 {
        let mut between = |low: i64, high: i64| i128::from(random.within(low, high));
        let near = match TABLE[row].key.unwrap_or("") {
            "max_order_qty" => between(20, 140) * e8 * e8 * 100,
            "max_order_notional" => between(2_000, 14_000) * e8,
            "price_collar_ppm" | "last_collar_ppm" => between(5_000, 120_000),
            "static_collar_ppm" => between(50_000, 400_000),
            "max_price_age_ms" => between(20, 3_000) * 1_000_000,
            "max_position" => between(40, 200) * e8 * e8 * 100,
            "max_gross_notional" | "max_net_notional" => between(4_000, 24_000) * e8,
            "max_leverage" => between(80_000, 500_000),
            "max_concentration_ppm" => between(300_000, 1_000_000),
            "orders_per_window" => between(1, 4),
            "orders_per_window_total" => between(1, 5),
            "messages_per_window" => between(1, 8),
            "repeat_executions" => between(1, 4),
            "duplicate_window_ms" => between(0, 400) * 1_000_000,
            "max_open_orders" => between(1, 4),
            "max_daily_loss" => between(0, 1_500) * e8,
            "max_drawdown" => between(100, 3_000) * e8,
            "max_var" => between(1_500, 6_000) * e8,
            "max_expected_shortfall" => between(800, 4_000) * e8,
            _ => return 0,
        };
        if random.below(6) > 0 {
            let far = if TABLE[row].key == Some("duplicate_window_ms") { 0 } else { 1_000_000_000 };
            return match TABLE[row].key.unwrap_or("") {
                "max_open_orders" => 16,
                "orders_per_window" | "orders_per_window_total" | "messages_per_window" | "repeat_executions" => 1_000,
                "max_price_age_ms" => 864_000_000_000_000,
                "duplicate_window_ms" => far,
                _ if near > e8 * e8 => far * e8 * e8 * 100,
                _ if near > 10 * e8 => far * e8,
                _ => far,
            };
        }
        near
    };
    let mut configured = [0; ROWS];
    for (row, limit) in configured.iter_mut().enumerate() {
        *limit = value(row);
    }
    let mut own = std::collections::BTreeMap::new();
    for row in (0..ROWS).filter(|row| TABLE[*row].per_instrument) {
        let limit = value(row);
        if limit % 3 == 0 {
            own.insert(row, limit);
        }
    }
    let mut ceiling = configured;
    for row in (0..ROWS).filter(|row| TABLE[*row].key.is_some()) {
        if random.once_in(2) {
            ceiling[row] = match TABLE[row].key {
                Some("duplicate_window_ms") => configured[row] / 2_000_000 * 1_000_000,
                Some("max_open_orders") => 16,
                Some("max_price_age_ms") => 864_000_000_000_000,
                _ => configured[row] * 2,
            };
        }
    }
    let limits = |row: &[i128; ROWS]| {
        let text = |key: &str| {
            let at = TABLE.iter().position(|r| r.key == Some(key)).unwrap();
            amount_text(TABLE[at].unit, row[at]).trim_end_matches("ms").trim_end_matches("ppm").to_owned()
        };
        let number = |key: &str| Some(text(key).parse::<u32>().unwrap());
        Limits {
            max_order_qty: Some(text("max_order_qty")),
            max_order_notional: Some(text("max_order_notional")),
            price_collar_ppm: number("price_collar_ppm"),
            last_collar_ppm: number("last_collar_ppm"),
            static_collar_ppm: number("static_collar_ppm"),
            max_price_age_ms: Some(text("max_price_age_ms").parse().unwrap()),
            max_position: Some(text("max_position")),
            max_gross_notional: Some(text("max_gross_notional")),
            max_net_notional: Some(text("max_net_notional")),
            max_leverage: Some(text("max_leverage")),
            max_concentration_ppm: number("max_concentration_ppm"),
            concentration_base: Some((CONCENTRATION_BASE / e8).to_string()),
            orders_per_window: number("orders_per_window"),
            orders_per_window_total: number("orders_per_window_total"),
            messages_per_window: number("messages_per_window"),
            rate_window_ms: Some(RATE_WINDOW as u64 / 1_000_000),
            repeat_executions: number("repeat_executions"),
            repeat_window_ms: Some(REPEAT_WINDOW as u64 / 1_000_000),
            duplicate_window_ms: Some(text("duplicate_window_ms").parse().unwrap()),
            max_open_orders: number("max_open_orders"),
            max_daily_loss: Some(text("max_daily_loss")),
            max_drawdown: Some(text("max_drawdown")),
            max_var: Some(text("max_var")),
            max_expected_shortfall: Some(text("max_expected_shortfall")),
        }
    };
    let mut own_row = configured;
    for (row, limit) in &own {
        own_row[*row] = *limit;
    }
    let all = limits(&own_row);
    let has = |key: &str| own.keys().any(|row| TABLE[*row].key == Some(key));
    let of_second = InstrumentLimits {
        max_order_qty: all.max_order_qty.filter(|_| has("max_order_qty")),
        max_order_notional: all.max_order_notional.filter(|_| has("max_order_notional")),
        price_collar_ppm: all.price_collar_ppm.filter(|_| has("price_collar_ppm")),
        last_collar_ppm: all.last_collar_ppm.filter(|_| has("last_collar_ppm")),
        static_collar_ppm: all.static_collar_ppm.filter(|_| has("static_collar_ppm")),
        max_price_age_ms: all.max_price_age_ms.filter(|_| has("max_price_age_ms")),
        max_position: all.max_position.filter(|_| has("max_position")),
        max_concentration_ppm: all.max_concentration_ppm.filter(|_| has("max_concentration_ppm")),
        orders_per_window: all.orders_per_window.filter(|_| has("orders_per_window")),
        repeat_executions: all.repeat_executions.filter(|_| has("repeat_executions")),
        duplicate_window_ms: all.duplicate_window_ms.filter(|_| has("duplicate_window_ms")),
        ..InstrumentLimits::default()
    };
    let style = [Style::OwnBest, Style::Mid, Style::Cross, Style::Market][random.below(4) as usize];
    let config = Config {
        capital: Some((CAPITAL / e8).to_string()),
        cold_tail_ppm: Some(COLD_PPM as u32),
        sizing: Sizing { notional_per_position: "9000".into(), rebalance_ppm: 20_000, ..Sizing::default() },
        orders: Orders {
            style,
            cooldown_ms: 0,
            cancel_retry_ms: 50,
            order_ttl_ms: 4_000,
            orders_max: 16,
            finished_max: 64,
            ..Orders::default()
        },
        limits: limits(&configured),
        ceilings: limits(&ceiling),
        instruments: [("SECOND".to_owned(), of_second)].into(),
        portfolio: portfolio::Config { window: 20, samples_min: 20, covariance_max: 2, ..portfolio::Config::default() },
        ..Config::default()
    };
    (config, Rules { configured, ceiling, own })
}

fn instrument(random: &mut Random, id: u32) -> Instrument {
    Instrument {
        symbol: crate::types::instrument::Symbol::from(if id == 1 { "SECOND" } else { "FIRST" }).unwrap(),
        contract: if random.once_in(5) { Contract::Inverse } else { Contract::Linear },
        price_decimals: random.below(3) as u8,
        qty_decimals: random.below(3) as u8,
        tick_size: Px(random.within(1, 3)),
        lot_size: Qty(random.within(1, 3)),
        multiplier: if random.once_in(3) { 3 } else { 1 },
        ..crate::risk::testing::instrument(id)
    }
}

/// One stream: the stage, what happened so far, and what the venue has.
struct Run<'a> {
    random: Random,
    tally: &'a Tally,
    stage: RiskStage,
    rules: Rules,
    log: Vec<(i64, Fact)>,
    now: i64,
    sequence: u64,
    epoch: u64,
    specs: [Instrument; INSTRUMENTS],
    defined: [bool; INSTRUMENTS],
    mid2: [i64; INSTRUMENTS],
    /// Orders at the venue: id, instrument, side, quantity, filled.
    venue: Vec<(u64, usize, Side, i64, i64)>,
}

pub(super) fn run(seed: u64, tally: &Tally) {
    let mut random = Random(seed);
    let (config, rules) = setting(&mut random);
    let specs = [instrument(&mut random, 0), instrument(&mut random, 1)];
    let scale = |s: &Instrument| 2 * 100 * 10i64.pow(u32::from(s.price_decimals));
    let mut run = Run {
        stage: RiskStage::new(&config, INSTRUMENTS).unwrap(),
        mid2: [scale(&specs[0]), scale(&specs[1])],
        log: Vec::new(),
        now: 40 * DAY + random.within(0, DAY - 1),
        sequence: 0,
        epoch: 1,
        specs,
        defined: [false; INSTRUMENTS],
        venue: Vec::new(),
        rules,
        random,
        tally,
    };
    run.begin();
    for _ in 0..STEPS {
        run.step();
    }
}

impl Run<'_> {
    fn begin(&mut self) {
        let start = EpochStart { epoch: self.epoch, config_hash: [0; 16], build_hash: [0; 16] };
        self.bare(InputKind::Epoch, None, &start, &[Fact::Epoch]);
        for id in 0..INSTRUMENTS {
            if self.epoch > 1 && self.defined[id] || !self.random.once_in(12) {
                self.define(id);
            }
        }
        if !self.random.once_in(12) {
            self.gate(GateReason::NotReady.code(), false);
        }
    }

    fn define(&mut self, id: usize) {
        self.defined[id] = true;
        let spec = self.specs[id];
        self.bare(InputKind::Definition, Some(id), &Definition::of(&spec), &[Fact::Define(spec)]);
    }

    fn gate(&mut self, reason: u8, closed: bool) {
        let change = GateChange { reason, closed: u8::from(closed), reserved: [0; 6] };
        self.bare(InputKind::Gate, None, &change, &[Fact::Gate(reason, closed)]);
    }

    fn bare<P: bytemuck::NoUninit>(
        &mut self,
        kind: InputKind,
        id: Option<usize>,
        payload: &P,
        facts: &[Fact],
    ) -> RiskSection {
        let about = id.map_or(InstrumentId::NONE, |id| InstrumentId(id as u32));
        let input = Input::new(kind, SourceId::HOST, about, 0, payload);
        self.feed(input, &MarketSection::zeroed(), &SignalSection::zeroed(), facts)
    }

    fn step(&mut self) {
        let id = self.random.below(INSTRUMENTS as u64) as usize;
        match self.random.below(60) {
            0 => self.now += self.random.within(1, 30) * 3_600_000_000_000,
            1 => self.now -= self.random.within(1, 2_000_000),
            2..=30 => self.now += self.random.within(0, 20_000_000),
            31..=50 => self.now += self.random.within(0, 400_000_000),
            _ => {}
        }
        match self.random.below(100) {
            0..=44 => self.market(id, true),
            45..=52 => self.market(id, false),
            53..=84 => self.report(id),
            85..=88 => {
                let reason = self.random.within(1, 13) as u8;
                let closed = self.random.once_in(8);
                self.gate(reason, closed);
            }
            89..=97 => self.command(id),
            98 => self.define(id),
            _ => {
                self.epoch += 1;
                self.begin();
            }
        }
    }

    fn market(&mut self, id: usize, signals: bool) {
        let (random, spec) = (&mut self.random, &self.specs[id]);
        let tick = spec.tick_size.0;
        let wide = (self.mid2[id] / 20).max(4);
        if random.once_in(2) {
            self.mid2[id] = (self.mid2[id] + random.within(-wide, wide) / 4).max(40 * tick);
        }
        if random.once_in(25) {
            self.mid2[id] = (self.mid2[id] + random.within(-4 * wide, 4 * wide)).max(40 * tick);
        }
        let (mid, half) = (self.mid2[id] / 2, (wide / 40).max(1));
        let bid = (mid - half) / tick * tick;
        let level = |px: i64| Level { px: Px(px), qty: Qty(10) };
        let mut market = MarketSection::zeroed();
        market.flags = flags::VALID | flags::TRADING | flags::BOOK_UPDATED;
        (market.bid, market.ask) = (level(bid), level(bid + tick * random.within(1, 4)));
        if random.once_in(3) {
            market.last = level(mid + random.within(-wide / 2, wide / 2));
        }
        if random.once_in(6) {
            market.mark = Px(mid + random.within(-wide / 4, wide / 4));
        }
        match random.below(60) {
            0 => market.flags |= flags::STALE,
            1 => (market.flags, market.invalid_reason) = (market.flags & !flags::VALID, random.within(1, 11) as u8),
            2 => market.flags &= !flags::TRADING,
            3 => market.bid.qty = Qty(0),
            _ => {}
        }
        let told = !random.once_in(3);
        if !told {
            market.flags &= !flags::BOOK_UPDATED;
        }
        let kind = if told { InputKind::Quote } else { InputKind::Trade };
        let mut signal = SignalSection::zeroed();
        if signals {
            let direction = [Direction::Long, Direction::Short, Direction::Flat][random.below(3) as usize];
            (signal.present, signal.direction, signal.confidence) = (1, direction.code(), 0.9);
        }
        let mid2 = (market.bid.qty.0 > 0).then(|| i128::from(market.bid.px.0) + i128::from(market.ask.px.0));
        let mark2 = (market.mark.0 != 0).then(|| 2 * i128::from(market.mark.0));
        let input = Input::new(kind, SourceId::FEED_FIRST, InstrumentId(id as u32), 0, &Nothing {});
        // Without a mid yet, the venue's mark stands for it; the streams leave that out.
        if mid2.is_none() && mark2.is_some() {
            return;
        }
        self.feed(input, &market, &signal, &[Fact::Market(id, mid2, told)]);
    }

    fn report(&mut self, id: usize) {
        let mut report = Report::zeroed();
        let random = &mut self.random;
        let px = self.mid2[id] / 2;
        let n = self.venue.len() as u64;
        let mut about = id;
        if !self.defined[id] && !random.once_in(20) {
            return;
        }
        if n == 0 || random.once_in(12) {
            // An order that is not ours.
            let qty = random.within(1, 20);
            report.client_order_id = ClientOrderId((0xFFFF << 48) | (random.below(4) + 1 + 8 * id as u64));
            if random.once_in(40) {
                // One that the venue told of another instrument before.
                report.client_order_id.0 = 0xFFFF << 48 | 1;
            }
            report.side = 1 + random.below(2) as u8;
            report.exec_type = if random.once_in(4) { ExecType::New.code() } else { ExecType::Trade.code() };
            (report.last_qty, report.cum_qty) = (Qty(qty), Qty(qty + random.within(0, 5)));
        } else {
            // Mostly a live one; but also one that is over, for what comes late.
            let at = if random.once_in(4) { random.below(n) } else { n - 1 - random.below(n.min(4)) };
            let (order, instrument, side, qty, cum) = self.venue[at as usize];
            about = instrument;
            (report.client_order_id, report.side) = (ClientOrderId(order), side.code());
            let fill = random.within(1, qty.max(1)).min((qty - cum).max(0));
            let (exec, new) = match random.below(14) {
                0 | 1 => (ExecType::New, 0),
                2..=7 if fill > 0 => (ExecType::Trade, fill),
                8 if fill > 0 => (ExecType::Trade, qty - cum),
                9 | 10 => (ExecType::Canceled, 0),
                11 => (ExecType::Expired, 0),
                12 => (ExecType::Rejected, 0),
                _ => (ExecType::CancelRejected, 0),
            };
            report.exec_type = exec.code();
            let overtaken = random.once_in(8);
            let now = cum + new;
            if !overtaken {
                self.venue[at as usize].4 = now;
            }
            (report.last_qty, report.cum_qty) = (Qty(new), Qty(now));
            report.leaves_qty = Qty(if matches!(exec, ExecType::New | ExecType::Trade) { qty - now } else { 0 });
        }
        if random.once_in(150) {
            report.exec_type = 99;
        }
        report.last_px = Px(px + random.within(-px / 30 - 1, px / 30 + 1));
        report.fee = i128::from(random.within(-2, 9));
        let px = self.specs[about].contract == Contract::Inverse;
        if px {
            report.fee *= 1_000_000_000_000;
        }
        let twice = random.once_in(10);
        for _ in 0..=usize::from(twice) {
            self.bare(InputKind::Report, Some(about), &report, &[Fact::Report(about, report)]);
        }
    }

    fn command(&mut self, id: usize) {
        let random = &mut self.random;
        let pick = |random: &mut Random, all: &[u8]| all[random.below(all.len() as u64) as usize];
        let action = pick(random, &[1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10, 12, 13, 14, 15]);
        let scope = pick(random, &[1, 1, 2, 3, 3, 3, 4, 4]);
        let mut command = OperatorCommand::new(OperatorAction::CancelAll, Scope::Host, "ann", "stream");
        (command.action, command.scope) = (action, scope);
        if random.once_in(40) {
            command.scope = 7;
        }
        command.scope_id = match scope {
            2 => u32::from(pick(random, &[6, 6, 6, 1, 77])),
            4 => u32::from(random.once_in(6)),
            _ => 0,
        };
        if random.once_in(20) {
            command.who = [0; 48];
        }
        command.request = if random.once_in(3) { random.below(4) } else { 0 };
        command.state = if action == 1 { pick(random, &[1, 1, 1, 1, 2, 2, 3, 3, 9]) } else { 0 };
        match OperatorAction::from_code(action) {
            Some(OperatorAction::SetLimit) => {
                let row = random.below(ROWS as u64) as usize;
                let world = self.world();
                let now = if scope == 3 { world.one[id].limits[row] } else { world.limits[row] };
                command.limit = TABLE[row].code;
                command.old = if self.random.once_in(8) { now + 1 } else { now };
                let random = &mut self.random;
                command.new = match TABLE[row].unit {
                    // A small count: one up or down.
                    _ if now < 20 => now + i128::from(random.within(-1, 1)),
                    _ => now / 100 * i128::from(random.within(40, 230)),
                };
            }
            Some(OperatorAction::Reenable) => command.limit = pick(random, &[0, 25, 30, 30, 8]),
            Some(OperatorAction::Target) => {
                command.new = i128::from(random.within(-120, 120) * self.specs[id].lot_size.0);
                if random.once_in(8) {
                    command.new += 1;
                }
                command.until = self.now + random.within(-2, 900_000_000);
            }
            _ => {}
        }
        let about = (scope == 3).then_some(id);
        self.tally.commands.fetch_add(1, Ordering::Relaxed);
        let facts = [Fact::Command(about, command)];
        let expected = {
            let mut world = self.world();
            world.now = self.now;
            world.outcome(about, &command, &self.rules)
        };
        let section = self.bare(InputKind::Operator, about, &command, &facts);
        assert_eq!(section.outcome(), expected, "{command:?}");
    }

    /// Everything again, from the first fact.
    fn world(&self) -> World {
        let mut world = World::new(&self.rules, INSTRUMENTS);
        for (now, fact) in &self.log {
            world.now = *now;
            world.learn(fact, &self.rules);
        }
        world
    }

    fn feed(
        &mut self,
        mut input: Input,
        market: &MarketSection,
        signal: &SignalSection,
        facts: &[Fact],
    ) -> RiskSection {
        self.sequence += 1;
        (input.sequence, input.ts_recv) = (self.sequence, self.now);
        let mut out = RiskSection::zeroed();
        self.stage.on_slot(&input, market, signal, &mut out);
        self.tally.inputs.fetch_add(1, Ordering::Relaxed);
        self.log.extend(facts.iter().map(|fact| (self.now, *fact)));
        let mut world = self.world();
        world.now = self.now;
        self.compare(&input, market, &out, &world);
        let about = input.instrument.is_some().then(|| input.instrument.index());
        let verdict = match out.verdict() {
            Verdict::None => None,
            Verdict::CancelAll => Some(Fact::CancelAll(about)),
            Verdict::Refused => {
                self.tally.refused[usize::from(out.check) % 64].fetch_add(1, Ordering::Relaxed);
                Some(Fact::Refused(out.check))
            }
            Verdict::Approved => {
                self.tally.approved.fetch_add(1, Ordering::Relaxed);
                let (side, qty) = (out.side().unwrap(), out.qty.0);
                let id = ClientOrderId::new(self.epoch as u16, self.sequence, 0).unwrap().0;
                self.venue.push((id, about.unwrap(), side, qty, 0));
                Some(Fact::Approved { id, instrument: about.unwrap(), side, px: out.px.0, qty })
            }
        };
        for fact in verdict.iter().chain([&Fact::End]) {
            self.log.push((self.now, *fact));
            world.learn(fact, &self.rules);
        }
        Self::compare_account(about, &out, &world);
        out
    }

    /// The verdict, before it is a fact.
    fn compare(&self, input: &Input, market: &MarketSection, out: &RiskSection, world: &World) {
        let told = (out.verdict(), out.check, out.value, out.limit);
        let occasion = input.kind >= InputKind::Depth.code() && world.one[input.instrument.index()].spec.is_some();
        if !occasion {
            assert!(matches!(out.verdict(), Verdict::None | Verdict::CancelAll), "{out:?}");
            return;
        }
        if let Some((check, value, limit)) = world.must_stop() {
            assert_eq!(told, (Verdict::Refused, check, value, limit));
            return;
        }
        if !matches!(out.verdict(), Verdict::Approved | Verdict::Refused) {
            return;
        }
        let asked = Asked {
            instrument: input.instrument.index(),
            side: out.side().expect("only for an order, once nothing must be stopped"),
            qty: out.qty.0,
            px: out.px.0,
            flatten: out.has(marks::FLATTEN),
        };
        let flatten = world.one[asked.instrument].flatten;
        assert_eq!(asked.flatten, flatten, "a flatten is only what an operator asked for");
        let expected = match world.refuses(&asked, market) {
            None => (Verdict::Approved, 0, 0, 0),
            Some((check, value, limit)) => (Verdict::Refused, check, value, limit),
        };
        assert_eq!(told, expected, "{asked:?} at {} {world:#?}", self.now);
        if told.0 == Verdict::Approved {
            Self::no_limit_is_passed(&asked, world);
        }
    }

    /// In other words, so that a fault in the oracle's checks is found too: what could happen after this order, all of one
    /// side filled, is within the limits, or the order only makes it less.
    fn no_limit_is_passed(asked: &Asked, world: &World) {
        let one = &world.one[asked.instrument];
        let spec = one.spec.unwrap();
        let (high, low) = world.ends(asked.instrument);
        let qty = i128::from(asked.qty);
        let after = if asked.side == Side::Buy { high + qty } else { qty - low };
        let unit = 10i128.pow(u32::from(18 - spec.qty_decimals));
        assert!(after <= 0 || after * unit <= one.limits[at(7)], "position");
        assert!(qty * unit <= one.limits[at(4)], "quantity");
        assert!(world.live() < world.limits[at(10)], "open orders");
        assert!(world.state(asked.instrument) < 3 || asked.flatten, "halted");
        assert!(world.gate == 0 || asked.flatten, "gate");
        assert!(after <= 0 || world.state(asked.instrument) == 1 && !one.restricted, "new risk");
        assert!(!world.fault && !one.fault);
    }

    fn compare_account(about: Option<usize>, out: &RiskSection, world: &World) {
        assert!(world.is_worth_its_capital());
        assert_eq!(out.gate, world.gate);
        // Figures of the host are brought up to date with inputs of instruments.
        let Some(i) = about.filter(|i| world.one[*i].spec.is_some()) else { return };
        let one = &world.one[i];
        assert_eq!((out.position.0, out.realized, out.fees), (one.position, one.realized, one.fees));
        assert_eq!((out.open_buy.0, out.open_sell.0), (world.open(i, Side::Buy), world.open(i, Side::Sell)));
        assert_eq!(out.unrealized, one.unrealized().unwrap_or(0));
        assert_eq!(out.trading_state().code(), world.state(i));
        assert_eq!((out.equity_e8, out.gross_e8), (world.equity(), world.gross()), "{world:#?}");
        assert_eq!(out.high_water_e8, world.high.unwrap_or(i128::MIN));
    }
}
