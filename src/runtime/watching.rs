//! Edge: what a live host finds worth telling people, looked for twice a second.

use super::bridges::Seen as Bridge;
use super::outlet::OutletCounters;
use super::recorder::View;
use crate::bridge::status::Standing;
use crate::control::alerts::Cause;
use crate::control::plane::view::{IntakeNow, WatchNow};
use crate::control::runbook::Alert;
use crate::event::input::GateReason;
use crate::event::risk::marks;
use crate::types::time::{Nanos, SECONDS};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;

/// So many refused orders within [`REFUSED_WITHIN`] are more than usual.
const REFUSED_MANY: u64 = 30;
const REFUSED_WITHIN: Nanos = 60 * SECONDS;
/// So long without a recorded input, though messages came in: a thread stands still.
const STANDSTILL: Nanos = 5 * SECONDS;
/// So long a bridge may write nothing of what it lacks before people are told.
const BRIDGE_PATIENCE: Nanos = 2 * SECONDS;

/// So long agents outside may not be heard before people are told: a server that is started again is back by then.
const UNHEARD_PATIENCE: Nanos = 10 * SECONDS;

/// What a look has before it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The steady clock.
    pub steady: Nanos,
    /// What the recorder shows.
    pub view: &'a View,
    /// Market messages taken in so far.
    pub events: u64,
    /// Why the venue and the host are not known to agree.
    pub differs: Option<&'a str>,
    /// The bridges that are on.
    pub bridges: &'a [Bridge],
    /// What the agents' supervisor shows, if it is on.
    pub agents: Option<&'a WatchNow>,
    /// How the intake of what agents send stands, if it is on.
    pub intake: Option<&'a IntakeNow>,
    /// Orders that the venue never answered.
    pub unanswered: u64,
    /// Bits of the gate reasons that hold.
    pub gate: u32,
    /// Why market data is not fresh, if it is not and should be.
    pub stale: Option<&'a str>,
    /// Instruments and feeds whose data alone is not fresh.
    pub stale_instruments: &'a [String],
    /// What the halt's sources say that makes no sense, if so.
    pub halt_uncertain: Option<&'a str>,
    /// The gate is open for a broker that nobody enabled: must never be.
    pub live_unexpected: bool,
}

/// One that should hear and does not.
#[derive(Debug, Default)]
struct Deaf {
    /// When that was seen first, and last.
    since: Nanos,
    last: Nanos,
    /// Why.
    trouble: String,
}

/// What must be remembered from look to look.
#[derive(Debug, Default)]
pub struct Watching {
    /// Refused orders, but for those of a closed gate, at earlier looks.
    refused: VecDeque<(Nanos, u64)>,
    /// Sequence, messages and time when the sequence last moved.
    moved: Option<(u64, u64, Nanos)>,
    /// Faults of the way out that were told.
    faults: u64,
    /// For how many seconds nothing was recorded though messages came in, at the last look.
    standstill: Option<Nanos>,
    /// Who should hear agents outside, and lately did not.
    deaf: BTreeMap<&'static str, Deaf>,
    /// Events that a bridge had written, and since when it is so many, by name.
    bridges: BTreeMap<&'static str, (u64, Nanos)>,
}

