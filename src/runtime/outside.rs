//! Edge: what a live host has to do with agents outside: the watch over them all, and what they send. Begun and ended together.

use super::agents::{self, Agents};
use super::attended::Attended;
use super::intake::{self, Intake};
use std::sync::Arc;

/// What will be on, checked before the first thread of the host begins.
#[derive(Default)]
pub struct Prepared {
    /// The host's own agents, and the watch over all.
    pub agents: Option<agents::Prepared>,
    /// What comes in.
    pub intake: Option<intake::Prepared>,
}

/// Both at work. Dropping it ends them.
#[derive(Default)]
pub struct Outside {
    // In this order they end: nothing is taken any more, then the agents say their last words.
    intake: Option<Intake>,
    agents: Agents,
}

impl Outside {
    /// Starts what is to be on, beside the host that is attended.
    ///
    /// # Errors
    /// In words, the thread that cannot be started.
    pub fn start(prepared: Prepared, attended: Option<&Attended>) -> Result<Self, String> {
        let Some(attended) = attended else { return Ok(Self::default()) };
        let mut outside = Self::default();
        if let Some(prepared) = prepared.agents {
            outside.agents =
                Agents::start(prepared, attended.host()).map_err(|e| format!("cannot start the agents: {e}"))?;
            attended.show_agents(Arc::clone(outside.agents.now()));
        }
        if let Some(prepared) = prepared.intake {
            // What a silent agent moved becomes reduce-only, so it must be known who moved what.
            let exposure = Arc::clone(outside.agents.exposure());
            let (held, host) = (Arc::clone(&exposure), attended.host());
            let noted = Box::new(move |agent: &str, instrument: &str| exposure.note(agent, instrument));
            let lost = move || held.hold(&agents::since(host.now()));
            let intake =
                prepared.start(attended.host(), noted, lost).map_err(|e| format!("cannot start the intake: {e}"))?;
            attended.show_intake(intake.status());
            outside.intake = Some(intake);
        }
        Ok(outside)
    }
}
