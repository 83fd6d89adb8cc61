//! Edge: the running host as the control plane sees it: snapshots and atomics, nothing that a hot thread waits for.

use super::enabling::LimitNow;
use super::overseer::{Overseer, lock};
use super::recorder::View;
use crate::config::Config;
use crate::control::gate::KillScope;
use crate::control::kill::ReleaseError;
use crate::control::plane::command::{Accepted, Action, Command, Refused};
use crate::control::plane::view::{
    Agent, BridgeNow, Enablement, ExecutionState, Exposure, Heartbeat, InstrumentSetting, KillSource, KillSwitch,
    Limit, LimitChange, MarketNow, Mode, Process, ScopeNow, Situation, Transition,
};
use crate::control::plane::{BridgeOrder, Host, Journaled, Opinion, ScopeId, Scrape, scrape::Buckets};
use crate::control::state::RecoverRefusal;
use crate::event::input::{EpochStart, GateReason};
use crate::event::operator::{OperatorAction, OperatorCommand, Scope, ScopeState};
use crate::event::risk::OperatorOutcome;
use crate::metric::latency::SPANS;
use crate::risk::check::Unit;
use crate::risk::code;
use crate::types::decimal::{Decimal, format_decimal};
use crate::types::ids::InstrumentId;
use crate::types::instrument::{Instrument, VenueKind};
use crate::types::price::Qty;
use crate::types::time::{Nanos, SECONDS, UnixNanos};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

/// Records that may wait for room before a command is told to come again (a kill never is).
const RECORDS_WAITING: usize = 1024;
/// The ensemble is the one strategy of a host.
const STRATEGY: u32 = 0;

/// What does not change while the host runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The host's name.
    pub host: String,
    /// First bytes of the build's hash, in hexadecimal.
    pub build: String,
    /// First bytes of the configuration's hash, in hexadecimal.
    pub configuration: String,
    /// Number of this start in its journal.
    pub epoch: u64,
    /// Limits at the start.
    pub limits: Vec<LimitNow>,
}

/// First bytes of a hash, in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Facts {
    /// The facts of a run with `config`, which begins with `start`, and has `limits` then.
    pub fn new(config: &Config, start: &EpochStart, limits: Vec<LimitNow>) -> Self {
        Self {
            host: config.host.name.clone(),
            build: hex(&start.build_hash),
            configuration: hex(&start.config_hash),
            epoch: start.epoch,
            limits,
        }
    }
}

/// What a command is about, as this host knows it.
struct Target {
    kill: KillScope,
    instrument: InstrumentId,
    scope_id: u32,
}

impl Overseer {
    fn view(&self) -> View {
        lock(&self.view).clone()
    }

    /// Instruments that may not trade freely, as risk said with their last slot.
    fn states(&self) -> Vec<ScopeNow> {
        let view = lock(&self.view);
        let bound = view.instruments.values().filter(|v| v.slot.risk.trading_state() != ScopeState::Active);
        bound
            .map(|v| ScopeNow {
                scope: format!("instrument:{}", v.instrument.name()),
                state: v.slot.risk.trading_state().name().to_owned(),
                reason: "the strictest of host, venue, strategy and instrument".to_owned(),
                kill: None,
            })
            .collect()
    }

    /// A scope as requests name it.
    fn word_of(&self, scope: KillScope) -> String {
        match scope {
            KillScope::Host => "host".to_owned(),
            KillScope::Venue(venue) => format!("venue:{venue}"),
            KillScope::Strategy(id) => format!("strategy:{id}"),
            KillScope::Instrument(id) => {
                let view = lock(&self.view);
                view.instruments
                    .get(&id.0)
                    .map_or_else(|| format!("instrument:{}", id.0), |v| format!("instrument:{}", v.instrument.name()))
            }
        }
    }

