//! Edge: the host's seven agents as others see them, what their supervisor shows, and who set what an instrument may do.

use super::overseer::{Overseer, lock};
use crate::acp::roster::{COMPLIANCE, NAMES, SUPERVISOR};
use crate::control::plane::Host as _;
use crate::control::plane::view::{Agent, ExecutionState, InstrumentSetting, Replaced, WatchNow};
use crate::event::input::GateReason;
use crate::event::operator::{OperatorCommand, ScopeState};
use crate::types::ids::InstrumentId;
use crate::types::instrument::Instrument;
use crate::types::time::{Nanos, SECONDS};
use std::sync::atomic::Ordering;

/// So old the overseer's last look may be before it counts as hung, and the stages, which it looks after, as not known to turn.
const LOOK_AGE_MAX: Nanos = 5 * SECONDS;

/// Whether an agent is ready, and why.
type Ready = (bool, String);

impl Overseer {
    /// What the agents' supervisor shows; `None` = it is off.
    pub(super) fn agents_watch(&self) -> Option<WatchNow> {
        let shown = lock(&self.agents).clone();
        shown.map(|shown| lock(&shown).clone())
    }

    /// All seven, in the order of the data.
    pub(super) fn agents_now(&self) -> Vec<Agent> {
        let situation = self.situation();
        let heartbeat = self.heartbeat();
        let tick_age = heartbeat.age().map(|age| age as f64 / 1e9);
        let fresh = heartbeat.is_fresh();
        let standstill = lock(&self.watching).standstill();
        let look_age = {
            let now = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
            now.saturating_sub(self.looked.load(Ordering::Acquire))
        };
        let looks = look_age <= LOOK_AGE_MAX;
        let turns = looks && standstill.is_none();
        let agent = |name: &&str| {
            let (live, age, (ready, detail)) = match *name {
                SUPERVISOR => (looks, Some(look_age as f64 / 1e9), self.supervisor_ready()),
                COMPLIANCE => (true, None, self.compliance_ready(&situation.gate)),
                "execution" => {
                    let ready = situation.state == ExecutionState::Ready && situation.gate.is_empty();
                    (turns, tick_age, (ready, format!("state {}", situation.state.name())))
                }
                _ if fresh => (turns, tick_age, (true, "works on fresh market data".to_owned())),
                _ => (turns, tick_age, (false, "no fresh market data".to_owned())),
            };
            let (ready, detail) = match (live, standstill) {
                (true, _) => (ready, detail),
                (false, Some(seconds)) if *name != SUPERVISOR => {
                    (false, format!("nothing was recorded for {seconds} s, though messages came in"))
                }
                (false, _) => (false, format!("the overseer has not looked for {} s", look_age / SECONDS)),
            };
            Agent { name: (*name).to_owned(), live, ready, heartbeat_age_seconds: age, detail }
        };
        NAMES.iter().map(agent).collect()
    }

    /// It looks, which is asked elsewhere, and its stores answer.
    fn supervisor_ready(&self) -> Ready {
        let Some(watch) = self.agents_watch() else {
            return (true, "looks after this host; no store is configured, so no other agent is watched".to_owned());
        };
        if !watch.hears {
            let why = if watch.trouble.is_empty() { "the store was not reached yet" } else { &watch.trouble };
            return (false, format!("cannot hear other agents: {why}"));
        }
        (true, format!("watches {} agents, {} down", watch.watched, watch.down.len()))
    }

    /// The record is whole so far: each entry carries the hash of the one before, and none was refused, lost or late.
    fn compliance_ready(&self, gate: &[GateReason]) -> Ready {
        let (fault, journaled) = {
            let view = lock(&self.view);
            (view.journal_fault.clone(), view.journaled)
        };
        if let Some(fault) = fault {
            return (false, format!("the journal has a fault: {fault}"));
        }
        if gate.contains(&GateReason::JournalLag) {
            return (false, "the journal is behind".to_owned());
        }
        let bridges = lock(&self.bridges).clone();
        if let Some(bridge) = bridges.iter().find(|bridge| bridge.status.get().lost > 0) {
            return (false, format!("{}: events were not in the journal any more when their turn came", bridge.name));
        }
        if journaled == 0 {
            return (false, "nothing is journaled".to_owned());
        }
        (true, format!("the journal's chain reaches sequence {journaled}"))
    }

    /// Who set what single instruments may do: in this process, or before it.
    pub(super) fn settings_now(&self) -> Vec<InstrumentSetting> {
        let view = lock(&self.view);
        let setting = |instrument: &Instrument, command: &OperatorCommand, before: Option<&OperatorCommand>| {
            let state = |command: &OperatorCommand| command.state().unwrap_or(ScopeState::Halted);
            InstrumentSetting {
                instrument: instrument.name(),
                state: state(command),
                who: command.who().into_owned(),
                request: command.request,
                replaced: before.map(|b| Replaced { state: state(b), who: b.who().into_owned() }),
            }
        };
        let of = |(id, known): (&u32, &super::recorder::InstrumentView)| {
            let before = self.states_before.get(&InstrumentId(*id));
            match view.states.get(id) {
                Some((last, earlier)) => {
                    let earlier = earlier.as_ref().map(|record| &record.command).or(before);
                    Some(setting(&known.instrument, &last.command, earlier))
                }
                None => before.map(|command| setting(&known.instrument, command, None)),
            }
        };
        view.instruments.iter().filter_map(of).collect()
    }
}
