//! Edge: the bodies of requests and answers. The API's document is made from these types.

use super::word::{
    Amount, DirectionWord, KillNumber, LimitName, Reason, RequestNumber, ScopeWord, StateWord, Ticket, TtlSeconds,
};
use crate::control::alerts::Standing;
use crate::control::mode::{Routing, refusals};
use crate::control::plane::ledger::Request;
use crate::control::plane::view::{
    Agent, BridgeNow, Enablement, ExecutionState, Exposure, Heartbeat, KillSwitch, Limit, Mode, Process, ScopeNow,
    Situation, Transition, iso,
};
use crate::control::runbook;
use crate::types::decimal::format_decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A body that a command comes with.
pub trait Body: serde::de::DeserializeOwned {
    /// An example, for those who sent something else.
    const EXAMPLE: &'static str;
}

/// Declares request bodies: every one has a reason, and may have a ticket and a number.
macro_rules! bodies {
    ($( $(#[$doc:meta])* $name:ident, $example:literal { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            /// Why; goes into the journal.
            pub reason: Reason,
            /// Under which ticket.
            #[serde(default)]
            pub ticket: Option<Ticket>,
            /// A number of your own for this request: the same again has no second effect (a kill kills again).
            #[serde(default)]
            pub request: Option<RequestNumber>,
        }

        impl Body for $name {
            const EXAMPLE: &'static str = $example;
        }

        impl From<&$name> for Why {
            fn from(body: &$name) -> Self {
                Self { reason: body.reason.clone(), ticket: body.ticket.clone(), request: body.request }
            }
        }
    )+

        /// The bodies' names and examples.
        pub const EXAMPLES: &[(&str, &str)] = &[ $( (stringify!($name), $example), )+ ];
    };
}

/// What every command says of itself.
#[derive(Clone, Debug)]
pub struct Why {
    /// Why.
    pub reason: Reason,
    /// Under which ticket.
    pub ticket: Option<Ticket>,
    /// The request's number, if who asked gave one.
    pub request: Option<RequestNumber>,
}

impl Why {
    /// The ticket; empty if there is none.
    pub fn ticket(&self) -> String {
        self.ticket.as_ref().map(|ticket| ticket.as_str().to_owned()).unwrap_or_default()
    }
}

bodies! {
    /// A command for the whole host.
    Plain, r#"{"reason": "feed is back", "ticket": "OPS-1"}"# {}
    /// A kill.
    Kill, r#"{"scope": "host", "flatten": false, "reason": "orders repeat"}"# {
        /// Of what; the whole host if it is not given.
        #[serde(default = "ScopeWord::host")]
        scope: ScopeWord,
        /// Also close what is held.
        #[serde(default)]
        flatten: bool,
    }
    /// The release of a kill.
    Release, r#"{"scope": "host", "number": 1, "reason": "mended"}"# {
        /// Of what; the whole host if it is not given.
        #[serde(default = "ScopeWord::host")]
        scope: ScopeWord,
        /// Number of the kill that you looked at, as `GET /state` shows it: a newer one stays.
        number: KillNumber,
    }
    /// A command about a scope.
    Scoped, r#"{"scope": "instrument:BTCUSDT.BINANCE_USDM", "reason": "close it by hand"}"# {
        /// Of what.
        scope: ScopeWord,
    }
    /// A wanted position.
    Target, r#"{"scope": "instrument:BTCUSDT.SIM", "direction": "long", "size": "0.02", "ttl_seconds": 60, "reason": "the desk's target"}"# {
        /// Of which instrument.
        scope: ScopeWord,
        /// In which direction.
        direction: DirectionWord,
        /// How much, in whole units; "0" = hold nothing.
        size: Amount,
        /// Seconds until it counts no more.
        ttl_seconds: TtlSeconds,
    }
    /// The rebuilding of a bridge's store.
    RebuildOrder, r#"{"force": false, "reason": "entries were deleted by hand"}"# {
        /// Also if consumer groups of the stream are lost by it.
        #[serde(default)]
        force: bool,
    }
    /// A trading state.
    SetState, r#"{"state": "reducing", "reason": "news in ten minutes"}"# {
        /// The state that is wanted.
        state: StateWord,
    }
    /// A change of a limit.
    SetLimit, r#"{"limit": "NOTIONAL_EXCEEDS_MAX_PER_ORDER", "scope": "host", "old": "50000", "new": "40000", "reason": "smaller today"}"# {
        /// Which limit.
        limit: LimitName,
        /// Of what; the whole host if it is not given.
        #[serde(default = "ScopeWord::host")]
        scope: ScopeWord,
        /// What it is now, as far as you know: a limit that is another by now is not changed.
        old: Amount,
        /// What it is to be.
        new: Amount,
    }
}

/// The market-data heartbeat, field by field as the contract has it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Healthz {
    /// The host.
    pub service: String,
    /// When the newest tick came, seconds since 1970; null before the first.
    pub last_tick_epoch_seconds: Option<f64>,
    /// Its age; null if it cannot be known, which counts as stale.
    pub age_seconds: Option<f64>,
    /// Older than this is stale.
    pub max_age_seconds: f64,
    /// Whether ticks are fresh.
    pub ok: bool,
    /// Whether somebody forces "stale".
    pub forced_stale: bool,
}

impl Healthz {
    /// From the host's heartbeat.
    pub fn new(service: String, heartbeat: &Heartbeat) -> Self {
        let seconds = |nanos: i64| nanos as f64 / 1e9;
        Self {
            service,
            last_tick_epoch_seconds: heartbeat.last_tick.map(seconds),
            age_seconds: heartbeat.age().map(seconds),
            max_age_seconds: seconds(heartbeat.max_age),
            ok: heartbeat.is_fresh(),
            forced_stale: heartbeat.forced_stale,
        }
    }
}