    /// What is held, rests or is under way, by instrument, as of its last slot.
    fn exposures(&self) -> Vec<Exposure> {
        let view = lock(&self.view);
        let held = view.instruments.values().filter(|v| {
            let risk = &v.slot.risk;
            [risk.position, risk.open_buy, risk.open_sell].iter().any(|qty| qty.0 != 0)
        });
        held.map(|v| {
            let text = |qty: Qty| format_decimal(i128::from(qty.0), v.instrument.qty_decimals, 0);
            Exposure {
                instrument: v.instrument.name(),
                position: text(v.slot.risk.position),
                open_buy: text(v.slot.risk.open_buy),
                open_sell: text(v.slot.risk.open_sell),
            }
        })
        .collect()
    }

    fn target(&self, scope: &ScopeId) -> Result<Target, Refused> {
        let unknown = |what, known| Refused::Unknown { what, given: scope.id().to_owned(), known };
        let none = InstrumentId::NONE;
        match scope.scope() {
            Scope::Host => Ok(Target { kill: KillScope::Host, instrument: none, scope_id: 0 }),
            Scope::Strategy if scope.id() == "0" => {
                Ok(Target { kill: KillScope::Strategy(STRATEGY), instrument: none, scope_id: STRATEGY })
            }
            Scope::Strategy => Err(unknown("strategy", vec!["0".to_owned()])),
            Scope::Venue => {
                let view = lock(&self.view);
                let mut known: Vec<String> =
                    view.instruments.values().map(|v| v.instrument.venue.name().to_owned()).collect();
                known.sort();
                known.dedup();
                let venue = VenueKind::from_name(scope.id()).filter(|v| known.iter().any(|k| k == v.name()));
                let venue = venue.ok_or_else(|| unknown("venue", known))?;
                Ok(Target { kill: KillScope::Venue(venue), instrument: none, scope_id: u32::from(venue.code()) })
            }
            Scope::Instrument => {
                let view = lock(&self.view);
                let found = view.instruments.values().map(|v| v.instrument).find(|i| is_named(i, scope.id()));
                let found = found.ok_or_else(|| {
                    unknown("instrument", view.instruments.values().map(|v| v.instrument.name()).collect())
                })?;
                Ok(Target { kill: KillScope::Instrument(found.id), instrument: found.id, scope_id: 0 })
            }
        }
    }

    /// Puts a command on its way, behind what waits already.
    fn send(&self, command: &OperatorCommand, target: &Target) -> Result<(), Refused> {
        let (waiting, mut lane) = (lock(&self.records), lock(&self.commands));
        // The loop gives the time.
        if !waiting.is_empty() || lane.try_send(command.input(target.instrument, 0)).is_err() {
            return Err(Refused::Busy);
        }
        Ok(())
    }

    fn kill(&self, command: &Command, target: &Target, flatten: bool, now: UnixNanos) -> Accepted {
        let act = self.kill.kill(target.kill, &command.who, &command.reason, now);
        // The gate is closed whatever becomes of these; they wait for room in the lane.
        let mut record = order(OperatorAction::Kill, command, target);
        record.new = i128::from(act.number);
        self.keep_on_record(target.instrument, &record);
        // What was to be flattened, or wanted, before the kill goes with it, unless this kill asks for a flatten itself.
        let then = if flatten { OperatorAction::Flatten } else { OperatorAction::CancelAll };
        let mut then = order(then, command, target);
        then.request = 0;
        self.keep_on_record(target.instrument, &then);
        Accepted { sequence: None, in_force: true }
    }

    fn release(&self, command: &Command, target: &Target, seen: u32, now: UnixNanos) -> Result<Accepted, Refused> {
        if target.kill == KillScope::Host
            && let Some(refused) = Refused::release(&self.situation())
        {
            return Err(refused);
        }
        self.kill.release(target.kill, seen, &command.who, &command.reason, now).map_err(|error| {
            Refused::Conflict {
                reason: match error {
                    ReleaseError::NotKilled(_) => "kill_switch_not_set",
                    ReleaseError::Newer { .. } => "kill_switch_newer_kill",
                    ReleaseError::Nameless(_) => "kill_switch_not_released",
                },
                message: error.to_string(),
            }
        })?;
        let mut record = order(OperatorAction::Release, command, target);
        record.new = i128::from(seen);
        self.keep_on_record(target.instrument, &record);
        self.look();
        Ok(Accepted { sequence: None, in_force: true })
    }

