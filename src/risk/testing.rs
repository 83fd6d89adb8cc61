//! Hot: what the room's tests share: an instrument, a market, a signal, a stage with generous limits.

use super::config::{Config, Limits, Orders, Sizing, Style};
use super::portfolio;
use super::stage::RiskStage;
use crate::event::definition::Definition;
use crate::event::execution::ExecutionSection;
use crate::event::input::{EpochStart, GateChange, GateReason, Input, InputKind, Level, Nothing};
use crate::event::market::{MarketSection, flags};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope, ScopeState};
use crate::event::report::{ExecType, Report};
use crate::event::risk::{OperatorOutcome, RiskSection, Verdict, marks};
use crate::event::signal::{Direction, SignalSection};
use crate::types::ids::{ClientOrderId, InstrumentId, SourceId};
use crate::types::instrument::{Calendar, Contract, Instrument, Symbol, VenueKind};
use crate::types::price::{Px, Qty, Side};
use bytemuck::Zeroable;

/// Prices with 0 decimals, quantities with 0, unless a test says otherwise.
pub(super) fn instrument(id: u32) -> Instrument {
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

pub(super) fn market(bid: i64, ask: i64) -> MarketSection {
    let mut market = MarketSection::zeroed();
    market.flags = flags::VALID | flags::TRADING | flags::BOOK_UPDATED;
    market.bid = Level { px: Px(bid), qty: Qty(10) };
    market.ask = Level { px: Px(ask), qty: Qty(10) };
    market
}

pub(super) fn signal(direction: Direction) -> SignalSection {
    let mut signal = SignalSection::zeroed();
    (signal.present, signal.direction, signal.confidence) = (1, direction.code(), 0.9);
    signal
}

/// Limits that nothing meets.
pub(super) fn wide() -> Limits {
    let much = || Some("1000000000".to_string());
    Limits {
        max_order_qty: much(),
        max_order_notional: much(),
        price_collar_ppm: Some(1_000_000),
        last_collar_ppm: Some(1_000_000),
        static_collar_ppm: Some(100_000_000),
        max_price_age_ms: Some(864_000_000),
        max_position: much(),
        max_gross_notional: much(),
        max_net_notional: much(),
        max_leverage: much(),
        max_concentration_ppm: Some(1_000_000),
        concentration_base: much(),
        orders_per_window: Some(1_000),
        orders_per_window_total: Some(1_000),
        messages_per_window: Some(10_000),
        rate_window_ms: Some(1_000),
        repeat_executions: Some(100_000),
        repeat_window_ms: Some(1),
        duplicate_window_ms: Some(0),
        max_open_orders: Some(64),
        max_daily_loss: much(),
        max_drawdown: much(),
        max_var: much(),
        max_expected_shortfall: much(),
    }
}

/// 100 units a position at the mid of 100, at the own best price, no dead band, no cool-down.
pub(super) fn config(limits: Limits) -> Config {
    Config {
        capital: Some("1000000".into()),
        cold_tail_ppm: Some(50_000),
        sizing: Sizing { notional_per_position: "10000".into(), rebalance_ppm: 0, ..Sizing::default() },
        orders: Orders { style: Style::OwnBest, cooldown_ms: 0, orders_max: 64, finished_max: 64, ..Orders::default() },
        limits,
        portfolio: portfolio::Config { window: 20, samples_min: 5, covariance_max: 8, ..portfolio::Config::default() },
        ..Config::default()
    }
}

/// A stage, its clock, its numbering, and the slots that the audit log would keep.
pub(super) struct Bench {
    pub(super) stage: RiskStage,
    pub(super) sequence: u64,
    pub(super) now: i64,
    pub(super) audit: Vec<(Input, RiskSection)>,
    pub(super) last: RiskSection,
}

pub(super) const NONE: InstrumentId = InstrumentId::NONE;

impl Bench {
    /// Epoch 1, an open gate, and `instruments`.
    pub(super) fn new(config: &Config, instruments: &[Instrument]) -> Self {
        let stage = RiskStage::new(config, 8).unwrap();
        let mut bench =
            Self { stage, sequence: 0, now: 1_000_000_000_000, audit: Vec::new(), last: RiskSection::zeroed() };
        bench.epoch(1);
        bench.gate(GateReason::NotReady, false);
        for spec in instruments {
            bench.define(spec);
        }
        bench
    }

    pub(super) fn feed(&mut self, mut input: Input, market: &MarketSection, signal: &SignalSection) -> RiskSection {
        self.sequence += 1;
        input.sequence = self.sequence;
        input.ts_recv = self.now;
        self.stage.on_slot(&input, market, signal, &mut self.last);
        if input.kind < 7 && input.kind != 3 || self.last.verdict != 0 || self.last.has(marks::NOTED) {
            self.audit.push((input, self.last));
        }
        self.last
    }

    fn bare<P: bytemuck::NoUninit>(&mut self, kind: InputKind, id: InstrumentId, payload: &P) -> RiskSection {
        let input = Input::new(kind, SourceId::HOST, id, 0, payload);
        self.feed(input, &MarketSection::zeroed(), &SignalSection::zeroed())
    }

    pub(super) fn epoch(&mut self, epoch: u64) -> RiskSection {
        self.bare(InputKind::Epoch, NONE, &EpochStart { epoch, config_hash: [0; 16], build_hash: [0; 16] })
    }

    pub(super) fn gate(&mut self, reason: GateReason, closed: bool) -> RiskSection {
        let change = GateChange { reason: reason.code(), closed: u8::from(closed), reserved: [0; 6] };
        self.bare(InputKind::Gate, NONE, &change)
    }

    pub(super) fn define(&mut self, spec: &Instrument) -> RiskSection {
        self.bare(InputKind::Definition, spec.id, &Definition::of(spec))
    }

    /// A person's command, about `instrument` or `NONE`.
    pub(super) fn command(&mut self, instrument: InstrumentId, command: &OperatorCommand) -> RiskSection {
        let input = command.input(instrument, 0);
        self.feed(input, &MarketSection::zeroed(), &SignalSection::zeroed())
    }

    /// The trading state of the host, or of one instrument.
    pub(super) fn set_state(&mut self, instrument: InstrumentId, to: ScopeState) -> RiskSection {
        let scope = if instrument.is_some() { Scope::Instrument } else { Scope::Host };
        let command = OperatorCommand {
            state: to.code(),
            ..OperatorCommand::new(OperatorAction::SetState, scope, "ann", "test")
        };
        let section = self.command(instrument, &command);
        assert_eq!(section.outcome(), OperatorOutcome::Accepted);
        section
    }

    /// A limit of the host, or of one instrument.
    pub(super) fn set_limit(&mut self, instrument: InstrumentId, limit: u8, old: i128, new: i128) -> RiskSection {
        let scope = if instrument.is_some() { Scope::Instrument } else { Scope::Host };
        let command =
            OperatorCommand { old, new, limit, ..OperatorCommand::new(OperatorAction::SetLimit, scope, "ann", "test") };
        self.command(instrument, &command)
    }

    /// A command without parameters.
    pub(super) fn plain(&mut self, action: OperatorAction, instrument: InstrumentId) -> RiskSection {
        let scope = if instrument.is_some() { Scope::Instrument } else { Scope::Host };
        self.command(instrument, &OperatorCommand::new(action, scope, "ann", "test"))
    }

    /// A quote without a signal.
    pub(super) fn quote(&mut self, id: u32, bid: i64, ask: i64) -> RiskSection {
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(id), 0, &Nothing {});
        self.feed(input, &market(bid, ask), &SignalSection::zeroed())
    }

    /// A quote with a signal.
    pub(super) fn ask(&mut self, id: u32, direction: Direction, bid: i64, ask: i64) -> RiskSection {
        let input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(id), 0, &Nothing {});
        self.feed(input, &market(bid, ask), &signal(direction))
    }

    /// The id of the order that the last input led to.
    pub(super) fn id(&self) -> ClientOrderId {
        ClientOrderId::new(self.stage.epoch.unwrap(), self.sequence, 0).unwrap()
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn report(
        &mut self,
        id: u32,
        order: ClientOrderId,
        exec: ExecType,
        side: Side,
        (last, cum, leaves): (i64, i64, i64),
        px: i64,
        fee: i128,
    ) -> RiskSection {
        let mut report = Report::zeroed();
        report.client_order_id = order;
        (report.exec_type, report.side) = (exec.code(), side.code());
        (report.last_qty, report.cum_qty, report.leaves_qty) = (Qty(last), Qty(cum), Qty(leaves));
        (report.last_px, report.fee) = (Px(px), fee);
        self.bare(InputKind::Report, InstrumentId(id), &report)
    }

    /// A position out of nothing: an external fill.
    pub(super) fn hold(&mut self, id: u32, side: Side, qty: i64, px: i64) {
        let order = ClientOrderId(0xFFFF_0000_0000_0000 | self.sequence);
        let section = self.report(id, order, ExecType::Trade, side, (qty, qty, 0), px, 0);
        assert_eq!(section.account_changed, 1);
    }

    /// The stage that the audit log of this bench leads to.
    pub(super) fn restored(&self, config: &Config) -> RiskStage {
        let mut stage = RiskStage::new(config, 8).unwrap();
        for (input, risk) in &self.audit {
            stage.restore(input, risk, &ExecutionSection::zeroed());
        }
        stage
    }
}

/// Whether it was approved, refused by which check, or neither.
pub(super) fn answer(section: &RiskSection) -> (Verdict, u8) {
    (section.verdict(), section.check)
}
