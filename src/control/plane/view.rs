//! Edge: what the host tells of itself: plain data, as the control plane shows it.

use crate::control::alerts::Standing;
use crate::event::input::GateReason;
use crate::event::operator::ScopeState;
use crate::types::time::{self, NO_TIME, Nanos, UnixNanos};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

pub use crate::control::mode::Mode;
pub use crate::control::state::State as ExecutionState;

/// `instant` as ISO-8601 with microseconds and `+00:00`, as all of the host's words on the wire; `None` for no time.
pub fn iso(instant: UnixNanos) -> Option<String> {
    if instant == NO_TIME {
        return None;
    }
    let stamp = jiff::Timestamp::from_nanosecond(i128::from(instant)).ok()?;
    Some(stamp.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(in crate::control) fn as_iso<S: Serializer>(instant: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    iso(*instant).serialize(serializer)
}

/// Market data as a whole: when the last tick came, and how old it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The host's wall clock now.
    pub now: UnixNanos,
    /// Receive time of the newest market-data tick; `None` before the first.
    pub last_tick: Option<UnixNanos>,
    /// Older than this is stale, ns (`MARKETDATA_MAX_AGE_SECONDS`).
    pub max_age: Nanos,
    /// `MARKETDATA_FORCE_STALE` is set.
    pub forced_stale: bool,
}

impl Heartbeat {
    /// Age of the newest tick, ns; `None` if there is none or the clock ran backward: then nothing is fresh.
    pub fn age(&self) -> Option<Nanos> {
        self.last_tick.and_then(|last| time::age(self.now, last))
    }

    /// Whether market data is fresh.
    pub fn is_fresh(&self) -> bool {
        !self.forced_stale && self.age().is_some_and(|age| age <= self.max_age)
    }
}

/// Who paused a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PausedNow {
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(format = DateTime)]
    pub since: Option<String>,
}

/// A bridge to a store outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct BridgeNow {
    /// `redis`, `postgres`.
    pub name: String,
    /// `connecting`, `catching_up`, `current`, `waiting`, `ended` or `paused`.
    pub state: String,
    /// The last sequence that the store has for sure; null until it was asked.
    pub sequence: Option<u64>,
    /// Events that the journal has and the store has not; null until it was asked.
    pub lag_events: Option<u64>,
    /// Bytes of the journal that the store has not; null until it was asked.
    pub lag_bytes: Option<u64>,
    /// Seconds since the store had all events; null if it never had since the start.
    pub lag_seconds: Option<f64>,
    /// Events written since the start.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Messages published since the start.
    pub published: u64,
    /// Events that were written without their messages, since they were old.
    pub left_out: u64,
    /// Notices of the host that were not passed on for want of room to wait.
    pub notices_dropped: u64,
    /// Connections begun since the start.
    pub connections: u64,
    /// Times that the store had less than it had confirmed, and what was missing was written again.
    pub regressions: u64,
    /// Events that the journal did not have any more when their turn came. Must be 0.
    pub lost: u64,
    /// Entries that a consumer had not finished with when they were trimmed.
    pub trimmed_pending: u64,
    /// What is wrong, and what to do; empty if nothing is.
    pub trouble: String,
    /// What the store's settings put at risk.
    pub warnings: Vec<String>,
    /// Who paused it; null if nobody did. It may still be at its last batch while `state` is not `paused`.
    pub paused: Option<PausedNow>,
    /// Consumer groups of the stream, which a rebuilding takes away.
    pub groups: Vec<String>,
    /// A rebuilding was asked for and is not begun yet.
    pub rebuild_asked: bool,
    /// Rebuildings begun since the start.
    pub rebuilds: u64,
    /// Why the last rebuilding that was asked for was not begun; empty if it was.
    pub rebuild_refused: String,
}

