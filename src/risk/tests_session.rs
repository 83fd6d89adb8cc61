//! Hot: tests: random sessions against a naive venue: limits with what is in flight, the position as the sum of fills,
//! and the restart in the middle.

use super::config::{Config, Limits, Orders};
use super::testing::{Bench, config, instrument, wide};
use super::{breaker, portfolio};
use crate::event::input::{GateReason, Input};
use crate::event::market::MarketSection;
use crate::event::operator::{OperatorAction, OperatorCommand, Scope};
use crate::event::report::ExecType;
use crate::event::risk::{RiskSection, Verdict};
use crate::event::signal::{Direction, SignalSection};
use crate::types::ids::{ClientOrderId, InstrumentId};
use crate::types::instrument::Instrument;
use crate::types::price::Side;
use bytemuck::Zeroable;
use proptest::prelude::*;

/// An order as the venue has it.
#[derive(Clone, Copy, Debug)]
struct Resting {
    id: ClientOrderId,
    instrument: u32,
    side: Side,
    qty: i64,
    cum: i64,
    open: bool,
}

type Op = (u8, u8, u8, u8);

struct Session {
    bench: Bench,
    venue: Vec<Resting>,
    position: [i64; 2],
    scale: i64,
}

impl Session {
    fn new(setting: &Config) -> Self {
        let bench = Bench::new(setting, &[instrument(0), instrument(1)]);
        Self { bench, venue: Vec::new(), position: [0; 2], scale: 1 }
    }

    /// The same session over another stage.
    fn fork(&self, stage: super::RiskStage) -> Self {
        let bench = Bench {
            stage,
            audit: Vec::new(),
            sequence: self.bench.sequence,
            now: self.bench.now,
            last: self.bench.last,
        };
        Self { bench, venue: self.venue.clone(), position: self.position, scale: self.scale }
    }

    fn report(&mut self, at: usize, exec: ExecType, last: i64, px: i64) -> RiskSection {
        let order = &mut self.venue[at];
        order.cum += last;
        order.open &= matches!(exec, ExecType::New | ExecType::Trade) && order.cum < order.qty;
        let leaves = if order.open { order.qty - order.cum } else { 0 };
        let order = *order;
        self.position[order.instrument as usize] += order.side.sign() * last;
        self.bench.report(
            order.instrument,
            order.id,
            exec,
            order.side,
            (last, order.cum, leaves),
            px,
            i128::from(last % 5),
        )
    }

    fn step(&mut self, (kind, a, b, c): Op) -> RiskSection {
        self.bench.now += i64::from(a) * 3_000_000;
        let id = u32::from(b & 1);
        let bid = 60 + i64::from(c);
        let scale = if id == 0 { self.scale } else { 1 };
        let open: Vec<usize> = (0..self.venue.len()).filter(|&i| self.venue[i].open).collect();
        match kind % 20 {
            0..=5 => {
                let direction = [Direction::Long, Direction::Short, Direction::Flat][usize::from(b / 2) % 3];
                let section = self.bench.ask(id, direction, bid * scale, (bid + 2) * scale);
                if section.verdict() == Verdict::Approved {
                    let side = section.side().unwrap();
                    let qty = section.qty.0;
                    self.venue.push(Resting { id: self.bench.id(), instrument: id, side, qty, cum: 0, open: true });
                }
                section
            }
            6..=8 => self.bench.quote(id, bid * scale, (bid + 2) * scale),
            9..=11 if !open.is_empty() => {
                let at = open[usize::from(b) % open.len()];
                let most = self.venue[at].qty - self.venue[at].cum;
                self.report(at, ExecType::Trade, most.min(1 + i64::from(c)), (180 + i64::from(a % 16)) * scale)
            }
            12 if !open.is_empty() => self.report(open[usize::from(b) % open.len()], ExecType::New, 0, 1),
            13 if !open.is_empty() => self.report(open[usize::from(b) % open.len()], ExecType::Canceled, 0, 1),
            14 if !self.venue.is_empty() => {
                // The last report again.
                let order = self.venue[usize::from(b) % self.venue.len()];
                let leaves = if order.open { order.qty - order.cum } else { 0 };
                let section = self.bench.report(
                    order.instrument,
                    order.id,
                    ExecType::Trade,
                    order.side,
                    (order.cum.min(3), order.cum, leaves),
                    9_999,
                    77,
                );
                assert_eq!(section.account_changed, 0, "nothing is booked twice");
                section
            }
            15 if c < 20 => {
                let section = self.bench.gate(GateReason::JournalLag, b & 1 == 1);
                self.bench.gate(GateReason::JournalLag, false);
                section
            }
            15 if c < 24 && self.scale == 1 => {
                self.scale = 10;
                for order in self.venue.iter_mut().filter(|o| o.instrument == 0) {
                    (order.qty, order.cum) = (order.qty * 10, order.cum * 10);
                }
                self.position[0] *= 10;
                self.bench.define(&Instrument { price_decimals: 1, qty_decimals: 1, ..instrument(0) })
            }
            16 | 17 => self.command(id, b, c),
            _ => self.bench.quote(id, bid * scale, (bid + 2) * scale),
        }
    }

