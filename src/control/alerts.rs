//! Edge: what people must be told: which alerts stand, since when, and what to read about each.
//!
//! An alert stands while its condition holds. It is told once when it is raised and once when it is over; whoever looks
//! later sees what stands.

use super::runbook::{self, Alert};
use crate::event::input::GateReason;
use crate::types::time::{Nanos, UnixNanos, age};
use serde::Serialize;
use utoipa::ToSchema;

/// What may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something that is watched.
    Alert(Alert),
    /// A reason that holds the gate closed.
    Gate(GateReason),
}

impl Cause {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert(alert) => alert.name(),
            Self::Gate(reason) => reason.name(),
        }
    }

    /// Name of its runbook.
    pub fn runbook(self) -> &'static str {
        let book = match self {
            Self::Alert(alert) => runbook::of_alert(alert),
            Self::Gate(reason) => runbook::of_gate(reason),
        };
        // The tests of the runbooks hold that each has one.
        book.map_or("index", |book| book.name)
    }
}

/// An alert that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What to read: `tickpath runbook NAME`.
    pub runbook: String,
    /// What was seen.
    pub detail: String,
    /// Since when.
    #[serde(serialize_with = "super::plane::view::as_iso")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: UnixNanos,
}

impl Standing {
    /// Whether somebody must act now: money, orders or the record may be wrong, or nothing may be sent at all.
    pub fn is_critical(&self) -> bool {
        use Alert as A;
        use GateReason as G;
        const ALERTS: [Alert; 11] = [
            A::MarketDataStale,
            A::LiveUnexpected,
            A::KillSwitchUnknown,
            A::FreshnessBypassed,
            A::AgentDown,
            A::OutsideDown,
            A::OutsideUnheard,
            A::LossLimit,
            A::OrderUnknown,
            A::VenueDown,
            A::AuditBroken,
        ];
        const GATE: [GateReason; 7] =
            [G::JournalLag, G::JournalFault, G::Kill, G::Halt, G::Clock, G::Reconciliation, G::Fault];
        ALERTS.iter().any(|alert| alert.name() == self.name) || GATE.iter().any(|reason| reason.name() == self.name)
    }
}

/// What became of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stands from now on.
    Raised(Standing),
    /// It is over.
    Over {
        /// What stood.
        standing: Standing,
        /// How long; `None` if the clock ran backward meanwhile.
        lasted: Option<Nanos>,
    },
}

/// All that stand.
#[derive(Debug, Default)]
pub struct Alerts {
    standing: Vec<Standing>,
}

impl Alerts {
    /// What stands, the oldest first.
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// Holds what stands against what is seen `now`: what is new, and what is over. Two causes with one runbook are one
    /// alert, the first: what to do is the same.
    pub fn update(&mut self, now: UnixNanos, seen: &[(Cause, String)]) -> Vec<Change> {
        let mut changes = Vec::new();
        self.standing.retain(|standing| {
            let holds = seen.iter().any(|(cause, _)| cause.runbook() == standing.runbook);
            if !holds {
                changes.push(Change::Over { standing: standing.clone(), lasted: age(now, standing.since) });
            }
            holds
        });
        for (cause, detail) in seen {
            if let Some(known) = self.standing.iter_mut().find(|known| known.runbook == cause.runbook()) {
                if known.name == cause.name() {
                    known.detail.clone_from(detail);
                }
                continue;
            }
            let standing = Standing {
                name: cause.name().to_owned(),
                runbook: cause.runbook().to_owned(),
                detail: detail.clone(),
                since: now,
            };
            changes.push(Change::Raised(standing.clone()));
            self.standing.push(standing);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(changes: &[Change]) -> Vec<String> {
        let name = |change: &Change| match change {
            Change::Raised(standing) => format!("+{}", standing.name),
            Change::Over { standing, lasted } => format!("-{} {lasted:?}", standing.name),
        };
        changes.iter().map(name).collect()
    }

    #[test]
    fn each_is_told_once_when_it_comes_and_once_when_it_goes() {
        let mut alerts = Alerts::default();
        let stale = (Cause::Alert(Alert::MarketDataStale), "no tick for 61 s".to_owned());
        let lag = (Cause::Gate(GateReason::JournalLag), "ring".to_owned());
        assert_eq!(names(&alerts.update(5, std::slice::from_ref(&stale))), ["+marketdata_stale"]);
        assert!(alerts.update(6, std::slice::from_ref(&stale)).is_empty());
        let later = (stale.0, "no tick for 62 s".to_owned());
        assert_eq!(names(&alerts.update(7, &[later, lag.clone()])), ["+journal_lag"]);
        assert_eq!((alerts.standing()[0].detail.as_str(), alerts.standing()[0].since), ("no tick for 62 s", 5));
        assert_eq!(names(&alerts.update(9, &[lag])), ["-marketdata_stale Some(4)"]);
        // The clock ran backward: it is over all the same, and nobody invents for how long it stood.
        assert_eq!(names(&alerts.update(1, &[])), ["-journal_lag None"]);
        assert!(alerts.standing().is_empty());
    }

    #[test]
    fn two_causes_with_one_runbook_are_one_alert() {
        let mut alerts = Alerts::default();
        let both = [Cause::Gate(GateReason::MarketDataStale), Cause::Alert(Alert::MarketDataStale)];
        let both = both.map(|cause| (cause, String::new()));
        assert_eq!(alerts.update(1, &both).len(), 1);
        assert_eq!(alerts.standing().len(), 1);
        assert_eq!(alerts.update(2, &both[1..]).len(), 0, "the other still holds it");
    }
}