impl Watching {
    /// All that holds now.
    pub fn look(&mut self, seen: &Seen<'_>) -> Vec<(Cause, String)> {
        let mut found: Vec<(Cause, String)> = Vec::new();
        let mut tell = |alert: Alert, detail: String| found.push((Cause::Alert(alert), detail));
        if seen.live_unexpected {
            tell(Alert::LiveUnexpected, "the gate is open, and nobody has enabled LIVE".to_owned());
        }
        if let Some(what) = seen.halt_uncertain {
            tell(Alert::KillSwitchUnknown, what.to_owned());
        }
        if let Some(what) = seen.stale {
            tell(Alert::MarketDataStale, what.to_owned());
        } else if !seen.stale_instruments.is_empty() {
            tell(Alert::MarketDataStale, format!("no fresh data of {}", seen.stale_instruments.join(", ")));
        }
        // One alert: what to read is the same.
        let mut down: Vec<String> = Vec::new();
        self.standstill = self.stands_still(seen);
        if let Some(for_seconds) = self.standstill {
            down.push(format!("no input was recorded for {for_seconds} s, though messages came in"));
        }
        let agents = seen.agents.map(|agents| agents.down.as_slice()).unwrap_or_default();
        down.extend(agents.iter().filter(|a| !a.orderly).map(|a| format!("{} is silent since {}", a.agent, a.since)));
        if !down.is_empty() {
            tell(Alert::AgentDown, down.join("; "));
        }
        let ended = [
            seen.agents.filter(|agents| agents.ended).map(|agents| agents.trouble.as_str()),
            seen.intake.filter(|intake| intake.ended).map(|intake| intake.trouble.as_str()),
        ];
        let ended: Vec<&str> = ended.into_iter().flatten().collect();
        if !ended.is_empty() {
            tell(Alert::OutsideDown, ended.join("; "));
        }
        if let Some(agents) = seen.agents.filter(|agents| !agents.budgets.is_empty()) {
            tell(Alert::Budget, format!("above 90 % of the limit: {}", agents.budgets.join("; ")));
        }
        for (mark, alert, what) in [
            (marks::STOPPED_BUY | marks::STOPPED_SELL, Alert::RepeatedExecution, "repeated executions were stopped"),
            (marks::DAY_STOPPED | marks::DRAWDOWN_STOPPED, Alert::LossLimit, "a loss limit was reached"),
            (marks::BREAKER_OPEN, Alert::BreakerOpen, "a circuit breaker is open"),
        ] {
            let names: Vec<String> = seen
                .view
                .instruments
                .values()
                .filter(|v| v.slot.risk.marks & mark != 0)
                .map(|v| v.instrument.name())
                .collect();
            if !names.is_empty() {
                tell(alert, format!("{what}: {}", names.join(", ")));
            }
        }
        if seen.unanswered > 0 {
            tell(Alert::OrderUnknown, format!("{} orders were never answered by the venue", seen.unanswered));
        }
        for bridge in seen.bridges {
            let standing = bridge.status.get();
            if let Some(what) = self.bridge_stands(bridge.name, &standing, bridge.status.control().is_paused(), seen) {
                tell(Alert::BridgeDown, format!("{}: {what}", bridge.name));
            }
            if standing.evicts {
                tell(Alert::QueueEviction, format!("{}: {}", bridge.name, standing.warnings.join("; ")));
            } else if standing.trimmed_pending > 0 {
                let trimmed = standing.trimmed_pending;
                tell(
                    Alert::QueueEviction,
                    format!("{}: {trimmed} entries were trimmed though a group waits for some", bridge.name),
                );
            }
            if standing.lost > 0 {
                let lost = standing.lost;
                tell(Alert::AuditBroken, format!("{}: {lost} events were not in the journal any more", bridge.name));
            }
        }
        let unheard = self.unheard(seen);
        if !unheard.is_empty() {
            tell(Alert::OutsideUnheard, unheard.join("; "));
        }
        if let Some(refused) = self.refused_lately(seen) {
            tell(Alert::OrdersRefused, format!("{refused} orders were refused within a minute"));
        }
        if let Some(what) = seen.differs {
            let differences = seen.view.differences.values().map(|text| format!("; {text}"));
            found.push((
                Cause::Gate(GateReason::Reconciliation),
                differences.fold(what.to_owned(), |all, one| all + &one),
            ));
        }
        // What is meant to be so is no alert.
        for &reason in GateReason::ALL {
            let meant = matches!(
                reason,
                // Stale data is told above, once it was waited for.
                GateReason::Mode
                    | GateReason::Shutdown
                    | GateReason::NotReady
                    | GateReason::MarketDataStale
                    // So are differences.
                    | GateReason::Reconciliation
            );
            if !meant && seen.gate >> reason.code() & 1 == 1 {
                found.push((Cause::Gate(reason), "the gate is closed".to_owned()));
            }
        }
        found
    }

