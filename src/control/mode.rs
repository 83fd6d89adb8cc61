//! Edge: what the host may do, and whether an order may go to a broker: everything defaults to *no*.

use super::state::State;
use arrayvec::ArrayVec;

/// The variable that sets the mode, over the configuration.
pub const VARIABLE: &str = "AGENT_MODE";

crate::code_enum! {
    /// What the host may do, from nothing to everything.
    #[derive(utoipa::ToSchema)]
    #[schema(rename_all = "UPPERCASE")]
    pub enum Mode {
        /// Nothing: no market data is taken in.
        Off = 3, "OFF";
        /// Market data, features and signals. No orders.
        Observe = 1, "OBSERVE";
        /// Decisions are made and kept, for comparison. They reach no venue, not even a simulated one.
        Shadow = 4, "SHADOW";
        /// Orders go to the simulated venue.
        Paper = 2, "PAPER";
        /// Orders go to the broker, if everything else says yes.
        Live = 5, "LIVE";
    }
}

/// What a mode lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permits {
    /// Market data comes in; features and signals are made of it.
    pub market_data: bool,
    /// Decisions are made, as orders that are kept and compared.
    pub decisions: bool,
    /// Orders reach the simulated venue.
    pub simulated_orders: bool,
    /// Orders may be asked to be let through to a broker.
    pub broker_orders: bool,
}

impl Mode {
    /// What the mode lets through.
    pub const fn permits(self) -> Permits {
        let (market_data, decisions, simulated_orders, broker_orders) = match self {
            Self::Off => (false, false, false, false),
            Self::Observe => (true, false, false, false),
            Self::Shadow => (true, true, false, false),
            Self::Paper => (true, true, true, false),
            // Not both: an order goes to one venue.
            Self::Live => (true, true, false, true),
        };
        Permits { market_data, decisions, simulated_orders, broker_orders }
    }

    /// The mode in force: `AGENT_MODE` if it is set, else the configured one, else OBSERVE.
    ///
    /// # Errors
    /// [`ModeError`]: a variable that names no mode. It is not replaced by a default: who set it meant something.
    pub fn resolve(variable: Option<&str>, configured: Option<Self>) -> Result<Self, ModeError> {
        match variable {
            Some(text) => Self::from_name(&text.trim().to_ascii_uppercase()).ok_or_else(|| ModeError(text.to_owned())),
            None => Ok(configured.unwrap_or(Self::Observe)),
        }
    }
}

impl serde::Serialize for Mode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// `AGENT_MODE` names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable AGENT_MODE: `{}` is no mode; known: OFF, OBSERVE, SHADOW, PAPER, LIVE", .0.escape_debug())]
pub struct ModeError(String);

/// What broker routing depends on. The default says no to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Of the execution state machine.
    pub state: State,
    /// In force.
    pub mode: Mode,
    /// Whether the kill switch is on, or a halt bars LIVE.
    pub killed: bool,
    /// Whether the market's data is fresh.
    pub fresh: bool,
    /// Whether a valid enablement by two people is in force.
    pub enabled: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Self { state: State::Init, mode: Mode::Off, killed: true, fresh: false, enabled: false }
    }
}

/// Why nothing is routed to a broker. The texts are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The kill switch is on.
    #[error("kill_switch_enabled")]
    Killed,
    /// The mode is another one than LIVE.
    #[error("agent_mode_not_live:{0}")]
    NotLive(Mode),
    /// No fresh market data.
    #[error("marketdata_stale")]
    Stale,
    /// The execution state is another one than READY.
    #[error("agent_state_not_ready:{0}")]
    NotReady(State),
    /// Two people have not enabled it, or no longer.
    #[error("live_not_enabled")]
    NotEnabled,
}

impl Refusal {
    /// The status of the HTTP answer: 503 for what passes by itself, 409 for what somebody must change.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Stale => 503,
            Self::Killed | Self::NotLive(_) | Self::NotReady(_) | Self::NotEnabled => 409,
        }
    }
}