    /// A wanted position in the instrument's units, and until when by the market's time.
    fn wanted(&self, scope: &ScopeId, target: &Target, size: &str, ttl: Nanos) -> Result<(i128, UnixNanos), Refused> {
        let view = lock(&self.view);
        let Some(known) = view.instruments.get(&target.instrument.0) else {
            return Err(Refused::Conflict {
                reason: "target_needs_an_instrument",
                message: format!("a target is of one instrument, not of {scope}"),
            });
        };
        let quantity =
            Decimal::parse(size.as_bytes()).ok().and_then(|d| d.at_scale(known.instrument.qty_decimals).ok());
        let quantity = quantity.ok_or_else(|| Refused::OutOfRange {
            what: "size",
            given: size.to_owned(),
            expected: format!("a multiple of the lot, with at most {} decimals", known.instrument.qty_shown),
        })?;
        Ok((i128::from(quantity), known.slot.input.ts_recv.saturating_add(ttl)))
    }

    /// A change of a limit that the host refuses before risk is asked.
    fn limit_refused(&self, target: &Target, number: u8, old: i128, new: i128) -> Option<Refused> {
        let limits = self.limits();
        // By its full name, however it was called.
        let scope = ScopeId::parse(&self.word_of(target.kill)).unwrap_or(ScopeId::HOST);
        let of = |scope: &ScopeId| limits.iter().find(|l| l.number == number && l.scope == *scope);
        let row = crate::risk::TABLE.iter().find(|row| row.code == number);
        let (Some(limit), Some(row)) = (of(&scope).or_else(|| of(&ScopeId::HOST)), row) else {
            let known = limits.iter().map(|l| l.name.to_owned()).collect();
            return Some(Refused::Unknown { what: "limit", given: number.to_string(), known });
        };
        if limit.value != old {
            return Some(Refused::LimitChanged { now: crate::risk::amount_text(row.unit, limit.value) });
        }
        let loosens_live = self.enabled.load(Ordering::Acquire) && row.sense.is_looser(new, old);
        loosens_live.then(|| Refused::Conflict {
            reason: "live_limits_are_approved",
            message: "two people approved LIVE with this limit: it can be tightened, not loosened, until that ends"
                .to_owned(),
        })
    }

    /// What is used of the limits of the host, where the newest slot says it.
    fn fill_in_used(&self, view: &View, limits: &mut [Limit]) {
        let newest = view.instruments.values().map(|v| &v.slot).max_by_key(|slot| slot.input.sequence);
        let Some(risk) = newest.map(|slot| &slot.risk) else { return };
        for limit in limits.iter_mut().filter(|l| l.scope == ScopeId::HOST) {
            limit.used = match limit.number {
                code::max_gross => Some(risk.gross_e8),
                code::open_orders => Some(i128::from(self.outlet.open_orders.load(Ordering::Acquire))),
                code::drawdown if risk.high_water_e8 != i128::MIN => {
                    Some(risk.high_water_e8.saturating_sub(risk.equity_e8).max(0))
                }
                _ => None,
            };
        }
    }

    fn recover(&self, command: &Command, target: &Target) -> Result<Accepted, Refused> {
        let inherited = lock(&self.inherited).clone();
        if let Some(difference) = inherited.filter(|_| command.ticket.is_empty()) {
            return Err(Refused::Conflict {
                reason: "difference_not_acknowledged",
                message: format!("{difference}; who has put that right says so with a ticket"),
            });
        }
        let now = self.now();
        let result = lock(&self.machine).recover(now, &command.who, &command.reason);
        result.map_err(|refusal| match refusal {
            RecoverRefusal::Halted => Refused::KillSwitch { source: self.situation().kill_switch.source_text() },
            RecoverRefusal::Init => Refused::NotReady(ExecutionState::Init),
            RecoverRefusal::Stale => Refused::MarketDataStale,
            RecoverRefusal::Backoff { .. } => Refused::Conflict { reason: "backing_off", message: refusal.to_string() },
        })?;
        if let Some(difference) = lock(&self.inherited).take() {
            tracing::warn!("{} says that this was put right: {difference}", command.who);
        }
        self.keep_on_record(InstrumentId::NONE, &order(OperatorAction::Recover, command, target));
        self.look();
        Ok(Accepted { sequence: None, in_force: true })
    }
}