    /// For how many seconds the stages stood still at the last look, if they did.
    pub const fn standstill(&self) -> Option<Nanos> {
        self.standstill
    }

    /// Why a bridge makes no way though it lacks events, if it has not for too long: whatever it is at.
    /// One that a person paused is no fault: `/health` tells it.
    fn bridge_stands(
        &mut self,
        name: &'static str,
        standing: &Standing,
        paused: bool,
        seen: &Seen<'_>,
    ) -> Option<String> {
        let lacks = standing.sequence.is_none_or(|sequence| sequence < seen.view.journaled);
        let known = self.bridges.entry(name).or_insert((standing.events, seen.steady));
        if !lacks || known.0 != standing.events || paused {
            *known = (standing.events, seen.steady);
            return None;
        }
        let stood = seen.steady.saturating_sub(known.1);
        let why = if standing.trouble.is_empty() { standing.state } else { &standing.trouble };
        (stood >= BRIDGE_PATIENCE).then(|| why.to_owned())
    }

    /// Who does not hear agents outside, for whatever reason, or cannot keep what is told them; and why.
    fn unheard(&mut self, seen: &Seen<'_>) -> Vec<String> {
        let agents = seen.agents.filter(|now| !now.ended).map(|now| ("agents", &now.trouble));
        let intake = seen.intake.filter(|now| !now.ended).map(|now| ("intake", &now.trouble));
        let mut found = Vec::new();
        for (name, trouble) in [agents, intake].into_iter().flatten() {
            // What comes back again and again within that time is no use of it: nothing is over before it has stayed away so long.
            if !trouble.is_empty() {
                let deaf = self.deaf.entry(name).or_insert_with(|| Deaf { since: seen.steady, ..Deaf::default() });
                deaf.last = seen.steady;
                deaf.trouble.clone_from(trouble);
            } else if self.deaf.get(name).is_some_and(|deaf| seen.steady.saturating_sub(deaf.last) >= UNHEARD_PATIENCE)
            {
                self.deaf.remove(name);
            }
            if let Some(deaf) = self.deaf.get(name)
                && deaf.last.saturating_sub(deaf.since) >= UNHEARD_PATIENCE
            {
                found.push(format!("{name}: {}", deaf.trouble));
            }
        }
        found.extend(
            seen.intake.filter(|now| !now.ended && !now.untold_why.is_empty()).map(|now| now.untold_why.clone()),
        );
        found
    }

    fn stands_still(&mut self, seen: &Seen<'_>) -> Option<Nanos> {
        let sequence = seen.view.sequence;
        let (last, events, since) = *self.moved.get_or_insert((sequence, seen.events, seen.steady));
        if last != sequence {
            self.moved = Some((sequence, seen.events, seen.steady));
            return None;
        }
        let stood = seen.steady.saturating_sub(since);
        (seen.events > events && stood >= STANDSTILL).then_some(stood / SECONDS)
    }

    fn refused_lately(&mut self, seen: &Seen<'_>) -> Option<u64> {
        let all: u64 =
            seen.view.refusals.iter().filter(|(code, _)| **code != crate::risk::code::gate).map(|r| r.1).sum();
        while self.refused.front().is_some_and(|(at, _)| seen.steady.saturating_sub(*at) > REFUSED_WITHIN) {
            self.refused.pop_front();
        }
        self.refused.push_back((seen.steady, all));
        let lately = all.saturating_sub(self.refused.front().map_or(all, |(_, count)| *count));
        (lately >= REFUSED_MANY).then_some(lately)
    }

