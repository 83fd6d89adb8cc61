//! A host in memory, to the letter of `control::plane::Host`: what the runtime must give, without the runtime.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tickpath::control::plane::view::{
    Agent, BridgeNow, Enablement, ExecutionState, Heartbeat, KillSource, KillSwitch, Limit, LimitChange, MarketNow,
    Mode, PausedNow, Process, Situation, Transition, iso,
};
use tickpath::control::plane::{
    Accepted, Action, BridgeAction, BridgeOrder, Command, Host, Journaled, Opinion, Refused, ScopeId, Scrape,
};
use tickpath::event::input::GateReason;
use tickpath::event::operator::Scope;
use tickpath::event::risk::OperatorOutcome;
use tickpath::metric::counts::Counts;
use tickpath::metric::latency::LatencySet;
use tickpath::types::decimal::format_decimal;
use tickpath::types::time::{SECONDS, UnixNanos};

/// When everything in it happens.
pub const NOW: UnixNanos = 1_767_323_045_123_456_000;

/// Instruments, venues and strategies that it knows.
pub const KNOWN: [(Scope, &str); 4] = [
    (Scope::Instrument, "BTCUSDT.BINANCE_USDM"),
    (Scope::Instrument, "ETHUSDT.BINANCE_USDM"),
    (Scope::Venue, "binance_usdm"),
    (Scope::Strategy, "0"),
];

/// What it holds.
pub struct Inside {
    /// Age of the newest tick; `None` before the first.
    pub tick_age: Option<i64>,
    /// `MARKETDATA_FORCE_STALE`.
    pub forced_stale: bool,
    /// The execution state.
    pub state: ExecutionState,
    /// What holds the kill switch of the host.
    pub kills: Vec<KillSource>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// What the process says.
    pub faults: Vec<String>,
    /// Whether the threads turn.
    pub live: bool,
    /// An agent that is not ready.
    pub agent_down: Option<&'static str>,
    /// The journal stands still: commands stay queued.
    pub journal_stalled: bool,
    /// The lane takes no more commands.
    pub lane_full: bool,
    /// Its bridges.
    pub bridges: Vec<BridgeNow>,
    /// Commands that were taken, in order.
    pub taken: Vec<Command>,
    /// The journal: request to sequence.
    journal: BTreeMap<u64, u64>,
    sequence: u64,
    transition: Option<Transition>,
}

/// A bridge that has all.
fn bridge(name: &str) -> BridgeNow {
    BridgeNow {
        name: name.to_owned(),
        state: "current".to_owned(),
        sequence: Some(1000),
        lag_events: Some(0),
        lag_bytes: Some(0),
        ..BridgeNow::default()
    }
}

/// The host.
pub struct Desk(Mutex<Inside>);

impl Default for Desk {
    fn default() -> Self {
        let limit = |number, name, unit, decimals, value, used| Limit {
            number,
            name,
            unit,
            decimals,
            scope: ScopeId::HOST,
            value,
            used,
            changed: None,
        };
        Self(Mutex::new(Inside {
            tick_age: Some(SECONDS),
            forced_stale: false,
            state: ExecutionState::Ready,
            kills: Vec::new(),
            limits: vec![
                limit(5, "NOTIONAL_EXCEEDS_MAX_PER_ORDER", "quote currency", 8, 5_000_000_000_000, Some(150_000_000)),
                limit(10, "OPEN_ORDERS_EXCEED_MAX", "orders", 0, 50, Some(3)),
                limit(6, "PRICE_OUTSIDE_COLLAR", "ppm", 0, 10_000, None),
            ],
            faults: Vec::new(),
            live: true,
            agent_down: None,
            journal_stalled: false,
            lane_full: false,
            bridges: ["redis", "postgres"].map(bridge).to_vec(),
            taken: Vec::new(),
            journal: BTreeMap::new(),
            sequence: 1000,
            transition: None,
        }))
    }
}