/// What comes in over Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct IntakeNow {
    /// Whether it listens now.
    pub listening: bool,
    /// Connections begun.
    pub connections: u64,
    /// Tasks whose outcome was told.
    pub tasks: u64,
    /// Commands that were answered.
    pub commands: u64,
    /// Signals that went into the sequence.
    pub signals: u64,
    /// Decisions that went into the sequence.
    pub decisions: u64,
    /// Tries that were put off.
    pub retries: u64,
    /// Messages that were refused or given up, with a dead letter each.
    pub dead: u64,
    /// Signals and decisions of senders that the configuration does not name.
    pub strangers: u64,
    /// Messages of the channels that there was no room for.
    pub dropped: u64,
    /// Tasks and commands that were taken more than 5 s ago and are not in the journal yet.
    pub late: u64,
    /// Times that a response, an audit entry or a dead letter could not be kept, since the key is not what agents keep there.
    pub untold: u64,
    /// On which keys that is so now, and what to do; empty if on none.
    pub untold_why: String,
    /// Whether it ended by a fault of its own: nothing comes in until the host starts again.
    pub ended: bool,
    /// What is wrong, and what to do; empty if nothing is.
    pub trouble: String,
}

/// An agent that is down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct DownNow {
    /// Its id.
    pub agent: String,
    /// Since when nothing was heard of it: ISO-8601.
    pub since: String,
    /// It said itself that it stops, and nobody wants it to be there.
    pub orderly: bool,
}

/// The supervisor's watch over all agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WatchNow {
    /// Whether agents can be heard now.
    pub hears: bool,
    /// Times that the hearing began since the start.
    pub connections: u64,
    /// Agents that are watched.
    pub watched: u64,
    /// Those that are down.
    pub down: Vec<DownNow>,
    /// Times that there was no room to watch one more.
    pub unwatched: u64,
    /// Instruments that are reduce-only for an agent's silence.
    pub reduced: Vec<String>,
    /// Budgets above 90 % of their limit.
    pub budgets: Vec<String>,
    /// Heartbeats that were refused (no JSON, wrong types, too long).
    pub refused: u64,
    /// Whether it ended by a fault of its own: nobody is watched until the host starts again.
    pub ended: bool,
    /// What is wrong, and what to do; empty if nothing is.
    pub trouble: String,
}

/// The process and its basic figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Process {
    /// The host's name.
    pub host: String,
    /// The program's version.
    pub version: String,
    /// First bytes of the build's hash, in hexadecimal.
    pub build: String,
    /// First bytes of the configuration's hash, in hexadecimal.
    pub configuration: String,
    /// Number of this start in its journal, from 1.
    pub epoch: u64,
    /// Seconds since the start.
    pub uptime_seconds: f64,
    /// Sequence of the newest input that went through all stages.
    pub sequence: u64,
    /// Sequence of the newest input in the journal.
    pub journaled_sequence: u64,
    /// Orders sent since the start.
    pub orders: u64,
    /// Fills since the start.
    pub fills: u64,
    /// Orders refused by risk since the start.
    pub refused: u64,
    /// Orders that rest or are under way now, of the whole host.
    pub open_orders: u64,
    /// Whether the threads turn: what a liveness probe asks. False means: restart it.
    pub live: bool,
    /// What keeps the process from its work, in words; empty while it can do it.
    pub faults: Vec<String>,
    /// What people should know though the work goes on (a bridge that is down, queues that may be evicted).
    pub warnings: Vec<String>,
    /// The bridges that are on.
    pub bridges: Vec<BridgeNow>,
    /// How the intake of outside agents' messages stands; null if it is off.
    pub intake: Option<IntakeNow>,
    /// The supervisor's watch over all agents; null if it is off.
    pub agents: Option<WatchNow>,
}