/// `command` as an input, with who, why and under which ticket.
fn order(action: OperatorAction, command: &Command, target: &Target) -> OperatorCommand {
    let mut order = OperatorCommand::new(action, command.scope.scope(), &command.who, &command.reason)
        .with_ticket(&command.ticket)
        .with_trace(&command.trace);
    (order.request, order.scope_id) = (command.request, target.scope_id);
    order
}

/// `SYMBOL`, or `SYMBOL.VENUE` in any case.
pub(super) fn is_named(instrument: &Instrument, name: &str) -> bool {
    instrument.symbol.as_str().eq_ignore_ascii_case(name) || instrument.name().eq_ignore_ascii_case(name)
}

/// In what a limit is counted, and decimals, for people.
fn unit_of(unit: Unit) -> (&'static str, u8) {
    match unit {
        Unit::Quantity => ("quantity", 18),
        Unit::Quote => ("quote currency", 8),
        Unit::Ratio => ("ratio", 6),
        Unit::Nanos => ("milliseconds", 6),
        Unit::Ppm => ("ppm", 0),
        Unit::Lots => ("lots", 0),
        Unit::Price => ("price units", 0),
        Unit::State | Unit::Count | Unit::GateBits => ("count", 0),
    }
}

impl Host for Overseer {
    fn now(&self) -> UnixNanos {
        Self::now(self).wall
    }

    fn heartbeat(&self) -> Heartbeat {
        // In this order: see `MarketHealth::judge`.
        let last = self.ticks.any();
        let now = self.now();
        let last_tick = (last.wall != crate::types::time::NO_TIME).then_some(last.wall);
        // The steady clock has its say too: by either clock too old is stale.
        let fresh = self.health.judge(last, now);
        let max_age = self.settings.max_age;
        let heartbeat = Heartbeat { now: now.wall, last_tick, max_age, forced_stale: self.settings.forced_stale };
        if fresh || !heartbeat.is_fresh() { heartbeat } else { Heartbeat { last_tick: None, ..heartbeat } }
    }

    fn process(&self) -> Process {
        // Read in place: a copy of all histograms for each probe is not needed.
        let view = lock(&self.view);
        let mut faults: Vec<String> = view.journal_fault.iter().map(|f| format!("journal: {f}")).collect();
        if let Err(reason) = lock(&self.clock).healthy(self.now(), self.mode == Mode::Live) {
            faults.push(format!("clock: {reason}"));
        }
        Process {
            host: self.facts.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: self.facts.build.clone(),
            configuration: self.facts.configuration.clone(),
            epoch: self.facts.epoch,
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            sequence: view.sequence,
            journaled_sequence: view.journaled,
            orders: view.counts.orders,
            fills: view.counts.fills,
            refused: view.counts.refused,
            open_orders: self.outlet.open_orders.load(Ordering::Acquire),
            live: view.journal_fault.is_none(),
            faults,
            warnings: [self.halt.current().warnings, self.paused_bridges()].concat(),
            bridges: self.bridges_now(&view),
            intake: self.intake_now(),
            agents: self.agents_watch(),
        }
    }

    fn bridge(&self, name: &str, order: &BridgeOrder) -> Result<BridgeNow, Refused> {
        self.order_bridge(name, order)
    }

    fn agents(&self) -> Vec<Agent> {
        self.agents_now()
    }

    fn settings(&self) -> Option<Vec<InstrumentSetting>> {
        Some(self.settings_now())
    }