impl Desk {
    /// Its inside, to look at and to arrange.
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// How many commands had an effect.
    pub fn effects(&self) -> usize {
        self.inside().taken.len()
    }

    /// The journal goes on.
    pub fn resume_journal(&self) {
        let mut inside = self.inside();
        inside.journal_stalled = false;
        let waiting: Vec<u64> =
            inside.taken.iter().map(|c| c.request).filter(|r| !inside.journal.contains_key(r)).collect();
        for request in waiting {
            inside.write(request);
        }
    }
}

impl Inside {
    fn write(&mut self, request: u64) -> u64 {
        self.sequence += 1;
        self.journal.insert(request, self.sequence);
        self.sequence
    }

    fn go(&mut self, to: ExecutionState, trigger: &str) {
        self.transition = Some(Transition { from: self.state, to, trigger: trigger.to_owned(), at: NOW });
        self.state = to;
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            now: NOW,
            last_tick: self.tick_age.map(|age| NOW - age),
            max_age: 60 * SECONDS,
            forced_stale: self.forced_stale,
        }
    }

    fn situation(&self) -> Situation {
        let mut gate = Vec::new();
        if !self.kills.is_empty() {
            gate.push(GateReason::Kill);
        }
        if !self.heartbeat().is_fresh() {
            gate.push(GateReason::MarketDataStale);
        }
        Situation {
            state: self.state,
            last_transition: self.transition.clone(),
            kill_switch: KillSwitch { halted: !self.kills.is_empty(), sources: self.kills.clone() },
            gate,
            ..Situation::unknown("desk-1", Mode::Paper)
        }
    }

    fn take(&mut self, command: &Command) -> Result<Accepted, Refused> {
        let scope = command.scope.scope();
        let known = |scope: Scope| KNOWN.iter().filter(move |k| k.0 == scope).map(|k| k.1.to_owned());
        if scope != Scope::Host && !known(scope).any(|id| id == command.scope.id()) {
            let known = known(scope).collect();
            return Err(Refused::Unknown { what: scope.name(), given: command.scope.id().to_owned(), known });
        }
        if self.lane_full && !matches!(command.action, Action::Kill { .. }) {
            return Err(Refused::Busy);
        }
        match &command.action {
            Action::Kill { .. } if scope == Scope::Host => {
                self.kills.push(KillSource {
                    number: Some(1),
                    who: command.who.clone(),
                    reason: command.reason.clone(),
                    since: NOW,
                    ..KillSource::new("http", true)
                });
                self.go(ExecutionState::Halted, "kill_switch");
            }
            Action::ReleaseKill { .. } if scope == Scope::Host => {
                if let Some(refused) = Refused::release(&self.situation()) {
                    return Err(refused);
                }
                self.kills.clear();
                self.go(ExecutionState::Degraded, "kill_released");
            }
            Action::Recover => {
                if let Some(refused) = Refused::recover(&self.situation(), &self.heartbeat()) {
                    return Err(refused);
                }
                self.go(ExecutionState::Ready, "recover");
            }
            Action::SetLimit { number, old, new } => {
                let Some(limit) = self.limits.iter_mut().find(|l| l.number == *number) else {
                    return Err(Refused::Unknown { what: "limit", given: number.to_string(), known: Vec::new() });
                };
                if limit.value != *old {
                    return Err(Refused::LimitChanged { now: format_decimal(limit.value, limit.decimals, 0) });
                }
                if *new == 0 {
                    let given = "0".to_owned();
                    return Err(Refused::OutOfRange { what: "new", given, expected: "more than 0".to_owned() });
                }
                limit.changed = Some(LimitChange { who: command.who.clone(), at: NOW, old: *old });
                limit.value = *new;
            }
            Action::ResetBreaker => {
                let message = "no breaker of this scope is open".to_owned();
                return Err(Refused::Conflict { reason: "nothing_to_reset", message });
            }
            _ => {}
        }
        self.taken.push(command.clone());
        let in_force = matches!(command.action, Action::Kill { .. });
        if self.journal_stalled {
            return Ok(Accepted { sequence: None, in_force });
        }
        Ok(Accepted { sequence: Some(self.write(command.request)), in_force })
    }
}