/// An instrument's market, as of its last input. Prices and quantities are exact decimals.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MarketNow {
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// The venue.
    pub venue: String,
    /// Best bid; null where there is none, or the book is not valid.
    pub bid_px: Option<String>,
    /// Its quantity.
    pub bid_qty: Option<String>,
    /// Best ask; null as the bid.
    pub ask_px: Option<String>,
    /// Its quantity.
    pub ask_qty: Option<String>,
    /// Price of the last trade; null before the first.
    pub last_px: Option<String>,
    /// Whether orders may be thought about: the book is whole, fresh, and in continuous trading.
    pub tradable: bool,
    /// Whether the market stage or the age of its ticks calls it stale.
    pub stale: bool,
    /// When its last input was received.
    #[schema(format = DateTime)]
    pub at: Option<String>,
    /// Seconds since the last tick of it came; null if none did, or a clock ran backward.
    pub age_seconds: Option<f64>,
    /// The candle of the shortest interval that closed last, if one did with the last input shown: open, high, low, close.
    pub candle: Option<CandleNow>,
}

/// A candle, in exact decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CandleNow {
    /// Its interval, such as `1m`.
    pub interval: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub open_time: Option<String>,
    /// First price.
    pub open: String,
    /// Highest.
    pub high: String,
    /// Lowest.
    pub low: String,
    /// Last.
    pub close: String,
    /// Volume.
    pub volume: String,
}

/// One agent of the host.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Agent {
    /// Its name in the roster: `market-data`, `feature`, `signal`, `risk`, `execution`, `supervisor`, `compliance`.
    pub name: String,
    /// Whether it turns.
    pub live: bool,
    /// Whether it can do its work now.
    pub ready: bool,
    /// Seconds since its last sign of life; null if there was none.
    pub heartbeat_age_seconds: Option<f64>,
    /// Why it is not ready, or what it does.
    pub detail: String,
}

impl Agent {
    /// Whether it is one of the stages that orders go through, and not one that looks after them.
    pub fn is_stage(&self) -> bool {
        !matches!(self.name.as_str(), "supervisor" | "compliance")
    }
}

/// One thing that holds the kill switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KillSource {
    /// `environment`, `file`, `http`, `signal`, `command`, …
    pub name: String,
    /// Number of a latched kill: a release names it, so that it never takes back a newer one that nobody has looked at.
    pub number: Option<u32>,
    /// Whether it stays until somebody releases it (true), or goes with its cause (the file, the variable: false).
    pub latched: bool,
    /// Who set it; empty if nobody in person.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when; null if not known.
    #[serde(serialize_with = "as_iso")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: UnixNanos,
}

impl KillSource {
    /// A source without particulars.
    pub fn new(name: &str, latched: bool) -> Self {
        Self { name: name.to_owned(), number: None, latched, who: String::new(), reason: String::new(), since: NO_TIME }
    }
}

/// The kill switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct KillSwitch {
    /// Whether it stops new orders in the present mode.
    pub halted: bool,
    /// What holds it. The default halt (nothing set at all) stands here as `default` though it stops only LIVE.
    pub sources: Vec<KillSource>,
}

impl KillSwitch {
    /// The names of what holds it, for messages.
    pub fn source_text(&self) -> String {
        if self.sources.is_empty() {
            return "unknown".to_owned();
        }
        self.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A change of the execution state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Transition {
    /// The state before.
    pub from: ExecutionState,
    /// The state behind it.
    pub to: ExecutionState,
    /// What caused it, in a word (`marketdata_stale`, `kill_switch`, `recover`, …).
    pub trigger: String,
    /// When.
    #[serde(serialize_with = "as_iso")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: UnixNanos,
}

/// The trading state of a scope that is not ACTIVE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScopeNow {
    /// `host`, `venue:…`, `instrument:…`, `strategy:…`.
    pub scope: String,
    /// `reducing`, `halted`, or `stale` (no fresh market data).
    pub state: String,
    /// Why.
    pub reason: String,
    /// Number of its kill, for the release; null if it is no kill.
    pub kill: Option<u32>,
}

/// What took the place of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The state before.
    pub state: ScopeState,
    /// Who had set it.
    pub who: String,
}

/// The trading state that somebody set for one instrument, whatever wider scopes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstrumentSetting {
    /// The instrument, `SYMBOL.VENUE`.
    pub instrument: String,
    /// What it may do.
    pub state: ScopeState,
    /// Who set that last.
    pub who: String,
    /// By which request.
    pub request: u64,
    /// What was set before, if anything.
    pub replaced: Option<Replaced>,
}