    fn situation(&self) -> Situation {
        let (halt, now) = (self.halt.current(), self.now());
        let mut sources: Vec<KillSource> = self
            .kill
            .standing()
            .into_iter()
            .filter(|act| act.scope == KillScope::Host)
            .map(|act| KillSource {
                name: if act.who == "signal" { "signal" } else { "command" }.to_owned(),
                latched: true,
                number: Some(act.number),
                who: act.who,
                reason: act.reason,
                since: act.at,
            })
            .collect();
        if self.gate.is_killed() && sources.is_empty() {
            // The handler's flag closes the gate; its act is written down with the next look.
            sources.push(KillSource::new("signal", true));
        }
        if halt.kind != crate::control::halt::HaltKind::Allowed {
            let name = if halt.source.starts_with("file") {
                "file"
            } else if halt.source.starts_with("environment") {
                "environment"
            } else {
                "default"
            };
            // The default halt stops LIVE alone: it is told where it matters.
            if halt.bars(self.mode) {
                sources.push(KillSource { reason: halt.source.clone(), ..KillSource::new(name, false) });
            }
        }
        let halted = self.gate.is_killed() || halt.bars(self.mode);
        let machine = lock(&self.machine);
        let state = if halted { ExecutionState::Halted } else { machine.state() };
        let last_transition = machine.history().next_back().map(|t| Transition {
            from: t.from,
            to: t.to,
            trigger: t.trigger.name().to_owned(),
            at: t.at.wall,
        });
        let retry_in_seconds = (state == ExecutionState::Error)
            .then(|| machine.backoff_left(now).map(|left| left.max(0).unsigned_abs().div_ceil(1_000_000_000)))
            .flatten();
        drop(machine);
        // What the record has heard, and what acts already.
        let bits = lock(&self.view).gate | self.gate.reasons();
        let mut scopes: Vec<ScopeNow> = self
            .kill
            .standing()
            .into_iter()
            .filter(|act| act.scope != KillScope::Host)
            .map(|act| ScopeNow {
                scope: self.word_of(act.scope),
                state: ScopeState::Halted.name().to_owned(),
                reason: act.reason,
                kill: Some(act.number),
            })
            .collect();
        scopes.extend(lock(&self.stale_instruments).iter().map(|(name, stream)| ScopeNow {
            scope: format!("instrument:{name}"),
            state: "stale".to_owned(),
            kill: None,
            reason: format!("no {stream} within {} s", self.settings.max_age / SECONDS),
        }));
        scopes.extend(self.states());
        Situation {
            host: self.facts.host.clone(),
            mode: self.mode,
            state,
            last_transition,
            kill_switch: KillSwitch { halted, sources },
            gate: GateReason::ALL.iter().copied().filter(|r| bits >> r.code() & 1 == 1).collect(),
            scopes,
            retry_in_seconds,
            exposures: self.exposures(),
            alerts: lock(&self.alerts).standing().to_vec(),
        }
    }

    fn limits(&self) -> Vec<Limit> {
        let view = lock(&self.view);
        let scope_of = |id: InstrumentId| match view.instruments.get(&id.0) {
            Some(known) => ScopeId::parse(&format!("instrument:{}", known.instrument.name())),
            None if id == InstrumentId::NONE => Some(ScopeId::HOST),
            None => None,
        };
        let mut limits: Vec<Limit> = Vec::new();
        for &(number, instrument, value) in &self.facts.limits {
            let Some(row) = crate::risk::TABLE.iter().find(|row| row.code == number) else { continue };
            let Some(scope) = scope_of(instrument.unwrap_or(InstrumentId::NONE)) else { continue };
            let (unit, decimals) = unit_of(row.unit);
            let name = row.key.unwrap_or(row.name);
            limits.push(Limit { number, name, unit, decimals, scope, value, used: None, changed: None });
        }
        for record in view.limits.values() {
            let Some(scope) = scope_of(record.instrument) else { continue };
            let change = LimitChange { who: record.command.who().into_owned(), at: record.at, old: record.before };
            let number = record.command.limit;
            if let Some(limit) = limits.iter_mut().find(|l| l.number == number && l.scope == scope) {
                (limit.value, limit.changed) = (record.now, Some(change));
            } else if let Some(host) = limits.iter().find(|l| l.number == number).cloned() {
                limits.push(Limit { scope, value: record.now, changed: Some(change), ..host });
            }
        }
        self.fill_in_used(&view, &mut limits);
        limits
    }

    fn enablement(&self) -> Enablement {
        lock(&self.shown).clone()
    }