/// All reasons against routing an order to a broker, the weightiest first. None: it may go.
///
/// Staleness stands before the state, which it degrades: so the answer tells the cause.
pub fn refusals(routing: &Routing) -> ArrayVec<Refusal, 5> {
    [
        routing.killed.then_some(Refusal::Killed),
        (routing.mode != Mode::Live).then_some(Refusal::NotLive(routing.mode)),
        (!routing.fresh).then_some(Refusal::Stale),
        (routing.state != State::Ready).then_some(Refusal::NotReady(routing.state)),
        (!routing.enabled).then_some(Refusal::NotEnabled),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether an order may be routed to a broker: READY and LIVE and kill switch off and fresh data and enabled.
///
/// # Errors
/// The weightiest [`Refusal`].
pub fn broker_routing(routing: &Routing) -> Result<(), Refusal> {
    refusals(routing).first().map_or(Ok(()), |&refusal| Err(refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_in_force() {
        let check = |variable: Option<&str>, configured: Option<Mode>, expected: Result<Mode, &str>| {
            let found = Mode::resolve(variable, configured).map_err(|e| e.to_string());
            match expected {
                Ok(mode) => assert_eq!(found, Ok(mode), "{variable:?}"),
                Err(part) => assert!(found.as_ref().is_err_and(|e| e.contains(part)), "{variable:?}: {found:?}"),
            }
        };
        check(None, None, Ok(Mode::Observe));
        check(None, Some(Mode::Paper), Ok(Mode::Paper));
        for &mode in Mode::ALL {
            check(Some(mode.name()), Some(Mode::Paper), Ok(mode));
            check(Some(&mode.name().to_lowercase()), None, Ok(mode));
        }
        check(Some(" LIVE\n"), None, Ok(Mode::Live));
        check(Some(""), Some(Mode::Paper), Err("`` is no mode; known: OFF, OBSERVE, SHADOW, PAPER, LIVE"));
        check(Some("LIVE!"), None, Err("`LIVE!`"));
        check(Some("PAPER,LIVE"), None, Err("`PAPER,LIVE`"));
    }

    #[test]
    fn each_mode_lets_through_what_it_says() {
        let rows: Vec<_> = Mode::ALL
            .iter()
            .map(|mode| {
                let p = mode.permits();
                (mode.name(), [p.market_data, p.decisions, p.simulated_orders, p.broker_orders].map(u8::from))
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("OFF", [0, 0, 0, 0]),
                ("OBSERVE", [1, 0, 0, 0]),
                ("SHADOW", [1, 1, 0, 0]),
                ("PAPER", [1, 1, 1, 0]),
                ("LIVE", [1, 1, 0, 1]),
            ]
        );
    }

    /// All 5 × 5 × 2 × 2 × 2 combinations, against the contract's sentence and its reasons spelled out.
    #[test]
    fn of_all_combinations_one_is_routed() {
        let (mut combinations, mut routed) = (0, 0);
        for &state in State::ALL {
            for &mode in Mode::ALL {
                for bits in 0..8u8 {
                    let (killed, fresh, enabled) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
                    let routing = Routing { state, mode, killed, fresh, enabled };
                    let answer = broker_routing(&routing);
                    combinations += 1;
                    let expected = match (killed, mode.name(), fresh, state.name(), enabled) {
                        (false, "LIVE", true, "READY", true) => None,
                        (true, ..) => Some((409, "kill_switch_enabled".to_owned())),
                        (_, "OFF" | "OBSERVE" | "SHADOW" | "PAPER", ..) => {
                            Some((409, format!("agent_mode_not_live:{mode}")))
                        }
                        (_, _, false, ..) => Some((503, "marketdata_stale".to_owned())),
                        (_, _, _, "INIT" | "DEGRADED" | "HALTED" | "ERROR", _) => {
                            Some((409, format!("agent_state_not_ready:{state}")))
                        }
                        (.., false) => Some((409, "live_not_enabled".to_owned())),
                        other => panic!("not foreseen: {other:?}"),
                    };
                    let found = answer.err().map(|refusal| (refusal.http_status(), refusal.to_string()));
                    assert_eq!(found, expected, "{routing:?}");
                    let wrong = usize::from(killed)
                        + usize::from(mode != Mode::Live)
                        + usize::from(!fresh)
                        + usize::from(state != State::Ready)
                        + usize::from(!enabled);
                    assert_eq!(refusals(&routing).len(), wrong, "all reasons are told: {routing:?}");
                    routed += u32::from(answer.is_ok());
                }
            }
        }
        println!("{combinations} combinations, {routed} routed");
        assert_eq!((combinations, routed), (200, 1));
        assert_eq!(refusals(&Routing::default()).len(), 5, "the default says no to everything");
    }
}