/// What is held, rests or is under way in an instrument. Quantities in whole units, as exact decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exposure {
    /// The instrument, `SYMBOL.VENUE`.
    pub instrument: String,
    /// Its position, signed.
    pub position: String,
    /// Quantity of its open buys.
    pub open_buy: String,
    /// Quantity of its open sells.
    pub open_sell: String,
}

/// Where execution stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The host's name.
    pub host: String,
    /// What it may do at most.
    pub mode: Mode,
    /// The state.
    pub state: ExecutionState,
    /// The change that led to it; `None` since the start.
    pub last_transition: Option<Transition>,
    /// The kill switch.
    pub kill_switch: KillSwitch,
    /// The reasons that hold the gate closed; empty = open.
    pub gate: Vec<GateReason>,
    /// Scopes that may not do everything.
    pub scopes: Vec<ScopeNow>,
    /// Seconds until the back-off tries again by itself (ERROR only).
    pub retry_in_seconds: Option<u64>,
    /// What is held, rests or is under way, by instrument; empty = nothing.
    pub exposures: Vec<Exposure>,
    /// The alerts that stand, the oldest first.
    pub alerts: Vec<Standing>,
}

impl Situation {
    /// What is true before anything is known: nothing may leave.
    pub fn unknown(host: &str, mode: Mode) -> Self {
        Self {
            host: host.to_owned(),
            mode,
            state: ExecutionState::Init,
            last_transition: None,
            kill_switch: KillSwitch::default(),
            gate: vec![GateReason::NotReady],
            scopes: Vec::new(),
            retry_in_seconds: None,
            exposures: Vec::new(),
            alerts: Vec::new(),
        }
    }
}

/// A limit in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Stored number of its check.
    pub number: u8,
    /// Name of its check, such as `NOTIONAL_EXCEEDS_MAX_PER_ORDER`.
    pub name: &'static str,
    /// In what it is counted, for people: `quote currency`, `ppm`, `orders`, …
    pub unit: &'static str,
    /// Decimals of `value` and `used`: 8 means that 150 000 000 is shown as 1.5.
    pub decimals: u8,
    /// Of what.
    pub scope: super::ScopeId,
    /// The limit.
    pub value: i128,
    /// What is used of it now, where that can be said.
    pub used: Option<i128>,
    /// The last change by a command.
    pub changed: Option<LimitChange>,
}

/// The last change of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitChange {
    /// Who.
    pub who: String,
    /// When.
    pub at: UnixNanos,
    /// What it was before.
    pub old: i128,
}

/// Two-person enablement of a real venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Enablement {
    /// Whether a valid enablement is in force now.
    pub valid: bool,
    /// Why not, or what is missing (`no request`, `one signature of two`, `expired`, …); empty if valid.
    pub detail: String,
    /// The people who signed.
    pub signed_by: Vec<String>,
    /// The ticket.
    pub ticket: Option<String>,
    /// Until when it is valid; null if it is not.
    pub until: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness_fails_closed() {
        let base = Heartbeat { now: 100, last_tick: Some(40), max_age: 60, forced_stale: false };
        for (heartbeat, fresh) in [
            (base, true),
            (Heartbeat { last_tick: Some(39), ..base }, false),
            (Heartbeat { last_tick: None, ..base }, false),
            (Heartbeat { last_tick: Some(NO_TIME), ..base }, false),
            // The clock ran backward: stale, not fresh.
            (Heartbeat { last_tick: Some(101), ..base }, false),
            (Heartbeat { now: NO_TIME, ..base }, false),
            (Heartbeat { forced_stale: true, ..base }, false),
        ] {
            assert_eq!(heartbeat.is_fresh(), fresh, "{heartbeat:?}");
        }
    }

    #[test]
    fn instants_are_written_as_the_contract_says() {
        assert_eq!(iso(1_767_323_045_123_456_789).as_deref(), Some("2026-01-02T03:04:05.123456+00:00"));
        assert_eq!(iso(NO_TIME), None);
    }
}