    /// A command of any kind, about anything.
    fn command(&mut self, id: u32, b: u8, c: u8) -> RiskSection {
        let action = OperatorAction::ALL[usize::from(c) % OperatorAction::ALL.len()];
        let scope = Scope::ALL[usize::from(b) / 2 % Scope::ALL.len()];
        let mut command = OperatorCommand::new(action, scope, "ann", "test");
        command.scope_id = if scope == Scope::Venue { 6 } else { 0 };
        // Mostly active, so that something goes on.
        command.state = [1, 1, 1, 2, 3, 1][usize::from(b) / 8 % 6];
        if action == OperatorAction::Target {
            (command.new, command.until) = (i128::from(c) - 128, self.bench.now + i64::from(b) * 20_000_000);
        }
        if action == OperatorAction::SetLimit {
            let at = usize::from(b) / 8 % super::ROWS;
            let now = self.bench.stage.states[id as usize].limits[at];
            command.limit = super::TABLE[at].code;
            (command.old, command.new) = (now, now * i128::from(90 + c % 16) / 100);
        }
        if action == OperatorAction::Reenable && c & 64 != 0 {
            command.limit = super::code::drawdown;
        }
        let about = if scope == Scope::Instrument { InstrumentId(id) } else { InstrumentId::NONE };
        self.bench.command(about, &command)
    }
}

fn tight() -> Config {
    let limits = Limits {
        max_position: Some("120".into()),
        max_gross_notional: Some("21000".into()),
        max_order_notional: Some("15000".into()),
        orders_per_window: Some(40),
        orders_per_window_total: Some(60),
        max_open_orders: Some(5),
        max_daily_loss: Some("4000".into()),
        max_drawdown: Some("6000".into()),
        max_net_notional: Some("16000".into()),
        messages_per_window: Some(90),
        max_var: Some("900".into()),
        repeat_executions: Some(30),
        repeat_window_ms: Some(2_000),
        duplicate_window_ms: Some(5),
        ..wide()
    };
    let base = config(limits);
    let breaker = breaker::Limits {
        rejects_ppm: Some(300_000),
        loss: Some("500".into()),
        orders_min: 3,
        open_ms: 500,
        window_ms: 2_000,
        ..breaker::Limits::default()
    };
    Config {
        breakers: breaker::Config { instrument: Some(breaker.clone()), strategy: Some(breaker), venue: None },
        portfolio: portfolio::Config { interval_ms: 100, ..base.portfolio.clone() },
        ceilings: Limits {
            max_position: Some("150".into()),
            max_gross_notional: Some("30000".into()),
            ..Limits::default()
        },
        orders: Orders { cooldown_ms: 20, order_ttl_ms: 2_000, finished_max: 8, ..base.orders },
        ..base
    }
}