/// The health of the process.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Health {
    /// Whether it can do its work.
    pub ok: bool,
    /// The execution state.
    pub state: ExecutionState,
    /// The process.
    #[serde(flatten)]
    pub process: Process,
}

/// Whether the host may trade as far as its state goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Readiness {
    /// READY, and every agent ready.
    pub ready: bool,
    /// The execution state.
    pub state: ExecutionState,
    /// Agents that are not ready.
    pub waiting_for: Vec<String>,
}

/// Whether the process turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Liveness {
    /// False means: restart it.
    pub live: bool,
    /// What stands still.
    pub faults: Vec<String>,
}

/// The agents, in the order of the data.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Agents {
    /// The agents.
    pub agents: Vec<Agent>,
}

/// A reason that holds the gate closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GateReasonNow {
    /// Its name.
    pub name: String,
    /// What to read: `tickpath runbook NAME`.
    pub runbook: String,
}

/// The gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GateNow {
    /// Whether new orders may leave, as far as the gate goes.
    pub open: bool,
    /// What holds it closed.
    pub reasons: Vec<GateReasonNow>,
}

/// Whether orders may go to a real venue: all of it, for every order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrokerRouting {
    /// All conditions hold.
    pub allowed: bool,
    /// Those that do not, as the contract names them, the weightiest first.
    pub missing: Vec<String>,
}

/// Where the host stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct State {
    /// The host.
    pub host: String,
    /// The execution state.
    pub state: ExecutionState,
    /// What to read about it.
    pub runbook: String,
    /// What the host may do at most.
    pub mode: Mode,
    /// The kill switch and what holds it.
    pub kill_switch: KillSwitch,
    /// Market data.
    pub marketdata: Healthz,
    /// The last change of the state and what caused it; null since the start.
    pub last_transition: Option<Transition>,
    /// Seconds until the back-off tries again by itself.
    pub retry_in_seconds: Option<u64>,
    /// The gate.
    pub gate: GateNow,
    /// Whether orders may go to a real venue.
    pub broker_routing: BrokerRouting,
    /// Scopes that may not do everything.
    pub scopes: Vec<ScopeNow>,
    /// Two-person enablement.
    pub enablement: Enablement,
    /// What is held, rests or is under way, by instrument.
    pub exposures: Vec<Exposure>,
    /// The alerts that stand, the oldest first.
    pub alerts: Vec<Standing>,
    /// The last commands, the newest first.
    pub requests: Vec<Request>,
}

/// The bridges that are on.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BridgesNow {
    /// By name.
    pub bridges: Vec<BridgeNow>,
}

/// The alerts that stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlertsNow {
    /// The oldest first.
    pub alerts: Vec<Standing>,
}

impl State {
    /// All of it at one moment.
    pub fn new(now: Situation, heartbeat: &Heartbeat, enablement: Enablement, requests: Vec<Request>) -> Self {
        let routing = Routing {
            state: now.state,
            mode: now.mode,
            killed: now.kill_switch.halted || !now.kill_switch.sources.is_empty(),
            fresh: heartbeat.is_fresh(),
            enabled: enablement.valid,
        };
        let gate = (!now.gate.is_empty()).then(|| "gate_closed".to_owned());
        let missing: Vec<String> = refusals(&routing).iter().map(ToString::to_string).chain(gate).collect();
        let reasons = now.gate.iter().map(|reason| GateReasonNow {
            name: reason.name().to_owned(),
            runbook: runbook::of_gate(*reason).map_or("index", |book| book.name).to_owned(),
        });
        Self {
            gate: GateNow { open: now.gate.is_empty(), reasons: reasons.collect() },
            runbook: super::error::runbook_of(now.state).to_owned(),
            marketdata: Healthz::new(now.host.clone(), heartbeat),
            broker_routing: BrokerRouting { allowed: missing.is_empty(), missing },
            host: now.host,
            state: now.state,
            mode: now.mode,
            kill_switch: now.kill_switch,
            last_transition: now.last_transition,
            retry_in_seconds: now.retry_in_seconds,
            scopes: now.scopes,
            exposures: now.exposures,
            alerts: now.alerts,
            enablement,
            requests,
        }
    }
}

/// A limit in force. Amounts are decimal texts in whole units, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitNow {
    /// Its name.
    pub limit: String,
    /// Stored number of its check.
    pub number: u8,
    /// Of what.
    pub scope: String,
    /// In what it is counted.
    pub unit: String,
    /// The limit.
    pub value: String,
    /// What is used of it now; null where that cannot be said.
    pub used: Option<String>,
    /// What is left of it.
    pub headroom: Option<String>,
    /// Who changed it last by a command; null if nobody did.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<String>,
    /// What it was before.
    pub was: Option<String>,
}

impl From<&Limit> for LimitNow {
    fn from(limit: &Limit) -> Self {
        let text = |amount: i128| format_decimal(amount, limit.decimals, 0);
        Self {
            limit: limit.name.to_owned(),
            number: limit.number,
            scope: limit.scope.to_string(),
            unit: limit.unit.to_owned(),
            value: text(limit.value),
            used: limit.used.map(text),
            headroom: limit.used.and_then(|used| limit.value.checked_sub(used)).map(text),
            changed_by: limit.changed.as_ref().map(|c| c.who.clone()),
            changed_at: limit.changed.as_ref().and_then(|c| iso(c.at)),
            was: limit.changed.as_ref().map(|c| text(c.old)),
        }
    }
}

/// All limits, in the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Limits {
    /// The limits.
    pub limits: Vec<LimitNow>,
}