    /// A fault of our own on the way out that was not told yet: an order that risk did not approve, or that could not be
    /// written. Neither left; both mean that something is wrong with this program or its configuration.
    pub fn fault(&mut self, outlet: &OutletCounters) -> Option<String> {
        let not_approved = outlet.not_approved.load(Ordering::Relaxed);
        let not_encodable = outlet.not_encodable.load(Ordering::Relaxed);
        let all = not_approved.saturating_add(not_encodable);
        if all <= self.faults {
            return None;
        }
        self.faults = all;
        Some(format!("{not_approved} commands without an approval, {not_encodable} that cannot be encoded"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(watching: &mut Watching, seen: &Seen<'_>) -> Vec<&'static str> {
        watching.look(seen).iter().map(|(cause, _)| cause.name()).collect()
    }

    fn quiet(view: &View) -> Seen<'_> {
        Seen {
            steady: 0,
            view,
            events: 0,
            differs: None,
            bridges: &[],
            agents: None,
            intake: None,
            unanswered: 0,
            gate: 0,
            stale: None,
            stale_instruments: &[],
            halt_uncertain: None,
            live_unexpected: false,
        }
    }

    #[test]
    fn nothing_is_told_of_a_quiet_host_and_each_cause_once() {
        let view = View::default();
        let mut watching = Watching::default();
        assert!(names(&mut watching, &quiet(&view)).is_empty());
        let all = Seen {
            gate: u32::MAX,
            differs: Some("fills"),
            unanswered: 2,
            stale: Some("no tick"),
            halt_uncertain: Some("file x: missing"),
            live_unexpected: true,
            ..quiet(&view)
        };
        let found = names(&mut watching, &all);
        assert_eq!(found[..3], ["live_unexpected", "kill_switch_unknown", "marketdata_stale"]);
        assert!(found.contains(&"order_unknown") && found.contains(&"reconciliation"), "{found:?}");
        assert!(found.contains(&"journal_fault") && !found.contains(&"mode_observe"), "{found:?}");
    }

    #[test]
    fn many_refusals_within_a_minute_are_told_and_those_of_a_closed_gate_are_not() {
        let mut view = View::default();
        let mut watching = Watching::default();
        let mut at = |steady: i64, of_gate: u64, others: u64| {
            view.refusals.insert(crate::risk::code::gate, of_gate);
            view.refusals.insert(crate::risk::code::max_qty, others);
            names(&mut watching, &Seen { steady: steady * SECONDS, ..quiet(&view) })
        };
        assert!(at(0, 0, 100).is_empty(), "what was before the first look is not lately");
        assert!(at(1, 1_000, 129).is_empty());
        assert_eq!(at(2, 1_000, 130), ["orders_refused"]);
        assert_eq!(at(60, 1_000, 130), ["orders_refused"]);
        assert!(at(70, 1_000, 131).is_empty());
    }

    #[test]
    fn a_recorder_that_stands_still_is_told() {
        let mut view = View::default();
        let mut watching = Watching::default();
        let mut at = |steady: i64, sequence: u64, events: u64| {
            view.sequence = sequence;
            names(&mut watching, &Seen { steady: steady * SECONDS, events, ..quiet(&view) })
        };
        assert!(at(0, 5, 5).is_empty());
        assert!(at(60, 5, 5).is_empty(), "nothing came in: market data is stale then, nobody stands still");
        assert_eq!(at(61, 5, 6), ["agent_down"]);
        assert!(at(62, 6, 7).is_empty());
        assert!(at(66, 6, 8).is_empty());
        assert_eq!(at(67, 6, 9), ["agent_down"]);
    }

    #[test]
    fn a_bridge_that_makes_no_way_is_told_unless_a_person_paused_it() {
        use crate::bridge::status::{State, Status};
        use crate::control::plane::{BridgeAction, BridgeOrder};
        let view = View { journaled: 10, ..View::default() };
        let bridges = [Bridge {
            name: "redis",
            status: std::sync::Arc::new(Status::default()),
            journal: std::path::PathBuf::new(),
        }];
        let status = &bridges[0].status;
        status.set(State::Waiting, "nobody listens there");
        let mut watching = Watching::default();
        let mut at =
            |steady: i64| names(&mut watching, &Seen { steady: steady * SECONDS, bridges: &bridges, ..quiet(&view) });
        let ask = |action| {
            let (who, reason) = ("ada".to_owned(), "drill".to_owned());
            let order = BridgeOrder { action, who, ticket: String::new(), reason, request: None };
            status.control().order(&order, &[], 5).unwrap()
        };
        assert!(at(0).is_empty());
        assert_eq!(at(3), ["bridge_down"]);
        assert!(ask(BridgeAction::Pause) && at(4).is_empty() && at(60).is_empty());
        assert!(ask(BridgeAction::Resume) && at(61).is_empty());
        assert_eq!(at(64), ["bridge_down"]);
    }

    #[test]
    fn silent_agents_and_budgets_are_told_and_orderly_ends_are_not() {
        use crate::control::plane::view::DownNow;
        let (view, mut watching) = (View::default(), Watching::default());
        let down = |agent: &str, orderly| DownNow { agent: agent.to_owned(), since: "then".to_owned(), orderly };
        let agents = WatchNow {
            down: vec![down("agent:002", false), down("old", true)],
            budgets: vec!["agent:002 openai 95/100".to_owned()],
            ..WatchNow::default()
        };
        let found = watching.look(&Seen { agents: Some(&agents), ..quiet(&view) });
        let texts: Vec<String> = found.iter().map(|(cause, text)| format!("{}: {text}", cause.name())).collect();
        assert_eq!(
            texts,
            ["agent_down: agent:002 is silent since then", "budget: above 90 % of the limit: agent:002 openai 95/100"]
        );
    }

    #[test]
    fn what_has_ended_by_its_own_fault_is_told() {
        let (view, mut watching) = (View::default(), Watching::default());
        let trouble = |name: &str| format!("{name}: it panicked");
        let agents = WatchNow { ended: true, trouble: trouble("agents"), ..WatchNow::default() };
        let intake = IntakeNow { ended: true, trouble: trouble("intake"), ..IntakeNow::default() };
        let found = watching.look(&Seen { agents: Some(&agents), intake: Some(&intake), ..quiet(&view) });
        let expected = (Cause::Alert(Alert::OutsideDown), "agents: it panicked; intake: it panicked".to_owned());
        assert_eq!(found, [expected]);
        // A store that cannot be reached is another thing, and waited for.
        let mut check = |steady: Nanos, trouble: &str, untold: &str, expected: Option<&str>| {
            let (trouble, untold_why) = (trouble.to_owned(), untold.to_owned());
            let intake = IntakeNow { untold_why, trouble, ..IntakeNow::default() };
            let found = watching.look(&Seen { intake: Some(&intake), steady, ..quiet(&view) });
            let expected = expected.map(|text| (Cause::Alert(Alert::OutsideUnheard), text.to_owned()));
            assert_eq!(found, Vec::from_iter(expected), "{steady}");
        };
        check(0, "no", "", None);
        check(UNHEARD_PATIENCE - 1, "no", "", None);
        check(UNHEARD_PATIENCE, "no", "", Some("intake: no"));
        // Over when it has stayed away so long.
        check(UNHEARD_PATIENCE, "", "", Some("intake: no"));
        check(2 * UNHEARD_PATIENCE - 1, "", "", Some("intake: no"));
        check(2 * UNHEARD_PATIENCE, "", "", None);
        check(2 * UNHEARD_PATIENCE, "no", "", None);
        // Sessions that begin well and end, again and again.
        check(2 * UNHEARD_PATIENCE + UNHEARD_PATIENCE / 2, "", "", None);
        check(3 * UNHEARD_PATIENCE, "not again", "", Some("intake: not again"));
        check(4 * UNHEARD_PATIENCE, "", "a key of another kind", Some("a key of another kind"));
    }

    #[test]
    fn a_fault_of_the_way_out_is_told_once() {
        let (outlet, mut watching) = (OutletCounters::default(), Watching::default());
        assert_eq!(watching.fault(&outlet), None);
        outlet.not_approved.store(1, Ordering::Relaxed);
        assert!(watching.fault(&outlet).unwrap().contains("1 commands without an approval"));
        assert_eq!(watching.fault(&outlet), None);
        outlet.not_encodable.store(1, Ordering::Relaxed);
        assert!(watching.fault(&outlet).is_some());
    }
}