/// A small generator with a fixed seed (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn in_flight_never_passes_a_limit_in_a_long_session() {
    let mut setting = Config { orders: Orders { cooldown_ms: 0, ..tight().orders }, ..tight() };
    setting.limits.max_daily_loss = Some("12000".into());
    // These stop until a person comes.
    setting.breakers = breaker::Config::default();
    setting.limits.max_var = wide().max_var;
    setting.limits.max_drawdown = wide().max_drawdown;
    setting.limits.repeat_executions = wide().repeat_executions;
    let mut session = Session::new(&setting);
    let (mut seed, mut approved, mut refused, mut inputs) = (7, 0, [0u32; 256], 0u32);
    while approved < 100_000 && inputs < 4_000_000 {
        inputs += 1;
        if inputs.is_multiple_of(150) {
            // The loss of a day ends with it.
            session.bench.now += 86_400_000_000_000;
        }
        let r = random(&mut seed);
        let op = (r as u8, (r >> 8) as u8, (r >> 16) as u8, (r >> 24) as u8);
        // Neither commands nor a second scale here: the sum of the parts is compared in one, the limits are as they were.
        let op = if op.0 % 20 == 15 && (20..24).contains(&op.3) || matches!(op.0 % 20, 16 | 17) {
            (0, op.1, op.2, op.3)
        } else {
            op
        };
        let section = session.step(op);
        session.venue.retain(|o| o.open);
        let (position, buy, sell) = (section.position.0, section.open_buy.0, section.open_sell.0);
        assert!(position + buy <= 120 && position - sell >= -120, "{section:?}");
        assert!(session.bench.stage.orders.live() <= 5);
        assert!(section.open_buy.0 >= 0 && section.open_sell.0 >= 0);
        match section.verdict() {
            Verdict::Approved => {
                approved += 1;
                assert!(i128::from(section.qty.0) * i128::from(section.px.0) <= 15_000);
                assert_eq!(section.gate, 0);
            }
            Verdict::Refused => refused[section.check as usize] += 1,
            _ => {}
        }
        for (i, state) in session.bench.stage.states.iter().take(2).enumerate() {
            assert_eq!(state.account.position, session.position[i], "the position is the sum of the fills");
            let open = |side| {
                session
                    .venue
                    .iter()
                    .filter(|o| o.instrument == i as u32 && o.side == side)
                    .map(|o| o.qty - o.cum)
                    .sum::<i64>()
            };
            assert_eq!((state.open_buy, state.open_sell), (open(Side::Buy), open(Side::Sell)));
        }
        session.bench.audit.clear();
    }
    assert!(approved >= 100_000, "{approved} orders in {inputs} inputs, refused {refused:?}");
    for check in [super::code::max_position, super::code::max_gross, super::code::daily_loss] {
        assert!(refused[check as usize] > 0, "{check} {refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Continuous through an epoch, or rebuilt from the audit log and then through it: the same outputs, bit for bit.
    #[test]
    fn a_restart_changes_nothing(
        sized in any::<bool>(),
        before in proptest::collection::vec(any::<Op>(), 1..250),
        after in proptest::collection::vec(any::<Op>(), 1..120),
    ) {
        let mut setting = tight();
        if sized {
            let rule = "model = { kind = 'volatility_target', target = 3.0 }\n[caps]\ndrawdown_ppm = 20000\nnotional_max = '12000'";
            setting.size = Some(toml::from_str(rule).unwrap());
        }
        let mut live = Session::new(&setting);
        for op in before {
            live.step(op);
        }
        let mut restored = live.fork(live.bench.restored(&setting));
        let now = live.bench.now;
        for session in [&mut live, &mut restored] {
            session.bench.now = now;
        }
        let mut opened = false;
        for op in core::iter::once(None).chain(after.into_iter().map(Some)) {
            let [one, two] = [&mut live, &mut restored].map(|session| match op {
                Some(op) => session.step(op),
                None => session.bench.epoch(2),
            });
            prop_assert_eq!(bytemuck::bytes_of(&one), bytemuck::bytes_of(&two), "{:?}\n{:?}", one, two);
            if !opened {
                opened = true;
                live.bench.gate(GateReason::NotReady, false);
                restored.bench.gate(GateReason::NotReady, false);
            }
        }
    }
}

/// Bytes of no meaning in every section, and numbers at the ends of their ranges: nothing panics, nothing wraps.
#[test]
fn nonsense_is_survived() {
    let mut seed = 11;
    let mut verdicts = [0u32; 4];
    for round in 0..600 {
        let mut bench = Bench::new(&config(wide()), &[instrument(0), instrument(1)]);
        for _ in 0..50 {
            let mut noise = |bytes: &mut [u8]| {
                for chunk in bytes.chunks_mut(8) {
                    let r = random(&mut seed);
                    let word = match r % 8 {
                        0 => 0,
                        1 => i64::MAX as u64,
                        2 => i64::MIN as u64,
                        3 | 4 => r >> 8 & 0xFF,
                        5 => r >> 8 & 0xFFFF_FFFF,
                        _ => random(&mut seed),
                    };
                    chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
                }
            };
            let (mut input, mut market, mut signal) =
                (Input::zeroed(), MarketSection::zeroed(), SignalSection::zeroed());
            noise(bytemuck::bytes_of_mut(&mut input));
            noise(bytemuck::bytes_of_mut(&mut market));
            noise(bytemuck::bytes_of_mut(&mut signal));
            let r = random(&mut seed);
            input.kind = if r % 100 < 5 { 1 + (r % 4) as u8 } else { [5, 16, 17, 18, 3, 6][(r % 6) as usize] };
            input.flags = 3;
            if r & 16 == 0 {
                input.instrument.0 &= 1;
            }
            if input.kind == 5 && r & 32 == 0 {
                let report = input.payload_mut::<crate::event::report::Report>();
                (report.side, report.exec_type) = (1 + (r >> 8 & 1) as u8, 1 + (r >> 9 & 7) as u8);
                report.cum_qty.0 &= i64::MAX;
                report.last_qty.0 &= i64::MAX;
                report.leaves_qty.0 &= i64::MAX;
            }
            if r & 64 == 0 {
                (signal.present, signal.confidence, signal.direction) = (1, 0.9, (r >> 12) as u8 % 3);
                market.flags = 0x101;
                if r & 0x300 != 0 {
                    let bid = 1 + (r >> 40) as i64 % 1_000;
                    market = super::testing::market(bid, bid + 1);
                }
            }
            bench.now = if r & 128 == 0 { input.ts_recv } else { bench.now };
            let section = bench.feed(input, &market, &signal);
            verdicts[section.verdict as usize] += 1;
        }
        let restored = bench.restored(&config(wide()));
        for (one, two) in bench.stage.states.iter().zip(&restored.states) {
            assert_eq!((one.account, one.open_buy, one.fault), (two.account, two.open_buy, two.fault), "round {round}");
        }
    }
    assert!(verdicts.iter().all(|&n| n > 20), "{verdicts:?}");
}