impl Host for Desk {
    fn now(&self) -> UnixNanos {
        NOW
    }

    fn heartbeat(&self) -> Heartbeat {
        self.inside().heartbeat()
    }

    fn process(&self) -> Process {
        let inside = self.inside();
        Process {
            host: "desk-1".to_owned(),
            version: "0.0.0".to_owned(),
            build: "b0".to_owned(),
            configuration: "c0".to_owned(),
            epoch: 3,
            uptime_seconds: 12.5,
            sequence: inside.sequence,
            journaled_sequence: inside.sequence,
            orders: 2,
            fills: 1,
            refused: 0,
            open_orders: 2,
            live: inside.live,
            faults: inside.faults.clone(),
            warnings: vec!["redis may evict queues".to_owned()],
            bridges: inside.bridges.clone(),
            intake: None,
            agents: None,
        }
    }

    fn agents(&self) -> Vec<Agent> {
        let down = self.inside().agent_down;
        ["market-data", "feature", "signal", "risk", "execution", "supervisor", "compliance"]
            .map(|name| Agent {
                name: name.to_owned(),
                live: true,
                ready: down != Some(name),
                heartbeat_age_seconds: Some(0.5),
                detail: String::new(),
            })
            .to_vec()
    }

    fn situation(&self) -> Situation {
        self.inside().situation()
    }

    fn limits(&self) -> Vec<Limit> {
        self.inside().limits.clone()
    }

    fn enablement(&self) -> Enablement {
        Enablement { detail: "no request".to_owned(), ..Enablement::default() }
    }

    fn scrape(&self, out: &mut Scrape) {
        out.counts(&Counts { orders: 2, fills: 1, ..Counts::default() });
        out.latency(&LatencySet::new());
    }

    fn command(&self, command: &Command) -> Result<Accepted, Refused> {
        self.inside().take(command)
    }

    fn bridge(&self, name: &str, order: &BridgeOrder) -> Result<BridgeNow, Refused> {
        let mut inside = self.inside();
        let known = inside.bridges.iter().map(|bridge| bridge.name.clone()).collect();
        let given = name.to_owned();
        let Some(bridge) = inside.bridges.iter_mut().find(|bridge| bridge.name == name) else {
            return Err(Refused::Unknown { what: "bridge", given, known });
        };
        match order.action {
            BridgeAction::Pause => {
                let (who, reason) = (order.who.clone(), order.reason.clone());
                bridge.paused = Some(PausedNow { who, reason, since: iso(NOW) });
                "paused".clone_into(&mut bridge.state);
            }
            BridgeAction::Resume => {
                bridge.paused = None;
                "current".clone_into(&mut bridge.state);
            }
            BridgeAction::Rebuild { force: false } if !bridge.groups.is_empty() => {
                let message = format!("consumer groups: {}", bridge.groups.join(", "));
                return Err(Refused::Conflict { reason: "has_consumer_groups", message });
            }
            BridgeAction::Rebuild { .. } => bridge.rebuilds += 1,
        }
        Ok(bridge.clone())
    }

    fn opinion(&self, _: &Opinion) -> Result<Accepted, Refused> {
        Err(Refused::Busy)
    }

    fn instrument(&self, _: &str) -> Option<String> {
        None
    }

    fn market(&self) -> Vec<MarketNow> {
        Vec::new()
    }

    fn journaled_before(&self, _: u64) -> Option<Journaled> {
        None
    }

    fn journaled(&self, request: u64) -> Option<Journaled> {
        let sequence = self.inside().journal.get(&request).copied()?;
        Some(Journaled { sequence, outcome: OperatorOutcome::Accepted })
    }
}