    fn scrape(&self, out: &mut Scrape) {
        let view = self.view();
        for (name, meaning, value) in view.counts.table() {
            out.counter(&format!("{name}_total"), meaning, &[], value);
        }
        for (i, span) in SPANS.iter().enumerate() {
            let figures = Buckets::of_nanos(view.latency.get(i));
            out.histogram("latency_seconds", "Latency of the journey's parts.", &[("span", span)], &figures);
        }
        let situation = self.situation();
        for &state in ExecutionState::ALL {
            let is = f64::from(u8::from(situation.state == state));
            out.gauge("execution_state", "1 for the state of execution.", &[("state", state.name())], is);
        }
        for &reason in GateReason::ALL {
            let holds = f64::from(u8::from(situation.gate.contains(&reason)));
            out.gauge(
                "gate_closed",
                "1 for each reason that holds the gate closed.",
                &[("reason", reason.name())],
                holds,
            );
        }
        out.gauge("sequence", "Sequence of the newest input.", &[], view.sequence as f64);
        out.gauge("journaled_sequence", "Sequence of the newest input in the journal.", &[], view.journaled as f64);
        let age = self.heartbeat().age().map_or(f64::NAN, |age| age as f64 / 1e9);
        out.gauge("marketdata_age_seconds", "Age of the newest tick.", &[], age);
        out.counter(
            "orders_stopped_total",
            "New orders that the gate stopped before the wire.",
            &[],
            self.gate.blocked(),
        );
        self.age_metrics(out, &view);
        self.bridge_metrics(out, &view);
        let events = self.progress.events.load(Ordering::Relaxed);
        out.counter("market_messages_total", "Market messages taken in.", &[], events);
    }

    fn command(&self, command: &Command) -> Result<Accepted, Refused> {
        let now = self.now().wall;
        let target = self.target(&command.scope);
        if let Action::Kill { flatten } = command.action {
            return Ok(self.kill(command, &target?, flatten, now));
        }
        let target = target?;
        match command.action {
            Action::ReleaseKill { number } => self.release(command, &target, number, now),
            Action::Recover => self.recover(command, &target),
            Action::Stop => {
                self.keep_on_record(InstrumentId::NONE, &order(OperatorAction::Stop, command, &target));
                self.gate.stop();
                Ok(Accepted { sequence: None, in_force: true })
            }
            _ => {
                if let Action::SetLimit { number, old, new } = command.action
                    && let Some(refused) = self.limit_refused(&target, number, old, new)
                {
                    return Err(refused);
                }
                let operator = command.operator(target.scope_id).ok_or(Refused::Conflict {
                    reason: "no_such_command",
                    message: "the host has no such command".to_owned(),
                })?;
                let mut operator = operator;
                if let Action::Target { size, ttl } = &command.action {
                    (operator.new, operator.until) = self.wanted(&command.scope, &target, size, *ttl)?;
                }
                let has_room = lock(&self.records).len() < RECORDS_WAITING;
                if command.action.only_reduces() && has_room {
                    // Never refused for want of room.
                    self.keep_on_record(target.instrument, &operator);
                } else {
                    self.send(&operator, &target)?;
                }
                Ok(Accepted::default())
            }
        }
    }

    fn opinion(&self, opinion: &Opinion) -> Result<Accepted, Refused> {
        self.take_opinion(opinion)
    }

    fn instrument(&self, name: &str) -> Option<String> {
        let view = lock(&self.view);
        view.instruments.values().map(|known| &known.instrument).find(|i| is_named(i, name)).map(Instrument::name)
    }

    fn market(&self) -> Vec<MarketNow> {
        self.market_now()
    }

    fn journaled_before(&self, request: u64) -> Option<Journaled> {
        self.journaled_before.get(&request).copied()
    }

    fn journaled(&self, request: u64) -> Option<Journaled> {
        let view = lock(&self.view);
        let record = view.operators.iter().rev().find(|r| r.command.request == request)?;
        let outcome = OperatorOutcome::from_code(record.outcome).unwrap_or(OperatorOutcome::NotUnderstood);
        let is_there = record.sequence <= view.journaled || view.journaled == 0;
        is_there.then_some(Journaled { sequence: record.sequence, outcome })
    }
}
